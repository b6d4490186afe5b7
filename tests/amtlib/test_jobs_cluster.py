"""Jobs on a real cluster of two workers: equal results, live words, stops, deaths, and a scheduler that is gone."""

import asyncio
import contextlib
import importlib
import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from amtlib.audio import save
from amtlib.batch import Analysis, analyze_corpus
from amtlib.fdn import design_fdn
from amtlib.jobs import Cancelled, ClusterUnreachable, Context, Pool, WorkerDied, open_pool
from amtlib.jobs.sameness import own_amtlib
from amtlib.train import RemoteSteps, TrainingPlan
from tests.serving import ROOT
from tests.waiting import WAIT, until

distributed = pytest.importorskip("distributed", reason="needs the extra 'cluster'")
dask = importlib.import_module("dask")
get_mp_context = importlib.import_module("distributed.utils").get_mp_context

# By a name that the workers find too: installed packages may bring a `tests` of their own.
sys.path.append(str(Path(__file__).parent))
does = importlib.import_module("job_functions")

#: What a worker with the changed copy says of it.
OTHER = r"amtlib \S+ \(sources [0-9a-f]{12}\)"


#: What workers load before they are forked: a worker that begins in place of a dead one would import it for 4 s.
LOADED = ("distributed.nanny", "amtlib.batch", "amtlib.train.graph", "torch._dynamo")


@pytest.fixture(scope="module", autouse=True)
def _workers_are_forked() -> Iterator[None]:
    """Fork the workers of clusters from one process, as dask can, and as its own tests do."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        yield
        return
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        get_mp_context().set_forkserver_preload(list(LOADED))
        yield


@pytest.fixture(scope="module")
def cluster(_workers_are_forked: None) -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def pool(cluster: Any) -> Iterator[Pool]:
    with open_pool(cluster.scheduler_address, kind="thread", grace=0.3) as pool:
        assert pool.problem == ""
        yield pool


def test_the_pool_has_the_workers_of_the_cluster_and_says_where_it_is(pool: Pool, cluster: Any) -> None:
    assert pool.workers == 2
    assert pool.where == f"2 threads of the cluster at {cluster.scheduler_address}"


def test_results_equal_those_computed_here_to_the_last_bit(pool: Pool) -> None:
    jobs = [pool.submit(does.noise, seed) for seed in range(6)]
    for seed, job in enumerate(jobs):
        assert torch.equal(job.result(WAIT), does.noise(Context(threading.Event(), print), seed))
        assert (job.state, job.share) == ("done", 1.0)


def test_jobs_run_in_other_processes_with_one_torch_thread(pool: Pool) -> None:
    number, _, process = pool.submit(does.threads).result(WAIT)
    assert number == 1
    assert process != os.getpid()


def test_progress_and_items_come_while_the_job_runs(pool: Pool) -> None:
    job = pool.submit(does.count, 40, 0.02)
    shares, items, while_running = [], [], 0
    while not job.ended:
        shares.append(job.share)
        new = job.items()
        items += new
        while_running += bool(new) and job.state == "running"
        time.sleep(0.005)
    assert job.result() == 40
    assert items + job.items() == list(range(40))
    assert shares == sorted(shares)
    assert while_running > 2


def test_the_scheduler_forgets_what_it_has_passed_on(pool: Pool) -> None:
    job = pool.submit(does.count, 40, 0.01)
    assert job.result(WAIT) == 40
    executor = pool._executor
    assert until(lambda: not executor._client.get_events(executor._topic))  # type: ignore[attr-defined]


def test_a_scheduler_that_does_not_get_to_forgetting_is_watched_all_the_same(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(topic: str, dask_scheduler: Any = None) -> None:
        await asyncio.sleep(12.0)

    monkeypatch.setattr("amtlib.jobs.cluster.forget_words", never)
    monkeypatch.setattr("amtlib.jobs.cluster.ANSWER_WITHIN", 0.5)
    executor = pool._executor
    for _ in range(3):  # the second look at the latest waits for `never` behind it
        now = time.monotonic()
        assert until(lambda now=now: executor._seen > now, 8.0)  # type: ignore[attr-defined, misc]


def test_an_exception_arrives_with_its_type_and_text(pool: Pool) -> None:
    with pytest.raises(ValueError, match="fc = -1 Hz is out of range"):
        pool.submit(does.fail, "fc = -1 Hz is out of range").result(WAIT)


def test_cancelling_reaches_the_worker_within_half_a_second(pool: Pool) -> None:
    took = []
    for _ in range(3):
        job = pool.submit(does.obey)
        assert until(job.items)
        begun = time.monotonic()
        job.cancel()
        assert job.state == "cancelled"
        assert until(lambda: pool.running == 0)
        took.append(time.monotonic() - begun)
        with pytest.raises(Cancelled):
            job.result()
    assert min(took) < 0.5  # the machine may be busy once, not always


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot suspend a process so")
def test_a_job_of_a_frozen_worker_can_be_given_up_and_frees_its_place(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amtlib.jobs.cluster.ANSWER_WITHIN", 0.5)
    notes = tmp_path / "notes"
    job = pool.submit(does.freeze, 1, str(notes))
    assert until(lambda: notes.exists() and notes.read_text().endswith("\n") and job.state == "running")
    try:
        assert until(lambda: psutil.Process(int(notes.read_text())).status() == psutil.STATUS_STOPPED)
        began = time.monotonic()
        job.cancel()
        assert job.state == "cancelled"
        assert until(lambda: pool.running == 0)
        assert time.monotonic() - began < 12.0  # 0.5 s for an answer to the stop, and the grace
    finally:
        os.kill(int(notes.read_text()), signal.SIGCONT)
    assert pool.submit(does.add, 2, 2).result(WAIT) == 4
    assert pool.problem == ""


def test_sessions_take_turns_on_a_cluster_too(pool: Pool) -> None:
    busy = [pool.submit(does.obey, owner="ann") for _ in range(4)]
    bob = pool.submit(does.add, 1, 1, owner="bob")
    assert bob.position == 1
    assert pool.close_owner("ann") == 4
    assert bob.result(WAIT) == 2
    assert {job.state for job in busy} == {"cancelled"}


def test_a_job_that_begins_while_it_is_given_up_is_stopped(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = distributed.Future.cancel

    def late(*arguments: Any, **options: Any) -> None:
        time.sleep(0.15)  # now the worker says that it has begun
        cancel(*arguments, **options)

    monkeypatch.setattr(distributed.Future, "cancel", late)
    for i in range(8):
        job = pool.submit(does.obey)
        time.sleep(0.006 * i)
        job.cancel()
        assert until(lambda: pool.running == 0)
    client = pool._executor._client  # type: ignore[attr-defined]
    assert until(lambda: not any(client.run(does.begun_on_worker).values()))


def test_a_job_whose_worker_died_is_begun_again_elsewhere(pool: Pool, tmp_path: Path) -> None:
    job = pool.submit(does.die, 1, str(tmp_path / "notes"))
    assert job.result(WAIT) == 1
    assert job.attempts == 2
    first, second = (tmp_path / "notes").read_text().split()
    assert first != second


def test_a_job_that_kills_its_workers_is_reported_and_the_cluster_lives(pool: Pool, tmp_path: Path) -> None:
    job = pool.submit(does.die, 9, str(tmp_path / "notes"))
    with pytest.raises(WorkerDied, match="the worker that did the job is gone; it was tried 2 times"):
        job.result(WAIT)
    # dask may have begun it once more before our count was known to it
    assert 2 <= len((tmp_path / "notes").read_text().split()) <= 3
    assert pool.submit(does.add, 2, 2).result(WAIT) == 4
    assert pool.problem == ""


def test_a_worker_killed_from_outside_costs_nobody_a_result(pool: Pool) -> None:
    jobs = [pool.submit(does.count, 10, 0.1) for _ in range(3)]
    assert until(lambda: jobs[0].items())
    victim = pool.submit(does.threads).result(WAIT)[2]
    slow = pool.submit(does.count, 10, 0.1)
    os.kill(victim, signal.SIGKILL)
    assert slow.result(WAIT) == 10
    assert [job.result(WAIT) for job in jobs] == [10, 10, 10]


def test_a_corpus_analyzed_on_the_cluster_equals_one_analyzed_here(pool: Pool, tmp_path: Path) -> None:
    for i in range(3):
        x = 0.05 * torch.randn(4000, generator=torch.Generator().manual_seed(i))
        save(tmp_path / f"{i}.wav", x, 16000)
    (tmp_path / "bad.wav").write_text("not a sound")
    there = analyze_corpus([str(tmp_path)], tmp_path / "there.csv", Analysis("moore2016"), pool)
    with Pool(1) as here:
        assert analyze_corpus([str(tmp_path)], tmp_path / "here.csv", Analysis("moore2016"), here) == there
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()


def lonely() -> Any:
    """Return a cluster without workers."""
    return distributed.LocalCluster(
        n_workers=0, host="127.0.0.1", protocol="tcp", dashboard_address="127.0.0.1:0", silence_logs=50
    )


def test_work_goes_on_here_when_the_scheduler_is_lost() -> None:
    with lonely() as cluster:
        pool = open_pool(cluster.scheduler_address, kind="thread")
        jobs = [pool.submit(does.add, 1, number) for number in range(4)]
        assert until(lambda: pool.running == 1)
    begun = time.monotonic()
    with pool:
        assert [job.result(WAIT) for job in jobs] == [1, 2, 3, 4]
        assert pool.problem.startswith(f"the scheduler at {cluster.scheduler_address} ")
        assert pool.problem.endswith("; the work goes on here")
        assert pool.where.endswith("here")
    assert time.monotonic() - begun < 15.0


def test_a_cluster_without_workers_is_not_waited_for_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amtlib.jobs.cluster.PATIENCE", 1.0)
    with lonely() as cluster, open_pool(cluster.scheduler_address, kind="thread") as pool:
        assert pool.submit(does.add, 1, 1).result(WAIT) == 2
        assert "has had no worker for 1 s; the work goes on here" in pool.problem


def test_a_corpus_says_that_its_cluster_was_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amtlib.jobs.cluster.PATIENCE", 1.0)
    save(tmp_path / "a.wav", 0.05 * torch.ones(4000), 16000)
    with lonely() as cluster, open_pool(cluster.scheduler_address, kind="thread") as pool:
        (row,) = analyze_corpus([str(tmp_path)], tmp_path / "t.csv", Analysis("gammatone"), pool)
        assert row["problem"] is None
        lost = f"amtlab: the cluster at {cluster.scheduler_address} has had no worker for 1 s; the work goes on here"
        assert capsys.readouterr().err.splitlines().count(lost) == 1


# --- another amtlib --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def worker_with(path: Path, address: str) -> Iterator[None]:
    """Start a worker as its command does, whose modules come from a folder first."""
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", address, *options],
        env={**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{Path(does.__file__).parent}"},
        cwd=path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.kill()
        process.wait()


def copy_of_amtlib(folder: Path, *, changed: bool) -> Path:
    """Copy the package; a changed one hears 3 dB less."""
    folder.mkdir()
    shutil.copytree(ROOT / "amtlib", folder / "amtlib", ignore=shutil.ignore_patterns("__pycache__"))
    if changed:
        source = folder / "amtlib" / "batch" / "analysis.py"
        text = source.read_text()
        assert "blocks.channels), P_REF)" in text
        source.write_text(text.replace("blocks.channels), P_REF)", "blocks.channels), P_REF * 2**0.5)"))
    return folder


def test_a_worker_with_another_amtlib_gets_no_work_whenever_it_joins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, same = (
        copy_of_amtlib(tmp_path / "other", changed=True),
        copy_of_amtlib(tmp_path / "same", changed=False),
    )
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for i in range(4):
        save(sounds / f"{i}.wav", 0.05 * torch.ones(4000) * (i + 1), 16000)
    differs = rf"the worker at tcp://\S+ has {OTHER}, and here is {re.escape(own_amtlib())}: it is left out"
    with lonely() as cluster, contextlib.ExitStack() as until_the_end:
        address = cluster.scheduler_address
        there = distributed.Client(address, set_as_default=False)
        with worker_with(other, address):
            there.wait_for_workers(1, timeout=WAIT)
            with pytest.warns(ClusterUnreachable, match=differs + ".*; the work is done here"):
                open_pool(address, workers=1, kind="thread").close()
            # one that is as it should be, beside it
            until_the_end.enter_context(worker_with(same, address))
            there.wait_for_workers(2, timeout=WAIT)
            with open_pool(address, kind="thread") as pool:
                assert pool.problem == ""
                assert pool.workers == 1
                rows = analyze_corpus([str(sounds)], tmp_path / "t.csv", Analysis("gammatone"), pool)
                assert re.search("amtlab: " + differs, capsys.readouterr().err)
                with Pool(1) as here:
                    own = analyze_corpus([str(sounds)], tmp_path / "own.csv", Analysis("gammatone"), here)
                assert rows == own
                assert pool.problem == ""
        # one that joins later
        assert until(lambda: len(there.scheduler_info()["workers"]) == 1, WAIT)
        with open_pool(address, kind="thread") as pool, worker_with(other, address):
            assert (pool.workers, pool.notes) == (1, [])
            assert until(lambda: pool.notes, WAIT)
            assert re.match(differs, pool.notes[0])
            assert [pool.submit(does.add, i, 1).result(WAIT) for i in range(4)] == [1, 2, 3, 4]
            assert pool.workers == 1
        there.close()


def test_a_worker_that_took_the_address_of_another_does_nothing_with_another_amtlib(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_pool(cluster.scheduler_address, kind="thread") as pool:
        wanted = "amtlib 0.0.9 (sources 0123456789ab)"
        monkeypatch.setattr("amtlib.jobs.cluster.own_amtlib", lambda: wanted)  # from now on, here
        monkeypatch.setattr("amtlib.jobs.sameness.own_amtlib", lambda: wanted)
        monkeypatch.setattr("amtlib.jobs.cluster.PATIENCE", 1.0)
        assert pool.submit(does.add, 1, 2).result(WAIT) == 3
        assert "has had no worker that has the same amtlib for 1 s; the work goes on here" in pool.problem


def test_a_job_whose_workers_were_replaced_goes_to_the_new_ones() -> None:
    with lonely() as cluster:
        cluster.scale(1)
        cluster.wait_for_workers(1, timeout=WAIT)
        with open_pool(cluster.scheduler_address, kind="thread") as pool:
            job = pool.submit(does.obey)
            assert until(job.items, WAIT)
            waits = pool.submit(does.add, 1, 2)
            (number,) = pool._executor._client.run(os.getpid).values()  # type: ignore[attr-defined]
            os.kill(number, signal.SIGKILL)  # its nanny starts another, with another address
            assert until(lambda: job.attempts == 2, WAIT)
            job.cancel()
            assert waits.result(WAIT) == 3
            assert pool.problem == ""


def test_a_scheduler_that_is_not_there_is_one_sentence_and_work_is_done_here() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    begun = time.monotonic()
    with pytest.warns(ClusterUnreachable, match="nobody listens there"):
        pool = open_pool(address, workers=1, kind="thread")
    assert time.monotonic() - begun < 15.0
    assert pool.problem == (
        f"the scheduler at {address} cannot be reached (nobody listens there); the work is done here"
    )
    with pool:
        assert pool.submit(does.add, 1, 2).result(WAIT) == 3


def test_something_else_that_listens_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amtlib.jobs.cluster.ANSWER_WITHIN", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begun = time.monotonic()
        with pytest.warns(ClusterUnreachable, match="cannot be reached"):
            pool = open_pool(f"tcp://127.0.0.1:{silent.getsockname()[1]}", workers=1, kind="thread")
        assert time.monotonic() - begun < 15.0
        pool.close()


def test_the_environment_names_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMTLAB_SCHEDULER", "localhost")
    with pytest.raises(
        ValueError, match="AMTLAB_SCHEDULER = 'localhost' is no scheduler's address: give tcp://"
    ):
        open_pool(kind="thread")


def test_without_the_extra_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.warns(ClusterUnreachable, match=r"pip install -c constraints\.txt -e '\.\[cluster\]'"):
        pool = open_pool("tcp://127.0.0.1:8786", kind="thread")
    pool.close()


def test_a_training_on_the_cluster_comes_to_the_same_numbers_as_here_and_they_come_live(
    cluster: Any, pool: Pool
) -> None:
    plan = TrainingPlan(
        design_fdn(delays=[61, 73, 83, 97], rt=0.05, rng=3),
        "colorless",
        nfft=2**10,
        settings={"max_steps": 300, "lr": 1e-2, "rng": 1, "patience": 300},
    )
    here, there = plan.run(), plan.run()
    list(here)
    seen = set()
    there.start(by=RemoteSteps(plan, pool, "me"))
    while not there.join(0):
        seen.add(there.steps_run)
        time.sleep(0.01)
    assert there.log == here.log
    assert len(seen) > 2


def test_a_training_survives_the_death_of_its_worker_where_it_was(cluster: Any, pool: Pool) -> None:
    settings = {"max_steps": 100_000, "lr": 1e-3, "rng": 1, "patience": 100_000}
    plan = TrainingPlan(
        design_fdn(delays=[61, 73, 83, 97], rt=0.05, rng=3), "colorless", nfft=2**10, settings=settings
    )
    run = plan.run()
    with run:
        run.start(by=RemoteSteps(plan, pool, "me", slice_s=600.0))
        assert until(lambda: run.steps_run > 20)
        busy = [worker for worker, keys in pool._executor._client.processing().items() if keys]  # type: ignore[attr-defined]
        (number,) = pool._executor._client.run(os.getpid, workers=busy).values()  # type: ignore[attr-defined]
        os.kill(number, signal.SIGKILL)
        before = run.steps_run
        least = before
        end = time.monotonic() + WAIT
        while run.steps_run < before + 50 and time.monotonic() < end:
            least = min(least, run.steps_run)
            time.sleep(0.005)
        assert run.steps_run >= before + 50
        assert least == before  # it never goes back
        assert len(run.log.train_loss) == run.log.steps_run
