"""The figures of the FDN lab: the network, response, decay, modes and echoes, and what an ear makes of them.

They read from observer.py, which decides when something is computed. The network itself is drawn in flow.py, the
training in losses.py.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from amtlib.plot import Area, Array, Axis, Curve, Figure, Guides, Histogram, Image, cells
from amtlib.plot.theme import BLUE, GREY, ORANGE, SIGNED_REVERSED, Style
from app.figures import FigureSet
from app.labs.fdn.decay_figures import DECAY, OCTAVES, TIMES, TITLES, by_state, is_measured, known, span
from app.labs.fdn.ear import SENSATION, Representation
from app.labs.fdn.findings import EDGES
from app.labs.fdn.flow import NETWORK
from app.labs.fdn.levels import Levels
from app.labs.fdn.losses import LOSS, NOTHING, SHARES, Values
from app.labs.fdn.observer import Observed
from app.labs.fdn.room_figures import EARS, OFF, SPECTROGRAMS, TONE
from app.labs.fdn.words import from_to
from app.page.audiogram import audiogram

_HEARD_SPAN = (60.0, 17000.0)
_HEARD_TICKS = OCTAVES[1:]


def _is_heard(observed: Observed) -> bool:
    return observed.shows_ear


# ------------------------------------------------------------------ what is measured of the sound


def _levels(observed: Observed) -> Mapping[str, Levels | None]:
    return observed.levels


def _band(which: str) -> Callable[[Observed], tuple[Array, Array, Array]]:
    return known(which, lambda found: (found.centres, found.low, found.high), _levels, Area.nothing)


def _level_limits(observed: Observed) -> tuple[float, float]:
    return (-55.0, 20.0) if observed.has_room else (-40.0, 12.0)


RESPONSE = Figure(
    "response",
    lambda observed: observed.response_title,
    Axis("frequency", "Frequency", "Hz", (40.0, 24000.0), "log", OCTAVES),
    Axis("magnitude", "Level", "dB re mean", _level_limits),
    [
        Area("start-most", _band("start"), Style(GREY, width=0.5, alpha=0.2)),
        Area("now-most", _band("now"), Style(BLUE, width=0.5, alpha=0.25), "90 % of frequencies"),
        Area("seen-most", _band("seen"), Style(ORANGE, width=0.5, alpha=0.25), "as training sees them"),
        *by_state(lambda found: (found.centres, found.mean), _levels),
    ],
    legend="bottom_left",
)


def _weights(observed: Observed) -> tuple[Array, Array, Array]:
    lines = np.arange(1.0, len(observed.matrix) + 1)
    return lines, lines, observed.matrix


def _lines(observed: Observed) -> tuple[float, float]:
    return 0.5, len(observed.matrix) + 0.5


MATRIX = Figure(
    "matrix",
    "Feedback matrix",
    Axis("from_line", "From delay line", limits=_lines, whole=True),
    Axis("to_line", "To delay line", limits=_lines, whole=True, flipped=True),
    [Image("weights", _weights, colours=(-1.0, 1.0), measures="Weight", unit="", colour_map=SIGNED_REVERSED)],
    shown=lambda observed: not (observed.shows_ear or observed.shows_room),
    zooms="",
    area="three",
)


def _modes(which: str) -> Callable[[Observed], Values]:
    nothing = np.zeros(1), np.zeros(0)
    return known(which, lambda found: (EDGES, found.histogram), lambda observed: observed.analyses, nothing)


def _modes_title(observed: Observed) -> str:
    start, now = observed.analyses.get("start"), observed.analyses.get("now")
    if observed.busy:
        return "Resonances: counted again at rest"
    if start is None or now is None:
        return "Resonances: counting …"
    return from_to(f"{now.modes} resonances: spread {{:.1f}} dB", start.modal_std, now.modal_std)


def _most_modes(observed: Observed) -> tuple[float, float]:
    shares = [_modes(which)(observed)[1].max(initial=0.0) for which in ("start", "now")]
    return 0.0, 5.0 * math.ceil(max(5.0, *shares) / 5)


MODES = Figure(
    "modes",
    _modes_title,
    Axis("mode_excitation", "Excitation", "dB re mean", (-30.0, 15.0)),
    Axis("modes", "Share of modes", "%", _most_modes),
    [
        Histogram("start", _modes("start"), Style(GREY, width=1.0, alpha=0.45), "start"),
        Histogram("now", _modes("now"), Style(BLUE, width=1.0, alpha=0.5), "now"),
    ],
    shown=lambda observed: not (observed.shows_ear or observed.ears),
    legend="top_left",
    area="four",
)


def _density_title(observed: Observed) -> str:
    start, now = observed.decays.get("start"), observed.decays.get("now")
    if start is None or now is None:
        return "Echo density: 1 is as dense as noise"
    return from_to("Echo density at 0.1 s: {:.2f} (noise: 1)", start.echoes, now.echoes)


def _densest(observed: Observed) -> tuple[float, float]:
    highest = [1.4]
    for sound in observed.decays.values():
        if sound is not None:
            shown = (sound.density_times >= 0.01) & (sound.density_times <= 1)
            highest.append(float(sound.density[shown].max(initial=0.0)))
    return 0.0, math.ceil(10 * max(highest) + 1) / 10


DENSITY = Figure(
    "density",
    _density_title,
    Axis("density_time", "Time", "s", (0.01, 1.0), "log", (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)),
    Axis("density", "Echo density", limits=_densest),
    [
        Guides("noise", lambda observed: 1.0, across="y"),
        *by_state(lambda sound: (sound.density_times, sound.density), lambda observed: observed.decays),
    ],
    shown=is_measured,
    legend="top_left",
    area="five",
)

# ------------------------------------------------------------------ what an ear makes of it


def _representations(observed: Observed) -> Mapping[str, Representation | None]:
    return observed.representations


def _heard_until(which: str) -> Callable[[Observed], Values]:
    return known(which, lambda heard: (heard.heard_until, heard.frequencies), _representations, NOTHING)


def _cochleagram(which: str, area: str) -> Figure:
    """Return the figure of how far above threshold each channel of the ear is over time."""

    def values(observed: Observed) -> Any:
        heard = observed.representations.get(which)
        if heard is None:
            return None
        return cells(0.0, heard.duration, heard.sensation.shape[1]), heard.frequencies, heard.sensation

    def title(observed: Observed) -> str:
        heard, room = observed.representations.get(which), observed.representations.get("target")
        if which == "target" and room is not None:
            return f"Room: {100 * room.audible:.0f} % is heard"
        if heard is None or room is None:
            return TITLES[which]
        distance = heard.distance(room)
        return TITLES[which] if math.isnan(distance) else f"{TITLES[which]}: off by {distance:.2f} dB"

    return Figure(
        f"coch-{which}",
        title,
        Axis(f"heard_time_{which}", "Time", "s", span(which, _representations)),
        Axis(f"heard_place_{which}", "Centre frequency", "Hz", _HEARD_SPAN, "erb", _HEARD_TICKS),
        [
            Image("sensation", values, colours=SENSATION, measures="Level above threshold"),
            Curve("until", _heard_until(which), Style("white", "dotted", 1.5)),
        ],
        shown=(lambda observed: observed.shows_ear and observed.has_room) if which == "target" else _is_heard,
        zooms="",
        area=area,
    )


def _difference(observed: Observed) -> Any:
    now, room = observed.representations.get("now"), observed.representations.get("target")
    difference = None if now is None or room is None else now.difference(room)
    if difference is None or room is None:
        return None
    return cells(0.0, room.duration, difference.shape[1]), room.frequencies, difference


def _difference_title(observed: Observed) -> str:
    now, room = observed.representations.get("now"), observed.representations.get("target")
    distance = math.nan if now is None or room is None else now.distance(room)
    far = "" if math.isnan(distance) else f": {distance:.2f} dB where either is heard"
    return f"Now − Room{far}"


DIFFERENCE = Figure(
    "coch-difference",
    _difference_title,
    Axis("heard_time_difference", "Time", "s", span("target", _representations)),
    Axis("heard_place_difference", "Centre frequency", "Hz", _HEARD_SPAN, "erb", _HEARD_TICKS),
    [
        Image(
            "difference",
            _difference,
            colours=(-12.0, 12.0),
            measures="Now above the room",
            colour_map=SIGNED_REVERSED,
        ),
        Curve("room", _heard_until("target"), Style(GREY, "dotted", 1.5), "room heard until"),
    ],
    shown=lambda observed: observed.shows_ear and observed.has_room,
    legend="top_right",
    zooms="",
    area="six",
)


def _heard_title(observed: Observed) -> str:
    start, now, room = (observed.representations.get(which) for which in ("start", "now", "target"))
    if start is None or now is None:
        return "Excitation pattern"
    aim = f"; room {room.colour:.2f}" if room is not None else ""
    return f"Uneven by {start.colour:.2f} → {now.colour:.2f} dB{aim}"


def _furthest(observed: Observed) -> tuple[float, float]:
    far = [
        float(np.abs(heard.excitation).max())
        for heard in observed.representations.values()
        if heard is not None
    ]
    top = 3.0 * math.ceil(max([3.0, *far]) / 3)
    return -top, top


HEARD = Figure(
    "heard",
    _heard_title,
    Axis("pattern_place", "Centre frequency", "Hz", _HEARD_SPAN, "erb", _HEARD_TICKS),
    Axis("pattern", "Excitation", "dB re mean", _furthest),
    by_state(lambda heard: (heard.places, heard.excitation), _representations),
    shown=_is_heard,
    legend="bottom_left",
    area="four",
)

FIGURES = FigureSet(
    [
        NETWORK,
        LOSS,
        OFF,
        RESPONSE,
        MODES,
        DENSITY,
        DECAY,
        TIMES,
        MATRIX,
        TONE,
        EARS,
        *SPECTROGRAMS,
        _cochleagram("start", "one"),
        _cochleagram("now", "two"),
        _cochleagram("target", "three"),
        DIFFERENCE,
        HEARD,
        SHARES,
        audiogram(),
    ]
)
