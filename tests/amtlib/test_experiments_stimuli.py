"""Sounds of all experiments: levels, durations, ramps, one format, and the same from the same seed."""

import dataclasses
import io
import math
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amtlib import audio, signals
from amtlib.experiments import EXPERIMENTS, Experiment, experiment, interval_files

CASES = [
    *((name, {}) for name in EXPERIMENTS),
    ("intensity_discrimination", {"carrier": "noise"}),
    ("tone_in_noise", {"masker": "continuous"}),
    ("notched_noise", {"masker": "continuous"}),
    ("forward_masking", {"masker": "noise"}),
    ("am_detection", {"carrier": "tone", "rate": 40.0}),
    ("am_masking", {"carrier": "noise"}),
    ("gap_detection", {"rove": 5.0, "before": 0.05, "after": 0.1, "fs": 32000}),
]
each_case = pytest.mark.parametrize(("name", "settings"), CASES)
each_experiment = pytest.mark.parametrize("name", EXPERIMENTS)


def level(x: Tensor, ramp: float, fs: float) -> Tensor:
    """Level of the steady part, dB SPL."""
    inside = round(ramp * fs)
    return signals.rms_level(x[..., inside : x.shape[-1] - inside])


@each_case
def test_intervals_have_one_format_and_follow_from_their_seed(name: str, settings: dict[str, float]):
    what = experiment(name, **settings)
    trial, again = (what.trial(what.variable.start, 1, seed=3) for _ in range(2))
    x = trial.intervals
    samples = [round(seconds * what.fs) for seconds in (what.before, what.length, what.after)]
    assert x.shape == (3, sum(samples))
    assert x.dtype == torch.float64
    assert bool(x.isfinite().all())
    torch.testing.assert_close(x, again.intervals, rtol=0.0, atol=0.0)
    other = what.trial(what.variable.start, 1, seed=4)
    assert torch.equal(x, other.intervals) == (not what.random)
    assert torch.equal(x[0], x[2]) == (not what.random)
    assert not torch.equal(x[0], x[1])


@each_case
def test_no_interval_leaves_0_to_100_db_spl_at_any_value(name: str, settings: dict[str, float]):
    what = experiment(name, **settings)
    variable = what.variable
    for value in (variable.low, variable.start, variable.high, what.supra):
        assert variable.low <= value <= variable.high
        found = signals.rms_level(what.trial(value, 0, seed=1).intervals)
        assert float(found.max()) < 100.1


@each_case
def test_sounds_begin_and_end_in_silence(name: str, settings: dict[str, float]):
    what = experiment(name, **settings)
    x = what.trial(what.variable.start, 0, seed=1).sound
    assert float(x[[0, -1]].abs().max()) < 1e-3 * float(x.abs().max())


@each_case
def test_the_presentation_holds_the_intervals_where_it_says(name: str, settings: dict[str, float]):
    what = experiment(name, **settings)
    trial = what.trial(what.variable.start, 2, seed=5)
    lead = what.pause if settings.get("masker") == "continuous" else 0.0
    for begin, interval in zip(trial.begins, trial.intervals, strict=True):
        start = round((begin - lead) * what.fs)
        torch.testing.assert_close(trial.sound[start : start + len(interval)], interval, rtol=0.0, atol=0.0)
    assert np.diff(trial.begins) == pytest.approx(trial.begins[1] - trial.begins[0])


@each_case
@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_16"])
def test_files_of_intervals_differ_in_their_samples_alone(
    name: str, settings: dict[str, float], subtype: Literal["FLOAT", "PCM_16"]
):
    what = experiment(name, **settings)
    trial = what.trial(what.variable.high, 1, seed=3)
    files = interval_files(trial, subtype=subtype)
    assert len({len(each) for each in files}) == len({each[:44] for each in files}) == 1
    for file, interval in zip(files, trial.intervals, strict=True):
        back = audio.load(io.BytesIO(file), full_scale_db=120.0)
        assert back.fs == what.fs
        # Half a step of 2 ** -15 of full scale, which is 20 Pa; float32 is rounded twice
        step = 20.0 * 2.0**-16 * 1.001 if subtype == "PCM_16" else 2e-7 * float(interval.abs().max())
        torch.testing.assert_close(back.samples.double(), interval, rtol=0.0, atol=step)


@st.composite
def some_settings(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Settings, each in its range: mostly at an end of it, and sounds of at most 0.15 s for speed."""
    found: dict[str, Any] = {}
    for each in dataclasses.fields(EXPERIMENTS[name]):
        about = each.metadata
        if "choices" in about:
            found[each.name] = draw(st.sampled_from(about["choices"]))
        elif draw(st.booleans()):
            low, high = about["low"], about["high"]
            if about.get("unit") == "s":
                high = max(min(high, 0.15), low)
            ends = st.sampled_from([low, high])
            found[each.name] = draw(ends if about.get("whole") else ends | st.floats(low, high))
    return found


@each_experiment
@settings(max_examples=12)
@given(data=st.data())
def test_settings_that_are_taken_have_a_sound_at_every_value(name: str, data: st.DataObject):
    try:
        what = experiment(name, **data.draw(some_settings(name)))
    except ValueError:  # said at once, not when a listener waits for the sound
        return
    variable = what.variable
    for value in (variable.low, variable.start, variable.high, what.supra):
        trial = what.trial(value, what.intervals - 1, seed=1)
        assert bool(trial.intervals.isfinite().all())
        assert trial.intervals.shape[-1] == len(what.interval(value, 1, target=True))
        assert len(trial.begins) == what.intervals


def test_a_file_that_cannot_hold_the_peak_is_refused():
    trial = experiment("tone_in_quiet").trial(90.0, target=0, seed=1)
    with pytest.raises(audio.AudioError, match=r"raise full_scale_db to at least 93.1"):
        interval_files(trial, subtype="PCM_16", full_scale_db=80.0)


def sounds(name: str, value: float, **settings: float | str) -> tuple[Experiment, Tensor, Tensor]:
    """Experiment, an interval with the target, and one without."""
    what = experiment(name, **settings)
    x = what.trial(value, 0, seed=2).intervals
    return what, x[0], x[1]


def test_a_tone_in_quiet_has_its_level_and_ramps():
    what, tone, nothing = sounds("tone_in_quiet", 40.0, ramp=0.05)
    assert float(level(tone, 0.05, what.fs)) == pytest.approx(40.0, abs=0.01)
    assert float(nothing.abs().max()) == 0.0
    middle = round(0.025 * what.fs)  # of the ramp: half of the amplitude
    peak = float(tone[middle - 22 : middle + 23].abs().max()) / float(tone.abs().max())
    assert peak == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("carrier", ["tone", "noise"])
def test_an_increment_raises_the_level_by_itself(carrier: str):
    what, louder, softer = sounds("intensity_discrimination", 2.5, carrier=carrier, level=55.0, ramp=0.01)
    found = [float(level(x, 0.01, what.fs)) for x in (louder, softer)]
    assert found == pytest.approx([57.5, 55.0], abs=0.15 if carrier == "noise" else 0.01)


def density(x: Tensor, low: float, high: float, fs: float) -> float:
    """Level in each hertz between two frequencies, dB SPL."""
    lines = torch.fft.rfft(x)
    frequency = torch.arange(len(lines)) * fs / len(x)
    power = 2.0 * (lines.abs() / len(x)).square()[(frequency >= low) & (frequency < high)].sum()
    return float(10.0 * (power / signals.P_REF**2 / (high - low)).log10())


def test_noise_has_its_level_in_each_hertz_and_the_tone_stands_in_its_middle():
    what, with_tone, noise = sounds("tone_in_noise", 60.0, spectrum_level=25.0, ramp=0.001)
    for low, high in ((200.0, 1000.0), (1000.0, 5000.0)):
        assert density(noise, low, high, what.fs) == pytest.approx(25.0, abs=0.8)
    assert density(noise, 8000.0, 20000.0, what.fs) < -20.0
    quiet = what.trial(0.0, 0, seed=2).intervals[0]
    tone = with_tone - quiet  # the same noise
    heard = (tone.abs() > 1e-3 * tone.abs().max()).nonzero().flatten() / what.fs
    assert heard[[0, -1]].tolist() == pytest.approx([0.1, 0.4], abs=0.002)
    assert float(level(tone[round(0.1 * what.fs) : round(0.4 * what.fs)], 0.01, what.fs)) == pytest.approx(
        60.0, abs=0.1
    )


def test_a_notch_is_empty_and_its_bands_are_not():
    what, _, noise = sounds(
        "notched_noise", 40.0, frequency=2000.0, notch=0.2, spectrum_level=30.0, ramp=0.001
    )
    for low, high in ((800.0, 1600.0), (2400.0, 3200.0)):
        assert density(noise, low, high, what.fs) == pytest.approx(30.0, abs=1.0)
    assert density(noise, 1700.0, 2300.0, what.fs) < 0.0
    assert what.masker_level == pytest.approx(30.0 + 10.0 * math.log10(1600.0))


def test_continuous_noise_goes_on_through_the_pauses():
    what = experiment("tone_in_noise", masker="continuous")
    trial = what.trial(50.0, 1, seed=1)
    pieces = trial.sound.reshape(3, -1)[:, : round(what.pause * what.fs)]
    assert signals.rms_level(pieces).tolist() == pytest.approx([what.masker_level] * 3, abs=1.0)


def test_a_signal_follows_its_masker_after_the_delay():
    what, x, masker = sounds("forward_masking", 70.0, delay=0.02, masker_level=60.0)
    end = round(0.2 * what.fs)
    assert float(masker[end:].abs().max()) == 0.0
    assert float(level(masker[:end], 0.005, what.fs)) == pytest.approx(60.0, abs=0.02)
    assert float((x - masker)[: round(0.22 * what.fs)].abs().max()) == 0.0
    later = (x - masker)[round(0.22 * what.fs) : round(0.23 * what.fs)]
    assert float(later.abs().max()) == pytest.approx(math.sqrt(2.0) * signals.pascal(70.0), rel=0.02)


def test_a_gap_is_as_long_as_it_should_be_and_in_the_middle():
    what, gapped, whole = sounds("gap_detection", 8.0)
    empty = (gapped[500:-500] == 0.0).nonzero().flatten() + 500
    assert len(empty) / what.fs == pytest.approx(0.008, abs=2e-5)
    assert float(empty.double().mean()) / what.fs == pytest.approx(0.2, abs=1e-4)
    assert float(level(whole, 0.01, what.fs)) == pytest.approx(65.0, abs=0.3)


def envelope_line(x: Tensor, rate: float, fs: float) -> float:
    """Depth of the modulation of a tone at a rate."""
    power = x.square()
    time = torch.arange(len(x), dtype=torch.float64) / fs
    line = (power * torch.exp(-2j * math.pi * rate * time)).mean().abs() / power.mean()
    return float(line)  # of (1 + m sin)^2: m / (1 + m^2 / 2)


def test_modulation_has_its_depth_and_changes_no_level():
    what, x, plain = sounds("am_detection", -10.0, carrier="tone", rate=20.0, ramp=0.001, duration=1.0)
    m = 10.0 ** (-10.0 / 20.0)
    assert envelope_line(x, 20.0, what.fs) == pytest.approx(m / (1.0 + m * m / 2.0), rel=0.01)
    assert envelope_line(plain, 20.0, what.fs) < 2e-3  # of the ramps
    assert signals.rms_level(torch.stack([x, plain])).tolist() == pytest.approx([65.0, 65.0], abs=0.02)


def test_a_modulation_masker_is_in_all_intervals_at_its_rate():
    what, _, masked = sounds("am_masking", -10.0, masker_rate=40.0, ramp=0.001)
    lines = {rate: envelope_line(masked, rate, what.fs) for rate in range(5, 90)}
    inside = [lines[rate] for rate in range(34, 48)]
    assert max(inside) > 5.0 * max(lines[rate] for rate in range(5, 25))
    found = math.sqrt(sum(2.0 * (line / 2.0) ** 2 for line in inside))
    assert found == pytest.approx(10.0 ** (-15.0 / 20.0), rel=0.1)


def test_a_difference_raises_the_frequency():
    what, higher, lower = sounds("frequency_discrimination", 4.0, duration=1.0)
    found = [int(torch.fft.rfft(x).abs().argmax()) for x in (higher, lower)]
    assert found == [1040, 1000]
    assert what.variable.unit == "%"


def test_ripples_are_reversed_in_the_target():
    what = experiment("spectral_ripple", rove=0.0, duration=1.0)
    x = what.trial(1.0, 0, seed=1).intervals
    octaves = 100.0 * 2.0 ** (np.arange(0, 5.5, 0.5) + 0.25)
    peaks = [[density(each, 0.9 * f, 1.1 * f, what.fs) for f in octaves] for each in x]
    signs = np.sign(np.diff(peaks, axis=1))
    assert (signs[0] == -signs[1]).all()
    assert (signs[1] == signs[2]).all()
    assert np.abs(np.diff(peaks[1])).mean() > 15.0


@each_experiment
def test_levels_rove_within_their_limits(name: str):
    plain, roved = (experiment(name, rove=rove) for rove in (0.0, 6.0))
    value = plain.variable.clamped(roved.variable.start)
    changes = []
    for seed in range(6):
        both = [what.trial(value, 0, seed).intervals[0] for what in (plain, roved)]
        changes.append(float(signals.rms_level(both[1]) - signals.rms_level(both[0])))
    assert max(np.abs(changes)) <= 6.0
    assert np.ptp(changes) > 2.0


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("tone_in_noise", {"spectrum_level": 70.0}, r"level of the noise = 108.* is outside 0 to 100 dB SPL"),
        (
            "intensity_discrimination",
            {"level": 95.0, "rove": 6.0},
            r"level = 95 dB SPL is outside 6 to 94",
        ),
        (
            "gap_detection",
            {"level": 3.0, "rove": 5.0},
            r"level = 3 dB SPL is outside 5 to 95 .* a rove of 5 dB",
        ),
        ("am_detection", {"level": 101.0}, r"level = 101 dB SPL is outside 0 to 100 dB SPL"),
        ("forward_masking", {"masker_level": -3.0}, r"masker_level = -3 dB SPL is outside 0 to 90 dB SPL"),
        ("tone_in_noise", {"masker": "continuous", "rove": 3.0}, "continuous noise has none"),
        ("tone_in_noise", {"noise_low": 8000.0, "noise_high": 7000.0}, "noise from 8000 to 7000 Hz"),
        ("tone_in_noise", {"duration": 1.0}, "duration = 1 s exceeds masker_duration = 0.5 s"),
        ("am_detection", {"carrier": "tone", "frequency": 300.0, "rate": 400.0}, "puts sidebands at -100"),
        (
            "tone_in_quiet",
            {"fs": 16000, "frequency": 9000.0},
            "frequency = 9000 Hz is not below fs / 2 = 8000",
        ),
        (
            "forward_masking",
            {"fs": 16000, "masker_frequency": 8000.0},
            "masker_frequency = 8000 Hz is not below",
        ),
        ("tone_in_noise", {"duration": 0.03}, r"ramp = 0.02 s is more than half of duration = 0.03 s"),
        (
            "forward_masking",
            {"masker_duration": 0.01, "masker_ramp": 0.01},
            "masker_ramp = 0.01 s is more than half",
        ),
        (
            "gap_detection",
            {"noise_low": 101.0, "noise_high": 102.0},
            "a line every 2.5 Hz, and none from 101 to 102",
        ),
        (
            "am_masking",
            {"masker_rate": 4.0, "masker_octaves": 0.25, "duration": 0.5},
            "holds no noise within",
        ),
        ("spectral_ripple", {"low": 2000.0, "high": 3000.0}, "span no octave"),
        ("am_detection", {"carrier": "music"}, "carrier = 'music' is unknown: choose 'noise' or 'tone'"),
        ("gap_detection", {"intervals": 5}, "intervals = 5 is outside 2 to 4"),
        ("gap_detection", {"fs": float("nan")}, "fs = nan Hz is outside"),
    ],
)
def test_settings_without_a_sound_are_refused_with_a_reason(
    name: str, settings: dict[str, float], message: str
):
    with pytest.raises(ValueError, match=message):
        experiment(name, **settings)


@each_experiment
def test_values_outside_of_their_range_are_refused(name: str):
    what = experiment(name)
    variable = what.variable
    for value in (variable.low - 1.0, variable.high * 1.1 + 1.0, math.nan):
        with pytest.raises(ValueError, match=rf"{variable.name} = .* is outside"):
            what.trial(value, 0, seed=0)
    with pytest.raises(ValueError, match="target = 3 is outside 0 to 2"):
        what.trial(variable.start, 3, seed=0)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_no_sound_is_louder_than_the_loudest(name: str) -> None:
    quiet = experiment(name, loudest=82.0)
    variable = quiet.variable
    for value in (variable.low, variable.start, variable.high):
        x = quiet.trial(value, target=0, seed=1).intervals
        assert signals.rms_level(x).max() <= 82.5  # short noise misses its level by some tenths


def test_a_level_above_the_loudest_is_refused() -> None:
    with pytest.raises(ValueError, match="82"):
        experiment("intensity_discrimination", level=90.0, loudest=82.0)
