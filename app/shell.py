"""What every lab's page shares: frame, controls, link, lessons, comparison, sound, export, errors.
Source: our own; the idea of hiding controls to make a lesson is TensorFlow Playground's.
Not one lab's content: a lab says what its figures are and how to patch them (see labs/filterbank/view.py).
"""

import asyncio
import base64
import contextlib
import logging
import math
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qsl, urlencode

import holoviews as hv
import numpy as np
import panel as pn
import torch
from panel.viewable import Viewable, Viewer

from amtlib import audio
from app.background import Background, Superseded, loop_of
from app.cell import cell_frame
from app.controls import LabPart
from app.figures import FigureSet, LiveFigures
from app.figures.wire import Scene
from app.frame import SITE, Page, page_frame
from app.lab import LabModel, Lesson
from app.quantity import shortened
from app.server.memory import trim
from app.uploads import DECODING, MAX_BYTES, Arriving
from app.widget import control
from app.work import Job, Work

_LOG = logging.getLogger("amtlab")

#: Keys of a link that belong to the frame, not to the lab's state.
_FRAME_KEYS = ("lesson", "hide", "a")
#: Keys that others put into the address and that a link keeps.
_FOREIGN_KEYS = ("theme",)
#: Said where memory or a disk is full.
_NO_ROOM = "The server has no room at the moment"
#: Kinds of messages of which the newest alone matters: the moves of a slider or of the pointer.
_NEWEST_WINS = ("set", "point")
#: Messages of one page that may wait.
_MOST_WAITING = 64
#: Longest link that is read, characters.
_LONGEST_LINK = 4000


#: Moves the figures that stand by themselves.
_Redrawn = hv.streams.Stream.define("Redrawn", version=0)


class TakesFiles(Protocol):
    """Whatever a dropped file can go to."""

    @property
    def decode(self) -> Callable[[str, bytes], Any]:
        """What decodes a file, or raises :class:`amtlib.audio.AudioError` with a sentence on what is wrong."""
        ...

    def accept(self, upload: Any) -> audio.Recording:
        """Take what `decode` made."""
        ...


class LabView(Viewer):
    """The page of one lab over one model; displays itself in a notebook, `page` makes it a served page.

    A subclass sets ``makes``, ``slug``, ``title``, ``question``, ``figures`` and ``grid``, and may render ``sounds``
    and ``exports`` by key.

    Parameters
    ----------
    model : LabModel, optional
        State and numbers; a fresh one where none is given. Setting its parameters moves the page.
    link : str
        Query string of a permalink.
    served : bool
        Whether the lab is a page of its own (and owns the address bar) or stands in a notebook.
    background : Background, optional
        Where a served page's work is done; else where it is asked for.

    Attributes
    ----------
    model, lab : LabModel
        The same, by the name that all pages know and by the one that a lab's own code and cells use.
    """

    #: What it is the page of.
    makes: ClassVar[type[Any]]
    lab: Any

    slug: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    #: Place on the landing page; labs with the same are sorted by title.
    order: ClassVar[float] = math.inf
    #: Returns the picture on the landing page: SVG, drawn once a process.
    picture: ClassVar[Callable[[], str]] = staticmethod(lambda: "")
    #: The lesson that a page opens with whose address says nothing.
    opens_with: ClassVar[str] = ""
    figures: ClassVar[FigureSet]
    #: CSS of the grid that the figures stand in; each figure's name is its area.
    grid: ClassVar[str] = ""
    #: Whether a state can be pinned and compared with another one.
    compares: ClassVar[bool] = True
    #: The section of controls that takes a dropped file, and what its box says.
    upload_section: ClassVar[str] = "Sound"
    upload_words: ClassVar[str] = "Drop a sound file here, or choose one"
    #: key -> (label on the button, what it is)
    sounds: ClassVar[Mapping[str, tuple[str, str]]] = {}
    exports: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def __init__(
        self,
        model: LabModel | None = None,
        link: str = "",
        *,
        served: bool = False,
        background: Background | None = None,
    ) -> None:
        super().__init__()
        self.model: LabModel = model or self.makes()
        self.lab = self.model
        self._background = background
        self._inbox: deque[dict[str, Any]] = deque()
        self._inbox_lock = threading.Lock()
        self._skips = self._closed = self._absent = self._stale = False
        self.id = f"lab-{uuid.uuid4().hex[:12]}"
        self._served = served
        self._lesson: Lesson | None = None
        self._hidden: tuple[str, ...] = ()
        self._pinned: dict[str, str] | None = None
        self._pinned_sound: tuple[torch.Tensor, int] | None = None
        self._upload: Arriving | None = None
        self._code_open = False
        self._problem = ""
        self._said = "" if background is None else "Computing the picture …"
        self._done = False
        self._updating = False
        self._work: Work | None = None
        self._known: dict[str, Any] = {}
        self.live = LiveFigures(self.figures)
        self._redrawn = _Redrawn()
        notes, pinned = self._open_link(link)
        self._notes: list[str] = []
        self.parts = {
            "controls": LabPart(self._controls_content, self._guarded, kind="controls"),
            "words": LabPart(self._words_content, self._guarded, kind="words"),
            "figures": LabPart(self._figures_content, self._guarded, kind="figures"),
            "tools": LabPart(self._tools_content, self._guarded, kind="tools"),
        }
        self._told: dict[str, dict[str, Any]] = {}
        self.model.param.watch(self._model_changed, "version")
        if background is None:
            self._first_picture(notes, pinned)
        else:
            self.model.outdated = self._is_outdated
            for part in self.parts.values():
                part.outlet = background.send
            background.do(lambda: self._first_picture(notes, pinned))

    def _first_picture(self, notes: list[str], pinned: dict[str, str] | None) -> None:
        try:
            if pinned is not None:
                notes += self._pin_state(pinned)
            self._refresh(notes)
        except Superseded:
            self._stale = True

    # ------------------------------------------------------------------ what a lab provides

    @property
    def scene(self) -> Scene:
        """What the page's figures show, as it travels."""
        return self.live.scene

    def reads(self) -> Any:
        """Return what the figures read from."""
        return self.model

    def fit(self) -> None:
        """Set limits and colours to what is there now."""
        self.live.fit()

    def pointed(self, figure: str, x: float, y: float) -> list[str]:
        """Look closer at a place of a figure, in its axes' units; return what is to be said about it."""
        return []

    def late(self) -> bool:
        """Whether results may arrive between the page's first picture and its connection: it then asks again."""
        return False

    def measures(self) -> Mapping[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        return {}

    def summary(self) -> str:
        """Return the line of words above the figures."""
        raise NotImplementedError(f"{type(self).__name__} must say what is seen")

    def sound(self, key: str) -> tuple[str, torch.Tensor, int]:
        """Return title, samples and rate of the sound with that key."""
        raise KeyError(key)

    def silent(self) -> list[str]:
        """Return the keys of sounds that there are not in the present state."""
        return []

    def level_dbfs(self, key: str) -> float:
        """Return the rms at which the sound with that key is played, dB re full scale."""
        return -26.0

    def export(self, key: str) -> tuple[str, str, bytes]:
        """Return file name, MIME type and content of the export with that key."""
        raise KeyError(key)

    def stimulus(self) -> TakesFiles | None:
        """Return what a dropped file goes to, if the lab takes any."""
        return None

    def job(self) -> Job | None:
        """Return what the page computes only when asked, in the present state, if there is something."""
        return None

    # ------------------------------------------------------------------ two ways to show it

    def __panel__(self) -> Viewable:
        """Lay the lab out for a notebook cell."""
        return cell_frame(self.parts)

    def figure(self, name: str) -> hv.DynamicMap:
        """Return one figure by itself, live: it follows the lab's parameters, on a page or in a cell of one's own.

        Parameters
        ----------
        name : str
            One of `figures`.

        Examples
        --------
        >>> from app.labs.filterbank.view import FilterbankLab
        >>> lab = FilterbankLab()
        >>> lab.figure("excitation")
        :DynamicMap   []
        >>> lab.figure("waveform") + lab.figure("cochleagram")
        :Layout
           .DynamicMap.I  :DynamicMap   []
           .DynamicMap.II :DynamicMap   []
        """
        figure = self.figures[name]
        last: list[hv.Overlay] = []

        def drawn(version: int) -> hv.Overlay:
            try:
                last[:] = [self.live.at(figure.name, self.reads())]
            except ValueError as problem:
                if not last:
                    raise
                last[0] = last[0].opts(title=sentence(problem))  # the last good picture stays
            return last[0]

        return hv.DynamicMap(drawn, streams=[self._redrawn])

    def control(self, key: str, **settings: Any) -> pn.widgets.Widget:
        """Return a widget for one parameter, such as ``"s.level"``; see :func:`app.widget.control`."""
        return control(self.model, key, **settings)

    def table(self, name: str) -> str:
        """Return what a figure shows as comma-separated columns with units, a block a layer."""
        return self.live.csv(name, self.reads())

    def page(self) -> Page:
        """Lay the lab out as a page of its own."""
        return page_frame(
            f"{self.title} · {SITE}",
            sidebar=[self.parts["controls"]],
            main=[self.parts["words"], self.parts["figures"], self.parts["tools"]],
        )

    # ------------------------------------------------------------------ link and lessons

    def _open_link(self, link: str) -> tuple[list[str], dict[str, str] | None]:
        """Apply what a link says as far as it makes sense; return notes, and the state it pins as A."""
        if len(link) > _LONGEST_LINK:
            return [
                f"The link has {len(link)} characters, more than {_LONGEST_LINK}, and was left out."
            ], None
        query = dict(parse_qsl(link.lstrip("?"), keep_blank_values=True))
        notes = []
        bare = self._served and query.keys() <= set(_FOREIGN_KEYS)
        slug = query.get("lesson", self.opens_with if bare else "")
        if slug:
            if slug in self.model.lessons:
                notes += self._enter(self.model.lessons[slug])
            else:
                notes.append(f"There is no lesson {shortened(slug)} here; the rest of the link was applied.")
        if "hide" in query:
            asked = [key for key in query["hide"].split(",") if key]
            self._hidden = tuple(key for key in asked if key in self.model.fields)
            if len(self._hidden) < len(asked):
                notes.append("The link hides controls that this lab does not have; they were left out.")
        pinned = None
        if "a" in query:
            asked_a = dict(parse_qsl(query["a"], keep_blank_values=True))
            pinned = {key: text for key, text in asked_a.items() if key in self.model.fields}
        state = {k: v for k, v in query.items() if k not in (*_FRAME_KEYS, *_FOREIGN_KEYS)}
        file = [key for key in ("s.kind", "t.target") if state.get(key) == "file"]
        if file:
            del state[file[0]]
            notes.append("The link was made with a sound file, which links do not carry; drop it here again.")
        return notes + self.model.update(state), pinned

    def _lesson_value(self, key: str) -> Any:
        lesson = self._lesson
        assert lesson is not None
        return self.model.fields[key].parse(lesson.state[key])

    def _enter(self, lesson: Lesson | None) -> list[str]:
        self._lesson = lesson
        self._hidden = lesson.hide if lesson else ()
        return self.model.restore(lesson.state) if lesson else []

    def _after(self, lesson: Lesson) -> list[str] | None:
        """Return key and title of the lesson after this one."""
        slugs = list(self.model.lessons)
        later = slugs[slugs.index(lesson.slug) + 1 :]
        return [later[0], self.model.lessons[later[0]].title] if later else None

    # ------------------------------------------------------------------ what the parts show

    def _controls_content(self) -> dict[str, Any]:
        stimulus = self.stimulus()
        return {
            "id": self.id,
            "sections": self.model.schema(),
            "lessons": [[slug, lesson.title] for slug, lesson in self.model.lessons.items()],
            "upload": None if stimulus is None else self._upload_content(),
        }

    def _upload_content(self) -> dict[str, Any]:
        return {
            "bytes": MAX_BYTES,
            "page": self._served,
            "section": self.upload_section,
            "words": self.upload_words,
        }

    def _frame_content(self) -> dict[str, Any]:
        """Return what the link holds besides the lab's state."""
        lesson = self._lesson
        return {
            "lesson": lesson.slug if lesson else "",
            # What the lesson itself brings need not stand in the link, but a way back from it must.
            "lesson_state": {key: self._lesson_value(key) for key in lesson.state} if lesson else {},
            "lesson_hide": list(lesson.hide) if lesson else [],
            "hide": list(self._hidden),
            "pinned": urlencode(self._pinned) if self._pinned is not None else None,
        }

    def _tools_content(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "file": f"amtlab-{self.slug}",
            "sounds": [[key, label, doc] for key, (label, doc) in self.sounds.items()],
            "silent": self.silent(),
            "exports": [[key, label, doc] for key, (label, doc) in self.exports.items()],
            "pinned": self._pinned is not None,
            "compares": self.compares,
            "fits": type(self).fit is not LabView.fit or self.live.rises,
            "work": self.transport(),
            "code": self.model.code() if self._code_open else "",
        }

    def transport(self) -> dict[str, Any] | None:
        """Return the buttons of what takes time, and how far it is; None where there is nothing of the kind.

        Returns
        -------
        dict or None
            ``buttons``: list of ``[action, label]``, see `act`; ``running``: whether progress is shown; ``share``: 0
            to 1; ``left``: seconds or None; ``text``: a few words beside it.
        """
        job = self.job()
        if job is None or job.done:
            return None
        if self._work is None:
            return {"buttons": [["run", job.label]], "running": False, "share": 0.0, "left": None, "text": ""}
        return {"buttons": [["stop", "Stop"]], **self._work.state()}

    def act(self, action: str) -> None:
        """Do what a button of the transport says: begin the present state's job ("run"), or stop it ("stop")."""
        job = self.job()
        if action == "stop" and self._work is not None:
            self._work.stop()
        elif action == "run" and job is not None and (self._work is None or not self._work.running):
            self._work = Work(job, self.id, self._work_told, self._background)
            self._work.start()
        self._refresh([])

    def _words_content(self) -> dict[str, Any]:
        lesson = self._lesson
        story = None
        if lesson is not None:
            story = {
                "slug": lesson.slug,
                "title": lesson.title,
                "text": lesson.text,
                "questions": [list(pair) for pair in lesson.questions],
                "task": lesson.task.text if lesson.task else "",
                "done": lesson.task.done if lesson.task else "",
                "next": self._after(lesson),
            }
        quick = self.model.key_controls if self._served else ()
        return {
            "id": self.id,
            "summary": self._said,
            "problem": self._problem,
            "notes": [note for note in self._notes if note != self._problem],
            "story": story,
            "done": self._done,
            "quick": [self.model.fields[key].schema() for key in quick],
        }

    def _figures_content(self) -> dict[str, Any]:
        # A picture that takes long comes after the page, which asks for it as soon as it listens.
        computing = self._background is not None and self._background.busy
        return {
            "id": self.id,
            "template": self.figures.template(),
            "grid": self.grid,
            "pointable": [figure.name for figure in self.figures.values() if figure.pointable],
            "late": computing or self.late(),
            "scene": Scene().whole() if computing else self.scene.whole(),
            # The figures are always drawn, the drawer of a phone is not: they start what the parts share.
            "engine": {
                "values": self.model.values(),
                "defaults": {key: field.parameter.default for key, field in self.model.fields.items()},
                "derived": list(self.model.derived),
                "kept_when": self.model.kept_when,
                "foreign": list(_FOREIGN_KEYS),
                "permalink": self._served,
                "frame": self._frame_content(),
            },
        }

    # ------------------------------------------------------------------ one change, one answer

    def _model_changed(self, _event: Any) -> None:
        if not self._updating:
            self._refresh([])

    @contextlib.contextmanager
    def _one_refresh(self) -> Iterator[None]:
        """Let the model change several times without a drawing in between."""
        self._updating = True
        try:
            yield
        finally:
            self._updating = False

    def _change(self, make: Callable[[], list[str] | None]) -> list[str]:
        """Run what changes the model; return its notes."""
        with self._one_refresh(), contextlib.suppress(ValueError):
            return make() or []
        return []  # the settings do not fit together: `_refresh` says why

    def _refresh(self, notes: list[str], **extra: Any) -> None:
        """Show the present state; where it cannot be computed, say why and keep the last good picture.

        All that a change moves goes out in one message, so that the page never shows half of it.
        """
        try:
            self.live.draw(self.reads())
            self._stale = False
            self._said, self._problem = self.summary(), ""
            task = self._lesson.task if self._lesson else None
            self._done = bool(task and task.is_done(self.measures()))
        except ValueError as problem:
            self._problem = sentence(problem)
        self._notes = notes + self.model.unsaid()
        self._give_up_stale_work()
        message = dict(extra)
        values = self.model.values()
        if values != self._known:
            message["values"] = {key: value for key, value in values.items() if self._known.get(key) != value}
            self._known = values
        for kind, content in (
            ("words", self._words_content()),
            ("tools", self._tools_content()),
            ("controls", self._frame_content()),
        ):
            if content != self._told.get(kind):
                message[kind] = self._told[kind] = content
        changes = self.scene.changes()
        if changes is not None:
            message["scene"] = changes
        if message:
            self.parts["figures"].tell({"type": "update", **message})
        if self._redrawn.subscribers:
            self._redrawn.event(version=self._redrawn.version + 1)

    def _give_up_stale_work(self) -> None:
        job = self.job()
        if self._work is not None and (job is None or job.key != self._work.job.key):
            work, self._work = self._work, None  # first, so that its end is not drawn as if it were wanted
            work.stop()

    def _work_told(self, work: Work) -> None:
        """Show how far the work is; draw anew when it has ended."""
        if work is not self._work:
            return
        if work.running:
            self._told["tools"] = self._tools_content()
            self.parts["figures"].tell({"type": "update", "tools": self._told["tools"]})
            return
        self._work = None
        self._refresh([sentence(ValueError(work.problem))] if work.problem else [])

    def tell_problem(self, text: str) -> None:
        """Say something about the server itself where problems are said."""
        self._problem = text
        self._told["words"] = self._words_content()
        self.parts["figures"].tell({"type": "update", "words": self._told["words"]})

    def arrived(self) -> None:
        """Make ready what a served page may soon need and takes long to begin; returns at once."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop of the page, or None in a script or a test without one."""
        return loop_of(self._background)

    def connected(self, *, is_there: bool) -> None:
        """Note whether somebody sees the page: what it shows is computed when they are back."""
        self._absent = not is_there

    def close(self) -> None:
        """End what this page has running: it has been left."""
        self._closed = True
        if self._background is not None:
            self._background.close()
        self._forget_upload()
        if self._work is not None:
            work, self._work = self._work, None
            work.stop()

    def _guarded(self, message: dict[str, Any]) -> None:
        """Take a message from the page: deal with it in its turn, or here and now where there is no background."""
        if self._background is None:
            self._deal_with(message)
            return
        with self._inbox_lock:
            last = self._inbox[-1] if self._inbox else {}
            if last and last.get("type") == message.get("type") in _NEWEST_WINS:
                values = {**_values_of(last), **_values_of(message)}
                self._inbox[-1] = {**message, "values": values} if values else message
                return
            if len(self._inbox) >= _MOST_WAITING:
                return  # nobody presses that many buttons; what the page shows follows from those before
            self._inbox.append(message)
        self._background.do(self._deal_with_next)

    def _deal_with_next(self) -> None:
        with self._inbox_lock:
            message = self._inbox.popleft()
        self._deal_with(message)

    def _is_outdated(self) -> bool:
        """Whether nobody wants what is being computed: nobody sees the page, or its newest move waits behind."""
        return (
            self._closed
            or self._absent
            or (self._skips and any(m.get("type") in _NEWEST_WINS for m in self._inbox))
        )

    def _deal_with(self, message: dict[str, Any]) -> None:
        """Deal with a message from the page; nothing it holds may end the session."""
        self._skips = message.get("type") in _NEWEST_WINS
        try:
            self._receive(message)
        except Superseded:
            self._stale = True  # whatever supersedes it draws the picture
        except Exception:
            _LOG.exception("A message of kind %s failed", shortened(message.get("type")))
            self._problem = "That did not work; the settings before it still hold. The server's log says why."
            self._notes = []
            self._told["words"] = self._words_content()
            answer = {"answered": message["sequence"]} if isinstance(message.get("sequence"), int) else {}
            self.parts["figures"].tell({"type": "update", "words": self._told["words"], **answer})

    def _receive(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "set":
            values = dict(message["values"])
            notes = self._change(lambda: self.model.update(values))
            # What the page now shows: the values it sent; whatever differs from them is sent back.
            self._known = {**self._known, **{k: v for k, v in values.items() if k in self._known}}
            self._refresh(notes, answered=int(message["sequence"]))
        elif kind == "hello":
            if self._stale:
                self._refresh(self._notes)
            everything = {"values": self.model.values(), "scene": self.scene.whole(), **self._told}
            self.parts["figures"].tell({"type": "update", **everything})
        elif kind == "hide":
            self._hidden = tuple(key for key in map(str, message["keys"]) if key in self.model.fields)
            self._told["controls"] = self._frame_content()  # the page has done it already
        elif kind == "reset":
            self._hidden, self._lesson = (), None
            self._refresh(self._change(lambda: self.model.restore({})))
        elif kind == "lesson":
            lesson = self.model.lessons.get(str(message["slug"]))
            self._refresh(self._change(lambda: self._enter(lesson)))
        elif kind in {"pin", "unpin", "swap"}:
            self._compare(kind)
        elif kind == "fit":
            self._change(self.fit)
            self._refresh([])
        elif kind == "point":
            self._change(
                lambda: self.pointed(str(message["figure"]), float(message["x"]), float(message["y"]))
            )
            self._refresh([], answered=int(message["sequence"]))
        elif kind == "work":
            self.act(str(message["do"]))
        elif kind == "code":
            self._code_open = bool(message["open"])
            self._refresh([])
        elif kind == "sound":
            self._play(str(message["key"]))
        elif kind == "export":
            self._keep(str(message["key"]))
        elif kind == "upload":
            self._take(message)

    # ------------------------------------------------------------------ compare

    def _compare(self, kind: str) -> None:
        notes: list[str] = []
        if kind == "unpin":
            self._pinned = self._pinned_sound = None
            self.live.unpin()
        elif kind == "pin":
            notes = self._pin_state(self.model.state())
        elif self._pinned is not None:
            live, pinned = self.model.state(), self._pinned
            notes = self._pin_state(live) + self._change(lambda: self.model.restore(pinned))
        self._refresh(notes)

    def _pin_state(self, state: Mapping[str, str]) -> list[str]:
        """Compute a state once and keep its curves and its sound as A; the present state stays."""
        live = self.model.state()

        def there_and_back() -> list[str]:
            notes = self.model.restore(state)
            try:
                self.live.pin(self.reads())
                self._pinned_sound = self.compared_sound()
                self._pinned = dict(state)
            except ValueError as problem:
                self._pinned = None
                notes.append(f"The pinned state cannot be shown: {sentence(problem)}")
            self.model.restore(live)
            return notes

        return self._change(there_and_back)

    def compared_sound(self) -> tuple[torch.Tensor, int] | None:
        """Return the sound that stands for the present state in a comparison by ear, and its rate."""
        return None

    # ------------------------------------------------------------------ sound and files

    def _play(self, key: str) -> None:
        try:
            found = {"a": lambda: self._pinned_sound, "b": self.compared_sound}.get(key, lambda: None)()
            if found is not None:
                title, (samples, fs) = {"a": "A, pinned", "b": "B, now"}[key], found
            else:
                title, samples, fs = self.sound(key)
        except (ValueError, KeyError) as problem:
            self.parts["tools"].tell({"type": "failed", "text": sentence(problem)})
            return
        data = audio.wav_bytes(audio.playback(samples, fs, level_dbfs=self.level_dbfs(key)), fs)
        self.parts["tools"].tell({"type": "sound", "title": title, "data": base64.b64encode(data).decode()})

    def _keep(self, key: str) -> None:
        try:
            name, mime, content = self.export(key)
        except (ValueError, KeyError) as problem:
            self.parts["tools"].tell({"type": "failed", "text": sentence(problem)})
            return
        except (MemoryError, OSError):
            _LOG.exception("A file could not be made")
            self.parts["tools"].tell(
                {"type": "failed", "text": f"{_NO_ROOM} for this file. Try again later."}
            )
            return
        self.parts["tools"].tell(
            {"type": "file", "name": name, "mime": mime, "data": base64.b64encode(content).decode()}
        )

    def _take(self, message: Mapping[str, Any]) -> None:
        """Collect a dropped file piece by piece; use it when it is whole, or say why not."""
        job, name = str(message["id"]), str(message["name"])[:200]
        try:
            answer = self._take_piece(job, name, message)
        except audio.AudioError as problem:
            answer = {"type": "upload-failed", "id": job, "text": sentence(problem)}
        except (KeyError, TypeError, ValueError):
            answer = {"type": "upload-failed", "id": job, "text": f"{name} did not arrive; try again."}
        except (MemoryError, OSError):
            _LOG.exception("A file could not be taken")
            text = f"{_NO_ROOM} for {name}. Try again later, or drop a shorter file."
            answer = {"type": "upload-failed", "id": job, "text": text}
        if answer is not None and answer["type"] == "upload-failed":
            self._forget_upload()
        if answer:
            self.parts["controls"].tell(answer)

    def _forget_upload(self) -> None:
        arriving, self._upload = self._upload, None
        if arriving is not None:
            arriving.close()

    def _take_piece(self, job: str, name: str, message: Mapping[str, Any]) -> dict[str, Any] | None:
        size, start = int(message["size"]), int(message["start"])
        piece = base64.b64decode(str(message["data"]), validate=True)
        if start == 0:
            self._forget_upload()
            self._upload = Arriving(job)
        stimulus, arriving = self.stimulus(), self._upload
        if stimulus is None or arriving is None or arriving.job != job or arriving.received != start:
            return None  # a piece of an upload that was given up
        if max(size, start + len(piece)) > MAX_BYTES:
            raise audio.AudioError(f"{name} is too large; the limit is {MAX_BYTES / 2**20:g} MB")
        arriving.add(piece)
        if arriving.received < size:
            return {"type": "upload-more", "id": job}
        self._upload = None
        with DECODING:
            decoded = stimulus.decode(name, arriving.take())
            trim()  # a file takes several times what is kept of it
        with self._one_refresh():
            found = stimulus.accept(decoded)
        self._refresh([])
        said = (f"{found.name}: {found.duration:.2f} s, {found.source_fs:g} Hz.", found.cancellation)
        text = " ".join([*filter(None, said), "Drop another one to replace it."])
        return {"type": "upload-done", "id": job, "text": text}


def _values_of(message: Mapping[str, Any]) -> dict[str, Any]:
    values = message.get("values")
    return values if isinstance(values, dict) else {}


def sentence(problem: Exception) -> str:
    """Return an error as one sentence for a person."""
    text = " ".join(str(problem.args[0] if problem.args else problem).split())
    if "." not in text.split(" ")[0]:  # a file's name keeps its case
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def to_csv(columns: Mapping[str, np.ndarray[Any, Any]], comment: str = "") -> bytes:
    """Write columns of equal length as CSV, with a comment line that says where they come from."""
    lines = [f"# {comment}"] if comment else []
    lines.append(",".join(columns))
    lines += [",".join(f"{v:.9g}" for v in row) for row in zip(*columns.values(), strict=True)]
    return ("\n".join(lines) + "\n").encode()
