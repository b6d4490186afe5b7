"""Decay times and an output equaliser that train: exact gradients, and a loop that contracts whatever the numbers."""

import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amtlib.batch.variants import trainable_of
from amtlib.fdn import FDNBuild, absorption_times, design_fdn, render, reverberation_time, stability
from amtlib.fdn.bounds import gain_bounds, grid
from amtlib.fdn.equaliser import graphic_equaliser
from amtlib.train import Trainable, TrainingRun, build_fdn, extract_build, train_fdn, trainable_from_build
from amtlib.train.build import flamo_graph
from amtlib.train.filters import CEILING, LONGEST, TrainedDecay, TrainedEqualiser, trained_centres
from amtlib.train.losses import MatchEnergyDecay
from amtlib.train.response import Response

FS = 48000.0
ALL = Trainable(direct=True, decay=True, post_eq=True)


def small(**more: Any) -> Any:
    settings = {"rt": {125: 0.12, 1000: 0.09, 4000: 0.06}, "rng": 0, "nfft": 2**13, "device": "cpu"}
    return build_fdn(delays=[241, 263, 281, 293], trainable=ALL, **{**settings, **more})


def test_the_loop_contracts_for_10000_random_draws_of_the_numbers() -> None:
    rng = np.random.default_rng(1)
    least = math.inf
    for scale in (0.3, 3.0, 30.0):
        for _ in range(53):  # 64 draws each: every line its own delay and its own numbers
            delays = rng.integers(1, 30000, 64)
            lines = FDNBuild(np.eye(64), np.ones(64), np.ones(64), 0.0, delays, FS)
            decay = TrainedDecay(FDNBuild(lines.A, lines.B, lines.C, 0.0, delays, FS, filters=slow(delays)))
            x = torch.from_numpy(scale * rng.standard_normal((len(decay.centres), 64)))
            sos = decay(x).numpy()
            assert np.isfinite(sos).all()
            FDNBuild(
                lines.A, lines.B, lines.C, 0.0, delays, FS, filters=sos
            )  # which refuses unstable sections
            edges = np.unique(np.concatenate([grid()[::4], 2.0 * np.pi * decay.filters.points / FS]))
            ceiling = 10.0 ** (-3.0 * delays / (CEILING * FS))
            reached = np.abs(_response(sos, np.exp(-1j * edges))).max(axis=0)
            assert (reached <= ceiling * (1.0 + 1e-7)).all()
            bound = gain_bounds(sos, edges, 64).max(axis=0)  # between the points, too
            assert (bound <= ceiling * (1.0 + 1e-5)).all()  # widened for rounding, most at sharp low peaks
            assert (bound < 1.0).all()
            least = min(least, float((1.0 - reached).min()))
    assert least > 0.0


def slow(delays: Any) -> Any:
    filters = np.zeros((1, 6, len(delays)))
    filters[0, 0], filters[0, 3] = 10.0 ** (-3.0 * np.asarray(delays) / (8.0 * FS)), 1.0
    return filters


def _response(sos: Any, z: Any) -> Any:
    at = z[:, None]
    found = np.ones((len(z), sos.shape[2]), dtype=np.complex128)
    for b0, b1, b2, a0, a1, a2 in sos:
        found *= (b0 + at * (b1 + at * b2)) / (a0 + at * (a1 + at * a2))
    return found


@pytest.mark.parametrize("far", [-1e30, -50.0, 50.0, 1e30])
def test_numbers_however_far_off_leave_a_network_that_dies_away(far: float) -> None:
    model = small()
    with torch.no_grad():
        flamo_graph().read_leaves(model).filters.param.fill_(far)
    found = stability(extract_build(model))
    assert found.certain
    assert found.bound < 1.0
    assert found.slowest < 2.0 * LONGEST


def test_a_network_starts_with_the_times_it_was_built_with() -> None:
    build = design_fdn(N=8, rt=(2.0, 0.7), rng=0)
    found = extract_build(trainable_from_build(build, trainable=ALL, nfft=2**12, device="cpu"))
    centres = trained_centres(FS)
    wanted, reached = (
        absorption_times(b.filters, b.delays, FS, centres).mean(axis=1) for b in (build, found)
    )
    assert np.abs(reached / wanted - 1.0).max() < 1e-3
    assert found.post_eq is not None
    assert np.allclose(_response(found.post_eq, np.exp(-2j * np.pi * centres / FS)), 1.0, atol=1e-6)


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_fast_evaluation_is_that_of_the_graph_with_its_gradients(outputs: int) -> None:
    model = small(dtype=torch.float64, output_gain=np.ones((outputs, 4)) * [1.0, -0.5, 0.3, 0.8])
    leaves = flamo_graph().read_leaves(model)
    assert leaves.known
    with torch.no_grad():
        for leaf in (leaves.filters, leaves.post_eq):
            leaf.param.add_(0.5 * torch.randn(leaf.param.shape, generator=torch.Generator().manual_seed(0)))
    source = torch.zeros(1, 2**13, 1, dtype=torch.float64)
    source[:, 0] = 1.0
    response = Response(model, leaves, source)
    weights = torch.randn(1, 2**12 + 1, outputs, generator=torch.Generator().manual_seed(1))

    def gradients(spectrum: Tensor) -> dict[str, Tensor]:
        model.zero_grad()
        (spectrum.abs() * weights).sum().backward()
        return {name: p.grad.clone() for name, p in response.parameters().items()}

    fast, slow_one = response.spectrum(response.matrices()), response.spectrum(None)
    assert torch.allclose(fast, slow_one, rtol=0, atol=1e-9 * float(slow_one.detach().abs().max()))
    ours, graph = gradients(fast), gradients(slow_one)
    assert set(ours) == set("abcdfe")
    for name, found in ours.items():
        assert torch.allclose(found, graph[name], rtol=1e-6, atol=1e-8 * float(graph[name].abs().max())), name


def test_training_finds_the_decay_and_the_tone_of_another_network() -> None:
    room = design_fdn(delays=[241, 263, 281, 293], rt={125: 0.2, 1000: 0.12, 4000: 0.05}, rng=5)
    model = small(rt=0.1)
    log = train_fdn(
        model, loss=MatchEnergyDecay(), target=render(room, 2**13 / FS), max_steps=60, lr=0.1, rng=0
    )
    assert log.best_loss < 0.35 * log.train_loss[0]
    found = extract_build(model)
    assert stability(found).certain
    before, after = (
        np.abs(np.log(t / reverberation_time(render(room, 0.17), FS, [500.0, 1000.0, 2000.0]).t30))
        for t in (0.1, reverberation_time(render(found, 0.17), FS, [500.0, 1000.0, 2000.0]).t30)
    )
    assert after.mean() < 0.7 * before.mean()


def test_a_model_with_trained_filters_can_be_copied_saved_and_continued(tmp_path: Any) -> None:
    model = small()
    run = TrainingRun(model, "colorless", max_steps=3, lr=0.02)
    assert [step.index for step in run] == [0, 1, 2]
    run.save(tmp_path / "run.pt")
    copied = pickle.loads(pickle.dumps(model))
    assert extract_build(copied) == extract_build(model)
    assert run.snapshot(best=True).build.filters.shape == (10, 6, 4)
    again = TrainingRun(small(), "colorless", max_steps=3, lr=0.02)
    again.load(tmp_path / "run.pt")
    shares = run.gradient_shares("decay")
    assert sum(shares.values()) == pytest.approx(1.0)


def test_a_config_file_names_what_trains() -> None:
    assert trainable_of({"decay": True, "post_eq": True}) == Trainable(decay=True, post_eq=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rt": None}, "decay cannot train in a network without one"),
        ({"rt": 40.0}, "decay cannot train from 40 s at 62.5 Hz"),
        ({"rt": 0.01}, "decay cannot train from 0.01 s"),
        ({"matrix": "random"}, "decay trains with matrix='orthogonal' alone"),
    ],
)
def test_decays_that_cannot_train_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**settings)


def test_an_equaliser_starts_within_its_range() -> None:
    build = design_fdn(N=2, rng=0)
    loud = FDNBuild(
        build.A, build.B, build.C, 0.0, build.delays, FS, post_eq=[[[100.0], [0], [0], [1], [0], [0]]]
    )
    with pytest.raises(ValueError, match="post_eq cannot train from 40 dB"):
        TrainedEqualiser(loud)


def test_an_equaliser_with_phases_of_its_own_does_not_train_without_them() -> None:
    peaks = graphic_equaliser([[-3.0], [0.0], [-9.0]], [125.0, 1000.0, 8000.0], FS)
    plain = replace(design_fdn(N=2, rt=0.5, rng=0), post_eq=peaks)
    trainable_from_build(plain, trainable=Trainable(post_eq=True), nfft=2**11, device="cpu")
    apart = [[0.25], [-0.8], [1.0], [1.0], [-0.8], [0.25]]
    build = replace(plain, post_eq=np.concatenate([peaks, [apart]]))
    with pytest.raises(ValueError, match=f"post_eq cannot train: section {len(peaks)} has zeros outside"):
        trainable_from_build(build, trainable=Trainable(post_eq=True), nfft=2**11, device="cpu")
    trainable_from_build(build, nfft=2**11, device="cpu")  # frozen, it is kept as it is
