"""Lessons that are made on a page or by a course: held against the lab, written as YAML, packed into a link.

What fields a lesson has, and how it is read from an entry of a file: :mod:`app.lessons`.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from app.lab import LabModel
from app.lessons import Lesson, LessonError, entries, entry_of, lesson_of, place_of

#: Longest file that is opened on a page, characters; and what a link's lesson may unpack to, bytes.
MOST_TEXT = 60_000
_MOST_UNPACKED = 40_000


def check_fits(
    lesson: Lesson, source: str, model: LabModel, figures: Iterable[str], sounds: Iterable[str]
) -> None:
    """See whether a lesson is one of a lab: its settings, measures, figure and sound are there.

    Raises
    ------
    LessonError
        If not; the sentence names source, entry and field, and what there is.
    """
    where = place_of(lesson.slug, source)
    keys = set(model.fields)
    for name, found, there in (
        ("state", model.renamed(lesson.state), keys),
        ("hide", model.renamed(dict.fromkeys(lesson.hide)), keys),
        ("controls", model.renamed(dict.fromkeys(lesson.controls)), keys),
        ("checks", lesson.task.checks if lesson.task else (), set(model.quantities)),
        ("figure", filter(None, [lesson.figure]), set(figures)),
        ("sound", filter(None, [lesson.sound]), set(sounds)),
    ):
        unknown = sorted(set(found) - there)
        if unknown:
            known = ", ".join(sorted(there)) or "none"
            raise LessonError(
                f"{where}: {name} names {', '.join(unknown)[:80]}, which this lab does not have; it has {known}."
            )
    for key, value in model.renamed(lesson.state).items():
        try:
            model.fields[key].parse(value)
        except (ValueError, TypeError) as problem:
            raise LessonError(f"{where}: state, {key}: {problem}") from None


def opened(text: str, source: str = "The file") -> Lesson:
    """Return the first lesson of a file, which may name its lab; of one that is made on a page, the source is "".

    Raises
    ------
    LessonError
        If there is none.
    """
    if len(text) > MOST_TEXT:
        raise LessonError(f"The file has {len(text)} characters; the limit is {MOST_TEXT}.")
    found = entries(text, "The file")
    found.pop("lab", None)
    if not found:
        raise LessonError("The file holds no lesson.")
    slug, entry = next(iter(found.items()))
    return lesson_of(slug, entry, source)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, line by line as they are."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def lesson_file(lesson: Lesson, lab: str) -> str:
    r"""Return a lesson as a file that `amtlab serve --lessons` and every page of the lab open.

    Examples
    --------
    >>> print(lesson_file(Lesson("one", "One", "First.\n\nSecond."), "loudness"))
    lab: loudness
    one:
      title: One
      text: |-
        First.
    <BLANKLINE>
        Second.
    <BLANKLINE>
    """
    content = {"lab": lab, lesson.slug: entry_of(lesson)}
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def packed(lesson: Lesson) -> str:
    """Return a lesson as the text that a link carries.

    Examples
    --------
    >>> unpacked(packed(Lesson("one", "One", "A text."))).text
    'A text.'
    """
    content = json.dumps([lesson.slug, entry_of(lesson)], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(content.encode(), 9)).decode().rstrip("=")


def unpacked(text: str) -> Lesson:
    """Return the lesson that a link carries.

    Raises
    ------
    LessonError
        If the text holds none.
    """
    try:
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), _MOST_UNPACKED
        )
        if unpacking.unconsumed_tail or not unpacking.eof:
            raise ValueError("too long, or cut off")
        slug, entry = json.loads(content)
    except (ValueError, TypeError, binascii.Error, zlib.error, RecursionError):
        raise LessonError("it is damaged: copy the link again, whole.") from None
    return lesson_of(str(slug), entry, "it")


def of_course(folder: Path, labs: dict[str, Any]) -> dict[str, dict[str, Lesson]]:
    """Return a course's own lessons by lab: of each YAML file of a folder those of the lab that it names.

    Parameters
    ----------
    folder : Path
        A file is for the lab of its name, such as ``loudness.yaml``, or of its field ``lab``.
    labs : dict
        The labs (`app.page.view.LabView`) by slug.

    Raises
    ------
    LessonError
        If a file holds no lessons of a lab; the sentence names file, entry and field.
    """
    course: dict[str, dict[str, Lesson]] = {}
    files = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    if not files:
        raise LessonError(f"{folder} holds no lessons; put files such as loudness.yaml there.")
    for path in files:
        try:
            found = entries(path.read_bytes(), path.name)
        except OSError as problem:
            raise LessonError(f"{path.name} cannot be read: {problem.strerror}.") from None
        slug = str(found.pop("lab", path.stem))
        if slug not in labs:
            raise LessonError(
                f"{path.name}: there is no lab {slug[:60]}; name the file after one, or give lab: with one of "
                f"{', '.join(labs)}."
            )
        lab = labs[slug]
        model = lab.model_class()
        there = {**lab.model_class.lessons, **course.get(slug, {})}
        for name, entry in found.items():
            if name in there:
                raise LessonError(
                    f"{path.name}: the lab {slug} has a lesson {name} already; give yours another name."
                )
            lesson = lesson_of(name, entry, path.name)
            check_fits(lesson, path.name, model, lab.figures, lab.sounds)
            there[name] = course.setdefault(slug, {})[name] = lesson
    return course
