"""What several browser tests do on a page, and how long they wait for it."""

import contextlib
import time
from typing import Any

from playwright.sync_api import Error, Locator, Page, expect

from tests.browser.letters import settled
from tests.serving import Server

WAIT = 20_000  # ms: the machine may be busy; nothing here takes long by itself
#: Of the filterbank lab: all that there are, and those that its page opens with.
FIGURES, SHOWN = 9, 6


def opened(page: Page, server: Server, query: str = "") -> Page:
    page.goto(f"{server.url}/filterbank{query}")
    expect(page.locator(".bk-Figure")).to_have_count(FIGURES, timeout=WAIT)
    expect(page.locator(".controls")).to_be_visible(timeout=WAIT) if wide(page) else None
    return page


def visited(page: Page, server: Server, where: str) -> Page:
    """Open any lab or lesson, and wait until its figures keep their places."""
    page.goto(f"{server.url}/{where}")
    expect(page.locator(".bk-Figure:visible").first).to_be_visible(timeout=3 * WAIT)
    settled(page)
    return page


def led(page: Page, query: str) -> Page:
    """Lead a page to another link of its lab as Back and Forward do: opening it anew takes seconds of a core."""
    page.evaluate(
        """(query) => {
            history.pushState(null, "", `?${query}&`)
            dispatchEvent(new PopStateEvent("popstate"))
        }""",
        query,
    )
    wait_until(page, "!location.search.endsWith('&')")  # it is there, and has written its link in its own way
    return page


def toggle_theme(page: Page) -> None:
    """Change between light and dark, without a pointer, which would bring a tooltip."""
    page.get_by_role("button", name="Toggle theme").evaluate("button => button.click()")


def wide(page: Page) -> bool:
    return (page.viewport_size or {"width": 1400})["width"] > 900


def field(page: Page, name: str) -> Locator:
    """Return where the value of a slider in the drawer is typed."""
    return page.locator(".controls").get_by_role("spinbutton", name=f"{name}, exact value", exact=True)


def type_value(page: Page, name: str, value: float) -> None:
    number = field(page, name)
    number.fill(str(value))
    number.press("Enter")


def wait_until(page: Page, true: str, arg: Any = None) -> None:
    """Wait until an expression of JavaScript is true.

    Playwright's own `wait_for_function` compiles it in the page, which our pages allow nobody.
    """
    until = time.monotonic() + WAIT / 1000
    while True:
        with contextlib.suppress(Error):  # the page is on its way to another one
            if page.evaluate(true, arg):
                return
        assert time.monotonic() < until, f"not true within {WAIT / 1000:g} s: {true}"
        page.wait_for_timeout(50)


def wait_for_query(page: Page, key: str, value: str) -> None:
    wait_until(
        page, "([key, value]) => new URLSearchParams(location.search).get(key) === value", [key, value]
    )
