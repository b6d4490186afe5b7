"""State and numbers of the perception lab: a sound, stage by stage through a model, and what tells two sounds apart."""

import math
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from amtlib.hearing_loss import HairCellLoss
from amtlib.perception import (
    ModulationFilterbank,
    PerceptionModel,
    band_correlations,
    decision_variable,
    probability_correct,
    region_of_interest,
    template,
)
from amtlib.perception.decision import VARIANCE
from amtlib.perception.downsampling import Downsampling
from app.lab import LabModel, Section
from app.labs.perception.chain import (
    ADAPTS,
    CASP,
    FACTOR,
    FS,
    RATES,
    SLOW,
    Meeting,
    Own,
    before_cells,
    centres,
    fluctuation,
    meet,
    own,
    second,
    set_stages,
)
from app.labs.perception.results import INTERVALS, MOMENTS, Difference, Pictures, Sorted, means
from app.labs.perception.script import script
from app.labs.perception.settings import Adaptation, Cells, Chain, Change, Modulation, Probe
from app.lessons import Measure, load_lessons
from app.stimulus import Stimulus

Array = np.ndarray[Any, Any]

#: Longest sound in s.
LONGEST = 2
#: How much of a channel is drawn close up, s.
CLOSE = 0.03
#: Highest frequency of a tone in Hz.
_HIGHEST = 9000.0
#: Channels times seconds of sound above which a worker computes a picture (`app.heavy`): with the dearest model a
#: channel takes 4 to 5 ms a second, so that this takes 0.2 s.
HEAVY = 40.0
#: Values that a setting has in a model of its own kind.
_OWN_LIMIT, _OWN_Q = {"osses2021": 5.0}, {"king2019": 1.0}


class PerceptionLabModel(LabModel):
    """The perception lab without its page.

    Examples
    --------
    >>> lab = PerceptionLabModel()
    >>> lab.update({"s.kind": "am", "s.modulation": 16, "s.duration": 1})
    []
    >>> round(lab.measures()["strongest_modulation_hz"], 1)
    16.7
    """

    sections: ClassVar[tuple[Section, ...]] = (
        Section("Sound", Stimulus.keys("s")),
        Section("Model", ("m.model", "m.subject", "m.channels")),
        Section(
            "Stages",
            (
                *("h.cutoff", "a.preset", "a.speed", "a.limited", "a.limit", "a.least_db"),
                *("f.q", "f.top"),
            ),
        ),
        Section(
            "Two sounds",
            ("c.kind", "c.step_db", "c.frequency", "c.level", "c.rate", "c.depth_db"),
        ),
        Section("Close-up", ("v.experiment", "v.frequency", "v.time")),
    )
    lessons = load_lessons(Path(__file__).with_name("lessons.yaml"))
    quantities: ClassVar[dict[str, Measure]] = {
        "d_prime": Measure("d′", "", 2),
        "percent_correct": Measure("Right answers", "%", 0),
        "strongest_modulation_hz": Measure("Strongest modulation of the channel", "Hz", 1),
        "locking_percent": Measure("Swing of the hair cells, against their mean", "%", 0),
        "onset": Measure("Largest output at the onset", "model units", 0),
        "settled": Measure("Output at the end of the step", "model units", 0),
        "overshoot": Measure("Onset over what it settles at", "times", 1),
        "undershoot": Measure("Least output after the step", "model units", 0),
        "strongest_rate_hz": Measure("Rate that comes through best", "Hz", 0),
        "slow_lost_db": Measure("Modulation of 2 Hz is weaker than the best by", "dB", 1),
    }
    has_another_ear = True
    key_controls = ("s.level", "h.cutoff", "f.q")
    defaults: ClassVar[dict[str, Any]] = {"s.duration": 0.5}
    conditions: ClassVar[dict[str, dict[str, list[Any]]]] = {
        "m.subject": {"m.model": [*CASP]},
        **{f"a.{name}": {"m.model": [*ADAPTS]} for name in ("preset", "speed", "limited", "least_db")},
        "a.limit": {"m.model": [*ADAPTS], "a.limited": [True]},
        "c.step_db": {"c.kind": ["level"]},
        "c.frequency": {"c.kind": ["tone"]},
        "c.level": {"c.kind": ["tone"]},
        "c.rate": {"c.kind": ["am"]},
        "c.depth_db": {"c.kind": ["am"]},
    }
    kept_when: ClassVar[dict[str, dict[str, list[Any]]]] = {
        "a.limit": {"m.model": [*_OWN_LIMIT]},
        "f.q": {"m.model": [*_OWN_Q]},
    }

    def __init__(self) -> None:
        self.stimulus = Stimulus(highest_frequency=_HIGHEST, rates=(FS,))
        # Of this object alone: what comes later is a matter of the whole sound at once.
        self.stimulus.param["duration"].bounds = (0.05, LONGEST)
        self.chain, self.cells, self.adaptation = Chain(), Cells(), Adaptation()
        self.modulation, self.change, self.probe = Modulation(), Change(), Probe()
        super().__init__(
            {
                "s": self.stimulus,
                "m": self.chain,
                "h": self.cells,
                "a": self.adaptation,
                "f": self.modulation,
                "c": self.change,
                "v": self.probe,
            }
        )

    def reconcile(self, changed: Iterable[str]) -> list[str]:
        """Take the limit of onsets and the Q that a model has, when another one is chosen."""
        changed, model = {*changed}, self.chain.model
        if "m.model" in changed:
            if "a.limit" not in changed:
                self.adaptation.limit = _OWN_LIMIT.get(model, 10.0)
            if "f.q" not in changed:
                self.modulation.q = _OWN_Q.get(model, 2.0)
        return []

    # ------------------------------------------------------------------ the stages of the model

    def _sound_key(self, which: str) -> tuple[Hashable, ...]:
        more = () if which == "first" else (which, *self.key_of("c."))
        return (*self.stimulus.key(), *more)

    def _up_to(self, which: str, *parts: str) -> tuple[Hashable, ...]:
        """Return the key of a stage that these settings lead up to."""

        def key() -> tuple[Hashable, ...]:
            return (*self._sound_key(which), *self.key_of("m.", *parts), *self.another_ear.key())

        return self.kept_key((which, *parts), key)

    def _values(self, per_channel: float) -> float:
        """How many numbers a stage has of all channels."""
        return float(self.chain.channels * FS * self.stimulus.duration * per_channel)

    def sound(self, which: str = "first") -> Tensor:
        """Return the first sound, the second one, or the clear one of the template, in Pa, shape ``(T,)``."""

        def make() -> Tensor:
            x = self.stimulus.render(FS)
            return x if which == "first" else second(x, self.change, clear=which == "clear")

        return self.stage(f"sound {which}", self._sound_key(which), make, shared=True)

    def model(self) -> PerceptionModel:
        """Return the model with its stages as they are set."""
        published = self.stage("published", self.key_of("m."), lambda: own(self.chain, self._channels()))
        key = (*self.key_of("m.", "h.", "a.", "f."), *self.another_ear.key())
        return self.stage("model", key, lambda: self._as_set(published, self._loss()))

    def _as_set(self, published: Own, loss: HairCellLoss | None) -> PerceptionModel:
        return set_stages(published, self.chain, self.cells, self.adaptation, self.modulation, loss)

    def _channels(self) -> Tensor:
        return torch.from_numpy(self.fc())

    def _loss(self) -> HairCellLoss | None:
        """Return the loss of the ear at the channels."""
        return self.another_ear.loss(self._channels())

    def fc(self) -> Array:
        """Return the channels' centre frequencies in Hz."""
        return self.stage(
            "fc",
            self.key_of("m.model", "m.channels"),
            lambda: centres(self.chain.model, int(self.chain.channels)).numpy(),
        )

    def moved(self, which: str = "first") -> Tensor:
        """Return the motion of the channels, shape ``(F, T)``."""
        return self.stage(
            f"moved {which}",
            self._up_to(which),
            lambda: self.model().basilar_membrane(self.sound(which))[1],
            shared=True,
            values=self._values(1),
        )

    def followed(self, which: str = "first") -> Tensor:
        """Return the hair cells' output, shape ``(F, T)``."""
        return self.stage(
            f"cells {which}",
            self._up_to(which, "h."),
            lambda: self.model().hair_cell(self._passed_on(self.moved(which), self._loss())),
            shared=True,
            values=self._values(1),
        )

    def _passed_on(self, moved: Tensor, loss: HairCellLoss | None) -> Tensor:
        """Return what moves the hair cells: the motion, but for what inner ones that are lost do not take up."""
        if loss is None:
            return moved
        return moved * (10 ** (-before_cells(self.chain, loss) / 20))[:, None].to(moved.dtype)

    def adapted(self, which: str = "first") -> Tensor:
        """Return the adapted activity, shape ``(F, T)``."""
        return self.stage(
            f"adapted {which}",
            self._up_to(which, "h.", "a."),
            lambda: self.model().adapted(self.followed(which)),
            shared=True,
            values=self._values(1),
        )

    def internal(self, which: str = "first") -> Tensor:
        """Return the internal representation, shape ``(F, M, S)``, at `SLOW`."""

        def make() -> Tensor:
            model = self.model()
            # King et al. resample behind their filters, which here are slow already
            return model.modulation(Downsampling(FACTOR, model.dtype)(self.adapted(which)))

        return self.stage(
            f"internal {which}",
            self._up_to(which, "h.", "a.", "f."),
            make,
            shared=True,
            values=self._values(12 / FACTOR),
        )

    # ------------------------------------------------------------------ what is shown

    @property
    def is_heavy(self) -> bool:
        """Whether the present state takes long to compute, see `HEAVY`."""
        sounds = 3 if self.decides else 2 if self.compares else 1
        return float(self.chain.channels * self.stimulus.duration * sounds) > HEAVY

    def heavy(self) -> dict[str, Any]:
        """Return all that figures and words need of whole sounds in all channels, by the names of the stages."""
        seen = self.pictures
        return {
            "picture moved": seen.motion,
            "picture cells": seen.cells,
            "picture adapted": seen.adapted,
            "sorted": self.sorted,
            **({"difference": self.difference} if self.compares else {}),
        }

    def _seen(self, name: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return one of the results that are shown: made here, or where all of them are heavy together by a worker."""

        def made() -> Any:
            if self.elsewhere is None or not self.is_heavy:
                return make()
            elsewhere, whole = self.elsewhere, self._up_to("second", "h.", "a.", "f.")
            return self.stage("heavy", whole, lambda: elsewhere(self), shared=True)[name]

        return self.stage(name, key, made, shared=True)

    @property
    def duration(self) -> float:
        """Length of the sound in s."""
        return len(self.sound()) / FS

    @property
    def channel(self) -> int:
        """Index of the channel that is looked at."""
        return int(np.abs(np.log(self.fc() / self.probe.frequency)).argmin())

    @property
    def pictures(self) -> Pictures:
        """What the pictures over time show."""
        moved, cells, adapted = (
            self._seen(f"picture {name}", key, make)
            for name, key, make in (
                ("moved", self._up_to("first"), lambda: means(self.moved().square()).sqrt().numpy()),
                ("cells", self._up_to("first", "h."), lambda: means(self.followed()).numpy()),
                ("adapted", self._up_to("first", "h.", "a."), lambda: means(self.adapted()).numpy()),
            )
        )
        count = moved.shape[1]
        return Pictures((np.arange(count) + 0.5) * self.duration / count, moved, cells, adapted)

    @property
    def sorted(self) -> Sorted:
        """The internal representation of the first sound, for pictures."""

        def make() -> Sorted:
            found = self.internal()
            length = math.ceil(found.shape[-1] / (MOMENTS // 4))
            parts = found[..., : found.shape[-1] // length * length].unflatten(-1, (-1, length))
            moments = parts.abs().mean(-1).movedim(-1, 0)
            whole = found.square().mean(-1).sqrt()
            return Sorted(self.rates(), moments.numpy(), whole.numpy())

        return self._seen("sorted", self._up_to("first", "h.", "a.", "f."), make)

    def rates(self) -> Array:
        """Return the centre frequencies of the modulation filters in Hz, shape ``(M,)``."""
        return np.asarray(self.model().modulation.mfc.detach().numpy())

    @property
    def moment(self) -> float:
        """The moment that is looked at, within the sound, s."""
        return min(float(self.probe.time), self.duration)

    @property
    def now(self) -> Array:
        """Magnitude in each channel and band at the moment that is looked at, shape ``(F, M)``."""
        return self.sorted.moments[self.moment_number]

    @property
    def moment_number(self) -> int:
        """The number of the moment that is looked at, among those of `Sorted`."""
        count = len(self.sorted.moments)
        return min(int(self.moment / self.duration * count), count - 1)

    @property
    def heard_bands(self) -> Array:
        """Which modulation filters the channel that is looked at has, shape ``(M,)``, bool."""
        filters = self.model().modulation
        if isinstance(filters, ModulationFilterbank):
            return filters.present[self.channel].numpy()
        return np.ones(len(self.rates()), dtype=bool)

    @property
    def close(self) -> tuple[Array, Array, Array]:
        """Times in s, motion and hair-cell output of the channel around the moment, each relative to its largest."""
        first = min(
            max(round((self.moment - CLOSE / 2) * FS), 0), max(len(self.sound()) - round(CLOSE * FS), 0)
        )
        window = slice(first, first + round(CLOSE * FS))
        moved, cells = (x[window].numpy() for x in self._channel_alone())
        times = (first + np.arange(len(moved))) / FS
        return times, moved / (np.abs(moved).max() or 1.0), cells / (np.abs(cells).max() or 1.0)

    def _channel_alone(self) -> tuple[Tensor, Tensor]:
        """Return motion and hair-cell output of the channel that is looked at, shape ``(T,)`` each.

        Where a worker computes all channels, which are too large to travel, this one is computed here, by itself.
        """
        number = self.channel
        if self.elsewhere is None or not self.is_heavy:
            return self.moved()[number], self.followed()[number]

        def make() -> tuple[Tensor, Tensor]:
            fc = self._channels()[number : number + 1]
            loss = self.another_ear.loss(fc)
            model = self._as_set(own(self.chain, fc), loss)
            moved = model.basilar_membrane(self.sound())[1]
            return moved[0], model.hair_cell(self._passed_on(moved, loss))[0]

        return self.stage("channel", (*self._up_to("first", "h."), number), make, shared=True)

    @property
    def meeting(self) -> Meeting:
        """What adaptation makes of a step, or of clicks."""
        what = "clicks" if self.probe.experiment == "clicks" else "step"
        return self.stage(
            f"meeting {what}", self.key_of("m.", "a."), lambda: meet(self.model(), what), shared=True
        )

    @property
    def fluctuations(self) -> Array:
        """How strongly adapted activity fluctuates with modulation of each of `RATES`, rms in model units."""
        key = self.key_of("m.", "a.")
        return self.stage("fluctuations", key, lambda: fluctuation(self.model()).numpy(), shared=True)

    @property
    def compares(self) -> bool:
        """Whether there is a second sound."""
        return bool(self.change.kind != "none")

    @property
    def decides(self) -> bool:
        """Whether the observer of the models with adaptation loops can tell the two sounds apart."""
        return self.compares and self.chain.model in ADAPTS

    @property
    def difference(self) -> Difference:
        """What tells the second sound from the first."""
        return self._seen("difference", self._up_to("second", "h.", "a.", "f."), self._difference)

    def _difference(self) -> Difference:
        first, other = self.internal(), self.internal("second")
        strength = (other - first).square().mean(-1).sqrt().numpy()
        if not (strength.any() and self.decides):
            return Difference(strength, 0.0, 1.0 / INTERVALS)
        model, rates = self.model(), torch.from_numpy(self.rates())
        clear = self.internal("clear")
        channels = region_of_interest(self.adapted("clear") - self.adapted(), FS, model.fc)
        made = template(clear, first, SLOW)
        found = band_correlations(other - first, made, model.fc, rates, channels)
        variable = float(decision_variable(found, torch.zeros_like(found), SLOW))
        version = "jepsen2008" if self.chain.model == "jepsen2008" else "paulick2024"
        correct = float(probability_correct(variable, INTERVALS, version))
        return Difference(strength, variable / math.sqrt(VARIANCE[version]), correct)

    # ------------------------------------------------------------------ words

    def measures(self) -> dict[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        met, found = self.meeting, self.fluctuations
        inside = met.level_db == met.level_db.max()
        onset = float(met.output[inside].max())
        last = int(inside.nonzero()[0][-1])
        settled, after = float(met.output[last]), met.output[last:]
        best = int(found.argmax())
        whole = self.sorted.whole[self.channel]
        told = self.difference if self.decides else None
        _, _, cells = self.close
        mean = float(cells.mean())
        return {
            "d_prime": told.d_prime if told else math.nan,
            "percent_correct": 100.0 * told.correct if told else math.nan,
            "strongest_modulation_hz": float(self.rates()[self._strongest(whole)]),
            "locking_percent": 100.0 * float(cells.std()) / mean if mean > 0.0 else math.nan,
            "onset": onset,
            "settled": settled,
            "overshoot": onset / settled if settled > 0.0 else math.nan,
            "undershoot": float(after.min()),
            "strongest_rate_hz": float(RATES[best]),
            "slow_lost_db": 20.0 * math.log10(found[best] / found[0]),
        }

    def _strongest(self, whole: Array) -> int:
        """Return the band of the strongest modulation, but for the slow drift."""
        first = 1 if self.chain.model in ADAPTS and len(whole) > 1 else 0
        return first + int(whole[first:].argmax())

    def summary(self) -> str:
        """Describe in one line what is seen, for the page and for a screen reader."""
        whole = self.sorted.whole[self.channel]
        frequency = self.fc()[self.channel]
        heard = f"{self.stimulus.summary}. Channel {frequency:.0f} Hz"
        if not whole.any():
            heard += " is silent."
        else:
            heard += f" fluctuates most at {self.rates()[self._strongest(whole)]:.3g} Hz."
        heard += self._lost()
        if not self.decides:
            return heard
        told = self.difference
        return (
            f"{heard} The second sound is told from the first with d′ = {told.d_prime:.2f}: right in "
            f"{100 * told.correct:.0f} % of trials with {INTERVALS} intervals."
        )

    def _lost(self) -> str:
        """Say what the ear's loss is in the channel; nothing, where there is none."""
        if (loss := self._loss()) is None:
            return ""
        whole, outer = (round(float(part[self.channel])) for part in (loss.total, loss.outer))
        if self.chain.model not in CASP:
            return (
                f" The ear’s loss there, {whole} dB, attenuates its motion: this cochlea has no gain to lose."
            )
        return (
            f" Of the ear’s loss there, {whole} dB, {outer} dB are lost gain of outer hair cells "
            f"(at most that of HIx), {whole - outer} dB are due to inner ones."
        )

    def code(self) -> str:
        """Return a script that reproduces the lab's numbers with the present settings."""
        stages = (self.chain, self.cells, self.adaptation, self.modulation)
        return script(self.stimulus, self.another_ear, *stages, self.change)
