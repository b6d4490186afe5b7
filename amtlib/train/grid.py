"""Delays and second-order sections on an FFT grid, exact: the phase of a whole delay is a whole number of grid steps.

In float32 the product of frequency and delay (up to 1e4 rad) loses 1e-3 rad; an integer loses nothing.
Not here: the loop that these stand in (:mod:`amtlib.train.fused`).
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def decay_per_sample(alias_decay_db: float, nfft: int) -> float:
    """
    Return the gain per sample that makes `alias_decay_db` after `nfft` samples.

    Parameters
    ----------
    alias_decay_db : float
        In dB; the sign does not count.
    nfft : int
        FFT length.

    Examples
    --------
    >>> round(decay_per_sample(60.0, 2**14) ** 2**14, 6)
    0.001
    """
    return float(10.0 ** (-abs(alias_decay_db) / (20.0 * nfft)))


def delay_spectrum(delays: Tensor, nfft: int, gamma: float = 1.0) -> Tensor:
    """
    Transfer functions of whole delays on the FFT grid, on the circle of radius 1 / gamma.

    Parameters
    ----------
    delays : Tensor of int64, shape (N,)
        In samples.
    nfft : int
        FFT length, even.
    gamma : float
        Gain per sample, > 0.

    Returns
    -------
    Tensor, complex128, shape (N, nfft / 2 + 1)
        ``gamma^m exp(-2 pi j k m / nfft)``.

    Examples
    --------
    >>> delay_spectrum(torch.tensor([1]), 4).imag.round()
    tensor([[-0., -1., -0.]], dtype=torch.float64)
    """
    steps = torch.arange(nfft, device=delays.device)
    turns = steps.double() * (-2.0 * math.pi / nfft)
    circle = torch.complex(torch.cos(turns), torch.sin(turns))
    bins = steps[: nfft // 2 + 1]
    spectrum = circle[(delays[:, None] * bins) % nfft]
    return spectrum if gamma == 1.0 else spectrum * (gamma ** delays.double())[:, None]


def sections_spectrum(sos: Tensor, nfft: int, gamma: float = 1.0) -> Tensor:
    """
    Transfer functions of cascades of second-order sections on the FFT grid, on the circle of radius 1 / gamma.

    Parameters
    ----------
    sos : Tensor, shape (S, 6, N)
        Rows b0 b1 b2 a0 a1 a2.
    nfft : int
        FFT length, even.
    gamma : float
        Gain per sample, > 0.

    Returns
    -------
    Tensor, complex128, shape (N, nfft / 2 + 1)

    Examples
    --------
    >>> halves = torch.tensor([[[0.5], [0.5], [0.0], [1.0], [0.0], [0.0]]])
    >>> sections_spectrum(halves, 4).abs().round(decimals=3)
    tensor([[1.0000, 0.7070, 0.0000]], dtype=torch.float64)
    """
    return sections_response(sos.detach().double(), sections_taps(nfft, gamma).to(sos.device))


class _SectionsResponse(torch.autograd.Function):
    """Transfer functions of sections, with derivatives in closed form: d log H = dB / B - dA / A for each."""

    @staticmethod
    def forward(ctx: Any, sos: Tensor, taps: Tensor) -> Tensor:
        coefficients = sos.detach().to(taps.dtype)
        response = taps.new_ones(sos.shape[2], taps.shape[1])
        for section in coefficients:
            response *= (section[:3].mT @ taps) / (section[3:].mT @ taps)
        ctx.save_for_backward(coefficients, taps, response)
        return response

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        coefficients, taps, response = ctx.saved_tensors
        weight = grad.conj() * response
        found = coefficients.real.new_empty(coefficients.shape)
        for section, into in zip(coefficients, found, strict=True):
            into[:3] = ((weight / (section[:3].mT @ taps)) @ taps.mT).real.mT
            into[3:] = -((weight / (section[3:].mT @ taps)) @ taps.mT).real.mT
        return found, None


def sections_taps(nfft: int, gamma: float = 1.0) -> Tensor:
    """
    Powers 0, 1 and 2 of 1/z on the FFT grid, on the circle of radius 1 / gamma.

    Examples
    --------
    >>> sections_taps(4).shape
    torch.Size([3, 3])
    """
    turns = torch.arange(nfft // 2 + 1).double() * (-2.0 * math.pi / nfft)
    back = torch.polar(torch.full_like(turns, gamma), turns)
    return torch.stack([torch.ones_like(back), back, back * back])


def sections_response(sos: Tensor, taps: Tensor) -> Tensor:
    """
    Transfer functions of cascades of second-order sections, differentiable in their coefficients.

    Parameters
    ----------
    sos : Tensor, float64, shape (S, 6, N)
        Rows b0 b1 b2 a0 a1 a2.
    taps : Tensor, complex128, shape (3, F)
        Of :func:`sections_taps`, at the frequencies wanted.

    Returns
    -------
    Tensor, complex128, shape (N, F)

    Examples
    --------
    >>> halves = torch.tensor([[[0.5], [0.5], [0.0], [1.0], [0.0], [0.0]]], dtype=torch.float64)
    >>> sections_response(halves, sections_taps(4)).abs().round(decimals=3)
    tensor([[1.0000, 0.7070, 0.0000]], dtype=torch.float64)
    """
    return _SectionsResponse.apply(sos, taps)  # type: ignore[no-any-return,no-untyped-call]
