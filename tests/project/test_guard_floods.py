"""Who sends too much, reads too little or opens too many pages waits or is cut off, and nobody else notices."""

import asyncio
import contextlib
import time
import urllib.error
from collections.abc import Iterator

import psutil
import pytest
from tornado.httpserver import _HTTPRequestContext
from tornado.httputil import HTTPHeaders
from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from amtlib.limits import Limits
from app.server import clients, pace
from app.server.pace import PacedProtocol
from app.server.refusals import SILENT, TOO_MANY, UNREAD
from app.server.sockets import PageSocket
from app.upstream import find_clients
from tests.serving import Server, free_port, served
from tests.wire import PING, Closed, Wire, page, token_of, told

SOCKETS, SESSIONS, MESSAGES = 60, 40, 30
#: Each test comes from addresses of its own: what it leaves behind counts for none of the others.
STUDENT = "127.0.0.99"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = {
        "--client-sockets": SOCKETS,
        "--client-sessions": SESSIONS,
        "--client-messages": MESSAGES,
        "--client-bytes": 1,
        "--client-backlog": 1,
        "--processes": 1,
    }
    words = [word for name, value in options.items() for word in (name, str(value))]
    log = tmp_path_factory.mktemp("floods") / "log.txt"
    with served(log, "--origin", "lab.example.edu", *words, cold=True) as running:
        yield running
        assert "Traceback" not in running.log()


def part(wire: Wire) -> str:
    return next(
        str(model["id"])
        for model in wire.models()
        if model.get("attributes", {}).get("class_name") == "LabPart"
        and model["attributes"]["data"].get("attributes", {}).get("kind") == "main"
    )


async def moved(wire: Wire, number: int) -> float:
    """Move a slider, and return how long its picture takes, s."""
    began = time.monotonic()
    wire.tell(part(wire), type="set", values={"s.level": 40 + number % 40}, sequence=number, step=number)
    await asyncio.wait_for(wire.until(f'["answered",{number}]'), 60)
    return time.monotonic() - began


async def left(wires: list[Wire]) -> None:
    for wire in wires:
        await wire.cut()


def memory_mb(server: Server) -> float:
    return max(p.memory_info().rss for p in psutil.Process(server.process.pid).children(recursive=True)) / 1e6


async def opened(server: Server, source: str, *, link: str = "filterbank", **headers: str) -> Wire:
    """Open a page's websocket, without waiting to be greeted."""
    address = f"{server.url}/{link}"
    token = await asyncio.to_thread(token_of, address)
    return await Wire.open(address, token, source=source, headers=headers)


# ---------------------------------------------------------------- how many


def test_a_client_with_too_many_connections_is_told_so_and_another_one_is_not(server: Server) -> None:
    async def class_and_flood() -> tuple[Closed, str, Closed | None]:
        address = f"{server.url}/index"
        tokens = [await asyncio.to_thread(token_of, address) for _ in range(SOCKETS + 1)]
        wires = [await Wire.open(address, token, source="127.0.0.2") for token in tokens[:-1]]
        refused = await (await Wire.open(address, tokens[-1], source="127.0.0.2")).closed()
        other = await opened(server, STUDENT)
        kind, _ = await other.message()
        await left([*wires, other])
        await asyncio.sleep(0.5)
        again = await Wire.open(address, tokens[-1], source="127.0.0.2")
        try:  # who has left may come again, as far as their pages are not kept
            await again.message()
            found = None
        except Closed as closed:
            found = closed
        await again.cut()
        return refused, kind, found

    refused, kind, again = asyncio.run(class_and_flood())
    assert refused.code == TOO_MANY
    assert f"{SOCKETS} pages are open from your address" in refused.reason
    assert kind == "ACK"
    assert again is None or "are kept" in again.reason


def test_a_page_says_that_too_many_are_open(server: Server) -> None:
    async def asked() -> str:
        address = f"{server.url}/index"
        tokens = [await asyncio.to_thread(token_of, address) for _ in range(SOCKETS)]
        wires = [await Wire.open(address, token) for token in tokens]
        try:
            await asyncio.to_thread(page, address)
        except urllib.error.HTTPError as refused:
            found = f"{refused.code} {refused.read().decode()}"
        await left(wires)
        return found

    said = asyncio.run(asked())
    assert said.startswith("429 ")
    assert f"{SOCKETS} pages of this server are open from your network address" in said


def test_a_client_that_keeps_too_many_pages_is_told_so(server: Server) -> None:
    async def came_and_went() -> tuple[int, Closed]:
        for i in range(SESSIONS + 1):
            wire = await opened(server, "127.0.0.3", link="index")
            try:
                await wire.message()
            except Closed as closed:
                return i, closed
            await wire.cut()
        raise AssertionError("none was refused")

    number, closed = asyncio.run(came_and_went())
    assert number == SESSIONS
    assert closed.code == TOO_MANY
    assert f"{SESSIONS} pages of your address are kept" in closed.reason


def test_who_opens_many_pages_at_once_keeps_another_waiting_for_a_few_turns(server: Server) -> None:
    many = SESSIONS - 5

    async def at_once() -> int:
        address = f"{server.url}/index"  # no lab: there is no picture that is computed between the turns
        tokens = [await asyncio.to_thread(token_of, address) for _ in range(many)]
        wires = list(await asyncio.gather(*(Wire.open(address, t, source="127.0.0.4") for t in tokens)))
        greeted: list[str] = []

        async def greeting(wire: Wire, who: str) -> None:
            await wire.message()
            greeted.append(who)

        waiting = [asyncio.create_task(greeting(wire, "flood")) for wire in wires]
        while len(greeted) < 3:  # they are being served
            await asyncio.sleep(0.01)
        student = await opened(server, STUDENT, link="index")
        before = len(greeted)
        await greeting(student, "student")
        found = greeted.index("student") - before
        await asyncio.gather(*waiting)
        await left([*wires, student])
        return found

    # A page takes two turns, one for its picture, one for its session: before each, the one in progress and one more.
    assert asyncio.run(at_once()) <= 5  # and one whose greeting was on its way


# ---------------------------------------------------------------- how fast


def test_5000_messages_at_once_wait_and_cost_another_page_nothing(server: Server) -> None:
    async def flood() -> tuple[float, float, int]:
        student = await Wire.visit(f"{server.url}/filterbank", source=STUDENT)
        alone = sorted([await moved(student, i) for i in range(1, 11)])[-2]
        attacker = await Wire.visit(f"{server.url}/filterbank", source="127.0.0.5")
        target = part(attacker)
        for i in range(5000):
            attacker.tell(target, type="hide", keys=[str(i)])
        answered = 0

        async def count() -> None:
            nonlocal answered
            while True:
                kind, _ = await attacker.message()
                answered += kind == "OK"

        counting = asyncio.create_task(count())
        began = time.monotonic()
        beside = sorted([await moved(student, i) for i in range(11, 41)])[-2]
        took = time.monotonic() - began
        counting.cancel()
        most = int(MESSAGES * (took + 2) + 20)
        await left([student, attacker])
        print(
            f"slider alone {1000 * alone:.0f} ms, beside the flood {1000 * beside:.0f} ms; {answered} taken"
        )
        return alone, beside, answered - most

    alone, beside, beyond = asyncio.run(flood())
    assert beyond <= 0
    assert beside < 3 * alone + 0.1


@pytest.mark.parametrize("what", ["pings", "pieces"])
def test_frames_that_are_no_messages_wait_too(server: Server, what: str) -> None:
    async def flood() -> int:
        wire = await Wire.visit(f"{server.url}/filterbank", source="127.0.0.6")
        for i in range(3000):
            if what == "pings":
                wire.frame(str(i), PING)
            else:
                wire.frame("x", 1 if i == 0 else 0, last=False)
        wire.frame("ping", PING)
        found = 0
        began = time.monotonic()
        while time.monotonic() - began < 1.5:
            try:
                await asyncio.wait_for(wire.next(), 0.2)
                found += 1
            except TimeoutError:
                pass
        await wire.cut()
        return found

    assert asyncio.run(flood()) <= 3 * MESSAGES * (1.5 + 2) + 10


def test_bytes_wait_too(server: Server) -> None:
    """Three megabytes at 1 MB a second, two of them at once."""

    async def sent() -> float:
        wire = await Wire.visit(f"{server.url}/filterbank", source="127.0.0.7")
        began = time.monotonic()
        for i in range(5):
            data = "A" * 700_000
            wire.tell(
                part(wire), type="upload", id="a", name="x.wav", size=10**7, start=700_000 * i, data=data
            )
        answered = 0
        while answered < 5:
            kind, _ = await wire.message()
            answered += kind == "OK"
        took = time.monotonic() - began
        await wire.cut()
        return took

    assert asyncio.run(sent()) > 0.7


def test_who_asks_for_sounds_and_does_not_read_them_is_heard_no_further(server: Server) -> None:
    async def unread() -> tuple[float, float, float]:
        student = await Wire.visit(f"{server.url}/filterbank", source=STUDENT)
        wire = await Wire.visit(f"{server.url}/filterbank", source="127.0.0.8")
        before = await asyncio.to_thread(memory_mb, server)
        sounds = [told(part(wire), type="sound", key="input")] * 10
        for _ in range(200):  # 170 MB of answers
            wire.patch(*sounds)
        most = before
        for _ in range(20):
            await asyncio.sleep(0.1)
            most = max(most, await asyncio.to_thread(memory_mb, server))
        took = await moved(student, 1)
        await left([student, wire])
        return before, most, took

    before, most, took = asyncio.run(unread())
    print(f"{most - before:.0f} MB more, slider {1000 * took:.0f} ms")
    assert most - before < 30
    assert took < 2


class Telling(WebSocketHandler):
    """Tells whoever comes more and more, unasked."""

    def get_websocket_protocol(self) -> PacedProtocol | None:
        found = super().get_websocket_protocol()
        return None if found is None else PacedProtocol(self, found.params)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[0]

    async def open(self) -> None:
        with contextlib.suppress(WebSocketClosedError):
            while True:
                self.write_message("x" * 200_000)
                await asyncio.sleep(0.01)


def test_a_page_that_does_not_read_what_it_is_told_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "LIMITS", Limits(client_backlog=1))

    async def unread() -> Closed:
        port = free_port()
        server = Application([("/page/ws", Telling)]).listen(port, "127.0.0.1")
        wire = await Wire.open(f"http://localhost:{port}/page", "x", narrow=True)
        await asyncio.sleep(2)
        found = await wire.closed()
        server.stop()
        await server.close_all_connections()
        return found

    closed = asyncio.run(unread())
    assert closed.code == UNREAD
    assert "1 MB wait for this page to read them" in closed.reason


def test_a_page_without_a_sign_of_life_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[tuple[int | None, str | None]] = []
    monkeypatch.setattr(
        PageSocket, "close", lambda self, code=None, reason=None: closed.append((code, reason))
    )
    monkeypatch.setattr(WebSocketHandler, "ping", lambda self, data=b"": None)
    socket = object.__new__(PageSocket)
    socket.latest_pong = 7
    for number in range(8, 12):  # as Bokeh sends them
        socket.ping(str(number).encode())
    assert closed == []
    socket.ping(b"12")
    assert closed == [(SILENT, "The page has given no sign of life.")]


# ---------------------------------------------------------------- who it is


def test_only_the_last_proxys_word_on_an_address_counts(server: Server) -> None:
    """Whoever asks writes what they like before it."""

    async def forging() -> Closed:
        address = f"{server.url}/index"
        written = [
            {"X-Forwarded-For": f"10.0.0.{i}, 192.0.2.7", "X-Real-Ip": f"10.0.1.{i}"} for i in range(SOCKETS)
        ]
        wires = [await opened(server, "127.0.0.1", link="index", **each) for each in written]
        token = await asyncio.to_thread(token_of, address)
        forged = {"X-Forwarded-For": "10.9.9.9, 192.0.2.7", "X-Real-Ip": "10.9.9.9"}
        closed = await (await Wire.open(address, token, headers=forged)).closed()
        await left(wires)
        return closed

    assert asyncio.run(forging()).code == TOO_MANY


@pytest.mark.parametrize(
    ("peer", "proxies", "asked", "client"),
    [
        ("127.0.0.1", "", {"X-Forwarded-For": "1.1.1.1, 2.2.2.2"}, "2.2.2.2"),
        ("127.0.0.1", "", {"X-Real-Ip": "1.1.1.1"}, "127.0.0.1"),
        ("127.0.0.1", "", {"X-Forwarded-For": "nobody"}, "127.0.0.1"),
        ("192.0.2.9", "", {"X-Forwarded-For": "1.1.1.1"}, "192.0.2.9"),
        ("192.0.2.9", "", {"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1"}, "192.0.2.9"),
        ("192.0.2.9", "192.0.2.0/24", {"X-Forwarded-For": "1.1.1.1"}, "1.1.1.1"),
        ("::1", "", {"X-Forwarded-For": "2001:db8::7"}, "2001:db8::7"),
    ],
)
def test_an_address_in_a_header_counts_where_a_known_proxy_wrote_it(
    peer: str, proxies: str, asked: dict[str, str], client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_PROXIES", clients.networks(proxies))
    monkeypatch.setattr(_HTTPRequestContext, "_apply_xheaders", _HTTPRequestContext._apply_xheaders)
    find_clients(clients.client_address)
    context = object.__new__(_HTTPRequestContext)
    context.remote_ip, context.protocol, context.trusted_downstream = peer, "http", set()
    context._apply_xheaders(HTTPHeaders({**asked, "X-Forwarded-Proto": "https"}))
    assert context.remote_ip == client
    assert context.protocol == "https"
