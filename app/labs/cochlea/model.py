"""State and numbers of the cochlea lab: a DRNL channel under test, and the classic experiments on it.
Source: :class:`amtlib.DRNLFilterbank` (Lopez-Poveda and Meddis 2001; Paulick et al. 2024) behind a middle ear.
Not a page: see view.py. Every sweep is one call of the model on a batch of tones, not a loop.
"""

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import param
import torch
from numpy.typing import NDArray

from amtlib import DRNLFilterbank, GammatoneFilterbank, ears, scales, signals
from amtlib.filterbanks.drnl_parameters import parameters_at
from app.lab import LabModel, Section, load_lessons
from app.quantity import Quantity
from app.stimulus import Stimulus

Array = NDArray[Any]

FS = 44100
#: Tones of the sweeps last this long, s; the level is read off the part after SETTLED.
TONE, SETTLED = 0.06, 0.03
#: Samples of all places together that are computed at once: 5 s of 9 places, some 60 MB.
AT_ONCE = 2**21
#: Where two tones sound together, the response is taken apart in a window of this length, s: bins of 20 Hz.
WINDOW = 0.05
#: Levels of the input/output curve, dB SPL.
LEVELS = np.arange(0.0, 111.0, 2.5)
#: Velocity that counts as 0 dB, m/s rms.
REFERENCE = 1e-6
#: Levels of the tuning curves, dB SPL.
TUNING_LEVELS = (20, 40, 60, 80)

EXPERIMENTS = {
    "Input and output": "io",
    "Tuning at four levels": "tuning",
    "Two-tone suppression": "suppression",
    "Distortion product": "distortion",
    "Cochleagram": "cochleagram",
}


class Ear(param.Parameterized):
    """The ear under test: whose it is, and every parameter of the DRNL as a change to its power law."""

    subject = param.Selector(
        default="NH",
        objects={"Normal hearing": "NH", "No outer hair cells (HIx)": "HIx"},
        label="Listener",
        doc="HIx sets a = 0: the compressive path falls silent and only the linear path is left.",
    )
    model = param.Selector(
        default="paulick2024",
        objects={"Paulick et al. 2024": "paulick2024", "Jepsen et al. 2008": "jepsen2008"},
        label="Model",
        doc="Same power laws, other filter orders: two gammatones and four low-passes, or three and three.",
    )
    a_db = Quantity(
        0.0,
        bounds=(-60, 20),
        step=1,
        unit="dB",
        label="a: gain of the low-level part",
        doc="Gain of the outer hair cells for soft sounds. Less of it, a higher threshold and a later knee.",
    )
    b_db = Quantity(
        0.0,
        bounds=(-20, 40),
        step=1,
        unit="dB",
        label="b: gain of the compressive part",
        doc="Where compression takes over. More of it, a knee at higher levels.",
    )
    c = Quantity(
        0.25,
        bounds=(0.05, 1),
        step=0.01,
        label="c: exponent of compression",
        doc="Slope of the compressive part in dB per dB: 0.25 in a healthy ear, 1 is linear.",
    )
    g_db = Quantity(
        0.0,
        bounds=(-40, 40),
        step=1,
        unit="dB",
        label="g: gain of the linear path",
        doc="The passive basilar membrane. It takes over at high levels.",
    )
    cf_lin = Quantity(
        1.0,
        bounds=(0.5, 2),
        step=0.01,
        unit="×",
        label="Linear path: centre",
        scale="log",
        doc="Centre frequency of the linear path, relative to its power law.",
    )
    bw_lin = Quantity(
        1.0,
        bounds=(0.25, 4),
        step=0.01,
        unit="×",
        label="Linear path: bandwidth",
        scale="log",
        doc="Bandwidth of the linear path, relative to its power law.",
    )
    lp_lin = Quantity(
        1.0,
        bounds=(0.5, 4),
        step=0.01,
        unit="×",
        label="Linear path: low-pass",
        scale="log",
        doc="Cut-off of the low-pass filters of the linear path, relative to the power law.",
    )
    cf_nlin = Quantity(
        1.0,
        bounds=(0.5, 2),
        step=0.01,
        unit="×",
        label="Nonlinear path: centre",
        scale="log",
        doc="Centre frequency of the nonlinear path, relative to its power law.",
    )
    bw_nlin = Quantity(
        1.0,
        bounds=(0.25, 4),
        step=0.01,
        unit="×",
        label="Nonlinear path: bandwidth",
        scale="log",
        doc="Bandwidth of the nonlinear path, relative to its power law.",
    )
    lp_nlin = Quantity(
        1.0,
        bounds=(0.5, 4),
        step=0.01,
        unit="×",
        label="Nonlinear path: low-pass",
        scale="log",
        doc="Cut-off of the low-pass filters of the nonlinear path, relative to the power law.",
    )


class Test(param.Parameterized):
    """The experiment: which one, at which place, with which tones."""

    __test__ = False  # a name of the field, not a test case

    experiment = param.Selector(
        default="io", objects=EXPERIMENTS, label="Experiment", doc="What is done to the place under test."
    )
    cf = Quantity(
        1000.0,
        bounds=(250, 8000),
        step=1,
        unit="Hz",
        scale="log",
        label="Place under test",
        doc="Characteristic frequency of the place on the basilar membrane.",
    )
    tone = Quantity(
        1.0,
        bounds=(0.25, 2),
        step=0.01,
        unit="× CF",
        scale="log",
        label="Tone",
        doc="Frequency of the tone, relative to the place. Compression is strongest at the place itself.",
    )
    level = Quantity(
        50.0,
        bounds=(0, 110),
        step=1,
        unit="dB SPL",
        label="Level of the tone",
        doc="Level of the probe, and of both tones of the distortion product.",
    )
    ratio = Quantity(
        1.2,
        bounds=(1.02, 1.6),
        step=0.01,
        unit="f2 / f1",
        label="Ratio of the primaries",
        doc="Two tones f1 and f2 make a third one, 2 f1 − f2, that is not in the sound.",
    )
    channels = Quantity(
        50,
        bounds=(10, 100),
        step=1,
        whole=True,
        label="Channels of the cochleagram",
        doc="ERB-spaced, 250 to 8000 Hz.",
    )


@dataclass(frozen=True)
class InputOutput:
    """Rms velocity of one place against the level of a tone, dB re 1 um/s, each shape ``(L,)``."""

    levels: Array
    total: Array
    linear: Array
    nonlinear: Array
    normal: Array
    """The same place of an unchanged normal ear."""
    slope: Array
    """dB per dB of the total"""
    knee: float
    """Level at which the broken stick breaks, dB SPL; NaN where it does not"""

    def slope_at(self, level: float) -> float:
        """Return the slope at a level in dB SPL, dB per dB."""
        return float(np.interp(level, self.levels, self.slope))


@dataclass(frozen=True)
class Tuning:
    """Response of one place to tones of many frequencies at four levels, dB re 1 um/s, ``(levels, frequencies)``."""

    frequencies: Array
    responses: Array


@dataclass(frozen=True)
class Suppression:
    """Change of the response to a probe by a second tone, dB, shape ``(levels, frequencies)``."""

    frequencies: Array
    levels: Array
    change: Array


@dataclass(frozen=True)
class Distortion:
    """Spectrum of the place that is tuned to 2 f1 - f2, while f1 and f2 sound."""

    frequencies: Array
    levels: Array
    primaries: tuple[float, float]
    product: float
    product_level: float


@dataclass(frozen=True)
class Cochleagrams:
    """Level of every channel over time: DRNL (dB re 1 um/s) and gammatone (dB SPL), each ``(F, M)``."""

    fc: Array
    duration: float
    drnl: Array
    gammatone: Array


def decibels(rms: Array, reference: float = REFERENCE) -> Array:
    """Return 20 log10 of an rms value over a reference, -200 for nothing at all."""
    return 20 * np.log10(np.maximum(rms.astype(np.float64) / reference, 1e-10))


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
        Section(
            "Sound",
            Stimulus.keys("s"),
            open=False,
        ),
    )
    lessons = load_lessons(Path(__file__).with_name("lessons.yaml"))
    key_controls = ("t.cf", "t.level", "e.a_db")

    def __init__(self) -> None:
        self.stimulus = Stimulus(rates=(FS,))
        self.ear = Ear()
        self.test = Test()
        self._middle_ear = ears.MiddleEarFilter(FS, dtype=torch.float64)
        super().__init__({"s": self.stimulus, "e": self.ear, "t": self.test})

    def visible_when(self) -> dict[str, dict[str, list[Any]]]:
        """Return which experiment, or kind of sound, each parameter matters to."""
        only = {
            "t.level": ["io", "suppression", "distortion"],
            "t.tone": ["io"],
            "t.ratio": ["distortion"],
            "t.channels": ["cochleagram"],
        }
        return Stimulus.visible_when("s") | {key: {"t.experiment": where} for key, where in only.items()}

    # ------------------------------------------------------------------ the ear under test

    def _key(self, *names: str) -> tuple[Hashable, ...]:
        """Return the values that a result depends on: whole parts by prefix ("e."), or single keys."""
        return tuple(value for key, value in self.values().items() if key in names or key[:2] in names)

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

    def velocity(self, frequencies: Array) -> Array:
        """Return the peak velocity of the stapes in m/s for tones of 0 dB SPL."""
        at = torch.as_tensor(np.atleast_1d(frequencies), dtype=torch.float64)
        gain = self._middle_ear.frequency_response(at).abs().numpy()
        return np.asarray(gain * signals.P_REF * math.sqrt(2))

    def _tones(self, frequencies: Array, duration: float = TONE) -> torch.Tensor:
        """Return tones of 0 dB SPL at the stapes, m/s, shape ``(len(frequencies), T)``, with 5-ms onsets."""
        time = torch.arange(round(duration * FS), dtype=torch.float64) / FS
        turn = 2 * math.pi * torch.as_tensor(np.asarray(frequencies), dtype=torch.float64)
        onset = torch.sin(0.5 * math.pi * (time / 0.005).clamp_max(1)) ** 2
        peak = torch.as_tensor(self.velocity(frequencies))
        return peak[:, None] * torch.sin(turn[:, None] * time) * onset

    @staticmethod
    def _steady(y: torch.Tensor) -> torch.Tensor:
        return y[..., round(SETTLED * FS) :]

    def _rms(self, y: torch.Tensor) -> Array:
        return decibels(self._steady(y).square().mean(-1).sqrt().numpy())

    # ------------------------------------------------------------------ experiments

    @property
    def input_output(self) -> InputOutput:
        """Input/output curves of the place under test."""
        return self.stage("io", self._key("e.", "t.cf", "t.tone"), self._input_output, shared=True)

    @torch.no_grad()
    def _input_output(self) -> InputOutput:
        cf, f = self.test.cf, min(self.test.cf * self.test.tone, 0.45 * FS)
        tone = self._tones(np.array([f]))
        bank = self.bank([cf])
        total, linear, nonlinear = self._sweep(bank, tone)
        if self.factors() or self.ear.subject != "NH":
            key = (self.ear.model, cf, f)
            normal = self.stage("normal", key, lambda: self._sweep(self._normal([cf]), tone)[0], shared=True)
        else:
            normal = total
        slope = np.gradient(total, LEVELS)
        before = float(bank.frequency_response([f]).before.abs())
        knee = float(bank.knee) / (before * float(self.velocity(np.array([f]))[0]))
        return InputOutput(
            levels=LEVELS,
            total=total,
            linear=linear,
            nonlinear=nonlinear,
            normal=normal,
            slope=slope,
            knee=20 * math.log10(knee) if 0 < knee < math.inf else math.nan,
        )

    def _sweep(self, bank: DRNLFilterbank, tone: torch.Tensor) -> tuple[Array, Array, Array]:
        """Return the levels of total, linear and nonlinear response of one place to a tone at all `LEVELS`."""
        gains = torch.as_tensor(10 ** (LEVELS / 20))[:, None]
        u, beside = bank.linear_parts(tone)
        linear = gains * beside[:, 0]
        nonlinear = bank.after(bank.stick((gains * u[:, 0]).unsqueeze(1)))[:, 0]
        return self._rms(linear + nonlinear), self._rms(linear), self._rms(nonlinear)

    @property
    def tuning(self) -> Tuning:
        """Tuning of the place under test at four levels."""
        return self.stage("tuning", self._key("e.", "t.cf"), self._tuning, shared=True)

    @torch.no_grad()
    def _tuning(self) -> Tuning:
        f = np.geomspace(0.3, 2.0, 49) * self.test.cf
        f = f[f < 0.45 * FS]
        bank, tones = self.bank([self.test.cf], torch.float32), self._tones(f)
        gains = torch.tensor([10 ** (level / 20) for level in TUNING_LEVELS]).reshape(-1, 1, 1, 1)
        u, linear = bank.linear_parts(tones)
        y = bank.after(bank.stick(gains * u)).add_(gains * linear)
        return Tuning(frequencies=f, responses=self._rms(y[:, :, 0]))

    @property
    def suppression(self) -> Suppression:
        """Change of the response to a probe at the place, by a second tone of any frequency and level."""
        return self.stage("suppression", self._key("e.", "t.cf", "t.level"), self._suppression, shared=True)

    @torch.no_grad()
    def _suppression(self) -> Suppression:
        # All tones last whole periods of the window: none leaks into another, whatever their levels.
        bin_width = 1 / WINDOW
        probe_at = round(self.test.cf / bin_width) * bin_width
        f = np.unique(np.round(np.geomspace(0.3, 2.0, 33) * self.test.cf / bin_width)) * bin_width
        f, levels = f[(f > 0) & (f < 0.45 * FS)], np.arange(30.0, 111.0, 8.0)
        bank, tones = self.bank([self.test.cf], torch.float32), self._tones(f, SETTLED + WINDOW)
        probe = self._tones(np.array([probe_at]), SETTLED + WINDOW) * 10 ** (float(self.test.level) / 20)
        gains = torch.as_tensor(10 ** (levels / 20), dtype=torch.float32)[:, None, None, None]
        # The part of the response that is at the probe's frequency: the rest is the second tone itself. It is asked
        # for by the probe's turns, filtered backwards, of what enters the last filters: one filter for all rows.
        time = torch.arange(tones.shape[-1], dtype=torch.float64) / FS
        turn = torch.stack(
            [torch.cos(2 * math.pi * probe_at * time), torch.sin(2 * math.pi * probe_at * time)]
        )
        turn[:, : round(SETTLED * FS)] = 0
        moved = bank.after(turn.flip(-1).float().unsqueeze(1))[:, 0].flip(-1).T
        turns = turn.float().T
        u, linear = bank.linear_parts(torch.cat([probe, tones]))
        alone = bank.stick(u[0]) @ moved + linear[0] @ turns
        both = bank.stick(u[:1] + gains * u[1:]) @ moved + linear[:1] @ turns + gains * (linear[1:] @ turns)
        scale = math.sqrt(2) / round(WINDOW * FS)
        part, probe_part = (
            torch.linalg.vector_norm(found, dim=-1).numpy() * scale for found in (both, alone)
        )
        change = decibels(part[:, :, 0]) - decibels(probe_part)
        return Suppression(frequencies=f, levels=levels, change=change)

    @property
    def distortion(self) -> Distortion:
        """Spectrum of the place tuned to 2 f1 - f2."""
        return self.stage(
            "distortion", self._key("e.", "t.cf", "t.level", "t.ratio"), self._distortion, shared=True
        )

    @torch.no_grad()
    def _distortion(self) -> Distortion:
        cf, ratio = self.test.cf, self.test.ratio
        length = 2**14
        # All three on bins of the transform: no leakage, and the product is where it is looked for.
        bin_width = FS / length
        product = max(round(cf / bin_width), 1)
        first = round(cf / (2 - ratio) / bin_width)
        second = 2 * first - product
        primaries = (first * bin_width, second * bin_width)
        time = torch.arange(length + length // 4, dtype=torch.float64) / FS
        peak = self.velocity(np.array(primaries)) * 10 ** (self.test.level / 20)
        x = sum(p * torch.sin(2 * math.pi * f * time) for p, f in zip(peak, primaries, strict=True))
        y = self.bank([cf])(x)[0, -length:]
        spectrum = (torch.fft.rfft(y).abs() * (math.sqrt(2) / length)).numpy()
        top = min(round(2.2 * primaries[1] / bin_width), len(spectrum))
        return Distortion(
            frequencies=np.arange(top) * bin_width,
            levels=decibels(spectrum[:top]),
            primaries=primaries,
            product=product * bin_width,
            product_level=float(decibels(spectrum[[product]])[0]),
        )

    @property
    def _values(self) -> float:
        """How many numbers all places have."""
        return float(self.test.channels * FS * self.stimulus.duration)

    @property
    def cochleagrams(self) -> Cochleagrams:
        """The sound through all places of the ear, and through a linear gammatone filterbank beside it."""
        key = (*self._key("e.", "t.channels"), *self.stimulus.key())
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
        stapes = self._middle_ear(self.sound().double()).float()
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
            return self.bank([self.test.cf], torch.float32)(self._middle_ear(self.sound().double()).float())[
                0
            ]

    def all_places(self) -> torch.Tensor:
        """Return the movements of all places, each run backwards through a gammatone of its place, added up."""
        key = (*self._key("e.", "t.channels"), *self.stimulus.key())
        return self.stage("all places", key, self._all_places, shared=True, values=self._values)

    @torch.no_grad()
    def _all_places(self) -> torch.Tensor:
        fc, velocity = self.basilar_membrane()
        return GammatoneFilterbank(torch.from_numpy(fc), FS).resynthesise(velocity)

    @torch.no_grad()
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
        """Say in one line what is seen, for the page and for a screen reader."""
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
        """Return a script that reproduces the input/output curve, and the cochleagram where it is shown."""
        test, ear = self.test, self.ear
        cf, f = float(test.cf), float(min(test.cf * test.tone, 0.45 * FS))
        heard = test.experiment == "cochleagram"
        scaled = ", ".join(f"{name}={factor!r}" for name, factor in self.factors().items())
        lines = [
            "import math",
            "",
            "import torch",
            "",
            *(["import amtlib"] if heard else []),
            f"from amtlib import DRNLFilterbank, ears, {'scales, ' if heard else ''}signals",
            "from amtlib.filterbanks.drnl_parameters import parameters_at",
            "",
            f"fs, subject, model = {FS}, {ear.subject!r}, {ear.model!r}",
            "middle_ear = ears.MiddleEarFilter(fs, dtype=torch.float64)",
            "",
            "",
            "def ear(places):",
            f"    values = parameters_at(places, subject).scaled({scaled})",
            "    return DRNLFilterbank(places, fs, subject=subject, model=model, parameters=values)",
            "",
            "",
            f"cf, f = torch.tensor([{cf!r}], dtype=torch.float64), {f!r}  # Hz: the place and the tone",
            f"levels = torch.arange({len(LEVELS)}, dtype=torch.float64) * {LEVELS[1] - LEVELS[0]}  # dB SPL",
            f"time = torch.arange(round({TONE} * fs), dtype=torch.float64) / fs",
            "gain = float(middle_ear.frequency_response(torch.tensor([f], dtype=torch.float64)).abs())",
            "peak = gain * signals.P_REF * math.sqrt(2) * 10 ** (levels / 20)  # m/s at the stapes",
            "onset = torch.sin(0.5 * math.pi * (time / 0.005).clamp_max(1)) ** 2",
            "tones = peak[:, None] * torch.sin(2 * math.pi * f * time) * onset",
            f"steady = ear(cf)(tones)[:, 0, round({SETTLED} * fs):]",
            f"response = 20 * torch.log10(steady.square().mean(-1).sqrt() / {REFERENCE})  # dB re 1 um/s",
        ]
        if heard:
            lines += [
                "",
                *self.stimulus.code(FS),
                "ends = scales.fc2erb(torch.tensor([250.0, 8000.0], dtype=torch.float64))",
                f"erb = torch.linspace(float(ends[0]), float(ends[1]), {int(test.channels)}, dtype=torch.float64)",
                "velocity = ear(scales.erb2fc(erb)).float()(middle_ear(x.double()).float())  # m/s, (places, time)",
            ]
        return "\n".join([*lines, ""])


def short_time_rms(y: torch.Tensor, window: float = 0.01, columns: int = 500) -> Array:
    """Return the rms value in windows of 10 ms that slide over the sound, at most ``columns`` of them."""
    size = round(window * FS)
    step = max(math.ceil(y.shape[-1] / columns), 1)
    padded = torch.nn.functional.pad(y.square(), (size // 2, size))
    return np.asarray(
        torch.nn.functional.avg_pool1d(padded, size, step)[..., : -(-y.shape[-1] // step)].sqrt().numpy()
    )
