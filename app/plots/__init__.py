"""Every figure of the labs: arrays in, HoloViews elements out.
Source: our own.
Not live: see `app.figures`.
"""

from app.plots.filterbank import cochleagram, excitation, image_bounds, responses, wave_and_envelope, waveform
from app.plots.style import (
    BLUE,
    COLUMNS,
    GREEN,
    GREY,
    LEFT,
    ORANGE,
    RIGHT,
    Array,
    envelope_outline,
    erb_number,
    frequency_ticks,
    peak_columns,
)
from app.plots.tutorials import cochleagrams, curves, matrices

__all__ = [
    "BLUE",
    "COLUMNS",
    "GREEN",
    "GREY",
    "LEFT",
    "ORANGE",
    "RIGHT",
    "Array",
    "cochleagram",
    "cochleagrams",
    "curves",
    "envelope_outline",
    "erb_number",
    "excitation",
    "frequency_ticks",
    "image_bounds",
    "matrices",
    "peak_columns",
    "responses",
    "wave_and_envelope",
    "waveform",
]
