"""Filtering with a given response: whole signals, blocks of them, and endless streams.
Source: overlap-add as in any DSP text (Oppenheim and Schafer, Discrete-Time Signal Processing, ch. 8.7).
Not here: where the response comes from (:mod:`amtlib.lti.responses`).
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from amtlib.inputs import Signal, samples_of
from amtlib.lti.responses import (
    COMPLEX,
    pole_radius,
    rational_response,
    settling_samples,
    sos_radius,
    sos_response,
)

Response: TypeAlias = Callable[[int], Tensor]
"""``n_fft -> Tensor (..., F, n_fft // 2 + 1)``: the transfer function on the grid of a real FFT."""

WORK_BYTES = 256_000_000
"""Default bound on the work memory of one call; the output comes on top."""


def fast_length(n: int) -> int:
    """
    Find the least FFT length ``2^a 3^b 5^c`` that is at least `n`.

    Parameters
    ----------
    n : int
        Wanted length, >= 1.

    Returns
    -------
    int
        A length whose FFT is fast.

    Examples
    --------
    >>> fast_length(44100 + 6000), fast_length(7)
    (50625, 8)
    """
    if n < 1:
        raise ValueError(f"n = {n} is no FFT length; give at least 1")
    best = 1 << (n - 1).bit_length()
    five = 1
    while five < best:
        odd = five
        while odd < best:
            quotient = -(-n // odd)
            best = min(best, odd << max(quotient - 1, 0).bit_length())
            odd *= 3
        five *= 5
    return best


def _apply(x: Tensor, response: Tensor, n_fft: int, per_channel: bool) -> Tensor:
    """All n_fft samples of the circular convolution of the zero-padded x with the response."""
    spectrum: Tensor = torch.fft.rfft(x, n=n_fft)
    if not per_channel:
        spectrum = spectrum.unsqueeze(-2)
    y: Tensor = torch.fft.irfft(spectrum * response.to(COMPLEX[x.dtype]), n=n_fft)
    return y


def _overlap_add(
    x: Tensor, response: Tensor, n_fft: int, settle: int, per_channel: bool, tail: Tensor | None
) -> tuple[Tensor, Tensor]:
    """One block: its output (as many samples as x), and what rings on afterwards (settle samples)."""
    length = x.shape[-1]
    y = _apply(x, response, n_fft, per_channel)
    if tail is not None:
        y[..., :settle] += tail
    return y[..., :length], y[..., length : length + settle]


def _leading_shape(x: Tensor, probe: Tensor, per_channel: bool) -> tuple[int, ...]:
    """Shape of the outputs without time, from a response on the smallest grid there is."""
    return np.broadcast_shapes(x.shape[:-1] if per_channel else (*x.shape[:-1], 1), probe.shape[:-1])


def _block_length(x: Tensor, probe: Tensor, settle: int, per_channel: bool, budget: float) -> int:
    """Find the block length that filters fastest within the budget, but none shorter than `settle`."""
    # Measured: blocks of 3 to 10 settling times filter equally fast, because their transforms stay in the
    # processor's cache; short ones save work where the response is evaluated anew at each call, and
    # backwards.
    wanted = max(16384, (2 if probe.requires_grad else 5) * settle)
    # Per row and FFT point: the response, the product and the transform, half a complex or one real number
    # each, and the copy that the inverse transform makes of its input.
    rows = math.prod(_leading_shape(x, probe, per_channel))
    affordable = int(budget / (4 * x.element_size() * max(rows, 1))) - settle
    return max(1, settle, min(wanted, affordable))


def filter_fft(
    x: Tensor,
    response: Response,
    settle: int,
    *,
    per_channel: bool = False,
    block: int | None = None,
    budget: float = WORK_BYTES,
) -> Tensor:
    """
    Filter signals with filters given by their transfer function.

    Parameters
    ----------
    x : Tensor, shape (..., T), or (..., F, T) with `per_channel`
        Real signal, float32 or float64.
    response : callable
        ``response(n_fft)`` returns the transfer function of F filters on the grid of a real FFT, shape
        (..., F, n_fft // 2 + 1). It may depend on parameters that need gradients.
    settle : int
        Samples after which the impulse responses have died out (see :func:`settling_samples`).
    per_channel : bool
        False: each signal through all F filters. True: channel i of `x` through filter i (shapes broadcast).
    block : int, optional
        Samples filtered at a time. Default: what is fastest, or as many as the budget allows.
    budget : float
        Bound on the work memory in bytes. A block is never shorter than `settle`, below which nothing is
        saved.

    Returns
    -------
    Tensor, shape (..., F, T)
        The first T samples of the outputs, in the dtype of `x`. Differentiable in `x` and in what `response`
        uses.

    Raises
    ------
    ValueError
        If `block` is below 1, or `x` has no samples.
    TypeError
        If `x` is neither float32 nor float64.

    See Also
    --------
    Stream : the same for a signal that arrives in chunks.

    Examples
    --------
    >>> b, a = torch.tensor([[1.0]]), torch.tensor([[1.0, -0.5]])
    >>> filter_fft(torch.tensor([1.0, 0.0, 0.0]), lambda n: rational_response(b, a, n), 60)
    tensor([[1.0000, 0.5000, 0.2500]])
    """
    if x.dtype not in COMPLEX:
        raise TypeError(f"x has dtype {x.dtype}; filters work in torch.float32 or torch.float64")
    total = x.shape[-1]
    if total == 0:
        raise ValueError(f"x has shape {tuple(x.shape)} and no samples; give at least one, time last")
    if block is None:
        block = _block_length(x, response(2), settle, per_channel, budget)
        block = -(-total // -(-total // block))  # as many blocks as needed, of equal length
    elif block < 1:
        raise ValueError(f"block = {block} samples; give at least 1, or None to choose by memory")
    if total <= block:
        n_fft = fast_length(total + settle)
        return _apply(x, response(n_fft), n_fft, per_channel)[..., :total].contiguous()
    n_fft = fast_length(block + settle)
    grid = response(n_fft)
    tail: Tensor | None = None
    blocks: list[Tensor] = []
    output: Tensor | None = None
    for start in range(0, total, block):
        y, tail = _overlap_add(x[..., start : start + block], grid, n_fft, settle, per_channel, tail)
        if y.requires_grad:
            blocks.append(y)
            continue
        if output is None:
            output = y.new_empty((*y.shape[:-1], total))
        output[..., start : start + block] = y
    return torch.cat(blocks, dim=-1) if output is None else output


class Stream:
    """
    A filter that remembers: it takes a signal chunk by chunk and keeps what still rings from chunk to chunk.

    The concatenated outputs equal :func:`filter_fft` of the concatenated chunks to rounding, whatever the
    chunk lengths, and every chunk comes out at once: there is no delay.

    Parameters
    ----------
    response, settle, per_channel
        The filters, as in :func:`filter_fft`. The response is evaluated for few different FFT lengths; let it
        cache.
    check : callable, optional
        Called with each chunk; returns it converted or raises. Default: take it as it is.
    fs : float, optional
        Sampling rate of the filters in Hz, which a chunk that is a sound must have.

    Notes
    -----
    Runs without gradients. After a change of the filters make a new stream, or let the old tail ring out: it
    is kept as sound, not as filter state. Work memory is bounded by ``WORK_BYTES`` as in :func:`filter_fft`.

    Examples
    --------
    >>> b, a = torch.tensor([[1.0]]), torch.tensor([[1.0, -0.5]])
    >>> stream = Stream(lambda n: rational_response(b, a, n), 60)
    >>> stream.process(torch.tensor([1.0])), stream.process(torch.tensor([0.0, 0.0]))
    (tensor([[1.]]), tensor([[0.5000, 0.2500]]))
    """

    def __init__(
        self,
        response: Response,
        settle: int,
        per_channel: bool = False,
        check: Callable[[Tensor], Tensor] | None = None,
        fs: float | None = None,
    ) -> None:
        self.response = response
        self.settle = settle
        self.per_channel = per_channel
        self.fs = fs
        self._check = check
        self._tail: Tensor | None = None

    def reset(self) -> None:
        """Forget everything: the next chunk starts a new signal, which may have another shape."""
        self._tail = None

    @torch.no_grad()
    def process(self, chunk: Signal) -> Tensor:
        """
        Filter the next samples.

        Parameters
        ----------
        chunk : Tensor or ndarray, shape (..., T), or (..., F, T) per channel
            The next T >= 0 samples; the leading shape stays the same until :meth:`reset`.

        Returns
        -------
        Tensor, shape (..., F, T)
            As many samples.

        Raises
        ------
        ValueError
            If the leading shape changed, or if the stream's own check refuses the chunk.
        TypeError
            If the chunk is neither a tensor nor an array, or neither float32 nor float64 after the check.
        """
        chunk = samples_of(chunk, "the chunk", fs=self.fs)
        if chunk.ndim == 0:
            raise TypeError(f"the chunk is {chunk!r}; give a torch.Tensor of samples, time last")
        if self._check is not None:
            chunk = self._check(chunk)
        if chunk.dtype not in COMPLEX:
            raise TypeError(
                f"the chunk has dtype {chunk.dtype}; filters work in torch.float32 or torch.float64"
            )
        probe = self.response(2)
        lead = _leading_shape(chunk, probe, self.per_channel)
        if self._tail is not None and self._tail.shape[:-1] != lead:
            raise ValueError(
                f"this chunk gives outputs of leading shape {tuple(lead)}, the ones before gave "
                f"{tuple(self._tail.shape[:-1])}; keep the shape, or call reset() before a new signal"
            )
        total = chunk.shape[-1]
        output = chunk.new_empty((*lead, total))
        # Powers of two keep the number of different grids small when chunk lengths vary.
        longest = _block_length(chunk, probe, self.settle, self.per_channel, WORK_BYTES)
        block = min(longest, 1 << max(total - 1, 0).bit_length())
        n_fft = fast_length(block + self.settle)
        for start in range(0, total, block):
            piece = chunk[..., start : start + block]
            y, tail = _overlap_add(
                piece, self.response(n_fft), n_fft, self.settle, self.per_channel, self._tail
            )
            output[..., start : start + block] = y
            self._tail = tail.clone()
        return output


def lfilter(b: Tensor, a: Tensor, x: Tensor) -> Tensor:
    """
    Filter along the last dimension with ``b / a``, from rest: ``scipy.signal.lfilter`` for stable filters.

    Parameters
    ----------
    b, a : Tensor, shape (..., nb) and (..., na)
        Real numerator and denominator coefficients by increasing delay, ``a[..., 0]`` not 0. For narrow
        filters keep them in float64 whatever the signal's dtype: rounding a coefficient moves the poles.
    x : Tensor, shape (..., T)
        Real signal, float32 or float64. Leading dimensions of all three broadcast.

    Returns
    -------
    Tensor, shape (..., T)
        The output, in the dtype of `x`. Differentiable in all three.

    Raises
    ------
    ValueError
        If the filter is unstable, or takes more than 2**23 samples to die out, or ``a[..., 0]`` is 0.
    TypeError
        If the coefficients are complex or `x` is neither float32 nor float64.

    See Also
    --------
    sosfilt : better conditioned for orders above 4.

    Examples
    --------
    >>> lfilter(torch.tensor([1.0]), torch.tensor([1.0, -0.5]), torch.tensor([1.0, 0.0, 0.0]))
    tensor([1.0000, 0.5000, 0.2500])
    """
    if b.is_complex() or a.is_complex():
        raise TypeError(
            "lfilter takes real coefficients; filter with conjugate pairs, or use allpole_response"
        )
    if bool((a[..., 0] == 0).any()):
        raise ValueError(
            "a[..., 0] is 0, so the filter would need future samples; drop the leading zeros of a"
        )
    settle = settling_samples(pole_radius(a), max(a.shape[-1] - 1, 1), x.dtype) + b.shape[-1] - 1
    return filter_fft(x, lambda n_fft: rational_response(b, a, n_fft), settle, per_channel=True)


def sosfilt(sos: Tensor, x: Tensor) -> Tensor:
    """
    Filter along the last dimension with second-order sections, from rest: ``scipy.signal.sosfilt`` for stable
    filters.

    Parameters
    ----------
    sos : Tensor, shape (..., S, 6)
        Rows ``b0 b1 b2 a0 a1 a2``, real, a0 not 0. Keep them in float64 for narrow filters.
    x : Tensor, shape (..., T)
        Real signal, float32 or float64. Leading dimensions broadcast.

    Returns
    -------
    Tensor, shape (..., T)
        The output, in the dtype of `x`. Differentiable in both.

    Raises
    ------
    ValueError
        If a section is unstable, or takes more than 2**23 samples to die out, or an a0 is 0, or rows are not
        6 long.
    TypeError
        If the coefficients are complex or `x` is neither float32 nor float64.

    See Also
    --------
    lfilter : the same for polynomial coefficients.

    Examples
    --------
    >>> sosfilt(torch.tensor([[1.0, 0.0, 0.0, 1.0, -0.5, 0.0]]), torch.tensor([1.0, 0.0, 0.0]))
    tensor([1.0000, 0.5000, 0.2500])
    """
    if sos.is_complex():
        raise TypeError("sosfilt takes real sections; multiply conjugate first-order sections into real ones")
    if sos.ndim < 2 or sos.shape[-1] != 6:
        raise ValueError(
            f"sos has shape {tuple(sos.shape)}; give (..., sections, 6) with rows b0 b1 b2 a0 a1 a2"
        )
    if bool((sos[..., 3] == 0).any()):
        raise ValueError("an a0 of sos is 0, so its section would need future samples; rewrite the section")
    settle = settling_samples(sos_radius(sos), 2 * sos.shape[-2], x.dtype) + 2 * sos.shape[-2]
    return filter_fft(x, lambda n_fft: sos_response(sos, n_fft), settle, per_channel=True)
