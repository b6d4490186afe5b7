"""Matrices that move: orthogonal at every sample, with the chorus that was asked for, in chunks as in one piece."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib.fdn import (
    FDNBuild,
    FDNStream,
    build_from_json,
    build_to_json,
    colouration,
    design_fdn,
    expected_chorus,
    loop_gain,
    measured_chorus,
    modal_decomposition,
    process_fdn,
    render,
    stability,
    transfer_function,
    with_decay,
    with_modulation,
)
from amtlib.fdn.process import rotated
from amtlib.train import trainable_from_build

FS = 48000.0
SHELF = np.array([[[0.9], [-0.4], [0.1], [1.0], [-0.5], [0.2]]])


def moving(lines: int = 8, cents: float = 2.0, rate: float = 2.0, **wishes: Any) -> FDNBuild:
    return with_modulation(design_fdn(N=lines, **{"rt": 1.0, "rng": 1, **wishes}), cents, rate=rate)


def by_hand(build: FDNBuild, x: np.ndarray) -> np.ndarray:
    """The network with the matrix of each sample written out, one sample at a time, without filters."""
    assert build.modulation is not None
    lines = [np.zeros(int(m)) for m in build.delays]
    found = np.zeros(len(x))
    for n, value in enumerate(x):
        out = np.array([line[n % len(line)] for line in lines])
        turn = np.eye(build.N)
        for pair, (depth, rate, phase) in enumerate(build.modulation.T):
            angle = depth * math.sin(2.0 * math.pi * rate * n / build.fs + phase)
            own = slice(2 * pair, 2 * pair + 2)
            turn[own, own] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        found[n] = (build.C @ out + build.D[:, 0] * value)[0]
        fed = build.A @ turn @ out + build.B[:, 0] * value
        for line, entry in zip(lines, fed, strict=True):
            line[n % len(line)] = entry
    return found


@pytest.mark.parametrize("lines", [2, 5])
def test_a_moving_network_sounds_as_its_definition_says(lines: int) -> None:
    build = replace(design_fdn(delays=[7, 9, 11, 13, 16][:lines], rt=None, rng=0, direct=0.5), fs=100.0)
    build = with_modulation(build, depth=0.7, rate=3.0, frequency=20.0)
    x = np.random.default_rng(0).standard_normal(300)
    np.testing.assert_allclose(process_fdn(x, build), by_hand(build, x), rtol=0, atol=1e-12)
    assert np.abs(process_fdn(x, build) - process_fdn(x, replace(build, modulation=None))).max() > 0.1


@settings(max_examples=30, deadline=None)
@given(lines=st.integers(2, 9), start=st.integers(0, 2**31), seed=st.integers(0, 2**32))
def test_the_matrix_is_orthogonal_at_every_sample(lines: int, start: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = lines // 2
    modulation = np.stack(
        [rng.uniform(0, math.pi, pairs), rng.uniform(0, 20, pairs), rng.uniform(-6, 6, pairs)]
    )
    at = np.stack([rotated(column[:, None], modulation, start, FS)[:, 0] for column in np.eye(lines)], axis=1)
    np.testing.assert_allclose(at.T @ at, np.eye(lines), rtol=0, atol=1e-14)


def test_a_moving_network_without_losses_keeps_its_energy() -> None:
    n = 4
    build = FDNBuild(design_fdn(N=n, rng=3).A, np.eye(n), np.eye(n), 0.0, [100] * n, FS)
    build = with_modulation(build, depth=1.0, rate=15.0)
    x = np.zeros((100_000, n))
    x[:100] = np.random.default_rng(0).standard_normal((100, n))
    energy = np.square(process_fdn(x, build)).reshape(-1, 100, n).sum(axis=(1, 2))[1:]
    np.testing.assert_allclose(energy, energy[0], rtol=1e-12)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 3000), max_size=8), filtered=st.booleans())
def test_chunks_of_any_lengths_sound_as_the_whole(cuts: list[int], filtered: bool) -> None:
    build = moving(direct=0.5, rt=(1.0, 0.5))
    build = replace(build, pre_delay=123)
    if filtered:
        build = replace(build, post_eq=SHELF, post_matrix=np.repeat(SHELF, 8, axis=2))
    x = np.random.default_rng(1).standard_normal(3000)
    whole = process_fdn(x, build)
    live = FDNStream(build)
    for _ in range(2):
        found = np.concatenate([live.process(part) for part in np.split(x, sorted(cuts))])
        np.testing.assert_allclose(found, whole, rtol=0, atol=1e-13 * np.abs(whole).max())
        live.reset()


def test_a_stream_that_overflows_names_the_sample_since_its_start() -> None:
    live = FDNStream(FDNBuild([[1e200]], [1.0], [1.0], 0.0, [5], FS))
    live.process([1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="overflows after 15 samples"):
        live.process(np.zeros(20))


@pytest.mark.parametrize(("lines", "rt", "cents"), [(8, 1.0, 3.0), (16, (2.0, 0.8), 2.0), (5, 0.6, 1.5)])
def test_the_chorus_that_was_asked_for_is_measured(lines: int, rt: Any, cents: float) -> None:
    build = moving(lines, cents, rt=rt)
    assert expected_chorus(build) == pytest.approx(cents, rel=1e-9)
    assert measured_chorus(build) == pytest.approx(cents, rel=0.3)


def test_a_matrix_at_rest_has_no_chorus_and_twice_the_depth_has_twice_of_it() -> None:
    build = moving(cents=1.0)
    still = replace(build, modulation=None)
    assert expected_chorus(still) == measured_chorus(still) == 0.0
    standing = replace(build, modulation=build.modulation * [[1.0], [0.0], [1.0]])
    assert expected_chorus(standing) == measured_chorus(standing) == 0.0
    double = replace(build, modulation=build.modulation * [[2.0], [1.0], [1.0]])
    assert expected_chorus(double) == pytest.approx(2.0, rel=1e-3)
    assert with_modulation(build, depth=0.0) == still


def test_one_pass_through_one_pair_widens_a_tone_by_what_its_formula_says() -> None:
    # one pass through one pair, from the first line to both outputs: the phase's slope is known exactly
    A = np.zeros((4, 4))
    A[2, 0] = A[3, 1] = 1.0
    ends = ([1, 0, 0, 0], [[0, 0, 1, 0], [0, 0, 0, 1]])
    build = FDNBuild(A, *ends, 0.0, [10, 10, 20, 20], FS)
    build = replace(build, modulation=[[0.4, 0.0], [2.0, 0.0], [0.0, 0.0]])
    wanted = 1200.0 * math.log2(1.0 + 0.4 * 2.0 / math.sqrt(2.0) / 1000.0)
    assert expected_chorus(build) == pytest.approx(wanted, rel=1e-9)
    assert measured_chorus(build) == pytest.approx(wanted, rel=0.03)


def test_a_moving_network_is_certain_where_its_matrix_alone_is() -> None:
    build = moving(rt=(2.0, 0.5))
    found, still = stability(build), stability(replace(build, modulation=None))
    assert (found.bound, found.slowest) == (still.bound, still.slowest)
    assert found.certain
    assert found.sentence().endswith(", its matrix at rest")
    assert found.to_dict()["moving"] is True
    # a scaling that keeps a fixed matrix lossless is broken by a rotation, and the network really grows
    scale = np.array([1.0, 8.0])
    scaled = FDNBuild(scale[:, None] * design_fdn(N=2, rng=1).A / scale, [1, 1], [1, 1], 0.0, [50, 60], FS)
    turned = with_modulation(scaled, depth=1.0, rate=2.0)
    assert stability(scaled).certain
    assert not stability(turned).certain
    assert np.abs(render(turned, 0.2)).max() > 1e6 * np.abs(render(scaled, 0.2)).max()


@pytest.mark.parametrize("version", [1, 2])
def test_documents_keep_a_modulation(version: int) -> None:
    build = moving()
    text = build_to_json(build, version=version)
    assert build_from_json(text) == build
    assert '"modulation"' not in build_to_json(replace(build, modulation=None), version=version)
    assert "modulated" in repr(build)
    assert build != replace(build, modulation=None)
    with pytest.raises(ValueError, match="modulation must hold numbers"):
        build_from_json(text.replace('"modulation": [', '"modulation": ["x", ', 1))


@pytest.mark.parametrize(
    "ask",
    [
        lambda build: transfer_function(build, 64),
        modal_decomposition,
        loop_gain,
        colouration,
        lambda build: trainable_from_build(build, nfft=2**10),
    ],
)
def test_what_only_a_fixed_network_has_is_refused_for_a_moving_one(ask: Callable[[FDNBuild], Any]) -> None:
    with pytest.raises(ValueError, match="the network's matrix moves"):
        ask(moving())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give cents= or depth="),
        ({"cents": 1.0, "depth": 0.1}, "give cents= or depth="),
        ({"cents": 0.0}, "cents = 0 must lie above 0"),
        ({"cents": 500.0}, "beyond 0.8 rad, up to which its chorus is known: give"),
        ({"cents": math.nan}, "cents = nan"),
        ({"depth": 4.0}, "depth = 4 rad must lie above -1e-300 and be at most 3.14"),
        ({"depth": 0.1, "rate": 30.0}, "rate = 30 Hz"),
        ({"depth": 0.1, "rate": 0.0}, "rate = 0 Hz"),
        ({"depth": 0.1, "frequency": 24000.0}, "frequency = 24000 Hz"),
    ],
)
def test_modulations_that_cannot_be_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_modulation(design_fdn(N=4, rng=0), **arguments)


@pytest.mark.parametrize(
    ("modulation", "message"),
    [
        ([[0.1], [1.0], [0.0]], r"shape \(3, 1\): give \(3, 2\)"),
        ([[0.1, 4.0], [1.0, 1.0], [0.0, 0.0]], "a depth of 4 rad: give 0 to 3.142 rad"),
        ([[0.1, 0.1], [1.0, 25.0], [0.0, 0.0]], "a rate of 25 Hz: give 0 to 20 Hz"),
        ([[0.1, 0.1], [1.0, 1.0], [0.0, math.inf]], "finite"),
    ],
)
def test_a_build_refuses_modulations_out_of_range(modulation: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(design_fdn(N=4, rng=0), modulation=modulation)


def test_one_line_lossless_networks_and_low_tones_have_no_chorus_to_state() -> None:
    one = design_fdn(N=1, rng=0)
    with pytest.raises(ValueError, match="the network has one line"):
        with_modulation(one, 1.0)
    with pytest.raises(ValueError, match="the network has one line"):
        replace(one, modulation=[[0.1], [1.0], [0.0]])
    with pytest.raises(ValueError, match="does not decay at 1000 Hz"):
        with_modulation(with_decay(moving(), None), 1.0)
    with pytest.raises(ValueError, match="leaves no place for 4 tones"):
        measured_chorus(moving(), 30.0)
    with pytest.raises(ValueError, match="or take expected_chorus"):
        measured_chorus(with_decay(moving(), 1e4))
