"""Gains of a network's lines that give it the early energy of a room, octave by octave.
Source: clarity C50 of ISO 3382-1:2009, A.2; energies of sums of lines as quadratic forms, and least squares.
Not here: the other corrections of a fit (:mod:`amtlib.train.calibration`).
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from amtlib.fdn.acoustics import onset_sample
from amtlib.fdn.build import Array
from amtlib.fdn.noise import octave_gain
from amtlib.lti import fast_length

#: End of early sound, s after the onset; clarity is clipped at ± so many dB; octaves in which it is fitted, Hz.
EARLY, MOST_DB, HEARD = 0.05, 15.0, (120.0, 8100.0)
#: So much of the lines' responses is looked at, s; what comes later follows from the decay times.
LOOKED_AT = 0.4
# A gain that changes by its own size costs as much as so many dB of clarity in one octave; least and largest change.
_STAY, _LEAST, _MOST = 1.5, 0.2, 3.0
_DB = 10.0 / math.log(10.0)


def early_end(h: Array, fs: float) -> int:
    """
    Return where the early sound of a response ends, samples from its start.

    Examples
    --------
    >>> early_end(np.eye(1, 4800)[0], 48000.0)
    2400
    """
    return min(onset_sample(h) + round(EARLY * fs), len(h))


def clarity(h: Array, fs: float, centres: Array, gains: Sequence[Array]) -> Array:
    """
    Return C50 in dB by octave, (K, ...), from -15 to 15; NaN in octaves that are not fitted.

    Parameters
    ----------
    h : array, shape (T, ...)
        Response without noise.
    fs : float
        Sampling rate in Hz.
    centres : array, shape (K,)
        Octaves in Hz.
    gains : sequence of arrays, shape (F,)
        Gain of each octave at frequencies from 0 to fs / 2, of an FFT no shorter than T.

    Examples
    --------
    >>> h, centres = np.eye(1, 9600)[0] + np.eye(1, 9600, 4800)[0], np.array([1000.0])
    >>> clarity(h, 48000.0, centres, [octave_gain(np.fft.rfftfreq(9600, 1 / 48000.0), 1000.0)]).round(6) + 0.0
    array([0.])
    """
    cut, n_fft = early_end(h, fs), 2 * (len(gains[0]) - 1)
    flat = h.reshape(len(h), -1)
    found = np.full((len(centres), flat.shape[1]), math.nan)
    for channel in range(flat.shape[1]):
        early, late = (
            np.square(np.abs(np.fft.rfft(each[:, channel], n_fft))) for each in (flat[:cut], flat[cut:])
        )
        for band in np.flatnonzero(fitted_octaves(centres)).tolist():
            first, rest = (max(float(np.square(gains[band]) @ each), 1e-300) for each in (early, late))
            found[band, channel] = np.clip(10.0 * math.log10(first / rest), -MOST_DB, MOST_DB)
    return found.reshape(-1, *h.shape[1:])


def fitted_octaves(centres: Array) -> npt.NDArray[np.bool_]:
    """
    Return which octaves are fitted: those below 120 Hz hold too few modes, those above 8 kHz too little sound.

    Examples
    --------
    >>> fitted_octaves(np.array([63.0, 125.0, 8000.0, 16000.0])).tolist()
    [False, True, True, False]
    """
    return (centres >= HEARD[0]) & (centres <= HEARD[1])


def early_gains(
    lines: Array, direct: Array, fs: float, centres: Array, times: Array, wanted: Array, cut: int
) -> Array:
    """
    Return what the lines' output gains are to be multiplied by, so that clarity comes near to what is wanted.

    Parameters
    ----------
    lines : array, shape (T, n_out, n_in, N)
        What each line gives to each output, its gain and the output's filter included.
    direct : array, shape (n_out, n_in)
        Direct sound.
    fs : float
        Sampling rate in Hz.
    centres : array, shape (K,)
        Octaves in Hz.
    times : array, shape (K,)
        Decay times in s, for what comes after T.
    wanted : array, shape (K, n_out, n_in)
        Clarity in dB, as :func:`clarity` gives it.
    cut : int
        End of the early sound, samples.

    Returns
    -------
    array, shape (N,)
        From 0.2 to 3, the same for all outputs, so that their modes stay as even as each other's.

    Notes
    -----
    Early and late energy in an octave are quadratic forms of the gains, whose matrices are computed once; least squares
    over octaves and channels, in dB, with a cost for each gain that changes.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((9600, 1, 1, 4))
    >>> noise[:2400, ..., 0] *= 4.0  # a line whose sound is early
    >>> centres = np.array([1000.0, 2000.0])
    >>> found = early_gains(noise, np.zeros((1, 1)), 48000.0, centres, np.ones(2), np.full((2, 1, 1), 10.0), 2400)
    >>> bool(found[0] > 1.5 * found[1:].max())
    True
    """
    n = lines.shape[-1]
    used = np.flatnonzero(fitted_octaves(centres) & (np.abs(wanted).max(axis=(1, 2)) < MOST_DB))
    if not used.size or cut >= len(lines):
        return np.ones(n)
    whole = np.concatenate([lines, np.zeros((*lines.shape[:-1], 1))], axis=-1)
    whole[0, :, :, -1] = direct  # one more line, whose gain stays
    n_fft = fast_length(2 * len(whole))
    f = np.fft.rfftfreq(n_fft, 1.0 / fs)
    forms = []
    for each in (whole[:cut], whole[cut:]):
        spectrum = np.moveaxis(np.fft.rfft(each, n_fft, axis=0), 0, -2)
        bands = []
        for centre in centres[used]:
            gain = octave_gain(f, centre)
            heard = np.flatnonzero(gain)
            band = spectrum[..., heard, :] * gain[heard, None]
            bands.append((np.swapaxes(band.conj(), -1, -2) @ band).real)
        forms.append(np.stack(bands).reshape(-1, n + 1, n + 1))
    seen = 1.0 - 10.0 ** (-6.0 * (len(whole) - cut) / fs / times[used])
    late = 10.0 * np.log10(np.repeat(seen, lines.shape[1] * lines.shape[2]))
    target = wanted[used].ravel() - late

    def measured(at: Array) -> tuple[Array, Array]:
        gains = np.append(at, 1.0)
        found, slope = [], []
        for form in forms:
            half = form @ gains
            energy = half @ gains
            found.append(_DB * np.log(energy))
            slope.append(2.0 * _DB * half[:, :n] / energy[:, None])
        return found[0] - found[1], slope[0] - slope[1]

    found = least_squares(
        lambda at: np.concatenate([measured(at)[0] - target, _STAY * (at - 1.0)]),
        np.ones(n),
        lambda at: np.concatenate([measured(at)[1], _STAY * np.eye(n)]),
        bounds=(_LEAST, _MOST),
        max_nfev=40,
    )
    return np.asarray(found.x)
