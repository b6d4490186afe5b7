"""How a hearing loss divides into that of outer and of inner hair cells, and how much it widens the auditory filters.
Source: Kates and Arehart (2014), Speech Commun. 65, 75-93, as in HASPI version 1, after Moore et al. (1999).
Not here: what a loss does to a sound (:mod:`amtlib.hearing_loss.simulation`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from amtlib.hearing_loss.audiogram import Audiogram, as_audiogram
from amtlib.inputs import Numbers, as_tensor
from amtlib.results import Result
from amtlib.scales import f2erbrate
from amtlib.signals.frame import number

#: What outer hair cells contribute, where nothing else is known
USUAL_SHARE = 0.8
#: A healthy ear compresses from 30 to 100 dB SPL: by these ratios at these frequencies in Hz, linear over ERB number
_RANGE_DB = 70.0
_RATIOS, _AT = (1.25, 3.5), (80.0, 8000.0)
#: Outer loss in dB at which filters are four times as wide
_WIDENS = 50.0


@dataclass(frozen=True, repr=False)
class HairCellLoss(Result, units={"frequencies": "Hz", "": "dB"}):
    """
    A loss at some places, as that of outer and that of inner hair cells.

    Attributes
    ----------
    frequencies : Tensor, shape (F,)
        The places, Hz.
    outer, inner : Tensor, shape (F,)
        dB, which add up to the loss.
    """

    frequencies: Tensor
    outer: Tensor
    inner: Tensor

    @property
    def total(self) -> Tensor:
        """The loss, dB, shape (F,)."""
        return self.outer + self.inner

    @property
    def outer_gain(self) -> Tensor:
        """The gain that outer hair cells have left, as a factor of that of healthy ones, 0 to 1, shape (F,)."""
        return 10.0 ** (-self.outer / 20.0)

    @property
    def broadening(self) -> Tensor:
        """How many times wider than normal the auditory filters are, 1 to 4, shape (F,)."""
        lost = self.outer / _WIDENS
        return 1.0 + lost + 2.0 * lost**6


def hair_cell_loss(audiogram: Audiogram | str, fc: Numbers, share: float = USUAL_SHARE) -> HairCellLoss:
    """
    Split a loss into that of outer hair cells, which amplify and sharpen, and that of inner ones, which transduce.

    Outer hair cells take their share until all of their gain is lost; beyond, the loss is one of inner hair cells.

    Parameters
    ----------
    audiogram : Audiogram or str
        An audiogram, or the name of a standard one, as 'N3'. Levels below 0 dB HL count as 0.
    fc : Tensor, shape (F,), or float, or list or array of F numbers
        The places, Hz, above 0.
    share : float
        Of the outer hair cells in the loss in dB, 0 to 1. Kates and Arehart take 0.8.

    Returns
    -------
    HairCellLoss
        In float64.

    Raises
    ------
    ValueError
        If the share or a frequency is out of its range, or no standard audiogram has the name.
    TypeError
        If an argument is of another kind.

    Notes
    -----
    What outer hair cells can lose is ``70 dB (1 - 1 / CR)``; CR is the healthy ear's compression, 1.25 at 80 Hz to 3.5
    at 8 kHz, linear over ERB number (beyond, as at the ends): 14 to 50 dB. Filters are ``1 + x + 2 x^6`` times as wide
    as normal ones, where x is the outer loss over 50 dB.

    References
    ----------
    Kates and Arehart (2014), Speech Commun. 65, 75-93.
    Moore, Vickers, Plack and Oxenham (1999), J. Acoust. Soc. Am. 106, 2761-2778.

    Examples
    --------
    >>> found = hair_cell_loss(Audiogram([1000.0], [30.0]), [1000.0])
    >>> found.outer, found.inner, found.broadening
    (tensor([24.], dtype=torch.float64), tensor([6.], dtype=torch.float64), tensor([1.5045], dtype=torch.float64))
    """
    ear, part = as_audiogram(audiogram), number(share, "share", 0.0, 1.0)
    places = as_tensor(fc, "fc", what="frequencies in Hz", numbers=True).detach().cpu().double()
    loss = ear.at(places).clamp_min(0.0)
    ends = f2erbrate(torch.tensor(_AT, dtype=torch.float64))
    along = ((f2erbrate(places) - ends[0]) / (ends[1] - ends[0])).clamp(0.0, 1.0)
    ratio = torch.lerp(torch.full_like(along, _RATIOS[0]), torch.full_like(along, _RATIOS[1]), along)
    outer = torch.minimum(part * loss, _RANGE_DB * (1.0 - 1.0 / ratio))
    return HairCellLoss(places, outer, loss - outer)
