"""What the listening page may ask, and what it is answered: one message in, one out, both JSON.

Not here: HTTP, logins and how many may ask (`app/server/listening.py`).
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from app.listen import export
from app.listen.conclusion import CLASS, Found, conclusion
from app.listen.condition import BESIDE, LinkError, condition_of, presentable
from app.listen.lessons import lesson_named, lessons
from app.listen.model import EARS, Models
from app.listen.offers import offer_of, offers
from app.listen.report import YOU, finding_of_model, report, same_table
from app.listen.rooms import checked, named, room_of
from app.listen.runs import CHECK, Checks, Held, Runs
from app.listen.sounds import Played, comfortable_sound
from app.listen.store import Refusal, Store, Unknown
from app.page.qr import code_of

#: Longest name of a run or room, and longest text for a QR code.
_LONGEST = {"run": 60, "room": 60, "lesson": 60, "key": 60, "link": 4000, "text": 3000, "kind": 20, "ear": 10}
#: What a page is answered that asks for what no page of this server does.
_OTHER_PAGE = "This page is not the one that this server hands out: reload it."

Message = Mapping[str, Any]
Answer = dict[str, Any]


class ListeningService:
    """
    Answers the pages of a server.

    Parameters
    ----------
    store : Store
        What is kept.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     service = ListeningService(Store(Path(folder) / "runs.sqlite"))
    ...     service.answer({"type": "begin", "link": "experiment=gap_detection"})["number"]
    0
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.runs, self.checks, self.models = Runs(store), Checks(store), Models(store)
        self._kinds: Mapping[str, Callable[[Message], Answer]] = {
            "open": self._open,
            "begin": self._begin,
            "state": self._state,
            "answer": self._answer,
            "check": lambda message: self.checks.begin(),
            "result": self._result,
            "lesson": self._lesson,
            "same": self._same,
            "export": self._export,
            "code": lambda message: {"text": export.script(self._finished(message))},
            "send": self._send,
            "open-room": self._open_room,
            "room": self._room,
            "end-room": self._end_room,
            "export-room": self._export_room,
            "qr": lambda message: code_of(_text(message, "text")),
        }

    def answer(self, message: Any) -> Answer:
        """Return the answer to a message; ``problem`` in it is a sentence for the person at the page."""
        kind = message.get("type") if isinstance(message, dict) else None
        if not isinstance(kind, str) or kind not in self._kinds:
            return {"problem": _OTHER_PAGE}
        try:
            return self._kinds[kind](message)
        except (LinkError, Refusal) as problem:
            return _refused(problem)

    def sound(self, message: Any) -> Played | Answer:
        """Return a sound: of the trial that waits, of practice, of a check, or the one by which the volume is set."""
        try:
            if not isinstance(message, dict):
                raise Refusal(_OTHER_PAGE)
            if message.get("volume") is True:
                return comfortable_sound()
            run, number = _text(message, "run"), _whole(message, "number")
            if self.store.run(run).link == CHECK:
                return self.checks.sound(run, number)
            return self.runs.sound(run, number)
        except Refusal as problem:
            return _refused(problem)

    # --- a run ---------------------------------------------------------------------------------------------

    def _open(self, message: Message) -> Answer:
        """What the page shows when it opens: all lessons and experiments, and those of its link or room."""
        link = _text(message, "link")
        asked = dict(parse_qsl(link, keep_blank_values=True))
        room, slug = asked.get("room", ""), asked.get("lesson", "")
        cards = [each.card() for each in lessons().values()]
        answer: Answer = {"offers": offers(), "lessons": cards, "lesson": None, "chosen": [], "room": room}
        try:
            links = self.store.links(room) if room else []
            if slug:
                lesson = lesson_named(slug)
                if others := [each for each in asked if each not in ("room", "lesson")]:
                    more = ", ".join(f"“{each}”" for each in others)
                    raise LinkError(f"A lesson’s link has no settings of its own: leave out {more}.")
                if room and not {part.condition.link() for part in lesson.parts} <= {*links}:
                    raise LinkError(
                        f"This room was not opened for the lesson “{lesson.title}”: ask for its link."
                    )
                return answer | {"lesson": lesson.shown(), "chosen": lesson.offers()}
            if room:
                conditions = [condition_of(each) for each in links]
            else:
                conditions = [] if asked.keys() <= {*BESIDE} else [presentable(link)]
        except (LinkError, Unknown) as problem:
            return answer | {"problem": str(problem), "room": ""}
        names = named(conditions)
        return answer | {
            "chosen": [offer_of(each) | {"name": n} for each, n in zip(conditions, names, strict=True)]
        }

    def _lesson(self, message: Message) -> Answer:
        """What a lesson comes to, with those runs of its parts that were taken."""
        lesson = lesson_named(_text(message, "lesson"))
        runs, said = message.get("runs"), message.get("said")
        if not isinstance(runs, list) or len(runs) > len(lesson.parts):
            raise Refusal(_OTHER_PAGE)
        by_link = {held.condition.link(): held for held in (self._finished({"run": run}) for run in runs)}
        taken = [by_link.get(part.condition.link()) for part in lesson.parts]
        table: dict[str, list[Found | None]] = {}
        if runs:
            table[YOU] = [Found.of(held.finding) if held else None for held in taken]
        heard = {ear: [self.models.own(part.condition, ear) for part in lesson.parts] for ear in lesson.ears}
        table |= {ear: [Found.of(finding_of_model(each)) for each in found] for ear, found in heard.items()}
        if room := _text(message, "room", optional=True):
            sent = self.store.sent(room)
            found = [
                [
                    each.threshold
                    for each in sent
                    if each.link == part.condition.link() and each.threshold is not None
                ]
                for part in lesson.parts
            ]
            table[CLASS] = [Found.of_class(each) for each in found]
        table = {who: each for who, each in table.items() if any(each) or who in lesson.ears}
        known = isinstance(said, int) and 0 <= said < len(lesson.choices)
        answer = conclusion(lesson, table, said if known else None)
        everything = [each for found in heard.values() for each in found]
        answer["sentences"] += sorted({str(each["problem"]) for each in everything if "problem" in each})
        return answer | {"waiting": any(each.get("waiting") for each in everything)}

    def _begin(self, message: Message) -> Answer:
        condition = presentable(_text(message, "link"))
        room = _text(message, "room", optional=True)
        if room and condition.link() not in self.store.links(room):
            raise Refusal("This room was opened for another experiment: choose one of its own.")
        if slug := _text(message, "lesson", optional=True):  # so that the model is there at its end
            for part in (lesson := lesson_named(slug)).parts:
                for ear in lesson.ears:
                    self.models.own(part.condition, ear)
        state = self.runs.begin(condition, room)
        return state | {"offer": offer_of(condition)}

    def _state(self, message: Message) -> Answer:
        run = _text(message, "run")
        if self.store.run(run).link == CHECK:
            return self.checks.state(run)
        return self.runs.state(run) | {"offer": offer_of(self.runs.held(run).condition)}

    def _answer(self, message: Message) -> Answer:
        run, number, answer = _text(message, "run"), _whole(message, "number"), _whole(message, "answer")
        if self.store.run(run).link == CHECK:
            return {"told": {}, "state": self.checks.answer(run, number, answer)}
        after = message.get("after")
        if not isinstance(after, int | float) or not 0.0 <= after <= 1e6:
            after = 0.0
        return self.runs.answer(run, number, answer, float(after))

    def _finished(self, message: Message) -> Held:
        held = self.runs.held(_text(message, "run"))
        if not held.run.finished:
            raise Refusal("This run is not finished yet: answer its last trials first.")
        return held

    def _result(self, message: Message) -> Answer:
        """What a finished run comes to, beside the model's own run as soon as it is there."""
        held = self._finished(message)
        ears = message.get("ears")
        asked = [ear for ear in EARS if isinstance(ears, list) and ear in ears] or ["NH"]
        models = {ear: self.models.own(held.condition, ear) for ear in asked}
        answer = report(held.finding, models)
        problems = [str(heard["problem"]) for heard in models.values() if "problem" in heard]
        answer["sentences"] += problems
        waiting = any(heard.get("waiting") for heard in models.values())
        return answer | {"waiting": waiting, "room": held.stored.room}

    def _same(self, message: Message) -> Answer:
        held, ear = self._finished(message), _text(message, "ear")
        if ear not in EARS:
            raise Refusal("There is no such ear: choose NH or HIx.")
        heard = self.models.same(held.stored.id, held.run.to_json(), ear)
        if "trials" not in heard:
            return dict(heard)
        return {"html": same_table(heard, held.run.experiment.variable, held.run)}

    def _export(self, message: Message) -> Answer:
        held, kind = self._finished(message), _text(message, "kind")
        hearings = self.store.hearings(held.stored.id)
        if kind == "json":
            return {
                "name": "amtlab-run.json",
                "mime": "application/json",
                "text": export.as_json(held, hearings),
            }
        return {"name": "amtlab-run.csv", "mime": "text/csv", "text": export.as_csv(held, hearings)}

    # --- rooms ---------------------------------------------------------------------------------------------

    def _send(self, message: Message) -> Answer:
        held = self._finished(message)
        room = held.stored.room
        if not room:
            raise Refusal("This run was not taken in a room: open the link that your teacher gave you.")
        found = (held.run.threshold, *held.finding.limits)
        prediction = None
        if (slug := _text(message, "lesson", optional=True)) and message.get("said") is not None:
            lesson, said = lesson_named(slug), _whole(message, "said")
            if not 0 <= said < len(lesson.choices):
                raise Refusal(_OTHER_PAGE)
            if held.condition.link() == lesson.parts[0].condition.link():
                prediction = slug, said
        new = self.store.send(held.stored.id, room, held.stored.link, found, len(held.run.trials), prediction)
        return {"sent": True, "new": new}

    def _room(self, message: Message) -> Answer:
        slug = _text(message, "lesson", optional=True)
        lesson = lesson_named(slug) if slug else None
        return room_of(self.store, self.models, _text(message, "room"), lesson)

    def _open_room(self, message: Message) -> Answer:
        links = message.get("links")
        conditions = checked(links if isinstance(links, list) else [])
        room, key = self.store.open_room([each.link() for each in conditions])
        for condition in conditions:  # so that the model is there when the class is
            self.models.own(condition, "NH")
        return {"room": room, "key": key}

    def _end_room(self, message: Message) -> Answer:
        room = _text(message, "room")
        self.store.check_key(room, _text(message, "key"))
        self.store.end_room(room)
        return {"ended": True}

    def _export_room(self, message: Message) -> Answer:
        room = _text(message, "room")
        self.store.check_key(room, _text(message, "key"))
        text = export.room_csv(self.store.sent(room))
        return {"name": "amtlab-room.csv", "mime": "text/csv", "text": text}


def _refused(problem: Exception) -> Answer:
    return {"problem": str(problem), **({"unknown": True} if isinstance(problem, Unknown) else {})}


def _text(message: Message, name: str, *, optional: bool = False) -> str:
    value = message.get(name, "" if optional else None)
    if not isinstance(value, str) or len(value) > _LONGEST[name]:
        raise Refusal(_OTHER_PAGE)
    return value


def _whole(message: Message, name: str) -> int:
    value = message.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 10_000:
        raise Refusal(_OTHER_PAGE)
    return value
