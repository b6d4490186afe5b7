"""Build the documentation site into `docs/_build/html`: `make docs`. Nothing is fetched from anywhere.

Pages are those of `docs/pages` and of the project (CONTRIBUTING, ARCHITECTURE, CHANGELOG), the notebooks and recipes,
run, and the docstrings. A warning of Sphinx is an error, and so are a link that leads nowhere within the site, a file
from another host, and a script within a page.

With `--stored` nothing is run: tutorials have the words and pictures stored in their notebooks, recipes and docstrings
have no pictures. What is checked of a full build is checked of this one as well, and the tests build it.
"""

import argparse
import hashlib
import re
import shutil
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import bokeh
import yaml
from sphinx.cmd.build import main as sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from docs import bibliography, gallery, rooms, tutorials  # noqa: E402

BUILD = ROOT / "docs" / "_build"
_INLINE = re.compile(r"<script(?![^>]*\bsrc=)([^>]*)>(.*?)</script>", re.DOTALL)
_LINK = re.compile(
    r"""<(?P<tag>a|div|link|script|img|audio|source)\b[^>]*?\s(?:href|src|data-source)=["'](?P<to>[^"']*)["']"""
)
_SEARCH = re.compile(r'(<button [^>]*\bsearch-button-field\b[^>]*) title="Search" aria-label="Search"')
_CORNER = re.compile(r"<th\b([^>]*)>(?:<p></p>)?</th>")
_TARGET = re.compile(r"""\s(?:id|name)=["']([^"']+)["']""")
#: Where links from the project's own pages lead on the site.
_PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
}

_BIBLIOGRAPHY = """# Bibliography

Everything that docstrings, notebooks, lessons and these pages cite, also as [BibTeX](_static/references.bib). A DOI
stands here where we have looked it up.
"""


def _projects_page(name: str) -> str:
    """Return a page of the checkout's root, with its links made to fit the site."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.sub(r"\]\((\w+\.md)(?=[)#])", lambda m: f"]({_PAGES.get(m[1], m[1])}", text)


def _evidence() -> str:
    rows = yaml.safe_load((ROOT / "app" / "evidence.yaml").read_text(encoding="utf-8"))
    lines = ["| part | held against | largest difference | of |", "| --- | --- | --- | --- |"]
    return "\n".join(lines + [f"| {r['what']} | {r['against']} | {r['worst']:g} | {r['of']} |" for r in rows])


def write_source(folder: Path, run: set[str] | None, pictures: bool) -> None:
    """Write all that Sphinx reads into a folder of its own.

    Parameters
    ----------
    folder : Path
        Made anew.
    run : set of str or None
        Numbers of the tutorials that are run; the others are as they are stored. None for all.
    pictures : bool
        Whether recipes and examples of docstrings are run for theirs.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs" / "pages", folder)
    shutil.copy(ROOT / "docs" / "conf.py", folder)
    static = folder / "_static"
    shutil.copytree(ROOT / "docs" / "static", static)
    shutil.copy(ROOT / "docs" / "references.bib", static)
    shutil.copy(ROOT / "CITATION.cff", static)
    shutil.copy(ROOT / "app" / "assets" / "filterbank.png", static)
    shutil.copy(Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js", static)
    for name, page in _PAGES.items():
        if name != "README.md":
            (folder / page).write_text(_projects_page(name), encoding="utf-8")
    _fill(folder / "evidence.md", "table", _evidence())
    cited = sorted(bibliography.entries().items(), key=lambda pair: bibliography.order(pair[1].text()))
    entries = "\n".join(f"({name.replace(':', '-')})=\n- {entry.text()}\n" for name, entry in cited)
    (folder / "bibliography.md").write_text(f"{_BIBLIOGRAPHY}\n{entries}", encoding="utf-8")
    _write_tutorials(folder, run)
    gallery.write(folder, pictures)
    for room in rooms.ROOMS:
        (folder / "reference" / f"{room.name}.rst").write_text(rooms.page(room, pictures), encoding="utf-8")


def _fill(page: Path, place: str, text: str) -> None:
    """Put what the build knows into its place in a page."""
    page.write_text(page.read_text(encoding="utf-8").replace(f"<!-- {place} -->", text), encoding="utf-8")


def _write_tutorials(folder: Path, run: set[str] | None) -> None:
    titles = tutorials.titles()
    files = folder / "_static"
    (files / "notebooks").mkdir()
    ran = tutorials.executed([path for path in tutorials.NOTEBOOKS if run is None or path.stem[:2] in run])
    for path in tutorials.NOTEBOOKS:
        text = tutorials.page(path, files, ran.get(path))
        (folder / "tutorials" / f"{path.stem}.md").write_text(text, encoding="utf-8")
        shutil.copy(path, files / "notebooks")
    listed = "\n".join(f"{title} <{name}>" for name, title in titles.items())
    _fill(folder / "tutorials" / "index.md", "tutorials", listed)


def for_screen_readers(folder: Path) -> None:
    """Take out what they trip over: a label of the search button that is not what it shows, and empty headings."""
    for path in sorted(folder.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        text = _CORNER.sub(r"<td\1></td>", _SEARCH.sub(r"\1", text))
        path.write_text(text, encoding="utf-8")


def without_inline_scripts(folder: Path) -> None:
    """Move scripts out of the pages into files: the server's content security policy allows those alone."""
    (folder / "_static" / "scripts").mkdir(exist_ok=True)
    for path in sorted(folder.rglob("*.html")):
        up = "../" * (len(path.relative_to(folder).parts) - 1)

        def moved(match: re.Match[str], up: str = up) -> str:
            if not match[2].strip() or "json" in match[1]:
                return match[0]
            name = f"{hashlib.sha256(match[2].encode()).hexdigest()[:12]}.js"
            (folder / "_static" / "scripts" / name).write_text(match[2], encoding="utf-8")
            return f'<script{match[1]} src="{up}_static/scripts/{name}"></script>'

        path.write_text(_INLINE.sub(moved, path.read_text(encoding="utf-8")), encoding="utf-8")


def faults(folder: Path) -> list[str]:
    """Return what is wrong with the links and scripts of a built site."""
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.html"))}
    targets = {path: {unescape(name) for name in _TARGET.findall(text)} for path, text in pages.items()}
    found = []
    for path, text in pages.items():
        where = path.relative_to(folder).as_posix()
        if any(match[2].strip() and "json" not in match[1] for match in _INLINE.finditer(text)):
            found.append(f"{where}: a script stands in the page")
        if re.search(r"<[^>]+\son\w+=", text):
            found.append(f"{where}: a script stands in an attribute")
        for match in _LINK.finditer(text):
            if 'class="served"' in match[0]:
                continue  # a lab, beside the site where both are served
            to = urlsplit(unescape(match["to"]))
            if to.scheme in {"http", "https", "mailto"}:
                if match["tag"] != "a" and not re.search(r'rel="(?:canonical|license)"', match[0]):
                    found.append(f"{where}: {match['to']} is fetched from another host")
                continue
            if to.scheme == "data":
                continue
            goal = (path.parent / unquote(to.path)).resolve() if to.path else path
            goal = goal / "index.html" if goal.is_dir() else goal
            if not goal.exists():
                found.append(f"{where}: {match['to']} leads nowhere")
            elif to.fragment and goal in targets and unquote(to.fragment) not in targets[goal]:
                found.append(f"{where}: {match['to']} leads to no place of its page")
    return sorted(set(found))


def built(source: Path, html: Path, jobs: str = "1") -> None:
    """Make a site of what Sphinx reads.

    Raises
    ------
    SystemExit
        If Sphinx warns, or a link or a script of the site is at fault.
    """
    shutil.rmtree(html, ignore_errors=True)
    options = [
        "-W",
        "--keep-going",
        "-q",
        "-E",
        "-j",
        jobs,
        "-b",
        "html",
        "-d",
        str(source.parent / "doctrees"),
    ]
    if sphinx([*options, str(source), str(html)]):
        raise SystemExit("the site was not built: see above")
    (html / "_static" / "webpack-macros.html").unlink(
        missing_ok=True
    )  # a template of the theme's, and no page
    for_screen_readers(html)
    without_inline_scripts(html)
    if found := faults(html):
        raise SystemExit("\n".join(["links and scripts of the site:", *found]))


def main() -> None:
    """Build the site."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--stored",
        action="store_true",
        help="run nothing, or nothing but the tutorials that --tutorials names",
    )
    numbers = [path.stem[:2] for path in tutorials.NOTEBOOKS]
    parser.add_argument(
        "--tutorials",
        nargs="+",
        choices=numbers,
        metavar="NUMBER",
        help=f"those to run, {numbers[0]} to {numbers[-1]}, the others being as stored; all by default",
    )
    parser.add_argument("--into", type=Path, default=BUILD, help="folder of the site; docs/_build by default")
    parser.add_argument("--jobs", default="auto", help="processes of Sphinx; one for each core by default")
    given = parser.parse_args()
    source, html = given.into.resolve() / "source", given.into.resolve() / "html"
    run = set(given.tutorials) if given.tutorials else set[str]() if given.stored else None
    write_source(source, run, pictures=not given.stored)
    built(source, html, given.jobs)
    print(f"built: {html / 'index.html'}")


if __name__ == "__main__":
    main()
