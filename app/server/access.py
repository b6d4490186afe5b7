"""The access log: a JSON line for each request and each visit of a page, without anything about a person.

No address, no name, no query (a link holds settings). The file may fill its disk, be moved or be removed: that is
reported once, and no request fails.
"""

import contextlib
import json
import logging
import os
import sys
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from typing import Any

from tornado.web import RequestHandler

_LOG = logging.getLogger("amtlab.access")
#: What the person who runs the server has to see.
SERVER_LOG = logging.getLogger("tornado.access")


class LogFile(WatchedFileHandler):
    """A file that is opened anew when it was moved; what cannot be written is left out.

    Python's own handler prints a traceback for each line that it cannot write, and where the file was moved as well,
    whatever logged the line fails.
    """

    _problem = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or leave it out."""
        before, self._problem = self._problem, ""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)
        if bool(self._problem) != bool(before):
            reason = f"cannot be written ({self._problem}); its lines are left out until it can"
            said = reason if self._problem else "is written again"
            sys.stderr.write(f"amtlab: the log {self.baseFilename} {said}\n")

    def handleError(self, record: logging.LogRecord) -> None:
        """Note that a line could not be written."""
        problem = sys.exc_info()[1]
        self._problem = str(getattr(problem, "strerror", None) or problem)
        stream, self.stream = self.stream, None
        if stream is not None:  # with what it still holds; the next line opens it anew
            with contextlib.suppress(OSError, ValueError):
                stream.close()


def open_log(path: str) -> None:
    """Write the log to a file, one JSON object a line; several processes may write to the same one."""
    open(
        path, "a", encoding="utf-8"
    ).close()  # fails here, before the first page, if the file cannot be written
    # Each process opens it for itself: the one that only starts the others would keep a rotated file on the disk.
    handler = LogFile(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _LOG.handlers[:] = [handler]
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False


def note(event: str, **what: Any) -> None:
    """Write a line, if there is a log."""
    if _LOG.handlers:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        _LOG.info(json.dumps({"time": now, "pid": os.getpid(), "event": event, **what}))


def note_request(handler: RequestHandler) -> None:
    """Note an answered request: what kind, where, status, and time in ms."""
    status, request = handler.get_status(), handler.request
    if status >= 500:  # these go into the server's own log as well
        SERVER_LOG.error("%d %s %s", status, request.method, request.path)
    took = round(1000 * request.request_time(), 1)
    note("request", method=(request.method or "")[:20], path=request.path[:200], status=status, ms=took)
