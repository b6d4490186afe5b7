"""Matrix products in the precision of their factors, whatever the surroundings allow.
Source: torch's notes on automatic mixed precision and on TF32.
Not here: which matrices. Of all operations of this library products alone are ever rounded to fewer digits.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

_DEVICES = ("cpu", "cuda", "mps", "xpu")


class _HighestPrecision:
    """Products of float32 matrices in float32 while at least one thread is inside; the setting is the process's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = "highest"

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = torch.get_float32_matmul_precision()
                torch.set_float32_matmul_precision("highest")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                torch.set_float32_matmul_precision(self._before)


_HIGHEST = _HighestPrecision()


@contextmanager
def full_precision() -> Iterator[None]:
    """
    Within it, matrix products keep the precision of their factors: no autocast, no TF32.

    Examples
    --------
    >>> x = torch.eye(2) / 3
    >>> with torch.autocast("cpu", torch.bfloat16), full_precision():
    ...     (x @ x).dtype
    torch.float32
    """
    with ExitStack() as stack:
        for device in _DEVICES:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if _HIGHEST._inside or torch.get_float32_matmul_precision() != "highest":
            stack.enter_context(_HIGHEST)
        yield


class _Product(torch.autograd.Function):
    """A product whose gradients, themselves products, keep their precision too, wherever they are asked for."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        with full_precision():
            return a @ b

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        to_a = product(gradients[0], b.mT).sum_to_size(a.shape) if ctx.needs_input_grad[0] else None
        to_b = None
        if ctx.needs_input_grad[1]:
            rows, g = a, gradients[0]
            if b.ndim == 2:  # one matrix for all: a single product sums over them
                rows, g = a.reshape(-1, a.shape[-1]), g.reshape(-1, g.shape[-1])
            to_b = product(rows.mT, g).sum_to_size(b.shape)
        return to_a, to_b


def product(a: Tensor, b: Tensor) -> Tensor:
    """
    Multiply matrices in the precision of their factors, forwards and backwards, also under autocast or TF32.

    Parameters
    ----------
    a : Tensor, shape (..., N, K), or (K,)
        First factor, float32 or float64.
    b : Tensor, shape (..., K, M)
        Second factor, of the same dtype.

    Returns
    -------
    Tensor, shape (..., N, M), or (..., M)
        ``a @ b``. Differentiable any number of times.

    Examples
    --------
    >>> with torch.autocast("cpu", torch.bfloat16):
    ...     product(torch.eye(2) / 3, torch.eye(2))[0, 0]
    tensor(0.3333)
    """
    if a.ndim == 1:
        return product(a.unsqueeze(0), b).squeeze(-2)
    if torch.is_grad_enabled() and (a.requires_grad or b.requires_grad):
        y: Tensor = _Product.apply(a, b)  # type: ignore[no-untyped-call]
        return y
    with full_precision():
        return a @ b
