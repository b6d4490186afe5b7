"""Filters of one pole, parallel in time: pieces of a signal by a matrix of powers of the pole, and what they carry on.
Source: block processing of recursive filters (Burrus 1972, IEEE Trans. Audio Electroacoust. 20, 230-235), applied to
itself for what is carried from block to block.
Not here: filters of many poles, which the FFT takes (:mod:`amtlib.lti.filtering`).

Where a filter rings longer than the signal lasts, an FFT works on the ringing; this does not, and a stream of it keeps
one number.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from amtlib.lti.products import product

# Measured with 12 filters of 51 rows of 5512 samples, float32: from 16 to 64 it makes no difference.
_BLOCK = 32


def filter_one_pole(
    x: Tensor,
    pole: Tensor,
    direct: Tensor,
    gain: Tensor,
    *,
    real: bool = False,
    start: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """
    Filter with ``direct + gain z^-1 / (1 - pole z^-1)``: any filter of one pole, from rest or where another ended.

    Parameters
    ----------
    x : Tensor, shape (R, T)
        Real signals, float32 or float64, T >= 1.
    pole, direct, gain : Tensor, shape ()
        Of the filter, complex128; the magnitude of `pole` is below 1.
    real : bool
        Return the real part alone, at half the work.
    start : Tensor, shape (R, 2), optional
        The end of the signal before, as this returned it. Default: rest.

    Returns
    -------
    y : Tensor, shape (R, T)
        Output, complex, or in the dtype of `x` with `real`; its rounding is that of the dtype of `x`. Differentiable in
        all arguments.
    end : Tensor, shape (R, 2)
        What the filter keeps of the signal, real and imaginary part.

    Examples
    --------
    >>> half, one = (torch.tensor(v, dtype=torch.complex128) for v in (0.5, 1.0))
    >>> y, end = filter_one_pole(torch.tensor([[1.0, 0.0, 0.0]]), half, one, half, real=True)
    >>> y
    tensor([[1.0000, 0.5000, 0.2500]])
    >>> filter_one_pole(torch.zeros(1, 2), half, one, half, real=True, start=end)[0]
    tensor([[0.1250, 0.0625]])
    """
    rows, total = x.shape
    filters = _filters(pole, direct, gain, real, total, x.dtype)
    blocks = _cut(x.unsqueeze(-1), _BLOCK)
    states = _recurrence(product(blocks, filters.added), filters.levels, start)
    before = _before(states, start)
    y = product(torch.cat([blocks, before], -1), filters.through).reshape(rows, -1)
    last = total - (blocks.shape[1] - 1) * _BLOCK
    end = product(torch.cat([blocks[:, -1, :last], before[:, -1]], -1), filters.end)
    return (y if real else torch.view_as_complex(y.reshape(rows, -1, 2)))[:, :total], end


def first_order_low_pass(slope: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """
    Return pole, direct part and gain of a low-pass filter of first order (Butterworth, bilinear transform).

    Parameters
    ----------
    slope : Tensor, shape ()
        Tangent of half the cut-off frequency in rad/sample, float64, > 0.

    Returns
    -------
    pole, direct, gain : Tensor, shape (), complex128
        For :func:`filter_one_pole`. Differentiable.

    Examples
    --------
    >>> numbers = first_order_low_pass(torch.tensor(0.5, dtype=torch.float64))
    >>> filter_one_pole(torch.ones(1, 3), *numbers, real=True)[0]
    tensor([[0.3333, 0.7778, 0.9259]])
    """
    pole, direct = (1.0 - slope) / (1.0 + slope), slope / (1.0 + slope)
    return pole + 0j, direct + 0j, direct * (1.0 + pole) + 0j


class _Filters(NamedTuple):
    """
    A filter of one pole as matrices, for signals of one length in blocks of N samples.

    Attributes
    ----------
    through : Tensor, shape (N + 2, N), or (N + 2, 2 N)
        A block and the state before it to the output, real, or in pairs.
    added : Tensor, shape (N, 2)
        A block to what it adds to the state ``u[n] = pole u[n - 1] + x[n]``.
    levels : list of (Tensor, Tensor)
        How states follow from what blocks add, see :func:`_recurrence`.
    end : Tensor, shape (L + 2, 2)
        The L samples of the last block and the state before it to the state behind them.
    """

    through: Tensor
    added: Tensor
    levels: list[tuple[Tensor, Tensor]]
    end: Tensor


def _filters(
    pole: Tensor, direct: Tensor, gain: Tensor, real: bool, total: int, dtype: torch.dtype
) -> _Filters:
    """Return the matrices for signals of `total` samples; those of fixed numbers are kept."""
    if torch.is_grad_enabled() and any(number.requires_grad for number in (pole, direct, gain)):
        return _make_filters(pole, direct, gain, real, total, dtype)
    # all three at once: each number that is read makes Python wait for a GPU
    numbers: list[complex] = torch.stack([pole, direct, gain]).tolist()
    return _kept_filters(*numbers, real, total, dtype, pole.device)


@lru_cache(maxsize=64)
def _kept_filters(
    pole: complex,
    direct: complex,
    gain: complex,
    real: bool,
    total: int,
    dtype: torch.dtype,
    device: torch.device,
) -> _Filters:
    # Matrices outlive the call, so they must not be inference tensors, which autograd refuses later.
    with torch.inference_mode(False), torch.no_grad():
        numbers = torch.tensor([pole, direct, gain], dtype=torch.complex128, device=device)
        return _make_filters(numbers[0], numbers[1], numbers[2], real, total, dtype)


def _make_filters(
    pole: Tensor, direct: Tensor, gain: Tensor, real: bool, total: int, dtype: torch.dtype
) -> _Filters:
    powers = _powers(pole, _BLOCK)
    rings = gain * powers
    through = _toeplitz(torch.cat([direct.reshape(1), rings[:-1]]))
    matrix = torch.view_as_real(torch.cat([through, torch.stack([rings, 1j * rings])]))
    matrix = matrix[..., 0] if real else matrix.flatten(1)
    last = (total - 1) % _BLOCK + 1
    left = pole * powers[last - 1]
    end = torch.cat([powers[:last].flip(0), torch.stack([left, 1j * left])])
    levels = _levels(pole * powers[-1], -(-total // _BLOCK))
    return _Filters(
        matrix.to(dtype),
        torch.view_as_real(powers.flip(0)).to(dtype),
        [(added.to(dtype), whole.to(dtype)) for added, whole in levels],
        torch.view_as_real(end).to(dtype),
    )


def _levels(pole: Tensor, total: int) -> list[tuple[Tensor, Tensor]]:
    """
    Return how states follow from `total` complex numbers, by level: numbers, blocks of numbers, blocks of blocks.

    Of each level two matrices of pairs, for blocks of N numbers: (2 N, 2), what a block adds to the state, which the
    last level does not need; and (2 N + 2, 2 N), a block and the state before it to its states.
    """
    size = total if total <= 4 * _BLOCK else _BLOCK
    powers = _powers(pole, size)
    whole = torch.cat([_pairs(_toeplitz(powers)), _pairs((pole * powers).unsqueeze(0))])
    further = _levels(pole * powers[-1], -(-total // size)) if size < total else []
    return [(_pairs(powers.flip(0).unsqueeze(-1)), whole), *further]


def _recurrence(x: Tensor, levels: list[tuple[Tensor, Tensor]], start: Tensor | None) -> Tensor:
    """Return all states of complex signals, (R, T, 2)."""
    rows, total, _ = x.shape
    (added, whole), *further = levels
    blocks = _cut(x, whole.shape[1] // 2)
    states = _recurrence(product(blocks, added), further, start) if further else x[:, :1]
    both = torch.cat([blocks, _before(states, start)], -1)
    return product(both, whole).reshape(rows, -1, 2)[:, :total]


def _cut(x: Tensor, size: int) -> Tensor:
    """Cut signals, (R, T, P), into K blocks of N samples, (R, K, N P)."""
    rows, total, parts = x.shape
    return pad(x, (0, 0, 0, -total % size)).reshape(rows, -1, size * parts)


def _before(states: Tensor, start: Tensor | None) -> Tensor:
    """Return the states before, of those behind each block, (R, K, 2)."""
    first = torch.zeros_like(states[:, :1]) if start is None else start.unsqueeze(1)
    return torch.cat([first, states[:, :-1]], 1)


def _powers(pole: Tensor, count: int) -> Tensor:
    """Return the first powers of a pole, from 0, (count,)."""
    return torch.cat([torch.ones_like(pole).reshape(1), pole.expand(count - 1)]).cumprod(0)


def _toeplitz(h: Tensor) -> Tensor:
    """Return the matrix, (N, N), that a row of N samples is multiplied by to be filtered with an impulse response."""
    n = torch.arange(len(h), device=h.device)
    lag = n - n.unsqueeze(-1)
    return torch.where(lag >= 0, h[lag.clamp_min(0)], 0.0)


def _pairs(matrix: Tensor) -> Tensor:
    """Return a complex matrix, (N, M), as one from N pairs of real numbers to M pairs."""
    return torch.view_as_real(torch.stack([matrix, 1j * matrix], 1).flatten(0, 1)).flatten(1)
