"""The standard's contours: what its own annex prints, and where it ends."""

import csv
from pathlib import Path

import pytest
import torch

from amtlib.loudness.iso226 import EDITIONS, iso226_contour, iso226_frequencies

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("phon", [20, 30, 40, 60, 80])
def test_a_tone_of_1_khz_has_its_loudness_level_as_level(phon: float, edition: int) -> None:
    at = iso226_frequencies() == 1000
    # The equation of 2003 is fitted: its annex prints 20.0 to 80.0 with one decimal. That of 2023 is exact.
    assert iso226_contour(phon, edition=edition)[at].item() == pytest.approx(
        phon, abs=0.05 if edition == 2003 else 1e-9
    )


@pytest.mark.parametrize(
    ("edition", "phon", "frequency", "printed"),
    [
        (2003, 40, 20, 99.9),
        (2003, 40, 125, 60.6),
        (2003, 60, 100, 78.7),
        (2003, 80, 4000, 78.3),
        # ISO 226:2023, table B.1, as phonometry (J. M. Requena Plens), CONFORMANCE, quotes it
        (2023, 60, 100, 78.5),
    ],
)
def test_levels_are_those_of_the_annex(edition: int, phon: float, frequency: float, printed: float) -> None:
    at = iso226_frequencies() == frequency
    assert round(iso226_contour(phon, edition=edition)[at].item(), 1) == printed


@pytest.mark.parametrize("phon", [0, 20, 40, 60, 80])
def test_the_two_editions_differ_by_less_than_half_a_decibel(phon: float) -> None:
    now, before = (iso226_contour(phon, edition=edition) for edition in (2023, 2003))
    assert 0.0 < (now - before).abs().max() < 0.5


def test_an_edition_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="edition = 1987 of ISO 226 is unknown; give 2003 or 2023"):
        iso226_contour(40, edition=1987)


def test_zero_phon_is_the_threshold_of_hearing_in_the_reference_tables() -> None:
    with (DATA / "threshold_iso226_2003.csv").open(encoding="utf-8") as file:
        rows = {float(f): float(level) for f, level in list(csv.reader(file))[2:]}
    f, threshold = iso226_frequencies().tolist(), iso226_contour(0, edition=2003).tolist()
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
