"""A page whose connection to the server breaks, is slow or leads to another server."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.browser.conftest import NewPage
from tests.browser.steps import FIGURES, WAIT, field, led, opened, type_value, wait_for_query, wait_until
from tests.serving import Server

#: What a browser calls a closing without a code.
NO_CODE = 1005
#: The frames of the message that a server greets a connection with: header, metadata, content.
GREETING = 3


class Wire:
    """The connections of a page, as what lies between it and the server has them: cut, held up, refused."""

    def __init__(self, page: Page) -> None:
        self.routes: list[WebSocketRoute] = []
        self.clear()
        page.route_web_socket(re.compile("/ws"), self._connect)

    def clear(self) -> None:
        """Begin anew with the connection that there is."""
        self.routes = self.routes[-1:]
        self.gone: list[WebSocketRoute] = []
        #: Whether what the server says waits here, and what does.
        self.held = False
        self.waiting: list[str | bytes] = []
        #: Connect the n-th connection (from 1) through to the server; by default every one.
        self.passes: Callable[[int], bool] = lambda number: True
        #: Code and reason that the others are closed with.
        self.refusal: tuple[int, str | None] = NO_CODE, None
        #: Cut the wire after a frame from the server; by default never.
        self.cut_after: Callable[[str | bytes], bool] = lambda frame: False

    def _connect(self, route: WebSocketRoute) -> None:
        self.routes.append(route)
        if not self.passes(len(self.routes)):
            code, reason = self.refusal
            route.close(code=code, reason=reason)
            return
        behind, frames = route.connect_to_server(), 0

        def to_page(frame: str | bytes) -> None:
            nonlocal frames
            frames += 1
            if route in self.gone:
                return
            if self.held and frames > GREETING:
                self.waiting.append(frame)
                return
            route.send(frame)
            if self.cut_after(frame):
                self.cut()

        behind.on_message(to_page)

    def cut(self, code: int = 1011) -> None:
        self.waiting.clear()
        self.gone.append(self.routes[-1])
        self.routes[-1].close(code=code)

    def release(self) -> None:
        while self.waiting:  # what comes meanwhile joins the end
            self.routes[-1].send(self.waiting.pop(0))
        self.held = False


@pytest.fixture(scope="module")
def standing(server: Server, new_page: NewPage) -> tuple[Page, Wire]:
    """Return a page that the tests use, one after the other, and its wire; the last one leaves it without a server."""
    page = new_page()
    wire = Wire(page)
    return opened(page, server), wire


@pytest.fixture
def wire(standing: tuple[Page, Wire]) -> Wire:
    """Return what lies between the page and the server."""
    standing[1].clear()
    return standing[1]


@pytest.fixture
def page(standing: tuple[Page, Wire], wire: Wire) -> Page:
    """Return the page as it opened."""
    return led(standing[0], "")


def settle(page: Page, level: int) -> None:
    """Type a level, and wait until the page has written it into its address."""
    type_value(page, "Level", level)
    wait_for_query(page, "s.level", str(level))


def mark(page: Page) -> None:
    """Let `marked` tell whether the page is still this one."""
    page.evaluate("window.same = true")


def marked(page: Page) -> bool:
    return bool(page.evaluate("window.same === true"))


def lost_line(page: Page) -> Locator:
    return page.get_by_text("The connection to the server is lost")


def test_a_page_behind_a_hub_opens_anew_when_its_server_has_another_life(page: Page, wire: Wire) -> None:
    """jupyter-server-proxy closes without a code where the server behind it does not know the session."""
    wire.passes = lambda number: number in {1, 10}
    settle(page, 72)
    mark(page)
    wire.cut(NO_CODE)
    wait_until(page, "window.same === undefined")
    expect(page.locator(".bk-Figure")).to_have_count(FIGURES, timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("at 72 dB SPL", timeout=WAIT)
    # One that was, eight in vain, and that of the page that opened anew; another number where one had been lost before.
    assert len(wire.routes) == 10


def test_what_is_moved_while_the_connection_is_lost_arrives_when_it_is_back(page: Page, wire: Wire) -> None:
    mark(page)
    wire.cut()
    expect(lost_line(page)).to_be_visible(timeout=WAIT)
    settle(page, 72)
    expect(lost_line(page)).to_be_hidden(timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("at 72 dB SPL", timeout=WAIT)
    assert marked(page)


def test_a_message_that_was_cut_in_two_does_not_keep_a_page_from_its_server(page: Page, wire: Wire) -> None:
    """A message travels in several frames; the wire is cut between two of them."""
    mark(page)
    wire.cut_after = lambda frame: len(wire.routes) == 1 and '"PATCH-DOC"' in str(frame)
    settle(page, 72)
    expect(page.locator(".summary")).to_contain_text("at 72 dB SPL", timeout=WAIT)
    expect(lost_line(page)).to_be_hidden(timeout=WAIT)
    assert len(wire.routes) == 2
    assert marked(page)


def test_what_is_moved_right_after_the_connection_is_back_is_not_taken_back(page: Page, wire: Wire) -> None:
    """The server tells a page that came back all values; one may be on its way to the server meanwhile."""
    wire.held = True
    wire.cut()
    expect(lost_line(page)).to_be_visible(timeout=WAIT)
    expect(lost_line(page)).to_be_hidden(timeout=WAIT)
    settle(page, 72)
    wire.release()
    expect(page.locator(".summary")).to_contain_text("at 72 dB SPL", timeout=WAIT)
    expect(field(page, "Level")).to_have_value("72")


def test_a_button_does_not_overtake_what_was_moved_before_it(page: Page, wire: Wire) -> None:
    led(page, "s.level=65")
    wire.held = True
    settle(page, 71)  # the page waits for its picture
    settle(page, 72)
    page.get_by_role("button", name="Reset").click()
    wire.release()
    expect(field(page, "Level")).to_have_value("60", timeout=WAIT)
    # The server answers in turn: when this is there, all before it is.
    type_value(page, "Bandwidth", 2)
    expect(page.locator(".summary")).to_contain_text("235 Hz wide", timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("at 60 dB SPL")
    expect(field(page, "Level")).to_have_value("60")


def test_a_page_that_is_refused_says_why(page: Page, wire: Wire) -> None:
    wire.passes = lambda number: number == 1
    wire.refusal = 4429, "150 pages are open from your address. Close some, then reload this one."
    wire.cut()
    line = page.get_by_text("150 pages are open from your address. Close some")
    expect(line).to_be_visible(timeout=WAIT)
    expect(line).to_contain_text("your settings stay in the address")
