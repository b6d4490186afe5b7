"""Strangers attack a server beside a class of 29: what the class waits, what memory it costs, what they got.

Run: python benchmarks/load.py attackers [--processes 2] [--attacks floods junk]. Every attack is bounded in number and
time and goes to 127.0.0.0/8 alone. Attackers live in a process of their own and come from 127.0.0.2, so that limits
for one client can tell them from the class; where that address cannot be used they come from 127.0.0.1, which is
printed. Printed by attack: page ready and slider to update of the others, the server's memory above its rest (resident
sizes of all its processes, peak of samples every 0.1 s), and what the attacker got: served, refused or closed. An
attacker who is refused is a result; a class that waits is not.
"""

import asyncio
import contextlib
import ipaddress
import logging
import multiprocessing
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from urllib.parse import urlsplit

import psutil

from benchmarks.attacks import LONGEST_S, attack, prepare
from benchmarks.classroom import COLUMNS, TARGET_P95, TARGET_WORST, class_at_work, others
from benchmarks.server import Server

#: What asyncio says of every write to a connection that the server has closed.
logging.getLogger("asyncio").setLevel(logging.ERROR)
STUDENTS = 29
SOURCE = "127.0.0.2"
#: What the server may hold above its rest, MB, whatever comes.
TARGET_MB = 400.0


def own_source() -> str | None:
    """Return the address that attackers come from, None where this machine has no second one."""
    with socket.socket() as probe:
        try:
            probe.bind((SOURCE, 0))
        except OSError:
            return None
    return SOURCE


def on_this_machine(url: str) -> str:
    """Return a server's URL by number; attacks leave this machine for no other.

    Raises
    ------
    SystemExit
        When the URL names another machine.
    """
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    try:
        here = ipaddress.ip_address(host) in ipaddress.ip_network("127.0.0.0/8")
    except ValueError:
        here = False
    if not here:
        raise SystemExit(
            f"attacks go to this machine alone, and {url} is not in 127.0.0.0/8; give its own address"
        )
    return parts._replace(netloc=f"{host}:{parts.port or 80}").geturl()


def resident(server: Server) -> float:
    """Return the sum of the resident sizes of all processes of the server, MB; nan for one elsewhere."""
    found = []
    for process in server.processes():
        with contextlib.suppress(psutil.Error):
            found.append(process.memory_info().rss)
    return sum(found) / 1e6 if found else float("nan")


@contextlib.contextmanager
def peak(server: Server) -> Iterator[list[float]]:
    """Sample the server's memory every 0.1 s; the list that is given holds the samples."""
    samples = [resident(server)]

    async def sample() -> None:
        while True:
            await asyncio.sleep(0.1)
            samples.append(resident(server))

    task = asyncio.create_task(sample())
    try:
        yield samples
    finally:
        task.cancel()
        samples.append(resident(server))


async def measure(server: Server, labs: list[str], seed: int, names: list[str]) -> bool:
    """Let the attackers come one kind after the other beside a class, and print a row for each."""
    url, source = on_this_machine(server.url), own_source()
    print(
        f"attackers from {source or '127.0.0.1, as the class'} beside {STUDENTS} students; load average "
        f"{os.getloadavg()[0]:.1f}; targets: slider to update p95 {TARGET_P95:g} ms, max {TARGET_WORST:g} ms, "
        f"memory {TARGET_MB:g} MB above rest"
    )
    print(f"  {'':16} {'slider to update, ms':>23} |{'page ready, ms':>23} |{'MB above rest':>15}")
    print(f"  {'':16} {COLUMNS} |{COLUMNS} |{'before':>7} {'peak':>7}  the attacker got", flush=True)
    good, loop = True, asyncio.get_running_loop()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as attackers:
        await loop.run_in_executor(attackers, prepare, names)
        async with class_at_work(server.url, STUDENTS, labs, seed) as seen:
            began = time.monotonic()
            await asyncio.sleep(10.0)
            rest = resident(server)
            figures, met = others(seen, began, time.monotonic())
            print(f"  {'(nobody)':16} {figures} |{0:7.0f} {0:7.0f}  {'ok' if met else 'OVER'}", flush=True)
            for name in names:
                began = time.monotonic()
                with peak(server) as samples:
                    got = await loop.run_in_executor(attackers, attack, name, url, source)
                    over = time.monotonic()
                    await seen.answered(over)
                figures, met = others(seen, began, over)
                met &= not max(samples) - rest > TARGET_MB
                memory = f"{samples[0] - rest:7.0f} {max(samples) - rest:7.0f}"
                print(f"  {name:16} {figures} |{memory}  {'ok' if met else 'OVER'}  {got}", flush=True)
                good &= met
                with contextlib.suppress(TimeoutError):  # until every process is free for the next attack
                    await asyncio.wait_for(server.health(), LONGEST_S)
                await asyncio.sleep(3.0)
            for text in sorted(set(seen.errors))[:5]:
                print(f"  {seen.errors.count(text)} x {text}")
            good &= not seen.errors
    print(f"  load average {os.getloadavg()[0]:.1f}")
    return good
