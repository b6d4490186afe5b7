"""Every lesson on its page: nothing is cut, its first figure is in sight, axe finds nothing, and it fills a projector.

One page a lab goes through its lessons as a class does, in the light at a desk and in the dark on a phone.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.site import LABS
from tests.browser.axe import violations
from tests.browser.conftest import NewPage
from tests.browser.letters import NOTE_TEXTS, at, boxes, cut, settled, smallest
from tests.browser.steps import WAIT, toggle_theme, visited, wait_until
from tests.serving import Server

DESK, PHONE = (1400, 900), (390, 844)
LESSONS = {lab.slug: list(lab.model_class.lessons) for lab in LABS}


@pytest.fixture(scope="module", params=LESSONS)
def lab(request: pytest.FixtureRequest, server: Server, new_page: NewPage) -> tuple[str, Page]:
    """Return a lab's slug and the page of its first lesson."""
    page = new_page()
    page.add_init_script(NOTE_TEXTS)
    return request.param, visited(page, server, f"{request.param}?lesson={LESSONS[request.param][0]}")


def comes_to(page: Page, lesson: str) -> None:
    """Wait until a lesson stands on the page."""
    wait_until(page, "slug => new URLSearchParams(location.search).get('lesson') === slug", lesson)
    expect(page.locator(".figures.computing")).to_have_count(0, timeout=WAIT)  # figures are dimmed
    settled(page)
    page.wait_for_timeout(250)  # titles that broke into lines are painted anew


def each_lesson(slug: str, page: Page) -> Iterator[str]:
    """Go through the lessons of a lab from its first one, which is open, and give each when it stands on the page."""
    for lesson in LESSONS[slug]:
        if lesson != LESSONS[slug][0]:
            page.locator(".lesson-card .next").click()
        comes_to(page, lesson)
        yield lesson


def test_no_text_of_a_lesson_is_cut_its_first_figure_needs_no_scrolling_and_axe_finds_nothing(
    lab: tuple[str, Page],
) -> None:
    slug, page = lab
    found = {}
    for lesson in each_lesson(slug, page):
        found[lesson] = [*cut(page), *violations(page)]
        if min(top + tall for _, top, _, tall in boxes(page).values()) > DESK[1]:
            found[lesson].append("the first figure is below the fold")
    page.locator(".controls select").first.select_option(LESSONS[slug][0])
    comes_to(page, LESSONS[slug][0])
    assert {lesson: faults for lesson, faults in found.items() if faults} == {}


def test_presented_figures_fill_the_screen_with_letters_for_a_room(lab: tuple[str, Page]) -> None:
    slug, page = lab
    if slug == "filterbank":
        toggle_theme(page)
    at(page, 1920, 1080)
    page.keyboard.press("p")
    leave = page.get_by_role("button", name="Leave the presentation")
    expect(leave).to_be_visible(timeout=WAIT)
    # The largest screen for every other lab: drawing takes as long as there are pixels.
    for width, height in ((1920, 1080), (3840, 2160))[: 2 - list(LESSONS).index(slug) % 2]:
        at(page, width, height)
        assert cut(page) == [], (width, height)
        assert smallest(page) >= 18 * width / 1920 - 0.01  # as the words around them
        shown = boxes(page).values()
        assert max(top + tall for _, top, _, tall in shown) <= height, "needs scrolling"
        assert max(top + tall for _, top, _, tall in shown) >= 0.93 * height
        assert max(left + wide for left, _, wide, _ in shown) >= 0.97 * width
    assert page.evaluate(SMALL_LETTERS) == []
    page.keyboard.press("p")
    expect(leave).to_be_hidden(timeout=WAIT)


def test_no_text_of_a_lesson_is_cut_and_axe_finds_nothing_in_the_dark_on_a_phone(
    lab: tuple[str, Page],
) -> None:
    slug, page = lab
    if slug != "filterbank":  # which is dark already
        toggle_theme(page)
    at(page, *PHONE)
    found = {}
    for lesson in each_lesson(slug, page):
        found[lesson] = [*cut(page), *violations(page)]
    assert {lesson: faults for lesson, faults in found.items() if faults} == {}


#: Returns the words around the figures that are smaller than 18 px.
SMALL_LETTERS = """() => {
  const found = []
  const visit = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) visit(node.shadowRoot)
      // A sign is no word: BokehJS has one for tools that a figure had no room for in the window before.
      const words = [...node.childNodes].filter(
        (each) => each.nodeType === Node.TEXT_NODE && /[\\p{L}\\p{N}]/u.test(each.textContent))
      if (!words.length || node.closest("style, .spoken, .bk-Figure, script") || !node.checkVisibility()) continue
      const box = node.getBoundingClientRect()
      if (!box.width || box.right <= 0 || parseFloat(getComputedStyle(node).fontSize) >= 17.99) continue
      found.push(`${getComputedStyle(node).fontSize}: ${words[0].textContent.slice(0, 40)}`)
    }
  }
  visit(document)
  return found
}"""
