"""A thread that plays a training run: starts, pauses, goes on, does so many steps, ends.

What the steps change comes to it as an iterator, from the run itself (:class:`OwnSteps`) or from elsewhere
(:class:`amtlib.train.remote.RemoteSteps`). Not here: what a step does (:mod:`amtlib.train.run`).
"""

import atexit
import itertools
import threading
import time
import weakref
from collections.abc import Generator
from contextlib import closing
from typing import Any, Protocol, TypeAlias

from amtlib.train.record import Step, Update

#: Players with a thread, and how long the interpreter waits for their steps under way when it ends, s.
_STARTED: "weakref.WeakSet[Player]" = weakref.WeakSet()
_END_WITHIN = 10.0


#: What steps have changed, as it comes; None after a moment in which nothing came, or where the run itself knows it.
Updates: TypeAlias = Generator[Update | None, None, None]


class Playable(Protocol):
    """What a player, and whoever does the steps, needs of a run."""

    max_steps: int
    lr: float
    time_budget: float | None
    seconds: float
    reason: str
    stopping: bool

    @property
    def steps_run(self) -> int:
        """Number of steps done."""
        ...

    def step(self) -> Step | None:
        """Do one step in this thread."""
        ...

    def take(self, update: Update) -> None:
        """Take in what steps done elsewhere have changed."""
        ...

    def end_if_done(self) -> bool:
        """End the run if nothing more is to be done; return whether it has ended."""
        ...

    def fail(self, error: BaseException) -> None:
        """End the run by an error."""
        ...

    def stop(self) -> None:
        """End the run after the step under way."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that a run made in the same way needs to go on from here."""
        ...


class Steps(Protocol):
    """Where the steps of a run come from."""

    def follow(self, run: Playable, steps: int | None) -> Updates:
        """
        Do steps, at most so many, and yield what they have changed; None after a moment in which nothing came.

        The run is read, never changed, unless the steps are its own. Closing the generator ends the work.
        """
        ...


class OwnSteps:
    """Steps that a run does itself, in the player's thread."""

    def follow(self, run: Playable, steps: int | None) -> Updates:
        """Do steps, and yield after each."""
        for _ in itertools.count() if steps is None else range(steps):
            run.step()
            yield None


_OWN = OwnSteps()


class Player:
    """
    A thread for a run.

    Parameters
    ----------
    run : Playable
        Such as a :class:`TrainingRun`, which makes its own player and has these methods too.

    Attributes
    ----------
    playing : bool
        Whether there is a thread which has not ended.
    paused : bool
        Whether it waits, or is about to.

    Examples
    --------
    >>> from amtlib.train import TrainingRun, build_fdn
    >>> run = TrainingRun(build_fdn(delays=[61, 73, 83, 97], rt=None, nfft=2**10, rng=1), "colorless", max_steps=9)
    >>> run.player.start(2)
    >>> run.player.join(60), run.steps_run, run.player.paused
    (True, 2, True)
    >>> run.player.start()
    >>> run.player.join(60), run.reason
    (True, 'max_steps')
    """

    def __init__(self, run: Playable) -> None:
        self._run = run
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self.paused = self._idle = False
        self._steps: Steps = _OWN
        self._left: int | None = None
        #: How often a number of steps was asked for: those under way then are not among them.
        self._asked = 0

    @property
    def playing(self) -> bool:
        """Whether there is a thread which has not ended."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def here(self) -> bool:
        """Whether the calling thread is the player's."""
        return threading.current_thread() is self._thread

    def start(self, steps: int | None = None, *, by: Steps | None = None) -> None:
        """Let steps be done, so many before it waits; see :meth:`TrainingRun.start`."""
        with self._wake:
            # now, not when the thread wakes: whoever joins next must wait for it
            self.paused = self._idle = False
            self._left, self._steps = steps, by or _OWN
            self._asked += steps is not None
            if self.playing:
                self._wake.notify_all()
            elif not self._run.reason:
                self._thread = threading.Thread(target=self._play, name="training run", daemon=True)
                self._thread.start()
                _STARTED.add(self)

    def resume(self) -> None:
        """Go on after :meth:`pause`, with steps from where they came before."""
        self.start(by=self._steps)

    def pause(self) -> None:
        """Wait after the step under way; returns at once."""
        with self._wake:
            self.paused = True

    def wake(self) -> bool:
        """Let the thread, and whoever waits for it, look at the run again; return whether there is a thread."""
        with self._wake:
            self._idle = False
            self._wake.notify_all()
            return self.playing

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the thread has ended or waits, for so many seconds at most; return whether it has."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._wake:
            while self.playing and not self._idle and not self._run.reason:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0.0:
                    return False
                self._wake.wait(0.1 if left is None else min(left, 0.1))
        return True

    def leave(self) -> None:
        """Wait until the thread of a run that has ended is gone, so that it takes no later steps for its own."""
        if self._thread is not None and not self.here:
            self._thread.join()
        self.paused = False

    def _play(self) -> None:
        run = self._run
        try:
            while True:
                with self._wake:
                    while self.paused and not run.stopping:
                        self._idle = True
                        self._wake.notify_all()
                        self._wake.wait()
                    self._idle = False
                    steps, left, asked = self._steps, self._left, self._asked
                if run.end_if_done():
                    return
                before = run.steps_run
                with closing(steps.follow(run, left)) as updates:
                    for update in updates:
                        if update is not None:
                            run.take(update)
                        if run.end_if_done() or self._changed(steps, asked):
                            break
                with self._wake:
                    if self._left is not None and asked == self._asked:
                        self._left -= run.steps_run - before
                        if self._left <= 0:
                            self._left, self.paused = None, True
        except Exception as error:  # the thread's owner reads it; nothing may be lost
            run.fail(error)

    def _changed(self, steps: Steps, asked: int) -> bool:
        """Whether something else was asked for meanwhile."""
        with self._wake:
            return self.paused or steps is not self._steps or asked != self._asked


@atexit.register
def _stop_at_exit() -> None:
    """Stop what still trains: a thread inside torch when the interpreter ends would abort the process."""
    until = time.monotonic() + _END_WITHIN
    working = [(each, each._thread) for each in list(_STARTED) if each._thread is not None and not each._idle]
    for player, _ in working:
        player._run.stop()
    for _, thread in working:
        thread.join(max(0.0, until - time.monotonic()))
