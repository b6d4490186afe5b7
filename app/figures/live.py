"""Figures that open cheaply and move fast: HoloViews draws them once a process, browsers get copies, moves send data.

Why figures are sent in this way: ARCHITECTURE.md and benchmarks/wire.py.
figure.py declares what a figure shows.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import holoviews as hv
from bokeh.document import Document

from amtlib.plot.axes import Rising
from amtlib.plot.figure import Figure, beside, leave_room_for_colours
from amtlib.plot.layers import Image
from app.figures.film import Film, Moments
from app.figures.wire import Scene

_TEMPLATES: dict[tuple[int, ...], str] = {}
_LOCK = threading.Lock()


class FigureSet(Mapping[str, Figure]):
    """The figures of a lab by name, checked when they are declared.

    Parameters
    ----------
    figures : iterable of Figure

    Raises
    ------
    ValueError
        If two figures have the same name.

    Examples
    --------
    >>> from amtlib.plot import Axis, Curve, Figure
    >>> line = Curve("line", lambda state: ([0.0, 1.0], [0.0, state]))
    >>> found = FigureSet([Figure("one", "A line", Axis("x", "Time", "s"), Axis("y", "Level", "dB"), [line])])
    >>> list(found)
    ['one']
    """

    def __init__(self, figures: Iterable[Figure] = ()) -> None:
        self._figures: dict[str, Figure] = {}
        for figure in figures:
            if figure.name in self._figures:
                raise ValueError(f"Two figures are called {figure.name}; rename one.")
            self._figures[figure.name] = figure
        self._template = ""

    def __getitem__(self, name: str) -> Figure:
        try:
            return self._figures[name]
        except KeyError:
            known = ", ".join(self._figures) or "none"
            raise KeyError(f"There is no figure called {name!r}; the figures are {known}.") from None

    def __iter__(self) -> Any:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def areas(self) -> str:
        """Return the CSS that places those figures whose area of the page's grid has another name than they have."""
        placed = (figure for figure in self.values() if figure.area)
        return "".join(
            f'.figures > [data-name="{figure.name}"] {{ grid-area: {figure.area}; }}\n' for figure in placed
        )

    def films(self) -> list[dict[str, Any]]:
        """Return the films that can be played, and what shows the figure that each stands in."""
        return [
            layer.content(f"{figure.name}/{layer.name}")
            for figure in self.values()
            for layer in figure.layers
            if isinstance(layer, Film)
        ]

    def moments(self) -> list[dict[str, Any]]:
        """Return the pictures that go along with sounds, as `MomentsContent` of page/js/types.ts."""
        return [
            {"source": f"{figure.name}/{layer.name}", "sounds": list(layer.sounds)}
            for figure in self.values()
            for layer in figure.layers
            if isinstance(layer, Moments)
        ]

    def axes(self) -> dict[str, dict[str, Any]]:
        """Return what each figure's axes and cells measure, as `FigureAxes` of page/js/types.ts."""
        return {
            name: {
                **{
                    side: {"label": axis.label, "unit": axis.unit, "scale": axis.scale}
                    for side, axis in (("x", figure.x), ("y", figure.y))
                },
                "cells": [
                    {"source": f"{name}/{layer.name}-data", "unit": layer.unit}
                    for layer in figure.layers
                    if isinstance(layer, Image)
                ],
                "sounds": list(figure.x.sounds),
                "perSecond": figure.x.per_second,
            }
            for name, figure in self.items()
        }

    def one_column(self) -> str:
        """Return the CSS of a grid with the figures below each other, for a lab that gives none."""
        names = [figure.area or figure.name for figure in self.values()] + ["film"] * bool(self.films())
        areas = " ".join(f'"{name}"' for name in names)
        return (
            f'.figures {{ grid-template-columns: minmax(0, 1fr); grid-template-areas: {areas} "corner"; }}\n'
        )

    def template(self) -> str:
        """Return the figures without values as a Bokeh document in JSON, one root a figure; made once a process."""
        with _LOCK:
            if not self._template:
                self._template = self._drawn()
            return self._template

    def _drawn(self) -> str:
        document = Document()
        ranges: dict[str, Any] = {}
        coloured = {figure.x.name for figure in self.values() if figure.image is not None}
        above = Counter(figure.x.name for figure in self.values())
        with document.models.freeze():  # it looks through all its models whenever it is given a root
            for figure in self.values():
                drawn = hv.render(figure.blank(), backend="bokeh")
                if figure.x.name in coloured and above[figure.x.name] > 1:
                    leave_room_for_colours(drawn)
                if figure.x.scale != "names":
                    drawn.x_range = ranges.setdefault(figure.x.name, drawn.x_range)
                drawn.y_range = ranges.setdefault(figure.y.name, drawn.y_range)
                drawn.name = figure.name
                for name in figure.named_lines:
                    drawn.add_layout(beside(name))
                document.add_root(drawn)
        written = document.to_json(deferred=False)
        written.pop("defs", None)  # of Panel's own models: figures have none, and a page defines them anyway
        return json.dumps(written, separators=(",", ":"))


class LiveFigures:
    """What one page's figures show now, and what was pinned.

    Parameters
    ----------
    figures : FigureSet

    Attributes
    ----------
    scene : Scene
        What the page shows, and what of it has not been sent yet.
    """

    def __init__(self, figures: FigureSet) -> None:
        self.figures = figures
        self.scene = Scene()
        self._pinned: dict[str, dict[str, Any]] = {name: {} for name in figures}
        self._held: dict[str, float] = {}

    def draw(self, state: Any) -> None:
        """Put a state into the scene: all of it, or, where something cannot be computed, nothing.

        Raises
        ------
        ValueError
            What the layers raise: the settings do not fit together.
        """
        for put in [step for figure in self.figures.values() for step in self._steps(figure, state)]:
            put()

    def _steps(self, figure: Figure, state: Any) -> list[Callable[[], None]]:
        """Return what puts a figure into the scene."""
        scene, name = self.scene, figure.name
        shown = figure.is_shown(state)
        steps: list[Callable[[], None]] = []
        if figure.shown is not None:
            steps.append(lambda: scene.set(name, visible=shown))
        if not shown:
            return steps
        x, y = figure.x, figure.y

        def put(do: Callable[..., None], *args: Any, **columns: Any) -> None:
            steps.append(lambda: do(*args, **columns))

        for layer in figure.layers:
            source = f"{name}/{layer.name}"
            values = figure.values_of(layer, state, self._pinned[name])
            if isinstance(layer, Image):
                between = layer.between(state)
                put(scene.data, source, **layer.coloured(values, x, y, between))
                if isinstance(layer, Moments):
                    put(scene.film, source, **layer.film(state, between))
                if callable(layer.colours):
                    put(scene.set, f"{source}-colours", low=between[0], high=between[1])
            else:
                put(scene.data, source, **layer.columns(values, x, y))
            if isinstance(layer, Film):
                put(scene.film, source, **layer.film(values, y))
            for part, properties in layer.properties(state).items():
                put(scene.set, f"{source}-{part}", **properties)
        if callable(figure.title):
            put(scene.set, f"{name}.title", text=figure.title(state))
        for side, axis in (("x", x), ("y", y)):
            if callable(axis.limits) or isinstance(axis.limits, Rising):
                key = f"{name}.{side}_range"
                limits = axis.between(state, self._held.get(key, 0.0))
                self._held[key] = max(limits)
                put(scene.limits, key, *limits)
            if callable(axis.ticks):
                put(
                    scene.set, f"{name}/{side}-ticks", ticks=[float(t) for t in axis.place(axis.ticks(state))]
                )
        return steps

    def pin(self, state: Any) -> None:
        """Keep what the pinned layers of all figures show in a state."""
        self._pinned = {
            name: {layer.name: layer.values(state) for layer in figure.layers if layer.pinned}
            for name, figure in self.figures.items()
        }

    def unpin(self) -> None:
        """Forget what was pinned."""
        self._pinned = {name: {} for name in self.figures}

    @property
    def rises(self) -> bool:
        """Whether some limits move in steps, so that there is something to fit."""
        axes = [axis for figure in self.figures.values() for axis in (figure.x, figure.y)]
        return any(isinstance(axis.limits, Rising) for axis in axes)

    def fit(self, state: Any) -> None:
        """Let the limits that move in steps go to what is there now."""
        for figure in self.figures.values():
            for side, axis in (("x", figure.x), ("y", figure.y)):
                if figure.is_shown(state) and isinstance(axis.limits, Rising):
                    self._held[f"{figure.name}.{side}_range"] = axis.limits.fitted(state)

    def at(self, name: str, state: Any) -> hv.Overlay:
        """Return a figure in a state as a HoloViews overlay, with what is pinned."""
        return self.figures[name].at(state, self._pinned[name])

    def csv(self, name: str, state: Any) -> str:
        """Return what a figure shows in a state as comma-separated columns with units."""
        return self.figures[name].csv(state, self._pinned[name])
