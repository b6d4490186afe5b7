"""Hearing with another ear: audiograms, and sounds as an ear with a hearing loss hears them.
Source: each module names its own papers.
Not here: how impaired ears are modelled inside (:mod:`amtlib.loudness`, :mod:`amtlib.filterbanks`).
"""

from amtlib.hearing_loss.audiogram import STANDARD_AUDIOGRAMS, Audiogram, standard_audiogram
from amtlib.hearing_loss.hair_cells import HairCellLoss, hair_cell_loss
from amtlib.hearing_loss.recruitment import LoudnessRecruitment
from amtlib.hearing_loss.simulation import HearingLoss
from amtlib.hearing_loss.smearing import SpectralSmearing

__all__ = [
    "STANDARD_AUDIOGRAMS",
    "Audiogram",
    "HairCellLoss",
    "HearingLoss",
    "LoudnessRecruitment",
    "SpectralSmearing",
    "hair_cell_loss",
    "standard_audiogram",
]
