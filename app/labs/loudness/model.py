"""The loudness lab without its page: the chain of chain.py, the experiments beside it, and both in words."""

import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from amtlib import Glasberg2002, Moore2016
from amtlib.loudness import THRESHOLD_SONE, sone2phon
from app.lab import Section
from app.labs.loudness import experiments
from app.labs.loudness.chain import Chain
from app.labs.loudness.experiments import Lines
from app.labs.loudness.script import script
from app.lessons import Measure, load_lessons
from app.shared import SHARED
from app.stimulus import Stimulus
from app.work import Job


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
        Section("Experiment", ("v.view", "v.moment", "v.centre", "v.width", "v.level")),
        Section("Sound", Stimulus.keys("s")),
        Section("Listener", ("m.model", "m.field", "m.ears", "m.ild", "m.inhibition")),
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
        "loudness_phon": Measure("Loudness level", "phon"),
        "octave_up_db": Measure("Pattern an octave above its peak", "dB", 1),
        "binaural_gain": Measure("Both ears against the left one", "times", 2),
        "masked_octave_up_db": Measure("Threshold an octave above the band", "dB SPL"),
        "summation": Measure("The widest band against the narrowest", "times", 2),
    }
    key_controls = ("s.level", "s.frequency", "v.moment")
    conditions: ClassVar[dict[str, dict[str, list[Any]]]] = {
        "v.centre": {"v.view": ["masking", "bandwidth"]},
        "v.level": {"v.view": ["masking", "bandwidth"]},
        "v.width": {"v.view": ["masking"]},
        **{
            key: {"m.model": ["moore2016"]}
            for key in ("m.inhibition", "p.spread", "p.exponent", "p.range_db", "p.floor_db")
        },
        "m.ild": {"m.model": ["moore2016"], "m.ears": ["both"]},
    }

    _contours: tuple[Hashable, experiments.Contours] | None = None

    # ------------------------------------------------------------------ experiments beside it

    def _moment_key(self) -> tuple[Hashable, ...]:
        return (self._sound_key(), *self.key_of("m.", "p."), self.frame)

    @property
    def growth(self) -> experiments.Growth:
        """Loudness against level, were the moment's spectrum to last."""
        # The spectrum is that behind the ear: it must not pass the ear again.
        one, both = (self.model("cochlea", ears=ears) for ears in ("left", "both"))
        return self.stage(
            "growth",
            self._moment_key(),
            lambda: experiments.growth(one, both, self.spectrum, self.stimulus.level, self._second_ear),
            shared=True,
        )

    @property
    def series(self) -> experiments.Series:
        """Excitation of the moment's spectrum at five levels."""
        # The spectrum is that behind the ear: it must not pass the ear again.
        model = self.ear("cochlea")
        return self.stage(
            "series",
            self._spectrum_key(),
            lambda: experiments.series(model, self.spectrum, self.stimulus.level),
            shared=True,
        )

    @property
    def steady(self) -> experiments.Ears:
        """Loudness of the moment's spectrum, were it to last, to each ear alone and to both."""
        return self.stage("steady", self._moment_key(), self._steady, shared=True)

    @property
    def binaural_gain(self) -> float:
        """How many times as loud as to the left ear alone the moment's spectrum is to both, as the listener is set."""
        ears = self.steady
        both = ears.both if self.listener.inhibition else ears.uninhibited
        return both / ears.left if ears.left > 0 else 0.0

    def _steady(self) -> experiments.Ears:
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
    def bandwidth(self) -> experiments.Bandwidth:
        """Loudness of a band of noise of one level against its width."""
        model, display = self.model(), self.display
        return self.stage(
            "bandwidth",
            self.key_of("m.", "p.", "v.centre", "v.level"),
            lambda: experiments.bandwidth(model, float(display.centre), float(display.level), self.right),
            shared=True,
        )

    @property
    def masking(self) -> experiments.Masking:
        """Threshold of a tone beside a band of noise."""
        model, display = self.model(ears="both"), self.display
        inside = self.key_of("m.", "p.")
        quiet = self.stage("quiet", inside, lambda: experiments.threshold_in_quiet(model), shared=True)
        return self.stage(
            "masking",
            (*inside, *self.key_of("v.centre", "v.width", "v.level")),
            lambda: experiments.masking(
                model, float(display.centre), float(display.width), float(display.level), quiet
            ),
            shared=True,
        )

    # ------------------------------------------------------------------ contours, on demand

    def _contour_key(self) -> tuple[Hashable, ...]:
        return self.key_of("m.model", "m.field", "m.ears", "m.inhibition", "p.")

    @property
    def contours(self) -> experiments.Contours | None:
        """The contours as far as they have been computed for the present listener, or None."""
        return self._contours[1] if self._contours and self._contours[0] == self._contour_key() else None

    def contour_job(self) -> Job:
        """Return the computation of the contours, step by step."""
        key = self._contour_key()

        whole_key = (type(self).__name__, "contours", key)
        known = SHARED.find(whole_key)  # another session's listener was the same

        def take(found: experiments.Contours) -> None:
            self._contours = (key, SHARED.get(whole_key, lambda: found) if found.complete else found)

        return Job(
            label="Compute the contours",
            key=key,
            steps=experiments.contour_steps if known is None else experiments.known_contours,
            arguments=(self.model(),) if known is None else (known,),
            take=take,
            done=self.contours is not None and self.contours.complete,
        )

    # ------------------------------------------------------------------ words

    def measures(self) -> dict[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        peak = self.course.peak
        excitation = self.patterns[0][0]
        top = int(excitation.argmax())
        above = np.interp(2 * self.course.frequencies[top], self.course.frequencies, excitation)
        found = {
            "loudness_sone": peak,
            "loudness_phon": self.phon(peak),
            "octave_up_db": float(above - excitation[top]),
            "binaural_gain": self.binaural_gain,
        }
        if self.display.view == "masking":
            masked = self.masking
            found["masked_octave_up_db"] = float(
                np.interp(2 * self.display.centre, masked.frequencies, masked.masked)
            )
        if self.display.view == "bandwidth":
            bands = self.bandwidth.loudness
            found["summation"] = float(bands[-1] / max(bands[0], 1e-9))
        return found

    def summary(self) -> str:
        """Describe in one line what is seen, for the page and for a screen reader."""
        peak = self.course.peak
        if peak <= THRESHOLD_SONE:
            return f"{self.stimulus.summary}: below the threshold of hearing. Nothing of it is heard."
        heard = f"{self.stimulus.summary}: {self.sones(peak)}. {self._moment_in_words()}"
        two = self.listener.model == "moore2016" and self.right > -math.inf
        if self.display.view == "binaural" and two and self.steady.left > 0:
            return f"{heard} Both ears hear {self.binaural_gain:.2f} times what the left hears."
        if self.display.view == "contours" and self.contour_job().done and self.contours is not None:
            distance = experiments.iso_distance(self.contours)
            return f"{heard} The contours lie {distance:.1f} dB (rms) from those of ISO 226."
        return heard

    def phon(self, sone: float) -> float:
        """Return a loudness in sone in phon by the model as it is set; NaN where that has none."""
        return phon(sone, self.model())

    def sones(self, sone: float) -> str:
        """Write a loudness for a person: sone, and phon beside it."""
        digits, level = 3 if sone < 1 else 2 if sone < 10 else 1, self.phon(sone)
        return f"{sone:.{digits}f} sone" + (f" ({level:.0f} phon)" if math.isfinite(level) else "")

    def _moment_in_words(self) -> str:
        at, excitation = self.course.moments[self.frame], self.patterns[0][0]
        if not (excitation > self.threshold).any():
            return f"At {at:.2f} s the whole pattern lies below the threshold."
        top = int(excitation.argmax())
        return (
            f"At {at:.2f} s the pattern peaks with {excitation[top]:.0f} dB "
            f"near {self.course.frequencies[top]:.0f} Hz."
        )

    def code(self) -> str:
        """Return a script that reproduces the loudness over time and the patterns at the moment."""
        return script(
            self.stimulus,
            self.listener,
            self.parameters,
            gain=self.right_gain,
            step=self.step,
            frame=self.frame * self.keep_every,
        )


def phon(sone: float, model: Moore2016 | Glasberg2002 | None = None) -> float:
    """Return a loudness in sone as a loudness level in phon, of that model or of the published table.

    NaN if the model is set so that a tone's loudness does not grow with its level: it has no phon then.
    """
    try:
        return sone2phon(float(sone), model)
    except ValueError:
        return math.nan


def plain(sone: float) -> str:
    """Write a loudness with three digits, and never in powers of ten."""
    return f"{sone:.{max(0, 2 - math.floor(math.log10(sone)))}f}" if sone >= 1e-3 else "0"
