"""The frame of a lab's page: from lab to lab, the lesson beside the figures, messages, the drawer."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.site import LABS
from tests.browser.axe import violations
from tests.browser.conftest import NewPage
from tests.browser.letters import settled
from tests.browser.steps import WAIT, type_value, visited
from tests.serving import Server

# ---------------------------------------------------------------- messages


def in_sight(page: Page, what: Locator) -> bool:
    box = what.bounding_box()
    size = page.viewport_size
    return bool(box and size and box["y"] >= 0 and box["y"] + box["height"] <= size["height"])


def test_why_there_is_no_file_is_said_in_sight_and_goes_when_it_no_longer_holds(
    server: Server, page: Page
) -> None:
    visited(page, server, "fdn?n.lines=4&t.steps=20")
    button = page.get_by_role("button", name="CSV", exact=True)
    button.scroll_into_view_if_needed()
    button.click()
    message = page.locator(".message")
    expect(message).to_contain_text("Nothing has been trained yet", timeout=WAIT)
    assert in_sight(page, message)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(message).to_be_hidden(timeout=WAIT)


# ---------------------------------------------------------------- the title bar


def test_the_title_bar_leads_from_lab_to_lab_to_the_landing_page_and_to_the_listening_test(
    server: Server, page: Page
) -> None:
    first, second = LABS[:2]
    visited(page, server, first.slug)
    labs = page.get_by_role("navigation", name="Labs")
    labs.get_by_role("link", name=second.title, exact=True).click()
    expect(page).to_have_title(f"{second.title} · AMT Lab", timeout=WAIT)
    expect(labs.locator("[aria-current=page]")).to_have_text(second.title, timeout=WAIT)
    page.get_by_role("link", name="AMT Lab", exact=True).click()
    expect(page.get_by_role("heading", name="How do we know?")).to_be_visible(timeout=WAIT)
    labs.get_by_role("link", name="Listening test", exact=True).click()
    expect(page).to_have_title("Listening test · AMT Lab", timeout=WAIT)


def test_all_of_the_title_bar_is_in_the_window(server: Server, page: Page) -> None:
    visited(page, server, "perception")
    for width in (1400, 1349, 1280, 1150):
        page.set_viewport_size({"width": width, "height": 900})
        switch = page.get_by_role("banner").get_by_role("button").last
        box = switch.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
        assert page.get_by_role("link", name="Listening test", exact=True).is_visible()


def test_on_a_phone_the_labs_and_the_buttons_are_in_a_menu(server: Server, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    try:
        page = visited(context.new_page(), server, "cochlea")
        link = page.get_by_role("link", name="Loudness", exact=True)
        expect(link).to_be_hidden()
        page.get_by_role("button", name="Menu", exact=True).click()
        box = link.bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
        link.click()
        expect(page).to_have_title("Loudness · AMT Lab", timeout=WAIT)
    finally:
        context.close()


# ---------------------------------------------------------------- the lesson


def test_the_question_of_the_lab_and_then_of_the_lesson_is_the_heading(server: Server, page: Page) -> None:
    visited(page, server, "loudness")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("How loud is it, and why?")
    page.locator(".controls select").first.select_option("burst")
    expect(heading).to_have_text("How short is too short?", timeout=WAIT)


def test_the_lesson_stands_beside_the_figures(server: Server, page: Page) -> None:
    visited(page, server, "loudness?lesson=sone")
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


def test_a_drawer_that_a_narrow_window_closed_is_open_again_in_a_wide_one(server: Server, page: Page) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    visited(page, server, "cochlea")
    level = page.locator(".controls").get_by_role("slider", name="Level of the tone", exact=True)
    expect(level).to_be_in_viewport(timeout=WAIT)
    for chosen in (True, False):
        page.set_viewport_size({"width": 800, "height": 900})
        expect(level).not_to_be_in_viewport(timeout=WAIT)
        page.set_viewport_size({"width": 1400, "height": 900})
        if not chosen:  # somebody had closed it
            page.wait_for_timeout(300)
            expect(level).not_to_be_in_viewport()
            break
        expect(level).to_be_in_viewport(timeout=WAIT)
        page.get_by_role("button", name="Close drawer").click()
        expect(level).not_to_be_in_viewport(timeout=WAIT)
    page.mouse.move(700, 600)  # from the button, whose tooltip has a layer of its own
    settled(page)
    assert violations(page) == []  # the frame was drawn anew, and has its names and roles again


def test_on_a_phone_the_lesson_stands_between_its_question_and_the_figures(
    server: Server, page: Page
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    visited(page, server, "loudness?lesson=sone")
    tops = [page.locator(part).first.bounding_box() for part in ("h1", ".lesson-card", ".figures")]
    heights = [box["y"] for box in tops if box is not None]
    assert len(heights) == 3
    assert heights == sorted(heights)


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
