"""What the complete loudness models return.
Not here: how it is computed (:mod:`amtlib.loudness.moore2016`, :mod:`amtlib.loudness.glasberg2002`).

In all shapes B is the batch (absent where the model was given no batch), F frames, C channels, 2 the left and the
right ear.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from amtlib.charts import FREQUENCY, Chart, Direction, one, over_frequency, over_time
from amtlib.results import Result

_PER_CAM = Direction("Specific loudness", "sone/Cam")
_CHANNELS = {"frequencies": "Hz", "erb_numbers": "Cam", "excitation": "dB SPL"}


def loudness_over_time(found: Any) -> Chart:
    """Return a picture of the short-term and the long-term loudness over time."""
    lines = {"short term": found.short_term, "long term": found.long_term}
    return over_time("Loudness over time", found.time, lines, Direction("Loudness", "sone"))


class Cancelled(RuntimeError):
    """A computation was cancelled; there is no result."""


@dataclass(frozen=True, repr=False)
class StationaryLoudness(
    Result, units={**_CHANNELS, "left": "sone", "right": "sone", "total": "sone", "": "sone/Cam"}
):
    """
    Loudness of a steady sound, and the patterns behind it.

    Attributes
    ----------
    frequencies, erb_numbers : Tensor, shape (C,)
        Channels in Hz and in Cam.
    excitation : Tensor, shape (..., E, C)
        dB SPL; E the ears: left and right, or the one that hears.
    specific_loudness : Tensor, shape (..., E, C)
        sone/Cam, each ear by itself.
    smoothed : Tensor, shape (..., E, C)
        The same, smoothed along the cochlea; it decides the inhibition.
    inhibited : Tensor, shape (..., E, C)
        Specific loudness after inhibition; its area is `left` and `right`.
    left, right, total : Tensor, shape (...)
        Loudness in sone: what each ear contributes, and their sum.
    """

    frequencies: Tensor
    erb_numbers: Tensor
    excitation: Tensor
    specific_loudness: Tensor
    smoothed: Tensor
    inhibited: Tensor
    left: Tensor
    right: Tensor
    total: Tensor

    def chart(self) -> Chart:
        """Return the specific loudness of each ear, after inhibition."""
        ears = one(self.inhibited, 2)
        names = ("left ear", "right ear") if len(ears) == 2 else ("one ear",)
        return over_frequency(
            "Specific loudness", self.frequencies, dict(zip(names, ears, strict=False)), _PER_CAM
        )


@dataclass(frozen=True, repr=False)
class Moore2016Stages(Result, units={**_CHANNELS, "": "sone/Cam"}):
    """
    Every stage of :class:`amtlib.Moore2016` between audio and loudness.

    Attributes
    ----------
    frequencies, erb_numbers : Tensor, shape (C,)
        Channels in Hz and in Cam.
    excitation : Tensor, shape (B, 2, F, C)
        dB SPL; -120 where there is none.
    specific_loudness : Tensor, shape (B, 2, F, C)
        Instantaneous, each ear by itself, sone/Cam.
    short_term_specific : Tensor, shape (B, 2, F, C)
        Averaged over the short term.
    smoothed : Tensor, shape (B, 2, F, C)
        The same, smoothed along the cochlea; it decides the inhibition.
    inhibited : Tensor, shape (B, 2, F, C)
        Short-term specific loudness after inhibition; its area is ``short_term_left`` and ``_right``.
    """

    frequencies: Tensor
    erb_numbers: Tensor
    excitation: Tensor
    specific_loudness: Tensor
    short_term_specific: Tensor
    smoothed: Tensor
    inhibited: Tensor

    def chart(self) -> Chart:
        """Return the short-term specific loudness of both ears over the frames, after inhibition."""
        values = one(self.inhibited, 3).sum(0).T
        frames = np.arange(values.shape[1])
        return Chart(
            "Short-term specific loudness, both ears", Direction("Frame"), FREQUENCY,
            cells=(frames, one(self.frequencies), values), measures="", unit="sone/Cam",
        )  # fmt: skip


@dataclass(frozen=True, repr=False)
class Moore2016Loudness(Result, units={"time": "s", "stages": "", "": "sone"}):
    """
    Loudness over time of a binaural sound, in sone.

    Attributes
    ----------
    time : Tensor, shape (F,)
        Centres of the frames in s, from the start of the sound.
    instantaneous, short_term, long_term : Tensor, shape (B, F)
        Of both ears together: before averaging, as heard from moment to moment, as remembered.
    instantaneous_left, instantaneous_right, short_term_left, short_term_right, long_term_left, long_term_right
        : Tensor, shape (B, F)
        What each ear contributes.
    peak : Tensor, shape (B,)
        Greatest long-term loudness: the model's prediction of how loud a sound of up to a few seconds is as a
        whole.
    peak_short_term : Tensor, shape (B,)
        Greatest short-term loudness.
    stages : Moore2016Stages or None
        With ``return_stages=True``.
    """

    time: Tensor
    instantaneous: Tensor
    short_term: Tensor
    long_term: Tensor
    instantaneous_left: Tensor
    instantaneous_right: Tensor
    short_term_left: Tensor
    short_term_right: Tensor
    long_term_left: Tensor
    long_term_right: Tensor
    peak: Tensor
    peak_short_term: Tensor
    stages: Moore2016Stages | None

    def chart(self) -> Chart:
        """Return the loudness over time."""
        return loudness_over_time(self)


@dataclass(frozen=True, repr=False)
class Glasberg2002Stages(
    Result, units={**_CHANNELS, "time": "s", "specific_loudness": "sone/Cam", "": "sone"}
):
    """
    Every stage of :class:`amtlib.Glasberg2002`.

    Attributes
    ----------
    time : Tensor, shape (F,)
        Centres of the frames in s, from the start of the sound.
    frequencies, erb_numbers : Tensor, shape (C,)
        Channels in Hz and in Cam.
    excitation : Tensor, shape (B, F, C)
        dB SPL; -120 where there is none.
    specific_loudness : Tensor, shape (B, F, C)
        Of one ear, sone/Cam.
    instantaneous, short_term, long_term : Tensor, shape (B, F)
        Loudness in sone: before averaging, as heard from moment to moment, as remembered.
    """

    time: Tensor
    frequencies: Tensor
    erb_numbers: Tensor
    excitation: Tensor
    specific_loudness: Tensor
    instantaneous: Tensor
    short_term: Tensor
    long_term: Tensor

    def chart(self) -> Chart:
        """Return the loudness over time."""
        return loudness_over_time(self)
