"""Fitting a DRNL to input/output curves, and the unit of its input."""

import math
import warnings
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch

from amtlib import DRNLFilterbank, FastDRNLFilterbank, MiddleEarFilter, fit_drnl, signals
from amtlib.ears import io_curve
from amtlib.filterbanks import UnitWarning, parameters_at
from amtlib.filterbanks.drnl import LOUDEST

LEVELS = torch.arange(0.0, 101.0, 10.0, dtype=torch.float64)
PLACES = [1000.0, 4000.0]


def patient(kind: type[DRNLFilterbank] = DRNLFilterbank, **factors: Any) -> DRNLFilterbank:
    return kind(PLACES, 32000, parameters=parameters_at(PLACES).scaled(**factors))


@pytest.mark.parametrize("kind", [DRNLFilterbank, FastDRNLFilterbank])
def test_the_ear_behind_the_data_is_found(kind: type[DRNLFilterbank]):
    ear = patient(a=torch.tensor([0.1, 0.05]), b=torch.tensor([0.8, 0.7]), c=1.1)
    measured = io_curve(ear, LEVELS)
    measured[0, 3] = math.nan
    shares: list[float] = []
    start = kind(PLACES, 32000)
    fit = fit_drnl(start, LEVELS, measured, progress=shares.append)
    assert fit.error < 0.05
    assert fit.problem == ""
    assert fit.history[0] > 5.0
    for name in "abc":
        torch.testing.assert_close(getattr(fit.bank.values(), name), getattr(ear, name), rtol=0.05, atol=0.0)
    torch.testing.assert_close(fit.curve, io_curve(fit.bank, LEVELS), rtol=0.0, atol=1e-6)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert fit.bank.learnable
    torch.testing.assert_close(
        start.values().a, parameters_at(PLACES).a, rtol=1e-6, atol=0.0
    )  # stays as it was
    with pytest.raises(FrozenInstanceError):
        fit.problem = "none"  # type: ignore[misc]


def test_other_parameters_and_weights():
    ear = patient(g=0.5)
    measured = io_curve(ear, LEVELS)
    measured[:, 2] += 30.0  # a slip of the pen
    weights = torch.ones(2, len(LEVELS))
    weights[:, 2] = 0.0
    fit = fit_drnl(DRNLFilterbank(PLACES, 32000), LEVELS, measured, names=["g"], weights=weights)
    torch.testing.assert_close(fit.bank.values().g, ear.g, rtol=1e-2, atol=0.0)
    torch.testing.assert_close(fit.bank.values().a, ear.a, rtol=1e-12, atol=0.0)


def test_a_fit_that_has_not_arrived_says_so():
    measured = io_curve(patient(a=0.03, b=0.5), LEVELS)
    fit = fit_drnl(DRNLFilterbank(PLACES, 32000), LEVELS, measured, max_steps=2)
    assert "still falling after 2 steps" in fit.problem
    assert fit.problem in repr(fit)


def test_curves_are_those_of_tones_through_the_middle_ear():
    ear, f = DRNLFilterbank([2000.0], 32000), 2000.0
    tone = signals.tone(f, level=60, duration=0.05, fs=32000, ramp=0.005, dtype=torch.float64)
    y = ear(MiddleEarFilter(32000, dtype=torch.float64)(tone))[0, 640:1280]
    level = 20 * float((y.square().mean().sqrt() / 1e-6).log10())
    assert float(io_curve(ear, [60.0])) == pytest.approx(level, abs=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outputs": torch.zeros(3, 11)}, r"outputs has shape \(3, 11\); .*: \(2, 11\)"),
        ({"outputs": torch.full((2, 11), math.nan)}, "channel 0 at 1000 Hz has no data"),
        ({"outputs": torch.full((2, 11), math.inf)}, "infinite level"),
        ({"levels": [200.0] * 11}, "give a list of levels from -50 to 150 dB SPL"),
        ({"names": ["gain"]}, r"names = \('gain',\); give some of CF_lin"),
        ({"weights": -torch.ones(2, 11)}, "give finite numbers >= 0"),
        ({"max_steps": 0}, "max_steps = 0; give at least 1"),
        ({"reference": 0.0}, r"reference = 0\.0 m/s; give a number > 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change: dict[str, Any], message: str):
    given = {"levels": LEVELS, "outputs": torch.zeros(2, 11)} | change
    with pytest.raises(ValueError, match=message):
        fit_drnl(DRNLFilterbank(PLACES, 32000), **given)


def test_the_fast_banks_filters_cannot_be_fitted():
    with pytest.raises(ValueError, match="give some of a, b, c"):
        fit_drnl(FastDRNLFilterbank(PLACES, 32000), LEVELS, torch.zeros(2, 11), names=["g"])


def test_pressure_where_velocity_is_asked_for_is_noticed_once():
    bank = DRNLFilterbank([1000.0], 16000)
    speech = signals.tone(1000.0, level=70, duration=0.02, fs=16000)
    with pytest.warns(UnitWarning, match=r"x peaks at 0\.089\d m/s.*pressure in Pa.*MiddleEarFilter"):
        bank(speech)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bank(speech)
        other = DRNLFilterbank([1000.0], 16000)
        other(torch.zeros(100))
        loudest = signals.tone(850.0, level=120, duration=0.05, fs=16000)
        for model in ("lopezpoveda2001", "jepsen2008"):
            other(MiddleEarFilter(16000, model=model)(loudest))


def test_the_loudest_velocity_is_that_of_the_middle_ear_at_120_db():
    f = torch.logspace(math.log10(50.0), math.log10(16000.0), 400)
    gain = MiddleEarFilter(48000, model="jepsen2008").frequency_response(f).abs().max()
    peak = float(gain) * 20e-6 * 10 ** (120 / 20) * math.sqrt(2)
    assert peak == pytest.approx(LOUDEST, rel=0.01)
