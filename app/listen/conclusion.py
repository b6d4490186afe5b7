"""What a lesson that was taken comes to: the prediction, all thresholds beside each other, and what is behind them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.listen.drawing import Picture, around
from app.listen.lessons import Lesson
from app.listen.model import EARS
from app.listen.report import WHO, YOU, Finding, apart, number

#: The class in a room, beside the person and the ears of the model.
CLASS = "others"
_WHO = WHO | {CLASS: "The class (median)"}
#: Whose threshold changed, at the beginning of a sentence and within one.
_WHOSE = {
    YOU: "your threshold",
    **{ear: f"the threshold of {said}" for ear, said in EARS.items()},
    CLASS: "the median of the class",
}


@dataclass(frozen=True)
class Found:
    """One listener's threshold in one part, with its interval where there is one."""

    threshold: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, finding: Finding | None) -> "Found | None":
        """Return what a run has found; None without a threshold."""
        if finding is None or finding.run.threshold is None:
            return None
        return cls(finding.run.threshold, *finding.limits)

    @classmethod
    def of_class(cls, thresholds: Sequence[float]) -> "Found | None":
        """Return the median of what was sent; None of nothing."""
        return cls(float(np.median(thresholds))) if thresholds else None


#: By listener, what was found in each part.
Table = Mapping[str, Sequence[Found | None]]


def conclusion(lesson: Lesson, table: Table, said: int | None) -> dict[str, Any]:
    """Return what the page shows at the end of a lesson.

    Parameters
    ----------
    lesson : Lesson
    table : mapping
        By listener (`YOU`, an ear of the model, `CLASS`), what was found in each part.
    said : int, optional
        Number of the choice that was predicted, from 0.
    """
    return {
        **lesson.shown(),
        "predicted": "" if said is None else lesson.choices[said].says,
        "heads": [f"Threshold ({lesson.unit})", *(_WHO[who] for who in table)],
        "rows": [
            [part.name, *(_cell(found[k]) for found in table.values())] for k, part in enumerate(lesson.parts)
        ],
        "picture": _picture(lesson, table),
        "sentences": _sentences(lesson, table, said),
        "known": lesson.known,
        "answer": lesson.answer,
        "look": lesson.look,
        "lab": lesson.lab,
    }


def _cell(found: Found | None) -> str:
    return "–" if found is None else number(found.threshold)


def changed(lesson: Lesson, found: Sequence[Found | None]) -> float | None:
    """Return the change that the prediction is about: a difference, or a factor on a logarithmic scale."""
    start, end = found[lesson.change.start], found[lesson.change.end]
    if start is None or end is None:
        return None
    if lesson.is_log:
        return end.threshold / start.threshold
    return end.threshold - start.threshold


def choice_of(lesson: Lesson, change: float) -> int:
    """Return the number of the choice that a change makes the right one, from 0.

    Examples
    --------
    >>> from app.listen.lessons import lessons
    >>> [choice_of(lessons()["gaps"], factor) for factor in (0.5, 1.0, 2.0)]
    [0, 1, 2]
    """
    return next(k for k, each in enumerate(lesson.choices) if change < each.upto or each.upto == math.inf)


def _sentences(lesson: Lesson, table: Table, said: int | None) -> list[str]:
    """Say how the threshold of each listener changed, and whether the prediction came true."""
    found = []
    changes = {who: changed(lesson, each) for who, each in table.items()}
    for who, change in changes.items():
        if change is not None:
            fits = lesson.choices[choice_of(lesson, change)].says
            doubt = "" if who == CLASS else _doubt(lesson, table[who])  # a median has no interval
            found.append(f"{lesson.change.words}, {_WHOSE[who]} {_moved(lesson, change)}: “{fits}”{doubt}")
    own = changes.get(lesson.about)
    if said is not None and own is not None:
        came = choice_of(lesson, own) == said
        if lesson.about == YOU:
            found.append(f"Your thresholds {'changed' if came else 'did not change'} as you predicted.")
        else:
            behaved = "behaved" if came else "did not behave"
            found.append(f"{_WHO[lesson.about]} {behaved} as you predicted.")
    people = lesson.choices[lesson.people].says
    if said is None:
        right = ""
    else:
        right = " You predicted that." if said == lesson.people else " You predicted something else."
    return [*found, f"What is known about people: “{people}”{right}"]


def _moved(lesson: Lesson, change: float) -> str:
    if lesson.is_log:
        times = number(change, 2)  # a few trials tell no more
        return "did not change" if times == "1" else f"became {times} times as large"
    if round(change, 1) == 0.0:
        return "did not change"
    return (
        f"{'rose' if change > 0 else 'fell'} by {number(abs(change), 2)} {lesson.unit.removesuffix(' SPL')}"
    )


def _doubt(lesson: Lesson, found: Sequence[Found | None]) -> str:
    """Say so where a change that counts as one is no larger than what the answers leave open."""
    start, end, change = found[lesson.change.start], found[lesson.change.end], changed(lesson, found)
    if start is None or end is None or change is None:
        return ""
    if choice_of(lesson, change) == choice_of(lesson, 1.0 if lesson.is_log else 0.0):
        return ""
    if apart((start.low, start.high), (end.low, end.high)):
        return ""
    return " (With so few answers, it may not have changed at all.)"


def _picture(lesson: Lesson, table: Table) -> str:
    """Draw the thresholds of all listeners along the axis of the lesson."""
    variable = lesson.parts[0].condition.experiment.variable
    values = [
        value
        for each in table.values()
        for found in each
        if found is not None
        for value in (found.threshold, found.low, found.high)
        if value is not None
    ]
    if not values:
        return ""
    x = around([part.at for part in lesson.parts], lesson.axis, log=lesson.log)
    least = math.log(2.0) if lesson.is_log else 10.0
    y = around(values, f"Threshold: {variable.name} ({variable.unit})", log=lesson.is_log, least=least)
    picture = Picture("Thresholds in all parts of the lesson, of you and of the model", x, y)
    series = [*dict.fromkeys(part.series for part in lesson.parts)]
    for who, each in table.items():
        for name in series:
            kind = who if name == series[0] else f"{who} dashed"
            points = [
                (part, found)
                for part, found in zip(lesson.parts, each, strict=True)
                if found is not None and part.series == name
            ]
            if not points:
                continue
            label = f"{_WHO[who]}, {name}" if name else _WHO[who]
            line = sorted((part.at, found.threshold) for part, found in points)
            picture.line(line, kind, label)
            picture.dots(line, who, [5.0] * len(line), hollow=name != series[0])
            if who == YOU:
                for part, found in points:
                    if found.low is None and found.high is None:
                        continue
                    low = y.low if found.low is None else found.low
                    high = y.high if found.high is None else found.high
                    picture.line([(part.at, low), (part.at, high)], f"{who} thin")
    return picture.svg()
