"""The landing page names every lab, every lesson and how far each model is from the original."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import holoviews as hv
import pytest
from bokeh.document import Document

from app.landing import in_rows, lab_card, nowhere_html
from app.page.view import LabView
from app.site import LABS, find_labs, landing_html


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_every_lab_has_a_card_a_picture_and_its_question(lab: type[LabView]) -> None:
    page = landing_html()
    assert page.count(f'href="{lab.slug}"') == 2  # the picture and the title
    assert lab.question in page
    assert f'aria-label="Open the {lab.title} lab"' in page


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_every_lesson_is_one_click_away(lab: type[LabView]) -> None:
    assert lab.model_class.lessons
    for slug in lab.model_class.lessons:
        assert f"href='{lab.slug}?lesson={slug}'" in landing_html()


TOY = """
import param

from amtlib.plot import Axis, Curve, Figure
from app.figures import FigureSet
from app.lab import LabModel, Section
from app.lessons import Lesson
from app.quantity import Quantity
from app.page.view import LabView


class Line(param.Parameterized):
    slope = Quantity(1.0, bounds=(0, 4), step=0.5, unit="dB per dB", label="Slope", doc="Of the line.")


class ToyModel(LabModel):
    sections = (Section("Line", ("l.slope",)),)
    lessons = {"steep": Lesson("steep", "A steep line", state={"l.slope": 4})}

    def __init__(self):
        self.line = Line()
        super().__init__({"l": self.line})

    def code(self):
        return f"slope = {self.line.slope}"


class ToyLab(LabView):
    model_class = ToyModel
    slug = "toy"
    title = "Toy"
    question = "How steep is it?"
    figures = FigureSet(
        [
            Figure(
                "line",
                lambda lab: f"Slope {lab.line.slope:g}",
                Axis("level", "Level", "dB SPL", (0.0, 100.0)),
                Axis("response", "Response", "dB", (0.0, 400.0)),
                [Curve("line", lambda lab: ([0.0, 100.0], [0.0, 100.0 * lab.line.slope]))],
            )
        ]
    )

    def summary(self):
        return f"Slope {self.lab.line.slope:g}."
"""


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Give a package of labs in a folder of its own, with one lab in it."""
    folder = tmp_path / "labs_of_a_test" / "toy"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    (folder / "__init__.py").write_text("")
    (folder / "view.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("labs_of_a_test")
    for name in [name for name in sys.modules if name.startswith("labs_of_a_test")]:
        del sys.modules[name]


def test_a_folder_with_a_view_is_a_lab(labs: ModuleType) -> None:
    (toy,) = find_labs(labs)
    view = toy(link="?lesson=steep", served=True)
    assert view.summary() == "Slope 4."
    assert view.scene.columns("line/line")["response"].tolist() == [0, 400]
    assert view.scene.whole()["set"]["line.title"]["text"] == "Slope 4"
    page = Document()
    view.page().server_doc(page)
    assert page.roots
    assert hv.render(view.figure("line")).title.text == "Slope 4"
    assert "toy?lesson=steep" in lab_card(toy)


def test_a_folder_whose_view_makes_no_lab_of_its_name_is_refused(labs: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "labs_of_a_test" / "toy").rename(tmp_path / "labs_of_a_test" / "game")
    importlib.invalidate_caches()
    with pytest.raises(ValueError, match="slug = 'game', the name of its folder; it makes ToyLab"):
        find_labs(labs)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_a_card_leads_with_the_question_and_says_how_long_its_lessons_take(lab: type[LabView]) -> None:
    card = lab_card(lab)
    assert re.search(rf'<h2><a href="{lab.slug}">{re.escape(lab.question)}</a></h2>', card)
    lessons = lab.model_class.lessons.values()
    assert card.count(" min</span>") == len(lessons)
    assert f"{lab.title} · {sum(lesson.minutes for lesson in lessons)} min" in card
    assert re.findall(r"\?lesson=([\w-]+)'", card) == [lesson.slug for lesson in lessons]


@pytest.mark.parametrize("count", range(1, 20))
def test_no_card_stands_alone_in_its_row(count: int) -> None:
    rows = in_rows(count)
    assert len(rows) == count
    assert count == 1 or 1 not in rows
    assert all(rows.count(size) % size == 0 for size in set(rows))


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("/filterbnk", "filterbank"),
        ("/Cochlea", "cochlea"),
        ("/fdn/lesson", "fdn"),
        ("/ear-and-room", "ear_and_room"),
        ("/loudnes/", "loudness"),
    ],
)
def test_an_address_that_leads_nowhere_leads_to_the_lab_that_is_nearest(path: str, near: str) -> None:
    page = nowhere_html(LABS, "/amt", f"/amt{path}", "s.level=70&x='><script>")
    assert f"Did you mean <a href='/amt/{near}?s.level=70&amp;x=&#x27;&gt;&lt;script&gt;'>" in page
    assert all(f"href='/amt/{lab.slug}'" in page for lab in LABS)


def test_an_address_that_is_like_no_lab_is_met_with_all_of_them_and_shown_as_text() -> None:
    page = nowhere_html(LABS, "", "/<script>alert(1)</script>")
    assert "Did you mean" not in page
    assert "<script" not in page
    assert all(f"href='/{lab.slug}'" in page for lab in LABS)


def test_the_evidence_is_in_a_students_words_first() -> None:
    table = landing_html().split("How do we know?")[1].split("<details>")[0]
    assert "float" not in table
    assert "The ear’s filters (gammatone)" in table
    assert "<td>13 " in table


def test_the_evidence_is_small_numbers() -> None:
    worst = [float(text) for text in re.findall(r"class='number'>([^<]+)<", landing_html())]
    assert worst
    assert all(0 <= value < 1e-3 for value in worst)


def test_the_page_links_to_nowhere_outside() -> None:
    assert not re.findall(r"""(?:href|src)=["'](?:https?:)?//""", landing_html())
