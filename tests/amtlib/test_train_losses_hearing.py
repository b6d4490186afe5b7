"""What the losses hear is what the library's own models hear: the same sums, by a cheaper way."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amtlib import GammatoneFilterbank, Glasberg2002
from amtlib.ears import OuterMiddleEarFilter
from amtlib.fdn.decay import echo_density, energy_decay_curve, octave_bands, octave_centres
from amtlib.fdn.design import design_fdn
from amtlib.fdn.measures import erb_centres, erb_excitation, erb_std
from amtlib.fdn.response import render, transfer_function
from amtlib.train.losses import (
    Cochleagram,
    EchoDensity,
    EnergyDecay,
    Excitation,
    FlatExcitation,
    LoudnessDecay,
    Rendered,
    cochleagram,
    excitation_pattern,
)
from amtlib.train.losses.bands import BandFrames, plan_frames
from amtlib.train.losses.hearing import calibration, ear_gain_db, threshold_db

FS = 48000.0


def noise(rt: float = 0.3, samples: int = 9600) -> Tensor:
    raw = torch.randn(samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return raw * 10.0 ** (-3.0 * torch.arange(samples, dtype=torch.float64) / (rt * FS))


def db(power: Any) -> Any:
    return 10.0 * np.log10(power)


# ---------------------------------------------------------------------- excitation


@pytest.mark.parametrize("nfft", [2**10, 2**14])
def test_the_excitation_pattern_is_that_of_the_measure(nfft: int) -> None:
    spectrum = transfer_function(design_fdn(N=8, rt=1.0, rng=0), nfft)
    answer = Rendered(torch.from_numpy(spectrum)[None, :, None], FS, nfft)
    ours, exact = answer.of(Excitation())[0][0].numpy(), erb_excitation(spectrum, FS)
    # lines are pooled where 17 or more make an auditory band
    assert np.abs(ours - exact).max() < 0.05
    assert float(FlatExcitation()(answer)) == pytest.approx(erb_std(spectrum, FS), abs=0.01)


def test_the_picture_of_an_excitation_pattern_is_exact() -> None:
    spectrum = transfer_function(design_fdn(N=4, rt=1.0, rng=0), 2**12)
    picture = excitation_pattern(spectrum, FS)
    # float64 rounding
    np.testing.assert_allclose(picture.levels, erb_excitation(spectrum, FS), atol=1e-9)
    np.testing.assert_array_equal(picture.frequencies, erb_centres(FS))
    again = excitation_pattern(Rendered(torch.from_numpy(spectrum)[None, :, None], FS, 2**12), FS)
    np.testing.assert_allclose(again.levels, picture.levels, atol=1e-9)


# ---------------------------------------------------------------------- cochleagram


def test_cells_are_those_of_the_gammatone_filterbank() -> None:
    feature, made = Cochleagram(field="cochlea"), Rendered.of_response(noise(), FS)
    ours, plan, centres = feature.power(made)[0], feature.plan(9600, FS), feature.centres(FS)
    bank = GammatoneFilterbank(centres, FS, dtype=torch.float64)
    frames = bank(noise()).square().reshape(len(centres), plan.frames, plan.hop).mean(-1)
    theirs = frames * calibration(made, feature.hop, feature.level)
    off = (10.0 * torch.log10(ours / theirs)).abs()[theirs > 1e-6 * theirs.amax()]
    # mean squares over 10 ms wander by a few periods of the lowest channels, envelopes do not
    assert off.median() < 0.05
    assert off.quantile(0.95) < 0.5
    a, b = (p**0.3 for p in (ours, theirs))
    assert float((a - b).abs().sum() / b.sum()) < 0.006
    envelopes = bank.envelope(noise()).square().reshape(len(centres), plan.frames, plan.hop).mean(-1) / 2.0
    a, b = (p**0.3 for p in (ours, envelopes * calibration(made, feature.hop, feature.level)))
    # skirts end at -50 dB
    assert float((a - b).abs().sum() / b.sum()) < 0.0015


def test_a_tone_stands_at_its_level_in_the_channel_at_its_frequency() -> None:
    tone = torch.sin(2.0 * torch.pi * 1000.0 / FS * torch.arange(9600, dtype=torch.float64))
    for field in ("cochlea", "free", "diffuse"):
        picture = cochleagram(tone, FS, Cochleagram(f_min=1000.0, f_max=4000.0, level=70.0, field=field))
        ear = (
            0.0 if field == "cochlea" else OuterMiddleEarFilter(FS, field_type=field).gain_db([1000.0]).item()
        )
        # the ear's own gain at 1 kHz; the gammatone is 1 there
        assert picture.levels[0, 5:15].mean() == pytest.approx(70.0 + ear, abs=0.02)


def test_frames_do_not_wrap_around() -> None:
    late = torch.zeros(9600, dtype=torch.float64)
    late[-1] = 1.0
    cells = Cochleagram(field="cochlea").power(Rendered.of_response(late, FS))[0]
    # skirts that end at -50 dB ring a little before their time
    assert float(cells[:, :10].amax() / cells[:, -1].amax()) < 1e-4


def test_the_threshold_floor_hides_what_cannot_be_heard() -> None:
    loud, soft = (cochleagram(noise(), FS, Cochleagram(level=level)) for level in (90.0, 0.0))
    audible = loud.levels > loud.threshold[:, None] + 20.0
    # there it is the power to 0.3, but for the floor
    np.testing.assert_allclose(loud.values[audible], (10.0 ** (loud.levels[audible] / 10.0)) ** 0.3, rtol=0.6)
    below = soft.levels < soft.threshold[:, None] - 10.0
    assert soft.values[below].max() < 0.1
    assert below.mean() > 0.9


def test_dB_cells_are_levels_above_the_floor() -> None:
    picture = cochleagram(noise(), FS, Cochleagram(compression="dB", floor_db=-40.0))
    power, floor = 10.0 ** (picture.levels / 10.0), 10.0 ** (picture.threshold[:, None] / 10.0)
    np.testing.assert_allclose(picture.values, db(1.0 + power / floor), rtol=1e-9)
    assert picture.threshold[0] == pytest.approx(picture.levels.max() - 40.0)


def test_pictures_that_share_a_reference_share_its_level() -> None:
    room = noise()
    alone = cochleagram(room, FS)
    half = cochleagram(0.5 * room, FS, reference=room)
    np.testing.assert_allclose(half.levels, alone.levels - db(4.0), atol=1e-9)
    np.testing.assert_allclose(cochleagram(0.5 * room, FS).levels, alone.levels, atol=1e-9)


def test_a_picture_takes_arrays_tensors_and_answers_alike() -> None:
    room = noise()
    found = [cochleagram(x, FS).values for x in (room.numpy(), room, Rendered.of_response(room, FS))]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: cochleagram(np.ones((9, 2)), FS), r"ir has shape \(9, 2\): give one channel"),
        (lambda: cochleagram(np.array([1.0, np.nan]), FS), "finite"),
        (lambda: cochleagram(np.zeros(4800), FS), "is silent, so it has no level"),
        (lambda: cochleagram(np.ones(4800), -1.0), "fs"),
        (lambda: excitation_pattern(np.ones((2, 2)), FS), r"H has shape \(2, 2\): give one row"),
        (lambda: Rendered.of_response(torch.ones(1), FS), r"ir has shape \(1,\)"),
    ],
)
def test_pictures_refuse_what_they_cannot_show(call: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        call()


def test_the_ear_and_its_threshold_are_the_librarys() -> None:
    f = torch.tensor([100.0, 1000.0, 3000.0])
    expected = OuterMiddleEarFilter(FS, field_type="free").gain_db(f)
    assert torch.equal(ear_gain_db(f, "free"), expected)
    # ANSI S3.4-2007: 3.63 dB SPL from 500 Hz on, more below
    level = threshold_db(f)
    assert level[1] == level[2] == 3.63
    assert level[0] > 15.0


# ---------------------------------------------------------------------- bands and frames


def test_powers_of_bands_that_share_all_lines_add_up_to_the_energy() -> None:
    x = noise()
    plan = plan_frames(9600, FS, 0.01, 0.0)
    half = plan.n_fft // 2
    edges = [1, 100, 777, half]
    bands = [(a, torch.ones(b - a, dtype=torch.float64)) for a, b in pairwise(edges)]
    power = BandFrames(plan, bands, torch.float64, torch.device("cpu"))(x[None])
    spectrum = torch.fft.rfft(x, n=plan.n_fft)
    inside = 2.0 * spectrum[1:half].abs().square().sum() / plan.n_fft
    # Parseval, in float64
    assert float(power.sum() * plan.hop) == pytest.approx(float(inside), rel=1e-12)


def test_octave_decay_curves_are_those_of_the_measure() -> None:
    x = noise(0.2)
    found = Rendered.of_response(x, FS).of(EnergyDecay())[0][0].numpy()
    bands = octave_bands(x.numpy(), FS)
    assert len(found) == len(octave_centres(FS))
    for ours, band in zip(found[2:], bands[2:], strict=True):
        curve = energy_decay_curve(band)[::480] + db(np.square(band).sum())
        above = curve > curve[0] - 40.0
        # from 250 Hz up: the measure's squares wander by a period of the band
        assert np.abs(ours - curve)[above].max() < 0.25


@pytest.mark.parametrize("lines", [2, 8])
def test_the_soft_echo_density_is_near_the_counted_one(lines: int) -> None:
    h = render(design_fdn(N=lines, rt=1.0, rng=3), 0.25)
    soft = Rendered.of_response(torch.from_numpy(h), FS).of(EchoDensity())[0][0].numpy()
    counted = echo_density(h, FS, hop=0.005)[1]
    # a step of 0.15 standard deviations instead of none
    assert np.abs(soft - counted).mean() < 0.03


# ---------------------------------------------------------------------- loudness


@pytest.mark.parametrize("level", [45.0, 65.0, 85.0])
def test_a_steady_noise_is_about_as_loud_as_in_the_complete_model(level: float) -> None:
    f = torch.arange(20.0, 15500.0, 10.0, dtype=torch.float64)
    density = 1.0 / f
    share = np.log(15500.0 / 20.0) / np.log(FS / 2.0 / 20.0)
    levels = 10.0 * torch.log10(density / density.sum() * share) + level
    model = Glasberg2002(48000, field="diffuse", middle_ear="2007", dtype=torch.float64)
    complete = float(model.stationary(f, levels).total)
    click = Rendered.of_response(torch.eye(1, 9600, dtype=torch.float64)[0], FS)
    (fading,) = click.of(LoudnessDecay(level=level))
    # gammatones instead of level-dependent roex filters: 5 % at 45 dB, 2 % above
    assert float(fading[0, 0]) == pytest.approx(complete, rel=0.06)


def test_loudness_fades_no_faster_than_its_release() -> None:
    click = Rendered.of_response(torch.eye(1, 9600, dtype=torch.float64)[0], FS)
    curve = click.of(LoudnessDecay())[0][0].numpy()
    # nothing is left after a click: what fades is the short-term average, with its time constant of 49 ms
    late = np.log(curve[15] / curve[10])
    assert -0.05 / late == pytest.approx(0.049, abs=0.002)
