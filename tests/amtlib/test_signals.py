"""Claims about amtlib.signals: levels, spectra, time patterns, repeatability."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import jv

from amtlib.signals import (
    P_REF,
    am_tone,
    apply_ramp,
    band_noise,
    click,
    click_train,
    fm_tone,
    gap_in_noise,
    harmonic_complex,
    iterated_rippled_noise,
    mix,
    pascal,
    pink_noise,
    rms_level,
    set_level,
    sweep,
    tone,
    tone_in_noise,
    tone_pair,
    white_noise,
)
from tests.amtlib.stimuli import ALL, LEVEL_OF, LEVELLED, SEEDED

EXACT: dict[str, Any] = {"ramp": 0.0, "dtype": torch.float64}

levels = st.floats(-100.0, 160.0)


def spectrum_db(x: torch.Tensor) -> torch.Tensor:
    """Rms level of each line of a one-second sound, dB SPL."""
    return 20 * torch.log10(torch.fft.rfft(x.double()).abs() * math.sqrt(2) / x.numel() / P_REF + 1e-300)


# --- levels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LEVELLED)
@given(level=levels)
def test_the_rms_level_is_the_one_asked_for(name: str, level: float) -> None:
    x = LEVELLED[name](level=level, duration=0.2, fs=16000, **EXACT)
    # Rounding of a few thousand float64 squares.
    assert float(rms_level(x)) == pytest.approx(level, abs=1e-9)


@pytest.mark.parametrize("name", LEVEL_OF)
def test_twenty_db_more_are_ten_times_the_pressure(name: str) -> None:
    quiet, loud = (LEVEL_OF[name](level=level, duration=0.1, **EXACT) for level in (40.0, 60.0))
    if name == "tone_in_noise":  # here the level is the tone's alone
        noise = tone_in_noise(1000.0, level=-100.0, duration=0.1, **EXACT)
        quiet, loud = quiet - noise, loud - noise
        assert rms_level(loud) - rms_level(quiet) == pytest.approx(20.0, abs=1e-4)  # less the tone of -100 dB
    else:
        torch.testing.assert_close(loud, 10 * quiet, rtol=1e-12, atol=0)


def test_zero_db_spl_is_twenty_micropascal() -> None:
    assert pascal(0.0) == P_REF == 20e-6


def test_ninety_four_db_spl_are_one_pascal() -> None:
    assert pascal(20 * math.log10(1 / 20e-6)) == pytest.approx(1.0, rel=1e-14)  # rounding of one power


@given(level=levels, gain=st.floats(1e-6, 1e6))
def test_set_level_sets_the_level_that_rms_level_reads(level: float, gain: float) -> None:
    x = gain * torch.sin(torch.arange(100, dtype=torch.float64))
    assert float(rms_level(set_level(x, level))) == pytest.approx(level, abs=1e-9)  # float64 rounding


def test_set_level_treats_each_channel_on_its_own() -> None:
    x = torch.stack([torch.ones(50), 3 * torch.ones(50)]).double()
    torch.testing.assert_close(rms_level(set_level(x, 50.0)), torch.tensor([50.0, 50.0]).double())


def test_silence_has_no_level_to_set() -> None:
    with pytest.raises(ValueError, match="silent"):
        set_level(torch.zeros(10), 60.0)


def test_silence_has_the_level_minus_infinity() -> None:
    assert float(rms_level(torch.zeros(10))) == -math.inf


def test_a_gradient_reaches_the_signal_through_its_level() -> None:
    x = torch.randn(20, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    assert torch.autograd.gradcheck(rms_level, (x,))
    assert torch.autograd.gradcheck(lambda y: set_level(y, 94.0), (x,))


def test_a_click_is_as_high_as_the_peak_of_a_tone_of_its_level() -> None:
    peak = float(
        tone(1000.0, level=80.0, fs=48000, **EXACT).abs().max()
    )  # 48 samples a period: one on the peak
    assert float(click(level=80.0, dtype=torch.float64).max()) == pytest.approx(peak, rel=1e-12)


def test_the_second_tone_of_a_pair_has_its_own_level() -> None:
    lines = spectrum_db(tone_pair(500.0, 800.0, level=60.0, level2=35.0, **EXACT))
    assert [float(lines[f]) for f in (500, 800)] == pytest.approx(
        [60.0, 35.0], abs=1e-9
    )  # rounding of the FFT


def test_tone_and_noise_have_their_own_levels() -> None:
    both = tone_in_noise(1000.0, level=50.0, noise_level=65.0, low=2000.0, high=4000.0, **EXACT)
    power = torch.fft.rfft(both).abs().square()
    tone_level, noise_level = (
        float(10 * torch.log10(2 * power[part].sum() / both.numel() ** 2 / P_REF**2))
        for part in (slice(500, 1500), slice(1500, 5000))
    )
    assert (tone_level, noise_level) == pytest.approx((50.0, 65.0), abs=1e-9)  # rounding of the FFT


# --- what all share -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@given(
    duration=st.floats(0.05, 0.3),
    fs=st.integers(8000, 96000),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_the_shape_is_the_rounded_duration_and_the_dtype_is_kept(
    name: str, duration: float, fs: int, dtype: torch.dtype
) -> None:
    x = ALL[name](duration=duration, fs=fs, dtype=dtype)
    assert x.shape == (round(duration * fs),)
    assert x.dtype == dtype
    assert bool(torch.isfinite(x).all())


@pytest.mark.parametrize("name", [name for name in ALL if name != "silence"])
def test_ramps_shape_the_ends_and_leave_the_middle(name: str) -> None:
    plain, ramped = (ALL[name](duration=0.2, fs=10000, ramp=r, dtype=torch.float64) for r in (0.0, 0.05))
    if name != "tone_in_noise":
        torch.testing.assert_close(ramped, apply_ramp(plain, 10000, 0.05), rtol=0, atol=0)
    torch.testing.assert_close(ramped[500:1500], plain[500:1500], rtol=0, atol=0)
    assert float(ramped[:5].abs().max()) < 0.01 * float(plain.abs().max())


@pytest.mark.parametrize("name", ALL)
def test_equal_calls_give_equal_sounds_and_leave_the_global_generator_alone(name: str) -> None:
    state = torch.random.get_rng_state()
    first, second = ALL[name](duration=0.1), ALL[name](duration=0.1)
    assert torch.equal(first, second)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("name", ALL)
def test_float32_is_the_rounded_float64_sound(name: str) -> None:
    exact = ALL[name](duration=0.1, dtype=torch.float64)
    assert torch.equal(ALL[name](duration=0.1), exact.float())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_every_sound_is_the_same_on_a_gpu() -> None:
    for make in ALL.values():
        assert torch.equal(make(duration=0.1, device="cuda").cpu(), make(duration=0.1))


@pytest.mark.parametrize("name", [name for name in SEEDED if name != "harmonic_complex"])
def test_another_seed_gives_another_noise(name: str) -> None:
    assert not torch.equal(ALL[name](duration=0.1, seed=1), ALL[name](duration=0.1, seed=2))


def test_random_phases_come_from_the_seed() -> None:
    one, two = (harmonic_complex(100.0, phases="random", seed=seed, duration=0.1) for seed in (1, 2))
    assert not torch.equal(one, two)


# --- spectra --------------------------------------------------------------------------------------------------


@given(frequency=st.integers(20, 21000), phase=st.floats(-10.0, 10.0))
def test_a_tone_is_the_sine_of_its_phase(frequency: int, phase: float) -> None:
    x = tone(frequency, phase=phase, level=94.0, duration=0.1, **EXACT)
    n = torch.arange(4410, dtype=torch.float64)
    # Whole frequencies: n * frequency is exact, so its remainder is the true phase.
    expected = (
        math.sqrt(2) * pascal(94.0) * torch.sin(2 * math.pi * ((n * frequency) % 44100) / 44100 + phase)
    )
    torch.testing.assert_close(x, expected, rtol=0, atol=1e-14)  # a peak of 1.4, rounding


@pytest.mark.parametrize("phases", ["sine", "cosine", "alternating", "schroeder+", "schroeder-", "random"])
def test_a_complex_holds_its_harmonics_and_nothing_else(phases: Any) -> None:
    lines = spectrum_db(harmonic_complex(150.0, lowest=3, phases=phases, level=70.0, **EXACT))
    present = torch.nonzero(lines > -100).flatten()
    assert present.tolist() == list(range(450, 22050, 150))
    each = 70.0 - 10 * math.log10(len(present))
    torch.testing.assert_close(lines[present], torch.full_like(lines[present], each), rtol=0, atol=1e-9)


@pytest.mark.parametrize("phases", ["sine", "cosine", "alternating", "schroeder+", "schroeder-"])
def test_the_fast_sum_equals_the_sum_of_sines(phases: Any) -> None:
    x = harmonic_complex(97.3, lowest=2, highest=40, phases=phases, level=94.0, duration=1.0, **EXACT)
    t = torch.arange(44100, dtype=torch.float64) / 44100
    expected = torch.zeros_like(t)
    for k, n in enumerate(range(2, 41), 1):
        offset = {
            "sine": 0.0,
            "cosine": math.pi / 2,
            "alternating": 0.0 if n % 2 else math.pi / 2,
            "schroeder+": math.pi * k * (k + 1) / 39,
            "schroeder-": -math.pi * k * (k + 1) / 39,
        }[phases]
        expected += math.sqrt(2 / 39) * pascal(94.0) * torch.sin(2 * math.pi * n * 97.3 * t + offset)
    torch.testing.assert_close(x, expected, rtol=0, atol=1e-10)  # phases of up to 2e4 rad in float64


def test_schroeder_phases_flatten_what_cosine_phases_pile_up() -> None:
    def crest(phases: Any) -> float:
        x = harmonic_complex(100.0, highest=50, phases=phases, **EXACT)
        return float(x.abs().max() / x.square().mean().sqrt())

    assert crest("cosine") == pytest.approx(10.0, rel=1e-6)  # sqrt(2 * 50), where all 50 peaks meet
    assert crest("schroeder+") < 2.0  # Schroeder 1970: below 1.7 times that of a sine
    assert crest("schroeder-") < 2.0


@pytest.mark.parametrize(("phases", "rises"), [("schroeder-", True), ("schroeder+", False)])
def test_negative_schroeder_phases_glide_up_and_positive_ones_down(phases: Any, rises: bool) -> None:
    x = harmonic_complex(50.0, highest=60, phases=phases, fs=48000, **EXACT)
    analytic = torch.fft.ifft(torch.cat([torch.fft.fft(x)[:24000] * 2, torch.zeros(24000)]))
    frequency = torch.angle(analytic[1:] * analytic[:-1].conj()) * 48000 / (2 * math.pi)
    period = frequency[: 960 * 40].reshape(40, 960).mean(0)
    steps = period.roll(-1) - period
    # Within one period the frequency moves steadily, but for the one jump back.
    assert int((steps > 0).sum() > 480) == int(rises)


@pytest.mark.parametrize("name", ["white_noise", "pink_noise", "band_noise"])
def test_noise_is_gaussian(name: str) -> None:
    x = LEVELLED[name](duration=5.0, **EXACT)
    kurtosis = float((x / x.square().mean().sqrt()).pow(4).mean())
    # Standard error below 0.1 with at least 36000 independent numbers in the narrowest band.
    assert kurtosis == pytest.approx(3.0, abs=0.3)


def test_white_noise_has_equal_power_in_equal_bands() -> None:
    power = torch.fft.rfft(white_noise(duration=10.0, **EXACT)).abs().square()[1:-1].split(22050)
    bands = torch.stack([p.mean() for p in power if p.numel() == 22050])
    # Mean of 22050 exponential numbers: relative spread 1/148 = 0.03 dB; five times that.
    assert float((10 * torch.log10(bands / bands.mean())).abs().max()) < 0.15


def test_pink_noise_has_equal_power_in_equal_octaves() -> None:
    power = torch.fft.rfft(pink_noise(duration=20.0, **EXACT)).abs().square()
    octaves = torch.stack([power[20 * f : 40 * f].sum() for f in (200, 400, 800, 1600, 3200, 6400)])
    # The lowest octave sums 4000 lines: spread 0.07 dB; four times that.
    assert float((10 * torch.log10(octaves / octaves.mean())).abs().max()) < 0.3


@given(
    low=st.floats(0.0, 7000.0),
    width=st.floats(20.0, 1000.0),
    duration=st.floats(0.1, 0.5),
    seed=st.integers(0, 99),
)
def test_band_noise_is_empty_outside_its_band(low: float, width: float, duration: float, seed: int) -> None:
    x = band_noise(low, low + width, duration=duration, fs=16000, seed=seed, **EXACT)
    frequencies = torch.arange(x.numel() // 2 + 1) * 16000 / x.numel()
    lines = torch.fft.rfft(x).abs()
    outside = (frequencies < low - 1e-3) | (frequencies > low + width + 1e-3)
    assert float(lines[outside].max()) < 1e-12 * float(lines.max())  # FFT rounding


def test_bands_of_one_seed_are_cut_from_the_same_noise() -> None:
    narrow, wide = (torch.fft.rfft(band_noise(1000.0, top, **EXACT)) for top in (1500.0, 3000.0))
    ratio = wide[1000:1501] / narrow[1000:1501]
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-9, atol=0)  # FFT rounding


def test_amplitude_modulation_makes_two_sidebands() -> None:
    lines = spectrum_db(am_tone(1000.0, 30.0, depth=0.5, level=60.0, **EXACT))
    assert torch.nonzero(lines > -100).flatten().tolist() == [970, 1000, 1030]
    assert float(lines[970] - lines[1000]) == pytest.approx(20 * math.log10(0.25), abs=1e-9)  # depth / 2


@given(carrier=st.integers(1000, 7990), rate=st.floats(1.0, 500.0), deviation=st.floats(0.0, 900.0))
def test_a_sideband_of_fm_above_minus_80_db_is_never_aliased(
    carrier: int, rate: float, deviation: float
) -> None:
    orders = np.arange(1500)
    highest = carrier + rate * orders[np.abs(jv(orders, deviation / rate)) > 1e-4].max()
    if highest >= 8000:
        with pytest.raises(ValueError, match="aliased"):
            fm_tone(carrier, rate, deviation, duration=0.05, fs=16000)


def test_the_sidebands_of_fm_are_bessel_functions_of_the_index() -> None:
    lines = 10 ** ((spectrum_db(fm_tone(4000.0, 100.0, 300.0, level=60.0, **EXACT)) - 60) / 20)
    found = lines[torch.arange(4000, 4900, 100)]
    # Rounding of the FFT.
    torch.testing.assert_close(found, torch.from_numpy(np.abs(jv(range(9), 3.0))), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", ["linear", "logarithmic"])
@pytest.mark.parametrize(("start", "stop"), [(100.0, 6400.0), (6400.0, 100.0), (1000.0, 1000.0)])
def test_a_sweep_passes_its_middle_frequency_half_way(shape: Any, start: float, stop: float) -> None:
    x = sweep(start, stop, shape=shape, duration=2.0, **EXACT)
    middle = math.sqrt(start * stop) if shape == "logarithmic" else (start + stop) / 2
    crossings = int(((x[41000:47200] > 0).diff()).sum())
    # Counting half-cycles in 0.14 s, over which the log sweep's own curvature adds about 1 %.
    assert crossings / 2 / (6199 / 44100) == pytest.approx(middle, rel=0.02, abs=8.0)


# --- time -----------------------------------------------------------------------------------------------------


@given(rate=st.floats(1.0, 1500.0), fs=st.sampled_from([16000, 44100, 48000]), onset=st.floats(0.0, 0.1))
def test_no_click_is_more_than_half_a_sample_from_its_time(rate: float, fs: int, onset: float) -> None:
    x = click_train(rate, width=1 / fs, onset=onset, duration=0.5, fs=fs)
    at = torch.nonzero(x).flatten().double()
    due = (onset + torch.arange(at.numel(), dtype=torch.float64) / rate) * fs
    assert float((at - due).abs().max()) <= 0.5 + 1e-6  # rounding of the due time
    assert float((onset + at.numel() / rate) * fs) > x.numel() - 1.5  # none is missing at the end


def test_a_click_lasts_its_width() -> None:
    x = click(width=0.001, onset=0.002, duration=0.01, fs=48000)
    assert torch.nonzero(x).flatten().tolist() == list(range(96, 144))


@given(gap=st.floats(0.0005, 0.05), centre=st.floats(0.1, 0.3), edge=st.floats(0.0, 0.01))
def test_a_gap_is_silent_for_its_time_around_its_centre(gap: float, centre: float, edge: float) -> None:
    fs = 32000
    x = gap_in_noise(gap, centre=centre, gap_ramp=edge, duration=0.4, fs=fs, ramp=0.0)
    silent = torch.nonzero(x == 0).flatten().double()
    assert silent.numel() == round(gap * fs)
    assert float(silent.mean() + 0.5) / fs == pytest.approx(
        centre, abs=1.01 / fs
    )  # two roundings of half a sample


def test_no_gap_is_plain_noise() -> None:
    torch.testing.assert_close(gap_in_noise(0.0), white_noise(), rtol=0, atol=1e-8)  # one FFT there and back


@given(delay=st.floats(0.002, 0.02), gain=st.sampled_from([1.0, -1.0]), iterations=st.integers(1, 20))
def test_rippled_noise_has_its_peaks_where_the_delay_puts_them(
    delay: float, gain: float, iterations: int
) -> None:
    x = iterated_rippled_noise(delay, gain=gain, iterations=iterations, duration=0.5, fs=16000, **EXACT)
    power = torch.fft.rfft(x).abs().square()
    phase = torch.arange(power.numel()) * 2.0 * delay + (0.0 if gain > 0 else 0.5)
    near_peak = (torch.remainder(phase + 0.5, 1.0) - 0.5).abs() < 0.1
    near_dip = (torch.remainder(phase, 1.0) - 0.5).abs() < 0.1
    # At a tenth of a period from the peak one pass keeps 0.90 of the power, near the dip at most 0.10.
    assert float(power[near_peak].mean() / power[near_dip].mean()) > 5.0


def test_no_iteration_is_white_noise() -> None:
    x = iterated_rippled_noise(0.01, iterations=0, dtype=torch.float64)
    torch.testing.assert_close(x, white_noise(dtype=torch.float64), rtol=0, atol=1e-15)  # an FFT and back


def test_the_tone_begins_and_ends_where_it_is_told() -> None:
    both = tone_in_noise(1000.0, level=60.0, noise_level=30.0, tone_onset=0.3, tone_duration=0.2, **EXACT)
    alone = both - white_noise(level=30.0, **EXACT)
    heard = torch.nonzero(alone.abs() > 1e-6).flatten()
    assert (int(heard[0]), int(heard[-1])) == (13231, 22049)  # the sine's first and last samples are zero


# --- mixes and ramps ------------------------------------------------------------------------------------------


@given(t=st.integers(1, 50), u=st.integers(1, 50), onset=st.integers(0, 60))
def test_a_mix_lasts_until_the_later_end_and_loses_nothing(t: int, u: int, onset: int) -> None:
    both = mix(torch.ones(t), torch.ones(u), onset=onset / 1000, fs=1000)
    assert both.shape == (max(t, onset + u),)
    assert float(both.sum()) == t + u


def test_the_gain_of_a_mix_is_in_db_on_the_second() -> None:
    both = mix(torch.zeros(3).double(), torch.ones(3).double(), gain=-20.0)
    torch.testing.assert_close(both, torch.full((3,), 0.1).double())


def test_a_mix_keeps_leading_axes() -> None:
    assert mix(torch.ones(2, 1, 5), torch.ones(3, 8)).shape == (2, 3, 8)


def test_a_mix_of_different_dtypes_is_refused() -> None:
    with pytest.raises(TypeError, match=r"\.to"):
        mix(torch.ones(3), torch.ones(3).double())


@given(total=st.integers(2, 60), half=st.integers(0, 30))
def test_ramps_are_symmetric_or_refused(total: int, half: int) -> None:
    x = torch.ones(total, dtype=torch.float64)
    if 2 * half > total + 1:
        with pytest.raises(ValueError, match="ramp"):
            apply_ramp(x, 1000, half / 1000)
    else:
        y = apply_ramp(x, 1000, half / 1000)
        torch.testing.assert_close(y, y.flip(0))
        assert float(y.max()) <= 1.0
