"""Less data for the same picture: what a screen of a thousand columns can show of a long sound."""

import math

import numpy as np

from amtlib.plot.axes import Array

#: Widest picture that is sent: more columns than this no figure shows.
COLUMNS = 500
#: A wave whose cycles are no wider than so many columns is drawn as the band that it fills.
_DENSE = 5


def peak_columns(x: Array, columns: int = COLUMNS) -> Array:
    """Reduce the last axis to at most ``columns`` by keeping the maximum of each stretch.

    Examples
    --------
    >>> peak_columns(np.arange(10.0), 5)
    array([1., 3., 5., 7., 9.])
    """
    length = x.shape[-1]
    if length <= columns:
        return x
    edges = np.linspace(0, length, columns + 1).astype(int)[:-1]
    return np.maximum.reduceat(x, edges, axis=-1)


def envelope_outline(x: Array, t0: float, t1: float, columns: int = COLUMNS) -> tuple[Array, Array]:
    """Reduce a waveform to what a screen shows: lowest and highest value of each column, as one zigzag line.

    Of a wave of few columns a cycle, those of a whole cycle: the line then fills the band that the wave fills.

    Parameters
    ----------
    x : ndarray, shape ``(T,)``
    t0, t1 : float
        Times of the first sample and of the end, s.

    Returns
    -------
    tuple of ndarray
        Times and values, at most ``2 * columns`` of each.

    Examples
    --------
    >>> x = np.sin(2 * np.pi * 250 * np.arange(20000) / 20000)  # two columns a cycle
    >>> low, high = envelope_outline(x, 0.0, 1.0)[1].reshape(-1, 2).T
    >>> bool((low < -0.99).all() and (high > 0.99).all())
    True
    """
    if len(x) <= 2 * columns:
        times = np.linspace(t0, t1, len(x), endpoint=False)
        return times, x
    bounds = np.linspace(0, len(x), columns + 1).astype(int)
    edges = bounds[:-1]
    low, high = np.minimum.reduceat(x, edges), np.maximum.reduceat(x, edges)
    cycles = np.count_nonzero(np.diff(np.signbit(x))) / 2
    if columns < _DENSE * cycles:
        # Columns that hold less than a cycle would each miss another part of it, and be seen as a pattern.
        low, high = (_widened(each, math.ceil(columns / cycles)) for each in (-low, high))
        first, second = -low, high
    else:
        falls = x[bounds[1:] - 1] < x[edges]
        first, second = np.where(falls, high, low), np.where(falls, low, high)
    times = np.repeat(t0 + (edges + 0.5 * len(x) / columns) / len(x) * (t1 - t0), 2)
    return times, np.stack([first, second], 1).ravel()


def _widened(x: Array, width: int) -> Array:
    """Return the highest of each ``width`` neighbours."""
    padded = np.pad(x, ((width - 1) // 2, width // 2), mode="edge")
    highest: Array = np.lib.stride_tricks.sliding_window_view(padded, width).max(-1)
    return highest


def cells(start: float, end: float, count: int) -> Array:
    """Return the centres of equally wide cells between two ends.

    Examples
    --------
    >>> cells(0.0, 1.0, 2)
    array([0.25, 0.75])
    """
    return start + (np.arange(count) + 0.5) * ((end - start) / count)
