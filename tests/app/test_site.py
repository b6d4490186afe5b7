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

from app.page.view import LabView
from app.site import LABS, find_labs, lab_card, landing_html


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

from app.figures import Axis, Curve, Figure, FigureSet
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


def test_the_evidence_is_small_numbers() -> None:
    worst = [float(text) for text in re.findall(r"class='number'>([^<]+)<", landing_html())]
    assert worst
    assert all(0 <= value < 1e-3 for value in worst)


def test_the_page_links_to_nowhere_outside() -> None:
    assert not re.findall(r"""(?:href|src)=["'](?:https?:)?//""", landing_html())
