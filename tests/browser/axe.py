"""What axe-core finds on a page."""

import pytest
from playwright.sync_api import Page

from tests.js.npm import AXE

# A button that was just let go changes its colour for a moment: axe looks at what it comes to.
_RUN = """async (part) => {
  const moving = document.getAnimations().filter((each) => each.effect.getComputedTiming().endTime < Infinity)
  await Promise.allSettled(moving.map((each) => each.finished))
  // Without a selector for each of five thousand nodes, and without its own copies of the styles, which no rule needs
  // that is on: half the time.
  const {violations} = await axe.run(part ?? document, {resultTypes: ["violations"], selectors: false, preload: false})
  return violations.map(({id, impact, nodes}) =>
    `${impact} ${id}: ${nodes.slice(0, 2).map((node) => node.html.slice(0, 160)).join(" | ")}`)
}"""


def violations(page: Page, part: str = "") -> list[str]:
    """Return a sentence on each rule that the page, or a part of it, breaks; without axe-core the test is skipped."""
    if AXE.missing:
        pytest.skip(AXE.missing)
    if not page.evaluate("'axe' in window"):
        # As a debugger does it, which no page can forbid.
        source = AXE.file("axe.min.js").read_text(encoding="utf-8")
        page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": source})
    found: list[str] = page.evaluate(_RUN, page.locator(part).element_handle() if part else None)
    return found
