"""A short-time spectrum whose windows are long at low frequencies and short at high ones.
Source: Glasberg and Moore (2002), J. Audio Eng. Soc. 50, 331-342; details as the specification has them.
Not here: the sparse spectrum of the binaural model (:mod:`amtlib.filterbanks.moore2016_spectrum`).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.precision import check_rate
from amtlib.inputs import Signal, as_tensor
from amtlib.modules import RealModule

_LENGTHS = (2048, 1024, 512, 256, 128, 64)
_THRESHOLDS = (500.0, 1000.0, 2000.0, 4000.0, 8000.0)


class MultiResolutionFFT(RealModule):
    """
    Power spectral density from Hann windows of several lengths, each in its own range of frequencies.

    All windows of a frame have the same centre, and frames follow each other at the hop of the longest window.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0.
    window_lengths : sequence of int, optional
        Different even numbers of samples, >= 2, in any order. Default: 2048 halved down to 64.
    hop_fraction : float
        Hop in window lengths, above 0 and up to 1.
    learnable : bool
        Make `freq_thresholds` a parameter, and the changes between windows smooth so that it has a gradient.
    dtype : torch.dtype
        torch.float32 or torch.float64, of the result.
    freq_thresholds : sequence of float, optional
        Frequencies in Hz where the next shorter window takes over: one fewer than windows, rising, above 0 and up
        to fs / 2. Default: the first of 500, 1000, 2000, 4000, 8000 Hz. The published model (Glasberg and Moore,
        2002) has 80, 500, 1250, 2540, 4050 Hz.
    one_sided : bool
        Double the result, so that its integral over frequency is the whole power. Without, as the specification
        has it, it is half of that: 3.01 dB less.

    Attributes
    ----------
    window_lengths : list of int
        Longest first.
    freq_thresholds : Tensor, shape (n_windows - 1,)
        Thresholds in Hz. Should they get out of order, or out of 0 to fs / 2, they are taken as the nearest that
        have not: each at least its predecessor.
    window_2048, ... : Tensor
        Periodic Hann windows (buffers), named after their lengths.
    windows, hop_lengths, window_power : dict
        Window, hop in samples, and sum of the squared window, by length. Only the longest window's hop is used.
    softness : float
        Width of the smooth changes in bins of the result (scale of a logistic step), number > 0. Smaller is harder.
    fs, hop_fraction, learnable, dtype, one_sided
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If `dtype` is no dtype.

    See Also
    --------
    ERBIntegration : sums the result in bands.
    Moore2016Spectrum : components for the binaural loudness model.

    Notes
    -----
    The density is ``|X|^2 / (fs sum(w^2))``, at each window's own bins; between them, on the grid of the longest
    window, it is interpolated linearly, which keeps the power. The last range includes fs / 2.

    With ``learnable=True`` the bins next to a threshold hold 0.03 % of the other window's power, others less: each
    smooth step is centred between the two bins that the initial threshold separates.

    The specification's reading of the paper (500 Hz to 8 kHz are "the published" thresholds) is mistaken, and its
    31 frames for one second are 32.

    References
    ----------
    Glasberg and Moore (2002), J. Audio Eng. Soc. 50, 331-342.

    Examples
    --------
    >>> analysis = MultiResolutionFFT()
    >>> psd, freqs = analysis(torch.randn(2, 32000))
    >>> psd.shape, freqs[[0, 1, -1]]
    (torch.Size([2, 32, 1025]), tensor([0.0000e+00, 1.5625e+01, 1.6000e+04]))
    >>> MultiResolutionFFT(learnable=True).freq_thresholds
    Parameter containing:
    tensor([ 500., 1000., 2000., 4000., 8000.], requires_grad=True)
    >>> tone = torch.sin(2 * torch.pi * 3000 / 32000 * torch.arange(32000))
    >>> psd, freqs = MultiResolutionFFT(one_sided=True)(tone)
    >>> psd[16].sum() * freqs[1]
    tensor(0.4999)
    """

    freq_thresholds: Tensor
    _offsets: Tensor

    def __init__(
        self,
        fs: float = 32000,
        window_lengths: Sequence[int] | None = None,
        hop_fraction: float = 0.5,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
        *,
        freq_thresholds: Sequence[float] | Tensor | None = None,
        one_sided: bool = False,
    ) -> None:
        super().__init__(dtype)
        rate = check_rate(fs)
        self.fs = fs
        self.window_lengths = _lengths(_LENGTHS if window_lengths is None else window_lengths)
        if not 0.0 < hop_fraction <= 1.0:
            raise ValueError(f"hop_fraction = {hop_fraction} window lengths; give one above 0 and up to 1")
        self.hop_fraction = float(hop_fraction)
        self.learnable = bool(learnable)
        self.one_sided = bool(one_sided)
        self.softness = 1.0 / 16.0
        longest = self.window_lengths[0]
        self.hop_lengths = {length: int(length * self.hop_fraction) for length in self.window_lengths}
        if self.hop_lengths[longest] < 1:
            raise ValueError(
                f"hop_fraction = {hop_fraction} of {longest} samples is less than one sample; give at least "
                f"{1.0 / longest:.2g}"
            )
        self.window_power: dict[int, float] = {}
        for length in self.window_lengths:
            window = torch.hann_window(length, dtype=torch.float64)
            self._table(f"window_{length}", window)
            self.window_power[length] = float(window.square().sum())
        thresholds = _thresholds(freq_thresholds, len(self.window_lengths), rate)
        spacing = rate / longest
        self._keep("freq_thresholds", thresholds, self.learnable)
        self._table("_offsets", (torch.ceil(thresholds / spacing) - 0.5) * spacing - thresholds)

    @property
    def windows(self) -> dict[int, Tensor]:
        """Windows by length, on the module's device."""
        return {length: getattr(self, f"window_{length}") for length in self.window_lengths}

    def forward(self, signal: Signal) -> tuple[Tensor, Tensor]:
        """
        Analyze a signal.

        Parameters
        ----------
        signal : Tensor, ndarray or Sound, shape (..., T)
            Signal in Pa, real, longer than half the longest window: (T,), (batch, T), or more leading dimensions.

        Returns
        -------
        psd : Tensor, shape (..., n_frames, n_freq_bins)
            Power spectral density in Pa^2/Hz; n_frames = 1 + T // hop, n_freq_bins = longest // 2 + 1. Frame m is
            centred on sample m hop; the signal is mirrored at both ends. Differentiable in `signal` and in a
            learnable `freq_thresholds`.
        freqs : Tensor, shape (n_freq_bins,)
            Frequencies in Hz from 0 to fs / 2.

        Raises
        ------
        ValueError
            If the signal is too short, complex, on another device, or not finite; if a learned threshold is no
            longer finite.
        TypeError
            If it is neither a tensor nor an array.

        Examples
        --------
        >>> psd, freqs = MultiResolutionFFT(window_lengths=[1024, 512, 256], hop_fraction=0.75)(torch.randn(32000))
        >>> psd.shape
        torch.Size([42, 513])
        """
        x = lti.check_signal(signal, self.dtype, self.freq_thresholds.device, "signal", self.fs)
        longest = self.window_lengths[0]
        if x.shape[-1] <= longest // 2:
            raise ValueError(
                f"signal has {x.shape[-1]} samples; give more than {longest // 2}, half the longest window, or "
                "shorter window_lengths"
            )
        rows = x.reshape(1, -1, x.shape[-1])
        padded = torch.nn.functional.pad(rows, (longest // 2, longest // 2), mode="reflect")[0]
        parts = self._hard(padded) if not self.learnable else self._soft(padded)
        psd = parts.reshape(*x.shape[:-1], *parts.shape[-2:])
        return (2.0 * psd if self.one_sided else psd), self._frequencies().to(self.dtype)

    def _hard(self, padded: Tensor) -> Tensor:
        grid, chosen = self._frequencies(), self._chosen()
        parts = []
        for index, length in enumerate(self.window_lengths):
            wanted = grid[chosen == index]
            if len(wanted):
                parts.append(self._interpolate(self._native(padded, length), length, wanted))
        return torch.cat(parts, dim=-1)

    def _soft(self, padded: Tensor) -> Tensor:
        grid = self._frequencies()
        centres = self._in_order(self.freq_thresholds.double() + self._offsets.double())
        spacing = float(self.fs) / self.window_lengths[0]
        steps = torch.sigmoid((grid - centres.unsqueeze(-1)) / (self.softness * spacing))
        ones = torch.ones_like(grid).unsqueeze(0)
        shares = (torch.cat([ones, steps]) - torch.cat([steps, 0.0 * ones])).to(self.dtype)
        return torch.stack(
            [
                share * self._interpolate(self._native(padded, length), length, grid)
                for length, share in zip(self.window_lengths, shares, strict=True)
            ]
        ).sum(0)

    def _native(self, padded: Tensor, length: int) -> Tensor:
        """Density from one window at its own bins, shape (rows, n_frames, length // 2 + 1)."""
        longest = self.window_lengths[0]
        margin = (longest - length) // 2
        inner = padded[..., margin : padded.shape[-1] - margin]
        frames = inner.unfold(-1, length, self.hop_lengths[longest])
        # In float64: in float32 the faintest bins would come out 2e-4 wrong, and frames are few
        spectrum: Tensor = torch.fft.rfft(frames.double() * self.windows[length].double())
        power = spectrum.real.square() + spectrum.imag.square()
        return (power / (self.window_power[length] * float(self.fs))).to(self.dtype)

    def _interpolate(self, density: Tensor, length: int, wanted: Tensor) -> Tensor:
        """Density at the wanted frequencies, linearly between bins, exactly at bins."""
        place = wanted * (length / float(self.fs))
        below = place.floor().clamp(0, max(0, length // 2 - 1)).long()
        share = (place - below).to(density.dtype)
        return density[..., below] * (1.0 - share) + density[..., below + 1] * share

    def _frequencies(self) -> Tensor:
        longest = self.window_lengths[0]
        bins = torch.arange(longest // 2 + 1, dtype=torch.float64, device=self.freq_thresholds.device)
        return bins * (float(self.fs) / longest)

    def _in_order(self, thresholds: Tensor) -> Tensor:
        """Clamp thresholds to 0 .. fs / 2 and to at least their predecessors."""
        if not len(thresholds):
            return thresholds
        if not bool(torch.isfinite(thresholds).all()):
            raise ValueError(
                f"freq_thresholds has become {thresholds.tolist()} Hz; lower the learning rate or clip its gradient"
            )
        in_order: Tensor = thresholds.clamp(0.0, float(self.fs) / 2.0).cummax(0).values
        return in_order

    def _chosen(self) -> Tensor:
        """Index of the window of each bin; fs / 2 has the last window."""
        thresholds = self._in_order(self.freq_thresholds.detach().double())
        chosen = torch.bucketize(self._frequencies(), thresholds, right=True)
        chosen[-1] = len(self.window_lengths) - 1
        return chosen

    def get_window_selection_map(self) -> tuple[Tensor, Tensor]:
        """
        Which window analyzes which frequency.

        Returns
        -------
        freqs : Tensor, shape (n_freq_bins,)
            Frequencies in Hz from 0 to fs / 2.
        window_indices : Tensor, shape (n_freq_bins,), torch.long
            Index into `window_lengths`.

        Examples
        --------
        >>> analysis = MultiResolutionFFT()
        >>> freqs, index = analysis.get_window_selection_map()
        >>> float(freqs[64]), analysis.window_lengths[index[64]]
        (1000.0, 512)
        """
        return self._frequencies().to(self.dtype), self._chosen()

    def frame_times(self, samples: int) -> Tensor:
        """
        Centres of the frames of a signal.

        Parameters
        ----------
        samples : int
            Length of the signal.

        Returns
        -------
        Tensor, shape (n_frames,), float64
            Times in s.

        Examples
        --------
        >>> MultiResolutionFFT().frame_times(4096)
        tensor([0.0000, 0.0320, 0.0640, 0.0960, 0.1280], dtype=torch.float64)
        """
        hop = self.hop_lengths[self.window_lengths[0]]
        return torch.arange(1 + samples // hop, dtype=torch.float64, device="cpu") * (hop / float(self.fs))

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"n_windows={len(self.window_lengths)}, fs={self.fs} Hz, "
            f"window_range=({self.window_lengths[-1]}, {self.window_lengths[0]}) samples, "
            f"hop_fraction={self.hop_fraction:g}, learnable={self.learnable}, one_sided={self.one_sided}, "
            f"dtype={self.dtype}"
        )


def _lengths(given: Any) -> list[int]:
    """Window lengths, longest first, checked."""
    lengths = list(given)
    if not lengths:
        raise ValueError("window_lengths is empty; give at least one length in samples, such as 2048")
    for length in lengths:
        whole = isinstance(length, int | np.integer) and not isinstance(length, bool)
        if not whole or length < 2 or length % 2:
            raise ValueError(f"window_lengths holds {length!r}; give even whole numbers of samples >= 2")
    if len(set(lengths)) < len(lengths):
        raise ValueError(f"window_lengths = {lengths} repeats a length; give each once")
    return sorted((int(length) for length in lengths), reverse=True)


def _thresholds(given: Sequence[float] | Tensor | None, windows: int, fs: float) -> Tensor:
    """Thresholds between windows in Hz, float64, checked."""
    nyquist = fs / 2.0
    if given is None:
        if windows > len(_THRESHOLDS) + 1:
            raise ValueError(
                f"window_lengths holds {windows} lengths and freq_thresholds is not given; give {windows - 1} "
                "frequencies in Hz"
            )
        given = _THRESHOLDS[: windows - 1]
    thresholds = as_tensor(given, "freq_thresholds", what="frequencies in Hz", numbers=True).double().detach()
    if thresholds.shape != (windows - 1,):
        raise ValueError(
            f"freq_thresholds has shape {tuple(thresholds.shape)}, there are {windows} windows; give "
            f"{windows - 1} frequencies in Hz"
        )
    edges = torch.cat([thresholds.new_zeros(1), thresholds])
    if not bool((edges.diff() > 0.0).all() and (thresholds <= nyquist).all()):
        raise ValueError(
            f"freq_thresholds = {thresholds.tolist()} Hz must rise, from above 0 up to fs / 2 = {nyquist:g} Hz; "
            "sort them, drop those too high, or raise fs"
        )
    if not math.isfinite(float(edges.sum())):
        raise ValueError(f"freq_thresholds = {thresholds.tolist()} Hz holds a number that is not finite")
    return thresholds
