"""Undo and redo on a page: what it was before and after each finished move.

Not when a move ends: the page numbers its moves (page/js/moves.js), and what has the same number is one step.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.lessons import Lesson

#: Steps that can be taken back; a moment takes some kB.
MOST = 50


@dataclass(frozen=True)
class Moment:
    """All of a page that undo brings back: settings by key, lesson, hidden controls, and the pinned state."""

    values: Mapping[str, Any]
    lesson: Lesson | None
    hidden: tuple[str, ...]
    pinned: Mapping[str, str] | None


def moment_of(lab: Any) -> Moment:
    """Return what a `LabView` shows now."""
    model = lab.model
    values = {key: value for key, value in model.values().items() if not model.is_derived(key)}
    return Moment(values, lab.link.lesson, lab.link.hidden, lab.comparison.state)


def go_to(lab: Any, moment: Moment) -> list[str]:
    """Let a `LabView` show a moment again; return its model's notes."""
    lab.link.show(moment.lesson, moment.hidden)
    notes: list[str] = lab.model.restore(moment.values)
    return notes + lab.comparison.show(moment.pinned)


class Steps:
    """The steps of one page.

    Parameters
    ----------
    now : callable
        Returns the present moment.

    Examples
    --------
    >>> level = 60
    >>> steps = Steps(lambda: level)
    >>> with steps.step(1):
    ...     level = 61
    >>> with steps.step(1):  # of the same drag
    ...     level = 65
    >>> steps.go("undo"), steps.can_undo
    (60, False)
    """

    def __init__(self, now: Callable[[], Any]) -> None:
        self._now = now
        self._before: deque[Any] = deque(maxlen=MOST)
        self._after: list[Any] = []
        self._number: int | None = None
        #: What the page was when the step under way began.
        self._open: Any = None

    @contextlib.contextmanager
    def step(self, number: int | None = None) -> Iterator[None]:
        """Take what happens inside for a step, or for more of the last one if that has the same number."""
        self._open = before = self._now()
        try:
            yield
        finally:
            if self._has_moved:
                self._after.clear()
                if number is None or number != self._number:
                    self._before.append(before)
                self._number = number
            self._open = None

    @property
    def _has_moved(self) -> bool:
        return self._open is not None and self._open != self._now()

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back, the one under way counted."""
        return bool(self._before) or self._has_moved

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to take again; a new one takes the place of those."""
        return bool(self._after) and not self._has_moved

    def ahead(self, which: str) -> Any:
        """Return the moment that "undo" or "redo" would lead to, or None where there is none."""
        there = self._before if which == "undo" else self._after
        return there[-1] if there else None

    def go(self, which: str) -> Any:
        """Take the last step back ("undo") or again ("redo"); return the moment that this leads to, None for none."""
        there, back = (self._before, self._after) if which == "undo" else (self._after, self._before)
        if not there:
            return None
        back.append(self._now())
        self._number = None
        return there.pop()
