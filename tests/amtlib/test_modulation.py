"""Modulation filters and compression against the original toolbox, and what a user may expect of them."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amtlib import (
    BrokenStickCompression,
    King2019ModulationFilterbank,
    ModulationFilterbank,
    PowerCompression,
)
from amtlib.perception import modulation_frequencies

FOLDER = Path(__file__).parents[1] / "data"
DATA, MODELS = np.load(FOLDER / "modulation.npz"), np.load(FOLDER / "models.npz")
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
PRESETS = ["dau1997", "jepsen2008", "verhey1999", "osses2021"]
CASES = [tuple(key.split("/")[1:]) for key in DATA.files if key.startswith("fs11025") and key.count("/") == 3]
KING = [tuple(key.split("/")[1:]) for key in DATA.files if key.startswith("king_fs44100/out_sos")]
OPTIONS: dict[str, dict[str, Any]] = {"": {}, "_N5": {"n_filters": 5}, "_LP_Q2": {"low_pass": True, "Q": 2.0}}


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def assert_within(found: Tensor, expected: np.ndarray, tolerance: float) -> None:
    """Each band's error is relative to that band's maximum."""
    error = np.abs(found.detach().numpy() - expected).max(-1) / np.abs(expected).max(-1)
    assert error.max() <= tolerance, error


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("group", "channel", "name"), CASES)
def test_modulation_bands_equal_the_original(group: str, channel: str, name: str, dtype: torch.dtype):
    preset = group.removeprefix("mfb_").removesuffix("_att_gain").replace("no_phase_insens", "jepsen2008")
    more = {"phase_insensitive": group != "no_phase_insens"}
    bank = ModulationFilterbank(11025, [float(channel[2:])], preset, dtype=dtype, **more)
    found = bank(DATA[f"fs11025/x_{name}"][None])[0]
    assert_within(found, DATA[f"fs11025/{group}/{channel}/{name}"].T, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("group", "name"), KING)
def test_the_bands_of_king_2019_equal_well_conditioned_sections(group: str, name: str, dtype: torch.dtype):
    options = OPTIONS[group.removeprefix("out_sos")]
    bank = King2019ModulationFilterbank(44100, dtype=dtype, **options)
    at = DATA["king_fs44100/idx"]
    x = DATA[f"king_fs44100/x_{name}"]
    assert_within(bank(x)[:, at], DATA[f"king_fs44100/{group}/{name}"].T, 1e1 * TOLERANCE[dtype])
    if not options:
        plain = King2019ModulationFilterbank(44100, dtype=dtype, phase_insensitive=False)
        assert_within(plain(x)[:, at], DATA[f"king_fs44100/E_mod_sos/{name}"].T, 1e1 * TOLERANCE[dtype])


@pytest.mark.parametrize("group", OPTIONS)
def test_centres_and_edges_of_king_2019_equal_the_original(group: str):
    bank = King2019ModulationFilterbank(44100, **OPTIONS[group])
    np.testing.assert_allclose(bank.mfc, DATA[f"king_fs44100/mfc{group}"], rtol=1e-13)
    np.testing.assert_allclose(bank.limits, DATA[f"king_fs44100/limits{group}"], rtol=1e-13)
    assert bank.num_bands == len(bank.mfc)


def test_centre_frequencies_equal_the_original():
    for fc, row in zip(DATA["fs11025/fclist"], DATA["fs11025/mfc_limited"], strict=True):
        expected = row[~np.isnan(row)]
        bank = ModulationFilterbank(11025, float(fc))
        np.testing.assert_allclose(bank.mfc, expected, rtol=1e-14)
        assert bank.present.tolist() == [[True] * len(expected)]
    all_bands = ModulationFilterbank(11025, [100.0, 8000.0], "dau1997")
    np.testing.assert_allclose(all_bands.mfc, DATA["fs11025/mfc_dau1997"], rtol=1e-14)
    assert bool(all_bands.present.all())
    np.testing.assert_allclose(modulation_frequencies(1000.0, 1.0), DATA["fs11025/mfc_Q1"], rtol=1e-14)
    narrow = ModulationFilterbank(11025, [8000.0], max_mfc=150.0)
    np.testing.assert_allclose(narrow.mfc, DATA["fs11025/mfc_max150"], rtol=1e-14)


@pytest.mark.parametrize("preset", PRESETS)
def test_channels_that_lack_a_band_have_zeros_there(preset: str):
    bank = ModulationFilterbank(8000, [100.0, 2500.0, 900.0], preset, dtype=torch.float64)
    x = noise(2, 3, 400)
    found = bank(x)
    assert found.shape == (2, 3, bank.num_bands, 400)
    assert bool((found.abs().amax((0, -1)) > 0.0).eq(bank.present).all())
    assert (preset == "dau1997") == bool(bank.present.all())
    alone = ModulationFilterbank(8000, [900.0], preset, dtype=torch.float64)
    torch.testing.assert_close(alone(x[0, 2:])[0], found[0, 2, : alone.num_bands])


def test_a_sinusoidal_modulation_comes_out_of_its_own_band():
    """The gain is 1 at a band's centre, where the factor of 2 makes up for the other sideband."""
    fs = 8000
    time = torch.arange(2 * fs, dtype=torch.float64) / fs
    bank = ModulationFilterbank(fs, [4000.0], "verhey1999", dtype=torch.float64)
    for band, f in enumerate(bank.mfc.tolist()):
        if band:
            y = bank(torch.sin(2 * math.pi * f * time)[None])[0, :, fs:]
            assert float(y[band].abs().max()) == pytest.approx(1.0, abs=0.3)
            assert int(y.square().mean(-1).argmax()) in (band, band + 1)


def banks(learnable: bool = False, dtype: torch.dtype = torch.float64) -> dict[str, Any]:
    """One bank of each kind, at a low rate, with frequencies well below half of it."""
    options = {"learnable": learnable, "dtype": dtype}
    return {
        **{p: ModulationFilterbank(2000, [50.0, 300.0], p, max_mfc=80.0, **options) for p in PRESETS},
        "king": King2019ModulationFilterbank(2000, 10.0, 100.0, **options),
        "king low-pass": King2019ModulationFilterbank(2000, 10.0, 100.0, low_pass=True, **options),
        "king plain": King2019ModulationFilterbank(2000, 10.0, 100.0, phase_insensitive=False, **options),
    }


@pytest.mark.parametrize("name", banks())
def test_gradients_are_right(name: str):
    bank = banks(learnable=True)[name]
    x = noise(2, 12).requires_grad_()
    names = [each for each, _ in bank.named_parameters()]

    def run(given: Tensor, *values: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(bank, dict(zip(names, values, strict=True)), given)
        return 100.0 * found

    assert len(names) == 2
    parameters = [p.detach().clone().requires_grad_() for p in bank.parameters()]
    assert torch.autograd.gradcheck(run, (x, *parameters), atol=1e-8, rtol=1e-5, fast_mode=True)


@pytest.mark.parametrize("name", banks())
def test_silence_gives_nothing_and_has_a_finite_gradient(name: str):
    x = torch.zeros(2, 100, requires_grad=True)
    found = banks(dtype=torch.float32)[name](x)
    found.sum().backward()
    assert float(found.detach().abs().max()) == 0.0
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())


@pytest.mark.parametrize("name", [n for n in banks() if n in PRESETS or n == "king plain"])
def test_a_stream_equals_the_whole(name: str):
    bank = banks()[name]
    x = noise(3, 2, 900)
    stream = bank.stream()
    pieces = [stream.process(chunk) for chunk in x.split([0, 100, 1, 0, 799], -1)]
    torch.testing.assert_close(torch.cat(pieces, -1), bank(x), rtol=0, atol=1e-13)


def test_envelopes_of_a_whole_signal_cannot_be_streamed():
    with pytest.raises(ValueError, match=r"cannot look ahead, .* give phase_insensitive=False"):
        King2019ModulationFilterbank(16000).stream()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "dau1996"}, "preset = 'dau1996' is unknown; give one of 'dau1997'"),
        (
            {"fs": 1500, "fc": 8000.0},
            r"fs = 1500 Hz is too low for the filter at 992\.3 Hz; give more than 1985 Hz",
        ),
        ({"fs": 250}, "fs = 250 Hz is too low for the filter at 214"),
        ({"fc": []}, r"fc = \[\] Hz; give at least one"),
        (
            {"fc": [100.0, -1.0]},
            r"fc = \[100\.0, -1\.0\] Hz; give at least one centre frequency, finite numbers > 0",
        ),
        ({"fc": float("nan")}, "fc = "),
        ({"Q": 0.5}, r"Q = 0\.5; give a finite number above 0\.5"),
        ({"max_mfc": 1.0}, r"max_mfc = 1\.0 Hz; give a finite number >= 5"),
        ({"fs": float("inf")}, "fs = inf Hz is no sampling rate"),
    ],
)
def test_what_makes_no_bank_is_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        ModulationFilterbank(**{"fs": 16000, "fc": 1000.0, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fs": 300}, r"fs = 300 Hz is too low for filters up to 152 Hz; give more than 304\.1 Hz"),
        ({"mflow": 0.0}, r"mflow = 0\.0 Hz, mfhigh = 150\.0 Hz; give 0 < mflow <= mfhigh"),
        ({"mflow": 200.0}, "give 0 < mflow <= mfhigh"),
        ({"Q": 0.0}, r"Q = 0\.0; give a number from 0\.05 to 100"),
        ({"n_filters": 0}, "n_filters = 0 filters; give an int >= 1"),
        ({"phase_cut": -1.0}, r"phase_cut = -1\.0 Hz; give a number >= 0"),
    ],
)
def test_what_makes_no_bank_of_king_is_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        King2019ModulationFilterbank(**{"fs": 16000, **arguments})


def test_another_number_of_channels_is_refused():
    bank = ModulationFilterbank(16000, [500.0, 1000.0])
    for wrong in (torch.zeros(100), torch.zeros(3, 100)):
        with pytest.raises(ValueError, match=r"give \(\.\.\., 2, T\), the channels of fc"):
            bank(wrong)


def test_a_low_pass_filter_at_a_quarter_of_the_rate_is_taken():
    """Its pole lies at 0: it rings for one sample."""
    x = noise(1, 50)
    assert bool(torch.isfinite(ModulationFilterbank(600, 500.0, dtype=torch.float64)(x)).all())
    king = King2019ModulationFilterbank(600, mfhigh=100.0, low_pass=True, dtype=torch.float64)
    assert bool(torch.isfinite(king(x)).all())


# --- compression -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("case", ["fs44100_am60", "fs44100_noise75"])
def test_the_broken_stick_equals_that_of_king_2019(case: str, dtype: torch.dtype):
    stick = BrokenStickCompression(dtype=dtype)
    assert float(stick.knee) == pytest.approx(float(MODELS[f"{case}/king2019/knee"]), rel=1e-12)
    x, expected = (MODELS[f"{case}/king2019/{stage}"].T for stage in ("gt", "comp"))
    assert np.abs(x).max() > float(stick.knee)
    assert_within(stick(x), expected, {torch.float64: 1e-12, torch.float32: 1e-5}[dtype])


@pytest.mark.parametrize("kind", [BrokenStickCompression, PowerCompression])
def test_10_db_above_the_knee_become_3(kind: type[BrokenStickCompression | PowerCompression]):
    module = kind(dtype=torch.float64)
    x = module.knee * torch.tensor([[1.0, 10.0, -100.0]], dtype=torch.float64)
    levels = 20 * (module(x) / module.knee).abs().log10()
    torch.testing.assert_close(levels, torch.tensor([[0.0, 6.0, 12.0]], dtype=torch.float64))
    assert torch.equal(module(x).sign(), x.sign())
    below = module(0.1 * x[:, :1]) / module.knee
    assert float(below) == pytest.approx(0.1 if kind is BrokenStickCompression else 10**-0.3)


@pytest.mark.parametrize("exponent", [0.3, [0.2, 0.6]])
@pytest.mark.parametrize("kind", [BrokenStickCompression, PowerCompression])
def test_gradients_of_compression_are_right(kind: type[Any], exponent: Any):
    module = kind(knee_db=0.0, exponent=exponent, dboffset=0.0, learnable=True, dtype=torch.float64)
    x = torch.tensor([[0.5, -2.0, 0.03, 7.0], [1.5, 0.8, -0.2, 3.0]], dtype=torch.float64, requires_grad=True)
    names = [each for each, _ in module.named_parameters()]

    def run(given: Tensor, *values: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(module, dict(zip(names, values, strict=True)), given)
        return found

    parameters = [p.detach().clone().requires_grad_() for p in module.parameters()]
    assert torch.autograd.gradcheck(run, (x, *parameters))
    silent = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    found = module(silent)
    found.sum().backward()
    assert bool((found == 0.0).all())
    assert silent.grad is not None
    assert bool(torch.isfinite(silent.grad).all())


def test_channels_may_be_compressed_differently():
    x = noise(2, 3, 50)
    whole = BrokenStickCompression(exponent=[0.2, 0.5, 1.0], dtype=torch.float64)(x)
    assert torch.equal(whole[:, 2], x[:, 2])
    for channel, exponent in enumerate([0.2, 0.5]):
        torch.testing.assert_close(
            whole[:, channel], BrokenStickCompression(exponent=exponent, dtype=torch.float64)(x[:, channel])
        )
    with pytest.raises(ValueError, match=r"exponent has 3 channels; give \(\.\.\., 3, T\)"):
        BrokenStickCompression(exponent=[0.2, 0.5, 1.0])(torch.zeros(2, 50))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"exponent": 0.0}, r"exponent = 0\.0; give numbers above 0 and up to 1"),
        ({"exponent": [0.3, 1.5]}, r"exponent = 1\.5"),
        ({"exponent": []}, r"exponent has shape \(0,\)"),
        ({"knee_db": float("nan")}, "knee_db = nan dB; give a number from -300 to 300"),
        ({"dboffset": 1e3}, r"dboffset = 1000\.0 dB"),
    ],
)
@pytest.mark.parametrize("kind", [BrokenStickCompression, PowerCompression])
def test_what_makes_no_compression_is_refused(kind: type[Any], arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        kind(**arguments)
