"""Build the documentation site into `docs/_build/html`: `make docs`. Nothing is fetched from anywhere.

Pages are those of `docs/pages` and of the project (CONTRIBUTING, ARCHITECTURE, CHANGELOG), the notebooks and recipes,
run, and the docstrings. A warning of Sphinx is an error, and so are a link that leads nowhere within the site, a file
from another host, and a script within a page.
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
SOURCE, HTML = BUILD / "source", BUILD / "html"
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


def write_source(chosen: list[str]) -> None:
    """Write all that Sphinx reads into a folder of its own."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(ROOT / "docs" / "pages", SOURCE)
    static = SOURCE / "_static"
    shutil.copytree(ROOT / "docs" / "static", static)
    shutil.copy(ROOT / "docs" / "references.bib", static)
    shutil.copy(ROOT / "CITATION.cff", static)
    shutil.copy(ROOT / "app" / "assets" / "filterbank.png", static)
    shutil.copy(Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js", static)
    for name, page in _PAGES.items():
        if name != "README.md":
            (SOURCE / page).write_text(_projects_page(name), encoding="utf-8")
    evidence = SOURCE / "evidence.md"
    evidence.write_text(
        evidence.read_text(encoding="utf-8").replace("<!-- table -->", _evidence()), encoding="utf-8"
    )
    cited = sorted(bibliography.entries().items(), key=lambda pair: bibliography.order(pair[1].text()))
    entries = "\n".join(f"({name.replace(':', '-')})=\n- {entry.text()}\n" for name, entry in cited)
    (SOURCE / "bibliography.md").write_text(f"{_BIBLIOGRAPHY}\n{entries}", encoding="utf-8")
    for room in rooms.ROOMS:
        (SOURCE / "reference" / f"{room.name}.rst").write_text(rooms.page(room), encoding="utf-8")
    gallery.write(SOURCE)
    _write_tutorials(chosen)


def _write_tutorials(chosen: list[str]) -> None:
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    titles = tutorials.titles(paths)
    folder, files = SOURCE / "tutorials", SOURCE / "_static"
    (files / "notebooks").mkdir()
    seen = tutorials.sources()
    for path in paths:
        if chosen and path.stem[:2] not in chosen:
            text = f"# {titles[path.stem]}\n\nThis notebook was left out of this build.\n"
        else:
            print(f"tutorial {path.name}", flush=True)
            text = tutorials.page(path, files, seen)
        (folder / f"{path.stem}.md").write_text(text, encoding="utf-8")
        shutil.copy(path, files / "notebooks")
    index = folder / "index.md"
    listed = "\n".join(f"{title} <{name}>" for name, title in titles.items())
    index.write_text(
        index.read_text(encoding="utf-8").replace("<!-- tutorials -->", listed), encoding="utf-8"
    )


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


def main() -> None:
    """Build the site."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument(
        "--tutorials", nargs="*", default=[], help="numbers of those to run, such as 01; all by default"
    )
    write_source(arguments.parse_args().tutorials)
    shutil.rmtree(HTML, ignore_errors=True)
    shutil.copy(ROOT / "docs" / "conf.py", SOURCE)
    if sphinx(
        [
            "-W",
            "--keep-going",
            "-q",
            "-E",
            "-b",
            "html",
            "-d",
            str(BUILD / "doctrees"),
            str(SOURCE),
            str(HTML),
        ]
    ):
        raise SystemExit("the site was not built: see above")
    (HTML / "_static" / "webpack-macros.html").unlink(
        missing_ok=True
    )  # a template of the theme's, and no page
    for_screen_readers(HTML)
    without_inline_scripts(HTML)
    if found := faults(HTML):
        raise SystemExit("\n".join(["links and scripts of the site:", *found]))
    print(f"built: {HTML / 'index.html'}")


if __name__ == "__main__":
    main()
