"""The lab of ear and room: what an ear makes of a room, what it teaches a network, its pictures and its story."""

import math
import warnings
from typing import Any

import numpy as np
import pytest

from app.labs.ear_and_room.model import EarAndRoomModel
from app.labs.ear_and_room.view import EarAndRoomLab
from app.labs.fdn import ear
from app.labs.fdn.figures import FIGURES
from app.labs.fdn.goals import GOALS, TERMS
from app.labs.fdn.model import FdnModel
from app.page.part import LabPart

#: A short training of a small network towards the smallest room.
QUICK = {
    "t.target": "bathroom",
    "n.lines": 4,
    "t.nfft": 16384,
    "t.steps": 10,
}


@pytest.fixture
def lab() -> EarAndRoomModel:
    lab = EarAndRoomModel()
    lab.update(QUICK)
    assert lab.training.steps == QUICK["t.steps"]  # or it would train for the usual number
    return lab


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(LabPart, "send", lambda self, message: messages.append(message))
    return messages


@pytest.fixture
def page(told: list[dict[str, Any]], lab: EarAndRoomModel) -> EarAndRoomLab:
    return EarAndRoomLab(lab)


def trained(lab: FdnModel) -> None:
    with warnings.catch_warnings():  # a short transform: what it warns of is said on the page
        warnings.simplefilter("ignore")
        lab.prepare()
    assert lab.run is not None
    for _ in lab.run:
        pass


# ------------------------------------------------------------------ the ear


def test_what_is_lost_in_the_ear_is_as_if_it_were_softer_outside() -> None:
    softer, lost = ear.Ear(level=50), ear.Ear(level=75, loss=25)
    assert softer.cochleagram() == lost.cochleagram()


def test_a_hearing_loss_lowers_every_cell_by_as_much(lab: EarAndRoomModel) -> None:
    healthy = lab.room_representation()
    lab.update({"e.loss": 20})
    impaired = lab.room_representation()
    assert healthy is not None
    assert impaired is not None
    heard = impaired.sensation > 0
    assert 0.02 < heard.mean() < (healthy.sensation > 0).mean()
    np.testing.assert_allclose((healthy.sensation - impaired.sensation)[heard], 20, atol=1e-6)


def test_a_room_is_no_distance_from_itself(lab: EarAndRoomModel) -> None:
    room = lab.room_representation()
    assert room is not None
    assert room.distance(room) == 0
    assert room.distance(lab.start_representation()) > 0.1


def pictured(sensation: np.ndarray) -> ear.Representation:
    places = np.array([500.0, 1000.0])
    return ear.Representation(places, 0.4, np.maximum(sensation, 0.0), places, np.zeros(2))


def test_silence_on_both_sides_is_no_likeness() -> None:
    room = pictured(np.array([[30.0, 20.0, -5.0, -5.0], [40.0, -5.0, -5.0, -5.0]]))
    louder = pictured(np.array([[36.0, 26.0, -5.0, -5.0], [46.0, -5.0, -5.0, -5.0]]))
    assert louder.distance(room) == 6
    with_silence_after_it = pictured(np.pad(room.sensation, ((0, 0), (0, 50))))
    assert pictured(np.pad(louder.sensation, ((0, 0), (0, 50)))).distance(with_silence_after_it) == 6
    # What one of the two lacks altogether counts as what the other one has there.
    dry = pictured(np.array([[30.0, -5.0, -5.0, -5.0], [40.0, -5.0, -5.0, -5.0]]))
    assert dry.distance(room) == pytest.approx(20 / 3)
    nothing = pictured(np.full((2, 4), -5.0))
    assert math.isnan(nothing.distance(nothing))


def test_a_hearing_loss_does_not_dilute_a_distance(lab: EarAndRoomModel) -> None:
    distances = []
    for loss in (0, 20, 35):
        lab.update({"e.loss": loss})
        room, start = lab.room_representation(), lab.start_representation()
        assert room is not None
        distances.append(start.distance(room))
        difference = start.difference(room)
        heard = (room.sensation > 0) | (start.sensation > 0)
        assert difference is not None
        assert np.all(difference[~heard] == 0)
        assert distances[-1] == pytest.approx(np.abs(difference).sum() / heard.sum())
    # Averaged over all cells it would be a fifth of that without the loss.
    assert min(distances) > 0.5 * distances[0]


def test_a_channel_is_heard_until_its_last_cell_above_threshold() -> None:
    room = pictured(np.array([[30.0, 20.0, -5.0, 5.0], [-5.0, -5.0, -5.0, -5.0]]))
    assert room.heard_until.tolist() == [0.4, 0.0]
    assert (room.heard_at(400), room.heard_at(3000)) == (0.4, 0.0)


def test_a_single_echo_has_no_colour() -> None:
    click = np.zeros(4800)
    click[0] = 1.0
    heard = ear.represent(click, np.abs(np.fft.rfft(click)), 48000, ear.Ear(), click)
    assert heard.colour == pytest.approx(0, abs=1e-6)


# ------------------------------------------------------------------ goals


@pytest.mark.parametrize(
    "goal", [*(name for name, goal in GOALS.items() if goal.depends_on_ear), "excitation"]
)
def test_each_goal_of_an_ear_teaches(lab: EarAndRoomModel, goal: str) -> None:
    lab.update({"t.goal": goal, "t.nfft": 16384, "t.steps": 10})
    trained(lab)
    assert lab.run is not None
    assert lab.run.log.best_loss < lab.run.log.train_loss[0]


def test_cochleagram_and_decay_bring_the_picture_nearer_to_the_room(lab: EarAndRoomModel) -> None:
    lab.update({"t.steps": 30})
    trained(lab)
    room = lab.room_representation()
    assert room is not None
    assert lab.representation(lab.now(lab.snapshot)).distance(room) < lab.start_representation().distance(
        room
    )


def test_an_even_excitation_is_what_its_goal_gets() -> None:
    lab = FdnModel()
    lab.update({"t.goal": "excitation", "n.lines": 4, "t.nfft": 16384, "t.steps": 60})
    trained(lab)
    assert lab.representation(lab.now(lab.snapshot)).colour < 0.8 * lab.start_representation().colour


@pytest.mark.parametrize(("goal", "ends"), [("match_cochleagram", True), ("match_mel_spectrogram", False)])
def test_another_ear_ends_a_run_that_listens_with_it_and_no_other(
    lab: EarAndRoomModel, goal: str, ends: bool
) -> None:
    lab.update({"t.goal": goal, "t.nfft": 16384})
    trained(lab)
    lab.update({"e.level": 60})
    assert (lab.run is None) == ends


@pytest.mark.parametrize("goal", ["match_cochleagram_decay", "match_loudness"])
def test_the_code_trains_the_same_network(
    lab: EarAndRoomModel, goal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.update({"t.goal": goal, "t.nfft": 16384, "t.sparsity": 0.1, "e.loss": 10})
    trained(lab)
    assert lab.run is not None
    scope: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(lab.code(), scope)
    assert scope["log"].train_loss == pytest.approx(lab.run.log.train_loss, rel=1e-4)
    assert "steps, loss" in capsys.readouterr().out


def test_every_term_has_a_name_of_the_page_s(lab: EarAndRoomModel) -> None:
    for goal in GOALS.values():
        if goal.loss is not None:
            assert {name for _, name, _ in goal.loss(lab.ear).named_terms} <= TERMS.keys()


# ------------------------------------------------------------------ where it begins


def test_it_begins_with_what_its_goal_and_its_room_ask_for() -> None:
    begun, asked = EarAndRoomModel(), FdnModel()
    asked.update({"t.goal": begun.training.goal, "t.target": begun.training.target})
    for key in (*(f"t.{name}" for name in begun.goal.sets), "n.rt", "n.rt_high", "t.nfft"):
        assert begun.fields[key].value == asked.fields[key].value, key


def test_the_fdn_lab_begins_as_before() -> None:
    EarAndRoomModel()
    assert FdnModel().display.view == "echoes"
    assert FdnModel.defaults == {}


# ------------------------------------------------------------------ pictures


def test_the_ear_s_figures_stand_in_for_the_echoes(page: EarAndRoomLab) -> None:
    def shown() -> set[str]:
        return {name for name, found in page.scene.whole()["set"].items() if found.get("visible") is True}

    ear = {"coch-start", "coch-now", "coch-target", "coch-difference", "heard", "shares"}
    assert shown() == {*ear, "loss"}
    page.lab.update({"h.view": "echoes"})
    assert shown() == {"decay", "times", "modes", "density", "matrix", "loss"}
    page.lab.update({"h.view": "room"})
    spectrograms = {"spectrogram-start", "spectrogram-now", "spectrogram-target"}
    assert shown() == {"decay", "times", "modes", "density", "tone", "loss", *spectrograms}
    assert {FIGURES[name].area for name in ("decay", "coch-start")} == {"one"}


def test_without_a_room_there_is_no_picture_of_one(page: EarAndRoomLab) -> None:
    page.lab.update({"t.goal": "excitation"})
    assert page.scene.whole()["set"]["coch-target"] == {"visible": False}
    assert page.scene.whole()["set"]["coch-difference"] == {"visible": False}
    assert not len(page.scene.columns("heard/target")["pattern_place"])


def test_cochleagrams_change_with_training_and_shares_add_up(page: EarAndRoomLab) -> None:
    before = page.scene.columns("coch-now/sensation")["image"]["packed"]
    trained(page.lab)
    page.refresh()
    assert not np.array_equal(page.scene.columns("coch-now/sensation")["image"]["packed"], before)
    np.testing.assert_array_equal(page.scene.columns("coch-start/sensation")["image"]["packed"], before)
    shares = [page.scene.columns(f"shares/term-{i}")["share"] for i in range(4)]
    assert sum(float(values[-1]) for values in shares if len(values)) == pytest.approx(100, abs=1e-3)
    assert "To the ear: cochleagram" in page.summary()


def test_shares_of_another_run_begin_anew(page: EarAndRoomLab) -> None:
    trained(page.lab)
    page.refresh()
    assert len(page.scene.columns("shares/term-0")["share"]) == 2
    page.lab.update({"n.seed": 3})
    assert page.scene.columns("shares/term-0")["step"].tolist() == [0.0]


# ------------------------------------------------------------------ the story


def test_a_page_whose_address_says_nothing_opens_with_the_story(told: list[dict[str, Any]]) -> None:
    def story(link: str) -> Any:
        return EarAndRoomLab(link=link, served=True).contents.words()["story"]

    first = story("?theme=dark")
    assert first["slug"] == "room"
    assert first["next"][0] == "network"
    assert story("?e.level=60") is None
    assert story("?lesson=colour")["next"] is None


def test_chapters_about_looking_do_not_ask_for_training(told: list[dict[str, Any]]) -> None:
    for slug in ("room", "network"):
        page = EarAndRoomLab(link=f"lesson={slug}", served=True)
        assert "Train" not in page.summary()
        assert page.contents.tools()["work"] is None
    page = EarAndRoomLab(link="lesson=spectrogram", served=True)
    assert page.summary().endswith("Press Train.")
    assert page.contents.tools()["work"]["buttons"][0] == ["play", "Train"]


def test_every_chapter_asks_for_what_is_measured(page: EarAndRoomLab) -> None:
    known = page.measures().keys()
    for lesson in page.lab.lessons.values():
        assert not EarAndRoomModel().update(lesson.state) or "t.goal" in lesson.state
        assert set(lesson.hide) <= page.lab.fields.keys()
        if lesson.task is not None:
            assert lesson.task.checks.keys() <= known, lesson.slug
            assert not lesson.task.is_done(dict.fromkeys(known, math.nan))


def test_the_task_of_the_first_chapter_can_be_done(told: list[dict[str, Any]]) -> None:
    page = EarAndRoomLab(link="?lesson=room")
    task = page.lab.lessons["room"].task
    assert task is not None
    assert not task.is_done(page.measures())
    page.lab.update({"e.loss": 35})
    assert task.is_done(page.measures())
