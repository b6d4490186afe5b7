"""State and numbers of the cochlea lab: a DRNL channel under test, and the classic experiments on it."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from amtlib import DRNLFilterbank, GammatoneFilterbank, scales, signals
from amtlib.filterbanks.drnl_parameters import parameters_at
from app.lab import LabModel, Section
from app.labs.cochlea import experiments
from app.labs.cochlea.experiments import (
    FS,
    LEVELS,
    Array,
    Cochleagrams,
    Distortion,
    InputOutput,
    Suppression,
    Tuning,
    decibels,
    middle_ear,
    short_time_rms,
)
from app.labs.cochlea.script import script
from app.labs.cochlea.settings import Ear, Test
from app.lessons import Measure, load_lessons
from app.stimulus import Stimulus

#: Samples of all places together that are computed at once: 5 s of 9 places, some 60 MB.
AT_ONCE = 2**21


class CochleaModel(LabModel):
    """The cochlea lab without its page.

    Examples
    --------
    >>> lab = CochleaModel()
    >>> curve = lab.input_output
    >>> bool(curve.slope[4] > 0.8), bool(curve.slope[20] < 0.3)  # at 10 and at 50 dB SPL
    (True, True)
    """

    sections: ClassVar[tuple[Section, ...]] = (
        Section("Experiment", ("t.experiment", "t.cf", "t.level", "t.tone", "t.ratio", "t.channels")),
        Section("Ear", ("e.subject", "e.a_db", "e.b_db", "e.c", "e.g_db", "e.model")),
        Section(
            "Filters of the ear",
            ("e.cf_lin", "e.bw_lin", "e.lp_lin", "e.cf_nlin", "e.bw_nlin", "e.lp_nlin"),
            open=False,
        ),
        Section("Sound", Stimulus.keys("s"), open=False),
    )
    lessons = load_lessons(Path(__file__).with_name("lessons.yaml"))
    quantities: ClassVar[dict[str, Measure]] = {
        "slope_db_per_db": Measure("Slope", "dB per dB", 2),
        "knee_db": Measure("Knee", "dB SPL"),
        "gain_over_linear_db": Measure("Gain over the linear path", "dB", 1),
        "loss_db": Measure("Loss at the level", "dB", 1),
        "strongest_suppression_db": Measure("Strongest suppression", "dB", 1),
        "product_level_db": Measure("Level of the third tone", "dB re 1 µm/s", 1),
    }
    key_controls = ("t.cf", "t.level", "e.a_db")
    conditions: ClassVar[dict[str, dict[str, list[Any]]]] = {
        "t.level": {"t.experiment": ["io", "suppression", "distortion"]},
        "t.tone": {"t.experiment": ["io"]},
        "t.ratio": {"t.experiment": ["distortion"]},
        "t.channels": {"t.experiment": ["cochleagram"]},
    }

    def __init__(self) -> None:
        self.stimulus = Stimulus(rates=(FS,))
        self.ear = Ear()
        self.test = Test()
        super().__init__({"s": self.stimulus, "e": self.ear, "t": self.test})

    # ------------------------------------------------------------------ the ear under test

    def factors(self) -> dict[str, float]:
        """Return what the ear's settings multiply the DRNL's usual parameters with, by the parameter's name."""
        ear = self.ear
        wanted = {
            "CF_lin": ear.cf_lin,
            "BW_lin_norm": ear.bw_lin,
            "LP_lin_cutoff": ear.lp_lin,
            "g": 10 ** (ear.g_db / 20),
            "CF_nlin": ear.cf_nlin,
            "BW_nlin_norm": ear.bw_nlin,
            "LP_nlin_cutoff": ear.lp_nlin,
            "a": 10 ** (ear.a_db / 20),
            "b": 10 ** (ear.b_db / 20),
            "c": ear.c / 0.25,
        }
        return {name: float(factor) for name, factor in wanted.items() if factor != 1}

    def bank(self, fc: Array | list[float], dtype: torch.dtype = torch.float64) -> DRNLFilterbank:
        """Return the ear under test at given places."""
        places = torch.as_tensor(np.asarray(fc, dtype=float))
        values = parameters_at(places, self.ear.subject).scaled(**self.factors())
        return DRNLFilterbank(
            places, FS, subject=self.ear.subject, model=self.ear.model, dtype=dtype, parameters=values
        )

    def _normal(self, fc: list[float]) -> DRNLFilterbank:
        return DRNLFilterbank(torch.tensor(fc, dtype=torch.float64), FS, model=self.ear.model)

    # ------------------------------------------------------------------ experiments

    @property
    def input_output(self) -> InputOutput:
        """Input/output curves of the place under test."""
        return self.stage("io", self.key_of("e.", "t.cf", "t.tone"), self._input_output, shared=True)

    def _input_output(self) -> InputOutput:
        cf, f = self.test.cf, min(self.test.cf * self.test.tone, 0.45 * FS)
        tone, bank = experiments.tones(np.array([f])), self.bank([cf])
        total, linear, nonlinear = experiments.sweep(bank, tone)

        def unchanged() -> Array:
            place = torch.tensor([cf], dtype=torch.float64)
            return experiments.sweep(DRNLFilterbank(place, FS, model=self.ear.model), tone)[0]

        changed = self.factors() or self.ear.subject != "NH"
        return InputOutput(
            levels=LEVELS,
            total=total,
            linear=linear,
            nonlinear=nonlinear,
            normal=self.stage("normal", (self.ear.model, cf, f), unchanged, shared=True)
            if changed
            else total,
            slope=np.gradient(total, LEVELS),
            knee=experiments.knee(bank, f),
        )

    @property
    def tuning(self) -> Tuning:
        """Tuning of the place under test at four levels."""
        return self._experiment("tuning", "e.", "t.cf", dtype=torch.float32)

    @property
    def suppression(self) -> Suppression:
        """Change of the response to a probe at the place, by a second tone of any frequency and level."""
        return self._experiment("suppression", "e.", "t.cf", "t.level", dtype=torch.float32)

    @property
    def distortion(self) -> Distortion:
        """Spectrum of the place tuned to 2 f1 - f2."""
        return self._experiment("distortion", "e.", "t.cf", "t.level", "t.ratio")

    def _experiment(self, name: str, ear: str, *settings: str, dtype: torch.dtype = torch.float64) -> Any:
        """Return what an experiment of `experiments` finds at the place under test, with these settings."""

        def make() -> Any:
            values = map(float, self.key_of(*settings))
            return getattr(experiments, name)(self.bank([self.test.cf], dtype), *values)

        return self.stage(name, self.key_of(ear, *settings), make, shared=True)

    @property
    def _values(self) -> float:
        """How many numbers all places have."""
        return float(self.test.channels * FS * self.stimulus.duration)

    @property
    def cochleagrams(self) -> Cochleagrams:
        """The sound through all places of the ear, and through a linear gammatone filterbank beside it."""
        key = (*self.key_of("e.", "t.channels"), *self.stimulus.key())
        return self.stage("cochleagrams", key, self._cochleagrams, shared=True, values=self._values)

    def sound(self) -> torch.Tensor:
        """Return the sound in Pa, shape ``(T,)``."""
        return self.stage("sound", self.stimulus.key(), lambda: self.stimulus.render(FS), shared=True)

    @torch.no_grad()
    def basilar_membrane(self) -> tuple[Array, torch.Tensor]:
        """Return the places' frequencies and their velocities in m/s, shape ``(F, T)``."""
        fc = self.places()
        velocity, first = torch.empty(len(fc), len(self.sound())), 0
        for part in self._by_places(fc):
            velocity[first : first + len(part)] = part
            first += len(part)
        return fc, velocity

    def _by_places(self, fc: Array) -> Iterator[torch.Tensor]:
        """Yield the velocities of a few places at a time, so many that they need little memory."""
        stapes = middle_ear()(self.sound().double()).float()
        at_once = max(AT_ONCE // len(stapes), 1)
        for first in range(0, len(fc), at_once):
            self.check()
            yield self.bank(fc[first : first + at_once], torch.float32)(stapes)

    def places(self) -> Array:
        """Return the places' frequencies in Hz, equally spaced on the ERB scale."""
        ends = scales.fc2erb(torch.tensor([250.0, 8000.0], dtype=torch.float64))
        steps = torch.linspace(float(ends[0]), float(ends[1]), int(self.test.channels), dtype=torch.float64)
        return np.asarray(scales.erb2fc(steps).numpy())

    def place_sound(self) -> torch.Tensor:
        """Return the movement of the place under test, m/s, shape ``(T,)``."""
        with torch.no_grad():
            return self.bank([self.test.cf], torch.float32)(middle_ear()(self.sound().double()).float())[0]

    def all_places(self) -> torch.Tensor:
        """Return the movements of all places, each run backwards through a gammatone of its place, added up."""
        key = (*self.key_of("e.", "t.channels"), *self.stimulus.key())
        return self.stage("all places", key, self._all_places, shared=True, values=self._values)

    def _all_places(self) -> torch.Tensor:
        fc, velocity = self.basilar_membrane()
        return GammatoneFilterbank(torch.from_numpy(fc), FS).resynthesise(velocity)

    def _cochleagrams(self) -> Cochleagrams:
        fc = self.places()
        key = (*self.stimulus.key(), self.test.channels)
        return Cochleagrams(
            fc=fc,
            duration=len(self.sound()) / FS,
            drnl=decibels(np.concatenate([short_time_rms(part) for part in self._by_places(fc)])),
            gammatone=self.stage("gammatone", key, lambda: self._gammatone(fc), shared=True),
        )

    def _gammatone(self, fc: Array) -> Array:
        sound = self.sound()
        groups = np.array_split(fc, max(len(fc) * len(sound) // AT_ONCE, 1))
        rows = [short_time_rms(GammatoneFilterbank(torch.from_numpy(part), FS)(sound)) for part in groups]
        return decibels(np.concatenate(rows), signals.P_REF)

    # ------------------------------------------------------------------ words

    def measures(self) -> dict[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        curve = self.input_output
        found = {
            "slope_db_per_db": curve.slope_at(self.test.level),
            "knee_db": curve.knee,
            "gain_over_linear_db": float(
                np.interp(self.test.level, curve.levels, curve.total - curve.linear)
            ),
            "loss_db": float(np.interp(self.test.level, curve.levels, curve.normal - curve.total)),
        }
        if self.test.experiment == "suppression":
            found["strongest_suppression_db"] = float(-self.suppression.change.min())
        if self.test.experiment == "distortion":
            found["product_level_db"] = self.distortion.product_level
        return found

    def summary(self) -> str:
        """Describe in one line what is seen, for the page and for a screen reader."""
        curve, test = self.input_output, self.test
        place = f"Place of {test.cf:.0f} Hz"
        knee = (
            "no knee: the response is linear"
            if math.isnan(curve.knee)
            else f"knee at {curve.knee:.0f} dB SPL"
        )
        line = f"{place}: {curve.slope_at(test.level):.2f} dB per dB at {test.level:g} dB SPL, {knee}."
        if test.experiment == "suppression":
            s = self.suppression
            row, column = np.unravel_index(int(s.change.argmin()), s.change.shape)
            return (
                f"{line} Strongest suppression {-s.change.min():.1f} dB, by {s.frequencies[column]:.0f} Hz at "
                f"{s.levels[row]:.0f} dB SPL."
            )
        if test.experiment == "distortion":
            d = self.distortion
            return (
                f"{line} f1 = {d.primaries[0]:.0f} Hz and f2 = {d.primaries[1]:.0f} Hz make {d.product:.0f} Hz, "
                f"{d.product_level:.1f} dB re 1 µm/s."
            )
        return line

    def code(self) -> str:
        """Return a script that reproduces the lab's numbers with the present settings."""
        return script(self.ear, self.factors(), self.test, self.stimulus)
