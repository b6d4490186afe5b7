"""The landing page in a real browser: it opens, leads to labs and lessons, and fits a phone."""

from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import NewPage
from tests.browser.steps import WAIT
from tests.serving import Server


@pytest.fixture(scope="module")
def landing(server: Server, new_page: NewPage) -> Page:
    """Return the landing page, which tests look at one after the other; the last one leaves it."""
    page = new_page()
    page.goto(f"{server.url}/")
    expect(page.get_by_role("heading", name="How do we know?")).to_be_visible(timeout=WAIT)
    return page


def test_the_landing_page_opens_without_a_complaint(landing: Page, problems: list[str]) -> None:
    expect(landing.get_by_role("link", name="Open the Filterbank lab")).to_be_visible()
    assert landing.locator(".card svg").first.bounding_box()["height"] > 50
    assert problems == []


def test_no_card_stands_alone_in_its_row(landing: Page) -> None:
    tops = landing.locator(".card").evaluate_all("all => all.map((card) => card.getBoundingClientRect().top)")
    assert len(tops) >= 5
    assert all(tops.count(top) > 1 for top in tops)


def test_axe_finds_nothing_in_the_light(landing: Page) -> None:
    assert violations(landing) == []


def test_axe_finds_nothing_in_the_dark(landing: Page) -> None:
    landing.emulate_media(color_scheme="dark")
    landing.reload()
    expect(landing.get_by_role("heading", name="How do we know?")).to_be_visible(timeout=WAIT)
    landing.wait_for_timeout(500)
    assert violations(landing) == []


def test_every_link_of_the_landing_page_leads_to_a_page_of_ours(landing: Page) -> None:
    addresses = landing.locator("article a").evaluate_all("all => all.map((a) => a.href)")
    assert len(addresses) >= 7
    landing.get_by_text("The errors themselves").click()
    expect(landing.get_by_text("Worst error")).to_be_visible()
    for address in {urlsplit(address)._replace(query="").geturl() for address in addresses}:
        assert landing.request.get(address).status == 200, address


def test_a_lesson_opens_from_the_landing_page(landing: Page, problems: list[str]) -> None:
    landing.get_by_role("link", name="Hearing a gap").click()
    expect(landing.locator(".lesson-card")).to_contain_text("Hearing a gap", timeout=WAIT)
    expect(landing.locator(".summary")).to_contain_text("Gap in noise at 65 dB SPL")
    assert problems == []


def test_an_address_of_no_page_is_met_with_the_nearest_lab(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    try:
        page = context.new_page()
        answer = page.goto(f"{server.url}/Filterbnk?s.level=70")
        assert answer.status == 404
        assert "script-src 'none'" in answer.headers["content-security-policy"]
        expect(page.get_by_role("heading", name="There is no page at this address")).to_be_visible()
        schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.get_by_role("link", name="Filterbank", exact=True).click()
        expect(page.locator(".summary")).to_contain_text("at 70 dB SPL", timeout=WAIT)
    finally:
        context.close()


def test_the_landing_page_fits_a_phone(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    try:
        page = context.new_page()
        page.goto(f"{server.url}/")
        expect(page.get_by_role("heading", name="How do we know?")).to_be_visible(timeout=WAIT)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        context.close()
