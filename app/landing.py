"""The landing page, and the page for an address that leads nowhere: plain HTML, cheap for thirty who open it at once.

Not serving: see site.py and server/not_found.py.
"""

import difflib
import html
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from amtlib import __version__
from app.page.layout import SITE
from app.page.view import LabView

STYLE = (Path(__file__).parent / "static" / "landing.css").read_text(encoding="utf-8")
_EVIDENCE = Path(__file__).with_name("evidence.yaml")
#: Where `make docs` puts the documentation.
DOCUMENTATION = Path(__file__).resolve().parents[1] / "docs" / "_build" / "html"
#: Most cards beside each other.
_MOST_IN_ROW = 3
#: A chapter's number at the beginning of a title: the list has numbers of its own.
_CHAPTER = re.compile(r"^\d+\. ")

Labs = Sequence[type[LabView]]


def landing_html(labs: Labs) -> str:
    """Return the landing page's content: the labs by their questions, their lessons, and how we know."""
    cards = "".join(
        lab_card(lab, number, of)
        for number, (lab, of) in enumerate(zip(labs, in_rows(len(labs)), strict=True), 1)
    )
    return f"""
<article>
<section class="hero">
  <h1>Hearing you can touch</h1>
  <p>Move a slider, and see and hear what an ear does with sound. Begin with the first lab, or with the question that
  you have: each lesson takes some minutes, asks something, and measures whether you have found it.</p>
</section>
<section class="cards" aria-label="Labs">{cards}</section>
<section class="hero">
  <h2><a href="listen">You and a model take the same test</a></h2>
  <p>Ten listening experiments of a few minutes: find your threshold, see that of a model of the ear that took the
  same test, with and without its outer hair cells, and what is known about people. In six lessons you predict first,
  from masking to a damaged cochlea. For a class, open a room: its thresholds gather in a histogram while they come.</p>
</section>
<section>
  <h2>How do we know?</h2>
  <p>Nothing here is drawn by hand: each picture is computed from a published model of hearing. Whenever the tests run,
  our numbers are held against those of programs that others have made. To so many digits they agree:</p>
  <div class="scroll">{_digits(yaml.safe_load(_EVIDENCE.read_text(encoding="utf-8")))}</div>
</section>
<section>
  <h2>For teachers</h2>
  <p>The whole state of a lab is in its address: set it up, press <b>Copy link</b>, and the class opens what you see.
  <b>QR code</b> shows it to the room. <b>Make a lesson</b> adds text, questions, a task and what students need not see;
  it is kept in a link or a file. Your own sounds stay in your session and, for a day, in your browser. Each lab shows
  the code behind its picture: Python, with <code>amtlib</code>.{_documentation()}</p>
  <p class="fine">{SITE} {__version__}. Works without internet: nothing is fetched from elsewhere.</p>
</section>
</article>"""


def _documentation() -> str:
    """Return a sentence with a link to the documentation, where it has been built."""
    if not (DOCUMENTATION / "index.html").is_file():
        return ""
    return " <a href='docs/'>The documentation</a> has tutorials, recipes, and every part of it."


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
    listed = "".join(
        f"<li><a href='{lab.slug}?lesson={html.escape(slug)}'>{html.escape(_CHAPTER.sub('', lesson.title))}</a> "
        f"<span class='fine'>{lesson.minutes} min</span></li>"
        for slug, lesson in lessons.items()
    )
    minutes = sum(lesson.minutes for lesson in lessons.values())
    title = html.escape(lab.title)
    return f"""
<div class="card of-{of}">
  <a class="picture" href="{lab.slug}" aria-label="Open the {title} lab">{lab.picture()}</a>
  <div class="text">
    <p class="lab">{number} · {title} · {minutes} min</p>
    <h2><a href="{lab.slug}">{html.escape(lab.question)}</a></h2>
    <ol aria-label="Lessons of {title}">{listed}</ol>
  </div>
</div>"""


def _digits(evidence: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of how far each model agrees with that of others, in words, and the errors themselves below."""
    models: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in evidence:
        name, precision = row["what"].rsplit(", ", 1)
        models.setdefault(name, {})[precision] = row
    rows = "".join(f"<tr>{''.join(_agreement(found))}</tr>" for found in models.values())
    errors = "".join(
        f"<tr><th scope='row'>{html.escape(row['what'])}</th><td>{html.escape(row['against'])}</td>"
        f"<td class='number'>{row['worst']:.1g}</td><td>{html.escape(row['of'])}</td></tr>"
        for row in evidence
    )
    return f"""
<table>
  <thead><tr><th scope="col">What</th><th scope="col">Same numbers as</th><th scope="col">Digits</th></tr></thead>
  <tbody>{rows}</tbody>
</table>
<details><summary>The errors themselves</summary>
<table>
  <thead><tr><th scope="col">Model, arithmetic</th><th scope="col">Held against</th><th scope="col">Worst error</th>
  <th scope="col">Relative to</th></tr></thead>
  <tbody>{errors}</tbody>
</table></details>"""


def _agreement(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Give the cells of a model's row, from its errors by the precision of the arithmetic."""
    (best, *_), fast = found.values(), found.get("float32")
    digits = f"{math.floor(-math.log10(best['worst']))}"
    if fast is not None and fast is not best:
        quick = math.floor(-math.log10(fast["worst"]))
        digits += f" <span class='fine'>({quick} with the labs’ quick arithmetic)</span>"
    yield f"<th scope='row'>{html.escape(best['means'])}</th>"
    yield f"<td>{html.escape(best['against'])}</td>"
    yield f"<td>{digits}</td>"


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
    found = _nearest(labs, asked)
    links = {
        lab.slug: f"{prefix}/{lab.slug}" + (f"?{query}" if query and lab is found else "") for lab in labs
    }
    near = (
        f"<p class='near'>Did you mean <a href='{html.escape(links[found.slug])}'>{html.escape(found.title)}</a>?</p>"
        if found
        else ""
    )
    listed = "".join(
        f"<li><a href='{prefix}/{lab.slug}'>{html.escape(lab.question)}</a> "
        f"<span class='fine'>{html.escape(lab.title)}</span></li>"
        for lab in labs
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>No such page · {SITE}</title>
<style>{STYLE.replace(":host", "body")}</style>
</head>
<body class="nowhere">
<main><article>
<h1>There is no page at this address</h1>
<p>This server has no page called “{html.escape(asked[:80])}”.</p>
{near}
<h2>The labs</h2>
<ul>{listed}</ul>
<p><a href="{prefix}/">All labs and their lessons</a></p>
</article></main>
</body>
</html>"""


def _nearest(labs: Labs, asked: str) -> type[LabView] | None:
    """Return the lab that somebody has most likely meant, if there is one."""
    names = {name.lower(): lab for lab in labs for name in (lab.slug, lab.title)}
    for part in asked.lower().split("/"):
        if near := difflib.get_close_matches(part, names, n=1):
            return names[near[0]]
    return None
