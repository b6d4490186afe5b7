"""The figure of the tutorials: a few named lines.
Source: our own.
Not for a page: its data sources have no names to patch.
"""

from collections.abc import Mapping
from typing import Any

import holoviews as hv
import numpy as np

from app.plots.style import BLUE, COMMON, GREEN, GREY, ORANGE, erb_number, framed, frequency_ticks


def curves(
    lines: Mapping[str, tuple[Any, Any]],
    *,
    xlabel: str,
    ylabel: str,
    title: str,
    frequency: bool = False,
    logy: bool = False,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    legend: str = "top_right",
    points: Mapping[str, tuple[Any, Any]] | None = None,
    filled: bool = False,
) -> hv.Element:
    """Draw up to four named lines, told apart by colour and dash: the figure of the tutorials.

    Parameters
    ----------
    lines : mapping
        Name in the legend -> x and y, arrays or tensors of equal length.
    xlabel, ylabel, title : str
        With units.
    frequency : bool
        Whether x is in Hz, to be drawn on the ERB scale with ticks in octaves.
    logy : bool
        Whether y is drawn on a logarithmic axis.
    xlim, ylim : tuple of float, optional
        Limits of the axes in the units of x and y; from the data where none are given.
    legend : str
        The corner it stands in; a single line has none.
    points : mapping, optional
        Name of a line -> x and y of circles in its colour: what was measured, beside what a model says.
    filled : bool
        Whether the area between each line and 0 is filled, because it is the area that counts.

    Raises
    ------
    ValueError
        If there is no line, or more than four; or if points belong to none of them.

    Examples
    --------
    >>> lines = {"flat": ([0, 1], [1, 1]), "steep": ([0, 1], [0, 1])}
    >>> curves(lines, xlabel="Time (s)", ylabel="Pressure (Pa)", title="Two lines")
    :Overlay
       .Curve.Flat  :Curve   [x]   (Pressure (Pa))
       .Curve.Steep :Curve   [x]   (Pressure (Pa))
    """
    looks = list(zip((BLUE, ORANGE, GREEN, GREY), ("solid", "dashed", "dotdash", "dotted"), strict=True))
    if not 1 <= len(lines) <= len(looks):
        raise ValueError(f"{len(lines)} lines are not one figure; give 1 to {len(looks)}")
    points = points or {}
    if strangers := sorted(set(points) - set(lines)):
        raise ValueError(f"points belong to {strangers}, which are no lines; the lines are {list(lines)}")
    place = erb_number if frequency else np.asarray
    dims = hv.Dimension("x", label=xlabel), hv.Dimension("y", label=ylabel)
    kind = hv.Area if filled else hv.Curve
    drawn, circles = [], []
    for (name, (x, y)), (color, dash) in zip(lines.items(), looks, strict=False):
        line = kind((place(x), np.asarray(y)), *dims, label=name)
        fill = {"line_color": color, "fill_alpha": 0.25} if filled else {}
        drawn.append(line.opts(color=color, line_dash=dash, line_width=2, **fill))
        if name in points:
            x, y = points[name]
            circle = hv.Scatter((place(x), np.asarray(y)), *dims)
            circles.append(circle.opts(color=color, line_color="white", size=7))
    limits: dict[str, Any] = {}
    if xlim is not None:
        limits["xlim"] = tuple(place(xlim).tolist())
    if ylim is not None:
        limits["ylim"] = ylim
    if frequency:
        limits["xticks"] = frequency_ticks()
    return hv.Overlay(drawn + circles).opts(
        hv.opts.Overlay(
            height=280,
            xlabel=xlabel,
            ylabel=ylabel,
            title=title,
            logy=logy,
            show_legend=len(drawn) > 1,
            legend_position=legend,
            show_grid=True,
            default_tools=["save"],
            tools=["box_zoom", "reset"],
            hooks=[framed("curves")],
            **limits,
            **COMMON,
        )
    )
