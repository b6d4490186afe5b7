"""State and numbers of the loudness lab: from a sound's spectrum to sones, moment by moment.
Source: :class:`amtlib.Moore2016` and :class:`amtlib.Glasberg2002`; the experiments beside it are in experiments.py.
Not a page: see view.py. The chain runs once over the whole sound; a moment is read off it.
"""

import itertools
import math
import operator
from collections.abc import Callable, Container, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from amtlib import Glasberg2002, Moore2016
from amtlib.loudness import THRESHOLD_SONE, sone2phon
from app.lab import LabModel, Section, load_lessons
from app.labs.loudness import experiments
from app.labs.loudness.experiments import Lines
from app.labs.loudness.settings import Inside, Listener, Look
from app.shared import SHARED
from app.stimulus import Stimulus
from app.work import Job

Array = NDArray[Any]

FS = 32000
#: Highest frequency that is offered, Hz: where the models' spectrum ends.
HIGHEST = 15000
#: Highest level at an ear, dB SPL: both sounds and differences between the ears end there.
LOUDEST = 120
#: Silence after the sound, s: long enough to see how its loudness is forgotten.
AFTER = 0.25
#: The lab keeps patterns every so many ms, or of each spectrum where they are further apart.
KEEP = 4
#: Sounds that are much the same from one ms to the next.
STEADY = {
    "tone",
    "tone_pair",
    "complex",
    "am",
    "fm",
    "white",
    "pink",
    "band",
    "tone_in_noise",
    "sweep",
    "silence",
}
#: A tone this long or longer, s: in most of it one spectrum is as the other.
LONG_TONE = 0.25
#: Settings of the ear: of all that comes before loudness over time and the other ear.
EAR = (
    "edge1",
    "edge2",
    "edge3",
    "edge4",
    "edge5",
    "range_db",
    "floor_db",
    "lean",
    "upright",
    "steepest",
    "scale",
)
#: Level at which sounds go through the ear's filter, which is linear: other levels are a factor, dB SPL.
REFERENCE_LEVEL = 60.0
#: The windows of the spectrum, longest first, as a legend calls them.
WINDOWS = ("64 ms", "32 ms", "16 ms", "8 ms", "4 ms", "2 ms")


@dataclass(frozen=True)
class Course:
    """What the model made of the whole sound: loudness over time, and the patterns every 4 or 8 ms.

    Times in s from the sound's onset, shape ``(F,)``; loudness in sone, ``(F,)``; patterns ``(2, M, C)`` of the left
    and the right ear at ``moments`` ``(M,)``: excitation in dB, and specific loudness in sone/Cam whose area, both
    ears together, is `at_moments` ``(M,)``.
    """

    time: Array
    instantaneous: Array
    short_term: Array
    long_term: Array
    moments: Array
    at_moments: Array
    cam: Array
    frequencies: Array
    excitation: Array
    specific: Array

    @property
    def peak(self) -> float:
        """Highest long-term loudness: the loudness of the sound as a whole, sone."""
        return float(self.long_term.max())


class LoudnessModel(LabModel):
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
        Section("Auditory filters", ("p.lean", "p.upright", "p.steepest"), open=False),
        Section("Loudness and inhibition", ("p.scale", "p.spread", "p.exponent"), open=False),
        Section(
            "Loudness in time",
            ("p.attack_short", "p.release_short", "p.attack_long", "p.release_long"),
            open=False,
        ),
    )
    lessons = load_lessons(Path(__file__).with_name("lessons.yaml"))
    key_controls = ("s.level", "s.frequency", "v.moment")

    def __init__(self) -> None:
        # A tone of 1 kHz: the sound that the sone is defined by.
        self.stimulus = Stimulus.starting_with(
            kind="tone", duration=0.5, highest_frequency=HIGHEST, rates=(FS,)
        )
        self.listener = Listener()
        self.inside = Inside()
        self.look = Look()
        self._keys: tuple[object, dict[str, tuple[Hashable, ...]]] = (None, {})
        self._contours: tuple[Hashable, experiments.Contours] | None = None
        super().__init__({"s": self.stimulus, "m": self.listener, "p": self.inside, "v": self.look})

    def visible_when(self) -> dict[str, dict[str, list[Any]]]:
        """Return which experiment, model or kind of sound each parameter matters to."""
        band = {
            "v.centre": ["masking", "bandwidth"],
            "v.level": ["masking", "bandwidth"],
            "v.width": ["masking"],
        }
        later = ("m.ild", "m.inhibition", "p.spread", "p.exponent", "p.range_db", "p.floor_db")
        return (
            Stimulus.visible_when("s")
            | {key: {"v.view": where} for key, where in band.items()}
            | {key: {"m.model": ["moore2016"]} for key in later}
            | {"m.ild": {"m.model": ["moore2016"], "m.ears": ["both"]}}
        )

    # ------------------------------------------------------------------ sound

    def _key(self, *names: str) -> tuple[Hashable, ...]:
        """Return the values that a result depends on: whole parts by prefix ("p."), or single keys."""
        return tuple(value for key, value in self.values().items() if key in names or key[:2] in names)

    def _kept(self, name: str, make: Callable[[], tuple[Hashable, ...]]) -> tuple[Hashable, ...]:
        """Return a key that a picture asks for some twenty times, made once for the present settings."""
        self.values()
        if self._keys[0] is not self._snapshot:  # a setting has been touched since
            self._keys = (self._snapshot, {})
        keys = self._keys[1]
        if name not in keys:
            keys[name] = make()
        return keys[name]

    def sound(self) -> torch.Tensor:
        """Return the sound in Pa, shape ``(T,)``."""
        return self.stage("sound", self._sound_key(), lambda: self.stimulus.render(FS))

    def both_ears(self) -> torch.Tensor:
        """Return the sound as it reaches the left and the right ear, Pa, shape ``(2, T)``."""
        x = self.sound()
        return torch.stack([x, x * self._right_gain])

    @property
    def right(self) -> float:
        """Level in the right ear against the left, dB; -inf where it hears nothing."""
        if self.listener.ears == "left":
            return -math.inf
        return float(self.listener.ild) if self.listener.model == "moore2016" else 0.0

    @property
    def _right_gain(self) -> float:
        return 10 ** (self.right / 20)

    @property
    def _second_ear(self) -> float:
        """Level in the right ear against the left, dB, where it listens at all."""
        return self.right if self.right > -math.inf else 0.0

    def reconcile(self, changed: Iterable[str]) -> list[str]:
        """Keep the louder ear at or below `LOUDEST`."""
        highest = LOUDEST - float(self.stimulus.level)
        if self._second_ear <= highest:
            return []
        self.listener.ild = highest
        return [
            f"More than {LOUDEST} dB SPL at the right ear is not offered: the difference is {highest:g} dB now."
        ]

    # ------------------------------------------------------------------ models

    def _make(
        self, field: str, *, inhibition: bool = True, ears: str = "both", only: Container[str] | None = None
    ) -> Moore2016 | Glasberg2002:
        model: Moore2016 | Glasberg2002
        if self.listener.model == "moore2016":
            model = Moore2016(FS, field=field, inhibition=inhibition, pad=True, segment_duration=self.step)
        else:
            model = Glasberg2002(
                FS,
                field=field,
                presentation="diotic" if ears == "both" else "monaural",
                pad=True,
                segment_duration=self.step,
            )
        set_parameters(model, self.inside, only)
        return model

    def _ear_key(self) -> tuple[Hashable, ...]:
        return self._kept(
            "ear", lambda: (self.listener.model, self.step, *self._key(*(f"p.{n}" for n in EAR)))
        )

    def _sound_key(self) -> tuple[Hashable, ...]:
        return self._kept("sound", self.stimulus.key)

    def ear(self, field: str | None = None) -> Moore2016 | Glasberg2002:
        """Return a model with the settings of the `EAR` alone; models are shared, not changed."""
        field = field or self.listener.field
        return self.stage(
            f"ear-{field}", (*self._ear_key(), field), lambda: self._make(field, only=EAR), shared=True
        )

    def model(
        self, field: str | None = None, *, inhibition: bool | None = None, ears: str | None = None
    ) -> Moore2016 | Glasberg2002:
        """Return the model as set, or with another sound field, ears or inhibition; models are shared, not changed."""
        field = field or self.listener.field
        inhibition = self.listener.inhibition if inhibition is None else inhibition
        ears = ears or self.listener.ears
        return self.stage(
            f"model-{field}-{inhibition}-{ears}",
            (*self._key("p.", "m.model"), self.step, field, inhibition, ears),
            lambda: self._make(field, inhibition=inhibition, ears=ears),
            shared=True,
        )

    # ------------------------------------------------------------------ the chain

    def heard(self) -> torch.Tensor:
        """Return the pressure at the cochlea in Pa, shape ``(1, T')``, or ``(2, T')`` where the ears hear differently.

        Sound and silence after it, behind outer and middle ear.
        """
        ears = (self.listener.model, self.listener.field, self.step, self.right)
        if not self.stimulus.scales:
            return self.stage("heard", (self._sound_key(), ears), self._heard, shared=True)
        found = self.stage(
            "heard", (self.stimulus.key(level=False), ears), lambda: self._heard(REFERENCE_LEVEL), shared=True
        )
        return found * 10 ** ((float(self.stimulus.level) - REFERENCE_LEVEL) / 20)

    @torch.no_grad()
    def _heard(self, level: float | None = None) -> torch.Tensor:
        x = self.sound() if level is None else self.stimulus.render(FS, level=level)
        x = torch.nn.functional.pad(x, (0, round(AFTER * FS)))
        equal = self.right == 0 or self.listener.model == "glasberg2002"
        return self.ear().at_cochlea(x[None] if equal else torch.stack([x, x * self._right_gain]))

    def _patterns_key(self) -> tuple[Hashable, ...]:
        return (self._sound_key(), self._ear_key(), self.listener.field, self.right)

    @torch.no_grad()
    def _patterns(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Work out each ear: excitation at the moments, ``(R, M, C)``, and specific loudness, ``(R, F, C)``."""
        excitation, specific = self.ear().patterns(self.heard())
        return excitation[:, :: self._keep].contiguous(), specific

    @property
    def course(self) -> Course:
        """The whole sound through the model."""

        def key() -> tuple[Hashable, ...]:
            return (*self._patterns_key(), *self._key("m.ears", "m.inhibition", "p."))

        return self.stage("course", self._kept("course", key), self._course, shared=True)

    @torch.no_grad()
    def _course(self) -> Course:
        keep = self._keep
        excitation, specific = self.stage("patterns", self._patterns_key(), self._patterns, shared=True)
        model = self.model()
        if isinstance(model, Moore2016):
            found = model.over_time(specific.expand(2, -1, -1))
            assert found.stages is not None
            kept = found.stages.inhibited[:, ::keep]
            at_moments = found.short_term[::keep]
        else:
            found = model.integration(specific[0], return_stages=True)
            second = 1.0 if self.listener.ears == "both" else 0.0
            kept = specific[0, ::keep] * torch.tensor([1.0, second])[:, None, None]
            at_moments = found.instantaneous[::keep]
        excitation = excitation.expand(2, -1, -1)
        if self.right == -math.inf:
            excitation = torch.stack([excitation[0], torch.full_like(excitation[0], -200.0)])
        time = model.frame_times(specific.shape[1])
        return Course(
            time=time.numpy(),
            instantaneous=found.instantaneous.numpy(),
            short_term=found.short_term.numpy(),
            long_term=found.long_term.numpy(),
            moments=time[::keep].numpy(),
            at_moments=at_moments.numpy(),
            cam=model.erb_numbers.numpy(),
            frequencies=model.frequencies.numpy(),
            excitation=excitation.float().numpy(),
            specific=kept.float().contiguous().numpy(),
        )

    @property
    def _keep(self) -> int:
        """Every which frame's patterns are kept."""
        return max(1, KEEP // self.step)

    @property
    def step(self) -> int:
        """Time from one spectrum to the next, ms: a click may fall between two that are 4 ms apart."""
        chosen, sound = int(self.inside.step), self.stimulus
        if chosen or sound.kind not in STEADY:
            return chosen or 1
        return 8 if sound.kind == "tone" and sound.duration >= LONG_TONE else 4

    @property
    def frame(self) -> int:
        """Index of the kept frame that is nearest to the moment that is looked at."""
        return round(self.look.moment / 100 * (len(self.course.moments) - 1))

    def _spectrum_key(self) -> tuple[Hashable, ...]:
        def key() -> tuple[Hashable, ...]:
            return (self._sound_key(), self._ear_key(), self.listener.field, self.frame)

        return self._kept("spectrum", key)

    @property
    def spectrum(self) -> Lines:
        """Components of the left ear's spectrum at the moment, behind outer and middle ear."""
        return self.stage("spectrum", self._spectrum_key(), self._spectrum, shared=True)

    @torch.no_grad()
    def _spectrum(self) -> Lines:
        at = self.frame * self._keep
        freqs, power = self.ear().spectrum.dense(self.heard()[0], at, at + 1)
        kept = power[0] > 0
        return Lines(freqs[kept].double().numpy(), 10 * power[0, kept].double().log10().numpy())

    @property
    def threshold(self) -> Array:
        """Excitation in dB at the threshold of hearing, shape ``(C,)``."""
        return self.ear().specific.threshold_db.numpy()

    @property
    def patterns(self) -> tuple[Array, Array]:
        """Excitation in dB and specific loudness in sone/Cam at the moment, each ``(2, C)``: left and right."""
        course, i = self.course, self.frame
        return course.excitation[:, i], course.specific[:, i]

    # ------------------------------------------------------------------ experiments beside it

    def _experiment(self, name: str, key: tuple[Hashable, ...], make: Any) -> Any:
        with torch.no_grad():
            return self.stage(name, key, make, shared=True)

    def _moment_key(self) -> tuple[Hashable, ...]:
        return (self._sound_key(), *self._key("m.", "p."), self.frame)

    @property
    def growth(self) -> experiments.Growth:
        """Loudness against level, were the moment's spectrum to last."""
        # The spectrum is that behind the ear: it must not pass the ear again.
        one, both = (self.model("cochlea", ears=ears) for ears in ("left", "both"))
        return self._experiment(
            "growth",
            self._moment_key(),
            lambda: experiments.growth(one, both, self.spectrum, self.stimulus.level, self._second_ear),
        )

    @property
    def series(self) -> experiments.Series:
        """Excitation of the moment's spectrum at five levels."""
        # The spectrum is that behind the ear: it must not pass the ear again.
        model = self.ear("cochlea")
        return self._experiment(
            "series",
            self._spectrum_key(),
            lambda: experiments.series(model, self.spectrum, self.stimulus.level),
        )

    @property
    def steady(self) -> experiments.Ears:
        """Loudness of the moment's spectrum, were it to last, to each ear alone and to both."""
        return self._experiment("steady", self._moment_key(), self._steady)

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
        model, look = self.model(), self.look
        return self._experiment(
            "bandwidth",
            self._key("m.", "p.", "v.centre", "v.level"),
            lambda: experiments.bandwidth(model, float(look.centre), float(look.level), self.right),
        )

    @property
    def masking(self) -> experiments.Masking:
        """Threshold of a tone beside a band of noise."""
        model, look = self.model(ears="both"), self.look
        inside = self._key("m.", "p.")
        quiet = self._experiment("quiet", inside, lambda: experiments.threshold_in_quiet(model))
        return self._experiment(
            "masking",
            (*inside, *self._key("v.centre", "v.width", "v.level")),
            lambda: experiments.masking(
                model, float(look.centre), float(look.width), float(look.level), quiet
            ),
        )

    # ------------------------------------------------------------------ contours, on demand

    def _contour_key(self) -> tuple[Hashable, ...]:
        return self._key("m.model", "m.field", "m.ears", "m.inhibition", "p.")

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
        if self.look.view == "masking":
            masked = self.masking
            found["masked_octave_up_db"] = float(
                np.interp(2 * self.look.centre, masked.frequencies, masked.masked)
            )
        if self.look.view == "bandwidth":
            bands = self.bandwidth.loudness
            found["summation"] = float(bands[-1] / max(bands[0], 1e-9))
        return found

    def summary(self) -> str:
        """Say in one line what is seen, for the page and for a screen reader."""
        peak = self.course.peak
        if peak <= THRESHOLD_SONE:
            return f"{self.stimulus.summary}: below the threshold of hearing. Nothing of it is heard."
        heard = f"{self.stimulus.summary}: {self.sones(peak)}. {self._moment_in_words()}"
        two = self.listener.model == "moore2016" and self.right > -math.inf
        if self.look.view == "binaural" and two and self.steady.left > 0:
            return f"{heard} Both ears hear {self.binaural_gain:.2f} times what the left hears."
        if self.look.view == "contours" and self.contour_job().done and self.contours is not None:
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
        listener = self.listener
        later = listener.model == "moore2016"
        lines = [
            "import torch",
            "",
            "import amtlib",
            f"from amtlib import {'Moore2016' if later else 'Glasberg2002'}, signals",
            "from amtlib.loudness import sone2phon",
            "",
            *self.stimulus.code(FS),
            f"x = torch.nn.functional.pad(x, (0, {round(AFTER * FS)}))  # what is remembered after the sound",
        ]
        if later:
            lines += [
                f"x = torch.stack([x, x * {self._right_gain!r}])  # left and right ear, Pa",
                f"model = Moore2016({FS}, field={listener.field!r}, inhibition={listener.inhibition}, pad=True,",
                f"                  segment_duration={self.step})",
            ]
        else:
            presentation = "diotic" if listener.ears == "both" else "monaural"
            lines.append(
                f"model = Glasberg2002({FS}, field={listener.field!r}, presentation={presentation!r}, pad=True,\n"
                f"                     segment_duration={self.step})"
            )
        lines += parameter_code(self.inside, later=later)
        lines += [
            "with torch.no_grad():",
            "    found = model(x, return_stages=True)",
            "sone = float(found.long_term.max())",
            'print(f"{sone:.3f} sone, {sone2phon(sone, model):.1f} phon")',
            f"frame = {self.frame * self._keep}  # the moment that is looked at",
            "stages = found.stages" if later else "stages = found",
            "excitation = stages.excitation[..., frame, :]  # dB, "
            + ("(2, 150): both ears" if later else "(150,)"),
            (
                "specific = stages.inhibited[..., frame, :]  # sone/Cam, both ears"
                if later
                else "specific = stages.specific_loudness[..., frame, :]  # sone/Cam, one ear"
            ),
        ]
        return "\n".join([*lines, ""])


#: Where a setting acts in both models: setting -> path of the constant, and how it changes it.
_ACTS = {
    "lean": ("excitation.level_dep_factor", "fill_"),
    "upright": ("excitation.reference_level", "fill_"),
    "steepest": ("excitation.min_p_lower", "fill_"),
    "scale": ("specific.C", "mul_"),
    "attack_short": ("{time}.short_term.attack_alpha", "mul_"),
    "release_short": ("{time}.short_term.release_alpha", "mul_"),
    "attack_long": ("{time}.long_term.attack_alpha", "mul_"),
    "release_long": ("{time}.long_term.release_alpha", "mul_"),
}
#: And in the later one alone: the earlier keeps all components of a spectrum, and has no inhibition.
_ACTS_LATER = {
    "range_db": ("spectrum.threshold_max_minus", "fill_"),
    "floor_db": ("spectrum.threshold_absolute", "fill_"),
    "spread": ("binaural.smoothing.sigma", "fill_"),
    "exponent": ("binaural.inhibition.p", "fill_"),
}


def changes(inside: Inside, *, later: bool, only: Container[str] | None = None) -> list[tuple[str, str, Any]]:
    """Return what settings (of some names, or all) change in a model: path of the constant, operation, operand."""
    found: list[tuple[str, str, Any]] = []
    if inside.edges != Inside().edges:
        limits = [20.0, *inside.edges, 15000.0]
        found.append(("spectrum.freq_limits", "copy_", [list(pair) for pair in itertools.pairwise(limits)]))
    for name, (path, operation) in (_ACTS | (_ACTS_LATER if later else {})).items():
        value = getattr(inside, name)
        if value != inside.param[name].default and (only is None or name in only):
            found.append((path.format(time="temporal" if later else "integration"), operation, float(value)))
    return found


def set_parameters(
    model: Moore2016 | Glasberg2002, inside: Inside, only: Container[str] | None = None
) -> None:
    """Give a model the lab's parameters, or those of some names."""
    for path, operation, value in changes(inside, later=isinstance(model, Moore2016), only=only):
        constant = operator.attrgetter(path)(model)
        getattr(constant, operation)(torch.tensor(value) if operation == "copy_" else value)


def parameter_code(inside: Inside, *, later: bool) -> list[str]:
    """Return the lines that give a model the lab's parameters."""
    return [
        f"model.{path}.{operation}({f'torch.tensor({value!r})' if operation == 'copy_' else repr(value)})"
        for path, operation, value in changes(inside, later=later)
    ]


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
