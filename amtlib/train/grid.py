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
    return sections_response(sos.detach().double(), sections_basis(nfft, gamma).to(sos.device))


# Frequencies done at a time, so that what is worked on stays near the processor; sections multiplied before a division.
_AT_A_TIME, _TOGETHER = 2048, 4
# From rows b0 b1 b2 to weights of the basis, of numerator or denominator.
_TO_BASIS = torch.tensor([[0.25, -0.25, 0.25], [0.5, 0.0, -0.5], [0.25, 0.25, 0.25]], dtype=torch.float64)


def _polynomials(weights: Tensor, basis: Tensor) -> Tensor:
    """Complex polynomials (M, F) of real weights (M, 3) on the basis (3, F): one real product."""
    return torch.view_as_complex(
        (weights @ torch.view_as_real(basis).flatten(1)).reshape(len(weights), -1, 2)
    )


class _SectionsResponse(torch.autograd.Function):
    """Transfer functions of sections, with derivatives in closed form: d log H = dB / B - dA / A for each."""

    @staticmethod
    def forward(ctx: Any, sos: Tensor, basis: Tensor) -> Tensor:
        # in double precision, for low bands' coefficients nearly cancel; (S, 2, N, 3)
        rows = sos.detach().double().reshape(len(sos), 2, 3, -1)
        weights = torch.einsum("wr,skrn->sknw", _TO_BASIS.to(sos.device), rows).to(basis.real.dtype)
        response = basis.new_empty(sos.shape[2], basis.shape[1])
        for into, part in _in_parts(response, basis):
            into.fill_(1.0)
            for group in torch.split(weights, _TOGETHER):
                above, below = (_polynomials(group[0, k], part) for k in (0, 1))
                for numerator, denominator in group[1:]:
                    above.mul_(_polynomials(numerator, part))
                    below.mul_(_polynomials(denominator, part))
                into.mul_(above).div_(below)
        ctx.save_for_backward(weights, basis, response)
        ctx.kind = sos.dtype
        return response

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        weights, basis, response = ctx.saved_tensors
        found = torch.zeros_like(weights)
        for (slope, part), (through, _) in zip(
            _in_parts(grad, basis), _in_parts(response, basis), strict=True
        ):
            weight = slope.conj() * through
            conjugate = torch.view_as_real(part.conj().resolve_conj()).flatten(1).mT
            for section, into in zip(weights, found, strict=True):
                for polynomial, sums in zip(section, into, strict=True):
                    share = torch.view_as_real(weight / _polynomials(polynomial, part)).flatten(1)
                    sums.addmm_(share, conjugate)
        found[:, 1].neg_()
        rows = torch.einsum("wr,sknw->skrn", _TO_BASIS.to(found.device), found.double()).flatten(1, 2)
        return rows.to(ctx.kind), None


def _in_parts(response: Tensor, basis: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Views of some frequencies at a time."""
    pieces = (torch.split(each, _AT_A_TIME, dim=1) for each in (response, basis))
    return list(zip(*pieces, strict=True))


def sections_basis(nfft: int, gamma: float = 1.0, dtype: torch.dtype = torch.complex128) -> Tensor:
    """
    Three polynomials in 1/z that sections are made of: (1 - 1/z)^2, 1 - 1/z^2 and (1 + 1/z)^2, on the FFT grid.

    Near 0 Hz the sums b0 + b1/z + b2/z^2 are small differences of large terms; on this basis they are not, so that
    single precision suffices.

    Parameters
    ----------
    nfft : int
        FFT length, even.
    gamma : float
        Gain per sample, > 0: the grid lies on the circle of radius 1 / gamma.
    dtype : torch.dtype
        complex64 or complex128.

    Returns
    -------
    Tensor, shape (3, nfft / 2 + 1)

    Examples
    --------
    >>> sections_basis(4).real.round()[:, 0]
    tensor([0., 0., 4.], dtype=torch.float64)
    """
    turns = torch.arange(nfft // 2 + 1).double() * (-2.0 * math.pi / nfft)
    # 1 - gamma exp(jw) without cancellation at small w: its real part is (1 - gamma) + 2 gamma sin(w / 2)^2
    less = torch.complex((1.0 - gamma) + 2.0 * gamma * torch.sin(turns / 2.0).square(), -gamma * turns.sin())
    more = 2.0 - less
    return torch.stack([less * less, less * more, more * more]).to(dtype)


def sections_response(sos: Tensor, basis: Tensor) -> Tensor:
    """
    Transfer functions of cascades of second-order sections, differentiable in their coefficients.

    Parameters
    ----------
    sos : Tensor, float64, shape (S, 6, N)
        Rows b0 b1 b2 a0 a1 a2.
    basis : Tensor, complex, shape (3, F)
        Of :func:`sections_basis`, at the frequencies wanted.

    Returns
    -------
    Tensor, shape (N, F), as precise as the basis

    Examples
    --------
    >>> halves = torch.tensor([[[0.5], [0.5], [0.0], [1.0], [0.0], [0.0]]], dtype=torch.float64)
    >>> sections_response(halves, sections_basis(4)).abs().round(decimals=3)
    tensor([[1.0000, 0.7070, 0.0000]], dtype=torch.float64)
    """
    return _SectionsResponse.apply(sos, basis)  # type: ignore[no-any-return,no-untyped-call]
