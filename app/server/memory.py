"""Memory that Python has freed and the C library keeps in reserve goes back to the system now and then.

Source: our own measurements (benchmarks/load.py): after a class has moved its sliders, 1 to 1.5 MB a session are such
reserve, in holes between what is in use; giving it back takes some milliseconds.
Not garbage collection: what Python still holds stays.
"""

import ctypes

from tornado.ioloop import PeriodicCallback

#: How often, s.
EVERY = 10.0
_RUNNING: list[PeriodicCallback] = []


def _trim() -> None:
    # Only the GNU C library has the function; others keep less in reserve.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def give_back() -> None:
    """Begin to give memory back every `EVERY` seconds on this process's loop."""
    if not _RUNNING:
        _RUNNING.append(PeriodicCallback(_trim, 1000 * EVERY))
        _RUNNING[0].start()
