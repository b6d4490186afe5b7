"""What training makes small: a flat magnitude, a likeness of responses, of what an ear makes of them.
Source: each module names its own.
Not here: which of them a mode uses (:mod:`amtlib.train.objectives`).

Losses add up and can be weighed: ``MatchCochleagram() + 0.1 * Sparsity()`` is one, for ``train_fdn(model, loss=...)``.
"""

from amtlib.train.losses.composition import Compare, Loss, Named, Term, Total
from amtlib.train.losses.criteria import _ColorlessSparsity, colorless_sparsity_loss
from amtlib.train.losses.decay import (
    DenseEchoes,
    EchoDensity,
    EnergyDecay,
    MatchEchoDensity,
    MatchEnergyDecay,
)
from amtlib.train.losses.distances import (
    Absolute,
    Deviation,
    Difference,
    Distance,
    Excess,
    Lack,
    Mean,
    MeanAbove,
    NormPerEntry,
    Reduction,
    RelativeMean,
    RootMean,
    Spread,
    Squared,
)
from amtlib.train.losses.features import (
    Magnitude,
    MatrixSparsity,
    MelSpectrograms,
    RelativePower,
    Samples,
    Spectrograms,
)
from amtlib.train.losses.flat import FlatExcitation, FlatMagnitude, FlatPeaks, FlatPower, Sparsity
from amtlib.train.losses.hearing import Cochleagram, Excitation
from amtlib.train.losses.loudness import LoudnessDecay, LoudnessPattern, MatchLoudness, MatchLoudnessDecay
from amtlib.train.losses.match import (
    MatchCochleagram,
    MatchExcitation,
    MatchImpulseResponse,
    MatchMagnitude,
    MatchMelSpectrogram,
    MatchSpectrogram,
)
from amtlib.train.losses.pictures import (
    CochleagramPicture,
    ExcitationPicture,
    cochleagram,
    excitation_pattern,
)
from amtlib.train.losses.rendered import Feature, Rendered
from amtlib.train.losses.spectra import (
    CumulativeEnergy,
    Flatness,
    FlatSpectrogram,
    MatchCumulativeEnergy,
    SmoothSpectra,
    SpectralFlatness,
)
from amtlib.train.losses.spectrograms import MelSpectrogram, MultiScaleSpectrogram, mel_bands
from amtlib.train.losses.two_ears import Coherence, DiffuseCoherence, FromDiffuse, MatchCoherence

__all__ = [
    "Absolute",
    "Cochleagram",
    "CochleagramPicture",
    "Coherence",
    "Compare",
    "CumulativeEnergy",
    "DenseEchoes",
    "Deviation",
    "Difference",
    "DiffuseCoherence",
    "Distance",
    "EchoDensity",
    "EnergyDecay",
    "Excess",
    "Excitation",
    "ExcitationPicture",
    "Feature",
    "FlatExcitation",
    "FlatMagnitude",
    "FlatPeaks",
    "FlatPower",
    "FlatSpectrogram",
    "Flatness",
    "FromDiffuse",
    "Lack",
    "Loss",
    "LoudnessDecay",
    "LoudnessPattern",
    "Magnitude",
    "MatchCochleagram",
    "MatchCoherence",
    "MatchCumulativeEnergy",
    "MatchEchoDensity",
    "MatchEnergyDecay",
    "MatchExcitation",
    "MatchImpulseResponse",
    "MatchLoudness",
    "MatchLoudnessDecay",
    "MatchMagnitude",
    "MatchMelSpectrogram",
    "MatchSpectrogram",
    "MatrixSparsity",
    "Mean",
    "MeanAbove",
    "MelSpectrogram",
    "MelSpectrograms",
    "MultiScaleSpectrogram",
    "Named",
    "NormPerEntry",
    "Reduction",
    "RelativeMean",
    "RelativePower",
    "Rendered",
    "RootMean",
    "Samples",
    "SmoothSpectra",
    "Sparsity",
    "SpectralFlatness",
    "Spectrograms",
    "Spread",
    "Squared",
    "Term",
    "Total",
    "_ColorlessSparsity",
    "cochleagram",
    "colorless_sparsity_loss",
    "excitation_pattern",
    "mel_bands",
]
