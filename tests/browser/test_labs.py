"""Every lab's page, as it opens and in each lesson: its name, its keys, what axe finds, nothing cut, nothing jumps.

One page a lab is looked at by all of these tests, in this order. Up to the one that moves it each leaves it as it was;
from then on it goes through the lessons as a class does, in the light at a desk and in the dark on a phone.
"""

import base64
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.site import LABS
from tests.browser.axe import violations
from tests.browser.conftest import NewPage
from tests.browser.letters import NOTE_TEXTS, at, boxes, cut, cut_in_files, moved, places, settled, smallest
from tests.browser.steps import WAIT, led, toggle_theme, visited, wait_until
from tests.serving import Server

SLUGS = [lab.slug for lab in LABS]
TITLES = {lab.slug: lab.title for lab in LABS}
LESSONS = {lab.slug: list(lab.model_class.lessons) for lab in LABS}
DESK, PHONE = (1400, 900), (390, 844)
#: Beside the first, in every other lab each, for the time that drawing takes.
SCREENS = (((1280, 720), (2560, 1440)), ((1920, 1080), (3840, 2160)))
#: The first is 1400 x 900 at 200 %.
SMALL_SCREENS = ((700, 450), PHONE)
#: What a keyboard should come to soon.
MAIN_ACTION = {"fdn": "Train", "filterbank": "▶ Input"}


@pytest.fixture(scope="module", params=SLUGS)
def lab(request: pytest.FixtureRequest, server: Server, new_page: NewPage) -> Iterator[tuple[str, Page]]:
    """Yield a lab's slug and its page."""
    page = new_page(accept_downloads=True)
    page.add_init_script(NOTE_TEXTS)
    yield request.param, visited(page, server, request.param)
    page.context.close()


FOCUSED = """() => {
  let found = document.activeElement
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement
  return found?.textContent?.trim()
}"""


def test_a_keyboard_passes_by_the_controls_and_soon_comes_to_the_main_action(lab: tuple[str, Page]) -> None:
    slug, page = lab
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Skip to the figures"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(3):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
    assert slug not in MAIN_ACTION or MAIN_ACTION[slug] in reached


def test_a_page_says_which_lab_it_is_and_leads_to_every_other(lab: tuple[str, Page], server: Server) -> None:
    slug, page = lab
    expect(page).to_have_title(f"{TITLES[slug]} · AMT Lab")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    bar = page.get_by_role("navigation", name="Labs")
    expect(bar.locator("[aria-current=page]")).to_have_text(TITLES[slug])
    for other, title in TITLES.items():
        link = bar.get_by_role("link", name=title, exact=True)
        assert link.evaluate("link => new URL(link.href).pathname") == f"/{other}"


def test_every_figure_has_a_role_a_name_and_a_description(lab: tuple[str, Page]) -> None:
    figures = lab[1].get_by_role("figure")
    for figure in figures.all():
        assert figure.get_attribute("aria-label")
        assert " from " in (figure.get_attribute("aria-description") or "")
    assert figures.count() >= 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(lab: tuple[str, Page], scheme: str) -> None:
    page = lab[1]
    if scheme == "dark":
        toggle_theme(page)
    try:
        settled(page)
        assert violations(page) == []
    finally:
        if scheme == "dark":
            toggle_theme(page)


def kept(page: Page, name: str) -> bytes:
    with page.expect_download(timeout=WAIT) as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    return waiting.value.path().read_bytes()


#: Takes a picture as SVG; returns its texts that leave it.
OUTSIDE_OF_SVG = """(text) => {
  const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement
  document.body.append(svg)
  const found = []
  for (const each of svg.querySelectorAll("text")) {
    const own = each.getBoundingClientRect(), whole = svg.getBoundingClientRect()
    const over = Math.max(whole.left - own.left, own.right - whole.right, whole.top - own.top,
      own.bottom - whole.bottom)
    if (over > 3) found.push(`“${each.textContent}” leaves the file by ${over.toFixed(1)} px`)
  }
  svg.remove()
  return found
}"""


#: Takes a PNG of the page's figures, twice as fine as they are; returns the names whose samples it lacks.
WITHOUT_SAMPLE = """async (png) => {
  const image = new Image()
  image.src = `data:image/png;base64,${png}`
  await image.decode()
  const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height})
  const context = canvas.getContext("2d", {willReadFrequently: true})
  context.drawImage(image, 0, 0)
  const figures = [], samples = []
  const visit = (root) => {
    for (const node of root.querySelectorAll("*")) {
      const box = node.getBoundingClientRect()
      if (node.matches(".bk-Figure") && box.width > 0) figures.push(box)
      if (node.matches("canvas.bk-glyph") && box.width > 0) samples.push({box, name: node.parentElement.textContent})
      if (node.shadowRoot) visit(node.shadowRoot)
    }
  }
  visit(document)
  const left = Math.min(...figures.map((box) => box.left)), top = Math.min(...figures.map((box) => box.top))
  return samples.filter(({box}) => {
    const {data} = context.getImageData(2 * (box.left - left), 2 * (box.top - top), 2 * box.width, 2 * box.height)
    return [0, 1, 2].every((colour) => {
      const values = data.filter((_, i) => i % 4 === colour)
      return Math.max(...values) - Math.min(...values) < 40
    })
  }).map(({name}) => name)
}"""

#: Returns the smallest letters of the files that were made and not looked at yet, px.
SMALLEST_IN_FILES = """() => Math.min(...window.notedTexts.exported.flatMap(
  (canvas) => window.notedTexts.noted.get(canvas).map(({letters}) => letters)))"""


def tools_are_below(page: Page) -> bool:
    """Return whether the tools stand below the figures."""
    figures, tools = (page.locator(part).bounding_box() for part in (".figures", ".tools"))
    return bool(figures and tools and tools["y"] >= figures["y"] + figures["height"] - 1)


def faults_on(page: Page, *size: int) -> list[str]:
    """Return what is wrong with a page of a size."""
    at(page, *size)
    return [*cut(page), *([] if tools_are_below(page) else ["the tools are not below the figures"])]


def test_no_text_is_cut_on_a_large_screen_and_the_tools_stand_below_the_figures(
    lab: tuple[str, Page],
) -> None:
    slug, page = lab
    found = {size: faults_on(page, *size) for size in (DESK, *SCREENS[SLUGS.index(slug) % 2])}
    at(page, *DESK)
    assert {size: faults for size, faults in found.items() if faults} == {}


def test_no_text_is_cut_in_a_file(lab: tuple[str, Page]) -> None:
    page = lab[1]
    cut_in_files(page)  # from here on
    png = base64.b64encode(kept(page, "PNG")).decode()
    assert page.evaluate(SMALLEST_IN_FILES) >= 2 * 11 - 0.01
    assert page.evaluate(WITHOUT_SAMPLE, png) == []
    outside, count = cut_in_files(page)
    assert outside == []
    assert count > 10
    svg = kept(page, "SVG").decode()
    assert svg.count("<text") > 10
    assert page.evaluate(OUTSIDE_OF_SVG, svg) == []


def nothing_jumps(page: Page, controls: str) -> None:
    """Play a sound, move a setting, type a wrong one, and check that all figures keep their places."""
    before = places(page)
    page.locator(".listen .group button:visible").first.click()
    expect(page.locator(".player .play")).to_be_enabled(timeout=WAIT)
    assert moved(before, settled(page, 250)) == {}
    at_hand = page.locator(controls)
    slider = at_hand.get_by_role("slider").first
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert moved(before, settled(page, 250)) == {}
    number = at_hand.get_by_role("spinbutton").first
    number.fill("123456789")
    number.press("Enter")
    expect(page.locator(".problems")).to_contain_text("give a number from", timeout=WAIT)
    assert moved(before, settled(page, 250)) == {}


def test_no_figure_moves_when_a_setting_is_moved_a_sound_is_played_or_a_message_comes(
    lab: tuple[str, Page],
) -> None:
    nothing_jumps(lab[1], ".controls")


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


def comes_to(page: Page, lesson: str) -> None:
    """Wait until a lesson stands on the page."""
    wait_until(page, "slug => new URLSearchParams(location.search).get('lesson') === slug", lesson)
    expect(page.locator(".figures.computing")).to_have_count(0, timeout=WAIT)  # figures are dimmed
    settled(page, 250)


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
    choice = page.locator(".controls select").first
    choice.select_option(LESSONS[slug][0])
    for lesson in each_lesson(slug, page):
        found[lesson] = [*cut(page), *violations(page)]
        if min(top + tall for _, top, _, tall in boxes(page).values()) > DESK[1]:
            found[lesson].append("the first figure is below the fold")
    choice.select_option(LESSONS[slug][0])
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
        # Around the card, the page is that of the first lesson, and each lesson's was looked at in the light.
        found[lesson] = [*cut(page), *violations(page, ".lesson-card" if found else "")]
        if not tools_are_below(page):
            found[lesson].append("the tools are not below the figures")
    assert {lesson: faults for lesson, faults in found.items() if faults} == {}


def test_no_text_is_cut_on_a_small_screen_and_no_figure_moves_there_either(lab: tuple[str, Page]) -> None:
    page = led(lab[1], "")
    found = {size: faults_on(page, *size) for size in SMALL_SCREENS}
    assert {size: faults for size, faults in found.items() if faults} == {}
    nothing_jumps(page, ".quick")
