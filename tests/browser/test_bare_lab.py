"""A lab that only shows figures, without a grid, sounds and exports of its own: one column, and no gap below it."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.app.test_site import TOY
from tests.browser.steps import WAIT
from tests.serving import ROOT, served


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the checkout with a bare lab, and no other."""
    for folder in ("amtlib", "app"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for lab in (tmp_path / "app" / "labs").glob("*/"):
        shutil.rmtree(lab)
    bare = tmp_path / "app" / "labs" / "toy"
    bare.mkdir()
    (bare / "__init__.py").write_text("")
    (bare / "view.py").write_text(TOY)
    return tmp_path


def test_a_bare_lab_is_one_column_without_a_gap_below(
    browser: Browser, checkout: Path, problems: list[str]
) -> None:
    paths = {"PYTHONPATH": str(checkout)}
    with served(checkout / "log.txt", root=checkout, environment=paths, cold=True) as server:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_navigation_timeout(4 * WAIT)  # the server draws its first page
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{server.url}/toy")
        expect(page.locator(".bk-Figure")).to_have_count(1, timeout=WAIT)
        expect(page.locator(".summary")).to_contain_text("Slope 1")
        expect(page.locator(".corner")).to_be_hidden()
        figure, grid = (page.locator(each).bounding_box() for each in ("[data-name=line]", ".figures"))
        assert figure["width"] == pytest.approx(grid["width"], abs=1)
        assert grid["height"] - figure["height"] < 12
        tools = page.locator(".tools-place").bounding_box()
        assert tools["y"] - (figure["y"] + figure["height"]) < 24
        page.close()
