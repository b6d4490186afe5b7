"""The spectra of the loudness models: against the toolbox, against the documented formula, and by what they claim."""

import copy
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call

from amtlib import Moore2016Spectrum, MultiResolutionFFT
from amtlib.filterbanks import DenseSpectrum

DATA = Path(__file__).parents[1] / "data"
CHAIN = np.load(DATA / "moore2016_chain.npz")
PSD = np.load(DATA / "multiresolution_psd.npz")
FS = 32000
# The toolbox takes these bins from the next shorter window, or takes them where the documented limits do not.
ELSEWHERE = {1, 5, 162, 259, 960}
F64 = torch.float64


def tone(f: float, level: float, samples: int = FS) -> Tensor:
    """A sine as the model file calibrates it: peak 1 is 93.98 dB."""
    t = torch.arange(samples, dtype=F64) / FS
    return 10.0 ** ((level - 93.98) / 20.0) * torch.sin(2.0 * math.pi * f * t)


def noise(*shape: int, scale: float = 0.02, seed: int = 0) -> Tensor:
    return scale * torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


# --- MultiResolutionFFT ---------------------------------------------------------------------------------------


def at_native_bins(psd: Tensor, module: MultiResolutionFFT, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Result and reference at the window's own bins in its own range."""
    index = np.arange(0, 1025, 2048 // length)
    chosen = module.get_window_selection_map()[1].numpy()
    index = index[chosen[index] == module.window_lengths.index(length)]
    return psd[PSD["frame_index"]][:, index].double().numpy(), PSD[f"psd_{length}"][
        :, index // (2048 // length)
    ]


@pytest.mark.parametrize("length", [2048, 1024, 512, 256, 128, 64])
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_each_window_gives_the_documented_density_in_its_range(length: int, dtype: torch.dtype, rtol: float):
    module = MultiResolutionFFT(dtype=dtype)
    actual, expected = at_native_bins(module(torch.from_numpy(PSD["x"]))[0], module, length)
    assert actual.size
    # float32: rounding of the signal itself, seen in bins 90 dB below the strongest
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=0.0)


def test_all_windows_see_a_click_in_the_same_frame():
    x = torch.zeros(FS, dtype=F64)
    x[16 * 1024] = 1.0
    module = MultiResolutionFFT(dtype=F64)
    psd, _ = module(x)
    for index in range(6):
        band = psd[:, module.get_window_selection_map()[1] == index].sum(-1)
        assert int(band.argmax()) == 16
        # the longest window's neighbours see it through its edge, where the window is 0
        assert band[15] + band[17] < 1e-12 * band[16]


def test_one_second_makes_32_frames_of_1025_bins():
    psd, freqs = MultiResolutionFFT()(torch.zeros(2, FS))
    assert psd.shape == (2, 32, 1025)
    assert freqs.shape == (1025,)
    assert MultiResolutionFFT().frame_times(FS).shape == (32,)


def test_noise_of_unit_power_integrates_to_one_half_and_one_sided_to_one():
    x = noise(32, FS, scale=1.0)
    for one_sided, power in ((False, 0.5), (True, 1.0)):
        psd, freqs = MultiResolutionFFT(one_sided=one_sided, dtype=F64)(x)
        # a million samples: 0.3 % is three standard deviations of their power, seen through the windows
        assert float(psd.mean((0, 1)).sum() * freqs[1]) == pytest.approx(power, rel=3e-3)


@pytest.mark.parametrize("f", [250.0, 750.0, 1500.0, 3000.0, 6000.0, 12000.0])
def test_a_tone_keeps_its_power_in_every_range(f: float):
    psd, freqs = MultiResolutionFFT(one_sided=True, dtype=F64)(tone(f, 93.98))
    # 1e-3 of it leaks out of the range
    assert float(psd[16].sum() * freqs[1]) == pytest.approx(0.5, rel=1e-3)


def test_the_last_window_reaches_the_nyquist_frequency():
    psd, freqs = MultiResolutionFFT(window_lengths=[1024, 512, 256], dtype=F64)(noise(FS))
    assert float(freqs[-1]) == 16000.0
    assert bool((psd[:, freqs >= 1000.0] > 0.0).all())
    assert int(MultiResolutionFFT().get_window_selection_map()[1][-1]) == 5


def test_the_next_window_begins_at_its_threshold():
    freqs, index = MultiResolutionFFT().get_window_selection_map()
    starts = [float(freqs[index == i].min()) for i in range(6)]
    assert starts == [0.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0]
    assert index.dtype == torch.long


def test_the_published_thresholds_can_be_had():
    module = MultiResolutionFFT(freq_thresholds=[80, 500, 1250, 2540, 4050])
    freqs, index = module.get_window_selection_map()
    assert module.freq_thresholds.tolist() == [80.0, 500.0, 1250.0, 2540.0, 4050.0]
    assert int((freqs[index == 0]).max()) == 78


def test_attributes_are_those_of_the_specification():
    module = MultiResolutionFFT(window_lengths=[64, 2048, 512], hop_fraction=0.25)
    assert module.window_lengths == [2048, 512, 64]
    assert module.hop_lengths == {2048: 512, 512: 128, 64: 16}
    assert module.window_power == pytest.approx({2048: 768.0, 512: 192.0, 64: 24.0})
    assert torch.equal(module.windows[512], module.window_512)
    assert {name for name, _ in module.named_buffers()} >= {"window_2048", "window_512", "window_64"}
    assert "n_windows=3" in repr(module)
    assert "learnable=False" in repr(module)


def test_five_thresholds_are_learnable():
    parameters = dict(MultiResolutionFFT(learnable=True).named_parameters())
    assert {name: p.numel() for name, p in parameters.items()} == {"freq_thresholds": 5}
    assert not list(MultiResolutionFFT().parameters())


def test_smooth_thresholds_agree_with_hard_ones():
    x = noise(4, FS)
    hard, smooth = MultiResolutionFFT(dtype=F64), MultiResolutionFFT(learnable=True, dtype=F64)
    expected, actual = hard(x)[0], smooth(x)[0].detach()
    # the logistic step is 3.4e-4 half a bin from its centre: ten bins of 1025 exchange this much
    assert float((actual - expected).abs().sum() / expected.sum()) < 1e-5
    smooth.softness = 1.0 / 64.0
    torch.testing.assert_close(smooth(x)[0].detach(), expected, rtol=1e-9, atol=0.0)


def test_thresholds_out_of_order_are_taken_in_order():
    module = MultiResolutionFFT(learnable=True)
    with torch.no_grad():
        module.freq_thresholds.copy_(torch.tensor([500.0, 300.0, 2000.0, 1e6, -5.0]))
    psd, freqs = module(noise(8000).float())
    index = module.get_window_selection_map()[1]
    assert bool((psd >= 0.0).all())
    assert sorted(index.tolist()) == index.tolist()
    assert set(index[(freqs >= 500.0) & (freqs < 2000.0)].tolist()) == {2}
    assert set(index[(freqs >= 2000.0) & (freqs < 16000.0)].tolist()) == {3}


def test_gradients_of_the_density_are_right():
    module = MultiResolutionFFT(window_lengths=[64, 32, 16], learnable=True, dtype=F64)
    x = noise(2, 150, scale=1.0).requires_grad_()
    # off the bins' midpoints, where the steps are flat
    thresholds = torch.tensor([760.0, 2030.0], dtype=F64, requires_grad=True)

    def density(x: Tensor, thresholds: Tensor) -> Tensor:
        return FS * functional_call(module, {"freq_thresholds": thresholds}, (x,))[0]

    assert torch.autograd.gradcheck(density, (x, thresholds), fast_mode=True)


def test_silence_has_finite_gradients_through_the_density():
    module = MultiResolutionFFT(learnable=True)
    x = torch.zeros(4096, requires_grad=True)
    module(x)[0].sum().backward()
    assert x.grad is not None
    assert module.freq_thresholds.grad is not None
    assert bool(torch.isfinite(x.grad).all() & torch.isfinite(module.freq_thresholds.grad).all())


@settings(max_examples=25)
@given(
    lead=st.lists(st.integers(1, 3), max_size=3),
    samples=st.integers(1025, 5000),
    hop=st.sampled_from([0.25, 0.5, 0.75, 1.0]),
    learnable=st.booleans(),
)
def test_any_leading_shape_is_analyzed_signal_by_signal(lead, samples, hop, learnable):
    module = MultiResolutionFFT(hop_fraction=hop, learnable=learnable, dtype=F64)
    x = noise(*lead, samples)
    psd, _ = module(x)
    assert psd.shape == (*lead, 1 + samples // int(2048 * hop), 1025)
    last = module(x.reshape(-1, samples)[-1])[0]
    torch.testing.assert_close(psd.reshape(-1, *last.shape)[-1], last, rtol=1e-12, atol=0.0)


@settings(max_examples=25)
@given(lengths=st.lists(st.integers(1, 300).map(lambda n: 2 * n), min_size=1, max_size=6, unique=True))
def test_any_even_window_lengths_keep_the_power_of_noise(lengths):
    module = MultiResolutionFFT(window_lengths=lengths, one_sided=True, dtype=F64)
    psd, _ = module(noise(8000, scale=1.0))
    assert psd.shape[-1] == max(lengths) // 2 + 1
    # few bins of a short window count DC and the Nyquist frequency fully: this is no precise measure
    assert 0.5 < float(psd.mean(0).sum() * (FS / max(lengths))) / (1.0 + 2.0 / max(lengths)) < 2.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fs": 0}, "no sampling rate"),
        ({"fs": math.nan}, "no sampling rate"),
        ({"hop_fraction": 1.5}, "hop_fraction = 1.5"),
        ({"hop_fraction": 0.0}, "hop_fraction = 0.0"),
        ({"hop_fraction": 1e-5}, "less than one sample"),
        ({"window_lengths": [2048, 0]}, "holds 0"),
        ({"window_lengths": [2048, -64]}, "holds -64"),
        ({"window_lengths": [2048, 33]}, "holds 33"),
        ({"window_lengths": [2048, 64.5]}, "holds 64.5"),
        ({"window_lengths": []}, "is empty"),
        ({"window_lengths": [64, 64]}, "repeats"),
        ({"window_lengths": [2**n for n in range(4, 11)]}, "give 6 frequencies"),
        ({"freq_thresholds": [500, 1000]}, "give 5 frequencies"),
        ({"freq_thresholds": [500, 400, 2000, 4000, 8000]}, "must rise"),
        ({"freq_thresholds": [0, 400, 2000, 4000, 8000]}, "must rise"),
        ({"freq_thresholds": [500, 1000, 2000, 4000, 16001]}, "16000 Hz"),
        ({"freq_thresholds": [500, 1000, 2000, 4000, math.nan]}, "must rise"),
        ({"fs": 8000}, "4000 Hz"),
        ({"dtype": torch.float16}, "not supported"),
    ],
)
def test_a_spectrum_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiResolutionFFT(**arguments)


@pytest.mark.parametrize(
    ("signal", "error", "message"),
    [
        (torch.zeros(1024), ValueError, "1024 samples"),
        (torch.full((4096,), math.nan), ValueError, "nan"),
        (torch.full((4096,), math.inf), ValueError, "inf"),
        (torch.zeros(4096, dtype=torch.complex64), ValueError, "complex"),
        (torch.tensor(1.0), ValueError, "no samples"),
        ([0.0] * 4096, TypeError, "list"),
    ],
)
def test_a_signal_without_a_density_is_refused(signal, error, message):
    with pytest.raises(error, match=message):
        MultiResolutionFFT()(signal)


def test_thresholds_that_are_no_longer_numbers_are_refused():
    module = MultiResolutionFFT(learnable=True)
    with torch.no_grad():
        module.freq_thresholds[1] = math.nan
    with pytest.raises(ValueError, match="freq_thresholds has become"):
        module(torch.zeros(4096))


# --- Moore2016Spectrum: against the toolbox -----------------------------------------------------------------


def ears_of(case: str) -> Tensor:
    """Both ears' signals, one frame longer: the toolbox has one more."""
    x = torch.from_numpy(CHAIN[f"{case}/x"]).T
    return torch.nn.functional.pad(x.expand(2, -1), (0, 32)).unsqueeze(0)


def components(freqs: np.ndarray | Tensor, levels: np.ndarray | Tensor) -> dict[int, float]:
    pairs = zip(np.asarray(freqs, float), np.asarray(levels, float), strict=True)
    return {round(f / 15.625): level for f, level in pairs if f > 0.0}


@pytest.mark.parametrize("case", CHAIN["names"].tolist())
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-8), (torch.float32, 1e-3)])
def test_components_are_those_of_the_toolbox(case: str, dtype: torch.dtype, atol: float):
    found = Moore2016Spectrum(dtype=dtype, joint_maximum=True)(ears_of(case))
    frequencies, levels = CHAIN[f"{case}/F"], CHAIN[f"{case}/L"]
    for row, frame in enumerate(CHAIN[f"{case}/frames"]):
        for ear in range(frequencies.shape[1]):
            theirs = components(np.nan_to_num(frequencies[row, ear]), levels[row, ear])
            ours = components(found[2 * ear][0, frame], found[2 * ear + 1][0, frame])
            # Where the largest of all lies in a bin of another window, what is 60 dB below may be kept or not.
            peaks = [max(bins, key=bins.__getitem__) for bins in (theirs, ours) if bins]
            same = ELSEWHERE.isdisjoint(peaks)
            edge = max([*theirs.values(), *ours.values()], default=0.0) - 60.0
            for bins in (theirs, ours):
                for k in [k for k in bins if k in ELSEWHERE or not (same or bins[k] > edge)]:
                    del bins[k]
            assert list(ours) == list(theirs)
            np.testing.assert_allclose(list(ours.values()), list(theirs.values()), rtol=0.0, atol=atol)


def test_components_of_the_other_bins_come_from_the_window_of_the_documented_range():
    # 2531.25 Hz lies below 2540 Hz: an 8-ms window shows a tone of 2 kHz there, not a 4-ms one, 10.8 dB stronger
    power = Moore2016Spectrum(dtype=F64).dense(tone(2000.0, 60.0, 4096)).power[0]
    segment = tone(2000.0, 60.0, 2048)
    window = torch.nn.functional.pad(torch.hann_window(256, periodic=False, dtype=F64), (896, 896))
    amplitude = torch.fft.rfft(segment * window)[162].abs() / 1024.0
    expected = 10.0 ** (0.332 + 9.398) * 2**3 * amplitude**2
    torch.testing.assert_close(power[162 - 2], expected, rtol=1e-9, atol=0.0)


# --- Moore2016Spectrum: by what it claims --------------------------------------------------------------------


def test_noise_has_components_on_the_whole_documented_grid():
    freqs, power = Moore2016Spectrum(dtype=F64).dense(noise(2, 4096))
    assert freqs.tolist() == [15.625 * k for k in range(2, 960)]
    assert power.shape == (2, 64, 958)


def test_the_powers_of_a_tone_add_up_to_its_level_less_0_94_db():
    _, power = Moore2016Spectrum(dtype=F64).dense(tone(1000.0, 60.0))
    # 3.32 dB instead of the exact 4.26 dB; components 60 dB below are left out
    torch.testing.assert_close(
        10.0 * power.sum(-1).log10(), torch.full((936,), 59.06, dtype=F64), rtol=0.0, atol=0.02
    )


def test_db_max_shifts_all_levels():
    x = torch.stack([tone(500.0, 60.0, 3000)] * 2).unsqueeze(0)
    _, low, _, _ = Moore2016Spectrum(dtype=F64)(x)
    _, high, _, _ = Moore2016Spectrum(db_max=103.98, dtype=F64)(x)
    torch.testing.assert_close(high - low, torch.full_like(low, 10.0))


def test_each_ear_is_measured_by_its_own_maximum_unless_they_are_joined():
    x = torch.stack([tone(1000.0, 60.0, 2400), tone(1000.0, 40.0, 2400)]).unsqueeze(0)
    own = Moore2016Spectrum(dtype=F64)(x)
    assert (own[0] > 0).sum() == (own[2] > 0).sum()
    joint = Moore2016Spectrum(dtype=F64, joint_maximum=True)(x)
    assert torch.equal(joint[0], own[0])
    assert 0 < (joint[2] > 0).sum() < (own[2] > 0).sum()


def test_what_is_softer_than_minus_30_db_spl_is_no_component():
    _, power = Moore2016Spectrum(dtype=F64).dense(tone(1000.0, 10.0, 4096))
    heard = power[power > 0.0]
    assert float(heard.min()) > 1e-3
    assert float(heard.max() / heard.min()) < 1e6
    assert not Moore2016Spectrum().dense(tone(1000.0, -40.0, 4096)).keep.any()


def test_dense_and_gathered_spectra_hold_the_same():
    x = torch.stack([tone(1000.0, 60.0, 3000) + noise(3000, scale=1e-4), noise(3000)]).unsqueeze(0)
    module = Moore2016Spectrum(dtype=F64)
    freqs, power = module.dense(x)
    found = module(x)
    for ear in range(2):
        for frame in range(module.n_frames(3000)):
            kept = power[0, ear, frame] > 0.0
            count = int(kept.sum())
            assert torch.equal(found[2 * ear][0, frame, :count], freqs[kept])
            torch.testing.assert_close(
                found[2 * ear + 1][0, frame, :count], 10.0 * power[0, ear, frame, kept].log10()
            )
            assert not found[2 * ear][0, frame, count:].any()
            assert not found[2 * ear + 1][0, frame, count:].any()


def test_gathered_frequencies_rise_to_the_padding():
    freqs = Moore2016Spectrum()(noise(2, 2, 5000))[0]
    mask = freqs > 0.0
    assert bool((mask[..., 1:] <= mask[..., :-1]).all())
    assert bool((freqs.diff(dim=-1)[mask[..., 1:]] > 0.0).all())


@pytest.mark.parametrize(("samples", "frames"), [(2048, 1), (2079, 1), (2080, 1), (2112, 2), (32000, 936)])
def test_frames_are_counted_as_documented_but_at_least_one(samples: int, frames: int):
    module = Moore2016Spectrum()
    assert module.n_frames(samples) == frames
    assert module(torch.zeros(1, 2, samples))[0].shape == (1, frames, 1)


def test_segments_of_2_ms_are_every_other_frame():
    x = noise(2, 4096)
    fine, coarse = Moore2016Spectrum(dtype=F64), Moore2016Spectrum(segment_duration=2, dtype=F64)
    assert coarse.hop_length == 64
    torch.testing.assert_close(coarse.dense(x).power, fine.dense(x).power[:, ::2])
    assert torch.equal(coarse.frame_times(4096), fine.frame_times(4096)[::2])


@pytest.mark.parametrize("learnable", [False, True])
def test_a_segment_at_several_levels_has_the_spectra_of_each(learnable: bool):
    module = Moore2016Spectrum(learnable=learnable, dtype=F64, joint_maximum=True)
    segment, gains = noise(2048), 10.0 ** torch.arange(-3.0, 2.0, dtype=F64)
    freqs, power = module.dense_at(segment, gains)
    expected = module.dense((gains[:, None] * segment)[:, None])
    torch.testing.assert_close(power, expected.power[:, 0], rtol=1e-9, atol=0.0)
    assert torch.equal(freqs, expected.freqs)
    assert 0 < int((power[0] > 0).sum()) < int((power[-1] > 0).sum())


@pytest.mark.parametrize(("segment", "gains"), [((2047,), (3,)), ((2, 2048), (3,)), ((2048,), (2, 3))])
def test_other_shapes_than_a_segment_and_its_gains_are_refused(
    segment: tuple[int, ...], gains: tuple[int, ...]
):
    with pytest.raises(ValueError, match=r"give \(2048,\) and \(N,\)"):
        Moore2016Spectrum().dense_at(torch.ones(segment), torch.ones(gains))


def test_modules_share_the_transforms_of_their_windows_but_not_what_a_window_becomes():
    one, other = (Moore2016Spectrum() for _ in range(2))
    assert one._plan()[2][3].transform is other._plan()[2][3].transform
    before = other.dense(noise(2048)).power
    other.window_3.mul_(0.5)
    assert not torch.equal(other.dense(noise(2048)).power, before)
    torch.testing.assert_close(one.dense(noise(2048)).power, before)


@pytest.mark.parametrize("learnable", [False, True])
def test_a_long_spectrum_equals_its_frames_one_by_one(learnable: bool):
    x, module = noise(2, 40000), Moore2016Spectrum(learnable=learnable, dtype=F64)
    with torch.no_grad():
        whole = module.dense(x).power
    for frame in (0, 1, 255, 256, 600, 1185):
        torch.testing.assert_close(module.dense(x, frame, frame + 1).power[:, 0].detach(), whole[:, frame])


def test_the_same_numbers_come_with_and_without_gradients():
    x = noise(2, 2, 12000)
    module = Moore2016Spectrum(dtype=F64)
    for plain, traced in zip(module(x), module(x.clone().requires_grad_()), strict=True):
        torch.testing.assert_close(traced, plain)


def test_the_spectrum_has_14_learnable_numbers():
    parameters = dict(Moore2016Spectrum(learnable=True).named_parameters())
    assert {name: tuple(p.shape) for name, p in parameters.items()} == {
        "freq_limits": (6, 2),
        "threshold_max_minus": (),
        "threshold_absolute": (),
    }
    assert not list(Moore2016Spectrum().parameters())


def test_the_spectrum_has_the_attributes_of_the_specification():
    module = Moore2016Spectrum()
    assert module.window_lengths == [2048, 1024, 512, 256, 128, 64]
    assert module.hann_correction == pytest.approx(2.148, abs=1e-3)
    assert (module.fs, module.segment_duration, module.db_max, module.hop_length) == (32000, 1, 93.98, 32)
    assert float(module.threshold_max_minus) == 60.0
    assert float(module.threshold_absolute) == -30.0
    assert module.freq_limits.tolist()[-1] == [4050.0, 15000.0]
    for index, length in enumerate(module.window_lengths):
        window = getattr(module, f"window_{index}")
        assert window.shape == (2048,)
        # a symmetric window is 0 at both of its ends
        assert int((window > 0.0).sum()) == length - 2
    assert "segment_duration=1 ms" in repr(module)


def test_smooth_masks_agree_with_hard_ones_except_near_the_limits_and_thresholds():
    x = noise(2, 8000)
    hard = Moore2016Spectrum(dtype=F64).dense(x)
    with torch.no_grad():
        smooth = Moore2016Spectrum(learnable=True, dtype=F64).dense(x)
    start = int((smooth.freqs == hard.freqs[0]).nonzero())
    power = smooth.power[..., start : start + len(hard.freqs)]
    # 3.4e-4 of the next window's power in the twelve bins beside a limit
    assert float((power.sum() / hard.power.sum() - 1.0).abs()) < 1e-5
    inner = torch.ones(len(hard.freqs), dtype=torch.bool)
    for limit in (2, 6, 32, 80, 163, 260, 960):
        inner[max(0, limit - 2 - 1) : limit - 2 + 1] = False
    # logistic tails: 7.5 dB above the threshold, 3e-7 of a component is missing
    loud = inner & (hard.power > 5.6e-6 * hard.power.amax(-1, keepdim=True))
    torch.testing.assert_close(power[loud], hard.power[loud], rtol=1e-6, atol=0.0)
    # outside of the grid there is what the least share lets through: nothing but the bins beside the limits
    outside = torch.cat([smooth.power[..., :start], smooth.power[..., start + len(hard.freqs) :]], -1)
    assert float(outside.sum() / hard.power.sum()) < 1e-5


def test_masks_tend_to_the_hard_ones_as_they_are_made_steeper():
    x = noise(2, 4096)
    hard, smooth = Moore2016Spectrum(dtype=F64).dense(x), Moore2016Spectrum(learnable=True, dtype=F64)
    smooth.softness, smooth.softness_db = 1.0 / 64.0, 1e-6
    with torch.no_grad():
        actual = smooth.dense(x)
    assert torch.equal(actual.freqs, hard.freqs)
    torch.testing.assert_close(actual.power, hard.power, rtol=1e-9, atol=0.0)


def moved(module: Moore2016Spectrum) -> dict[str, Tensor]:
    """Parameters with limits in the middle of the steps, where the gradients are not small."""
    values = {name: p.detach().clone() for name, p in module.named_parameters()}
    values["freq_limits"] += torch.tensor([7.0, -6.0], dtype=F64)
    values["threshold_max_minus"] -= 40.0
    values["threshold_absolute"] += 40.0
    return {name: value.requires_grad_() for name, value in values.items()}


@pytest.mark.parametrize("joint", [False, True])
def test_gradients_of_the_spectrum_are_right(joint: bool):
    module = Moore2016Spectrum(learnable=True, dtype=F64, joint_maximum=joint)
    parameters = moved(module)
    # one ear near the relative threshold, one near the absolute
    scale = torch.tensor([[1e-2], [1e-3]], dtype=F64)
    x = (scale * noise(2, 2112, scale=1.0)).unsqueeze(0).requires_grad_()

    def levels(x: Tensor, *values: Tensor) -> tuple[Tensor, Tensor]:
        _, left, _, right = functional_call(module, dict(zip(parameters, values, strict=True)), (x,))
        return left, right

    # fast mode: 4224 samples; levels of bins near a zero of the spectrum bend strongly
    assert torch.autograd.gradcheck(levels, (x, *parameters.values()), eps=1e-7, atol=1e-3, fast_mode=True)
    # the check means something: each gradient is far above its tolerance
    left, right = levels(x, *parameters.values())
    gradients = torch.autograd.grad(left.sum() + right.sum(), list(parameters.values()))
    assert all(float(gradient.abs().min()) > 0.05 for gradient in gradients)


def test_every_learnable_number_of_the_spectrum_gets_a_gradient():
    module = Moore2016Spectrum(learnable=True, dtype=F64)
    # one ear has components near 60 dB below the largest, the other near -30 dB SPL
    audio = torch.stack([tone(1000.0, 60.0, 3000) + noise(3000, scale=3e-4), noise(3000, scale=2e-5)])
    _, left, _, right = module(audio.unsqueeze(0))
    (left.sum() + right.sum()).backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name
        assert bool((parameter.grad != 0.0).all()), name


def test_gradients_reach_the_audio_through_hard_masks():
    x = torch.stack([tone(1000.0, 60.0, 2112)] * 2).unsqueeze(0).requires_grad_()
    Moore2016Spectrum(dtype=F64)(x)[1].sum().backward()
    assert x.grad is not None
    assert bool(x.grad[:, 0].any())
    assert not bool(x.grad[:, 1].any())


@pytest.mark.parametrize("learnable", [False, True])
def test_silent_frames_have_no_components_and_finite_gradients(learnable: bool):
    module = Moore2016Spectrum(learnable=learnable)
    x = torch.zeros(1, 2, 8000)
    x[..., 6000:] = tone(1000.0, 60.0, 2000).float()
    x.requires_grad_()
    freqs, levels, _, _ = module(x)
    assert not (freqs[:, :100] > 0.0).any()
    levels.sum().backward()
    assert x.grad is not None
    for grad in [x.grad, *(p.grad for p in module.parameters())]:
        assert grad is not None
        assert bool(torch.isfinite(grad).all())


def test_pure_silence_can_be_differentiated():
    x = torch.zeros(1, 2, 3000, requires_grad=True)
    Moore2016Spectrum(learnable=True)(x)[1].sum().backward()
    assert x.grad is not None
    assert not bool(x.grad.any())


def test_learned_limits_beyond_the_ends_are_taken_as_the_ends():
    module = Moore2016Spectrum()
    module.freq_limits[0, 0], module.freq_limits[5, 1] = -100.0, 1e6
    freqs, power = module.dense(noise(2400))
    # bin 0 is never a component: frequency 0 is padding; and limits are half open
    assert (float(freqs[0]), float(freqs[-1])) == (15.625, 15984.375)
    assert bool(torch.isfinite(power).all())


def test_windows_that_overlap_add_and_gaps_stay_empty():
    usual, module = Moore2016Spectrum(dtype=F64), Moore2016Spectrum(dtype=F64)
    module.freq_limits[2, 1], module.freq_limits[4, 0] = 1500.0, 3000.0
    module.freq_limits[0] = torch.tensor([80.0, 20.0])
    x = noise(2400)
    freqs, power = module.dense(x)
    expected = usual.dense(x).power[:, 4:]
    assert float(freqs[0]) == 93.75
    overlap, gap = (freqs >= 1250.0) & (freqs < 1500.0), (freqs >= 2540.0) & (freqs < 3000.0)
    assert not power[:, gap].any()
    assert float(power[:, overlap].sum()) > 1.5 * float(expected[:, overlap].sum())
    rest = ~overlap & ~gap
    torch.testing.assert_close(power[:, rest], expected[:, rest])


def test_a_negative_relative_threshold_counts_as_zero():
    module = Moore2016Spectrum()
    module.threshold_max_minus.fill_(-10.0)
    assert not module.dense(noise(2400)).keep.any()


@pytest.mark.parametrize("name", ["freq_limits", "threshold_max_minus", "threshold_absolute"])
def test_a_learned_number_that_is_none_is_refused(name: str):
    module = Moore2016Spectrum(learnable=True)
    with torch.no_grad():
        getattr(module, name).fill_(math.nan)
    with pytest.raises(ValueError, match=f"{name} has become"):
        module(torch.zeros(1, 2, 2048))


def test_limits_without_any_bin_are_refused():
    module = Moore2016Spectrum()
    module.freq_limits.zero_()
    with pytest.raises(ValueError, match="leaves no bin"):
        module(torch.zeros(1, 2, 2048))


@settings(max_examples=20)
@given(lead=st.lists(st.integers(1, 3), max_size=3), samples=st.integers(2048, 3000), data=st.data())
def test_any_leading_shape_and_range_of_frames_is_analyzed_alike(lead, samples, data):
    module = Moore2016Spectrum(dtype=F64)
    n_frames = module.n_frames(samples)
    start = data.draw(st.integers(0, n_frames - 1))
    stop = data.draw(st.integers(start + 1, n_frames))
    x = noise(*lead, samples)
    freqs, power = module.dense(x, start, stop)
    assert power.shape == (*lead, stop - start, len(freqs))
    last = module.dense(x.reshape(-1, samples)[-1]).power[start:stop]
    torch.testing.assert_close(power.reshape(-1, *last.shape)[-1], last)


@settings(max_examples=15)
@given(
    batch=st.integers(1, 3),
    samples=st.integers(2048, 2600),
    ms=st.integers(1, 20),
    level=st.floats(-60.0, 120.0),
)
def test_gathered_spectra_are_uniform_and_finite(batch, samples, ms, level):
    x = tone(1000.0, level, samples).expand(batch, 2, samples)
    found = Moore2016Spectrum(segment_duration=ms)(x)
    shape = found[0].shape
    assert shape[:2] == (batch, max(1, (samples - 2048) // (32 * ms)))
    assert all(values.shape == shape and bool(torch.isfinite(values).all()) for values in found)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"fs": 44100}, ValueError, "32000 Hz only"),
        ({"segment_duration": 0}, ValueError, "segment_duration = 0"),
        ({"segment_duration": 1.5}, TypeError, "give an int"),
        ({"db_max": math.inf}, ValueError, "db_max = inf"),
        ({"dtype": torch.bfloat16}, ValueError, "not supported"),
        ({"dtype": "float32"}, TypeError, "dtype"),
    ],
)
def test_an_analysis_that_cannot_be_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Moore2016Spectrum(**arguments)


@pytest.mark.parametrize(
    ("audio", "error", "message"),
    [
        (torch.zeros(4096), ValueError, "batch, 2, samples"),
        (torch.zeros(3, 4096), ValueError, "batch, 2, samples"),
        (torch.zeros(1, 1, 4096), ValueError, "mono"),
        (torch.zeros(1, 2, 2047), ValueError, "2047 samples"),
        (torch.zeros(0, 2, 4096), ValueError, "no samples"),
        (torch.full((1, 2, 4096), math.nan), ValueError, "nan"),
        (torch.full((1, 2, 4096), -math.inf), ValueError, "inf"),
        (torch.zeros(1, 2, 4096, dtype=torch.complex64), ValueError, "complex"),
        ([[[0.0] * 4096] * 2], TypeError, "list"),
    ],
)
def test_audio_without_a_binaural_spectrum_is_refused(audio, error, message):
    with pytest.raises(error, match=message):
        Moore2016Spectrum()(audio)


def test_a_sample_that_is_no_number_is_found_even_in_the_unused_end():
    audio = torch.zeros(2, 2100)
    audio[1, -1] = math.nan
    with pytest.raises(ValueError, match="nan"):
        Moore2016Spectrum().dense(audio)


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (-1, 3), (2, 100), (5, 4)])
def test_frames_that_are_not_there_are_refused(start: int, stop: int):
    with pytest.raises(ValueError, match="no range of the 11 frames"):
        Moore2016Spectrum().dense(torch.zeros(2, 2400), start, stop)


def test_one_ear_has_no_joint_maximum():
    with pytest.raises(ValueError, match="both ears"):
        Moore2016Spectrum(joint_maximum=True).dense(torch.zeros(2400))


@pytest.mark.parametrize(
    "module", [MultiResolutionFFT(learnable=True), Moore2016Spectrum(learnable=True)], ids=type
)
def test_spectra_are_copied_pickled_stored_and_converted(module):
    x = noise(1, 2, 4096).float()
    expected = module(x)[0]
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(twin(x)[0], expected)
    fresh = type(module)(learnable=True)
    fresh.load_state_dict(module.state_dict())
    double = copy.deepcopy(module).double()
    assert double.dtype == F64
    assert double(x)[0].dtype == F64
    with pytest.raises(ValueError, match="float32 or float64"):
        copy.deepcopy(module).half()


def test_the_dense_spectrum_names_its_parts():
    dense = DenseSpectrum(torch.tensor([100.0]), torch.tensor([[0.0], [2.0]]))
    assert dense.keep.tolist() == [[False], [True]]
