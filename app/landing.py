"""The landing page, and the page for an address that leads nowhere: plain HTML, cheap for thirty who open it at once.

Their text stands in static/*.html. Not serving: see site.py and server/pages.py.
"""

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from tornado.template import Loader

from amtlib import __version__
from app.page.layout import SITE
from app.page.view import LabView

_STATIC = Path(__file__).parent / "static"
_PAGES = Loader(str(_STATIC), whitespace="all")
STYLE = (_STATIC / "landing.css").read_text(encoding="utf-8")
_EVIDENCE = Path(__file__).with_name("evidence.yaml")
#: Where `make docs` puts the documentation.
DOCUMENTATION = Path(__file__).resolve().parents[1] / "docs" / "_build" / "html"
#: Most cards beside each other.
_MOST_IN_ROW = 3
#: A chapter's number at the beginning of a title: the list has numbers of its own.
_CHAPTER = re.compile(r"^\d+\. ")

Labs = Sequence[type[LabView]]


def _filled(template: str, **values: Any) -> str:
    """Return a page of static/ with these values, which are escaped where they are text."""
    return _PAGES.load(template).generate(**values).decode()


def landing_html(labs: Labs) -> str:
    """Return the landing page's content: the labs by their questions, their lessons, and how we know."""
    evidence = yaml.safe_load(_EVIDENCE.read_text(encoding="utf-8"))
    return _filled(
        "landing.html",
        cards=[
            lab_card(lab, number, of)
            for number, (lab, of) in enumerate(zip(labs, in_rows(len(labs)), strict=True), 1)
        ],
        agreements=list(_agreements(evidence)),
        evidence=evidence,
        documented=(DOCUMENTATION / "index.html").is_file(),
        site=SITE,
        version=__version__,
    )


def in_rows(count: int) -> list[int]:
    """Return for each card how many stand in its row: rows as equal as can be, so that no card stands alone.

    Examples
    --------
    >>> in_rows(5), in_rows(4), in_rows(1)
    ([2, 2, 3, 3, 3], [2, 2, 2, 2], [1])
    """
    rows = math.ceil(count / _MOST_IN_ROW)
    sizes = sorted(count // rows + (row < count % rows) for row in range(rows))
    return [size for size in sizes for _ in range(size)]


def lab_card(lab: type[LabView], number: int = 1, of: int = 1) -> str:
    """Return a lab's card: its question, and its lessons in their order; so many cards stand in its row."""
    lessons = lab.model_class.lessons
    return _filled("card.html", lab=lab, lessons=lessons, number=number, of=of, chapter=_CHAPTER)


def _agreements(evidence: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], int, int | None]]:
    """Give each model's evidence, to how many digits it agrees, and to how many in the labs' quick arithmetic."""
    models: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in evidence:
        name, precision = row["what"].rsplit(", ", 1)
        models.setdefault(name, {})[precision] = row
    for found in models.values():
        (best, *_), fast = found.values(), found.get("float32")
        quick = None if fast is None or fast is best else _digits(fast)
        yield best, _digits(best), quick


def _digits(row: Mapping[str, Any]) -> int:
    return math.floor(-math.log10(row["worst"]))


def nowhere_html(labs: Labs, prefix: str, path: str, query: str = "") -> str:
    """Return the page for an address of no page: the lab whose address is nearest, and all that there are.

    Parameters
    ----------
    labs : sequence
        All labs.
    prefix : str
        Path that they appear under, such as ``"/amt"``, or nothing.
    path, query : str
        What was asked for.
    """
    asked = path.removeprefix(prefix).strip("/")
    return _filled(
        "nowhere.html",
        labs=labs,
        near=_nearest(labs, asked),
        asked=asked,
        query=query,
        prefix=prefix,
        style=STYLE.replace(":host", "body"),
        site=SITE,
    )


def _nearest(labs: Labs, asked: str) -> type[LabView] | None:
    """Return the lab that somebody has most likely meant, if there is one."""
    names = {name.lower(): lab for lab in labs for name in (lab.slug, lab.title)}
    for part in asked.lower().split("/"):
        if near := difflib.get_close_matches(part, names, n=1):
            return names[near[0]]
    return None
