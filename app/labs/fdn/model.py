"""State and numbers of the FDN lab: a network, its training step by step, and what becomes of its sound.
Source: :mod:`amtlib.fdn` and :mod:`amtlib.train`.
Not a page: see view.py. Training runs in a thread of its own; everything here only looks at snapshots of it.
"""

import itertools
import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import param
import torch
from numpy.typing import NDArray

from amtlib import fdn
from amtlib.fdn import FDNBuild
from amtlib.train import Snapshot, Trainable, TrainingPlan, TrainingRun
from amtlib.train.losses import Loss, Sparsity
from app.lab import LabModel, Section, load_lessons
from app.labs.fdn import ear, findings, listening, script, words
from app.labs.fdn.ear import Ear, Heard
from app.labs.fdn.findings import Analysis, Sounding
from app.labs.fdn.goals import GOALS, ROOM_GOALS, Goal
from app.labs.fdn.settings import Hearing, Network, delays_at
from app.labs.fdn.target import Room, as_loud_as, decay_times

Array = NDArray[Any]

_RUNS = itertools.count(1)
#: Points of the transform where the loss does not look at them.
_ANY_NFFT = 4096
#: Longest response that is analysed, s.
_LONGEST = 4.0


class FdnModel(LabModel):
    """The FDN lab without its page.

    Examples
    --------
    >>> lab = FdnModel()
    >>> lab.update({"n.lines": 4, "t.steps": 20})
    []
    >>> lab.prepare()
    []
    >>> run = lab.run
    >>> steps = list(run)
    >>> len(steps), run.log.best_loss < steps[0].loss
    (20, True)
    """

    sections: ClassVar[tuple[Section, ...]] = (
        Section(
            "Network",
            ("n.delays", "n.lines", "n.own", "n.matrix", "n.rt", "n.rt_high", "n.lossless", "n.fs", "n.seed"),
        ),
        Section("Goal", ("t.goal", "t.target", "t.sparsity")),
        Section("Training", ("t.rate", "t.steps", "t.nfft", "t.optimiser", "t.patience")),
        Section("What is trained", ("t.feedback", "t.input_gain", "t.output_gain", "t.direct"), open=False),
        Section("What is shown and heard", ("h.view", "h.source")),
        Section("Ear", ("e.level", "e.loss", "e.compression"), open=False),
    )
    lessons = load_lessons(Path(__file__).with_name("lessons.yaml"))
    key_controls = ("n.lines", "t.goal", "t.rate")
    #: What `reconcile` sets for these goals is free afterwards; the first goal sets the defaults.
    kept_when: ClassVar[dict[str, dict[str, list[Any]]]] = {
        **{
            f"t.{name}": {"t.goal": [key for key, goal in list(GOALS.items())[1:] if name in goal.sets]}
            for name in ("sparsity", "input_gain", "output_gain", "direct")
        },
        **{key: {"t.goal": ROOM_GOALS} for key in ("n.rt", "n.rt_high", "t.nfft")},
    }

    #: Where a lab begins that is this one with other defaults: values by key.
    begins: ClassVar[Mapping[str, Any]] = {}

    def __init__(self) -> None:
        self.network = Network()
        self.training = Room()
        self.hearing = Hearing()
        self.ear = Ear()
        self.run: TrainingRun | None = None
        #: What the run was made by: a pool's worker makes the same one.
        self.plan: TrainingPlan | None = None
        self._run_key: Hashable = None
        self._run_number = 0
        parts: dict[str, param.Parameterized] = {
            "n": self.network,
            "t": self.training,
            "h": self.hearing,
            "e": self.ear,
        }
        for key, value in self.begins.items():
            prefix, name = key.split(".")
            parts[prefix].param[name].default = value  # of this object alone: param copies what is asked for
            setattr(parts[prefix], name, value)
        super().__init__(parts)

    def visible_when(self) -> dict[str, dict[str, list[Any]]]:
        """Return which settings matter to which goals."""
        return {
            "n.lines": {"n.delays": [name for name in self.network.param.delays.objects if name != "own"]},
            "n.own": {"n.delays": ["own"]},
            "t.target": {"t.goal": ROOM_GOALS},
            "t.direct": {"t.goal": ROOM_GOALS},
            "n.lossless": {"t.goal": [name for name, goal in GOALS.items() if goal.bins and not goal.room]},
            "t.nfft": {"t.goal": [name for name, goal in GOALS.items() if goal.bins]},
        }

    # ------------------------------------------------------------------ settings that depend on each other

    @property
    def goal(self) -> Goal:
        """What is trained towards."""
        return GOALS[self.training.goal]

    @property
    def fs(self) -> int:
        """Sampling rate, Hz."""
        return int(self.network.fs)

    @property
    def lossless(self) -> bool:
        """Whether the network is trained without its filters."""
        goal = self.goal
        return goal.bins and not goal.room and bool(self.network.lossless)

    def reconcile(self, changed: Iterable[str]) -> list[str]:
        """Fit the settings to the goal, the network to the room that it is to match, and end a run that they end."""
        notes = []
        changed = set(changed)
        training = self.training
        if "t.goal" in changed:
            for name, value in self.goal.sets.items():
                if f"t.{name}" not in changed:
                    setattr(training, name, value)
        if self.goal.room and {"t.goal", "t.target", "t.uploads", "n.fs"} & changed:
            notes += self._fit_to_room(changed)
        if self.run is not None:
            if "t.rate" in changed:
                self.run.lr = float(training.rate)
            if "t.steps" in changed and self.run.state != "finished":
                self.run.max_steps = max(int(training.steps), self.run.steps_run)
            if self._run_key != self._config():
                self.discard()
                notes.append("The settings changed: training starts again from the new network.")
        return notes

    def _fit_to_room(self, changed: set[str]) -> list[str]:
        notes = []
        network, training, room = self.network, self.training, self.target
        if room is None:
            return ["There is no room yet: drop an impulse response, or choose one of the lab's."]
        own = training.own
        if training.target == "file" and own is not None and "t.uploads" in changed and own.late > 1e-3:
            notes.append(f"The first {1000 * own.late:.0f} ms, before the direct sound, were cut off.")
        if not {"n.rt", "n.rt_high"} & changed:
            times = self.stage(
                "times of the room",
                self.room_key(),
                lambda: decay_times(room, self.fs, training.highest),
                shared=training.target != "file",
            )
            if times is None:
                notes.append(
                    "The room's reverberation times are unknown: its decay is too short, or sinks into noise too soon. "
                    f"The network keeps its own: {network.rt:g} s, {network.rt_high:g} s at the top."
                )
            else:
                network.rt, network.rt_high = times
                notes.append(
                    "The network got the room's level and reverberation times: "
                    f"{network.rt:g} s, {network.rt_high:g} s at the top."
                )
        if "t.nfft" not in changed:
            longest = max(training.param.nfft.objects)
            wanted = min(len(room), 48000 if self.fs == 48000 else self.fs)
            training.nfft = next((n for n in training.param.nfft.objects if n >= wanted), longest)
        return notes

    def _key(self, *names: str) -> tuple[Hashable, ...]:
        return tuple(value for key, value in self.values().items() if key in names or key[:2] in names)

    def _config(self) -> tuple[Hashable, ...]:
        """Return what a run cannot change under way: of the settings only those that its loss depends on."""
        goal = self.goal
        idle = {"t.rate", "t.steps", "n.own" if self.network.delays != "own" else "n.lines"}
        if not goal.bins:
            idle |= {"t.nfft"}
        if not goal.bins or goal.room:
            idle |= {"n.lossless"}
        if not goal.bins or self.lossless:
            idle |= {"n.rt", "n.rt_high"}
        if not goal.room:
            idle |= {"t.target", "t.direct"}
        parts = "nte" if goal.hears else "nt"
        chosen = tuple(value for key, value in self.values().items() if key[0] in parts and key not in idle)
        return (*chosen, self.training.uploads if goal.room else None)

    # ------------------------------------------------------------------ network, room, run

    @property
    def delays(self) -> tuple[int, ...] | None:
        """The delays in samples, or None where they are drawn."""
        network = self.network
        if network.delays == "own":
            return tuple(int(n) for n in network.own.split(","))
        return delays_at(network.delays, network.lines, self.fs)

    @property
    def start(self) -> FDNBuild:
        """The network before training, with the decay that is heard."""
        return self.stage("start", self.start_key(), self._start, shared=not self._private)

    def start_key(self) -> tuple[Hashable, ...]:
        """Return what the network before training follows from."""
        return (*self._key("n."), self.room_key())

    @property
    def _private(self) -> bool:
        """Whether what is seen follows from a user's own file."""
        return self.goal.room and self.training.target == "file"

    def _start(self) -> FDNBuild:
        network, room = self.network, self.target
        made = fdn.design_fdn(
            delays=self.delays,
            N=None if self.delays else int(network.lines),
            rt=(float(network.rt), float(network.rt_high)),
            feedback=network.matrix,
            fs=self.fs,
            rng=int(network.seed),
        )
        return made if room is None else as_loud_as(made, room)

    @property
    def target(self) -> Array | None:
        """The room to match as an impulse response, or None where the goal is another or there is no file yet."""
        if not self.goal.room:
            return None
        found: Array | None = self.stage("target", self.room_key(), lambda: self.training.response(self.fs))
        return found

    def room_key(self) -> tuple[Hashable, ...]:
        """Return what the room follows from."""
        if not self.goal.room:
            return ()
        own = self.training.uploads if self._private else None
        return (self.training.target, own, self.fs)

    def prepare(self) -> list[str]:
        """Make a run for the present settings, if there is none; return what is to be said.

        Raises
        ------
        ValueError
            When the settings do not make a run: the sentence says what to change.
        """
        if self.run is not None:
            return []
        target = self.target
        if self.goal.room and target is None:
            raise ValueError("There is no room yet: drop an impulse response on the page, or choose one.")
        if not any(self.trained().values()):
            raise ValueError("Nothing is trained: tick the feedback matrix, the input or the output gains.")
        key, plan = self._config(), self._plan()
        run, warned = plan.run_and_warnings()
        if key != self._config():
            raise ValueError(
                "The settings changed while the training was being made ready; press Train again."
            )
        self.run, self.plan, self._run_key, self._run_number = run, plan, key, next(_RUNS)
        return [words.warning(each) for each in warned]

    def trained(self) -> dict[str, bool]:
        """Return what is trained, as `Trainable` calls it."""
        training = self.training
        return {
            "feedback": bool(training.feedback),
            "input_gain": bool(training.input_gain),
            "output_gain": bool(training.output_gain),
            "direct": bool(training.direct and self.goal.room),
        }

    @property
    def nfft(self) -> int:
        """Points of the transform that training uses."""
        return int(self.training.nfft) if self.goal.bins else _ANY_NFFT

    def alias_decay(self) -> float:
        """Return the damping that keeps what outlasts the transform 45 dB down: none where nothing does."""
        if self.lossless:
            return 60.0
        wrapped = 60 * self.nfft / self.fs / self.tail
        return float(math.ceil(max(0.0, 45.0 - wrapped))) if self.goal.room else 0.0

    def _plan(self) -> TrainingPlan:
        target = self.target
        room = {} if target is None else {"target": target, "target_fs": self.fs}
        return TrainingPlan(
            findings.bare(self.start) if self.lossless else self.start,
            self.goal.mode,
            Trainable(**self.trained()),
            self.nfft,
            self.alias_decay(),
            {**room, **self.arguments()},
        )

    @property
    def loss(self) -> Loss | None:
        """What is made small where the goal has a loss of its own, the sparseness of the matrix included."""
        if self.goal.loss is None:
            return None
        loss, weight = self.goal.loss(self.ear), float(self.training.sparsity)
        return loss + weight * Sparsity() if weight else loss

    def weights(self) -> dict[str, float]:
        """Return the weights of the terms that do not weigh 1, by the library's names."""
        if self.loss is None:
            return {"_ColorlessSparsity": float(self.training.sparsity)}
        return {name: weight for weight, name, _ in self.loss.named_terms if weight != 1.0}

    def arguments(self) -> dict[str, Any]:
        """Return what a run is given besides its model, mode and target."""
        training, loss = self.training, self.loss
        return {
            **self.goal.arguments,
            **({"sparsity_alpha": float(training.sparsity)} if loss is None else {"loss": loss}),
            "max_steps": int(training.steps),
            "lr": float(training.rate),
            "optimizer": training.optimiser,
            "patience": int(training.patience),
            "rng": int(self.network.seed),
        }

    def more(self) -> int:
        """Return how many steps are added to a run that has ended: up to the number set, or as many again."""
        done = 0 if self.run is None else self.run.steps_run
        steps = int(self.training.steps)
        return steps - done if steps > done else steps

    def discard(self) -> None:
        """End the run, if there is one, and forget it: the network is that of the start again."""
        if self.run is not None:
            self.run.stop()
            self.run = self.plan = None

    # ------------------------------------------------------------------ what is there now

    @property
    def busy(self) -> bool:
        """Whether a step is being done, or about to be."""
        return self.run is not None and not self.run.join(0)

    @property
    def snapshot(self) -> Snapshot | None:
        """The network as it is now in training; the best one when the training has ended."""
        run = self.run
        if run is None:
            return None
        return run.snapshot(best=run.state == "finished")

    def now(self, snapshot: Snapshot | None) -> FDNBuild:
        """Return the network of a snapshot with the decay that is heard, or that of the start."""
        if snapshot is None:
            return self.start
        return replace(snapshot.build, filters=self.start.filters)

    def moment(self, snapshot: Snapshot | None) -> Hashable:
        """Return what tells one state of a network from another."""
        run = None if snapshot is None else (self._run_number, snapshot.step)
        return (self.start_key(), run)

    @property
    def tail(self) -> float:
        """Time in which what is heard decays, s."""
        return max(float(self.network.rt), float(self.network.rt_high))

    def sounding(self, build: FDNBuild) -> Sounding:
        """Return an impulse response, its decay and its echo density."""
        return findings.sounding(fdn.render(build, min(max(1.2 * self.tail, 0.5), _LONGEST)), self.fs)

    def start_sounding(self) -> Sounding:
        """Return how the network sounds before training."""
        return self.stage(
            "start sounding", self.start_key(), lambda: self.sounding(self.start), shared=not self._private
        )

    def room_sounding(self) -> Sounding | None:
        """Return decay and echo density of the room to match."""
        room = self.target
        if room is None:
            return None
        return self.stage("room", self.room_key(), lambda: findings.sounding(room, self.fs))

    def room_analysis(self) -> Analysis | None:
        """Return the room's reverberation times."""
        room = self.target
        if room is None:
            return None
        return self.stage(
            "room analysis",
            self.room_key(),
            lambda: findings.room_analysis(room, self.fs, self.training.highest),
        )

    def start_analysis(self) -> Analysis:
        """Return the slow findings on the network before training."""
        return self.stage(
            "start analysis",
            self.start_key(),
            lambda: self.analysis(self.start, self.start_sounding()),
            shared=not self._private,
        )

    def analysis(self, build: FDNBuild, heard: Sounding | None = None) -> Analysis:
        """Return the slow findings on a network, and how far it is from the room if there is one."""
        found, room = self.room_analysis(), self.target
        response = (self.sounding(build) if heard is None else heard).response
        times = None if found is None else (found.centres, found.t30)
        return findings.analysis(build, response, room, times)

    # ------------------------------------------------------------------ what an ear makes of it

    def ear_key(self) -> Hashable:
        """Return what the pictures of the ear follow from, besides the network."""
        return (self.start_key(), *self._key("e."))

    def heard(self, build: FDNBuild) -> Heard:
        """Return what the ear makes of a network: as loud as beside the room, or as beside that of the start."""
        room, response = self.target, self.sounding(build).response
        reference = self.start_sounding().response if room is None else room
        # Colour is seen without the decay, which smooths it; a match is heard as it is.
        colour = findings.magnitudes(build, findings.LIVE) if room is None else spectrum(response)
        return ear.heard(response, colour, self.fs, self.ear, reference)

    def start_heard(self) -> Heard:
        """Return what the ear makes of the network before training."""
        return self.stage(
            "start heard", self.ear_key(), lambda: self.heard(self.start), shared=not self._private
        )

    def room_heard(self) -> Heard | None:
        """Return what the ear makes of the room to match."""
        room = self.target
        if room is None:
            return None
        return self.stage(
            "room heard", self.ear_key(), lambda: ear.heard(room, spectrum(room), self.fs, self.ear, room)
        )

    # ------------------------------------------------------------------ sound, words

    def played(self, which: str) -> torch.Tensor:
        """Return the sound to hear through the network at the start, through the present one, or in the room."""
        source, tail, room = str(self.hearing.source), min(self.tail, _LONGEST), self.target
        if which == "room":
            if room is None:
                raise ValueError("There is no room: choose a goal that matches one.")
            return listening.in_room(room, source, tail, self.fs)
        snapshot = None if which == "start" else self.snapshot
        return self.stage(
            f"played {which}",
            (self.moment(snapshot), source),
            lambda: listening.through(self.now(snapshot), source, tail),
        )

    def summary(self) -> str:
        """Say in one line what is there, for the page and for a screen reader."""
        return words.summary(self.start, self.run, self.fs)

    def differences(self, found: Mapping[str, Analysis], heard: Mapping[str, Sounding]) -> str:
        """Say what training has changed, from analyses and soundings of "start" and "now"."""
        return words.differences(found, heard, room=self.goal.room)

    def code(self) -> str:
        """Return a script that trains the same network in the same way."""
        return script.written(self)


def spectrum(response: Array) -> Array:
    """Return the magnitude of a response at evenly spaced frequencies, on a transform of a power of two."""
    return np.abs(np.fft.rfft(response, 2 ** math.ceil(math.log2(len(response)))))
