"""The excitation pattern of Moore et al. (2016): rounded-exponential filters whose lower skirt depends on level.
Source: Moore, Glasberg, Varathanathan and Schlittenlacher (2016), Trends in Hearing 20; AMT ``moore2016``.
Not here: the spectrum that goes in, and the pattern of Glasberg and Moore (2002).
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from amtlib.filterbanks.roex_sums import (
    Filters,
    Parameters,
    Tables,
    build_tables,
    slope,
    sum_freely,
    sum_on_grid,
)
from amtlib.inputs import Numbers, Values, as_tensor
from amtlib.modules import RealModule
from amtlib.scales import erbrate2f

_EPSILON = 1e-12  # power, -120 dB: what silence comes to
_LEAST_LEVEL = -50.0
_BELOW_LEAST = 10.0 ** (_LEAST_LEVEL / 10.0) * (1.0 - 1e-7)
_LEAST_FREQUENCY = 1e-6
_GREATEST_LEVEL = 200.0
_AT_ONCE = 1 << 22  # components looked at together; bounds the memory
_WORTH_A_GRID = 1024  # components; below, looking for a grid takes longer than doing without
_GRID_POINTS = 4096
# What the three parameters are held to, whatever they have learned.
_FACTOR_RANGE, _REFERENCE_RANGE, _SLOPE_RANGE = (0.0, 1.0), (30.0, 70.0), (0.01, 1.0)


class Moore2016ExcitationPattern(RealModule):
    """
    Excitation pattern of a sparse spectrum: the power that passes each of a row of rounded-exponential filters.

    The filter centred on `fc` weights a component at f by ``(1 + p |g|) exp(-p |g|)`` with ``g = (f - fc) / fc``.
    Above the centre p is ``4 fc / ERB(fc)``. Below it, p also depends on X, the level per ERB around the
    component: ``p (1 - level_dep_factor / p1000 (X - reference_level))``. Loud sounds spread further, and
    upwards: the upward spread of masking.

    Parameters
    ----------
    erb_lower, erb_upper : float
        ERB numbers between which channels lie, in Cam; 0 < erb_lower < erb_upper. The scale is that of
        :func:`amtlib.erbrate2f`.
    erb_step : float
        Distance of channels in Cam, number > 0. There are ``ceil((erb_upper - erb_lower) / erb_step) + 1``, so
        that the last may lie up to a step above erb_upper.
    spreading_limit_octaves : float or None
        Leave out components further than this from the channel, in octaves, number > 0. None does as the
        published model does: it leaves out components above 5 fc and none below. At 4 octaves loud bass
        loses what it spreads furthest: a tone of 100 Hz and 100 dB SPL gives 54 dB at 1.64 kHz by the published
        limit, nothing by this.
    learnable : bool
        Make `level_dep_factor`, `reference_level` and `min_p_lower` parameters.
    dtype : torch.dtype
        torch.float32 or torch.float64: of the computation and of the result. (The specification returns the
        dtype of the frequencies.)
    centred_on : {'channel', 'component'}
        'component' is the formula that the specification gives for `forward`: filters centred on the
        components, p at the component, ``g = (fc - f) / f``, X the component's own level. It spreads downwards.

    Attributes
    ----------
    n_channels : int
        C.
    erb_channels, fc_channels, p_channels : Tensor, shape (C,)
        ERB numbers in Cam, centre frequencies in Hz, and p of the upper skirt (buffers).
    p1000 : float
        p at 1 kHz, 30.2.
    level_dep_factor : Tensor, shape ()
        Change of p with level, 0.35 per dB at 1 kHz. Used within [0, 1].
    reference_level : Tensor, shape ()
        Level X at which both skirts are alike, 51 dB. Used within [30, 70].
    min_p_lower : Tensor, shape ()
        Least p of the level-dependent skirt, 0.1. Used within [0.01, 1].
    spreading_limit_octaves, learnable, dtype, centred_on
        As given.

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    TypeError
        If a parameter has the wrong type.

    See Also
    --------
    amtlib.erbrate2f : the scale of the channels.

    Notes
    -----
    Each component's X is the power of all components weighted by the filters centred on *them*, at its
    frequency, as in the reference. Within float64 the result equals the reference to 1e-12 dB (with
    ``spreading_limit_octaves=None``), but for the 1e-12 that is added to the power. In float32 it is within
    1e-4 dB of that in all channels, however far below the peak (measured: 3e-5 dB).

    Where the class notes and the `forward` of the specification disagree, the notes are right: its `forward`
    spreads the wrong way round.

    References
    ----------
    Moore, Glasberg, Varathanathan and Schlittenlacher (2016), Trends in Hearing 20, 1-16.
    Moore, Glasberg and Baer (1997), J. Audio Eng. Soc. 45, 224-240 (0.35 per dB; 0.38 in 1990).
    Glasberg and Moore (1990), Hear. Res. 47, 103-138.

    Examples
    --------
    >>> pattern = Moore2016ExcitationPattern()
    >>> freqs = torch.tensor([[500.0, 1000.0, 2000.0]])
    >>> levels = torch.tensor([[60.0, 65.0, 55.0]])
    >>> excitation = pattern(freqs, levels)
    >>> excitation.shape, round(float(excitation.max()), 2)
    (torch.Size([1, 150]), 64.75)
    >>> Moore2016ExcitationPattern(6.0, 30.0, 0.5).n_channels
    49
    """

    erb_channels: Tensor
    fc_channels: Tensor
    p_channels: Tensor
    level_dep_factor: Tensor
    reference_level: Tensor
    min_p_lower: Tensor

    def __init__(
        self,
        erb_lower: float = 1.75,
        erb_upper: float = 39.0,
        erb_step: float = 0.25,
        spreading_limit_octaves: float | None = 4.0,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
        *,
        centred_on: str = "channel",
    ) -> None:
        super().__init__(dtype)
        if not (math.isfinite(erb_lower) and math.isfinite(erb_upper) and 0.0 < erb_lower < erb_upper):
            raise ValueError(
                f"erb_lower = {erb_lower} and erb_upper = {erb_upper} span no channels; "
                "give 0 < erb_lower < erb_upper in Cam, such as 1.75 and 39"
            )
        if erb_upper > 50.0:
            raise ValueError(
                f"erb_upper = {erb_upper} Cam is {float(erbrate2f(erb_upper)):.3g} Hz; give at most 50"
            )
        if not (math.isfinite(erb_step) and erb_step > 0.0):
            raise ValueError(f"erb_step = {erb_step} is no distance in Cam; give a finite number > 0")
        steps = (erb_upper - erb_lower) / erb_step
        if steps > 10_000:
            raise ValueError(f"erb_step = {erb_step} makes {steps:.3g} channels; give a larger one")
        limit = spreading_limit_octaves
        if limit is not None and not limit > 0.0:
            raise ValueError(
                f"spreading_limit_octaves = {limit} leaves nothing; give a number > 0, or None for the "
                "published limit"
            )
        if centred_on not in ("channel", "component"):
            raise ValueError(f"centred_on = {centred_on!r} is unknown; give 'channel' or 'component'")
        self.erb_lower, self.erb_upper, self.erb_step = float(erb_lower), float(erb_upper), float(erb_step)
        self.spreading_limit_octaves = None if limit is None else float(limit)
        self.learnable = bool(learnable)
        self.centred_on = centred_on
        # Steps a rounding error above a whole number are that number.
        self.n_channels = math.ceil(steps - 1e-9) + 1
        erb = erb_lower + erb_step * torch.arange(self.n_channels, dtype=torch.float64)
        fc = erbrate2f(erb)
        self._table("erb_channels", erb)
        self._table("fc_channels", fc)
        self._table("p_channels", slope(fc))
        self.p1000 = float(slope(torch.tensor(1000.0, dtype=torch.float64)))
        for name, value in (("level_dep_factor", 0.35), ("reference_level", 51.0), ("min_p_lower", 0.1)):
            self._keep(name, torch.tensor(value, dtype=torch.float64), learns=self.learnable)

    def extra_repr(self) -> str:
        """Say which channels these are."""
        low, high = (float(f) for f in self._built["fc_channels"].aminmax())
        return (
            f"{self.n_channels} channels, {low:.4g} to {high:.5g} Hz, "
            f"spreading_limit_octaves={self.spreading_limit_octaves}, centred_on={self.centred_on!r}, "
            f"learnable={self.learnable}, dtype={self.dtype}"
        )

    @property
    def _filters(self) -> Filters:
        return Filters(
            self.fc_channels, self.p_channels, self.spreading_limit_octaves, self.centred_on == "component"
        )

    def _skirt(self) -> Parameters:
        for name in ("level_dep_factor", "reference_level", "min_p_lower"):
            if not math.isfinite(value := float(getattr(self, name).detach())):
                raise ValueError(f"{name} has become {value}; lower the learning rate, or set it anew")
        return Parameters(
            self.level_dep_factor.clamp(*_FACTOR_RANGE) / self.p1000,
            self.reference_level.clamp(*_REFERENCE_RANGE),
            self.min_p_lower.clamp(*_SLOPE_RANGE),
        )

    def _tables(self, freqs: Tensor) -> Tables:
        filters = torch.stack((self.fc_channels.detach(), self.p_channels.detach()))
        return _tables_of(
            _bytes_of(freqs),
            _bytes_of(filters),
            self.spreading_limit_octaves,
            self.centred_on == "component",
            self.dtype,
            freqs.device,
        )

    def _checked(self, x: Numbers, name: str) -> Tensor:
        single = isinstance(x, float | int | np.number)
        x = as_tensor(x, name, self.fc_channels.device, "values, components last", numbers=single)
        if x.is_complex() or x.dtype == torch.bool:
            raise ValueError(f"{name} has dtype {x.dtype}; give real numbers")
        if x.device != self.fc_channels.device:
            raise ValueError(
                f"{name} is on {x.device}, the filters are on {self.fc_channels.device}; "
                "move one of them with .to(...)"
            )
        x = x.reshape(1) if single else x
        if x.ndim == 0:
            raise ValueError(f"{name} is a single number; give shape (..., components)")
        return x.to(self.dtype)

    def forward(self, freqs: Values | float, levels: Values | float) -> Tensor:
        """
        Excitation pattern of components that each row has at its own frequencies.

        Parameters
        ----------
        freqs : Tensor or ndarray, shape (..., K), or float
            Frequencies in Hz, >= 0, finite; a number is one component. Below 1e-6 there is none (padding).
        levels : Tensor or ndarray, shape (..., K), or float
            Levels in dB SPL, finite, at most 200. Components below -50 dB are left out.

        Returns
        -------
        Tensor, shape (..., C)
            Excitation in dB, of dtype `dtype`: ``10 log10(power + 1e-12)``, so that channels nothing reaches,
            and spectra without any component (K = 0 too), give -120 dB. Differentiable in `levels`, in
            `freqs` and in the learnable parameters.

        Raises
        ------
        ValueError
            If shapes differ, or numbers are not finite or out of range; if a parameter has become non-finite.
        TypeError
            If an argument is neither a tensor nor an array.

        See Also
        --------
        forward_grid : the faster way where all rows share their frequencies.

        Notes
        -----
        Rows whose frequencies lie on a common grid (the bins of one Fourier transform), as those of
        :class:`Moore2016Spectrum` do, are recognised and take the way of `forward_grid`, unless `freqs`
        wants gradients.

        Examples
        --------
        Three tones and one, in dB SPL; the pattern of the second leans upwards:

        >>> pattern = Moore2016ExcitationPattern()
        >>> freqs = torch.tensor([[500.0, 1000.0, 2000.0], [1000.0, 0.0, 0.0]])
        >>> levels = torch.tensor([[60.0, 65.0, 55.0], [80.0, 0.0, 0.0]])
        >>> excitation = pattern(freqs, levels)
        >>> below, above = (pattern.fc_channels - torch.tensor([[500.0], [2000.0]])).abs().argmin(-1)
        >>> excitation[1, [below, above]]
        tensor([-16.24...,  43.48...])
        """
        freqs, levels = self._checked(freqs, "freqs"), self._checked(levels, "levels")
        if freqs.shape != levels.shape:
            raise ValueError(
                f"freqs has shape {tuple(freqs.shape)} and levels {tuple(levels.shape)}; "
                "give one level to each frequency"
            )
        shape = (*freqs.shape[:-1], self.n_channels)
        if freqs.numel() == 0:
            return 10.0 * torch.log10(freqs.new_full(shape, _EPSILON))
        _check_range(freqs, "freqs", 0.0, math.inf, "Hz, 0 for padding")
        _check_range(levels, "levels", -math.inf, _GREATEST_LEVEL, "dB SPL")
        freqs, levels = freqs.reshape(-1, freqs.shape[-1]), levels.reshape(-1, freqs.shape[-1])
        p, rows = self._skirt(), max(1, _AT_ONCE // freqs.shape[-1])
        parts = [
            self._sum(freqs[at : at + rows], levels[at : at + rows], p) for at in range(0, len(freqs), rows)
        ]
        power = torch.cat(parts) if len(parts) > 1 else parts[0]
        return 10.0 * torch.log10(power + _EPSILON).reshape(shape)

    def _sum(self, freqs: Tensor, levels: Tensor, p: Parameters) -> Tensor:
        present = (freqs >= _LEAST_FREQUENCY) & (levels >= _LEAST_LEVEL)
        power = torch.where(present, 10.0 ** (levels / 10.0), 0.0)
        if not bool(present.any()):
            return power.sum(-1, keepdim=True).expand(-1, self.n_channels)
        if not freqs.requires_grad and freqs.numel() >= _WORTH_A_GRID:
            on_grid = _aligned(freqs, power, present)
            if on_grid is None and self.centred_on == "channel":
                on_grid = _multiples(freqs, power, present)
            if on_grid is not None:
                grid, power = on_grid
                return sum_on_grid(power, p, self._tables(grid))
        freqs = torch.where(present, freqs, 1000.0)  # any frequency does where no power is
        return sum_freely(freqs, power, p, self._filters)

    def forward_grid(self, freqs: Values, power: Values) -> Tensor:
        """
        Excitation pattern of spectra on one grid of frequencies.

        Parameters
        ----------
        freqs : Tensor or ndarray, shape (K,)
            Frequencies of all spectra in Hz, > 0, increasing, finite. K x K numbers are kept until the next
            call with another grid.
        power : Tensor or ndarray, shape (..., K)
            Power ``10^(level / 10)`` with levels in dB SPL, from 0 (no component) to 1e20. Below 1e-5
            (-50 dB) components are left out.

        Returns
        -------
        Tensor, shape (..., C)
            Excitation in dB, of dtype `dtype`, as `forward` gives it. Differentiable in `power` and in the
            learnable parameters; the memory of the backward pass is that of the forward one. Gradients by
            components that are left out are 0.

        Raises
        ------
        ValueError
            If shapes do not match, or numbers are not finite or out of range; if a parameter has become
            non-finite.
        TypeError
            If an argument is neither a tensor nor an array.

        Examples
        --------
        >>> pattern = Moore2016ExcitationPattern()
        >>> bins = 15.625 * torch.arange(2, 960)
        >>> pattern.forward_grid(bins, torch.full((2, 936, 958), 1e3)).shape
        torch.Size([2, 936, 150])
        """
        freqs, power = self._checked(freqs, "freqs"), self._checked(power, "power")
        if freqs.ndim != 1 or power.shape[-1] != len(freqs):
            raise ValueError(
                f"freqs has shape {tuple(freqs.shape)} and power {tuple(power.shape)}; "
                "give (K,) and (..., K), the same K"
            )
        shape = (*power.shape[:-1], self.n_channels)
        if power.numel() == 0:
            return 10.0 * torch.log10(power.new_full(shape, _EPSILON))
        _check_range(freqs, "freqs", _LEAST_FREQUENCY, math.inf, "Hz")
        if bool((freqs.diff() <= 0.0).any()):
            raise ValueError("freqs must increase: sort them, and add the powers of equal ones")
        _check_range(power, "power", 0.0, 10.0 ** (_GREATEST_LEVEL / 10.0), "(20 uPa)^2, 10^(level / 10)")
        power = torch.nn.functional.threshold(power, _BELOW_LEAST, 0.0).reshape(-1, len(freqs))
        excitation = sum_on_grid(power, self._skirt(), self._tables(freqs))
        return 10.0 * torch.log10(excitation + _EPSILON).reshape(shape)


def _check_range(x: Tensor, name: str, least: float, greatest: float, unit: str) -> None:
    low, high = (float(v) for v in torch.aminmax(x.detach()))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{name} has non-finite numbers; replace them, or leave those components out")
    if low < least or high > greatest:
        wrong = low if low < least else high
        raise ValueError(f"{name} has {wrong:.6g}; give numbers from {least:g} to {greatest:g} {unit}")


def _aligned(freqs: Tensor, power: Tensor, present: Tensor) -> tuple[Tensor, Tensor] | None:
    """Frequencies (K',) and powers (N, K') where each column has one frequency in all rows that have it."""
    columns = torch.where(present, freqs, 0.0).amax(0)
    used = columns > 0.0
    grid = columns[used]
    if bool((grid.diff() <= 0.0).any()) or not bool(((freqs == columns) | ~present).all()):
        return None
    return grid, power if len(grid) == len(columns) else power[:, used]


def _multiples(freqs: Tensor, power: Tensor, present: Tensor) -> tuple[Tensor, Tensor] | None:
    """Frequencies (K',) and powers (N, K') where all frequencies are multiples of the least distance of two."""
    gaps = freqs.diff(dim=-1)
    if not gaps.numel():  # one component each: no distance
        return None
    step = float(torch.where((gaps > 0.0) & present[:, 1:] & present[:, :-1], gaps, math.inf).amin())
    if not math.isfinite(step) or float(freqs.amax()) > step * _GRID_POINTS:
        return None
    number = torch.where(present, (freqs / step).round(), 0.0)
    off = torch.where(present, freqs - number * step, 0.0).abs()
    if bool((off > 4.0 * torch.finfo(freqs.dtype).eps * freqs).any()):
        return None
    at = number.long()
    used = at.new_zeros(int(at.amax()) + 1, dtype=torch.bool)
    used[at.flatten()] = True
    used[0] = False
    place = (torch.cumsum(used, 0) - 1).clamp_min_(0)  # what is not there adds its zero to the first
    points = used.nonzero().squeeze(-1)
    merged = power.new_zeros(len(power), len(points)).scatter_add(1, place[at], power)
    return points.to(freqs.dtype) * step, merged


def _bytes_of(x: Tensor) -> bytes:
    return x.detach().cpu().double().contiguous().numpy().tobytes()


@lru_cache(maxsize=8)
def _tables_of(
    freqs: bytes,
    filters: bytes,
    limit_octaves: float | None,
    on_component: bool,
    dtype: torch.dtype,
    device: torch.device,
) -> Tables:
    """Return the tables of a grid; all modules of a process share them, for they hold nothing that learns."""
    # Tables outlive the call, so they must not be inference tensors, which autograd refuses later.
    with torch.inference_mode(False), torch.no_grad():
        grid, (centres, slopes) = (
            torch.frombuffer(bytearray(values), dtype=torch.float64).to(device).reshape(shape)
            for values, shape in ((freqs, (-1,)), (filters, (2, -1)))
        )
        return build_tables(Filters(centres, slopes, limit_octaves, on_component), grid, dtype)
