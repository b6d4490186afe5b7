"""The listening test in Chromium: a whole run by keys, a connection that is lost, rooms, and what axe finds."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from amtlib.experiments import PsychometricFunction, Run, SimulatedObserver
from app.listen.runs import Runs
from app.listen.store import Store
from tests.browser.axe import violations
from tests.browser.steps import WAIT, wait_until
from tests.serving import Server

#: Trials of 0.3 s, and few of them.
SHORT = (
    "experiment=intensity_discrimination&x.pause=0&x.duration=0.1&x.ramp=0.02&"
    "p.steps=2%2C1.5&p.every=1&p.reversals=2"
)
#: The same, telling nothing, which takes less time.
QUICK = f"{SHORT}&feedback=0"
#: The lesson of all tests here: what the model hears in it is computed once.
LESSON = "lesson=forward"
#: Somebody who hears steps of some 1 dB.
HEARING = PsychometricFunction(1.0, 1.2, guess=1 / 3, scale="log")


@pytest.fixture
def runs(server: Server) -> Iterator[Runs]:
    """Return what the server keeps, for only it knows what is right."""
    store = Store(server.log_file.with_name("results.sqlite"))
    yield Runs(store)
    store.close()


def started(page: Page, server: Server, query: str = SHORT) -> str:
    """Open a test, set the volume, begin without practice; return the name of the run."""
    page.goto(f"{server.url}/listen?{query}")
    page.get_by_role("button", name="Play the noise").click(timeout=WAIT)
    page.get_by_role("button", name="Stop the noise").click(timeout=WAIT)
    page.get_by_role("button", name="Start", exact=True).click(timeout=WAIT)
    page.get_by_role("button", name="Skip practice").click(timeout=WAIT)
    return str(page.evaluate("new URLSearchParams(location.hash.slice(1)).get('run')"))


def waiting(page: Page, number: int) -> bool:
    """Wait until a trial asks for its answer; return False if the run is over instead."""
    wait_until(
        page,
        """(number) => {
          const {state, trial} = document.querySelector("main").dataset
          return document.querySelector(".thresholds") || (state === "waiting" && trial === String(number))
        }""",
        number,
    )
    return page.locator(".thresholds").count() == 0


def listen(page: Page, runs: Runs, run: str, number: int = 0) -> int:
    """Answer by keys as somebody with `HEARING` does, until the run is over; return the number of trials."""
    somebody = SimulatedObserver(HEARING, seed=3)
    while waiting(page, number):
        trial = runs.held(run).run.trial
        assert trial is not None
        page.keyboard.press(str(somebody.answer(trial) + 1))
        number += 1
    return number


def test_a_run_is_answered_by_keys_and_its_answers_are_nowhere_before_they_are_given(
    page: Page, server: Server, runs: Runs, tmp_path: Path
) -> None:
    said: list[str] = []

    def on_response(response: Response) -> None:
        if response.url.endswith("/listen/ask"):
            said.append(response.text() + json.dumps(response.headers))

    page.on("response", on_response)
    run = started(page, server)
    seed = str(runs.store.run(run).seed)
    assert waiting(page, 0)
    page.wait_for_timeout(100)
    content = page.content()
    assert all("target" not in each and seed not in each for each in [*said, content])
    expect(page.locator(".progress")).to_have_text("3 reversals left")
    trials = listen(page, runs, run)
    assert all(seed not in each for each in said)  # with it, all targets would be known
    held = runs.held(run).run
    assert held.finished
    assert len(held.trials) == trials
    expect(page.locator(".thresholds dd").first).to_contain_text(f"{held.threshold:.3g} dB")
    expect(page.locator(".thresholds")).to_contain_text("The model", timeout=4 * WAIT)
    assert page.locator(".picture svg").count() == 2
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    download.value.save_as(tmp_path / "run.json")
    assert Run.load(tmp_path / "run.json").threshold == held.threshold
    page.get_by_role("button", name="Show the code").click()
    expect(page.locator("pre")).to_contain_text("Run.load", timeout=WAIT)
    page.reload()
    expect(page.locator(".thresholds dd").first).to_contain_text(f"{held.threshold:.3g} dB", timeout=WAIT)


def test_a_run_outlives_a_lost_connection_and_a_reload_and_leaving_asks(
    page: Page, server: Server, runs: Runs, problems: list[str]
) -> None:
    asked: list[str] = []

    def on_dialog(dialog: object) -> None:
        asked.append(dialog.type)  # type: ignore[attr-defined]
        dialog.accept()  # type: ignore[attr-defined]

    page.on("dialog", on_dialog)
    run = started(page, server)
    assert waiting(page, 0)
    page.context.set_offline(True)
    page.keyboard.press("1")
    expect(page.get_by_role("alert")).to_contain_text("No connection", timeout=WAIT)
    assert len(runs.held(run).run.trials) == 0
    page.context.set_offline(False)
    assert waiting(page, 1)
    expect(page.locator(".lost")).to_be_hidden()
    assert [each.answer for each in runs.held(run).run.trials] == [0]
    assert all("listen/ask" in each or "ERR_INTERNET_DISCONNECTED" in each for each in problems)
    problems.clear()
    page.reload()
    assert asked == ["beforeunload"]
    expect(page.get_by_role("heading", name="Your run is kept")).to_be_visible(timeout=WAIT)
    expect(page.locator(".screen")).to_contain_text("Trial 2 waits for you")
    page.get_by_role("button", name="Continue").click()
    assert waiting(page, 1)
    page.keyboard.press(" ")
    expect(page.locator(".told")).to_contain_text("Paused")
    page.keyboard.press("2")  # does not count while paused
    page.keyboard.press(" ")
    page.locator(".interval").nth(2).click()
    assert waiting(page, 2)
    assert [each.answer for each in runs.held(run).run.trials] == [0, 2]


def finished_elsewhere(runs: Runs, run: str) -> None:
    """Answer a run to its end without its page as somebody who hears all above 40 dB SPL, and never guesses right."""
    while (trial := runs.held(run).run.trial) is not None:
        runs.store.heard(run, trial.number)
        answer = trial.target if trial.value > 40.0 else (trial.target + 1) % 3
        runs.answer(run, trial.number, answer, 0.5)


def test_a_lesson_is_taken_by_keys_from_its_prediction_to_its_end(
    page: Page, server: Server, runs: Runs
) -> None:
    page.goto(f"{server.url}/listen")
    page.get_by_role("link", name="Can a sound hide another one that comes after it?").click(timeout=WAIT)
    expect(page.get_by_role("heading", name="Forward masking")).to_be_visible(timeout=WAIT)
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Play the noise").click(timeout=WAIT)
    page.get_by_role("button", name="Stop the noise").click(timeout=WAIT)
    for part in range(3):
        expect(page.get_by_role("heading", name=f"Part {part + 1} of 3")).to_be_visible(timeout=WAIT)
        if part == 0:
            start = page.get_by_role("button", name="Start", exact=True)
            expect(start).to_be_enabled(timeout=WAIT)
            start.press("Enter")
            page.get_by_role("button", name="Skip practice").click(timeout=WAIT)
        else:
            page.keyboard.press("Enter")
        assert waiting(page, 0)
        finished_elsewhere(runs, str(page.evaluate("new URLSearchParams(location.hash.slice(1)).get('run')")))
        page.keyboard.press("1")
    expect(page.get_by_role("heading", name="Why")).to_be_visible(timeout=WAIT)
    said = page.locator(".result")
    expect(said).to_contain_text("You predicted: Stronger, but by clearly less than 25 dB.")
    expect(said).to_contain_text("From 55 to 80 dB SPL, your threshold")
    cells = page.locator("tbody tr td:nth-child(2)")
    assert all(35.0 < float(text) < 45.0 for text in cells.all_inner_texts())
    expect(page.get_by_role("link", name="Open this in the perception lab")).to_have_attribute(
        "href", "perception?v.experiment=step"
    )
    page.reload()  # prediction and runs are in the address
    expect(said).to_contain_text("You predicted: Stronger", timeout=WAIT)
    assert cells.count() == 3
    page.get_by_role("button", name="Part 2 trial by trial").click()
    expect(page.locator(".thresholds dd").first).to_contain_text("dB SPL", timeout=WAIT)
    page.get_by_role("button", name="Back to the lesson").click()
    expect(page.get_by_role("heading", name="Why")).to_be_visible(timeout=WAIT)


def test_intervals_light_up_one_after_the_other_while_they_sound(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/listen?experiment=intensity_discrimination&x.duration=0.6&x.pause=0.4")
    page.get_by_role("button", name="Play the noise").click(timeout=WAIT)
    page.get_by_role("button", name="Stop the noise").click(timeout=WAIT)
    page.evaluate("""() => {
      window.lit = []
      new MutationObserver((changes) => {
        for (const {target} of changes)
          if (target.classList?.contains("lit")) window.lit.push([target.textContent, performance.now()])
      }).observe(document.querySelector("main"), {attributes: true, attributeFilter: ["class"], subtree: true})
    }""")
    page.get_by_role("button", name="Start", exact=True).click(timeout=WAIT)
    wait_until(page, "() => document.querySelector('main').dataset.state === 'waiting'")
    lit = page.evaluate("window.lit")
    assert [number for number, _ in lit] == ["1", "2", "3"]
    gaps = [later - earlier for (_, earlier), (_, later) in itertools.pairwise(lit)]
    assert all(700 < gap < 1500 for gap in gaps), gaps  # 1000 ms by the sound's clock; frames may be late


def test_a_hostile_link_is_said_to_be_one_and_plays_nothing(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/listen?experiment=gap_detection&x.level=120<script>")
    expect(page.get_by_role("alert").first).to_contain_text("is no number", timeout=WAIT)
    page.goto(f"{server.url}/listen?experiment=gap_detection&x.level=95")
    expect(page.get_by_role("alert").first).to_contain_text(
        "“Level of the noise” = 95 dB SPL is outside 0 to 82", timeout=WAIT
    )
    expect(page.get_by_role("link", name="How short a pause do you hear?")).to_be_visible()
    assert page.get_by_role("button", name="Play the noise").count() == 0


def test_a_class_takes_part_in_a_room_and_its_teacher_ends_it(
    page: Page, browser: Browser, server: Server, runs: Runs
) -> None:
    page.goto(f"{server.url}/listen?{QUICK}")
    page.get_by_text("Settings, link, and a room for a class").click(timeout=WAIT)
    page.get_by_role("button", name="Open a room for a class").click()
    expect(page.locator(".count")).to_have_text("0 results", timeout=WAIT)
    expect(page.locator(".code svg")).to_be_visible()
    address = page.locator(".address").inner_text()
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    try:
        student = context.new_page()
        run = started(student, server, address.partition("?")[2])
        listen(student, runs, run)
        expect(page.locator(".count")).to_have_text("0 results")  # nothing before Send
        student.get_by_role("button", name="Send my threshold to the class").click(timeout=WAIT)
        expect(student.get_by_role("heading", name="Sent. The class so far")).to_be_visible(timeout=WAIT)
        expect(page.locator(".count")).to_have_text("1 result", timeout=WAIT)
        expect(page.locator(".class svg")).to_be_visible()
        assert "key" not in student.url
        page.get_by_role("button", name="End the room").click()
        page.locator("dialog").get_by_role("button", name="End the room").click()
        expect(page.get_by_role("heading", name="You and a model take the same test")).to_be_visible(
            timeout=WAIT
        )
        student.goto(address)
        expect(student.get_by_role("alert").first).to_contain_text("There is no such room", timeout=WAIT)
    finally:
        context.close()


def test_a_board_shows_what_was_predicted_only_when_its_teacher_asks(
    page: Page, server: Server, runs: Runs
) -> None:
    page.goto(f"{server.url}/listen?{LESSON}")
    page.get_by_text("Link, and a room for a class").click(timeout=WAIT)
    page.get_by_role("button", name="Open a room for a class").click()
    expect(page.locator(".count")).to_have_text("0 results", timeout=WAIT)
    shows = page.get_by_text("Show what was predicted")
    expect(shows).to_be_hidden()
    room = str(page.evaluate("new URLSearchParams(location.search).get('room')"))
    link = runs.store.links(room)[0]
    runs.store.send("one", room, link, (3.0, 2.0, 4.0), 20, ("forward", 1))
    expect(page.locator(".count")).to_have_text("1 result", timeout=WAIT)
    rows = page.locator(".predicted td:nth-child(2)")
    expect(rows.first).to_be_hidden()
    shows.click()
    expect(rows).to_have_text(["0", "1", "0"])
    runs.store.send("two", room, link, (3.0, 2.0, 4.0), 20, ("forward", 2))
    expect(rows).to_have_text(["0", "1", "1"], timeout=WAIT)
    expect(rows.first).to_be_visible()


def test_axe_finds_nothing_on_any_screen_in_the_light_and_in_the_dark(
    server: Server, browser: Browser, runs: Runs
) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    found = {}
    try:
        page = context.new_page()

        def look(screen: str) -> None:
            for scheme in schemes:
                page.emulate_media(color_scheme=scheme)
                found[screen, scheme] = violations(page)

        page.goto(f"{server.url}/listen")
        expect(page.locator(".tests li")).to_have_count(16, timeout=WAIT)
        look("choose")
        page.goto(f"{server.url}/listen?{LESSON}")
        page.get_by_text("Link, and a room for a class").click(timeout=WAIT)
        look("prediction")
        page.get_by_role("button", name="Show the end without taking the lesson").click()
        expect(page.get_by_role("heading", name="Why")).to_be_visible(timeout=WAIT)
        look("the end of a lesson")
        page.goto(f"{server.url}/listen?{SHORT}")
        page.get_by_text("Settings, link, and a room for a class").click(timeout=WAIT)
        look("settings")
        run = started(page, server, QUICK)
        assert waiting(page, 0)
        look("trial")
        listen(page, runs, run)
        expect(page.locator(".thresholds")).to_contain_text("The model", timeout=4 * WAIT)
        page.get_by_text("The numbers").click()
        look("result")
        assert {where: faults for where, faults in found.items() if faults} == {}
    finally:
        context.close()


def test_every_screen_fits_a_phone(server: Server, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    try:
        page = context.new_page()
        for query in ("", SHORT, LESSON):
            page.goto(f"{server.url}/listen?{query}")
            expect(page.locator("h1")).to_be_visible(timeout=WAIT)
            if query == SHORT:
                page.get_by_text("Settings, link, and a room for a class").click()
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.get_by_text("Link, and a room for a class").click()
        page.get_by_role("button", name="Show the end without taking the lesson").click()
        expect(page.get_by_role("heading", name="Why")).to_be_visible(timeout=WAIT)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        started(page, server)
        assert waiting(page, 0)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        for box in page.locator(".interval").all():
            assert (box.bounding_box() or {"height": 0})["height"] >= 96
    finally:
        context.close()
