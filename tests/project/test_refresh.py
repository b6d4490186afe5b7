"""What `make notebooks-refresh` keeps of a notebook's outputs, and what it refuses."""

from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_output

from notebooks.refresh import compared


def cell(*outputs: Any) -> Any:
    return new_code_cell("1", execution_count=1, outputs=list(outputs))


def test_of_a_display_the_text_stays() -> None:
    shown = {"text/html": "<b>:Curve</b>", "text/plain": ":Curve   [f]   (dB)"}
    kept = compared(cell(new_output("execute_result", data=shown, execution_count=1)))
    assert [output.data for output in kept] == [{"text/plain": ":Curve   [f]   (dB)"}]


def test_page_code_alone_goes() -> None:
    assert compared(cell(new_output("display_data", data={"application/javascript": "1"}))) == []


def test_what_was_printed_in_pieces_is_one_piece() -> None:
    kept = compared(cell(new_output("stream", text="a\n"), new_output("stream", text="b\n")))
    assert [output.text for output in kept] == ["a\nb\n"]


def test_a_counter_in_a_name_does_not_change_the_file() -> None:
    first, second = (
        compared(cell(new_output("display_data", data={"text/plain": f"Lab(name='Lab{n:05d}')"})))
        for n in (7, 8)
    )
    assert first == second


def test_a_warning_is_refused() -> None:
    with pytest.raises(ValueError, match="cell 1 wrote to stderr: UserWarning"):
        compared(cell(new_output("stream", name="stderr", text="UserWarning: slow\n")))
