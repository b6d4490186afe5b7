"""Filters that make a lossless network decay: one reverberation time, one at either end, or times by band.
Source: Jot and Chaigne (1991), AES 90th Convention, 3030 (attenuation in proportion to the delay); shelving filter of
first order by the bilinear transform; Schlecht and Habets (2017), DAFx-17, and Välimäki, Prawda and Schlecht (2024),
IEEE Signal Process. Lett. 31, 391-395 (a shelf, and a graphic equaliser for what it leaves).
"""

import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.fdn.bands import DecayTimes, by_band, two_slopes
from amtlib.fdn.build import Array, FDNBuild, real_array, sampling_rate, whole_delays
from amtlib.fdn.coupling import first_group
from amtlib.fdn.equaliser import Peaks, check_centres
from amtlib.fdn.first_order import first_order_absorption, gain_db, one_pole_absorption, shelf_levels

#: How far a decay time of a band may be off, as a share of it.
TOLERANCE = 0.05
DESIGNS = ("auto", "shelf", "one-pole", "graphic")

# No frequency decays more slowly than so many times the slowest band; grid on which that is made sure of.
_CEILING, _PER_BAND = 100.0, 24


class BandAbsorption:
    """
    Absorption with a decay time for each band, for some delay lines; differentiable in the times.

    Parameters
    ----------
    centres : array, shape (K,)
        Centre frequencies in Hz.
    delays : array of int, shape (M,)
        Delay lengths in samples.
    fs : float
        Sampling rate in Hz.
    t : float
        Where the shelf crosses over, as tan(w / 2).

    Notes
    -----
    Two stages: a first-order shelf between the times of the lowest and the highest band, and peaks at the centres for
    what it leaves (:class:`amtlib.fdn.equaliser.Peaks`), so that the attenuation in dB is met at every centre.

    The shelf rises or falls steadily from 0 Hz to fs / 2, each peak on either side of its centre. So between two
    neighbouring points of a grid that holds the centres no stage exceeds the larger of its levels there, and their sum
    bounds the level of the cascade at every frequency. Where that bound is above the level of a decay of `ceiling` s,
    the whole cascade is turned down to it: no line can then lose less than a decay of `ceiling` s does.

    Examples
    --------
    >>> filters = BandAbsorption(np.array([500.0, 1000.0]), np.array([480]), 48000.0, 1.0)
    >>> filters.sections(torch.tensor([[2.0], [1.0]], dtype=torch.float64), 8.0).shape
    torch.Size([3, 6, 1])
    """

    def __init__(self, centres: Array, delays: npt.NDArray[np.int64], fs: float, t: float) -> None:
        self.centres, self.delays, self.fs, self.t = centres, delays, fs, t
        self.peaks = Peaks(centres, fs)
        #: dB of a line at a time of 1 s
        self.at_one_second = torch.from_numpy(-60.0 * delays / fs)
        self._squares = torch.from_numpy(np.tan(math.pi * centres / fs) ** 2)
        narrowest = min((math.log2(b / a) for a, b in itertools.pairwise(centres)), default=1.0)
        count = math.ceil(
            _PER_BAND / min(narrowest, 1.0) * math.log2(fs / centres[0] + 1.0) + 4.0 * _PER_BAND
        )
        dense = np.geomspace(centres[0] / 16.0, fs / 2.0, count)
        points = np.unique(np.concatenate([[0.0], centres, dense, np.linspace(0.0, fs / 2.0, 65)]))
        #: frequencies in Hz between which levels are bounded
        self.points = points
        self._dense = self.peaks.at(points)
        self._dense_squares = torch.from_numpy(np.tan(math.pi * points / fs) ** 2)

    def targets(self, times: Tensor) -> Tensor:
        """Return the levels in dB, (K, M), of times in s, (K, 1) or (K, M)."""
        return self.at_one_second / times

    def shelf(self, levels: Tensor) -> Tensor:
        """Return the shelf between the lowest and the highest band's levels, (1, 6, M)."""
        dc, nyquist = levels[0], levels[-1]
        low, root_k = torch.pow(10.0, nyquist / 20.0), torch.pow(10.0, (dc - nyquist) / 40.0)
        a0 = self.t / root_k + 1.0
        zero, one = torch.zeros_like(a0), torch.ones_like(a0)
        rows = [(self.t * root_k + 1.0) * low / a0, (self.t * root_k - 1.0) * low / a0, zero, one]
        return torch.stack([*rows, (self.t / root_k - 1.0) / a0, zero])[None]

    def gains(self, levels: Tensor, *, rounds: int = 60) -> Tensor:
        """Return the gains of the peaks, (K, M), with which the levels at the centres are met."""
        return self.peaks.gains(
            levels - shelf_levels(levels[0], levels[-1], self.t, self._squares), rounds=rounds
        )

    def bound(self, levels: Tensor, gains: Tensor) -> Tensor:
        """Return a bound on the level in dB at all frequencies, (M,)."""
        stages = [shelf_levels(levels[0], levels[-1], self.t, self._dense_squares)[:, None]]
        stages.append(self.peaks.levels(gains, self._dense))
        each = torch.cat(stages, dim=1)
        return torch.maximum(each[1:], each[:-1]).sum(dim=1).amax(dim=0)

    def sections(
        self, times: Tensor, ceiling: float, *, rounds: int = 60, most_db: float = math.inf
    ) -> Tensor:
        """Return the sections, (K + 1, 6, M), of times in s, (K, 1) or (K, M), no decay slower than `ceiling` s."""
        levels = self.targets(times).expand(-1, len(self.delays))
        gains = self.gains(levels, rounds=rounds).nan_to_num(nan=0.0).clamp(-most_db, most_db)
        over = (self.bound(levels, gains) - self.at_one_second / ceiling).clamp_min(0.0)
        shelf = self.shelf(levels)
        down = torch.ones_like(shelf)
        down[:, :3] = torch.pow(10.0, -over / 20.0)
        return torch.cat([shelf * down, self.peaks.sections(gains)])


def best_crossover(centres: Array, times: Array, fs: float) -> float:
    """
    Return where (tan(w / 2)) a shelf between the outer bands comes nearest to the times of all.

    Examples
    --------
    >>> 0.0 < best_crossover(np.array([500.0, 4000.0]), np.array([2.0, 1.0]), 48000.0) < 1.0
    True
    """
    squares = torch.from_numpy(np.tan(math.pi * centres / fs) ** 2)
    slow = torch.from_numpy(-1.0 / times)  # dB of a short line
    candidates = np.geomspace(centres[0] / 2.0, 0.49 * fs, 96)
    errors = []
    for crossover in candidates:
        levels = shelf_levels(slow[:1], slow[-1:], math.tan(math.pi * crossover / fs), squares)[:, 0]
        errors.append(float((levels / slow - 1.0).abs().max()))
    return math.tan(math.pi * float(candidates[int(np.argmin(errors))]) / fs)


def absorption_times(filters: npt.ArrayLike, delays: npt.ArrayLike, fs: float, at: npt.ArrayLike) -> Array:
    """
    Decay times that filters give their delay lines.

    Parameters
    ----------
    filters : array, shape (S, 6, N)
        Second-order sections.
    delays : array of int, shape (N,)
        Delay lengths in samples.
    fs : float
        Sampling rate in Hz.
    at : array, shape (F,)
        Frequencies in Hz.

    Returns
    -------
    array, shape (F, N)
        Time in s in which 60 dB are lost in a line; infinite where nothing is, negative where it gains.

    Examples
    --------
    >>> absorption_times(first_order_absorption(2.0, 1.0, [480], 48000), [480], 48000, [0.0, 24000.0]).round(6)
    array([[2.],
           [1.]])
    """
    m, rate = whole_delays(delays), sampling_rate(fs)
    sos = real_array(filters, "filters")
    z = np.exp(-2j * math.pi * real_array(at, "at") / rate)[:, None]
    level = np.zeros((len(z), len(m)))
    for b0, b1, b2, a0, a1, a2 in sos:
        level += 20.0 * np.log10(np.abs((b0 + z * (b1 + z * b2)) / (a0 + z * (a1 + z * a2))))
    with np.errstate(divide="ignore"):
        return np.asarray(-60.0 * m / rate / level)


def band_absorption(
    times: npt.ArrayLike,
    centres: npt.ArrayLike,
    delays: npt.ArrayLike,
    fs: float,
    *,
    design: str = "auto",
) -> Array:
    """
    Filters with a decay time for each band, one cascade per line.

    Parameters
    ----------
    times : array, shape (K,)
        Reverberation time of each band in s, > 0.
    centres : array, shape (K,)
        Centre frequencies in Hz, increasing, below fs / 2: octaves, thirds, or others.
    delays : array of int, shape (N,)
        Delay lengths in samples.
    fs : float
        Sampling rate in Hz.
    design : {'auto', 'shelf', 'graphic'}
        'shelf': one first-order shelf between the lowest and the highest band. 'graphic': that shelf, and a peak for
        each band. 'auto': the shelf where it meets every band within 5 %, else 'graphic'.

    Returns
    -------
    array, shape (1, 6, N) or (K + 1, 6, N)
        Second-order sections, stable. No line gains anything at any frequency.

    Raises
    ------
    ValueError
        If a time or frequency is out of range, or the times are too far apart for the design: it then names the band
        that is off by more than 5 %.

    Warns
    -----
    UserWarning
        If a 'shelf' that was asked for is off by more than 5 % in a band.

    Notes
    -----
    The graphic design solves for gains of its peaks, band by band and line by line, until the attenuation in dB is met
    at all centres: an error there of 2e-8 of the time and less, in 300 random draws of octaves and thirds with ratios
    up to 2 between neighbours, 44.1 to 96 kHz; between two octaves the time left the range of both by 7 % at most.
    Where a line would gain between two bands (thirds that double several times in a row, beside bands of a hundredth of
    the time), it is turned down, and refused if a band then is off by more than 5 %. Schlecht and Habets find such
    gains by non-linear least squares; Välimäki, Prawda and Schlecht take the shelf first and solve once.

    References
    ----------
    Schlecht and Habets (2017), "Accurate reverberation time control in feedback delay networks", DAFx-17.
    Välimäki, Prawda and Schlecht (2024), "Two-stage attenuation filter for artificial reverberation", IEEE Signal
    Process. Lett. 31, 391-395.
    Välimäki and Liski (2017), "Accurate cascade graphic equalizer", IEEE Signal Process. Lett. 24, 176-180.

    Examples
    --------
    >>> bands = [500.0, 1000.0, 2000.0]
    >>> filters = band_absorption([2.0, 1.0, 1.5], bands, [1000, 1499], 48000)
    >>> absorption_times(filters, [1000, 1499], 48000, bands).round(6)
    array([[2. , 2. ],
           [1. , 1. ],
           [1.5, 1.5]])
    """
    if design not in ("auto", "shelf", "graphic"):
        raise ValueError(f"design = {design!r} is unknown: choose from 'auto', 'shelf', 'graphic'")
    m, rate = whole_delays(delays), sampling_rate(fs)
    at = check_centres(centres, rate)
    wanted = real_array(times, "times")
    if wanted.shape != at.shape:
        raise ValueError(f"times has shape {wanted.shape}: give one time for each of the {len(at)} centres")
    for time, centre in zip(wanted.tolist(), at, strict=True):
        gain_db(time, f"rt at {centre:g} Hz", m, rate)
    if np.ptp(wanted) == 0.0:
        return first_order_absorption(wanted[0], wanted[0], m, rate)
    t = best_crossover(at, wanted, rate)
    filters = BandAbsorption(at, m, rate, t)
    column = torch.from_numpy(wanted)[:, None]
    if design != "graphic":
        shelf = filters.shelf(filters.targets(column)).numpy()
        band, off = _furthest(shelf, at, wanted, m, rate)
        if off <= TOLERANCE:
            return np.asarray(shelf)
        if design == "shelf":
            warnings.warn(
                f"a first-order shelf is off by {100.0 * off:.3g} % at {at[band]:g} Hz: take the design 'graphic'",
                UserWarning,
                stacklevel=2,
            )
            return np.asarray(shelf)
    with torch.no_grad():
        found = np.asarray(filters.sections(column, _CEILING * float(wanted.max())).numpy())
    band, off = _furthest(found, at, wanted, m, rate)
    if not off <= TOLERANCE:
        raise ValueError(
            f"rt at {at[band]:g} Hz would be off by more than {100.0 * TOLERANCE:g} %: the times of neighbouring bands "
            "are too far apart for filters of second order; bring them closer together (octaves are met up to a ratio "
            "of 2)"
        )
    return found


def _furthest(
    sos: Array, centres: Array, times: Array, delays: npt.NDArray[np.int64], fs: float
) -> tuple[int, float]:
    """Return the band that is furthest off in any line, and by which share."""
    with np.errstate(all="ignore"):
        off = np.abs(absorption_times(sos, delays, fs, centres) / times[:, None] - 1.0).max(axis=1)
    off = np.where(np.isnan(off), np.inf, off)
    return int(off.argmax()), float(off.max())


def _two_groups(build: FDNBuild, rt: Any, rt_crossover: float | None, rt_design: str) -> Array:
    """Filters of two groups of lines, each with its own times; the shorter cascades are filled up with gains of 1."""
    if build.N < 2:
        raise ValueError(
            "two slopes need two groups of lines, and the network has one line: give N = 2 or more"
        )
    half = first_group(build.N)
    parts = []
    for group, times in ((slice(0, half), rt[0]), (slice(half, None), rt[1])):
        own = FDNBuild(
            np.eye(len(build.delays[group])),
            build.B[group],
            build.C[:, group],
            0.0,
            build.delays[group],
            build.fs,
        )
        found = with_decay(own, times, rt_crossover=rt_crossover, rt_design=rt_design).filters
        if found is None:
            raise ValueError("a group of lines without decay beside one with: give both groups their times")
        parts.append(found)
    sections = max(map(len, parts))
    for index, part in enumerate(parts):
        more = np.zeros((sections - len(part), 6, part.shape[2]))
        more[:, [0, 3]] = 1.0
        parts[index] = np.concatenate([part, more])
    return np.concatenate(parts, axis=2)


def _heard(times: Sequence[float] | Array, build: FDNBuild) -> None:
    """Refuse times that are all shorter than the delays: nothing is heard of such a decay."""
    longest, shortest = float(max(times)), int(build.delays.min())
    if longest * build.fs < shortest:
        raise ValueError(
            f"rt = {longest:g} s is shorter than each delay ({1e3 * shortest / build.fs:.3g} ms and more), which loses "
            f"more than 60 dB at once: give {shortest / build.fs:.2g} s and more, or shorter delays"
        )


def with_decay(
    build: FDNBuild,
    rt: DecayTimes | None,
    *,
    rt_crossover: float | None = None,
    rt_design: str = "auto",
) -> FDNBuild:
    """
    Return the network with a decay: its `filters` replaced by absorption with these times.

    Parameters
    ----------
    build : FDNBuild
        A network whose feedback matrix keeps energy, for the decay to be the one asked for.
    rt : float, (rt_dc, rt_nyquist), mapping, sequence, or None
        Reverberation time in s: one for all frequencies, one for each end, or times by band: a mapping of centre
        frequencies in Hz to times, or the times of 8, 9 or 10 octaves, or 22, 25 or 28 thirds
        (:func:`standard_centres`). Two of these, ``[(2.0, 1.0), 0.5]``, are for two groups of lines: the first half,
        and the second (:func:`coupled_matrix`). None takes the filters away: lossless.
    rt_crossover : float, optional
        Where two times meet, in Hz; see :func:`first_order_absorption`.
    rt_design : {'auto', 'shelf', 'one-pole', 'graphic'}
        Filters. 'auto': a first-order shelf where it suffices, else a graphic equaliser (:func:`band_absorption`).
        'one-pole' is for two times (:func:`one_pole_absorption`).

    Returns
    -------
    FDNBuild
        A copy. Filters that were there are replaced, not cascaded.

    Raises
    ------
    ValueError, TypeError
        As these functions; if the design does not go with the times, or all times are shorter than all delays.

    Examples
    --------
    >>> comb = FDNBuild([[1.0]], [1.0], [1.0], 0.0, [480], 48000)
    >>> float(with_decay(comb, 0.3).filters[0, 0, 0])  # -2 dB per 10 ms
    0.7943282347242815
    >>> with_decay(comb, {250: 2.0, 500: 1.8, 1000: 0.9, 2000: 1.0}).filters.shape
    (5, 6, 1)
    """
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    if rt_design not in DESIGNS:
        raise ValueError(f"rt_design = {rt_design!r} is unknown: choose from {', '.join(map(repr, DESIGNS))}")
    if rt is None:
        return replace(build, filters=None)
    if two_slopes(rt):
        return replace(build, filters=_two_groups(build, rt, rt_crossover, rt_design))
    bands = by_band(rt, build.fs)
    if bands is not None:
        _heard(bands[1], build)
        if rt_design == "one-pole":
            raise ValueError("rt_design = 'one-pole' has no bands: give (rt_dc, rt_nyquist), or leave it out")
        if rt_crossover is not None:
            raise ValueError(
                f"rt_crossover = {rt_crossover!r} is for two times: leave it out with times by band"
            )
        return replace(
            build, filters=band_absorption(bands[1], bands[0], build.delays, build.fs, design=rt_design)
        )
    if isinstance(rt, tuple | list | np.ndarray):
        dc, nyquist = rt
        gain_db(dc, "rt_dc", build.delays, build.fs)
        gain_db(nyquist, "rt_ny", build.delays, build.fs)
    else:
        dc = nyquist = rt
        gain_db(rt, "rt", build.delays, build.fs)
    _heard((dc, nyquist), build)
    if rt_design == "graphic":
        raise ValueError("rt_design = 'graphic' needs times by band: give rt={centre in Hz: s, ...}")
    if rt_design == "one-pole":
        if rt_crossover is not None:
            raise ValueError(
                f"rt_crossover = {rt_crossover!r} is for the shelf: leave it out with 'one-pole'"
            )
        return replace(build, filters=one_pole_absorption(dc, nyquist, build.delays, build.fs))
    filters = first_order_absorption(dc, nyquist, build.delays, build.fs, rt_crossover)
    return replace(build, filters=filters)
