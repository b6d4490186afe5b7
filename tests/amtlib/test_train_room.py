"""A network fitted to a room: decay times, levels, decay curve, direct sound and pre-delay of made rooms are met."""

import math
from typing import Any

import numpy as np
import pytest

from amtlib.fdn import FDNBuild, design_fdn, octave_bands, render
from amtlib.fdn.noise import octave_centres
from amtlib.train import Trainable, TrainingRun, calibration, ears, fit_room
from amtlib.train import room as room_fit
from amtlib.train.losses import FlatMagnitude, MatchMelSpectrogram


def room(
    times: tuple[float, float],
    fs: float = 16000.0,
    seconds: float = 1.0,
    direct: float = 0.0,
    noise: float = 0.0,
    silence: float = 0.0,
    seed: int = 1,
) -> np.ndarray:
    """Noise that decays in each octave in its own time, from one at 62.5 Hz to another at the top."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * fs)) / fs
    centres = octave_centres(fs)
    each = np.interp(np.log(centres), np.log(centres[[0, -1]]), times)
    bands = octave_bands(rng.standard_normal(len(t)), fs, centres)
    # an octave's gain is squared: so the octaves add up to the whole
    bands = np.stack(
        [octave_bands(band, fs, [centre])[0] for band, centre in zip(bands, centres, strict=True)]
    )
    found = 0.02 * (bands * 10.0 ** (-3.0 * t / each[:, None])).sum(axis=0)
    found[0] += direct
    found = np.concatenate([np.zeros(round(silence * fs)), found])
    return np.asarray(found + noise * rng.standard_normal(len(found)))


@pytest.mark.parametrize(
    "made",
    [
        {"times": (0.5, 0.3)},
        {"times": (0.4, 0.6), "direct": 0.5},
        {"times": (0.5, 0.25), "direct": 0.4, "noise": 2e-5, "silence": 0.1},
    ],
)
def test_times_levels_and_curve_of_a_room_are_met(made: dict[str, Any]) -> None:
    fit = fit_room(room(**made), 16000.0, lines=12, max_steps=0, time_budget=300.0)
    assert fit.t30_off < 0.01
    assert fit.level_off < 0.1
    assert fit.clarity_off < 1.0
    assert fit.curve_db < 1.1
    assert fit.certificate.certain
    assert fit.onset == pytest.approx(made.get("silence", 0.0), abs=2e-3)
    if "direct" in made:
        assert fit.build.D[0, 0] == pytest.approx(made["direct"], rel=0.2)
    assert "T30 within" in fit.sentence()
    assert len(fit.table()) == len(fit.target.centres)


def test_a_network_fits_a_network() -> None:
    other = design_fdn(N=8, rt=[0.5, 0.5, 0.45, 0.4, 0.35, 0.3, 0.3, 0.25], fs=32000.0, rng=4)
    fit = fit_room(render(other, 0.8), 32000.0, max_steps=0, time_budget=300.0)
    assert math.isnan(fit.coherence_off)  # one output
    assert fit.t30_off < 0.01
    assert fit.level_off < 0.1


def test_training_towards_a_loss_of_ones_own_goes_into_the_fit() -> None:
    h = room((0.3, 0.2), fs=8000.0, seconds=0.5)
    fit = fit_room(h, 8000.0, lines=6, loss=MatchMelSpectrogram((256,)), max_steps=3, time_budget=60.0)
    assert fit.steps == 3
    assert fit.t30_off < 0.02
    matrix_only = fit_room(
        h, 8000.0, lines=6, loss=FlatMagnitude(), max_steps=2, time_budget=60.0, trainable=Trainable()
    )
    assert matrix_only.steps == 2


def test_a_room_whose_highest_octave_is_soft_is_trained_too() -> None:
    h = room((0.3, 0.2), seconds=0.5)
    spectrum, f = np.fft.rfft(h, 2 * len(h)), np.fft.rfftfreq(2 * len(h), 1.0 / 16000.0)
    down = np.clip(np.log2(np.maximum(f, 1.0) / 2000.0), 0.0, 1.0) * -40.0
    soft = np.fft.irfft(spectrum * 10.0 ** (down / 20.0))[: len(h)]
    fit = fit_room(soft, 16000.0, lines=6, slopes=1, max_steps=2, time_budget=60.0)
    assert fit.steps == 2
    assert not any("equaliser did not train" in each for each in fit.problems)


def test_without_time_nothing_trains_and_the_report_says_so() -> None:
    fit = fit_room(room((0.3, 0.2), seconds=0.5), 16000.0, lines=4, max_steps=100, time_budget=0.01)
    assert fit.steps == 0
    assert any("Training had no time" in each for each in fit.problems)


class Clock:
    """Time that passes only where a test lets it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def quick_ears(monkeypatch: pytest.MonkeyPatch) -> None:
    """The filter that parts two outputs is fitted from one start and gets no further sections."""
    for name, count in {"_TRIED": 1, "_KEPT": 0, "_MOST": 0}.items():
        monkeypatch.setattr(ears, name, count)


@pytest.mark.usefixtures("quick_ears")
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize(("budget", "trains"), [(30.0, True), (8.0, False)])
def test_the_whole_fit_stays_within_its_time(
    monkeypatch: pytest.MonkeyPatch, outputs: int, budget: float, trains: bool
) -> None:
    clock = Clock()
    for module in (calibration, room_fit):
        monkeypatch.setattr(module, "time", clock)
    slow = {
        (calibration.Calibration, "response"): 0.5,
        (room_fit, "room_measures"): 1.0,
        (TrainingRun, "step"): 0.25,
    }
    for (place, name), seconds in slow.items():
        plain = getattr(place, name)

        def takes(*given: Any, plain: Any = plain, seconds: float = seconds, **named: Any) -> Any:
            clock.now += seconds
            return plain(*given, **named)

        monkeypatch.setattr(place, name, takes)
    h = np.stack([room((0.3, 0.2), fs=8000.0, seconds=0.4, seed=seed) for seed in range(outputs)], axis=1)
    fit = fit_room(h, 8000.0, lines=4, max_steps=40, time_budget=budget)
    assert fit.build.n_out == outputs
    assert fit.seconds <= budget
    assert (fit.steps > 3) == trains


def test_corrections_after_training_are_as_many_on_a_slow_machine_that_has_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, rounds = calibration.Calibration.response, []
    for seconds in (0.0, 2.0):
        clock, calls = Clock(), []
        for module in (calibration, room_fit):
            monkeypatch.setattr(module, "time", clock)

        def takes(
            *given: Any, clock: Clock = clock, calls: list[float] = calls, seconds: float = seconds
        ) -> Any:
            clock.now += seconds
            calls.append(clock.now)
            return plain(*given)

        monkeypatch.setattr(calibration.Calibration, "response", takes)
        fit_room(room((0.3, 0.2), seconds=0.4), 16000.0, lines=4, slopes=1, max_steps=1, time_budget=600.0)
        rounds.append(len(calls))
    assert rounds[0] == rounds[1]


@pytest.mark.parametrize(("before", "after", "says"), [(0.5, 1.0, True), (1.0, 0.5, False)])
def test_a_fit_says_if_training_brought_it_no_nearer(
    monkeypatch: pytest.MonkeyPatch, before: float, after: float, says: bool
) -> None:
    distances = iter((before, after))
    monkeypatch.setattr(room_fit, "distance", lambda *_: next(distances))
    seen: list[FDNBuild] = []
    fit = fit_room(
        room((0.3, 0.2), 8000.0, 0.4), 8000.0, lines=4, max_steps=1, time_budget=600.0, watch=seen.append
    )
    sentence = "Training brought it no nearer: this is the network from before its training."
    assert fit.steps == 1
    assert (sentence in fit.problems) == (sentence in fit.sentence()) == says
    assert fit.build == seen[0 if says else -1]


@pytest.mark.usefixtures("quick_ears")  # each output keeps its level, whatever the filter's phase
def test_stereo_stays_stereo_and_every_input_keeps_its_level() -> None:
    pairs = [
        [room((0.4, 0.3), 8000.0, 0.7, seed=2 * o + i) * (1.0 + o) * (1.0 + 3.0 * i) for i in range(2)]
        for o in range(2)
    ]
    mimo = np.moveaxis(np.array(pairs), 2, 0)
    fit = fit_room(mimo, 8000.0, lines=12, max_steps=0, time_budget=300.0)
    assert (fit.build.n_out, fit.build.n_in) == (2, 2)
    assert fit.target.level.shape == fit.reached.level.shape == (6, 2, 2)
    assert np.abs((fit.reached.level - fit.target.level)[1:].mean(axis=0)).max() < 1.5


def test_octaves_without_decay_take_their_neighbours_time_and_say_so() -> None:
    h = room((0.4, 0.4))
    spectrum = np.fft.rfft(h, 2 * len(h))
    f = np.fft.rfftfreq(2 * len(h), 1 / 16000.0)
    h = np.fft.irfft(np.where(f > 300.0, spectrum, 0.0))[: len(h)]
    h = h + 1e-3 * np.random.default_rng(3).standard_normal(len(h))
    fit = fit_room(h, 16000.0, lines=8, max_steps=0, time_budget=300.0)
    assert any("its neighbours' time was taken" in each for each in fit.problems)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rir": np.ones(16000)}, "rir does not decay"),
        ({"rir": np.zeros(16000)}, "channel 0 of rir is silent"),
        ({"rir": np.ones(1)}, "rir has 1 samples"),
        ({"rir": np.sin(np.arange(16000) * 0.1)}, "rir does not decay"),
        ({"rir": room((0.02, 0.02), seconds=0.3)}, "0.05 to 30 s can be fitted"),
        (
            {"rir": np.eye(1, 16000)[0]},
            "rir holds no decay of 20 dB in any octave, above its noise and longer than",
        ),
        ({"rir": np.tile(room((0.2, 0.2))[:3000], 6)}, "rir does not decay"),
        ({"rir": np.full(16000, math.nan)}, "rir has values that are not finite"),
        ({"fs": 1000.0}, "fs = 1000 Hz leaves too few octaves"),
        ({"lines": 0}, "N must be positive"),
        ({"rir": np.repeat(room((0.3, 0.3))[:, None], 3, axis=1), "lines": 2}, "lines = 2 are fewer than"),
        ({"max_steps": -1}, "max_steps = -1"),
        ({"trainable": Trainable(direct=True)}, "leave direct out of trainable"),
        ({"time_budget": math.inf}, "time_budget = inf"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_sentence(arguments: dict[str, Any], message: str) -> None:
    settings: dict[str, Any] = {"rir": room((0.3, 0.3)), "fs": 16000.0, "lines": 4, **arguments}
    with pytest.raises(ValueError, match=message):
        fit_room(settings.pop("rir"), settings.pop("fs"), **settings)


def test_a_fit_can_be_watched_from_its_calibration_to_its_end() -> None:
    shares: list[float] = []
    seen: list[FDNBuild] = []
    fit = fit_room(room((0.5, 0.3)), 16000.0, lines=8, max_steps=2, progress=shares.append, watch=seen.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(seen) >= 2
    assert {(build.N, build.fs, build.n_out) for build in seen} == {(8, 16000.0, 1)}
    assert fit.build in seen  # of the calibrated and the trained network the nearer one
