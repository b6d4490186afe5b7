"""Losses add up, are logged by name, and come in by every door: loss=, criteria=, and the modes of an ear."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from amtlib.fdn.design import design_fdn
from amtlib.fdn.response import render
from amtlib.train import (
    Snapshot,
    Trainable,
    TrainingRun,
    build_fdn,
    build_objective,
    extract_build,
    output_domain,
    train_fdn,
    trainable_from_build,
)
from amtlib.train.losses import (
    Absolute,
    Compare,
    FlatExcitation,
    FlatMagnitude,
    FlatPower,
    Loss,
    Magnitude,
    MatchCochleagram,
    MatchExcitation,
    MatchImpulseResponse,
    MatchMagnitude,
    MatchSpectrogram,
    Mean,
    Rendered,
    Sparsity,
    colorless_sparsity_loss,
)

DELAYS = [61, 73, 83, 97]
NFFT = 2**11
FS = 48000.0


def model(rt: float | None = 0.02, **more: Any) -> Any:
    return build_fdn(**{"delays": DELAYS, "rt": rt, "rng": 1, "nfft": NFFT, "device": "cpu", **more})


@pytest.fixture(scope="module")
def room() -> np.ndarray:
    """The response of a small network, to be matched by another."""
    return render(design_fdn(delays=DELAYS, rt=0.02, rng=5), NFFT / FS)


def matching() -> Loss:
    return MatchCochleagram() + 0.5 * MatchExcitation() + 0.01 * Sparsity()


# ---------------------------------------------------------------------- composition


def test_a_sum_reads_like_what_was_typed() -> None:
    loss = 0.5 * (MatchCochleagram(field="free") + FlatMagnitude().named("flat")) + Sparsity() * 2
    text = "0.5 * MatchCochleagram(field='free') + 0.5 * FlatMagnitude().named('flat') + 2 * Sparsity()"
    assert repr(loss) == text
    assert repr(eval(text)) == text


def test_a_second_of_one_name_gets_a_number() -> None:
    loss = Sparsity() + FlatMagnitude() + Sparsity() + Sparsity().named("zeros")
    assert [name for _, name, _ in loss.named_terms] == ["Sparsity", "FlatMagnitude", "Sparsity_2", "zeros"]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(0.0, 10.0), min_size=2, max_size=2), st.floats(0.0, 10.0))
def test_weights_multiply_and_terms_add(weights: list[float], whole: float) -> None:
    answer = Rendered.of_response(torch.tensor([1.0, 0.5, 0.0, 0.25], dtype=torch.float64), FS)
    first, second = FlatMagnitude(), FlatPower()
    loss = whole * (weights[0] * first + weights[1] * second)
    expected = whole * (weights[0] * float(first(answer)) + weights[1] * float(second(answer)))
    # float64 rounding
    assert float(loss(answer)) == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_losses_are_frozen_equal_by_value_and_fit_for_sets() -> None:
    assert {MatchCochleagram(), MatchCochleagram(), MatchCochleagram(level=60.0)} == {
        MatchCochleagram(),
        MatchCochleagram(level=60.0),
    }
    with pytest.raises(AttributeError):
        MatchCochleagram().level = 3.0  # type: ignore[misc]


def test_a_feature_is_computed_once_for_all_losses_that_read_it() -> None:
    count = 0

    class Counted(Magnitude):
        def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
            nonlocal count
            count += 1
            return super().__call__(rendered)

    loss = Compare(Counted(), Absolute(to=1.0), Mean()) + Compare(Counted(), Absolute(to=2.0), Mean())
    loss(Rendered.of_response(torch.ones(8), FS))
    assert count == 1


@pytest.mark.parametrize(
    ("compose", "error", "complaint"),
    [
        (lambda: FlatMagnitude() + 1, TypeError, r"1 cannot be added to a loss: add losses"),
        (lambda: sum([FlatMagnitude(), Sparsity()]), TypeError, r"sum\(\) of losses needs a loss as its start"),
        (lambda: FlatMagnitude() * math.inf, ValueError, r"the weight inf of FlatMagnitude\(\) must be finite"),
        (lambda: -0.1 * FlatMagnitude(), ValueError, r"the weight -0.1 of FlatMagnitude\(\) must be"),
        (lambda: FlatMagnitude() * "2", TypeError, r"the weight '2' is a str: give one real number"),
        (lambda: FlatMagnitude() * Sparsity(), TypeError, r"cannot be multiplied: multiply a loss by a number"),
    ],
)  # fmt: skip
def test_what_does_not_compose_is_named(compose: Any, error: type[Exception], complaint: str) -> None:
    with pytest.raises(error, match=complaint):
        compose()


# ---------------------------------------------------------------------- doors


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_composed_loss_is_trained_and_its_terms_logged_unweighted(optimizer: str, room: np.ndarray) -> None:
    steps, lr = (25, 1e-2) if optimizer == "adam" else (3, 1.0)
    log = train_fdn(model(), loss=matching(), target=room, max_steps=steps, lr=lr, optimizer=optimizer)
    assert list(log.loss_log) == ["MatchCochleagram", "MatchExcitation", "Sparsity"]
    assert log.best_loss < 0.8 * log.train_loss[0]
    first = [values[0] for values in log.loss_log.values()]
    assert log.train_loss[0] == pytest.approx(first[0] + 0.5 * first[1] + 0.01 * first[2], rel=1e-6)


@pytest.mark.parametrize(
    ("mode", "key"), [("match_cochleagram", "MatchCochleagram"), ("match_loudness", "MatchLoudness")]
)
def test_the_modes_of_an_ear_come_closer_to_the_target(mode: str, key: str, room: np.ndarray) -> None:
    log = train_fdn(model(), mode, target=room, max_steps=40, lr=1e-2, sparsity_alpha=0.001)
    assert list(log.loss_log) == [key, "_ColorlessSparsity"]
    assert log.best_loss < 0.85 * log.train_loss[0]
    assert output_domain(mode) == "time"


def test_criteria_may_hold_losses_beside_modules(room: np.ndarray) -> None:
    log = train_fdn(
        model(),
        "match_spectrogram",
        target=room,
        criteria=[
            (matching(), 2.0, False),
            (colorless_sparsity_loss(), 0.1, True),
            (nn.MSELoss(), 1.0, False),
        ],
        max_steps=1,
    )
    first = [values[0] for values in log.loss_log.values()]
    assert list(log.loss_log) == [
        "MatchCochleagram", "MatchExcitation", "Sparsity", "_ColorlessSparsity", "MSELoss"
    ]  # fmt: skip
    weights = [2.0, 1.0, 0.02, 0.1, 1.0]
    assert log.train_loss[0] == pytest.approx(
        sum(w * v for w, v in zip(weights, first, strict=True)), rel=1e-6
    )
    # the same penalty, by two names
    assert first[2] == pytest.approx(first[3], rel=1e-6)


def test_a_loss_that_needs_the_model_flag_or_not_is_the_same() -> None:
    found = [
        train_fdn(model(None), "colorless", criteria=[(FlatPower(), 1.0, flag)], max_steps=2).train_loss
        for flag in (False, True)
    ]
    assert found[0] == found[1]


def test_a_composed_loss_has_the_value_of_the_mode_it_rebuilds(room: np.ndarray) -> None:
    sizes = (64, 128)
    by_mode = train_fdn(
        model(), "match_spectrogram", target=room, mss_nfft=sizes, max_steps=5, sparsity_alpha=1e-6
    )
    by_loss = train_fdn(model(), loss=MatchSpectrogram(sizes) + 1e-6 * Sparsity(), target=room, max_steps=5)
    # the same sums in another order, in float32
    np.testing.assert_allclose(by_loss.train_loss, by_mode.train_loss, rtol=1e-5)


def test_the_graph_itself_gives_the_same_losses(room: np.ndarray) -> None:
    loss = matching() + MatchImpulseResponse()
    found = [
        TrainingRun(model(dtype=torch.float64), loss=loss, target=room, max_steps=2, fused=fused)
        for fused in (True, False)
    ]
    runs = [[step.loss for step in run] for run in found]
    assert runs[0] == pytest.approx(runs[1], rel=1e-8)
    # flamo's guards of 1e-12 in its filters
    np.testing.assert_allclose(
        found[0].snapshot().rendered.time, found[1].snapshot().rendered.time, atol=1e-9
    )


def test_a_lossless_network_trains_on_losses_of_its_time_signal() -> None:
    loss = FlatPower() + MatchExcitation()
    target = np.random.default_rng(0).normal(size=NFFT)
    log = train_fdn(model(None), loss=loss, target=target, max_steps=20, lr=1e-2)
    assert log.best_loss < log.train_loss[0]


def test_drawn_frequencies_go_with_losses_of_the_magnitude() -> None:
    loss = FlatMagnitude() + 0.05 * Sparsity()
    run = TrainingRun(model(None), loss=loss, frequencies=128, max_steps=40, lr=1e-2, rng=0)
    steps = list(run)
    whole = TrainingRun(model(None), loss=loss, max_steps=40, lr=1e-2)
    # a sixteenth of the bins: noise of the gradient
    assert steps[-1].loss < 1.3 * list(whole)[-1].loss


def test_drawn_frequencies_meet_the_target_at_the_same_ones(room: np.ndarray) -> None:
    network = trainable_from_build(design_fdn(delays=DELAYS, rt=0.02, rng=5), nfft=NFFT, device="cpu")
    run = TrainingRun(network, loss=MatchMagnitude(), target=room, frequencies=64, max_steps=1, rng=0)
    # time aliasing of a network whose response outlasts nfft, at -128 dB
    assert next(iter(run)).loss < 1e-9


def test_inputs_are_matched_one_by_one() -> None:
    rng = np.random.default_rng(0)
    goal = design_fdn(
        delays=DELAYS, rt=0.02, rng=1, input_gain=rng.normal(size=(4, 2)), output_gain=rng.normal(size=(3, 4))
    )
    network = trainable_from_build(goal, nfft=NFFT, device="cpu", dtype=torch.float64)
    run = TrainingRun(network, loss=matching(), target=render(goal, NFFT / FS), max_steps=1)
    step = next(iter(run))
    assert run.snapshot().rendered.time.shape == (2, NFFT, 3)
    # the same network: only what wraps around in time differs
    assert max(step.terms["MatchCochleagram"], step.terms["MatchExcitation"]) < 1e-4


def test_a_run_with_a_loss_continues_from_a_checkpoint(tmp_path: Path, room: np.ndarray) -> None:
    def run(loss: Loss) -> TrainingRun:
        return TrainingRun(model(), loss=loss, target=room, max_steps=10, lr=1e-2, patience=100)

    whole, half, rest = (run(matching()) for _ in range(3))
    for _ in range(5):
        half.step()
    half.save(tmp_path / "half.pt")
    rest.load(tmp_path / "half.pt")
    for one in (whole, rest):
        list(one)
    assert rest.log == whole.log
    assert extract_build(rest.model) == extract_build(whole.model)
    other = run(MatchCochleagram(level=60.0) + 0.5 * MatchExcitation() + 0.01 * Sparsity())
    with pytest.raises(ValueError, match=r"the checkpoint has loss = .*make the run as it was"):
        other.load(tmp_path / "half.pt")


def test_two_losses_of_one_name_are_told_apart_and_that_is_said() -> None:
    with pytest.warns(UserWarning, match=r"called FlatExcitation: .* logged as FlatExcitation_2; .*named"):
        run = TrainingRun(model(None), loss=FlatExcitation() + FlatExcitation("peaks"))
    assert list(run.gradient_shares()) == ["FlatExcitation", "FlatExcitation_2"]


def test_time_aliasing_is_told_for_losses_of_the_time_signal(room: np.ndarray) -> None:
    with pytest.warns(UserWarning, match="time aliasing"):
        TrainingRun(model(2.0), loss=MatchCochleagram(), target=room)


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        ({}, ValueError, "give a mode, one of .*, or loss="),
        ({"loss": MatchExcitation()}, ValueError, r"MatchExcitation\(\) needs a target: give target="),
        ({"loss": nn.MSELoss()}, TypeError, r"loss is MSELoss\(\): give a loss of amtlib.train.losses"),
        ({"mode": FlatPower()}, TypeError, r"mode is the loss FlatPower\(\): give it as loss="),
        ({"loss": FlatPower(), "criteria": []}, ValueError, "give loss= or criteria=, not both"),
        (
            {"loss": FlatPower(), "objective": "power_variance"},
            ValueError,
            "leave it out, and take FlatPower",
        ),
        (
            {"loss": FlatPower() + FlatExcitation(), "frequencies": 64},
            ValueError,
            r"frequencies = 64 leaves gaps, and FlatExcitation\(\) reads the whole response",
        ),
        (
            {"mode": "colorless", "criteria": [(FlatExcitation(), 1.0, False)], "frequencies": 64},
            ValueError,
            r"frequencies = 64 leaves gaps, and FlatExcitation\(\)",
        ),
        (
            {"mode": "colorless", "criteria": [(MatchExcitation(), 1.0, False)]},
            ValueError,
            r"needs a target: .* leave mode 'colorless' out",
        ),
        ({"mode": "match_cochleagram"}, ValueError, "mode 'match_cochleagram' requires target="),
        ({"mode": "colorless", "criteria": [(FlatPower(), -1.0, False)]}, ValueError, "the weight -1"),
    ],
)
def test_what_does_not_go_together_is_named(
    arguments: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        TrainingRun(model(None), **arguments)


def test_responses_too_short_for_a_loss_fail_when_the_run_is_made() -> None:
    with pytest.raises(ValueError, match="less than two frames"):
        TrainingRun(model(0.005, nfft=2**9), loss=MatchCochleagram(), target=np.r_[1.0, 0.5, 0.0])


def test_build_objective_takes_a_loss_without_a_mode(room: np.ndarray) -> None:
    source, wanted, criteria, domain = build_objective(
        None, target=None, criteria=None, sparsity_alpha=0.2, mss_nfft=(256,), fs=FS, nfft=NFFT, n_in=2, n_out=1,
        device="cpu", dtype=torch.float32, loss=FlatPower() + 0.5 * Sparsity(),
    )  # fmt: skip
    assert (source.shape, wanted.shape, domain) == ((1, NFFT, 2), (1, NFFT // 2 + 1, 1), "magnitude")
    assert [(repr(c), weight, flag) for c, weight, flag in criteria] == [
        ("FlatPower()", 1.0, False),
        ("Sparsity()", 0.5, False),
    ]


# ---------------------------------------------------------------------- watching


def test_gradient_shares_are_those_of_the_weighted_terms(room: np.ndarray) -> None:
    run = TrainingRun(model(dtype=torch.float64), loss=matching(), target=room)
    found = run.gradient_shares("feedback")
    assert sum(found.values()) == pytest.approx(1.0)
    sizes = []
    for weight, _, term in matching().named_terms:
        alone = TrainingRun(model(dtype=torch.float64), loss=term, target=room)
        total, _ = alone._descent.loss(None)
        (gradient,) = torch.autograd.grad(total, alone._response.parameters()["a"])
        sizes.append(weight * float(gradient.norm()))
    assert list(found.values()) == pytest.approx([s / sum(sizes) for s in sizes], rel=1e-9)


def test_watching_gradient_shares_from_another_thread_changes_nothing(room: np.ndarray) -> None:
    settings: dict[str, Any] = {"loss": matching(), "target": room, "max_steps": 30, "patience": 100}
    alone = [step.loss for step in TrainingRun(model(), **settings)]
    watched = TrainingRun(model(), **settings)
    watched.start()
    while watched.state != "finished":
        assert sum(watched.gradient_shares().values()) == pytest.approx(1.0)
        assert torch.isfinite(watched.snapshot().rendered.time).all()
    assert watched.log.train_loss == alone


class Level(nn.Module):
    def forward(self, y_pred: Tensor, y_true: Tensor) -> Tensor:
        return (y_pred.mean() - 2.0).square()


@pytest.mark.parametrize("fused", [True, False])
def test_gradient_shares_of_criteria_of_ones_own_wait_for_the_step(fused: bool) -> None:
    criteria = [(Level(), 1.0, False), (FlatPower(), 1.0, False)]
    with TrainingRun(
        model(None), "colorless", criteria=criteria, max_steps=10**6, patience=10**6, fused=fused
    ) as run:
        run.start()
        for _ in range(3):
            assert sum(run.gradient_shares().values()) == pytest.approx(1.0)


def test_shares_of_what_is_not_trained_are_refused() -> None:
    run = TrainingRun(model(None, trainable=Trainable(input_gain=False)), loss=FlatPower())
    with pytest.raises(ValueError, match="this part of the network is not trained"):
        run.gradient_shares("input_gain")
    with pytest.raises(ValueError, match="part = 'b' is unknown: choose from 'feedback'"):
        run.gradient_shares("b")


def test_a_snapshot_answers_as_the_model_did(room: np.ndarray) -> None:
    run = TrainingRun(model(), loss=matching(), target=room, max_steps=3, lr=1e-2)
    run.step()
    snapshot = run.snapshot()
    expected = torch.from_numpy(render(snapshot.build, NFFT / FS))
    list(run)
    rendered = snapshot.rendered
    # float32
    np.testing.assert_allclose(rendered.time[0, :, 0], expected, atol=1e-5)
    assert rendered.target is run.target
    assert float(matching()(rendered)) == pytest.approx(run.log.train_loss[1], rel=1e-5)


def test_a_snapshot_made_by_hand_says_where_answers_come_from() -> None:
    with pytest.raises(ValueError, match=r"take one from TrainingRun.snapshot\(\)"):
        _ = Snapshot(0, math.nan, {}, {}, lambda parameters: design_fdn(N=4)).rendered
