"""Envelopes of the channels of a linear filterbank, and their peaks in frames: cochleagrams.
Source: the analytic signal (Oppenheim and Schafer, Discrete-Time Signal Processing, ch. 12).
Not here: the filters (:mod:`amtlib.filterbanks.linear`); complex gammatones, which give envelopes at less cost
(:mod:`amtlib.filterbanks.gammatone`).
"""

import math

import torch
from torch import Tensor, nn

from amtlib import lti
from amtlib.filterbanks.filters import Filterbank
from amtlib.inputs import Signal

#: Values of responses or outputs that are held at once where channels can be worked on in turn: 64 MB in complex64.
_AT_ONCE = 2**23
#: How often :meth:`Envelopes.envelope_peaks` looks at an envelope in one over its channel's bandwidth.
ENVELOPE_OVERSAMPLING = 8.0


class Envelopes(Filterbank):
    """Filterbanks whose channels have envelopes: the part of :class:`LinearFilterbank` that finds them."""

    def _response(self, n_fft: int) -> Tensor:
        """Transfer functions on an FFT grid, shape (F, n_fft // 2 + 1)."""
        raise NotImplementedError

    def _groups(self, samples: int) -> list[slice]:
        """Return the channels in groups so small that `samples` values of each may be held at once."""
        at_once = max(_AT_ONCE // samples, 1)
        return [slice(first, first + at_once) for first in range(0, self.num_channels, at_once)]

    def analytic(self, x: Signal, step: int = 1) -> Tensor:
        """
        Waveform and envelope of every channel at once, as real part and magnitude of a complex signal.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (T,) or (B, T)
            Signal in Pa, real.
        step : int
            Return samples 0, step, 2 step, ... only, >= 1. They are exact, and may cost less than all.

        Returns
        -------
        Tensor, shape (F, ceil(T / step)) or (B, F, ceil(T / step)), complex
            Its real part is what `forward` returns, its magnitude what `envelope` returns, in the unit
            of `x`. Differentiable.

        Raises
        ------
        ValueError
            As `forward`, and if `step` is below 1.

        Notes
        -----
        The analytic signal: its imaginary part is the Hilbert transform of the channel. Gammatones use the output of
        their complex filters, which is nearly that and causal.

        Examples
        --------
        >>> from amtlib import GammatoneFilterbank
        >>> bank = GammatoneFilterbank([1000.0], fs=16000)
        >>> tone = torch.sin(2 * torch.pi * 1000 / 16000 * torch.arange(8000))
        >>> torch.allclose(bank.analytic(tone).real, bank(tone), atol=1e-5)
        True
        """
        return self._analytic(self._signals(x), _checked_step(step))

    def _analytic(self, signal: Tensor, step: int, channels: slice = slice(None)) -> Tensor:
        """Analytic signals of some channels, with gradients."""
        n_fft = lti.fast_length(signal.shape[-1] + self._settle())
        spectrum = torch.fft.rfft(signal, n=n_fft).unsqueeze(-2) * self._response(n_fft)[channels]
        # Frequencies above 0 twice, those below 0 not at all: 0 and fs / 2 are their own mirror images.
        twice = torch.full((n_fft // 2 + 1,), 2.0, dtype=signal.dtype, device=signal.device)
        twice[0] = 1.0
        if n_fft % 2 == 0:
            twice[-1] = 1.0
        one_sided = nn.functional.pad(spectrum * twice, (0, n_fft - n_fft // 2 - 1))
        found: Tensor = torch.fft.ifft(one_sided)
        return found[..., : signal.shape[-1] : step]

    def envelope(self, x: Signal, step: int = 1) -> Tensor:
        """
        Envelope of every channel: the magnitude of its analytic signal.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (T,) or (B, T)
            Signal in Pa, real.
        step : int
            Return samples 0, step, 2 step, ... only, >= 1. They are exact, and may cost less than all.

        Returns
        -------
        Tensor, shape (F, ceil(T / step)) or (B, F, ceil(T / step))
            Envelopes, >= 0, in the unit of `x`: sqrt(2) times the rms value for a steady tone.
            Differentiable.

        Raises
        ------
        ValueError
            As `forward`, and if `step` is below 1.

        See Also
        --------
        analytic : the complex outputs.

        Examples
        --------
        >>> from amtlib import GammatoneFilterbank
        >>> bank = GammatoneFilterbank([1000.0], fs=16000)
        >>> tone = torch.sin(2 * torch.pi * 1000 / 16000 * torch.arange(8000))
        >>> bank.envelope(tone, step=2000)[0, 1:]
        tensor([1.0000, 1.0000, 1.0000])
        """
        return self._envelope(self._signals(x), _checked_step(step))

    def _envelope(self, signal: Tensor, step: int) -> Tensor:
        return self._analytic(signal, step).abs()

    def envelope_peaks(
        self,
        x: Signal,
        frame_length: int | None = None,
        oversampling: float = ENVELOPE_OVERSAMPLING,
        *,
        stretch: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """
        Highest value of every channel's envelope in each frame of the signal, and its mean power: a cochleagram.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (T,) or (B, T)
            Signal in Pa, real.
        frame_length : int
            Samples of a frame, >= 1; frames follow each other without overlap. Numbers with many divisors, such as
            powers of 2, are the fastest.
        oversampling : float
            Where a bank does not look at every sample of an envelope, it looks this many times at least in one over
            the channel's bandwidth, > 0, and at the last sample of each frame. Gammatones look at the multiples of
            the largest divisor of `frame_length` that is close enough. So a flank that rises or falls across the end
            of a frame loses nothing, and a peak within it 0.2 dB at most at the default of 8, wherever the sound
            lies in the channel's pass band. Far off it, components beat faster than the channel's bandwidth, and
            peaks between the samples are up to a few dB higher.
        stretch : int
            The former name of `frame_length`.

        Returns
        -------
        peaks : Tensor, shape (F, ceil(T / frame_length)) or (B, F, ceil(T / frame_length))
            Highest values, >= 0, in the unit of `x`. Differentiable.
        power : Tensor, shape (F,) or (B, F)
            Half the mean squared envelope, in the squared unit of `x`: the mean square of the channel wherever it is
            narrow compared with its centre frequency. Differentiable.

        Raises
        ------
        ValueError
            As `forward`, if `frame_length` is below 1, or if `oversampling` is not positive.
        TypeError
            If no `frame_length` is given.

        See Also
        --------
        envelope : every value, at the same distance in all channels.

        Examples
        --------
        >>> from amtlib import GammatoneFilterbank
        >>> bank = GammatoneFilterbank([500.0, 1000.0], fs=16000)
        >>> tone = torch.sin(2 * torch.pi * 1000 / 16000 * torch.arange(16000))
        >>> peaks, power = bank.envelope_peaks(tone, frame_length=4096)
        >>> peaks[1], 10 * torch.log10(power)
        (tensor([1.0000, 1.0000, 1.0000, 1.0000]), tensor([-51.4101,  -3.0369], dtype=torch.float64))
        """
        length = stretch if frame_length is None else frame_length
        if length is None:
            raise TypeError("frame_length is missing; give the samples of a frame, such as 1024")
        if length < 1:
            raise ValueError(f"frame_length = {length} samples; give at least 1")
        if not oversampling > 0.0:
            raise ValueError(f"oversampling = {oversampling}; give a positive number, such as 8")
        return self._peaks(self._signals(x), length, oversampling)

    def _peaks(self, signal: Tensor, frame_length: int, oversampling: float) -> tuple[Tensor, Tensor]:
        peaks, power = [], []
        for part in self._groups(math.prod(signal.shape[:-1]) * (signal.shape[-1] + self._settle())):
            envelope = self._analytic(signal, 1, part).abs()
            power.append(mean_power(envelope))
            peaks.append(highest(envelope, frame_length))
        return torch.cat(peaks, -2), torch.cat(power, -1)


def mean_power(envelope: Tensor) -> Tensor:
    """Half the mean square of envelopes (..., T), float64: the mean square of narrow channels."""
    norm = torch.linalg.vector_norm(envelope, dim=-1).double()
    power: Tensor = norm.square() / (2 * envelope.shape[-1])
    return power


def highest(envelope: Tensor, frame_length: int) -> Tensor:
    """Highest values of (..., F, T) in frames, the last of which may be shorter: (..., F, ceil(T / frame_length))."""
    found: Tensor = nn.functional.max_pool1d(envelope, frame_length, ceil_mode=True)
    return found


def _checked_step(step: int) -> int:
    if step < 1:
        raise ValueError(f"step = {step}; give the distance of the wanted samples, at least 1")
    return step
