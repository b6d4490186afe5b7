"""The FDN lab: a run that starts, pauses, steps and ends; what it shows; its code, files and lessons."""

import asyncio
import io
import json
import time
import warnings
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from amtlib import fdn
from amtlib.audio import AudioError
from amtlib.train import TrainingRun
from app.controls import LabPart
from app.labs.fdn import findings, listening
from app.labs.fdn.model import FdnModel
from app.labs.fdn.view import FdnLab
from app.rooms import ROOMS

#: Small and quick; a lossless network of four lines on 2049 bins.
QUICK = {"n.lines": 4, "n.lossless": 1, "t.nfft": 4096, "t.steps": 30, "t.rate": 0.01}


@pytest.fixture
def lab() -> FdnModel:
    lab = FdnModel()
    assert lab.update(QUICK) == []
    return lab


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(LabPart, "tell", lambda self, message: messages.append(message))
    return messages


@pytest.fixture
def page(told: list[dict[str, Any]]) -> FdnLab:
    return FdnLab(link="&".join(f"{key}={value}" for key, value in QUICK.items()))


def run_to_the_end(lab: FdnModel) -> TrainingRun:
    lab.prepare()
    assert lab.run is not None
    for _ in lab.run:
        pass
    return lab.run


# ------------------------------------------------------------------ the run


def test_training_makes_the_loss_fall_and_the_modes_alike(lab: FdnModel) -> None:
    lab.update({"t.steps": 150})
    run = run_to_the_end(lab)
    log = run.log
    assert min(log.train_loss) < 0.5 * log.train_loss[0]
    before = lab.start_analysis()
    build = lab.now(lab.snapshot)
    after = findings.analysis(build, lab.sounding(build).response)
    assert after.modal_std < 0.75 * before.modal_std
    assert after.peak_db < before.peak_db


def test_the_matrix_stays_orthogonal(lab: FdnModel) -> None:
    run_to_the_end(lab)
    # The trained matrix is float32.
    assert fdn.orthogonality_error(lab.now(lab.snapshot).A) < 1e-5


def test_a_changed_setting_ends_the_run_and_says_so(lab: FdnModel) -> None:
    run = run_to_the_end(lab)
    notes = lab.update({"n.seed": 3})
    assert lab.run is None
    assert run.state == "finished"
    assert notes == ["The settings changed: training starts again from the new network."]
    assert lab.snapshot is None


def test_rate_and_number_of_steps_can_change_under_way(lab: FdnModel) -> None:
    lab.prepare()
    run = lab.run
    assert run is not None
    run.step()
    assert lab.update({"t.rate": 0.002, "t.steps": 40}) == []
    assert lab.run is run
    assert (run.lr, run.max_steps) == (0.002, 40)


def test_a_rate_that_is_too_high_ends_with_the_best_network_kept(lab: FdnModel) -> None:
    lab.update({"t.goal": "mse", "t.rate": 1.0, "t.steps": 300, "t.patience": 2000})
    lab.prepare()
    assert lab.run is not None
    # It may run away or only jump about: both are allowed, and so is the warning that says which.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in lab.run:
            pass
    build = lab.now(lab.snapshot)
    assert np.isfinite(build.A).all()
    assert np.isfinite(fdn.render(lab.heard(build), 0.5)).all()


def test_nothing_to_train_is_said_before_anything_runs(lab: FdnModel) -> None:
    lab.update({"t.feedback": False, "t.input_gain": False, "t.output_gain": False})
    with pytest.raises(ValueError, match="Nothing is trained: tick"):
        lab.prepare()


def test_two_labs_train_side_by_side_and_get_what_one_alone_gets(lab: FdnModel) -> None:
    other = FdnModel()
    other.update({**QUICK, "n.seed": 5})
    alone = FdnModel()
    alone.update(QUICK)
    for each in (lab, other, alone):
        each.prepare()
    assert lab.run is not None
    assert other.run is not None
    lab.run.start()
    other.run.start()
    assert lab.run.join(60)
    assert other.run.join(60)
    run_to_the_end(alone)
    assert alone.run is not None
    assert lab.run.log.train_loss == alone.run.log.train_loss
    assert lab.run.log.train_loss != other.run.log.train_loss


@pytest.mark.parametrize("matrix", ["random", "hadamard", "householder", "circulant", "permutation"])
def test_every_start_matrix_is_really_where_training_starts(lab: FdnModel, matrix: str) -> None:
    lab.update({"n.matrix": matrix, "t.rate": 0.0001})
    lab.prepare()
    assert lab.snapshot is not None
    # One step of 0.0001 in each of six angles.
    np.testing.assert_allclose(lab.snapshot.build.A, lab.start.A, atol=5e-4)


@pytest.mark.parametrize(
    "state",
    [
        {"t.goal": "match_mel_spectrogram"},
        {"t.goal": "match_mel_spectrogram", "t.sparsity": 0.2, "n.rt": 2.0, "n.rt_high": 1.0, "t.nfft": 8192},
        {"t.goal": "match_spectrogram", "t.target": "church", "n.rt": 0.5},
        {"t.goal": "mse", "t.sparsity": 0, "n.rt": 0.5},
    ],
)
def test_a_state_that_was_kept_comes_back_as_it_was(state: dict[str, Any]) -> None:
    lab, other = FdnModel(), FdnModel()
    lab.update({key: value for key, value in state.items() if key in ("t.goal", "t.target")})
    lab.update(state)
    kept, before = lab.state(), lab.values()
    other.update({"t.sparsity": 1, "t.goal": "match_spectrogram"})
    assert other.restore(kept) == []
    assert other.values() == before


# ------------------------------------------------------------------ rooms


def test_a_goal_with_a_room_gives_the_network_its_reverberation_times(lab: FdnModel) -> None:
    lab.update({"n.lossless": 0})
    notes = lab.update({"t.goal": "match_mel_spectrogram"})
    assert any("reverberation times" in note for note in notes)
    room = lab.room_analysis()
    assert room is not None
    middle = (room.centres >= 250) & (room.centres <= 1000)
    assert lab.network.rt == pytest.approx(np.median(room.t30[middle]), rel=0.25)
    assert lab.training.nfft >= min(len(lab.target), findings.FS)


@pytest.mark.parametrize("slug", list(ROOMS))
def test_training_brings_the_network_nearer_to_each_room(lab: FdnModel, slug: str) -> None:
    lab.update({"t.goal": "match_spectrogram", "t.target": slug, "t.steps": 10, "t.rate": 0.02})
    lab.update({"t.nfft": 16384})
    with warnings.catch_warnings():  # the room is cut to a third of a second, for speed
        warnings.simplefilter("ignore")
        run = run_to_the_end(lab)
    assert run.log.train_loss[-1] < run.log.train_loss[0]


def test_a_dropped_impulse_response_becomes_the_room(lab: FdnModel) -> None:
    time_ = np.arange(24000) / 24000
    noise = np.random.default_rng(0).standard_normal(24000) * 10 ** (-3 * time_ / 0.4)
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.5 * noise / np.abs(noise).max(), 24000, format="WAV")
    recording = lab.training.take_upload("my room.wav", buffer.getvalue())
    assert recording.source_fs == 24000
    assert (lab.training.goal, lab.training.target) == ("match_mel_spectrogram", "file")
    assert lab.target is not None
    assert len(lab.target) == 48000
    assert lab.network.rt == pytest.approx(0.4, abs=0.06)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a sound at all" * 10])
def test_a_bad_file_is_refused_and_the_room_stays(lab: FdnModel, content: bytes) -> None:
    before = lab.values()
    with pytest.raises(AudioError):
        lab.training.take_upload("room.wav", content)
    assert lab.values() == before


def test_a_click_is_no_room(lab: FdnModel) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.array([0.5, 0.1, 0.0]), 24000, format="WAV")
    with pytest.raises(AudioError, match="give an impulse response of 50 ms or more"):
        lab.training.take_upload("click.wav", buffer.getvalue())
    assert lab.training.own is None


# ------------------------------------------------------------------ sound


@pytest.mark.parametrize("source", ["impulse", "drums", "speech"])
def test_what_is_heard_is_finite_and_dies_away(lab: FdnModel, source: str) -> None:
    lab.update({"h.source": source, "h.tail": 0.5})
    y = lab.played("start")
    assert y.isfinite().all()
    assert y[-2000:].abs().max() < 0.01 * y.abs().max()
    assert len(listening.dry(source)) < len(y)


def test_a_room_is_heard_as_the_sound_convolved_with_it(lab: FdnModel) -> None:
    lab.update({"n.lossless": 0, "t.goal": "match_spectrogram", "h.source": "impulse"})
    assert lab.target is not None
    np.testing.assert_allclose(
        lab.played("room")[: len(lab.target)].numpy(), lab.target, atol=1e-6 * np.abs(lab.target).max()
    )


# ------------------------------------------------------------------ the page


def test_the_transport_offers_what_can_be_done(page: FdnLab) -> None:
    def offered() -> list[str]:
        return [action for action, _ in page.transport()["buttons"]]

    assert offered() == ["play", "step"]
    page.act("step")
    assert offered() == ["play", "step", "stop", "again"]
    assert page.lab.run is not None
    assert page.lab.run.steps_run == 1
    page.act("play")
    assert page.lab.run.join(60)
    page.act("look")
    assert offered() == ["again"]
    page.act("again")
    assert offered() == ["play", "step"]


def test_pause_and_stop_answer_within_half_a_second(page: FdnLab, monkeypatch: pytest.MonkeyPatch) -> None:
    # In a page a thread looks for the modes of what rests; here it would be done before the answer.
    monkeypatch.setattr(page, "_draw_analyses", lambda *anything: None)
    page.lab.update({"t.steps": 5000, "t.patience": 2000})
    page.act("play")
    run = page.lab.run
    assert run is not None
    while run.steps_run < 3:
        time.sleep(0.01)
    began = time.monotonic()
    page.act("pause")
    assert run.join(0.5)
    done = run.steps_run
    assert time.monotonic() - began < 0.5
    time.sleep(0.1)
    assert run.steps_run == done
    page.act("play")
    page.act("stop")
    assert run.join(0.5)
    assert run.state == "finished"


def test_listening_does_not_touch_the_run(page: FdnLab) -> None:
    other = FdnModel()
    other.update(QUICK)
    page.act("step")
    page.sound("now")
    page.export("wav")
    page.act("step")
    other.prepare()
    assert other.run is not None
    other.run.step()
    assert page.lab.run is not None
    assert page.lab.run.log.train_loss == other.run.log.train_loss


def test_closing_the_page_ends_the_training(page: FdnLab) -> None:
    page.lab.update({"t.steps": 5000, "t.patience": 2000})
    page.act("play")
    run = page.lab.run
    assert run is not None
    page.close()
    assert run.join(2)
    assert run.state == "finished"


def test_a_page_left_while_a_run_is_made_ready_trains_nothing(page: FdnLab) -> None:
    async def leave() -> None:
        page.act("play")
        page.close()
        await asyncio.sleep(0.1)
        assert page._task is not None
        await page._task

    asyncio.run(leave())
    assert page.lab.run is None


def test_a_run_that_cannot_be_made_ready_says_so_and_can_be_tried_again(
    page: FdnLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[str]:
        raise RuntimeError("out of memory")

    async def press() -> None:
        page.act("play")
        assert page._task is not None
        await page._task

    monkeypatch.setattr(page.lab, "prepare", broken)
    asyncio.run(press())
    assert page._notes == ["The training could not be made ready; the server's log says why."]
    assert [action for action, _ in page.transport()["buttons"]] == ["play", "step"]


def test_the_page_shows_losses_matrix_and_modes_of_the_run(page: FdnLab) -> None:
    for _ in range(5):
        page.act("step")
    drawn = page.scene.columns("loss-whole")
    np.testing.assert_allclose(drawn["loss_y"], page.lab.run.log.train_loss, rtol=1e-5)
    assert page.scene.columns("modes-now")["top"].sum() == pytest.approx(100)
    assert page.scene.columns("matrix")["dw"] == [4]
    assert len(page.scene.columns("times-now")["times_x"]) >= 6


def test_every_file_reads_back_as_the_network(page: FdnLab) -> None:
    page.act("step")
    build = page.lab.now(page.lab.snapshot)
    for key in ("json", "json1"):
        name, _, content = page.export(key)
        assert name.endswith(".json")
        again = fdn.build_from_json(content)
        np.testing.assert_array_equal(again.A, build.A)
        assert json.loads(content)["version"] == (2 if key == "json" else 1)
    _, _, content = page.export("wav")
    samples, fs = soundfile.read(io.BytesIO(content))
    expected = fdn.render(page.lab.heard(build), len(samples) / fs)
    assert fs == 48000
    np.testing.assert_allclose(samples, expected / np.abs(expected).max(), atol=1e-6)
    assert b"process" in page.export("faust")[2]
    assert page.export("csv")[2].decode().splitlines()[1].startswith("step,loss,")
    checkpoint = page.export("checkpoint")[2]
    assert torch.load(io.BytesIO(checkpoint), weights_only=True)


def test_losses_are_not_exported_before_there_are_any(page: FdnLab) -> None:
    with pytest.raises(ValueError, match="Nothing has been trained yet"):
        page.export("csv")


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"t.goal": "mse", "t.sparsity": 1, "n.matrix": "householder"},
        {"n.delays": "random", "n.lossless": 0, "t.optimiser": "lbfgs", "t.steps": 10},
        {"n.lossless": 0, "t.goal": "match_mel_spectrogram", "t.steps": 10},
    ],
)
def test_the_code_trains_the_same_network(
    lab: FdnModel, state: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lab.update(state)
    lab.update({"t.nfft": 8192, "t.steps": 10})
    with warnings.catch_warnings():  # a short transform, a short training: what it warns of is said elsewhere
        warnings.simplefilter("ignore")
        run = run_to_the_end(lab)
        scope: dict[str, Any] = {}
        exec(lab.code(), scope)
    assert scope["log"].train_loss == pytest.approx(run.log.train_loss, rel=1e-5)
    np.testing.assert_allclose(scope["network"].A, lab.now(lab.snapshot).A, atol=1e-5)
    assert "steps, loss" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("slug", "solution"), [("colourless", {}), ("learning-rate", {"t.rate": 0.03}), ("permutation", {})]
)
def test_the_task_of_a_lesson_can_be_done(
    told: list[dict[str, Any]], slug: str, solution: dict[str, Any]
) -> None:
    page = FdnLab(link=f"lesson={slug}")
    page.lab.update(solution)
    assert not page._done
    run_to_the_end(page.lab)
    page._refresh([])
    assert page._done, page.measures()


def test_every_lesson_opens_without_a_problem_and_its_task_is_not_yet_done(
    told: list[dict[str, Any]],
) -> None:
    page = FdnLab()
    for lesson in page.lab.lessons.values():
        page._change(lambda lesson=lesson: page._enter(lesson))
        page._refresh([])
        assert page._problem == ""
        assert set(lesson.hide) <= set(page.lab.fields)
        if lesson.task:
            assert not lesson.task.is_done(dict.fromkeys(lesson.task.checks, 0.0) | dict(page.measures()))
