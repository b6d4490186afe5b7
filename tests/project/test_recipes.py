"""The code of CONTRIBUTING.md's recipes does what they say."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from amtlib.train.losses import Sparsity
from app.site import find_labs

ROOT = Path(__file__).resolve().parents[2]
RUFF = Path(sys.executable).with_name("ruff")
BLOCKS = [
    "\n".join(line.removeprefix("   ") for line in block.splitlines()).rstrip() + "\n"
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
]


def block(holding: str) -> str:
    (found,) = [each for each in BLOCKS if holding in each]
    return found


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder whose modules can be imported, and forget them afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def module(name: str, path: Path, text: str) -> ModuleType:
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def run_tests(found: ModuleType) -> int:
    tests = [value for name, value in vars(found).items() if name.startswith("test_")]
    for test in tests:
        test()
    return len(tests)


@pytest.mark.parametrize(
    ("name", "holding", "test_holding"),
    [
        ("amtlib.filterbanks.one_zero", "class OneZeroGammatones", "def test_the_gain_is_one_at"),
        ("amtlib.train.losses.steady", "class Steady", "def test_of_two_responses"),
    ],
)
def test_a_recipe_of_the_library_works(name: str, holding: str, test_holding: str, made: Path) -> None:
    try:
        module(name, made / f"{name.rpartition('.')[2]}.py", block(holding))
        assert run_tests(module("recipe_test", made / "recipe_test.py", block(test_holding))) == 1
    finally:
        sys.modules.pop(name, None)


def test_a_loss_of_a_recipe_adds_to_others(made: Path) -> None:
    steady = module("steady_recipe", made / "steady_recipe.py", block("class Steady")).Steady
    assert repr(steady() + 0.1 * Sparsity()) == "Steady() + 0.1 * Sparsity()"


def test_the_recipe_of_a_lab_makes_a_lab(made: Path) -> None:
    folder = made / "labs_of_a_recipe" / "toy"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").write_text("")
    (folder / "view.py").write_text(block("class ToyLab"))
    (toy,) = find_labs(importlib.import_module("labs_of_a_recipe"))
    view = toy(link="?lesson=steep")
    assert view.summary() == "The response rises by 4 dB per dB."
    assert view.scene.columns("line/line")["response"].tolist() == [0, 400]
    view.control("l.slope").value = 2.0
    assert view.table("line").splitlines()[0] == "# Slope 2"


def test_the_recipe_of_the_colours_changes_them(made: Path) -> None:
    text = (ROOT / "amtlib" / "charts.py").read_text()
    lines = block("MAGNITUDE").splitlines()
    for line in lines:
        name = line.partition(" = ")[0]
        text, count = re.subn(rf"^{name} = (\([^)]*\)|.*)$", line, text, flags=re.MULTILINE)
        assert count == 1
    charts = module("recoloured_charts", made / "recoloured_charts.py", text)
    assert bytes(charts.palette()[-1]).hex() == lines[1][-7:-1].lower()
    assert (
        charts.COLOURS[0].lower()
        in charts.Chart("", charts.TIME, charts.TIME, {"": ([0, 1], [0, 1])}).svg().lower()
    )


@pytest.mark.parametrize(
    ("path", "holding"),
    [
        ("amtlib/filterbanks/one_zero.py", "class OneZeroGammatones"),
        ("tests/amtlib/test_one_zero.py", "def test_the_gain_is_one_at"),
        ("app/labs/toy/view.py", "class ToyLab"),
        ("amtlib/train/losses/steady.py", "class Steady"),
        ("tests/amtlib/test_train_losses_steady.py", "def test_of_two_responses"),
    ],
)
@pytest.mark.parametrize("check", [("check", "-q"), ("format", "--check")], ids=" ".join)
def test_a_file_made_by_a_recipe_passes_the_checks_of_make_test(
    check: tuple[str, ...], path: str, holding: str
) -> None:
    command = [RUFF, *check, "--stdin-filename", path, "-"]
    ran = subprocess.run(command, input=block(holding), capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stdout + ran.stderr
