"""State and numbers of the cochlea lab: a DRNL channel under test, and the classic experiments on it."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from amtlib import DRNLFilterbank, GammatoneFilterbank, scales, signals
from amtlib.filterbanks.drnl_parameters import parameters_at
from amtlib.hearing_loss import HairCellLoss
from app.lab import LabModel, Section, depends_on
from app.labs.cochlea import experiments
from app.labs.cochlea.experiments import (
    FS,
    LEVELS,
    Array,
    AtPlace,
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

#: Least loss that is worth a word, dB.
LEAST_LOSS = 0.5
#: How long tones are heard, s.
HEARD = 1.0
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
        Section("Experiment", ("t.experiment", "t.cf", "t.level", "t.")),
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
        "response_db": Measure("Response", "dB re 1 µm/s", 1),
        "loss_db": Measure("Loss at the level", "dB", 1),
        "outer_loss_db": Measure("Outer hair cells’ part of the audiogram’s loss", "dB"),
        "inner_loss_db": Measure("Inner hair cells’ part of it", "dB"),
        "suppression_db": Measure("The second tone turns the probe down by", "dB", 1),
        "second_against_probe_db": Measure("Second tone at the place, against the probe", "dB", 1),
        "product_as_tone_db": Measure("The third tone is as strong as one of", "dB SPL", 1),
    }
    has_another_ear = True
    key_controls = ("t.cf", "t.level", "e.a_db")
    experiment = "t.experiment"
    controls_of: ClassVar[dict[str, tuple[str, ...]]] = {
        "tuning": ("t.cf", "t.tone", "t.level"),
        "suppression": ("t.second", "t.second_level", "t.level"),
        "distortion": ("t.ratio", "t.level", "t.cf"),
        "cochleagram": ("s.level", "e.a_db", "t.channels"),
    }
    conditions: ClassVar[dict[str, dict[str, list[Any]]]] = {
        "t.level": {"t.experiment": ["io", "tuning", "suppression", "distortion"]},
        "t.tone": {"t.experiment": ["io", "tuning"]},
        "t.second": {"t.experiment": ["suppression"]},
        "t.second_level": {"t.experiment": ["suppression"]},
        "t.ratio": {"t.experiment": ["distortion"]},
        "t.channels": {"t.experiment": ["cochleagram"]},
    }

    def visible_when(self) -> dict[str, dict[str, list[Any]]]:
        """Return when each control matters: those of the chosen sound where it is heard."""
        found = super().visible_when()
        for key in Stimulus.keys("s"):
            found[key] = {**found.get(key, {}), "t.experiment": ["cochleagram"]}
        return found

    def reconcile(self, changed: Iterable[str]) -> list[str]:
        """Show what a dropped file becomes: the other experiments have tones of their own."""
        if "s.uploads" not in changed or self.test.experiment == "cochleagram":
            return []
        self.test.experiment = "cochleagram"
        return ["Your file is heard in the cochleagram: the other experiments have tones of their own."]

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
        if (loss := self.another_ear.loss(places)) is not None:
            values = values.scaled(a=loss.outer_gain)
        return DRNLFilterbank(
            places, FS, subject=self.ear.subject, model=self.ear.model, dtype=dtype, parameters=values
        )

    def lost(self) -> HairCellLoss:
        """Return the loss at the place under test by the audiogram."""
        cf = torch.tensor([float(self.test.cf)], dtype=torch.float64)
        nothing = torch.zeros_like(cf)
        return self.another_ear.loss(cf) or HairCellLoss(cf, nothing, nothing)

    # ------------------------------------------------------------------ experiments

    @property
    def tone_frequency(self) -> float:
        """Frequency of the tone whose level grows, Hz; where there are two, the place's own."""
        test = self.test
        alone = test.experiment in ("io", "tuning")
        return min(float(test.cf * test.tone if alone else test.cf), 0.45 * FS)

    @property
    def tones(self) -> list[tuple[float, float]]:
        """The tones of the experiment, Hz and dB SPL; none where the chosen sound is heard."""
        test, level = self.test, float(self.test.level)
        if test.experiment == "cochleagram":
            return []
        if test.experiment == "distortion":
            return [(frequency, level) for frequency in self.distortion.primaries]
        return self.probe_and_second if test.experiment == "suppression" else [(self.tone_frequency, level)]

    @property
    def probe_and_second(self) -> list[tuple[float, float]]:
        """The two tones of the suppression experiment, Hz and dB SPL."""
        test = self.test
        second = min(float(test.cf * test.second), 0.45 * FS)
        return [(float(test.cf), float(test.level)), (second, float(test.second_level))]

    @property
    @depends_on("e.", "hl.", "t.cf", lambda lab: lab.tone_frequency)
    def input_output(self) -> InputOutput:
        """Input/output curves of the place under test."""
        cf, f = self.test.cf, self.tone_frequency
        bank = self.bank([cf])
        total, linear, nonlinear = experiments.sweep(bank, experiments.tones(np.array([f])))
        changed = self.factors() or self.ear.subject != "NH" or not self.another_ear.is_normal
        knee = experiments.knee(bank, f)
        return InputOutput(
            levels=LEVELS,
            total=total,
            linear=linear,
            nonlinear=nonlinear,
            normal=self._unchanged(cf, f) if changed else total,
            slope=np.gradient(total, LEVELS),
            knee=knee if experiments.shows(knee, linear, nonlinear) else math.nan,
        )

    @depends_on("e.model")
    def _unchanged(self, cf: float, f: float) -> Array:
        """Return what the same place of a normal ear makes of a tone at all levels."""
        bank = DRNLFilterbank(torch.tensor([cf], dtype=torch.float64), FS, model=self.ear.model)
        return experiments.sweep(bank, experiments.tones(np.array([f])))[0]

    @property
    @depends_on("e.", "hl.", "t.cf")
    def tuning(self) -> Tuning:
        """Tuning of the place under test at four levels."""
        return experiments.tuning(self.bank([self.test.cf], torch.float32), float(self.test.cf))

    @property
    @depends_on("e.", "hl.", "t.cf", "t.level")
    def suppression(self) -> Suppression:
        """Change of the response to a probe at the place, by a second tone of any frequency and level."""
        (cf, level), _ = self.probe_and_second
        return experiments.suppression(self.bank([cf], torch.float32), cf, level)

    @property
    @depends_on("e.", "hl.", "t.cf", "t.level", "t.second", "t.second_level")
    def at_place(self) -> tuple[AtPlace, AtPlace]:
        """Spectrum of the place while the probe sounds alone, and while the second tone sounds too."""
        bank, tones = self.bank([self.test.cf]), self.probe_and_second
        return experiments.spectrum_at_place(bank, tones[:1]), experiments.spectrum_at_place(bank, tones)

    @property
    def product_as_tone(self) -> float:
        """Level in dB SPL of a tone that moves the place as much as 2 f1 - f2 does; -inf where there is none."""
        level, curve = self.distortion.product_level, self.input_output
        return float(np.interp(level, curve.total, curve.levels)) if level > curve.total[0] else -math.inf

    @property
    @depends_on("e.", "hl.", "t.cf", "t.level", "t.ratio")
    def distortion(self) -> Distortion:
        """Spectrum of the place tuned to 2 f1 - f2."""
        cf, level, ratio = map(float, (self.test.cf, self.test.level, self.test.ratio))
        return experiments.distortion(self.bank([cf]), cf, level, ratio)

    def _values(self) -> float:
        """Return how many numbers all places have."""
        return float(self.test.channels * FS * self.stimulus.duration)

    @property
    @depends_on("s.", "e.", "hl.", "t.channels", values=_values)
    def cochleagrams(self) -> Cochleagrams:
        """The sound through all places of the ear, and through a linear gammatone filterbank beside it."""
        return Cochleagrams(
            fc=self.places(),
            duration=len(self.chosen_sound()) / FS,
            drnl=decibels(np.concatenate([short_time_rms(part) for part in self._by_places()])),
            gammatone=self._gammatone(),
        )

    @depends_on("s.", "t.channels")
    def _gammatone(self) -> Array:
        fc, sound = self.places(), self.chosen_sound()
        groups = np.array_split(fc, max(len(fc) * len(sound) // AT_ONCE, 1))
        rows = [short_time_rms(GammatoneFilterbank(torch.from_numpy(part), FS)(sound)) for part in groups]
        return decibels(np.concatenate(rows), signals.P_REF)

    def sound(self) -> torch.Tensor:
        """Return the sound of the experiment in Pa, shape ``(T,)``: its tones, or the one that is chosen."""
        tones = self.tones
        if not tones:
            return self.chosen_sound()
        return torch.stack([signals.tone(f, level=level, duration=HEARD, fs=FS) for f, level in tones]).sum(0)

    @depends_on("s.")
    def chosen_sound(self) -> torch.Tensor:
        """Return the sound that is chosen, which the cochleagram shows, in Pa, shape ``(T,)``."""
        return self.stimulus.render(FS)

    @property
    def sound_in_words(self) -> str:
        """What is heard, in a few words."""
        if not self.tones:
            return self.stimulus.summary
        (frequencies, levels) = zip(*self.tones, strict=True)
        hertz = " and ".join(f"{f:.0f}" for f in frequencies)
        return f"{hertz} Hz at {' and '.join(f'{level:g}' for level in dict.fromkeys(levels))} dB SPL"

    @torch.no_grad()
    def basilar_membrane(self) -> tuple[Array, torch.Tensor]:
        """Return the places' frequencies and their velocities in m/s, shape ``(F, T)``."""
        velocity, first = torch.empty(int(self.test.channels), len(self.chosen_sound())), 0
        for part in self._by_places():
            velocity[first : first + len(part)] = part
            first += len(part)
        return self.places(), velocity

    def _by_places(self) -> Iterator[torch.Tensor]:
        """Yield the velocities of a few places at a time, so many that they need little memory."""
        fc = self.places()
        stapes = middle_ear()(self.chosen_sound().double()).float()
        at_once = max(AT_ONCE // len(stapes), 1)
        for first in range(0, len(fc), at_once):
            self.check()
            yield self.bank(fc[first : first + at_once], torch.float32)(stapes)

    def places(self) -> Array:
        """Return the places' frequencies in Hz, equally spaced on the ERB scale."""
        fc = scales.erbspace(250.0, 8000.0, int(self.test.channels), dtype=torch.float64)
        return np.asarray(fc.numpy())

    def place_sound(self) -> torch.Tensor:
        """Return the movement of the place under test, m/s, shape ``(T,)``."""
        with torch.no_grad():
            return self.bank([self.test.cf], torch.float32)(middle_ear()(self.sound().double()).float())[0]

    @depends_on("s.", "e.", "hl.", "t.channels", values=_values)
    def all_places(self) -> torch.Tensor:
        """Return the movements of all places, each run backwards through a gammatone of its place, added up."""
        fc, velocity = self.basilar_membrane()
        return GammatoneFilterbank(torch.from_numpy(fc), FS).resynthesise(velocity)

    # ------------------------------------------------------------------ words

    def measures(self) -> dict[str, float]:
        """Return the numbers that a lesson's task can ask for: of the curve, and of the experiment that is shown."""
        curve, level = self.input_output, float(self.test.level)
        found = {
            "slope_db_per_db": curve.slope_at(level),
            "knee_db": curve.knee,
            "response_db": float(np.interp(level, curve.levels, curve.total)),
            "loss_db": self.loss,
            "outer_loss_db": float(self.lost().outer),
            "inner_loss_db": float(self.lost().inner),
        }
        if self.test.experiment == "suppression":
            found["suppression_db"], found["second_against_probe_db"] = self.suppressed
        if self.test.experiment == "distortion":
            found["product_as_tone_db"] = self.product_as_tone
        return found

    @property
    def loss(self) -> float:
        """By how many dB the place moves less than in the unchanged normal ear, at the level of the tone."""
        curve = self.input_output
        return float(np.interp(self.test.level, curve.levels, curve.normal - curve.total))

    @property
    def suppressed(self) -> tuple[float, float]:
        """By how many dB the second tone turns the probe down, and how strong it is there, against the probe alone."""
        alone, both = self.at_place
        return float(alone.at_tones[0] - both.at_tones[0]), float(both.at_tones[1] - alone.at_tones[0])

    def summary(self) -> str:
        """Describe in one line what is seen, for the page and for a screen reader."""
        if self.another_ear.is_normal:
            return self._seen()
        whole, outer = (round(float(part)) for part in (self.lost().total, self.lost().outer))
        return (
            f"{self._seen()} Of {whole} dB HL at {self.test.cf:.0f} Hz, {outer} dB are due to outer hair cells: they "
            "amplify soft sounds that much less, at most as if all were lost (HIx). "
            f"{whole - outer} dB are due to inner hair cells, which leave the membrane’s motion as it is."
        )

    def _seen(self) -> str:
        test = self.test
        if test.experiment == "suppression":
            down, against = self.suppressed
            (probe, level), (second, second_level) = self.probe_and_second
            return (
                f"{second:.0f} Hz at {second_level:g} dB SPL turns {probe:.0f} Hz at {level:g} dB SPL down by "
                f"{down:.1f} dB at its place, and is {abs(against):.1f} dB {'weaker' if against < 0 else 'stronger'} "
                "there than the probe alone."
            )
        if test.experiment == "distortion":
            d = self.distortion
            made = (
                f"f1 = {d.primaries[0]:.0f} Hz and f2 = {d.primaries[1]:.0f} Hz at {test.level:g} dB SPL make"
            )
            if d.product_level == -math.inf:
                return f"{made} no third tone at {d.product:.0f} Hz: this ear does not distort."
            strong = self.quantities["product_as_tone_db"].text(self.product_as_tone)
            as_tone = (
                "weaker than any" if self.product_as_tone == -math.inf else f"as strong as one of {strong}"
            )
            return f"{made} a third one of {d.product:.0f} Hz, at its place {as_tone}."
        if test.experiment == "cochleagram":
            return (
                f"{self.stimulus.summary}, at {test.channels} places of this ear and of a linear filterbank."
            )
        curve = self.input_output
        knee = "no knee" if math.isnan(curve.knee) else f"knee at {curve.knee:.0f} dB SPL"
        lost = f" {self.loss:.1f} dB are lost." if self.loss >= LEAST_LOSS else ""
        slope = f"{curve.slope_at(test.level):.2f} dB per dB at {test.level:g} dB SPL"
        return f"Place of {test.cf:.0f} Hz: {slope}, {knee}.{lost}"

    def code(self) -> str:
        """Return a script that reproduces the lab's numbers with the present settings."""
        settings = (self.ear, self.factors(), self.another_ear, self.test, self.stimulus)
        return script(*settings, self.tone_frequency, self.tones)
