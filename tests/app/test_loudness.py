"""The loudness lab: what its chain and its experiments must show, its code, its lessons and its page."""

import io
import re
from typing import Any

import numpy as np
import pytest
import torch

from amtlib import Moore2016
from app.figures import next_step
from app.labs.loudness import experiments
from app.labs.loudness.experiments import PHONS
from app.labs.loudness.figures import area_of
from app.labs.loudness.model import LoudnessModel, phon
from app.labs.loudness.settings import EXPERIMENTS
from app.labs.loudness.view import LoudnessLab
from app.page.part import LabPart
from app.work import Work


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
    assert lab.course.moments[lab.frame] == pytest.approx(0.2 * 0.75, abs=0.005)  # 0.5 s and 0.25 s after it
    before = lab.patterns[1].sum()
    lab.update({"v.moment": 95})  # the tone has ended
    assert lab.patterns[1].sum() < 0.1 * before


def test_moving_the_moment_does_not_run_the_model_again(
    lab: LoudnessModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.course  # noqa: B018 - computed here
    for step in ("at_cochlea", "patterns", "over_time"):
        monkeypatch.setattr(Moore2016, step, lambda *a, **k: pytest.fail("ran again"))
    for moment in (10, 20, 90):
        lab.update({"v.moment": moment})
        assert lab.patterns[0].shape == (2, 150)


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


def test_the_spectrum_is_that_of_the_tone_in_its_own_window(lab: LoudnessModel) -> None:
    spectrum = lab.spectrum
    strongest = spectrum.frequencies[spectrum.levels.argmax()]
    assert strongest == 1000
    # The powers of its components add up to 0.94 dB below its level: the model's own calibration.
    assert 10 * np.log10(np.sum(10 ** (spectrum.levels / 10))) == pytest.approx(59.06, abs=0.1)


def test_a_steady_tone_is_as_loud_by_its_spectrum_as_over_time(lab: LoudnessModel) -> None:
    lab.update({"s.duration": 1.5, "v.moment": 70})
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
    assert "2.00 times" in lab.summary()


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
    assert lab.masking.masked == pytest.approx(lab.masking.quiet, abs=0.1)  # bisected to 0.07 dB


def test_a_masked_threshold_is_never_below_that_in_quiet(lab: LoudnessModel) -> None:
    lab.update({"v.view": "masking"})
    assert (lab.masking.masked >= lab.masking.quiet).all()


def test_lines_of_a_band_add_up_to_its_level() -> None:
    for width in (20, 160, 4000):
        band = experiments.band_of_noise(1000, width, 63.0)
        assert 10 * np.log10(np.sum(10 ** (band.levels / 10))) == pytest.approx(63.0, abs=1e-9)
        low, high = band.frequencies[[0, -1]]
        step = band.frequencies[1] - low
        assert high - low + step == pytest.approx(width)


def test_contours_are_computed_on_demand_and_belong_to_the_listener_they_were_computed_for(
    lab: LoudnessModel,
) -> None:
    lab.update({"v.view": "contours"})
    assert lab.contours is None
    job = lab.contour_job()
    shares = [share for share, found in job.steps(*job.arguments) if job.take(found) is None]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    found = lab.contours
    assert found is not None
    assert lab.contour_job().done
    at = found.levels[:, found.frequencies == 1000].ravel()
    np.testing.assert_allclose(at[1:], found.phons[1:], atol=0.1)
    lab.update({"m.field": "diffuse"})
    assert lab.contours is None
    assert not lab.contour_job().done


def test_contours_of_the_same_listener_are_computed_once_for_all_sessions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, other = LoudnessModel(), LoudnessModel(), LoudnessModel()
    other.update({"m.field": "diffuse"})
    Work(first.contour_job(), "ann", lambda work: None).start()
    monkeypatch.setattr(experiments, "equal_loudness_steps", None)
    assert second.contours is None  # nobody has asked for them here
    Work(second.contour_job(), "bob", lambda work: None).start()
    assert second.contours is first.contours
    with pytest.raises(TypeError):
        Work(other.contour_job(), "eve", lambda work: None).start()


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
    assert scope["sone"] == pytest.approx(lab.course.peak, rel=1e-5)
    assert f"{scope['sone']:.3f} sone" in capsys.readouterr().out
    excitation = np.atleast_2d(scope["excitation"].numpy())
    np.testing.assert_allclose(excitation[0], lab.patterns[0][0], atol=1e-3)


def test_every_lesson_opens_without_a_note_and_its_task_is_not_yet_done(lab: LoudnessModel) -> None:
    for lesson in lab.lessons.values():
        assert lab.restore(lesson.state) == []
        assert set(lesson.hide) <= set(lab.fields)
        if lesson.task:
            assert set(lesson.task.checks) <= set(lab.measures())
            assert not lesson.task.is_done(lab.measures())


@pytest.mark.parametrize(
    ("slug", "solution"),
    [
        ("sone", {"s.level": 60}),
        ("leaning", {"s.level": 100}),
        ("masking", {"v.level": 95}),
        ("summation", {"v.level": 95}),
        ("two-ears", {"m.ild": -18}),
        ("burst", {"s.duration": 0.05}),
    ],
)
def test_the_task_of_a_lesson_can_be_done(lab: LoudnessModel, slug: str, solution: dict[str, Any]) -> None:
    lesson = lab.lessons[slug]
    lab.restore(lesson.state)
    lab.update(solution)
    assert lesson.task is not None
    assert lesson.task.is_done(lab.measures()), lab.measures()


@pytest.mark.parametrize("view", list(EXPERIMENTS.values()))
def test_each_view_draws_its_own_figure(told: list[dict[str, Any]], view: str) -> None:
    page = LoudnessLab()
    page.lab.update({"v.view": view})
    seen = {name for name, found in page.scene.whole()["set"].items() if found.get("visible") is True}
    assert seen == {view}
    assert told[-1]["words"]["problem"] == "" if "words" in told[-1] else True


def test_the_page_computes_contours_and_says_how_far_it_is(told: list[dict[str, Any]]) -> None:
    page = LoudnessLab(link="v.view=contours")
    page.receive({"type": "work", "do": "run"})
    tools = [message["tools"] for message in told if "tools" in message]
    assert tools[-1]["work"] is None  # done: there is nothing to press
    drawn = page.scene.columns(f"contours/model-{PHONS[2]}")
    assert len(drawn["contour_frequency"]) > 20


def test_axes_of_loudness_move_seldom_and_hold_the_curve(told: list[dict[str, Any]]) -> None:
    page = LoudnessLab()
    tops = []
    for level in range(20, 100, 2):
        page.lab.update({"s.level": level})
        top = page.scene.whole()["limits"]["time.y_range"][1]
        assert page.lab.course.instantaneous.max() <= top
        tops.append(top)
    assert len(set(tops)) <= 18  # 0.2 to 100 sone in the series 1, 1.5, 2, 3, 5, 7


@pytest.mark.parametrize(
    ("value", "step"), [(0.9, 1.0), (1.0, 1.0), (1.2, 1.5), (41.0, 50.0), (0.0011, 0.0015)]
)
def test_tops_of_axes_are_round_numbers(value: float, step: float) -> None:
    assert next_step(value) == pytest.approx(step)


@pytest.mark.parametrize("key", ["input", "band"])
def test_sounds_are_finite_and_have_a_title(key: str) -> None:
    title, samples, fs = LoudnessLab().sound(key)
    assert title
    assert fs == 32000
    assert samples.isfinite().all()


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
        assert view == "contours" or any(key.startswith(f"{view}_") for key in arrays.files)


def test_growth_follows_the_ears_that_listen(lab: LoudnessModel) -> None:
    alike = lab.growth.both
    lab.update({"m.ild": -20})
    apart = lab.growth
    assert (apart.both < alike)[5:].all()
    assert (apart.both > apart.one)[5:].all()


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
    lab.update({"s.kind": "tone", "v.moment": 100})
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


def test_finished_contours_say_how_far_they_are_from_the_standard(lab: LoudnessModel) -> None:
    lab.update({"v.view": "contours"})
    assert "ISO" not in lab.summary()
    Work(lab.contour_job(), "me", lambda work: None).start()
    assert re.search(r"The contours lie \d\.\d dB", lab.summary())
