"""A figure is declared once: pages, live figures, tables come from it; a page is sent only what differs."""

import csv
import functools
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import holoviews as hv
import numpy as np
import pytest
from bokeh.models import ColorMapper, ColumnDataSource, Range1d

from amtlib.plot import Axis, Curve, Figure, Guides, Image, Rising, compared, erb_number
from app.figures import FigureSet, LiveFigures
from app.figures.wire import Scene, bundled
from app.labs.filterbank.view import FilterbankLab
from app.page.view import LabView
from app.site import LABS

X, Y = Axis("x", "Time", "s", (0.0, 1.0)), Axis("y", "Level", "dB", (0.0, 80.0))
LINE = Curve("line", lambda state: ([0.0, 1.0], [0.0, state]))


@pytest.fixture(scope="module")
def lab() -> FilterbankLab:
    return FilterbankLab()


@functools.cache
def page(made: type[LabView]) -> LabView:
    """Return a page of a lab, which tests only look at."""
    return made()


@functools.cache
def rendered(made: type[LabView], name: str) -> Any:
    """Return one of its figures as Bokeh's, drawn once: tests only look at it."""
    return hv.render(page(made).figure(name))


@pytest.fixture(params=LABS, ids=lambda made: made.slug)
def view(request: pytest.FixtureRequest) -> LabView:
    return page(request.param)


def roots(figures: FigureSet) -> dict[str, dict[str, Any]]:
    document = json.loads(figures.template())
    return {root["attributes"]["name"]: root["attributes"] for root in document["roots"]}


def models(value: Any) -> Iterator[dict[str, Any]]:
    """Give every model written out in a Bokeh document."""
    if isinstance(value, dict):
        if value.get("type") == "object" and "attributes" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from models(part)


# ------------------------------------------------------------------ declarations


def test_two_figures_of_a_lab_have_two_names() -> None:
    with pytest.raises(ValueError, match="Two figures are called one"):
        FigureSet([Figure("one", "A", X, Y, [LINE]), Figure("one", "B", X, Y, [LINE])])


def test_two_layers_of_a_figure_have_two_names() -> None:
    with pytest.raises(ValueError, match="several layers called line"):
        Figure("one", "A", X, Y, [LINE, LINE])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "no name"}, "'no name' is no name of a figure"),
        ({"layers": []}, "no layers"),
        ({"legend": "left"}, "legend at 'left'"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_refused_when_it_is_declared(
    wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(Figure("one", "A", X, Y, [LINE]), **wrong)


def test_an_unknown_scale_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="choose linear, log, erb, place, modulation or names"):
        Axis("x", "Time", "s", scale="mel")


def test_a_figure_that_there_is_not_is_named_with_those_that_there_are(lab: FilterbankLab) -> None:
    with pytest.raises(KeyError, match="waveform, cochleagram"):
        lab.figure("spectrum")


# ------------------------------------------------------------------ every lab


@pytest.mark.parametrize("made", LABS, ids=lambda made: made.slug)
def test_a_template_holds_one_root_for_each_figure_and_is_made_once(made: Any) -> None:
    assert list(roots(made.figures)) == list(made.figures)
    assert made.figures.template() is made.figures.template()
    assert len(made.figures.template()) < max(250_000, 15_000 * len(made.figures))


def test_what_a_page_fills_is_there_in_the_template(view: LabView) -> None:
    named = {m["attributes"].get("name"): m for m in models(json.loads(view.figures.template()))}
    live = LiveFigures(FigureSet([replace(figure, shown=None) for figure in view.figures.values()]))
    live.pin(view.reads())
    live.draw(view.reads())
    scene = live.scene.whole()
    for source, columns in scene["data"].items():
        entries = named[f"{source}-data"]["attributes"]["data"]["entries"]
        assert set(columns) == {key for key, _ in entries}, source
    for path in (*scene["set"], *scene["limits"]):
        assert path.split(".")[0] in named, path


def test_every_figure_stands_by_itself_with_the_numbers_of_the_page(view: LabView) -> None:
    for name, figure in view.figures.items():
        drawn = rendered(type(view), name)
        assert drawn.name == name
        assert drawn.title.text == figure.heading(view.reads()) != ""
        assert (drawn.toolbar.logo, drawn.toolbar.active_scroll) == (None, None)
        tools = {type(tool).__name__: tool for tool in drawn.toolbar.tools}
        assert tools.keys() == ({"BoxZoomTool", "ResetTool", "SaveTool"} if figure.zooms else {"SaveTool"})
        if figure.zooms:
            assert tools["BoxZoomTool"].dimensions == {"x": "width", "xy": "both"}[figure.zooms]
        assert not figure.x.labelled or drawn.xaxis[0].axis_label == figure.x.shown
        live = LiveFigures(FigureSet([replace(figure, shown=None)]))
        live.draw(view.reads())
        for axis, limits in live.scene.whole()["limits"].items():
            span = getattr(drawn, axis.split(".")[1])
            assert not isinstance(span, Range1d) or [span.start, span.end] == limits
        sources = {source.name: source for source in drawn.select({"type": ColumnDataSource})}
        for source, columns in live.scene.whole()["data"].items():
            for column, sent in columns.items():
                shown = sources[f"{source}-data"].data.get(column)
                if isinstance(sent, np.ndarray) and shown is not None and len(sent):
                    np.testing.assert_allclose(np.asarray(shown, float), sent, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("made", LABS, ids=lambda made: made.slug)
def test_every_axis_with_a_unit_says_it(made: Any) -> None:
    for name, root in roots(made.figures).items():
        figure = made.figures[name]
        assert figure.x.unit == "" or f"({figure.x.unit})" in figure.x.heading
        assert root["title"]["attributes"]["text"]


def test_the_table_of_a_figure_has_columns_of_equal_length_with_units(view: LabView) -> None:
    for name in view.figures:
        rows = [row for row in csv.reader(view.table(name).splitlines()) if row]
        assert rows[0][0].startswith("# ")
        width = 0
        for row in rows:
            if row[0].startswith("# "):
                width = 0
            elif not width:
                width = len(row)
            else:
                assert len(row) == width


def test_a_page_gives_the_numbers_of_the_figures_that_it_shows(view: LabView) -> None:
    name, mime, content = view.export("data")
    assert (name, mime) == (f"amtlab-{view.slug}-data.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        shown = {n for n, figure in view.figures.items() if figure.is_shown(view.reads())}
        assert {file.removesuffix(".csv") for file in archive.namelist()} == shown
        for figure in shown:
            assert archive.read(f"{figure}.csv").decode() == view.table(figure)
    assert ["data", "Data"] in [each[:2] for each in view.contents.tools()["exports"]]


# ------------------------------------------------------------------ what a figure shows


def test_frequencies_lie_on_the_erb_scale_and_stay_hertz_in_the_table(lab: FilterbankLab) -> None:
    drawn = hv.render(lab.figure("excitation"))
    source = drawn.select_one({"name": "excitation/level-data"})
    np.testing.assert_allclose(source.data["channel"], erb_number(lab.lab.result.fc))
    rows = lab.table("excitation").splitlines()
    assert "Channel’s centre frequency (Hz)" in rows[2]
    assert float(rows[3].split(",")[1]) == pytest.approx(lab.lab.result.fc[0])


def test_a_cochleagram_is_not_upside_down_and_its_rows_are_centred_on_their_channels() -> None:
    fc = np.array([500.0, 600.0, 700.0])
    levels = np.array([[0.0, 0.0], [0.0, 0.0], [50.0, 50.0]])
    image = Image("levels", lambda _: ([0.25, 0.75], fc, levels), colours=(10.0, 70.0))
    figure = Figure("map", "Levels", X, Axis("place", "Place", "Hz", (400.0, 800.0), "erb"), [image])
    drawn = hv.render(figure.at(None))
    data = drawn.select_one({"name": "map/levels-data"}).data
    assert data["image"][0][-1].max() == 50  # the last row is drawn on top
    assert drawn.y_range.end > drawn.y_range.start
    bottom, step = data["y"][0], data["dh"][0] / 3
    assert bottom + step / 2 == pytest.approx(erb_number(500.0), abs=0.02)
    assert (data["x"][0], data["dw"][0]) == (0.0, 1.0)
    mapper = drawn.select_one({"type": ColorMapper})
    assert (mapper.low, mapper.high) == (10, 70)


@pytest.mark.parametrize("colours", ["magma", ("#000000", "#ff0000", "#ffffff")])
def test_an_image_has_the_colour_map_of_that_name_or_of_those_colours(colours: str | tuple[str, ...]) -> None:
    image = Image("levels", lambda _: ([0.25, 0.75], [500.0, 600.0], np.eye(2)), colour_map=colours)
    figure = Figure("map", "Levels", X, Axis("place", "Place", "Hz", (400.0, 800.0), "erb"), [image])
    palette = hv.render(figure.at(None)).select_one({"type": ColorMapper}).palette
    known = hv.plotting.util.process_cmap(colours, 256) if isinstance(colours, str) else colours
    assert (palette[0], palette[-1]) == (known[0], known[-1])
    assert len(set(palette)) == len(set(known))


def test_figures_with_the_same_axis_move_together_on_the_page(lab: FilterbankLab) -> None:
    found = roots(lab.figures)
    assert found["waveform"]["x_range"]["id"] == found["cochleagram"]["x_range"]["id"]
    assert found["excitation"]["y_range"]["id"] == found["cochleagram"]["y_range"]["id"]
    assert found["impulse"]["x_range"]["id"] != found["wave"]["x_range"]["id"]


def test_figures_with_the_same_axis_move_together_in_a_cell(lab: FilterbankLab) -> None:
    plot = hv.renderer("bokeh").get_plot(lab.figure("waveform") + lab.figure("cochleagram"))
    ranges = {
        figure.name: figure.x_range for figure in plot.state.select({"type": hv.plotting.bokeh.element.Plot})
    }
    assert ranges["waveform"] is ranges["cochleagram"]


def test_a_live_figure_follows_the_settings_with_title_limits_and_curve() -> None:
    lab = FilterbankLab()
    plot = hv.renderer("bokeh").get_plot(lab.figure("excitation") * lab.figure("excitation"))
    assert plot is not None
    drawn = hv.renderer("bokeh").get_plot(lab.figure("excitation")).handles["plot"]
    lab.lab.update({"v.ceiling": 100, "s.level": 80})
    assert drawn.x_range.end == 100
    shown = drawn.select_one({"name": "excitation/level-data"}).data["level"]
    np.testing.assert_allclose(shown, lab.lab.result.excitation)


def test_a_figure_with_a_mark_on_it_keeps_its_looks() -> None:
    # HoloViews takes what is the whole figure's from the first layer: one figure for each kind of it, of the first lab.
    kinds = {
        (type(figure.layers[0]), figure.x.scale, figure.y.scale): (made, name)
        for made in reversed(LABS)
        for name, figure in made.figures.items()
        if figure.x.scale != "names"
    }
    for made, name in kinds.values():
        alone = rendered(made, name)
        drawn = hv.render(page(made).figure(name) * hv.VLine(0.5))
        assert drawn.title.text == alone.title.text
        assert (drawn.height, drawn.sizing_mode) == (alone.height, alone.sizing_mode)
        assert drawn.xaxis[0].axis_label == alone.xaxis[0].axis_label
        for side in ("x_range", "y_range"):
            ends = [(getattr(each, side).start, getattr(each, side).end) for each in (drawn, alone)]
            assert ends[0] == ends[1], (name, side)
        assert type(drawn.x_scale) is type(alone.x_scale)
        assert drawn.toolbar.active_scroll is None
        assert drawn.xaxis[0].axis_label_text_font_size == alone.xaxis[0].axis_label_text_font_size


def test_a_figure_with_a_mark_on_it_follows_the_settings() -> None:
    lab = FilterbankLab()
    plot = hv.renderer("bokeh").get_plot(lab.figure("excitation") * hv.HLine(15.0))
    drawn = plot.handles["plot"]
    lab.lab.update({"v.ceiling": 100, "s.level": 80})
    assert drawn.x_range.end == 100
    shown = drawn.select_one({"name": "excitation/level-data"}).data["level"]
    np.testing.assert_allclose(shown, lab.lab.result.excitation)


def test_a_figure_takes_the_options_of_a_cell() -> None:
    lab = FilterbankLab()
    wide = lab.figure("cochleagram").opts(width=500, height=200, responsive=False, title="Mine")
    drawn = hv.renderer("bokeh").get_plot(wide).handles["plot"]
    lab.lab.update({"s.level": 70})
    assert (drawn.width, drawn.height, drawn.title.text) == (500, 200, "Mine")


def test_a_live_figure_keeps_the_last_good_picture_and_says_what_does_not_fit() -> None:
    lab = FilterbankLab()
    drawn = hv.renderer("bokeh").get_plot(lab.figure("waveform")).handles["plot"]
    before = drawn.select_one({"name": "waveform/sound-data"}).data["pressure"]
    lab.lab.update({"s.kind": "tone", "s.frequency": 20000})
    assert "16000 Hz" in drawn.title.text
    assert np.array_equal(drawn.select_one({"name": "waveform/sound-data"}).data["pressure"], before)
    lab.lab.update({"s.frequency": 1000})
    assert drawn.title.text == "Sound pressure over time"


def test_a_pinned_layer_shows_what_was_pinned_and_nothing_before_and_after() -> None:
    live = LiveFigures(FigureSet([Figure("one", "A line", X, Y, [*compared(LINE)])]))
    live.draw(10.0)
    assert not len(live.scene.columns("one/line-pinned")["y"])
    live.pin(10.0)
    live.draw(20.0)
    assert live.scene.columns("one/line-pinned")["y"].tolist() == [0, 10]
    assert live.scene.columns("one/line")["y"].tolist() == [0, 20]
    live.unpin()
    live.draw(20.0)
    assert not len(live.scene.columns("one/line-pinned")["y"])


def test_a_state_that_cannot_be_drawn_changes_nothing() -> None:
    def broken(state: float) -> Any:
        if state > 1:
            raise ValueError("too much")
        return [0.5]

    live = LiveFigures(FigureSet([Figure("one", "A line", X, Y, [LINE, Guides("guide", broken)])]))
    live.draw(1.0)
    live.scene.changes()
    with pytest.raises(ValueError, match="too much"):
        live.draw(2.0)
    assert live.scene.changes() is None


def test_what_is_not_shown_is_not_computed() -> None:
    def never(state: float) -> Any:
        raise AssertionError("computed")

    hidden = Figure("two", "Hidden", X, Y, [Curve("line", never)], shown=lambda state: state > 1)
    live = LiveFigures(FigureSet([Figure("one", "A line", X, Y, [LINE]), hidden]))
    live.draw(1.0)
    assert live.scene.whole()["set"] == {"two": {"visible": False}}


def test_limits_in_steps_move_seldom_and_fit_when_they_are_asked_to() -> None:
    axis = Axis("y", "Loudness", "sone", Rising(lambda state: state))
    live = LiveFigures(FigureSet([Figure("one", "Loudness", X, axis, [LINE])]))
    tops = []
    for highest in (1.0, 4.0, 1.0, 0.3):
        live.draw(highest)
        tops.append(live.scene.whole()["limits"]["one.y_range"][1])
    assert tops == [1.5, 5.0, 5.0, 0.5]
    live.draw(0.06)
    live.fit(0.06)
    live.draw(0.06)
    assert live.scene.whole()["limits"]["one.y_range"][1] == pytest.approx(0.07)


def test_limits_stay_at_their_least_until_something_is_higher_or_they_are_fitted() -> None:
    axis = Axis("y", "Loudness", "sone", Rising(lambda state: state, least=4.0))
    live = LiveFigures(FigureSet([Figure("one", "Loudness", X, axis, [LINE])]))

    def tops(*states: float) -> list[float]:
        found = []
        for state in states:
            live.draw(state)
            found.append(live.scene.whole()["limits"]["one.y_range"][1])
        return found

    assert tops(1.0, 0.0, 0.01, 4.0, 4.1, 3.0, 0.4) == [4.0, 4.0, 4.0, 4.0, 5.0, 5.0, 4.0]
    live.fit(0.4)
    assert tops(0.4, 0.01, 0.6) == [0.5, 0.5, 4.0]


# ------------------------------------------------------------------ settings by themselves


@pytest.mark.parametrize("made", LABS, ids=lambda made: made.slug)
def test_every_setting_has_a_widget_that_shows_its_value(made: Any) -> None:
    view = made()
    for key, field in view.model.fields.items():
        shown = view.control(key).value
        near = (
            shown == pytest.approx(field.value, rel=0.05)
            if isinstance(shown, float)
            else shown == field.value
        )
        assert near, key


def test_a_widget_sets_the_lab_and_follows_it() -> None:
    lab = FilterbankLab()
    widget = lab.control("f.bandwidth")
    widget.value = 2.0
    assert lab.lab.bank.bandwidth == 2
    lab.lab.update({"f.bandwidth": 0.5})
    assert widget.value == 0.5


def test_a_widget_goes_back_to_what_holds_where_its_value_does_not_fit() -> None:
    lab = FilterbankLab()
    highest = lab.control("f.high")
    highest.value = max(highest.options)
    assert lab.lab.bank.high == round(0.45 * lab.lab.bank.fs)
    assert highest.value == pytest.approx(lab.lab.bank.high, rel=0.01)


def test_a_setting_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(KeyError, match=r"s\.level"):
        FilterbankLab().control("level")


# ------------------------------------------------------------------ what travels


def test_setting_what_is_there_sends_nothing() -> None:
    scene = Scene()
    for _ in range(2):
        scene.data("curve", x=np.arange(3.0), y=[np.zeros(2), np.ones(2)])
        scene.set("figure.title", text="A")
        scene.limits("figure.x_range", 0, 1)
        changed, _ = scene.changes(), None
    assert changed is None


def test_only_what_differs_is_sent() -> None:
    scene = Scene()
    scene.data("a", x=np.arange(3.0))
    scene.data("b", x=np.arange(3.0))
    scene.limits("figure.x_range", 0, 1)
    scene.changes()
    scene.data("a", x=np.arange(3.0))
    scene.data("b", x=np.arange(4.0))
    changes = scene.changes()
    assert changes is not None
    assert list(changes["data"]) == ["b"]
    assert changes["limits"] == changes["set"] == {}


def test_a_page_that_opens_late_gets_everything() -> None:
    scene = Scene()
    scene.data("a", x=np.arange(3.0))
    scene.changes()
    assert list(scene.whole()["data"]) == ["a"]


def test_what_was_taken_out_does_not_change_later() -> None:
    scene = Scene()
    scene.data("a", x=np.arange(3.0))
    taken = scene.changes()
    scene.data("a", x=np.arange(5.0))
    assert taken is not None
    assert len(taken["data"]["a"]["x"]) == 3


def test_another_number_type_is_a_difference() -> None:
    scene = Scene()
    scene.data("a", x=np.zeros(2, dtype=np.float32))
    scene.changes()
    scene.data("a", x=np.zeros(2, dtype=np.float64))
    assert scene.changes() is not None


def test_a_scene_travels_with_one_array_that_holds_all() -> None:
    x, image = np.linspace(0, 1, 7, dtype=np.float32), np.arange(6, dtype=np.uint8).reshape(2, 3)
    columns = {"x": x, "lines": [x[:2], x[2:]], "text": ["a", "b"], "image": {"packed": image, "low": 0.0}}
    scene = {"data": {"one": columns, "none": {"y": x[:0]}}, "set": {"title": {"text": "t"}}, "limits": {}}
    sent = bundled(scene)

    def restored(value: Any) -> Any:
        if isinstance(value, list):
            return [restored(each) for each in value]
        if not isinstance(value, dict):
            return value
        if "dtype" not in value:
            return {key: restored(each) for key, each in value.items()}
        piece = sent["bytes"][value["from"] : value["to"]]
        return np.frombuffer(piece.tobytes(), dtype=value["dtype"]).reshape(value["shape"])

    def arrays(value: Any) -> int:
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return isinstance(value, np.ndarray) + sum(arrays(part) for part in parts)

    assert arrays(sent) == 1
    np.testing.assert_equal(restored(sent["data"]), scene["data"])
    assert (sent["set"], sent["limits"]) == (scene["set"], scene["limits"])


def test_a_scene_without_arrays_travels_as_it_is() -> None:
    scene = {"data": {"marks": {"text": ["a"]}}, "set": {}, "limits": {"x": [0, 1]}}
    assert bundled(scene) == scene
