"""The check of the headphones: what each ear gets, and what only both together hear."""

import pytest
import torch

from amtlib import signals
from amtlib.experiments import headphone_trial, huggins_pitch

FS = 22050.0


def test_only_a_band_around_600_hz_differs_between_the_ears_and_only_in_its_sign() -> None:
    left, right = huggins_pitch(3, pitch=True, fs=FS).T
    plain = huggins_pitch(3, pitch=False, fs=FS)
    torch.testing.assert_close(plain[:, 0], plain[:, 1], rtol=0.0, atol=0.0)
    torch.testing.assert_close(left, plain[:, 0], rtol=0.0, atol=0.0)
    middle = slice(2000, 20000)  # away from the ramps, of whole periods of no frequency: so with a window
    window = torch.hann_window(18000, periodic=True, dtype=torch.float64)
    ears = torch.fft.rfft(torch.stack([left, right])[:, middle] * window)
    frequency = torch.fft.rfftfreq(18000, 1.0 / FS)
    inside = (frequency > 575.0) & (frequency < 625.0)
    outside = (frequency < 540.0) | (frequency > 660.0)
    scale = ears.abs().max()
    assert (ears[0] + ears[1])[inside].abs().max() < 1e-3 * scale
    assert (ears[0] - ears[1])[outside].abs().max() < 1e-2 * scale


def test_neither_ear_alone_is_told_where_the_pitch_is() -> None:
    levels = [
        signals.rms_level(huggins_pitch(5, pitch=pitch, level=50.0, fs=FS).T) for pitch in (False, True)
    ]
    torch.testing.assert_close(levels[0], levels[1], rtol=0.0, atol=0.05)


def test_a_trial_has_the_pitch_in_one_interval_and_silence_between() -> None:
    sound, begins = headphone_trial(7, target=1, fs=FS)
    assert begins == (0.0, 1.5, 3.0)
    for k, begin in enumerate(begins):
        piece = sound[round(begin * FS) : round((begin + 1.0) * FS)]
        assert bool((piece[:, 0] == piece[:, 1]).all()) == (k != 1)
    assert not sound[round(1.0 * FS) : round(1.5 * FS)].any()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [({"level": 120.0}, "level"), ({"fs": 100.0}, "fs"), ({"target": 3}, "target"), ({"seed": -1}, "seed")],
)
def test_what_is_out_of_range_is_named(arguments: dict[str, float], complaint: str) -> None:
    given = {"seed": 1, "target": 0} | arguments
    with pytest.raises(ValueError, match=complaint):
        headphone_trial(**given)  # type: ignore[arg-type]
