"""Faults that a server of a class meets, with real processes: the class goes on, and at most one page opens anew."""

import asyncio
import contextlib
import gc
import json
import os
import re
import resource
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator

import psutil
import pytest
from tornado.httpclient import HTTPClientError

from benchmarks.browser import Browser, Failed, Session
from tests.serving import ROOT, Server, free_port, served
from tests.waiting import until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="several processes, and limits on them, are Linux's"
)

#: Seconds that the servers here give a request, and a process without a sign of life.
HEADER_S, FROZEN_S = 3.0, 8.0
TRAINING = "?n.lines=16&t.steps=5000&t.patience=2000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two processes where little is to be had: 256 files each, a full disk for the log, no home, no folder for
    temporary files.
    """
    folder = tmp_path_factory.mktemp("faults")
    environment = {"HOME": "/proc/nobody", "TMPDIR": "/proc/nothing", "XDG_CACHE_HOME": "/proc/nothing"}
    options = ["--processes", "2", "--trainings", "1", "--access-log", "/dev/full"]
    options += ["--header-time", f"{HEADER_S:g}", "--frozen-time", f"{FROZEN_S:g}", "--session-timeout", "5"]
    with served(folder / "log.txt", *options, environment=environment, limits="ulimit -n 256") as running:
        yield running


def processes(server: Server) -> list[psutil.Process]:
    """Return the server's processes, without the one that starts them and without workers."""
    command = psutil.Process(server.process.pid)
    (panel,) = [each for each in command.children() if "panel" in each.cmdline()]
    return panel.children()


def get(server: Server, path: str = "/", within_s: float = 20.0) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{server.url}{path}", timeout=within_s) as answer:
        return str(answer.read().decode())


def pids_that_answer(server: Server, tries: int = 40) -> set[int]:
    return {json.loads(get(server, "/health"))["pid"] for _ in range(tries)}


async def visit(server: Server, slug: str, link: str = "") -> Session:
    session = Session(Browser(server.url), slug, True)
    await session.open(link)
    return session


def process_of(server: Server, session: Session) -> psutil.Process:
    """Return the process that a page is connected to."""
    assert session.socket is not None
    port = session.socket.protocol.stream.socket.getsockname()[1]  # type: ignore[union-attr]
    for each in processes(server):
        if any(c.raddr and c.raddr.port == port for c in each.net_connections("tcp")):
            return each
    raise AssertionError("no process has the page's connection")


async def values(session: Session) -> str:
    """Return what a page is told when it has arrived."""
    session.say(type="hello")
    return await asyncio.wait_for(session._until('["values"'), 30)


# ---------------------------------------------------------------- connections


#: Nothing, half a header, half a body.
ASKING_SLOWLY = (
    b"",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nname=",
)


@contextlib.contextmanager
def many(server: Server, says: Iterable[bytes]) -> Iterator[list[socket.socket]]:
    """Open connections that say so much each and no more."""
    opened = []
    try:
        for say in says:
            one = socket.create_connection(("127.0.0.1", server.port), 20)
            opened.append(one)
            with contextlib.suppress(OSError):  # it has given way already
                one.sendall(say)
        yield opened
    finally:
        for one in opened:
            one.close()


def closed(one: socket.socket) -> bool:
    """Whether the other side has closed a connection."""
    one.setblocking(False)
    try:
        return one.recv(2**16) == b"" or closed(one)
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_hundreds_of_connections_that_ask_for_nothing_or_by_half_keep_nobody_waiting(server: Server) -> None:
    async def one() -> None:
        session = await visit(server, "cochlea")  # there before, and there afterwards
        written, used = len(server.log()), sum(sum(each.cpu_times()[:2]) for each in processes(server))
        began = time.monotonic()
        with many(server, ASKING_SLOWLY * 200) as opened:
            for _ in range(10):
                assert "<html" in await asyncio.to_thread(get, server, "/", 5.0)
            newcomer = await asyncio.wait_for(visit(server, "cochlea"), 30)
            await newcomer.leave()
            assert await asyncio.to_thread(until, lambda: all(map(closed, opened)), HEADER_S + 20)
        took = time.monotonic() - began
        spent = sum(sum(each.cpu_times()[:2]) for each in processes(server)) - used
        await session.set(**{"t.level": 50})
        await session.leave()
        assert spent < took  # of two; accepting in a circle takes both whole
        assert len(server.log()) - written < 10_000

    asyncio.run(one())


def test_answers_that_nobody_takes_give_way_to_who_comes_later(server: Server) -> None:
    ask = b"GET /static/js/bokeh.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8  # more than a socket holds
    with many(server, [ask] * 500):
        assert until(lambda: "<html" in tried(server), 4 * HEADER_S)
    assert "<html" in get(server)


def tried(server: Server) -> str:
    with contextlib.suppress(OSError):
        return get(server, within_s=5.0)
    return ""


# ---------------------------------------------------------------- processes


def test_a_log_on_a_full_disk_is_said_once_for_each_process(server: Server) -> None:
    for _ in range(20):
        get(server, "/health")
    lines = [line for line in server.log().splitlines() if "/dev/full" in line]
    assert 1 <= len(lines) <= 2
    assert "No space left on device" in lines[0]
    assert "Logging error" not in server.log()


def test_a_killed_process_is_replaced_and_its_pages_come_back_by_their_links(server: Server) -> None:
    async def killed() -> tuple[str, str]:
        link = "?s.level=44"
        session = await visit(server, "filterbank", link)
        mine = await asyncio.to_thread(process_of, server, session)
        mine.kill()
        with pytest.raises(Failed, match="closed the session"):
            await asyncio.wait_for(session.listen(), 20)
        session.close()
        await session.browser.close()
        began = time.monotonic()
        while time.monotonic() < began + 2:  # while the other one is alone
            await asyncio.to_thread(get, server)
        again = await visit(server, "filterbank", link)
        told = await values(again)
        await again.leave()
        return told, str(mine.pid)

    # One process is to take what both have, beside what the tests before have left open.
    assert until(lambda: sum(len(each.net_connections("tcp")) for each in processes(server)) < 50, 30)
    before = {each.pid for each in processes(server)}
    told, lost = asyncio.run(killed())
    assert '["s.level",44' in told
    assert until(lambda: len(processes(server)) == 2)
    after = {each.pid for each in processes(server)}
    assert len(after - before) == 1
    assert int(lost) not in after
    assert until(lambda: pids_that_answer(server) == after)
    assert "amtlab: a server process was killed (SIGKILL)" in server.log()


def test_while_one_process_stands_still_the_other_one_serves(server: Server) -> None:
    still, other = processes(server)
    still.suspend()
    try:
        assert pids_that_answer(server) == {other.pid}

        async def one() -> None:
            session = await visit(server, "loudness")
            await session.set(**{"s.level": 50})
            await session.leave()

        asyncio.run(one())
    finally:
        still.resume()
    assert until(lambda: still.pid in pids_that_answer(server))


def health_of(server: Server, process: psutil.Process) -> dict[str, float]:
    """Return how busy a process is; either may answer."""
    while True:
        found: dict[str, float] = json.loads(get(server, "/health"))
        if found["pid"] == process.pid:
            return found


def worker_of(process: psutil.Process, but: psutil.Process | None = None) -> psutil.Process:
    """Return the process that trains for a server process, once there is one other than `but`."""
    found: list[psutil.Process] = []

    def look() -> bool:
        for each in process.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # one that ends meanwhile
                if each != but and "spawn_main" in " ".join(each.cmdline()):
                    found.append(each)
        return bool(found)

    assert until(look, 60)
    return found[0]


def test_a_frozen_training_worker_is_replaced_and_the_page_says_so(server: Server) -> None:
    async def frozen() -> tuple[str, float]:
        session = await visit(server, "fdn", TRAINING)
        mine = await asyncio.to_thread(process_of, server, session)
        session.say(type="work", do="play")
        await asyncio.wait_for(session._until('["text","step 1'), 90)
        worker = worker_of(mine)
        worker.suspend()
        began = time.monotonic()
        said = await asyncio.wait_for(session._until("no sign of life"), 90)
        took = time.monotonic() - began
        assert not worker.is_running()
        await asyncio.wait_for(session._until('["text","step '), 60)  # it goes on
        # Stop answers, and frees the seat, while the next one is frozen as well.
        another = worker_of(mine)
        another.suspend()
        session.say(type="work", do="stop")
        assert await asyncio.to_thread(until, lambda: health_of(server, mine)["jobs"] == 0, 15)
        session.say(type="work", do="play")
        await asyncio.wait_for(session._until('"Pause"'), 60)
        (await asyncio.to_thread(worker_of, mine, another)).suspend()
        await session.leave()
        assert await asyncio.to_thread(
            until, lambda: health_of(server, mine)["jobs"] == 0, 30
        )  # 5 s after the page
        return said, took

    said, took = asyncio.run(frozen())
    assert re.search(r"gave no sign of life for 8 s and was killed; another one goes on from step \d+", said)
    assert 0.75 * FROZEN_S < took < 60


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # connections that a time-out cut
def test_little_memory_costs_requests_and_no_process(server: Server) -> None:
    async def poor() -> None:
        session = await visit(server, "filterbank")
        mine = await asyncio.to_thread(process_of, server, session)
        written = len(server.log())
        free = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        (neighbour,) = [each for each in processes(server) if each != mine]
        resource.prlimit(mine.pid, resource.RLIMIT_AS, (mine.memory_info().vms, free[1]))
        failed = 0

        async def student(slug: str) -> None:
            other = Session(Browser(server.url), slug, True)
            neighbour.suspend()  # not for so long that it would be replaced
            try:
                await other.open()
                other.say(type="work", do="play")
                await other.set(**{"s.duration": 20.0})
            finally:
                neighbour.resume()
                other.close()
                await other.browser.close()

        try:
            for duration in (1.0, 30.0, 2.0):
                values = {"s.duration": duration, "f.channels": 128}
                session.say(type="set", values=values, sequence=1, step=1)
            for slug in ("loudness", "fdn", "cochlea") * 4:
                try:
                    await asyncio.wait_for(student(slug), FROZEN_S / 3)
                except (Failed, OSError, TimeoutError, asyncio.IncompleteReadError, HTTPClientError):
                    failed += 1
                if failed >= 2:
                    break
        finally:
            with contextlib.suppress(ProcessLookupError):  # replaced already
                resource.prlimit(mine.pid, resource.RLIMIT_AS, free)
        assert failed > 0  # or there was enough
        assert len(server.log()) - written < 200_000
        session.close()
        await session.browser.close()
        # Python waits without end for a thread that had no memory to begin: such a process is replaced.
        assert await asyncio.to_thread(until, lambda: len(pids_that_answer(server)) == 2)
        assert neighbour.is_running()  # whichever answers: it is the one that was there before
        for _ in range(4):
            again = await visit(server, "filterbank")
            await again.set(**{"s.level": 50})
            await again.leave()

    asyncio.run(poor())
    gc.collect()


def test_the_end_of_what_starts_the_processes_leaves_nobody(
    server: Server,
) -> None:  # the last one that asks this server
    children = psutil.Process(server.process.pid).children(recursive=True)
    (panel,) = psutil.Process(server.process.pid).children()
    panel.kill()
    assert server.process.wait(20) == 1
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


# ---------------------------------------------------------------- the command


def test_no_limit_goes_by_a_clock_that_may_be_set() -> None:
    """All that waits or counts seconds asks `time.monotonic`; a log, and what several servers read (tokens,
    the file of listening tests), have the time of day.
    """
    asks = re.compile(r"\btime\.time\(|\b(datetime|date)\.(utc)?(now|today)\(")
    files = [file for folder in ("amtlib", "app") for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100
    found = {str(file.relative_to(ROOT)) for file in files if asks.search(file.read_text())}
    assert found == {"app/listen/store.py", "app/server/access.py", "app/server/sessions.py"}


def test_of_two_servers_on_one_port_one_is_ready_and_the_other_says_why_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder, port = tmp_path_factory.mktemp("two"), free_port()
    command = [sys.executable, "-m", "amtlib.cli", "serve", "--port", str(port)]
    logs = [folder / "one.txt", folder / "two.txt"]
    both = []
    try:
        for log in logs:
            with log.open("wb") as out:
                both.append(
                    subprocess.Popen(
                        command,
                        cwd=ROOT,
                        env={**os.environ, "AMTLAB_COLD": "1"},
                        stdout=out,
                        stderr=out,
                        start_new_session=True,
                    )
                )
        assert until(lambda: any(each.poll() is not None for each in both))
        assert until(lambda: any("is ready" in log.read_text() for log in logs))
        lost = 0 if both[0].poll() is not None else 1
        said = logs[lost].read_text()
        assert both[lost].returncode == 2
        assert f"port {port} on localhost cannot be used" in said
        assert "is ready" not in said
        assert "is ready" in logs[1 - lost].read_text()
        assert both[1 - lost].poll() is None
    finally:
        for each in both:
            each.terminate()
        for each in both:
            each.wait(20)
