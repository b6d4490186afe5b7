"""The loudness lab without its page: the chain of chain.py, its experiments, and both in words."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from amtlib import Glasberg2002, Moore2016, audfiltbw, signals
from amtlib.loudness import THRESHOLD_SONE, pattern_change
from app.another_ear import AnotherEar
from app.lab import Section, depends_on
from app.labs.loudness import experiments
from app.labs.loudness.chain import EAR, Chain
from app.labs.loudness.script import script, steady_script
from app.labs.loudness.settings import EXPERIMENTS, FS
from app.labs.loudness.steady import OWN, Array, Lines, masker
from app.labs.loudness.words import excitation_at, near, peak_between, phon, plain
from app.lessons import Measure, load_lessons
from app.stimulus import Stimulus


class LoudnessModel(Chain):
    """The loudness lab without its page.

    Examples
    --------
    >>> lab = LoudnessModel()
    >>> lab.update({"s.level": 40})
    []
    >>> round(float(lab.steady.both), 1)  # a tone of 1 kHz at 40 dB SPL, heard with both ears
    1.0
    """

    sections: ClassVar[tuple[Section, ...]] = (
        Section("Experiment", ("v.",)),
        Section("Sound", Stimulus.keys("s")),
        Section("Listener", ("m.",)),
        Section(
            "Windows of the spectrum",
            ("p.edge1", "p.edge2", "p.edge3", "p.edge4", "p.edge5", "p.step", "p.range_db", "p.floor_db"),
            open=False,
        ),
        Section(
            "Auditory filters", ("p.level_dependence", "p.symmetric_level", "p.flattest_skirt"), open=False
        ),
        Section("Loudness and inhibition", ("p.scale", "p.spread", "p.exponent"), open=False),
        Section(
            "Loudness in time",
            ("p.attack_short", "p.release_short", "p.attack_long", "p.release_long"),
            open=False,
        ),
    )
    lessons = load_lessons(Path(__file__).with_name("lessons.yaml"))
    quantities: ClassVar[dict[str, Measure]] = {
        "loudness_sone": Measure("Loudness", "sone", 2),
        "loudness_phon": Measure("Loudness level", "phon", 1),
        "octave_up_db": Measure("Excitation an octave up, against its peak", "dB", 1),
        "binaural_gain": Measure("Loudness to both ears, against the left one", "times", 3),
        "threshold_db": Measure("Threshold of the tone beside the noise", "dB SPL", 1),
        "quiet_db": Measure("Threshold of the tone in quiet", "dB SPL", 1),
        "masking_db": Measure("Threshold, raised by", "dB", 1),
        "above_threshold_db": Measure("Tone, above its threshold by", "dB", 1),
        "probe_hz": Measure("Frequency of the tone", "Hz"),
        "tone_hz": Measure("Frequency of the tone", "Hz"),
        "erb_hz": Measure("One ERB", "Hz"),
        "against_narrow": Measure("Loudness, against the narrowest band", "times", 2),
        "summation": Measure("Widest band, against the narrowest", "times", 2),
        "share_of_longest": Measure("Loudness, against the longest tone", "%", 0),
        "from_standard_db": Measure("Contours, from ISO 226:2023", "dB", 1),
    }
    key_controls = ("s.level", "s.frequency", "v.moment")
    experiment = "v.view"
    controls_of: ClassVar[dict[str, tuple[str, ...]]] = {
        "duration": ("s.duration", "s.level", "s.frequency"),
        "binaural": ("m.ild", "s.level", "s.frequency"),
        "masking": ("v.level", "v.probe", "v.probe_level"),
        "bandwidth": ("v.band", "v.level", "v.centre"),
        "contours": ("s.frequency", "s.level", "v.reference"),
    }
    conditions: ClassVar[dict[str, dict[str, list[Any]]]] = {
        "v.centre": {"v.view": ["masking", "bandwidth"]},
        "v.level": {"v.view": ["masking", "bandwidth"]},
        "v.width": {"v.view": ["masking"]},
        "v.probe": {"v.view": ["masking"]},
        "v.probe_level": {"v.view": ["masking"]},
        "v.band": {"v.view": ["bandwidth"]},
        "v.reference": {"v.view": ["contours"]},
        **{
            key: {"m.model": ["moore2016"]}
            for key in ("m.inhibition", "p.spread", "p.exponent", "p.range_db", "p.floor_db")
        },
        "m.ild": {"m.model": ["moore2016"], "m.ears": ["both"]},
    }

    def visible_when(self) -> dict[str, dict[str, list[Any]]]:
        """Return when each control matters: those of the chosen sound where no experiment brings its own."""
        found = super().visible_when()
        for key in Stimulus.keys("s"):
            used = [view for view in EXPERIMENTS.values() if view not in OWN or key in OWN[view]]
            found[key] = {**found.get(key, {}), "v.view": used}
        return found

    # ------------------------------------------------------------------ experiments

    @property
    @depends_on(Chain._frame_key, "m.", "p.")
    def growth(self) -> experiments.Growth:
        """Loudness against level, were the moment's spectrum to last."""
        left = right = self._raised
        if self._second_ear:
            shift = experiments.GROWTH_LEVELS - self.stimulus.level + self._second_ear
            right = experiments.raised(self.model(), self.spectrum, shift)
        return experiments.growth(self.model(), left, right)

    @property
    @depends_on(Chain._frame_key, "m.model", "m.field", *EAR)
    def series(self) -> experiments.Series:
        """Excitation of the moment's spectrum at five levels."""
        rows = np.searchsorted(experiments.GROWTH_LEVELS, experiments.SERIES_LEVELS)
        return experiments.Series(self._raised[rows].numpy())

    @property
    @depends_on(Chain._frame_key, "m.model", "m.field", *EAR)
    def _raised(self) -> torch.Tensor:
        """Excitation of the moment's spectrum at the levels of growth, which are those of the series and more."""
        return experiments.raised(
            self.model(), self.spectrum, experiments.GROWTH_LEVELS - self.stimulus.level
        )

    @property
    def binaural_gain(self) -> float:
        """How many times as loud as to the left ear alone the moment's spectrum is to both, as the listener is set."""
        ears = self.steady
        both = ears.both if self.listener.inhibition else ears.uninhibited
        return both / ears.left if ears.left > 0 else 0.0

    @property
    @depends_on(Chain._frame_key, "m.", "p.")
    def steady(self) -> experiments.Ears:
        """Loudness of the moment's spectrum, were it to last, to each ear alone and to both."""
        spectrum = self.spectrum
        if not spectrum.frequencies.size:
            return experiments.Ears(0.0, 0.0, 0.0, 0.0)
        inhibited, free, one = (
            self.model("cochlea", inhibition=True, ears="both"),
            self.model("cochlea", inhibition=False, ears="both"),
            self.model("cochlea", ears="left"),
        )
        left = float(spectrum.at(one, right=-math.inf).total)
        weaker = Lines(spectrum.frequencies, spectrum.levels + self.right) if self.right > -math.inf else None
        right = float(weaker.at(one, right=-math.inf).total) if weaker else 0.0
        if isinstance(inhibited, Glasberg2002) or isinstance(free, Glasberg2002):
            both = left + right
            return experiments.Ears(left, right, both, both)
        return experiments.Ears(
            left,
            right,
            float(spectrum.at(inhibited, right=self.right).total),
            float(spectrum.at(free, right=self.right).total),
        )

    @property
    @depends_on("s.frequency", "s.level", "m.", "p.")
    def duration_curve(self) -> experiments.Duration:
        """How loud the tone gets in so much time."""
        frequency, level = float(self.stimulus.frequency), float(self.stimulus.level)

        def patterns(durations: Sequence[float], step: int) -> torch.Tensor:
            self.check()
            ear, length = self.model(step=step), round((max(durations) + 0.1) * FS)
            bursts = [signals.tone(frequency, level=level, duration=each, fs=FS) for each in durations]
            heard = torch.stack([torch.nn.functional.pad(each, (0, length - len(each))) for each in bursts])
            ears = torch.stack([self.reaching(each) for each in heard])
            _, specific = ear.patterns(ear.at_cochlea(ears).flatten(0, 1))
            return specific.unflatten(0, ears.shape[:2])

        def over_time(specific: torch.Tensor, step: int) -> tuple[Array, Array]:
            model = self.model(step=step)
            if isinstance(model, Moore2016):
                found = model.over_time(specific.expand(-1, 2, -1, -1))
                return found.short_term.numpy(), found.long_term.numpy()
            averages = model.integration(specific[:, 0], return_stages=True)
            return averages.short_term.numpy(), averages.long_term.numpy()

        return experiments.duration(patterns, over_time)

    @property
    @depends_on("m.", "p.", "v.centre", "v.level")
    def bandwidth(self) -> experiments.Bandwidth:
        """Loudness of a band of noise of one level against its width."""
        display = self.display
        return experiments.bandwidth(self.model(), float(display.centre), float(display.level), self.right)

    @depends_on("m.", "p.")
    def _quiet(self) -> Array:
        return experiments.threshold_in_quiet(self.model(ears="both"))

    @property
    @depends_on("m.", "p.", "v.centre", "v.width", "v.level")
    def masking(self) -> experiments.Masking:
        """Threshold of a tone beside a band of noise."""
        return experiments.masking(self.model(ears="both"), masker(self.display), self._quiet())

    @property
    def change_by_probe(self) -> float:
        """By how many dB the tone changes the pattern of the noise, where it changes it most."""
        noise, display = masker(self.display), self.display
        changes = pattern_change(
            self.model(ears="both"),
            noise.frequencies,
            noise.levels,
            float(display.probe),
            float(display.probe_level),
        )
        return float(changes[0])

    @property
    @depends_on("m.model", "m.field", "m.ears", "m.inhibition", "p.")
    def contours(self) -> experiments.Contours:
        """The equal-loudness contours of the present listener."""
        return experiments.contours(self.model(), self.check)

    # ------------------------------------------------------------------ words

    def measures(self) -> dict[str, float]:
        """Return the numbers that a lesson's task can ask for: of every experiment, and of the one that is shown."""
        peak, excitation = self.course.peak, self.patterns[0][0]
        found = {"loudness_sone": peak, "loudness_phon": self.phon(peak), "octave_up_db": math.nan}
        if (excitation > self.threshold).any():
            top, height = self.peak_of_pattern
            found["octave_up_db"] = excitation_at(self.course.frequencies, excitation, 2 * top) - height
        return (
            found
            | {
                "binaural": self._binaural_measures,
                "masking": self._masking_measures,
                "bandwidth": self._bandwidth_measures,
                "duration": lambda: {"share_of_longest": 100 * peak / self.duration_curve.long_term[-1]},
                "contours": lambda: {
                    "from_standard_db": self.contours.from_standard(),
                    "tone_hz": float(self.stimulus.frequency),
                },
            }.get(self.display.view, dict)()
        )

    def _binaural_measures(self) -> dict[str, float]:
        return {"binaural_gain": self.binaural_gain}

    def _masking_measures(self) -> dict[str, float]:
        masked, display = self.masking, self.display
        threshold, quiet = (masked.threshold(float(display.probe), masked=is_) for is_ in (True, False))
        return {
            "probe_hz": float(display.probe),
            "threshold_db": threshold,
            "quiet_db": quiet,
            "masking_db": threshold - quiet,
            "above_threshold_db": float(display.probe_level) - threshold,
        }

    def _bandwidth_measures(self) -> dict[str, float]:
        bands = self.bandwidth.loudness
        narrowest = max(bands[0], 1e-9)
        return {
            "erb_hz": self.one_erb,
            "summation": float(bands[-1] / narrowest),
            "against_narrow": float(self.course.peak / narrowest),
        }

    def summary(self) -> str:
        """Describe in one line what is seen, for the page and for a screen reader."""
        peak = self.course.peak
        if self.display.view == "masking":
            return self._masking_in_words()
        if peak <= THRESHOLD_SONE:
            return f"{self.sound_in_words}: below the threshold of hearing. Nothing of it is heard."
        heard = f"{self.sound_in_words}: {self.sones(peak)}."
        more = {
            "binaural": self._ears_in_words,
            "bandwidth": lambda: f" It is {self.display.band:g} Hz wide; one ERB is {self.one_erb:.0f} Hz.",
            "contours": lambda: (
                f" The contours lie {self.contours.from_standard():.1f} dB (rms) from those of ISO 226:2023."
            ),
            "duration": lambda: f" It lasts {self.duration:g} s.",
        }.get(self.display.view, self._moment_in_words)()
        return heard + more + self._other_ear_in_words()

    def _other_ear_in_words(self) -> str:
        if self.another_ear.is_normal:
            return ""
        if not self.is_impaired:
            return " This experiment is one of a normal ear: of the other one, the sound alone can be heard."
        return f" What {self.another_ear.named} hears is simulated in front of the model of a normal one."

    @property
    def one_erb(self) -> float:
        """Equivalent rectangular bandwidth at the centre of the band, Hz."""
        return float(audfiltbw(torch.tensor(float(self.display.centre))))

    def _masking_in_words(self) -> str:
        display, found = self.display, self._masking_measures()
        margin = found["above_threshold_db"]
        tone = f"The tone of {display.probe:g} Hz at {display.probe_level:g} dB SPL is"
        if margin < 0:
            where = f"hidden: {-margin:.0f} dB below its threshold beside the noise"
        else:
            where = f"heard: {margin:.0f} dB above its threshold beside the noise"
        return (
            f"{tone} {where}, {found['threshold_db']:.0f} dB SPL (in quiet {found['quiet_db']:.0f} dB SPL)."
        )

    def _ears_in_words(self) -> str:
        if self.listener.model != "moore2016" or self.right == -math.inf or not self.steady.left > 0:
            return ""
        times = self.quantities["binaural_gain"].text(self.binaural_gain)
        return f" Both ears hear {times} what the left hears."

    def phon(self, sone: float) -> float:
        """Return a loudness in sone in phon by the model as it is set; NaN where that has none."""
        found = self.kept_key(
            ("phon", sone), lambda: (phon(sone, self.model(), by_components=self.brings_its_sound),)
        )
        return float(found[0])

    def sones(self, sone: float) -> str:
        """Write a loudness for a person: sone, and phon beside it."""
        level = self.phon(sone)
        return f"{plain(sone)} sone" + (f" ({level:.0f} phon)" if math.isfinite(level) else "")

    @property
    def peak_of_pattern(self) -> tuple[float, float]:
        """Frequency in Hz and height in dB of the top of the left ear's pattern at the moment."""
        return peak_between(self.course.frequencies, self.patterns[0][0])

    def _moment_in_words(self) -> str:
        at, excitation = self.course.moments[self.frame], self.patterns[0][0]
        if not (excitation > self.threshold).any():
            return f" At {at:.2f} s the whole pattern lies below the threshold."
        frequency, height = self.peak_of_pattern
        return f" At {at:.2f} s the pattern peaks with {height:.0f} dB near {near(frequency)}."

    def code(self) -> str:
        """Return a script that reproduces the loudness, and the patterns at the moment."""
        if self.brings_its_sound:
            return steady_script(self.segments[-1].lines, self.listener, self.parameters, right=self.right)
        return script(
            self.stimulus,
            self.listener,
            self.parameters,
            self.another_ear if self.is_impaired else AnotherEar(),
            gain=self.right_gain,
            step=self.step,
            frame=self.frame * self.keep_every,
        )
