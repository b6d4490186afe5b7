"""Lessons that are made on a page or by a course: read, refused, packed into a link, written as YAML."""

import base64
import json
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from app import site
from app.labs.filterbank.view import FilterbankLab
from app.lessons import LessonError, entries, entry_of, lesson_of
from app.page.authoring import check_fits, lesson_file, of_course, opened, packed, unpacked
from app.page.link import LONGEST, Link
from app.server.messages import LAB_MESSAGES
from app.site import LABS
from tests.app.conftest import Desk

EVERY_LESSON = [
    pytest.param(lab, lesson, id=f"{lab.slug}-{slug}")
    for lab in LABS
    for slug, lesson in lab.model_class.lessons.items()
]
ENTRY = {
    "title": "My tone",
    "text": "Listen to **this**.\n\n- one\n- two",
    "questions": [{"ask": "How loud?", "answer": "Seventy."}],
    "task": {"text": "Make two peaks.", "checks": {"excitation_peaks": [2, None]}, "done": "Two."},
    "hide": ["f.order"],
}


def made(desk: Desk, entry: Any, *, keep: bool = True) -> dict[str, Any]:
    """Send a lesson as the page does; return the answer to it."""
    text = entry if isinstance(entry, str) else json.dumps({"my-tone": entry})
    return next(each for each in desk.send("make", text=text, keep=keep) if each["type"] == "made")


# ---------------------------------------------------------------- forms of a lesson


@pytest.mark.parametrize(("lab", "lesson"), EVERY_LESSON)
def test_every_lesson_is_the_same_after_a_file_and_after_a_link(lab: Any, lesson: Any) -> None:
    assert lesson_of(lesson.slug, entry_of(lesson), "a.yaml") == lesson
    assert opened(lesson_file(lesson, lab.slug)) == lesson
    assert unpacked(packed(lesson)) == lesson
    check_fits(lesson, "a.yaml", lab.model_class(), lab.figures, lab.sounds)


def test_a_lesson_of_usual_length_fits_a_link_with_room_to_spare() -> None:
    longest = max(len(packed(case.values[1])) for case in EVERY_LESSON)  # type: ignore[arg-type]
    assert longest < LONGEST / 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": ""}, "has no title; give one."),
        ({"title": ["a"]}, "title is “['a']”; give a text of up to 300 characters."),
        ({"text": "x" * 7000}, "text is “xxxx"),
        ({"text": {"a": 1}}, "text is “{'a': 1}”"),
        ({"state": {"s.level": [1]}}, "state, s.level is “[1]”; give a number, a word or true or false."),
        ({"state": {"s.lvel": 1}}, "state names s.lvel, which this lab does not have; it has "),
        (
            {"state": {"s.level": 1000}},
            "state, s.level: Level is 1000 dB SPL; give a number from -10 to 110 dB SPL.",
        ),
        ({"hide": "f.order"}, "hide is “f.order”; give a list of up to 300."),
        ({"hide": ["f.odor"]}, "hide names f.odor, which this lab does not have"),
        ({"questions": [{"question": "?"}]}, "questions is “question”; give the fields ask, answer."),
        ({"task": {"text": "a", "done": "b"}}, "task is “text, done”; give the fields text, checks, done"),
        ({"task": {**ENTRY["task"], "checks": {}}}, "checks is empty; name a measure"),  # type: ignore[dict-item]
        ({"task": {**ENTRY["task"], "checks": {"peaks": [1, 2]}}}, "checks names peaks, which this lab"),  # type: ignore[dict-item]
        ({"task": {**ENTRY["task"], "checks": {"excitation_peaks": [3, 2]}}}, "is “[3, 2]”; give two limits"),  # type: ignore[dict-item]
        ({"task": {**ENTRY["task"], "checks": {"excitation_peaks": [None, None]}}}, "give two limits"),  # type: ignore[dict-item]
        (
            {"figure": "cochleogram"},
            "figure names cochleogram, which this lab does not have; it has audiogram, cochleagram",
        ),
        (
            {"sound": "nothing"},
            "sound names nothing, which this lab does not have; it has channel, input, sum.",
        ),
        ({"minutes": 0}, "minutes is “0”; give a whole number from 1 to 600."),
        ({"quetsions": []}, "has unknown fields ['quetsions']; the fields are "),
    ],
)
def test_what_is_wrong_with_a_lesson_is_one_sentence_with_file_entry_and_field(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    (tmp_path / "filterbank.yaml").write_text(json.dumps({"one": {**ENTRY, **change}}))
    with pytest.raises(LessonError) as problem:
        of_course(tmp_path, {lab.slug: lab for lab in LABS})
    assert str(problem.value).startswith("filterbank.yaml: lesson one")
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1, 2", "a.yaml is no YAML in line 1"),
        ("- one\n- two", "a.yaml holds no lessons"),
        ("", "a.yaml holds no lessons"),
        ("1: {title: One}", "a.yaml holds no lessons"),
        ("a: &x {title: One}\nb: *x", r"a.yaml is no YAML in line 2: it has aliases \(\*name\)"),
        (b"\xff\xfe\xfa", "a.yaml is no YAML"),
        ("!!python/object/apply:os.system [ls]", "a.yaml is no YAML in line 1"),
    ],
)
def test_a_file_that_holds_no_lessons_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(LessonError, match=said):
        entries(text, "a.yaml")


# ---------------------------------------------------------------- a course's folder


def test_a_course_adds_lessons_by_file_name_and_by_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "filterbank.yaml").write_text(json.dumps({"ours": ENTRY}))
    (tmp_path / "week-2.yml").write_text("lab: loudness\nquiet: {title: How quiet, state: {s.level: 20}}\n")
    (tmp_path / "notes.txt").write_text("not a lesson")
    for lab in LABS:
        monkeypatch.setattr(lab.model_class, "lessons", lab.model_class.lessons)
    site.add_lessons(tmp_path)
    page = FilterbankLab(link="lesson=ours", served=True)
    assert page.contents.words()["story"]["title"] == "My tone"  # type: ignore[index]
    assert page.contents.link() == "lesson=ours"
    assert page.contents.controls()["lessons"][-1] == ["ours", "My tone"]
    assert "How quiet" in site.landing_html.__wrapped__()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "holds no lessons; put files such as loudness.yaml there."),
        (
            {"hearing.yaml": "a: {title: A}"},
            "hearing.yaml: there is no lab hearing; name the file after one, or give lab:",
        ),
        ({"loudness.yaml": "sone: {title: A}"}, "loudness.yaml: the lab loudness has a lesson sone already"),
        ({"loudness.yaml": "a b: {title: A}"}, "loudness.yaml: “a b” is no name of a lesson"),
        (
            {"a.yaml": "lab: fdn\nx: {title: A}", "fdn.yaml": "x: {title: A}"},
            "fdn.yaml: the lab fdn has a lesson x already",
        ),
    ],
)
def test_a_folder_with_something_else_is_refused(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(LessonError) as problem:
        of_course(tmp_path, {lab.slug: lab for lab in LABS})
    assert said in str(problem.value)


# ---------------------------------------------------------------- on the page


def test_a_lesson_that_is_made_starts_from_what_the_page_shows(desk: Desk) -> None:
    desk.put(s__kind="tone", s__level=70)
    answer = made(desk, ENTRY)
    assert (answer["problem"], answer["slug"], answer["too_long"]) == ("", "my-tone", 0)
    assert answer["entry"]["state"] == desk.lab.model.state()
    assert {"s.kind": "tone", "s.level": "70"}.items() <= answer["entry"]["state"].items()
    story = desk.words()["story"]
    assert (story["title"], story["place"][0], story["next"]) == ("My tone", 0, None)
    assert desk.words()["readings"][0]["wanted"] == "at least 2"
    assert desk.frame()["made"] == "My tone"
    assert desk.frame()["hide"] == ["f.order"]
    # Its link opens it elsewhere; what a student then changes stands beside it.
    page = desk.open(f"?{desk.lab.contents.link()}&s.level=50")
    assert page.contents.words()["story"] == story
    assert page.contents.link().endswith("&s.level=50")
    assert desk.send("reset")[0]["ask"]["choices"][0][0] == "lesson"
    desk.send("sure", do="lesson")
    assert page.model.values()["s.level"] == 70


def test_a_file_that_is_opened_brings_its_own_state(desk: Desk) -> None:
    lesson = lesson_of("quiet", {**ENTRY, "state": {"s.level": 20}}, "it")
    answer = made(desk, lesson_file(lesson, "filterbank"), keep=False)
    assert answer["entry"] == entry_of(lesson)
    assert desk.lab.model.values()["s.level"] == 20
    assert desk.send("undo")[0]["link"] == ""


@pytest.mark.parametrize(
    "text", ["", "[]", "a: [", "a: 3", "lab: filterbank", "a: {title: A, state: {x: 1}}", "x" * 60_000]
)
def test_a_bad_file_is_one_sentence_and_the_page_stays_as_it_was(desk: Desk, text: str) -> None:
    before = desk.lab.contents.link()
    answer = made(desk, text, keep=False)
    assert answer["problem"].startswith("The file")
    assert len(answer["problem"]) < 2000
    assert desk.lab.contents.link() == before
    assert desk.lab.link.lesson is None


def test_a_lesson_too_long_for_a_link_is_said_to_be(desk: Desk) -> None:
    letters = random.Random(0)
    noise = "".join(letters.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", k=5900))
    answer = made(desk, {**ENTRY, "text": noise, "questions": [{"ask": noise[::-1], "answer": ""}]})
    assert answer["problem"] == ""
    assert answer["too_long"] > 0
    assert opened(answer["file"]).text == noise


# ---------------------------------------------------------------- hostile links


def packed_text(content: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "%00",
        "ä",
        packed_text(b"[]"),
        packed_text(b'["a"]'),
        packed_text(b'["a", 3]'),
        packed_text(b'["a", {"title": 1}]'),
        packed_text(b'["a", {"title": "A", "state": {"x.y": 1}}]'),
        packed_text(b'["<b>", {"title": "A"}]'),
        packed_text(
            b'["a", {"title": "A", "task": {"text": "", "done": "", "checks": {"excitation_peaks": [1e999, 2]}}}]'
        ),
        packed_text(b"[" * 30_000),
        packed_text(b'["a", {"title": "' + b"x" * 3_000_000 + b'"}]'),
        packed_text(b'["a", {"title": "A"}]')[:-8],
    ],
)
def test_a_link_with_a_broken_lesson_opens_the_rest_and_says_so(text: str) -> None:
    page = FilterbankLab(link=f"made={text}&s.level=50", served=True)
    assert page.link.lesson is None
    assert page.model.values()["s.level"] == 50
    assert page.status.notes[0].startswith("The lesson in the link was left out:")
    assert "made" not in page.contents.link()


def test_what_a_hostile_lesson_says_travels_as_text() -> None:
    evil = "<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)>"
    lesson = lesson_of("a", {"title": evil, "text": evil, "questions": [{"ask": evil, "answer": evil}]}, "it")
    page = FilterbankLab(link=f"made={packed(lesson)}", served=True)
    story = page.contents.words()["story"]
    assert story is not None
    assert (story["title"], story["text"]) == (evil, evil)


def test_the_server_takes_a_lesson_and_a_link_and_nothing_longer_or_else() -> None:
    make, code = LAB_MESSAGES["make"], LAB_MESSAGES["qr"]
    assert make["text"]("a: {}")
    assert not make["text"]("x" * 60_001)
    assert code["text"]("https://lab.example.edu/loudness?a=1")
    for text in ("javascript:alert(1)", "https://a b", "", "https://" + "a" * 10_000):
        assert not code["text"](text)


def test_a_link_that_is_longer_than_one_that_is_served_is_not_read() -> None:
    assert Link(FilterbankLab().model).read("x" * (LONGEST + 1))[0]


def test_a_code_holds_its_link_and_one_too_long_says_so(desk: Desk) -> None:
    (answer,) = desk.send("qr", text="http://10.0.0.5:5006/loudness?lesson=sone")
    assert answer["type"] == "code"
    assert {len(row) for row in answer["rows"]} == {len(answer["rows"])}
    assert all(set(row) <= {"0", "1"} for row in answer["rows"])
    (answer,) = desk.send("qr", text="http://10.0.0.5:5006/?" + "a" * 4000)
    assert answer["type"] == "failed"
    assert "4022 characters, too many for a QR code" in answer["text"]
