"""What is sent through a network to hear it: an impulse, drum-like clicks, a spoken sentence, notes, bursts of noise.

The sentence is that of the other labs; the rest is made here.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from amtlib import audio
from amtlib.fdn import FDNBuild, process_fdn
from app.stimulus import SPEECH

Array = NDArray[np.float64]

#: How often an impulse or bursts of noise come when they are looped, s, and the pause after a looped sentence.
_PERIOD, _PAUSE = 2.0, 0.6
#: Silence in front, s: players fade in, which must not remove the direct sound.
LEAD = 0.02


def _beat(start: float, length: float, total: int, sound: Array, fs: int) -> Array:
    placed = np.zeros(total)
    first = round(start * fs)
    count = min(round(length * fs), total - first, len(sound))
    placed[first : first + count] = sound[:count]
    return placed


@cache
def _drums(fs: int) -> Array:
    """Return two bars of a bass drum, a snare and a hi-hat: sharp onsets with silence between them."""
    total = round(1.6 * fs)
    time = np.arange(round(0.2 * fs)) / fs
    noise = np.random.default_rng(0).standard_normal(len(time))
    bass = np.exp(-time / 0.05) * np.sin(2 * math.pi * (55 * time + 4 * (1 - np.exp(-time / 0.02))))
    snare = 0.7 * np.exp(-time / 0.04) * (0.6 * noise + np.sin(2 * math.pi * 190 * time))
    hat = 0.35 * np.exp(-time / 0.012) * np.diff(noise, prepend=0.0)
    bars = [(0.0, bass), (0.4, snare), (0.7, bass), (0.8, bass), (1.2, snare)]
    bars += [(0.2 * i, hat) for i in range(8)]
    return np.asarray(sum(_beat(at, 0.2, total, sound, fs) for at, sound in bars))


@cache
def _notes(fs: int) -> Array:
    """Return two bars of plucked notes of a pentatonic scale: eight decaying harmonics each."""
    total, length = round(3.2 * fs), 0.8
    time = np.arange(round(length * fs)) / fs
    rise = np.minimum(time / 0.004, 1.0)

    def pluck(frequency: float) -> Array:
        harmonics = (k for k in range(1, 9) if k * frequency < fs / 2)
        return rise * sum(
            np.exp(-time * (4 + 2 * k)) * np.sin(2 * math.pi * k * frequency * time) / k for k in harmonics
        )

    melody = (220.0, 261.63, 329.63, 392.0, 440.0, 392.0, 329.63, 293.66)
    return np.asarray(sum(_beat(0.3 * i, length, total, pluck(note), fs) for i, note in enumerate(melody)))


@cache
def _bursts(fs: int) -> Array:
    """Return two bursts of white noise, of 20 and 200 ms, with edges of 5 ms."""
    edge = round(0.005 * fs)
    rise = np.sin(np.linspace(0, math.pi / 2, edge)) ** 2
    rng = np.random.default_rng(0)

    def burst(length: float) -> Array:
        noise = rng.standard_normal(round(length * fs))
        noise[:edge] *= rise
        noise[-edge:] *= rise[::-1]
        return noise

    return np.concatenate([burst(0.02), np.zeros(round(0.48 * fs)), burst(0.2)])


@cache
def dry(source: str, fs: int = 48000) -> Array:
    """Return the sound before the network, shape ``(T,)``.

    Raises
    ------
    ValueError
        If there is no such sound.
    """
    if source == "impulse":
        return np.concatenate([[1.0], np.zeros(fs // 100)])
    if source == "drums":
        return _drums(fs)
    if source == "speech":
        return audio.load(SPEECH, fs=fs).samples.double().numpy()
    if source == "music":
        return _notes(fs)
    if source == "noise":
        return _bursts(fs)
    raise ValueError(f"There is no sound {source!r}; choose impulse, drums, speech, music or noise.")


@cache
def looped(source: str, fs: int) -> NDArray[np.float32]:
    """Return a sound as it is repeated, in float32: what is short or has an end is followed by a pause."""
    sound = dry(source, fs)
    if source in ("impulse", "noise"):
        sound = np.pad(sound, (0, round(_PERIOD * fs) - len(sound)))
    elif source == "speech":
        sound = np.pad(sound, (0, round(_PAUSE * fs)))
    return sound.astype(np.float32)


def _led(source: str, tail: float, fs: int) -> Array:
    """Return a sound with silence before and after it."""
    return np.concatenate([np.zeros(round(LEAD * fs)), dry(source, fs), np.zeros(round(tail * fs))])


def through(build: FDNBuild, source: str, tail: float) -> torch.Tensor:
    """Return a sound as the network gives it, with ``tail`` seconds after its end: shape ``(T,)``, or ``(2, T)`` of a
    network with an output for each ear.
    """
    fs = int(build.fs)
    x = _led(source, tail, fs)
    y = process_fdn(x if build.n_in == 1 else np.tile(x[:, None], build.n_in), build)
    return torch.from_numpy(np.ascontiguousarray(y.T)).float()


def in_room(response: Array, source: str, tail: float, fs: int) -> torch.Tensor:
    """Return a sound as a room with that impulse response, shape ``(T,)`` or ``(T, 2)``, gives it, as long as `through`
    makes it.
    """
    x = _led(source, tail, fs)
    length = len(x)
    size = 1 << (length + len(response)).bit_length()
    y = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(response.T, size), size)[..., :length]
    return torch.from_numpy(np.ascontiguousarray(y)).float()


def common_level(sounds: Sequence[torch.Tensor], highest: float, peak: float) -> float:
    """Return the rms level, dB re full scale, at which all of some sounds can be played: `highest`, or less where a
    peak of one of them would pass `peak` dB.

    Examples
    --------
    >>> click, noise = torch.zeros(100), torch.ones(100)
    >>> click[0] = 1.0
    >>> round(common_level([click, noise], -6.0, -3.0), 1)
    -23.0
    """
    crests = [
        20 * math.log10(float(x.abs().max()) / float(x.double().square().mean().sqrt())) for x in sounds
    ]
    return min(highest, *(peak - crest for crest in crests))
