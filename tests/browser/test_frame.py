"""The frame of a lab's page: from lab to lab, the lesson beside the figures, messages, the drawer."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import NewPage
from tests.browser.letters import at, settled
from tests.browser.steps import WAIT, type_value, visited
from tests.serving import Server

# ---------------------------------------------------------------- the lesson and the drawer, on one page of a lab


@pytest.fixture(scope="module")
def loudness(server: Server, new_page: NewPage) -> Page:
    return visited(new_page(), server, "loudness")


def lesson_choice(page: Page) -> Locator:
    return page.locator(".controls").get_by_role("combobox", name="Lesson", exact=True)


def test_the_question_of_the_lab_and_then_of_the_lesson_is_the_heading(loudness: Page) -> None:
    heading = loudness.get_by_role("heading", level=1)
    expect(heading).to_have_text("How loud is it, and why?")
    lesson_choice(loudness).select_option("burst")
    expect(heading).to_have_text("How short is too short?", timeout=WAIT)


def test_a_drawer_that_a_narrow_window_closed_is_open_again_in_a_wide_one(loudness: Page) -> None:
    page = loudness
    choice = lesson_choice(page)
    expect(choice).to_be_in_viewport(timeout=WAIT)
    for chosen in (True, False):
        page.set_viewport_size({"width": 800, "height": 900})
        expect(choice).not_to_be_in_viewport(timeout=WAIT)
        page.set_viewport_size({"width": 1400, "height": 900})
        if not chosen:  # somebody had closed it
            page.wait_for_timeout(300)
            expect(choice).not_to_be_in_viewport()
            break
        expect(choice).to_be_in_viewport(timeout=WAIT)
        page.get_by_role("button", name="Close drawer").click()
        expect(choice).not_to_be_in_viewport(timeout=WAIT)
    page.mouse.move(700, 600)  # from the button, whose tooltip has a layer of its own
    settled(page)
    assert violations(page) == []  # the frame was drawn anew, and has its names and roles again
    page.get_by_role("button", name="Open drawer").click()
    expect(choice).to_be_in_viewport(timeout=WAIT)


def test_the_lesson_stands_beside_the_figures(loudness: Page) -> None:
    page = loudness
    lesson_choice(page).select_option("sone")
    expect(page.locator(".lesson-card")).to_contain_text("Task: Make it four sones loud", timeout=WAIT)
    # Least room with the drawer open, most without it.
    for drawer, width in (("open", 1400), ("open", 1200), ("closed", 1200), ("closed", 1920)):
        if (drawer, width) == ("closed", 1200):
            page.get_by_role("button", name="Close drawer").click()
            page.wait_for_timeout(500)
        page.set_viewport_size({"width": width, "height": 900})
        settled(page)
        card, figures = (page.locator(part).bounding_box() for part in (".lesson-card", ".figures"))
        assert card is not None
        assert figures is not None
        assert card["x"] + card["width"] <= figures["x"], (drawer, width)
        assert abs(card["y"] - figures["y"]) < 200, (drawer, width)


def test_on_a_phone_the_lesson_stands_above_the_figures_and_labs_and_buttons_are_in_a_menu(
    server: Server, new_page: NewPage
) -> None:
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    visited(page, server, "loudness?lesson=sone")
    tops = [page.locator(part).first.bounding_box() for part in ("h1", ".lesson-card", ".figures")]
    heights = [box["y"] for box in tops if box is not None]
    assert len(heights) == 3
    assert heights == sorted(heights)
    link = page.get_by_role("link", name="Cochlea", exact=True)
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    box = link.bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    link.click()
    expect(page).to_have_title("Cochlea · AMT Lab", timeout=WAIT)


# ---------------------------------------------------------------- one page of the filterbank lab, looked at in turn


@pytest.fixture(scope="module")
def filterbank(server: Server, new_page: NewPage) -> Page:
    return visited(new_page(), server, "filterbank")


def test_the_description_of_a_figure_follows_what_it_shows(filterbank: Page) -> None:
    page = filterbank
    figure = page.get_by_role("figure", name="Cochleagram (dB SPL)")
    expect(figure).to_have_attribute("aria-description", re.compile("Colours from 0 to 80"))
    type_value(page, "Brightest colour at", 90)
    expect(figure).to_have_attribute("aria-description", re.compile("Colours from 0 to 90"), timeout=WAIT)


def test_a_message_can_be_closed_and_the_next_one_is_seen(filterbank: Page) -> None:
    page = filterbank
    for value in (500, 600):
        type_value(page, "Level", value)
        expect(page.locator(".problems")).to_contain_text(f"Level is {value} dB SPL", timeout=WAIT)
        page.get_by_role("button", name="Close the message").click()
        expect(page.locator(".message")).to_be_hidden()


def test_what_is_done_with_a_page_stands_in_its_title_bar(filterbank: Page) -> None:
    page = filterbank
    bar = page.get_by_role("banner")
    explain = bar.get_by_role("button", name="Explain", exact=True)
    helps = page.locator(".controls .help")
    expect(helps.first).to_be_hidden()
    explain.click()
    expect(helps.first).to_be_visible()
    expect(explain).to_have_attribute("aria-pressed", "true")
    for name in ("Copy link", "Make a lesson", "Present"):
        box = bar.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 60
    bar.get_by_role("button", name="Copy link", exact=True).click()
    expect(page.locator(".message")).to_contain_text("Link copied")


# ---------------------------------------------------------------- the title bar; this leaves that page


def test_the_title_bar_leads_from_lab_to_lab_to_the_landing_page_and_to_the_listening_test(
    filterbank: Page,
) -> None:
    page = filterbank
    labs = page.get_by_role("navigation", name="Labs")
    labs.get_by_role("link", name="Perception", exact=True).click()
    expect(page).to_have_title("Perception · AMT Lab", timeout=WAIT)
    expect(labs.locator("[aria-current=page]")).to_have_text("Perception", timeout=WAIT)
    expect(page.locator(".bk-Figure:visible").first).to_be_visible(timeout=3 * WAIT)
    # All of it is in the window.
    for width in (1400, 1349, 1280, 1150):
        at(page, width, 900)
        switch = page.get_by_role("banner").get_by_role("button").last
        box = switch.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
        assert page.get_by_role("link", name="Listening test", exact=True).is_visible()
    page.get_by_role("link", name="AMT Lab", exact=True).click()
    expect(page.get_by_role("heading", name="How do we know?")).to_be_visible(timeout=WAIT)
    labs.get_by_role("link", name="Listening test", exact=True).click()
    expect(page).to_have_title("Listening test · AMT Lab", timeout=WAIT)
