"""Procedures that choose the next value of a variable from the answers so far.
Source: Levitt (1971), J. Acoust. Soc. Am. 49, 467-477 (transformed up-down); Kaernbach (1991), Perception &
Psychophysics 49, 227-229 (weighted up-down); Kontsevich and Tyler (1999), Vision Research 39, 2729-2737 (psi).
Not here: trials and runs (:mod:`amtlib.experiments.run`).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from amtlib.errors import ArgumentError
from amtlib.experiments.experiment import Variable
from amtlib.experiments.psychometric import PsychometricFunction
from amtlib.experiments.settings import check_settings, count, quantity


class Tracker(ABC):
    """
    A procedure at work on one variable.

    Attributes
    ----------
    value : float
        What to present next.
    clamped : bool
        Whether the procedure wanted to leave the variable's range, so that `value` is its end.
    reversals : list of (int, float)
        After which answers the direction changed, from 0, and at which values; of up-down procedures.
    """

    value: float
    clamped: bool = False

    def __init__(self) -> None:
        self.reversals: list[tuple[int, float]] = []
        self.answers = 0

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether no further answer is wanted."""

    @property
    @abstractmethod
    def threshold(self) -> float | None:
        """The estimate, or None while there is too little to tell."""

    @property
    @abstractmethod
    def spread(self) -> float | None:
        """Its standard deviation, in the variable's unit, or as a factor on a logarithmic scale."""

    @abstractmethod
    def answer(self, right: bool) -> None:
        """Take the answer to the trial at the present value."""


class Procedure(ABC):
    """A rule; :meth:`Procedure.tracker` puts it to work."""

    name: ClassVar[str]

    @abstractmethod
    def tracker(self, variable: Variable, intervals: int) -> Tracker:
        """Return the rule at work on a variable, in trials of some intervals."""

    @property
    @abstractmethod
    def probability(self) -> float:
        """Probability of a right answer at the threshold."""

    def settings(self) -> dict[str, Any]:
        """Return all settings by their names, as JSON takes them."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True, kw_only=True)
class UpDown(Procedure):
    """
    One step harder after right answers, one step easier after a wrong one.

    Parameters
    ----------
    down : int
        Right answers in a row that make it harder: the threshold is at a probability of ``2 ** (-1 / down)``, 0.707
        with 2 and 0.794 with 3.
    weighted : float
        Instead, after every right answer, with steps up ``p / (1 - p)`` times those down: converges at this p, 0.5 to
        0.95. 0 for not so.
    steps : tuple of float
        Sizes (differences, or factors on a logarithmic scale), from first to last; () for the experiment's own.
    every : int
        Reversals after which the next size is taken.
    reversals : int
        That count, at the last size: an even number. The threshold is their mean on the variable's scale.
    most : int
        Trials at which it ends all the same.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> level = Variable("level", "dB SPL", 0.0, 100.0, 50.0, (8.0, 4.0, 2.0))
    >>> track = UpDown(down=2).tracker(level, 3)
    >>> seen = []
    >>> for right in (True, True, True, True, False):
    ...     seen.append(track.value)
    ...     track.answer(right)
    >>> seen, track.value, track.reversals
    ([50.0, 50.0, 42.0, 42.0, 34.0], 42.0, [(4, 34.0)])
    """

    name: ClassVar[str] = "up_down"

    down: int = count(2, 1, 4, "Right answers in a row that make it harder")
    weighted: float = quantity(
        0.0,
        0.0,
        0.95,
        "",
        "Probability to converge at, by steps of two sizes; 0: equal steps",
    )
    steps: tuple[float, ...] = ()
    every: int = count(2, 1, 4, "Reversals after which steps get smaller")
    reversals: int = count(8, 2, 40, "Reversals that count")
    most: int = count(120, 10, 1000, "Most trials")

    def __post_init__(self) -> None:
        check_settings(self)
        object.__setattr__(self, "steps", tuple(float(step) for step in self.steps))
        if self.weighted and self.weighted < 0.5:
            raise ArgumentError(f"{{weighted}} = {self.weighted:g}: choose 0.5 to 0.95, or 0 for equal steps")
        if self.weighted and self.down != 1:
            object.__setattr__(self, "down", 1)
        if self.reversals % 2:
            raise ArgumentError(
                f"{{reversals}} = {self.reversals} is odd: choose an even number, as many ups as downs"
            )
        if any(not (math.isfinite(step) and step > 0.0) for step in self.steps):
            raise ArgumentError(f"{{steps}} = {self.steps}: choose finite numbers > 0")

    @property
    def probability(self) -> float:
        """Probability of a right answer at which the procedure stays where it is."""
        return self.weighted or 2.0 ** (-1.0 / self.down)

    def tracker(self, variable: Variable, intervals: int) -> Tracker:
        """Return the rule at work."""
        steps = self.steps or variable.steps
        if variable.scale == "log" and any(step <= 1.0 for step in steps):
            raise ArgumentError(
                f"{{steps}} = {steps} are factors for {variable.name}, which is tracked on a logarithmic scale: choose "
                "numbers > 1"
            )
        return _UpDownTracker(self, variable, steps)


class _UpDownTracker(Tracker):
    def __init__(self, rule: UpDown, variable: Variable, steps: tuple[float, ...]) -> None:
        super().__init__()
        self._rule, self._variable, self._steps = rule, variable, steps
        self.value = variable.start
        self._run = self._direction = self._size = 0
        self._counted: list[float] = []

    @property
    def finished(self) -> bool:
        return len(self._counted) >= self._rule.reversals or self.answers >= self._rule.most

    def _move(self, towards: int) -> None:
        if self._direction == -towards:
            last = self._size == len(self._steps) - 1
            self.reversals.append((self.answers, self.value))
            if last:
                self._counted.append(self._variable.to_scale(self.value))
            elif len(self.reversals) % self._rule.every == 0:
                self._size += 1
        self._direction = towards
        step = self._steps[self._size]
        if self._rule.weighted and towards > 0:
            ratio = self._rule.weighted / (1.0 - self._rule.weighted)
            step = self._variable.from_scale(ratio * self._variable.to_scale(step))
        wanted = self._variable.stepped(self.value, step, towards)
        self.value = self._variable.clamped(wanted)
        self.clamped = self.value != wanted

    def answer(self, right: bool) -> None:
        self._run = self._run + 1 if right else 0
        if not right:
            self._move(1)
        elif self._run == self._rule.down:
            self._run = 0
            self._move(-1)
        self.answers += 1

    def _last(self) -> list[float]:
        return self._counted[: len(self._counted) // 2 * 2]

    @property
    def threshold(self) -> float | None:
        counted = self._last()
        return self._variable.from_scale(float(np.mean(counted))) if counted else None

    @property
    def spread(self) -> float | None:
        counted = self._last()
        return self._variable.from_scale(float(np.std(counted, ddof=1))) if counted else None


@dataclass(frozen=True, kw_only=True)
class Psi(Procedure):
    """
    Present what is expected to teach most about midpoint and width of the psychometric function.

    The posterior probability of both is kept on a grid; each value presented is that after which its entropy is
    expected to be least.

    Parameters
    ----------
    trials : int
        After which it ends.
    precision : float
        Standard deviation of the threshold at which it ends before, in steps of the experiment's last size; 0 for
        never.
    lapse : float
        Rate of lapses that is reckoned with.
    percent_correct : float
        At the threshold, %.
    points : int
        Of the grid of midpoints, and of the values that may be presented.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> level = Variable("level", "dB SPL", 0.0, 100.0, 50.0, (8.0, 4.0, 2.0))
    >>> track = Psi().tracker(level, 3)
    >>> for _ in range(30):
    ...     track.answer(track.value > 35.0)
    >>> 30.0 < track.threshold < 40.0, track.spread < 4.0
    (True, True)
    """

    name: ClassVar[str] = "psi"

    trials: int = count(50, 5, 1000, "Trials")
    precision: float = quantity(0.0, 0.0, 10.0, "", "Spread at which it ends, in steps of the last size")
    lapse: float = quantity(0.02, 0.0, 0.1, "", "Rate of lapses")
    percent_correct: float = quantity(100.0 * 2.0**-0.5, 55.0, 95.0, "%", "Right answers at the threshold")
    points: int = count(81, 21, 201, "Points of the grid")

    def __post_init__(self) -> None:
        check_settings(self)
        if self.percent_correct / 100.0 > 0.99 - self.lapse:
            raise ArgumentError(
                f"{{percent_correct}} = {self.percent_correct:g} % is out of reach with {{lapse}} = {self.lapse:g}: "
                "lower either"
            )

    @property
    def probability(self) -> float:
        """Probability of a right answer at the threshold."""
        return self.percent_correct / 100.0

    def tracker(self, variable: Variable, intervals: int) -> Tracker:
        """Return the rule at work."""
        return _PsiTracker(self, variable, intervals)


class _PsiTracker(Tracker):
    #: Widths of the grid as shares of the variable's range
    _WIDTHS = np.geomspace(0.01, 0.5, 12)

    def __init__(self, rule: Psi, variable: Variable, intervals: int) -> None:
        super().__init__()
        self._rule, self._variable = rule, variable
        low, high = variable.to_scale(variable.low), variable.to_scale(variable.high)
        self._places = np.linspace(low, high, rule.points)
        widths = self._WIDTHS * (high - low)
        guess = 1.0 / intervals
        unit = PsychometricFunction(0.0, 1.0, guess, rule.lapse)
        away = variable.easier * (self._places[:, None, None] - self._places[None, :, None])
        # Probability of a right and of a wrong answer: presented, midpoint times width
        right = unit(away / widths).reshape(rule.points, -1)
        self._outcomes = right, 1.0 - right
        self._informative = [p * np.log(np.maximum(p, 1e-300)) for p in self._outcomes]
        self._posterior = np.full(right.shape[1], 1.0 / right.shape[1])
        beyond = variable.easier * widths * unit.value_at(rule.probability)
        self._thresholds = (self._places[:, None] + beyond).reshape(-1)
        self._choose()

    def _choose(self) -> None:
        own = self._posterior * np.log(np.maximum(self._posterior, 1e-300))
        entropy = np.zeros(self._rule.points)
        for p, informative in zip(self._outcomes, self._informative, strict=True):
            share = p @ self._posterior
            entropy += share * np.log(np.maximum(share, 1e-300)) - informative @ self._posterior - p @ own
        # Rounded, so that other processors choose the same of two that are as good
        self._at = int(np.argmin(np.round(entropy, 9)))
        self.value = self._variable.clamped(self._variable.from_scale(float(self._places[self._at])))

    def answer(self, right: bool) -> None:
        self._posterior = self._posterior * self._outcomes[0 if right else 1][self._at]
        self._posterior /= self._posterior.sum()
        self.answers += 1
        self._choose()

    def _moments(self) -> tuple[float, float]:
        mean = float((self._posterior * self._thresholds).sum())
        return mean, math.sqrt(float((self._posterior * (self._thresholds - mean) ** 2).sum()))

    @property
    def finished(self) -> bool:
        step = self._variable.to_scale(self._variable.steps[-1])
        enough = self._rule.precision > 0.0 and self._moments()[1] <= self._rule.precision * step
        return self.answers >= self._rule.trials or enough

    @property
    def threshold(self) -> float | None:
        return self._variable.from_scale(self._moments()[0]) if self.answers else None

    @property
    def spread(self) -> float | None:
        return self._variable.from_scale(self._moments()[1]) if self.answers else None


#: Procedures by their names
PROCEDURES: Mapping[str, type[Procedure]] = {kind.name: kind for kind in (UpDown, Psi)}
