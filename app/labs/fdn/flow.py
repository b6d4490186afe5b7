"""The network drawn as the way of the sound: in, delays as long as they are, absorption, out, and the crossings back.

Every stroke is as wide as its gain is strong; the colour is its sign. From left to right: the input gains, the delay
lines, what they lose at each pass, the output gains, and the feedback matrix as crossings into the lines.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from amtlib.fdn import FDNBuild
from amtlib.plot import Array, Axis, Figure, Layer, Strokes, Style, Words
from amtlib.plot.theme import BLUE, GREEN, GREY, MINUS, PLUS
from app.labs.fdn import parts
from app.labs.fdn.words import loop_gain

#: Where things stand, from left to right: the input, the delay lines, the output, the crossings.
_IN, _LINE, _LINE_END, _OUT, _FROM, _INTO = 0.0, 0.45, 3.0, 3.75, 4.1, 6.0
_SPAN = (-0.25, 6.5)
#: Width of the strongest stroke, px; what is weaker than this share of it is not drawn.
_WIDEST, _FAINTEST = 7.0, 0.02
#: Most lines whose numbers stand at the ends of the crossings, too.
_NUMBERED = 8
#: Strokes of all lines together are so wide, px, where there are many.
_TOGETHER = 60.0
#: px of a line's bar, and what its highlight adds.
_BAR, _MORE = 9.0, 5.0
#: dB a pass that make a mark of a length of 1 line.
_LOSS_DB = 6.0
#: Farther from a crossing than this share of the distance of two lines, a click means the line.
_NEAR = 0.3

Ends = tuple[Array, Array, Array, Array, Array]


@dataclass(frozen=True)
class Flow:
    """What the figure reads: a network now, and which line, and into which other one, is looked at; 0 for none."""

    build: FDNBuild
    line: int = 0
    into: int = 0


def strokes(build: FDNBuild, sign: int) -> Ends:
    """Return the gains of one sign as strokes: input gains, output gains and crossings."""
    at = np.arange(1.0, build.N + 1)
    into, source = np.nonzero(np.ones_like(build.A))
    flat = np.zeros(build.N)
    b, c = build.B[:, 0], build.C[0]
    x0 = np.concatenate([flat + _IN, flat + _LINE_END, np.full(len(into), _FROM)])
    x1 = np.concatenate([flat + _LINE, flat + _OUT, np.full(len(into), _INTO)])
    y0, y1 = np.concatenate([at, at, source + 1.0]), np.concatenate([at, at, into + 1.0])
    gains = np.concatenate([b, c, build.A[into, source]])
    strongest = np.concatenate(
        [np.full(len(group), max(float(np.abs(group).max()), 1e-9)) for group in (b, c, build.A.ravel())]
    )
    share = sign * gains / strongest
    kept = share > _FAINTEST
    return x0[kept], y0[kept], x1[kept], y1[kept], widest(build) * share[kept]


def widest(build: FDNBuild) -> float:
    """Return the width of the strongest stroke, px."""
    return min(_WIDEST, _TOGETHER / build.N)


def lines(build: FDNBuild) -> Ends:
    """Return the delay lines as bars, as long as their delays."""
    at = np.arange(1.0, build.N + 1)
    lengths = build.delays / build.delays.max() * (_LINE_END - _LINE - 0.3)
    return np.full(build.N, _LINE), at, _LINE + lengths, at, np.full(build.N, _BAR)


def wires(build: FDNBuild) -> Ends:
    """Return the thin wires between the parts: the rails of input and output, and the way on to the crossings."""
    at = np.arange(1.0, build.N + 1)
    ends = lines(build)[2]
    x0, x1 = np.concatenate([[_IN, _OUT], ends]), np.concatenate([[_IN, _OUT], np.full(build.N, _FROM)])
    y0, y1 = np.concatenate([[0.45, 0.45], at]), np.concatenate([[build.N, build.N], at])
    return x0, y0, x1, y1, np.ones(len(x0))


def losses(build: FDNBuild) -> Ends:
    """Return what each line loses at a pass as upright marks: low frequencies, and beside them the highest."""
    x, y0, y1 = [], [], []
    for line in range(1, build.N + 1):
        for i, loss in enumerate(parts.loss_per_pass(build, line)):
            half = 0.45 * min(loss / _LOSS_DB, 1.0)
            x.append(_LINE_END - 0.2 + 0.09 * i)
            y0.append(line - half)
            y1.append(line + half)
    return np.array(x), np.array(y0), np.array(x), np.array(y1), np.full(len(x), 3.0)


def chosen(flow: Flow) -> Ends:
    """Return the highlight of the part that is looked at."""
    line, into, build = flow.line, flow.into, flow.build
    if not line or max(line, into) > build.N:
        return (np.zeros(0),) * 5
    if into:
        return tuple(map(np.atleast_1d, (_FROM, float(line), _INTO, float(into), widest(build) + _MORE)))  # type: ignore[return-value]
    end = float(lines(build)[2][line - 1])
    return tuple(map(np.atleast_1d, (_LINE, float(line), end, float(line), _BAR + _MORE)))  # type: ignore[return-value]


def at_place(build: FDNBuild, x: float, y: float) -> tuple[int, int]:
    """Return the line, and the one that it feeds (0: the line itself), at a place of the figure.

    Examples
    --------
    >>> from amtlib.fdn import FDNBuild
    >>> build = FDNBuild([[0, 1], [1, 0]], [1, 1], [1, 1], 0, [50, 60], 48000)
    >>> at_place(build, 1.0, 1.1), at_place(build, 5.05, 1.6), at_place(build, 5.5, 1.3)
    ((1, 0), (2, 1), (2, 1))
    """
    line = int(np.clip(round(y), 1, build.N))
    if x <= _FROM or x >= _INTO:
        return line, 0
    into, source = np.nonzero(np.abs(build.A) > _FAINTEST * np.abs(build.A).max())
    across = (x - _FROM) / (_INTO - _FROM)
    # How far the stroke is from the place, upwards; wide ones are easier to hit.
    away = np.abs(source + 1 + across * (into - source) - y) - 0.1 * np.abs(build.A[into, source])
    nearest = int(np.argmin(away))
    return (int(source[nearest]) + 1, int(into[nearest]) + 1) if away[nearest] < _NEAR else (line, 0)


def _of_build(values: Callable[..., Ends], *more: Any) -> Callable[[Any], Ends]:
    return lambda observed: values(observed.flow.build, *more)


def _certificate(observed: Any) -> tuple[Array, Array, list[str]]:
    """Return the bound of the loop, which stands under the lines: as short as the figure is narrow."""
    if observed.stability is None:
        return np.zeros(0), np.zeros(0), []
    place = np.array([sum(_SPAN) / 2]), np.array([_under(observed.flow.build.N)])
    return (*place, [loop_gain(observed.stability)])


def _under(n: int) -> float:
    """Return how far down the figure of so many lines reaches."""
    return n + 0.5 + 0.11 * (n + 1)


def _names(observed: Any) -> tuple[Array, Array, list[str]]:
    n = observed.flow.build.N
    numbered = np.arange(1, n + 1) if n <= _NUMBERED else np.zeros(0, dtype=int)
    return (
        np.array([_IN, 1.7, _OUT, 5.15, *np.full(len(numbered), _INTO + 0.25)]),
        np.array([*np.full(4, 0.4), *numbered + 0.03 * (n + 1)]),
        ["in", "delays", "out", "matrix", *map(str, numbered)],
    )


def _title(observed: Any) -> str:
    flow = observed.flow
    if not flow.line:
        return "Width is strength, purple turns the sign: click a part"
    return parts.described(flow.build, flow.line, flow.into)


def _numbers(observed: Any) -> list[float]:
    return list(range(1, observed.flow.build.N + 1))


def _rows(observed: Any) -> tuple[float, float]:
    n = observed.flow.build.N
    return 0.6 - 0.16 * (n + 1), _under(n)


_LAYERS: list[Layer] = [
    Strokes("wires", _of_build(wires), Style(GREY, alpha=0.6)),
    Strokes("chosen", lambda observed: chosen(observed.flow), Style(GREEN, alpha=0.6)),
    Strokes("lines", _of_build(lines), Style(BLUE, alpha=0.8)),
    Strokes("losses", _of_build(losses), Style(GREY)),
    Strokes("minus", _of_build(strokes, -1), MINUS),
    Strokes("plus", _of_build(strokes, 1), PLUS),
    Words("names", _names, Style(GREY)),
    Words("certificate", _certificate, Style(GREY)),
]

NETWORK = Figure(
    "network",
    _title,
    Axis("way", "The way of the sound", limits=_SPAN, labelled=False, numbered=False),
    Axis("line", "Delay line", limits=_rows, ticks=_numbers, flipped=True),
    _LAYERS,
    grid=False,
    zooms="",
    pointable=True,
    area="matrix",
)
