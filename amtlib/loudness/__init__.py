"""Loudness: from an excitation pattern to sones, over time and across the ears, and two complete models.
Source: Glasberg and Moore (2002); Moore, Glasberg, Varathanathan and Schlittenlacher (2016); ANSI S3.4-2007.
One call from a file to its loudness: ``from amtlib.loudness import loudness``.
Not here: spectra and excitation patterns (:mod:`amtlib.filterbanks`), outer and middle ear (:mod:`amtlib.ears`).
"""

from amtlib.loudness.binaural import (
    BinauralInhibition,
    BinauralLoudness,
    Moore2016BinauralLoudness,
    SpatialSmoothing,
)
from amtlib.loudness.contours import (
    EqualLoudnessContour,
    equal_loudness_contour,
    equal_loudness_steps,
)
from amtlib.loudness.glasberg2002 import Glasberg2002
from amtlib.loudness.masking import MaskedThreshold, masked_threshold, pattern_change
from amtlib.loudness.moore2016 import Moore2016
from amtlib.loudness.results import (
    Cancelled,
    Glasberg2002Stages,
    Moore2016Loudness,
    Moore2016Stages,
    StationaryLoudness,
)
from amtlib.loudness.sone import THRESHOLD_SONE, phon2sone, sone2phon
from amtlib.loudness.sound import SoundLoudness, loudness
from amtlib.loudness.specific import Moore2016SpecificLoudness, SpecificLoudness
from amtlib.loudness.temporal import (
    LoudnessIntegration,
    LoudnessOverTime,
    Moore2016AGC,
    Moore2016TemporalIntegration,
    TimeConstants,
)

__all__ = [
    "THRESHOLD_SONE",
    "BinauralInhibition",
    "BinauralLoudness",
    "Cancelled",
    "EqualLoudnessContour",
    "Glasberg2002",
    "Glasberg2002Stages",
    "LoudnessIntegration",
    "LoudnessOverTime",
    "MaskedThreshold",
    "Moore2016",
    "Moore2016AGC",
    "Moore2016BinauralLoudness",
    "Moore2016Loudness",
    "Moore2016SpecificLoudness",
    "Moore2016Stages",
    "Moore2016TemporalIntegration",
    "SoundLoudness",
    "SpatialSmoothing",
    "SpecificLoudness",
    "StationaryLoudness",
    "TimeConstants",
    "equal_loudness_contour",
    "equal_loudness_steps",
    "loudness",
    "masked_threshold",
    "pattern_change",
    "phon2sone",
    "sone2phon",
]
