"""The stimulus picker makes each calibrated sound at each rate, and takes a user's file or says why not."""

import io
import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import soundfile
import torch

from amtlib import audio
from amtlib.limits import VARIABLE, Limits
from amtlib.signals import rms_level
from app.labs.filterbank.settings import Bank
from app.stimulus import KINDS, Stimulus

RATES = Bank.param.fs.objects


def sound_file(x: np.ndarray, fs: int, kind: str = "WAV", encoding: str | None = None) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, x, fs, format=kind, subtype=encoding)
    return content.getvalue()


def noise(seconds: float, fs: int, channels: int = 1) -> np.ndarray:
    x = np.random.default_rng(1).normal(0, 0.05, (round(seconds * fs), channels))
    return x[:, 0] if channels == 1 else x


@pytest.mark.parametrize("fs", RATES)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "file"])
def test_every_sound_can_be_made_at_every_rate(kind: str, fs: int) -> None:
    x = Stimulus(kind=kind).render(fs)
    assert x.shape == (fs,)
    assert x.dtype == torch.float32
    assert bool(x.isfinite().all())


# Levels are those of the steady sound. Two ramps of 10 ms take 0.055 dB from one second, a gap of 10 ms 0.04 dB
# more; two tones of equal level are 3.01 dB stronger; 60 dB of tone in 50 dB of noise are 60.41 dB.
EXPECTED = {
    "speech": 60.0,
    "tone": 59.95,
    "tone_pair": 62.96,
    "complex": 59.95,
    "white": 59.95,
    "pink": 59.95,
    "band": 59.95,
    "am": 59.95,
    "fm": 59.95,
    "sweep": 59.95,
    "gap": 59.91,
    "ripple": 59.95,
    "tone_in_noise": 60.36,
}


@pytest.mark.parametrize("fs", RATES)
@pytest.mark.parametrize("kind", EXPECTED)
def test_a_sound_has_the_level_it_was_given(kind: str, fs: int) -> None:
    # 0.1 dB: tone and noise are not exactly orthogonal in one second.
    assert float(rms_level(Stimulus(kind=kind).render(fs))) == pytest.approx(EXPECTED[kind], abs=0.1)


@pytest.mark.parametrize("kind", ["click", "clicks"])
def test_a_click_is_as_high_as_a_tone_of_its_level(kind: str) -> None:
    x = Stimulus(kind=kind, level=70).render(48000)
    # Steps of a sample: a click's peak is that of a 70 dB tone, 2e-5 * 10^3.5 * sqrt(2) Pa.
    assert float(x.abs().max()) == pytest.approx(2e-5 * 10**3.5 * math.sqrt(2), rel=1e-5)


def test_silence_is_silent() -> None:
    assert not Stimulus(kind="silence").render(32000).any()


def test_ten_decibels_more_are_ten_decibels_more() -> None:
    levels = [float(rms_level(Stimulus(kind="speech", level=level).render(32000))) for level in (50, 60)]
    assert levels[1] - levels[0] == pytest.approx(10, abs=1e-4)


def test_an_excerpt_starts_where_it_was_told() -> None:
    whole = audio.load(sound_file(noise(1.0, 16000), 16000)).samples
    stimulus = Stimulus()
    stimulus.take_upload("n.wav", sound_file(noise(1.0, 16000), 16000))
    stimulus.start, stimulus.duration = 0.25, 0.5
    x = stimulus.render(16000)
    part = whole[4000:12000]
    assert x.shape == part.shape
    inner = slice(100, -100)  # past the ramps of 5 ms
    assert torch.allclose(x[inner] / x[4000], part[inner] / part[4000], rtol=1e-3, atol=1e-4)


def test_an_excerpt_ends_with_the_recording() -> None:
    stimulus = Stimulus()
    stimulus.take_upload("n.wav", sound_file(noise(0.6, 16000), 16000))
    stimulus.start, stimulus.duration = 0.5, 3.0
    assert stimulus.render(16000).shape == (1600,)


def test_an_excerpt_after_the_end_says_where_the_end_is() -> None:
    with pytest.raises(
        ValueError, match=r"starts at 50 s, after the end of the recording at 2\.\d+ s; start earlier"
    ):
        Stimulus(kind="speech", start=50).render(16000)


def test_a_link_to_somebodys_own_file_asks_for_a_file() -> None:
    with pytest.raises(ValueError, match="no file yet: drop a sound file"):
        Stimulus(kind="file").render(16000)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("fs", [8000, 11025, 44100, 96000])
@pytest.mark.parametrize(("kind", "encoding"), [("WAV", "PCM_24"), ("WAV", "FLOAT"), ("FLAC", "PCM_16")])
def test_an_upload_of_any_rate_and_channels_becomes_the_sound(
    kind: str, encoding: str, fs: int, channels: int
) -> None:
    stimulus = Stimulus(level=65)
    found = stimulus.take_upload("n", sound_file(noise(0.48, fs, channels), fs, kind, encoding))
    assert (found.source_fs, found.channels) == (fs, channels)
    assert (stimulus.kind, stimulus.start) == ("file", 0.0)
    x = stimulus.render(22050)
    assert x.shape == (10584,)
    assert float(rms_level(x)) == pytest.approx(65, abs=1e-3)


def test_an_upload_is_one_change() -> None:
    stimulus, calls = Stimulus(), []
    stimulus.param.watch(lambda *events: calls.append(events), ["kind", "start", "duration"])
    stimulus.take_upload("n.wav", sound_file(noise(0.5, 16000), 16000))
    assert len(calls) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello, this is text\n" * 50,
        b"RIFF\x10\0\0\0WAVE",
        b"PK\x03\x04" + bytes(500),
        b"fLaC" + bytes(100),
    ],
    ids=["empty", "text", "cut off", "zip", "damaged"],
)
def test_a_file_that_is_no_sound_leaves_the_old_one(content: bytes) -> None:
    stimulus = Stimulus()
    stimulus.take_upload("good.wav", sound_file(noise(0.5, 16000), 16000))
    before = stimulus.render(16000)
    with pytest.raises(audio.AudioError) as problem:
        stimulus.take_upload("bad.wav", content)
    assert "bad.wav" in str(problem.value)
    assert "\n" not in str(problem.value)
    assert stimulus.upload_name == "good.wav"
    assert torch.equal(stimulus.render(16000), before)


def test_a_recording_beyond_the_limit_is_refused_with_the_limit() -> None:
    with pytest.raises(audio.AudioError, match="120"):
        Stimulus().take_upload("long.flac", sound_file(np.zeros(8000 * 130), 8000, "FLAC"))


def test_a_file_of_more_samples_than_the_server_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, Limits(max_samples=1).to_environment())
    stimulus = Stimulus()
    stimulus.take_upload("short.flac", sound_file(np.zeros((120_000, 8)), 96000, "FLAC"))
    with pytest.raises(audio.AudioError, match=r"1,000,016 samples \(8 x 96000 Hz\), the limit is 1,000,000"):
        stimulus.take_upload("wide.flac", sound_file(np.zeros((125_002, 8)), 96000, "FLAC"))
    assert stimulus.upload_name == "short.flac"


def test_a_file_is_decoded_once_and_kept_at_the_rate_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content, calls = sound_file(noise(1.0, 96000, 2), 96000), []
    real = audio.load
    monkeypatch.setattr(audio, "load", lambda *a, **k: calls.append(1) or real(*a, **k))
    stimulus = Stimulus(rates=(32000,), duration=1.0)
    recording = stimulus.take_upload("n.wav", content)
    assert (recording.fs, recording.source_fs, recording.channels) == (32000, 96000, 2)
    stimulus.render(32000)
    assert calls == [1]
    assert torch.equal(stimulus._recording(32000), real(content, fs=32000).samples)


@pytest.mark.parametrize("source", [8000, 44100, 48000, 96000])
@pytest.mark.parametrize("fs", RATES)
def test_a_rate_made_of_the_kept_one_is_the_file_at_that_rate(source: int, fs: int) -> None:
    t = np.arange(source) / source
    content = sound_file(np.sin(6000 * np.pi * t) * np.sin(np.pi * t) ** 4 / 2, source, encoding="FLOAT")
    stimulus = Stimulus(rates=RATES)
    stimulus.take_upload("n.wav", content)
    found, wanted = stimulus._recording(fs), audio.load(content, fs=fs).samples
    # float32 between the two; twice the resampler's own floor
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-6)


def test_a_file_can_be_decoded_in_another_process() -> None:
    stimulus = Stimulus(rates=(32000,))
    content = sound_file(noise(0.5, 48000), 48000)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        upload = pool.submit(stimulus.decode, "n.wav", content).result()
        with pytest.raises(audio.AudioError, match=r"bad\.wav: this is text"):
            pool.submit(stimulus.decode, "bad.wav", b"some words " * 50).result()
    assert stimulus.upload_name is None
    assert stimulus.accept(upload).name == "n.wav"
    assert torch.equal(stimulus.render(32000), _taken(content).render(32000))


def _taken(content: bytes) -> Stimulus:
    stimulus = Stimulus(rates=(32000,))
    stimulus.take_upload("n.wav", content)
    return stimulus


def test_channels_that_cancel_are_told_of_without_a_warning() -> None:
    x = noise(0.5, 16000)
    found = Stimulus().take_upload("wide.wav", sound_file(np.stack([x, -x], 1), 16000, encoding="FLOAT"))
    assert found.cancellation.startswith("wide.wav: the mean of its 2 channels is silent, for they cancel")
    assert Stimulus().take_upload("n.wav", sound_file(np.stack([x, x], 1), 16000)).cancellation == ""


def test_a_silent_file_is_silent_and_no_error() -> None:
    stimulus = Stimulus()
    stimulus.take_upload("quiet.wav", sound_file(np.zeros(8000), 8000))
    assert not stimulus.render(16000).any()


@pytest.mark.parametrize("samples", [1, 2, 10, 100])
def test_a_file_of_a_few_samples_can_be_used(samples: int) -> None:
    stimulus = Stimulus()
    stimulus.take_upload("tick.wav", sound_file(np.full(samples, 0.1), 16000))
    assert stimulus.render(16000).shape == (samples,)


def test_every_argument_of_a_sound_is_a_setting() -> None:
    for kind in KINDS.values():
        assert set(kind.arguments.values()) <= set(Stimulus.param)


def test_a_setting_that_no_sound_reads_does_not_exist() -> None:
    read = {name for kind in KINDS.values() for name in kind.arguments.values()}
    shown = {name for name in Stimulus.param if (Stimulus.param[name].precedence or 0) >= 0}
    assert shown - {"name", "kind"} == read


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "tone", "frequency": 20000}, "16000 Hz"),
        (
            {"kind": "complex", "lowest": 30, "highest": 10},
            "“Highest harmonic” = 10 is below “Lowest harmonic” = 30",
        ),
        ({"kind": "complex", "f0": 2000, "highest": 100}, "at most 7"),
        ({"kind": "band", "low": 4000, "high": 500}, "“From” < “To”"),
        ({"kind": "gap", "gap": 200, "duration": 0.05}, "0.05 s"),
        ({"kind": "ripple", "delay": 50, "duration": 0.05}, "“Duration” of 0.05 s"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_together_say_what_to_change(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Stimulus(**settings).render(32000)
