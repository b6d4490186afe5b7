"""The training of one page of the FDN lab: its buttons, its place in the queue, and looking at it while it runs."""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from amtlib.jobs import Pool
from amtlib.train import RemoteSteps, TrainingPlan, TrainingRun
from amtlib.train.player import Playable, Updates
from app.labs.fdn import words
from app.labs.fdn.model import FdnModel
from app.page.background import Background, in_turn, loop_of
from app.page.problems import sentence
from app.page.protocol import Work
from app.pool import LONG, TRAININGS

_LOG = logging.getLogger("amtlab")

#: How often the page looks at a run, s.
POLL_S = 0.16
#: Ends that a person or the clock has made: the rest of the steps is still to be done.
_BROKEN_OFF = ("stopped", "time_budget")
#: No buttons, nothing that goes on.
IDLE: Work = {"buttons": [], "running": False, "share": 0.0, "left": None, "text": ""}
#: How long a run is watched at least, s, unless it has few steps; how many steps a second are shown at least.
_LASTS, _FEWEST = 10.0, 25.0


def steps_per_second(max_steps: int) -> float:
    """Return how many steps of a run of so many are shown in a second.

    Examples
    --------
    >>> steps_per_second(500), steps_per_second(20)
    (50.0, 25.0)
    """
    return max(max_steps / _LASTS, _FEWEST)


@dataclass(frozen=True)
class Paced:
    """The steps of a pool, taken in at most so many a second.

    What is not shown yet waits here; the worker is free for others meanwhile.

    Parameters
    ----------
    steps : RemoteSteps
    per_second : float
        How many are shown.
    """

    steps: RemoteSteps
    per_second: float

    @property
    def position(self) -> int:
        """Place in the pool's queue, see `RemoteSteps.position`."""
        return self.steps.position

    def follow(self, run: Playable, steps: int | None) -> Updates:
        """Yield what the steps have changed, and wait after each of so many as long as they should last.

        Where the learning rate or the number of steps is changed, what was done with the old one is not shown any more.
        """
        end = None if steps is None else run.steps_run + steps
        due = time.monotonic()
        while end is None or run.steps_run < end:
            asked = run.lr, run.max_steps
            with closing(self.steps.follow(run, None if end is None else end - run.steps_run)) as updates:
                for update in updates:
                    if update is not None:
                        new = max(update.steps - run.steps_run, 0)
                        due = max(due, time.monotonic()) + new / self.per_second
                    yield update
                    while (left := due - time.monotonic()) > 0 and not run.stopping:
                        time.sleep(min(left, 0.02))
                        yield None
                    if update is not None and (run.lr, run.max_steps) != asked:
                        break
                else:
                    if end is not None:
                        return


class Trainer:
    """Starts, pauses and stops a lab's run, and shows its progress.

    Parameters
    ----------
    lab : FdnModel
    background : Background, optional
        Of a served page; without one, and without a running loop, steps are done where they are asked for.
    show : callable
        Draws the page anew, with these notes.
    notes : callable
        Returns the notes that stand on the page.
    owner : str
        The session, which takes turns with others.

    Attributes
    ----------
    preparation : Future or None
        The preparation of the present run.
    steps : tuple or None
        The plan of the present run, and what does its steps.
    """

    def __init__(
        self,
        lab: FdnModel,
        background: Background | None,
        show: Callable[[list[str]], None],
        notes: Callable[[], list[str]],
        owner: str,
    ) -> None:
        self._lab, self._background = lab, background
        self._show, self._notes, self._owner = show, notes, owner
        self.preparation: Future[None] | None = None
        self.steps: tuple[TrainingPlan, RemoteSteps | Paced] | None = None
        self._paced_at: float | None = None
        self._preparing = self._stopping = self._closed = False
        self._following: Future[None] | None = None
        self._pool: Pool | None = None

    @property
    def _loop(self) -> asyncio.AbstractEventLoop | None:
        return loop_of(self._background)

    def content(self) -> Work:
        """Return the buttons that the run has now, and how far it is."""
        if self._preparing:  # still a button: who pressed Train by key keeps the focus
            return {**IDLE, "buttons": [["wait", "Getting ready …"]], "running": True}
        run = self._lab.run
        if run is None:
            return {**IDLE, "buttons": [["play", "Train"], ["step", "One step"]]}
        if run.state == "running" and (before := self._before()):
            text = f"waiting, {before} before you"
            share = run.progress
            return {**IDLE, "buttons": [["stop", "Stop"]], "running": True, "share": share, "text": text}
        buttons = self._buttons(run)
        if not run.steps_run:
            text = "a worker gets ready" if self._lab.busy and self._pool is not None else ""
            return {**IDLE, "buttons": buttons, "running": self._lab.busy, "text": text}
        text = f"step {run.steps_run} of {run.max_steps}"
        running = run.state == "running"
        left = run.seconds_left if running else None
        if left is not None and self.pace:
            left = max(left, (run.max_steps - run.steps_run) / self.pace)
        return {"buttons": buttons, "running": running, "share": run.progress, "left": left, "text": text}

    def _buttons(self, run: TrainingRun) -> list[list[str]]:
        if run.state == "finished":
            label = "Continue" if run.reason in _BROKEN_OFF else f"{self._lab.more()} more steps"
            more = [] if run.reason == "failed" else [["play", label]]
            return [*more, ["again", "Start again"]]
        if self._stopping:
            return [["wait", "Stopping …"]]
        if run.state == "running":
            return [["pause", "Pause"], ["stop", "Stop"]]
        if self._lab.busy:
            return [["wait", "Pausing …"], ["stop", "Stop"]]
        first = [["play", "Continue"] if run.steps_run else ["play", "Train"], ["step", "One step"]]
        return [*first, ["stop", "Stop"], ["again", "Start again"]]

    def act(self, action: str) -> None:
        """Do what a button of the transport says."""
        run = self._lab.run
        if action in {"play", "step"} and run is None:
            self._prepare(action)
            return
        if action == "forget":
            self._lab.forget()
        elif run is not None:
            self._steer(run, action)
        self._show([])

    def _steer(self, run: TrainingRun, action: str) -> None:
        if action == "play":
            if run.state == "finished" and run.reason != "failed":
                run.extend(self._lab.more())
                if self._lab.record is not None:
                    self._lab.record.settings["t.rate"] = run.lr
                run.time_budget = run.seconds + LONG
            self._stopping = False
            run.start(by=self._stepper())
        elif action == "step" and run.state not in ("running", "finished"):  # a click faster than the page
            if self._loop is not None:
                run.start(1, by=self._stepper())
            else:  # a script, a test: it is done when this returns
                run.step()
        elif action == "pause":
            run.pause()
        elif action == "stop" and self._before() and not run.steps_run:
            run.pause()  # there is nothing to keep
        elif action == "stop":
            self._stopping = True
            run.stop()
        elif action == "again":
            self._lab.discard()
        self._watch()

    @property
    def pace(self) -> float | None:
        """Steps that are shown in a second at most; None where all are, as they come."""
        run, training = self._lab.run, self._lab.training
        if run is None or self._pool is None or not training.watched:
            return None
        return steps_per_second(run.max_steps)

    def _stepper(self) -> RemoteSteps | Paced | None:
        """Return what does the steps: the pool, in turn with others; None in a script or a test, where the run does."""
        plan, pool = self._lab.plan, self._pool
        if plan is None or pool is None:
            return None
        if self.steps is None or self.steps[0] is not plan or self.pace != self._paced_at:
            self._paced_at = pace = self.pace
            every = None if pace is None else max(round(pace * POLL_S), 1)
            steps = RemoteSteps(plan, pool, self._owner, every=every)
            self.steps = (plan, steps if pace is None else Paced(steps, pace))
        return self.steps[1]

    def _before(self) -> int:
        """Return how many runs have their turn before this one: those at work, and those ahead in the queue."""
        if self._pool is None or self.steps is None or self.steps[0] is not self._lab.plan:
            return 0
        place, mine = self.steps[1].position, self._pool.running_for(self._owner)
        if place == 0 or (place == 1 and mine):  # at work, or still ending a step that was given up
            return 0
        return place - 1 + self._pool.running - mine

    def _prepare(self, action: str) -> None:
        """Make a run, which takes a moment the first time, then do what was asked."""
        self._stopping = False
        loop = self._loop
        if loop is None:
            self._show(self._prepared(self._lab.prepare, action))
        elif not self._preparing:
            self._preparing = True
            self._show([])
            self.preparation = asyncio.run_coroutine_threadsafe(
                self._prepare_aside(action, self._lab.run_key()), loop
            )

    async def _prepare_aside(self, action: str, asked: Hashable) -> None:
        found: list[str] | Exception
        try:
            self._pool = await asyncio.to_thread(TRAININGS.open)
            found = await asyncio.to_thread(self._lab.prepare, asked)
        except (ValueError, FloatingPointError) as problem:
            found = problem
        except Exception:
            _LOG.exception("A training could not be made ready")
            found = ValueError("The training could not be made ready; the server's log says why.")
        self._preparing = False
        if self._closed:  # the page was left meanwhile: nobody is there to stop it
            self._lab.discard()
            return

        def known() -> list[str]:
            if isinstance(found, Exception):
                raise found
            return found

        await in_turn(self._background, lambda: self._show(self._prepared(known, action)))

    def _prepared(self, prepare: Callable[[], list[str]], action: str) -> list[str]:
        """Return the notes of a run that has just been made, and let it do what was asked."""
        try:
            notes = prepare()
            if self._lab.run is not None:
                self._lab.run.time_budget = LONG
                self._steer(self._lab.run, action)
        except (ValueError, FloatingPointError) as problem:
            return [sentence(problem)]
        return notes

    def _watch(self) -> None:
        """Follow the run until it rests; without a loop (a script, a test) the caller refreshes the page."""
        loop = self._loop
        if loop is not None and (self._following is None or self._following.done()):
            self._following = asyncio.run_coroutine_threadsafe(self._look(), loop)

    async def _look(self) -> None:
        at_rest = 0
        while at_rest < 2:  # the step under way when a button was pressed may end it a moment later
            await asyncio.sleep(POLL_S)
            run = self._lab.run
            if run is None:
                return
            at_rest = 0 if self._lab.busy else at_rest + 1
            await in_turn(self._background, partial(self._show_run, run))

    def _show_run(self, run: TrainingRun) -> None:
        self._show(self.with_notices(run))

    def with_notices(self, run: TrainingRun) -> list[str]:
        """Return the notes on the page, and what the run has warned of since."""
        found = [words.warning(each) for each in run.warned]
        if run.setback:
            found.append(sentence(ValueError(run.setback)))
        if self._pool is not None and self._pool.problem:  # of a cluster
            found.append(sentence(ValueError(self._pool.problem)))
        return [*self._notes(), *(text for text in found if text not in self._notes())]

    def close(self) -> None:
        """End the training: the page has been left."""
        self._closed = True
        if self._following is not None:
            self._following.cancel()
        self._lab.discard()
        TRAININGS.leave(self._owner)
