"""Rooms of two slopes: both are found in a decay curve, fitted by two groups of lines, and trained."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from amtlib.fdn import (
    FDNBuild,
    absorption_times,
    design_fdn,
    energy_decay_curve,
    octave_bands,
    render,
    stability,
)
from amtlib.fdn.acoustics import onset_sample
from amtlib.fdn.noise import octave_centres
from amtlib.fdn.slopes import two_slopes_of
from amtlib.train import Trainable, TrainingRun, build_fdn, extract_build, fit_room, trainable_from_build
from amtlib.train.build import flamo_graph
from amtlib.train.filters import TrainedDecay, trained_centres
from amtlib.train.losses import MatchEnergyDecay
from amtlib.train.response import Response
from amtlib.train.room_report import missed

FS = 16000.0


def coupled_rooms(
    fast: float = 0.35,
    slow: float = 1.4,
    ratio: float = -20.0,
    fs: float = FS,
    seconds: float = 1.6,
    seed: int = 1,
) -> np.ndarray:
    """Noise of two decays, each a little shorter in high octaves; the slow one begins `ratio` dB below."""
    rng = np.random.default_rng(seed)
    t, centres = np.arange(round(seconds * fs)) / fs, octave_centres(fs)
    shorter = np.linspace(1.0, 0.7, len(centres))
    found = np.zeros(len(t))
    for time, level in ((fast, 0.0), (slow, ratio)):
        bands = octave_bands(rng.standard_normal(len(t)), fs, centres)
        for band, centre, share in zip(bands, centres, shorter, strict=True):
            whole = octave_bands(band, fs, [centre])[0]
            found += 0.02 * whole * 10.0 ** (-3.0 * t / (share * time) + level / 20.0)
    return found


@pytest.mark.parametrize(("fast", "slow", "ratio"), [(0.3, 1.0, -20.0), (0.5, 4.0, -30.0), (0.2, 0.5, -12.0)])
@pytest.mark.parametrize("length", [1.0, 3.0])
def test_two_decays_in_a_curve_are_found_however_early_it_is_cut(
    fast: float, slow: float, ratio: float, length: float
) -> None:
    rate = 2000.0
    t = np.arange(round(length * rate)) / rate
    power = 10.0 ** (-6.0 * t / fast) + 10.0 ** (ratio / 10.0 - 6.0 * t / slow)
    found = two_slopes_of(np.cumsum(power[::-1])[::-1], rate)
    assert found is not None
    assert found.two
    assert (found.fast, found.slow) == pytest.approx((fast, slow), rel=0.02)
    assert found.ratio == pytest.approx(ratio, abs=0.2)
    known = two_slopes_of(np.cumsum(power[::-1])[::-1], rate, ratio=ratio)
    assert known is not None
    assert known.slow == pytest.approx(slow, rel=0.02)


def test_one_decay_is_not_taken_for_two_and_a_short_curve_for_none() -> None:
    t = np.arange(4000) / 2000.0
    noise = np.random.default_rng(0).standard_normal(4000) * 10.0 ** (-3.0 * t / 0.8)
    found = two_slopes_of(np.cumsum(np.square(noise)[::-1])[::-1], 2000.0)
    assert found is not None
    assert not found.two
    assert two_slopes_of(np.linspace(1.0, 0.5, 4000), 2000.0) is None


@pytest.mark.parametrize("made", [{}, {"fast": 0.25, "slow": 0.9, "ratio": -14.0, "seconds": 1.2, "seed": 4}])
def test_a_made_double_slope_is_met_within_1_db_over_50_db(made: dict[str, Any]) -> None:
    h = coupled_rooms(**made)
    fit = fit_room(h, FS, max_steps=0, time_budget=300.0)
    assert fit.slopes.shape == (7, 2)
    assert (fit.slopes[2:, 1] > 1.5 * fit.slopes[2:, 0]).all()
    assert fit.curve_db < 1.0
    # measured here again, apart from the fit
    curves = [energy_decay_curve(x[onset_sample(x) :])[::16] for x in (h, render(fit.build, len(h) / FS))]
    length = min(map(len, curves))
    heard = curves[0][:length] > -50.0
    assert math.sqrt(np.square((curves[0][:length] - curves[1][:length])[heard]).mean()) < 1.0
    assert fit.level_off < 0.5
    assert fit.certificate.certain
    assert "Two slopes" in fit.sentence()
    single = fit_room(h, FS, max_steps=0, slopes=1, time_budget=300.0)
    assert single.slopes.shape == (7, 1)
    assert single.curve_db > 2.0 * fit.curve_db


def test_a_room_of_one_slope_has_one_unless_two_are_asked_for() -> None:
    rate = 8000.0
    t = np.arange(round(0.8 * rate)) / rate
    h = 0.05 * np.random.default_rng(2).standard_normal(len(t)) * 10.0 ** (-3.0 * t / 0.5)
    assert fit_room(h, rate, lines=8, max_steps=0).slopes.shape == (6, 1)
    assert fit_room(h, rate, lines=8, max_steps=0, slopes=2).slopes.shape == (6, 2)


def test_two_slopes_train_and_go_into_the_fit() -> None:
    fit = fit_room(coupled_rooms(), FS, lines=8, max_steps=3, time_budget=60.0)
    assert fit.steps == 3
    assert fit.curve_db < 1.0
    off = replace(fit, reached=replace(fit.reached, c50=fit.target.c50 + 9.0))
    words = "C50 is 9 dB off on average: with two slopes the gains set their balance, and early energy is not fitted."
    assert words in missed(off)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"slopes": 3}, "slopes = 3: give 1 or 2"),
        ({"slopes": 2, "lines": 1}, "two slopes need two groups of lines"),
    ],
)
def test_slopes_that_there_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_room(coupled_rooms(), FS, max_steps=0, **settings)


def small(**more: Any) -> Any:
    settings = {"rt": [(0.12, 0.1), (0.3, 0.2)], "rng": 0, "nfft": 2**12, "device": "cpu", "coupling": 0.05}
    return build_fdn(delays=[241, 263, 281, 293], trainable=Trainable(decay=True), **{**settings, **more})


def test_the_decay_of_two_groups_of_lines_trains_from_where_it_was() -> None:
    model = small(alias_decay_db=60.0)
    leaf = flamo_graph().read_leaves(model).filters
    assert leaf.param.shape == (len(trained_centres(48000.0)), 2)
    wanted = design_fdn(delays=[241, 263, 281, 293], rt=[(0.12, 0.1), (0.3, 0.2)], rng=0, coupling=0.05)
    times = [
        absorption_times(b.filters, b.delays, b.fs, trained_centres(b.fs))
        for b in (wanted, extract_build(model))
    ]
    assert np.abs(times[1] / times[0] - 1.0).max() < 0.01
    run = TrainingRun(
        model,
        loss=MatchEnergyDecay(),
        target=render(extract_build(small(rt=0.08, coupling=None)), 0.08),
        max_steps=5,
        lr=0.05,
    )
    assert len(list(run)) == 5
    found = extract_build(model)
    moved = absorption_times(found.filters, found.delays, found.fs, [1000.0])[0]
    assert moved[:2] == pytest.approx([moved[0]] * 2, rel=1e-4)
    assert moved[2:] == pytest.approx([moved[2]] * 2, rel=1e-4)
    assert moved[2] > 1.2 * moved[0]
    assert stability(found).certain
    again = trainable_from_build(found, trainable=Trainable(decay=True), nfft=2**12, device="cpu")
    assert flamo_graph().read_leaves(again).filters.param.shape == leaf.param.shape


def test_the_fast_evaluation_of_two_slopes_is_that_of_the_graph_with_its_gradients() -> None:
    model = small(dtype=torch.float64)
    leaves = flamo_graph().read_leaves(model)
    source = torch.zeros(1, 2**12, 1, dtype=torch.float64)
    source[:, 0] = 1.0
    response = Response(model, leaves, source)
    assert response.fused
    weights = torch.randn(1, 2**11 + 1, 1, generator=torch.Generator().manual_seed(1))
    gradients = []
    for spectrum in (response.spectrum(response.matrices()), response.spectrum(None)):
        model.zero_grad()
        (spectrum.abs() * weights).sum().backward()
        gradients.append(leaves.filters.param.grad.clone())
    assert torch.allclose(*gradients, rtol=1e-6, atol=1e-8 * float(gradients[1].abs().max()))


def test_times_that_differ_within_a_half_of_the_lines_cannot_train() -> None:
    build = design_fdn(N=4, rt=1.0, rng=0)
    assert build.filters is not None
    mixed = FDNBuild(
        build.A, build.B, build.C, 0.0, build.delays, build.fs, filters=build.filters ** [1, 2, 1, 2]
    )
    with pytest.raises(ValueError, match="differ within a half"):
        TrainedDecay(mixed)
