"""How a response dies away, in time and by octave: energy decay, reverberation times, density of its echoes.
Source: Schroeder (1965), JASA 37, 409-412; ISO 3382-1:2009; Abel and Huang (2006), AES 121st Convention, 6985;
noise as in Lundeby et al. (1995), Acustica 81, 344-355, and Chu (1978), JASA 63, 1444-1450.
Not here: the network's own modes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from amtlib.charts import Chart, Direction, over_frequency
from amtlib.fdn.build import Array, finite_number, real_array, sampling_rate
from amtlib.fdn.noise import noise_floor, octave_centres, octave_gain
from amtlib.fdn.process import MAX_SAMPLES
from amtlib.lti import fast_length
from amtlib.results import Result

# Start and end of the fits in dB (ISO 3382-1); T60 is the longest of them that the response holds.
_FITS = {"edt": (0.0, -10.0), "t20": (-5.0, -25.0), "t30": (-5.0, -35.0), "full": (-5.0, -65.0)}
# A fit's end must lie so many dB above the noise (ISO 3382-1).
_CLEAR = 10.0
# The second half of a fit must take at least this share of the first one's time.
_BENT = 0.2
# A band's decay must be so many times as long as that of its filter.
_OWN = 1.2
# A line through every n-th point of a smooth curve is the same line: more points only cost time.
_FIT_POINTS = 4096
# Samples of overlapping windows at a time: 0.5 MB stay in the processor's cache.
_WINDOWED = 2**16
# Gaussian noise spends this share of its time more than one standard deviation away from 0: erfc(1 / sqrt 2).
_OUTSIDE = math.erfc(1.0 / math.sqrt(2.0))


def _response(ir: Any) -> Array:
    h = real_array(ir, "ir")
    if h.ndim < 1 or h.shape[0] < 2 or h.size > MAX_SAMPLES or h[0].size < 1:
        raise ValueError(
            f"ir has shape {h.shape}: give 2 samples or more, time first, at most {MAX_SAMPLES} in all"
        )
    return h


def energy_decay_curve(ir: npt.ArrayLike) -> Array:
    """
    Energy that is still to come, in dB re all of it.

    Parameters
    ----------
    ir : array, shape (T, ...)
        Impulse response, time first.

    Returns
    -------
    array, shape (T, ...)
        10 log10 of the energy from each sample on; 0 at the first sample, -inf where nothing comes any more.

    Raises
    ------
    ValueError
        If a response is silent, empty or not finite.

    References
    ----------
    Schroeder (1965), J. Acoust. Soc. Am. 37, 409-412.

    Examples
    --------
    >>> energy_decay_curve([1.0, 0.0, 1.0]).round(2)
    array([ 0.  , -3.01, -3.01])
    """
    h = _response(ir)
    peak = np.abs(h).max(axis=0)
    if (peak == 0.0).any():
        raise ValueError("ir is silent, so it has no decay: give a response with sound in each channel")
    energy = np.cumsum(np.square(h / peak)[::-1], axis=0)[::-1]
    with np.errstate(divide="ignore"):
        return np.asarray(10.0 * np.log10(energy / energy[0]), dtype=np.float64)


def octave_bands(ir: npt.ArrayLike, fs: float, centres: Sequence[float] | Array | None = None) -> Array:
    """
    Split a response into octave bands, without delay.

    Parameters
    ----------
    ir : array, shape (T, ...)
        Impulse response, time first.
    fs : float
        Sampling rate in Hz.
    centres : array, shape (bands,), optional
        Centre frequencies in Hz, between 0 and fs / 2. Default: :func:`octave_centres`.

    Returns
    -------
    array, shape (bands, T, ...)
        Bands in float64. Energies of neighbouring octaves add up to that of the response.

    Raises
    ------
    ValueError
        If the response, the rate or a centre is out of range.

    Notes
    -----
    The gain is ``cos(pi/2 sin(pi/2 log2(f / fc))^2)`` within an octave of the centre: half the energy at 0.71 and 1.41
    times it, nothing one octave away, smooth at both ends so that it rings little. Applied on an FFT grid as long as
    the response with as many zeros after it; the band's own response is symmetric about time 0: 41 dB
    down 3 periods of the centre away, 59 dB 6 periods.

    Examples
    --------
    >>> click = np.zeros(4800)
    >>> click[2400] = 1.0
    >>> bands = octave_bands(click, 48000, [500.0, 1000.0])
    >>> bands.shape, np.square(bands).sum(1).round(3)
    ((2, 4800), array([0.015, 0.03 ]))
    """
    h, rate = _response(ir), sampling_rate(fs)
    at = octave_centres(rate) if centres is None else real_array(centres, "centres")
    if at.ndim != 1 or len(at) < 1 or not ((at > 0.0) & (at < rate / 2.0)).all():
        raise ValueError(
            f"centres = {at.tolist()} Hz: give frequencies between 0 and fs / 2 = {rate / 2.0:g} Hz"
        )
    n_fft = fast_length(2 * h.shape[0])
    spectrum = scipy.fft.rfft(h, n_fft, axis=0)
    f = np.fft.rfftfreq(n_fft, 1.0 / rate)
    bands = np.empty((len(at), *h.shape))
    for band, centre in zip(bands, at, strict=True):
        first, last = np.searchsorted(f, [centre / 2.0, centre * 2.0])  # outside it has the gain 0
        within = np.zeros_like(spectrum)
        gain = octave_gain(f[first:last], centre).reshape(-1, *(1,) * (h.ndim - 1))
        within[first:last] = spectrum[first:last] * gain
        band[:] = scipy.fft.irfft(within, n_fft, axis=0, overwrite_x=True)[: h.shape[0]]
    return bands


def times_by_octave(title: str, centres: Array, times: Mapping[str, Array]) -> Chart:
    """
    Return a picture of decay times in s, shape (bands, ...), of the first channel.

    Examples
    --------
    >>> times_by_octave("T30", np.array([500.0, 1000.0]), {"room": np.array([1.2, 1.0])}).limits()
    ((500.0, 1000.0), (0.0, 1.5))
    """
    lines = {name: each.reshape(len(centres), -1)[:, 0] for name, each in times.items()}
    known = np.concatenate([each[np.isfinite(each)] for each in lines.values()])
    limits = (0.0, 1.25 * float(known.max())) if known.size else None
    return over_frequency(title, centres, lines, Direction("Decay by 60 dB", "s", limits=limits))


@dataclass(frozen=True, repr=False)
class ReverberationTimes(Result, units={"centres": "Hz", "": "s"}):
    """
    Decay times in s, shape (bands, ...); NaN where the response does not hold enough decay.

    Attributes
    ----------
    centres : array, shape (bands,)
        Centres of the bands in Hz; one NaN for the whole response.
    edt, t20, t30 : array, shape (bands, ...)
        60 dB of decay, extrapolated from 0 to -10, -5 to -25, and -5 to -35 dB.
    t60 : array, shape (bands, ...)
        From -5 to -65 dB where the response holds that much and `t30`, else `t30`, else `t20`.
    """

    centres: Array
    edt: Array
    t20: Array
    t30: Array
    t60: Array

    def chart(self) -> Chart:
        """Return early decay and reverberation time by octave, of the first channel."""
        return times_by_octave(
            "Reverberation times", self.centres, {"T30": self.t30, "early decay": self.edt}
        )


def _slope(level: Array, start: float, end: float) -> float:
    """Fit a line to the curve from start to end dB: its slope per sample; NaN if the curve is too short."""
    first = int(np.argmax(level <= start)) if level[-1] <= start else len(level)
    last = int(np.argmax(level <= end)) if level[-1] <= end else len(level)
    if last >= len(level) or last - first < 2:
        return math.nan
    n = np.arange(first, last + 1, dtype=np.float64)
    y = level[first : last + 1]
    centred = n - n.mean()
    return float(centred @ y) / float(centred @ centred)


def fitted_time(energy: Array, length: float, start: float, end: float, per_second: float) -> float:
    """
    Decay time of one backward-integrated energy, with what was cut off at its end estimated from its slope.

    Parameters
    ----------
    energy : array, shape (K,)
        Energy that is still to come, not negative.
    length : float
        Of the response in steps of `energy`.
    start, end : float
        Of the fit in dB.
    per_second : float
        Steps.

    Returns
    -------
    float
        In s; NaN if the energy does not hold the fit.

    Examples
    --------
    >>> energy = 10.0 ** (-6.0 * np.arange(1000) / 500)
    >>> round(fitted_time(energy, 1000, -5.0, -35.0, 500.0), 3)
    1.0
    """
    missing = 0.0
    decay = math.nan
    for _ in range(30):
        level = 10.0 * np.log10((energy + missing) / (energy[0] + missing) + 1e-300)
        slope = _slope(level[:-1], start, end)
        if not slope < 0.0:
            return math.nan
        found = -60.0 / slope / per_second
        if math.isclose(found, decay, rel_tol=1e-9):
            break
        decay = found
        # An exponential decay leaves this part of all its energy to come after the end.
        left = 10.0 ** (slope * length / 10.0)
        missing = float(energy[0]) * left / (1.0 - left)
    else:
        return math.nan  # no exponential decay: each estimate of its end asks for another
    reached = [int(np.argmax(level <= db)) for db in (start, 0.5 * (start + end), end)]
    # What lasts and then stops (noise, music) bends the curve down: its second half takes far less time than its first.
    if reached[2] - reached[1] < _BENT * (reached[1] - reached[0]):
        return math.nan
    # The estimate must not be most of what it is added to where the fit ends.
    if 10.0 * math.log10(missing / (energy[0] + missing) + 1e-300) > end - 3.0:
        return math.nan
    return decay


@cache
def ringing() -> dict[str, float]:
    """
    Decay times of an octave band's own filter, in periods of its centre, by the range of the fit.

    Examples
    --------
    >>> round(ringing()["t30"])
    6
    """
    periods, per_period = 32, 64
    click = np.zeros(periods * per_period)
    click[0] = 1.0
    energy = np.cumsum(np.square(octave_bands(click, float(per_period * 100), [100.0])[0])[::-1])[::-1]
    return {
        name: fitted_time(energy, len(energy), start, end, per_period) for name, (start, end) in _FITS.items()
    }


def times_of_bands(bands: Array, centres: Array, fs: float) -> ReverberationTimes:
    """
    Measure decay times of a response that is split into bands already: what :func:`reverberation_time` does with them.

    Parameters
    ----------
    bands : array, shape (bands, T, ...)
        Of :func:`octave_bands`.
    centres : array, shape (bands,)
        Their centres in Hz; NaN for a whole response.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    ReverberationTimes
        As of the response.

    Raises
    ------
    ValueError
        If a channel is silent.

    Examples
    --------
    >>> t = np.arange(24000) / 24000
    >>> decay = np.exp(-6.9078 * t / 0.8) * np.random.default_rng(0).standard_normal(24000)
    >>> bands = octave_bands(decay, 24000, [1000.0])
    >>> bool(times_of_bands(bands, np.array([1000.0]), 24000).t30 == reverberation_time(decay, 24000, [1000.0]).t30)
    True
    """
    flat = bands.reshape(len(centres), bands.shape[1], -1)
    if len(silent := np.flatnonzero(~flat.any((0, 1)))):
        raise ValueError(
            f"channel {silent[0]} is silent, so it has no decay: give a response with sound in each channel"
        )
    step = max(1, bands.shape[1] // _FIT_POINTS)
    times = {name: np.full((len(centres), flat.shape[2]), math.nan) for name in _FITS}
    for band in range(len(centres)):
        for channel in range(flat.shape[2]):
            peak = float(np.abs(flat[band, :, channel]).max())
            if peak == 0.0:  # nothing of so short a response lies in this band
                continue
            scaled = flat[band, :, channel] / peak
            length, noise, depth = noise_floor(scaled)
            scaled = scaled[:length]
            # Chu: the noise's energy is taken away; what may be left below 0 at the end counts as nothing
            energy = np.maximum(np.cumsum((np.square(scaled) - noise)[::-1])[::-1], 0.0)[::step]
            for name, (start, end) in _FITS.items():
                if depth < _CLEAR - end or len(energy) < 3 or energy[0] <= 0.0:
                    continue
                time = fitted_time(energy, length / step, start, end, fs / step)
                if math.isnan(centres[band]) or time * centres[band] > _OWN * ringing()[name]:
                    times[name][band, channel] = time
    shaped = {name: value.reshape(len(centres), *bands.shape[2:]) for name, value in times.items()}
    t60 = np.where(np.isnan(shaped["full"] + shaped["t30"]), shaped["t30"], shaped["full"])
    t60 = np.where(np.isnan(t60), shaped["t20"], t60)
    return ReverberationTimes(centres, shaped["edt"], shaped["t20"], shaped["t30"], t60)


def reverberation_time(
    ir: npt.ArrayLike, fs: float, centres: Sequence[float] | Array | str | None = None
) -> ReverberationTimes:
    """
    Measure decay times, in octave bands or of the whole response.

    Parameters
    ----------
    ir : array, shape (T, ...)
        Impulse response, time first; steady noise at its end is found and left out.
    fs : float
        Sampling rate in Hz.
    centres : array, or 'broadband', optional
        Centres of octave bands in Hz, or the whole response at once. Default: :func:`octave_centres`.

    Returns
    -------
    ReverberationTimes
        NaN where a response is too short or too noisy: the decay must reach 3 dB beyond the fit's end before the
        response ends, and 10 dB beyond it before it meets the noise. NaN also where the decay is not longer than that
        of the octave's filter by a fifth, or the curve bends down as that of a sound which lasts and stops.

    Raises
    ------
    ValueError
        If the response, the rate or a centre is out of range, or a channel is silent.

    Notes
    -----
    Straight lines are fitted to the energy decay curve. Since a response that is cut off bends it down, the missing
    energy is estimated from the slope and added, until both agree: an exponential decay is found exactly although
    it is cut. Where the decay meets steady noise
    (:func:`amtlib.fdn.noise.noise_floor`) the response is cut there, and the energy of the noise taken away from what
    comes before. A band rings for a few periods of its centre: its own T30 is 0.1 s at 62.5 Hz and 6 ms at 1 kHz, and
    shorter decays cannot be seen.

    References
    ----------
    ISO 3382-1:2009, 5.3.3.
    Lundeby et al. (1995), Acustica 81, 344-355 (where the noise begins).
    Chu (1978), J. Acoust. Soc. Am. 63, 1444-1450 (taking its energy away).

    Examples
    --------
    >>> t = np.arange(24000) / 24000
    >>> decay = np.exp(-6.9078 * t / 0.8) * np.random.default_rng(0).standard_normal(24000)
    >>> reverberation_time(decay, 24000, "broadband").t30.round(2)
    array([0.8])
    """
    h, rate = _response(ir), sampling_rate(fs)
    if isinstance(centres, str):
        if centres != "broadband":
            raise ValueError(f"centres = {centres!r}: give frequencies in Hz, or 'broadband'")
        at, bands = np.array([math.nan]), h[None]
    else:
        at = octave_centres(rate) if centres is None else real_array(centres, "centres")
        bands = octave_bands(h, rate, at)
    return times_of_bands(bands, at, rate)


def echo_density(
    ir: npt.ArrayLike, fs: float, *, window: float = 0.02, hop: float = 0.001
) -> tuple[Array, Array]:
    """
    Normalised echo density: how much a response resembles Gaussian noise, over time.

    In a sliding window, the share of samples beyond one standard deviation, divided by that of Gaussian noise
    (0.317): near 0 for a few echoes, 1 for diffuse reverberation.

    Parameters
    ----------
    ir : array, shape (T,)
        Impulse response of one channel.
    fs : float
        Sampling rate in Hz.
    window : float
        Length of the Hann window in s, at least 3 samples, not longer than the response.
    hop : float
        Step in s, at least one sample.

    Returns
    -------
    times : array, shape (K,)
        Centres of the windows in s; only windows that lie within the response.
    density : array, shape (K,)
        Normalised echo density; 0 where the window is silent.

    Raises
    ------
    ValueError
        If the response has more than one channel, or a length is out of range.

    References
    ----------
    Abel and Huang (2006), "A simple, robust measure of reverberation echo density", AES 121st Convention, 6985.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal(48000)
    >>> float(echo_density(noise, 48000)[1].mean().round(2))
    1.0
    """
    h, rate = _response(ir), sampling_rate(fs)
    if h.ndim != 1:
        raise ValueError(f"ir has shape {h.shape}: give one channel, (T,)")
    length = round(finite_number(window, "window", 0.0, math.inf, "s") * rate)
    step = max(1, round(finite_number(hop, "hop", 0.0, math.inf, "s") * rate))
    if len(h) < 3:
        raise ValueError(
            f"ir has {len(h)} samples: give a response as long as a window, of 3 samples or more"
        )
    if not 3 <= length <= len(h):
        raise ValueError(
            f"window = {window:g} s is {length} samples: give 3 to {len(h)}, the response's length "
            f"({3 / rate:.2g} to {len(h) / rate:.3g} s)"
        )
    h = h / (np.abs(h).max() or 1.0)  # squares of what is far too large or small are none
    weights = np.hanning(length + 2)[1:-1]
    weights /= weights.sum()
    windows = np.lib.stride_tricks.sliding_window_view(np.square(h), length)[::step]
    density = np.empty(len(windows))
    at_a_time = max(1, _WINDOWED // length)
    for start in range(0, len(windows), at_a_time):
        part = windows[start : start + at_a_time]
        density[start : start + at_a_time] = (part > (part @ weights)[:, None]) @ weights / _OUTSIDE
    times = (np.arange(len(windows)) * step + (length - 1) / 2.0) / rate
    return np.asarray(times, dtype=np.float64), density


def mixing_time(
    ir: npt.ArrayLike, fs: float, *, threshold: float = 1.0, window: float = 0.02, hop: float = 0.001
) -> float:
    """
    Time at which the echo density first reaches that of Gaussian noise.

    Parameters
    ----------
    ir, fs, window, hop
        As in :func:`echo_density`.
    threshold : float
        Density to reach, 0 < threshold <= 2.

    Returns
    -------
    float
        Time in s from the start of the response; NaN if it is never reached.

    Raises
    ------
    ValueError
        As :func:`echo_density`.

    Notes
    -----
    The first crossing: behind a direct sound that stands alone, faint noise can cross the threshold before the first
    reflections do.

    References
    ----------
    Abel and Huang (2006), AES 121st Convention, preprint 6985.

    Examples
    --------
    >>> from amtlib.fdn.design import design_fdn
    >>> from amtlib.fdn.response import render
    >>> few, many = (design_fdn(N=n, rt=2.0, rng=1) for n in (4, 16))
    >>> mixing_time(render(few, 1.0), 48000) > mixing_time(render(many, 1.0), 48000)
    True
    """
    level = finite_number(threshold, "threshold", 0.0, 2.0)
    times, density = echo_density(ir, fs, window=window, hop=hop)
    reached = np.flatnonzero(density >= level)
    return float(times[reached[0]]) if len(reached) else math.nan
