"""The response of a network at many frequencies at once, with its gradient in closed form: the fast path of training.

Frequency is the last axis, and one elimination serves the response and its gradient.
Not here: graphs of another layout, which flamo evaluates itself (:mod:`amtlib.train.response`).

The lines' state obeys (1/e - A) s = B x / g with e = d g, where d is delay and filter of each line and g the filter
after the matrix (or 1). Only the diagonal depends on frequency, so the first pivot costs one pass over constants.
Bordered by the rows C, the elimination ends with -H in its corner; its factors give s and its adjoint.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

#: Bytes that one elimination may hold: more frequencies are done in turns.
_BLOCK_BYTES = 2**26
# 1/e must square without overflow in float32.
_SMALLEST_GAIN = 1e-15


class LoopGains:
    """
    The frequency-dependent gains of a network's loop: what stays the same while it is trained, unless a decay trains.

    Parameters
    ----------
    forward : Tensor, complex, shape (N, F)
        Delay and filter of each line.
    back : Tensor, complex, shape (N, F), optional
        Filters after the matrix; None for none.

    Attributes
    ----------
    largest : float
        Largest gain of the loop without its matrix. Times the norm of the matrix it must stay below one for the
        elimination to need no pivots.

    Examples
    --------
    >>> LoopGains(torch.full((2, 5), 0.5 + 0j)).largest
    0.5
    """

    def __init__(self, forward: Tensor, back: Tensor | None = None) -> None:
        self._whole: LoopGains | None = None
        self._forward = forward
        self._loop = forward if back is None else forward * back
        self._bins = torch.empty(0, dtype=torch.int64)
        sizes = self._loop.detach().abs()
        self.largest = float(sizes.max())
        smallest = float(sizes.min())
        #: 1/e and 1/g, or None where some e is too small to divide by
        self.inverse = self._loop.reciprocal() if smallest > _SMALLEST_GAIN else None
        self.drive = None if back is None or self.inverse is None else back.reciprocal()

    def at(self, bins: Tensor) -> "LoopGains":
        """
        Return the gains at some of the frequencies.

        Examples
        --------
        >>> LoopGains(torch.full((2, 5), 0.5 + 0j)).at(torch.tensor([0, 3])).forward.shape
        torch.Size([2, 2])
        """
        chosen = LoopGains.__new__(LoopGains)
        chosen.largest = self.largest
        chosen._whole, chosen._bins = self, bins
        chosen.inverse = None if self.inverse is None else self.inverse.index_select(1, bins)
        chosen.drive = None if self.drive is None else self.drive.index_select(1, bins)
        return chosen

    @property
    def forward(self) -> Tensor:
        """Delay and filter of each line, (N, F)."""
        return self._forward if self._whole is None else self._whole.forward.index_select(1, self._bins)

    @property
    def loop(self) -> Tensor:
        """All that a round through the loop meets except the matrix, (N, F)."""
        return self._loop if self._whole is None else self._whole.loop.index_select(1, self._bins)


def _eliminate(
    a: Tensor, b: Tensor, c: Tensor, inverse: Tensor, drive: Tensor | None, adjoint: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Response (O, R, F); with `adjoint` also states (N, R, F) and adjoint states (O, N, F), by elimination."""
    lines, inputs, outputs, count = len(a), b.shape[1], c.shape[0], inverse.shape[1]
    right = b[:, :, None].to(inverse.dtype)
    right = right.expand(-1, -1, count) if drive is None else right * drive[:, None]
    corner = torch.cat([-a, c]).to(inverse.dtype)  # (N + O, N), the constant part of the bordered matrix
    work = inverse.new_empty(lines + outputs, lines + inputs, count)
    pivots = torch.empty_like(inverse)
    torch.reciprocal(inverse[0] + corner[0, 0], out=pivots[0])
    outer = corner[1:, :1] * corner[:1, 1:]
    torch.addcmul(corner[1:, 1:, None], outer[..., None], pivots[0], value=-1, out=work[1:, 1:lines])
    work.diagonal(0, 0, 1)[:, 1:lines].add_(inverse[1:].mT)
    step = (corner[1:, :1] * pivots[0])[:, None] * right[0]
    torch.sub(right[1:], step[: lines - 1], out=work[1:lines, lines:])
    torch.neg(step[lines - 1 :], out=work[lines:, lines:])
    for k in range(1, lines):
        torch.reciprocal(work[k, k], out=pivots[k])
        below = work[k + 1 :, k] * pivots[k]
        work[k + 1 :, k + 1 :].addcmul_(below[:, None], work[k, None, k + 1 :], value=-1)
    response = work[lines:, lines:].neg()
    if not adjoint:
        return response, response, response
    states, adjoints = inverse.new_empty(lines, inputs, count), inverse.new_empty(outputs, lines, count)
    down, across = work[:lines, lines:], work[lines:, :lines]
    down[0] = right[0]
    across[:, 0] = corner[lines:, 0, None]
    first_row, first_column = corner[0, :, None], corner[:lines, 0, None]
    for k in range(lines - 1, -1, -1):
        torch.mul(down[k], pivots[k], out=states[k])
        torch.mul(across[:, k], pivots[k], out=adjoints[:, k])
        if k:
            down[1:k].addcmul_(states[k], work[1:k, k, None], value=-1)
            across[:, 1:k].addcmul_(adjoints[:, k, None], work[None, k, 1:k], value=-1)
            down[0].addcmul_(states[k], first_row[k], value=-1)
            across[:, 0].addcmul_(adjoints[:, k], first_column[k], value=-1)
    return response, states, adjoints


def _factorise(
    a: Tensor, b: Tensor, c: Tensor, gains: LoopGains, adjoint: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Do the same with pivots, by LAPACK; the adjoint comes as seen by the matrix and as seen by the input."""
    e, d = gains.loop.mT, gains.forward.mT  # (F, N)
    loop = torch.eye(len(a), dtype=e.dtype, device=e.device) - e[:, :, None] * a
    factors, order = torch.linalg.lu_factor(loop)
    states = torch.linalg.lu_solve(factors, order, d[:, :, None] * b)  # (F, N, R)
    heard = c.to(e.dtype)
    response = (heard @ states).permute(1, 2, 0).contiguous()
    if not adjoint:
        return response, response, response, response
    right = heard.mH.expand(len(e), -1, -1)
    adjoints = torch.linalg.lu_solve(factors, order, right.contiguous(), adjoint=True).mH  # (F, O, N): C M^-1
    by_matrix = (adjoints * e[:, None]).permute(1, 2, 0).contiguous()
    by_input = (adjoints * d[:, None]).permute(1, 2, 0).contiguous()
    return response, states.permute(1, 2, 0).contiguous(), by_matrix, by_input


def _real_product(left: Tensor, right: Tensor) -> Tensor:
    """Real part of conj(left) @ right^T over the last axis, as one real product: (..., F) and (..., F)."""
    x = torch.view_as_real(left).flatten(-2)
    y = torch.view_as_real(right).flatten(-2)
    return x @ y.mT


class _LoopResponse(torch.autograd.Function):
    """C (1/e - A)^-1 B/g at all frequencies; see the head of the module."""

    @staticmethod
    def forward(
        ctx: Any, a: Tensor, b: Tensor, c: Tensor, inverse: Tensor | None, gains: LoopGains, pivot: bool
    ) -> Tensor:
        adjoint = any(ctx.needs_input_grad)
        if pivot or gains.inverse is None:
            response, states, by_matrix, by_input = _factorise(a, b, c, gains, adjoint)
        else:
            size = gains.inverse.element_size() * (len(a) + c.shape[0]) * (len(a) + b.shape[1])
            length = max(_BLOCK_BYTES // size, 256)
            parts = [
                _eliminate(a, b, c, inverse, drive, adjoint)
                for inverse, drive in zip(
                    torch.split(gains.inverse, length, dim=1),
                    _split(gains.drive, gains.inverse.shape[1], length),
                    strict=True,
                )
            ]
            response, states, by_matrix = (
                parts[0] if len(parts) == 1 else tuple(torch.cat(x, dim=-1) for x in zip(*parts, strict=True))
            )
            by_input = by_matrix if gains.drive is None or not adjoint else by_matrix * gains.drive
        if adjoint:
            ctx.save_for_backward(states, by_matrix.conj_physical_(), by_input)
            ctx.same = by_input is by_matrix
        return response

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        states, by_matrix, by_input = ctx.saved_tensors  # the second is the conjugate
        if not ctx.same:
            by_input = by_input.conj()
        grad = grad.resolve_conj()
        by_loop = _loop_gradient(grad, states, by_matrix) if ctx.needs_input_grad[3] else None
        return *_gradients(ctx, grad, states, by_matrix, by_input), by_loop, None, None


def _gradients(
    ctx: FunctionCtx, grad: Tensor, states: Tensor, by_matrix: Tensor, by_input: Tensor
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Gradients of A, B and C; `grad` is (O, R, F), the adjoints are conjugate."""
    for_a, for_b, for_c, *_ = ctx.needs_input_grad  # type: ignore[attr-defined]
    grad_a = grad_b = grad_c = None
    outputs, inputs = grad.shape[:2]
    if for_a:
        sources = [
            sum((grad[o, r] * by_matrix[o] for o in range(1, outputs)), grad[0, r] * by_matrix[0])
            for r in range(inputs)
        ]
        grad_a = _real_product(sources[0], states[:, 0])
        for r in range(1, inputs):
            grad_a = grad_a + _real_product(sources[r], states[:, r])
    if for_b:
        # sum over outputs and frequencies of Re(conj(grad) adjoint)
        columns = [_real_product(by_input[o].conj().resolve_conj(), grad[o]) for o in range(outputs)]
        grad_b = torch.stack(columns).sum(dim=0)
    if for_c:
        rows = [_real_product(grad[:, r], states[:, r]) for r in range(inputs)]
        grad_c = torch.stack(rows).sum(dim=0)
    return grad_a, grad_b, grad_c


def _loop_gradient(grad: Tensor, states: Tensor, by_matrix: Tensor) -> Tensor:
    """Gradient of 1/e, (N, F): H falls by the adjoint times the state; `by_matrix` is conjugate."""
    found = torch.zeros_like(states[:, 0])
    for o in range(grad.shape[0]):
        for r in range(grad.shape[1]):
            found.addcmul_(grad[o, r] * by_matrix[o], states[:, r].conj(), value=-1)
    return found


def _split(drive: Tensor | None, count: int, length: int) -> list[Tensor] | list[None]:
    if drive is None:
        return [None] * -(-count // length)
    return list(torch.split(drive, length, dim=1))


def loop_response(a: Tensor, b: Tensor, c: Tensor, gains: LoopGains, *, pivot: bool | None = None) -> Tensor:
    """
    Transfer functions from a network's inputs to its outputs, through its lines.

    Parameters
    ----------
    a : Tensor, shape (N, N)
        Feedback matrix.
    b : Tensor, shape (N, R)
        Input gains.
    c : Tensor, shape (O, N)
        Output gains.
    gains : LoopGains
        Of F frequencies.
    pivot : bool, optional
        Whether the elimination looks for pivots (slower). Default: only where the loop's gain may reach one, or is
        too small to divide by.

    Returns
    -------
    Tensor, complex, shape (O, R, F)
        ``C (I - D A)^-1 D B`` without the direct path. Differentiable once, in a, b, c and what `gains` were made of.

    Notes
    -----
    Without pivots the elimination is safe if ``I - e A`` has a positive real part, which ``largest * |A| < 1`` says.

    Examples
    --------
    >>> comb = LoopGains(torch.tensor([[0.5 + 0j, -0.5 + 0j]]))
    >>> one = torch.ones(1, 1)
    >>> loop_response(one, one, one, comb).real
    tensor([[[ 1.0000, -0.3333]]])
    """
    if pivot is None:
        norm = float(torch.linalg.matrix_norm(a.detach(), 2))
        pivot = not gains.largest * norm < 1.0 - 1e-6  # true for NaN too
    if gains.inverse is None and gains.forward.requires_grad:
        raise ValueError("a filter that trains lets nothing pass at some frequency: start from longer decays")
    response: Tensor = _LoopResponse.apply(a, b, c, gains.inverse, gains, pivot)  # type: ignore[no-untyped-call]
    return response
