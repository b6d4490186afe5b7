"""Decays of two slopes, as coupled rooms have them: two exponential decays found in one decay curve.
Source: sum of exponential decays under Schroeder's integral, Xiang and Goggans (2001), JASA 110, 1415-1424; by least
squares in dB instead of their Bayesian inference.
Not here: networks with two slopes (:mod:`amtlib.fdn.coupling`).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from amtlib.fdn.build import Array, finite_number, real_array
from amtlib.results import Result

# 60 dB in nepers of energy.
_SIXTY_DB = 6.0 * math.log(10.0)
# Points that a curve is compared at, half of them even in time, half even in level; the part of it that is (dB).
_POINTS, _DEEPEST, _LEAST_DEPTH = 128, -55.0, 30.0
# Two slopes are told from one where one is off by so many dB (rms), two by less than a share of that, the times differ
# by a factor, and the second takes over between two levels.
_OFF, _BETTER, _APART, _TAKES_OVER = 1.0, 0.5, 1.4, (-45.0, -3.0)


@dataclass(frozen=True, repr=False)
class TwoSlopes(Result, units={"fast": "s", "slow": "s", "ratio": "dB", "off": "dB", "single": "dB", "": ""}):
    """
    Two decays in one curve.

    Attributes
    ----------
    fast, slow : float
        Their decay times in s.
    ratio : float
        Initial power of the slow decay re that of the fast one, dB.
    off, single : float
        Rms distance from the curve of both together, and of one decay alone, dB.
    """

    fast: float
    slow: float
    ratio: float
    off: float
    single: float

    @property
    def takes_over(self) -> float:
        """Level in dB re the start of the decay curve at which what is left of both is equal; -inf if it never is."""
        if not self.slow > self.fast:
            return -math.inf
        fast, slow = self.fast, self.slow * 10.0 ** (self.ratio / 10.0)  # energies, but for a common factor
        if slow >= fast:
            return 0.0
        t = math.log(fast / slow) / (_SIXTY_DB * (1.0 / self.fast - 1.0 / self.slow))
        return 10.0 * math.log10(2.0 * fast / (fast + slow)) - 60.0 * t / self.fast

    @property
    def two(self) -> bool:
        """Whether the curve has two slopes: one does not describe it, two do, and both are seen."""
        low, high = _TAKES_OVER
        return (
            self.single > _OFF
            and self.off < _BETTER * self.single
            and self.slow > _APART * self.fast
            and low < self.takes_over < high
        )


def two_slopes_of(
    energy: npt.ArrayLike, per_second: float, *, start: float = 0.01, ratio: float | None = None
) -> TwoSlopes | None:
    """
    Fit two exponential decays to the energy that is still to come.

    Parameters
    ----------
    energy : array, shape (T,)
        Energy that is still to come at each step, of a response without noise; the response may be cut off.
    per_second : float
        Steps per second.
    start : float
        Where the comparison begins, s: past the direct sound.
    ratio : float, optional
        Initial power of the slow decay re the fast one, dB, where it is known. Default: it is found, too.

    Returns
    -------
    TwoSlopes or None
        None if the curve holds less than 30 dB.

    References
    ----------
    Xiang and Goggans (2001), J. Acoust. Soc. Am. 110, 1415-1424.

    Examples
    --------
    >>> t = np.arange(2000) / 1000
    >>> power = 10.0 ** (-6.0 * t / 0.4) + 0.01 * 10.0 ** (-6.0 * t / 1.6)
    >>> found = two_slopes_of(np.cumsum(power[::-1])[::-1], 1000.0)
    >>> round(found.fast, 2), round(found.slow, 2), round(found.ratio), found.two
    (0.4, 1.6, -20, True)
    """
    left = real_array(energy, "energy")
    rate = finite_number(per_second, "per_second", 0.0, math.inf, "Hz")
    first = round(finite_number(start, "start", -1e-300, math.inf, "s") * rate)
    if left.ndim != 1 or len(left) < first + 16 or not left[first] > 0.0:
        return None
    level = 10.0 * np.log10(np.maximum(left / left[first], 1e-30))
    last = int(np.argmax(level < _DEEPEST)) if level[-1] < _DEEPEST else len(level)
    last = min(last, len(level) - 2)
    if last - first < 16 or level[last] > -_LEAST_DEPTH:
        return None
    by_level = np.searchsorted(-level[first : last + 1], np.linspace(0.0, -level[last], _POINTS // 2))
    at = np.unique(np.concatenate([np.linspace(first, last, _POINTS // 2), first + by_level])).astype(int)
    at = at[at <= last]
    t, wanted, length = at / rate, level[at], len(level) / rate

    def curve(log_power: Any, log_time: Any) -> Array:
        decay = _SIXTY_DB / _exp(log_time)
        return np.asarray(_exp(log_power) / decay * (np.exp(-decay * t) - np.exp(-decay * length)))

    def off(x: Array) -> Array:
        both = curve(x[0], x[1]) + curve(x[0] + (x[3] if ratio is None else known), x[2])
        return np.asarray(10.0 * np.log10(np.maximum(both, 1e-300)) - wanted)

    known = 0.0 if ratio is None else float(ratio) * math.log(10.0) / 10.0
    one = least_squares(
        lambda x: 10.0 * np.log10(np.maximum(curve(x[0], x[1]), 1e-300)) - wanted,
        [math.log(_SIXTY_DB), math.log(length / 2.0)],
    )
    single = math.sqrt(float(np.mean(np.square(one.fun))))
    early, late = (
        _times(t, wanted, slice(0, max(len(t) // 5, 3))),
        _times(t, wanted, slice(-len(t) // 3, None)),
    )
    best = None
    for apart, guess in ((1.0, -15.0), (2.0, -25.0), (1.3, -8.0)):
        begin = [math.log(_SIXTY_DB / early), math.log(early), math.log(max(late, 1.2 * early) * apart)]
        if ratio is None:
            begin.append(guess * math.log(10.0) / 10.0)
        found = least_squares(off, begin, max_nfev=60)
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None
    fast, slow = float(_exp(best.x[1])), float(_exp(best.x[2]))
    balance = (best.x[3] if ratio is None else known) * 10.0 / math.log(10.0)
    if ratio is None and slow < fast:
        fast, slow, balance = slow, fast, -balance
    return TwoSlopes(fast, slow, float(balance), math.sqrt(float(np.mean(np.square(best.fun)))), single)


def _exp(x: Any) -> Any:
    """Exponential of numbers on their way to a fit, none of which is too large for it."""
    return np.exp(np.clip(x, -20.0, 20.0))


def _times(t: Array, level: Array, part: slice) -> float:
    """Decay time in s of a straight line through a part of a curve in dB."""
    slope = float(np.polyfit(t[part], level[part], 1)[0])
    return float(np.clip(-60.0 / min(slope, -1e-3), 0.01, 60.0))
