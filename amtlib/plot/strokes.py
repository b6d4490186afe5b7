"""Straight strokes, each of a width of its own: what flows through a network, drawn as thick as it is strong."""

from dataclasses import dataclass
from typing import Any, ClassVar

import holoviews as hv
import numpy as np

from amtlib.plot.axes import Array, Axis
from amtlib.plot.layers import Layer, small


@dataclass(frozen=True)
class Strokes(Layer):
    """Strokes; `values` returns the ends x0, y0, x1, y1 and the widths in px, each of shape ``(K,)``."""

    nothing: ClassVar[Any] = (np.zeros(0),) * 5

    def element(self, values: Any, x: Axis, y: Axis, label: str) -> hv.Element:
        """Return segments."""
        kdims = ["x0", "y0", "x1", "y1"]
        style = self.style
        return hv.Segments(self._placed(values, x, y), kdims, "line_width", label=label).opts(
            color=style.colour, alpha=style.alpha, line_width=hv.dim("line_width")
        )

    @staticmethod
    def _placed(values: Any, x: Axis, y: Axis) -> tuple[Array, ...]:
        x0, y0, x1, y1, widths = values
        return tuple(map(small, (x.place(x0), y.place(y0), x.place(x1), y.place(y1), widths)))

    def columns(self, values: Any, x: Axis, y: Axis) -> dict[str, Any]:
        """Return the ends and the widths of the strokes."""
        return dict(zip(("x0", "y0", "x1", "y1", "line_width"), self._placed(values, x, y), strict=True))

    def table(self, values: Any, x: Axis, y: Axis) -> dict[str, Array]:
        """Return the ends and the widths of the strokes."""
        ends = (
            f"from, {x.heading}",
            f"from, {y.heading}",
            f"to, {x.heading}",
            f"to, {y.heading}",
            "width (px)",
        )
        return dict(zip(ends, map(np.asarray, values), strict=True))
