"""Every figure of the labs: arrays in, HoloViews elements out.
Source: our own; colours after Okabe & Ito (2008) for lines and viridis for magnitudes.
Not live by itself: `app.figures` shows an element and patches the data sources that are named here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import holoviews as hv
import numpy as np
import torch
from bokeh.models import BasicTicker, ColumnDataSource
from numpy.typing import NDArray

from amtlib import scales

# Elements need a backend before their options can be set; in a server this has happened already.
if hv.Store.current_backend != "bokeh" or "bokeh" not in hv.Store.renderers:
    # In a notebook this sends BokehJS along: a classroom may be offline, and the figures must show there too.
    hv.extension("bokeh", logo=False, inline=True)

Array = NDArray[Any]

#: Okabe & Ito's colours that stand out on white and on black alike.
BLUE, ORANGE, GREEN, GREY = "#0E86D4", "#E69F00", "#009E73", "#8C8C8C"
#: Widest image that is sent: more columns than this no screen shows.
COLUMNS = 500
#: Room left of every frame for its axis, px: figures under each other then share one time axis.
LEFT, RIGHT = 72, 82

OCTAVES = (31.25, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)


def erb_number(frequency: Array | Sequence[float] | float) -> Array:
    """Return the ERB number in Cam of frequencies in Hz: the scale on which channels are equally far apart."""
    return scales.fc2erb(torch.as_tensor(np.asarray(frequency, dtype=float))).numpy()


def frequency_ticks(octaves: Sequence[float] = OCTAVES) -> list[tuple[float, str]]:
    """Return tick positions on the ERB scale with their frequencies as labels."""
    labels = [f"{f / 1000:g}k" if f >= 1000 else f"{f:g}" for f in octaves]
    return list(zip(erb_number(octaves).tolist(), labels, strict=True))


def _named(name: str) -> Callable[[Any, Any], None]:
    """Return a hook that names an element's data source, so that a page can patch it."""

    def hook(plot: Any, element: Any) -> None:
        source = plot.handles.get("source")
        if isinstance(source, ColumnDataSource):
            source.name = f"{name}-data"  # the figure itself may have the plain name
        mapper = plot.handles.get("color_mapper")
        if mapper is not None:
            mapper.name = f"{name}-colours"

    return hook


def _frame(name: str) -> Callable[[Any, Any], None]:
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


def _beside_colours(plot: Any, element: Any) -> None:
    """Leave the room that the figure below needs for its colour bar, so that both share one time axis."""
    plot.handles["plot"].min_border_right = RIGHT


def _few_ticks(plot: Any, element: Any) -> None:
    figure = plot.handles["plot"]
    figure.yaxis.ticker = BasicTicker(desired_num_ticks=3, num_minor_ticks=0)
    figure.xaxis.major_label_text_font_size = "0px"
    figure.xaxis.major_tick_line_color = None


_COMMON = {"responsive": True, "fontscale": 1.0, "axiswise": True, "framewise": False}


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


def waveform(times: Array, values: Array) -> hv.Element:
    """Draw a sound's pressure over time."""
    return hv.Curve((times, values), hv.Dimension("time", label="Time", unit="s"), "pressure").opts(
        color=BLUE,
        line_width=1,
        height=104,
        xlabel="",
        ylabel="mPa",
        title="Sound pressure over time",
        default_tools=["save"],
        tools=["xbox_zoom", "reset"],
        show_grid=True,
        hooks=[_named("waveform"), _frame("waveform"), _few_ticks, _beside_colours],
        **_COMMON,
    )


def cochleagram(
    levels: Array, fc: Array, duration: float, limits: tuple[float, float], span: tuple[float, float]
) -> hv.Element:
    """Draw the level in every channel over time.

    Parameters
    ----------
    levels : ndarray, shape ``(F, M)``
        dB SPL.
    fc : ndarray, shape ``(F,)``
        Centre frequencies in Hz, equally spaced on the ERB scale.
    duration : float
        s.
    limits : tuple of float
        Levels of the darkest and the brightest colour, dB SPL.
    span : tuple of float
        Lowest and highest frequency of the axis, Hz.
    """
    bounds = image_bounds(fc, duration)
    image = hv.Image(
        (
            np.linspace(bounds[0], bounds[2], levels.shape[1] * 2 + 1)[1::2],
            np.linspace(bounds[1], bounds[3], levels.shape[0] * 2 + 1)[1::2],
            levels.astype(np.float32),
        ),
        [hv.Dimension("time", label="Time", unit="s"), "channel"],
        hv.Dimension("level", label="Level", unit="dB SPL"),
        bounds=bounds,
    ).opts(
        cmap="viridis",
        clim=limits,
        colorbar=True,
        colorbar_opts={"title": None, "width": 12, "padding": 4, "major_label_text_font_size": "11px"},
        clabel="",
        hooks=[_named("cochleagram"), _frame("cochleagram"), _beside_colours],
        default_tools=["save"],
        tools=["box_zoom", "pan", "reset"],
    )
    cross = hv.Overlay(
        [
            hv.Segments((np.zeros(2), np.zeros(2), np.ones(2), np.ones(2)), ["x0", "y0", "x1", "y1"]).opts(
                color="white", line_dash="dotted", line_width=1.5, hooks=[_named("cross")]
            )
        ]
    )
    return (image * cross).opts(
        height=330,
        xlabel="Time (s)",
        ylabel="Channel’s centre frequency (Hz)",
        yticks=frequency_ticks(),
        xlim=(0, duration),
        ylim=tuple(erb_number(span).tolist()),
        title="Cochleagram (dB SPL)",
        **_COMMON,
    )


def image_bounds(fc: Array, duration: float) -> tuple[float, float, float, float]:
    """Return left, bottom, right and top of a cochleagram whose rows are centred on their channels."""
    low, high = erb_number(fc[[0, -1]]).tolist()
    half = (high - low) / max(len(fc) - 1, 1) / 2
    return 0.0, low - half, duration, high + half


def excitation(
    level: Array, erb: Array, limits: tuple[float, float], span: tuple[float, float]
) -> hv.Element:
    """Draw the long-term level of every channel, upright beside the cochleagram, with room for a pinned one."""
    kdims, vdims = hv.Dimension("excitation", label="Level", unit="dB SPL"), "erb"
    live = hv.Curve((level, erb), kdims, vdims).opts(color=BLUE, line_width=2, hooks=[_named("excitation")])
    pinned = hv.Curve((level[:0], erb[:0]), kdims, vdims).opts(
        color=ORANGE, line_width=2, line_dash="dashed", hooks=[_named("excitation-pinned")]
    )
    here = hv.Points((level[:1], erb[:1]), [kdims, "erb"]).opts(
        color=ORANGE, size=8, line_color="white", hooks=[_named("excitation-here")]
    )
    return (pinned * live * here).opts(
        hv.opts.Overlay(
            height=330,
            xlabel="Level (dB SPL)",
            ylabel="",
            yticks=frequency_ticks(),
            xlim=limits,
            ylim=tuple(erb_number(span).tolist()),
            title="Long-term excitation",
            show_legend=False,
            show_grid=True,
            default_tools=["save"],
            hooks=[_frame("excitation"), _narrow_left],
            **_COMMON,
        )
    )


def _narrow_left(plot: Any, element: Any) -> None:
    plot.handles["plot"].min_border_left = 40


def responses(frequencies: Array, gains: Array, channel: int) -> hv.Element:
    """Draw the magnitude response of every filter, the chosen one in front.

    Parameters
    ----------
    frequencies : ndarray, shape ``(K,)``
        Hz.
    gains : ndarray, shape ``(F, K)``
        dB.
    channel : int
    """
    erb = erb_number(frequencies)
    dims: list[Any] = [hv.Dimension("response_erb", label="Frequency"), "gain"]
    every = hv.Path([np.stack([erb, g], 1) for g in gains], dims).opts(
        color=GREY, alpha=0.55, line_width=1, hooks=[_named("responses")]
    )
    chosen = hv.Curve((erb, gains[channel]), *dims).opts(
        color=BLUE, line_width=2.5, hooks=[_named("response")]
    )
    pinned = hv.Curve((erb[:0], gains[channel][:0]), *dims).opts(
        color=ORANGE, line_width=2, line_dash="dashed", hooks=[_named("response-pinned")]
    )
    return (every * pinned * chosen).opts(
        hv.opts.Overlay(
            height=226,
            xlabel="Frequency (Hz)",
            ylabel="Gain (dB)",
            xticks=frequency_ticks((125, 500, 1000, 2000, 4000, 8000, 16000)),
            xlim=tuple(erb_number([20.0, 20000.0]).tolist()),
            ylim=(-60, 6),
            title="The filters",
            show_legend=False,
            show_grid=True,
            default_tools=["save"],
            tools=["box_zoom", "reset"],
            hooks=[_frame("responses")],
            **_COMMON,
        )
    )


def wave_and_envelope(name: str, title: str, xlabel: str, ylabel: str) -> hv.Element:
    """Draw a channel's fine structure between its envelope, empty until its sources are patched."""
    empty = (np.zeros(2), np.zeros(2))
    dims: list[Any] = [
        hv.Dimension(f"{name}_time", label=xlabel),
        hv.Dimension(f"{name}_value", label=ylabel),
    ]
    pinned = hv.Curve(empty, *dims).opts(
        color=ORANGE, line_width=1.5, line_dash="dashed", hooks=[_named(f"{name}-pinned")]
    )
    fine = hv.Curve(empty, *dims).opts(color=BLUE, line_width=1.2, hooks=[_named(f"{name}-fine")])
    outline = hv.Path([np.zeros((2, 2)), np.zeros((2, 2))], dims).opts(
        color=GREEN, line_width=2, hooks=[_named(f"{name}-envelope")]
    )
    return (fine * pinned * outline).opts(
        hv.opts.Overlay(
            height=226,
            xlabel=xlabel,
            ylabel=ylabel,
            title=title,
            show_legend=False,
            show_grid=True,
            default_tools=["save"],
            hooks=[_frame(name)],
            **_COMMON,
        )
    )


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

    Raises
    ------
    ValueError
        If there is no line, or more than four.

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
    place = erb_number if frequency else np.asarray
    drawn = [
        hv.Curve(
            (place(x), np.asarray(y)),
            hv.Dimension("x", label=xlabel),
            hv.Dimension("y", label=ylabel),
            label=name,
        ).opts(color=color, line_dash=dash, line_width=2)
        for (name, (x, y)), (color, dash) in zip(lines.items(), looks, strict=False)
    ]
    limits: dict[str, Any] = {}
    if xlim is not None:
        limits["xlim"] = tuple(place(xlim).tolist())
    if ylim is not None:
        limits["ylim"] = ylim
    if frequency:
        limits["xticks"] = frequency_ticks()
    return hv.Overlay(drawn).opts(
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
            hooks=[_frame("curves")],
            **limits,
            **_COMMON,
        )
    )
