"""A chart's picture shows the numbers that it is given, small and fit for any page."""

import base64
import io
import re
import xml.etree.ElementTree as tree
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from amtlib.charts import FREQUENCY, TIME, Chart, Direction, one, palette, png
from amtlib.loudness.results import StationaryLoudness
from amtlib.loudness.temporal import LoudnessOverTime
from amtlib.perception.stages import PerceptionStages
from amtlib.plot import theme
from amtlib.scales import fc2erb
from amtlib.train import TrainLog

LEVEL = Direction("Level", "dB")


def points(svg: str) -> np.ndarray:
    """The corners of the first line."""
    found = re.search(r'points="([^"]*)"', svg)
    assert found is not None
    return np.array([[float(each) for each in pair.split(",")] for pair in found[1].split()])


def test_a_line_runs_from_edge_to_edge_in_the_proportions_of_its_values() -> None:
    x, y = points(Chart("Rise", TIME, LEVEL, {"a": ([0.0, 1.0, 4.0], [10.0, 20.0, 50.0])}).svg()).T
    assert (x[1] - x[0]) / (x[2] - x[0]) == pytest.approx(0.25, abs=0.002)
    assert (y[1] - y[0]) / (y[2] - y[0]) == pytest.approx(0.25, abs=0.002)
    assert y[2] < y[0]  # upwards


def test_frequencies_lie_as_far_apart_as_their_erb_numbers() -> None:
    f = [100.0, 1000.0, 8000.0]
    x, _ = points(Chart("f", FREQUENCY, LEVEL, {"a": (f, [0.0, 1.0, 2.0])}).svg()).T
    erb = fc2erb(torch.tensor(f, dtype=torch.float64)).numpy()
    assert (x[1] - x[0]) / (x[2] - x[0]) == pytest.approx((erb[1] - erb[0]) / (erb[2] - erb[0]), abs=0.002)


def test_the_ends_of_a_direction_are_short_numbers_without_exponents() -> None:
    svg = Chart("f", FREQUENCY, LEVEL, {"a": ([47.52, 15080.0], [0.00031234, 1.0])}).svg()
    assert {"47.5", "15100", "0.000312"} <= {each.text for each in tree.fromstring(svg).iter()}


def test_losses_grow_downwards_where_the_axis_does() -> None:
    down = Direction("Hearing level", "dB HL", flipped=True)
    _, y = points(Chart("Ear", FREQUENCY, down, {"a": ([500.0, 4000.0], [10.0, 60.0])}).svg()).T
    assert y[1] > y[0]


def test_a_long_line_keeps_its_single_peak_in_few_points() -> None:
    x = np.zeros(100_000)
    x[76_543] = 1.0
    found = points(Chart("Click", TIME, LEVEL, {"a": (np.arange(100_000), x)}).svg())
    assert len(found) <= 480
    assert found[:, 1].min() < found[:, 1].max() - 100


def test_cells_stand_with_the_first_row_below_and_keep_a_single_peak() -> None:
    values = np.zeros((3, 1000))
    values[2, 500] = 1.0
    svg = Chart("Map", TIME, LEVEL, cells=(np.arange(1000), np.arange(3), values)).svg()
    (data,) = re.findall(r"base64,([^\"]+)", svg)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert pixels.shape == (3, 120, 3)
    brightest = (pixels == palette()[-1]).all(-1)
    assert [row.sum() for row in brightest] == [1, 0, 0]


def pixels_of(chart: Chart) -> np.ndarray:
    """The picture of a chart's cells."""
    (data,) = re.findall(r"base64,([^\"]+)", chart.svg())
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def signed_map(values: np.ndarray, *, flipped: bool = False) -> Chart:
    rows, columns = (np.arange(1, size + 1) for size in values.shape)
    y = Direction("To", flipped=flipped)
    return Chart("Map", Direction("From"), y, cells=(columns, rows, values), signed=True)


@pytest.mark.parametrize(("flipped", "top"), [(True, 0), (False, 1)])
def test_cells_lie_upside_down_where_the_axis_does(flipped: bool, top: int) -> None:
    values = np.array([[1.0, -1.0], [0.0, 1.0]])
    colours = palette(signed=True)[np.array([[255, 0], [127, 255]])]
    np.testing.assert_array_equal(pixels_of(signed_map(values, flipped=flipped))[0], colours[top])


def test_reduced_cells_of_both_signs_keep_what_is_furthest_from_zero() -> None:
    values = np.zeros((2, 240))
    values[0, ::2], values[0, 1::2] = 0.5, -1.0  # two cells a column: the lower one is larger
    values[1, ::2], values[1, 1::2] = 1.0, -0.5
    found = pixels_of(signed_map(values, flipped=True))
    colours = palette(signed=True)
    assert (found[0] == colours[0]).all()
    assert (found[1] == colours[-1]).all()
    values[0, ::2], values[0, 1::2] = 0.5, np.nan  # what is unknown hides nothing
    assert (pixels_of(signed_map(values, flipped=True))[0] == colours[int(255 * 0.75)]).all()


def test_a_row_of_many_is_not_lost() -> None:
    for rows, kept in ((64, 64), (100, 64)):
        for row in range(rows):
            values = np.zeros((rows, 2))
            values[row] = 1.0
            found = pixels_of(Chart("Map", TIME, LEVEL, cells=(np.arange(2), np.arange(rows), values)))
            assert len(found) == kept
            assert (found == palette()[-1]).all(-1).sum() == 2


def test_more_lines_than_colours_are_refused() -> None:
    lines = {str(i): ([0.0, 1.0], [0.0, 1.0]) for i in range(4)}
    assert Chart("Four", TIME, LEVEL, lines, {"3": ([0.0], [0.0])})
    assert Chart("Map", TIME, LEVEL, cells=(torch.arange(2), torch.arange(2), torch.zeros(2, 2)))
    with pytest.raises(ValueError, match="5 lines are not one picture; give 1 to 4"):
        Chart("Five", TIME, LEVEL, lines, {"4": ([0.0], [0.0])})


def test_what_is_not_finite_is_left_out_and_nothing_at_all_is_no_picture() -> None:
    chart = Chart("Gaps", TIME, LEVEL, {"a": ([0.0, 1.0, 2.0], [1.0, np.nan, 3.0])})
    assert len(points(chart.svg())) == 2
    assert not Chart("None", TIME, LEVEL, {"a": ([0.0], [np.nan])})
    assert not Chart("None", TIME, LEVEL, cells=([], [], np.zeros((0, 0))))


def test_words_are_escaped_and_the_picture_has_a_name_for_those_who_cannot_see_it() -> None:
    svg = Chart('<b>&"', TIME, LEVEL, {"<i>": ([0, 1], [0, 1]), "b": ([0, 1], [1, 0])}).svg()
    found = tree.fromstring(svg)
    assert found.get("aria-label") == '<b>&"'
    assert "<i>" not in svg
    assert {"Time (s)", "Level (dB)"} <= {each.text for each in found.iter()}


def test_figures_have_the_colour_maps_of_the_small_pictures() -> None:
    for figures, found in ((theme.MAGNITUDE, palette()), (theme.SIGNED_REVERSED, palette(signed=True))):
        assert [list(bytes.fromhex(colour[1:])) for colour in figures] == found.tolist()
    assert theme.SIGNED_REVERSED[::-1] == theme.SIGNED


def test_a_larger_magnitude_is_lighter_and_what_is_zero_lighter_than_either_sign() -> None:
    luminance = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709
    magnitude, signed = ((palette(each) / 255) ** 2.2 @ luminance for each in (False, True))
    rises = [np.diff(magnitude), np.diff(signed[:128]), np.diff(signed[128:][::-1])]
    assert all((each > -1e-3).all() for each in rises)  # colours are rounded
    assert min(each.sum() for each in rises) > 0.5
    assert np.ptp(palette(signed=True, count=11)[5].astype(int)) <= 8


def test_a_picture_file_is_read_by_others() -> None:
    pixels = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(pixels)))), pixels)


def test_of_a_batch_the_first_is_shown() -> None:
    assert one(torch.arange(12.0).reshape(2, 2, 3)).tolist() == [0.0, 1.0, 2.0]
    assert one(torch.empty(4, 2, device="meta"), 2).shape == (0, 0)
    assert one(torch.zeros(0, 3)).shape == (0,)


def test_tensors_are_drawn_as_arrays_are() -> None:
    def tensors(arrays: tuple[np.ndarray, ...]) -> Any:
        return tuple(torch.tensor(each, requires_grad=True) for each in arrays)

    x, y, values = np.arange(4.0), np.arange(3.0), np.arange(12.0).reshape(3, 4) - 5.0
    line, cells = (x, x**2), (x, y, values)
    for found, expected in (
        (Chart("T", TIME, LEVEL, {"a": tensors(line)}), Chart("T", TIME, LEVEL, {"a": line})),
        (Chart("T", TIME, LEVEL, points={"a": tensors(line)}), Chart("T", TIME, LEVEL, points={"a": line})),
        (Chart("T", TIME, LEVEL, cells=tensors(cells)), Chart("T", TIME, LEVEL, cells=cells)),
    ):
        assert found
        assert found.svg() == expected.svg()


def test_results_without_values_have_a_table_and_no_picture() -> None:
    ears, frames, maps, single = (
        torch.empty(shape, device="meta") for shape in ((2, 150), (900,), (3, 4, 900), ())
    )
    for found in (
        StationaryLoudness(ears[0], ears[0], ears, ears, ears, ears, single, single, single),
        LoudnessOverTime(frames, frames, frames),
        PerceptionStages(None, maps[:, 0], maps[:, 0], maps[:, 0], maps),
        TrainLog(),
    ):
        assert not found.chart()
        assert "<svg" not in found._repr_html_()
