"""What the FDN lab finds out about a network or a room: decay, echo density, response, modes.

Quick findings follow a training while it runs; slow ones wait until it rests. :mod:`amtlib.fdn` names the papers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from amtlib import fdn
from amtlib.fdn import FDNBuild
from amtlib.fdn.decay import times_of_bands
from app.labs.fdn.levels import Array, Levels, octave_levels

#: Points of the transform that shows all peaks, and of the one that follows a run: 0.37 and 1.5 Hz apart at 48 kHz.
FINE, LIVE = 2**17, 2**15
#: Decay per sample that makes peaks wide enough to be seen: 60 dB in 1.44 s at 48 kHz.
GAMMA = 0.9999
#: A band this far below the strongest one holds no sound, only leakage of the filters, dB.
_EMPTY = -40.0
#: Time at which the summary gives the echo density, s.
COUNTED = 0.1
#: Edges of the histogram of modal excitation, dB re mean power.
EDGES = np.arange(-40.0, 21.0, 1.0)


@dataclass(frozen=True)
class Decay:
    """An impulse response and what follows from it at little cost.

    ``decay`` in dB at ``decay_times`` in s; normalised echo ``density`` at ``density_times`` in s.
    """

    response: Array
    decay_times: Array
    decay: Array
    density_times: Array
    density: Array

    @property
    def echoes(self) -> float:
        """Echo density at 0.1 s: 1 is that of noise."""
        return float(np.interp(COUNTED, self.density_times, self.density))


def decay_of(response: Array, fs: int) -> Decay:
    """Return decay and echo density of an impulse response."""
    curve = fdn.energy_decay_curve(response)
    step = max(len(curve) // 500, 1)
    times, density = fdn.echo_density(response[: round(1.1 * fs)], fs)
    # a copy: a view would keep the curve of every sample, as large as the response
    return Decay(response, np.arange(0, len(curve), step) / fs, curve[::step].copy(), times, density)


@dataclass(frozen=True)
class Colour:
    """What colours the sound of a network without its filters: decay moves poles inwards and hides it."""

    levels: Levels
    peak_db: float
    histogram: Array
    """Share of modes in %, between `EDGES`"""
    modal_std: float
    modes: int
    """Resonances: pairs of conjugate poles, and those on the real axis"""


@dataclass(frozen=True)
class Analysis(Colour):
    """What takes longer: levels by octave of the response on a fine grid, all modes, and reverberation times by octave.

    Fields of the modes are empty for a room.
    """

    centres: Array
    t30: Array
    decay_error: float
    """How far the decay is from the room's, see `decay_error`; NaN without a room"""
    t30_error: float
    """How far the reverberation times are from the room's, a share; NaN without a room"""

    @property
    def times(self) -> tuple[Array, Array]:
        """Octaves in Hz and their T30 in s, as far as they were measured."""
        known = np.isfinite(self.t30)
        return self.centres[known], self.t30[known]


@dataclass(frozen=True)
class Beginning:
    """What a training begins with: its first loss, that of each term, and the share of each in the gradient."""

    losses: Sequence[float] = ()
    terms: Mapping[str, Sequence[float]] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)


def octave_times(response: Array, fs: int, highest: float = np.inf) -> tuple[Array, Array]:
    """Return octaves in Hz and their T30 in s, T20 where noise hides more; NaN where a band holds no sound, or reaches
    above `highest` Hz.
    """
    centres = fdn.octave_centres(fs)
    bands = fdn.octave_bands(response, fs, centres)
    times, energy = times_of_bands(bands, centres, fs), np.einsum("bt,bt->b", bands, bands)
    empty = energy < 10 ** (_EMPTY / 10) * energy.max()
    return centres, np.where(
        empty | (centres * 2**0.5 > highest),
        np.nan,
        np.where(np.isnan(times.t30), times.t20, times.t30),
    )


def room_analysis(response: Array, fs: int, centres: Array, t30: Array) -> Analysis:
    """Return what is shown of a room with these times by octave."""
    levels = octave_levels(spectrum(response), fs)
    return Analysis(levels, np.nan, np.zeros(0), np.nan, 0, centres, t30, np.nan, np.nan)


def decay_error(response: Array, room: Array, fs: int) -> float:
    """Return how far a network's decay is from a room's, dB: in each octave from 125 Hz to 8 kHz the rms difference
    of the energies to come, as long as the room's is within 40 dB of its start; the mean over the octaves.

    Examples
    --------
    >>> room = np.random.default_rng(0).standard_normal(9600) * np.exp(-np.arange(9600) / 960)
    >>> round(decay_error(0.5 * room, room, 48000), 2)
    6.02
    """
    centres = fdn.octave_centres(fs)
    centres = centres[(centres >= 125) & (centres <= 8000)]
    ours = np.zeros(len(room))
    ours[: len(response)] = response[: len(room)]
    levels = []
    for h in (ours, room):
        energy = np.cumsum(np.square(fdn.octave_bands(h, fs, centres))[:, ::-1], axis=1)[:, ::-1]
        levels.append(10 * np.log10(energy + 1e-30))
    heard = levels[1] > levels[1][:, :1] - 40
    squares = np.where(heard, np.square(levels[0] - levels[1]), 0.0)
    return float(np.sqrt(squares.sum(1) / heard.sum(1)).mean())


def colour(build: FDNBuild) -> Colour:
    """Return what colours the sound of a network, whatever its filters."""
    lossless = magnitudes(build, FINE)
    modes = fdn.modal_decomposition(bare(build))
    excitation = modes.excitation_db - 10 * np.log10(np.mean(10 ** (modes.excitation_db / 10)))
    counts, _ = np.histogram(np.clip(excitation, EDGES[0], EDGES[-1] - 1e-9), EDGES)
    return Colour(
        octave_levels(lossless, int(build.fs)),
        fdn.peak_to_rms(lossless),
        100 * counts / counts.sum(),
        fdn.modal_excitation_std(modes),
        len(modes.poles),
    )


def analysis(
    coloured: Colour,
    response: Array,
    fs: int,
    room: Array | None = None,
    times: tuple[Array, Array] | None = None,
) -> Analysis:
    """Return the slow findings on a network whose colour and impulse response are known.

    Levels are those without the filters, unless they stand beside those of a room.
    """
    centres, t30 = octave_times(response, fs)
    levels = coloured.levels if room is None else beside(response, room, fs)
    far = off = np.nan
    if room is not None:
        far = decay_error(response, room, fs)
    if times is not None:
        both = np.isfinite(t30) & np.isfinite(times[1]) & (centres >= 125) & (centres <= 8000)
        off = float(np.abs(t30[both] / times[1][both] - 1).mean()) if both.any() else np.nan
    return Analysis(
        **(vars(coloured) | {"levels": levels}), centres=centres, t30=t30, decay_error=far, t30_error=off
    )


def magnitudes(build: FDNBuild, points: int) -> Array:
    """Return the magnitude of a network without its filters, at `points` / 2 + 1 frequencies up to half the rate."""
    return np.asarray(np.abs(fdn.transfer_function(bare(build), points, radius=1 / GAMMA)))


def one_output(build: FDNBuild) -> FDNBuild:
    """Return a network with the first of its outputs alone: what figures of one response show.

    Examples
    --------
    >>> pair = FDNBuild([[0.5]], [1.0], [[1.0], [0.5]], 0.0, [480], 48000)
    >>> one_output(pair).n_out, one_output(one_output(pair)) == one_output(pair)
    (1, True)
    """
    if build.n_out == 1:
        return build
    equaliser = None if build.post_eq is None else build.post_eq[:, :, :1]
    return replace(build, C=build.C[:1], D=build.D[:1], post_eq=equaliser)


def bare(build: FDNBuild) -> FDNBuild:
    """Return a network without its filters."""
    return replace(build, filters=None, post_eq=None)


def spectrum(response: Array) -> Array:
    """Return the magnitude of a response at evenly spaced frequencies, on a transform of a power of two."""
    return np.abs(np.fft.rfft(response, 2 ** math.ceil(math.log2(len(response)))))


def beside(response: Array, room: Array, fs: float) -> Levels:
    """Return the levels of a network's response, with its decay, re the mean of a room."""
    size = 2 ** math.ceil(math.log2(max(len(response), len(room))))
    ours, theirs = (np.abs(np.fft.rfft(each, size)) for each in (response, room))
    return octave_levels(ours, fs, float(np.square(theirs).mean()))
