"""Training's fast evaluation is flamo's evaluation: in values, in gradients, for each layout of the graph."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from flamo.optimize.loss import mel_mss_loss, mss_loss, sparsity_loss
from flamo.processor import dsp
from hypothesis import example, given, settings
from scipy.linalg import expm, expm_frechet
from torch import Tensor

from amtlib.fdn.build import FDNBuild
from amtlib.fdn.design import design_fdn
from amtlib.fdn.response import render, transfer_function
from amtlib.train import Trainable, TrainingRun, build_fdn, colorless_sparsity_loss, trainable_from_build
from amtlib.train.fused import LoopGains, loop_response
from amtlib.train.graph import read_leaves
from amtlib.train.grid import delay_spectrum
from amtlib.train.losses import (
    MatchMelSpectrogram,
    MatchSpectrogram,
    MelSpectrogram,
    MultiScaleSpectrogram,
    Rendered,
)
from amtlib.train.losses.criteria import Criterion
from amtlib.train.response import Response
from amtlib.train.rotations import turned, turned_and_flipped

DELAYS = [61, 73, 83, 97]
NFFT = 2**10
CPU = torch.device("cpu")


def section(b0: float, b1: float, a1: float, channels: int) -> np.ndarray:
    return np.tile(np.array([[[b0], [b1], [0.0], [1.0], [a1], [0.0]]]), (1, 1, channels))


def network(kind: str) -> FDNBuild:
    """Networks of all layouts: two inputs and three outputs, filters in each place."""
    rng = np.random.default_rng(3)
    build = design_fdn(delays=DELAYS, rt=None, rng=1)
    if kind == "lossless":
        return build
    if kind == "decaying":
        return replace(build, filters=section(0.8, 0.1, -0.05, 4))
    wide = replace(build, B=rng.normal(size=(4, 2)), C=rng.normal(size=(3, 4)), D=rng.normal(size=(3, 2)))
    return replace(
        wide,
        filters=section(0.8, 0.1, -0.05, 4),
        post_matrix=section(0.9, 0.05, 0.0, 4),
        post_eq=section(0.7, 0.2, -0.3, 3),
    )


def impulses(model: Any, each: bool) -> Tensor:
    channels = model.input_channels
    x = torch.zeros(channels if each else 1, model.nfft, channels, dtype=model.dtype)
    x[:, 0] = torch.eye(channels) if each else 1.0
    return x


def gradients(model: Any, y: Tensor) -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    weights = torch.randn(y.shape, generator=generator, dtype=torch.float64).to(y.dtype)
    learned = [p for p in model.parameters() if p.requires_grad]
    return list(torch.autograd.grad((weights * y).sum(), learned))


ALL = Trainable(direct=True)


@pytest.mark.parametrize("kind", ["lossless", "decaying", "wide"])
@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("output", ["time", "magnitude"])
def test_the_fast_evaluation_equals_the_graph_in_values_and_gradients(
    kind: str, each: bool, output: str
) -> None:
    model = trainable_from_build(
        network(kind), trainable=ALL, nfft=NFFT, output=output, dtype=torch.float64, device="cpu"
    )
    x = impulses(model, each)
    response = Response(model, read_leaves(model), x)
    assert response.fused
    answer = Rendered(response.spectrum(response.matrices()), 48000.0, NFFT, gamma=response.gamma)
    # what losses call the magnitude has the decay against aliasing taken off, the graph's has it
    ours = answer.time if output == "time" else answer.spectrum.abs()
    theirs = model(x)
    # float64 rounding, and flamo's guards of 1e-12 in its filters
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9 * float(theirs.detach().abs().max()))
    for own, other in zip(gradients(model, ours), gradients(model, theirs), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-9, atol=1e-9 * float(other.abs().max()))


def test_the_fast_evaluation_equals_flamos_own_delays_too() -> None:
    model = trainable_from_build(network("decaying"), nfft=NFFT, dtype=torch.float64, device="cpu")
    leaves, x = read_leaves(model), impulses(model, False)
    response = Response(model, leaves, x)
    ours = response.spectrum(response.matrices())
    plain = dsp.parallelDelay(
        size=(4,), max_len=100, isint=True, unit=1, nfft=NFFT, fs=48000, dtype=torch.float64
    )
    plain.assign_value(leaves.delay.param.detach())
    spectrum = plain.freq_response(plain.param) * leaves.filters.freq_response(leaves.filters.param)
    a, b, c, *_ = response.matrices()
    loop = torch.eye(4) - spectrum[:, :, None] * a
    expected = c.to(loop.dtype) @ torch.linalg.solve(loop, spectrum[:, :, None] * b)
    # flamo's phase is rounded: 2 pi 97 / 2 rad in float64
    torch.testing.assert_close(ours[0], expected[:, :, 0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("N", [4, 8, 16])
def test_float32_gradients_are_those_of_a_float64_run(N: int) -> None:
    found = {}
    for dtype in (torch.float32, torch.float64):
        model = build_fdn(N=N, rt=2.0, rng=0, nfft=2**12, dtype=dtype, device="cpu")
        response = Response(model, read_leaves(model), impulses(model, False))
        ((response.spectrum(response.matrices()).abs() - 1.0) ** 2).mean().backward()
        found[dtype] = [p.grad.double() for p in model.parameters() if p.requires_grad]
    for single, double in zip(found[torch.float32], found[torch.float64], strict=True):
        # the project's bound; rounding makes about 1e-5 of it
        assert float((single - double).norm() / double.norm()) < 1e-4


@pytest.mark.parametrize("pivot", [False, True])
@pytest.mark.parametrize("back", [False, True])
def test_the_gradient_is_that_of_finite_differences(pivot: bool, back: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b, c = (
        torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((3, 3), (3, 2), (2, 3))
    )
    a = 0.3 * a
    forward = delay_spectrum(torch.tensor([3, 4, 5]), 16, 0.9)
    gains = LoopGains(forward, 0.5 + 0.3 * delay_spectrum(torch.tensor([1, 2, 1]), 16) if back else None)
    assert torch.autograd.gradcheck(
        lambda *x: torch.view_as_real(loop_response(*x, gains, pivot=pivot)),
        [value.requires_grad_() for value in (a, b, c)],
    )


def test_a_line_that_is_silent_at_a_frequency_is_no_problem() -> None:
    gains = LoopGains(torch.tensor([[0.5 + 0j, 0.0], [0.5, 0.5]], dtype=torch.complex128))
    a = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    b, c = torch.ones(2, 1, dtype=torch.float64), torch.ones(1, 2, dtype=torch.float64)
    # first: s = 0.5 / (1 - 0.5) twice; second: only the second line sounds, and nothing comes back to it
    torch.testing.assert_close(
        loop_response(a, b, c, gains).real.flatten(), torch.tensor([2.0, 0.5]).double()
    )


def test_a_loop_that_grows_is_evaluated_with_pivots() -> None:
    generator = torch.Generator().manual_seed(0)
    a = 10.0 * torch.randn(6, 6, generator=generator, dtype=torch.float64)
    b, c = torch.ones(6, 1, dtype=torch.float64), torch.ones(1, 6, dtype=torch.float64)
    gains = LoopGains(delay_spectrum(torch.arange(3, 9), 64))
    expected = c.to(gains.forward.dtype) @ torch.linalg.solve(
        torch.diag_embed(gains.forward.reciprocal().mT) - a, b.to(gains.forward.dtype)
    )
    # LAPACK's own rounding
    torch.testing.assert_close(loop_response(a, b, c, gains)[0, 0], expected[:, 0, 0], rtol=1e-9, atol=1e-12)


def test_long_grids_are_done_in_blocks_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    model = trainable_from_build(network("wide"), trainable=ALL, nfft=NFFT, dtype=torch.float64, device="cpu")
    response = Response(model, read_leaves(model), impulses(model, True))
    whole = response.spectrum(response.matrices())
    monkeypatch.setattr("amtlib.train.fused._BLOCK_BYTES", 1)
    parts = response.spectrum(response.matrices())
    torch.testing.assert_close(parts, whole, rtol=0.0, atol=1e-30)  # zeros but for rounding
    for own, other in zip(gradients(model, parts.abs()), gradients(model, whole.abs()), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-12)


def test_the_model_in_time_is_the_network_in_time() -> None:
    build = design_fdn(delays=DELAYS, rt=0.02, rng=1)
    model = trainable_from_build(build, nfft=2**12, dtype=torch.float64, device="cpu")
    expected = render(build, 2**12 / 48000)
    # what wraps around after 85 ms at an RT of 20 ms: -256 dB
    assert np.abs(model(impulses(model, False))[0, :, 0].detach().numpy() - expected).max() < 1e-12


def test_alias_decay_makes_a_lossless_network_end_within_the_fft() -> None:
    build = network("lossless")
    exact = render(build, NFFT / 48000)
    error = {}
    for decay in (30.0, 60.0, 90.0):
        model = trainable_from_build(
            build, nfft=NFFT, dtype=torch.float64, device="cpu", alias_decay_db=decay
        )
        y = model(impulses(model, False))[0, :, 0].detach().numpy()
        error[decay] = 20 * np.log10(np.sqrt(np.mean((y - exact) ** 2)) / np.sqrt(np.mean(exact**2)))
    # what wraps around is as loud as the response, less the decay
    for decay, found in error.items():
        assert found == pytest.approx(-decay, abs=3.0)


def test_the_delays_phase_is_exact_in_float32() -> None:
    build = design_fdn(delays=[1499, 1889, 2381, 2999], rt=2.0, rng=0)
    model = trainable_from_build(build, nfft=2**14, output="magnitude", device="cpu")
    expected = np.abs(transfer_function(build, 2**14))
    found = model(impulses(model, False))[0, :, 0].detach().numpy()
    # flamo's own float32 phase is off by 0.1 dB here
    assert np.abs(20 * np.log10(found / expected)).max() < 0.01


@pytest.mark.parametrize(
    ("ours", "theirs"), [(MatchSpectrogram, mss_loss), (MatchMelSpectrogram, mel_mss_loss)]
)
def test_spectrogram_losses_are_those_of_flamo(ours: Any, theirs: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    y, t = (torch.randn(1, 2048, 1, generator=generator, dtype=torch.float64) for _ in range(2))
    y.requires_grad_()
    own = Criterion(ours((256, 512, 1024), fs=48000.0), "loss")(y, t)
    other = theirs(nfft=[256, 512, 1024], sample_rate=48000)(y, t)
    # nnAudio's kernels are rounded to float32
    torch.testing.assert_close(own, other, rtol=1e-7, atol=0.0)
    a, b = (torch.autograd.grad(value, y)[0] for value in (own, other))
    assert float((a - b).norm() / b.norm()) < 1e-6


@pytest.mark.parametrize("kind", [MultiScaleSpectrogram, MelSpectrogram])
def test_channels_of_a_spectrogram_are_not_interleaved(kind: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    stereo = torch.randn(1, 2048, 2, generator=generator, dtype=torch.float64)
    spectrograms = kind((256,), 48000.0, torch.float64, CPU)
    (found,) = spectrograms(stereo)
    for channel in range(2):
        alone = spectrograms(stereo[..., channel, None])[0]
        torch.testing.assert_close(found[channel], alone[0], rtol=0.0, atol=1e-12)


def test_silent_frames_give_no_nan_gradient() -> None:
    y = torch.zeros(1, 2048, 1, dtype=torch.float64, requires_grad=True)
    target = torch.zeros(1, 2048, 1, dtype=torch.float64)
    target[:, 5] = 1.0
    loss = Criterion(MatchSpectrogram((256,), fs=48000.0), "mss_loss")(y, target)
    (gradient,) = torch.autograd.grad(loss, y)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("N", [2, 4, 8])
def test_sparsity_is_that_of_flamo(N: int) -> None:
    model = build_fdn(N=N, rng=0, nfft=64, device="cpu", dtype=torch.float64)
    own = colorless_sparsity_loss()(None, None, model)
    # flamo looks for the loop one level higher than the specification's graph has it
    higher = SimpleNamespace(get_core=lambda: model.get_core().branchA)
    torch.testing.assert_close(own, sparsity_loss()(None, None, higher), rtol=1e-12, atol=0.0)


def test_sparsity_of_one_line_is_zero_and_not_nan() -> None:
    assert float(colorless_sparsity_loss()(torch.ones(1, 1))) == 0.0


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(0, 2**31), st.booleans())
@example(2, 401, False)  # where torch.matrix_exp is wrong by 1.5e-10
def test_turned_matrices_are_orthogonal_and_their_gradient_that_of_the_exponential(
    size: int, seed: int, flipped: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, size, generator=generator, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(size, size, generator=generator, dtype=torch.float64)
    own = (turned_and_flipped if flipped else turned)(x)
    signs = torch.tensor([1.0] * (size - 1) + [-1.0 if flipped else 1.0], dtype=torch.float64)
    skew = (x.triu(1) - x.triu(1).mT).detach()
    # Derivatives by the exponential of the transposed matrix are the gradient; scipy, Al-Mohy and Higham (2009).
    by_skew = expm_frechet(skew.mT.numpy(), (weights * signs).numpy(), compute_expm=False)
    # eigenvalues of matrices of norm about 10, in float64
    torch.testing.assert_close(own, torch.from_numpy(expm(skew.numpy())) * signs, rtol=0.0, atol=1e-12)
    (gradient,) = torch.autograd.grad((own * weights).sum(), x)
    torch.testing.assert_close(
        gradient, torch.from_numpy(np.triu(by_skew - by_skew.T, 1)), rtol=1e-9, atol=1e-10
    )


def test_a_run_without_the_fast_path_takes_the_same_steps() -> None:
    losses = []
    for fused in (True, False):
        model = build_fdn(delays=DELAYS, rt=0.1, rng=0, nfft=NFFT, dtype=torch.float64, device="cpu")
        run = TrainingRun(model, "colorless", sparsity_alpha=0.01, max_steps=5, lr=1e-2, fused=fused)
        losses.append([step.loss for step in run])
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)


class DecayingFilter(dsp.parallelSOSFilter):  # type: ignore[misc]  # flamo has no types
    """As in graphs of pyFDN 0.5: the parameter is the decay time in s, from which a map makes the sections."""


def with_mapped_filter() -> Any:
    model = build_fdn(delays=[61, 73, 83, 97], rt=0.05, rng=1, nfft=NFFT, device="cpu", dtype=torch.float64)
    delays = torch.tensor([61.0, 73.0, 83.0, 97.0], dtype=torch.float64)

    def sections(rt: torch.Tensor) -> torch.Tensor:
        gains = 10.0 ** (-3.0 * delays / (rt * 48000.0))
        zero = torch.zeros_like(gains)
        return torch.stack([gains, zero, zero, zero + 1.0, zero, zero])[None]

    leaf = DecayingFilter(size=(4,), n_sections=1, nfft=NFFT, fs=48000, dtype=torch.float64)
    leaf.param = torch.nn.Parameter(torch.tensor(0.05, dtype=torch.float64), requires_grad=False)
    leaf.map = sections
    model.get_core().branchA.feedback_loop.feedforward.filter = leaf
    return model


def test_filters_behind_a_map_train_like_plain_sections() -> None:
    plain = build_fdn(delays=[61, 73, 83, 97], rt=0.05, rng=1, nfft=NFFT, device="cpu", dtype=torch.float64)
    expected = [step.loss for step in TrainingRun(plain, "colorless", max_steps=3)]
    run = TrainingRun(with_mapped_filter(), "colorless", max_steps=3)
    assert run._response.fused
    assert [step.loss for step in run] == pytest.approx(expected, rel=1e-9)
