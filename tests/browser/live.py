"""The live sound of a page, rendered offline by Chromium: what would be heard, as arrays."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, Route

from amtlib.fdn import FDNBuild
from app.page.live import network

JS = Path(__file__).resolve().parents[2] / "app" / "page" / "js"
#: How much later than the sound itself what is heard comes, s: the ceiling looks ahead.
LATER_S = 0.0015

_RENDER = """async (job) => {
  const {openGraph} = await import(new URL("js/graph.js", location.href).href)
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer
  const network = (columns) => Object.fromEntries(Object.entries(columns).map(
    ([name, text]) => [name, new (name === "delays" ? Int32Array : Float64Array)(bytes(text))]))
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
  const began = performance.now()
  const buffer = await context.startRendering()
  const took = performance.now() - began
  const heard = new Uint8Array(buffer.getChannelData(0).buffer)
  let text = ""
  for (let from = 0; from < heard.length; from += 32768)
    text += String.fromCharCode(...heard.subarray(from, from + 32768))
  return {took, heard: btoa(text)}
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
    sound_gain: float = 1.0,
    changes: Sequence[tuple[float, Mapping[str, Any]]] = (),
    **settings: Any,
) -> tuple[NDArray[np.float32], float]:
    """Return what is heard of a sound through a network (and another one before it, and a room), and how long it took.

    Parameters
    ----------
    page : Page
        At the server's address; `modules_of` lets it have the modules.
    build, start : FDNBuild
        The networks now and before.
    sound, room : ndarray, shape ``(T,)``
        What is played, as long as what is returned, and the response of the room.
    sound_gain : float
        At which it is played.
    changes : sequence
        When, in s, the desk is told what.
    **settings
        Of the desk, from the first sample on.

    Returns
    -------
    ndarray of float32, shape ``(T,)``, and the time that rendering took, s.
    """
    both = {"now": build, "start": build if start is None else start}
    job = {
        "fs": build.fs,
        "frames": len(sound),
        "sound": _text(sound.astype(np.float32)),
        "room": _text((np.zeros(0) if room is None else room).astype(np.float32)),
        "gain": sound_gain,
        "settings": _settings(
            {"networks": both, "choice": "now", "wet": 1, "gain": 1, "open": True, **settings}
        ),
        "changes": [[at, _settings(each)] for at, each in changes],
    }
    found = page.evaluate(_RENDER, job)
    return np.frombuffer(base64.b64decode(found["heard"]), np.float32), found["took"] / 1000
