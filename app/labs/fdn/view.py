"""The page of the FDN lab: a transport to train with, losses and response live, decay, modes and echoes when it rests.
Source: figures from figures.py, numbers from model.py and observer.py.
Not training: the run has a thread of its own; this looks at it a few times a second and never holds it up.
"""

import asyncio
import io
import logging
import math
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from amtlib import audio, fdn
from amtlib.jobs import Pool
from amtlib.train import RemoteSteps, TrainingPlan, TrainingRun
from app.labs.fdn import listening, words
from app.labs.fdn.figures import EAR, FIGURES, MEASURED
from app.labs.fdn.model import FdnModel
from app.labs.fdn.observer import Observed, Observer
from app.labs.fdn.picture import card
from app.page.background import Background, in_turn
from app.page.listen import to_csv
from app.page.problems import sentence
from app.page.protocol import Work
from app.page.view import LabView
from app.pool import LONG, TRAININGS

_LOG = logging.getLogger("amtlab")

#: How often the page looks at a run, s.
LOOK = 0.16
#: A new line of words comes no sooner, s, while a run goes on.
SAID = 2.0
_IDLE: Work = {"buttons": [], "running": False, "share": 0.0, "left": None, "text": ""}
_GRID = """
.figures { grid-template-columns: repeat(3, minmax(0, 1fr));
           grid-template-areas: "corner corner corner" "loss response matrix" "one two three" "four five ."; }
.corner { padding: 0 4px; min-height: 84px; }
@container (max-width: 699px) {
  .figures { grid-template-columns: minmax(0, 1fr);
             grid-template-areas: "corner" "loss" "response" "matrix" "one" "two" "three" "four" "five"; }
}
"""
#: What the ear hears stands where decay, modes and echoes stand otherwise.
PLACES = "".join(
    f'.figures > [data-name="{name}"] {{ grid-area: {place}; }}\n'
    for names in (MEASURED, EAR)
    for place, name in zip(("one", "two", "three", "four", "five"), names, strict=False)
)


class FdnLab(LabView):
    """The FDN lab, ready to display in a notebook or to serve.

    Whoever steps ``model.run`` in a cell calls `refresh` to see it.
    """

    slug = "fdn"
    order = 4
    picture = staticmethod(card)
    title = "FDN"
    question = "How does a network of delays become a room?"
    figures = FIGURES
    grid = _GRID + PLACES
    lab: FdnModel
    model_class = FdnModel
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
        "wav": ("WAV", "The impulse response that is heard, 32-bit"),
        "csv": ("CSV", "All losses, one line a step"),
        "faust": ("Faust", "The network as a program for plug-ins"),
        "checkpoint": ("Checkpoint", "The whole run, to go on with in Python: TrainingRun.load"),
    }

    def __init__(
        self,
        model: FdnModel | None = None,
        link: str = "",
        *,
        served: bool = False,
        background: Background | None = None,
    ) -> None:
        self.lab = model or self.model_class()
        self._ticking: Future[None] | None = None
        self._preparing = self._stopping = False
        self._sentence: tuple[str, str | None, float] = ("", None, 0.0)
        self._task: Future[None] | None = None
        #: Who does the steps of the present run, and by which plan.
        self._steps: tuple[TrainingPlan, RemoteSteps] | None = None
        self._pool: Pool | None = None
        self._observed: Observed | None = None
        self._observer = Observer(
            self.lab,
            background,
            refresh=lambda: self._refresh(self.status.notes),
            leave=self._leave,
            is_wanted=lambda: not (self._closed or self._absent),
        )
        super().__init__(self.lab, link, served=served, background=background)

    def stimulus(self) -> Any:
        """Return what takes a dropped file: the room to match."""
        return self.lab.training

    def reads(self) -> Observed:
        """Return what is known now: the figures read from it."""
        self._observed = self._observer.observed()
        return self._observed

    def _leave(self) -> None:
        self._stale = True

    def late(self) -> bool:
        """Whether a thread is still at something that belongs into the first picture."""
        return self._observer.making

    # ------------------------------------------------------------------ transport

    def transport(self) -> Work:
        """Return the buttons that the run has now, and how far it is."""
        if self._preparing:  # a button, so that who pressed Train by key does not lose their place
            return {**_IDLE, "buttons": [["wait", "Getting ready …"]], "running": True}
        run = self.lab.run
        if run is None:
            return {**_IDLE, "buttons": [["play", "Train"], ["step", "One step"]]}
        if run.state == "running" and (before := self._before()):
            text = f"waiting, {before} before you"
            share = run.progress
            return {**_IDLE, "buttons": [["stop", "Stop"]], "running": True, "share": share, "text": text}
        buttons = self._buttons(run)
        if not run.steps_run:
            text = "a worker gets ready" if self.lab.busy and self._pool is not None else ""
            return {**_IDLE, "buttons": buttons, "running": self.lab.busy, "text": text}
        pace = run.seconds / run.steps_run
        text = f"step {run.steps_run} of {run.max_steps}, {1000 * pace:.0f} ms each"
        running = run.state == "running"
        left = run.seconds_left if running else None
        return {"buttons": buttons, "running": running, "share": run.progress, "left": left, "text": text}

    def _buttons(self, run: TrainingRun) -> list[list[str]]:
        if run.state == "finished":
            more = [] if run.reason == "failed" else [["play", f"{self.lab.more()} more steps"]]
            return [*more, ["again", "Start again"]]
        if self._stopping:
            return [["wait", "Stopping …"]]
        if run.state == "running":
            return [["pause", "Pause"], ["stop", "Stop"]]
        if self.lab.busy:
            return [["wait", "Pausing …"], ["stop", "Stop"]]
        first = [["play", "Go on"] if run.steps_run else ["play", "Train"], ["step", "One step"]]
        return [*first, ["stop", "Stop"], ["again", "Start again"]]

    def act(self, action: str) -> None:
        """Do what a button of the transport says."""
        run = self.lab.run
        if action in {"play", "step"} and run is None:
            self._prepare(action)
            return
        if run is not None:
            self._steer(run, action)
        self._refresh([])

    def _steer(self, run: TrainingRun, action: str) -> None:
        if action == "play":
            if run.state == "finished" and run.reason != "failed":
                run.extend(self.lab.more())
                run.time_budget = run.seconds + LONG
            self._stopping = False
            run.start(by=self._stepper())
        elif action == "step" and run.state not in ("running", "finished"):  # a click faster than the page
            if self.loop is not None:
                run.start(1, by=self._stepper())
            else:  # a script, a test: it is done when this returns
                run.step()
        elif action == "pause":
            run.pause()
        elif action == "stop" and self._before() and not run.steps_run:
            run.pause()  # there is nothing to keep
        elif action == "stop":
            self._stopping = True
            run.stop()
        elif action == "again":
            self.lab.discard()
        self._watch()

    def _stepper(self) -> RemoteSteps | None:
        """Return who does the steps: the pool, in turn with others; in a script or a test the run itself."""
        plan, pool = self.lab.plan, self._pool
        if plan is None or pool is None:
            return None
        if self._steps is None or self._steps[0] is not plan:
            self._steps = (plan, RemoteSteps(plan, pool, self.id))
        return self._steps[1]

    def _before(self) -> int:
        """Return how many have their turn before this page's run: those at work, and those that stand before it."""
        if self._pool is None or self._steps is None or self._steps[0] is not self.lab.plan:
            return 0
        place, mine = self._steps[1].position, self._pool.running_for(self.id)
        if place == 0 or (place == 1 and mine):  # at work, or at the last step of what was given up
            return 0
        return place - 1 + self._pool.running - mine

    def _prepare(self, action: str) -> None:
        """Make a run, which takes a moment the first time, then do what was asked."""
        self._stopping = False
        loop = self.loop
        if loop is None:
            self._refresh(self._prepared(self.lab.prepare, action))
        elif not self._preparing:
            self._preparing = True
            self._refresh([])
            self._task = asyncio.run_coroutine_threadsafe(self._prepare_aside(action), loop)

    async def _prepare_aside(self, action: str) -> None:
        found: list[str] | Exception
        try:
            self._pool = await asyncio.to_thread(TRAININGS.open)
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

        await in_turn(self._background, lambda: self._refresh(self._prepared(known, action)))

    def _prepared(self, prepare: Callable[[], list[str]], action: str) -> list[str]:
        """Return the notes of a run that has just been made, and let it do what was asked."""
        try:
            notes = prepare()
            if self.lab.run is not None:
                self.lab.run.time_budget = LONG
                self._steer(self.lab.run, action)
        except (ValueError, FloatingPointError) as problem:
            return [sentence(problem)]
        return notes

    def _watch(self) -> None:
        """Look at the run until it rests; without a loop (a script, a test) whoever runs it refreshes the page."""
        loop = self.loop
        if loop is not None and (self._ticking is None or self._ticking.done()):
            self._ticking = asyncio.run_coroutine_threadsafe(self._look(), loop)

    async def _look(self) -> None:
        at_rest = 0
        while at_rest < 2:  # the step under way when a button was pressed may end it a moment later
            await asyncio.sleep(LOOK)
            run = self.lab.run
            if run is None:
                return
            at_rest = 0 if self.lab.busy else at_rest + 1
            await in_turn(self._background, partial(self._look_once, run))

    def _look_once(self, run: TrainingRun) -> None:
        self._refresh(self._with_notices(run))

    def _with_notices(self, run: TrainingRun) -> list[str]:
        """Return what was said when it began, which still holds, and what the steps have warned of since."""
        found = [words.warning(each) for each in run.warned]
        if run.setback:
            found.append(sentence(ValueError(run.setback)))
        if self._pool is not None and self._pool.problem:  # of a cluster
            found.append(sentence(ValueError(self._pool.problem)))
        return [*self.status.notes, *(text for text in found if text not in self.status.notes)]

    def refresh(self) -> None:
        """Show the state that the model is in: for cells and scripts that step ``model.run`` themselves."""
        self._refresh(self.status.notes)

    def arrived(self) -> None:
        """Let the pool begin its workers: by the time in which somebody has read the page, they are there."""
        threading.Thread(target=lambda: TRAININGS.open().warm(), name="pool", daemon=True).start()

    def close(self) -> None:
        """End the training: the page has been left."""
        super().close()
        if self._ticking is not None:
            self._ticking.cancel()
        self.lab.discard()
        TRAININGS.leave(self.id)

    # ------------------------------------------------------------------ words, sound, files

    def measures(self) -> Mapping[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        run = self.lab.run
        # What is not known yet lies between no limits.
        unknown = (
            "modal_std_start",
            "modal_std_now",
            "peak_start_db",
            "peak_now_db",
            "decay_start_db",
            "decay_now_db",
        )
        found = {"steps": 0.0 if run is None else float(run.steps_run), "loss_fall": 1.0}
        found |= dict.fromkeys((*unknown, "echoes_start", "echoes_now"), math.nan)
        if run is not None and run.steps_run:
            log = run.log
            found["loss_fall"] = log.train_loss[0] / max(log.best_loss, 1e-12)
        observed = self._observed
        if observed is None:
            return found
        found |= words.heard_measures(observed.heard)
        for which, analysis in observed.trained.items():
            found[f"modal_std_{which}"] = analysis.modal_std
            found[f"peak_{which}_db"] = analysis.peak_db
            found[f"decay_{which}_db"] = analysis.decay_error
            found[f"echoes_{which}"] = observed.networks[which].echoes
        return found

    def summary(self) -> str:
        """Return the line of words above the figures: while a run goes on a new one only now and then, since a screen
        reader says each.
        """
        run = self.lab.run
        state = None if run is None else run.state
        now = time.monotonic()
        held, said_in, due = self._sentence
        if held and state == said_in == "running" and now < due:
            return held
        text = self.lab.summary()
        observed = self._observed
        if observed is not None and (trained := observed.trained):
            text = f"{text} {self.lab.differences(trained, observed.networks)}"
        if observed is not None and observed.hears and run is not None and run.steps_run:
            text = f"{text} {words.heard(observed.heard)}".rstrip()
        self._sentence = (text, state, now + SAID)
        return text

    def level_dbfs(self, key: str) -> float:
        """Return the level at which before, now and the room are played: one for all, however peaky one is."""
        there = [which for which in self.sounds if which not in self.silent()]
        sounds = [self.lab.played(which) for which in there]
        return listening.common_level(sounds, super().level_dbfs(key), -3.0)

    def silent(self) -> list[str]:
        """Return which sounds there are not: the room's, where there is none."""
        return ["room"] if self.lab.target is None else []

    def sound(self, key: str) -> tuple[str, torch.Tensor, int]:
        """Return title, samples and rate of a sound through the network before or now, or in the room."""
        titles = {"start": "Before training", "now": "Now", "room": "In the room"}
        if key not in titles:
            raise KeyError(f"There is no sound called {key}")
        return titles[key], self.lab.played(key), self.lab.fs

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
            response = fdn.render(build, min(max(1.2 * lab.tail, 0.5), 10.0))
            return "amtlab-fdn.wav", "audio/wav", _wav(response, lab.fs)
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
            if lab.busy:
                raise ValueError("Pause first: a checkpoint holds a run at rest.")
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "run.pt"
                lab.run.save(path)
                return "amtlab-fdn-run.pt", "application/octet-stream", path.read_bytes()
        raise KeyError(f"There is no export called {key}")


def _wav(response: np.ndarray[Any, Any], fs: int) -> bytes:
    """Write an impulse response as a 32-bit file, its highest peak at 1."""
    peak = float(np.abs(response).max()) or 1.0
    buffer = io.BytesIO()
    audio.save(buffer, torch.from_numpy(np.ascontiguousarray(response.T / peak)).float(), fs, subtype="FLOAT")
    return buffer.getvalue()
