"""The documentation is built, of stored notebooks: a warning or a link that leads nowhere would stop it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import gallery, rooms
from docs.build import ROOT, built, faults
from docs.tutorials import NOTEBOOKS


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs ARGS=--stored` builds it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "docs/build.py", "--stored", "--into", str(folder), "--jobs", "1"]
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1")
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "html"


def test_the_site_is_built_without_a_warning_and_its_links_lead_somewhere(html: Path) -> None:
    pages = {path.relative_to(html).as_posix() for path in html.rglob("*.html")}
    assert pages >= {f"tutorials/{path.stem}.html" for path in NOTEBOOKS}
    assert pages >= {f"gallery/{path.stem}.html" for path in gallery.RECIPES}
    assert pages >= {f"reference/{room.name}.html" for room in rooms.ROOMS}
    assert pages >= {"index.html", "search.html", "bibliography.html", "contributing.html"}


def test_a_tutorial_that_was_not_run_has_its_stored_pictures(html: Path) -> None:
    page = (html / "tutorials" / "05_loudness.html").read_text(encoding="utf-8")
    pictures = re.findall(r'<img class="picture-of-cell" src="([^"]+)"', page)
    assert len(pictures) >= 10
    assert all((html / "tutorials" / each).read_bytes().startswith(b"\x89PNG") for each in pictures)
    assert "as it is stored" in page


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ('<a href="none.html">x</a>', "none.html leads nowhere"),
        ('<a href="other.html#none">x</a>', "other.html#none leads to no place of its page"),
        ('<a href="#none">x</a>', "#none leads to no place of its page"),
        ('<audio src="none.flac"></audio>', "none.flac leads nowhere"),
        (
            '<img src="https://elsewhere.org/x.png">',
            "https://elsewhere.org/x.png is fetched from another host",
        ),
        ("<script>alert(1)</script>", "a script stands in the page"),
        ('<p onclick="alert(1)">x</p>', "a script stands in an attribute"),
    ],
)
def test_a_fault_of_a_page_is_found(page: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "other.html").write_text('<h1 id="here">x</h1>')
    good = '<a href="other.html#here">x</a><a href="https://elsewhere.org">x</a><script src="other.html"></script>'
    (tmp_path / "index.html").write_text(good)
    assert faults(tmp_path) == []
    (tmp_path / "index.html").write_text(good + page)
    assert faults(tmp_path) == [f"index.html: {fault}"]


@pytest.mark.filterwarnings("ignore")  # Sphinx's own, of its packages
def test_a_warning_stops_the_build(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "_static").mkdir(parents=True)
    (source / "conf.py").write_text((ROOT / "docs" / "conf.py").read_text(encoding="utf-8"), encoding="utf-8")
    for name in ("figures.js", "formulas.js", "links.js", "site.css"):
        (source / "_static" / name).write_text("")
    (source / "index.md").write_text(
        "# A page\n\nIt says {func}`amtlib.nothing.at_all`, and {doc}`nothing`.\n"
    )
    with pytest.raises(SystemExit, match="the site was not built"):
        built(source, tmp_path / "html")


def test_what_a_docstring_says_is_on_its_page_whole(html: Path) -> None:
    def text(page: str) -> str:
        return " ".join(
            re.sub(r"<[^>]+>", " ", (html / "reference" / page).read_text(encoding="utf-8")).split()
        )

    words = "the models, which also return every stage."
    assert f"See also Moore2016 {words} Glasberg2002 {words}" in text("loudness.html")
    assert "Return False: silence is always the same." in text("experiments.html")


def test_a_name_of_another_room_leads_there(html: Path) -> None:
    page = (html / "reference" / "train.html").read_text(encoding="utf-8")
    assert '<a class="reference internal" href="fdn.html#amtlib.fdn.room_measures"' in page
