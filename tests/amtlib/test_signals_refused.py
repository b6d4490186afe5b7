"""What amtlib.signals refuses, and that it says why."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from amtlib.signals import (
    am_tone,
    band_noise,
    click,
    click_train,
    fm_tone,
    gap_in_noise,
    harmonic_complex,
    iterated_rippled_noise,
    pink_noise,
    sweep,
    tone,
    tone_in_noise,
    tone_pair,
)
from tests.amtlib.stimuli import ALL, SEEDED

BAD_NUMBERS = [math.nan, math.inf, -math.inf]
BAD_FREQUENCIES = [*BAD_NUMBERS, 0.0, -5.0, 22050.0, 1e9]


@pytest.mark.parametrize("name", [name for name in ALL if name != "silence"])
@pytest.mark.parametrize("level", [*BAD_NUMBERS, -100.1, 160.1])
def test_an_impossible_level_is_refused_by_name(name: str, level: float) -> None:
    with pytest.raises(ValueError, match=r"level = .* is outside -100 to 160 dB SPL"):
        ALL[name](level=level)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("duration", [*BAD_NUMBERS, 0.0, -1.0, 600.1])
def test_an_impossible_duration_is_refused_by_name(name: str, duration: float) -> None:
    with pytest.raises(ValueError, match="duration = "):
        ALL[name](duration=duration)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("fs", [*BAD_NUMBERS, 0, -44100, 1e9])
def test_an_impossible_rate_is_refused_by_name(name: str, fs: float) -> None:
    with pytest.raises(ValueError, match="fs = "):
        ALL[name](fs=fs)


@pytest.mark.parametrize("name", [name for name in ALL if name != "silence"])
@pytest.mark.parametrize("ramp", [*BAD_NUMBERS, -0.01, 0.6])
def test_an_impossible_ramp_is_refused_by_name(name: str, ramp: float) -> None:
    with pytest.raises(ValueError, match="ramp = "):
        ALL[name](ramp=ramp)


@pytest.mark.parametrize("name", SEEDED)
@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), (2**63, ValueError), (1.5, TypeError)])
def test_an_impossible_seed_is_refused(name: str, seed: Any, error: type[Exception]) -> None:
    arguments = {"phases": "random"} if name == "harmonic_complex" else {}
    with pytest.raises(error, match="seed"):
        ALL[name](seed=seed, **arguments)


@pytest.mark.parametrize("name", ALL)
def test_the_wrong_type_is_a_type_error(name: str) -> None:
    with pytest.raises(TypeError, match="duration"):
        ALL[name](duration="1")
    with pytest.raises(TypeError, match="dtype"):
        ALL[name](dtype=torch.int16)


@pytest.mark.parametrize("frequency", BAD_FREQUENCIES)
@pytest.mark.parametrize(
    "make",
    [
        lambda f: tone(f),
        lambda f: tone_pair(f, 1000.0),
        lambda f: tone_pair(1000.0, f),
        lambda f: harmonic_complex(f),
        lambda f: am_tone(f, 10.0),
        lambda f: am_tone(1000.0, f),
        lambda f: fm_tone(f, 10.0, 1.0),
        lambda f: fm_tone(1000.0, f, 1.0),
        lambda f: sweep(f, 1000.0),
        lambda f: sweep(1000.0, f),
        lambda f: tone_in_noise(f),
    ],
)
def test_a_frequency_the_rate_cannot_carry_is_refused(make: Callable[[float], Any], frequency: float) -> None:
    with pytest.raises(ValueError, match="Hz"):
        make(frequency)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: harmonic_complex(1000.0, highest=23), "choose at most 22"),
        (lambda: harmonic_complex(1000.0, lowest=30), "choose at most 22"),
        (lambda: harmonic_complex(1000.0, lowest=5, highest=4), "below lowest"),
        (lambda: harmonic_complex(1.0), "more than 10000"),
        (lambda: harmonic_complex(100.0, phases="flat"), "choose one of"),  # type: ignore[arg-type]
        (lambda: am_tone(1000.0, 1000.0), "sidebands"),
        (lambda: am_tone(22000.0, 100.0), "sidebands"),
        (lambda: am_tone(1000.0, 10.0, depth=1.5), "depth"),
        (lambda: fm_tone(21000.0, 100.0, 2000.0), "aliased"),
        (lambda: fm_tone(1000.0, 10.0, -1.0), "deviation"),
        (lambda: sweep(100.0, 200.0, shape="cubic"), "shape"),  # type: ignore[arg-type]
        (lambda: band_noise(500.0, 400.0), "move the edges"),
        (lambda: band_noise(-1.0, 400.0), "move the edges"),
        (lambda: band_noise(100.0, math.nan), "high"),
        (lambda: band_noise(100.0, 22051.0), "raise fs"),
        (lambda: band_noise(1000.2, 1000.8), "widen the band"),
        (lambda: pink_noise(low=0.0), "0 < low"),
        (lambda: gap_in_noise(2.0), "gap"),
        (lambda: gap_in_noise(0.5, centre=0.1), "does not fit"),
        (lambda: iterated_rippled_noise(0.0), "delay"),
        (lambda: iterated_rippled_noise(1.0), "delay"),
        (lambda: iterated_rippled_noise(0.01, iterations=65), "iterations"),
        (lambda: iterated_rippled_noise(0.01, gain=1.1), "gain"),
        (lambda: tone_in_noise(1000.0, noise_level=200.0), "noise_level"),
        (lambda: tone_in_noise(1000.0, tone_onset=0.9, tone_duration=0.2), "does not fit"),
        (lambda: click(width=1e-6), "width"),
        (lambda: click(onset=1.0), "ends after"),
        (lambda: click_train(20000.0), "narrow the clicks"),
        (lambda: click_train(0.0), "rate"),
        (lambda: click_train(10.0, onset=2.0), "no click fits"),
        (lambda: tone(1000.0, phase=math.nan), "phase"),
        (lambda: tone(1000.0, duration=600.0, fs=768000), "samples"),
        (lambda: tone(40.0, duration=0.001, fs=100, ramp=0.0), "no sample"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_reason(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
