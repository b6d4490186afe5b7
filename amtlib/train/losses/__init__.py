"""What training makes small: a flat magnitude, a likeness of responses, of what an ear makes of them.
Source: each module names its own.
Not here: which of them a mode uses (``amtlib.train.objectives``).

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
    Lopsided,
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
    MelMagnitude,
    MelSpectrograms,
    RelativePower,
    Samples,
    Spectrograms,
)
from amtlib.train.losses.flat import (
    AsymmetricFlatMagnitude,
    FlatExcitation,
    FlatMagnitude,
    FlatPeaks,
    FlatPower,
    Sparsity,
)
from amtlib.train.losses.hearing import Cochleagram, Excitation
from amtlib.train.losses.loudness import LoudnessDecay, LoudnessPattern, MatchLoudness, MatchLoudnessDecay
from amtlib.train.losses.match import (
    MatchCochleagram,
    MatchExcitation,
    MatchImpulseResponse,
    MatchMagnitude,
    MatchMelMagnitude,
    MatchMelSpectrogram,
    MatchSpectrogram,
)
from amtlib.train.losses.phase import MatchPhase, MatchPhaseSpectrogram, Phases, PhaseSpectrograms
from amtlib.train.losses.pictures import (
    CochleagramPicture,
    ExcitationPicture,
    cochleagram,
    excitation_pattern,
)
from amtlib.train.losses.rendered import Feature, Rendered
from amtlib.train.losses.spectra import (
    CumulativeEnergy,
    Energy,
    Flatness,
    FlatSpectrogram,
    MatchCumulativeEnergy,
    SmoothSpectra,
    SpectralFlatness,
    TotalEnergy,
)
from amtlib.train.losses.spectrograms import MelSpectrogram, MultiScaleSpectrogram, mel_bands
from amtlib.train.losses.two_ears import Coherence, DiffuseCoherence, FromDiffuse, MatchCoherence

__all__ = [
    "Absolute",
    "AsymmetricFlatMagnitude",
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
    "Energy",
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
    "Lopsided",
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
    "MatchMelMagnitude",
    "MatchMelSpectrogram",
    "MatchPhase",
    "MatchPhaseSpectrogram",
    "MatchSpectrogram",
    "MatrixSparsity",
    "Mean",
    "MeanAbove",
    "MelMagnitude",
    "MelSpectrogram",
    "MelSpectrograms",
    "MultiScaleSpectrogram",
    "Named",
    "NormPerEntry",
    "PhaseSpectrograms",
    "Phases",
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
    "TotalEnergy",
    "_ColorlessSparsity",
    "cochleagram",
    "colorless_sparsity_loss",
    "excitation_pattern",
    "mel_bands",
]
