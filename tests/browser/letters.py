"""Where every letter of the figures is: what was painted on their canvases, as the page's own canvas was told."""

from typing import Any

from playwright.sync_api import Page

#: Notes each text that is painted, with its box in px of its canvas and the size of its letters.
NOTE_TEXTS = """
(() => {
  const noted = new WeakMap(), exported = []
  window.notedTexts = {noted, exported, painted: 0}
  const prototype = CanvasRenderingContext2D.prototype, {fillText, clearRect} = prototype
  prototype.clearRect = function (x, y, width, height) {
    const {a, d} = this.getTransform()
    if (Math.abs(width * a) >= 0.9 * this.canvas.width && Math.abs(height * d) >= 0.9 * this.canvas.height)
      noted.delete(this.canvas)
    return clearRect.call(this, x, y, width, height)
  }
  prototype.fillText = function (text, x, y, ...rest) {
    window.notedTexts.painted += 1
    const size = this.measureText(text), at = this.getTransform(), {canvas} = this
    const points = [x - size.actualBoundingBoxLeft, x + size.actualBoundingBoxRight].flatMap((px) =>
      [y - size.actualBoundingBoxAscent, y + size.actualBoundingBoxDescent]
        .map((py) => new DOMPoint(px, py).matrixTransform(at)))
    const xs = points.map((point) => point.x), ys = points.map((point) => point.y)
    const letters = Math.hypot(at.a, at.b) * parseFloat(/([\\d.]+)px/.exec(this.font)?.[1] ?? 0)
    if (text.trim() && letters > 0 && this.globalAlpha > 0) {
      if (!noted.has(canvas)) {
        noted.set(canvas, [])
        if (!canvas.isConnected) exported.push(canvas)
      }
      noted.get(canvas).push({text, left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys),
        bottom: Math.max(...ys), letters})
    }
    return fillText.call(this, text, x, y, ...rest)
  }
})()
"""

#: Returns a sentence on each text of the visible figures that is cut, runs into another one, or leaves its figure.
_CUT = """() => {
  const {noted} = window.notedTexts, found = []
  const figures = []
  const visit = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.matches(".bk-Figure") && node.getBoundingClientRect().width > 0) figures.push(node)
      if (node.shadowRoot) visit(node.shadowRoot)
    }
  }
  visit(document)
  for (const figure of figures) {
    const name = figure.parentElement?.dataset.name ?? figure.getRootNode().host?.dataset?.name ?? "?"
    const outer = figure.getBoundingClientRect(), boxes = []
    const look = (root) => {
      for (const node of root.querySelectorAll("*")) {
        if (node.tagName === "CANVAS" && noted.has(node) && !node.closest(".bk-glyph")) {
          const own = node.getBoundingClientRect()
          if (own.width === 0) continue
          const scale = own.width / node.width
          for (const {text, left, right, top, bottom} of noted.get(node))
            boxes.push({text, left: own.left + left * scale, right: own.left + right * scale,
              top: own.top + top * scale, bottom: own.top + bottom * scale})
        }
        if (node.matches(".bk-Legend")) {
          const box = node.getBoundingClientRect()
          if (box.width > 0) boxes.push({text: `legend “${node.shadowRoot?.textContent ?? ""}”`, legend: true,
            left: box.left, right: box.right, top: box.top, bottom: box.bottom})
        }
        if (node.shadowRoot) look(node.shadowRoot)
      }
    }
    look(figure.shadowRoot)
    const slack = 1.5
    for (const box of boxes) {
      const over = Math.max(outer.left - box.left, box.right - outer.right, outer.top - box.top,
        box.bottom - outer.bottom)
      if (over > slack) found.push(`${name}: “${box.text}” leaves the figure by ${over.toFixed(1)} px`)
    }
    const texts = boxes.filter(({legend}) => !legend), px = Math.max(1, innerWidth / 1920)
    texts.forEach((one, i) => texts.slice(i + 1).forEach((two) => {
      const across = Math.min(one.right, two.right) - Math.max(one.left, two.left)
      const down = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top)
      if (Math.min(across, down) > 2 * px) found.push(
        `${name}: “${one.text}” runs into “${two.text}” by ${across.toFixed(0)} x ${down.toFixed(0)} px`)
    }))
    if (!boxes.length) found.push(`${name}: no text at all`)
  }
  if (!figures.length) found.push("no figure at all")
  return found
}"""

#: Returns a sentence on each text of the page around the figures that is cut or sticks out.
_STICKS_OUT = """() => {
  const found = []
  const visit = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) visit(node.shadowRoot)
      if (!node.matches("button, h1, h2, p, label, summary, select, .group, .message, .lesson-card, .playing")) continue
      if (node.closest(".spoken, .bk-Figure, pre, table")) continue
      const box = node.getBoundingClientRect()
      if (!box.width || !box.height || getComputedStyle(node).visibility === "hidden") continue
      if (node.closest(".controls") && box.right <= 0) continue
      if (box.right > innerWidth + 1 || (box.left < -1 && box.right > 1))
        found.push(`${node.tagName} “${node.textContent.slice(0, 60)}” sticks out`)
      if (node.matches(".summary, .player ~ .playing") && node.scrollHeight > node.clientHeight + 1)
        found.push(`cut: “${node.textContent}”`)
    }
  }
  visit(document)
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page can be scrolled sideways")
  return found
}"""

#: Returns the texts that were painted for files and are cut there, and how many texts there were.
_CUT_IN_FILES = """() => {
  const {noted, exported} = window.notedTexts, found = []
  let count = 0
  for (const canvas of exported.splice(0)) for (const {text, left, right, top, bottom} of noted.get(canvas) ?? []) {
    count += 1
    const over = Math.max(-left, right - canvas.width, -top, bottom - canvas.height)
    if (over > 3) found.push(`“${text}” leaves its file by ${over.toFixed(1)} px`)
  }
  return [found, count]
}"""

#: Returns the smallest letters that are painted in visible figures, px.
_SMALLEST = """() => {
  const {noted} = window.notedTexts
  let smallest = Infinity
  const visit = (root) => {
    for (const node of root.querySelectorAll("*")) {
      const {width} = node.getBoundingClientRect()
      if (node.tagName === "CANVAS" && noted.has(node) && width > 0)
        for (const {letters} of noted.get(node)) smallest = Math.min(smallest, letters * width / node.width)
      if (node.shadowRoot) visit(node.shadowRoot)
    }
  }
  visit(document)
  return smallest
}"""


def cut(page: Page) -> list[str]:
    """Return a sentence on each text that is cut, runs into another one, or sticks out of the page."""
    return [*page.evaluate(_CUT), *page.evaluate(_STICKS_OUT)]


def cut_in_files(page: Page) -> tuple[list[str], int]:
    """Return what is cut in the files that were made, and how many texts they hold."""
    found, count = page.evaluate(_CUT_IN_FILES)
    return found, count


def smallest(page: Page) -> float:
    """Return the size of the smallest letters in the figures, px."""
    return float(page.evaluate(_SMALLEST))


#: Returns the boxes of the visible figures by name, on the screen or, scrolled or not, on the page.
_BOXES = """(onPage) => {
  const found = {}
  let above = 0
  const visit = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (onPage && node.matches(".view")) above = node.getBoundingClientRect().top
      if (node.matches("[data-name]")) {
        const {left, top, width, height} = node.getBoundingClientRect()
        if (node.querySelector(".bk-Figure")?.getBoundingClientRect().width > 0)
          found[node.dataset.name] = [left, top - above, width, height]
      }
      if (node.shadowRoot) visit(node.shadowRoot)
    }
  }
  visit(document)
  return found
}"""


def boxes(page: Page) -> dict[str, list[float]]:
    """Return left, top, width and height of each visible figure on the screen, px."""
    found: dict[str, list[float]] = page.evaluate(_BOXES, False)
    return found


def places(page: Page) -> dict[str, list[float]]:
    """Return left, top, width and height of each visible figure on the page, wherever that is scrolled to, px."""
    found: dict[str, list[float]] = page.evaluate(_BOXES, True)
    return found


def moved(before: dict[str, list[float]], after: dict[str, list[float]]) -> dict[str, list[float]]:
    """Return the figures whose box has moved or changed by more than 1 px, and how."""
    assert before.keys() == after.keys()
    differences = {
        name: [b - a for a, b in zip(box, after[name], strict=True)] for name, box in before.items()
    }
    return {name: each for name, each in differences.items() if max(map(abs, each)) > 1}


#: Returns, two frames later, how many texts have been painted and how many movements of the page go on.
_UNDER_WAY = """async () => {
  for (let frames = 0; frames < 2; frames += 1) await new Promise(requestAnimationFrame)
  const moves = ({playState, effect}) => playState === "running" && effect.getComputedTiming().endTime < Infinity
  return [window.notedTexts?.painted ?? 0, document.getAnimations().filter(moves).length]
}"""


def settled(page: Page, pause_ms: int = 100) -> dict[str, Any]:
    """
    Wait until the figures keep their places on the page, and return these.

    Nothing may be moved or painted during two pauses and the frames between them: the page itself leaves its figures
    alone for up to 150 ms before it paints them anew. What the server still has to answer needs a longer pause.
    """
    seen: list[tuple[Any, dict[str, Any]]] = []
    for _ in range(100):
        seen.append((page.evaluate(_UNDER_WAY), places(page)))
        (_, moving), after = seen[-1]
        if after and not moving and seen[-3:] == 3 * [seen[-1]]:
            return after
        page.wait_for_timeout(pause_ms)
    raise AssertionError(f"The figures do not come to rest: {seen[-3:]}")


def at(page: Page, width: int, height: int) -> None:
    """Give a page another size, and wait until it is drawn."""
    page.set_viewport_size({"width": width, "height": height})
    for _ in range(100):
        if page.evaluate("[innerWidth, innerHeight]") == [width, height]:
            break
        page.wait_for_timeout(50)
    else:
        raise AssertionError(f"The window does not become {width} x {height}")
    settled(page)
