"""Headphone, outer and middle ear against the toolbox's level guide and the tables they are made from."""

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.interpolate
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amtlib import HeadphoneFilter, MiddleEarFilter, OuterMiddleEarFilter
from amtlib.ears import EarFilter, ear_table, monotone_cubic

GUIDE = np.load(Path(__file__).parents[1] / "data" / "drnl_parameters.npz")
F, VELOCITY = GUIDE["me_freq"], GUIDE["stapes_velocity_rms_0dB"]
P_REF = 20e-6
# The guide was measured with tones of finite length: exact to 1e-7 from 250 Hz up, to 0.3 % at 125 Hz.
TOLERANCE = np.where(F < 200.0, 3e-3, 1e-7)
ALL = [MiddleEarFilter, HeadphoneFilter, OuterMiddleEarFilter]


def gain(ear: EarFilter, f: Any = F) -> np.ndarray:
    return ear.frequency_response(f).abs().numpy()


def assert_as_in_the_guide(actual: np.ndarray, column: int) -> None:
    error = np.abs(actual / VELOCITY[:, column] - 1.0)
    assert (error < TOLERANCE).all(), error


def test_the_middle_ear_moves_the_stapes_as_in_the_toolbox():
    assert_as_in_the_guide(P_REF * gain(MiddleEarFilter(44100, dtype=torch.float64)), 0)


def test_headphone_and_middle_ear_make_the_front_end_of_paulick2024():
    headphone = HeadphoneFilter(44100, phase="zero", dtype=torch.float64)
    middle = MiddleEarFilter(44100, dtype=torch.float64)
    assert_as_in_the_guide(P_REF * gain(headphone) * gain(middle), 1)


def test_the_middle_ear_of_jepsen_is_as_in_the_toolbox():
    assert_as_in_the_guide(
        P_REF * gain(MiddleEarFilter(44100, "jepsen2008", phase="zero", dtype=torch.float64)), 2
    )


@pytest.mark.parametrize("phase", ["minimum", "zero"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tone_of_0_db_spl_moves_the_stapes_at_8_nm_per_s(phase: str, dtype: torch.dtype):
    fs = 44100
    tone = P_REF * math.sqrt(2.0) * torch.sin(2.0 * math.pi * 1000.0 / fs * torch.arange(fs).double())
    velocity = MiddleEarFilter(fs, phase=phase, dtype=dtype)(tone)[4410:-4410]
    # the two phases differ in magnitude by half a percent
    assert float(velocity.square().mean().sqrt()) == pytest.approx(8.48e-9, rel=7e-3)


def test_the_gain_is_applied_once():
    # 3 kHz, free field: 15.3 dB of the outer and -7.3 dB of the middle ear, neither doubled nor squared
    assert 20.0 * math.log10(float(gain(OuterMiddleEarFilter(32000), [3000.0])[0])) == pytest.approx(
        8.0, abs=0.05
    )


@pytest.mark.parametrize("phase", ["minimum", "zero"])
@pytest.mark.parametrize("field", ["free", "diffuse", "eardrum"])
@pytest.mark.parametrize("kind", ["tfOuterMiddle1997", "tfOuterMiddle2007"])
def test_outer_and_middle_ear_follow_their_tables(kind: str, field: str, phase: str):
    ear = OuterMiddleEarFilter(32000, kind, field, phase=phase, dtype=torch.float64)
    middle, outer = ear_table("middle_ear"), ear_table("outer_ear")
    f = middle[:, 0]
    f = f[(f >= 100.0) & (f < 16000.0)]
    expected = np.interp(f, middle[:, 0], middle[:, 1 if kind.endswith("1997") else 2])
    if field != "eardrum":
        expected = expected + np.interp(f, outer[:, 0], outer[:, 1 if field == "free" else 2])
    np.testing.assert_allclose(ear.gain_db(f).numpy(), expected, rtol=0.0, atol=1e-12)
    # the window of a filter of 4097 taps rounds the corners of the table
    np.testing.assert_allclose(20.0 * np.log10(gain(ear, f)), expected, rtol=0.0, atol=0.15)


def test_the_tables_are_interpolated_as_scipy_does():
    table = ear_table("middle_ear")
    f = np.linspace(20.0, 16000.0, 3001)
    expected = scipy.interpolate.PchipInterpolator(table[:, 0], table[:, 1])(f)
    np.testing.assert_allclose(monotone_cubic(table[:, 0], table[:, 1], f), expected, rtol=0.0, atol=1e-12)


@settings(max_examples=50)
@given(st.lists(st.floats(-50.0, 50.0), min_size=3, max_size=12), st.integers(0, 1000))
@example([-1.0, 0.0, 1.1125369292536007e-308], 0)
def test_interpolation_stays_between_neighbouring_points(values: list[float], seed: int):
    x = np.cumsum(np.random.default_rng(seed).uniform(0.5, 5.0, len(values)))
    y = np.array(values)
    at = np.linspace(x[0], x[-1], 200)
    k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    found = monotone_cubic(x, y, at)
    assert (found >= np.minimum(y[k], y[k + 1]) - 1e-9).all()
    assert (found <= np.maximum(y[k], y[k + 1]) + 1e-9).all()


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("fs", [8000, 16000, 20000, 32000, 44100, 48000, 96000])
def test_every_sampling_rate_gives_nearly_the_same_ear(kind: type[EarFilter], fs: int):
    f = [f for f in (500.0, 1000.0, 2000.0) if f < 0.4 * fs]
    # the filter has the same number of taps at every rate, so its resolution differs: half a dB at 96 kHz
    ratio = gain(kind(fs, phase="zero", dtype=torch.float64), f) / gain(
        kind(44100, phase="zero", dtype=torch.float64), f
    )
    assert np.abs(20.0 * np.log10(ratio)).max() < 0.5


@pytest.mark.parametrize("kind", ALL)
def test_minimum_phase_and_zero_phase_have_the_same_magnitude(kind: type[EarFilter]):
    f = [250.0, 1000.0, 4000.0, 8000.0]
    ratio = gain(kind(32000, dtype=torch.float64), f) / gain(
        kind(32000, phase="zero", dtype=torch.float64), f
    )
    assert np.abs(20.0 * np.log10(ratio)).max() < 0.1  # what moves between the grid points of the cepstrum


@pytest.mark.parametrize("kind", ALL)
def test_minimum_phase_puts_the_energy_first(kind: type[EarFilter]):
    early = np.cumsum(kind(44100, dtype=torch.float64).taps.numpy() ** 2)
    symmetric = np.cumsum(kind(44100, phase="zero", dtype=torch.float64).taps.numpy() ** 2)
    middle = len(early) // 8
    assert early[middle] > 0.9 * early[-1] > symmetric[middle]


def test_zero_phase_leaves_a_tone_in_place():
    ear = MiddleEarFilter(44100, phase="zero", dtype=torch.float64)
    response = ear.frequency_response([500.0, 1000.0, 5000.0])
    # relative to the magnitude there is nothing but rounding
    assert float((response.imag / response.abs()).abs().max()) < 1e-12
    assert float(response.real.min()) > 0.0


def test_an_uncompensated_filter_delays_by_half_its_order():
    x = torch.randn(2, 700, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    still, late = (
        HeadphoneFilter(44100, phase="zero", compensate_delay=c, dtype=torch.float64) for c in (True, False)
    )
    torch.testing.assert_close(late(x)[..., 256:], still(x)[..., :-256], rtol=0.0, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1,), (30,), (2, 600), (2, 3, 10)])
def test_shape_and_dtype_are_kept(shape: tuple[int, ...], dtype: torch.dtype):
    for kind in ALL:
        y = kind(16000, dtype=dtype)(torch.zeros(shape))
        assert (y.shape, y.dtype) == (shape, dtype)
        assert torch.count_nonzero(y) == 0


def test_the_filter_is_a_convolution_with_its_taps():
    x = torch.randn(900, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ear = MiddleEarFilter(16000, dtype=torch.float64)
    expected = np.convolve(x.numpy(), ear.taps.numpy())[:900]
    np.testing.assert_allclose(ear(x).numpy(), expected, rtol=0.0, atol=1e-14 * np.abs(expected).max() * 100)


@pytest.mark.parametrize("phase", ["minimum", "zero"])
def test_gradients_reach_the_pressure(phase: str):
    ear = EarFilter(16000, lambda f: 1.0 + f / 8000.0, order=16, phase=phase, dtype=torch.float64)
    x = torch.randn(12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ear, (x,))


def test_a_stream_gives_what_the_whole_signal_gives():
    ear = MiddleEarFilter(16000, dtype=torch.float64)
    x = torch.randn(1000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    live = ear.stream()
    pieces = [live.process(chunk).squeeze(0) for chunk in x.split([1, 0, 399, 600])]
    torch.testing.assert_close(torch.cat(pieces), ear(x), rtol=0.0, atol=1e-17)


def test_a_stream_cannot_look_ahead():
    with pytest.raises(ValueError, match="cannot look ahead"):
        MiddleEarFilter(16000, phase="zero").stream()
    MiddleEarFilter(16000, phase="zero", compensate_delay=False).stream()


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_filters_alike(twin: Any):
    ear, x = MiddleEarFilter(16000), torch.randn(50)
    ear(x)
    assert torch.equal(twin(ear)(x), ear(x))


def test_a_conversion_changes_the_dtype_of_signals():
    ear = MiddleEarFilter(16000).double()
    assert ear(torch.zeros(5)).dtype == ear.dtype == torch.float64
    with pytest.raises(ValueError, match="works in float32 or float64"):
        ear.half()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MiddleEarFilter(0), "fs = 0 Hz is no sampling rate"),
        (lambda: MiddleEarFilter(math.nan), "fs = nan Hz is no sampling rate"),
        (lambda: MiddleEarFilter(44100, "jepsen"), "model = 'jepsen' is unknown; give 'lopezpoveda2001'"),
        (lambda: MiddleEarFilter(44100, order=511), "order = 511; give an even number"),
        (lambda: HeadphoneFilter(44100, phase="linear"), "phase = 'linear' is unknown"),
        (lambda: HeadphoneFilter(44100, dtype=torch.float16), r"float16 is not supported"),
        (lambda: OuterMiddleEarFilter(44100, "2007"), "compensation_type = '2007' is unknown"),
        (lambda: OuterMiddleEarFilter(44100, field_type="far"), "field_type = 'far' is unknown"),
        (lambda: EarFilter(44100, lambda f: -f), "one finite amplitude >= 0"),
        (lambda: ear_table("pinna"), "there is no table 'pinna'"),
        (lambda: MiddleEarFilter(44100)(torch.tensor([math.inf])), "1 non-finite samples"),
        (lambda: MiddleEarFilter(44100)(torch.zeros(0)), "no samples"),
        (lambda: MiddleEarFilter(44100).frequency_response([30000.0]), "f holds 30000.0 Hz"),
        (lambda: MiddleEarFilter(44100).frequency_response([]), "f has shape"),
    ],
)
def test_bad_input_is_named_with_its_range(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_types_are_named():
    with pytest.raises(TypeError, match=r"order = 512\.0 is a float"):
        MiddleEarFilter(44100, order=512.0)
    with pytest.raises(TypeError, match="x is a list"):
        MiddleEarFilter(44100)([0.0])


def test_printing_tells_the_settings():
    assert "model='jepsen2008', fs=44100 Hz, order=512" in repr(MiddleEarFilter(44100, "jepsen2008"))
    assert "field_type='free'" in repr(OuterMiddleEarFilter(44100))
