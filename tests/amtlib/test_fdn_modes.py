"""Modes against the eigenvalues of the whole state, and the measures of colouration against known figures.

States are kept near 100 x 100: beyond that numpy's eigenvalues take threads and, beside other tests, seconds.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib.fdn import (
    MATRICES,
    FDNBuild,
    Modes,
    colouration,
    design_fdn,
    erb_excitation,
    erb_std,
    magnitude_std,
    matrices_for,
    modal_decomposition,
    modal_excitation_std,
    peak_to_rms,
    random_orthogonal,
    render,
    sparsity,
    transfer_function,
    with_decay,
)
from amtlib.fdn.eigenphases import zero_crossings
from amtlib.fdn.sections import _state_space

N4_D1 = [1499, 1889, 2381, 2999]
N6_D1 = [997, 1153, 1327, 1559, 1801, 2099]
N8_D1 = [809, 877, 937, 1049, 1151, 1249, 1373, 1499]


def state_matrix(build: FDNBuild) -> np.ndarray:
    """One step of all samples in all lines and of all filters' states, as one matrix: its eigenvalues are the poles."""
    n = build.order
    sections = 0 if build.filters is None else 2 * build.filters.shape[0]
    size = n + build.N * sections
    step = np.zeros((size, size))
    first = np.concatenate([[0], np.cumsum(build.delays)[:-1]])
    last = first + build.delays - 1
    for start, end in zip(first, last, strict=True):
        step[np.arange(start + 1, end + 1), np.arange(start, end)] = 1.0
    leaving = np.zeros((build.N, size))  # what leaves each line after its filter
    if build.filters is None:
        leaving[np.arange(build.N), last] = 1.0
    else:
        normal = build.filters / build.filters[:, 3:4]
        transition, drive, observe, direct = _state_space(normal)
        for line in range(build.N):
            own = slice(n + line * sections, n + (line + 1) * sections)
            step[own, own] = transition[line]
            step[own, last[line]] = drive[line]
            leaving[line, own] = observe[line]
            leaving[line, last[line]] = direct[line]
    step[first] += build.A @ leaving
    return step


def all_poles(modes: Modes) -> np.ndarray:
    return np.concatenate([modes.poles, modes.poles[~modes.is_real].conj()])


def worst_distance(some: np.ndarray, others: np.ndarray) -> float:
    """Pair each of some with one of others of its own; the largest distance of a pair."""
    distance = np.abs(some[:, None] - others)
    return float(distance[scipy.optimize.linear_sum_assignment(distance)].max())


@pytest.mark.parametrize("rt", [None, 0.05])
@pytest.mark.parametrize("name", MATRICES)
def test_all_modes_are_the_eigenvalues_of_the_state(name: str, rt: float | None):
    for n, longest in ((1, 60), (4, 40), (9, 20)):
        if name not in matrices_for(n):
            continue
        rng = np.random.default_rng(n)
        build = design_fdn(delays=rng.integers(5, longest, n), feedback=name, rt=rt, rng=1)
        modes = modal_decomposition(build)
        assert len(all_poles(modes)) == build.order
        # symmetric matrices have many poles at 1 and -1, which numpy splits by the rounding of 300 x 300 numbers
        assert worst_distance(all_poles(modes), np.linalg.eigvals(state_matrix(build))) < 1e-12
        assert modes.reconstruction_error < 1e-10


@settings(max_examples=25, deadline=None)
@given(
    delays=st.lists(st.integers(1, 25), min_size=1, max_size=5),
    seed=st.integers(0, 2**32),
    rt=st.none() | st.floats(0.01, 3.0),
)
def test_no_mode_is_missed_for_any_delays(delays: list[int], seed: int, rt: float | None):
    build = design_fdn(delays=delays, rt=rt, rng=seed)
    modes = modal_decomposition(build)
    assert 2 * len(modes.poles) - int(modes.is_real.sum()) == sum(delays)
    assert worst_distance(all_poles(modes), np.linalg.eigvals(state_matrix(build))) < 1e-11
    assert modes.reconstruction_error < 1e-9


@settings(max_examples=25, deadline=None)
@given(
    delays=st.lists(st.integers(1, 25), min_size=1, max_size=5),
    name=st.sampled_from(["random", "householder", "cosine", "parallel"]),
    seed=st.integers(0, 2**32),
    rt=st.tuples(st.floats(0.01, 3.0), st.floats(0.01, 3.0)),
)
def test_no_mode_is_missed_whatever_the_losses(
    delays: list[int], name: str, seed: int, rt: tuple[float, float]
):
    build = design_fdn(delays=delays, feedback=name, rt=rt, rng=seed)
    modes = modal_decomposition(build)
    assert len(all_poles(modes)) == sum(delays)
    # numpy's eigenvalues of poles that nearly coincide are good to the root of rounding
    assert worst_distance(all_poles(modes), np.linalg.eigvals(state_matrix(build))) < 1e-7


@pytest.mark.parametrize(
    ("name", "delays"),
    [("householder", [22, 13, 4, 15, 23, 18]), ("parallel", [9, 14, 10, 9]), ("hadamard", [12] * 8)],
)
def test_modes_that_coincide_are_followed_together(name: str, delays: list[int]):
    build = design_fdn(delays=delays, feedback=name, rt=(0.3, 0.1), rng=0)
    modes = modal_decomposition(build)
    assert len(all_poles(modes)) == build.order
    assert worst_distance(all_poles(modes), np.linalg.eigvals(state_matrix(build))) < 1e-9
    # delays of a few samples let some of the filters' own sound through
    assert modes.reconstruction_error < 1e-4


@pytest.mark.parametrize("name", ["random", "householder", "hadamard"])
def test_modes_follow_losses_that_change_with_frequency(name: str):
    build = design_fdn(delays=[11, 17, 23, 31], feedback=name, rt=(0.2, 0.02), rng=3)
    modes = modal_decomposition(build)
    states = np.linalg.eigvals(state_matrix(build))
    assert len(all_poles(modes)) == build.order
    # each has its eigenvalue, 1e-10 away by numpy's own error; the others belong to the filters and die at once
    assert worst_distance(all_poles(modes), states) < 1e-10
    outside = np.abs(states) > np.abs(modes.poles).min() - 1e-9
    assert int(outside.sum()) == build.order
    # two of Hadamard's modes part by 1e-8 only, with large residues that cancel
    assert modes.reconstruction_error < 1e-8


@pytest.mark.parametrize(
    ("kind", "section"),
    [
        # scipy.signal.butter(2, 0.4), (1, 0.5) and (1, 0.05, 'highpass') as sos: zeros at fs / 2 or at 0
        ("butter 2", [0.20657208, 0.41314417, 0.20657208, 1.0, -0.36952738, 0.19581571]),
        ("butter 1", [0.5, 0.5, 0.0, 1.0, 0.0, 0.0]),
        ("highpass", [0.92699522, -0.92699522, 0.0, 1.0, -0.85399045, 0.0]),
    ],
)
def test_filters_with_zeros_on_the_circle_have_modes(kind: str, section: list[float]) -> None:
    build = design_fdn(delays=[21, 27, 31, 37], rt=None, feedback="hadamard", rng=0)
    sos = (
        np.repeat(np.array(section)[None, :, None], 4, axis=2)
        * np.array([0.95] * 3 + [1.0] * 3)[None, :, None]
    )
    build = replace(build, filters=sos)
    modes = modal_decomposition(build)
    poles = np.linalg.eigvals(state_matrix(build))
    # the memories that a filter does not use are eigenvalues at 0, and no poles
    assert worst_distance(all_poles(modes), poles[np.abs(poles) > 1e-3]) < 1e-9
    assert modes.reconstruction_error < 1e-9
    n = np.arange(1, 500)
    both = np.where(modes.is_real, 1.0, 2.0)
    rebuilt = (both * modes.residues[:, 0, 0] * modes.poles ** n[:, None]).sum(axis=1).real
    np.testing.assert_allclose(rebuilt, render(build, 500 / build.fs)[1:], atol=1e-9)


def test_modes_that_meet_on_the_real_axis_and_part_are_all_found():
    build = design_fdn(delays=[11, 17, 23, 31], rt=0.05, rng=3)
    dip = np.array([0.9, -0.85, 0.3, 1.0, -0.9, 0.4])[:, None] * np.ones(4)
    build = replace(build, filters=np.stack([build.filters[0], dip]))
    modes = modal_decomposition(build)
    states = np.linalg.eigvals(state_matrix(build))
    slow = states[np.abs(states) > 0.9]
    assert len(slow) == build.order
    assert worst_distance(all_poles(modes), slow) < 1e-11
    # a pair of the lossless network has become two real poles
    assert int(modes.is_real.sum()) == 2
    # the filters have 4 pairs of poles of their own, which ring for 10 samples and pass no delay
    assert modes.reconstruction_error < 1e-3


@pytest.mark.parametrize("scale", [0.5, 0.99, 1.0])
def test_a_matrix_near_an_orthogonal_one_has_all_its_modes_found(scale: float):
    rng = np.random.default_rng(4)
    matrix = scale * random_orthogonal(4, rng=rng) + 0.05 * rng.standard_normal((4, 4))
    build = FDNBuild(matrix, rng.standard_normal(4), rng.standard_normal(4), 0.0, [11, 17, 23, 31], 48000)
    modes = modal_decomposition(build)
    assert worst_distance(all_poles(modes), np.linalg.eigvals(state_matrix(build))) < 1e-11
    assert modes.reconstruction_error < 1e-9


def test_the_modes_add_up_to_the_impulse_response():
    build = design_fdn(delays=[11, 17, 23, 31], rt=(0.2, 0.1), rng=3)
    modes = modal_decomposition(build)
    n = np.arange(1, 480)
    weight = np.where(modes.is_real, 1.0, 2.0)
    sounding = (weight * modes.residues[:, 0, 0]) @ np.exp(modes.exponents[:, None] * n)
    # 250 modes, each to rounding; the filters' own poles die within a sample or two
    np.testing.assert_allclose(sounding.real, render(build, 480 / 48000)[1:], atol=1e-12)


def test_inputs_and_outputs_have_residues_of_their_own():
    rng = np.random.default_rng(1)
    build = FDNBuild(
        random_orthogonal(3, rng=0),
        rng.standard_normal((3, 2)),
        rng.standard_normal((2, 3)),
        rng.standard_normal((2, 2)),
        [11, 17, 23],
        48000,
    )
    modes = modal_decomposition(build)
    z = 1.01 * np.exp(1j * np.linspace(0, np.pi, 9))
    expected = transfer_function(build, np.linspace(0, 24000, 9), radius=1.01) - build.D
    np.testing.assert_allclose(modes.transfer(z), expected, atol=1e-11)


def test_equal_delays_give_modes_that_coincide_and_sound_as_one():
    build = design_fdn(delays=[20] * 4, feedback="hadamard", rt=None)
    modes = modal_decomposition(build)
    assert len(all_poles(modes)) == 80
    # eigenvalues of this matrix are 1, 1, -1, -1: two modes at each 40th of the circle, 21 in its upper half
    assert modes.excitation_db.shape == (21, 1, 1)
    assert modes.reconstruction_error < 1e-12


def test_modes_of_a_comb_are_evenly_spaced_and_equally_strong():
    modes = modal_decomposition(FDNBuild([[1.0]], [1.0], [1.0], 0.0, [480], 48000))
    assert modes.frequencies == pytest.approx(np.arange(241) * 100.0, abs=1e-8)
    assert np.isinf(modes.decay_times).all()
    assert modal_excitation_std(modes) == pytest.approx(0.0, abs=1e-9)


def test_decay_in_proportion_to_the_delays_gives_every_mode_the_same_time():
    modes = modal_decomposition(design_fdn(delays=[101, 149, 211], rt=0.7, rng=0))
    assert modes.decay_times == pytest.approx(0.7, rel=1e-12)


def test_decay_times_run_from_one_end_to_the_other():
    build = design_fdn(delays=N4_D1, rt=(2.0, 0.5), rng=0)
    modes = modal_decomposition(build, band=(0.0, 100.0))
    assert modes.decay_times == pytest.approx(2.0, rel=1e-3)
    modes = modal_decomposition(build, band=(23900.0, 24000.0))
    assert modes.decay_times == pytest.approx(0.5, rel=1e-3)


def test_a_band_holds_the_modes_of_the_whole_in_it():
    build = design_fdn(delays=[401, 577, 613], rt=1.0, rng=2)
    whole, part = modal_decomposition(build), modal_decomposition(build, band=(1000.0, 3000.0))
    inside = (whole.frequencies >= 1000.0) & (whole.frequencies < 3000.0)
    np.testing.assert_allclose(part.exponents, whole.exponents[inside], atol=1e-14)
    np.testing.assert_allclose(part.residues, whole.residues[inside], atol=1e-12)
    assert math.isnan(part.reconstruction_error)


@pytest.mark.parametrize(
    ("delays", "modal", "spread", "peak", "dense"),
    # of the same starts, measured before this was written (design/fdn.md, table 4.1)
    [(N4_D1, 6.12, 6.69, 12.2, 0.38), (N6_D1, 6.24, 6.98, 14.3, 0.27), (N8_D1, 7.24, 6.98, 13.6, 0.26)],
)
def test_colouration_has_the_figures_measured_independently(
    delays: list[int], modal: float, spread: float, peak: float, dense: float
):
    found = colouration(design_fdn(delays=delays, rt=None, rng=0))
    assert found.modal_std == pytest.approx(modal, abs=0.011)  # given to two digits
    assert found.magnitude_std == pytest.approx(spread, abs=0.011)
    assert found.peak_to_rms == pytest.approx(peak, abs=0.06)  # to one
    assert found.sparsity == pytest.approx(dense, abs=0.006)


def test_colouration_is_that_of_the_core():
    core = design_fdn(delays=[241, 263, 281], rt=None, rng=0)
    dressed = replace(with_decay(core, (2.0, 0.3)), D=np.ones((1, 1)))
    assert colouration(dressed) == colouration(core)


def test_a_modes_spread_does_not_depend_on_the_decay():
    core = design_fdn(delays=[241, 263, 281], rt=None, rng=0)
    stds = [modal_excitation_std(modal_decomposition(with_decay(core, rt))) for rt in (None, 0.5, 5.0)]
    assert stds == pytest.approx([stds[0]] * 3, rel=1e-9)


def test_spectral_measures_have_their_textbook_values():
    rng = np.random.default_rng(0)
    field = rng.standard_normal(200_000) + 1j * rng.standard_normal(200_000)
    assert magnitude_std(field) == pytest.approx(5.57, abs=0.03)  # 200000 independent values
    assert peak_to_rms(np.ones(10)) == pytest.approx(0.0, abs=1e-12)
    assert erb_std(np.ones(4096), 48000) == pytest.approx(0.0, abs=1e-12)


def test_a_band_of_the_ear_weighs_what_lies_in_it():
    response = np.full(24001, 1e-6)
    response[1000] = 1.0
    level = erb_excitation(response, 48000)
    from_top = int(np.argmax(level))
    assert 12 <= 3 + 0.5 * from_top <= 19  # 1 kHz is at 15.6 Cam
    assert level[from_top] - level[-1] > 30


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: magnitude_std([1.0, 0.0]), "H has zeros"),
        (lambda: magnitude_std([1.0]), "give one response"),
        (lambda: peak_to_rms([0.0, 0.0]), "zero everywhere"),
        (lambda: peak_to_rms([1.0, math.inf]), "finite"),
        (lambda: sparsity(np.ones((2, 3))), "square"),
        (lambda: colouration(FDNBuild(2 * np.eye(1), [1], [1], 0, [5], 48000)), "A amplifies by up to 2"),
        (lambda: colouration(FDNBuild([[1]], [[1, 1]], [1], 0, [5], 48000)), "2 inputs and 1 outputs"),
        (
            lambda: modal_decomposition(FDNBuild(np.diag([1, 1e-3]), [1, 1], [1, 1], 0, [5, 7], 48000)),
            "too far from orthogonal",
        ),
        (lambda: modal_decomposition(design_fdn(delays=[2**18] * 64, rt=10.0, rng=0)), "too many at once"),
        (
            lambda: modal_decomposition(design_fdn(N=2, rng=0), band=(5.0, 5.0)),
            "must satisfy 0 <= low < high",
        ),
        (
            lambda: modal_decomposition(design_fdn(N=2, rng=0), band=(0.0, 1e6)),
            "must satisfy 0 <= low < high",
        ),
        (
            lambda: modal_excitation_std(
                modal_decomposition(FDNBuild(np.eye(2), [0, 0], [1, 1], 0, [5, 7], 48000))
            ),
            "0 modes are excited",
        ),
    ],
)
def test_what_has_no_modes_or_measure_is_refused(call: Any, message: str):
    with pytest.raises(ValueError, match=message):
        call()


def test_crossings_of_a_ring_are_those_of_one_long_line():
    ring = np.roll(np.eye(5), 1, axis=0)
    found = zero_crossings(ring, np.array([3, 5, 7, 11, 13]), -1e-3, math.pi)
    assert found.w == pytest.approx(2 * np.pi * np.arange(20) / 39, abs=1e-13)
    # energy is where the samples are
    assert found.slopes == pytest.approx(39 / 5, abs=1e-10)
