"""The loudness lab: what its chain and its experiments must show, its code, its lessons and its page."""

import io
import math
import re
from typing import Any

import numpy as np
import pytest
import torch

from amtlib import Moore2016
from amtlib.loudness import pattern_change
from amtlib.plot import next_step
from app.labs.loudness import experiments, steady
from app.labs.loudness.chain_figures import area_of
from app.labs.loudness.experiments import GROWTH_LEVELS, PHONS
from app.labs.loudness.model import LoudnessModel
from app.labs.loudness.settings import EXPERIMENTS
from app.labs.loudness.view import LoudnessLab
from app.labs.loudness.words import near, phon
from app.page.background import Superseded
from app.page.part import LabPart


@pytest.fixture
def lab() -> LoudnessModel:
    return LoudnessModel()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(LabPart, "send", lambda self, message: messages.append(message))
    return messages


# ------------------------------------------------------------------ the chain


@pytest.mark.parametrize("model", ["moore2016", "glasberg2002"])
def test_a_tone_of_1_khz_at_40_db_is_one_sone(lab: LoudnessModel, model: str) -> None:
    # 1 s: long-term loudness has settled to a part in 10 000 (its time constant is 0.1 s).
    lab.update({"m.model": model, "s.level": 40, "s.duration": 1})
    assert lab.course.peak == pytest.approx(1.0, abs=0.015)
    assert phon(lab.course.peak) == pytest.approx(40, abs=0.3)
    # By the model that found it, phon are exact: what is off by the published table is the model's own difference
    assert lab.phon(lab.course.peak) == pytest.approx(40, abs=0.02)
    assert lab.measures()["loudness_phon"] == lab.phon(lab.course.peak)


@pytest.mark.parametrize("model", ["moore2016", "glasberg2002"])
@pytest.mark.parametrize("level", [40.0, 70.0, 100.0])
def test_what_is_shown_in_phon_belongs_to_the_model_that_is_shown(
    lab: LoudnessModel, model: str, level: float
) -> None:
    lab.update({"m.model": model, "s.level": level, "s.duration": 1, "p.exponent": 0.5})
    assert lab.phon(lab.course.peak) == pytest.approx(level, abs=0.1)
    assert f"({level:.0f} phon)" in lab.summary()
    found = lab.growth
    now = float(np.interp(level, found.levels, found.both))
    assert f"({level:.0f} phon)" in lab.sones(now)


@pytest.mark.parametrize("model", ["moore2016", "glasberg2002"])
def test_phon_compare_with_a_tone_at_both_ears(lab: LoudnessModel, model: str) -> None:
    lab.update({"m.model": model, "m.ears": "left", "s.level": 60, "s.duration": 1})
    assert 45 < lab.phon(lab.course.peak) < 56


@pytest.mark.parametrize("model", ["moore2016", "glasberg2002"])
@pytest.mark.parametrize("ears", ["both", "left"])
def test_the_filled_area_is_the_loudness_at_the_moment(lab: LoudnessModel, model: str, ears: str) -> None:
    lab.update({"m.model": model, "m.ears": ears})
    course = lab.course
    assert course.at_moments[lab.frame] > 1
    # Shown in float32.
    np.testing.assert_allclose(
        [area_of(course.specific[:, i]) for i in range(len(course.moments))],
        course.at_moments,
        rtol=1e-5,
        atol=1e-6,
    )


def test_the_moment_that_is_shown_is_the_one_that_is_looked_at(lab: LoudnessModel) -> None:
    lab.update({"v.moment": 20})
    assert lab.course.moments[lab.frame] == pytest.approx(0.2 * 0.5, abs=0.005)
    before = lab.patterns[1].sum()
    lab.update({"v.moment": 115})  # the tone has ended
    assert lab.course.moments[lab.frame] == pytest.approx(0.5 + 0.6 * 0.25, abs=0.005)
    assert lab.patterns[1].sum() < 0.1 * before


@pytest.mark.usefixtures("nothing_shared")
def test_moving_the_moment_does_not_run_the_model_again(
    lab: LoudnessModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.course  # noqa: B018 - computed here
    for step in ("at_cochlea", "patterns", "over_time"):
        monkeypatch.setattr(Moore2016, step, lambda *a, **k: pytest.fail("ran again"))
    for moment in (10, 20, 90):
        lab.update({"v.moment": moment})
        assert lab.patterns[0].shape == (2, 150)


@pytest.mark.usefixtures("nothing_shared")
def test_the_exponent_of_inhibition_leaves_each_ear_as_it_is(
    lab: LoudnessModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lab.course
    series, spectrum = lab.series, lab.spectrum
    monkeypatch.setattr(Moore2016, "patterns", lambda *a, **k: pytest.fail("ran again"))
    lab.update({"p.exponent": 3.0})
    assert lab.course.peak != before.peak
    np.testing.assert_array_equal(lab.course.excitation, before.excitation)
    assert lab.series is series
    assert lab.spectrum is spectrum


@pytest.mark.usefixtures("nothing_shared")
def test_another_level_does_not_pass_the_ear_s_filter_again(
    lab: LoudnessModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.update({"s.level": 55})
    lab.course  # noqa: B018 - computed here
    monkeypatch.setattr(Moore2016, "at_cochlea", lambda *a, **k: pytest.fail("ran again"))
    lab.update({"s.level": 72})
    assert lab.course.peak > 1


@pytest.mark.parametrize(
    "state",
    [
        {"s.level": 77, "s.frequency": 640},
        {"s.kind": "complex", "m.ild": 12, "p.exponent": 2.5, "p.release_long": 3.0},
        {"s.kind": "tone_in_noise", "s.level": 45, "m.ears": "left", "p.level_dependence": 0.1},
        {"s.kind": "click", "m.field": "diffuse", "p.attack_short": 2.0},
        {"m.model": "glasberg2002", "s.kind": "gap", "p.scale": 1.4},
    ],
    ids=lambda state: " ".join(map(str, state.values())),
)
def test_the_chain_in_stages_is_the_model_run_at_once(lab: LoudnessModel, state: dict[str, Any]) -> None:
    assert lab.update(state) == []
    course = lab.course
    model, x = lab.model(), torch.nn.functional.pad(lab.sound(), (0, 8000))  # 0.25 s
    with torch.no_grad():
        if isinstance(model, Moore2016):
            found = model(torch.stack([x, x * 10 ** (lab.right / 20)]))
        else:
            found = model(x, return_stages=True)
    # float32, and another level is a factor behind the filter
    for name in ("time", "short_term", "long_term"):
        np.testing.assert_allclose(getattr(course, name), getattr(found, name).numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["moore2016", "glasberg2002"])
@pytest.mark.parametrize("setting", ["exponent", "spread", "range_db", "scale", "release_long", "edge1"])
def test_models_that_share_their_ear_are_those_that_share_nothing(
    lab: LoudnessModel, kind: str, setting: str
) -> None:
    before = lab.model()
    field = lab.fields[f"p.{setting}"]
    assert (
        lab.update({"m.model": kind, field.key: 0.75 * field.value + 0.25 * field.parameter.bounds[1]}) == []
    )
    found, alone = lab.model(), lab._make(lab.listener.field, lab.step)
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, rtol=0.0, atol=0.0)
    shared = isinstance(before, type(found)) and setting in ("exponent", "spread", "release_long")
    assert (found.spectrum is before.spectrum) == shared


def test_the_spectrum_is_that_of_the_tone_in_its_own_window(lab: LoudnessModel) -> None:
    spectrum = lab.spectrum
    strongest = spectrum.frequencies[spectrum.levels.argmax()]
    assert strongest == 1000
    # The powers of its components add up to 0.94 dB below its level: the model's own calibration.
    assert 10 * np.log10(np.sum(10 ** (spectrum.levels / 10))) == pytest.approx(59.06, abs=0.1)


def test_a_steady_tone_is_as_loud_by_its_spectrum_as_over_time(lab: LoudnessModel) -> None:
    lab.update({"s.duration": 1.5})
    assert lab.steady.both == pytest.approx(float(lab.course.short_term.max()), rel=0.01)


# ------------------------------------------------------------------ listener and parameters


def test_both_ears_hear_one_and_a_half_times_what_one_hears(lab: LoudnessModel) -> None:
    ears = lab.steady
    assert ears.both / ears.left == pytest.approx(1.5, abs=0.001)
    assert ears.left == pytest.approx(ears.right, rel=1e-6)
    assert ears.uninhibited == pytest.approx(2 * ears.left, rel=1e-5)


def test_without_inhibition_two_ears_hear_twice_what_one_hears(lab: LoudnessModel) -> None:
    lab.update({"v.view": "binaural", "m.inhibition": False})
    assert lab.measures()["binaural_gain"] == pytest.approx(2.0, abs=1e-4)
    assert "2.000 times" in lab.summary()


def test_a_click_does_not_fall_between_two_spectra(lab: LoudnessModel) -> None:
    lab.update({"s.kind": "click"})
    found = lab.course.peak
    lab.update({"p.step": 1})
    assert found == lab.course.peak
    lab.update({"p.step": 0, "s.kind": "pink"})
    assert lab.step == 4


@pytest.mark.parametrize("settings", [{}, {"s.frequency": 150}, {"m.model": "glasberg2002"}, {"m.ild": -10}])
@pytest.mark.parametrize("duration", [0.25, 0.5])
def test_a_long_tone_is_as_loud_in_steps_of_8_ms_as_in_those_of_1_ms(
    lab: LoudnessModel, settings: dict[str, Any], duration: float
) -> None:
    lab.update({"s.duration": duration, **settings})
    assert lab.step == 8
    found = lab.course
    lab.update({"p.step": 1})
    assert lab.step == 1
    assert found.peak == pytest.approx(lab.course.peak, rel=0.003)
    assert found.short_term.max() == pytest.approx(lab.course.short_term.max(), rel=0.003)


def test_a_weaker_right_ear_adds_less_and_less(lab: LoudnessModel) -> None:
    found = []
    for ild in (0, -10, -20, -30):
        lab.update({"m.ild": ild})
        found.append(lab.steady.both / lab.steady.left)
    assert found == sorted(found, reverse=True)
    assert 1 < found[-1] < 1.1


@pytest.mark.parametrize(
    ("key", "value", "louder"),
    [
        ("p.scale", 1.2, True),
        ("p.level_dependence", 0.0, False),
        ("m.inhibition", False, True),
        ("m.field", "diffuse", None),
        ("p.attack_long", 0.2, False),
        ("p.attack_short", 0.1, False),
        ("p.release_short", 0.2, None),
        ("p.release_long", 0.2, None),
        ("p.range_db", 20, False),
        ("p.floor_db", 40, False),
        ("p.symmetric_level", 30, True),
        ("p.exponent", 4.0, None),
        ("p.spread", 0.5, None),
        ("p.edge3", 900, None),
    ],
)
def test_every_parameter_of_the_model_changes_what_is_seen(
    lab: LoudnessModel, key: str, value: Any, louder: bool | None
) -> None:
    # Two ears that differ: inhibition and smoothing have something to do.
    lab.update({"s.kind": "am", "s.level": 70, "m.ild": -10, "s.frequency": 1100})
    before = lab.course
    assert lab.update({key: value}) == []
    after = lab.course
    assert not np.allclose(before.long_term, after.long_term, rtol=1e-4, atol=0)
    if louder is not None:
        assert (after.peak > before.peak) is louder


def test_the_flattest_skirt_matters_to_very_loud_sounds(lab: LoudnessModel) -> None:
    lab.update({"s.level": 110, "p.level_dependence": 0.6, "p.symmetric_level": 30})
    before = lab.course.peak
    lab.update({"p.flattest_skirt": 1.0})
    assert lab.course.peak < before


def test_silence_is_heard_as_nothing(lab: LoudnessModel) -> None:
    lab.update({"s.kind": "silence"})
    assert lab.course.peak == 0
    assert "Nothing of it is heard" in lab.summary()
    for view in EXPERIMENTS.values():
        lab.update({"v.view": view})
        lab.measures()


# ------------------------------------------------------------------ experiments


def test_loudness_doubles_every_ten_decibels_from_40_to_80(lab: LoudnessModel) -> None:
    found = lab.growth
    at = {level: found.both[found.levels == level].item() for level in (40, 50, 60, 70, 80)}
    for level in (50, 60, 70, 80):
        assert at[level] / at[level - 10] == pytest.approx(2.0, rel=0.15)


def test_the_pattern_leans_towards_high_frequencies_as_the_level_rises(lab: LoudnessModel) -> None:
    f, patterns = lab.course.frequencies, lab.series.excitation
    relative = patterns - patterns.max(-1, keepdims=True)
    above = [np.interp(2000, f, row) for row in relative]
    below = [np.interp(500, f, row) for row in relative]
    assert above == sorted(above)
    assert above[-1] - above[0] > 40
    assert max(below) - min(below) < 3


def test_without_levelling_the_series_is_one_pattern_five_times(lab: LoudnessModel) -> None:
    lab.update({"p.level_dependence": 0})
    patterns = lab.series.excitation
    relative = patterns - patterns.max(-1, keepdims=True)
    shown = relative[-1] > -40
    np.testing.assert_allclose(relative[2][shown], relative[-1][shown], atol=0.01)


def test_a_band_gets_louder_only_when_it_is_wider_than_one_filter(lab: LoudnessModel) -> None:
    found = lab.bandwidth
    narrow, wide = found.loudness[found.widths < 100], found.loudness[found.widths > 1000]
    assert narrow.max() / narrow.min() < 1.1
    assert wide.min() > 1.3 * narrow.max()


def test_masking_spreads_upwards(lab: LoudnessModel) -> None:
    found = {}
    for level in (70, 90):
        lab.update({"v.view": "masking", "v.level": level})
        masked = lab.masking
        found[level] = {f: float(np.interp(f, masked.frequencies, masked.masked)) for f in (800, 1000, 2000)}
    rise = {f: found[90][f] - found[70][f] for f in found[70]}
    # 20 dB more noise: at the band nearly 20 dB more tone (the leaning pattern shows it above the band), below it
    # less, an octave above half as much again.
    assert rise[1000] == pytest.approx(20, abs=3)
    assert rise[800] < rise[1000]
    assert rise[2000] > 30


def test_a_soft_noise_masks_nothing(lab: LoudnessModel) -> None:
    lab.update({"v.view": "masking", "v.level": 0, "v.centre": 500})
    assert lab.masking.masked == pytest.approx(lab.masking.quiet, abs=0.1)


def test_a_masked_threshold_is_never_below_that_in_quiet(lab: LoudnessModel) -> None:
    lab.update({"v.view": "masking"})
    assert (lab.masking.masked >= lab.masking.quiet).all()


def test_lines_of_a_band_add_up_to_its_level() -> None:
    for width in (20, 160, 4000):
        band = steady.band_of_noise(1000, width, 63.0)
        assert 10 * np.log10(np.sum(10 ** (band.levels / 10))) == pytest.approx(63.0, abs=1e-9)
        low, high = band.frequencies[[0, -1]]
        step = band.frequencies[1] - low
        assert high - low + step == pytest.approx(width)


def test_contours_pass_through_the_tone_of_1_khz_and_are_made_once_a_listener(
    lab: LoudnessModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = lab.contours
    at = found.levels[:, found.frequencies == 1000].ravel()
    np.testing.assert_allclose(at[1:], found.phons[1:], atol=0.1)
    other = LoudnessModel()
    monkeypatch.setattr(experiments, "equal_loudness_steps", None)
    assert other.contours is found
    with pytest.raises(TypeError):
        other.update({"m.field": "diffuse"}) or other.contours


@pytest.mark.usefixtures("nothing_shared")
def test_contours_give_way_to_a_newer_move(lab: LoudnessModel) -> None:
    asked = []
    lab.outdated = lambda: len(asked) > 4 or asked.append(1) is not None
    with pytest.raises(Superseded):
        lab.contours  # noqa: B018 - given up here


# ------------------------------------------------------------------ sounds that experiments bring along


@pytest.mark.parametrize("model", ["moore2016", "glasberg2002"])
@pytest.mark.parametrize("settings", [{}, {"m.ears": "left"}, {"m.ild": -12}], ids=str)
@pytest.mark.parametrize("view", ["masking", "bandwidth", "contours"])
def test_an_experiment_s_own_sound_goes_through_the_whole_chain(
    lab: LoudnessModel, view: str, settings: dict[str, Any], model: str
) -> None:
    lab.update({"v.view": view, "m.model": model, **settings})
    before = lab.course
    assert lab.update({"v.level": 50, "s.level": 45}) == []
    after = lab.course
    assert 0 < after.peak < before.peak
    np.testing.assert_allclose(
        [area_of(after.specific[:, i]) for i in range(len(after.moments))],
        after.at_moments,
        rtol=1e-5,
        atol=1e-6,
    )
    # What lasts: the sum of its components, as `stationary` has it. In 0.5 s the average is within 1 %.
    steady_one = lab.segments[-1].lines.at(lab.model(), 0.0, lab.right)
    assert after.peak == pytest.approx(float(steady_one.total), rel=0.01)
    np.testing.assert_array_equal(lab.spectrum.frequencies, lab.segments[-1].lines.frequencies)


def test_the_course_of_a_tone_by_its_component_is_that_of_its_samples(lab: LoudnessModel) -> None:
    lab.update({"s.duration": 1, "s.level": 60})
    by_samples = lab.course.peak, lab.phon(lab.course.peak)
    lab.update({"v.view": "contours"})
    # Through samples a tone is spread over components, which costs 2.3 % at 60 dB SPL; phon are each way's own.
    assert lab.course.peak == pytest.approx(by_samples[0] * 1.023, rel=0.005)
    assert lab.phon(lab.course.peak) == pytest.approx(by_samples[1], abs=0.05)


def test_the_band_that_is_heard_lies_on_the_curve_of_all_bands(lab: LoudnessModel) -> None:
    lab.update({"v.view": "bandwidth"})
    for width in (20, 400, 3000):
        lab.update({"v.band": width})
        found = lab.bandwidth
        assert lab.course.peak == pytest.approx(np.interp(width, found.widths, found.loudness), rel=0.02)


def test_a_tone_above_its_masked_threshold_is_called_heard_and_one_below_hidden(lab: LoudnessModel) -> None:
    lab.update({"v.view": "masking", "v.probe": 1300})
    threshold = lab.masking.threshold(1300)
    for level, side in ((threshold + 3, "heard"), (threshold - 3, "hidden")):
        lab.update({"v.probe_level": level})
        assert side in lab.summary()
        assert (lab.change_by_probe > 1) == (side == "heard")


def test_a_masked_tone_joins_the_noise_halfway(lab: LoudnessModel) -> None:
    lab.update({"v.view": "masking", "v.probe": 4000, "v.probe_level": 80})
    early, late = lab.sound()[:15000], lab.sound()[17000:]
    assert float(late.square().mean()) > 5 * float(early.square().mean())
    assert "+" not in lab.sound_in_words


def test_a_curve_of_durations_is_what_tones_of_these_durations_have(lab: LoudnessModel) -> None:
    lab.update({"v.view": "duration"})
    found = lab.duration_curve
    for seconds in (0.05, 0.1, 0.3, 0.5, 2.0):
        lab.update({"s.duration": seconds})
        assert lab.duration_curve is found
        # Bursts are looked at every 4 ms in the curve: 0.7 % for the shortest of these.
        at = found.durations == seconds
        assert lab.course.peak == pytest.approx(found.long_term[at].item(), rel=0.01)
        assert lab.course.short_term.max() == pytest.approx(found.short_term[at].item(), rel=0.01)


@pytest.mark.parametrize("seconds", [0.02, 0.05, 1.0])
def test_the_moment_lies_within_the_sound_however_short_it_is(lab: LoudnessModel, seconds: float) -> None:
    lab.update({"v.view": "duration", "s.duration": seconds})
    assert 0 < lab.course.moments[lab.frame] <= seconds
    assert (lab.patterns[0][0] > lab.threshold).any()
    assert lab.spectrum.frequencies.size


def test_a_click_into_the_time_plot_says_which_moment(lab: LoudnessModel) -> None:
    for time in (0.0, 0.2, 0.5, 0.6, 0.74):
        lab.update({"v.moment": lab.moment_at(time)})
        assert lab.course.moments[lab.frame] == pytest.approx(time, abs=0.005)


def test_experiments_with_tones_and_other_sounds_find_together(lab: LoudnessModel) -> None:
    lab.update({"s.kind": "pink"})
    (note,) = lab.update({"v.view": "duration"})
    assert (lab.stimulus.kind, lab.display.view) == ("tone", "duration")
    assert "pure tones" in note
    (note,) = lab.update({"s.kind": "pink"})
    assert (lab.stimulus.kind, lab.display.view) == ("pink", "area")
    assert "Pink noise" in note


def test_no_band_reaches_beyond_what_the_models_hear(lab: LoudnessModel) -> None:
    (note,) = lab.update({"v.view": "bandwidth", "v.centre": 8000, "v.band": 14000})
    assert lab.display.band == 10733  # (15000 ** 2 - 8000 ** 2) / 15000
    assert steady.edges(8000, 10733)[1] <= 15000
    assert "10733" in note


@pytest.mark.parametrize("frequency", [250, 500, 1000, 2000, 4000])
@pytest.mark.parametrize("level", [40, 60])
def test_a_pattern_peaks_near_its_tone(lab: LoudnessModel, frequency: int, level: int) -> None:
    lab.update({"s.frequency": frequency, "s.level": level})
    assert near(lab.peak_of_pattern[0]) == f"{frequency} Hz"
    assert f"near {frequency} Hz" in lab.summary()


# ------------------------------------------------------------------ words, code, lessons, page


def test_the_summary_says_sone_and_phon(lab: LoudnessModel) -> None:
    assert lab.summary().startswith("Pure tone at 60 dB SPL: 4.")
    assert "phon" in lab.summary()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"m.model": "glasberg2002", "s.kind": "white", "m.ears": "left"},
        {
            "m.ild": -12,
            "p.level_dependence": 0.2,
            "p.attack_long": 2,
            "p.edge2": 400,
            "p.spread": 0.1,
            "p.scale": 1.1,
        },
        {"v.view": "masking", "m.ild": -5},
        {"v.view": "bandwidth", "m.model": "glasberg2002", "v.band": 3000},
        {"v.view": "contours", "m.ears": "left", "s.frequency": 63},
        {"m.inhibition": False, "m.field": "diffuse", "s.kind": "speech", "s.duration": 0.3},
        {"m.model": "glasberg2002", "p.release_short": 3, "p.step": 1, "p.edge4": 3000},
    ],
)
def test_the_code_gives_the_same_numbers(
    lab: LoudnessModel, state: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab.update(state) == []
    scope: dict[str, Any] = {}
    exec(lab.code(), scope)
    # Sounds of 0.5 s or more that experiments bring along reach what they would in the end within 1 %.
    assert scope["sone"] == pytest.approx(lab.course.peak, rel=0.01 if lab.brings_its_sound else 1e-5)
    assert f"{scope['sone']:.3f} sone" in capsys.readouterr().out
    excitation = np.atleast_2d(scope["excitation"].numpy())
    np.testing.assert_allclose(excitation[0], lab.patterns[0][0], atol=1e-3)


@pytest.mark.parametrize("view", list(EXPERIMENTS.values()))
def test_each_view_draws_its_own_figure(told: list[dict[str, Any]], view: str) -> None:
    page = LoudnessLab()
    page.lab.update({"v.view": view})
    seen = {name for name, found in page.scene.whole()["set"].items() if found.get("visible") is True}
    assert seen == ({"area", "rise"} if view == "area" else {view, "specific"})
    assert told[-1]["words"]["problem"] == "" if "words" in told[-1] else True


def test_the_page_shows_contours_without_being_asked(told: list[dict[str, Any]]) -> None:
    page = LoudnessLab(link="v.view=contours")
    assert page.contents.tools()["work"] is None  # there is nothing to press
    drawn = page.scene.columns(f"contours/model-{PHONS[2]}")
    assert len(drawn["contour_frequency"]) > 20


def test_areas_of_1_4_and_15_sones_stand_on_the_same_axis(told: list[dict[str, Any]]) -> None:
    page = LoudnessLab(link="s.duration=1")
    tops, areas = set(), []
    for level in (40, 60, 80):
        page.lab.update({"s.level": level})
        limits = page.scene.whole()["limits"]
        tops.add((limits["area.y_range"][1], limits["time.y_range"][1]))
        areas.append(area_of(page.lab.patterns[1]))
    assert tops == {(4.0, 20.0)}
    assert areas == pytest.approx([1.0, 4.1, 15.3], abs=0.05)
    page.lab.update({"s.level": 100})
    assert page.scene.whole()["limits"]["area.y_range"][1] > page.lab.course.specific.sum(0).max()
    page.lab.update({"s.level": 40})
    assert page.scene.whole()["limits"]["area.y_range"][1] == 4.0
    page.receive({"type": "fit"})
    assert page.scene.whole()["limits"]["area.y_range"][1] == 0.5
    page.lab.update({"s.level": 60})
    assert page.scene.whole()["limits"]["area.y_range"][1] == 4.0


def test_the_two_areas_are_named_with_their_loudness(told: list[dict[str, Any]]) -> None:
    page = LoudnessLab(link="s.duration=1&m.ild=-10")
    areas = [area_of(ear) for ear in page.lab.patterns[1]]
    for ear, area in zip(("left", "right"), areas, strict=True):
        said = page.scene.whole()["set"][f"area/{ear}-legend"]["label"]["value"]
        assert said == f"{ear} ear: {area:.2f} sone"


@pytest.mark.parametrize(
    ("value", "step"), [(0.9, 1.0), (1.0, 1.0), (1.2, 1.5), (41.0, 50.0), (0.0011, 0.0015)]
)
def test_tops_of_axes_are_round_numbers(value: float, step: float) -> None:
    assert next_step(value) == pytest.approx(step)


@pytest.mark.parametrize("view", list(EXPERIMENTS.values()))
def test_sounds_are_finite_and_have_a_title(view: str) -> None:
    page = LoudnessLab(link=f"v.view={view}")
    for key in page.sounds.keys() - set(page.silent()):
        title, samples, fs = page.sound(key)
        assert title
        assert fs == 32000
        assert samples.isfinite().all()
        assert samples.abs().max() > 0


def test_exports_hold_what_is_shown() -> None:
    page = LoudnessLab()
    name, _, content = page.export("csv")
    assert name.endswith(".csv")
    lines = content.decode().splitlines()
    assert lines[1].startswith("erb_number_cam,frequency_hz,excitation_left_db")
    assert len(lines) == 2 + 150
    for view in EXPERIMENTS.values():
        page.lab.update({"v.view": view})
        _, _, content = page.export("npz")
        arrays = np.load(io.BytesIO(content))
        np.testing.assert_array_equal(arrays["long_term"], page.lab.course.long_term)
        assert any(key.startswith(f"{view}_") for key in arrays.files)


def test_growth_follows_the_ears_that_listen(lab: LoudnessModel) -> None:
    alike = lab.growth.both
    lab.update({"m.ild": -20})
    apart = lab.growth
    assert (apart.both < alike)[5:].all()
    assert (apart.both > apart.one)[5:].all()


@pytest.mark.parametrize(
    "settings", [{}, {"m.ild": -20}, {"m.inhibition": False}, {"m.model": "glasberg2002"}]
)
def test_growth_and_series_are_what_the_model_gives_of_the_components(
    lab: LoudnessModel, settings: dict[str, Any]
) -> None:
    lab.update(settings)
    shift = GROWTH_LEVELS - 60  # behind the ear, whose filter they must not pass again
    one, both = (lab.model("cochlea", ears=ears) for ears in ("left", "both"))
    alone, together = lab.spectrum.at(one, shift, -math.inf), lab.spectrum.at(both, shift, lab.right)
    np.testing.assert_allclose(lab.growth.one, alone.total, rtol=1e-5)
    np.testing.assert_allclose(lab.growth.both, together.total, rtol=1e-5)
    np.testing.assert_allclose(lab.series.excitation, together.excitation[4:21:4, 0], atol=1e-3)


def test_a_band_of_noise_is_softer_to_one_ear(lab: LoudnessModel) -> None:
    lab.update({"v.view": "bandwidth"})
    both = lab.bandwidth.loudness
    lab.update({"m.ears": "left"})
    assert lab.bandwidth.loudness == pytest.approx(both / 1.5, rel=0.01)  # the model's binaural gain


def test_no_ear_gets_more_than_120_db(lab: LoudnessModel) -> None:
    lab.update({"s.level": 100})
    notes = lab.update({"m.ild": 40})
    assert lab.listener.ild == 20
    assert "120 dB SPL" in notes[0]
    assert lab.update({"s.level": 60, "m.ild": 40}) == []


def test_no_frequency_is_offered_that_the_models_do_not_see(lab: LoudnessModel) -> None:
    notes = lab.update({"s.frequency": 16000})
    assert "15000" in notes[0]
    assert lab.stimulus.frequency == 1000


def test_what_nobody_hears_is_said_so(lab: LoudnessModel) -> None:
    lab.update({"s.kind": "silence"})
    assert "Nothing of it is heard" in lab.summary()
    lab.update({"s.kind": "tone", "v.moment": 125})
    assert "below the threshold" in lab.summary()


def test_pinning_keeps_a_ghost_of_every_experiment(told: list[dict[str, Any]]) -> None:
    page = LoudnessLab()
    page.lab.update({"v.view": "growth", "s.level": 70})
    page.receive({"type": "pin"})
    page.lab.update({"v.view": "masking", "v.level": 40})
    ghost = page.scene.columns("masking/pinned")["masked_level"]
    page.lab.update({"v.level": 70})
    assert ghost == pytest.approx(page.lab.masking.masked)
    page.receive({"type": "unpin"})
    assert not len(page.scene.columns("masking/pinned")["masked_level"])


def test_contours_say_how_far_they_are_from_the_standard_and_which(lab: LoudnessModel) -> None:
    lab.update({"v.view": "contours"})
    assert re.search(r"The contours lie \d\.\d dB \(rms\) from those of ISO 226:2023", lab.summary())


def test_ticks_are_numbers() -> None:
    for figure in LoudnessLab.figures.values():
        for axis in (figure.x, figure.y):
            if axis.scale == "log":
                assert all(re.fullmatch(r"[\d.]+k?", label) for _, label in axis.marks() or [(0.0, "none")])


@pytest.mark.parametrize("view", EXPERIMENTS.values())
def test_every_sound_over_which_a_line_runs_has_the_time_of_the_figure(view: str) -> None:
    page = LoudnessLab(link=f"v.view={view}", served=True)
    times = page.figures["time"].x
    heard = [key for key in page.sounds if key not in page.silent()]
    assert {*heard} - {*times.sounds} <= {"reference"}  # which is another sound than the one that is drawn
    lengths = {key: page.sound(key)[1].shape[-1] for key in heard if key in times.sounds}
    assert len({*lengths.values()}) == 1
    assert lengths["input"] / page.sound("input")[2] <= times.between(page.reads())[1] + 1e-3


@pytest.mark.parametrize(("centre", "width", "level"), [(1000, 200, 60), (1000, 200, 90), (4000, 1000, 70)])
def test_a_tone_at_its_masked_threshold_changes_the_pattern_of_the_noise_by_one_decibel(
    lab: LoudnessModel, centre: float, width: float, level: float
) -> None:
    lab.update({"v.view": "masking", "v.centre": centre, "v.width": width, "v.level": level})
    found, model = lab.masking, lab.model(ears="both")
    noise = steady.masker(lab.display)
    masked = found.masked > found.quiet
    assert masked.sum() > 10

    def change(levels: Any) -> Any:
        return pattern_change(model, noise.frequencies, noise.levels, found.frequencies, levels)

    assert (change(found.masked - 0.1)[masked] < 1).all()
    assert (change(found.masked + 0.1) > 1).all()
