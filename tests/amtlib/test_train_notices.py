"""What training warns of keeps its numbers, also on its way from another process."""

import pickle
import warnings

import numpy as np
import pytest

from amtlib.train.notices import (
    ChannelsSummed,
    LoopGrows,
    MatrixMadeOrthogonal,
    ModesTooClose,
    ModesTooWide,
    PenaltyDominates,
    PenaltyLowered,
    TargetBeginsLate,
    TargetBreaksOff,
    TargetCut,
    TargetNoiseRemoved,
    TimeAliasing,
    TrainingWarning,
)
from amtlib.train.targets import cleared, prepare_target

ALL = [
    PenaltyDominates(96.2, "mel", 0.2, 0.0008),
    PenaltyLowered(0.0008, 0.2, 96.2),
    TargetCut(1.5, 0.7, 16384, -21.3),
    TargetBreaksOff(-12.0, 4096),
    TimeAliasing(4096, -9.7, 51),
    TargetBeginsLate(0.0208),
    TargetNoiseRemoved(-48.3, 0.71),
    ChannelsSummed(1, 2),
    ModesTooClose(2.5, 8192, 5.86, 32768),
    ModesTooWide(2.5, 4.0, 20),
    LoopGrows(1000.0, 2.0, 60.0),
    MatrixMadeOrthogonal(0.5, 2.0, 0.3),
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


def test_a_late_and_noisy_target_says_by_how_much_in_numbers() -> None:
    fs, late = 8000.0, 400
    generator = np.random.default_rng(0)
    decay = 10.0 ** (-3.0 * np.arange(8000) / 4000) * generator.standard_normal(8000)  # 60 dB in 0.5 s
    target = np.concatenate([np.zeros(late), decay + 1e-2 * generator.standard_normal(8000)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, record = cleared(target, fs, 0.01, direct=True, noise="remove")
    assert record is not None
    assert [each.message for each in caught] == [
        TargetBeginsLate(record.pre_delay),
        TargetNoiseRemoved(-record.noise_db, record.truncation),
    ]
    # by the noise's own level: its decay meets 40 dB below the start at 2/3 of the reverberation time
    assert record.pre_delay == pytest.approx(late / fs, abs=0.002)
    assert record.noise_db == pytest.approx(40.0, abs=6.0)
    assert record.truncation == pytest.approx(0.33, abs=0.1)


def test_a_loop_that_grows_says_how_to_make_it_decay() -> None:
    assert str(LoopGrows(1000.0, 2.0, 60.0)) == (
        "training has made the network's loop grow: at 1000 Hz a round through it gains 6.02 dB (a factor of 2), and a "
        "mode rises by 60 dB per second; lower the filters there, or multiply the feedback matrix by 0.4999, or build "
        "the model with matrix='orthogonal'"
    )
