"""Two slopes: two groups of lines with times of their own, coupled without loss."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib.batch.variants import variants
from amtlib.fdn import (
    absorption_times,
    coupled_matrix,
    design_fdn,
    energy_decay_curve,
    orthogonality_error,
    random_orthogonal,
    render,
    stability,
)


@settings(max_examples=50, deadline=None)
@given(lines=st.integers(2, 20), coupling=st.floats(0.0, 1.0), seed=st.integers(0, 2**32))
def test_a_coupled_matrix_keeps_energy_and_lets_its_share_across(lines: int, coupling: float, seed: int):
    half = (lines + 1) // 2
    rng = np.random.default_rng(seed)
    found = coupled_matrix(
        random_orthogonal(half, rng=rng), random_orthogonal(lines - half, rng=rng), coupling
    )
    assert orthogonality_error(found) < 1e-12
    across = np.square(found[half:, :half]).sum() / (lines - half)
    assert across == pytest.approx(coupling, abs=1e-12)


def test_groups_decay_in_their_own_times():
    build = design_fdn(N=8, rt=[{500: 2.0, 1000: 1.0, 2000: 1.5}, (0.5, 0.3)], rng=0)
    found = absorption_times(build.filters, build.delays, build.fs, [0.0, 1000.0])
    assert np.allclose(found[1, :4], 1.0, rtol=1e-6)
    assert np.allclose(found[0, 4:], 0.5, rtol=1e-6)
    assert stability(build).certain


def test_a_decay_of_two_slopes_bends_where_the_formula_says():
    build = design_fdn(N=16, rt=[(2.0, 2.0), (0.3, 0.3)], coupling=0.0, rng=1)
    build = replace(build, C=build.C * np.where(np.arange(16) < 8, 0.03, 1.0))
    curve = energy_decay_curve(render(build, 2.0))
    slow = np.arange(16) < 8
    groups = [render(replace(build, C=build.C * group), 2.0) for group in (slow, ~slow)]
    t = np.arange(len(curve)) / build.fs
    energies = [np.square(g).sum() for g in groups]
    made = sum(e * 10.0 ** (-6.0 * t / rt) for e, rt in zip(energies, (2.0, 0.3), strict=True))
    wanted = 10.0 * np.log10(made / made[0])
    heard = (t > 0.05) & (wanted > -50.0) & (t < 1.8)
    assert np.sqrt(np.square((curve - wanted)[heard]).mean()) < 1.0
    early = np.interp([0.1, 0.2], t, curve)
    late = np.interp([1.0, 1.2], t, curve)
    assert (early[1] - early[0]) / 0.1 < 2.0 * (late[1] - late[0]) / 0.2  # falls more than twice as fast


def test_a_config_file_gives_two_slopes():
    settings_of = variants({"N": 6, "rt": [[2.0, 1.0], [0.5, 0.3]], "coupling": 0.02, "rng": 0}, [])
    assert settings_of[0][1]["coupling"] == 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rt": 1.0, "coupling": 0.1}, "coupling = 0.1 is for two slopes"),
        ({"rt": [(1.0, 1.0), (0.5, 0.5)], "coupling": 1.5}, "coupling = 1.5"),
        ({"rt": [(1.0, 1.0), (0.5, 0.5)], "coupling": 0.1, "feedback": "hadamard"}, "leave feedback out"),
        ({"rt": [(1.0, 1.0), (0.5, -0.5)]}, "rt_ny = -0.5 s"),
        ({"rt": [(1.0, 1.0), None]}, "without decay beside one with"),
        ({"rt": [(1.0, 1.0), (0.5, 0.5)], "N": 1}, "the network has one line"),
    ],
)
def test_two_slopes_that_cannot_be_are_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        design_fdn(**{"N": 4, "rng": 0, **arguments})


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (([[2.0]], [[1.0]]), "first is off orthogonal by"),
        ((np.eye(3), np.eye(1)), "the groups have 3 and 1 lines"),
        ((np.ones(3), np.eye(1)), "give a square matrix"),
    ],
)
def test_blocks_that_cannot_be_coupled_are_refused(blocks: Any, message: str):
    with pytest.raises(ValueError, match=message):
        coupled_matrix(*blocks, 0.1)
