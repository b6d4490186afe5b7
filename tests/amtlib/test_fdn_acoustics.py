"""What is measured of a room, against decays whose measures are known in closed form; and networks that begin late."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from amtlib.fdn import (
    FDNBuild,
    build_from_json,
    build_to_json,
    design_fdn,
    echo_density,
    faust,
    process_fdn,
    render,
    reverberation_time,
    room_measures,
    transfer_function,
    without_noise,
)
from amtlib.train import extract_build, trainable_from_build

FS = 48000.0


def decay(rt: float, seconds: float, seed: int = 0) -> np.ndarray:
    t = np.arange(round(seconds * FS)) / FS
    return np.random.default_rng(seed).standard_normal(len(t)) * 10.0 ** (-3.0 * t / rt)


@pytest.mark.parametrize("rt", [0.3, 1.0, 2.5])
def test_measures_of_an_exponential_decay_are_those_of_the_formulas(rt: float) -> None:
    found = room_measures(decay(rt, 2.0 * rt), FS)
    high = found.centres >= 1000.0
    rate = 6.0 * math.log(10.0) / rt
    for name, wanted, within in (
        ("t30", rt, 0.02 * rt),
        ("t20", rt, 0.03 * rt),
        ("edt", rt, 0.08 * rt),
        ("c50", 10.0 * math.log10(math.expm1(0.05 * rate)), 0.6),
        ("c80", 10.0 * math.log10(math.expm1(0.08 * rate)), 0.6),
        ("d50", 1.0 - math.exp(-0.05 * rate), 0.03),
        ("centre_time", 1.0 / rate, 0.08 / rate),
    ):
        assert np.abs(getattr(found, name)[high] - wanted).mean() < within, name
    steps = np.diff(found.level[high])  # white noise has twice the energy in each next octave
    assert np.abs(steps - 10.0 * math.log10(2.0)).max() < 1.0
    whole = 10.0 * math.log10(FS / rate)
    assert found.level.max() < whole < found.level.max() + 6.0
    assert found.bass_ratio == pytest.approx(1.0, abs=0.15)


def test_noise_and_silence_around_a_response_change_no_measure() -> None:
    clean = np.stack([decay(0.8, 1.6), 0.5 * decay(0.8, 1.6, 1)], axis=1)
    late = np.concatenate([np.zeros((4800, 2)), clean])
    noisy = late + 1e-3 * np.random.default_rng(5).standard_normal(late.shape)
    bands = [500.0, 1000.0, 2000.0, 4000.0]
    wanted, found = room_measures(clean, FS, bands), room_measures(noisy, FS, bands)
    assert found.onset == pytest.approx(0.1, abs=1e-3)
    assert np.abs(found.t30 / wanted.t30 - 1.0).max() < 0.02
    for name in ("c50", "c80", "level"):
        assert np.abs(getattr(found, name) - getattr(wanted, name)).max() < 0.2, name
    assert np.abs(found.level[:, 0] - found.level[:, 1] - 6.0).max() < 1.0


@pytest.mark.parametrize(
    ("ir", "message"),
    [
        (np.ones(48000), "ir does not decay: its level falls by 0 dB"),
        (np.random.default_rng(0).standard_normal(48000), "ir does not decay"),
        (np.sin(np.arange(48000) * 0.03), "give the whole response to a clap or a sweep, not music"),
        (np.zeros(48000), "channel 0 of ir is silent"),
        (np.stack([decay(0.5, 1.0), np.zeros(48000)], axis=1), "channel 1 of ir is silent"),
        (np.ones(1), "ir has 1 samples"),
        (
            np.concatenate([0.7**beat * decay(0.3, 0.25, beat) for beat in range(8)]),
            "its level rises again 7 times by 10 dB",
        ),
        (decay(0.5, 1.0) + 0.5, "it ends at a constant 0.5: take its mean away"),
        (decay(3.0, 0.3), "falls by . dB .* give the whole response"),
        (1e200 * decay(0.5, 1.0), "ir has a peak of .*e\\+200: give one of 1e-09 to 1e\\+09"),
        (1e-200 * decay(0.5, 1.0), "ir has a peak of .*e-200"),
        (np.full(4800, math.nan), "not finite"),
        (np.ones(4800, dtype=np.int16), "ir has dtype int16"),
        (np.ones((100, 2, 2, 2)), "give \\(T,\\), \\(T, outputs\\)"),
    ],
)
def test_what_is_no_response_is_refused_in_one_sentence(ir: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        room_measures(ir, FS)


def lasting(kind: str) -> np.ndarray:
    """What lasts for a second and stops, and does not decay; or decays faster than any octave's filter."""
    rng = np.random.default_rng(0)
    n = np.arange(round(FS))
    return {
        "constant": np.ones(len(n)),
        "chord": sum(np.sin(2.0 * np.pi * f * n / FS) for f in (220.0, 330.0, 440.0)),
        "noise": rng.standard_normal(len(n)),
        "crescendo": decay(0.5, 1.0)[::-1],
        "click": np.eye(1, len(n))[0],
        "two samples": np.array([1.0, 0.5]),
    }[kind]


@pytest.mark.parametrize("kind", ["constant", "chord", "noise", "crescendo", "click", "two samples"])
def test_no_time_is_invented_where_nothing_decays_or_the_filters_ring_longer(kind: str) -> None:
    found = reverberation_time(lasting(kind), FS)
    for times in (found.t20, found.t30, found.t60):
        assert np.isnan(times).all()


def test_a_decay_as_short_as_that_of_the_octaves_is_measured_where_they_are_wide_enough() -> None:
    found = reverberation_time(decay(0.02, 0.2), FS)
    known = np.isfinite(found.t30)
    assert not known[found.centres < 200.0].any()
    wide = found.centres >= 1000.0
    assert np.abs(found.t30[wide] / 0.02 - 1.0).max() < 0.15


@pytest.mark.parametrize("noise_db", [-60.0, -50.0])
@pytest.mark.parametrize("rt", [0.4, 2.0])
def test_decays_in_noise_have_the_times_they_were_made_with(rt: float, noise_db: float) -> None:
    clean = decay(rt, 1.5 * rt)
    noisy = clean + 10.0 ** (noise_db / 20.0) * np.random.default_rng(7).standard_normal(len(clean))
    found, wanted = (room_measures(each, FS, [1000.0, 2000.0, 4000.0]) for each in (noisy, clean))
    for name, within in (("t30", 0.05), ("t20", 0.05), ("edt", 0.05)):
        assert np.abs(getattr(found, name) / getattr(wanted, name) - 1.0).max() < within, name
    assert np.abs(found.t30 / rt - 1.0).max() < 0.08
    assert np.abs(found.c50 - wanted.c50).max() < 0.1


def test_where_noise_hides_the_end_of_a_decay_its_time_is_not_guessed() -> None:
    noisy = decay(1.0, 1.5) + 10.0 ** (-40.0 / 20.0) * np.random.default_rng(7).standard_normal(72000)
    found = room_measures(noisy, FS, [1000.0, 2000.0, 4000.0])
    assert np.isnan(found.t30).all()
    assert np.abs(found.t20 - 1.0).max() < 0.1


def test_samples_that_are_none_and_windows_longer_than_the_response_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ir has shape \(0,\): give samples, time first"):
        without_noise([], FS)
    with pytest.raises(ValueError, match="ir has 2 samples: give a response as long as a window"):
        echo_density([1.0, 0.5], FS)


def test_bands_above_half_the_rate_are_refused() -> None:
    with pytest.raises(ValueError, match="leave these bands out"):
        room_measures(decay(0.5, 1.0), FS, [1000.0, 32000.0])


@pytest.mark.parametrize("fs", [8000.0, 192000.0])
def test_rates_from_8_to_192_khz_are_measured(fs: float) -> None:
    t = np.arange(round(0.6 * fs)) / fs
    found = room_measures(np.random.default_rng(0).standard_normal(len(t)) * 10.0 ** (-3.0 * t / 0.3), fs)
    assert np.abs(found.t30[found.centres >= 1000.0] - 0.3).max() < 0.03


def late() -> FDNBuild:
    return replace(design_fdn(delays=[31, 37], rt=0.1, rng=0, direct=0.5), pre_delay=100)


def test_a_pre_delay_comes_between_the_direct_sound_and_the_lines() -> None:
    build = late()
    plain = render(replace(build, pre_delay=0, D=[[0.0]]), 0.05)
    found = render(build, 0.05)
    assert found[0] == 0.5
    assert not found[1:131].any()
    assert np.allclose(found[100:], plain[:-100], rtol=0, atol=1e-15)
    assert np.array_equal(process_fdn(np.ones(50), build), np.full(50, 0.5))
    spectrum = transfer_function(build, 2**14, radius=1.001)
    whole = render(build, 2**14 / FS) * 1.001 ** -np.arange(2**14)
    assert np.allclose(np.fft.rfft(whole), spectrum, atol=1e-9)
    assert "pre-delay 2.08 ms" in repr(build)


@pytest.mark.parametrize("version", [1, 2])
def test_files_and_models_keep_a_pre_delay(version: int) -> None:
    build = late()
    assert build_from_json(build_to_json(build, version=version)) == build
    assert "par(i, 1, @(100)) : input_gains" in faust(build)
    dry = replace(build, D=[[0.0]])
    assert extract_build(trainable_from_build(dry, nfft=2**10, device="cpu")).pre_delay == 100
    with pytest.raises(ValueError, match="pre_delay = 100 lies between the direct path and the lines"):
        trainable_from_build(build, nfft=2**10)


@pytest.mark.parametrize(
    ("value", "error"), [(-1, ValueError), (2**19, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_pre_delays_are_whole_samples_in_range(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="pre_delay"):
        replace(late(), pre_delay=value)
