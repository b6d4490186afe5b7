"""The measured responses behind the ear filters, and interpolation between their points.
Source: the first line of each file in amtlib/tables; Fritsch and Carlson (1980) for the interpolation.
Not here: filters (:mod:`amtlib.ears.fir`).
"""

from importlib import resources
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]


def ear_table(name: str) -> Array:
    """
    Read one of the measured tables behind the filters.

    Parameters
    ----------
    name : {'stapes_velocity', 'stapes_jepsen2008', 'headphone_pralong1996', 'outer_ear', 'middle_ear'}
        Columns: Hz and m/s at 0 dB SPL; Hz and reciprocal velocity; Hz and amplitude factor; Hz, free-field and
        diffuse-field gain in dB; Hz, gain of 1997 and of 2007 in dB.

    Returns
    -------
    ndarray, shape (rows, columns)
        Frequencies increase.

    Raises
    ------
    ValueError
        If there is no such table.

    Examples
    --------
    >>> ear_table("stapes_velocity")[5]
    array([1.0000000e+03, 8.4860578e-09])
    """
    known = ("stapes_velocity", "stapes_jepsen2008", "headphone_pralong1996", "outer_ear", "middle_ear")
    if name not in known:
        raise ValueError(f"there is no table {name!r}; the tables are {', '.join(known)}")
    text = (resources.files("amtlib") / "tables" / f"{name}.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")][1:]
    return np.array([[float(value) for value in line.split(",")] for line in lines])


def monotone_cubic(x: Array, y: Array, at: Array) -> Array:
    """
    Interpolate by piecewise cubic polynomials that rise and fall only where the points do; hold the ends.

    Parameters
    ----------
    x, y : ndarray, shape (N,)
        Points, N >= 3, x increasing.
    at : ndarray, shape (...)
        Where to interpolate.

    Returns
    -------
    ndarray, shape (...)
        Values.

    References
    ----------
    Fritsch and Carlson (1980), SIAM J. Numer. Anal. 17, 238-246; Fritsch and Butland (1984).

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> monotone_cubic(x, np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.5, 1.5, 9.0]))
    array([0. , 0.5, 1. ])
    """
    step = np.diff(x)
    slope = np.diff(y) / step
    left, right = slope[:-1], slope[1:]
    first, second = 2.0 * step[1:] + step[:-1], step[1:] + 2.0 * step[:-1]
    same = left * right > 0.0
    left, right, first, second = left[same], right[same], first[same], second[same]
    inner = np.zeros(len(step) - 1)
    # The weighted harmonic mean of both slopes, without their inverses: a slope may be next to nothing.
    inner[same] = (first + second) * (left * right) / (first * right + second * left)

    def end(h0: float, h1: float, s0: float, s1: float) -> float:
        one_sided = ((2.0 * h0 + h1) * s0 - h0 * s1) / (h0 + h1)
        if one_sided * s0 <= 0.0:
            return 0.0
        return 3.0 * s0 if s0 * s1 < 0.0 and abs(one_sided) > 3.0 * abs(s0) else one_sided

    edges = end(step[0], step[1], slope[0], slope[1]), end(step[-1], step[-2], slope[-1], slope[-2])
    derivative = np.concatenate([[edges[0]], inner, [edges[1]]])
    at = np.clip(at, x[0], x[-1])
    k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(step) - 1)
    h, t = step[k], (at - x[k]) / step[k]
    below = y[k] * (1.0 + 2.0 * t) + derivative[k] * h * t
    above = y[k + 1] * (3.0 - 2.0 * t) - derivative[k + 1] * h * (1.0 - t)
    value: Array = below * (1.0 - t) ** 2 + above * t**2
    return value
