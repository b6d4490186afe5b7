"""Decay times by band: octaves and thirds by their number, or any centre frequencies.
Source: preferred frequencies of ISO 266 in exact octaves and thirds of 1 kHz.
Not here: filters with these times (:mod:`amtlib.fdn.absorption`), times measured (:mod:`amtlib.fdn.decay`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from amtlib.fdn.build import Array, finite_number
from amtlib.fdn.equaliser import check_centres

#: A time for all frequencies, (at 0 Hz, at fs / 2), or times by band: by centre in Hz, or of standard bands.
DecayTimes: TypeAlias = float | Sequence[Any] | Mapping[Any, float]

# How many bands: lowest centre as steps from 1 kHz, steps per octave.
_STANDARD = {
    8: (-4, 1),
    9: (-4, 1),
    10: (-5, 1),
    22: (-12, 3),
    25: (-12, 3),
    28: (-15, 3),
}


def standard_centres(count: int) -> Array:
    """
    Return the centres of a standard set of bands by their number.

    Parameters
    ----------
    count : {8, 9, 10, 22, 25, 28}
        Octaves from 62.5 Hz to 8 kHz (8), to 16 kHz (9), from 31.25 Hz to 16 kHz (10); thirds from 62.5 Hz to 8 kHz
        (22), to 16 kHz (25), from 31.25 Hz to 16 kHz (28).

    Raises
    ------
    ValueError
        If no set has that number.

    Examples
    --------
    >>> standard_centres(8).tolist()
    [62.5, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0]
    """
    if count not in _STANDARD:
        raise ValueError(
            f"{count} bands are no standard set: give 8 (octaves from 62.5 Hz to 8 kHz), 9 (to 16 kHz), 10 (from "
            "31.25 Hz), 22, 25 or 28 (thirds in the same ranges), or a mapping of centre frequencies in Hz to values"
        )
    first, per_octave = _STANDARD[count]
    return np.asarray(1000.0 * 2.0 ** ((np.arange(count) + first) / per_octave))


def two_slopes(rt: Any) -> bool:
    """
    Whether decay times are two, for two groups of lines, each of them one time, a pair or times by band.

    Examples
    --------
    >>> two_slopes([(2.0, 1.0), 0.5]), two_slopes((2.0, 1.0))
    (True, False)
    """
    return (
        isinstance(rt, tuple | list)
        and len(rt) == 2
        and any(isinstance(each, tuple | list | np.ndarray | Mapping) for each in rt)
    )


def by_band(rt: Any, fs: float) -> tuple[Array, Array] | None:
    """
    Return centres in Hz and times in s of decay times by band, None for one time or two.

    Parameters
    ----------
    rt : float, (rt_dc, rt_nyquist), mapping or sequence
        See :func:`amtlib.fdn.with_decay`.
    fs : float
        Sampling rate in Hz.

    Raises
    ------
    ValueError, TypeError
        If a time or a centre is none.

    Examples
    --------
    >>> by_band({"500": 1.5, "1000": 1.2}, 48000.0)
    (array([ 500., 1000.]), array([1.5, 1.2]))
    >>> by_band((2.0, 1.0), 48000.0) is None
    True
    """
    if isinstance(rt, Mapping):
        try:
            pairs = sorted((float(centre), time) for centre, time in rt.items())
        except (TypeError, ValueError):
            raise ValueError(
                f"rt has the bands {list(rt)}: give centre frequencies in Hz, as in {{125: 2.0, 250: 1.8}}"
            ) from None
        at, times = np.array([centre for centre, _ in pairs]), [time for _, time in pairs]
    elif isinstance(rt, tuple | list | np.ndarray) and len(rt) != 2:
        if len(rt) not in _STANDARD:
            raise ValueError(
                f"rt holds {len(rt)} times: give one, or (rt_dc, rt_nyquist), or times by band: "
                "{centre in Hz: s, ...}, or those of 8, 9 or 10 octaves or of 22, 25 or 28 thirds"
            )
        at, times = standard_centres(len(rt)), list(rt)
    else:
        return None
    check_centres(at, fs, "rt")
    found = [finite_number(t, f"rt at {f:g} Hz", 0.0, math.inf, "s") for f, t in zip(at, times, strict=True)]
    return at, np.array(found)
