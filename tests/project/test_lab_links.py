"""The tutorials' links to states of the labs: each names a lab, and the lab takes all that it says."""

import re
from pathlib import Path

import nbformat
import pytest

from app.page.link import Link
from app.site import LABS

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(http://localhost:5006/([^)?]*)\??([^)]*)\)")
LINKS = [
    (path.stem, slug, query)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
    for cell in nbformat.read(path, as_version=4).cells
    if cell.cell_type == "markdown"
    for slug, query in LINK.findall(cell.source)
]


def test_there_are_links_to_labs() -> None:
    assert LINKS


@pytest.mark.parametrize(
    ("slug", "query"),
    [pytest.param(slug, query, id=f"{stem}: {slug}?{query}") for stem, slug, query in LINKS],
)
def test_a_lab_takes_all_that_a_link_of_a_tutorial_says(slug: str, query: str) -> None:
    labs = {lab.slug: lab for lab in LABS}
    assert slug in labs
    link = Link(labs[slug].model_class())
    notes, _ = link.read(query)
    assert notes == []
