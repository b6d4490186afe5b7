"""Filters that train: decay times by band that can never make a loop grow, and an output equaliser of minimum phase.
Source: the designs of :mod:`amtlib.fdn.absorption` and :mod:`amtlib.fdn.equaliser`, which have gradients.
Not here: the graph that they stand in (:mod:`amtlib.train.graph`).
"""

import math

import numpy as np
import torch
from torch import Tensor

from amtlib.fdn.absorption import BandAbsorption, absorption_times, best_crossover
from amtlib.fdn.build import Array, FDNBuild
from amtlib.fdn.coupling import first_group
from amtlib.fdn.equaliser import Peaks
from amtlib.fdn.noise import octave_centres

#: Decay times that training may reach, s, and the one that bounds the loop's gain at every frequency.
SHORTEST, LONGEST, CEILING = 0.01, 40.0, 80.0
# No line may lose more than this in one round, dB: the loop's gains are divided by.
_DEEPEST_DB = 200.0
# Linear systems solved for the gains of the peaks; gains (dB) beyond these are not looked for.
_ROUNDS, _MOST_DB = 12, 60.0
# Largest gain of an output band, dB.
_EQ_DB = 40.0
_NEPER = 20.0 / math.log(10.0)


def trained_centres(fs: float) -> Array:
    """
    Return the octaves whose times and gains train: from 62.5 Hz to 16 kHz, where they lie below 0.45 fs.

    Examples
    --------
    >>> trained_centres(48000.0)[[0, -1]]
    array([   62.5, 16000. ])
    """
    centres = np.union1d(octave_centres(fs), 16000.0)
    return np.asarray(centres[(centres < 0.45 * fs) & (centres <= 16000.0)])


class TrainedDecay:
    """
    From free numbers to absorption filters, by way of decay times in bands: the map of a parameter that trains.

    Parameters
    ----------
    build : FDNBuild
        The network that training starts from, with filters: their times are its start.

    Attributes
    ----------
    centres : array, shape (K,)
        Octave centres in Hz.
    start : Tensor, float64, shape (K,) or (K, 2)
        The numbers of the start; two columns where both halves of the lines have times of their own (two slopes).

    Raises
    ------
    ValueError
        If the network has no decay, or one that is out of the range of training.

    Notes
    -----
    *The loop contracts, whatever the numbers.* A number x stands for the time ``T = low (high / low)^s(x)`` with the
    logistic function s, so ``low <= T <= high`` for every finite x. The filter of a line of m samples is a shelf and K
    peaks, all stable for any finite gains of theirs (gains are limited to 60 dB). U, the sum over the stages of the
    larger of their levels at both ends of an interval, is at least the level of the cascade at each frequency of that
    interval, for each stage rises or falls steadily within it (see :class:`amtlib.fdn.absorption.BandAbsorption`). The
    whole cascade is then lowered by ``max(0, U - L)``, where ``L = -60 m / (80 s fs)`` dB is the level of a decay of 80
    s. Hence no level at any frequency is above L < 0 dB. The matrix has norm 1, so the loop's norm is at most the
    largest of ``10^(L / 20)`` over the lines: below 1, and no mode can lie on the unit circle or outside it.

    Examples
    --------
    >>> from amtlib.fdn.design import design_fdn
    >>> decay = TrainedDecay(design_fdn(N=4, rt=(2.0, 1.0), rng=7))
    >>> decay.times(decay.start).round(decimals=2)[[0, -1]]
    tensor([2.0000, 1.1400], dtype=torch.float64)
    """

    def __init__(self, build: FDNBuild) -> None:
        if build.filters is None:
            raise ValueError("decay cannot train in a network without one: give rt, such as rt=(2.0, 1.0)")
        fs = build.fs
        self.centres = trained_centres(fs)
        times = absorption_times(build.filters, build.delays, fs, self.centres)
        groups = _groups(times)
        with np.errstate(divide="ignore"):  # of the mean loss per second
            start = np.stack([1.0 / np.mean(1.0 / times[:, each], axis=1) for each in groups], axis=1)
        #: column of each line among the numbers of two slopes; None for one
        self.columns = None if len(groups) == 1 else torch.arange(build.N).ge(first_group(build.N)).long()
        self.low = max(SHORTEST, 60.0 * float(build.delays.max()) / (_DEEPEST_DB * fs))
        self.high = LONGEST
        inside = (start > self.low) & (start < self.high)
        if not inside.all():
            band, column = np.unravel_index(int(np.argmin(inside)), inside.shape)
            raise ValueError(
                f"decay cannot train from {start[band, column]:.3g} s at {self.centres[band]:g} Hz: start from more "
                f"than {self.low:.3g} s and less than {self.high:g} s in every octave"
            )
        middle = np.exp(np.log(start).mean(axis=1))
        self.filters = BandAbsorption(
            self.centres, build.delays, fs, best_crossover(self.centres, middle, fs)
        )
        share = np.log(start / self.low) / math.log(self.high / self.low)
        numbers = torch.from_numpy(np.log(share / (1.0 - share)))
        self.start = numbers[:, 0].clone() if self.columns is None else numbers
        self.sections = len(self.centres) + 1

    def times(self, x: Tensor) -> Tensor:
        """Return the decay times in s, shaped like the numbers."""
        return self.low * torch.pow(self.high / self.low, torch.sigmoid(x.double()))

    def __call__(self, x: Tensor) -> Tensor:
        """Return the sections, float64, (K + 1, 6, N), of the numbers: as `start`, or one column for each line."""
        numbers = x.cpu()
        times = self.times(numbers if numbers.ndim == 2 else numbers[:, None])
        if self.columns is not None and times.shape[1] == 2:
            times = times[:, self.columns]
        found = self.filters.sections(times, CEILING, rounds=_ROUNDS, most_db=_MOST_DB)
        return found.to(x.device)


def _groups(times: Array) -> list[slice]:
    """Lines that share their times (K, N): all of them, or the two halves of a network of two slopes."""
    half = first_group(times.shape[1])
    for groups in ([slice(None)], [slice(half), slice(half, None)]):
        if all(
            each.size and (each.max(axis=1) <= 1.2 * each.min(axis=1)).all()
            for each in (times[:, group] for group in groups)
        ):
            return groups
    raise ValueError(
        "decay trains one time for all lines in each octave, or one for each half of them (two slopes), and those of "
        "this network differ within a half: leave its decay as it is, or give it one with with_decay"
    )


def _own_phases(sections: Array) -> int | None:
    """Return the first of the sections (S, 6, n) that is not of minimum phase, by Jury's criterion for its zeros."""
    b0, b1, b2 = np.moveaxis(sections[:, :3], 1, 0)
    least = 1e-9 * np.abs(sections[:, :3]).max(axis=1)
    outside = (np.abs(b2) > np.abs(b0) + least) | (np.abs(b1) > np.abs(b0 + b2) + least)
    found = np.flatnonzero(outside.any(axis=1))
    return int(found[0]) if found.size else None


class TrainedEqualiser:
    """
    From free numbers to an output equaliser: one number for each octave and output, its gain in nepers at first.

    Parameters
    ----------
    build : FDNBuild
        The network that training starts from; the gains of its `post_eq` at the octave centres are the start, 0 dB
        without one.

    Raises
    ------
    ValueError
        If the `post_eq` has phases of its own (zeros outside the unit circle, as an all-pass filter has), which its
        gains do not tell, or a gain beyond the range of training.

    Notes
    -----
    Gains are ``40 dB tanh(x / 40 dB)``; the sections are of minimum phase for all of them.

    Examples
    --------
    >>> from amtlib.fdn.design import design_fdn
    >>> equaliser = TrainedEqualiser(design_fdn(N=4, rng=7))
    >>> equaliser(equaliser.start).shape
    torch.Size([10, 6, 1])
    """

    def __init__(self, build: FDNBuild) -> None:
        self.centres = trained_centres(build.fs)
        gains = np.zeros((len(self.centres), build.n_out))
        if build.post_eq is not None:
            section = _own_phases(build.post_eq)
            if section is not None:
                raise ValueError(
                    f"post_eq cannot train: section {section} has zeros outside the unit circle, as an all-pass filter "
                    "has, and training keeps gains alone and would lose its phases; leave post_eq out of trainable"
                )
            z = np.exp(-2j * math.pi * self.centres / build.fs)[:, None]
            for b0, b1, b2, a0, a1, a2 in build.post_eq:
                gains += 20.0 * np.log10(np.abs((b0 + z * (b1 + z * b2)) / (a0 + z * (a1 + z * a2))))
        if np.abs(gains).max() >= 0.95 * _EQ_DB:
            raise ValueError(
                f"post_eq cannot train from {np.abs(gains).max():.3g} dB: put the level into C, so that no octave is "
                f"beyond {0.95 * _EQ_DB:g} dB"
            )
        self._peaks = Peaks(self.centres, build.fs)
        self.start = torch.from_numpy(_EQ_DB / _NEPER * np.arctanh(gains / _EQ_DB))
        self.sections = len(self.centres) + 1

    def gains(self, x: Tensor) -> Tensor:
        """Return the gains in dB, (K, n_out), of the numbers."""
        return _EQ_DB * torch.tanh(x.double() * (_NEPER / _EQ_DB))

    def __call__(self, x: Tensor) -> Tensor:
        """Return the sections, float64, (K + 1, 6, n_out), of the numbers (K, n_out)."""
        gains = self.gains(x.cpu())
        mean = gains.mean(dim=0)
        whole = torch.zeros(1, 6, gains.shape[1], dtype=torch.float64)
        whole[0, 3] = 1.0
        whole = torch.cat([torch.pow(10.0, mean / 20.0)[None, None], whole[:, 1:]], dim=1)
        solved = self._peaks.gains(gains - mean, rounds=_ROUNDS).clamp(-_MOST_DB, _MOST_DB)
        return torch.cat([whole, self._peaks.sections(solved)]).to(x.device)
