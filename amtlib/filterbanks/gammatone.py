"""The gammatone filterbank in its complex all-pole form.
Source: Patterson et al. (1987), APU report 2341; Hohmann (2002), Acta Acust. united Acust. 88, 433-442 (complex poles).
Not here: the classic real pole-zero gammatone (:mod:`amtlib.filterbanks.drnl` has it), hair cells.
"""

import math
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.centres import Centres
from amtlib.filterbanks.envelopes import highest, mean_power
from amtlib.filterbanks.linear import LinearFilterbank
from amtlib.inputs import Numbers, as_tensor
from amtlib.ranges import LearnedValue, Polar, Range
from amtlib.scales import audfiltbw

_POLY_TOLERANCE = 1e-6
_COEFFICIENTS = ("poles", "gains", "b", "a")


class GammatoneFilterbank(LinearFilterbank):
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
    betamul : float, or Tensor, shape (F,), or list or array of F numbers, optional
        Pole bandwidth in ERB, > 0, of all channels or one each, as in an impaired ear; taken as numbers: no gradient
        flows back to it.
        Default: ``((n-1)!)^2 / (pi (2n-2)! 2^(2-2n))``, which makes the
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
        As given; `betamul` holds the value in use, or a Tensor of shape (F,).
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
    Hohmann (2002), Acta Acust. united Acust. 88, 433-442.
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

    poles: Tensor
    gains: Tensor
    b: Tensor
    a: Tensor

    def __init__(
        self,
        fc: Centres,
        fs: float,
        n: int = 4,
        betamul: Numbers | None = None,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
        implementation: str = "sos",
        *,
        max_pole_magnitude: float | None = None,
    ) -> None:
        super().__init__(fc, fs, dtype=dtype)
        if isinstance(n, bool) or not isinstance(n, int | np.integer):
            raise TypeError(f"n = {n!r} is a {type(n).__name__}; give the filter order as an int >= 1")
        if n < 1:
            raise ValueError(f"n = {n} is no filter order; give an int >= 1, usually 4")
        width = default_betamul(int(n)) if betamul is None else _widths(betamul, len(self.fc))
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
        self.n = int(n)
        self.betamul: float | Tensor
        if isinstance(width, Tensor):
            self._table("betamul", width)
        else:
            self.betamul = width
        self.learnable = bool(learnable)
        self.implementation = implementation
        self.max_pole_magnitude = max_pole_magnitude

        centre = self._built["fc"].to(self._device)
        if isinstance(width, Tensor):
            width = width.to(self._device)
        magnitude = torch.exp(-2.0 * math.pi / self.fs * width * audfiltbw(centre))
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
        half_width = (2.0 * math.pi / self.fs * 3.0 * self.betamul * audfiltbw(centre)).unsqueeze(-1)
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

    def transfer(self, omega: Tensor) -> Tensor:
        """Transfer function of all channels at angular frequencies in rad/sample: :meth:`LinearFilterbank.transfer`."""
        return self._evaluate(omega)

    def _evaluate(self, at: int | Tensor, channels: slice = slice(None)) -> Tensor:
        first, second = (each[channels] for each in self._coefficients)
        dtype = lti.COMPLEX[self.dtype]
        if self.implementation == "sos":
            return lti.allpole_response(first, second, self.n, at, dtype)
        return self._poly_response(first, second, at, dtype)

    def _ringing(self) -> int:
        """Find how long the slowest channel rings; raise if a learned pole has left the unit circle."""
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

    def _complex_response(self, n_fft: int) -> Tensor:
        """Transfer functions of the complex filters whose real parts are the channels, shape (F, n_fft)."""
        first, second = self._coefficients
        dtype = lti.COMPLEX[self.dtype]

        def evaluate() -> Tensor:
            if self.implementation == "sos":
                return lti.complex_allpole(first, second, self.n, n_fft, dtype)
            omega = torch.arange(n_fft, device=first.device, dtype=torch.float64) * (2.0 * math.pi / n_fft)
            return 2.0 * lti.rational_response(first, second, omega, dtype)

        return self._kept(("complex", n_fft), evaluate)

    def _fast(self, signal: Tensor) -> bool:
        """Whether the complex filters may run without gradients, a channel at a time."""
        learns = self._learns() or (torch.is_grad_enabled() and signal.requires_grad)
        return self.implementation == "sos" and signal.device.type == "cpu" and not learns

    def _analytic(self, signal: Tensor, step: int, channels: slice = slice(None)) -> Tensor:
        if self._fast(signal):
            poles, gains = (each[channels] for each in self._coefficients)
            return lti.filter_allpole(signal, poles, gains, self.n, self._settle(), step=step)
        return self._complex_outputs(signal, step, channels)

    def _envelope(self, signal: Tensor, step: int) -> Tensor:
        if self._fast(signal):
            return lti.allpole_envelope(signal, *self._coefficients, self.n, self._settle(), step=step)
        return self._complex_outputs(signal, step).abs()

    def _peaks(self, signal: Tensor, frame_length: int, oversampling: float) -> tuple[Tensor, Tensor]:
        width = self.betamul * audfiltbw(self.fc.double())
        closest = (self.fs / (oversampling * width)).tolist()
        divisors = [step for step in range(1, frame_length + 1) if frame_length % step == 0]
        steps = [max(step for step in divisors if step == 1 or step <= most) for most in closest]
        if self._fast(signal):
            return lti.allpole_peaks(
                signal, *self._coefficients, self.n, self._settle(), steps=steps, frame_length=frame_length
            )
        peaks, power = [], []
        for channel, step in enumerate(steps):
            one = slice(channel, channel + 1)
            envelope = self._complex_outputs(signal, step, one).abs()
            power.append(mean_power(envelope))
            peak = highest(envelope, frame_length // step)
            if step > 1:
                peak = torch.maximum(peak, self._ends(signal, frame_length, one).abs())
            peaks.append(peak)
        return torch.cat(peaks, -2), torch.cat(power, -1)

    def _ends(self, signal: Tensor, frame_length: int, channels: slice) -> Tensor:
        """Outputs of some channels' complex filters at the last sample of each frame, with gradients."""
        ends = self._complex_outputs(signal, frame_length, channels, ahead=frame_length - 1)
        whole, rest = divmod(signal.shape[-1], frame_length)
        if not rest:
            return ends
        last = self._complex_outputs(signal[..., -self._settle() - 1 :], 1, channels)[..., -1:]
        return torch.cat([ends[..., :whole], last], -1)

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

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        each = isinstance(self.betamul, Tensor)
        width = f"{len(self.fc)} values" if each else f"{self.betamul:.4g}"
        text = (
            f"num_channels={self.num_channels}, fs={self.fs:g} Hz, n={self.n}, "
            f"{self._fc_range}, betamul={width}, learnable={self.learnable}, "
            f"implementation={self.implementation!r}, dtype={self.dtype}"
        )
        return (
            text
            if self.max_pole_magnitude is None
            else f"{text}, max_pole_magnitude={self.max_pole_magnitude:g}"
        )


def default_betamul(n: int) -> float:
    """Pole bandwidth in ERB that makes the equivalent rectangular bandwidth of order n exactly 1 ERB."""
    return math.factorial(n - 1) ** 2 / (math.pi * math.factorial(2 * n - 2) * 2.0 ** (2 - 2 * n))


def _widths(betamul: Numbers, channels: int) -> float | Tensor:
    """Return pole bandwidths in ERB: one number, or one for each channel, float64, without gradient."""
    values = as_tensor(betamul, "betamul", what="bandwidths in ERB", numbers=True).detach().cpu().double()
    wrong = values[~((values > 0.0) & torch.isfinite(values))]
    if len(wrong):
        raise ValueError(
            f"betamul = {float(wrong[0])} is no bandwidth in ERB; give finite numbers > 0, or None"
        )
    if values.ndim == 0:
        return float(values)
    if values.shape != (channels,):
        raise ValueError(
            f"betamul has shape {tuple(values.shape)}, and the bank {channels} channels; give one number, or one a "
            "channel"
        )
    return values


def _power_of_section(poles: Tensor, n: int) -> Tensor:
    """Coefficients of (1 - pole z^-1)^n by increasing delay, shape (F, n + 1): the binomial theorem."""
    return torch.stack([math.comb(n, k) * (-poles) ** k for k in range(n + 1)], dim=-1)
