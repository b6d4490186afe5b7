"""Sounds that are compared blind: at one gain, of one length, and a score that is held against guessing."""

import html
import io
import json
import re

import numpy as np
import pytest
import soundfile
import torch

from amtlib.teaching import BlindComparison, chance

TONE = np.sin(2 * np.pi * 500 * np.arange(4000) / 8000)


def told(comparison: BlindComparison) -> dict[str, object]:
    found = re.search(r'data-comparison="([^"]*)"', comparison._repr_html_())
    assert found
    read: dict[str, object] = json.loads(html.unescape(found[1]))
    return read


def test_levels_differ_as_they_should_and_short_sounds_end_in_silence() -> None:
    comparison = BlindComparison({"loud": TONE, "soft": 0.1 * TONE[:2000]}, 8000)
    loud, soft = (soundfile.read(io.BytesIO(each))[0] for each in comparison.wav())
    assert len(loud) == len(soft) == 4000
    ratio = np.square(loud[500:1500]).sum() / np.square(soft[500:1500]).sum()
    assert 10 * np.log10(ratio) == pytest.approx(20, abs=0.1)
    assert not soft[2000:].any()


def test_the_page_gets_the_names_and_a_sound_for_each() -> None:
    with_reference = told(BlindComparison({'<"A">': TONE, "B": -TONE}, 8000, reference=TONE))
    assert with_reference["names"] == ['<"A">', "B"]
    assert with_reference["reference"] is True
    sources = with_reference["sources"]
    assert isinstance(sources, list)
    assert [each[:22] for each in sources] == ["data:audio/wav;base64,"] * 3
    assert len(told(BlindComparison({"A": TONE, "B": -TONE}, 8000))["sources"]) == 2  # type: ignore[arg-type]


def test_what_cannot_be_compared_is_refused_with_a_reason() -> None:
    with pytest.raises(ValueError, match="3 sounds: a blind comparison takes two"):
        BlindComparison({"A": TONE, "B": TONE, "C": TONE}, 8000)
    with pytest.raises(ValueError, match="give sounds of one channel"):
        BlindComparison({"A": TONE, "B": np.stack([TONE, TONE])}, 8000)


@pytest.mark.parametrize("fs", [0, -1, 1_000])
def test_a_sampling_rate_that_files_cannot_have_is_refused(fs: int) -> None:
    with pytest.raises(ValueError, match=f"fs = {fs} Hz is outside 2000 to 768000 Hz"):
        BlindComparison({"A": TONE, "B": TONE}, fs)


def test_tensors_with_a_gradient_can_be_compared() -> None:
    sound = torch.from_numpy(TONE).requires_grad_()
    with_gradient = BlindComparison({"A": sound, "B": -sound}, 8000)
    assert with_gradient.wav() == BlindComparison({"A": TONE, "B": -TONE}, 8000).wav()


def test_the_chance_of_a_score_adds_up() -> None:
    assert chance(0, 7) == 1
    assert chance(7, 7) == 1 / 128
    assert chance(4, 7) == 0.5
    with pytest.raises(ValueError, match="8 right of 7 trials"):
        chance(8, 7)
