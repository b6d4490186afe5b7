"""The gallery: recipes of some lines each, run when the site is built and by the tests, with their pictures.

A recipe is a file in `recipes`: a title, a few words, code whose last name is `figure`.
"""

import ast
import base64
import contextlib
import io
import os
import runpy
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.palettes import magma

from docs.displays import FIGURE, figure
from docs.tutorials import Page

ROOT = Path(__file__).resolve().parents[1]
RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.py"))
#: Size of a thumbnail, and what is left free at its edges.
WIDTH, HEIGHT, EDGE = 240, 150, 8


@dataclass(frozen=True)
class Recipe:
    """A recipe after its run: title, words, code, what it printed, and what it drew."""

    name: str
    title: str
    words: str
    code: str
    printed: str
    figure: Any


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


def cooked(path: Path) -> Recipe:
    """Run a recipe."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    title, _, words = (ast.get_docstring(tree) or "").partition("\n\n")
    end = tree.body[0].end_lineno or 0
    said = io.StringIO()
    with kitchen(), contextlib.redirect_stdout(said):
        names = runpy.run_path(str(path))
    code = "\n".join(source.splitlines()[end:]).strip()
    return Recipe(path.stem, title.rstrip("."), words, code, said.getvalue(), names["figure"])


def thumbnail(shown: Any) -> str:
    """Return a small picture of a figure's lines, points and images as SVG."""
    elements = shown.traverse(lambda each: each, [hv.Curve, hv.Scatter, hv.Image])
    parts = [_image(each) for each in elements if isinstance(each, hv.Image)]
    lines = [each for each in elements if not isinstance(each, hv.Image)]
    points = [np.asarray([each.dimension_values(i) for i in (0, 1)], float) for each in lines]
    if points:
        both = np.concatenate(points, 1)
        both = both[:, np.isfinite(both).all(0)]
        low, high = both.min(1), both.max(1)
        limits = shown.opts.get("plot").kwargs.get("ylim") if lines else None
        if limits is not None:
            low[1], high[1] = limits
        size = np.array([WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE])
        for element, each in zip(lines, points, strict=True):
            x, y = (each - low[:, None]) / np.where(high > low, high - low, 1.0)[:, None] * size[:, None]
            colour = element.opts.get("style").kwargs.get("color", "#1f77b4")
            parts.append(_drawn(element, EDGE + x, HEIGHT - EDGE - np.clip(y, 0, size[1]), str(colour)))
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{"".join(parts)}</svg>'


def _drawn(element: Any, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], colour: str) -> str:
    there = np.isfinite(x) & np.isfinite(y)
    pairs = [f"{a:.1f},{b:.1f}" for a, b in zip(x[there], y[there], strict=True)]
    if isinstance(element, hv.Scatter):
        dots = (pair.split(",") for pair in pairs)
        return "".join(f'<circle cx="{a}" cy="{b}" r="2.5" fill="none" stroke="{colour}"/>' for a, b in dots)
    path = " ".join(pairs[:: max(1, len(pairs) // 240)])
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _image(element: hv.Image) -> str:
    values = np.asarray(element.dimension_values(2, flat=False), float)
    rows = np.linspace(0, values.shape[0] - 1, 60).round().astype(int)
    columns = np.linspace(0, values.shape[1] - 1, 120).round().astype(int)
    cells = values[np.ix_(rows[::-1], columns)]
    low, high = np.nanpercentile(cells, [40, 99.5])
    shade = np.clip((np.nan_to_num(cells, nan=low) - low) / (high - low), 0, 1)
    palette = np.array([[int(each[i : i + 2], 16) for i in (1, 3, 5)] for each in magma(256)], np.uint8)
    data = base64.b64encode(_png(palette[(255 * shade).astype(int)])).decode("ascii")
    return f'<image href="data:image/png;base64,{data}" width="{WIDTH}" height="{HEIGHT}" preserveAspectRatio="none"/>'


def _png(pixels: np.ndarray[Any, Any]) -> bytes:
    """Return an image of shape (rows, columns, 3), bytes, as a PNG file (W3C, Portable Network Graphics)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">2I5B", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def write(source: Path) -> None:
    """Write a page for each recipe, and their pictures into the gallery's page."""
    folder = source / "gallery"
    cards, names = [], []
    for path in RECIPES:
        print(f"recipe {path.name}", flush=True)
        recipe = cooked(path)
        page = Page(recipe.name, source / "_static")
        page.text(f"# {recipe.title}\n\n{recipe.words}")
        page.code(recipe.code)
        page.printed(recipe.printed)
        page.figure(figure(recipe.figure)[FIGURE]["item"], recipe.title)
        page.text(f"The file is `docs/recipes/{path.name}`; the tests run it.")
        (folder / f"{recipe.name}.md").write_text(page.markdown(), encoding="utf-8")
        cards.append(
            f'<a href="{recipe.name}.html">{thumbnail(recipe.figure)}<strong>{escape(recipe.title)}</strong></a>'
        )
        names.append(recipe.name)
    index = folder / "index.md"
    made = index.read_text(encoding="utf-8").replace("<!-- cards -->", "\n".join(cards))
    index.write_text(made.replace("<!-- recipes -->", "\n".join(names)), encoding="utf-8")
