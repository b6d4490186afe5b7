"""What the perception lab finds of a sound, as small arrays, and the means over time that make them small."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from app.labs.perception.chain import FS, Array

#: How many moments of a sound are kept at most.
MOMENTS = 200
#: Intervals of a trial.
INTERVALS = 3
#: Pictures over time are means over so long, s, that cycles of 250 Hz and more leave no trace in them.
_WINDOW = 0.008


@dataclass(frozen=True)
class Pictures:
    """What the pictures over time show; F channels, K moments."""

    times: Array
    """``(K,)`` s"""
    motion: Array
    """``(F, K)`` root mean square of the channels, Pa or m/s"""
    cells: Array
    """``(F, K)`` mean output of the hair cells"""
    adapted: Array
    """``(F, K)`` mean adapted activity, model units"""


@dataclass(frozen=True)
class Sorted:
    """The internal representation, as the pictures of modulation show it; F channels, M bands."""

    rates: Array
    """``(M,)`` centre frequencies of the modulation filters, Hz"""
    moments: Array
    """``(K, F, M)`` mean magnitude in each of K stretches of the sound, model units"""
    whole: Array
    """``(F, M)`` root mean square over the whole sound, model units"""


@dataclass(frozen=True)
class Difference:
    """What an observer has to tell the second sound from the first."""

    strength: Array
    """``(F, M)`` root mean square of the difference in each channel and band, model units"""
    d_prime: float
    correct: float
    """Probability of a right answer among `INTERVALS`"""


def means(x: Tensor) -> Tensor:
    """Return weighted means along the last axis around `MOMENTS` at most, in which no cycle is left."""
    length = max(math.ceil(x.shape[-1] / MOMENTS), 1)
    width = max(2 * length, round(_WINDOW * FS) // 2 * 2)
    window = torch.hann_window(width, periodic=True, dtype=x.dtype).reshape(1, 1, -1)
    rows = x.reshape(-1, 1, x.shape[-1])
    # The first window's middle is that of the first moment
    before, after = width // 2 - length // 2, width
    both = torch.cat([rows, torch.ones_like(rows[:1])])
    sums = torch.nn.functional.conv1d(torch.nn.functional.pad(both, (before, after)), window, stride=length)[
        ..., : x.shape[-1] // length
    ]
    return (sums[:-1] / sums[-1:].clamp_min(1e-6)).reshape(*x.shape[:-1], -1)
