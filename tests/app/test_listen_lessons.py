"""The lessons of the listening test: they open, can be taken to their end, and what they say is true."""

import csv
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from amtlib.experiments import PsychometricFunction, SimulatedObserver
from amtlib.scales import audfiltbw
from app.labs.perception.view import PerceptionLab
from app.lessons import LessonError, entries
from app.listen.conclusion import CLASS, Found, conclusion
from app.listen.condition import Condition, condition_of, presentable
from app.listen.lessons import Lesson, Part, lesson_of, lessons
from app.listen.report import YOU, Finding
from app.listen.service import ListeningService
from app.listen.store import Store
from tests.app.test_lessons import NUMBER, measured, number
from tests.app.test_listen import answered
from tests.app.test_listen_rooms import service as service
from tests.app.test_listen_rooms import store as store

LESSONS = [pytest.param(lesson, id=slug) for slug, lesson in lessons().items()]
FACTS = [
    pytest.param(lesson, phrase, id=f"{slug}: {phrase}")
    for slug, lesson in lessons().items()
    for phrase in lesson.facts or ()
]


def taken(part: Part, threshold: float, seed: int = 1) -> Finding:
    """Return the run of a part by somebody with this threshold."""
    variable = part.condition.experiment.variable
    hearing = PsychometricFunction(
        threshold,
        1.0 if variable.scale == "log" else 0.5,
        guess=1 / 3,
        scale=variable.scale,
        easier=variable.easier,
    )
    return Finding.of(part.condition.run(seed).proceed(SimulatedObserver(hearing, seed=seed)))


# ---------------------------------------------------------------- what is offered


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_is_in_the_list_and_opens_by_its_address(service: ListeningService, lesson: Lesson) -> None:
    cards = service.answer({"type": "open", "link": ""})["lessons"]
    assert lesson.slug in [card["slug"] for card in cards]
    opened = service.answer({"type": "open", "link": f"lesson={lesson.slug}"})
    assert opened["lesson"]["title"] == lesson.title
    assert [offer["name"] for offer in opened["chosen"]] == [part.name for part in lesson.parts]
    for offer in opened["chosen"]:
        assert presentable(offer["link"]).link() == offer["link"]
    assert len({offer["link"] for offer in opened["chosen"]}) == len(lesson.parts)


@pytest.mark.parametrize("lesson", LESSONS)
def test_nothing_of_the_answer_is_shown_before_the_prediction(
    service: ListeningService, lesson: Lesson
) -> None:
    opened = service.answer({"type": "open", "link": f"lesson={lesson.slug}"})
    assert {*opened["lesson"]} == {"slug", "title", "question", "minutes", "text", "ask", "choices", "parts"}


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_takes_five_to_ten_minutes(lesson: Lesson) -> None:
    assert 5 <= lesson.minutes <= 10


def test_a_lesson_that_is_not_there_is_refused_with_those_that_are(service: ListeningService) -> None:
    problem = service.answer({"type": "open", "link": "lesson=louder"})["problem"]
    assert problem.startswith("There is no lesson “louder”: choose one of masking, weber")


def test_a_link_of_a_lesson_takes_no_settings_of_its_own(service: ListeningService) -> None:
    answer = service.answer({"type": "open", "link": "lesson=gaps&x.level=90"})
    assert answer["problem"] == "A lesson’s link has no settings of its own: leave out “x.level”."
    assert answer["lesson"] is None


# ---------------------------------------------------------------- what it comes to


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_listener_takes_a_lesson_to_its_end(lesson: Lesson) -> None:
    variable = lesson.parts[0].condition.experiment.variable
    threshold = variable.stepped(variable.start, variable.steps[0], -2)
    table: dict[str, Sequence[Found | None]] = {
        YOU: [Found.of(taken(part, threshold, k)) for k, part in enumerate(lesson.parts)],
        CLASS: [Found(threshold) for _ in lesson.parts],
    }
    found = conclusion(lesson, table, said=lesson.people)
    assert [row[0] for row in found["rows"]] == [part.name for part in lesson.parts]
    assert found["heads"] == [f"Threshold ({variable.unit})", "You", "The class (median)"]
    assert all(NUMBER.fullmatch(cell) for row in found["rows"] for cell in row[1:])
    assert found["predicted"] == lesson.choices[lesson.people].says
    assert "<polyline" in found["picture"]
    assert found["sentences"][-1].endswith("You predicted that.")
    assert any(each.startswith(f"{lesson.change.words}, your threshold") for each in found["sentences"])


@pytest.mark.parametrize(
    ("slug", "thresholds", "says"),
    [
        (
            "masking",
            (58, 61, 62),
            "From 200 to 1600 Hz, your threshold rose by 1 dB: “It stays nearly the same.”",
        ),
        (
            "gaps",
            (2, 4, 6),
            "From the wide noise to the low band, your threshold became 3 times as large: “It must be",
        ),
        (
            "lost",
            (66, 47),
            "With the noise 300 Hz away, your threshold fell by 19 dB: “As much: some 20 dB softer.”",
        ),
    ],
)
def test_the_change_is_said_in_words_and_held_against_the_choices(
    slug: str, thresholds: tuple[float, ...], says: str
) -> None:
    lesson = lessons()[slug]
    found = [Found(each, each - 0.1, each + 0.1) for each in map(float, thresholds)]
    assert conclusion(lesson, {YOU: found}, said=0)["sentences"][0].startswith(says)


def test_a_change_that_the_answers_leave_open_is_said_to_be_open() -> None:
    lesson = lessons()["masking"]
    found = [Found(60.0, 57.0, 63.0), Found(61.0, 58.0, 64.0), Found(66.0, None, 69.0)]
    sentences = conclusion(lesson, {YOU: found}, said=1)["sentences"]
    assert sentences[0].endswith("(With so few answers, it may not have changed at all.)")
    assert sentences[1] == "Your thresholds did not change as you predicted."
    same = [*found[:2], Found(62.0, 59.0, 65.0)]
    assert conclusion(lesson, {YOU: same}, said=1)["sentences"][0].endswith("“It stays nearly the same.”")
    boundless = [Found(60.0), Found(61.0), Found(67.0)]  # runs whose answers set no limit at all
    assert conclusion(lesson, {YOU: boundless}, said=1)["sentences"][0].endswith(
        "may not have changed at all.)"
    )
    assert "may not" not in conclusion(lesson, {CLASS: boundless}, said=1)["sentences"][0]


@pytest.mark.parametrize(
    ("slug", "thresholds", "says"),
    [
        ("masking", (58.0, 61.0, 61.0), "your threshold did not change: “It stays nearly the same.”"),
        ("gaps", (2.0, 4.0, 2.0), "your threshold did not change: “Just as long.”"),
        ("gaps", (0.5, 4.0, 59.0), "your threshold became 120 times as large: “It must be longer.”"),
    ],
)
def test_no_change_and_large_ones_are_said_as_a_person_says_them(
    slug: str, thresholds: tuple[float, ...], says: str
) -> None:
    lesson = lessons()[slug]
    found = [Found(each, each, each) for each in thresholds]
    assert says in conclusion(lesson, {YOU: found}, said=0)["sentences"][0]


def test_the_picture_draws_the_limits_that_there_are_zero_among_them() -> None:
    lesson = lessons()["tmtf"]
    found = [Found(-22.0, -24.0, -20.0), Found(-4.0, -8.0, 0.0), Found(-10.0)]

    def tops(each: list[Found]) -> list[float]:
        drawn = conclusion(lesson, {YOU: each}, said=None)["picture"]
        bars = re.findall(r'class="line you thin" points="([^"]*)"', drawn)
        return [min(float(point.split(",")[1]) for point in bar.split()) for bar in bars]

    limited, open_above = tops(found), tops([found[0], Found(-4.0, -8.0), found[2]])
    assert len(limited) == len(open_above) == 2
    assert limited[1] > open_above[1]  # only what has no limit reaches the end of the axis


def test_what_is_asked_about_the_impaired_ear_is_answered_by_that_ear() -> None:
    lesson = lessons()["lost"]
    table = {
        YOU: [Found(66.0, 65.0, 67.0), Found(46.0, 45.0, 47.0)],
        "HIx": [Found(66.0, 65.0, 67.0), Found(60.0, 59.0, 61.0)],
    }
    sentences = conclusion(lesson, table, said=1)["sentences"]
    assert "the threshold of the model without outer hair cells fell by 6 dB" in sentences[1]
    assert sentences[2] == "The model without outer hair cells behaved as you predicted."


def lesson_taken(service: ListeningService, room: str = "", lesson: str = "lost") -> list[str]:
    """Take the parts of a lesson; return the names of its runs."""
    return [
        answered(service, part.condition.link(), room, right=lambda value: value > 50.0)["run"]
        for part in lessons()[lesson].parts
    ]


def test_a_lesson_shows_prediction_own_thresholds_and_those_of_the_class(
    service: ListeningService,
) -> None:
    links = [part.condition.link() for part in lessons()["lost"].parts]
    opened = service.answer({"type": "open-room", "links": links})
    room = opened["room"]
    assert service.answer({"type": "open", "link": f"room={room}&lesson=lost"})["lesson"]["slug"] == "lost"
    runs = lesson_taken(service, room)
    message = {"type": "lesson", "lesson": "lost", "runs": runs, "said": 1, "room": room}
    before = service.answer(message)
    assert before["waiting"]
    assert before["heads"][1:] == ["You", "The model", "The model without outer hair cells"]
    for run in runs:
        assert service.answer({"type": "send", "run": run, "lesson": "lost", "said": 1})["new"]
    after = service.answer(message)
    assert after["heads"][-1] == "The class (median)"
    assert [row[1] for row in after["rows"]] == [row[-1] for row in after["rows"]]
    shown = service.answer({"type": "room", "room": room, "lesson": "lost"})
    assert [count for _, count in shown["predictions"]] == [0, 1, 0]  # once, though two runs were sent
    assert [each["name"] for each in shown["conditions"]] == ["Noise up to the tone", "Noise 300 Hz away"]
    saved = service.answer({"type": "export-room", "room": room, "key": opened["key"]})["text"]
    heads, *rows = csv.reader(saved.splitlines())
    assert heads[-2:] == ["lesson", "prediction"]
    assert [row[-2:] for row in rows] == [["lost", "2"], ["", ""]]


def test_a_lesson_may_be_looked_at_without_being_taken_and_takes_no_run_that_is_not_finished(
    service: ListeningService,
) -> None:
    found = service.answer({"type": "lesson", "lesson": "gaps", "runs": [], "said": None})
    assert found["heads"][1:] == ["The model"]
    assert found["predicted"] == ""
    assert found["answer"] == lessons()["gaps"].answer
    begun = service.answer({"type": "begin", "link": found_link("gaps"), "lesson": "gaps"})["run"]
    assert (
        "not finished yet" in service.answer({"type": "lesson", "lesson": "gaps", "runs": [begun]})["problem"]
    )
    for wrong in ("text", [begun] * 9, [3]):
        assert "reload it" in service.answer({"type": "lesson", "lesson": "gaps", "runs": wrong})["problem"]


def found_link(slug: str) -> str:
    return lessons()[slug].parts[0].condition.link()


def test_a_room_of_something_else_is_no_room_of_a_lesson(service: ListeningService) -> None:
    room = service.answer({"type": "open-room", "links": [found_link("gaps")]})["room"]
    problem = service.answer({"type": "open", "link": f"room={room}&lesson=gaps"})["problem"]
    assert problem == "This room was not opened for the lesson “Gaps”: ask for its link."


def test_the_model_begins_when_the_lesson_does(
    service: ListeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def own(condition: Condition, ear: str) -> dict[str, Any]:
        asked.append((condition.link(), ear))
        return {}

    monkeypatch.setattr(service.models, "own", own)
    service.answer({"type": "begin", "link": found_link("lost"), "lesson": "lost"})
    assert {*asked} == {
        (part.condition.link(), ear) for part in lessons()["lost"].parts for ear in ("NH", "HIx")
    }


def test_a_file_of_results_from_before_there_were_lessons_takes_predictions(store: Store) -> None:
    room, _ = store.open_room(["link"])
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("DROP TABLE predictions")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    again = Store(store.path)
    assert again.send("run", room, "link", (1.0, None, None), 20, ("gaps", 2))
    assert again.predictions(room, "gaps") == {2: 1}
    again.end_room(room)
    assert again.predictions(room, "gaps") == {}


# ---------------------------------------------------------------- what it says


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_link_of_a_lesson_opens_the_perception_lab_as_it_says(lesson: Lesson) -> None:
    address, _, query = lesson.lab.partition("?")
    assert address == PerceptionLab.slug
    page = PerceptionLab(link=query, served=True)
    assert page.status.problem == ""
    assert page.status.notes == []
    values = page.model.values()
    for key, value in lesson.state.items():
        assert values[key] == page.model.fields[key].parse(value)


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_number_of_a_lesson_is_measured_or_given(lesson: Lesson) -> None:
    prose = " ".join(lesson.prose.split())
    phrases = sorted([*(lesson.facts or ()), *lesson.given], key=len, reverse=True)
    for phrase in phrases:
        assert phrase in prose, phrase
    for phrase in phrases:
        prose = prose.replace(phrase, " ")
    prose = re.sub(r"\b(?:19|20)\d\d\b", " ", prose)  # years of papers
    assert NUMBER.findall(prose) == []


@pytest.mark.parametrize(("lesson", "phrase"), FACTS)
def test_a_number_of_a_lesson_is_what_the_perception_lab_measures(lesson: Lesson, phrase: str) -> None:
    assert lesson.facts is not None
    fact, written = lesson.facts[phrase], NUMBER.findall(phrase)
    assert len(written) == 1, "a phrase holds one number"
    value = measured(PerceptionLab, lesson, fact.set.items())[fact.measure]  # type: ignore[arg-type]
    assert abs(value - number(written[0])) <= 0.5


def test_numbers_that_follow_from_conditions_and_formulas_are_what_they_give() -> None:
    masking, weber, forward, lost = (lessons()[slug] for slug in ("masking", "weber", "forward", "lost"))
    levels = [part.condition.experiment.masker_level for part in masking.parts]  # type: ignore[attr-defined]
    assert round(levels[2] - levels[1]) == 9
    assert round(float(audfiltbw(1000.0))) == 133  # Glasberg and Moore (1990)
    soft, loud = (part.condition.experiment.level for part in weber.parts[:2])  # type: ignore[attr-defined]
    assert loud - soft == 35.0
    first, second = (part.condition.experiment.masker_level for part in forward.parts[:2])  # type: ignore[attr-defined]
    assert second - first == 25.0
    far = lost.parts[1].condition.experiment
    assert far.notch * far.frequency == 300.0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"title": None, "tilte": "Gaps"}, "lessons.yaml: lesson gaps"),
        ({"parts": None}, "lessons.yaml: lesson gaps has no parts; give it."),
        ({"people": 4}, "people is 4; give the number of a choice, 1 to 3."),
        ({"choices": [{"says": "One."}]}, "give two or more, rising, the last without upto."),
        (
            {"change": {"from": 1, "to": 9, "words": "So"}},
            "change is between parts that are not there; give numbers from 1 to 3.",
        ),
        (
            {"parts": [{"name": "One", "at": 1, "link": {"experiment": "louder"}}]},
            "There is no experiment “louder”",
        ),
        (
            {"parts": [{"name": "One", "at": 1, "link": {}}], "rule": {}},
            "This link names no experiment: add experiment=",
        ),
        ({"ears": ["left"]}, "ears are left; choose of NH, HIx."),
        ({"about": "HIx"}, "about is HIx; choose you or one of the lesson's ears."),
    ],
)
def test_an_entry_that_is_no_lesson_is_refused_in_a_sentence(changes: dict[str, Any], complaint: str) -> None:
    path = Path(__file__).parents[2] / "app" / "listen" / "lessons.yaml"
    entry = {**entries(path.read_bytes(), path.name)["gaps"], **changes}
    with pytest.raises(LessonError) as refused:
        lesson_of("gaps", {name: value for name, value in entry.items() if value is not None})
    assert complaint in str(refused.value)


def test_the_lesson_of_a_condition_does_not_change_its_link() -> None:
    for lesson in lessons().values():
        for part in lesson.parts:
            assert condition_of(part.condition.link()) == part.condition
