"""Delays and second-order sections on an FFT grid, exact: the phase of a whole delay is a whole number of grid steps.

In float32 the product of frequency and delay (up to 1e4 rad) loses 1e-3 rad; an integer loses nothing.
Not here: the loop that these stand in (:mod:`amtlib.train.fused`).
"""

import math

import torch
from torch import Tensor


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
    turns = torch.arange(nfft // 2 + 1, device=sos.device).double() * (-2.0 * math.pi / nfft)
    back = torch.polar(torch.full_like(turns, gamma), turns)
    taps = torch.stack([torch.ones_like(back), back, back * back])  # (3, F)
    coefficients = sos.detach().to(torch.complex128)
    above = torch.einsum("spn,pf->snf", coefficients[:, :3], taps)
    below = torch.einsum("spn,pf->snf", coefficients[:, 3:], taps)
    return (above / below).prod(dim=0)
