"""Every generator of amtlib.signals, by name, with arguments that suit tests of what they share."""

import inspect
from collections.abc import Callable

import torch

from amtlib import signals
from amtlib.signals import (
    am_tone,
    band_noise,
    click,
    click_train,
    fm_tone,
    gap_in_noise,
    harmonic_complex,
    iterated_rippled_noise,
    pink_noise,
    silence,
    sweep,
    tone,
    tone_in_noise,
    tone_pair,
    white_noise,
)

# Every generator with arguments that make its rms level the asked one: whole periods in one second.
LEVELLED: dict[str, Callable[..., torch.Tensor]] = {
    "tone": lambda **k: tone(1000.0, **k),
    "harmonic_complex": lambda **k: harmonic_complex(100.0, **k),
    "white_noise": white_noise,
    "pink_noise": pink_noise,
    "band_noise": lambda **k: band_noise(400.0, 4000.0, **k),
    "am_tone": lambda **k: am_tone(1000.0, 40.0, depth=0.7, **k),
    "fm_tone": lambda **k: fm_tone(1000.0, 5.0, 100.0, **k),
    "iterated_rippled_noise": lambda **k: iterated_rippled_noise(0.008, **k),
}
OTHERS: dict[str, Callable[..., torch.Tensor]] = {
    "tone_pair": lambda **k: tone_pair(1000.0, 1200.0, **k),
    "sweep": lambda **k: sweep(100.0, 3000.0, **k),
    "gap_in_noise": lambda **k: gap_in_noise(0.01, **k),
    "tone_in_noise": lambda **k: tone_in_noise(1000.0, **k),
    "click": click,
    "click_train": lambda **k: click_train(100.0, **k),
}
LEVEL_OF = LEVELLED | OTHERS
ALL = LEVEL_OF | {"silence": silence}
SEEDED = [name for name in ALL if "seed" in inspect.signature(getattr(signals, name)).parameters]
