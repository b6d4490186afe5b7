"""Many jobs through a pool, a few at a time, while a bar tells how far they are.
Built on :mod:`amtlib.jobs`.
Not here: what the jobs do, and what becomes of their results.
"""

import queue
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from amtlib.batch.bar import Bar
from amtlib.jobs import Job, Pool

Key = TypeVar("Key")

#: Jobs that wait besides those that can run: enough that no worker waits for us, too few to go through again and again.
_AHEAD = 16


def in_turn(
    pool: Pool, bar: Bar, function: Callable[..., Any], calls: Iterable[tuple[Key, tuple[Any, ...]] | None]
) -> Iterator[tuple[Key, Job[Any]]]:
    """
    Let a function be called by a pool, and go through the jobs as they end.

    Parameters
    ----------
    pool : Pool
        Where the calls run; its notes (such as a lost cluster) are printed above the bar.
    bar : Bar
        Shows progress.
    function : callable
        As for :meth:`amtlib.jobs.Pool.submit`.
    calls : iterable of (key, arguments) or None
        Gone through as workers become free; None where there is nothing to do.

    Yields
    ------
    (key, job)
        A job that has ended, and the key of its call.

    Examples
    --------
    >>> import sys
    >>> def square(context, x):
    ...     return x * x
    >>> with Pool(1) as pool:
    ...     ended = list(in_turn(pool, Bar(2, "numbers", sys.stdout), square, [("a", (2,)), ("b", (3,))]))
    0 of 2 numbers (0 %)
    >>> [(key, job.result()) for key, job in ended]
    [('a', 4), ('b', 9)]
    """
    over: queue.SimpleQueue[Job[Any]] = queue.SimpleQueue()
    under_way: dict[Job[Any], Key] = {}
    said: set[str] = set()
    left = iter(calls)
    more = True
    while more or under_way:
        for note in pool.notes:
            if note not in said:
                said.add(note)
                bar.say(f"amtlab: {note}")
        full = len(under_way) >= pool.workers + _AHEAD
        if more and not full:
            call = next(left, _END)
            if isinstance(call, _End):
                more = False
            elif call is not None:
                job = pool.submit(function, *call[1])
                under_way[job] = call[0]
                job.add_done_callback(over.put)
        if bar.due:
            running = [job for job in under_way if job.state == "running"]
            bar.show(sum(job.share for job in running), running[0].message if running else "")
        try:
            job = over.get(timeout=0.1) if full or not more else over.get_nowait()
        except queue.Empty:
            continue
        yield under_way.pop(job), job


class _End:
    """What comes after the last call."""


_END = _End()
