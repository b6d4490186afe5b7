"""Work of seconds in a page: done step by step between the page's messages, with progress, time left and Stop.
Source: our own.
Not for training: what takes minutes or needs a core of its own does not belong on the server's loop.
"""

import asyncio
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

#: How long the loop is kept, s, before other messages have their turn; one step should be shorter.
SLICE = 0.03
#: How often progress is told, s.
TELL = 0.15


@dataclass(frozen=True)
class Job:
    """What a page offers to compute, when asked.

    Parameters
    ----------
    label : str
        What the button says.
    key : hashable
        All that the result follows from: work for another key is given up.
    steps : callable
        Returns an iterator that computes between its items; each item is the share done, 0 to 1.
    done : bool
        Whether the result is there already.
    """

    label: str
    key: Hashable
    steps: Callable[[], Iterator[float]]
    done: bool


class Work:
    """One job in progress.

    Parameters
    ----------
    job : Job
    told : callable
        Called with the work every 150 ms or so, and once at its end.

    Attributes
    ----------
    running : bool
    share : float
        How much is done, 0 to 1.
    problem : str
        Why it ended early, "" if it did not.
    """

    def __init__(self, job: Job, told: Callable[["Work"], None]) -> None:
        self.job = job
        self.running = True
        self.share = 0.0
        self.problem = ""
        self._told = told
        self._began = time.monotonic()
        self._steps = job.steps()
        self._task: asyncio.Task[None] | None = None

    @property
    def left(self) -> float | None:
        """Seconds left at the present pace, or None before there is one."""
        spent = time.monotonic() - self._began
        return spent * (1 - self.share) / self.share if self.share > 0.02 else None

    def start(self) -> None:
        """Begin; without a loop to take turns on (a script, a test) it is done when this returns."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            while self._slice():
                pass
            self._end()
        else:
            self._task = loop.create_task(self._run())

    def stop(self) -> None:
        """End it here; what it has found so far stays with whoever it told."""
        if self.running:
            self._steps = iter(())
            self._end()

    def state(self) -> dict[str, Any]:
        """Return what the page shows of it."""
        return {"running": self.running, "share": self.share, "left": self.left}

    async def _run(self) -> None:
        told = self._began
        while self.running and self._slice():
            if time.monotonic() - told > TELL:
                told = time.monotonic()
                self._told(self)
            await asyncio.sleep(0.001)
        self._end()

    def _slice(self) -> bool:
        """Do as many steps as fit into a slice; return whether there are more."""
        until = time.monotonic() + SLICE
        try:
            while time.monotonic() < until:
                share = next(self._steps, None)
                if share is None:
                    return False
                self.share = share
        except ValueError as problem:
            self.problem = str(problem)
            return False
        return True

    def _end(self) -> None:
        if self.running:
            self.running = False
            self._told(self)
