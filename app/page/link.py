"""The link of a lab: all of its state as the query of an address, read when a page opens, written after each change.

The only reader and the only writer: the browser shows what it is sent. The settings in a link are those that differ
from a fresh lab's, or from those of the lesson it names; the idea of a state that is all in the address is TensorFlow
Playground's.
"""

from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

import numpy as np

from app.lab import LabModel
from app.lessons import Lesson, LessonError
from app.page.authoring import packed, unpacked
from app.quantity import shortened

#: Keys of a link that are not settings: a lesson of the lab's, one that was made on a page, the controls to hide, the
#: state that is pinned as A, and the name of the user's own file.
_OWN_KEYS = ("lesson", "made", "hide", "a", "file")
#: Settings whose value "file" stands for a user's own file.
_FILE_KEYS = ("s.kind", "t.target")
#: Keys that others put into the address and that a link keeps.
_FOREIGN_KEYS = ("theme",)
#: Longest link that is served and read, characters: a page's address travels three times, and a request's head has its
#: limit (64 kB).
LONGEST = 8000


class Link:
    """What a page's address says: settings, lesson, hidden controls, and a pinned state.

    Parameters
    ----------
    model : LabModel
        Receives the settings that are read, and has those that are written.
    opens_with : str
        The lesson that an address opens which says nothing.
    own_file : callable
        Returns the name of the user's own file, or None where there is none.
    check : callable
        Raises `app.lessons.LessonError` for a lesson that does not fit the lab; its second argument begins the text.

    Attributes
    ----------
    lesson : Lesson or None
        The lesson that is open.
    hidden : tuple of str
        Keys of the controls that are hidden.
    awaited_file : str or None
        Name of the file that the link goes with and that is not there yet, "" where the link does not say; None where
        it goes with none.

    Examples
    --------
    >>> from app.labs.filterbank.model import FilterbankModel
    >>> link = Link(FilterbankModel())
    >>> link.read("?f.order=2&s.level=55&theme=dark")
    ([], None)
    >>> link.write(pinned={"f.order": "3"})
    'theme=dark&s.level=55&f.order=2&a=f.order%3D3'
    """

    def __init__(
        self,
        model: LabModel,
        opens_with: str = "",
        own_file: Callable[[], str | None] = lambda: None,
        check: Callable[[Lesson, str], None] = lambda lesson, source: None,
    ) -> None:
        self._check = check
        self.lesson: Lesson | None = None
        self._packed = ""
        self.awaited_file: str | None = None
        self._own_file = own_file
        self.hidden: tuple[str, ...] = ()
        self._model = model
        self._opens_with = opens_with
        self._foreign: dict[str, str] = {}
        self._defaults = {key: entry.parameter.default for key, entry in model.fields.items()}
        self._expected = self._defaults
        self._hidden_by_lesson: tuple[str, ...] = ()

    def read(self, text: str) -> tuple[list[str], dict[str, str] | None]:
        """Apply a link as far as it makes sense.

        Parameters
        ----------
        text : str
            The query of an address, with or without its question mark.

        Returns
        -------
        list of str
            A sentence for each thing in it that was not taken, or that moved something else.
        dict or None
            The state that it pins as A.
        """
        if len(text) > LONGEST:
            return [f"The link has {len(text)} characters, more than {LONGEST}, and was left out."], None
        query = _parsed(text.lstrip("?"))
        self._foreign = {key: query.pop(key) for key in _FOREIGN_KEYS if key in query}
        lesson, problem = self._lesson_in(query)
        notes = [problem] if problem else []
        if lesson is not None:
            notes += self.enter(lesson)
        if "hide" in query:
            asked = [key for key in query["hide"].split(",") if key]
            self.hide(asked)
            if len(self.hidden) < len(asked):
                notes.append("The link hides controls that this lab does not have; they were left out.")
        pinned = None
        if "a" in query:
            asked_for = self._model.renamed(_parsed(query["a"]))
            pinned = {key: value for key, value in asked_for.items() if key in self._model.fields}
        state = {key: value for key, value in query.items() if key not in _OWN_KEYS}
        notes += self._model.update(state)
        if self.shows_file and self._own_file() is None:
            self.awaited_file = query.get("file", "")
            notes.append(
                f"The link goes with {shortened(self.awaited_file) if self.awaited_file else 'a file'} that links do "
                "not carry: drop it here again, unless this browser still has it."
            )
        else:
            self.awaited_file = None
        return notes, pinned

    def _lesson_in(self, query: Mapping[str, str]) -> tuple[Lesson | None, str]:
        """Return the lesson that a link opens, or why there is none, in a sentence."""
        if "made" in query:
            try:
                lesson = unpacked(query["made"])
                self._check(lesson, "it")
                return lesson, ""
            except LessonError as problem:
                return None, f"The lesson in the link was left out: {problem}"
        slug = query.get("lesson", "" if query else self._opens_with)
        if slug and slug not in self._model.lessons:
            return None, f"There is no lesson {shortened(slug)} here; the rest of the link was applied."
        return self._model.lessons.get(slug), ""

    def values_of(self, text: str) -> dict[str, Any]:
        """Return the settings that a link asks for, under their present keys; nothing is set."""
        query = _parsed(text.lstrip("?")[:LONGEST])
        lesson, _ = self._lesson_in(query)
        asked = {**(lesson.state if lesson else {}), **query}
        present = self._model.renamed(asked)
        return self._model.fresh() | {
            key: value for key, value in present.items() if key in self._model.fields
        }

    def write(self, pinned: Mapping[str, str] | None = None) -> str:
        """Return the query, without question mark, of an address that opens what is there now; "" for a fresh lab."""
        query = dict(self._foreign)
        if self.lesson is not None and self.is_made:
            query["made"] = self._packed
        elif self.lesson is not None:
            query["lesson"] = self.lesson.slug
        hidden = sorted(set(self.hidden))
        if hidden != sorted(self._hidden_by_lesson):
            query["hide"] = ",".join(hidden)
        model, expected = self._model, self._expected
        for key, value in model.values().items():
            if (value != expected[key] or model.is_kept(key)) and not model.is_derived(key):
                query[key] = _text(value)
        file = self._own_file() or self.awaited_file
        if file and self.shows_file:
            query["file"] = file
        if pinned is not None:
            query["a"] = urlencode(pinned)
        return _joined(query)

    @property
    def shows_file(self) -> bool:
        """Whether the settings are for a user's own file."""
        values = self._model.values()
        return any(values.get(key) == "file" for key in _FILE_KEYS)

    def awaits(self, name: str) -> bool:
        """Whether the settings are for the file of this name, which has not been there yet."""
        return self.shows_file and self.awaited_file in ("", name)

    def enter(self, lesson: Lesson | None) -> list[str]:
        """Open a lesson, or leave the one that is open and keep its settings; return the model's notes."""
        self.show(lesson, lesson.hide if lesson else ())
        return self._model.restore(lesson.state) if lesson else []

    def show(self, lesson: Lesson | None, hidden: Iterable[str]) -> None:
        """Have a lesson open, or none, and these controls hidden; settings stay as they are."""
        self.lesson = lesson
        self._packed = packed(lesson) if lesson is not None and self.is_made else ""
        self.hide(lesson.hide if lesson else ())
        self._hidden_by_lesson = self.hidden
        self.hide(hidden)
        # A link leaves out what the lesson itself sets, but not a way back from it.
        of_lesson = self._model.renamed(lesson.state) if lesson else {}
        fields = self._model.fields
        self._expected = self._defaults | {key: fields[key].parse(value) for key, value in of_lesson.items()}

    def leave(self) -> None:
        """Show every control, and no lesson."""
        self.enter(None)

    def hide(self, keys: Iterable[str]) -> None:
        """Hide these controls and no others; keys of controls that there are not are left out."""
        present = (self._model.aliases.get(key, key) for key in keys)
        self.hidden = tuple(key for key in present if key in self._model.fields)

    @property
    def is_made(self) -> bool:
        """Whether the lesson was made on a page, and so is none of the lab's."""
        return self.lesson is not None and self._model.lessons.get(self.lesson.slug) is not self.lesson

    @property
    def next_lesson(self) -> Lesson | None:
        """The lesson after the present one."""
        if self.lesson is None or self.is_made:
            return None
        slugs = list(self._model.lessons)
        later = slugs[slugs.index(self.lesson.slug) + 1 :]
        return self._model.lessons[later[0]] if later else None


def carried(model: LabModel) -> str:
    """Return what of a link leads to another lab with the same ear; "" where that is normal."""
    return _joined({key: _text(value) for key, value in model.another_ear.carried().items()})


def _parsed(query: str) -> dict[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True))


def _joined(query: Mapping[str, str]) -> str:
    """Write a query as a browser's ``URLSearchParams`` does, but for the comma, which stays readable.

    Examples
    --------
    >>> _joined({"hide": "s.level,f.order", "a": "x*~ =1"})
    'hide=s.level,f.order&a=x*%7E+%3D1'
    """
    return "&".join(f"{_quoted(key)}={_quoted(text)}" for key, text in query.items())


def _quoted(text: str) -> str:
    return quote_plus(text, safe="*,", errors="replace").replace("~", "%7E")


def _text(value: Any) -> str:
    """Write a setting as a browser would: the links of all versions of the labs look alike.

    Examples
    --------
    >>> [_text(value) for value in (True, 1.0, -0.25, 3e-07, 1e-05, "pink")]
    ['true', '1', '-0.25', '3e-7', '0.00001', 'pink']
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, Real):
        return str(value)
    number = float(value)
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        return np.format_float_positional(abs(number) if number == 0 else number, trim="-")
    return repr(number).replace("e-0", "e-")
