"""Memory that sessions have left goes back to the system now and then: what is garbage, and what is in reserve.

Source: our own measurements (benchmarks/load.py): after a class has moved its sliders, 1 to 1.5 MB a session are held
by the C library in holes between what is in use; giving them back takes some milliseconds.
Not a bound: that of what sessions share is in `app.shared`.
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
