"""The landing page in a real browser: it opens, leads to labs and lessons, and fits a phone."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.steps import WAIT
from tests.serving import Server


@pytest.fixture
def landing(page: Page, server: Server) -> Page:
    page.goto(f"{server.url}/")
    expect(page.get_by_role("heading", name="How do we know?")).to_be_visible(timeout=WAIT)
    return page


def test_the_landing_page_opens_without_a_complaint(landing: Page, problems: list[str]) -> None:
    expect(landing.get_by_role("link", name="Open the Filterbank lab")).to_be_visible()
    assert landing.locator(".card svg").first.bounding_box()["height"] > 50
    assert problems == []


def test_every_link_of_the_landing_page_leads_to_a_page_of_ours(landing: Page) -> None:
    addresses = landing.locator("article a").evaluate_all("all => all.map((a) => a.href)")
    assert len(addresses) >= 7
    for address in {urlsplit(address)._replace(query="").geturl() for address in addresses}:
        assert landing.request.get(address).status == 200, address


def test_a_lesson_opens_from_the_landing_page(landing: Page, problems: list[str]) -> None:
    landing.get_by_role("link", name="Hearing a gap").click()
    expect(landing.locator(".lesson-card")).to_contain_text("Hearing a gap", timeout=WAIT)
    expect(landing.locator(".summary")).to_contain_text("Gap in noise at 65 dB SPL")
    assert problems == []


def test_the_landing_page_fits_a_phone(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    try:
        page = context.new_page()
        page.goto(f"{server.url}/")
        expect(page.get_by_role("heading", name="How do we know?")).to_be_visible(timeout=WAIT)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        context.close()
