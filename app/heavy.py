"""What a lab takes long to compute, done for a served page by a worker process: the server's own is everybody's.

Without workers (in a notebook, in a test, under `panel serve`) labs compute it themselves.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from amtlib.jobs import Cancelled, Context, OverBudget, QueueFull, WorkerDied
from app.lab import LabModel
from app.memory import return_memory
from app.page.background import Superseded, leave_out
from app.page.upload import Upload
from app.pool import MOST_WAITING, PICTURES, has_workers

#: How often a page that waits looks whether its picture is still wanted, s.
POLL_S = 0.02


def compute(
    context: Context, kind: Callable[[], LabModel], values: Mapping[str, Any], upload: Upload | None
) -> Mapping[str, Any]:
    """Return the heavy results of a lab in a state; the function of the pool's job.

    Parameters
    ----------
    context : Context
    kind : callable
        Returns a lab: its class.
    values : mapping
        All of its settings, as :meth:`LabModel.values` returns them.
    upload : Upload or None
        The user's file, where it is the sound.

    Raises
    ------
    ValueError
        If the settings do not fit together.
    """
    lab = kind()
    lab.outdated = lambda: context.cancelled
    if upload is not None:
        lab.stimulus.accept(upload)
    if refused := lab.update(values):
        raise RuntimeError(f"a worker's lab takes other settings than the page's: {' '.join(refused)}")
    try:
        return lab.heavy()
    finally:
        return_memory()  # a worker holds hundreds of MB meanwhile


def elsewhere(owner: str) -> Callable[[LabModel], Mapping[str, Any]] | None:
    """Return what has the heavy results of an owner's labs computed by a worker; None where there are no workers."""
    return partial(computed, owner) if has_workers() else None


def computed(owner: str, lab: LabModel) -> Mapping[str, Any]:
    """Have a lab's heavy results computed by a worker, and wait for them in the thread of its page.

    Raises
    ------
    Superseded
        If they are not wanted any more: the worker is told to stop.
    ValueError
        In a sentence, if the settings do not fit together, too many wait, or the worker died or took too long.
    """
    upload = None if lab.stimulus is None else lab.stimulus.upload
    began = time.monotonic()
    try:
        job = PICTURES.open().submit(compute, type(lab), lab.values(), upload, owner=owner)
        try:
            while not job.wait(POLL_S):
                lab.check()
            return job.result()
        finally:
            job.cancel()  # of one that has ended, nothing
    except QueueFull as problem:
        raise _stays(f"{MOST_WAITING} others from your network address wait already") from problem
    except (OverBudget, WorkerDied) as problem:
        raise _stays(str(problem)) from problem
    except Cancelled:  # the server ends
        raise Superseded from None
    finally:
        leave_out(time.monotonic() - began)


def _stays(why: str) -> ValueError:
    return ValueError(
        f"This picture could not be computed: {why}; the last one stays, and the next change tries again"
    )
