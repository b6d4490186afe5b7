"""What the filterbank lab computes of a sound: its result as plain arrays, and what is read off them.

The long-term excitation is the level of half a channel's mean squared envelope, which is its rms level wherever the
filter is narrow compared with its centre frequency. What the sound's ramps take is given back: levels of sounds do not
count them either.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from amtlib import scales, signals
from amtlib.filterbanks import LinearFilterbank

Array = NDArray[Any]

#: Level of silence, dB SPL: keeps the logarithm finite far below any picture.
SILENCE_DB = -200.0
#: Level of the sound whose envelopes are kept, dB SPL: another level is a factor, where the sound has only one.
REFERENCE_LEVEL = 60.0


@dataclass(frozen=True)
class FilterbankResult:
    """What the lab computed, as plain arrays. Pressures in Pa, levels in dB SPL, times in s, frequencies in Hz."""

    fs: int
    waveform: Array
    """``(T,)``"""
    fc: Array
    """``(F,)`` centre frequencies"""
    times: Array
    """``(M,)`` where the frames of the envelope begin"""
    shape: Array
    """``(F, M)`` highest value of each channel's envelope in each frame, of the same sound at `REFERENCE_LEVEL`"""
    gain: float
    """What `shape` is multiplied by: a sound at another level has the same shape, which is kept once"""
    excitation: Array
    """``(F,)`` level of each channel over the whole sound but for its ramps, from its mean squared envelope"""
    response_frequencies: Array
    """``(K,)``"""
    responses: Array
    """``(F, K)`` gain of each filter, dB"""
    channel: int
    """Index of the channel in the close-up"""
    channel_times: Array
    """``(W,)`` the close-up"""
    channel_wave: Array
    channel_envelope: Array
    impulse_times: Array
    """``(I,)``"""
    impulse_response: Array
    impulse_envelope: Array
    bandwidth_3db: float
    """-3 dB width of that channel, Hz"""
    delay: float
    """Time of its impulse response's envelope maximum, s"""

    @property
    def duration(self) -> float:
        """Length of the sound in s."""
        return len(self.waveform) / self.fs

    @property
    def envelope(self) -> Array:
        """Highest value of each channel's envelope in each frame, Pa, shape ``(F, M)``."""
        return self.shape if self.gain == 1 else self.shape * np.float32(self.gain)

    def arrays(self) -> dict[str, Any]:
        """Return everything by name, with the envelope as it is at the sound's level."""
        kept = {name: value for name, value in vars(self).items() if name not in ("shape", "gain")}
        return {**kept, "envelope": self.envelope}

    @property
    def levels(self) -> Array:
        """Level of each channel over time, dB SPL, shape ``(F, M)``: the cochleagram."""
        return envelope_level(self.envelope)

    @property
    def peak(self) -> int:
        """Index of the channel with the highest excitation."""
        return int(self.excitation.argmax())

    def measures(self) -> dict[str, float]:
        """Return the numbers that a lesson's task can ask for, as far as they follow from the arrays."""
        return {
            "peak_frequency_hz": float(self.fc[self.peak]),
            "peak_level_db": float(self.excitation[self.peak]),
            "channels": float(len(self.fc)),
            "spacing_erb": float(np.diff(erb_numbers(self.fc)).mean()),
            "channel_frequency_hz": float(self.fc[self.channel]),
            "channel_level_db": float(self.excitation[self.channel]),
            "channel_bandwidth_hz": self.bandwidth_3db,
            "channel_delay_ms": self.delay * 1000,
            "excitation_peaks": float(self.excitation_peaks()),
        }

    def excitation_peaks(self, depth: float = 3.0) -> int:
        """Count the maxima of the excitation that stand ``depth`` dB above the valleys beside them."""
        count, valley, summit, rising = 0, self.excitation[0], self.excitation[0], True
        for level in self.excitation[1:]:
            if rising:
                summit = max(summit, level)
                if level < summit - depth:
                    count, valley, rising = count + 1, level, False
            else:
                valley = min(valley, level)
                if level > valley + depth:
                    summit, rising = level, True
        return count + int(rising and summit > self.excitation[0] and summit > valley + depth)


def decibels(power: Array) -> Array:
    """Turn mean squared pressure in Pa^2 into dB SPL; silence is `SILENCE_DB`."""
    smallest = (signals.P_REF * 10 ** (SILENCE_DB / 20)) ** 2
    return 10 * np.log10(np.maximum(power, smallest)) - 20 * math.log10(signals.P_REF)


def envelope_level(envelope: Array) -> Array:
    """Return the level of a tone with this envelope, dB SPL."""
    return decibels(envelope**2 / 2)


def frequency_text(hertz: float) -> str:
    """Write a frequency for a person: 850 Hz, 1.25 kHz."""
    return f"{hertz:.0f} Hz" if round(hertz) < 1000 else f"{hertz / 1000:.2f} kHz"


def waveform_and_envelope(
    one: LinearFilterbank, x: torch.Tensor, part: slice = slice(None)
) -> tuple[Array, Array]:
    """Return a part of the output of a filterbank's only channel, and of its envelope."""
    output = one.analytic(x)[0, part]
    return output.real.numpy(), output.abs().numpy()


def erb_numbers(hertz: Array | float) -> Array:
    """Return frequencies in Hz as ERB numbers."""
    return scales.fc2erb(torch.from_numpy(np.array(hertz, dtype=float))).numpy()


def _crossing(x: Array, y: Array, left: int) -> float:
    """Return where the line from point ``left`` to the next one crosses zero."""
    return float(x[left] - y[left] * (x[left + 1] - x[left]) / (y[left + 1] - y[left]))


def bandwidth_3db(one: LinearFilterbank, fc: float, bandwidth: float) -> float:
    """Return the width at 3 dB below the maximum near fc in Hz, from a fine grid interpolated between its points.

    At the lowest centre frequencies the maximum is not at fc, where there may be 3 dB less.
    """
    reach = 2.0 * float(scales.audfiltbw(torch.tensor(fc, dtype=torch.float64))) * max(bandwidth, 1.0)
    grid = np.linspace(max(fc - reach, 0.0), min(fc + reach, one.fs / 2), 401)
    magnitude = one.frequency_response(torch.from_numpy(grid)).abs()[0].double().numpy()
    centre = int(magnitude.argmax())
    gain = magnitude - 0.5**0.5 * magnitude[centre]
    below, above = np.flatnonzero(gain[:centre] < 0), np.flatnonzero(gain[centre:] < 0)
    # Where a wide filter meets 0 or fs / 2 before it has fallen by 3 dB, the edge counts.
    low = _crossing(grid, gain, int(below[-1])) if len(below) else float(grid[0])
    high = _crossing(grid, gain, centre + int(above[0]) - 1) if len(above) else float(grid[-1])
    return high - low
