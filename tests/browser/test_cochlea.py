"""The cochlea lab as a person meets it: every experiment opens, answers a slider, and stands in the link."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.steps import WAIT, led
from tests.serving import Server

#: Experiment -> the figure that leads, and the other one.
SHOWN = {
    "io": ("io", "slope"),
    "tuning": ("tuning", "curve"),
    "suppression": ("suppressed", "suppression"),
    "distortion": ("distortion", "curve"),
    "cochleagram": ("drnl", "gammatone"),
}


@pytest.fixture(scope="module")
def lab(server: Server, new_page: NewPage) -> Page:
    """Return the lab's page, which the tests use one after the other."""
    page = new_page()
    page.goto(f"{server.url}/cochlea?lesson=distortion")
    return page


def test_a_lesson_opens_from_its_link(lab: Page) -> None:
    expect(lab.locator(".lesson-card")).to_contain_text("A tone that is not in the sound", timeout=WAIT)
    expect(lab.locator('[data-name="distortion"] .bk-Figure')).to_be_visible(timeout=WAIT)


def test_every_experiment_shows_its_own_figures(lab: Page) -> None:
    page = led(lab, "t.cf=1000")
    choice = page.locator(".controls").get_by_label("Experiment", exact=True)
    expect(choice).to_be_visible(timeout=WAIT)
    for experiment, shown in SHOWN.items():
        choice.select_option(experiment)
        boxes = []
        for figure in shown:
            expect(page.locator(f'[data-name="{figure}"] .bk-Figure')).to_be_visible(timeout=WAIT)
            boxes.append(page.locator(f'[data-name="{figure}"]').bounding_box())
        expect(page.locator(".bk-Figure:visible")).to_have_count(len(shown), timeout=WAIT)
        assert boxes[0]["width"] * boxes[0]["height"] >= boxes[1]["width"] * boxes[1]["height"] - 1


def test_less_gain_moves_the_knee_and_stands_in_the_link(lab: Page) -> None:
    page = led(lab, "t.cf=1000")
    page.locator(".controls").get_by_label("Experiment", exact=True).select_option("io", timeout=WAIT)
    summary = page.locator(".summary")
    expect(summary).to_contain_text("knee at 33 dB SPL", timeout=WAIT)
    slider = page.locator(".controls").get_by_role("slider", name="a: gain of the low-level part", exact=True)
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    # 3 dB less gain, 4 dB later: 3 / (1 - c).
    expect(summary).to_contain_text("knee at 37 dB SPL", timeout=WAIT)
    page.wait_for_url("**/cochlea?*e.a_db=-3*", timeout=WAIT)
