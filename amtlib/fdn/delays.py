"""Lengths for the delay lines of a network, drawn at random, free of common factors if asked.
Source: the recipe of the pyFDN package (1.5 of the project's notes), so that seeds give its lengths.
Not here: anything the delays do (:mod:`amtlib.fdn.process`).
"""

import math
from typing import Any, TypeAlias

import numpy as np

from amtlib.fdn.build import MAX_DELAY, MAX_LINES, Integers

Seed: TypeAlias = np.random.Generator | int | None

_DISTRIBUTIONS = ("uniform", "geometric", "lognormal")


def as_generator(rng: Seed) -> np.random.Generator:
    """
    Return the generator itself, a new one seeded with an int >= 0, or an unseeded one for None.

    Raises
    ------
    TypeError
        If `rng` is anything else.
    ValueError
        If the seed is negative.

    Examples
    --------
    >>> int(as_generator(3).integers(100))
    81
    """
    if rng is not None and not isinstance(rng, np.random.Generator | int | np.integer):
        raise TypeError(f"rng is a {type(rng).__name__}: give a numpy.random.Generator, an int seed, or None")
    if isinstance(rng, bool):
        raise TypeError("rng is a bool: give a numpy.random.Generator, an int seed, or None")
    if isinstance(rng, int | np.integer) and rng < 0:
        raise ValueError(f"rng = {rng} is no seed: give an int >= 0")
    return np.random.default_rng(rng)


def line_count(N: Any) -> int:
    """
    Return the number of delay lines as an int from 1 to ``MAX_LINES``, or raise.

    Examples
    --------
    >>> line_count(8)
    8
    """
    if isinstance(N, bool) or not isinstance(N, int | np.integer):
        raise TypeError(f"N must be a whole number, got {N!r}: pass an int")
    if N < 1:
        raise ValueError(f"N must be positive, got {N}: give 1 to {MAX_LINES} delay lines")
    if N > MAX_LINES:
        raise ValueError(f"N = {N} is beyond {MAX_LINES} delay lines: give 1 to {MAX_LINES}")
    return int(N)


def _coprime_near(target: int, chosen: list[int]) -> int:
    """Return the whole number >= 2 closest to the target (above first) that shares no factor with the others."""
    offset = 0
    while True:
        for candidate in (target + offset, target - offset):
            if 2 <= candidate <= MAX_DELAY and all(math.gcd(candidate, other) == 1 for other in chosen):
                return candidate
        offset += 1


def sample_delay_lengths(
    N: int,
    delay_range: tuple[float, float] = (400, 1200),
    *,
    distribution: str = "uniform",
    coprime: bool = False,
    sort: bool = False,
    rng: Seed = None,
) -> Integers:
    """
    Draw delay lengths.

    Parameters
    ----------
    N : int
        Number of delay lines, 1 to 64.
    delay_range : (low, high)
        Range in samples, 1 <= low < high <= 2**18. With `coprime` a length may leave it by a few samples.
    distribution : {'uniform', 'geometric', 'lognormal'}
        Uniform in length; uniform in log length; normal in log length, centred in the range, two standard
        deviations to either end, clipped there.
    coprime : bool
        Move each length to the closest one that shares no factor with the others, so that fewer echoes coincide.
    sort : bool
        Return them in increasing order.
    rng : Generator, int or None
        Where the numbers come from.

    Returns
    -------
    array of int64, shape (N,)
        Lengths in samples.

    Raises
    ------
    ValueError
        If N, the range or the distribution is not one of these.
    TypeError
        If N is no whole number or `rng` nothing to draw from.

    Examples
    --------
    >>> sample_delay_lengths(4, coprime=True, rng=7)
    array([ 901, 1118, 1021,  581])
    """
    count = line_count(N)
    try:
        low, high = (float(edge) for edge in delay_range)
    except (TypeError, ValueError):
        raise TypeError(f"delay_range = {delay_range!r} must be two numbers: give (low, high)") from None
    if not 1.0 <= low < high <= MAX_DELAY:
        raise ValueError(
            f"delay_range must satisfy 1 <= low < high, got ({low:g}, {high:g}): give samples from 1 to {MAX_DELAY}"
        )
    generator = as_generator(rng)
    if distribution == "uniform":
        targets = generator.uniform(low, high, count)
    elif distribution == "geometric":
        targets = low * (high / low) ** generator.uniform(size=count)
    elif distribution == "lognormal":
        centre, width = (math.log(low) + math.log(high)) / 2.0, (math.log(high) - math.log(low)) / 4.0
        targets = np.clip(np.exp(generator.normal(centre, width, count)), low, high)
    else:
        raise ValueError(f"Unknown distribution {distribution!r}: choose from {list(_DISTRIBUTIONS)}")
    rounded = np.round(targets).astype(np.int64)
    if not coprime:
        lengths = np.maximum(rounded, 1)
    else:
        # Long ones first: they have more neighbours to move to. Of equal ones (clipped) the last, as pyFDN has it.
        lengths = np.empty(count, dtype=np.int64)
        chosen: list[int] = []
        for position in np.argsort(targets)[::-1]:
            length = _coprime_near(max(int(rounded[position]), 2), chosen)
            chosen.append(length)
            lengths[position] = length
    return np.sort(lengths) if sort else lengths
