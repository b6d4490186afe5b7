"""Calibrated stimuli in Pa and dB SPL: tones, complexes, noises, clicks, sweeps and their mixtures.
Source: standard psychoacoustic practice; each function cites its own (Schroeder 1970, Yost 1996, ...).
Not here: sound files (:mod:`amtlib.audio`), ear models, and any global random state.

Every generator returns a one-dimensional tensor of ``round(duration * fs)`` samples and shares keywords:

============ ==================================================================================== ==========
keyword      meaning                                                                              default
============ ==================================================================================== ==========
``level``    dB SPL re 20 uPa, -100 to 160: the rms level of the steady sound, before the ramps;  60.0
             for clicks the peak-equivalent level. Each docstring says what its level refers to.
``duration`` s, above 0 and at most 600 (and at most 2**27 samples)                               1.0
``fs``       sampling rate, Hz, 100 to 768000                                                     44100
``ramp``     raised-cosine rise and fall inside the duration, s each; 0 for none                  0.01
``seed``     of the random kinds: a whole number; equal seeds give equal sounds on every device   0
``dtype``    ``torch.float32`` or ``torch.float64`` (computed in float64 either way)              float32
``device``   where the result lives                                                               CPU
============ ==================================================================================== ==========

Frequencies lie above 0 and below ``fs / 2``; a value out of range raises a ``ValueError`` that says so.
"""

from amtlib.signals.clicks import click, click_train, silence
from amtlib.signals.levels import P_REF, apply_ramp, mix, pascal, rms_level, set_level
from amtlib.signals.noises import (
    band_noise,
    gap_in_noise,
    iterated_rippled_noise,
    pink_noise,
    tone_in_noise,
    white_noise,
)
from amtlib.signals.tones import am_tone, fm_tone, harmonic_complex, sweep, tone, tone_pair

__all__ = [
    "P_REF",
    "am_tone",
    "apply_ramp",
    "band_noise",
    "click",
    "click_train",
    "fm_tone",
    "gap_in_noise",
    "harmonic_complex",
    "iterated_rippled_noise",
    "mix",
    "pascal",
    "pink_noise",
    "rms_level",
    "set_level",
    "silence",
    "sweep",
    "tone",
    "tone_in_noise",
    "tone_pair",
    "white_noise",
]
