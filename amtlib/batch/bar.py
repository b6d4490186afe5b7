"""A line on stderr that tells how far a long run is: drawn anew on a terminal, now and then elsewhere.
Source: our own.
Not here: what is being done.
"""

import shutil
import sys
import time
from typing import TextIO

_WIDTH = 24
#: Seconds between two drawings on a terminal, and between two lines elsewhere.
_REDRAW, _AGAIN = 0.1, 10.0


class Bar:
    """
    Progress of so many things.

    Parameters
    ----------
    total : int
        How many things there are.
    what : str
        What they are, in the plural.
    stream : text file, optional
        Where to write. Default: stderr.

    Examples
    --------
    >>> bar = Bar(4, "files", stream=sys.stdout)
    >>> bar.show(1, 1.5, "tone.wav")
    1 of 4 files (38 %), tone.wav
    >>> bar.close()
    """

    def __init__(self, total: int, what: str, stream: TextIO | None = None) -> None:
        self._total, self._what = total, what
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._began = time.monotonic()
        self._shown = -1e9
        self._drawn = False

    def show(self, done: int, work: float, message: str = "") -> None:
        """
        Tell how far it is, unless it was told a moment ago.

        Parameters
        ----------
        done : int
            Things that are done.
        work : float
            The same, with the shares of those under way.
        message : str
            What is being done.
        """
        now = time.monotonic()
        if now - self._shown < (_REDRAW if self._terminal else _AGAIN):
            return
        self._shown = now
        share = min(work / max(self._total, 1), 1.0)
        text = f"{done} of {self._total} {self._what} ({share:.0%})".replace("%)", " %)")
        spent = now - self._began
        if spent > 2.0 and share > 0.01:
            text += f", {duration(spent * (1.0 - share) / share)} left"
        if message:
            text += f", {message}"
        if not self._terminal:
            self._stream.write(text + "\n")
        else:
            filled = round(share * _WIDTH)
            line = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {text}"
            columns = shutil.get_terminal_size().columns - 1
            self._stream.write("\r" + line[:columns].ljust(columns))
            self._drawn = True
        self._stream.flush()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self.close()
        self._stream.write(text + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Wipe the bar away."""
        if self._drawn:
            self._stream.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            self._stream.flush()
            self._drawn = False


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
