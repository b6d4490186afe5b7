"""The handle of a job, and what a job's function gets to report by.
The names follow `concurrent.futures`.
Not here: what does the job (:mod:`amtlib.jobs.pool`, :mod:`amtlib.jobs.processes`, :mod:`amtlib.jobs.cluster`).
"""

import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar, cast

T = TypeVar("T")

State: TypeAlias = Literal["waiting", "running", "done", "failed", "cancelled", "over_budget"]

#: Items that a handle keeps for :meth:`Job.items`; beyond it the oldest go.
MAX_ITEMS = 1000
#: Least time between two messages of progress, s.
TELL = 0.05

_LOG = logging.getLogger("amtlib.jobs")
_NUMBERS = itertools.count(1)


class Cancelled(RuntimeError):
    """A job was stopped, by its owner or because its owner is gone; there is no result."""


class OverBudget(RuntimeError):
    """A job took longer than it may; there is no result."""


class WorkerDied(RuntimeError):
    """The process or machine that did a job is gone, and so is what it did."""


class QueueFull(RuntimeError):
    """An owner has as many jobs waiting as it may."""


class Context:
    """
    What a job's function gets as its first argument: how to report, and how to hear that it should stop.

    Parameters
    ----------
    stopped : threading.Event
        Set when the job should stop.
    tell : callable
        Takes ``("progress", share, message)`` and ``("item", item)`` to the handle.

    See Also
    --------
    Pool.submit : makes one for each job.

    Examples
    --------
    >>> heard = []
    >>> context = Context(threading.Event(), heard.append)
    >>> context.progress(0.5, "half of it")
    >>> context.send("a first result")
    >>> heard
    [('progress', 0.5, 'half of it'), ('item', 'a first result')]
    """

    def __init__(self, stopped: threading.Event, tell: Callable[[tuple[Any, ...]], object]) -> None:
        self._stopped = stopped
        self._tell = tell
        self._reported = -math.inf
        self._message = ""

    @property
    def cancelled(self) -> bool:
        """Whether the job should stop; whatever it returns from now on is not looked at."""
        return self._stopped.is_set()

    def check(self) -> None:
        """
        Return at once, or end the job here if it should stop.

        Raises
        ------
        Cancelled
            If it should stop; let it pass, after whatever has to be put in order.
        """
        if self._stopped.is_set():
            raise Cancelled("the job was stopped")

    def progress(self, share: float, message: str = "") -> None:
        """
        Report how far the job is; ends the job here if it should stop, as :meth:`check` does.

        May be called as often as one likes: the same message is passed on 20 times a second at most.

        Parameters
        ----------
        share : float
            Share done, 0 to 1.
        message : str
            What is being done, for people.

        Raises
        ------
        Cancelled
            If the job should stop.
        ValueError
            If `share` is not finite.
        """
        self.check()
        if not math.isfinite(share):
            raise ValueError(f"share = {share} is no share of the work: give a number from 0 to 1")
        now = time.monotonic()
        if now - self._reported >= TELL or message != self._message or share >= 1.0:
            self._reported, self._message = now, message
            self._tell(("progress", min(max(float(share), 0.0), 1.0), message))

    def send(self, item: Any) -> None:
        """
        Hand an intermediate result to the handle, where :meth:`Job.items` finds it.

        Parameters
        ----------
        item : object
            Something that can be pickled. Below a megabyte, a few times a second: on a cluster they go through the
            scheduler, which keeps those of the last second.

        Raises
        ------
        Cancelled
            If the job should stop.
        """
        self.check()
        self._tell(("item", item))


class JobQueue(Protocol):
    """The part of a pool that its handles use."""

    #: Guards all handles of the pool.
    lock: threading.RLock
    #: Time a job has to obey before its process is killed, s.
    grace: float
    #: How often a job is begun again after its worker died.
    retries: int

    def position(self, job: "Job[Any]") -> int:
        """Return the job's place among those that wait."""

    def withdraw(self, job: "Job[Any]") -> None:
        """Take the job out of the queue."""


class Job(Generic[T]):
    """
    The handle of one job, made by :meth:`Pool.submit`; may be used from any thread.

    Attributes
    ----------
    owner : hashable
        Whose it is.
    budget : float or None
        Seconds it may take once it has begun.
    number : int
        Counts the jobs of this process, from 1.
    state : {'waiting', 'running', 'done', 'failed', 'cancelled', 'over_budget'}
        The last four are ends.
    share : float
        How much is done, 0 to 1; never falls.
    message : str
        What is being done.
    attempts : int
        How often it was begun: more than 1 after the death of a worker.
    dropped : int
        Items lost because nobody took them: the handle keeps the last 1000.
    setback : str
        Why the last worker that was lost is gone; '' if none was.
    error : BaseException or None
        What it failed with; :class:`Cancelled` or :class:`OverBudget` if it was ended.

    Examples
    --------
    >>> from amtlib.jobs import Pool
    >>> def count(context, to):
    ...     for i in range(to):
    ...         context.progress(i / to)
    ...     return to
    >>> with Pool(workers=1) as pool:
    ...     job = pool.submit(count, 100, owner="me")
    ...     job.result(timeout=10), job.state, job.share
    (100, 'done', 1.0)
    """

    def __init__(self, queue: JobQueue, call: Any, owner: Hashable, budget: float | None) -> None:
        self.owner = owner
        self.budget = budget
        self.number = next(_NUMBERS)
        self.state: State = "waiting"
        self.share = 0.0
        self.message = ""
        self.attempts = 0
        self.dropped = 0
        self.setback = ""
        self.error: BaseException | None = None
        #: Set when it should stop; a thread's context looks at it directly.
        self.stopped = threading.Event()
        #: The function and its arguments, as the worker takes them; None once it has ended.
        self.call: Any = call
        self._queue = queue
        self._items: deque[Any] = deque()
        self._value: T | None = None
        self._ended = threading.Event()
        self._callbacks: list[Callable[[Job[T]], object]] = []
        self._began = self._end = 0.0
        self._timers: list[threading.Timer] = []
        self._stop: Callable[[], object] | None = None
        self._kill: Callable[[], object] | None = None

    def __repr__(self) -> str:
        return f"<Job {self.number} {self.state} {self.share:.0%}>"

    # ------------------------------------------------------------------ for whoever submitted it

    @property
    def ended(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._ended.is_set()

    @property
    def position(self) -> int:
        """Place in the queue, 1 if it is next; 0 once it has a worker, which may still be on its way, or has ended."""
        return self._queue.position(self)

    @property
    def seconds(self) -> float:
        """Seconds since it began, or that it took."""
        with self._queue.lock:
            if not self._began:
                return 0.0
            return (self._end if self.ended else time.monotonic()) - self._began

    @property
    def seconds_left(self) -> float | None:
        """Seconds left at the present pace; None before there is one."""
        if self.ended:
            return 0.0
        return self.seconds * (1.0 - self.share) / self.share if self.share > 0.02 else None

    def cancel(self) -> bool:
        """
        End it: the handle's state is 'cancelled' at once, and the function is asked to stop.

        A process that goes on for longer than the pool's grace is killed; a thread cannot be, and holds its
        worker until it looks at its context.

        Returns
        -------
        bool
            Whether it had not ended before.
        """
        return self._halt("cancelled", Cancelled("the job was cancelled"))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended, `timeout` seconds at most; return whether it has."""
        return self._ended.wait(timeout)

    def result(self, timeout: float | None = None) -> T:
        """
        Wait for what the function returns.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        object

        Raises
        ------
        TimeoutError
            If it has not ended by then.
        Cancelled, OverBudget, WorkerDied
            If it was ended, or lost.
        Exception
            What the function raised; from another process with a note that holds its traceback.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"job {self.number} has not ended within {timeout:g} s: it is {self.state}")
        if self.error is not None:
            raise self.error
        return cast(T, self._value)

    def items(self) -> list[Any]:
        """Take what the function has sent since the last call, in order."""
        with self._queue.lock:
            taken = list(self._items)
            self._items.clear()
        return taken

    def add_done_callback(self, call: Callable[["Job[T]"], object]) -> None:
        """
        Let a function be called with the handle when the job has ended, or now if it has.

        Parameters
        ----------
        call : callable
            Called in whatever thread ended the job, so it should be quick: set an event, or use
            ``loop.call_soon_threadsafe``. What it raises is logged.
        """
        with self._queue.lock:
            if not self._ended.is_set():
                self._callbacks.append(call)
                return
        self._call_back(call)

    # ------------------------------------------------------------------ for whoever does it

    @property
    def allowed(self) -> int:
        """How often it may be begun."""
        return self._queue.retries + 1

    def begin(self) -> None:
        """Note that a worker has begun it, for the first time or once more."""
        with self._queue.lock:
            if self.ended:
                return
            self.attempts += 1
            if self.state == "waiting":
                self.state, self._began = "running", time.monotonic()
                if self.budget is not None:
                    self._later(self.budget, self._spent)

    def hear(self, word: tuple[Any, ...]) -> None:
        """Take in what its context tells."""
        with self._queue.lock:
            if self.ended:
                return
            if word[0] == "progress":
                self.share, self.message = max(self.share, word[1]), word[2]
            else:
                if len(self._items) == MAX_ITEMS:
                    self._items.popleft()
                    self.dropped += 1
                self._items.append(word[1])

    def attach(self, stop: Callable[[], object], kill: Callable[[], object]) -> None:
        """Set how its worker is asked to stop, and how it is killed."""
        with self._queue.lock:
            self._stop, self._kill = stop, kill
            late = self.ended
        if late:
            self._later(self._queue.grace, self._force)
            stop()

    def detach(self) -> None:
        """Forget the worker: it does something else now."""
        with self._queue.lock:
            self._stop = self._kill = None

    def settle(self, state: State, value: T | None = None, error: BaseException | None = None) -> bool:
        """End it, unless it has ended; return whether this did."""
        with self._queue.lock:
            if self.ended:
                return False
            self.state, self._value, self.error = state, value, error
            if state == "done":
                self.share = 1.0
            self.call = None
            self._end = time.monotonic()
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
            callbacks, self._callbacks = self._callbacks, []
            self._ended.set()
        for call in callbacks:
            self._call_back(call)
        return True

    def _halt(self, state: State, error: BaseException) -> bool:
        self._queue.withdraw(self)
        if not self.settle(state, error=error):
            return False
        self.stopped.set()
        with self._queue.lock:
            stop = self._stop
        if stop is not None:
            self._later(self._queue.grace, self._force)
            stop()
        return True

    def _spent(self) -> None:
        self._halt("over_budget", OverBudget(f"the job took longer than its {self.budget:g} s and was ended"))

    def _force(self) -> None:
        # Under the lock, so that the worker cannot have turned to another job in between.
        with self._queue.lock:
            if self._kill is not None:
                self._kill()

    def _later(self, seconds: float, call: Callable[[], object]) -> None:
        timer = threading.Timer(seconds, call)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _call_back(self, call: Callable[["Job[T]"], object]) -> None:
        try:
            call(self)
        except Exception:
            _LOG.exception("a callback of job %d failed", self.number)
