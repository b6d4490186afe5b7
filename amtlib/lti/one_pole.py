"""Filters of one pole, parallel in time: pieces of a signal by a matrix of powers of the pole, and what they carry on.
Source: block processing of recursive filters (Burrus 1972, IEEE Trans. Audio Electroacoust. 20, 230-235), applied to
itself for what is carried from block to block.
Not here: filters of many poles, which the FFT takes (:mod:`amtlib.lti.filtering`).

Where a filter rings longer than the signal lasts, an FFT works on the ringing; this does not, and a stream of it keeps
one number.
"""

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
    blocks, powers, before, states = _carried(x.unsqueeze(-1), pole, start)
    rings = gain * powers
    through = _toeplitz(torch.cat([direct.reshape(1), rings[:-1]]))
    matrix = torch.view_as_real(torch.cat([through, torch.stack([rings, 1j * rings])]))
    matrix = matrix[..., 0] if real else matrix.flatten(1)
    y = product(torch.cat([blocks, before], -1), matrix.to(x.dtype))
    if real:
        y = y.reshape(rows, -1)
    else:
        y = torch.view_as_complex(y.reshape(rows, -1, 2))
    last = total - (blocks.shape[1] - 1) * _BLOCK
    end = states[:, -1]
    if last < _BLOCK:
        kept = torch.cat([powers[:last].flip(0), torch.stack([powers[last], 1j * powers[last]])])
        partial = torch.cat([blocks[:, -1, :last], before[:, -1]], -1)
        end = product(partial, torch.view_as_real(kept).to(x.dtype))
    return y[:, :total], end


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


def _carried(x: Tensor, pole: Tensor, start: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """
    Cut signals, (R, T, 1) or of complex numbers (R, T, 2), into K blocks of N samples.

    Returns the blocks, (R, K, N) or (R, K, 2 N); powers of the pole from 0, (N,); and before and behind each block the
    state ``u[n] = pole u[n - 1] + x[n]``, (R, K, 2).
    """
    rows, total, parts = x.shape
    count = -(-total // _BLOCK)
    blocks = pad(x, (0, 0, 0, count * _BLOCK - total)).reshape(rows, count, _BLOCK * parts)
    powers = torch.cat([torch.ones_like(pole).reshape(1), pole.expand(_BLOCK - 1)]).cumprod(0)
    added = product(blocks, _pairs(powers.flip(0).unsqueeze(-1), parts).to(x.dtype))
    states = _recurrence(added, powers[-1] * pole, start)
    first = x.new_zeros(rows, 1, 2) if start is None else start.unsqueeze(1)
    return blocks, powers, torch.cat([first, states[:, :-1]], 1), states


def _recurrence(x: Tensor, pole: Tensor, start: Tensor | None) -> Tensor:
    """Return all states of complex signals, (R, T, 2)."""
    rows, total, _ = x.shape
    if total <= 4 * _BLOCK:
        powers = torch.cat([torch.ones_like(pole).reshape(1), pole.expand(total)]).cumprod(0)
        states = product(x.reshape(rows, -1), _pairs(_toeplitz(powers[:-1]), 2).to(x.dtype))
        if start is not None:
            states = states + product(start, _pairs(powers[1:].unsqueeze(0), 2).to(x.dtype))
        return states.reshape(rows, total, 2)
    blocks, powers, before, _ = _carried(x, pole, start)
    matrix = torch.cat([_pairs(_toeplitz(powers), 2), _pairs((pole * powers).unsqueeze(0), 2)])
    states = product(torch.cat([blocks, before], -1), matrix.to(x.dtype))
    return states.reshape(rows, -1, 2)[:, :total]


def _toeplitz(h: Tensor) -> Tensor:
    """Return the matrix, (N, N), that a row of N samples is multiplied by to be filtered with an impulse response."""
    n = torch.arange(len(h), device=h.device)
    lag = n - n.unsqueeze(-1)
    return torch.where(lag >= 0, h[lag.clamp_min(0)], 0.0)


def _pairs(matrix: Tensor, parts: int) -> Tensor:
    """Return a complex matrix, (N, M), as one from N real numbers, or N pairs of them, to M pairs."""
    rows = matrix if parts == 1 else torch.stack([matrix, 1j * matrix], 1).flatten(0, 1)
    return torch.view_as_real(rows).flatten(1)
