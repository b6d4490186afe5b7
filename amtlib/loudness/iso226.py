"""Equal-loudness-level contours of listeners, as the standard gives them, to hold a model's contours against.
Source: ISO 226:2003, table 1 and equation 1.
Not a model: the models' own contours are in :mod:`amtlib.loudness.contours`.
"""

import math
from importlib import resources

import torch
from torch import Tensor

#: The standard is defined up to this level, phon, below and from 5 kHz.
HIGHEST, HIGHEST_ABOVE_4K = 90.0, 80.0


def _table() -> Tensor:
    text = (resources.files("amtlib") / "tables" / "iso226_2003.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")][1:]
    return torch.tensor([[float(value) for value in line.split(",")] for line in lines], dtype=torch.float64)


def iso226_frequencies() -> Tensor:
    """
    Return the standard's frequencies: the 29 third octaves from 20 Hz to 12.5 kHz.

    Returns
    -------
    Tensor, shape (29,)
        Hz, float64.

    Examples
    --------
    >>> iso226_frequencies()[:3]
    tensor([20.0000, 25.0000, 31.5000], dtype=torch.float64)
    """
    return _table()[:, 0]


def iso226_contour(phon: float) -> Tensor:
    """
    Return the sound pressure levels at which pure tones are as loud as one of 1 kHz with ``phon`` dB SPL.

    Listeners between 18 and 25 years, free field, tones from the front, heard with both ears.

    Parameters
    ----------
    phon : float
        Loudness level, 20 to 90 phon, or 0 for the threshold of hearing. The standard's equation reaches 80 phon
        from 5 kHz on; levels beyond it are NaN.

    Returns
    -------
    Tensor, shape (29,)
        dB SPL at `iso226_frequencies`, float64.

    Raises
    ------
    ValueError
        If ``phon`` is neither 0 nor within 20 to 90.

    References
    ----------
    ISO 226:2003, Acoustics: Normal equal-loudness-level contours.

    Examples
    --------
    >>> level = iso226_contour(40)
    >>> f = iso226_frequencies()
    >>> round(float(level[f == 1000]), 1), round(float(level[f == 63]), 1)
    (40.0, 73.1)
    """
    loudness_level = float(phon)
    table = _table()
    alpha, transfer, threshold = table[:, 1], table[:, 2], table[:, 3]
    if loudness_level == 0:
        return threshold.clone()
    if not 20.0 <= loudness_level <= HIGHEST:
        raise ValueError(
            f"phon = {phon} is outside the standard; give 20 to {HIGHEST:g}, or 0 for the threshold of hearing"
        )
    pressure = 4.47e-3 * (10 ** (0.025 * loudness_level) - 1.15)
    at_threshold = (0.4 * 10 ** ((threshold + transfer) / 10 - 9)) ** alpha
    level: Tensor = 10 / alpha * torch.log10(pressure + at_threshold) - transfer + 94
    if loudness_level > HIGHEST_ABOVE_4K:
        level = torch.where(iso226_frequencies() >= 5000, math.nan, level)
    return level
