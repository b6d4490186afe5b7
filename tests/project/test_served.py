"""The labs as `amtlab serve` really serves them: addresses, health, and an end that leaves nothing behind."""

import json
import os
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from amtlib.cli import main
from tests.serving import ROOT, Server, served

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
    with served(tmp_path_factory.mktemp("served") / "log.txt", "--prefix", "/amt") as running:
        yield running


def test_the_root_is_the_landing_page_without_a_detour(server: Server) -> None:
    address, text = get(f"{server.url}/amt/")
    assert address == f"{server.url}/amt/"
    assert "<html" in text


@pytest.mark.parametrize("page", sorted(p.stem for p in (ROOT / "app" / "pages").glob("[!_]*.py")))
def test_each_page_answers_under_its_name(server: Server, page: str) -> None:
    assert "<html" in get(f"{server.url}/amt/{page}")[1]


def test_health_tells_version_sessions_and_memory(server: Server) -> None:
    health = json.loads(get(f"{server.url}/amt/health")[1])
    assert health["status"] == "ok"
    assert health["version"] == "0.1.0"
    assert health["sessions"] >= 0
    # torch and bokeh alone are above 100 MB: less means that the set-up did not run.
    assert health["rss_mb"] > 100


def test_a_second_server_on_the_port_is_refused(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", str(server.port)]) == 2
    assert f"port {server.port}" in capsys.readouterr().err


def test_no_page_left_a_traceback_in_the_log(server: Server) -> None:
    assert "Traceback" not in server.log()


@posix
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["asked to end", "killed"])
def test_however_the_command_ends_no_server_process_stays(how: signal.Signals, tmp_path: Path) -> None:
    with served(tmp_path / "log.txt", "--processes", "2") as running:
        children = psutil.Process(running.process.pid).children(recursive=True)
        assert len(children) >= 3  # panel and its two processes
        running.process.send_signal(how)
        status = running.process.wait(15)
        assert status == (0 if how == signal.SIGTERM else -how)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive
        assert not listens(running.port)
