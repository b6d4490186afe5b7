"""Steady noise behind a response: where the decay sinks into it, and the response without it.
Source: Lundeby et al. (1995), Acustica 81, 344-355; Chu (1978), JASA 63, 1444-1450; ISO 3382-1:2009.
Not here: decay times (:mod:`amtlib.fdn.decay`).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from amtlib.fdn.build import Array, real_array, sampling_rate
from amtlib.lti import fast_length
from amtlib.results import Result

# Where noise begins: windows per response, iterations, and dB: above the noise that a fit keeps, that the noise may
# rise or fall.
_WINDOWS, _ROUNDS, _ABOVE, _STEADY = 200, 6, 7.0, 1.5


def octave_centres(fs: float) -> Array:
    """
    Return the octave centres from 62.5 Hz up whose bands, 0.71 to 1.41 times the centre, lie below fs / 2.

    Examples
    --------
    >>> octave_centres(44100).tolist()
    [62.5, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0]
    """
    rate = sampling_rate(fs)
    top = math.floor(math.log2(rate / 2.0 / math.sqrt(2.0) / 1000.0) + 1e-9)
    return np.asarray(1000.0 * 2.0 ** np.arange(-4, top + 1))


def octave_gain(f: npt.NDArray[np.floating], centre: float) -> Array:
    """
    Return the gain of an octave band: half the energy at 0.71 and 1.41 times the centre, nothing an octave away.

    Examples
    --------
    >>> np.square(octave_gain(np.array([500.0, 1000.0 / 2**0.5, 1000.0]), 1000.0)).round(3)
    array([0. , 0.5, 1. ])
    """
    octaves = np.clip(np.log2(np.maximum(f, 1e-9) / centre), -1.0, 1.0)
    found: Array = np.cos(0.5 * math.pi * np.sin(0.5 * math.pi * octaves) ** 2)
    return found


def noise_floor(h: Array) -> tuple[int, float, float]:
    """
    Find where a response's decay sinks into steady noise.

    Parameters
    ----------
    h : array, shape (T,)
        Impulse response of one band and channel.

    Returns
    -------
    end : int
        Sample at which the decay, as a straight line in dB, meets the noise; T where there is none.
    power : float
        Mean square of the noise; 0 where there is none.
    depth : float
        How far below the start of the decay it lies, dB; infinite where there is none.

    Notes
    -----
    After Lundeby et al.: the noise is estimated from the end, the decay is fitted down to 7 dB above it, and both again
    from where they meet. What goes on falling behind that point, or lies in the last tenth, is decay and no noise.

    References
    ----------
    Lundeby, Vigran, Bietz and Vorlander (1995), "Uncertainties of measurements in room acoustics", Acustica 81,
    344-355.

    Examples
    --------
    >>> t = np.arange(8000) / 8000
    >>> noise = np.random.default_rng(0).standard_normal((2, 8000))
    >>> end, power, _ = noise_floor(noise[0] * np.exp(-6.9078 * t / 0.5) + 0.01 * noise[1])
    >>> round(end / 8000, 1), round(10 * math.log10(power))
    (0.3, -40)
    """
    return _floor(h)[:3]


def _floor(h: Array) -> tuple[int, float, float, int]:
    """Return the same, and the sample at which the decay starts."""
    width = max(len(h) // _WINDOWS, 1)
    count = len(h) // width
    power = np.square(h[: count * width]).reshape(count, width).mean(axis=1)
    peak = int(np.argmax(power))
    noise, meets = float(power[-max(count // 10, 1) :].mean()), math.nan
    none = (len(h), 0.0, math.inf, 0)
    if not noise > 0.0 or count < 20:
        return none
    for _ in range(_ROUNDS):
        low = np.flatnonzero(power[peak:] < noise * 10.0 ** (_ABOVE / 10.0))
        last = peak + int(low[0]) if len(low) else count
        if last - peak < 3:
            return none
        at = np.arange(peak, last) + 0.5
        slope, start = np.polyfit(at, 10.0 * np.log10(power[peak:last] + 1e-300), 1)
        if not slope < 0.0:
            return none
        found = (10.0 * math.log10(noise) - start) / slope
        if not found < 0.9 * count:
            return none
        # 5 dB of decay later nothing of it is left in the noise
        behind = power[min(math.ceil(found - 5.0 / slope), math.floor(0.9 * count)) :]
        noise = float(behind.mean())
        if abs(found - meets) < 0.5:
            break
        meets = found
    halves = [float(part.mean()) for part in np.array_split(behind, 2)]
    # the spread of a mean of squares of noise, whose samples in a band depend on each other, is about 1 dB here
    if not halves[1] > 0.0 or 10.0 * math.log10(halves[0] / halves[1]) > _STEADY:
        return none
    return min(int(found * width), len(h)), noise, float(-slope * (found - peak)), peak * width


@dataclass(frozen=True, repr=False)
class WithoutNoise(Result):
    """
    A response freed from steady noise, and what was found of it.

    Attributes
    ----------
    ir : array, shape (T, ...)
        The response.
    crossing : array, shape (...)
        Seconds after which the decay of the whole response meets the noise; NaN where no steady noise was found, and
        nothing changed.
    depth : array, shape (...)
        How far below the start of the decay the noise lies, dB; NaN where none was found.
    centres : array, shape (bands,)
        Octaves that were looked at, Hz; the lowest and the highest take in all below and above.
    crossings : array, shape (bands, ...)
        `crossing` by octave.
    """

    ir: Array
    crossing: Array
    depth: Array
    centres: Array
    crossings: Array


def without_noise(ir: npt.ArrayLike, fs: float) -> WithoutNoise:
    """
    Take steady noise out of a response, octave by octave, and let the decay go on in its place.

    Parameters
    ----------
    ir : array, shape (T, ...)
        Impulse response, time first, not silent.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    WithoutNoise
        The response is what was given where no steady noise was found.

    Notes
    -----
    In each octave the noise's power N is found, and the decay D(t) as a straight line in dB (:func:`noise_floor`). What
    is measured has the power D + N, so it is multiplied by ``sqrt(D / (D + N))``: before the crossing that takes away
    the noise's energy, as Chu does in the decay curve; at the crossing it is -3 dB; behind it, where ISO 3382-1 cuts
    the response off and adds the energy of an exponential decay, the noise itself is shaped to that decay. The octaves
    are those of :func:`amtlib.fdn.decay.octave_bands`, squared, so that they add up to the response. Nothing is done
    where the response as a whole shows no steady noise.

    References
    ----------
    Lundeby, Vigran, Bietz and Vorlander (1995), Acustica 81, 344-355.
    Chu (1978), J. Acoust. Soc. Am. 63, 1444-1450.
    ISO 3382-1:2009, 5.3.3 (integration up to the noise, and what is added for the rest).

    Examples
    --------
    >>> t = np.arange(24000) / 24000
    >>> noise = np.random.default_rng(0).standard_normal((2, 24000))
    >>> found = without_noise(noise[0] * np.exp(-6.9078 * t / 0.5) + 0.003 * noise[1], 24000)
    >>> end = np.square(found.ir[-2400:]).mean()
    >>> bool(10 * np.log10(end) < -100), float(found.crossing.round(1))
    (True, 0.4)
    """
    h, rate = real_array(ir, "ir"), sampling_rate(fs)
    if h.ndim < 1 or h.size < 1:
        raise ValueError(f"ir has shape {h.shape}: give samples, time first")
    centres = octave_centres(rate)
    # squares of what is far too large or small are none; a power of two changes no digit
    peak = math.ldexp(1.0, math.frexp(float(np.abs(h).max()))[1])
    flat = h.reshape(len(h), -1) / peak
    crossings = np.full((len(centres), flat.shape[1]), math.nan)
    crossing, depth = np.full((2, flat.shape[1]), math.nan)
    n_fft = fast_length(2 * len(h))
    f = np.fft.rfftfreq(n_fft, 1.0 / rate)
    gains = [octave_gain(f, centre) ** 2 for centre in centres]
    if gains:
        gains[0][f < centres[0]] = 1.0
        gains[-1][f > centres[-1]] = 1.0
    n = np.arange(len(h))
    freed = flat.copy()
    for channel in range(flat.shape[1]):
        end, power, fallen, _ = _floor(flat[:, channel])
        if not power > 0.0:
            continue
        crossing[channel], depth[channel] = end / rate, fallen
        spectrum = np.fft.rfft(flat[:, channel], n_fft)
        for band, gain in enumerate(gains):
            heard = np.fft.irfft(spectrum * gain, n_fft)[: len(h)]
            end, power, fallen, start = _floor(heard)
            if power > 0.0 and start < end:
                crossings[band, channel] = end / rate
                above = np.minimum(
                    fallen / (end - start) * (n - end), 3000.0
                )  # of the noise over the decay, dB
                freed[:, channel] -= heard * (1.0 - 1.0 / np.sqrt(1.0 + 10.0 ** (above / 10.0)))
    rest = h.shape[1:]
    return WithoutNoise(
        peak * freed.reshape(h.shape), crossing.reshape(rest), depth.reshape(rest), centres,
        crossings.reshape(len(centres), *rest),
    )  # fmt: skip
