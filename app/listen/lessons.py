"""Lessons of the listening test: a prediction, a few conditions, what is known, and why; read from ``lessons.yaml``.

Not here: what a lesson that was taken comes to (`conclusion.py`), conditions (`condition.py`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from app.lessons import Fact, LessonError, entries
from app.listen.condition import Condition, LinkError, condition_of
from app.listen.model import EARS
from app.listen.offers import offer_of, seconds
from app.listen.report import YOU

#: What reading, predicting and looking at the end take, s.
_BESIDE_S = 120.0


@dataclass(frozen=True)
class Choice:
    """An answer to the prediction, and up to which change of the threshold it is the right one."""

    says: str
    upto: float = math.inf


@dataclass(frozen=True)
class Part:
    """One run of a lesson: its name, its condition, and where the picture has it (along the axis, in a series)."""

    name: str
    condition: Condition
    at: float
    series: str = ""


@dataclass(frozen=True)
class Change:
    """What the prediction is about: the change of the threshold from one part to another, and what changes in words."""

    start: int
    end: int
    words: str


@dataclass(frozen=True)
class Lesson:
    """A lesson; ``lessons.yaml`` tells what each field is.

    Examples
    --------
    >>> lesson = lessons()["gaps"]
    >>> [part.name for part in lesson.parts][0], lesson.choices[lesson.people].says
    ('Noise up to 8000 Hz', 'It must be longer.')
    """

    slug: str
    title: str
    question: str
    text: str
    parts: tuple[Part, ...]
    axis: str
    log: bool
    ask: str
    choices: tuple[Choice, ...]
    people: int
    change: Change
    known: str
    answer: str
    look: str
    state: Mapping[str, Any]
    about: str = YOU
    ears: tuple[str, ...] = ("NH",)
    facts: Mapping[str, Fact] | None = None
    given: tuple[str, ...] = ()

    @property
    def minutes(self) -> int:
        """About how long the lesson takes, in minutes."""
        return round((sum(seconds(part.condition) for part in self.parts) + _BESIDE_S) / 60.0)

    @property
    def unit(self) -> str:
        """Unit of the thresholds of all parts."""
        return self.parts[0].condition.experiment.variable.unit

    @property
    def is_log(self) -> bool:
        """Whether changes of the threshold are factors."""
        return self.parts[0].condition.experiment.variable.scale == "log"

    @property
    def lab(self) -> str:
        """Return the address of the perception lab in the state that explains it."""
        return f"perception?{urlencode(self.state)}"

    @property
    def prose(self) -> str:
        """All that a student reads of it."""
        texts = (self.title, self.question, self.text, self.ask, self.known, self.answer, self.look)
        return "\n".join([*texts, self.change.words, *(each.says for each in self.choices)])

    def card(self) -> dict[str, Any]:
        """Return what the list of lessons shows of it."""
        return {"slug": self.slug, "title": self.title, "question": self.question, "minutes": self.minutes}

    def shown(self) -> dict[str, Any]:
        """Return what the page shows before it is taken: nothing of the answers."""
        return self.card() | {
            "text": self.text,
            "ask": self.ask,
            "choices": [each.says for each in self.choices],
            "parts": [part.name for part in self.parts],
        }

    def offers(self) -> list[dict[str, Any]]:
        """Return its parts as the page shows experiments."""
        return [offer_of(part.condition) | {"name": part.name} for part in self.parts]


@cache
def lessons() -> Mapping[str, Lesson]:
    """Return all lessons by their names, in the order of the file.

    Raises
    ------
    LessonError
        If the file or an entry is not in order; the sentence names entry and field.
    """
    path = Path(__file__).with_name("lessons.yaml")
    return {slug: lesson_of(slug, entry) for slug, entry in entries(path.read_bytes(), path.name).items()}


def lesson_named(slug: str) -> Lesson:
    """Return a lesson by its name.

    Raises
    ------
    LinkError
        If there is none.
    """
    if slug not in lessons():
        raise LinkError(f"There is no lesson “{slug[:60]}”: choose one of {', '.join(lessons())}.")
    return lessons()[slug]


def lesson_of(slug: str, entry: Mapping[str, Any]) -> Lesson:
    """Return the lesson that an entry of the file describes.

    Raises
    ------
    LessonError
        If a field is missing, unknown or wrong, or a part is no condition of the listening test.
    """
    where = f"lessons.yaml: lesson {slug}"
    try:
        found: dict[str, Any] = dict(entry)
        rule, axis, change = found.pop("rule", {}), found.pop("axis"), found.pop("change")
        parts = tuple(_part(each, rule) for each in found.pop("parts"))
        made = Lesson(
            slug=slug,
            parts=parts,
            axis=axis["label"],
            log=axis["log"],
            choices=tuple(Choice(**each) for each in found.pop("choices")),
            people=found.pop("people") - 1,
            change=Change(change["from"] - 1, change["to"] - 1, change["words"]),
            ears=tuple(found.pop("ears", Lesson.ears)),
            facts={phrase: Fact(**fact) for phrase, fact in found.pop("facts", {}).items()},
            given=tuple(found.pop("given", ())),
            **_stripped(found),
        )
    except KeyError as problem:
        raise LessonError(f"{where} has no {problem.args[0]}; give it.") from None
    except (TypeError, LinkError) as problem:
        raise LessonError(f"{where}: {problem}") from None
    limits = [each.upto for each in made.choices]
    if len(limits) < 2 or limits != sorted(set(limits)) or limits[-1] != math.inf:
        raise LessonError(
            f"{where}: choices reach up to {limits}; give two or more, rising, the last without upto."
        )
    if not 0 <= made.people < len(limits):
        raise LessonError(
            f"{where}: people is {made.people + 1}; give the number of a choice, 1 to {len(limits)}."
        )
    if not {made.change.start, made.change.end} <= {*range(len(parts))}:
        raise LessonError(
            f"{where}: change is between parts that are not there; give numbers from 1 to {len(parts)}."
        )
    if len({part.condition.experiment.variable.unit for part in parts}) != 1:
        raise LessonError(
            f"{where}: its parts have thresholds of different units; choose one kind of experiment."
        )
    if not {*made.ears} <= {*EARS}:
        raise LessonError(f"{where}: ears are {', '.join(made.ears)}; choose of {', '.join(EARS)}.")
    if made.about not in (YOU, *made.ears):
        raise LessonError(f"{where}: about is {made.about}; choose {YOU} or one of the lesson's ears.")
    return made


def _stripped(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: text.strip() if isinstance(text, str) else text for name, text in fields.items()}


def _part(entry: Mapping[str, Any], rule: Mapping[str, Any]) -> Part:
    """Return a part, to whose link the lesson's rule is added."""
    found = dict(entry)
    return Part(condition=condition_of(urlencode({**found.pop("link"), **rule})), **found)
