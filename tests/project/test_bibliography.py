"""One bibliography: what is cited stands in it, what stands in it is cited, and lists are written from it."""

import re
from functools import cache
from itertools import zip_longest
from pathlib import Path

import pytest

from docs import bibliography
from docs.bibliography import ROOT, cited, entries, notebook, without_letter

#: The bibliography, read once.
KNOWN = entries()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Handle, slash, name, without spaces: https://www.doi.org/doi-handbook/HTML/doi-syntax.html
DOI = re.compile(r"10\.\d{4,9}/[^\s]+")

#: Volume, first and last page, as docstrings have them: "110, 3107-3118".
PLACE = re.compile(r"\b(\d+(?:\(\d\))?), (\d+[-–]\d+)\b")


@cache
def texts() -> list[tuple[str, str]]:
    return list(bibliography.texts())


@cache
def citations() -> dict[str, set[str]]:
    """Who cites what, over all of the project."""
    found: dict[str, set[str]] = {}
    for path, text in texts():
        for name in cited(text):
            found.setdefault(name, set()).add(path)
    return found


def test_everything_that_is_cited_has_an_entry() -> None:
    keys = {without_letter(name) for name in KNOWN}
    missing = {name: sorted(paths) for name, paths in citations().items() if name not in keys}
    assert not missing, f"add to docs/references.bib, or mend the citation: {missing}"


def test_every_entry_is_cited() -> None:
    idle = {name for name in KNOWN if without_letter(name) not in citations()}
    assert not idle, f"nobody cites {sorted(idle)}; take them out of docs/references.bib"


def test_every_doi_has_the_form_of_one_and_stands_there_once() -> None:
    found = [entry.fields["doi"] for entry in KNOWN.values() if "doi" in entry.fields]
    assert len(found) > 40
    assert not [doi for doi in found if not DOI.fullmatch(doi)]
    assert len(found) == len(set(found))


def test_volumes_and_pages_are_the_same_wherever_they_stand() -> None:
    wrong = []
    fields: dict[str, list[dict[str, str]]] = {}
    for name, entry in KNOWN.items():
        fields.setdefault(without_letter(name), []).append(entry.fields)
    for path, text in texts():
        line = " ".join(text.split())
        starts = [*bibliography.CITATION.finditer(line)]
        for here, following in zip_longest(starts, starts[1:]):
            told = PLACE.search(line[here.end() : following.start() if following else None][:150])
            known = fields.get(bibliography.key(here[1], here[2]), [])
            places = {
                (volume, each.get("pages", "").replace("--", "-"))
                for each in known
                for volume in (each.get("volume"), f"{each.get('volume')}({each.get('number')})")
            }
            if told and known and (told[1], told[2]) not in places:
                wrong.append(f"{path}: {here[0]} ... {told[0]}, not {places}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_an_entry_is_complete_and_has_the_key_of_its_author_and_year(name: str) -> None:
    entry = KNOWN[name]
    assert {"author", "title", "year"} <= entry.fields.keys()
    assert entry.fields.keys() & {"journal", "booktitle", "publisher", "howpublished"}
    if entry.is_standard:
        assert cited(entry.text()) == {name}
    else:
        surname = entry.authors[0].partition(",")[0]
        assert without_letter(name) == bibliography.key(surname, entry.fields["year"])


def test_entries_stand_in_the_order_of_their_keys() -> None:
    assert list(KNOWN) == sorted(KNOWN)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_list_of_a_notebook_is_what_it_cites_as_the_bibliography_has_it(path: Path) -> None:
    prose, listed = notebook(path)
    lines = {entry.text(): without_letter(name) for name, entry in KNOWN.items()}
    unknown = [line for line in listed if line not in lines]
    assert not unknown, f"not as docs/references.bib has it: {unknown}"
    assert {lines[line] for line in listed} == cited(prose)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("as Moore, Glasberg and Baer (1997) and Moore et al. (2018) have it", {"moore1997", "moore2018"}),
        (
            "(Zwicker 1970; de Boer and de Jongh 1978), Dal Santo et al. 2023",
            {"zwicker1970", "deboer1978", "dalsanto2023"},
        ),
        ("Välimäki and Liski (2017), O'Mard's ear, at 2000 Hz", {"valimaki2017"}),
        ("ISO 226:2023, ISO 3382-1:2009, ANSI S3.4-2007", {"iso226:2023", "iso3382-1:2009", "ansis3.4:2007"}),
        ("In 1961 it was new; at 2000 Hz it is not", set()),
    ],
)
def test_citations_are_found_in_prose(text: str, keys: set[str]) -> None:
    assert cited(text) == keys


def test_a_broken_bibliography_is_refused() -> None:
    good = "@misc{moore2016,\n  year = {2016},\n}\n"
    assert list(entries(good)) == ["moore2016"]
    with pytest.raises(ValueError, match="moore2016 stands there twice"):
        entries(good + good)
    with pytest.raises(ValueError, match="line 2 is no line of an entry"):
        entries("@misc{moore2016,\n  year = 2016\n}\n")
