"""Losses that add up: each is feature -> distance -> reduction, `+` joins them, `*` weighs them.
Source: our own; the idea of composable losses is that of the pyFDN package from 0.4 on.
Not here: features (:mod:`amtlib.train.losses.features` and its neighbours), the named losses
(:mod:`amtlib.train.losses.flat`, :mod:`amtlib.train.losses.match`).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from amtlib.train.losses.checks import Shown
from amtlib.train.losses.distances import Distance, Reduction
from amtlib.train.losses.rendered import Feature, Rendered


class Loss:
    """
    What training makes small: one term, or a weighted sum of several.

    ``a + b`` adds, ``0.1 * a`` weighs. ``loss(answer, target)`` is the weighted sum, a number that gradients flow
    through. Losses are frozen: none of this changes one.

    Examples
    --------
    >>> from amtlib.train.losses import FlatExcitation, FlatMagnitude, Sparsity
    >>> loss = FlatMagnitude() + 0.1 * FlatExcitation() + 0.2 * Sparsity()
    >>> loss
    FlatMagnitude() + 0.1 * FlatExcitation() + 0.2 * Sparsity()
    >>> [(weight, name) for weight, name, _ in loss.named_terms]
    [(1.0, 'FlatMagnitude'), (0.1, 'FlatExcitation'), (0.2, 'Sparsity')]
    """

    @property
    def parts(self) -> "tuple[tuple[float, Term], ...]":
        """The terms with their weights."""
        raise NotImplementedError

    @property
    def named_terms(self) -> "tuple[tuple[float, str, Term], ...]":
        """Weight, name and term of each; a name that was taken gets a number: ``Sparsity``, ``Sparsity_2``."""
        names = unique([term.name for _, term in self.parts])
        return tuple((weight, name, term) for (weight, term), name in zip(self.parts, names, strict=True))

    @property
    def needs_target(self) -> bool:
        """Whether any term compares with a target."""
        return any(term.needs_target for _, term in self.parts)

    def __call__(self, answer: Rendered, target: Rendered | None = None) -> Tensor:
        """
        Return the weighted sum of the terms.

        Parameters
        ----------
        answer : Rendered
            What the model answers.
        target : Rendered, optional
            What it should; default: that of the answer.

        Returns
        -------
        Tensor, shape ()

        Raises
        ------
        ValueError
            If a term needs a target and there is none, or the response does not suit a term.
        """
        seen = answer if target is None else answer.against(target)
        return torch.stack([weight * term.value(seen) for weight, term in self.parts]).sum()

    def __add__(self, other: Any) -> "Total":
        """Add another loss."""
        if not isinstance(other, Loss):
            raise TypeError(
                f"{other!r} cannot be added to a loss: add losses, as in FlatMagnitude() + 0.2 * Sparsity(); "
                "sum() of losses needs a loss as its start"
            )
        return Total((*self.parts, *other.parts))

    def __radd__(self, other: Any) -> "Total":
        """Refuse what is not a loss."""
        return self.__add__(other)

    def __mul__(self, weight: Any) -> "Total":
        """Weigh."""
        if isinstance(weight, Loss):
            raise TypeError(f"{self!r} and {weight!r} cannot be multiplied: multiply a loss by a number")
        if isinstance(weight, bool) or not isinstance(weight, int | float | np.floating | np.integer):
            raise TypeError(f"the weight {weight!r} is a {type(weight).__name__}: give one real number")
        if not 0.0 <= weight < math.inf:
            raise ValueError(
                f"the weight {weight:g} of {self!r} must be finite and at least 0: 0 switches a term off, and less "
                "would make it grow"
            )
        return Total(tuple((float(weight) * own, term) for own, term in self.parts))

    def __rmul__(self, weight: Any) -> "Total":
        """Weigh."""
        return self.__mul__(weight)


class Term(Shown, Loss):
    """
    One loss: a feature of the answer, its distance from what it should be, reduced to a number.

    Subclasses are frozen dataclasses that say which; to compose one freely, see :class:`Compare`.

    Attributes
    ----------
    name : str
        What it is logged as: the class, unless :meth:`named` says otherwise.
    reads : str
        What it needs of the answer, see :class:`Feature`.
    """

    @property
    def name(self) -> str:
        """What it is logged as."""
        return type(self).__name__

    def ideas(self) -> tuple[Feature, Distance, Reduction]:
        """Return what it looks at, how far each entry is off, and how that becomes one number."""
        raise NotImplementedError

    @property
    def parts(self) -> "tuple[tuple[float, Term], ...]":
        """Itself, with weight 1."""
        return ((1.0, self),)

    @property
    def needs_target(self) -> bool:
        """Whether it compares with a target."""
        _, distance, reduction = self.ideas()
        return distance.needs_target or reduction.needs_target

    @property
    def reads(self) -> str:
        """What it needs of the answer."""
        return self.ideas()[0].reads

    def named(self, name: str) -> "Named":
        """
        Return the same loss under another name in the log.

        Examples
        --------
        >>> from amtlib.train.losses import FlatMagnitude
        >>> FlatMagnitude().named("flat").name
        'flat'
        """
        return Named(self, name)

    def value(self, answer: Rendered) -> Tensor:
        """Return the loss of an answer, compared with its target, shape ()."""
        feature, distance, reduction = self.ideas()
        target = answer.target
        if self.needs_target and target is None:
            raise ValueError(f"{self!r} needs a target: give target=, the impulse response to match")
        mine = answer.of(feature)
        wanted: tuple[Tensor | None, ...] = (None,) * len(mine)
        if target is not None and self.needs_target:
            with torch.no_grad():
                wanted = target.of(feature)
        found = [reduction(distance(a, b), b).reshape(()) for a, b in zip(mine, wanted, strict=True)]
        return found[0] if len(found) == 1 else torch.stack(found).sum()


@dataclass(frozen=True, repr=False)
class Compare(Term):
    """
    A loss of your own: ``reduction(distance(feature(answer), feature(target)))``, summed over a feature's tensors.

    Parameters
    ----------
    feature : Feature
        Such as :class:`Magnitude`, :class:`Excitation`, :class:`Cochleagram`, :class:`EnergyDecay`.
    distance : Distance
        Such as :class:`Absolute`, or ``Squared(to=1.0)``, which needs no target.
    reduction : Reduction
        Such as :class:`Mean` or :class:`RelativeMean`.

    Examples
    --------
    >>> from amtlib.train.losses import Absolute, Compare, Magnitude, Mean
    >>> Compare(Magnitude(), Absolute(to=1.0), Mean()) * 2
    2 * Compare(Magnitude(), Absolute(to=1.0), Mean())
    """

    feature: Feature
    distance: Distance
    reduction: Reduction

    def ideas(self) -> tuple[Feature, Distance, Reduction]:
        """Return what it was given."""
        return self.feature, self.distance, self.reduction

    def __repr__(self) -> str:
        """Read like what was typed."""
        return f"Compare({self.feature!r}, {self.distance!r}, {self.reduction!r})"


@dataclass(frozen=True, repr=False)
class Named(Term):
    """A term under another name."""

    term: Term
    label: str

    def __post_init__(self) -> None:
        """Check the name."""
        if not isinstance(self.label, str) or not self.label.strip():
            raise ValueError(f"the name {self.label!r} of {self.term!r} is empty or no text: give a word")

    @property
    def name(self) -> str:
        """The label."""
        return self.label

    def ideas(self) -> tuple[Feature, Distance, Reduction]:
        """Return those of the term."""
        return self.term.ideas()

    def __repr__(self) -> str:
        """Read like what was typed."""
        return f"{self.term!r}.named({self.label!r})"


@dataclass(frozen=True, repr=False)
class Total(Loss):
    """A weighted sum of terms; made by `+` and `*`."""

    weighted: tuple[tuple[float, Term], ...]

    @property
    def parts(self) -> tuple[tuple[float, Term], ...]:
        """The terms with their weights."""
        return self.weighted

    def __repr__(self) -> str:
        """Read like what was typed."""
        return " + ".join(
            repr(term) if weight == 1.0 else f"{weight:.6g} * {term!r}" for weight, term in self.parts
        )


def unique(names: list[str]) -> list[str]:
    """
    Return names of which no two are alike: from the second of a name on, with a number.

    Examples
    --------
    >>> unique(["flat", "flat", "match"])
    ['flat', 'flat_2', 'match']
    """
    found: list[str] = []
    for plain in names:
        name, count = plain, 1
        while name in found:
            count += 1
            name = f"{plain}_{count}"
        found.append(name)
    return found
