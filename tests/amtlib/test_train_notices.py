"""What training warns of keeps its numbers, also on its way from another process."""

import pickle
import warnings

import numpy as np
import pytest

from amtlib.train.notices import (
    PenaltyDominates,
    PenaltyLowered,
    TargetBreaksOff,
    TargetCut,
    TimeAliasing,
    TrainingWarning,
)
from amtlib.train.targets import prepare_target

ALL = [
    PenaltyDominates(96.2, "mel", 0.2, 0.0008),
    PenaltyLowered(0.0008, 0.2, 96.2),
    TargetCut(1.5, 0.7, 16384, -21.3),
    TargetBreaksOff(-12.0, 4096),
    TimeAliasing(4096, -9.7, 51),
]


@pytest.mark.parametrize("found", ALL, ids=lambda found: type(found).__name__)
def test_a_warning_survives_pickling_and_is_equal_to_one_with_the_same_numbers(
    found: TrainingWarning,
) -> None:
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert hash(again) == hash(found)
    assert str(again) == str(found) == found.text()
    assert again not in [each for each in ALL if each is not found]


def test_a_target_that_is_cut_says_by_how_much_in_numbers() -> None:
    target = np.exp(-np.arange(3000) / 1000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        prepare_target(target, fs=1000.0, nfft=1024, n_in=1, n_out=1)
    (found,) = [each.message for each in caught]
    assert isinstance(found, TargetCut)
    energy = target**2
    assert (found.duration, found.held, found.nfft) == (3.0, 1.024, 1024)
    assert found.level == pytest.approx(10 * np.log10(energy[1024:].sum() / energy.sum()))
