"""Adaptation loops against the original toolbox, and what a user may expect of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amtlib import AdaptLoop

DATA = np.load(Path(__file__).parents[1] / "data" / "adaptation.npz")
PRESETS = ["dau1996", "dau1997", "puschel1988", "osses2021", "relanoiborra2019", "paulick2024", "jepsen2008"]
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}
#: Model units to which silence is 0
SILENT = {torch.float64: 1e-9, torch.float32: 1e-4}
CASES = [tuple(key.split("/")) for key in DATA.files if key.count("/") == 2 and "_first" not in key]


def loops(fs: float, preset: str, **more: Any) -> AdaptLoop:
    if preset == "paulick2024":
        more.setdefault("minlvl", 1e-5)
    return AdaptLoop(fs, preset, **more)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("fs", "group", "name"), CASES)
def test_adaptation_equals_the_original(fs: str, group: str, name: str, dtype: torch.dtype):
    preset = group.removeprefix("adt_")
    levels = {"minlvl": DATA[f"{fs}/paulick2024_minlvl"]} if preset == "paulick2024" else {}
    module = AdaptLoop(float(fs[2:]), preset, dtype=dtype, **levels)
    expected = DATA[f"{fs}/{group}/{name}"].T
    found = module(DATA[f"{fs}/x_{name}"].T)[..., DATA[f"{fs}/idx"]]
    assert found.dtype == dtype
    error = np.abs(found.double().numpy() - expected).max()
    assert error <= max(TOLERANCE[dtype] * np.abs(expected).max(), SILENT[dtype])


def test_the_constants_of_jepsen_2008_are_those_of_dau_1997():
    """`adaptloop(x, fs, 10, 1e-5, tau)` in the toolbox is bit for bit its 'adt_dau1997'."""
    x = noise(3, 500).relu()
    found, expected = (
        AdaptLoop(16000, preset, dtype=torch.float64)(x) for preset in ("jepsen2008", "dau1997")
    )
    assert torch.equal(found, expected)


def test_constants_may_be_given():
    x = 0.1 * noise(2, 500).relu()
    own = AdaptLoop(16000, tau=np.linspace(0.005, 0.5, 5), limit=0, minlvl=[1e-5, 1e-5], dtype=torch.float64)
    torch.testing.assert_close(own(x), AdaptLoop(16000, "puschel1988", dtype=torch.float64)(x))
    assert torch.equal(AdaptLoop(16000, limit=1)(x), AdaptLoop(16000, "dau1996")(x))
    assert AdaptLoop(16000, tau=[0.1], limit=2.5).tau.tolist() == [0.1]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("preset", PRESETS)
def test_silence_and_what_lies_below_the_least_level_give_nothing(preset: str, dtype: torch.dtype):
    module = loops(44100, preset, dtype=dtype)
    x = torch.stack([torch.zeros(2000), -torch.ones(2000), 0.99 * module.minlvl * torch.ones(2000)])
    assert float(module(x).abs().max()) < 1e-10


@pytest.mark.parametrize("preset", PRESETS)
def test_signals_of_any_leading_shape_are_taken(preset: str):
    module = loops(16000, preset, dtype=torch.float64)
    x = 0.1 * noise(2, 3, 4, 300).relu()
    found = module(x)
    assert found.shape == x.shape
    for place in [(0,), (1, 2), (1, 2, 3)]:
        torch.testing.assert_close(module(x[place]), found[place])


def test_every_channel_has_its_own_least_level():
    levels = [1e-6, 1e-5, 1e-4]
    x = 1e-3 * noise(2, 3, 300).relu()
    found = AdaptLoop(16000, minlvl=levels, dtype=torch.float64)(x)
    for channel, level in enumerate(levels):
        alone = AdaptLoop(16000, minlvl=level, dtype=torch.float64)(x[:, channel])
        torch.testing.assert_close(found[:, channel], alone)
    with pytest.raises(
        ValueError, match=r"x has shape \(2, 4, 9\), minlvl has 3 channels; give \(\.\.\., 3, T\)"
    ):
        AdaptLoop(16000, minlvl=levels)(torch.zeros(2, 4, 9))


@pytest.mark.parametrize("preset", PRESETS)
def test_gradients_are_right_through_onsets_silence_and_levels_below_the_least(preset: str):
    module = loops(2000, preset, minlvl=torch.tensor([1e-3, 2e-3]), learnable=True, dtype=torch.float64)
    x = torch.cat([torch.zeros(2, 6), torch.rand(2, 6).double() + 0.5, torch.full((2, 4), 5e-4)], -1)
    x[1, 3] = -0.1
    names = [name for name, _ in module.named_parameters()]

    def run(given: Tensor, *values: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(module, dict(zip(names, values, strict=True)), given)
        return found

    assert float(module(x).detach().abs().max()) > 100.0
    assert len(names) == (2 if preset in ("dau1996", "puschel1988") else 3)
    parameters = [p.detach().clone().requires_grad_() for p in module.parameters()]
    assert torch.autograd.gradcheck(run, (x.requires_grad_(), *parameters), eps=1e-7, atol=1e-4, rtol=1e-4)


def test_gradients_go_back_over_many_blocks():
    module = AdaptLoop(8000, dtype=torch.float64)
    x = (0.1 * noise(1500).relu()).requires_grad_()
    weights = noise(1500, seed=1)
    (module(x) * weights).sum().backward()
    assert x.grad is not None
    along = noise(1500, seed=2) * (x.detach() > 0.01)
    step = 1e-7
    sides = [float((module(x.detach() + sign * step * along) * weights).sum()) for sign in (1.0, -1.0)]
    assert float((x.grad * along).sum()) == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-5)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_stream_equals_the_whole(preset: str):
    module = loops(16000, preset, dtype=torch.float64)
    x = 0.1 * noise(2, 3, 1000).relu()
    stream = module.stream()
    pieces = [stream.process(chunk) for chunk in x.split([1, 0, 300, 699], -1)]
    torch.testing.assert_close(torch.cat(pieces, -1), module(x), rtol=1e-13, atol=1e-12)


def test_an_onset_stands_out_no_more_than_the_limit_lets_it():
    steady = torch.full((16000 * 3,), 0.1)
    ratio = {}
    for preset in ("osses2021", "dau1997", "dau1996"):
        found = AdaptLoop(16000, preset)(steady)
        ratio[preset] = float(found.max() / found[-1])
    assert ratio["osses2021"] < ratio["dau1997"] < ratio["dau1996"]


def test_a_steady_signal_settles_at_nearly_its_logarithm():
    """Five loops leave the 32nd root: from 1e-5 to 1, 0 to 100 model units."""
    module = AdaptLoop(1000, dtype=torch.float64)
    for level in (1e-4, 1e-2, 1.0):
        settled = float(module(torch.full((20000,), level))[-1])
        least = 1e-5 ** (1 / 32)
        assert settled == pytest.approx(100 * (level ** (1 / 32) - least) / (1 - least), rel=1e-6)


def test_a_loud_click_stays_finite():
    x = torch.zeros(2, 500)
    x[:, 10] = 1e20
    for preset in PRESETS:
        given = x.clone().requires_grad_()
        found = loops(16000, preset)(given)
        found.sum().backward()
        assert bool(torch.isfinite(found).all())
        assert given.grad is not None
        assert bool(torch.isfinite(given.grad).all())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "dau"}, "preset = 'dau' is unknown; give one of 'dau1996'"),
        ({"preset": "paulick2024"}, "preset='paulick2024' needs minlvl, the least level in V"),
        ({"minlvl": -1e-5}, r"minlvl = -1e-05; give numbers above 0 and below 1"),
        ({"minlvl": [1e-5, 0.0]}, r"minlvl = 0\.0; give numbers above 0"),
        ({"minlvl": 1.0}, r"minlvl = 1\.0"),
        ({"minlvl": float("nan")}, "minlvl = nan"),
        ({"minlvl": torch.full((2, 2), 0.1)}, r"minlvl has shape \(2, 2\)"),
        ({"tau": [0.1, 0.0]}, r"tau = \[0\.1, 0\.0\] s; give a list of time constants"),
        ({"limit": -1.0}, r"limit = -1\.0; give a finite number, above 1, or 0"),
        ({"limit": 1.5}, r"limit = 1\.5 leaves no room above what loop 5 settles at .* give more than 1\.95"),
        ({"fs": -5}, "fs = -5 Hz is no sampling rate"),
    ],
)
def test_what_makes_no_loops_is_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        AdaptLoop(**{"fs": 16000, **arguments})


def test_samples_that_are_none_are_refused():
    with pytest.raises(ValueError, match="non-finite"):
        AdaptLoop(16000)(torch.tensor([float("nan")]))
    with pytest.raises(ValueError, match="no samples"):
        AdaptLoop(16000)(torch.zeros(2, 0))
    with pytest.raises(TypeError, match=r"give a torch\.Tensor"):
        AdaptLoop(16000)([0.0])  # type: ignore[arg-type]
