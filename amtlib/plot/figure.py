"""A figure, declared once: axes, layers, title. Pages, notebooks, pictures and tables all come from the declaration.

Not the sending: `app.figures.live` keeps what a page shows up to date. Not one lab's figures: see its figures.py.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    FixedTicker,
    Label,
    NoOverlap,
    PrintfTickFormatter,
    Range1d,
)

from amtlib.plot.axes import Array, Axis, Limits
from amtlib.plot.layers import Curve, Image, Layer
from amtlib.plot.theme import (
    LABEL_SIZE,
    LEFT,
    LEGEND_SIZE,
    RIGHT,
    RIGHT_OF_COLOURS,
    SIGNED,
    SIGNED_REVERSED,
    TICK_SIZE,
    TITLE_SIZE,
)

# Elements need a backend before their options can be set; in a server this has happened already.
if hv.Store.current_backend != "bokeh" or "bokeh" not in hv.Store.renderers:
    # In a notebook this sends BokehJS along: a classroom may be offline, and the figures must show there too.
    hv.extension("bokeh", logo=False, inline=True)
# WebGL draws specks onto thin lines, and an image wider than the largest texture kills the whole page.
hv.renderer("bokeh").webgl = False

#: Tools of a figure, by its `zooms`.
_TOOLS = {"xy": ("box_zoom", "reset"), "x": ("xbox_zoom", "reset")}
_CORNERS = {"", "top_left", "top_right", "bottom_left", "bottom_right"}


@dataclass(frozen=True)
class Figure:
    """One figure of a lab.

    Parameters
    ----------
    name : str
        Of letters, digits, "_" and "-": of the figure in the page's grid, in `lab.figure` and in files.
    title : str or callable
        What is seen; or what says so when called with what the figure reads from.
    x, y : Axis
    layers : sequence of Layer
        From the one behind to the one in front.
    shown : callable, optional
        Whether the figure is shown; it is always where this is not given. One that is not shown computes nothing.
    height : int
        px.
    legend : str
        The corner that the legend stands in, such as ``"top_right"``; none where it is empty.
    legend_columns : int
    grid : bool
        Whether lines are drawn behind the layers to read values from; there are none behind coloured cells.
    zooms : str
        Directions in which a part can be drawn larger: ``"xy"``, ``"x"`` or none.
    pointable : bool
        Whether a click or a drag in it looks closer, see `LabView.pointed`.
    wide_left : bool
        Whether the axis at its left gets the room that it has in the other figures.
    area : str
        Area of the page's grid that it stands in, where that is not called as the figure is: figures of which one is
        shown at a time share one.

    Raises
    ------
    ValueError
        If the name is no name, two layers have the same one, or the legend stands in no corner.
    """

    name: str
    title: str | Callable[[Any], str]
    x: Axis
    y: Axis
    layers: Sequence[Layer]
    shown: Callable[[Any], bool] | None = None
    height: int = 262
    legend: str = ""
    legend_columns: int = 1
    grid: bool = True
    zooms: str = "xy"
    pointable: bool = False
    wide_left: bool = True
    area: str = ""

    def __post_init__(self) -> None:
        if not self.name.replace("-", "_").isidentifier():
            raise ValueError(f"{self.name!r} is no name of a figure; use letters, digits, _ and -.")
        names = [layer.name for layer in self.layers]
        if double := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"Figure {self.name} has several layers called {', '.join(double)}; rename them."
            )
        if not names:
            raise ValueError(f"Figure {self.name} has no layers; give at least one.")
        if self.legend not in _CORNERS:
            raise ValueError(
                f"Figure {self.name} has its legend at {self.legend!r}; choose one of "
                f"{', '.join(sorted(_CORNERS - {''}))}."
            )

    @property
    def image(self) -> Image | None:
        """The layer of coloured cells, if there is one."""
        return next((layer for layer in self.layers if isinstance(layer, Image)), None)

    @property
    def named_lines(self) -> list[str]:
        """Names of the lines that a page calls by their labels beside them, as far as these find a place there."""
        if self.image is not None or not self.legend:
            return []
        return [f"{self.name}/{each.name}" for each in self.layers if isinstance(each, Curve) and each.label]

    def is_shown(self, state: Any) -> bool:
        """Whether the figure is shown in a state."""
        return self.shown is None or self.shown(state)

    def heading(self, state: Any) -> str:
        """Return the title in a state."""
        return self.title(state) if callable(self.title) else self.title

    def blank(self) -> hv.Overlay:
        """Return the figure without values, as pages get it."""
        elements = [layer.element(layer.nothing, self.x, self.y, layer.legend) for layer in self.layers]
        title = self.name if callable(self.title) else self.title
        return self._dressed(elements, title, self.x.stand_in(), self.y.stand_in(), {})

    def at(self, state: Any, pinned: dict[str, Any] | None = None) -> hv.Overlay:
        """Return the figure in a state, as a HoloViews overlay."""
        elements, labels = [], {}
        for layer in self.layers:
            values = self.values_of(layer, state, pinned)
            # The label of an element tells HoloViews which curve of the last frame it is, so it stays the same.
            element = layer.element(values, self.x, self.y, layer.legend)
            if isinstance(layer, Image):
                element = element.opts(clim=layer.between(state))
            if layer.label:
                shown = layer.label(state) if callable(layer.label) else layer.label
                labels[layer.name] = shown if len(element) else ""
            elements.append(element)
        return self._dressed(
            elements, self.heading(state), self.x.between(state), self.y.between(state), labels
        )

    def values_of(self, layer: Layer, state: Any, pinned: dict[str, Any] | None) -> Any:
        """Return what one layer shows."""
        return (pinned or {}).get(layer.name, layer.nothing) if layer.pinned else layer.values(state)

    def tables(
        self, state: Any, pinned: dict[str, Any] | None = None
    ) -> Iterator[tuple[str, dict[str, Array]]]:
        """Give the columns of every layer that shows something, under the layer's name."""
        for layer in self.layers:
            table = layer.table(self.values_of(layer, state, pinned), self.x, self.y)
            if all(len(column) for column in table.values()):
                yield layer.name, table

    def csv(self, state: Any, pinned: dict[str, Any] | None = None) -> str:
        """Return what the figure shows as text: a title, then the columns of each layer, headed by name and unit."""
        parts = [f"# {self.heading(state)}"]
        for name, table in self.tables(state, pinned):
            rows = zip(*(_written(column) for column in table.values()), strict=True)
            parts += [f"# {name}", ",".join(f'"{heading}"' for heading in table), *map(",".join, rows)]
        return "\n".join(parts) + "\n"

    def _dressed(
        self, elements: list[Any], title: str, x: Limits, y: Limits, labels: Mapping[str, str]
    ) -> hv.Overlay:
        # HoloViews takes the tools of an overlay from its elements, and gives one that names none all that it knows.
        tools = [*_TOOLS.get(self.zooms, ()), "save"]
        ticks = {
            f"{side}ticks": marks
            for side, axis in (("x", self.x), ("y", self.y))
            if not callable(axis.ticks) and (marks := axis.marks()) is not None
        }
        legend = {"legend_position": self.legend, "legend_cols": self.legend_columns} if self.legend else {}
        shared: dict[str, Any] = {
            "title": title,
            "height": self.height,
            "responsive": True,
            "fontscale": 1.0,
            "fontsize": {
                "title": TITLE_SIZE,
                "labels": LABEL_SIZE,
                "ticks": TICK_SIZE,
                "legend": LEGEND_SIZE,
            },
            "xlabel": self.x.shown,
            "ylabel": self.y.shown,
            "xlim": tuple(sorted(x)),
            "ylim": tuple(sorted(y)),
            "invert_xaxis": self.x.flipped,
            "invert_yaxis": self.y.flipped,
            "logx": self.x.scale == "log",
            "logy": self.y.scale == "log",
            "show_grid": self.grid and self.image is None,
            "default_tools": tools,
            **ticks,
        }
        finish = partial(self._finish, x=x, y=y)
        dressed = []
        for layer, element in zip(self.layers, elements, strict=True):
            hooks = [partial(self._name_models, layer=layer, label=labels.get(layer.name))]
            if layer is self.layers[0]:  # in `figure * element` HoloViews keeps the options of elements alone
                element = element.opts(**shared, hooks=[*hooks, finish])
            else:
                element = element.opts(hooks=hooks, default_tools=tools)
            dressed.append(element)
        return hv.Overlay(dressed).opts(
            hv.opts.Overlay(
                **shared,
                **legend,
                framewise=False,
                axiswise=True,
                show_legend=bool(self.legend),
                hooks=[finish],
            )
        )

    def _finish(self, plot: Any, _element: Any, *, x: Limits, y: Limits) -> None:
        """Set what HoloViews has no options for, and name what pages change."""
        figure = plot.handles["plot"]
        dress(figure)
        figure.name = self.name
        figure.min_border_left = LEFT if self.wide_left else 40
        figure.min_border_right = RIGHT
        for axis, declared in ((figure.xaxis[0], self.x), (figure.yaxis[0], self.y)):
            if not declared.numbered:
                axis.update(major_label_text_font_size="0px", major_tick_in=0, major_tick_out=0)
        self._set_tickers(figure)
        _move(figure.x_range, x)
        _move(figure.y_range, y)

    def _set_tickers(self, figure: Any) -> None:
        for side, axis, shown, lines in (
            ("x", figure.xaxis[0], self.x, figure.xgrid),
            ("y", figure.yaxis[0], self.y, figure.ygrid),
        ):
            if callable(shown.ticks):
                axis.ticker = FixedTicker(ticks=[0.1, 1, 10], name=f"{self.name}/{side}-ticks")
                axis.formatter = PrintfTickFormatter(format="%.3g")
            elif shown.scale == "linear" and shown.ticks is None and self.height < 120:
                axis.ticker = BasicTicker(desired_num_ticks=3, num_minor_ticks=0)
            elif shown.scale == "linear" and shown.ticks is None and shown.whole:
                axis.ticker = BasicTicker(min_interval=1, num_minor_ticks=0)
            for grid in lines:
                grid.ticker = axis.ticker

    def _name_models(self, plot: Any, _element: Any, *, layer: Layer, label: str | None) -> None:
        """Name the models of a layer that pages change, and say in the legend what it shows now."""
        source = plot.handles["source"]
        if isinstance(source, ColumnDataSource):
            source.name = f"{self.name}/{layer.name}-data"
        if "color_mapper" in plot.handles:
            plot.handles["color_mapper"].name = f"{self.name}/{layer.name}-colours"
            if isinstance(layer, Image) and layer.colour_map in (SIGNED, SIGNED_REVERSED):
                plot.handles["color_mapper"].tags = ["signed"]  # pages draw its middle as their paper
        for item in (item for legend in plot.handles["plot"].legend for item in legend.items):
            if any(renderer.data_source is source for renderer in item.renderers):
                item.name = f"{self.name}/{layer.name}-legend"
                if label is not None:
                    item.update(label={"value": label}, visible=bool(label))


def dress(figure: Any) -> None:
    """Give a drawn figure what HoloViews has no options for: type sizes, a calm frame, a toolbar out of the way."""
    # Scrolling or swiping past a figure must move the page, not the figure, until a tool is chosen.
    figure.toolbar.update(logo=None, autohide=True, active_scroll=None, active_drag=None)
    figure.outline_line_alpha = 0.3
    _set_size(figure.title, text_font_size=TITLE_SIZE)
    for axis in (*figure.xaxis, *figure.yaxis):
        axis.update(
            major_label_policy=NoOverlap(),
            axis_label_text_font_style="normal",
            minor_tick_line_color=None,
        )
        _set_size(axis, axis_label_text_font_size=LABEL_SIZE, major_label_text_font_size=TICK_SIZE)
    for legend in figure.legend:
        _set_size(legend, label_text_font_size=LEGEND_SIZE)
        legend.update(
            glyph_height=12,
            glyph_width=16,
            label_height=12,
            spacing=0,
            padding=4,
            margin=4,
        )
        if legend.ncols not in ("auto", 1):
            legend.stylesheets = [".bk-grid { column-gap: 1em; }"]


def _set_size(model: Any, **sizes: str) -> None:
    """Set type sizes also where they are those of Bokeh, which takes these for unset and lets a theme change them."""
    model.update(**dict.fromkeys(sizes, "0px"))
    model.update(**sizes)


def beside(name: str) -> Label:
    """Return what shows the label of a line beside it; the page gives it its words and its place."""
    return Label(
        x=0,
        y=0,
        x_units="canvas",
        y_units="canvas",
        text="",
        text_font_size=LEGEND_SIZE,
        text_baseline="top",
        visible=False,
        name=f"{name}-beside",
    )


def _move(drawn: Any, limits: Limits) -> None:
    """Move the limits of a figure that is drawn already, but not where somebody has zoomed and they stay the same."""
    if isinstance(drawn, Range1d) and (drawn.reset_start, drawn.reset_end) != limits:
        start, end = limits
        drawn.update(start=start, end=end, reset_start=start, reset_end=end)


def leave_room_for_colours(figure: Any) -> None:
    """Give a drawn figure the margin that a colour bar needs, so that figures above each other share one axis."""
    figure.min_border_right = RIGHT_OF_COLOURS


def _written(column: Array) -> list[str]:
    """Return a column as text; numbers with nine digits."""
    if np.issubdtype(column.dtype, np.number):
        return [f"{value:.9g}" for value in column]
    return ['"' + str(value).replace('"', '""') + '"' for value in column]
