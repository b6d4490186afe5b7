"""The figures of a training: its losses, those of runs before it, and which term teaches.

Live training curves are TensorFlow Playground's idea.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from amtlib.plot import Array, Axis, Curve, Figure, Guides, Points, Style, Words
from amtlib.plot.theme import BLUE, GREY, LIVE, TERMS
from app.labs.fdn.history import Record, thinned
from app.labs.fdn.observer import Observed

Values = tuple[Array, Array]

#: Losses below this share of the highest are not drawn: the axis is logarithmic.
_DEEPEST = 1e-6
#: Points of a curve of losses.
_POINTS = 600
#: The axis ends so many times above the highest loss: there the legend stands.
_ROOM_ABOVE = 2.5
#: It begins so many times below the lowest, where a mark stands whole.
_ROOM_BELOW = 1.3
#: The axis of steps begins so much of its length before the first step: there the marks stand whole.
_ROOM_BEFORE = 0.015
NOTHING: Values = (np.zeros(0), np.zeros(0))
#: How runs that are over are drawn.
PALE = Style(GREY, width=1.2, alpha=0.6)


def earlier(values: Callable[[Record], Values]) -> Callable[[Observed], Values]:
    """Return what gives the curves of the runs before this one, as one with gaps."""

    def found(observed: Observed) -> Values:
        curves = [values(record) for record in observed.earlier]
        gap = np.full(1, np.nan)
        x, y = ([part for curve in curves for part in (curve[i], gap)] for i in (0, 1))
        return (np.concatenate(x), np.concatenate(y)) if curves else NOTHING

    return found


def ends(
    values: Callable[[Record], Values],
) -> Callable[[Observed], tuple[list[float], list[float], list[str]]]:
    """Return what gives the numbers of the runs before this one, at the ends of their curves."""

    def found(observed: Observed) -> tuple[list[float], list[float], list[str]]:
        curves = [(values(record), str(record.number)) for record in observed.earlier]
        known = [(curve, number) for curve, number in curves if len(curve[0])]
        return [x[-1] for (x, _), _ in known], [y[-1] for (_, y), _ in known], [number for _, number in known]

    return found


def _term(i: int) -> Callable[[Observed], Values]:
    def values(observed: Observed) -> Values:
        terms = list(observed.terms.values())
        return thinned(terms[i], _POINTS) if i < len(terms) else NOTHING

    return values


def _name_of(i: int, names: Callable[[Observed], Sequence[str]]) -> Callable[[Observed], str]:
    def label(observed: Observed) -> str:
        known = list(names(observed))
        return known[i] if i < len(known) else f"term {i + 1}"

    return label


def _firsts(curve: Callable[[int], Callable[[Observed], Values]]) -> list[Points]:
    """Return marks at the first points of the terms' curves: all that there is before training."""

    def first(i: int) -> Callable[[Observed], Values]:
        def values(observed: Observed) -> Values:
            steps, found = curve(i)(observed)
            return steps[:1], found[:1]

        return values

    return [Points(f"first-{i}", first(i), Style(style.colour, width=8)) for i, style in enumerate(TERMS)]


def _loss_span(observed: Observed) -> tuple[float, float]:
    shown = [observed.losses, *observed.terms.values(), *(record.losses for record in observed.earlier)]
    known = np.concatenate([np.asarray(values, dtype=float) for values in shown])
    known = known[known > 0]
    if not len(known):
        return 0.01, 1.0
    return max(float(known.min()), _DEEPEST * float(known.max())), float(known.max())


def _loss_ticks(observed: Observed) -> list[float]:
    return log_ticks(*_loss_span(observed))


def _loss_limits(observed: Observed) -> tuple[float, float]:
    (low, high), ticks = _loss_span(observed), _loss_ticks(observed)
    return min(ticks[0], low) / _ROOM_BELOW, _ROOM_ABOVE * max(ticks[-1], high)


def _steps(observed: Observed) -> tuple[float, float]:
    last = float(max([observed.last_step, *(record.steps for record in observed.earlier)]))
    return -_ROOM_BEFORE * last, last


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


def _loss_title(observed: Observed) -> str:
    if observed.earlier:
        return "Loss; numbers: earlier runs"
    return "Loss" if observed.step else "Loss before training"


STEP = Axis("step", "Step", limits=_steps)

LOSS = Figure(
    "loss",
    _loss_title,
    STEP,
    Axis("loss", "Loss", limits=_loss_limits, scale="log", ticks=_loss_ticks),
    [
        Curve("earlier", earlier(Record.curve), PALE),
        Words("numbers", ends(Record.curve), Style(GREY)),
        *(
            Curve(f"term-{i}", _term(i), style, _name_of(i, lambda observed: list(observed.terms)))
            for i, style in enumerate(TERMS)
        ),
        Curve("whole", lambda observed: thinned(observed.losses, _POINTS), LIVE, "loss"),
        *_firsts(_term),
        Points("first", lambda observed: thinned(observed.losses[:1], 1), Style(BLUE, width=8)),
    ],
    shown=lambda observed: not observed.fits,
    legend="top_right",
)


def _share(i: int) -> Callable[[Observed], Values]:
    def values(observed: Observed) -> Values:
        shares = list(observed.shares.values())
        return (np.asarray(observed.share_steps), 100 * np.asarray(shares[i])) if i < len(shares) else NOTHING

    return values


SHARES = Figure(
    "shares",
    lambda observed: "Which term teaches" if observed.step else "Which term teaches first",
    STEP,
    Axis("share", "Share of the gradient", "%", (0.0, 130.0), ticks=(0, 25, 50, 75, 100)),
    [
        Guides("half", lambda observed: 50.0, across="y"),
        *(
            Curve(f"term-{i}", _share(i), style, _name_of(i, lambda observed: list(observed.shares)))
            for i, style in enumerate(TERMS)
        ),
        *_firsts(_share),
    ],
    shown=lambda observed: observed.shows_ear,
    legend="top_right",
    area="five",
)
