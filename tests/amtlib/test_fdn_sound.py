"""The sound of a network against a plain recursion, its transfer function, and its Faust program."""

import math
import re
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib.fdn import FDNBuild, design_fdn, faust, process_fdn, render, transfer_function, with_decay
from amtlib.fdn.first_order import first_order_absorption
from amtlib.fdn.sections import Sections

FS = 48000


def random_sections(rng: np.random.Generator, sections: int, channels: int, gain: float = 1.0) -> np.ndarray:
    radius, angle = (
        rng.uniform(0.1, 0.99, (sections, channels)),
        rng.uniform(0.0, np.pi, (sections, channels)),
    )
    one = np.ones((sections, channels))
    zeros = [one, -1.6 * radius * np.cos(angle + 0.1), 0.64 * radius**2]
    scale = rng.uniform(0.5, 2.0, (sections, channels))  # an a0 that is not 1
    sos = np.stack([*(gain * z for z in zeros), one, -2 * radius * np.cos(angle), radius**2], axis=1)
    return np.asarray(sos * scale[:, None])


def filtered(sos: np.ndarray | None, x: np.ndarray) -> np.ndarray:
    """Sections (S, 6, F) on x (F, T), by scipy."""
    if sos is None:
        return x
    normal = sos / sos[:, 3:4]
    return np.stack(
        [scipy.signal.sosfilt(np.ascontiguousarray(normal[:, :, c]), x[c]) for c in range(len(x))]
    )


class ByHand:
    """The network as its definition says, one sample at a time."""

    def __init__(self, build: FDNBuild) -> None:
        self.build = build

    def __call__(self, x: np.ndarray) -> np.ndarray:
        b = self.build
        longest = int(b.delays.max())
        entered = np.zeros((b.N, longest + len(x)))
        state = {
            name: None if sos is None else np.zeros((b.N, sos.shape[0], 2))
            for name, sos in (("filters", b.filters), ("post_matrix", b.post_matrix))
        }

        def step(name: str, values: np.ndarray) -> np.ndarray:
            sos = getattr(b, name)
            if sos is None:
                return values
            normal = sos / sos[:, 3:4]
            out = values.copy()
            for line in range(b.N):
                sections = np.ascontiguousarray(normal[:, :, line])
                y, state[name][line] = scipy.signal.sosfilt(
                    sections, values[line : line + 1], zi=state[name][line]
                )
                out[line] = y[0]
            return out

        wet = np.zeros((b.n_out, len(x)))
        for n in range(len(x)):
            left = entered[np.arange(b.N), longest + n - b.delays]
            left = step("filters", left)
            wet[:, n] = b.C @ left
            entered[:, longest + n] = step("post_matrix", b.A @ left) + b.B @ x[n]
        return filtered(b.post_eq, wet).T + x @ b.D.T


def complete(rng: np.random.Generator, delays: list[int], n_in: int, n_out: int) -> FDNBuild:
    n = len(delays)
    return FDNBuild(
        np.linalg.qr(rng.standard_normal((n, n)))[0],
        rng.standard_normal((n, n_in)),
        rng.standard_normal((n_out, n)),
        rng.standard_normal((n_out, n_in)),
        delays,
        FS,
        # small enough for a loop with resonances to stay stable
        filters=random_sections(rng, 2, n, 0.1),
        post_eq=random_sections(rng, 1, n_out),
        post_matrix=random_sections(rng, 1, n, 0.3),
    )


@pytest.mark.parametrize(
    "delays", [[1, 2, 3], [5, 1, 40], [17, 30, 23], [70, 100, 90], [200, 130, 600], [333]]
)
def test_the_sound_is_that_of_the_definition(delays: list[int]):
    rng = np.random.default_rng(sum(delays))
    build = complete(rng, delays, 2, 3)
    x = rng.standard_normal((700, 2))
    expected = ByHand(build)(x)
    # rounding of some hundred products, accumulated over a decay
    np.testing.assert_allclose(process_fdn(x, build), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@settings(max_examples=30, deadline=None)
@given(
    delays=st.lists(st.integers(1, 150), min_size=1, max_size=5),
    samples=st.integers(1, 400),
    seed=st.integers(0, 2**32),
    rt=st.none() | st.tuples(st.floats(0.01, 3.0), st.floats(0.01, 3.0)),
)
def test_the_sound_is_that_of_the_definition_for_any_delays(
    delays: list[int], samples: int, seed: int, rt: tuple[float, float] | None
):
    build = design_fdn(delays=delays, rt=rt, rng=seed, direct=0.3)
    x = np.random.default_rng(seed).standard_normal(samples)
    expected = ByHand(build)(x[:, None])[:, 0]
    np.testing.assert_allclose(process_fdn(x, build), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("block", [1, 7, 64, 65, 300])
def test_running_sections_are_scipys_recursion_whatever_the_blocks(block: int):
    rng = np.random.default_rng(block)
    sos, x = random_sections(rng, 3, 4), rng.standard_normal((4, 900))
    running = Sections(sos, block)
    expected = filtered(sos, x)
    cuts = np.cumsum(rng.integers(1, block + 1, 900))
    pieces = np.split(x, cuts[cuts < 900], axis=1)
    found = np.concatenate([running.process(piece) for piece in pieces], axis=1)
    # poles 0.01 from the circle amplify rounding a hundredfold
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("block", [1, 15, 16, 17, 300])
@pytest.mark.parametrize("times", [(2.0, 1.0), (3.0, 0.3), (0.5, 0.2)])
def test_sections_that_soon_ring_no_more_are_scipys_recursion_too(block: int, times: tuple[float, float]):
    rng = np.random.default_rng(block)
    sos, x = first_order_absorption(*times, [809, 1249, 4801], FS), rng.standard_normal((3, 900))
    running = Sections(sos, block)
    assert running._taps is not None  # poles near 0
    cuts = np.cumsum(rng.integers(1, block + 1, 900))
    found = [running.process(piece) for piece in np.split(x, cuts[cuts < 900], axis=1)]
    np.testing.assert_allclose(np.concatenate(found, axis=1), filtered(sos, x), rtol=0, atol=1e-14)


def test_rendering_is_linear_in_each_input():
    rng = np.random.default_rng(3)
    build = complete(rng, [30, 41, 57], 2, 2)
    response = render(build, 0.01)
    assert response.shape == (480, 2, 2)
    x = rng.standard_normal((480, 2))
    expected = sum(
        scipy.signal.fftconvolve(x[:, [i]], response[:, :, i], axes=0)[:480] for i in range(2)
    )  # both inputs' responses
    np.testing.assert_allclose(process_fdn(x, build), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("channels", [(1, 1), (2, 3)])
@pytest.mark.parametrize("gain", [1.0, 0.9, 1.001])  # the last may grow, and is solved for
def test_outside_the_unit_circle_many_frequencies_are_those_that_are_solved_for(
    channels: tuple[int, int], gain: float
):
    rng = np.random.default_rng(7)
    matrix = gain * np.linalg.qr(rng.standard_normal((3, 3)))[0]
    into, out = rng.standard_normal((3, channels[0])), rng.standard_normal((channels[1], 3))
    build = FDNBuild(matrix, into, out, np.ones(channels[::-1]), [809, 877, 1001], FS)
    points = 2**13
    found = transfer_function(build, points, radius=1.001)
    solved = transfer_function(build, np.arange(points // 2 + 1) * FS / points, radius=1.001)
    np.testing.assert_allclose(found, solved, rtol=0, atol=1e-11 * np.abs(solved).max())


def test_responses_have_one_axis_per_channel_that_is_not_alone():
    matrix = np.eye(2)
    shapes = {}
    for n_in, n_out in ((1, 1), (1, 3), (2, 1), (2, 3)):
        build = FDNBuild(0.5 * matrix, np.ones((2, n_in)), np.ones((n_out, 2)), None, [3, 4], FS)
        shapes[n_in, n_out] = (render(build, 5 / FS).shape, transfer_function(build, 8).shape)
    assert shapes == {
        (1, 1): ((5,), (5,)),
        (1, 3): ((5, 3), (5, 3)),
        (2, 1): ((5, 1, 2), (5, 1, 2)),
        (2, 3): ((5, 3, 2), (5, 3, 2)),
    }


def test_the_transfer_function_is_the_transform_of_the_impulse_response():
    rng = np.random.default_rng(5)
    build = complete(rng, [30, 41, 57], 2, 2)
    response = render(build, 1.0)
    expected = np.fft.rfft(response, axis=0)
    assert np.abs(response[-2000:]).max() < 1e-15  # all of it is there
    found = transfer_function(build, FS)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    at = [0.0, 100.0, 12345.0, 24000.0]
    np.testing.assert_allclose(
        transfer_function(build, at), expected[[0, 100, 12345, 24000]], atol=1e-12 * np.abs(expected).max()
    )


def test_on_a_larger_circle_the_response_is_that_of_a_decaying_one():
    build = design_fdn(delays=[97, 131, 211, 240], rt=None, rng=1)
    radius, samples = 1.002, 16384
    decayed = render(build, samples / FS) * radius ** -np.arange(samples)
    # after 16384 samples the rest is 1e-14 of the start
    np.testing.assert_allclose(
        transfer_function(build, samples, radius=radius), np.fft.rfft(decayed), rtol=0, atol=1e-11
    )


def test_a_lossless_network_keeps_its_energy_for_a_minute():
    build = design_fdn(delays=[1499, 1889, 2381, 2999], rt=None, rng=0)
    response = render(build, 60.0)
    early, late = (np.square(response[k : k + 480000]).sum() for k in (48000, len(response) - 480000))
    # 10 s hold 50 round trips of 4 lines: energies of any two such stretches differ by chance, not by rounding
    assert late == pytest.approx(early, rel=0.05)


def test_two_seconds_of_sixteen_filtered_lines_take_less_than_a_second():
    delays = [241, 271, 293, 331, 359, 401, 443, 487, 523, 587, 647, 709, 787, 863, 953, 1049]
    build = design_fdn(delays=delays, rt=(2.0, 1.0), rng=0)
    start = time.perf_counter()
    render(build, 2.0)
    assert time.perf_counter() - start < 1.0  # 0.08 s on a quiet machine


def test_a_lossless_mode_on_the_grid_is_refused_with_the_fix():
    comb = FDNBuild([[1.0]], [1.0], [1.0], 0.0, [4], FS)
    with pytest.raises(ValueError, match=r"give a larger one, such as 1 / 0\.9999"):
        transfer_function(comb, 8)


def test_an_unstable_network_is_refused_by_the_time_it_overflows():
    build = FDNBuild([[10.0]], [1.0], [1.0], 0.0, [10], FS)
    with pytest.raises(ValueError, match=r"overflows after 3100 samples .*largest gain of A is 10\)"):
        render(build, 1.0)


def test_a_long_silence_after_a_decay_is_silence_and_not_denormal_numbers():
    build = with_decay(design_fdn(delays=[20, 31], rt=None, rng=0), 0.002)
    assert not render(build, 1.0)[-1000:].any()


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.zeros((2, 2, 2)), "Input signal must be a 1-D or 2-D array"),
        (np.zeros((5, 2)), "the signal has 2 channels, the network 1 inputs"),
        (np.zeros(0), "no samples"),
        ([0.0, math.nan], "signal must contain only finite values"),
        (np.broadcast_to(np.float32(0), 2**20).reshape(1, 2**20), "the signal has 1048576 channels"),
    ],
)
def test_bad_signals_are_refused(signal: Any, message: str):
    with pytest.raises(ValueError, match=message):
        process_fdn(signal, design_fdn(N=2, rng=0))


@pytest.mark.parametrize("duration", [0.0, -1.0, math.nan, math.inf, 1e6])
def test_impossible_durations_are_refused(duration: float):
    with pytest.raises(ValueError, match=r"duration = |process the signal in parts"):
        render(design_fdn(N=2, rng=0), duration)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"at": 0}, "nfft = 0 is outside"),
        ({"at": 2**23}, "nfft = 8388608 is outside"),
        ({"at": [-1.0]}, "at holds -1.0 Hz"),
        ({"at": [24001.0]}, "at holds 24001.0 Hz"),
        ({"at": [math.nan]}, "at holds nan Hz"),
        ({"at": []}, "give an FFT length"),
        ({"at": "x"}, "give an FFT length"),
        ({"at": 8, "radius": 0.0}, "radius = 0"),
        ({"at": 8, "radius": 0.4}, "radius = 0.4 is outside 0.5 to 2"),
        ({"at": 8, "radius": 0.5}, "radius = 0.5 overflows"),
        ({"at": 8, "radius": math.nan}, "radius = nan"),
    ],
)
def test_impossible_points_are_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        transfer_function(design_fdn(delays=[1500, 1600], rng=0), **arguments)


def test_wrong_types_are_refused_by_every_function_that_takes_a_network():
    for call in (
        lambda: process_fdn([1.0], 3),  # type: ignore[arg-type]
        lambda: render(3),  # type: ignore[arg-type]
        lambda: transfer_function(3, 8),  # type: ignore[arg-type]
        lambda: faust(3),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match="give an FDNBuild"):
            call()


def played(program: str, x: np.ndarray) -> np.ndarray:
    """
    Play the text of a Faust program of ours as Faust's semantics say: `mem` and `~` delay by one sample each.

    Such programs were also compiled by Faust itself once (cyfaust 0.2.1, not needed here): equal to float32 rounding.
    """

    def rows(name: str) -> np.ndarray:
        found = re.findall(rf"^{name}_row\(\d+\) = (.*) :> _;$", program, re.M)
        return np.array([[float(v) for v in re.findall(r"\*\(([^)]*)\)", row)] for row in found])

    def chain(name: str, channels: int) -> list[list[list[float]]]:
        found = re.findall(rf"^{name}_filter\(\d+\) = (.*);$", program, re.M)
        sections = []
        for text in found or [""] * channels:
            parts = re.findall(r"fi\.tf2\(([^)]*)\)|\*\(([^)]*)\)", text)
            sections.append(
                [
                    [*(v := [float(x) for x in five.split(", ")])[:3], 1.0, *v[3:]]
                    if five
                    else [float(gain), 0.0, 0.0, 1.0, 0.0, 0.0]
                    for five, gain in parts
                ]
                or [[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]]
            )
        return sections

    A, B, C, D = (rows(name) for name in ("feedback", "input", "output", "direct"))
    lengths_text = re.search(r"^lengths = \((.*)\);$", program, re.M)
    assert lengths_text is not None
    lengths = [int(v) for v in lengths_text[1].split(", ")]
    build = FDNBuild(
        A,
        B,
        C,
        D,
        [length + 1 for length in lengths],
        FS,
        filters=np.array(chain("line", len(A))).transpose(1, 2, 0),
        post_eq=np.array(chain("output", len(C))).transpose(1, 2, 0),
        post_matrix=np.array(chain("matrix", len(A))).transpose(1, 2, 0),
    )
    return ByHand(build)(x)


def test_a_faust_program_holds_every_number_of_the_network():
    rng = np.random.default_rng(9)
    build = complete(rng, [1, 7, 20], 2, 2)
    x = rng.standard_normal((100, 2))
    expected = process_fdn(x, build)
    np.testing.assert_allclose(played(faust(build), x), expected, atol=1e-11 * np.abs(expected).max())


def test_a_faust_program_takes_the_samples_of_its_recursion_off_the_delays():
    program = faust(design_fdn(delays=[10, 20], rt=1.0, rng=0), name="my room")
    assert "lengths = (9, 19);" in program
    assert "par(i, 2, mem)" in program
    assert "~ (motion : feedback_gains" in program
    assert 'declare name "my room";' in program


@pytest.mark.parametrize("name", ["", 'x"; evil', "a" * 65, 3])
def test_a_faust_program_refuses_names_that_would_break_it(name: Any):
    with pytest.raises(ValueError, match="give 1 to 64 letters"):
        faust(design_fdn(N=1, rng=0), name=name)


def test_the_direct_path_bypasses_the_equaliser():
    build = replace(
        FDNBuild([[0.0]], [0.0], [1.0], 1.0, [5], FS),
        post_eq=np.array([0.5, 0, 0, 1, 0, 0])[None, :, None],
    )
    assert process_fdn([1.0, 0.0], build).tolist() == [1.0, 0.0]
