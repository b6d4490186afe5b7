"""The address `/health`: is this server process well, and how busy is it?

Source: our own; Panel has no such endpoint.
Not a record of users: it counts sessions, trainings and memory of the process that answers, nothing else.
"""

import os
import time
from importlib.metadata import version

import psutil
from tornado.web import RequestHandler

from app.pool import TRAININGS
from app.server import state
from app.shared import SHARED

_STARTED = time.monotonic()


class HealthHandler(RequestHandler):
    """Answer with the state of this process as JSON; with several processes, any one of them answers."""

    def get(self) -> None:
        """Write version, process id, sessions, connections, trainings, memory in MB, and time up in seconds.

        Of the memory, `shared_mb` is what sessions share: a cache that grows up to `shared_limit_mb`, and no further.
        """
        sessions = state.sessions()
        running, waiting = TRAININGS.counts()
        self.set_header("Cache-Control", "no-store")
        self.write(
            {
                "status": "ok",
                "version": version("amtlib"),
                "pid": os.getpid(),
                "sessions": len(sessions),
                "connections": sum(session.connection_count for session in sessions),
                "jobs": running,
                "queue": waiting,
                "rss_mb": round(psutil.Process().memory_info().rss / 1e6, 1),
                "shared_mb": round(SHARED.bytes / 1e6, 1),
                "shared_limit_mb": round(SHARED.max_bytes / 1e6, 1),
                "up_s": round(time.monotonic() - _STARTED, 1),
            }
        )
