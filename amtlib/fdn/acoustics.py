"""What is measured of a room's impulse response: decay, clarity, definition, centre time and level, by octave.
Source: ISO 3382-1:2009; noise as in Lundeby et al. (1995), Acustica 81, 344-355, and Chu (1978), JASA 63, 1444-1450;
bass ratio of Beranek (1962), Music, Acoustics and Architecture.
Not here: curves over time (:mod:`amtlib.fdn.decay`).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from amtlib.charts import Chart
from amtlib.fdn.build import Array, sampling_rate
from amtlib.fdn.decay import octave_bands, reverberation_time, times_by_octave
from amtlib.fdn.equaliser import check_centres
from amtlib.fdn.noise import noise_floor, octave_centres, octave_gain, without_noise
from amtlib.fdn.process import MAX_SAMPLES
from amtlib.lti import fast_length
from amtlib.results import Result

# A response begins where it first comes this near to its peak: 20 dB below it.
_ONSET = 0.1
# A response must fall by this much (dB) from its peak to its end or its noise, steadily for this share of its variance.
_LEAST_FALL, _STEADY = 15.0, 0.5
_WINDOWS = 40
# It may rise again by so many dB within its first 60 dB, as an echo makes it, less often than this.
_RISE, _DEEPEST, _RISES = 10.0, 60.0, 3
# Largest peak of a response; the smallest is its inverse.
_LARGEST = 1e9
# A mean of this share of the rms in the last tenth is an offset.
_OFFSET = 0.7


@dataclass(frozen=True, repr=False)
class RoomMeasures(
    Result, units={"centres": "Hz", "c50": "dB", "c80": "dB", "d50": "", "level": "dB", "": "s"}
):
    """
    Measures of a room, by octave and channel, shape (bands, ...); NaN where the response does not hold enough decay.

    Attributes
    ----------
    centres : array, shape (bands,)
        Centres of the octaves in Hz.
    edt, t20, t30 : array, shape (bands, ...)
        Early decay time, and reverberation times, in s.
    c50, c80 : array, shape (bands, ...)
        Clarity: energy before over energy after 50 and 80 ms, dB.
    d50 : array, shape (bands, ...)
        Definition: share of the energy before 50 ms, 0 to 1.
    centre_time : array, shape (bands, ...)
        Mean time of arrival of the energy, s after the onset.
    level : array, shape (bands, ...)
        Energy of the response, dB re 1.
    bass_ratio : array, shape (...)
        Reverberation time at 125 and 250 Hz over that at 500 Hz and 1 kHz; NaN where one is unknown.
    onset : float
        When the response begins, s: where a channel first comes within 20 dB of the peak of all.
    """

    centres: Array
    edt: Array
    t20: Array
    t30: Array
    c50: Array
    c80: Array
    d50: Array
    centre_time: Array
    level: Array
    bass_ratio: Array
    onset: float

    def chart(self) -> Chart:
        """Return early decay and reverberation time by octave, of the first channel."""
        return times_by_octave(
            "Reverberation times", self.centres, {"T30": self.t30, "early decay": self.edt}
        )


def room_response(ir: Any, name: str = "ir") -> Array:
    """
    Return an impulse response as float64, or say in one sentence why it is none.

    Parameters
    ----------
    ir : array, shape (T, ...)
        Impulse response, time first.
    name : str
        What messages call it.

    Raises
    ------
    ValueError
        If it is one sample, too long, silent, not finite, of integers, of a level far from that of any sound, or does
        not decay (music, a constant).

    Examples
    --------
    >>> room_response(np.ones(2000))
    Traceback (most recent call last):
    ValueError: ir does not decay: ...
    """
    found = np.asarray(ir)
    if found.dtype.kind not in "f":
        raise ValueError(
            f"{name} has dtype {found.dtype}: give real samples in floats, as amtlib.audio.load reads them from a file"
        )
    h = found.astype(np.float64)
    if not 1 <= h.ndim <= 3 or 0 in h.shape[1:]:
        raise ValueError(f"{name} has shape {h.shape}: give (T,), (T, outputs) or (T, outputs, inputs)")
    if len(h) < 2 * _WINDOWS or h.size > MAX_SAMPLES:
        raise ValueError(
            f"{name} has {len(h)} samples: give a whole response, at least {2 * _WINDOWS} samples and at most "
            f"{MAX_SAMPLES} in all channels"
        )
    if not np.isfinite(h).all():
        raise ValueError(f"{name} has values that are not finite: replace them")
    flat = h.reshape(len(h), -1)
    silent = ~flat.any(axis=0)
    if silent.any():
        raise ValueError(
            f"channel {int(silent.argmax())} of {name} is silent: give a response with sound in each"
        )
    peak = float(np.abs(flat).max())
    if not 1.0 / _LARGEST <= peak <= _LARGEST:
        raise ValueError(
            f"{name} has a peak of {peak:.3g}: give one of {1.0 / _LARGEST:g} to {_LARGEST:g}, such as 1"
        )
    power = np.square(flat / peak).sum(axis=1)
    rises, (fall, steady) = _rises(power), _fall(power)
    problem = ""
    if rises >= _RISES:
        problem = f"its level rises again {rises} times by {_RISE:g} dB and more"
    elif fall < _LEAST_FALL:
        problem = (
            f"its level falls by {max(0.0, fall):.0f} dB from its peak to its end or its noise, and an impulse "
            f"response of a room by {_LEAST_FALL:g} dB and more"
        )
    elif steady < _STEADY:
        problem = "its level follows no straight line in dB from its peak to its end or its noise"
    if problem:
        raise ValueError(f"{name} does not decay: {problem}; {_advice(flat)}")
    return h


def _advice(flat: Array) -> str:
    """What to do about a response that does not decay."""
    end = flat[-max(len(flat) // 10, 1) :]
    mean, rms = float(np.abs(end.mean(axis=0)).max()), float(np.sqrt(np.square(end).mean()))
    if mean > _OFFSET * rms:
        return f"it ends at a constant {mean:.3g}: take its mean away, or the recorder's offset"
    return "give the whole response to a clap or a sweep, not music"


def _rises(power: Array) -> int:
    """Count how often a response rises again behind its onset."""
    onset = int(np.argmax(power >= _ONSET**2 * power.max()))
    width = max((len(power) - onset) // _WINDOWS, 32)  # fewer samples of noise vary too much
    count = (len(power) - onset) // width
    if count < 3:
        return 0
    level = 10.0 * np.log10(power[onset : onset + count * width].reshape(count, width).mean(axis=1) + 1e-300)
    # echoes nearer than three windows belong together
    level = np.maximum(level[2:], np.maximum(level[1:-1], level[:-2]))
    level = np.maximum(level, level.max() - _DEEPEST)
    rises, lowest = 0, level[0]
    for each in level:
        if each > lowest + _RISE:
            rises, lowest = rises + 1, each
        lowest = min(lowest, each)
    return rises


def _fall(power: Array) -> tuple[float, float]:
    """Return by how many dB a response falls behind its peak, as a straight line, and its share of the variance."""
    peak = int(power.argmax())
    end, _, _ = noise_floor(np.sqrt(power))
    rest = power[peak : max(end, peak + 2)]
    width = max(len(rest) // _WINDOWS, 1)
    count = len(rest) // width
    if count < 3:  # all of it within one window: as steep as can be
        after = power[peak + width :]
        return (-10.0 * math.log10(max(float(after.mean()) if len(after) else 0.0, 1e-30) / power[peak])), 1.0
    level = 10.0 * np.log10(rest[: count * width].reshape(count, width).mean(axis=1) + 1e-30 * power[peak])
    kept = level > level.max() - 100.0
    at = np.arange(count, dtype=np.float64)[kept]
    level = level[kept]
    if len(level) < 3:
        return 100.0, 1.0
    slope, _ = np.polyfit(at, level, 1)
    spread = float(np.var(level))
    return float(-slope * (at[-1] - at[0])), float(slope**2 * np.var(at) / spread) if spread > 0.0 else 0.0


def onset_sample(ir: Array) -> int:
    """
    Return the first sample at which any channel comes within 20 dB of the peak of all.

    Examples
    --------
    >>> onset_sample(np.array([0.0, 0.01, -1.0, 0.5]))
    2
    """
    size = np.abs(ir).reshape(len(ir), -1).max(axis=1)
    return int(np.argmax(size >= _ONSET * size.max()))


def room_measures(ir: npt.ArrayLike, fs: float, centres: npt.ArrayLike | None = None) -> RoomMeasures:
    """
    Measure a room's impulse response by octave, without the noise behind it.

    Parameters
    ----------
    ir : array, shape (T,), (T, outputs) or (T, outputs, inputs)
        Impulse response, time first, in floats; what comes before the onset is left out.
    fs : float
        Sampling rate in Hz.
    centres : array, shape (bands,), optional
        Centres of octaves in Hz. Default: :func:`octave_centres`.

    Returns
    -------
    RoomMeasures
        Times, clarity, definition, centre time, level and bass ratio, for each channel.

    Raises
    ------
    ValueError
        If the response does not decay or is no response, or a centre is out of range.

    Notes
    -----
    Steady noise is taken out octave by octave (:func:`without_noise`), for times as in :func:`reverberation_time`. For
    clarity the response is cut at 50 or 80 ms after the onset, then filtered (ISO 3382-1, Annex A), and the energies
    of both parts are compared. The onset is common to all channels, so that differences between them stay.

    References
    ----------
    ISO 3382-1:2009, 5.3.3 (reverberation times) and Annex A (all others).
    Lundeby et al. (1995), Acustica 81, 344-355. Chu (1978), J. Acoust. Soc. Am. 63, 1444-1450.
    Beranek (1962), Music, Acoustics and Architecture (bass ratio).

    Examples
    --------
    >>> t = np.arange(24000) / 24000
    >>> room = np.exp(-6.9078 * t / 0.8) * np.random.default_rng(0).standard_normal(24000)
    >>> found = room_measures(room, 24000, [1000.0])
    >>> bool(abs(found.t30[0] - 0.8) < 0.03), bool(abs(found.c80[0] - 10 * np.log10(10 ** (0.6) - 1)) < 0.5)
    (True, True)
    """
    h, rate = room_response(ir), sampling_rate(fs)
    at = octave_centres(rate) if centres is None else check_centres(centres, rate)
    onset = onset_sample(h)
    times = reverberation_time(h[onset:], rate, at)
    clean = without_noise(h, rate).ir[onset:]
    shape = (len(at), *h.shape[1:])
    n_fft = fast_length(2 * len(clean))
    f = np.fft.rfftfreq(n_fft, 1.0 / rate)
    gains = np.stack([octave_gain(f, centre) for centre in at])
    energies = {
        cut: (_energies(clean[:cut], gains, n_fft), _energies(clean[cut:], gains, n_fft))
        for cut in (min(round(0.05 * rate), len(clean)), min(round(0.08 * rate), len(clean)))
    }
    (early, late), (early80, late80) = energies.values() if len(energies) == 2 else [*energies.values()] * 2
    t30 = times.t30
    bands = octave_bands(clean, rate, at)
    power = np.square(bands)
    seconds = (np.arange(len(clean)) / rate).reshape(1, -1, *(1,) * (h.ndim - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return RoomMeasures(
            centres=at,
            edt=times.edt,
            t20=times.t20,
            t30=t30,
            c50=(10.0 * np.log10(early / late)).reshape(shape),
            c80=(10.0 * np.log10(early80 / late80)).reshape(shape),
            d50=(early / (early + late)).reshape(shape),
            centre_time=(seconds * power).sum(axis=1) / power.sum(axis=1),
            level=(10.0 * np.log10(_energies(clean, gains, n_fft))).reshape(shape),
            bass_ratio=_bass_ratio(at, t30),
            onset=onset / rate,
        )


def _energies(part: Array, gains: Array, n_fft: int) -> Array:
    """Energy of a part of a response in bands, (bands, channels)."""
    flat = part.reshape(len(part), -1)
    found = np.zeros((len(gains), flat.shape[1]))
    for channel in range(flat.shape[1]):
        power = np.square(np.abs(np.fft.rfft(flat[:, channel], n_fft)))
        power[1:-1] *= 2.0
        found[:, channel] = np.square(gains) @ power / n_fft
    return found


def _bass_ratio(centres: Array, t30: Array) -> Array:
    """Reverberation time at 125 and 250 Hz over that at 500 and 1000 Hz."""
    found = [np.flatnonzero(np.isclose(centres, f)) for f in (125.0, 250.0, 500.0, 1000.0)]
    if any(len(each) == 0 for each in found):
        return np.full(t30.shape[1:], math.nan)
    low, mid = (sum(t30[int(each[0])] for each in found[i : i + 2]) for i in (0, 2))
    return np.asarray(low / mid)
