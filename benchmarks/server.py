"""The server that is measured, its processes and their memory, and how figures are printed beside targets."""

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.browser import Browser

ROOT = Path(__file__).resolve().parent.parent
#: How long the server keeps the session of a page that was left, s: longer than that, or none would be there to weigh.
LEFT_S = 25


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
        children: list[psutil.Process] = psutil.Process(self._process.pid).children(recursive=True)
        return children

    def cpu(self) -> float:
        """Return the CPU time spent so far, s."""
        times = [process.cpu_times() for process in self.processes()]
        return float(sum(t.user + t.system for t in times))

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
def served(url: str | None, processes: int, log: str = "") -> Iterator[Server]:
    """Serve this checkout, or take a server that runs; ``log`` is a file for what it reports, by default shown."""
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
    with open(log, "a") if log else contextlib.nullcontext() as reports:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=reports, text=True)
    try:
        assert process.stdout is not None
        while "is ready" not in (line := process.stdout.readline()):  # said when every process has warmed up
            if not line:
                raise SystemExit("amtlab serve ended; its message stands above")
        yield Server(f"http://localhost:{port}", process, processes)
    finally:
        process.terminate()
        process.wait(20)


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
