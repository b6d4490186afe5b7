"""The cochlea lab: what its experiments must show, its code, its lessons and its page."""

import io
from typing import Any

import numpy as np
import pytest
import torch

from amtlib import DRNLFilterbank
from amtlib.plot import Stems, Words
from app.labs.cochlea import experiments
from app.labs.cochlea.model import CochleaModel
from app.labs.cochlea.settings import EXPERIMENTS
from app.labs.cochlea.view import CochleaLab
from app.page.part import LabPart


@pytest.fixture
def lab() -> CochleaModel:
    return CochleaModel()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(LabPart, "send", lambda self, message: messages.append(message))
    return messages


def at(curve: Any, values: np.ndarray, level: float) -> float:
    return float(np.interp(level, curve.levels, values))


# ------------------------------------------------------------------ input and output


@pytest.mark.parametrize("cf", [500, 1000, 4000])
def test_below_the_knee_a_place_is_linear_and_above_it_compresses(lab: CochleaModel, cf: float) -> None:
    lab.update({"t.cf": cf})
    curve = lab.input_output
    assert at(curve, curve.slope, curve.knee - 10) == pytest.approx(1.0, abs=0.02)
    # 15 dB above the knee the linear path adds at most some tenths to the exponent of 0.25.
    assert 0.2 < at(curve, curve.slope, curve.knee + 15) < 0.5


def test_an_ear_without_outer_hair_cells_is_its_linear_path(lab: CochleaModel) -> None:
    lab.update({"e.subject": "HIx"})
    curve = lab.input_output
    np.testing.assert_allclose(curve.total, curve.linear, atol=1e-9)
    assert np.isnan(curve.knee)
    np.testing.assert_allclose(curve.slope, 1.0, atol=1e-6)


def test_twenty_decibels_less_gain_move_the_knee_by_twenty_over_one_minus_c(lab: CochleaModel) -> None:
    before = lab.input_output.knee
    lab.update({"e.a_db": -20})
    # knee = (b / a) ** (1 / (1 - c)), c = 0.25
    assert lab.input_output.knee - before == pytest.approx(20 / 0.75, abs=1e-6)


def test_the_normal_ear_beside_it_does_not_follow_the_sliders(lab: CochleaModel) -> None:
    before = lab.input_output.normal
    lab.update({"e.a_db": -20, "e.g_db": 6, "e.c": 0.5})
    np.testing.assert_array_equal(lab.input_output.normal, before)
    assert not np.allclose(lab.input_output.total, before)


def test_compression_is_a_matter_of_the_place_s_own_frequency(lab: CochleaModel) -> None:
    lab.update({"t.cf": 4000})
    curve = lab.input_output
    assert at(curve, curve.slope, 60) < 0.35
    lab.update({"t.tone": 0.5})
    curve = lab.input_output
    assert at(curve, curve.slope, 60) > 0.8


@pytest.mark.usefixtures("nothing_shared")
def test_a_sweep_is_one_call_of_the_model(lab: CochleaModel, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, ...]] = []
    linear_parts = DRNLFilterbank.linear_parts

    def counted(self: DRNLFilterbank, x: torch.Tensor) -> Any:
        calls.append(tuple(x.shape))
        return linear_parts(self, x)

    monkeypatch.setattr(DRNLFilterbank, "linear_parts", counted)
    _ = lab.tuning
    _ = lab.suppression
    assert [shape[0] for shape in calls] == [49, 1 + 33]


@pytest.mark.parametrize("ear", [{}, {"e.a_db": -20, "e.model": "jepsen2008"}, {"e.subject": "HIx"}], ids=str)
def test_a_sweep_of_levels_is_the_ear_at_each_level(lab: CochleaModel, ear: dict[str, Any]) -> None:
    lab.update({"t.cf": 2000, **ear})
    tones = (
        experiments.tones(np.array([2000.0])) * torch.as_tensor(10 ** (lab.input_output.levels / 20))[:, None]
    )
    for path, found in zip(
        lab.bank([2000.0])(tones, return_paths=True),
        (lab.input_output.total, lab.input_output.linear, lab.input_output.nonlinear),
        strict=True,
    ):
        np.testing.assert_allclose(
            experiments.steady_level(path[:, 0]), found, atol=1e-9
        )  # float64, another order of sums


def test_suppression_is_the_change_of_the_response_at_the_probe(lab: CochleaModel) -> None:
    lab.update({"t.cf": 2000, "t.level": 50})
    found, row, column = lab.suppression, 4, 20
    frequencies = np.array([2000.0, found.frequencies[column]])
    probe, second = experiments.tones(frequencies, 0.08) * torch.tensor(
        [[10 ** (50 / 20)], [10 ** (62 / 20)]]
    )
    assert found.levels[row] == 62
    y = lab.bank([2000.0])(torch.stack([probe, probe + second]))[:, 0, round(0.03 * 44100) :].numpy()
    parts = np.abs(y @ np.exp(-2j * np.pi * 2000 / 44100 * np.arange(y.shape[-1])))
    # float32 beside float64, in dB
    assert found.change[row, column] == pytest.approx(20 * np.log10(parts[1] / parts[0]), abs=1e-4)


# ------------------------------------------------------------------ the other experiments


def test_a_place_answers_best_to_its_own_frequency_at_low_levels(lab: CochleaModel) -> None:
    lab.update({"t.cf": 2000})
    found = lab.tuning
    assert found.frequencies[found.responses[0].argmax()] == pytest.approx(2000, rel=0.05)


def test_tuning_broadens_with_level(lab: CochleaModel) -> None:
    lab.update({"t.cf": 2000})
    wide = [int((row > row.max() - 10).sum()) for row in lab.tuning.responses]
    assert wide[-1] > wide[0]


def test_a_second_tone_suppresses_only_a_compressive_ear(lab: CochleaModel) -> None:
    lab.update({"t.cf": 2000, "t.level": 40})
    assert lab.suppression.change.min() < -10
    lab.update({"e.subject": "HIx"})
    away = np.abs(np.log2(lab.suppression.frequencies / 2000)) > 0.2
    # The tones are orthogonal in the window; float32 leaves 1e-6 of a second tone 70 dB above the probe.
    assert np.abs(lab.suppression.change[:, away]).max() < 0.1


def test_the_third_tone_needs_outer_hair_cells(lab: CochleaModel) -> None:
    lab.update({"t.experiment": "distortion", "t.cf": 1500, "t.level": 60})
    assert lab.distortion.product_level > 30
    f1, f2 = lab.distortion.primaries
    assert lab.distortion.product == pytest.approx(2 * f1 - f2)
    assert "as strong as one of 16.0 dB SPL" in lab.summary()
    lab.update({"e.subject": "HIx"})
    assert lab.distortion.product_level == -np.inf
    assert "no third tone at 1500 Hz" in lab.summary()
    assert lab.quantities["product_as_tone_db"].text(lab.measures()["product_as_tone_db"]) == "none"


def test_a_product_as_strong_as_a_tone_moves_the_place_as_much(lab: CochleaModel) -> None:
    lab.update({"t.experiment": "distortion", "t.cf": 1500, "t.level": 60})
    tone = experiments.spectrum_at_place(lab.bank([1500.0]), [(1500.0, lab.product_as_tone)])
    assert tone.at_tones[0] == pytest.approx(lab.distortion.product_level, abs=0.05)


@pytest.mark.parametrize(
    ("settings", "knee"),
    [({}, True), ({"t.tone": 0.5}, False), ({"e.subject": "HIx"}, False), ({"e.a_db": -20}, True)],
    ids=str,
)
def test_a_knee_is_named_where_it_shows(lab: CochleaModel, settings: dict[str, Any], knee: bool) -> None:
    lab.update({"t.cf": 4000, **settings})
    assert ("no knee" not in lab.summary()) is knee
    # Where there is one, the slope falls below a half; where none is named, it does not.
    assert bool(lab.input_output.slope.min() < 0.5) is knee


# ------------------------------------------------------------------ what is heard


@pytest.mark.parametrize("experiment", ["io", "tuning", "suppression", "distortion"])
def test_an_experiment_s_own_tones_are_heard(lab: CochleaModel, experiment: str) -> None:
    lab.update({"t.experiment": experiment, "t.cf": 2000, "t.level": 55, "t.second_level": 65})
    x = lab.sound().double().numpy()
    spectrum = np.abs(np.fft.rfft(x))  # 1 s: bins of 1 Hz
    strongest = sorted(np.argsort(spectrum)[::-1][: len(lab.tones)])
    assert strongest == pytest.approx(sorted(f for f, _ in lab.tones), abs=1)
    power = sum(10 ** (level / 10) for _, level in lab.tones)
    # 10 ms of fade at both ends
    assert 20 * np.log10(np.sqrt(np.mean(x**2)) / 20e-6) == pytest.approx(10 * np.log10(power), abs=0.1)


def test_the_place_s_sound_has_the_tone_that_is_not_in_the_sound(lab: CochleaModel) -> None:
    lab.update({"t.experiment": "distortion", "t.cf": 1500, "t.level": 60})
    found = {}
    for name, x in (("sound", lab.sound()), ("place", lab.place_sound())):
        spectrum = np.abs(np.fft.rfft(x.double().numpy() * np.hanning(len(x))))
        found[name] = 20 * np.log10(spectrum[1500] / spectrum[1875])
    assert found["sound"] < -100
    assert found["place"] > -12


def test_suppression_at_the_place_is_that_of_the_map(lab: CochleaModel) -> None:
    lab.update(
        {"t.experiment": "suppression", "t.cf": 2000, "t.level": 40, "t.second": 1.2, "t.second_level": 62}
    )
    s = lab.suppression
    column, row = int(np.abs(s.frequencies - 2400).argmin()), int(np.abs(s.levels - 62).argmin())
    lab.update({"t.second": s.frequencies[column] / 2000})
    # Windows of other lengths, and tones on other bins
    assert lab.suppressed[0] == pytest.approx(-s.change[row, column], abs=0.3)
    assert f"{lab.suppressed[0]:.1f} dB" in lab.summary()


def test_the_map_s_colours_hold_all_of_it() -> None:
    view = CochleaLab(link="t.experiment=suppression&t.cf=2000&t.level=30&e.a_db=20")
    colours = view.scene.whole()["set"]["suppression/change-colours"]
    assert colours["high"] == -colours["low"] >= np.abs(view.lab.suppression.change).max()


def test_a_loss_is_an_arrow_with_its_decibels() -> None:
    view = CochleaLab(link="t.cf=4000&t.level=20")
    assert not len(view.scene.columns("io/lost")["velocity"])
    view.lab.update({"e.a_db": -30})
    top, bottom = view.scene.columns("io/lost")["velocity"]
    assert top - bottom == pytest.approx(view.lab.loss, abs=1e-4)
    words = view.scene.columns("io/loss")
    assert words["text"] == ["loss 28 dB"]
    normal = view.scene.columns("io/normal")
    assert words["velocity"][0] > np.interp(
        words["tone"][0], normal["tone"], normal["velocity"]
    )  # over no curve


@pytest.mark.parametrize("name", ["suppressed", "distortion"])
def test_words_above_a_stem_have_its_colour(name: str) -> None:
    view = CochleaLab(link=f"t.experiment={name if name == 'distortion' else 'suppression'}")
    figure = view.figures[name]
    stems = {layer.name: layer.style.colour for layer in figure.layers if isinstance(layer, Stems)}
    owners = {"f1": "tones", "f2": "tones"}
    names = {
        layer.name.removeprefix("name-of-"): layer.style.colour
        for layer in figure.layers
        if isinstance(layer, Words)
    }
    assert len(names) == 3
    assert names == {each: stems[owners.get(each, each)] for each in names}
    assert all(len(view.scene.columns(f"{name}/name-of-{each}")["text"]) == 1 for each in names)


def test_a_dropped_file_is_heard_and_seen(lab: CochleaModel) -> None:
    lab.stimulus.uploads += 1
    assert lab.test.experiment == "cochleagram"
    assert "Your file" in lab.take_notes()[0]


def test_the_code_gives_the_spectrum_at_the_place(lab: CochleaModel) -> None:
    lab.update({"t.experiment": "distortion", "t.cf": 1500, "t.level": 60})
    scope: dict[str, Any] = {}
    exec(lab.code(), scope)
    found = lab.distortion.spectrum.levels
    heard = found > -100  # below is what rounding leaves
    np.testing.assert_allclose(scope["spectrum"].numpy()[heard], found[heard], atol=1e-6)


def test_cochleagrams_have_a_row_a_place_and_at_most_what_a_screen_shows(lab: CochleaModel) -> None:
    lab.update({"t.channels": 20, "s.duration": 0.5})
    found = lab.cochleagrams
    assert found.drnl.shape == found.gammatone.shape
    assert found.drnl.shape[0] == 20
    assert found.drnl.shape[1] <= 500
    assert found.duration == pytest.approx(0.5)


def test_silence_is_finite_everywhere(lab: CochleaModel) -> None:
    lab.update({"s.kind": "silence", "t.experiment": "cochleagram"})
    assert np.isfinite(lab.cochleagrams.drnl).all()
    assert np.isfinite(lab.cochleagrams.gammatone).all()


# ------------------------------------------------------------------ code, lessons, page


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"e.a_db": -12, "e.c": 0.4, "e.bw_nlin": 2, "t.cf": 3000, "t.tone": 0.8},
        {"e.subject": "HIx", "e.model": "jepsen2008"},
    ],
)
def test_the_code_gives_the_curve_on_the_page(lab: CochleaModel, state: dict[str, Any]) -> None:
    assert lab.update(state) == []
    scope: dict[str, Any] = {}
    exec(lab.code(), scope)
    np.testing.assert_allclose(scope["response"].numpy(), lab.input_output.total, atol=1e-9)


def test_the_code_gives_the_movement_of_all_places(lab: CochleaModel) -> None:
    lab.update({"t.experiment": "cochleagram", "s.duration": 0.2, "t.channels": 12})
    scope: dict[str, Any] = {}
    exec(lab.code(), scope)
    _, velocity = lab.basilar_membrane()
    # float32 both ways, but places that were rounded once more in the script's module.
    scale = float(velocity.abs().max())
    np.testing.assert_allclose(scope["velocity"].numpy(), velocity.numpy(), atol=1e-4 * scale)


@pytest.mark.parametrize("experiment", list(EXPERIMENTS.values()))
def test_every_experiment_draws_within_the_budget(experiment: str, told: list[dict[str, Any]]) -> None:
    view = CochleaLab(served=True)
    told.clear()
    view.handle({"type": "set", "values": {"t.experiment": experiment}, "sequence": 1})
    view.handle({"type": "set", "values": {"e.a_db": -7}, "sequence": 2})
    assert [m["answered"] for m in told if "answered" in m] == [1, 2]
    assert not view.status.problem

    def size(value: Any) -> int:
        if isinstance(value, np.ndarray):
            return value.nbytes
        if isinstance(value, dict):
            return sum(map(size, value.values()))
        return sum(map(size, value)) if isinstance(value, list) else 8

    assert all(size(m) < 300_000 for m in told)


def test_a_cell_that_was_still_being_drawn_is_told_what_changed_meanwhile(told: list[dict[str, Any]]) -> None:
    view = CochleaLab()
    view.lab.update({"e.a_db": -20})
    told.clear()
    view.handle({"type": "hello"})
    assert told[0]["values"]["e.a_db"] == -20
    assert told[0]["words"]["summary"] == view.lab.summary()
    np.testing.assert_allclose(
        told[0]["scene"]["data"]["io/total"]["velocity"], view.lab.input_output.total, rtol=1e-6
    )


def test_a_click_on_the_curve_sets_the_level(told: list[dict[str, Any]]) -> None:
    view = CochleaLab(served=True)
    view.handle({"type": "point", "figure": "io", "x": 71.3, "y": 50.0, "sequence": 1})
    assert view.lab.test.level == 71


def test_a_pinned_ear_stays_while_the_live_one_moves(told: list[dict[str, Any]]) -> None:
    view = CochleaLab(served=True)
    before = view.lab.input_output.total
    view.handle({"type": "pin"})
    view.handle({"type": "set", "values": {"e.a_db": -30}, "sequence": 1})
    np.testing.assert_allclose(view.scene.columns("io/total-pinned")["velocity"], before, rtol=1e-6)
    assert not np.allclose(view.scene.columns("io/total")["velocity"], before)


def test_exports_hold_what_is_on_the_page() -> None:
    view = CochleaLab(served=True)
    _, _, text = view.export("csv")
    rows = np.genfromtxt(io.BytesIO(text), delimiter=",", skip_header=2)
    np.testing.assert_allclose(rows[:, 1], view.lab.input_output.total, rtol=1e-7)
    _, _, data = view.export("npz")
    np.testing.assert_array_equal(np.load(io.BytesIO(data))["slope"], view.lab.input_output.slope)


@pytest.mark.parametrize("experiment", list(EXPERIMENTS.values()))
def test_every_sound_can_be_heard(experiment: str, told: list[dict[str, Any]]) -> None:
    view = CochleaLab(link=f"t.experiment={experiment}", served=True)
    view.lab.update({"s.duration": 0.2})
    for key in view.sounds.keys() - set(view.silent()):
        view.handle({"type": "sound", "key": key})
        assert told[-1]["type"] == "sound"
