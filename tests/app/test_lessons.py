"""Every lesson: it opens, its prose is true of its state, and its task can be done, and not before it is tried."""

import functools
import json
import math
import re
from typing import Any

import numpy as np
import pytest

from amtlib.plot import Figure, Guides, Layer
from app.lessons import Lesson, Measure, Task, load_lessons
from app.page.view import LabView
from app.site import LABS

LESSONS = [
    pytest.param(lab, lesson, id=f"{lab.slug}-{slug}")
    for lab in LABS
    for slug, lesson in lab.model_class.lessons.items()
]
#: Numbers in words that a student may check. Smaller ones are grammar more often than measurements.
_WORDS = "four five six seven eight nine ten twelve fifteen sixteen twenty thirty forty fifty hundred"
_VALUES = (4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 30, 40, 50, 100)
IN_WORDS = dict(zip(_WORDS.split(), _VALUES, strict=True))
#: A number that is not part of a name such as f1; a chapter's, at the beginning of a title, is none.
NUMBER = re.compile(rf"(?<![\w.])[−-]?\d+(?:\.\d+)?(?![\w])|\b(?:{'|'.join(IN_WORDS)})\b", re.IGNORECASE)
CHAPTER = re.compile(r"^\d+\. ")


def number(text: str) -> float:
    """Return the number that a match of `NUMBER` writes."""
    return float(IN_WORDS.get(text.lower(), text.replace("−", "-")))


def is_drawn(figure: Figure, layer: Layer, state: Any) -> bool:
    """Return whether something of a layer lies within the limits of the axes; a line to read values from is nothing."""
    table = layer.table(layer.values(state), figure.x, figure.y)
    if layer.pinned or isinstance(layer, Guides) or not all(len(column) for column in table.values()):
        return False
    seen = np.ones(min(map(len, table.values())), dtype=bool)
    for axis in (figure.x, figure.y):
        if axis.heading in table and axis.scale != "names":
            low, high = sorted(axis.between(state))
            places = axis.place(table[axis.heading])
            seen &= (places >= low) & (places <= high)
    return bool(seen.any())


def empty(page: LabView) -> list[str]:
    """Return the names of the shown figures that have nothing in them."""
    state = page.reads()
    return [
        name
        for name, figure in page.figures.items()
        if figure.is_shown(state) and not any(is_drawn(figure, layer, state) for layer in figure.layers)
    ]


@functools.cache
def opened(lab: type[LabView], slug: str) -> LabView:
    """Return the page of a lesson as it opens, the same for all tests, which only read it."""
    return lab(link=f"lesson={slug}", served=True)


@functools.cache
def _found(lab: type[LabView], state: str, steps: int) -> tuple[dict[str, float], list[str]]:
    page = lab()
    assert page.model.restore(json.loads(state)) == []
    if steps:
        assert page.lab.update({"t.steps": steps}) == []
        page.lab.prepare()
        for _ in page.lab.run:
            pass
    page._refresh([])
    assert page.status.problem == ""
    return dict(page.measures()), empty(page)


def found(
    lab: type[LabView], lesson: Lesson, changed: Any = (), steps: int = 0
) -> tuple[dict[str, float], list[str]]:
    """Return the measures in a lesson's state with some settings changed, after so many steps of training, and which
    figures are empty then.
    """
    return _found(lab, json.dumps({**lesson.state, **dict(changed)}), steps)


def measured(lab: type[LabView], lesson: Lesson, changed: Any = (), steps: int = 0) -> dict[str, float]:
    return found(lab, lesson, changed, steps)[0]


@pytest.mark.parametrize(("lab", "lesson"), LESSONS)
def test_a_lesson_opens_as_it_is_written(lab: type[LabView], lesson: Lesson) -> None:
    page = opened(lab, lesson.slug)
    assert page.status.problem == ""
    assert page.status.notes == []
    values = page.model.values()
    for key, value in page.model.renamed(lesson.state).items():
        assert values[key] == page.model.fields[key].parse(value)


@pytest.mark.parametrize(("lab", "lesson"), LESSONS)
def test_what_a_lesson_is_about_is_on_its_page(lab: type[LabView], lesson: Lesson) -> None:
    page = opened(lab, lesson.slug)
    assert lesson.figure in page.figures
    assert page.figures[lesson.figure].is_shown(page.reads())
    assert lesson.sound in page.sounds
    assert page.contents.tools()["sounds"][0][0] == lesson.sound
    assert lesson.sound not in page.silent()
    assert [entry["key"] for entry in page.contents.words()["quick"]] == list(lesson.controls)


@pytest.mark.parametrize(("lab", "lesson"), LESSONS)
def test_no_figure_of_a_lesson_is_empty(lab: type[LabView], lesson: Lesson) -> None:
    assert empty(opened(lab, lesson.slug)) == []
    if task := lesson.task:
        assert found(lab, lesson, task.solution.items(), task.steps)[1] == []


@pytest.mark.parametrize(("lab", "lesson"), LESSONS)
def test_a_student_finds_the_controls_that_a_lesson_needs(lab: type[LabView], lesson: Lesson) -> None:
    page = opened(lab, lesson.slug)
    hidden = {*page.link.hidden}
    assert {*lesson.hide} <= page.model.fields.keys()
    assert len(lesson.controls) == 3
    needed = {*lesson.controls, *(lesson.task.solution if lesson.task else ())}
    for fact in lesson.facts.values():
        needed |= {*fact.set, *(fact.than or ())}
    assert not needed & hidden
    values, conditions = page.model.values(), page.model.visible_when()
    for key in lesson.controls:
        assert all(values[other] in allowed for other, allowed in conditions.get(key, {}).items()), key
    if lesson.task:
        assert {*lesson.task.solution} <= {*lesson.controls}


@pytest.mark.parametrize(("lab", "lesson"), LESSONS)
def test_every_number_in_the_prose_is_measured_or_given(lab: type[LabView], lesson: Lesson) -> None:
    prose = lesson.prose
    for phrase in [*lesson.facts, *lesson.given]:
        assert phrase in " ".join(prose.split()) or phrase in prose, phrase
    prose = CHAPTER.sub("", " ".join(prose.split("\n")))
    for phrase in sorted([*lesson.facts, *lesson.given], key=len, reverse=True):
        prose = prose.replace(phrase, " ")
    numeric = [v for v in lesson.state.values() if isinstance(v, int | float)]
    limits = [limit for pair in (lesson.task.checks.values() if lesson.task else ()) for limit in pair]
    loose = [each for each in NUMBER.findall(prose) if number(each) not in [*numeric, *limits]]
    assert loose == []


FACTS = [
    pytest.param(case.values[0], case.values[1], phrase, id=f"{case.id}: {phrase}")
    for case in LESSONS
    for phrase in case.values[1].facts  # type: ignore[union-attr]
]


@pytest.mark.parametrize(("lab", "lesson", "phrase"), FACTS)
def test_a_number_in_the_prose_is_what_the_lab_measures(
    lab: type[LabView], lesson: Lesson, phrase: str
) -> None:
    fact = lesson.facts[phrase]
    written = NUMBER.findall(phrase)
    assert len(written) == 1, "a phrase holds one number"
    value = measured(lab, lesson, fact.set.items(), fact.steps)[fact.measure]
    if fact.than is not None:
        value -= measured(lab, lesson, fact.than.items(), fact.steps)[fact.measure]
    _, _, decimals = written[0].partition(".")
    within = 0.5 * 10.0 ** -len(decimals) if fact.within is None else fact.within
    assert abs(value - number(written[0])) <= within * (1 + 1e-9), value


@pytest.mark.parametrize(("lab", "lesson"), [case for case in LESSONS if case.values[1].task])  # type: ignore[union-attr]
def test_a_task_is_open_at_first_and_done_with_its_solution(lab: type[LabView], lesson: Lesson) -> None:
    task = lesson.task
    assert task is not None
    assert not task.is_done(dict(opened(lab, lesson.slug).measures()))
    assert not task.is_done(dict.fromkeys(task.checks, math.nan))
    assert task.is_done(measured(lab, lesson, task.solution.items(), task.steps))


@pytest.mark.parametrize(("lab", "lesson"), [case for case in LESSONS if case.values[1].task])  # type: ignore[union-attr]
def test_the_page_shows_how_far_a_task_is(lab: type[LabView], lesson: Lesson) -> None:
    words = opened(lab, lesson.slug).contents.words()
    assert [reading["label"] for reading in words["readings"]] == [
        lab.model_class.quantities[name].words for name in lesson.task.checks
    ]
    assert not all(reading["met"] for reading in words["readings"])


def test_a_reading_has_its_unit_and_its_limits() -> None:
    task = Task("Make it four sones loud.", {"loudness": (3.85, 4.15), "ears": (2.0, math.inf)}, "Done.")
    quantities = {"loudness": Measure("Loudness", "sone", 2), "ears": Measure("Ears")}
    assert task.readings({"loudness": 2.0944, "ears": 2.0}, quantities) == [
        {"label": "Loudness", "now": "2.09 sone", "wanted": "3.85 to 4.15 sone", "met": False},
        {"label": "Ears", "now": "2", "wanted": "at least 2", "met": True},
    ]


def test_a_lesson_with_a_misspelt_field_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "lessons.yaml"
    path.write_text("one: {title: One, quetsions: []}\n")
    with pytest.raises(ValueError, match=r"lessons.yaml: lesson one has unknown fields \['quetsions'\]"):
        load_lessons(path)
