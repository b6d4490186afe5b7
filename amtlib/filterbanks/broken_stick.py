"""The broken-stick nonlinearity: linear for weak motion, a power law for strong motion.
Source: Meddis, O'Mard and Lopez-Poveda (2001), J. Acoust. Soc. Am. 109, 2852-2861, Eq. 1.
Not here: the filters around it (:mod:`amtlib.filterbanks.drnl`).
"""

from typing import Any

import torch
from torch import Tensor

# The least magnitude that is raised to a power: its root may still be multiplied without overflow, and below
# it every sensible stick is on its linear branch.
_LEAST = {torch.float32: 1e-30, torch.float64: 1e-200}


class _BrokenStick(torch.autograd.Function):
    """Forward with one power, backward from the output: autograd of the formula would give NaN at 0."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        gain = x.abs().clamp_min(_LEAST[x.dtype]).pow(c - 1.0) * b
        return torch.minimum(gain, a) * x, gain >= a

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
        y, weak = output
        ctx.mark_non_differentiable(weak)
        ctx.save_for_backward(*inputs, y, weak)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, a, b, c, y, weak = ctx.saved_tensors
        needs = ctx.needs_input_grad
        gradient = gradients[0]
        # Where weak, stand in something harmless, so that no branch that is not taken makes a NaN.
        moving = torch.where(weak, 1.0, x)
        strong = torch.where(weak, 0.0, gradient * y) if needs[2] or needs[3] else x
        return (
            gradient * torch.where(weak, a, c * y / moving) if needs[0] else None,
            torch.where(weak, gradient * x, 0.0).sum_to_size(a.shape) if needs[1] else None,
            strong.sum_to_size(b.shape) / b if needs[2] else None,
            (strong * moving.abs().log()).sum_to_size(c.shape) if needs[3] else None,
        )


def broken_stick(x: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """
    Compress: ``sign(x) min(a |x|, b |x|^c)``.

    Parameters
    ----------
    x : Tensor, shape (..., T)
        Velocity in m/s, float32 or float64.
    a, b, c : Tensor
        Slope of the weak branch, >= 0; factor of the strong branch, > 0; its exponent, >= 0 (0.25 compresses 4
        dB to 1). Same dtype; broadcast against `x`.

    Returns
    -------
    Tensor, shape (..., T)
        Differentiable in all four, with slope a at 0.

    See Also
    --------
    DRNLFilterbank : where it belongs.

    Notes
    -----
    The stick breaks at ``|x| = (b / a) ** (1 / (1 - c))``.

    Examples
    --------
    >>> x = torch.tensor([-16.0, -0.1, 0.0, 0.1, 16.0])
    >>> broken_stick(x, torch.tensor(3.0), torch.tensor(1.0), torch.tensor(0.25))
    tensor([-2.0000, -0.3000,  0.0000,  0.3000,  2.0000])
    """
    if torch.is_grad_enabled() and any(t.requires_grad for t in (x, a, b, c)):
        y: Tensor = _BrokenStick.apply(x, a, b, c)[0]  # type: ignore[no-untyped-call]
        return y
    gain = x.abs().clamp_min_(_LEAST[x.dtype]).pow_(c - 1.0).mul_(b)
    return torch.minimum(gain, a, out=gain).mul_(x)
