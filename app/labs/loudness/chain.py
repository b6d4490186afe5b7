"""The chain of the loudness lab, from a sound to its loudness over time, and what of it belongs to one moment.

It runs once over the whole sound, by `amtlib.Moore2016` or `amtlib.Glasberg2002`; a moment is read off it.
"""

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from amtlib import Glasberg2002, Moore2016
from app.lab import LabModel, depends_on
from app.labs.loudness import steady
from app.labs.loudness.parameters import set_parameters
from app.labs.loudness.settings import AFTER, FS, Display, Listener, Parameters
from app.labs.loudness.steady import OWN, Array, Lines
from app.stimulus import Stimulus

#: Highest frequency that is offered, Hz: where the models' spectrum ends.
HIGHEST = 15000
#: Highest level at an ear, dB SPL: both sounds and differences between the ears end there.
LOUDEST = 120
#: Patterns are kept this often, ms, or of each spectrum where these are further apart.
KEEP = 4
#: Sounds that are much the same from one ms to the next.
STEADY = {
    *("tone", "tone_pair", "complex", "am", "fm"),
    *("white", "pink", "band", "tone_in_noise", "sweep", "silence"),
}
#: Durations in s: up to the first a tone is a click, from the second on it is long, and most of its spectra are alike.
CLICK, LONG_TONE = 0.1, 0.25
#: Experiments that are made with a pure tone.
TONES = ("duration", "contours")
#: Shortest duration of a sound, s: of a tone that is no sooner there than gone.
SHORTEST = 0.02
#: Settings of the spectrum, and of all that comes before loudness over time and the other ear.
SPECTRUM = tuple(f"p.{name}" for name in (*(f"edge{i}" for i in range(1, 6)), "range_db", "floor_db"))
EAR = (
    *SPECTRUM,
    *(f"p.{name}" for name in ("level_dependence", "symmetric_level", "flattest_skirt", "scale")),
)
#: Level at which sounds go through the ear's filter, which is linear: other levels are a factor, dB SPL.
REFERENCE_LEVEL = 60.0
#: Excitation where there is none, dB.
SILENT = -200.0
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


class Chain(LabModel):
    """The loudness lab without its experiments."""

    #: A tone of 1 kHz, by which the sone is defined.
    defaults: ClassVar[dict[str, Any]] = {"s.kind": "tone", "s.duration": 0.5}
    has_another_ear = True
    aliases: ClassVar[dict[str, str]] = {
        "p.lean": "p.level_dependence",
        "p.upright": "p.symmetric_level",
        "p.steepest": "p.flattest_skirt",
    }

    def __init__(self) -> None:
        self.stimulus = Stimulus(highest_frequency=HIGHEST, rates=(FS,))
        length = (
            self.stimulus.param.duration
        )  # of this object alone: param copies a parameter that is asked for
        length.bounds, length.step, length.scale = (SHORTEST, length.bounds[1]), 0.01, "log"
        self.listener = Listener()
        self.parameters = Parameters()
        self.display = Display()
        super().__init__({"s": self.stimulus, "m": self.listener, "p": self.parameters, "v": self.display})

    # ------------------------------------------------------------------ sound

    @property
    def brings_its_sound(self) -> bool:
        """Whether the experiment has a sound of its own, in place of the one that is chosen."""
        return self.display.view in OWN

    def _sound_key(self) -> tuple[Hashable, ...]:
        """Return what the sound depends on, and what another ear makes of it."""
        if self.brings_its_sound:
            return self.key_of("v.view", *OWN[self.display.view])
        if not self.is_impaired:
            return self.key_of("s.")
        return self.kept_key("sound", lambda: (*self.key_of("s."), *self.another_ear.key(share=False)))

    @depends_on(_sound_key, shared=False)
    def sound(self) -> torch.Tensor:
        """Return the sound of the experiment in Pa, shape ``(T,)``."""
        if self.brings_its_sound:
            return steady.rendered(self.stimulus, self.display)
        return self.stimulus.render(FS)

    @property
    def sound_in_words(self) -> str:
        """What is heard, in a few words."""
        return steady.summary(self.stimulus, self.display) if self.brings_its_sound else self.stimulus.summary

    def both_ears(self) -> torch.Tensor:
        """Return the sound as it reaches the left and the right ear, Pa, shape ``(2, T)``."""
        return self.to_both(self.sound())

    def to_both(self, x: torch.Tensor) -> torch.Tensor:
        """Return a sound of shape ``(T,)`` as it reaches the left and the right ear, ``(2, T)``."""
        return torch.stack([x, x * self.right_gain])

    @property
    def right(self) -> float:
        """Level in the right ear against the left, dB; -inf where it hears nothing."""
        if self.listener.ears == "left":
            return -math.inf
        return float(self.listener.ild) if self.listener.model == "moore2016" else 0.0

    @property
    def right_gain(self) -> float:
        """Factor of the right ear against the left."""
        return 10 ** (self.right / 20)

    @property
    def _second_ear(self) -> float:
        """Level in the right ear against the left, dB; 0 where the right ear hears nothing."""
        return self.right if self.right > -math.inf else 0.0

    def reconcile(self, changed: Iterable[str]) -> list[str]:
        """Let the experiment fit the sound that was chosen, and the other way round; keep what the models can hear."""
        return [*self._fit_experiment(changed), *self._fit_band(), *self._fit_ears()]

    def _fit_experiment(self, changed: Iterable[str]) -> list[str]:
        view, kind = self.display.view, self.stimulus.kind
        needs_tone = view in TONES and kind != "tone"
        if "s.kind" in changed and (needs_tone or (view in OWN and kind != "tone")):
            self.display.view = "area"
            return [
                f"The experiment before has a sound of its own; {self.stimulus.summary} is heard in this one."
            ]
        if needs_tone:
            self.stimulus.kind = "tone"
            return ["This experiment is made with pure tones: the sound is one now."]
        return []

    def _fit_band(self) -> list[str]:
        centre = float(self.display.centre)
        widest = math.floor(
            (HIGHEST**2 - centre**2) / HIGHEST
        )  # its upper edge is then at the highest frequency
        if self.display.band <= widest:
            return []
        self.display.band = widest
        return [f"A band around {centre:g} Hz ends at {HIGHEST} Hz: it is {widest} Hz wide now."]

    def _fit_ears(self) -> list[str]:
        highest = LOUDEST - self._level
        if self._second_ear <= highest:
            return []
        self.listener.ild = highest
        return [
            f"More than {LOUDEST} dB SPL at the right ear is not offered: the difference is {highest:g} dB now."
        ]

    @property
    def _level(self) -> float:
        """Level of the sound, or of the strongest of its parts, dB SPL."""
        display = self.display
        if display.view == "masking":
            return float(max(display.level, display.probe_level))
        return float(display.level if display.view == "bandwidth" else self.stimulus.level)

    # ------------------------------------------------------------------ models

    def _make(
        self,
        field: str,
        step: int,
        *,
        inhibition: bool = True,
        ears: str = "both",
    ) -> Moore2016 | Glasberg2002:
        model: Moore2016 | Glasberg2002
        if self.listener.model == "moore2016":
            model = Moore2016(FS, field=field, inhibition=inhibition, pad=True, segment_duration=step)
        else:
            model = Glasberg2002(
                FS,
                field=field,
                presentation="diotic" if ears == "both" else "monaural",
                pad=True,
                segment_duration=step,
            )
        set_parameters(model, self.parameters)
        return model

    def model(
        self,
        field: str | None = None,
        *,
        inhibition: bool | None = None,
        ears: str | None = None,
        step: int | None = None,
    ) -> Moore2016 | Glasberg2002:
        """Return the model as set, or with another sound field, ears or inhibition; models are shared, not changed."""
        field, step = field or self.listener.field, step or self.step
        inhibition = self.listener.inhibition if inhibition is None else inhibition
        ears = ears or self.listener.ears

        def make() -> Moore2016 | Glasberg2002:
            model = self._make(field, step, inhibition=inhibition, ears=ears)
            # Parts of the same ear, 0.4 MB of tables and responses, belong to all its models.
            same = self.stage(
                f"ear-{field}-{step}",
                (*self.key_of("m.model", *EAR), field, step),
                lambda: model,
                shared=True,
            )
            for name in ("ear", "spectrum", "excitation", "specific"):
                setattr(model, name, getattr(same, name))
            if isinstance(model, Moore2016):
                own = model.binaural.smoothing
                model.binaural.smoothing = self.stage(
                    "spread", self.key_of("p.spread"), lambda: own, shared=True
                )
            return model

        key = (*self.key_of("p.", "m.model"), step, field, inhibition, ears)
        return self.stage(f"model-{field}-{inhibition}-{ears}-{step}", key, make, shared=True)

    # ------------------------------------------------------------------ the chain

    def at_cochlea(self) -> torch.Tensor:
        """Return the pressure at the cochlea in Pa, shape ``(1, T')``, or ``(2, T')`` where the ears hear differently.

        Sound and silence after it, behind outer and middle ear.
        """
        if not self.stimulus.scales or self.is_impaired:
            return self._at_cochlea()
        return self._at_cochlea(REFERENCE_LEVEL) * 10 ** ((self.stimulus.level - REFERENCE_LEVEL) / 20)

    def _shape_key(self, level: float | None = None) -> tuple[Hashable, ...]:
        sound = self._sound_key() if level is None else self.stimulus.key(level=False)
        return (sound, self.step, self.right)

    @depends_on(_shape_key, "m.model", "m.field")
    def _at_cochlea(self, level: float | None = None) -> torch.Tensor:
        x = self.sound() if level is None else self.stimulus.render(FS, level=level)
        x = self.reaching(torch.nn.functional.pad(x, (0, round(AFTER * FS))))
        return self.model().at_cochlea(self.another_ear.hears(x, FS) if self.is_impaired else x)

    @property
    def is_impaired(self) -> bool:
        """Whether the sound passes the simulation of another ear: the other experiments are those of a normal one."""
        return self.display.view == "area" and not self.another_ear.is_normal

    def reaching(self, x: torch.Tensor) -> torch.Tensor:
        """Return a sound of shape ``(T,)`` as it reaches the ears: one row where both hear the same, else two."""
        equal = self.right == 0 or self.listener.model == "glasberg2002"
        return x[None] if equal else self.to_both(x)

    @depends_on(_shape_key, "m.model", "m.field", *EAR)
    def _patterns(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Work out each ear: excitation at the moments, ``(R, M, C)``, and specific loudness, ``(R, F, C)``."""
        if self.brings_its_sound:
            excitation, specific = self._steady_patterns()
        else:
            excitation, specific = self.model().patterns(self.at_cochlea())
        return excitation[:, :: self.keep_every].contiguous(), specific

    def _steady_patterns(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Work out each ear's patterns of a sound that is known by its components, and of the silence after it."""
        model = self.model()
        rows = len(self.reaching(torch.zeros(1)))
        excitation, specific = [], []
        for segment in self.segments:
            found = segment.lines.at(model, 0.0, self.right)
            frames = round(1000 * segment.duration / self.step)
            excitation.append(found.excitation[:rows, None].expand(-1, frames, -1))
            specific.append(found.specific_loudness[:rows, None].expand(-1, frames, -1))
        after = round(1000 * AFTER / self.step) + 1
        channels = model.n_channels
        excitation.append(torch.full((rows, after, channels), SILENT))
        specific.append(torch.zeros(rows, after, channels))
        return torch.cat(excitation, 1), torch.cat(specific, 1)

    @property
    def segments(self) -> list[steady.Segment]:
        """The sound of an experiment that brings its own, by its components."""
        return steady.segments(self.stimulus, self.display)

    @property
    @depends_on(_shape_key, "m.model", "m.field", "m.ears", "m.inhibition", "p.")
    def course(self) -> Course:
        """The whole sound through the model."""
        keep = self.keep_every
        excitation, specific = self._patterns()
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
            excitation = torch.stack([excitation[0], torch.full_like(excitation[0], SILENT)])
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
    def keep_every(self) -> int:
        """The patterns of every how many-th frame are kept."""
        return max(1, KEEP // self.step)

    @property
    def step(self) -> int:
        """Time from one spectrum to the next, ms: a click may fall between two that are 4 ms apart."""
        chosen, sound = int(self.parameters.step), self.stimulus
        if self.brings_its_sound:
            return 8
        if chosen or sound.kind not in STEADY or sound.duration < CLICK:
            return chosen or 1
        return 8 if sound.kind == "tone" and sound.duration >= LONG_TONE else 4

    @property
    def duration(self) -> float:
        """How long the sound lasts, s; the silence after it not counted."""
        return steady.DURATION if self.brings_its_sound else self._length() / FS

    @depends_on(lambda lab: lab.stimulus.key(level=False), shared=False)
    def _length(self) -> int:
        return len(self.sound())

    @property
    def frame(self) -> int:
        """Index of the kept frame that is nearest to the moment that is displayed."""

        def found() -> tuple[int]:
            share = float(self.display.moment) / 100
            after = max(share - 1, 0) / (self.display.param.moment.bounds[1] / 100 - 1) * AFTER
            at = min(share, 1) * self.duration + after
            return (min(round(1000 * at / (self.step * self.keep_every)), len(self.course.moments) - 1),)

        return int(self.kept_key("frame", found)[0])

    def moment_at(self, time: float) -> float:
        """Return the setting of the moment that is nearest to a time in s."""
        highest = self.display.param.moment.bounds[1]
        share = 100 * time / self.duration
        if share > 100:
            share = 100 + (time - self.duration) / AFTER * (highest - 100)
        return round(min(max(share, 0.0), highest), 1)

    def _frame_key(self) -> tuple[Hashable, ...]:
        return (self._sound_key(), self.step, self.frame)

    @property
    @depends_on(_frame_key, "m.model", "m.field", *SPECTRUM)
    def spectrum(self) -> Lines:
        """Components of the left ear's spectrum at the moment, behind outer and middle ear."""
        at = self.frame * self.keep_every
        if self.brings_its_sound:
            time = float(self.course.moments[self.frame])
            for segment in self.segments:
                if time < segment.duration:
                    ear = self.model().ear
                    assert ear is not None  # at least the middle ear is there
                    gain = ear.gain_db(torch.as_tensor(segment.lines.frequencies)).numpy()
                    return Lines(segment.lines.frequencies, segment.lines.levels + gain)
                time -= segment.duration
            return Lines(np.zeros(0), np.zeros(0))
        freqs, power = self.model().spectrum.dense(self.at_cochlea()[0], at, at + 1)
        kept = power[0] > 0
        return Lines(freqs[kept].double().numpy(), 10 * power[0, kept].double().log10().numpy())

    @property
    def threshold(self) -> Array:
        """Excitation in dB at the threshold of hearing, shape ``(C,)``."""
        return self.model().specific.threshold_db.numpy()

    @property
    def patterns(self) -> tuple[Array, Array]:
        """Excitation in dB and specific loudness in sone/Cam at the moment, each ``(2, C)``: left and right."""
        course, i = self.course, self.frame
        return course.excitation[:, i], course.specific[:, i]
