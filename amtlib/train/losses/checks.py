"""Checks of the numbers that losses are made with, and how losses are written out.
Source: none; plain bookkeeping.
Not here: checks of the target (:mod:`amtlib.train.targets`) and of a run (:mod:`amtlib.train.settings`).
"""

import math
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

import numpy as np


def check_number(value: Any, name: str, low: float, high: float, unit: str = "") -> float:
    """
    Return a number from `low` to `high` as a float, or say what is wrong with it.

    Examples
    --------
    >>> check_number(70, "level_db", 0.0, 130.0)
    70.0
    >>> check_number(200.0, "level_db", 0.0, 130.0, "dB SPL")
    Traceback (most recent call last):
    ValueError: level_db = 200 dB SPL is out of range: give 0 to 130 dB SPL
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        raise TypeError(f"{name} = {value!r} is a {type(value).__name__}: give one real number")
    space = f" {unit}" if unit else ""
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{name} = {value:g}{space} is out of range: give {low:g} to {high:g}{space}")
    return float(value)


def check_choice(value: Any, name: str, choices: tuple[str, ...]) -> None:
    """
    Raise unless a value is one of some words.

    Examples
    --------
    >>> check_choice("octave", "bands", ("octave", "erb"))
    """
    if value not in choices:
        raise ValueError(f"{name} = {value!r} is unknown: choose from {', '.join(map(repr, choices))}")


class Shown:
    """
    A dataclass that is written out as it was typed: its name, and the settings that are not the default.

    Examples
    --------
    >>> from amtlib.train.losses import FlatExcitation
    >>> FlatExcitation(), FlatExcitation("peaks")
    (FlatExcitation(), FlatExcitation(weighting='peaks'))
    """

    def __repr__(self) -> str:
        """Read like what was typed."""
        settings = ", ".join(f"{name}={value!r}" for name, value in self._shown())
        return f"{type(self).__name__}({settings})"

    def classes(self) -> set[type]:
        """Return the classes that it is written out with: what a script must import."""
        parts = (value for _, value in self._shown() if isinstance(value, Shown))
        return {type(self)}.union(*(part.classes() for part in parts))

    def _shown(self) -> Iterator[tuple[str, Any]]:
        for one in fields(self):  # type: ignore[arg-type]
            value = getattr(self, one.name)
            if one.default is MISSING or value != one.default:
                yield one.name, value
