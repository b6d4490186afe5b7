"""Losses that add up: each is feature -> distance -> reduction, `+` joins them, `*` weighs them.
Source: losses that are composed so come from the pyFDN package, 0.4 and later.
Not here: features (:mod:`amtlib.train.losses.features` and its neighbours), the named losses
(:mod:`amtlib.train.losses.flat`, :mod:`amtlib.train.losses.match`).
"""

import math
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from amtlib.fdn.build import sampling_rate
from amtlib.train.losses.checks import Shown
from amtlib.train.losses.distances import Distance, Reduction
from amtlib.train.losses.rendered import Feature, Rendered
from amtlib.train.losses.tensors import of_matrix, of_tensors


class Loss(nn.Module):
    """
    What training makes small: one term, or a weighted sum of several.

    ``a + b`` adds, ``0.1 * a`` weighs. ``loss(y, target)`` is the weighted sum, a number that gradients flow
    through: in a network of your own, too. Losses are frozen, none of this changes one, and they hold no parameters.

    Examples
    --------
    >>> from amtlib.train.losses import MatchCochleagram
    >>> target = torch.randn(2, 4800, generator=torch.Generator().manual_seed(0))
    >>> y = (0.5 * target).requires_grad_()
    >>> loss = MatchCochleagram(fs=48000)(y, target)
    >>> loss.backward()
    >>> loss.shape, y.grad.shape
    (torch.Size([]), torch.Size([2, 4800]))

    For ``train_fdn(model, loss=...)``:

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

    def classes(self) -> set[type]:
        """
        Return the classes that the loss is written out with: what a script must import.

        Examples
        --------
        >>> from amtlib.train.losses import Absolute, FlatPower, Magnitude, Mean
        >>> loss = FlatPower() + Compare(Magnitude(), Absolute(to=1.0), Mean()).named("mine")
        >>> sorted(found.__name__ for found in loss.classes())
        ['Absolute', 'Compare', 'FlatPower', 'Magnitude', 'Mean']
        """
        return set().union(*(term.classes() for _, term in self.parts))

    def __new__(cls, *args: Any, **settings: Any) -> Self:
        """Make the module before the frozen dataclass, which sets no attributes of its own."""
        made = super().__new__(cls)
        nn.Module.__init__(made)
        return made

    def train(self, mode: bool = True) -> Self:
        """Change nothing: losses are the same in training and after it."""
        return self

    @property
    def rate(self) -> float | None:
        """The sampling rate in Hz that it was made for; None if for any."""
        rates = sorted({term.fs for _, term in self.parts if term.fs is not None})
        if len(rates) > 1:
            raise ValueError(f"{self!r} names the rates {' and '.join(f'{r:g}' for r in rates)} Hz: give one")
        return rates[0] if rates else None

    def forward(
        self,
        y: Tensor | Rendered,
        target: npt.ArrayLike | Tensor | Rendered | None = None,
        *,
        fs: float | None = None,
        matrix: Tensor | None = None,
    ) -> Tensor:
        """
        Return the weighted sum of the terms.

        Parameters
        ----------
        y : Tensor, shape (T,), (B, T) or (B, C, T), or Rendered
            Responses in time, floats: one, B of them, or B with C channels each. A loss that looks at the matrix alone
            takes that, (N, N).
        target : Tensor or array, shaped like `y` or one for all, (T,) or (C, T), or Rendered
            What `y` should be, for losses that compare. No gradient flows through it. Default: that of the answer.
        fs : float, optional
            Sampling rate in Hz. Default: that which the loss was made for, ``MatchCochleagram(fs=48000)``.
        matrix : Tensor, shape (N, N), optional
            Feedback matrix, for sums with a term that looks at it.

        Returns
        -------
        Tensor, shape ()
            Of tensors: the mean over B of what each response gives alone.

        Raises
        ------
        ValueError
            If a term needs a target, a rate or a matrix and there is none, or the response does not suit a term.
        TypeError
            If `y` is no tensor of floats.
        """
        if isinstance(y, Rendered):
            if target is not None and not isinstance(target, Rendered):
                raise TypeError(
                    f"target is a {type(target).__name__}, y a Rendered: give both as tensors, or "
                    "Rendered.of_response(target, fs)"
                )
            seen = y if target is None else y.against(target)
            return torch.stack([weight * term.value(seen) for weight, term in self.parts]).sum()
        if all(term.reads == "matrix" for _, term in self.parts):
            return self.forward(of_matrix(y if matrix is None else matrix))
        if self.needs_target and target is None:
            raise ValueError(f"{self!r} needs a target: give it as the second argument, shaped like y")
        rate = self.rate if fs is None else sampling_rate(fs)
        if rate is None and any(term.needs_rate for _, term in self.parts):
            name = next(repr(term) for _, term in self.parts if term.needs_rate)
            raise ValueError(f"{name} needs the sampling rate of y: give fs=, here or when the loss is made")
        answers = of_tensors(y, target if self.needs_target else None, rate, matrix)
        return torch.stack([self.forward(answer) for answer in answers]).mean()

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


@dataclass(frozen=True, repr=False)
class Term(Shown, Loss):
    """
    One loss: a feature of the answer, its distance from what it should be, reduced to a number.

    Subclasses are frozen dataclasses that say which; to compose one freely, see :class:`Compare`.

    Parameters
    ----------
    fs : float, optional
        Sampling rate in Hz of the tensors that it will be called with; in training, the network's. Keyword of each
        loss.

    Attributes
    ----------
    name : str
        What it is logged as: the class, unless :meth:`named` says otherwise.
    reads : str
        What it needs of the answer, see :class:`Feature`.
    """

    fs: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the rate, and the settings: they are those of what the definition is made of."""
        if self.fs is not None:
            object.__setattr__(self, "fs", sampling_rate(self.fs))
        self.definition()

    @property
    def name(self) -> str:
        """What it is logged as."""
        return type(self).__name__

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return what it looks at, how far each entry is off, and how that becomes one number."""
        raise NotImplementedError

    @property
    def parts(self) -> "tuple[tuple[float, Term], ...]":
        """Itself, with weight 1."""
        return ((1.0, self),)

    @property
    def needs_target(self) -> bool:
        """Whether it compares with a target."""
        _, distance, reduction = self.definition()
        return distance.needs_target or reduction.needs_target

    @property
    def reads(self) -> str:
        """What it needs of the answer."""
        return self.definition()[0].reads

    @property
    def needs_rate(self) -> bool:
        """Whether it depends on the sampling rate."""
        return not getattr(self.definition()[0], "rateless", False)

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
        feature, distance, reduction = self.definition()
        target = answer.target if distance.needs_target or reduction.needs_target else None
        if target is None and self.needs_target:
            raise ValueError(f"{self!r} needs a target: give target=, the impulse response to match")
        mine = answer.of(feature)
        wanted: tuple[Tensor | None, ...] = (None,) * len(mine)
        if target is not None:
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

    def definition(self) -> tuple[Feature, Distance, Reduction]:
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
        object.__setattr__(self, "fs", self.term.fs if self.fs is None else self.fs)
        super().__post_init__()
        if not isinstance(self.label, str) or not self.label.strip():
            raise ValueError(f"the name {self.label!r} of {self.term!r} is empty or no text: give a word")

    @property
    def name(self) -> str:
        """The label."""
        return self.label

    def classes(self) -> set[type]:
        """Return those of the term."""
        return self.term.classes()

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return those of the term."""
        return self.term.definition()

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
