"""State and numbers of the perception lab: a sound, stage by stage through a model, and what tells two sounds apart."""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
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
from app.lab import LabModel, Section, depends_on
from app.labs.perception.chain import (
    ADAPTS,
    CASP,
    FACTOR,
    FS,
    RATES,
    SLOW,
    Array,
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
        Section("Model", ("m.",)),
        Section("Stages", ("h.", "a.", "f.")),
        Section("Two sounds", ("c.",)),
        Section("Close-up", ("v.",)),
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

    def _sound_key(self, which: str = "first") -> tuple[Hashable, ...]:
        """Return what a sound depends on: only the second one, and the clear one, on the change."""
        return self.key_of("s.") if which == "first" else self.key_of("s.", "c.")

    def _values(self) -> float:
        """Return how many numbers a stage has of all channels."""
        return float(self.chain.channels * FS * self.stimulus.duration)

    @depends_on(_sound_key)
    def sound(self, which: str = "first") -> Tensor:
        """Return the first sound, the second one, or the clear one of the template, in Pa, shape ``(T,)``."""
        x = self.stimulus.render(FS)
        return x if which == "first" else second(x, self.change, clear=which == "clear")

    @depends_on("m.", shared=False)
    def _published(self) -> Own:
        return own(self.chain, self._channels())

    @depends_on("m.", "h.", "a.", "f.", "hl.", shared=False)
    def model(self) -> PerceptionModel:
        """Return the model with its stages as they are set."""
        return self._as_set(self._published(), self._loss())

    def _as_set(self, published: Own, loss: HairCellLoss | None) -> PerceptionModel:
        return set_stages(published, self.chain, self.cells, self.adaptation, self.modulation, loss)

    def _channels(self) -> Tensor:
        return torch.from_numpy(self.fc())

    def _loss(self) -> HairCellLoss | None:
        """Return the loss of the ear at the channels."""
        return self.another_ear.loss(self._channels())

    @depends_on("m.model", "m.channels", shared=False)
    def fc(self) -> Array:
        """Return the channels' centre frequencies in Hz."""
        return centres(self.chain.model, int(self.chain.channels)).numpy()

    @depends_on(_sound_key, "m.", "hl.", values=_values)
    def moved(self, which: str = "first") -> Tensor:
        """Return the motion of the channels, shape ``(F, T)``."""
        return self.model().basilar_membrane(self.sound(which))[1]

    @depends_on(_sound_key, "m.", "h.", "hl.", values=_values)
    def followed(self, which: str = "first") -> Tensor:
        """Return the hair cells' output, shape ``(F, T)``."""
        return self.model().hair_cell(self._passed_on(self.moved(which), self._loss()))

    def _passed_on(self, moved: Tensor, loss: HairCellLoss | None) -> Tensor:
        """Return what moves the hair cells: the motion, but for what inner ones that are lost do not take up."""
        if loss is None:
            return moved
        return moved * (10 ** (-before_cells(self.chain, loss) / 20))[:, None].to(moved.dtype)

    @depends_on(_sound_key, "m.", "h.", "a.", "hl.", values=_values)
    def adapted(self, which: str = "first") -> Tensor:
        """Return the adapted activity, shape ``(F, T)``."""
        return self.model().adapted(self.followed(which))

    @depends_on(_sound_key, "m.", "h.", "a.", "f.", "hl.", values=lambda lab: 12 / FACTOR * lab._values())
    def internal(self, which: str = "first") -> Tensor:
        """Return the internal representation, shape ``(F, M, S)``, at `SLOW`."""
        model = self.model()
        # King et al. resample behind their filters, which here are slow already
        return model.modulation(Downsampling(FACTOR, model.dtype)(self.adapted(which)))

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
            "moved": seen.motion,
            "cells": seen.cells,
            "adapted": seen.adapted,
            "sorted": self.sorted,
            **({"difference": self.difference} if self.compares else {}),
        }

    @depends_on("s.", "c.", "m.", "h.", "a.", "f.", "hl.")
    def _from_worker(self) -> Mapping[str, Any]:
        assert self.elsewhere is not None
        return self.elsewhere(self)

    def _seen(self, name: str, make: Callable[[], Any]) -> Any:
        """Return one of the results that are shown: made here, or where all of them are heavy together by a worker."""
        return self._from_worker()[name] if self.elsewhere is not None and self.is_heavy else make()

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
            self.stage(
                f"picture {name}",
                self.key_of("s.", "m.", "hl.", *parts),
                partial(self._seen, name, make),
                shared=True,
            )
            for name, parts, make in (
                ("moved", (), lambda: means(self.moved().square()).sqrt().numpy()),
                ("cells", ("h.",), lambda: means(self.followed()).numpy()),
                ("adapted", ("h.", "a."), lambda: means(self.adapted()).numpy()),
            )
        )
        count = moved.shape[1]
        return Pictures((np.arange(count) + 0.5) * self.duration / count, moved, cells, adapted)

    @property
    @depends_on("s.", "m.", "h.", "a.", "f.", "hl.")
    def sorted(self) -> Sorted:
        """The internal representation of the first sound, for pictures."""
        found: Sorted = self._seen("sorted", self._sorted)
        return found

    def _sorted(self) -> Sorted:
        found = self.internal()
        length = math.ceil(found.shape[-1] / (MOMENTS // 4))
        parts = found[..., : found.shape[-1] // length * length].unflatten(-1, (-1, length))
        moments = parts.abs().mean(-1).movedim(-1, 0)
        whole = found.square().mean(-1).sqrt()
        return Sorted(self.rates(), moments.numpy(), whole.numpy())

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
        if self.elsewhere is not None and self.is_heavy:
            return self._one_channel()
        return self.moved()[self.channel], self.followed()[self.channel]

    @depends_on("s.", "m.", "h.", "hl.", lambda lab: lab.channel)
    def _one_channel(self) -> tuple[Tensor, Tensor]:
        fc = self._channels()[[self.channel]]
        loss = self.another_ear.loss(fc)
        model = self._as_set(own(self.chain, fc), loss)
        moved = model.basilar_membrane(self.sound())[1]
        return moved[0], model.hair_cell(self._passed_on(moved, loss))[0]

    @property
    def meeting(self) -> Meeting:
        """What adaptation makes of a step, or of clicks."""
        return self._meeting("clicks" if self.probe.experiment == "clicks" else "step")

    @depends_on("m.", "a.")
    def _meeting(self, what: str) -> Meeting:
        return meet(self.model(), what)

    @property
    @depends_on("m.", "a.")
    def fluctuations(self) -> Array:
        """How strongly adapted activity fluctuates with modulation of each of `RATES`, rms in model units."""
        return fluctuation(self.model()).numpy()

    @property
    def compares(self) -> bool:
        """Whether there is a second sound."""
        return bool(self.change.kind != "none")

    @property
    def decides(self) -> bool:
        """Whether the observer of the models with adaptation loops can tell the two sounds apart."""
        return self.compares and self.chain.model in ADAPTS

    @property
    @depends_on("s.", "c.", "m.", "h.", "a.", "f.", "hl.")
    def difference(self) -> Difference:
        """What tells the second sound from the first."""
        found: Difference = self._seen("difference", self._difference)
        return found

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
        difference = self.difference if self.decides else None
        _, _, cells = self.close
        mean = float(cells.mean())
        return {
            "d_prime": difference.d_prime if difference else math.nan,
            "percent_correct": 100.0 * difference.correct if difference else math.nan,
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
        difference = self.difference
        return (
            f"{heard} The second sound is told from the first with d′ = {difference.d_prime:.2f}: right in "
            f"{100 * difference.correct:.0f} % of trials with {INTERVALS} intervals."
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
