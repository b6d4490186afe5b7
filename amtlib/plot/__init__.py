"""Pictures of results (:func:`of`), and figures declared as data: axes, layers and theme, from which pages, notebooks
and tables are made. Needs holoviews and bokeh: ``pip install 'amtlib[plot]'``.
"""

try:
    import bokeh as _bokeh  # noqa: F401
    import holoviews as _holoviews  # noqa: F401
except ImportError as problem:
    raise ImportError(
        f"amtlib.plot draws with holoviews and bokeh: pip install 'amtlib[plot]' ({problem})"
    ) from None

from amtlib.plot.axes import (
    Array,
    Axis,
    Rising,
    erb_number,
    frequency_label,
    frequency_ticks,
    next_step,
    place_number,
)
from amtlib.plot.decimation import COLUMNS, cells, envelope_outline, peak_columns
from amtlib.plot.figure import Figure
from amtlib.plot.layers import (
    Area,
    Bars,
    Curve,
    Guides,
    Histogram,
    Image,
    Layer,
    Lines,
    Points,
    Stems,
    Words,
    compared,
)
from amtlib.plot.results import cochleagram, decay, excitation, of, response, spectrogram
from amtlib.plot.strokes import Strokes
from amtlib.plot.theme import Style
from amtlib.plot.tutorials import (
    cochleagrams,
    curves,
    filters,
    histograms,
    level_map,
    matrices,
    points,
    waveform,
)

__all__ = [
    "COLUMNS",
    "Area",
    "Array",
    "Axis",
    "Bars",
    "Curve",
    "Figure",
    "Guides",
    "Histogram",
    "Image",
    "Layer",
    "Lines",
    "Points",
    "Rising",
    "Stems",
    "Strokes",
    "Style",
    "Words",
    "cells",
    "cochleagram",
    "cochleagrams",
    "compared",
    "curves",
    "decay",
    "envelope_outline",
    "erb_number",
    "excitation",
    "filters",
    "frequency_label",
    "frequency_ticks",
    "histograms",
    "level_map",
    "matrices",
    "next_step",
    "of",
    "peak_columns",
    "place_number",
    "points",
    "response",
    "spectrogram",
    "waveform",
]
