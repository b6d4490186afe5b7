"""How many connections a server process holds, and for how long: slow, idle and lost ones give way to new ones.

Tornado waits an hour for a request's header, and when files run out, it tries to accept without end.
What one client may ask for is bounded elsewhere (`amtlib.limits`).
"""

import contextlib
import errno
import importlib
import socket
import sys
import time
from collections.abc import Awaitable, Iterable
from datetime import timedelta
from typing import Any

from tornado import gen
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, StreamClosedError

from amtlib.limits import Limits
from app.server.processes import part

#: Files that a process may have open at the same time, where the system lets it.
MOST_FILES = 65_536
#: The share of them that connections may have. The answer to each may hold a file open as well; the rest is for sounds,
#: logs and the pipes of workers.
FOR_CONNECTIONS = 0.45
#: Largest body of a request, bytes: a login; files come by websocket.
BODY_BYTES = 2**16
#: Sent data that has not been acknowledged for so long ends a connection, s. Every page is pinged more often.
UNCONFIRMED_S = 60.0
#: How long no connection is accepted when files have run out all the same, s.
REST_S = 0.2
#: How long to wait for the request of a connection that is turned away, s.
TURNED_AWAY_S = 1.0
_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_BUSY = b"The server holds as many connections as it can. Try again in some seconds.\n"
_TURNED_AWAY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=UTF-8\r\nRetry-After: 5\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(_BUSY), _BUSY)
)


def raise_file_limit() -> int:
    """Let this process open as many files as the system allows; return how many."""
    if sys.platform == "win32":  # has no such limit
        return sys.maxsize
    resource = importlib.import_module("resource")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    with contextlib.suppress(ValueError, OSError):  # macOS has a limit of its own
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return int(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


class _Request(HTTPMessageDelegate):
    """Passes a request on, and notifies the server when it is complete."""

    def __init__(self, to: HTTPMessageDelegate, server: "Connections", stream: IOStream) -> None:
        self._to, self._server, self._stream = to, server, stream

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        return self._to.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._to.data_received(chunk)

    def finish(self) -> None:
        self._server.arrived(self._stream)
        self._to.finish()

    def on_connection_close(self) -> None:
        self._to.on_connection_close()


class _Listener(socket.socket):
    """A socket that accepts for a server: no more than it may hold, and never in a circle."""

    server: "Connections"

    def accept(self) -> tuple[socket.socket, Any]:
        try:
            connection, address = super().accept()
        except (OSError, MemoryError) as problem:
            if isinstance(problem, OSError) and problem.errno not in _FULL:
                raise
            self.server.rest()
            raise BlockingIOError from None
        if connection.fileno() >= self.server.most:  # a system gives the lowest number that is free
            if not self.server.make_room():
                self.server.turn_away(connection)
                raise ConnectionAbortedError
            high, connection = connection, connection.dup()
            high.close()
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            unconfirmed = round(1000 * UNCONFIRMED_S)
            with contextlib.suppress(OSError):  # it has gone already
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unconfirmed)
        return connection, address


class Connections(HTTPServer):
    """Tornado's server with a bound on time and number of connections; its processes are `app.server.processes`.

    A request has `Limits.header_time` seconds to arrive, an idle connection as long to begin one. When a process holds
    all the connections that its files allow, the one that has been without a request for the longest gives way, then
    the one whose answer has not been read for the longest; pages stay. If there are only pages, new connections are
    turned away with a message.
    """

    def initialize(self, *args: Any, **settings: Any) -> None:
        """Make the server; Tornado's way of an `__init__`."""
        self._patience = Limits.of_environment().header_time
        settings.setdefault("idle_connection_timeout", self._patience)
        settings.setdefault("body_timeout", self._patience)
        settings.setdefault("max_body_size", BODY_BYTES)
        super().initialize(*args, **settings)
        #: File numbers from here on are not for connections.
        self.most = int(FOR_CONNECTIONS * raise_file_limit())
        self._leaving = 0
        # Both in the order of time, with the moment since when.
        self._waiting: dict[IOStream, float] = {}
        self._answered: dict[IOStream, float] = {}

    def start(self, num_processes: int | None = 1, max_restarts: int | None = None) -> None:
        """Begin, in so many processes."""
        if num_processes is not None and num_processes > 1:
            part(num_processes)
        super().start(1)

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections on these sockets."""
        listeners = []
        for each in sockets:
            listener = _Listener(fileno=each.detach())
            listener.setblocking(False)
            listener.server = self
            listeners.append(listener)
        super().add_sockets(listeners)

    # ------------------------------------------------------------------ who waits for what

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Take a connection. Its first request begins when the loop comes round; up to 128 are accepted before that."""
        self._waiting[stream] = time.monotonic()
        super().handle_stream(stream, address)

    def start_request(self, server_conn: Any, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Take a request, of which nothing has come yet."""
        stream = server_conn.stream
        self._answered.pop(stream, None)
        self._waiting[stream] = time.monotonic()
        return _Request(super().start_request(server_conn, request_conn), self, stream)

    def arrived(self, stream: IOStream) -> None:
        """Note that a request is there and is being answered."""
        self._waiting.pop(stream, None)
        self._answered[stream] = time.monotonic()

    def on_close(self, server_conn: Any) -> None:
        """Forget a connection: it is closed, or has become a page's."""
        self._waiting.pop(server_conn.stream, None)
        self._answered.pop(server_conn.stream, None)
        super().on_close(server_conn)

    # ------------------------------------------------------------------ when there are too many

    def make_room(self) -> bool:
        """Close one idle connection; return whether there was one."""
        stuck = [
            stream
            for stream, since in self._answered.items()
            if stream.writing() and time.monotonic() - since > self._patience
        ]
        for stream in [*self._waiting, *stuck]:
            self._waiting.pop(stream, None)
            self._answered.pop(stream, None)
            if not stream.closed():
                stream.close()
                return True
        return False

    def turn_away(self, connection: socket.socket) -> None:
        """Answer a connection that is one too many, and close it."""
        if self._leaving >= self.most // 16:
            connection.close()
            return
        self._leaving += 1
        IOLoop.current().add_callback(self._turn_away, IOStream(connection))

    async def _turn_away(self, stream: IOStream) -> None:
        try:
            # One that is closed with its request unread would get an error instead of the sentence.
            head = stream.read_until_regex(rb"\r?\n\r?\n", max_bytes=BODY_BYTES)
            await gen.with_timeout(timedelta(seconds=TURNED_AWAY_S), head)
            await stream.write(_TURNED_AWAY)
        except (StreamClosedError, TimeoutError, OSError):
            pass
        finally:
            stream.close()
            self._leaving -= 1

    def rest(self) -> None:
        """Stop accepting for a moment: files, or memory, have run out."""
        self.make_room()
        for number, stop in self._handlers.items():
            stop()
            self._handlers[number] = _nothing
        IOLoop.current().call_later(REST_S, self._go_on)

    def _go_on(self) -> None:
        if not self._stopped:
            super().add_sockets(list(self._sockets.values()))


def _nothing() -> None:
    """Stands in for a listener while none is accepted from."""
