"""Small pictures of numbers as SVG, made on the server: their colours come from the page's style sheet, light or dark.

The labs' figures need BokehJS, 6 MB of it; a telephone that takes a listening test does not.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

#: Size of a picture, and room for its axes, in units of its own.
_WIDTH, _HEIGHT = 640.0, 360.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 68.0, 14.0, 14.0, 52.0


@dataclass(frozen=True)
class Scale:
    """An axis: what it says, its range, and whether it is logarithmic."""

    label: str
    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Return where a value is, from 0 to 1; values beyond the ends are at them."""
        low, high, at = (math.log(v) if self.log else v for v in (self.low, self.high, max(value, self.low)))
        return min(max((at - low) / (high - low), 0.0), 1.0)

    def ticks(self) -> list[float]:
        """Return some four to eight round values within the range."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            many = math.log10(self.high / self.low) > 2.5
            found = [m * 10.0**k for k in decades for m in ((1,) if many else (1, 2, 5))]
            inside = [v for v in found if self.low * 0.999 <= v <= self.high * 1.001]
            if len(inside) >= 2:
                return inside
        rough = (self.high - self.low) / 5.0
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


@dataclass
class Picture:
    """A picture with two axes, to which lines, dots and bands are added.

    Parameters
    ----------
    says : str
        What it shows, for those who do not see it.
    x, y : Scale
        Its axes.
    """

    says: str
    x: Scale
    y: Scale
    _parts: list[str] = field(default_factory=list)
    _names: list[tuple[str, str]] = field(default_factory=list)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        across = _LEFT + self.x.place(x) * (_WIDTH - _LEFT - _RIGHT)
        down = _HEIGHT - _BOTTOM - self.y.place(y) * (_HEIGHT - _TOP - _BOTTOM)
        return round(across, 1), round(down, 1)

    def line(self, points: Sequence[tuple[float, float]], kind: str, name: str = "") -> None:
        """Add a line through points, in the colour of a kind, with its name in the legend."""
        path = " ".join("{},{}".format(*self._at(*point)) for point in points)
        self._parts.append(f'<polyline class="line {kind}" points="{path}"/>')
        if name:
            self._names.append((kind, name))

    def dots(
        self,
        points: Sequence[tuple[float, float]],
        kind: str,
        sizes: Sequence[float] | None = None,
        *,
        hollow: bool = False,
    ) -> None:
        """Add dots, of some sizes."""
        drawn = "dot hollow" if hollow else "dot"
        for point, size in zip(points, sizes or [3.5] * len(points), strict=True):
            across, down = self._at(*point)
            self._parts.append(f'<circle class="{drawn} {kind}" cx="{across}" cy="{down}" r="{size:.1f}"/>')

    def box(self, low: tuple[float, float], high: tuple[float, float], kind: str, name: str = "") -> None:
        """Add a filled box between two corners."""
        left, bottom = self._at(*low)
        right, top = self._at(*high)
        width, height = max(right - left, 1.5), max(bottom - top, 1.5)
        self._parts.insert(
            0 if kind == "known" else len(self._parts),
            f'<rect class="box {kind}" x="{left}" y="{top}" width="{width:.1f}" height="{height:.1f}"/>',
        )
        if name:
            self._names.append((kind, name))

    def svg(self) -> str:
        """Return the picture with its legend, as HTML."""
        axes = []
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        for value in self.x.ticks():
            across, _ = self._at(value, self.y.low)
            axes.append(f'<path class="grid" d="M{across} {_TOP}V{bottom}"/>')
            axes.append(
                f'<text class="tick" x="{across}" y="{bottom + 18}" text-anchor="middle">{_said(value)}</text>'
            )
        for value in self.y.ticks():
            _, down = self._at(self.x.low, value)
            axes.append(f'<path class="grid" d="M{_LEFT} {down}H{right}"/>')
            axes.append(
                f'<text class="tick" x="{_LEFT - 8}" y="{down + 5}" text-anchor="end">{_said(value)}</text>'
            )
        middle = round((_TOP + bottom) / 2, 1)
        labels = (
            f'<text class="label" x="{(_LEFT + right) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">'
            f"{html.escape(self.x.label)}</text>"
            f'<text class="label" transform="translate(16 {middle}) rotate(-90)" text-anchor="middle">'
            f"{html.escape(self.y.label)}</text>"
        )
        keys = "".join(
            f'<li><span class="key {kind}"></span>{html.escape(name)}</li>' for kind, name in self._names
        )
        legend = f'<ul class="keys">{keys}</ul>' if keys else ""
        return (
            f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{html.escape(self.says)}">'
            f"{''.join(axes)}{''.join(self._parts)}{labels}</svg>{legend}"
        )


def _said(value: float) -> str:
    return f"{value:.6g}".replace("-", "−")


def around(values: Sequence[float], label: str, *, log: bool, least: float = 0.0) -> Scale:
    """Return an axis that holds some values, with some room on both sides.

    Parameters
    ----------
    values : sequence of float
    label : str
    log : bool
    least : float
        Width of the range at least: a difference, or on a logarithmic axis the logarithm of a factor.

    Examples
    --------
    >>> around([1.0, 4.0], "Level (dB)", log=False)
    Scale(label='Level (dB)', low=0.76, high=4.24, log=False)
    """
    places = [math.log(v) if log else v for v in values]
    low, high = min(places), max(places)
    room = max(0.08 * (high - low), (least - (high - low)) / 2.0, 1e-6)
    low, high = low - room, high + room
    return Scale(label, math.exp(low) if log else low, math.exp(high) if log else high, log)
