"""Which loops grow, against the eigenvalues of the whole state and against the response itself."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib.fdn import FDNBuild, design_fdn, loop_gain, modal_decomposition, render, with_decay
from amtlib.train import TrainingRun, train_fdn, trainable_from_build
from tests.amtlib.test_fdn_modes import state_matrix


def peak(frequency: float, gain_db: float, q: float, fs: float = 48000.0) -> np.ndarray:
    """One section of a peaking equaliser (R. Bristow-Johnson, Audio EQ Cookbook), the same in each of eight lines."""
    a, w = 10.0 ** (gain_db / 40.0), 2.0 * math.pi * frequency / fs
    alpha, cosine = math.sin(w) / (2.0 * q), math.cos(w)
    section = [1 + alpha * a, -2 * cosine, 1 - alpha * a, 1 + alpha / a, -2 * cosine, 1 - alpha / a]
    return np.repeat(np.array(section)[None, :, None], 8, axis=2)


@pytest.fixture(scope="module")
def hadamard() -> FDNBuild:
    return design_fdn(N=8, rt=None, feedback="hadamard", rng=0)


def test_a_lossless_loop_has_the_gain_one_however_its_lines_are_scaled(hadamard: FDNBuild) -> None:
    scale = np.geomspace(1.0, 30.0, 8)
    for matrix in (hadamard.A, scale[:, None] * hadamard.A / scale):
        found = loop_gain(replace(hadamard, A=matrix))
        assert found.gain == pytest.approx(1.0, abs=1e-10)
        assert found.growth == 0.0


@pytest.mark.parametrize("q", [0.7, 10.0, 1000.0])
def test_a_peak_in_each_line_is_the_gain_of_the_loop(hadamard: FDNBuild, q: float) -> None:
    found = loop_gain(replace(hadamard, filters=peak(1000.0, 2.0, q)))
    # all lines have the same filter, and the matrix is orthogonal: the loop gains what the filter does
    assert found.decibels == pytest.approx(2.0, abs=1e-3)
    assert found.frequency == pytest.approx(1000.0, rel=1e-3)
    assert found.growth > 0.0


def test_growth_is_that_of_the_response(hadamard: FDNBuild) -> None:
    grown = replace(hadamard, A=hadamard.A * 1.00002**hadamard.delays)  # every mode by 8.34 dB/s
    found = loop_gain(grown)
    assert found.growth == pytest.approx(20.0 * math.log10(1.00002) * 48000, rel=1e-6)
    level = [10.0 * math.log10(np.square(part).mean()) for part in np.split(render(grown, 2.0), 4)]
    assert level[3] - level[1] == pytest.approx(
        found.growth, abs=0.5
    )  # lossless, such a second varies by 0.5 dB


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.8, 1.3), st.booleans())
def test_growth_is_that_of_the_fastest_eigenvalue_of_the_state(
    seed: int, scale: float, filtered: bool
) -> None:
    rng = np.random.default_rng(seed)
    delays = rng.integers(3, 20, 4)
    build = design_fdn(delays=delays, rt=None, feedback=scale * rng.normal(size=(4, 4)) / 2.0)
    if filtered:
        build = replace(build, filters=peak(6000.0, 1.0, 2.0)[:, :, :4])
    radius = float(np.abs(np.linalg.eigvals(state_matrix(build))).max())
    found = loop_gain(build)
    if radius < 1.0 - 1e-6:
        assert found.growth == 0.0
    elif radius > 1.0 + 1e-6:
        assert found.gain > 1.0
        assert found.growth == pytest.approx(20.0 * math.log10(radius) * build.fs, rel=1e-6)


@pytest.mark.parametrize("frequency", [990.0, 995.0, 1000.0, 1005.0])
def test_a_narrow_peak_grows_only_where_it_meets_a_mode(hadamard: FDNBuild, frequency: float) -> None:
    decaying = with_decay(hadamard, 2.0)
    assert decaying.filters is not None
    build = replace(decaying, filters=np.concatenate([decaying.filters, peak(frequency, 2.0, 1000.0)]))
    fastest = modal_decomposition(build, band=(900.0, 1100.0)).exponents.real.max()
    found = loop_gain(build)
    assert found.gain > 1.1
    assert found.growth == pytest.approx(max(20.0 / math.log(10.0) * 48000 * fastest, 0.0), rel=1e-6)


def test_training_refuses_a_loop_that_grows_at_one_frequency(hadamard: FDNBuild) -> None:
    model = trainable_from_build(replace(hadamard, filters=peak(1000.0, 2.0, 1.0)), nfft=2**12, device="cpu")
    with pytest.raises(ValueError, match=r"loop grows: at 1000 Hz a round through it gains 2 dB .* by 0\.79"):
        TrainingRun(model, "colorless")


def test_training_refuses_a_matrix_that_amplifies(hadamard: FDNBuild) -> None:
    build = replace(hadamard, A=1.02 * hadamard.A)
    model = trainable_from_build(build, matrix="random", nfft=2**12, device="cpu")
    with pytest.raises(ValueError, match=r"gains 0\.172 dB \(a factor of 1\.02\).*by 0\.9802"):
        train_fdn(model, "colorless", max_steps=1)


def test_training_takes_loops_that_do_not_grow(hadamard: FDNBuild) -> None:
    scale = np.geomspace(1.0, 30.0, 8)
    build = replace(hadamard, A=scale[:, None] * hadamard.A / scale)
    model = trainable_from_build(build, matrix="random", nfft=2**13, device="cpu")
    assert TrainingRun(model, "colorless").state == "ready"


def test_only_a_network_has_a_loop_gain() -> None:
    with pytest.raises(TypeError, match="build is a list: give an FDNBuild"):
        loop_gain([1.0])  # type: ignore[arg-type]
