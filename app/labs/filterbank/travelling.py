"""The travelling wave: what filters like the channels' let through for a moment, place by place along the cochlea, and
how the basilar membrane of a cochlea that compresses moves there (Paulick et al. 2024).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from amtlib import DRNLFilterbank, MiddleEarFilter, scales
from amtlib.filterbanks import LinearFilterbank
from amtlib.filterbanks.drnl_parameters import parameters_at
from amtlib.hearing_loss import HairCellLoss
from app.labs.filterbank.result import Array

#: How much of the sound is slowed down, s: four seconds of film at a two-hundredth of the speed.
SPAN = 0.02
#: How many places move: more than most banks have channels, for the membrane has no gaps.
PLACES = 80


@dataclass(frozen=True)
class Travelling:
    """The filters' outputs, Pa, or the velocities of the membrane, m/s, as a film."""

    fc: Array
    """``(K,)`` frequencies of the places, Hz"""
    times: Array
    """``(M,)`` times of the frames, s"""
    frames: Array
    """``(M, K)`` output of the filter of each place"""

    @property
    def reach(self) -> Array:
        """``(K,)`` most that there is at each place."""
        return np.abs(self.frames).max(0)


def places(low: float, high: float) -> torch.Tensor:
    """Return the frequencies of the places between two, Hz, equally far apart on the ERB-number scale."""
    return scales.erbspace(low, high, PLACES, dtype=torch.float64)


def travelling(bank: LinearFilterbank, x: torch.Tensor, window: slice) -> Travelling:
    """Return the film of a stretch of a sound, with as many frames as the highest place needs."""
    start = max(window.start - bank.settling_samples, 0)
    return _film(bank, bank(x[start : window.stop])[:, window.start - start :], window.start)


def ear(
    fc: torch.Tensor, fs: float, loss: HairCellLoss | None = None
) -> tuple[MiddleEarFilter, DRNLFilterbank]:
    """Return an ear: what makes the stapes' velocity of pressure, and the membrane's at these places of that.

    Of a loss, the outer part takes gain off soft sounds.
    """
    values = None if loss is None else parameters_at(fc).scaled(a=loss.outer_gain)
    bank = DRNLFilterbank(fc, fs, dtype=torch.float32, parameters=values)
    return MiddleEarFilter(fs, dtype=torch.float32), bank


def compressed(middle: MiddleEarFilter, bank: DRNLFilterbank, x: torch.Tensor, window: slice) -> Travelling:
    """Return the film of the basilar membrane in a stretch of a sound."""
    start = max(window.start - bank.settling_samples - middle.order, 0)
    with torch.no_grad():
        stapes = middle(x[start : window.stop + middle.delay])[: window.stop - start]
        return _film(bank, bank(stapes)[:, window.start - start :], window.start)


def _film(bank: LinearFilterbank | DRNLFilterbank, outputs: torch.Tensor, start: int) -> Travelling:
    fs, fc = bank.fs, bank.fc.double().numpy()
    step = max(math.floor(fs / (2.5 * fc.max())), 1)
    frames = outputs[:, ::step].T.contiguous().float().numpy()
    return Travelling(fc, (start + step * np.arange(len(frames))) / fs, frames)
