"""Every module's state, and a network's, goes through safetensors, which takes no complex and no shared tensors."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from amtlib.train import build_fdn, losses
from tests.amtlib.test_modules import EVERY, agree, build, run

safetensors = pytest.importorskip("safetensors.torch")


@pytest.mark.parametrize(("name", "learnable"), EVERY)
def test_the_state_of_a_module_comes_back(name: str, learnable: bool, tmp_path: Path) -> None:
    module, other = build(name, learnable), build(name, learnable)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(0.99)
    safetensors.save_file(module.state_dict(), tmp_path / "state.safetensors")
    other.load_state_dict(safetensors.load_file(tmp_path / "state.safetensors"))
    agree(run(other, name), run(module, name))
    safetensors.save_model(module, str(tmp_path / "model.safetensors"))


@pytest.mark.parametrize("matrix", ["orthogonal", "random"])
@pytest.mark.parametrize("rt", [None, 0.5, (1.0, 0.3)])
def test_the_state_of_a_network_comes_back(rt: Any, matrix: str, tmp_path: Path) -> None:
    shared: dict[str, Any] = {
        "delays": [61, 73, 83],
        "rt": rt,
        "matrix": matrix,
        "nfft": 2**10,
        "device": "cpu",
    }
    model, other = build_fdn(rng=1, **shared), build_fdn(rng=2, **shared)
    safetensors.save_file(model.state_dict(), tmp_path / "state.safetensors")
    other.load_state_dict(safetensors.load_file(tmp_path / "state.safetensors"))
    click = torch.eye(1, 2**10)[..., None]
    assert torch.equal(other(click), model(click))


def test_a_network_with_a_loss_in_it_comes_back(tmp_path: Path) -> None:
    net = nn.ModuleDict({"gain": nn.Linear(1, 1), "loss": losses.MatchCochleagram(16000.0)})
    safetensors.save_file(net.state_dict(), tmp_path / "state.safetensors")
    assert sorted(safetensors.load_file(tmp_path / "state.safetensors")) == ["gain.bias", "gain.weight"]
