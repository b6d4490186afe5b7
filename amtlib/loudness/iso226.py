"""Equal-loudness-level contours of listeners, as the standard gives them, to hold a model's contours against.
Source: ISO 226:2023 and ISO 226:2003, table 1 and equation 1 of each.
Not a model: the models' own contours are those of :func:`amtlib.loudness.equal_loudness_contour`.
"""

import math
from importlib import resources

import torch
from torch import Tensor

#: The standard is defined up to this level, phon, below and from 5 kHz.
HIGHEST, HIGHEST_ABOVE_4K = 90.0, 80.0


#: Editions of the standard that there are tables of
EDITIONS = (2003, 2023)


def _table(edition: int = EDITIONS[-1]) -> Tensor:
    text = (resources.files("amtlib") / "tables" / f"iso226_{edition}.csv").read_text(encoding="utf-8")
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


def iso226_contour(phon: float, *, edition: int = 2023) -> Tensor:
    """
    Return the sound pressure levels at which pure tones are as loud as one of 1 kHz with ``phon`` dB SPL.

    Listeners between 18 and 25 years, free field, tones from the front, heard with both ears.

    Parameters
    ----------
    phon : float
        Loudness level, 20 to 90 phon, or 0 for the threshold of hearing. The standard's equation reaches 80 phon
        from 5 kHz on; levels beyond it are NaN.
    edition : {2023, 2003}
        The standard in force, or the one it replaced: from 20 to 80 phon they differ by at most 0.32 dB.

    Returns
    -------
    Tensor, shape (29,)
        dB SPL at `iso226_frequencies`, float64.

    Raises
    ------
    ValueError
        If ``phon`` is neither 0 nor within 20 to 90, or there is no such edition.

    Notes
    -----
    We have not seen the text of 2023: its table and its equation are those that refmap-psychoacoustics
    (University of Salford) computes with, and agree with the 78.5 dB SPL that phonometry quotes from its table B.1 for
    100 Hz and 60 phon.

    References
    ----------
    ISO 226:2023, Acoustics: Normal equal-loudness-level contours.
    ISO 226:2003, Acoustics: Normal equal-loudness-level contours.

    Examples
    --------
    >>> level = iso226_contour(40)
    >>> f = iso226_frequencies()
    >>> round(float(level[f == 1000]), 1), round(float(level[f == 63]), 1)
    (40.0, 73.0)
    """
    loudness_level = float(phon)
    if edition not in EDITIONS:
        raise ValueError(
            f"edition = {edition!r} of ISO 226 is unknown; give {' or '.join(map(str, EDITIONS))}"
        )
    table = _table(edition)
    alpha, transfer, threshold = table[:, 1], table[:, 2], table[:, 3]
    if loudness_level == 0:
        return threshold.clone()
    if not 20.0 <= loudness_level <= HIGHEST:
        raise ValueError(
            f"phon = {phon} is outside the standard; give 20 to {HIGHEST:g}, or 0 for the threshold of hearing"
        )
    level: Tensor
    if edition == 2003:
        pressure = 4.47e-3 * (10 ** (0.025 * loudness_level) - 1.15)
        at_threshold = (0.4 * 10 ** ((threshold + transfer) / 10 - 9)) ** alpha
        level = 10 / alpha * torch.log10(pressure + at_threshold) - transfer + 94
    else:
        # Loudness as a power of intensity, 0.3 at 1 kHz, less that of the threshold there, 2.4 dB SPL
        above_threshold = 4e-10 ** (0.3 - alpha) * (10 ** (0.03 * loudness_level) - 10**0.072)
        at_threshold = 10 ** (alpha * (threshold + transfer) / 10)
        level = 10 / alpha * torch.log10(above_threshold + at_threshold) - transfer
    if loudness_level > HIGHEST_ABOVE_4K:
        level = torch.where(iso226_frequencies() >= 5000, math.nan, level)
    return level
