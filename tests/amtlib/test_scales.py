"""The ERB functions, against numbers of the original toolboxes (tests/data) and against each other."""

import csv
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import amtlib
from amtlib import (
    audfiltbw,
    erb2fc,
    erbrate2f,
    erbspace,
    erbspacebw,
    f2erb,
    f2erbrate,
    fc2erb,
    fc2place,
    place2fc,
)

DATA = Path(__file__).parents[1] / "data"
ELEMENTWISE = [audfiltbw, erb2fc, erbrate2f, f2erb, f2erbrate, fc2erb, fc2place, place2fc]
FREQUENCIES = st.floats(0.0, 1e6, allow_subnormal=False)
CAMS = st.floats(0.0, 80.0, allow_subnormal=False)

# Rounding of a logarithm or exponential and two products in float64, with room; the reference claims as much.
EXACT = 1e-12


def columns(name: str) -> Tensor:
    with (DATA / name).open() as file:
        rows = list(csv.reader(file))
    return torch.tensor([[float(v) for v in row] for row in rows[1:]], dtype=torch.float64).T


def same(actual: Tensor, expected: Tensor | float, rtol: float = EXACT, atol: float = 0.0) -> None:
    torch.testing.assert_close(actual, torch.as_tensor(expected, dtype=actual.dtype), rtol=rtol, atol=atol)


@pytest.mark.parametrize(("function", "column"), [(audfiltbw, 1), (fc2erb, 2), (f2erbrate, 4)])
def test_frequencies_convert_as_in_the_original_toolboxes(function: Callable[[Tensor], Tensor], column: int):
    table = columns("erb_functions.csv")
    same(function(table[0]), table[column])


@pytest.mark.parametrize(("function", "column"), [(erb2fc, 1), (erbrate2f, 2)])
def test_erb_numbers_convert_as_in_the_original_toolboxes(function: Callable[[Tensor], Tensor], column: int):
    table = columns("erb_inverse.csv")
    same(function(table[0]), table[column])


def test_f2erb_has_the_constants_of_the_specification():
    same(f2erb(1000.0), 24.7 * (4.37 + 1.0))


@given(FREQUENCIES)
def test_fc2erb_and_erb2fc_undo_each_other(f: float):
    same(erb2fc(fc2erb(f)), f)


@given(CAMS)
def test_erb2fc_and_fc2erb_undo_each_other(cam: float):
    same(fc2erb(erb2fc(cam)), cam)


@given(FREQUENCIES)
def test_f2erbrate_and_erbrate2f_undo_each_other(f: float):
    same(erbrate2f(f2erbrate(f)), f)


@given(CAMS)
def test_erbrate2f_and_f2erbrate_undo_each_other(cam: float):
    same(f2erbrate(erbrate2f(cam)), cam)


def test_the_ends_of_the_cochlea_have_greenwoods_frequencies():
    # Greenwood (1990): with k = 0.88 the human map runs from 20 to 20677 Hz.
    same(place2fc(0.0), 20677.0, rtol=1e-4)
    same(place2fc(35.0), 20.0, rtol=0.01)
    # The same formula with the place in mm from the apex, a = 0.06 per mm.
    same(place2fc(35.0 - 14.0), 165.4 * (10 ** (0.06 * 14.0) - 0.88))


@given(st.floats(0.0, 35.0))
def test_place2fc_and_fc2place_undo_each_other(place: float):
    same(fc2place(place2fc(place)), place, atol=1e-12)


@pytest.mark.parametrize("function", ELEMENTWISE)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_shape_and_dtype_of_a_tensor_are_kept(function: Callable[[Tensor], Tensor], dtype: torch.dtype):
    result = function(torch.ones(2, 3, 1, dtype=dtype))
    assert (result.shape, result.dtype) == ((2, 3, 1), dtype)


@pytest.mark.parametrize("function", ELEMENTWISE)
@pytest.mark.parametrize("value", [10, 10.0, [10], np.array([10.0]), np.array([10]), torch.tensor(10)])
def test_plain_numbers_are_taken_as_float64(function: Callable[[object], Tensor], value: object):
    result = function(value)
    assert result.dtype == torch.float64
    same(result.reshape(()), function(torch.tensor(10.0, dtype=torch.float64)))


@pytest.mark.parametrize("function", ELEMENTWISE)
def test_derivatives_are_right(function: Callable[[Tensor], Tensor]):
    points = torch.tensor([0.0, 1.0, 10.0, 30.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (points,))


@pytest.mark.parametrize("function", ELEMENTWISE)
@pytest.mark.parametrize("value", [torch.tensor(1j), torch.tensor(True)])
def test_what_is_no_real_number_is_refused(function: Callable[[Tensor], Tensor], value: Tensor):
    with pytest.raises(TypeError, match="real numbers"):
        function(value)


def spacings(prefix: str) -> list[tuple[str, tuple[float, ...]]]:
    names = [name for name in np.load(DATA / "erbspacebw.npz").files if name.startswith(prefix)]
    return [(name, tuple(float(v) for v in name.removeprefix(prefix).split("_"))) for name in names]


@pytest.mark.parametrize(("name", "arguments"), spacings("doc_args_"))
def test_centre_frequencies_equal_the_reference(name: str, arguments: tuple[float, ...]):
    expected = torch.from_numpy(np.load(DATA / "erbspacebw.npz")[name])
    same(erbspacebw(*arguments, dtype=torch.float64), expected, rtol=1e-11)  # the reference's own tolerance


def test_the_toolbox_places_channels_around_a_base_frequency_alike():
    expected = torch.from_numpy(np.load(DATA / "erbspacebw.npz")["amt_args_250_4000_1_1500"])
    same(erbspacebw(250.0, 4000.0, basef=1500.0, dtype=torch.float64), expected, rtol=1e-11)


@given(st.floats(0.0, 5000.0), st.floats(1.0, 15000.0), st.floats(0.05, 60.0))
def test_centre_frequencies_span_the_range_evenly(flow: float, width: float, bwmul: float):
    fc = erbspacebw(flow, flow + width, bwmul, dtype=torch.float64)
    assert fc[0] == flow
    assert len(fc) == math.floor(float(fc2erb(flow + width) - fc2erb(flow)) / bwmul) + 1
    if len(fc) > 1:
        assert fc[-1] == flow + width
        steps = fc2erb(fc).diff()
        assert steps.min() > 0.0
        # an ERB number of 40 carries an error of 1e-14, a step is the difference of two
        same(steps, steps.mean().expand_as(steps), rtol=0.0, atol=1e-12)


@given(st.floats(1.0, 5000.0), st.floats(1.0, 15000.0), st.floats(0.05, 5.0), st.floats(0.0, 1.0))
def test_a_base_frequency_is_a_centre_frequency_exactly(
    flow: float, width: float, bwmul: float, where: float
):
    basef = min(max(flow + where * width, flow), flow + width)
    fc = erbspacebw(flow, flow + width, bwmul, basef, dtype=torch.float64)
    assert bool((fc == basef).any())
    assert flow * (1 - EXACT) <= float(fc[0])
    assert float(fc[-1]) <= (flow + width) * (1 + EXACT)


@given(st.floats(0.0, 5000.0), st.floats(1.0, 15000.0), st.integers(1, 200))
def test_a_number_of_frequencies_spans_the_range_evenly(flow: float, width: float, n: int):
    fc = erbspace(flow, flow + width, n, dtype=torch.float64)
    assert len(fc) == n
    assert fc[0] == flow
    if n > 1:
        assert fc[-1] == flow + width
        steps = fc2erb(fc).diff()
        same(steps, steps.mean().expand_as(steps), rtol=0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("n", "kind", "says"),
    [(0, ValueError, "n = 0"), (2.0, TypeError, "n = 2.0 is a float"), (True, TypeError, "bool")],
)
def test_frequencies_are_at_least_one(n: int, kind: type[Exception], says: str):
    with pytest.raises(kind, match=says):
        erbspace(100.0, 8000.0, n)


def test_centre_frequencies_are_rounded_to_the_wanted_dtype_last():
    exact = erbspacebw(100.0, 8000.0, dtype=torch.float64)
    assert torch.equal(erbspacebw(100.0, 8000.0), exact.float())
    assert torch.equal(erbspace(100.0, 8000.0, len(exact)), erbspacebw(100.0, 8000.0))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((100.0, 100.0), "0 <= flow < fhigh"),
        ((200.0, 100.0), "0 <= flow < fhigh"),
        ((-1.0, 100.0), "flow = -1"),
        ((math.nan, 100.0), "flow = nan"),
        ((100.0, math.inf), "fhigh = inf"),
        ((100.0, 8000.0, 0.0), "bwmul = 0.0"),
        ((100.0, 8000.0, math.nan), "bwmul = nan"),
        ((100.0, 8000.0, 1e-9), "more than 100000"),
        ((100.0, 8000.0, 1.0, 50.0), "basef = 50.0"),
        ((100.0, 8000.0, 1.0, math.nan), "basef = nan"),
    ],
)
def test_an_impossible_spacing_is_refused_with_its_value(arguments: tuple[float, ...], says: str):
    with pytest.raises(ValueError, match=says):
        erbspacebw(*arguments)


def test_frequencies_are_not_given_as_integers():
    with pytest.raises(TypeError, match=r"torch\.int64"):
        erbspacebw(100.0, 8000.0, dtype=torch.int64)


def test_all_functions_are_public():
    assert set(amtlib.scales.__all__) <= set(amtlib.__all__)
