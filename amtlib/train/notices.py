"""What training warns of, with the numbers as fields, so that a page can say it in the words of its controls.

Each is a `UserWarning`, and equal to another with the same numbers. Not the errors, which are a `ValueError`.
"""

import math
from dataclasses import astuple, dataclass
from typing import Any


@dataclass(unsafe_hash=True)
class TrainingWarning(UserWarning):
    """A warning whose text is made of its fields."""

    def __post_init__(self) -> None:
        self.args = (self.text(),)

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        raise NotImplementedError(f"{type(self).__name__} must say what it warns of")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), astuple(self)


@dataclass(unsafe_hash=True)
class PenaltyDominates(TrainingWarning):
    """The sparsity penalty, not the match, moves the feedback matrix.

    Parameters
    ----------
    share : float
        What it makes of the gradient of the feedback matrix, %.
    match : str
        Name of the loss that makes the rest.
    weight, advice : float
        The penalty's weight, and the one with which it would make a tenth.

    Examples
    --------
    >>> warning = PenaltyDominates(96.0, "mel", 0.2, 0.0008)
    >>> str(warning).split(":")[0], warning == PenaltyDominates(96.0, "mel", 0.2, 0.0008)
    ('the sparsity penalty makes 96 % of the gradient of the feedback matrix, mel the rest', True)
    """

    share: float
    match: str
    weight: float
    advice: float

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        return (
            f"the sparsity penalty makes {self.share:.4g} % of the gradient of the feedback matrix, {self.match} the "
            f"rest: what is trained is the penalty; sparsity_alpha = {self.advice:.1g} instead of {self.weight:g} "
            "gives it a tenth"
        )


@dataclass(unsafe_hash=True)
class PenaltyLowered(TrainingWarning):
    """The sparsity penalty was given a lower weight than the usual one, so that the match moves the matrix.

    Parameters
    ----------
    weight, usual : float
        The weight that it has, and the one that it would have had.
    share : float
        What it would have made of the gradient of the feedback matrix, %.
    """

    weight: float
    usual: float
    share: float

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        return (
            f"the sparsity penalty has the weight {self.weight:.2g}, at which it makes a tenth of the gradient of the "
            f"feedback matrix; sparsity_alpha={self.usual:g} would make {self.share:.4g} % of it"
        )


@dataclass(unsafe_hash=True)
class TargetCut(TrainingWarning):
    """The target is longer than the transform.

    Parameters
    ----------
    duration, held : float
        Of the target, and of what the transform holds, s.
    nfft : int
        Points of the transform.
    level : float
        Energy of what is cut off, dB re the target's.
    """

    duration: float
    held: float
    nfft: int
    level: float

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        return (
            f"target is {self.duration:.3g} s long, nfft = {self.nfft} holds {self.held:.3g} s: the rest, "
            f"{self.level:.0f} dB of its energy, is cut off; raise nfft to keep it"
        )


@dataclass(unsafe_hash=True)
class TargetBreaksOff(TrainingWarning):
    """The target ends before it has decayed, and the silence after it is learned.

    Parameters
    ----------
    level : float
        Of its end, dB re its peak.
    nfft : int
        Points of the transform.
    """

    level: float
    nfft: int

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        return (
            f"target breaks off at {self.level:.0f} dB of its peak and is followed by silence up to "
            f"nfft = {self.nfft}: the silence is learned too; give more of it, or lower nfft"
        )


@dataclass(unsafe_hash=True)
class TimeAliasing(TrainingWarning):
    """The response is longer than the transform, and its end wraps around.

    Parameters
    ----------
    nfft : int
        Points of the transform.
    level : float
        Of what wraps around, dB re the response.
    alias_decay_db : int
        With which damping, in dB, it would not matter.
    """

    nfft: int
    level: float
    alias_decay_db: int

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        return (
            f"time aliasing: what lasts longer than nfft = {self.nfft} wraps around at {self.level:.0f} dB of the "
            f"response; raise nfft, or build the model with alias_decay_db={self.alias_decay_db}"
        )


@dataclass(unsafe_hash=True)
class TargetBeginsLate(TrainingWarning):
    """The target begins later than the network can answer, and that much is left out of training.

    Parameters
    ----------
    pre_delay : float
        What is left out, s.
    """

    pre_delay: float

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        return (
            f"target begins {1e3 * self.pre_delay:.3g} ms later than the network can: that much is taken as "
            "pre-delay and not trained (attribute pre_delay); delay the network's output by it"
        )


@dataclass(unsafe_hash=True)
class TargetNoiseRemoved(TrainingWarning):
    """Steady noise was taken out of the target, and its decay goes on in its place.

    Parameters
    ----------
    level : float
        Of the noise, dB re the start of the decay.
    start : float
        When the decay goes on in its place, s.
    """

    level: float
    start: float

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        return (
            f"target holds steady noise, {-self.level:.0f} dB below the start of its decay: it is taken out, and the "
            f"decay goes on in its place from {self.start:.3g} s on; target_noise='keep' trains towards the noise"
        )


@dataclass(unsafe_hash=True)
class ChannelsSummed(TrainingWarning):
    """A mode for one input and one output trains a model with more.

    Parameters
    ----------
    n_in, n_out : int
        Of the model.
    """

    n_in: int
    n_out: int

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        return (
            f"mode 'colorless' is for one input and one output, the model has {self.n_in} and {self.n_out}: "
            "with 'mse' the sum of the outputs' magnitudes is made flat"
        )


@dataclass(unsafe_hash=True)
class ModesTooClose(TrainingWarning):
    """The modes of a lossless network lie closer together than the bins of the transform.

    Parameters
    ----------
    spacing : float
        Mean distance of the modes, Hz.
    nfft : int
        Points of the transform.
    resolution : float
        Distance of its bins, Hz.
    advice : int
        How many points are enough.
    """

    spacing: float
    nfft: int
    resolution: float
    advice: int

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        return (
            f"the modes of the network lie {self.spacing:.3g} Hz apart, and nfft = {self.nfft} tells apart "
            f"{self.resolution:.3g} Hz: what is made flat is not the modes; give nfft = {self.advice} or more, or "
            "objective='power_variance'"
        )


@dataclass(unsafe_hash=True)
class ModesTooWide(TrainingWarning):
    """The decay against time aliasing widens modes until drawn frequencies do not show them.

    Parameters
    ----------
    spacing, width : float
        Mean distance of the modes, and how wide each is, Hz.
    alias_decay_db : int
        Decay with which they would show, dB.
    """

    spacing: float
    width: float
    alias_decay_db: int

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        return (
            f"at drawn frequencies the modes, {self.spacing:.3g} Hz apart, are {self.width:.3g} Hz wide by the decay "
            "against time aliasing, so that training cannot see them: leave frequencies= out, build the model with "
            f"alias_decay_db={self.alias_decay_db}, or give objective='power_variance'"
        )


@dataclass(unsafe_hash=True)
class LoopGrows(TrainingWarning):
    """Training a free feedback matrix has made the network's loop grow.

    Parameters
    ----------
    frequency : float
        Where it grows most, Hz.
    gain : float
        Of a round through the loop there, as a factor.
    growth : float
        How fast a mode rises there, dB per second.
    """

    frequency: float
    gain: float
    growth: float

    def described(self) -> str:
        """Return where it grows, how fast, and how to make it decay."""
        return (
            f"at {self.frequency:.4g} Hz a round through it gains {20.0 * math.log10(self.gain):.3g} dB (a factor of "
            f"{self.gain:.4g}), and a mode rises by {self.growth:.3g} dB per second; lower the filters there, or "
            f"multiply the feedback matrix by {math.floor(9999.0 / self.gain) / 1e4:.4f}"
        )

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        return (
            f"training has made the network's loop grow: {self.described()}, or build the model with "
            "matrix='orthogonal'"
        )


@dataclass(unsafe_hash=True)
class MatrixMadeOrthogonal(TrainingWarning):
    """Training starts from the nearest orthogonal matrix instead of the one given.

    Parameters
    ----------
    least, greatest : float
        Singular values of the matrix given.
    change : float
        Largest difference of two entries.
    """

    least: float
    greatest: float
    change: float

    def text(self) -> str:
        """Return what is warned of, and what to do."""
        return (
            f"the feedback matrix is not orthogonal (singular values {self.least:.4g} to {self.greatest:.4g}); "
            f"training starts from the nearest orthogonal matrix, entries differ by up to {self.change:.2g}. "
            "Use matrix='random' to keep it as it is"
        )
