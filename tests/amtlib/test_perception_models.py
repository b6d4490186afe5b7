"""Whole models of perception against the original toolbox, stage by stage, and what a user may expect of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amtlib import Dau1997, Jepsen2008, King2019, Osses2021, Paulick2024
from amtlib.perception import PerceptionModel, paulick2024_minlvl

DATA = np.load(Path(__file__).parents[1] / "data" / "models.npz")
SOUNDS = ["fs44100_am60", "fs44100_noise75"]
#: Of the maximum of each stage, in float64: what the toolbox's own filters in direct form are off by
TOLERANCE = {"dau1997": 1e-6, "osses2021": 1e-6, "king2019": 1e-6, "paulick2024": 1e-7, "jepsen2008": 5e-5}
STAGES = {"basilar_membrane": ("gt", "comp", "bm"), "hair_cell": ("ihc",), "adapted": ("adapt",)}


def model_of(name: str, dtype: torch.dtype = torch.float64) -> PerceptionModel:
    """Return the model with the channels of the reference."""
    options: dict[str, tuple[Any, dict[str, Any]]] = {
        "dau1997": (Dau1997, {"flow": 500.0, "fhigh": 2000.0, "basef": 1000.0}),
        "osses2021": (Osses2021, {"flow": 500.0, "fhigh": 4000.0}),
        "king2019": (King2019, {}),
        "paulick2024": (Paulick2024, {"flow": 500.0, "fhigh": 4000.0, "n_channels": 4}),
        "jepsen2008": (Jepsen2008, {"flow": 500.0, "fhigh": 4000.0, "n_channels": 4}),
    }
    kind, more = options[name]
    made: PerceptionModel = kind(44100, dtype=dtype, **more)
    return made


def assert_within(found: Tensor, expected: np.ndarray, tolerance: float, what: str) -> None:
    there = ~np.isnan(expected)
    error = np.abs(found.double().numpy() - expected)[there].max() / np.abs(expected[there]).max()
    assert error <= tolerance, f"{what} is off by {error:.2g} of its maximum"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("name", TOLERANCE)
def test_every_stage_equals_the_original(name: str, sound: str, dtype: torch.dtype):
    expected = {key.split("/")[-1]: DATA[key] for key in DATA.files if key.startswith(f"{sound}/{name}/")}
    at, channels = DATA[f"{sound}/idx_stage"], expected["channels"]
    tolerance = TOLERANCE[name] if dtype == torch.float64 else 1e-4
    model = model_of(name, dtype)
    stages = model(torch.from_numpy(DATA[f"{sound}/x"]), return_stages=True)
    np.testing.assert_allclose(model._built["fc"], expected["fc"], rtol=1e-12)
    if "ear" in expected:
        assert stages.ear is not None
        assert_within(stages.ear[at], expected["ear"], tolerance, "ear")
    else:
        assert stages.ear is None
    for stage, keys in STAGES.items():
        key = next(k for k in reversed(keys) if k in expected)
        assert_within(getattr(stages, stage)[channels][:, at].T, expected[key], tolerance, stage)
    assert torch.equal(model(torch.from_numpy(DATA[f"{sound}/x"])), stages.internal)
    internal = stages.internal
    if name == "king2019":
        assert_within(internal[channels[1], :, ::5].T[:, :], expected["out_sos"][:, 0], tolerance, "internal")
    elif "int_rep" in expected:
        found = internal[channels[1:]][..., expected["idx_resampled"]].permute(2, 0, 1)
        assert_within(found, expected["int_rep"], tolerance, "internal")
        assert internal.shape[-1] == 4410 // 4
    else:
        for key in (k for k in expected if k.startswith("out_ch")):
            out = expected[key]
            found = internal[int(key[6:]), : out.shape[1]][:, DATA[f"{sound}/idx_mod"]].T
            assert_within(found, out, tolerance, key)


def test_the_internal_representation_says_its_rate():
    rates = {name: model_of(name).fs_internal for name in TOLERANCE}
    assert rates["dau1997"] == rates["osses2021"] == 44100
    assert rates["king2019"] == float(DATA["fs44100_am60/king2019/subfs"])
    assert rates["paulick2024"] == rates["jepsen2008"] == float(DATA["fs44100_am60/paulick2024/fsR"])


def test_least_levels_of_the_revised_model_equal_the_original():
    fc = DATA["fs44100_am60/paulick2024/fc"]
    np.testing.assert_allclose(paulick2024_minlvl(fc), DATA["fs44100_am60/paulick2024/minlvl"], rtol=1e-12)


@pytest.mark.parametrize("name", TOLERANCE)
def test_silence_is_represented_by_nothing(name: str):
    found = model_of(name, torch.float32)(torch.zeros(2205))
    assert float(found.abs().max()) == 0.0


@pytest.mark.parametrize("kind", [Dau1997, Osses2021, King2019, Paulick2024, Jepsen2008])
def test_sound_and_all_parameters_have_gradients(kind: type[Any]):
    model = kind(16000, fc=[500.0, 1000.0], learnable=True, dtype=torch.float64)
    time = torch.arange(800, dtype=torch.float64) / 16000
    x = 0.02 * torch.sin(2 * torch.pi * 700 * time) * (time > 0.01)
    weights = torch.randn(model(x).shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def value(given: Tensor) -> Tensor:
        total: Tensor = (model(given) * weights).sum()
        return total

    given = x.clone().requires_grad_()
    value(given).backward()
    assert given.grad is not None
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in model.parameters())
    assert sum(bool((p.grad != 0.0).any()) for p in model.parameters()) >= len(list(model.parameters())) - 1
    along = 0.01 * torch.cos(2 * torch.pi * 620 * time) * (time > 0.01)
    step = 1e-5
    sides = [float(value(x + sign * step * along).detach()) for sign in (1.0, -1.0)]
    assert float((given.grad * along).sum()) == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-3)


def test_without_outer_hair_cells_soft_sounds_are_lost_and_loud_ones_are_not():
    tone = torch.sin(2 * torch.pi * 1000 / 44100 * torch.arange(4410))
    for level, low, high in ((1e-4, 0.0, 0.2), (1.0, 0.8, 1.2)):
        peaks = [
            float(Paulick2024(44100, fc=[1000.0], subject=subject)(level * tone).abs().max())
            for subject in ("HIx", "NH")
        ]
        assert low <= peaks[0] / peaks[1] <= high


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (
            Dau1997,
            {"fhigh": 9000.0},
            r"fc holds .* Hz; give at least one, above 0 and below fs / 2 = 8000 Hz",
        ),
        (Dau1997, {"flow": 2000.0, "fhigh": 1000.0}, "give 0 < flow <= fhigh"),
        (Dau1997, {"flow": 500.0, "fhigh": 900.0, "basef": 1000.0}, r"basef = 1000\.0 Hz lies outside"),
        (Dau1997, {"fc": []}, "fc holds no frequency"),
        (King2019, {"basef": 0.0}, r"basef = 0\.0 Hz; give a finite number > 0"),
        (Paulick2024, {"fc": [9000.0]}, "fc holds 9000 Hz"),
        (Paulick2024, {"fhigh": 4000.0, "n_channels": 0}, "n_channels = 0 channels; give an int >= 1"),
        (Jepsen2008, {"fhigh": 4000.0, "subject": "HI"}, "subject = 'HI'"),
    ],
)
def test_what_makes_no_model_is_refused(kind: type[Any], arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        kind(16000, **arguments)


def test_sounds_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"x has shape \(1, 2, 100\); give \(T,\) or \(batch, T\)"):
        Dau1997(16000, fc=[500.0])(torch.zeros(1, 2, 100))
    with pytest.raises(ValueError, match="x has 3 samples, and one of every 4 is kept; give 4 or more"):
        Paulick2024(16000, fc=[500.0])(torch.zeros(3))
