"""Losses of two ears: how alike both outputs are in each auditory band, beside a diffuse field or the target.
Source: diffuse field at a head of Lindevald and Benade (1986), JASA 80, 661-664.
Not here: measures (:mod:`amtlib.fdn.coherence`).
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from amtlib.fdn.coherence import EARS, coherence_centres, coherence_weights, diffuse_field_coherence
from amtlib.train.losses.checks import Shown, check_number
from amtlib.train.losses.composition import Term
from amtlib.train.losses.distances import Distance, Mean, Reduction, Squared
from amtlib.train.losses.rendered import Feature, Rendered


@lru_cache(maxsize=4)
def _weights(fs: float, lines: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.from_numpy(coherence_weights(fs, lines)).to(device=device, dtype=dtype)


@lru_cache(maxsize=4)
def _diffuse(fs: float, distance: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    found = diffuse_field_coherence(coherence_centres(fs), distance=distance)
    return torch.from_numpy(found).to(device=device, dtype=dtype)


@dataclass(frozen=True, repr=False)
class Coherence(Shown):
    """
    Correlation of the two outputs in bands one ERB apart, what :func:`amtlib.fdn.coherence.interaural_coherence` gives.

    Raises
    ------
    ValueError
        When a response comes that has not two outputs.
    """

    reads = "time"

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch, bands)."""
        outputs = rendered.time.shape[-1]
        if outputs != 2:
            raise ValueError(
                f"coherence is that of two ears, and the response has {outputs} output{'s' * (outputs != 1)}: give a "
                "network and a target of two outputs"
            )
        spectrum = torch.fft.rfft(rendered.time, n=rendered.nfft, dim=1)
        weights = _weights(rendered.fs, spectrum.shape[1], rendered.dtype, rendered.device)
        left, right = (torch.view_as_real(spectrum[..., ear]) for ear in (0, 1))
        least = torch.finfo(weights.dtype).tiny
        powers = [(ear * other).sum(dim=-1) @ weights for ear, other in ((left, left), (right, right))]
        both = (left * right).sum(dim=-1) @ weights
        return (both / (powers[0] * powers[1]).clamp_min(least).sqrt(),)


@dataclass(frozen=True, repr=False)
class FromDiffuse(Shown):
    """Difference of the coherence from that of a diffuse field at a head `distance` m wide."""

    distance: float = EARS

    def __post_init__(self) -> None:
        """Check the width."""
        check_number(self.distance, "distance", 0.01, 1.0, "m")

    reads = "time"

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch, bands)."""
        (found,) = rendered.of(Coherence())
        return (found - _diffuse(rendered.fs, self.distance, rendered.dtype, rendered.device),)


@dataclass(frozen=True, repr=False)
class DiffuseCoherence(Term):
    """
    Mean square difference of the two ears' coherence, band by band, from that of a listener in a diffuse field.

    Parameters
    ----------
    fs : float, optional
        Sampling rate in Hz of the tensors that it will be called with; in training, the network's.
    distance : float
        Width of the head in m, 0.01 to 1: see :func:`amtlib.fdn.coherence.diffuse_field_coherence`.

    References
    ----------
    Lindevald and Benade (1986), J. Acoust. Soc. Am. 80, 661-664.

    Examples
    --------
    >>> noise = torch.randn(1, 9600, 2, generator=torch.Generator().manual_seed(0))
    >>> apart, alike = (Rendered.of_response(x, fs=48000.0) for x in (noise, noise[..., :1].expand(-1, -1, 2)))
    >>> bool(DiffuseCoherence()(apart) < 0.2 < DiffuseCoherence()(alike))
    True
    """

    fs: float | None = None
    distance: float = EARS

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return the difference, its square, mean."""
        return FromDiffuse(self.distance), Squared(to=0.0), Mean()


@dataclass(frozen=True, repr=False)
class MatchCoherence(Term):
    """
    Mean square difference of the two ears' coherence from the target's, band by band.

    Parameters
    ----------
    fs : float, optional
        Sampling rate in Hz of the tensors that it will be called with; in training, the network's.

    Examples
    --------
    >>> noise = torch.randn(1, 9600, 2, generator=torch.Generator().manual_seed(0))
    >>> apart, alike = (Rendered.of_response(x, fs=48000.0) for x in (noise, noise[..., :1].expand(-1, -1, 2)))
    >>> MatchCoherence()(apart, apart), bool(MatchCoherence()(alike, apart) > 0.5)
    (tensor(0.), True)
    """

    fs: float | None = None

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return coherence, squared difference, mean."""
        return Coherence(), Squared(), Mean()
