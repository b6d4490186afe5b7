"""The travelling wave: what the channels let through in a short stretch, ordered by place along the cochlea."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from amtlib.filterbanks import LinearFilterbank
from app.labs.filterbank.result import Array

#: How much of the sound is slowed down, s: four seconds of film at a two-hundredth of the speed.
SPAN = 0.02
#: Most places that move.
PLACES = 64


@dataclass(frozen=True)
class Travelling:
    """The channels' outputs as a film."""

    fc: Array
    """``(K,)`` frequencies of the places, Hz"""
    times: Array
    """``(M,)`` times of the frames, s"""
    frames: Array
    """``(M, K)`` output of each channel, Pa"""

    @property
    def reach(self) -> Array:
        """``(K,)`` furthest that each place moves, Pa."""
        return np.abs(self.frames).max(0)


def thinned(fc: torch.Tensor) -> torch.Tensor:
    """Return at most `PLACES` of the channels, evenly thinned out."""
    return fc[:: math.ceil(len(fc) / PLACES)]


def travelling(bank: LinearFilterbank, x: torch.Tensor, window: slice) -> Travelling:
    """Return the film of a stretch of a sound: samples as long as the highest channel needs them."""
    start = max(window.start - bank.settling_samples, 0)
    outputs = bank(x[start : window.stop])[:, window.start - start :]
    fs, fc = bank.fs, bank.fc.double().numpy()
    step = max(math.floor(fs / (2.5 * fc.max())), 1)
    frames = outputs[:, ::step].T.contiguous().float().numpy()
    return Travelling(fc, (window.start + step * np.arange(len(frames))) / fs, frames)
