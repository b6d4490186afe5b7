"""Work that a page asks for and does not wait for: done by a pool, with progress, place in the queue and Stop.

Training, which is followed step by step, is in app/labs/fdn/trainer.py.
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
from app.pool import SHORT_WORK, LabPool

_LOG = logging.getLogger("amtlab")

#: How often the page looks at it, s.
POLL_S = 0.02
#: How often progress and intermediate results are reported, s.
REPORT = 0.15


@dataclass(frozen=True)
class Job:
    """What a page offers to compute, when asked.

    Parameters
    ----------
    label : str
        What the button says.
    key : hashable
        All that the result depends on; work for another key is given up.
    steps : callable
        A function of a module; ``steps(*arguments)`` yields pairs: the share done, 0 to 1, and what has been found so
        far. The last pair holds the result.
    arguments : tuple
        For `steps`; they must be picklable, since a cluster may do the work.
    take : callable
        Called on the page's side with what has been found so far.
    done : bool
        Whether the result is there already.
    pool : LabPool, optional
        What does it; `SHORT_WORK` unless given.
    """

    label: str
    key: Hashable
    steps: Callable[..., Iterator[tuple[float, Any]]]
    arguments: tuple[Any, ...]
    take: Callable[[Any], None]
    done: bool
    pool: LabPool | None = None


def go_through(context: Context, steps: Callable[..., Iterator[tuple[float, Any]]], arguments: Any) -> Any:
    """Compute to the end; the function of a pool's job.

    Returns
    -------
    object
        What was found last; intermediate results are sent every `REPORT` s.
    """
    found, reported = None, time.monotonic()
    for share, found in steps(*arguments):
        context.progress(share)
        if time.monotonic() - reported >= REPORT:
            reported = time.monotonic()
            context.send(found)
    return found


class Work:
    """One job in progress.

    Parameters
    ----------
    job : Job
    owner : str
        The session, which takes turns with others.
    report : callable
        Called with the work every 150 ms or so, and once at its end.
    background : Background, optional
        Where `job.take` and `report` are called, for a page whose work is done there; else on the loop.

    Attributes
    ----------
    running : bool
    share : float
        How much is done, 0 to 1.
    problem : str
        Why it ended early, "" if it did not.
    """

    def __init__(
        self, job: Job, owner: str, report: Callable[["Work"], None], background: Background | None = None
    ) -> None:
        self.job = job
        self.running = True
        self.share = 0.0
        self.problem = ""
        self._owner = owner
        self._report = report
        self._background = background
        self._handle: PoolJob[Any] | None = None
        self._task: Future[None] | None = None

    def start(self) -> None:
        """Begin; without an event loop (a script, a test) it is done when this returns."""
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
        """End it here; what has been found and reported so far stays."""
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
            pool = await asyncio.to_thread((self.job.pool or SHORT_WORK).open)
            if not self.running:
                return
            handle = pool.submit(go_through, self.job.steps, self.job.arguments, owner=self._owner)
            self._handle = handle
            reported = time.monotonic()
            while self.running and not handle.ended:
                await asyncio.sleep(POLL_S)
                if time.monotonic() - reported > REPORT:
                    reported = time.monotonic()
                    self.share = handle.share
                    await in_turn(self._background, partial(self._take, handle.items(), self._report))
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

    def _take(self, found: list[Any], report: Callable[["Work"], None] | None = None) -> None:
        if found:  # the newest holds all before it
            self.job.take(found[-1])
        if report is not None and self.running:
            report(self)

    def _end(self) -> None:
        if self.running:
            self.running = False
            self._report(self)
