"""Filterbanks that are linear: what all of them can do once their transfer function is known.
Source: Weintraub (1985), "A theory and computational model of auditory monaural sound separation", for resynthesis.
Not here: particular filters (:mod:`amtlib.filterbanks.gammatone`), filters beside a nonlinearity
(:mod:`amtlib.filterbanks.drnl`).
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from amtlib import lti
from amtlib.filterbanks.centres import Centres, centre_frequencies
from amtlib.filterbanks.envelopes import Envelopes
from amtlib.inputs import Numbers, Signal, Values, as_tensor
from amtlib.scales import erb2fc, fc2erb

#: Longest impulse response that is measured, samples
_LONGEST = 2**20
#: Below this share of its integral an impulse response drowns in the rounding of its transfer function.
_MEASURABLE = 1e-10


class LinearFilterbank(Envelopes):
    """
    Bank of linear filters: a subclass gives the transfer function, the rest is inherited.

    Parameters
    ----------
    fc : (low, high), or Tensor, shape (F,), or list or array of F numbers
        Centre frequencies in Hz, above 0 and up to fs / 2. A tuple of two numbers is a range, filled at a spacing of
        1 ERB; anything else lists the frequencies themselves.
    fs : float
        Sampling rate in Hz, number > 0.
    dtype : torch.dtype
        torch.float32 or torch.float64, of the signals.

    Attributes
    ----------
    fc : Tensor, shape (F,)
        Centre frequencies in Hz (buffer).
    num_channels : int
        F.
    fs, dtype
        As given.
    settling_samples : int
        Samples after which every impulse response has died out.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    GammatoneFilterbank : the filterbank of this library.
    amtlib.lti : transfer functions of common filters, and how filters are applied.

    Notes
    -----
    A filterbank of your own is a subclass with one method, :meth:`transfer`. How long its filters ring is measured
    unless the subclass says so itself (`_ringing`). Values that may learn are registered by ``self._keep(name, value,
    learns)`` and read by ``self._now(name)``; responses are evaluated anew when one of them changes.

    Examples
    --------
    One-zero gammatones (Lyon, 1997), with a gain of 1 at their centre frequencies:

    >>> from amtlib import audfiltbw
    >>> class OneZeroGammatones(LinearFilterbank):
    ...     def transfer(self, omega):
    ...         fc = self.fc.double()[:, None]
    ...         centre, damping = (2 * torch.pi / self.fs * f for f in (fc, audfiltbw(fc)))
    ...         pole = torch.exp(torch.complex(-damping, centre))
    ...         def shape(z):
    ...             return (1 - 1 / z) / ((1 - pole / z) * (1 - pole.conj() / z)) ** 4
    ...         return shape(torch.exp(1j * omega)) / shape(torch.exp(1j * centre)).abs()

    It filters, streams, shows its response, and puts its channels together again:

    >>> bank = OneZeroGammatones((100.0, 4000.0), fs=16000)
    >>> x = torch.randn(8000)
    >>> y = bank(x)
    >>> y.shape, bank.settling_samples
    (torch.Size([24, 8000]), 1711)
    >>> live = bank.stream()
    >>> torch.allclose(torch.cat([live.process(chunk) for chunk in x.split(1000)], -1), y, atol=1e-5)
    True
    >>> OneZeroGammatones([500.0, 1000.0], 16000).frequency_response([500.0, 1000.0]).abs()
    tensor([[1.0000e+00, 2.4010e-04],
            [6.5559e-03, 1.0000e+00]])
    >>> bank.envelope(x).shape, bank.resynthesise(y).shape
    (torch.Size([24, 8000]), torch.Size([8000]))
    """

    def __init__(self, fc: Centres, fs: float, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(fs, dtype)
        self._place(centre_frequencies(fc, self.fs))

    def transfer(self, omega: Tensor) -> Tensor:
        """
        Transfer function of all channels: the one method that a filterbank must have.

        Parameters
        ----------
        omega : Tensor, shape (K,), float64
            Angular frequencies in rad/sample, 0 to pi: 2 pi f / fs.

        Returns
        -------
        Tensor, shape (F, K), complex
            Of stable, causal filters; best in complex128, as it is rounded to the dtype of the signals afterwards.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no transfer function; define transfer(self, omega), which returns a complex "
            "tensor of shape (channels, frequencies) for angular frequencies in rad/sample"
        )

    def _evaluate(self, at: int | Tensor, channels: slice = slice(None)) -> Tensor:
        """Transfer functions on an FFT grid or at angular frequencies, shape (f, K), in the complex dtype in use."""
        return self._checked_transfer(at)[channels].to(lti.COMPLEX[self.dtype])

    def _checked_transfer(self, at: int | Tensor) -> Tensor:
        if isinstance(at, int):
            at = torch.arange(at // 2 + 1, device=self._device, dtype=torch.float64) * (2.0 * math.pi / at)
        found = self.transfer(at)
        wanted = (self.num_channels, len(at))
        if found.shape != wanted:
            raise ValueError(
                f"transfer of {type(self).__name__} returned shape {tuple(found.shape)}; return {wanted}, a row for "
                "each channel, a column for each frequency"
            )
        return found

    def _response(self, n_fft: int) -> Tensor:
        """Transfer functions on an FFT grid, shape (F, n_fft // 2 + 1)."""
        return self._kept(("response", n_fft), lambda: self._evaluate(n_fft))

    def _ringing(self) -> int:
        """Measure how long impulse responses ring; what drowns in rounding is extrapolated from their decay."""
        resolution = torch.finfo(self.dtype).eps
        measurable = max(resolution, _MEASURABLE)
        n_fft = 4096
        while n_fft <= _LONGEST:
            impulse = torch.fft.irfft(self._checked_transfer(n_fft).to(torch.complex128), n=n_fft).abs()
            left = impulse.flip(-1).cumsum(-1).flip(-1)
            half, last = (
                int((left >= share * left[..., :1]).sum(-1).max()) for share in (measurable**0.5, measurable)
            )
            if last <= n_fft // 2:
                # Decays grow steeper, never gentler, on their way to that of the slowest pole.
                more = 2.0 * (math.log(resolution) / math.log(measurable) - 1.0)
                return max(1, last + math.ceil(more * (last - half)))
            n_fft *= 2
        raise ValueError(
            f"a filter of {type(self).__name__} has not died out after {_LONGEST // 2} samples: check that transfer "
            "is that of stable, causal filters, widen them, or say in _ringing how long they ring"
        )

    def _power_response(self, n_fft: int) -> Tensor:
        """Sum of the channels' power gains on an FFT grid, shape (n_fft // 2 + 1,), a few channels at a time."""
        rows = (self._evaluate(n_fft, part).abs().square().sum(0) for part in self._groups(n_fft))
        return torch.stack(list(rows)).sum(0)

    def forward(self, x: Signal, block: int | None = None) -> Tensor:
        """
        Filter a signal through all channels, from rest.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (T,) or (B, T)
            Signal in Pa, real; converted to `dtype`. A sound must have the sampling rate `fs`.
        block : int, optional
            Samples filtered at a time, >= 1. Changes memory and speed only. Default: chosen so that the work
            memory stays below 256 MB.

        Returns
        -------
        Tensor, shape (F, T) or (B, F, T)
            The channels, in the unit of `x`. Differentiable in `x` and in learnable coefficients.

        Raises
        ------
        ValueError
            If `x` has another shape, is empty, complex or on another device, or has non-finite samples; if
            `block` is below 1; if a learned pole is unstable.

        Examples
        --------
        >>> from amtlib import GammatoneFilterbank
        >>> GammatoneFilterbank([500.0, 1000.0], fs=16000)(torch.zeros(3, 100)).shape
        torch.Size([3, 2, 100])
        """
        return lti.filter_fft(self._signals(x), self._response, self._settle(), block=block)

    def frequency_response(self, f: Numbers) -> Tensor:
        """
        Transfer function of all channels at given frequencies.

        Parameters
        ----------
        f : Tensor or ndarray, shape (K,), or list of K numbers
            Frequencies in Hz, finite, from 0 to fs / 2.

        Returns
        -------
        Tensor, shape (F, K), complex
            Gain and phase, with respect to the input. Differentiable in learnable coefficients.

        Raises
        ------
        ValueError
            If `f` is not one-dimensional or out of range.

        Examples
        --------
        >>> from amtlib import GammatoneFilterbank
        >>> GammatoneFilterbank([500.0, 1000.0], fs=16000).frequency_response([1000.0]).abs()
        tensor([[6.3906e-04],
                [9.9999e-01]])
        """
        f = lti.check_frequencies(f, self.fs, self._device)
        return self._evaluate(f * (2.0 * math.pi / self.fs))

    def impulse_response(self, samples: int) -> Tensor:
        """
        First samples of the impulse response of all channels.

        Parameters
        ----------
        samples : int
            How many, >= 1.

        Returns
        -------
        Tensor, shape (F, samples)
            Response to a unit sample at time 0. Differentiable in learnable coefficients.

        Raises
        ------
        ValueError
            If `samples` is below 1.

        Examples
        --------
        >>> from amtlib import GammatoneFilterbank
        >>> GammatoneFilterbank([1000.0], fs=16000, n=1, betamul=1.0).impulse_response(3)
        tensor([[0.1015, 0.0890, 0.0647]])
        """
        if samples < 1:
            raise ValueError(f"samples = {samples}; give at least 1")
        impulse = torch.zeros(samples, dtype=self.dtype, device=self._device)
        impulse[0] = 1.0
        return cast(Tensor, self(impulse))

    def stream(self, batch_shape: Sequence[int] = ()) -> lti.Stream:
        """
        Filter a signal that arrives in chunks of any length.

        Parameters
        ----------
        batch_shape : sequence of int
            Leading shape of the chunks: () for (T,), (B,) for (B, T).

        Returns
        -------
        amtlib.lti.Stream
            ``process(chunk)`` returns the channels of the next samples, shape (..., F, T); ``reset()`` starts
            anew.

        Examples
        --------
        >>> from amtlib import GammatoneFilterbank
        >>> live = GammatoneFilterbank((100.0, 8000.0), fs=16000).stream()
        >>> live.process(torch.zeros(256)).shape
        torch.Size([30, 256])
        """
        return self._stream(self._response, tuple(batch_shape))

    def resynthesise(self, y: Values) -> Tensor:
        """
        Put channels together again: each runs backwards through its own filter, which undoes its delay.

        Parameters
        ----------
        y : Tensor or ndarray, shape (F, T) or (B, F, T)
            Channels, as :meth:`forward` returns them, perhaps changed in between.

        Returns
        -------
        Tensor, shape (T,) or (B, T)
            The sum, with zero delay and a power gain that averages 1 over the bank's range on the ERB scale.
            Outside of the range, and between channels that are too far apart, the gain falls off.
            Differentiable.

        Raises
        ------
        ValueError
            If `y` has another shape, is empty or complex, or has non-finite samples.

        See Also
        --------
        forward : from a signal to its channels.

        Notes
        -----
        Filtering once forwards and once backwards multiplies every channel by ``|H|^2``, which has no phase.
        The sum over gammatones 1 ERB apart ripples by 0.65 dB, 0.75 ERB apart by 0.17 dB (n = 4). Weintraub
        (1985) resynthesised cochleagrams this way.

        Examples
        --------
        >>> from amtlib import GammatoneFilterbank, erbspacebw
        >>> bank = GammatoneFilterbank(erbspacebw(50.0, 7000.0, bwmul=0.5), fs=16000)
        >>> x = torch.sin(2 * torch.pi * 1000 / 16000 * torch.arange(16000))
        >>> bool((bank.resynthesise(bank(x)) - x)[4000:12000].abs().max() < 0.01)
        True
        """
        y = as_tensor(y, "y", self._device, "channels, time last")
        if y.ndim not in (2, 3) or y.shape[-2] != self.num_channels:
            raise ValueError(
                f"y has shape {tuple(y.shape)}; give ({self.num_channels}, T) or (batch, {self.num_channels}, T)"
            )
        channels, settle = self._signal(y), self._settle()
        groups = self._groups(channels.shape[-1] + settle)

        def aligned(part: slice) -> Tensor:
            response = self._response if len(groups) == 1 else partial(self._evaluate, channels=part)
            backwards = channels[..., part, :].flip(-1)
            return lti.filter_fft(backwards, response, settle, per_channel=True).sum(-2).flip(-1)

        return torch.stack([aligned(part) for part in groups]).sum(0) / self._mean_gain()

    def round_trip(self, x: Signal) -> Tensor:
        """
        Take a signal apart and put it together again, at the cost of a single filter.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (T,) or (B, T)
            Signal in Pa, real.

        Returns
        -------
        Tensor, shape (T,) or (B, T)
            ``resynthesise(forward(x))``, to rounding, except near the end: there the channels still ring, which
            `forward` cuts off and this does not. Differentiable.

        Raises
        ------
        ValueError
            As :meth:`forward`.

        Examples
        --------
        >>> from amtlib import GammatoneFilterbank
        >>> bank = GammatoneFilterbank((50.0, 7000.0), fs=16000)
        >>> x = torch.cat([torch.zeros(8000), torch.ones(1), torch.zeros(8000)])
        >>> torch.allclose(bank.round_trip(x), bank.resynthesise(bank(x)), atol=1e-6)
        True
        """
        signal, settle = self._signals(x), self._settle()

        def zero_phase(n_fft: int) -> Tensor:
            # |H|^2 rings as long backwards as forwards: delayed by `settle`, it is a causal filter.
            power = self._power_response(n_fft)
            turns = torch.arange(len(power), device=power.device, dtype=torch.float64) * (settle / n_fft)
            turn = torch.polar(torch.ones_like(turns), -2.0 * math.pi * (turns % 1.0)).to(
                lti.COMPLEX[self.dtype]
            )
            return (power * turn).unsqueeze(0)

        padded = nn.functional.pad(signal, (0, settle))
        y = lti.filter_fft(padded, zero_phase, 2 * settle)[..., 0, settle:]
        return y / self._mean_gain()

    def _mean_gain(self) -> Tensor:
        """Mean over the bank's range, on the ERB scale, of the power gain from a signal to its resynthesis."""
        low, high = self.fc.double().aminmax()
        grid = erb2fc(
            torch.lerp(
                fc2erb(low), fc2erb(high), torch.linspace(0, 1, 256, dtype=torch.float64, device=low.device)
            )
        )
        return self._evaluate(grid * (2.0 * math.pi / self.fs)).abs().square().sum(0).mean()

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return f"num_channels={self.num_channels}, fs={self.fs:g} Hz, {self._fc_range}, dtype={self.dtype}"
