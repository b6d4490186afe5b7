"""Measure what a lab costs: opening, and every move of a slider, in real Chromium against `amtlab serve`.

Run: python benchmarks/labs.py [--moves 60] [--url URL]. Prints, beside its target: time from slider to painted
picture (p50, p95), server CPU a move, bytes a move, server CPU to open the page after the first, and memory a
session. Without --url it serves the checkout itself, on a free port, with one process.
"""

import argparse
import json
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]

# Sets a slider as a hand does and waits for the picture that answers it: drawn, and handed to the screen.
MOVE = """([label, share]) => new Promise((resolve, reject) => {
  const find = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.matches?.('input[type="range"]') && node.labels?.[0]?.textContent === label) return node
      const inside = node.shadowRoot && find(node.shadowRoot)
      if (inside) return inside
    }
    return null
  }
  const slider = window.amtlabSlider?.[label] ?? find(document)
  if (!slider) { reject(new Error(`no slider ${label}`)); return }
  window.amtlabSlider = {...window.amtlabSlider, [label]: slider}
  const low = Number(slider.min), high = Number(slider.max)
  slider.value = String(low + share * (high - low))
  const start = performance.now()
  const done = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start), 0))
  window.addEventListener("amtlab-drawn", done, {once: true})
  setTimeout(() => reject(new Error("no picture within 10 s")), 10000)
  slider.dispatchEvent(new Event("input", {bubbles: true}))
})"""

LABS = {
    "filterbank": {
        # 1 s of sound and 40 channels, as it opens; each slider between two shares of its length.
        "moves": {
            "Level": (0.4, 0.7),
            "Bandwidth": (0.1, 0.35),
            "Lowest channel": (0.2, 0.5),
            "Look at channel near": (0.3, 0.8),
        },
        "latency_ms": 150.0,
        "cpu_ms": 30.0,
        "open_s": 0.2,
        "bytes": 300_000,
    },
    "cochlea": {
        "moves": {
            "Place under test": (0.3, 0.7),
            "Level of the tone": (0.3, 0.7),
            "a: gain of the low-level part": (0.3, 0.8),
        },
        "latency_ms": 200.0,
        "cpu_ms": 30.0,
        "open_s": 0.2,
        "bytes": 300_000,
    },
    "perception": {
        # 0.5 s and 30 channels, as it opens.
        "moves": {
            "Level": (0.4, 0.7),
            "Hair cells: cut-off": (0.4, 0.8),
            "Time constants, all": (0.3, 0.7),
            "Modulation filters: Q": (0.2, 0.7),
            "Moment": (0.05, 0.2),
        },
        "latency_ms": 200.0,
        "cpu_ms": 60.0,
        "open_s": 0.2,
        "bytes": 300_000,
    },
    "loudness": {
        # A tone of 0.5 s, as it opens.
        "moves": {
            "Level": (0.4, 0.7),
            "Frequency": (0.3, 0.7),
            "Moment": (0.2, 0.6),
            "Levelling of the lower skirt": (0.3, 0.8),
        },
        "latency_ms": 200.0,
        "cpu_ms": 30.0,
        "open_s": 0.2,
        "bytes": 300_000,
    },
}


@contextmanager
def served(url: str | None):
    if url:
        yield url
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "amtlib.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://localhost:{port}/health", timeout=1).read()
                break
            except OSError:
                time.sleep(0.25)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(20)


def health(url: str) -> dict:
    return json.load(urllib.request.urlopen(f"{url}/health", timeout=10))


def cpu(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return spent.user + spent.system


def open_page(browser: Browser | BrowserContext, address: str) -> Page:
    page = browser.new_page()
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(address)
    # Six figures on the page, and the server idle again.
    page.locator(".bk-Canvas").nth(5).wait_for(state="attached", timeout=60_000)
    page.wait_for_timeout(1500)
    return page


def row(what: str, value: float, unit: str, target: float) -> None:
    verdict = "ok" if value <= target else "OVER"
    print(f"  {what:44} {value:9.1f} {unit:3}  target {target:8.1f}  {value / target:5.2f} of it  {verdict}")


def measure(browser: Browser, url: str, slug: str, moves: int) -> None:
    plan = LABS[slug]
    process = psutil.Process(health(url)["pid"])
    print(f"/{slug}: {moves} moves of each slider")
    open_page(browser, f"{url}/{slug}").close()
    # A browser that has the site's scripts, and one that fetches them all (6 MB) as well.
    again = browser.new_context()
    open_page(again, f"{url}/{slug}").close()
    memory = []
    for visitor, name in ((again, "that was here before"), (browser, "new here")):
        costs = []
        for _ in range(5):
            before, rss = cpu(process), process.memory_info().rss
            page = open_page(visitor, f"{url}/{slug}")
            costs.append(cpu(process) - before)
            memory.append((process.memory_info().rss - rss) / 1e6)
            page.close()
        row(f"open, browser {name}, server CPU", statistics.median(costs) * 1000, "ms", plan["open_s"] * 1000)
    row("memory a session, median", statistics.median(memory), "MB", 2.0)
    page = open_page(browser, f"{url}/{slug}")
    received = [0, 0]

    def count(frame: bytes | str) -> None:
        received[0] += len(frame)
        received[1] += 1

    page.on("websocket", lambda ws: ws.on("framereceived", count))
    page.reload()
    page.wait_for_timeout(4000)
    every: list[float] = []
    for label, (low, high) in plan["moves"].items():
        for share in (low, high):
            page.evaluate(MOVE, [label, share])
        received[:] = [0, 0]
        before = cpu(process)
        times = [
            page.evaluate(MOVE, [label, low + (high - low) * ((7 * i) % moves) / moves]) for i in range(moves)
        ]
        spent = (cpu(process) - before) / moves * 1000
        every += times
        ordered = sorted(times)
        print(f" {label}")
        row("slider to picture, p50", statistics.median(times), "ms", plan["latency_ms"])
        row("slider to picture, p95", ordered[int(0.95 * len(ordered))], "ms", 2 * plan["latency_ms"])
        row("server CPU a move", spent, "ms", plan["cpu_ms"])
        row("sent a move", received[0] / moves / 1000, "kB", plan["bytes"] / 1000)
    row("slider to picture, all sliders, p50", statistics.median(every), "ms", plan["latency_ms"])
    page.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--moves", type=int, default=60)
    parser.add_argument("--url")
    parser.add_argument("--labs", nargs="*", choices=sorted(LABS), default=sorted(LABS))
    arguments = parser.parse_args()
    chromium = next(
        (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
    )
    if chromium is None:
        print("Chromium is not installed: nothing measured.")
        return 1
    with served(arguments.url) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        for slug in arguments.labs:
            measure(browser, url, slug, arguments.moves)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
