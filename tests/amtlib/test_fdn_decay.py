"""Decay times, bands, echo density: against decays that are known."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib.fdn import (
    design_fdn,
    echo_density,
    energy_decay_curve,
    mixing_time,
    octave_bands,
    octave_centres,
    render,
    reverberation_time,
)
from amtlib.fdn.noise import noise_floor

FS = 48000


def decay(rt: float, seconds: float = 1.0) -> np.ndarray:
    return np.exp(-math.log(1000.0) / rt * np.arange(round(seconds * FS)) / FS)


def test_the_decay_curve_of_an_exponential_falls_by_60_db_per_reverberation_time():
    curve = energy_decay_curve(decay(0.2))
    assert curve[0] == 0.0
    assert curve[round(0.1 * FS)] == pytest.approx(-30.0, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=50).filter(lambda v: any(v)))
def test_decay_curves_start_at_zero_and_never_rise(samples: list[float]):
    curve = energy_decay_curve(samples)
    assert curve[0] == 0.0
    assert (np.diff(curve[np.isfinite(curve)]) <= 1e-9).all()


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 1.4))
def test_exponential_decays_are_measured_exactly_although_they_are_cut_off(rt: float):
    times = reverberation_time(decay(rt), FS, "broadband")
    for found in (times.edt, times.t20, times.t30, times.t60):
        assert found[0] == pytest.approx(
            rt, rel=1e-6
        )  # the estimate of the missing energy is iterated to 1e-9


def test_a_response_that_ends_too_soon_has_no_decay_time():
    times = reverberation_time(decay(3.0), FS, "broadband")
    assert times.edt[0] == pytest.approx(3.0, rel=1e-4)
    assert math.isnan(times.t20[0])
    assert math.isnan(times.t60[0])


def test_a_network_with_one_decay_time_has_it_in_every_octave():
    response = render(design_fdn(N=8, rt=0.8, rng=0), 1.5)
    times = reverberation_time(response, FS)
    assert times.centres.tolist() == [62.5, 125, 250, 500, 1000, 2000, 4000, 8000, 16000]
    # a band of 62.5 Hz holds few modes, which beat
    assert times.t30 == pytest.approx(0.8, rel=0.1)
    assert times.t30[4:] == pytest.approx(0.8, rel=0.02)


def test_a_network_decays_faster_where_it_was_told_to():
    response = render(design_fdn(N=8, rt=(1.5, 0.3), rt_crossover=3000.0, rng=0), 2.5)
    t30 = reverberation_time(response, FS).t30
    assert t30[2] == pytest.approx(1.5, rel=0.07)
    assert t30[-1] == pytest.approx(0.3, rel=0.07)
    assert (np.diff(t30[2:]) < 0).all()


def test_channels_are_measured_one_by_one():
    pair = np.stack([decay(0.3), decay(0.6)], axis=1)
    times = reverberation_time(pair, FS, "broadband")
    assert times.t30.shape == (1, 2)
    assert times.t30[0] == pytest.approx([0.3, 0.6], rel=1e-6)


def test_octave_bands_share_the_energy_without_loss():
    noise = np.zeros(FS)
    noise[FS // 4 : FS // 2] = np.random.default_rng(0).standard_normal(FS // 4)
    spectrum = np.fft.rfft(noise)
    f = np.fft.rfftfreq(FS, 1 / FS)
    spectrum[(f < 80) | (f > 14000)] = 0.0  # between the centres of the outer bands
    noise = np.fft.irfft(spectrum)
    bands = octave_bands(noise, FS)
    # what rings beyond the response's ends is cut off
    assert np.square(bands).sum() == pytest.approx(np.square(noise).sum(), rel=1e-4)


def test_a_tone_is_in_its_own_octave_only():
    tone = np.sin(2 * np.pi * 1000 * np.arange(FS) / FS) * np.hanning(FS)
    energy = np.square(octave_bands(tone, FS)).sum(axis=1)
    assert energy[4] == pytest.approx(np.square(tone).sum(), rel=1e-6)
    assert np.delete(energy, 4).max() < 1e-9 * energy[4]


def test_octaves_end_where_their_bands_would_pass_half_the_rate():
    assert octave_centres(48000)[-1] == 16000
    assert octave_centres(44100)[-1] == 8000
    assert octave_centres(8000)[-1] == 2000


def test_gaussian_noise_has_echo_density_one_and_single_echoes_almost_none():
    rng = np.random.default_rng(1)
    times, density = echo_density(rng.standard_normal(FS), FS)
    # 480 effective samples per window
    assert density.mean() == pytest.approx(1.0, abs=0.02)
    assert times[0] == pytest.approx(0.01, abs=1e-4)
    assert times[-1] < 1.0
    echoes = np.zeros(FS)
    echoes[::200] = 1.0
    assert echo_density(echoes, FS)[1].max() < 0.05
    assert not echo_density(np.zeros(FS), FS)[1].any()


def test_more_lines_mix_sooner():
    mixing = [mixing_time(render(design_fdn(N=n, rt=2.0, rng=3), 1.0), FS) for n in (4, 8, 16)]
    assert mixing[0] > mixing[1] > mixing[2]
    assert math.isnan(mixing_time(decay(0.5) * 0 + np.eye(1, FS)[0], FS))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: energy_decay_curve(np.zeros(10)), "silent"),
        (lambda: energy_decay_curve([1.0]), "2 samples or more"),
        (lambda: energy_decay_curve([1.0, math.inf]), "finite"),
        (lambda: reverberation_time(decay(0.5), -1), "sample_rate"),
        (lambda: reverberation_time(decay(0.5), FS, "third"), "give frequencies in Hz, or 'broadband'"),
        (lambda: reverberation_time(decay(0.5), FS, [0.0]), "between 0 and fs / 2"),
        (lambda: reverberation_time(np.zeros((10, 2)), FS), "channel 0 is silent"),
        (lambda: octave_bands(decay(0.5), FS, [30000.0]), "between 0 and fs / 2"),
        (lambda: echo_density(np.ones((10, 2)), FS), "give one channel"),
        (lambda: echo_density(np.ones(100), FS), "window = 0.02 s is 960 samples"),
        (lambda: echo_density(np.ones(100), FS, window=-1.0), "window = -1"),
        (lambda: echo_density(np.ones(4800), FS, hop=0.0), "hop = 0"),
        (lambda: mixing_time(np.ones(4800), FS, threshold=0.0), "threshold = 0"),
    ],
)
def test_bad_responses_are_refused(call: Any, message: str):
    with pytest.raises(ValueError, match=message):
        call()


def noisy(rt: float, seconds: float, noise_db: float, seed: int = 0) -> np.ndarray:
    """A room that decays by 60 dB in rt s, with steady noise so far below its start."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * 48000)) / 48000
    decay = rng.standard_normal(len(t)) * 10.0 ** (-3.0 * t / rt)
    return np.asarray(decay + 10.0 ** (-noise_db / 20.0) * rng.standard_normal(len(t)))


@pytest.mark.parametrize(
    ("rt", "seconds", "noise_db"), [(0.5, 2.0, 50.0), (1.0, 2.0, 50.0), (1.5, 3.0, 60.0)]
)
def test_noise_behind_a_response_does_not_change_its_times(
    rt: float, seconds: float, noise_db: float
) -> None:
    found = reverberation_time(noisy(rt, seconds, noise_db), 48000, "broadband")
    # the spread of a time fitted to one draw of noise, about 2 % here
    assert [found.t20[0], found.t30[0]] == pytest.approx([rt, rt], rel=0.05)


def test_a_decay_hidden_by_noise_is_unknown() -> None:
    # ISO 3382-1: the noise lies at least 10 dB below the end of the fit, -25 dB for T20
    found = reverberation_time(noisy(1.0, 2.0, 30.0), 48000, "broadband")
    assert np.isnan([found.t20[0], found.t30[0], found.t60[0]]).all()


def test_a_decay_that_goes_on_is_no_noise() -> None:
    t = np.arange(96000) / 48000
    response = np.random.default_rng(0).standard_normal(96000) * (
        10.0 ** (-10.0 * t) + 0.01 * 10.0 ** (-1.5 * t)
    )
    assert noise_floor(response) == (96000, 0.0, math.inf)
