"""The page of the FDN lab: a training to start and stop, losses and response live, decay, modes and echoes at rest."""

import io
import math
import tempfile
import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from amtlib import audio, fdn
from amtlib.train import TrainingRun
from app.labs.fdn import findings, listening, parts, words
from app.labs.fdn.figures import FIGURES
from app.labs.fdn.fit import fit_steps
from app.labs.fdn.flow import at_place
from app.labs.fdn.model import FdnModel
from app.labs.fdn.observer import Observed, Observer
from app.labs.fdn.octaves import nearest
from app.labs.fdn.picture import card
from app.labs.fdn.trainer import IDLE, Trainer
from app.page.listen import Export, Playable
from app.page.live import network
from app.page.protocol import Table, Work
from app.page.view import LabView
from app.pool import TRAININGS
from app.work import Job
from app.work import Work as PageWork

#: While a run goes on, the line of words changes no sooner than this, s.
SUMMARY_EVERY = 2.0
#: Ends of the line of words that say what to do; what is certain of the network stands before them.
_ASKS = (" Press Train.", " Press Fit this room.")
#: What is played, by key: label of the button, title, and what it is.
_SOUNDS = {
    "start": ("Before", "Before training", "Through the network before training"),
    "now": ("Now", "Now", "Through the network as it is now; training goes on meanwhile"),
    "part": (
        "Part",
        "One part alone",
        "Through the line, or the two lines of the crossing, that was clicked, without all others",
    ),
    "room": ("Room", "In the room", "In the room that is to be matched"),
}


def _played(lab: FdnModel, key: str, title: str) -> tuple[str, torch.Tensor, int]:
    return title, lab.played(key), lab.fs


def _json(lab: FdnModel, version: int) -> str:
    late = {"pre-delay in samples": lab.pre_delay} if lab.pre_delay else {}
    return fdn.build_to_json(
        lab.heard(lab.snapshot), version=version, metadata={"made by": "AMT Lab", **late}, certificate=True
    )


def _wav(lab: FdnModel) -> bytes:
    """Write the impulse response as a 32-bit file, its highest peak at 1, with a room's silence in front."""
    response = fdn.render(lab.heard(lab.snapshot), lab.length)
    response = np.concatenate([np.zeros((lab.pre_delay, *response.shape[1:])), response])
    peak = float(np.abs(response).max()) or 1.0
    samples = torch.from_numpy(np.ascontiguousarray(response.T / peak)).float()
    buffer = io.BytesIO()
    audio.save(buffer, samples, lab.fs, subtype="FLOAT")
    return buffer.getvalue()


def _trained(lab: FdnModel) -> TrainingRun:
    if lab.run is None or not lab.run.steps_run:
        raise ValueError("Nothing has been trained yet: press Train first.")
    return lab.run


def _losses(lab: FdnModel) -> dict[str, Any]:
    whole, terms = _trained(lab).losses()
    columns = {"step": np.arange(len(whole)), "loss": np.asarray(whole)}
    return columns | {name: np.asarray(values) for name, values in terms.items()}


def _checkpoint(lab: FdnModel) -> bytes:
    run = _trained(lab)
    if lab.busy:
        raise ValueError("Pause first: a checkpoint holds a run at rest.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.pt"
        run.save(path)
        return path.read_bytes()


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
    grid = Path(__file__).with_name("grid.css").read_text(encoding="utf-8")
    lab: FdnModel
    model_class = FdnModel
    compares = False
    live_source = "h.source"
    upload_section = "Goal"
    upload_words = "Drop an impulse response here, or choose one"
    sounds: ClassVar[dict[str, Playable]] = {
        key: Playable(label, doc, partial(_played, key=key, title=title))
        for key, (label, title, doc) in _SOUNDS.items()
    }
    exports: ClassVar[dict[str, Export]] = {
        "json": Export(
            "JSON", "The network as a file of pyFDN's, version 2", "fdn.json", lambda lab: _json(lab, 2)
        ),
        "json1": Export("JSON v1", "The same for older versions", "fdn.json", lambda lab: _json(lab, 1)),
        "wav": Export("WAV", "The impulse response that is heard, 32-bit", "fdn.wav", _wav),
        "csv": Export("CSV", "All losses, one line a step", "fdn-losses.csv", _losses),
        "faust": Export(
            "Faust",
            "The network as a program for plug-ins",
            "fdn.dsp",
            lambda lab: fdn.faust(lab.heard(lab.snapshot), onset=lab.pre_delay),
        ),
        "checkpoint": Export(
            "Checkpoint",
            "The whole run, to go on with in Python: TrainingRun.load",
            "fdn-run.pt",
            _checkpoint,
        ),
    }

    def prepare(self) -> None:
        """Make what follows the training, and what starts and stops it."""
        self._last_summary: tuple[str, str | None, float] = ("", None, 0.0)
        self._observed: Observed | None = None
        self._observer = Observer(
            self.lab,
            self._background,
            refresh=self.refresh,
            leave=self._leave,
            is_wanted=lambda: not (self._closed or self._absent),
        )
        self.trainer = Trainer(self.lab, self._background, self._refresh, lambda: self.status.notes, self.id)

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

    def transport(self) -> Work | None:
        """Return the buttons that the run, or the fit, has now, and how far it is."""
        if not self.lab.goal.fits:
            return self.trainer.content()
        if self._work is None and self.lab.fit is not None:
            again: Work = {**IDLE, "buttons": [["again", "Start again"]]}
            return again
        return super().transport()

    def job(self) -> Job | None:
        """Return the fit of the room, where the room is to be fitted as a whole and there is one."""
        lab = self.lab
        if not lab.goal.fits or lab.target is None:
            return None
        room = lab.target if lab.pair is None else lab.pair
        settings = (lab.fs, int(lab.network.lines), int(lab.training.steps), int(lab.network.seed))
        done = lab.fit is not None and lab.fit.result is not None
        return Job(
            "Fit this room", lab.fit_key(), fit_steps, (room, *settings), lab.take_fit, done, TRAININGS
        )

    def _show_progress(self, work: PageWork) -> None:
        """Show the room as it is fitted, and what came of it."""
        if work is not self._work:
            return
        self.lab.fitting = work.running
        if work.running:
            self._refresh(self.status.notes)
        else:
            super()._show_progress(work)

    def _stop_work(self, unless_for: Job | None = None) -> None:
        super()._stop_work(unless_for)
        self.lab.fitting = self._work is not None and self._work.running

    def act(self, action: str) -> None:
        """Do what a button of the training, or of the fit, says."""
        if not self.lab.goal.fits:
            self.trainer.act(action)
        elif action == "again":
            self.lab.fit = None
            self._refresh([])
        else:
            super().act(action)

    def runs(self) -> Table | None:
        """Return settings and results of the runs so far."""
        return self.lab.runs()

    def pointed(self, figure: str, x: float, y: float) -> Mapping[str, Any]:
        """Return the part of the network that was clicked, or the time or gain of the octave whose point is dragged."""
        lab = self.lab
        if figure == "network":
            line, into = at_place(lab.now(lab.snapshot), x, y)
            return {"x.line": line, "x.into": into}
        octave = nearest(x, lab.fs)
        if figure == "tone":
            key, value = f"q.at{octave}", round(2 * y) / 2
        elif lab.by_octave:
            key, value = f"d.at{octave}", round(y, 2)
        else:  # there are no points
            return {}
        low, high = lab.fields[key].parameter.bounds
        return {key: min(max(value, low), high)}

    def refresh(self) -> None:
        """Show the state that the model is in: for cells and scripts that step ``model.run`` themselves."""
        self._refresh(self.status.notes)

    def arrived(self) -> None:
        """Let the pool begin its workers, so that they are ready when somebody presses Train."""
        threading.Thread(target=lambda: TRAININGS.open().warm(), name="pool", daemon=True).start()

    def close(self) -> None:
        """End the training: the page has been left."""
        super().close()
        self.trainer.close()

    def measures(self) -> Mapping[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        run = self.lab.run
        # What is not known yet lies between no limits.
        found = dict.fromkeys(self.lab.quantities, math.nan)
        found |= {"steps": 0.0 if run is None else float(run.steps_run), "loss_percent": 100.0}
        if run is not None and run.steps_run:
            log = run.log
            found["loss_percent"] = 100 * log.best_loss / log.train_loss[0]
        observed = self._observed
        if observed is None:
            return found
        found |= parts.measures(observed.flow.build, observed.flow.line, observed.flow.into)
        found |= words.ear_measures(observed.representations)
        found["chorus_cents"] = observed.chorus
        if observed.stability is not None:
            found["loop_gain"] = observed.stability.bound
        for which, heard in observed.networks.items():
            found[f"echoes_{which}"] = heard.echoes
            if which == "now" and observed.busy:
                continue  # of a fit on its way no more is known than what its figures show
            if (analysis := observed.analyses[which]) is not None:
                found[f"modal_std_{which}"] = analysis.modal_std
                found[f"peak_{which}_db"] = analysis.peak_db
                found[f"decay_{which}_db"] = analysis.decay_error
                found[f"t30_off_{which}"] = 100 * analysis.t30_error
        return found

    def summary(self) -> str:
        """Return the line of words above the figures; a screen reader reads each out, so a run changes it seldom."""
        run = self.lab.run
        state = None if run is None else run.state
        now = time.monotonic()
        last, last_state, due = self._last_summary
        if last and state == last_state == "running" and now < due:
            return last
        text = self.lab.summary()
        observed = self._observed
        if observed is not None and not observed.fits and (trained := observed.trained):
            text = f"{text} {self.lab.differences(trained, observed.networks)}"
        if observed is not None and not observed.busy:
            asks = next((ask for ask in _ASKS if text.endswith(ask)), "")
            certain = "" if observed.stability is None else f" {words.certificate(observed.stability)}."
            moves = f" {words.motion(observed.chorus)}" if self.lab.motion.depth else ""
            text = f"{text.removesuffix(asks)}{certain}{moves}{asks}"
        if observed is not None and observed.shows_ear and run is not None and run.steps_run:
            text = f"{text} {words.ear_summary(observed.representations)}".rstrip()
        self._last_summary = (text, state, now + SUMMARY_EVERY)
        return text

    def level_dbfs(self, key: str) -> float:
        """Return the level at which before, now and the room are played: one for all, however peaky one is."""
        there = [which for which in self.sounds if which not in ("part", *self.silent())]
        sounds = [self.lab.played(which) for which in there]
        return listening.common_level(sounds, super().level_dbfs(key), -3.0)

    def played_live(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what live sound is made from: the network before training and now, the room, and what is sent on."""
        lab, response, room = self.lab, self.lab.start_decay().response, self.lab.target
        samples = lab.stage(
            "room played live",
            lab.room_key(),
            lambda: np.zeros(0, np.float32) if room is None else room.astype(np.float32),
        )
        return {
            "start": network(lab.moving(lab.start)),
            "now": network(findings.one_output(lab.heard(lab.snapshot))),
            "response": {"energy": float(np.square(response).sum()), "peak": float(np.abs(response).max())},
            "room": {"samples": samples},
            "sound": {"samples": listening.looped(str(lab.display.source), lab.fs)},
        }

    def silent(self) -> list[str]:
        """Return which sounds there are not: the room's, where there is none, and a part's, where none is chosen."""
        part = [] if self.lab.chosen[0] else ["part"]
        return [*part, *(["room"] if self.lab.target is None else [])]
