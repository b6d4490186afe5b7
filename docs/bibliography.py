"""The project's bibliography: what `references.bib` holds, how an entry reads, and who cites it.

A citation is an author and a year in a text, such as Moore et al. (2016), and its key is made of the two: moore2016.
So docstrings, notebooks and lessons read as papers do, and still lead to their entries.
"""

import ast
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "references.bib"

_NAME = r"(?:(?:van der|van de|van|von|de|Dal|De) )?[A-Z][A-Za-zÀ-ž'’]+(?:-[A-Z][a-zà-ž]+)*"
#: First author, what stands between, year: "Moore and Glasberg (1987)", "Zwicker 1970", "Okabe & Ito (2008)".
CITATION = re.compile(
    rf"({_NAME})(?:(?:, {_NAME})*,? (?:and|&) {_NAME}| et al\.|'s)?,? \(?((?:1[89]|20)\d\d)(?:[a-z]\b|\b)"
)
STANDARD = re.compile(r"\b(ISO|ANSI) ([A-Z]?\d[\d.-]*?)[:-]((?:19|20)\d\d)\b")
#: What the pattern takes for a name, and is none.
NO_NAMES = {"In", "Hz", "JASMP", "November", "October"}


@dataclass(frozen=True)
class Entry:
    """One entry: its key, its kind, and its fields as they stand in the file."""

    key: str
    kind: str
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def authors(self) -> list[str]:
        """Authors as "Surname, I. N."; of a standard, who publishes it."""
        return [name.strip("{}") for name in self.fields["author"].split(" and ")]

    @property
    def is_standard(self) -> bool:
        """Whether it is a standard, cited by its number."""
        return self.fields["author"].startswith("{")

    def text(self) -> str:
        """Return the entry as a line of Markdown, as it stands at the end of a notebook."""
        get = self.fields.get
        title = self.fields["title"].rstrip(".")
        if self.is_standard:
            return f"{get('howpublished')}. *{title}*. {self.authors[0]}."
        *others, last = self.authors
        who = f"{', '.join(others)}, and {last}" if others else last
        if self.kind == "book":
            rest = f"*{title}*" + (f", {get('note')}" if get("note") else "") + f". {get('publisher')}"
        else:
            where = get("journal") or get("booktitle") or get("howpublished")
            volume = f" {get('volume')}" if get("volume") else ""
            volume += f"({get('number')})" if get("number") else ""
            pages = ", " + (get("pages") or get("note") or "").replace("--", "–")
            rest = f"{title}. *{where}*{volume}{pages.rstrip(', ')}"
        doi = f" [doi:{get('doi')}](https://doi.org/{get('doi')})" if get("doi") else ""
        return f"{who} ({self.fields['year']}). {rest}.{doi}"


def entries(text: str | None = None) -> dict[str, Entry]:
    """Read the bibliography: a field a line, in braces.

    Raises
    ------
    ValueError
        If a key stands there twice, or a line is none of an entry.
    """
    found: dict[str, Entry] = {}
    inside: Entry | None = None
    for number, line in enumerate(
        (FILE.read_text(encoding="utf-8") if text is None else text).splitlines(), 1
    ):
        if not line.strip() or line.startswith("%"):
            continue
        if head := re.fullmatch(r"@(\w+)\{([^,\s]+),", line):
            if inside is not None or head[2] in found:
                raise ValueError(f"line {number}: {head[2]} stands there twice, or within another entry")
            inside = Entry(head[2], head[1])
        elif inside is not None and line == "}":
            found[inside.key], inside = inside, None
        elif inside is not None and (pair := re.fullmatch(r"  (\w+) = \{(.*)\},", line)):
            inside.fields[pair[1]] = pair[2]
        else:
            raise ValueError(f"line {number} is no line of an entry: {line!r}")
    return found


def key(name: str, year: str) -> str:
    """Return the key of an author and a year: what an entry of theirs is called, up to a letter behind it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z]", "", plain) + year


def cited(text: str) -> set[str]:
    """Return the keys that a text cites, without letters behind them."""
    line = " ".join(text.split())
    names = {key(m[1], m[2]) for m in CITATION.finditer(line) if m[1] not in NO_NAMES}
    return names | {f"{m[1]}{m[2]}:{m[3]}".lower() for m in STANDARD.finditer(line)}


def without_letter(name: str) -> str:
    """Return a key as texts cite it: schlecht2017b is schlecht2017."""
    return re.sub(r"(?<=\d{4})[a-z]$", "", name)


def texts() -> Iterator[tuple[str, str]]:
    """Go through everything that may cite: docstrings, lessons, notebooks without their lists, and pages."""
    for room in ("amtlib", "app"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                    yield path.relative_to(ROOT).as_posix(), ast.get_docstring(node) or ""
    for path in sorted((ROOT / "app").rglob("lessons.yaml")):
        lessons = yaml.safe_load(path.read_text(encoding="utf-8"))
        yield path.relative_to(ROOT).as_posix(), yaml.safe_dump(lessons, allow_unicode=True, width=10**6)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        prose, _ = notebook(path)
        yield path.relative_to(ROOT).as_posix(), prose
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]:
        if "_build" not in path.parts:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def notebook(path: Path) -> tuple[str, list[str]]:
    """Return the prose of a notebook, and the lines of its list of references."""
    cells = [each.source for each in nbformat.read(path, as_version=4).cells if each.cell_type == "markdown"]
    parts = [text.partition("## References") for text in cells]
    listed = [line[2:] for *_, lines in parts for line in lines.splitlines() if line.startswith("- ")]
    return "\n".join(prose for prose, *_ in parts), listed


def order(line: str) -> str:
    """Return what lists are sorted by: the line without accents, in small letters."""
    return unicodedata.normalize("NFKD", line).encode("ascii", "ignore").decode().lower()
