"""The filterbanks that the lab shows: a table from a kind to how it is made. A new one is a new row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from amtlib import GammatoneFilterbank
from amtlib.filterbanks import LinearFilterbank
from amtlib.filterbanks.gammatone import default_betamul
from amtlib.hearing_loss import HairCellLoss


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

    @property
    def has_losses(self) -> bool:
        """Whether each channel can have a bandwidth and a gain of its own, as an impaired ear needs."""
        return self.made is GammatoneFilterbank

    def impaired(
        self,
        fc: torch.Tensor,
        fs: float,
        order: int,
        bandwidth: float,
        loss: HairCellLoss,
        *,
        attenuated: float = 1.0,
    ) -> GammatoneFilterbank:
        """Return the filterbank of an impaired ear: channels wider by its outer loss, and weaker by all of its loss.

        Parameters
        ----------
        fc, fs, order, bandwidth
            As for `bank`.
        loss : HairCellLoss
            At these centre frequencies.
        attenuated : float
            Share of the loss in dB that the gains have.
        """
        betamul = bandwidth * default_betamul(order) * loss.broadening
        bank = GammatoneFilterbank(fc, fs, n=order, betamul=betamul)
        bank.gains = bank.gains * 10 ** (-attenuated * loss.total / 20 / order)
        return bank

    def code(self, fc: str, fs: float, order: int, bandwidth: float, share: float | None = None) -> list[str]:
        """Return the lines of a script that import it and that make it; with a share, for an impaired ear."""
        name = self.made.__name__
        given = "".join(f", {key}={value!r}" for key, value in self.arguments(order, bandwidth).items())
        if share is None:
            return [f"from {self.made.__module__} import {name}", f"bank = {name}({fc}, fs={fs}{given})"]
        betamul = float(bandwidth * default_betamul(order))
        return [
            f"from {self.made.__module__} import {name}",
            f"loss = hearing_loss.hair_cell_loss(audiogram, {fc}, {share!r})",
            f"bank = {name}({fc}, fs={fs}, n={order}, betamul={betamul!r} * loss.broadening)",
            f"bank.gains = bank.gains * 10 ** (-loss.total / 20 / {order})  # the gain of one of {order} sections",
        ]


#: By the name that links hold; the first is the default.
KINDS: Mapping[str, Kind] = {
    "gammatone": Kind(
        "Gammatone",
        GammatoneFilterbank,
        lambda order, bandwidth: {"n": order, "betamul": float(bandwidth * default_betamul(order))},
    ),
}
