"""The thread that plays a run: what it shares with others, and what becomes of steps that it no longer wants."""

import threading
import time
from typing import Any

import pytest
import torch

from amtlib.train import TrainingRun, build_fdn
from amtlib.train.player import Playable, Updates
from amtlib.train.record import Update
from amtlib.train.turns import FairLock
from tests.waiting import WAIT, until


def run_of(**settings: Any) -> TrainingRun:
    model = build_fdn(delays=[61, 73, 83, 97], rt=None, nfft=2**10, rng=1)
    return TrainingRun(model, "colorless", **{"max_steps": 10**6, "patience": 10**6, **settings})


def test_a_loop_lets_whoever_waits_for_the_lock_go_before_its_next_round() -> None:
    lock, over = FairLock(), threading.Event()
    rounds = 0

    def loop() -> None:
        nonlocal rounds
        while not over.is_set():
            with lock:
                rounds += 1
                time.sleep(0.002)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        for _ in range(20):
            before = rounds
            with lock:
                # the round under way, and one that began before this thread stood in the queue
                assert rounds - before <= 2
    finally:
        over.set()
        thread.join(WAIT)


def test_a_lock_that_another_thread_holds_is_not_had_without_waiting() -> None:
    lock = FairLock()
    found: list[bool] = []
    with lock, lock:
        other = threading.Thread(target=lambda: found.append(lock.acquire(blocking=False)))
        other.start()
        other.join(WAIT)
    assert found == [False]
    assert lock.acquire(blocking=False)


def test_a_run_is_saved_while_it_steps_in_a_thread() -> None:
    with run_of() as run:
        run.start()
        assert until(lambda: run.steps_run > 3)
        before = run.steps_run
        assert len(run.state_dict()["descent"]["losses"]) >= before
        assert run.state == "running"


class Elsewhere:
    """Updates that are made up beforehand; notes when it is closed."""

    def __init__(self, *updates: Update) -> None:
        self.updates, self.closed = updates, 0

    def follow(self, run: Playable, steps: int | None) -> Updates:
        try:
            yield from self.updates
            while True:
                time.sleep(0.01)
                yield None
        finally:
            self.closed += 1


def test_steps_done_elsewhere_only_yield_what_they_have_changed() -> None:
    there, here = run_of(), run_of()
    there.step()
    there.step()
    steps = Elsewhere(there.update(0, ""))
    with here:
        here.start(by=steps)
        assert until(lambda: here.steps_run == 2)
        assert here.losses() == there.losses()
        mine, theirs = here.snapshot().parameters, there.snapshot().parameters
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
        here.pause()
        assert here.join(WAIT)
        assert (here.state, steps.closed) == ("paused", 1)
    assert here.reason == "stopped"


@pytest.mark.parametrize("reason", ["", "time_budget"])
def test_a_setback_elsewhere_is_kept_and_ends_the_run_only_if_it_has_a_reason(reason: str) -> None:
    run = run_of()
    steps = Elsewhere(Update(0, {}, 0.0, 0.0, reason, setback="the worker was lost"))
    with run:
        run.start(by=steps)
        assert until(lambda: bool(run.setback))
        assert run.notices == ["the worker was lost"]
        assert until(lambda: run.reason == reason)
        assert run.steps_run == 0
    assert run.reason == (reason or "stopped")
    assert steps.closed == 1


def test_an_error_of_steps_elsewhere_ends_the_run() -> None:
    class Broken:
        def follow(self, run: Playable, steps: int | None) -> Updates:
            yield None
            raise OSError("the cable is out")

    run = run_of()
    run.start(by=Broken())
    assert run.join(WAIT)
    assert (run.reason, str(run.error)) == ("failed", "the cable is out")
    assert "the cable is out" in run.message
