"""Jobs on a `dask.distributed` cluster: progress and items come live, stops go to the worker at once.
Messages travel as events of the scheduler (`Worker.log_event`, `Client.subscribe_topic`).
Not here: starting a cluster. `distributed` is imported when an address is configured, not before.
"""

import contextlib
import importlib
import inspect
import queue
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import torch

from amtlib.jobs import sameness
from amtlib.jobs.executor import ExecutorLost, carry_out, pack, pack_value, unpack
from amtlib.jobs.job import Context, Job, WorkerDied
from amtlib.jobs.sameness import difference, own_amtlib

#: Seconds that a scheduler has to answer when a pool is opened: first its port, then itself.
ANSWER_WITHIN = 2.5
#: Seconds between two looks at the cluster.
LOOK_EVERY = 1.0
#: Seconds without an answer, or without any worker, after which the cluster is given up.
PATIENCE = 15.0

_SAMENESS = inspect.getsource(sameness)
_ADDRESS = re.compile(r"^(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$")


class ClusterUnreachable(UserWarning):
    """A cluster is configured, but the work is done here."""


def check_address(address: str, name: str) -> tuple[str, int]:
    """
    Return host and port of a scheduler's address, or raise.

    Examples
    --------
    >>> check_address("tcp://127.0.0.1:8786", "address")
    ('127.0.0.1', 8786)
    """
    found = _ADDRESS.match(address)
    if not found or not 1 <= int(found[3]) <= 65535:
        raise ValueError(
            f"{name} = {address!r} is no scheduler's address: give tcp://HOST:PORT, as dask-scheduler prints it"
        )
    return found[2].strip("[]"), int(found[3])


def _distributed() -> ModuleType:
    try:
        return importlib.import_module("distributed")
    except ModuleNotFoundError:
        raise ExecutorLost(
            "a scheduler is configured, but dask.distributed is not installed (fix: python -m pip install "
            "-c constraints.txt -e '.[cluster]')"
        ) from None


class ClusterExecutor:
    """
    The workers of a cluster that have the same amtlib as this process; others get no work, whenever they join.

    Parameters
    ----------
    address : str
        Its scheduler's.

    Raises
    ------
    ExecutorLost
        If the scheduler does not answer within some 5 s, `distributed` is missing, or all workers have another amtlib.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._topic = f"amtlab-{uuid.uuid4().hex}"
        self._inboxes: dict[str, queue.SimpleQueue[tuple[Any, ...]]] = {}
        self._orphans: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        #: threads of the workers that may have work
        self._workers: dict[str, int] = {}
        #: what is wrong with a worker, by address; '' if nothing
        self._differs: dict[str, str] = {}
        self._notes: list[str] = []
        self._seen = self._busy = time.monotonic()
        self._lost = ""
        self._closed = threading.Event()
        distributed = _distributed()
        try:
            _knock(address)
            self._client = _within(
                2.0 * ANSWER_WITHIN,
                lambda: distributed.Client(
                    address, timeout=ANSWER_WITHIN, set_as_default=False, name="amtlab"
                ),
            )
            until = time.monotonic() + PATIENCE
            while not self._look() and time.monotonic() < until:
                self._closed.wait(0.1)
        except (OSError, TimeoutError) as error:
            raise ExecutorLost(f"the scheduler at {address} cannot be reached ({_reason(error)})") from None
        if self._differs and not self._workers:
            self.close()
            raise ExecutorLost("; ".join(self._notes))
        self._client.subscribe_topic(self._topic, self._sort)
        threading.Thread(target=self._watch, name="amtlab cluster", daemon=True).start()

    def __repr__(self) -> str:
        return f"{self.capacity()} threads of the cluster at {self.address}"

    def capacity(self) -> int:
        """Return the threads of all workers; 1 while there is none yet."""
        return max(sum(self._workers.values()), 1)

    def prepare(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
        """Return the call as bytes."""
        return pack(function, arguments)

    def notes(self) -> list[str]:
        """Return which workers are left out, and why."""
        return list(self._notes)

    def warm(self) -> None:
        """Do nothing: the workers are there."""

    def close(self) -> None:
        """Leave the cluster; it goes on without us."""
        self._closed.set()
        with contextlib.suppress(Exception):  # a lost scheduler cannot be said good-bye to
            self._client.close(timeout=2)

    # ------------------------------------------------------------------ one job

    def run(self, job: Job[Any]) -> Any:
        """Do a job on the cluster, and wait for it."""
        call = job.call
        if call is None:
            return None
        good: bool | None = None
        while good is None:
            if self._lost:
                raise ExecutorLost(self._lost)
            good, outcome = self._try(job, call)
        result = unpack(outcome)
        if good:
            return result
        raise result

    def _try(self, job: Job[Any], call: bytes) -> tuple[bool | None, bytes]:
        """Have a job done by the workers of this moment; None if they turn out to be no longer there, or unfit."""
        name = f"amtlab-{uuid.uuid4().hex}"
        inbox: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._inboxes[name] = inbox
        job.attach(lambda: inbox.put(("stop",)), lambda: inbox.put(("leave",)))
        future: Any = None
        workers = list(self._workers)
        try:
            try:
                if workers:
                    arguments = (name, self._topic, call, own_amtlib())
                    future = self._client.submit(on_worker, *arguments, key=name, pure=False, workers=workers)
                    future.add_done_callback(lambda done: inbox.put(("over", done)))
                return self._hear_out(job, name, future, inbox, workers)
            finally:
                if future is not None:
                    future.cancel()
        except (OSError, TimeoutError) as error:
            raise ExecutorLost(
                f"the scheduler at {self.address} is out of reach ({_reason(error)})"
            ) from None
        except Exception as error:
            # What a client raises that has given up its scheduler; the class has no base of its own.
            if type(error).__name__ != "ClosedClientError":
                raise
            raise ExecutorLost(f"the scheduler at {self.address} is out of reach ({error})") from None
        finally:
            job.detach()
            del self._inboxes[name]
            while not inbox.empty():  # begun while it was given up
                word = inbox.get()
                if word[0] == "begin":
                    self._orphans.put((name, word[1]))

    def _hear_out(
        self,
        job: Job[Any],
        name: str,
        future: Any,
        inbox: "queue.SimpleQueue[tuple[Any, ...]]",
        workers: Collection[str],
    ) -> tuple[bool | None, bytes]:
        worker = ""
        while True:
            try:
                word = inbox.get(timeout=LOOK_EVERY)
            except queue.Empty:
                word = ("look",)
            if word[0] == "begin":
                worker = word[1]
                job.begin()
                if job.attempts > job.allowed:  # dask begins anew by itself: our own count decides
                    raise WorkerDied("the worker that did the job is gone")
                if job.ended:
                    self._stop(name, worker)
            elif word[0] in ("progress", "item"):
                job.hear(word if word[0] == "progress" else ("item", unpack(word[1])))
            elif word[0] == "stop":
                if not worker:  # nobody has begun it yet
                    return True, pack_value(None, "result")
                self._stop(name, worker)
            elif word[0] == "leave":
                return True, pack_value(None, "result")
            elif word[0] == "over":
                good, outcome = self._outcome(future)
                if good is None:
                    self._leave_out(dict([outcome.decode().split("\n")]))
                return good, outcome
            elif self._lost:
                raise ExecutorLost(self._lost)
            elif future is None and self._client.status != "running":  # nothing was sent that could tell
                raise ExecutorLost(f"the scheduler at {self.address} is out of reach")
            elif self._workers and not any(each in self._workers for each in workers):
                return None, b""  # dask would wait for these for ever, though there are others now

    def _outcome(self, future: Any) -> tuple[bool | None, bytes]:
        if future.status == "finished":
            found: tuple[bool | None, bytes] = future.result(timeout=PATIENCE)
            return found
        if future.status == "error":
            error = future.exception(timeout=PATIENCE)
            if type(error).__name__ == "KilledWorker":
                raise WorkerDied("the workers that did the job are gone")
            if isinstance(error, ImportError):
                return False, pack_value(
                    RuntimeError(
                        f"the cluster's workers lack a module ({error}): install this version of amtlib there, with "
                        "the extra 'cluster'"
                    ),
                    "error",
                )
            return False, pack_value(RuntimeError(f"the cluster failed: {error}"), "error")
        raise ExecutorLost(f"the scheduler at {self.address} has forgotten its tasks")

    def _stop(self, name: str, worker: str) -> None:
        # Runs in the worker's own loop, beside its tasks. A worker that is gone needs no stop, a frozen one takes none:
        # its seat here is free when the grace is over, and dask notices after its `worker-ttl`.
        with contextlib.suppress(TimeoutError):
            self._client.run(
                stop_on_worker, name, workers=[worker], on_error="ignore", callback_timeout=ANSWER_WITHIN
            )

    def _sort(self, event: tuple[float, dict[str, Any]]) -> None:
        """Put a word that came from a worker into the inbox of its job."""
        name, word = event[1]["name"], tuple(event[1]["word"])
        inbox = self._inboxes.get(name)
        if inbox is not None:
            inbox.put(word)
        if word[0] == "begin" and name not in self._inboxes:  # given up in the moment in which it was begun
            self._orphans.put((name, word[1]))

    # ------------------------------------------------------------------ the cluster

    def _look(self) -> bool:
        """Ask for the workers, and new ones for their amtlib; return whether all have answered."""
        ask = self._client.scheduler.ncores
        there: dict[str, int] = dict(self._client.sync(ask, callback_timeout=ANSWER_WITHIN))
        self._seen = time.monotonic()
        self._differs = {worker: what for worker, what in self._differs.items() if worker in there}
        new = [worker for worker in there if worker not in self._differs]
        if new:
            with ThreadPoolExecutor(
                min(len(new), 16)
            ) as several:  # one that hangs does not hold the others up
                answers = dict(zip(new, several.map(self._amtlib_of, new), strict=True))
            self._leave_out({worker: answer for worker, answer in answers.items() if answer is not None})
        self._workers = {worker: n for worker, n in there.items() if self._differs.get(worker) == ""}
        if self._workers or not self._inboxes:
            self._busy = self._seen
        return all(worker in self._differs for worker in there)

    def _amtlib_of(self, worker: str) -> Any:
        """Return what a worker says of its amtlib, an exception if it cannot; None if it does not answer."""
        try:
            answers = self._client.run(
                eval, "exec(source, space) or space['own_amtlib']()", {"source": _SAMENESS, "space": {}},
                workers=[worker], on_error="return", callback_timeout=ANSWER_WITHIN,
            )  # fmt: skip
        except (OSError, TimeoutError):
            return None
        return answers.get(worker)

    def _leave_out(self, answers: dict[str, Any]) -> None:
        """Note what workers say of their amtlib; those that have another are left out from now on."""
        others: dict[str, list[str]] = {}
        for worker, answer in answers.items():
            what = self._differs[worker] = difference(answer)
            if what:
                self._workers = {other: n for other, n in self._workers.items() if other != worker}
                others.setdefault(what, []).append(worker)
        for what, workers in others.items():
            more = f" (and {len(workers) - 1} more)" if len(workers) > 1 else ""
            self._notes.append(
                f"the worker at {workers[0]}{more} {what}: it is left out until it has the same (install it there, and "
                "start the worker anew)"
            )

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_EVERY):
            try:
                self._look()
                # Not without a limit: whoever waits for a frozen scheduler does not notice that it is lost.
                self._client.run_on_scheduler(forget_words, self._topic, callback_timeout=ANSWER_WITHIN)
                while not self._orphans.empty():
                    self._stop(*self._orphans.get())
            except Exception:  # whatever distributed raises when nobody answers: it has many names for it
                if time.monotonic() - self._seen > PATIENCE:
                    self._lost = f"the scheduler at {self.address} has not answered for {PATIENCE:g} s"
                    return
            if time.monotonic() - self._busy > PATIENCE:
                fit = " that has the same amtlib" if self._differs else ""
                self._lost = f"the cluster at {self.address} has had no worker{fit} for {PATIENCE:g} s"
                return


def forget_words(topic: str, dask_scheduler: Any = None) -> None:
    """Let the scheduler forget what it has passed on: it would keep the last 1000 words, whatever their size."""
    broker = getattr(dask_scheduler, "_broker", None)  # distributed offers no other way
    if broker is not None:
        broker.truncate(topic)


def _knock(address: str) -> None:
    """Raise at once, and quietly, if nobody listens at an address, or something that is no scheduler."""
    with socket.create_connection(check_address(address, "address"), ANSWER_WITHIN) as line:
        # A scheduler introduces itself first; a client would wait without end for something that does not.
        if address.startswith("tcp:") and not line.recv(1):
            raise ConnectionError("what listens there is no scheduler")


def _within(seconds: float, make: Callable[[], Any]) -> Any:
    """Return what a function returns; raise TimeoutError if it takes longer, and leave it behind."""
    answer: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answer.put((make(), None))
        except BaseException as error:
            answer.put((None, error))

    threading.Thread(target=work, name="amtlab client", daemon=True).start()
    try:
        made, error = answer.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return made


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(cause, TimeoutError):
        return f"no answer within {ANSWER_WITHIN:g} s"
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


# --- on the worker ---------------------------------------------------------------------------------------------

_STOPS: dict[str, threading.Event] = {}


def on_worker(name: str, topic: str, call: bytes, wanted: str) -> tuple[bool | None, bytes]:
    """
    Do a packed call in a task of the cluster; what it tells goes to the client as events.

    Nothing is done if the worker's amtlib is not the wanted one, as where a worker has taken the address of another:
    then the first value is None, and the second says which worker it is, and what it has.
    """
    worker = importlib.import_module("distributed").get_worker()
    if own_amtlib() != wanted:
        return None, f"{worker.address}\n{own_amtlib()}".encode()
    torch.set_num_threads(1)
    stopped = _STOPS[name] = threading.Event()

    def tell(word: tuple[Any, ...]) -> None:
        if word[0] == "item":
            word = ("item", pack_value(word[1], "item"))
        worker.log_event(topic, {"name": name, "word": list(word)})

    try:
        tell(("begin", worker.address))
        return carry_out(Context(stopped, tell), call)
    finally:
        del _STOPS[name]


def stop_on_worker(name: str) -> None:
    """Tell a job on this worker to stop."""
    if name in _STOPS:
        _STOPS[name].set()
