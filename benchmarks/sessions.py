"""Measure what closed pages leave behind: sessions are opened and closed, the server's memory before and after.

Run: python benchmarks/sessions.py [--sessions 200] [--labs filterbank cochlea loudness fdn]. Serves the checkout with
one process and a short session time-out. A first round fills what every process keeps once it has been used (caches,
Python's own arenas); what the rounds after it add must stay within 50 MB.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.browser import Browser, Session
from benchmarks.classroom import SLIDERS
from benchmarks.server import row

ROOT = Path(__file__).resolve().parent.parent
TARGET_MB = 50.0


async def open_and_close(url: str, labs: list[str], sessions: int, at_once: int = 5) -> None:
    """Open pages, move each of their sliders once, and leave them."""

    async def visit(slug: str) -> None:
        session = Session(Browser(url), slug, True)
        await session.open()
        for key, (low, high) in SLIDERS[slug].items():
            await session.set(**{key: round((low + high) / 2)})
        session.close()
        await session.browser.close()

    for first in range(0, sessions, at_once):
        chosen = [labs[i % len(labs)] for i in range(first, min(first + at_once, sessions))]
        await asyncio.gather(*(visit(slug) for slug in chosen))


def health(url: str) -> dict[str, float]:
    """Return what the server says of itself."""
    with urllib.request.urlopen(f"{url}/health", timeout=60) as answer:
        found: dict[str, float] = json.load(answer)
    return found


def emptied(url: str, within_s: float = 60.0) -> float:
    """Wait until the server has no session any more; return its memory in MB."""
    deadline = time.monotonic() + within_s
    while health(url)["sessions"] and time.monotonic() < deadline:
        time.sleep(0.5)
    if health(url)["sessions"]:
        raise SystemExit(f"{health(url)['sessions']:g} sessions are still there after {within_s:g} s")
    return psutil.Process(int(health(url)["pid"])).memory_info().rss / 1e6


def measure(url: str, labs: list[str], sessions: int) -> bool:
    """Print what rounds of sessions leave behind; return whether it is within the target."""
    asyncio.run(open_and_close(url, labs, 40))
    before = emptied(url)
    row("memory after 40 sessions, closed", before, "MB")
    asyncio.run(open_and_close(url, labs, sessions))
    after = emptied(url)
    row(f"memory after {sessions} more, closed", after, "MB")
    return row("more than before", after - before, "MB", TARGET_MB)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--labs", nargs="+", choices=sorted(SLIDERS), default=sorted(SLIDERS))
    parser.add_argument("--port", type=int, default=5121)
    options = parser.parse_args()
    command = [sys.executable, "-m", "amtlib.cli", "serve", "--port", str(options.port), "--processes", "1"]
    process = subprocess.Popen(
        [*command, "--session-timeout", "5"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        while "is ready" not in (process.stdout.readline() or "is ready"):
            pass
        good = measure(f"http://localhost:{options.port}", options.labs, options.sessions)
    finally:
        process.terminate()
        process.wait(20)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
