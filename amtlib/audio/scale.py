"""Samples and pressures: what full scale stands for.
Not here: levels of signals (:mod:`amtlib.signals`).
"""

import math

from amtlib.signals.frame import P_REF, number

FULL_SCALE_DB = 20.0 * math.log10(1.0 / P_REF)
"""dB SPL of a file whose rms is 1 when its samples are taken as Pa: 93.98 dB."""


def full_scale_gain(full_scale_db: float) -> float:
    """Return Pa for a sample of 1, or raise if the level of full scale is out of range.

    Examples
    --------
    >>> full_scale_gain(FULL_SCALE_DB)
    1.0
    """
    level = number(full_scale_db, "full_scale_db", 0.0, 200.0, unit="dB SPL")
    return float(10.0 ** ((level - FULL_SCALE_DB) / 20.0))
