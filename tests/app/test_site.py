"""The landing page names every lab, every lesson and how far each model is from the original."""

import re
from pathlib import Path

import pytest

from app.site import LABS, landing_html

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_every_lab_has_a_card_a_picture_and_its_question(lab: type) -> None:
    page = landing_html()
    assert page.count(f'href="{lab.slug}"') == 2  # the picture and the title
    assert lab.question in page
    assert f'aria-label="Open the {lab.title} lab"' in page


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_every_lesson_is_one_click_away(lab: type) -> None:
    assert lab.lessons
    for slug in lab.lessons:
        assert f"href='{lab.slug}?lesson={slug}'" in landing_html()


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_every_lab_has_a_page_that_the_server_finds(lab: type) -> None:
    assert (ROOT / "app" / "pages" / f"{lab.slug}.py").exists()


def test_the_evidence_is_small_numbers() -> None:
    worst = [float(text) for text in re.findall(r"class='number'>([^<]+)<", landing_html())]
    assert worst
    assert all(0 <= value < 1e-3 for value in worst)


def test_the_page_links_to_nowhere_outside() -> None:
    assert not re.findall(r"""(?:href|src)=["'](?:https?:)?//""", landing_html())
