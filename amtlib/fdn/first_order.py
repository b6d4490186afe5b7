"""Absorption of first order for delay lines: a shelf or a pole between a decay time at 0 Hz and one at fs / 2.
Source: Jot and Chaigne (1991), AES 90th Convention, 3030 (attenuation in proportion to the delay); shelving filter of
first order by the bilinear transform.
Not here: times by band (:mod:`amtlib.fdn.absorption`).
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.fdn.build import Array, finite_number, sampling_rate, whole_delays

# 10^(+-150): the square root of what a double holds, because two gains are multiplied.
_DEEPEST_DB = 3000.0


def gain_db(rt: Any, name: str, delays: npt.NDArray[np.int64], fs: float) -> Array:
    """
    Return the gain in dB of each line, -60 dB per `rt`, or say why that is none.

    Examples
    --------
    >>> gain_db(1.0, "rt", np.array([480, 4800]), 48000.0)
    array([-0.6, -6. ])
    """
    if isinstance(rt, float | np.floating) and rt == math.inf:
        raise ValueError(f"{name} = inf s is no decay: give rt=None for a lossless network, or a finite time")
    seconds = finite_number(rt, name, 0.0, math.inf, "s")
    with np.errstate(over="ignore"):
        gain = -60.0 * delays / (seconds * fs)
    if gain.min() < -_DEEPEST_DB:
        least = 60.0 * int(delays.max()) / (_DEEPEST_DB * fs)
        raise ValueError(
            f"{name} = {seconds:g} s leaves nothing of a delay of {int(delays.max())} samples "
            f"({gain.min():.3g} dB): give at least {least:.2g} s"
        )
    return np.asarray(gain, dtype=np.float64)


def first_order_absorption(
    rt_dc: float,
    rt_ny: float,
    delays: npt.ArrayLike,
    fs: float,
    crossover_frequency: float | None = None,
) -> Array:
    """
    Shelving filters of first order, one per line: a decay time at 0 Hz and another at half the sampling rate.

    Each line loses 60 dB per reverberation time, exactly so at both ends; half of the difference in dB is reached
    at the crossover frequency. Equal times give plain gains.

    Parameters
    ----------
    rt_dc, rt_ny : float
        Reverberation time in s at 0 Hz and at fs / 2, > 0.
    delays : array of int, shape (N,)
        Delay lengths in samples.
    fs : float
        Sampling rate in Hz.
    crossover_frequency : float, optional
        In Hz, 0 < value < fs / 2. Default: fs / 4.

    Returns
    -------
    array, shape (1, 6, N)
        One section per line; rows b0 b1 0 1 a1 0. Stable, with no gain above that of the longer time.

    Raises
    ------
    ValueError
        If a time is not positive and finite, or so short that nothing passes (more than 3000 dB), or the
        crossover is out of range.
    TypeError
        If an argument is no number.

    See Also
    --------
    with_decay : the same, put into a network.

    Notes
    -----
    The specification's filter crosses over at *twice* the frequency it is given; this one at that frequency. Without
    a crossover frequency both are the same filter.

    References
    ----------
    Jot and Chaigne (1991), AES 90th Convention, preprint 3030.

    Examples
    --------
    >>> first_order_absorption(2.0, 1.0, [1499], 48000)[0, :, 0].round(8)
    array([ 0.85061762,  0.02293171,  0.        ,  1.        , -0.0269589 ,
            0.        ])
    """
    m, rate = whole_delays(delays), sampling_rate(fs)
    dc, nyquist = gain_db(rt_dc, "rt_dc", m, rate), gain_db(rt_ny, "rt_ny", m, rate)
    if crossover_frequency is None:
        t = 1.0
    else:
        crossover = finite_number(crossover_frequency, "crossover_frequency", 0.0, rate / 2.0, "Hz")
        if crossover == rate / 2.0:
            raise ValueError(
                f"crossover_frequency = {crossover:g} Hz must lie below fs / 2 = {rate / 2.0:g} Hz: lower it"
            )
        t = math.tan(math.pi * crossover / rate)
    low = np.power(10.0, nyquist / 20.0)
    root_k = np.power(10.0, (dc - nyquist) / 40.0)
    # H(s) = g_ny (s + t sqrt k) / (s + t / sqrt k), with s = (1 - z^-1) / (1 + z^-1)
    a0 = t / root_k + 1.0
    sos = np.zeros((1, 6, len(m)))
    sos[0, 0] = (t * root_k + 1.0) * low / a0
    sos[0, 1] = (t * root_k - 1.0) * low / a0
    sos[0, 3] = 1.0
    sos[0, 4] = (t / root_k - 1.0) / a0
    flat = dc == nyquist  # one gain, without a pole and a zero that cancel
    sos[0, :, flat] = np.stack([low, 0 * low, 0 * low, 1 + 0 * low, 0 * low, 0 * low], axis=1)[flat]
    return sos


def one_pole_absorption(rt_dc: float, rt_ny: float, delays: npt.ArrayLike, fs: float) -> Array:
    """
    Filters with one pole and no zero, one per line: the cheapest that decay differently at low and high frequencies.

    Parameters
    ----------
    rt_dc, rt_ny : float
        Reverberation time in s at 0 Hz and at fs / 2, > 0.
    delays : array of int, shape (N,)
        Delay lengths in samples.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    array, shape (1, 6, N)
        One section per line; rows b0 0 0 1 a1 0. Exact at both ends; in between the pole decides.

    Raises
    ------
    ValueError, TypeError
        As :func:`first_order_absorption`.

    References
    ----------
    Jot and Chaigne (1991), AES 90th Convention, preprint 3030.

    Examples
    --------
    >>> one_pole_absorption(2.0, 1.0, [1499], 48000)[0, :, 0].round(6)
    array([ 0.849382,  0.      ,  0.      ,  1.      , -0.053879,  0.      ])
    """
    m, rate = whole_delays(delays), sampling_rate(fs)
    dc = 10.0 ** (gain_db(rt_dc, "rt_dc", m, rate) / 20.0)
    nyquist = 10.0 ** (gain_db(rt_ny, "rt_ny", m, rate) / 20.0)
    pole = (dc - nyquist) / (dc + nyquist)
    sos = np.zeros((1, 6, len(m)))
    sos[0, 0], sos[0, 3], sos[0, 4] = (1.0 + pole) * nyquist, 1.0, -pole
    return sos


def shelf_levels(dc: Tensor, nyquist: Tensor, t: float, at: Tensor) -> Tensor:
    """
    Level in dB of first-order shelves, (F, M), at ``at = tan(w / 2)^2``, (F,), of levels (M,) at both ends.

    Examples
    --------
    >>> ends = torch.tensor([[-1.0], [-3.0]], dtype=torch.float64)
    >>> shelf_levels(ends[0], ends[1], 1.0, torch.tensor([0.0, 1.0], dtype=torch.float64)).round(decimals=6).squeeze()
    tensor([-1., -2.], dtype=torch.float64)
    """
    root_k = torch.pow(10.0, (dc - nyquist) / 40.0)
    square, mid = at[:, None], t * t
    ratio = (square + mid * root_k**2) / (square + mid / root_k**2)
    return nyquist + 10.0 * torch.log10(ratio)
