"""Undo and redo, the browser's history, and questions before something is lost: as the page's messages see them."""

import re
from typing import Any

import pytest
import torch

from amtlib import audio
from app.labs.fdn.view import FdnLab
from app.page.messages import Inbox
from app.page.part import LabPart
from app.page.steps import MOST, Steps
from app.page.upload import decode_upload
from app.page.view import LabView
from app.site import LABS
from tests.app.conftest import Desk


def move(desk: Desk, step: int, **settings: Any) -> dict[str, Any]:
    values = {key.replace("__", "."): value for key, value in settings.items()}
    (answer,) = desk.send("set", values=values, sequence=step, step=step)
    return answer


def test_a_drag_is_taken_back_as_a_whole_and_can_be_done_again(desk: Desk) -> None:
    for level in (61, 64, 70):
        move(desk, 1, s__level=level)
    answer = move(desk, 2, f__order=2)
    assert answer["link"] == "s.level=70&f.order=2"
    assert desk.send("undo")[0]["link"] == "s.level=70"
    (first,) = desk.send("undo")
    assert first["link"] == ""
    assert (first["controls"]["undo"], first["controls"]["redo"]) == (False, True)
    assert desk.send("undo") == []
    assert desk.send("redo")[0]["values"] == {"s.level": 70}
    assert desk.send("redo")[0]["values"] == {"f.order": 2}
    assert desk.send("redo") == []


def test_another_move_takes_the_place_of_those_that_were_taken_back(desk: Desk) -> None:
    move(desk, 1, s__level=70)
    desk.send("undo")
    assert not move(desk, 2, f__order=2)["controls"]["redo"]
    assert desk.send("redo") == []


def test_what_is_refused_is_no_step(desk: Desk) -> None:
    move(desk, 1, s__level=70)
    move(desk, 2, s__level=1000)
    assert desk.send("undo")[0]["link"] == ""


def test_a_lesson_and_a_reset_are_taken_back_with_what_was_hidden(desk: Desk) -> None:
    move(desk, 1, s__level=70)
    desk.send("hide", keys=["f.order"])
    desk.send("lesson", slug="impaired-ear")
    before = desk.lab.model.values()
    move(desk, 2, f__bandwidth=4)
    desk.send("reset")
    desk.send("sure", do="all")
    assert desk.frame()["lesson"] == ""
    desk.send("undo")
    assert desk.lab.model.values() == {**before, "f.bandwidth": 4}
    assert desk.frame()["lesson"] == "impaired-ear"
    desk.send("undo")
    desk.send("undo")
    assert desk.lab.contents.link() == "hide=f.order&s.level=70"


def test_a_swap_is_taken_back_with_what_was_pinned(desk: Desk) -> None:
    desk.send("pin")
    move(desk, 1, s__level=70)
    desk.send("swap")
    assert desk.lab.comparison.state == {"s.level": "70"}
    desk.send("undo")
    assert desk.lab.contents.link() == "s.level=70&a="
    assert desk.lab.comparison.state == {}


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_every_lab_goes_back_to_each_state_that_it_had(
    lab: type[LabView], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LabPart, "send", lambda self, message: None)
    page = lab(served=True)

    def settings() -> dict[str, Any]:
        return {key: value for key, value in page.model.values().items() if key not in page.model.derived}

    moments = [settings()]
    for slug in page.model.lessons:
        page.receive({"type": "lesson", "slug": slug})
        moments.append(settings())
    for expected in moments[-2::-1]:
        page.receive({"type": "undo"})
        assert settings() == expected
    page.close()


def test_the_steps_are_bounded() -> None:
    state = 0
    steps = Steps(lambda: state)
    for state in range(1, 3 * MOST):
        with steps.step():
            state += 1000
    taken = 0
    while steps.can_undo:
        steps.go("undo")
        taken += 1
    assert taken == MOST


def test_messages_of_two_steps_are_not_merged() -> None:
    inbox = Inbox()
    assert inbox.put({"type": "set", "values": {"s.level": 40}, "sequence": 1, "step": 1})
    assert not inbox.put({"type": "set", "values": {"s.level": 41}, "sequence": 2, "step": 1})
    assert inbox.put({"type": "set", "values": {"f.order": 2}, "sequence": 3, "step": 2})
    assert inbox.take()["values"] == {"s.level": 41}


# ---------------------------------------------------------------- history


def test_an_earlier_address_brings_back_all_that_it_says_and_nothing_else(desk: Desk) -> None:
    desk.send("lesson", slug="two-tones")
    move(desk, 1, f__order=2)
    (answer,) = desk.send("open", link="lesson=impaired-ear&s.level=50")
    assert answer["link"] == "lesson=impaired-ear&s.level=50"
    assert answer["controls"]["lesson"] == "impaired-ear"
    assert desk.send("open", link="")[0]["link"] == ""
    assert desk.send("undo")[0]["link"] == "lesson=impaired-ear&s.level=50"


# ---------------------------------------------------------------- what would be lost


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> tuple[FdnLab, list[dict[str, Any]]]:
    """Return the FDN lab with a network that has been trained for two steps, and what it sends."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(LabPart, "send", lambda self, message: told.append(message))
    page = FdnLab(link="n.lines=4&t.steps=20", served=True)
    for _ in range(2):
        page.receive({"type": "work", "do": "step"})
    assert page.lab.run is not None
    assert page.lab.run.steps_run == 2
    told.clear()
    return page, told


def test_a_setting_that_costs_a_trained_network_waits_for_an_answer(
    trained: tuple[FdnLab, list[dict[str, Any]]],
) -> None:
    page, told = trained
    assert page.contents.controls_state()["unsaved"]
    page.receive({"type": "set", "values": {"n.seed": 3}, "sequence": 1, "step": 1})
    (answer,) = told
    assert (
        answer["ask"]["text"]
        == "With another “Seed” training starts anew: the network trained for 2 steps is lost."
    )
    assert answer["values"] == {"n.seed": 0}  # the page goes back to what holds
    assert page.lab.run is not None
    page.receive({"type": "sure", "do": ""})
    page.receive({"type": "sure", "do": "yes"})  # nothing waits any more
    assert page.lab.network.seed == 0
    page.receive({"type": "set", "values": {"n.seed": 3}, "sequence": 2, "step": 2})
    told.clear()
    page.receive({"type": "sure", "do": "yes"})
    assert page.lab.network.seed == 3
    assert page.lab.run is None
    assert told[-1]["values"] == {"n.seed": 3}
    assert not page.contents.controls_state()["unsaved"]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "reset"},
        {"type": "lesson", "slug": "colour"},
        {"type": "open", "link": "n.seed=4"},
        {"type": "upload", "id": "u", "name": "a.wav", "size": 9, "start": 0, "data": "AAAA"},
        {"type": "make", "text": "a: {title: A, state: {n.seed: 5}}", "keep": False},
    ],
    ids=lambda message: message["type"],
)
def test_whatever_would_lose_a_trained_network_is_asked_about(
    trained: tuple[FdnLab, list[dict[str, Any]]], message: dict[str, Any]
) -> None:
    page, told = trained
    if message["type"] == "lesson":
        model = page.model
        costly = [
            slug for slug, each in model.lessons.items() if model.loses({**model.fresh(), **each.state})
        ]
        message = {**message, "slug": costly[0]}
    before = page.model.values()
    page.receive(message)
    assert "the network trained for 2 steps is lost" in told[0]["ask"]["text"]
    page.receive({"type": "sure", "do": ""})
    assert page.lab.run is not None
    assert page.model.values() == before
    if message["type"] == "upload":
        assert told[-1] == {"type": "upload-failed", "id": "u", "text": "a.wav was not taken."}


def test_an_undo_that_loses_a_trained_network_is_asked_about_and_can_be_repeated(
    trained: tuple[FdnLab, list[dict[str, Any]]],
) -> None:
    page, told = trained
    page.receive({"type": "set", "values": {"n.seed": 3}, "sequence": 1, "step": 1})
    page.receive({"type": "sure", "do": "yes"})
    page.receive({"type": "work", "do": "step"})
    for _ in range(2):
        told.clear()
        page.receive({"type": "undo"})
        assert "1 steps" in told[0]["ask"]["text"]
        page.receive({"type": "sure", "do": ""})
        assert page.lab.network.seed == 3
    page.receive({"type": "undo"})
    page.receive({"type": "sure", "do": "yes"})
    assert page.lab.network.seed == 0
    page.receive({"type": "redo"})
    assert page.lab.network.seed == 3


def test_what_costs_nothing_is_not_asked_about(trained: tuple[FdnLab, list[dict[str, Any]]]) -> None:
    page, told = trained
    values = {"t.rate": 0.02, "t.steps": 50, "h.source": "impulse"}
    page.receive({"type": "set", "values": values, "sequence": 1, "step": 1})
    assert "ask" not in told[0]
    assert page.lab.run is not None


def test_a_reset_inside_a_lesson_can_go_back_to_its_start(desk: Desk) -> None:
    desk.send("lesson", slug="two-tones")
    move(desk, 1, s__frequency2=1300)
    (answer,) = desk.send("reset")
    assert [do for do, _ in answer["ask"]["choices"]] == ["lesson", "all"]
    assert desk.send("sure", do="lesson")[0]["link"] == "lesson=two-tones"
    assert desk.lab.stimulus().frequency2 == 1400  # type: ignore[union-attr]


# ---------------------------------------------------------------- own files


def recording(name: str = "whistle.wav") -> Any:
    return decode_upload(
        name, audio.wav_bytes((3000 * torch.sin(torch.arange(22050))).short().numpy(), 44100)
    )


def test_a_link_with_a_file_waits_for_it_and_keeps_its_settings(desk: Desk) -> None:
    page = desk.open("?s.kind=file&s.start=0.1&s.duration=0.3&s.level=70&file=whistle.wav")
    assert page.contents.controls()["upload"]["awaited"] == "whistle.wav"  # type: ignore[index]
    assert "There is no file yet" in desk.words()["problem"]
    assert "“whistle.wav” that links do not carry" in desk.words()["notes"][0]
    link = page.contents.link()
    page._accept(recording())
    assert desk.words()["problem"] == ""
    assert page.contents.link() == link
    page._accept(recording("other.wav"))  # another one begins at its own beginning
    assert "s.start" not in page.contents.link()
    assert "file=other.wav" in page.contents.link()


def test_another_file_than_the_awaited_one_is_taken_as_it_is(desk: Desk) -> None:
    page = desk.open("?s.kind=file&s.start=90&file=lecture.wav")
    page._accept(recording())
    assert desk.words()["problem"] == ""
    # It begins at its own beginning, and the close-up stands where something happens in it.
    assert re.fullmatch(r"s.kind=file&s.duration=0.5&v.time=0\.\d+&file=whistle.wav", page.contents.link())
