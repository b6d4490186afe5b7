"""The figures of the cochlea lab: input and output, slope, tuning, suppression, distortion, cochleagrams.
Source: the layout of the input/output figure is that of Lopez-Poveda & Meddis (2001), fig. 3.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from amtlib.plot import (
    Array,
    Axis,
    Curve,
    Figure,
    Guides,
    Image,
    Layer,
    Points,
    Stems,
    Words,
    cells,
    compared,
    erb_number,
)
from amtlib.plot.theme import (
    BLUE,
    GREEN,
    GREY,
    LIVE,
    ORANGE,
    PINNED,
    PURPLE,
    REFERENCE,
    SIGNED,
    VERMILION,
    Style,
)
from app.figures import FigureSet
from app.labs.cochlea.experiments import TUNING_LEVELS, AtPlace
from app.labs.cochlea.model import LEAST_LOSS, CochleaModel
from app.page.audiogram import audiogram

_TALL, _HALF = 540, 266
_STRONG = replace(LIVE, width=3.0)
_FAINT = Style(GREY, width=1.5, alpha=0.6)
#: What is there now, among what could be.
_NOW = Style(VERMILION, width=13)
#: What is lower is not drawn: the floor of the figures of velocity, dB re 1 um/s.
_FLOOR = -20.0
_LEVEL_COLOURS = (BLUE, GREEN, ORANGE, PURPLE)
#: Levels of the darkest colour of both cochleagrams; the brightest is 80 dB above.
_DARKEST = {"drnl": 15.0, "gammatone": 0.0}

#: Where the axis of levels ends, dB SPL, and how far from an arrow its words stand.
LEVEL_END, _BESIDE = 110.0, 12.0
LEVEL = Axis("tone", "Level of the tone", "dB SPL", (0.0, LEVEL_END))
VELOCITY = Axis("velocity", "Velocity", "dB re 1 µm/s", (_FLOOR, 115.0))


def _during(*experiments: str) -> Callable[[CochleaModel], bool]:
    return lambda lab: lab.test.experiment in experiments


def _figure(
    name: str,
    title: str | Callable[[CochleaModel], str],
    x: Axis,
    y: Axis,
    layers: Sequence[Layer],
    *during: str,
    area: str = "lead",
    **settings: Any,
) -> Figure:
    """Return the figure of an experiment, which leads while that is chosen, or stands at the side."""
    return Figure(name, title, x, y, layers, _during(*(during or (name,))), _TALL, area=area, **settings)


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


def _here(lab: CochleaModel) -> tuple[float, float]:
    """Return the response at the level of the tone: of the normal ear, and of this one."""
    level, curve = float(lab.test.level), lab.input_output
    return float(np.interp(level, curve.levels, curve.normal)), float(
        np.interp(level, curve.levels, curve.total)
    )


def _lost(lab: CochleaModel) -> tuple[list[float], list[float]]:
    """Return the arrow from the normal ear's response down to this one's."""
    ends = list(_here(lab)) if lab.loss >= LEAST_LOSS else []
    return [float(lab.test.level)] * len(ends), ends


def _arrow_head(lab: CochleaModel) -> tuple[list[float], list[float]]:
    levels, ends = _lost(lab)
    return levels[1:], ends[1:]


def _lost_in_words(lab: CochleaModel) -> tuple[list[float], list[float], list[str]]:
    levels, _ = _lost(lab)
    # Above the normal ear's curve, which rises to the right: nothing else is there.
    middle = [max(level - _BESIDE, _BESIDE) for level in levels[1:]]
    curve = lab.input_output
    height = [float(np.interp(each + _BESIDE, curve.levels, curve.normal)) + 2.0 for each in middle]
    return middle, height, [f"loss {lab.loss:.0f} dB"] * len(height)


INPUT_OUTPUT = _figure(
    "io",
    _place_title,
    LEVEL,
    VELOCITY,
    [
        Guides("here", lambda lab: float(lab.test.level)),
        Curve("normal", _path("normal"), REFERENCE, "unchanged normal ear"),
        Curve(
            "linear", _path("linear"), Style(GREEN, "dashed", 1.5), "linear path (all that is left in HIx)"
        ),
        Curve("nonlinear", _path("nonlinear"), Style(PURPLE, "dotted"), "compressive path"),
        *compared(Curve("total", _path("total"), _STRONG, "this ear"), "pinned A"),
        Points("knee", _knee, Style(BLUE, width=11), "knee", hollow=True),
        Curve("lost", _lost, Style(VERMILION, width=3.0)),
        Points("arrow", _arrow_head, Style(VERMILION, width=14), marker="inverted_triangle"),
        Words("loss", _lost_in_words, Style(VERMILION), size="14px"),
    ],
    legend="bottom_right",
    pointable=True,
)

#: The same in short, beside the other experiments.
CURVE = _figure(
    "curve",
    _place_title,
    LEVEL,
    VELOCITY,
    [
        Guides("here", lambda lab: float(lab.test.level)),
        Curve("normal", _path("normal"), REFERENCE, "unchanged normal ear"),
        Curve("total", _path("total"), _STRONG, "this ear"),
        Points("now", lambda lab: ([float(lab.test.level)], [_here(lab)[1]]), _NOW),
    ],
    *("tuning", "distortion"),
    area="side",
    legend="bottom_right",
    pointable=True,
)

SLOPE = _figure(
    "slope",
    "Slope: 1 is linear, less is compression",
    LEVEL,
    Axis("slope", "Slope", "dB per dB", (0.0, 1.3)),
    [
        Guides("linear", lambda lab: 1.0, across="y"),
        Guides("here", lambda lab: float(lab.test.level)),
        *compared(Curve("slope", lambda lab: (lab.input_output.levels, lab.input_output.slope), _STRONG)),
    ],
    "io",
    area="side",
)


def _tuned(i: int) -> Callable[[CochleaModel], tuple[Array, Array]]:
    return lambda lab: (lab.tuning.frequencies, np.maximum(lab.tuning.responses[i], -60.0))


TUNING = _figure(
    "tuning",
    "Tuning of the place: the louder, the broader",
    Axis("tuning_frequency", "Frequency of the tone", "Hz", lambda lab: _ends(lab.tuning.frequencies), "erb"),
    Axis("tuning", "Velocity", "dB re 1 µm/s", (_FLOOR, 100.0)),
    [
        Curve(f"level-{level}", _tuned(i), Style(colour), f"{level} dB SPL")
        for i, (level, colour) in enumerate(zip(TUNING_LEVELS, _LEVEL_COLOURS, strict=True))
    ]
    + [Points("now", lambda lab: ([lab.tone_frequency], [_here(lab)[1]]), _NOW, "the tone that is heard")],
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


def _most(lab: CochleaModel) -> tuple[float, float]:
    """Return the values of both ends of the map's colours, the same above zero as below."""
    top = max(40.0, 10.0 * math.ceil(float(np.abs(lab.suppression.change).max()) / 10))
    return -top, top


SUPPRESSION = _figure(
    "suppression",
    "Probe, changed by any tone (dB)",
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
        Image("change", _suppression, colours=_most, measures="Change", colour_map=SIGNED),
        Points(
            "probe",
            lambda lab: ([lab.test.cf], [float(lab.test.level)]),
            Style(GREY, width=12),
            marker="x",
        ),
        Points("now", lambda lab: tuple([each] for each in lab.probe_and_second[1]), _NOW),
    ],
    area="side",
    pointable=True,
)


def _peaks(found: AtPlace, limits: tuple[float, float]) -> tuple[Array, Array]:
    """Return the components of a place's movement that are not among the tones, from the floor of the figure on."""
    here = (found.levels > _FLOOR) & (found.frequencies > limits[0]) & (found.frequencies < limits[1])
    here &= np.abs(found.frequencies[:, None] - found.tones).min(-1) > 1.0
    return found.frequencies[here], found.levels[here]


def _around(lab: CochleaModel) -> tuple[float, float]:
    """Return the limits of the axis of frequency of both figures of spectra at the place, Hz."""
    return 0.28 * lab.test.cf, 2.2 * lab.test.cf


def _at_tone(i: int, *, alone: bool = False) -> Callable[[CochleaModel], tuple[Array, Array]]:
    """Return what gives the place's movement at one of the two tones, or while the first one sounds alone."""

    def values(lab: CochleaModel) -> tuple[Array, Array]:
        found = lab.at_place[0 if alone else 1]
        return found.tones[i : i + 1], found.at_tones[i : i + 1]

    return values


def _named(
    marks: Callable[[CochleaModel], tuple[Array, Array, list[str]]], leftwards: str = "", **colours: str
) -> list[Words]:
    """Return words above stems, each in the colour of its own; one of them ends at its stem."""

    def one(i: int) -> Callable[[CochleaModel], tuple[Array, Array, list[str]]]:
        def values(lab: CochleaModel) -> tuple[Array, Array, list[str]]:
            at, heights, words = marks(lab)
            return at[i : i + 1], heights[i : i + 1], words[i : i + 1]

        return values

    return [
        Words(
            f"name-of-{name}",
            one(i),
            Style(colour),
            size="13px",
            align="right" if name == leftwards else "center",
        )
        for i, (name, colour) in enumerate(colours.items())
    ]


def _beside_probe(lab: CochleaModel) -> tuple[Array, Array]:
    """Return the place's movement at the probe's frequency, with and without the second tone, a line's width apart."""
    alone, _ = lab.at_place
    return alone.tones[:1] * 0.985, alone.at_tones[:1]


def _suppressed_in_words(lab: CochleaModel) -> tuple[Array, Array, list[str]]:
    alone, both = lab.at_place
    at = np.array([alone.tones[0] * 0.93, both.tones[0] * 1.1, both.tones[1]])
    heights = np.array([alone.at_tones[0], both.at_tones[0], both.at_tones[1]])
    return at, np.maximum(heights, _FLOOR), ["alone", f"−{lab.suppressed[0]:.0f} dB", "second tone"]


def _suppressed_title(lab: CochleaModel) -> str:
    down, _ = lab.suppressed
    return f"At the place of the probe: {down:.1f} dB less of it while the second tone sounds"


AT_PLACE = Axis("place_frequency", "Frequency", "Hz", _around, "erb")
MOVEMENT = Axis("movement", "Velocity", "dB re 1 µm/s", (_FLOOR, 100.0))

SUPPRESSED = _figure(
    "suppressed",
    _suppressed_title,
    AT_PLACE,
    MOVEMENT,
    [
        Stems("others", lambda lab: _peaks(lab.at_place[1], _around(lab)), _FAINT, "what the place adds"),
        Stems("alone", _beside_probe, Style(GREY, width=5.0), "the probe alone"),
        Stems("probe", _at_tone(0), Style(BLUE, width=5.0), "the probe, while the second tone sounds"),
        Stems("second", _at_tone(1), Style(VERMILION, width=5.0), "the second tone"),
        *_named(_suppressed_in_words, alone=GREY, probe=BLUE, second=VERMILION),
    ],
    "suppression",
    legend="top_right",
)


def _distorted(name: str) -> Callable[[CochleaModel], tuple[Array, Array]]:
    """Return what gives a part of the spectrum at the place: its tones, the product, or all else."""

    def values(lab: CochleaModel) -> tuple[Array, Array]:
        found, spectrum = lab.distortion, lab.distortion.spectrum
        if name == "tones":
            return spectrum.tones, spectrum.at_tones
        if name == "product":
            there = found.product_level > -math.inf
            return np.array([found.product] * there), np.array([found.product_level] * there)
        frequencies, levels = _peaks(spectrum, _around(lab))
        others = np.abs(frequencies - (2 * spectrum.tones[0] - spectrum.tones[1])) > 1.0
        return frequencies[others], levels[others]

    return values


def _distortion_marks(lab: CochleaModel) -> tuple[Array, Array, list[str]]:
    found = lab.distortion
    there = np.isfinite(found.product_level)
    at = np.array([found.product, *found.primaries])
    heights = np.array([found.product_level if there else _FLOOR, *found.spectrum.at_tones])
    words = ["2 f1 − f2" if there else "no 2 f1 − f2", "f1", "f2"]
    return at, np.maximum(heights, _FLOOR), words


def _distortion_title(lab: CochleaModel) -> str:
    found = lab.distortion
    if not np.isfinite(found.product_level):
        return f"At the place of {found.product:.0f} Hz: f1 and f2 alone"
    return f"At the place of {found.product:.0f} Hz: 2 f1 − f2, which is not in the sound"


DISTORTION = _figure(
    "distortion",
    _distortion_title,
    AT_PLACE,
    MOVEMENT,
    [
        Stems("others", _distorted("others"), _FAINT, "what else the place adds"),
        Stems("pinned", _distorted("product"), replace(PINNED, width=9.0, dash="solid"), pinned=True),
        Stems("tones", _distorted("tones"), Style(BLUE, width=5.0), "f1 and f2, as they arrive here"),
        Stems("product", _distorted("product"), Style(VERMILION, width=5.0), "2 f1 − f2"),
        *_named(_distortion_marks, "product", product=VERMILION, f1=BLUE, f2=BLUE),
    ],
    legend="top_right",
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
    )


FIGURES = FigureSet(
    [
        *(INPUT_OUTPUT, SLOPE, TUNING, SUPPRESSED, SUPPRESSION, DISTORTION, CURVE),
        _cochleagram("drnl", "This ear (dB re 1 µm/s)", "dB re 1 µm/s", "first"),
        _cochleagram("gammatone", "Linear gammatone filterbank (dB SPL)", "dB SPL", "second"),
        audiogram(height=200),
    ]
)
