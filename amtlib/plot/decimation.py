"""Less data for the same picture: what a screen of a thousand columns can show of a long sound."""

import numpy as np

from amtlib.plot.axes import Array

#: Widest picture that is sent: more columns than this no figure shows.
COLUMNS = 500


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

    Parameters
    ----------
    x : ndarray, shape ``(T,)``
    t0, t1 : float
        Times of the first sample and of the end, s.

    Returns
    -------
    tuple of ndarray
        Times and values, at most ``2 * columns`` of each.
    """
    if len(x) <= 2 * columns:
        times = np.linspace(t0, t1, len(x), endpoint=False)
        return times, x
    edges = np.linspace(0, len(x), columns + 1).astype(int)[:-1]
    low, high = np.minimum.reduceat(x, edges), np.maximum.reduceat(x, edges)
    times = np.repeat(t0 + (edges + 0.5 * len(x) / columns) / len(x) * (t1 - t0), 2)
    return times, np.stack([low, high], 1).ravel()


def cells(start: float, end: float, count: int) -> Array:
    """Return the centres of equally wide cells between two ends.

    Examples
    --------
    >>> cells(0.0, 1.0, 2)
    array([0.25, 0.75])
    """
    return start + (np.arange(count) + 0.5) * ((end - start) / count)
