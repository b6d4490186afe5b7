"""Power in bands and frames of a response, with its gradient in closed form: one FFT in, a short one out per band.

A band is narrow, so its envelope is kept at a few samples per frame: the band's own lines, moved to
0 Hz and transformed back with a short FFT, hold it exactly.
Not here: which bands (:mod:`amtlib.train.losses.hearing`, :mod:`amtlib.train.losses.decay`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from amtlib.lti import fast_length


@dataclass(frozen=True)
class FramePlan:
    """
    How a response of some length is cut into frames.

    Attributes
    ----------
    hop : int
        Samples per frame; frames follow without overlap.
    frames : int
        Frames that the response reaches into.
    padded : int
        Frames that are transformed, the rest being silence into which the bands ring.
    """

    hop: int
    frames: int
    padded: int

    @property
    def n_fft(self) -> int:
        """FFT length."""
        return self.hop * self.padded


def plan_frames(samples: int, fs: float, hop: float, ring: float) -> FramePlan:
    """
    Cut a response into frames whose FFT is fast.

    Parameters
    ----------
    samples : int
        Length of the response.
    fs : float
        Sampling rate in Hz.
    hop : float
        Length of a frame in s; met to within a few per cent, for a fast FFT.
    ring : float
        Time in s that the bands may ring into the silence after the response.

    Raises
    ------
    ValueError
        If the response is shorter than two frames.

    Examples
    --------
    >>> plan_frames(16384, 48000.0, 0.01, 0.05)
    FramePlan(hop=480, frames=35, padded=40)
    """
    step = 2 * fast_length(max(1, round(0.5 * hop * fs)))  # even, for a line at half the sampling rate
    frames = -(-samples // step)
    if samples < 2 * step:
        raise ValueError(
            f"the response has {samples} samples, less than two frames of {step}: give a longer one (raise nfft), or "
            f"lower hop to at most {samples / fs / 2.0:.2g} s"
        )
    return FramePlan(step, frames, fast_length(frames + -(-round(ring * fs) // step)))


class BandFrames:
    """
    Mean power of each band in each frame.

    Parameters
    ----------
    plan : FramePlan
    bands : sequence of (first, weights)
        Of each band, the first line of the padded FFT that it takes, and its complex or real gains from there on,
        float64 or complex128.
    dtype : torch.dtype
        Real dtype of the responses.
    device : torch.device

    Examples
    --------
    >>> plan = plan_frames(64, 64.0, 0.25, 0.0)
    >>> whole = BandFrames(plan, [(1, torch.ones(31, dtype=torch.float64))], torch.float64, torch.device("cpu"))
    >>> tone = torch.sin(2 * torch.pi * 8 / 64 * torch.arange(64, dtype=torch.float64))
    >>> whole(tone[None])
    tensor([[[0.5000, 0.5000, 0.5000, 0.5000]]], dtype=torch.float64)
    """

    def __init__(
        self,
        plan: FramePlan,
        bands: Sequence[tuple[int, Tensor]],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.plan, self.count = plan, len(bands)
        kind = torch.complex128 if dtype == torch.float64 else torch.complex64
        #: (samples per frame, [(band, first line, gains)]) of bands that are transformed together
        self.groups: list[tuple[int, list[tuple[int, int, Tensor]]]] = []
        by_size: dict[int, list[tuple[int, int, Tensor]]] = {}
        for band, (first, gains) in enumerate(bands):
            size = fast_length(-(-len(gains) // plan.padded))
            # sampled in the middle of the intervals: at their starts a decay would be overestimated
            turn = torch.arange(len(gains), dtype=torch.float64) * (math.pi / (size * plan.padded))
            middle = torch.polar(torch.ones_like(turn), turn)
            # twice the one-sided lines make the analytic signal, whose power is twice the band's
            scaled = gains.to(torch.complex128) * middle * (2.0**0.5 / plan.n_fft)
            by_size.setdefault(size, []).append((band, first, scaled.to(device=device, dtype=kind)))
        self.groups = sorted(by_size.items())

    def __call__(self, rows: Tensor) -> Tensor:
        """
        Return the mean power of rows (R, T) in each band and frame, (R, bands, frames); differentiable once.

        Raises
        ------
        ValueError
            If the rows are longer than planned.
        """
        if rows.shape[-1] > self.plan.frames * self.plan.hop:
            raise ValueError(
                f"the response has {rows.shape[-1]} samples, {self.plan.frames} frames of {self.plan.hop} were "
                "planned: plan for its length"
            )
        spectrum = torch.fft.rfft(rows, n=self.plan.n_fft)
        found: Tensor = _BandPower.apply(spectrum, self)  # type: ignore[no-untyped-call]
        return found


class _BandPower(torch.autograd.Function):
    """Spectrum (R, F) to band powers (R, bands, frames)."""

    @staticmethod
    def forward(ctx: Any, spectrum: Tensor, kernel: BandFrames) -> Tensor:
        plan = kernel.plan
        rows = len(spectrum)
        power = spectrum.real.new_empty(rows, kernel.count, plan.frames)
        envelopes: list[Tensor] = []
        for size, group in kernel.groups:
            lines = spectrum.new_zeros(rows, len(group), size * plan.padded)
            for at, (_, first, gains) in enumerate(group):
                torch.mul(spectrum[:, first : first + len(gains)], gains, out=lines[:, at, : len(gains)])
            envelope = torch.fft.ifft(lines, norm="forward")[..., : size * plan.frames]
            square = torch.view_as_real(envelope).square().reshape(rows, len(group), plan.frames, -1)
            power[:, [band for band, _, _ in group]] = square.sum(dim=-1) / size
            envelopes.append(envelope)
        ctx.kernel, ctx.lines = kernel, spectrum.shape[-1]
        ctx.save_for_backward(*envelopes)
        return power

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        kernel = ctx.kernel
        plan = kernel.plan
        envelopes = ctx.saved_tensors
        to_spectrum = envelopes[0].new_zeros(len(grad), ctx.lines)
        for (size, group), envelope in zip(kernel.groups, envelopes, strict=True):
            weight = grad[:, [band for band, _, _ in group]] * (2.0 / size)
            moved = envelope.reshape(*weight.shape, size) * weight[..., None]
            # the adjoint of an unscaled inverse FFT is an unscaled FFT
            lines = torch.fft.fft(moved.flatten(2), n=size * plan.padded)
            for at, (_, first, gains) in enumerate(group):
                count = len(gains)
                to_spectrum[:, first : first + count] += lines[:, at, :count] * gains.conj()
        return to_spectrum, None
