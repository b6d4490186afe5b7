"""The figures of the loudness lab: one that leads for each experiment, beside those of the chain."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from amtlib.loudness.iso226 import iso226_contour
from amtlib.plot import Array, Axis, Bars, Curve, Figure, Guides, Layer, Points, Rising, Words, compared
from amtlib.plot.theme import (
    BLUE,
    GREEN,
    GREY,
    GUIDE,
    LIVE,
    ORANGE,
    PINNED,
    REFERENCE,
    SKY,
    VERMILION,
    Style,
)
from app.figures import FigureSet
from app.labs.loudness.chain_figures import (
    AREA,
    AREA_HEIGHT,
    EXCITATION,
    LEADING,
    OCTAVES,
    OVER_TIME,
    PLACE,
    SPECIFIC,
    SPECTRUM,
    STRONG,
    hertz,
    pair,
)
from app.labs.loudness.experiments import CONTOUR_FREQUENCIES, PHONS, SERIES_LEVELS
from app.labs.loudness.model import LoudnessModel
from app.labs.loudness.words import plain
from app.page.audiogram import audiogram

#: One colour a level of a series, softest first.
_LEVEL_COLOURS = (SKY, BLUE, GREEN, ORANGE, VERMILION)
#: Bars of the binaural experiment.
EARS = ("Left ear alone", "Right ear alone", "Both, inhibited", "Both, not inhibited")
#: What is heard now, on the curve of what could be heard.
_NOW = Style(VERMILION, width=13)


def _during(view: str) -> Callable[[LoudnessModel], bool]:
    return lambda lab: bool(lab.display.view == view)


def _beside(name: str, title: Any, x: Axis, y: Axis, layers: Sequence[Layer], **settings: Any) -> Figure:
    """Return the figure of an experiment, which leads while that is chosen."""
    return Figure(name, title, x, y, layers, _during(name), LEADING, area="beside", **settings)


def _at_level(i: int) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    # To 0.01 dB: what a move of the level leaves as it is, is neither sent nor drawn again.
    def values(lab: LoudnessModel) -> tuple[Array, Array]:
        return pair(lab.course.frequencies, lab.series.excitation[i].round(2))

    return values


SERIES = _beside(
    "series",
    "The same sound at five levels",
    replace(PLACE, name="series_place", ticks=OCTAVES),
    Axis("series", "Excitation", "dB", (-10.0, 110.0)),
    [
        Curve(f"level-{level}", _at_level(i), Style(colour), f"{level} dB SPL")
        for i, (level, colour) in enumerate(zip(SERIES_LEVELS, _LEVEL_COLOURS, strict=True))
    ][::-1],
    legend="top_right",
)


def _grown_now(lab: LoudnessModel) -> float:
    """Return the loudness of the sound as it is, were its moment to last."""
    found, level = lab.growth, float(lab.stimulus.level)
    heard = found.one if lab.right == -math.inf else found.both
    return float(np.exp(np.interp(level, found.levels, np.log(np.maximum(heard, 1e-5)))))


def _growth_title(lab: LoudnessModel) -> str:
    return f"If it lasts: {lab.sones(_grown_now(lab))} at {lab.stimulus.level:g} dB SPL"


def _grown(name: str) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    return lambda lab: (lab.growth.levels, np.maximum(getattr(lab.growth, name), 1e-5))


_RULE = np.array([0.0, 110.0])
GROWTH = _beside(
    "growth",
    _growth_title,
    Axis("level", "Level", "dB SPL", (0.0, 110.0)),
    Axis("growth", "Loudness", "sone", (0.002, 200.0), "log", (0.01, 0.1, 1, 10, 100)),
    [
        Guides("here", lambda lab: float(lab.stimulus.level)),
        Curve(
            "rule",
            lambda lab: (_RULE, 2 ** ((_RULE - 40) / 10)),
            replace(REFERENCE, dash="dashed"),
            "twice as loud every 10 dB",
        ),
        Curve("pinned", _grown("both"), PINNED, "pinned A", pinned=True),
        Curve("one", _grown("one"), Style(GREEN), "one ear"),
        Curve("both", _grown("both"), STRONG, "both ears"),
        Points("now", lambda lab: ([float(lab.stimulus.level)], [_grown_now(lab)]), _NOW),
    ],
    legend="bottom_right",
)


def _rises(lab: LoudnessModel) -> bool:
    """Whether the moment may be made louder and softer: what a simulation of another ear has made of it may not."""
    return lab.display.view == "area" and not lab.is_impaired


#: The same in small, beside the area.
RISE = replace(GROWTH, name="rise", shown=_rises, height=AREA_HEIGHT, area="specific")

_DURATION_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


def _lasting(name: str) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    return lambda lab: (lab.duration_curve.durations, getattr(lab.duration_curve, name))


def _duration_title(lab: LoudnessModel) -> str:
    return f"A tone of {lab.duration:g} s is {lab.sones(lab.course.peak)} loud"


DURATION = _beside(
    "duration",
    _duration_title,
    Axis("duration", "Duration", "s", (0.018, 5.5), "log", _DURATION_TICKS),
    Axis(
        "duration_loudness",
        "Highest loudness",
        "sone",
        Rising(lambda lab: float(lab.duration_curve.short_term.max()), least=5.0),
    ),
    [
        Guides("here", lambda lab: lab.duration),
        Curve("pinned", _lasting("long_term"), PINNED, "pinned A", pinned=True),
        Curve("short-term", _lasting("short_term"), Style(GREEN), "short-term"),
        Curve("long-term", _lasting("long_term"), STRONG, "long-term: the loudness of the whole"),
        Points("now", lambda lab: ([lab.duration], [lab.course.peak]), _NOW),
    ],
    legend="bottom_right",
    pointable=True,
)


def _alone_and_together(lab: LoudnessModel) -> Array:
    """Return the loudness of each ear alone and of both, with and without inhibition between them."""
    found = lab.steady
    both = [found.both, found.uninhibited] if lab.listener.model == "moore2016" else [0.0, found.both]
    return np.array([found.left, found.right, *both])


def _ear_words(lab: LoudnessModel) -> tuple[tuple[str, ...], Array, list[str]]:
    values = _alone_and_together(lab)
    words = [f"{plain(value)} sone" for value in values]
    if lab.listener.model != "moore2016":  # in this model the ears do not inhibit each other
        words[2] = "not in this model"
    return EARS, values, words


BINAURAL = _beside(
    "binaural",
    "One ear and two",
    Axis("ears", "", scale="names"),
    Axis(
        "ears_loudness",
        "Loudness",
        "sone",
        Rising(lambda lab: float(_alone_and_together(lab).max()), least=7.0),
    ),
    [
        Bars("loudness", _alone_and_together, Style(BLUE), names=EARS),
        Words("values", _ear_words, Style(BLUE), size="13px"),
    ],
    zooms="",
)


def _threshold(name: str) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    return lambda lab: (lab.masking.frequencies, getattr(lab.masking, name))


def _probe_title(lab: LoudnessModel) -> str:
    threshold = lab.masking.threshold(float(lab.display.probe))
    level = float(lab.display.probe_level)
    side = "heard, above" if level >= threshold else "hidden, below"
    return f"The tone is {side} its threshold of {threshold:.0f} dB SPL beside the noise"


def _probe(*, heard: bool) -> Callable[[LoudnessModel], tuple[list[float], list[float]]]:
    """Return what gives the place of the tone, where it is heard, or where it is hidden."""

    def values(lab: LoudnessModel) -> tuple[list[float], list[float]]:
        display = lab.display
        at, level = float(display.probe), float(display.probe_level)
        return ([at], [level]) if (level >= lab.masking.threshold(at)) == heard else ([], [])

    return values


MASKING = _beside(
    "masking",
    _probe_title,
    Axis("masked_frequency", "Frequency of the tone", "Hz", hertz(2.5, 37.5), "erb", OCTAVES),
    Axis("masked_level", "Level of the tone", "dB SPL", (-10.0, 110.0)),
    [
        Curve("quiet", _threshold("quiet"), GUIDE, "in quiet"),
        Curve("pinned", _threshold("masked"), PINNED, "pinned A", pinned=True),
        Curve(
            "noise",
            lambda lab: (lab.masking.edges, np.full(2, float(lab.display.level))),
            Style(GREEN, width=5.0),
            "band of noise",
        ),
        Curve("masked", _threshold("masked"), STRONG, "beside the noise"),
        Points("heard", _probe(heard=True), _NOW, "the tone, heard"),
        Points("hidden", _probe(heard=False), _NOW, "the tone, hidden", hollow=True),
    ],
    legend="top_right",
    pointable=True,
)


def _bandwidth_title(lab: LoudnessModel) -> str:
    display = lab.display
    return f"{display.band:g} Hz of noise at {display.level:g} dB SPL: {lab.sones(lab.course.peak)}"


def _widened(lab: LoudnessModel) -> tuple[Array, Array]:
    return lab.bandwidth.widths, lab.bandwidth.loudness


_BAND_TICKS = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
BANDWIDTH = _beside(
    "bandwidth",
    _bandwidth_title,
    Axis("bandwidth", "Bandwidth", "Hz", (20.0, 16000.0), "log", _BAND_TICKS),
    Axis(
        "band_loudness",
        "Loudness",
        "sone",
        Rising(lambda lab: float(lab.bandwidth.loudness.max()), least=20.0),
    ),
    [
        Guides("erb", lambda lab: lab.one_erb, label="one ERB"),
        *compared(Curve("loudness", _widened, STRONG, "a band of this level"), "pinned A"),
        Points(
            "now", lambda lab: ([float(lab.display.band)], [lab.course.peak]), _NOW, "the band that is heard"
        ),
    ],
    legend="top_left",
    pointable=True,
)


def _standard(i: int) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    return lambda lab: (CONTOUR_FREQUENCIES, iso226_contour(PHONS[i]).numpy())


def _contour(i: int) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    """Return what gives one contour of the model."""

    def values(lab: LoudnessModel) -> tuple[Array, Array]:
        levels = lab.contours.levels[i]
        known = np.isfinite(levels)
        return CONTOUR_FREQUENCIES[known], levels[known]

    return values


def _contours_title(lab: LoudnessModel) -> str:
    loud = lab.phon(lab.course.peak)
    return f"{lab.stimulus.frequency:g} Hz at {lab.stimulus.level:g} dB SPL: as loud as 1 kHz at {loud:.0f} dB SPL"


def _contour_words(lab: LoudnessModel) -> tuple[Array, Array, list[str]]:
    heights = np.array([float(max(phon, 2)) + 2 for phon in PHONS])
    return np.full(len(PHONS), 1000.0), heights, [f"{phon} phon" if phon else "threshold" for phon in PHONS]


CONTOURS = _beside(
    "contours",
    _contours_title,
    Axis(
        "contour_frequency", "Frequency of the tone", "Hz", (18.0, 16000.0), "erb", (50, *OCTAVES[:-1], 12500)
    ),
    Axis("contour_level", "Level", "dB SPL", (-10.0, 130.0)),
    [
        *(
            Curve(f"iso-{phon}", _standard(i), Style(GREY, "dashed", 1.5), "" if i else "ISO 226:2023")
            for i, phon in enumerate(PHONS)
        ),
        *(
            Curve(f"model-{phon}", _contour(i), LIVE, "" if i else "this model")
            for i, phon in enumerate(PHONS)
        ),
        Words("phons", _contour_words, Style(BLUE), size="11px"),
        Points(
            "reference",
            lambda lab: ([1000.0], [float(lab.display.reference)]),
            Style(GREEN, width=11),
            "1 kHz",
        ),
        Points(
            "now",
            lambda lab: ([float(lab.stimulus.frequency)], [float(lab.stimulus.level)]),
            _NOW,
            "this tone",
        ),
    ],
    legend="top_right",
    pointable=True,
)

FIGURES = FigureSet(
    [
        *(AREA, RISE, GROWTH, SERIES, DURATION, BINAURAL, MASKING, BANDWIDTH, CONTOURS),
        *(SPECTRUM, EXCITATION, SPECIFIC, OVER_TIME),
        audiogram(height=200),
    ]
)
