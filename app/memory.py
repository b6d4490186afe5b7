"""Returns memory that sessions have left to the system now and then, both garbage and the C library's reserve.

After a class has moved its sliders, the C library holds 1 to 1.5 MB a session in holes between what is in use (measured
by benchmarks/load.py); giving them back takes some milliseconds. What sessions share is bounded in `app.shared`.
"""

import ctypes
import gc

from tornado.ioloop import PeriodicCallback

#: How often, s.
EVERY = 10.0
_RUNNING: list[PeriodicCallback] = []


def return_memory() -> None:
    """Give back to the system what this process holds in reserve."""
    # Only the GNU C library has the function; others keep less in reserve.
    give = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give is not None:
        give(0)


def give_back() -> None:
    """Begin to give memory back every `EVERY` seconds on this process's loop."""
    if not _RUNNING:
        # What is there before the first page stays for good: Python need not look through it again and again, which
        # takes half a second, or puts off looking until much has been left.
        gc.collect()
        gc.freeze()
        _RUNNING.append(PeriodicCallback(return_memory, 1000 * EVERY))
        _RUNNING[0].start()
