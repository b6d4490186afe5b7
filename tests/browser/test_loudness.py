"""The loudness lab as a person meets it: sliders, experiments, contours with progress, the moment, the link."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.steps import WAIT, led, type_value, wait_for_query
from tests.serving import Server

VIEWS = ("area", "growth", "series", "duration", "binaural", "masking", "bandwidth", "contours")


@pytest.fixture(scope="module")
def lab(server: Server, new_page: NewPage) -> Page:
    """Return the lab's page, which tests use one after the other."""
    page = new_page()
    page.goto(f"{server.url}/loudness?lesson=sone")
    return page


def test_a_lesson_s_task_is_done_with_the_slider(lab: Page) -> None:
    task = lab.locator(".task")
    expect(task).to_contain_text("Task: Make it four sones loud", timeout=WAIT)
    type_value(lab, "Level", 60)
    expect(task).to_contain_text("Four sones are 60 phon", timeout=WAIT)


def show(page: Page, view: str) -> None:
    """Choose an experiment, and wait until its figures stand."""
    choice = page.locator(".controls").get_by_label("Experiment", exact=True)
    choice.select_option(view, timeout=WAIT)
    expect(page.locator(f'[data-name="{view}"] .bk-Figure')).to_be_visible(timeout=WAIT)
    expect(page.locator(".bk-Figure:visible")).to_have_count(5, timeout=WAIT)


def test_every_experiment_s_figure_leads_the_chain(lab: Page) -> None:
    led(lab, "")
    for view in VIEWS:
        show(lab, view)
        # The place of a figure that is not shown is an empty box.
        shown = lab.locator(".figures > [data-name]").filter(has=lab.locator(".bk-Figure:visible"))
        sizes = shown.evaluate_all(
            "(all) => all.map((each) => [each.dataset.name, each.offsetWidth * each.offsetHeight])"
        )
        assert max(sizes, key=lambda size: size[1])[0] == view


def test_ten_decibels_more_are_twice_as_loud_and_stand_in_the_link(lab: Page) -> None:
    show(lab, "area")
    type_value(lab, "Level", 50)
    wait_for_query(lab, "s.level", "50")
    summary = lab.locator(".summary")
    expect(summary).to_contain_text("2.0", timeout=WAIT)
    slider = lab.locator(".controls").get_by_role("slider", name="Level", exact=True)
    slider.focus()
    for _ in range(10):
        lab.keyboard.press("ArrowRight")
    expect(summary).to_contain_text("Pure tone at 60 dB SPL: 4.07 sone (60 phon)", timeout=WAIT)
    lab.wait_for_url("**/loudness", timeout=WAIT)  # 60 dB SPL is where it began: nothing to say in the link


def test_a_click_into_the_time_plot_moves_the_moment(lab: Page) -> None:
    show(lab, "area")
    expect(lab.locator(".summary")).to_contain_text("At 0.40 s", timeout=WAIT)
    plot = lab.locator('[data-name="time"] .bk-Canvas')
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    lab.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])
    expect(lab.locator(".summary")).not_to_contain_text("At 0.40 s", timeout=WAIT)


def test_contours_appear_unasked_and_follow_the_listener(lab: Page) -> None:
    show(lab, "contours")
    summary = lab.locator(".summary")
    expect(summary).to_contain_text("The contours lie 2.9 dB (rms) from those of ISO 226:2023", timeout=WAIT)
    lab.locator(".controls").get_by_label("Sound field", exact=True).select_option("diffuse")
    expect(summary).to_contain_text("The contours lie", timeout=WAIT)
    expect(summary).not_to_contain_text("2.9 dB", timeout=WAIT)
