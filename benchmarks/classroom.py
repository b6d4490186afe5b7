"""A class: students who open a lab, move a slider every 3 s and wait for its picture."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from benchmarks.browser import Browser, Session
from benchmarks.server import share_at

#: Sliders that students move, with the range they move them in.
SLIDERS: dict[str, dict[str, tuple[float, float]]] = {
    "filterbank": {"s.level": (40, 80), "f.bandwidth": (0.5, 2.0), "v.frequency": (300, 4000)},
    "cochlea": {"t.cf": (500, 4000), "t.level": (20, 90), "e.a_db": (-20, 10)},
    "loudness": {"s.level": (30, 90), "s.frequency": (200, 6000), "p.exponent": (1.0, 3.0)},
    "perception": {"s.level": (40, 80), "h.cutoff": (0.3, 3.0), "f.q": (1.0, 4.0)},
    "fdn": {"n.seed": (0, 9999), "n.rt": (0.5, 5.0)},
}
#: Time between two moves of a student, and how long a student waits for an answer, s.
THINK_S = 3.0
PATIENCE_S = 60.0

#: What the others may wait at most, ms: 95 of 100 moves, and every move.
TARGET_P95, TARGET_WORST = 300.0, 1000.0
#: Head of what `others` returns, twice.
COLUMNS = f"{'p50':>7} {'p95':>7} {'max':>7}"


@dataclass
class Seen:
    """What a class went through; times in ms."""

    ready: list[float] = field(default_factory=list)
    updates: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lost: int = 0
    received: int = 0
    #: When each move was made and answered, and each page asked for and ready, s of `time.monotonic`.
    moved: list[tuple[float, float]] = field(default_factory=list)
    opened: list[tuple[float, float]] = field(default_factory=list)
    #: When what is not answered yet was asked for.
    waiting: dict[object, float] = field(default_factory=dict)

    @contextmanager
    def wait(self, waits: list[float], spans: list[tuple[float, float]]) -> Iterator[None]:
        """Time what a student waits for; what failed is no wait."""
        one, began = object(), time.monotonic()
        self.waiting[one] = began
        try:
            yield
            ended = time.monotonic()
            waits.append(1000 * (ended - began))
            spans.append((began, ended))
        finally:
            del self.waiting[one]

    async def answered(self, before: float) -> None:
        """Wait until everything asked for before some time is answered, or was given up."""
        while any(began < before for began in self.waiting.values()):
            await asyncio.sleep(0.05)


async def student(
    url: str, slug: str, arrives: float, until: float, seen: Seen, dice: random.Random, returning: bool
) -> None:
    """Arrive, open the lab, and move sliders until the lesson is over (both times of `time.monotonic`)."""
    await asyncio.sleep(max(0.0, arrives - time.monotonic()))
    browser = Browser(url)
    session = Session(browser, slug, returning)
    opened = False
    try:
        with seen.wait(seen.ready, seen.opened):
            await asyncio.wait_for(session.open(), PATIENCE_S)
        opened = True
        due = time.monotonic() + dice.uniform(0.5, 1.0) * THINK_S
        while due < until:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            key, (low, high) = dice.choice(list(SLIDERS[slug].items()))
            value = round(dice.uniform(low, high), 2 if high <= 10 else 0)
            with seen.wait(seen.updates, seen.moved):
                await asyncio.wait_for(session.set(**{key: value}), PATIENCE_S)
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


@asynccontextmanager
async def class_at_work(url: str, students: int, labs: list[str], seed: int) -> AsyncIterator[Seen]:
    """Keep a class at work, and one visitor opening pages; whoever is thrown out comes again."""
    seen, now = Seen(), time.monotonic()

    async def comes_again(i: int) -> None:
        dice, arrives = random.Random(1000 * seed + i), now + 5.0 * i / students
        while True:
            await student(url, labs[i % len(labs)], arrives, float("inf"), seen, dice, True)
            arrives = time.monotonic() + 1.0

    async def visits() -> None:
        await asyncio.sleep(6.0)
        while True:
            for slug in labs:
                await student(url, slug, time.monotonic() + 1.0, 0.0, seen, random.Random(0), True)

    tasks = [asyncio.create_task(comes_again(i)) for i in range(students)]
    tasks.append(asyncio.create_task(visits()))
    try:
        await asyncio.sleep(12.0)  # all have come, and what is new to the server has been imported
        yield seen
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def others(seen: Seen, began: float, ended: float) -> tuple[str, bool]:
    """Describe what a class waited while something went on; return it with whether the targets are met."""

    def during(spans: list[tuple[float, float]]) -> list[float]:
        return [1000 * (b - a) for a, b in spans if a < ended and b > began]

    updates, pages = during(seen.moved), during(seen.opened)
    figures = [
        f"{share_at(waits, 0.5):7.0f} {share_at(waits, 0.95):7.0f} {max(waits, default=float('nan')):7.0f}"
        for waits in (updates, pages)
    ]
    good = share_at(updates, 0.95) <= TARGET_P95 and max(updates, default=0.0) <= TARGET_WORST
    return " |".join(figures), good and bool(updates)
