"""Flamo models of networks: what is built is what was asked for, and what is read back is what was built."""

import copy
import io
import math
import subprocess
import sys
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from flamo.processor import dsp, system
from hypothesis import given, settings

from amtlib.fdn.build import FDNBuild
from amtlib.fdn.design import design_fdn
from amtlib.fdn.matrices import MATRICES, feedback_matrix, matrices_for, random_orthogonal
from amtlib.train import Trainable, build_fdn, extract_build, trainable_from_build
from amtlib.train.logarithm import skew_logarithm

DELAYS = [61, 73, 83, 97]
SMALL: dict[str, Any] = {"nfft": 2**8, "device": "cpu"}
EXACT: dict[str, Any] = {**SMALL, "dtype": torch.float64}


def leaves(model: Any) -> dict[str, Any]:
    return {name: module for name, module in model.get_core().named_modules() if isinstance(module, dsp.DSP)}


@pytest.mark.parametrize(
    ("N", "seed", "expected"),
    [(4, 7, [901, 1118, 1021, 581]), (8, 0, [911, 617, 433, 413, 1051, 1130, 887, 983])],
)
def test_seeds_give_the_delays_of_the_specification(N: int, seed: int, expected: list[int]) -> None:
    assert extract_build(build_fdn(N=N, rng=seed, **SMALL)).delays.tolist() == expected


def test_the_matrix_is_drawn_after_the_delays_as_in_the_specification() -> None:
    generator = np.random.default_rng(7)
    generator.uniform(400, 1200, 4)
    q, r = np.linalg.qr(generator.standard_normal((4, 4)))
    expected = q * np.sign(np.diag(r))
    if np.linalg.det(expected) < 0:
        expected[:, -1] *= -1
    assert np.abs(extract_build(build_fdn(N=4, rng=7, **EXACT)).A - expected).max() < 1e-14


def test_defaults_are_those_of_the_specification() -> None:
    model = build_fdn(N=4, rng=0, device="cpu")
    build = extract_build(model)
    assert (model.nfft, model.dtype, build.fs) == (16384, torch.float32, 48000.0)
    np.testing.assert_allclose(build.B, np.full((4, 1), 0.5))
    np.testing.assert_allclose(build.C, np.full((1, 4), 0.5))
    assert not build.D.any()
    learned = {name: module.param.requires_grad for name, module in leaves(model).items()}
    assert [name.rpartition(".")[2] for name, learns in learned.items() if learns] == [
        "input_gain",
        "feedback",
        "output_gain",
    ]


def test_leaves_have_the_names_that_the_peers_reader_looks_for() -> None:
    build = replace(
        design_fdn(delays=DELAYS, rt=(2.0, 1.0), rng=0),
        post_eq=np.array([[[1.0], [0.1], [0.0], [1.0], [0.0], [0.0]]]),
    )
    assert list(leaves(trainable_from_build(build, **SMALL))) == [
        "branchA.input_gain",
        "branchA.feedback_loop.feedforward.delay",
        "branchA.feedback_loop.feedforward.filter",
        "branchA.feedback_loop.feedback",
        "branchA.output_gain",
        "branchA.output_filter",
        "branchB",
    ]


@settings(max_examples=15)
@given(st.integers(1, 9), st.integers(0, 2**31), st.booleans(), st.booleans())
def test_a_network_comes_back_as_it_went_in(N: int, seed: int, reflected: bool, wide: bool) -> None:
    rng = np.random.default_rng(seed)
    A = random_orthogonal(N, rng=rng)
    if reflected:
        A[:, 0] *= -1.0
    channels = (2, 3) if wide else (1, 1)
    build = design_fdn(
        delays=rng.integers(1, 5000, N),
        feedback=A,
        rt=(1.0, 0.4),
        input_gain=rng.normal(size=(N, channels[0])),
        output_gain=rng.normal(size=(channels[1], N)),
        direct=rng.normal(size=channels[::-1]),
        fs=44100.0,
    )
    back = extract_build(trainable_from_build(build, **EXACT))
    np.testing.assert_array_equal(back.delays, build.delays)
    assert build.filters is not None
    assert back.filters is not None
    for found, given_value in (
        (back.B, build.B),
        (back.C, build.C),
        (back.D, build.D),
        (back.filters, build.filters),
    ):
        np.testing.assert_array_equal(found, given_value)
    # rounding of a Schur form and an exponential in float64
    assert np.abs(back.A - build.A).max() < 1e-13


@pytest.mark.parametrize("N", [1, 2, 4, 6, 8, 16])
def test_every_orthogonal_matrix_of_the_gallery_is_kept_exactly(N: int) -> None:
    for name in matrices_for(N):
        A = feedback_matrix(name, N, rng=1)
        if np.abs(A.T @ A - np.eye(N)).max() > 1e-12:
            continue
        model = build_fdn(delays=np.arange(5, 5 + N), feedback=A, rt=None, **EXACT)
        assert np.abs(extract_build(model).A - A).max() < 1e-13, name
    assert "hadamard" in MATRICES


@pytest.mark.parametrize(
    "A",
    [
        -np.eye(4),
        np.eye(4)[[1, 0, 3, 2]],
        np.eye(5)[[1, 2, 3, 4, 0]],
        np.diag([1.0, -1.0, -1.0, 1.0]),
        np.diag([-1.0, 1.0, 1.0]),
    ],
    ids=["minus identity", "swaps", "cycle", "two minus ones", "a reflection"],
)
def test_matrices_with_an_eigenvalue_of_minus_one_are_kept(A: np.ndarray) -> None:
    model = build_fdn(delays=np.arange(5, 5 + len(A)), feedback=A, rt=None, **EXACT)
    # the principal logarithm of the peer makes other matrices of them, off by 1 and more
    assert np.abs(extract_build(model).A - A).max() < 1e-14


def test_the_matrix_stays_orthogonal_while_it_learns() -> None:
    model = build_fdn(delays=DELAYS, feedback="householder", rt=None, **EXACT)
    feedback = leaves(model)["branchA.feedback_loop.feedback"]
    with torch.no_grad():
        feedback.param.add_(
            torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        )
    A = extract_build(model).A
    assert np.abs(A.T @ A - np.eye(4)).max() < 1e-13
    assert np.linalg.det(A) == pytest.approx(-1.0)


def test_a_matrix_that_is_not_orthogonal_is_changed_with_a_word() -> None:
    A = np.diag([0.9, 1.0, 1.0, 1.0])
    with pytest.warns(UserWarning, match="not orthogonal .* entries differ by up to 0.1"):
        model = build_fdn(delays=DELAYS, feedback=A, **EXACT)
    np.testing.assert_allclose(extract_build(model).A, np.eye(4), atol=1e-14)


def test_a_free_matrix_is_kept_as_it_is() -> None:
    A = np.diag([0.9, 0.8, 0.7, 0.6])
    assert np.array_equal(extract_build(build_fdn(delays=DELAYS, feedback=A, matrix="random", **EXACT)).A, A)


def test_alias_decay_is_no_part_of_the_network() -> None:
    build = design_fdn(delays=DELAYS, rt=None, rng=0)
    assert (
        extract_build(trainable_from_build(build, **EXACT)).delays.tolist()
        == extract_build(trainable_from_build(build, alias_decay_db=0.0, **EXACT)).delays.tolist()
    )


@pytest.mark.parametrize(
    ("filters", "outputs"), [("attenuation", "output_filter"), ("post_delay", "post_output")]
)
def test_names_of_other_versions_are_read(filters: str, outputs: str) -> None:
    common: dict[str, Any] = {"nfft": 64, "device": "cpu"}
    gains = dsp.parallelGain(size=(2,), **common)
    gains.assign_value(torch.tensor([0.5, 0.25]))
    delay = dsp.parallelDelay(size=(2,), max_len=9, isint=True, unit=1, fs=48000, **common)
    delay.assign_value(torch.tensor([3.0, 7.0]) / 48000)
    matrix = dsp.Matrix(size=(2, 2), **common)
    loop = system.Recursion(fF=system.Series(OrderedDict({"delay": delay, filters: gains})), fB=matrix)
    parts = OrderedDict(
        input_gain=dsp.Gain(size=(2, 1), **common),
        feedback_loop=loop,
        output_gain=dsp.Gain(size=(1, 2), **common),
    )
    parts[outputs] = dsp.parallelSOSFilter(size=(1,), **common)
    core = system.Parallel(brA=system.Series(parts), brB=dsp.Gain(size=(1, 1), **common))
    build = extract_build(system.Shell(core=core, input_layer=dsp.FFT(64), output_layer=dsp.iFFT(64)))
    assert build.delays.tolist() == [3, 7]
    assert build.filters is not None
    np.testing.assert_array_equal(build.filters[0, 0], [0.5, 0.25])
    assert build.post_eq is not None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "provide either delays= or N="),
        ({"N": 4, "matrix": "unitary"}, "matrix_type must be 'orthogonal' or 'random', got 'unitary'"),
        ({"N": 4, "output": "phase"}, "output must be 'time' or 'magnitude', got 'phase'"),
        ({"N": 4, "feedback": np.eye(3)}, r"feedback must have shape \(N, N\), got \(3, 3\)"),
        ({"N": 4, "nfft": 2**8 + 1}, "nfft = 257 must be even"),
        ({"N": 64, "nfft": 2**22}, "GiB for each of flamo's matrices"),
        ({"N": 4, "rt": 0.0}, "rt = 0 s must lie above 0"),
        ({"N": 4, "rt": math.inf}, "rt = inf s is no decay: give rt=None for a lossless network"),
        ({"N": 64, "nfft": 2**18, "device": "cpu"}, "needs 4 GiB for each of flamo's matrices, more than 2"),
        ({"N": 4, "rt": -1.0}, "rt = -1 s must lie above 0"),
        ({"delays": [10, 0]}, "positive integer"),
        ({"delays": [10, 20.5]}, "delays must contain integers, got 20.5"),
        ({"N": 4, "dtype": torch.float16}, "give torch.float32 or torch.float64"),
        ({"N": 4, "alias_decay_db": 300.0}, "alias_decay_db = 300 dB"),
        ({"N": 65}, "N = 65 is beyond 64 delay lines"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_range(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        build_fdn(**{"rng": 0, "device": "cpu", **arguments})


def test_wrong_types_are_named() -> None:
    build = design_fdn(N=4, rng=0)
    with pytest.raises(TypeError, match="give an FDNBuild"):
        trainable_from_build("N=4")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="give Trainable"):
        trainable_from_build(build, trainable=True)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the flamo Shell that build_fdn returns"):
        extract_build(FDNBuild)


def test_a_graph_without_the_parts_of_a_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"exactly one of \('input_gain',\); found 0"):
        extract_build(torch.nn.Linear(2, 2))


def test_trainable_says_what_learns() -> None:
    model = build_fdn(N=4, rng=0, trainable=Trainable(False, True, False, True), **SMALL)
    learned = [name for name, leaf in leaves(model).items() if leaf.param.requires_grad]
    assert learned == ["branchA.input_gain", "branchB"]


def test_a_logarithm_is_refused_where_there_is_none() -> None:
    with pytest.raises(ValueError, match="off orthogonality by"):
        skew_logarithm(2.0 * np.eye(2))
    with pytest.raises(ValueError, match="determinant -1"):
        skew_logarithm(np.diag([1.0, -1.0]))


#: flamo comes with the first graph; its losses, whose packages are large, when somebody asks for them.
LOADS = """
import sys, amtlib.train
assert "flamo" not in sys.modules
import amtlib.train.graph
assert "flamo" in sys.modules
assert not {"pyfar", "nnAudio", "flamo.optimize"} & set(sys.modules)
import flamo
assert not hasattr(flamo, "__wrapped__")
assert "pyfar" not in sys.modules
assert flamo.optimize.loss.mss_loss is flamo.mss_loss
assert flamo.Shell is amtlib.train.graph.system.Shell is flamo.processor.system.Shell
assert not hasattr(flamo, "nothing")
"""


def test_flamo_is_loaded_with_the_first_graph_and_its_losses_when_they_are_asked_for() -> None:
    command = [sys.executable, "-W", "ignore", "-c", LOADS]
    answer = subprocess.run(command, timeout=120, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(
    "settings",
    [
        {"rt": None, "feedback": "householder", "output": "magnitude"},
        {"rt": (0.2, 0.1), "trainable": Trainable(feedback=False, direct=True), "direct": 0.5},
        {"rt": 0.2, "matrix": "random", "dtype": torch.float64},
    ],
)
def test_a_model_can_be_copied_and_saved_whole(settings: dict[str, Any]) -> None:
    model = build_fdn(N=4, rng=7, nfft=2**10, device="cpu", **settings)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    x = torch.zeros(1, 2**10, 1, dtype=model.dtype)
    x[:, 0] = 1.0
    longer = copy.deepcopy(model).set_nfft(2**11)  # before it is used: flamo keeps what it has computed
    assert longer(torch.nn.functional.pad(x, (0, 0, 0, 2**10))).shape[1] in (2**11, 2**10 + 1)
    for other in (copy.deepcopy(model), torch.load(file, weights_only=False)):
        assert extract_build(other) == extract_build(model)
        assert torch.equal(other(x), model(x))
        assert [p.requires_grad for p in other.parameters()] == [p.requires_grad for p in model.parameters()]
