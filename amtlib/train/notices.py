"""What training warns of, with the numbers as fields, so that a page can say it in the words of its controls.

Each is a `UserWarning`, and equal to another with the same numbers. Not the errors, which are a `ValueError`.
"""

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
