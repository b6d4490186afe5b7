"""The gammatone filterbank against the original toolbox's filter, and what a user may expect of it."""

import copy
import io
import math
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amtlib import GammatoneFilterbank, audfiltbw, erbspacebw, lti

DATA = Path(__file__).parents[1] / "data"
CASES = [(16000, 2), (16000, 3), (16000, 4), (44100, 2), (44100, 4)]
# The accuracy the project holds itself to, relative to the peak of each channel.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}


def reference(fs: int) -> Any:
    return np.load(DATA / f"gammatone_{fs}.npz")


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def assert_within(actual: Tensor, expected: np.ndarray, tolerance: float) -> None:
    error = np.abs(actual.double().numpy() - expected).max(-1) / np.abs(expected).max(-1)
    assert error.max() < tolerance, error


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("fs", "n"), CASES)
def test_impulse_responses_equal_the_original(fs: int, n: int, dtype: torch.dtype):
    data = reference(fs)
    expected = data[f"ircas_allpole_n{n}"]
    bank = GammatoneFilterbank(data["fc"], fs, n, dtype=dtype)
    assert_within(bank.impulse_response(expected.shape[1]), expected, TOLERANCE[dtype])


@pytest.mark.parametrize(
    ("fs", "n", "dtype", "block"),
    [
        *((*case, dtype, None) for case in CASES for dtype in TOLERANCE),
        *((16000, 4, torch.float64, block) for block in (1, 77, 599)),
    ],
)
def test_filtered_noise_equals_the_original(fs: int, n: int, dtype: torch.dtype, block: int | None):
    data = reference(fs)
    bank = GammatoneFilterbank(data["fc"], fs, n, dtype=dtype)
    assert_within(bank(torch.from_numpy(data["x"]), block), data[f"ycas_allpole_n{n}"], TOLERANCE[dtype])


@pytest.mark.parametrize(("fs", "n"), CASES)
def test_the_polynomial_form_is_the_same_filter(fs: int, n: int):
    data = reference(fs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bank = GammatoneFilterbank(data["fc"], fs, n, dtype=torch.float64, implementation="poly")
    # where it is silent, its rounding stays below what it warns of
    tolerance = 1e-5 if caught else 1e-6
    expected = data[f"ycas_allpole_n{n}"]
    assert_within(bank(torch.from_numpy(data["x"])), expected, tolerance)
    wide = data["fc"] > 3000.0  # where the polynomial is well conditioned
    assert_within(bank(torch.from_numpy(data["x"]))[wide], expected[wide], TOLERANCE[torch.float64])


@pytest.mark.parametrize(("fs", "n"), CASES)
def test_polynomial_coefficients_equal_the_original(fs: int, n: int):
    data = reference(fs)
    fc = data["fc"][data["fc"] > 200.0]
    bank = GammatoneFilterbank(fc, fs, n, implementation="poly")
    a = data[f"a_allpole_n{n}"][-len(fc) :].conj()  # the toolbox keeps the conjugate pole
    np.testing.assert_allclose(bank.a.numpy(), a, rtol=1e-12)
    # its numerator is real and given for the complex filter, as here
    np.testing.assert_allclose(bank.b.numpy().real, data[f"b_allpole_n{n}"][-len(fc) :], rtol=1e-9)


def test_the_polynomial_form_warns_of_the_channels_it_cannot_resolve():
    with pytest.warns(UserWarning, match=r"channels at 50, 100 Hz by up to .*use 'sos'"):
        GammatoneFilterbank([50.0, 100.0, 4000.0], 44100, implementation="poly")


def test_a_polynomial_whose_rounding_makes_it_unstable_says_so():
    with pytest.warns(UserWarning, match="rounds"):
        bank = GammatoneFilterbank([50.0], 96000, n=9, implementation="poly")
    with pytest.raises(ValueError, match="use implementation='sos'"):
        bank(torch.zeros(10))


def test_a_pole_limit_widens_the_low_channels():
    free = GammatoneFilterbank([500.0], 16000, implementation="poly")
    legacy = GammatoneFilterbank([500.0], 16000, implementation="poly", max_pole_magnitude=0.9)
    f = [500.0, 800.0]
    assert float(legacy.frequency_response(f).abs()[0, 1]) > 10.0 * float(
        free.frequency_response(f).abs()[0, 1]
    )


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("fs", [16000, 44100])
def test_a_tone_at_fc_passes_with_unit_gain_and_no_phase(fs: int, n: int):
    fc = torch.tensor([500.0, 1000.0, 4000.0], dtype=torch.float64)
    bank = GammatoneFilterbank(fc, fs, n, dtype=torch.float64)
    at_fc = bank.frequency_response(fc).diagonal()
    mirror = (1.0 - bank.poles.abs()) / (
        1.0 - bank.poles * torch.polar(torch.ones_like(fc), 2 * math.pi * fc / fs)
    )
    # what remains is exactly the tail of the mirror image at -fc
    torch.testing.assert_close(at_fc, 1.0 + (mirror**n).conj(), rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_the_equivalent_rectangular_bandwidth_is_one_erb_for_every_order(n: int):
    fs, fc = 1_000_000.0, 1000.0
    bank = GammatoneFilterbank([fc], fs, n, dtype=torch.float64)
    h = bank.impulse_response(1 << 17)[0]
    # Parseval: the integral of |H|^2 over positive frequencies, over its value at fc (1)
    bandwidth = float((h**2).sum()) * fs / 2.0
    # sampling at 1 MHz and the mirror image (n = 1 has wide skirts) leave little
    assert bandwidth == pytest.approx(float(audfiltbw(fc)), rel=0.02 if n == 1 else 2e-3)


def test_betamul_in_use_is_told():
    assert GammatoneFilterbank([1000.0], 16000).betamul == pytest.approx(1.0186, abs=1e-4)
    assert GammatoneFilterbank([1000.0], 16000, n=2).betamul == pytest.approx(0.6366, abs=1e-4)
    assert GammatoneFilterbank([1000.0], 16000, betamul=1.5).betamul == 1.5


@pytest.mark.parametrize("implementation", ["sos", "poly"])
def test_each_channel_may_have_a_bandwidth_of_its_own(implementation: str):
    fc, widths, x = [1000.0, 4000.0], [1.0, 2.5], torch.randn(2000)
    bank = GammatoneFilterbank(fc, 16000, betamul=widths, implementation=implementation)
    peaks = bank.envelope_peaks(x, 64)
    for i in range(2):
        one = GammatoneFilterbank([fc[i]], 16000, betamul=widths[i], implementation=implementation)
        torch.testing.assert_close(bank(x)[i], one(x)[0])
        torch.testing.assert_close(peaks[0][i], one.envelope_peaks(x, 64)[0][0])
    assert bank.configuration()["betamul"] == widths
    assert "betamul=2 values" in repr(bank)


def test_a_frequency_response_is_the_transform_of_the_impulse_response():
    bank = GammatoneFilterbank((100.0, 7000.0), 16000, dtype=torch.float64)
    length = 16384
    expected = torch.fft.rfft(bank.impulse_response(length))[:, ::16]
    f = torch.arange(0, length // 2 + 1, 16) * (16000 / length)
    torch.testing.assert_close(bank.frequency_response(f), expected, rtol=0.0, atol=1e-11)


def test_a_range_becomes_erb_spaced_channels():
    bank = GammatoneFilterbank((100.0, 8000.0), fs=16000)
    assert torch.equal(bank.fc, erbspacebw(100.0, 8000.0))
    assert bank.num_channels == 30


@pytest.mark.parametrize("shape", [(1,), (7,), (3, 1), (2, 500)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_channels_come_before_time(shape: tuple[int, ...], dtype: torch.dtype):
    bank = GammatoneFilterbank([500.0, 1000.0], 16000, dtype=dtype)
    y = bank(noise(*shape))
    assert (y.shape, y.dtype) == ((*shape[:-1], 2, shape[-1]), dtype)
    assert y.is_contiguous()


@settings(max_examples=25)
@given(st.integers(1, 400), st.integers(1, 3), st.integers(0, 1000))
def test_a_batch_is_filtered_signal_by_signal(length: int, batch: int, seed: int):
    bank = GammatoneFilterbank([300.0, 3000.0], 16000, dtype=torch.float64)
    x = noise(batch, length, seed=seed)
    torch.testing.assert_close(bank(x), torch.stack([bank(row) for row in x]), rtol=0.0, atol=1e-14)


@settings(max_examples=25)
@given(st.integers(1, 300), st.integers(0, 100), st.integers(0, 1000))
def test_a_later_sound_gives_a_later_output(length: int, delay: int, seed: int):
    bank = GammatoneFilterbank([300.0, 3000.0], 16000, dtype=torch.float64)
    x = noise(length, seed=seed)
    late = torch.cat([torch.zeros(delay, dtype=x.dtype), x])
    torch.testing.assert_close(bank(late)[:, delay:], bank(x), rtol=0.0, atol=1e-13)
    # before the sound there is the rounding of an FFT, nothing else
    assert float(bank(late)[:, :delay].abs().sum()) < 1e-12


@settings(max_examples=25)
@given(st.floats(-100.0, 100.0), st.integers(0, 1000))
def test_the_bank_is_linear(factor: float, seed: int):
    bank = GammatoneFilterbank([300.0, 3000.0], 16000, dtype=torch.float64)
    x, z = noise(200, seed=seed), noise(200, seed=seed + 1)
    torch.testing.assert_close(bank(factor * x + z), factor * bank(x) + bank(z), rtol=0.0, atol=1e-11)


def test_silence_stays_silent():
    assert torch.count_nonzero(GammatoneFilterbank((100.0, 4000.0), 16000)(torch.zeros(2, 1000))) == 0


def test_integers_are_converted():
    bank = GammatoneFilterbank([500.0], 16000)
    assert torch.equal(bank(torch.arange(50)), bank(torch.arange(50.0)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_long_signal_cut_by_default_equals_one_transform(dtype: torch.dtype):
    bank = GammatoneFilterbank([60.0, 1000.0, 15000.0], 44100, dtype=dtype)
    x = noise(200_000)
    whole = bank(x, block=200_000)
    tolerance = {torch.float32: 3e-6, torch.float64: 1e-12}[
        dtype
    ]  # rounding of transforms of different length
    assert float((bank(x) - whole).abs().max() / whole.abs().max()) < tolerance


@settings(max_examples=20)
@given(st.lists(st.integers(0, 500), min_size=1, max_size=5), st.sampled_from([(), (2,)]))
def test_a_stream_gives_what_the_whole_signal_gives(chunks: list[int], batch: tuple[int, ...]):
    bank = GammatoneFilterbank([100.0, 2000.0], 16000, dtype=torch.float64)
    x = noise(*batch, sum(chunks) + 1)
    stream = bank.stream(batch)
    pieces = [stream.process(piece) for piece in x.split([*chunks, 1], dim=-1)]
    torch.testing.assert_close(torch.cat(pieces, -1), bank(x), rtol=0.0, atol=1e-13)


def test_a_stream_takes_the_shape_it_was_made_for():
    bank = GammatoneFilterbank([100.0], 16000)
    with pytest.raises(ValueError, match=r"this stream takes \(2, T\)"):
        bank.stream((2,)).process(torch.zeros(5))
    with pytest.raises(ValueError, match="non-finite"):
        bank.stream().process(torch.tensor([0.0, math.nan]))


@pytest.mark.parametrize("implementation", ["sos", "poly"])
@pytest.mark.parametrize("step", [1, 3, 40])
def test_an_envelope_is_the_magnitude_of_the_complex_recursive_filter(step: int, implementation: str):
    fc, fs, n = [900.0, 3000.0], 16000, 3
    bank = GammatoneFilterbank(fc, fs, n, dtype=torch.float64, implementation=implementation)
    x, expected = noise(301), []
    for pole in GammatoneFilterbank(fc, fs, n).poles.tolist():
        b, a = [(1.0 - abs(pole)) ** n], np.poly([pole] * n)
        expected.append(2.0 * np.abs(scipy.signal.lfilter(b, a, x.numpy()))[::step])
    # the direct form that scipy runs rounds to about 1e-11 at 900 Hz
    np.testing.assert_allclose(bank.envelope(x, step).numpy(), np.stack(expected), rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize(("dtype", "off"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_an_envelope_in_cached_pieces_is_that_of_the_whole_filter(n: int, dtype: torch.dtype, off: float):
    bank = GammatoneFilterbank([80.0, 900.0, 7999.0], 16000, n, dtype=dtype)
    # two signals of more than one block, at a level whose squares float32 could not hold
    x = 1e-25 * noise(2, 70001)
    exact = bank.double()
    whole = lti.filter_complex(x, exact._complex_response, exact._settle(), step=7).abs()
    bank = GammatoneFilterbank([80.0, 900.0, 7999.0], 16000, n, dtype=dtype)
    # rounding, relative to the peak: n equal sections of a response
    assert float(((bank.envelope(x, 7) - whole).abs().amax(-1) / whole.amax(-1)).max()) < off


@pytest.mark.parametrize("implementation", ["sos", "poly"])
@pytest.mark.parametrize(("stretch", "length"), [(1, 300), (16, 1600), (12, 3000), (7, 3000), (64, 70001)])
def test_peaks_and_power_of_envelopes_are_those_of_whole_envelopes(
    stretch: int, length: int, implementation: str
):
    # out of order, so that neighbours differ in how closely they are looked at
    bank = GammatoneFilterbank(
        [4000.0, 100.0, 500.0, 6000.0], 16000, dtype=torch.float64, implementation=implementation
    )
    x = noise(2, length)
    envelope = bank.envelope(x)
    peaks, power = bank.envelope_peaks(x, stretch, oversampling=1e9)  # at every sample
    whole = torch.nn.functional.max_pool1d(envelope, stretch, ceil_mode=True)
    torch.testing.assert_close(peaks, whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(power, envelope.square().mean(-1) / 2, rtol=1e-12, atol=0.0)
    peaks, power = bank.envelope_peaks(x, stretch)
    assert bool((peaks <= whole + 1e-8).all())  # 'poly' rounds at 100 Hz
    # The mean of a band-limited envelope from fewer samples; the ends are not whole periods.
    torch.testing.assert_close(power, envelope.square().mean(-1) / 2, rtol=0.02, atol=0.0)


def test_the_top_of_a_clicks_envelope_is_found_to_a_fifth_of_a_decibel():
    bank = GammatoneFilterbank([300.0, 1000.0, 3000.0], 32000, dtype=torch.float64)
    for late in range(0, 64, 5):
        click = torch.zeros(4000, dtype=torch.float64)
        click[late] = 1.0
        lost = bank.envelope(click).amax(-1) / bank.envelope_peaks(click, 64)[0].amax(-1)
        assert 0.0 <= float(20 * lost.log10().max()) < 0.2


SOUNDS = {
    "onset": lambda t: torch.sin(2 * math.pi * 1000 * t) * (t > 0.1037),
    "burst": lambda t: torch.sin(2 * math.pi * 3000 * t) * ((t > 0.1) & (t < 0.15)),
    "clicks": lambda t: ((t * 16000).round() % 777 == 5).double(),
    "modulated": lambda t: torch.sin(2 * math.pi * 1000 * t) * (1 + torch.sin(2 * math.pi * 40 * t)),
    "rising": lambda t: torch.sin(2 * math.pi * 1000 * t) * 10 ** (5 * (t - 0.4)),
}


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("stretch", "length"),
    [(16, 6401), (64, 6237), (160, 6400), (160, 6401), (441, 6400), (1024, 6237)],  # with and without a rest
)
@pytest.mark.parametrize("sound", SOUNDS)
def test_no_frame_of_a_flank_reads_low(sound: str, stretch: int, length: int, fast: bool):
    bank = GammatoneFilterbank([700.0, 1000.0, 3000.0, 6000.0], 16000, dtype=torch.float64)
    x = SOUNDS[sound](torch.arange(length, dtype=torch.float64) / 16000)
    envelope = bank.envelope(x)
    whole = torch.nn.functional.max_pool1d(envelope, stretch, ceil_mode=True)
    peaks, _ = bank.envelope_peaks(x.requires_grad_(not fast), stretch)
    peaks = peaks.detach()
    assert bool((peaks <= whole * (1.0 + 1e-9) + 1e-12).all())
    # the first and the last sample of a stretch are looked at exactly, however steep the flank
    frames = torch.nn.functional.pad(envelope, (0, -length % stretch)).unflatten(-1, (-1, stretch))
    last = torch.cat([frames[..., :-1, -1], envelope[..., -1:]], -1)
    assert bool((peaks >= torch.maximum(frames[..., 0], last) * (1.0 - 1e-9) - 1e-12).all())
    heard = whole > 0.1 * envelope.amax()
    assert float((20 * (whole / peaks).log10())[heard].max()) < 0.2


def test_peaks_of_envelopes_have_gradients_where_they_are_asked_for():
    bank = GammatoneFilterbank([500.0, 3000.0], 16000, learnable=True)
    x = noise(400).float()
    peaks, power = bank.envelope_peaks(x, 8)
    (peaks.sum() + power.sum()).backward()
    assert bool(bank.poles.grad.ne(0).all())
    with torch.no_grad():  # float32, two routes to the same number
        fast, fast_power = bank.envelope_peaks(x, 8)
    torch.testing.assert_close(fast, peaks.detach(), rtol=0.0, atol=1e-6)
    torch.testing.assert_close(fast_power, power.detach(), rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("implementation", ["sos", "poly"])
@pytest.mark.parametrize("step", [1, 7])
def test_the_analytic_output_is_the_channel_and_its_envelope(step: int, implementation: str):
    bank = GammatoneFilterbank([300.0, 3000.0], 16000, dtype=torch.float64, implementation=implementation)
    x = noise(2, 3001)
    z = bank.analytic(x, step)
    # 'poly' rounds
    torch.testing.assert_close(z.real, bank(x)[..., ::step], rtol=0.0, atol=1e-9)
    torch.testing.assert_close(z.abs(), bank.envelope(x, step), rtol=0.0, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda bank: bank.envelope_peaks(torch.zeros(9), 0), "frame_length = 0 samples; give at least 1"),
        (lambda bank: bank.envelope_peaks(torch.zeros(9), 4, oversampling=0.0), "give a positive number"),
        (lambda bank: bank.envelope_peaks(torch.zeros(1, 1, 9), 4), "give \\(T,\\) or \\(batch, T\\)"),
        (lambda bank: bank.analytic(torch.zeros(9), 0), "step = 0"),
    ],
)
def test_what_an_envelope_cannot_be_looked_at_with_is_refused(call: Any, says: str):
    with pytest.raises(ValueError, match=says):
        call(GammatoneFilterbank([500.0], 16000))


def test_an_envelope_has_gradients_where_they_are_asked_for():
    bank = GammatoneFilterbank([500.0], 16000, learnable=True)
    x = noise(400).float().requires_grad_()
    bank.envelope(x, 3).sum().backward()
    assert bool(x.grad.any())
    assert bool(bank.poles.grad.any())
    # float32, two routes to the same number
    with torch.no_grad():
        fast = bank.envelope(x, 3)
    torch.testing.assert_close(fast, bank.envelope(x, 3).detach(), rtol=0.0, atol=1e-6)


def test_resynthesis_returns_the_signal_within_the_range_of_the_bank():
    fs = 16000
    bank = GammatoneFilterbank(erbspacebw(50.0, 7900.0, bwmul=0.5), fs, dtype=torch.float64)
    tone = torch.sin(2 * math.pi * 1000.0 / fs * torch.arange(fs, dtype=torch.float64))
    middle = slice(fs // 4, 3 * fs // 4)
    # half an ERB apart the summed channels ripple by less than a tenth of a decibel
    torch.testing.assert_close(bank.resynthesise(bank(tone))[middle], tone[middle], rtol=0.0, atol=0.01)


def learner(implementation: str = "sos", dtype: torch.dtype = torch.float64) -> GammatoneFilterbank:
    return GammatoneFilterbank(
        [3000.0, 5000.0], 16000, n=3, learnable=True, dtype=dtype, implementation=implementation
    )


@pytest.mark.parametrize("implementation", ["sos", "poly"])
@pytest.mark.parametrize("block", [None, 5])
def test_gradients_reach_every_coefficient_and_the_input(implementation: str, block: int | None):
    bank = learner(implementation)
    names = [name for name, _ in bank.named_parameters()]
    assert names == (["poles", "gains"] if implementation == "sos" else ["b", "a"])

    def run(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
        y: Tensor = torch.func.functional_call(
            bank, dict(zip(names, (first, second), strict=True)), (x, block)
        )
        return y

    values = [p.detach().clone().requires_grad_() for p in bank.parameters()]
    assert torch.autograd.gradcheck(run, (noise(8).requires_grad_(), *values))


def test_gradients_reach_the_frequency_response():
    bank = learner()
    bank.frequency_response([1000.0, 3000.0]).abs().sum().backward()
    assert bank.poles.grad is not None
    assert bool((bank.poles.grad.abs() > 0.0).all())


@pytest.mark.parametrize(("implementation", "count"), [("sos", 60), ("poly", 180)])
def test_thirty_channels_learn_as_many_numbers_as_specified(implementation: str, count: int):
    bank = GammatoneFilterbank((100.0, 8000.0), 16000, learnable=True, implementation=implementation)
    complex_numbers = (getattr(bank, name) for name, _ in bank.named_parameters())
    assert sum(values.numel() for values in complex_numbers) == count
    assert sum(p.numel() for p in bank.parameters()) == 2 * count
    assert not any(t.is_complex() for t in (*bank.parameters(), *bank.buffers()))
    assert sum(p.numel() for p in GammatoneFilterbank((100.0, 8000.0), 16000).parameters()) == 0


def test_learning_changes_the_output_at_once():
    bank, x = learner(dtype=torch.float32), noise(100)
    with torch.no_grad():
        before = bank(x)
        bank.poles.data *= 0.9
        after = bank(x)
    assert not torch.allclose(before, after)


def test_a_gradient_step_brings_the_bank_closer_to_a_target():
    target, x = GammatoneFilterbank([3000.0], 16000), noise(500)
    bank = GammatoneFilterbank([3200.0], 16000, learnable=True)
    optimiser = torch.optim.Adam(bank.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        optimiser.zero_grad()
        loss = (bank(x) - target(x)).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2.0


@pytest.mark.parametrize("implementation", ["sos", "poly"])
def test_unstable_poles_are_refused_or_reported(implementation: str):
    bank = learner(implementation)
    with torch.no_grad():
        if implementation == "sos":
            with pytest.raises(ValueError, match=r"poles holds .* keeps it inside the unit circle"):
                bank.poles[0] *= 1.5
            bank = GammatoneFilterbank([3000.0, 5000.0], 16000, n=3)
            bank.poles[0] *= 1.5
        else:
            bank.a[0, -1] *= 10.0
    with pytest.raises(ValueError, match="unstable; poles must stay below 1"):
        bank(torch.zeros(10))


@pytest.mark.parametrize("implementation", ["sos", "poly"])
@pytest.mark.parametrize("learnable", [False, True])
def test_a_conversion_to_float64_keeps_the_filters(implementation: str, learnable: bool):
    def make(dtype: torch.dtype) -> GammatoneFilterbank:
        return GammatoneFilterbank(
            [400.0, 900.0], 16000, dtype=dtype, learnable=learnable, implementation=implementation
        )

    x = noise(200)
    expected = make(torch.float64)(x)
    for convert in (
        lambda m: m.double(),
        lambda m: m.to(torch.float64),
        lambda m: torch.nn.Sequential(m).double()[0],
    ):
        bank = make(torch.float32)
        bank(x)
        bank = convert(bank)
        assert (bank.dtype, bank.fc.dtype) == (torch.float64, torch.float64)
        assert torch.equal(bank(x), expected)
        assert torch.equal(bank.float()(x), make(torch.float32)(x))


@pytest.mark.parametrize(
    "convert", [lambda m: m.half(), lambda m: m.bfloat16(), lambda m: m.to(torch.float16)]
)
def test_a_conversion_to_half_precision_is_refused(convert: Any):
    bank = GammatoneFilterbank([400.0], 16000)
    with pytest.raises(ValueError, match="works in float32 or float64"):
        convert(bank)
    assert bank.fc.dtype == torch.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gpu_agrees_with_the_cpu_to_rounding(dtype: torch.dtype):
    bank, x = GammatoneFilterbank((50.0, 16000.0), 44100, dtype=dtype), noise(2, 50_000).to(dtype)
    expected = bank(x)
    actual = copy.deepcopy(bank).to("cuda")(x.to("cuda"))
    assert actual.device.type == "cuda"
    error = (actual.cpu() - expected).abs().max() / expected.abs().max()
    assert float(error) < {torch.float32: 2e-6, torch.float64: 1e-13}[dtype]


@pytest.mark.parametrize("implementation", ["sos", "poly"])
def test_a_saved_state_restores_the_bank(implementation: str):
    bank, other = learner(implementation), learner(implementation)
    x = noise(50)
    with torch.no_grad():
        for parameter in bank.parameters():
            parameter *= torch.linspace(1.0, 0.9, parameter.shape[1]).unsqueeze(-1)
        before = other(x)
    file = io.BytesIO()
    torch.save(bank.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file))
    with torch.no_grad():
        assert torch.equal(other(x), bank(x))
        assert not torch.allclose(other(x), before)


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_filters_alike_and_learns_alone(twin: Any):
    bank, x = learner(), noise(50)
    bank(x)
    other = twin(bank)
    assert torch.equal(other(x), bank(x))
    with torch.no_grad():
        other.gains *= 2.0
        assert not torch.allclose(other(x), bank(x))


def test_what_inference_mode_cached_can_be_differentiated_later():
    bank = GammatoneFilterbank([400.0], 16000)
    with torch.inference_mode():
        bank(torch.zeros(50))
    x = noise(50).float().requires_grad_()
    bank(x).sum().backward()
    assert x.grad is not None


def test_forward_of_a_fixed_bank_evaluates_its_response_once(monkeypatch: pytest.MonkeyPatch):
    bank, calls = GammatoneFilterbank([400.0], 16000), []
    evaluate = bank._evaluate
    monkeypatch.setattr(bank, "_evaluate", lambda at: calls.append(at) or evaluate(at))
    bank(torch.zeros(500))
    first = len(calls)
    bank(torch.ones(500))
    assert len(calls) == first


def test_printing_tells_the_settings():
    text = repr(GammatoneFilterbank((100.0, 8000.0), 16000))
    for part in (
        "num_channels=30",
        "fs=16000",
        "n=4",
        "(100.0, 8000.0)",
        "betamul=1.019",
        "learnable=False",
        "'sos'",
    ):
        assert part in text
    limited = GammatoneFilterbank([1000.0], 16000, implementation="poly", max_pole_magnitude=0.9)
    assert "max_pole_magnitude=0.9" in repr(limited)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"fs": 0.0}, ValueError, "fs = 0.0"),
        ({"fs": math.nan}, ValueError, "fs = nan"),
        ({"fc": [0.0]}, ValueError, "fc holds 0.0 Hz"),
        ({"fc": [8001.0]}, ValueError, "up to fs / 2 = 8000.0"),
        ({"fc": [math.nan]}, ValueError, "fc holds nan"),
        ({"fc": []}, ValueError, r"shape \(0,\)"),
        ({"fc": 1000.0}, ValueError, r"shape \(\)"),
        ({"fc": torch.ones(2, 2)}, ValueError, r"shape \(2, 2\)"),
        ({"fc": torch.tensor([1j])}, TypeError, "complex64"),
        ({"fc": (100.0, 200.0, 300.0)}, ValueError, "tuple of 3"),
        ({"fc": (2000.0, 100.0)}, ValueError, "no range"),
        ({"fc": (100.0, 9000.0)}, ValueError, r"fs / 2 = 8000\.0"),
        ({"fc": (0.0, 1000.0)}, ValueError, "0 < low"),
        ({"n": 0}, ValueError, "n = 0"),
        ({"n": 4.0}, TypeError, "int >= 1"),
        ({"n": True}, TypeError, "bool"),
        ({"betamul": 0.0}, ValueError, "betamul = 0.0"),
        ({"betamul": math.inf}, ValueError, "betamul = inf"),
        ({"betamul": [1.0, -1.0, 1.0]}, ValueError, "betamul = -1.0"),
        ({"betamul": [1.0] * 99}, ValueError, r"shape \(99,\)"),
        ({"dtype": torch.float16}, ValueError, "torch.float16"),
        ({"dtype": "float32"}, TypeError, "str"),
        ({"implementation": "fir"}, ValueError, "'sos' or 'poly'"),
        ({"max_pole_magnitude": 0.9}, ValueError, "'poly'"),
        ({"implementation": "poly", "max_pole_magnitude": 1.0}, ValueError, "between 0 and 1|one between"),
    ],
)
def test_a_bank_that_cannot_be_is_refused_with_value_and_range(
    changes: dict[str, Any], error: type[Exception], says: str
):
    with pytest.raises(error, match=says):
        GammatoneFilterbank(**{"fc": [1000.0], "fs": 16000.0, **changes})


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda bank: bank(torch.zeros(1, 1, 5)), ValueError, r"\(1, 1, 5\); give \(T,\) or \(batch, T\)"),
        (lambda bank: bank(torch.tensor(0.0)), ValueError, r"shape \(\)"),
        (lambda bank: bank(torch.zeros(0)), ValueError, "no samples"),
        (lambda bank: bank(torch.zeros(0, 5)), ValueError, "no samples"),
        (lambda bank: bank(torch.tensor([0.0, math.inf])), ValueError, "1 non-finite .* index 1"),
        (lambda bank: bank(torch.zeros(5) * 1j), ValueError, "complex64"),
        (lambda bank: bank([0.0, 1.0]), TypeError, "list"),
        (lambda bank: bank(torch.zeros(5), block=0), ValueError, "block = 0"),
        (lambda bank: bank.impulse_response(0), ValueError, "samples = 0"),
        (lambda bank: bank.frequency_response([9000.0]), ValueError, "9000.0 Hz"),
        (lambda bank: bank.frequency_response([-1.0]), ValueError, "-1.0 Hz"),
        (lambda bank: bank.frequency_response([]), ValueError, r"shape \(0,\)"),
        (lambda bank: bank.frequency_response(1000.0), ValueError, r"shape \(\)"),
    ],
)
def test_what_a_bank_cannot_take_is_refused_in_one_sentence(call: Any, error: type[Exception], says: str):
    with pytest.raises(error, match=says):
        call(GammatoneFilterbank([1000.0], 16000))
