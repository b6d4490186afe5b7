"""The address `/health`: is this server process well, and how busy is it?

Source: our own; Panel has no such endpoint. Loaded by `panel serve --plugins app.server.health`.
Not a record of users: it counts sessions and memory of the process that answers, nothing else.
"""

import os
import time
from importlib.metadata import version
from typing import Any

import psutil
from tornado.web import RequestHandler

_STARTED = time.monotonic()


class HealthHandler(RequestHandler):
    """Answer with the state of this process as JSON; with several processes, any one of them answers."""

    def get(self) -> None:
        """Write version, process id, open sessions and connections, memory in MB, and time up in seconds."""
        server: Any = self.application
        sessions = [session for path in server.app_paths for session in server.get_sessions(path)]
        self.set_header("Cache-Control", "no-store")
        self.write(
            {
                "status": "ok",
                "version": version("amtlib"),
                "pid": os.getpid(),
                "sessions": len(sessions),
                "connections": sum(session.connection_count for session in sessions),
                "rss_mb": round(psutil.Process().memory_info().rss / 1e6, 1),
                "up_s": round(time.monotonic() - _STARTED, 1),
            }
        )


ROUTES: list[tuple[str, type[RequestHandler], dict[str, Any]]] = [("/health", HealthHandler, {})]
