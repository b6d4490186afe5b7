"""Sections of auditory filters, and filters around a memoryless function, against scipy and the toolbox."""

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amtlib import audfiltbw, lti
from amtlib.filterbanks.gammatone import default_betamul

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_classic_gammatone_is_the_toolboxs(n: int):
    data = np.load(DATA / "gammatone_16000.npz")
    turn = 2.0 * math.pi / 16000
    fc = torch.from_numpy(data["fc"])
    expected = data[f"ircas_classic_n{n}"]
    n_fft = 1 << 16
    h = torch.fft.irfft(
        lti.classic_gammatone_response(turn * fc, turn * default_betamul(n) * audfiltbw(fc), n, n_fft)
    )
    error = np.abs(h[:, : expected.shape[1]].numpy() - expected).max(-1) / np.abs(expected).max(-1)
    # n real sections at 50 Hz amplify rounding of the coefficients to about 1e-10
    assert error.max() < 1e-9


@pytest.mark.parametrize("order", [1, 3, 4])
@pytest.mark.parametrize("cutoff", [1e-3, 0.05, 0.5, 0.95])
def test_butterworth_low_passes_are_scipys(order: int, cutoff: float):
    omega = torch.linspace(0.0, math.pi, 101, dtype=torch.float64)
    h = lti.butterworth_response(torch.tensor([math.pi * cutoff]), order, omega)[0]
    sections = scipy.signal.butter(2, cutoff, output="sos")
    expected = scipy.signal.sosfreqz(sections, omega.numpy())[1] ** order
    # the cut-off was given in float32, and scipy's coefficients lose digits at low ones
    np.testing.assert_allclose(h.numpy(), expected, rtol=0.0, atol=1e-6)
    poles = np.abs(np.roots(sections[0, 3:])).max()
    assert float(lti.butterworth_damping(torch.tensor(math.pi * cutoff))) == pytest.approx(
        -math.log(poles), rel=1e-4
    )


def test_responses_have_gradients():
    omega = torch.tensor([0.1, 0.5, 3.0], dtype=torch.float64)
    centre, width = (torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in (0.5, 0.1))
    assert torch.autograd.gradcheck(
        lambda c, w: lti.classic_gammatone_response(c, w, 3, omega), (centre, width)
    )
    assert torch.autograd.gradcheck(lambda c: lti.butterworth_response(c, 2, omega), (centre,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(max_examples=40, deadline=None)
@given(st.floats(1e-3, 1.0), st.floats(1e-3, 1.0), st.integers(1, 4), st.integers(1, 8))
def test_what_rings_after_settling_is_below_the_resolution(
    dtype: torch.dtype, first: float, second: float, many: int, more: int
):
    dampings = [(torch.tensor([first]), many), (torch.tensor([second]), more)]
    settle = lti.cascade_settling(dampings, dtype)
    impulse = np.zeros(2 * settle + 100)
    impulse[0] = 1.0
    for damping, number in ((first, many), (second, more)):
        for _ in range(number):
            impulse = scipy.signal.lfilter([-math.expm1(-damping)], [1.0, -math.exp(-damping)], impulse)
    rest = impulse[settle:].sum()  # all samples are positive and sum to 1
    assert rest <= torch.finfo(dtype).eps
    # and the bound is no more than a third, and a few samples, too long
    needed = int((np.cumsum(impulse[::-1])[::-1] > torch.finfo(dtype).eps).sum())
    assert settle <= 1.35 * needed + 10


def test_filters_that_never_settle_are_refused():
    with pytest.raises(ValueError, match=r"damping 0 rad/sample and never dies out"):
        lti.cascade_settling([(torch.tensor([0.1, 0.0]), 2)], torch.float64)
    with pytest.raises(ValueError, match="too long for an FFT grid"):
        lti.cascade_settling([(torch.tensor([1e-8]), 2)], torch.float64)


def transfers(n_fft: int) -> lti.Transfers:
    poles = torch.tensor([[[0.5], [0.9]], [[0.3], [0.8]], [[-0.6], [0.2]]], dtype=torch.float64)
    one = torch.ones(2, 1, dtype=torch.float64)
    responses = (lti.rational_response(one, torch.cat([one, -p], -1), n_fft) for p in poles)
    return lti.Transfers(*responses)


def recursive(x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    through, beside = [], []
    for before, after, aside in ((0.5, 0.3, -0.6), (0.9, 0.8, 0.2)):
        moved = scipy.signal.lfilter([1.0], [1.0, -before], x.numpy()) ** 3
        through.append(scipy.signal.lfilter([1.0], [1.0, -after], moved))
        beside.append(scipy.signal.lfilter([1.0], [1.0, -aside], x.numpy()))
    return np.stack(through, 1), np.stack(beside, 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(1, 300), st.one_of(st.none(), st.integers(1, 200)), st.booleans())
def test_filters_around_a_function_equal_recursive_ones(
    signals: int, length: int, block: int | None, learns: bool
):
    x = torch.randn(signals, length, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    through, beside = recursive(x)
    x.requires_grad_(learns)
    paths = lti.filter_around(x, transfers, lambda y, _: y**3, 400, block=block)
    summed = lti.filter_around(x, transfers, lambda y, _: y**3, 400, summed=True, block=block)
    atol = 1e-12 * np.abs(through).max()
    np.testing.assert_allclose(paths.through.detach().numpy(), through, rtol=0.0, atol=atol)
    np.testing.assert_allclose(paths.beside.detach().numpy(), beside, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(summed.through.detach().numpy(), through + beside, rtol=0.0, atol=atol)
    assert summed.beside.numel() == 0


def test_a_small_budget_changes_nothing():
    x = torch.randn(1, 3000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole = lti.filter_around(x, transfers, lambda y, _: y**3, 400)
    small = lti.filter_around(x, transfers, lambda y, _: y**3, 400, budget=1e4)
    torch.testing.assert_close(small.through, whole.through, rtol=0.0, atol=1e-9)
