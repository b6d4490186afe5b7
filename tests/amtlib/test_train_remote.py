"""Training in a pool's worker: the same numbers as here, live, and it rests, goes on, ends and fails as here."""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from amtlib.fdn import design_fdn
from amtlib.jobs import Pool, WorkerDied, open_pool
from amtlib.train import RemoteSteps, Trainable, TrainingPlan, TrainingRun
from amtlib.train.descent import Interrupted
from amtlib.train.losses import MatchCochleagram
from amtlib.train.player import Playable, Updates
from amtlib.train.record import Update
from tests.waiting import WAIT, until

START = design_fdn(delays=[61, 73, 83, 97], rt=0.05, rng=3)


def plan(mode: str | None = "colorless", **settings: Any) -> TrainingPlan:
    nfft = settings.pop("nfft", 2**10)
    settings = {"max_steps": 40, "lr": 1e-2, "rng": 1, **settings}
    return TrainingPlan(START, mode, nfft=nfft, settings=settings)


@pytest.fixture(scope="module")
def threads() -> Iterator[Pool]:
    with open_pool(workers=1, kind="thread") as pool:
        yield pool


@pytest.fixture(scope="module")
def processes() -> Iterator[Pool]:
    with open_pool(workers=1, kind="process", preload=("amtlib.train",), grace=0.3) as pool:
        yield pool


#: Long enough to kill or freeze a process that is at it.
LONG = {"max_steps": 300, "patience": 300}


@pytest.fixture(scope="module")
def long_here() -> TrainingRun:
    """Return the run of such a plan, done here."""
    run = plan(**LONG).run()
    list(run)
    return run


def same(one: TrainingRun, other: TrainingRun) -> bool:
    """Whether two runs have the same log and the same network."""
    mine, theirs = (run.snapshot(best=True).parameters for run in (one, other))
    return one.log == other.log and all(torch.equal(mine[name], theirs[name]) for name in theirs)


ROOM = np.exp(-np.arange(1000) / 100.0) * np.random.default_rng(0).standard_normal(1000)
KINDS = {
    "a flat magnitude": plan(),
    "power at frequencies drawn anew each step": plan(objective="power_variance", max_steps=45),
    "L-BFGS": plan(optimizer="lbfgs", max_steps=4),
    "an end on a plateau": plan(lr=1e-12, patience=3),
    "a room as an ear hears it": plan(
        None, loss=MatchCochleagram(), target=ROOM, target_fs=48000, max_steps=6, nfft=2**13
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_comes_to_the_same_numbers_as_here_to_the_last_bit(kind: str, threads: Pool) -> None:
    here, there = KINDS[kind].run(), KINDS[kind].run()
    list(here)
    there.start(by=RemoteSteps(KINDS[kind], threads, slice_s=0.02))
    assert there.join(WAIT)
    assert same(here, there)
    assert (there.reason, there.message) == (here.reason, here.message)
    assert there.seconds > 0


def test_a_process_comes_to_the_same_numbers_too_and_they_come_live(
    processes: Pool, long_here: TrainingRun
) -> None:
    asked, here = plan(**LONG), long_here
    there = asked.run()
    there.start(by=RemoteSteps(asked, processes))
    seen = set()
    while not there.join(0):
        total, terms = there.losses()
        seen.add(len(total))
        assert total == here.log.train_loss[: len(total)]
        assert all(len(values) >= len(total) for values in terms.values())
        time.sleep(0.01)
    assert same(here, there)
    assert any(0 < steps < LONG["max_steps"] for steps in seen), "nothing came before the end"


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_pauses_saving_and_another_rate_under_way_do_not_change_what_the_steps_come_to(
    optimizer: str, threads: Pool
) -> None:
    steps = 60 if optimizer == "adam" else 12
    asked = plan(optimizer=optimizer, max_steps=steps, patience=100)
    there, by = asked.run(), RemoteSteps(asked, threads)
    changed = []
    while there.state != "finished":
        there.start(7, by=by)
        assert there.join(WAIT)
        changed.append(there.steps_run)
        there.lr *= 0.8
    here = asked.run()
    for count in changed:
        while here.steps_run < count:
            here.step()
        here.lr *= 0.8
    here.step()
    assert changed[:2] == ([7, 14] if optimizer == "adam" else [7, 12])
    assert same(here, there)


def test_one_step_is_one_step(threads: Pool) -> None:
    asked = plan()
    run = asked.run()
    run.start(1, by=RemoteSteps(asked, threads))
    assert run.join(WAIT)
    assert (run.state, run.steps_run) == ("paused", 1)


def test_a_step_asked_for_while_others_are_under_way_comes_after_them() -> None:
    under_way, go_on = threading.Event(), threading.Event()

    class Other:
        """Does steps in the player's thread, and notes what it was asked for."""

        asked: ClassVar[list[Any]] = []

        def follow(self, run: Playable, steps: int | None) -> Updates:
            self.asked.append(steps)
            try:
                while True:
                    run.step()
                    if steps is None:
                        under_way.set()
                        go_on.wait(WAIT)
                    yield None
                    if steps is not None:
                        return
            finally:
                self.asked.append("closed")

    by = Other()
    with plan().run() as run:
        run.start(by=by)
        assert under_way.wait(WAIT)
        run.pause()
        run.start(1, by=by)
        go_on.set()
        assert run.join(WAIT)
        assert (by.asked, run.steps_run) == ([None, "closed", 1, "closed"], 2)


def test_resume_goes_on_by_whoever_stepped_before(threads: Pool) -> None:
    asked = plan(max_steps=10**6, patience=10**6)
    run = asked.run()
    with run:
        run.start(3, by=RemoteSteps(asked, threads))
        assert run.join(WAIT)
        assert until(lambda: threads.running == 0)
        run.resume()
        assert until(lambda: run.steps_run > 3)
        assert threads.running == 1


def test_a_new_run_waits_for_a_former_one_that_has_not_left_the_queue_yet() -> None:
    long, quick = plan(max_steps=10**6, patience=10**6), plan()
    other, former, new = long.run(), long.run(), quick.run()
    with open_pool(workers=1, kind="thread", per_owner=1, waiting=1) as pool, other, former, new:
        other.start(by=RemoteSteps(long, pool, "bob", slice_s=60.0))
        assert until(lambda: other.steps_run > 0)
        former.start(by=RemoteSteps(long, pool, "ann"))
        assert until(lambda: pool.queued == 1)
        new.start(by=RemoteSteps(quick, pool, "ann"))
        time.sleep(0.1)  # it has asked for its place some times by now
        former.stop()
        assert until(lambda: new.error is not None or former.state == "finished")
        other.stop()
        assert new.join(WAIT)
        assert (new.reason, new.error) == ("max_steps", None)


def test_what_was_sent_just_before_the_end_is_not_lost(threads: Pool) -> None:
    class Late(RemoteSteps):
        def _sent(self, run: Playable, job: Any) -> Iterator[Update]:
            yield from super()._sent(run, job)
            if not run.steps_run:
                job.wait(WAIT)  # all that is left comes between taking and looking whether it has ended

    asked = plan(max_steps=800, patience=10**6)
    run = asked.run()
    run.start(by=Late(asked, threads))
    assert run.join(WAIT)
    assert (run.steps_run, len(run.log.train_loss)) == (800, 800)


def test_a_new_rate_is_taken_under_way(processes: Pool) -> None:
    asked = plan(max_steps=100_000, patience=100_000)
    run = asked.run()
    with run:
        run.start(by=RemoteSteps(asked, processes))
        assert until(lambda: run.steps_run > 5)
        before = run.snapshot()
        run.lr = 1e-30
        # Whatever was under way has come by the time in which steps no longer move the network.
        assert until(lambda: run.snapshot().step > before.step + 50)
        at = run.snapshot()
        assert until(lambda: run.snapshot().step > at.step)
        later = run.snapshot()
        assert all(torch.equal(p, later.parameters[name]) for name, p in at.parameters.items())


def test_more_steps_than_planned_are_done_when_asked_for_under_way(threads: Pool) -> None:
    asked = plan(max_steps=200, patience=10**6)
    run = asked.run()
    run.start(by=RemoteSteps(asked, threads))
    run.max_steps = 260
    assert run.join(WAIT)
    assert (run.steps_run, run.reason) == (260, "max_steps")
    run.extend(5)
    run.start(by=RemoteSteps(asked, threads))
    assert run.join(WAIT)
    assert run.steps_run == 265


def test_stop_ends_it_in_the_middle_of_a_long_step(processes: Pool) -> None:
    asked = plan(optimizer="lbfgs", nfft=2**18, max_steps=1000, patience=1000)
    run = asked.run()
    run.start(by=RemoteSteps(asked, processes))
    assert until(lambda: run.steps_run > 0)
    began = time.monotonic()
    run.stop()
    assert run.join(WAIT)
    assert time.monotonic() - began < 1.0  # 0.1 s where nothing else runs; the step goes on for longer
    assert run.reason == "stopped"
    assert until(lambda: processes.running == 0)


def test_a_training_that_waits_says_its_place_and_can_be_given_up(threads: Pool) -> None:
    asked = plan(max_steps=10**6, patience=10**6)
    first, second = asked.run(), asked.run()
    one, two = (RemoteSteps(asked, threads, owner, slice_s=60.0) for owner in ("ann", "bob"))
    with first, second:
        first.start(by=one)
        assert until(lambda: first.steps_run > 0)
        second.start(by=two)
        assert until(lambda: two.position == 1)
        assert (one.position, second.steps_run, second.state) == (0, 0, "running")
        second.pause()
        assert second.join(WAIT)
        assert (second.state, two.position) == ("paused", 0)
    assert threads.queued == 0


def test_slices_let_all_who_wait_have_their_turn(threads: Pool) -> None:
    asked = plan(max_steps=10**6, patience=10**6)
    runs = [asked.run() for _ in range(3)]
    for number, run in enumerate(runs):
        run.start(by=RemoteSteps(asked, threads, number, slice_s=0.05))
    assert until(lambda: all(run.steps_run > 50 for run in runs))
    for run in runs:
        run.stop()
        assert run.join(WAIT)
        assert run.reason == "stopped"


def test_a_time_budget_holds_for_all_slices_together(threads: Pool) -> None:
    asked = plan(max_steps=10**6, patience=10**6, time_budget=0.4)
    run = asked.run()
    run.start(by=RemoteSteps(asked, threads, slice_s=0.1))
    assert run.join(WAIT)
    assert run.reason == "time_budget"
    assert 0.4 <= run.seconds < 1.0  # a step of a busy machine may take long


def test_a_killed_process_costs_its_slice_and_nothing_else(processes: Pool, long_here: TrainingRun) -> None:
    asked = plan(**LONG)
    there = asked.run()
    there.start(by=RemoteSteps(asked, processes))
    assert until(lambda: there.steps_run > 20)
    (worker,) = processes._executor._all  # type: ignore[attr-defined]
    os.kill(worker._process.pid, signal.SIGKILL)
    assert there.join(WAIT)
    assert same(long_here, there)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot suspend a process so")
def test_a_frozen_process_costs_its_slice_and_that_is_said(
    processes: Pool, long_here: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes._executor, "silence", 1.0)
    asked = plan(**LONG)
    there = asked.run()
    there.start(by=RemoteSteps(asked, processes))
    assert until(lambda: there.steps_run > 20)
    (worker,) = processes._executor._all  # type: ignore[attr-defined]
    os.kill(worker._process.pid, signal.SIGSTOP)
    assert there.join(WAIT)
    assert same(long_here, there)
    (said,) = there.notices
    assert re.fullmatch(r".* no sign of life for 1 s and was killed; another one goes on from step \d+", said)


def test_a_step_that_does_not_end_is_given_up_and_the_run_can_go_on(
    threads: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amtlib.train.remote.OVERTIME", 0.5)
    step = TrainingRun.step_for

    def endless(self: TrainingRun, other: Any) -> str:
        if self.steps_run < 2:
            return step(self, other)
        assert until(other)
        raise Interrupted

    asked = plan(time_budget=2.0)
    run = asked.run()
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(TrainingRun, "step_for", endless)
        run.start(by=RemoteSteps(asked, threads))
        assert run.join(WAIT)
    assert (run.reason, run.error) == ("time_budget", None)
    assert "a step had not ended" in run.notices[-1]
    run.extend(3)
    run.time_budget = None
    run.start(by=RemoteSteps(asked, threads))
    assert run.join(WAIT)
    assert run.reason == "max_steps"


def test_a_process_that_dies_again_and_again_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = plan()
    run = asked.run()
    with open_pool(workers=1, kind="process", preload=("amtlib.nothing_of_the_kind",)) as pool:
        run.start(by=RemoteSteps(asked, pool))
        assert run.join(WAIT)
    assert run.reason == "failed"
    assert isinstance(run.error, WorkerDied)
    assert "tried 2 times" in run.message


def test_what_the_steps_warn_of_is_said_here(threads: Pool) -> None:
    asked = plan(sparsity_alpha=1e6, max_steps=2)
    run = asked.run()
    run.start(by=RemoteSteps(asked, threads))
    with pytest.warns(UserWarning, match="the sparsity penalty makes"):
        run.join(WAIT)
    assert len(run.notices) == 1


def test_a_callback_is_refused_where_it_would_be_called_elsewhere(threads: Pool) -> None:
    with pytest.raises(ValueError, match="callback cannot be sent to another process"):
        plan(callback=print)
    asked = plan()
    called = TrainingRun(asked.run().model, "colorless", callback=lambda step: None)
    with pytest.raises(ValueError, match="callback is called by the thread that steps"):
        called.start(by=RemoteSteps(asked, threads))


def test_what_is_trained_is_part_of_the_plan(threads: Pool) -> None:
    only = Trainable(feedback=False, input_gain=True, output_gain=False)
    asked = TrainingPlan(START, "colorless", only, 2**10, settings={"max_steps": 3, "lr": 1e-2})
    run = asked.run()
    before = run.snapshot().parameters
    run.start(by=RemoteSteps(asked, threads))
    assert run.join(WAIT)
    after = run.snapshot().parameters
    assert [name for name in before if not torch.equal(before[name], after[name])] == ["b"]
