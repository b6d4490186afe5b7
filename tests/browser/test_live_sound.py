"""Live sound in a real browser: the network that plays is the one that was built, and no change of it clicks."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, WebSocketRoute, expect
from scipy.signal import fftconvolve

from amtlib import audio, fdn
from amtlib.fdn import FDNBuild, process_fdn
from app.labs.fdn import listening
from benchmarks.live_sound import LATER_S, modules_of, rendered
from docs.chromium import LAUNCH_ARGUMENTS
from tests.browser.conftest import NewPage
from tests.browser.letters import at
from tests.browser.steps import led, wait_until
from tests.serving import Server, served

WAIT = 30_000  # ms: the machine may be busy; nothing here takes long by itself
FS = 48000
#: Silence until everything that is faded in at the start is there, s.
LEAD = 0.2
SHELF = np.array([[[1.1], [-0.4], [0.1], [1.0], [-0.5], [0.2]]])


@pytest.fixture(scope="module")
def host(server: Server, new_page: NewPage) -> Iterator[Page]:
    """Yield a page that may import the modules, at an address of the server that shows nothing."""
    page = new_page()
    page.goto(f"{server.url}/health")
    with modules_of(page):
        yield page


def noise(seconds: float, amplitude: float = 0.05, fs: int = FS) -> NDArray[Any]:
    """Return noise after a silence, in the numbers that a page holds."""
    rng = np.random.default_rng(3)
    lead = np.zeros(round(LEAD * fs))
    return np.concatenate([lead, amplitude * rng.standard_normal(round(seconds * fs))]).astype(np.float32)


def tone(seconds: float, frequency: float, amplitude: float = 0.05) -> NDArray[Any]:
    at = np.arange(round(seconds * FS)) / FS
    return (amplitude * np.sin(2 * np.pi * frequency * at)).astype(np.float32)


def level_db(difference: NDArray[Any], of: NDArray[Any]) -> float:
    return float(10 * np.log10(np.square(difference).sum() / np.square(of).sum()))


def later(y: NDArray[Any], fs: float = FS) -> NDArray[Any]:
    """Return a sound as late as it is heard."""
    ahead = round(LATER_S * fs)
    return np.concatenate([np.zeros(ahead), y[:-ahead]])


def largest_step(y: NDArray[Any]) -> float:
    return float(np.abs(np.diff(y.astype(np.float64))).max())


def alone(host: Page, build: FDNBuild, x: NDArray[Any], **settings: Any) -> NDArray[Any]:
    """Return what is heard of a tone where nothing changes, once it is steady: 0.25 s, 55 of its periods."""
    return rendered(host, build, x, frames=FS + FS // 4, **settings)[FS:]


def design(lines: int, **settings: Any) -> FDNBuild:
    return fdn.design_fdn(**{"N": lines, "rt": (1.0, 0.5), "fs": FS, "rng": 1, **settings})


# ---------------------------------------------------------------- the network that plays is the one that was built


@pytest.mark.parametrize(
    "build",
    [
        design(4, rt=1.0),
        design(8, feedback="householder"),
        design(16),
        design(16, feedback="hadamard", rt=(3.0, 0.3), fs=44100.0),
        design(8, delays=[16, 17, 19, 23, 29, 31, 37, 41], direct=0.5),
        fdn.with_modulation(design(8), depth=0.6, rate=2.0),
        replace(design(8, direct=0.5), pre_delay=997),
        replace(
            design(4),
            post_eq=SHELF,
            post_matrix=np.repeat(SHELF * [[[0.5], [0.5], [0.5], [1], [1], [1]]], 4, axis=2),
        ),
    ],
    ids=[
        "4 lines, one decay", "8, Householder", "16, random", "16, Hadamard, 44.1 kHz", "short delays", "moving",
        "a pre-delay", "all filters",
    ],
)  # fmt: skip
def test_what_is_heard_of_a_network_is_what_the_library_computes(host: Page, build: FDNBuild) -> None:
    x = noise(1.0, fs=int(build.fs))
    wanted = process_fdn(x.astype(np.float64), build)
    heard = rendered(host, build, x)
    assert np.abs(wanted).max() < 0.7  # below the ceiling
    assert level_db(heard - later(wanted, build.fs), wanted) < -90


def test_the_room_is_heard_as_it_was_measured(host: Page) -> None:
    rng = np.random.default_rng(5)
    room = 0.2 * rng.standard_normal(FS // 2) * np.exp(-np.arange(FS // 2) / 4000)
    x = noise(1.0, 0.01)
    wanted = fftconvolve(x.astype(np.float64), room.astype(np.float32).astype(np.float64))[: len(x)]
    heard = rendered(host, design(4), x, room=room, choice="room")
    assert level_db(heard - later(wanted), wanted) < -90


def test_dry_is_the_sound_itself(host: Page) -> None:
    x = noise(0.5)
    heard = rendered(host, design(4), x, wet=0)
    np.testing.assert_array_equal(heard, later(x))  # to the last digit


# ---------------------------------------------------------------- nothing clicks


def turned(build: FDNBuild, share: float) -> FDNBuild:
    """Return a network whose matrix has been turned by a plane rotation, as a step of training turns it."""
    turn = np.eye(build.N)
    turn[:2, :2] = [[np.cos(share), -np.sin(share)], [np.sin(share), np.cos(share)]]
    return replace(build, A=build.A @ turn)


def test_a_matrix_that_changes_six_times_a_second_makes_no_click(host: Page) -> None:
    build = design(8)
    x = tone(2.5, 220.0)
    others = [turned(build, 0.1 * i) for i in range(1, 8)]
    changes = [(1.2 + 0.16 * i, {"networks": {"now": each}}) for i, each in enumerate(others)]
    heard = rendered(host, build, x, changes=changes)
    steady = [largest_step(alone(host, each, x)) for each in (build, *others)]
    assert largest_step(heard[FS:]) <= 1.05 * max(steady)
    # Where the tone is taken out, what is left is the change itself: 40 dB below the tone's own steps.
    left = np.convolve(heard[FS:].astype(np.float64), [1, -2 * np.cos(2 * np.pi * 220 / FS), 1], "valid")
    assert np.abs(left).max() < 0.01 * max(steady)


def test_another_number_of_lines_and_other_delays_are_faded_in(host: Page) -> None:
    x = tone(2.0, 220.0, 0.02)
    one, other = design(8), design(16, rng=7)
    heard = rendered(host, one, x, changes=[(1.0, {"networks": {"now": other}})])
    steady = [largest_step(alone(host, each, x)) for each in (one, other)]
    # Two networks that sound together while one is faded in: at most the square root of 2.
    assert largest_step(heard[FS // 2 :]) <= np.sqrt(2) * max(steady)


def test_before_now_room_and_dry_are_exchanged_without_a_click_or_a_gap(host: Page) -> None:
    x = tone(3.0, 220.0, 0.02)
    before, now = design(8, rng=1), design(8, rng=2)
    room = fdn.render(design(8, rng=3), 1.0)
    steps: list[dict[str, Any]] = [
        {"choice": "start"}, {"choice": "room"}, {"choice": "now"}, {"wet": 0.4}, {"choice": "start"}, {"wet": 1},
    ]  # fmt: skip
    changes = [(1.0 + 0.3 * i, step) for i, step in enumerate(steps)]
    heard = rendered(host, now, x, start=before, room=room, changes=changes)
    steady = [
        alone(host, now, x, start=before, room=room, choice=choice) for choice in ("start", "now", "room")
    ]
    assert largest_step(heard[FS:]) <= np.sqrt(2) * max(*map(largest_step, steady), largest_step(x))
    # No gap: in every 20 ms it is about as strong as the weakest of the three.
    windows = heard[FS:].astype(np.float64)[: len(heard[FS:]) // 960 * 960].reshape(-1, 960)
    strength = np.sqrt(np.square(windows).mean(axis=1))
    weakest = min(np.sqrt(np.square(each.astype(np.float64)).mean()) for each in steady)
    assert strength.min() > 0.3 * weakest


def test_no_sample_passes_the_ceiling_however_loud_the_network_is(host: Page) -> None:
    build = design(8)
    heard = rendered(host, replace(build, C=100 * build.C), noise(1.0))
    assert 0.5 < np.abs(heard).max() <= 10 ** (-3 / 20) + 1e-6


@pytest.mark.parametrize("source", ["impulse", "drums", "speech", "music", "noise"])
def test_each_sound_is_played_at_a_safe_level_without_an_offset(host: Page, source: str) -> None:
    build = design(8, rt=(2.0, 1.0))
    response = fdn.render(build, 2.4)
    x = listening.looped(source, FS)
    both = np.concatenate([np.zeros(round(LEAD * FS), np.float32), x, x])
    levels = host.evaluate(
        """async ([samples, energy, peak]) => {
          const {levelsFor} = await import(new URL("js/mixer.js", location.href).href)
          const bytes = Uint8Array.from(atob(samples), (each) => each.charCodeAt(0))
          return levelsFor(new Float32Array(bytes.buffer), {energy, peak})
        }""",
        [
            b64encode(x.astype(np.float32).tobytes()).decode(),
            float(np.square(response).sum()),
            float(np.abs(response).max()),
        ],
    )
    heard = rendered(host, build, both, sound_gain=levels["sound"], gain=levels["network"])
    loop = heard[-len(x) :].astype(np.float64)
    peak, rms = float(np.abs(heard).max()), float(np.sqrt(np.square(loop).mean()))
    assert peak <= 10 ** (-3 / 20) + 1e-6
    assert -30 < 20 * np.log10(rms) < -22 or peak > 0.5  # a click is as loud as its peak may be
    assert abs(loop.mean()) < 1e-3
    assert np.isfinite(heard).all()


# ---------------------------------------------------------------- on the page


def live(page: Page) -> Locator:
    return page.get_by_role("group", name="Live", exact=True)


def said(page: Page) -> Locator:
    return page.locator(".messages .said")


def opened(page: Page, server: Server, query: str = "n.lines=4") -> Locator:
    page.goto(f"{server.url}/fdn?{query}")
    expect(live(page).get_by_role("button", name="Play live")).to_be_visible(timeout=WAIT)
    return live(page)


#: Keeps what the page plays within reach of a test: contexts, and the level of what they play.
WATCH = """
window.contexts = []
const Made = window.AudioContext
window.AudioContext = class extends Made {
  constructor(options) {
    super(options)
    window.contexts.push(this)
  }
}
const connect = AudioNode.prototype.connect
AudioNode.prototype.connect = function (target, ...rest) {
  if (target === this.context.destination && this.context instanceof Made) {
    this.context.heard = new AnalyserNode(this.context, {fftSize: 8192})
    connect.call(this, this.context.heard)
  }
  return connect.call(this, target, ...rest)
}
"""
LEVEL = """() => {
  const context = window.contexts.at(-1)
  if (!context?.heard) return 0
  const samples = new Float32Array(8192)
  context.heard.getFloatTimeDomainData(samples)
  return Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / 8192)
}"""
CLOSED = "() => window.contexts.length > 0 && window.contexts.every((each) => each.state === 'closed')"


@pytest.fixture(scope="module")
def wires() -> list[WebSocketRoute]:
    """Return the list of the connections of the page of several tests."""
    return []


@pytest.fixture(scope="module")
def sent() -> list[str]:
    """Return the list of what that page has sent."""
    return []


@pytest.fixture(scope="module")
def played(server: Server, new_page: NewPage, wires: list[WebSocketRoute], sent: list[str]) -> Page:
    """Return a page that several tests use, one after the other."""
    page = new_page()
    page.add_init_script(WATCH)

    def connect(wire: WebSocketRoute) -> None:
        wires.append(wire)
        behind = wire.connect_to_server()

        def to_server(frame: str | bytes) -> None:
            sent.append(str(frame))
            behind.send(frame)

        wire.on_message(to_server)

    page.route_web_socket(re.compile("/ws"), connect)
    opened(page, server, "n.lines=4&t.steps=3000&t.patience=2000&h.source=noise")
    return page


def test_a_network_plays_while_it_is_trained_and_ends_when_told(played: Page) -> None:
    page = played
    part = live(page)
    part.get_by_role("button", name="Play live").click()
    expect(part.get_by_role("status")).to_contain_text("Playing, looped", timeout=WAIT)
    wait_until(page, f"() => ({LEVEL})() > 0.003")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator(".summary")).to_contain_text(
        "In training", timeout=4 * WAIT
    )  # a worker has to begin first
    expect(part.get_by_role("status")).to_contain_text("follows the training", timeout=WAIT)
    for name in ("Before", "Now"):
        part.get_by_role("button", name=name, exact=True).click()
        expect(part.get_by_role("button", name=name, exact=True)).to_have_attribute("aria-pressed", "true")
    part.get_by_label("Sound", exact=True).select_option("speech")
    page.wait_for_url("**/fdn?*h.source=speech*", timeout=WAIT)
    wait_until(page, f"() => ({LEVEL})() > 0.003")
    part.get_by_role("button", name="Stop live").click()
    wait_until(page, CLOSED)
    expect(part.get_by_role("button", name="Play live")).to_be_visible()
    for name in ("Stop", "Start again"):
        page.locator(".work").get_by_role("button", name=name, exact=True).click(timeout=WAIT)
    expect(page.locator(".summary")).to_contain_text("not trained yet", timeout=WAIT)


def test_an_own_sound_stays_in_the_browser_and_a_bad_one_is_named(
    played: Page, sent: list[str], tmp_path: Any
) -> None:
    page = played
    part = live(page)
    bad = tmp_path / "notes.wav"
    bad.write_bytes(b"no sound at all")
    part.locator("input[type=file]").set_input_files(bad)
    expect(said(page)).to_contain_text("notes.wav is no sound file", timeout=WAIT)
    good = tmp_path / "flute.wav"
    good.write_bytes(audio.wav_bytes((20000 * tone(1.0, 440.0, 1.0)).astype(np.int16), FS))
    part.locator("input[type=file]").set_input_files(good)
    expect(said(page)).to_contain_text("flute.wav is ready", timeout=WAIT)
    expect(part.get_by_label("Sound", exact=True)).to_have_value("own file")
    part.get_by_role("button", name="Play live").click()
    expect(part.get_by_role("status")).to_contain_text("Playing, looped", timeout=WAIT)
    wait_until(page, f"() => ({LEVEL})() > 0.01")
    part.get_by_role("button", name="Stop live").click()
    assert sent
    assert not any("flute" in frame or "upload" in frame for frame in sent)


def test_a_microphone_is_offered_only_where_the_server_allows_it(
    played: Page, chromium_path: str, tmp_path: Any
) -> None:
    page = played
    part = live(page)
    choice = part.get_by_label("Sound", exact=True)
    assert "Microphone" not in choice.inner_text()
    allowed = "() => document.featurePolicy.allowsFeature('microphone')"
    assert page.evaluate(allowed) is False
    listening_to = [*LAUNCH_ARGUMENTS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    # The fixture's playwright starts this one too: there can be only one in a thread.
    browser = page.context.browser
    assert browser is not None
    other = browser.browser_type.launch(executable_path=chromium_path, args=listening_to)
    try:
        with served(tmp_path / "log.txt", "--microphone", cold=True) as allowing:
            heard = other.new_page()
            heard.set_default_navigation_timeout(4 * WAIT)  # the server draws its first page
            heard.add_init_script(WATCH)
            part = opened(heard, allowing)
            assert heard.evaluate(allowed) is True
            part.get_by_role("button", name="Play live").click()
            expect(part.get_by_role("status")).to_contain_text("Playing", timeout=WAIT)
            part.get_by_label("Sound", exact=True).select_option("microphone")
            expect(said(heard)).to_contain_text("headphones", timeout=WAIT)
            wait_until(heard, f"() => ({LEVEL})() > 0.001")  # the device beeps
            part.get_by_role("button", name="Stop live").click()
            wait_until(heard, CLOSED)
    finally:
        other.close()


def test_it_is_played_by_keyboard_alone_and_fits_a_phone(played: Page) -> None:
    page = played
    at(page, 390, 844)
    part = live(page)
    button = part.get_by_role("button", name="Play live")
    button.focus()
    page.keyboard.press("Enter")
    expect(part.get_by_role("status")).to_contain_text("Playing", timeout=WAIT)
    page.keyboard.press("Tab")  # to Before
    page.keyboard.press("Space")
    expect(part.get_by_role("button", name="Before", exact=True)).to_have_attribute("aria-pressed", "true")
    mix = part.get_by_role("slider", name="Dry", exact=True)
    mix.focus()
    page.keyboard.press("Home")
    assert mix.get_attribute("aria-valuetext") == "0 % network or room"
    box = part.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    part.get_by_role("button", name="Stop live").click()
    wait_until(page, CLOSED)


def test_the_room_is_a_choice_only_where_there_is_one_and_another_rate_goes_on_playing(played: Page) -> None:
    page = played
    at(page, 1400, 900)
    part = live(led(page, "n.lines=4&t.goal=match_mel_spectrogram&t.target=bathroom&h.source=noise"))
    part.get_by_role("slider", name="Dry", exact=True).press("End")
    part.get_by_label("Sound", exact=True).select_option("noise")
    part.get_by_role("button", name="Play live").click()
    part.get_by_role("button", name="Room", exact=True).click()
    wait_until(page, f"() => ({LEVEL})() > 0.003")
    page.locator(".controls").get_by_label("Sampling rate", exact=True).select_option("16000")
    wait_until(page, "() => window.contexts.at(-1).sampleRate === 16000")
    wait_until(page, f"() => ({LEVEL})() > 0.003")
    page.locator(".controls").get_by_label("Goal", exact=True).select_option("power_variance")
    expect(part.get_by_role("button", name="Room", exact=True)).to_be_hidden(timeout=WAIT)
    expect(part.get_by_role("button", name="Now", exact=True)).to_have_attribute("aria-pressed", "true")
    part.get_by_role("button", name="Stop live").click()
    wait_until(page, CLOSED)


def test_a_lost_connection_ends_the_sound_and_says_so(played: Page, wires: list[WebSocketRoute]) -> None:
    page = played
    part = live(page)
    part.get_by_role("button", name="Play live").click()
    expect(part.get_by_role("status")).to_contain_text("Playing", timeout=WAIT)
    wires[-1].close(code=1011)
    expect(said(page)).to_contain_text("connection to the server is lost", timeout=WAIT)
    wait_until(page, CLOSED)
    # Once the page has found its session again, it can play again.
    expect(page.get_by_role("alert").filter(has_text="Trying again")).to_have_count(0, timeout=WAIT)
    part.get_by_role("button", name="Play live").click()
    expect(part.get_by_role("status")).to_contain_text("Playing", timeout=WAIT)
    part.get_by_role("button", name="Stop live").click()
    wait_until(page, CLOSED)


def test_a_browser_that_holds_sound_back_is_named(played: Page) -> None:
    page = played
    page.evaluate(
        """() => {
            window.Allowed = AudioContext
            window.AudioContext = class extends Allowed {
                get state() { return "suspended" }
                resume() { return new Promise(() => {}) }
            }
        }"""
    )
    part = live(page)
    part.get_by_role("button", name="Play live").click()
    expect(said(page)).to_contain_text("holds sound back", timeout=WAIT)
    expect(part.get_by_role("button", name="Play live")).to_be_visible()
    page.evaluate("() => { window.AudioContext = Allowed }")


def test_without_a_thread_for_sound_the_page_itself_plays_and_says_so(played: Page) -> None:
    page = played
    # The last test of this page, which stays so.
    page.evaluate(
        """() => {
            Object.defineProperty(BaseAudioContext.prototype, "audioWorklet", {value: undefined})
            Object.defineProperty(window, "isSecureContext", {value: false})
        }"""
    )
    part = live(page)
    part.get_by_role("button", name="Play live").click()
    expect(said(page)).to_contain_text("Without https", timeout=WAIT)
    wait_until(page, f"() => ({LEVEL})() > 0.003")
