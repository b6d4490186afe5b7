"""Compression sample by sample, from a knee upwards or everywhere.
Source: the Auditory Modeling Toolbox, king2019 (version 1.6), after King, Varnet and Lorenzi (2019).
Not here: the broken stick itself (:mod:`amtlib.filterbanks.broken_stick`), which the DRNL has, too.
"""

import math

import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.broken_stick import broken_stick
from amtlib.inputs import Numbers, Signal, as_tensor
from amtlib.modules import RealModule
from amtlib.ranges import Above

#: Weaker samples count as silence where a power has no finite slope
_LEAST = {torch.float32: 1e-30, torch.float64: 1e-200}


class _Compression(RealModule):
    """A knee in dB, and an exponent for all channels or one each."""

    exponent: Tensor
    knee: Tensor

    def __init__(
        self, knee_db: float, exponent: Numbers, dboffset: float, learnable: bool, dtype: torch.dtype
    ) -> None:
        super().__init__(dtype)
        for name, value in (("knee_db", knee_db), ("dboffset", dboffset)):
            if not math.isfinite(value) or abs(value) > 300.0:
                raise ValueError(f"{name} = {value} dB; give a number from -300 to 300")
        powers = as_tensor(exponent, "exponent", numbers=True).detach().cpu().to(torch.float64)
        wrong = powers[~((powers > 0.0) & (powers <= 1.0))]
        if powers.ndim > 1 or powers.numel() == 0 or wrong.numel():
            shown = f"= {float(wrong[0])}" if wrong.numel() else f"has shape {tuple(powers.shape)}"
            raise ValueError(
                f"exponent {shown}; give numbers above 0 and up to 1, one for all channels or one each"
            )
        self.knee_db, self.dboffset, self.learnable = float(knee_db), float(dboffset), bool(learnable)
        knee = torch.tensor(10.0 ** ((self.knee_db - self.dboffset) / 20.0), dtype=torch.float64)
        self._keep("exponent", powers, self.learnable, exact=True, within=Above(1e-3, 1.0))
        self._keep("knee", knee, self.learnable, exact=True, within=Above(1e-31, 1e31))

    def _given(self, x: Signal) -> tuple[Tensor, Tensor, Tensor]:
        """Return signal, exponent and knee, which broadcast."""
        x = lti.check_signal(x, self.dtype, self.knee.device)
        exponent = self._now("exponent")
        if exponent.ndim:
            if x.ndim < 2 or x.shape[-2] != len(exponent):
                raise ValueError(
                    f"x has shape {tuple(x.shape)}, exponent has {len(exponent)} channels; give "
                    f"(..., {len(exponent)}, T)"
                )
            exponent = exponent.unsqueeze(-1)
        return x, exponent, self._now("knee")

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        power = f"{self.exponent.numel()} channels" if self.exponent.ndim else self._shown("exponent", ".6g")
        return f"knee={self._shown('knee', '.4g')}, exponent={power}, learnable={self.learnable}, dtype={self.dtype}"


class BrokenStickCompression(_Compression):
    """
    Compression above a knee: linear below it, a power law above, without a jump.

    Parameters
    ----------
    knee_db : float
        Level of the knee in dB, -300 to 300.
    exponent : float, or Tensor, shape (F,), or list or array of F numbers
        Of the power law, above 0 and up to 1. One for all channels, or one each.
    dboffset : float
        Level in dB of a sample of 1. Default: 93.98, for pressure in Pa; the toolbox's own default is 100.
    learnable : bool
        Make exponent and knee parameters, stored as logarithms.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    knee : Tensor, shape (), float64
        Magnitude of the knee, ``10 ** ((knee_db - dboffset) / 20)``.
    exponent : Tensor, shape () or (F,), float64
        As given.
    knee_db, dboffset, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    See Also
    --------
    PowerCompression : without a linear part.
    amtlib.filterbanks.broken_stick : the function.

    References
    ----------
    King, Varnet and Lorenzi (2019), J. Acoust. Soc. Am. 145, 2277.

    Examples
    --------
    >>> stick = BrokenStickCompression(knee_db=0.0, exponent=0.5, dboffset=0.0)
    >>> stick(torch.tensor([-4.0, -0.5, 0.0, 0.5, 4.0]))
    tensor([-2.0000, -0.5000,  0.0000,  0.5000,  2.0000])
    """

    def __init__(
        self,
        knee_db: float = 30.0,
        exponent: Numbers = 0.3,
        dboffset: float = 93.98,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(knee_db, exponent, dboffset, learnable, dtype)

    def forward(self, x: Signal) -> Tensor:
        """
        Compress.

        Parameters
        ----------
        x : Tensor or ndarray, shape (..., T), or (..., F, T) with one exponent a channel
            Signal, in the unit that `dboffset` belongs to.

        Returns
        -------
        Tensor, shape of `x`
            In the same unit. Differentiable.

        Raises
        ------
        ValueError
            If `x` is complex, empty, on another device, of another number of channels, or has non-finite samples.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        x, exponent, knee = self._given(x)
        factor = (knee ** (1.0 - exponent)).to(x.dtype)
        return broken_stick(x, torch.ones_like(factor), factor, exponent.to(x.dtype))


class PowerCompression(_Compression):
    """
    Compression by a power law at all levels: what lies below the knee is raised.

    Parameters
    ----------
    knee_db, exponent, dboffset, learnable, dtype
        As for :class:`BrokenStickCompression`; at the knee nothing changes.

    Attributes
    ----------
    knee, exponent, knee_db, dboffset, learnable, dtype
        As for :class:`BrokenStickCompression`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    A power below 1 is infinitely steep at 0; for samples of exactly 0 the derivative is taken as 0.

    References
    ----------
    King, Varnet and Lorenzi (2019), J. Acoust. Soc. Am. 145, 2277.

    Examples
    --------
    >>> power = PowerCompression(knee_db=0.0, exponent=0.5, dboffset=0.0)
    >>> power(torch.tensor([-4.0, -0.25, 0.0, 0.25, 4.0]))
    tensor([-2.0000, -0.5000,  0.0000,  0.5000,  2.0000])
    """

    def __init__(
        self,
        knee_db: float = 30.0,
        exponent: Numbers = 0.3,
        dboffset: float = 93.98,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(knee_db, exponent, dboffset, learnable, dtype)

    def forward(self, x: Signal) -> Tensor:
        """
        Compress.

        Parameters
        ----------
        x : Tensor or ndarray, shape (..., T), or (..., F, T) with one exponent a channel
            Signal, in the unit that `dboffset` belongs to.

        Returns
        -------
        Tensor, shape of `x`
            In the same unit. Differentiable.

        Raises
        ------
        ValueError
            If `x` is complex, empty, on another device, of another number of channels, or has non-finite samples.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        x, exponent, knee = self._given(x)
        sounds = x.abs() > _LEAST[x.dtype]
        power = (torch.where(sounds, x.abs(), 1.0) / knee.to(x.dtype)) ** exponent.to(x.dtype)
        return torch.where(sounds, power * knee.to(x.dtype) * x.sign(), 0.0)
