"""The frame of every lab's page: from lab to lab, the lesson beside the figures, messages, nothing that jumps."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.site import LABS
from tests.browser.letters import places, settled
from tests.browser.steps import WAIT, type_value
from tests.serving import Server

SLUGS = [lab.slug for lab in LABS]


def opened(page: Page, server: Server, where: str) -> Page:
    page.goto(f"{server.url}/{where}")
    expect(page.locator(".bk-Figure:visible").first).to_be_visible(timeout=3 * WAIT)
    settled(page)
    return page


def moved(before: dict[str, list[float]], after: dict[str, list[float]]) -> dict[str, list[float]]:
    """Return the figures whose box has moved or changed by more than 1 px, and how."""
    assert before.keys() == after.keys()
    differences = {
        name: [b - a for a, b in zip(box, after[name], strict=True)] for name, box in before.items()
    }
    return {name: each for name, each in differences.items() if max(map(abs, each)) > 1}


# ---------------------------------------------------------------- nothing jumps


@pytest.mark.parametrize("size", [(1400, 900), (390, 844)], ids=["desk", "phone"])
@pytest.mark.parametrize("slug", SLUGS)
def test_no_figure_moves_when_a_setting_is_moved_a_sound_is_played_or_a_message_comes(
    server: Server, page: Page, slug: str, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, server, slug)
    before = places(page)
    page.locator(".listen .group button:visible").first.click()
    expect(page.locator(".player .play")).to_be_enabled(timeout=WAIT)
    assert moved(before, settled(page)) == {}
    quick = page.locator(".quick") if size[0] < 900 else page.locator(".controls")
    slider = quick.get_by_role("slider").first
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert moved(before, settled(page)) == {}
    number = quick.get_by_role("spinbutton").first
    number.fill("123456789")
    number.press("Enter")
    expect(page.locator(".problems")).to_contain_text("give a number from", timeout=WAIT)
    assert moved(before, settled(page)) == {}


@pytest.mark.parametrize("slug", ["fdn", "ear_and_room"])
def test_no_figure_moves_while_a_network_is_trained(server: Server, page: Page, slug: str) -> None:
    opened(page, server, f"{slug}?n.lines=4&t.steps=60&t.nfft=16384")
    before = places(page)
    page.get_by_role("button", name="Train", exact=True).click(timeout=WAIT)
    seen: dict[str, list[float]] = {}
    summary = page.locator(".summary")
    for _ in range(600):  # a worker that begins on a busy machine takes its time
        page.wait_for_timeout(100)
        seen |= moved(before, places(page))
        if "All 60 steps are done" in summary.inner_text():
            break
    expect(summary).to_contain_text("All 60 steps are done")
    seen |= moved(before, settled(page))
    assert seen == {}


# ---------------------------------------------------------------- messages


def in_sight(page: Page, what: Locator) -> bool:
    box = what.bounding_box()
    size = page.viewport_size
    return bool(box and size and box["y"] >= 0 and box["y"] + box["height"] <= size["height"])


def test_why_there_is_no_file_is_said_in_sight_and_goes_when_it_no_longer_holds(
    server: Server, page: Page
) -> None:
    opened(page, server, "fdn?n.lines=4&t.steps=20")
    button = page.get_by_role("button", name="CSV", exact=True)
    button.scroll_into_view_if_needed()
    button.click()
    message = page.locator(".message")
    expect(message).to_contain_text("Nothing has been trained yet", timeout=WAIT)
    assert in_sight(page, message)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(message).to_be_hidden(timeout=WAIT)


def test_a_message_can_be_closed_and_the_next_one_is_seen(server: Server, page: Page) -> None:
    opened(page, server, "filterbank")
    number = page.locator(".controls").get_by_role("spinbutton", name="Level, exact value", exact=True)
    for value in ("500", "600"):
        number.fill(value)
        number.press("Enter")
        expect(page.locator(".problems")).to_contain_text(f"Level is {value} dB SPL", timeout=WAIT)
        page.get_by_role("button", name="Close the message").click()
        expect(page.locator(".message")).to_be_hidden()


# ---------------------------------------------------------------- the title bar


def test_every_lab_leads_to_every_other_and_says_which_it_is(server: Server, page: Page) -> None:
    opened(page, server, SLUGS[0])
    for lab in LABS[1:]:
        page.get_by_role("navigation", name="Labs").get_by_role("link", name=lab.title, exact=True).click()
        expect(page).to_have_title(f"{lab.title} · AMT Lab", timeout=WAIT)
        expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=WAIT)
        here = page.get_by_role("navigation", name="Labs").locator("[aria-current=page]")
        expect(here).to_have_text(lab.title)
    page.get_by_role("link", name="AMT Lab", exact=True).click()
    expect(page.get_by_role("heading", name="How do we know?")).to_be_visible(timeout=WAIT)
    page.get_by_role("navigation", name="Labs").get_by_role("link", name="Listening test", exact=True).click()
    expect(page).to_have_title("Listening test · AMT Lab", timeout=WAIT)


def test_all_of_the_title_bar_is_in_the_window(server: Server, page: Page) -> None:
    opened(page, server, "perception")
    for width in (1400, 1349, 1280, 1150):
        page.set_viewport_size({"width": width, "height": 900})
        switch = page.get_by_role("banner").get_by_role("button").last
        box = switch.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
        assert page.get_by_role("link", name="Listening test", exact=True).is_visible()


def test_what_is_done_with_a_page_stands_in_its_title_bar(server: Server, page: Page) -> None:
    opened(page, server, "filterbank")
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


def test_on_a_phone_the_labs_and_the_buttons_are_in_a_menu(server: Server, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    try:
        page = opened(context.new_page(), server, "cochlea")
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
    opened(page, server, "loudness")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("How loud is it, and why?")
    page.locator(".controls select").first.select_option("burst")
    expect(heading).to_have_text("How short is too short?", timeout=WAIT)


@pytest.mark.parametrize("width", [1200, 1400, 1920])
def test_the_lesson_stands_beside_the_figures(server: Server, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, server, "loudness?lesson=sone")
    for drawer in ("open", "closed"):
        if drawer == "closed":
            page.get_by_role("button", name="Close drawer").click()
            page.wait_for_timeout(500)
            settled(page)
        card, figures = (page.locator(part).bounding_box() for part in (".lesson-card", ".figures"))
        assert card is not None
        assert figures is not None
        assert card["x"] + card["width"] <= figures["x"], drawer
        assert abs(card["y"] - figures["y"]) < 200, drawer


def test_a_drawer_that_a_narrow_window_closed_is_open_again_in_a_wide_one(server: Server, page: Page) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    opened(page, server, "cochlea")
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


def test_on_a_phone_the_lesson_stands_between_its_question_and_the_figures(
    server: Server, page: Page
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, server, "loudness?lesson=sone")
    tops = [page.locator(part).first.bounding_box() for part in ("h1", ".lesson-card", ".figures")]
    heights = [box["y"] for box in tops if box is not None]
    assert len(heights) == 3
    assert heights == sorted(heights)


# ---------------------------------------------------------------- by key

FOCUSED = """() => {
  let found = document.activeElement
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement
  return found?.textContent?.trim()
}"""


@pytest.mark.parametrize(("slug", "action"), [("fdn", "Train"), ("filterbank", "▶ Input")])
def test_the_main_action_is_a_few_keys_away(server: Server, page: Page, slug: str, action: str) -> None:
    opened(page, server, slug)
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Skip to the figures"
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED) == action:
            return
    raise AssertionError(f"{action} does not have the focus, but {page.evaluate(FOCUSED)}")


@pytest.mark.parametrize("slug", SLUGS)
def test_every_figure_has_a_role_a_name_and_a_description_that_follows(
    server: Server, page: Page, slug: str
) -> None:
    opened(page, server, slug)
    figures = page.get_by_role("figure")
    for figure in figures.all():
        assert figure.get_attribute("aria-label")
        assert " from " in (figure.get_attribute("aria-description") or "")
    assert figures.count() >= 2


def test_the_description_of_a_figure_follows_what_it_shows(server: Server, page: Page) -> None:
    opened(page, server, "filterbank")
    figure = page.get_by_role("figure", name="Cochleagram (dB SPL)")
    expect(figure).to_have_attribute("aria-description", re.compile("Colours from 0 to 80"))
    type_value(page, "Brightest colour at", 90)
    expect(figure).to_have_attribute("aria-description", re.compile("Colours from 0 to 90"), timeout=WAIT)
