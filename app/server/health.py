"""The address `/health`: is this server process well, and, for those who may know, how busy is it?

Panel has no such endpoint.
It counts sessions, trainings and memory of the process that answers, nothing about users.
"""

import os
import time
from importlib.metadata import version
from urllib.parse import urlsplit

import psutil
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from app import state
from app.pool import TRAININGS
from app.server.clients import address_of
from app.shared import SHARED

_STARTED = time.monotonic()
#: Whether everybody may see how busy this server is.
_OPEN = bool(os.environ.get("AMTLAB_HEALTH_DETAILS"))
#: Headers that proxies add: a request with one of them comes from elsewhere.
_PROXY_HEADERS = ("Forwarded", "Via", "X-Real-Ip", "X-ProxyContextPath")


def is_local(request: HTTPServerRequest) -> bool:
    """Return whether the request comes from this machine itself, not through a proxy on it.

    The connection has to come from this machine, and to be what a program here makes: without a proxy's headers, and
    for ``localhost`` or a plain address. So forged headers only ever reveal less, and a
    site that points its own name at this machine learns nothing from a browser here.
    """
    stream = getattr(request.connection, "stream", None)
    if stream is None or stream.socket is None:
        return False
    peer, own = (
        address_of(str(name[0])) for name in (stream.socket.getpeername(), stream.socket.getsockname())
    )
    if peer is None or not (peer.is_loopback or peer == own):
        return False
    if any(name in _PROXY_HEADERS or name.startswith("X-Forwarded-") for name in request.headers):
        return False
    host = urlsplit(f"//{request.host}").hostname or ""
    return host == "localhost" or address_of(host) is not None


class HealthHandler(RequestHandler):
    """Answer with the state of this process as JSON; with several processes, any one of them answers."""

    def get(self) -> None:
        """Write that all is well, and for this machine or with ``--health-details`` what `_details` says."""
        self.set_header("Cache-Control", "no-store")
        self.write({"status": "ok", **(_details() if _OPEN or is_local(self.request) else {})})

    head = get


def _details() -> dict[str, object]:
    """Return version, process id, sessions, connections, trainings, memory in MB, and time up in seconds.

    Of the memory, `shared_mb` is what sessions share: a cache that grows up to `shared_limit_mb`, and no further.
    """
    sessions = state.sessions()
    running, waiting = TRAININGS.counts()
    return {
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
