"""Losses of phase, of energy and of lopsided flatness: their values written out again, and where they say nothing."""

import math

import numpy as np
import pytest
import torch

from amtlib.train import build_fdn, train_fdn
from amtlib.train.losses import (
    AsymmetricFlatMagnitude,
    CumulativeEnergy,
    Energy,
    MatchMelMagnitude,
    MatchPhase,
    MatchPhaseSpectrogram,
    Rendered,
)
from amtlib.train.losses.text import loss_names, read_loss

FS = 16000.0


def noise(seed: int, samples: int = 1024, channels: int = 2) -> torch.Tensor:
    return torch.randn(
        1, samples, channels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


def seen(x: torch.Tensor) -> Rendered:
    return Rendered.of_response(x, FS)


def test_phase_is_one_minus_the_cosine_of_the_difference_bin_by_bin() -> None:
    a, b = noise(0), noise(1)
    angles = [np.angle(np.fft.rfft(x[0].numpy(), axis=0)) for x in (a, b)]
    expected = (1.0 - np.cos(angles[0] - angles[1])).mean()
    assert float(MatchPhase(floor_db=-200.0)(seen(a), seen(b))) == pytest.approx(float(expected), rel=1e-12)
    assert float(MatchPhase()(seen(3.0 * b), seen(b))) == pytest.approx(0.0, abs=1e-15)


def test_bins_where_the_target_is_silent_have_no_phase_to_compare() -> None:
    spectrum = torch.fft.rfft(noise(0), dim=1)
    low = spectrum.clone()
    low[:, 100:] = 0.0
    target = torch.fft.irfft(low, dim=1)
    assert float(MatchPhase()(seen(torch.fft.irfft(spectrum, dim=1)), seen(target))) < 1e-12


def test_short_time_phase_is_summed_over_windows_and_sees_a_shift() -> None:
    a = noise(2)
    loss = MatchPhaseSpectrogram((64, 128), floor_db=-200.0)
    single = [
        float(MatchPhaseSpectrogram((size,), floor_db=-200.0)(seen(a), seen(noise(3)))) for size in (64, 128)
    ]
    assert float(loss(seen(a), seen(noise(3)))) == pytest.approx(sum(single), rel=1e-12)
    assert all(0.8 < each < 1.2 for each in single)  # of unrelated noise
    shifts = [float(loss(seen(a.roll(by, dims=1)), seen(a))) for by in (0, 1)]
    assert (
        shifts[0] == 0.0 < 1.5 < shifts[1]
    )  # a sample turns the phase by 0 at 0 Hz, by half a turn at fs / 2
    frames = torch.stft(
        a[0, :, 0],
        64,
        16,
        window=torch.hann_window(64, dtype=torch.float64),
        center=False,
        return_complex=True,
    )
    others = torch.stft(
        noise(3)[0, :, 0],
        64,
        16,
        window=torch.hann_window(64, dtype=torch.float64),
        center=False,
        return_complex=True,
    )
    expected = (1.0 - torch.cos(frames.angle() - others.angle())).mean()
    first = MatchPhaseSpectrogram((64,), floor_db=-200.0)(seen(a[..., :1]), seen(noise(3)[..., :1]))
    assert float(first) == pytest.approx(float(expected), rel=1e-10)


def test_phase_has_the_right_gradient_and_silence_a_finite_one() -> None:
    target = seen(noise(5, 128, 1))
    for loss in (MatchPhase(), MatchPhaseSpectrogram((32,))):
        assert torch.autograd.gradcheck(
            lambda x, loss=loss: loss(seen(x), target), noise(4, 128, 1).requires_grad_()
        )
        silent = torch.zeros(1, 128, 1, dtype=torch.float64, requires_grad=True)
        loss(seen(silent), target).backward()
        assert torch.isfinite(silent.grad).all()


def test_peaks_weigh_by_their_power_and_dips_by_their_square() -> None:
    h = noise(6)
    size = h[0].numpy()
    magnitude = np.abs(np.fft.rfft(size, axis=0))
    off = magnitude / np.sqrt(np.square(magnitude).mean(axis=0)) - 1.0
    expected = (np.maximum(off, 0.0) ** 6 + np.minimum(off, 0.0) ** 2).mean()
    assert float(AsymmetricFlatMagnitude(6.0)(seen(h))) == pytest.approx(float(expected), rel=1e-10)
    assert float(AsymmetricFlatMagnitude()(seen(2.0 * h))) == pytest.approx(
        float(AsymmetricFlatMagnitude()(seen(h))), rel=1e-10
    )


def test_energy_is_that_of_each_output() -> None:
    h = noise(7)
    energies = h[0].square().sum(dim=0)
    assert float(Energy(energy=3.0)(seen(h))) == pytest.approx(
        float((energies - 3.0).square().mean()), rel=1e-12
    )


def test_energy_is_cumulated_from_either_end_of_the_spectrum() -> None:
    h = seen(noise(8))
    both, down, up = (CumulativeEnergy(128, 1.0, way)(h)[0] for way in ("both", "descending", "ascending"))
    assert torch.allclose(both, torch.cat([down, up], dim=-2), rtol=1e-12)
    assert float(down[:, 0, 0].max()) == pytest.approx(float(up[:, 0, -1].max()), rel=1e-12)
    assert (up.diff(dim=-1) >= -1e-15).all()


def test_the_losses_are_known_by_name_and_their_settings_are_checked() -> None:
    names = {"MatchPhase", "MatchPhaseSpectrogram", "MatchMelMagnitude", "Energy", "AsymmetricFlatMagnitude"}
    assert names <= set(loss_names())
    text = "MatchPhaseSpectrogram((64, 128)) + 0.5 * MatchMelMagnitude(bands=40) + 0.1 * Energy(energy=2)"
    assert read_loss(text).needs_target
    for wrong, message in (
        ("MatchPhase(floor_db=0)", "floor_db = 0"),
        ("Energy(energy=0)", "energy = 0"),
        ("AsymmetricFlatMagnitude(1)", "power = 1"),
        ("MatchMelMagnitude(bands=1)", "bands = 1"),
        ("MatchCumulativeEnergy(frequency='up')", "frequency = 'up'"),
    ):
        with pytest.raises(ValueError, match=message):
            read_loss(wrong)
    model = build_fdn(delays=[61, 73, 83, 97], rt=0.02, rng=1, nfft=2**10, device="cpu")
    with pytest.raises(ValueError, match="the response has 1024 samples: give shorter windows"):
        train_fdn(model, loss=MatchPhaseSpectrogram(), target=np.eye(1, 1024)[0], max_steps=1)
    assert math.isfinite(float(MatchMelMagnitude(bands=16)(seen(noise(1)), seen(noise(2)))))
