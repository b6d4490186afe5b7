"""The labs' pools: opened late, as large and of the kind that the server was told, and left with the session."""

import importlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from amtlib.jobs import ClusterUnreachable, Context, Pool
from app.pool import TRAININGS, LabPool
from app.worker import NICENESS
from tests.waiting import WAIT, until

# By a name that worker processes find too.
sys.path.append(str(Path(__file__).parents[1] / "amtlib"))
does = importlib.import_module("job_functions")


def sleep(context: Context) -> None:
    while True:
        context.check()
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AMTLAB_PROCESSES", "AMTLAB_TRAININGS", "AMTLAB_SCHEDULER"):
        monkeypatch.delenv(name, raising=False)
    TRAININGS.close()
    yield
    TRAININGS.close()


def test_a_pool_is_opened_when_it_is_first_asked_for() -> None:
    made: list[Pool] = []

    def make() -> Pool:
        made.append(Pool(workers=1))
        return made[-1]

    pool = LabPool(make)
    assert (pool.counts(), made) == ((0, 0), [])
    pool.leave("nobody")
    pool.close()
    assert made == []
    assert pool.open() is pool.open() is made[0]
    pool.close()
    assert pool.open() is made[1]
    pool.close()


@pytest.mark.parametrize(
    ("cores", "processes", "told", "where"),
    [
        (2, "2", "", "1 process here"),
        (16, "2", "", "4 processes here"),
        (2, "2", "3", "3 processes here"),
        (8, None, "", "4 threads here"),
        (1, None, "", "1 thread here"),
    ],
)
def test_trainings_get_half_of_the_cores_or_as_many_workers_as_told(
    cores: int, processes: str | None, told: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setenv("AMTLAB_TRAININGS", told)
    if processes:
        monkeypatch.setenv("AMTLAB_PROCESSES", processes)
    assert TRAININGS.open().where == where


def test_without_their_cluster_trainings_get_no_more_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    monkeypatch.setenv("AMTLAB_PROCESSES", "4")
    monkeypatch.setenv("AMTLAB_SCHEDULER", "tcp://127.0.0.1:9")
    with pytest.warns(ClusterUnreachable):
        assert TRAININGS.open().where == "2 processes here"


def test_what_a_session_has_in_the_pool_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMTLAB_TRAININGS", "1")
    pool = TRAININGS.open()
    mine, other = pool.submit(sleep, owner="ann"), pool.submit(sleep, owner="bob")
    TRAININGS.leave("ann")
    assert mine.state == "cancelled"
    assert until(lambda: other.state == "running")  # it has the worker that was freed


def test_a_session_has_one_training_at_a_time_and_one_that_waits() -> None:
    pool = TRAININGS.open()
    pool.submit(sleep, owner="ann")
    second = pool.submit(sleep, owner="ann")
    assert second.position == 1
    with pytest.raises(Exception, match="no more than 1 may"):
        pool.submit(sleep, owner="ann")


def test_a_scheduler_that_nobody_answers_at_is_warned_of_and_the_work_is_done_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AMTLAB_SCHEDULER", "tcp://127.0.0.1:9")
    with pytest.warns(ClusterUnreachable, match="cannot be reached"):
        pool = TRAININGS.open()
    assert pool.problem.endswith("the work is done here")
    assert pool.submit(sleep).state in ("waiting", "running")


@pytest.mark.skipif(not hasattr(os, "nice"), reason="this system has no niceness")
def test_workers_step_aside_for_pages_and_nobody_else_does() -> None:
    before = os.nice(0)
    with Pool(workers=1, kind="process", preload=("app.worker",)) as pool:
        assert pool.submit(does.niceness).result(WAIT) == min(before + NICENESS, 19)
    assert os.nice(0) == before
