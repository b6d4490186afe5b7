"""The notebooks are really checked: outputs are there to compare, and a wrong one fails."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: The text of what holds a figure: of HoloViews, of Panel around it, of a lab.
FIGURE = re.compile(r"^:[A-Z]|\bHoloViews\(|^\w+Lab\(name=")

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def compared_text(cell: Any) -> str:
    """What nbval compares of a cell's stored outputs."""
    if re.match(r"\s*#\s*NBVAL_IGNORE_OUTPUT", cell.source):
        return ""
    return "".join(out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in cell.outputs)


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


@each_notebook
def test_every_code_cell_was_run_or_nbval_would_not_compare_it(path: Path) -> None:
    assert all(cell.execution_count for cell in code_cells(path))


@each_notebook
def test_stored_outputs_hold_text_and_pictures_and_neither_page_code_nor_sound(path: Path) -> None:
    kinds = {kind for cell in code_cells(path) for out in cell.outputs for kind in out.get("data", {})}
    assert not kinds - {"text/plain", "image/png"}


@each_notebook
def test_a_figure_has_a_picture_for_where_no_script_runs(path: Path) -> None:
    without = [
        (cell.execution_count, out.data["text/plain"][:60])
        for cell in code_cells(path)
        for out in cell.outputs
        if FIGURE.search(out.get("data", {}).get("text/plain", "")) and "image/png" not in out.data
    ]
    assert not without, f"run make notebooks-refresh ARGS=notebooks/{path.name}"


@each_notebook
def test_a_notebook_stays_small(path: Path) -> None:
    assert path.stat().st_size < 1_500_000


@each_notebook
def test_stored_outputs_hold_no_error(path: Path) -> None:
    assert all(out.output_type != "error" for cell in code_cells(path) for out in cell.outputs)


@each_notebook
def test_at_least_three_cells_have_text_to_compare(path: Path) -> None:
    assert sum(bool(compared_text(cell)) for cell in code_cells(path)) >= 3


# --- a broken notebook must fail ---------------------------------------------------------------------------

#: Notebooks of two cells by name: the second one's code, and what is stored as its output.
SMALL = {
    "intact": ("print(f'{0.1 + 0.2:.3f} dB')", "0.300 dB\n"),
    "one_digit_changed": ("print(f'{0.1 + 0.2:.3f} dB')", "0.301 dB\n"),
    "with_an_error": ("print('0.300 dB')\nraise ValueError('the error under test')", "0.300 dB\n"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What nbval says of the small notebooks, with the settings of `make test`."""
    folder = tmp_path_factory.mktemp("small")
    for name in ("conftest.py", "sanitize.cfg"):
        shutil.copy(ROOT / "notebooks" / name, folder)
    for name, (code, printed) in SMALL.items():
        stored = [new_output("stream", name="stdout", text=printed)]
        cells = [
            new_code_cell("import math", execution_count=1),
            new_code_cell(code, execution_count=2, outputs=stored),
        ]
        kernel = nbformat.read(NOTEBOOKS[0], as_version=4).metadata
        nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--rootdir", "."]
    command += ["--nbval", "--nbval-sanitize-with", "sanitize.cfg", "."]
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 1
    return ran.stdout


@pytest.mark.parametrize(
    ("name", "outcome"), [("intact", "PASSED"), ("one_digit_changed", "FAILED"), ("with_an_error", "FAILED")]
)
def test_a_cell_that_prints_a_wrong_digit_or_fails_is_found_and_no_other(
    said: str, name: str, outcome: str
) -> None:
    found = re.findall(rf"^(PASSED|FAILED|ERROR) {name}\.ipynb::Cell (\d)", said, re.MULTILINE)
    assert sorted(found, key=lambda each: each[1]) == [("PASSED", "0"), (outcome, "1")]


def test_a_wrong_digit_and_an_error_are_shown(said: str) -> None:
    assert "0.301 dB" in said
    assert "the error under test" in said
