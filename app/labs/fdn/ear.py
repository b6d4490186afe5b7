"""The ear of the FDN lab, and its internal representation of a response: a cochleagram and an excitation pattern.

They are the features of :mod:`amtlib.train.losses`, so that a picture shows what a loss compares; goals.py has the
losses that use this ear.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amtlib.train import cochleagram, excitation_pattern
from amtlib.train.losses import Loss, MatchCochleagram, MatchLoudness
from app.quantity import Quantity, Settings

Array = NDArray[np.float64]

#: How much of a response is shown, s.
SHOWN = 1.5
#: Levels above threshold of the darkest and the brightest colour, dB.
SENSATION = (0.0, 60.0)


class Ear(Settings):
    """The listener: how loud it is, how much hearing is lost, how strongly the cochlea compresses."""

    level = Quantity(75, bounds=(40, 100), step=1, unit="dB SPL", label="Level of the sound")
    """Of the loudest 10 ms of the room's response. The softer it is, the sooner its tail sinks below threshold."""
    loss = Quantity(0, bounds=(0, 50), step=1, unit="dB", label="Hearing loss")
    """So much higher is the threshold at every frequency: as much less of the tail is heard."""
    compression = Quantity(0.3, bounds=(0.1, 1), step=0.05, label="Compression (exponent)")
    """Excitation grows as power to this exponent: 0.2 to 0.3 in a healthy cochlea, 1 without outer hair cells."""

    @property
    def sensation(self) -> float:
        """Level less what the ear has lost, dB SPL: for the losses both are the same."""
        return float(self.level) - float(self.loss)

    def cochleagram(self) -> MatchCochleagram:
        """Return the distance of cochleagrams as this ear hears it."""
        return MatchCochleagram(level=self.sensation, compression=float(self.compression))

    def loudness(self) -> Loss:
        """Return the distance of specific loudness at this ear's level."""
        return MatchLoudness(level=self.sensation)


@dataclass(frozen=True)
class Representation:
    """The internal representation of a response in an ear.

    Attributes
    ----------
    frequencies : ndarray, shape ``(C,)``
        Channels of the cochleagram, Hz.
    duration : float
        What it spans, s.
    sensation : ndarray, shape ``(C, K)``
        Levels above threshold, dB.
    places, excitation : ndarray, shape ``(bands,)``
        Centres of the excitation pattern in Hz, and its levels in dB re their mean: what colours the sound.
    """

    frequencies: Array
    duration: float
    sensation: Array
    places: Array
    excitation: Array

    @property
    def colour(self) -> float:
        """Standard deviation of the excitation pattern, dB: 0 for no colour at all."""
        return float(self.excitation.std())

    def difference(self, other: "Representation") -> Array | None:
        """Return how far each cell is above that of another cochleagram, dB; None where they span other times."""
        return None if self.sensation.shape != other.sensation.shape else self.sensation - other.sensation

    def distance(self, other: "Representation") -> float:
        """Return the mean difference of two cochleagrams, in dB above threshold, over the cells in which one of the two
        is heard: silence on both sides is no likeness. NaN where nothing is heard, or they span other times.
        """
        difference = self.difference(other)
        if difference is None:
            return float("nan")
        heard = (self.sensation > 0) | (other.sensation > 0)
        return float(np.abs(difference[heard]).mean()) if heard.any() else float("nan")

    @property
    def audible(self) -> float:
        """Share of the cells that are heard."""
        return float((self.sensation > 0).mean())

    @property
    def heard_until(self) -> Array:
        """``(C,)`` when each channel is heard last, s."""
        heard = self.sensation > 0
        columns = heard.shape[1]
        last = columns - heard[:, ::-1].argmax(1)
        return np.where(heard.any(1), last, 0) * (self.duration / columns)

    def heard_at(self, frequency: float) -> float:
        """Return when the channel nearest to a frequency in Hz is heard last, s."""
        return float(self.heard_until[np.abs(self.frequencies - frequency).argmin()])


def represent(response: Array, spectrum: Array, fs: int, ear: Ear, reference: Array) -> Representation:
    """Return the internal representation of a response in an ear.

    Parameters
    ----------
    response : ndarray, shape ``(T,)``
        Impulse response; as much of it is looked at as there is of the reference, up to `SHOWN` s.
    spectrum : ndarray, shape ``(F,)``
        Its magnitude at evenly spaced frequencies, for the excitation pattern.
    fs : int
        Hz.
    ear : Ear
    reference : ndarray, shape ``(T,)``
        The response that has the ear's level.
    """
    count = min(len(reference), round(SHOWN * fs))
    feature = ear.cochleagram().cochleagram()
    picture = cochleagram(padded(response, count), fs, feature, reference=reference[:count])
    pattern = excitation_pattern(spectrum, fs)
    audible = pattern.frequencies < 0.45 * fs
    levels = pattern.levels[audible]
    return Representation(
        picture.frequencies,
        float(picture.times[-1] + picture.times[0]),
        picture.sensation,
        pattern.frequencies[audible],
        levels - levels.mean(),
    )


def padded(response: Array, count: int) -> Array:
    """Return so many samples of a response, with silence after its end."""
    return np.pad(response[:count], (0, max(count - len(response), 0)))
