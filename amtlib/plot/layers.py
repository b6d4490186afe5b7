"""What figures are made of: curves, images, areas and the like, each with the function that gives its values.

A layer is declared once. From it come a HoloViews element, the columns of the data source that a page patches, and
the columns of a table. What `values` returns is in the units of the axes, so a frequency is in Hz on every scale.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import holoviews as hv
import numpy as np

from amtlib.plot.axes import Array, Axis, Limits
from amtlib.plot.packing import every_line, packed
from amtlib.plot.theme import COLOUR_BAR, GUIDE, LIVE, MAGNITUDE, PINNED, TICK_SIZE, Style

#: From where to where a guide is drawn: beyond the limits of any axis, and still a number on a logarithmic one.
_FAR, _FAR_ON_LOG = (-1e6, 1e6), (1e-9, 1e9)


def small(values: Any) -> Array:
    """Return numbers as they travel and are drawn."""
    return np.asarray(values, dtype=np.float32)


@dataclass(frozen=True)
class Layer(ABC):
    """A part of a figure.

    Parameters
    ----------
    name : str
        Unlike that of any other layer of the figure.
    values : callable
        Takes what the figure reads from; returns what the kind of layer asks for.
    style : Style
    label : str or callable
        In the legend; or what gives it. A layer without one is not in the legend.
    pinned : bool
        Whether it shows the values of the state that is pinned, and nothing while none is.
    """

    name: str
    values: Callable[[Any], Any]
    style: Style = LIVE
    label: str | Callable[[Any], str] = ""
    pinned: bool = False

    #: What `values` returns where there is nothing to draw.
    nothing: ClassVar[Any] = (np.zeros(0), np.zeros(0))

    @property
    def legend(self) -> str:
        """The label that stands in a drawing without values."""
        return self.name if callable(self.label) else self.label

    @abstractmethod
    def element(self, values: Any, x: Axis, y: Axis, label: str) -> hv.Element:
        """Return the HoloViews element that shows these values."""

    @abstractmethod
    def columns(self, values: Any, x: Axis, y: Axis) -> dict[str, Any]:
        """Return the columns of the element's data source with these values, as they travel."""

    def properties(self, state: Any) -> dict[str, dict[str, Any]]:
        """Return what a page sets of the layer's models besides data: by model, property and value."""
        return {"legend": {"label": {"value": self.label(state)}}} if callable(self.label) else {}

    def table(self, values: Any, x: Axis, y: Axis) -> dict[str, Array]:
        """Return the values as columns of equal length, each headed by what it is and its unit."""
        along, up = values
        return {x.heading: np.asarray(along), y.heading: np.asarray(up)}


def _dimensions(x: Axis, y: Axis) -> list[Any]:
    return [hv.Dimension(axis.name, label=axis.label or axis.name, unit=axis.unit or None) for axis in (x, y)]


@dataclass(frozen=True)
class Curve(Layer):
    """A line; `values` returns x and y, each of shape ``(K,)``."""

    def element(self, values: Any, x: Axis, y: Axis, label: str) -> hv.Element:
        """Return a curve."""
        return hv.Curve(_two(values, x, y), *_dimensions(x, y), label=label).opts(**_line(self.style))

    def columns(self, values: Any, x: Axis, y: Axis) -> dict[str, Any]:
        """Return the columns of a curve."""
        along, up = values
        return {x.name: small(x.place(along)), y.name: small(y.place(up))}


@dataclass(frozen=True)
class Points(Layer):
    """Marks; `values` returns x and y, each of shape ``(K,)``. ``style.width`` is their size in px."""

    marker: str = "circle"
    hollow: bool = False

    def element(self, values: Any, x: Axis, y: Axis, label: str) -> hv.Element:
        """Return points."""
        style, is_cross = self.style, self.marker == "x"
        edge = style.colour if self.hollow or is_cross else "white"
        return hv.Points(_two(values, x, y), _dimensions(x, y), label=label).opts(
            color="white" if self.hollow else style.colour,
            line_color=edge,
            line_width=3 if is_cross else 2 if self.hollow else 1,
            size=style.width,
            marker=self.marker,
        )

    def columns(self, values: Any, x: Axis, y: Axis) -> dict[str, Any]:
        """Return the columns of points."""
        return Curve.columns(self, values, x, y)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Segments(Layer):
    """Straight lines from place to place."""

    @abstractmethod
    def _ends(self, values: Any, x: Axis, y: Axis) -> tuple[Array, Array, Array, Array]:
        """Return where they begin and end: x0, y0, x1 and y1, as drawn."""

    def element(self, values: Any, x: Axis, y: Axis, label: str) -> hv.Element:
        """Return segments."""
        kdims = ["x0", "y0", "x1", "y1"]
        return hv.Segments(self._ends(values, x, y), kdims, label=label).opts(**_line(self.style))

    def columns(self, values: Any, x: Axis, y: Axis) -> dict[str, Any]:
        """Return the ends of the lines."""
        return dict(zip(("x0", "y0", "x1", "y1"), self._ends(values, x, y), strict=True))


@dataclass(frozen=True)
class Guides(_Segments):
    """Straight lines across the whole figure; `values` returns where they cross the axis `across`."""

    style: Style = GUIDE
    across: str = "x"
    nothing: ClassVar[Any] = ()

    def _ends(self, values: Any, x: Axis, y: Axis) -> tuple[Array, Array, Array, Array]:
        axis, other = (x, y) if self.across == "x" else (y, x)
        at = small(axis.place(np.atleast_1d(np.asarray(values, dtype=float))))
        low, high = _FAR_ON_LOG if other.scale == "log" else _FAR
        ends = np.full_like(at, low), np.full_like(at, high)
        return (at, ends[0], at, ends[1]) if self.across == "x" else (ends[0], at, ends[1], at)

    def table(self, values: Any, x: Axis, y: Axis) -> dict[str, Array]:
        """Return where the lines are."""
        return {(x if self.across == "x" else y).heading: np.atleast_1d(np.asarray(values, dtype=float))}


@dataclass(frozen=True)
class Stems(_Segments):
    """Lines that stand on the bottom of the figure; `values` returns x and y of their tops, each of shape ``(K,)``."""

    def _ends(self, values: Any, x: Axis, y: Axis) -> tuple[Array, Array, Array, Array]:
        along, up = values
        if not len(along) and self.label:  # out of sight: a legend shows no colour of a layer without any
            along, up = x.stand_in()[:1], [-_FAR[1]]
            at = small(along)
        else:
            at = small(x.place(along))
        top = small(y.place(up))
        return at, np.full_like(top, _FAR[0]), at, top


@dataclass(frozen=True)
class Lines(Layer):
    """Many lines over the same x; `values` returns x of shape ``(K,)`` and the lines of shape ``(N, K)``.

    Parameters
    ----------
    coarse : tuple of float, optional
        Limits of y between which 256 steps are enough: the lines then travel in a quarter of the bytes.
    """

    coarse: Limits | None = None
    nothing: ClassVar[Any] = (np.zeros(0), np.zeros((0, 0)))

    def element(self, values: Any, x: Axis, y: Axis, label: str) -> hv.Element:
        """Return a path."""
        along, lines = values
        at = x.place(along)
        paths = [np.stack([at, y.place(each)], 1) for each in lines]
        return hv.Path(paths, _dimensions(x, y), label=label).opts(**_line(self.style))

    def columns(self, values: Any, x: Axis, y: Axis) -> dict[str, Any]:
        """Return the columns of many lines."""
        along, lines = values
        up = y.place(lines)
        ys = packed(up, *self.coarse) if self.coarse else list(small(up))
        return {"xs": every_line(small(x.place(along)), len(up)), "ys": ys}

    def table(self, values: Any, x: Axis, y: Axis) -> dict[str, Array]:
        """Return x and y of every line, one below the other, with the number of the line."""
        along, lines = np.asarray(values[0]), np.asarray(values[1])
        numbers = np.repeat(np.arange(1, len(lines) + 1), len(along))
        return {"line": numbers, x.heading: np.tile(along, len(lines)), y.heading: lines.ravel()}


@dataclass(frozen=True)
class Area(Layer):
    """A filled area; `values` returns x, its lower and its upper edge, each of shape ``(K,)``."""

    nothing: ClassVar[Any] = (np.zeros(0), np.zeros(0), np.zeros(0))

    def element(self, values: Any, x: Axis, y: Axis, label: str) -> hv.Element:
        """Return an area."""
        along, low, high = values
        dims = _dimensions(x, y)
        data = (x.place(along), y.place(high), y.place(low))
        return hv.Area(data, dims[0], [dims[1], f"{y.name}_floor"], label=label).opts(
            color=self.style.colour,
            fill_alpha=self.style.alpha,
            line_color=self.style.colour,
            line_width=self.style.width,
        )

    def columns(self, values: Any, x: Axis, y: Axis) -> dict[str, Any]:
        """Return the outline, counter-clockwise."""
        along, low, high = x.place(values[0]), y.place(values[1]), y.place(values[2])
        return {
            "x": small(np.concatenate([along, along[::-1]])),
            "y": small(np.concatenate([low, high[::-1]])),
        }

    def table(self, values: Any, x: Axis, y: Axis) -> dict[str, Array]:
        """Return x and the height of the area."""
        along, low, high = map(np.asarray, values)
        return {x.heading: along, y.heading: high - low}


@dataclass(frozen=True)
class Image(Layer):
    """Coloured cells; `values` returns their centres x of shape ``(M,)`` and y of shape ``(N,)``, and their values
    of shape ``(N, M)``; or None where there are none yet. The centres are equally far apart as drawn.

    Parameters
    ----------
    colours : tuple of float or callable
        Values of the first and the last colour; or what gives them.
    measures, unit : str
        What the colours show, and in what.
    colour_map : str or tuple of str
        Name of a map that HoloViews knows, or colours from the lowest value to the highest.
    """

    colours: Limits | Callable[[Any], Limits] = (0.0, 1.0)
    measures: str = "Level"
    unit: str = "dB"
    colour_map: str | tuple[str, ...] = MAGNITUDE
    nothing: ClassVar[Any] = None

    def between(self, state: Any) -> Limits:
        """Return the values of the first and the last colour."""
        return self.colours(state) if callable(self.colours) else self.colours

    def element(self, values: Any, x: Axis, y: Axis, label: str) -> hv.Element:
        """Return an image."""
        if values is None:  # without cells there would be no colour bar: one, out of sight
            left, bottom, right, top = -2e6, -2e6, -1e6, -1e6
            cells = np.zeros((2, 2), dtype=np.float32)
        else:
            left, bottom, right, top = self._bounds(values, x, y)
            cells = small(values[2])
        return hv.Image(
            cells[::-1],
            bounds=(left, bottom, right, top),
            kdims=_dimensions(x, y),
            vdims=hv.Dimension("level", label=self.measures, unit=self.unit or None),
        ).opts(
            cmap=self.colour_map if isinstance(self.colour_map, str) else list(self.colour_map),
            colorbar=True,
            colorbar_opts={
                "title": None,
                "width": COLOUR_BAR,
                "padding": 4,
                "major_label_text_font_size": TICK_SIZE,
            },
            clabel="",
            **({} if callable(self.colours) else {"clim": self.colours}),
        )

    @staticmethod
    def _bounds(values: Any, x: Axis, y: Axis) -> tuple[float, float, float, float]:
        (left, right), (bottom, top) = edges(x.place(values[0])), edges(y.place(values[1]))
        return left, bottom, right, top

    def coloured(self, values: Any, x: Axis, y: Axis, between: Limits) -> dict[str, Any]:
        """Return the columns of an image whose first and last colour are at these values."""
        if values is None:
            return {"image": [], "x": [], "y": [], "dw": [], "dh": []}
        left, bottom, right, top = self._bounds(values, x, y)
        return {
            "image": packed(np.asarray(values[2]), *between),
            "x": [left],
            "y": [bottom],
            "dw": [right - left],
            "dh": [top - bottom],
        }

    def columns(self, values: Any, x: Axis, y: Axis) -> dict[str, Any]:
        """Return the columns of an image with fixed colours."""
        raise TypeError("An image travels between the limits of its colours: use `coloured`.")

    def table(self, values: Any, x: Axis, y: Axis) -> dict[str, Array]:
        """Return one line a cell: its centre and its value."""
        along, up, cells = map(np.asarray, values or (np.zeros(0), np.zeros(0), np.zeros((0, 0))))
        heading = f"{self.measures} ({self.unit})" if self.unit else self.measures
        return {
            x.heading: np.tile(along, len(up)),
            y.heading: np.repeat(up, len(along)),
            heading: cells.ravel(),
        }


def edges(centres: Array) -> Limits:
    """Return where the first cell begins and the last one ends."""
    first, last = float(centres[0]), float(centres[-1])
    half = (last - first) / max(len(centres) - 1, 1) / 2 or 0.5
    return first - half, last + half


@dataclass(frozen=True)
class Words(Layer):
    """Words that stand above places; `values` returns x and y of shape ``(K,)`` and the words."""

    size: str = "12px"
    align: str = "center"
    """Which side of the words stands above the place: ``"left"``, ``"center"`` or ``"right"``"""
    nothing: ClassVar[Any] = (np.zeros(0), np.zeros(0), [])

    def element(self, values: Any, x: Axis, y: Axis, label: str) -> hv.Element:
        """Return labels."""
        along, up, words = values
        data = (x.place(along), y.place(up), list(words))
        return hv.Labels(data, _dimensions(x, y), "text", label=label).opts(
            text_font_size=self.size,
            text_color=self.style.colour,
            text_baseline="bottom",
            text_align=self.align,
        )

    def columns(self, values: Any, x: Axis, y: Axis) -> dict[str, Any]:
        """Return the columns of labels."""
        along, up, words = values
        at: Any = list(along) if x.scale == "names" else small(x.place(along))
        return {x.name: at, y.name: small(y.place(up)), "text": list(words)}

    def table(self, values: Any, x: Axis, y: Axis) -> dict[str, Array]:
        """Return places and words."""
        along, up, words = values
        return {x.heading: np.asarray(along), y.heading: np.asarray(up), "label": np.asarray(words)}


@dataclass(frozen=True)
class Bars(Layer):
    """One bar a name; `values` returns the heights in the order of `names`."""

    names: tuple[str, ...] = ()
    nothing: ClassVar[Any] = None

    def _heights(self, values: Any) -> Any:
        return np.zeros(len(self.names)) if values is None else np.asarray(values, dtype=float)

    def element(self, values: Any, x: Axis, y: Axis, label: str) -> hv.Element:
        """Return bars."""
        pairs = list(zip(self.names, self._heights(values), strict=True))
        return hv.Bars(pairs, *_dimensions(x, y), label=label).opts(
            color=self.style.colour, line_color=None, bar_width=0.55
        )

    def columns(self, values: Any, x: Axis, y: Axis) -> dict[str, Any]:
        """Return the columns of bars."""
        return {x.name: list(self.names), y.name: small(self._heights(values))}

    def table(self, values: Any, x: Axis, y: Axis) -> dict[str, Array]:
        """Return names and heights."""
        return {x.heading or "bar": np.asarray(self.names), y.heading: self._heights(values)}


@dataclass(frozen=True)
class Histogram(Layer):
    """Counts between edges; `values` returns the edges of shape ``(K + 1,)`` and the counts of shape ``(K,)``."""

    nothing: ClassVar[Any] = (np.zeros(1), np.zeros(0))

    def element(self, values: Any, x: Axis, y: Axis, label: str) -> hv.Element:
        """Return a histogram."""
        edges, counts = values if len(values[1]) else (np.arange(2.0), np.zeros(1))
        dims = _dimensions(x, y)
        return hv.Histogram((edges, counts), kdims=dims[0], vdims=dims[1], label=label).opts(
            fill_color=self.style.colour,
            fill_alpha=self.style.alpha,
            line_color=self.style.colour,
            line_width=self.style.width,
        )

    def columns(self, values: Any, x: Axis, y: Axis) -> dict[str, Any]:
        """Return the columns of a histogram."""
        edges, counts = small(values[0]), small(values[1])
        return {"left": edges[:-1], "right": edges[1:], "top": counts}

    def table(self, values: Any, x: Axis, y: Axis) -> dict[str, Array]:
        """Return the edges of each class and its count."""
        edges, counts = np.asarray(values[0]), np.asarray(values[1])
        return {f"from, {x.heading}": edges[:-1], f"to, {x.heading}": edges[1:], y.heading: counts}


def _two(values: Any, x: Axis, y: Axis) -> tuple[Array, Array]:
    return x.place(values[0]), y.place(values[1])


def _line(style: Style) -> Mapping[str, Any]:
    found: dict[str, Any] = {"color": style.colour, "line_width": style.width, "line_dash": style.dash}
    return found if style.alpha == 1.0 else {**found, "alpha": style.alpha}


def compared(live: Curve | Lines, label: str = "", style: Style | None = None) -> Sequence[Layer]:
    """Return a layer and, behind it, the same one of the pinned state.

    Parameters
    ----------
    live : Curve
    label : str
        Of the pinned one, in the legend.
    style : Style, optional
        Of the pinned one; otherwise that of everything that is pinned.
    """
    ghost = replace(live, name=f"{live.name}-pinned", label=label, style=style or PINNED, pinned=True)
    return ghost, live
