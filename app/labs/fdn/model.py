"""State and numbers of the FDN lab: a network, its training step by step, and what becomes of its sound.
Source: :mod:`amtlib.fdn` and :mod:`amtlib.train`.
Not a page: see view.py. Training runs in a thread of its own; everything here only looks at snapshots of it.
"""

import itertools
import math
import threading
import warnings
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import param
import torch
from numpy.typing import NDArray

from amtlib import audio, fdn
from amtlib.fdn import FDNBuild
from amtlib.train import Snapshot, Trainable, TrainingRun, trainable_from_build
from app.lab import LabModel, Section, load_lessons
from app.labs.fdn import findings, listening
from app.labs.fdn.findings import Analysis, Sounding
from app.labs.fdn.settings import DELAYS, Hearing, Network, Training
from app.rooms import load_room
from app.stimulus import MAX_BYTES

Array = NDArray[Any]

FS = findings.FS
#: Shortest and longest room that are taken, s.
MIN_ROOM, MAX_ROOM = 0.05, 10.0
_RUNS = itertools.count(1)
_WARNING = threading.Lock()
#: What the page calls the terms of the losses.
TERMS = {
    "mse_loss": "distance from flat",
    "power_variance_loss": "variance of power",
    "mss_loss": "spectrogram",
    "mel_mss_loss": "mel spectrogram",
    "_ColorlessSparsity": "sparsity",
}


class Room(Training):
    """The settings of the training, and the impulse response that a user dropped in."""

    uploads = param.Integer(default=0, precedence=-1, doc="Files taken so far: a new one is another room.")

    def __init__(self, **settings: Any) -> None:
        self.own: audio.Recording | None = None
        super().__init__(**settings)

    def take_upload(self, name: str, content: bytes) -> audio.Recording:
        """Make a file the room to match; what was there before stays if it cannot be read.

        Raises
        ------
        amtlib.audio.AudioError
            With one sentence on what is wrong with the file.
        """
        recording = audio.load(content, name=name, fs=FS, max_duration=MAX_ROOM, max_bytes=MAX_BYTES)
        if recording.duration < MIN_ROOM:
            raise audio.AudioError(
                f"{name} lasts {1000 * recording.duration:.3g} ms; give an impulse response of "
                f"{1000 * MIN_ROOM:g} ms or more"
            )
        if not recording.samples.any():
            raise audio.AudioError(f"{name} is silent; give an impulse response")
        self.own = recording
        goal = self.goal if self.goal.startswith("match") else "match_mel_spectrogram"
        self.param.update(goal=goal, target="file", uploads=self.uploads + 1)
        return recording


class FdnModel(LabModel):
    """The FDN lab without its page.

    Examples
    --------
    >>> lab = FdnModel()
    >>> lab.update({"n.lines": 4, "t.steps": 20, "t.nfft": 4096})
    []
    >>> lab.prepare()
    []
    >>> run = lab.run
    >>> steps = list(run)  # the first one is done already
    >>> len(run.log.train_loss), steps[-1].loss < run.log.train_loss[0]
    (20, True)
    """

    sections: ClassVar[tuple[Section, ...]] = (
        Section("Network", ("n.lines", "n.delays", "n.matrix", "n.rt", "n.rt_high", "n.lossless", "n.seed")),
        Section("Goal", ("t.goal", "t.target", "t.sparsity")),
        Section(
            "Training",
            ("t.rate", "t.steps", "t.nfft", "t.optimiser", "t.patience"),
        ),
        Section("What is trained", ("t.feedback", "t.input_gain", "t.output_gain"), open=False),
        Section("Sound", ("h.source", "h.tail")),
    )
    lessons = load_lessons(Path(__file__).with_name("lessons.yaml"))
    key_controls = ("n.lines", "t.goal", "t.rate")
    kept_when: ClassVar[dict[str, dict[str, list[Any]]]] = {
        key: {"t.goal": ["match_spectrogram", "match_mel_spectrogram"]}
        for key in ("n.rt", "n.rt_high", "t.sparsity", "t.nfft")
    }

    def __init__(self) -> None:
        self.network = Network()
        self.training = Room()
        self.hearing = Hearing()
        self.run: TrainingRun | None = None
        self._run_key: Hashable = None
        self._run_number = 0
        super().__init__({"n": self.network, "t": self.training, "h": self.hearing})

    def visible_when(self) -> dict[str, dict[str, list[Any]]]:
        """Return which settings matter to which goals."""
        matching = {"t.goal": ["match_spectrogram", "match_mel_spectrogram"]}
        return {
            "t.target": matching,
            "n.lossless": {"t.goal": ["power_variance", "mse"]},
            "n.rt": {"n.lossless": [False]},
            "n.rt_high": {"n.lossless": [False]},
            "h.tail": {"n.lossless": [True]},
        }

    # ------------------------------------------------------------------ settings that depend on each other

    @property
    def matches(self) -> bool:
        """Whether the goal is a room."""
        return str(self.training.goal).startswith("match")

    def reconcile(self, changed: Iterable[str]) -> list[str]:
        """Fit the network to the room that it is to match, and end a run whose settings changed."""
        notes = []
        changed = set(changed)
        network, training = self.network, self.training
        if self.matches and {"t.goal", "t.target", "t.uploads"} & changed and self.target is not None:
            network.lossless = False
            if "t.sparsity" not in changed and training.sparsity:
                training.sparsity = 0
                notes.append(
                    "The density term is off: beside a spectrogram's small loss it would decide alone."
                )
            if not {"n.rt", "n.rt_high"} & changed:
                low, high = self._times_of(self.target)
                network.rt, network.rt_high = low, high
                notes.append(
                    f"The network got the room's reverberation times: {low:g} s, {high:g} s at the top."
                )
            wanted = min(len(self.target), FS)
            if "t.nfft" not in changed and training.nfft < wanted:
                training.nfft = next(n for n in training.param.nfft.objects if n >= wanted)
        elif (
            not self.matches and "t.goal" in changed and "t.sparsity" not in changed and not training.sparsity
        ):
            training.sparsity = training.param.sparsity.default
        if "t.rate" in changed and self.run is not None:
            self.run.lr = float(training.rate)
        if "t.steps" in changed and self.run is not None:
            self.run.max_steps = max(int(training.steps), self.run.steps_run)
        if self.run is not None and self._run_key != self._config():
            self.discard()
            notes.append("The settings changed: training starts again from the new network.")
        return notes

    @staticmethod
    def _times_of(room: Array) -> tuple[float, float]:
        found = findings.room_analysis(room)
        known = np.isfinite(found.t30)
        times, centres = found.t30[known], found.centres[known]
        if not len(times):
            return 1.0, 0.5
        low, high = float(np.median(times[centres <= 1000])), float(times[-1])
        return (round(min(max(low, 0.2), 10), 2), round(min(max(high, 0.1), 10), 2))

    def _key(self, *names: str) -> tuple[Hashable, ...]:
        return tuple(value for key, value in self.values().items() if key in names or key[:2] in names)

    def _config(self) -> tuple[Hashable, ...]:
        """Return what a run cannot change under way: rate and number of steps it can."""
        live = {"t.rate", "t.steps"}
        values = self.values()
        return (
            *(value for key, value in values.items() if key[0] in "nt" and key not in live),
            self.training.uploads,
        )

    # ------------------------------------------------------------------ network, room, run

    @property
    def start(self) -> FDNBuild:
        """The network before training."""
        return self.stage("start", self._key("n."), self._start, shared=True)

    def _start(self) -> FDNBuild:
        network = self.network
        delays = DELAYS.get((network.delays, network.lines))
        return fdn.design_fdn(
            delays=delays,
            N=None if delays else int(network.lines),
            rt=None if network.lossless else (float(network.rt), float(network.rt_high)),
            feedback=network.matrix,
            fs=FS,
            rng=int(network.seed),
        )

    @property
    def target(self) -> Array | None:
        """The room to match as an impulse response, or None where the goal is another or there is no file yet."""
        if not self.matches:
            return None
        if self.training.target == "file":
            return None if self.training.own is None else self.training.own.samples.double().numpy()
        return np.asarray(load_room(self.training.target, FS).double().numpy())

    def prepare(self) -> list[str]:
        """Make a run for the present settings, if there is none, and its first step; return what is to be said.

        Raises
        ------
        ValueError
            When the settings do not make a run: the sentence says what to change.
        """
        if self.run is not None:
            return []
        training = self.training
        target = self.target
        if self.matches and target is None:
            raise ValueError("There is no room yet: drop an impulse response on the page, or choose one.")
        if not (training.feedback or training.input_gain or training.output_gain):
            raise ValueError("Nothing is trained: tick the feedback matrix, the input or the output gains.")
        key = self._config()
        # What the library warns of is said on the page; threads share Python's list of warnings, hence the lock.
        with _WARNING, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            run = TrainingRun(self._model(), self.mode, **self._arguments(target))
            run.step()  # some things show only then
        if key != self._config():
            raise ValueError(
                "The settings changed while the training was being made ready; press Train again."
            )
        self.run, self._run_key, self._run_number = run, key, next(_RUNS)
        return [f"{str(w.message).rstrip('.')}." for w in caught if issubclass(w.category, UserWarning)]

    @property
    def mode(self) -> str:
        """The training's mode, as the library calls it."""
        return str(self.training.goal) if self.matches else "colorless"

    def _model(self) -> Any:
        training, start = self.training, self.start
        return trainable_from_build(
            start,
            trainable=Trainable(training.feedback, training.input_gain, training.output_gain),
            nfft=int(training.nfft),
            alias_decay_db=self._alias_decay(),
        )

    def _alias_decay(self) -> float:
        """Return the damping that keeps what outlasts the transform 40 dB down: none where nothing does."""
        if self.network.lossless:
            return 60.0
        wrapped = (
            60 * float(self.training.nfft) / FS / max(float(self.network.rt), float(self.network.rt_high))
        )
        return float(math.ceil(max(0.0, 45.0 - wrapped))) if self.matches else 0.0

    def _arguments(self, target: Array | None) -> dict[str, Any]:
        training = self.training
        found: dict[str, Any] = {
            "sparsity_alpha": float(training.sparsity),
            "max_steps": int(training.steps),
            "lr": float(training.rate),
            "optimizer": training.optimiser,
            "patience": int(training.patience),
            "rng": int(self.network.seed),
        }
        if target is not None:
            found |= {"target": target[: int(training.nfft)], "target_fs": FS}
        else:
            found["objective"] = training.goal
        return found

    def discard(self) -> None:
        """End the run, if there is one, and forget it: the network is that of the start again."""
        if self.run is not None:
            self.run.stop()
            self.run = None

    # ------------------------------------------------------------------ what is there now

    @property
    def snapshot(self) -> Snapshot | None:
        """The network as it is now in training; the best one when the training has ended."""
        run = self.run
        if run is None:
            return None
        return run.snapshot(best=run.state == "finished")

    def now(self, snapshot: Snapshot | None) -> FDNBuild:
        """Return the network of a snapshot, or that of the start."""
        return self.start if snapshot is None else snapshot.build

    def moment(self, snapshot: Snapshot | None) -> Hashable:
        """Return what tells one state of a network from another."""
        if snapshot is None:
            return self._key("n.")
        return (self._run_number, snapshot.step)

    def heard(self, build: FDNBuild) -> FDNBuild:
        """Return a network with the decay that is heard: its own, or the one set for a lossless one."""
        if not self.network.lossless:
            return build
        return fdn.with_decay(build, float(self.hearing.tail))

    @property
    def tail(self) -> float:
        """Time in which what is heard decays, s."""
        if self.network.lossless:
            return float(self.hearing.tail)
        return max(float(self.network.rt), float(self.network.rt_high))

    def sounding(self, build: FDNBuild) -> Sounding:
        """Return the impulse response that is heard, its decay and its echo density."""
        return findings.sounding(fdn.render(self.heard(build), min(max(1.2 * self.tail, 0.5), 4.0)))

    def start_sounding(self) -> Sounding:
        """Return how the network sounds before training."""
        return self.stage(
            "start sounding", self._key("n.", "h.tail"), lambda: self.sounding(self.start), shared=True
        )

    def room_sounding(self) -> Sounding | None:
        """Return decay and echo density of the room to match."""
        room = self.target
        if room is None:
            return None
        return self.stage("room", self.room_key(), lambda: findings.sounding(room))

    def room_key(self) -> tuple[Hashable, ...]:
        """Return what the room follows from."""
        return (self.matches, self.training.target, self.training.uploads)

    def start_key(self) -> tuple[Hashable, ...]:
        """Return what the network before training follows from."""
        return self._key("n.")

    def room_analysis(self) -> Analysis | None:
        """Return the room's reverberation times."""
        room = self.target
        if room is None:
            return None
        return self.stage("room analysis", self.room_key(), lambda: findings.room_analysis(room))

    def start_analysis(self) -> Analysis:
        """Return the slow findings on the network before training."""
        return self.stage(
            "start analysis",
            self._key("n.", "h.tail"),
            lambda: findings.analysis(self.start, self.start_sounding().response),
            shared=True,
        )

    # ------------------------------------------------------------------ sound

    def played(self, which: str) -> torch.Tensor:
        """Return the sound to hear through the network at the start, through the present one, or in the room."""
        source = str(self.hearing.source)
        if which == "room":
            room = self.target
            if room is None:
                raise ValueError("There is no room: choose a goal that matches one.")
            return listening.in_room(room, source)
        build = self.start if which == "start" else self.now(self.snapshot)
        return listening.through(self.heard(build), source, min(self.tail, 4.0))

    # ------------------------------------------------------------------ words

    def summary(self) -> str:
        """Say in one line what is there, for the page and for a screen reader."""
        start, run = self.start, self.run
        network = f"{start.N} delay lines, {start.order / FS * 1000:.0f} ms of delay"
        if run is None or not run.steps_run:
            return f"{network}: not trained yet. Press Train."
        log = run.log
        line = (
            f"{network}. Step {run.steps_run}: loss {log.train_loss[-1]:.4g}, from {log.train_loss[0]:.4g}."
        )
        return f"{line} {run.message}" if run.state == "finished" else line

    def code(self) -> str:
        """Return a script that trains the same network in the same way."""
        network, training = self.network, self.training
        delays = DELAYS.get((network.delays, network.lines))
        size = f"delays={delays!r}" if delays else f"N={int(network.lines)}"
        rt = None if network.lossless else (float(network.rt), float(network.rt_high))
        arguments = self._arguments(None)
        if not self.matches:
            arguments["objective"] = training.goal
        else:
            arguments.pop("objective", None)
        shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        lines = [
            "from amtlib import fdn",
            "from amtlib.train import Trainable, extract_build, train_fdn, trainable_from_build",
        ]
        if self.matches and training.target == "file":
            name = training.own.name if training.own else "room.wav"
            lines += [
                "import amtlib",
                "",
                f"room = amtlib.audio.load({name!r}, fs={FS}).samples.double().numpy()",
            ]
        elif self.matches:
            lines += [
                "from app.rooms import load_room",
                "",
                f"room = load_room({training.target!r}, {FS}).double().numpy()",
            ]
        lines += [
            "",
            f"start = fdn.design_fdn({size}, rt={rt!r}, feedback={network.matrix!r}, fs={FS}, rng={int(network.seed)})",
            "model = trainable_from_build(",
            "    start,",
            f"    trainable=Trainable({training.feedback}, {training.input_gain}, {training.output_gain}),",
            f"    nfft={int(training.nfft)},",
            f"    alias_decay_db={self._alias_decay()!r},",
            ")",
            *(
                [
                    f"target = room[: {int(training.nfft)}]",
                    "log = train_fdn(",
                    f"    model, {self.mode!r}, target=target, target_fs={FS},",
                ]
                if self.matches
                else ["log = train_fdn(", f"    model, {self.mode!r},"]
            ),
            f"    {shown},",
            ")",
            'print(f"{log.steps_run} steps, loss {log.train_loss[0]:.6g} to {log.best_loss:.6g}")',
            "network = extract_build(model)",
        ]
        return "\n".join([*lines, ""])
