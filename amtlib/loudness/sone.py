"""From sone to phon and back: how loud a sound is, by the level of an equally loud 1-kHz tone.
Source: the table of the model of Moore et al. (2016), amtlib/tables/sone_phon.csv, 0 to 120 phon.
Not here: loudness itself, and contours of other tones (:mod:`amtlib.loudness.contours`).
"""

import functools
from typing import Protocol, TypeAlias, overload

import numpy as np
import torch
from torch import Tensor

from amtlib.ears.tables import Array, monotone_cubic
from amtlib.inputs import Values, as_tensor
from amtlib.loudness.channels import loudness_table

#: Loudness in sone of a tone at the absolute threshold (ANSI S3.4-2007)
THRESHOLD_SONE = 0.003


Cubics: TypeAlias = tuple[Tensor, Tensor]


class HasPhon(Protocol):
    """A model that knows how loud its 1-kHz tones are: :class:`amtlib.Moore2016`, :class:`amtlib.Glasberg2002`."""

    def phon_scale(self, stationary: bool = False) -> Cubics:
        """Return ln(sone) over phon, as :func:`cubics` does."""


@functools.cache
def _table_cubics() -> Cubics:
    return cubics(np.log(loudness_table("sone_phon")[:, 0]))


def cubics(log_sone: Array) -> Cubics:
    """
    Interpolate ln(sone) given at 0, 1, ..., N phon.

    Parameters
    ----------
    log_sone : ndarray, shape (N + 1,)
        Natural logarithms of loudness in sone, increasing.

    Returns
    -------
    coefficients : Tensor, shape (N, 4)
        Of the cubic within each step of 1 phon.
    ends : Tensor, shape (N + 1,)
        As given.

    Raises
    ------
    ValueError
        If loudness does not grow from each phon to the next, as with parameters that make a model deaf.
    """
    if not (np.isfinite(log_sone).all() and (np.diff(log_sone) > 0.0).all()):
        raise ValueError(
            "the model's loudness of a 1-kHz tone does not grow with its level; check its parameters"
        )
    phon = np.arange(len(log_sone), dtype=np.float64)
    # A cubic is known by four of its values
    inside = np.array([0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0])
    values = monotone_cubic(phon, log_sone, (phon[:-1, None] + inside).ravel()).reshape(-1, 4)
    values[:, -1] = log_sone[1:]
    powers = inside[:, None] ** np.arange(4)
    return torch.from_numpy(np.linalg.solve(powers, values.T).T.copy()), torch.from_numpy(log_sone)


@overload
def phon2sone(phon: Values) -> Tensor: ...


@overload
def phon2sone(phon: float) -> float: ...


def phon2sone(phon: Values | float) -> Tensor | float:
    """
    Loudness of a 1-kHz tone of a given level.

    Parameters
    ----------
    phon : Tensor or ndarray, shape (...), or float
        Loudness level in phon, >= 0.

    Returns
    -------
    Tensor, shape (...), or float
        Loudness in sone: 0.000538 at 0 phon, 0.998 at 40, 305 at 120; above, it goes on growing by as much per
        phon. Differentiable; the inverse of :func:`sone2phon`.

    Raises
    ------
    ValueError
        If a value is negative or not finite.

    Examples
    --------
    >>> phon2sone(40.0), phon2sone(torch.tensor([40.0, 50.0, 60.0]))
    (0.998428..., tensor([0.9984, 2.0892, 4.1065]))
    """
    if isinstance(phon, float | int | np.number):
        return float(phon2sone(torch.tensor(phon, dtype=torch.float64)))
    given = _checked(
        as_tensor(phon, "phon"), "phon", "loudness levels start at 0 phon, below which nothing is heard"
    )
    return torch.exp(_log_sone(given.double(), _table_cubics()[0].to(given.device))).to(given.dtype)


@overload
def sone2phon(sone: Values, model: HasPhon | None = None, *, stationary: bool = False) -> Tensor: ...


@overload
def sone2phon(sone: float, model: HasPhon | None = None, *, stationary: bool = False) -> float: ...


def sone2phon(
    sone: Values | float, model: HasPhon | None = None, *, stationary: bool = False
) -> Tensor | float:
    """
    Level of the 1-kHz tone that is as loud.

    Parameters
    ----------
    sone : Tensor or ndarray, shape (...), or float
        Loudness in sone, >= 0.
    model : Moore2016 or Glasberg2002, optional
        The model that found it: phon are its own, by definition. Default: the table of Moore et al. (2016).
    stationary : bool
        Whether its ``stationary`` found it, from components, and not from audio.

    Returns
    -------
    Tensor, shape (...), or float
        Loudness level in phon; 0, with gradient 0, below 0.000538 sone (by the table). Differentiable; the inverse of
        :func:`phon2sone`.

    Raises
    ------
    ValueError
        If a value is negative or not finite.

    Examples
    --------
    >>> sone2phon(1.0), sone2phon(torch.tensor([0.0, 2.0, 4.0]))
    (40.0199..., tensor([ 0.0000, 49.3782, 59.6015]))
    """
    if isinstance(sone, float | int | np.number):
        return float(sone2phon(torch.tensor(sone, dtype=torch.float64), model, stationary=stationary))
    given = _checked(as_tensor(sone, "sone"), "sone", "loudness is never negative")
    scale = _table_cubics() if model is None else model.phon_scale(stationary)
    coefficients, ends = (t.to(given.device) for t in scale)
    top = float(len(coefficients))
    # Below the table: 0 phon. The clamp also keeps the logarithm's gradient finite in silence.
    wanted = torch.log(given.double().clamp(min=float(ends[0].exp())))
    with torch.no_grad():
        step = (torch.searchsorted(ends, wanted.detach(), right=True) - 1).clamp(0, len(ends) - 2)
        c0, c1, c2, c3 = coefficients[step].unbind(-1)
        # Newton's method on one monotone cubic, from its chord: exact to rounding in three steps
        t = (wanted - c0) / (c1 + c2 + c3)
        for _ in range(3):
            excess = wanted - (c0 + t * (c1 + t * (c2 + t * c3)))
            t = (t + excess / (c1 + t * (2.0 * c2 + t * 3.0 * c3))).clamp(0.0, 1.0)
        phon = step + t
        slope = _slope(phon, coefficients)
        phon = torch.where(wanted <= ends[0], 0.0, phon)
        above = wanted >= ends[-1]
        beyond = (wanted - ends[-1]) / _slope(torch.full_like(phon, top), coefficients)
        phon = torch.where(above, top + beyond, phon)
    # Steps of Newton's method, exact already: the first hands on the gradient 1 / slope, the second further derivatives
    found = phon + (wanted - wanted.detach()) / slope
    if found.requires_grad:
        found = found + (wanted - _log_sone(found, coefficients)) / _slope(found, coefficients)
    return found.to(given.dtype)


def _log_sone(phon: Tensor, coefficients: Tensor) -> Tensor:
    top = float(len(coefficients))
    step = phon.detach().floor().clamp(0, top - 1).long()
    t = (phon - step).clamp(max=1.0)
    c = coefficients[step]
    end = torch.full((), top, dtype=torch.float64, device=phon.device)
    beyond = (phon - top).clamp(min=0.0) * _slope(end, coefficients)
    return c[..., 0] + t * (c[..., 1] + t * (c[..., 2] + t * c[..., 3])) + beyond


def _slope(phon: Tensor, coefficients: Tensor) -> Tensor:
    """Derivative of ln(sone) by phon, the end's above it."""
    step = phon.detach().floor().clamp(0, len(coefficients) - 1).long()
    t = (phon - step).clamp(max=1.0)
    c = coefficients[step]
    return c[..., 1] + t * (2.0 * c[..., 2] + t * 3.0 * c[..., 3])


def _checked(x: Tensor, name: str, why: str) -> Tensor:
    if x.is_complex() or x.dtype == torch.bool:
        raise ValueError(f"{name} has dtype {x.dtype}; give real numbers")
    x = x if x.is_floating_point() else x.to(torch.get_default_dtype())
    wrong = ~((x >= 0.0) & (x < float("inf")))
    if bool(wrong.any()):
        raise ValueError(
            f"{name} holds {float(x[wrong].flatten()[0].detach())}; {why}: give finite numbers >= 0"
        )
    return x
