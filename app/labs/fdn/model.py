"""The FDN lab without its page: a network, its training step by step, and what becomes of its sound.

Training runs in a thread of its own (:mod:`amtlib.train`); everything here looks at snapshots of it.
"""

import itertools
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch

from amtlib import fdn
from amtlib.fdn import FDNBuild, Stability
from amtlib.train import Snapshot, TrainingPlan, TrainingRun
from app.lab import Section, depends_on
from app.labs.fdn import ear, findings, listening, parts, words
from app.labs.fdn.ear import Representation
from app.labs.fdn.findings import Analysis, Beginning, Decay
from app.labs.fdn.fitting import FIT_KEYS, FdnFitting
from app.labs.fdn.history import MOST, Record, table_of
from app.labs.fdn.octaves import DECAY_KEYS, TONE_KEYS
from app.labs.fdn.parts import read_changes, write_changes
from app.labs.fdn.script import fit_script, script
from app.labs.fdn.settings import checked_delays
from app.labs.fdn.setup import NO_ROOM
from app.lessons import Measure, load_lessons
from app.page.protocol import Table

_RUNS = itertools.count(1)
_CHANGED = "The settings changed while the training was being made ready; press Train again."
#: What of a part can be changed, and the letter of its matrix.
_PARTS = {"delay": "", "input": "b", "output": "c", "weight": "a"}
#: Which network a measure is of, and how that is said.
_WHEN = {"start": " at the start", "now": ""}


class FdnModel(FdnFitting):
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
        Section("A part of the network", ("x.",)),
        Section("Network", ("n.delays", "n.lines", "n.own", "n.", "n.fs", "n.seed", "n.changes")),
        Section("Decay by octave", tuple(DECAY_KEYS)),
        Section("Tone by octave", tuple(TONE_KEYS), open=False),
        Section("Motion of the matrix", ("m.",), open=False),
        Section("Goal", ("t.goal", "t.target", "t.sparsity")),
        Section("Training", ("t.rate", "t.steps", "t.nfft", "t.optimiser", "t.patience", "t.watched")),
        Section("What is trained", ("t.feedback", "t.input_gain", "t.output_gain", "t.direct"), open=False),
        Section("What is shown and heard", ("h.",)),
        Section("Ear", ("e.",), open=False),
    )
    lessons = load_lessons(Path(__file__).with_name("lessons.yaml"))
    quantities: ClassVar[dict[str, Measure]] = {
        "steps": Measure("Steps"),
        "loss_percent": Measure("Loss, of that at the start", "%"),
        **{f"modal_std_{which}": Measure(f"Spread of the modes{at}", "dB", 1) for which, at in _WHEN.items()},
        **{f"peak_{which}_db": Measure(f"Highest peak{at}", "dB", 1) for which, at in _WHEN.items()},
        **{f"decay_{which}_db": Measure(f"Decay by octave{at}, off", "dB", 2) for which, at in _WHEN.items()},
        **{f"colour_{which}": Measure(f"Excitation{at}, uneven by", "dB", 2) for which, at in _WHEN.items()},
        **{f"heard_{which}_db": Measure(f"Cochleagram{at}, off", "dB", 2) for which, at in _WHEN.items()},
        **{f"t30_off_{which}": Measure(f"T30 by octave{at}, off", "%", 1) for which, at in _WHEN.items()},
        "loop_gain": Measure("Loop gain at most", "", 3),
        "chorus_cents": Measure("Chorus at 1 kHz", "cents", 1),
        "part_delay_ms": Measure("Delay of the line", "ms", 1),
        "part_pitch_hz": Measure("Pitch of the line", "Hz"),
        "part_loss_db": Measure("Lost each time round", "dB", 1),
        "audible_percent": Measure("Heard of the picture", "%"),
        **{f"echoes_{which}": Measure(f"Echo density at 0.1 s{at}", "", 2) for which, at in _WHEN.items()},
    }
    key_controls = ("n.lines", "t.goal", "t.rate")
    experiment = "t.goal"
    controls_of: ClassVar[dict[str, tuple[str, ...]]] = {"fit": ("n.lines", "t.goal", "t.target")}
    has_another_ear = True

    def __init__(self) -> None:
        self.run: TrainingRun | None = None
        #: What the run was set to and what came of it; and the same of those before it.
        self.record: Record | None = None
        self.earlier: list[Record] = []
        #: What the run was made by: a pool's worker makes the same one.
        self.plan: TrainingPlan | None = None
        self._run_key: Hashable = None
        self._run_number = self._runs = 0
        super().__init__()

    # ------------------------------------------------------------------ the run

    def reconcile(self, changed: Iterable[str]) -> list[str]:
        """Fit the settings to the goal, the network to the room that it is to match, and end a run that they end."""
        notes = []
        changed = set(changed)
        training = self.training
        if "t.goal" in changed:
            for name, value in self.goal.sets.items():
                if f"t.{name}" not in changed:
                    setattr(training, name, value)
        notes += self.shape_decay(changed)
        if self.goal.room and {"t.goal", "t.target", "t.uploads", "n.fs", "n.decay"} & changed:
            notes += self.fit_to_room(changed)
        if self.run is not None:
            if "t.rate" in changed:
                self.run.lr = float(training.rate)
                if self.record is not None and self.run.state != "finished":
                    self.record.settings["t.rate"] = float(training.rate)
            if "t.steps" in changed and self.run.state != "finished":
                self.run.max_steps = max(int(training.steps), self.run.steps_run)
        notes += self.change_part(changed)
        notes += self.forget_fit()
        if self.run is not None and self._run_key != self.run_key():
            self.discard()
            notes.append("The settings changed: training starts again from the new network.")
        self.show_part()
        return notes

    def run_key(self) -> tuple[Hashable, ...]:
        """Return what a run cannot change under way: of the settings only those that its loss depends on."""
        fixed = self._fixed()
        chosen = tuple(value for key, value in self.values().items() if key in fixed)
        return (*chosen, self.training.uploads if self.goal.room else None)

    def _fixed(self) -> set[str]:
        """Return the keys of the settings that a run, or a fit, cannot change under way."""
        goal = self.goal
        if goal.fits:
            return {*FIT_KEYS}
        idle = {"t.rate", "t.steps", "t.watched", "n.own" if self.network.delays != "own" else "n.lines"}
        if not goal.bins:
            idle |= {"t.nfft"}
        if not goal.bins or goal.room:
            idle |= {"n.lossless"}
        if not goal.bins or self.lossless:
            idle |= {"n.rt", "n.rt_high", "n.decay", *DECAY_KEYS, *TONE_KEYS}
        elif self.by_octave:
            idle |= {"n.rt", "n.rt_high"}
        else:
            idle |= set(DECAY_KEYS)
        if not goal.room:
            idle |= {"t.target", "t.direct"}
        parts = "ntdqe" if goal.depends_on_ear else "ntdq"
        return {key for key in self.fields if key[0] in parts and key not in idle}

    @property
    def unsaved(self) -> bool:
        """Whether a network has been trained or fitted, which no link brings back."""
        return self.fit is not None or (self.run is not None and self.run.steps_run > 0)

    def loses(self, values: Mapping[str, Any]) -> str:
        """Return what becomes of a trained network if these settings, or with "t.uploads" another room, are set."""
        if not self.unsaved:
            return ""
        fixed = self._fixed()
        changed = {
            key for key, value in self.renamed(values).items() if key in fixed and self._differs(key, value)
        }
        if not changed and "t.uploads" not in values:
            return ""
        what = self.fields[next(iter(changed))].parameter.label if len(changed) == 1 else ""
        cause = f"With another “{what}”" if what else "With other settings"
        if self.run is None:
            return f"{cause} the fitted network is lost."
        return f"{cause} training starts anew: the network trained for {self.run.steps_run} steps is lost."

    def _differs(self, key: str, value: Any) -> bool:
        try:
            return bool(self.fields[key].parse(value) != self.fields[key].value)
        except (ValueError, TypeError):  # it will be refused
            return False

    def prepare(self, asked: Hashable = None) -> list[str]:
        """Make a run for the present settings, if there is none; return what is to be said.

        Parameters
        ----------
        asked : hashable, optional
            The `run_key` of the moment in which a person asked for it.

        Raises
        ------
        ValueError
            When the settings do not make a run, or are others by now: the sentence says what to do.
        """
        if self.run is not None:
            return []
        key = self.run_key()
        if asked not in (None, key):
            raise ValueError(_CHANGED)
        target = self.target
        if self.goal.room and target is None:
            raise ValueError(NO_ROOM)
        if not any(self.trained().values()):
            raise ValueError("Nothing is trained: tick the feedback matrix, the input or the output gains.")
        plan = self.new_plan()
        run, warned = plan.run_and_warnings()
        if key != self.run_key():
            raise ValueError(_CHANGED)
        self.run, self.plan, self._run_key, self._run_number = run, plan, key, next(_RUNS)
        self._runs += 1
        self.record = Record(self._runs, self.training.goal, self.values())
        return [words.warning(each) for each in warned]

    def beginning_key(self) -> Hashable:
        """Return what the beginning of a training follows from."""
        return (self.run_key(), self.display.view)

    @depends_on(beginning_key)
    def beginning(self) -> Beginning:
        """Return what training the network of the start begins with; nothing where no run can be made of it."""
        if self.goal.fits or (self.goal.room and self.target is None):
            return Beginning()
        plan = self.new_plan()
        # The losses of the other one are those after a step.
        plan = replace(plan, settings={**plan.settings, "optimizer": "adam"})
        try:
            with torch.enable_grad():
                run, _ = plan.run_and_warnings()
                shares = run.gradient_shares() if self.display.view == "ear" else {}
                run.step_for(lambda: False)  # warns of nothing: what a run warns of is said when it begins
        except (ValueError, FloatingPointError):
            return Beginning()
        return Beginning(*run.losses(), shares)

    def more(self) -> int:
        """Return how many steps are added to a run that has ended: up to the number set, or as many again."""
        done = 0 if self.run is None else self.run.steps_run
        steps = int(self.training.steps)
        return steps - done if steps > done else steps

    def discard(self) -> None:
        """End the run, if there is one: the network is that of the start again, of the run a curve and a row remain."""
        if self.run is None:
            return
        self.run.stop()
        if self.run.steps_run and self.record is not None:
            self.record.follow(self.run)
            self.earlier = [*self.earlier, self.record][-MOST:]
        self.run = self.plan = self.record = None

    def forget(self) -> None:
        """Forget the runs before this one."""
        self.earlier = []

    def records(self) -> list[Record]:
        """Return the runs before this one, and this one."""
        if self.run is None or self.record is None or not self.run.steps_run:
            return list(self.earlier)
        self.record.follow(self.run)
        return [*self.earlier, self.record]

    def runs(self) -> Table | None:
        """Return a table of the runs, or of what a fit has reached; None where none is over yet."""
        if self.goal.fits:
            return None if self.fit is None or self.fit.result is None else words.fit_table(self.fit.result)
        labels = {key: entry.parameter.label for key, entry in self.fields.items() if key[0] in "ntedq"}
        return table_of(self.records(), labels) if self.earlier else None

    # ------------------------------------------------------------------ what is there now

    @property
    def busy(self) -> bool:
        """Whether a step is being done, or about to be, or a room being fitted."""
        return self.fitting or (self.run is not None and not self.run.join(0))

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
            return self.start if self.fit is None else self.fit.build
        return replace(snapshot.build, filters=self.start.filters, post_eq=self.start.post_eq)

    def moment(self, snapshot: Snapshot | None) -> Hashable:
        """Return what tells one state of a network from another."""
        run = None if snapshot is None else (self._run_number, snapshot.step)
        return (self.start_key(), run, None if self.fit is None else self.fit.number)

    def has_changed(self, snapshot: Snapshot | None) -> bool:
        """Whether the network is another one than that of the start."""
        return self.fit is not None or (snapshot is not None and snapshot.step > 0)

    def decay(self, build: FDNBuild) -> Decay:
        """Return an impulse response, its decay and its echo density."""
        return findings.decay_of(fdn.render(findings.one_output(build), self.length), self.fs)

    @depends_on(FdnFitting.start_key)
    def start_decay(self) -> Decay:
        """Return decay and echo density of the network before training."""
        return self.decay(self.start)

    @depends_on(FdnFitting.room_key)
    def room_decay(self) -> Decay | None:
        """Return decay and echo density of the room to match."""
        return None if self.target is None else findings.decay_of(self.target, self.fs)

    @depends_on(FdnFitting.room_key)
    def room_analysis(self) -> Analysis | None:
        """Return the room's reverberation times."""
        if self.target is None:
            return None
        return findings.room_analysis(self.target, self.fs, *self.room_times())

    @depends_on(FdnFitting.start_key)
    def start_analysis(self) -> Analysis:
        """Return the slow findings on the network before training."""
        return self.analysis(self.start, self.start_decay(), "start")

    def analysis(self, build: FDNBuild, decay: Decay | None = None, which: str = "now") -> Analysis:
        """Return the slow findings on a network, and how far it is from the room if there is one."""
        build = findings.one_output(build)
        bare = findings.bare(build)  # other times of decay have the same colour
        shared = which == "start" and not self.is_private
        coloured = self.stage(f"colour of {which}", bare, lambda: findings.colour(bare), shared=shared)
        found, room = self.room_analysis(), self.target
        response = (decay or self.decay(build)).response
        times = None if found is None else (found.centres, found.t30)
        return findings.analysis(coloured, response, self.fs, room, times)

    # ------------------------------------------------------------------ what an ear makes of it

    def ear_key(self) -> Hashable:
        """Return what the pictures of the ear follow from, besides the network."""
        return (self.start_key(), *self.key_of("e."))

    def representation(self, build: FDNBuild) -> Representation:
        """Return what the ear makes of a network: as loud as beside the room, or as beside that of the start."""
        build = findings.one_output(build)
        room, response = self.target, self.decay(build).response
        reference = self.start_decay().response if room is None else room
        # Colour is seen without the decay, which smooths it; a match is heard as it is.
        colour = findings.magnitudes(build, findings.LIVE) if room is None else findings.spectrum(response)
        return ear.represent(response, colour, self.fs, self.ear, reference)

    @depends_on(ear_key)
    def start_representation(self) -> Representation:
        """Return what the ear makes of the network before training."""
        return self.representation(self.start)

    @depends_on(ear_key, shared=False)
    def room_representation(self) -> Representation | None:
        """Return what the ear makes of the room to match."""
        room = self.target
        if room is None:
            return None
        return ear.represent(room, findings.spectrum(room), self.fs, self.ear, room)

    # ------------------------------------------------------------------ one part of it

    @property
    def chosen(self) -> tuple[int, int]:
        """The line that is looked at and the one that it feeds, from 1; 0 for none."""
        lines = len(self.delays or ()) or int(self.network.lines)
        line, into = int(self.part.line), int(self.part.into)
        return (line, into if into <= lines else 0) if 0 < line <= lines else (0, 0)

    def show_part(self) -> None:
        """Let the controls of a part show the network before training."""
        line, into = self.chosen
        if not line:
            return
        try:
            plain = self.plain
        except ValueError:  # there is no such network; the page says why
            return
        found: dict[str, float] = (
            {"weight": float(plain.A[into - 1, line - 1])}
            if into
            else {
                "delay": int(plain.delays[line - 1]),
                "input": float(plain.B[line - 1, 0]),
                "output": float(plain.C[0, line - 1]),
            }
        )
        self.part.param.update(**{name: round(value, 3) for name, value in found.items()})

    def change_part(self, changed: set[str]) -> list[str]:
        """Change the network before training as the controls of a part say; return what is to be said."""
        moved = {name: getattr(self.part, name) for name in _PARTS if f"x.{name}" in changed}
        if not moved:
            return []
        line, into = self.chosen
        if not line:
            return ["Choose a line first: click on it in the picture of the network."]
        if self.fit is not None:
            return ["This network is fitted. Start again first, to change the parts of the one before."]
        if self.run is not None and self.run.steps_run:
            return ["This network is trained. Start again first, to change its parts by hand."]
        network = self.network
        for name, value in moved.items():
            if name == "delay":
                try:
                    delays = [int(each) for each in self.plain.delays]
                    delays[line - 1] = int(value)
                    network.param.update(delays="own", own=checked_delays(",".join(map(str, delays))))
                except ValueError as problem:
                    return [str(problem)]
                continue
            kind, source = _PARTS[name], line if name == "weight" else 0
            change = (kind, into if name == "weight" else line, source, float(value))
            network.param.update(changes=write_changes([*read_changes(network.changes), change]))
        return []

    def heard(self, snapshot: Snapshot | None, which: str = "now") -> FDNBuild:
        """Return the network of a snapshot as it is played: all of it with its motion, or a part alone, at rest."""
        build = self.now(snapshot)
        return parts.alone(build, *self.chosen) if which == "part" else self.moving(build)

    def stability(self, snapshot: Snapshot | None) -> Stability:
        """Return what is certain about the loop of what is heard."""
        return fdn.stability(self.heard(snapshot)) if self.has_changed(snapshot) else self.start_stability()

    @depends_on("m.", FdnFitting.start_key)
    def start_stability(self) -> Stability:
        """Return what is certain about the loop before training."""
        return fdn.stability(self.heard(None))

    def chorus(self, snapshot: Snapshot | None) -> float:
        """Return the expected chorus of what is heard, at 1 kHz, in cents."""
        return fdn.expected_chorus(self.heard(snapshot))

    # ------------------------------------------------------------------ sound, words

    def played(self, which: str) -> torch.Tensor:
        """Return the sound to hear through the network at the start, through the present one or the part of it that is
        looked at, or in the room.
        """
        source, tail, room = str(self.display.source), self.tail, self.target
        if which == "room":
            if room is None:
                raise ValueError("There is no room: choose a goal that matches one.")
            return listening.in_room(room if self.pair is None else self.pair, source, tail, self.fs)
        if which == "start":
            return self.stage(
                "played start",
                (self.start_key(), self.key_of("m."), source),
                lambda: listening.through(self.moving(self.start), source, tail),
            )
        snapshot = self.snapshot
        if which == "part" and parts.is_silent(self.heard(snapshot, which)):
            raise ValueError("This part is silent: give its lines input and output gains other than 0.")
        heard = self.key_of(*(("x.line", "x.into") if which == "part" else ("m.",)))
        return self.stage(
            f"played {which}",
            (self.moment(snapshot), source, heard),
            lambda: listening.through(self.heard(snapshot, which), source, tail),
        )

    def summary(self) -> str:
        """Describe in one line what is there, for the page and for a screen reader."""
        if self.goal.fits:
            return words.fit_summary(int(self.network.lines), self.fit, fits_now=self.fitting)
        return words.summary(self.start, self.run, self.fs)

    def differences(self, found: Mapping[str, Analysis], heard: Mapping[str, Decay]) -> str:
        """Say what training has changed, from analyses and soundings of "start" and "now"."""
        return words.differences(found, heard, room=self.goal.room)

    def code(self) -> str:
        """Return a script that trains the same network in the same way."""
        if self.goal.fits:
            return fit_script(self)
        return script(self, went_on=self.run is not None and self.run.max_steps > self.training.steps)
