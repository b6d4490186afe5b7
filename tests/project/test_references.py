"""References in docstrings lead somewhere: every :mod:, :class:, :func: and its kin names what exists."""

import ast
import builtins
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for room in ("amtlib", "app") for path in (ROOT / room).rglob("*.py"))
REFERENCE = re.compile(r":(?:mod|class|func|meth|attr|data|exc|obj):`~?([\w.]+)`")


def docstrings(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], str]]:
    """Docstrings and where they stand: names of the classes around them, outermost first."""

    def walk(node: ast.AST, classes: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
        if isinstance(node, ast.ClassDef):
            classes = (*classes, node.name)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                if isinstance(child.value.value, str):
                    yield classes, child.value.value
            else:
                yield from walk(child, classes)

    yield from walk(tree, ())


def attribute(owner: Any, names: list[str]) -> bool:
    for name in names:
        annotated = isinstance(owner, type) and any(
            name in vars(k).get("__annotations__", {}) for k in owner.__mro__
        )
        if not hasattr(owner, name):
            return annotated and name == names[-1]
        owner = getattr(owner, name)
    return True


def resolves(target: str, module: Any, classes: tuple[str, ...]) -> bool:
    """Whether a name means something where it is used: in a class, a module, a package around it, or anywhere."""
    names = target.split(".")
    above = module.__name__.split(".")
    packages = [importlib.import_module(".".join(above[:n])) for n in range(len(above), 0, -1)]
    owners: list[Any] = [*packages, builtins]
    owner = module
    for name in classes:
        owner = getattr(owner, name, None)
        owners.insert(0, owner)
    if any(owner is not None and attribute(owner, names) for owner in owners):
        return True
    for split in range(len(names), 0, -1):
        try:
            found = importlib.import_module(".".join(names[:split]))
        except ModuleNotFoundError:
            continue
        return attribute(found, names[split:])
    return False


#: What only a server process may import: it lays out the addresses of every server that the process makes.
SERVER_ALONE = {ROOT / "app" / "server" / name for name in ("plugin.py", "setup.py")}


@pytest.mark.parametrize(
    "path",
    [each for each in FILES if each not in SERVER_ALONE],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_references_in_docstrings_lead_somewhere(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    dead = {
        target
        for classes, text in docstrings(tree)
        for target in REFERENCE.findall(text)
        if not resolves(target, module, classes)
    }
    assert not dead, f"{path.name} refers to {', '.join(sorted(dead))}"


def test_a_reference_that_leads_nowhere_is_found() -> None:
    module = importlib.import_module("amtlib.lti")
    assert resolves("Stream.process", module, ())
    assert resolves("process", importlib.import_module("amtlib.lti.filtering"), ("Stream",))
    assert not resolves("amtlib.filterbanks.moore2016_excitation", module, ())
    assert not resolves("Stream.proceed", module, ())
