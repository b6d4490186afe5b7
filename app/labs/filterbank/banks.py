"""The filterbanks that the lab shows: a table from a kind to how it is made. A new one is a new row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from amtlib import GammatoneFilterbank
from amtlib.filterbanks import LinearFilterbank
from amtlib.filterbanks.gammatone import default_betamul


@dataclass(frozen=True)
class Kind:
    """A kind of filterbank.

    Attributes
    ----------
    label : str
        What the page calls it.
    made : type
        The torch module, made as ``made(fc, fs, **arguments)``.
    arguments : callable
        Takes order and bandwidth (in that of a healthy ear); returns its further arguments.
    """

    label: str
    made: type[LinearFilterbank]
    arguments: Callable[[int, float], Mapping[str, Any]]

    def bank(self, fc: torch.Tensor, fs: float, order: int, bandwidth: float) -> LinearFilterbank:
        """Return the filterbank with these centre frequencies."""
        return self.made(fc, fs, **self.arguments(order, bandwidth))

    def code(self, fc: str, fs: float, order: int, bandwidth: float) -> tuple[str, str]:
        """Return the lines of a script that import it and that make it."""
        name = self.made.__name__
        given = "".join(f", {key}={value!r}" for key, value in self.arguments(order, bandwidth).items())
        return f"from {self.made.__module__} import {name}", f"bank = {name}({fc}, fs={fs}{given})"


#: By the name that links hold; the first is the default.
KINDS: Mapping[str, Kind] = {
    "gammatone": Kind(
        "Gammatone",
        GammatoneFilterbank,
        lambda order, bandwidth: {"n": order, "betamul": float(bandwidth * default_betamul(order))},
    ),
}
