"""The frame a stimulus is drawn in: checked duration, rate, level, ramps, dtype and device.
The limits are those stated in :mod:`amtlib.signals`.
Not here: any sound, and the public functions on levels (:mod:`amtlib.signals.levels`).
"""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import torch

from amtlib.errors import ArgumentError, OutOfRange

P_REF = 20e-6
MAX_DURATION = 600.0
MAX_SAMPLES = 2**27
LEVEL_RANGE = (-100.0, 160.0)
RATE_RANGE = (100.0, 768_000.0)


def number(value: Any, name: str, low: float, high: float, unit: str = "", advice: str = "") -> float:
    """Return ``value`` as a float, or raise an error that names it, the closed range, and the fix.

    Examples
    --------
    >>> number(3, "order", 1, 8)
    3.0
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be one real number, got {type(value).__name__}: pass a float or an int")
    found = float(value)
    if not low <= found <= high:  # false for NaN too
        raise OutOfRange(name, found, low, high, unit, advice)
    return found


def whole(value: Any, name: str, low: int, high: int) -> int:
    """Return ``value`` as an int, or raise an error that names it and the closed range.

    Examples
    --------
    >>> whole(8, "iterations", 0, 64)
    8
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}: pass an int")
    found = int(value)
    if not low <= found <= high:
        raise OutOfRange(name, found, low, high, fix="choose a whole number in that range")
    return found


def amplitude(level: Any, name: str = "level") -> float:
    """Return the rms pressure in Pa of a level in dB SPL, after checking the level's range.

    Examples
    --------
    >>> round(amplitude(93.979400086720375), 9)
    1.0
    """
    return P_REF * math.pow(10.0, number(level, name, *LEVEL_RANGE, unit="dB SPL") / 20.0)


def ramp_samples(total: int, fs: float, ramp: Any) -> int:
    """Return the samples of one ramp, after checking that two of them fit in ``total`` samples.

    Examples
    --------
    >>> ramp_samples(1000, 1000.0, 0.05)
    50
    """
    if isinstance(ramp, bool) or not isinstance(ramp, Real):
        raise TypeError(
            f"ramp must be one real number in s, got {type(ramp).__name__}: pass a float or an int"
        )
    seconds = float(ramp)
    if not 0.0 <= seconds < math.inf or 2 * round(seconds * fs) > total + 1:
        raise ArgumentError(
            f"{{ramp}} = {seconds:g} s is outside 0 to {total / fs / 2:g} s (half of the sound's "
            f"{total / fs:g} s): shorten the ramps or lengthen the sound"
        )
    # Half a sample of rounding may make two ramps one sample too long for an odd length.
    return min(round(seconds * fs), total // 2)


def raised_cosine(n: int) -> torch.Tensor:
    """Return a rise of ``n`` samples, shape ``(n,)``, symmetric about one half.

    Examples
    --------
    >>> raised_cosine(2)
    tensor([0.1464, 0.8536], dtype=torch.float64)
    """
    return 0.5 - 0.5 * torch.cos(math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n)


@dataclass(frozen=True)
class Frame:
    """What all stimuli share. Build it with :meth:`checked`; sounds are computed in float64 on the CPU.

    Examples
    --------
    >>> Frame.checked(duration=0.5, fs=8000, ramp=0.01, dtype=torch.float32, device=None).n
    4000
    """

    n: int
    fs: float
    ramp: int
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def checked(
        cls, *, duration: Any, fs: Any, ramp: Any, dtype: torch.dtype, device: torch.device | str | None
    ) -> "Frame":
        """Check every shared keyword and return the frame."""
        rate = number(fs, "fs", *RATE_RANGE, unit="Hz")
        n = round(seconds(duration, "duration", MAX_DURATION) * rate)
        if n < 1:
            raise ArgumentError(
                f"{{duration}} = {duration:g} s holds no sample at {{fs}} = {rate:g} Hz: choose at least "
                f"{1 / rate:g} s"
            )
        if n > MAX_SAMPLES:
            raise ArgumentError(
                f"{{duration}} = {duration:g} s at {{fs}} = {rate:g} Hz makes {n} samples, more than {MAX_SAMPLES}: "
                f"choose at most {MAX_SAMPLES / rate:g} s"
            )
        if dtype not in (torch.float32, torch.float64):
            raise TypeError(f"dtype must be torch.float32 or torch.float64, got {dtype}: choose one of them")
        return cls(n, rate, ramp_samples(n, rate, ramp), dtype, torch.device(device or "cpu"))

    def frequency(self, value: Any, name: str) -> float:
        """Return a frequency in Hz that the sampling rate can carry (0 < value < fs/2), or raise."""
        found = number(value, name, -math.inf, math.inf, unit="Hz")
        if not 0.0 < found < self.fs / 2:
            raise ArgumentError(
                f"{{{name}}} = {found:g} Hz must lie above 0 and below {{fs/2}} = {self.fs / 2:g} Hz: "
                "lower the frequency or raise {fs}"
            )
        return found

    def samples(self) -> torch.Tensor:
        """Return 0, 1, ... n-1 in float64."""
        return torch.arange(self.n, dtype=torch.float64)

    def angle(self, frequency: float, phase: float = 0.0) -> torch.Tensor:
        """Return 2 pi f t + phase, shape ``(n,)``, whole cycles removed to keep precision."""
        # Products of whole frequencies with sample numbers are exact, and so are their remainders.
        return 2.0 * math.pi / self.fs * torch.remainder(self.samples() * frequency, self.fs) + phase

    def finish(self, x: torch.Tensor) -> torch.Tensor:
        """Ramp a float64 sound in place, cast it and move it."""
        if self.ramp:
            rise = raised_cosine(self.ramp)
            x[: self.ramp] *= rise
            x[self.n - self.ramp :] *= rise.flip(0)
        return x.to(self.dtype).to(self.device)


def seconds(value: Any, name: str, high: float) -> float:
    """Return a time above 0 s and at most ``high`` s, or raise.

    Examples
    --------
    >>> seconds(0.5, "duration", 600.0)
    0.5
    """
    found = number(value, name, -math.inf, math.inf, unit="s")
    if not 0.0 < found <= high:
        raise ArgumentError(
            f"{{{name}}} = {found:g} s must lie above 0 and not above {high:g} s: choose such a time"
        )
    return found


def angle_of(value: Any, name: str = "phase") -> float:
    """Return a phase in rad, any finite number, reduced to one turn.

    Examples
    --------
    >>> angle_of(0.5)
    0.5
    """
    return math.remainder(number(value, name, -1e9, 1e9, unit="rad"), 2.0 * math.pi)


def generator(seed: Any) -> torch.Generator:
    """Return a CPU generator of its own, so that neither the device nor global state matters.

    Examples
    --------
    >>> generator(3).initial_seed()
    3
    """
    return torch.Generator().manual_seed(whole(seed, "seed", 0, 2**63 - 1))
