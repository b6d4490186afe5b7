"""Figures declared as data: axes, layers and theme, from which pages, notebooks and tables are made."""

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
from amtlib.plot.strokes import Strokes
from amtlib.plot.theme import Style
from amtlib.plot.tutorials import cochleagrams, curves, filters, level_map, matrices, points, waveform

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
    "cochleagrams",
    "compared",
    "curves",
    "envelope_outline",
    "erb_number",
    "filters",
    "frequency_label",
    "frequency_ticks",
    "level_map",
    "matrices",
    "next_step",
    "peak_columns",
    "place_number",
    "points",
    "waveform",
]
