"""One call from a file, or samples, to loudness: both ears kept, rates compared, phon of the model that found it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amtlib import Glasberg2002, Moore2016, sone2phon
from amtlib.audio import load, save
from amtlib.loudness import Cancelled, loudness
from amtlib.signals import tone, white_noise

FS = 32000
LEFT = white_noise(level=60.0, duration=0.15, fs=FS, seed=1)
RIGHT = 0.25 * white_noise(level=60.0, duration=0.15, fs=FS, seed=2)
BOTH = torch.stack([LEFT, RIGHT])
MODELS = ("moore2016", "glasberg2002")


def file(x: Tensor, fs: int = FS) -> bytes:
    buffer = io.BytesIO()
    save(buffer, x, fs, subtype="FLOAT")
    return buffer.getvalue()


@pytest.fixture
def stereo(tmp_path: Path) -> Path:
    path = tmp_path / "take.wav"
    path.write_bytes(file(BOTH))
    return path


def test_a_stereo_file_is_heard_by_two_ears(stereo: Path):
    found = loudness(stereo)
    expected = Moore2016(FS)(BOTH)
    assert found.presentation == "binaural"
    assert found.name == "take.wav"
    for name in ("time", "instantaneous", "short_term", "long_term_left", "long_term_right", "peak"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))
    assert float(found.peak) != pytest.approx(float(loudness(BOTH.mean(0), FS).peak), rel=0.02)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", ["path", "str", "bytes", "buffer", "recording", "tensor", "array"])
def test_every_way_to_give_a_sound_gives_the_same(stereo: Path, kind: str, model: Any):
    given: dict[str, Any] = {
        "path": stereo,
        "str": str(stereo),
        "bytes": stereo.read_bytes(),
        "buffer": io.BytesIO(stereo.read_bytes()),
        "recording": load(stereo, channel="all"),
        "tensor": BOTH,
        "array": BOTH.double().numpy(),
    }
    fs = FS if kind in ("tensor", "array") else None
    found, expected = loudness(given[kind], fs, model), loudness(BOTH, FS, model)
    torch.testing.assert_close(found.long_term.float(), expected.long_term, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(
        found.short_term_right.float(), expected.short_term_right, rtol=1e-4, atol=1e-6
    )
    assert found.fs == FS


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shape", [(-1,), (1, -1)])
def test_one_channel_is_heard_by_both_ears_and_said_to_be(shape: tuple[int, ...], model: Any):
    mono = loudness(file(LEFT.reshape(shape)), model=model)
    assert mono.presentation == "diotic"
    assert "diotic" in repr(mono)
    two = loudness(torch.stack([LEFT, LEFT]), FS, model)
    torch.testing.assert_close(mono.long_term, two.long_term)
    torch.testing.assert_close(mono.long_term_left, mono.long_term_right)


def test_the_2002_model_adds_what_two_different_ears_hear():
    found = loudness(BOTH, FS, "glasberg2002")
    ears = Glasberg2002(FS, presentation="monaural")(BOTH, return_stages=True)
    torch.testing.assert_close(found.instantaneous, ears.instantaneous.sum(0))
    torch.testing.assert_close(found.short_term_left, ears.short_term[0])
    torch.testing.assert_close(found.long_term_right, ears.long_term[1])
    diotic = Glasberg2002(FS)
    torch.testing.assert_close(loudness(LEFT, FS, "glasberg2002").long_term, diotic(LEFT))


def test_a_monaural_model_hears_one_channel():
    model = Glasberg2002(FS, presentation="monaural")
    found = loudness(LEFT, model=model)
    assert found.presentation == "monaural"
    assert float(found.long_term_right.max()) == 0.0
    torch.testing.assert_close(found.long_term, model(LEFT))
    with pytest.raises(ValueError, match="one ear, and the sound has two channels"):
        loudness(BOTH, model=model)


@pytest.mark.parametrize("model", MODELS)
def test_phon_are_those_of_the_model(model: Any):
    steady = tone(1000.0, level=70.0, duration=1.5, ramp=0.05, fs=FS)
    found = loudness(steady, FS, model)
    # The table is that of another implementation of the 2016 model: each model's own scale gives the level itself
    assert float(found.peak_phon) == pytest.approx(70.0, abs=0.6)
    torch.testing.assert_close(found.long_term_phon, sone2phon(found.long_term, found.model))
    torch.testing.assert_close(found.short_term_phon, sone2phon(found.short_term, found.model))
    assert f"{float(found.peak_phon):.1f} phon" in repr(found)


def test_full_scale_means_the_same_for_files_and_samples():
    quiet = loudness(file(BOTH), full_scale_db=80.0)
    torch.testing.assert_close(quiet.long_term, loudness(BOTH, FS, full_scale_db=80.0).long_term)
    assert float(quiet.peak) < 0.6 * float(loudness(file(BOTH)).peak)
    with pytest.raises(ValueError, match=r"loaded sound is in Pa; give it to amtlib\.audio\.load"):
        loudness(load(file(BOTH), channel="all"), full_scale_db=80.0)


def test_a_module_brings_its_settings_and_its_rate():
    model = Moore2016(FS, field="diffuse", pad=True, segment_duration=4)
    found = loudness(file(BOTH, 44100), model=model)
    assert found.model is model
    assert found.fs == FS
    short = loudness(BOTH[:, :400], model=model)
    assert len(short.time) > 1


def test_progress_is_told_and_a_computation_can_be_stopped():
    shares: list[float] = []
    loudness(BOTH, FS, progress=shares.append)
    assert shares[-1] == 1.0
    with pytest.raises(Cancelled):
        loudness(BOTH, FS, cancelled=lambda: True)


@pytest.mark.parametrize("model", MODELS)
def test_gradients_reach_samples(model: Any):
    x = BOTH.clone().requires_grad_()
    loudness(x, FS, model).peak.backward()
    assert x.grad is not None
    assert bool((x.grad.abs().amax(-1) > 0.0).all())


def test_rates_below_those_of_the_models_are_raised(tmp_path: Path):
    path = tmp_path / "phone.wav"
    path.write_bytes(file(tone(500.0, level=60.0, duration=0.2, fs=4000), 4000))
    assert loudness(path).fs == 32000


@pytest.mark.parametrize(
    ("give", "error", "message"),
    [
        (lambda: loudness(BOTH), ValueError, "give fs in Hz"),
        (lambda: loudness(torch.zeros(3, 4096), FS), ValueError, r"\(3, 4096\), and there are two ears"),
        (lambda: loudness(torch.zeros(1, 2, 4096), FS), ValueError, "one sound at a time"),
        (lambda: loudness(np.zeros((4096, 2)), FS), ValueError, "time is the last axis: give its transpose"),
        (lambda: loudness(file(torch.zeros(6, 4096))), ValueError, "6 channels, and there are two ears"),
        (
            lambda: loudness(BOTH, 44100, Moore2016(48000)),
            ValueError,
            "sampled at 44100 Hz, the model works at 48000 Hz",
        ),
        (
            lambda: loudness(load(file(BOTH), channel="all"), model=Moore2016(48000)),
            ValueError,
            "sampled at 32000 Hz, the model works at 48000 Hz",
        ),
        (lambda: loudness(load(file(BOTH), channel="all"), 44100), ValueError, "fs = 44100 Hz.*at 32000 Hz"),
        (
            lambda: loudness(load(file(BOTH), name="take.wav")),
            ValueError,
            r"take\.wav has 2 channels, which were loaded as one; .* channel='all'",
        ),
        (lambda: loudness(BOTH, FS, "zwicker"), ValueError, "'zwicker' is unknown; give 'moore2016' or"),
        (lambda: loudness(BOTH, FS, 2016), TypeError, "model is a int"),
        (lambda: loudness(3.0, FS), TypeError, "sound is a float; give a path"),
        (lambda: loudness((BOTH * 1000).to(torch.int16), FS), ValueError, "int16.*/ 32768"),
    ],
)
def test_what_has_no_loudness_is_refused_in_one_sentence(give: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        give()
