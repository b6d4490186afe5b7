"""How alike the sounds at two ears are, by band: what makes a room sound wide, or narrow.
Source: interaural cross-correlation, ISO 3382-1:2009, annex B; bands one ERB wide (Glasberg and Moore 1990).
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from amtlib import scales

Array = NDArray[Any]

#: Largest difference in time between the ears, s, and in how many steps it is looked for.
_LAG, _STEPS = 0.001, 41
#: Lowest and highest band on the ERB-number scale (Cam), one apart.
_LOWEST, _HIGHEST = 3.0, 37.0


@dataclass(frozen=True)
class Coherence:
    """Interaural coherence: ``values`` from 0 to 1 in the bands around ``centres`` in Hz."""

    centres: Array
    values: Array


def coherence(pair: Array, fs: int) -> Coherence:
    """Return the largest correlation of two channels within 1 ms, in bands one ERB wide.

    Parameters
    ----------
    pair : ndarray, shape ``(T, 2)``
    fs : int
        Hz.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((48000, 2))
    >>> late = np.stack([noise[24:, 0], noise[:-24, 0]], 1)
    >>> bool(coherence(late, 48000).values.min() > 0.99), bool(coherence(noise, 48000).values[-1] < 0.1)
    (True, True)
    """
    spectra = np.fft.rfft(pair, 2 ** math.ceil(math.log2(len(pair))), axis=0)
    frequencies = np.linspace(0.0, fs / 2, len(spectra))
    edges = scales.erbrate2f(torch.arange(_LOWEST, _HIGHEST + 1, dtype=torch.float64) - 0.5).numpy()
    edges = edges[edges < fs / 2]
    lags = np.linspace(-_LAG, _LAG, _STEPS)
    values = []
    for low, high in itertools.pairwise(edges):
        first, last = np.searchsorted(frequencies, [low, high])
        left, right = spectra[first:last].T
        turned = np.exp(2j * math.pi * np.outer(lags, frequencies[first:last])) @ (left * right.conj())
        power = math.sqrt(float(np.square(np.abs(left)).sum() * np.square(np.abs(right)).sum()))
        values.append(min(float(np.abs(turned.real).max()) / power, 1.0) if power else math.nan)
    return Coherence(np.sqrt(edges[:-1] * edges[1:]), np.array(values))
