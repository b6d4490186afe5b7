"""Spectrograms with several window lengths, of linear or mel bands.
Source: definitions of the specification (losses of flamo 0.2.20, spectrograms of nnAudio), written anew.
Not here: how they are compared (:class:`amtlib.train.losses.MatchSpectrogram`).
"""

import math

import torch
from torch import Tensor, nn

#: Lowest frequency of the linear spectrograms in Hz: their lines lie between those of an FFT.
_LOWEST_HZ = 20.0


class _Frames(nn.Module):
    """Several sizes of overlapping frames of a signal, and what is made of them."""

    def __init__(self, sizes: tuple[int, ...], fs: float, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self.sizes = sizes
        self.fs = fs
        kernels = [self._kernel(size).to(device=device, dtype=dtype) for size in sizes]
        for size, kernel in zip(sizes, kernels, strict=True):
            self.register_buffer(f"kernel_{size}", kernel, persistent=False)

    def _kernel(self, size: int) -> Tensor:
        raise NotImplementedError

    def _spectrogram(self, frames: Tensor, kernel: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, y: Tensor) -> list[Tensor]:
        """Return spectrograms (batch * channel, frames, bands) of signals (batch, T, channel), one per size."""
        # Channels stay apart: they join the batch before time is cut into frames.
        rows = y.mT.flatten(0, 1)
        found = []
        for size in self.sizes:
            padded = nn.functional.pad(rows[:, None], (size // 2, size // 2), mode="reflect")[:, 0]
            frames = padded.unfold(-1, size, size // 4)
            found.append(self._spectrogram(frames, getattr(self, f"kernel_{size}")))
        return found


class MultiScaleSpectrogram(_Frames):
    """
    Magnitude spectrograms with several window lengths.

    Parameters
    ----------
    sizes : tuple of int
        Window lengths in samples, multiples of 4.
    fs : float
        Sampling rate in Hz.
    dtype, device
        Of the signals.

    Notes
    -----
    Periodic Hann windows, a quarter of their length apart, the signal mirrored at its ends. The n / 2 + 1 lines lie at
    ``20 + k (fs / 2 - 20) / (n / 2 + 1)`` Hz, where the specification's spectrograms (nnAudio's) have them, not at
    those of an FFT: hence a product with a matrix of sines.

    Examples
    --------
    >>> spectrograms = MultiScaleSpectrogram((256,), 48000.0, torch.float64, torch.device("cpu"))
    >>> spectrograms(torch.zeros(2, 1024, 3, dtype=torch.float64))[0].shape
    torch.Size([6, 17, 129])
    """

    def _kernel(self, size: int) -> Tensor:
        lines = size // 2 + 1
        top = self.fs // 2.0  # nnAudio is given a whole number of Hz
        frequencies = _LOWEST_HZ + torch.arange(lines, dtype=torch.float64) * (top - _LOWEST_HZ) / lines
        samples = torch.arange(size, dtype=torch.float64)
        angles = 2.0 * math.pi / self.fs * samples[:, None] * frequencies
        window = torch.hann_window(size, periodic=True, dtype=torch.float64)
        return window[:, None] * torch.cat([angles.cos(), angles.sin()], dim=1)

    def _spectrogram(self, frames: Tensor, kernel: Tensor) -> Tensor:
        real, imaginary = (frames @ kernel).chunk(2, dim=-1)
        return torch.complex(real, imaginary).abs()  # whose gradient at silence is 0, not NaN


class MelSpectrogram(_Frames):
    """
    Mel power spectrograms with several window lengths, n / 8 bands each.

    Parameters
    ----------
    sizes : tuple of int
        Window lengths in samples, multiples of 4.
    fs : float
        Sampling rate in Hz.
    dtype, device
        Of the signals.

    Notes
    -----
    Frames as in :class:`MultiScaleSpectrogram`; power at the lines of an FFT; bands from 0 to fs / 2 on Slaney's mel
    scale, each of unit area.

    Examples
    --------
    >>> spectrograms = MelSpectrogram((256,), 48000.0, torch.float64, torch.device("cpu"))
    >>> spectrograms(torch.zeros(2, 1024, 3, dtype=torch.float64))[0].shape
    torch.Size([6, 17, 32])
    """

    def _kernel(self, size: int) -> Tensor:
        self.register_buffer(
            f"window_{size}", torch.hann_window(size, periodic=True, dtype=torch.float64), persistent=False
        )
        return mel_bands(size // 8, size, self.fs)

    def _spectrogram(self, frames: Tensor, kernel: Tensor) -> Tensor:
        window = getattr(self, f"window_{frames.shape[-1]}").to(frames)
        spectrum = torch.fft.rfft(frames * window)
        return torch.view_as_real(spectrum).square().sum(dim=-1) @ kernel


def _mel_to_hz(mel: Tensor) -> Tensor:
    # Slaney's scale: linear below 1 kHz (15 mel), 27 steps for a factor of 6.4 above
    return torch.where(
        mel < 15.0, mel * 200.0 / 3.0, 1000.0 * torch.exp((mel - 15.0) * (math.log(6.4) / 27.0))
    )


def mel_bands(bands: int, n_fft: int, fs: float) -> Tensor:
    """
    Triangles on Slaney's mel scale over the lines of an FFT, each of unit area in Hz.

    Parameters
    ----------
    bands : int
        Number of triangles, from 0 to fs / 2.
    n_fft : int
        FFT length.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    Tensor, float64, shape (n_fft / 2 + 1, bands)

    Examples
    --------
    >>> mel_bands(32, 256, 48000.0).shape
    torch.Size([129, 32])
    """
    top = fs // 2.0
    highest = 15.0 + math.log(top / 1000.0) / (math.log(6.4) / 27.0) if top > 1000.0 else top * 3.0 / 200.0
    edges = _mel_to_hz(torch.linspace(0.0, highest, bands + 2, dtype=torch.float64))
    lines = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * fs / n_fft
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (lines[:, None] - low) / (centre - low)
    falling = (high - lines[:, None]) / (high - centre)
    return torch.minimum(rising, falling).clamp_min(0.0) * (2.0 / (high - low))
