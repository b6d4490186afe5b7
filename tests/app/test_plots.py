"""Figures hold what they are given: types, axes, named sources; and data is cut to what a screen can show."""

from typing import Any

import holoviews as hv
import numpy as np
import pytest
import torch
from bokeh.models import ColumnDataSource
from hypothesis import given
from hypothesis import strategies as st

from amtlib import scales
from amtlib.train.losses import CochleagramPicture
from app import plots

FC = scales.erb2fc(torch.linspace(3, 33, 40, dtype=torch.float64)).numpy()


def sources(figure: Any) -> dict[str, ColumnDataSource]:
    return {s.name: s for s in figure.select({"type": ColumnDataSource}) if s.name}


@given(st.integers(1, 3000), st.integers(1, 700))
def test_peak_columns_keep_the_highest_value_in_its_place(length: int, columns: int) -> None:
    x = np.random.default_rng(length).normal(size=(3, length))
    reduced = plots.peak_columns(x, columns)
    assert reduced.shape == (3, min(length, columns))
    assert np.array_equal(reduced.max(-1), x.max(-1))
    place = (x.argmax(-1) + 0.5) / length * reduced.shape[1]
    assert np.abs(reduced.argmax(-1) + 0.5 - place).max() <= 1.5  # stretches end on whole samples


@given(st.integers(1, 3000), st.integers(1, 300))
def test_an_outline_keeps_the_extremes_and_the_budget(length: int, columns: int) -> None:
    x = np.random.default_rng(length).normal(size=length).astype(np.float32)
    outline = plots.envelope_outline(x, 1.0, 3.0, columns)
    assert len(outline["x"]) == len(outline["y"]) == min(length, 2 * columns)
    assert outline["x"].dtype == outline["y"].dtype == np.float32
    assert outline["y"].max() == x.max()
    assert outline["y"].min() == x.min()
    assert outline["x"][0] >= 1
    assert outline["x"][-1] <= 3
    assert (np.diff(outline["x"]) >= 0).all()


def test_an_outline_of_ten_seconds_is_small() -> None:
    outline = plots.envelope_outline(np.zeros(480_000, dtype=np.float32), 0, 10)
    assert sum(column.nbytes for column in outline.values()) <= 8000


def test_ticks_are_octaves_at_their_place_on_the_erb_scale() -> None:
    ticks = {label: place for place, label in plots.frequency_ticks()}
    assert {"125", "250", "500", "1k", "2k", "4k", "8k"} <= ticks.keys()
    assert ticks["1k"] == pytest.approx(float(plots.erb_number(1000.0)))


def test_the_rows_of_a_cochleagram_are_centred_on_their_channels() -> None:
    left, bottom, right, top = plots.image_bounds(FC, 2.0)
    edges = np.linspace(bottom, top, len(FC) + 1)
    assert np.allclose((edges[:-1] + edges[1:]) / 2, plots.erb_number(FC))
    assert (left, right) == (0.0, 2.0)


def test_a_cochleagram_is_an_image_with_units_and_the_asked_limits() -> None:
    element = plots.cochleagram(np.zeros((40, 100)), FC, 2.0, (10, 70), (50, 12000))
    image = element.get(0)
    assert isinstance(image, hv.Image)
    assert [d.name for d in image.kdims] == ["time", "channel"]
    assert image.vdims[0].unit == "dB SPL"
    figure = hv.render(element)
    assert (figure.x_range.start, figure.x_range.end) == (0, 2)
    assert (figure.y_range.start, figure.y_range.end) == tuple(plots.erb_number([50.0, 12000.0]))
    source = sources(figure)["cochleagram-data"]
    assert source.data["image"][0].shape == (40, 100)
    mapper = figure.select_one({"name": "cochleagram-colours"})
    assert (mapper.low, mapper.high) == (10, 70)


def test_a_cochleagram_is_not_upside_down() -> None:
    levels = np.zeros((40, 10))
    levels[39] = 50  # the highest channel
    figure = hv.render(plots.cochleagram(levels, FC, 1.0, (0, 80), (50, 12000)))
    sent = sources(figure)["cochleagram-data"].data["image"][0]
    assert sent[-1].max() == 50  # the last row is drawn on top
    assert figure.y_range.end > figure.y_range.start


FIGURES = {
    "waveform": lambda: plots.waveform(np.arange(3.0), np.zeros(3)),
    "cochleagram": lambda: plots.cochleagram(np.zeros((40, 10)), FC, 1.0, (0, 80), (50, 12000)),
    "excitation": lambda: plots.excitation(np.zeros(40), plots.erb_number(FC), (0, 80), (50, 12000)),
    "responses": lambda: plots.responses(np.array([100.0, 1000.0, 8000.0]), np.zeros((4, 3)), 1),
    "wave": lambda: plots.wave_and_envelope("wave", "Close up", "Time (ms)", "Pressure (mPa)"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_a_title_and_its_name(name: str) -> None:
    figure = hv.render(FIGURES[name]())
    assert figure.name == name
    assert figure.title.text
    assert figure.toolbar.logo is None


@pytest.mark.parametrize("name", FIGURES)
def test_scrolling_the_page_does_not_zoom_a_figure(name: str) -> None:
    assert hv.render(FIGURES[name]()).toolbar.active_scroll is None


@pytest.mark.parametrize("name", FIGURES)
def test_every_axis_with_numbers_says_its_unit(name: str) -> None:
    figure = hv.render(FIGURES[name]())
    labels = {axis.axis_label for axis in (*figure.xaxis, *figure.yaxis)} - {"", None}
    assert labels
    assert all("(" in label or label == "mPa" for label in labels)


def test_the_response_of_the_chosen_filter_stands_in_front() -> None:
    gains = np.arange(12.0).reshape(4, 3)
    data = sources(hv.render(plots.responses(np.array([100.0, 1000.0, 8000.0]), gains, 2)))
    assert np.array_equal(data["response-data"].data["gain"], gains[2])
    assert len(data["responses-data"].data["ys"]) == 4


@pytest.mark.parametrize("count", [0, 5])
def test_a_figure_of_lines_holds_one_to_four(count: int) -> None:
    lines = {str(i): ([0, 1], [0, i]) for i in range(count)}
    with pytest.raises(ValueError, match=f"{count} lines"):
        plots.curves(lines, xlabel="Time (s)", ylabel="Level (dB)", title="Lines")


def test_points_have_the_colour_of_their_line() -> None:
    lines = {"model": ([0, 1], [0, 1]), "other": ([0, 1], [1, 0])}
    figure = plots.curves(
        lines,
        xlabel="Time (s)",
        ylabel="Level (dB)",
        title="Lines",
        points={"other": ([0.5, 0.6, 0.7], [0.4, 0.5, 0.6])},
    )
    circles = figure.get(2)
    assert len(circles) == 3
    assert circles.opts.get().kwargs["color"] == figure.get(1).opts.get().kwargs["color"]


def test_points_of_no_line_are_refused() -> None:
    with pytest.raises(ValueError, match=r"points belong to \['b'\]"):
        plots.curves(
            {"a": ([0, 1], [0, 1])},
            xlabel="Time (s)",
            ylabel="Level (dB)",
            title="Lines",
            points={"b": ([0], [0])},
        )


def test_a_filled_line_starts_from_zero() -> None:
    figure = plots.curves(
        {"a": ([0, 1], [2, 3])}, xlabel="Place (Cam)", ylabel="sone/Cam", title="Area", filled=True
    )
    axis = hv.render(figure).y_range
    assert axis.start == 0


def test_the_first_row_of_a_matrix_is_on_top() -> None:
    layout = plots.matrices(
        {"feedback": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])}, xlabel="From", ylabel="To"
    )
    image = layout.values()[0]
    assert image[3, 1] == 3  # third column, first row
    figure = hv.render(image)
    assert figure.y_range.start > figure.y_range.end


def test_all_matrices_of_a_figure_share_their_colours() -> None:
    layout = plots.matrices({"a": np.eye(2), "b": 3 * np.eye(4)}, xlabel="From", ylabel="To")
    mappers = [hv.renderer("bokeh").get_plot(image).handles["color_mapper"] for image in layout.values()]
    assert [(m.low, m.high) for m in mappers] == [(-1, 1), (-1, 1)]


def test_five_matrices_are_too_many() -> None:
    with pytest.raises(ValueError, match="5 matrices"):
        plots.matrices({str(i): np.eye(2) for i in range(5)}, xlabel="From", ylabel="To")


def test_the_lowest_channel_of_a_cochleagram_is_at_the_bottom_and_inaudible_is_dark() -> None:
    levels = np.array([[70.0, 20.0], [-np.inf, 30.0]])
    picture = CochleagramPicture(
        np.array([0.005, 0.015]), np.array([500.0, 1000.0]), levels, levels, np.array([10.0, 0.0])
    )
    image = plots.cochleagrams({"room": picture}).values()[0]
    bottom, top = image.dimension_values("channel", expanded=False)[[0, -1]]
    assert bottom < top
    assert [image[0.005, bottom], image[0.015, bottom]] == [60, 10]
    assert [image[0.005, top], image[0.015, top]] == [0, 30]


def test_five_cochleagrams_are_too_many() -> None:
    with pytest.raises(ValueError, match="5 cochleagrams"):
        plots.cochleagrams(dict.fromkeys("abcde"))
