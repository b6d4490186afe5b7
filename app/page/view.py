"""A lab's page: what a lab provides, two ways to show it, and one answer to each message.

What all labs share is done by the objects that a page owns: `Link`, `Comparison`, `Uploads`, `Messages`. A lab says
what its figures are (see labs/filterbank/view.py).
"""

import asyncio
import contextlib
import logging
import math
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast

import holoviews as hv
import panel as pn
import torch
from panel.viewable import Viewable, Viewer

from amtlib import audio
from app.figures import FigureSet, LiveFigures
from app.figures.wire import Scene
from app.heavy import elsewhere
from app.lab import LabModel
from app.lessons import Lesson
from app.page import audiogram
from app.page.authoring import check_fits
from app.page.background import Background, Superseded, loop_of
from app.page.compare import Comparison
from app.page.content import Contents, Status
from app.page.layout import SITE, cell_frame, page_frame, title_bar
from app.page.link import Link
from app.page.listen import DATA, SAFE_DBFS, Export, Playable, zipped
from app.page.live import LiveSound
from app.page.messages import Inbox, Messages
from app.page.part import LabPart
from app.page.problems import sentence
from app.page.protocol import NEWEST_WINS, Content, Table
from app.page.protocol import Work as WorkContent
from app.page.steps import moment_of
from app.page.upload import TakesFiles, Uploads
from app.page.widget import control
from app.quantity import shortened
from app.upstream import Page
from app.work import Job, Work

_LOG = logging.getLogger("amtlab")


#: Moves the figures that stand by themselves.
_Redrawn = hv.streams.Stream.define("Redrawn", version=0)


class LabView(Viewer):
    """The page of one lab over one model; displays itself in a notebook, `page` makes it a served page.

    A subclass sets ``model_class``, ``slug``, ``title``, ``question``, ``figures`` and ``grid``, and may offer
    ``sounds`` and ``exports``.

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
    model_class: ClassVar[type[Any]]
    lab: Any
    slug: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    #: Place on the landing page; labs with the same are sorted by title.
    order: ClassVar[float] = math.inf
    #: Returns the picture on the landing page: SVG, drawn once a process.
    picture: ClassVar[Callable[[], str]] = staticmethod(lambda: "")
    figures: ClassVar[FigureSet]
    #: The lesson that a page opens with whose address says nothing.
    opens_with: ClassVar[str] = ""
    #: CSS of the grid that the figures stand in, one below the other without; each figure's area, or name, is one of
    #: its areas.
    grid: ClassVar[str] = ""
    #: Whether a state can be pinned and compared with another one.
    compares: ClassVar[bool] = True
    #: The section of controls that takes a dropped file, and the words in its box.
    upload_section: ClassVar[str] = "Sound"
    upload_words: ClassVar[str] = "Drop a sound file here, or choose one"
    #: Sounds and files that the page offers, by key.
    sounds: ClassVar[Mapping[str, Playable]] = {}
    exports: ClassVar[Mapping[str, Export]] = {}
    #: Key of the sound that stands for a state when two are compared by ear, if there is one.
    compared: ClassVar[str] = ""
    #: Key of the setting that says what is sent through a network that plays live, if the lab has one.
    live_source: ClassVar[str] = ""

    def __init__(
        self,
        model: LabModel | None = None,
        link: str = "",
        *,
        served: bool = False,
        background: Background | None = None,
    ) -> None:
        super().__init__()
        self.model: LabModel = model or self.model_class()
        self.lab = self.model
        self.live = LiveFigures(self.figures)
        self._redrawn = _Redrawn()
        self.id = f"lab-{uuid.uuid4().hex[:12]}"
        self.served = served
        self._background = background
        self._inbox = Inbox()
        # Whether what is being computed may be given up for a newer move; whether the page has been left; whether it
        # has no connection; whether its picture is not the present one.
        self._skips = self._closed = self._absent = self._stale = False
        self._updating = False
        self.code_open = False
        self.status = Status("" if background is None else "Computing the picture …")
        self._work: Work | None = None
        self.prepare()
        #: What the page has been sent and shows: parts by name, and values by key.
        self._sent: dict[str, Any] = {}
        self._sent_values: dict[str, Any] = {}
        self.link = Link(self.model, self.opens_with if served else "", self._own_file, self.check_lesson)
        notes, pinned = self.link.read(link)
        self.comparison = Comparison(self, pinned)
        self.messages = Messages(self)
        self.live_sound = LiveSound(self)
        self.uploads = Uploads(self.stimulus, self._accept)
        self.contents = Contents(self)
        self.parts = {
            "controls": LabPart(self.contents.controls, self.receive, kind="controls"),
            "main": LabPart(self.contents.main, self.receive, kind="main"),
        }
        self.model.param.watch(self._model_changed, "version")
        if background is None:
            self._show(notes)
        else:
            self.model.outdated = self._is_outdated
            self.model.elsewhere = elsewhere(background.owner or self.id)
            for part in self.parts.values():
                part.schedule = background.send
            background.do(lambda: self._show(notes))

    def _show(self, notes: list[str]) -> None:
        """Draw the picture that the page opens with, or the present one where another was given up."""
        try:
            if self.comparison.asked_for is not None:
                notes = notes + self._change(lambda: self.comparison.pin(self.comparison.asked_for))
            self._refresh(notes)
        except Superseded:
            self.status.notes, self._stale = notes, True

    # ------------------------------------------------------------------ what a lab provides

    def prepare(self) -> None:
        """Make what this lab's page needs besides, before its link is read."""

    @property
    def scene(self) -> Scene:
        """What the page's figures show, as it travels."""
        return self.live.scene

    def reads(self) -> Any:
        """Return what the figures read from."""
        return self.model

    def fit(self) -> None:
        """Set limits and colours to what is there now."""
        self.live.fit(self.reads())

    def pointed(self, figure: str, x: float, y: float) -> Mapping[str, Any]:
        """Return the settings with which a place of a figure, in its axes' units, is looked at, or a point is there."""
        return {}

    def looked_at(self, figure: str, x: float, y: float) -> Mapping[str, Any]:
        """Return what a click or a drag in a figure sets: the lab's own answer, or a point of the audiogram."""
        if figure == audiogram.NAME and figure in self.figures:
            return self.model.another_ear.point_at(x, y)
        return self.pointed(figure, x, y)

    def followed(self, keys: Iterable[str]) -> None:
        """Move what should follow the settings with these keys, which somebody has changed by hand."""

    def late(self) -> bool:
        """Whether results may arrive between the page's first picture and its connection: it then asks again."""
        return False

    def measures(self) -> Mapping[str, float]:
        """Return the numbers that a lesson can ask for, or state; `LabModel.quantities` says how they are written."""
        return self.model.measures()

    def summary(self) -> str:
        """Return the line of words above the figures."""
        return self.model.summary()

    def sound(self, key: str) -> tuple[str, torch.Tensor, int]:
        """Return title, samples and rate of the sound with that key."""
        if key not in self.sounds:
            raise KeyError(f"There is no sound called {key}")
        return self.sounds[key].make(self.model)

    def played_live(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what live sound is made from, see :mod:`app.page.live`."""
        raise NotImplementedError(f"{type(self).__name__} plays nothing live")

    def silent(self) -> list[str]:
        """Return the keys of sounds that there are not in the present state."""
        return []

    def level_dbfs(self, key: str) -> float:
        """Return the highest rms at which the sound with that key is played, dB re full scale."""
        return SAFE_DBFS

    def compared_sound(self) -> tuple[torch.Tensor, int] | None:
        """Return the sound that stands for the present state in a comparison by ear, and its rate."""
        return self.sound(self.compared)[1:] if self.compared else None

    def export(self, key: str) -> tuple[str, str, bytes]:
        """Return file name, MIME type and content of the export with that key."""
        if key == DATA[0]:
            state = self.reads()
            shown = [name for name, figure in self.figures.items() if figure.is_shown(state)]
            content = zipped({name: self.live.csv(name, state) for name in shown})
            return f"amtlab-{self.slug}-data.zip", "application/zip", content
        if key not in self.exports:
            raise KeyError(f"There is no export called {key}")
        return self.exports[key].file(self.model)

    def stimulus(self) -> TakesFiles | None:
        """Return what a dropped file goes to, if the lab takes any."""
        return self.model.stimulus

    def job(self) -> Job | None:
        """Return what the page computes only when asked, in the present state, if there is something."""
        return None

    def transport(self) -> WorkContent | None:
        """Return the buttons of what takes time, and how far it is; None where there is nothing of the kind."""
        job = self.job()
        if job is None or job.done:
            return None
        if self._work is None:
            return {"buttons": [["run", job.label]], "running": False, "share": 0.0, "left": None, "text": ""}
        return cast(WorkContent, {"buttons": [["stop", "Stop"]], **self._work.state()})

    def runs(self) -> Table | None:
        """Return a table that stands under the figures; None where there is none."""
        return None

    def act(self, action: str) -> None:
        """Do what a button of the transport says: begin the present state's job ("run"), or stop it ("stop")."""
        job = self.job()
        if action == "stop" and self._work is not None:
            self._work.stop()
        elif action == "run" and job is not None and (self._work is None or not self._work.running):
            self._work = work = Work(job, self.id, self._show_progress, self._background)
            work.start()
            if not work.running:  # without a loop it has ended, which has been shown
                return
        self._refresh([])

    def arrived(self) -> None:
        """Make ready what a served page may soon need and takes long to begin; returns at once."""

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

        Raises
        ------
        KeyError
            If there is no such figure; the message names those that there are.

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
        """Return a widget for one parameter, such as ``"s.level"``; see :func:`app.page.widget.control`."""
        return control(self.model, key, **settings)

    def table(self, name: str) -> str:
        """Return what a figure shows as comma-separated columns with units, a block a layer."""
        return self.live.csv(name, self.reads())

    def page(self, labs: Sequence[type["LabView"]] = ()) -> Page:
        """Lay the lab out as a page of its own, with the way to these labs in its title bar."""
        return page_frame(
            f"{self.title} · {SITE}",
            title_bar(labs or [type(self)], self.slug, self.id, listens=bool(labs)),
            sidebar=[self.parts["controls"]],
            main=[self.parts["main"]],
        )

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop of the page, or None in a script or a test without one."""
        return loop_of(self._background)

    @property
    def computing(self) -> bool:
        """Whether the page's work goes on."""
        return self._background is not None and self._background.busy

    @property
    def fits(self) -> bool:
        """Whether the lab can set its axes' limits to what is there."""
        return type(self).fit is not LabView.fit or self.live.rises

    def connected(self, *, is_there: bool) -> None:
        """Note whether somebody sees the page: what it shows is computed when they are back."""
        self._absent = not is_there

    def close(self) -> None:
        """End what this page has running: it has been left."""
        self._closed = True
        if self._background is not None:
            self._background.close()
        self.uploads.forget()
        self._stop_work()

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

    def change(self, make: Callable[[], list[str] | None], **beside: Any) -> None:
        """Run what changes the model, and show what comes of it and its notes.

        Parameters
        ----------
        make : callable
            Returns the notes, if there are any.
        **beside
            What the update holds besides, such as the number of the message that it answers.
        """
        self._refresh(self._change(make), **beside)

    def show(self, **beside: Any) -> None:
        """Show the present state, with the notes that stand there, and what the update holds besides."""
        self._refresh(self.status.notes, **beside)

    def note_shown(self, values: Mapping[str, Any]) -> None:
        """Note that the page shows the values that it sent: whatever differs from them is sent back."""
        self._sent_values |= {key: value for key, value in values.items() if key in self._sent_values}

    def note_hidden(self) -> None:
        """Note that the page has hidden what it asked to be hidden, and send the link that says so."""
        if "controls" in self._sent:
            self._sent["controls"] = {**self._sent["controls"], "hide": list(self.link.hidden)}
        self._send({"type": "update"}, controls=self.contents.controls_state())

    def send_everything(self) -> None:
        """Send all that there is, computed anew where the page shows another state."""
        if self._stale or self.comparison.asked_for is not None:
            self._show(self.status.notes)
        self._sent.setdefault("link", self.contents.link())
        everything = {"values": self.model.values(), "scene": self.scene.whole(), **self._sent}
        everything |= self.live_sound.whole()
        self.parts["main"].send({"type": "update", **everything})

    def _refresh(self, notes: list[str], **beside: Any) -> None:
        """Show the present state; where it cannot be computed, say why and keep the last good picture."""
        try:
            self.live.draw(self.reads())
            self._stale = False
            self.status.summary, self.status.problem = self.summary(), ""
            task = self.link.lesson.task if self.link.lesson else None
            measures = self.measures() if task else {}
            self.status.readings = task.readings(measures, self.model.quantities) if task else []
            self.status.task_done = bool(task and task.is_done(measures))
        except ValueError as problem:
            self.status.problem = sentence(problem)
        self.status.notes = notes + self.model.take_notes()
        self._stop_work(unless_for=self.job())
        update: Content = {"type": "update", **{k: v for k, v in beside.items() if v is not None}}
        values = self.model.values()
        if values != self._sent_values:
            changed = {key: v for key, v in values.items() if self._sent_values.get(key) != v}
            update["values"], self._sent_values = changed, values
        changes = self.scene.changes()
        if changes is not None:
            update["scene"] = changes
        played = self.live_sound.changes()
        if played is not None:
            update["live"] = played
        self._send(
            update,
            words=self.contents.words(),
            tools=self.contents.tools(),
            controls=self.contents.controls_state(),
        )
        if self._redrawn.subscribers:
            self._redrawn.event(version=self._redrawn.version + 1)

    def _send(self, update: Content, **parts: Any) -> None:
        """Send an update with those of the parts, and the link, that the page does not show yet, if there is any."""
        for name, content in {**parts, "link": self.contents.link()}.items():
            if content != self._sent.get(name):
                self._sent[name] = content
                update = {**update, name: content}
        if len(update) > 1:
            self.parts["main"].send(update)

    def _stop_work(self, unless_for: Job | None = None) -> None:
        """Stop the work under way, unless it is for this job."""
        if self._work is not None and (unless_for is None or unless_for.key != self._work.job.key):
            work, self._work = self._work, None  # first, so that its end is not drawn as if it were wanted
            work.stop()

    def _show_progress(self, work: Work) -> None:
        """Show how far the work is; draw anew when it has ended."""
        if work is not self._work:
            return
        if work.running:
            self._send({"type": "update"}, tools=self.contents.tools())
            return
        self._work = None
        self._refresh([sentence(ValueError(work.problem))] if work.problem else [])

    def show_problem(self, text: str) -> None:
        """Say what happens to the server itself where problems are said."""
        self.status.problem = text
        self._send({"type": "update"}, words=self.contents.words())

    def _accept(self, decoded: Any) -> audio.Recording:
        """Make a decoded file the lab's sound and show it."""
        target = self.stimulus()
        assert target is not None
        notes: list[str] = []
        with self._one_refresh():
            before = moment_of(self).values
            is_awaited = self.link.awaits(decoded.recording.name)
            found = target.accept(decoded)
            self.followed(["s.uploads"])
            self.link.awaited_file = None
            if is_awaited:
                notes = self.model.restore(before)
        self._refresh(notes)
        return found

    def check_lesson(self, lesson: Lesson, source: str) -> None:
        """Raise `app.lessons.LessonError` for a lesson that does not fit this lab."""
        check_fits(lesson, source, self.model, self.figures, self.sounds)

    def _own_file(self) -> str | None:
        """Return the name of the file that was dropped, if there is one."""
        target = self.stimulus()
        return None if target is None else target.upload_name

    # ------------------------------------------------------------------ messages from the page

    def receive(self, message: dict[str, Any]) -> None:
        """Take a message from the page: handle it in its turn, or at once where there is no background."""
        if self._background is None:
            self._handle_safely(message)
        elif self._inbox.put(message):
            self._background.do(lambda: self._handle_safely(self._inbox.take()))

    def _is_outdated(self) -> bool:
        """Whether nobody wants what is being computed: nobody sees the page, or its newest move waits behind."""
        return self._closed or self._absent or (self._skips and self._inbox.has_move())

    def _handle_safely(self, message: dict[str, Any]) -> None:
        """Handle a message; nothing it holds may end the session."""
        self._skips = message.get("type") in NEWEST_WINS
        try:
            self.handle(message)
        except Superseded:
            self._stale = True  # whatever supersedes it draws the picture
        except Exception:
            _LOG.exception("A message of kind %s failed", shortened(message.get("type")))
            self.status.problem = (
                "That did not work; the settings before it still hold. The server's log says why."
            )
            self.status.notes = []
            update: Content = {"type": "update"}
            if isinstance(message.get("sequence"), int):
                update["answered"] = message["sequence"]
            self._send(update, words=self.contents.words())

    def handle(self, message: dict[str, Any]) -> None:
        """Do what a message asks for."""
        self.messages.handle(message)
