"""A graphic equaliser as a cascade of second-order peaks whose gains are met exactly at all centre frequencies.
Source: Välimäki and Liski (2017), IEEE Signal Process. Lett. 24, 176-180 (bandwidth of each peak by its gain at the
next band, gains from an interaction matrix); peaks of Orfanidis (1996), Introduction to Signal Processing. Not here:
decay times (:mod:`amtlib.fdn.absorption`). In torch, so that training has its gradients.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.fdn.build import Array, real_array, sampling_rate

# Bands that a person can tell apart, or that filters can: steps per octave at most.
_FINEST = 48
#: Largest gain of one band in dB, either way.
MAX_GAIN_DB = 120.0
# Share of its own gain (dB) that a peak has at the neighbouring centre: bands of an octave; narrower ones.
_SHARE, _SHARE_NARROW, _NARROW = 0.3, 0.4, 0.75
# Gains below this (dB) are as good as none, but have an interaction.
_LEAST_DB = 1e-6
_ROUNDS, _SETTLED_DB = 60, 1e-10
_DB = math.log(10.0) / 10.0


def check_centres(value: Any, fs: float, name: str = "centres") -> Array:
    """
    Return centre frequencies as float64, or say why they are none: increasing, above 0, below fs / 2.

    Examples
    --------
    >>> check_centres([125, 250], 48000.0)
    array([125., 250.])
    """
    found = real_array(value, name)
    if found.ndim != 1 or not 1 <= len(found) <= 60:
        raise ValueError(f"{name} has shape {found.shape}: give a list of 1 to 60 centre frequencies in Hz")
    if not (found > 0.0).all():
        raise ValueError(f"{name} holds {found.min():g} Hz: give centre frequencies above 0 Hz")
    if not (np.diff(found) > 0.0).all():
        raise ValueError(f"{name} = {found.tolist()} Hz must increase: sort them")
    if not (found < fs / 2.0).all():
        above = [f"{f:g}" for f in found[found >= fs / 2.0]]
        raise ValueError(
            f"{name} holds {', '.join(above)} Hz, at or above fs / 2 = {fs / 2.0:g} Hz: leave these bands out"
        )
    ratios = found[1:] / found[:-1]
    if len(ratios) and ratios.min() < 2.0 ** (1.0 / _FINEST):
        first = int(ratios.argmin())
        raise ValueError(
            f"{name} holds {found[first]:.9g} and {found[first + 1]:.9g} Hz, less than 1/{_FINEST} octave apart: leave "
            "one of them out"
        )
    return found


class Peaks:
    """
    Peaks of second order at fixed centre frequencies, with gains that may change.

    Parameters
    ----------
    centres : array, shape (K,)
        Centre frequencies in Hz, increasing.
    fs : float
        Sampling rate in Hz.

    Notes
    -----
    At the angle w a peak at w0 has the power gain ``(v + G^2 b^2) / (v + b^2)`` with ``v = ((cos w - cos w0) / sin
    w)^2`` (bilinear transform), which rises or falls steadily on either side of w0. Its bandwidth b is set so that the
    gain at the neighbouring centre is a fixed share of its own gain in dB, whatever that gain is.

    Examples
    --------
    >>> peaks = Peaks(np.array([500.0, 1000.0, 2000.0]), 48000.0)
    >>> gains = torch.tensor([[0.0], [10.0], [0.0]], dtype=torch.float64)
    >>> peaks.levels(gains, peaks.at([500.0, 1000.0])).sum(dim=1).squeeze().tolist()
    [3.0..., 10.0...]
    """

    def __init__(self, centres: Array, fs: float) -> None:
        self.centres, self.fs = centres, fs
        angles = 2.0 * math.pi * centres / fs
        step = 2.0 if len(centres) == 1 else centres[1] / centres[0]
        below = 2.0 * math.pi * np.concatenate([[centres[0] / step], centres[:-1]]) / fs
        narrow = math.log2(step) < _NARROW
        self.share = _SHARE_NARROW if narrow else _SHARE
        self._cosines = torch.from_numpy(np.cos(angles))
        self._widths = torch.from_numpy(np.sqrt(self._distance(below, angles)))
        self._between = self.at(centres)

    @staticmethod
    def _distance(angles: Array, centres: Array) -> Array:
        """Return v of angles from centres; differences of cosines as products, which lose no digits."""
        difference = 2.0 * np.sin((angles + centres) / 2.0) * np.sin((angles - centres) / 2.0)
        with np.errstate(divide="ignore"):
            return np.asarray(np.minimum(np.square(difference / np.sin(angles)), 1e30))

    def at(self, frequencies: Sequence[float] | Array) -> Tensor:
        """Return v for frequencies in Hz, shape (F,), 0 to fs / 2, and each peak: (F, K)."""
        angles = 2.0 * math.pi * np.asarray(frequencies, dtype=np.float64) / self.fs
        return torch.from_numpy(self._distance(angles[:, None], 2.0 * math.pi * self.centres / self.fs))

    def _power(self, gains: Tensor) -> tuple[Tensor, Tensor]:
        """Return log power gain at the centres, and b^2, both (K, M)."""
        x, c = gains.where(gains.abs() > _LEAST_DB, _LEAST_DB) * _DB, self.share
        ratio = torch.expm1(c * x) * torch.exp(-c * x) / torch.expm1((1.0 - c) * x)
        return gains * _DB, (self._widths[:, None] ** 2) * ratio

    def levels(self, gains: Tensor, at: Tensor) -> Tensor:
        """
        Return the level in dB of each peak, of gains (K, M) in dB.

        Parameters
        ----------
        gains : Tensor, float64, shape (K, M)
            Gains in dB, in M channels.
        at : Tensor, shape (F, K)
            What :meth:`at` gave.

        Returns
        -------
        Tensor, shape (F, K, M)
        """
        x, width = self._power(gains)
        v = at[:, :, None]
        return torch.log1p(torch.expm1(x) * width / (v + width)) / _DB

    def gains(self, target: Tensor, *, rounds: int = _ROUNDS) -> Tensor:
        """
        Return the gains of the peaks with which all of them together have the target's levels at the centres.

        Parameters
        ----------
        target : Tensor, float64, shape (K, M)
            Levels in dB.
        rounds : int
            At most so many linear systems are solved, each with the interactions at the gains before.

        Returns
        -------
        Tensor, shape (K, M)
        """
        found = target
        for _ in range(rounds):
            safe = found.where(found.abs() > _LEAST_DB, _LEAST_DB)
            interaction = (self.levels(safe, self._between) / safe).permute(2, 0, 1)
            last, found = found, torch.linalg.solve(interaction, target.mT[:, :, None])[:, :, 0].mT
            if float((found - last).detach().abs().max()) < _SETTLED_DB:
                break
        return found

    def sections(self, gains: Tensor) -> Tensor:
        """
        Return the peaks as second-order sections.

        Parameters
        ----------
        gains : Tensor, float64, shape (K, M)
            Gains in dB.

        Returns
        -------
        Tensor, shape (K, 6, M)
            Rows b0 b1 b2 1 a1 a2; stable and of minimum phase for any finite gains.
        """
        x, width = self._power(gains)
        b = width.sqrt()
        raised = b * torch.exp(x / 2.0)
        one, middle = torch.ones_like(b), -2.0 * self._cosines[:, None]
        over = 1.0 / (1.0 + b)
        rows = [
            (1.0 + raised) * over,
            middle * over,
            (1.0 - raised) * over,
            one,
            middle * over,
            (1.0 - b) * over,
        ]
        return torch.stack(rows, dim=1)


def graphic_equaliser(gains_db: npt.ArrayLike, centres: npt.ArrayLike, fs: float) -> Array:
    """
    Second-order sections with given gains in bands: a graphic equaliser of minimum phase.

    Parameters
    ----------
    gains_db : array, shape (K,) or (K, M)
        Gain at each centre frequency in dB, -120 to 120, in M channels.
    centres : array, shape (K,)
        Centre frequencies in Hz, increasing, below fs / 2; meant to be octaves or thirds.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    array, shape (K + 1, 6, M)
        Rows b0 b1 b2 1 a1 a2: one gain, the mean of all bands, and a peak for each band. As `post_eq` or `filters` of
        an :class:`FDNBuild`.

    Raises
    ------
    ValueError
        If a gain or a frequency is out of range, or the gains of neighbouring bands are too far apart to be met
        within 0.1 dB.

    Notes
    -----
    The gains are met at the centres to rounding: the cascade's interactions are solved for until they settle, where
    Välimäki and Liski solve once, with errors of up to 1 dB. Between the centres the response is smooth.

    References
    ----------
    Välimäki and Liski (2017), "Accurate cascade graphic equalizer", IEEE Signal Process. Lett. 24, 176-180.
    Liski, Rämö and Välimäki (2019), "Graphic equalizer design with symmetric biquad filters", WASPAA, 55-59.

    Examples
    --------
    >>> sos = graphic_equaliser([6.0, 0.0, -6.0], [500.0, 1000.0, 2000.0], 48000)
    >>> from amtlib.fdn.response import sections_at
    >>> z = np.exp(-2j * np.pi * np.array([500.0, 1000.0, 2000.0]) / 48000)
    >>> (20 * np.log10(abs(sections_at(sos, z)[:, 0]))).round(6) + 0.0
    array([ 6.,  0., -6.])
    """
    rate = sampling_rate(fs)
    at = check_centres(centres, rate)
    gains = real_array(gains_db, "gains_db")
    gains = gains[:, None] if gains.ndim == 1 else gains
    if gains.ndim != 2 or len(gains) != len(at) or gains.shape[1] < 1:
        raise ValueError(f"gains_db has shape {gains.shape}: give one gain for each of the {len(at)} centres")
    if np.abs(gains).max() > MAX_GAIN_DB:
        worst = gains.flat[int(np.abs(gains).argmax())]
        raise ValueError(f"gains_db holds {worst:g} dB: give -{MAX_GAIN_DB:g} to {MAX_GAIN_DB:g}")
    mean = gains.mean(axis=0)
    peaks = Peaks(at, rate)
    target = torch.from_numpy(gains - mean)
    solved = peaks.gains(target)
    error = (peaks.levels(solved, peaks.at(at)).sum(dim=1) - target).abs()
    if not float(error.max()) < 0.1:
        band = int(error.amax(dim=1).nan_to_num(nan=math.inf).argmax())
        raise ValueError(
            f"gains_db cannot be met at {at[band]:g} Hz: bring the gains of neighbouring bands closer together, or "
            "give bands that are further apart"
        )
    whole = np.zeros((1, 6, gains.shape[1]))
    whole[0, 0], whole[0, 3] = 10.0 ** (mean / 20.0), 1.0
    return np.concatenate([whole, peaks.sections(solved).numpy()])
