"""Jobs in threads and in spawned processes: turns, caps, ends, and what comes back."""

import gc
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amtlib.jobs import Cancelled, Context, FairQueue, Job, JobError, OverBudget, Pool, QueueFull, WorkerDied
from amtlib.jobs.processes import _one_core
from tests.waiting import WAIT, until

# By a name that a new process finds too: installed packages may bring a `tests` of their own.
sys.path.append(str(Path(__file__).parent))
does = importlib.import_module("job_functions")


@pytest.fixture
def gate() -> Iterator[str]:
    name = uuid.uuid4().hex
    does.GATES[name] = threading.Event()
    yield name
    does.GATES.pop(name).set()


@pytest.fixture(scope="module")
def processes() -> Iterator[Pool]:
    """Two processes that all tests of this module share: each takes seconds to begin."""
    with Pool(2, "process", grace=0.3) as pool:
        with pytest.MonkeyPatch.context() as environment:
            environment.delenv("OPENBLAS_NUM_THREADS", raising=False)
            pool.warm()
            assert "OPENBLAS_NUM_THREADS" not in os.environ
        yield pool
    assert not [child for child in multiprocessing.active_children() if child.name == "amtlab worker"]


# --- the queue -------------------------------------------------------------------------------------------------

pushes = st.lists(st.tuples(st.sampled_from("abcd"), st.just(None)), max_size=30)


def filled(owners: list[Any]) -> FairQueue[tuple[str, int]]:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    for number, (owner, _) in enumerate(owners):
        queue.push(owner, (owner, number))
    return queue


@given(pushes)
def test_everything_comes_out_once_and_in_its_owners_order(owners: list[Any]) -> None:
    queue = filled(owners)
    out = [item for _ in owners if (item := queue.pop())]
    assert sorted(number for _, number in out) == list(range(len(owners)))
    for owner in "abcd":
        mine = [number for who, number in out if who == owner]
        assert mine == sorted(mine)
    assert queue.pop() is None


@given(pushes)
def test_no_owner_is_served_twice_while_another_waits(owners: list[Any]) -> None:
    queue = filled(owners)
    left, served = Counter(owner for owner, _ in owners), Counter[str]()
    while (item := queue.pop()) is not None:
        served[item[0]] += 1
        left[item[0]] -= 1
        still = [served[owner] for owner in left if left[owner] > 0]
        assert max(served.values()) - min(still, default=max(served.values())) <= 1


@given(pushes, st.integers(0, 10))
def test_the_position_is_the_number_of_pops_to_come(owners: list[Any], before: int) -> None:
    queue = filled(owners)
    for _ in range(min(before, len(owners))):
        queue.pop()
    order = list(queue)
    assert [queue.position(owner, (owner, number)) for owner, number in order] == list(
        range(1, len(order) + 1)
    )
    assert order == [queue.pop() for _ in order]


@given(pushes, st.sampled_from("abcd"))
def test_an_owner_that_may_not_be_served_keeps_its_turn(owners: list[Any], barred: str) -> None:
    queue = filled(owners)
    first = queue.pop(lambda owner: owner != barred)
    assert first is None or first[0] != barred
    waiting = queue.waiting(barred)
    assert waiting == sum(owner == barred for owner, _ in owners)
    assert len(queue.drop(barred)) == waiting
    assert all(owner != barred for owner, _ in queue)


def test_who_was_just_served_stands_behind_who_comes_new() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(3):
        queue.push("ann", "ann's")
        queue.pop()
    queue.push("ann", "ann's fourth")
    queue.push("bob", "bob's first")
    assert list(queue) == ["bob's first", "ann's fourth"]


def test_what_an_owner_took_back_does_not_count() -> None:
    queue: FairQueue[int] = FairQueue()
    for item in range(9):
        queue.push("ann", item)
    for item in range(1, 9):
        assert queue.remove("ann", item)
    queue.push("bob", 10)
    queue.push("bob", 11)
    queue.push("ann", 12)
    assert list(queue) == [0, 10, 12, 11]


@given(st.lists(st.sampled_from("abcdp"), max_size=40))
def test_owners_who_always_wait_are_served_equally_often(moves: list[str]) -> None:
    queue: FairQueue[str] = FairQueue()
    for owner in "ab":
        for _ in range(50):
            queue.push(owner, owner)
    served = Counter[str]()
    for move in moves:  # whatever others do in between
        if move == "p":
            served[queue.pop() or ""] += 1
        elif move in "cd":
            queue.push(move, move)
    assert abs(served["a"] - served["b"]) <= 1


# --- turns and caps --------------------------------------------------------------------------------------------


def test_a_second_session_does_not_wait_for_all_jobs_of_the_first(gate: str) -> None:
    order: list[str] = []
    with Pool(1) as pool:
        first = pool.submit(does.wait_at, gate, owner="ann")
        later = [pool.submit(does.add, 1, 1, owner=owner) for owner in ("ann", "ann", "ann", "bob")]
        for job in later:
            job.add_done_callback(lambda job: order.append(job.owner))
        assert first.position == 0
        assert [job.position for job in later] == [2, 3, 4, 1]
        does.GATES[gate].set()
        assert all(job.wait(WAIT) for job in later)
    assert order[0] == "bob"


def test_one_session_cannot_take_all_workers(gate: str) -> None:
    with Pool(3, per_owner=2) as pool:
        ann = [pool.submit(does.wait_at, gate, owner="ann") for _ in range(4)]
        bob = pool.submit(does.wait_at, gate, owner="bob")
        assert until(lambda: bob.state == "running")
        assert until(lambda: sum(job.state == "running" for job in ann) == 2)
        does.GATES[gate].set()
        assert [job.result(WAIT) for job in [*ann, bob]] == [gate] * 5


def test_a_session_with_too_many_jobs_in_the_queue_hears_so(gate: str) -> None:
    with Pool(1, waiting=2) as pool:
        for _ in range(3):
            pool.submit(does.wait_at, gate, owner="ann")
        with pytest.raises(
            QueueFull, match="2 of your jobs wait already, and no more than 2 may: cancel one"
        ):
            pool.submit(does.add, 1, 1, owner="ann")
        pool.submit(does.add, 1, 1, owner="bob")
        assert pool.queued == 3


def test_a_queue_of_length_zero_takes_what_can_begin_and_nothing_else(gate: str) -> None:
    with Pool(1, waiting=0) as pool:
        pool.submit(does.wait_at, gate, owner="ann")
        with pytest.raises(QueueFull):
            pool.submit(does.add, 1, 1, owner="bob")


# --- results and failures, the same everywhere -----------------------------------------------------------------


@pytest.fixture(params=["thread", "process"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    if request.param == "process":
        yield request.getfixturevalue("processes")
        return
    with Pool(2, grace=0.3) as pool:
        yield pool


def test_results_are_equal_wherever_they_were_computed(pool: Pool) -> None:
    jobs = [pool.submit(does.noise, seed) for seed in range(4)]
    for seed, job in enumerate(jobs):
        assert torch.equal(job.result(WAIT), does.noise(Context(threading.Event(), print), seed))
        assert (job.state, job.share, job.attempts) == ("done", 1.0, 1)


def test_progress_never_falls_and_items_come_in_order(pool: Pool) -> None:
    job = pool.submit(does.count, 60, 0.004)
    shares, items = [], []
    while not job.ended:
        shares.append(job.share)
        items += job.items()
        time.sleep(0.002)
    items += job.items()
    assert job.result() == 60
    assert items == list(range(60))
    assert shares == sorted(shares)
    assert len({*shares}) > 2
    assert job.message.startswith("step ")


def test_an_exception_arrives_with_its_type_and_text(pool: Pool) -> None:
    job = pool.submit(does.fail, "fc = -1 Hz is out of range")
    with pytest.raises(ValueError, match="fc = -1 Hz is out of range"):
        job.result(WAIT)
    assert job.state == "failed"
    assert isinstance(job.error, ValueError)


def test_a_function_that_exits_has_failed_and_nothing_else_ends(pool: Pool) -> None:
    with pytest.raises(SystemExit):
        pool.submit(does.leave).result(WAIT)
    assert pool.submit(does.add, 1, 2).result(WAIT) == 3


def test_cancelling_answers_at_once_and_frees_the_worker_soon(pool: Pool) -> None:
    took = []
    for _ in range(3):
        job = pool.submit(does.obey)
        assert until(job.items)
        begun = time.monotonic()
        assert job.cancel()
        assert (job.state, job.ended) == ("cancelled", True)
        assert until(lambda: pool.running == 0)
        took.append(time.monotonic() - begun)
        assert not job.cancel()
        with pytest.raises(Cancelled):
            job.result()
    assert min(took) < 0.5  # what a Stop button may take; the machine may be busy once, not always


def test_a_job_that_waits_is_cancelled_without_having_begun(gate: str) -> None:
    with Pool(1) as pool:
        pool.submit(does.wait_at, gate)
        job = pool.submit(does.add, 1, 1)
        assert job.cancel()
        assert (job.state, job.attempts, pool.queued, job.position) == ("cancelled", 0, 0, 0)


def test_a_job_over_its_budget_is_ended(pool: Pool) -> None:
    job = pool.submit(does.obey, budget=0.2)
    with pytest.raises(OverBudget, match=r"longer than its 0\.2 s"):
        job.result(WAIT)
    assert job.state == "over_budget"
    assert 0.15 < job.seconds < 5.0  # the machine may be busy, but not that busy
    assert until(lambda: pool.running == 0)


def test_a_budget_counts_from_the_beginning_and_not_in_the_queue(gate: str) -> None:
    with Pool(1) as pool:
        pool.submit(does.wait_at, gate)
        job = pool.submit(does.add, 1, 1, budget=0.3)
        time.sleep(0.4)
        does.GATES[gate].set()
        assert job.result(WAIT) == 2


def test_waiting_for_a_result_may_end_without_it(gate: str) -> None:
    with Pool(1) as pool:
        job = pool.submit(does.wait_at, gate)
        with pytest.raises(TimeoutError, match="has not ended"):
            job.result(0.01)
        assert not job.wait(0.01)


# --- processes -------------------------------------------------------------------------------------------------


def test_a_process_that_does_not_obey_is_killed_and_replaced(processes: Pool) -> None:
    job = processes.submit(does.ignore, 30.0)
    assert until(job.items)
    begun = time.monotonic()
    job.cancel()
    assert until(lambda: processes.running == 0)
    assert time.monotonic() - begun < 5.0  # grace 0.3 s and the end of a process
    assert processes.submit(does.add, 2, 2).result(WAIT) == 4


def test_a_job_given_up_while_its_process_begins_keeps_nobody_waiting_and_the_process_is_used() -> None:
    with Pool(1, "process", grace=0.2) as pool:
        job = pool.submit(
            does.length, bytes(2**20), owner="ann"
        )  # more than a pipe takes before somebody reads
        assert until(lambda: pool._executor._all)  # type: ignore[attr-defined]
        (worker,) = pool._executor._all  # type: ignore[attr-defined]
        began = time.monotonic()
        assert pool.close_owner("ann") == 1
        assert time.monotonic() - began < 0.5
        assert until(lambda: not pool.running)
        time.sleep(0.3)  # longer than the grace
        assert pool.submit(does.length, bytes(2**20)).result(WAIT) == 2**20
        assert pool._executor._all == {worker}  # type: ignore[attr-defined]
        assert job.state == "cancelled"


def test_a_job_whose_process_died_is_begun_again(processes: Pool, tmp_path: Path) -> None:
    job = processes.submit(does.die, 1, str(tmp_path / "notes"))
    assert job.result(WAIT) == 1
    assert job.attempts == 2


def test_a_job_whose_processes_keep_dying_says_so(processes: Pool, tmp_path: Path) -> None:
    job = processes.submit(does.die, 9, str(tmp_path / "notes"))
    with pytest.raises(WorkerDied, match=r"was killed \(SIGKILL\), .* lack of memory; it was tried 2 times"):
        job.result(WAIT)
    assert len((tmp_path / "notes").read_text().splitlines()) == 2
    assert processes.submit(does.add, 2, 2).result(WAIT) == 4


def is_frozen(notes: Path) -> bool:
    """Whether the process that wrote its number as the last of some notes is suspended by now."""
    return psutil.Process(int(notes.read_text().split()[-1])).status() == psutil.STATUS_STOPPED


stops = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot suspend a process so")


@stops
def test_a_job_whose_process_freezes_is_begun_again_in_another_one(
    processes: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes._executor, "silence", 1.0)
    job = processes.submit(does.freeze, 1, str(tmp_path / "notes"))
    assert job.result(WAIT) == 1
    assert job.attempts == 2
    assert job.setback == "the process that did the job gave no sign of life for 1 s and was killed"
    frozen, other = map(int, (tmp_path / "notes").read_text().split())
    assert not psutil.pid_exists(frozen)
    assert psutil.pid_exists(other)


def test_long_work_in_silence_is_no_frozen_process(processes: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes._executor, "silence", 1.0)
    assert processes.submit(does.ignore, 4.5).result(WAIT) is None  # a frozen one is killed after 4 s


@stops
def test_a_frozen_process_is_given_up_at_once_by_who_does_not_want_it(
    processes: Pool, tmp_path: Path
) -> None:
    job = processes.submit(does.freeze, 1, str(tmp_path / "notes"))
    assert until(lambda: (tmp_path / "notes").exists() and job.state == "running")
    assert until(lambda: is_frozen(tmp_path / "notes"))
    began = time.monotonic()
    assert job.cancel()
    assert job.state == "cancelled"
    assert until(lambda: processes.running == 0)
    assert time.monotonic() - began < 5.0  # grace 0.3 s and the end of a process; its silence would be 20 s
    assert processes.submit(does.add, 2, 2).result(WAIT) == 4


@stops
def test_one_frozen_before_it_takes_a_large_call_keeps_nobody_waiting() -> None:
    with Pool(1, "process", grace=0.3, silence=1.0) as pool:
        assert pool.submit(does.add, 1, 1).result(WAIT) == 2
        (worker,) = pool._executor._all  # type: ignore[attr-defined]
        os.kill(worker._process.pid, signal.SIGSTOP)
        job = pool.submit(does.length, bytes(2**22), owner="ann")
        assert until(lambda: pool.running == 1)
        time.sleep(0.2)
        began = time.monotonic()
        assert pool.close_owner("ann") == 1
        assert time.monotonic() - began < 0.5
        assert job.state == "cancelled"
        assert pool.submit(does.length, bytes(2**22)).result(WAIT) == 2**22
        (worker,) = pool._executor._all  # type: ignore[attr-defined]
        os.kill(worker._process.pid, signal.SIGSTOP)
        assert (
            pool.submit(does.length, bytes(2**22)).result(WAIT) == 2**22
        )  # by another one, after the silence


def test_processes_use_one_thread_and_are_kept(processes: Pool) -> None:
    found = [processes.submit(does.threads).result(WAIT) for _ in range(3)]
    assert {(torchs, openblas) for torchs, openblas, _ in found} == {(1, "1")}
    assert len({process for *_, process in found}) <= 2


def test_who_says_how_many_threads_linear_algebra_has_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    with _one_core():
        assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


def test_a_traceback_comes_along_from_a_process(processes: Pool) -> None:
    job = processes.submit(does.fail, "no")
    assert job.wait(WAIT)
    assert job.error is not None
    assert "job_functions.py" in job.error.__notes__[0]


def test_an_exception_that_cannot_travel_arrives_as_a_sentence(processes: Pool) -> None:
    with pytest.raises(JobError, match="Picky: 1 is not 2"):
        processes.submit(does.fail_oddly).result(WAIT)


def test_a_result_that_cannot_travel_is_named(processes: Pool) -> None:
    with pytest.raises(JobError, match="the result cannot be sent back"):
        processes.submit(does.give_a_lock).result(WAIT)


def test_a_lambda_is_refused_when_it_is_submitted(processes: Pool) -> None:
    with pytest.raises(TypeError, match="give a function that a module holds, not a lambda"):
        processes.submit(lambda context: 1)


STARTS_ONE = """
import sys, time
sys.path.append(sys.argv[1])
import job_functions
from amtlib.jobs import Pool

if __name__ == "__main__":
    pool = Pool(1, "process")
    print(pool.submit(job_functions.threads).result(120)[-1], flush=True)
    pool.submit(job_functions.ignore, 600.0)
    time.sleep(600)
"""


def test_no_process_outlives_the_one_that_began_it_however_it_ends(tmp_path: Path) -> None:
    (tmp_path / "starts_one.py").write_text(STARTS_ONE)
    here = Path(__file__).parent
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "starts_one.py"), str(here)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(here.parents[1])},
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    assert until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 20.0)


# --- sessions that end, pools that close -----------------------------------------------------------------------


def test_a_session_that_ends_takes_its_jobs_along_and_nobody_elses(gate: str) -> None:
    with Pool(2) as pool:
        mine = [pool.submit(does.obey, owner="ann") for _ in range(5)]
        other = pool.submit(does.wait_at, gate, owner="bob")
        assert pool.close_owner("ann") == 5
        assert {job.state for job in mine} == {"cancelled"}
        does.GATES[gate].set()
        assert other.result(WAIT) == gate
        assert until(lambda: pool.running == 0)


def test_a_pool_keeps_nothing_of_a_job_that_has_ended() -> None:
    class Sound:
        pass

    with Pool(1) as pool:
        sound = Sound()
        gone = weakref.ref(sound)
        job: Job[Any] | None = pool.submit(does.ignore, sound)  # fails: a sound is no time to sleep
        assert job is not None
        assert job.wait(WAIT)
        assert until(lambda: pool.running == 0)
        del job, sound
        gc.collect()
        assert gone() is None


def test_closing_a_pool_ends_its_jobs_and_it_takes_no_more() -> None:
    pool = Pool(1)
    jobs = [pool.submit(does.obey) for _ in range(3)]
    pool.close()
    assert {job.state for job in jobs} == {"cancelled"}
    with pytest.raises(RuntimeError, match="the pool is closed"):
        pool.submit(does.add, 1, 1)


def test_a_callback_is_called_once_whenever_it_was_added(gate: str) -> None:
    called: list[str] = []
    with Pool(1) as pool:
        job = pool.submit(does.wait_at, gate)
        job.add_done_callback(lambda job: called.append(f"before {job.state}"))
        does.GATES[gate].set()
        assert until(lambda: called)
        job.add_done_callback(lambda job: called.append(f"after {job.state}"))
    assert called == ["before done", "after done"]


def test_a_callback_that_fails_is_logged_and_harms_nobody(
    gate: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Pool(1) as pool:
        job = pool.submit(does.add, 1, 1)
        job.wait(WAIT)
        job.add_done_callback(lambda job: 1 / 0)
        assert pool.submit(does.add, 1, 1).result(WAIT) == 2
    assert "a callback of job" in caplog.text


def test_items_that_nobody_takes_are_dropped_and_counted() -> None:
    with Pool(1) as pool:
        job = pool.submit(does.count, 1200)
        job.wait(WAIT)
        assert job.dropped == 200
        assert job.items()[0] == 200


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"workers": 0}, "workers = 0 is out of range"),
        ({"kind": "fork"}, "kind = 'fork' is unknown: give 'process' or 'thread'"),
        ({"per_owner": 0}, "per_owner = 0"),
        ({"waiting": -1}, "waiting = -1"),
        ({"budget": 0.0}, "budget = 0.0 s is no time to work in"),
        ({"budget": float("nan")}, "budget = nan s"),
        ({"grace": -1.0}, "grace = -1.0 s is out of range"),
        ({"silence": 0.5}, "silence = 0.5 s is out of range: give 1 to 3600 s"),
        ({"retries": -1}, "retries = -1"),
    ],
)
def test_a_setting_out_of_range_is_named(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Pool(**settings)


def test_progress_must_be_a_number() -> None:
    with pytest.raises(ValueError, match="share = nan is no share"):
        Context(threading.Event(), print).progress(float("nan"))
