"""Whether a network dies away or grows: what one round through its loop gains, and the mode that grows fastest.
Source: maximum principle of the spectral radius (Vesentini 1968, Boll. Un. Mat. Ital. 1, 427-429).
Not here: all modes (:mod:`amtlib.fdn.modes`).
"""

import math
from typing import NamedTuple

import numpy as np

from amtlib.fdn.build import Array, FDNBuild, check_fixed
from amtlib.fdn.continuation import loop_with_slope
from amtlib.fdn.response import Complex, sections_at

#: A loop gain up to this is that of a lossless loop whose numbers are rounded.
LOSSLESS = 1.0 + 1e-5

# Points per period of the longest delay, and how many (points times cubed lines) are worth a second.
_PER_PERIOD, _LEAST, _WORK = 4, 512, 2**24
# Distances from a filter's pole in half bandwidths at which its peak is looked at.
_FLANK = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 4.0])
_ENTRIES = 2**18
# Modes looked for: from how many frequencies (times squared lines), with at most so many steps each.
_STARTS, _MOST_STARTS, _NEWTON = 2**15, 64, 40


class LoopGain(NamedTuple):
    """
    What the loop of a network does to a tone in one round.

    Attributes
    ----------
    gain : float
        Largest spectral radius of matrix, delays and filters together over all frequencies. At most 1: nothing grows.
    frequency : float
        Where it is met, Hz.
    growth : float
        By how much the fastest growing mode found rises, dB per second; 0 if none grows.

    Examples
    --------
    >>> LoopGain(2.0, 1000.0, 60.0).decibels.__round__(2)
    6.02
    """

    gain: float
    frequency: float
    growth: float

    @property
    def decibels(self) -> float:
        """The gain in dB; -inf where nothing comes round."""
        return 20.0 * math.log10(self.gain) if self.gain > 0.0 else -math.inf


def loop_gain(build: FDNBuild) -> LoopGain:
    """
    Find the frequency at which the loop of a network gains most, and whether a mode grows there.

    Parameters
    ----------
    build : FDNBuild
        The network; filters in the loop are counted, `post_eq` and the gains at its ends are not.

    Returns
    -------
    LoopGain
        Gain as a factor, frequency in Hz, growth in dB per second.

    Notes
    -----
    The spectral radius, unlike the norm, does not depend on how lines are scaled: a lossless loop has the gain 1
    whether its matrix is orthogonal or not. Since the loop's transfer function has no poles outside the unit circle,
    neither can its spectral radius be larger there than on the circle; below 1 the network is stable. Above 1 it
    grows only if a mode falls into that range of frequencies, and `growth` belongs to a pole that was found.

    The circle is searched at four points per period of the longest delay, at the peaks of all filters, and finer
    around the largest values.

    Examples
    --------
    >>> comb = FDNBuild([[1.02]], [1.0], [1.0], 0.0, [480], 48000)
    >>> found = loop_gain(comb)  # 0.172 dB each 10 ms
    >>> round(found.gain, 6), round(found.growth, 2)
    (1.02, 17.2)
    """
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    check_fixed(build)
    at = _frequencies(build)
    radius = _radius(build, at)
    for _ in range(3):  # finer around the largest
        order = np.argsort(at)
        at, radius = at[order], radius[order]
        top = np.argsort(radius)[-8:]
        finer = np.unique(
            [np.linspace(at[max(k - 1, 0)], at[min(k + 1, len(at) - 1)], 11)[1:-1] for k in top]
        )
        at, radius = np.append(at, finer), np.append(radius, _radius(build, finer))
    # rounding does not choose between frequencies that are equal
    best = int(np.flatnonzero(radius >= radius.max() * (1.0 - 1e-12))[0])
    growth = _growth(build, at, radius) if radius[best] > LOSSLESS else 0.0
    return LoopGain(float(radius[best]), float(at[best] * build.fs / (2.0 * math.pi)), growth)


def _frequencies(build: FDNBuild) -> Array:
    """Angles from 0 to pi to look at, denser where a filter of the loop peaks."""
    points = max(_LEAST, _PER_PERIOD * int(build.delays.max()))
    points = max(min(points, _WORK // build.N**3), _LEAST // 4)
    found = [np.linspace(0.0, math.pi, points)]
    for sos in (build.filters, build.post_matrix):
        if sos is None:
            continue
        normal = sos / sos[:, 3:4]
        squared = normal[:, 4] ** 2 - 4.0 * normal[:, 5]
        pole = (-normal[:, 4] + np.sqrt(squared.astype(np.complex128))) / 2.0
        width = 1.0 - np.abs(pole)
        peaks = np.angle(pole)[..., None] + width[..., None] * np.concatenate([-_FLANK[1:], _FLANK])
        peaks = np.unique(np.round(np.abs(peaks.ravel()), 12))
        found.append(peaks[peaks <= math.pi])
    return np.unique(np.concatenate(found))


def _radius(build: FDNBuild, angles: Array) -> Array:
    """Spectral radius of the loop on the unit circle, shape (K,)."""
    radius = np.empty(len(angles))
    step = max(1, _ENTRIES // build.N**2)
    for first in range(0, len(angles), step):
        part = slice(first, first + step)
        w = np.exp(-1j * angles[part])
        lines = np.exp(-1j * angles[part, None] * build.delays)
        lines = lines * sections_at(build.filters, w) * sections_at(build.post_matrix, w)
        radius[part] = np.abs(np.linalg.eigvals(lines[:, :, None] * build.A)).max(axis=1)
    return radius


def growing(build: FDNBuild) -> LoopGain | None:
    """
    Return what :func:`loop_gain` finds if a mode of the network grows, else None; quick where gains cannot reach 1.

    Examples
    --------
    >>> growing(FDNBuild([[1.0]], [1.0], [1.0], 0.0, [480], 48000)) is None
    True
    """
    w = np.exp(-1j * _frequencies(build))
    filters = np.abs(np.ones((len(w), 1)) * sections_at(build.filters, w)).max(axis=1)
    after = np.abs(np.ones((len(w), 1)) * sections_at(build.post_matrix, w)).max(axis=1)
    if float(np.linalg.norm(build.A, 2) * (filters * after).max()) <= LOSSLESS:
        return None
    found = loop_gain(build)
    return found if found.growth > 0.0 else None


def _growth(build: FDNBuild, at: Array, radius: Array) -> float:
    """Growth in dB/s of the fastest growing pole that Newton's method meets from where the loop gains, or 0."""
    above = np.flatnonzero(radius > LOSSLESS)
    count = max(min(_STARTS // build.N**2, _MOST_STARTS), 8)
    strongest = above[np.argsort(radius[above])[-count:]]
    spread = above[np.unique(np.linspace(0, len(above) - 1, count).astype(int))]
    start: Complex = 1j * at[np.union1d(strongest, spread)]
    logarithm, slope = eigenvalues(build, start)
    # a mode lies where an eigenvalue that gains comes round in phase: nearest in phase for its gain goes first
    gains = logarithm.real > math.log(LOSSLESS)
    off = np.where(gains, np.abs(logarithm.imag) / np.where(gains, logarithm.real, 1.0), np.inf)
    points, branches = np.unravel_index(
        np.argsort(off, axis=None)[: min(2 * count, int(gains.sum()))], off.shape
    )
    move = -logarithm[points, branches] / slope[points, branches]
    rates = [pole.real for pole in poles_near(build, start[points], move, _NEWTON)]
    # a pole on the circle, but for rounding, is none outside
    return max((rate for rate in rates if rate > 1e-10), default=0.0) * build.fs * 20.0 / math.log(10.0)


def poles_near(build: FDNBuild, s: Complex, move: Complex, steps: int) -> list[complex]:
    """Poles, as s where z = exp(s), that Newton's method meets from places ``s``, ``(K,)``, and first moves."""
    found: list[complex] = []
    for _ in range(steps):
        # a step of a radian leads far from where it began
        kept = np.isfinite(move) & (np.abs(move) < 1.0)
        s = s[kept] + move[kept]
        if not len(s):
            break
        logarithm, slope = eigenvalues(build, s)
        rows, nearest = np.arange(len(s)), np.argmin(np.abs(logarithm), axis=1)
        with np.errstate(all="ignore"):
            move = -logarithm[rows, nearest] / slope[rows, nearest]
        done = (np.abs(move) < 1e-12) & (np.abs(logarithm[rows, nearest]) < 1e-8)
        found += s[done].tolist()
        move[done] = np.nan
    return found


def eigenvalues(build: FDNBuild, s: Complex) -> tuple[Complex, Complex]:
    """Logarithms of the loop's eigenvalues at z = exp(s), and their slopes by s, both of shape (K, N)."""
    logarithms = np.empty((len(s), build.N), dtype=np.complex128)
    slopes = np.empty_like(logarithms)
    step = max(1, _ENTRIES // build.N**2)
    for first in range(0, len(s), step):
        part = slice(first, first + step)
        loop, falling, _ = loop_with_slope(build, build.A, 1.0, s[part])
        values, right = np.linalg.eig(loop)
        try:
            left = np.linalg.inv(right)
        except np.linalg.LinAlgError:  # fewer eigenvectors than lines
            left = np.linalg.pinv(right)
        with np.errstate(all="ignore"):
            logarithms[part] = np.log(values.astype(np.complex128))
            slopes[part] = np.einsum("kij,kji->ki", left, falling @ right) / values
    return logarithms, slopes
