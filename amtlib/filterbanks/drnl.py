"""The dual-resonance nonlinear (DRNL) filterbank: a cochlea that compresses.
Source: Lopez-Poveda and Meddis (2001), J. Acoust. Soc. Am. 110, 3107-3118; parameters of Paulick et al. (2024).
Not here: the outer and middle ear in front of it (:mod:`amtlib.ears`); the truncated form
(:mod:`amtlib.filterbanks.fast_drnl`).
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.broken_stick import broken_stick
from amtlib.filterbanks.drnl_parameters import (
    NAMES,
    DRNLParameters,
    characteristic_frequencies,
    parameters_at,
)
from amtlib.inputs import Numbers, Signal, Values, as_tensor, samples_of
from amtlib.modules import RealModule
from amtlib.ranges import Above, Below, Range
from amtlib.results import summary
from amtlib.scales import audfiltbw

_COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}
_STICK = NAMES[7:]
#: Where a learning bank keeps what is no frequency; frequencies lie below fs / 2
_RANGES = {
    "BW_lin_norm": Above(0.05, 20.0),
    "BW_nlin_norm": Above(0.05, 20.0),
    "g": Above(0.0, 1e12),
    "a": Above(0.0, 1e12),
    "b": Above(1e-12, 1e12),
    "c": Above(0.0, 10.0),
}
# Samples, ringing included, that are filtered in one piece whatever the memory: 8 MB in float64.
_FEW_SAMPLES = 1 << 20

#: Peak velocity of the stapes in m/s for a tone of 120 dB SPL at the most sensitive frequency: 1.58e-3 (m/s)/Pa, the
#: greatest gain of :class:`amtlib.ears.MiddleEarFilter` ('jepsen2008', at 830 Hz; with headphones the same), times
#: 28.3 Pa. The other model, 'lopezpoveda2001', gives 0.013 m/s. Tones of 0 dB SPL: 1e-6 of it.
LOUDEST = 0.045

#: sections: gammatones and low-passes of the linear path, then of the nonlinear path (each side of the stick
#: has as many gammatones)
ORDERS = {"paulick2024": (2, 4, 2, 1), "jepsen2008": (3, 4, 3, 3)}


class UnitWarning(UserWarning):
    """
    A signal is far from anything its unit allows, as pressure in Pa is where a velocity in m/s is asked for.

    Examples
    --------
    >>> issubclass(UnitWarning, UserWarning)
    True
    """


class DRNLOutput(NamedTuple):
    """
    What a DRNL filterbank gives with ``return_paths=True``: basilar-membrane velocities in m/s, (..., F, T).

    Examples
    --------
    >>> bank = DRNLFilterbank([1000.0], fs=16000)
    >>> total, linear, nonlinear = bank(1e-6 * torch.ones(4), return_paths=True)
    >>> torch.equal(total, linear + nonlinear)
    True
    """

    total: Tensor
    linear: Tensor
    nonlinear: Tensor

    def __repr__(self) -> str:
        return summary(self)


class DRNLFilterbank(RealModule):
    """
    Bank of dual-resonance nonlinear filters: stapes velocity in, basilar-membrane velocity out.

    Every channel is the sum of two paths. The linear one is a gain `g`, gammatone filters and low-passes. The
    nonlinear one is gammatone filters, the broken stick ``sign(x) min(a |x|, b |x|^c)``, the same gammatone
    filters again, and low-passes. At low levels the nonlinear path dominates at the centre frequency, at high
    levels the linear path does, and between them the output grows by about 1 dB for 4.

    The input is the velocity of the stapes in m/s, not the pressure in Pa, which is some 60 dB more: speech at 60 dB
    SPL moves the stapes by 1e-5 m/s. :class:`amtlib.MiddleEarFilter` makes it of pressure. Beyond what a sound of
    120 dB SPL does, 0.045 m/s, a bank warns once (:class:`UnitWarning`).

    Parameters
    ----------
    fc : (low, high), or Tensor, shape (F,), or list or array of F numbers
        Characteristic frequencies in Hz, above 0 and below fs / 2. A tuple of two numbers is a range, filled with
        `n_channels` frequencies, equidistant in ERB, ends included; anything else lists the frequencies.
    fs : float
        Sampling rate in Hz, number > 0.
    n_channels : int
        Channels of a range, >= 1; unused with a list.
    subject : {'NH', 'HIx'}
        Normal hearing; or without outer hair cells, which means a = 0. That silences the *whole* nonlinear
        path, so the output is the linear path alone. (The specification says that compression remains.)
    model : {'paulick2024', 'jepsen2008'}
        Number of sections: 2 gammatones everywhere, 4 and 1 low-passes in the linear and nonlinear path; or 3,
        4 and 3. The parameters are the same.
    learnable : bool
        Make the ten parameter vectors parameters; all of them get gradients. They stay in their range however far
        they are stepped: what is stored are logarithms, and of frequencies logits of their share of fs / 2, so that a
        step of 0.01 changes each by about 1 %. An a or g of 0 stays 0.
    dtype : torch.dtype
        torch.float32 or torch.float64, of signals and parameters.
    parameters : DRNLParameters, optional
        Other values than ``parameters_at(fc, subject)``, of F channels.

    Attributes
    ----------
    fc : Tensor, shape (F,)
        Characteristic frequencies in Hz (buffer).
    num_channels : int
        F.
    fs, subject, model, learnable, dtype
        As given.
    n_gt_lin, n_lp_lin, n_gt_nlin, n_lp_nlin : int
        Gammatone and low-pass sections of the paths.
    CF_lin, BW_lin_norm, LP_lin_cutoff, g, CF_nlin, BW_nlin_norm, LP_nlin_cutoff, a, b, c : Tensor, shape (F,)
        See :class:`DRNLParameters`. Buffers; or, if `learnable`, the values of the module's parameters of these
        names, with the gradient with respect to the value as ``grad``. They may be assigned, as in ``bank.a =
        2.0 * bank.a``, and changed in place; optimisers take ``bank.parameters()``, or one of them from
        ``dict(bank.named_parameters())``, which hold what is stored.

    Raises
    ------
    ValueError
        If an argument or a parameter is out of its range: all finite, frequencies between 0 and fs / 2,
        bandwidths and b > 0, g, a and c >= 0.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    parameters_at : the power laws of the parameters.
    FastDRNLFilterbank : fixed filters, learnable stick.
    amtlib.ears.MiddleEarFilter : from pressure to stapes velocity.
    GammatoneFilterbank : a linear cochlea.

    Notes
    -----
    The gammatones are the classic pole-zero filters in cascade. The filters are applied exactly on an FFT grid:
    against the original toolbox the relative rms error is 3e-9 (paulick2024) and 3e-6 (jepsen2008), which is
    the error of that toolbox's own direct-form filters.

    References
    ----------
    Lopez-Poveda and Meddis (2001), J. Acoust. Soc. Am. 110, 3107-3118.
    Jepsen, Ewert and Dau (2008), J. Acoust. Soc. Am. 124, 422-438.
    Paulick et al. (2024), the CASP model revisited.

    Examples
    --------
    >>> bank = DRNLFilterbank((250.0, 8000.0), fs=44100, n_channels=50)
    >>> bank(torch.zeros(2, 4410)).shape
    torch.Size([2, 50, 4410])
    >>> bank.a[10], bank.knee[-1]
    (tensor(4945.8542, dtype=torch.float64), tensor(2.2507e-07, dtype=torch.float64))
    >>> learner = DRNLFilterbank((250.0, 8000.0), fs=44100, learnable=True)
    >>> sum(p.numel() for p in learner.parameters())
    500
    """

    fc: Tensor
    CF_lin: Tensor
    BW_lin_norm: Tensor
    LP_lin_cutoff: Tensor
    g: Tensor
    CF_nlin: Tensor
    BW_nlin_norm: Tensor
    LP_nlin_cutoff: Tensor
    a: Tensor
    b: Tensor
    c: Tensor

    _fixed: tuple[str, ...] = ()
    _filters_from: tuple[str, ...] = NAMES[:7]

    def __init__(
        self,
        fc: Tensor | tuple[float, float] | Sequence[float] | npt.NDArray[np.floating | np.integer],
        fs: float,
        n_channels: int = 50,
        subject: str = "NH",
        model: str = "paulick2024",
        learnable: bool = False,
        dtype: torch.dtype = torch.float64,
        *,
        parameters: DRNLParameters | None = None,
    ) -> None:
        super().__init__(dtype)
        if not math.isfinite(fs) or fs <= 0.0:
            raise ValueError(f"fs = {fs} Hz is no sampling rate; give a finite number > 0, such as 44100")
        if model not in ORDERS:
            raise ValueError(f"model = {model!r} is unknown; give 'paulick2024' or 'jepsen2008'")
        centre = characteristic_frequencies(fc, float(fs), n_channels)
        usual = parameters_at(centre, subject)
        if parameters is not None and not isinstance(parameters, DRNLParameters):
            raise TypeError(f"parameters is a {type(parameters).__name__}; give DRNLParameters, or None")
        self.fs = float(fs)
        self.num_channels = len(centre)
        self.subject, self.model = subject, model
        self.n_gt_lin, self.n_lp_lin, self.n_gt_nlin, self.n_lp_nlin = ORDERS[model]
        self.learnable = bool(learnable)
        self._table("fc", centre)
        values = {}
        for name in NAMES:
            value = getattr(usual if parameters is None else parameters, name).detach()
            if value.shape != centre.shape:
                raise ValueError(
                    f"parameters.{name} has shape {tuple(value.shape)}, fc has {len(centre)} channels; "
                    f"give ({len(centre)},)"
                )
            values[name] = value.to(centre.device)
        self._verify(values)
        for name, value in values.items():
            if name in self._fixed:
                self._table(name, value)
            else:
                self._keep(name, value, self.learnable, within=self._range(name))
        self._filters = lti.ResponseCache()
        self._verdict = lti.ResponseCache()
        self._warned = False

    def _range(self, name: str) -> Range:
        """Where a learned parameter stays."""
        return Below(self.fs / 2.0) if name.startswith(("CF", "LP")) else _RANGES[name]

    @property
    def knee(self) -> Tensor:
        """Velocity in m/s at the stick's input where it breaks, shape (F,); infinite where a is 0."""
        return self.values().knee

    def values(self) -> DRNLParameters:
        """
        Return the ten parameters as they are now, in float64.

        Returns
        -------
        DRNLParameters
            Without gradients; for printing, plotting, or a bank like this one.

        Examples
        --------
        >>> DRNLFilterbank([1000.0], fs=16000).values().BW_lin
        tensor([193.7671], dtype=torch.float64)
        """
        return DRNLParameters(*(self._now(name).detach().double() for name in NAMES))

    def alike(
        self,
        fc: Tensor | Sequence[float],
        parameters: DRNLParameters,
        *,
        learnable: bool = False,
        dtype: torch.dtype = torch.float64,
    ) -> "DRNLFilterbank":
        """
        Return a bank of this kind with other channels.

        Parameters
        ----------
        fc : Tensor, shape (F,), or list of F numbers
            Characteristic frequencies in Hz.
        parameters : DRNLParameters
            Of F channels.
        learnable : bool
            As for the class.
        dtype : torch.dtype
            As for the class.

        Returns
        -------
        DRNLFilterbank
            With the sampling rate, subject and model of this one.

        Examples
        --------
        >>> bank = DRNLFilterbank([500.0, 1000.0], fs=16000)
        >>> bank.alike([2000.0], parameters_at([2000.0])).num_channels
        1
        """
        return type(self)(
            torch.as_tensor(fc),
            self.fs,
            subject=self.subject,
            model=self.model,
            learnable=learnable,
            dtype=dtype,
            parameters=parameters,
            **self._more(),
        )

    def _more(self) -> dict[str, Any]:
        """Return arguments of a subclass."""
        return {}

    def _check(self) -> None:
        """Raise if a parameter has become one that no DRNL can have; remembered by value."""
        values = {name: self._now(name) for name in NAMES}

        def check() -> bool:
            self._verify(values)
            return True

        self._verdict.get("checked", list(values.values()), check)

    def _verify(self, values: dict[str, Tensor]) -> None:
        nyquist = self.fs / 2.0
        for name, given in values.items():
            value = given.detach()
            is_frequency = name.startswith(("CF", "LP"))
            positive = is_frequency or name in ("BW_lin_norm", "BW_nlin_norm", "b")
            good = torch.isfinite(value) & ((value > 0.0) if positive else (value >= 0.0))
            if is_frequency:
                good &= value < nyquist
            if not bool(good.all()):
                channel = int((~good).nonzero()[0])
                span = (
                    f"between 0 and fs / 2 = {nyquist:g} Hz: raise fs, leave the channel out"
                    if is_frequency
                    else f"finite and {'above' if positive else 'at least'} 0: correct it"
                )
                raise ValueError(
                    f"{name} = {float(value[channel]):g} of channel {channel} at {float(self.fc[channel]):g} "
                    f"Hz must be {span}, or clip its gradient if it was learned"
                )

    def _radians(self) -> tuple[Tensor, ...]:
        """Angle and damping of the poles and cut-off frequency of both paths in rad/sample, float64."""
        turn = 2.0 * math.pi / self.fs
        return tuple(
            turn * value
            for centre, width, cutoff in (
                (
                    self._now("CF_lin").double(),
                    self._now("BW_lin_norm").double(),
                    self._now("LP_lin_cutoff").double(),
                ),
                (
                    self._now("CF_nlin").double(),
                    self._now("BW_nlin_norm").double(),
                    self._now("LP_nlin_cutoff").double(),
                ),
            )
            for value in (centre, width * audfiltbw(centre), cutoff)
        )

    def _evaluate(self, at: int | Tensor) -> lti.Transfers:
        """Transfer functions on an FFT grid or at angular frequencies: shape (F, K) each."""
        dtype = _COMPLEX[self.dtype]
        centre, width, cutoff, centre_nlin, width_nlin, cutoff_nlin = self._radians()
        linear = lti.classic_gammatone_response(centre, width, self.n_gt_lin, at, dtype)
        linear = linear * self._now("g").unsqueeze(-1)
        beside = linear * lti.butterworth_response(cutoff, self.n_lp_lin, at, dtype)
        before = lti.classic_gammatone_response(centre_nlin, width_nlin, self.n_gt_nlin, at, dtype)
        after = before * lti.butterworth_response(cutoff_nlin, self.n_lp_nlin, at, dtype)
        return lti.Transfers(before, after, beside)

    def _filters_learn(self) -> bool:
        return torch.is_grad_enabled() and any(self._now(name).requires_grad for name in self._filters_from)

    def _transfers(self, n_fft: int) -> lti.Transfers:
        """Transfer functions on an FFT grid; kept while the filters stay as they are."""
        if self._filters_learn():
            return self._evaluate(n_fft)
        key = ("transfers", n_fft, self.dtype)
        parameters = [self._now(name) for name in self._filters_from]
        return lti.Transfers(
            *self._filters.get(key, parameters, lambda: torch.stack(self._evaluate(n_fft))).unbind(0)
        )

    def _ringing(self) -> int:
        """Count the samples after which every exact filter has died out."""
        _, width, cutoff, _, width_nlin, cutoff_nlin = self._radians()
        linear = [(width, self.n_gt_lin), (lti.butterworth_damping(cutoff), 2 * self.n_lp_lin)]
        nonlinear = [(width_nlin, self.n_gt_nlin), (lti.butterworth_damping(cutoff_nlin), 2 * self.n_lp_nlin)]
        return max(lti.cascade_settling(poles, self.dtype) for poles in (linear, nonlinear))

    def _settle(self) -> int:
        parameters = [self._now(name) for name in self._filters_from]
        return self._filters.get(("settle", self.dtype), parameters, self._ringing)

    def _stick(self, y: Tensor, channels: slice) -> Tensor:
        a, b, c = (self._now(name)[channels].unsqueeze(-1) for name in _STICK)
        return broken_stick(y, a, b, c)

    def _signals(self, x: Signal) -> Tensor:
        x = samples_of(x, "x", self.fc.device, self.fs)
        if x.ndim not in (1, 2):
            raise ValueError(f"x has shape {tuple(x.shape)}; give (T,) or (batch, T)")
        return self._signal(x)

    def _signal(self, x: Tensor) -> Tensor:
        x = lti.check_signal(x, self.dtype, self.fc.device)
        peak, limit = float(x.detach().abs().max()), math.sqrt(torch.finfo(self.dtype).max)
        if peak > limit:
            raise ValueError(
                f"x peaks at {peak:.3g} m/s, which overflows {self.dtype} on the way; give at most {limit:.1g} "
                "m/s (speech moves the stapes by 1e-5 m/s)"
            )
        if peak > LOUDEST and not self._warned:
            self._warned = True
            warnings.warn(
                f"x peaks at {peak:.3g} m/s, but a sound of 120 dB SPL moves the stapes by {LOUDEST:g} m/s at most; "
                "if x is pressure in Pa, some 60 dB more than the velocity, pass it through "
                "amtlib.MiddleEarFilter first",
                UnitWarning,
                stacklevel=3,
            )
        return x

    def _has_nonlinear_path(self) -> bool:
        a = self._now("a")
        return bool((a.detach() > 0.0).any()) or (torch.is_grad_enabled() and a.requires_grad)

    def forward(
        self, x: Signal, *, return_paths: bool = False, block: int | None = None
    ) -> Tensor | DRNLOutput:
        """
        Filter a signal through all channels, from rest.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (T,) or (B, T)
            Stapes velocity in m/s (of pressure: :class:`amtlib.MiddleEarFilter`), real; converted to `dtype`. A sound
            must have the sampling rate `fs`.
        return_paths : bool
            Return both paths besides their sum.
        block : int, optional
            Samples filtered at a time, >= 1. Changes memory and speed only. Default: chosen so that the work
            memory stays below 256 MB where no gradients are kept.

        Returns
        -------
        Tensor, shape (F, T) or (B, F, T), or DRNLOutput of three of them
            Basilar-membrane velocity in m/s. Differentiable in `x` and in learnable parameters.

        Raises
        ------
        ValueError
            If `x` has another shape, is empty, complex or on another device, has non-finite samples or such that
            overflow; if `block` is below 1; if a parameter has left its range.
        TypeError
            If `x` is neither a tensor nor an array.

        Examples
        --------
        A hundred times the sound gives a hundred times the linear path, and less of the nonlinear one:

        >>> bank = DRNLFilterbank([1000.0], fs=16000)
        >>> tone = torch.sin(2 * torch.pi * 1000 / 16000 * torch.arange(3200.0))
        >>> soft, loud = (bank(v * tone, return_paths=True) for v in (1e-7, 1e-5))
        >>> loud.linear.abs().max() / soft.linear.abs().max()
        tensor(100.0000, dtype=torch.float64)
        >>> loud.nonlinear.abs().max() / soft.nonlinear.abs().max()
        tensor(13.3968, dtype=torch.float64)
        """
        signal = self._signals(x)
        self._check()
        rows = signal.reshape(-1, signal.shape[-1])
        if self._has_nonlinear_path():
            through, linear = lti.filter_around(
                rows, self._transfers, self._stick, self._settle(), summed=not return_paths, block=block
            )
        else:
            linear = lti.filter_fft(
                rows, lambda n_fft: self._transfers(n_fft).beside, self._settle(), block=block
            )
            through = torch.zeros_like(linear) if return_paths else linear
        if signal.ndim == 1:
            through, linear = through.squeeze(0), linear.squeeze(0)
        if return_paths:
            return DRNLOutput(linear + through, linear, through)
        return through

    def linear_parts(self, x: Signal) -> tuple[Tensor, Tensor]:
        """
        Filter a signal up to the stick, and through the linear path: the first of the parts of :meth:`forward`.

        With ``u, linear = linear_parts(x)``, ``forward(x)`` is ``after(stick(u)) + linear``. All but the stick is
        linear, so that a sweep of levels, or of two tones at many levels each, filters each tone once here, then
        scales and adds what this returns.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (T,) or (B, T)
            Stapes velocity in m/s, real; converted to `dtype`. A sound must have the sampling rate `fs`.

        Returns
        -------
        u, linear : Tensor, shape (F, T) or (B, F, T)
            Velocities in m/s. Differentiable in `x` and in learnable parameters.

        Raises
        ------
        ValueError, TypeError
            As :meth:`forward`.

        See Also
        --------
        stick, after : the other parts.

        Examples
        --------
        >>> bank, x = DRNLFilterbank([500.0, 1000.0], fs=16000), 1e-6 * torch.randn(1000)
        >>> u, linear = bank.linear_parts(x)
        >>> torch.allclose(bank.after(bank.stick(8 * u)) + 8 * linear, bank(8 * x), rtol=0, atol=1e-12)
        True
        """
        signal = self._signals(x)
        self._check()

        def response(n_fft: int) -> Tensor:
            before, _, beside = self._transfers(n_fft)
            return torch.cat([before, beside])

        # In float64 as in `forward`: a weak channel beside a strong tone keeps its own accuracy.
        y = lti.filter_fft(signal.double(), response, self._settle(), block=self._block(signal))
        u, linear = y.to(self.dtype).tensor_split(2, dim=-2)
        return u, linear

    def _block(self, y: Tensor) -> int | None:
        """Let short signals run in one piece, without asking for the best one."""
        few = y[..., 0].numel() * (y.shape[-1] + self._settle()) < _FEW_SAMPLES
        return y.shape[-1] if few else None

    def stick(self, u: Values) -> Tensor:
        """
        Apply each channel's broken stick ``sign(u) min(a |u|, b |u|^c)``.

        Parameters
        ----------
        u : Tensor or ndarray, shape (..., F, T)
            Velocity in m/s, as :meth:`linear_parts` returns it, perhaps scaled or added up.

        Returns
        -------
        Tensor, shape (..., F, T)
            Velocity in m/s. Differentiable in `u` and in learnable parameters.

        Raises
        ------
        ValueError
            If `u` has another number of channels; if a parameter has left its range.

        Examples
        --------
        >>> DRNLFilterbank([1000.0], fs=16000).stick(torch.tensor([[1e-9, 1e-5, 1e-3]]).double())
        tensor([[7.2520e-06, 8.1867e-03, 2.5889e-02]], dtype=torch.float64)
        """
        u = self._channels(u)
        self._check()
        return self._stick(u, slice(0, self.num_channels))

    def after(self, v: Values) -> Tensor:
        """
        Filter what comes out of the stick, each channel through its own gammatones and low-passes.

        Parameters
        ----------
        v : Tensor or ndarray, shape (..., F, T)
            Velocity in m/s, as :meth:`stick` returns it.

        Returns
        -------
        Tensor, shape (..., F, T)
            The nonlinear path's part of the basilar membrane's velocity, m/s. Differentiable in `v` and in
            learnable parameters.

        Raises
        ------
        ValueError
            If `v` has another number of channels; if a parameter has left its range.

        Examples
        --------
        >>> bank = DRNLFilterbank([500.0, 1000.0], fs=16000)
        >>> bank.after(torch.zeros(3, 2, 100)).shape
        torch.Size([3, 2, 100])
        """
        v = self._channels(v)
        self._check()
        return lti.filter_fft(
            v, lambda n: self._transfers(n).after, self._settle(), per_channel=True, block=self._block(v)
        )

    def _channels(self, y: Values) -> Tensor:
        y = as_tensor(y, "the input", self.fc.device, "channels, time last")
        if y.ndim < 2 or y.shape[-2] != self.num_channels or not y.shape[-1]:
            raise ValueError(
                f"the channels have shape {tuple(y.shape)}; give (..., {self.num_channels}, T), T >= 1"
            )
        return y.to(self.dtype)

    def frequency_response(self, f: Numbers) -> lti.Transfers:
        """
        Transfer functions of the filters at given frequencies.

        Parameters
        ----------
        f : Tensor or ndarray, shape (K,), or list of K numbers
            Frequencies in Hz, finite, from 0 to fs / 2.

        Returns
        -------
        Transfers
            Complex tensors of shape (F, K): ``before`` the stick (the gammatones), ``after`` it (the gammatones
            and low-passes), and ``beside`` it (the linear path with its gain). Differentiable in learnable
            parameters.

        Raises
        ------
        ValueError
            If `f` is not one-dimensional or out of range; if a parameter has left its range.

        Examples
        --------
        >>> bank = DRNLFilterbank([1000.0], fs=44100)
        >>> response = bank.frequency_response([960.0, 1000.0])
        >>> response.before.abs(), response.beside.abs()
        (tensor([[0.9417, 1.0048]], dtype=torch.float64), tensor([[120.4547,  99.6708]], dtype=torch.float64))
        """
        f = lti.check_frequencies(f, self.fs, self.fc.device)
        self._check()
        return self._evaluate(f * (2.0 * math.pi / self.fs))

    def stream(self, batch_shape: Sequence[int] = ()) -> "DRNLStream":
        """
        Filter a signal that arrives in chunks of any length.

        Parameters
        ----------
        batch_shape : sequence of int
            Leading shape of the chunks: () for (T,), (B,) for (B, T).

        Returns
        -------
        DRNLStream
            ``process(chunk)`` returns the channels of the next samples; ``reset()`` starts anew.

        Examples
        --------
        >>> live = DRNLFilterbank((250.0, 4000.0), fs=16000, n_channels=4).stream()
        >>> live.process(torch.zeros(256)).shape
        torch.Size([4, 256])
        """
        return DRNLStream(self, tuple(batch_shape))

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        low, high = (float(f) for f in self._built["fc"].aminmax())
        return (
            f"num_channels={self.num_channels}, fs={self.fs:g} Hz, fc_range=({low:.1f}, {high:.1f}) Hz, "
            f"subject={self.subject!r}, model={self.model!r}, learnable={self.learnable}, dtype={self.dtype}"
        )


class DRNLStream:
    """
    A DRNL filterbank that remembers: it takes a signal chunk by chunk, and every chunk comes out at once.

    The concatenated outputs equal those of the whole signal to rounding. Runs without gradients; after a change
    of the parameters make a new stream. Made by :meth:`DRNLFilterbank.stream`.

    Examples
    --------
    >>> bank, x = DRNLFilterbank([500.0, 1000.0], fs=16000), 1e-6 * torch.randn(1000)
    >>> live = bank.stream()
    >>> pieces = [live.process(chunk) for chunk in x.split([100, 0, 900])]
    >>> torch.allclose(torch.cat(pieces, -1), bank(x), rtol=0, atol=1e-15)
    True
    """

    def __init__(self, bank: DRNLFilterbank, batch_shape: tuple[int, ...]) -> None:
        bank._check()
        self._bank, self._batch = bank, batch_shape
        settle, transfers = bank._settle(), bank._transfers
        self._beside = lti.Stream(lambda n_fft: transfers(n_fft).beside, settle)
        self._before = lti.Stream(lambda n_fft: transfers(n_fft).before, settle)
        self._after = lti.Stream(lambda n_fft: transfers(n_fft).after, settle, per_channel=True)

    def reset(self) -> None:
        """Forget everything: the next chunk starts a new signal."""
        for part in (self._beside, self._before, self._after):
            part.reset()

    @torch.no_grad()
    def process(self, chunk: Signal) -> Tensor:
        """
        Filter the next samples.

        Parameters
        ----------
        chunk : Tensor or ndarray, shape (T,) or (B, T) as the stream was made for
            The next T >= 0 samples, stapes velocity in m/s.

        Returns
        -------
        Tensor, shape (F, T) or (B, F, T)
            As many samples of basilar-membrane velocity.

        Raises
        ------
        ValueError
            If the chunk has another leading shape, or samples that the filterbank refuses.
        TypeError
            If the chunk is neither a tensor nor an array.
        """
        chunk = samples_of(chunk, "the chunk", self._bank.fc.device, self._bank.fs)
        if chunk.shape[:-1] != self._batch or chunk.ndim == 0:
            takes = ", ".join([*map(str, self._batch), "T"])
            raise ValueError(f"the chunk has shape {tuple(chunk.shape)}; this stream takes ({takes})")
        bank = self._bank
        x = bank._signal(chunk) if chunk.numel() else chunk.to(bank.fc)
        linear = self._beside.process(x)
        if not bank._has_nonlinear_path():
            return linear
        moved = bank._stick(self._before.process(x), slice(0, bank.num_channels))
        return linear + self._after.process(moved)
