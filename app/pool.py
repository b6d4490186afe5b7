"""The pools that work for all sessions of a process in turn: for trainings, for what is short, for heavy pictures.

`amtlab serve` sets in the environment how many workers there are, or a cluster. The work itself is in app/work.py
and app/heavy.py, and for trainings in `amtlib.train.RemoteSteps`.
"""

import os
import threading
from collections.abc import Callable

from amtlib.jobs import Pool, open_pool


class LabPool:
    """
    A pool of this process that is opened when first asked for.

    Parameters
    ----------
    make : callable
        Opens it.

    Examples
    --------
    >>> short = LabPool(lambda: open_pool(workers=1, kind="thread"))
    >>> short.counts()
    (0, 0)
    >>> short.open() is short.open()
    True
    >>> short.close()
    """

    def __init__(self, make: Callable[[], Pool]) -> None:
        self._make = make
        self._pool: Pool | None = None
        self._lock = threading.Lock()

    def open(self) -> Pool:
        """
        Return the pool.

        Where a cluster is configured, the first time may take 5 s: ask from a thread. One that does not answer is
        warned of; `Pool.problem` says that the work is done here.
        """
        with self._lock:
            if self._pool is None:
                self._pool = self._make()
            return self._pool

    def counts(self) -> tuple[int, int]:
        """Return how many pieces of work run now, and how many wait."""
        pool = self._pool
        return (0, 0) if pool is None else (pool.running, pool.queued)

    def leave(self, owner: str) -> None:
        """End all work of a session."""
        pool = self._pool
        if pool is not None:
            pool.close_owner(owner)

    def close(self) -> None:
        """End all work and all workers; who asks next gets a new pool."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


def _number(name: str) -> int | None:
    text = os.environ.get(name, "")
    return int(text) if text else None


def has_workers() -> bool:
    """Return whether this process serves pages and has workers of its own, as under `amtlab serve`.

    A notebook has its own process for itself; the server's belongs to the pages.
    """
    return _number("AMTLAB_PROCESSES") is not None


def _share() -> int:
    """Return half of this process's share of the cores."""
    return max(1, (os.cpu_count() or 1) // (_number("AMTLAB_PROCESSES") or 1) // 2)


def _for_trainings() -> Pool:
    """Half of this process's share of the cores, or the number set by the command, or all of a cluster."""
    return open_pool(
        workers=_number("AMTLAB_TRAININGS"),
        kind="process" if has_workers() else "thread",
        per_owner=1,
        waiting=1,
        silence=SILENCE,
        preload=("app.worker",),
        here=_share(),
    )


def _for_short_work() -> Pool:
    return open_pool(workers=1, kind="thread", per_owner=1, waiting=1, budget=SHORT)


def _for_pictures() -> Pool:
    """Half of this process's share of the cores; never a cluster, whose threads may train for 10 s at a time."""
    preload = ("app.picture_worker", "app.labs.perception.model")
    return Pool(_share(), "process", waiting=MOST_WAITING, budget=SHORT, silence=SILENCE, preload=preload)


#: Heavy pictures that wait for one client, which may be the address of a whole class, each of whose pages has one.
MOST_WAITING = 60
#: What short work may take, s.
SHORT = 60.0
#: What the steps of a training may take, s, before a person asks for more.
LONG = 60.0 * float(os.environ.get("AMTLAB_TRAINING_MINUTES", "10"))
#: How long a worker may give no sign of life, s, before it is replaced.
SILENCE = min(20.0, float(os.environ.get("AMTLAB_FROZEN_TIME", "20")))
#: Where networks are trained.
TRAININGS = LabPool(_for_trainings)
#: Where the listening test's model takes a run (`app/listen/model.py`), and where a page computes what it is asked for
#: (`LabView.job`) unless the job names a pool: nobody should wait for it behind a training here. On a cluster whose
#: threads all train, it waits for the end of a slice.
SHORT_WORK = LabPool(_for_short_work)
#: Where pages have their heavy pictures computed (`app.heavy`), where there are workers: apart from trainings, behind
#: which nobody who moves a slider should wait.
PICTURES = LabPool(_for_pictures)
