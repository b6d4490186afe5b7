"""Sounds that experiments bring along: steady ones, as components, and as what is heard of them.

Their loudness follows from their components and not from a sample of noise, whose ups and downs would hide a decibel.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from amtlib import Glasberg2002, Moore2016, scales, signals
from amtlib.loudness import StationaryLoudness
from app.labs.loudness.settings import FS, Display
from app.stimulus import Stimulus

Array = NDArray[Any]
Steady: TypeAlias = Moore2016 | Glasberg2002

#: Lines of noise that stand for a band: closer than any filter is wide, at most this many.
LINES = 160
#: As many for a band that masks: half a narrow filter apart in the widest one, and a picture in 0.3 s.
MASKING_LINES = 80
#: How long the sounds last, s.
DURATION = 1.0
#: Experiments whose sound is their own -> the settings that it depends on.
OWN: dict[str, tuple[str, ...]] = {
    "masking": ("v.centre", "v.width", "v.level", "v.probe", "v.probe_level"),
    "bandwidth": ("v.centre", "v.band", "v.level"),
    "contours": ("s.frequency", "s.level"),
}


@dataclass(frozen=True)
class Lines:
    """A sparse spectrum: components at ``frequencies`` in Hz, with ``levels`` in dB SPL, each ``(..., K)``."""

    frequencies: Array
    levels: Array

    def at(self, model: Steady, shift: Array | float = 0.0, right: float = 0.0) -> StationaryLoudness:
        """Return a model's answer to it, the levels shifted by ``shift`` dB (one more axis in front, if an array).

        ``right`` is the right ear's level against the left's in dB; at 0 both ears get the same. (The earlier
        model knows no difference: which ears it has was settled when it was made.)
        """
        levels = torch.as_tensor(self.levels + np.asarray(shift)[..., None], dtype=torch.float64)
        freqs = torch.as_tensor(np.broadcast_to(self.frequencies, levels.shape).copy(), dtype=torch.float64)
        if not right or isinstance(model, Glasberg2002):
            return model.stationary(freqs, levels)
        return model.stationary(freqs, levels, levels + right if np.isfinite(right) else right)

    def beside(self, frequency: float, level: float) -> "Lines":
        """Return the same spectrum with one component more."""
        return Lines(np.append(self.frequencies, frequency), np.append(self.levels, level))


@dataclass(frozen=True)
class Segment:
    """A stretch of a sound, s, in which it is steady."""

    duration: float
    lines: Lines


def cam(frequency: Array | float) -> Array:
    """Return the ERB number in Cam of frequencies in Hz: the scale of the figures."""
    return np.asarray(scales.fc2erb(torch.tensor(np.array(frequency), dtype=torch.float64)).numpy())


def edges(centre: float, width: float) -> tuple[float, float]:
    """Return the edges of a band in Hz, at equal ratios from its centre."""
    low = math.hypot(centre, width / 2) - width / 2
    return low, low + width


def band_of_noise(centre: float, width: float, level: float, lines: int = LINES) -> Lines:
    """Return a band of noise as lines of equal level, closer than the narrowest filter is wide."""
    count = int(np.clip(np.ceil(width / 10), 5, lines))
    frequencies = edges(centre, width)[0] + width * (np.arange(count) + 0.5) / count
    return Lines(frequencies, np.full(count, level - 10 * np.log10(count)))


def masker(display: Display) -> Lines:
    """Return the band of noise of the masking experiment."""
    return band_of_noise(
        float(display.centre), float(display.width), float(display.level), lines=MASKING_LINES
    )


def segments(stimulus: Stimulus, display: Display) -> list[Segment]:
    """Return the sound of the experiment that is shown, one of `OWN`."""
    if display.view == "masking":
        noise = masker(display)
        both = noise.beside(float(display.probe), float(display.probe_level))
        return [Segment(DURATION / 2, noise), Segment(DURATION / 2, both)]
    if display.view == "bandwidth":
        band = band_of_noise(float(display.centre), float(display.band), float(display.level))
        return [Segment(DURATION, band)]
    tone = Lines(np.array([float(stimulus.frequency)]), np.array([float(stimulus.level)]))
    return [Segment(DURATION, tone)]


def noise(display: Display) -> torch.Tensor:
    """Return the noise of the experiment that is shown, Pa, shape ``(T,)``."""
    width = float(display.width if display.view == "masking" else display.band)
    low, high = edges(float(display.centre), width)
    return signals.band_noise(low, high, level=float(display.level), duration=DURATION, fs=FS)


def rendered(stimulus: Stimulus, display: Display) -> torch.Tensor:
    """Return what is heard of the sound of the experiment that is shown, one of `OWN`: Pa, shape ``(T,)``."""
    if display.view == "contours":
        return signals.tone(float(stimulus.frequency), level=float(stimulus.level), duration=DURATION, fs=FS)
    heard = noise(display)
    if display.view == "masking":
        tone = signals.tone(
            float(display.probe), level=float(display.probe_level), duration=DURATION / 2, fs=FS
        )
        heard = heard.clone()
        heard[-len(tone) :] += tone
    return heard


def summary(stimulus: Stimulus, display: Display) -> str:
    """Name the sound of the experiment that is shown, one of `OWN`, in a few words."""
    if display.view == "contours":
        return f"Tone of {stimulus.frequency:g} Hz at {stimulus.level:g} dB SPL"
    low, high = edges(
        float(display.centre), float(display.width if display.view == "masking" else display.band)
    )
    heard = f"Noise from {low:.0f} to {high:.0f} Hz at {display.level:g} dB SPL"
    if display.view == "masking":
        return f"{heard}, then with a tone of {display.probe:g} Hz at {display.probe_level:g} dB SPL"
    return heard
