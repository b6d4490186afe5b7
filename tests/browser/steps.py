"""What several browser tests do on a page, and how long they wait for it."""

from playwright.sync_api import Locator, Page, expect

from tests.serving import Server

WAIT = 20_000  # ms: the machine may be busy; nothing here takes long by itself
#: Of the filterbank lab.
FIGURES = 6


def opened(page: Page, server: Server, query: str = "") -> Page:
    page.goto(f"{server.url}/filterbank{query}")
    expect(page.locator(".bk-Figure")).to_have_count(FIGURES, timeout=WAIT)
    expect(page.locator(".controls")).to_be_visible(timeout=WAIT) if wide(page) else None
    return page


def wide(page: Page) -> bool:
    return (page.viewport_size or {"width": 1400})["width"] > 900


def field(page: Page, name: str) -> Locator:
    """Return where the value of a slider in the drawer is typed."""
    return page.locator(".controls").get_by_role("spinbutton", name=f"{name}, exact value", exact=True)


def type_value(page: Page, name: str, value: float) -> None:
    number = field(page, name)
    number.fill(str(value))
    number.press("Enter")


def wait_for_query(page: Page, key: str, value: str) -> None:
    page.wait_for_function(
        "([key, value]) => new URLSearchParams(location.search).get(key) === value",
        arg=[key, value],
        timeout=WAIT,
    )
