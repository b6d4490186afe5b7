"""A class in a room: what was sent, as a histogram for each condition, with the model's threshold in it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amtlib.experiments import UpDown
from app.listen.condition import Condition, LinkError, condition_of, presentable
from app.listen.drawing import Picture, Scale, around
from app.listen.known import known_of
from app.listen.lessons import Lesson
from app.listen.model import Models
from app.listen.report import number
from app.listen.store import Sent, Store

#: Most conditions of a room.
MOST_CONDITIONS = 6


def checked(links: Sequence[Any]) -> list[Condition]:
    """Return the conditions that a room is to be opened for.

    Raises
    ------
    LinkError
        If there is none, there are too many, one comes twice, or one is not in order.
    """
    if not 1 <= len(links) <= MOST_CONDITIONS:
        raise LinkError(f"A room has 1 to {MOST_CONDITIONS} experiments, not {len(links)}: choose some.")
    if not all(isinstance(link, str) and link for link in links):
        raise LinkError("Choose an experiment for the room first.")
    found = [presentable(link) for link in links]
    if len({each.link() for each in found}) < len(found):
        raise LinkError("Two experiments of this room are the same: change a setting of one.")
    return found


def named(conditions: Sequence[Condition]) -> list[str]:
    """Return what conditions are called: title, and those settings in which they differ from the usual ones."""
    names = []
    for each in conditions:
        keys, rule = each.changed(), each.procedure
        changed = [] if isinstance(rule, UpDown) else [f"procedure {rule.name}"]
        changed += [
            f"{entry['label'].lower()} {_value(entry)}" for entry in each.settings() if entry["key"] in keys
        ]
        names.append(each.experiment.title + (f": {', '.join(changed)}" if changed else ""))
    return names


def _value(entry: Mapping[str, Any]) -> str:
    value = entry["value"]
    return value if isinstance(value, str) else f"{number(value)} {entry.get('unit', '')}".strip()


def room_of(store: Store, models: Models, room: str, lesson: Lesson | None = None) -> dict[str, Any]:
    """Return what a room shows: its conditions, how many results each has, and their histograms.

    A room for a lesson has the names of its parts, and what was predicted.

    Raises
    ------
    Unknown
        If there is no such room.
    """
    if lesson is None:
        conditions = [condition_of(link) for link in store.links(room)]
        names, predictions = named(conditions), []
    else:
        conditions, names = [part.condition for part in lesson.parts], [part.name for part in lesson.parts]
        counts = store.predictions(room, lesson.slug)
        predictions = [[each.says, counts.get(k, 0)] for k, each in enumerate(lesson.choices)]
    sent = store.sent(room)
    shown = []
    for condition, name in zip(conditions, names, strict=True):
        own = [each for each in sent if each.link == condition.link()]
        heard = models.own(condition, "NH") if own else {}
        model = heard.get("run", {}).get("threshold")
        shown.append({"link": condition.link(), "name": name, **_shown(condition, own, model)})
    return {"room": room, "conditions": shown, "count": len(sent), "predictions": predictions}


def _shown(condition: Condition, sent: Sequence[Sent], model: float | None) -> dict[str, Any]:
    variable = condition.experiment.variable
    found = [each.threshold for each in sent if each.threshold is not None]
    if not found:
        return {"count": len(sent), "says": "", "picture": ""}
    log = variable.scale == "log"
    known = known_of(condition.experiment)
    marks = [*found, *([model] if model is not None else []), *([known.low, known.high] if known else [])]
    x = around(marks, f"Threshold ({variable.unit})", log=log, least=math.log(4.0) if log else 8.0)
    bins = max(8, min(24, 2 * math.ceil(math.sqrt(len(found)) + 3)))
    ends = np.linspace(variable.to_scale(x.low), variable.to_scale(x.high), bins + 1)
    counts, _ = np.histogram([variable.to_scale(value) for value in found], ends)
    top = max(int(counts.max()), 4)
    middle = float(np.median(found))
    picture = Picture(
        f"Histogram of {len(found)} thresholds, median {number(middle)} {variable.unit}",
        x,
        Scale("Runs", 0.0, top * 1.1),
    )
    if known:
        room = 0.003 * (x.high - x.low) if known.low == known.high and not log else 0.0
        picture.box((known.low - room, 0.0), (known.high + room, top * 1.1), "known", "Known about people")
    for k, count in enumerate(counts):
        if count:
            left, right = (variable.from_scale(float(end)) for end in ends[k : k + 2])
            picture.box(
                (left, 0.0), (right, float(count)), "you", "The class" if k == counts.argmax() else ""
            )
    if model is not None:
        picture.line([(model, 0.0), (model, top * 1.1)], "NH thick", "The model")
    says = f"{len(found)} threshold{'s'[: len(found) > 1]}, median {number(middle)} {variable.unit}"
    if len(found) >= 4:
        low, high = np.quantile(found, [0.25, 0.75])
        says += f", half of them between {number(float(low))} and {number(float(high))}"
    return {"count": len(sent), "says": says, "picture": picture.svg()}
