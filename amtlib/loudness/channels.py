"""The channels of the loudness models: their frequencies, and the constants that specific loudness has in each.
Source: ANSI S3.4-2007; Glasberg and Moore (2002); the tables in amtlib/tables name their origin in the first line.
Not here: the formulas that use them (:mod:`amtlib.loudness.specific`).
"""

import functools
import math
from dataclasses import dataclass
from importlib import resources

import numpy as np
import torch

from amtlib.ears.tables import Array, monotone_cubic
from amtlib.filterbanks.erb_integration import erb_channels
from amtlib.results import Result
from amtlib.scales import erbrate2f

#: Excitation threshold at and above 500 Hz, dB SPL: the reference of the gain G
MOORE2016_THRESHOLD_DB = 3.63
GLASBERG2002_THRESHOLD_DB = 3.73


@dataclass(frozen=True, repr=False)
class Channels(Result):
    """
    Channels of a loudness model and the constants of specific loudness in each; arrays of shape (C,), float64.

    Models share them: they cannot be written to.

    Attributes
    ----------
    erb_numbers, frequencies : ndarray
        Centres in Cam and in Hz.
    threshold_db : ndarray
        Excitation at the absolute threshold, dB SPL.
    alpha, A : ndarray
        Exponent and internal-noise constant, which depend on the gain ``G = threshold(1 kHz) - threshold`` in dB.
    """

    erb_numbers: Array
    frequencies: Array
    threshold_db: Array
    alpha: Array
    A: Array

    def __post_init__(self) -> None:
        for values in vars(self).values():
            values.setflags(write=False)


def loudness_table(name: str) -> Array:
    """
    Read one of the tables behind the loudness models.

    Parameters
    ----------
    name : str
        'moore2016_threshold', 'moore2016_G_alpha', 'moore2016_G_A', the same three of 'glasberg2002', or
        'sone_phon'.

    Returns
    -------
    ndarray, shape (rows, 2)
        The first column increases.

    Examples
    --------
    >>> loudness_table("sone_phon")[0]
    array([0.000538, 0.      ])
    """
    text = (resources.files("amtlib") / "tables" / f"{name}.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")][1:]
    return np.array([[float(value) for value in line.split(",")] for line in lines])


@functools.lru_cache(maxsize=16)
def moore2016_channels(erb_lower: float = 1.75, erb_upper: float = 39.0, erb_step: float = 0.25) -> Channels:
    """
    Channels of Moore et al. (2016): equally spaced in Cam, by default 150 from 47.5 Hz to 15.1 kHz.

    Parameters
    ----------
    erb_lower, erb_upper, erb_step : float
        First, last and step in Cam.

    Returns
    -------
    Channels
        With thresholds interpolated linearly in Hz, alpha linearly and A by monotone cubics in dB of gain.

    Raises
    ------
    ValueError
        If the range is empty or the step is not positive.

    Examples
    --------
    >>> channels = moore2016_channels()
    >>> len(channels.frequencies), channels.frequencies[:2].round(1).tolist()
    (150, [47.5, 55.1])
    """
    if not (math.isfinite(erb_step) and erb_step >= 1e-3 and 0.0 < erb_lower < erb_upper <= 50.0):
        raise ValueError(
            f"erb_lower = {erb_lower}, erb_upper = {erb_upper}, erb_step = {erb_step} Cam span no channels; "
            "give 0 < erb_lower < erb_upper <= 50 and a step >= 0.001"
        )
    # as amtlib.Moore2016ExcitationPattern counts them: the last may lie a step above erb_upper
    count = math.ceil((erb_upper - erb_lower) / erb_step - 1e-9) + 1
    numbers: Array = erb_lower + erb_step * np.arange(count, dtype=np.float64)
    frequencies = erbrate2f(torch.from_numpy(numbers)).numpy()
    table = loudness_table("moore2016_threshold")
    threshold = np.interp(frequencies, table[:, 0], table[:, 1])
    threshold[frequencies >= 500.0] = MOORE2016_THRESHOLD_DB
    gain = MOORE2016_THRESHOLD_DB - threshold
    exponents = loudness_table("moore2016_G_alpha")
    return Channels(
        numbers,
        frequencies,
        threshold,
        np.interp(gain, exponents[:, 0], exponents[:, 1]),
        _continued_cubic(loudness_table("moore2016_G_A"), gain),
    )


@functools.lru_cache(maxsize=16)
def glasberg2002_channels(
    f_min: float = 50.0, f_max: float = 15000.0, erb_step: float = 0.25, fs: float = 32000.0
) -> Channels:
    """
    Channels of Glasberg and Moore (2002): from f_min in steps of Cam to the first beyond f_max, by default 150.

    Parameters
    ----------
    f_min, f_max : float
        Range in Hz.
    erb_step : float
        Step in Cam.
    fs : float
        Sampling rate in Hz; channels end at half of it.

    Returns
    -------
    Channels
        With all constants interpolated by monotone cubics: thresholds in Hz, alpha and A in dB of gain.

    Raises
    ------
    ValueError
        If the range is empty, or the step is not positive.

    Examples
    --------
    >>> channels = glasberg2002_channels()
    >>> len(channels.frequencies), channels.frequencies[[0, -1]].round(1).tolist()
    (150, [50.0, 15221.2])
    """
    erb = erb_channels(fs, f_min, f_max, erb_step)
    numbers, frequencies = erb.numpy(), erbrate2f(erb).numpy()
    table = loudness_table("glasberg2002_threshold")
    threshold = monotone_cubic(table[:, 0], table[:, 1], frequencies)
    threshold[frequencies >= 500.0] = GLASBERG2002_THRESHOLD_DB
    gain = GLASBERG2002_THRESHOLD_DB - threshold
    exponents, noise = loudness_table("glasberg2002_G_alpha"), loudness_table("glasberg2002_G_A")
    return Channels(
        numbers,
        frequencies,
        threshold,
        monotone_cubic(exponents[:, 0], exponents[:, 1], gain),
        monotone_cubic(noise[:, 0], noise[:, 1], gain),
    )


def _continued_cubic(table: Array, at: Array) -> Array:
    """Monotone cubics; below the first point the first of them goes on: a channel lies 0.005 dB outside."""
    x, y = table[:, 0], table[:, 1]
    inside = monotone_cubic(x, y, at)
    if at.min() >= x[0]:
        return inside
    points = x[0] + (x[1] - x[0]) * np.array([0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0])
    first = np.polynomial.Polynomial.fit(points, monotone_cubic(x, y, points), 3)
    continued: Array = np.where(at < x[0], first(at), inside)
    return continued
