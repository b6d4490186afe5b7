"""Measure a class: N students open a lab at once and move sliders, over real websockets against `amtlab serve`.

Run: python benchmarks/load.py [30 60 100 training] [--processes 2] [--seconds 30] [--url URL]. No browser is needed:
each student speaks what a browser speaks (page, scripts, websocket, document, then the messages of static/lab.js),
every 3 s moves one slider and waits for the picture. Prints, beside its target: page ready and slider to update (p50,
p95), errors, lost sessions, the server's CPU, and its memory by session: what the cache that all share may hold is
filled first, so that what is added is the sessions' own. Students share the machine with the server unless --url
names another one, so figures are pessimistic; the load average of the machine stands beside them.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import psutil
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

ROOT = Path(__file__).resolve().parent.parent

#: Sliders that students move, with the range they move them in.
SLIDERS: dict[str, dict[str, tuple[float, float]]] = {
    "filterbank": {"s.level": (40, 80), "f.bandwidth": (0.5, 2.0), "v.frequency": (300, 4000)},
    "cochlea": {"t.cf": (500, 4000), "t.level": (20, 90), "e.a_db": (-20, 10)},
    "loudness": {"s.level": (30, 90), "s.frequency": (200, 6000), "p.exponent": (1.0, 3.0)},
    "fdn": {"n.seed": (0, 9999), "n.rt": (0.5, 5.0)},
}
#: name -> students, seconds within which they arrive, p95 of page ready and of an update in ms (None: no target)
SCENARIOS: dict[str, tuple[int, float, float | None, float | None]] = {
    "30": (30, 5.0, 6000.0, 300.0),
    "60": (60, 5.0, None, 800.0),
    "100": (100, 60.0, None, 1000.0),
    "training": (30, 5.0, None, 1500.0),
}
#: How often costs of a slider are measured, and by how many moves each time.
ROUNDS, MOVES = 7, 12
THINK_S = 3.0
PATIENCE_S = 60.0
#: A little more than the time after which the server gives freed memory back (app/server/memory.py).
TRIM_S = 11.0
#: How long the server keeps the session of a page that was left, s: longer than that, or none would be there to weigh.
LEFT_S = 25

_SCRIPTS = re.compile(r"""<(?:script|link)[^>]+(?:src|href)=["']([^"']+\.(?:js|css)[^"']*)["']""")
_TOKEN = re.compile(r'"token":"([^"]+)"')


class Failed(Exception):
    """What a student would see as a broken page."""


# --- one browser -------------------------------------------------------------------------------------------


class Browser:
    """One student's browser: fetches pages over one connection, as HTTP/1.1 keeps it open."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "localhost", parts.port or 80
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.received = 0

    async def get(self, address: str) -> bytes:
        """Fetch an address of the server."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        path = urlsplit(address)._replace(scheme="", netloc="").geturl() or "/"
        head = f"GET {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nAccept-Encoding: gzip\r\n\r\n"
        self._writer.write(head.encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        length = re.search(rb"\r\ncontent-length: *([0-9]+)", answer, re.IGNORECASE)
        body = await self._reader.readexactly(int(length[1]) if length else 0)
        self.received += len(answer) + len(body)
        if status != 200:
            raise Failed(f"{path}: status {status}")
        return body

    async def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()


class Session:
    """A lab's page as a browser has it: its websocket, and the part that takes messages."""

    def __init__(self, browser: Browser, slug: str, returning: bool) -> None:
        self.browser, self.slug, self._returning = browser, slug, returning
        self.socket: WebSocketClientConnection | None = None
        self.part = ""
        self.sequence = 0
        self.received = 0

    async def open(self, link: str = "") -> None:
        """Load the page and its document, and report it ready, as Bokeh's client does."""
        address = f"{self.browser.url}/{self.slug}{link}"
        page = (await self.browser.get(address)).decode()
        if not self._returning:  # a browser that was here has the scripts
            for script in _SCRIPTS.findall(page):
                await self.browser.get(urljoin(address, script))
        token = _TOKEN.search(page)
        if token is None:
            raise Failed(f"{self.slug}: the page holds no session")
        parts = urlsplit(f"{self.browser.url}/{self.slug}")
        where = f"ws://{parts.netloc}{parts.path}/ws{link}"
        origin = {"Origin": self.browser.url, "Sec-WebSocket-Protocol": f"bokeh, {token[1]}"}
        self.socket = await websocket_connect(HTTPRequest(where, headers=origin), max_message_size=2**28)
        self.socket.protocol.set_nodelay(True)  # as browsers do
        await self._message("ACK")
        self._send("PULL-DOC-REQ")
        document = (await self._message("PULL-DOC-REPLY"))["doc"]
        self.part = _figures(document)
        for name, value in (
            ("dark_mode", False),
            ("device_pixel_ratio", 1),
            ("language", "en"),
            ("timezone", "UTC"),
        ):
            browser_info = _model(document, "panel.models.browser.BrowserInfo")
            self._patch({"kind": "ModelChanged", "model": {"id": browser_info}, "attr": name, "new": value})
        ready = {"type": "event", "name": "document_ready", "values": {"type": "map"}}
        self._patch({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": ready})

    def say(self, **message: Any) -> None:
        """Send one of the messages of static/lab.js."""
        values = [["model", {"id": self.part}], ["data", _encoded(message)]]
        event = {"type": "event", "name": "data_event", "values": {"type": "map", "entries": values}}
        self._patch({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event})

    async def set(self, **values: Any) -> None:
        """Move sliders and wait for the picture that answers."""
        self.sequence += 1
        self.say(type="set", values=values, sequence=self.sequence)
        await self._until(f'["answered",{self.sequence}]')

    async def _until(self, text: str) -> str:
        while True:
            kind, content = await self._next()
            if kind == "ERROR":
                raise Failed(f"{self.slug}: the server answered with an error: {content[:300]}")
            if "That did not work" in content:
                raise Failed(f"{self.slug}: a message failed, see the server's log")
            if text in content:
                return content

    async def listen(self) -> None:
        """Take in what comes until the session is closed."""
        while True:
            await self._next()

    def close(self) -> None:
        """Leave the page."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    async def leave(self) -> None:
        """Leave the page and close the browser, connections and all."""
        socket = self.socket
        self.close()
        while socket is not None and await socket.read_message() is not None:
            pass
        await self.browser.close()

    def _send(self, kind: str, content: Any = None) -> None:
        if self.socket is None:
            raise Failed(f"{self.slug}: the session is closed")
        header = {"msgid": f"{random.getrandbits(64):x}", "msgtype": kind}
        for fragment in (header, {}, content or {}):
            self.socket.write_message(json.dumps(fragment, separators=(",", ":")))

    def _patch(self, event: dict[str, Any]) -> None:
        self._send("PATCH-DOC", {"events": [event]})

    async def _frame(self) -> str | bytes:
        if self.socket is None:
            raise Failed(f"{self.slug}: the session is closed")
        frame = await self.socket.read_message()
        if frame is None:
            raise Failed(f"{self.slug}: the server closed the session")
        self.received += len(frame)
        return frame

    async def _next(self) -> tuple[str, str]:
        """Return kind and content of the next message; its buffers are read, and left out."""
        header = json.loads(await self._frame())
        await self._frame()
        content = await self._frame()
        for _ in range(2 * header.get("num_buffers", 0)):
            await self._frame()
        return header["msgtype"], str(content)

    async def _message(self, kind: str) -> Any:
        while True:
            found, content = await self._next()
            if found == kind:
                return json.loads(content)
            if found == "ERROR":
                raise Failed(f"{self.slug}: {content[:300]}")


def _encoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {"type": "map", "entries": [[key, _encoded(each)] for key, each in value.items()]}
    return value


def _models(document: Any) -> Iterator[dict[str, Any]]:
    todo = [document]
    while todo:
        at = todo.pop()
        if isinstance(at, dict):
            if at.get("type") == "object" and "id" in at:
                yield at
            todo += at.values()
        elif isinstance(at, list):
            todo += at


def _model(document: Any, name: str) -> str:
    return next(str(model["id"]) for model in _models(document) if model["name"] == name)


def _figures(document: Any) -> str:
    """Return the model of the part that draws the figures: it sends what the controls say."""
    for model in _models(document):
        attributes = model.get("attributes", {})
        if "data" in attributes and '"figures"' in json.dumps(attributes["data"])[:5000]:
            return str(model["id"])
    raise Failed("the document has no figures")


# --- a class -----------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What a class went through; times in ms."""

    ready: list[float] = field(default_factory=list)
    updates: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lost: int = 0
    received: int = 0


async def student(
    url: str, slug: str, arrives: float, until: float, seen: Seen, dice: random.Random, returning: bool
) -> None:
    """Arrive, open the lab, and move sliders until the lesson is over (both times of `time.monotonic`)."""
    await asyncio.sleep(max(0.0, arrives - time.monotonic()))
    browser = Browser(url)
    session = Session(browser, slug, returning)
    opened = False
    try:
        began = time.monotonic()
        await asyncio.wait_for(session.open(), PATIENCE_S)
        seen.ready.append(1000 * (time.monotonic() - began))
        opened = True
        due = time.monotonic() + dice.uniform(0.5, 1.0) * THINK_S
        while due < until:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            key, (low, high) = dice.choice(list(SLIDERS[slug].items()))
            value = round(dice.uniform(low, high), 2 if high <= 10 else 0)
            began = time.monotonic()
            await asyncio.wait_for(session.set(**{key: value}), PATIENCE_S)
            seen.updates.append(1000 * (time.monotonic() - began))
            due = max(due + THINK_S, time.monotonic())
    except Exception as problem:  # whatever it was, a student saw it
        seen.errors.append(f"{type(problem).__name__}: {problem}")
        seen.lost += opened
    finally:
        seen.received += session.received + browser.received
        session.close()
        await browser.close()


@asynccontextmanager
async def trainer(url: str) -> AsyncIterator[None]:
    """One student who trains a network for as long as the lesson lasts."""
    session = Session(Browser(url), "fdn", True)
    await session.open("?t.steps=5000&t.patience=2000&n.lines=8")
    session.say(type="work", do="play")
    await asyncio.wait_for(session._until("Pause"), PATIENCE_S)
    listening = asyncio.create_task(session.listen())
    try:
        yield
    finally:
        if listening.done():
            print(f"  the training ended early: {listening.exception()}")
        listening.cancel()
        session.say(type="work", do="stop")
        await asyncio.sleep(1.0)
        session.close()


async def lesson(
    url: str, students: int, within: float, seconds: float, labs: list[str], seed: int, returning: bool
) -> Seen:
    """Let a class come within some seconds and work for some more."""
    seen, now = Seen(), time.monotonic() + 0.5
    until = now + within + seconds
    tasks = []
    for i in range(students):
        dice = random.Random(1000 * seed + i)
        arrives = now + within * (i + dice.random()) / students
        tasks.append(student(url, labs[i % len(labs)], arrives, until, seen, dice, returning))
    await asyncio.gather(*tasks)
    return seen


# --- the server --------------------------------------------------------------------------------------------


def _memory(process: psutil.Process) -> int:
    """Return the memory of a process in bytes; what it shares with others counts by its part, where that is known."""
    found = process.memory_full_info()
    return int(getattr(found, "pss", found.rss))


class Server:
    """The processes of `amtlab serve`, as far as this machine can see them."""

    def __init__(self, url: str, process: subprocess.Popen[str] | None, count: int = 1) -> None:
        self.url = url
        self.count = count
        self._process = process

    def processes(self) -> list[psutil.Process]:
        """Return the processes that serve, none for a server elsewhere."""
        if self._process is None:
            return []
        return psutil.Process(self._process.pid).children(recursive=True)

    def cpu(self) -> float:
        """Return the CPU time spent so far, s."""
        times = [process.cpu_times() for process in self.processes()]
        return sum(t.user + t.system for t in times)

    def memory_mb(self, *, workers: bool = False) -> float:
        """Return the memory held, MB, by all processes that serve together, or by those that train for them."""
        found = [p for p in self.processes() if ("multiprocessing" in " ".join(p.cmdline())) == workers]
        return sum(_memory(process) for process in found) / 1e6

    async def health(self) -> list[dict[str, float]]:
        """Return what each process that serves says of itself; any of them answers, so they are asked until all did."""
        found: dict[float, dict[str, float]] = {}
        for _ in range(200):
            browser = Browser(self.url)
            said = json.loads(await browser.get(f"{self.url}/health"))
            await browser.close()
            found[said["pid"]] = said
            if len(found) == self.count:
                break
        return list(found.values())

    async def sessions(self) -> float:
        """Return the number of sessions, all processes together."""
        return sum(said["sessions"] for said in await self.health())


@contextmanager
def served(url: str | None, processes: int) -> Iterator[Server]:
    if url:
        yield Server(url.rstrip("/"), None)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "amtlib.cli",
        "serve",
        "--port",
        str(port),
        "--processes",
        str(processes),
        "--session-timeout",
        str(LEFT_S),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        while "is ready" not in (line := process.stdout.readline()):  # said when every process has warmed up
            if not line:
                raise SystemExit("amtlab serve ended; its message stands above")
        yield Server(f"http://localhost:{port}", process, processes)
    finally:
        process.terminate()
        process.wait(20)


# --- what is printed ---------------------------------------------------------------------------------------


def share_at(values: list[float], share: float) -> float:
    """Return the value that a share of the values does not exceed, nan where there are none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def row(
    what: str, value: float, unit: str, target: float | None = None, *, also: float | None = None
) -> bool:
    """Print a figure, and another one where there is one, beside its target; return whether it is met."""
    met = target is None or value <= target
    if also is not None:
        unit = f"{unit} {also:9.1f} {unit}"
    beside = "" if target is None else f"  target {target:8.1f}  {'ok' if met else 'OVER'}"
    print(f"  {what:44} {value:9.1f} {unit:3}{beside}", flush=True)
    return met


def pace() -> float:
    """Return how fast this machine is just now: CPU time of a fixed loop of Python, ms."""
    began = time.process_time()
    sum(i * i for i in range(200_000))
    return 1000 * (time.process_time() - began)


async def costs(server: Server, labs: list[str]) -> bool:
    """Measure what one page and one move cost, alone on the server."""
    good = True
    for slug in labs:
        print(f"/{slug}, one student at a time")
        for returning, name in ((True, "that was here before"), (False, "new here")):
            sessions = []
            for warm in (True, False):
                before, held = server.cpu(), server.memory_mb()
                for _ in range(6):
                    session = Session(Browser(server.url), slug, returning)
                    await session.open()
                    sessions.append(session)
                    await asyncio.sleep(0.1)
                await asyncio.sleep(0.3)
                if not warm and server.processes():
                    target = 200.0
                    good &= row(
                        f"open, browser {name}, CPU", (server.cpu() - before) / 6 * 1000, "ms", target
                    )
                    row("  memory a session", (server.memory_mb() - held) / 6, "MB", 2.0)
            session = sessions[-1]
            row("  received: page", session.browser.received / 1000, "kB")
            row("  received: document", session.received / 1000, "kB")
            for each in sessions:
                each.close()
                await each.browser.close()
        session = Session(Browser(server.url), slug, True)
        await session.open()
        dice = random.Random(0)
        spent: dict[str, list[float]] = {key: [] for key in SLIDERS[slug]}
        times: dict[str, list[float]] = {key: [] for key in SLIDERS[slug]}
        received = dict.fromkeys(SLIDERS[slug], 0)
        paces = [pace()]
        for _ in range(ROUNDS):  # in turn: the machine is not equally fast all the time
            for key, (low, high) in SLIDERS[slug].items():
                before, had = server.cpu(), session.received
                for _ in range(MOVES):
                    value = round(dice.uniform(low, high), 2 if high <= 10 else 0)
                    began = time.monotonic()
                    await session.set(**{key: value})
                    times[key].append(1000 * (time.monotonic() - began))
                spent[key].append((server.cpu() - before) / MOVES * 1000)
                received[key] += session.received - had
            paces.append(pace())
        for key in SLIDERS[slug]:
            if server.processes():
                target = None if slug == "fdn" else 30.0
                good &= row(
                    f"{key}: CPU a move, median of {ROUNDS} rounds", share_at(spent[key], 0.5), "ms", target
                )
                row("  in the fastest round, in the slowest", min(spent[key]), "ms", also=max(spent[key]))
            row("  slider to update, p50", share_at(times[key], 0.5), "ms")
            row("  received a move", received[key] / (ROUNDS * MOVES) / 1000, "kB")
        row("a fixed loop of Python meanwhile", share_at(paces, 0.5), "ms")
        row("  the fastest, the slowest", min(paces), "ms", also=max(paces))
        session.close()
        await session.browser.close()
    return good


async def fill(server: Server, labs: list[str], within_s: float = 90.0) -> None:
    """Move sliders until the cache that sessions share is full: what it holds is bounded, and no session's."""
    dice, sessions = random.Random(0), []
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        full = [said["shared_mb"] > 0.9 * said["shared_limit_mb"] for said in await server.health()]
        if all(full) and len(full) == server.count:
            break
        if len(sessions) < 4 * server.count:  # some on each process
            sessions.append(Session(Browser(server.url), labs[len(sessions) % len(labs)], True))
            await sessions[-1].open()
        for each in sessions:
            for key, (low, high) in SLIDERS[each.slug].items():
                await each.set(**{key: round(dice.uniform(low, high), 2 if high <= 10 else 0)})
    for each in sessions:
        each.close()
        await each.browser.close()


async def emptied(server: Server) -> None:
    """Wait until no session of those before is left, and what they held is given back."""
    deadline = time.monotonic() + LEFT_S + PATIENCE_S
    while left := await server.sessions():
        if time.monotonic() > deadline:
            raise SystemExit(f"{left:g} sessions stay, {LEFT_S + PATIENCE_S:g} s after their pages were left")
        await asyncio.sleep(1.0)
    await asyncio.sleep(TRIM_S)


async def memory_a_session(server: Server, held: float) -> float:
    """Return by how much the memory has grown since there was no session, MB for each that there is now."""
    await asyncio.sleep(TRIM_S)  # the pages have been left, their sessions are still there
    there = await server.sessions()
    return (server.memory_mb() - held) / there if there else float("nan")


async def scenario(server: Server, name: str, options: argparse.Namespace) -> bool:
    """Hold one lesson and print how it went."""
    students, within, ready, update = SCENARIOS[name]
    also = ", one more trains a network" if name == "training" else ""
    print(
        f"{students} students arrive within {within:g} s{also}; load average {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    if server.processes():
        await fill(server, options.labs)
        await emptied(server)
    before, held, began = server.cpu(), server.memory_mb(), time.monotonic()
    mine = time.process_time()
    lesson_over = lesson(
        server.url, students, within, options.seconds, options.labs, options.seed, options.returning
    )
    if name == "training":
        async with trainer(server.url):
            seen = await lesson_over
    else:
        seen = await lesson_over
    spent, took = server.cpu() - before, time.monotonic() - began
    row("page ready, p50", share_at(seen.ready, 0.5), "ms")
    good = row("page ready, p95", share_at(seen.ready, 0.95), "ms", ready)
    row("slider to update, p50", share_at(seen.updates, 0.5), "ms")
    good &= row("slider to update, p95", share_at(seen.updates, 0.95), "ms", update)
    good &= row("errors", len(seen.errors), "", 0.0)
    good &= row("lost sessions", seen.lost, "", 0.0)
    row("updates", len(seen.updates), "")
    row("received a student", seen.received / students / 1e6, "MB")
    if server.processes():
        row("server's memory at the end", server.memory_mb(), "MB")
        row("server's CPU, of one core", 100 * spent / took, "%")
        if workers := server.memory_mb(workers=True):
            row("  and of those that train", workers, "MB")
        grown = await memory_a_session(server, held)
        # The first training of a process imports 100 MB, which are no session's.
        good &= row(
            "memory a session in use, shared cache full", grown, "MB", None if name == "training" else 2.0
        )
    row("the students' own CPU, of one core", 100 * (time.process_time() - mine) / took, "%")
    for problem in sorted(set(seen.errors))[:5]:
        print(f"  {seen.errors.count(problem)} x {problem}")
    print(f"  load average {os.getloadavg()[0]:.1f}")
    return good


async def measure(server: Server, options: argparse.Namespace) -> bool:
    good = await costs(server, options.labs) if "costs" in options.scenarios else True
    for name in options.scenarios:
        if name != "costs":
            good &= await scenario(server, name, options)
            await asyncio.sleep(2.0)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ["costs", *SCENARIOS]
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(names)}; all by default"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long they work once all are there")
    parser.add_argument(
        "--labs", nargs="+", choices=sorted(SLIDERS), default=["filterbank", "cochlea", "loudness"]
    )
    parser.add_argument(
        "--returning", action="store_true", help="browsers that have the site's scripts already"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--url", help="a server that runs already, instead of serving this checkout")
    options = parser.parse_args()
    options.scenarios = options.scenarios or names
    unknown = [name for name in options.scenarios if name not in names]
    if unknown:
        parser.error(f"there is no scenario {unknown[0]}; give some of {', '.join(names)}")
    with served(options.url, options.processes) as server:
        good = asyncio.run(measure(server, options))
    print("every target met" if good else "some targets OVER")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
