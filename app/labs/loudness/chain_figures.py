"""The figures of the loudness lab that follow a sound through the model: spectrum, excitation, specific loudness, time.

They follow the chain of Moore and Glasberg's papers. The figures of the experiments are in figures.py.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from amtlib import scales
from amtlib.plot import COLUMNS, Area, Array, Axis, Curve, Figure, Guides, Rising, Stems
from amtlib.plot.theme import (
    BLUE,
    GREEN,
    GUIDE,
    LIVE,
    ORANGE,
    PINNED,
    PURPLE,
    REFERENCE,
    SECOND,
    SKY,
    VERMILION,
    Style,
)
from app.labs.loudness.chain import WINDOWS
from app.labs.loudness.model import LoudnessModel
from app.labs.loudness.words import near, plain

#: Heights of figures, px: of the one that leads, and of the others.
LEADING, SPECTRUM_HEIGHT, EXCITATION_HEIGHT, AREA_HEIGHT, TIME_HEIGHT = 430, 150, 210, 260, 190
STRONG = replace(LIVE, width=3.0)


def hertz(low: float, high: float) -> tuple[float, float]:
    """Return two ERB numbers as frequencies in Hz."""
    return tuple(scales.erb2fc(torch.tensor([low, high], dtype=torch.float64)).tolist())


#: One colour a window, longest first.
_WINDOW_COLOURS = (PURPLE, VERMILION, ORANGE, GREEN, SKY, BLUE)
#: Ticks of frequency axes, Hz: of wide figures, and of narrow ones.
OCTAVES = (125, 250, 500, 1000, 2000, 4000, 8000, 16000)
_FEWER = (125, 500, 1000, 2000, 4000, 8000, 16000)


def pair(x: Any, y: Any) -> tuple[Array, Array]:
    """Return a curve down to -60 dB."""
    return np.asarray(x), np.maximum(y, -60.0)


# ------------------------------------------------------------------ the chain from spectrum to sones

#: The axis of the figures of patterns: from 1 to 40 Cam.
PLACE = Axis("place", "Centre frequency", "Hz", hertz(1.0, 40.0), "erb", _FEWER)


def _window(i: int) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    """Return what gives the components that one window of the spectrum found."""

    def values(lab: LoudnessModel) -> tuple[Array, Array]:
        spectrum = lab.spectrum
        found = np.searchsorted(lab.parameters.edges, spectrum.frequencies, side="right") == i
        return spectrum.frequencies[found], spectrum.levels[found]

    return values


SPECTRUM = Figure(
    "spectrum",
    lambda lab: f"Spectrum at {lab.course.moments[lab.frame]:.2f} s, by window",
    replace(PLACE, labelled=False),
    Axis("component", "Level", "dB SPL", (-10.0, 110.0)),
    [
        Guides("edges", lambda lab: np.array(lab.parameters.edges), replace(GUIDE, width=1.0)),
        *(
            Stems(f"window-{i}", _window(i), Style(colour, width=1.6), label)
            for i, (label, colour) in enumerate(zip(WINDOWS, _WINDOW_COLOURS, strict=True))
        ),
    ],
    height=SPECTRUM_HEIGHT,
    legend="top_right",
    legend_columns=2,
)


def _left(lab: LoudnessModel) -> tuple[Array, Array]:
    return pair(lab.course.frequencies, lab.patterns[0][0])


def _right(lab: LoudnessModel) -> tuple[Array, Array]:
    """Return the right ear's pattern where it differs from the left one's."""
    left, right = lab.patterns[0]
    differs = bool(np.any(right != left)) and lab.right > -math.inf
    count = len(right) if differs else 0
    return pair(lab.course.frequencies[:count], right[:count])


def _noise_alone(lab: LoudnessModel) -> tuple[Array, Array]:
    """Return the pattern of a masker before the tone joins it."""
    count = len(lab.course.frequencies) if lab.display.view == "masking" else 0
    return pair(lab.course.frequencies[:count], lab.course.excitation[0, 0][:count])


def _excitation_title(lab: LoudnessModel) -> str:
    if lab.display.view == "masking":
        return f"Excitation: changed by {lab.change_by_probe:.1f} dB; 1 dB is heard"
    if not (lab.patterns[0][0] > lab.threshold).any():
        return "Excitation pattern: below threshold"
    frequency, height = lab.peak_of_pattern
    return f"Excitation pattern: {height:.0f} dB near {near(frequency)}"


EXCITATION = Figure(
    "excitation",
    _excitation_title,
    PLACE,
    Axis("excitation", "Excitation", "dB", (-10.0, 110.0)),
    [
        Curve("threshold", lambda lab: pair(lab.course.frequencies, lab.threshold), GUIDE, "threshold"),
        Curve("pinned", _left, PINNED, "pinned A", pinned=True),
        Curve("right", _right, SECOND, "right ear"),
        Curve("left", _left, LIVE, "left ear"),
        Curve("alone", _noise_alone, replace(REFERENCE, dash="dashed"), "noise alone"),
    ],
    height=EXCITATION_HEIGHT,
    legend="top_right",
)


def _specific_title(lab: LoudnessModel) -> str:
    area = float(lab.course.at_moments[lab.frame])
    ears = [plain(area_of(ear)) for ear in lab.patterns[1] if ear.any()]
    shares = f"{' + '.join(ears)} = " if len(ears) > 1 else ""
    kind = "short-term" if lab.listener.model == "moore2016" else "instantaneous"
    return f"Area: {shares}{plain(area)} sone, {kind}"


def area_of(specific: Any) -> float:
    """Return the area of a specific loudness on channels 0.25 Cam apart, sone."""
    return float(np.sum(specific)) / 4


def _specific_left(lab: LoudnessModel) -> tuple[Array, Array, Array]:
    left, _ = lab.patterns[1]
    return lab.course.cam, np.zeros_like(left), left


def _specific_right(lab: LoudnessModel) -> tuple[Array, Array, Array]:
    """Return the right ear's area on top of the left one's: together they are the loudness."""
    left, right = lab.patterns[1]
    return lab.course.cam, left, left + right


def _specific_both(lab: LoudnessModel) -> tuple[Array, Array]:
    left, right = lab.patterns[1]
    return lab.course.cam, left + right


def _of_ear(i: int, name: str) -> Callable[[LoudnessModel], str]:
    """Return what names the area of one ear."""
    return lambda lab: f"{name} ear: {plain(area_of(lab.patterns[1][i]))} sone"


def _specific(name: str, height: int, shown: Callable[[LoudnessModel], bool], area: str) -> Figure:
    """Return the figure of specific loudness; it leads the experiment that is about its area."""
    return Figure(
        name,
        _specific_title,
        replace(
            PLACE, label="ERB number", unit="Cam", scale="linear", limits=(1.0, 40.0), ticks=range(0, 45, 5)
        ),
        # A tone of 1 kHz and 80 dB SPL just fits: areas of 1, 4 and 15 sone look as different as they are.
        Axis(
            "specific",
            "Specific loudness",
            "sone/Cam",
            Rising(lambda lab: float(lab.course.specific.sum(0).max()), least=4.0),
        ),
        [
            Area("left", _specific_left, Style(BLUE, width=1.5, alpha=0.55), _of_ear(0, "left")),
            Area("right", _specific_right, Style(GREEN, width=1.5, alpha=0.55), _of_ear(1, "right")),
            Curve("pinned", _specific_both, PINNED, "pinned A", pinned=True),
        ],
        shown,
        height,
        legend="top_right",
        area=area,
    )


AREA = _specific("area", LEADING, lambda lab: bool(lab.display.view == "area"), "beside")
SPECIFIC = _specific("specific", AREA_HEIGHT, lambda lab: bool(lab.display.view != "area"), "specific")


def _course(name: str) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    """Return what gives one kind of loudness over time."""

    def values(lab: LoudnessModel) -> tuple[Array, Array]:
        course = lab.course
        step = max(len(course.time) // COLUMNS, 1)
        return course.time[::step], getattr(course, name)[::step]

    return values


OVER_TIME = Figure(
    "time",
    lambda lab: f"Loudness over time: {lab.sones(lab.course.peak)}",
    Axis(
        "time",
        "Time",
        "s",
        lambda lab: (float(lab.course.time[0]), float(lab.course.time[-1])),
        sounds=("input", "noise", "left", "a", "b"),
    ),
    # Above the highest there is room for the legend.
    Axis(
        "loudness",
        "Loudness",
        "sone",
        Rising(lambda lab: 1.3 * float(lab.course.instantaneous.max()), least=20.0),
    ),
    [
        Guides("moment", lambda lab: float(lab.course.moments[lab.frame])),
        Curve("instantaneous", _course("instantaneous"), Style(SKY, width=1.0), "instantaneous"),
        Curve("pinned", _course("long_term"), PINNED, "pinned A, long-term", pinned=True),
        Curve("short-term", _course("short_term"), Style(GREEN), "short-term"),
        Curve("long-term", _course("long_term"), STRONG, "long-term"),
    ],
    height=TIME_HEIGHT,
    legend="top_right",
    legend_columns=2,
    pointable=True,
)
