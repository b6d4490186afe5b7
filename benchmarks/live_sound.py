"""Measure the sound that a network makes live in a page: what it costs, and how near it is to the library's.

Run: python benchmarks/live_sound.py [--seconds 20]. Chromium renders the worklet of the pages offline, with the network
before and the network now at once, as a page plays them, and the room. Prints a row for each network: the share of a
core that rendering took, with a matrix that rests and with one that changes six times a second, and the level of what
differs from `amtlib.fdn.process_fdn`, re the sound. Targets: 10 % for 16 lines at 48 kHz, -90 dB.
"""

import argparse
import base64
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from playwright.sync_api import Page, Route, sync_playwright

from amtlib import fdn
from amtlib.fdn import FDNBuild
from app.page import script
from app.page.live import network

JS = Path(script.__file__).parent / "js"
#: How much later than the sound itself what is heard comes, s: the ceiling looks ahead.
LATER_S = 0.0015
NETWORKS = {
    "4 lines, one decay": {"N": 4, "rt": 1.0},
    "8 lines": {"N": 8},
    "8 lines, Householder": {"N": 8, "feedback": "householder"},
    "16 lines": {"N": 16},
    "16 lines, Hadamard, one decay": {"N": 16, "feedback": "hadamard", "rt": 2.0},
}


_RENDER = """async (job) => {
  const {openGraph} = await import(new URL("js/graph.js", location.href).href)
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer
  const network = (columns) => Object.fromEntries(Object.entries(columns).map(
    ([name, text]) => [name, new (["delays", "pre_delay"].includes(name) ? Int32Array : Float64Array)(bytes(text))]))
  const read = ({networks, ...settings}) => networks
    ? {...settings, networks: Object.fromEntries(Object.entries(networks).map(([key, each]) => [key, network(each)]))}
    : settings
  const context = new OfflineAudioContext(1, job.frames, job.fs)
  const graph = await openGraph(context, "worklet.js", read(job.settings))
  graph.setRoom(new Float32Array(bytes(job.room)))
  graph.play(new Float32Array(bytes(job.sound)))
  graph.setGain(job.gain)
  for (const [at, settings] of job.changes)
    context.suspend(at).then(async () => {
      graph.set(read(settings))
      await new Promise((resolve) => setTimeout(resolve, 20))  // until the thread for sound has it
      await context.resume()
    })
  const buffer = await context.startRendering()
  const heard = new Uint8Array(buffer.getChannelData(0).buffer)
  let text = ""
  for (let from = 0; from < heard.length; from += 32768)
    text += String.fromCharCode(...heard.subarray(from, from + 32768))
  return btoa(text)
}"""


def _text(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    networks = {
        name: {column: _text(array) for column, array in network(build).items()}
        for name, build in settings.get("networks", {}).items()
    }
    return {**settings, **({"networks": networks} if networks else {})}


@contextmanager
def modules_of(page: Page) -> Iterator[None]:
    """Let a page of the server import the modules of its script one by one."""

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        route.fulfill(path=JS / name, content_type="text/javascript")

    page.route("**/js/*.js", answer)
    try:
        yield
    finally:
        page.unroute("**/js/*.js")


def rendered(
    page: Page,
    build: FDNBuild,
    sound: NDArray[Any],
    *,
    start: FDNBuild | None = None,
    room: NDArray[Any] | None = None,
    frames: int | None = None,
    sound_gain: float = 1.0,
    changes: Sequence[tuple[float, Mapping[str, Any]]] = (),
    **settings: Any,
) -> NDArray[np.float32]:
    """Return what is heard of a sound through a network (and another one before it, and a room).

    Parameters
    ----------
    page : Page
        At the server's address; `modules_of` lets it have the modules.
    build, start : FDNBuild
        The networks now and before.
    sound, room : ndarray, shape ``(T,)``
        What is played, again and again, and the response of the room.
    frames : int, optional
        How much is rendered; as much as there is of the sound where none is given.
    sound_gain : float
        At which it is played.
    changes : sequence
        Settings of the mixer, by the time at which they are sent, in s.
    **settings
        Of the mixer, from the first sample on.

    Returns
    -------
    ndarray of float32, shape ``(T,)``
    """
    both = {"now": build, "start": build if start is None else start}
    job = {
        "fs": build.fs,
        "frames": len(sound) if frames is None else frames,
        "sound": _text(sound.astype(np.float32)),
        "room": _text((np.zeros(0) if room is None else room).astype(np.float32)),
        "gain": sound_gain,
        "settings": _settings(
            {"networks": both, "choice": "now", "wet": 1, "gain": 1, "open": True, **settings}
        ),
        "changes": [[at, _settings(each)] for at, each in changes],
    }
    return np.frombuffer(base64.b64decode(page.evaluate(_RENDER, job)), np.float32)


def difference_db(page: Page, build: FDNBuild) -> float:
    """Return the level of what the page plays and the library does not compute, dB re the sound."""
    fs = int(build.fs)
    x = np.concatenate([np.zeros(fs // 4), 0.05 * np.random.default_rng(1).standard_normal(2 * fs)])
    x = x.astype(np.float32)
    heard = rendered(page, build, x)
    wanted = fdn.process_fdn(x.astype(np.float64), build)
    late = round(LATER_S * fs)
    error = heard[late:] - wanted[:-late]
    return float(10 * np.log10(np.square(error).sum() / np.square(wanted).sum()))


def core_share(page: Page, build: FDNBuild, seconds: float, *, changing: bool) -> float:
    """Return the share of a core that the sound takes: CPU time to render over its length."""
    x = 0.02 * np.random.default_rng(2).standard_normal(round(build.fs))
    room = fdn.render(build, 1.0)
    turn = np.roll(np.eye(build.N), 1, axis=0)
    others = [replace(build, A=build.A @ turn), build]
    changes = [
        (0.16 * i, {"networks": {"now": others[i % 2]}})
        for i in range(1, int(seconds / 0.16) if changing else 0)
    ]
    took = []
    for length in (
        1.0,
        1.0,
        1.0 + seconds,
    ):  # the first one warms up; what beginning and ending take is no part of it
        before = _cpu_s()
        within = [change for change in changes if change[0] < length]
        rendered(page, build, x, room=room, frames=round(length * build.fs), changes=within)
        took.append(_cpu_s() - before)
    return (took[2] - took[1]) / seconds


def _cpu_s() -> float:
    """Return the CPU time that the browser has taken so far, s."""
    times = [each.cpu_times() for each in psutil.Process().children(recursive=True)]
    return float(sum(each.user + each.system for each in times))


class _Answer(BaseHTTPRequestHandler):
    """An empty page, and the script for its thread for sound."""

    def do_GET(self) -> None:
        is_script = self.path == "/worklet.js"
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if is_script else "text/html")
        self.end_headers()
        self.wfile.write(script.WORKLET.encode() if is_script else b"")

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def _host() -> Iterator[str]:
    """Yield the address of an empty page on this machine."""
    with ThreadingHTTPServer(("localhost", 0), _Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the sound that is timed")
    seconds = parser.parse_args().seconds
    with _host() as address, sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(address)
        print(f"{'network, 48 kHz':32}{'core, at rest':>14}{'training':>10}{'difference':>12}")
        with modules_of(page):
            for name, settings in NETWORKS.items():
                build = fdn.design_fdn(**{"rt": (2.0, 1.0), "rng": 1, **settings})
                rest, moving = (core_share(page, build, seconds, changing=each) for each in (False, True))
                print(f"{name:32}{rest:>13.1%} {moving:>9.1%} {difference_db(page, build):>8.0f} dB")
        browser.close()


if __name__ == "__main__":
    main()
