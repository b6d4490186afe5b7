"""The figures of the cochlea lab: input and output, slope, tuning, suppression, distortion, cochleagrams.
Source: the layout of the input/output figure is that of Lopez-Poveda & Meddis (2001), fig. 3.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from app.figures import (
    Array,
    Axis,
    Curve,
    Figure,
    FigureSet,
    Guides,
    Image,
    Layer,
    Points,
    Words,
    cells,
    compared,
    erb_number,
    peak_columns,
)
from app.figures.theme import BLUE, GREEN, LIVE, ORANGE, PURPLE, REFERENCE, SIGNED, Style
from app.labs.cochlea.experiments import TUNING_LEVELS
from app.labs.cochlea.model import CochleaModel

_TALL, _HALF = 540, 266
_STRONG = replace(LIVE, width=3.0)
_FAINT = Style(BLUE, width=1.2)
_LEVEL_COLOURS = (BLUE, GREEN, ORANGE, PURPLE)
#: Levels of the darkest colour of both cochleagrams; the brightest is 80 dB above.
_DARKEST = {"drnl": 15.0, "gammatone": 0.0}

LEVEL = Axis("tone", "Level of the tone", "dB SPL", (0.0, 110.0))
VELOCITY = Axis("velocity", "Velocity", "dB re 1 µm/s", (-20.0, 115.0))


def _during(experiment: str) -> Callable[[CochleaModel], bool]:
    return lambda lab: lab.test.experiment == experiment


def _beside(
    name: str, title: str, x: Axis, y: Axis, layers: Sequence[Layer], during: str = "", **settings: Any
) -> Figure:
    """Return the figure of an experiment, which stands beside the input/output curve while that is chosen."""
    return Figure(name, title, x, y, layers, _during(during or name), _TALL, area="beside", **settings)


def _path(name: str) -> Callable[[CochleaModel], tuple[Array, Array]]:
    """Return what gives one path's response against level."""

    def values(lab: CochleaModel) -> tuple[Array, Array]:
        curve = lab.input_output
        return curve.levels, np.maximum(getattr(curve, name), -60.0)

    return values


def _knee(lab: CochleaModel) -> tuple[Array, Array]:
    curve = lab.input_output
    at = np.array([] if math.isnan(curve.knee) else [curve.knee])
    return at, np.interp(at, curve.levels, curve.total)


def _place_title(lab: CochleaModel) -> str:
    level = float(lab.test.level)
    return f"{lab.test.cf:.0f} Hz: {lab.input_output.slope_at(level):.2f} dB per dB at {level:g} dB SPL"


INPUT_OUTPUT = Figure(
    "io",
    _place_title,
    LEVEL,
    VELOCITY,
    [
        Guides("here", lambda lab: float(lab.test.level)),
        Curve("normal", _path("normal"), REFERENCE, "unchanged normal ear"),
        Curve("linear", _path("linear"), Style(GREEN, "dashed", 1.5), "linear path (all that HIx has)"),
        Curve("nonlinear", _path("nonlinear"), Style(PURPLE, "dotted"), "compressive path"),
        *compared(Curve("total", _path("total"), _STRONG, "this ear"), "pinned A"),
        Points("knee", _knee, Style(BLUE, width=11), "knee", hollow=True),
    ],
    height=_TALL,
    legend="bottom_right",
    pointable=True,
)

SLOPE = _beside(
    "slope",
    "Slope: 1 is linear, less is compression",
    LEVEL,
    Axis("slope", "Slope", "dB per dB", (0.0, 1.3)),
    [
        Guides("linear", lambda lab: 1.0, across="y"),
        *compared(Curve("slope", lambda lab: (lab.input_output.levels, lab.input_output.slope), _STRONG)),
    ],
    during="io",
)


def _tuned(i: int) -> Callable[[CochleaModel], tuple[Array, Array]]:
    return lambda lab: (lab.tuning.frequencies, np.maximum(lab.tuning.responses[i], -60.0))


TUNING = _beside(
    "tuning",
    "Tuning of the place: the louder, the broader",
    Axis("tuning_frequency", "Frequency of the tone", "Hz", lambda lab: _ends(lab.tuning.frequencies), "erb"),
    Axis("tuning", "Velocity", "dB re 1 µm/s", (-20.0, 100.0)),
    [
        Curve(f"level-{level}", _tuned(i), Style(colour), f"{level} dB SPL")
        for i, (level, colour) in enumerate(zip(TUNING_LEVELS, _LEVEL_COLOURS, strict=True))
    ],
    legend="top_right",
)


def _ends(values: Array) -> tuple[float, float]:
    return float(values[0]), float(values[-1])


def _outer(values: Array) -> tuple[float, float]:
    """Return the outer edges of equally wide cells with these centres."""
    half = (values[-1] - values[0]) / (len(values) - 1) / 2
    return float(values[0] - half), float(values[-1] + half)


def _suppression(lab: CochleaModel) -> tuple[Array, Array, Array]:
    """Return the change of the response on columns that are equally wide on the axis."""
    found = lab.suppression
    erb = erb_number(found.frequencies)  # the frequencies are equally far apart in octaves
    even = np.linspace(erb[0], erb[-1], len(erb))
    rows = np.stack([np.interp(even, erb, row) for row in found.change])
    return np.interp(even, erb, found.frequencies), found.levels, rows


SUPPRESSION = _beside(
    "suppression",
    "Response to the probe (×), changed by a second tone (dB)",
    Axis(
        "suppressor_frequency",
        "Frequency of the second tone",
        "Hz",
        lambda lab: _ends(lab.suppression.frequencies),
        "erb",
    ),
    Axis(
        "suppressor_level", "Level of the second tone", "dB SPL", lambda lab: _outer(lab.suppression.levels)
    ),
    [
        Image("change", _suppression, colours=(-20.0, 20.0), measures="Change", colour_map=SIGNED),
        Points(
            "probe",
            lambda lab: ([lab.test.cf], [float(lab.test.level)]),
            Style("black", width=12),
            marker="x",
        ),
    ],
    grid=False,
)


def _spectrum(lab: CochleaModel) -> tuple[Array, Array]:
    found = lab.distortion
    # A peak of one bin must survive: the maximum of each stretch is what the eye would see.
    levels = peak_columns(np.maximum(found.levels, -120.0), 1000)
    return np.linspace(0.0, found.frequencies[-1], len(levels)), levels


def _distortion_marks(lab: CochleaModel) -> tuple[Array, Array, list[str]]:
    found = lab.distortion
    at = np.array([found.product, *found.primaries])
    return at, np.interp(at, found.frequencies, np.maximum(found.levels, -60.0)), ["2 f1 − f2", "f1", "f2"]


DISTORTION = _beside(
    "distortion",
    "Spectrum at the place of 2 f1 − f2",
    Axis("spectrum_frequency", "Frequency", "Hz", lambda lab: (0.0, float(lab.distortion.frequencies[-1]))),
    Axis("spectrum", "Velocity", "dB re 1 µm/s", (-20.0, 100.0)),
    [
        *compared(Curve("spectrum", _spectrum, _FAINT), style=Style(ORANGE, "dashed", 1.2)),
        Words("marks", _distortion_marks, Style(GREEN)),
    ],
)


def _cochleagram(name: str, title: str, unit: str, area: str) -> Figure:
    """Return the figure of the level at every place over time, short enough that two stand under each other."""

    def values(lab: CochleaModel) -> tuple[Any, Array, Array]:
        found = lab.cochleagrams
        levels = getattr(found, name)
        return cells(0.0, found.duration, levels.shape[1]), found.fc, levels

    low = _DARKEST[name]
    return Figure(
        name,
        title,
        Axis(
            "time",
            "Time",
            "s",
            lambda lab: (0.0, lab.cochleagrams.duration),
            sounds=("input", "place", "all", "a", "b"),
        ),
        Axis("place", "Place", "Hz", (230.0, 8600.0), "erb", (250, 500, 1000, 2000, 4000, 8000)),
        [Image("levels", values, colours=(low, low + 80.0), unit=unit)],
        shown=_during("cochleagram"),
        area=area,
        height=_HALF,
        grid=False,
    )


FIGURES = FigureSet(
    [
        INPUT_OUTPUT,
        SLOPE,
        TUNING,
        SUPPRESSION,
        DISTORTION,
        _cochleagram("drnl", "This ear (dB re 1 µm/s)", "dB re 1 µm/s", "upper"),
        _cochleagram("gammatone", "Linear gammatone filterbank (dB SPL)", "dB SPL", "lower"),
    ]
)
