"""Models that listen decide as the original toolbox does, compute only what they watch, and meet what is known."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amtlib import Dau1997, Jepsen2008, King2019, Osses2021, Paulick2024, signals
from amtlib.experiments import Experiment, ModelObserver, Run, UpDown, Variable, experiment
from amtlib.experiments.settings import quantity
from amtlib.perception import PerceptionModel, is_detected, probability_correct

DATA = np.load(Path(__file__).parents[1] / "data" / "decision.npz")
FS = 44100
SHORT = experiment("intensity_discrimination", fs=16000, duration=0.1, ramp=0.01)


@dataclass(frozen=True, kw_only=True, repr=False)
class Demonstration(Experiment):
    """A tone of 200 ms at the beginning of 500 ms, as the toolbox's demonstration has it."""

    name: ClassVar[str] = "demonstration"
    level: float = quantity(60.0, 0.0, 90.0, "dB SPL")
    after: float = quantity(0.3, 0.0, 1.0, "s")

    @property
    def variable(self) -> Variable:
        return Variable("increment", "dB", 0.1, 10.0, 5.0, (2.0,), "log")

    @property
    def length(self) -> float:
        return 0.2

    def sound(self, value: float, seed: int, target: bool) -> Tensor:
        time = torch.arange(8820, dtype=torch.float64) / FS
        rise = 0.5 - 0.5 * torch.cos(
            torch.pi * time[:441] / time[441]
        )  # the first and the last sample are zero
        tone = torch.sin(2.0 * torch.pi * 1000.0 * time)
        tone[:441] *= rise
        tone[-441:] *= rise.flip(0)
        return signals.set_level(tone, self.level + (value if target else 0.0))


@pytest.mark.parametrize("row", [0, 1, 2])
@pytest.mark.parametrize(("column", "kind", "tolerance"), [(0, Paulick2024, 1e-6), (1, Jepsen2008, 1e-5)])
def test_the_demonstration_of_the_toolbox_comes_out_as_there(
    column: int, kind: type[PerceptionModel], tolerance: float, row: int
):
    listener = ModelObserver(kind(FS, dtype=torch.float64))
    what = Demonstration(level=float(DATA["demo/levels"][row]), intervals=2)
    names = list(DATA["demo/result_columns"])
    for place in range(5):
        expected = dict(zip(names, DATA["demo/result"][column, row, place], strict=True))
        found = listener.decide(what.trial(float(DATA["demo/increments"][place]), 1, seed=0))
        region = listener.region(what)
        assert (region.start, region.stop - 1) == (expected["roi_first"], expected["roi_last"])
        assert found.variable == pytest.approx(expected["mue"], rel=tolerance)
        assert found.probability == pytest.approx(expected["prob_2afc"], rel=tolerance)
        three = probability_correct(found.variable, 3, listener.version)
        assert float(three) == pytest.approx(expected["prob_3afc"], rel=tolerance)
        assert bool(is_detected(three, 2)) == (expected["prob_3afc"] > 2**-0.5)


MODELS = [
    (Paulick2024, {"flow": 700.0, "fhigh": 1500.0, "n_channels": 7}),
    (Jepsen2008, {"flow": 700.0, "fhigh": 1500.0, "n_channels": 7}),
    (Dau1997, {"flow": 700.0, "fhigh": 1500.0}),
    (Osses2021, {"flow": 700.0, "fhigh": 1500.0}),
    (King2019, {"flow": 700.0, "fhigh": 1500.0}),
]
each_model = pytest.mark.parametrize(("kind", "settings"), MODELS)


@each_model
@pytest.mark.parametrize("learnable", [False, True])
def test_some_channels_of_a_model_give_what_they_give_in_the_whole(
    kind: type[PerceptionModel], settings: dict[str, float], learnable: bool
):
    model = kind(16000, learnable=learnable, dtype=torch.float64, **settings)
    with torch.no_grad():
        for each in model.parameters():  # as if it had learned
            each += 0.01 * torch.randn(
                each.shape, generator=torch.Generator().manual_seed(1), dtype=each.dtype
            )
    part = model.some_channels(range(2, 5))
    x = signals.am_tone(1000.0, 20.0, duration=0.1, fs=16000, dtype=torch.float64)
    with torch.no_grad():
        whole, some = (m(x, return_stages=True) for m in (model, part))
    assert part.num_channels == 3
    for name in ("basilar_membrane", "hair_cell", "adapted"):
        expected = getattr(whole, name)[2:5]
        torch.testing.assert_close(
            getattr(some, name), expected, rtol=0.0, atol=1e-9 * float(expected.abs().max())
        )
    bands = some.internal.shape[1]
    torch.testing.assert_close(
        some.internal, whole.internal[2:5, :bands], rtol=0.0, atol=1e-8 * float(whole.internal.abs().max())
    )
    assert float(whole.internal[2:5, bands:].abs().sum()) == 0.0
    with pytest.raises(ValueError, match=r"channels = \[99\]; give at least one of 0 to"):
        model.some_channels([99])


@each_model
def test_each_model_listens_and_its_run_replays(kind: type[PerceptionModel], settings: dict[str, float]):
    rule = UpDown(reversals=2, steps=(4.0, 2.0))
    first, again = (
        Run(SHORT, rule, seed=2).proceed(ModelObserver(kind(16000, **settings), seed=3)) for _ in range(2)
    )
    assert first.to_json() == again.to_json()
    assert first.finished
    assert kind.__name__ in first.observer
    assert (
        Run.from_json(first.to_json()).proceed(ModelObserver(kind(16000, **settings))).to_json()
        == first.to_json()
    )


class Counted(nn.Module):
    """Counts the intervals that a model is given."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, module: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(module, PerceptionModel)
        self.shapes.append((*given[0].shape[:-1], module.num_channels))


def test_only_new_intervals_are_computed_at_once_and_in_the_region_of_interest():
    listener = ModelObserver(Paulick2024(16000, 250.0, 4000.0, 30))
    count = Counted()
    listener.decide(SHORT.trial(2.0, 1, seed=0))
    watched = len(listener.region(SHORT))
    assert watched < 20
    (known,) = listener._known.values()
    known.model.register_forward_pre_hook(count)
    listener.model.register_forward_pre_hook(count)
    listener.decide(SHORT.trial(2.0, 1, seed=0))
    assert count.shapes == [(1, watched)]  # two of the three are the reference
    noise = experiment(
        "intensity_discrimination", fs=16000, duration=0.1, ramp=0.01, carrier="noise", noise_high=3000.0
    )
    listener.decide(noise.trial(2.0, 1, seed=0))
    (known,) = listener._known.values()
    count.shapes.clear()
    known.model.register_forward_pre_hook(count)
    listener.decide(noise.trial(2.0, 1, seed=0))
    assert count.shapes == [(3, len(listener.region(noise)))]


def test_certain_answers_follow_the_criterion_and_drawn_ones_the_probability():
    model = Dau1997(16000, 800.0, 1300.0)
    certain, drawn = (ModelObserver(model, answers=how) for how in ("certain", "drawn"))
    limit = certain.threshold(SHORT)
    assert certain.probability(SHORT, limit) == pytest.approx(2**-0.5, abs=0.01)
    for value, right in ((1.1 * limit, True), (0.9 * limit, False)):
        trials = [SHORT.trial(value, k % 3, seed=k, number=k) for k in range(6)]
        assert {certain.answer(trial) == trial.target for trial in trials} == {right}
    trials = [SHORT.trial(limit, k % 3, seed=k, number=k) for k in range(60)]
    share = np.mean([drawn.answer(trial) == trial.target for trial in trials])
    assert 2**-0.5 - 0.18 < share < 2**-0.5 + 0.18  # three standard errors of 60


def test_a_run_finds_the_threshold_that_the_model_has():
    listener = ModelObserver(Dau1997(16000, 800.0, 1300.0))
    truth = listener.threshold(SHORT)
    run = Run(SHORT, UpDown(reversals=12), seed=4).proceed(listener)
    assert run.threshold is not None
    assert 0.6 < run.threshold / truth < 1.6
    fit = run.fit()
    assert fit.low < truth < fit.high


def test_more_internal_noise_raises_thresholds():
    model = Dau1997(16000, 800.0, 1300.0)
    quiet, noisy = (ModelObserver(model, variance=v).threshold(SHORT) for v in (10.0, 160.0))
    assert noisy > 2.0 * quiet


def test_a_target_in_denser_ripples_is_compared_with_a_template_of_that_density():
    listener = ModelObserver(Dau1997(16000, 300.0, 3000.0), examples=3)
    what = experiment("spectral_ripple", fs=16000, duration=0.2, low=300.0, high=3000.0, rove=0.0)
    coarse, fine = (listener.probability(what, density, trials=3) for density in (1.0, 12.0))
    assert coarse > 0.95
    assert fine < coarse


def test_what_cannot_listen_is_refused_with_a_reason():
    model = Dau1997(32000, 800.0, 1300.0)
    with pytest.raises(ValueError, match="fs = 16000 Hz of the experiment is not 32000 Hz of the model"):
        ModelObserver(model).decide(SHORT.trial(1.0, 0, seed=0))
    with pytest.raises(TypeError, match="model is a Linear"):
        ModelObserver(nn.Linear(1, 1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="answers = 'loud' is unknown"):
        ModelObserver(model, answers="loud")
    with pytest.raises(ValueError, match="variance = 0; give a finite number > 0"):
        ModelObserver(model, variance=0)
    with pytest.raises(ValueError, match="version = 'dau' is unknown"):
        ModelObserver(model, version="dau")
    deaf = experiment("tone_in_quiet", fs=32000, frequency=8000.0)
    with pytest.raises(ValueError, match="supra and reference are equal"):
        ModelObserver(model, supra=0.0).decide(deaf.trial(50.0, 0, seed=0))
