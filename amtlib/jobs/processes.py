"""Spawned processes that do one job after the other, can be asked to stop, and can be killed.
Built on `multiprocessing`. A process at work that gives no sign of life for some time is killed and replaced.
Not here: whose turn it is (:mod:`amtlib.jobs.pool`).
"""

import contextlib
import importlib
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection
from typing import Any

import torch

from amtlib.jobs.executor import carry_out, pack, pack_value, unpack
from amtlib.jobs.job import Context, Job, WorkerDied

_SPAWN = multiprocessing.get_context("spawn")
#: How many threads OpenBLAS has, which does NumPy's linear algebra: it reads this once, when it is loaded.
_OPENBLAS = "OPENBLAS_NUM_THREADS"
_BEGINNING = threading.Lock()
#: Seconds an idle process has to end when it is asked to.
_END_WITHIN = 0.5
#: How often a job that waits for its process to begin looks whether it is still wanted, s.
_LOOK = 0.05
#: How often a process at work gives a sign of life, s.
_BEAT = 1.0
#: Seconds without a sign of life after which one that begins, and imports what it needs, is killed and replaced.
BEGIN_WITHIN = 180.0


class ProcessExecutor:
    """
    Processes of this machine, begun when first needed and kept.

    Parameters
    ----------
    workers : int
        How many at most.
    preload : tuple of str
        Modules that they import before their first job.
    silence : float
        Seconds without a sign of life after which one at work is taken for frozen, killed and replaced.

    Examples
    --------
    >>> ProcessExecutor(2, (), 20.0)
    2 processes here
    """

    def __init__(self, workers: int, preload: tuple[str, ...], silence: float) -> None:
        self.workers, self._preload, self.silence = workers, preload, silence
        # The pool sees to it too, but not while jobs come home from a cluster.
        self._seats = threading.BoundedSemaphore(workers)
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False

    def __repr__(self) -> str:
        return f"{self.workers} process{'es'[: 2 * (self.workers > 1)]} here"

    def capacity(self) -> int:
        """Return how many jobs run at a time."""
        return self.workers

    def prepare(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
        """Return the call as bytes."""
        return pack(function, arguments)

    def run(self, job: Job[Any]) -> Any:
        """Do a job in a process, and wait for it."""
        with self._seats:
            call = job.call
            if call is None:  # it was ended in the meantime
                return None
            worker = self._take()
            job.attach(lambda: worker.stop(job.number), worker.kill)
            try:
                return worker.do(job, call, self.silence)
            finally:
                job.detach()
                self._give(worker)

    def notes(self) -> list[str]:
        """Return nothing: there is nothing to know."""
        return []

    def warm(self) -> None:
        """Begin all processes."""
        with self._lock:
            for _ in range(self.workers - len(self._all)):
                self._idle.append(self._begin())

    def close(self) -> None:
        """End all processes, by force if need be."""
        with self._lock:
            self._closed = True
            workers, self._all, self._idle = list(self._all), set(), []
        for worker in workers:
            worker.ask_to_end()
        for worker in workers:
            worker.end()

    def _begin(self) -> "Worker":
        worker = Worker(self._preload)
        self._all.add(worker)
        return worker

    def _take(self) -> "Worker":
        with self._lock:
            if self._closed:
                raise WorkerDied("the pool was closed")
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                self._all.discard(worker)
            return self._begin()

    def _give(self, worker: "Worker") -> None:
        with self._lock:
            if worker.alive and not self._closed:
                self._idle.append(worker)
                return
            self._all.discard(worker)
        worker.end()


class Worker:
    """One process and the pipe to it; a job at a time."""

    def __init__(self, preload: tuple[str, ...]) -> None:
        self._pipe, theirs = _SPAWN.Pipe(duplex=True)
        self._process = _SPAWN.Process(
            target=serve, args=(theirs, preload), name="amtlab worker", daemon=True
        )
        with _one_core():
            self._process.start()
        theirs.close()  # or the pipe would not end with the process
        self._sending = threading.Lock()
        self._handing: threading.Thread | None = None
        self._ready = self._broken = False

    @property
    def alive(self) -> bool:
        """Whether it can take another job."""
        return not self._broken and self._process.is_alive()

    def do(self, job: Job[Any], call: bytes, silence: float) -> Any:
        """Send a call and hear the process out; return the result or raise what was raised."""
        try:
            good, outcome = self._hear_out(job, call, silence)
        except TimeoutError as frozen:
            self.kill()
            self._process.join(_END_WITHIN)
            raise WorkerDied(f"the process that did the job {frozen} and was killed") from None
        except (EOFError, ConnectionError):
            self._broken = True
            self._process.join(_END_WITHIN)
            raise WorkerDied(f"the process that did the job {end_of(self._process.exitcode)}") from None
        result = unpack(outcome)
        if good:
            return result
        raise result

    def _hear_out(self, job: Job[Any], call: bytes, silence: float) -> tuple[bool, bytes]:
        # A process that begins does not read yet: a large call, and whoever tells it to stop, would wait for it, and a
        # job that is given up meanwhile would cost the process, which cannot obey in time.
        until = time.monotonic() + BEGIN_WITHIN
        while not self._ready:
            word = self._next_word(_LOOK)
            if job.ended:
                return True, pack_value(None, "result")
            self._ready = word[0] == "ready"
            if not self._ready and time.monotonic() > until:
                raise TimeoutError(f"did not begin within {BEGIN_WITHIN:g} s")
        # Aside: one that is frozen does not read.
        self._handing = threading.Thread(target=self._hand_over, args=(job, call), name="call", daemon=True)
        self._handing.start()
        while True:
            word = self._next_word(silence)
            if not word[0]:  # unless it was this process that stood still
                word = self._next_word(3.0 * _BEAT)
            if not word[0]:
                raise TimeoutError(f"gave no sign of life for {silence:g} s")
            if word[0] == "end":
                return word[1], word[2]
            if word[0] == "begin":
                job.begin()
            elif word[0] != "beat":
                job.hear(word if word[0] == "progress" else ("item", unpack(word[1])))

    def _hand_over(self, job: Job[Any], call: bytes) -> None:
        with contextlib.suppress(OSError):  # the process is gone: reading from it will report that
            self._send(("do", job.number, call))
            if job.ended:  # a stop sent before the call reached nobody
                self._send(("stop", job.number))

    def _next_word(self, within: float | None) -> tuple[Any, ...]:
        """Return what the process says next, ("",) if nothing for so many seconds; raise EOFError if it is gone."""
        # The sentinel too: a child of the process may keep the pipe open.
        there = connection.wait([self._pipe, self._process.sentinel], within)
        if there and self._pipe not in there:
            raise EOFError
        return self._pipe.recv() if there else ("",)

    def stop(self, number: int) -> None:
        """Tell the process to stop a job; nothing happens if it does another one by now."""
        self._try_to_send(("stop", number))

    def kill(self) -> None:
        """Kill the process."""
        self._broken = True
        self._process.kill()

    def ask_to_end(self) -> None:
        """Ask the process to end."""
        self._try_to_send(("end",))

    def end(self) -> None:
        """Wait until the process has ended, kill it if it has not soon, and free what it held."""
        self._process.join(_END_WITHIN)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._broken = True
        if self._handing is not None:  # ends with the process, and must not write into what is closed
            self._handing.join(_END_WITHIN)
        self._pipe.close()

    def _send(self, word: tuple[Any, ...]) -> None:
        with self._sending:
            self._pipe.send(word)

    def _try_to_send(self, word: tuple[Any, ...]) -> None:
        # Not behind a call that is on its way: a frozen process takes nothing, and who leaves a page must not wait.
        if self._sending.acquire(timeout=_LOOK):
            try:
                with contextlib.suppress(OSError):
                    self._pipe.send(word)
            finally:
                self._sending.release()


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Let a process that begins meanwhile do its linear algebra with one thread, unless the environment says how many.

    Several at once with as many threads as there are cores wait for each other: two over two cores took 6.7 s for what
    they do in 4.9 s with one thread each.
    """
    with _BEGINNING:
        if _OPENBLAS in os.environ:
            yield
            return
        os.environ[_OPENBLAS] = "1"
        try:
            yield
        finally:
            del os.environ[_OPENBLAS]


def end_of(status: int | None) -> str:
    """Return how a process ended, as the rest of a sentence.

    Examples
    --------
    >>> end_of(-9)
    'was killed (SIGKILL), perhaps for lack of memory'
    """
    if status is None or status >= 0:
        return f"ended by itself with status {status}"
    name = signal.Signals(-status).name
    return f"was killed ({name}){', perhaps for lack of memory' if name == 'SIGKILL' else ''}"


# --- in the process --------------------------------------------------------------------------------------------


def serve(pipe: "connection.Connection[Any, Any]", preload: tuple[str, ...]) -> None:
    """
    Do jobs that come through a pipe, until it ends; what a spawned process runs.

    Parameters
    ----------
    pipe : Connection
        Takes ('do', number, call), ('stop', number) and ('end',); gives ('ready',) once,
        ('begin',), ('progress', share, message), ('item', bytes) and ('end', good, outcome), and ('beat',) now and then
        in between.
    preload : tuple of str
        Modules to import first.
    """
    # Ctrl-C reaches the whole group of processes: the one that was typed at decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    inbox: queue.SimpleQueue[tuple[int, bytes, threading.Event]] = queue.SimpleQueue()
    # Watched from the first moment, imports included: no process outlives the one that began it.
    threading.Thread(target=_listen, args=(pipe, inbox), name="listener", daemon=True).start()
    torch.set_num_threads(1)
    for name in preload:
        importlib.import_module(name)
    sending = threading.Lock()

    def tell(word: tuple[Any, ...]) -> None:
        with sending:
            pipe.send(word if word[0] != "item" else ("item", pack_value(word[1], "item")))

    at_work = threading.Event()
    threading.Thread(target=_beat, args=(at_work, tell), name="beat", daemon=True).start()
    tell(("ready",))
    while True:
        _, call, stopped = inbox.get()
        tell(("begin",))
        at_work.set()
        good, outcome = carry_out(Context(stopped, tell), call)
        at_work.clear()
        tell(("end", good, outcome))
        del call, outcome  # not held until the next job comes


def _beat(at_work: threading.Event, tell: Callable[[tuple[Any, ...]], object]) -> None:
    """Give signs of life while there is work: whoever waits for it cannot tell long work from a frozen process."""
    with contextlib.suppress(OSError):  # the parent is gone, and so is this process in a moment
        while at_work.wait():
            tell(("beat",))
            time.sleep(_BEAT)


def _listen(
    pipe: "connection.Connection[Any, Any]", inbox: "queue.SimpleQueue[tuple[int, bytes, threading.Event]]"
) -> None:
    number, stopped = 0, threading.Event()
    while True:
        try:
            word = pipe.recv()
        except (EOFError, OSError):
            os._exit(0)  # the parent is gone, or has closed the pipe
        if word[0] == "end":
            os._exit(0)
        if word[0] == "stop":
            if word[1] == number:
                stopped.set()
            continue
        number, stopped = word[1], threading.Event()
        inbox.put((number, word[2], stopped))
