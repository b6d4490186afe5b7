"""The work of a served page, off the event loop: each page's in its order, all pages' in turn, on a few threads.

PyTorch and NumPy release Python's lock while they compute, so the loop goes on answering everybody else.
Not what may run for minutes, such as a training: see `app.pool` and `app.work`.
"""

import asyncio
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

_LOG = logging.getLogger("amtlab")

#: Threads of a process. Each page occupies one at the most, so one that asks for the dearest picture holds up nobody
#: else; where more pages compute at once, they take turns.
THREADS = 32
#: How soon the loop gets Python's lock back from a thread that computes, s. With Python's own 5 ms a student's slider
#: waits two to three times as long beside somebody's dearest picture (measured: p95 180 ms, with this 71 ms).
SWITCH_S = 0.0005


class Superseded(Exception):
    """What is being computed is not wanted any more: a newer request waits, or the page has been left."""


@cache
def _threads() -> ThreadPoolExecutor:
    """Return the threads of this process; made when first asked for, since threads do not survive a fork."""
    sys.setswitchinterval(SWITCH_S)
    return ThreadPoolExecutor(THREADS, thread_name_prefix="page")


class Background:
    """The work of one page, done one piece after the other.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        Sends what the work has to say (`send`), and runs its coroutines (`spawn`).

    Attributes
    ----------
    busy : bool
        Whether something is being done or waits.

    Examples
    --------
    >>> async def both():
    ...     page, found = Background(asyncio.get_running_loop()), []
    ...     page.do(lambda: found.append("first"))
    ...     await page.turn(lambda: found.append("second"))
    ...     return found
    >>> asyncio.run(both())
    ['first', 'second']
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._running = False
        self._closed = False
        self._lock = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether something is being done or waits."""
        return self._running

    def do(self, work: Callable[[], Any]) -> "Future[Any]":
        """Do this when all that was asked before is done; may be called from any thread. A closed page does nothing."""
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                future.cancel()
                return future
            self._waiting.append((work, future))
            if not self._running:
                self._running = True
                _threads().submit(self._one)
        return future

    async def turn(self, work: Callable[[], Any]) -> Any:
        """Do this in its turn, and return what it returned.

        Raises
        ------
        asyncio.CancelledError
            If the page was closed before.
        """
        return await asyncio.wrap_future(self.do(work))

    def _one(self) -> None:
        with self._lock:
            work, future = self._waiting.popleft() if self._waiting else (None, None)
        result: Any = None
        problem: Exception | None = None
        wanted = future is not None and future.set_running_or_notify_cancel()
        if work is not None and wanted:
            try:
                result = work()
            except Superseded as given_up:
                problem = given_up
            except Exception as failure:
                _LOG.exception("The work of a page failed")
                problem = failure
        with self._lock:
            # Others come first: the next piece goes to the end of the queue of all pages.
            self._running = bool(self._waiting)
            if self._running:
                _threads().submit(self._one)
        # Last: whoever waited for this finds the page at rest.
        if future is not None and wanted:
            if problem is None:
                future.set_result(result)
            else:
                future.set_exception(problem)

    def send(self, deliver: Callable[[], None]) -> None:
        """Let the loop deliver a message; messages keep their order."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(deliver)

    def close(self) -> None:
        """Forget what waits: the page has been left."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
            self._waiting.clear()
        for _, future in waiting:
            future.cancel()


def loop_of(background: Background | None) -> asyncio.AbstractEventLoop | None:
    """Return the loop that a page's coroutines run on, or None in a script or a test without one."""
    if background is not None:
        return background.loop
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def in_turn(background: Background | None, work: Callable[[], Any]) -> Any:
    """Do this in the page's turn, where its work is done in the background, or here and now."""
    return work() if background is None else await background.turn(work)
