"""The notebooks are really checked: outputs are there to compare, and a wrong one fails."""

import copy
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DECIMAL = re.compile(r"\d+\.\d+")
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


# --- a broken copy must fail -------------------------------------------------------------------------------


def first_steps() -> Any:
    """Cut the first notebook after its first cell that prints a decimal number: short, yet one of ours."""
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    number = next(
        i
        for i, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and DECIMAL.search(compared_text(cell))
    )
    notebook.cells = notebook.cells[: number + 1]
    return notebook


def with_a_wrong_number(notebook: Any) -> Any:
    def raise_last_digit(match: re.Match[str]) -> str:
        return match[0][:-1] + str((int(match[0][-1]) + 1) % 10)

    broken = copy.deepcopy(notebook)
    for out in broken.cells[-1].outputs:
        holder, key = (out, "text") if "text" in out else (out.get("data", {}), "text/plain")
        if DECIMAL.search(holder.get(key, "")):
            holder[key] = DECIMAL.sub(raise_last_digit, holder[key], count=1)
            return broken
    raise AssertionError("no number to change")


def with_an_error(notebook: Any) -> Any:
    broken = copy.deepcopy(notebook)
    broken.cells[-1].source += "\nraise ValueError('the error under test')"
    return broken


def nbval(notebook: Any, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run nbval on a notebook with the settings of `make test`."""
    for name in ("conftest.py", "sanitize.cfg"):
        shutil.copy(ROOT / "notebooks" / name, folder)
    nbformat.write(notebook, folder / "copy.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "copy.ipynb"]
    command += ["--nbval", "--nbval-sanitize-with", "sanitize.cfg"]
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_an_intact_copy_passes(tmp_path: Path) -> None:
    result = nbval(first_steps(), tmp_path)
    assert result.returncode == 0, result.stdout


def test_a_copy_with_one_digit_changed_fails_in_that_cell_alone(tmp_path: Path) -> None:
    result = nbval(with_a_wrong_number(first_steps()), tmp_path)
    assert result.returncode == 1
    assert "1 failed" in result.stdout


def test_a_copy_with_an_error_fails_and_names_it(tmp_path: Path) -> None:
    result = nbval(with_an_error(first_steps()), tmp_path)
    assert result.returncode == 1
    assert "the error under test" in result.stdout
