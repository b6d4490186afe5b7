"""Losses are modules: of signals (T,), (B, T) and (B, C, T) in any network, as of a network's answers."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amtlib.train import TrainingRun, build_fdn, losses
from amtlib.train.losses import (
    Compare,
    FlatExcitation,
    FlatMagnitude,
    Loss,
    Magnitude,
    MatchCochleagram,
    MatchExcitation,
    MatchImpulseResponse,
    MatchLoudness,
    MatchMagnitude,
    MatchSpectrogram,
    Mean,
    Rendered,
    Sparsity,
    Squared,
    Term,
)

FS = 16000.0
#: Every public loss with its defaults, so that the next one is in it by itself.
PUBLIC = [
    found
    for found in (getattr(losses, name) for name in sorted(losses.__all__))
    if isinstance(found, type) and issubclass(found, Term) and found not in (Term, losses.Named)
]
SETTINGS: dict[type, dict[str, Any]] = {
    Compare: {"feature": Magnitude(), "distance": Squared(), "reduction": Mean()},
    losses.MatchSpectrogram: {"sizes": (64, 128)},
    losses.MatchMelSpectrogram: {"sizes": (64, 128)},
}
EVERY = [kind(fs=FS, **SETTINGS.get(kind, {})) for kind in PUBLIC]
OF_SIGNALS = [loss for loss in EVERY if loss.reads != "matrix"]
MATCHES = [loss for loss in OF_SIGNALS if loss.needs_target]
# Those of two ears need two channels: their items are in tests/amtlib/test_train_two_ears.py.
OF_ONE = [
    loss for loss in OF_SIGNALS if not isinstance(loss, losses.DiffuseCoherence | losses.MatchCoherence)
]


def rooms(*shape: int, seed: int = 0) -> Tensor:
    """Decaying noise, double."""
    noise = torch.randn(*shape, 3200, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return noise * 0.999 ** torch.arange(3200)


def call(loss: Loss, y: Tensor, target: Any) -> Tensor:
    found: Tensor = loss(y, target) if loss.needs_target else loss(y)
    return found


def test_every_public_loss_is_among_these() -> None:
    assert len(EVERY) >= 16
    assert len(MATCHES) >= 9


@pytest.mark.parametrize("loss", OF_ONE, ids=repr)
def test_a_loss_of_tensors_is_a_number_with_a_gradient_at_every_signal(loss: Term) -> None:
    assert isinstance(loss, nn.Module)
    assert not loss.state_dict()
    y, target = rooms(2).requires_grad_(), rooms(2, seed=1)
    value = call(loss, y, target)
    (slope,) = torch.autograd.grad(value, y)
    assert (value.shape, value.dtype) == ((), torch.float64)
    assert value > 0.0
    assert torch.isfinite(slope).all()
    assert (slope.abs().amax(dim=-1) > 0.0).all()


@pytest.mark.parametrize("loss", MATCHES, ids=repr)
def test_a_match_is_0_where_signal_and_target_are_equal(loss: Term) -> None:
    y = rooms(2, 2)
    assert abs(float(loss(y, y))) < 1e-12
    assert float(loss(y, rooms(2, 2, seed=1))) > 1e-6


@pytest.mark.parametrize("loss", OF_ONE, ids=repr)
def test_a_batch_gives_the_mean_of_its_items_and_a_channel_what_its_signal_gives(loss: Term) -> None:
    y, target = rooms(3), rooms(3, seed=1)
    each = torch.stack([call(loss, one, goal) for one, goal in zip(y, target, strict=True)])
    torch.testing.assert_close(call(loss, y, target), each.mean(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(call(loss, y[:, None], target[:, None]), each.mean(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", OF_SIGNALS, ids=repr)
def test_a_loss_of_tensors_is_that_of_the_same_answer(loss: Term) -> None:
    y, target = rooms(2), rooms(2, seed=1)  # two channels of one answer
    answer = Rendered.of_response(y.mT, FS, target=Rendered.of_response(target.mT, FS))
    torch.testing.assert_close(call(loss, y[None], target[None]), loss(answer), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", OF_ONE, ids=repr)
def test_the_gradient_of_a_loss_is_right(loss: Term) -> None:
    y, target = rooms(1, seed=2), rooms(1, seed=1)
    along = torch.randn(2, 1, 3200, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    along = along * y.abs()  # as large as the signal is there: a loud tail would be another signal

    def moved(x: Tensor) -> Tensor:
        return call(loss, y + (x[:, None, None] * along).sum(dim=0), target)

    start = torch.full((2,), 1e-3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(moved, (start,), eps=1e-6, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("loss", [loss for loss in MATCHES if loss in OF_ONE], ids=repr)
def test_the_target_may_be_an_array_or_one_for_all_and_gets_no_gradient(loss: Term) -> None:
    y, target = rooms(2), rooms(seed=1).requires_grad_()
    whole = loss(y, target.detach().expand(2, -1))
    torch.testing.assert_close(loss(y.requires_grad_(), target), whole)
    torch.testing.assert_close(loss(y, target.detach().numpy()), whole)
    loss(y, target).backward()
    assert target.grad is None
    single = loss(y.float(), target.detach().numpy())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), whole.detach(), rtol=2e-3, atol=1e-5)


def test_a_loss_within_a_network_moves_copies_and_saves_with_it() -> None:
    net = nn.Sequential(nn.Linear(8, 8))
    net.add_module("loss", MatchCochleagram(FS) + 0.5 * MatchMagnitude())
    net.eval().train().to(torch.float64)
    assert sorted(net.state_dict()) == ["0.bias", "0.weight"]
    again = pickle.loads(pickle.dumps(copy.deepcopy(net)))
    y, target = rooms(2), rooms(2, seed=1)
    assert torch.equal(again.loss(y, target), net.loss(y, target))
    assert repr(again.loss) == "MatchCochleagram(fs=16000.0) + 0.5 * MatchMagnitude()"
    assert eval(repr(again.loss)) == net.loss


def test_the_training_loop_of_a_network_of_ones_own_lowers_the_loss() -> None:
    gain = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    loss, target = MatchCochleagram(FS) + 0.1 * MatchExcitation(), rooms(4)
    optimizer = torch.optim.Adam([gain], lr=0.05)
    values = []
    for _ in range(25):
        optimizer.zero_grad()
        value = loss(gain * target, target)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.2 * values[0]
    assert abs(gain.item() - 1.0) < 0.15


def test_a_sum_is_the_sum_and_takes_the_rate_of_any_of_its_terms_or_of_the_call() -> None:
    y, target = rooms(2), rooms(2, seed=1)
    parts = MatchCochleagram(FS)(y, target) + 2.0 * MatchSpectrogram((64,), fs=FS)(y, target)
    for loss in (
        MatchCochleagram(FS) + 2.0 * MatchSpectrogram((64,)),
        (MatchCochleagram() + MatchSpectrogram((64,)) * 2),
    ):
        torch.testing.assert_close(loss(y, target, fs=FS), parts)
    torch.testing.assert_close((MatchCochleagram(FS) + 2.0 * MatchSpectrogram((64,)))(y, target), parts)
    torch.testing.assert_close(MatchCochleagram(FS).named("ear")(y, target), MatchCochleagram(FS)(y, target))


def test_the_matrix_is_given_beside_the_signals_or_alone() -> None:
    y, target = rooms(2), rooms(2, seed=1)
    matrix = torch.eye(4, dtype=torch.float64).requires_grad_()
    assert float(Sparsity()(matrix).detach()) == 1.0
    both = (MatchMagnitude() + 0.5 * Sparsity())(y, target, matrix=matrix)
    torch.testing.assert_close(both, MatchMagnitude()(y, target) + 0.5)
    assert torch.autograd.grad(both, matrix)[0].abs().max() > 0.0


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda y: MatchCochleagram()(y, y), ValueError, "needs the sampling rate of y: give fs="),
        (lambda y: MatchCochleagram(FS)(y), ValueError, "needs a target: give it as the second argument"),
        (lambda y: MatchMagnitude()(y, y[:1]), ValueError, r"target has shape \(1, 3200\), y \(2, 3200\)"),
        (lambda y: MatchMagnitude()(y, y * torch.nan), ValueError, "target has values that are not finite"),
        (lambda y: MatchMagnitude()((9.0 * y).short(), y), TypeError, "y holds torch.int16: give floats"),
        (lambda y: MatchMagnitude()(y, np.zeros((2, 3200), int)), TypeError, "target holds torch.int64: give"),
        (lambda y: FlatMagnitude()(y[:, :1]), ValueError, r"y has shape \(2, 1\): give \(T,\), \(B, T\) or"),
        (lambda y: FlatMagnitude()(y[None, None]), ValueError, r"give \(T,\), \(B, T\) or \(B, C, T\)"),
        (lambda y: MatchLoudness(fs=0.0), ValueError, "got fs = 0.0: give 100 to 768000 Hz"),
        (lambda y: (MatchLoudness(FS) + FlatExcitation(fs=8e3))(y, y), ValueError, "the rates 8000 and 16000 Hz"),
        (lambda y: (FlatMagnitude() + Sparsity())(y), ValueError, "without a feedback matrix: give matrix="),
        (lambda y: Sparsity()(y), ValueError, r"feedback matrix has shape \(2, 3200\): give a square one"),
        (lambda y: MatchMagnitude()(Rendered.of_response(y[0], FS), y), TypeError, "give both as tensors, or"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_a_sentence(
    wrong: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        wrong(rooms(2))


def test_a_network_is_not_trained_by_a_loss_of_another_rate() -> None:
    model = build_fdn(delays=[61, 73], rt=0.02, nfft=2**11, rng=1, device="cpu")
    target = rooms()[:2048].numpy()
    loss = MatchImpulseResponse() + MatchCochleagram(FS)
    with pytest.raises(
        ValueError, match=r"is made for 16000 Hz, the network runs at 48000 Hz: leave its fs out"
    ):
        TrainingRun(model, loss=loss, target=target)
