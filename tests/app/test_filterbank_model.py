"""The filterbank lab's numbers are those of the filterbank itself, for any settings, and its script repeats them."""

import io
import math
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import example, given
from hypothesis import settings as limits

from amtlib import DRNLFilterbank, GammatoneFilterbank, MiddleEarFilter, scales
from app.labs.filterbank.model import FilterbankModel
from app.labs.filterbank.result import SILENCE_DB, FilterbankResult, decibels
from app.stimulus import KINDS
from tests.app.states import settings


def lab_with(**values: Any) -> FilterbankModel:
    lab = FilterbankModel()
    assert lab.update({key.replace("__", "."): value for key, value in values.items()}) == []
    return lab


def erb_width(hertz: float) -> float:
    return float(scales.audfiltbw(torch.tensor(hertz, dtype=torch.float64)))


def wav(x: np.ndarray, fs: int) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, x, fs, format="WAV", subtype="FLOAT")
    return content.getvalue()


# ---------------------------------------------------------------- right numbers


def test_the_envelopes_are_those_of_the_filterbank() -> None:
    lab = lab_with(s__kind="complex", f__order=3, f__bandwidth=1.5)
    bank = GammatoneFilterbank(lab.centre_frequencies(), 32000, n=3, betamul=lab.filterbank().betamul)
    whole = torch.nn.functional.max_pool1d(
        bank.envelope(lab.sound()), lab.frame_length, ceil_mode=True
    ).numpy()
    assert lab.result.envelope.shape == whole.shape
    # Between the samples that are looked at, an envelope is a little higher.
    assert (lab.result.envelope <= whole + 1e-5 * whole.max()).all()
    assert np.abs(20 * np.log10(lab.result.envelope.max(-1) / whole.max(-1))).max() < 0.2


def test_the_close_up_is_a_stretch_of_the_channel() -> None:
    lab = lab_with(s__kind="white", v__time=0.5, v__width=40, v__frequency=2000)
    r = lab.result
    first = round(r.channel_times[0] * r.fs)
    channel = lab.filterbank()(lab.sound())[r.channel].numpy()
    assert len(r.channel_wave) == 1280  # 40 ms
    assert np.allclose(r.channel_wave, channel[first : first + 1280], atol=1e-5 * np.abs(channel).max())


@pytest.mark.parametrize("frequency", [100, 250, 1000, 3000, 7000])
def test_the_peak_follows_the_tone(frequency: float) -> None:
    r = lab_with(s__kind="tone", s__frequency=frequency, f__channels=80).result
    spacing = 30.4 / 79  # ERB between channels: the peak is the nearest one
    apart = scales.fc2erb(torch.tensor([r.fc[r.peak], frequency], dtype=torch.float64)).diff().abs()
    assert float(apart) <= 0.51 * spacing


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"f.channels": 32},
        {"f.channels": 100},
        {"f.low": 200, "f.high": 5000, "f.channels": 80},
        {"f.spacing": 0.5},
        {"f.low": 1000},
        {"f.high": 1000},
        {"s.duration": 0.3},
    ],
    ids=str,
)
def test_a_tone_of_1_khz_has_its_level_in_the_channel_that_lies_there(values: dict[str, Any]) -> None:
    lab = FilterbankModel()
    lab.update({"s.kind": "tone", **values})
    assert lab.result.fc[lab.result.peak] == pytest.approx(1000, rel=1e-9)
    assert f"{lab.measures()['peak_level_db']:.1f}" == "60.0"
    assert lab.result.fc[0] >= lab.bank.low * (1 - 1e-9)
    assert lab.result.fc[-1] <= lab.bank.high * (1 + 1e-9)


@pytest.mark.parametrize("values", [{"f.channels": 20}, {"f.low": 1200}, {"f.high": 900}], ids=str)
def test_channels_far_apart_or_elsewhere_span_the_range(values: dict[str, Any]) -> None:
    lab = FilterbankModel()
    lab.update(values)
    assert lab.result.fc[[0, -1]] == pytest.approx([lab.bank.low, lab.bank.high])


@pytest.mark.parametrize("kind", ["tone", "white", "speech"])
def test_the_travelling_wave_is_what_filters_of_its_places_let_through(kind: str) -> None:
    lab = lab_with(s__kind=kind, v__time=0.2, s__duration=0.4, f__order=3, f__bandwidth=1.5)
    wave = lab.travelling()
    assert wave.fc[[0, -1]] == pytest.approx([80, 8000])
    assert wave.times[[0, -1]] == pytest.approx([0.19, 0.21], abs=1e-4)
    samples = np.round(wave.times * lab.bank.fs).astype(int)
    bank = GammatoneFilterbank(wave.fc, 32000, n=3, betamul=lab.filterbank().betamul)
    whole = bank(lab.sound())[:, samples].T.numpy()
    np.testing.assert_allclose(wave.frames, whole, atol=1e-5 * max(float(np.abs(whole).max()), 1e-9))
    assert lab.bank.fs / np.diff(samples)[0] > 2.2 * wave.fc[-1]


def test_the_compressed_wave_is_the_velocity_of_the_membrane_behind_the_middle_ear() -> None:
    lab = lab_with(s__kind="speech", v__time=0.3, s__duration=0.5)
    wave = lab.compressed()
    assert wave.times[[0, -1]] == pytest.approx([0.29, 0.31], abs=1e-4)
    samples = np.round(wave.times * lab.bank.fs).astype(int)
    whole = DRNLFilterbank(wave.fc.tolist(), 32000)(MiddleEarFilter(32000)(lab.sound()))
    expected = whole[:, samples].T.numpy()
    np.testing.assert_allclose(wave.frames, expected, atol=2e-4 * np.abs(expected).max())


def test_a_louder_tone_moves_the_compressed_wave_by_less_than_it_grows_and_spreads_it() -> None:
    def reaches(level: float) -> tuple[Any, Any]:
        lab = lab_with(s__kind="tone", s__frequency=1000, s__level=level, v__time=0.5)
        return lab.travelling().reach, lab.compressed().reach

    (linear, soft), (loud_linear, loud) = reaches(30), reaches(70)
    assert loud_linear.max() / linear.max() == pytest.approx(100, rel=1e-3)  # 40 dB
    assert loud.max() / soft.max() < 30
    assert (loud > loud.max() / 2).sum() > 1.3 * (soft > soft.max() / 2).sum()


def test_a_travelling_wave_reaches_low_places_later() -> None:
    lab = lab_with(s__kind="click", v__time=0.01)
    wave = lab.travelling()
    arrives = wave.times[np.abs(wave.frames).argmax(0)]
    low, high = (int(np.abs(wave.fc - f).argmin()) for f in (500, 4000))
    assert arrives[low] > arrives[high] + 0.003


@pytest.mark.parametrize(
    ("seconds", "channels", "said"),
    [
        (10.0, 2, "take.wav at 60 dB SPL (0 to 2 s of 10 s, mono mix): "),
        (1.0, 2, "take.wav at 60 dB SPL (mono mix): "),
        (10.0, 1, "take.wav at 60 dB SPL (0 to 2 s of 10 s): "),
        (1.0, 1, "take.wav at 60 dB SPL: "),
    ],
)
def test_what_is_shown_of_an_own_file_is_said(seconds: float, channels: int, said: str) -> None:
    lab = FilterbankModel()
    noise = np.random.default_rng(0).normal(0, 0.1, (round(seconds * 16000), channels))
    lab.stimulus.take_upload("take.wav", wav(noise, 16000))
    assert lab.summary().startswith(said)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"f.bandwidth": 3},
        {"f.bandwidth": 3, "f.high": 14000, "f.fs": 44100},
        {"f.bandwidth": 0.1, "f.order": 8},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["click", "white"])
def test_the_excitation_is_the_rms_level_of_each_channel(kind: str, values: dict[str, Any]) -> None:
    lab = FilterbankModel()
    lab.update({"s.kind": kind, "s.level": 80, "s.duration": 0.2, **values})
    channels = lab.filterbank()(lab.sound()).double().numpy()
    # Half the mean squared envelope is the mean square where the channel oscillates within its envelope; the
    # widest ones at the edges of the band do so barely. 0.5 dB is less than the eye finds in the picture.
    steady = lab.stimulus.steady
    assert np.abs(lab.result.excitation - decibels((channels**2).mean(-1) / steady)).max() < 0.5


@pytest.mark.parametrize(
    "values", [{}, {"f.bandwidth": 3}, {"f.bandwidth": 5, "f.high": 14000, "f.fs": 44100}], ids=str
)
def test_the_cochleagram_keeps_the_peak_of_a_click(values: dict[str, Any]) -> None:
    lab = FilterbankModel()
    lab.update({"s.kind": "click", "s.duration": 0.1, **values})
    whole = lab.filterbank().envelope(lab.sound()).numpy().max(-1)
    # Looked at eight times per 1 / bandwidth, a maximum is missed by less than half a decibel.
    assert np.abs(20 * np.log10(whole / lab.result.envelope.max(-1))).max() < 0.5


@pytest.mark.parametrize("order", [1, 2, 4, 8])
@pytest.mark.parametrize("bandwidth", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("frequency", [80, 1000, 4000])
def test_the_width_is_the_formulas(frequency: float, bandwidth: float, order: int) -> None:
    lab = lab_with(v__frequency=frequency, f__bandwidth=bandwidth, f__order=order)
    r = lab.result
    b = lab.filterbank().betamul * erb_width(r.fc[r.channel])
    expected = 2 * b * math.sqrt(2 ** (1 / order) - 1)
    if expected < 0.05 * r.fc[r.channel]:  # a wider one leans, and its mirror image at -fc adds to it
        # 2 %: the pole of a sampled filter is the formula's up to b / fs.
        assert r.bandwidth_3db == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    "values", [{}, {"f.order": 8, "f.bandwidth": 0.1}, {"f.order": 2, "f.bandwidth": 4}], ids=str
)
@pytest.mark.parametrize("frequency", [80, 1000, 8000])
def test_the_delay_is_the_formulas(frequency: float, values: dict[str, Any]) -> None:
    lab = FilterbankModel()
    lab.update({"v.frequency": frequency, **values})
    r = lab.result
    b = lab.filterbank().betamul * erb_width(r.fc[r.channel])
    # The envelope t^(n-1) exp(-2 pi b t) peaks at (n - 1) / (2 pi b); n one-pole sections in cascade, each without
    # a delay of its own, peak n / 2 samples earlier.
    expected = (lab.bank.order - 1) / (2 * math.pi * b)
    assert r.delay == pytest.approx(expected, abs=(lab.bank.order / 2 + 1) / r.fs, rel=0.01)


def test_the_responses_are_at_unit_gain_at_their_centres() -> None:
    r = lab_with(f__channels=20).result
    # 0.2 dB: the grid of drawn frequencies misses the very top.
    assert np.abs(r.responses.max(1)).max() < 0.2
    peaks = r.response_frequencies[r.responses.argmax(1)]
    assert np.allclose(peaks, r.fc, rtol=0.03, atol=6)


def test_silence_gives_finite_numbers() -> None:
    lab = lab_with(s__kind="silence")
    r = lab.result
    assert np.all(r.excitation == SILENCE_DB)
    assert np.allclose(r.levels, SILENCE_DB, atol=1e-3)  # float32
    assert all(math.isfinite(value) for value in lab.measures().values())
    assert lab.summary().startswith("Silence in every channel.")


def test_an_own_file_is_heard() -> None:
    lab = FilterbankModel()
    t = np.arange(22050) / 44100
    lab.stimulus.take_upload("whistle.wav", wav(0.1 * np.sin(2 * np.pi * 2000 * t), 44100))
    assert lab.result.fc[lab.result.peak] == pytest.approx(2000, rel=0.06)
    assert lab.summary().startswith("whistle.wav at 60 dB SPL: strongest channel")


def test_another_file_of_the_same_name_is_another_sound() -> None:
    lab = FilterbankModel()
    t = np.arange(22050) / 44100
    peaks = []
    for frequency in (500, 2000):
        lab.stimulus.take_upload("take.wav", wav(0.1 * np.sin(2 * np.pi * frequency * t), 44100))
        peaks.append(lab.result.fc[lab.result.peak])
    assert peaks == pytest.approx([500, 2000], rel=0.06)


@pytest.mark.parametrize("samples", [1, 2, 10, 100])
def test_a_file_of_a_few_samples_gives_a_picture(samples: int) -> None:
    lab = FilterbankModel()
    lab.stimulus.take_upload("tick.wav", wav(np.full(samples, 0.1), 32000))
    check(lab, lab.result)


# ---------------------------------------------------------------- any settings


def check(lab: FilterbankModel, r: FilterbankResult) -> None:
    """Assert that all shapes agree and every number is finite."""
    channels, samples = int(lab.bank.channels), len(lab.sound())
    assert r.waveform.shape == (samples,)
    assert r.fc.shape == r.excitation.shape == (channels,)
    assert r.envelope.shape == r.levels.shape == (channels, len(r.times))
    assert r.responses.shape == (channels, len(r.response_frequencies))
    assert r.channel_times.shape == r.channel_wave.shape == r.channel_envelope.shape
    assert r.impulse_times.shape == r.impulse_response.shape == r.impulse_envelope.shape
    assert len(r.channel_times) > 0
    assert r.times[-1] < r.duration
    assert 0 <= r.channel < channels
    arrays = [value for value in vars(r).values() if isinstance(value, np.ndarray)]
    assert all(np.isfinite(array).all() for array in arrays)
    assert (r.envelope >= 0).all()
    assert r.bandwidth_3db > 0
    assert 0 <= r.delay < 5
    assert all(math.isfinite(value) for value in lab.measures().values())


@limits(max_examples=30)
@given(settings())
@example({"f.low": 20, "f.high": 20000, "f.fs": 48000, "f.channels": 2, "f.order": 8, "f.bandwidth": 5})
@example(
    {"f.low": 20, "f.high": 200, "f.channels": 128, "f.order": 1, "f.bandwidth": 0.1, "s.duration": 0.05}
)
@example({"s.kind": "click", "s.duration": 0.05, "v.width": 500, "v.time": 10, "s.level": -10})
@example(
    {"f.low": 21, "f.channels": 2, "f.fs": 16000, "f.bandwidth": 2, "v.frequency": 20}
)  # 3 dB less at its centre
def test_any_valid_settings_give_a_picture_or_one_sentence(values: dict[str, Any]) -> None:
    lab = FilterbankModel()
    lab.update(values)
    lab.update({"s.duration": min(lab.stimulus.duration, 0.6)})  # bounded work, not a bounded lab
    problem, r = "", None
    try:
        r = lab.result
    except ValueError as raised:
        problem = str(raised)
    if r is None:
        assert 0 < len(problem) < 250
        assert "\n" not in problem
        return
    check(lab, r)
    assert "nan" not in lab.summary()
    assert "inf" not in lab.summary()


@pytest.mark.parametrize("values", [{}, {"f.bandwidth": 5, "f.order": 1, "f.high": 20000}], ids=str)
def test_the_largest_settings_do_not_fill_the_servers_memory(values: dict[str, Any]) -> None:
    lab = FilterbankModel()
    lab.update({"s.duration": 5, "f.channels": 128, "f.fs": 48000, **values})
    # All arrays of a result: thirty students' fit into a fraction of a GB.
    assert sum(value.nbytes for value in vars(lab.result).values() if isinstance(value, np.ndarray)) <= 6e6


# ---------------------------------------------------------------- no more work than needed


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, nothing_shared: None) -> list[str]:
    """Return a list that fills with the costly steps as they are taken."""
    steps: list[str] = []
    whole = FilterbankModel.stage

    def stage(lab: FilterbankModel, name: str, key: Any, make: Any, **named: Any) -> Any:
        def counted() -> Any:
            steps.extend({name.split()[0]} & {"_envelope", "_responses", "_impulse"})
            return make()

        return whole(lab, name, key, counted, **named)

    monkeypatch.setattr(FilterbankModel, "stage", stage)
    return steps


def test_looking_elsewhere_in_time_computes_no_filter(built: list[str]) -> None:
    lab = FilterbankModel()
    _ = lab.result
    built.clear()
    lab.update({"v.time": 0.7, "v.width": 100, "v.floor": 20})
    _ = lab.result
    assert built == []


def test_looking_at_another_channel_computes_that_channel_alone(built: list[str]) -> None:
    lab = FilterbankModel()
    _ = lab.result
    built.clear()
    lab.update({"v.frequency": 3000})
    _ = lab.result
    assert built == ["_impulse"]


def test_another_level_keeps_the_filters(built: list[str]) -> None:
    lab = FilterbankModel()
    _ = lab.result
    built.clear()
    lab.update({"s.level": 70})
    _ = lab.result
    assert built == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("file", "silence")])
def test_another_level_is_a_factor_where_the_sound_has_one_level(kind: str) -> None:
    lab = lab_with(s__kind=kind, s__duration=0.2)
    x, gain = lab.sound(), 10 ** (13 / 20)
    lab.update({"s.level": 73})
    assert lab.stimulus.scales == (kind not in ("tone_pair", "tone_in_noise"))
    # float32, scaled before it is rounded or after
    assert np.allclose(lab.sound(), gain * x, rtol=3e-7, atol=1e-10) == lab.stimulus.scales
    assert np.allclose(lab.stimulus.render(lab.bank.fs, level=60), x, rtol=0, atol=0)
    whole, _ = lab.filterbank().envelope_peaks(lab.sound(), lab.frame_length)
    assert np.allclose(lab.result.envelope, whole, rtol=0, atol=1e-6 * float(whole.max()))


# ---------------------------------------------------------------- the script


def run(code: str) -> types.SimpleNamespace:
    names: dict[str, Any] = {}
    exec(compile(code, "the lab's script", "exec"), names)
    return types.SimpleNamespace(**names)


def assert_the_script_repeats(lab: FilterbankModel) -> None:
    r, script = lab.result, run(lab.code())
    # A file is kept in float32 at its own rate, and taken to the lab's from there: its rounding.
    rounding = 2e-7 * float(np.abs(r.waveform).max()) if lab.stimulus.kind == "file" else 0.0
    assert np.allclose(script.x.numpy(), r.waveform, rtol=0, atol=rounding)
    # An envelope is kept for one level, and scaled: float32 rounding of the transform, relative to the input.
    peak = max(float(np.abs(r.waveform).max()), 1e-20)
    assert np.allclose(script.envelope.numpy(), r.envelope, rtol=0, atol=1e-6 * peak)
    # Silence is drawn at -200 dB and is -inf in the script. 1e-2 dB: that rounding, 60 dB below the peak.
    seen = r.envelope > 1e-3 * peak
    cochleagram = np.maximum(script.cochleagram.numpy(), SILENCE_DB)
    assert np.allclose(cochleagram[seen], r.levels[seen], rtol=0, atol=1e-2)
    excitation = np.maximum(script.excitation.numpy(), SILENCE_DB)
    heard = r.excitation > 20 * math.log10(peak / 2e-5) - 63
    assert np.allclose(excitation[heard], r.excitation[heard], rtol=0, atol=1e-3)  # the same, averaged
    first = round(r.channel_times[0] * r.fs)
    channel = script.channel.numpy()
    # One filter alone and the same among others: float32 rounding of the transform, relative to the input.
    assert np.allclose(channel[first : first + len(r.channel_wave)], r.channel_wave, rtol=0, atol=1e-6 * peak)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "file"])
def test_the_script_repeats_the_lab_for_every_sound(kind: str) -> None:
    lab = FilterbankModel()
    lab.update(
        {"s.kind": kind, "s.seed": 3, "s.duration": 0.3, "f.fs": 22050, "f.order": 3, "f.bandwidth": 1.3}
    )
    assert_the_script_repeats(lab)


@limits(max_examples=15)
@given(settings())
def test_the_script_repeats_the_lab_for_any_settings(values: dict[str, Any]) -> None:
    lab = FilterbankModel()
    lab.update(values)
    lab.update({"s.duration": min(lab.stimulus.duration, 0.3), "s.start": min(lab.stimulus.start, 1)})
    try:
        _ = lab.result
    except ValueError:
        return
    assert_the_script_repeats(lab)


@pytest.mark.parametrize("name", ["take 1.wav", "l'été “x”.wav"])
def test_the_script_repeats_the_lab_for_an_own_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = wav(np.random.default_rng(0).normal(0, 0.1, (44100, 2)), 44100)
    (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    lab = FilterbankModel()
    lab.stimulus.take_upload(name, content)
    lab.update({"s.start": 0.2, "s.duration": 0.4})
    assert_the_script_repeats(lab)


def test_the_script_repeats_the_lab_for_a_silent_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = wav(np.zeros(8000), 16000)
    (tmp_path / "quiet.wav").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    lab = FilterbankModel()
    lab.stimulus.take_upload("quiet.wav", content)
    assert_the_script_repeats(lab)


def test_the_script_repeats_what_a_notebook_set() -> None:
    lab = FilterbankModel()
    lab.bank.low, lab.bank.high = np.float64(100), np.float32(5000)
    lab.bank.channels, lab.bank.order = 30.0, np.int64(3)
    lab.stimulus.level = np.float64(55)
    lab.stimulus.duration = 0.2
    assert_the_script_repeats(lab)


def test_the_script_can_be_had_even_where_the_settings_do_not_fit() -> None:
    lab = FilterbankModel()
    for values in ({"s.start": 50}, {"s.kind": "file"}, {"s.kind": "tone", "s.frequency": 20000}):
        lab.restore(values)
        assert "GammatoneFilterbank" in lab.code()


# ---------------------------------------------------------------- lessons

LESSONS = list(FilterbankModel.lessons.values())


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_a_lesson_applies_as_written(lesson: Any) -> None:
    lab = FilterbankModel()
    assert lab.restore(lesson.state) == []
    check(lab, lab.result)
    for key, value in lesson.state.items():
        assert lab.fields[key].value == value


def test_two_tones_merge_when_they_come_close() -> None:
    lesson = FilterbankModel.lessons["two-tones"]
    lab = FilterbankModel()
    lab.restore({**lesson.state, "s.frequency2": 1050})
    assert lab.measures()["excitation_peaks"] == 1
    assert not lesson.task.is_done(lab.measures())


def test_low_harmonics_are_resolved_and_high_ones_are_not() -> None:
    lab = FilterbankModel()
    lab.restore(FilterbankModel.lessons["resolved-harmonics"].state)
    r = lab.result

    # The lesson's answer: the sixth to eighth harmonic of 150 Hz is the last one with a ridge of its own. Between
    # the second and third the excitation dips by more than 3 dB, between the 15th and 16th by less than 1 dB.
    def dip(number: int) -> float:
        level = np.interp([150.0 * number, 150.0 * (number + 0.5), 150.0 * (number + 1)], r.fc, r.excitation)
        return float(min(level[0], level[2]) - level[1])

    assert dip(2) > 3
    assert dip(15) < 1


def test_the_low_channel_answers_a_click_last() -> None:
    lab = FilterbankModel()
    lab.restore(FilterbankModel.lessons["click"].state)
    latest = lab.result.times[lab.result.envelope.argmax(1)]
    assert (np.diff(latest) <= 1e-3).all()
    assert latest[0] > latest[-1] + 0.01
