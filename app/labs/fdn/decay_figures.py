"""The figures of decay: how the energy falls, and in what time each octave does, with the points that are dragged."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from amtlib.plot import Array, Axis, Curve, Figure, Layer, Points, Words
from amtlib.plot.theme import BEFORE, BLUE, GREY, LIVE, POINT, ROOM, Style
from app.labs.fdn import octaves
from app.labs.fdn.losses import NOTHING, PALE, Values, earlier, ends
from app.labs.fdn.observer import Observed

#: The octaves that have ticks, Hz.
OCTAVES = tuple(octaves.OCTAVES)
_STATES = (("start", BEFORE, "start"), ("target", ROOM, "room"), ("now", LIVE, "now"))
#: What their pictures are called.
TITLES = {"start": "Before", "now": "Now", "target": "Room"}
T = TypeVar("T")
States = Callable[[Observed], Mapping[str, Any]]


def is_measured(observed: Observed) -> bool:
    """Whether what is shown is measured, and not what an ear makes of it."""
    return not observed.shows_ear


def known(which: str, values: Callable[[Any], T], states: States, nothing: T) -> Callable[[Observed], T]:
    """Return what gives `values` of what is known of the start, the room or now; `nothing` as long as it is not."""

    def found(observed: Observed) -> T:
        state = states(observed).get(which)
        return nothing if state is None else values(state)

    return found


def by_state(values: Callable[[Any], Values], states: States) -> list[Layer]:
    """Return a curve each of the start, the room and now: `values` of what is known of it."""
    return [
        Curve(which, known(which, values, states, NOTHING), style, label) for which, style, label in _STATES
    ]


def span(which: str, states: States) -> Callable[[Observed], tuple[float, float]]:
    """Return what gives the limits of the time axis of a picture of the start, the room or now, s."""
    return known(which, lambda found: (0.0, found.duration), states, (0.0, 1.0))


def _longest(observed: Observed) -> tuple[float, float]:
    return 0.0, max(float(each.decay_times[-1]) for each in observed.decays.values() if each is not None)


def _slopes(observed: Observed) -> Array:
    """Return the decay times of both groups of lines of a room of two slopes, ``(K, 2)``; else none."""
    two = observed.fit is not None and observed.fit.slopes.shape[1] == 2
    return observed.fit.slopes if observed.fit is not None and two else np.zeros((0, 2))


def _decay_title(observed: Observed) -> str:
    slopes = _slopes(observed)
    if not len(slopes) or observed.fit is None:
        return "Energy decay"
    at = int(np.abs(observed.fit.target.centres - 1000.0).argmin())
    return f"Two slopes: {slopes[at, 0]:.2g} s, then {slopes[at, 1]:.2g} s (1 kHz)"


DECAY = Figure(
    "decay",
    _decay_title,
    Axis("decay_time", "Time", "s", _longest),
    Axis("energy", "Energy left", "dB", (-70.0, 3.0)),
    by_state(
        lambda sound: (sound.decay_times, np.maximum(sound.decay, -200.0)),
        lambda observed: observed.decays,
    ),
    shown=is_measured,
    legend="top_right",
    area="one",
)


def _times_shown(observed: Observed) -> tuple[float, float]:
    """Return fixed limits, which do not move under a point that is dragged, or wider ones where the times need them."""
    shown = [each for each in (*observed.analyses.values(), *observed.earlier) if each is not None]
    times = np.concatenate([*(each.times[1] for each in shown), np.ones(1)])
    return (0.1 if times.min() > 0.1 else 0.02), (10.0 if times.max() < 10.0 else 40.0)


def _times_title(observed: Observed) -> str:
    if observed.busy and not observed.fits:
        return "T30 by octave: measured again at rest"
    return (
        "T30 by octave: drag its points"
        if len(observed.points.times)
        else "Reverberation time by octave (T30)"
    )


def _group(which: int) -> Callable[[Observed], Values]:
    def values(observed: Observed) -> Values:
        slopes = _slopes(observed)
        return (observed.fit.target.centres, slopes[:, which]) if len(slopes) and observed.fit else NOTHING

    return values


def _dragged_times(observed: Observed) -> Values:
    points = observed.points
    return (points.centres, points.times) if len(points.times) else NOTHING


def _slopes_label(observed: Observed) -> str:
    return "both slopes" if len(_slopes(observed)) else ""


TIMES = Figure(
    "times",
    _times_title,
    Axis("octave", "Frequency", "Hz", (50.0, 20000.0), "log", OCTAVES),
    Axis("t30", "T30", "s", _times_shown, "log", (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)),
    [
        Curve("earlier", earlier(lambda record: record.times), PALE),
        Words("numbers", ends(lambda record: record.times), Style(GREY)),
        *by_state(lambda analysis: analysis.times, lambda observed: observed.analyses),
        Curve("fast", _group(0), Style(BLUE, "dotted", 1.5)),
        Curve("slow", _group(1), Style(BLUE, "dotted", 1.5), _slopes_label),
        Points("set", _dragged_times, POINT, "set by octave", hollow=True),
    ],
    shown=is_measured,
    legend="bottom_left",
    pointable=True,
    area="two",
)
