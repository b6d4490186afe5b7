"""The FDN lab as a person meets it: train, pause, step, stop, change a setting, hear it, leave."""

import json
import re
import urllib.request

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage
from tests.serving import Server

WAIT = 30_000  # ms: the machine may be busy; nothing here takes long by itself
#: How long the first training of a server may take to begin on a busy machine, ms.
TRAINED = 90_000
SMALL = "n.lines=4"


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_a_network_is_trained_paused_stepped_and_stopped(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/fdn?{SMALL}&t.steps=5000&t.patience=2000")
    summary = page.locator(".summary")
    expect(summary).to_contain_text("not trained yet", timeout=WAIT)
    button(page, "Train").click()
    expect(summary).to_contain_text("In training", timeout=WAIT)  # a worker has begun
    button(page, "Pause").click()
    expect(button(page, "Continue")).to_be_visible(timeout=WAIT)
    steps = page.locator(".work .fine")
    before = steps.inner_text()
    button(page, "One step").click()
    expect(steps).not_to_have_text(before, timeout=WAIT)
    button(page, "Stop").click()
    expect(button(page, "Start again")).to_be_visible(timeout=WAIT)
    expect(summary).to_contain_text("Stopped after", timeout=WAIT)
    expect(summary).to_contain_text("echo density at 0.1 s", timeout=WAIT)
    button(page, "Start again").click()
    expect(summary).to_contain_text("not trained yet", timeout=WAIT)


def test_a_trained_network_is_asked_about_before_a_setting_starts_training_anew(
    server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/fdn?{SMALL}&t.steps=20")
    button(page, "Train").click(timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("All 20 steps are done", timeout=TRAINED)
    matrix = page.locator(".controls").get_by_label("Feedback matrix at the start", exact=True)
    matrix.select_option("hadamard")
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("the network trained for 20 steps is lost", timeout=WAIT)
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(matrix).to_have_value("random")
    expect(page.locator(".summary")).to_contain_text("All 20 steps are done")
    matrix.select_option("hadamard")
    button(page, "Change it").click(timeout=WAIT)
    expect(page.locator(".problems")).to_contain_text("training starts again", timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("not trained yet", timeout=WAIT)
    expect(matrix).to_have_value("hadamard")
    page.wait_for_url("**/fdn?*n.matrix=hadamard*", timeout=WAIT)


FOCUSED = """() => {
  let found = document.activeElement
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement
  return found?.textContent
}"""


def test_who_trains_by_key_keeps_the_focus_can_add_steps_and_is_asked_before_they_are_lost(
    server: Server, page: Page
) -> None:
    asked: list[str] = []

    def stay(dialog: object) -> None:
        asked.append(dialog.type)  # type: ignore[attr-defined]
        dialog.accept()  # type: ignore[attr-defined]

    page.on("dialog", stay)
    page.goto(f"{server.url}/fdn?{SMALL}&t.steps=20")
    expect(button(page, "Train")).to_be_visible(timeout=WAIT)
    page.locator(".summary").click()  # a browser lets no page ask that nobody has touched
    page.reload()
    assert asked == []
    button(page, "Train").focus(timeout=WAIT)
    page.keyboard.press("Enter")
    summary = page.locator(".summary")
    expect(summary).to_contain_text("All 20 steps are done", timeout=TRAINED)
    assert page.evaluate(FOCUSED) == "20 more steps"
    page.keyboard.press("Enter")
    expect(summary).to_contain_text("All 40 steps are done", timeout=WAIT)
    page.reload()
    assert asked == ["beforeunload"]


def test_stop_answers_in_a_long_step_while_another_session_goes_on(server: Server, page: Page) -> None:
    # A step of L-BFGS here: twenty evaluations and more, 0.2 s each.
    page.goto(f"{server.url}/fdn?n.lines=16&t.goal=match_mel_spectrogram&t.optimiser=lbfgs")
    button(page, "One step").click(timeout=WAIT)
    expect(button(page, "Stop")).to_be_visible(timeout=WAIT)
    other = page.context.new_page()
    other.goto(f"{server.url}/fdn?{SMALL}")
    expect(other.locator(".summary")).to_contain_text("not trained yet", timeout=WAIT)
    other.close()
    button(page, "Stop").click()
    expect(button(page, "Start again")).to_be_visible(timeout=WAIT)


@pytest.fixture(scope="module")
def small(server: Server, new_page: NewPage) -> Page:
    """Return a page that two tests use, one after the other."""
    page = new_page()
    page.goto(f"{server.url}/fdn?{SMALL}")
    return page


def test_own_delays_stand_in_the_link_and_bad_ones_are_refused(small: Page) -> None:
    page = small
    controls = page.locator(".controls")
    controls.get_by_label("Delays", exact=True).select_option("own", timeout=WAIT)
    box = controls.get_by_label("Own delays (samples)", exact=True)
    box.fill("809, 877 937")
    box.press("Enter")
    expect(page.locator(".summary")).to_contain_text("3 delay lines, 55 ms", timeout=WAIT)
    page.wait_for_url("**/fdn?*n.own=809,877,937*", timeout=WAIT)
    box.fill("8")
    box.press("Enter")
    expect(page.locator(".problems")).to_contain_text("give 2 to 16 whole numbers", timeout=WAIT)
    expect(box).to_have_value("809,877,937")


def test_the_room_can_be_heard_only_where_there_is_one(small: Page) -> None:
    page = small
    expect(button(page, "▶ Now")).to_be_visible(timeout=WAIT)
    expect(button(page, "▶ Room")).to_be_hidden()
    page.locator(".controls").get_by_label("Goal", exact=True).select_option("match_mel_spectrogram")
    expect(button(page, "▶ Room")).to_be_visible(timeout=WAIT)


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


def test_an_ear_teaches_a_network_and_the_story_goes_on(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ear_and_room")
    story = page.locator(".lesson-card")
    expect(story).to_contain_text("1. A room, as an ear hears it", timeout=WAIT)
    expect(page.locator('[data-name="coch-target"] .bk-Figure')).to_be_visible(timeout=WAIT)
    story.get_by_role("button", name="Next: 2.").click()
    expect(story).to_contain_text("A network that is not yet this room", timeout=WAIT)
    page.goto(f"{server.url}/ear_and_room?n.lines=4&t.target=bathroom&t.nfft=16384&t.steps=10")
    button(page, "Train").click(timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("All 10 steps are done", timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("To the ear: cochleagram", timeout=WAIT)


def test_a_decay_time_is_dragged_or_moved_by_key_and_taken_back_at_once(server: Server, page: Page) -> None:
    page.set_viewport_size({"width": 1400, "height": 1400})
    page.goto(f"{server.url}/fdn?{SMALL}&n.decay=octaves&d.at1000=1.5&h.view=room")
    slider = page.locator(".controls").get_by_role("slider", name="Decay at 1 kHz", exact=True)
    expect(slider).to_have_attribute("aria-valuetext", "1.5 s", timeout=WAIT)
    figure = page.locator('.figures [data-name="times"]')
    figure.scroll_into_view_if_needed()
    expect(page.locator(".summary")).to_contain_text("Cannot grow", timeout=WAIT)
    box = figure.bounding_box()
    assert box is not None
    across, down = box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(across, down)
    page.mouse.down()
    for step in range(6):
        page.mouse.move(across, down - 8 * step)
    page.mouse.up()
    expect(page).to_have_url(re.compile("d.at"), timeout=WAIT)
    button(page, "Undo").click(timeout=WAIT)
    expect(slider).to_have_attribute("aria-valuetext", "1.5 s", timeout=WAIT)
    slider.press("ArrowRight")
    expect(slider).not_to_have_attribute("aria-valuetext", "1.5 s", timeout=WAIT)


def test_a_room_is_fitted_and_stands_in_a_table(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/fdn?{SMALL}&t.goal=fit&t.target=bathroom&n.fs=8000&t.steps=10&h.view=room")
    button(page, "Fit this room").click(timeout=WAIT)
    summary = page.locator(".summary")
    expect(summary).to_contain_text("fitted to this room", timeout=2 * WAIT)
    expect(page.locator(".runs")).to_contain_text("The room and the network, by octave", timeout=WAIT)
    expect(page.locator(".runs button")).to_be_hidden()
    button(page, "Start again").click(timeout=WAIT)
    expect(summary).to_contain_text("not fitted yet", timeout=WAIT)
