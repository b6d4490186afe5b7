"""What an ear makes of a network, beside what it makes of the room: cochleagrams, excitation, shares of the gradient.
Source: our own.
Not live by itself: `app.figures` shows an element and the page patches the data sources that are named here.
"""

import holoviews as hv
import numpy as np

from app.plots.fdn import HEIGHT, named_legend, term_lines
from app.plots.style import (
    BLUE,
    GREY,
    NOTHING,
    ORANGE,
    axes,
    erb_number,
    framed,
    frequency_ticks,
    line,
    named,
    small_legend,
)

#: Frequencies that cochleagrams and excitation patterns span, Hz.
SPAN = (60.0, 17000.0)
_TICKS = (125, 250, 500, 1000, 2000, 4000, 8000, 16000)


def cochleagram(name: str, title: str, limits: tuple[float, float]) -> hv.Element:
    """Draw how far above threshold each channel of an ear is over time.

    Parameters
    ----------
    name : str
        Of the figure and its data source.
    title : str
    limits : tuple of float
        Levels of the darkest and the brightest colour, dB above threshold.
    """
    image = hv.Image(
        (np.array([0.25, 0.75]), np.array([10.0, 20.0]), np.zeros((2, 2))),
        [f"{name}_time", f"{name}_place"],
        hv.Dimension(f"{name}_level"),
    ).opts(
        cmap="viridis",
        clim=limits,
        colorbar=True,
        colorbar_opts={"title": None, "width": 10, "padding": 4, "major_label_text_font_size": "11px"},
        clabel="",
        hooks=[named(name)],
    )
    low, high = erb_number(np.array(SPAN)).tolist()
    return hv.Overlay([image]).opts(
        axes(
            name,
            title,
            "Time (s); colour: dB above threshold",
            "Centre frequency (Hz)",
            HEIGHT,
            yticks=frequency_ticks(_TICKS),
            xlim=(0, 1),
            ylim=(low, high),
            show_grid=False,
            tools=[],
        )
    )


def excitation() -> hv.Element:
    """Draw the excitation patterns of start, now and room about their means: what colours the sound."""
    dims = [hv.Dimension("heard_x"), hv.Dimension("heard_y")]
    lines = [
        line("heard-start", dims, GREY, "solid", 1.5, "start"),
        line("heard-target", dims, ORANGE, "dashed", 2.0, "room"),
        line("heard-now", dims, BLUE, "solid", 2.5, "now"),
    ]
    low, high = erb_number(np.array(SPAN)).tolist()
    return hv.Overlay(lines).opts(
        axes(
            "heard",
            "Excitation pattern",
            "Centre frequency (Hz)",
            "Excitation (dB re mean)",
            HEIGHT,
            xticks=frequency_ticks(_TICKS),
            xlim=(low, high),
            ylim=(-6, 6),
            show_legend=True,
            legend_position="bottom_left",
            hooks=[framed("heard"), small_legend],
        )
    )


def shares() -> hv.Element:
    """Draw which share of the gradient each term of the loss has, against steps; pages name the terms."""
    dims = [hv.Dimension("shares_x"), hv.Dimension("shares_y")]
    still = hv.Curve(NOTHING, *dims).opts(
        color=GREY, line_dash="dotted", line_width=1, hooks=[named("shares-half")]
    )
    return hv.Overlay([still, *term_lines("shares", dims)]).opts(
        axes(
            "shares",
            "Which term teaches",
            "Step",
            "Share of the gradient (%)",
            HEIGHT,
            xlim=(0, 500),
            ylim=(0, 130),
            yticks=[0, 25, 50, 75, 100],
            show_legend=True,
            legend_position="top_right",
            hooks=[framed("shares"), small_legend, named_legend],
        )
    )
