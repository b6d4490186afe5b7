"""A target's onset, decay and noise are found before training, kept in the log, and do not lead the network astray."""

import math
import warnings
from typing import Any

import numpy as np
import pytest

from amtlib.fdn import design_fdn, render, reverberation_time, without_noise
from amtlib.train import TrainingRun, build_fdn, train_fdn
from amtlib.train.losses import MatchEnergyDecay, MatchSpectrogram, Rendered

FS = 48000
DELAYS = [601, 743, 857, 977]


def room(
    rt: float, *, silence: int = 0, noise_db: float = -math.inf, seconds: float = 1.0, seed: int = 0
) -> np.ndarray:
    """Gaussian noise that decays by 60 dB in `rt` s, behind silence, in steady noise so far below its start."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * FS)) / FS
    sound = np.concatenate([np.zeros(silence), rng.standard_normal(len(t)) * 10.0 ** (-3.0 * t / rt)])
    return sound + 10.0 ** (noise_db / 20.0) * rng.standard_normal(len(sound))


def run(target: np.ndarray, mode: str | None = "match_spectrogram", **more: Any) -> TrainingRun:
    model = build_fdn(delays=DELAYS, rt=0.3, rng=1, nfft=2**15, device="cpu")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "target|time aliasing", UserWarning)
        return TrainingRun(model, mode, target=target, max_steps=2, **more)


# ---------------------------------------------------------------------- noise out of a response


@pytest.mark.parametrize("noise_db", [-40.0, -50.0, -60.0])
@pytest.mark.parametrize("rt", [0.3, 0.5])
def test_without_noise_the_decay_goes_on_as_it_was(rt: float, noise_db: float) -> None:
    found = without_noise(room(rt, noise_db=noise_db), FS)
    # the decay meets the noise where 60 dB in rt have fallen by as much; 3 dB of either are 5 % of rt
    assert float(found.crossing) == pytest.approx(-noise_db / 60.0 * rt, abs=0.05 * rt)
    assert float(found.depth) == pytest.approx(-noise_db, abs=2.0)
    times = reverberation_time(found.ir, FS, "broadband")
    assert times.t30[0] == pytest.approx(rt, rel=0.03)
    # down to -65 dB: far beyond the crossing, where the noise in one record weighs more
    assert times.t60[0] == pytest.approx(rt, rel=0.1)
    # steady noise would leave noise_db here
    assert 10.0 * math.log10(np.square(found.ir[-4800:]).mean()) < noise_db - 20.0


def test_each_octave_is_cut_where_its_own_decay_meets_the_noise() -> None:
    slow, fast = room(0.6, seed=1), room(0.2, seed=2)
    spectrum = np.fft.rfft([slow, fast])
    low = 1.0 / (1.0 + (np.fft.rfftfreq(FS, 1.0 / FS) / 2000.0) ** 8)
    dull = np.fft.irfft(spectrum[0] * low + spectrum[1] * (1.0 - low))
    found = without_noise(dull + 0.003 * np.random.default_rng(3).standard_normal(FS), FS)
    at = dict(zip(found.centres, found.crossings, strict=True))
    assert at[500.0] > 2.0 * at[8000.0]
    times = reverberation_time(found.ir, FS, [500.0, 8000.0])
    np.testing.assert_allclose(times.t30, [0.6, 0.2], rtol=0.1)


def test_a_response_without_noise_stays_what_it_is_to_the_last_bit() -> None:
    for clean in (
        room(0.5),
        render(design_fdn(delays=DELAYS, rt=0.4, rng=2), 1.0),
        np.exp(-np.arange(3000) / 1000.0),
    ):
        found = without_noise(clean, FS)
        assert np.array_equal(found.ir, clean)
        assert np.isnan(found.crossing)


def test_channels_are_freed_each_by_itself() -> None:
    noisy, clean = room(0.4, noise_db=-45.0), room(0.4, seed=4)
    found = without_noise(np.stack([noisy, clean], axis=1), FS)
    assert np.array_equal(found.ir[:, 0], without_noise(noisy, FS).ir)
    assert np.array_equal(found.ir[:, 1], clean)
    assert np.isnan(found.crossing).tolist() == [False, True]


# ---------------------------------------------------------------------- in training


@pytest.mark.parametrize("silence", [0, 480, 2400])
def test_the_log_holds_what_was_found_in_the_target(silence: int) -> None:
    log = run(room(0.5, silence=silence, noise_db=-50.0)).log
    record = log.target
    assert record is not None
    # a network cannot answer before its shortest line: so much silence is kept
    assert record.pre_delay_samples == pytest.approx(max(silence - DELAYS[0], 0), abs=10)
    assert record.onset * FS == pytest.approx(silence, abs=10)
    assert log.pre_delay == record.pre_delay == record.pre_delay_samples / FS
    kept = (silence - record.pre_delay_samples) / FS
    assert log.truncation == record.truncation == pytest.approx(kept + 50.0 / 60.0 * 0.5, abs=0.03)
    assert record.noise_db == pytest.approx(50.0, abs=2.0)
    assert record.t30 == pytest.approx(0.5, rel=0.05)


def test_what_cannot_be_measured_is_unknown() -> None:
    clean = run(room(0.5)).log
    assert clean.target is not None
    assert math.isnan(clean.truncation)
    assert math.isnan(clean.target.noise_db)
    buried = run(room(0.5, noise_db=-25.0)).target_record
    assert buried is not None
    hidden = run(room(0.5, noise_db=-25.0), target_noise="keep").target_record
    assert hidden is not None
    assert math.isnan(hidden.t30)
    assert run(room(0.5), None, loss=MatchSpectrogram()).log.target is not None
    nothing = TrainingRun(build_fdn(delays=DELAYS, rt=0.1, rng=1, device="cpu"), "colorless").log
    assert nothing.target is None
    assert math.isnan(nothing.pre_delay)


@pytest.mark.parametrize("silence", [0, 2400])
def test_a_noisy_room_trains_towards_the_room_and_not_towards_its_noise(silence: int) -> None:
    goals = [
        run(room(0.3, silence=silence, noise_db=level), target_noise=noise).target
        for level, noise in ((-math.inf, "remove"), (-50.0, "remove"), (-50.0, "keep"))
    ]
    clean, freed, noisy = [Rendered.of_response(goal.time.double(), FS) for goal in goals if goal is not None]
    # the decay curve in dB down to -60, which is what hears noise most
    off = [float(MatchEnergyDecay()(one, clean)) for one in (freed, noisy)]
    assert off[0] < 1.5
    assert off[1] > 4.0 * off[0]


def test_the_noise_and_the_way_to_keep_it_are_told() -> None:
    model = build_fdn(delays=DELAYS, rt=0.3, rng=1, nfft=2**15, device="cpu")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        log = train_fdn(model, "match_spectrogram", target=room(0.3, noise_db=-50.0), max_steps=1)
    words = " ".join(str(one.message) for one in told)
    assert "target holds steady noise, 50 dB below the start of its decay" in words
    assert "target_noise='keep' trains towards the noise" in words
    assert log.truncation == pytest.approx(0.25, abs=0.02)
    with pytest.raises(ValueError, match="target_noise = 'cut' is unknown: choose from 'remove', 'keep'"):
        run(room(0.3), target_noise="cut")
