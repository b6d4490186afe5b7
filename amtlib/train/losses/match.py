"""Losses that compare with a target: its spectrum, its samples, its spectrograms, what an ear makes of it.
Source: each class names its own.
Not here: losses without a target (:mod:`amtlib.train.losses.flat`), loudness (:mod:`amtlib.train.losses.loudness`).
"""

from dataclasses import dataclass, fields

from amtlib.train.losses.composition import Term
from amtlib.train.losses.distances import (
    Absolute,
    Difference,
    Distance,
    Mean,
    NormPerEntry,
    Reduction,
    RelativeMean,
    Squared,
)
from amtlib.train.losses.features import (
    Magnitude,
    MelMagnitude,
    MelSpectrograms,
    Samples,
    Spectrograms,
)
from amtlib.train.losses.hearing import Cochleagram, Excitation
from amtlib.train.losses.rendered import Feature


@dataclass(frozen=True, repr=False)
class MatchMagnitude(Term):
    """
    Distance of magnitudes on the training grid, blind to phase.

    Parameters
    ----------
    dB : bool
        False: squared difference over the target's energy, 1 for silence. True: mean difference of levels in dB,
        down to -120 dB re the target's peak.

    Examples
    --------
    >>> import torch
    >>> from amtlib.train.losses import Rendered
    >>> room = Rendered.of_response(torch.tensor([0.0, 1.0, 0.5, 0.0]), fs=48000.0)
    >>> half = Rendered.of_response(torch.tensor([0.0, 0.5, 0.25, 0.0]), fs=48000.0)
    >>> MatchMagnitude()(half, room), MatchMagnitude(dB=True)(half, room)
    (tensor(0.2500), tensor(6.0206))
    """

    dB: bool = False

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return magnitude, its distance, mean."""
        if self.dB:
            return Magnitude("each", "dB"), Absolute(), Mean()
        return Magnitude("each"), Squared(), RelativeMean(2.0)


@dataclass(frozen=True, repr=False)
class MatchMelMagnitude(Term):
    """
    Distance of magnitudes pooled into mel bands, blind to phase: squared difference over the target's energy.

    Parameters
    ----------
    fs : float, optional
        Sampling rate in Hz of the tensors that it will be called with; in training, the network's.
    bands : int
        Mel bands from 0 to fs / 2, 2 to 1024.

    Examples
    --------
    >>> import torch
    >>> from amtlib.train.losses import Rendered
    >>> room, half = (Rendered.of_response(size * torch.eye(1, 512)[0], fs=48000.0) for size in (1.0, 0.5))
    >>> MatchMelMagnitude(bands=16)(half, room)
    tensor(0.2500)
    """

    fs: float | None = None
    bands: int = 128

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return mel magnitudes, squared difference, share of the target's energy."""
        return MelMagnitude(self.bands), Squared(), RelativeMean(2.0)


@dataclass(frozen=True, repr=False)
class MatchImpulseResponse(Term):
    """
    Energy of the difference of the impulse responses over the target's: 0 if alike sample by sample, 1 for silence.

    It asks for the very echoes of the target, which a network of a few lines cannot give: see the other losses for
    reverberation.
    """

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return the samples, squared difference, share of the target's energy."""
        return Samples(), Squared(), RelativeMean(2.0)


@dataclass(frozen=True, repr=False)
class MatchSpectrogram(Term):
    """
    Distance of magnitude spectrograms with several window lengths: the specification's 'mss_loss', by its value.

    Parameters
    ----------
    sizes : tuple of int
        Window lengths in samples, multiples of 4 from 32 to below twice the response.
    """

    sizes: tuple[int, ...] = (256, 512, 1024)

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return spectrograms, difference, norm over entries."""
        return Spectrograms(self.sizes), Difference(), NormPerEntry()


@dataclass(frozen=True, repr=False)
class MatchMelSpectrogram(Term):
    """
    Distance of mel power spectrograms with several window lengths: the specification's 'mel_mss_loss', by its value.

    Parameters
    ----------
    sizes : tuple of int
        Window lengths in samples, multiples of 4 from 32 to below twice the response.
    """

    sizes: tuple[int, ...] = (256, 512, 1024)

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return mel spectrograms, difference, norm over entries."""
        return MelSpectrograms(self.sizes), Difference(), NormPerEntry()


@dataclass(frozen=True, repr=False)
class MatchExcitation(Term):
    """
    Mean square difference of the excitation patterns of the long-term spectra, in dB^2: the colour, and the level.

    Parameters
    ----------
    fs : float, optional
        Sampling rate in Hz of the tensors that it will be called with; in training, the network's.

    Examples
    --------
    >>> import torch
    >>> from amtlib.train.losses import Rendered
    >>> room = Rendered.of_response(torch.eye(1, 512)[0], fs=48000.0)
    >>> twice = Rendered.of_response(2.0 * torch.eye(1, 512)[0], fs=48000.0)
    >>> MatchExcitation()(twice, room)  # 6.02 dB everywhere
    tensor(36.2...)
    """

    fs: float | None = None

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return the pattern in dB, squared difference, mean."""
        return Excitation(), Squared(), Mean()


@dataclass(frozen=True, repr=False)
class MatchCochleagram(Term):
    """
    Distance of cochleagrams: what an ear makes of both responses, channel by channel and frame by frame.

    Parameters
    ----------
    fs : float, optional
        Sampling rate in Hz of the tensors that it will be called with; in training, the network's.
    f_min, f_max, spacing, hop, compression, level, floor_db, field
        Those of :class:`Cochleagram`.

    Notes
    -----
    The mean absolute difference of the cells over the mean of the target's: 1 for silence. With
    ``compression='dB'`` it is the mean difference in dB.

    Examples
    --------
    >>> import torch
    >>> from amtlib.train.losses import Rendered
    >>> noise = torch.randn(4800, generator=torch.Generator().manual_seed(0))
    >>> room = Rendered.of_response(noise * 0.999 ** torch.arange(4800), fs=48000.0)
    >>> loss = MatchCochleagram(field="free")
    >>> loss(room, room), float(loss(Rendered.of_response(0.0 * noise, fs=48000.0), room))
    (tensor(0.), 1.0)
    >>> loss
    MatchCochleagram(field='free')
    """

    fs: float | None = None
    f_min: float = 80.0
    f_max: float = 16000.0
    spacing: float = 1.0
    hop: float = 0.01
    compression: float | str = 0.3
    level: float = 75.0
    floor_db: float | None = None
    field: str = "diffuse"

    def cochleagram(self) -> Cochleagram:
        """Return the feature."""
        return Cochleagram(**{f.name: getattr(self, f.name) for f in fields(Cochleagram)})

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return cochleagram, size of the difference, mean relative to the target."""
        reduction = Mean() if self.compression == "dB" else RelativeMean()
        return self.cochleagram(), Absolute(), reduction
