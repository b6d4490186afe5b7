"""The FDN lab as a person meets it: train, pause, step, stop, change a setting, hear it, leave."""

import json
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.serving import Server

WAIT = 30_000  # ms: the machine may be busy; nothing here takes long by itself
SMALL = "n.lines=4&n.lossless=1&t.nfft=4096"


@pytest.fixture(autouse=True)
def nothing_went_wrong(problems: list[str]) -> Iterator[None]:
    """Fail a test after which the console or the network has a complaint."""
    yield
    assert problems == []


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_a_network_is_trained_paused_stepped_and_stopped(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/fdn?{SMALL}&t.steps=5000&t.patience=2000")
    summary = page.locator(".summary")
    expect(summary).to_contain_text("not trained yet", timeout=WAIT)
    button(page, "Train").click()
    expect(button(page, "Pause")).to_be_visible(timeout=WAIT)
    page.wait_for_timeout(500)
    button(page, "Pause").click()
    expect(button(page, "Go on")).to_be_visible(timeout=WAIT)
    before = summary.inner_text()
    button(page, "One step").click()
    expect(summary).not_to_have_text(before, timeout=WAIT)
    button(page, "Stop").click()
    expect(button(page, "Start again")).to_be_visible(timeout=WAIT)
    expect(summary).to_contain_text("Stopped after", timeout=WAIT)
    button(page, "Start again").click()
    expect(summary).to_contain_text("not trained yet", timeout=WAIT)


def test_a_changed_setting_starts_anew_and_stands_in_the_link(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/fdn?{SMALL}&t.steps=20")
    button(page, "Train").click(timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("All 20 steps are done", timeout=WAIT)
    page.locator(".controls").get_by_label("Feedback matrix at the start", exact=True).select_option(
        "hadamard"
    )
    expect(page.locator(".problems")).to_contain_text("training starts again", timeout=WAIT)
    page.wait_for_url("**/fdn?*n.matrix=hadamard*", timeout=WAIT)


def test_what_cannot_be_trained_is_said_in_a_sentence(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/fdn?{SMALL}&t.feedback=0&t.input_gain=0&t.output_gain=0")
    button(page, "Train").click(timeout=WAIT)
    expect(page.locator(".problems")).to_contain_text(
        "Nothing is trained: tick the feedback matrix", timeout=WAIT
    )
    expect(button(page, "Train")).to_be_visible()


def test_two_people_train_at_once_and_the_server_stays_well(server: Server, page: Page) -> None:
    other = page.context.new_page()
    for each, seed in ((page, 1), (other, 2)):
        each.goto(f"{server.url}/fdn?{SMALL}&t.steps=60&n.seed={seed}")
        button(each, "Train").click(timeout=WAIT)
    for each in (page, other):
        expect(each.locator(".summary")).to_contain_text("All 60 steps are done", timeout=WAIT)
    assert page.locator(".summary").inner_text() != other.locator(".summary").inner_text()
    other.close()
    with urllib.request.urlopen(f"{server.url}/health", timeout=10) as answer:
        assert json.load(answer)["status"] == "ok"
