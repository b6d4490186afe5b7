"""The travelling wave: what filters like the channels' let through for a moment, place by place along the cochlea."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from amtlib import scales
from amtlib.filterbanks import LinearFilterbank
from app.labs.filterbank.result import Array, erb_numbers

#: How much of the sound is slowed down, s: four seconds of film at a two-hundredth of the speed.
SPAN = 0.02
#: How many places move: more than most banks have channels, for the membrane has no gaps.
PLACES = 80


@dataclass(frozen=True)
class Travelling:
    """The filters' outputs as a film."""

    fc: Array
    """``(K,)`` frequencies of the places, Hz"""
    times: Array
    """``(M,)`` times of the frames, s"""
    frames: Array
    """``(M, K)`` output of the filter of each place, Pa"""

    @property
    def reach(self) -> Array:
        """``(K,)`` furthest that each place moves, Pa."""
        return np.abs(self.frames).max(0)


def places(low: float, high: float) -> torch.Tensor:
    """Return the frequencies of the places between two, Hz, equally far apart on the ERB-number scale."""
    bottom, top = erb_numbers(low), erb_numbers(high)
    return scales.erb2fc(torch.linspace(float(bottom), float(top), PLACES, dtype=torch.float64))


def travelling(bank: LinearFilterbank, x: torch.Tensor, window: slice) -> Travelling:
    """Return the film of a stretch of a sound, with as many frames as the highest place needs."""
    start = max(window.start - bank.settling_samples, 0)
    outputs = bank(x[start : window.stop])[:, window.start - start :]
    fs, fc = bank.fs, bank.fc.double().numpy()
    step = max(math.floor(fs / (2.5 * fc.max())), 1)
    frames = outputs[:, ::step].T.contiguous().float().numpy()
    return Travelling(fc, (window.start + step * np.arange(len(frames))) / fs, frames)
