"""Measure what a page in use takes, and what closed pages leave behind: the server's memory before and after.

Run: python benchmarks/sessions.py [--sessions 200] [--in-use 30] [--labs filterbank cochlea loudness fdn]. Serves the
checkout with one process and a short session time-out. A first round fills what every process keeps once it has been
used: what sessions share (`app.shared`; what it takes on later is no page's, and is subtracted), caches, Python's own
arenas. Then pages are opened, each of their sliders is moved three times, and memory is read while they are open: what
the process has written to and shares with no other, once the server has given back what it has free. What the rounds
after that leave behind must stay within 50 MB.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.memory import EVERY
from benchmarks.browser import Browser, Session
from benchmarks.classroom import SLIDERS
from benchmarks.server import row

ROOT = Path(__file__).resolve().parent.parent
TARGET_MB = 50.0
#: The most that a page in use may take, MB.
IN_USE_MB = 1.3
#: How many pages are opened at once, and how often the first ones move their sliders, at most.
AT_ONCE, MOST_MOVES = 5, 60


async def move(session: Session, dice: random.Random) -> None:
    """Move each slider of a page once."""
    for key, (low, high) in SLIDERS[session.slug].items():
        await session.set(**{key: round(dice.uniform(low, high), 2 if high <= 10 else 0)})


async def opened(url: str, labs: list[str], sessions: int, moves: int) -> list[Session]:
    """Open pages and move each of their sliders so often."""

    async def visit(i: int) -> Session:
        session, dice = Session(Browser(url), labs[i % len(labs)], True), random.Random(i)
        await session.open()
        for _ in range(moves):
            await move(session, dice)
        return session

    found: list[Session] = []
    for first in range(0, sessions, AT_ONCE):
        found += await asyncio.gather(*(visit(i) for i in range(first, min(first + AT_ONCE, sessions))))
    return found


async def open_and_close(url: str, labs: list[str], sessions: int) -> None:
    """Open pages, move each of their sliders once, and leave them."""
    for first in range(0, sessions, AT_ONCE):
        for session in await opened(url, labs, min(AT_ONCE, sessions - first), 1):
            await session.leave()


async def fill(url: str, labs: list[str]) -> None:
    """Let one page of each lab move its sliders until what sessions share takes the room it has."""
    sessions, dice = await opened(url, labs, len(labs), 1), random.Random(1)
    for _ in range(MOST_MOVES):
        said = await asyncio.to_thread(health, url)
        if said["shared_mb"] > 0.9 * said["shared_limit_mb"]:
            break
        for session in sessions:
            await move(session, dice)
    for session in sessions:
        await session.leave()


async def in_use(url: str, labs: list[str], sessions: int) -> float:
    """Return the memory of the server, MB, while so many pages are open."""
    found = await opened(url, labs, sessions, 3)
    await asyncio.sleep(EVERY + 3.0)
    memory = written(url)
    for session in found:
        await session.leave()
    return memory


def health(url: str) -> dict[str, float]:
    """Return what the server says of itself."""
    with urllib.request.urlopen(f"{url}/health", timeout=60) as answer:
        found: dict[str, float] = json.load(answer)
    return found


def written(url: str) -> float:
    """Return what the server's process has written to and shares with no other, less what its sessions share, MB."""
    said = health(url)
    return float(psutil.Process(int(said["pid"])).memory_full_info().uss) / 1e6 - said["shared_mb"]


def emptied(url: str, within_s: float = 60.0) -> float:
    """Wait until the server has no session any more and has given back what it has free; return its memory in MB."""
    deadline = time.monotonic() + within_s
    while health(url)["sessions"] and time.monotonic() < deadline:
        time.sleep(0.5)
    if health(url)["sessions"]:
        raise SystemExit(f"{health(url)['sessions']:g} sessions are still there after {within_s:g} s")
    time.sleep(EVERY + 3.0)
    return written(url)


def measure(url: str, labs: list[str], sessions: int, open_: int) -> bool:
    """Print what pages take while they are open, and leave behind; return whether both are within their targets."""
    asyncio.run(fill(url, labs))
    empty = emptied(url)
    row("memory without a page", empty, "MB")
    taken = asyncio.run(in_use(url, labs, open_)) - empty
    good = row(f"a page in use, of {open_}", taken / open_, "MB", IN_USE_MB)
    asyncio.run(open_and_close(url, labs, 40))
    before = emptied(url)
    row("memory after 40 sessions, closed", before, "MB")
    asyncio.run(open_and_close(url, labs, sessions))
    after = emptied(url)
    row(f"memory after {sessions} more, closed", after, "MB")
    return row("more than before", after - before, "MB", TARGET_MB) and good


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--in-use", type=int, default=30)
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
        good = measure(f"http://localhost:{options.port}", options.labs, options.sessions, options.in_use)
    finally:
        process.terminate()
        process.wait(20)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
