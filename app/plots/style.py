"""What the figures of all labs share: colours, axes, borders, names for what a page patches, sizes that travel.
Source: colours after Okabe & Ito (2008) for lines and viridis for magnitudes.
Not a figure: those are in the files beside this one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import holoviews as hv
import numpy as np
import torch
from bokeh.models import ColumnDataSource
from numpy.typing import NDArray

from amtlib import scales

# Elements need a backend before their options can be set; in a server this has happened already.
if hv.Store.current_backend != "bokeh" or "bokeh" not in hv.Store.renderers:
    # In a notebook this sends BokehJS along: a classroom may be offline, and the figures must show there too.
    hv.extension("bokeh", logo=False, inline=True)
# WebGL draws specks onto thin lines, and an image wider than the largest texture kills the whole page.
hv.renderer("bokeh").webgl = False

Array = NDArray[Any]

#: Okabe & Ito's colours that stand out on white and on black alike.
BLUE, ORANGE, GREEN, GREY = "#0E86D4", "#E69F00", "#009E73", "#8C8C8C"
PURPLE, VERMILION, SKY = "#CC79A7", "#D55E00", "#56B4E9"
#: Widest image that is sent: more columns than this no screen shows.
COLUMNS = 500
#: Room left of every frame for its axis, px: figures under each other then share one time axis.
LEFT, RIGHT = 72, 82

OCTAVES = (31.25, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)


def erb_number(frequency: Array | Sequence[float] | float) -> Array:
    """Return the ERB number in Cam of frequencies in Hz: the scale on which channels are equally far apart."""
    return scales.fc2erb(torch.from_numpy(np.array(frequency, dtype=float, ndmin=0))).numpy()


def frequency_ticks(octaves: Sequence[float] = OCTAVES) -> list[tuple[float, str]]:
    """Return tick positions on the ERB scale with their frequencies as labels."""
    labels = [f"{f / 1000:g}k" if f >= 1000 else f"{f:g}" for f in octaves]
    return list(zip(erb_number(octaves).tolist(), labels, strict=True))


def named(name: str) -> Callable[[Any, Any], None]:
    """Return a hook that names an element's data source, so that a page can patch it."""

    def hook(plot: Any, element: Any) -> None:
        source = plot.handles.get("source")
        if isinstance(source, ColumnDataSource):
            source.name = f"{name}-data"  # the figure itself may have the plain name
        mapper = plot.handles.get("color_mapper")
        if mapper is not None:
            mapper.name = f"{name}-colours"

    return hook


def framed(name: str) -> Callable[[Any, Any], None]:
    """Return a hook for what HoloViews has no option for: the figure's name, borders and a calm toolbar."""

    def hook(plot: Any, element: Any) -> None:
        figure = plot.handles["plot"]
        figure.name = name
        figure.toolbar.logo = None
        figure.toolbar.autohide = True
        figure.min_border_left = LEFT
        figure.min_border_right = 12
        figure.outline_line_alpha = 0.3
        for axis in (*figure.xaxis, *figure.yaxis):
            axis.axis_label_text_font_style = "normal"
            axis.axis_label_text_font_size = "12px"
            axis.major_label_text_font_size = "11px"
            axis.minor_tick_line_color = None
        figure.title.text_font_size = "13px"
        # Scrolling or swiping past a plot must move the page, not the plot, until a tool is chosen.
        figure.toolbar.active_scroll = None
        figure.toolbar.active_drag = None

    return hook


def small_legend(plot: Any, element: Any) -> None:
    """Make a figure's legend small: it stands among the curves."""
    for legend in plot.handles["plot"].legend:
        legend.update(
            label_text_font_size="11px",
            glyph_height=12,
            glyph_width=16,
            label_height=12,
            spacing=0,
            padding=4,
            margin=4,
        )


def beside_colours(plot: Any, element: Any) -> None:
    """Leave the room that the figure below needs for its colour bar, so that both share one time axis."""
    plot.handles["plot"].min_border_right = RIGHT


COMMON = {"responsive": True, "fontscale": 1.0, "axiswise": True, "framewise": False}
#: What an element holds until a page patches its data source.
NOTHING = (np.zeros(2), np.zeros(2))


def line(
    name: str, dims: list[Any], color: str, dash: str = "solid", width: float = 2.0, label: str = ""
) -> hv.Element:
    """Return a curve whose data source has that name, empty until it is patched."""
    return hv.Curve(NOTHING, *dims, label=label).opts(
        color=color, line_dash=dash, line_width=width, hooks=[named(name)]
    )


def axes(name: str, title: str, xlabel: str, ylabel: str, height: int, **more: Any) -> Any:
    """Return the options of a figure of that name: an overlay of lines and marks on calm axes."""
    settings: dict[str, Any] = {
        "height": height,
        "title": title,
        "xlabel": xlabel,
        "ylabel": ylabel,
        "show_grid": True,
        "show_legend": False,
        "default_tools": ["save"],
        "tools": ["box_zoom", "reset"],
        "hooks": [framed(name)],
        **COMMON,
        **more,
    }
    return hv.opts.Overlay(**settings)


def peak_columns(x: Array, columns: int = COLUMNS) -> Array:
    """Reduce the last axis to at most ``columns`` by keeping the maximum of each stretch.

    Examples
    --------
    >>> peak_columns(np.arange(10.0), 5)
    array([1., 3., 5., 7., 9.])
    """
    length = x.shape[-1]
    if length <= columns:
        return x
    edges = np.linspace(0, length, columns + 1).astype(int)[:-1]
    return np.maximum.reduceat(x, edges, axis=-1)


def envelope_outline(x: Array, t0: float, t1: float, columns: int = COLUMNS) -> dict[str, Array]:
    """Reduce a waveform to what a screen shows: lowest and highest value of each column, as one zigzag line.

    Parameters
    ----------
    x : ndarray, shape ``(T,)``
    t0, t1 : float
        Times of the first sample and of the end, s.

    Returns
    -------
    dict
        ``{"x": times, "y": values}``, float32, at most ``2 * columns`` points.
    """
    if len(x) <= 2 * columns:
        times = np.linspace(t0, t1, len(x), endpoint=False)
        return {"x": times.astype(np.float32), "y": x.astype(np.float32)}
    edges = np.linspace(0, len(x), columns + 1).astype(int)[:-1]
    low, high = np.minimum.reduceat(x, edges), np.maximum.reduceat(x, edges)
    times = np.repeat(t0 + (edges + 0.5 * len(x) / columns) / len(x) * (t1 - t0), 2)
    return {"x": times.astype(np.float32), "y": np.stack([low, high], 1).ravel().astype(np.float32)}
