"""The settings of the FDN lab, and what follows from them alone: network, room, loss, and the plan of a training."""

import math
from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np

from amtlib import fdn
from amtlib.fdn import FDNBuild
from amtlib.train import Trainable, TrainingPlan
from amtlib.train.losses import Loss, Sparsity
from app.lab import LabModel, depends_on
from app.labs.fdn import findings, words
from app.labs.fdn.ear import Ear
from app.labs.fdn.goals import GOALS, ROOM_GOALS, TRAINED_GOALS, Goal
from app.labs.fdn.octaves import (
    DECAY_KEYS,
    OCTAVES,
    TONE_KEYS,
    Array,
    Decay,
    Points,
    Tone,
    centres_at,
    filled,
    followed,
    octaves_at,
    times_of_shelf,
    with_tone,
)
from app.labs.fdn.parts import changed, is_silent
from app.labs.fdn.settings import DELAY_CHOICES, RATES, Display, Motion, Network, Part, delays_at
from app.labs.fdn.target import Room, as_loud_as, decay_times

#: What is said where the goal needs a room.
NO_ROOM = "There is no room yet: drop an impulse response on the page, or choose one of the lab's."
#: Points of the transform where the loss does not depend on them.
_ANY_NFFT = 4096
_LINES: list[Any] = list(range(1, 17))


class FdnSetup(LabModel):
    """The settings of the FDN lab, without a run."""

    #: What `reconcile` sets for these goals is free afterwards; the first goal sets the defaults.
    kept_when: ClassVar[dict[str, dict[str, list[Any]]]] = {
        **{
            f"t.{name}": {"t.goal": [key for key, goal in list(GOALS.items())[1:] if name in goal.sets]}
            for name in ("sparsity", "input_gain", "output_gain", "direct")
        },
        **{key: {"t.goal": ROOM_GOALS} for key in ("n.rt", "n.rt_high", "t.nfft")},
        **{key: {"n.decay": ["octaves"]} for key in DECAY_KEYS},
        "t.steps": {"t.goal": [name for name in GOALS if name not in TRAINED_GOALS]},
    }
    #: What of a part follows from the network.
    derived: ClassVar[tuple[str, ...]] = ("x.delay", "x.input", "x.output", "x.weight")
    conditions: ClassVar[dict[str, dict[str, list[Any]]]] = {
        "n.lines": {"n.delays": [name for name in DELAY_CHOICES.values() if name != "own"]},
        "n.own": {"n.delays": ["own"]},
        **{key: {"n.decay": ["ends"]} for key in ("n.rt", "n.rt_high")},
        **{
            key: {**when, "n.fs": [rate for rate in RATES if octave in octaves_at(rate)]}
            for keys, when in ((DECAY_KEYS, {"n.decay": ["octaves"]}), (TONE_KEYS, {}))
            for key, octave in zip(keys, OCTAVES, strict=True)
        },
        "x.into": {"x.line": _LINES},
        **{f"x.{name}": {"x.line": _LINES, "x.into": [0]} for name in ("delay", "input", "output")},
        "x.weight": {"x.line": _LINES, "x.into": _LINES},
        "t.target": {"t.goal": ROOM_GOALS},
        **{
            f"t.{name}": {"t.goal": TRAINED_GOALS}
            for name in ("sparsity", "rate", "optimiser", "patience", "watched")
        },
        **{f"t.{name}": {"t.goal": TRAINED_GOALS} for name in ("feedback", "input_gain", "output_gain")},
        "t.direct": {"t.goal": [name for name in ROOM_GOALS if name in TRAINED_GOALS]},
        "n.lossless": {"t.goal": [name for name, goal in GOALS.items() if goal.bins and not goal.room]},
        "t.nfft": {"t.goal": [name for name, goal in GOALS.items() if goal.bins]},
    }

    def __init__(self) -> None:
        self.network = Network()
        self.training = Room()
        self.display = Display()
        self.ear = Ear()
        self.part = Part()
        self.decay_by_octave = Decay()
        self.tone = Tone()
        self.motion = Motion()
        parts = {
            "n": self.network,
            "t": self.training,
            "h": self.display,
            "e": self.ear,
            "x": self.part,
            "d": self.decay_by_octave,
            "q": self.tone,
            "m": self.motion,
        }
        super().__init__(parts)

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

    @property
    def length(self) -> float:
        """How long a response is rendered: past the 60 dB of its slowest decay, s."""
        return max(1.2 * self.tail, 0.5, 0.0 if self.pair is None else len(self.pair) / self.fs)

    @property
    def tail(self) -> float:
        """Time in which what is heard decays, s."""
        if self.by_octave:
            return float(self.decay_by_octave.at(self.fs).max())
        return max(float(self.network.rt), float(self.network.rt_high))

    @property
    def by_octave(self) -> bool:
        """Whether decay times are set by octave."""
        return bool(self.network.decay == "octaves")

    @property
    def points(self) -> Points:
        """What is dragged: the times by octave, where they are set so, and the tone."""
        centres = centres_at(self.fs)
        times = self.decay_by_octave.at(self.fs) if self.by_octave else np.zeros(0)
        return Points(centres, times, self.tone.at(self.fs))

    @property
    def rt(self) -> tuple[float, float] | dict[float, float]:
        """The reverberation times as the library takes them, s."""
        if self.by_octave:
            points = self.points
            return dict(zip(points.centres.tolist(), points.times.tolist(), strict=True))
        return float(self.network.rt), float(self.network.rt_high)

    def moving(self, build: FDNBuild) -> FDNBuild:
        """Return a network with the motion of its matrix, which is heard and neither trained nor drawn."""
        depth, rate = float(self.motion.depth), float(self.motion.rate)
        return fdn.with_modulation(build, depth=depth, rate=rate) if depth else build

    def shape_decay(self, changed: set[str]) -> list[str]:
        """Give the octaves the times that the two had, once they are set by octave; let neighbours of those that were
        moved follow; return what is to be said.
        """
        if not self.by_octave:
            return []
        decay, fs = self.decay_by_octave, self.fs
        moved = [i for i, octave in enumerate(octaves_at(fs)) if f"d.at{octave}" in changed]
        if not moved:
            if "n.decay" in changed:
                low, high = float(self.network.rt), float(self.network.rt_high)
                decay.set_at(fs, times_of_shelf(low, high, fs), 2)
            return []
        before = decay.at(fs)
        decay.set_at(fs, followed(before, moved), 2)
        if len(moved) < len(before) and not np.array_equal(before, decay.at(fs)):
            return ["Neighbouring octaves can differ by a factor of 2 in decay: those around followed."]
        return []

    def fit_to_room(self, changed: set[str]) -> list[str]:
        """Set level, reverberation times and transform to the room that is to be matched; return notes on it."""
        notes = []
        network, training, room = self.network, self.training, self.target
        if room is None:
            return [NO_ROOM]
        if training.target == "file" and training.dropped is not None and "t.uploads" in changed:
            if "t.goal" in changed:
                notes.append(f"The goal is now another: {self.goal.label}.")
            notes += words.own_room(training.dropped, fits=self.goal.fits)
        if self.by_octave:
            if not set(DECAY_KEYS) & changed:
                notes.append(self._take_times_by_octave())
        elif not {"n.rt", "n.rt_high"} & changed:
            times = self._ends_of_room()
            if times is not None:
                allowed = [network.param[name].bounds for name in ("rt", "rt_high")]
                network.rt, network.rt_high = (
                    round(min(max(time, low), high), 2)
                    for time, (low, high) in zip(times, allowed, strict=True)
                )
            notes.append(words.times_of_room(times, (network.rt, network.rt_high)))
        if "t.nfft" not in changed:
            longest = max(training.param.nfft.objects)
            wanted = min(len(room), 48000 if self.fs == 48000 else self.fs)
            training.nfft = next((n for n in training.param.nfft.objects if n >= wanted), longest)
        return notes

    def _take_times_by_octave(self) -> str:
        """Give each octave the room's time; return what is to be said."""
        found = filled(*self.room_times(), self.fs)
        if found is not None:
            middle = octaves_at(self.fs).index(1000)
            self.decay_by_octave.set_at(self.fs, followed(found, [middle]), 2)
        return words.times_by_octave(found, self.decay_by_octave.at(self.fs), octaves_at(self.fs))

    @property
    def delays(self) -> tuple[int, ...] | None:
        """The delays in samples, or None where they are drawn."""
        network = self.network
        if network.delays == "own":
            return tuple(int(n) for n in network.own.split(","))
        return delays_at(network.delays, network.lines, self.fs)

    @property
    def pre_delay(self) -> int:
        """Silence before the direct sound of an own room, which training leaves out, samples."""
        return round(self.training.pre_delay * self.fs) if self.goal.room else 0

    @property
    def is_private(self) -> bool:
        """Whether what is seen follows from a user's own file, whose hash no key holds."""
        return self.goal.room and self.training.target == "file"

    def room_key(self) -> tuple[Hashable, ...]:
        """Return what the room follows from."""
        if not self.goal.room:
            return ()
        own = self.training.uploads if self.is_private else None
        return (self.training.target, own, self.fs, self.goal.fits and self.is_private)

    def plain_key(self) -> tuple[Hashable, ...]:
        """Return what the network follows from, before it is made as strong as a room."""
        return self.key_of("n.", *(("d.", "q.") if self.by_octave else ("q.",)))

    def start_key(self) -> tuple[Hashable, ...]:
        """Return what the network before training follows from."""
        return (*self.plain_key(), self.room_key())

    def shapeless_key(self) -> tuple[Hashable, ...]:
        """Return what the network follows from besides its decay and its tone."""
        shape = {"n.rt", "n.rt_high", "n.decay"}
        return (
            *self.key_of(*(key for key in self.fields if key[0] == "n" and key not in shape)),
            self.room_key(),
        )

    @property
    @depends_on(plain_key, shared=False)
    def plain(self) -> FDNBuild:
        """The network before training as it is designed and changed by hand, not yet as strong as a room."""
        network = self.network
        made = fdn.design_fdn(
            delays=self.delays,
            N=None if self.delays else int(network.lines),
            rt=self.rt,
            feedback=network.matrix,
            fs=self.fs,
            rng=int(network.seed),
        )
        build = changed(with_tone(made, self.tone.at(self.fs)), network.changes)
        if is_silent(build):
            raise ValueError(
                "No sound gets through this network: give a line an input gain other than 0, and one that it leads to "
                "an output gain."
            )
        return build

    @property
    @depends_on(start_key)
    def start(self) -> FDNBuild:
        """The network before training, with the decay that is heard."""
        made, room = self.plain, self.target
        return made if room is None else as_loud_as(made, room)

    @property
    @depends_on(room_key)
    def target(self) -> Array | None:
        """The room to match as an impulse response, or None where the goal is another or there is no file yet."""
        return self.training.response(self.fs, pair=self.goal.fits) if self.goal.room else None

    @property
    @depends_on(room_key, shared=False)
    def pair(self) -> Array | None:
        """The room to fit with its two channels, from 1 ms before its direct sound on, or None where it has but one."""
        return self.training.pair(self.fs) if self.goal.fits else None

    @depends_on(room_key)
    def room_times(self) -> tuple[Array, Array]:
        """Return the octaves and T30 of the room to match."""
        assert self.target is not None
        return findings.octave_times(self.target, self.fs, self.training.highest)

    @depends_on(room_key)
    def _ends_of_room(self) -> tuple[float, float] | None:
        """Return the times of the room at 0 Hz and at half the rate."""
        assert self.target is not None
        return decay_times(self.target, self.fs, self.training.highest)

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

    def new_plan(self) -> TrainingPlan:
        """Return what makes a run of the present settings, here or in a pool's worker."""
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
