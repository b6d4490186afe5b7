"""Work that a page asks for and does not wait for: done by a pool, with progress, place in the queue and Stop.
Source: our own, over :mod:`amtlib.jobs`.
Not for training, which is watched step by step: see app/labs/fdn/view.py.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from amtlib.jobs import Cancelled, Context, OverBudget, QueueFull, WorkerDied
from amtlib.jobs import Job as PoolJob
from app.page.background import Background, in_turn, loop_of
from app.pool import SHORT_WORK

_LOG = logging.getLogger("amtlab")

#: How often the page looks at it, s.
LOOK = 0.02
#: How often progress is told, s; results on the way come back as often.
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
        Of a module; ``steps(*arguments)`` computes between its items: pairs of the share done, 0 to 1, and what has
        been found so far. The last pair holds the result.
    arguments : tuple
        For `steps`; they can be pickled, for a cluster may be where it is done.
    take : callable
        Called on the page's side with what has been found so far.
    done : bool
        Whether the result is there already.
    """

    label: str
    key: Hashable
    steps: Callable[..., Iterator[tuple[float, Any]]]
    arguments: tuple[Any, ...]
    take: Callable[[Any], None]
    done: bool


def go_through(context: Context, steps: Callable[..., Iterator[tuple[float, Any]]], arguments: Any) -> Any:
    """Compute to the end; the function of a pool's job.

    Returns
    -------
    object
        What was found at last; what is found on the way is sent every `TELL` s.
    """
    found, told = None, time.monotonic()
    for share, found in steps(*arguments):
        context.progress(share)
        if time.monotonic() - told >= TELL:
            told = time.monotonic()
            context.send(found)
    return found


class Work:
    """One job in progress.

    Parameters
    ----------
    job : Job
    owner : str
        The session, which takes turns with others.
    told : callable
        Called with the work every 150 ms or so, and once at its end.
    background : Background, optional
        Where `job.take` and `told` are called, for a page whose work is done there; else on the loop.

    Attributes
    ----------
    running : bool
    share : float
        How much is done, 0 to 1.
    problem : str
        Why it ended early, "" if it did not.
    """

    def __init__(
        self, job: Job, owner: str, told: Callable[["Work"], None], background: Background | None = None
    ) -> None:
        self.job = job
        self.running = True
        self.share = 0.0
        self.problem = ""
        self._owner = owner
        self._told = told
        self._background = background
        self._handle: PoolJob[Any] | None = None
        self._task: Future[None] | None = None

    def start(self) -> None:
        """Begin; without a loop to come back to (a script, a test) it is done when this returns."""
        loop = loop_of(self._background)
        if loop is not None:
            self._task = asyncio.run_coroutine_threadsafe(self._run(), loop)
            return
        try:
            for share, found in self.job.steps(*self.job.arguments):
                self.share = share
                self.job.take(found)
        except ValueError as problem:
            self.problem = str(problem)
        self._end()

    def stop(self) -> None:
        """End it here; what it has found so far stays with whoever it told."""
        if self.running:
            if self._handle is not None:
                self._handle.cancel()
            self._end()

    def state(self) -> dict[str, Any]:
        """Return what the page shows of it."""
        handle = self._handle
        before = 0 if handle is None else handle.position
        text = f"waiting, {before} before you" if before else ""
        left = None if handle is None else handle.seconds_left
        return {"running": self.running, "share": self.share, "left": left, "text": text}

    async def _run(self) -> None:
        try:
            pool = await asyncio.to_thread(SHORT_WORK.open)
            if not self.running:
                return
            handle = pool.submit(go_through, self.job.steps, self.job.arguments, owner=self._owner)
            self._handle = handle
            told = time.monotonic()
            while self.running and not handle.ended:
                await asyncio.sleep(LOOK)
                if time.monotonic() - told > TELL:
                    told = time.monotonic()
                    self.share = handle.share
                    await in_turn(self._background, partial(self._take, handle.items(), self._told))
            if self.running:
                result = handle.result()
                await in_turn(self._background, partial(self._take, [result]))
                self.share = 1.0
        except (ValueError, OverBudget, QueueFull, WorkerDied) as problem:
            self.problem = str(problem)
        except Cancelled:
            pass  # the session is being left
        except Exception:
            _LOG.exception("Work that a page asked for failed")
            self.problem = "That could not be computed; the server's log says why."
        with contextlib.suppress(asyncio.CancelledError):  # the page has been left
            await in_turn(self._background, self._end)

    def _take(self, found: list[Any], told: Callable[["Work"], None] | None = None) -> None:
        if found:  # each holds those before it
            self.job.take(found[-1])
        if told is not None and self.running:
            told(self)

    def _end(self) -> None:
        if self.running:
            self.running = False
            self._told(self)
