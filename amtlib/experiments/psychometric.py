"""Psychometric functions, and their fit to the answers of a run.
Source: Wichmann and Hill (2001), Perception & Psychophysics 63, 1293-1313 (fit with lapses); widths as in psignifit;
intervals from the profile of the likelihood (Venzon and Moolgavkar 1988, Applied Statistics 37, 87-94).
Not here: procedures, which choose what is presented.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from amtlib.charts import Chart, Direction
from amtlib.errors import ArgumentError
from amtlib.results import Result
from amtlib.signals.frame import number

Array = npt.NDArray[np.float64]
#: Squared normal deviates that leave so much outside
_LEVELS = {0.68: 0.988946, 0.9: 2.705543, 0.95: 3.841459, 0.99: 6.634897}
#: Finer grids around the best of a grid: how many, and of which points
_ZOOMS, _AROUND = 8, np.linspace(-1.0, 1.0, 5)
_LOGISTIC = 2.0 * math.log(19.0)
_NORMAL = 2.0 * 1.6448536269514722
_GUMBEL = (math.log(-math.log(0.05)) - math.log(-math.log(0.95)), math.log(math.log(2.0)))


def _logistic(z: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-np.clip(_LOGISTIC * z, -700.0, 700.0)))


def _normal(z: Array) -> Array:
    found: Array = torch.special.ndtr(torch.from_numpy(np.asarray(_NORMAL * z))).numpy()
    return found


def _weibull(z: Array) -> Array:
    return -np.expm1(-np.exp(np.clip(_GUMBEL[0] * z + _GUMBEL[1], -700.0, 700.0)))


#: Rise from 0 to 1: a half at 0, and 0.05 and 0.95 a distance of 1 apart
_RISES: dict[str, Callable[[Array], Array]] = {"logistic": _logistic, "normal": _normal, "weibull": _weibull}


def _place(share: float | Array, shape: str) -> Array:
    """Return where a rise reaches a share."""
    share = np.asarray(share)
    if shape == "logistic":
        return np.log(share / (1.0 - share)) / _LOGISTIC
    if shape == "normal":
        found: Array = torch.special.ndtri(torch.from_numpy(share)).numpy() / _NORMAL
        return found
    return (np.log(-np.log1p(-share)) - _GUMBEL[1]) / _GUMBEL[0]


@dataclass(frozen=True)
class PsychometricFunction:
    """
    How often an answer is right, as a function of a variable.

    Parameters
    ----------
    midpoint : float
        Value at which half of the rise is done.
    width : float
        Distance on the scale from 5 to 95 % of the rise, > 0; on a logarithmic scale the logarithm of a factor.
    guess : float
        Probability of a right answer without hearing anything, 0 to below 1: 1/3 with three intervals.
    lapse : float
        Probability of a wrong answer however clear the target, 0 to 0.5.
    shape : {'logistic', 'normal', 'weibull'}
        Of the rise; 'weibull' is one on a logarithmic scale.
    scale : {'linear', 'log'}
        Of the variable.
    easier : {1, -1}
        Whether the function rises or falls with the variable.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> hearing = PsychometricFunction(20.0, 6.0, guess=1 / 3)
    >>> round(float(hearing(20.0)), 3), round(hearing.value_at(2**-0.5), 3)
    (0.667, 20.248)
    """

    midpoint: float
    width: float
    guess: float = 0.0
    lapse: float = 0.0
    shape: Literal["logistic", "normal", "weibull"] = "logistic"
    scale: Literal["linear", "log"] = "linear"
    easier: int = 1

    def __post_init__(self) -> None:
        number(self.guess, "guess", 0.0, 0.99)
        number(self.lapse, "lapse", 0.0, 0.5)
        if self.shape not in _RISES:
            raise ValueError(f"shape = {self.shape!r} is unknown; give {', '.join(map(repr, _RISES))}")
        if self.scale not in ("linear", "log") or self.easier not in (1, -1):
            raise ValueError(
                f"scale = {self.scale!r}, easier = {self.easier!r}; give 'linear' or 'log', and 1 or -1"
            )
        if not (math.isfinite(self.width) and self.width > 0.0):
            raise ArgumentError(f"{{width}} = {self.width:g}; give a finite number > 0")
        if self.scale == "log" and not self.midpoint > 0.0:
            raise ArgumentError(f"{{midpoint}} = {self.midpoint:g} has no logarithm; give a number > 0")

    def __call__(self, value: float | Sequence[float] | Array) -> Array:
        """
        Return the probability of a right answer.

        Parameters
        ----------
        value : float or array
            Of the variable.

        Returns
        -------
        ndarray
            Of the same shape.
        """
        x = _on_scale(np.asarray(value, dtype=np.float64), self.scale)
        middle = float(_on_scale(np.asarray(self.midpoint), self.scale))
        rise = _RISES[self.shape](self.easier * (x - middle) / self.width)
        found: Array = self.guess + (1.0 - self.guess - self.lapse) * rise
        return found

    def chart(self) -> Chart:
        """Return the share of right answers over three widths of the function."""
        t = np.linspace(-1.5, 1.5, 101) * self.width
        values = self.midpoint * np.exp(t) if self.scale == "log" else self.midpoint + t
        along = Direction("Value", scale=self.scale)
        up = Direction("Right answers", "%", limits=(0.0, 100.0))
        return Chart("Psychometric function", along, up, {"right": (values, 100.0 * self(values))})

    def value_at(self, probability: float) -> float:
        """
        Return the value at which answers are right with a probability.

        Raises
        ------
        ValueError
            If the function never reaches it.
        """
        share = (probability - self.guess) / (1.0 - self.guess - self.lapse)
        if not 0.0 < share < 1.0:
            raise ArgumentError(
                f"{{probability}} = {probability:g} is never reached: choose one between {self.guess:g} and "
                f"{1.0 - self.lapse:g}"
            )
        moved = self.easier * self.width * float(_place(share, self.shape))
        return self.midpoint * math.exp(moved) if self.scale == "log" else self.midpoint + moved


@dataclass(frozen=True, repr=False)
class PsychometricFit(Result):
    """
    A psychometric function fitted to answers.

    Attributes
    ----------
    function : PsychometricFunction
        The most likely one.
    probability : float
        Of right answers at the threshold.
    threshold : float
        Value of the variable there.
    low, high : float
        Confidence interval of the threshold; infinite (or 0, of a logarithmic scale) where the answers set no limit.
    confidence : float
        Of that interval.
    log_likelihood : float
        Of the answers, natural logarithm.
    """

    function: PsychometricFunction
    probability: float
    threshold: float
    low: float
    high: float
    confidence: float
    log_likelihood: float

    def chart(self) -> Chart:
        """Return the function, and its threshold as a point."""
        found = self.function.chart()
        return replace(found, points={"threshold": ([self.threshold], [100.0 * self.probability])})


def fit_psychometric(
    values: Sequence[float] | Array,
    right: Sequence[float] | Array,
    total: Sequence[float] | Array | None = None,
    *,
    guess: float,
    probability: float = 2.0**-0.5,
    shape: Literal["logistic", "normal", "weibull"] = "logistic",
    scale: Literal["linear", "log"] = "linear",
    easier: int = 1,
    largest_lapse: float = 0.06,
    confidence: float = 0.95,
) -> PsychometricFit:
    """
    Fit a psychometric function to answers by maximum likelihood, with an interval for its threshold.

    Parameters
    ----------
    values : array, shape (N,)
        Presented values of the variable.
    right : array, shape (N,)
        Right answers at each: of one trial True or False, or their number.
    total : array, shape (N,), optional
        Trials at each. Default: 1.
    guess : float
        Probability of a right answer by chance.
    probability : float
        Of right answers at what is called the threshold.
    shape, scale, easier
        As for :class:`PsychometricFunction`.
    largest_lapse : float
        Lapses are fitted from 0 to this rate, at most 0.2.
    confidence : {0.68, 0.9, 0.95, 0.99}
        Of the interval: where the profile of the log-likelihood has fallen by half the quantile of chi-squared with 1
        degree of freedom.

    Returns
    -------
    PsychometricFit

    Raises
    ------
    ValueError
        If the arrays do not fit together, all values are equal, or a number is out of its range.

    Examples
    --------
    >>> fit = fit_psychometric([10, 20, 30], [17, 32, 49], [50, 50, 50], guess=1 / 3)
    >>> round(fit.threshold), fit.low < fit.threshold < fit.high
    (21, True)
    """
    x, k, n, middle = _counted(values, right, total, scale)
    if confidence not in _LEVELS:
        raise ValueError(f"confidence = {confidence!r}; give {', '.join(map(str, _LEVELS))}")
    number(largest_lapse, "largest_lapse", 0.0, 0.2)
    number(probability, "probability", guess + 0.01, 1.0 - largest_lapse - 0.01)
    PsychometricFunction(1.0, 1.0, guess, 0.0, shape, scale, easier)
    span = float(x.max() - x.min())
    thresholds = np.linspace(-1.5, 1.5, 121) * span
    widths = np.log(np.geomspace(0.02, 6.0, 41) * span)
    lapses = np.linspace(0.0, largest_lapse, 7) if largest_lapse else np.zeros(1)
    about = (shape, easier, guess, probability)

    def likelihood(t: Array, w: Array, lapse: Array) -> Array:
        return _log_likelihood(x - middle, k, n, t, w, lapse, about)

    # Of each threshold the most likely width and lapse: the best of a grid, and of ever finer ones around it
    found = likelihood(thresholds[:, None, None], widths[None, :, None], lapses[None, None, :])
    best, profile = _best_of(found, *np.broadcast_arrays(widths[None, :, None], lapses[None, None, :]))
    steps = [widths[1] - widths[0], largest_lapse / 6.0]
    for _ in range(_ZOOMS):
        w = best[0][:, None, None] + steps[0] * _AROUND[None, :, None]
        lapse = np.clip(best[1][:, None, None] + steps[1] * _AROUND[None, None, :], 0.0, largest_lapse)
        found = likelihood(thresholds[:, None, None], w, lapse)
        best, profile = _best_of(found, *np.broadcast_arrays(w, lapse))
        steps = [0.5 * step for step in steps]
    top = int(profile.argmax())
    t, w, lapse = thresholds[top], best[0][top], best[1][top]
    steps = [thresholds[1] - thresholds[0], widths[1] - widths[0], largest_lapse / 6.0]
    for _ in range(2 * _ZOOMS):
        axes = [value + step * _AROUND for value, step in zip((t, w, lapse), steps, strict=True)]
        grids = np.meshgrid(axes[0], axes[1], np.clip(axes[2], 0.0, largest_lapse), indexing="ij")
        found = likelihood(*grids)
        t, w, lapse = (float(each.flat[found.argmax()]) for each in grids)
        steps = [0.6 * step for step in steps]
    highest = max(float(found.max()), float(profile.max()))
    low, high = _interval(thresholds, profile, t, highest, 0.5 * _LEVELS[confidence])
    back = math.exp if scale == "log" else float
    share = (probability - guess) / (1.0 - guess - lapse)
    start = t - easier * math.exp(w) * float(_place(share, shape))
    function = PsychometricFunction(back(start + middle), math.exp(w), guess, lapse, shape, scale, easier)
    threshold, bottom, ceiling = (back(v + middle) for v in (t, low, high))
    return PsychometricFit(function, probability, threshold, bottom, ceiling, confidence, highest)


def _counted(values: Any, right: Any, total: Any, scale: str) -> tuple[Array, Array, Array, float]:
    x, k = (np.asarray(v, dtype=np.float64) for v in (values, right))
    n = np.ones_like(k) if total is None else np.asarray(total, dtype=np.float64)
    if not (x.ndim == 1 and x.shape == k.shape == n.shape and len(x)):
        raise ValueError(f"values has shape {x.shape}, right {k.shape}, total {n.shape}; give (N,) each")
    if scale == "log" and not (x > 0.0).all():
        raise ValueError(f"values holds {x.min():g}, which has no logarithm; give scale='linear'")
    if not (np.isfinite(x).all() and (k >= 0.0).all() and (k <= n).all()):
        raise ValueError("values must be finite, and right lie from 0 to total; check the answers")
    x = _on_scale(x, scale)
    if x.min() == x.max():
        raise ValueError(f"all values are {values[0]:g}; a function needs answers at two values at least")
    places, where = np.unique(x, return_inverse=True)
    # Weighted by trials: where most answers lie
    right_there, all_there = (np.bincount(where, each).astype(np.float64) for each in (k, n))
    return places, right_there, all_there, float((x * n).sum() / n.sum())


def _on_scale(x: Array, scale: str) -> Array:
    return np.log(x) if scale == "log" else x


def _log_likelihood(
    x: Array, k: Array, n: Array, threshold: Array, width: Array, lapse: Array, about: tuple[Any, ...]
) -> Array:
    shape, easier, guess, probability = about
    places = _place((probability - guess) / (1.0 - guess - lapse), shape)
    wide = np.exp(width)
    total: Array = np.zeros(np.broadcast_shapes(threshold.shape, width.shape, lapse.shape))
    for each, good, of in zip(x, k, n, strict=True):
        rise = _RISES[shape](easier * (each - threshold) / wide + places)
        p = np.clip(guess + (1.0 - guess - lapse) * rise, 1e-12, 1.0 - 1e-12)
        total += good * np.log(p) + (of - good) * np.log1p(-p)
    return total


def _best_of(found: Array, width: Array, lapse: Array) -> tuple[list[Array], Array]:
    """Return the most likely width and lapse of each threshold, and their likelihood."""
    rows = found.reshape(len(found), -1)
    best = rows.argmax(-1, keepdims=True)
    values = [np.broadcast_to(v, found.shape).reshape(len(found), -1) for v in (width, lapse)]
    return [np.take_along_axis(v, best, -1)[:, 0] for v in values], rows.max(-1)


def _interval(places: Array, profile: Array, best: float, highest: float, drop: float) -> tuple[float, float]:
    """Return where a profile crosses a drop below its top, interpolated, or infinities."""
    above = profile >= highest - drop
    ends = []
    for towards in (-1, 1):
        side = np.flatnonzero(~above & ((places - best) * towards > 0.0))
        if not len(side):
            ends.append(towards * math.inf)
            continue
        outside = side[-1] if towards < 0 else side[0]
        inside = outside - towards
        inner, outer = profile[inside] - (highest - drop), profile[outside] - (highest - drop)
        share = inner / (inner - outer) if inner > 0.0 else 0.0
        ends.append(float(places[inside] + share * (places[outside] - places[inside])))
    return min(ends[0], best), max(ends[1], best)
