"""Heavy settings of the perception lab: a worker computes them, and the page and all others go on."""

import asyncio
import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from amtlib.jobs import Context, Pool
from app import heavy, worker
from app.labs.perception import model as perception
from app.labs.perception.model import PerceptionLabModel
from app.labs.perception.view import PerceptionLab
from app.page.background import Background
from app.page.part import LabPart
from app.picture_worker import NICENESS
from app.pool import PICTURES, LabPool
from app.shared import SHARED
from app.stimulus import Stimulus
from tests.waiting import WAIT

# By a name that worker processes find too.
sys.path.append(str(Path(__file__).parents[1] / "amtlib"))
does = importlib.import_module("job_functions")

SHORT = {"s.kind": "am", "s.duration": 0.2, "m.channels": 10, "c.kind": "level"}

#: All of it says where something is computed.
pytestmark = pytest.mark.usefixtures("nothing_shared")


@pytest.fixture(autouse=True)
def _all_is_heavy_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AMTLAB_PROCESSES", "1")
    monkeypatch.setattr(perception, "HEAVY", 0.0)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    yield
    while Held.pools:
        Held.pools.pop().close()


@pytest.fixture(scope="module", autouse=True)
def _one_worker_for_all_tests() -> Iterator[None]:
    yield
    PICTURES.close()


def lab(settings: dict[str, Any], owner: str = "") -> PerceptionLabModel:
    found = PerceptionLabModel()
    found.elsewhere = heavy.elsewhere(owner) if owner else None
    assert found.update({**SHORT, **settings}) == []
    return found


def shown(of: PerceptionLabModel) -> dict[str, Any]:
    """Return all numbers that the page shows."""
    SHARED.clear()
    close = dict(zip(("times", "swing", "cells in the swing"), of.close, strict=True))
    return {**vars(of.pictures), **vars(of.sorted), **vars(of.difference), **close, **of.measures()}


def test_a_worker_comes_to_the_numbers_that_are_computed_here() -> None:
    for settings in (
        {"h.cutoff": 2, "a.preset": "puschel1988", "hl.audiogram": "N3"},
        {"m.model": "king2019", "a.limit": 7, "f.q": 3, "c.kind": "am"},
    ):
        here, there = shown(lab(settings)), shown(lab(settings, "me"))
        for name, value in here.items():
            np.testing.assert_allclose(there[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def test_of_a_users_own_file_too(tmp_path: Path) -> None:
    content = (Path(__file__).parents[2] / "app" / "assets" / "speech.flac").read_bytes()
    found = []
    for owner in ("", "me"):
        of = lab({}, owner)
        of.stimulus.take_upload("mine.flac", content)
        of.update({"s.start": 0.3, "s.duration": 0.2})
        found.append(shown(of))
    np.testing.assert_allclose(found[1]["whole"], found[0]["whole"], rtol=1e-4)


@pytest.mark.skipif(not hasattr(os, "nice"), reason="this system has no niceness")
def test_a_worker_makes_way_for_pages_and_not_for_trainings() -> None:
    found = PICTURES.open().submit(does.niceness).result(WAIT)
    assert min(os.nice(0) + 1, 19) <= found <= os.nice(0) + NICENESS < os.nice(0) + worker.NICENESS


def test_without_workers_a_lab_computes_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMTLAB_PROCESSES")
    assert heavy.elsewhere("me") is None
    assert PICTURES.counts() == (0, 0)


@pytest.mark.parametrize(
    ("settings", "is_heavy"),
    [
        ({}, False),
        ({"m.channels": 60}, False),
        ({"m.channels": 60, "s.duration": 0.7}, True),
        ({"c.kind": "level"}, True),
        ({"c.kind": "level", "m.model": "king2019"}, False),
    ],
)
def test_heavy_is_what_takes_more_than_two_tenths_of_a_second(
    settings: dict[str, Any], is_heavy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perception, "HEAVY", 40.0)
    of = PerceptionLabModel()
    of.update(settings)
    assert of.is_heavy is is_heavy


# ----------------------------------------------------------------- a worker in a thread, whose work can be held up


class Held:
    """Stands for the worker, in a thread: gives the same results each time, when it may."""

    pools: ClassVar[list[Pool]] = []

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **how: Any) -> None:
        self.pool = Pool(1, "thread", **how)
        self.pools.append(self.pool)
        self.may_go = threading.Event()
        self.begun: list[Any] = []
        self.given_up: list[Any] = []
        # Now, for another thread of this process would wait for what the page's thread waits for.
        self._results = lab({}).heavy()
        SHARED.clear()
        monkeypatch.setattr(heavy, "PICTURES", LabPool(lambda: self.pool))
        monkeypatch.setattr(heavy, "compute", self.compute)

    def compute(self, context: Context, kind: Any, values: Any, upload: Any) -> Any:
        self.begun.append(values["a.limit"])
        while not self.may_go.wait(0.005):
            if context.cancelled:
                self.given_up.append(values["a.limit"])
                context.check()
        return self._results

    async def until(self, true: Callable[["Held"], Any]) -> None:
        async with asyncio.timeout(WAIT):
            while not true(self):
                await asyncio.sleep(0.002)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(LabPart, "send", lambda self, message: found.append(message))
    return found


LINK = "?" + "&".join(f"{key}={value}" for key, value in SHORT.items())


async def opened(owner: str = "") -> tuple[PerceptionLab, Background]:
    page = Background(asyncio.get_running_loop(), owner)
    view = PerceptionLab(link=LINK, served=True, background=page)
    await ready(page)
    return view, page


async def ready(page: Background) -> None:
    await asyncio.wait_for(page.turn(lambda: None), WAIT)
    await asyncio.sleep(0)  # what was sent meanwhile is delivered


def test_a_newer_move_gives_up_what_the_worker_computes(
    monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]
) -> None:
    held = Held(monkeypatch)

    async def moves() -> None:
        held.may_go.set()
        view, page = await opened()
        held.may_go.clear()
        told.clear()
        view.receive({"type": "set", "values": {"a.limit": 12}, "sequence": 1})
        await held.until(lambda held: held.begun[-1] == 12)
        view.receive({"type": "set", "values": {"a.limit": 14}, "sequence": 2})
        await held.until(lambda held: held.given_up == [12])
        held.may_go.set()
        await ready(page)
        assert view.lab.adaptation.limit == 14
        assert view.contents.words()["problem"] == ""

    asyncio.run(moves())
    assert held.begun[1:] == [12, 14]
    assert [message["answered"] for message in told if "answered" in message] == [2]


def test_a_page_that_is_left_gives_up_what_the_worker_computes(
    monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]
) -> None:
    held = Held(monkeypatch)

    async def leaves() -> None:
        page = Background(asyncio.get_running_loop())
        view = PerceptionLab(link=LINK, served=True, background=page)
        await held.until(lambda held: held.begun)
        view.close()
        await held.until(lambda held: held.given_up)

    asyncio.run(leaves())
    assert not told


def test_two_who_ask_for_the_same_have_it_computed_once_and_the_second_need_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]
) -> None:
    held = Held(monkeypatch)

    async def ask() -> None:
        held.may_go.set()
        (ann, anns), (bob, bobs) = await opened("ann"), await opened("bob")
        assert len(held.begun) == 1
        held.may_go.clear()
        for view in (ann, bob):
            view.receive({"type": "set", "values": {"a.limit": 12}, "sequence": 1})
            await held.until(lambda held: held.begun[-1] == 12)
        bob.receive({"type": "set", "values": {"v.experiment": "am", "a.limit": 10}, "sequence": 2})
        await ready(bobs)
        assert bob.lab.probe.experiment == "am"
        assert bob.contents.words()["problem"] == ""
        held.may_go.set()
        await ready(anns)

    asyncio.run(ask())
    assert held.begun == [10, 12]
    assert held.given_up == []


def test_the_worker_dies_and_the_page_says_so_and_keeps_its_picture(
    monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]
) -> None:
    held = Held(monkeypatch)
    held.may_go.set()

    async def moves() -> tuple[str, str]:
        view, page = await opened()
        before = view.scene.whole()
        with monkeypatch.context() as real:
            real.setattr(heavy, "PICTURES", PICTURES)
            real.setattr(heavy, "compute", does.die_whatever)
            view.receive({"type": "set", "values": {"a.limit": 12}, "sequence": 1})
            await ready(page)
        assert view.scene.whole() == before
        problem = view.contents.words()["problem"]
        view.receive({"type": "set", "values": {"a.limit": 14}, "sequence": 2})
        await ready(page)
        return problem, view.contents.words()["problem"]

    problem, after = asyncio.run(moves())
    assert problem == (
        "This picture could not be computed: the process that did the job was killed (SIGKILL), perhaps for lack of "
        "memory; it was tried 2 times; the last one stays, and the next change tries again."
    )
    assert after == ""
    assert [message["answered"] for message in told if "answered" in message] == [1, 2]


def test_a_full_queue_is_said_in_a_sentence_and_the_picture_stays(
    monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]
) -> None:
    held = Held(monkeypatch, per_owner=1, waiting=0)

    async def ask() -> str:
        held.may_go.set()
        view, page = await opened("ann")
        before, may_end = view.scene.whole(), threading.Event()
        held.pool.submit(lambda context: may_end.wait(WAIT), owner="ann")
        view.receive({"type": "set", "values": {"a.limit": 12}, "sequence": 1})
        await ready(page)
        may_end.set()
        assert view.scene.whole() == before
        return str(view.contents.words()["problem"])

    said = asyncio.run(ask())
    assert said == (
        "This picture could not be computed: 60 others from your network address wait already; the last one stays, and "
        "the next change tries again."
    )


def test_what_a_page_waits_for_elsewhere_is_no_work_of_its_own(
    monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]
) -> None:
    Held(monkeypatch).may_go.set()
    took: list[float] = []
    monkeypatch.setattr(Background, "_rest_after", lambda self, seconds: took.append(seconds))
    clock = SimpleNamespace(monotonic=iter(range(0, 10**6, 1000)).__next__)
    monkeypatch.setattr(heavy, "time", clock)
    asyncio.run(opened())
    assert min(took) < -900.0  # by the clock of this test it waited 1000 s


def test_a_stimulus_names_its_file_only_where_it_is_heard() -> None:
    of = Stimulus()
    of.take_upload("mine.flac", (Path(__file__).parents[2] / "app" / "assets" / "speech.flac").read_bytes())
    assert of.upload is not None
    of.kind = "tone"
    assert of.upload is None
