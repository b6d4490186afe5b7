"""What a picture of a result shows, as plain data, and the small SVG that a notebook shows of it.
Source: the colour maps of the figures, viridis of matplotlib and PuOr of ColorBrewer, at 16 and at 11 places.
Not here: the figures that one looks at closely (:mod:`amtlib.plot`, which draws the same data with HoloViews).
"""

import base64
import html
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amtlib.scales import fc2erb

__all__ = ["FREQUENCY", "TIME", "Chart", "Direction"]

Array = NDArray[np.float64]
Pair = tuple[Any, Any]

#: Colours of lines, in their order, and of cells from the lowest value to the highest: of magnitudes, and of values
#: on both sides of zero; figures have these colours too
COLOURS = ("#0E86D4", "#E69F00", "#009E73", "#8C8C8C")
MAGNITUDE = (
    "440154 48196B 462F7C 404387 38568B 30678D "
    "29788E 23888D 1E988A 22A784 35B778 53C567 79D151 A5DA35 D2E11B FDE724"
)
SIGNED = "2D004B 542788 8073AC B2ABD2 D8DAEB F7F7F7 FEE0B6 FDB863 E08214 B35806 7F3B08"
_DASHES = ("", "6 3", "6 3 2 3", "2 3")
#: Size of a picture, px; free at its edges for labels: left, right, above, below; most columns of a line, most
#: columns and rows of cells: as many rows as a network has lines
WIDTH, HEIGHT = 360, 170
_LEFT, _RIGHT, _ABOVE, _BELOW = 44, 8, 18, 30
_COLUMNS, _CELLS = 240, (120, 64)


def _numbers(values: Any) -> Array:
    return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, dtype=np.float64)


def one(values: Any, dims: int = 1) -> Array:
    """
    Return numbers as an array of so many dimensions: of a batch, the first; empty where they are not known.

    Examples
    --------
    >>> one(torch.ones(5, 2, 3)).shape, one([1.0, 2.0]).shape
    ((3,), (2,))
    """
    found = values if isinstance(values, Tensor) else np.asarray(values)
    while found.ndim > dims and len(found):
        found = found[0]
    if found.ndim != dims or (isinstance(found, Tensor) and found.is_meta):
        return np.zeros((0,) * dims)
    return _numbers(found)


@dataclass(frozen=True)
class Direction:
    """
    One of the two directions of a chart: what is measured along it.

    Parameters
    ----------
    label, unit : str
    scale : {'linear', 'log', 'erb'}
        'erb': values in Hz, equally far apart in ERB.
    flipped : bool
        Whether values grow downwards.
    limits : tuple of float, optional
        Least and greatest value that is shown; all where none are given.
    """

    label: str
    unit: str = ""
    scale: Literal["linear", "log", "erb"] = "linear"
    flipped: bool = False
    limits: tuple[float, float] | None = None

    @property
    def heading(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def place(self, values: Any) -> Array:
        """Return where values lie along it."""
        found = np.asarray(values, dtype=np.float64)
        if self.scale == "erb":
            return np.asarray(fc2erb(torch.from_numpy(np.array(found))).numpy())
        if self.scale == "log":
            return np.log10(np.where(found > 0.0, found, np.nan))
        return found


TIME = Direction("Time", "s")
FREQUENCY = Direction("Frequency", "Hz", "erb")


@dataclass(frozen=True)
class Chart:
    """
    A picture as data: lines, points, or cells, along two directions.

    Values may be arrays, tensors or sequences of numbers; the fields are arrays afterwards.

    Parameters
    ----------
    title : str
        Empty where the words beside it say what it is.
    x, y : Direction
    lines, points : dict of str to tuple
        Name -> x and y, of equal length. At most four lines.
    cells : tuple, optional
        Centres along x, shape (M,), along y, shape (N,), equally far apart as drawn, and values, shape (N, M).
    colours : tuple of float, optional
        Values of the first and the last colour; least and greatest where none are given.
    measures, unit : str
        What the colours show.
    signed : bool
        Whether colours have white in their middle, for values on both sides of 0.

    Raises
    ------
    ValueError
        If there are more than four names of lines and points.

    Examples
    --------
    >>> steps = Chart("Loss", Direction("Step"), Direction("Loss"), {"loss": ([0, 1, 2], [4.0, 2.0, 1.0])})
    >>> steps.svg()[:31]
    '<svg viewBox="0 0 360 170" widt'
    """

    title: str
    x: Direction
    y: Direction
    lines: Mapping[str, Pair] = field(default_factory=dict)
    points: Mapping[str, Pair] = field(default_factory=dict)
    cells: tuple[Any, Any, Any] | None = None
    colours: tuple[float, float] | None = None
    measures: str = "Level"
    unit: str = "dB"
    signed: bool = False

    def __post_init__(self) -> None:
        """Hold plain arrays, and refuse more lines than there are colours."""
        if (count := len({*self.lines, *self.points})) > len(COLOURS):
            raise ValueError(f"{count} lines are not one picture; give 1 to {len(COLOURS)}")
        for name in ("lines", "points"):
            pairs = {each: (_numbers(x), _numbers(y)) for each, (x, y) in getattr(self, name).items()}
            object.__setattr__(self, name, pairs)
        if self.cells is not None:
            x, y, values = self.cells
            object.__setattr__(self, "cells", (_numbers(x), _numbers(y), _numbers(values)))

    def __bool__(self) -> bool:
        """Whether there is something to see."""
        if self.cells is not None:
            return all(each.size for each in self.cells) and bool(np.isfinite(self.cells[2]).any())
        return any(_there(self.x.place(x), self.y.place(y)).any() for x, y in self._pairs)

    @property
    def _pairs(self) -> list[Pair]:
        return [*self.lines.values(), *self.points.values()]

    def between(self) -> tuple[float, float]:
        """Return the values of the first and the last colour."""
        if self.colours is not None or self.cells is None:
            return self.colours or (0.0, 1.0)
        values = self.cells[2]
        known = values[np.isfinite(values)]
        if self.signed:
            most = float(np.abs(known).max()) or 1.0
            return -most, most
        low, high = float(known.min()), float(known.max())
        return low, high if high > low else low + 1.0

    def limits(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the least and the greatest value along x and along y, in their units."""
        if self.cells is not None:
            x, y, _ = self.cells
            return _ends(x), _ends(y)
        found = []
        for direction, each in ((self.x, 0), (self.y, 1)):
            values = np.concatenate([pair[each].ravel() for pair in self._pairs])
            values = values[np.isfinite(direction.place(values))]
            found.append(direction.limits or (float(values.min()), float(values.max())))
        return found[0], found[1]

    def svg(self, width: int = WIDTH, height: int = HEIGHT, *, labelled: bool = True) -> str:
        """Return a small picture; lines in words of the page's colour, so that it fits light and dark."""
        left, right, above, below = (_LEFT, _RIGHT, _ABOVE, _BELOW) if labelled else (8, 8, 8, 8)
        inner = (left, above, width - left - right, height - above - below)
        about = html.escape(self.title, quote=True)
        name = f'role="img" aria-label="{about}"><title>{about}</title>' if about else 'aria-hidden="true">'
        parts = [f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" {name}']
        if self:
            parts += self._drawn(inner)
            if labelled:
                parts += self._labels(inner, height)
        return "".join([*parts, "</svg>"])

    def _drawn(self, inner: tuple[int, int, int, int]) -> list[str]:
        left, above, width, height = inner
        if self.cells is not None:
            return [_image(self.cells[2], self.between(), self.signed, self.y.flipped, inner)]
        (x0, x1), (y0, y1) = (
            direction.place(ends) for direction, ends in zip((self.x, self.y), self.limits(), strict=True)
        )
        parts = []
        names = list(dict.fromkeys([*self.lines, *self.points]))
        for is_line, drawn in ((True, self.lines), (False, self.points)):
            for name, (x, y) in drawn.items():
                index = names.index(name)
                along, up = self.x.place(x), self.y.place(y)
                known = _there(along, up)
                across = left + width * _share(along[known], x0, x1)
                risen = np.clip(_share(up[known], y0, y1), 0.0, 1.0)
                down = above + height * (risen if self.y.flipped else 1.0 - risen)
                parts.append((_line if is_line else _dots)(across, down, index))
        return parts

    def _labels(self, inner: tuple[int, int, int, int], height: int) -> list[str]:
        left, above, width, tall = inner
        (x0, x1), (y0, y1) = self.limits()
        top, bottom = (y0, y1) if self.y.flipped else (y1, y0)
        right, foot = left + width, above + tall
        parts = [
            f'<path d="M{left} {above}V{foot}H{right}" fill="none" stroke="currentColor" opacity="0.5"/>',
            '<g font-family="sans-serif" font-size="10" fill="currentColor">',
            _text(left, height - 16, _short(x0)), _text(right, height - 16, _short(x1), "end"),
            _text((left + right) / 2, height - 4, self.x.heading, "middle"),
            _text(left - 4, above + 8, _short(top), "end"), _text(left - 4, foot, _short(bottom), "end"),
            _text(2, 10, self.y.heading),
        ]  # fmt: skip
        names = list(dict.fromkeys([*self.lines, *self.points]))
        if self.cells is not None:
            low, high = self.between()
            unit = f" {self.unit}" if self.unit else ""
            parts.append(_text(right, 10, f"{self.measures}: {_short(low)} to {_short(high)}{unit}", "end"))
        elif len(names) > 1:
            tags = "  ".join(
                f'<tspan fill="{colour}">{html.escape(name)}</tspan>'
                for name, colour in zip(names, COLOURS, strict=False)
            )
            parts.append(f'<text x="{right}" y="10" text-anchor="end" xml:space="preserve">{tags}</text>')
        return [*parts, "</g>"]


def _there(x: Array, y: Array) -> NDArray[np.bool_]:
    return np.isfinite(x) & np.isfinite(y)


def _share(values: Array, low: float, high: float) -> Array:
    return (values - low) / (high - low) if high > low else np.full(values.shape, 0.5)


def _ends(centres: Array) -> tuple[float, float]:
    return float(centres[0]), float(centres[-1])


def _short(value: float) -> str:
    return f"{float(f'{value:.3g}'):.6g}"


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{html.escape(words)}</text>'


def _line(x: Array, y: Array, index: int) -> str:
    if len(x) > 2 * _COLUMNS:  # what each column of the picture shows: its highest and its lowest point
        starts = np.linspace(0, len(x), _COLUMNS + 1).astype(int)[:-1]
        y = np.stack([np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)], 1).ravel()
        x = np.repeat(x[starts], 2)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    dash = f' stroke-dasharray="{_DASHES[index]}"' if _DASHES[index] else ""
    return f'<polyline points="{points}" fill="none" stroke="{COLOURS[index]}" stroke-width="1.5"{dash}/>'


def _dots(x: Array, y: Array, index: int) -> str:
    step = max(1, len(x) // _COLUMNS)
    return "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="none" stroke="{COLOURS[index]}"/>'
        for a, b in zip(x[::step], y[::step], strict=True)
    )


def palette(signed: bool = False, count: int = 256) -> NDArray[np.uint8]:
    """
    Return the colours of cells, shape (count, 3): of magnitudes, or white in the middle.

    Examples
    --------
    >>> palette(signed=True, count=11)[5].tolist()
    [247, 247, 247]
    """
    stops = [
        [int(each[i : i + 2], 16) for i in (0, 2, 4)] for each in (SIGNED if signed else MAGNITUDE).split()
    ]
    at = np.linspace(0.0, 1.0, count)
    known = np.linspace(0.0, 1.0, len(stops))
    return np.stack([np.interp(at, known, row) for row in np.transpose(stops)], 1).round().astype(np.uint8)


def _image(
    values: Array, between: tuple[float, float], signed: bool, flipped: bool, inner: tuple[int, int, int, int]
) -> str:
    left, above, width, height = inner
    columns, rows = (
        np.unique(np.linspace(0, size, min(size, most), endpoint=False).astype(int))
        for size, most in zip(values.shape[::-1], _CELLS, strict=True)
    )
    low, high = between
    seen = np.nan_to_num(values, nan=(low + high) / 2.0 if signed else low, neginf=low, posinf=high)
    # Of what falls into one place, the highest is seen; of both signs, what is furthest from 0
    for axis, starts in ((1, columns), (0, rows)):
        high_there, low_there = (each.reduceat(seen, starts, axis=axis) for each in (np.maximum, np.minimum))
        seen = np.where(signed & (-low_there > high_there), low_there, high_there)
    seen = seen if flipped else seen[::-1]
    shades = (255 * np.clip((seen - low) / (high - low), 0.0, 1.0)).astype(int)
    data = base64.b64encode(png(palette(signed)[shades])).decode("ascii")
    return (
        f'<image href="data:image/png;base64,{data}" x="{left}" y="{above}" width="{width}" height="{height}" '
        'preserveAspectRatio="none"/>'
    )


def png(pixels: NDArray[np.uint8]) -> bytes:
    """
    Return an image of shape (rows, columns, 3) as a PNG file (W3C, Portable Network Graphics).

    Examples
    --------
    >>> png(palette()[:, None])[1:4]
    b'PNG'
    """

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">2I5B", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def named(lines: Mapping[str, Any], x: Any) -> dict[str, Pair]:
    """
    Return lines over the same x, each of one dimension: of batches the first.

    Examples
    --------
    >>> named({"a": torch.ones(5, 2)}, [0.0, 1.0])["a"]
    (array([0., 1.]), array([1., 1.]))
    """
    along = one(x)
    return {name: (along, one(y)) for name, y in lines.items()}


def over_time(title: str, time: Any, lines: Mapping[str, Any], measured: Direction) -> Chart:
    """
    Return lines over the time in s.

    Examples
    --------
    >>> bool(over_time("Rising", [0.0, 1.0], {"one": [2.0, 3.0]}, Direction("Loudness", "sone")))
    True
    """
    return Chart(title, TIME, measured, named(lines, time))


def over_frequency(
    title: str, frequencies: Sequence[float] | Any, lines: Mapping[str, Any], measured: Direction
) -> Chart:
    """
    Return lines over the frequency in Hz, on the ERB scale.

    Examples
    --------
    >>> over_frequency("Gain", [100.0, 1000.0], {"one": [0.0, -3.0]}, Direction("Gain", "dB")).x.scale
    'erb'
    """
    return Chart(title, FREQUENCY, measured, named(lines, frequencies))
