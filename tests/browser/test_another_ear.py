"""The audiogram as a person meets it: its points are dragged, it goes along to another lab, sounds change the ear."""

import re

from playwright.sync_api import Page, expect

from tests.browser.steps import WAIT, opened, wait_for_query
from tests.serving import Server

#: Returns where a level at a frequency lies in the audiogram, px in the window.
_AT = """([frequency, level]) => {
  const view = Bokeh.index.find_by_id(Bokeh.documents.flatMap((each) => each.roots())
    .find((root) => root.name === "audiogram").id)
  const box = view.el.getBoundingClientRect(), {bbox, x_scale, y_scale} = view.frame
  return {x: box.left + x_scale.compute(frequency), y: box.top + y_scale.compute(level)}
}"""


def test_a_point_is_dragged_and_the_ear_goes_along_to_another_lab(server: Server, page: Page) -> None:
    opened(page, server, "?s.kind=tone")
    figure = page.locator('[data-name="audiogram"] .bk-Figure')
    expect(figure).to_be_hidden()
    page.locator(".controls summary", has_text="Another ear").click()
    page.locator(".controls").get_by_label("Audiogram", exact=True).select_option("N3")
    expect(figure).to_be_visible(timeout=WAIT)
    wait_for_query(page, "hl.audiogram", "N3")
    start, end = page.evaluate(_AT, [1000, 40]), page.evaluate(_AT, [1000, 70])
    page.mouse.move(**start)
    page.mouse.down()
    page.mouse.move(end["x"], (start["y"] + end["y"]) / 2)
    page.mouse.move(**end)
    page.mouse.up()
    wait_for_query(page, "hl.at1000", "70")
    wait_for_query(page, "hl.at2000", "50")
    expect(page.locator(".summary")).to_contain_text("it is 70 dB weaker", timeout=WAIT)
    page.get_by_role("button", name="Undo").click()
    wait_for_query(page, "hl.audiogram", "N3")
    page.get_by_role("navigation", name="Labs").get_by_role("link", name="Cochlea").click()
    expect(page.locator(".summary")).to_contain_text("Of 40 dB HL at 1000 Hz", timeout=3 * WAIT)


def test_a_sound_goes_on_where_it_is_when_the_ear_changes(server: Server, page: Page) -> None:
    opened(page, server, "?s.kind=tone&s.duration=5&hl.audiogram=N3")
    player, status = page.locator(".player"), page.locator(".playing")
    ear = player.get_by_role("button", name="With this ear")
    page.get_by_role("button", name="▶ Input").click()
    expect(player).to_have_attribute("data-playing", "true", timeout=WAIT)
    expect(ear).to_have_attribute("aria-pressed", "false")
    expect(player.locator(".time")).to_contain_text(re.compile(r"^0\.[3-9]|^[1-4]"), timeout=WAIT)
    ear.click()
    expect(status).to_contain_text("with an ear with audiogram N3", timeout=WAIT)
    expect(player.locator(".time")).to_contain_text(re.compile(r"^0\.[3-9]|^[1-5]"))
    ear.press("Enter")
    expect(status).not_to_contain_text("audiogram", timeout=WAIT)
    expect(player).to_have_attribute("data-playing", "true")
    page.locator(".controls summary", has_text="Another ear").click()
    page.locator(".controls").get_by_label("Audiogram", exact=True).select_option("normal")
    expect(ear).to_be_hidden(timeout=WAIT)
