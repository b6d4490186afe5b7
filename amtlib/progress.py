"""How far a long call is: the one meaning of ``progress=`` in the library, and the text bar behind ``progress=True``.
Not here: jobs, whose context tells how far they are (:mod:`amtlib.jobs`); runs over many files (:mod:`amtlib.batch`).

Whatever may take seconds takes ``progress``: None or False for silence; True for a bar on stderr; or a function, which
is called with the share done, a float that never falls, from 0 to 1, and 1 at the end.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeAlias

#: What ``progress=`` takes besides None.
Progress: TypeAlias = Callable[[float], object] | bool

_WIDTH = 24
#: Seconds between two drawings on a terminal, and between two lines elsewhere.
_REDRAW, _AGAIN = 0.1, 10.0


def duration(seconds: float) -> str:
    """
    Return a time for people.

    Examples
    --------
    >>> duration(42), duration(90), duration(7300)
    ('42 s', '1:30 min', '2:01 h')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60}:{whole % 60:02} min" if whole < 3600 else f"{whole // 3600}:{whole % 3600 // 60:02} h"
    )


@contextmanager
def telling(
    progress: Progress | None, what: str, stream: TextIO | None = None
) -> Iterator[Callable[[float], object]]:
    """
    Make a function to call with the share done, whatever `progress` is.

    Parameters
    ----------
    progress : callable, bool or None
        As the caller was given it.
    what : str
        What is done, for the bar: 'training', 'modes'.
    stream : text file, optional
        Where the bar goes. Default: stderr.

    Yields
    ------
    callable
        Takes a share from 0 to 1; one that lies below an earlier one is not passed on. When the block ends without an
        error, 1 is passed on if it has not been.

    Raises
    ------
    TypeError
        If `progress` is none of these.

    Examples
    --------
    >>> shares = []
    >>> with telling(shares.append, "counting") as tell:
    ...     for step in range(2):
    ...         tell(step / 2)
    >>> shares
    [0.0, 0.5, 1.0]
    >>> with telling(True, "counting", sys.stdout) as tell:
    ...     tell(0.5)
    counting: 50 %
    counting: done in 0 s
    """
    if progress is None or progress is False:
        yield _nothing
        return
    if progress is not True and not callable(progress):
        raise TypeError(f"progress = {progress!r}: give True for a bar, or a function of the share done")
    bar = _Bar(what, sys.stderr if stream is None else stream) if progress is True else None
    show: Callable[[float], object] = progress if bar is None else bar.show  # type: ignore[assignment]
    last = -1.0

    def tell(share: float) -> None:
        nonlocal last
        if share > last:
            last = min(share, 1.0)
            show(last)

    try:
        yield tell
        tell(1.0)
    finally:
        if bar is not None:
            bar.close(last)


def part(tell: Callable[[float], object], start: float, end: float) -> Callable[[float], object]:
    """
    Return a function that reports a part of the work as its share of the whole.

    Examples
    --------
    >>> part(print, 0.5, 1.0)(0.5)
    0.75
    """
    return lambda share: tell(start + share * (end - start))


def _nothing(share: float) -> None:
    """Tell nobody."""


class _Bar:
    """A line that is drawn anew on a terminal; elsewhere lines now and then."""

    def __init__(self, what: str, stream: TextIO) -> None:
        self._what, self._stream = what, stream
        self._terminal = stream.isatty()
        self._began = time.monotonic()
        self._shown = -1e9

    def show(self, share: float) -> None:
        """Draw, unless that was done a moment ago."""
        now = time.monotonic()
        if share >= 1.0 or now - self._shown < (_REDRAW if self._terminal else _AGAIN):
            return
        self._shown = now
        text = f"{int(100.0 * share)} %"
        if now - self._began > 2.0 and share > 0.01:
            text += f", {duration((now - self._began) * (1.0 - share) / share)} left"
        filled = int(share * _WIDTH)
        bar = f" [{'#' * filled}{'.' * (_WIDTH - filled)}]" if self._terminal else ":"
        self._write(f"{self._what}{bar} {text}", end="" if self._terminal else "\n")

    def close(self, share: float) -> None:
        """Leave a last line."""
        end = f"done in {duration(time.monotonic() - self._began)}"
        if share < 1.0:
            end = f"ended at {int(100.0 * max(share, 0.0))} %"
        self._write(f"{self._what}: {end}")

    def _write(self, text: str, end: str = "\n") -> None:
        if self._terminal:
            columns = shutil.get_terminal_size().columns - 1
            text = "\r" + text[:columns].ljust(columns)
        self._stream.write(text + end)
        self._stream.flush()
