"""A bounded pool of workers behind a fair queue: threads, spawned processes or a cluster, with the same handles.
Not here: the workers themselves (:mod:`amtlib.jobs.processes`, :mod:`amtlib.jobs.cluster`).
"""

import atexit
import os
import pickle
import threading
import time
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from types import TracebackType
from typing import Any, Literal, TypeVar

import torch

from amtlib.jobs.cluster import ClusterExecutor, ClusterUnreachable, check_address
from amtlib.jobs.executor import Executor, ExecutorLost
from amtlib.jobs.fairness import FairQueue
from amtlib.jobs.job import Context, Job, QueueFull, WorkerDied
from amtlib.jobs.processes import ProcessExecutor

T = TypeVar("T")

#: The variable that names a cluster's scheduler.
SCHEDULER_VARIABLE = "AMTLAB_SCHEDULER"
#: Pools that nobody has closed yet.
_OPEN: "weakref.WeakSet[Pool]" = weakref.WeakSet()


class ThreadExecutor:
    """
    Threads of this process: quick to begin, and for work that may share memory; they cannot be killed.

    Examples
    --------
    >>> ThreadExecutor(2)
    2 threads here
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._seats = threading.BoundedSemaphore(workers)

    def __repr__(self) -> str:
        return f"{self.workers} thread{'s'[: self.workers > 1]} here"

    def capacity(self) -> int:
        """Return how many jobs run at a time."""
        return self.workers

    def prepare(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Return the call as :meth:`run` takes it: as it is."""
        return function, arguments

    def run(self, job: Job[Any]) -> Any:
        """Do a job in this thread."""
        with self._seats:
            call = job.call
            if call is None:  # it was ended in the meantime
                return None
            function, arguments = pickle.loads(call) if isinstance(call, bytes) else call
            # Only now do matrix products and FFTs of this new thread heed torch.set_num_threads: with another number
            # of threads they come to other last bits.
            torch.get_num_threads()
            job.begin()
            return function(Context(job.stopped, job.hear), *arguments)

    def notes(self) -> list[str]:
        """Return nothing: there is nothing to know."""
        return []

    def warm(self) -> None:
        """Do nothing: threads are ready."""

    def close(self) -> None:
        """Do nothing: nothing is held."""


class Pool:
    """
    Workers for work of seconds and more, shared fairly.

    Parameters
    ----------
    workers : int, optional
        Jobs that run at a time, 1 to 1024. Default: one for each core; on a cluster, one for each of its threads.
    kind : {'process', 'thread'}
        'process': spawned processes with one torch thread each. They do not slow this process down and can be killed;
        each takes some 3 s to begin and 250 MB, and is kept; one that gives no sign of life for 20 s, as when it was
        suspended, is killed and replaced. Functions, arguments and results are pickled.
        'thread': threads of this process, for notebooks, tests and whatever cannot be pickled.
    per_owner : int, optional
        Jobs of one owner that run at a time. Default: as many as there are workers.
    waiting : int, optional
        Jobs of one owner that wait at a time. Default: any number.
    budget : float, optional
        Seconds that a job may take unless :meth:`submit` says otherwise. Default: as long as it likes.
    retries : int
        How often a job is begun again after its worker died, before that is reported.
    grace : float
        Seconds between asking a process to stop and killing it.
    preload : sequence of str
        Modules that processes import before their first job.
    here : int, optional
        Jobs that run at a time on this machine where `workers` is not given. Default: one for each core.
    executor : Executor, optional
        Where to work instead, for :func:`open_pool`.

    Attributes
    ----------
    problem : str
        Why work that was meant for a cluster is done here; '' if all is as asked.

    Raises
    ------
    ValueError
        If a number is out of its range or the kind unknown.

    See Also
    --------
    open_pool : the same, on a cluster if one is configured.

    Notes
    -----
    Close it, or use it in a ``with`` block. Processes also end with this one, however it ends. A script that uses them
    has its own statements under ``if __name__ == "__main__":``, since each process imports it.

    Examples
    --------
    >>> def square(context, x):
    ...     context.progress(0.5, "squaring")
    ...     return x * x
    >>> with Pool(workers=2, kind="thread", per_owner=1, waiting=8) as pool:
    ...     jobs = [pool.submit(square, x, owner="session 1") for x in (2, 3)]
    ...     [job.result(timeout=10) for job in jobs]
    [4, 9]
    """

    def __init__(
        self,
        workers: int | None = None,
        kind: Literal["process", "thread"] = "thread",
        *,
        per_owner: int | None = None,
        waiting: int | None = None,
        budget: float | None = None,
        retries: int = 1,
        grace: float = 2.0,
        preload: Sequence[str] = (),
        here: int | None = None,
        executor: Executor | None = None,
    ) -> None:
        if kind not in ("process", "thread"):
            raise ValueError(f"kind = {kind!r} is unknown: give 'process' or 'thread'")
        for name, value, least in (
            ("workers", workers, 1),
            ("here", here, 1),
            ("per_owner", per_owner, 1),
            ("waiting", waiting, 0),
            ("retries", retries, 0),
        ):
            if value is not None and not least <= value <= 2**20:
                raise ValueError(f"{name} = {value} is out of range: give a whole number from {least}")
        check_budget(budget)
        if not 0.0 <= grace <= 60.0:
            raise ValueError(f"grace = {grace} s is out of range: give 0 to 60 s")
        self.problem = ""
        self.kind, self.per_owner, self.waiting, self.budget = kind, per_owner, waiting, budget
        self.retries, self.grace = retries, grace
        self.lock = threading.RLock()
        self._workers, self._local, self._preload = workers, here or os.cpu_count() or 1, tuple(preload)
        self._queue: FairQueue[Job[Any]] = FairQueue()
        self._running: set[Job[Any]] = set()
        self._owners: Counter[Hashable] = Counter()
        self._free = threading.Condition(self.lock)
        self._closed = False
        self._executor: Executor = executor if executor is not None else self._here()
        _OPEN.add(self)

    def __repr__(self) -> str:
        with self.lock:
            return f"<Pool: {self._executor}, {len(self._running)} running, {len(self._queue)} waiting>"

    @property
    def where(self) -> str:
        """Where the work is done, for people."""
        return repr(self._executor)

    @property
    def notes(self) -> list[str]:
        """Notes for people, one sentence each: `problem`, and which workers of a cluster are left out."""
        return [*([self.problem] if self.problem else []), *self._executor.notes()]

    @property
    def workers(self) -> int:
        """Jobs that can run at a time now."""
        capacity = self._executor.capacity()
        return capacity if self._workers is None else min(self._workers, capacity)

    @property
    def running(self) -> int:
        """Jobs that hold a worker now; those that were ended count until they obey."""
        return len(self._running)

    @property
    def queued(self) -> int:
        """Jobs that wait now."""
        return len(self._queue)

    def running_for(self, owner: Hashable) -> int:
        """Return how many of :attr:`running` are an owner's."""
        with self.lock:
            return self._owners[owner]

    def submit(
        self, function: Callable[..., T], *arguments: Any, owner: Hashable = None, budget: float | None = None
    ) -> Job[T]:
        """
        Let a function be called as ``function(context, *arguments)`` when its turn comes.

        Parameters
        ----------
        function : callable
            Takes a :class:`Context` first. For processes and clusters: one that a module holds
            (``functools.partial`` of such for keywords).
        *arguments : object
            Passed on; pickled now for processes and clusters, so that later changes do not matter.
        owner : hashable
            Whose job it is, such as the session's id; owners take turns.
        budget : float, optional
            Seconds it may take once it has begun. Default: the pool's.

        Returns
        -------
        Job

        Raises
        ------
        QueueFull
            If the owner has as many jobs waiting as it may.
        TypeError
            If the function or an argument cannot be sent to another process.
        RuntimeError
            If the pool is closed.
        """
        check_budget(budget)
        call = self._executor.prepare(function, arguments)
        job: Job[T] = Job(self, call, owner, self.budget if budget is None else budget)
        with self.lock:
            if self._closed:
                raise RuntimeError("the pool is closed: make a new one")
            held = self._queue.waiting(owner)
            begins = held == 0 and len(self._running) < self.workers and self._may(owner)
            if self.waiting is not None and held >= self.waiting and not begins:
                raise QueueFull(
                    f"{held} of your jobs wait already, and no more than {self.waiting} may: cancel one, or wait"
                )
            self._queue.push(owner, job)
        self._fill()
        return job

    def close_owner(self, owner: Hashable) -> int:
        """
        Cancel all jobs of an owner, as when a session ends; return how many there were.

        The pool then holds nothing of theirs, once the running ones have obeyed or were killed.
        """
        with self.lock:
            jobs = self._queue.drop(owner) + [job for job in self._running if job.owner == owner]
        return sum(job.cancel() for job in jobs)

    def warm(self) -> None:
        """Begin the processes now rather than with the first jobs; returns at once."""
        self._executor.warm()

    def close(self) -> None:
        """Cancel all jobs and end the workers; waits for them, no longer than the grace and a second."""
        with self.lock:
            self._closed = True
            jobs = [*self._queue, *self._running]
        for job in jobs:
            job.cancel()
        until = time.monotonic() + self.grace + 1.0
        with self._free:
            while self._running and (left := until - time.monotonic()) > 0.0:
                self._free.wait(left)
        self._executor.close()
        _OPEN.discard(self)

    def __enter__(self) -> "Pool":
        """Return the pool."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    # ------------------------------------------------------------------ what handles ask

    def position(self, job: Job[Any]) -> int:
        """Return a job's place in the queue, as :attr:`Job.position` does."""
        with self.lock:
            return self._queue.position(job.owner, job)

    def withdraw(self, job: Job[Any]) -> None:
        """Take a job out of the queue."""
        with self.lock:
            self._queue.remove(job.owner, job)

    # ------------------------------------------------------------------ letting jobs begin

    def _here(self) -> Executor:
        workers = self._local if self._workers is None else self._workers
        return ProcessExecutor(workers, self._preload) if self.kind == "process" else ThreadExecutor(workers)

    def _may(self, owner: Hashable) -> bool:
        return self.per_owner is None or self._owners[owner] < self.per_owner

    def _fill(self) -> None:
        """Give free workers to those whose turn it is."""
        with self.lock:
            while not self._closed and len(self._running) < self.workers:
                job = self._queue.pop(self._may)
                if job is None:
                    return
                self._running.add(job)
                self._owners[job.owner] += 1
                threading.Thread(
                    target=self._work, args=(job,), name=f"job {job.number}", daemon=True
                ).start()

    def _work(self, job: Job[Any]) -> None:
        """Have a job done, in a thread of its own that runs it or waits for it."""
        deaths = 0
        try:
            while not job.ended:
                executor = self._executor
                try:
                    job.settle("done", executor.run(job))
                except ExecutorLost as lost:
                    self._come_home(executor, str(lost))
                except WorkerDied as died:
                    deaths += 1  # some die before they can say that they have begun
                    job.setback = str(died)
                    if max(job.attempts, deaths) >= job.allowed:
                        tried = f"; it was tried {job.allowed} times" if job.allowed > 1 else ""
                        job.settle("failed", error=WorkerDied(f"{died}{tried}"))
                except BaseException as error:
                    # An exit of the function's is its failure, not the end of this process.
                    job.settle("failed", error=error)
        finally:
            with self.lock:
                self._running.discard(job)
                self._owners[job.owner] -= 1
                if not self._owners[job.owner]:
                    del self._owners[job.owner]
                self._free.notify_all()
            self._fill()

    def _come_home(self, lost: Executor, why: str) -> None:
        """Go on here after a cluster was lost; the first to notice sees to it."""
        with self.lock:
            if self._executor is not lost:
                return
            self.problem = f"{why}; the work goes on here"
            self._executor = self._here()
        self._fill()
        lost.close()


@atexit.register
def _close_at_exit() -> None:
    """Close what nobody has closed: a thread inside torch when the interpreter ends would abort the process."""
    for pool in list(_OPEN):
        pool.close()


def check_budget(budget: float | None) -> None:
    """Raise unless a budget is None or a time in s above 0."""
    if budget is not None and not 0.0 < budget < threading.TIMEOUT_MAX:
        raise ValueError(f"budget = {budget} s is no time to work in: give seconds above 0, or None")


def open_pool(
    address: str | None = None,
    *,
    workers: int | None = None,
    kind: Literal["process", "thread"] = "process",
    per_owner: int | None = None,
    waiting: int | None = None,
    budget: float | None = None,
    retries: int = 1,
    grace: float = 2.0,
    preload: Sequence[str] = (),
    here: int | None = None,
) -> Pool:
    """
    Open a pool on the cluster that is configured, or here if none is.

    Parameters
    ----------
    address : str, optional
        Address of a ``dask.distributed`` scheduler, as ``tcp://host:8786``. Default: that of the environment variable
        ``AMTLAB_SCHEDULER``; without it the work is done here.
    workers, kind, per_owner, waiting, budget, retries, grace, preload, here
        As for :class:`Pool`; `kind`, `preload` and `here` are for the work done here.

    Returns
    -------
    Pool
        Its ``problem`` says why the work is done here although a cluster was configured.

    Raises
    ------
    ValueError
        If the address is none, or a setting is out of range.

    Warns
    -----
    ClusterUnreachable
        If the scheduler does not answer within 5 s, ``distributed`` is not installed, or all workers have another
        amtlib.

    Notes
    -----
    The cluster's workers need this `amtlib` (``pip install 'amtlib[cluster]'``): those with other sources get no work,
    as ``notes`` states; if all have, the work is done here. They must see the files that jobs name under the same
    paths. There, a job that does not look at its context cannot be killed: its handle
    ends at once, and its worker's thread is free when it returns.

    Examples
    --------
    >>> with open_pool(workers=2, kind="thread") as pool:
    ...     pool
    <Pool: 2 threads here, 0 running, 0 waiting>
    """
    where = address or os.environ.get(SCHEDULER_VARIABLE, "")
    problem, executor = "", None
    if where:
        check_address(where, "address" if address else SCHEDULER_VARIABLE)
        try:
            executor = ClusterExecutor(where)
        except ExecutorLost as lost:
            problem = f"{lost}; the work is done here"
            warnings.warn(problem, ClusterUnreachable, stacklevel=2)
    try:
        pool = Pool(
            workers,
            kind,
            per_owner=per_owner,
            waiting=waiting,
            budget=budget,
            retries=retries,
            grace=grace,
            preload=preload,
            here=here,
            executor=executor,
        )
    except ValueError:
        if executor is not None:
            executor.close()
        raise
    pool.problem = problem
    return pool
