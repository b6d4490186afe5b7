"""A sound as an ear with a hearing loss hears it, for normal ears: smearing, then threshold and recruitment.
Source: Nejime and Moore (1997), J. Acoust. Soc. Am. 102, 603-615; steps of severity as in the MSBG simulator.
Not here: dead regions, time, and what a hearing aid does about it.
"""

from typing import Any

import torch
from torch import Tensor

from amtlib import lti
from amtlib.hearing_loss.audiogram import Audiogram, as_audiogram, levels_at
from amtlib.hearing_loss.recruitment import LoudnessRecruitment
from amtlib.hearing_loss.smearing import SpectralSmearing
from amtlib.inputs import Signal
from amtlib.loudness.iso226 import iso226_contour, iso226_frequencies
from amtlib.modules import RealModule

#: Hearing level at which sounds are as loud as for a normal ear, dB
_CATCH_UP = 105.0
#: Width of the channels in ERB
_WIDTHS = {"none": 1.5, "mild": 1.5, "moderate": 2.0, "severe": 3.0}
_LOWEST, _HIGHEST, _SHARE = 40.0, 19183.5, 0.435


class HearingLoss(RealModule):
    """
    Simulate a hearing loss: what comes out sounds to a normal ear as what goes in sounds to the impaired one.

    Parameters
    ----------
    audiogram : Audiogram or str
        Of the ear; the name of a standard one ('N1' to 'N7', 'S1' to 'S3'). Levels below 0 dB HL count as 0.
    fs : float
        Sampling rate in Hz, 8000 to 192000.
    smearing : bool
        Whether to smear the spectrum. Of an ear whose mean loss from 2 to 8 kHz is up to 15 dB nothing is smeared.
    learnable : bool
        Make the loss of each channel and the widths of smearing parameters.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    smear : SpectralSmearing or None
        The first step.
    recruit : LoudnessRecruitment
        The second.
    audiogram, fs, smearing, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If `audiogram` is neither an audiogram nor a name.

    Notes
    -----
    Hearing level counts from the threshold of ISO 226 at the centre of a channel (free field), where the MSBG simulator
    filters the sound by the outer and middle ear before, and back afterwards. Losses above 100 dB HL act as 100.
    Beyond a steep slope, the skirts of the channels below it let loud tones through: with S2, whose loss is 95 dB at
    4 kHz, a tone at that threshold comes out 38 dB above the normal one.

    References
    ----------
    Nejime and Moore (1997), J. Acoust. Soc. Am. 102, 603-615.

    Examples
    --------
    >>> ear = HearingLoss("N3", 44100)
    >>> soft = 20e-6 * 10 ** (30 / 20) * torch.sin(2 * torch.pi * 2000 * torch.arange(8820) / 44100)
    >>> bool(ear(soft).abs().max() < 20e-6)
    True
    """

    smear: SpectralSmearing | None
    recruit: LoudnessRecruitment

    def __init__(
        self,
        audiogram: Audiogram | str,
        fs: float,
        smearing: bool = True,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(dtype)
        self.audiogram = as_audiogram(audiogram)
        self.smearing, self.learnable = bool(smearing), bool(learnable)
        lower, upper = self.audiogram.broadening
        wide = self.smearing and (lower, upper) != (1.0, 1.0)
        smear = SpectralSmearing(fs, lower, upper, learnable, dtype)
        self.smear = smear if wide else None
        self.fs = smear.fs
        width = _WIDTHS[self.audiogram.severity]
        like = LoudnessRecruitment((_LOWEST, min(_HIGHEST, _SHARE * self.fs)), self.fs, 0.0, broadening=width)
        fc = like._built["fc"]
        threshold = levels_at(iso226_frequencies().tolist(), iso226_contour(0).tolist(), fc)
        self.recruit = LoudnessRecruitment(
            fc, self.fs, self.audiogram.at(fc).clamp_min(0.0), threshold, _CATCH_UP, width, learnable, dtype
        )

    def configuration(self) -> dict[str, Any]:
        """Return the arguments that the module was built with; of the audiogram its numbers."""
        numbers = [list(self.audiogram.frequencies), list(self.audiogram.levels)]
        return {**super().configuration(), "audiogram": numbers}

    def forward(self, x: Signal) -> Tensor:
        """
        Let the ear hear a sound.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (..., T)
            Signal in Pa.

        Returns
        -------
        Tensor, shape (..., T)
            Pa, without delay. Differentiable.

        Raises
        ------
        ValueError
            If `x` is complex, empty, on another device or of another sampling rate, or has non-finite samples.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        x = lti.check_signal(x, self.dtype, self.recruit.fc.device, fs=self.fs)
        heard: Tensor = self.recruit(x if self.smear is None else self.smear(x))
        return heard

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"audiogram={self.audiogram.name or f'{len(self.audiogram.levels)} frequencies'}, fs={self.fs:g}, "
            f"smearing={self.smearing}, learnable={self.learnable}, dtype={self.dtype}"
        )
