"""The axes of figures: what is measured, its unit, its scale, its limits and its ticks.
Source: the ERB-number scale of Glasberg & Moore (1990), on which channels are equally far apart.
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
OCTAVES = (31.25, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)


def erb_number(frequency: Array | Sequence[float] | float) -> Array:
    """Return the ERB number in Cam of frequencies in Hz: the scale on which channels are equally far apart."""
    return scales.fc2erb(torch.from_numpy(np.array(frequency, dtype=float, ndmin=0))).numpy()


def frequency_ticks(octaves: Sequence[float] = OCTAVES) -> list[tuple[float, str]]:
    """Return tick positions on the ERB scale with their frequencies as labels."""
    return list(zip(erb_number(octaves).tolist(), map(frequency_label, octaves), strict=True))


def frequency_label(frequency: float) -> str:
    """Return a frequency in Hz as a tick shows it: 500, 2k."""
    return f"{frequency / 1000:g}k" if frequency >= 1000 else f"{frequency:g}"


@dataclass(frozen=True)
class Rising:
    """Limits from zero to above the highest value, that move in large steps and so seldom.

    Parameters
    ----------
    highest : callable
        Takes what the figure reads from; returns the highest value that is drawn.
    """

    highest: Callable[[Any], float]

    def limits(self, state: Any, held: float) -> Limits:
        """Return the limits, the same as before while the highest value fills a tenth of them or more."""
        highest = self.highest(state)
        if held / 10 < highest <= held:
            return 0.0, held
        return 0.0, next_step(1.15 * max(highest, 1e-3))


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
    scale : {"linear", "log", "erb", "names"}
        ``"erb"``: values are in Hz, drawn equally far apart in ERB. ``"names"``: values are words.
    ticks : sequence or callable, optional
        Values that get a tick; or what gives them. On frequency axes they are octaves where none are given.
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
    flipped: bool = False
    whole: bool = False
    brief: bool = False
    labelled: bool = True
    numbered: bool = True
    sounds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.scale not in {"linear", "log", "erb", "names"}:
            raise ValueError(f"Axis {self.name} has scale {self.scale!r}; choose linear, log, erb or names.")
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
        return "" if not self.labelled else self.unit if self.brief else self.heading

    def place(self, values: Any) -> Array:
        """Return where values of this axis lie on it."""
        if self.scale == "names":
            return np.asarray(values, dtype=object)
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
            if self.scale != "erb":
                return None
            ticks = OCTAVES
        names = frequency_label if self.unit == "Hz" else "{:.3g}".format
        return [(place, names(tick)) for place, tick in zip(self.place(ticks).tolist(), ticks, strict=True)]
