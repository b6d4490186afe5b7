"""The page of the FDN lab: a transport to train with, losses and response live, decay, modes and echoes when it rests.
Source: figures from `app.plots.fdn`, numbers from model.py and findings.py.
Not training: the run has a thread of its own; this looks at it a few times a second and never holds it up.
"""

import asyncio
import io
import logging
import math
import tempfile
import time
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from amtlib import audio, fdn
from amtlib.train import TrainingRun
from app.figures import packed, template
from app.labs.fdn import findings
from app.labs.fdn.findings import EDGES, FS, Analysis, Sounding
from app.labs.fdn.model import TERMS, FdnModel
from app.plots import fdn as figures
from app.shell import LabView, sentence, to_csv

_LOG = logging.getLogger("amtlab")

#: How often the page looks at a run, s.
LOOK = 0.16
#: What follows a run that goes on gets this share of the time at the most: training comes first.
SHARE = 0.03
_SHOWN = ("loss", "response", "matrix", "decay", "times", "modes", "density")
_GRID = """
.figures { grid-template-columns: repeat(3, minmax(0, 1fr));
           grid-template-areas: "corner corner corner" "loss response matrix" "decay times modes" "density . ."; }
.corner { padding: 0 4px; min-height: 84px; }
@media (max-width: 899px) {
  .figures { grid-template-columns: minmax(0, 1fr);
             grid-template-areas: "corner" "loss" "response" "matrix" "decay" "times" "modes" "density"; }
}
"""


def _draw() -> dict[str, Any]:
    """Draw the figures with stand-in data: what is to be seen comes with each page's scene."""
    return {
        "loss": figures.losses(("first term", "second term")),
        "response": figures.response(),
        "matrix": figures.matrix(),
        "decay": figures.decay(),
        "times": figures.times(),
        "modes": figures.modes(),
        "density": figures.density(),
    }


class FdnLab(LabView):
    """The FDN lab, ready to display in a notebook or to serve.

    Parameters
    ----------
    model : FdnModel, optional
        State, network and run; a fresh one where none is given. Setting its parameters moves the page.
    link : str
        Query string of a permalink.
    served : bool
        Whether the lab is a page of its own (and owns the address bar) or stands in a notebook.
    """

    slug = "fdn"
    title = "FDN"
    question = "How does a network of delays become a room?"
    lessons = FdnModel.lessons
    grid = _GRID
    compares = False
    upload_section = "Goal"
    upload_words = "Drop an impulse response here, or choose one"
    sounds: ClassVar[dict[str, tuple[str, str]]] = {
        "start": ("Before", "Through the network before training"),
        "now": ("Now", "Through the network as it is now; training goes on meanwhile"),
        "room": ("Room", "In the room that is to be matched"),
    }
    exports: ClassVar[dict[str, tuple[str, str]]] = {
        "json": ("JSON", "The network as a file of pyFDN's, version 2"),
        "json1": ("JSON v1", "The same for older versions"),
        "wav": ("WAV", "The impulse response that is heard, 48 kHz, 32-bit"),
        "csv": ("CSV", "All losses, one line a step"),
        "faust": ("Faust", "The network as a program for plug-ins"),
        "checkpoint": ("Checkpoint", "The whole run, to go on with in Python: TrainingRun.load"),
    }

    def __init__(self, model: FdnModel | None = None, link: str = "", *, served: bool = False) -> None:
        self.lab = model or FdnModel()
        self._ticking: asyncio.Task[None] | None = None
        self._fresh: dict[str, tuple[Hashable, float]] = {}
        self._found: dict[str, tuple[Hashable, Any]] = {}
        self._busy: set[str] = set()
        self._preparing = self._closed = False
        self._task: asyncio.Task[None] | None = None
        super().__init__(self.lab, link, served)

    def stimulus(self) -> Any:
        """Return what takes a dropped file: the room to match."""
        return self.lab.training

    def figures(self) -> str:
        """Return the template of the seven figures."""
        return template("fdn", _draw, lambda found: None)

    def late(self) -> bool:
        """Whether a thread is still at something that belongs into the first picture."""
        return bool(self._busy)

    # ------------------------------------------------------------------ transport

    def transport(self) -> dict[str, Any]:
        """Return the buttons that the run has now, and how far it is."""
        if self._preparing:
            return {"buttons": [], "running": True, "share": 0.0, "left": None, "text": "Getting ready"}
        run = self.lab.run
        state = "ready" if run is None else run.state
        buttons = {
            "ready": [["play", "Train"], ["step", "One step"]],
            "running": [["pause", "Pause"], ["stop", "Stop"]],
            "paused": [["play", "Go on"], ["step", "One step"], ["stop", "Stop"], ["again", "Start again"]],
            "finished": [["again", "Start again"]],
        }[state]
        if run is None or not run.steps_run:
            return {"buttons": buttons, "running": False, "share": 0.0, "left": None, "text": ""}
        pace = run.seconds / run.steps_run
        text = f"step {run.steps_run} of {run.max_steps}, {1000 * pace:.0f} ms each"
        running = state == "running"
        left = run.seconds_left if running else None
        return {"buttons": buttons, "running": running, "share": run.progress, "left": left, "text": text}

    def act(self, action: str) -> None:
        """Do what a button of the transport says."""
        run = self.lab.run
        if action in {"play", "step"} and run is None:
            self._prepare(action)
            return
        notes: list[str] = []
        try:
            if run is not None:
                self._steer(run, action)
        except (ValueError, FloatingPointError) as problem:
            notes.append(sentence(problem))
        self._refresh(notes)

    def _steer(self, run: TrainingRun, action: str) -> None:
        if action == "play":
            run.start()
        elif action == "step" and run.state != "running":  # a click that was faster than the page
            run.step()
        elif action == "pause":
            run.pause()
        elif action == "stop":
            run.stop()
        elif action == "again":
            self.lab.discard()
        self._watch()

    def _prepare(self, action: str) -> None:
        """Make a run, which takes a moment the first time, then do what was asked."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._refresh(self._prepared(self.lab.prepare, action))
            return
        if not self._preparing:
            self._preparing = True
            self._refresh([])
            self._task = loop.create_task(self._prepare_aside(action))

    async def _prepare_aside(self, action: str) -> None:
        found: list[str] | Exception
        try:
            found = await asyncio.to_thread(self.lab.prepare)
        except (ValueError, FloatingPointError) as problem:
            found = problem
        except Exception:
            _LOG.exception("A training could not be made ready")
            found = ValueError("The training could not be made ready; the server's log says why.")
        self._preparing = False
        if self._closed:  # the page was left meanwhile: nobody is there to stop it
            self.lab.discard()
            return

        def known() -> list[str]:
            if isinstance(found, Exception):
                raise found
            return found

        self._refresh(self._prepared(known, action))

    def _prepared(self, prepare: Callable[[], list[str]], action: str) -> list[str]:
        """Return the notes of a run that has just been made, and let it do what was asked."""
        try:
            notes = prepare()
            if self.lab.run is not None and action == "play":  # the first step is done already
                self._steer(self.lab.run, action)
        except (ValueError, FloatingPointError) as problem:
            return [sentence(problem)]
        return notes

    def _watch(self) -> None:
        """Look at the run until it rests; without a loop (a script, a test) whoever runs it refreshes the page."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._ticking is None or self._ticking.done():
            self._ticking = loop.create_task(self._look())

    async def _look(self) -> None:
        at_rest = 0
        while at_rest < 2:  # the step under way when a button was pressed may end it a moment later
            await asyncio.sleep(LOOK)
            run = self.lab.run
            if run is None:
                return
            at_rest = 0 if run.state == "running" else at_rest + 1
            self._refresh(self._notes)  # what was said when it began still holds

    def close(self) -> None:
        """End the training: the page has been left."""
        self._closed = True
        super().close()
        if self._ticking is not None:
            self._ticking.cancel()
        self.lab.discard()

    # ------------------------------------------------------------------ what takes longer

    def _later(self, name: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` makes, or None while a thread is at it; without a loop it is made here and now."""
        held = self._found.get(name)
        if held is not None and held[0] == key:
            return held[1]
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._found[name] = (key, make())
            return self._found[name][1]
        if name not in self._busy:
            self._busy.add(name)
            task = loop.create_task(self._make(name, key, make))
            # A failure is said where it happened (see `_make`); here it is only taken note of.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return None

    async def _make(self, name: str, key: Hashable, make: Callable[[], Any]) -> None:
        try:
            made = await asyncio.to_thread(make)
        finally:
            self._busy.discard(name)
        self._found[name] = (key, made)
        self._refresh(self._notes)

    def _follow(self, name: str, key: Hashable, draw: Callable[[], None]) -> None:
        """Draw what follows the network, if it changed; while a run goes on, seldom enough not to slow it."""
        held, due = self._fresh.get(name, (None, 0.0))
        running = self.lab.run is not None and self.lab.run.state == "running"
        began = time.monotonic()
        if held == key or (running and began < due):
            return
        draw()
        now = time.monotonic()
        self._fresh[name] = (key, now + (now - began) / SHARE)

    # ------------------------------------------------------------------ drawing

    def draw(self) -> None:
        """Put the present results into the scene."""
        lab = self.lab
        snapshot = lab.snapshot
        moment = lab.moment(snapshot)
        self._draw_losses()
        self._draw_matrix(lab.now(snapshot).A)
        self._follow("response", (moment, lab.training.nfft), lambda: self._draw_response(lab.now(snapshot)))
        self._follow(
            "sound", (moment, lab.hearing.tail, lab.room_key()), lambda: self._draw_soundings(snapshot)
        )
        running = lab.run is not None and lab.run.state == "running"
        if not running:
            self._draw_analyses(snapshot, moment)
        self.scene.set(
            "matrix.title", text=f"Feedback matrix (orthogonal to {self._orthogonal(lab.now(snapshot)):.0e})"
        )

    @staticmethod
    def _orthogonal(build: fdn.FDNBuild) -> float:
        return max(fdn.orthogonality_error(build.A), 1e-16)

    def _draw_losses(self) -> None:
        scene, run = self.scene, self.lab.run
        whole, terms = ([], {}) if run is None else run.losses()
        weight = {"_ColorlessSparsity": float(self.lab.training.sparsity)}
        lines = [np.asarray(whole)]
        for i in range(2):
            name = list(terms)[i] if i < len(terms) else ""
            lines.append(weight.get(name, 1.0) * np.asarray(terms.get(name, [])))
        for source, values in zip(("whole", "0", "1"), lines, strict=True):
            step = max(len(values) // 600, 1)
            at = np.unique(np.concatenate([np.arange(0, len(values), step), np.arange(len(values))[-1:]]))
            scene.data(
                f"loss-{source}",
                loss_x=at.astype(np.float32) if len(at) else np.zeros(1, np.float32),
                loss_y=np.maximum(values[at], 1e-9).astype(np.float32)
                if len(at)
                else np.full(1, 1e-9, np.float32),
            )
        named = [TERMS.get(name, name) for name in terms]
        told = f"Loss: {', '.join(named)}" if named else "Loss: what training makes small"
        scene.set("loss.title", text=told)
        shown = (
            np.concatenate([v[v > 1e-9] for v in lines if len(v)]) if len(whole) else np.array([0.01, 1.0])
        )
        if not len(shown):
            shown = np.array([0.01, 1.0])
        low, high = 10 ** math.floor(math.log10(shown.min())), 10 ** math.ceil(math.log10(shown.max() * 1.01))
        scene.limits("loss.y_range", max(low, high * 1e-6), high)
        scene.limits("loss.x_range", 0.0, float(self.lab.training.steps))

    def _draw_matrix(self, A: np.ndarray[Any, Any]) -> None:
        n = len(A)
        self.scene.data("matrix", image=packed(A, -1.0, 1.0), x=[0.5], y=[0.5], dw=[n], dh=[n])
        self.scene.limits("matrix.x_range", 0.5, n + 0.5)
        self.scene.limits("matrix.y_range", n + 0.5, 0.5)

    def _draw_response(self, build: fdn.FDNBuild) -> None:
        lab = self.lab
        nfft = int(lab.training.nfft)
        # As training for a colourless network sees it: without the filters that make it decay.
        bare = findings.bare(build)
        spectrum = np.abs(fdn.transfer_function(bare, nfft, radius=1 / 0.9999))
        frequencies, magnitude = findings.drawn(np.linspace(0, FS / 2, len(spectrum)), spectrum)
        self.scene.data(
            "response-grid",
            response_x=frequencies.astype(np.float32),
            response_y=magnitude.astype(np.float32),
        )

    def _draw_soundings(self, snapshot: Any) -> None:
        lab = self.lab
        now = lab.start_sounding() if snapshot is None else lab.sounding(lab.now(snapshot))
        for which, found in (("start", lab.start_sounding()), ("now", now), ("target", lab.room_sounding())):
            self._draw_sounding(which, found)
        self.scene.limits("decay.x_range", 0.0, float(now.decay_times[-1]))

    def _draw_sounding(self, which: str, found: Sounding | None) -> None:
        nothing = np.zeros(1, np.float32)
        scene = self.scene
        scene.data(
            f"decay-{which}",
            decay_x=nothing if found is None else found.decay_times.astype(np.float32),
            decay_y=nothing - 200 if found is None else np.maximum(found.decay, -200).astype(np.float32),
        )
        scene.data(
            f"density-{which}",
            density_x=nothing + 1e-3 if found is None else found.density_times.astype(np.float32),
            density_y=nothing - 1 if found is None else found.density.astype(np.float32),
        )
        scene.data("density-noise", density_x=np.array([1e-3, 10.0]), density_y=np.ones(2))

    def _draw_analyses(self, snapshot: Any, moment: Hashable) -> None:
        lab = self.lab
        start = self._later("start", (lab.start_key(), lab.hearing.tail), lab.start_analysis)
        now = start
        if snapshot is not None and snapshot.step:
            build = lab.now(snapshot)
            now = self._later(
                "now",
                (moment, lab.hearing.tail),
                lambda: findings.analysis(build, lab.sounding(build).response),
            )
        room = self._later("room", lab.room_key(), lab.room_analysis) if lab.matches else None
        self._draw_times({"start": start, "now": now, "target": room})
        self._draw_modes(start, now)

    def _draw_times(self, found: Mapping[str, Analysis | None]) -> None:
        scene = self.scene
        highest = 0.5
        for which, analysis in found.items():
            if analysis is None:
                x, y = np.ones(1), np.full(1, -1.0)
            else:
                known = np.isfinite(analysis.t30)
                x, y = analysis.centres[known], analysis.t30[known]
                highest = max(highest, float(y.max(initial=0.0)))
            scene.data(f"times-{which}", times_x=x, times_y=y)
        scene.limits("times.y_range", 0.0, math.ceil(2.4 * highest) / 2)

    def _draw_modes(self, start: Analysis | None, now: Analysis | None) -> None:
        scene = self.scene
        highest = 5.0
        for which, analysis in (("start", start), ("now", now)):
            known = analysis is not None and len(analysis.histogram)
            top = analysis.histogram if analysis is not None and known else np.zeros(len(EDGES) - 1)
            highest = max(highest, float(top.max()))
            scene.data(f"modes-{which}", left=EDGES[:-1], right=EDGES[1:], top=top)
        for which, analysis in (("start", start), ("fine", now)):
            known = analysis is not None and len(analysis.frequencies)
            scene.data(
                f"response-{which}",
                response_x=analysis.frequencies.astype(np.float32)
                if analysis is not None and known
                else np.ones(1),
                response_y=analysis.magnitude.astype(np.float32)
                if analysis is not None and known
                else np.full(1, -99.0),
            )
        scene.limits("modes.y_range", 0.0, 5 * math.ceil(highest / 5))
        if start is None or now is None:
            scene.set("modes.title", text="Excitation of all modes: counting …")
            return
        scene.set(
            "modes.title",
            text=f"{now.modes} modes: spread {start.modal_std:.1f} → {now.modal_std:.1f} dB",
        )
        scene.set("response.title", text=f"Peaks of the response: {start.peak_db:.1f} → {now.peak_db:.1f} dB")

    def draw_pinned(self, shown: bool) -> None:
        """There is nothing to pin: the start stays in every figure."""

    # ------------------------------------------------------------------ words, sound, files

    def measures(self) -> Mapping[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        run = self.lab.run
        # What is not known yet lies between no limits.
        unknown = ("modal_std_start", "modal_std_now", "peak_start_db", "peak_now_db")
        found = {"steps": 0.0 if run is None else float(run.steps_run), "loss_fall": 1.0}
        found |= dict.fromkeys(unknown, math.nan)
        if run is not None and run.steps_run:
            log = run.log
            found["loss_fall"] = log.train_loss[0] / max(min(log.train_loss), 1e-12)
        for which in ("start", "now"):
            held = self._found.get(which)
            if held is not None and held[1] is not None:
                found[f"modal_std_{which}"] = held[1].modal_std
                found[f"peak_{which}_db"] = held[1].peak_db
        return found

    def summary(self) -> str:
        """Return the line of words above the figures."""
        return self.lab.summary()

    def sound(self, key: str) -> tuple[str, torch.Tensor, int]:
        """Return title, samples and rate of a sound through the network before or now, or in the room."""
        titles = {"start": "Before training", "now": "Now", "room": "In the room"}
        if key not in titles:
            raise KeyError(f"There is no sound called {key}")
        return titles[key], self.lab.played(key), FS

    def export(self, key: str) -> tuple[str, str, bytes]:
        """Return the network, its impulse response, the losses or the run as a file."""
        lab = self.lab
        build = lab.now(lab.snapshot)
        if key in {"json", "json1"}:
            text = fdn.build_to_json(
                build, version=2 if key == "json" else 1, metadata={"made by": "AMT Lab"}
            )
            return "amtlab-fdn.json", "application/json", text.encode()
        if key == "wav":
            response = fdn.render(lab.heard(build), min(max(1.2 * lab.tail, 0.5), 10.0))
            return "amtlab-fdn.wav", "audio/wav", _wav(response)
        if key == "faust":
            return "amtlab-fdn.dsp", "text/plain", fdn.faust(build).encode()
        if lab.run is None or not lab.run.steps_run:
            raise ValueError("Nothing has been trained yet: press Train first.")
        if key == "csv":
            whole, terms = lab.run.losses()
            columns = {"step": np.arange(len(whole)), "loss": np.asarray(whole)}
            columns |= {name: np.asarray(values) for name, values in terms.items()}
            return "amtlab-fdn-losses.csv", "text/csv", to_csv(columns, lab.summary())
        if key == "checkpoint":
            if lab.run.state == "running":
                raise ValueError("Pause first: a checkpoint holds a run at rest.")
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "run.pt"
                lab.run.save(path)
                return "amtlab-fdn-run.pt", "application/octet-stream", path.read_bytes()
        raise KeyError(f"There is no export called {key}")


def _wav(response: np.ndarray[Any, Any]) -> bytes:
    """Write an impulse response as a 32-bit file, its highest peak at 1."""
    peak = float(np.abs(response).max()) or 1.0
    buffer = io.BytesIO()
    audio.save(buffer, torch.from_numpy(np.ascontiguousarray(response.T / peak)).float(), FS, subtype="FLOAT")
    return buffer.getvalue()
