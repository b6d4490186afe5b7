"""How alike the two ears of a stereo response are, band by band, and what a diffuse field gives a listener.
Source: Lindevald and Benade (1986), JASA 80, 661-664; bands of Glasberg and Moore (1990).
Not here: losses to train with (:mod:`amtlib.train.losses.two_ears`).
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from amtlib.fdn.build import Array, finite_number, real_array, sampling_rate
from amtlib.fdn.measures import erb_centres
from amtlib.lti import fast_length
from amtlib.scales import f2erb

#: Distance of the ears in m, and speed of sound in m/s.
EARS, SPEED = 0.15, 343.0
# Lindevald and Benade's fit to a head in a reverberant room.
_SPREAD, _SHADOW = 2.2, 0.5


def coherence_centres(fs: float) -> Array:
    """
    Return the centres of the bands that coherence is measured in, Hz: every ERB from 3 to 37 Cam, below fs / 2.

    Examples
    --------
    >>> coherence_centres(48000).round(1)[[0, 1, -1]]
    array([   87.4,   123.4, 12114.6])
    """
    return erb_centres(fs)[::2]


def coherence_weights(fs: float, lines: int) -> Array:
    """
    Weights of the bands over evenly spaced frequencies from 0 to fs / 2, (lines, bands): gammatones of fourth order.

    Examples
    --------
    >>> coherence_weights(48000, 1025).sum(axis=0).round(6)[:2]
    array([1., 1.])
    """
    return _weights(float(fs), lines).copy()


@lru_cache(maxsize=2)
def _weights(fs: float, lines: int) -> Array:
    """Weights of the bands: a fit asks for the same ones again and again."""
    centres = coherence_centres(fs)
    off = (np.linspace(0.0, fs / 2.0, lines)[:, None] - centres) / (1.019 * f2erb(centres).numpy())
    weights = (1.0 + np.square(off)) ** -4
    return np.asarray(weights / weights.sum(axis=0))


def diffuse_field_coherence(f: npt.ArrayLike, *, distance: float = EARS) -> Array:
    """
    Correlation of the two ears of a listener in a diffuse field.

    Parameters
    ----------
    f : array
        Frequencies in Hz, >= 0.
    distance : float
        Width of the head in m, above 0 to 1.

    Returns
    -------
    array, shaped like `f`
        From 1 at 0 Hz to 0, below 0 in between: it first crosses 0 at 520 Hz for a width of 0.15 m.

    Notes
    -----
    ``sin(2.2 kd) / (2.2 kd) / sqrt(1 + (0.5 kd)^4)`` with ``k = 2 pi f / (343 m/s)``: the correlation of two points in
    a diffuse field, with constants that Lindevald and Benade fitted to measurements at a head 0.15 m wide.

    References
    ----------
    Lindevald and Benade (1986), "Two-ear correlation in the statistical sound fields of rooms", J. Acoust. Soc. Am. 80,
    661-664.

    Examples
    --------
    >>> diffuse_field_coherence([0.0, 250.0, 1000.0]).round(2)
    array([ 1.  ,  0.66, -0.02])
    """
    at = real_array(f, "f")
    if (at < 0.0).any():
        raise ValueError(f"f holds {float(at.min()):g} Hz: give frequencies of 0 Hz and more")
    kd = 2.0 * math.pi * at / SPEED * finite_number(distance, "distance", 0.0, 1.0, "m")
    return np.asarray(np.sinc(_SPREAD * kd / math.pi) / np.sqrt(1.0 + (_SHADOW * kd) ** 4))


def interaural_coherence(
    ir: npt.ArrayLike, fs: float, *, weights: Array | None = None, start: float = 0.0
) -> Array:
    """
    Correlation of both channels of a response in bands one ERB apart, without a delay between them.

    Parameters
    ----------
    ir : array, shape (T, 2) or (T, 2, n_in)
        Impulse response of two outputs, time first.
    fs : float
        Sampling rate in Hz.
    weights : array, shape (lines, bands), optional
        Of ``amtlib.fdn.coherence.coherence_weights``, computed once for many responses: lines for an FFT of
        2 (lines - 1) samples, at least T.
    start : float
        What comes before is left out, s: 0.08, say, for late reverberation.

    Returns
    -------
    array, shape (bands,) or (bands, n_in)
        From -1 to 1, at :func:`coherence_centres`.

    Raises
    ------
    ValueError
        If the response has not two outputs, or one is silent.

    Notes
    -----
    Of a room's sound field, one response is a sample. Where the field has a coherence of c, what is measured in a band
    scatters from one pair of places to the next by ``(1 - c^2) / sqrt(2 B T)``, with the standard deviation of a
    correlation over B T independent complex values: ``B = 1.49 ERB`` is the width (integral squared over integral of
    the square) of the weights, and ``T = T60 / ln(1000)`` the same of a power that decays by 60 dB in T60. That is 0.22
    at 500 Hz and 0.08 at 5 kHz for c = 0 and T60 = 0.6 s. The coherence of this one response is exact.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((48000, 2))
    >>> noise[:, 1] += noise[:, 0]
    >>> float(interaural_coherence(noise, 48000)[-1].round(1))  # 1 / sqrt(2)
    0.7
    """
    h, rate = real_array(ir, "ir"), sampling_rate(fs)
    first = round(finite_number(start, "start", -1e-300, math.inf, "s") * rate)
    if h.ndim not in (2, 3) or h.shape[1] != 2 or len(h) < first + 2:
        raise ValueError(
            f"ir has shape {h.shape}: give a response of two outputs, (T, 2), longer than start = {start:g} s"
        )
    h = h[first:]
    if not np.abs(h).max(axis=0).all():
        raise ValueError("a channel of ir is silent: coherence needs sound in both")
    n_fft = fast_length(len(h)) + fast_length(len(h)) % 2 if weights is None else 2 * (len(weights) - 1)
    bands = _weights(float(rate), n_fft // 2 + 1) if weights is None else weights
    spectrum = np.fft.rfft(h, n_fft, axis=0)
    left, right = spectrum[:, 0], spectrum[:, 1]
    both = bands.T @ (left * right.conj()).real
    return np.asarray(both / np.sqrt((bands.T @ np.abs(left) ** 2) * (bands.T @ np.abs(right) ** 2)))
