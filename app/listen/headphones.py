"""The check of the headphones: six trials whose pitch is lost over loudspeakers; passed where all six are right.

By guessing, one in 729 passes. In the study it is taken from, 80 % of those with headphones passed and 20 % of those
without (Milne et al. 2021, abstract), so the page tells what it found and forbids nothing.
"""

import secrets
from typing import Any

from amtlib.experiments.headphones import INTERVALS, LENGTH, TRIALS, headphone_trial
from amtlib.experiments.settings import derived_seed, uniform
from app.listen.condition import FS
from app.listen.sounds import Played, played
from app.listen.store import Refusal, Store

#: What stands where the link of a run stands.
LINK = "headphones"
#: Level of the noises, dB SPL.
_LEVEL = 60.0


class Checks:
    """
    All checks of headphones of a server.

    Parameters
    ----------
    store : Store
        Keeps them, as it keeps runs.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self) -> dict[str, Any]:
        """Begin a check and return its state."""
        return self.state(self._store.begin(LINK, secrets.randbits(32)).id)

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
