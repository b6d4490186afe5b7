"""The FDN lab where others train too: the pool's worker does the steps, in turn, and the page sees them live."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from amtlib.train import TrainingPlan, TrainingRun
from app.labs.fdn.view import FdnLab
from app.page.part import LabPart
from app.pool import TRAININGS

QUICK = {"n.lines": 4, "t.steps": 30, "t.rate": 0.01}
LONG = {**QUICK, "t.steps": 5000, "t.patience": 2000}


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AMTLAB_TRAININGS", "1")
    monkeypatch.delenv("AMTLAB_SCHEDULER", raising=False)
    monkeypatch.setattr(LabPart, "send", lambda self, message: None)
    TRAININGS.close()
    yield
    TRAININGS.close()


def page_with(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> FdnLab:
    page = FdnLab()
    assert page.lab.update(settings) == []
    # Modes are counted by a thread, which here would have nobody to come back to.
    monkeypatch.setattr(
        page._observer, "_analyses", lambda *anything: dict.fromkeys(("start", "now", "target"))
    )
    return page


async def until(true: Callable[[], Any], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        await asyncio.sleep(0.005)
    assert true()


def steps(page: FdnLab) -> int:
    return 0 if page.lab.run is None else page.lab.run.steps_run


def test_the_page_of_a_class_trains_to_the_same_numbers_as_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    page, script = page_with(QUICK, monkeypatch), page_with(QUICK, monkeypatch)
    script.lab.prepare()
    assert script.lab.run is not None
    list(script.lab.run)

    async def press() -> None:
        page.act("play")
        await until(lambda: page.lab.run is not None and page.lab.run.state == "finished")
        assert page.trainer.steps is not None  # it was the pool that did them

    asyncio.run(press())
    assert page.lab.run is not None
    assert page.lab.run.log == script.lab.run.log
    mine, theirs = (lab.run.snapshot(best=True).parameters for lab in (page.lab, script.lab) if lab.run)
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize(
    ("of", "name"),
    [(TRAININGS, "open"), (TrainingPlan, "run_and_warnings")],
    ids=["before it is begun", "under way"],
)
def test_settings_that_change_while_a_training_is_made_ready_are_not_trained(
    of: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, begun, changed = page_with(QUICK, monkeypatch), threading.Event(), threading.Event()
    plain = getattr(of, name)

    def waits(*given: Any) -> Any:
        begun.set()
        assert changed.wait(60)
        return plain(*given)

    monkeypatch.setattr(of, name, waits)

    async def press() -> None:
        page.act("play")
        await until(begun.is_set)
        monkeypatch.setattr(of, name, plain)
        page.change(lambda: page.lab.update({"n.seed": 2}))
        changed.set()
        await until(lambda: page.status.notes or page.lab.run is not None)

    asyncio.run(press())
    assert page.lab.run is None
    assert page.status.notes == [
        "The settings changed while the training was being made ready; press Train again."
    ]
    assert page.trainer.content()["buttons"][0] == ["play", "Train"]


def test_a_quick_run_lasts_long_enough_to_watch_with_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page, script = page_with(QUICK, monkeypatch), page_with({**QUICK, "t.watched": 0}, monkeypatch)
    monkeypatch.setattr("app.labs.fdn.trainer.steps_per_second", lambda steps: 20.0)

    async def press(lab: FdnLab) -> tuple[float, set[int]]:
        lab.act("step")
        await until(lambda: steps(lab) == 1 and not lab.lab.busy)
        began, seen = time.monotonic(), set()
        lab.act("play")
        while lab.lab.run is not None and lab.lab.run.state != "finished":
            seen.add(steps(lab))
            await asyncio.sleep(0.005)
        return time.monotonic() - began, seen

    lasted, seen = asyncio.run(press(page))
    asyncio.run(press(script))
    assert lasted > 1.0  # 29 steps, 20 a second, of which the last ones need not be waited for
    assert len(seen) >= 8  # and its way is seen, not only its end
    assert page.lab.run is not None
    assert script.lab.run is not None
    assert page.lab.run.log == script.lab.run.log


def test_a_rate_that_is_changed_while_one_watches_counts_from_the_step_that_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = page_with(QUICK, monkeypatch)
    monkeypatch.setattr("app.labs.fdn.trainer.steps_per_second", lambda steps: 15.0)

    async def press() -> int:
        page.act("play")
        await until(lambda: steps(page) >= 4)
        page.lab.update({"t.rate": 0.2})
        at = steps(page)
        await until(lambda: page.lab.run is not None and page.lab.run.state == "finished")
        return at

    at = asyncio.run(press())
    script = page_with(QUICK, monkeypatch)
    script.lab.prepare()
    assert script.lab.run is not None
    for _ in range(30):
        script.lab.run.step()
    assert page.lab.run is not None
    ours, theirs = page.lab.run.log.train_loss, script.lab.run.log.train_loss
    assert ours[:at] == theirs[:at]
    assert ours[at + 8 :] != theirs[at + 8 :]


def test_who_presses_train_second_sees_their_place_and_comes_to_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = page_with(LONG, monkeypatch), page_with(QUICK, monkeypatch)

    async def press() -> None:
        first.act("play")
        await until(lambda: steps(first) > 3)
        second.act("play")
        await until(lambda: second.transport()["text"] == "waiting, 1 before you")
        assert second.transport()["buttons"] == [["stop", "Stop"]]
        assert steps(second) == 0
        first.act("stop")
        await until(lambda: second.lab.run is not None and second.lab.run.state == "finished")
        assert steps(second) == 30
        first.close()
        second.close()

    asyncio.run(press())


def test_giving_up_ones_place_leaves_the_network_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = page_with(LONG, monkeypatch), page_with(QUICK, monkeypatch)

    async def press() -> None:
        first.act("play")
        await until(lambda: steps(first) > 3)
        second.act("play")
        await until(lambda: second.transport()["text"].startswith("waiting"))
        second.act("stop")
        await until(lambda: not second.lab.busy)
        assert second.transport()["buttons"][0] == ["play", "Train"]
        assert TRAININGS.counts() == (1, 0)
        first.close()
        second.close()

    asyncio.run(press())


def test_closing_the_page_ends_its_training_and_frees_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_with(LONG, monkeypatch)

    async def press() -> None:
        page.act("play")
        await until(lambda: steps(page) > 3)
        page.close()
        await until(lambda: TRAININGS.counts() == (0, 0), 1.0)

    asyncio.run(press())
    assert page.lab.run is None


def test_pause_step_and_go_on_do_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_with(LONG, monkeypatch)

    async def press() -> None:
        page.act("step")
        await until(lambda: steps(page) == 1 and not page.lab.busy)
        page.act("play")
        await until(lambda: steps(page) > 5)
        page.act("pause")
        began = time.monotonic()
        await until(lambda: not page.lab.busy)
        assert time.monotonic() - began < 0.5
        done = steps(page)
        await asyncio.sleep(0.1)
        assert steps(page) == done
        page.act("step")
        await until(lambda: not page.lab.busy)
        assert steps(page) == done + 1
        page.close()

    asyncio.run(press())


def test_who_trains_alone_is_never_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    page, step = page_with(LONG, monkeypatch), TrainingRun.step_for
    obeys, deaf = threading.Event(), threading.Event()
    obeys.set()

    def slow(self: TrainingRun, other: Callable[[], bool]) -> str:
        if not obeys.is_set():
            deaf.set()
        obeys.wait(60.0)  # so long does the worker not hear that its step is no longer wanted
        return step(self, other)

    monkeypatch.setattr(TrainingRun, "step_for", slow)

    async def press() -> None:
        page.act("play")
        await until(lambda: steps(page) > 2)
        obeys.clear()
        await until(deaf.is_set)
        page.act("pause")
        await until(lambda: not page.lab.busy)
        page.act("play")
        assert page.trainer.steps is not None
        await until(lambda: page.trainer.steps is not None and page.trainer.steps[1].position)
        assert page.transport()["buttons"] == [["pause", "Pause"], ["stop", "Stop"]]
        assert "waiting" not in page.transport()["text"]
        obeys.set()
        done = steps(page)
        await until(lambda: steps(page) > done)
        page.close()

    asyncio.run(press())


def test_a_training_that_has_had_its_time_says_so_and_can_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.labs.fdn.trainer.LONG", 0.3)
    page = page_with(LONG, monkeypatch)

    async def press() -> None:
        page.act("play")
        await until(lambda: page.lab.run is not None and page.lab.run.state == "finished")
        done = steps(page)
        assert "time" in page.lab.summary()
        assert page.transport()["buttons"][0][0] == "play"
        page.act("play")
        await until(lambda: page.lab.run is not None and page.lab.run.state == "finished")
        assert steps(page) > done
        page.close()

    asyncio.run(press())


def test_a_cluster_that_does_not_answer_is_said_in_a_sentence_and_the_training_goes_on_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AMTLAB_SCHEDULER", "tcp://127.0.0.1:9")
    page = page_with(QUICK, monkeypatch)

    async def press() -> None:
        page.act("play")
        with pytest.warns(UserWarning, match="cannot be reached"):
            await until(lambda: page.lab.run is not None and page.lab.run.state == "finished")
        await until(lambda: any("cannot be reached" in note for note in page.status.notes))
        page.close()

    asyncio.run(press())
    (note,) = [note for note in page.status.notes if "cannot be reached" in note]
    assert note.startswith("The scheduler at tcp://127.0.0.1:9 cannot be reached")
    assert note.endswith("the work is done here.")
