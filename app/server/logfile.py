"""A log file that may fill its disk, be moved or be removed: that is reported once, and no request fails."""

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
        before, problem = self._problem, self._written(record)
        self._problem = problem
        if problem is not None and before is None:
            reason = getattr(problem, "strerror", None) or problem
            self._say(f"cannot be written ({reason}); its lines are left out until it can")
        elif problem is None and before is not None:
            self._say("is written again")

    def _written(self, record: logging.LogRecord) -> BaseException | None:
        """Write a line; return what came in between."""
        self._problem = None
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)
        return self._problem

    def handleError(self, record: logging.LogRecord) -> None:
        """Note that a line could not be written."""
        self._problem = sys.exc_info()[1]
        stream, self.stream = self.stream, None
        if stream is not None:  # with what it still holds; the next line opens it anew
            with contextlib.suppress(OSError, ValueError):
                stream.close()

    def _say(self, what: str) -> None:
        sys.stderr.write(f"amtlab: the log {self.baseFilename} {what}\n")
