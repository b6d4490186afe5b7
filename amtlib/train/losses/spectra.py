"""Flatness of spectra, fine and smoothed, and energy: all of it, and cumulated over time and frequency.
Source: the losses of these names in pyFDN 0.5.0, as its source defines them; written anew.
Not here: spectrograms themselves (:mod:`amtlib.train.losses.spectrograms`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from amtlib.train.losses.checks import Shown, check_choice, check_number
from amtlib.train.losses.composition import Term
from amtlib.train.losses.distances import Distance, Mean, Reduction, Squared
from amtlib.train.losses.features import Spectrograms, check_sizes
from amtlib.train.losses.rendered import Feature, Rendered


@dataclass(frozen=True, repr=False)
class Flatness(Shown):
    """Geometric over arithmetic mean of each output's magnitude: 1 for a flat response, towards 0 for a peaky one."""

    reads = "magnitude"
    rateless = True

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out,)."""
        rows = rendered.magnitude.mT.flatten(0, 1)
        least = torch.finfo(rows.dtype).tiny
        mean = rows.mean(dim=-1).clamp_min(least)
        return (rows.clamp_min(least).log().mean(dim=-1).exp() / mean,)


@dataclass(frozen=True, repr=False)
class SpectralFlatness(Term):
    """
    How far the flatness of the magnitude is from 1, squared: blind to gain. Can be had at drawn frequencies.

    Examples
    --------
    >>> click = Rendered.of_response(torch.tensor([3.0, 0.0, 0.0, 0.0]), fs=48000.0)
    >>> float(SpectralFlatness()(click)) < 1e-12
    True
    """

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return flatness, squared distance from 1, mean."""
        return Flatness(), Squared(to=1.0), Mean()


@dataclass(frozen=True, repr=False)
class SmoothSpectra(Shown):
    """
    Rms over time of magnitude spectrograms, over its mean over frequency: 1 everywhere for a flat smoothed spectrum.

    Parameters
    ----------
    sizes : tuple of int
        Window lengths in samples, multiples of 4: the longer, the less is smoothed.
    """

    sizes: tuple[int, ...] = (256, 512, 1024, 2048)
    reads = "time"

    def __post_init__(self) -> None:
        """Check the lengths."""
        check_sizes(self.sizes)

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, bands) for each length."""
        found = []
        for each in rendered.of(Spectrograms(self.sizes)):
            smooth = (each.square().mean(dim=-2) + torch.finfo(each.dtype).tiny).sqrt()
            found.append(smooth / smooth.mean(dim=-1, keepdim=True))
        return tuple(found)


@dataclass(frozen=True, repr=False)
class FlatSpectrogram(Term):
    """
    Mean square distance from flat of spectra smoothed by several window lengths, summed over these: blind to gain.

    Frames are averaged before flatness is measured, so that a response of few echoes, flat in each frame, is no goal.

    Parameters
    ----------
    sizes : tuple of int
        Window lengths in samples, multiples of 4 from 32 to below twice the response.

    Examples
    --------
    >>> noise = torch.randn(9600, generator=torch.Generator().manual_seed(0))
    >>> flat, hum = Rendered.of_response(noise, fs=48000.0), Rendered.of_response(noise.cumsum(0), fs=48000.0)
    >>> bool(FlatSpectrogram((256,))(flat) < 0.1 < FlatSpectrogram((256,))(hum))
    True
    """

    sizes: tuple[int, ...] = (256, 512, 1024, 2048)

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return smoothed spectra, squared distance from 1, mean."""
        return SmoothSpectra(self.sizes), Squared(to=1.0), Mean()


@dataclass(frozen=True, repr=False)
class CumulativeEnergy(Shown):
    """
    Energy that is still to come at and above each frequency, over all energy of the target, compressed.

    Parameters
    ----------
    size : int
        Window length in samples, a multiple of 4.
    power : float
        Compression, above 0 to 1 (none).
    frequency : {'descending', 'ascending', 'both'}
        From which end of the spectrum energies are summed: at and above each frequency, at and below it, or both ways.
    """

    size: int = 1024
    power: float = 0.5
    frequency: str = "descending"
    reads = "time"

    def __post_init__(self) -> None:
        """Check both."""
        check_sizes((self.size,))
        check_number(self.power, "power", 0.05, 1.0)
        check_choice(self.frequency, "frequency", ("descending", "ascending", "both"))

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, frames, bands), for both ways twice as many frames."""
        mine = self._surface(rendered)
        whole = self._surface(rendered.reference).detach().amax(dim=(-2, -1)).mean()
        least = 10.0 ** (-100.0 / 10.0)
        return ((mine / whole.clamp_min(torch.finfo(mine.dtype).tiny)).clamp_min(least) ** self.power,)

    def _surface(self, rendered: Rendered) -> Tensor:
        (spectrogram,) = rendered.of(Spectrograms((self.size,)))
        to_come = spectrogram.square().flip(-2).cumsum(dim=-2).flip(-2)
        ways = {
            "descending": lambda: to_come.flip(-1).cumsum(dim=-1).flip(-1),
            "ascending": lambda: to_come.cumsum(dim=-1),
        }
        chosen = ways if self.frequency == "both" else (self.frequency,)
        return torch.cat([ways[way]() for way in chosen], dim=-2)


@dataclass(frozen=True, repr=False)
class MatchCumulativeEnergy(Term):
    """
    Mean square distance of energies cumulated from the end and from the highest frequency: smooth far from the target.

    Parameters
    ----------
    size : int
        Window length in samples, a multiple of 4 from 32 to below twice the response.
    power : float
        Compression of the energies, 0.05 to 1 (none): the less, the more weak late energy counts.
    frequency : {'descending', 'ascending', 'both'}
        From the highest frequency down, from the lowest up, or the mean of both, which weighs low and high alike.

    Examples
    --------
    >>> noise = torch.randn(4800, generator=torch.Generator().manual_seed(0))
    >>> times = torch.arange(4800)
    >>> room, shorter = (Rendered.of_response(noise * pole**times, fs=48000.0) for pole in (0.999, 0.998))
    >>> MatchCumulativeEnergy(256)(room, room), bool(MatchCumulativeEnergy(256)(shorter, room) > 1e-3)
    (tensor(0.), True)
    """

    size: int = 1024
    power: float = 0.5
    frequency: str = "descending"

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return cumulated energies, squared difference, mean."""
        return CumulativeEnergy(self.size, self.power, self.frequency), Squared(), Mean()


@dataclass(frozen=True, repr=False)
class TotalEnergy(Shown):
    """Energy of each output's response."""

    reads = "time"
    rateless = True

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out,)."""
        return (rendered.rows.square().sum(dim=-1),)


@dataclass(frozen=True, repr=False)
class Energy(Term):
    """
    Squared difference of each output's energy from a number, mean: holds the level where other losses are blind to it.

    Parameters
    ----------
    energy : float
        What to have, above 0 to 1e12.

    Examples
    --------
    >>> Energy(energy=1.0)(Rendered.of_response(torch.tensor([1.0, 1.0]), fs=48000.0))
    tensor(1.)
    """

    energy: float = 1.0

    def __post_init__(self) -> None:
        """Check the energy."""
        super().__post_init__()
        check_number(self.energy, "energy", 1e-12, 1e12)

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return energy, squared distance, mean."""
        return TotalEnergy(), Squared(to=self.energy), Mean()
