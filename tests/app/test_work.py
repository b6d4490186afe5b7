"""Work that a page asks for: done in turn by a pool, with progress, Stop, and an end in every case."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from amtlib.jobs import Pool
from app import work as module
from app.pool import SHORT_WORK, LabPool
from app.work import Job, Work


def steps(count: int = 5, pause: float = 0.0) -> Iterator[tuple[float, list[int]]]:
    for i in range(count):
        time.sleep(pause)
        yield (i + 1) / count, list(range(i + 1))


def fails() -> Iterator[tuple[float, Any]]:
    yield 0.5, "half"
    raise ValueError("the level is out of range")


def breaks() -> Iterator[tuple[float, Any]]:
    yield 0.5, "half"
    raise RuntimeError("the roof came down")


def counting(found: list[Any], **how: Any) -> Job:
    return Job("Count", "count", lambda: steps(**how), (), found.append, done=False)


async def ended(work: Work, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while work.running and time.monotonic() < until:
        await asyncio.sleep(0.005)
    assert not work.running


@pytest.fixture(autouse=True)
def _a_pool_of_its_own() -> Iterator[None]:
    yield
    SHORT_WORK.close()


def test_without_a_loop_it_is_done_at_once() -> None:
    found: list[Any] = []
    told: list[Work] = []
    work = Work(counting(found), "me", told.append)
    work.start()
    assert found[-1] == [0, 1, 2, 3, 4]
    assert (work.running, work.share, told) == (False, 1.0, [work])


def test_in_a_loop_a_pool_does_it_and_the_loop_goes_on() -> None:
    found: list[Any] = []
    turns = 0

    async def page() -> None:
        nonlocal turns
        work = Work(counting(found, count=6, pause=0.05), "me", lambda work: None)
        work.start()
        while work.running:
            turns += 1
            await asyncio.sleep(0.005)

    asyncio.run(page())
    assert found[-1] == list(range(6))
    assert turns > 10


def test_what_is_found_on_the_way_is_taken_with_progress_and_time_left() -> None:
    found: list[Any] = []
    states: list[dict[str, Any]] = []

    async def page() -> None:
        work = Work(counting(found, count=40, pause=0.02), "me", lambda work: states.append(work.state()))
        work.start()
        await ended(work)

    asyncio.run(page())
    shares = [state["share"] for state in states]
    assert len(shares) >= 3
    assert shares == sorted(shares)
    assert all(state["left"] >= 0 for state in states)
    assert len(found) >= 3
    assert found == sorted(found)
    assert found[-1] == list(range(40))


def test_stop_ends_it_and_says_so_once() -> None:
    found: list[Any] = []
    told: list[bool] = []

    async def page() -> None:
        work = Work(counting(found, count=1000, pause=0.01), "me", lambda work: told.append(work.running))
        work.start()
        await asyncio.sleep(0.4)
        work.stop()
        work.stop()
        seen = len(found)
        await asyncio.sleep(0.3)
        assert len(found) == seen
        assert SHORT_WORK.counts() == (0, 0)  # the worker has heard of it

    asyncio.run(page())
    assert found
    assert told[-1] is False
    assert told.count(False) == 1


def test_who_waits_is_told_how_many_come_first() -> None:
    texts: list[str] = []

    async def page() -> None:
        first = Work(counting([], count=100, pause=0.01), "ann", lambda work: None)
        second = Work(counting([]), "bob", lambda work: None)
        first.start()
        await asyncio.sleep(0.1)
        second.start()
        await asyncio.sleep(0.1)
        texts.append(second.state()["text"])
        first.stop()
        await ended(second)
        texts.append(second.state()["text"])

    asyncio.run(page())
    assert texts == ["waiting, 1 before you", ""]


@pytest.mark.parametrize("loop", [False, True])
def test_a_computation_that_fails_ends_with_its_reason(loop: bool) -> None:
    told: list[str] = []
    work = Work(
        Job("Fail", "fail", fails, (), lambda found: None, False),
        "me",
        lambda work: told.append(work.problem),
    )

    async def page() -> None:
        work.start()
        await ended(work)

    if loop:
        asyncio.run(page())
    else:
        work.start()
    assert told == ["the level is out of range"]


def test_what_nobody_foresaw_ends_with_a_sentence_and_a_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = Work(Job("Break", "break", breaks, (), lambda found: None, False), "me", lambda work: None)

    async def page() -> None:
        work.start()
        await ended(work)

    asyncio.run(page())
    assert work.problem == "That could not be computed; the server's log says why."
    assert "the roof came down" in caplog.text


def test_work_over_its_budget_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    short = LabPool(lambda: Pool(workers=1, kind="thread", budget=0.1))
    monkeypatch.setattr(module, "SHORT_WORK", short)
    work = Work(counting([], count=1000, pause=0.01), "me", lambda work: None)

    async def page() -> None:
        work.start()
        await ended(work)

    asyncio.run(page())
    short.close()
    assert work.problem == "the job took longer than its 0.1 s and was ended"
