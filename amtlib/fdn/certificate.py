"""A certificate that a network cannot grow: a bound on its loop's gain at every frequency, and its slowest mode.
Source: small-gain theorem (Zames 1966, IEEE Trans. Autom. Control) for a loop of delays, filters and a matrix.
Not here: how fast a network grows that does (:mod:`amtlib.fdn.growth`); all modes (:mod:`amtlib.fdn.modes`).
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from amtlib.fdn.bounds import gain_bounds, grid
from amtlib.fdn.build import Array, FDNBuild
from amtlib.fdn.growth import LOSSLESS, eigenvalues, loop_gain, poles_near
from amtlib.results import Result

# Frequencies at which modes are looked for (times squared lines), from how many of them (times lines), Newton's steps.
_LOOKED_AT, _STARTS, _NEWTON = 2**16, 2**9, 30
# Rounds in which the intervals with the largest bounds are divided, and how many.
_ROUNDS, _FINER = 3, 32
_UNIT = 1.0 + 1e-8


@dataclass(frozen=True)
class Stability(Result):
    """
    What is certain about a network's loop.

    Attributes
    ----------
    bound : float
        The loop's gain at no frequency is larger than this. Below 1 the network dies away; up to 1 it cannot grow.
    frequency : float
        Where the bound is largest, Hz.
    slowest : float
        Time in which the slowest mode found decays by 60 dB, s; infinite if it does not decay.
    slowest_frequency : float
        Frequency of that mode, Hz.
    growth : float
        By how much the fastest growing mode found rises, dB per second; 0 if none grows.
    moving : bool
        Whether the network's matrix moves. The bound holds all the while; modes are those of the matrix at rest.

    Examples
    --------
    >>> found = Stability(0.993, 1200.0, 2.31, 310.0, 0.0)
    >>> found.sentence()
    'cannot grow: loop gain at most 0.993, at 1200 Hz; the slowest mode decays by 60 dB in 2.31 s, at 310 Hz'
    >>> found.certain
    True
    """

    bound: float
    frequency: float
    slowest: float
    slowest_frequency: float
    growth: float
    moving: bool = False

    @property
    def certain(self) -> bool:
        """Whether the bound says that the network cannot grow."""
        return self.bound <= _UNIT

    def sentence(self) -> str:
        """Say the same in words."""
        # rounded up: a bound may not be shown smaller than it is
        shown = math.ceil(self.bound * 1e4 - 1e-4) / 1e4
        gain = f"loop gain at most {shown:g}, at {self.frequency:.4g} Hz"
        rest = ", its matrix at rest" if self.moving else ""
        if self.growth > 0.0:
            return f"grows by {self.growth:.3g} dB per second{rest} ({gain})"
        mode = (
            f"the slowest mode decays by 60 dB in {self.slowest:.3g} s, at {self.slowest_frequency:.4g} Hz"
            if math.isfinite(self.slowest)
            else "its modes do not decay"
        )
        return f"{'cannot grow' if self.certain else 'no growing mode was found'}: {gain}; {mode}{rest}"

    def to_dict(self) -> dict[str, Any]:
        """Return the same as JSON holds it; None where the slowest mode does not decay."""
        return {
            "loop_gain_bound": self.bound,
            "frequency": self.frequency,
            "slowest_decay": self.slowest if math.isfinite(self.slowest) else None,
            "slowest_frequency": self.slowest_frequency,
            "growth": self.growth,
            "moving": self.moving,
        }


def stability(build: FDNBuild) -> Stability:
    """
    Bound the gain of a network's loop at every frequency, and find its slowest mode.

    Parameters
    ----------
    build : FDNBuild
        The network; its gains at both ends and `post_eq` are outside the loop.

    Returns
    -------
    Stability
        With a sentence that says it in words.

    Notes
    -----
    The loop is ``G(w) A`` with delays and filters G on the diagonal, whose phases do not change its norm. A scaling S
    of the lines changes no mode, so ``|S G A S^-1| = |G S A S^-1|`` bounds the spectral radius; S is the identity, or
    makes the mean power of rows and columns equal, whichever norm is less. Between any two points of a grid (48 per
    octave, finer at the poles of filters) each section of a filter is at most as large as at the ends or at its own
    extremum, all of which are known in closed form: so the bound holds at every frequency, not only at the grid's.
    Poles lie where ``det(1 - G A) = 0``; with a bound below 1 there are none on or outside the unit circle.

    A matrix that moves is ``A R(t)`` with an orthogonal R, which as an operator on signals has the norm 1: the loop's
    is then at most that of ``G A`` (the theorem does not need time-invariance), with S the identity, since R does not
    keep other scalings.

    The slowest mode is the slowest of those that Newton's method meets from the frequencies at which the loop loses
    least per sample.

    References
    ----------
    Zames (1966), IEEE Trans. Autom. Control (small-gain theorem).

    Examples
    --------
    >>> from amtlib.fdn.absorption import with_decay
    >>> ring = FDNBuild([[0.0, 1.0], [1.0, 0.0]], [1.0, 1.0], [1.0, 1.0], 0.0, [480, 401], 48000)
    >>> found = stability(with_decay(ring, (2.0, 1.0)))
    >>> round(found.bound, 4), round(found.slowest, 2), found.certain
    (0.9716, 2.0, True)
    """
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    bound, frequency = _bound(build)
    moving = build.modulation is not None
    build = replace(build, modulation=None)
    growth = 0.0
    if bound > LOSSLESS:
        growth = loop_gain(build).growth
    slowest, at = _slowest(build)
    if growth > 0.0:
        slowest, at = math.inf, math.nan
    return Stability(bound, frequency, slowest, at, growth, moving)


def _scaled(A: Array) -> Array:
    """Return the matrix with its lines scaled so that its norm is least, of the two scalings tried."""
    power = np.square(A).T
    values, vectors = np.linalg.eig(power)
    weights = np.abs(vectors[:, int(np.argmax(values.real))])
    if weights.min() <= 1e-12 * weights.max():
        return A
    scale = np.sqrt(weights)
    other = scale[:, None] * A / scale
    return other if np.linalg.norm(other, 2) < np.linalg.norm(A, 2) else A


def _bound(build: FDNBuild) -> tuple[float, float]:
    """Return the largest norm of the loop over all intervals of a grid, and the middle of that interval in Hz."""
    matrix = _scaled(build.A) if build.modulation is None else build.A
    norm = float(np.linalg.norm(matrix, 2))
    unitary = np.abs(matrix.T @ matrix - norm**2 * np.eye(build.N)).max() <= 1e-12 * norm**2

    def norms(edges: Array) -> Array:
        """Bounds over the intervals between the edges; those that cannot be the largest may be too large."""
        gains = gain_bounds(build.filters, edges, build.N) * gain_bounds(build.post_matrix, edges, build.N)
        found: Array = gains.max(axis=1) * norm
        if unitary:
            return found
        best = -1.0
        for first in np.argsort(-found, kind="stable").reshape(-1, 1):
            if found[first[0]] <= best:
                break
            found[first] = np.linalg.norm(gains[first, :, None] * matrix, 2, axis=(1, 2))
            best = max(best, float(found[first[0]]))
        found[found > best] = best
        return found

    edges = grid((build.filters, build.post_matrix))
    for rounds in range(_ROUNDS + 1):
        found = norms(edges)
        where = int(found.argmax())
        if rounds == _ROUNDS:
            break
        top = np.argsort(-found, kind="stable")[:_FINER]
        edges = np.unique(np.concatenate([edges, np.linspace(edges[top], edges[top + 1], 9).ravel()]))
    left, right = edges[where], edges[where + 1]
    middle = 0.0 if left == 0.0 else math.pi if right == math.pi else (left + right) / 2.0
    return float(found[where]), float(middle * build.fs / (2.0 * math.pi))


def _slowest(build: FDNBuild) -> tuple[float, float]:
    """Return the decay time in s and the frequency in Hz of the slowest mode that Newton's method meets."""
    count = min(max(_LOOKED_AT // build.N**2, 64), 4096)
    starts = min(max(_STARTS // build.N, 8), 64)
    at = np.unique(
        np.concatenate([np.geomspace(math.pi / 2048, math.pi, count // 2), np.linspace(0.0, math.pi, count)])
    )
    logarithm, slope = eigenvalues(build, 1j * at)
    with np.errstate(all="ignore"):
        rate = np.where(np.isfinite(logarithm), logarithm.real, -np.inf) / -slope.real
    rate = np.where(np.isfinite(rate), rate, -np.inf)
    best = np.argsort(rate, axis=None)[::-1][: 4 * starts]
    points, branches = np.unravel_index(best, rate.shape)
    _, first = np.unique(points, return_index=True)
    chosen = np.sort(first)[:starts]
    points, branches = points[chosen], branches[chosen]
    move = -logarithm[points, branches] / slope[points, branches]
    found = poles_near(build, 1j * at[points], move, _NEWTON)
    if not found:
        return math.nan, math.nan
    slow = max(found, key=lambda each: each.real)
    turn = abs(math.remainder(slow.imag, 2.0 * math.pi))
    hz = turn * build.fs / (2.0 * math.pi) if turn > 1e-12 else 0.0  # 0 Hz, but for rounding
    decay = math.inf if slow.real > -1e-10 else -math.log(1000.0) / (slow.real * build.fs)
    return decay, hz
