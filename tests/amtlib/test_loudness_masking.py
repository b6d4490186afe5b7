"""Masked thresholds: who masks whom, by how much, and what is refused."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from amtlib import Glasberg2002, Moore2016
from amtlib.loudness import THRESHOLD_SONE, equal_loudness_contour, masked_threshold, pattern_change

MODEL = Moore2016(dtype=torch.float64)
PROBES = torch.tensor([250.0, 500.0, 1000.0, 2000.0], dtype=torch.float64)


def band(centre: float, width: float, level: float, lines: int = 16) -> tuple[Tensor, Tensor]:
    """Return lines of equal level that stand for a band of noise."""
    freqs = centre + width * ((torch.arange(lines, dtype=torch.float64) + 0.5) / lines - 0.5)
    return freqs, torch.full((lines,), level - 10 * math.log10(lines), dtype=torch.float64)


@pytest.mark.parametrize("model", [MODEL, Glasberg2002(dtype=torch.float64)], ids=["moore", "glasberg"])
def test_a_tone_at_its_threshold_changes_the_pattern_by_what_is_just_noticeable(
    model: Moore2016 | Glasberg2002,
) -> None:
    noise = band(500.0, 50.0, 60.0)
    for change in (0.5, 1.0, 3.0):
        found = masked_threshold(
            model, *noise, PROBES[1:3], just_noticeable=change, quiet=[-20.0, -20.0]
        ).levels
        # Within 0.1 dB of the tone, which changes the pattern by as much at most.
        torch.testing.assert_close(
            pattern_change(model, *noise, PROBES[1:3], found),
            torch.full((2,), change).double(),
            rtol=0,
            atol=0.1,
        )


def test_beside_silence_a_threshold_is_that_in_quiet() -> None:
    found = masked_threshold(MODEL, [1000.0], [-math.inf], PROBES)
    quiet = equal_loudness_contour(MODEL, frequencies=PROBES, sone=THRESHOLD_SONE).levels
    torch.testing.assert_close(found.quiet, quiet)
    assert ((found.levels - quiet) >= 0).all()
    assert ((found.levels - quiet) < 1.5).all()  # 1 dB above an equal internal noise takes -5.9 dB of it


def test_low_sounds_mask_high_ones_and_hardly_the_other_way_round() -> None:
    low, high = (masked_threshold(MODEL, *band(f, 0.1 * f, 80.0), PROBES) for f in (500.0, 1000.0))
    upwards, downwards = low.levels[2] - low.quiet[2], high.levels[1] - high.quiet[1]
    assert upwards > downwards + 20.0


def test_the_channel_that_decides_is_one_that_hears_the_tone() -> None:
    # Where nothing is heard the patterns are far below 0 dB, and a probe of -20 dB SPL would "change" them by much.
    noise = band(500.0, 50.0, 75.0)
    assert pattern_change(MODEL, *noise, [350.0, 1000.0], [-3.0, -14.0]).max() < 0.05


def test_a_threshold_is_never_below_that_in_quiet_and_grows_with_the_noise() -> None:
    found = [masked_threshold(MODEL, *band(500.0, 50.0, level), PROBES) for level in (40.0, 60.0, 80.0)]
    assert all((each.levels >= each.quiet).all() for each in found)
    assert all((a.levels <= b.levels + 0.1).all() for a, b in itertools.pairwise(found))


def test_a_tone_that_nothing_makes_heard_has_no_threshold() -> None:
    found = masked_threshold(MODEL, *band(500.0, 50.0, 60.0), PROBES[:1], just_noticeable=1e6, quiet=[11.0])
    assert found.levels.isnan().all()


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (
            ([500.0], [60.0, 50.0], [1000.0]),
            {},
            "freqs has 1 values and levels 2; give a level for each frequency",
        ),
        (([500.0], [60.0], [5.0]), {}, "probes hold 5.0 Hz; give 10 to 16000 Hz"),
        (
            ([500.0], [60.0], [1000.0]),
            {"just_noticeable": 0.0},
            "just_noticeable = 0.0 dB; give a finite number > 0",
        ),
        (
            ([500.0], [60.0], [1000.0]),
            {"quiet": [1.0, 2.0]},
            "quiet has 2 values and probes 1; give one for each",
        ),
        (([], [], [1000.0]), {"quiet": [1.0]}, r"freqs has shape \(0,\); give at least one number"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    arguments: tuple[list[float], list[float], list[float]], options: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        masked_threshold(MODEL, *arguments, **options)  # type: ignore[arg-type]
