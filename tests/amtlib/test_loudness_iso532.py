"""`Moore2016` against the annexes of ISO 532-3:2023, which standardises its method.

The values are those of annex C.1 (tones) and C.3 (several tones), as the tests of phonometry (J. M. Requena Plens,
tests/psychoacoustics/loudness, 2026) quote them; we have not seen the standard. Clause 8 gives 2.8 phon as the
expanded uncertainty of the method.
"""

import math

import pytest
import torch

from amtlib import Moore2016, phon2sone, sone2phon

FREE, EARDRUM = (Moore2016(field=field, dtype=torch.float64) for field in ("free", "eardrum"))


def sone(model: Moore2016, freqs: list[float], level: float, right: float | None = None) -> float:
    """Return the loudness of tones of one level, at both ears or at the left one alone."""
    at = torch.tensor(freqs, dtype=torch.float64)
    levels = torch.full_like(at, level)
    return float(model.stationary(at, levels, levels if right is None else right).total)


def phon(loudness: float) -> float:
    return float(sone2phon(loudness, FREE, stationary=True))


@pytest.mark.parametrize(
    ("level", "printed"),
    [(10, 0.025), (20, 0.14), (30, 0.42), (40, 1.0), (50, 2.1), (60, 4.1), (70, 7.9), (80, 15.4)],
)
def test_a_tone_of_1_khz_is_as_loud_as_annex_c1_prints(level: float, printed: float) -> None:
    # The annex prints two digits; 2.5 % is a fifth of a decibel of the tone and less.
    assert float(phon2sone(float(level))) == pytest.approx(printed, rel=0.025)


@pytest.mark.parametrize(
    ("frequency", "level", "printed"),
    [(3000, 20, 28.8), (3000, 40, 49.0), (3000, 60, 68.6), (100, 50, 28.2), (4000, 40, 48.9)],
)
def test_other_tones_have_the_loudness_level_of_annex_c1(
    frequency: float, level: float, printed: float
) -> None:
    assert phon(sone(FREE, [frequency], level)) == pytest.approx(printed, abs=1.4)


@pytest.mark.parametrize(("level", "printed"), [(20, 14.8), (40, 32.7), (60, 51.4), (80, 71.2)])
def test_a_tone_at_one_eardrum_has_the_loudness_level_of_annex_c1(level: float, printed: float) -> None:
    assert phon(sone(EARDRUM, [1000.0], level, right=-math.inf)) == pytest.approx(printed, abs=0.3)


@pytest.mark.parametrize(
    ("freqs", "level", "printed"),
    [
        ([1500.0, 1600.0, 1700.0], 60, 66.7),
        ([1000.0, 1600.0, 2400.0], 60, 77.3),
        ([100.0 * n for n in range(1, 11)], 30, 48.5),
    ],
)
def test_several_tones_have_the_loudness_level_of_annex_c3(
    freqs: list[float], level: float, printed: float
) -> None:
    assert phon(sone(FREE, freqs, level)) == pytest.approx(printed, abs=0.8)


def test_the_averages_over_time_have_the_constants_of_the_standard() -> None:
    # Rates per millisecond of clauses 7.6 and 7.9: 0.045 and 0.033, 0.01 and 0.00133, as in Moore et al. (2018).
    constants = [getattr(FREE.temporal, name).time_constants() for name in ("short_term", "long_term")]
    assert [round(1000 * float(t)) for pair in constants for t in pair] == [22, 30, 99, 751]
