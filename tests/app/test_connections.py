"""Connections of a server in this process: when there is room for nobody, in a sentence; and who does not read."""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect

from amtlib.limits import VARIABLE, Limits
from app.server import connections
from app.server.connections import Connections


class Hello(RequestHandler):
    def get(self) -> None:
        self.write("hello")


class Page(WebSocketHandler):
    """A page that is sent more than its connection takes."""

    opened = 0
    closed = 0

    def open(self, *_: str) -> None:
        Page.opened += 1

    async def on_message(self, message: str | bytes) -> None:
        self.write_message(bytes(int(message)), binary=True)

    def on_close(self) -> None:
        Page.closed += 1


async def until(true: Callable[[], Any], within_s: float = 30.0) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while not true() and loop.time() < end:
        await asyncio.sleep(0.01)
    assert true()


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.fixture(autouse=True)
def _short_header_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, Limits(header_time=1.0).to_environment())


def begin() -> tuple[Connections, int]:
    server = Connections(Application([("/hello", Hello), ("/page", Page)]))
    sockets = bind_sockets(0, "127.0.0.1")
    port = int(sockets[0].getsockname()[1])
    server.add_sockets(sockets)
    return server, port


def test_where_pages_have_all_connections_others_are_turned_away_in_a_sentence_until_one_goes() -> None:
    async def full() -> tuple[bytes, bytes]:
        server, port = begin()
        pages = [await websocket_connect(f"ws://127.0.0.1:{port}/page") for _ in range(3)]
        with socket.socket() as free:
            server.most = free.fileno()  # from here on there is no room
        refused = await ask(port)
        await asyncio.sleep(0.1)
        assert Page.closed == 0  # pages stay
        for page in pages:
            page.close()
        await until(lambda: Page.closed == 3)
        answered = await ask(port)
        server.stop()
        await server.close_all_connections()
        return refused, answered

    Page.opened = Page.closed = 0
    refused, answered = asyncio.run(full())
    head, _, text = refused.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable")
    assert b"Retry-After: 5" in head
    assert text == b"The server holds as many connections as it can. Try again in some seconds.\n"
    assert answered.endswith(b"hello")


def test_who_waits_longest_for_nothing_gives_way_to_who_comes() -> None:
    async def idle() -> None:
        server, port = begin()
        first = await asyncio.open_connection("127.0.0.1", port)
        second = await asyncio.open_connection("127.0.0.1", port)
        await until(lambda: len(server._waiting) == 2)
        with socket.socket() as free:
            server.most = free.fileno()
        assert (await ask(port)).endswith(b"hello")
        assert await asyncio.wait_for(first[0].read(), 0.5) == b""
        assert len(server._waiting) == 1  # the second
        for _, writer in (first, second):
            writer.close()
        server.stop()
        await server.close_all_connections()

    asyncio.run(idle())


def test_of_many_that_come_before_the_loop_comes_round_the_last_one_is_answered() -> None:
    async def burst() -> bytes:
        server, port = begin()
        clients = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(20)]
        clients[-1].sendall(b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        with socket.socket() as free:
            server.most = free.fileno() + 5  # all the others need the place of one before
        answer = await asyncio.to_thread(clients[-1].recv, 2**16)
        for client in clients:
            client.close()
        server.stop()
        await server.close_all_connections()
        return answer

    assert asyncio.run(burst()).endswith(b"hello")


@pytest.mark.parametrize("problem", [OSError(errno.EMFILE, "Too many open files"), MemoryError()])
def test_without_files_or_memory_accepting_rests_and_then_goes_on(
    problem: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []
    accept = socket.socket.accept

    def fails(self: socket.socket) -> Any:
        tries.append(1)
        if len(tries) <= 2:
            raise problem
        return accept(self)

    async def poor() -> bytes:
        server, port = begin()
        monkeypatch.setattr(socket.socket, "accept", fails)
        answer = await ask(port)
        server.stop()
        return answer

    assert asyncio.run(poor()).endswith(b"hello")
    assert len(tries) < 10  # not in a circle


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no such bound")
def test_a_page_that_reads_nothing_of_what_it_is_sent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNCONFIRMED_S", 1.0)

    async def deaf() -> None:
        server, port = begin()
        line = socket.create_connection(("127.0.0.1", port))
        key = b"GET /page HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        key += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        line.sendall(key)
        await until(lambda: Page.opened == 1)
        size = b"%d" % 2**26
        line.sendall(bytes([0x81, 0x80 | len(size), 0, 0, 0, 0]) + size)
        await until(lambda: Page.closed == 1)
        line.close()
        server.stop()

    Page.opened = Page.closed = 0
    asyncio.run(deaf())
