"""What axe-core finds: nothing of any level, on every page and in every lesson, light and dark."""

import json

import pytest
from playwright.sync_api import Browser, expect

from app.site import LABS
from tests.browser.steps import WAIT, wait_until
from tests.js.npm import AXE
from tests.serving import Server

# A button that was just let go changes its colour for a moment: axe looks at what it comes to.
RUN = """async () => {
  const moving = document.getAnimations().filter((each) => each.effect.getComputedTiming().endTime < Infinity)
  await Promise.allSettled(moving.map((each) => each.finished))
  const {violations} = await axe.run(document, {resultTypes: ["violations"]})
  return violations.map(({id, impact, nodes}) =>
    `${impact} ${id}: ${nodes.slice(0, 2).map((node) => node.html.slice(0, 160)).join(" | ")}`)
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("slug", ["", *(lab.slug for lab in LABS)])
def test_axe_finds_nothing(server: Server, browser: Browser, slug: str, scheme: str) -> None:
    if AXE.missing:
        pytest.skip(AXE.missing)
    lessons = next((list(lab.model_class.lessons) for lab in LABS if lab.slug == slug), [])
    context = browser.new_context(
        viewport={"width": 1400, "height": 900}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    )
    try:
        page = context.new_page()
        page.goto(f"{server.url}/{slug}")
        if slug:
            expect(page.locator(".bk-Figure:visible").first).to_be_visible(timeout=3 * WAIT)
            expect(page.locator(".controls")).to_be_visible(timeout=WAIT)
        else:
            expect(page.get_by_role("heading", name="How do we know?")).to_be_visible(timeout=WAIT)
        page.wait_for_timeout(500)
        page.evaluate(AXE.file("axe.min.js").read_text(encoding="utf-8"))
        found = {"": page.evaluate(RUN)}
        choice = page.locator(".controls select").first
        for lesson in [each for each in lessons if each != choice.input_value()]:
            choice.select_option(lesson)
            wait_until(page, "slug => new URLSearchParams(location.search).get('lesson') === slug", lesson)
            expect(page.locator(".figures.computing")).to_have_count(0, timeout=WAIT)  # figures are dimmed
            found[lesson] = page.evaluate(RUN)
        found = {where: violations for where, violations in found.items() if violations}
        assert not found, json.dumps(found, indent=1, ensure_ascii=False)
    finally:
        context.close()
