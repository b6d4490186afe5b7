"""What all experiments share: a tracked variable, settings, and trials of several intervals made from a seed.
Source: forced choice as in Green and Swets (1966), Signal Detection Theory and Psychophysics.
Not here: the experiments themselves (:mod:`amtlib.experiments.catalogue`), procedures, and listeners.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from amtlib import signals
from amtlib.errors import ArgumentError, OutOfRange
from amtlib.experiments.settings import MOST, check_settings, count, derived_seed, quantity, uniform
from amtlib.results import Result
from amtlib.signals.frame import number, whole

#: Levels that any interval may have, dB SPL
SOFTEST, LOUDEST = 0.0, 100.0


def in_turn(sounds: Iterable[Tensor], pause: Tensor, fs: float) -> tuple[Tensor, list[float]]:
    """
    Return sounds one after the other with pauses between them, and when each begins, s.

    Examples
    --------
    >>> in_turn([torch.ones(2), torch.ones(1)], torch.zeros(2), 4.0)
    (tensor([1., 1., 0., 0., 1.]), [0.0, 1.0])
    """
    parts: list[Tensor] = []
    begins: list[float] = []
    for each in sounds:
        begins.append(sum(map(len, parts)) / fs)
        parts += [each, pause]
    return torch.cat(parts[:-1]), begins


@dataclass(frozen=True)
class Variable:
    """
    What a procedure changes from trial to trial.

    Parameters
    ----------
    name, unit : str
        What it is called, and its unit.
    low, high : float
        Closed range of its values; a procedure that wants to leave it stays at its end.
    start : float
        Value of the first trial, easy for everybody.
    steps : tuple of float
        Sizes of a procedure's steps, from first to last: differences on a linear scale, factors on a logarithmic one.
    scale : {'linear', 'log'}
        How steps are applied, and on which scale means are taken.
    easier : {1, -1}
        Whether larger or smaller values are easier.

    Examples
    --------
    >>> gap = Variable("gap", "ms", 0.5, 100.0, 20.0, (2.0, 1.41), "log")
    >>> round(gap.stepped(20.0, 2.0, -1), 6), gap.clamped(0.1)
    (10.0, 0.5)
    """

    name: str
    unit: str
    low: float
    high: float
    start: float
    steps: tuple[float, ...]
    scale: Literal["linear", "log"] = "linear"
    easier: int = 1

    def to_scale(self, value: float) -> float:
        """Return a value on the scale on which steps are differences."""
        return math.log(value) if self.scale == "log" else value

    def from_scale(self, place: float) -> float:
        """Return the value at a place on that scale."""
        return math.exp(place) if self.scale == "log" else place

    def stepped(self, value: float, step: float, towards: int) -> float:
        """Return the value one step easier (`towards` = 1) or harder (-1), without regard to the range."""
        return self.from_scale(self.to_scale(value) + towards * self.easier * self.to_scale(step))

    def clamped(self, value: float) -> float:
        """Return the nearest value in the range."""
        return min(max(value, self.low), self.high)


@dataclass(frozen=True, kw_only=True, repr=False)
class Experiment(ABC):
    """
    A forced-choice experiment: intervals of one length, one of which has the target.

    Derive from it as a frozen dataclass: give `name`, `title` and `question`, a `variable`, and :meth:`sound`. Settings
    named in `tones` and `ramps` are held against the sampling rate and the lengths of sounds.

    Parameters
    ----------
    intervals : int
        Of a trial, 2 to 4.
    pause : float
        Between intervals, s.
    before, after : float
        Silence within each interval before and after its sound, s.
    rove : float
        Largest change of an interval's level at random, up or down, dB.
    fs : float
        Sampling rate, Hz.
    loudest : float
        Highest level that any sound may have, dB SPL: the range of a level that is tracked ends there.

    Raises
    ------
    ValueError
        If a setting is out of its range, or a sound could leave 0 dB SPL to `loudest`.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    question: ClassVar[str] = ""
    #: Whether intervals without the target depend on the variable, too
    reference_varies: ClassVar[bool] = False
    #: Rises and falls, each with the sound that has them, by the names of the settings
    ramps: ClassVar[tuple[tuple[str, str], ...]] = (("ramp", "duration"),)

    intervals: int = count(3, 2, 4, "Intervals of a trial")
    pause: float = quantity(0.4, 0.0, 2.0, "s", "Pause between intervals")
    before: float = quantity(0.0, 0.0, 1.0, "s", "Silence at the beginning of each interval")
    after: float = quantity(0.0, 0.0, 1.0, "s", "Silence at the end of each interval")
    rove: float = quantity(0.0, 0.0, 20.0, "dB", "Largest random change of an interval's level, up or down")
    fs: float = quantity(44100.0, 16000.0, 96000.0, "Hz", "Sampling rate")
    loudest: float = quantity(LOUDEST, 40.0, LOUDEST, "dB SPL", "Highest level that any sound may have")

    def __post_init__(self) -> None:
        check_settings(self)
        self._check()

    @property
    @abstractmethod
    def variable(self) -> Variable:
        """What a procedure changes."""

    @property
    def supra(self) -> float:
        """A value at which the target is clear, for templates; that of the first trial unless said otherwise."""
        return self.variable.start

    @property
    def random(self) -> bool:
        """Whether intervals without the target differ from one another."""
        return self.rove > 0.0

    @property
    def length(self) -> float:
        """Seconds of the sound of an interval, without the silence around it; the `duration` unless said otherwise."""
        return float(vars(self)["duration"])

    @abstractmethod
    def sound(self, value: float, seed: int, target: bool) -> Tensor:
        """Return the sound of an interval of a trial at a value, with or without the target; shape (T,), Pa."""

    def interval(self, value: float, seed: int, *, target: bool) -> Tensor:
        """
        Return one interval, with silence around its sound, and its level roved.

        Parameters
        ----------
        value : float
            Value of the variable.
        seed : int
            0 to 2**32 - 1; equal seeds give equal noises, and equal changes of level.
        target : bool
            Whether the interval has the target.

        Returns
        -------
        Tensor, shape (T,), float64
            Pressure in Pa.

        Raises
        ------
        ValueError
            If the value is out of the range of :attr:`variable`.
        """
        change = self.rove * (2.0 * uniform(seed, 1) - 1.0)
        return self._padded(self.sound(self._checked(value), seed, target) * 10.0 ** (change / 20.0))

    def trial(self, value: float, target: int, seed: int, number: int = 0, *, catch: bool = False) -> "Trial":
        """
        Return a trial: its sounds follow from the arguments alone.

        Parameters
        ----------
        value : float
            Value of the variable.
        target : int
            Which interval has it, 0 to `intervals` - 1.
        seed : int
            0 to 2**32 - 1.
        number : int
            Of the trial within its run.
        catch : bool
            Whether it tests attention, at an easy value.

        Returns
        -------
        Trial

        Raises
        ------
        ValueError
            If a value is out of its range.
        """
        found = self._checked(value)
        target = whole(target, "target", 0, self.intervals - 1)
        return Trial(self, number, found, target, whole(seed, "seed", 0, MOST), catch)

    def sounds(self, value: float, target: int, seed: int) -> Tensor:
        """Return the intervals of a trial as a listener's model takes them, shape (intervals, T), Pa."""
        return torch.stack(
            [self.interval(value, derived_seed(seed, k), target=k == target) for k in range(self.intervals)]
        )

    def presentation(self, value: float, target: int, seed: int) -> tuple[Tensor, list[float]]:
        """Return a trial as it is played, shape (T,), Pa, and where its intervals begin, s."""
        pause = torch.zeros(self._samples(self.pause), dtype=torch.float64)
        return in_turn(self.sounds(value, target, seed), pause, self.fs)

    def settings(self) -> dict[str, Any]:
        """Return all settings by their names, as JSON takes them."""
        return asdict(self)

    @property
    def tones(self) -> tuple[str, ...]:
        """Names of the settings that are frequencies of tones."""
        return ()

    def _check(self) -> None:
        """Raise if settings, each in its range, do not fit together."""
        for ramp, whole_sound in self.ramps:
            if not (hasattr(self, ramp) and hasattr(self, whole_sound)):
                continue
            seconds, total = getattr(self, ramp), getattr(self, whole_sound)
            if 2 * self._samples(seconds) > self._samples(total) + 1:
                raise ArgumentError(
                    f"{{{ramp}}} = {seconds:g} s is more than half of {{{whole_sound}}} = {total:g} s: shorten the "
                    "ramps or lengthen the sound"
                )
        for name in self.tones:
            frequency = getattr(self, name)
            if frequency >= self.fs / 2.0:
                raise ArgumentError(
                    f"{{{name}}} = {frequency:g} Hz is not below {{fs}} / 2 = {self.fs / 2.0:g} Hz: lower the "
                    "frequency or raise {fs}"
                )
        variable = self.variable
        if not variable.low < variable.high:
            raise ArgumentError(
                f"no {variable.name} from {variable.low:g} to {variable.high:g} {variable.unit} is left within "
                f"{SOFTEST:g} to {self.loudest:g} dB SPL: lower the levels or {{rove}}"
            )

    def __repr__(self) -> str:
        """Return the settings that are not as usual."""
        changed = [
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(self)
            if getattr(self, each.name) != each.default
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def _samples(self, seconds: float) -> int:
        return round(seconds * self.fs)

    def _padded(self, x: Tensor) -> Tensor:
        padded: Tensor = torch.nn.functional.pad(x, (self._samples(self.before), self._samples(self.after)))
        return padded

    def _checked(self, value: float) -> float:
        variable = self.variable
        return number(value, variable.name, variable.low, variable.high, variable.unit)

    def _check_levels(self, name: str, level: float) -> None:
        """Refuse a level that is too loud or too soft when it is roved."""
        low, high = SOFTEST + self.rove, self.loudest - self.rove
        if not low <= level <= high:
            also = f", within a rove of {self.rove:g} dB" if self.rove else ""
            raise OutOfRange(name, level, low, high, "dB SPL", f"choose a level in that range{also}")

    def _room(self, *levels: float) -> float:
        """Return the highest level that may be added to others without exceeding the loudest, dB SPL."""
        left = 10.0 ** ((self.loudest - self.rove) / 10.0) - sum(10.0 ** (level / 10.0) for level in levels)
        return 10.0 * math.log10(left) if left > 0.0 else -math.inf

    def _tone(self, frequency: float, level: float, duration: float, ramp: float) -> Tensor:
        return signals.tone(
            frequency, level=level, duration=duration, fs=self.fs, ramp=ramp, dtype=torch.float64
        )

    def _noise(
        self, low: float, high: float, level: float, duration: float, ramp: float, seed: int
    ) -> Tensor:
        return signals.band_noise(
            low, high, level=level, duration=duration, fs=self.fs, ramp=ramp, seed=seed, dtype=torch.float64
        )


@dataclass(frozen=True, repr=False)
class Trial(Result):
    """
    One trial, whose sounds are made when they are asked for.

    Attributes
    ----------
    experiment : Experiment
        It belongs to.
    number : int
        Within its run, from 0.
    value : float
        Of the experiment's variable.
    target : int
        Interval with the target, from 0.
    seed : int
        All noises follow from it.
    catch : bool
        Whether it tests attention: an easy trial that does not move the procedure.
    """

    experiment: Experiment
    number: int
    value: float
    target: int
    seed: int
    catch: bool = False

    @cached_property
    def intervals(self) -> Tensor:
        """Return the sounds of the intervals, shape (intervals, T), float64, Pa."""
        return self.experiment.sounds(self.value, self.target, self.seed)

    @cached_property
    def sound(self) -> Tensor:
        """Return the whole trial as it is played, with its pauses, shape (T,), float64, Pa."""
        return self.experiment.presentation(self.value, self.target, self.seed)[0]

    @cached_property
    def begins(self) -> Sequence[float]:
        """Return when the intervals begin in :attr:`sound`, s."""
        return self.experiment.presentation(self.value, self.target, self.seed)[1]
