"""The Hilbert envelope of whole signals.
Source: Gabor (1946), J. IEE 93, 429-457: the analytic signal, whose magnitude is the envelope.
Not here: what is done with it.
"""

import torch
from torch import Tensor


def squared_envelope(x: Tensor) -> Tensor:
    """
    Return the square of the Hilbert envelope along time; each sample depends on all others.

    Parameters
    ----------
    x : Tensor, shape (..., T)
        Real signals, taken as one period of a periodic one.

    Returns
    -------
    Tensor, shape (..., T)
        Square of the magnitude of the analytic signal. Differentiable.

    Examples
    --------
    >>> squared_envelope(torch.cos(torch.arange(8) * torch.pi / 4))
    tensor([1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000])
    """
    total = x.shape[-1]
    spectrum = torch.fft.rfft(x)
    # The quadrature signal: positive frequencies turned by -90 degrees, none at 0 and at half the sampling rate
    turned = spectrum * -1j
    keep = torch.ones(spectrum.shape[-1], dtype=x.dtype, device=x.device)
    keep[0] = 0.0
    if total % 2 == 0:
        keep[-1] = 0.0
    quadrature: Tensor = torch.fft.irfft(turned * keep, n=total)
    return x.square() + quadrature.square()
