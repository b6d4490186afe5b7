"""A trial as it is played: one piece of PCM with all its intervals, and the gain at which its levels are true.

All intervals of a trial stand in one piece of sound, so that they follow each other to the sample, and nothing of its
length or format depends on which of them has the target. Its numbers use all 16 bits; the gain beside it, by which
the page multiplies them, gives a trial its level relative to all other trials.
"""

import json
import struct
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from amtlib import signals
from amtlib.experiments import Trial
from app.listen.condition import FS
from app.page.listen import PEAK_DBFS, SAFE_DBFS, SAFE_SPL

#: Level of the sound by which the volume is set, dB SPL.
COMFORTABLE_SPL = 65.0
#: Highest sample of anything that is played, re full scale; the page itself refuses more.
CEILING = 10.0 ** (PEAK_DBFS / 20.0)
#: Sample of 1 Pa, re full scale: as in the labs, 85 dB SPL are played at -15 dB re full scale.
_PASCAL = 10.0 ** ((SAFE_DBFS - SAFE_SPL) / 20.0) / signals.P_REF
_LARGEST = 32767
#: Length of the text before the samples, bytes: the longest, of four intervals, has some 190.
_HEAD = 256


@dataclass(frozen=True)
class Played:
    """A sound for the page.

    Parameters
    ----------
    pcm : ndarray of int16, shape (T,) or (T, 2)
    gain : float
        By which a page multiplies samples of -1 to 1.
    begins : tuple of float
        When intervals begin, s.
    length : float
        Of an interval, s.
    """

    pcm: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]"
    gain: float
    begins: tuple[float, ...]
    length: float

    def packed(self) -> bytes:
        """Return it as the page takes it: length of a JSON text, the text, and the samples, the lowest byte first."""
        channels = 1 if self.pcm.ndim == 1 else self.pcm.shape[1]
        head = {
            "fs": FS,
            "gain": self.gain,
            "begins": self.begins,
            "length": self.length,
            "channels": channels,
        }
        text = json.dumps(head).encode().ljust(_HEAD)  # equally long for all trials
        return struct.pack("<I", len(text)) + text + self.pcm.astype("<i2").tobytes()


def played(sound: Tensor, begins: tuple[float, ...] = (0.0,), length: float = 0.0) -> Played:
    """Return a sound in Pa as it is played, never above the ceiling.

    Parameters
    ----------
    sound : Tensor, shape (T,) or (T, 2)
        Pressure, Pa.
    begins : tuple of float
        When its intervals begin, s.
    length : float
        Of an interval, s.

    Examples
    --------
    >>> tone = signals.tone(1000.0, level=85.0, duration=1.0, fs=22050, ramp=0.0)
    >>> sound = played(tone)
    >>> level = 10 * np.log10(np.mean((sound.pcm / 32768.0 * sound.gain) ** 2))
    >>> print(f"{level:.1f} dB re full scale")
    -15.0 dB re full scale
    """
    samples = torch.as_tensor(sound, dtype=torch.float64).numpy() * _PASCAL
    highest = float(np.abs(samples).max(initial=0.0))
    if highest == 0.0:
        return Played(np.zeros(samples.shape, dtype=np.int16), 0.0, begins, length)
    pcm = np.round(samples / highest * _LARGEST).astype(np.int16)
    return Played(pcm, min(highest, CEILING) * 32768.0 / _LARGEST, begins, length)


def trial_sound(trial: Trial) -> Played:
    """Return a trial as it is played."""
    made = trial.experiment
    sound, begins = made.presentation(trial.value, trial.target, trial.seed)
    return played(sound, tuple(begins), made.before + made.length + made.after)


def comfortable_sound() -> Played:
    """Return the noise by which the volume is set: 2 s at the comfortable level, rising and falling slowly."""
    noise = signals.band_noise(100.0, 7000.0, level=COMFORTABLE_SPL, duration=2.0, fs=FS, ramp=0.5, seed=1)
    return played(noise, length=2.0)
