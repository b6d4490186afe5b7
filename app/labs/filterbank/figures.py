"""The figures of the filterbank lab: sound, cochleagram, long-term excitation, one channel in detail, and filter shapes
or the travelling wave.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from amtlib import scales
from amtlib.plot import (
    Array,
    Axis,
    Curve,
    Figure,
    Guides,
    Image,
    Lines,
    Points,
    cells,
    compared,
    envelope_outline,
    frequency_label,
    peak_columns,
    place_number,
)
from amtlib.plot.theme import BLUE, GREEN, GREY, LIVE, ORANGE, PINNED, Style
from app.figures import FigureSet, Film
from app.labs.filterbank.model import FilterbankModel
from app.labs.filterbank.result import envelope_level, frequency_text
from app.labs.filterbank.travelling import Travelling
from app.page.audiogram import audiogram

#: How the legends call what is pinned.
_PINNED = "A, pinned"
_THIN = Style(BLUE, width=1.2)
_OUTLINE = Style(GREEN)


def _ceiling(value: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten: limits that rarely move. Silence gets an axis too."""
    value = max(value, 1e-6)
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power * (1 + 1e-9))


def _around_zero(values: Array, factor: float = 1.0) -> tuple[float, float]:
    top = _ceiling(float(np.abs(values).max()) * factor)
    return -top, top


def _colours(lab: FilterbankModel) -> tuple[float, float]:
    return lab.probe.floor, lab.probe.ceiling


def _channel_limits(lab: FilterbankModel) -> tuple[float, float]:
    fc = lab.result.fc
    return min(50.0, fc[0] * 0.9), max(12000.0, fc[-1] * 1.1)


def _levels(lab: FilterbankModel) -> tuple[Array, Array, Array]:
    r = lab.result
    levels = envelope_level(peak_columns(r.shape) * np.float32(r.gain))
    return cells(0.0, r.duration, levels.shape[1]), r.fc, levels


def _excitation(lab: FilterbankModel) -> tuple[Array, Array]:
    r = lab.result
    return np.maximum(r.excitation, -60.0), r.fc


def _excitation_here(lab: FilterbankModel) -> tuple[Array, Array]:
    level, fc = _excitation(lab)
    at = [lab.result.channel]
    return level[at], fc[at]


def _response(lab: FilterbankModel) -> tuple[Array, Array]:
    r = lab.result
    return r.response_frequencies, np.maximum(r.responses[r.channel], -90.0)


def _filters_title(lab: FilterbankModel) -> str:
    r = lab.result
    return f"The filters; channel {r.channel + 1} at {frequency_text(r.fc[r.channel])}"


def _close_up_span(lab: FilterbankModel) -> tuple[float, float]:
    times = lab.result.channel_times
    return float(times[0] * 1000), float((times[-1] + 1 / lab.result.fs) * 1000)


def _outline(envelope: Array, start: float, end: float) -> tuple[Array, Array]:
    """Return an envelope above and below zero."""
    reduced = peak_columns(envelope)
    return np.linspace(start, end, len(reduced), endpoint=False), np.stack([reduced, -reduced])


def _shows_filters(lab: FilterbankModel) -> bool:
    return bool(lab.probe.view == "filters")


def _impulse_length(lab: FilterbankModel) -> float:
    """Return how much of the impulse response is drawn, ms: until its envelope has fallen by 40 dB."""
    r = lab.result
    end = int(np.flatnonzero(r.impulse_envelope > r.impulse_envelope.max() / 100)[-1])
    return _ceiling(end / r.fs * 1000)


def _impulse(lab: FilterbankModel, values: Array) -> Array:
    return values[: max(round(_impulse_length(lab) / 1000 * lab.result.fs), 2)]


def _at_place(frequency: float) -> str:
    return f"{frequency_label(frequency)}\n{float(place_number(frequency)):.0f} mm"


TIME = Axis(
    "time", "Time", "s", lambda lab: (0.0, lab.result.duration), sounds=("input", "channel", "sum", "a", "b")
)
CHANNEL = Axis("channel", "Channel’s centre frequency", "Hz", _channel_limits, "erb")
#: The same axis as places along the cochlea, each 5 mm.
MILLIMETRES = tuple(scales.place2fc([30.0, 25.0, 20.0, 15.0, 10.0, 5.0]).tolist())
PLACE = replace(
    CHANNEL,
    ticks=MILLIMETRES,
    tick_label=lambda frequency: f"{float(place_number(frequency)):.0f}",
    caption="Place in the cochlea (mm from the stapes)",
)
#: All of the cochlea, 35 mm.
COCHLEA = Axis(
    "cochlea",
    "Centre frequency",
    "Hz",
    (float(scales.place2fc(0.0)), float(scales.place2fc(35.0))),
    "place",
    (16000, 8000, 4000, 2000, 1000, 500, 250, 125),
    _at_place,
    caption="Centre frequency (Hz) and its place (mm from the stapes)",
)

WAVEFORM = Figure(
    "waveform",
    "Sound pressure over time",
    replace(TIME, labelled=False, numbered=False),
    Axis("pressure", "Pressure", "mPa", lambda lab: _around_zero(lab.result.waveform, 1000), brief=True),
    [
        Curve(
            "sound",
            lambda lab: envelope_outline(lab.result.waveform * 1000, 0.0, lab.result.duration),
            Style(BLUE, width=1.0),
        )
    ],
    height=104,
    zooms="x",
)

COCHLEAGRAM = Figure(
    "cochleagram",
    "Cochleagram (dB SPL)",
    TIME,
    CHANNEL,
    [
        Image("levels", _levels, colours=_colours, unit="dB SPL"),
        Guides("time", lambda lab: lab.result.channel_times.mean(), Style("white", "dotted", 1.5)),
        Guides(
            "channel",
            lambda lab: lab.result.fc[lab.result.channel],
            Style("white", "dotted", 1.5),
            across="y",
        ),
    ],
    height=330,
    pointable=True,
)

EXCITATION = Figure(
    "excitation",
    "Long-term excitation",
    Axis("level", "Level", "dB SPL", _colours),
    PLACE,
    [
        *compared(Curve("level", _excitation), _PINNED),
        Points("here", _excitation_here, Style(ORANGE, width=8)),
    ],
    height=330,
    zooms="",
    legend="top_right",
    wide_left=False,
)

RESPONSES = Figure(
    "responses",
    _filters_title,
    Axis("frequency", "Frequency", "Hz", (20.0, 20000.0), "erb", (125, 500, 1000, 2000, 4000, 8000, 16000)),
    Axis("gain", "Gain", "dB", (-60.0, 6.0)),
    [
        Lines(
            "all",
            lambda lab: (lab.result.response_frequencies, lab.result.responses),
            Style(GREY, width=1.0, alpha=0.55),
            coarse=(-64.0, 4.0),
        ),
        *compared(Curve("channel", _response), _PINNED),
    ],
    shown=_shows_filters,
    legend="bottom_left",
    height=226,
)


def _film(
    name: str,
    film: Callable[[FilterbankModel], Travelling],
    view: str,
    called: str,
    subject: str,
    y: Axis,
    scale: float,
) -> Figure:
    """Return the figure of a wave along the cochlea: values times `scale` are in the unit of `y`."""

    def wave(lab: FilterbankModel) -> tuple[Array, Array, Array]:
        found = film(lab)
        return found.fc, found.frames * scale, found.times

    def reach(lab: FilterbankModel) -> tuple[Array, Array]:
        found = film(lab)
        return found.fc, np.stack([found.reach, -found.reach]) * scale

    def title(lab: FilterbankModel) -> str:
        times = film(lab).times * 1000
        return f"{subject}, from the stapes to the apex: {times[0]:.0f} to {times[-1]:.0f} ms"

    return Figure(
        name,
        title,
        COCHLEA,
        replace(y, limits=lambda lab: _around_zero(film(lab).reach, 1.05 * scale)),
        [
            Guides("here", lambda lab: lab.result.fc[lab.result.channel]),
            *compared(Lines("reach", reach, Style(GREY, width=1.0)), _PINNED),
            Film("wave", wave, LIVE, switch=("v.view", view, "filters"), called=called),
        ],
        shown=lambda lab: lab.probe.view == view,
        legend="top_right",
        height=226,
        zooms="",
    )


TRAVELLING = _film(
    "travelling",
    FilterbankModel.travelling,
    "wave",
    "Travelling wave",
    "The cochlea unrolled",
    Axis("displacement", "Output of its filters", "mPa"),
    1e3,
)
COMPRESSED = _film(
    "compressed",
    FilterbankModel.compressed,
    "compressed",
    "Compressed wave",
    "A cochlea that compresses",
    Axis("velocity", "Basilar membrane", "µm/s"),
    1e6,
)

CLOSE_UP = Figure(
    "wave",
    "The channel, close up",
    Axis("moment", "Time", "ms", _close_up_span),
    Axis("wave", "Pressure", "mPa", lambda lab: _around_zero(lab.result.channel_envelope, 1000)),
    [
        Curve(
            "fine", lambda lab: envelope_outline(lab.result.channel_wave * 1000, *_close_up_span(lab)), _THIN
        ),
        Lines(
            "envelope",
            lambda lab: _outline(lab.result.channel_envelope * 1000, *_close_up_span(lab)),
            _OUTLINE,
        ),
    ],
    height=226,
    zooms="",
)

IMPULSE = Figure(
    "impulse",
    "Its impulse response",
    Axis("delay", "Time", "ms", lambda lab: (0.0, _impulse_length(lab))),
    Axis("impulse", "Response", "1/s", lambda lab: _around_zero(lab.result.impulse_envelope)),
    [
        *reversed(
            compared(
                Curve(
                    "fine",
                    lambda lab: envelope_outline(
                        _impulse(lab, lab.result.impulse_response), 0.0, _impulse_length(lab)
                    ),
                    _THIN,
                ),
                _PINNED,
                replace(PINNED, width=1.5),
            )
        ),
        Lines(
            "envelope",
            lambda lab: _outline(_impulse(lab, lab.result.impulse_envelope), 0.0, _impulse_length(lab)),
            _OUTLINE,
        ),
    ],
    shown=_shows_filters,
    legend="top_right",
    height=226,
    zooms="",
)

FIGURES = FigureSet(
    [
        *(WAVEFORM, COCHLEAGRAM, EXCITATION, CLOSE_UP, RESPONSES, IMPULSE, TRAVELLING, COMPRESSED),
        audiogram(height=330),
    ]
)
