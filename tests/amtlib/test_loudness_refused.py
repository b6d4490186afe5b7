"""What the loudness models refuse, and that they say what is wrong, what is allowed, and what to do."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib import (
    BinauralInhibition,
    Glasberg2002,
    LoudnessIntegration,
    Moore2016,
    Moore2016AGC,
    Moore2016BinauralLoudness,
    Moore2016SpecificLoudness,
    Moore2016TemporalIntegration,
    SpatialSmoothing,
    SpecificLoudness,
    phon2sone,
    sone2phon,
)

NAN, INF = math.nan, math.inf
MOORE, GLASBERG = Moore2016(), Glasberg2002()


@pytest.mark.parametrize("kind", [Moore2016, Glasberg2002])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fs": 7999}, "fs = 7999 Hz; give a whole number from 8000"),
        ({"fs": 44100.5}, "44100.5"),
        ({"fs": NAN}, "fs = nan"),
        ({"field": "headphones"}, "'free', 'diffuse', 'eardrum', 'cochlea'"),
        ({"middle_ear": "2016"}, "'1997' or '2007'"),
        ({"dtype": torch.float16}, "torch.float32 or torch.float64"),
    ],
)
def test_settings_of_models(kind: type, arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        kind(**arguments)


def test_a_presentation_that_is_none():
    with pytest.raises(ValueError, match="'diotic' or 'monaural'"):
        Glasberg2002(presentation="dichotic")


@pytest.mark.parametrize("shape", [(4096,), (1, 4096), (3, 4096), (2, 3, 4096), (1, 1, 2, 4096)])
def test_two_ears_are_needed(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"torch\.stack\(\[x, x\], -2\) is x at both ears"):
        MOORE(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(1, 2, 4096), (1, 1, 1, 4096)])
def test_the_2002_model_takes_one_signal(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="take Moore2016"):
        GLASBERG(torch.zeros(shape))


@pytest.mark.parametrize(("model", "ears"), [(MOORE, (2,)), (GLASBERG, ())])
def test_audio_that_is_no_sound(model: torch.nn.Module, ears: tuple[int, ...]):
    with pytest.raises(ValueError, match="at least 64 ms, or pad=True"):
        model(torch.zeros(*ears, 2047))
    broken = torch.zeros(*ears, 4096)
    broken[..., 7] = NAN
    with pytest.raises(ValueError, match="non-finite"):
        model(broken)
    with pytest.raises(ValueError, match="real"):
        model(torch.zeros(*ears, 4096, dtype=torch.complex64))
    with pytest.raises(ValueError, match="no samples"):
        model(torch.zeros(*ears, 0))
    with pytest.raises(TypeError, match=r"torch\.Tensor"):
        model([0.0] * 4096)


def test_a_single_sample_is_enough_with_padding():
    found = Moore2016(pad=True)(torch.tensor([[0.02], [0.0]]))
    assert len(found.time) == 1
    assert float(found.instantaneous) > 0.0


@pytest.mark.parametrize("model", [MOORE, GLASBERG])
@pytest.mark.parametrize(
    ("freqs", "levels", "message"),
    [
        (torch.zeros(0), torch.zeros(0), "no values"),
        (torch.zeros(3), torch.zeros(4), r"\(3,\) and levels \(4,\)"),
        (torch.zeros(2, 3), torch.zeros(3), r"\(2, 3\) and levels \(3,\)"),
        (torch.tensor([-5.0]), torch.tensor([40.0]), "-5.0 Hz"),
        (torch.tensor([NAN]), torch.tensor([40.0]), "nan Hz"),
        (torch.tensor([1000.0]), torch.tensor([NAN]), "nan dB"),
        (torch.tensor([1000.0]), torch.tensor([INF]), "inf dB"),
        (torch.tensor([1000.0]), torch.tensor([300.0]), "300"),
    ],
)
def test_spectra_that_are_none(model: Any, freqs: torch.Tensor, levels: torch.Tensor, message: str):
    with pytest.raises(ValueError, match=message):
        model.stationary(freqs, levels)


def test_a_right_ear_of_another_shape():
    with pytest.raises(ValueError, match=r"\(2,\), levels has \(1,\)"):
        MOORE.stationary(torch.tensor([1000.0]), torch.tensor([40.0]), torch.zeros(2))
    with pytest.raises(ValueError, match="nan"):
        MOORE.stationary(torch.tensor([1000.0]), torch.tensor([40.0]), NAN)


@settings(max_examples=40)
@given(
    f=st.lists(st.floats(0.0, 16000.0), min_size=1, max_size=5),
    level=st.floats(-200.0, 150.0) | st.just(-INF),
)
def test_any_spectrum_has_a_finite_loudness(f: list[float], level: float):
    freqs = torch.tensor(f)
    for model in (MOORE, GLASBERG):
        found = model.stationary(freqs, torch.full_like(freqs, level))
        assert math.isfinite(float(found.total))
        assert float(found.total) >= 0.0


@settings(max_examples=15)
@given(
    peak=st.sampled_from([0.0, 1e-30, 1e-8, 1e-3, 1.0, 200.0]),
    kind=st.sampled_from(["dc", "click", "square", "nyquist"]),
)
def test_any_sound_has_a_finite_loudness(peak: float, kind: str):
    n = torch.arange(2200)
    x = {
        "dc": torch.ones(2200),
        "click": (n == 1100).float(),
        "square": 1.0 - 2.0 * ((n // 40) % 2),
        "nyquist": 1.0 - 2.0 * (n % 2),
    }[kind]
    found = MOORE(torch.stack([peak * x, 0.0 * x]))
    assert bool(torch.isfinite(found.long_term).all())
    assert bool((found.long_term >= 0.0).all())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Moore2016AGC(0.0), "attack_alpha = 0.0 is out of range"),
        (lambda: Moore2016AGC(0.1, 1.5), "release_alpha = 1.5"),
        (lambda: Moore2016AGC(NAN), "attack_alpha = nan"),
        (lambda: SpatialSmoothing(kernel_width=0.0), "kernel_width = 0.0"),
        (lambda: SpatialSmoothing(sigma=-0.1), "sigma = -0.1"),
        (lambda: BinauralInhibition(p=-1.0), "p = -1.0"),
        (lambda: Moore2016BinauralLoudness(erb_step=INF), "erb_step = inf"),
        (lambda: LoudnessIntegration(ears=3), "ears = 3"),
        (lambda: LoudnessIntegration(fs=0), "fs = 0"),
        (lambda: LoudnessIntegration(frame_step=-1.0), "frame_step = -1.0"),
        (lambda: Moore2016TemporalIntegration(frame_step=0.0), "frame_step = 0.0"),
        (lambda: SpecificLoudness(f_min=200.0, f_max=100.0), "200.0"),
        (lambda: SpecificLoudness(fs=NAN), "nan"),
        (lambda: SpecificLoudness(erb_step=0.0), "erb_step = 0.0"),
        (lambda: Moore2016SpecificLoudness(erb_lower=5.0, erb_upper=4.0), "erb_lower = 5.0"),
        (lambda: Moore2016SpecificLoudness(dtype=torch.int32), "int32"),
    ],
)
def test_settings_of_stages(build: Callable[[], object], message: str):
    with pytest.raises(ValueError, match=message):
        build()


def test_settings_of_the_wrong_type():
    with pytest.raises(TypeError, match=r"attack_alpha = '0\.1' is a str"):
        Moore2016AGC("0.1")
    with pytest.raises(TypeError, match="p = True"):
        BinauralInhibition(p=True)
    with pytest.raises(TypeError, match="dtype"):
        SpecificLoudness(dtype="float32")


@pytest.mark.parametrize("stage", [SpecificLoudness(), Moore2016SpecificLoudness()])
def test_excitation_that_is_none(stage: torch.nn.Module):
    with pytest.raises(ValueError, match="149 channels; this stage has 150"):
        stage(torch.zeros(2, 149))
    for wrong in (NAN, INF):
        with pytest.raises(ValueError, match=str(wrong)):
            stage(torch.full((150,), wrong))
    with pytest.raises(TypeError, match=r"torch\.Tensor"):
        stage([60.0] * 150)


def test_patterns_that_are_none():
    good = torch.ones(10, 150)
    for bad, message in ((-good, "never negative"), (good * NAN, "nan"), (good[:0], "no values")):
        for call in (
            SpatialSmoothing(),
            Moore2016TemporalIntegration(),
            LoudnessIntegration(),
            lambda x: Moore2016BinauralLoudness()(x, x),
            lambda x: BinauralInhibition()(x, x),
        ):
            with pytest.raises(ValueError, match=message):
                call(bad)
    with pytest.raises(ValueError, match=r"left has shape \(10, 150\), right has \(150,\)"):
        Moore2016BinauralLoudness()(good, good[0])
    for call in (Moore2016TemporalIntegration(), LoudnessIntegration()):
        with pytest.raises(ValueError, match=r"give \(..., frames, channels\)"):
            call(good[0])


def test_averages_along_no_axis_or_from_another_shape():
    agc = Moore2016AGC()
    with pytest.raises(ValueError, match="dim = 2; x has axes from -2 to 1"):
        agc(torch.zeros(3, 4), dim=2)
    with pytest.raises(ValueError, match=r"give \(3,\)"):
        agc(torch.zeros(3, 4), initial=torch.zeros(4))
    with pytest.raises(ValueError, match="inf"):
        agc(torch.tensor([INF]))


@pytest.mark.parametrize("convert", [phon2sone, sone2phon])
@pytest.mark.parametrize("value", [-1.0, NAN, INF, torch.tensor([1.0, -1e-6])])
def test_loudness_that_is_none(convert: Callable[[Any], Any], value: Any):
    with pytest.raises(ValueError, match="finite numbers >= 0"):
        convert(value)


def test_learned_constants_far_out_of_range_stay_usable():
    model = Moore2016(learnable=True)
    x = torch.randn(2, 2400, generator=torch.Generator().manual_seed(0)) * 0.01
    with torch.no_grad():
        for stage in (model.specific, model.temporal, model.binaural, model.excitation):
            for parameter in stage.parameters():
                parameter.fill_(-1e6)
    assert bool(torch.isfinite(model(x).long_term).all())
    with torch.no_grad():
        for stage in (model.specific, model.temporal, model.binaural, model.excitation):
            for parameter in stage.parameters():
                parameter.fill_(1e6)
    assert bool(torch.isfinite(model(x).long_term).all())
