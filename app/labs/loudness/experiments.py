"""The experiments of the loudness lab: growth, level series, masking, bandwidth, ears, equal loudness.

Each names its source. All run on sparse spectra, many at once, through `stationary`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from amtlib import Glasberg2002, Moore2016
from amtlib.loudness import THRESHOLD_SONE, StationaryLoudness, equal_loudness_steps
from amtlib.loudness.iso226 import iso226_contour, iso226_frequencies

Array = NDArray[Any]

#: Levels of the growth function, dB SPL.
GROWTH_LEVELS = np.arange(0.0, 111.0, 5.0)
#: Levels of the series of patterns, dB SPL.
SERIES_LEVELS = (20, 40, 60, 80, 100)
#: Lines of noise that stand for a band: closer than any filter is wide, at most this many.
LINES = 160
#: As many for a band that masks: half a narrow filter apart in the widest one, and a picture in 0.3 s.
MASKING_LINES = 80
#: A pattern that changes by this much somewhere is heard to change, dB (Zwicker 1970).
JUST_NOTICEABLE = 1.0
#: Loudness levels of the contours, phon; 0 stands for the threshold.
PHONS = (0, 20, 40, 60, 80)
#: Frequencies at which thresholds are sought: three to an octave and more, Hz.
PROBES = np.geomspace(63.0, 12500.0, 47)
#: Frequencies of the contours, Hz: those of the standard that they stand beside.
CONTOUR_FREQUENCIES = iso226_frequencies().numpy()


Steady: TypeAlias = Moore2016 | Glasberg2002


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


def band_of_noise(centre: float, width: float, level: float, lines: int = LINES) -> Lines:
    """Return a band of noise as lines of equal level, closer than the narrowest filter is wide.

    The edges lie at equal ratios from the centre and ``width`` Hz apart.
    """
    low = np.sqrt(centre**2 + width**2 / 4) - width / 2
    count = int(np.clip(np.ceil(width / 10), 5, lines))
    frequencies = low + width * (np.arange(count) + 0.5) / count
    return Lines(frequencies, np.full(count, level - 10 * np.log10(count)))


# ---------------------------------------------------------------- loudness against something


@dataclass(frozen=True)
class Growth:
    """Loudness in sone against level in dB SPL, heard with one ear and with both."""

    levels: Array
    one: Array
    both: Array


def growth(one: Steady, both: Steady, spectrum: Lines, level: float, right: float = 0.0) -> Growth:
    """Return how the loudness of a spectrum grows when all its components are raised together.

    ``right`` is the right ear's level against the left's in dB, where both listen.
    """
    if not spectrum.frequencies.size:
        nothing = np.zeros(len(GROWTH_LEVELS))
        return Growth(GROWTH_LEVELS, nothing, nothing)
    shift = GROWTH_LEVELS - level
    return Growth(
        GROWTH_LEVELS,
        spectrum.at(one, shift, -np.inf).total.numpy(),
        spectrum.at(both, shift, right).total.numpy(),
    )


@dataclass(frozen=True)
class Series:
    """Excitation in dB of one spectrum at `SERIES_LEVELS`, shape ``(levels, channels)``."""

    excitation: Array


def series(model: Steady, spectrum: Lines, level: float) -> Series:
    """Return the excitation of a spectrum at five levels; its components are bins of the model's own spectrum."""
    if not spectrum.frequencies.size:
        return Series(np.full((len(SERIES_LEVELS), 2), -200.0))
    # On all bins, whose filters have been worked out: those of a few bins would have to be for each sound.
    bins = model.spectrum.frequencies
    levels = spectrum.levels + np.array(SERIES_LEVELS)[:, None] - level
    power = np.zeros((len(SERIES_LEVELS), len(bins)))
    power[:, np.searchsorted(bins.numpy(), spectrum.frequencies)] = 10 ** (levels / 10)
    return Series(model.excitation.forward_grid(bins, torch.from_numpy(power)).numpy())


@dataclass(frozen=True)
class Bandwidth:
    """Loudness in sone of bands of noise of one level against their width in Hz."""

    widths: Array
    loudness: Array


def bandwidth(model: Steady, centre: float, level: float, right: float = 0.0) -> Bandwidth:
    """Return the loudness of bands of noise of one level and growing width (Zwicker, Flottorp and Stevens 1957).

    ``right`` is the right ear's level against the left's in dB; -inf if it hears nothing.
    """
    widths = np.geomspace(20.0, 16000.0, 33)
    widths = widths[np.sqrt(centre**2 + widths**2 / 4) + widths / 2 < 15000]
    bands = [band_of_noise(centre, width, level) for width in widths]
    longest = max(len(band.levels) for band in bands)
    frequencies, levels = np.zeros((len(bands), longest)), np.full((len(bands), longest), -100.0)
    for row, band in enumerate(bands):  # shorter ones are filled up with what is not there
        frequencies[row, : len(band.levels)] = band.frequencies
        levels[row, : len(band.levels)] = band.levels
    return Bandwidth(widths, Lines(frequencies, levels).at(model, 0.0, right).total.numpy())


@dataclass(frozen=True)
class Ears:
    """Loudness in sone to each ear alone, and to both, with inhibition between them and without."""

    left: float
    right: float
    both: float
    uninhibited: float


# ---------------------------------------------------------------- thresholds


def threshold_in_quiet(model: Steady) -> Array:
    """Return the level in dB SPL at which a tone of each of `PROBES` reaches the model's threshold of loudness."""
    *_, found = equal_loudness_steps(model, frequencies=torch.tensor(PROBES), sone=THRESHOLD_SONE)
    return np.asarray(found.levels.numpy())


@dataclass(frozen=True)
class Masking:
    """Level in dB SPL of a just heard tone against its frequency, in quiet and beside a band of noise."""

    frequencies: Array
    quiet: Array
    masked: Array
    edges: tuple[float, float]


def masking(model: Steady, centre: float, width: float, level: float, quiet: Array) -> Masking:
    """Return masked thresholds: the tone is heard where it changes the pattern by 1 dB (Zwicker 1970).

    The pattern stands on an internal noise that has the excitation of the threshold: what nobody hears is no change.
    """
    noise = band_of_noise(centre, width, level, lines=MASKING_LINES)
    floor = 10 ** (model.specific.threshold_db.numpy() / 10)
    alone = 10 ** (noise.at(model).excitation[..., 0, :].numpy() / 10) + floor
    low, high = np.full(len(PROBES), -20.0), np.full(len(PROBES), 130.0)
    shape = (len(PROBES), len(noise.levels))
    frequencies = np.column_stack([np.broadcast_to(noise.frequencies, shape), PROBES])
    for _ in range(11):  # halves 150 dB to 0.07 dB
        middle = (low + high) / 2
        together = Lines(frequencies, np.column_stack([np.broadcast_to(noise.levels, shape), middle]))
        pattern = 10 ** (together.at(model).excitation[..., 0, :].numpy() / 10) + floor
        change = 10 * np.log10(pattern / alone)
        heard = change.max(-1) >= JUST_NOTICEABLE
        low, high = np.where(heard, low, middle), np.where(heard, middle, high)
    edges = noise.frequencies[[0, -1]]
    return Masking(PROBES, quiet, np.fmax((low + high) / 2, quiet), (float(edges[0]), float(edges[1])))


# ---------------------------------------------------------------- equal loudness


@dataclass(frozen=True)
class Contours:
    """Levels in dB SPL of equally loud tones, shape ``(phons, frequencies)``, NaN where none was found."""

    phons: tuple[int, ...]
    frequencies: Array
    levels: Array
    complete: bool = False


@torch.no_grad()
def contour_steps(
    model: Any, phons: Sequence[int] = PHONS, frequencies: Array = CONTOUR_FREQUENCIES
) -> Iterator[tuple[float, Contours]]:
    """Yield the share done and the contours found so far, one small step at a time."""
    at = torch.tensor(frequencies)
    levels = np.full((len(phons), len(frequencies)), np.nan)
    for row, phon in enumerate(phons):
        wanted = {"sone": THRESHOLD_SONE} if phon == 0 else {"phon": float(phon)}
        for step, found in enumerate(equal_loudness_steps(model, frequencies=at, **wanted)):
            levels[row] = found.levels.numpy()
            share = (row + 1 - 0.8**step) / len(phons)
            yield share, Contours(tuple(phons), frequencies, levels.copy())
    yield 1.0, Contours(tuple(phons), frequencies, levels, complete=True)


def known_contours(found: Contours) -> Iterator[tuple[float, Contours]]:
    """Yield contours that have been computed before."""
    yield 1.0, found


def iso_distance(found: Contours) -> float:
    """Return the root-mean-square distance in dB of contours from those of ISO 226, where both exist."""
    standard = np.stack([iso226_contour(phon).numpy() for phon in found.phons])
    return float(np.sqrt(np.nanmean((found.levels - standard) ** 2)))
