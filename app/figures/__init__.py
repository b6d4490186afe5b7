"""Figures declared as data: axes, layers and theme, from which pages, notebooks and tables are made."""

from app.figures.axes import (
    Array,
    Axis,
    Rising,
    erb_number,
    frequency_label,
    frequency_ticks,
    next_step,
    place_number,
)
from app.figures.decimation import COLUMNS, cells, envelope_outline, peak_columns
from app.figures.figure import Figure
from app.figures.film import Film, Moments
from app.figures.layers import (
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
from app.figures.live import FigureSet, LiveFigures
from app.figures.strokes import Strokes
from app.figures.theme import Style
from app.figures.tutorials import cochleagrams, curves, filters, level_map, matrices, waveform

__all__ = [
    "COLUMNS",
    "Area",
    "Array",
    "Axis",
    "Bars",
    "Curve",
    "Figure",
    "FigureSet",
    "Film",
    "Guides",
    "Histogram",
    "Image",
    "Layer",
    "Lines",
    "LiveFigures",
    "Moments",
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
    "waveform",
]
