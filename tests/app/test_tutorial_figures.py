"""The figures of the tutorials hold what they are given, and data is cut to what a screen can show."""

from typing import Any

import holoviews as hv
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amtlib import plot
from amtlib.train.losses import CochleagramPicture


@given(st.integers(1, 3000), st.integers(1, 700))
def test_peak_columns_keep_the_highest_value_in_its_place(length: int, columns: int) -> None:
    x = np.random.default_rng(length).normal(size=(3, length))
    reduced = plot.peak_columns(x, columns)
    assert reduced.shape == (3, min(length, columns))
    assert np.array_equal(reduced.max(-1), x.max(-1))
    place = (x.argmax(-1) + 0.5) / length * reduced.shape[1]
    assert np.abs(reduced.argmax(-1) + 0.5 - place).max() <= 1.5  # stretches end on whole samples


@given(st.integers(1, 3000), st.integers(1, 300))
def test_an_outline_keeps_the_extremes_and_the_budget(length: int, columns: int) -> None:
    x = np.random.default_rng(length).normal(size=length).astype(np.float32)
    outline = plot.envelope_outline(x, 1.0, 3.0, columns)
    times, values = outline
    assert len(times) == len(values) == min(length, 2 * columns)
    assert (values.max(), values.min()) == (x.max(), x.min())
    assert times[0] >= 1
    assert times[-1] <= 3
    assert (np.diff(times) >= 0).all()


@pytest.mark.parametrize("cycles", [110, 170, 250, 333, 490, 700, 1700])
def test_an_outline_of_a_dense_wave_is_a_band_without_a_pattern(cycles: int) -> None:
    x = np.sin(2 * np.pi * cycles * np.arange(48_000) / 48_000 + 0.3)
    low, high = plot.envelope_outline(x, 0.0, 1.0)[1].reshape(-1, 2)[3:-3].T
    assert low.max() < -0.95
    assert high.min() > 0.95


def test_an_outline_of_a_slow_wave_follows_it() -> None:
    x = np.sin(2 * np.pi * 5 * np.arange(48_000) / 48_000)
    times, values = plot.envelope_outline(x, 0.0, 1.0)
    assert (
        np.abs(values - np.sin(2 * np.pi * 5 * times)).max() < 2 * np.pi * 5 / 500
    )  # the slope over a column


def test_an_outline_of_ten_seconds_is_small() -> None:
    outline = plot.envelope_outline(np.zeros(480_000, dtype=np.float32), 0, 10)
    assert sum(len(column) for column in outline) <= 2000


def test_ticks_are_octaves_at_their_place_on_the_erb_scale() -> None:
    ticks = {label: place for place, label in plot.frequency_ticks()}
    assert {"125", "250", "500", "1k", "2k", "4k", "8k"} <= ticks.keys()
    assert ticks["1k"] == pytest.approx(float(plot.erb_number(1000.0)))


@pytest.mark.parametrize("count", [0, 5])
def test_a_figure_of_lines_holds_one_to_four(count: int) -> None:
    lines = {str(i): ([0, 1], [0, i]) for i in range(count)}
    with pytest.raises(ValueError, match=f"{count} lines"):
        plot.curves(lines, xlabel="Time (s)", ylabel="Level (dB)", title="Lines")


def test_points_have_the_colour_of_their_line() -> None:
    lines = {"model": ([0, 1], [0, 1]), "other": ([0, 1], [1, 0])}
    figure = plot.curves(
        lines,
        xlabel="Time (s)",
        ylabel="Level (dB)",
        title="Lines",
        points={"other": ([0.5, 0.6, 0.7], [0.4, 0.5, 0.6])},
    )
    circles = figure.get(2)
    assert len(circles) == 3
    assert circles.opts.get().kwargs["color"] == figure.get(1).opts.get().kwargs["color"]


def test_a_band_lies_behind_its_line_in_its_colour_from_its_lower_to_its_upper_end() -> None:
    lines = {"model": ([100, 1000], [2, 3]), "other": ([100, 1000], [1, 2])}
    figure = plot.curves(
        lines,
        xlabel="Frequency (Hz)",
        ylabel="Time (s)",
        title="Lines",
        frequency=True,
        bands={"other": ([100, 1000], [0.9, 1.8], [1.1, 2.2])},
    )
    band, _, other = figure
    assert band.opts.get().kwargs["color"] == other.opts.get().kwargs["color"]
    x, *ends = (band.dimension_values(i) for i in range(3))
    np.testing.assert_allclose(x, plot.erb_number([100.0, 1000.0]))
    np.testing.assert_allclose(ends, [[0.9, 1.8], [1.1, 2.2]])
    assert len(hv.render(figure).legend[0].items) == 2


@pytest.mark.parametrize(("what", "one"), [("points", ([0], [0])), ("bands", ([0], [0], [1]))])
def test_points_and_bands_of_no_line_are_refused(what: str, one: Any) -> None:
    words = {"xlabel": "Time (s)", "ylabel": "Level (dB)", "title": "Lines"}
    with pytest.raises(ValueError, match=rf"{what} belong to \['b'\]"):
        plot.curves({"a": ([0, 1], [0, 1])}, **words, **{what: {"b": one}})


def test_a_filled_line_starts_from_zero() -> None:
    figure = plot.curves(
        {"a": ([0, 1], [2, 3])}, xlabel="Place (Cam)", ylabel="sone/Cam", title="Area", filled=True
    )
    axis = hv.render(figure).y_range
    assert axis.start == 0


def test_the_first_row_of_a_matrix_is_on_top() -> None:
    layout = plot.matrices(
        {"feedback": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])}, xlabel="From", ylabel="To"
    )
    image = layout.values()[0]
    assert image[3, 1] == 3  # third column, first row
    figure = hv.render(image)
    assert figure.y_range.start > figure.y_range.end


def test_a_histogram_has_the_shares_of_its_values_and_keeps_those_off_its_scale() -> None:
    named = {"levels": [-100.0, -0.5, 0.5, 0.7]}
    figure = plot.histograms(named, step=1.0, between=(-2, 2), xlabel="dB", ylabel="%", title="Levels")
    (area,) = figure.values()
    assert area.dimension_values("y").tolist() == [0, 25, 25, 25, 25, 50, 50, 0, 0, 0]
    assert area.dimension_values("x").tolist() == [-2, -2, -1, -1, 0, 0, 1, 1, 2, 2]


def test_all_matrices_of_a_figure_share_their_colours() -> None:
    layout = plot.matrices({"a": np.eye(2), "b": 3 * np.eye(4)}, xlabel="From", ylabel="To")
    mappers = [hv.renderer("bokeh").get_plot(image).handles["color_mapper"] for image in layout.values()]
    assert [(m.low, m.high) for m in mappers] == [(-1, 1), (-1, 1)]


def test_five_matrices_are_too_many() -> None:
    with pytest.raises(ValueError, match="5 matrices"):
        plot.matrices({str(i): np.eye(2) for i in range(5)}, xlabel="From", ylabel="To")


def test_the_lowest_channel_of_a_cochleagram_is_at_the_bottom_and_inaudible_is_dark() -> None:
    levels = np.array([[70.0, 20.0], [-np.inf, 30.0]])
    picture = CochleagramPicture(
        np.array([0.005, 0.015]), np.array([500.0, 1000.0]), levels, levels, np.array([10.0, 0.0])
    )
    image = plot.cochleagrams({"room": picture}).values()[0]
    bottom, top = image.dimension_values("channel", expanded=False)[[0, -1]]
    assert bottom < top
    assert [image[0.005, bottom], image[0.015, bottom]] == [60, 10]
    assert [image[0.005, top], image[0.015, top]] == [0, 30]


def test_five_cochleagrams_are_too_many() -> None:
    with pytest.raises(ValueError, match="5 cochleagrams"):
        plot.cochleagrams(dict.fromkeys("abcde"))
