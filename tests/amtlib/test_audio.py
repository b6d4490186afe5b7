"""Claims about amtlib.audio: what is written comes back, what is wrong is said, what is played is safe."""

import io
import math
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
import torch
from hypothesis import given
from hypothesis import strategies as st

from amtlib.audio import FULL_SCALE_DB, AudioError, Recording, load, playback, save, wav_bytes
from amtlib.fdn import design_fdn, render
from amtlib.signals import rms_level, sweep, tone, white_noise

SPEECH = Path(__file__).parents[2] / "app" / "assets" / "speech.flac"
# Half a step, and the whole step by which exactly +1 exceeds the last code.
STEP = {"PCM_16": 2.0**-15, "PCM_24": 2.0**-23, "FLOAT": 2.0**-24}

rates = st.sampled_from([2000, 8000, 11025, 22050, 44100, 48000, 96000, 192000, 384000, 768000])
seeds = st.integers(0, 2**20)


def noise(seed: int, channels: int, samples: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(channels, samples, generator=generator, dtype=torch.float64) - 1


def written(x: Any, fs: int = 44100, **options: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer, x, fs, **options)
    return buffer.getvalue()


def encoded(x: np.ndarray, fs: int, kind: str, subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, x, fs, format=kind, subtype=subtype)
    return buffer.getvalue()


# --- round trips ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subtype", STEP)
@given(fs=rates, channels=st.integers(1, 8), samples=st.integers(1, 300), seed=seeds)
def test_what_is_saved_is_loaded_to_half_a_step(
    subtype: Any, fs: int, channels: int, samples: int, seed: int
) -> None:
    x = noise(seed, channels, samples) * (1 - STEP[subtype])
    recording = load(written(x, fs, subtype=subtype), channel="all", dtype=torch.float64)
    assert (recording.fs, recording.channels, recording.encoding) == (fs, channels, subtype)
    assert recording.samples.shape == (channels, samples)
    assert not recording.truncated
    assert float((recording.samples - x).abs().max()) <= STEP[subtype] / 2


@given(seed=seeds, full_scale_db=st.floats(0.0, 200.0), level=st.floats(-60.0, -10.0))
def test_the_calibration_of_saving_and_loading_is_the_same(
    seed: int, full_scale_db: float, level: float
) -> None:
    x = white_noise(level=max(-100.0, min(160.0, full_scale_db + level)), duration=0.02, seed=seed)
    recording = load(written(x, subtype="FLOAT", full_scale_db=full_scale_db), full_scale_db=full_scale_db)
    torch.testing.assert_close(recording.samples, x, rtol=3e-7, atol=0)  # rounded to float32 twice


@given(seed=seeds, samples=st.integers(1, 200))
def test_another_reader_reads_the_same_numbers(seed: int, samples: int) -> None:
    content = written(noise(seed, 2, samples), 8000)
    with wave.open(io.BytesIO(content)) as reader:
        codes = np.frombuffer(reader.readframes(samples), "<i2").reshape(-1, 2)
        assert (reader.getframerate(), reader.getnchannels(), reader.getnframes()) == (8000, 2, samples)
    np.testing.assert_array_equal(codes.T / 32768, load(content, channel="all", dtype=torch.float64).samples)


def test_samples_are_pascal_by_default() -> None:
    x = tone(1000.0, level=80.0, ramp=0.0)
    assert load(written(x, subtype="FLOAT")).level == pytest.approx(80.0, abs=1e-5)  # float32
    assert pytest.approx(93.9794, abs=1e-4) == FULL_SCALE_DB


def test_full_scale_db_is_the_level_of_an_rms_of_one() -> None:
    square = np.ones(100)
    assert load(encoded(square, 8000, "WAV", "FLOAT"), full_scale_db=100.0).level == pytest.approx(
        100.0, abs=1e-5
    )


@pytest.mark.parametrize(
    ("kind", "subtype", "tolerance"),
    [
        ("WAV", "PCM_U8", 2**-7),
        ("WAV", "PCM_16", 2**-15),
        ("WAV", "PCM_24", 2**-23),
        ("WAV", "PCM_32", 2**-31),
        ("WAV", "FLOAT", 2**-24),
        ("WAV", "DOUBLE", 0.0),
        ("WAVEX", "PCM_16", 2**-15),
        ("RF64", "PCM_16", 2**-15),
        ("AIFF", "PCM_16", 2**-15),
        ("FLAC", "PCM_16", 2**-15),
        ("FLAC", "PCM_24", 2**-23),
        ("WAV", "ULAW", 0.03),  # 8 bits: steps of up to 1/32 near full scale
    ],
)
def test_every_kind_and_bit_depth_is_read(kind: str, subtype: str, tolerance: float) -> None:
    x = 0.5 * tone(440.0, level=93.0, fs=48000, ramp=0.05, dtype=torch.float64).numpy()
    recording = load(encoded(x, 48000, kind, subtype), dtype=torch.float64)
    assert recording.fs == 48000
    assert not recording.truncated
    assert float((recording.samples - torch.from_numpy(x)).abs().max()) <= tolerance


def test_the_mean_is_mixed_and_a_channel_is_picked() -> None:
    x = noise(3, 3, 50)
    content = written(x, subtype="FLOAT")
    mixed = load(content, dtype=torch.float64).samples
    torch.testing.assert_close(mixed, x.float().double().mean(0))
    assert torch.equal(load(content, channel=2, dtype=torch.float64).samples, x[2].float().double())


@pytest.mark.parametrize(("kind", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
def test_lossy_kinds_keep_length_level_and_pitch(kind: str, subtype: str) -> None:
    x = tone(440.0, level=85.0, fs=48000, dtype=torch.float64)
    recording = load(encoded(x.numpy(), 48000, kind, subtype), dtype=torch.float64)
    assert (recording.kind, recording.samples.shape, recording.truncated) == (kind, x.shape, False)
    assert recording.level == pytest.approx(float(rms_level(x)), abs=0.3)  # the codec's delay may cut the end
    assert int(torch.fft.rfft(recording.samples).abs().argmax()) == 440


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_reading_in_blocks_gives_what_one_read_gives(kind: str) -> None:
    content = encoded(0.3 * noise(5, 2, 50_000).numpy().T, 44100, kind)
    whole, _ = soundfile.read(io.BytesIO(content))
    assert np.array_equal(load(content, channel="all", dtype=torch.float64).samples.T.numpy(), whole)


def test_path_bytes_view_and_file_object_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a name with späces.wav"
    save(path, torch.ones(4) / 2, 8000)
    content = path.read_bytes()
    with path.open("rb") as opened:
        found = [load(source) for source in (path, str(path), content, memoryview(content), opened)]
        assert not opened.closed
    assert all(torch.equal(one.samples, found[0].samples) for one in found)
    assert [one.name for one in found] == [path.name, path.name, "audio", "audio", path.name]


@given(name=st.text(max_size=200))
def test_a_name_is_shown_without_folders_and_on_one_line(name: str) -> None:
    shown = load(wav_bytes(np.zeros(1, np.int16), 8000), name=name).name
    assert shown
    assert len(shown) < 90
    assert shown.isprintable()
    assert not set(shown) & set("/\\")


def test_clipped_samples_are_counted() -> None:
    codes = np.array([0, 32767, -32768, 32766, 100], dtype=np.int16)
    assert load(wav_bytes(codes, 8000)).clipped == 2


def test_the_shipped_sentence_is_clean() -> None:
    recording = load(SPEECH)
    assert (recording.fs, recording.channels, recording.encoding) == (22050, 1, "PCM_16")
    assert 1.5 < recording.duration < 2.5
    assert recording.clipped == 0
    assert float(recording.samples.abs().max()) == pytest.approx(0.7, abs=2e-4)  # as ORIGIN.md says
    assert not recording.samples[:100].any()
    assert not recording.samples[-100:].any()
    assert SPEECH.stat().st_size < 120_000


# --- resampling -----------------------------------------------------------------------------------------------


@given(source=rates, target=rates, samples=st.integers(200, 3000))
def test_the_resampled_length_is_the_rounded_one(source: int, target: int, samples: int) -> None:
    recording = load(wav_bytes(np.ones(samples, np.int16), source), fs=target)
    assert (recording.fs, recording.source_fs) == (target, source)
    assert abs(recording.samples.numel() - samples * target / source) <= 1


@pytest.mark.parametrize(
    ("source", "target"), [(44100, 16000), (22050, 44100), (384000, 32000), (48000, 44100)]
)
def test_resampling_keeps_a_sound_and_its_time(source: int, target: int) -> None:
    made, wanted = (
        sweep(100.0, 6000.0, level=80.0, fs=fs, ramp=0.0, dtype=torch.float64)
        * torch.sin(math.pi * torch.arange(fs, dtype=torch.float64) / fs) ** 4
        for fs in (source, target)
    )
    found = load(written(made, source, subtype="FLOAT"), fs=target, dtype=torch.float64).samples
    # The file's float32 and the resampler's own noise floor lie near 1e-7 of the peak.
    assert float((found - wanted).abs().max()) < 1e-6 * float(wanted.abs().max())


@pytest.mark.parametrize(
    ("source", "target"), [(44100, 32000), (655350, 32000), (655349, 44100), (2001, 48000), (44100, 44100)]
)
@pytest.mark.parametrize("channel", ["mix", "all", 1])
def test_resampling_in_blocks_is_resampling_the_whole(source: int, target: int, channel: Any) -> None:
    x = noise(7, 2, 20_000)
    whole = x.float().double()
    whole = {"mix": whole.mean(0, keepdim=True), "all": whole, 1: whole[1:]}[channel]
    wanted = whole
    if source != target:
        wanted = torch.from_numpy(soxr.resample(whole.numpy().T, source, target, quality="VHQ").T)
    found = load(written(x, source, subtype="FLOAT"), channel=channel, fs=target, dtype=torch.float64).samples
    torch.testing.assert_close(
        found.reshape(wanted.shape), wanted, rtol=0, atol=1e-14
    )  # rounding of the mean


def test_a_highest_rate_touches_only_what_lies_above_it() -> None:
    for source, kept in [(44100, 44100), (48000, 48000), (96000, 48000)]:
        recording = load(written(noise(1, 1, 9600), source), max_fs=48000)
        assert (recording.fs, recording.source_fs) == (kept, source)
        assert recording.duration == pytest.approx(9600 / source, abs=1 / kept)


def test_what_lies_above_the_new_nyquist_frequency_is_gone() -> None:
    content = written(tone(9000.0, level=80.0, ramp=0.05), subtype="FLOAT")
    assert load(content, fs=16000).level < 80.0 - 100.0  # the resampler's stop band is deeper still


# --- saving ---------------------------------------------------------------------------------------------------


@given(peak=st.floats(1.001, 1e4))
def test_clipping_is_refused_with_a_full_scale_that_is_enough(peak: float) -> None:
    x = torch.tensor([0.0, -peak], dtype=torch.float64)
    with pytest.raises(AudioError, match="clip=True") as problem:
        written(x)
    enough = float(str(problem.value).split("at least ")[1].split(",")[0])
    assert load(written(x, full_scale_db=enough), full_scale_db=enough).clipped <= 1


def test_clipping_on_request_limits_and_never_wraps() -> None:
    found = load(written(torch.tensor([3.0, -3.0, 0.5]), clip=True), dtype=torch.float64).samples
    assert found.tolist() == [32767 / 32768, -1.0, 0.5]


def test_full_scale_itself_is_not_clipping() -> None:
    assert load(written(torch.tensor([1.0, -1.0])), dtype=torch.float64).samples.tolist() == [
        32767 / 32768,
        -1.0,
    ]


@pytest.mark.parametrize(
    ("x", "fs", "options", "error", "says"),
    [
        (torch.zeros(0), 8000, {}, AudioError, "shape"),
        (torch.zeros(9, 5), 8000, {}, AudioError, "1 to 8 channels"),
        (torch.zeros(1, 1, 5), 8000, {}, AudioError, "shape"),
        (torch.tensor([0.0, math.nan]), 8000, {}, AudioError, "at sample 1"),
        (torch.zeros(5, dtype=torch.int16), 8000, {}, TypeError, "int16"),
        (np.zeros(5, np.int16), 8000, {}, TypeError, "int16"),
        ([0.0] * 5, 8000, {}, TypeError, "list"),
        (torch.zeros(5), 8000.5, {}, ValueError, "whole number"),
        (torch.zeros(5), 8000, {"subtype": "PCM_8"}, ValueError, "subtype"),
        (
            torch.full((5,), 1e300, dtype=torch.float64),
            8000,
            {"subtype": "FLOAT", "full_scale_db": 0.0},
            AudioError,
            "times full scale",
        ),
    ],
)
def test_what_cannot_be_saved_is_refused(
    x: Any, fs: Any, options: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        written(x, fs, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f8"])
def test_arrays_are_saved_and_played_like_tensors(dtype: Any) -> None:
    x = 0.5 * noise(0, 2, 400).float().double()
    for array in (x.numpy().astype(dtype), x.T.numpy().astype(dtype)):  # channels first, and time first
        assert written(array) == written(x)
        assert np.array_equal(playback(array, 8000), playback(x, 8000))
    one = x[0].numpy().astype(dtype)
    assert written(one) == written(x[0])
    assert playback(one, 8000).shape == (400,)


def test_what_a_network_answers_can_be_saved_and_played_as_it_is() -> None:
    build = design_fdn(N=4, rt=0.05, rng=0)
    two = replace(build, C=np.ones((2, 4)) / 2.0, D=np.zeros((2, 1)))
    for network, channels in ((build, 1), (two, 2)):
        ir = render(network, 0.05)
        recording = load(written(ir, 48000, subtype="FLOAT"), channel="all", dtype=torch.float64)
        assert recording.samples.shape == (channels, 2400)
        torch.testing.assert_close(
            recording.samples, torch.from_numpy(ir.reshape(2400, -1).T.copy()), rtol=1e-6, atol=1e-7
        )
        assert playback(ir, 48000).shape == ir.shape


def test_only_wav_names_are_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"does not end in \.wav"):
        save(tmp_path / "sound.flac", torch.zeros(5), 8000)
    assert not list(tmp_path.iterdir())
    with pytest.raises(TypeError, match="file must be"):
        save(3, torch.zeros(5), 8000)  # type: ignore[arg-type]


def test_a_gradient_does_not_stand_in_the_way_of_saving() -> None:
    assert written(torch.zeros(5, requires_grad=True), 8000)


# --- playing --------------------------------------------------------------------------------------------------


@given(
    seed=seeds,
    channels=st.integers(1, 3),
    samples=st.integers(1, 2000),
    scale=st.floats(-300.0, 300.0),
    spikes=st.integers(0, 3),
)
def test_what_is_played_never_passes_its_limits(
    seed: int, channels: int, samples: int, scale: float, spikes: int
) -> None:
    x = noise(seed, channels, samples)
    x[:, :spikes] *= 1e3
    y = playback(x * 10.0**scale, 44100).astype(float) / 32768
    assert y.shape == (samples, channels)
    assert np.abs(y).max() <= 10 ** (-3 / 20)
    assert math.sqrt(np.mean(y**2)) <= 10 ** (-26 / 20) + 2**-16  # and half a step of rounding


def test_sounds_of_any_level_are_played_equally_loud() -> None:
    for level in (-20.0, 60.0, 140.0):
        y = playback(white_noise(level=level), 44100) / 32768
        # Ramps of 10 + 5 ms take 0.03 dB.
        assert 20 * math.log10(math.sqrt(np.mean(y**2))) == pytest.approx(-26.0, abs=0.1)


def test_silence_is_played_as_silence() -> None:
    assert not playback(torch.zeros(2, 500), 44100).any()


def test_the_channels_of_a_sound_keep_their_balance() -> None:
    x = torch.stack([white_noise(level=60.0), white_noise(level=40.0, seed=1)])
    left, right = np.sqrt(np.mean(playback(x, 44100).astype(float) ** 2, axis=0))
    assert 20 * math.log10(left / right) == pytest.approx(20.0, abs=0.05)  # quantisation of the weaker one


def test_a_played_sound_begins_and_ends_softly() -> None:
    y = playback(torch.ones(4410), 44100)
    assert abs(int(y[0])) <= 1
    assert abs(int(y[-1])) <= 1
    assert np.abs(np.diff(y.astype(int))).max() < 0.05 * y.max()


@pytest.mark.parametrize(
    ("x", "options", "says"),
    [
        (torch.tensor([math.inf]), {}, "NaN or infinity"),
        (torch.zeros(0), {}, "shape"),
        (torch.ones(5), {"level_dbfs": 1.0}, "level_dbfs"),
        (torch.ones(5), {"peak_limit": math.nan}, "peak_limit"),
        (torch.ones(5), {"ramp": -1.0}, "ramp"),
    ],
)
def test_what_cannot_be_played_is_refused(x: torch.Tensor, options: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        playback(x, 44100, **options)


@given(samples=st.integers(0, 100), channels=st.integers(1, 8), seed=seeds)
def test_wav_bytes_holds_the_very_codes(samples: int, channels: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(-32768, 32768, (samples, channels)).astype(np.int16)
    with wave.open(io.BytesIO(wav_bytes(codes, 44100))) as reader:
        assert reader.getnchannels() == channels
        assert reader.readframes(samples) == codes.tobytes()


@pytest.mark.parametrize(
    ("pcm", "error"),
    [(np.zeros(5), TypeError), ([0, 1], TypeError), (np.zeros((5, 9), np.int16), ValueError)],
)
def test_wav_bytes_takes_only_codes(pcm: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="pcm"):
        wav_bytes(pcm, 44100)


def test_the_level_of_a_recording_is_that_of_its_samples() -> None:
    recording = load(SPEECH)
    assert recording.level == pytest.approx(float(rms_level(recording.samples)), abs=1e-4)  # float32


def test_a_recording_prints_short() -> None:
    recording = load(SPEECH)
    assert isinstance(recording, Recording)
    assert len(repr(recording)) < 200
