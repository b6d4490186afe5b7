"""The figures of the loudness lab: spectrum by window, excitation, specific loudness, loudness over time, experiments.

They follow the chain of Moore and Glasberg's papers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from amtlib import audfiltbw, scales
from amtlib.loudness.iso226 import iso226_contour
from app.figures import (
    COLUMNS,
    Area,
    Array,
    Axis,
    Bars,
    Curve,
    Figure,
    FigureSet,
    Guides,
    Layer,
    Rising,
    Stems,
    Words,
    compared,
)
from app.figures.theme import (
    BLUE,
    GREEN,
    GREY,
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
from app.labs.loudness.experiments import CONTOUR_FREQUENCIES, PHONS, SERIES_LEVELS
from app.labs.loudness.model import LoudnessModel, plain


def _hertz(low: float, high: float) -> tuple[float, float]:
    """Return two ERB numbers as frequencies in Hz."""
    return tuple(scales.erb2fc(torch.tensor([low, high], dtype=torch.float64)).tolist())


#: One colour a window, longest first.
_WINDOW_COLOURS = (PURPLE, VERMILION, ORANGE, GREEN, SKY, BLUE)
#: One colour a level of a series, softest first.
_LEVEL_COLOURS = (SKY, BLUE, GREEN, ORANGE, VERMILION)
#: Bars of the binaural experiment.
EARS = ("Left ear alone", "Right ear alone", "Both, inhibited", "Both, not inhibited")
_TICKS = (125, 250, 500, 1000, 2000, 4000, 8000, 16000)
#: Frequencies that the three figures of the chain span, Hz: from 1 to 40 Cam.
_SPAN = _hertz(1.0, 40.0)
_HEIGHT = 360
_STRONG = replace(LIVE, width=3.0)


def _pair(x: Any, y: Any) -> tuple[Array, Array]:
    """Return a curve down to -60 dB."""
    return np.asarray(x), np.maximum(y, -60.0)


# ------------------------------------------------------------------ the chain from spectrum to sones

_PLACE = Axis("place", "Centre frequency", "Hz", _SPAN, "erb", _TICKS)


def _window(i: int) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    """Return what gives the components that one window of the spectrum found."""

    def values(lab: LoudnessModel) -> tuple[Array, Array]:
        spectrum = lab.spectrum
        found = np.searchsorted(lab.parameters.edges, spectrum.frequencies, side="right") == i
        return spectrum.frequencies[found], spectrum.levels[found]

    return values


SPECTRUM = Figure(
    "spectrum",
    lambda lab: f"Spectrum behind the middle ear at {lab.course.moments[lab.frame]:.2f} s, by window",
    replace(_PLACE, labelled=False),
    Axis("component", "Level", "dB SPL", (-10.0, 110.0)),
    [
        Guides("edges", lambda lab: np.array(lab.parameters.edges), replace(GUIDE, width=1.0)),
        *(
            Stems(f"window-{i}", _window(i), Style(colour, width=1.6), label)
            for i, (label, colour) in enumerate(zip(WINDOWS, _WINDOW_COLOURS, strict=True))
        ),
    ],
    height=170,
    legend="top_right",
    legend_columns=2,
)


def _left(lab: LoudnessModel) -> tuple[Array, Array]:
    return _pair(lab.course.frequencies, lab.patterns[0][0])


def _right(lab: LoudnessModel) -> tuple[Array, Array]:
    """Return the right ear's pattern where it differs from the left one's."""
    left, right = lab.patterns[0]
    differs = bool(np.any(right != left)) and lab.right > -math.inf
    count = len(right) if differs else 0
    return _pair(lab.course.frequencies[:count], right[:count])


def _excitation_title(lab: LoudnessModel) -> str:
    left = lab.patterns[0][0]
    if not (left > lab.threshold).any():
        return "Excitation pattern: below threshold"
    top = int(left.argmax())
    return f"Excitation pattern: {left[top]:.0f} dB near {lab.course.frequencies[top]:.0f} Hz"


EXCITATION = Figure(
    "excitation",
    _excitation_title,
    _PLACE,
    Axis("excitation", "Excitation", "dB", (-10.0, 110.0)),
    [
        Curve("threshold", lambda lab: _pair(lab.course.frequencies, lab.threshold), GUIDE, "threshold"),
        Curve("pinned", _left, PINNED, "pinned A", pinned=True),
        Curve("right", _right, SECOND, "right"),
        Curve("left", _left, LIVE, "left"),
    ],
    height=205,
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


SPECIFIC = Figure(
    "specific",
    _specific_title,
    replace(
        _PLACE, label="ERB number", unit="Cam", scale="linear", limits=(1.0, 40.0), ticks=range(0, 45, 5)
    ),
    Axis(
        "specific",
        "Specific loudness",
        "sone/Cam",
        Rising(lambda lab: float(lab.course.specific.sum(0).max())),
    ),
    [
        Area("left", _specific_left, Style(BLUE, width=1.5, alpha=0.55), "left"),
        Area("right", _specific_right, Style(GREEN, width=1.5, alpha=0.55), "right"),
        Curve("pinned", _specific_both, PINNED, pinned=True),
    ],
    height=225,
)


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
        sounds=("input", "a", "b"),
    ),
    Axis("loudness", "Loudness", "sone", Rising(lambda lab: float(lab.course.instantaneous.max()))),
    [
        Guides("moment", lambda lab: float(lab.course.moments[lab.frame])),
        Curve("instantaneous", _course("instantaneous"), Style(SKY, width=1.0), "instantaneous"),
        Curve("pinned", _course("long_term"), PINNED, "pinned A, long-term", pinned=True),
        Curve("short-term", _course("short_term"), Style(GREEN), "short-term"),
        Curve("long-term", _course("long_term"), _STRONG, "long-term"),
    ],
    height=240,
    legend="bottom_right",
    pointable=True,
)

# ------------------------------------------------------------------ experiments


def _beside(name: str, title: Any, x: Axis, y: Axis, layers: Sequence[Layer], **settings: Any) -> Figure:
    """Return the figure of an experiment, which stands beside the chain while that is chosen."""

    def is_shown(lab: LoudnessModel) -> bool:
        return bool(lab.display.view == name)

    return Figure(name, title, x, y, layers, is_shown, _HEIGHT, area="beside", **settings)


def _at_level(i: int) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    # To 0.01 dB: what a move of the level leaves as it is, is neither sent nor drawn again.
    def values(lab: LoudnessModel) -> tuple[Array, Array]:
        excitation = lab.series.excitation[i]
        return _pair(lab.course.frequencies[: len(excitation)], excitation.round(2))

    return values


SERIES = _beside(
    "series",
    "The same sound at five levels",
    replace(_PLACE, name="series_place"),
    Axis("series", "Excitation", "dB", (-10.0, 110.0)),
    [
        Curve(f"level-{level}", _at_level(i), Style(colour), f"{level} dB SPL")
        for i, (level, colour) in enumerate(zip(SERIES_LEVELS, _LEVEL_COLOURS, strict=True))
    ][::-1],
    legend="top_right",
)


def _growth_title(lab: LoudnessModel) -> str:
    found, level = lab.growth, float(lab.stimulus.level)
    heard = found.one if lab.right == -math.inf else found.both
    now = float(np.exp(np.interp(level, found.levels, np.log(np.maximum(heard, 1e-5)))))
    return f"If it lasts: {lab.sones(now)} at {level:g} dB SPL"


def _grown(name: str) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    return lambda lab: (lab.growth.levels, np.maximum(getattr(lab.growth, name), 1e-5))


_RULE = np.array([0.0, 110.0])
GROWTH = _beside(
    "growth",
    _growth_title,
    Axis("level", "Level", "dB SPL", (0.0, 110.0)),
    Axis("growth", "Loudness", "sone", (0.002, 200.0), "log"),
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
        Curve("both", _grown("both"), _STRONG, "both ears"),
    ],
    legend="bottom_right",
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
    Axis("ears_loudness", "Loudness", "sone", Rising(lambda lab: float(_alone_and_together(lab).max()))),
    [
        Bars("loudness", _alone_and_together, Style(BLUE), names=EARS),
        Words("values", _ear_words, Style(BLUE), size="13px"),
    ],
    zooms="",
)


def _threshold(name: str) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    return lambda lab: (lab.masking.frequencies, getattr(lab.masking, name))


MASKING = _beside(
    "masking",
    "Threshold of a tone beside a band of noise",
    Axis("masked_frequency", "Frequency of the tone", "Hz", _hertz(2.5, 37.5), "erb", _TICKS),
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
        Curve("masked", _threshold("masked"), _STRONG, "beside the noise"),
    ],
    legend="top_right",
)


def _one_erb(lab: LoudnessModel) -> float:
    return float(audfiltbw(torch.tensor(float(lab.display.centre))))


def _bandwidth_title(lab: LoudnessModel) -> str:
    display = lab.display
    return f"{display.level:g} dB SPL around {display.centre:g} Hz; one ERB is {_one_erb(lab):.0f} Hz"


def _widened(lab: LoudnessModel) -> tuple[Array, Array]:
    return lab.bandwidth.widths, lab.bandwidth.loudness


BANDWIDTH = _beside(
    "bandwidth",
    _bandwidth_title,
    Axis("bandwidth", "Bandwidth", "Hz", (20.0, 16000.0), "log"),
    Axis("band_loudness", "Loudness", "sone", Rising(lambda lab: float(lab.bandwidth.loudness.max()))),
    [
        Guides("erb", _one_erb, label="one ERB"),
        *compared(Curve("loudness", _widened, _STRONG, "band of noise"), "pinned A"),
    ],
    legend="top_left",
)


def _standard(i: int) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    return lambda lab: (CONTOUR_FREQUENCIES, iso226_contour(PHONS[i]).numpy())


def _contour(i: int) -> Callable[[LoudnessModel], tuple[Array, Array]]:
    """Return what gives one contour of the model, as far as it has been computed."""

    def values(lab: LoudnessModel) -> tuple[Array, Array]:
        found = lab.contours
        if not found:
            return np.zeros(0), np.zeros(0)
        known = np.isfinite(found.levels[i])
        return CONTOUR_FREQUENCIES[known], found.levels[i][known]

    return values


def _contour_words(lab: LoudnessModel) -> tuple[Array, Array, list[str]]:
    heights = np.array([float(max(phon, 2)) + 2 for phon in PHONS])
    return np.full(len(PHONS), 1000.0), heights, [f"{phon} phon" if phon else "threshold" for phon in PHONS]


CONTOURS = _beside(
    "contours",
    "Equally loud: levels of tones that are as loud as one at 1 kHz",
    Axis(
        "contour_frequency", "Frequency of the tone", "Hz", (18.0, 16000.0), "erb", (50, *_TICKS[:-1], 12500)
    ),
    Axis("contour_level", "Level", "dB SPL", (-10.0, 130.0)),
    [
        *(
            Curve(f"iso-{phon}", _standard(i), Style(GREY, "dashed", 1.5), "" if i else "ISO 226:2003")
            for i, phon in enumerate(PHONS)
        ),
        *(
            Curve(f"model-{phon}", _contour(i), LIVE, "" if i else "this model")
            for i, phon in enumerate(PHONS)
        ),
        Words("phons", _contour_words, Style(BLUE), size="11px"),
    ],
    legend="top_right",
)

FIGURES = FigureSet(
    [SPECTRUM, EXCITATION, SPECIFIC, OVER_TIME, SERIES, GROWTH, BINAURAL, MASKING, BANDWIDTH, CONTOURS]
)
