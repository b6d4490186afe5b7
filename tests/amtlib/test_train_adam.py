"""Our steps of Adam are torch's, and go on from its states."""

import pytest
import torch

from amtlib.train.adam import Adam

STEPS = 40


def parameters(dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    shapes = ((4, 4), (4, 1), (3,))
    return [torch.randn(s, generator=generator, dtype=dtype).requires_grad_() for s in shapes]


def backward(parameters: list[torch.Tensor], step: int) -> None:
    """Give gradients of a function that changes; the last parameter has none at first, nor later in every third."""
    a, b, c = parameters
    loss = (torch.sin(a + 0.1 * step) @ b).square().sum()
    (loss + (c**4).sum() if step > 3 and step % 3 else loss).backward()


def rate(step: int) -> float:
    return 0.02 if step < STEPS // 2 else 0.005


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("until", [0, 10], ids=["from the first", "from a state of torch's"])
def test_steps_are_those_of_torch(dtype: torch.dtype, until: int) -> None:
    found, wanted = parameters(dtype), parameters(dtype)
    first, torchs = torch.optim.Adam(found, fused=True), torch.optim.Adam(wanted, fused=True)
    ours = Adam(found)
    for step in range(STEPS):
        if step == until:
            ours.load_state_dict(first.state_dict())
        for each in (ours, torchs):
            each.zero_grad()
        backward(found, step)
        backward(wanted, step)
        for optimizer in (first, torchs):
            optimizer.param_groups[0]["lr"] = rate(step)
        if step < until:
            first.step()
        else:
            ours.step(lr=rate(step))
        torchs.step()
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(found, parameters(dtype), strict=True))
