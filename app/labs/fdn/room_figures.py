"""The figures of the view of decay, tone and spectrograms: the tone that is dragged, and what decays where."""

import math
from collections.abc import Callable

import numpy as np

from amtlib.fdn import FDNBuild
from amtlib.fdn.coherence import coherence_centres, diffuse_field_coherence
from amtlib.plot import Array, Axis, Curve, Figure, Guides, Image, Points, cells
from amtlib.plot.theme import BEFORE, GUIDE, LIVE, POINT, ROOM
from app.labs.fdn.decay_figures import OCTAVES, TITLES, span
from app.labs.fdn.losses import NOTHING, Values
from app.labs.fdn.observer import Observed
from app.labs.fdn.octaves import tone_of
from app.labs.fdn.spectrogram import FLOOR, HIGHEST, LOWEST


def _tone(build: FDNBuild, observed: Observed) -> Values:
    """Return the tone of a network, at the height of the points: that of a fitted one holds the room's level too."""
    frequencies, gains = tone_of(build)
    return frequencies, gains + float(observed.points.gains.mean())


def _tone_now(observed: Observed) -> Values:
    return _tone(observed.flow.build, observed)


def _tone_limits(observed: Observed) -> tuple[float, float]:
    """Return fixed limits, which do not move under a point that is dragged, or wider ones where a room needs them."""
    far = max(float(abs(_tone_now(observed)[1]).max()), float(abs(observed.points.gains).max(initial=0.0)))
    return (-15.0, 15.0) if far < 15 else (-45.0, 45.0)


def _dragged_gains(observed: Observed) -> Values:
    return observed.points.centres, observed.points.gains


TONE = Figure(
    "tone",
    "Tone by octave: drag its points",
    Axis("tone_frequency", "Frequency", "Hz", (50.0, 20000.0), "log", OCTAVES),
    Axis("gain", "Gain", "dB", _tone_limits),
    [
        Guides("none", lambda observed: 0.0, across="y"),
        Curve("start", lambda observed: _tone(observed.start, observed), BEFORE, "start"),
        Curve("now", _tone_now, LIVE, "now"),
        Points("set", _dragged_gains, POINT, "set by octave", hollow=True),
    ],
    shown=lambda observed: observed.shows_room,
    legend="bottom_left",
    pointable=True,
    area="three",
)


def _spectrogram(which: str, area: str) -> Figure:
    """Return the figure of a response over time and frequency."""

    def values(observed: Observed) -> tuple[Array, Array, Array] | None:
        found = observed.spectrograms.get(which)
        loudest = observed.spectrograms.get("target") or observed.spectrograms.get("start")
        if found is None or loudest is None:
            return None
        levels = found.levels - loudest.levels.max()
        return cells(0.0, found.duration, levels.shape[1]), found.frequencies, levels

    def shown(observed: Observed) -> bool:
        return observed.shows_room and (which != "target" or observed.has_room)

    return Figure(
        f"spectrogram-{which}",
        f"{TITLES[which]}: spectrogram",
        Axis(f"spectrogram_time_{which}", "Time", "s", span(which, lambda observed: observed.spectrograms)),
        Axis(f"spectrogram_place_{which}", "Frequency", "Hz", (LOWEST, HIGHEST), "erb", OCTAVES[1:]),
        [Image("levels", values, colours=(FLOOR, 0.0), measures="Level re the loudest")],
        shown=shown,
        zooms="",
        area=area,
    )


def _off(which: str) -> Callable[[Observed], Values]:
    def values(observed: Observed) -> Values:
        found, room = observed.analyses.get(which), observed.analyses.get("target")
        if found is None or room is None:
            return NOTHING
        known = np.isfinite(found.t30) & np.isfinite(room.t30)
        return found.centres[known], 100 * (found.t30[known] / room.t30[known] - 1)

    return values


def _off_limits(observed: Observed) -> tuple[float, float]:
    far = max(float(abs(_off(which)(observed)[1]).max(initial=0.0)) for which in ("start", "now"))
    top = next(each for each in (5.0, 10.0, 20.0, 50.0, 100.0, math.ceil(far)) if each >= min(far, 100.0))
    return -top, top


OFF = Figure(
    "off",
    "How far T30 is from the room’s",
    Axis("off_octave", "Frequency", "Hz", (50.0, 20000.0), "log", OCTAVES),
    Axis("t30_off", "T30 off", "%", _off_limits),
    [
        Guides("none", lambda observed: 0.0, across="y"),
        Guides("heard", lambda observed: [-5.0, 5.0], across="y"),
        Curve("start", _off("start"), BEFORE, "start"),
        Curve("now", _off("now"), LIVE, "now"),
    ],
    shown=lambda observed: observed.fits,
    legend="top_right",
    area="loss",
)


def _coherence(which: str) -> Callable[[Observed], Values]:
    def values(observed: Observed) -> Values:
        found = observed.ears.get(which)
        return NOTHING if found is None else (coherence_centres(observed.fs), found)

    return values


def _diffuse(observed: Observed) -> Values:
    centres = coherence_centres(observed.fs)
    return centres, diffuse_field_coherence(centres)


EARS = Figure(
    "ears",
    "Coherence of both ears",
    Axis("ear_frequency", "Frequency", "Hz", (50.0, 20000.0), "log", OCTAVES),
    Axis("coherence", "Coherence", limits=(-1.0, 1.05)),
    [
        Curve("diffuse", _diffuse, GUIDE, "diffuse field"),
        Curve("target", _coherence("target"), ROOM, "room"),
        Curve("now", _coherence("now"), LIVE, "now"),
    ],
    shown=lambda observed: bool(observed.ears),
    legend="bottom_right",
    area="four",
)

SPECTROGRAMS = [_spectrogram("start", "seven"), _spectrogram("now", "eight"), _spectrogram("target", "nine")]
