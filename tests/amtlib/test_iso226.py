"""The standard's contours: what its own annex prints, and where it ends."""

import csv
from pathlib import Path

import pytest
import torch

from amtlib.loudness.iso226 import iso226_contour, iso226_frequencies

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("phon", [20, 30, 40, 60, 80])
def test_a_tone_of_1_khz_has_its_loudness_level_as_level(phon: float) -> None:
    at = iso226_frequencies() == 1000
    # The equation is fitted: the annex prints 20.0 to 80.0 with one decimal.
    assert iso226_contour(phon)[at].item() == pytest.approx(phon, abs=0.05)


@pytest.mark.parametrize(
    ("phon", "frequency", "printed"), [(40, 20, 99.9), (40, 125, 60.6), (60, 100, 78.7), (80, 4000, 78.3)]
)
def test_levels_are_those_of_the_annex(phon: float, frequency: float, printed: float) -> None:
    at = iso226_frequencies() == frequency
    assert round(iso226_contour(phon)[at].item(), 1) == printed


def test_zero_phon_is_the_threshold_of_hearing_in_the_reference_tables() -> None:
    with (DATA / "threshold_iso226_2003.csv").open(encoding="utf-8") as file:
        rows = {float(f): float(level) for f, level in list(csv.reader(file))[2:]}
    f, threshold = iso226_frequencies().tolist(), iso226_contour(0).tolist()
    mine = dict(zip(f, threshold, strict=True))
    assert len(rows) >= 15
    assert {key: mine[key] for key in rows} == rows


def test_contours_do_not_cross() -> None:
    levels = torch.stack([iso226_contour(phon) for phon in (20, 30, 40, 50, 60, 70, 80)])
    assert (levels.diff(dim=0) > 0).all()


def test_beyond_80_phon_the_standard_is_silent_at_high_frequencies() -> None:
    known = iso226_contour(90).isfinite()
    assert (known == (iso226_frequencies() < 5000)).all()


@pytest.mark.parametrize("phon", [-1, 5, 100, float("nan")])
def test_levels_the_standard_does_not_have_are_refused(phon: float) -> None:
    with pytest.raises(ValueError, match="outside the standard; give 20 to 90"):
        iso226_contour(phon)
