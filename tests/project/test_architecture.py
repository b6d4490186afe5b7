"""The arrows of the architecture, read from the source without running it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = sorted((ROOT / "amtlib").rglob("*.py"))

# A module may import its own rank and those below; the library's front door (`__init__`) may import all.
RANK = {
    "inputs": 0,
    "results": 0,
    "scales": 0,
    "errors": 0,
    "lti": 0,
    "signals": 1,
    "audio": 1,
    "filterbanks": 1,
    "fdn": 1,
    "ears": 2,
    "loudness": 3,
    "perception": 3,
    "train": 3,
    "jobs": 3,
    "limits": 0,
    "modules": 0,
    "ranges": 0,
    "progress": 0,
    "serving": 4,
    "batch": 4,
    "cli": 5,
}
NOT_FOR_THE_LIBRARY = {"app", "panel", "panel_material_ui", "holoviews", "bokeh", "param", "torchaudio"}
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "base"}


def imported(path: Path) -> set[str]:
    """Full dotted names of everything a module imports, relative imports resolved."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join([*above, *([node.module] if node.module else [])])
            names.update(f"{start}.{alias.name}" for alias in node.names)
    return names


def part(path: Path) -> str:
    """The part of the library a file belongs to: `filterbanks` for amtlib/filterbanks/gammatone.py."""
    return path.relative_to(ROOT / "amtlib").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_library_imports_neither_the_app_nor_anything_that_draws(path: Path) -> None:
    assert not {name.split(".")[0] for name in imported(path)} & NOT_FOR_THE_LIBRARY


@pytest.mark.parametrize(
    "path",
    [path for path in LIBRARY if part(path) != "__init__"],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_imports_inside_the_library_point_downwards(path: Path) -> None:
    own = part(path)
    assert own in RANK, f"give {own} its place in RANK"
    others = {name.split(".")[1] for name in imported(path) if name.startswith("amtlib.")}
    upwards = {name for name in others & set(RANK) if RANK[name] > RANK[own]}
    assert not upwards


#: A lab that is another one seen from elsewhere, and which.
BUILT_ON = {"ear_and_room": ("fdn",)}


def test_pages_and_views_stay_out_of_each_others_labs() -> None:
    for path in (ROOT / "app" / "labs").rglob("*.py"):
        own = path.relative_to(ROOT / "app" / "labs").parts[0]
        labs = {
            name.split(".")[2]
            for name in imported(path)
            if name.count(".") > 2 and name.startswith("app.labs.")
        }
        assert labs <= {own, *BUILT_ON.get(own, ())}, path


def test_a_file_is_named_after_what_it_holds() -> None:
    folders = [ROOT / name for name in ("amtlib", "app", "tests", "benchmarks", "notebooks")]
    paths = [
        path for folder in folders for path in folder.rglob("*") if path.suffix == ".py" or path.is_dir()
    ]
    assert not [path for path in paths if path.stem in SAYS_NOTHING]
