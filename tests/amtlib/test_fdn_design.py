"""Delay lengths, feedback matrices and absorption: the parts a network is made of."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib.fdn import (
    MATRICES,
    MAX_LINES,
    FDNBuild,
    design_fdn,
    feedback_matrix,
    first_order_absorption,
    matrices_for,
    orthogonality_error,
    random_orthogonal,
    sample_delay_lengths,
    sparsity,
    with_decay,
)
from amtlib.fdn.matrices import anderson, hadamard, householder, nested_householder, rotation
from amtlib.fdn.response import sections_at

FS = 48000.0


@pytest.mark.parametrize(
    ("N", "seed", "lengths"),
    [(4, 7, [901, 1118, 1021, 581]), (8, 0, [911, 617, 433, 413, 1051, 1130, 887, 983])],
)
def test_seeds_give_the_lengths_that_the_specification_gives(N: int, seed: int, lengths: list[int]):
    assert sample_delay_lengths(N, coprime=True, rng=seed).tolist() == lengths
    assert design_fdn(N=N, rng=seed).delays.tolist() == lengths


def test_the_matrix_is_drawn_after_the_delays_from_the_same_generator():
    generator = np.random.default_rng(7)
    sample_delay_lengths(4, coprime=True, rng=generator)
    expected = random_orthogonal(4, rng=generator)
    assert np.array_equal(design_fdn(N=4, rng=7).A, expected)
    assert np.array_equal(design_fdn(delays=[5, 6, 7, 8], rng=7).A, random_orthogonal(4, rng=7))


@settings(max_examples=60, deadline=None)
@given(
    N=st.integers(1, 24),
    low=st.integers(1, 2000),
    width=st.integers(1, 5000),
    distribution=st.sampled_from(["uniform", "geometric", "lognormal"]),
    seed=st.integers(0, 2**32),
)
def test_coprime_lengths_share_no_factor(N: int, low: int, width: int, distribution: str, seed: int):
    lengths = sample_delay_lengths(
        N, (low, low + width), distribution=distribution, coprime=True, sort=True, rng=seed
    )
    assert len(set(lengths.tolist())) == N
    assert (np.diff(lengths) > 0).all()
    assert all(math.gcd(int(a), int(b)) == 1 for i, a in enumerate(lengths) for b in lengths[:i])


@settings(max_examples=60, deadline=None)
@given(
    distribution=st.sampled_from(["uniform", "geometric", "lognormal"]),
    low=st.integers(1, 1000),
    width=st.integers(1, 5000),
    seed=st.integers(0, 2**32),
)
def test_lengths_lie_in_their_range(distribution: str, low: int, width: int, seed: int):
    lengths = sample_delay_lengths(16, (low, low + width), distribution=distribution, rng=seed)
    assert lengths.dtype == np.int64
    assert lengths.min() >= low
    assert lengths.max() <= low + width


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"N": 0}, "N must be positive, got 0"),
        ({"N": -4}, "N must be positive, got -4"),
        ({"N": MAX_LINES + 1}, "N = 65 is beyond 64 delay lines"),
        ({"N": 4, "delay_range": (0, 5)}, "delay_range must satisfy 1 <= low < high"),
        ({"N": 4, "delay_range": (9, 9)}, "delay_range must satisfy"),
        ({"N": 4, "delay_range": (1, 1e9)}, "delay_range must satisfy"),
        ({"N": 4, "delay_range": (math.nan, 5)}, "delay_range must satisfy"),
        ({"N": 4, "distribution": "cauchy"}, "Unknown distribution 'cauchy'"),
        ({"N": 4, "rng": -1}, "rng = -1 is no seed"),
    ],
)
def test_impossible_wishes_for_lengths_are_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        sample_delay_lengths(**arguments)


@pytest.mark.parametrize(
    "arguments", [{"N": 4.0}, {"N": True}, {"N": 4, "rng": "x"}, {"N": 4, "delay_range": 5}]
)
def test_wrong_types_of_wishes_are_refused(arguments: dict[str, Any]):
    with pytest.raises(TypeError, match=r"must be|give a"):
        sample_delay_lengths(**arguments)


@pytest.mark.parametrize("name", MATRICES)
def test_every_matrix_of_the_gallery_is_orthogonal(name: str):
    sizes = [n for n in range(1, MAX_LINES + 1) if name in matrices_for(n)]
    assert len(sizes) >= 6
    for n in sizes:
        matrix = feedback_matrix(name, n, rng=n)
        assert matrix.shape == (n, n)
        assert orthogonality_error(matrix) < 1e-12  # rounding of 64 products


@pytest.mark.parametrize("name", MATRICES)
def test_a_matrix_that_does_not_exist_at_a_size_says_which_sizes_do(name: str):
    missing = [n for n in range(1, 20) if name not in matrices_for(n)]
    for n in missing:
        with pytest.raises(ValueError, match=f"N = {n} .*give N = "):
            feedback_matrix(name, n)


@settings(max_examples=40, deadline=None)
@given(N=st.integers(1, 16), seed=st.integers(0, 2**32))
def test_random_matrices_are_rotations(N: int, seed: int):
    # determinants of orthogonal matrices are 1 or -1
    assert np.linalg.det(random_orthogonal(N, rng=seed)) == pytest.approx(1.0, abs=1e-12)


def test_hadamard_and_nested_householder_mix_all_lines_equally():
    assert sparsity(hadamard(16)) == pytest.approx(0.0, abs=1e-15)
    assert sparsity(nested_householder(16)) == pytest.approx(0.0, abs=1e-15)
    assert sparsity(feedback_matrix("permutation", 7, rng=0)) == 1.0
    assert sparsity(feedback_matrix("parallel", 7)) == 1.0


def test_a_householder_matrix_reflects_its_normal():
    v = np.array([1.0, -2.0, 3.0])
    assert householder(3, v) @ v == pytest.approx(-v, abs=1e-14)
    with pytest.raises(ValueError, match="not all zero"):
        householder(3, np.zeros(3))


def test_circulant_matrices_turn_by_one_line_per_row():
    matrix = feedback_matrix("circulant", 6, rng=2)
    assert np.array_equal(np.roll(matrix[0], 1), matrix[1])


def test_a_permutation_is_one_ring_of_all_lines():
    matrix = feedback_matrix("permutation", 9, rng=3)
    assert all(np.trace(np.linalg.matrix_power(matrix, k)) == 0.0 for k in range(1, 9))


def test_a_small_rotation_turns_no_further_than_asked():
    angles = np.abs(np.angle(np.linalg.eigvals(rotation(7, 0.3, rng=1))))
    # eigenvalues near 1 as rounding leaves them
    assert np.sort(angles) == pytest.approx([0, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3], abs=1e-7)


def test_groups_of_an_anderson_ring_feed_the_next_group_only():
    fed = anderson(12, block=4).reshape(3, 4, 3, 4).any(axis=(1, 3))
    assert np.array_equal(fed, np.roll(np.eye(3, dtype=bool), 1, axis=0))


def level_at(sos: np.ndarray, f: float) -> np.ndarray:
    return 20 * np.log10(np.abs(np.asarray(sections_at(sos, np.array([np.exp(-2j * np.pi * f / FS)])))[0]))


@settings(max_examples=60, deadline=None)
@given(
    rt_dc=st.floats(0.05, 20.0),
    rt_ny=st.floats(0.05, 20.0),
    m=st.integers(1, 5000),
    crossover=st.none() | st.floats(20.0, 23900.0),
)
def test_absorption_is_exact_at_both_ends_and_half_way_at_the_crossover(
    rt_dc: float, rt_ny: float, m: int, crossover: float | None
):
    sos = first_order_absorption(rt_dc, rt_ny, [m], FS, crossover)
    dc, nyquist = -60 * m / (rt_dc * FS), -60 * m / (rt_ny * FS)
    # the pole and the zero lie close together where the crossover is low: digits are lost there
    tolerance = 1e-7 * max(1.0, abs(dc), abs(nyquist))
    assert level_at(sos, 0.0)[0] == pytest.approx(dc, abs=tolerance)
    assert level_at(sos, FS / 2)[0] == pytest.approx(nyquist, abs=tolerance)
    middle = level_at(sos, FS / 4 if crossover is None else crossover)[0]
    assert middle == pytest.approx((dc + nyquist) / 2, abs=tolerance)
    assert abs(sos[0, 4, 0]) < 1.0


def test_absorption_without_a_crossover_is_the_specifications():
    sos = first_order_absorption(2.0, 1.0, [1499], FS)
    expected = [0.85061762, 0.02293171, 0.0, 1.0, -0.0269589, 0.0]
    assert sos[0, :, 0] == pytest.approx(expected, abs=5e-9)  # as many digits as are given


def test_one_decay_time_for_all_frequencies_gives_plain_gains():
    sos = first_order_absorption(1.5, 1.5, [100, 1000], FS, 1000.0)
    assert sos.shape == (1, 6, 2)
    assert not sos[0, [1, 2, 4, 5]].any()


@pytest.mark.parametrize("rt", [0.0, -1.0, math.nan, math.inf, 1e-6])
def test_impossible_decay_times_are_refused(rt: float):
    for pair in ((rt, 1.0), (1.0, rt)):
        with pytest.raises(ValueError, match=r"rt_dc = |rt_ny = "):
            first_order_absorption(*pair, [1000], FS)
    with pytest.raises(ValueError, match="rt"):
        design_fdn(N=4, rt=rt, rng=0)


@pytest.mark.parametrize("crossover", [0.0, -5.0, 24000.0, 1e9, math.nan])
def test_impossible_crossovers_are_refused(crossover: float):
    with pytest.raises(ValueError, match="crossover_frequency = "):
        first_order_absorption(2.0, 1.0, [1000], FS, crossover)


def test_decay_replaces_filters_and_none_takes_them_away():
    build = design_fdn(N=4, rt=2.0, rng=0)
    once, twice = with_decay(build, 0.5), with_decay(with_decay(build, 3.0), (0.5, 0.5))
    assert once == twice
    assert with_decay(build, None).filters is None
    with pytest.raises(ValueError, match="rt holds 3 times"):
        with_decay(build, (1.0, 2.0, 3.0))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="rt must be one real number"):
        with_decay(build, "long")  # type: ignore[arg-type]


def test_a_design_has_the_documented_defaults():
    build = design_fdn(N=4, rng=0)
    assert build.fs == 48000.0
    assert build.B.ravel() == pytest.approx(np.full(4, 0.5))
    assert build.C.ravel() == pytest.approx(np.full(4, 0.5))
    assert build.D.tolist() == [[0.0]]
    assert build == with_decay(design_fdn(N=4, rt=None, rng=0), 2.0)


def test_a_design_takes_a_matrix_by_name():
    assert np.array_equal(design_fdn(N=8, feedback="hadamard", rng=0).A, hadamard(8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "provide either delays= or N="),
        ({"N": 3, "delays": [1, 2]}, "N = 3 and 2 delays disagree"),
        ({"N": 3, "feedback": np.eye(2)}, r"feedback must have shape \(N, N\), got \(2, 2\)"),
        ({"N": 3, "feedback": "magic"}, "feedback matrix 'magic' is unknown: choose from"),
        ({"delays": [100.7, 3]}, "delays must contain integers, got 100.7"),
        ({"N": 2, "input_gain": np.ones((3, 2))}, "input_matrix must have one row per delay line"),
    ],
)
def test_contradictory_designs_are_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        design_fdn(**arguments)


def test_a_network_of_one_line_works():
    build = design_fdn(N=1, rng=0)
    assert isinstance(build, FDNBuild)
    assert build.A.tolist() == [[1.0]]
    assert sparsity(build.A) == 0.0


def test_lengths_that_are_clipped_alike_become_those_of_the_peer() -> None:
    # printed by pyFDN 0.5.0; several of the 16 targets are clipped to the same end of the range
    expected = [421, 367, 409, 431, 389, 403, 373, 401, 433, 420, 407, 397, 419, 383, 379, 391]
    found = sample_delay_lengths(16, (400, 420), distribution="lognormal", coprime=True, rng=3)
    assert found.tolist() == expected
