"""From two features to a number: distances, entry by entry, and reductions.
Source: norms of spectrograms as in the specification.
Not here: what is compared (:mod:`amtlib.train.losses.features` and its neighbours).
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from amtlib.train.losses.checks import Shown, check_number


class Distance(Protocol):
    """How far each entry of a feature lies from the target's, or from what it should be."""

    @property
    def needs_target(self) -> bool:
        """Whether it compares with a target."""
        ...

    def __call__(self, mine: Tensor, wanted: Tensor | None) -> Tensor:
        """Return the distances, in the shape of `mine`."""
        ...


class Reduction(Protocol):
    """How the distances become one number."""

    @property
    def needs_target(self) -> bool:
        """Whether it scales or masks by a target."""
        ...

    def __call__(self, distances: Tensor, wanted: Tensor | None) -> Tensor:
        """Return a number."""
        ...


def given(wanted: Tensor | None) -> Tensor:
    """Return the target's feature, or say that there is none."""
    if wanted is None:
        raise ValueError("this loss needs a target: give target=, the impulse response to match")
    return wanted


@dataclass(frozen=True, repr=False)
class Difference(Shown):
    """Signed difference from the target, or from the number `to`."""

    to: float | None = None

    @property
    def needs_target(self) -> bool:
        """Whether there is no number to compare with."""
        return self.to is None

    def __call__(self, mine: Tensor, wanted: Tensor | None) -> Tensor:
        """Subtract."""
        if self.to == 0.0:
            return mine
        return mine - (given(wanted) if self.to is None else self.to)


@dataclass(frozen=True, repr=False)
class Absolute(Difference):
    """Size of the difference from the target, or from the number `to`."""

    def __call__(self, mine: Tensor, wanted: Tensor | None) -> Tensor:
        """Subtract, and drop the sign."""
        return Difference.__call__(self, mine, wanted).abs()


@dataclass(frozen=True, repr=False)
class Squared(Difference):
    """Squared difference from the target, or from the number `to`."""

    def __call__(self, mine: Tensor, wanted: Tensor | None) -> Tensor:
        """Subtract, and square."""
        return Difference.__call__(self, mine, wanted).square()


@dataclass(frozen=True, repr=False)
class Excess(Shown):
    """
    What lies above `over` to some power; below there is no distance.

    Examples
    --------
    >>> Excess(1.0, 2.0)(torch.tensor([0.5, 3.0]), None)
    tensor([0., 4.])
    """

    over: float = 0.0
    power: float = 1.0
    needs_target = False

    def __post_init__(self) -> None:
        """Check the power."""
        check_number(self.power, "power", 1.0, 16.0)

    def __call__(self, mine: Tensor, wanted: Tensor | None) -> Tensor:
        """Cut off below, and raise."""
        return (mine - self.over).clamp_min(0.0).pow(self.power)


@dataclass(frozen=True, repr=False)
class Lopsided(Shown):
    """
    Distance from `to`: what lies above to some power, what lies below squared.

    Examples
    --------
    >>> Lopsided(1.0, 4.0)(torch.tensor([0.5, 3.0]), None)
    tensor([ 0.2500, 16.0000])
    """

    to: float = 1.0
    power: float = 4.0
    needs_target = False

    def __post_init__(self) -> None:
        """Check the power."""
        check_number(self.power, "power", 2.0, 16.0)

    def __call__(self, mine: Tensor, wanted: Tensor | None) -> Tensor:
        """Raise either side."""
        off = mine - self.to
        return off.clamp_min(0.0).pow(self.power) + off.clamp_max(0.0).square()


@dataclass(frozen=True, repr=False)
class Lack(Shown):
    """What is missing up to `of`, squared; above there is no distance."""

    of: float = 1.0
    needs_target = False

    def __call__(self, mine: Tensor, wanted: Tensor | None) -> Tensor:
        """Cut off above, and square."""
        return (self.of - mine).clamp_min(0.0).square()


@dataclass(frozen=True, repr=False)
class Deviation(Shown):
    """Difference of each entry from the mean of its row; of those above it alone, if `above`."""

    above: bool = False
    needs_target = False

    def __call__(self, mine: Tensor, wanted: Tensor | None) -> Tensor:
        """Subtract the mean along the last axis."""
        off = mine - mine.mean(dim=-1, keepdim=True)
        return off.clamp_min(0.0) if self.above else off


@dataclass(frozen=True, repr=False)
class Mean(Shown):
    """The mean over all entries."""

    needs_target = False

    def __call__(self, distances: Tensor, wanted: Tensor | None) -> Tensor:
        """Average."""
        return distances.mean()


@dataclass(frozen=True, repr=False)
class RelativeMean(Shown):
    """
    The sum over all entries as a share of that of the target's entries to some power: 1 for silence.

    Examples
    --------
    >>> RelativeMean(2.0)(torch.tensor([1.0, 0.0]), torch.tensor([1.0, -1.0]))
    tensor(0.5000)
    """

    power: float = 1.0
    needs_target = True

    def __post_init__(self) -> None:
        """Check the power."""
        check_number(self.power, "power", 0.1, 16.0)

    def __call__(self, distances: Tensor, wanted: Tensor | None) -> Tensor:
        """Divide."""
        return distances.sum() / given(wanted).abs().pow(self.power).sum()


@dataclass(frozen=True, repr=False)
class MeanAbove(Shown):
    """
    The mean over the entries where the target lies above a floor, `floor_db` relative to the greatest of its row.

    For levels in dB. What the target does not hold, because it was cut or is drowned in noise, is not compared.

    Examples
    --------
    >>> MeanAbove(-60.0)(torch.tensor([[1.0, 5.0]]), torch.tensor([[0.0, -70.0]]))
    tensor(1.)
    """

    floor_db: float = -60.0
    needs_target = True

    def __post_init__(self) -> None:
        """Check the floor."""
        check_number(self.floor_db, "floor_db", -200.0, -1.0, "dB")

    def __call__(self, distances: Tensor, wanted: Tensor | None) -> Tensor:
        """Average what is above the floor."""
        level = given(wanted)
        counts = level > level.amax(dim=-1, keepdim=True) + self.floor_db
        return torch.where(counts, distances, 0.0).sum() / counts.sum()


@dataclass(frozen=True, repr=False)
class NormPerEntry(Shown):
    """Euclidean norm over the number of entries: that of the specification's spectrograms."""

    needs_target = False

    def __call__(self, distances: Tensor, wanted: Tensor | None) -> Tensor:
        """Take the norm, whose gradient at 0 is 0."""
        norm: Tensor = torch.linalg.vector_norm(distances)
        return norm / distances.numel()


@dataclass(frozen=True, repr=False)
class Spread(Shown):
    """
    Standard deviation of each row, averaged over rows; its gradient at 0 is 0.

    Examples
    --------
    >>> Spread()(torch.tensor([[1.0, 3.0]]), None)
    tensor(1.)
    """

    needs_target = False

    def __call__(self, distances: Tensor, wanted: Tensor | None) -> Tensor:
        """Take the standard deviations."""
        return distances.std(dim=-1, correction=0).mean()


@dataclass(frozen=True, repr=False)
class RootMean(Shown):
    """
    ``(mean d^power)^(1 / power)`` of each row, averaged over rows: 2 for an rms, more to count peaks.

    Examples
    --------
    >>> RootMean()(torch.tensor([[3.0, -3.0]]), None)
    tensor(3.)
    """

    power: float = 2.0
    needs_target = False

    def __post_init__(self) -> None:
        """Check the power."""
        check_number(self.power, "power", 1.0, 64.0)

    def __call__(self, distances: Tensor, wanted: Tensor | None) -> Tensor:
        """Take the norms, whose gradient at 0 is 0."""
        share = math.pow(distances.shape[-1], 1.0 / self.power)
        norms: Tensor = torch.linalg.vector_norm(distances, self.power, dim=-1)
        return norms.mean() / share
