"""The figures of the filterbank lab.
Source: our own.
Not live by itself: `app.figures` shows an element and the page patches the data sources that are named here.
"""

from typing import Any

import holoviews as hv
import numpy as np
from bokeh.models import BasicTicker

from app.plots.style import (
    BLUE,
    COMMON,
    GREEN,
    GREY,
    ORANGE,
    Array,
    beside_colours,
    erb_number,
    framed,
    frequency_ticks,
    named,
)


def _few_ticks(plot: Any, element: Any) -> None:
    figure = plot.handles["plot"]
    figure.yaxis.ticker = BasicTicker(desired_num_ticks=3, num_minor_ticks=0)
    figure.xaxis.major_label_text_font_size = "0px"
    figure.xaxis.major_tick_line_color = None


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
        hooks=[named("waveform"), framed("waveform"), _few_ticks, beside_colours],
        **COMMON,
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
        hooks=[named("cochleagram"), framed("cochleagram"), beside_colours],
        default_tools=["save"],
        tools=["box_zoom", "pan", "reset"],
    )
    cross = hv.Overlay(
        [
            hv.Segments((np.zeros(2), np.zeros(2), np.ones(2), np.ones(2)), ["x0", "y0", "x1", "y1"]).opts(
                color="white", line_dash="dotted", line_width=1.5, hooks=[named("cross")]
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
        **COMMON,
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
    live = hv.Curve((level, erb), kdims, vdims).opts(color=BLUE, line_width=2, hooks=[named("excitation")])
    pinned = hv.Curve((level[:0], erb[:0]), kdims, vdims).opts(
        color=ORANGE, line_width=2, line_dash="dashed", hooks=[named("excitation-pinned")]
    )
    here = hv.Points((level[:1], erb[:1]), [kdims, "erb"]).opts(
        color=ORANGE, size=8, line_color="white", hooks=[named("excitation-here")]
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
            hooks=[framed("excitation"), _narrow_left],
            **COMMON,
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
        color=GREY, alpha=0.55, line_width=1, hooks=[named("responses")]
    )
    chosen = hv.Curve((erb, gains[channel]), *dims).opts(
        color=BLUE, line_width=2.5, hooks=[named("response")]
    )
    pinned = hv.Curve((erb[:0], gains[channel][:0]), *dims).opts(
        color=ORANGE, line_width=2, line_dash="dashed", hooks=[named("response-pinned")]
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
            hooks=[framed("responses")],
            **COMMON,
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
        color=ORANGE, line_width=1.5, line_dash="dashed", hooks=[named(f"{name}-pinned")]
    )
    fine = hv.Curve(empty, *dims).opts(color=BLUE, line_width=1.2, hooks=[named(f"{name}-fine")])
    outline = hv.Path([np.zeros((2, 2)), np.zeros((2, 2))], dims).opts(
        color=GREEN, line_width=2, hooks=[named(f"{name}-envelope")]
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
            hooks=[framed(name)],
            **COMMON,
        )
    )
