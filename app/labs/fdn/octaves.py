"""Decay times and tone by octave: the points that are dragged, the sliders of the same, and the network that has them.

The filters are those of :func:`amtlib.fdn.with_decay` and :func:`amtlib.fdn.graphic_equaliser`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amtlib import fdn
from amtlib.fdn import FDNBuild
from app.quantity import Quantity, Settings

Array = NDArray[Any]

#: Octaves that have a point, Hz: as the setting is called, and the exact centre.
OCTAVES = {int(62.5 * 2**i + 0.5): 62.5 * 2**i for i in range(9)}
#: Neighbouring octaves differ by this factor at most: more than that the filters cannot do.
STEEPEST = 2.0
#: Points of the drawn tone.
_DRAWN = 120


def octaves_at(fs: float) -> list[int]:
    """Return the octaves below half a rate, by name.

    Examples
    --------
    >>> octaves_at(16000)
    [63, 125, 250, 500, 1000, 2000, 4000]
    """
    return [name for name, centre in OCTAVES.items() if centre < fs / 2]


def named(octave: int) -> str:
    """Return an octave as words say it.

    Examples
    --------
    >>> named(63), named(16000)
    ('63 Hz', '16 kHz')
    """
    return f"{octave / 1000:g} kHz" if octave >= 1000 else f"{octave} Hz"


class ByOctave(Settings):
    """A number for each octave: the settings ``at63``, ``at125`` and so on."""

    def at(self, fs: float) -> Array:
        """Return the numbers of the octaves below half a rate."""
        return np.array([float(getattr(self, f"at{octave}")) for octave in octaves_at(fs)])

    def set_at(self, fs: float, values: Iterable[float], digits: int) -> None:
        """Set the numbers of the octaves below half a rate: rounded, and kept within their bounds."""
        found = {}
        for octave, value in zip(octaves_at(fs), values, strict=True):
            low, high = self.param[f"at{octave}"].bounds
            found[f"at{octave}"] = min(max(round(float(value), digits), low), high)
        self.param.update(**found)


class Decay(ByOctave):
    """How fast each octave decays."""


class Tone(ByOctave):
    """How strong each octave is."""


for _octave in OCTAVES:
    Decay.param.add_parameter(
        f"at{_octave}",
        Quantity(
            1.0,
            bounds=(0.1, 10),
            step=0.01,
            unit="s",
            scale="log",
            label=f"Decay at {named(_octave)}",
            doc="Time in which the octave decays by 60 dB. Neighbours follow where they would differ by more than a "
            "factor of 2. Or drag its point in the figure of the reverberation times.",
        ),
    )
    Tone.param.add_parameter(
        f"at{_octave}",
        Quantity(
            0.0,
            bounds=(-12, 12),
            step=0.5,
            unit="dB",
            label=f"Tone at {named(_octave)}",
            doc="Gain of the octave at the output, outside the loop: it changes no decay. Or drag its point in the "
            "figure of the tone.",
        ),
    )

#: Keys of the points, by what they set.
DECAY_KEYS = [f"d.at{octave}" for octave in OCTAVES]
TONE_KEYS = [f"q.at{octave}" for octave in OCTAVES]


def followed(times: Array, moved: Iterable[int]) -> Array:
    """Return times in which the neighbours of those that were moved follow, to `STEEPEST` from one to the next.

    Examples
    --------
    >>> followed(np.array([1.0, 1.0, 1.0, 1.0]), [1]), followed(np.array([1.0, 8.0, 1.0, 1.0]), [1])
    (array([1., 1., 1., 1.]), array([4., 8., 4., 2.]))
    """
    found = np.asarray(times, dtype=float).copy()
    for start in moved:
        for side in (range(start + 1, len(found)), range(start - 1, -1, -1)):
            before = start
            for band in side:
                found[band] = min(max(found[band], found[before] / STEEPEST), found[before] * STEEPEST)
                before = band
    return found


def centres_at(fs: float) -> Array:
    """Return the centres of the octaves that have points, Hz."""
    return np.array([OCTAVES[octave] for octave in octaves_at(fs)])


def times_of_shelf(low: float, high: float, fs: float, at: Array | None = None) -> Array:
    """Return the times of a network with a time at 0 Hz and one at half the rate: at frequencies, or by octave.

    Examples
    --------
    >>> times_of_shelf(2.0, 2.0, 8000).round(9)
    array([2., 2., 2., 2., 2., 2.])
    """
    line = [100]
    frequencies = centres_at(fs) if at is None else at
    return fdn.absorption_times(fdn.first_order_absorption(low, high, line, fs), line, fs, frequencies)[:, 0]


def with_tone(build: FDNBuild, gains: Array) -> FDNBuild:
    """Return a network with gains by octave at its outputs, in dB; without an equaliser where all are 0."""
    if not np.any(gains):
        return build
    return replace(build, post_eq=fdn.graphic_equaliser(gains, centres_at(build.fs), build.fs))


def filled(centres: Array, times: Array, fs: float) -> Array | None:
    """Return times at the octaves that have points from those that were measured, NaN where they were not; None where
    nothing was. What is unknown has its neighbour's time, or lies between its neighbours.

    Examples
    --------
    >>> filled(np.array([500.0, 1000.0, 2000.0]), np.array([np.nan, 1.0, 0.5]), 8000)
    array([1. , 1. , 1. , 1. , 1. , 0.5])
    """
    known = np.isfinite(times)
    if not known.any():
        return None
    wanted = np.log(centres_at(fs))
    return np.asarray(np.exp(np.interp(wanted, np.log(centres[known]), np.log(times[known]))))


def nearest(frequency: float, fs: float) -> int:
    """Return the octave whose point is nearest to a frequency in Hz.

    Examples
    --------
    >>> nearest(1300.0, 48000), nearest(1.0, 48000), nearest(15000.0, 8000)
    (1000, 63, 2000)
    """
    at = math.log(max(frequency, 1.0))
    return min(octaves_at(fs), key=lambda octave: abs(at - math.log(OCTAVES[octave])))


@dataclass(frozen=True)
class Points:
    """What is dragged: times and gains by octave, as they are set; no times where they are not set by octave."""

    centres: Array
    times: Array
    gains: Array


def tone_of(build: FDNBuild) -> tuple[Array, Array]:
    """Return frequencies in Hz and the gain of a network's first output equaliser there, dB re its mean by octave.

    Examples
    --------
    >>> from amtlib.fdn import design_fdn
    >>> frequencies, gains = tone_of(with_tone(design_fdn(N=4, rng=0), np.array([6.0] + [0.0] * 8)))
    >>> bool(gains.max() < 5.6), bool(gains.argmax() < 30)
    (True, True)
    """
    frequencies = np.geomspace(40.0, 0.49 * build.fs, _DRAWN)
    if build.post_eq is None:
        return frequencies, np.zeros(_DRAWN)
    centres = centres_at(build.fs)
    z = np.exp(-2j * math.pi * np.concatenate([frequencies, centres]) / build.fs)
    gain = np.ones(len(z), dtype=complex)
    for b0, b1, b2, a0, a1, a2 in build.post_eq[:, :, 0]:
        gain *= (b0 + z * (b1 + z * b2)) / (a0 + z * (a1 + z * a2))
    levels = 20 * np.log10(np.maximum(np.abs(gain), 1e-9))
    return frequencies, levels[:_DRAWN] - levels[_DRAWN:].mean()
