"""A log file that may fill its disk, be moved or be taken away: that is said once, and costs no request.

Not what is logged: see `access.py`.
"""

import contextlib
import logging
import sys
from logging.handlers import WatchedFileHandler


class LogFile(WatchedFileHandler):
    """A file that is opened anew when it was moved; what cannot be written is left out.

    Python's own handler prints a traceback for each line that it cannot write, and where the file was moved as well,
    whatever logged the line fails.
    """

    _problem: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or leave it out."""
        before, self._problem = self._problem, None
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)
        if self._problem is not None and before is None:
            reason = getattr(self._problem, "strerror", None) or self._problem
            self._say(f"cannot be written ({reason}); its lines are left out until it can")
        elif self._problem is None and before is not None:
            self._say("is written again")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, a name of Python's
        """Note that a line could not be written."""
        self._problem = sys.exc_info()[1]
        stream, self.stream = self.stream, None  # type: ignore[assignment]
        if stream is not None:  # with what it still holds; the next line opens it anew
            with contextlib.suppress(OSError, ValueError):
                stream.close()

    def _say(self, what: str) -> None:
        sys.stderr.write(f"amtlab: the log {self.baseFilename} {what}\n")
