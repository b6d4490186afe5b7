"""The FDN lab as a person meets it: train, pause, step, stop, change a setting, hear it, leave."""

import json
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Locator, Page, expect

from tests.browser.conftest import NewPage
from tests.browser.letters import moved, places, settled
from tests.browser.steps import led, visited
from tests.serving import Server

WAIT = 30_000  # ms: the machine may be busy; nothing here takes long by itself
#: How long the first training of a server may take to begin on a busy machine, ms.
TRAINED = 90_000
SMALL = "n.lines=4"


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def opened(server: Server, new_page: NewPage) -> Page:
    page = new_page()
    page.goto(f"{server.url}/fdn?{SMALL}")
    expect(page.locator(".summary")).to_contain_text("not trained yet", timeout=WAIT)
    return page


@pytest.fixture(scope="module")
def standing(server: Server, new_page: NewPage) -> Page:
    """Return a page that the tests use, one after the other; the last one leaves it."""
    return opened(server, new_page)


@pytest.fixture(scope="module")
def others(server: Server, new_page: NewPage) -> Page:
    """Return the page of somebody else."""
    return opened(server, new_page)


def fresh(page: Page, query: str = SMALL) -> Page:
    """Bring a page to a network that nobody has trained."""
    work = page.locator(".work")
    stop, again = (work.get_by_role("button", name=name, exact=True) for name in ("Stop", "Start again"))
    if stop.is_visible():
        stop.click()
        expect(again).to_be_visible(timeout=WAIT)
    if again.is_visible():
        again.click()
        expect(again).to_be_hidden(timeout=WAIT)
    led(page, query)
    # What the test before began, and did not wait for, ends without a run: the settings have changed.
    expect(work.get_by_role("button", name="Getting ready …")).to_be_hidden(timeout=WAIT)
    return page


@pytest.fixture
def lab(standing: Page) -> Callable[[str], Page]:
    """Return what brings the page that tests share to a link."""
    return lambda query: fresh(standing, query)


def in_sight(page: Page, what: Locator) -> bool:
    box = what.bounding_box()
    size = page.viewport_size
    return bool(box and size and box["y"] >= 0 and box["y"] + box["height"] <= size["height"])


def test_why_there_is_no_file_is_said_in_sight_and_goes_when_it_no_longer_holds(
    lab: Callable[[str], Page],
) -> None:
    page = lab(f"{SMALL}&t.steps=20")
    csv = button(page, "CSV")
    csv.scroll_into_view_if_needed()
    csv.click()
    message = page.locator(".message")
    expect(message).to_contain_text("Nothing has been trained yet", timeout=WAIT)
    assert in_sight(page, message)
    button(page, "Train").click()
    expect(message).to_be_hidden(timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("All 20 steps are done", timeout=TRAINED)


def test_a_network_is_trained_paused_stepped_and_stopped(lab: Callable[[str], Page]) -> None:
    page = lab(f"{SMALL}&t.steps=5000&t.patience=2000")
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
    lab: Callable[[str], Page],
) -> None:
    page = lab(f"{SMALL}&t.steps=20")
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
    lab: Callable[[str], Page],
) -> None:
    page = lab(f"{SMALL}&t.steps=20")
    button(page, "Train").focus(timeout=WAIT)
    page.keyboard.press("Enter")
    summary = page.locator(".summary")
    expect(summary).to_contain_text("All 20 steps are done", timeout=TRAINED)
    assert page.evaluate(FOCUSED) == "20 more steps"
    page.keyboard.press("Enter")
    expect(summary).to_contain_text("All 40 steps are done", timeout=WAIT)
    page.once("dialog", lambda dialog: dialog.dismiss())
    with page.expect_event("dialog", timeout=WAIT) as asked:
        page.evaluate("() => { setTimeout(() => location.reload()) }")
    assert asked.value.type == "beforeunload"
    # Who then stays has all that there was.
    expect(summary).to_contain_text("All 40 steps are done")
    expect(button(page, "20 more steps")).to_be_enabled()


def test_stop_answers_in_a_long_step_while_another_session_goes_on(
    lab: Callable[[str], Page], others: Page
) -> None:
    # A step of L-BFGS here: twenty evaluations and more, 0.2 s each.
    page = lab("n.lines=16&t.goal=match_mel_spectrogram&t.optimiser=lbfgs")
    button(page, "One step").click(timeout=WAIT)
    stop = button(page, "Stop")
    expect(stop).to_be_visible(timeout=WAIT)
    expect(fresh(others, "n.lines=6").locator(".summary")).to_contain_text("6 delay lines", timeout=WAIT)
    stop.click()
    expect(button(page, "Start again")).to_be_visible(timeout=WAIT)


def test_own_delays_stand_in_the_link_and_bad_ones_are_refused(lab: Callable[[str], Page]) -> None:
    page = lab(SMALL)
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


def test_the_room_can_be_heard_only_where_there_is_one(lab: Callable[[str], Page]) -> None:
    page = lab(SMALL)
    expect(button(page, "▶ Now")).to_be_visible(timeout=WAIT)
    expect(button(page, "▶ Room")).to_be_hidden()
    page.locator(".controls").get_by_label("Goal", exact=True).select_option("match_mel_spectrogram")
    expect(button(page, "▶ Room")).to_be_visible(timeout=WAIT)


def test_a_room_that_is_not_there_is_said_and_not_trained_towards(lab: Callable[[str], Page]) -> None:
    page = lab(f"{SMALL}&t.goal=match_mel_spectrogram&t.target=file&file=hall.wav")
    expect(page.locator(".problems")).to_contain_text("“hall.wav” that links do not carry", timeout=WAIT)
    button(page, "Train").click(timeout=WAIT)
    expect(page.locator(".problems")).to_contain_text("There is no room yet", timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("not trained yet")


def test_what_cannot_be_trained_is_said_in_a_sentence(lab: Callable[[str], Page]) -> None:
    page = lab(f"{SMALL}&t.feedback=0&t.input_gain=0&t.output_gain=0")
    button(page, "Train").click(timeout=WAIT)
    expect(page.locator(".problems")).to_contain_text(
        "Nothing is trained: tick the feedback matrix", timeout=WAIT
    )
    expect(button(page, "Train")).to_be_visible()


def test_two_people_train_at_once_and_the_server_stays_well(
    server: Server, lab: Callable[[str], Page], others: Page
) -> None:
    query = f"{SMALL}&t.steps=60&n.seed="
    page, other = lab(f"{query}1"), fresh(others, f"{query}2")
    for each in (page, other):
        button(each, "Train").click(timeout=WAIT)
    for each in (page, other):
        expect(each.locator(".summary")).to_contain_text("All 60 steps are done", timeout=WAIT)
    assert page.locator(".summary").inner_text() != other.locator(".summary").inner_text()
    with urllib.request.urlopen(f"{server.url}/health", timeout=10) as answer:
        assert json.load(answer)["status"] == "ok"


@pytest.mark.parametrize("slug", ["fdn", "ear_and_room"])
def test_no_figure_moves_while_a_network_is_trained(
    server: Server, lab: Callable[[str], Page], page: Page, slug: str
) -> None:
    query = "n.lines=4&t.steps=60&t.nfft=16384"
    trained = lab(query) if slug == "fdn" else visited(page, server, f"{slug}?{query}")
    before = settled(trained, 250)
    button(trained, "Train").click(timeout=WAIT)
    seen: dict[str, list[float]] = {}
    summary = trained.locator(".summary")
    for _ in range(600):  # a worker that begins on a busy machine takes its time
        trained.wait_for_timeout(100)
        seen |= moved(before, places(trained))
        if "All 60 steps are done" in summary.inner_text():
            break
    expect(summary).to_contain_text("All 60 steps are done")
    seen |= moved(before, settled(trained))
    assert seen == {}


def test_a_decay_time_is_dragged_or_moved_by_key_and_taken_back_at_once(lab: Callable[[str], Page]) -> None:
    page = lab(f"{SMALL}&n.decay=octaves&d.at1000=1.5&h.view=room")
    slider = page.locator(".controls").get_by_role("slider", name="Decay at 1 kHz", exact=True)
    expect(slider).to_have_attribute("aria-valuetext", "1.5 s", timeout=WAIT)
    figure = page.locator('.figures [data-name="times"]')
    figure.scroll_into_view_if_needed()
    expect(page.locator(".summary")).to_contain_text("Cannot grow", timeout=WAIT)
    box, address = figure.bounding_box(), page.url
    assert box is not None
    across, down = box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(across, down)
    page.mouse.down()
    for step in range(6):
        page.mouse.move(across, down - 8 * step)
    page.mouse.up()
    expect(page).not_to_have_url(address, timeout=WAIT)
    button(page, "Undo").click(timeout=WAIT)
    expect(page).to_have_url(address, timeout=WAIT)
    expect(slider).to_have_attribute("aria-valuetext", "1.5 s")
    slider.press("ArrowRight")
    expect(slider).not_to_have_attribute("aria-valuetext", "1.5 s", timeout=WAIT)


def test_a_room_is_fitted_and_stands_in_a_table(lab: Callable[[str], Page]) -> None:
    page = lab(f"{SMALL}&t.goal=fit&t.target=bathroom&n.fs=8000&t.steps=10&h.view=room")
    button(page, "Fit this room").click(timeout=WAIT)
    summary = page.locator(".summary")
    expect(summary).to_contain_text("fitted to this room", timeout=2 * WAIT)
    expect(page.locator(".runs")).to_contain_text("The room and the network, by octave", timeout=WAIT)
    expect(page.locator(".runs button")).to_be_hidden()
    button(page, "Start again").click(timeout=WAIT)
    expect(summary).to_contain_text("not fitted yet", timeout=WAIT)


def test_a_network_that_nobody_trained_is_left_without_a_question_and_an_ear_teaches_one(
    server: Server, lab: Callable[[str], Page]
) -> None:
    page = lab(SMALL)
    page.locator(".summary").click()  # a browser lets no page ask that nobody has touched
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.goto(f"{server.url}/ear_and_room")
    assert asked == []
    story = page.locator(".lesson-card")
    expect(story).to_contain_text("1. A room, as an ear hears it", timeout=WAIT)
    expect(page.locator('[data-name="coch-target"] .bk-Figure')).to_be_visible(timeout=WAIT)
    story.get_by_role("button", name="Next: 2.").click()
    expect(story).to_contain_text("A network that is not yet this room", timeout=WAIT)
    led(page, "n.lines=4&t.target=bathroom&t.nfft=16384&t.steps=10")
    expect(story).to_be_hidden()
    button(page, "Train").click(timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("All 10 steps are done", timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("To the ear: cochleagram", timeout=WAIT)
