"""Exact filtering: equal to scipy's recursions, whole, in blocks and in streams; differentiable."""

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import scipy.special
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from amtlib import lti

EPS = 2.3e-16
RADII = st.floats(0.0, 0.99)
ANGLES = st.floats(0.0, math.pi)
LENGTHS = st.integers(1, 700)
SEEDS = st.integers(0, 2**31)


@st.composite
def sections(draw: st.DrawFn, most: int = 3) -> np.ndarray:
    """Stable second-order sections, with complex or real poles, and arbitrary numerators and a0."""
    rows = []
    for _ in range(draw(st.integers(1, most))):
        radius, angle = draw(RADII), draw(ANGLES)
        if draw(st.booleans()):
            a = [1.0, -2.0 * radius * math.cos(angle), radius**2]
        else:
            other = draw(st.floats(-0.99, 0.99))
            a = [1.0, -(radius + other), radius * other]
        b = [draw(st.floats(-2.0, 2.0)) for _ in range(3)]
        scale = draw(st.sampled_from([1.0, -0.5, 3.0]))
        rows.append([*b, *(scale * c for c in a)])
    return np.array(rows)


def polynomials(sos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    b, a = np.ones(1), np.ones(1)
    for row in sos:
        b, a = np.convolve(b, row[:3]), np.convolve(a, row[3:])
    return b, a


def noise(length: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(length, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def conditioning(a: np.ndarray) -> float:
    """How much a denominator amplifies rounding, at worst: sum of magnitudes over the least magnitude."""
    return float(np.abs(a).sum() / np.abs(scipy.signal.freqz(a, 1, 4096, include_nyquist=True)[1]).min())


def largest(sos: np.ndarray, x: Tensor) -> float:
    """The largest intermediate output any section could give."""
    bound = float(x.abs().max())
    for row in sos:
        h = scipy.signal.lfilter(row[:3], row[3:], np.eye(1, 4000)[0])
        bound *= max(float(np.abs(h).sum()), 1e-3)
    return bound


@given(sections(most=2), LENGTHS, SEEDS)
def test_lfilter_equals_scipy(sos: np.ndarray, length: int, seed: int):
    b, a = polynomials(sos)
    x = noise(length, seed)
    expected = scipy.signal.lfilter(b, a, x.numpy())
    actual = lti.lfilter(torch.from_numpy(b), torch.from_numpy(a), x).numpy()
    # both round each step; the denominator amplifies that by its conditioning
    tolerance = 50.0 * EPS * conditioning(a) * max(largest(sos, x), np.abs(b).sum())
    np.testing.assert_allclose(actual, expected, rtol=0.0, atol=tolerance)


@given(sections(), LENGTHS, SEEDS)
def test_sosfilt_equals_scipy(sos: np.ndarray, length: int, seed: int):
    x = noise(length, seed)
    normal = sos / sos[:, 3:4]  # scipy insists on a0 = 1
    expected = scipy.signal.sosfilt(normal, x.numpy())
    actual = lti.sosfilt(torch.from_numpy(sos), x).numpy()
    tolerance = 50.0 * EPS * sum(conditioning(row[3:]) for row in sos) * largest(normal, x)
    np.testing.assert_allclose(actual, expected, rtol=0.0, atol=tolerance)


@pytest.mark.parametrize("length", [1, 50, 5000, 100_000])
def test_a_butterworth_low_pass_in_float32_equals_scipy_to_rounding(length: int):
    sos = scipy.signal.butter(4, 0.02, output="sos")
    x = noise(length, 1, torch.float32)
    expected = scipy.signal.sosfilt(sos, x.double().numpy())
    actual = lti.sosfilt(torch.from_numpy(sos), x)
    assert actual.dtype == torch.float32
    # an FFT in float32 rounds to a few 1e-7 of the largest input
    np.testing.assert_allclose(actual.numpy(), expected, rtol=0.0, atol=1e-6)


def test_filters_and_signals_broadcast():
    a = torch.tensor([[1.0, -0.5], [1.0, 0.5], [1.0, 0.0]])
    b = torch.ones(3, 1)
    x = torch.randn(2, 1, 40)
    assert lti.lfilter(b, a, x).shape == (2, 3, 40)


def test_a_filter_without_poles_is_a_convolution():
    b, x = torch.tensor([0.5, -2.0, 3.0], dtype=torch.float64), noise(20, 3)
    expected = np.convolve(b.numpy(), x.numpy())[:20]
    one = torch.ones(1, dtype=torch.float64)
    np.testing.assert_allclose(lti.lfilter(b, one, x).numpy(), expected, atol=1e-14)


@given(st.integers(1, 3_000_000))
def test_fast_length_is_the_least_fast_one(n: int):
    assert lti.fast_length(n) == scipy.fft.next_fast_len(n, real=True)


@given(st.floats(0.0, 0.9995), st.integers(1, 8))
def test_settling_time_is_the_least_after_which_equal_poles_are_below_resolution(radius: float, order: int):
    settle = lti.settling_samples(radius, order, torch.float64)
    k = np.arange(settle + 5000)
    log_h = scipy.special.gammaln(k + order) - scipy.special.gammaln(k + 1) - math.lgamma(order)
    with np.errstate(divide="ignore"):
        h = np.exp(log_h + np.where(k > 0, k * np.log(radius) if radius > 0 else -np.inf, 0.0))
    tail = h[::-1].cumsum()[::-1] / h.sum()
    # the sum ends 5000 samples later: a part of what is missing when the pole is slow, hence the factor
    assert tail[settle] < 2.0**-52 * 1.001
    if radius > 0.0 and settle > 1:
        assert tail[settle - 1] > 2.0**-52 * 0.8


@pytest.mark.parametrize("radius", [1.0, 1.5, math.inf, math.nan])
def test_an_unstable_pole_is_refused_with_its_radius(radius: float):
    with pytest.raises(ValueError, match=f"radius {radius:.9g}.*inside the unit circle"):
        lti.settling_samples(radius, 1, torch.float64)


def test_a_pole_that_rings_for_minutes_is_refused():
    with pytest.raises(ValueError, match=f"more than {2**23} samples"):
        lti.settling_samples(1.0 - 1e-8, 1, torch.float64)


@given(sections())
def test_the_radius_of_the_slowest_pole_is_found(sos: np.ndarray):
    roots = max(float(np.abs(np.roots(row[3:])).max(initial=0.0)) for row in sos)
    # a double root moves by the square root of the rounding of its coefficients
    assert lti.sos_radius(torch.from_numpy(sos)) == pytest.approx(roots, abs=1e-7)
    one = torch.from_numpy(sos[:1, 3:])
    assert lti.pole_radius(one) == pytest.approx(lti.sos_radius(torch.from_numpy(sos[:1])), abs=1e-7)


def test_responses_agree_with_scipy_at_any_frequency():
    sos = torch.from_numpy(scipy.signal.butter(4, [0.1, 0.3], "bandpass", output="sos"))
    omega = torch.linspace(0.05, 3.1, 50, dtype=torch.float64)
    _, expected = scipy.signal.sosfreqz(sos.numpy(), omega.numpy())
    np.testing.assert_allclose(lti.sos_response(sos, omega).numpy(), expected, atol=1e-12)
    b, a = (torch.from_numpy(c) for c in scipy.signal.sos2tf(sos.numpy()))
    np.testing.assert_allclose(lti.rational_response(b, a, omega).numpy(), expected, atol=1e-9)


def test_a_response_walked_in_pieces_equals_the_whole():
    poles = torch.polar(torch.full((40,), 0.99, dtype=torch.float64), torch.linspace(0.1, 3.0, 40).double())
    gains = 1.0 - poles.abs()
    pieces = lti.allpole_response(poles, gains, 3, 20000)
    whole = lti.allpole_response(poles.requires_grad_(), gains, 3, 20000).detach()
    # vector instructions end elsewhere in a piece, and round differently
    torch.testing.assert_close(pieces, whole, rtol=0.0, atol=1e-13)


def test_twice_the_real_part_is_what_an_all_pole_response_means():
    pole = 0.9 * np.exp(0.7j)
    a = np.poly([pole] * 3)
    impulse = np.eye(1, 400)[0]
    expected = 2.0 * scipy.signal.lfilter([0.1**3], a, impulse).real
    poles, gains = torch.tensor([pole]), torch.tensor([0.1])
    actual = lti.filter_fft(
        torch.from_numpy(impulse), lambda n: lti.allpole_response(poles, gains, 3, n), 600
    )
    np.testing.assert_allclose(actual[0].numpy(), expected, atol=1e-13)


def two_filters() -> tuple[lti.filtering.Response, int]:
    poles = torch.polar(
        torch.tensor([0.95, 0.9], dtype=torch.float64), torch.tensor([0.3, 2.0], dtype=torch.float64)
    )
    gains = 1.0 - poles.abs()
    return lambda n: lti.allpole_response(poles, gains, 4, n), lti.settling_samples(0.95, 4, torch.float64)


def recursive(x: Tensor) -> np.ndarray:
    rows = []
    for pole in [0.95 * np.exp(0.3j), 0.9 * np.exp(2.0j)]:
        y = x.numpy().astype(complex)
        for _ in range(4):
            y = scipy.signal.lfilter([1.0 - abs(pole)], [1.0, -pole], y)
        rows.append(2.0 * y.real)
    return np.stack(rows)


@given(LENGTHS, st.integers(1, 800), SEEDS)
def test_blocks_of_any_length_give_the_recursive_filter(length: int, block: int, seed: int):
    response, settle = two_filters()
    x = noise(length, seed)
    actual = lti.filter_fft(x, response, settle, block=block).numpy()
    # a few roundings of the peak
    np.testing.assert_allclose(actual, recursive(x), rtol=0.0, atol=1e-13 * float(x.abs().max()))


def test_long_signals_are_cut_by_default_and_equal_the_recursive_filter():
    response, settle = two_filters()
    lengths: list[int] = []

    def counted(n: int) -> Tensor:
        lengths.append(n)
        return response(n)

    x = noise(100_000, 5)
    np.testing.assert_allclose(lti.filter_fft(x, counted, settle).numpy(), recursive(x), rtol=0.0, atol=1e-12)
    assert max(lengths) < 30_000


def test_a_small_budget_makes_short_blocks_but_none_shorter_than_the_ringing():
    response, settle = two_filters()
    lengths: list[int] = []

    def counted(n: int) -> Tensor:
        lengths.append(n)
        return response(n)

    lti.filter_fft(noise(100_000, 5), counted, settle, budget=1.0)
    assert max(lengths) == lti.fast_length(2 * settle)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=6), SEEDS)
def test_a_stream_of_any_chunks_gives_the_recursive_filter(chunks: list[int], seed: int):
    response, settle = two_filters()
    x = noise(sum(chunks) or 1, seed)
    stream = lti.Stream(response, settle)
    pieces = [stream.process(piece) for piece in x[: sum(chunks)].split(chunks)]
    assert [p.shape for p in pieces] == [(2, c) for c in chunks]
    np.testing.assert_allclose(
        torch.cat(pieces, -1).numpy(), recursive(x)[:, : sum(chunks)], rtol=0.0, atol=1e-12
    )


def test_a_stream_after_reset_starts_anew():
    response, settle = two_filters()
    stream = lti.Stream(response, settle)
    first = stream.process(noise(10, 1))
    stream.reset()
    assert torch.equal(stream.process(noise(10, 1)), first)


def test_a_stream_cuts_long_chunks():
    response, settle = two_filters()
    x = noise(70_000, 2)
    np.testing.assert_allclose(
        lti.Stream(response, settle).process(x).numpy(), recursive(x), rtol=0.0, atol=1e-12
    )


def test_a_stream_refuses_a_chunk_of_another_shape():
    response, settle = two_filters()
    stream = lti.Stream(response, settle)
    stream.process(torch.zeros(3, 5))
    with pytest.raises(ValueError, match=r"reset\(\)"):
        stream.process(torch.zeros(4, 5))


def test_filters_chain_channel_by_channel():
    response, settle = two_filters()
    x = noise(300, 8)
    once = lti.filter_fft(x, response, settle)
    twice = lti.filter_fft(once, response, settle, per_channel=True)
    expected = np.stack([recursive(once[i])[i] for i in range(2)])
    np.testing.assert_allclose(twice.numpy(), expected, rtol=0.0, atol=1e-13)
    stream = lti.Stream(response, settle, per_channel=True)
    streamed = torch.cat([stream.process(piece) for piece in once.split(70, dim=-1)], -1)
    np.testing.assert_allclose(streamed.numpy(), expected, rtol=0.0, atol=1e-13)


@pytest.mark.parametrize("block", [None, 3])
def test_gradients_reach_signal_and_coefficients_of_sections(block: int | None):
    sos = torch.from_numpy(scipy.signal.butter(4, 0.3, output="sos")).requires_grad_()
    x = noise(8, 4).requires_grad_()

    def run(sos: Tensor, x: Tensor) -> Tensor:
        return lti.filter_fft(x, lambda n: lti.sos_response(sos, n), 60, per_channel=True, block=block)

    assert torch.autograd.gradcheck(run, (sos, x))


def test_gradients_reach_signal_and_coefficients_of_polynomials():
    b = torch.tensor([0.3, 0.2], dtype=torch.float64, requires_grad=True)
    a = torch.tensor([1.5, -0.8, 0.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lti.lfilter, (b, a, noise(7, 4).requires_grad_()))
    assert torch.autograd.gradgradcheck(lti.lfilter, (b, a, noise(7, 4).requires_grad_()))


def test_silence_in_is_silence_out():
    response, settle = two_filters()
    assert torch.count_nonzero(lti.filter_fft(torch.zeros(50), response, settle)) == 0


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (
            lambda: lti.lfilter(torch.ones(1), torch.tensor([1.0, -1.0]), torch.ones(5)),
            ValueError,
            "unstable",
        ),
        (lambda: lti.lfilter(torch.ones(1), torch.tensor([0.0, 1.0]), torch.ones(5)), ValueError, "future"),
        (lambda: lti.lfilter(torch.tensor([1j]), torch.ones(1), torch.ones(5)), TypeError, "real"),
        (lambda: lti.lfilter(torch.ones(1), torch.ones(1), torch.ones(5).half()), TypeError, "float16"),
        (lambda: lti.lfilter(torch.ones(1), torch.ones(1), torch.ones(2, 0)), ValueError, "no samples"),
        (lambda: lti.sosfilt(torch.ones(1, 5), torch.ones(5)), ValueError, r"\(1, 5\)"),
        (lambda: lti.sosfilt(torch.zeros(1, 6), torch.ones(5)), ValueError, "a0"),
        (lambda: lti.sosfilt(torch.ones(1, 6) * 1j, torch.ones(5)), TypeError, "real"),
        (lambda: lti.filter_fft(torch.ones(5), torch.ones, 1, block=0), ValueError, "block = 0"),
        (lambda: lti.fast_length(0), ValueError, "n = 0"),
        (lambda: lti.settling_samples(0.5, 0, torch.float32), ValueError, "order = 0"),
        (lambda: lti.Stream(torch.ones, 1).process(torch.ones(5).half()), TypeError, "float16"),
        (lambda: lti.Stream(torch.ones, 1).process([1.0]), TypeError, "Tensor"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_filtered_is_refused_in_one_sentence(call: Any, error: type[Exception], says: str):
    with pytest.raises(error, match=says):
        call()


def check(x: Any) -> Tensor:
    return lti.check_signal(x, torch.float32, torch.device("cpu"))


@given(st.integers(1, 50), st.data())
def test_non_finite_samples_are_counted_and_located(length: int, data: st.DataObject):
    x = torch.zeros(2, length)
    where = data.draw(st.integers(0, length - 1))
    x[1, where] = data.draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    with pytest.raises(ValueError, match=rf"1 non-finite .* at index \(1, {where}\)"):
        check(x)


@pytest.mark.parametrize(
    ("x", "error", "says"),
    [
        ([0.0], TypeError, "list"),
        (torch.zeros(3, dtype=torch.complex64), ValueError, "complex64"),
        (torch.zeros(0), ValueError, "no samples"),
        (torch.tensor(0.0), ValueError, "no samples"),
        (torch.tensor([1e300], dtype=torch.float64), ValueError, "too large for torch.float32"),
        (torch.zeros(3, device="meta"), ValueError, "meta"),
    ],
)
def test_a_signal_that_is_none_is_refused(x: Any, error: type[Exception], says: str):
    with pytest.raises(error, match=says):
        check(x)


def test_the_cache_keeps_what_it_built_until_a_parameter_changes():
    cache, parameter, built = lti.ResponseCache(), torch.tensor([1.0]), []

    def build() -> Tensor:
        built.append(1)
        return parameter * 2

    for _ in range(3):
        cache.get("a", (parameter,), build)
    assert len(built) == 1
    parameter.data.mul_(3.0)  # which raises no version counter
    assert cache.get("a", (parameter,), build) == 6.0
    assert len(built) == 2


def test_the_cache_is_bounded():
    cache, parameter = lti.ResponseCache(max_bytes=1000), torch.ones(1)
    for k in range(20):
        cache.get(k, (parameter,), lambda: torch.zeros(100))
    assert sum(v.nbytes for v in cache._kept.values()) <= 1000
    assert list(cache._kept) == [18, 19]


def test_the_cache_copies_and_pickles_empty():
    cache = lti.ResponseCache(max_bytes=1000)
    cache.get("a", (), lambda: torch.ones(5))
    for twin in (copy.deepcopy(cache), pickle.loads(pickle.dumps(cache))):
        assert twin.max_bytes == 1000
        assert twin.get("a", (), lambda: torch.zeros(5)).sum() == 0.0


def one_pole(radius: float, angle: float) -> list[Tensor]:
    """Pole, direct part and gain of a complex filter."""
    numbers = (radius * np.exp(1j * angle), 0.7 - 0.2j, 0.4 + 0.3j)
    return [torch.tensor(complex(value), dtype=torch.complex128) for value in numbers]


@given(radius=st.sampled_from([0.0, 0.5, 0.99, 0.9999]), angle=ANGLES, total=st.integers(1, 5000), seed=SEEDS)
def test_a_filter_of_one_pole_equals_its_recursion(radius: float, angle: float, total: int, seed: int):
    numbers = one_pole(radius, angle)
    pole, direct, gain = (complex(value) for value in numbers)
    x = torch.randn(2, total, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    expected = scipy.signal.lfilter([direct, gain - direct * pole], [1.0, -pole], x.numpy().astype(complex))
    largest = float(np.abs(expected).max())
    for given_x, tolerance in ((x, 1e-13), (x.float(), 1e-5)):
        found, _ = lti.filter_one_pole(given_x, *numbers)
        assert np.abs(found.numpy() - expected).max() <= tolerance * largest
        real, _ = lti.filter_one_pole(given_x, *numbers, real=True)
        assert real.dtype == given_x.dtype
        assert np.abs(real.numpy() - expected.real).max() <= tolerance * largest


@given(cuts=st.lists(st.integers(1, 200), min_size=1, max_size=5), seed=SEEDS)
def test_a_filter_of_one_pole_goes_on_where_it_ended(cuts: list[int], seed: int):
    numbers = one_pole(0.999, 0.01)
    x = torch.randn(3, sum(cuts), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    whole, last = lti.filter_one_pole(x, *numbers)
    end, pieces = None, []
    for chunk in x.split(cuts, -1):
        piece, end = lti.filter_one_pole(chunk, *numbers, start=end)
        pieces.append(piece)
    torch.testing.assert_close(torch.cat(pieces, -1), whole, rtol=0.0, atol=1e-12)
    assert end is not None
    torch.testing.assert_close(end, last, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("radius", [0.0, 0.9])
def test_a_filter_of_one_pole_has_gradients_also_across_blocks(radius: float):
    x = torch.randn(1, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()
    numbers = [value.requires_grad_() for value in one_pole(radius, 0.3)]
    assert torch.autograd.gradcheck(lambda *a: lti.filter_one_pole(*a)[0], (x, *numbers), fast_mode=True)
    assert torch.autograd.gradcheck(lambda *a: lti.filter_one_pole(*a)[1], (x, *numbers), fast_mode=True)
