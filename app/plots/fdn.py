"""The figures of the FDN lab: losses, response, feedback matrix, decay, reverberation times, modes, echo density.
Source: our own; live training curves are TensorFlow Playground's idea.
Not live by itself: `app.figures` shows an element and the page patches the data sources that are named here.
"""

from typing import Any

import holoviews as hv
import numpy as np
from bokeh.models import BasicTicker, FixedTicker, PrintfTickFormatter

from app.plots.style import (
    BLUE,
    GREEN,
    GREY,
    NOTHING,
    ORANGE,
    PURPLE,
    VERMILION,
    axes,
    framed,
    line,
    small_legend,
)

HEIGHT = 262
#: Colour and dash of each term of a loss.
_TERM_LOOKS = ((GREEN, "dashed"), (ORANGE, "dotted"), (PURPLE, "dashdot"), (VERMILION, "dotdash"))
#: How many terms of a loss are drawn.
TERM_LINES = len(_TERM_LOOKS)
_TIMES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_OCTAVES = (63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)


def _dims(stem: str) -> list[Any]:
    return [hv.Dimension(f"{stem}_x"), hv.Dimension(f"{stem}_y")]


def _octave_ticks() -> list[tuple[float, str]]:
    return [(float(f), f"{f // 1000}k" if f >= 1000 else str(f)) for f in _OCTAVES]


def losses() -> hv.Element:
    """Draw the weighted terms of the loss against steps, the whole of it in front; pages name the terms."""
    dims = _dims("loss")
    terms = term_lines("loss", dims)
    whole = line("loss-whole", dims, BLUE, "solid", 2.5, "loss")
    return hv.Overlay([*terms, whole]).opts(
        axes(
            "loss",
            "Loss",
            "Step",
            "Loss",
            HEIGHT,
            logy=True,
            ylim=(1e-3, 10),
            xlim=(0, 500),
            show_legend=True,
            legend_position="top_right",
            hooks=[framed("loss"), small_legend, named_legend, _named_ticks],
        )
    )


def term_lines(stem: str, dims: list[Any]) -> list[hv.Element]:
    """Draw a line a term of a loss, each in the look that it has in every figure; pages name them."""
    return [
        line(f"{stem}-{i}", dims, color, dash, 2.0, f"term {i + 1}")
        for i, (color, dash) in enumerate(_TERM_LOOKS)
    ]


def named_legend(plot: Any, element: Any) -> None:
    """Name the legend's entries, which a page sets."""
    for item in plot.handles["plot"].legend[0].items:
        item.name = f"{item.renderers[0].data_source.name.removesuffix('-data')}-legend"


def _named_ticks(plot: Any, element: Any) -> None:
    """Name the ticks, which a page sets."""
    figure = plot.handles["plot"]
    axis = figure.yaxis[0]
    axis.ticker = FixedTicker(ticks=[0.1, 1, 10], name="loss-ticks")
    axis.formatter = PrintfTickFormatter(format="%.3g")
    figure.ygrid[0].ticker = axis.ticker


def response() -> hv.Element:
    """Draw the magnitude of the network's response: at the start, as training sees it, and now."""
    dims = _dims("response")
    lines = [
        line("response-start", dims, GREY, "solid", 0.8, "start"),
        line("response-seen", dims, ORANGE, "solid", 1.0, "now, as training sees it"),
        line("response-now", dims, BLUE, "solid", 1.0, "now"),
    ]
    return hv.Overlay(lines).opts(
        axes(
            "response",
            "Response",
            "Frequency (Hz)",
            "Highest level (dB re mean power)",
            HEIGHT,
            logx=True,
            xticks=_octave_ticks(),
            xlim=(40, 24000),
            ylim=(-25, 15),
            show_legend=True,
            legend_position="bottom_left",
            hooks=[framed("response"), small_legend],
        )
    )


def matrix() -> hv.Element:
    """Draw the feedback matrix: purple below zero, orange above, white nothing."""
    image = hv.Image(
        (np.array([0.5, 1.5]), np.array([0.5, 1.5]), np.zeros((2, 2))),
        ["matrix_from", "matrix_to"],
        hv.Dimension("weight"),
    ).opts(
        cmap="PuOr_r",
        clim=(-1, 1),
        colorbar=True,
        colorbar_opts={"title": None, "width": 10, "padding": 4, "major_label_text_font_size": "11px"},
        clabel="",
        hooks=[named_image],
    )
    return hv.Overlay([image]).opts(
        axes(
            "matrix",
            "Feedback matrix",
            "From delay line",
            "To delay line",
            HEIGHT,
            invert_yaxis=True,
            show_grid=False,
            tools=[],
        )
    )


def named_image(plot: Any, element: Any) -> None:
    """Name the matrix's data source, and count its lines in whole numbers."""
    plot.handles["source"].name = "matrix-data"
    figure = plot.handles["plot"]
    for axis in (figure.xaxis, figure.yaxis):  # delay lines have whole numbers
        axis.ticker = BasicTicker(min_interval=1, num_minor_ticks=0)


def decay() -> hv.Element:
    """Draw the energy decay curves of the start, of now and of the room to match."""
    dims = _dims("decay")
    lines = [
        line("decay-start", dims, GREY, "solid", 1.5, "start"),
        line("decay-target", dims, ORANGE, "dashed", 2.0, "room"),
        line("decay-now", dims, BLUE, "solid", 2.5, "now"),
    ]
    return hv.Overlay(lines).opts(
        axes(
            "decay",
            "Energy decay",
            "Time (s)",
            "Energy left (dB)",
            HEIGHT,
            xlim=(0, 2),
            ylim=(-70, 3),
            show_legend=True,
            legend_position="top_right",
            hooks=[framed("decay"), small_legend],
        )
    )


def times() -> hv.Element:
    """Draw reverberation times by octave band: start, now, room."""
    dims = _dims("times")
    lines = [
        line("times-start", dims, GREY, "solid", 1.5, "start"),
        line("times-target", dims, ORANGE, "dashed", 2.0, "room"),
        line("times-now", dims, BLUE, "solid", 2.5, "now"),
    ]
    return hv.Overlay(lines).opts(
        axes(
            "times",
            "Reverberation time by octave (T30)",
            "Frequency (Hz)",
            "T30 (s)",
            HEIGHT,
            logx=True,
            xticks=_octave_ticks(),
            xlim=(50, 20000),
            ylim=(0, 3),
            show_legend=True,
            legend_position="bottom_left",
            hooks=[framed("times"), small_legend],
        )
    )


def modes() -> hv.Element:
    """Draw how strongly modes are excited, as histograms: narrow is colourless, a tail to the right rings."""
    edges = np.arange(-40.0, 21.0, 1.0)
    nothing = np.zeros(len(edges) - 1)
    dims = ["modes_x", "modes_y"]
    histograms = [
        hv.Histogram((edges, nothing), kdims=dims[0], vdims=dims[1], label=label).opts(
            fill_color=color, fill_alpha=alpha, line_color=color, line_width=1, hooks=[_named(name)]
        )
        for name, color, alpha, label in (
            ("modes-start", GREY, 0.45, "start"),
            ("modes-now", BLUE, 0.5, "now"),
        )
    ]
    return hv.Overlay(histograms).opts(
        axes(
            "modes",
            "Excitation of the modes",
            "Excitation (dB re mean)",
            "Share of modes (%)",
            HEIGHT,
            xlim=(-30, 15),
            ylim=(0, 12),
            show_legend=True,
            legend_position="top_left",
            hooks=[framed("modes"), small_legend],
        )
    )


def _named(name: str) -> Any:
    def hook(plot: Any, element: Any) -> None:
        plot.handles["source"].name = f"{name}-data"

    return hook


def density() -> hv.Element:
    """Draw the echo density over time: 1 is that of noise."""
    dims = _dims("density")
    lines = [
        hv.Curve(NOTHING, *dims).opts(
            color=GREY, line_dash="dotted", line_width=1.5, hooks=[_named("density-noise")]
        ),
        line("density-start", dims, GREY, "solid", 1.5, "start"),
        line("density-target", dims, ORANGE, "dashed", 2.0, "room"),
        line("density-now", dims, BLUE, "solid", 2.5, "now"),
    ]
    return hv.Overlay(lines).opts(
        axes(
            "density",
            "Echo density: 1 is as dense as noise",
            "Time (s)",
            "Normalised echo density",
            HEIGHT,
            logx=True,
            xticks=[(t, f"{t:g}") for t in _TIMES],
            xlim=(0.01, 1),
            ylim=(0, 1.4),
            show_legend=True,
            legend_position="bottom_right",
            hooks=[framed("density"), small_legend],
        )
    )
