"""Measure a class: N students open a lab at once and move sliders, over real websockets against `amtlab serve`.

Run: python benchmarks/load.py [30 60 100 training] [--processes 2] [--seconds 30] [--url URL], or one of
    python benchmarks/load.py listen      60 students take the listening test at once (benchmarks/listen.py)
    python benchmarks/load.py burner      one student asks for the dearest pictures (benchmarks/burner.py)
    python benchmarks/load.py attackers   strangers attack (benchmarks/attackers.py)
No browser is needed:
each student speaks what a browser speaks (page, scripts, websocket, document, then the messages of page/js),
every 3 s moves one slider and waits for the picture. Prints, beside its target: page ready and slider to update (p50,
p95), errors, lost sessions, the server's CPU, and its memory by session: what the cache that all share may hold is
filled first, so that what is added is the sessions' own. Students share the machine with the server unless --url
names another one, so figures are pessimistic; the load average of the machine stands beside them.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as a script it stands in its own folder

from benchmarks import attackers, burner, listen
from benchmarks.attacks import ATTACKS
from benchmarks.browser import Browser, Session
from benchmarks.classroom import PATIENCE_S, SLIDERS, lesson, trainer
from benchmarks.server import LEFT_S, Server, row, served, share_at

#: name -> students, seconds within which they arrive, p95 of page ready and of an update in ms (None: no target)
SCENARIOS: dict[str, tuple[int, float, float | None, float | None]] = {
    "30": (30, 5.0, 6000.0, 300.0),
    "60": (60, 5.0, None, 800.0),
    "100": (100, 60.0, None, 1000.0),
    "training": (30, 5.0, None, 1500.0),
}
#: How often costs of a slider are measured, and by how many moves each time.
ROUNDS, MOVES = 7, 12
#: A little more than the time after which the server gives freed memory back (app/memory.py).
TRIM_S = 11.0


def pace() -> float:
    """Return how fast this machine is just now: CPU time of a fixed loop of Python, ms."""
    began = time.process_time()
    sum(i * i for i in range(200_000))
    return 1000 * (time.process_time() - began)


async def rest(server: Server) -> None:
    """Wait until the server does nothing: the first page of some labs has workers begun, which takes seconds."""
    spent = -1.0
    while server.cpu() - spent > 0.1:
        spent = server.cpu()
        await asyncio.sleep(1.0)


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
                if warm:
                    await rest(server)
                    continue
                await asyncio.sleep(0.3)
                if server.processes():
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
                target = {"fdn": None, "perception": 60.0}.get(slug, 30.0)
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
        if name == "burner":
            good &= await burner.measure(
                server, options.seconds, options.labs, options.seed, options.dearest_of
            )
        elif name == "attackers":
            good &= await attackers.measure(server, options.labs, options.seed, options.attacks)
        elif name == "listen":
            good &= await listen.a_class(server.url, listen.STUDENTS, options.seconds)
        elif name != "costs":
            good &= await scenario(server, name, options)
            await asyncio.sleep(2.0)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ["costs", *SCENARIOS, "listen", "burner", "attackers"]
    parser.add_argument(
        "scenarios",
        nargs="*",
        metavar="SCENARIO",
        help=f"of {', '.join(names)}; all but the last two by default",
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long they work once all are there")
    parser.add_argument(
        "--labs", nargs="+", choices=sorted(SLIDERS), default=["filterbank", "cochlea", "loudness"]
    )
    parser.add_argument(
        "--returning", action="store_true", help="browsers that have the site's scripts already"
    )
    parser.add_argument(
        "--dearest-of",
        nargs="+",
        choices=sorted(SLIDERS),
        default=sorted(SLIDERS),
        help="what the burner asks for",
    )
    parser.add_argument("--attacks", nargs="+", choices=list(ATTACKS), default=list(ATTACKS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", default="", help="a file for what the server reports, by default shown")
    parser.add_argument("--url", help="a server that runs already, instead of serving this checkout")
    options = parser.parse_args()
    options.scenarios = options.scenarios or ["costs", *SCENARIOS, "listen"]
    unknown = [name for name in options.scenarios if name not in names]
    if unknown:
        parser.error(f"there is no scenario {unknown[0]}; give some of {', '.join(names)}")
    with served(options.url, options.processes, options.log) as server:
        good = asyncio.run(measure(server, options))
    print("every target met" if good else "some targets OVER")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
