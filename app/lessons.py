"""Lessons, kept as data: a state, a story, questions, a task, and what measures each number in their prose."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import yaml

from app.quantity import shortened


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
        """Write a value; there is none of minus infinity, and of others that are not finite none has been measured."""
        if value == -math.inf:
            return "none"
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
        texts = [self.title, self.text, *(part for pair in self.questions for part in pair)]
        return "\n".join([*texts, self.task.text, self.task.done] if self.task else texts)


_FIELDS = {*Lesson.__dataclass_fields__} - {"slug"}
_SLUG = re.compile(r"[A-Za-z0-9_-]{1,60}")
#: Longest texts, characters: a lesson may come from a link.
_LINE, _TEXT = 300, 6000


class LessonError(ValueError):
    """What is wrong with a lesson, in a sentence that names file, entry and field."""


def load_lessons(path: Path) -> dict[str, Lesson]:
    """Read the lessons of a lab from its YAML file, in the file's order.

    Raises
    ------
    LessonError
        If the file or an entry is not one of lessons, such as one with a misspelt field.
    """
    return {
        slug: lesson_of(slug, entry, path.name)
        for slug, entry in entries(path.read_bytes(), path.name).items()
    }


class _Loader(yaml.SafeLoader):
    """Reads YAML without aliases, with which a few lines can stand for more than memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(
                None, None, "it has aliases (*name)", self.peek_event().start_mark
            )
        return super().compose_node(parent, index)


def entries(text: str | bytes, source: str) -> dict[str, Any]:
    """Return what a file of lessons holds, by the names of its entries.

    Raises
    ------
    LessonError
        If it is no mapping in YAML; the sentence begins with `source`.

    Examples
    --------
    >>> entries("one: {title: One}", "a.yaml")
    {'one': {'title': 'One'}}
    >>> entries("[1, 2]", "a.yaml")
    Traceback (most recent call last):
    ...
    app.lessons.LessonError: a.yaml holds no lessons: give entries such as "my-lesson:" with fields below them.
    """
    try:
        found = yaml.load(text, _Loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        why = getattr(problem, "problem", None) or "it is not UTF-8 text"
        raise LessonError(f"{source} is no YAML{where}: {why}.") from None
    if not isinstance(found, dict) or not found or not all(isinstance(name, str) for name in found):
        raise LessonError(
            f'{source} holds no lessons: give entries such as "my-lesson:" with fields below them.'
        )
    return found


def place_of(slug: str, source: str) -> str:
    """Return how a sentence on what is wrong with a lesson begins; without a source it is made on a page."""
    return f"{source}: lesson {slug}" if source else f"The lesson {slug}"


def lesson_of(slug: str, entry: Any, source: str) -> Lesson:
    """Return the lesson that an entry of a file describes.

    Raises
    ------
    LessonError
        If it is none; the sentence names source, entry and field.

    Examples
    --------
    >>> lesson_of("one", {"title": "One", "questions": [{"ask": "How?", "answer": "So."}]}, "a.yaml").questions
    (('How?', 'So.'),)
    >>> lesson_of("one", {"title": 1}, "a.yaml")
    Traceback (most recent call last):
    ...
    app.lessons.LessonError: a.yaml: lesson one: title is “1”; give a text of up to 300 characters.
    """
    if not _SLUG.fullmatch(slug):
        raise LessonError(
            f"{source or 'The lesson'}: {shortened(slug)} is no name of a lesson; use letters, digits, - and _."
        )
    if not isinstance(entry, dict):
        raise LessonError(
            f"{place_of(slug, source)} is {shortened(entry)}; give fields such as title and text."
        )
    unknown = sorted(map(str, set(entry) - _FIELDS))
    if unknown:
        raise LessonError(
            f"{place_of(slug, source)} has unknown fields {unknown}; the fields are {', '.join(sorted(_FIELDS))}."
        )
    return _Reader(place_of(slug, source)).lesson(slug, entry)


class _Reader:
    """Reads the fields of one entry; `where` begins every sentence on what is wrong."""

    def __init__(self, where: str) -> None:
        self._where = where

    def lesson(self, slug: str, entry: dict[str, Any]) -> Lesson:
        if not entry.get("title"):
            raise LessonError(f"{self._where} has no title; give one.")
        state = self._mapping("state", entry.get("state", {}))
        for key, value in state.items():
            if not isinstance(value, str | bool | int | float):
                raise self._wrong(f"state, {key}", value, "a number, a word or true or false")
        minutes = entry.get("minutes", 5)
        if not isinstance(minutes, int) or not 1 <= minutes <= 600:
            raise self._wrong("minutes", minutes, "a whole number from 1 to 600")
        facts = self._mapping("facts", entry.get("facts", {}))
        return Lesson(
            slug=slug,
            title=self._text("title", entry["title"]),
            text=self._text("text", entry.get("text", ""), _TEXT).strip(),
            state=state,
            hide=self._names("hide", entry.get("hide", [])),
            questions=tuple(
                self._question(each) for each in self._list("questions", entry.get("questions", []))
            ),
            task=self._task(entry["task"]) if entry.get("task") is not None else None,
            figure=self._text("figure", entry.get("figure", "")),
            sound=self._text("sound", entry.get("sound", "")),
            controls=self._names("controls", entry.get("controls", [])),
            minutes=minutes,
            facts={phrase: self._fact(phrase, fact) for phrase, fact in facts.items()},
            given=self._names("given", entry.get("given", [])),
        )

    def _wrong(self, name: str, value: Any, wanted: str) -> LessonError:
        return LessonError(f"{self._where}: {name} is {shortened(value)}; give {wanted}.")

    def _text(self, name: str, value: Any, longest: int = _LINE) -> str:
        if not isinstance(value, str) or len(value) > longest:
            raise self._wrong(name, value, f"a text of up to {longest} characters")
        return value

    def _list(self, name: str, value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > 300:
            raise self._wrong(name, value, "a list of up to 300")
        return value

    def _mapping(self, name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > 300 or not all(isinstance(key, str) for key in value):
            raise self._wrong(name, value, "names with values, up to 300")
        return value

    def _names(self, name: str, value: Any) -> tuple[str, ...]:
        return tuple(self._text(name, each) for each in self._list(name, value))

    def _fields(self, name: str, value: Any, allowed: Mapping[str, bool]) -> dict[str, Any]:
        """Check a mapping whose fields may be these; those that are True must be there."""
        found = self._mapping(name, value)
        if (
            not found.keys() <= allowed.keys()
            or not {key for key, must in allowed.items() if must} <= found.keys()
        ):
            raise self._wrong(name, ", ".join(found), f"the fields {', '.join(allowed)}")
        return found

    def _question(self, value: Any) -> tuple[str, str]:
        found = self._fields("questions", value, {"ask": True, "answer": False})
        ask = self._text("ask", found["ask"], _TEXT)
        return ask, self._text("answer", found.get("answer", ""), _TEXT)

    def _task(self, value: Any) -> Task:
        allowed = {"text": True, "checks": True, "done": True, "solution": False, "steps": False}
        found = self._fields("task", value, allowed)
        checks = self._mapping("checks", found["checks"])
        if not checks:
            raise LessonError(f"{self._where}: checks is empty; name a measure with its limits, [low, high].")
        return Task(
            text=self._text("task, text", found["text"], _TEXT),
            checks={name: self._limits(name, pair) for name, pair in checks.items()},
            done=self._text("task, done", found["done"], _TEXT),
            solution=self._mapping("solution", found.get("solution", {})),
            steps=int(found.get("steps", 0)),
        )

    def _limits(self, name: str, pair: Any) -> tuple[float, float]:
        """Return the two limits of a check, of which one may be left open."""
        wanted = "two limits [low, high], of which one may be null"
        numbers = (
            isinstance(pair, list)
            and len(pair) == 2
            and all(
                each is None
                or (isinstance(each, int | float) and not isinstance(each, bool) and math.isfinite(each))
                for each in pair
            )
        )
        if not numbers or pair == [None, None]:
            raise self._wrong(f"checks, {name}", pair, wanted)
        low, high = -math.inf if pair[0] is None else pair[0], math.inf if pair[1] is None else pair[1]
        if low > high:
            raise self._wrong(f"checks, {name}", pair, wanted + ", the lower one first")
        return low, high

    def _fact(self, phrase: str, value: Any) -> Fact:
        try:
            return Fact(**self._mapping("facts", value))
        except TypeError:
            allowed = ", ".join(Fact.__dataclass_fields__)
            raise self._wrong(f"facts, {phrase}", ", ".join(value), f"the fields {allowed}") from None


#: What an entry of a file leaves out of a fact.
_PLAIN = vars(Fact(""))


def entry_of(lesson: Lesson) -> dict[str, Any]:
    """Return a lesson as an entry of a file; `lesson_of` makes the same lesson of it.

    Examples
    --------
    >>> entry_of(Lesson("one", "One", "A text.", {"s.level": 40}))
    {'title': 'One', 'text': 'A text.', 'state': {'s.level': 40}}
    """
    found: dict[str, Any] = {"title": lesson.title}
    if lesson.minutes != Lesson.minutes:
        found["minutes"] = lesson.minutes
    for name in ("text", "figure", "sound"):
        if value := getattr(lesson, name):
            found[name] = value
    if lesson.state:
        found["state"] = dict(lesson.state)
    for name in ("hide", "controls", "given"):
        if value := getattr(lesson, name):
            found[name] = list(value)
    if lesson.questions:
        found["questions"] = [{"ask": ask, "answer": answer} for ask, answer in lesson.questions]
    if lesson.task is not None:
        task = lesson.task
        limits = {
            name: [low if math.isfinite(low) else None, high if math.isfinite(high) else None]
            for name, (low, high) in task.checks.items()
        }
        found["task"] = {"text": task.text, "checks": limits, "done": task.done}
        found["task"] |= {name: value for name in ("solution", "steps") if (value := getattr(task, name))}
    if lesson.facts:
        found["facts"] = {
            phrase: {name: value for name, value in vars(fact).items() if value != _PLAIN[name]}
            for phrase, fact in lesson.facts.items()
        }
    return found
