"""Experiments in which one interval differs from the others: in level, in frequency, in its spectrum.
Source: Florentine, Buus and Mason (1987), Wier, Jesteadt and Green (1977), Supin et al. (1994); see each class.
Not here: sounds that are there or not (:mod:`amtlib.experiments.detection`), and changes within a sound
(:mod:`amtlib.experiments.temporal`).
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

#: Factors by which differences change
_FACTORS = (2.0, 2.0**0.5, 2.0**0.25)


@dataclass(frozen=True, kw_only=True, repr=False)
class IntensityDiscrimination(Experiment):
    """
    One interval is louder: how small a step of level is heard?

    Parameters
    ----------
    carrier : {'tone', 'noise'}
        Kind of sound; noise is new in each interval.
    frequency : float
        Of the tone, Hz.
    noise_low, noise_high : float
        Edges of the noise, Hz.
    level : float
        Of the softer intervals, dB SPL.
    duration, ramp : float
        Of the sound and of its rise and fall, s.
    intervals, pause, before, after, rove, fs, loudest
        As for :class:`Experiment`.

    References
    ----------
    Florentine, Buus and Mason (1987), Level discrimination as a function of level for tones from 0.25 to 16 kHz,
    J. Acoust. Soc. Am. 81, 1528-1541.

    Examples
    --------
    >>> trial = IntensityDiscrimination(ramp=0.001).trial(3.0, target=2, seed=0)
    >>> signals.rms_level(trial.intervals).round()
    tensor([60., 60., 63.], dtype=torch.float64)
    """

    name: ClassVar[str] = "intensity_discrimination"
    title: ClassVar[str] = "Intensity discrimination"
    question: ClassVar[str] = "Which interval is louder?"

    carrier: str = choice("tone", ("tone", "noise"), "Kind of sound")
    frequency: float = quantity(1000.0, 100.0, 10000.0, "Hz", "Frequency of the tone")
    noise_low: float = quantity(100.0, 0.0, 10000.0, "Hz", "Lower edge of the noise")
    noise_high: float = quantity(7000.0, 100.0, 16000.0, "Hz", "Upper edge of the noise")
    level: float = quantity(60.0, 0.0, 95.0, "dB SPL", "Level of the softer intervals")
    duration: float = quantity(0.5, 0.02, 2.0, "s", "Duration")
    ramp: float = quantity(0.05, 0.001, 0.2, "s", "Rise and fall")

    @property
    def tones(self) -> tuple[str, ...]:
        """Return the names of the frequencies."""
        return ("frequency",) if self.carrier == "tone" else ()

    def _check(self) -> None:
        self._check_levels("level", self.level)
        if self.carrier == "noise":
            check_band(self.noise_low, self.noise_high, self.fs, self.duration)
        super()._check()

    @property
    def variable(self) -> Variable:
        """Return the step of level."""
        high = min(15.0, self.loudest - self.rove - self.level)
        return Variable("increment", "dB", 0.02, high, min(6.0, high), _FACTORS, "log")

    @property
    def supra(self) -> float:
        """Return 5 dB, as the demonstration of the CASP model has it, or what fits."""
        return self.variable.clamped(5.0)

    @property
    def random(self) -> bool:
        """Return whether intervals are noise, or levels rove."""
        return self.carrier == "noise" or super().random

    def sound(self, value: float, seed: int, target: bool) -> Tensor:
        """Return the sound at its level, or above it."""
        level = self.level + (value if target else 0.0)
        if self.carrier == "tone":
            return self._tone(self.frequency, level, self.duration, self.ramp)
        return self._noise(
            self.noise_low, self.noise_high, level, self.duration, self.ramp, derived_seed(seed, 0)
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class FrequencyDiscrimination(Experiment):
    """
    One tone is higher: how small a step of frequency is heard?

    Parameters
    ----------
    frequency : float
        Of the lower tones, Hz.
    level : float
        Of all tones, dB SPL.
    duration, ramp : float
        Of the tones and of their rise and fall, s.
    intervals, pause, before, after, rove, fs, loudest
        As for :class:`Experiment`.

    References
    ----------
    Wier, Jesteadt and Green (1977), Frequency discrimination as a function of frequency and sensation level,
    J. Acoust. Soc. Am. 61, 178-184.

    Examples
    --------
    >>> FrequencyDiscrimination().variable.unit
    '%'
    """

    name: ClassVar[str] = "frequency_discrimination"
    title: ClassVar[str] = "Frequency discrimination"
    question: ClassVar[str] = "Which interval is higher?"

    frequency: float = quantity(1000.0, 100.0, 6000.0, "Hz", "Frequency of the lower tones")
    level: float = quantity(60.0, 0.0, 100.0, "dB SPL", "Level")
    duration: float = quantity(0.3, 0.02, 2.0, "s", "Duration")
    ramp: float = quantity(0.02, 0.001, 0.2, "s", "Rise and fall")

    def _check(self) -> None:
        self._check_levels("level", self.level)
        super()._check()

    @property
    def variable(self) -> Variable:
        """Return the step of frequency in percent."""
        return Variable("difference", "%", 0.005, 25.0, 8.0, _FACTORS, "log")

    def sound(self, value: float, seed: int, target: bool) -> Tensor:
        """Return the tone at its frequency, or above it."""
        frequency = self.frequency * (1.0 + (value / 100.0 if target else 0.0))
        return self._tone(frequency, self.level, self.duration, self.ramp)


@dataclass(frozen=True, kw_only=True, repr=False)
class SpectralRipple(Experiment):
    """
    Noise whose spectrum has ripples; in one interval, peaks are where the others have valleys.

    The denser the ripples, the harder: the threshold is the finest pattern that the ear resolves.

    Parameters
    ----------
    low, high : float
        Edges of the noise, Hz.
    depth : float
        From peak to valley, dB.
    level : float
        Of each interval, dB SPL.
    duration, ramp : float
        Of the noise and of its rise and fall, s.
    intervals, pause, before, after, rove, fs, loudest
        As for :class:`Experiment`; levels rove by 4 dB.

    References
    ----------
    Supin, Milekhina, Nechaev and Tomozova (2022), Ripple density resolution dependence on ripple width, PLoS ONE 17,
    e0270296, for the method of reversed ripples.

    Examples
    --------
    >>> SpectralRipple().variable.easier
    -1
    """

    name: ClassVar[str] = "spectral_ripple"
    title: ClassVar[str] = "Spectral ripples"
    question: ClassVar[str] = "Which interval has another colour?"
    reference_varies: ClassVar[bool] = True

    low: float = quantity(100.0, 50.0, 2000.0, "Hz", "Lower edge of the noise")
    high: float = quantity(5000.0, 500.0, 12000.0, "Hz", "Upper edge of the noise")
    depth: float = quantity(30.0, 1.0, 40.0, "dB", "From peak to valley")
    level: float = quantity(60.0, 0.0, 95.0, "dB SPL", "Level")
    duration: float = quantity(0.5, 0.05, 2.0, "s", "Duration")
    ramp: float = quantity(0.05, 0.001, 0.2, "s", "Rise and fall")
    rove: float = quantity(4.0, 0.0, 20.0, "dB", "Largest random change of an interval's level, up or down")

    def _check(self) -> None:
        self._check_levels("level", self.level)
        if not 2.0 * self.low <= self.high < self.fs / 2.0:
            raise ArgumentError(
                f"{{low}} = {self.low:g} Hz and {{high}} = {self.high:g} Hz span no octave below {{fs}} / 2 = "
                f"{self.fs / 2.0:g} Hz: move them apart or raise {{fs}}"
            )
        super()._check()

    @property
    def variable(self) -> Variable:
        """Return the density of ripples."""
        steps = (2.0, 2.0**0.5, 2.0**0.25)
        return Variable("density", "ripples/octave", 0.125, 16.0, 0.5, steps, "log", -1)

    @property
    def random(self) -> bool:
        """Return True: each interval has noise of its own."""
        return True

    def sound(self, value: float, seed: int, target: bool) -> Tensor:
        """Return noise with ripples, which the target has reversed."""
        noise = self._noise(self.low, self.high, self.level, self.duration, 0.0, derived_seed(seed, 0))
        lines = torch.fft.rfft(noise)
        frequency = torch.arange(len(lines), dtype=torch.float64) * self.fs / len(noise)
        octaves = torch.log2(frequency.clamp_min(self.low) / self.low)
        ripples = torch.sin(2.0 * math.pi * value * octaves) * (-1.0 if target else 1.0)
        gain = 10.0 ** (0.5 * self.depth * ripples / 20.0)
        shaped = torch.fft.irfft(lines * gain, n=len(noise))
        return signals.apply_ramp(signals.set_level(shaped, self.level), self.fs, self.ramp)
