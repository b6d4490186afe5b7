"""The figures of the cochlea lab: input and output, slope, tuning, suppression, distortion, cochleagrams.
Source: our own; the layout of the input/output figure is that of Lopez-Poveda and Meddis (2001), fig. 3.
Not live by itself: `app.figures` shows an element and the page patches the data sources that are named here.
"""

from typing import Any

import holoviews as hv
import numpy as np

from app.plots.style import (
    BLUE,
    GREEN,
    GREY,
    NOTHING,
    ORANGE,
    PURPLE,
    axes,
    erb_number,
    frequency_ticks,
    line,
    named,
)

_TALL, _HALF = 540, 266


def input_output() -> hv.Element:
    """Draw the response of a place against the level of a tone: total, both paths, a normal ear, a pinned ear."""
    dims: list[Any] = [hv.Dimension("io_level", label="Level"), hv.Dimension("io_response", label="Velocity")]
    lines = [
        line("io-normal", dims, GREY, "solid", 1.5, "unchanged normal ear"),
        line("io-linear", dims, GREEN, "dashed", 1.5, "linear path (all that HIx has)"),
        line("io-nonlinear", dims, PURPLE, "dotted", 2.0, "compressive path"),
        line("io-pinned", dims, ORANGE, "dashed", 2.0, "pinned A"),
        line("io-total", dims, BLUE, "solid", 3.0, "this ear"),
    ]
    knee = hv.Points(NOTHING, dims, label="knee").opts(
        color="white", line_color=BLUE, line_width=2, size=11, hooks=[named("io-knee")]
    )
    here = line("io-here", dims, GREY, "dotted", 1.5)
    return hv.Overlay([here, *lines, knee]).opts(
        axes(
            "io",
            "Input and output of one place",
            "Level of the tone (dB SPL)",
            "Velocity (dB re 1 µm/s)",
            _TALL,
            xlim=(0, 110),
            ylim=(-20, 115),
            show_legend=True,
            legend_position="bottom_right",
        )
    )


def slope() -> hv.Element:
    """Draw the slope of the input/output curve against level."""
    dims: list[Any] = [hv.Dimension("slope_level", label="Level"), hv.Dimension("slope", label="Slope")]
    one = line("slope-one", dims, GREY, "dotted", 1.5)
    live, pinned = line("slope-live", dims, BLUE, width=3.0), line("slope-pinned", dims, ORANGE, "dashed")
    return hv.Overlay([one, pinned, live]).opts(
        axes(
            "slope",
            "Slope: 1 is linear, less is compression",
            "Level of the tone (dB SPL)",
            "Slope (dB per dB)",
            _TALL,
            xlim=(0, 110),
            ylim=(0, 1.3),
        )
    )


def tuning(levels: tuple[int, ...]) -> hv.Element:
    """Draw the response of a place to tones of many frequencies, one line a level."""
    dims: list[Any] = [
        hv.Dimension("tuning_erb", label="Frequency"),
        hv.Dimension("tuning", label="Velocity"),
    ]
    lines = [
        line(f"tuning-{i}", dims, color, "solid", 2.0, f"{level} dB SPL")
        for i, (level, color) in enumerate(zip(levels, (BLUE, GREEN, ORANGE, PURPLE), strict=True))
    ]
    return hv.Overlay(lines).opts(
        axes(
            "tuning",
            "Tuning of the place: the louder, the broader",
            "Frequency of the tone (Hz)",
            "Velocity (dB re 1 µm/s)",
            _TALL,
            xticks=frequency_ticks(),
            ylim=(-20, 100),
            show_legend=True,
            legend_position="top_right",
        )
    )


def suppression() -> hv.Element:
    """Draw the change of the response to a probe by a second tone, over its frequency and level."""
    image = hv.Image(
        (np.array([10.0, 20.0]), np.array([40.0, 60.0]), np.zeros((2, 2))),
        [hv.Dimension("suppressor_erb", label="Frequency"), hv.Dimension("suppressor_level", label="Level")],
        hv.Dimension("change", label="Change", unit="dB"),
    ).opts(
        # Two hues that a colour-blind eye tells apart, white where nothing changes.
        cmap="PuOr",
        clim=(-20, 20),
        colorbar=True,
        colorbar_opts={"title": None, "width": 12, "padding": 4, "major_label_text_font_size": "11px"},
        clabel="",
        hooks=[named("suppression")],
    )
    probe = hv.Points(NOTHING, list(image.kdims)).opts(
        color="black", marker="x", size=12, line_width=3, hooks=[named("suppression-probe")]
    )
    return hv.Overlay([image, probe]).opts(
        axes(
            "suppression",
            "Response to the probe (×), changed by a second tone (dB)",
            "Frequency of the second tone (Hz)",
            "Level of the second tone (dB SPL)",
            _TALL,
            xticks=frequency_ticks(),
            show_grid=False,
        )
    )


def distortion() -> hv.Element:
    """Draw the spectrum of a place while two tones sound, and mark the three frequencies."""
    dims: list[Any] = [
        hv.Dimension("spectrum_frequency", label="Frequency"),
        hv.Dimension("spectrum", label="Level"),
    ]
    live = line("distortion-spectrum", dims, BLUE, width=1.2)
    pinned = line("distortion-pinned", dims, ORANGE, "dashed", 1.2)
    marks = hv.Labels(
        {("x", "y"): np.zeros((3, 2)), "text": ["2f1 − f2", "f1", "f2"]}, ["x", "y"], "text"
    ).opts(text_font_size="12px", text_color=GREEN, text_baseline="bottom", hooks=[named("distortion-marks")])
    return hv.Overlay([pinned, live, marks]).opts(
        axes(
            "distortion",
            "Spectrum at the place of 2 f1 − f2",
            "Frequency (Hz)",
            "Velocity (dB re 1 µm/s)",
            _TALL,
            ylim=(-20, 100),
        )
    )


def place_map(name: str, title: str) -> hv.Element:
    """Draw the level at every place over time, short enough that two stand under each other."""
    image = hv.Image(
        (np.array([0.25, 0.75]), np.array([10.0, 20.0]), np.zeros((2, 2))),
        [hv.Dimension("time", label="Time", unit="s"), f"{name}_place"],
        hv.Dimension("level", label="Level", unit="dB"),
    ).opts(
        cmap="viridis",
        clim=(0, 80),
        colorbar=True,
        colorbar_opts={"title": None, "width": 12, "padding": 4, "major_label_text_font_size": "11px"},
        clabel="",
        hooks=[named(name)],
    )
    return hv.Overlay([image]).opts(
        axes(
            name,
            title,
            "Time (s)",
            "Place (Hz)",
            _HALF,
            yticks=frequency_ticks((250, 500, 1000, 2000, 4000, 8000)),
            ylim=tuple(erb_number([230.0, 8600.0]).tolist()),
            show_grid=False,
        )
    )
