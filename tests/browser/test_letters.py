"""Nothing is cut: every title, tick, label and legend of every lab and lesson, on every screen, in files, presented."""

import base64

import pytest
from playwright.sync_api import Browser, Page, expect

from app.site import LABS
from tests.browser.letters import NOTE_TEXTS, boxes, cut, cut_in_files, settled, smallest
from tests.browser.steps import WAIT, wait_until
from tests.serving import Server

#: The last one is 1400 x 900 at 200 %.
SCREENS = ((1280, 720), (1400, 900), (1920, 1080), (2560, 1440), (3840, 2160), (390, 844), (700, 450))
DESK = SCREENS[1]
SLUGS = [lab.slug for lab in LABS]
LESSONS = {lab.slug: list(lab.model_class.lessons) for lab in LABS}


def opened(page: Page, server: Server, where: str) -> Page:
    page.add_init_script(NOTE_TEXTS)
    return visited(page, server, where)


def visited(page: Page, server: Server, where: str) -> Page:
    page.goto(f"{server.url}/{where}")
    expect(page.locator(".bk-Figure:visible").first).to_be_visible(timeout=3 * WAIT)
    settled(page)
    return page


def at(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(200)
    settled(page)
    page.wait_for_timeout(250)  # titles that broke into lines are painted anew


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


@pytest.mark.parametrize("slug", SLUGS)
def test_no_text_is_cut_on_any_screen_or_in_a_file(server: Server, page: Page, slug: str) -> None:
    opened(page, server, slug)
    found = {}
    for width, height in SCREENS:
        at(page, width, height)
        found[width, height] = cut(page)
    assert {screen: texts for screen, texts in found.items() if texts} == {}
    at(page, *DESK)
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


@pytest.mark.parametrize("slug", SLUGS)
def test_no_text_of_a_lesson_is_cut_and_its_first_figure_needs_no_scrolling(
    server: Server, page: Page, slug: str
) -> None:
    lessons = LESSONS[slug]
    opened(page, server, f"{slug}?lesson={lessons[0]}")
    found = {}
    for width, height in (DESK, (390, 844)):  # each window once: drawing all figures anew takes longest
        if width < DESK[0]:
            page.set_viewport_size({"width": width, "height": height})
            visited(page, server, f"{slug}?lesson={lessons[0]}")
        for lesson in lessons:
            if lesson != lessons[0]:
                page.locator(".lesson-card .next").click()
                wait_until(
                    page, "slug => new URLSearchParams(location.search).get('lesson') === slug", lesson
                )
                settled(page)
            page.wait_for_timeout(250)  # titles that broke into lines are painted anew
            found[lesson, width] = cut(page)
            if width == DESK[0] and min(top + tall for _, top, _, tall in boxes(page).values()) > height:
                found[lesson, width].append("the first figure is below the fold")
    assert {where: texts for where, texts in found.items() if texts} == {}


@pytest.mark.parametrize(("slug", "scheme"), [*((slug, "light") for slug in SLUGS), (SLUGS[0], "dark")])
def test_presented_figures_fill_the_screen_with_letters_for_a_room(
    server: Server, browser: Browser, slug: str, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, color_scheme=scheme)
    try:
        page = opened(context.new_page(), server, f"{slug}?lesson={LESSONS[slug][0]}")
        page.keyboard.press("p")
        expect(page.get_by_role("button", name="Leave the presentation")).to_be_visible(timeout=WAIT)
        for width, height in ((1920, 1080), (3840, 2160)):
            at(page, width, height)
            assert cut(page) == [], (width, height)
            assert smallest(page) >= 18 * width / 1920 - 0.01  # as the words around them
            shown = boxes(page).values()
            assert max(top + tall for _, top, _, tall in shown) <= height, "needs scrolling"
            assert max(top + tall for _, top, _, tall in shown) >= 0.93 * height
            assert max(left + wide for left, _, wide, _ in shown) >= 0.97 * width
        assert page.evaluate(SMALL_LETTERS) == []
    finally:
        context.close()


#: Returns the words around the figures that are smaller than 18 px.
SMALL_LETTERS = """() => {
  const found = []
  const visit = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) visit(node.shadowRoot)
      const words = [...node.childNodes].filter((each) => each.nodeType === Node.TEXT_NODE && each.textContent.trim())
      if (!words.length || node.closest("style, .spoken, .bk-Figure, script") || !node.checkVisibility()) continue
      const box = node.getBoundingClientRect()
      if (!box.width || box.right <= 0 || parseFloat(getComputedStyle(node).fontSize) >= 17.99) continue
      found.push(`${getComputedStyle(node).fontSize}: ${words[0].textContent.slice(0, 40)}`)
    }
  }
  visit(document)
  return found
}"""
