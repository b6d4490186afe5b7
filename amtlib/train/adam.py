"""Adam as torch computes it, without what its own class imports first.
Source: Kingma & Ba (2015), Algorithm 1, in `torch.optim.adam.adam`.
Not here: learning rates, and what the gradients are of (:mod:`amtlib.train.descent`).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """
    Steps of Adam, in place, with the defaults of :class:`torch.optim.Adam`.

    The first instance of that class imports torch's compiler, which takes each process that trains 1.3 s and 70 MB.

    Parameters
    ----------
    parameters : sequence of Tensor
        Leaves that require gradients; those that have none at a step stay as they are.

    Examples
    --------
    >>> p = torch.ones(1, requires_grad=True)
    >>> optimizer = Adam([p])
    >>> p.square().sum().backward()
    >>> optimizer.step(lr=0.1)
    >>> p.detach()
    tensor([0.9000])
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._parameters = list(parameters)
        self._state: dict[int, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Move each parameter against its gradient, by about the learning rate."""
        moved = [(i, p, p.grad) for i, p in enumerate(self._parameters) if p.grad is not None]
        for i, p, _ in moved:
            if i not in self._state:
                count = torch.zeros((), dtype=torch.float32, device=p.device)
                self._state[i] = {
                    "step": count, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p),
                }  # fmt: skip
        steps, means, squares = (
            [self._state[i][name] for i, *_ in moved] for name in ("step", "exp_avg", "exp_avg_sq")
        )
        if moved:
            adam(
                [p for _, p, _ in moved], [gradient for *_, gradient in moved], means, squares, [], steps, fused=True,
                amsgrad=False, beta1=0.9, beta2=0.999, lr=lr, weight_decay=0.0, eps=1e-8, maximize=False,
            )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Return what a continuation needs, named as in the state of :class:`torch.optim.Adam`."""
        return {"state": self._state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from such a state, or from one of :class:`torch.optim.Adam`."""
        self._state = {
            i: {name: value.to(self._parameters[i].device) for name, value in each.items()}
            for i, each in state["state"].items()
        }
