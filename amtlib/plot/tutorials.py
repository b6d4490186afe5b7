"""The figures of the tutorials: named lines, histograms, groups of points; matrices or cochleagrams side by side.
Not for a page: its data sources have no names to patch.
"""

import math
from collections.abc import Mapping
from typing import Any

import holoviews as hv
import numpy as np

from amtlib.plot.axes import OCTAVES, Array, Axis, erb_number, frequency_ticks
from amtlib.plot.decimation import cells, envelope_outline, peak_columns
from amtlib.plot.figure import Figure, dress
from amtlib.plot.layers import Curve, Image, Lines, edges
from amtlib.plot.theme import BLUE, GREEN, GREY, MAGNITUDE, ORANGE, SIGNED_REVERSED, Style


def _dressed(plot: Any, _element: Any) -> None:
    figure = plot.handles["plot"]
    dress(figure)
    if figure.frame_width:
        figure.sizing_mode = None  # "fixed" asks for a width with axes and title, which nobody gave


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
    bands: Mapping[str, tuple[Any, Any, Any]] | None = None,
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
    bands : mapping, optional
        Name of a line -> x, lower and upper end of an area in its colour: a spread, or what sounds the same.
    filled : bool
        Whether the area between each line and 0 is filled, because it is the area that counts.

    Raises
    ------
    ValueError
        If there is no line, or more than four; or if points or bands belong to none of them.

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
    points, bands = points or {}, bands or {}
    for what, named in (("points", points), ("bands", bands)):
        if strangers := sorted(set(named) - set(lines)):
            raise ValueError(f"{what} belong to {strangers}, which are no lines; the lines are {list(lines)}")
    place = erb_number if frequency else np.asarray
    dims = hv.Dimension("x", label=xlabel), hv.Dimension("y", label=ylabel)
    kind = hv.Area if filled else hv.Curve
    drawn, circles, areas = [], [], []
    for (name, (x, y)), (color, dash) in zip(lines.items(), looks, strict=False):
        line = kind((place(x), np.asarray(y)), *dims, label=name)
        fill = {"line_color": color, "fill_alpha": 0.25} if filled else {}
        drawn.append(line.opts(color=color, line_dash=dash, line_width=2, **fill))
        if name in points:
            x, y = points[name]
            circle = hv.Scatter((place(x), np.asarray(y)), *dims)
            circles.append(circle.opts(color=color, line_color="white", size=7))
        if name in bands:
            x, low, high = bands[name]
            upper = hv.Dimension("upper", label=f"to {ylabel}")
            area = hv.Area((place(x), np.asarray(low), np.asarray(high)), dims[0], [dims[1], upper])
            areas.append(area.opts(color=color, line_alpha=0, fill_alpha=0.2))
    limits: dict[str, Any] = {}
    if xlim is not None:
        limits["xlim"] = tuple(place(xlim).tolist())
    if ylim is not None:
        limits["ylim"] = ylim
    if frequency:
        limits["xticks"] = frequency_ticks()
    return _framed(
        areas + drawn + circles,
        xlabel,
        ylabel,
        title,
        legend,
        logy=logy,
        show_legend=len(drawn) > 1,
        **limits,
    )


def _framed(layers: list[Any], xlabel: str, ylabel: str, title: str, legend: str, **more: Any) -> hv.Overlay:
    return hv.Overlay(layers).opts(
        hv.opts.Overlay(
            height=280,
            xlabel=xlabel,
            ylabel=ylabel,
            title=title,
            legend_position=legend,
            show_grid=True,
            default_tools=["save"],
            tools=["box_zoom", "reset"],
            hooks=[_dressed],
            responsive=True,
            **more,
        )
    )


def histograms(
    named: Mapping[str, Any],
    *,
    step: float,
    between: tuple[float, float],
    xlabel: str,
    ylabel: str,
    title: str,
    legend: str = "top_left",
) -> hv.Element:
    """Draw the histograms of up to four sets of values over one another; what is off the scale stands at its ends.

    Parameters
    ----------
    named : mapping
        Name in the legend -> values, an array or tensor.
    step : float
        Width of a bar, in the unit of the values, greater than 0.
    between : tuple of float
        Ends of the scale, a whole number of steps apart.
    xlabel, ylabel, title : str
        y is the share of the values in %.
    legend : str
        The corner it stands in; a single histogram has none.

    Raises
    ------
    ValueError
        If there is no histogram, or more than four; if values are missing or not finite; if the step is not above 0, or
        does not divide the scale.

    Examples
    --------
    >>> words = {"xlabel": "Level (dB)", "ylabel": "Share (%)", "title": "Two sets"}
    >>> histograms({"even": [1, 1, 2], "uneven": [-8, 1, 9]}, step=2.0, between=(-6, 6), **words)
    :Overlay
       .Area.Even   :Area   [x]   (Share (%))
       .Area.Uneven :Area   [x]   (Share (%))
    """
    low, high = between
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"between = {between} is no scale; give two finite ends, the lower one first")
    if not (math.isfinite(step) and step > 0.0):
        raise ValueError(f"step = {step:g} is no width of a bar; give a finite number above 0")
    count = round((high - low) / step)
    if count < 1 or not math.isclose(count * step, high - low, rel_tol=1e-9):
        raise ValueError(
            f"step = {step:g} does not divide the scale from {low:g} to {high:g}; set its ends whole steps apart"
        )
    bins = np.linspace(low, high, count + 1)
    lines = {}
    for name, values in named.items():
        found = np.asarray(values, dtype=float).ravel()
        if not found.size or not np.isfinite(found).all():
            wrong = int((~np.isfinite(found)).sum())
            held = f"{wrong} values that are not finite" if wrong else "no values"
            raise ValueError(
                f"{name!r} holds {held}; a histogram needs one finite value or more, and no others"
            )
        inside = np.clip(found, low + step / 2, high - step / 2)
        share = 100 * np.histogram(inside, bins)[0] / len(inside)
        lines[name] = np.repeat(bins, 2), np.concatenate([[0.0], np.repeat(share, 2), [0.0]])
    return curves(lines, filled=True, xlabel=xlabel, ylabel=ylabel, title=title, legend=legend)


def points(
    groups: Mapping[str, tuple[Any, Any]],
    *,
    xlabel: str,
    ylabel: str,
    title: str,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    legend: str = "top_right",
) -> hv.Element:
    """Draw up to four named groups of points, told apart by colour and shape: one point a case.

    Parameters
    ----------
    groups : mapping
        Name in the legend -> x and y, arrays or tensors of equal length.
    xlabel, ylabel, title : str
        With units.
    xlim, ylim : tuple of float, optional
        Limits of the axes; from the data where none are given.
    legend : str
        The corner it stands in.

    Raises
    ------
    ValueError
        If there is no group, or more than four.

    Examples
    --------
    >>> groups = {"short": ([1, 2], [1, 1]), "long": ([5, 6], [0, 1])}
    >>> points(groups, xlabel="Time (s)", ylabel="Level (dB)", title="Two groups")
    :Overlay
       .Scatter.Short :Scatter   [x]   (Level (dB))
       .Scatter.Long  :Scatter   [x]   (Level (dB))
    """
    shapes = (("circle", 8), ("square", 8), ("triangle", 10), ("diamond", 12))  # of about equal area
    looks = list(zip((BLUE, ORANGE, GREEN, GREY), shapes, strict=True))
    if not 1 <= len(groups) <= len(looks):
        raise ValueError(f"{len(groups)} groups are not one figure; give 1 to {len(looks)}")
    dims = hv.Dimension("x", label=xlabel), hv.Dimension("y", label=ylabel)
    drawn = [
        hv.Scatter((np.asarray(x), np.asarray(y)), *dims, label=name).opts(
            color=color, marker=marker, line_color="white", size=size
        )
        for (name, (x, y)), (color, (marker, size)) in zip(groups.items(), looks, strict=False)
    ]
    limits = {name: value for name, value in (("xlim", xlim), ("ylim", ylim)) if value is not None}
    return _framed(drawn, xlabel, ylabel, title, legend, **limits)


def matrices(
    named: Mapping[str, Any], *, xlabel: str, ylabel: str, limit: float = 1.0, size: int = 165
) -> hv.Element:
    """Draw up to four matrices side by side: purple below zero, orange above, white nothing.

    Parameters
    ----------
    named : mapping
        Title -> matrix, array or tensor of shape ``(rows, columns)``; the first row on top, counted from 1.
    xlabel, ylabel : str
        What columns and rows are.
    limit : float
        Magnitude that gets the full colour.
    size : int
        Width and height of each matrix, px.

    Raises
    ------
    ValueError
        If there is no matrix, or more than four.

    Examples
    --------
    >>> matrices({"stay": [[1, 0], [0, 1]], "swap": [[0, 1], [1, 0]]}, xlabel="From", ylabel="To")
    :Layout
       .Image.Stay :Image   [column,row]   (weight)
       .Image.Swap :Image   [column,row]   (weight)
    """
    if not 1 <= len(named) <= 4:
        raise ValueError(f"{len(named)} matrices are not one figure; give 1 to 4")
    drawn: list[Any] = []
    for name, matrix in named.items():
        values = np.asarray(matrix, dtype=float)
        rows, columns = values.shape
        image = hv.Image(
            values[::-1],
            bounds=(0.5, 0.5, columns + 0.5, rows + 0.5),
            kdims=["column", "row"],
            vdims="weight",
        ).relabel(name)
        drawn.append(
            image.opts(
                cmap=list(SIGNED_REVERSED),
                clim=(-limit, limit),
                clabel="",
                colorbar=name == list(named)[-1],
                invert_yaxis=True,
                frame_width=size,
                frame_height=size,
                title=name,
                xlabel=xlabel,
                ylabel=ylabel if not drawn else "",
                default_tools=[],
                hooks=[_dressed],
            )
        )
    return hv.Layout(drawn).opts(shared_axes=False, toolbar=None).cols(len(drawn))


def cochleagrams(
    named: Mapping[str, Any], *, limit: float = 60.0, width: int = 165, height: int = 190
) -> hv.Element:
    """Draw up to four cochleagrams side by side: how far above threshold each channel is over time.

    Parameters
    ----------
    named : mapping
        Title -> what :func:`amtlib.train.cochleagram` returned, of equal length and channels.
    limit : float
        Level above threshold of the brightest colour, dB; the darkest is at threshold.
    width, height : int
        Of each, px.

    Raises
    ------
    ValueError
        If there is none, or more than four.

    Examples
    --------
    >>> from amtlib.train import cochleagram
    >>> fading = np.random.default_rng(0).standard_normal(9600) * 0.999 ** np.arange(9600)
    >>> cochleagrams({"loud": cochleagram(fading, 48000), "soft": cochleagram(fading, 48000)})
    :Layout
       .Image.Loud :Image   [time,channel]   (Level above threshold)
       .Image.Soft :Image   [time,channel]   (Level above threshold)
    """
    if not 1 <= len(named) <= 4:
        raise ValueError(f"{len(named)} cochleagrams are not one figure; give 1 to 4")
    drawn: list[Any] = []
    for name, picture in named.items():
        bottom, top = edges(erb_number(picture.frequencies))
        right = picture.times[-1] + picture.times[0]
        image = hv.Image(
            picture.sensation[::-1],
            bounds=(0.0, bottom, right, top),
            kdims=[hv.Dimension("time", label="Time", unit="s"), "channel"],
            vdims=hv.Dimension("level", label="Level above threshold", unit="dB"),
        ).relabel(name)
        drawn.append(
            image.opts(
                cmap=list(MAGNITUDE),
                clim=(0.0, limit),
                clabel="",
                colorbar=name == list(named)[-1],
                frame_width=width,
                frame_height=height,
                title=name,
                xlabel="Time (s)",
                ylabel="" if drawn else "Channel (Hz)",
                yticks=frequency_ticks((125, 250, 500, 1000, 2000, 4000, 8000, 16000)),
                default_tools=[],
                hooks=[_dressed],
            )
        )
    return hv.Layout(drawn).opts(shared_axes=False, toolbar=None).cols(len(drawn))


def filters(frequencies: Array, gains: Array, channel: int, *, title: str) -> hv.Element:
    """Draw the magnitude response of every filter of a bank, one of them in front.

    Parameters
    ----------
    frequencies : ndarray, shape ``(K,)``
        Hz.
    gains : ndarray, shape ``(F, K)``
        dB.
    channel : int
        Index of the one in front.
    title : str

    Examples
    --------
    >>> filters(np.array([100.0, 1000.0]), np.zeros((3, 2)), 1, title="Three filters")
    :Overlay
       .Path.I  :Path   [frequency,gain]
       .Curve.I :Curve   [frequency]   (Gain)
    """
    layers = [
        Lines("all", lambda _: (frequencies, gains), Style(GREY, width=1.0, alpha=0.55)),
        Curve("one", lambda _: (frequencies, gains[channel])),
    ]
    x = Axis("frequency", "Frequency", "Hz", (20.0, 20000.0), "erb", OCTAVES[2:])
    return Figure("filters", title, x, Axis("gain", "Gain", "dB", (-60.0, 6.0)), layers).at(None)


def level_map(
    levels: Array,
    fc: Array,
    duration: float,
    *,
    limits: tuple[float, float],
    span: tuple[float, float],
    title: str = "Cochleagram (dB SPL)",
) -> hv.Element:
    """Draw the level in every channel over time.

    Parameters
    ----------
    levels : ndarray, shape ``(F, M)``
        dB SPL.
    fc : ndarray, shape ``(F,)``
        Centre frequencies in Hz, equally far apart on the ERB scale.
    duration : float
        s.
    limits : tuple of float
        Levels of the darkest and the brightest colour, dB SPL.
    span : tuple of float
        Lowest and highest frequency of the axis, Hz.
    title : str

    Examples
    --------
    >>> level_map(np.zeros((2, 3)), np.array([500.0, 600.0]), 1.0, limits=(0, 60), span=(400.0, 700.0))
    :Overlay
       .Image.I :Image   [time,channel]   (Level)
    """
    reduced = peak_columns(levels)
    middles = cells(0.0, duration, reduced.shape[1])
    image = Image("levels", lambda _: (middles, fc, reduced), colours=limits, unit="dB SPL")
    x = Axis("time", "Time", "s", (0.0, duration))
    y = Axis("channel", "Channel’s centre frequency", "Hz", span, "erb")
    return Figure("cochleagram", title, x, y, [image], height=330).at(None)


def waveform(x: Array, fs: float, *, title: str = "Sound pressure over time") -> hv.Element:
    """Draw a sound's pressure over time.

    Parameters
    ----------
    x : ndarray, shape ``(T,)``
        Pa.
    fs : float
        Hz.
    title : str

    Examples
    --------
    >>> waveform(np.zeros(100), 8000)
    :Overlay
       .Curve.I :Curve   [time]   (Pressure)
    """
    duration, top = len(x) / fs, 1050 * float(np.abs(x).max()) or 1.0
    layer = Curve("sound", lambda _: envelope_outline(1000 * x, 0.0, duration), Style(BLUE, width=1.0))
    across = Axis("time", "Time", "s", (0.0, duration), labelled=False)
    up = Axis("pressure", "Pressure", "mPa", (-top, top))
    return Figure("waveform", title, across, up, [layer], height=130).at(None)
