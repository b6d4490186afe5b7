"""Settings of experiments and procedures: fields with ranges and units, and numbers drawn from seeds.
Source: none; plain bookkeeping. Draws are numpy's SeedSequence, which is the same in all versions and on all machines.
Not here: the experiments.
"""

import math
from collections.abc import Sequence
from dataclasses import field, fields
from typing import Any

import numpy as np

from amtlib.errors import ArgumentError
from amtlib.signals.frame import number, whole

#: Largest seed
MOST = 2**32 - 1


def quantity(default: float, low: float, high: float, unit: str = "", doc: str = "") -> Any:
    """
    Declare a field that holds a number in a closed range.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Tone:
    ...     frequency: float = quantity(1000.0, 20.0, 16000.0, "Hz", "Frequency")
    ...     def __post_init__(self):
    ...         check_settings(self)
    >>> Tone(frequency=10.0)
    Traceback (most recent call last):
    ...
    amtlib.errors.OutOfRange: frequency = 10 Hz is outside 20 to 16000 Hz: choose a value in that range
    """
    return field(default=default, metadata={"low": low, "high": high, "unit": unit, "doc": doc})


def count(default: int, low: int, high: int, doc: str = "") -> Any:
    """Declare a field that holds a whole number in a closed range."""
    return field(default=default, metadata={"low": low, "high": high, "whole": True, "doc": doc})


def choice(default: str, choices: Sequence[str], doc: str = "") -> Any:
    """Declare a field that holds one of some words."""
    return field(default=default, metadata={"choices": tuple(choices), "doc": doc})


def check_settings(instance: Any) -> None:
    """
    Check all declared fields of a dataclass, frozen or not, and make their values floats or ints.

    Raises
    ------
    ValueError
        If a value is out of its range, or no choice.
    TypeError
        If it is no number.
    """
    for each in fields(instance):
        value, about = getattr(instance, each.name), each.metadata
        if "choices" in about:
            if value not in about["choices"]:
                raise ArgumentError(
                    f"{{{each.name}}} = {value!r} is unknown: choose {' or '.join(map(repr, about['choices']))}"
                )
        elif about.get("whole"):
            object.__setattr__(instance, each.name, whole(value, each.name, about["low"], about["high"]))
        elif "low" in about:
            found = number(value, each.name, about["low"], about["high"], about["unit"])
            object.__setattr__(instance, each.name, found)


def check_band(low: float, high: float, fs: float, duration: float) -> None:
    """
    Raise if noise between two frequencies does not lie below half the sampling rate, or has no line there.

    Examples
    --------
    >>> check_band(100.0, 8000.0, 44100.0, 0.5)
    """
    if not 0.0 <= low < high <= fs / 2.0:
        raise ArgumentError(
            f"noise from {low:g} to {high:g} Hz does not lie within 0 to {{fs}} / 2 = {fs / 2.0:g} Hz, low before "
            "high: move its edges or raise {fs}"
        )
    if max(math.ceil(low * duration - 1e-6), 1) > high * duration + 1e-6:
        raise ArgumentError(
            f"noise of {duration:g} s has a line every {1.0 / duration:g} Hz, and none from {low:g} to {high:g} Hz: "
            "widen the band or lengthen the noise"
        )


def derived_seed(*path: int) -> int:
    """
    Return a seed that follows from others, such as those of a run and the number of a trial.

    Examples
    --------
    >>> derived_seed(1, 2), derived_seed(2, 1)
    (1596810411, 307626447)
    """
    return int(np.random.SeedSequence(path).generate_state(1)[0])


def uniform(*path: int) -> float:
    """
    Return a number from 0 to 1, 1 excluded, that follows from seeds.

    Examples
    --------
    >>> 0.0 <= uniform(1, 2) < 1.0
    True
    """
    return float(np.random.SeedSequence(path).generate_state(1, np.uint64)[0] >> np.uint64(11)) * 2.0**-53
