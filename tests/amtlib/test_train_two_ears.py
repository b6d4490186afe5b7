"""Coherence of two ears: its measure, a diffuse field's curve, losses on both, and stereo rooms that keep theirs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.signal import csd, sosfilt, welch

from amtlib.fdn import design_fdn, modal_decomposition, modal_excitation_std, render, sample_delay_lengths
from amtlib.fdn.build import FDNBuild
from amtlib.fdn.coherence import (
    coherence_centres,
    coherence_weights,
    diffuse_field_coherence,
    interaural_coherence,
)
from amtlib.scales import f2erb
from amtlib.train import (
    Trainable,
    TrainingRun,
    build_fdn,
    extract_build,
    fit_room,
    train_fdn,
    trainable_from_build,
)
from amtlib.train.ears import EarPhases, phase_sections
from amtlib.train.losses import DiffuseCoherence, FlatPower, MatchCoherence, Rendered
from amtlib.train.losses.text import read_loss

FS = 16000.0


def mixed(coherence: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of two channels with a coherence given at the lines of an FFT of 2 samples."""
    left, other = (np.fft.rfft(rng.standard_normal(samples), 2 * samples) for _ in range(2))
    right = coherence * left + np.sqrt(1.0 - coherence**2) * other
    return np.stack([np.fft.irfft(x)[:samples] for x in (left, right)], axis=1)


def test_coherence_is_what_the_cross_spectrum_of_welch_gives() -> None:
    rng = np.random.default_rng(0)
    f = np.linspace(0.0, FS / 2.0, 2**17 + 1)
    x = mixed(diffuse_field_coherence(f), 2**17, rng)
    found = interaural_coherence(x, FS)
    lines, cross = csd(x[:, 0], x[:, 1], FS, nperseg=4096)
    powers = [welch(x[:, ear], FS, nperseg=4096)[1] for ear in (0, 1)]
    weights = coherence_weights(FS, len(lines))
    expected = weights.T @ cross.real / np.sqrt((weights.T @ powers[0]) * (weights.T @ powers[1]))
    assert np.abs(found - expected)[3:].max() < 0.03  # Welch's lines are 4 Hz wide, the lowest bands 35 Hz
    assert np.abs(found - diffuse_field_coherence(coherence_centres(FS))).mean() < 0.05


def test_the_diffuse_field_decouples_the_ears_at_500_hz_as_published() -> None:
    # Lindevald and Benade (1986): with a head of 15 cm, the first zero lies at 500 Hz, half of that without a head
    f = np.arange(1.0, 2000.0)
    first = f[np.argmax(diffuse_field_coherence(f) < 0.0)]
    assert first == pytest.approx(500.0, rel=0.05)
    without = 343.0 / (2.0 * 0.15)
    assert first == pytest.approx(without / 2.2, rel=0.01)
    assert diffuse_field_coherence(0.0) == 1.0
    assert np.abs(diffuse_field_coherence(np.arange(3000.0, 16000.0))).max() < 0.01


def test_the_losses_read_what_the_measure_measures_with_the_right_gradient() -> None:
    rng = np.random.default_rng(1)
    h = rng.standard_normal((4096, 2)) * 10.0 ** (-3.0 * np.arange(4096) / 3000.0)[:, None]
    h[:, 1] += 0.5 * h[:, 0]
    answer = Rendered.of_response(torch.from_numpy(h)[None], fs=FS, gamma=0.9999)
    weights = coherence_weights(FS, 2049)
    measured = interaural_coherence(h, FS, weights=weights)
    wanted = diffuse_field_coherence(coherence_centres(FS))
    assert float(DiffuseCoherence()(answer)) == pytest.approx(
        float(np.square(measured - wanted).mean()), rel=1e-9
    )
    other = rng.standard_normal((4096, 2))
    target = Rendered.of_response(torch.from_numpy(other)[None], fs=FS)
    apart = np.square(measured - interaural_coherence(other, FS, weights=weights)).mean()
    assert float(MatchCoherence()(answer, target)) == pytest.approx(float(apart), rel=1e-9)
    y = torch.randn(
        1, 64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    ).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: DiffuseCoherence()(Rendered.of_response(x, fs=FS)), y)


def test_a_batch_of_stereo_signals_gives_the_mean_of_its_items_and_every_channel_a_gradient() -> None:
    y = torch.randn(
        3, 2, 2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    ).requires_grad_()
    target = torch.randn(2, 2000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    diffuse, match = DiffuseCoherence(fs=FS), MatchCoherence(fs=FS)
    for whole, each in (
        (diffuse(y), [diffuse(one[None]) for one in y]),
        (match(y, target), [match(one[None], target) for one in y]),
    ):
        torch.testing.assert_close(whole, torch.stack(each).mean(), rtol=1e-9, atol=1e-12)
        (slope,) = torch.autograd.grad(whole, y)
        assert (slope.abs().amax(dim=-1) > 0.0).all()


def test_coherence_of_one_output_is_refused_before_the_first_step() -> None:
    model = build_fdn(delays=[61, 73, 83, 97], rt=0.02, rng=1, nfft=2**11, device="cpu")
    with pytest.raises(ValueError, match="coherence is that of two ears, and the response has 1 output"):
        train_fdn(model, loss=DiffuseCoherence(), max_steps=1)
    assert repr(read_loss("DiffuseCoherence(distance=0.2) + 2*MatchCoherence()")).startswith(
        "DiffuseCoherence"
    )
    with pytest.raises(ValueError, match="distance = 2"):
        DiffuseCoherence(distance=2.0)
    with pytest.raises(ValueError, match="give a response of two outputs"):
        interaural_coherence(np.ones((100, 3)), FS)
    with pytest.raises(ValueError, match="silent"):
        interaural_coherence(np.ones((100, 2)) * [1.0, 0.0], FS)


def spread(build: FDNBuild, output: int) -> float:
    core = FDNBuild(build.A, build.B, build.C[output : output + 1], 0.0, build.delays, build.fs)
    return modal_excitation_std(modal_decomposition(core, band=(300.0, 1500.0)))


def test_a_network_gets_the_ears_of_a_diffuse_field_and_its_modes_stay_as_even() -> None:
    rng = np.random.default_rng(0)
    delays = sample_delay_lengths(16, (80, 640), distribution="geometric", coprime=True, rng=rng)
    ends = rng.choice([-1.0, 1.0], (3, 16)) / 4.0
    before = design_fdn(
        delays=delays, rt=0.3, rng=1, fs=FS, input_gain=ends[0][:, None], output_gain=ends[1:]
    )
    model = trainable_from_build(before, nfft=2**13, device="cpu")
    run = TrainingRun(
        model, loss=10.0 * DiffuseCoherence() + 0.1 * FlatPower(), max_steps=150, lr=0.01, rng=0, patience=50
    )
    assert list(run)
    after = extract_build(model)
    off = interaural_coherence(render(after, 0.5), FS) - diffuse_field_coherence(coherence_centres(FS))
    assert np.abs(off).max() < 0.05
    start = interaural_coherence(render(before, 0.5), FS) - diffuse_field_coherence(coherence_centres(FS))
    assert np.abs(start).max() > 0.5
    assert max(spread(after, ear) for ear in (0, 1)) <= max(spread(before, ear) for ear in (0, 1))


def stereo_room() -> np.ndarray:
    """A room of two outputs with the coherence of a diffuse field."""
    rng = np.random.default_rng(3)
    t = np.arange(round(0.4 * FS)) / FS
    h = mixed(diffuse_field_coherence(np.linspace(0.0, FS / 2.0, len(t) + 1)), len(t), rng)
    return np.asarray(h * 0.05 * 10.0 ** (-3.0 * t / 0.35)[:, None])


def test_a_stereo_room_keeps_the_coherence_of_its_ears_through_training() -> None:
    h = stereo_room()
    learns = Trainable(post_eq=True)
    fit = fit_room(h, FS, lines=8, slopes=1, max_steps=3, time_budget=500.0, trainable=learns)
    assert (fit.build.n_out, fit.steps) == (2, 3)
    assert any("that of two outputs parts their phases" in each for each in fit.problems)
    assert fit.coherence is not None
    assert fit.coherence.shape == (len(coherence_centres(FS)), 1)
    again = interaural_coherence(render(fit.build, 0.5), FS)
    assert np.abs(again - fit.coherence[:, 0]).max() < 0.05
    assert fit.coherence_off < 0.03
    assert not any("Coherence is off" in each for each in fit.problems)
    assert fit.build.post_eq is not None
    alike = replace(fit.build, post_eq=fit.build.post_eq[: len(fit.target.centres) + 1])
    without = interaural_coherence(render(alike, 0.5), FS)
    assert np.abs(without - fit.coherence[:, 0]).mean() > 0.3
    assert "Coherence of both ears" in fit.sentence()
    assert fit.t30_off < 0.08
    assert fit.level_off < 1.0


def test_both_ears_are_met_in_every_band_and_have_the_modes_of_one() -> None:
    h = stereo_room()
    both, one = (fit_room(x, FS, lines=8, slopes=1, max_steps=0, time_budget=300.0) for x in (h, h[:, 0]))
    assert both.coherence is not None
    assert both.coherence_reached is not None
    assert np.abs(both.coherence_reached - both.coherence).max() < 0.05
    # the same gains at both ears, as far from those that were drawn as those of one
    ears = [spread(both.build, ear) for ear in (0, 1)]
    assert ears[1] == pytest.approx(ears[0], rel=1e-9)
    assert ears[0] < spread(one.build, 0) + 0.5
    # what is parted is the whole decay, not its beginning alone
    late = interaural_coherence(render(both.build, 0.4), FS, start=0.05)
    assert np.corrcoef(late, diffuse_field_coherence(coherence_centres(FS)))[0, 1] > 0.8


def test_no_section_of_a_filter_between_the_ears_rings_longer_than_the_room() -> None:
    wanted = diffuse_field_coherence(coherence_centres(FS))
    ears = EarPhases(wanted, FS, times=np.full(len(wanted), 0.2))
    found = ears.fitted(ears.starts()[0])
    radius = np.sqrt(phase_sections(found, FS)[:, 5])
    assert (-3.0 * np.log(10.0) / np.log(radius) / FS).max() <= 0.2 * (1.0 + 1e-6)


def test_one_response_tells_the_coherence_of_a_room_as_exactly_as_its_bands_and_its_decay_let_it() -> None:
    # (1 - c^2) / sqrt(2 B T): B of gammatones squared, T (sum p)^2 / sum p^2 of a decaying power p, as in the notes
    rng = np.random.default_rng(8)
    count, decay, c = 60, 0.25, 0.5
    t = np.arange(round(0.3 * FS)) / FS
    lines = np.full(len(t) + 1, c)
    found = [
        interaural_coherence(mixed(lines, len(t), rng) * 10.0 ** (-3.0 * t / decay)[:, None], FS)
        for _ in range(count)
    ]
    widths = 1.49 * f2erb(coherence_centres(FS)).numpy()
    expected = (1.0 - c**2) / np.sqrt(2.0 * widths * decay / np.log(1e3))
    high = coherence_centres(FS) > 500.0
    ratio = np.std(found, axis=0)[high] / expected[high]
    assert ratio.mean() == pytest.approx(1.0, abs=0.1)


def test_phases_apart_give_the_coherence_that_they_promise() -> None:
    wanted = diffuse_field_coherence(coherence_centres(FS), distance=0.1)
    ears = EarPhases(wanted, FS)
    begin = ears.starts()[0]
    found = ears.nearest()
    assert ears.furthest(found) < min(0.05, ears.furthest(begin))
    click = np.zeros((2**14, 2))
    click[0] = 1.0
    click[:, 1] = sosfilt(phase_sections(found, FS), click[:, 1])
    np.testing.assert_allclose(interaural_coherence(click, FS), ears.coherence(found), atol=0.01)
    eps = 1e-4
    for index in (0, len(begin) - 1):
        moved = begin.copy()
        moved[index] += eps
        slope = (ears.coherence(moved) - ears.coherence(begin)) / eps
        np.testing.assert_allclose(ears.slope(begin)[:, index], slope, atol=2e-3)
