"""Resampling by way of the spectrum: exact for everything the lower of the two rates can hold.
Source: the sampling theorem, on an FFT grid that both rates share.
Not here: files and their rates (:mod:`amtlib.audio`), filters (:mod:`amtlib.lti.filtering`).
"""

import math

import torch
from torch import Tensor

from amtlib.lti.filtering import fast_length

#: Below this share of the lower Nyquist frequency nothing changes; from there a half cosine fades to 0
_FLAT = 0.9375
#: Silence behind the signal, s: into it rings what would otherwise come round to the start
_GUARD = 0.05


def resample(x: Tensor, fs: int, new_fs: int) -> Tensor:
    """
    Give a signal another sampling rate.

    Parameters
    ----------
    x : Tensor, shape (..., T)
        Signal, float32 or float64, T >= 1.
    fs, new_fs : int
        Sampling rates in Hz, >= 1.

    Returns
    -------
    Tensor, shape (..., ceil(T new_fs / fs))
        The same sound: frequencies up to 15/16 of the lower Nyquist frequency come out with gain 1 and phase 0,
        higher ones fade. Differentiable.

    Raises
    ------
    ValueError
        If a rate is no whole number >= 1.

    Notes
    -----
    The lengths of the two transforms are as the rates, in lowest terms; rates without a common divisor, such as
    44099 and 32000 Hz, make long ones of slow lengths.

    Examples
    --------
    >>> tone = torch.sin(2 * torch.pi * 1000 / 44100 * torch.arange(44100, dtype=torch.float64))
    >>> same = torch.sin(2 * torch.pi * 1000 / 32000 * torch.arange(32000, dtype=torch.float64))
    >>> bool((resample(tone, 44100, 32000) - same)[1600:-1600].abs().max() < 1e-6)
    True
    """
    for rate in (fs, new_fs):
        if rate != int(rate) or rate < 1:
            raise ValueError(f"{rate} Hz is no sampling rate to resample; give a whole number >= 1")
    if fs == new_fs:
        return x
    common = math.gcd(int(fs), int(new_fs))
    old, new = int(fs) // common, int(new_fs) // common
    total = x.shape[-1]
    repeats = fast_length(math.ceil((total + _GUARD * fs) / old))
    spectrum = torch.fft.rfft(x, n=old * repeats)
    bins = min(old, new) * repeats // 2 + 1
    share = torch.arange(bins, dtype=torch.float64, device=x.device) / (min(old, new) * repeats / 2.0)
    fading = ((share - _FLAT) / (1.0 - _FLAT)).clamp(0.0, 1.0)
    gain = (0.5 + 0.5 * torch.cos(math.pi * fading)) * (new / old)
    resampled: Tensor = torch.fft.irfft(spectrum[..., :bins] * gain.to(x.dtype), n=new * repeats)
    return resampled[..., : -(-total * new // old)]
