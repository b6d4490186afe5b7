"""How the loudness lab says what it finds: loudness levels, tops of patterns, and numbers for people."""

import math

import numpy as np

from amtlib import Glasberg2002, Moore2016
from amtlib.loudness import sone2phon
from app.labs.loudness.steady import Array, cam


def excitation_at(frequencies: Array, excitation: Array, at: float) -> float:
    """Return the height in dB of a pattern at a place in Hz."""
    return float(np.interp(cam(at), cam(frequencies), excitation))


def peak_between(frequencies: Array, excitation: Array) -> tuple[float, float]:
    """Return frequency in Hz and height in dB of a pattern's top: of the parabola through its three highest channels.

    Examples
    --------
    >>> f = np.array([900.0, 950.0, 1000.0, 1050.0])
    >>> peak_between(f, np.array([0.0, 3.0, 4.0, 3.0]))
    (1000.0, 4.0)
    """
    i = int(np.clip(excitation.argmax(), 1, len(excitation) - 2))
    left, middle, right = excitation[i - 1 : i + 2].astype(float)
    bend = left - 2 * middle + right
    shift = float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0
    frequency = np.interp(i + shift, np.arange(len(frequencies)), frequencies)
    return float(frequency), float(middle - 0.25 * (left - right) * shift)


def near(frequency: float) -> str:
    """Write a frequency as well as a pattern tells it: with two digits.

    Examples
    --------
    >>> near(1003.2), near(254.7), near(6270.0)
    ('1000 Hz', '250 Hz', '6300 Hz')
    """
    return f"{float(f'{frequency:.2g}'):.0f} Hz"


def phon(sone: float, model: Moore2016 | Glasberg2002 | None = None, *, by_components: bool = False) -> float:
    """Return a loudness in sone as a loudness level in phon, of that model or of the published table.

    NaN if the model is set so that a tone's loudness does not grow with its level: it has no phon then.
    `by_components` says that the loudness was found from components and not from samples.
    """
    try:
        return sone2phon(float(sone), model, stationary=by_components)
    except ValueError:
        return math.nan


def plain(sone: float) -> str:
    """Write a loudness as finely as it is told apart, and never in powers of ten.

    Examples
    --------
    >>> plain(15.31), plain(4.107), plain(0.9992), plain(0.00904), plain(0.0)
    ('15.3', '4.11', '1.00', '0.0090', '0')
    """
    if sone < 1e-3:
        return "0"
    return f"{sone:.{1 - math.floor(math.log10(sone)) if sone < 0.1 else 2 if sone < 10 else 1}f}"
