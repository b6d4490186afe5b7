"""Work of seconds and more: done here, in threads or spawned processes, or on a cluster, with the same handles.
Clusters are those of `dask.distributed`.
Not here: the work. Open a pool with :func:`open_pool` or :class:`Pool`, and submit functions that take a context.
"""

from amtlib.jobs.cluster import ClusterUnreachable
from amtlib.jobs.executor import JobError
from amtlib.jobs.fairness import FairQueue
from amtlib.jobs.job import Cancelled, Context, Job, OverBudget, QueueFull, WorkerDied
from amtlib.jobs.pool import Pool, open_pool

__all__ = [
    "Cancelled",
    "ClusterUnreachable",
    "Context",
    "FairQueue",
    "Job",
    "JobError",
    "OverBudget",
    "Pool",
    "QueueFull",
    "WorkerDied",
    "open_pool",
]
