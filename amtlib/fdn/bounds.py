"""Bounds on the gain of second-order sections that hold at every frequency, also between the points of a grid.
Source: the squared magnitude of a section is a ratio of two quadratics in cos w, whose extrema are known in closed
form. Not here: the loop they stand in (:mod:`amtlib.fdn.certificate`).
"""

import math

import numpy as np

from amtlib.fdn.build import Array

# Points per octave of the grid, its octaves below fs / 2, and how much a bound is widened for rounding.
_PER_OCTAVE, _OCTAVES, _ROUNDING, _EPS = 48, 12, 1e-9, 2.3e-16


def grid(sos: tuple[Array | None, ...] = ()) -> Array:
    """
    Return angles from 0 to pi, dense on a logarithmic scale and around the poles of sections.

    Examples
    --------
    >>> float(grid()[0]), float(grid()[-1]) == math.pi
    (0.0, True)
    """
    points = [
        np.array([0.0]),
        math.pi * 2.0 ** (np.arange(-_OCTAVES * _PER_OCTAVE, 1) / _PER_OCTAVE),
        math.pi * np.arange(1, 257) / 256,
    ]
    for each in sos:
        if each is None:
            continue
        normal = each / each[:, 3:4]
        root = np.sqrt((normal[:, 4] ** 2 - 4.0 * normal[:, 5]).astype(np.complex128))
        pole = ((-normal[:, 4] + root) / 2.0).ravel()
        around = np.array([-4.0, -2.0, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 2.0, 4.0])
        near = np.abs(np.angle(pole))[:, None] + (1.0 - np.abs(pole))[:, None] * around
        points.append(np.unique(np.round(near[(near > 0.0) & (near < math.pi)], 9)))
    return np.unique(np.concatenate(points))


def gain_bounds(sos: Array | None, edges: Array, channels: int) -> Array:
    """
    Return bounds on the gain of cascades of sections, one for each interval between two angles.

    Parameters
    ----------
    sos : array, shape (S, 6, M), or None
        Stable sections; None: gain 1.
    edges : array, shape (P,)
        Angles in rad, increasing, 0 to pi.
    channels : int
        M.

    Returns
    -------
    array, shape (P - 1, M)
        No gain within the interval, its ends included, is larger. The bound is the product of the largest gains of the
        sections, each of them exact: where the interval is narrow, it is that of the cascade.

    Examples
    --------
    >>> lowpass = np.array([[[0.5], [0.5], [0.0], [1.0], [0.0], [0.0]]])
    >>> gain_bounds(lowpass, np.array([0.0, math.pi / 2, math.pi]), 1).round(4)
    array([[1.    ],
           [0.7071]])
    """
    found = np.ones((len(edges) - 1, channels))
    if sos is None:
        return found
    # cos w = 1 - 2 u: u keeps its digits at low frequencies, where |b0 + b1 + b2|^2 would lose them
    u = np.sin(edges / 2.0) ** 2
    for b0, b1, b2, a0, a1, a2 in sos:
        n, d = _quadratic(b0, b1, b2), _quadratic(a0, a1, a2)
        at_edges = _value(n, u) / _value(d, u)
        bound = np.maximum(at_edges[:-1], at_edges[1:])
        for root in _extrema(n, d):
            inside = (root > u[:-1, None]) & (root < u[1:, None])
            with np.errstate(all="ignore"):
                peak = (n[0] + root * (n[1] + root * n[2])) / (d[0] + root * (d[1] + root * d[2]))
            bound = np.where(inside, np.maximum(bound, np.where(np.isfinite(peak), peak, 0.0)), bound)
        above, below = (_rounding(c, u[1:]) for c in ((b0, b1, b2), (a0, a1, a2)))
        least = np.minimum(_value(d, u[:-1]), _value(d, u[1:]))
        for root in _extrema(d, (np.ones_like(a0), 0.0 * a0, 0.0 * a0)):
            inside = (root > u[:-1, None]) & (root < u[1:, None])
            with np.errstate(all="ignore"):
                least = np.where(inside, np.minimum(least, d[0] + root * (d[1] + root * d[2])), least)
        least = np.maximum(least, 2.0 * below)
        bound = (bound + above / least) * least / (least - below)
        found *= np.sqrt(np.maximum(bound, 0.0)) * (1.0 + _ROUNDING)
    return found


def _quadratic(c0: Array, c1: Array, c2: Array) -> tuple[Array, Array, Array]:
    """Coefficients of |c0 + c1 z + c2 z^2|^2 as a polynomial in u = sin(w / 2)^2, lowest first."""
    return (c0 + c1 + c2) ** 2, -4.0 * (c1 * (c0 + c2) + 4.0 * c0 * c2), 16.0 * c0 * c2


def _rounding(c: tuple[Array, Array, Array], u: Array) -> Array:
    """
    Bound the rounding error of the polynomial of :func:`_quadratic` between 0 and u.

    With S = |c0| + |c1| + |c2|, the sum s of coefficients that nearly cancel is off by 2 eps S, so its square by
    4 eps |s| S + 4 eps^2 S^2; the coefficients of u and u^2 are below 4 S^2, and off by 12 and 4 eps S^2; each of the
    operations that add them up by eps of its result.
    """
    total, size = np.abs(c[0] + c[1] + c[2]), np.abs(c[0]) + np.abs(c[1]) + np.abs(c[2])
    return np.asarray(_EPS * size * (9.0 * total + 4.0 * _EPS * size + 48.0 * u[:, None] * size))


def _value(q: tuple[Array, Array, Array], u: Array) -> Array:
    at = u[:, None]
    return np.asarray(q[0] + at * (q[1] + at * q[2]))


def _extrema(n: tuple[Array, Array, Array], d: tuple[Array, Array, Array]) -> tuple[Array, Array]:
    """Where the ratio of two quadratics is stationary: roots of n' d - n d', NaN where there are none."""
    a = n[2] * d[1] - n[1] * d[2]
    b = 2.0 * (n[2] * d[0] - n[0] * d[2])
    c = n[1] * d[0] - n[0] * d[1]
    with np.errstate(all="ignore"):
        # the stable form: neither root is a difference of nearly equal numbers
        q = -0.5 * (b + np.copysign(np.sqrt(b * b - 4.0 * a * c), b))
        return q / a, c / q


def largest_gain(sos: Array) -> Array:
    """
    Return a bound on the gain of cascades of sections over all frequencies, shape (M,).

    Examples
    --------
    >>> largest_gain(np.array([[[0.5], [0.0], [0.0], [1.0], [-0.5], [0.0]]])).round(6)
    array([1.])
    """
    return np.asarray(gain_bounds(sos, grid((sos,)), sos.shape[2]).max(axis=0))
