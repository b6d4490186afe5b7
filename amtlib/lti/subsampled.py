"""Filtering with complex filters whose output is wanted at every step-th sample only: envelopes, cheaply.
Source: taking every step-th sample of a signal folds its spectrum `step` times onto itself; no approximation.
Not here: real filters at the full rate (:mod:`amtlib.lti.filtering`); all-pole filters without gradients, which are
faster (:mod:`amtlib.lti.allpole`).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from amtlib.lti.filtering import WORK_BYTES, fast_length
from amtlib.lti.responses import COMPLEX


def filter_complex(
    x: Tensor,
    response: Callable[[int], Tensor],
    settle: int,
    *,
    step: int = 1,
    block: int | None = None,
    budget: float = WORK_BYTES,
) -> Tensor:
    """
    Filter real signals with complex filters and return every `step`-th sample of the complex outputs.

    Parameters
    ----------
    x : Tensor, shape (..., T)
        Real signal, float32 or float64.
    response : callable
        ``response(n_fft)`` returns the transfer function of F filters at all `n_fft` frequencies of a complex
        FFT (0, 1, ..., -2, -1 in units of fs / n_fft), shape (F, n_fft).
    settle : int
        Samples after which the impulse responses have died out.
    step : int
        Distance of the wanted samples, >= 1.
    block : int, optional
        Samples filtered at a time; rounded up to a multiple of `step`. Default: as many as the budget allows.
    budget : float
        Bound on the work memory in bytes.

    Returns
    -------
    Tensor, shape (..., F, ceil(T / step)), complex
        Samples 0, step, 2 step, ... of the outputs: exactly those of the full-rate output, to rounding.
        Differentiable in `x` and in what `response` uses.

    Raises
    ------
    ValueError
        If `step` or `block` is below 1.
    TypeError
        If `x` is neither float32 nor float64.

    Examples
    --------
    >>> turn = lambda n_fft: torch.full((1, n_fft), 1j)
    >>> filter_complex(torch.arange(5.0), turn, 1, step=2)
    tensor([[0.+0.j, 0.+2.j, 0.+4.j]])
    """
    if step < 1:
        raise ValueError(f"step = {step}; give the distance of the wanted samples, at least 1")
    if block is not None and block < 1:
        raise ValueError(f"block = {block} samples; give at least 1")
    if x.dtype not in COMPLEX:
        raise TypeError(f"x has dtype {x.dtype}; convert it with x.to(torch.float32) or torch.float64")
    length, dtype = x.shape[-1], COMPLEX[x.dtype]
    channels = response(1).shape[-2]
    if block is None:
        # Per point: the response, its product with the spectrum, and a folded copy.
        points = budget / (3 * dtype.itemsize * max(channels * math.prod(x.shape[:-1]), 1))
        block = max(settle, int(points) - settle)
    block = min(-(-block // step) * step, -(-length // step) * step)
    wanted = -(-length // step)
    folded = fast_length(-(-(block + settle) // step))
    transfer = response(folded * step).to(dtype)

    def filtered(piece: Tensor) -> Tensor:
        """Every step-th sample of the output for one block, until it has died out."""
        # Scaled here, where it is one row and not one a channel: the folded spectrum counts each sample `step` times.
        spectrum = torch.fft.fft(piece, n=folded * step).unsqueeze(-2) / step
        product = spectrum[..., :folded] * transfer[..., :folded]
        for part in range(folded, folded * step, folded):  # one piece at a time stays in the cache
            product = torch.addcmul(
                product, spectrum[..., part : part + folded], transfer[..., part : part + folded]
            )
        samples: Tensor = torch.fft.ifft(product)
        return samples

    if length <= block:
        return filtered(x)[..., :wanted]
    output = x.new_zeros((*x.shape[:-1], channels, wanted + folded), dtype=dtype)
    for start in range(0, length, block):
        first = start // step
        output[..., first : first + folded] += filtered(x[..., start : start + block])
    return output[..., :wanted]


def complex_allpole(poles: Tensor, gains: Tensor, order: int, n_fft: int, dtype: torch.dtype) -> Tensor:
    """
    Transfer function of all-pole cascades ``2 (gain / (1 - pole z^-1)) ** order`` on a complex FFT grid.

    Parameters
    ----------
    poles, gains : Tensor, shape (F,)
        Pole and gain of one section of each filter, complex.
    order : int
        Number of equal sections, >= 1.
    n_fft : int
        FFT length.
    dtype : torch.dtype
        Complex dtype of the result. The distance to the pole is computed in complex128 and only then rounded,
        so that complex64 loses no more than its own rounding, 2e-6 of the peak at order 4.

    Returns
    -------
    Tensor, shape (F, n_fft)
        The response: of the filter whose output has :func:`allpole_response`'s output as real part. Differentiable
        in `poles` and `gains`.

    See Also
    --------
    allpole_envelope : the magnitude of the outputs, without gradients and much faster.

    Examples
    --------
    >>> pole = torch.polar(torch.tensor([0.9]), torch.tensor([torch.pi / 2]))
    >>> complex_allpole(pole, 1 - pole.abs(), 4, 4, torch.complex64).abs()
    tensor([[6.1048e-05, 2.0000e+00, 6.1048e-05, 1.5347e-05]])
    """
    poles, gains = poles.to(torch.complex128).unsqueeze(-1), gains.to(torch.complex128).unsqueeze(-1)
    omega = torch.arange(n_fft, device=poles.device, dtype=torch.float64) * (2.0 * math.pi / n_fft)
    delay = torch.polar(torch.ones_like(omega), -omega)

    # The factor 2 goes into the gain of each section, which spares a pass over all points.
    square = torch.reciprocal((1.0 - poles * delay).to(dtype)) * (2.0 ** (1.0 / order) * gains).to(dtype)
    response: Tensor | None = None
    left = order
    while left:
        if left % 2:
            response = square if response is None else response * square
        left //= 2
        if left:
            square = square * square
    assert response is not None  # order >= 1
    return response
