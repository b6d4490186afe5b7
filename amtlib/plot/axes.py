"""The axes of figures: what is measured, its unit, its scale, its limits and its ticks.
Source: the ERB-number scale of Glasberg & Moore (1990), on which channels are equally far apart; the map of the cochlea
of Greenwood (1990).
Not drawing: see figure.py.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from amtlib import scales

Array = NDArray[Any]
Limits = tuple[float, float]

_PER_SECOND = {"s": 1.0, "ms": 1000.0}
#: Rates up to here are equally far apart on the scale of modulation, Hz; above, the same ratio is as far.
_EVEN, _STEP, _RATIO = 10.0, 5.0, 5.0 / 3.0
MODULATIONS = (0, 5, 10, 20, 50, 100, 200, 500, 1000)
OCTAVES = (31.25, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)


def erb_number(frequency: Array | Sequence[float] | float) -> Array:
    """Return the ERB number in Cam of frequencies in Hz: the scale on which channels are equally far apart."""
    return scales.fc2erb(torch.from_numpy(np.asarray(frequency, dtype=float).copy())).numpy()


def place_number(frequency: Array | Sequence[float] | float) -> Array:
    """Return where frequencies in Hz have their places in the cochlea, mm from the stapes."""
    return scales.fc2place(torch.from_numpy(np.asarray(frequency, dtype=float).copy())).numpy()


def modulation_number(rate: Array | Sequence[float] | float) -> Array:
    """
    Return where rates of modulation in Hz lie on the ladder of modulation filters of Dau et al. (1997).

    Examples
    --------
    >>> modulation_number([0.0, 5.0, 10.0, 10.0 * 5 / 3]).round(9)
    array([0., 1., 2., 3.])
    """
    hertz = np.asarray(rate, dtype=float)
    above = np.log(np.maximum(hertz, _EVEN) / _EVEN) / math.log(_RATIO)
    return np.asarray(np.minimum(hertz, _EVEN) / _STEP + above)


def modulation_rate(number: Array) -> Array:
    """
    Return the rates in Hz at places on that ladder, also before its beginning.

    Examples
    --------
    >>> modulation_rate(np.array([-1.0, 1.0, 2.0, 3.0])).round(3)
    array([-5.   ,  5.   , 10.   , 16.667])
    """
    even = _EVEN / _STEP
    return np.where(number <= even, _STEP * number, _EVEN * _RATIO ** (number - even))


def frequency_ticks(octaves: Sequence[float] = OCTAVES) -> list[tuple[float, str]]:
    """Return tick positions on the ERB scale with their frequencies as labels."""
    return list(zip(erb_number(octaves).tolist(), map(frequency_label, octaves), strict=True))


def frequency_label(frequency: float) -> str:
    """Return a frequency in Hz as a tick shows it: 500, 2k."""
    return f"{frequency / 1000:g}k" if frequency >= 1000 else f"{frequency:g}"


def decades(low: float, high: float) -> list[float]:
    """Return the powers of ten between two limits, and two and five times them where there are few.

    Examples
    --------
    >>> decades(0.002, 200.0), decades(30.0, 300.0)
    ([0.01, 0.1, 1.0, 10.0, 100.0], [50.0, 100.0, 200.0])
    """
    steps = (1.0,) if high / low > 1e4 else (1.0, 2.0, 5.0)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = (float(f"{step}e{exponent}") for exponent in exponents for step in steps)
    return [each for each in found if low <= each <= high]


@dataclass(frozen=True)
class Rising:
    """Limits from zero to above the highest value, that stay while one explores and move in large steps.

    Parameters
    ----------
    highest : callable
        Takes what the figure reads from; returns the highest value that is drawn.
    least : float
        The limit that holds as long as nothing is higher: a change then looks as large as it is.
    """

    highest: Callable[[Any], float]
    least: float = 0.0

    def limits(self, state: Any, held: float) -> Limits:
        """Return the limits: the same as before, unless something is higher, or fills less than a tenth of them.

        Limits at `least`, or below it where somebody fitted them, stay also with little in them.
        """
        highest = self.highest(state)
        floor = held / 10 if held > self.least else -1.0
        if held > 0 and floor < highest <= held:
            return 0.0, held
        return 0.0, self.least if highest <= self.least else self.fitted(state)

    def fitted(self, state: Any) -> float:
        """Return the upper limit that fits what is there now."""
        return next_step(1.15 * max(self.highest(state), 1e-3))


def next_step(value: float) -> float:
    """Return the next number of the series 1, 1.5, 2, 3, 5, 7, 10 that is not smaller.

    Examples
    --------
    >>> next_step(3.2), next_step(0.15)
    (5.0, 0.15)
    """
    decade = 10.0 ** math.floor(math.log10(value))
    steps = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
    return float(f"{decade * next(step for step in steps if value <= step * decade * (1 + 1e-9)):.3g}")


@dataclass(frozen=True)
class Axis:
    """One axis of a figure. Figures of a lab whose axes have the same name move together.

    Parameters
    ----------
    name : str
        Of the dimension, such as ``"time"``.
    label, unit : str
        What is measured, and in what.
    limits : tuple of float, Rising or callable
        Lowest and highest value, in the axis' unit; or what gives them when called with what the figure reads from.
    scale : {"linear", "log", "erb", "place", "modulation", "names"}
        ``"erb"``: values are in Hz, drawn equally far apart in ERB; ``"place"``: in Hz, drawn at their places in the
        cochlea; ``"modulation"``: in Hz, drawn on the ladder of modulation filters. ``"names"``: values are words.
    ticks : sequence or callable, optional
        Values that get a tick; or what gives them. On frequency axes they are octaves where none are given.
    tick_label : callable, optional
        Takes a value; returns what stands at its tick, where that is not the value itself.
    caption : str
        What stands beside the axis, where that is not label and unit.
    flipped : bool
        Whether values grow downwards.
    whole : bool
        Whether only whole numbers get ticks.
    brief : bool
        Whether the unit alone stands beside the axis, in a figure too low for more.
    labelled, numbered : bool
        Whether the label, and the numbers at the ticks, are shown; not where the figure beside shows the same axis.
    sounds : tuple of str
        Keys of the sounds whose time it is, in s or ms, from their beginning: a line moves along it while one plays.
    """

    name: str
    label: str
    unit: str = ""
    limits: Limits | Rising | Callable[[Any], Limits] = (0.0, 1.0)
    scale: str = "linear"
    ticks: Sequence[float] | Callable[[Any], Sequence[float]] | None = None
    tick_label: Callable[[float], str] | None = None
    caption: str = ""
    flipped: bool = False
    whole: bool = False
    brief: bool = False
    labelled: bool = True
    numbered: bool = True
    sounds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.scale not in {"linear", "log", "erb", "place", "modulation", "names"}:
            raise ValueError(
                f"Axis {self.name} has scale {self.scale!r}; choose linear, log, erb, place, modulation or "
                "names."
            )
        if self.sounds and (self.unit not in _PER_SECOND or self.scale != "linear"):
            raise ValueError(
                f"Axis {self.name} is to be the time of a sound; give it the unit s or ms, linear."
            )

    @property
    def per_second(self) -> float:
        """How far a second reaches, where it is the time of a sound."""
        return _PER_SECOND.get(self.unit, 1.0)

    @property
    def heading(self) -> str:
        """Label and unit, as columns of a table are headed."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def shown(self) -> str:
        """What stands beside the axis."""
        return "" if not self.labelled else self.unit if self.brief else self.caption or self.heading

    def place(self, values: Any) -> Array:
        """Return where values of this axis lie on it."""
        if self.scale == "names":
            return np.asarray(values, dtype=object)
        if self.scale == "modulation":
            return modulation_number(values)
        if self.scale == "place":
            return place_number(values)
        return erb_number(values) if self.scale == "erb" else np.asarray(values, dtype=float)

    def between(self, state: Any, held: float = 0.0) -> Limits:
        """Return the present limits, as places on the axis."""
        limits = self.limits
        if isinstance(limits, Rising):
            low, high = limits.limits(state, held)
        else:
            low, high = limits(state) if callable(limits) else limits
        low, high = self.place([low, high]).tolist()
        return (high, low) if self.flipped else (low, high)

    def stand_in(self) -> Limits:
        """Return limits for a drawing that has no values yet."""
        fixed = self.limits if isinstance(self.limits, tuple) else (20.0, 20000.0)
        low, high = self.place(fixed).tolist()
        return (high, low) if self.flipped else (low, high)

    def marks(self, state: Any = None) -> list[tuple[float, str]] | None:
        """Return the ticks as places and labels, or None where Bokeh chooses them."""
        ticks = self.ticks(state) if callable(self.ticks) else self.ticks
        if ticks is None:
            if self.scale == "log" and isinstance(self.limits, tuple):
                ticks = decades(*self.limits)  # Bokeh would write them as powers of ten
                return [(tick, f"{tick:.10g}") for tick in ticks]
            if self.scale not in ("erb", "place", "modulation"):
                return None
            ticks = MODULATIONS if self.scale == "modulation" else OCTAVES
        names = self.tick_label or (frequency_label if self.unit == "Hz" else "{:.3g}".format)
        return [(place, names(tick)) for place, tick in zip(self.place(ticks).tolist(), ticks, strict=True)]
