"""Experiments in which a tone is to be heard: in quiet, in noise, beside a notch in noise, and after a masker.
Source: Hawkins and Stevens (1950), Patterson (1976), Jesteadt, Bacon and Lehman (1982); see each class.
Not here: changes of a sound that is always there (:mod:`amtlib.experiments.discrimination`).
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from amtlib.errors import ArgumentError
from amtlib.experiments.experiment import SOFTEST, Experiment, Variable
from amtlib.experiments.settings import check_band, choice, derived_seed, quantity

#: Steps of a level, dB
_LEVEL_STEPS = (8.0, 4.0, 2.0)


def _level(low: float, high: float, start: float) -> Variable:
    return Variable("level", "dB SPL", low, high, min(max(start, low), high), _LEVEL_STEPS)


@dataclass(frozen=True, kw_only=True, repr=False)
class ToneInQuiet(Experiment):
    """
    A tone in one interval, silence in the others: the threshold in quiet.

    Parameters
    ----------
    frequency : float
        Of the tone, Hz.
    duration, ramp : float
        Of the tone and of its rise and fall, s.
    intervals, pause, before, after, rove, fs, loudest
        As for :class:`Experiment`.

    Examples
    --------
    >>> ToneInQuiet(frequency=4000.0).trial(30.0, target=1, seed=0).intervals.shape
    torch.Size([3, 13230])
    """

    name: ClassVar[str] = "tone_in_quiet"
    title: ClassVar[str] = "Tone in quiet"
    question: ClassVar[str] = "Which interval has a tone?"

    frequency: float = quantity(1000.0, 100.0, 10000.0, "Hz", "Frequency")
    duration: float = quantity(0.3, 0.02, 2.0, "s", "Duration")
    ramp: float = quantity(0.02, 0.001, 0.1, "s", "Rise and fall")

    @property
    def tones(self) -> tuple[str, ...]:
        """Return the names of the frequencies."""
        return ("frequency",)

    @property
    def variable(self) -> Variable:
        """Return the level of the tone."""
        return _level(SOFTEST + self.rove, self._room(), 50.0)

    @property
    def random(self) -> bool:
        """Return False: silence is always the same."""
        return False

    def sound(self, value: float, seed: int, target: bool) -> Tensor:
        """Return the tone, or silence."""
        if not target:
            return torch.zeros(self._samples(self.duration), dtype=torch.float64)
        return self._tone(self.frequency, value, self.duration, self.ramp)


@dataclass(frozen=True, kw_only=True, repr=False)
class _InNoise(Experiment):
    """A tone in the middle of noise that comes with each interval (gated), or goes on through the trial."""

    frequency: float = quantity(1000.0, 100.0, 10000.0, "Hz", "Frequency of the tone")
    duration: float = quantity(0.3, 0.01, 2.0, "s", "Duration of the tone")
    ramp: float = quantity(0.02, 0.001, 0.1, "s", "Rise and fall of tone and noise")
    masker_duration: float = quantity(0.5, 0.02, 2.0, "s", "Duration of gated noise")
    masker: str = choice(
        "gated", ("gated", "continuous"), "Noise with each interval, or through the whole trial"
    )
    spectrum_level: float = quantity(30.0, -20.0, 70.0, "dB SPL", "Level of the noise in each hertz")

    def _check(self) -> None:
        if self.masker_duration < self.duration:
            raise ArgumentError(
                f"{{duration}} = {self.duration:g} s exceeds {{masker_duration}} = {self.masker_duration:g} s: "
                "shorten the tone or lengthen the noise"
            )
        if self.masker == "continuous" and self.rove:
            raise ArgumentError(
                f"{{rove}} = {self.rove:g} dB changes intervals, and continuous noise has none: set {{rove}} to 0 or "
                "{masker} to 'gated'"
            )
        for band in self.bands:
            check_band(*band, self.fs, self.masker_duration)
        self._check_levels("level of the noise", self.masker_level)
        super()._check()

    @property
    def tones(self) -> tuple[str, ...]:
        """Return the names of the frequencies."""
        return ("frequency",)

    @property
    @abstractmethod
    def bands(self) -> list[tuple[float, float]]:
        """Return the edges of the bands of noise, Hz."""

    @property
    def masker_level(self) -> float:
        """Return the level of the noise, dB SPL."""
        return self.spectrum_level + 10.0 * math.log10(sum(high - low for low, high in self.bands))

    @property
    def variable(self) -> Variable:
        """Return the level of the tone."""
        return _level(SOFTEST + self.rove, self._room(self.masker_level), self.spectrum_level + 40.0)

    @property
    def supra(self) -> float:
        """Return a level 30 dB above the spectrum level, some 10 dB above the threshold in broadband noise."""
        return self.variable.clamped(self.spectrum_level + 30.0)

    @property
    def random(self) -> bool:
        """Return True: each interval has noise of its own."""
        return True

    @property
    def length(self) -> float:
        """Return the duration of the noise; continuous noise is also heard in the pause before an interval."""
        return self.masker_duration + (self.pause if self.masker == "continuous" else 0.0)

    def noise(self, duration: float, seed: int) -> Tensor:
        """Return the noise, shape (T,), Pa."""
        total = torch.zeros(self._samples(duration), dtype=torch.float64)
        for low, high in self.bands:
            level = self.spectrum_level + 10.0 * math.log10(high - low)
            total += self._noise(low, high, level, duration, self.ramp, seed)
        return total

    def _add_tone(self, noise: Tensor, value: float, end: int) -> None:
        """Add the tone in the middle of the interval that ends at a sample."""
        tone = self._tone(self.frequency, value, self.duration, self.ramp)
        start = end - (self._samples(self.masker_duration) + len(tone)) // 2
        noise[start : start + len(tone)] += tone

    def sound(self, value: float, seed: int, target: bool) -> Tensor:
        """Return noise with or without the tone in the middle of the interval."""
        samples = self._samples(self.masker_duration)
        if self.masker == "continuous":
            samples += self._samples(self.pause)
        noise = self.noise(samples / self.fs, derived_seed(seed, 0))
        if target:
            self._add_tone(noise, value, len(noise))
        return noise

    def _continuous(self, value: float, target: int, seed: int) -> Tensor:
        """Return pause, interval, pause, interval, ... of one noise."""
        step = self._samples(self.pause) + self._samples(self.masker_duration)
        noise = self.noise(self.intervals * step / self.fs, derived_seed(seed, 0))
        self._add_tone(noise, value, (target + 1) * step)
        return noise

    def sounds(self, value: float, target: int, seed: int) -> Tensor:
        """Return the intervals, each of continuous noise with the pause before it."""
        if self.masker == "gated":
            return super().sounds(value, target, seed)
        pieces = self._continuous(value, target, seed).reshape(self.intervals, -1)
        return torch.stack([self._padded(piece) for piece in pieces])

    def presentation(self, value: float, target: int, seed: int) -> tuple[Tensor, list[float]]:
        """Return the trial as it is played, and where its intervals begin, s."""
        if self.masker == "gated":
            return super().presentation(value, target, seed)
        step = self.pause + self.masker_duration
        return self._continuous(value, target, seed), [k * step + self.pause for k in range(self.intervals)]


@dataclass(frozen=True, kw_only=True, repr=False)
class ToneInNoise(_InNoise):
    """
    A tone in broadband noise: at threshold its level above the noise's in one hertz is the critical ratio.

    Parameters
    ----------
    frequency, duration, ramp : float
        Of the tone, Hz and s; the noise has the same ramps.
    masker : {'gated', 'continuous'}
        Noise with each interval, or through the whole trial.
    masker_duration : float
        Of gated noise, s; the tone is in its middle. Continuous noise is as long around the tone, and in the pauses.
    spectrum_level : float
        Level of the noise in each hertz, dB SPL.
    noise_low, noise_high : float
        Edges of the noise, Hz.
    intervals, pause, before, after, rove, fs, loudest
        As for :class:`Experiment`.

    References
    ----------
    Hawkins and Stevens (1950), The masking of pure tones and of speech by white noise, J. Acoust. Soc. Am. 22, 6-13.

    Examples
    --------
    >>> ToneInNoise(masker="continuous").trial(60.0, target=0, seed=1).begins
    [0.4, 1.3, 2.2]
    """

    name: ClassVar[str] = "tone_in_noise"
    title: ClassVar[str] = "Tone in noise"
    question: ClassVar[str] = "Which interval has a tone in the noise?"

    noise_low: float = quantity(100.0, 20.0, 10000.0, "Hz", "Lower edge of the noise")
    noise_high: float = quantity(7000.0, 100.0, 16000.0, "Hz", "Upper edge of the noise")

    @property
    def bands(self) -> list[tuple[float, float]]:
        """Return the one band."""
        return [(self.noise_low, self.noise_high)]


@dataclass(frozen=True, kw_only=True, repr=False)
class NotchedNoise(_InNoise):
    """
    A tone in the middle of a notch between two bands of noise: how sharp is the auditory filter?

    Parameters
    ----------
    notch : float
        Distance of either band from the tone, as a share of the tone's frequency.
    band : float
        Width of either band, as such a share.
    frequency, duration, ramp, masker, masker_duration, spectrum_level
        As for :class:`ToneInNoise`.
    intervals, pause, before, after, rove, fs, loudest
        As for :class:`Experiment`.

    References
    ----------
    Patterson (1976), Auditory filter shapes derived with noise stimuli, J. Acoust. Soc. Am. 59, 640-654.

    Examples
    --------
    >>> NotchedNoise(frequency=1000.0, notch=0.2).bands
    [(400.0, 800.0), (1200.0, 1600.0)]
    """

    name: ClassVar[str] = "notched_noise"
    title: ClassVar[str] = "Notched noise"
    question: ClassVar[str] = "Which interval has a tone between the noises?"

    notch: float = quantity(0.2, 0.0, 0.5, "", "Half the notch's width as a share of the frequency")
    band: float = quantity(0.4, 0.1, 0.4, "", "Width of either band as a share of the frequency")

    @property
    def bands(self) -> list[tuple[float, float]]:
        """Return the bands below and above the notch, Hz."""
        near, far = self.notch, self.notch + self.band
        edges = [round(self.frequency * share, 6) for share in (1.0 - far, 1.0 - near, 1.0 + near, 1.0 + far)]
        return [(edges[0], edges[1]), (edges[2], edges[3])]


@dataclass(frozen=True, kw_only=True, repr=False)
class ForwardMasking(Experiment):
    """
    A short tone after a masker: how long does a sound that is over keep others from being heard?

    Parameters
    ----------
    frequency, masker_frequency : float
        Of the signal and of a masker that is a tone, Hz.
    masker : {'tone', 'noise'}
        Noise reaches from 0.02 to 8 kHz.
    masker_level, masker_duration, masker_ramp : float
        Of the masker: dB SPL, s, s.
    delay : float
        From the masker's end to the signal's beginning, s.
    duration, ramp : float
        Of the signal, s.
    intervals, pause, before, after, rove, fs, loudest
        As for :class:`Experiment`.

    References
    ----------
    Jesteadt, Bacon and Lehman (1982), Forward masking as a function of frequency, masker level, and signal delay,
    J. Acoust. Soc. Am. 71, 950-962.

    Examples
    --------
    >>> ForwardMasking(delay=0.02).trial(60.0, target=2, seed=0).intervals.shape
    torch.Size([3, 14553])
    """

    name: ClassVar[str] = "forward_masking"
    title: ClassVar[str] = "Forward masking"
    question: ClassVar[str] = "Which interval has a short tone after its end?"

    ramps: ClassVar[tuple[tuple[str, str], ...]] = (("ramp", "duration"), ("masker_ramp", "masker_duration"))

    frequency: float = quantity(1000.0, 100.0, 10000.0, "Hz", "Frequency of the signal")
    masker: str = choice("tone", ("tone", "noise"), "Kind of masker")
    masker_frequency: float = quantity(1000.0, 100.0, 10000.0, "Hz", "Frequency of a masker that is a tone")
    masker_level: float = quantity(60.0, 0.0, 90.0, "dB SPL", "Level of the masker")
    masker_duration: float = quantity(0.2, 0.01, 1.0, "s", "Duration of the masker")
    masker_ramp: float = quantity(0.005, 0.001, 0.1, "s", "Rise and fall of the masker")
    delay: float = quantity(0.01, 0.0, 0.5, "s", "From the masker's end to the signal's beginning")
    duration: float = quantity(0.01, 0.002, 0.2, "s", "Duration of the signal")
    ramp: float = quantity(0.005, 0.0005, 0.05, "s", "Rise and fall of the signal")
    after: float = quantity(0.1, 0.0, 1.0, "s", "Silence at the end of each interval")

    @property
    def tones(self) -> tuple[str, ...]:
        """Return the names of the frequencies."""
        return ("frequency", "masker_frequency") if self.masker == "tone" else ("frequency",)

    def _check(self) -> None:
        self._check_levels("masker_level", self.masker_level)
        super()._check()

    @property
    def variable(self) -> Variable:
        """Return the level of the signal, which follows the masker and so need not share its level with it."""
        return _level(SOFTEST + self.rove, min(self._room(), 90.0), self.masker_level + 10.0)

    @property
    def random(self) -> bool:
        """Return whether the masker is noise, or levels rove."""
        return self.masker == "noise" or super().random

    @property
    def length(self) -> float:
        """Return the time from the masker's beginning to the signal's end."""
        return self.masker_duration + self.delay + self.duration

    def sound(self, value: float, seed: int, target: bool) -> Tensor:
        """Return the masker, and the signal after it."""
        if self.masker == "noise":
            masker = self._noise(
                20.0,
                min(8000.0, self.fs / 2.0),
                self.masker_level,
                self.masker_duration,
                self.masker_ramp,
                derived_seed(seed, 0),
            )
        else:
            masker = self._tone(
                self.masker_frequency, self.masker_level, self.masker_duration, self.masker_ramp
            )
        total = torch.zeros(self._samples(self.length), dtype=torch.float64)
        total[: len(masker)] = masker
        if target:
            signal = self._tone(self.frequency, value, self.duration, self.ramp)
            total[len(total) - len(signal) :] += signal
        return total
