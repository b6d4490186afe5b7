"""The perception lab as a person meets it: modulation goes along with the sound, and a second sound is told from it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.steps import WAIT, led, visited, wait_until
from tests.serving import Server

#: Returns whether the cells of the modulation picture are those of before; keeps them at the first call.
_SAME = """() => {
  const doc = Bokeh.documents.find((each) => each.get_model_by_name("modulation/magnitude-data"))
  const now = Array.from(doc.get_model_by_name("modulation/magnitude-data").data.image[0]).join()
  window.cellsBefore ??= now
  return now === window.cellsBefore
}"""


@pytest.fixture(scope="module")
def lab(server: Server, new_page: NewPage) -> Page:
    """Return the lab's page, which two tests use one after the other."""
    return visited(new_page(), server, "perception?s.duration=2")


def test_the_modulation_goes_along_with_the_sound_and_comes_back(lab: Page) -> None:
    page = lab
    # A worker computes the first picture, and begins with it.
    expect(page.locator(".summary")).to_contain_text("fluctuates most", timeout=3 * WAIT)
    assert page.evaluate(_SAME)
    page.locator(".corner").get_by_role("button", name="▶ Sound", exact=True).click()
    expect(page.locator(".player")).to_have_attribute("data-playing", "true", timeout=WAIT)
    wait_until(page, f"() => !({_SAME})()")
    page.locator(".player").get_by_role("button", name="Stop").click()
    wait_until(page, _SAME)


def test_two_sounds_are_told_apart_and_heard(lab: Page) -> None:
    page = led(lab, "s.kind=tone&m.channels=10")
    choice = page.locator(".controls").get_by_label("The second sound has", exact=True)
    expect(choice).to_be_visible(timeout=3 * WAIT)
    expect(page.locator('[data-name="difference"] .bk-Figure')).to_be_hidden()
    choice.select_option("level")
    expect(page.locator('[data-name="difference"] .bk-Figure')).to_be_visible(timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("d′ =", timeout=WAIT)
    expect(page.get_by_role("button", name="▶ Second sound")).to_be_visible(timeout=WAIT)
