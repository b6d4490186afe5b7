"""What it costs to show the filterbank lab's six figures to one more browser, and to move them: three ways.

    python benchmarks/wire.py [--sessions 20] [--moves 40] [--rounds 7]

shared   one template a process, one packed message a move (what the labs do: `app.figures`)
native   the same template made into Bokeh models for each session, `source.data` in one hold
dynamic  a HoloViews DynamicMap a figure for each session (what `lab.figure` gives to a cell)

Prints CPU time and bytes of an opening and of a move, the bytes with which a page that lost its connection is brought
up to date, and memory a session; medians of the rounds, which alternate. Nothing is sent: what is measured is what the
server does until bytes are ready.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
import psutil
from bokeh.core.serialization import Buffer, Serialized, Serializer
from bokeh.document import Document
from bokeh.models import Range1d

from app.figures import LiveFigures
from app.figures.wire import bundled
from app.labs.filterbank.figures import FIGURES
from app.labs.filterbank.model import FilterbankModel
from app.labs.filterbank.view import FilterbankLab


def size(written: Any) -> int:
    """Return the bytes of something serialised: its text and its buffers."""
    buffers: list[Buffer] = []
    if isinstance(written, Serialized):
        buffers, written = list(written.buffers or []), written.content
    return len(json.dumps(written, default=str)) + sum(len(buffer.data) for buffer in buffers)


class Shared:
    """One template a process; a session holds what its page shows."""

    def __init__(self, model: FilterbankModel) -> None:
        self.model, self.live = model, LiveFigures(FIGURES)

    def open(self) -> int:
        self.live.draw(self.model)
        self.live.scene.changes()
        return len(FIGURES.template()) + self.whole()

    def whole(self) -> int:
        return size(Serializer(deferred=True).serialize(bundled(self.live.scene.whole())))

    def move(self) -> int:
        self.live.draw(self.model)
        changes = self.live.scene.changes()
        return 0 if changes is None else size(Serializer(deferred=True).serialize(bundled(changes)))


class Native:
    """The template as Bokeh models of the session."""

    def __init__(self, model: FilterbankModel) -> None:
        self.model = model

    def open(self) -> int:
        self.document = Document.from_json(json.loads(FIGURES.template()))
        self.models = {m.name: m for m in self.document.models if m.name}
        self.roots = {root.name: root for root in self.document.roots}
        self._put()
        return self.whole()

    def whole(self) -> int:
        return size(self.document.to_json(deferred=False))

    def _put(self) -> None:
        for name, figure in FIGURES.items():
            for layer in figure.layers:
                values = figure.values_of(layer, self.model, {})
                source = self.models[f"{name}/{layer.name}-data"]
                if layer is figure.image:
                    columns = layer.coloured(values, figure.x, figure.y, layer.between(self.model))
                    columns["image"] = [np.asarray(values[2], dtype=np.float32)]
                else:
                    columns = layer.columns(values, figure.x, figure.y)
                    columns = {key: _plain(each) for key, each in columns.items()}
                source.data = columns
            for side, axis in (("x", figure.x), ("y", figure.y)):
                drawn = getattr(self.roots[name], f"{side}_range")
                if isinstance(drawn, Range1d):
                    drawn.update(**dict(zip(("start", "end"), axis.between(self.model), strict=True)))
            self.roots[name].title.text = figure.heading(self.model)

    def move(self) -> int:
        events: list[Any] = []
        self.document.on_change(events.append)
        self.document.hold("combine")
        self._put()
        self.document.unhold()
        self.document.remove_on_change(events.append)
        serializer = Serializer(references=self.document.models.synced_references, deferred=True)
        return sum(size(serializer.serialize(event)) for event in events)


def _plain(values: Any) -> Any:
    """Return a column as Bokeh takes it."""
    if isinstance(values, dict) and "every_line" in values:
        return [values["every_line"]] * values["lines"]
    if isinstance(values, dict):
        low, step = values["low"], (values["high"] - values["low"]) / 255
        return list((low + step * values["packed"]).astype(np.float32))
    return values


class Dynamic:
    """A DynamicMap a figure, as a pane."""

    def __init__(self, model: FilterbankModel) -> None:
        self.lab = FilterbankLab(model)

    def open(self) -> int:
        self.document = Document()
        panes = [pn.pane.HoloViews(self.lab.figure(name), linked_axes=False) for name in FIGURES]
        self.pane = pn.Column(*panes)
        self.pane.server_doc(self.document)
        return self.whole()

    def whole(self) -> int:
        return size(self.document.to_json(deferred=False))

    def move(self) -> int:
        events: list[Any] = []
        self.document.on_change(events.append)
        self.document.hold("combine")
        self.lab._redrawn.event(version=self.lab._redrawn.version + 1)
        self.document.unhold()
        self.document.remove_on_change(events.append)
        serializer = Serializer(references=self.document.models.synced_references, deferred=True)
        return sum(size(serializer.serialize(event)) for event in events)


def timed(do: Callable[[], int]) -> tuple[float, int]:
    """Return the CPU time of a call in ms, and the bytes that it made."""
    began = time.process_time()
    made = do()
    return 1000 * (time.process_time() - began), made


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sessions", type=int, default=20)
    options.add_argument("--moves", type=int, default=40)
    options.add_argument("--rounds", type=int, default=7)
    chosen = options.parse_args()
    FIGURES.template()
    found: dict[str, list[tuple[float, ...]]] = {way.__name__: [] for way in (Shared, Native, Dynamic)}
    for number in range(chosen.rounds + 1):
        for way in (Shared, Native, Dynamic):
            model = FilterbankModel()
            page = way(model)
            opening, first = timed(page.open)
            moves = []
            for i in range(chosen.moves):
                model.bank.bandwidth = 1.0 + 0.05 * (i % 20)
                assert model.result is not None  # the model's own work is the same for all
                moves.append(timed(page.move))
            whole = page.whole()
            if number:  # the first round warms up
                cpu, sent = (statistics.median(each) for each in zip(*moves, strict=True))
                found[way.__name__].append((opening, first, cpu, sent, whole))
    memory = {}
    for way in (Shared, Native, Dynamic):
        gc.collect()
        before = psutil.Process().memory_info().rss
        kept = [way(FilterbankModel()) for _ in range(chosen.sessions)]
        for page in kept:
            page.open()
        memory[way.__name__] = (psutil.Process().memory_info().rss - before) / chosen.sessions / 2**20
        kept.clear()
    print("way      open, ms  open, kB  move, ms  move, kB  reconnect, kB  memory, MB")
    for name, rows in found.items():
        opening, first, cpu, sent, whole = (statistics.median(each) for each in zip(*rows, strict=True))
        print(
            f"{name.lower():8} {opening:8.1f} {first / 1e3:9.0f} {cpu:9.1f} {sent / 1e3:9.1f}"
            f" {whole / 1e3:14.0f} {memory[name]:11.2f}"
        )
    shared, native = (statistics.median(row[2] for row in found[name]) for name in ("Shared", "Native"))
    print(f"a move costs {native / shared:.1f} times as much natively")


if __name__ == "__main__":
    hv.extension("bokeh")
    main()
