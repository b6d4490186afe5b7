"""Resampling through the spectrum: what it keeps, and that it can be undone and differentiated."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amtlib.lti import resample


def swell(frequency: float, fs: int) -> Tensor:
    """One second of a tone that swells and fades."""
    time = torch.arange(fs, dtype=torch.float64) / fs
    return torch.sin(2.0 * math.pi * frequency * time) * torch.sin(math.pi * time) ** 2


@pytest.mark.parametrize("new_fs", [8000, 32000, 48000])
@pytest.mark.parametrize("fs", [8000, 16000, 44100, 48000, 44099])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_tones_stay_what_they_are(fs: int, new_fs: int, dtype: torch.dtype):
    for frequency in (50.0, 1000.0, 0.9 * min(fs, new_fs) / 2.0):
        found = resample(swell(frequency, fs).to(dtype), fs, new_fs)
        # float32: rounding of the transforms. float64: what little of the swell fades above 15/16 of Nyquist.
        torch.testing.assert_close(found.double(), swell(frequency, new_fs), rtol=0.0, atol=2e-6)


def test_what_the_new_rate_cannot_hold_is_gone():
    found = resample(swell(18000.0, 48000), 48000, 32000)
    assert float(found[320:-320].abs().max()) < 1e-8


@settings(max_examples=30)
@given(samples=st.integers(1, 3000), fs=st.sampled_from([8000, 11025, 22050, 32000, 44100, 96000]))
def test_the_length_is_the_duration(samples: int, fs: int):
    assert resample(torch.ones(2, samples), fs, 32000).shape == (2, math.ceil(samples * 32000 / fs))


def test_the_same_rate_changes_nothing():
    x = torch.randn(3, 100)
    assert resample(x, 32000, 32000) is x


def test_gradients_are_right():
    x = torch.randn(2, 30, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: resample(x, 441, 320), (x,))


@pytest.mark.parametrize("fs", [0, -8000, 44100.5])
def test_rates_that_are_none(fs: float):
    with pytest.raises(ValueError, match="whole number >= 1"):
        resample(torch.ones(10), fs, 32000)
