"""What heavy settings cost everybody else: pages of the perception lab beside a page of the filterbank lab.

Run: python benchmarks/heavy.py [--pages 5] [--seconds 6] [--rounds 4]. All pages are of one process; the heavy ones ask
for one setting after the other, each another, which the pages' threads compute, or a worker. Alternates both and prints
medians over the rounds: how late the event loop is, how long the filterbank's slider takes to its picture, what this
process computes, and how many heavy pictures there are.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import time

import torch

from app.heavy import elsewhere
from app.labs.filterbank.view import FilterbankLab
from app.labs.perception.view import PerceptionLab
from app.page.background import Background
from app.page.part import LabPart
from app.pool import PICTURES
from app.shared import SHARED

#: Time between moves of the slider, and between looks at the loop, s.
MOVES, LOOKS = 0.15, 0.005
_LEVELS = itertools.count()


def another_level() -> float:
    """Return a level in dB SPL that nobody has asked for yet."""
    return 30.0 + next(_LEVELS) * 0.01


async def ask(view: PerceptionLab, page: Background, until: float) -> int:
    """Ask for one heavy picture after the other; return how many there were."""
    found = 0
    while time.monotonic() < until:
        view.receive({"type": "set", "values": {"s.level": another_level()}, "sequence": found})
        await page.turn(lambda: None)
        found += 1
    return found


async def move(view: FilterbankLab, page: Background, until: float) -> list[float]:
    """Move a slider now and then; return how long each picture took, s."""
    took: list[float] = []
    while time.monotonic() < until:
        began = time.monotonic()
        view.receive({"type": "set", "values": {"s.level": another_level()}, "sequence": len(took)})
        await page.turn(lambda: None)
        took.append(time.monotonic() - began)
        await asyncio.sleep(MOVES)
    return took


async def watch(until: float) -> list[float]:
    """Return how late the loop came back each time, s."""
    late = []
    while time.monotonic() < until:
        began = time.monotonic()
        await asyncio.sleep(LOOKS)
        late.append(time.monotonic() - began - LOOKS)
    return late


async def one_round(pages: int, seconds: float, by_worker: bool) -> list[float]:
    """Return the row of a round."""
    SHARED.clear()
    loop = asyncio.get_running_loop()
    backgrounds = [Background(loop, f"client {i}") for i in range(pages + 1)]
    views = [PerceptionLab(served=True, background=each) for each in backgrounds[1:]]
    other = FilterbankLab(served=True, background=backgrounds[0])
    for page in backgrounds:
        await page.turn(lambda: None)
    for view in views:
        view.lab.elsewhere = elsewhere(view.id) if by_worker else None
        view.lab.update({"m.channels": 60, "s.duration": 1})
    until, spent, began = time.monotonic() + seconds, time.process_time(), time.monotonic()
    pairs = zip(views, backgrounds[1:], strict=True)
    heavy = [asyncio.create_task(ask(view, page, until)) for view, page in pairs]
    late, took = await asyncio.gather(watch(until), move(other, backgrounds[0], until))
    counts = await asyncio.gather(*heavy)
    spent, lasted = time.process_time() - spent, time.monotonic() - began
    for page in (other, *views):
        page.close()
    lates, times = statistics.quantiles(late, n=100), statistics.quantiles(took, n=20)
    return [
        *(1000 * lates[k] for k in (49, 94, 98)),
        *(1000 * times[k] for k in (9, 18)),
        100 * spent / lasted,
        sum(counts) / lasted,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["AMTLAB_PROCESSES"] = str(os.cpu_count())  # as served to a class: one worker
    LabPart.send = lambda self, message: None  # type: ignore[method-assign]
    rows: dict[bool, list[list[float]]] = {False: [], True: []}
    asyncio.run(one_round(1, 1.0, by_worker=True))  # the worker begins
    for _ in range(arguments.rounds):
        for by_worker in rows:
            rows[by_worker].append(asyncio.run(one_round(arguments.pages, arguments.seconds, by_worker)))
    PICTURES.close()
    print(
        "             loop late, ms: p50   p95   p99 | slider, ms: p50    p95 | this process | heavy pictures"
    )
    for by_worker, found in rows.items():
        a, b, c, d, e, busy, rate = map(statistics.median, zip(*found, strict=True))
        where = "by a worker" if by_worker else "in threads"
        print(
            f"{where:12} {a:20.1f} {b:5.1f} {c:5.1f} | {d:15.0f} {e:6.0f} | {busy:10.0f} % | {rate:10.2f} /s"
        )


if __name__ == "__main__":
    main()
