"""The level of a response by octave: its mean, and between which limits most frequencies lie.

The highest of ever wider bins would rise towards high frequencies for chance alone; means and percentiles do not.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: Lowest octave, Hz, and steps of an octave between centres.
_LOWEST, _STEPS = 50.0, 6
#: Percentiles that most frequencies lie between.
PERCENTILES = (5.0, 95.0)
#: Fewest frequencies that have percentiles.
_FEWEST = 8


@dataclass(frozen=True)
class Levels:
    """Levels in the octaves around frequencies.

    Attributes
    ----------
    centres : ndarray, shape ``(K,)``
        Hz.
    mean : ndarray, shape ``(K,)``
        Of the power in the octave, dB re the reference.
    low, high : ndarray, shape ``(K,)``
        Between which 90 % of the octave's frequencies lie, dB re the reference.
    """

    centres: Array
    mean: Array
    low: Array
    high: Array


def octave_levels(magnitude: Array, fs: float, reference: float | None = None) -> Levels:
    """Return the levels of a response.

    Parameters
    ----------
    magnitude : ndarray, shape ``(F,)``
        At evenly spaced frequencies from 0 to half the rate.
    fs : float
        Hz.
    reference : float, optional
        Power that has 0 dB. Default: the mean over the frequencies.

    Examples
    --------
    >>> flat = octave_levels(np.ones(4097), 48000)
    >>> float(np.abs([flat.mean, flat.low, flat.high]).max())
    0.0
    """
    power = np.square(np.asarray(magnitude, dtype=float))
    reference = float(power.mean()) if reference is None else reference
    frequencies = np.linspace(0.0, fs / 2, len(power))
    highest = fs / 2 / 2**0.5
    steps = int(_STEPS * np.log2(highest / _LOWEST))
    centres = _LOWEST * 2.0 ** (np.arange(steps + 1) / _STEPS)
    edges = np.searchsorted(frequencies, [centres / 2**0.5, centres * 2**0.5])
    kept = edges[1] - edges[0] >= _FEWEST
    octaves = [power[first:last] for first, last in edges.T[kept]]
    means = np.array([octave.mean() for octave in octaves])
    limits = np.array([_percentiles(octave) for octave in octaves]).reshape(-1, 2)

    def level(values: Array) -> Array:
        return 10.0 * np.log10(np.maximum(values / reference, 1e-12))

    return Levels(centres[kept], level(means), level(limits[:, 0]), level(limits[:, 1]))


def _percentiles(values: Array) -> tuple[float, float]:
    """Return the values that 5 and 95 % of all are below: the nearest ones, which a partition finds."""
    at = [round((len(values) - 1) * share / 100) for share in PERCENTILES]
    found = np.partition(values, at)
    return float(found[at[0]]), float(found[at[1]])
