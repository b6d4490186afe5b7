"""The work of a served page, off the event loop: each page's in its order, all pages' in turn, on a few threads.

PyTorch and NumPy release Python's lock while they compute, so the loop goes on answering everybody else.
Not what may run for minutes, such as a training: see `app.pool` and `app.work`.
"""

import asyncio
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

from amtlib.jobs import FairQueue

_LOG = logging.getLogger("amtlab")

#: Threads of a process. Each page occupies one at the most, most of the time none, so that a page that asks for the
#: dearest picture holds up nobody else; where more pages compute at once, they take turns.
THREADS = 200
#: How soon the loop gets Python's lock back from a thread that computes, s. With Python's own 5 ms a student's slider
#: waits two to three times as long beside somebody's dearest picture (measured: p95 180 ms, with this 71 ms).
SWITCH_S = 0.0005
#: What took a page longer than this, s, is followed by as long a rest of that page while other pages work.
RESTS_FROM_S, LONGEST_REST_S = 0.03, 1.0
#: Other pages work if one of them did something so short a time ago, s.
RECENT_S = 5.0
#: What a message costs the loop that writes it, s a byte: counts as the page's own work.
WRITING_S = 5e-8
_LAST_WORK: dict[int, float] = {}
_CURRENT = threading.local()


class Superseded(Exception):
    """What is being computed is not wanted any more: a newer request waits, or the page has been left."""


@cache
def _threads() -> ThreadPoolExecutor:
    """Return the threads of this process; made when first asked for, since threads do not survive a fork."""
    sys.setswitchinterval(SWITCH_S)
    return ThreadPoolExecutor(THREADS, thread_name_prefix="page")


def leave_out(seconds: float) -> None:
    """Leave time that this thread has waited for another process out of what its page has taken."""
    _CURRENT.left_out = getattr(_CURRENT, "left_out", 0.0) + seconds


class LargeTurns:
    """One large computation at a time in a process, for each takes 100 MB or more; clients take turns.

    Examples
    --------
    >>> turns = LargeTurns()
    >>> with turns, turns:  # one who has the turn keeps it
    ...     turns.waiting
    0
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: The thread that has the turn, 0 for none, and how often it has taken it.
        self._holder, self._depth = 0, 0
        self._waiting: FairQueue[threading.Event] = FairQueue()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def __enter__(self) -> None:
        me, mine = threading.get_ident(), threading.Event()
        with self._lock:
            if self._holder == me:
                self._depth += 1
                return
            self._waiting.push(getattr(_CURRENT, "owner", ""), mine)
            if not self._holder:
                self._hand_on()
        mine.wait()
        self._holder, self._depth = me, 1

    def _hand_on(self) -> None:
        following = self._waiting.pop()
        self._holder = 0 if following is None else -1  # nobody who comes now takes it
        if following is not None:
            following.set()

    def __exit__(self, *_failure: object) -> None:
        with self._lock:
            self._depth -= 1
            if not self._depth:
                self._hand_on()


#: The turns of this process.
LARGE = LargeTurns()


class Background:
    """The work of one page, done one piece after the other.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        Sends what the work has to say (`send`).
    owner : str
        The client whose page it is: large computations of different clients take turns (`LARGE`).

    Attributes
    ----------
    busy : bool
        Whether something is being done or waits.

    Examples
    --------
    >>> page = Background(asyncio.new_event_loop())
    >>> page.do(lambda: 6 * 7).result()
    42
    >>> page.close()
    >>> page.loop.close()
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: str = "") -> None:
        self.loop = loop
        self.owner = owner
        self._rests_until = self._cost = 0.0
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
                self._go_on()
        return future

    def _go_on(self) -> None:
        """Let a thread do the next piece, after the page's rest."""
        rest = self._rests_until - time.monotonic()
        if rest > 0:
            self.loop.call_soon_threadsafe(lambda: self.loop.call_later(rest, self._submit))
        else:
            self._submit()

    def _submit(self) -> None:
        _threads().submit(self._one)

    def _rest_after(self, took: float) -> None:
        now = time.monotonic()
        if self._closed:  # it is no page any more that others would make room for
            return
        _LAST_WORK[id(self)] = now
        took, self._cost = took + self._cost, 0.0
        others = any(now - last < RECENT_S for page, last in list(_LAST_WORK.items()) if page != id(self))
        if others and took > RESTS_FROM_S:
            self._rests_until = now + min(took, LONGEST_REST_S)

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
            if not self._waiting:  # closed meanwhile
                self._running = False
                return
            work, future = self._waiting.popleft()
        result: Any = None
        problem: Exception | None = None
        wanted = future.set_running_or_notify_cancel()
        began, _CURRENT.owner, _CURRENT.left_out = time.monotonic(), self.owner, 0.0
        if wanted:
            try:
                result = work()
            except Superseded as given_up:
                problem = given_up
            except Exception as failure:
                _LOG.exception("The work of a page failed")
                problem = failure
        self._rest_after(time.monotonic() - began - _CURRENT.left_out)
        with self._lock:
            # Others come first: the next piece goes to the end of the queue of all pages.
            self._running = bool(self._waiting)
            if self._running:
                self._go_on()
        # Last: whoever waited for this finds the page at rest.
        if wanted and problem is None:
            future.set_result(result)
        elif wanted:
            future.set_exception(problem)

    def send(self, deliver: Callable[[], None], size: int = 0) -> None:
        """Let the loop deliver a message of so many bytes; messages keep their order."""
        self._cost += size * WRITING_S
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(deliver)

    async def aside(self, work: Callable[[], Any], is_wanted: Callable[[], bool]) -> Any:
        """Do long work beside the page's turn, as one of the large computations of the process.

        Raises
        ------
        Superseded
            If it is not wanted any more when its turn comes.
        """

        def in_its_turn() -> Any:
            _CURRENT.owner = self.owner
            with LARGE:
                if not is_wanted():
                    raise Superseded
                return work()

        return await asyncio.wrap_future(_threads().submit(in_its_turn))

    def close(self) -> None:
        """Forget what waits: the page has been left."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
            self._waiting.clear()
        _LAST_WORK.pop(id(self), None)
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
