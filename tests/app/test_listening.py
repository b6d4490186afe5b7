"""Sounds are played as loud against each other as their levels say, and nothing louder than what is safe."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from app.labs.cochlea.view import CochleaLab
from app.labs.filterbank.view import FilterbankLab
from app.labs.loudness.view import LoudnessLab
from app.page.listen import PEAK_DBFS, SAFE_DBFS, SAFE_SPL, sound_of
from app.site import LABS


def heard(page: Any, key: str = "input") -> tuple[str, np.ndarray]:
    """Return the title and the samples that a browser plays, full scale at 1."""
    answer = sound_of(page, key)
    assert answer["type"] == "sound"
    _, samples = wavfile.read(io.BytesIO(base64.b64decode(answer["data"])))
    return answer["title"], samples / 32767.0


def level(samples: np.ndarray) -> float:
    """Return the rms in dB re full scale, without the fades at both ends."""
    return float(20 * np.log10(np.sqrt(np.mean(samples[2000:-2000] ** 2))))


@pytest.mark.parametrize("lab", [FilterbankLab, LoudnessLab])
def test_40_60_and_80_db_are_heard_to_differ_by_20_db(lab: type[Any]) -> None:
    page = lab(link="s.kind=tone&s.duration=1")
    found = []
    for spl in (40, 60, 80):
        page.lab.update({"s.level": spl})
        found.append(level(heard(page)[1]))
    # 16 bits: a softest tone of 20 steps
    assert np.diff(found) == pytest.approx([20, 20], abs=0.05)
    assert found[-1] == pytest.approx(SAFE_DBFS - SAFE_SPL + 80, abs=0.1)


@pytest.mark.parametrize("spl", [85, 100, 110])
def test_nothing_is_played_louder_than_what_is_safe_and_that_is_said(spl: int) -> None:
    page = LoudnessLab(link=f"s.duration=1&s.level={spl}")
    title, samples = heard(page)
    assert level(samples) == pytest.approx(SAFE_DBFS, abs=0.1)
    assert ("played" in title) is (spl > 85)
    assert f", played {spl - 85} dB softer" in title or spl == 85


@pytest.mark.parametrize("kind", ["click", "speech", "clicks"])
def test_peaks_are_never_cut(kind: str) -> None:
    page = FilterbankLab(link=f"s.kind={kind}&s.level=110")
    title, samples = heard(page)
    assert np.abs(samples).max() <= 10 ** (PEAK_DBFS / 20) + 1e-4
    assert "dB softer" in title


def test_of_a_and_b_the_louder_is_played_at_the_safe_level_and_the_other_as_much_softer_as_it_is() -> None:
    page = LoudnessLab(link="s.duration=1&s.level=40")  # 1 sone
    page.handle({"type": "pin"})
    page.lab.update({"s.level": 60})  # 4 sone
    (_, a), (_, b) = heard(page, "a"), heard(page, "b")
    assert level(b) == pytest.approx(SAFE_DBFS, abs=0.1)
    assert level(b) - level(a) == pytest.approx(20, abs=0.05)


def test_a_place_that_compresses_is_heard_to_do_so() -> None:
    page = CochleaLab(link="t.cf=4000")
    grown = {}
    for key in ("input", "place"):
        found = []
        for spl in (50, 80):
            page.lab.update({"t.level": spl})
            found.append(level(heard(page, key)[1]))
        grown[key] = found[1] - found[0]
    assert grown["input"] == pytest.approx(30, abs=0.05)
    assert grown["place"] == pytest.approx(8.9, abs=0.2)


def test_one_ear_alone_is_as_strong_in_that_ear_as_with_both() -> None:
    page = LoudnessLab(link="v.view=binaural&s.level=70&s.duration=1")
    both, left = heard(page)[1], heard(page, "left")[1]
    assert level(left[:, 0]) == pytest.approx(level(both[:, 0]), abs=0.05)
    assert not left[:, 1].any()


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_a_page_says_how_loud_it_plays(lab: type[Any]) -> None:
    said = lab().contents.tools()["levels"]
    assert ("85 dB SPL" in said) is any(each.safe for each in lab.sounds.values())
