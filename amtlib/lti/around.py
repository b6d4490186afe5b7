"""Filters on both sides of a memoryless function, and a filter beside them: a nonlinear system, exactly.
Source: overlap-add on both sides of the function; systems theory calls the system Wiener-Hammerstein.
Not here: which function and which filters; filters alone (:mod:`amtlib.lti.filtering`).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from amtlib.lti.filtering import WORK_BYTES, fast_length
from amtlib.lti.responses import COMPLEX
from amtlib.results import summary

# Bytes of samples transformed at a time without gradients. Measured with 1 s through 50 channels on two cores:
# from 3 to 6 MB fastest; less leaves the threads of the transform idle, more leaves the processor's cache.
_TILE_BYTES = 4_000_000


class Transfers(NamedTuple):
    """
    Transfer functions of :func:`filter_around` on one grid, shape (F, n_fft // 2 + 1) each.

    Examples
    --------
    >>> flat = torch.ones(1, 3, dtype=torch.complex64)
    >>> Transfers(flat, flat, 2 * flat).beside.real
    tensor([[2., 2., 2.]])
    """

    before: Tensor
    after: Tensor
    beside: Tensor

    def __repr__(self) -> str:
        return summary(self)


class Paths(NamedTuple):
    """
    Outputs of the two paths of :func:`filter_around`, shape (B, F, T) each.

    Examples
    --------
    >>> Paths(torch.zeros(1, 1, 2), torch.ones(1, 1, 2)).beside
    tensor([[[1., 1.]]])
    """

    through: Tensor
    beside: Tensor

    def __repr__(self) -> str:
        return summary(self)


def _block_length(total: int, signals: int, channels: int, settle: int, item: int, budget: float) -> int:
    """Samples at a time: what filters fastest within the budget, but none shorter than `settle`."""
    # Per FFT point three responses of every channel and the spectra; per sample of ringing the tails of all
    # rows and their copies. Tiles come on top, but are small.
    affordable = (budget - 4 * item * signals * channels * settle) / (item * (3 * channels + 4 * signals))
    longest = max(1, settle, min(max(16384, 5 * settle), int(affordable) - settle))
    return -(-total // -(-total // longest))


def _ring(y: Tensor, tail: Tensor | None, length: int, settle: int) -> tuple[Tensor, Tensor]:
    """Split what came out of a block into its samples and what rings on, after adding what rang before."""
    if tail is not None:
        y[..., :settle] += tail
    return y[..., :length], y[..., length : length + settle]


def filter_around(
    x: Tensor,
    transfers: Callable[[int], Transfers],
    between: Callable[[Tensor, slice], Tensor],
    settle: int,
    *,
    summed: bool = False,
    block: int | None = None,
    budget: float = WORK_BYTES,
) -> Paths:
    """
    Filter signals through `before`, a memoryless function and `after`, and on a second path through `beside`.

    Parameters
    ----------
    x : Tensor, shape (B, T)
        Real signals, float32 or float64.
    transfers : callable
        ``transfers(n_fft)`` returns the filters of F channels on the grid of a real FFT. They may depend on
        parameters that need gradients.
    between : callable
        ``between(y, channels)`` maps samples (B, f, T) of the f channels in the slice `channels` to others of
        the same shape, each sample for itself, and 0 to 0.
    settle : int
        Samples after which each of the three impulse responses has died out.
    summed : bool
        Return the sum of both paths as `through`, which saves a transform, and an empty `beside`.
    block : int, optional
        Samples filtered at a time, >= 1. Default: what is fastest, or as many as the budget allows.
    budget : float
        Bound on the work memory in bytes without gradients; the output comes on top.

    Returns
    -------
    Paths
        Two tensors of shape (B, F, T) in the dtype of `x`. Differentiable in `x` and in what `transfers` and
        `between` use.

    Raises
    ------
    ValueError
        If `block` is below 1.

    See Also
    --------
    amtlib.lti.filter_fft : for filters alone.

    Examples
    --------
    >>> flat = torch.ones(2, 9)
    >>> paths = filter_around(
    ...     torch.tensor([[2.0]]), lambda n: Transfers(*[flat[:, : n // 2 + 1]] * 3), lambda y, _: y**3, 1
    ... )
    >>> paths.through.flatten(), paths.beside.flatten()
    (tensor([8., 8.]), tensor([2., 2.]))
    """
    if block is not None and block < 1:
        raise ValueError(f"block = {block} samples; give at least 1, or None to choose by memory")
    signals, total = x.shape
    channels, item, dtype = transfers(2).before.shape[0], x.element_size(), COMPLEX[x.dtype]
    if block is None:
        block = _block_length(total, signals, channels, settle, item, budget)
    block = min(block, total)
    n_fft = fast_length(block + settle)
    before, after, beside = (transfer.to(dtype) for transfer in transfers(n_fft))
    learns = torch.is_grad_enabled() and any(
        t.requires_grad
        for t in (x, before, after, beside, between(x.new_zeros(1, channels, 1), slice(0, channels)))
    )
    rows = max(1, _TILE_BYTES // (n_fft * item))
    width = channels if learns else min(channels, rows)
    height = signals if learns else max(1, rows // width)
    outputs = [] if learns else [x.new_empty(signals, channels, total) for _ in range(1 if summed else 2)]
    pieces: list[list[Tensor]] = []
    tails: dict[tuple[int, int], list[Tensor]] = {}
    for start in range(0, total, block):
        samples = x[:, start : start + block]
        length, last = samples.shape[-1], start + block >= total
        # Signals are transformed in float64 and rounded then, so that a weak channel beside a strong tone
        # keeps its own accuracy before the function makes weak things large.
        spectra = torch.fft.rfft(samples.double(), n=n_fft).to(dtype).unsqueeze(1)
        for signal in range(0, signals, height):
            spectrum = spectra[signal : signal + height]
            for channel in range(0, channels, width):
                these = slice(channel, min(channel + width, channels))
                rang = tails.get((signal, channel), [None, None, None])
                y, tail = _ring(torch.fft.irfft(spectrum * before[these], n=n_fft), rang[0], length, settle)
                changed = torch.fft.rfft(between(y, these), n=n_fft) * after[these]
                if summed:
                    spectral = [torch.addcmul(changed, spectrum, beside[these])]
                else:
                    spectral = [changed, spectrum * beside[these]]
                made, rings = [], [tail]
                for product, old in zip(spectral, rang[1:], strict=False):
                    y, tail = _ring(torch.fft.irfft(product, n=n_fft), old, length, settle)
                    made.append(y)
                    rings.append(tail)
                if not last:
                    tails[signal, channel] = rings if learns else [tail.clone() for tail in rings]
                if learns:
                    pieces.append(made)
                else:
                    for output, y in zip(outputs, made, strict=True):
                        output[signal : signal + height, these, start : start + length] = y
    if learns:
        outputs = [torch.cat(blocks, dim=-1) for blocks in zip(*pieces, strict=True)]
    if summed:
        outputs.append(x.new_empty(0))
    return Paths(*outputs)
