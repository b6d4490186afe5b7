"""What `make notebooks-refresh` keeps of a notebook's outputs, and what it refuses."""

import base64
import io
from typing import Any

import holoviews as hv
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image, ImageDraw, ImageOps

from amtlib import plot
from docs.chromium import find_chromium
from docs.displays import FIGURE, item, load_ipython_extension
from docs.pictures import SCALE, WIDTH, alike, camera, small
from notebooks.refresh import compared, keep_pictures


def no_picture(item: str) -> bytes:
    raise AssertionError(f"nothing here has a figure, but one was asked for: {item}")


def cell(*outputs: Any) -> Any:
    return new_code_cell("1", execution_count=1, outputs=list(outputs))


def test_of_a_display_the_text_stays() -> None:
    shown = {"text/html": "<b>:Curve</b>", "text/plain": ":Curve   [f]   (dB)"}
    kept = compared(cell(new_output("execute_result", data=shown, execution_count=1)), no_picture)
    assert [output.data for output in kept] == [{"text/plain": ":Curve   [f]   (dB)"}]


def test_page_code_alone_goes() -> None:
    assert compared(cell(new_output("display_data", data={"application/javascript": "1"})), no_picture) == []


def test_what_was_printed_in_pieces_is_one_piece() -> None:
    kept = compared(cell(new_output("stream", text="a\n"), new_output("stream", text="b\n")), no_picture)
    assert [output.text for output in kept] == ["a\nb\n"]


def test_a_counter_in_a_name_does_not_change_the_file() -> None:
    first, second = (
        compared(cell(new_output("display_data", data={"text/plain": f"Lab(name='Lab{n:05d}')"})), no_picture)
        for n in (7, 8)
    )
    assert first == second


def test_a_warning_is_refused() -> None:
    with pytest.raises(ValueError, match="cell 1 wrote to stderr: UserWarning"):
        compared(cell(new_output("stream", name="stderr", text="UserWarning: slow\n")), no_picture)


# --- pictures ----------------------------------------------------------------------------------------------


def drawn(height: int) -> bytes:
    """A white picture with a blue bar."""
    picture = Image.new("RGB", (90, 60), "white")
    ImageDraw.Draw(picture).rectangle((10, 60 - height, 30, 60), fill="#0E86D4")
    packed = io.BytesIO()
    picture.save(packed, "PNG")
    return packed.getvalue()


def with_pictures(*pictures: bytes) -> Any:
    packed = [base64.b64encode(each).decode("ascii") for each in pictures]
    outputs = [
        new_output("display_data", data={"text/plain": ":Curve", "image/png": each}) for each in packed
    ]
    return new_notebook(cells=[cell(*outputs)])


def test_of_a_figure_its_text_and_a_picture_stay() -> None:
    shown = {"text/html": "<b/>", "text/plain": ":Curve", FIGURE: {"item": "what was drawn"}}
    (kept,) = compared(cell(new_output("display_data", data=shown)), str.encode)
    assert kept.data == {
        "text/plain": ":Curve",
        "image/png": base64.b64encode(b"what was drawn").decode("ascii"),
    }


def test_a_picture_that_looks_like_the_last_one_changes_no_file() -> None:
    last, now = drawn(40), small(drawn(40))
    assert last != now
    notebook = with_pictures(now)
    keep_pictures(notebook, with_pictures(last))
    assert notebook.cells[0].outputs == with_pictures(last).cells[0].outputs


def test_a_picture_that_looks_otherwise_is_stored() -> None:
    assert not alike(drawn(40), drawn(20))
    notebook = with_pictures(drawn(40))
    keep_pictures(notebook, with_pictures(drawn(20)))
    assert notebook.cells[0].outputs == with_pictures(drawn(40)).cells[0].outputs


def test_a_kernel_adds_a_figure_to_what_a_result_shows_and_leaves_its_text() -> None:
    shell = InteractiveShell()
    load_ipython_extension(shell)
    line = hv.Curve([(0, 1), (1, 3)])
    data, _ = shell.display_formatter.format(line)
    assert data["text/plain"] == repr(line)
    assert '"name":"Line"' in data[FIGURE]["item"]
    assert FIGURE not in shell.display_formatter.format(3.5)[0]


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium found")
def test_a_figure_is_drawn_whole_with_its_line_in_its_colour_and_few_bytes() -> None:
    unit = np.eye(2)
    beside = plot.matrices({"a": unit, "b": unit, "c": unit, "d": unit}, xlabel="From", ylabel="To", size=250)
    line = plot.curves({"line": ([0, 1], [0, 1])}, xlabel="x", ylabel="y", title="A line")
    with camera() as picture:
        wide, png = (picture(item(each)["item"]) for each in (beside, line))
    whole = Image.open(io.BytesIO(wide)).convert("RGB")
    ink = ImageOps.invert(whole).getbbox()
    assert ink is not None
    assert 4 * 250 * SCALE < ink[2] < whole.width  # the last matrix, and paper beyond it
    seen = Image.open(io.BytesIO(png)).convert("RGB")
    assert seen.width == round(WIDTH * SCALE)
    blue = sum(count for count, colour in seen.getcolors() or [] if colour[2] - colour[0] > 100)
    assert blue > seen.width  # a line from corner to corner
    assert len(png) < 40_000
