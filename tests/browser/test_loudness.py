"""The loudness lab as a person meets it: sliders, experiments, contours with progress, the moment, the link."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import WAIT, type_value
from tests.serving import Server

VIEWS = ("area", "growth", "series", "duration", "binaural", "masking", "bandwidth", "contours")


def test_every_experiment_s_figure_leads_the_chain(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/loudness")
    choice = page.locator(".controls").get_by_label("Experiment", exact=True)
    expect(choice).to_be_visible(timeout=WAIT)
    for view in VIEWS:
        choice.select_option(view)
        expect(page.locator(f'[data-name="{view}"] .bk-Figure')).to_be_visible(timeout=WAIT)
        expect(page.locator(".bk-Figure:visible")).to_have_count(5, timeout=WAIT)
        # The place of a figure that is not shown is an empty box.
        shown = page.locator(".figures > [data-name]").filter(has=page.locator(".bk-Figure:visible"))
        sizes = shown.evaluate_all(
            "(all) => all.map((each) => [each.dataset.name, each.offsetWidth * each.offsetHeight])"
        )
        assert max(sizes, key=lambda size: size[1])[0] == view


def test_ten_decibels_more_are_twice_as_loud_and_stand_in_the_link(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/loudness?s.level=50")
    summary = page.locator(".summary")
    expect(summary).to_contain_text("2.0", timeout=WAIT)
    slider = page.locator(".controls").get_by_role("slider", name="Level", exact=True)
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(summary).to_contain_text("Pure tone at 60 dB SPL: 4.07 sone (60 phon)", timeout=WAIT)
    page.wait_for_url("**/loudness", timeout=WAIT)  # 60 dB SPL is where it began: nothing to say in the link


def test_contours_appear_unasked_and_follow_the_listener(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/loudness?v.view=contours")
    summary = page.locator(".summary")
    expect(summary).to_contain_text("The contours lie 2.9 dB (rms) from those of ISO 226:2023", timeout=WAIT)
    page.locator(".controls").get_by_label("Sound field", exact=True).select_option("diffuse")
    expect(summary).to_contain_text("The contours lie", timeout=WAIT)
    expect(summary).not_to_contain_text("2.9 dB", timeout=WAIT)


def test_a_click_into_the_time_plot_moves_the_moment(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/loudness")
    expect(page.locator(".summary")).to_contain_text("At 0.40 s", timeout=WAIT)
    box = page.locator('[data-name="time"] .bk-Canvas').bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])
    expect(page.locator(".summary")).not_to_contain_text("At 0.40 s", timeout=WAIT)


def test_a_lesson_s_task_is_done_with_the_slider(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/loudness?lesson=sone")
    task = page.locator(".task")
    expect(task).to_contain_text("Task: Make it four sones loud", timeout=WAIT)
    type_value(page, "Level", 60)
    expect(task).to_contain_text("Four sones are 60 phon", timeout=WAIT)


@pytest.mark.parametrize("lab", ["filterbank", "cochlea", "loudness", "fdn", "ear_and_room"])
def test_the_tools_stand_below_the_figures_in_any_window(server: Server, page: Page, lab: str) -> None:
    page.goto(f"{server.url}/{lab}")
    expect(page.locator(".bk-Figure:visible").first).to_be_visible(timeout=WAIT)
    for width, height in ((1000, 500), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)
        figures, tools = (page.locator(part).bounding_box() for part in (".figures", ".tools"))
        assert figures is not None
        assert tools is not None
        assert tools["y"] >= figures["y"] + figures["height"] - 1
