"""Modulation filters: what fluctuates in a channel, sorted by how fast.
Source: Dau, Kollmeier and Kohlrausch (1997), J. Acoust. Soc. Am. 102, 2892-2905; rules and constants of the Auditory
Modeling Toolbox, modfilterbank (version 1.4).
Not here: the bank of King et al. (2019) (:mod:`amtlib.perception.king_modulation`).
"""

import cmath
import math
from typing import NamedTuple

import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.precision import check_rate
from amtlib.inputs import Numbers, Signal, as_tensor
from amtlib.modules import RealModule
from amtlib.perception.memory import RecursionStream
from amtlib.ranges import Above

_FIRST, _STEP, _LOW_PASS, _HIGHEST = 5.0, 5.0, 2.5, 150.0
#: Up to this centre frequency in Hz bands keep their phase
_PHASE_UP_TO = 10.0
#: Points of the grid on which the toolbox reads the attenuation of its low-pass filter
_GRID = 8192


class _Preset(NamedTuple):
    limited: bool
    low_pass: str
    factor: float


_PRESETS = {
    "dau1997": _Preset(False, "none", 1.0),
    "jepsen2008": _Preset(True, "filter", math.sqrt(0.5)),
    "verhey1999": _Preset(True, "none", 1.0),
    "osses2021": _Preset(True, "gain", math.sqrt(0.5)),
}


class ModulationFilterbank(RealModule):
    """
    Modulation filters behind every channel: a low-pass filter and band-pass filters of constant width, then constant Q.

    Centre frequencies are 0 (the low-pass filter, Butterworth of second order at 2.5 Hz), 5, 10, 16.7, 27.8 Hz, and so
    on by a factor of 5/3. Up to 10 Hz a band is twice the real part of a complex filter of one pole, which keeps the
    phase of the modulation; above it is twice its magnitude, times a factor.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz of what comes in, above twice the highest centre frequency.
    fc : Tensor, shape (F,), or list or array of F numbers, or float
        Centre frequencies of the channels in Hz, > 0. They may lie above fs / 2, where channels are resampled.
    preset : {'jepsen2008', 'dau1997', 'verhey1999', 'osses2021'}
        'dau1997': all bands in all channels. 'verhey1999': bands up to a quarter of the channel's frequency.
        'jepsen2008': the same, a low-pass filter of first order at 150 Hz in front, and magnitudes times 0.71.
        'osses2021': the same, but the low-pass filter acts as a gain of each band.
    Q : float
        Quality factor from 10 Hz, above 0.5. Default: 2.
    max_mfc : float
        Highest centre frequency in Hz, >= 5. Default: 1000.
    learnable : bool
        Make `mfc` and `bandwidth` parameters, stored as logarithms; the low-pass filter stays at 0 Hz.
    dtype : torch.dtype
        torch.float32 or torch.float64.
    phase_insensitive : bool
        Return what is described above; otherwise the complex outputs of the filters, not doubled.

    Attributes
    ----------
    fc : Tensor, shape (F,)
        As given (buffer).
    mfc : Tensor, shape (M,), float64
        Centre frequencies of the modulation filters in Hz, those of all channels together.
    bandwidth : Tensor, shape (M,), float64
        Their bandwidths in Hz: 5, and mfc / Q from 10 Hz; for the low-pass filter its cut-off frequency.
    present : Tensor, shape (F, M), bool
        Which channel has which band.
    num_channels, num_bands : int
        F and M.
    fs, preset, Q, max_mfc, learnable, dtype, phase_insensitive
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range, or `fs` too low for the highest band.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    AdaptLoop : what comes before.
    King2019ModulationFilterbank : octave-wide filters.

    Notes
    -----
    Counts of bands are truncated towards zero, as in the toolbox: every channel has the band at 5 Hz, and one with
    fc / 4 above 10 Hz that at 16.7 Hz. Filters are exact, also where they ring longer than the signal lasts.

    References
    ----------
    Dau, Kollmeier and Kohlrausch (1997), J. Acoust. Soc. Am. 102, 2892-2905.
    Verhey, Dau and Kollmeier (1999), J. Acoust. Soc. Am. 106, 2733-2745.
    Jepsen, Ewert and Dau (2008), J. Acoust. Soc. Am. 124, 422-438.
    Osses and Kohlrausch (2021), J. Acoust. Soc. Am. 149, 3534.

    Examples
    --------
    >>> bank = ModulationFilterbank(16000, [250.0, 1000.0])
    >>> bank.num_bands, bank.present.sum(-1).tolist()
    (9, [6, 9])
    >>> bank(torch.ones(3, 2, 400)).shape
    torch.Size([3, 2, 9, 400])
    """

    fc: Tensor
    mfc: Tensor
    bandwidth: Tensor

    def __init__(
        self,
        fs: float,
        fc: Numbers,
        preset: str = "jepsen2008",
        Q: float = 2.0,
        max_mfc: float = 1000.0,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
        *,
        phase_insensitive: bool = True,
    ) -> None:
        super().__init__(dtype)
        self.fs, self.learnable = check_rate(fs), bool(learnable)
        if preset not in _PRESETS:
            raise ValueError(f"preset = {preset!r} is unknown; give one of {', '.join(map(repr, _PRESETS))}")
        if not (math.isfinite(Q) and Q > 0.5):
            raise ValueError(f"Q = {Q}; give a finite number above 0.5, usually 2")
        if not (math.isfinite(max_mfc) and max_mfc >= _FIRST):
            raise ValueError(f"max_mfc = {max_mfc} Hz; give a finite number >= {_FIRST:g}, usually 1000")
        centre = as_tensor(fc, "fc", numbers=True).detach().cpu().to(torch.float64).reshape(-1)
        if centre.numel() == 0 or not bool((torch.isfinite(centre) & (centre > 0.0)).all()):
            raise ValueError(
                f"fc = {centre.tolist()} Hz; give at least one centre frequency, finite numbers > 0"
            )
        self.preset, self.Q, self.max_mfc = preset, float(Q), float(max_mfc)
        self.phase_insensitive = bool(phase_insensitive)
        self._rule = _PRESETS[preset]
        tops = centre / 4.0 if self._rule.limited else torch.full_like(centre, math.inf)
        ladders = [modulation_frequencies(min(float(top), self.max_mfc), self.Q) for top in tops]
        longest = max(ladders, key=len)
        if longest[-1] >= self.fs / 2.0 or self.fs / 2.0 <= _HIGHEST:
            raise ValueError(
                f"fs = {self.fs:g} Hz is too low for the filter at {max(longest[-1], _HIGHEST):.4g} Hz; give more than "
                f"{2.0 * max(longest[-1], _HIGHEST):.4g} Hz, or a lower max_mfc"
            )
        self.num_channels, self.num_bands = len(centre), len(longest)
        counts = torch.tensor([len(ladder) for ladder in ladders])
        self._counts = counts.tolist()
        self._table("fc", centre)
        mfc = torch.tensor(longest, dtype=torch.float64)
        width = torch.where(mfc < _PHASE_UP_TO, _STEP, mfc / self.Q)
        width[0] = _LOW_PASS
        self._phased = (mfc <= _PHASE_UP_TO).tolist()
        self._keep("mfc", mfc, self.learnable, exact=True, within=Above(0.0, 0.499 * self.fs))
        self._keep("bandwidth", width, self.learnable, exact=True, within=Above(0.2, 0.4 * self.fs))

    @property
    def present(self) -> Tensor:
        """Which channel has which band, shape (F, M), bool."""
        counts = torch.tensor(self._counts, device=self.fc.device)
        return torch.arange(self.num_bands, device=self.fc.device) < counts.unsqueeze(-1)

    def _channels(self, band: int) -> list[int]:
        return [channel for channel, count in enumerate(self._counts) if count > band]

    def _order(self) -> list[int]:
        """Return where the bands of each channel are, among those that there are band by band; the last row is 0."""
        absent = sum(self._counts)
        places = [[absent] * self.num_bands for _ in self._counts]
        there = ((channel, band) for band in range(self.num_bands) for channel in self._channels(band))
        for place, (channel, band) in enumerate(there):
            places[channel][band] = place
        return [place for channel in places for place in channel]

    def _behind_low_pass(self, x: Tensor, start: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Filter with the low-pass of first order at 150 Hz, where the preset has one."""
        if self._rule.low_pass != "filter":
            return x, None
        slope = torch.tensor(math.tan(math.pi * _HIGHEST / self.fs), dtype=torch.float64, device=x.device)
        numbers = lti.first_order_low_pass(slope)
        y, end = lti.filter_one_pole(x.flatten(0, -2), *numbers, real=True, start=start)
        return y.reshape(x.shape), end

    def _filtered(self, x: Tensor, band: int, start: Tensor | None) -> tuple[Tensor, Tensor]:
        """Filter the channels that have a band, (R, T), and return the band and the filter's end."""
        mfc, width = self._now("mfc")[band], self._now("bandwidth")[band]
        turn = 2.0 * math.pi / self.fs
        if band == 0:
            # Bilinear transform; of two conjugate poles the real part of one with twice the residue
            slope = torch.tan(0.5 * turn * width)
            direct = slope.square() / (1.0 + math.sqrt(2.0) * slope + slope.square())
            analogue = slope * cmath.exp(0.75j * math.pi)
            pole = (1.0 + analogue) / (1.0 - analogue)
            gain = -1j * direct * (1.0 + pole).square() / pole.imag
            return lti.filter_one_pole(x, pole, direct + 0j, gain, real=True, start=start)
        radius = torch.exp(-0.5 * turn * width)
        pole = torch.polar(radius, turn * mfc)
        gain = self._gain(band) * (2.0 if self.phase_insensitive else 1.0) * (1.0 - radius)
        real = self.phase_insensitive and self._phased[band]
        if self.phase_insensitive and not real:
            gain = gain * self._rule.factor
        y, end = lti.filter_one_pole(x, pole, gain + 0j, gain * pole, real=real, start=start)
        return _magnitude(y) if self.phase_insensitive and not real else y, end

    def _gain(self, band: int) -> Tensor:
        """Return the gain of the low-pass filter at a band's centre, read from the toolbox's grid in dB."""
        mfc = self._now("mfc")[band]
        if self._rule.low_pass != "gain":
            return torch.ones_like(mfc)
        place = mfc / (self.fs / 2.0) * _GRID
        first = place.detach().floor()
        # |H| = 1 / sqrt(1 + (tan(omega / 2) / slope)^2)
        across = torch.tan(torch.stack([first, first + 1.0]) * (math.pi / _GRID / 2.0))
        low, high = -10.0 * (1.0 + (across / math.tan(math.pi * _HIGHEST / self.fs)).square()).log10()
        return torch.pow(10.0, (low + (place - first) * (high - low)) / 20.0)

    def _signal(self, x: Signal, name: str = "x") -> Tensor:
        x = lti.check_signal(x, self.dtype, self.fc.device, name, self.fs)
        if x.ndim < 2 or x.shape[-2] != self.num_channels:
            raise ValueError(
                f"{name} has shape {tuple(x.shape)}; give (..., {self.num_channels}, T), the channels of fc"
            )
        return x

    def _run(self, x: Tensor, ends: list[Tensor | None] | None) -> tuple[Tensor, list[Tensor | None]]:
        """Return all bands, zeros where a channel lacks one, and the ends of all filters; from rest, or from ends."""
        starts = [None] * (self.num_bands + 1) if ends is None else ends
        x, end = self._behind_low_pass(x, starts[-1])
        ends, rows = [], []
        for band in range(self.num_bands):
            channels = self._channels(band)
            some = x if len(channels) == self.num_channels else x[..., channels, :]
            found, last = self._filtered(some.flatten(0, -2), band, starts[band])
            found = found.reshape(some.shape)
            rows.append(found if self.phase_insensitive else found + 0j)
            ends.append(last)
        rows.append(torch.zeros_like(rows[0][..., :1, :]))
        order = torch.tensor(self._order(), device=x.device)
        bands = torch.cat(rows, -2).index_select(-2, order)
        shape = (*x.shape[:-1], self.num_bands, x.shape[-1])
        return bands.reshape(shape), [*ends, end]

    def forward(self, x: Signal) -> Tensor:
        """
        Filter.

        Parameters
        ----------
        x : Tensor or ndarray, shape (..., F, T)
            Envelopes or adapted channels, in any unit.

        Returns
        -------
        Tensor, shape (..., F, M, T)
            In the same unit; zero where a channel lacks a band (see `present`). Differentiable.

        Raises
        ------
        ValueError
            If `x` is complex, empty, on another device, of another number of channels, or has non-finite samples.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        return self._run(self._signal(x), None)[0]

    def stream(self) -> RecursionStream:
        """
        Take a signal that arrives in chunks of any length.

        Returns
        -------
        amtlib.perception.RecursionStream
            ``process(chunk)`` returns as many samples as it is given, shape (..., F, M, T).

        Examples
        --------
        >>> ModulationFilterbank(16000, [1000.0]).stream().process(torch.zeros(1, 64)).shape
        torch.Size([1, 9, 64])
        """
        return RecursionStream(self._run, lambda chunk: self._signal(chunk, "the chunk"), (self.num_bands,))

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"channels={self.num_channels}, bands={self.num_bands}, fs={self.fs:g} Hz, preset={self.preset!r}, "
            f"Q={self.Q:g}, max_mfc={self.max_mfc:g} Hz, learnable={self.learnable}, dtype={self.dtype}"
        )


def _magnitude(y: Tensor) -> Tensor:
    """Return magnitudes; without gradients, which the root does not have at 0, in half the time of `abs`."""
    return y.abs() if y.requires_grad else y.real.square().addcmul_(y.imag, y.imag).sqrt_()


def modulation_frequencies(top: float, Q: float = 2.0) -> list[float]:
    """
    Return the centre frequencies of the modulation filters of one channel.

    Parameters
    ----------
    top : float
        Where they should end, in Hz; bands are counted by truncation, so that 5 Hz is always among them.
    Q : float
        Quality factor from 10 Hz, above 0.5: neighbours meet where both begin to fall.

    Returns
    -------
    list of float
        In Hz: 0, 5, 10, and so on.

    Examples
    --------
    >>> [round(f, 1) for f in modulation_frequencies(250.0)]
    [0.0, 5.0, 10.0, 16.7, 27.8, 46.3, 77.2, 128.6, 214.3]
    """
    half = 1.0 / (2.0 * Q)
    ratio = (1.0 + half) / (1.0 - half)
    slow = [_FIRST + _STEP * i for i in range(int((min(top, _PHASE_UP_TO) - _FIRST) / _STEP) + 1)]
    start = (slow[-1] + _STEP / 2.0) / (1.0 - half)
    return [0.0, *slow, *(start * ratio**i for i in range(int(math.log(top / start) / math.log(ratio)) + 1))]
