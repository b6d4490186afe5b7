"""Experiments about changes within a sound: gaps, amplitude modulation, and modulation that masks modulation.
Source: Plomp (1964), Viemeister (1979), Houtgast (1989); see each class.
Not here: sounds that differ as a whole (:mod:`amtlib.experiments.discrimination`).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from amtlib import signals
from amtlib.errors import ArgumentError
from amtlib.experiments.experiment import Experiment, Variable
from amtlib.experiments.settings import check_band, choice, derived_seed, quantity


@dataclass(frozen=True, kw_only=True, repr=False)
class GapDetection(Experiment):
    """
    A silent gap in the middle of noise: how short may it be?

    Parameters
    ----------
    noise_low, noise_high : float
        Edges of the noise, Hz.
    level : float
        Of the noise without the gap, dB SPL.
    duration, ramp : float
        Of the noise and of its rise and fall, s.
    gap_ramp : float
        Fall before and rise after the silence, s.
    intervals, pause, before, after, rove, fs, loudest
        As for :class:`Experiment`.

    References
    ----------
    Plomp (1964), Rate of decay of auditory sensation, J. Acoust. Soc. Am. 36, 277-282.

    Examples
    --------
    >>> x = GapDetection().trial(10.0, target=0, seed=0).intervals
    >>> (x[:, 1000:-1000] == 0.0).sum(-1)
    tensor([441,   0,   0])
    """

    name: ClassVar[str] = "gap_detection"
    title: ClassVar[str] = "Gap detection"
    question: ClassVar[str] = "Which interval has a gap?"

    noise_low: float = quantity(100.0, 0.0, 10000.0, "Hz", "Lower edge of the noise")
    noise_high: float = quantity(8000.0, 100.0, 16000.0, "Hz", "Upper edge of the noise")
    level: float = quantity(65.0, 0.0, 100.0, "dB SPL", "Level of the noise")
    duration: float = quantity(0.4, 0.15, 2.0, "s", "Duration of the noise")
    ramp: float = quantity(0.01, 0.001, 0.1, "s", "Rise and fall of the noise")
    gap_ramp: float = quantity(0.0005, 0.0, 0.01, "s", "Fall and rise around the gap")

    def _check(self) -> None:
        self._check_levels("level", self.level)
        check_band(self.noise_low, self.noise_high, self.fs, self.duration)
        super()._check()

    @property
    def variable(self) -> Variable:
        """Return the length of the silence in ms."""
        return Variable("gap", "ms", 0.2, 100.0, 20.0, (2.0, 2.0**0.5, 2.0**0.25), "log")

    @property
    def random(self) -> bool:
        """Return True: each interval has noise of its own."""
        return True

    def sound(self, value: float, seed: int, target: bool) -> Tensor:
        """Return the noise, with a gap or without."""
        return signals.gap_in_noise(
            value / 1000.0 if target else 0.0,
            gap_ramp=self.gap_ramp,
            low=self.noise_low,
            high=self.noise_high,
            level=self.level,
            duration=self.duration,
            fs=self.fs,
            ramp=self.ramp,
            seed=derived_seed(seed, 0),
            dtype=torch.float64,
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class _Modulation(Experiment):
    """A carrier whose envelope is modulated, at the same level with and without the target."""

    carrier: str = choice("noise", ("noise", "tone"), "What is modulated")
    frequency: float = quantity(5000.0, 250.0, 10000.0, "Hz", "Frequency of a tone that is modulated")
    noise_low: float = quantity(100.0, 0.0, 10000.0, "Hz", "Lower edge of noise that is modulated")
    noise_high: float = quantity(8000.0, 100.0, 16000.0, "Hz", "Upper edge of noise that is modulated")
    rate: float = quantity(8.0, 1.0, 1000.0, "Hz", "Rate of the modulation that is to be heard")
    level: float = quantity(65.0, 0.0, 100.0, "dB SPL", "Level of each interval")
    duration: float = quantity(0.5, 0.1, 2.0, "s", "Duration")
    ramp: float = quantity(0.05, 0.001, 0.2, "s", "Rise and fall")

    def _check(self) -> None:
        self._check_levels("level", self.level)
        if self.carrier == "noise":
            check_band(self.noise_low, self.noise_high, self.fs, self.duration)
        top = self.frequency if self.carrier == "tone" else self.noise_high
        if self.carrier == "tone" and not (self.rate < top and top + self.rate < self.fs / 2.0):
            raise ArgumentError(
                f"{{rate}} = {self.rate:g} Hz puts sidebands at {top - self.rate:g} and {top + self.rate:g} Hz, not "
                f"inside 0 to {{fs}} / 2 = {self.fs / 2.0:g} Hz: lower {{rate}} or move {{frequency}}"
            )
        super()._check()

    @property
    def variable(self) -> Variable:
        """Return the depth of modulation, 20 lg m."""
        return Variable("depth", "dB", -60.0, 0.0, -4.0, (4.0, 2.0, 1.0))

    @property
    def random(self) -> bool:
        """Return whether intervals are noise, or levels rove."""
        return self.carrier == "noise" or super().random

    def masking(self, seed: int) -> Tensor | float:
        """Return what else is in the envelope."""
        return 0.0

    def sound(self, value: float, seed: int, target: bool) -> Tensor:
        """Return the carrier with its envelope, at its level."""
        if self.carrier == "tone":
            carried = self._tone(self.frequency, self.level, self.duration, 0.0)
        else:
            carried = self._noise(
                self.noise_low, self.noise_high, self.level, self.duration, 0.0, derived_seed(seed, 0)
            )
        time = torch.arange(len(carried), dtype=torch.float64) / self.fs
        depth = 10.0 ** (value / 20.0) if target else 0.0
        envelope = 1.0 + depth * torch.sin(2.0 * math.pi * self.rate * time) + self.masking(seed)
        modulated = signals.set_level(carried * torch.as_tensor(envelope).clamp_min(0.0), self.level)
        return signals.apply_ramp(modulated, self.fs, self.ramp)


@dataclass(frozen=True, kw_only=True, repr=False)
class AMDetection(_Modulation):
    """
    Sinusoidal amplitude modulation in one interval: over rates, the temporal modulation transfer function.

    Parameters
    ----------
    carrier : {'noise', 'tone'}
        What is modulated; noise is new in each interval.
    frequency : float
        Of the tone, Hz.
    noise_low, noise_high : float
        Edges of the noise, Hz.
    rate : float
        Of the modulation, Hz.
    level : float
        Of each interval, modulated or not, dB SPL.
    duration, ramp : float
        Of the sound and of its rise and fall, s.
    intervals, pause, before, after, rove, fs, loudest
        As for :class:`Experiment`.

    References
    ----------
    Viemeister (1979), Temporal modulation transfer functions based upon modulation thresholds, J. Acoust. Soc. Am. 66,
    1364-1380.

    Examples
    --------
    >>> x = AMDetection(ramp=0.001).trial(0.0, target=1, seed=0).intervals
    >>> signals.rms_level(x).round()
    tensor([65., 65., 65.], dtype=torch.float64)
    """

    name: ClassVar[str] = "am_detection"
    title: ClassVar[str] = "Detection of amplitude modulation"
    question: ClassVar[str] = "Which interval fluctuates?"


@dataclass(frozen=True, kw_only=True, repr=False)
class AMMasking(_Modulation):
    """
    Sinusoidal modulation in one interval, beside noise modulation in all: are modulations masked like tones?

    Parameters
    ----------
    masker_rate : float
        Centre of the band of noise that modulates all intervals, Hz.
    masker_octaves : float
        Width of that band in octaves.
    masker_depth : float
        Its root mean square, dB relative to the unmodulated envelope; where both together would take the envelope below
        0, it is 0.
    carrier, frequency, noise_low, noise_high, rate, level, duration, ramp
        As for :class:`AMDetection`; the carrier is a tone.
    intervals, pause, before, after, rove, fs, loudest
        As for :class:`Experiment`.

    References
    ----------
    Houtgast (1989), Frequency selectivity in amplitude-modulation detection, J. Acoust. Soc. Am. 85, 1676-1680.

    Examples
    --------
    >>> AMMasking(masker_rate=16.0).random
    True
    """

    name: ClassVar[str] = "am_masking"
    title: ClassVar[str] = "Masking of amplitude modulation"
    question: ClassVar[str] = "Which interval beats regularly?"

    carrier: str = choice("tone", ("noise", "tone"), "What is modulated")
    masker_rate: float = quantity(8.0, 4.0, 500.0, "Hz", "Centre of the noise that modulates all intervals")
    masker_octaves: float = quantity(0.5, 0.25, 2.0, "octaves", "Width of that noise")
    masker_depth: float = quantity(-15.0, -40.0, -6.0, "dB", "Root mean square of that noise")
    duration: float = quantity(1.0, 0.5, 2.0, "s", "Duration")

    def _check(self) -> None:
        low, high = self._edges
        lines = math.floor(high * self.duration) - math.ceil(low * self.duration) + 1
        if lines < 2:
            raise ArgumentError(
                f"{{masker_octaves}} = {self.masker_octaves:g} around {self.masker_rate:g} Hz holds no noise within "
                f"{{duration}} = {self.duration:g} s: widen the band or lengthen the sound"
            )
        super()._check()

    @property
    def _edges(self) -> tuple[float, float]:
        half = 2.0 ** (self.masker_octaves / 2.0)
        return self.masker_rate / half, self.masker_rate * half

    @property
    def random(self) -> bool:
        """Return True: each interval has modulation noise of its own."""
        return True

    def masking(self, seed: int) -> Tensor:
        """Return noise modulation, shape (T,)."""
        low, high = self._edges
        noise = self._noise(low, high, self.level, self.duration, 0.0, derived_seed(seed, 1))
        depth: Tensor = noise / noise.square().mean().sqrt() * 10.0 ** (self.masker_depth / 20.0)
        return depth
