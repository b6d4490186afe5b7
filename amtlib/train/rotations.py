"""Orthogonal matrices from free numbers: exponentials of skew-symmetric matrices, with or without a reflection.
Source: the parametrisation of flamo's orthogonal matrix; here also with a reflection.
Not here: the way back, from a matrix to the numbers (:mod:`amtlib.train.logarithm`).
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _SkewExponential(torch.autograd.Function):
    """Exponential of a real skew-symmetric matrix, by the eigenvalues of -i times it; ten times faster than expm."""

    @staticmethod
    def forward(ctx: Any, skew: Tensor) -> Tensor:
        # double: the matrix is small, and its orthogonality then is as good as float32 can say
        angles, vectors = torch.linalg.eigh(torch.complex(torch.zeros_like(skew), -skew).to(torch.complex128))
        ctx.save_for_backward(angles, vectors)
        turns = torch.polar(torch.ones_like(angles), angles)
        rotation: Tensor = ((vectors * turns) @ vectors.mH).real
        return rotation.to(skew.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        angles, vectors = ctx.saved_tensors
        # divided differences of exp between eigenvalues (Daleckii and Krein), conjugate
        mean, half = (angles[:, None] + angles) / 2.0, (angles[:, None] - angles) / 2.0
        differences = torch.polar(torch.sinc(half / torch.pi), -mean)
        inner = vectors.mH @ grad.to(vectors.dtype) @ vectors
        found: Tensor = (vectors @ (inner * differences) @ vectors.mH).real
        return found.to(grad.dtype)


def turned(x: Tensor) -> Tensor:
    """
    Return the rotation that the strict upper triangle of `x` describes.

    Parameters
    ----------
    x : Tensor, shape (N, N)
        Only entries above the diagonal count.

    Returns
    -------
    Tensor, shape (N, N)
        ``expm(triu(x, 1) - triu(x, 1)^T)``: orthogonal, determinant +1.

    Examples
    --------
    >>> turned(torch.tensor([[9.0, -torch.pi / 2], [9.0, 9.0]])).round().int().tolist()
    [[0, -1], [1, 0]]
    """
    above = x.triu(1)
    return _SkewExponential.apply(above - above.mT)  # type: ignore[no-any-return,no-untyped-call]


def turned_and_flipped(x: Tensor) -> Tensor:
    """
    Return :func:`turned` of `x` with the sign of its last column changed: orthogonal, determinant -1.

    Examples
    --------
    >>> float(torch.linalg.det(turned_and_flipped(torch.ones(3, 3))).round())
    -1.0
    """
    rotation = turned(x)
    return torch.cat([rotation[:, :-1], -rotation[:, -1:]], dim=1)
