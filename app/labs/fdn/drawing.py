"""What the FDN lab's figures hold: losses, matrix, response, decay, modes and echoes, put into a page's scene.
Source: our own.
Not what the figures look like (`app.plots.fdn`), nor when they are drawn (view.py).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures import Scene, packed
from app.labs.fdn import findings
from app.labs.fdn.findings import EDGES, Analysis, Sounding
from app.plots.fdn import TERM_LINES

Array = NDArray[Any]

_NOTHING = np.zeros(0, np.float32)
#: Losses below this share of the highest are not drawn: the axis is logarithmic.
_DEEPEST = 1e-6
#: Points of a curve of losses.
_POINTS = 600
_WAIT = "when training rests"
_TIMES = "Reverberation time by octave (T30)"


def draw_losses(
    scene: Scene, whole: Sequence[float], terms: Mapping[str, Sequence[float]], last: float
) -> None:
    """Draw the loss and its weighted terms, named as they are to be read; the axis goes up to step `last`."""
    shown = [np.asarray(whole)] + [np.asarray(values) for values in terms.values()]
    for i in range(TERM_LINES + 1):
        values = shown[i] if i < len(shown) else _NOTHING
        step = max(len(values) // _POINTS, 1)
        at = np.unique(np.concatenate([np.arange(0, len(values), step), np.arange(len(values))[-1:]])).astype(
            int
        )
        at = at[values[at] > 0]
        source = "loss-whole" if i == 0 else f"loss-{i - 1}"
        scene.data(source, loss_x=at.astype(np.float32), loss_y=values[at].astype(np.float32))
    for i, name in enumerate(terms):
        scene.set(f"loss-{i}-legend", label={"value": name})
    known = np.concatenate([values[values > 0] for values in shown])
    if not len(known):
        known = np.array([0.01, 1.0])
    high, low = float(known.max()), float(max(known.min(), _DEEPEST * known.max()))
    ticks = log_ticks(low, high)
    scene.set("loss-ticks", ticks=ticks)
    scene.limits("loss.y_range", min(ticks[0], low), max(ticks[-1], high))
    scene.limits("loss.x_range", 0.0, last)


def log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers around and between two limits: 1, 2 and 5 of each decade, fewer where there are many.

    Examples
    --------
    >>> log_ticks(0.3, 4.0), log_ticks(0.002, 4.0)
    ([0.2, 0.5, 1.0, 2.0, 5.0], [0.001, 0.01, 0.1, 1.0, 10.0])
    """
    decades = math.log10(high / low)
    digits = (1.0, 2.0, 5.0) if decades < 2 else (1.0, 3.0) if decades < 3 else (1.0,)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 2)
    ticks = [float(f"{digit}e{exponent}") for exponent in exponents for digit in digits]
    first = max(i for i, tick in enumerate(ticks) if tick <= low)
    last = min(i for i, tick in enumerate(ticks) if tick >= high)
    return ticks[first : max(last, first + 1) + 1]


def draw_matrix(scene: Scene, A: Array, error: float) -> None:
    """Draw the feedback matrix, and say how far it is from orthogonal."""
    n = len(A)
    scene.data("matrix", image=packed(A, -1.0, 1.0), x=[0.5], y=[0.5], dw=[n], dh=[n])
    scene.limits("matrix.x_range", 0.5, n + 0.5)
    scene.limits("matrix.y_range", n + 0.5, 0.5)
    scene.set("matrix.title", text=f"Feedback matrix (orthogonal to {max(error, 1e-16):.0e})")


def _draw_response(scene: Scene, which: str, frequencies: Array, magnitude: Array) -> None:
    scene.data(
        f"response-{which}",
        response_x=frequencies.astype(np.float32),
        response_y=magnitude.astype(np.float32),
    )


def draw_live_response(scene: Scene, magnitude: Array, fs: int) -> None:
    """Draw the response of a network that is being trained, less finely than one that rests."""
    _draw_response(scene, "now", *findings.drawn(magnitude, fs))
    level = 20 * np.log10(magnitude.max() / np.sqrt(np.mean(np.square(magnitude))))
    scene.set("response.title", text=f"Response: highest peak about {level:.1f} dB now")


def draw_seen(scene: Scene, magnitude: Array | None, fs: int) -> None:
    """Draw the response as training sees it: on its own frequencies, with its own decay; None where it sees no grid."""
    found = (_NOTHING, _NOTHING) if magnitude is None else findings.drawn(magnitude, fs)
    _draw_response(scene, "seen", *found)


def draw_soundings(scene: Scene, found: Mapping[str, Sounding | None]) -> None:
    """Draw energy decay and echo density of "start", "now" and "target"."""
    densest = 1.2
    for which, heard in found.items():
        decay = (_NOTHING, _NOTHING) if heard is None else (heard.decay_times, np.maximum(heard.decay, -200))
        echoes = (_NOTHING, _NOTHING) if heard is None else (heard.density_times, heard.density)
        scene.data(f"decay-{which}", **_columns("decay", *decay))
        scene.data(f"density-{which}", **_columns("density", *echoes))
        if heard is not None:
            shown = (heard.density_times >= 0.01) & (heard.density_times <= 1)
            densest = max(densest, float(heard.density[shown].max(initial=0.0)))
    scene.data("density-noise", density_x=np.array([1e-3, 10.0]), density_y=np.ones(2))
    scene.limits("density.y_range", 0.0, math.ceil(10 * densest + 1) / 10)
    scene.limits("decay.x_range", 0.0, max(float(h.decay_times[-1]) for h in found.values() if h is not None))
    start, now = found["start"], found["now"]
    if start is not None and now is not None:
        scene.set(
            "density.title", text=f"Echo density (noise: 1), at 0.1 s {start.echoes:.2f} → {now.echoes:.2f}"
        )


def _columns(stem: str, x: Array, y: Array) -> dict[str, Array]:
    return {f"{stem}_x": np.asarray(x, np.float32), f"{stem}_y": np.asarray(y, np.float32)}


def draw_times(scene: Scene, found: Mapping[str, Analysis | None], waiting: bool) -> None:
    """Draw reverberation times of "start", "now" and "target"."""
    highest = 0.5
    for which, analysis in found.items():
        x, y = _NOTHING, _NOTHING
        if analysis is not None:
            known = np.isfinite(analysis.t30)
            x, y = analysis.centres[known], analysis.t30[known]
            highest = max(highest, float(y.max(initial=0.0)))
        scene.data(f"times-{which}", **_columns("times", x, y))
    scene.limits("times.y_range", 0.0, math.ceil(2.4 * highest) / 2)
    scene.set("times.title", text=f"T30 by octave: now {_WAIT}" if waiting else _TIMES)


def draw_modes(scene: Scene, start: Analysis | None, now: Analysis | None, waiting: bool) -> None:
    """Draw histograms of the modes, and the responses on a fine grid; `waiting`: a run goes on, now is not known."""
    highest = 5.0
    for which, analysis in (("start", start), ("now", now)):
        top = np.zeros(0) if analysis is None else analysis.histogram
        highest = max(highest, float(top.max(initial=0.0)))
        count = len(top)
        scene.data(f"modes-{which}", left=EDGES[:count], right=EDGES[1 : count + 1], top=top)
    if start is not None:
        _draw_response(scene, "start", start.frequencies, start.magnitude)
    scene.limits("modes.y_range", 0.0, 5 * math.ceil(highest / 5))
    if waiting or start is None or now is None:
        scene.set(
            "modes.title", text=f"Modes: now {_WAIT}" if waiting else "Excitation of all modes: counting …"
        )
        return
    _draw_response(scene, "now", now.frequencies, now.magnitude)
    scene.set(
        "modes.title", text=f"{now.modes} resonances: spread {start.modal_std:.1f} → {now.modal_std:.1f} dB"
    )
    scene.set("response.title", text=f"Response: highest peak {start.peak_db:.1f} → {now.peak_db:.1f} dB")
