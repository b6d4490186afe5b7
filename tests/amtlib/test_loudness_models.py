"""The complete loudness models: against the original toolbox from audio to sone, and against what ears do."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amtlib import (
    ERBIntegration,
    ExcitationPattern,
    Glasberg2002,
    LoudnessIntegration,
    Moore2016,
    MultiResolutionFFT,
    SpecificLoudness,
    signals,
    sone2phon,
)
from amtlib.loudness import Cancelled

DATA = Path(__file__).parents[1] / "data"
FS = 32000
# where the models look up how many frames to work on at a time
AT_ONCE = Moore2016._blocks.__globals__


def tone(frequency: float, level: float, duration: float = 0.2, fs: int = FS) -> Tensor:
    """Sine in Pa of a level in dB SPL, float64."""
    time = torch.arange(round(duration * fs), dtype=torch.float64) / fs
    peak = 20e-6 * math.sqrt(2.0) * 10.0 ** (level / 20.0)
    return peak * torch.sin(2.0 * math.pi * frequency * time)


def noise(level: float, duration: float, seed: int = 0) -> Tensor:
    samples = torch.randn(
        round(duration * FS), dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    return samples * 20e-6 * 10.0 ** (level / 20.0)


def both(x: Tensor) -> Tensor:
    return torch.stack([x, x], -2)


@pytest.fixture(scope="module")
def moore() -> Moore2016:
    return Moore2016(dtype=torch.float64)


@pytest.fixture(scope="module")
def glasberg() -> Glasberg2002:
    return Glasberg2002(dtype=torch.float64)


def loudness(model: Any, x: Tensor) -> float:
    """Instantaneous loudness in the middle of a sound that does not change."""
    found = model(both(x)) if isinstance(model, Moore2016) else model(x, return_stages=True)
    middle = found.instantaneous.shape[-1] // 2
    return float(found.instantaneous[..., middle])


# --- against the original


@pytest.fixture(scope="module", params=[torch.float64, torch.float32], ids=["float64", "float32"])
def original_settings(request: pytest.FixtureRequest) -> Moore2016:
    """The model as the reference was made: no ear filter, the toolbox's band edges, relevance and scale."""
    model = Moore2016(field="cochlea", joint_maximum=True, dtype=request.param)
    edges = 15.625 * torch.tensor([1, 5, 32, 80, 162, 259, 961])
    model.spectrum.freq_limits.copy_(torch.stack([edges[:-1], edges[1:]], -1))
    model.spectrum.db_max = 93.98
    return model


def test_every_kind_of_loudness_from_audio_is_the_original_one(original_settings: Moore2016):
    sounds = np.load(DATA / "moore2016_chain.npz")
    tolerance = 1e-7 if original_settings.dtype == torch.float64 else 1e-4
    for name in sounds["names"].tolist():
        found = original_settings(torch.from_numpy(sounds[f"{name}/x"].T.copy()).expand(2, -1))
        for kind, field in (("instantaneous", "inst"), ("short_term", "stl"), ("long_term", "ltl")):
            for ear, column in (("", 0), ("_left", 1), ("_right", 2)):
                truth = sounds[f"{name}/{field}"]  # with one frame more
                error = np.abs(getattr(found, kind + ear).numpy() - truth[:-1, column]).max()
                assert error <= tolerance * truth.max(), (name, kind, ear)


def test_every_stage_from_audio_is_the_original_one(original_settings: Moore2016):
    sounds = np.load(DATA / "moore2016_chain.npz")
    name = "dich_tone1000_60dB_tone2000_40dB"
    stages = original_settings(torch.from_numpy(sounds[f"{name}/x"].T.copy()), return_stages=True).stages
    double = original_settings.dtype == torch.float64
    kept = sounds[f"{name}/frames_E"][:-1]  # the last frame is one more than the specification has
    truth = sounds[f"{name}/E"][:-1].transpose(1, 0, 2)
    audible = truth > -40.0  # below lies what the silence of the excitation pattern, -120 dB, touches
    error = np.abs(stages.excitation.numpy()[:, kept] - truth)[audible].max()
    assert error < (1e-7 if double else 1e-3)
    truth = sounds[f"{name}/SL"][:-1].transpose(1, 0, 2)
    error = np.abs(stages.specific_loudness.numpy()[:, kept] - truth).max() / truth.max()
    assert error < (1e-7 if double else 1e-4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_steady_spectra_have_the_original_loudness(dtype: torch.dtype):
    sounds, model = np.load(DATA / "moore2016_sparse_excitation.npz"), Moore2016(field="cochlea", dtype=dtype)
    for name in sounds["names"].tolist():
        f, level = (torch.from_numpy(sounds[f"{name}/{key}"]) for key in ("f", "L"))
        _, diotic, monaural = sounds[f"{name}/sone"]
        tolerance = 1e-7 if dtype == torch.float64 else 1e-4
        found = model.stationary(f, level)
        np.testing.assert_allclose(float(found.total), diotic, rtol=tolerance)
        np.testing.assert_allclose(
            float(model.stationary(f, level, -math.inf).total), monaural, rtol=tolerance
        )


def test_tones_of_all_levels_and_frequencies_have_the_original_loudness():
    tables, model = np.load(DATA / "moore2016_tables.npz"), Moore2016(field="cochlea", dtype=torch.float64)
    levels, f = torch.meshgrid(
        *(torch.from_numpy(tables[k]) for k in ("level_grid", "freq_grid")), indexing="ij"
    )
    found = model.stationary(f.unsqueeze(-1), levels.unsqueeze(-1))
    # Where nothing is heard the reference itself is known to 1e-16 sone only.
    np.testing.assert_allclose(
        found.total.numpy(), tables["sone_single_component"][..., 1], rtol=1e-7, atol=1e-15
    )


# --- against what ears do


@pytest.mark.parametrize("kind", ["moore", "glasberg"])
def test_1_khz_at_40_db_is_1_sone(kind: str, request: pytest.FixtureRequest):
    assert loudness(request.getfixturevalue(kind), tone(1000.0, 40.0)) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("kind", [Moore2016, Glasberg2002])
def test_1_khz_at_40_db_is_1_sone_in_float32_at_another_rate(kind: type):
    assert loudness(kind(44100), tone(1000.0, 40.0, fs=44100).float()) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("kind", ["moore", "glasberg"])
def test_loudness_doubles_every_10_db(kind: str, request: pytest.FixtureRequest):
    model = request.getfixturevalue(kind)
    sones = [loudness(model, tone(1000.0, level, 0.1)) for level in range(40, 81, 10)]
    for softer, louder in itertools.pairwise(sones):
        assert louder / softer == pytest.approx(2.0, rel=0.15)


def test_one_ear_hears_two_thirds(moore: Moore2016):
    x = tone(500.0, 60.0)
    one = moore(torch.stack([x, 0.0 * x]))
    assert float(moore(both(x)).peak / one.peak) == pytest.approx(1.5, rel=1e-4)
    assert float(one.long_term_right.max()) == 0.0


def test_in_the_2002_model_one_ear_hears_half(glasberg: Glasberg2002):
    x = tone(500.0, 60.0)
    one = Glasberg2002(presentation="monaural", dtype=torch.float64)
    torch.testing.assert_close(glasberg(x), 2.0 * one(x))


def test_without_inhibition_two_ears_hear_twice_as_much():
    x = both(tone(500.0, 60.0, 0.1))
    model = Moore2016(inhibition=False, dtype=torch.float64)
    one = model(torch.stack([x[0], 0.0 * x[0]]))
    torch.testing.assert_close(model(x).short_term, 2.0 * one.short_term)


@pytest.mark.parametrize("kind", ["moore", "glasberg"])
def test_tones_at_the_threshold_are_hardly_heard(kind: str, request: pytest.FixtureRequest):
    # ISO 389-7: free field, both ears. At its threshold a tone has about 0.003 sone (ANSI S3.4-2007).
    thresholds = {125.0: 22.1, 250.0: 11.4, 500.0: 4.4, 1000.0: 2.4, 2000.0: -1.3, 4000.0: -5.4, 8000.0: 12.6}
    f, level = torch.tensor(list(thresholds.items()), dtype=torch.float64).unsqueeze(-1).unbind(1)
    sones = request.getfixturevalue(kind).stationary(f, level).total
    assert 0.0005 < float(sones.min()) < float(sones.max()) < 0.006


def test_a_wider_band_of_equal_power_is_louder_beyond_the_critical_band(moore: Moore2016):
    # 21 components, 60 dB in all, around 1 kHz; the critical band is about 160 Hz wide (Zwicker et al. 1957)
    levels = torch.full((21,), 60.0 - 10.0 * math.log10(21.0), dtype=torch.float64)
    sones = [
        float(moore.stationary(torch.linspace(1000.0 - w / 2, 1000.0 + w / 2, 21), levels).total)
        for w in (40.0, 80.0, 500.0, 1000.0)
    ]
    assert sones[1] == pytest.approx(sones[0], rel=0.06)
    assert sones[3] > sones[2] > 1.2 * sones[0]


def test_a_noise_masks_a_tone(moore: Moore2016):
    f = torch.cat([torch.linspace(800.0, 1200.0, 81), torch.tensor([1000.5])])
    alone, masked = (torch.full((82,), level, dtype=torch.float64) for level in (-math.inf, 45.0))
    alone[-1] = 40.0
    with_tone = masked.clone()
    with_tone[-1] = 40.0
    masked[-1] = -math.inf
    heard = [float(moore.stationary(f, levels).total) for levels in (alone, masked, with_tone)]
    assert heard[2] - heard[1] < 0.1 * heard[0]


def test_a_steady_tone_from_audio_is_as_loud_as_its_component(moore: Moore2016):
    for f in (250.0, 1000.0, 4000.0):
        steady = float(moore.stationary(torch.tensor([f]), torch.tensor([60.0])).total)
        # Windows spread a tone over components, which the correction of 3.32 dB makes up for at 1 kHz.
        assert loudness(moore, tone(f, 60.0)) == pytest.approx(steady, rel=0.06)


def test_a_short_sound_is_less_loud_than_a_long_one_and_fades_slowly():
    model = Moore2016(pad=True, dtype=torch.float64)
    burst, long = (torch.cat([tone(1000.0, 60.0, d), torch.zeros(FS // 2)]) for d in (0.02, 0.4))
    short, full = model(both(burst)), model(both(long))
    assert float(short.peak_short_term) < 0.8 * float(full.peak_short_term)
    assert float(full.short_term[-1]) < 1e-3 * float(full.peak_short_term)
    assert float(full.long_term[-1]) > 0.3 * float(full.peak)
    assert bool((full.short_term[0] <= full.instantaneous[0]).all())


def test_padded_frames_begin_and_end_with_the_sound():
    model = Moore2016(pad=True)
    found = model(both(tone(1000.0, 60.0, 0.05)))
    assert len(found.time) == 51
    assert float(found.time[0]) == 0.0
    assert float(found.time[-1]) == pytest.approx(0.05)
    # Windows centred on a sudden onset or end see a click, broad and loud; in between it is a tone.
    assert float(found.instantaneous[0]) > float(found.instantaneous[25])
    assert float(found.instantaneous[25]) == pytest.approx(4.1, abs=0.1)


def test_unpadded_frames_lie_within_the_sound():
    found = Moore2016()(both(tone(1000.0, 60.0, 1.0)))
    assert found.time.shape == found.long_term.shape == (936,)
    assert float(found.time[0]) == pytest.approx(0.032)


@pytest.mark.parametrize(("field", "level"), [("diffuse", 1.2), ("eardrum", -2.6)])
def test_the_field_decides_the_level_at_the_eardrum(field: str, level: float):
    # At 1 kHz the outer ear adds 2.6 dB in the free field, 3.8 dB in the diffuse field.
    f = torch.tensor([1000.0], dtype=torch.float64)
    here = Moore2016(field=field, dtype=torch.float64).stationary(f, torch.tensor([50.0])).total
    free = Moore2016(dtype=torch.float64).stationary(f, torch.tensor([50.0 + level])).total
    torch.testing.assert_close(here, free)


# --- how it is computed


@pytest.mark.parametrize("batch", [(), (3,)])
def test_stages_and_results_have_the_documented_shapes(batch: tuple[int, ...]):
    x = noise(60.0, 0.08)[: 2048 + 10 * 32].float().expand(*batch, 2, -1)
    found = Moore2016()(x, return_stages=True)
    stages = found.stages
    assert found.short_term.shape == found.instantaneous_left.shape == (*batch, 10)
    assert found.peak.shape == batch
    assert stages.frequencies.shape == stages.erb_numbers.shape == (150,)
    patterns = (stages.excitation, stages.specific_loudness, stages.short_term_specific)
    for pattern in (*patterns, stages.smoothed, stages.inhibited):
        assert pattern.shape == (*batch, 2, 10, 150)
    of_2002 = Glasberg2002()(x[..., 0, :], return_stages=True)
    assert of_2002.excitation.shape == of_2002.specific_loudness.shape == (*batch, 10, 150)
    assert of_2002.time.shape == (10,)
    assert of_2002.long_term.shape == of_2002.instantaneous.shape == (*batch, 10)


def test_the_area_of_inhibited_specific_loudness_is_the_loudness(moore: Moore2016):
    found = moore(torch.stack([noise(60.0, 0.1), noise(50.0, 0.1, seed=1)]), return_stages=True)
    left, right = found.stages.inhibited.sum(-1) / 4.0
    torch.testing.assert_close(left, found.short_term_left)
    torch.testing.assert_close(right, found.short_term_right)
    torch.testing.assert_close(left + right, found.short_term)


def test_sounds_of_a_batch_do_not_touch_each_other(moore: Moore2016):
    left = torch.stack([noise(60.0, 0.1, seed=s) for s in range(3)])
    right = left.clone()
    right[1] = noise(40.0, 0.1, seed=9)
    found = moore(torch.stack([left, right], 1))
    for n in range(3):
        alone = moore(torch.stack([left[n], right[n]]))
        torch.testing.assert_close(found.long_term[n], alone.long_term)
        torch.testing.assert_close(found.short_term_right[n], alone.short_term_right)


@pytest.mark.parametrize("kind", [Moore2016, Glasberg2002])
def test_blocks_change_nothing(kind: type, monkeypatch: pytest.MonkeyPatch):
    x = noise(60.0, 0.3)
    x = torch.stack([x, x.flip(0)]) if kind is Moore2016 else x
    model = kind(dtype=torch.float64)
    whole = model(x, return_stages=True)
    monkeypatch.setitem(AT_ONCE, "_AT_ONCE", 64)
    parts = model(x, return_stages=True)
    for name in ("time", "instantaneous", "short_term", "long_term"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name), rtol=1e-12, atol=1e-15)


def test_equal_ears_are_analyzed_once(moore: Moore2016, monkeypatch: pytest.MonkeyPatch):
    seen: list[int] = []
    analyze = Moore2016._block

    def counting(self: Moore2016, x: Tensor, start: int, stop: int) -> Any:
        seen.append(x.shape[0])
        return analyze(self, x, start, stop)

    monkeypatch.setattr(Moore2016, "_block", counting)
    moore(both(noise(60.0, 0.1)))
    moore(torch.stack([noise(60.0, 0.1), noise(60.0, 0.1, seed=1)]))
    assert seen == [1, 2]


def test_progress_is_told_and_cancelling_stops(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(AT_ONCE, "_AT_ONCE", 64)
    told: list[float] = []
    model, x = Glasberg2002(), noise(60.0, 0.3).float()
    model(x, progress=told.append)
    assert told == sorted(told)
    assert len(told) == 4
    assert told[-1] == 1.0
    told.clear()
    with pytest.raises(Cancelled, match="128 of 236"):
        model(x, progress=told.append, cancelled=lambda: len(told) == 2)


@pytest.mark.parametrize("kind", [Moore2016, Glasberg2002])
def test_other_sampling_rates_hear_the_same(kind: type):
    levels = []
    for fs in (16000, 32000, 48000):
        x = tone(997.0, 60.0, 0.1, fs) + tone(3001.0, 50.0, 0.1, fs)
        levels.append(loudness(kind(fs, dtype=torch.float64), x))
    assert levels == pytest.approx([levels[1]] * 3, rel=1e-4)  # sounds that start at once ring at 16 kHz


@pytest.mark.parametrize("kind", [Moore2016, Glasberg2002])
def test_silence_is_not_heard_and_has_finite_gradients(kind: type):
    model = kind(learnable=True)
    x = torch.zeros((2, 2400) if kind is Moore2016 else (2400,), requires_grad=True)
    found = model(x, return_stages=True)
    assert float(found.long_term.detach().abs().max()) == 0.0
    assert float(found.instantaneous.detach().abs().max()) == 0.0
    (found.long_term.sum() + found.instantaneous.sum()).backward()
    for tensor in (x, *model.parameters()):
        assert tensor.grad is None or bool(torch.isfinite(tensor.grad).all())


@pytest.mark.parametrize("kind", [Moore2016, Glasberg2002])
def test_gradients_reach_the_audio_and_every_parameter(kind: type):
    model = kind(learnable=True)
    # a rise and a fall, so that every rate acts
    quiet_and_loud = torch.cat([torch.zeros(1500), noise(75.0, 0.1).float(), torch.zeros(8000)])
    x = torch.stack([quiet_and_loud, quiet_and_loud.flip(0)]) if kind is Moore2016 else quiet_and_loud
    x.requires_grad_()
    found = model(x, return_stages=True)
    found.long_term.sum().backward()
    assert bool(torch.isfinite(x.grad).all())
    assert float(x.grad.abs().max()) > 0.0
    for name, parameter in model.named_parameters():
        if kind is Glasberg2002 and name.startswith("spectrum.threshold"):
            assert not parameter.requires_grad  # a stage of its successor's spectrum that this model has not
            continue
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name
        # The least slope of a filter acts only where sounds exceed 130 dB.
        assert name == "excitation.min_p_lower" or float(parameter.grad.abs().max()) > 0.0, name


@pytest.mark.parametrize("kind", [Moore2016, Glasberg2002])
def test_the_gradient_by_the_audio_is_right(kind: type, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(AT_ONCE, "_AT_ONCE", 64)  # two blocks, the first computed again
    model = kind(dtype=torch.float64)
    x = noise(65.0, (2048 + 70 * 32) / FS)
    x = torch.stack([x, 0.3 * x.flip(0)]) if kind is Moore2016 else x
    direction = (
        torch.cos(torch.arange(x.numel(), dtype=torch.float64) * 0.37).reshape(x.shape) * x.abs().max()
    )

    def total(step: Tensor) -> Tensor:
        found: Tensor = model(x + step * direction, return_stages=True).long_term.sum()
        return found

    # Components cross the relevance threshold at isolated steps; not at these.
    assert torch.autograd.gradcheck(
        total, (torch.zeros((), dtype=torch.float64, requires_grad=True),), eps=1e-7, rtol=1e-4
    )


def test_the_specifications_chain_runs_and_is_another_model():
    levels = (40.0, 60.0)
    chain = torch.nn.ModuleList(
        [MultiResolutionFFT(), ERBIntegration(), ExcitationPattern(), SpecificLoudness()]
    )
    sones = []
    for level in levels:
        psd, freqs = chain[0](tone(1000.0, level, 1.0).float().unsqueeze(0))
        specific = chain[3](chain[2](chain[1](psd, freqs)))
        over_time = LoudnessIntegration(frame_step=0.032)(specific, return_stages=True)
        assert over_time.long_term.shape == (1, 32)
        sones.append(float(over_time.instantaneous[0, 16]))
    assert sones[0] == pytest.approx(0.89, abs=0.01)
    assert sones[1] == pytest.approx(3.73, abs=0.02)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", [Moore2016, Glasberg2002])
def test_a_gpu_hears_the_same(kind: type):
    x = noise(60.0, 0.3).float()
    x = torch.stack([x, 0.3 * x.flip(0)]) if kind is Moore2016 else x
    model = kind(48000)
    here = model(x, return_stages=True)
    there = model.to("cuda")(x.cuda(), return_stages=True)
    for name in ("time", "instantaneous", "short_term", "long_term"):
        assert getattr(there, name).device.type == "cuda"
        torch.testing.assert_close(getattr(there, name).cpu(), getattr(here, name), rtol=1e-4, atol=1e-6)
    f = torch.tensor([500.0, 1000.0], device="cuda")
    assert float(model.stationary(f, torch.tensor([40.0, 40.0], device="cuda")).total) > 1.0


def test_a_model_can_be_converted_and_copied(glasberg: Glasberg2002):
    x = tone(1000.0, 60.0, 0.1)
    single = Glasberg2002().double()
    assert single(x).dtype == torch.float64
    # Tables that were rounded to float32 stay rounded.
    torch.testing.assert_close(single(x), glasberg(x), rtol=1e-4, atol=0.0)
    with pytest.raises(ValueError, match="float16"):
        Moore2016().half()


@pytest.mark.parametrize("model", [Moore2016, Glasberg2002])
def test_fewer_frames_hear_the_same_loudness(model: type) -> None:
    x = signals.tone(1000.0, level=60.0, duration=0.4, fs=32000)
    audio = torch.stack([x, x]) if model is Moore2016 else x
    peaks = []
    for step in (1, 4):
        quick = model(pad=True, segment_duration=step)
        found = quick(audio, return_stages=True)
        assert quick.frame_step == step / 1000
        assert float(found.time[1] - found.time[0]) == pytest.approx(step / 1000)
        peaks.append(float(found.long_term.max()))
    # The averages keep their time constants; what is left is when a frame falls upon the onset.
    assert peaks[1] == pytest.approx(peaks[0], rel=1e-3)


# ------------------------------------------------------------------ in steps


@pytest.mark.parametrize("same", [True, False])
def test_the_steps_one_after_the_other_are_the_whole(same: bool) -> None:
    model = Moore2016(pad=True, segment_duration=4, dtype=torch.float64)
    left = tone(1000.0, 70.0, 0.1).double()
    ears = torch.stack([left, left if same else 0.3 * left])
    whole = model(ears, return_stages=True)
    excitation, specific = model.patterns(model.at_cochlea(ears))
    steps = model.over_time(specific)
    assert whole.stages is not None
    assert steps.stages is not None
    for name in ("time", "instantaneous", "short_term", "short_term_right", "long_term", "peak"):
        torch.testing.assert_close(getattr(steps, name), getattr(whole, name), rtol=1e-12, atol=1e-15)
    for name in ("specific_loudness", "short_term_specific", "smoothed", "inhibited"):
        torch.testing.assert_close(
            getattr(steps.stages, name), getattr(whole.stages, name), rtol=1e-12, atol=1e-15
        )
    torch.testing.assert_close(excitation, whole.stages.excitation, rtol=0.0, atol=1e-12)


def test_the_steps_of_a_batch_are_those_of_its_sounds() -> None:
    model = Moore2016(pad=True, segment_duration=4)
    sounds = torch.stack(
        [torch.stack([tone(1000.0, 60.0, 0.1), tone(f, 60.0, 0.1)]) for f in (1000.0, 2000.0)]
    )
    _, specific = model.patterns(model.at_cochlea(sounds.flatten(0, 1)))
    found = model.over_time(specific.unflatten(0, (2, 2)))
    torch.testing.assert_close(found.long_term, model(sounds).long_term, rtol=1e-5, atol=1e-7)


def test_specific_loudness_of_one_ear_is_refused() -> None:
    with pytest.raises(ValueError, match=r"specific has shape \(10, 150\); give left and right ear"):
        Moore2016().over_time(torch.zeros(10, 150))


def test_equal_ears_given_once_sound_as_given_twice() -> None:
    model = Moore2016()
    one = torch.rand(5, 150)
    for both, pair in zip(model.binaural(one, one), model.binaural(one, one.clone()), strict=True):
        assert torch.equal(both, pair)


def test_models_do_not_share_what_one_of_them_changes() -> None:
    first = Moore2016(dtype=torch.float64)
    before = first.specific.alpha.clone(), first.ear.taps.clone()
    for part in (first.specific.alpha, first.ear.taps):
        part.mul_(2.0)
    again = Moore2016(dtype=torch.float64)
    assert torch.equal(again.specific.alpha, before[0])
    assert torch.equal(again.ear.taps, before[1])


@pytest.mark.parametrize(("level", "share"), [(40.0, 0.8), (60.0, 2.3), (80.0, 5.5), (100.0, 9.2)])
def test_a_tone_heard_as_audio_is_softer_than_its_component_by_what_the_note_says(level: float, share: float):
    model = Moore2016(segment_duration=4)
    time = torch.arange(16000, dtype=torch.float64) / 32000
    tone = (20e-6 * 2**0.5 * 10 ** (level / 20) * torch.sin(2 * torch.pi * 1000 * time)).float()
    heard = model(torch.stack([tone, tone])).short_term[-1]
    steady = model.stationary(torch.tensor([1000.0]), torch.tensor([level])).total
    assert 100.0 * float(1.0 - heard / steady) == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize("kind", [Glasberg2002, Moore2016])
@pytest.mark.parametrize("level", [40.0, 80.0, 100.0, 110.0, 115.0, 120.0])
def test_a_tone_of_1_khz_has_as_many_phon_as_its_level_by_the_model_that_hears_it(kind: Any, level: float):
    """By the definition of the phon."""
    model = kind()
    time = torch.arange(8000, dtype=torch.float64) / 32000
    tone = (20e-6 * 2**0.5 * 10 ** (level / 20) * torch.sin(2 * torch.pi * 1000 * time)).float()
    if kind is Moore2016:
        heard = model(torch.stack([tone, tone])).short_term
    else:
        heard = model(tone, return_stages=True).instantaneous
    assert float(sone2phon(heard[-1], model)) == pytest.approx(level, abs=0.1)
    steady = model.stationary(torch.tensor([1000.0]), torch.tensor([level])).total
    assert float(sone2phon(steady, model, stationary=True)) == pytest.approx(level, abs=0.01)


@pytest.mark.parametrize("stationary", [False, True])
def test_the_tone_of_the_phon_is_heard_with_both_ears(stationary: bool):
    """As ANSI S3.4-2007 defines the loudness level."""
    one, both = Glasberg2002(presentation="monaural"), Glasberg2002()
    assert sone2phon(2.0, one, stationary=stationary) == pytest.approx(
        sone2phon(2.0, both, stationary=stationary), abs=1e-4
    )


def test_a_joint_maximum_is_that_of_one_sounds_ears_and_of_no_other_sound():
    model = Moore2016(joint_maximum=True, dtype=torch.float64)
    loud = torch.randn(2, 4000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    soft = 1e-4 * loud.flip(-1)
    together = model(torch.stack([loud, soft])).long_term
    for row, sound in enumerate((loud, soft)):
        torch.testing.assert_close(together[row], model(sound).long_term, rtol=1e-9, atol=0.0)
    pressure = model.at_cochlea(torch.cat([loud, soft]))
    torch.testing.assert_close(
        model.patterns(pressure)[1][2:], model.patterns(pressure[2:])[1], rtol=1e-9, atol=0.0
    )
    with pytest.raises(ValueError, match="3 rows; with joint_maximum give left and right ear in turn"):
        model.patterns(pressure[:3])


def test_a_joint_maximum_leaves_the_phon_as_it_is():
    assert sone2phon(2.0, Moore2016(joint_maximum=True)) == pytest.approx(
        sone2phon(2.0, Moore2016()), abs=1e-5
    )
