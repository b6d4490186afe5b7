"""Backward passes that are written by hand and have no derivative of their own.
Not here: the backward passes.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

Gradients: TypeAlias = tuple[Tensor | None, ...]


class _Refused(torch.autograd.Function):
    """Hands a gradient on, and raises where its own gradient is asked for."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, *_: Tensor) -> Tensor:
        return gradient.clone()

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> None:
        raise RuntimeError(
            "this model has first derivatives only; for second ones take finite differences of its gradient"
        )


def first_derivatives_only(backward: Callable[..., Gradients]) -> Callable[..., Gradients]:
    """
    Refuse second derivatives through a backward pass, also where its result does not depend on what comes in.

    ``torch.autograd.function.once_differentiable`` leaves the latter, and ``torch.autograd.grad``, silently wrong.

    Parameters
    ----------
    backward : callable
        ``backward(ctx, saved, *gradients)`` with the saved tensors of the function.

    Returns
    -------
    callable
        For ``staticmethod`` in a ``torch.autograd.Function``.
    """

    @functools.wraps(backward)
    def refusing(ctx: Any, *gradients: Tensor) -> Gradients:
        saved = ctx.saved_tensors
        with torch.no_grad():
            found = backward(ctx, saved, *gradients)
        if not torch.is_grad_enabled():
            return found
        origins = [t for t in (*saved, *gradients) if t is not None and t.requires_grad]
        return tuple(g if g is None else _Refused.apply(g, *origins) for g in found)  # type: ignore[no-untyped-call]

    return refusing
