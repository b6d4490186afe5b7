"""The messages of a page from its browser: those that wait, and what is done for each.

What may come is checked by `app.server.messages`. What would lose something waits until its user has chosen.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.lessons import LessonError, entry_of
from app.page.authoring import lesson_file, opened
from app.page.link import LONGEST
from app.page.listen import file_of, sound_of
from app.page.protocol import NEWEST_WINS, Content
from app.page.qr import code_of
from app.page.steps import Steps, go_to, moment_of

#: Messages of one page that may wait.
_MOST = 64


class Inbox:
    """Messages in the order in which they came; filled on the event loop, emptied by the page's work.

    Examples
    --------
    >>> inbox = Inbox()
    >>> inbox.put({"type": "set", "values": {"s.level": 40}, "sequence": 1})
    True
    >>> inbox.put({"type": "set", "values": {"s.level": 41}, "sequence": 2})  # takes the place of the first
    False
    >>> inbox.take()["sequence"], len(inbox)
    (2, 0)
    """

    def __init__(self) -> None:
        self._messages: deque[Content] = deque()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Content) -> bool:
        """Add a message; return whether there is one more to take than before."""
        with self._lock:
            last = self._messages[-1] if self._messages else {}
            same = last.get("type") == message.get("type") and last.get("step") == message.get("step")
            if last and same and message.get("type") in NEWEST_WINS:
                values = {**last.get("values", {}), **message.get("values", {})}
                self._messages[-1] = {**message, "values": values} if values else message
                return False
            if len(self._messages) >= _MOST:
                return False  # nobody presses that many buttons; what is shown follows from those before
            self._messages.append(message)
            return True

    def take(self) -> Content:
        """Return the oldest message."""
        with self._lock:
            return self._messages.popleft()

    def has_move(self) -> bool:
        """Whether a move of a slider or of the pointer waits."""
        with self._lock:
            return any(message.get("type") in NEWEST_WINS for message in self._messages)


class Messages:
    """Handles the messages of one page.

    Parameters
    ----------
    lab : LabView
        The page. Its class is not imported here: it owns this object.

    Attributes
    ----------
    steps : Steps
        What undo and redo go through.
    """

    def __init__(self, lab: Any) -> None:
        self._lab = lab
        self.steps = Steps(lambda: moment_of(lab))
        #: The message that its user was asked about, and while it is done, what they chose.
        self._asked: Content | None = None
        self._chosen = ""

    def handle(self, message: Content) -> None:
        """Do what a message asks for; what moves the page is a step of undo."""
        match message.get("type"):
            case "sure":
                self._answer(str(message["do"]))
            case "undo" | "redo":
                self._take_back(message)
            case _:
                with self.steps.step(message.get("step")):
                    self._do(message)

    def _do(self, message: Content) -> None:
        lab, link, comparison = self._lab, self._lab.link, self._lab.comparison
        main = lab.parts["main"]
        match message.get("type"):
            case "set":
                self._set(message)
            case "point":
                self._point(message)
            case "hello":
                lab.send_everything()
            case "hide":
                link.hide(map(str, message["keys"]))
                lab.note_hidden()
            case "reset":
                self._reset(message)
            case "lesson":
                self._enter(message)
            case "open":
                text = str(message["link"])
                if self._may(message, link.values_of(text), "Go there"):
                    lab.change(lambda: self._open(text), opened=text)
            case "pin":
                lab.change(comparison.pin)
            case "unpin":
                lab.change(comparison.unpin)
            case "swap":
                lab.change(comparison.swap)
            case "fit":
                lab.change(lab.fit)
            case "work":
                lab.act(str(message["do"]))
            case "code":
                lab.code_open = bool(message["open"])
                lab.change(list)
            case "live":
                lab.live_sound.play(on=bool(message["on"]))
                lab.show()
            case "sound":
                main.send(sound_of(lab, str(message["key"])))
            case "hear":
                main.send(sound_of(lab, str(message["key"]), other=True))
            case "export":
                main.send(file_of(lab, str(message["key"])))
            case "upload":
                self._upload(message)
            case "make":
                lab.parts["controls"].send(self._make(message))
            case "qr":
                main.send(code_of(str(message["text"])))

    # ------------------------------------------------------------------ what moves the settings

    def _set(self, message: Content) -> None:
        lab, values = self._lab, dict(message["values"])
        if not self._chosen:  # else the page has gone back to what held
            lab.note_shown(values)
        if self._may(message, values, "Change it"):

            def move() -> list[str]:
                notes: list[str] = lab.model.update(values)
                lab.followed(values)
                return notes

            lab.change(move, answered=int(message["sequence"]))

    def _point(self, message: Content) -> None:
        lab = self._lab
        values: Mapping[str, Any] = {}
        with contextlib.suppress(ValueError):  # the settings do not fit together: the page says why
            values = lab.looked_at(str(message["figure"]), float(message["x"]), float(message["y"]))
        if self._may(message, values, "Change it"):

            def look() -> list[str]:
                lab.model.update(values)
                return []  # a pointer that moves on is not answered in words

            lab.change(look, answered=int(message["sequence"]))

    def _enter(self, message: Content) -> None:
        model, link = self._lab.model, self._lab.link
        lesson = model.lessons.get(str(message["slug"]))
        wanted = {} if lesson is None else model.fresh() | model.renamed(lesson.state)
        if self._may(message, wanted, "Open the lesson"):
            self._lab.change(lambda: link.enter(lesson))

    def _open(self, text: str) -> list[str]:
        """Go to what another address of this page says; return notes on it."""
        lab = self._lab
        lab.link.leave()
        notes = lab.model.restore({})
        more, pinned = lab.link.read(text)
        return [*notes, *more, *lab.comparison.show(pinned)]

    def _reset(self, message: Content) -> None:
        model, link = self._lab.model, self._lab.link
        lesson, question = link.lesson, model.loses(model.fresh())
        choices = {"all": "Reset"}
        if lesson is not None:
            question = (
                f"Go back to the start of the lesson “{lesson.title}”, or leave it and reset all? {question}"
            )
            choices = {"lesson": "Start of the lesson", "all": "Leave it, reset all"}
        if not self._allow(message, question.strip(), choices):
            return

        def back() -> list[str]:
            if self._chosen == "lesson":
                return list(link.enter(lesson))
            link.leave()
            return list(model.restore({}))

        self._lab.change(back)

    def _upload(self, message: Content) -> None:
        lab = self._lab
        begins = message["start"] == 0 and lab.link.awaited_file is None
        if begins and not self._may(message, {"t.uploads": 1}, "Take the file"):
            return
        answer = lab.uploads.take(message)
        if answer is not None:
            lab.parts["controls"].send(answer)

    def _make(self, message: Content) -> Content:
        """Open the lesson that is being made on the page, or that a file holds; return it, or what is wrong with it."""
        lab = self._lab
        source = "" if message["keep"] else "The file"
        try:
            lesson = opened(str(message["text"]), source)
            if message["keep"]:  # it starts from what the page shows
                lesson = replace(lesson, state=lab.model.state())
            lab.check_lesson(lesson, source)
        except LessonError as problem:
            return {
                "type": "made",
                "problem": str(problem),
                "slug": "",
                "entry": {},
                "file": "",
                "too_long": 0,
            }
        if self._may(message, lab.model.fresh() | lab.model.renamed(lesson.state), "Open the lesson"):
            lab.change(lambda: lab.link.enter(lesson))
        return {
            "type": "made",
            "problem": "",
            "slug": lesson.slug,
            "entry": entry_of(lesson),
            "file": lesson_file(lesson, lab.slug),
            "too_long": max(len(lab.contents.link()) - LONGEST, 0),
        }

    def _take_back(self, message: Content) -> None:
        """Undo the last step, or redo the one that was undone last."""
        moment = self.steps.ahead(message["type"])
        if moment is not None and self._may(message, moment.values, "Go on"):
            self.steps.go(message["type"])
            self._lab.change(lambda: go_to(self._lab, moment))

    # ------------------------------------------------------------------ what would be lost

    def _may(self, message: Content, values: Mapping[str, Any], label: str) -> bool:
        """Return whether these values may be set: nothing is lost by it, or its user was asked and is sure."""
        return self._allow(message, self._lab.model.loses(values), {"yes": label})

    def _allow(self, message: Content, loss: str, choices: Mapping[str, str]) -> bool:
        """Return whether to do what a message says: nothing is lost, or its user chose to; else ask them.

        Parameters
        ----------
        message : dict
        loss : str
            What would be lost, in a sentence; "" for nothing.
        choices : mapping
            What `_chosen` will be, and the label of its button.
        """
        if not loss or self._chosen:
            return True
        self._asked = message
        question = {"text": loss, "choices": [[do, label] for do, label in choices.items()]}
        self._lab.show(ask=question, answered=message.get("sequence"))
        return False

    def _answer(self, choice: str) -> None:
        asked, self._asked = self._asked, None
        if asked is None:
            return
        if choice:
            self._chosen = choice
            try:
                self.handle(asked)
            finally:
                self._chosen = ""
        elif asked["type"] == "upload":
            text = f"{asked['name']} was not taken."
            self._lab.parts["controls"].send({"type": "upload-failed", "id": asked["id"], "text": text})
        elif asked["type"] == "open":  # the page stays, and its address goes back to what it shows
            self._lab.show(opened=asked["link"])
