"""Where a unitary matrix diag(exp(-j w m)) A has the eigenvalue 1: the modes of a lossless network, none left out.
Source: own. Each eigenphase falls strictly with w, by v^H diag(m) v, so that they cross 0 in their order.
Not here: decay and gains of the modes (:mod:`amtlib.fdn.modes`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from amtlib.fdn.build import Array, Integers
from amtlib.fdn.response import Complex

_TURN = 2.0 * math.pi
# Complex entries worked on at a time: 4 MB stay in the processor's cache.
_ENTRIES = 2**18
# Points of the first grid per mode. Measured: between 0.5 and 1.5 the time is nearly the same.
_GRID_PER_MODE = 0.75
# An eigenvalue tan(theta / 2) beyond this is so near to its pole that it would spoil the others.
_STEEP = 1e5
# How much less than 1 the modulus of a Rayleigh quotient may be: the square of the vector's error.
_MISSED = 1e-12
# Crossings closer than this, in rad per sample, are one: their order is below rounding.
SAME = 1e-12


@dataclass(frozen=True)
class _Spectrum:
    """Eigenphases in [0, 2 pi), rising; their slopes (how fast they fall, in rad per rad/sample); eigenvectors."""

    phases: Array  # (K, N)
    slopes: Array  # (K, N)
    vectors: Complex  # (K, N, N), eigenvector i in [:, :, i]

    @property
    def total(self) -> Array:
        return np.asarray(self.phases.sum(axis=1))


def _hermitian_vectors(unitary: Complex) -> tuple[Array, Complex]:
    """Eigenvectors, orthonormal also where eigenvalues coincide, from the Cayley transform; and tan(theta / 2)."""
    unit = np.eye(unitary.shape[-1])
    cayley = np.linalg.solve(unit + unitary, 1j * (unit - unitary))
    if not np.isfinite(cayley).all():
        raise np.linalg.LinAlgError
    values, vectors = np.linalg.eigh((cayley + cayley.conj().swapaxes(-1, -2)) / 2.0)
    return values, vectors


def _eigenvalues(unitary: Complex, vectors: Complex) -> Complex:
    """Rayleigh quotients: of modulus 1 for eigenvectors, and less for anything else."""
    return np.asarray((vectors.conj() * (unitary @ vectors)).sum(axis=-2))


def _aside(unitary: Complex) -> Complex:
    """Eigenvectors where some eigenvalue is near -1: the matrix is turned until its widest gap lies there."""
    phases = np.sort(np.angle(np.linalg.eigvals(unitary)))
    gaps = np.diff(np.append(phases, phases[0] + _TURN))
    widest = int(np.argmax(gaps))
    middle = phases[widest] + gaps[widest] / 2.0
    return _hermitian_vectors(unitary * np.exp(1j * (math.pi - middle)))[1]


def _spectrum_part(A: Array, m: Array, w: Array) -> _Spectrum:
    unitary = np.exp(-1j * (w[:, None] * m))[:, :, None] * A
    try:
        steepness, vectors = _hermitian_vectors(unitary)
        values = _eigenvalues(unitary, vectors)
        # An exact -1 makes the transform singular, which rounding may hide; its vectors then are none.
        spoilt = np.flatnonzero(
            (np.abs(steepness).max(axis=1) > _STEEP) | (np.abs(values).min(axis=1) < 1.0 - _MISSED)
        )
    except np.linalg.LinAlgError:
        spoilt, vectors = np.arange(len(w)), np.empty_like(unitary)
        values = np.empty((len(w), len(m)), dtype=np.complex128)
    for k in spoilt:
        vectors[k] = _aside(unitary[k])
        values[k] = _eigenvalues(unitary[k], vectors[k])
    phases = np.angle(values) % _TURN
    slopes = (np.square(np.abs(vectors)) * m[:, None]).sum(axis=-2)
    order = np.argsort(phases, axis=1)
    return _Spectrum(
        np.take_along_axis(phases, order, 1),
        np.take_along_axis(slopes, order, 1),
        np.take_along_axis(vectors, order[:, None, :], 2),
    )


def _crossed(start: Array, end: Array, width: Array, order: int) -> Integers:
    """Count the crossings of 0 between two points: the phases' sum falls by exactly width * order."""
    return np.asarray(np.round((end - start + width * order) / _TURN), dtype=np.int64)


def _inverse_hermite(a: Array, b: Array, fa: Array, fb: Array, sa: Array, sb: Array) -> Array:
    """Where a falling function with these values and slopes (of its fall) at a and b is about 0."""
    t = fa / (fa - fb)
    # w as a cubic of f, with f running from fa to fb as t runs from 0 to 1
    da, db = (fa - fb) / sa, (fa - fb) / sb
    u = 1.0 - t
    return np.asarray(a * u * u * (1 + 2 * t) + da * t * u * u + b * t * t * (3 - 2 * t) - db * t * t * u)


@dataclass(frozen=True)
class Crossings:
    """
    Zero crossings of the eigenphases: angles w, eigenvectors v (rows) and slopes v^H diag(m) v.

    Attributes
    ----------
    w : array, shape (K,)
        In rad per sample, rising.
    vectors : array, shape (K, N)
        Unit vectors with ``exp(-j w m) * (A v) = v``.
    slopes : array, shape (K,)
        In samples: between the shortest and the longest delay.
    """

    w: Array
    vectors: Complex
    slopes: Array


def zero_crossings(
    A: Array, delays: Integers, low: float, high: float, tell: Callable[[float], object] | None = None
) -> Crossings:
    """
    Find all w in [low, high) at which ``diag(exp(-1j * w * delays)) @ A`` has the eigenvalue 1, with multiplicity.

    Parameters
    ----------
    A : array, shape (N, N)
        Orthogonal to 1e-13.
    delays : array of int, shape (N,)
        Delays in samples.
    low, high : float
        In rad per sample, low < high.
    tell : callable, optional
        Called with the share done.

    Returns
    -------
    Crossings
        As many as the sum of all phases says there are.

    Notes
    -----
    On a grid on which no phase turns round more than half, the phases' sum gives the number of crossings in each
    interval, and since phases never overtake each other in their order, the i-th smallest one is the i-th to
    cross. Each crossing so has a bracket and a falling function of its own, in which Newton's method is kept.

    Examples
    --------
    A ring of two lines of 1 and 2 samples is one line of 3:

    >>> found = zero_crossings(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([1, 2]), -0.1, 3.2)
    >>> found.w.round(6) + 0.0, (found.w * 3 / (2 * np.pi)).round(12) + 0.0
    (array([0.      , 2.094395]), array([0., 1.]))
    """
    m = delays.astype(np.float64)
    order, n = int(delays.sum()), len(delays)
    intervals = max(
        math.ceil((high - low) * order / _TURN * _GRID_PER_MODE),
        math.ceil((high - low) * float(m.max()) / math.pi) + 1,
    )
    grid = np.linspace(low, high, intervals + 1)
    step = max(1, _ENTRIES // (n * n))
    phases, slopes = np.empty((len(grid), n)), np.empty((len(grid), n))
    for start in range(0, len(grid), step):
        part = _spectrum_part(A, m, grid[start : start + step])
        phases[start : start + step], slopes[start : start + step] = part.phases, part.slopes
        if tell is not None:
            tell(0.5 * start / len(grid))
    totals = phases.sum(axis=1)
    counts = _crossed(totals[:-1], totals[1:], np.diff(grid), order)
    cell = np.repeat(np.arange(intervals), counts)
    rank = np.arange(len(cell)) - np.repeat(np.cumsum(counts) - counts, counts)
    after = n - counts[cell] + rank
    a, b = grid[cell], grid[cell + 1]
    fa, fb = phases[cell, rank], phases[cell + 1, after] - _TURN
    x = _inverse_hermite(a, b, fa, fb, slopes[cell, rank], slopes[cell + 1, after])
    x = np.where((x >= a) & (x <= b), x, (a * -fb + b * fa) / (fa - fb))
    vectors, slope = np.empty((len(x), n), dtype=np.complex128), np.empty(len(x))
    for start in range(0, len(x), step):
        part_of = slice(start, start + step)
        x[part_of] = _polish(
            A, m, order, x[part_of], a[part_of], b[part_of], cell[part_of], rank[part_of], grid, totals,
            vectors[part_of], slope[part_of],
        )  # fmt: skip
        if tell is not None:
            tell(0.5 + 0.5 * start / len(x))
    sort = np.argsort(x, kind="stable")
    x, vectors, slope = x[sort], vectors[sort], slope[sort]
    _separate(A, m, x, vectors, slope)
    return Crossings(x, vectors, slope)


def _polish(
    A: Array,
    m: Array,
    order: int,
    x: Array,
    low: Array,
    high: Array,
    cell: Integers,
    rank: Integers,
    grid: Array,
    totals: Array,
    vectors: Complex,
    slopes: Array,
) -> Array:
    """Newton's method within brackets, for many crossings at once; writes their vectors and slopes."""
    x, low, high = x.copy(), low.copy(), high.copy()
    n = len(m)
    active = np.arange(len(x))
    for _ in range(100):
        at = _spectrum_part(A, m, x[active])
        where = cell[active]
        crossed = _crossed(totals[where], at.total, x[active] - grid[where], order)
        index = (rank[active] - crossed) % n
        past = rank[active] < crossed
        row = np.arange(len(active))
        f = at.phases[row, index] - np.where(past, _TURN, 0.0)
        slope = at.slopes[row, index]
        vectors[active], slopes[active] = at.vectors[row, :, index], slope
        low[active] = np.where(past, low[active], x[active])
        high[active] = np.where(past, x[active], high[active])
        # A phase that rounding has put just below 0 reads just below 2 pi; both are as near to 0.
        f = np.where(f > math.pi, f - _TURN, f)
        move = f / slope
        target = x[active] + move
        done = np.abs(move) < 1e-14
        outside = ((target < low[active]) | (target > high[active])) & ~done
        x[active] = np.where(outside, (low[active] + high[active]) / 2.0, target)
        active = active[~done & (high[active] - low[active] > 1e-15)]
        if not len(active):
            return x
    raise RuntimeError(f"{len(active)} modes did not settle: is A orthogonal?")


def clusters(w: Array) -> list[slice]:
    """
    Runs of two and more crossings that coincide.

    Examples
    --------
    >>> clusters(np.array([0.1, 0.2, 0.2, 0.3]))
    [slice(1, 3, None)]
    """
    same = np.diff(w) < SAME
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    return [slice(int(start), int(stop) + 1) for start, stop in edges.reshape(-1, 2)]


def _separate(A: Array, m: Array, w: Array, vectors: Complex, slopes: Array) -> None:
    """Give crossings that coincide vectors that are orthogonal, also in the metric of the delays."""
    groups = clusters(w)
    for group in groups:
        count = group.stop - group.start
        middle = float(w[group].mean())
        at = _spectrum_part(A, m, np.array([middle]))
        near = np.argsort(np.abs((at.phases[0] + math.pi) % _TURN - math.pi))[:count]
        basis = at.vectors[0][:, near]
        values, turned = np.linalg.eigh(basis.conj().T @ (m[:, None] * basis))
        w[group] = middle
        vectors[group] = (basis @ turned).T
        slopes[group] = values
