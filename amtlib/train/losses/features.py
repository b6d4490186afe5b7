"""Plain features of an answer: magnitude, power, samples, spectrograms, the matrix.
Source: spectrograms and sparsity as in the specification.
Not here: what an ear makes of it (:mod:`amtlib.train.losses.hearing`), decay (:mod:`amtlib.train.losses.decay`).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from amtlib.train.losses.checks import Shown, check_choice, check_number
from amtlib.train.losses.rendered import Rendered
from amtlib.train.losses.spectrograms import MelSpectrogram, MultiScaleSpectrogram, mel_bands

#: Level in dB re the target's peak below which a magnitude in dB goes no further down.
_SILENCE_DB = -120.0


@dataclass(frozen=True, repr=False)
class Magnitude(Shown):
    """
    Magnitude on the training grid.

    Parameters
    ----------
    of : {'each', 'sum'}
        Of each output, or their sum, as the specification's colorless mode sees it.
    scale : {'linear', 'relative', 'dB'}
        As it is; over its own rms, which makes it blind to gain; or its level in dB re the target's peak, down to
        -120.
    """

    of: str = "each"
    scale: str = "linear"
    reads = "magnitude"
    rateless = True

    def __post_init__(self) -> None:
        """Check the words."""
        check_choice(self.of, "of", ("each", "sum"))
        check_choice(self.scale, "scale", ("linear", "relative", "dB"))

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, F), or (batch, F)."""
        h = rendered.magnitude
        rows = h.sum(dim=-1) if self.of == "sum" else h.mT.flatten(0, 1)
        if self.scale == "linear":
            return (rows,)
        if self.scale == "relative":
            return (rows / rows.square().mean(dim=-1, keepdim=True).sqrt(),)
        peak = rendered.reference.magnitude.detach().amax()
        least = 10.0 ** (_SILENCE_DB / 20.0)
        return (20.0 * torch.log10((rows / peak).clamp_min(least)),)


@dataclass(frozen=True, repr=False)
class MelMagnitude(Shown):
    """
    Magnitude on the training grid, pooled into mel bands.

    Parameters
    ----------
    bands : int
        Number of triangles on Slaney's mel scale from 0 to fs / 2, 2 to 1024.
    """

    bands: int = 128
    reads = "time"

    def __post_init__(self) -> None:
        """Check the number."""
        if isinstance(self.bands, bool) or not isinstance(self.bands, int | np.integer):
            raise TypeError(f"bands = {self.bands!r} is a {type(self.bands).__name__}: give a whole number")
        check_number(self.bands, "bands", 2, 1024)

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, bands)."""
        weights = _mel_weights(self.bands, rendered.nfft, rendered.fs, rendered.dtype, rendered.device)
        return (rendered.magnitude.mT.flatten(0, 1) @ weights,)


@lru_cache(maxsize=4)
def _mel_weights(bands: int, nfft: int, fs: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    return mel_bands(bands, nfft, fs).to(device=device, dtype=dtype)


@dataclass(frozen=True, repr=False)
class RelativePower(Shown):
    """Power on the training grid over its mean: 1 everywhere for a flat response."""

    reads = "magnitude"
    rateless = True

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, F)."""
        power = rendered.power_rows
        return (power / power.mean(dim=-1, keepdim=True),)


@dataclass(frozen=True, repr=False)
class Samples(Shown):
    """The impulse response itself."""

    reads = "time"
    rateless = True

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, nfft)."""
        return (rendered.rows,)


@dataclass(frozen=True, repr=False)
class MatrixSparsity(Shown):
    """
    How sparse the feedback matrix is: 0 if all entries are equal in size, 1 for a permutation.

    ``(N sqrt N - sum |a|) / (N (sqrt N - 1))`` of a matrix (N, N); 0 for N = 1.

    References
    ----------
    Dal Santo, Prawda, Schlecht and Valimaki (2025), EURASIP J. Audio Speech Music Process. 2025:13.
    """

    reads = "matrix"
    rateless = True

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return a number."""
        if rendered.matrix is None:
            raise ValueError(
                "this answer comes without a feedback matrix: give matrix=, or make the answer by a TrainingRun"
            )
        a = rendered.matrix
        lines = a.shape[-1]
        if lines == 1:
            return (0.0 * a.sum(),)
        full = lines * math.sqrt(lines)
        return ((full - a.abs().sum()) / (full - lines),)


@lru_cache(maxsize=16)
def _spectrogram(
    mel: bool, sizes: tuple[int, ...], fs: float, dtype: torch.dtype, device: torch.device
) -> MultiScaleSpectrogram | MelSpectrogram:
    return (MelSpectrogram if mel else MultiScaleSpectrogram)(sizes, fs, dtype, device)


def check_sizes(sizes: tuple[int, ...], name: str = "sizes", nfft: int | None = None) -> None:
    """
    Raise unless these are window lengths: distinct multiples of 4 from 32, below twice `nfft` where that is known.

    Examples
    --------
    >>> check_sizes((256, 512))
    """
    if not isinstance(sizes, tuple) or not sizes:
        found = "is empty" if sizes == () else f"= {sizes!r}"
        raise ValueError(f"{name} {found}: give a tuple of window lengths such as (256, 512, 1024)")
    if len(set(sizes)) != len(sizes):
        raise ValueError(f"{name} = {sizes} names a length twice: give each once")
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | np.integer):
            raise TypeError(f"{name} must hold whole numbers, got {size!r}: pass ints")
        if size < 32 or size % 4 or (nfft is not None and size // 2 >= nfft):
            below = "" if nfft is None else f" to below twice nfft = {2 * nfft}"
            raise ValueError(f"{name} holds {size}: give multiples of 4 from 32{below}")


@dataclass(frozen=True, repr=False)
class Spectrograms(Shown):
    """
    Magnitude spectrograms with several window lengths, those of :class:`MultiScaleSpectrogram`.

    Parameters
    ----------
    sizes : tuple of int
        Window lengths in samples, multiples of 4.
    """

    sizes: tuple[int, ...] = (256, 512, 1024)
    reads = "time"

    def __post_init__(self) -> None:
        """Check the lengths."""
        check_sizes(self.sizes)

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, frames, bands) for each length."""
        return _spectrograms(False, self.sizes, rendered)


@dataclass(frozen=True, repr=False)
class MelSpectrograms(Shown):
    """
    Mel power spectrograms with several window lengths, those of :class:`MelSpectrogram`.

    Parameters
    ----------
    sizes : tuple of int
        Window lengths in samples, multiples of 4.
    """

    sizes: tuple[int, ...] = (256, 512, 1024)
    reads = "time"

    def __post_init__(self) -> None:
        """Check the lengths."""
        check_sizes(self.sizes)

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, frames, bands) for each length."""
        return _spectrograms(True, self.sizes, rendered)


def _spectrograms(mel: bool, sizes: tuple[int, ...], rendered: Rendered) -> tuple[Tensor, ...]:
    if max(sizes) // 2 >= rendered.nfft:
        raise ValueError(
            f"sizes holds {max(sizes)}, the response has {rendered.nfft} samples: give windows below "
            f"{2 * rendered.nfft}, or a longer response (raise nfft)"
        )
    made = _spectrogram(mel, sizes, rendered.fs, rendered.dtype, rendered.device)
    return tuple(made(rendered.time))


def level_db(power: Tensor, least_db: float) -> Tensor:
    """
    Return a power's level in dB, not below `least_db`, with a gradient of 0 there.

    Examples
    --------
    >>> level_db(torch.tensor([0.0, 1.0, 100.0]), -90.0)
    tensor([-90.,   0.,  20.])
    """
    return (10.0 / math.log(10.0)) * torch.log(power.clamp_min(10.0 ** (least_db / 10.0)))
