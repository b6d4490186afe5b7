"""The filterbank lab as a person meets it: a real browser, a real server, mouse, keyboard, files and a phone."""

import io
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Download, Page, expect

from tests.browser.conftest import NewPage, watched
from tests.browser.steps import SHOWN, WAIT, field, led, opened, type_value, wait_for_query, wait_until
from tests.serving import Server


@pytest.fixture(scope="module")
def sent() -> list[str | bytes]:
    """Return the list of what the page of several tests has sent to the server."""
    return []


@pytest.fixture(scope="module")
def standing(server: Server, new_page: NewPage, sent: list[str | bytes]) -> Page:
    """Return a page that several tests use, one after the other."""
    page = new_page(accept_downloads=True)
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    return opened(page, server)


@pytest.fixture
def lab(standing: Page) -> Page:
    """Return that page as it opened."""
    return led(standing, "")


@pytest.fixture
def lab_at(standing: Page) -> Callable[[str], Page]:
    """Return what leads that page to a link."""
    return lambda query: led(standing, query)


def summary(page: Page) -> str:
    return page.locator(".summary").inner_text()


def slider(page: Page, name: str) -> object:
    return page.locator(".controls").get_by_role("slider", name=name, exact=True)


def query_of(page: Page) -> dict[str, str]:
    return {
        key: value[0] for key, value in parse_qs(urlsplit(page.url).query, keep_blank_values=True).items()
    }


# ---------------------------------------------------------------- opening


def test_the_page_opens_with_six_figures_and_a_line_of_words(standing: Page) -> None:
    page = standing
    expect(page.locator(".summary")).to_contain_text("Spoken sentence at 60 dB SPL: strongest channel")
    expect(page).to_have_title("Filterbank · AMT Lab")
    words = page.evaluate(
        "Bokeh.documents.flatMap((d) => d.roots()).filter((r) => r.type === 'Figure').map((r) => r.title.text)"
    )
    assert {"Sound pressure over time", "Cochleagram (dB SPL)", "Long-term excitation"} <= set(words)


def test_nothing_plays_by_itself_and_a_sound_plays_when_asked_for(lab: Page) -> None:
    page = lab
    player = page.locator(".player")
    expect(player.get_by_role("button", name="Play")).to_be_disabled()
    page.get_by_role("button", name="Input").click()
    expect(player).to_have_attribute("data-playing", "true", timeout=WAIT)
    expect(player.locator(".time")).to_contain_text("of 1.00 s")
    expect(page.locator(".playing")).to_have_text("Spoken sentence at 60 dB SPL")
    expect(player).to_have_attribute("data-playing", "false", timeout=WAIT)  # it ends by itself


# ---------------------------------------------------------------- sliders, keyboard, link


def test_an_arrow_key_moves_the_picture_the_words_and_the_link(lab: Page) -> None:
    page = lab
    before = summary(page)
    control = slider(page, "Level")
    control.focus()
    for _ in range(5):
        control.press("ArrowRight")
    expect(page.locator(".summary")).to_contain_text("at 65 dB SPL", timeout=WAIT)
    assert summary(page) != before
    wait_for_query(page, "s.level", "65")


#: Leads to nearly all controls there are.
MODULATED = "s.kind=am&f.low=20"


def test_every_control_has_a_name_of_its_own(lab_at: Callable[[str], Page]) -> None:
    page = lab_at(MODULATED)
    unnamed = page.evaluate(
        """() => {
            const found = []
            const named = (node) => node.getAttribute("aria-label") || node.getAttribute("title")
                || node.textContent.trim() || [...(node.labels ?? [])].some((label) => label.textContent.trim())
            const visit = (root) => {
                for (const node of root.querySelectorAll("*")) {
                    const control = node.matches("input, select, textarea, button")
                    if (control && !named(node)) found.push(node.outerHTML)
                    if (node.shadowRoot) visit(node.shadowRoot)
                }
            }
            visit(document)
            return found
        }"""
    )
    assert unnamed == []
    names = (
        page.locator(".controls")
        .get_by_role("slider")
        .evaluate_all("all => all.map((x) => x.labels[0].textContent)")
    )
    assert len(names) >= 15
    assert len(set(names)) == len(names)


def test_each_key_press_moves_a_logarithmic_slider(lab_at: Callable[[str], Page]) -> None:
    page = lab_at(MODULATED)
    # Where the rounding of the value is coarser than a step of the slider, a naive one sticks.
    for name, key in {
        "Close-up": "v.width",
        "Modulation rate": "s.modulation",
        "Lowest channel": "f.low",
    }.items():
        control = slider(page, name)
        control.focus()
        seen = [control.get_attribute("aria-valuetext")]
        for _ in range(3):
            control.press("ArrowRight")
            seen.append(control.get_attribute("aria-valuetext"))
        assert len(set(seen)) == 4, (name, seen)
        wait_for_query(page, key, (seen[-1] or "").split()[0])
        control.press("ArrowLeft")
        assert control.get_attribute("aria-valuetext") == seen[-2]


def test_a_fast_drag_ends_at_the_last_value(lab: Page) -> None:
    page = lab
    control = slider(page, "Level")
    control.scroll_into_view_if_needed()
    box = control.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    for step in range(30):
        page.mouse.move(box["x"] + box["width"] * (0.3 + 0.02 * step), y)
    page.mouse.up()
    value = control.input_value()
    expect(page.locator(".summary")).to_contain_text(f"at {value} dB SPL", timeout=WAIT)
    wait_for_query(page, "s.level", value)


def test_the_enter_key_ends_typing_where_the_browser_does_not_take_it_for_that(lab: Page) -> None:
    page = lab
    """In JupyterLab the key arrives, and no change of the field follows."""
    field(page, "Level").evaluate(
        """(field) => {
            field.value = "72"
            field.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"}))
        }"""
    )
    expect(page.locator(".summary")).to_contain_text("at 72 dB SPL", timeout=WAIT)


def test_a_wrong_value_and_a_wrong_pair_of_values_are_told_and_the_picture_stays(lab: Page) -> None:
    page = lab
    lab.locator(".controls").get_by_label("Sound", exact=True).select_option("tone")
    expect(lab.locator(".summary")).not_to_contain_text("Spoken sentence", timeout=WAIT)
    before = summary(page)
    type_value(page, "Level", 500)
    expect(page.locator(".problems")).to_have_text(
        "Level is 500 dB SPL; give a number from -10 to 110 dB SPL. It stays at 60.", timeout=WAIT
    )
    expect(field(page, "Level")).to_have_value("60")
    wait_until(page, "!new URLSearchParams(location.search).has('s.level')")  # the address follows later
    type_value(page, "Frequency", 19000)
    expect(page.locator(".problems")).to_contain_text("16000 Hz", timeout=WAIT)
    assert summary(page) == before
    type_value(page, "Frequency", 500)
    expect(page.locator(".problems")).to_be_hidden(timeout=WAIT)
    expect(page.locator(".summary")).not_to_have_text(before)


@pytest.fixture(scope="module")
def second(server: Server, standing: Page, complaints: list[str]) -> Page:
    """Return a second window of the same browser, which a link opened that makes no sense, for two tests."""
    query = "?f.channels=9999&f.order=2&s.kind=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&nonsense=1"
    return opened(watched(standing.context.new_page(), complaints), server, query)


def test_a_link_that_makes_no_sense_opens_a_live_page_with_notes(second: Page) -> None:
    page = second
    expect(page.locator(".problems p")).to_have_count(3)
    expect(page.locator(".problems")).to_contain_text("Channels is 9999; give a number from 2 to 128")
    expect(slider(page, "Order")).to_have_value("2")
    slider(page, "Level").focus()
    slider(page, "Level").press("ArrowRight")
    expect(page.locator(".summary")).to_contain_text("at 61 dB SPL", timeout=WAIT)


def test_two_windows_do_not_move_each_other(lab: Page, second: Page) -> None:
    page, other = lab, led(second, "")
    slider(page, "Level").focus()
    slider(page, "Level").press("ArrowRight")
    expect(page.locator(".summary")).to_contain_text("at 61 dB SPL", timeout=WAIT)
    slider(other, "Order").focus()
    slider(other, "Order").press("ArrowRight")
    wait_for_query(other, "f.order", "5")
    expect(other.locator(".summary")).to_contain_text("at 60 dB SPL")
    expect(slider(page, "Order")).to_have_value("4")
    other.close()  # a window behind another one takes seconds to take a click


def test_a_click_in_the_cochleagram_looks_there(lab: Page) -> None:
    page = lab
    before = summary(page)
    canvas = page.locator(".bk-Figure").nth(1)
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.25)
    expect(page.locator(".summary")).not_to_have_text(before, timeout=WAIT)
    wait_until(page, "location.search.includes('v.frequency=') && location.search.includes('v.time=')")


# ---------------------------------------------------------------- files and sound


def whistle(path: Path, frequency: float = 2000) -> Path:
    t = np.arange(22050) / 44100
    soundfile.write(path, 0.2 * np.sin(2 * np.pi * frequency * t), 44100)
    return path


def test_a_file_that_is_no_sound_is_one_sentence_and_the_page_lives(lab: Page, tmp_path: Path) -> None:
    page = lab
    before = summary(page)
    problem = page.locator(".upload .problem")
    for name, content in {"diary.wav": b"Dear diary, today was\n" * 40, "empty.wav": b""}.items():
        (tmp_path / name).write_bytes(content)
        page.locator("input[type=file]").set_input_files(tmp_path / name)
        expect(problem).to_contain_text(name, timeout=WAIT)
        expect(page.locator(".drop")).to_contain_text("Drop a sound file here")
        assert summary(page) == before
    page.locator("input[type=file]").set_input_files(whistle(tmp_path / "good.wav"))
    expect(page.locator(".summary")).to_contain_text("good.wav at 60", timeout=WAIT)
    expect(problem).to_be_hidden()


def test_a_dropped_wav_becomes_the_sound(lab: Page, tmp_path: Path) -> None:
    page = lab
    page.locator("input[type=file]").set_input_files(whistle(tmp_path / "whistle.wav"))
    expect(page.locator(".summary")).to_contain_text(
        "whistle.wav at 60 dB SPL: strongest channel 1.9", timeout=WAIT
    )
    expect(page.locator(".drop")).to_contain_text("whistle.wav: 0.50 s, 44100 Hz")
    expect(page.locator(".controls select").nth(1)).to_have_value("file")
    # The edited file, dropped again under its old name, is heard.
    page.locator("input[type=file]").set_input_files(whistle(tmp_path / "whistle.wav", 500))
    expect(page.locator(".summary")).to_contain_text("strongest channel 519 Hz", timeout=WAIT)


def test_the_code_is_shown_and_follows(lab: Page) -> None:
    page = lab
    lab.locator(".controls").get_by_label("Sound", exact=True).select_option("tone")
    expect(lab.locator(".summary")).not_to_contain_text("Spoken sentence", timeout=WAIT)
    page.get_by_text("Show the code").click()
    code = page.locator(".code code")
    expect(code).to_contain_text("signals.tone(1000", timeout=WAIT)
    slider(page, "Order").focus()
    slider(page, "Order").press("ArrowLeft")
    expect(code).to_contain_text("n=3", timeout=WAIT)
    compile(code.inner_text(), "the page's code", "exec")


def kept(page: Page, name: str) -> Download:
    with page.expect_download(timeout=WAIT) as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    return waiting.value


def test_everything_can_be_kept(lab_at: Callable[[str], Page]) -> None:
    page = lab_at("f.channels=24")
    found = {name: kept(page, name) for name in ("PNG", "SVG", "CSV", "NPZ", "WAV")}
    names = [download.suggested_filename for download in found.values()]
    assert names == [f"amtlab-filterbank.{name.lower()}" for name in found]
    content = {name: download.path().read_bytes() for name, download in found.items()}

    assert content["PNG"][:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(content["PNG"][at : at + 4], "big") for at in (16, 20))
    assert width > 1500
    assert height > 1000
    picture = ElementTree.fromstring(content["SVG"])
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(picture.findall("{http://www.w3.org/2000/svg}svg")) == SHOWN
    words = {"".join(node.itertext()) for node in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Cochleagram (dB SPL)", "Time (s)"} <= words
    # Two shapes of one name would clip each other.
    identifiers = [node.attrib["id"] for node in picture.iter() if "id" in node.attrib]
    assert len(identifiers) == len(set(identifiers))

    table = np.loadtxt(content["CSV"].decode().splitlines()[2:], delimiter=",")
    with np.load(io.BytesIO(content["NPZ"])) as arrays:
        assert np.allclose(table[:, 0], arrays["fc"])
        assert arrays["envelope"].shape[0] == 24
    x, fs = soundfile.read(io.BytesIO(content["WAV"]))
    assert (len(x), fs) == (32000, 32000)


# ---------------------------------------------------------------- compare, lessons


def test_a_pinned_state_is_a_ghost_and_stands_in_the_link(lab_at: Callable[[str], Page]) -> None:
    page = lab_at("f.bandwidth=2&f.low=200")
    page.get_by_role("button", name="Pin as A").click()
    expect(page.get_by_role("button", name="Swap A and B")).to_be_visible(timeout=WAIT)
    expect(slider(page, "Channels")).to_have_value("40")
    wait_until(page, "new URLSearchParams(location.search).get('a')?.includes('f.bandwidth=2')")
    slider(page, "Bandwidth").focus()
    slider(page, "Bandwidth").press("Home")
    wait_for_query(page, "f.bandwidth", "0.1")
    page.get_by_role("button", name="Swap A and B").click()
    wait_for_query(page, "f.bandwidth", "2")
    wait_until(page, "new URLSearchParams(location.search).get('a')?.includes('f.bandwidth=0.1')")
    page.get_by_role("button", name="Unpin").click()
    wait_until(page, "!new URLSearchParams(location.search).has('a')")
    expect(page.get_by_role("button", name="Swap A and B")).to_be_hidden()


def test_a_lesson_shows_its_card_hides_controls_and_tells_when_it_is_done(lab: Page) -> None:
    page = lab
    page.get_by_label("Lesson", exact=True).first.select_option("impaired-ear")
    card = page.locator(".lesson-card")
    expect(card).to_contain_text("An ear with wide filters", timeout=WAIT)
    expect(slider(page, "Order")).to_have_count(0)  # hidden: not there for anybody
    expect(card.locator(".task")).to_contain_text("Task:")
    type_value(page, "Bandwidth", 1)
    expect(card.locator(".task")).to_contain_text("✓", timeout=WAIT)
    wait_for_query(page, "f.bandwidth", "1")  # the way back to a default is part of the state


def test_a_teacher_hides_a_control(lab: Page) -> None:
    page = lab
    make = page.get_by_role("button", name="Make a lesson")
    make.click()
    page.get_by_label("Students see: Order").uncheck()
    wait_for_query(page, "hide", "f.order")
    page.get_by_role("button", name="Pin as A").click()
    wait_until(page, "new URLSearchParams(location.search).has('a')")
    assert query_of(page)["hide"] == "f.order"
    expect(page.get_by_label("Students see: Order")).not_to_be_checked()
    make.click()
    expect(page.get_by_label("Students see: Order")).to_be_hidden()
    expect(slider(page, "Order")).to_have_count(0)


#: Returns the lightness of a figure's ground, 0 to 255.
GROUND = """() => {
    const figure = Bokeh.documents.flatMap((doc) => doc.roots()).find((root) => root.type === "Figure")
    const canvas = document.createElement("canvas").getContext("2d")
    canvas.fillStyle = figure?.background_fill_color ?? "white"
    canvas.fillRect(0, 0, 1, 1)
    return canvas.getImageData(0, 0, 1, 1).data[0]
}"""


def test_the_same_address_in_another_browser_shows_the_same_in_its_own_dark_mode(
    lab: Page, server: Server, new_page: NewPage
) -> None:
    page = lab
    page.get_by_label("Lesson", exact=True).first.select_option("impaired-ear")
    expect(page.locator(".lesson-card")).to_contain_text("An ear with wide filters", timeout=WAIT)
    page.get_by_role("button", name="Pin as A").click()
    expect(page.get_by_role("button", name="Swap A and B")).to_be_visible(timeout=WAIT)
    type_value(page, "Level", 65)
    type_value(page, "Bandwidth", 1)
    expect(page.locator(".lesson-card .task")).to_contain_text("✓", timeout=WAIT)
    make = page.get_by_role("button", name="Make a lesson")
    make.click()
    page.get_by_label("Students see: Channels").uncheck()
    make.click()
    wait_until(page, "new URLSearchParams(location.search).get('hide')?.includes('f.channels')")
    wait_for_query(page, "f.bandwidth", "1")
    copy = opened(new_page(color_scheme="dark"), server, f"?{urlsplit(page.url).query}")
    expect(copy.locator(".summary")).to_have_text(summary(page), timeout=WAIT)
    expect(copy.locator(".lesson-card .task")).to_contain_text("✓", timeout=WAIT)
    expect(copy.get_by_role("button", name="Swap A and B")).to_be_visible(timeout=WAIT)
    expect(slider(copy, "Level")).to_have_value("65")
    expect(slider(copy, "Level")).to_be_visible()
    expect(slider(copy, "Channels")).to_have_count(0)
    wait_until(copy, f"({GROUND})() < 80")


def test_reset_brings_back_the_fresh_page(lab_at: Callable[[str], Page]) -> None:
    page = lab_at("s.kind=tone&f.channels=64&lesson=click")
    expect(page.locator(".lesson-card")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("button", name="Leave it, reset all").click()  # in a lesson it asks
    wait_until(page, "location.search === ''")
    expect(page.locator(".summary")).to_contain_text("Spoken sentence at 60")
    expect(page.locator(".lesson-card")).to_be_hidden()


# ---------------------------------------------------------------- dark, and small


def test_the_figures_follow_the_button_for_the_dark(lab: Page) -> None:
    page = lab
    page.get_by_role("button", name="Toggle theme").click()
    wait_until(page, f"({GROUND})() < 80")
    wait_until(page, f"({GROUND.replace('background_fill_color', 'title.text_color')})() > 200")
    page.get_by_role("button", name="Toggle theme").click()
    wait_until(page, f"({GROUND})() > 200")
    wait_until(page, f"({GROUND.replace('background_fill_color', 'title.text_color')})() < 80")


@pytest.fixture(scope="module")
def phone(server: Server, new_page: NewPage) -> Page:
    """Return the page on a phone, which several tests use."""
    page = new_page(
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        user_agent="Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36",
    )
    return opened(page, server)


def test_on_a_phone_nothing_sticks_out_and_three_sliders_at_hand_move_the_picture(phone: Page) -> None:
    phone.wait_for_timeout(500)
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    sizes = phone.locator(".bk-Figure").evaluate_all("all => all.map((x) => x.getBoundingClientRect().right)")
    assert max(sizes) <= 390
    quick = phone.locator(".quick").get_by_role("slider")
    expect(quick).to_have_count(3)
    for index in range(3):
        expect(quick.nth(index)).to_be_visible()
    # The drawer is closed: its sliders are nowhere on the screen.
    drawer = phone.locator(".controls").get_by_role("slider", name="Order", exact=True)
    box = drawer.bounding_box() if drawer.count() else None
    assert box is None or box["x"] + box["width"] <= 0 or box["x"] >= 390
    # They stand right above the first figure.
    last = quick.last.bounding_box()
    assert last
    first = phone.locator(".bk-Figure").evaluate_all(
        "all => Math.min(...all.map((x) => x.getBoundingClientRect()).filter((x) => x.width).map((x) => x.top))"
    )
    assert 0 < first - last["y"] < 150
    quick.first.focus()
    quick.first.press("ArrowRight")
    expect(phone.locator(".summary")).to_contain_text("at 61 dB SPL", timeout=WAIT)


def swipe(page: Page, x: float, y: float, up: float) -> None:
    """Move a finger up over the screen."""
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 11):
        points = [{"x": x, "y": y - up * step / 10}]
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_on_a_phone_a_swipe_over_the_cochleagram_moves_no_probe_and_a_tap_does(phone: Page) -> None:
    cochleagram = phone.locator("[data-name=cochleagram]")
    cochleagram.scroll_into_view_if_needed()
    box = cochleagram.bounding_box()
    before = summary(phone)
    swipe(phone, box["x"] + 150, box["y"] + 150, 80)
    phone.wait_for_timeout(1500)
    assert summary(phone) == before
    assert "v.frequency" not in query_of(phone)
    box = cochleagram.bounding_box()
    phone.touchscreen.tap(box["x"] + 150, box["y"] + 60)
    expect(phone.locator(".summary")).not_to_have_text(before, timeout=WAIT)


def test_on_a_phone_the_open_drawer_leaves_the_upper_half_of_the_screen_to_the_figures(phone: Page) -> None:
    phone.get_by_role("heading", level=1).scroll_into_view_if_needed()
    phone.get_by_role("button", name="toggle sidebar").or_(
        phone.locator("header .MuiIconButton-root")
    ).first.click()
    drawer = phone.locator(".MuiDrawer-paper")
    expect(drawer).to_be_visible(timeout=WAIT)
    phone.wait_for_timeout(1000)
    sheet = drawer.bounding_box()
    assert sheet["y"] > 0.5 * 844
    assert sheet["y"] + sheet["height"] == pytest.approx(844, abs=2)
    figures = phone.locator(".figures").bounding_box()
    assert figures["y"] < 0.25 * 844


# ---------------------------------------------------------------- the travelling wave


def test_the_travelling_wave_is_shown_plays_pauses_and_is_moved_through_without_the_server(
    lab_at: Callable[[str], Page], sent: list[str | bytes]
) -> None:
    page = lab_at("s.kind=tone&v.time=0.5")
    bar = page.get_by_role("group", name="Travelling wave")
    shows = bar.get_by_role("button", name="Travelling wave")
    expect(shows).to_have_attribute("aria-pressed", "false")
    expect(page.locator("[data-name=responses] .bk-Canvas")).to_be_visible()
    shows.click()
    wait_for_query(page, "v.view", "wave")
    expect(page.locator("[data-name=travelling] .bk-Canvas")).to_be_visible(timeout=WAIT)
    expect(page.locator("[data-name=responses] .bk-Canvas")).to_be_hidden()
    expect(bar.get_by_role("button", name="Pause")).to_be_visible(timeout=WAIT)  # it plays at once
    moment = bar.locator(".moment")
    expect(moment).to_have_text(re.compile(r"^(49\d|50\d|510)\.\d ms$"))
    first = moment.inner_text()
    expect(moment).not_to_have_text(first, timeout=WAIT)
    count = len(sent)
    assert count > 0
    bar.get_by_role("button", name="Pause").click()
    stopped = moment.inner_text()
    page.wait_for_timeout(300)
    assert moment.inner_text() == stopped
    scrub = bar.get_by_role("slider")
    scrub.focus()
    scrub.press("Home")
    expect(moment).to_have_text("490.0 ms")
    expect(scrub).to_have_attribute("aria-valuetext", "490.0 ms")
    assert sent[count:] == []
    shows.click()
    expect(page.locator("[data-name=responses] .bk-Canvas")).to_be_visible(timeout=WAIT)
    expect(bar.get_by_role("slider")).to_be_hidden()


def test_another_sound_is_looked_at_where_something_happens(lab_at: Callable[[str], Page]) -> None:
    page = lab_at("s.duration=0.3")
    page.locator(".controls").get_by_label("Sound", exact=True).select_option("click")
    wait_until(page, "Math.abs(new URLSearchParams(location.search).get('v.time') - 0.008) < 0.004")


def test_the_server_stays_well(server: Server, standing: Page) -> None:
    answer = standing.request.get(f"{server.url}/health")
    assert json.loads(answer.text())["status"] == "ok"
