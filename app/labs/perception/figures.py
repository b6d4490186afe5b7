"""The figures of the perception lab: a sound through each stage of a model, and adaptation to simple inputs."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from amtlib.plot import (
    Array,
    Axis,
    Curve,
    Figure,
    Guides,
    Image,
    Points,
    cells,
    compared,
    envelope_outline,
    next_step,
)
from amtlib.plot.axes import modulation_number, modulation_rate
from amtlib.plot.theme import BLUE, GREEN, GREY, REFERENCE, VERMILION, Style
from app.figures import FigureSet, Moments
from app.labs.perception.chain import CASP, HIGHEST, RATES, lowest
from app.labs.perception.model import CLOSE
from app.labs.perception.model import PerceptionLabModel as Lab
from app.page.audiogram import audiogram

_THIN = Style(BLUE, width=1.0)
_MARK = Style("white", "dotted", 1.5)
#: Range of the colours of levels, dB, and of the hair cells' output as a share of its largest.
_RANGE, _DARK = 60.0, 40.0
#: Reference of velocities and of pressures.
_UNIT = {True: (1e-6, "dB re 1 µm/s"), False: (20e-6, "dB SPL")}
#: Columns of the pictures of modulation, and where they end on the ladder of filters.
_COLUMNS, _FIRST, _LAST = 48, -0.5, float(modulation_number(1000.0)) + 0.5


def _decibels(values: Array, reference: float) -> Array:
    return 20.0 * np.log10(np.maximum(np.abs(values), 1e-12 * reference) / reference)


def _places(lab: Lab) -> tuple[float, float]:
    return 0.88 * lowest(lab.chain.model), 1.07 * HIGHEST


def _over_time(name: str) -> Callable[[Lab], tuple[Array, Array, Array]]:
    """Return what gives a picture over time: times, places, and the cells' values."""

    def values(lab: Lab) -> tuple[Array, Array, Array]:
        found = _shown(lab, name)
        return cells(0.0, lab.duration, found.shape[1]), lab.fc(), found

    return values


def _shown(lab: Lab, name: str) -> Array:
    found: Array = getattr(lab.pictures, name)
    if name == "motion":
        return _decibels(found, _UNIT[lab.chain.model in CASP][0])
    if name == "cells":
        return _decibels(found, float(np.abs(found).max()) or 1.0)
    return found


def _motion_colours(lab: Lab) -> tuple[float, float]:
    top = 10.0 * math.ceil(float(_shown(lab, "motion").max()) / 10.0)
    return max(top, -100.0) - _RANGE, max(top, -100.0)


def _adapted_colours(lab: Lab) -> tuple[float, float]:
    # Onsets tower over all else: the colours end where 99 % of the picture do
    return 0.0, next_step(max(float(np.percentile(lab.pictures.adapted, 99.0)), 1e-3))


def _motion_title(lab: Lab) -> str:
    return f"Cochleagram ({_UNIT[lab.chain.model in CASP][1]})"


def _adapted_title(lab: Lab) -> str:
    if lab.chain.model == "king2019":
        return "After the high-pass filter (model units)"
    return "After adaptation (model units)"


def _ladder(lab: Lab, rows: Array) -> tuple[Array, Array, Array]:
    """Return a picture of place and modulation: each column shows the filter that is nearest."""
    columns = _nearest(lab)
    drawn = np.where(columns < 0, 0.0, rows[:, columns])
    return modulation_rate(cells(_FIRST, _LAST, _COLUMNS)), lab.fc(), drawn


def _nearest(lab: Lab) -> Array:
    """Return the filter that each column shows, or -1 beyond the last one."""
    numbers = modulation_number(lab.rates())
    at = cells(_FIRST, _LAST, _COLUMNS)
    return np.where(at <= numbers[-1] + 0.5, np.abs(at[:, None] - numbers).argmin(-1), -1)


def _moments(lab: Lab) -> tuple[Array, Array, float, int]:
    """Return the modulation at all moments, as the picture goes through them."""
    moments = lab.sorted.moments
    return moments, _nearest(lab), lab.duration / len(moments), lab.moment_number


def _modulation_colours(lab: Lab) -> tuple[float, float]:
    # The same at all moments of a sound, and without the slow drift, which is not modulation
    found = lab.sorted.moments[..., 1:] if lab.sorted.moments.shape[-1] > 1 else lab.sorted.moments
    return 0.0, next_step(max(float(np.percentile(found, 99.5)), 1e-3))


def _difference_colours(lab: Lab) -> tuple[float, float]:
    return 0.0, next_step(max(float(lab.difference.strength.max()), 1e-3))


def _difference_title(lab: Lab) -> str:
    if not lab.decides:
        return "What differs between both sounds (model units)"
    difference = lab.difference
    return f"What differs: d′ = {difference.d_prime:.2f}, {100 * difference.correct:.0f} % right"


def _spectrum(lab: Lab) -> tuple[Array, Array]:
    there = lab.heard_bands
    return lab.rates()[there], lab.sorted.whole[lab.channel][there]


def _spectrum_top(lab: Lab) -> tuple[float, float]:
    return 0.0, next_step(1.1 * max(float(lab.sorted.whole[lab.channel].max()), 1e-3))


def _channel(lab: Lab) -> float:
    return float(lab.fc()[lab.channel])


def _close_up(which: int) -> Callable[[Lab], tuple[Array, Array]]:
    return lambda lab: (lab.close[0] * 1000, lab.close[which])


def _close_span(lab: Lab) -> tuple[float, float]:
    times = lab.close[0]
    return float(times[0] * 1000), float(times[0] + CLOSE) * 1000


def _is(*experiments: str) -> Callable[[Lab], bool]:
    return lambda lab: lab.probe.experiment in experiments


def _met(lab: Lab) -> tuple[Array, Array]:
    met = lab.meeting
    low, high = np.minimum(met.output, 0.0).min(), met.output.max()
    return np.array([0.0, float(met.times[-1])]), np.array([float(low), float(high)])


def _met_limits(lab: Lab) -> tuple[float, float]:
    _, (low, high) = _met(lab)
    top = next_step(1.1 * max(high, 1e-6))
    return (-next_step(1.1 * -low) if low < -0.01 * top else -0.05 * top), top


def _meeting(lab: Lab) -> tuple[Array, Array]:
    met = lab.meeting
    return envelope_outline(met.output, 0.0, float(met.times[-1]))


def _given(lab: Lab) -> tuple[Array, Array]:
    """Return the level of the input in dB, which is about what adaptation settles at."""
    met = lab.meeting
    return envelope_outline(met.level_db, 0.0, float(met.times[-1]))


TIME = Axis("time", "Time", "s", lambda lab: (0.0, lab.duration), sounds=("input", "second", "a", "b"))
PLACE = Axis("place", "Place", "Hz", _places, "erb", (125, 250, 500, 1000, 2000, 4000, 8000))
LADDER = Axis("modulation", "Modulation", "Hz", (-2.5, float(modulation_rate(np.array(_LAST)))), "modulation")
ACTIVITY = Axis("activity", "Output", "model units", _met_limits)


def _picture(name: str, title: str | Callable[[Lab], str], layer: Image, *, last: bool = False) -> Figure:
    """Return a picture over time, which lies above others with the same axis."""
    return Figure(
        name,
        title,
        TIME if last else replace(TIME, labelled=False, numbered=False),
        PLACE,
        [
            layer,
            Guides("moment", lambda lab: lab.moment, _MARK),
            Guides("channel", _channel, _MARK, across="y"),
        ],
        height=210 if not last else 234,
        pointable=True,
    )


WAVEFORM = Figure(
    "waveform",
    lambda lab: "Both sounds" if lab.compares else "Sound pressure over time",
    replace(TIME, labelled=False, numbered=False),
    Axis(
        "pressure",
        "Pressure",
        "mPa",
        lambda lab: (
            -_loudest(lab),
            (1.7 if lab.compares else 1.0) * _loudest(lab),
        ),  # the legend stands above
        brief=True,
    ),
    [
        Curve("alone", lambda lab: _wave(lab, "first", not lab.compares), _THIN),
        Curve(
            "second", lambda lab: _wave(lab, "second", lab.compares), Style(GREEN, width=1.0), "second sound"
        ),
        Curve("first", lambda lab: _wave(lab, "first", lab.compares), _THIN, "first sound"),
    ],
    height=150,
    legend="top_right",
    legend_columns=2,
    zooms="",
)


def _wave(lab: Lab, which: str, is_shown: bool) -> tuple[Array, Array]:
    if not is_shown:
        return Curve.nothing
    return envelope_outline(lab.sound(which).numpy() * 1000, 0.0, lab.duration)


def _loudest(lab: Lab) -> float:
    both = ("first", "second") if lab.compares else ("first",)
    return next_step(max(1e-6, *(1000.0 * float(lab.sound(which).abs().max()) for which in both)))


MOTION = _picture(
    "motion",
    _motion_title,
    Image("motion", _over_time("motion"), colours=_motion_colours, measures="Level", unit="dB"),
)
CELLS = _picture(
    "cells",
    "Hair cells (dB re the largest)",
    Image("cells", _over_time("cells"), colours=(-_DARK, 0.0), measures="Output", unit="dB"),
)
ADAPTED = _picture(
    "adapted",
    _adapted_title,
    Image(
        "adapted", _over_time("adapted"), colours=_adapted_colours, measures="Activity", unit="model units"
    ),
    last=True,
)
MODULATION = Figure(
    "modulation",
    "Modulation, this moment",
    LADDER,
    PLACE,
    [
        Moments(
            "magnitude",
            lambda lab: _ladder(lab, lab.now),
            colours=_modulation_colours,
            measures="Magnitude",
            unit="model units",
            frames=_moments,
            sounds=("input",),
        ),
        Guides("channel", _channel, _MARK, across="y"),
    ],
    height=210,
    pointable=True,
    zooms="",
)
SPECTRUM = Figure(
    "spectrum",
    lambda lab: f"The whole sound at {_channel(lab):.0f} Hz",
    LADDER,
    Axis("strength", "Strength", "model units", _spectrum_top),
    [
        *compared(Curve("strength", _spectrum), "A, pinned"),
        Points("bands", _spectrum, Style(BLUE, width=6)),
    ],
    shown=lambda lab: not lab.compares,
    height=210,
    legend="top_right",
    zooms="",
    area="observer",
)
DIFFERENCE = Figure(
    "difference",
    _difference_title,
    LADDER,
    PLACE,
    [
        Image(
            "strength",
            lambda lab: _ladder(lab, lab.difference.strength),
            colours=_difference_colours,
            measures="Difference",
            unit="model units",
        )
    ],
    shown=lambda lab: lab.compares,
    height=210,
    area="observer",
    pointable=True,
    zooms="",
)
MEETING = Figure(
    "meeting",
    lambda lab: (
        "Adaptation meets clicks" if lab.probe.experiment == "clicks" else "Adaptation meets a step of 30 dB"
    ),
    Axis("meeting_time", "Time", "s", lambda lab: (0.0, float(lab.meeting.times[-1]))),
    ACTIVITY,
    [
        Curve("given", _given, REFERENCE, "level of the input, dB"),
        *compared(Curve("output", _meeting, Style(BLUE, width=1.5), "output"), "A, pinned"),
    ],
    shown=_is("step", "clicks"),
    height=234,
    legend="top_right",
    zooms="x",
    area="meets",
)
TRANSFER = Figure(
    "transfer",
    "Adaptation meets modulation",
    Axis("rate", "Rate of the modulation", "Hz", (1.8, 220.0), "log"),
    Axis(
        "fluctuation",
        "Fluctuation of the output",
        "model units",
        lambda lab: (0.0, next_step(1.15 * max(float(lab.fluctuations.max()), 1e-6))),
    ),
    [
        *compared(
            Curve("fluctuation", lambda lab: (np.array(RATES), lab.fluctuations), Style(BLUE)), "A, pinned"
        ),
        Points("rates", lambda lab: (np.array(RATES), lab.fluctuations), Style(BLUE, width=6)),
    ],
    shown=_is("am"),
    height=234,
    legend="top_right",
    zooms="",
    area="meets",
)
CLOSE_UP = Figure(
    "close",
    lambda lab: f"Channel {_channel(lab):.0f} Hz close up: what moves, and what its hair cells give",
    Axis("moment", "Time", "ms", _close_span),
    Axis("share", "Share of the largest", "", (-1.1, 1.7)),  # the legend stands above what swings
    [
        Curve("motion", _close_up(1), Style(GREY, width=1.2), "motion"),
        Curve("hair-cells", _close_up(2), Style(VERMILION, width=2.0), "hair cells"),
    ],
    height=210,
    legend="top_right",
    legend_columns=2,
    zooms="",
)

FIGURES = FigureSet(
    [
        *(WAVEFORM, MOTION, MODULATION, CELLS, SPECTRUM, DIFFERENCE, ADAPTED, MEETING, TRANSFER, CLOSE_UP),
        audiogram(height=234),
    ]
)
