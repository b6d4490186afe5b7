"""What the browser tests share: the served labs, a Chromium, and a page whose complaints are kept."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from docs.chromium import LAUNCH_ARGUMENTS, find_chromium
from tests.serving import Server, served


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of the browser; without one the test is skipped, except in CI, where that is a failure."""
    path = find_chromium()
    if path is None:
        message = "no Chromium found: install chromium or name one in AMTLAB_CHROMIUM"
        if os.environ.get("AMTLAB_CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def server(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield the labs, served by `amtlab serve` on a free port for the whole run, each drawn when a test asks for it."""
    folder = tmp_path_factory.mktemp("server")
    with served(folder / "log.txt", "--results", str(folder / "results.sqlite"), cold=True) as running:
        yield running


# Not for the whole session: playwright's event loop would stay in the way of tests that start their own.
@pytest.fixture(scope="package")
def browser(chromium_path: str) -> Iterator[Browser]:
    """Yield a headless Chromium."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path, args=LAUNCH_ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="package")
def complaints() -> list[str]:
    """Return the list that every page fills: console errors, failed requests, requests to any outside host."""
    return []


@pytest.fixture
def problems(complaints: list[str]) -> Iterator[list[str]]:
    """Yield the same list, empty once a test has been judged by it: what a shared page opens with counts, too."""
    yield complaints
    complaints.clear()


@pytest.fixture(autouse=True)
def nothing_went_wrong(problems: list[str], server: Server) -> Iterator[None]:
    """Fail a test after which the console, the network or the server's log has a complaint."""
    before = len(server.log())
    yield
    assert problems == []
    raised = re.findall(r"^[\w.]+(?:Error|Exception)\b.*$", server.log()[before:], re.MULTILINE)
    # Bokeh tells so when a window closes while a picture is on its way to it.
    assert [line for line in raised if "ClosedError" not in line] == []


def watched(page: Page, complaints: list[str]) -> Page:
    """Note what a page complains about."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text[:300]}")

    def on_request(url: str) -> None:
        if urlsplit(url).scheme in ("http", "https", "ws", "wss") and urlsplit(url).hostname != "localhost":
            complaints.append(f"outside: {url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(f"error: {str(error)[:300]}"))
    page.on("request", lambda request: on_request(request.url))
    # What the browser itself gave up because the page was left has not failed.
    page.on(
        "requestfailed",
        lambda request: (
            None if request.failure == "net::ERR_ABORTED" else complaints.append(f"failed: {request.url}")
        ),
    )
    page.on(
        "response",
        lambda response: (
            complaints.append(f"{response.status}: {response.url}") if response.status >= 400 else None
        ),
    )
    return page


#: Makes a page in a context of its own, by the options of that.
NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def new_page(browser: Browser, complaints: list[str]) -> Iterator[NewPage]:
    """Yield what makes pages for several tests of a file: a lab takes a second or more of a core to open."""
    with ExitStack() as contexts:

        def make(**options: Any) -> Page:
            context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
            contexts.callback(context.close)
            return watched(context.new_page(), complaints)

        yield make


@pytest.fixture
def page(browser: Browser, problems: list[str]) -> Iterator[Page]:
    """Yield a fresh page of 1400 x 900 in a context of its own."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True)
    yield watched(context.new_page(), problems)
    context.close()
