"""The documentation: recipes and examples run, links lead somewhere, and the site is served as it was built.

The whole site is built in test_built_site.py.
"""

import ast
import base64
import html
import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
import tornado.testing
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from tornado.web import Application

from amtlib import plot
from amtlib.charts import Chart, Direction
from amtlib.teaching import BlindComparison, check
from app.landing import DOCUMENTATION
from app.server import documentation
from docs import displays, gallery, rooms, tutorials
from docs.gallery import ROOT, cooked, kitchen, thumbnail
from docs.tutorials import NOTEBOOKS, VERDICT, Page

PAGES = ROOT / "docs" / "pages"
PROJECT = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")]
EXAMPLES = [ROOT / "README.md", PAGES / "quickstart.md", PAGES / "howto" / "levels.md"]
LONGEST_RECIPE = 30


# --- what is read and copied ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", gallery.RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs_says_something_and_has_a_picture(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("default", message="x peaks at")
        recipe = cooked(path)
    assert recipe.title
    assert recipe.words
    assert recipe.printed.count("\n") == 1
    assert len(recipe.code.splitlines()) <= LONGEST_RECIPE
    picture = thumbnail(recipe.figure)
    assert picture.startswith("<svg")
    assert re.search(r"<(polyline|image|circle)", picture)
    assert "nan" not in picture


def test_a_thumbnail_has_the_first_row_on_top_where_the_figure_does() -> None:
    values = np.array([[1.0, -1.0], [0.0, 1.0]])
    for flipped in (True, False):
        y = Direction("To", flipped=flipped)
        own = Chart("", Direction("From"), y, cells=([1, 2], [1, 2], values), signed=True)
        data = [re.findall(r"base64,([^\"]+)", svg) for svg in (own.svg(), thumbnail(plot.of(own)))]
        assert data[0] == data[1]


def test_there_are_twenty_recipes() -> None:
    assert len(gallery.RECIPES) >= 20


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_of_a_page_run_as_they_stand(path: Path) -> None:
    names: dict[str, object] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    with kitchen() as folder:
        shutil.copy("speech.flac", "take.wav")  # what a file holds counts, and not how it is called
        for block in blocks:
            exec(compile(block, path.name, "exec"), names)
        made = sorted(each.name for each in folder.iterdir())
    assert ("room.wav" in made) == ("room.wav" in "".join(blocks))


def test_the_quick_start_is_ten_lines_and_no_more() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (PAGES / "quickstart.md").read_text(), re.DOTALL)
    statements = [node for block in blocks for node in ast.parse(block).body]
    assert len([each for each in statements if not isinstance(each, ast.Import | ast.ImportFrom)]) <= 10


def links(path: Path) -> Iterator[str]:
    """Relative links of a page of Markdown, and documents that it names."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for to in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text):
        yield to
    for to in re.findall(r"\{doc\}`(?:[^`<]*<)?([^`>]+)>?`", text):
        yield f"{to}.md"


#: Pages that the build writes, and files that it copies.
MADE = ("_static/", "contributing.md", "architecture.md", "changes.md", "bibliography.md")


@pytest.mark.parametrize(
    "path", [*PROJECT, *sorted(PAGES.rglob("*.md"))], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_links_of_a_page_lead_somewhere(path: Path) -> None:
    known = {f"tutorials/{each.stem}.md" for each in NOTEBOOKS}
    known |= {f"gallery/{each.stem}.md" for each in gallery.RECIPES}
    known |= {f"reference/{room.name}.md" for room in rooms.ROOMS}
    dead = []
    for to in links(path):
        goal = (path.parent / to).resolve()
        inside = goal.relative_to(PAGES).as_posix() if goal.is_relative_to(PAGES) else ""
        if not (goal.exists() or inside in known or inside.startswith(MADE)):
            dead.append(to)
    assert not dead


def test_every_room_of_the_library_has_a_page_with_all_that_it_exports() -> None:
    told = {module for room in rooms.ROOMS for module in room.modules}
    packages = {
        f"amtlib.{path.parent.name}"
        for path in (ROOT / "amtlib").glob("*/__init__.py")
        if path.parent.name not in {"tables"}
    }
    assert packages <= told
    page = rooms.page(next(room for room in rooms.ROOMS if room.name == "loudness"), pictures=False)
    for name in ("Moore2016", "masked_threshold", "iso226_contour"):
        assert f"amtlib.loudness.{'iso226.' if 'iso' in name else ''}{name}\n" in page


def test_a_page_keeps_its_sounds_as_they_were_and_its_figures_apart(tmp_path: Path) -> None:
    page = Page("made", tmp_path)
    page.figure('{"doc":{"roots":[{"attributes":{"height":240,"text":"</script>"}}]}}')
    assert 'data-source="../_static/figures/made-01.js" style="min-height: 240px"' in page.markdown()
    assert "</script>" not in (tmp_path / "figures" / "made-01.js").read_text()


def test_an_example_is_shown_with_the_picture_of_its_last_result() -> None:
    page = rooms.page(next(room for room in rooms.ROOMS if room.name == "loudness"))
    entry = page.partition("autofunction:: amtlib.loudness.equal_loudness_contour")[2].partition(
        "autofunction"
    )[0]
    assert 'aria-label="Equal-loudness contour"' in entry
    assert "<svg" not in page.partition("autofunction:: amtlib.loudness.sone2phon")[2].partition(".. auto")[0]


def test_a_caption_is_one_and_other_words_in_italics_are_not(tmp_path: Path) -> None:
    page = Page("made", tmp_path)
    page.text(
        "Before.\n\n*Figure: the *second* line rises (Moore *et al.* 2016).*\n\n*So it is.*\n\n*Figure: two.*"
    )
    assert page.markdown().count("{.caption}\n*Figure: ") == 2
    assert page.markdown().count("{.caption}") == 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_leads_to_the_labs_of_the_server_that_offers_it(path: Path, tmp_path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    words = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    page = Page(path.stem, tmp_path)
    page.text(words)
    assert "localhost" not in page.markdown()
    led = re.findall(r'<a class="served" href="\.\./\.\./([^"]*)">', page.markdown())
    states = re.findall(r"http://localhost:5006/([^)]*)", words)
    assert [html.unescape(each) for each in led] == states
    assert states


def test_what_a_cell_prints_in_pieces_is_one_block(tmp_path: Path) -> None:
    pieces = [new_output("stream", text=f"line {i}\n") for i in range(3)]
    apart = [
        new_output("execute_result", data={"text/plain": "'a result'"}),
        new_output("stream", text="end\n"),
    ]
    cells = [new_markdown_cell("# Title"), new_code_cell("1", outputs=[*pieces, *apart])]
    made = tutorials.page(Path("made.ipynb"), tmp_path, new_notebook(cells=cells))
    assert "line 0\nline 1\nline 2\n````" in made
    assert made.count(":class: printed") == 3


def test_what_is_said_to_an_exercise_is_no_printed_output(tmp_path: Path) -> None:
    words = repr(check("1.1", ...))
    assert VERDICT.match(words)
    page = Page("made", tmp_path)
    page.verdict(words)
    assert '<p class="verdict">Nothing to check yet. ' in page.markdown()
    assert not VERDICT.match("Right answers: 3")
    page.verdict("Right. `h < 1` is enough.")
    assert "Right. <code>h &lt; 1</code> is enough." in page.markdown()


def test_a_blind_comparison_plays_files_of_the_site(tmp_path: Path) -> None:
    page, tone = Page("made", tmp_path), np.sin(np.arange(800) / 3)
    kept = displays.comparison(BlindComparison({"one": tone, "other": -tone}, 8000))[displays.COMPARISON]
    page.comparison([base64.b64decode(each) for each in kept["wavs"]], kept["markup"])
    for number in (1, 2):
        assert f"../_static/sounds/made-0{number}.flac&quot;" in page.markdown()
        assert (tmp_path / "sounds" / f"made-0{number}.flac").read_bytes()[:4] == b"fLaC"


# --- the site under /docs ---------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "tutorials").mkdir()
    (tmp_path / "index.html").write_text("<h1>The site</h1>")
    (tmp_path / "tutorials" / "one.html").write_text("<h1>One</h1>")
    (tmp_path / "sound.flac").write_bytes(b"fLaC")
    (tmp_path.parent / "secret.txt").write_text("not for everybody")
    return tmp_path


class TestSite(tornado.testing.AsyncHTTPTestCase):
    """The handler alone; tests/project/test_guard.py has the address among those of the whole server."""

    @pytest.fixture(autouse=True)
    def _built(self, site: Path) -> None:
        self.site = site

    def get_app(self) -> Application:
        return Application(documentation.routes(self.site))

    def test_the_address_without_a_slash_leads_to_that_with_one(self) -> None:
        answer = self.fetch("/docs", follow_redirects=False)
        assert (answer.code, answer.headers["Location"]) == (302, "/docs/")

    def test_a_page_runs_scripts_and_plays_sounds_of_the_site_alone(self) -> None:
        answer = self.fetch("/docs/")
        assert "The site" in answer.body.decode()
        rules = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
        assert (rules["default-src"], rules["script-src"], rules["media-src"]) == (
            "'none'",
            "'self'",
            "'self'",
        )

    def test_files_say_what_they_are(self) -> None:
        assert self.fetch("/docs/tutorials/one.html").headers["Content-Type"] == "text/html; charset=UTF-8"
        assert self.fetch("/docs/sound.flac").headers["Content-Type"] == "audio/flac"
        assert self.fetch("/docs/sound.flac", method="HEAD").headers["Content-Length"] == "4"

    def test_what_is_not_there_or_lies_elsewhere_is_not_sent(self) -> None:
        assert self.fetch("/docs/none.html").code == 404
        for path in ("/docs/../secret.txt", "/docs/%2e%2e/secret.txt", "/docs//etc/passwd"):
            assert self.fetch(path).code in {403, 404}


def test_without_a_built_site_there_is_no_such_address(tmp_path: Path) -> None:
    assert documentation.routes(tmp_path) == []
    assert DOCUMENTATION == ROOT / "docs" / "_build" / "html"
