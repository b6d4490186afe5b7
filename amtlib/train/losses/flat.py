"""Losses without a target: a flat spectrum, even excitation, a matrix without zeros.
Source: each class names its own.
Not here: losses that compare with a target (:mod:`amtlib.train.losses.match`).
"""

from dataclasses import dataclass

from amtlib.train.losses.checks import check_choice, check_number
from amtlib.train.losses.composition import Term
from amtlib.train.losses.distances import (
    Absolute,
    Deviation,
    Difference,
    Distance,
    Excess,
    Lopsided,
    Mean,
    Reduction,
    RootMean,
    Spread,
    Squared,
)
from amtlib.train.losses.features import Magnitude, MatrixSparsity, RelativePower
from amtlib.train.losses.hearing import Excitation
from amtlib.train.losses.rendered import Feature


@dataclass(frozen=True, repr=False)
class FlatMagnitude(Term):
    """
    Mean square distance of the outputs' summed magnitude from 1: the specification's 'mse_loss', by its value.

    0 for a magnitude of 1 everywhere. Can be had at drawn frequencies.

    Examples
    --------
    >>> import torch
    >>> from amtlib.train.losses import Rendered
    >>> click = Rendered.of_response(torch.tensor([1.0, 0.0, 0.0, 0.0]), fs=48000.0)
    >>> FlatMagnitude()(click)
    tensor(0.)
    """

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return magnitude, squared distance from 1, mean."""
        return Magnitude("sum"), Squared(to=1.0), Mean()


@dataclass(frozen=True, repr=False)
class FlatPeaks(Term):
    """
    How far peaks of the magnitude stand out: what lies above a level, not the dips.

    Parameters
    ----------
    power : float
        The excess is raised to it, 1 to 16: the more, the more the highest peaks rule.
    level : float, optional
        Magnitude above which a peak stands out. Default: the response's own rms, which makes the loss blind to gain.

    Notes
    -----
    Peaks ring and are heard, dips of the same depth hardly are.

    Examples
    --------
    >>> import torch
    >>> from amtlib.train.losses import Rendered
    >>> comb = Rendered.of_response(torch.tensor([1.0, 0.5, 0.0, 0.0]), fs=48000.0)
    >>> FlatPeaks(level=2.0)(comb), float(FlatPeaks()(comb)) > 0.0
    (tensor(0.), True)
    """

    power: float = 2.0
    level: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        if self.level is not None:
            check_number(self.level, "level", 1e-6, 1e6)

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return magnitude, its excess, mean."""
        if self.level is None:
            return Magnitude("each", "relative"), Excess(1.0, self.power), Mean()
        return Magnitude("each"), Excess(self.level, self.power), Mean()


@dataclass(frozen=True, repr=False)
class AsymmetricFlatMagnitude(Term):
    """
    Distance of each output's magnitude from its own rms, peaks by a higher power than dips: blind to gain.

    The loss of this name in pyFDN 0.5.0, by its value. Can be had at drawn frequencies.

    Parameters
    ----------
    peak_power : float
        What stands above the rms is raised to it, 2 to 16; what lies below is squared.

    Examples
    --------
    >>> import torch
    >>> from amtlib.train.losses import Rendered
    >>> AsymmetricFlatMagnitude()(Rendered.of_response(torch.tensor([0.0, 3.0, 0.0, 0.0]), fs=48000.0))
    tensor(0.)
    """

    peak_power: float = 4.0

    def __post_init__(self) -> None:
        """Check the power."""
        check_number(self.peak_power, "peak_power", 2.0, 16.0)
        super().__post_init__()

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return relative magnitude, its distance from 1, mean."""
        return Magnitude("each", "relative"), Lopsided(1.0, self.peak_power), Mean()


@dataclass(frozen=True, repr=False)
class FlatPower(Term):
    """
    Relative variance of the power over frequency: 0 for a flat response, 1 for Gaussian noise, more for peaks.

    Blind to gain. On the training grid; the specification's way of fitting it, at random frequencies of the network
    without its filters, is ``objective='power_variance'`` of the mode 'colorless'.

    Examples
    --------
    >>> import torch
    >>> from amtlib.train.losses import Rendered
    >>> FlatPower()(Rendered.of_response(torch.tensor([0.0, 3.0, 0.0, 0.0]), fs=48000.0))
    tensor(0.)
    """

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return relative power, squared distance from 1, mean."""
        return RelativePower(), Squared(to=1.0), Mean()


@dataclass(frozen=True, repr=False)
class FlatExcitation(Term):
    """
    How uneven the excitation pattern of the long-term spectrum is, in dB: the colour that an ear hears.

    Parameters
    ----------
    weighting : {'std', 'peaks'}
        'std': standard deviation over auditory bands, :func:`amtlib.fdn.measures.erb_std`. 'peaks': bands above the
        mean count, with the fourth power of their excess.

    Notes
    -----
    It sees nothing finer than an auditory band, which holds many modes: use it beside :class:`FlatMagnitude` or
    :class:`FlatPower`, not in their place. Blind to gain. In 12 runs of the power-variance objective (4, 6 and 8 lines,
    two sets of delays, two seeds) it fell each time. Roughness (fluctuation of the channels' envelopes from 15 to 300
    Hz) fell in 6 of the 12, and stayed within 0.06 of the 0.46 of Gaussian noise: hence there is no such loss.

    Examples
    --------
    >>> import torch
    >>> from amtlib.train.losses import Rendered
    >>> click = Rendered.of_response(torch.eye(1, 1024)[0], fs=48000.0)
    >>> float(FlatExcitation()(click)) < 1e-4
    True
    """

    weighting: str = "std"

    def __post_init__(self) -> None:
        """Check the word."""
        super().__post_init__()
        check_choice(self.weighting, "weighting", ("std", "peaks"))

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return the pattern in dB and its spread, or its deviation above the mean and a norm of that."""
        if self.weighting == "std":
            return Excitation(), Difference(to=0.0), Spread()
        return Excitation(), Deviation(above=True), RootMean(4.0)


@dataclass(frozen=True, repr=False)
class Sparsity(Term):
    """
    How sparse the feedback matrix is: 0 if all entries are equal in size, 1 for a permutation.

    A penalty on zeros keeps echoes dense; the specification's modes add it with a weight of 0.2. The measure of a
    matrix that is not kept orthogonal may fall below 0; here its size is taken.

    References
    ----------
    Dal Santo, Prawda, Schlecht and Valimaki (2025), EURASIP J. Audio Speech Music Process. 2025:13.

    See Also
    --------
    colorless_sparsity_loss : as a criterion of the specification, with its sign.
    """

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return the measure of the matrix, which is its own distance."""
        return MatrixSparsity(), Absolute(to=0.0), Mean()
