"""The exercises of the tutorials: each stands in its notebook, unsolved, with hints and a solution that is right."""

import ast
import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch

from amtlib.teaching import EXERCISES, Unsolved, check, choice, function, number

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHECK = re.compile(r'^check\("([\w.]+)",', re.MULTILINE)
FOLDED = re.compile(r"<details>\s*<summary>([^<]*)</summary>(.*?)</details>", re.DOTALL)
#: What the first cell of each tutorial says of them.
YOURS = (
    "A cell that ends in `check(...)` is yours to write: replace the three dots, run it, and read what it says. "
    "Hints and a solution are folded below it, and nothing further down depends on your answer."
)


@pytest.fixture(autouse=True)
def _what_a_notebook_sets_ends_with_the_test() -> Iterator[None]:
    """First cells set how tensors are printed, threads and seeds, of the whole process."""
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    yield
    torch.set_printoptions(profile="default")
    torch.set_num_threads(threads)
    torch.set_rng_state(state)


@dataclass(frozen=True)
class Place:
    """Where an exercise stands: its notebook, the cells above, its own cell, and the words below it."""

    name: str
    notebook: Path
    above: list[Any]
    cell: Any
    below: str


def places() -> list[Place]:
    found = []
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        for i, cell in enumerate(cells):
            if cell.cell_type == "code" and (match := CHECK.search(cell.source)):
                found.append(Place(match[1], path, cells[:i], cell, cells[i + 1].source))
    return found


PLACES = places()
each_place = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)


def test_every_exercise_stands_once_in_the_notebook_of_its_number() -> None:
    assert sorted(place.name for place in PLACES) == sorted(EXERCISES)
    assert all(int(place.name.split(".")[0]) == int(place.notebook.name[:2]) for place in PLACES)


@each_place
def test_the_reader_finds_the_exercise_unsolved(place: Place) -> None:
    assert "..." in place.cell.source
    words = place.cell.outputs[-1].data["text/plain"]
    assert words == repr(check(place.name, ...))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_says_at_its_head_what_an_exercise_is(path: Path) -> None:
    assert YOURS in nbformat.read(path, as_version=4).cells[0].source


@each_place
def test_hints_come_before_the_solution_and_both_are_folded(place: Place) -> None:
    *hints, last = [kind for kind, _ in FOLDED.findall(place.below)]
    assert last == "Solution"
    assert hints == (["Hint"] if len(hints) == 1 else [f"Hint {i + 1}" for i in range(len(hints))])
    assert hints


def bound(tree: ast.AST) -> set[str]:
    """Names that a cell gives a value."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    given = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return given | {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


@each_place
def test_nothing_further_down_depends_on_the_answer(place: Place) -> None:
    cells = nbformat.read(place.notebook, as_version=4).cells[len(place.above) + 1 :]
    left = bound(ast.parse(place.cell.source))
    for cell in cells:
        if cell.cell_type == "code":
            tree = ast.parse(cell.source)
            left -= bound(tree)
            used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            assert not used & left, cell.source


@each_place
def test_the_folded_solution_is_right(place: Place) -> None:
    """It runs after the notebook's first code cell and those above that have the tag `given`."""
    code = [cell for cell in place.above if cell.cell_type == "code"]
    given = code[:1] + [cell for cell in code[1:] if "given" in cell.metadata.get("tags", [])]
    folded = next(text for kind, text in FOLDED.findall(place.below) if kind == "Solution")
    solution = re.search(r"```python\n(.*?)```", folded, re.DOTALL)
    assert solution
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in given:
            exec(compile(cell.source, place.notebook.name, "exec"), names)
        tree = ast.parse(solution[1])
        last = tree.body.pop()
        assert isinstance(last, ast.Expr)
        exec(compile(tree, place.name, "exec"), names)
        verdict = eval(compile(ast.Expression(last.value), place.name, "eval"), names)
    assert verdict.right is True, verdict


@pytest.mark.parametrize("name", EXERCISES)
def test_a_wrong_answer_gets_words_and_raises_nothing(name: str) -> None:
    functions = (lambda *_: "2", lambda *_: None, lambda *_: 1 / 0)
    for wrong in ("nonsense", None, float("nan"), [1, 2], np.ones(2), torch.ones(2, 3), *functions):
        verdict = check(name, wrong)
        assert verdict.right is False
        assert verdict.words.endswith((".", "!", "?")) or "raised" in verdict.words


def test_a_mistake_of_a_number_gets_its_own_words() -> None:
    judge = number(lambda: 10.0, within=0.5, unit="dB", mistakes=[(lambda: 20.0, "Half of it.")])
    assert judge(10.4) is None
    assert judge(20.1) == "20.1 dB: Half of it."
    assert judge(5) == "5 dB is too little."
    assert judge("x") == "A single number is asked for, in dB; this is a str."


def test_what_is_not_written_is_unsolved_also_in_a_function() -> None:
    judge = function(lambda x: x, [(1.0,)])
    for answer in (..., lambda x: ...):
        with pytest.raises(Unsolved):
            judge(answer)
    assert judge(lambda x: None) == "For 1.0 it gives nothing. Does it `return` what it has computed?"


def test_a_function_of_another_shape_or_that_fails_is_answered() -> None:
    judge = function(lambda x: x, [(1.0,)])
    assert judge(lambda x: [x, x]) == (
        "For 1.0 it gives an array of shape (2,); a single number is asked for."
    )
    assert judge(lambda x: x * float("nan")) == "For 1.0 it gives nan, which is no finite number."
    assert judge(lambda x: x / 0) == "For 1.0 it raised ZeroDivisionError: float division by zero."
    assert judge(3) == "A function is asked for; this is an int."


def test_complex_numbers_are_answered_and_tensors_with_a_gradient_are_taken() -> None:
    judge = function(lambda x: 2 * x, [(1.0,)])
    assert judge(lambda x: 2j * x) == "For 1.0 it gives complex numbers; real ones are asked for."
    assert judge(lambda x: torch.tensor(2.0 * x, requires_grad=True)) is None
    assert number(2.0, within=0.1)(torch.tensor(2.0, requires_grad=True)) is None


def test_a_choice_says_what_could_be_chosen() -> None:
    judge = choice("a", {"b": "Look again."})
    assert (judge("a"), judge("b")) == (None, "Look again.")
    assert judge(" A") is None
    assert judge("c") == "'c' is none of the choices: 'a', 'b'."
    assert judge(np.ones(2)) == (
        "One of the choices is asked for, with its quotation marks: 'a', 'b'; this is an ndarray of shape (2,)."
    )


def test_an_unknown_exercise_is_refused() -> None:
    with pytest.raises(ValueError, match="no exercise"):
        check("99.9", 1)
