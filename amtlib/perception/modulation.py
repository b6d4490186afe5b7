"""Modulation filters: what fluctuates in a channel, sorted by how fast.
Source: Dau, Kollmeier and Kohlrausch (1997), J. Acoust. Soc. Am. 102, 2892-2905; rules and constants of the Auditory
Modeling Toolbox, modfilterbank (version 1.4).
Not here: the bank of King et al. (2019) (:mod:`amtlib.perception.king_modulation`).
"""

import math
from collections.abc import Callable
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
    fc / 4 above 10 Hz that at 16.7 Hz. Filters are applied exactly on an FFT grid, each band's as long as it rings.

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

    def _band(self, band: int) -> tuple[Callable[[int], Tensor], int]:
        """Return response and settling time of a band; real and imaginary part, where both are wanted."""
        mfc, width = self._now("mfc")[band], self._now("bandwidth")[band]
        turn = 2.0 * math.pi / self.fs
        front = self._rule.low_pass == "filter"
        if band == 0:
            cut = turn * width
            damping = lti.butterworth_damping(cut.detach()).reshape(1)
            poles = [(damping, 2)]
        else:
            damping = (0.5 * turn * width).reshape(1)
            poles = [(damping.detach(), 1)]
        if front:
            slope = math.tan(0.5 * turn * _HIGHEST)
            poles.append(
                (
                    torch.full_like(
                        damping.detach(), -math.log(max(abs((1.0 - slope) / (1.0 + slope)), 1e-12))
                    ),
                    1,
                )
            )
        both = band > 0 and not (self.phase_insensitive and self._phased[band])

        def response(n_fft: int) -> Tensor:
            if band == 0:
                found = lti.butterworth_response(cut, 1, n_fft)
            else:
                radius = torch.exp(-damping)
                gain = (1.0 - radius).to(torch.complex128)
                pole = torch.polar(radius, turn * mfc.reshape(1))
                ones = torch.ones_like(gain)
                upper, lower = (
                    lti.rational_response(gain, torch.cat([ones, -p]), n_fft) for p in (pole, pole.conj())
                )
                # Real part: half the sum with the mirrored filter, and the whole is doubled
                found = torch.stack([upper + lower, (upper - lower) * -1j]) if both else upper + lower
            if front:
                b = torch.tensor([slope, slope], dtype=torch.float64, device=found.device) / (1.0 + slope)
                a = torch.tensor(
                    [1.0, (slope - 1.0) / (1.0 + slope)], dtype=torch.float64, device=found.device
                )
                found = found * lti.rational_response(b, a, n_fft)
            return found

        return response, lti.cascade_settling(poles, self.dtype) + 2

    def _finished(self, y: Tensor, band: int) -> Tensor:
        """Turn the outputs of one band's filters, (..., 1 or 2, T), into the band."""
        if band == 0:
            return y[..., 0, :]
        gain = self._gain(band)
        if not self.phase_insensitive:
            return torch.complex(y[..., 0, :], y[..., 1, :]) * (0.5 * gain)
        if self._phased[band]:
            return y[..., 0, :] * gain
        return torch.complex(y[..., 0, :], y[..., 1, :]).abs() * (gain * self._rule.factor)

    def _gain(self, band: int) -> Tensor:
        """Return the gain of the low-pass filter at a band's centre, read from the toolbox's grid in dB."""
        mfc = self._now("mfc")[band]
        if self._rule.low_pass != "gain":
            return torch.ones_like(mfc).to(self.dtype)
        place = mfc / (self.fs / 2.0) * _GRID
        first = place.detach().floor()
        # |H| = 1 / sqrt(1 + (tan(omega / 2) / slope)^2)
        across = torch.tan(torch.stack([first, first + 1.0]) * (math.pi / _GRID / 2.0))
        low, high = -10.0 * (1.0 + (across / math.tan(math.pi * _HIGHEST / self.fs)).square()).log10()
        return torch.pow(10.0, (low + (place - first) * (high - low)) / 20.0).to(self.dtype)

    def _signal(self, x: Signal, name: str = "x") -> Tensor:
        x = lti.check_signal(x, self.dtype, self.fc.device, name, self.fs)
        if x.ndim < 2 or x.shape[-2] != self.num_channels:
            raise ValueError(
                f"{name} has shape {tuple(x.shape)}; give (..., {self.num_channels}, T), the channels of fc"
            )
        return x

    def _assembled(self, x: Tensor, filtered: Callable[[Tensor, int], Tensor]) -> Tensor:
        """Put the bands together, zeros where a channel lacks one."""
        bands = []
        for band in range(self.num_bands):
            channels = self._channels(band)
            found = self._finished(filtered(x[..., channels, :].unsqueeze(-2), band), band)
            if len(channels) < self.num_channels:
                whole = found.new_zeros(x.shape)
                found = whole.index_copy(-2, torch.tensor(channels, device=x.device), found)
            bands.append(found if self.phase_insensitive else found + 0j)
        return torch.stack(bands, -2)

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

        def filtered(part: Tensor, band: int) -> Tensor:
            response, settle = self._band(band)
            return lti.filter_fft(part, response, settle, per_channel=True)

        return self._assembled(self._signal(x), filtered)

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

        def step(x: Tensor, streams: list[lti.Stream] | None) -> tuple[Tensor, list[lti.Stream]]:
            if streams is None:
                made = (self._band(band) for band in range(self.num_bands))
                streams = [lti.Stream(response, settle, per_channel=True) for response, settle in made]
            live = streams
            return self._assembled(x, lambda part, band: live[band].process(part)), live

        return RecursionStream(step, lambda chunk: self._signal(chunk, "the chunk"), (self.num_bands,))

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"channels={self.num_channels}, bands={self.num_bands}, fs={self.fs:g} Hz, preset={self.preset!r}, "
            f"Q={self.Q:g}, max_mfc={self.max_mfc:g} Hz, learnable={self.learnable}, dtype={self.dtype}"
        )


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
