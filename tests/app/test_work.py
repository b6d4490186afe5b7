"""Work of seconds: progress, Stop, and an end in every case."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from app.work import SLICE, Job, Work


def counting(found: list[int], steps: int = 5, pause: float = 0.0) -> Job:
    def run() -> Iterator[float]:
        for i in range(steps):
            time.sleep(pause)
            found.append(i)
            yield (i + 1) / steps

    return Job(label="Count", key="count", steps=run, done=False)


def test_without_a_loop_it_is_done_at_once() -> None:
    found: list[int] = []
    told: list[Work] = []
    work = Work(counting(found), told.append)
    work.start()
    assert found == [0, 1, 2, 3, 4]
    assert (work.running, work.share, told) == (False, 1.0, [work])


def test_in_a_loop_others_have_their_turn_between_slices() -> None:
    found: list[int] = []
    turns: list[int] = []

    async def page() -> None:
        work = Work(counting(found, steps=6, pause=SLICE), lambda work: None)
        work.start()
        while work.running:
            turns.append(len(found))
            await asyncio.sleep(0)

    asyncio.run(page())
    assert found == list(range(6))
    assert set(turns) >= {1, 2, 3, 4, 5}


def test_stop_ends_it_between_two_slices_and_says_so_once() -> None:
    found: list[int] = []
    told: list[bool] = []

    async def page() -> None:
        work = Work(counting(found, steps=1000, pause=0.01), lambda work: told.append(work.running))
        work.start()
        await asyncio.sleep(0.1)
        work.stop()
        work.stop()
        seen = len(found)
        await asyncio.sleep(0.1)
        assert len(found) == seen

    asyncio.run(page())
    assert 0 < len(found) < 1000
    assert told == [False]


def test_progress_is_told_with_the_time_left() -> None:
    states = []

    async def page() -> None:
        work = Work(counting([], steps=40, pause=0.02), lambda work: states.append(work.state()))
        work.start()
        while work.running:
            await asyncio.sleep(0.01)

    asyncio.run(page())
    shares = [state["share"] for state in states]
    assert len(shares) >= 3
    assert shares == sorted(shares)
    assert all(state["left"] >= 0 for state in states if state["running"])


def test_a_computation_that_fails_ends_with_its_reason() -> None:
    def run() -> Iterator[float]:
        yield 0.5
        raise ValueError("the level is out of range")

    told: list[str] = []
    work = Work(Job("Fail", "fail", run, False), lambda work: told.append(work.problem))
    work.start()
    assert told == ["the level is out of range"]


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_no_time_left_is_guessed_before_there_is_a_pace(share: float) -> None:
    work = Work(counting([]), lambda work: None)
    work.share = share
    assert work.left is None
