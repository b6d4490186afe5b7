"""Runs of people, and checks of their headphones: which trial waits, and what was answered, from what the store keeps.

A target leaves the server when its trial was answered, and never before. A run's seed, from which all its targets
follow, leaves it when the run is finished.
"""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from amtlib.experiments import Run, Trial
from amtlib.experiments.headphones import INTERVALS, LENGTH, TRIALS, headphone_trial
from amtlib.experiments.settings import derived_seed, uniform
from app.listen.condition import FS, Condition, condition_of
from app.listen.report import Finding
from app.listen.sounds import Played, played, trial_sound
from app.listen.store import Refusal, Store, StoredAnswer, StoredRun

#: Trials of practice, at the value of the first trial.
PRACTICE = 3
#: Runs that a process keeps at hand; others are made anew from their answers.
_AT_HAND = 500
#: What a seed is taken for, beside what :mod:`amtlib.experiments.run` takes it for.
_PRACTICE = 9
#: What stands where the link of a run stands, for a check of headphones; level of its noises, dB SPL.
CHECK, _LEVEL = "headphones", 60.0


@dataclass
class Held:
    """A run at hand: as it is stored, its condition, and where it is."""

    stored: StoredRun
    condition: Condition
    run: Run
    answers: list[StoredAnswer]

    @cached_property
    def finding(self) -> Finding:
        """What the run comes to when it is finished; fitted once, however often a page asks."""
        return Finding.of(self.run)

    @property
    def number(self) -> int:
        """Number of the trial that waits."""
        return len(self.run.trials)

    def practice(self, number: int) -> Trial:
        """Return a trial of practice, -1 for the first one."""
        made, seed = self.condition.experiment, self.stored.seed
        target = int(uniform(seed, _PRACTICE, -number) * made.intervals)
        return made.trial(made.variable.start, target, derived_seed(seed, _PRACTICE, -number))


class Runs:
    """
    All runs of a server.

    Parameters
    ----------
    store : Store
        Keeps them.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._lock = threading.RLock()

    def begin(self, condition: Condition, room: str = "") -> dict[str, Any]:
        """Begin a run and return its state."""
        stored = self.store.begin(condition.link(), secrets.randbits(32), room)
        return self.state(stored.id)

    def held(self, id: str) -> Held:
        """Return a run, brought up to date with what was answered to other processes.

        Raises
        ------
        Unknown
            If it is not kept.
        """
        with self._lock:
            found = self._held.get(id)
            if found is None:
                stored = self.store.run(id)
                condition = condition_of(stored.link)
                found = Held(stored, condition, condition.run(stored.seed), [])
                found.run.observer = "a person"
            self._held[id] = found
            self._held.move_to_end(id)
            while len(self._held) > _AT_HAND:
                self._held.popitem(last=False)
            for each in self.store.answers(id, found.number):
                if each.number == found.number and not found.run.finished:
                    found.run.answer(each.answer, each.after)
                    found.answers.append(each)
            return found

    def state(self, id: str) -> dict[str, Any]:
        """Return where a run is, with nothing about the trial that waits but its number."""
        with self._lock:
            held = self.held(id)
            condition, run = held.condition, held.run
            left, unit = condition.steps_left(run)
            practised = sum(each.number < 0 for each in self.store.answers(id, -PRACTICE))
            shows_answers = condition.feedback or run.finished
            return {
                "run": id,
                "link": held.stored.link,
                "room": held.stored.room,
                "number": held.number,
                "left": left,
                "unit": unit,
                "finished": run.finished,
                "practised": practised,
                "heard": self.store.hearings(id).get(held.number, 0),
                "track": [[each.value, each.right, each.catch] for each in run.trials]
                if condition.live and shows_answers
                else [],
            }

    def sound(self, id: str, number: int) -> Played:
        """Return the sound of the trial that waits, or of practice.

        Raises
        ------
        Refusal
            If another trial is asked for.
        """
        with self._lock:
            held = self.held(id)
            is_practice = -PRACTICE <= number < 0
            trial = held.practice(number) if is_practice else held.run.trial
            if trial is None or not (is_practice or number == held.number):
                raise Refusal(f"Trial {number + 1} is not the one that waits: reload the page.")
            self.store.heard(id, number)
        return trial_sound(trial)

    def answer(self, id: str, number: int, interval: int, after: float) -> dict[str, Any]:
        """
        Take an answer, and return whether it was right as far as the page may know, and the state afterwards.

        The same answer may come again, when a connection was lost: the first one stays.

        Raises
        ------
        Refusal
            If there is no such trial or interval.
        """
        with self._lock:
            held = self.held(id)
            intervals = held.condition.experiment.intervals
            if not 0 <= interval < intervals:
                raise Refusal(f"There is no interval {interval + 1}: choose one from 1 to {intervals}.")
            if not -PRACTICE <= number <= held.number or (number == held.number and held.run.finished):
                raise Refusal(f"Trial {number + 1} is not the one that waits: reload the page.")
            if number not in self.store.hearings(id):
                raise Refusal("This trial was not heard yet: play it first.")
            self.store.answer(id, number, interval, after)
            held = self.held(id)
            if number < 0:
                given = next(each.answer for each in self.store.answers(id, number) if each.number == number)
                target = held.practice(number).target
            else:
                given, target = held.run.trials[number].answer, held.run.trials[number].target
            feedback = (
                {"right": given == target, "target": target} if number < 0 or held.condition.feedback else {}
            )
            return {"told": feedback, "state": self.state(id)}


class Checks:
    """
    All checks of headphones of a server: six trials whose pitch is lost over loudspeakers; passed where all are right.

    By guessing, one in 729 passes. In the study it is taken from, 80 % of those with headphones passed and 20 % of
    those without (Milne et al. 2021, abstract), so the page tells what it found and forbids nothing.

    Parameters
    ----------
    store : Store
        Keeps them, as it keeps runs.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self) -> dict[str, Any]:
        """Begin a check and return its state."""
        return self.state(self._store.begin(CHECK, secrets.randbits(32)).id)

    def state(self, id: str) -> dict[str, Any]:
        """Return where a check is; whether it was passed at its end alone."""
        answers = self._store.answers(id, 0)
        finished = len(answers) >= TRIALS
        state: dict[str, Any] = {"run": id, "number": len(answers), "of": TRIALS, "finished": finished}
        if finished:
            right = sum(each.answer == self._target(id, each.number) for each in answers)
            state |= {"right": right, "passed": right == TRIALS}
        return state

    def _target(self, id: str, number: int) -> int:
        return int(uniform(self._store.run(id).seed, number) * INTERVALS)

    def sound(self, id: str, number: int) -> Played:
        """Return the sound of the trial that waits.

        Raises
        ------
        Refusal
            If another one is asked for.
        """
        if number != len(self._store.answers(id, 0)) or number >= TRIALS:
            raise Refusal(f"Trial {number + 1} is not the one that waits: reload the page.")
        self._store.heard(id, number)
        seed = derived_seed(self._store.run(id).seed, number)
        sound, begins = headphone_trial(seed, self._target(id, number), _LEVEL, FS)
        return played(sound, begins, LENGTH)

    def answer(self, id: str, number: int, interval: int) -> dict[str, Any]:
        """Take an answer and return the state after it; one that comes again changes nothing.

        Raises
        ------
        Refusal
            If there is no such trial or interval.
        """
        waiting = len(self._store.answers(id, 0))
        if not 0 <= interval < INTERVALS or not 0 <= number <= min(waiting, TRIALS - 1):
            raise Refusal(f"There is no interval {interval + 1} in trial {number + 1}: reload the page.")
        self._store.answer(id, number, interval, 0.0)
        return self.state(id)
