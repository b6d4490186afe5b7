"""Auditory filterbanks: from pressure to the motion of places along the cochlea.
Source: see each module.
Not here: the outer and middle ear (:mod:`amtlib.ears`) and loudness (:mod:`amtlib.loudness`).
"""

from amtlib.filterbanks.broken_stick import broken_stick
from amtlib.filterbanks.drnl import DRNLFilterbank, DRNLOutput, DRNLStream, UnitWarning
from amtlib.filterbanks.drnl_parameters import DRNLParameters, parameters_at
from amtlib.filterbanks.erb_integration import ERBIntegration
from amtlib.filterbanks.excitation import ExcitationPattern
from amtlib.filterbanks.fast_drnl import FastDRNLFilterbank
from amtlib.filterbanks.gammatone import GammatoneFilterbank
from amtlib.filterbanks.linear import LinearFilterbank
from amtlib.filterbanks.moore2016_spectrum import DenseSpectrum, Moore2016Spectrum
from amtlib.filterbanks.multiresolution import MultiResolutionFFT
from amtlib.filterbanks.roex import Moore2016ExcitationPattern

__all__ = [
    "DRNLFilterbank",
    "DRNLOutput",
    "DRNLParameters",
    "DRNLStream",
    "DenseSpectrum",
    "ERBIntegration",
    "ExcitationPattern",
    "FastDRNLFilterbank",
    "GammatoneFilterbank",
    "LinearFilterbank",
    "Moore2016ExcitationPattern",
    "Moore2016Spectrum",
    "MultiResolutionFFT",
    "UnitWarning",
    "broken_stick",
    "parameters_at",
]
