"""What is sent through a network to hear it: an impulse, drum-like clicks, a spoken sentence.
Source: our own; the drums are made here, the sentence is that of the other labs.
Not a player: the page turns what comes out into sound of one safe level.
"""

import math
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from amtlib import audio
from amtlib.fdn import FDNBuild, process_fdn
from app.stimulus import SPEECH

Array = NDArray[np.float64]

FS = 48000


def _beat(start: float, length: float, total: int, sound: Array) -> Array:
    placed = np.zeros(total)
    first = round(start * FS)
    count = min(round(length * FS), total - first, len(sound))
    placed[first : first + count] = sound[:count]
    return placed


@cache
def _drums() -> Array:
    """Return two bars of a bass drum, a snare and a hi-hat: sharp onsets with silence between them."""
    total = round(1.6 * FS)
    time = np.arange(round(0.2 * FS)) / FS
    noise = np.random.default_rng(0).standard_normal(len(time))
    bass = np.exp(-time / 0.05) * np.sin(2 * math.pi * (55 * time + 4 * (1 - np.exp(-time / 0.02))))
    snare = 0.7 * np.exp(-time / 0.04) * (0.6 * noise + np.sin(2 * math.pi * 190 * time))
    hat = 0.35 * np.exp(-time / 0.012) * np.diff(noise, prepend=0.0)
    bars = [(0.0, bass), (0.4, snare), (0.7, bass), (0.8, bass), (1.2, snare)]
    bars += [(0.2 * i, hat) for i in range(8)]
    return np.asarray(sum(_beat(at, 0.2, total, sound) for at, sound in bars))


@cache
def dry(source: str) -> Array:
    """Return the sound before the network, shape ``(T,)``, at 48 kHz.

    Raises
    ------
    ValueError
        When there is no such sound.
    """
    if source == "impulse":
        return np.concatenate([[1.0], np.zeros(FS // 100)])
    if source == "drums":
        return _drums()
    if source == "speech":
        return audio.load(SPEECH, fs=FS).samples.double().numpy()
    raise ValueError(f"There is no sound {source!r}; choose impulse, drums or speech.")


def through(build: FDNBuild, source: str, tail: float) -> torch.Tensor:
    """Return a sound as the network's first output gives it, with ``tail`` seconds after the sound's end."""
    x = np.concatenate([dry(source), np.zeros(round(tail * FS))])
    y = process_fdn(x if build.n_in == 1 else np.tile(x[:, None], build.n_in), build)
    return torch.from_numpy(np.ascontiguousarray(y if y.ndim == 1 else y[:, 0])).float()


def in_room(response: Array, source: str) -> torch.Tensor:
    """Return a sound as a room with that impulse response gives it."""
    x = dry(source)
    length = len(x) + len(response) - 1
    size = 1 << (length - 1).bit_length()
    y = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(response, size), size)[:length]
    return torch.from_numpy(y).float()
