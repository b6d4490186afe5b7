"""The access log: a JSON line for each request and each visit of a page, without anything about a person.

No address, no name, no query (a link holds settings). The file is opened anew when logrotate or a person has moved it.
"""

import json
import logging
import os
import time
from datetime import UTC, datetime
from typing import Any

from tornado.web import RequestHandler

from app.server.logfile import LogFile

_LOG = logging.getLogger("amtlab.access")
#: What the person who runs the server has to see.
SERVER_LOG = logging.getLogger("tornado.access")


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


class Visit:
    """One page's websocket, from opening to closing."""

    def __init__(self, page: str) -> None:
        self._page = page[:200]
        self._began = time.monotonic()
        note("open", page=self._page)

    def over(self, code: int | None) -> None:
        """Note that it is closed, and how."""
        note("close", page=self._page, seconds=round(time.monotonic() - self._began, 1), code=code)
