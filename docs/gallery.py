"""The gallery: recipes of some lines each, run when the site is built and by the tests, with their pictures.

A recipe is a file in `recipes`: a title, a few words, code whose last name is `figure`.
"""

import ast
import contextlib
import io
import os
import runpy
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np

from amtlib.charts import Chart, Direction
from amtlib.plot.theme import SIGNED_REVERSED
from docs.displays import FIGURE, figure
from docs.tutorials import Page

ROOT = Path(__file__).resolve().parents[1]
RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.py"))
#: Size of a thumbnail, px
WIDTH, HEIGHT = 240, 150


@dataclass(frozen=True)
class Recipe:
    """A recipe: title, words, code; and, after its run, what it printed and what it drew."""

    name: str
    title: str
    words: str
    code: str
    printed: str = ""
    figure: Any = None


@contextlib.contextmanager
def kitchen() -> Iterator[Path]:
    """Give a folder of its own with a sound in it, and be in it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "app" / "assets" / "speech.flac", folder)
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


def recipe(path: Path) -> Recipe:
    """Read a recipe."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    title, _, words = (ast.get_docstring(tree) or "").partition("\n\n")
    end = tree.body[0].end_lineno or 0
    code = "\n".join(source.splitlines()[end:]).strip()
    return Recipe(path.stem, title.rstrip("."), words, code)


def cooked(path: Path) -> Recipe:
    """Read a recipe and run it."""
    said = io.StringIO()
    with kitchen(), contextlib.redirect_stdout(said):
        names = runpy.run_path(str(path))
    return replace(recipe(path), printed=said.getvalue(), figure=names["figure"])


def thumbnail(shown: Any) -> str:
    """Return a small picture of a figure's lines, points and images as SVG."""
    settings = shown.opts.get("plot").kwargs
    limits = settings.get("ylim")
    x, y = Direction("x"), Direction("y", flipped=bool(settings.get("invert_yaxis")), limits=limits)
    images = shown.traverse(lambda each: each, [hv.Image])
    if images:
        values = np.asarray(images[0].dimension_values(2, flat=False), float)
        rows, columns = (np.arange(size) for size in values.shape)
        signed = images[0].opts.get("style").kwargs.get("cmap") == list(SIGNED_REVERSED)
        span = images[0].opts.get("plot").kwargs.get("clim")
        chart = Chart("", x, y, cells=(columns, rows, values), colours=span, signed=signed)
        return chart.svg(WIDTH, HEIGHT, labelled=False)
    lines, points, of_colour = {}, {}, {}
    for i, each in enumerate(shown.traverse(lambda each: each, [hv.Curve, hv.Scatter, hv.Points])):
        name, colour = str(i), str(each.opts.get("style").kwargs.get("color"))
        pair = tuple(np.asarray(each.dimension_values(side), float) for side in (0, 1))
        if isinstance(each, hv.Curve):
            lines[name] = pair
            of_colour.setdefault(colour, name)
        else:  # points in the colour of their line have its name, and so its colour here
            points[of_colour.get(colour, name)] = pair
    return Chart("", x, y, lines, points).svg(WIDTH, HEIGHT, labelled=False)


def write(source: Path, pictures: bool) -> None:
    """Write a page for each recipe and the gallery's own; recipes are run if there shall be pictures."""
    folder = source / "gallery"
    cards, names = [], []
    for path in RECIPES:
        if pictures:
            print(f"recipe {path.name}", flush=True)
        made = cooked(path) if pictures else recipe(path)
        page = Page(made.name, source / "_static")
        page.text(f"# {made.title}\n\n{made.words}")
        page.code(made.code)
        page.printed(made.printed)
        if pictures:
            page.figure(figure(made.figure)[FIGURE]["item"], made.title)
        page.text(f"The file is `docs/recipes/{path.name}`; the tests run it.")
        (folder / f"{made.name}.md").write_text(page.markdown(), encoding="utf-8")
        picture = thumbnail(made.figure) if pictures else ""
        cards.append(f'<a href="{made.name}.html">{picture}<strong>{escape(made.title)}</strong></a>')
        names.append(made.name)
    index = folder / "index.md"
    text = index.read_text(encoding="utf-8").replace("<!-- cards -->", "\n".join(cards))
    index.write_text(text.replace("<!-- recipes -->", "\n".join(names)), encoding="utf-8")
