"""Phases: of a whole response, and of its short-time spectra.
Source: the losses of these names in pyFDN 0.5.0, ``1 - cos`` of the difference; written anew, as distances of points on
the unit circle.
Not here: magnitudes (:mod:`amtlib.train.losses.match`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from amtlib.train.losses.checks import Shown, check_number
from amtlib.train.losses.composition import Term
from amtlib.train.losses.distances import Distance, Mean, Reduction, Squared
from amtlib.train.losses.features import check_sizes
from amtlib.train.losses.rendered import Feature, Rendered


def _phasors(spectrum: Tensor, reference: Tensor, floor_db: float) -> Tensor:
    """Real and imaginary part of spectra of size 1, (..., 2), where the target is above a floor re its peak."""
    size = reference.abs()
    heard = (size > 10.0 ** (floor_db / 20.0) * size.amax()).to(size.dtype)
    share = heard / heard.mean().clamp_min(torch.finfo(size.dtype).tiny)
    found = spectrum / spectrum.abs().clamp_min(torch.finfo(size.dtype).tiny)
    points: Tensor = torch.view_as_real(found) * share.sqrt()[..., None]
    return points


@dataclass(frozen=True, repr=False)
class Phases(Shown):
    """
    Phases of the response's spectrum, as points on the unit circle.

    Parameters
    ----------
    floor_db : float
        Where the target lies below this, re its peak, nothing is compared: a phase says nothing there.
    """

    floor_db: float = -60.0
    reads = "time"
    rateless = True

    def __post_init__(self) -> None:
        """Check the floor."""
        check_number(self.floor_db, "floor_db", -200.0, -1.0, "dB")

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, F, 2)."""
        spectra = [torch.fft.rfft(each.rows, n=rendered.nfft) for each in (rendered, rendered.reference)]
        return (_phasors(spectra[0], spectra[1].detach(), self.floor_db),)


@dataclass(frozen=True, repr=False)
class PhaseSpectrograms(Shown):
    """
    Phases of short-time spectra with several window lengths: periodic Hann windows a quarter of their length apart.

    Parameters
    ----------
    sizes : tuple of int
        Window lengths in samples, multiples of 4, none longer than the response.
    floor_db : float
        As in :class:`Phases`.
    """

    sizes: tuple[int, ...] = (256, 512, 1024, 2048)
    floor_db: float = -60.0
    reads = "time"
    rateless = True

    def __post_init__(self) -> None:
        """Check both."""
        check_sizes(self.sizes)
        check_number(self.floor_db, "floor_db", -200.0, -1.0, "dB")

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, size / 2 + 1, frames, 2) for each length."""
        if max(self.sizes) > rendered.nfft:
            raise ValueError(
                f"sizes holds {max(self.sizes)}, the response has {rendered.nfft} samples: give shorter windows, or a "
                "longer response (raise nfft)"
            )
        found = []
        for size in self.sizes:
            window = torch.hann_window(size, dtype=rendered.dtype, device=rendered.device)
            spectra = [
                torch.stft(each.rows, size, size // 4, window=window, center=False, return_complex=True)
                for each in (rendered, rendered.reference)
            ]
            found.append(_phasors(spectra[0], spectra[1].detach(), self.floor_db))
        return tuple(found)


@dataclass(frozen=True, repr=False)
class MatchPhase(Term):
    """
    Mean of ``1 - cos`` of the difference of phases, bin by bin: 0 for the same phases, 1 for unrelated ones, 2 at most.

    The phase of a long reverberant response turns so fast with frequency that this has no slope far from the target:
    it is for short responses, allpasses and early parts.

    Parameters
    ----------
    floor_db : float
        Bins where the target lies below this, re its peak, do not count: -200 to -1 dB.

    Examples
    --------
    >>> click = torch.tensor([1.0, 0.0, 0.0, 0.0])
    >>> room, minus = (Rendered.of_response(sign * click, fs=48000.0) for sign in (1.0, -1.0))
    >>> MatchPhase()(room, room), MatchPhase()(minus, room)
    (tensor(0.), tensor(2.))
    """

    floor_db: float = -60.0

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return points on the circle, their squared distance (twice 1 - cos, over two numbers), mean."""
        return Phases(self.floor_db), Squared(), Mean()


@dataclass(frozen=True, repr=False)
class MatchPhaseSpectrogram(Term):
    """
    Mean of ``1 - cos`` of the difference of short-time phases, summed over several window lengths.

    Parameters
    ----------
    sizes : tuple of int
        Window lengths in samples, multiples of 4 from 32, none longer than the response.
    floor_db : float
        Points where the target lies below this, re its peak, do not count: -200 to -1 dB.

    Examples
    --------
    >>> noise = torch.randn(2048, generator=torch.Generator().manual_seed(0))
    >>> room, minus = (Rendered.of_response(sign * noise, fs=48000.0) for sign in (1.0, -1.0))
    >>> MatchPhaseSpectrogram((256,))(room, room), float(MatchPhaseSpectrogram((256,))(minus, room).round(decimals=3))
    (tensor(0.), 2.0)
    """

    sizes: tuple[int, ...] = (256, 512, 1024, 2048)
    floor_db: float = -60.0

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return points on the circle, their squared distance (twice 1 - cos, over two numbers), mean."""
        return PhaseSpectrograms(self.sizes, self.floor_db), Squared(), Mean()
