"""The spectrogram of a response on an ear's frequency scale: what decays, where and how fast, at one glance."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from amtlib import scales

Array = NDArray[Any]

#: Lowest and highest frequency, Hz, and rows between them.
LOWEST, HIGHEST, _ROWS = 60.0, 17000.0, 64
#: Length of a window and distance of two, s; how much is shown at most, s.
_WINDOW, _HOP, LONGEST = 0.0213, 0.01, 3.0
#: What is softer has the last colour, dB re the loudest cell of the room, or of the network at the start.
FLOOR = -70.0


@dataclass(frozen=True)
class Spectrogram:
    """Levels over time and frequency.

    Attributes
    ----------
    frequencies : ndarray, shape ``(R,)``
        Hz, equally spaced in ERB.
    duration : float
        What it spans, s.
    levels : ndarray, shape ``(R, K)``
        dB re 1.
    """

    frequencies: Array
    duration: float
    levels: Array


def spectrogram(response: Array, fs: int, duration: float) -> Spectrogram:
    """Return the spectrogram of a response.

    Parameters
    ----------
    response : ndarray, shape ``(T,)``
    fs : int
        Hz.
    duration : float
        How much of it is looked at, s; silence follows where it is shorter.

    Examples
    --------
    >>> time = np.arange(4800) / 48000
    >>> found = spectrogram(np.sin(2 * math.pi * 1000 * time), 48000, 0.1)
    >>> bool(950 < found.frequencies[found.levels[:, 4].argmax()] < 1050), found.levels.shape
    (True, (64, 10))
    """
    hop = max(round(_HOP * fs), 1)
    size = 2 ** math.ceil(math.log2(_WINDOW * fs) - 0.5)
    frames = max(round(duration * fs / hop), 1)
    padded = np.zeros(size // 2 + frames * hop + size)
    heard = response[: frames * hop]
    padded[size // 2 : size // 2 + len(heard)] = heard
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[hop // 2 : hop // 2 + frames * hop : hop]
    power = np.square(np.abs(np.fft.rfft(windows * np.hanning(size), axis=1))) * (4.0 / size**2)
    frequencies = scales.erbspace(LOWEST, min(HIGHEST, 0.49 * fs), _ROWS, dtype=torch.float64).numpy()
    at = frequencies * size / fs
    below = np.floor(at).astype(int)
    share = at - below
    rows = power[:, below] * (1 - share) + power[:, below + 1] * share
    return Spectrogram(frequencies, frames * hop / fs, 10 * np.log10(rows.T + 1e-12))
