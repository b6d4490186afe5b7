"""The audiogram as a person meets it: its points are dragged, it goes along to another lab, sounds change the ear."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page, expect

from amtlib.hearing_loss import standard_audiogram
from app.another_ear import POINTS
from tests.browser.conftest import NewPage
from tests.browser.steps import WAIT, field, led, opened, wait_for_query, wait_until
from tests.serving import Server

LEVELS = dict(zip(POINTS, standard_audiogram("N3").levels, strict=True))


@pytest.fixture(scope="module")
def lab(server: Server, new_page: NewPage) -> Page:
    """Return a page that the tests use, one after the other; the last one leaves it."""
    return opened(new_page(), server, "?s.kind=tone&s.duration=5&hl.audiogram=N3")


def test_the_ear_may_change_before_the_sound_is_there(lab: Page) -> None:
    page = lab
    player, status = page.locator(".player"), page.locator(".playing")
    ear = player.get_by_role("button", name="With this ear")
    press = "(buttons) => { for (const each of buttons) each.click() }"  # at once
    sound = page.get_by_role("button", name="▶ Input").element_handle()
    page.evaluate(press, [sound, ear.element_handle()])
    expect(status).to_contain_text("heard with audiogram N3", timeout=WAIT)
    expect(player).to_have_attribute("data-playing", "true")
    # Pause stands, although a sound is awaited.
    page.evaluate(press, [ear.element_handle(), player.locator(".play").element_handle()])
    expect(status).not_to_contain_text("audiogram", timeout=WAIT)
    expect(player).to_have_attribute("data-playing", "false")
    expect(ear).to_have_attribute("aria-pressed", "false")


def test_a_sound_goes_on_where_it_is_when_the_ear_changes(lab: Page) -> None:
    page = led(lab, "s.kind=tone&s.duration=5&hl.audiogram=N3")
    player, status = page.locator(".player"), page.locator(".playing")
    ear = player.get_by_role("button", name="With this ear")
    page.get_by_role("button", name="▶ Input").click()
    expect(player).to_have_attribute("data-playing", "true", timeout=WAIT)
    player.get_by_label("Loop", exact=True).check()  # however slow the server is, the sound still plays
    expect(ear).to_have_attribute("aria-pressed", "false")
    expect(player.locator(".time")).to_contain_text(re.compile(r"^(0\.[3-9]|[1-5]\.)"), timeout=WAIT)
    ear.click()
    expect(status).to_contain_text("heard with audiogram N3", timeout=WAIT)
    expect(player.locator(".time")).to_contain_text(re.compile(r"^[0-5]\."))
    ear.press("Enter")
    expect(status).not_to_contain_text("audiogram", timeout=WAIT)
    expect(player).to_have_attribute("data-playing", "true")
    page.locator(".controls summary", has_text="Another ear").click()
    ear.click()
    expect(status).to_contain_text("heard with audiogram N3", timeout=WAIT)
    audiogram = page.locator(".controls").get_by_label("Audiogram", exact=True)
    audiogram.select_option("normal")
    expect(ear).to_be_hidden(timeout=WAIT)
    audiogram.select_option("N4")
    expect(ear).to_have_attribute("aria-pressed", "false", timeout=WAIT)
    page.locator(".controls summary", has_text="Another ear").click()
    player.get_by_label("Loop", exact=True).uncheck()
    player.get_by_role("button", name="Stop").click()


def test_a_point_is_dragged_and_the_ear_goes_along_to_another_lab(lab: Page) -> None:
    page = led(lab, "s.kind=tone")
    figure = page.locator('[data-name="audiogram"] .bk-Figure')
    expect(figure).to_be_hidden()
    page.locator(".controls summary", has_text="Another ear").click()
    page.locator(".controls").get_by_label("Audiogram", exact=True).select_option("N3")
    expect(figure).to_be_visible(timeout=WAIT)
    wait_for_query(page, "hl.audiogram", "N3")
    box = figure.bounding_box()
    assert box is not None
    across, down = box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"]
    page.mouse.move(across, down)
    page.mouse.down()
    page.mouse.move(across, down + 40)
    page.mouse.move(across, down + 80)
    page.mouse.up()
    wait_for_query(page, "hl.audiogram", "own")
    # The address follows the move step by step.
    wait_until(
        page,
        """(levels) => {
          const found = new URLSearchParams(location.search)
          return Object.entries(levels).some(([name, loss]) => Number(found.get(`hl.${name}`)) > loss + 20)
        }""",
        LEVELS,
    )
    found = dict(parse_qsl(urlsplit(page.url).query))
    (moved,) = [name for name, loss in LEVELS.items() if float(found[f"hl.{name}"]) != loss]
    setting = field(page, f"Loss at {POINTS[moved] / 1000:g} kHz").element_handle()
    wait_until(
        page,
        "([setting, key]) => setting.value === new URLSearchParams(location.search).get(key)",
        [setting, f"hl.{moved}"],
    )
    page.get_by_role("button", name="Undo").click()
    wait_for_query(page, "hl.audiogram", "N3")
    page.get_by_role("navigation", name="Labs").get_by_role("link", name="Cochlea").click()
    expect(page.locator(".summary")).to_contain_text("Of 40 dB HL at 1000 Hz", timeout=3 * WAIT)
