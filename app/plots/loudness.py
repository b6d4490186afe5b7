"""The figures of the loudness lab: spectrum by window, excitation, specific loudness, loudness over time, experiments.
Source: our own; the chain of figures is that of Moore and Glasberg's papers.
Not live by itself: `app.figures` shows an element and the page patches the data sources that are named here.
"""

from collections.abc import Sequence
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.models import FixedTicker

from app.plots.style import (
    BLUE,
    GREEN,
    GREY,
    NOTHING,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    axes,
    erb_number,
    framed,
    frequency_ticks,
    line,
    named,
    small_legend,
)

#: One colour a window, longest first.
WINDOW_COLOURS = (PURPLE, VERMILION, ORANGE, GREEN, SKY, BLUE)
#: One colour a level of a series, softest first.
LEVEL_COLOURS = (SKY, BLUE, GREEN, ORANGE, VERMILION)
#: ERB numbers that the three figures of the chain span, Cam.
SPAN = (1.0, 40.0)
#: Bars of the binaural experiment.
EARS = ("Left ear alone", "Right ear alone", "Both, inhibited", "Both, not inhibited")
_TICKS = (125, 250, 500, 1000, 2000, 4000, 8000, 16000)


def _dims(stem: str, x: str, y: str) -> list[Any]:
    return [hv.Dimension(f"{stem}_x", label=x), hv.Dimension(f"{stem}_y", label=y)]


def spectrum(windows: Sequence[str], height: int = 170) -> hv.Element:
    """Draw the components that one moment's spectrum holds, coloured by the window that found them.

    Parameters
    ----------
    windows : sequence of str
        What each window is called in the legend, longest first.
    height : int
        px.
    """
    stems = [
        hv.Segments((np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(2)), ["x0", "y0", "x1", "y1"], label=w)
        .opts(color=color, line_width=1.6)
        .opts(hooks=[named(f"spectrum-{i}")])
        for i, (w, color) in enumerate(zip(windows, WINDOW_COLOURS, strict=True))
    ]
    edges = hv.Segments((np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(2)), ["x0", "y0", "x1", "y1"]).opts(
        color=GREY, line_dash="dotted", line_width=1, hooks=[named("spectrum-edges")]
    )
    return hv.Overlay([edges, *stems]).opts(
        axes(
            "spectrum",
            "Spectrum by window",
            "",
            "Level (dB SPL)",
            height,
            xticks=frequency_ticks(_TICKS),
            xlim=SPAN,
            ylim=(-10, 110),
            show_legend=True,
            legend_position="top_right",
            legend_cols=2,
            hooks=[framed("spectrum"), small_legend],
        )
    )


def excitation(height: int = 205) -> hv.Element:
    """Draw the excitation of both ears at one moment over the threshold of hearing, and a pinned one."""
    dims = _dims("excitation", "Frequency", "Excitation")
    lines = [
        line("excitation-threshold", dims, GREY, "dotted", 1.5, "threshold"),
        line("excitation-pinned", dims, ORANGE, "dashed", 2.0, "pinned A"),
        line("excitation-right", dims, GREEN, "dashed", 2.0, "right"),
        line("excitation-left", dims, BLUE, "solid", 2.5, "left"),
    ]
    return hv.Overlay(lines).opts(
        axes(
            "excitation",
            "Excitation pattern",
            "Centre frequency (Hz)",
            "Excitation (dB)",
            height,
            xticks=frequency_ticks(_TICKS),
            xlim=SPAN,
            ylim=(-10, 110),
            show_legend=True,
            legend_position="top_right",
            hooks=[framed("excitation"), small_legend],
        )
    )


def _cam_ticks(plot: Any, element: Any) -> None:
    plot.handles["plot"].xaxis.ticker = FixedTicker(ticks=list(range(0, 45, 5)))


def specific(height: int = 225) -> hv.Element:
    """Draw the specific loudness as filled areas, right on top of left: together they are the loudness."""
    dims = _dims("specific", "ERB number", "Specific loudness")
    areas = [
        hv.Area(NOTHING, *dims, label=label).opts(
            color=color, fill_alpha=0.55, line_color=color, line_width=1.5, hooks=[named(f"specific-{ear}")]
        )
        for ear, color, label in (("left", BLUE, "left"), ("right", GREEN, "right"))
    ]
    pinned = line("specific-pinned", dims, ORANGE, "dashed", 2.0)
    return hv.Overlay([*areas, pinned]).opts(
        axes(
            "specific",
            "Specific loudness",
            "ERB number (Cam)",
            "Specific loudness (sone/Cam)",
            height,
            xlim=SPAN,
            ylim=(0, 1),
            hooks=[framed("specific"), _cam_ticks],
        )
    )


def over_time(height: int = 240) -> hv.Element:
    """Draw instantaneous, short-term and long-term loudness over time, and mark the moment that is looked at."""
    dims = _dims("time", "Time", "Loudness")
    lines = [
        line("time-moment", dims, GREY, "dotted", 1.5),
        line("time-instantaneous", dims, SKY, "solid", 1.0, "instantaneous"),
        line("time-pinned", dims, ORANGE, "dashed", 2.0, "pinned A, long-term"),
        line("time-short", dims, GREEN, "solid", 2.0, "short-term"),
        line("time-long", dims, BLUE, "solid", 3.0, "long-term"),
    ]
    return hv.Overlay(lines).opts(
        axes(
            "time",
            "Loudness over time",
            "Time (s)",
            "Loudness (sone)",
            height,
            ylim=(0, 1),
            show_legend=True,
            legend_position="bottom_right",
            hooks=[framed("time"), small_legend],
        )
    )


_BESIDE = 360


def series(levels: Sequence[int]) -> hv.Element:
    """Draw the excitation of the same spectrum at several levels: where the pattern leans."""
    dims = _dims("series", "Frequency", "Excitation")
    lines = [
        line(f"series-{i}", dims, color, "solid", 2.0, f"{level} dB SPL")
        for i, (level, color) in enumerate(zip(levels, LEVEL_COLOURS, strict=True))
    ]
    return hv.Overlay(lines[::-1]).opts(
        axes(
            "series",
            "The same sound at five levels",
            "Centre frequency (Hz)",
            "Excitation (dB)",
            _BESIDE,
            xticks=frequency_ticks(_TICKS),
            xlim=SPAN,
            ylim=(-10, 110),
            show_legend=True,
            legend_position="top_right",
            hooks=[framed("series"), small_legend],
        )
    )


def growth() -> hv.Element:
    """Draw loudness against level, with one ear, with both, and the rule of ten decibels for twice as loud."""
    dims = _dims("growth", "Level", "Loudness")
    lines = [
        line("growth-here", dims, GREY, "dotted", 1.5),
        line("growth-rule", dims, GREY, "dashed", 1.5, "twice as loud every 10 dB"),
        line("growth-pinned", dims, ORANGE, "dashed", 2.0, "pinned A"),
        line("growth-one", dims, GREEN, "solid", 2.0, "one ear"),
        line("growth-both", dims, BLUE, "solid", 3.0, "both ears"),
    ]
    return hv.Overlay(lines).opts(
        axes(
            "growth",
            "Loudness grows with level",
            "Level (dB SPL)",
            "Loudness (sone)",
            _BESIDE,
            logy=True,
            xlim=(0, 110),
            ylim=(0.002, 200),
            show_legend=True,
            legend_position="bottom_right",
            hooks=[framed("growth"), small_legend],
        )
    )


def masking() -> hv.Element:
    """Draw the level at which a tone beside a band of noise is just heard, against the tone's frequency."""
    dims = _dims("masking", "Frequency", "Level")
    lines = [
        line("masking-quiet", dims, GREY, "dotted", 1.5, "in quiet"),
        line("masking-pinned", dims, ORANGE, "dashed", 2.0, "pinned A"),
        line("masking-noise", dims, GREEN, "solid", 5.0, "band of noise"),
        line("masking-masked", dims, BLUE, "solid", 3.0, "beside the noise"),
    ]
    return hv.Overlay(lines).opts(
        axes(
            "masking",
            "Threshold of a tone beside a band of noise",
            "Frequency of the tone (Hz)",
            "Level of the tone (dB SPL)",
            _BESIDE,
            xticks=frequency_ticks(_TICKS),
            xlim=(2.5, 37.5),
            ylim=(-10, 110),
            show_legend=True,
            legend_position="top_right",
            hooks=[framed("masking"), small_legend],
        )
    )


def bandwidth() -> hv.Element:
    """Draw the loudness of a band of noise of constant level against its width."""
    dims = _dims("bandwidth", "Bandwidth", "Loudness")
    lines = [
        line("bandwidth-erb", dims, GREY, "dotted", 1.5, "one ERB"),
        line("bandwidth-pinned", dims, ORANGE, "dashed", 2.0, "pinned A"),
        line("bandwidth-live", dims, BLUE, "solid", 3.0, "band of noise"),
    ]
    return hv.Overlay(lines).opts(
        axes(
            "bandwidth",
            "The same level, spread wider",
            "Bandwidth (Hz)",
            "Loudness (sone)",
            _BESIDE,
            logx=True,
            xlim=(20, 16000),
            ylim=(0, 1),
            show_legend=True,
            legend_position="top_left",
            hooks=[framed("bandwidth"), small_legend],
        )
    )


def binaural() -> hv.Element:
    """Draw the loudness to each ear alone and to both, with and without inhibition between them, as bars."""
    bars = hv.Bars(
        [(ear, 0.0) for ear in EARS], "ears", hv.Dimension("ears_loudness", label="Loudness")
    ).opts(color=BLUE, line_color=None, bar_width=0.55, hooks=[named("binaural")])
    values = hv.Labels([(ear, 0.0, "") for ear in EARS], ["ears", "ears_loudness"], "text").opts(
        text_font_size="13px", text_baseline="bottom", text_color=BLUE, hooks=[named("binaural-values")]
    )
    return hv.Overlay([bars, values]).opts(
        axes(
            "binaural",
            "One ear and two",
            "",
            "Loudness (sone)",
            _BESIDE,
            ylim=(0, 1),
            tools=[],
        )
    )


def contours(phons: Sequence[int]) -> hv.Element:
    """Draw equal-loudness contours of the model over those of the standard."""
    dims = _dims("contour", "Frequency", "Level")
    lines = [
        line(f"iso-{i}", dims, GREY, "dashed", 1.5, "ISO 226:2003" if i == 0 else "")
        for i in range(len(phons))
    ]
    lines += [
        line(f"contour-{i}", dims, BLUE, "solid", 2.5, "this model" if i == 0 else "")
        for i in range(len(phons))
    ]
    marks = hv.Labels([(20.0, 0.0, "")], ["contour_x", "contour_y"], "text").opts(
        text_font_size="11px", text_baseline="bottom", text_color=BLUE, hooks=[named("contour-marks")]
    )
    return hv.Overlay([*lines, marks]).opts(
        axes(
            "contours",
            "Equally loud: levels of tones that are as loud as one at 1 kHz",
            "Frequency of the tone (Hz)",
            "Level (dB SPL)",
            _BESIDE,
            xticks=frequency_ticks((50, *_TICKS[:-1], 12500)),
            xlim=tuple(erb_number([18.0, 16000.0]).tolist()),
            ylim=(-10, 130),
            show_legend=True,
            legend_position="top_right",
            hooks=[framed("contours"), small_legend],
        )
    )
