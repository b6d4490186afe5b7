"""What runs the jobs of a pool (the interface of an executor), and how a call and its outcome travel between processes.
Not here: the executors (:mod:`amtlib.jobs.pool`, :mod:`amtlib.jobs.processes`, :mod:`amtlib.jobs.cluster`).
"""

import pickle
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from amtlib.jobs.job import Context, Job


class ExecutorLost(RuntimeError):
    """An executor is out of reach with all its workers; its jobs should be done elsewhere."""


class JobError(RuntimeError):
    """A job failed with something that cannot be sent from its process; the message says what it was."""


class Executor(Protocol):
    """Runs jobs: threads, processes, or the workers of a cluster."""

    def capacity(self) -> int:
        """Return how many jobs run at a time."""

    def prepare(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Return the call in the form in which it waits."""

    def run(self, job: Job[Any]) -> Any:
        """
        Do a job; return its result, or raise what it raised.

        Raises
        ------
        WorkerDied
            If the worker is gone.
        ExecutorLost
            If all workers are.
        """

    def notes(self) -> list[str]:
        """Return notes for people about the workers, one sentence each."""

    def warm(self) -> None:
        """Make ready for the first jobs; return at once."""

    def close(self) -> None:
        """End all workers."""


def pack(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """
    Return a call as bytes.

    Raises
    ------
    TypeError
        If it cannot be sent to another process.

    Examples
    --------
    >>> pack(lambda context: 1, ())
    Traceback (most recent call last):
    ...
    TypeError: this job cannot be sent to another process (...): give a function that a module holds, not a lambda ...
    """
    try:
        return pickle.dumps((function, arguments), protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise TypeError(
            f"this job cannot be sent to another process ({error}): give a function that a module holds, not a "
            "lambda or an inner one, and arguments that can be pickled"
        ) from None


def pack_value(value: Any, what: str) -> bytes:
    """
    Return a result or an item as bytes, or raise JobError if it cannot be sent back.

    Examples
    --------
    >>> unpack(pack_value([1, 2], "result"))
    [1, 2]
    """
    try:
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise JobError(f"the {what} cannot be sent back ({error}): give what can be pickled") from None


def carry_out(context: Context, call: bytes) -> tuple[bool, bytes]:
    """
    Do a packed call in the process that got it.

    Returns
    -------
    good : bool
        Whether it returned.
    outcome : bytes
        What it returned or raised, pickled.

    Examples
    --------
    >>> import threading
    >>> good, outcome = carry_out(Context(threading.Event(), print), pack(Context.check, ()))
    >>> good, unpack(outcome)
    (True, None)
    """
    try:
        try:
            function, arguments = pickle.loads(call)
        except (ImportError, AttributeError) as error:
            raise JobError(
                f"the worker does not find the job's function ({error}): it needs the same modules as this process, "
                "and functions typed into a notebook or a script's main part belong into a module"
            ) from error
        return True, pack_value(function(context, *arguments), "result")
    except BaseException as error:
        return False, _pack_error(error)


def _pack_error(error: BaseException) -> bytes:
    text = "".join(traceback.format_exception(error))
    error.__traceback__ = error.__cause__ = error.__context__ = None
    error.add_note(f"In the worker:\n{text}")
    try:
        packed = pickle.dumps(error, protocol=pickle.HIGHEST_PROTOCOL)
        # Exceptions whose __init__ takes other arguments than their text pickle, but cannot be read again.
        pickle.loads(packed)
        return packed
    except Exception:
        plain = JobError(f"{type(error).__name__}: {error}")
        plain.add_note(f"In the worker:\n{text}")
        return pickle.dumps(plain)


def unpack(outcome: bytes) -> Any:
    """Return a result, or an exception, that came as bytes."""
    return pickle.loads(outcome)
