"""A line on stderr that shows how far a long run is: drawn anew on a terminal, now and then elsewhere.
Not here: what is being done.
"""

import shutil
import sys
import time
from typing import TextIO

from amtlib.progress import duration

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

    Attributes
    ----------
    done : int
        Things that are done.
    skipped : int
        Those among them that took no work, and tell nothing of the time that is left.

    Examples
    --------
    >>> bar = Bar(4, "files", stream=sys.stdout)
    >>> bar.done = 1
    >>> bar.show(0.5, "tone.wav")
    1 of 4 files (37 %), tone.wav
    >>> bar.done = 4
    >>> bar.close()
    4 of 4 files (100 %) in 0 s, ... files a second
    """

    def __init__(self, total: int, what: str, stream: TextIO | None = None) -> None:
        self.done = self.skipped = 0
        self._total, self._what = total, what
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._began = time.monotonic()
        self._shown = -1e9
        self._drawn = self._closed = False

    @property
    def due(self) -> bool:
        """Whether the last drawing is some time ago."""
        return time.monotonic() - self._shown >= (_REDRAW if self._terminal else _AGAIN)

    def show(self, under_way: float = 0.0, message: str = "") -> None:
        """
        Show how far it is, unless it was shown a moment ago.

        Parameters
        ----------
        under_way : float
            What is done of those under way, all together.
        message : str
            What is being done.
        """
        if not self.due:
            return
        self._shown = time.monotonic()
        text, share = self._so_far(under_way)
        spent = self._shown - self._began
        own = self.done - self.skipped + under_way
        if spent > 2.0 and own > 0.01 * (self._total - self.skipped):
            text += f", {duration(spent * (self._total - self.done - under_way) / own)} left"
        if message:
            text += f", {message}"
        if not self._terminal:
            self._stream.write(text + "\n")
        else:
            filled = int(share * _WIDTH)
            line = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {text}"
            columns = shutil.get_terminal_size().columns - 1
            self._stream.write("\r" + line[:columns].ljust(columns))
            self._drawn = True
        self._stream.flush()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._wipe()
        self._stream.write(text + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Write, as a line that stays, how far it came and how fast; nothing the second time."""
        if self._closed:
            return
        self._closed = True
        spent = max(time.monotonic() - self._began, 1e-3)
        worked = self.done - self.skipped
        text = f"{self._so_far(0.0)[0]} in {duration(spent)}"
        if worked:
            rate = worked / spent
            text += f", {rate:.3g} {self._what} a second" if rate >= 1.0 else f", {duration(1.0 / rate)} each"
        self.say(text)

    def _so_far(self, under_way: float) -> tuple[str, float]:
        share = min((self.done + under_way) / max(self._total, 1), 1.0)
        return f"{self.done} of {self._total} {self._what} ({int(100.0 * share)} %)", share

    def _wipe(self) -> None:
        if self._drawn:
            self._stream.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            self._drawn = False
