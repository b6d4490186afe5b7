"""Learned values stay in their range, however they are stepped, and can be set, saved and loaded as values."""

import copy
import json
import math

import pytest
import torch
from torch import Tensor

from amtlib import DRNLFilterbank, FastDRNLFilterbank, GammatoneFilterbank, Moore2016AGC
from amtlib.filterbanks.drnl_parameters import NAMES
from amtlib.modules import RealModule
from amtlib.ranges import Above, Below, LearnedValue, Polar
from tests.amtlib.test_modules import LEARNERS, build, run, tensors

VALUES = torch.tensor([1e-3, 0.25, 1.0, 7000.0], dtype=torch.float64)
POLES = torch.tensor([[0.9, 0.1], [-0.3, 0.5], [0.2, -0.4], [0.5, 0.0]], dtype=torch.float64)


@pytest.mark.parametrize("direction", ["random", "up", "down"])
@pytest.mark.parametrize("name", LEARNERS)
def test_thirty_large_steps_of_adam_leave_every_module_working(name: str, direction: str):
    module = build(name, True)
    optimiser = torch.optim.Adam(module.parameters(), 0.1)  # as far as 300 steps of the usual rate
    noise = torch.Generator().manual_seed(0)
    for _ in range(30):
        for parameter in module.parameters():
            sign = {"random": torch.randn(parameter.shape, generator=noise), "up": -1.0, "down": 1.0}[
                direction
            ]
            parameter.grad = torch.ones_like(parameter) * sign
        optimiser.step()
    found = run(module, name)
    assert found
    assert all(bool(torch.isfinite(t).all()) for t in found)


@pytest.mark.parametrize(
    ("span", "value"),
    [
        (Above(0.0, 1e12), VALUES),
        (Above(1e-3, 1e4), VALUES),
        (Below(8000.0), VALUES[2:]),
        (Polar(poles=True), POLES),
        (Polar(poles=False), POLES),
    ],
)
def test_what_is_stored_gives_back_the_value_and_its_gradient(span: Above | Below | Polar, value: Tensor):
    stored = span.stored(value).requires_grad_()
    found = span.value(stored)
    torch.testing.assert_close(found.detach(), value, rtol=1e-12, atol=1e-12)
    slope = torch.randn(value.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (found * slope).sum().backward()
    assert stored.grad is not None
    torch.testing.assert_close(span.gradient(stored.detach(), stored.grad), slope, rtol=1e-9, atol=1e-12)
    assert not bool(span.outside(value).any())
    for far in (-1e6, 1e6):
        extreme = span.value(torch.full_like(stored.detach(), far))
        assert bool(torch.isfinite(extreme).all())
        assert not bool(span.outside(extreme).any())


def test_zero_stays_zero():
    span = Above(0.0, 10.0)
    stored = span.stored(torch.zeros(2)).requires_grad_()
    value = span.value(stored)
    value.sum().backward()
    assert value.tolist() == stored.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", [DRNLFilterbank, FastDRNLFilterbank])
def test_values_of_a_learning_bank_can_be_assigned_and_written_into(kind: type[DRNLFilterbank]):
    bank, fixed = (
        kind([500.0, 3000.0], 16000, learnable=learns, dtype=torch.float64) for learns in (True, False)
    )
    usual = fixed.a.clone()
    bank.a = 2.0 * bank.a
    torch.testing.assert_close(bank.a.detach(), 2.0 * usual)
    bank.a *= 0.5
    torch.testing.assert_close(bank.a.detach(), usual)
    with torch.no_grad():
        bank.a[1] = 7.0
        bank.a.clamp_(min=10.0)
    bank.a.data[0] = 5.0
    torch.testing.assert_close(bank.a.detach(), torch.tensor([5.0, 10.0], dtype=torch.float64))
    bank.c = 0.3
    assert bank.c.tolist() == pytest.approx([0.3, 0.3])
    x = 1e-6 * torch.randn(2, 300, dtype=torch.float64)
    fixed.a, fixed.c = bank.a.detach(), bank.c.detach()
    torch.testing.assert_close(bank(x), fixed(x))
    with pytest.raises(RuntimeError, match=r"inside of torch\.no_grad"):
        bank.a.mul_(2.0)
    with pytest.raises(ValueError, match=r"a holds -1, and a module that learns keeps it 0 to 1e\+12"):
        bank.a = -1.0
    with pytest.raises(ValueError, match=r"a has shape \(2,\); a value of shape \(3,\) does not fit"):
        bank.a = torch.ones(3)


def test_the_gradient_of_a_value_is_shown_as_that_of_a_fixed_bank():
    learner, fixed = (DRNLFilterbank([500.0, 3000.0], 16000, learnable=learns) for learns in (True, False))
    x = 1e-6 * torch.randn(2, 300, dtype=torch.float64)
    assert learner.a.grad is None
    learner(x).square().sum().backward()
    values = {name: getattr(fixed, name).clone().requires_grad_() for name in NAMES}
    torch.func.functional_call(fixed, values, (x,)).square().sum().backward()
    for name, value in values.items():
        torch.testing.assert_close(getattr(learner, name).grad, value.grad, rtol=1e-6, atol=1e-20)


def test_poles_stay_complex_to_the_eye_and_inside_the_circle():
    bank = GammatoneFilterbank([50.0, 8000.0], 16000, learnable=True)
    usual = GammatoneFilterbank([50.0, 8000.0], 16000).poles
    torch.testing.assert_close(bank.poles.detach(), usual)
    optimiser = torch.optim.Adam(bank.parameters(), 0.1)
    for _ in range(200):
        for parameter in bank.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimiser.step()
    assert bool((bank.poles.abs() < 1.0).all())
    assert bool(torch.isfinite(bank(torch.randn(100))).all())


def plain_state(module: RealModule) -> dict[str, Tensor]:
    """A state as it was before parameters were mapped: values under their names, no word of maps."""
    names = [name for name, _ in module.named_parameters(recurse=False)]
    state = {key: value for key, value in module.state_dict().items() if not key.endswith("_extra_state")}
    for name in names:
        value = getattr(module, name).detach().clone()
        state[name] = torch.view_as_real(value) if value.is_complex() else value
    return state


#: Models put together from modules that are in the list themselves.
COMPOSED = {
    "HearingLoss",
    "Moore2016",
    "Glasberg2002",
    "Dau1997",
    "Jepsen2008",
    "King2019",
    "Osses2021",
    "Paulick2024",
}


@pytest.mark.parametrize("learnable", [True, False])
@pytest.mark.parametrize("name", [n for n in LEARNERS if n not in COMPOSED])
def test_checkpoints_of_values_from_before_are_loaded_as_values(name: str, learnable: bool):
    saved = build(name, True)
    with torch.no_grad():
        for parameter in saved.parameters():
            parameter.mul_(0.99)
    taken = build(name, learnable)
    taken.load_state_dict(plain_state(saved), strict=name != "Moore2016BinauralLoudness")
    for own, _ in saved.named_parameters(recurse=False):
        torch.testing.assert_close(getattr(taken, own).detach(), getattr(saved, own).detach())


def test_a_learning_banks_checkpoint_that_names_no_maps_holds_values():
    saved = DRNLFilterbank([1000.0], 16000, learnable=True)
    saved.a = 0.5 * saved.a
    configuration = json.loads(bytes(saved.get_extra_state().tolist()))
    assert configuration.pop("mapped") == list(NAMES)
    said = torch.frombuffer(bytearray(json.dumps(configuration).encode()), dtype=torch.uint8)
    for learnable in (True, False):
        taken = DRNLFilterbank([1000.0], 16000, learnable=learnable)
        taken.load_state_dict({**plain_state(saved), "_extra_state": said})
        torch.testing.assert_close(taken.a.detach(), saved.a.detach())


def test_a_checkpoint_of_values_out_of_range_is_refused():
    state = DRNLFilterbank([1000.0], 16000).state_dict()
    state["BW_lin_norm"] = torch.tensor([30.0], dtype=torch.float64)
    with pytest.raises(RuntimeError, match=r"DRNLFilterbank: BW_lin_norm holds 30, .* keeps it 0\.05 to 20"):
        DRNLFilterbank([1000.0], 16000, learnable=True).load_state_dict(state)


def test_values_are_plain_tensors_once_they_are_used():
    agc = Moore2016AGC(learnable=True)
    assert isinstance(agc.attack_alpha, LearnedValue)
    assert type(agc.attack_alpha + 1.0) is Tensor
    assert type(agc.attack_alpha.detach()) is Tensor
    twin = copy.deepcopy(agc.attack_alpha.detach())
    assert float(twin) == pytest.approx(0.045)
    agc.attack_alpha = 3.0  # acts, as documented, as the bound
    assert float(agc.attack_alpha.detach()) == pytest.approx(1.0)


def test_a_bank_is_fitted_to_data_by_adam_without_care():
    patient = DRNLFilterbank([3000.0], 16000)
    patient.a *= 0.1
    time = torch.arange(480, dtype=torch.float64) / 16000
    x = torch.logspace(-8, -3, 6, dtype=torch.float64)[:, None] * torch.sin(2 * math.pi * 3000 * time)

    def levels(bank: DRNLFilterbank) -> Tensor:
        return 10.0 * bank(x)[..., 160:].square().mean(-1).log10()

    wanted, bank = levels(patient).detach(), DRNLFilterbank([3000.0], 16000, learnable=True)
    optimiser = torch.optim.Adam(bank.parameters(), 1e-2)
    losses = []
    for _ in range(150):
        optimiser.zero_grad()
        loss = (levels(bank) - wanted).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]
    assert tensors(bank(x))[0].isfinite().all()
