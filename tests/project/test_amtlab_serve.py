"""The labs as `amtlab serve` really serves them: addresses, health, and an end that leaves nothing behind."""

import asyncio
import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import psutil
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from amtlib.cli import main
from amtlib.options import ServeOptions
from amtlib.serving import panel_command, suitable_processes
from app.server.warm import is_shared
from benchmarks.browser import Browser, Session
from tests.serving import ROOT, Server, served

TOKEN = re.compile(r'"token": ?"([^"]+)"')

posix = pytest.mark.skipif(os.name != "posix", reason="several processes need Linux or macOS")


def get(url: str) -> tuple[str, str]:
    """Return the address an answer finally came from, and its text."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=60) as answer:
        return answer.geturl(), answer.read().decode()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    options = ["--prefix", "/amt", "--session-timeout", "5", "--trainings", "1"]
    with served(folder / "log.txt", *options, "--access-log", str(folder / "access.jsonl")) as running:
        yield running


def test_the_root_is_the_landing_page_without_a_detour(server: Server) -> None:
    address, text = get(f"{server.url}/amt/")
    assert address == f"{server.url}/amt/"
    assert "<html" in text


PAGES = ["index", *(view.parent.name for view in sorted((ROOT / "app" / "labs").glob("*/view.py")))]


@pytest.mark.parametrize("page", PAGES)
def test_each_page_answers_under_its_name(server: Server, page: str) -> None:
    assert "<html" in get(f"{server.url}/amt/{page}")[1]


def test_health_tells_version_sessions_and_memory(server: Server) -> None:
    health = json.loads(get(f"{server.url}/amt/health")[1])
    assert health["status"] == "ok"
    assert health["version"] == "0.1.0"
    assert health["sessions"] >= 0
    # torch and bokeh alone are above 100 MB: less means that the set-up did not run.
    assert health["rss_mb"] > 100


def health(server: Server) -> dict[str, float]:
    found: dict[str, float] = json.loads(get(f"{server.url}/amt/health")[1])
    return found


def until(true: object, within_s: float = 30.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if true():  # type: ignore[operator]
            return True
        time.sleep(0.2)
    return False


async def visit(server: Server, slug: str, link: str = "") -> Session:
    session = Session(Browser(f"{server.url}/amt"), slug, True)
    await session.open(link)
    return session


def test_every_answer_tells_browsers_what_a_page_may_do(server: Server) -> None:
    for address in ("/", "/filterbank", "/health", "/static/js/bokeh.min.js", "/nothing-here"):
        try:
            headers = urllib.request.urlopen(f"{server.url}/amt{address}", timeout=60).headers
        except urllib.error.HTTPError as refused:
            headers = refused.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Server"] is None
        if headers["Content-Type"].startswith("text/html"):
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_pages_html_begins_no_session_and_its_websocket_one(server: Server) -> None:
    get(f"{server.url}/amt/cochlea")  # the first one is drawn by Panel
    assert until(lambda: health(server)["sessions"] == 0)
    assert "token" in get(f"{server.url}/amt/cochlea")[1]
    assert health(server)["sessions"] == 0

    async def one() -> None:
        session = await visit(server, "cochlea")
        assert await asyncio.to_thread(lambda: health(server)["sessions"]) == 1
        await session.leave()

    asyncio.run(one())


def test_a_link_reaches_the_session_that_the_websocket_begins(server: Server) -> None:
    async def linked() -> str:
        session = await visit(server, "filterbank", "?s.level=44")
        session.say(type="hello")
        content = await session._until('["values"')
        await session.leave()
        return content

    assert '["s.level",44' in asyncio.run(linked())


def test_a_query_too_long_for_the_way_is_refused_in_a_sentence(server: Server) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(f"{server.url}/amt/filterbank?x={'9' * 9000}")
    assert refused.value.code == 414
    assert "Open the page without it" in refused.value.read().decode()


def test_closed_sessions_leave_their_memory(server: Server) -> None:
    async def open_and_close(sessions: int) -> None:
        for i in range(sessions):
            session = await visit(server, ("filterbank", "cochlea", "loudness")[i % 3])
            await session.leave()

    asyncio.run(open_and_close(21))  # fills what a process keeps
    assert until(lambda: health(server)["sessions"] == 0)
    before = health(server)["rss_mb"]
    asyncio.run(open_and_close(60))
    assert until(lambda: health(server)["sessions"] == 0)
    grown = health(server)["rss_mb"] - before
    print(f"{grown:.1f} MB more after 60 sessions")
    assert grown < 16  # 7.5 MB were seen after 100; pages that stayed would take 0.9 MB each


def test_trainings_take_turns_and_end_with_their_page(server: Server) -> None:
    link = "?n.lines=4&t.steps=5000&t.patience=2000"

    async def two() -> tuple[str, dict[str, float], dict[str, float]]:
        sessions = [await visit(server, "fdn", link) for _ in range(2)]
        sessions[0].say(type="work", do="play")
        await asyncio.wait_for(sessions[0]._until('"Pause"'), 60)
        sessions[1].say(type="work", do="play")
        said = await asyncio.wait_for(sessions[1]._until("before you"), 60)
        busy = await asyncio.to_thread(health, server)
        sessions[1].say(type="work", do="stop")
        await asyncio.wait_for(sessions[1]._until('"Train"'), 60)
        alone = await asyncio.to_thread(health, server)
        for session in sessions:
            await session.leave()
        return said, busy, alone

    said, busy, alone = asyncio.run(two())
    assert "waiting, 1 before you" in said
    assert (busy["jobs"], busy["queue"]) == (1, 1)
    assert (alone["jobs"], alone["queue"]) == (1, 0)
    assert until(lambda: health(server)["jobs"] == 0)  # 5 s without the page, then its training ends


def test_the_access_log_tells_nothing_about_persons(server: Server) -> None:
    lines = (server.log_file.parent / "access.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert {"request", "open", "close"} <= {line["event"] for line in found}
    assert all("?" not in line.get("path", "") for line in found)
    assert {key for line in found for key in line} == {
        *("time", "pid", "event", "method", "path", "status", "ms", "page", "seconds", "code")
    }


async def connected(url: str, cookies: str = "") -> tuple[WebSocketClientConnection, str | None]:
    """Open a page's websocket; return it, and the kind of the first message, None if it was closed instead."""
    page, _, query = url.partition("?")
    headers = {"Cookie": cookies} if cookies else {}
    text = await asyncio.to_thread(get_as, page, headers)
    token = TOKEN.search(text)
    assert token, text
    return await socket_of(page, query, token[1], headers)


async def socket_of(
    page: str, query: str, token: str, headers: dict[str, str]
) -> tuple[WebSocketClientConnection, str | None]:
    origin = "/".join(page.split("/")[:3])
    where = f"ws{page.removeprefix('http')}/ws?{query}"
    asked = HTTPRequest(
        where, headers={**headers, "Origin": origin, "Sec-WebSocket-Protocol": f"bokeh, {token}"}
    )
    socket_ = await websocket_connect(asked, max_message_size=2**28)
    first = await asyncio.wait_for(socket_.read_message(), 30)
    return socket_, None if first is None else json.loads(first)["msgtype"]


async def left(socket_: WebSocketClientConnection) -> None:
    """Leave a page, and wait until the server has seen it."""
    socket_.close()
    while await socket_.read_message() is not None:
        pass


def get_as(url: str, headers: dict[str, str]) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return str(answer.read().decode())


def test_a_page_that_comes_back_finds_its_session(server: Server) -> None:
    async def again() -> tuple[str | None, float]:
        page = f"{server.url}/amt/cochlea"
        token = TOKEN.search(await asyncio.to_thread(get_as, page, {}))
        assert token
        first, _ = await socket_of(page, "", token[1], {})
        await left(first)
        second, said = await socket_of(page, "again=1", token[1], {})
        sessions = await asyncio.to_thread(lambda: health(server)["sessions"])
        await left(second)
        return said, sessions

    assert until(lambda: health(server)["sessions"] == 0)
    assert asyncio.run(again()) == ("ACK", 1)


def test_a_page_that_comes_back_to_a_server_without_its_session_is_told_to_open_anew(server: Server) -> None:
    async def elsewhere() -> tuple[str | None, int | None, str | None]:
        socket_, said = await connected(f"{server.url}/amt/cochlea?again=1")
        socket_.close()  # the server has; ours is left
        return said, socket_.close_code, socket_.close_reason

    assert asyncio.run(elsewhere()) == (None, 4404, "1")  # with one process one answer is enough


def computed_by_workers(server: Server) -> float:
    """Return the CPU time of the server's worker processes, s."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    times = [each.cpu_times() for each in children if "spawn_main" in " ".join(each.cmdline())]
    return float(sum(each.user + each.system for each in times))


def test_a_heavy_setting_is_computed_by_a_worker(server: Server) -> None:
    async def moves() -> tuple[float, float]:
        session = await visit(server, "perception", "?s.kind=am&m.channels=60")
        await session.set(**{"s.duration": 1})
        before = computed_by_workers(server)
        await session.set(**{"s.level": 50})
        after = computed_by_workers(server)
        await session.leave()
        return before, after

    before, after = asyncio.run(moves())
    assert before > 0
    assert after - before > 0.02  # here it took 0.25 s


def test_a_second_server_on_the_port_is_refused(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", str(server.port)]) == 2
    assert f"port {server.port}" in capsys.readouterr().err


def test_no_page_left_a_traceback_in_the_log(server: Server) -> None:
    assert "Traceback" not in server.log()


@posix
def test_a_page_that_trains_is_told_that_the_server_ends_and_its_worker_goes_too(
    server: Server,
) -> None:  # the last one that asks this server
    async def told() -> tuple[str, list[psutil.Process]]:
        session = await visit(server, "fdn", "?n.lines=4&t.steps=5000&t.patience=2000")
        session.say(type="work", do="play")
        await asyncio.wait_for(session._until('["text","step 1'), 60)
        children = psutil.Process(server.process.pid).children(recursive=True)
        server.process.send_signal(signal.SIGTERM)
        said = await asyncio.wait_for(session._until("The server is ending"), 20)
        await session.leave()
        return said, children

    said, children = asyncio.run(told())
    assert "Your settings stay in the address" in said
    assert len(children) >= 3  # panel, what starts its workers, and one of them
    assert server.process.wait(15) == 0
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert "Traceback" not in server.log()


def test_one_who_serves_to_themselves_gets_one_process_and_a_class_at_most_one_a_core() -> None:
    assert suitable_processes("localhost") == 1
    assert 1 <= suitable_processes("0.0.0.0") <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("system", "processes", "once"), [("linux", "2", True), ("darwin", "1", True), ("darwin", "2", False)]
)
def test_processes_warm_up_by_themselves_where_splitting_a_warm_one_is_not_safe(
    system: str, processes: str, once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setenv("AMTLAB_PROCESSES", processes)
    assert is_shared() == once


def test_secrets_never_stand_in_the_command() -> None:
    command = panel_command(ServeOptions(basic_auth="a long secret"), ROOT)
    assert not any("secret" in argument for argument in command)
