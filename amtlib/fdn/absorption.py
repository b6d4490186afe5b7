"""Filters that make a lossless network decay: a reverberation time at low and one at high frequencies.
Source: Jot and Chaigne (1991), AES 90th Convention, 3030 (attenuation in proportion to the delay); shelving filter of
first order by the bilinear transform. Not here: graphic equalisers, decays that differ in each octave.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from amtlib.fdn.build import Array, FDNBuild, finite_number, sampling_rate, whole_delays

# 10^(+-150): the square root of what a double holds, because two gains are multiplied.
_DEEPEST_DB = 3000.0


def _gain_db(rt: Any, name: str, delays: npt.NDArray[np.int64], fs: float) -> Array:
    """Return the gain in dB of each line, -60 dB per `rt`."""
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
    dc, nyquist = _gain_db(rt_dc, "rt_dc", m, rate), _gain_db(rt_ny, "rt_ny", m, rate)
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


def with_decay(
    build: FDNBuild,
    rt: float | tuple[float, float] | None,
    *,
    rt_crossover: float | None = None,
) -> FDNBuild:
    """
    Return the network with a decay: its `filters` replaced by first-order absorption.

    Parameters
    ----------
    build : FDNBuild
        A network whose feedback matrix keeps energy, for the decay to be the one asked for.
    rt : float, (rt_dc, rt_nyquist), or None
        Reverberation time in s, one for all frequencies or one for each end. None takes the filters away: lossless.
    rt_crossover : float, optional
        Where the two times meet, in Hz; see :func:`first_order_absorption`.

    Returns
    -------
    FDNBuild
        A copy. Filters that were there are replaced, not cascaded.

    Raises
    ------
    ValueError, TypeError
        As :func:`first_order_absorption`.

    Examples
    --------
    >>> comb = FDNBuild([[1.0]], [1.0], [1.0], 0.0, [480], 48000)
    >>> float(with_decay(comb, 0.3).filters[0, 0, 0])  # -2 dB per 10 ms
    0.7943282347242815
    """
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    if rt is None:
        return replace(build, filters=None)
    if isinstance(rt, tuple | list | np.ndarray):
        if len(rt) != 2:
            raise ValueError(f"rt holds {len(rt)} times: give one, or (rt_dc, rt_nyquist)")
        dc, nyquist = rt
    else:
        dc = nyquist = rt
    filters = first_order_absorption(dc, nyquist, build.delays, build.fs, rt_crossover)
    return replace(build, filters=filters)
