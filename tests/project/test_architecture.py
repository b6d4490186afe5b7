"""The arrows of the architecture, read from the source without running it."""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = sorted((ROOT / "amtlib").rglob("*.py"))

# A module may import its own rank and those below; the library's front door (`__init__`) may import all.
RANK = {
    "inputs": 0,
    "results": 0,
    "charts": 0,
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
    "hearing_loss": 4,
    "experiments": 4,
    "train": 3,
    "jobs": 3,
    "limits": 0,
    "options": 0,
    "modules": 0,
    "ranges": 0,
    "progress": 0,
    "serving": 4,
    "batch": 4,
    "plot": 5,
    "teaching": 5,
    "cli": 5,
}
NOT_FOR_THE_LIBRARY = {"app", "panel", "panel_material_ui", "holoviews", "bokeh", "param", "torchaudio"}
#: What `amtlib.plot` alone may import, with its extra.
DRAWS = {"holoviews", "bokeh"}
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "base"}


@cache
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
    drawing = DRAWS if part(path) == "plot" else set()
    assert not {name.split(".")[0] for name in imported(path)} & (NOT_FOR_THE_LIBRARY - drawing)


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


# The rooms of the app as ARCHITECTURE.md has them; what stands beside them (`lab.py`, `shared.py`, ...) is between.
ROOMS = {"upstream": 0, "figures": 0, "page": 1, "labs": 2, "listen": 2, "site": 3, "server": 4}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "app").rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_imports_between_the_rooms_of_the_app_point_downwards(path: Path) -> None:
    own = path.relative_to(ROOT / "app").parts[0].removesuffix(".py")
    others = {name.split(".")[1] for name in imported(path) if name.startswith("app.")} & set(ROOMS)
    # What stands beside the rooms belongs to the model half of labs, which may use the page's `background` alone.
    assert not {name for name in others if ROOMS[name] > ROOMS.get(own, ROOMS["page"])}
    assert own != "figures" or others <= {"figures"}


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


MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("amtlib", "app")
    for path in (ROOT / folder).rglob("*.py")
}
#: What is loaded upwards when a user asks for it, and not before: by `result.plot()` the extra that draws.
ASKED_FOR = {("amtlib.results", "amtlib.plot")}


def loaded_by_name(path: Path) -> set[str]:
    """What a module loads by `importlib.import_module("its.name")`."""
    text = path.read_text(encoding="utf-8")
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(text if "import_module" in text else ""))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "importlib.import_module"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def modules_imported(name: str) -> set[str]:
    """The modules of the project that one imports, also for types alone; for other names the module that has them."""
    names = imported(MODULES[name]) | loaded_by_name(MODULES[name])
    found = {each if each in MODULES else each.rpartition(".")[0] for each in names}
    return {each for each in found & set(MODULES) if each != name and (name, each) not in ASKED_FOR}


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """The modules of a circle, each imported by the next; none if there is no circle."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_one_another_in_a_circle_not_even_for_types() -> None:
    assert len(MODULES) > 200
    assert circle({name: modules_imported(name) for name in MODULES}) == []


def test_a_circle_is_found() -> None:
    assert sorted(set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}))) == ["a", "b", "c"]
