"""The certificate of a network: a bound on its loop gain that holds everywhere, and its slowest mode."""

import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amtlib.fdn import (
    FDNBuild,
    build_from_json,
    build_to_json,
    design_fdn,
    faust,
    loop_gain,
    metadata_from_json,
    modal_decomposition,
    stability,
    with_decay,
)
from amtlib.fdn.bounds import gain_bounds, grid, largest_gain
from amtlib.fdn.build import Array
from amtlib.fdn.response import sections_at


def some_sections(rng: np.random.Generator, count: int, channels: int) -> Array:
    """Stable sections, with poles from near 0 to 1e-3 from the circle."""
    sos = np.zeros((count, 6, channels))
    radius = 1.0 - 10.0 ** rng.uniform(-3.0, 0.0, (count, channels))
    angle = rng.uniform(0.0, math.pi, (count, channels))
    sos[:, 4], sos[:, 5] = -2.0 * radius * np.cos(angle), radius**2
    sos[:, :3] = rng.standard_normal((count, 3, channels))
    sos[:, 3] = 1.0
    return sos


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 4))
@example(seed=1964, count=2)
def test_no_gain_within_an_interval_is_above_its_bound(seed: int, count: int):
    rng = np.random.default_rng(seed)
    sos = some_sections(rng, count, 2)
    edges = np.unique(np.concatenate([[0.0, math.pi], rng.uniform(0.0, math.pi, 40)]))
    bounds = gain_bounds(sos, edges, 2)
    inside = np.linspace(edges[:-1], edges[1:], 101)
    gains = np.abs(sections_at(sos, np.exp(-1j * inside.ravel()))).reshape(101, -1, 2).max(axis=0)
    assert (gains <= bounds).all()
    if count == 1:  # the bound of one section is its largest gain
        finer = np.linspace(edges[:-1], edges[1:], 20001)
        reached = np.abs(sections_at(sos, np.exp(-1j * finer.ravel()))).reshape(20001, -1, 2).max(axis=0)
        assert (bounds <= reached * (1.0 + 1e-3)).all()


def test_the_largest_gain_of_a_cascade_is_found_closely():
    sos = some_sections(np.random.default_rng(3), 3, 4)
    at = np.linspace(0.0, math.pi, 400001)
    reached = np.abs(sections_at(sos, np.exp(-1j * at))).max(axis=0)
    bound = largest_gain(sos)
    assert (bound >= reached).all()
    assert (bound <= 1.3 * reached).all()
    assert grid((sos,))[-1] == math.pi


@pytest.mark.parametrize("rt", [1.0, (2.0, 0.5), [1.5, 1.6, 1.2, 1.0, 1.1, 0.9, 0.8, 0.5]])
def test_the_bound_of_an_orthogonal_loop_is_its_loop_gain(rt: object):
    build = design_fdn(delays=[241, 263, 281, 293], rt=rt, rng=0)  # type: ignore[arg-type]
    found, reached = stability(build), loop_gain(build)
    assert reached.gain <= found.bound < 1.0
    # the norm is that of the line which loses least, the spectral radius an average over the lines
    assert found.bound < reached.gain + 0.25 * (1.0 - reached.gain)


def test_the_slowest_mode_is_that_of_all_modes():
    build = design_fdn(delays=[241, 263, 281, 293], rt=(2.0, 0.5), rng=0)
    slowest = modal_decomposition(build).decay_times.max()
    assert stability(build).slowest == pytest.approx(slowest, rel=1e-9)


def test_lossless_loops_are_certain_not_to_grow_however_their_lines_are_scaled():
    build = design_fdn(N=8, rt=None, feedback="hadamard", rng=1)
    assert stability(build).bound == pytest.approx(1.0, abs=1e-12)
    scale = np.geomspace(0.01, 100.0, 8)
    scaled = FDNBuild(scale[:, None] * build.A / scale, build.B, build.C, 0.0, build.delays, build.fs)
    found = stability(scaled)
    assert found.certain
    assert math.isinf(found.slowest)
    assert "its modes do not decay" in found.sentence()


def test_a_network_that_grows_is_named_with_how_fast():
    comb = FDNBuild([[1.02]], [1.0], [1.0], 0.0, [480], 48000)
    found = stability(comb)
    assert not found.certain
    assert found.bound == pytest.approx(1.02)
    assert found.growth == pytest.approx(17.2, abs=0.01)
    assert found.sentence().startswith("grows by 17.2 dB per second")


def test_a_bound_is_never_shown_smaller_than_it_is():
    build = design_fdn(delays=[241, 263], rt=30.0, rng=0)
    found = stability(build)
    shown = float(found.sentence().split("at most ")[1].split(",")[0])
    assert shown >= found.bound


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_holds_the_certificate_where_other_readers_pass_over_it(version: int):
    build = design_fdn(N=4, rt=(2.0, 1.0), rng=0)
    text = build_to_json(build, version=version, metadata={"name": "hall"}, certificate=True)
    assert build_from_json(text) == build
    assert set(json.loads(text)) == set(json.loads(build_to_json(build, version=version))) | {"metadata"}
    assert metadata_from_json(text)["name"] == "hall"
    assert metadata_from_json(text)["stability"] == stability(build).to_dict()
    lossless = build_to_json(with_decay(build, None), certificate=True)
    assert metadata_from_json(lossless)["stability"]["slowest_decay"] is None


def test_a_faust_program_holds_the_certificate_in_a_comment():
    build = design_fdn(N=4, rt=1.0, rng=0)
    assert f"// Stability: {stability(build).sentence()}." in faust(build)


def test_only_a_network_has_a_certificate():
    with pytest.raises(TypeError, match="give an FDNBuild"):
        stability(3)  # type: ignore[arg-type]
