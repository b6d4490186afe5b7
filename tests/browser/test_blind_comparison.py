"""The blind comparison of the tutorials, as a notebook or the documentation shows it."""

import re

import numpy as np
from playwright.sync_api import Page, expect

from amtlib.teaching import BlindComparison, chance

TONE = np.sin(2 * np.pi * 500 * np.arange(2000) / 8000)
NOISE = np.random.default_rng(0).standard_normal(2000)


def test_every_answer_is_judged_against_the_x_that_was_played(page: Page) -> None:
    page.set_content(BlindComparison({"tone": TONE, "noise": NOISE}, 8000)._repr_html_())
    words, right, drawn = page.get_by_role("status"), 0, set()
    for trial in range(1, 61):
        a, x = (page.get_by_label(name, exact=True).get_attribute("src") for name in "AX")
        drawn.add(x)
        right += x == a
        page.get_by_role("button", name="X is A").click()
        expect(words).to_contain_text(f"{'Right' if x == a else 'Wrong'}: {right} of {trial}.")
        share = re.search(r"(\d+) %", words.inner_text())
        assert share
        assert abs(int(share[1]) - 100 * chance(right, trial)) <= 0.51
        if trial >= 12 and len(drawn) == 2:
            break
    assert len(drawn) == 2


def test_with_a_reference_a_choice_is_counted_for_the_sound_and_not_for_its_letter(page: Page) -> None:
    page.set_content(BlindComparison({"tone": TONE, "noise": NOISE}, 8000, reference=TONE)._repr_html_())
    words, kept = page.get_by_role("status"), page.get_by_label("A", exact=True).get_attribute("src")
    for trial in range(1, 5):
        same = page.get_by_label("A", exact=True).get_attribute("src") == kept
        page.get_by_role("button", name=f"{'A' if same else 'B'} is more like X").click()
        expect(words).to_contain_text(re.compile(rf": {trial}\b"))
    assert re.search(r"(tone: 4, noise: 0|tone: 0, noise: 4)\. .* 13 %", words.inner_text())


def test_it_plays(page: Page) -> None:
    page.set_content(BlindComparison({"tone": TONE, "noise": NOISE}, 8000)._repr_html_())
    for name in "ABX":
        player = page.get_by_label(name, exact=True)
        player.evaluate("each => each.play()")
        page.wait_for_function("each => each.currentTime > 0.05", arg=player.element_handle())
