"""Excitation that spreads to neighbouring channels with straight slopes in dB per ERB.
Source: the specification, after Moore and Glasberg (1987), Hear. Res. 28, 209-225.
Not here: the roex filters of the loudness models (:mod:`amtlib.filterbanks.roex`).
"""

import math

import torch
from torch import Tensor

from amtlib.filterbanks.erb_integration import SILENCE_DB, channels_repr, erb_channels
from amtlib.filterbanks.precision import check_values
from amtlib.inputs import Values
from amtlib.modules import RealModule
from amtlib.scales import erbrate2f

_SLOPES = ("upper_slope_base", "lower_slope_base", "upper_slope_per_db", "lower_slope_per_db")
_NEPER = math.log(10.0) / 10.0
_GENTLEST = 10.0
# dB of attenuation that rounding may add: a contribution right at the bound stays
_TIE = 1e-4
# pairs of channels worked on at a time: 8 MB in float32
_PAIRS = 2_000_000


class ExcitationPattern(RealModule):
    """
    Spread the excitation of each channel to all others, and sum the powers.

    Channel i with the level E reaches channel j, d Cam higher, with ``E - d s_u(E)`` dB, or d Cam lower with
    ``E - d s_l(E)`` dB. Both slopes fall as the level rises:
    ``s(E) = max(10, base + per_db (E - 60))`` dB/ERB.

    Parameters
    ----------
    fs, f_min, f_max, erb_step
        The channels, as for :class:`ERBIntegration`, with which they must agree.
    learnable : bool
        Make the four slope numbers parameters.
    dtype : torch.dtype
        torch.float32 or torch.float64, of the result.
    max_attenuation_db : float, optional
        Drop contributions attenuated by more than this many dB, number > 0. The specification's own value is 50,
        which changes a flat pattern by 3e-5 dB and cuts off the far tails. Default: keep all.

    Attributes
    ----------
    fc_erb, erb_centers : Tensor, shape (n_erb_bands,)
        Centre frequencies in Hz and ERB numbers in Cam (buffers).
    n_erb_bands : int
        Number of channels: 150 by default.
    upper_slope_base, lower_slope_base : Tensor, shape ()
        Slopes towards higher and lower frequencies at 60 dB SPL: 27 and 11 dB/ERB.
    upper_slope_per_db, lower_slope_per_db : Tensor, shape ()
        Their change per dB: -0.37 and -0.20 dB/ERB.
    level_ref : Tensor, shape ()
        60 dB SPL (buffer).
    fs, f_min, f_max, erb_step, learnable, dtype, max_attenuation_db
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If `dtype` is no dtype.

    See Also
    --------
    ERBIntegration : makes the levels of the channels.

    Notes
    -----
    Slopes never fall below 10 dB/ERB, whatever the parameters become: a slope at that bound has no gradient.

    The sum is one of powers, ``10 log10 sum 10^(C / 10)``: two equal levels of 60 dB make 63.01 dB. (The
    specification states it and then calls ``logaddexp`` on dB, which would make 60.69.) There is no floor at 0 dB.

    These slopes spread further *down* in frequency, contrary to the upward spread of masking: they are the
    documented ones, not those of a measured ear.

    References
    ----------
    Moore and Glasberg (1987), Hear. Res. 28, 209-225.
    Glasberg and Moore (2002), J. Audio Eng. Soc. 50, 331-342.

    Examples
    --------
    >>> spread = ExcitationPattern()
    >>> levels = torch.full((1, 1, 150), -200.0)
    >>> levels[0, 0, 55] = 70.0
    >>> spread(levels)[0, 0, 53:58]
    tensor([65.0000, 67.5000, 70.0000, 64.1750, 58.3500])
    >>> spread(torch.full((1, 1, 150), 60.0))[0, 0, 75]
    tensor(63.8015)
    >>> sum(p.numel() for p in ExcitationPattern(learnable=True).parameters())
    4
    """

    fc_erb: Tensor
    erb_centers: Tensor
    upper_slope_base: Tensor
    lower_slope_base: Tensor
    upper_slope_per_db: Tensor
    lower_slope_per_db: Tensor
    level_ref: Tensor

    def __init__(
        self,
        fs: float = 32000,
        f_min: float = 50.0,
        f_max: float = 15000.0,
        erb_step: float = 0.25,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
        *,
        max_attenuation_db: float | None = None,
    ) -> None:
        super().__init__(dtype)
        centres = erb_channels(fs, f_min, f_max, erb_step)
        if max_attenuation_db is not None and not max_attenuation_db > 0.0:
            raise ValueError(
                f"max_attenuation_db = {max_attenuation_db}; give a number > 0, such as 50, or None to keep all"
            )
        self.fs, self.f_min, self.f_max, self.erb_step = fs, float(f_min), float(f_max), float(erb_step)
        self.learnable = bool(learnable)
        self.max_attenuation_db = max_attenuation_db
        self.n_erb_bands = len(centres)
        self._table("erb_centers", centres)
        self._table("fc_erb", erbrate2f(centres))
        self._keep("level_ref", torch.tensor(60.0, dtype=torch.float64), False)
        for name, value in zip(_SLOPES, (27.0, 11.0, -0.37, -0.20), strict=True):
            self._keep(name, torch.tensor(value, dtype=torch.float64), self.learnable)

    def _slopes(self, level: Tensor) -> tuple[Tensor, Tensor]:
        above = level - self.level_ref
        upper = (self.upper_slope_base + self.upper_slope_per_db * above).clamp_min(_GENTLEST)
        lower = (self.lower_slope_base + self.lower_slope_per_db * above).clamp_min(_GENTLEST)
        return upper, lower

    def forward(self, excitation: Values) -> Tensor:
        """
        Spread the levels of all channels.

        Parameters
        ----------
        excitation : Tensor or ndarray, shape (..., n_erb_bands)
            Levels in dB SPL, typically (batch, n_frames, n_erb_bands). Levels below -200 dB and -inf, which is
            silence, are taken as -200 dB.

        Returns
        -------
        Tensor, shape (..., n_erb_bands)
            Spread levels in dB SPL: finite, at least those given and at least -200. Differentiable in
            `excitation` above -200 dB and in learnable slopes.

        Raises
        ------
        ValueError
            If `excitation` has another number of channels, or levels that are NaN or +inf; if a learned slope is
            no longer finite.
        TypeError
            If it is neither a tensor nor an array.

        Examples
        --------
        >>> float(ExcitationPattern()(torch.full((150,), -torch.inf)).max()) < -190
        True
        """
        levels = check_values(excitation, "excitation", self.fc_erb, "dB SPL", silent=True)
        if levels.shape[-1] != self.n_erb_bands:
            raise ValueError(
                f"excitation has shape {tuple(levels.shape)}, this module has {self.n_erb_bands} channels; give "
                f"(..., {self.n_erb_bands}), from an ERBIntegration of the same f_min, f_max and erb_step"
            )
        if self.learnable:
            self._check_slopes()
        rows = levels.clamp_min(SILENCE_DB).reshape(-1, self.n_erb_bands)
        distance = self.erb_centers - self.erb_centers.unsqueeze(-1)
        up, down = distance.clamp_min(0.0), (-distance).clamp_min(0.0)
        parts = torch.split(rows, max(1, _PAIRS // self.n_erb_bands**2))
        return torch.cat([self._spread(part, up, down) for part in parts]).reshape(levels.shape)

    def _spread(self, levels: Tensor, up: Tensor, down: Tensor) -> Tensor:
        """Spread a few frames, shape (rows, n); `up` and `down` are distances in Cam, [from, to]."""
        upper, lower = self._slopes(levels)
        loss = upper.unsqueeze(-1) * up + lower.unsqueeze(-1) * down
        reaching = levels.unsqueeze(-1) - loss
        if self.max_attenuation_db is not None:
            reaching = reaching.masked_fill(loss > self.max_attenuation_db + _TIE, -math.inf)
        # the largest term is taken out of each sum, so nothing over- or underflows
        return torch.logsumexp(reaching * _NEPER, dim=-2) / _NEPER

    def _check_slopes(self) -> None:
        for name in _SLOPES:
            value = float(getattr(self, name).detach())
            if not math.isfinite(value):
                raise ValueError(f"{name} has become {value}; lower the learning rate or clip its gradient")

    def get_spreading_slopes(self, level_db: float) -> tuple[float, float]:
        """
        Slopes at a level.

        Parameters
        ----------
        level_db : float
            Level in dB SPL, finite.

        Returns
        -------
        upper_slope, lower_slope : float
            Towards higher and lower frequencies in dB/ERB, at least 10.

        Raises
        ------
        ValueError
            If the level is not finite.

        Examples
        --------
        >>> for level in (40, 60, 80, 100):
        ...     upper, lower = ExcitationPattern().get_spreading_slopes(level)
        ...     print(f"{level} dB: {upper:.1f} and {lower:.1f} dB/ERB")
        40 dB: 34.4 and 15.0 dB/ERB
        60 dB: 27.0 and 11.0 dB/ERB
        80 dB: 19.6 and 10.0 dB/ERB
        100 dB: 12.2 and 10.0 dB/ERB
        """
        if not math.isfinite(level_db):
            raise ValueError(f"level_db = {level_db} dB SPL; give a finite level")
        with torch.no_grad():
            upper, lower = self._slopes(self.level_ref.new_tensor(level_db))
        return float(upper), float(lower)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        text = channels_repr(self)
        return (
            text
            if self.max_attenuation_db is None
            else f"{text}, max_attenuation_db={self.max_attenuation_db}"
        )
