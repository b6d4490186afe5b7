"""The gammatone filterbank in its complex all-pole form.
Source: Patterson et al. (1987), APU report 2341; Lyon (1997), "All-pole models of auditory filtering".
Not here: the classic real pole-zero gammatone (:mod:`amtlib.filterbanks.drnl` has it), hair cells.
"""

import math
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from amtlib import lti
from amtlib.inputs import Numbers, Signal, Values, as_tensor, samples_of
from amtlib.modules import RealModule
from amtlib.ranges import LearnedValue, Polar, Range
from amtlib.scales import audfiltbw, erb2fc, erbspacebw, fc2erb

_COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}
_POLY_TOLERANCE = 1e-6
_COEFFICIENTS = ("poles", "gains", "b", "a")
#: Values of the channels' responses that are held at once where their sum alone is wanted: 64 MB in complex64.
_AT_ONCE = 2**23
#: How often :meth:`GammatoneFilterbank.envelope_peaks` looks at an envelope in one over its channel's pole bandwidth.
ENVELOPE_OVERSAMPLING = 8.0


class GammatoneFilterbank(RealModule):
    """
    Bank of gammatone filters: twice the real part of a cascade of `n` equal complex one-pole sections per
    channel.

    The impulse response of a channel is ``2 (1 - r)^n C(k + n - 1, n - 1) r^k cos(2 pi fc k / fs)`` with
    ``r = exp(-2 pi betamul audfiltbw(fc) / fs)``. A tone at fc comes out with gain 1 and phase 0, up to the
    mirror image at -fc: 0.02 dB at 50 Hz, n = 4. Towards fs / 2 the two images meet, and a channel at fs / 2
    has gain 2.

    Parameters
    ----------
    fc : (low, high), or Tensor, shape (F,), or list or array of F numbers
        Centre frequencies in Hz, above 0 and up to fs / 2. A tuple of two numbers is a range, filled by
        :func:`amtlib.erbspacebw` at a spacing of 1 ERB; anything else lists the frequencies themselves.
    fs : float
        Sampling rate in Hz, number > 0.
    n : int
        Number of sections (the filter order), >= 1.
    betamul : float, optional
        Pole bandwidth in ERB, number > 0. Default: ``((n-1)!)^2 / (pi (2n-2)! 2^(2-2n))``, which makes the
        equivalent rectangular bandwidth exactly 1 ERB for every n: 1.01859 for n = 4. (The specification has
        1.019 for all n.)
    learnable : bool
        Make the coefficients parameters: ``poles`` and ``gains``, 2F complex numbers, which are 4F real ones (30
        channels: 60 complex, 120 real); or ``b`` and ``a``, F (1 + n + 1) complex ones. The parameters hold pairs of
        real numbers, shape (..., 2), as optimisers and file formats want them; the attributes show them as complex
        numbers, and so do their gradients ``poles.grad`` and ``gains.grad``. What a parameter holds of a pole are
        the logarithms of its damping and of its angle, and of a gain the logarithm of its magnitude and its
        angle: however they are stepped, the poles stay inside the unit circle. Polynomials ('poly') do not.
    dtype : torch.dtype
        torch.float32 or torch.float64, of the signals.
    implementation : {'sos', 'poly'}
        'sos': poles and gains of one section. 'poly': the same filter from polynomial coefficients, which
        cannot resolve narrow channels at high sampling rates; a warning names those whose error exceeds 1e-6.
    max_pole_magnitude : float, optional
        Only with 'poly': limit r to this value in (0, 1). 0.9 gives the legacy behaviour, in which low
        channels are far too wide and shifted. Default: no limit.

    Attributes
    ----------
    fc : Tensor, shape (F,)
        Centre frequencies in Hz (buffer).
    num_channels : int
        F.
    fs, n, betamul, learnable, dtype, implementation, max_pole_magnitude
        As given; `betamul` holds the value in use.
    poles, gains : Tensor, shape (F,), complex128
        Pole of a section, r exp(2j pi fc / fs), and gain of a section, 1 - r ('sos' only).
    b, a : Tensor, shape (F, 1) and (F, n + 1), complex128
        Numerator and denominator of the whole cascade by increasing delay ('poly' only).

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    TypeError
        If a parameter has the wrong type.

    See Also
    --------
    amtlib.erbspacebw : centre frequencies.
    amtlib.lti : how the filters are applied.

    Notes
    -----
    Applied exactly on an FFT grid, not truncated: the output equals the recursive filter's to 1e-13 of its
    peak in float64, 1e-6 in float32. It is the fine structure of each channel (with negative values), not its
    envelope.

    References
    ----------
    Patterson, Nimmo-Smith, Holdsworth and Rice (1987), APU report 2341.
    Lyon (1997), in Diversity in Auditory Mechanics, 205-211.
    Glasberg and Moore (1990), Hear. Res. 47, 103-138.

    Examples
    --------
    >>> bank = GammatoneFilterbank((100.0, 8000.0), fs=16000)
    >>> bank.num_channels, bank.fc[:3]
    (30, tensor([100.0000, 138.6141, 181.7625]))
    >>> bank(torch.randn(2, 16000)).shape
    torch.Size([2, 30, 16000])
    >>> learner = GammatoneFilterbank((100.0, 8000.0), fs=16000, learnable=True)
    >>> learner.poles.numel() + learner.gains.numel(), sum(p.numel() for p in learner.parameters())
    (60, 120)
    """

    fc: Tensor
    poles: Tensor
    gains: Tensor
    b: Tensor
    a: Tensor

    def __init__(
        self,
        fc: Tensor | tuple[float, float] | Sequence[float] | npt.NDArray[np.floating | np.integer],
        fs: float,
        n: int = 4,
        betamul: float | None = None,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
        implementation: str = "sos",
        *,
        max_pole_magnitude: float | None = None,
    ) -> None:
        super().__init__(dtype)
        if not math.isfinite(fs) or fs <= 0.0:
            raise ValueError(f"fs = {fs} Hz is no sampling rate; give a finite number > 0, such as 44100")
        if isinstance(n, bool) or not isinstance(n, int | np.integer):
            raise TypeError(f"n = {n!r} is a {type(n).__name__}; give the filter order as an int >= 1")
        if n < 1:
            raise ValueError(f"n = {n} is no filter order; give an int >= 1, usually 4")
        if betamul is not None and not (math.isfinite(betamul) and betamul > 0.0):
            raise ValueError(f"betamul = {betamul} is no bandwidth in ERB; give a finite number > 0, or None")
        if implementation not in ("sos", "poly"):
            raise ValueError(f"implementation = {implementation!r} is unknown; give 'sos' or 'poly'")
        if max_pole_magnitude is not None:
            if implementation != "poly":
                raise ValueError(
                    "max_pole_magnitude belongs to implementation='poly'; leave it None with 'sos'"
                )
            if not 0.0 < max_pole_magnitude < 1.0:
                raise ValueError(
                    f"max_pole_magnitude = {max_pole_magnitude} is out of range; give one between 0 and 1"
                )
        centre = _centre_frequencies(fc, float(fs))
        self.num_channels = len(centre)
        self.fs = float(fs)
        self.n = int(n)
        self.betamul = default_betamul(self.n) if betamul is None else float(betamul)
        self.learnable = bool(learnable)
        self.implementation = implementation
        self.max_pole_magnitude = max_pole_magnitude
        self._table("fc", centre)
        self._cache = lti.ResponseCache()

        magnitude = torch.exp(-2.0 * math.pi / self.fs * self.betamul * audfiltbw(centre))
        if max_pole_magnitude is not None:
            magnitude = magnitude.clamp_max(max_pole_magnitude)
        # Coefficients stay complex128 whatever the dtype of the signals: a 50-Hz pole at 44.1 kHz lies 4e-3
        # from the unit circle, and rounding it to float32 would change the gain of four sections by 1e-4.
        poles = torch.polar(magnitude, 2.0 * math.pi / self.fs * centre)
        gains = (1.0 - magnitude).to(torch.complex128)
        if implementation == "sos":
            self._keep_complex("poles", poles)
            self._keep_complex("gains", gains)
        else:
            self._keep_complex("b", (gains**self.n).unsqueeze(-1))
            self._keep_complex("a", _power_of_section(poles, self.n))
            self._warn_of_rounding(centre, poles, gains)

    def _keep_complex(self, name: str, value: Tensor) -> None:
        # As pairs of real numbers, which optimisers, gradient scalers and file formats take
        span: Range | None = Polar(poles=name == "poles") if name in ("poles", "gains") else None
        super()._keep(name, torch.view_as_real(value), self.learnable, exact=True, within=span)

    def _complex(self, name: str) -> Tensor:
        """Return coefficients as they are now, with their gradient."""
        return torch.view_as_complex(self._now(name).contiguous())

    def __getattr__(self, name: str) -> Any:
        value: Any = super().__getattr__(name)
        if name not in _COEFFICIENTS:
            return value
        viewed = torch.view_as_complex(value.as_subclass(Tensor))
        if isinstance(value, LearnedValue):
            gradient = None if value.grad is None else torch.view_as_complex(value.grad)
            return LearnedValue.of(viewed, value.write, gradient)
        if value.is_leaf and value.grad is not None:
            viewed.grad = torch.view_as_complex(value.grad)
        return viewed

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _COEFFICIENTS and isinstance(value, Tensor) and value.is_complex():
            pairs = torch.view_as_real(value.detach().as_subclass(Tensor).resolve_conj())
            if self._is_mapped(name):
                super().__setattr__(name, pairs)
                return
            stored = self._stored(name)
            assert stored is not None
            with torch.no_grad():
                stored.copy_(pairs)
        else:
            super().__setattr__(name, value)

    def _translate(self, state_dict: dict[str, Any], prefix: str, saved: dict[str, Any]) -> None:
        """Take the complex tensors that a state once held."""
        for name in _COEFFICIENTS:
            value = state_dict.get(prefix + name)
            if isinstance(value, Tensor) and value.is_complex():
                state_dict[prefix + name] = torch.view_as_real(value.resolve_conj())
        super()._translate(state_dict, prefix, saved)

    def _warn_of_rounding(self, centre: Tensor, poles: Tensor, gains: Tensor) -> None:
        """Compare the polynomial with the cascade it was made from, over the pass band of every channel."""
        half_width = 2.0 * math.pi / self.fs * 3.0 * self.betamul * audfiltbw(centre).unsqueeze(-1)
        offset = half_width * torch.linspace(-1.0, 1.0, 61, dtype=torch.float64, device=centre.device)
        error = torch.zeros_like(centre)
        for channel in range(self.num_channels):
            one = slice(channel, channel + 1)
            omega = poles[channel].angle() + offset[channel]
            exact = lti.allpole_response(poles[one], gains[one], self.n, omega)
            with torch.no_grad():
                error[channel] = (self._poly_response(self.b[one], self.a[one], omega) - exact).abs().max()
        coarse = error > _POLY_TOLERANCE
        if bool(coarse.any()):
            named = ", ".join(f"{f:.5g}" for f in centre[coarse][:5].tolist())
            more = f" and {int(coarse.sum()) - 5} more" if int(coarse.sum()) > 5 else ""
            warnings.warn(
                f"implementation='poly' with n = {self.n} at fs = {self.fs:g} Hz rounds the channels at "
                f"{named}{more} Hz by up to {float(error.max()):.1g} of their peak, "
                f"more than {_POLY_TOLERANCE:g}; use 'sos' for them",
                UserWarning,
                stacklevel=3,
            )

    @staticmethod
    def _poly_response(
        b: Tensor, a: Tensor, at: int | Tensor, dtype: torch.dtype = torch.complex128
    ) -> Tensor:
        # 2 Re of the complex filter: the mirror image has the conjugate coefficients
        return lti.rational_response(b, a, at, dtype) + lti.rational_response(b.conj(), a.conj(), at, dtype)

    @property
    def _coefficients(self) -> tuple[Tensor, Tensor]:
        names = _COEFFICIENTS[:2] if self.implementation == "sos" else _COEFFICIENTS[2:]
        return self._complex(names[0]), self._complex(names[1])

    def _evaluate(self, at: int | Tensor, channels: slice = slice(None)) -> Tensor:
        first, second = (each[channels] for each in self._coefficients)
        dtype = _COMPLEX[self.dtype]
        if self.implementation == "sos":
            return lti.allpole_response(first, second, self.n, at, dtype)
        return self._poly_response(first, second, at, dtype)

    def _response(self, n_fft: int) -> Tensor:
        """Transfer functions on an FFT grid, shape (F, n_fft // 2 + 1); cached when nothing learns."""
        if torch.is_grad_enabled() and any(c.requires_grad for c in self._coefficients):
            return self._evaluate(n_fft)
        key = ("response", n_fft, self.dtype)
        return self._cache.get(key, self._coefficients, lambda: self._evaluate(n_fft))

    def _power_response(self, n_fft: int) -> Tensor:
        """Sum of the channels' power gains on an FFT grid, shape (n_fft // 2 + 1,), a few channels at a time."""
        rows = (self._evaluate(n_fft, part).abs().square().sum(0) for part in self._groups(n_fft))
        return torch.stack(list(rows)).sum(0)

    def _groups(self, samples: int) -> list[slice]:
        """Return the channels in groups so small that `samples` values of each may be held at once."""
        at_once = max(_AT_ONCE // samples, 1)
        return [slice(first, first + at_once) for first in range(0, self.num_channels, at_once)]

    def _settle(self) -> int:
        """Find how long the slowest channel rings; raise if a learned pole has left the unit circle."""

        def find() -> int:
            if self.implementation == "sos":
                radius = float(self._complex("poles").detach().abs().max())
            else:
                radius = lti.pole_radius(self._complex("a"))
            if not radius < 1.0:
                raise ValueError(
                    f"a pole of {type(self).__name__} has magnitude {radius:.9g}: its channel is unstable; "
                    "poles must stay below 1: use implementation='sos', which keeps them there as they learn"
                )
            return lti.settling_samples(radius, self.n, self.dtype)

        return self._cache.get(("settle", self.dtype), self._coefficients, find)

    def _signal(self, x: Signal) -> Tensor:
        return lti.check_signal(x, self.dtype, self.fc.device, fs=self.fs)

    def _signals(self, x: Signal) -> Tensor:
        x = samples_of(x, "x", self.fc.device, self.fs)
        if x.ndim not in (1, 2):
            raise ValueError(f"x has shape {tuple(x.shape)}; give (T,) or (batch, T)")
        return self._signal(x)

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
        >>> bank = GammatoneFilterbank([500.0, 1000.0], fs=16000)
        >>> bank.frequency_response([1000.0]).abs()
        tensor([[6.3906e-04],
                [9.9999e-01]])
        """
        f = lti.check_frequencies(f, self.fs, self.fc.device)
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
        >>> GammatoneFilterbank([1000.0], fs=16000, n=1, betamul=1.0).impulse_response(3)
        tensor([[0.1015, 0.0890, 0.0647]])
        """
        if samples < 1:
            raise ValueError(f"samples = {samples}; give at least 1")
        impulse = torch.zeros(samples, dtype=self.dtype, device=self.fc.device)
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
        >>> bank = GammatoneFilterbank((100.0, 8000.0), fs=16000)
        >>> live = bank.stream()
        >>> live.process(torch.zeros(256)).shape
        torch.Size([30, 256])
        """
        batch = tuple(batch_shape)

        def check(chunk: Tensor) -> Tensor:
            if chunk.shape[:-1] != batch:
                takes = ", ".join([*map(str, batch), "T"])
                raise ValueError(f"the chunk has shape {tuple(chunk.shape)}; this stream takes ({takes})")
            return self._signal(chunk) if chunk.numel() else chunk.to(self.fc)

        return lti.Stream(self._response, self._settle(), check=check)

    def _complex_response(self, n_fft: int) -> Tensor:
        """Transfer functions of the complex filters whose real parts are the channels, shape (F, n_fft)."""
        first, second = self._coefficients
        dtype = _COMPLEX[self.dtype]

        def evaluate() -> Tensor:
            if self.implementation == "sos":
                return lti.complex_allpole(first, second, self.n, n_fft, dtype)
            omega = torch.arange(n_fft, device=first.device, dtype=torch.float64) * (2.0 * math.pi / n_fft)
            return 2.0 * lti.rational_response(first, second, omega, dtype)

        if torch.is_grad_enabled() and any(c.requires_grad for c in self._coefficients):
            return evaluate()
        kept: Tensor = self._cache.get(("complex", n_fft, self.dtype), self._coefficients, evaluate)
        return kept

    def analytic(self, x: Signal, step: int = 1) -> Tensor:
        """
        Outputs of the complex filters: waveform and envelope of every channel at once.

        Parameters
        ----------
        x : Tensor or ndarray, shape (T,) or (B, T)
            Signal in Pa, real.
        step : int
            Return samples 0, step, 2 step, ... only, >= 1. They are exact, and cost less than all.

        Returns
        -------
        Tensor, shape (F, ceil(T / step)) or (B, F, ceil(T / step)), complex
            Its real part is what :meth:`forward` returns, its magnitude what :meth:`envelope` returns, in the unit
            of `x`. Differentiable.

        Raises
        ------
        ValueError
            As :meth:`forward`, and if `step` is below 1.

        Examples
        --------
        >>> bank = GammatoneFilterbank([1000.0], fs=16000)
        >>> tone = torch.sin(2 * torch.pi * 1000 / 16000 * torch.arange(8000))
        >>> torch.allclose(bank.analytic(tone).real, bank(tone), atol=1e-5)
        True
        """
        signal = self._signals(x)
        if self._fast(signal):
            return lti.filter_allpole(signal, *self._coefficients, self.n, self._settle(), step=step)
        return self._complex_outputs(signal, step)

    def envelope(self, x: Signal, step: int = 1) -> Tensor:
        """
        Envelope of every channel: the magnitude of the complex filters' outputs.

        Parameters
        ----------
        x : Tensor or ndarray, shape (T,) or (B, T)
            Signal in Pa, real.
        step : int
            Return samples 0, step, 2 step, ... only, >= 1. They are exact, and cost less than all.

        Returns
        -------
        Tensor, shape (F, ceil(T / step)) or (B, F, ceil(T / step))
            Envelopes, >= 0, in the unit of `x`: sqrt(2) times the rms value for a steady tone.
            Differentiable.

        Raises
        ------
        ValueError
            As :meth:`forward`, and if `step` is below 1.

        See Also
        --------
        analytic : the complex outputs.

        Examples
        --------
        >>> bank = GammatoneFilterbank([1000.0], fs=16000)
        >>> tone = torch.sin(2 * torch.pi * 1000 / 16000 * torch.arange(8000))
        >>> bank.envelope(tone, step=2000)[0, 1:]
        tensor([1.0000, 1.0000, 1.0000])
        """
        signal = self._signals(x)
        if self._fast(signal):
            return lti.allpole_envelope(signal, *self._coefficients, self.n, self._settle(), step=step)
        return self._complex_outputs(signal, step).abs()

    def envelope_peaks(
        self, x: Signal, stretch: int, oversampling: float = ENVELOPE_OVERSAMPLING
    ) -> tuple[Tensor, Tensor]:
        """
        Highest value of every channel's envelope in each stretch of the signal, and its mean power: a cochleagram.

        Parameters
        ----------
        x : Tensor or ndarray, shape (T,) or (B, T)
            Signal in Pa, real.
        stretch : int
            Samples of a stretch, >= 1. Numbers with many divisors, such as powers of 2, are the fastest.
        oversampling : float
            An envelope is looked at this many times at least in one over its channel's pole bandwidth, > 0, unless
            that is more often than the signal itself: at the multiples of the largest divisor of `stretch` that
            is close enough, and at the last sample of each stretch. So a flank that rises or falls across the end
            of a stretch loses nothing, and a top within it 0.2 dB at most at the default of 8, wherever the sound
            lies in the channel's pass band. Far off it, components beat faster than the channel's bandwidth, and
            tops between the samples are up to a few dB higher.

        Returns
        -------
        peaks : Tensor, shape (F, ceil(T / stretch)) or (B, F, ceil(T / stretch))
            Highest values, >= 0, in the unit of `x`. Differentiable.
        power : Tensor, shape (F,) or (B, F)
            Half the mean squared envelope, in the squared unit of `x`: the mean square of the channel wherever it is
            narrow compared with its centre frequency. Differentiable.

        Raises
        ------
        ValueError
            As :meth:`forward`, if `stretch` is below 1, or if `oversampling` is not positive.

        See Also
        --------
        envelope : every value, at the same distance in all channels.

        Examples
        --------
        >>> bank = GammatoneFilterbank([500.0, 1000.0], fs=16000)
        >>> tone = torch.sin(2 * torch.pi * 1000 / 16000 * torch.arange(16000))
        >>> peaks, power = bank.envelope_peaks(tone, stretch=4096)
        >>> peaks[1], 10 * torch.log10(power)
        (tensor([1.0000, 1.0000, 1.0000, 1.0000]), tensor([-51.4101,  -3.0369], dtype=torch.float64))
        """
        if stretch < 1:
            raise ValueError(f"stretch = {stretch} samples; give at least 1")
        if not oversampling > 0.0:
            raise ValueError(f"oversampling = {oversampling}; give a positive number, such as 8")
        signal = self._signals(x)
        width = self.betamul * audfiltbw(self.fc.double())
        closest = (self.fs / (oversampling * width)).tolist()
        divisors = [step for step in range(1, stretch + 1) if stretch % step == 0]
        steps = [max(step for step in divisors if step == 1 or step <= most) for most in closest]
        if self._fast(signal):
            return lti.allpole_peaks(
                signal, *self._coefficients, self.n, self._settle(), steps=steps, stretch=stretch
            )
        peaks, power = [], []
        for channel, step in enumerate(steps):
            envelope = self._complex_outputs(signal, step, slice(channel, channel + 1)).abs()
            norm = torch.linalg.vector_norm(envelope, dim=-1).double()
            power.append(norm.square() / (2 * envelope.shape[-1]))
            top = nn.functional.max_pool1d(envelope, stretch // step, ceil_mode=True)
            if step > 1:
                top = torch.maximum(top, self._ends(signal, stretch, slice(channel, channel + 1)).abs())
            peaks.append(top)
        return torch.cat(peaks, -2), torch.cat(power, -1)

    def _ends(self, signal: Tensor, stretch: int, channels: slice) -> Tensor:
        """Outputs of some channels' complex filters at the last sample of each stretch, with gradients."""
        ends = self._complex_outputs(signal, stretch, channels, ahead=stretch - 1)
        whole, rest = divmod(signal.shape[-1], stretch)
        if not rest:
            return ends
        last = self._complex_outputs(signal[..., -self._settle() - 1 :], 1, channels)[..., -1:]
        return torch.cat([ends[..., :whole], last], -1)

    def _fast(self, signal: Tensor) -> bool:
        """Whether the complex filters may run without gradients, a channel at a time."""
        learns = torch.is_grad_enabled() and any(t.requires_grad for t in (signal, *self._coefficients))
        return self.implementation == "sos" and signal.device.type == "cpu" and not learns

    def _complex_outputs(
        self, signal: Tensor, step: int, channels: slice = slice(None), *, ahead: int = 0
    ) -> Tensor:
        """Outputs of some channels' complex filters at samples ahead, ahead + step, ..., with gradients."""

        def response(n_fft: int) -> Tensor:
            transfer = self._complex_response(n_fft)[channels]
            if not ahead:
                return transfer
            turn = torch.arange(n_fft, device=signal.device).mul_(ahead).remainder_(n_fft)
            angle = turn.double() * (2.0 * math.pi / n_fft)
            return transfer * torch.polar(torch.ones_like(angle), angle).to(transfer.dtype)

        return lti.filter_complex(signal, response, self._settle(), step=step)

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
        forward : the analysis.

        Notes
        -----
        Filtering once forwards and once backwards multiplies every channel by ``|H|^2``, which has no phase.
        The sum over channels 1 ERB apart ripples by 0.65 dB, 0.75 ERB apart by 0.17 dB (n = 4). Weintraub
        (1985) resynthesised cochleagrams this way.

        Examples
        --------
        >>> bank = GammatoneFilterbank(erbspacebw(50.0, 7000.0, bwmul=0.5), fs=16000)
        >>> x = torch.sin(2 * torch.pi * 1000 / 16000 * torch.arange(16000))
        >>> bool((bank.resynthesise(bank(x)) - x)[4000:12000].abs().max() < 0.01)
        True
        """
        y = as_tensor(y, "y", self.fc.device, "channels, time last")
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

        return torch.stack([aligned(part) for part in groups]).sum(0) / self._mean_power()

    def round_trip(self, x: Signal) -> Tensor:
        """
        Take a signal apart and put it together again, at the cost of a single filter.

        Parameters
        ----------
        x : Tensor or ndarray, shape (T,) or (B, T)
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
                _COMPLEX[self.dtype]
            )
            return (power * turn).unsqueeze(0)

        padded = torch.nn.functional.pad(signal, (0, settle))
        y = lti.filter_fft(padded, zero_phase, 2 * settle)[..., 0, settle:]
        return y / self._mean_power()

    def _mean_power(self) -> Tensor:
        """Mean over the bank's range, on the ERB scale, of the power gain of analysis and resynthesis."""
        low, high = self.fc.double().aminmax()
        grid = erb2fc(
            torch.lerp(
                fc2erb(low), fc2erb(high), torch.linspace(0, 1, 256, dtype=torch.float64, device=low.device)
            )
        )
        return self._evaluate(grid * (2.0 * math.pi / self.fs)).abs().square().sum(0).mean()

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        low, high = (float(f) for f in self._built["fc"].aminmax())
        text = (
            f"num_channels={self.num_channels}, fs={self.fs:g} Hz, n={self.n}, "
            f"fc_range=({low:.1f}, {high:.1f}) Hz, betamul={self.betamul:.4g}, learnable={self.learnable}, "
            f"implementation={self.implementation!r}, dtype={self.dtype}"
        )
        return (
            text
            if self.max_pole_magnitude is None
            else f"{text}, max_pole_magnitude={self.max_pole_magnitude:g}"
        )


def _centre_frequencies(fc: Any, fs: float) -> Tensor:
    """Explicit or ERB-spaced centre frequencies in Hz, float64, checked against the sampling rate."""
    if isinstance(fc, tuple):
        if len(fc) != 2:
            raise ValueError(
                f"fc is a tuple of {len(fc)}; give (low, high) in Hz, or a list of centre frequencies"
            )
        low, high = float(fc[0]), float(fc[1])
        if not 0.0 < low < high <= fs / 2.0:
            raise ValueError(
                f"fc = ({low}, {high}) Hz is no range for fs = {fs} Hz; "
                f"give 0 < low < high <= fs / 2 = {fs / 2.0} Hz"
            )
        return erbspacebw(low, high, dtype=torch.float64)
    centre = as_tensor(fc, "fc", what="frequencies in Hz", numbers=True)
    if centre.is_complex() or centre.dtype == torch.bool:
        raise TypeError(f"fc has dtype {centre.dtype}; give real frequencies in Hz")
    centre = centre.detach().to(torch.float64)
    if centre.ndim != 1 or centre.numel() == 0:
        raise ValueError(
            f"fc has shape {tuple(centre.shape)}; give centre frequencies, shape (F,), or (low, high)"
        )
    outside = centre[~((centre > 0.0) & (centre <= fs / 2.0))]
    if len(outside):
        raise ValueError(
            f"fc holds {float(outside[0])} Hz; centre frequencies lie above 0 and up to fs / 2 = {fs / 2.0} "
            "Hz: raise fs or leave such channels out"
        )
    return centre


def default_betamul(n: int) -> float:
    """Pole bandwidth in ERB that makes the equivalent rectangular bandwidth of order n exactly 1 ERB."""
    return math.factorial(n - 1) ** 2 / (math.pi * math.factorial(2 * n - 2) * 2.0 ** (2 - 2 * n))


def _power_of_section(poles: Tensor, n: int) -> Tensor:
    """Coefficients of (1 - pole z^-1)^n by increasing delay, shape (F, n + 1): the binomial theorem."""
    return torch.stack([math.comb(n, k) * (-poles) ** k for k in range(n + 1)], dim=-1)
