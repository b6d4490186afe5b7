"""The page as an instrument for a class: undo, history, own files, lessons, worksheets, numbers and the playhead."""

import io
import math
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import soundfile
import yaml
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage
from tests.browser.steps import WAIT, field, led, opened, type_value, wait_for_query, wait_until
from tests.serving import Server


@pytest.fixture(scope="module")
def standing(server: Server, new_page: NewPage) -> Page:
    """Return a page of the filterbank lab that the tests use, one after the other."""
    return opened(new_page(accept_downloads=True), server)


@pytest.fixture
def lab(standing: Page) -> Callable[[str], Page]:
    """Return what leads that page to a link."""
    return lambda query: led(standing, query)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def query_of(page: Page) -> dict[str, str]:
    return {
        key: value[0] for key, value in parse_qs(urlsplit(page.url).query, keep_blank_values=True).items()
    }


def open_file(page: Page, path: Path) -> None:
    with page.expect_file_chooser() as waiting:
        button(page, "Open YAML …").click()
    waiting.value.set_files(path)


def whistle(path: Path, frequency: float = 2000.0) -> Path:
    t = np.arange(22050) / 44100
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.3 * np.sin(2 * math.pi * frequency * t), 44100, format="WAV")
    path.write_bytes(buffer.getvalue())
    return path


# ---------------------------------------------------------------- undo, history, questions


def test_a_drag_is_undone_as_a_whole_and_done_again(standing: Page) -> None:
    page = standing  # nothing has been moved on it yet
    slider = page.locator(".controls").get_by_role("slider", name="Level", exact=True)
    expect(button(page, "Undo")).to_be_disabled()
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.6, y)
    page.mouse.down()
    for step in range(8):
        page.mouse.move(box["x"] + box["width"] * (0.6 + 0.02 * step), y)
        page.wait_for_timeout(60)
    page.mouse.up()
    dragged = slider.input_value()
    wait_for_query(page, "s.level", dragged)
    type_value(page, "Order", 2)
    wait_for_query(page, "f.order", "2")
    page.locator(".summary").click()
    page.keyboard.press("Control+z")
    expect(field(page, "Order")).to_have_value("4", timeout=WAIT)
    expect(slider).to_have_value(dragged)
    page.keyboard.press("Control+z")
    expect(slider).to_have_value("60", timeout=WAIT)
    expect(button(page, "Undo")).to_be_disabled(timeout=WAIT)
    page.keyboard.press("Control+Shift+z")
    expect(slider).to_have_value(dragged, timeout=WAIT)
    button(page, "Redo").click()
    expect(field(page, "Order")).to_have_value("2", timeout=WAIT)


def test_back_and_forward_go_through_lessons(lab: Callable[[str], Page]) -> None:
    page = lab("")
    type_value(page, "Level", 70)
    wait_for_query(page, "s.level", "70")
    lesson = page.get_by_label("Lesson", exact=True).first
    lesson.select_option("two-tones")
    wait_for_query(page, "lesson", "two-tones")
    type_value(page, "Second frequency", 1300)
    wait_for_query(page, "s.frequency2", "1300")
    lesson.select_option("impaired-ear")
    wait_for_query(page, "lesson", "impaired-ear")
    page.go_back()
    expect(page.locator(".lesson-card h2")).to_have_text("When does the ear hear two tones?", timeout=WAIT)
    expect(field(page, "Second frequency")).to_have_value("1300", timeout=WAIT)
    page.go_back()
    expect(page.locator(".lesson-card")).to_be_hidden(timeout=WAIT)
    expect(field(page, "Level")).to_have_value("70", timeout=WAIT)
    page.go_forward()
    expect(field(page, "Second frequency")).to_have_value("1300", timeout=WAIT)
    page.go_forward()
    expect(page.locator(".lesson-card h2")).to_have_text("An ear with wide filters", timeout=WAIT)
    assert query_of(page) == {"lesson": "impaired-ear"}


def test_reset_inside_a_lesson_asks_and_can_go_to_its_start(lab: Callable[[str], Page]) -> None:
    page = lab("lesson=two-tones&s.frequency2=1300")
    button(page, "Reset").click()
    button(page, "Start of the lesson").click(timeout=WAIT)
    expect(field(page, "Second frequency")).to_have_value("1400", timeout=WAIT)
    expect(page.locator(".lesson-card")).to_be_visible()
    button(page, "Reset").click()
    button(page, "Leave it, reset all").click(timeout=WAIT)
    expect(page.locator(".lesson-card")).to_be_hidden(timeout=WAIT)


# ---------------------------------------------------------------- own files


def test_an_own_file_with_its_settings_and_answers_survive_a_reload(
    lab: Callable[[str], Page], tmp_path: Path
) -> None:
    page = lab("lesson=two-tones")
    card = page.locator(".lesson-card")
    card.locator("summary").first.click(timeout=WAIT)
    card.get_by_role("textbox").first.fill("About one ERB")
    lab("")
    expect(page.locator(".kept")).to_contain_text("stays in this browser for a day")
    page.locator("input[type=file]").set_input_files(whistle(tmp_path / "whistle.wav"))
    expect(page.locator(".summary")).to_contain_text("whistle.wav at 60", timeout=WAIT)
    expect(page.locator(".kept")).to_contain_text("whistle.wav stays in this browser", timeout=WAIT)
    type_value(page, "Excerpt starts at", 0.1)
    wait_for_query(page, "s.start", "0.1")
    assert query_of(page)["file"] == "whistle.wav"
    page.reload()
    expect(page.locator(".summary")).to_contain_text("whistle.wav at 60", timeout=WAIT)
    expect(field(page, "Excerpt starts at")).to_have_value("0.1")
    expect(page.locator(".problems")).to_be_hidden()
    button(page, "Forget it").click()
    page.reload()
    expect(page.locator(".problems")).to_contain_text("drop a sound file on the page", timeout=WAIT)
    expect(page.locator(".problems")).to_contain_text("“whistle.wav”")
    lab("lesson=two-tones")
    card.locator("summary").first.click(timeout=WAIT)
    expect(card.get_by_role("textbox").first).to_have_value("About one ERB")


# ---------------------------------------------------------------- on paper and on the wall


def test_answers_stand_on_the_worksheet(lab: Callable[[str], Page]) -> None:
    page = lab("lesson=two-tones")
    page.evaluate("() => { window.print = () => { window.printed = true } }")
    card = page.locator(".lesson-card")
    answer = card.get_by_role("textbox").first
    if not answer.is_visible():
        card.locator("summary").first.click(timeout=WAIT)
    answer.fill("About one ERB")
    button(page, "Worksheet").click()
    wait_until(page, "window.printed === true")
    page.emulate_media(media="print")
    sheet = page.locator(".amtlab-worksheet")
    expect(sheet).to_be_visible()
    expect(sheet.locator("h1")).to_have_text("When does the ear hear two tones?")
    expect(sheet.locator(".given")).to_have_text("About one ERB")
    expect(sheet.locator(".room")).to_have_count(1)
    expect(sheet.locator(".code svg")).to_be_visible()
    assert sheet.locator("img").count() >= 4
    # Sharp on paper, whatever the screen has: 178 mm are 672 px of CSS, and each gets two dots.
    assert sheet.locator("img").evaluate_all(
        """all => all.every((x) =>
          x.naturalWidth > 2 * 672 * x.clientWidth / x.closest(".pictures").clientWidth)"""
    )
    pages = page.pdf().count(b"/Type /Page\n")
    assert 1 <= pages <= 3
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    expect(sheet).to_have_count(0)
    page.emulate_media(media="null")


def test_a_room_scans_the_link_from_a_large_code(lab: Callable[[str], Page]) -> None:
    page = lab("s.kind=tone")
    button(page, "QR code").click()
    code = page.locator(".room-code svg")
    expect(code).to_be_visible(timeout=WAIT)
    box = code.bounding_box()
    assert box is not None
    assert box["height"] > 400
    expect(code).to_have_attribute("aria-label", f"QR code of {page.url}")
    page.keyboard.press("Escape")
    expect(code).to_be_hidden()


# ---------------------------------------------------------------- numbers, playhead


def test_the_numbers_under_the_pointer_are_those_of_the_axes_and_the_cell(
    lab: Callable[[str], Page],
) -> None:
    page = lab("s.kind=tone&s.frequency=1000&s.level=60&f.channels=40&f.low=200&f.high=5000")
    figure = page.locator('[data-name="cochleagram"]')
    box = figure.bounding_box()
    assert box is not None
    words = figure.locator(".readout")
    expect(words).to_be_hidden()
    rows = {}
    for share in np.linspace(0.08, 0.9, 60):
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * share)
        if words.is_visible():
            time, frequency, *level = words.inner_text().split(" · ")
            if not level:  # beside the channels
                continue
            number, unit = frequency.split()
            hertz = float(number) * (1000 if unit == "kHz" else 1)
            rows[hertz] = float(level[0].removesuffix(" dB SPL").removeprefix("≤ ").replace("−", "-"))
            assert 0.3 < float(time.removesuffix(" s")) < 0.7
    assert max(rows) > 3000
    assert min(rows) < 300
    loudest = max(rows, key=rows.__getitem__)
    assert 850 < loudest < 1150
    assert 57 <= rows[loudest] <= 61
    page.mouse.move(5, 5)
    expect(words).to_be_hidden()


def test_a_line_moves_in_step_with_the_sound_and_a_stretch_is_looped(lab: Callable[[str], Page]) -> None:
    page = lab("s.kind=tone&s.duration=5")
    expect(page.locator(".player").get_by_role("button", name="Play")).to_be_disabled()
    button(page, "▶ Input").click()
    player = page.locator(".player")
    expect(player).to_have_attribute("data-playing", "true", timeout=WAIT)
    line = page.locator('[data-name="cochleagram"] .playhead')
    expect(line).to_be_visible(timeout=WAIT)
    moved = page.evaluate(
        """() => new Promise((resolve) => {
            const find = (root, selector) => {
                const found = root.querySelector(selector)
                if (found) return found
                for (const node of root.querySelectorAll("*")) {
                    const inner = node.shadowRoot && find(node.shadowRoot, selector)
                    if (inner) return inner
                }
            }
            const line = find(document, '[data-name="cochleagram"] .playhead')
            const time = find(document, ".player .time")
            const at = () => [line.getBoundingClientRect().left, parseFloat(time.textContent)]
            const first = at()
            setTimeout(() => resolve([first, at()]), 1500)
        })"""
    )
    (left, begun), (right, later) = moved
    assert later - begun > 0.5
    width = page.locator('[data-name="cochleagram"]').bounding_box()["width"]  # type: ignore[index]
    assert (
        0.5 < (right - left) / (width * (later - begun) / 5) < 1.05
    )  # the axis is a little narrower than the figure
    player.get_by_label("Loop", exact=True).check()
    player.get_by_label("Loop from, seconds").fill("1")
    player.get_by_label("Loop to, seconds").fill("1.4")
    player.get_by_label("Loop to, seconds").press("Enter")
    expect(page.locator('[data-name="cochleagram"] .region')).to_be_visible(timeout=WAIT)
    for _ in range(8):
        page.wait_for_timeout(150)
        assert 1.0 <= float(player.locator(".time").inner_text().split()[0]) <= 1.4
    # A drag with Shift over a time axis selects another stretch.
    box = page.locator('[data-name="waveform"]').bounding_box()
    assert box is not None
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 60, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    begin = float(player.get_by_label("Loop from, seconds").input_value())
    end = float(player.get_by_label("Loop to, seconds").input_value())
    assert 1.8 < begin < 2.7
    assert 0.8 < end - begin < 1.4
    player.get_by_role("button", name="Stop").click()
    expect(player).to_have_attribute("data-playing", "false")
    player.get_by_label("Loop", exact=True).uncheck()


def test_a_stretch_is_heard_at_the_samples_own_level_and_without_a_step(
    lab: Callable[[str], Page],
) -> None:
    page = lab("s.kind=tone&s.frequency=500&s.duration=1")
    # What the page plays is recorded where it goes to the loudspeaker, from a buffer of the page's own making.
    page.evaluate(
        """() => {
            window.heard = []
            const start = AudioBufferSourceNode.prototype.start
            AudioBufferSourceNode.prototype.start = function (...rest) {
                heard.push({loop: this.loop, samples: [...this.buffer.getChannelData(0)], fs: this.buffer.sampleRate})
                return start.apply(this, rest)
            }
        }"""
    )
    button(page, "▶ Input").click()
    player = page.locator(".player")
    expect(player).to_have_attribute("data-playing", "true", timeout=WAIT)
    player.get_by_label("Loop from, seconds").fill("0.25")
    player.get_by_label("Loop to, seconds").fill("0.5")
    player.get_by_label("Loop", exact=True).check()
    whole, stretch = page.evaluate("[heard[0], heard.at(-1)]")
    samples, part, fs = np.array(whole["samples"]), np.array(stretch["samples"]), whole["fs"]
    assert stretch["loop"]
    rms = math.sqrt(float(np.mean(samples[fs // 4 : fs // 2] ** 2)))
    # 85 dB SPL is played at -15 dBFS, these 60 dB SPL at 25 dB less.
    assert abs(20 * math.log10(rms) + 40.0) < 0.3
    first = round(0.25 * fs)
    ramp = round(0.005 * fs)
    assert np.array_equal(part[ramp:-ramp], samples[first + ramp : first + len(part) - ramp])
    assert np.abs(part[[0, -1]]).max() < 1e-3 * np.abs(part).max()


# ---------------------------------------------------------------- a lesson of one's own; this leaves the page dark


def test_a_lesson_is_written_previewed_saved_linked_and_opened(
    lab: Callable[[str], Page], tmp_path: Path
) -> None:
    page = lab("s.kind=tone&s.level=70")
    button(page, "Make a lesson").click()
    form = page.locator(".author")
    form.get_by_label("Title", exact=True).fill("My tone")
    form.get_by_label("Text", exact=True).fill("Listen to **this**.\n- <img src=x onerror=alert(1)>\n- `two`")
    form.get_by_label("Question 1", exact=True).fill("A question too many")
    form.get_by_role("button", name="Add a question").click()
    form.get_by_label("Question 2", exact=True).fill("How loud?")
    form.get_by_label("Answer 2", exact=True).fill("*Seventy* decibels.")
    form.get_by_role("button", name="Remove question 1", exact=True).click()
    expect(form.get_by_label("Question 1", exact=True)).to_have_value("How loud?")
    expect(form.get_by_role("button", name="Remove measure 1", exact=True)).to_be_visible()
    form.get_by_label("Measure 1", exact=True).select_option("excitation_peaks")
    form.get_by_label("At least 1", exact=True).fill("2")
    form.get_by_label("At most 1", exact=True).fill("2")
    form.get_by_label("What to do").fill("Make two peaks.")
    form.get_by_label("What is said when it is done").fill("Two.")
    button(page, "Preview").click()
    card = page.locator(".lesson-card")
    expect(card.locator("h2")).to_have_text("My tone", timeout=WAIT)
    expect(card.locator("strong").first).to_have_text("this")
    expect(card.locator("li").first).to_have_text("<img src=x onerror=alert(1)>")
    expect(card).to_contain_text("wanted 2")
    wait_until(page, "new URLSearchParams(location.search).has('made')")
    with page.expect_download(timeout=WAIT) as waiting:
        button(page, "Save as YAML").click()
    assert waiting.value.suggested_filename == "my-tone.yaml"
    saved = tmp_path / "my-tone.yaml"
    waiting.value.save_as(saved)
    content = yaml.safe_load(saved.read_text(encoding="utf-8"))
    assert content["lab"] == "filterbank"
    assert content["my-tone"]["state"] == {"s.kind": "tone", "s.level": "70"}
    assert [each["ask"] for each in content["my-tone"]["questions"]] == ["How loud?"]
    assert content["my-tone"]["task"]["checks"] == {"excitation_peaks": [2, 2]}
    link = page.url
    # The link holds all of it, and so does the file.
    page.goto(link.replace("?", "?theme=dark&"))
    expect(page.locator(".lesson-card h2")).to_have_text("My tone", timeout=WAIT)
    expect(field(page, "Level")).to_have_value("70", timeout=WAIT)
    saved.write_text(saved.read_text(encoding="utf-8").replace("My tone", "Your tone"), encoding="utf-8")
    button(page, "Make a lesson").click()
    open_file(page, saved)
    expect(page.locator(".lesson-card h2")).to_have_text("Your tone", timeout=WAIT)
    expect(page.locator(".author").get_by_label("Title", exact=True)).to_have_value("Your tone")
    saved.write_text("a: {title: A, state: {x.y: 1}}", encoding="utf-8")
    open_file(page, saved)
    expect(page.locator(".author .problem")).to_contain_text("lesson a: state names x.y", timeout=WAIT)
