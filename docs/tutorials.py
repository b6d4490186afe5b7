"""From notebooks to pages: each is run, and its words, code, numbers, figures and sounds become a page of the site.

What a run gave is kept in `docs/_build/runs` under a hash of the notebook and of all sources that it may use. Without
a run, a page is made of what the notebook's file holds: words, numbers, and pictures of its figures.
"""

import base64
import hashlib
import html
import io
import json
import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import soundfile
from nbclient import NotebookClient

from amtlib.teaching.exercise import marked
from docs.displays import COMPARISON, FIGURE, LAB, PLACE, SOUND

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RUNS = ROOT / "docs" / "_build" / "runs"
_SETUP = "from docs.displays import install\n\ninstall()"
#: What `amtlib.teaching.check` returns begins so
VERDICT = re.compile(r"(Right|Not yet|Nothing to check yet)\. ")
#: A link of a notebook to a state of a lab: its words, the lab and the state
LAB_LINK = re.compile(r"\[([^\]]+)\]\(http://localhost:5006/([^)\s]*)\)")
#: A paragraph that is a caption
_CAPTION = re.compile(r"^(\*Figure: .+\*)$", re.MULTILINE)
#: Longest time that a cell may take, s.
_LONGEST = 900


def sources() -> str:
    """Return a hash of everything whose change may change a figure."""
    seen = hashlib.sha256()
    for room in ("amtlib", "app"):
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in {".py", ".csv", ".flac", ".yaml"} and "server" not in path.parts:
                seen.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    seen.update((ROOT / "docs" / "displays.py").read_bytes())
    return seen.hexdigest()


def executed(paths: Iterable[Path]) -> dict[Path, Any]:
    """Run notebooks, as many at once as there are cores, or take them from the last run if nothing has changed since.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    os.environ["PYTHONPATH"] = str(ROOT)  # of the kernels, whose folder is that of the notebooks
    seen = sources().encode()
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a kernel, which computes in one thread
        return dict(pool.map(lambda path: (path, _executed(path, seen)), paths))


def _executed(path: Path, seen: bytes) -> Any:
    run = RUNS / f"{path.stem}-{hashlib.sha256(seen + path.read_bytes()).hexdigest()[:16]}.ipynb"
    if not run.exists():
        print(f"tutorial {path.name}", flush=True)
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.insert(0, nbformat.v4.new_code_cell(_SETUP))
        where = {"metadata": {"path": path.parent}}
        NotebookClient(
            notebook, timeout=_LONGEST, resources=where, extra_arguments=["--log-level=ERROR"]
        ).execute()
        del notebook.cells[0]
        RUNS.mkdir(parents=True, exist_ok=True)
        for old in RUNS.glob(f"{path.stem}-*.ipynb"):
            old.unlink()
        nbformat.write(notebook, run)
    return nbformat.read(run, as_version=4)


def lab_link(state: str, words: str) -> str:
    """Return a link from a page in a folder of the site to a lab beside it; `links.js` makes it fit the page's host."""
    return f'<a class="served" href="../../{html.escape(state)}">{words}</a>'


class Page:
    """A page of the site that is being written, and the files beside it.

    Parameters
    ----------
    name : str
        Of the page, and of its files.
    files : Path
        Folder of the site's files; figures and sounds go into folders of it.
    up : str
        How the page's address leads to that folder.
    """

    def __init__(self, name: str, files: Path, up: str = "../_static") -> None:
        self.name, self.files, self.up = name, files, up
        self.count = 0
        self.parts: list[str] = []

    def _file(self, folder: str, suffix: str, content: bytes) -> str:
        self.count += 1
        path = self.files / folder / f"{self.name}-{self.count:02d}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return f"{self.up}/{folder}/{path.name}"

    def text(self, words: str) -> None:
        """Add Markdown; a paragraph in italics that begins with "Figure:" becomes the caption of what is above it.

        Links to labs lead to those of the server that offers the site, wherever it is.
        """
        words = LAB_LINK.sub(lambda found: lab_link(found[2], found[1]), words)
        self.parts.append(_CAPTION.sub(r"{.caption}\n\1", words))

    def verdict(self, words: str) -> None:
        """Add what is said to the answer of an exercise."""
        self.raw(f'<p class="verdict">{marked(words)}</p>')

    def raw(self, markup: str) -> None:
        """Add HTML."""
        self.parts.append(f"```{{raw}} html\n{markup}\n```")

    def code(self, source: str) -> None:
        """Add a cell's code."""
        self.parts.append(f"````python\n{source}\n````")

    def printed(self, words: str) -> None:
        """Add what a cell printed."""
        if words.strip():
            self.parts.append(f"````{{code-block}} text\n:class: printed\n\n{words.rstrip()}\n````")

    def figure(self, text: str, label: str | None = None) -> None:
        """Add a figure, given as JSON, that the page draws when it comes into sight."""
        script = f"addFigure({text});\n".replace("</", "<\\/")
        item = json.loads(text)
        label = label or _title(item)
        source = self._file("figures", ".js", script.encode())
        height = _height(item)
        self.raw(
            f'<div class="figure-of-cell" role="img" aria-label="{html.escape(label, quote=True)}" '
            f'data-source="{source}" style="min-height: {height}px"></div>'
        )

    def picture(self, png: bytes, label: str) -> None:
        """Add a picture."""
        source = self._file("pictures", ".png", png)
        self.raw(f'<img class="picture-of-cell" src="{source}" alt="{html.escape(label, quote=True)}">')

    def _sound(self, wav: bytes) -> str:
        """Keep a sound, compressed without loss, and return its address."""
        samples, rate = soundfile.read(io.BytesIO(wav), dtype="int16")
        packed = io.BytesIO()
        soundfile.write(packed, samples, rate, format="FLAC", subtype="PCM_16")
        return self._file("sounds", ".flac", packed.getvalue())

    def sound(self, wav: bytes) -> None:
        """Add a player."""
        self.raw(f'<audio controls preload="none" src="{self._sound(wav)}"></audio>')

    def comparison(self, wavs: list[bytes], markup: str) -> None:
        """Add a blind comparison; its script becomes a file of the site, as all are (`build.py`)."""
        for i, wav in enumerate(wavs):
            markup = markup.replace(PLACE.format(i), self._sound(wav))
        self.raw(markup)

    def markdown(self) -> str:
        """Return the page."""
        return "\n\n".join(self.parts) + "\n"


def _height(item: dict[str, Any]) -> int:
    """Return how high a figure will be, so that nothing moves when it is drawn."""
    found = [value for _, value in _attributes(item["doc"]["roots"], "height") if isinstance(value, int)]
    return max(found, default=300)


def _attributes(node: Any, name: str) -> list[tuple[str, Any]]:
    if isinstance(node, dict):
        here = [(name, node["attributes"][name])] if name in node.get("attributes", {}) else []
        return here + [each for value in node.values() for each in _attributes(value, name)]
    if isinstance(node, list):
        return [each for value in node for each in _attributes(value, name)]
    return []


def _title(item: dict[str, Any]) -> str:
    """Return the title of a figure, for those who cannot see it."""
    titles = [
        str(text) for _, text in _attributes(item["doc"]["roots"], "text") if isinstance(text, str) and text
    ]
    return "Figure: " + "; ".join(dict.fromkeys(titles)) if titles else "Figure"


def _joined(outputs: list[Any]) -> list[Any]:
    """Return a cell's outputs, with what was printed in several pieces as one."""
    joined: list[Any] = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream":
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def page(path: Path, files: Path, ran: Any = None) -> str:
    """Return the Markdown of a notebook's page, whose figures and sounds are then in `files`.

    Parameters
    ----------
    path : Path
        The notebook.
    files : Path
        Folder of the site's files.
    ran : NotebookNode, optional
        The notebook as :func:`executed` returned it; without it the page is what is stored.
    """
    made = Page(path.stem, files)
    for cell in (ran or nbformat.read(path, as_version=4)).cells:
        if cell.cell_type == "markdown":
            made.text(cell.source)
            continue
        made.code(cell.source)
        for output in _joined(cell.outputs):
            if output.output_type == "stream":
                made.printed(output.text)
                continue
            data = output.data
            if FIGURE in data:
                made.figure(data[FIGURE]["item"])
            elif SOUND in data:
                made.sound(base64.b64decode(data[SOUND]["wav"]))
            elif COMPARISON in data:
                wavs = [base64.b64decode(each) for each in data[COMPARISON]["wavs"]]
                made.comparison(wavs, data[COMPARISON]["markup"])
            elif LAB in data:
                title, slug = html.escape(data[LAB]["title"]), data[LAB]["slug"]
                made.raw(
                    f'<p class="lab-link">In JupyterLab the lab <em>{title}</em> stands here, live. Where the labs are '
                    f"served: {lab_link(slug, 'open it')}.</p>"
                )
            elif "image/png" in data:
                made.picture(base64.b64decode(data["image/png"]), "Figure as it is stored in the notebook")
            elif "text/plain" in data:
                say = made.verdict if VERDICT.match(data["text/plain"]) else made.printed
                say(data["text/plain"])
    first, _, rest = made.parts[0].partition("\n")
    state = "run from top to bottom when the site was built" if ran else "as it is stored, without its sounds"
    note = (
        f"*This page is the notebook [`notebooks/{path.name}`](../_static/notebooks/{path.name}), {state}.*"
    )
    made.parts[0] = f"{first}\n\n{note}\n{rest}"
    return made.markdown()


def titles() -> dict[str, str]:
    """Return the title of each notebook, by the name of its page."""
    found = {}
    for path in NOTEBOOKS:
        (line,) = re.findall(r"^# (.+)$", nbformat.read(path, as_version=4).cells[0].source, re.MULTILINE)
        found[path.stem] = line
    return found
