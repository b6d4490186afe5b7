"""The linear filters of the dual-resonance nonlinear (DRNL) filterbank, its parameters and their checks.
Source: Lopez-Poveda and Meddis (2001), J. Acoust. Soc. Am. 110, 3107-3118; parameters of Paulick et al. (2024).
Not here: what happens between the filters (:mod:`amtlib.filterbanks.drnl`).
"""

import math
import warnings

import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.broken_stick import broken_stick
from amtlib.filterbanks.centres import Centres
from amtlib.filterbanks.drnl_parameters import (
    NAMES,
    DRNLParameters,
    characteristic_frequencies,
    parameters_at,
)
from amtlib.filterbanks.filters import Filterbank
from amtlib.inputs import Numbers, Signal
from amtlib.ranges import Above, Below, Range
from amtlib.scales import audfiltbw

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


class DRNLFilters(Filterbank):
    """
    Parameters and filters of a DRNL filterbank; :class:`DRNLFilterbank` puts the broken stick between them.

    Parameters
    ----------
    fc, fs, n_channels, subject, model, learnable, dtype, parameters
        As for :class:`DRNLFilterbank`.
    """

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
        fc: Centres,
        fs: float,
        n_channels: int = 50,
        subject: str = "NH",
        model: str = "paulick2024",
        learnable: bool = False,
        dtype: torch.dtype = torch.float64,
        *,
        parameters: DRNLParameters | None = None,
    ) -> None:
        super().__init__(fs, dtype)
        if model not in ORDERS:
            raise ValueError(f"model = {model!r} is unknown; give 'paulick2024' or 'jepsen2008'")
        centre = characteristic_frequencies(fc, self.fs, n_channels)
        usual = parameters_at(centre, subject)
        if parameters is not None and not isinstance(parameters, DRNLParameters):
            raise TypeError(f"parameters is a {type(parameters).__name__}; give DRNLParameters, or None")
        self.subject, self.model = subject, model
        self.n_gt_lin, self.n_lp_lin, self.n_gt_nlin, self.n_lp_nlin = ORDERS[model]
        self.learnable = bool(learnable)
        self._place(centre)
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
        >>> from amtlib import DRNLFilterbank
        >>> DRNLFilterbank([1000.0], fs=16000).values().BW_lin
        tensor([193.7671], dtype=torch.float64)
        """
        return DRNLParameters(*(self._now(name).detach().double() for name in NAMES))

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
        turn, found = 2.0 * math.pi / self.fs, []
        for path in ("lin", "nlin"):
            names = (f"CF_{path}", f"BW_{path}_norm", f"LP_{path}_cutoff")
            centre, width, cutoff = (self._now(name).double() for name in names)
            found += [turn * centre, turn * (width * audfiltbw(centre)), turn * cutoff]
        return tuple(found)

    def _evaluate(self, at: int | Tensor) -> lti.Transfers:
        """Transfer functions on an FFT grid or at angular frequencies: shape (F, K) each."""
        dtype = lti.COMPLEX[self.dtype]
        centre, width, cutoff, centre_nlin, width_nlin, cutoff_nlin = self._radians()
        linear = lti.classic_gammatone_response(centre, width, self.n_gt_lin, at, dtype)
        linear = linear * self._now("g").unsqueeze(-1)
        beside = linear * lti.butterworth_response(cutoff, self.n_lp_lin, at, dtype)
        before = lti.classic_gammatone_response(centre_nlin, width_nlin, self.n_gt_nlin, at, dtype)
        after = before * lti.butterworth_response(cutoff_nlin, self.n_lp_nlin, at, dtype)
        return lti.Transfers(before, after, beside)

    @property
    def _coefficients(self) -> tuple[Tensor, ...]:
        return tuple(self._now(name) for name in self._filters_from)

    def _transfers(self, n_fft: int) -> lti.Transfers:
        """Transfer functions on an FFT grid; kept while the filters stay as they are."""
        if self._learns():
            return self._evaluate(n_fft)
        kept = self._kept(("transfers", n_fft), lambda: torch.stack(self._evaluate(n_fft)))
        return lti.Transfers(*kept.unbind(0))

    def _ringing(self) -> int:
        """Count the samples after which every exact filter has died out."""
        _, width, cutoff, _, width_nlin, cutoff_nlin = self._radians()
        linear = [(width, self.n_gt_lin), (lti.butterworth_damping(cutoff), 2 * self.n_lp_lin)]
        nonlinear = [(width_nlin, self.n_gt_nlin), (lti.butterworth_damping(cutoff_nlin), 2 * self.n_lp_nlin)]
        return max(lti.cascade_settling(poles, self.dtype) for poles in (linear, nonlinear))

    def _stick(self, y: Tensor, channels: slice) -> Tensor:
        a, b, c = (self._now(name)[channels].unsqueeze(-1) for name in _STICK)
        return broken_stick(y, a, b, c)

    def _signal(self, x: Signal) -> Tensor:
        x = super()._signal(x)
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
        >>> from amtlib import DRNLFilterbank
        >>> bank = DRNLFilterbank([1000.0], fs=44100)
        >>> response = bank.frequency_response([960.0, 1000.0])
        >>> response.before.abs(), response.beside.abs()
        (tensor([[0.9417, 1.0048]], dtype=torch.float64), tensor([[120.4547,  99.6708]], dtype=torch.float64))
        """
        f = lti.check_frequencies(f, self.fs, self._device)
        self._check()
        return self._evaluate(f * (2.0 * math.pi / self.fs))
