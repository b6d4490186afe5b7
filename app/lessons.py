"""Lessons, kept as data: a state, a story, questions, a task, and what measures each number in their prose."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import yaml


@dataclass(frozen=True)
class Measure:
    """How a number that a lab measures is written: in words, with its unit and so many decimals.

    Examples
    --------
    >>> Measure("Loudness", "sone", 2).text(2.0944)
    '2.09 sone'
    >>> Measure("Loudness", "sone", 2).text(float("nan"))
    'not known yet'
    """

    words: str
    unit: str = ""
    decimals: int = 0

    def text(self, value: float) -> str:
        """Write a value; one that is not finite has not been measured."""
        return self._with_unit(self._number(value)) if math.isfinite(value) else "not known yet"

    def wanted(self, low: float, high: float) -> str:
        """Write what a task asks for.

        Examples
        --------
        >>> loudness = Measure("Loudness", "sone", 2)
        >>> loudness.wanted(3.85, 4.15), loudness.wanted(-math.inf, 2), loudness.wanted(0.5, math.inf)
        ('3.85 to 4.15 sone', 'at most 2 sone', 'at least 0.5 sone')
        """
        if low == high:
            return self._with_unit(f"{low:g}")
        if high == math.inf:
            return self._with_unit(f"at least {low:g}")
        return self._with_unit(f"at most {high:g}" if low == -math.inf else f"{low:g} to {high:g}")

    def _number(self, value: float) -> str:
        return f"{value:.{self.decimals}f}".replace("-", "−")

    def _with_unit(self, text: str) -> str:
        return f"{text} {self.unit}".replace("-", "−") if self.unit else text.replace("-", "−")


class Reading(TypedDict):
    """What a task asks for and how far it is: ``label`` now is ``now``, and should be ``wanted``."""

    label: str
    now: str
    wanted: str
    met: bool


@dataclass(frozen=True)
class Task:
    """What a lesson asks for: measures of the lab, each between two limits, and settings with which they are met.

    ``steps`` is how long the solution trains, where the lab does.
    """

    text: str
    checks: Mapping[str, tuple[float, float]]
    done: str
    solution: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 0

    def is_done(self, measures: Mapping[str, float]) -> bool:
        """Whether every measure lies between its limits."""
        return all(low <= measures[name] <= high for name, (low, high) in self.checks.items())

    def readings(self, measures: Mapping[str, float], quantities: Mapping[str, Measure]) -> list[Reading]:
        """Return each measure that is asked for, beside what is wanted."""
        return [
            {
                "label": quantities[name].words,
                "now": quantities[name].text(measures[name]),
                "wanted": quantities[name].wanted(low, high),
                "met": low <= measures[name] <= high,
            }
            for name, (low, high) in self.checks.items()
        ]


@dataclass(frozen=True)
class Fact:
    """What a number in a lesson's prose is: a measure of the lab in the lesson's state, with some settings changed.

    Parameters
    ----------
    measure : str
        Name of the measure.
    set : mapping
        Settings that differ from the lesson's state.
    than : mapping, optional
        Settings of a second measurement; the number is then by how much the first is greater.
    steps : int
        How long is trained before, where the lab trains.
    within : float, optional
        How far the number may be from what is measured; half of its last digit otherwise.
    """

    measure: str
    set: Mapping[str, Any] = field(default_factory=dict)
    than: Mapping[str, Any] | None = None
    steps: int = 0
    within: float | None = None


@dataclass(frozen=True)
class Lesson:
    """A preset with a story: a state, what to hide, what to think about and what to try.

    Parameters
    ----------
    figure : str
        The figure in question, drawn larger than the others.
    sound : str
        The sound that it is about, offered first.
    controls : tuple of str
        What a phone shows above the figures; the lab's own three where there are none.
    minutes : int
        How long a student needs.
    facts : mapping
        A phrase of the prose, with one number in it, and what measures that number.
    given : tuple of str
        Phrases whose numbers are not measured: definitions, and what a student is asked to set.
    """

    slug: str
    title: str
    text: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)
    hide: tuple[str, ...] = ()
    questions: tuple[tuple[str, str], ...] = ()
    task: Task | None = None
    figure: str = ""
    sound: str = ""
    controls: tuple[str, ...] = ()
    minutes: int = 5
    facts: Mapping[str, Fact] = field(default_factory=dict)
    given: tuple[str, ...] = ()

    @property
    def prose(self) -> str:
        """All that a student reads of it."""
        told = [self.title, self.text, *(part for pair in self.questions for part in pair)]
        return "\n".join([*told, self.task.text, self.task.done] if self.task else told)


_FIELDS = {*Lesson.__dataclass_fields__} - {"slug"}


def load_lessons(path: Path) -> dict[str, Lesson]:
    """Read the lessons of a lab from its YAML file, in the file's order.

    Raises
    ------
    ValueError
        If an entry has an unknown field, such as a misspelt one.
    """
    lessons = {}
    for slug, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        unknown = set(entry) - _FIELDS
        if unknown:
            raise ValueError(f"{path.name}: lesson {slug} has unknown fields {sorted(unknown)}")
        entry = {**entry, "text": entry.get("text", "").strip()}
        entry["questions"] = tuple((q["ask"], q["answer"]) for q in entry.get("questions", ()))
        for name in ("hide", "controls", "given"):
            entry[name] = tuple(entry.get(name, ()))
        entry["facts"] = {phrase: Fact(**fact) for phrase, fact in entry.get("facts", {}).items()}
        if "task" in entry:
            task = entry["task"]
            entry["task"] = Task(**{**task, "checks": {k: _limits(*v) for k, v in task["checks"].items()}})
        lessons[slug] = Lesson(slug=slug, **entry)
    return lessons


def _limits(low: float | None, high: float | None) -> tuple[float, float]:
    """Return the two limits of a check, of which one may be left open."""
    return -math.inf if low is None else low, math.inf if high is None else high
