"""The ear in front of the cochlea: headphone, outer ear and middle ear as FIR filters of measured responses.
Source: see each module; the measurements are in amtlib/tables.
Not here: the cochlea (:mod:`amtlib.filterbanks`). Each filter applies its gain once, in amplitude.
"""

from amtlib.ears.drnl_fit import DRNLFit, fit_drnl, io_curve
from amtlib.ears.fir import EarFilter
from amtlib.ears.tables import ear_table, monotone_cubic
from amtlib.ears.transmission import HeadphoneFilter, MiddleEarFilter, OuterMiddleEarFilter

__all__ = [
    "DRNLFit",
    "EarFilter",
    "HeadphoneFilter",
    "MiddleEarFilter",
    "OuterMiddleEarFilter",
    "ear_table",
    "fit_drnl",
    "io_curve",
    "monotone_cubic",
]
