"""The experiments of the loudness lab: growth, level series, duration, masking, bandwidth, ears, equal loudness.

Each names its source. All but that of duration run on sparse spectra, many at once, through `stationary`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from amtlib import Glasberg2002
from amtlib.loudness import THRESHOLD_SONE, equal_loudness_steps, masked_threshold
from amtlib.loudness.iso226 import iso226_contour, iso226_frequencies
from app.labs.loudness.steady import Array, Lines, Steady, band_of_noise, cam

#: Levels of the growth function, dB SPL.
GROWTH_LEVELS = np.arange(0.0, 111.0, 5.0)
#: Levels of the series of patterns, dB SPL.
SERIES_LEVELS = (20, 40, 60, 80, 100)
#: Loudness levels of the contours, phon; 0 stands for the threshold.
PHONS = (0, 20, 40, 60, 80)
#: Frequencies at which thresholds are sought: three to an octave and more, Hz.
PROBES = np.geomspace(63.0, 12500.0, 47)
#: Frequencies of the contours, Hz: those of the standard that they stand beside.
CONTOUR_FREQUENCIES = iso226_frequencies().numpy()


# ---------------------------------------------------------------- loudness against something


@dataclass(frozen=True)
class Growth:
    """Loudness in sone against level in dB SPL, heard with one ear and with both."""

    levels: Array
    one: Array
    both: Array


def raised(model: Steady, spectrum: Lines, shift: Array) -> torch.Tensor:
    """Return the excitation of a spectrum raised by so many dB; its components are bins of the model's own."""
    # On all bins, whose filters have been worked out: those of a few bins would have to be for each sound.
    bins = model.spectrum.frequencies
    power = np.zeros((len(shift), len(bins)))
    power[:, np.searchsorted(bins.numpy(), spectrum.frequencies)] = 10 ** (
        (spectrum.levels + shift[:, None]) / 10
    )
    return model.excitation.forward_grid(bins, torch.from_numpy(power))


def growth(model: Steady, left: torch.Tensor, right: torch.Tensor) -> Growth:
    """Return loudness at `GROWTH_LEVELS` from the excitation of each ear there; equal ears are one tensor."""
    one = model.specific(left)
    if isinstance(model, Glasberg2002):
        area = one.sum(-1) * model.integration.erb_step
        return Growth(GROWTH_LEVELS, area.numpy(), 2 * area.numpy())
    other = one if right is left else model.specific(right)
    alone, both = (model.binaural(one, ear)[0].numpy() for ear in (torch.zeros_like(one), other))
    return Growth(GROWTH_LEVELS, alone, both)


@dataclass(frozen=True)
class Series:
    """Excitation in dB of one spectrum at `SERIES_LEVELS`, shape ``(levels, channels)``."""

    excitation: Array


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


#: Durations of the tone, s: bursts, each worked out, and longer ones, which are the beginning of one long tone.
BURSTS, LONG = (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3), (0.5, 1.0, 2.0, 5.0)
#: Time from one spectrum to the next in bursts and in the long tone, ms.
BURST_STEP, LONG_STEP = 4, 8


@dataclass(frozen=True)
class Duration:
    """Highest loudness in sone of a tone against its duration in s: over the short and the long term."""

    durations: Array
    short_term: Array
    long_term: Array


def duration(
    patterns: Callable[[Sequence[float], int], torch.Tensor],
    over_time: Callable[[torch.Tensor, int], tuple[Array, Array]],
) -> Duration:
    """Return how loud a tone gets in so much time.

    Parameters
    ----------
    patterns : callable
        Takes durations in s and the time from one frame to the next in ms; returns the specific loudness of each ear,
        shape ``(B, R, F, C)``.
    over_time : callable
        Takes such patterns and the time between frames; returns short- and long-term loudness, each ``(B, F)``.
    """
    short, long = (each.max(-1) for each in over_time(patterns(BURSTS, BURST_STEP), BURST_STEP))
    # The middle of the longest burst repeats itself for as long as the tone lasts.
    begin = patterns(BURSTS[-1:], LONG_STEP)
    middle = round(1000 * BURSTS[-1] / 2 / LONG_STEP)
    times = round(1000 * LONG[-1] / LONG_STEP) - middle
    held = torch.cat([begin[:, :, :middle], begin[:, :, middle : middle + 1].expand(-1, -1, times, -1)], 2)
    rise, build_up = (each[0] for each in over_time(held, LONG_STEP))
    at = [min(round(1000 * seconds / LONG_STEP), len(rise)) for seconds in LONG]
    return Duration(
        np.array(BURSTS + LONG),
        np.append(short, [rise[:end].max() for end in at]),
        np.append(long, [build_up[:end].max() for end in at]),
    )


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

    def threshold(self, frequency: float, *, masked: bool = True) -> float:
        """Return the threshold of a tone in Hz, in dB SPL: on the curve as it is drawn."""
        curve = self.masked if masked else self.quiet
        return float(np.interp(cam(frequency), cam(self.frequencies), curve))


def masking(model: Steady, noise: Lines, quiet: Array) -> Masking:
    """Return masked thresholds beside a band of noise: a tone is heard that changes the pattern by 1 dB."""
    found = masked_threshold(model, noise.frequencies, noise.levels, PROBES, quiet=quiet)
    low, high = noise.frequencies[[0, -1]]
    return Masking(PROBES, quiet, found.levels.numpy(), (float(low), float(high)))


# ---------------------------------------------------------------- equal loudness


@dataclass(frozen=True)
class Contours:
    """Levels in dB SPL of equally loud tones, shape ``(phons, frequencies)``, NaN where none was found."""

    phons: tuple[int, ...]
    frequencies: Array
    levels: Array

    def from_standard(self) -> float:
        """Return the root-mean-square distance in dB from the contours of ISO 226:2023, where both exist."""
        standard = np.stack([iso226_contour(phon).numpy() for phon in self.phons])
        return float(np.sqrt(np.nanmean((self.levels - standard) ** 2)))


def contours(model: Steady, check: Callable[[], None], phons: Sequence[int] = PHONS) -> Contours:
    """Return the contours of a model; `check` is called between pieces of work, and may end it by raising."""
    at = torch.tensor(CONTOUR_FREQUENCIES)
    levels = np.full((len(phons), len(at)), np.nan)
    for row, phon in enumerate(phons):
        wanted = {"sone": THRESHOLD_SONE} if phon == 0 else {"phon": float(phon)}
        for found in equal_loudness_steps(model, frequencies=at, **wanted):
            check()
            levels[row] = found.levels.numpy()
    return Contours(tuple(phons), CONTOUR_FREQUENCIES, levels)
