"""How often figures are laid out and painted: once for all that changes, whatever the machine's speed."""

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.letters import at, boxes, settled
from tests.browser.steps import WAIT, visited
from tests.serving import Server

#: Counts from now on how often BokehJS writes the sizes of each figure, lays it out and paints it.
COUNT = """() => {
  const {PlotView} = Bokeh.require("models/plots/plot_canvas"), counts = window.countedRounds = {}
  const named = {update_layout: "written", after_layout: "laid out", _paint_primary: "painted"}
  for (const [name, what] of Object.entries(named)) {
    const original = PlotView.prototype[name]
    PlotView.prototype[name] = function (...rest) {
      const own = (counts[this.model.name] ??= {})
      own[what] = (own[what] ?? 0) + 1
      return original.apply(this, rest)
    }
  }
}"""


def counted(page: Page) -> dict[str, dict[str, Any]]:
    """Return what was counted of each figure since the last call."""
    found: dict[str, dict[str, Any]] = page.evaluate(
        "() => { const found = structuredClone(countedRounds);"
        " for (const name in countedRounds) delete countedRounds[name]; return found }"
    )
    return found


def test_figures_are_laid_out_and_painted_once_or_twice_for_a_change_and_hidden_ones_never(
    server: Server, page: Page
) -> None:
    visited(page, server, "fdn")
    page.evaluate(COUNT)
    shown = boxes(page).keys()

    at(page, 1920, 1080)
    wider = counted(page)
    assert wider.keys() == shown
    # Without `layOutTogether` each is painted three times, and while the letters grow laid out twenty times.
    assert max(each["laid out"] for each in wider.values()) <= 2, wider
    assert max(each["painted"] for each in wider.values()) <= 2, wider

    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Leave the presentation")).to_be_visible(timeout=WAIT)
    settled(page)
    counted(page)
    at(page, 3840, 2160)
    larger = counted(page)
    assert larger.keys() == shown
    assert max(each["written"] for each in larger.values()) <= 4, larger
    assert max(each["laid out"] for each in larger.values()) <= 5, larger
    assert max(each["painted"] for each in larger.values()) <= 4, larger
