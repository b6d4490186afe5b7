"""Complex all-pole cascades without gradients, a channel at a time: outputs, envelopes and their peaks, cheaply.
Source: taking every step-th sample of a signal folds its spectrum `step` times onto itself; no approximation.
Not here: any complex filter, with gradients (:mod:`amtlib.lti.subsampled`).
"""

import cmath
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from amtlib.lti.filtering import fast_length
from amtlib.lti.responses import COMPLEX

# Samples that are transformed at once; longer signals run in blocks.
_ONE_BLOCK = 1 << 16
# Bytes of spectra of one set of channels: transformed back together, and still in the processor's cache.
_TILE_BYTES = 1 << 20
# Bytes of the spectra of all blocks of some signals, at most; one signal has what it takes.
_SPECTRA_BYTES = 64_000_000
# Responses in float32 end where they have fallen to this share of their peak, as far as rounding reaches anyway.
_SMALLEST_FLOAT32 = 1e-7


def filter_allpole(
    x: Tensor, poles: Tensor, gains: Tensor, order: int, settle: int, *, step: int = 1
) -> Tensor:
    """
    What :func:`amtlib.lti.filter_complex` gives with :func:`amtlib.lti.complex_allpole`, in a third of the time.

    One channel at a time is evaluated, multiplied and folded, in place, so that all of it stays in the processor's
    cache, and no response is kept. Without gradients.

    Parameters
    ----------
    x : Tensor, shape (..., T)
        Real signal, float32 or float64.
    poles, gains : Tensor, shape (F,)
        Pole and gain of one section of each filter, complex; no gain is 0.
    order : int
        Number of equal sections, >= 1.
    settle : int
        Samples after which the impulse responses have died out.
    step : int
        Distance of the wanted samples, >= 1.

    Returns
    -------
    Tensor, shape (..., F, ceil(T / step)), complex
        Samples 0, step, 2 step, ... of the outputs; in float32 to 4e-6 of the peak.

    Raises
    ------
    ValueError
        If `step` is below 1.
    TypeError
        If `x` is neither float32 nor float64.

    See Also
    --------
    allpole_envelope : the magnitude of the outputs.

    Notes
    -----
    The distance of a grid point to the pole is ``(1 - q) + q (1 - exp(-1j omega))`` with omega counted from the
    grid point next to the pole and q the pole turned there: neither part cancels, so that the second factor can
    be a table in the precision of the signal, the same for all channels.

    In float32 a response counts as 0 where it has fallen by 140 dB, which narrow filters of high order do within a
    small part of the grid.

    Examples
    --------
    >>> pole = torch.tensor([0.5 + 0j])
    >>> filter_allpole(torch.tensor([1.0, 0.0, 0.0]), pole, 1 - pole.abs(), 1, 200).real
    tensor([[1.0000, 0.5000, 0.2500]])
    """
    wanted = -(-x.shape[-1] // max(step, 1))
    output = x.new_empty((*x.shape[:-1], len(poles), wanted), dtype=COMPLEX.get(x.dtype))
    found = output.view(-1, len(poles), wanted)
    for piece in _filtered(x, poles, gains, order, settle, [step] * len(poles)):
        torch.mul(piece.z, piece.scale, out=found[piece.signals, piece.channels])
    return output


def allpole_envelope(
    x: Tensor, poles: Tensor, gains: Tensor, order: int, settle: int, *, step: int = 1
) -> Tensor:
    """
    Magnitude of what :func:`filter_allpole` gives, which takes the same arguments.

    Parameters
    ----------
    x : Tensor, shape (..., T)
        Real signal, float32 or float64.
    poles, gains : Tensor, shape (F,)
        Pole and gain of one section of each filter, complex; no gain is 0.
    order : int
        Number of equal sections, >= 1.
    settle : int
        Samples after which the impulse responses have died out.
    step : int
        Distance of the wanted samples, >= 1.

    Returns
    -------
    Tensor, shape (..., F, ceil(T / step))
        Envelopes, >= 0, in the dtype of `x`; in float32 to 4e-6 of the peak.

    Raises
    ------
    ValueError
        If `step` is below 1.
    TypeError
        If `x` is neither float32 nor float64.

    Examples
    --------
    >>> pole = torch.polar(torch.tensor([0.9]), torch.tensor([torch.pi / 2]))
    >>> allpole_envelope(torch.tensor([1.0, 0.0, 0.0]), pole, 1 - pole.abs(), 1, 200)
    tensor([[0.2000, 0.1800, 0.1620]])
    """
    wanted = -(-x.shape[-1] // max(step, 1))
    output = x.new_empty((*x.shape[:-1], len(poles), wanted))
    found = output.view(-1, len(poles), wanted)
    for piece in _filtered(x, poles, gains, order, settle, [step] * len(poles)):
        _write_magnitude(piece.z, found[piece.signals, piece.channels]).mul_(piece.scale)
    return output


def allpole_peaks(
    x: Tensor,
    poles: Tensor,
    gains: Tensor,
    order: int,
    settle: int,
    *,
    steps: Sequence[int],
    frame_length: int,
) -> tuple[Tensor, Tensor]:
    """
    Highest value in each frame of what :func:`allpole_envelope` gives, and half its mean square.

    Each channel is looked at in steps of its own, and at the last sample of each frame, where an envelope that rises
    across its end is highest; no envelope is kept whole. Without gradients.

    Parameters
    ----------
    x : Tensor, shape (..., T)
        Real signal, float32 or float64.
    poles, gains : Tensor, shape (F,)
        Pole and gain of one section of each filter, complex; no gain is 0.
    order : int
        Number of equal sections, >= 1.
    settle : int
        Samples after which the impulse responses have died out.
    steps : sequence of F ints
        Distance of the samples that are looked at in each channel, >= 1: divisors of `frame_length`. The power is
        that of these samples.
    frame_length : int
        Samples of a frame, >= 1.

    Returns
    -------
    peaks : Tensor, shape (..., F, ceil(T / frame_length))
        Highest values, >= 0, in the dtype of `x`.
    power : Tensor, shape (..., F), float64
        Half the mean squared envelope.

    Raises
    ------
    ValueError
        If `frame_length` is below 1, or a step is none of its divisors.
    TypeError
        If `x` is neither float32 nor float64.

    Examples
    --------
    >>> pole = torch.tensor([0.5 + 0j])
    >>> x = torch.tensor([1.0, 0.0, 0.0, 1.0])
    >>> allpole_peaks(x, pole, 1 - pole.abs(), 1, 200, steps=[1], frame_length=2)
    (tensor([[1.0000, 1.1250]]), tensor([0.3223], dtype=torch.float64))
    """
    if frame_length < 1:
        raise ValueError(f"frame_length = {frame_length} samples; give at least 1")
    for step in steps:
        if step < 1 or frame_length % step:
            raise ValueError(
                f"a step of {step} samples does not divide the frame of {frame_length}; give a divisor"
            )
    peaks = x.new_empty((*x.shape[:-1], len(poles), -(-x.shape[-1] // frame_length)))
    power = x.new_empty((*x.shape[:-1], len(poles)), dtype=torch.float64)
    highest, mean = peaks.view(-1, *peaks.shape[-2:]), power.view(-1, len(poles))
    for piece in _filtered(x, poles, gains, order, settle, steps, frame_length):
        signals, channels = piece.signals, piece.channels
        envelope = _write_magnitude(piece.z, torch.empty(piece.z.shape, dtype=x.dtype, device=x.device))
        norm = torch.linalg.vector_norm(envelope, dim=-1).double() * piece.scale[..., 0].double()
        mean[signals, channels] = norm.square() / (2 * envelope.shape[-1])
        top = torch.nn.functional.max_pool1d(envelope, frame_length // steps[channels.start], ceil_mode=True)
        if piece.ends is not None:
            torch.maximum(top, _write_magnitude(piece.ends, torch.empty_like(top)), out=top)
        torch.mul(top, piece.scale, out=highest[signals, channels])
    return peaks, power


def _write_magnitude(z: Tensor, out: Tensor) -> Tensor:
    return torch.mul(z.real, z.real, out=out).addcmul_(z.imag, z.imag).sqrt_()


@dataclass(frozen=True)
class _Piece:
    """Some signals' outputs of neighbouring channels."""

    signals: slice
    channels: slice
    z: Tensor
    """Every step-th sample, shape (signals, channels, ceil(T / step)): valid until the next piece"""
    scale: Tensor
    """What the outputs are to be multiplied with, shape (signals, 1, 1)"""
    ends: Tensor | None
    """The last sample of each frame, shape (signals, channels, ceil(T / frame_length)), where steps leave it out"""


@torch.no_grad()
def _filtered(
    x: Tensor,
    poles: Tensor,
    gains: Tensor,
    order: int,
    settle: int,
    steps: Sequence[int],
    frame_length: int | None = None,
) -> Iterator[_Piece]:
    """
    Filter a few channels at a time; of each, take every step-th sample. The largest step is a multiple of all.

    With a `frame_length`, which is a multiple of all of them, take the last sample of each frame, too.
    """
    if min(steps) < 1:
        raise ValueError(f"step = {min(steps)}; give the distance of the wanted samples, at least 1")
    if x.dtype not in COMPLEX:
        raise TypeError(f"x has dtype {x.dtype}; convert it with x.to(torch.float32) or torch.float64")
    total, dtype, coarsest = x.shape[-1], COMPLEX[x.dtype], max(steps)
    if frame_length is not None and total >= frame_length and coarsest > 1:
        coarsest = frame_length
    block = total if total <= _ONE_BLOCK else max(_ONE_BLOCK // 2, 4 * settle)
    block = -(-min(block, total) // coarsest) * coarsest
    blocks = -(-total // block)
    n_fft = fast_length(-(-(block + settle) // coarsest)) * coarsest
    table = _distance_from_zero(n_fft, dtype, x.device)
    sections = list(zip(poles.tolist(), (2.0 ** (1.0 / order) * gains).tolist(), strict=True))
    rows = x.reshape(-1, total)
    together = max(1, _SPECTRA_BYTES // (2 * blocks * n_fft * dtype.itemsize))
    for first in range(0, len(rows), together):
        signals = rows[first : first + together]
        # Exact, and the squares of a magnitude neither overflow nor vanish whatever the unit.
        scale = torch.ldexp(torch.ones_like(signals[:, :1]), signals.abs().amax(-1, True).frexp().exponent)
        cut = torch.nn.functional.pad(signals / scale, (0, blocks * block - total))
        spectra = torch.fft.fft(cut.reshape(-1, block), n=n_fft)
        spectra = torch.cat([spectra, spectra], -1)  # a slice of it begins at any grid point
        response, product = spectra.new_empty(n_fft), spectra.new_empty((len(spectra), n_fft))
        for begin, end in _neighbours(steps, _TILE_BYTES / (len(spectra) * n_fft * dtype.itemsize)):
            step = steps[begin]
            folded = n_fft // step
            tile = spectra.new_empty((end - begin, len(spectra), folded))
            ends = None
            if frame_length is not None and step > 1:
                ends = _Ends(tile, signals, block, n_fft, frame_length)
            for index, (pole, gain) in enumerate(sections[begin:end]):
                points = _points(pole, order, n_fft, folded, x.dtype)
                part = response[: len(points)]
                _evaluate_allpole(pole, gain, order, table, points.start, part)
                some = product.view(-1)[: len(spectra) * len(points)].view(len(spectra), -1)
                torch.mul(spectra[:, points.start : points.stop], part, out=some)
                # Taking every step-th sample folds the spectrum.
                torch.sum(some.view(len(spectra), -1, folded), 1, out=tile[index])
                if ends is not None:
                    ends.fold(index, some, points.start)
            z = _joined(torch.fft.ifft(tile), len(signals), block // step)[..., : -(-total // step)]
            yield _Piece(
                slice(first, first + len(signals)),
                slice(begin, end),
                z,
                (scale / step).unsqueeze(-1),
                None if ends is None else ends.samples(step),
            )


class _Ends:
    """The last samples of frames, from the same products that are folded into every step-th sample."""

    def __init__(self, tile: Tensor, signals: Tensor, block: int, n_fft: int, frame_length: int) -> None:
        channels, rows, _ = tile.shape
        self.signals, self.total = signals.shape
        self.block, self.n_fft, self.frame_length = block, n_fft, frame_length
        self.like = (tile.dtype, tile.device)
        self.whole = self.total // frame_length
        self.folded = n_fft // frame_length
        self.folds = tile.new_empty((channels, rows, 1, self.folded)) if self.whole else None
        # Parts of the spectrum that fall onto each other differ by whole turns at the first samples of frames, and by
        # these at the last ones; the turns they have in common follow once they are folded.
        self.turns = _turns(-1, frame_length, frame_length, *self.like).expand(rows, 1, -1)
        # A last frame that is not whole ends where no grid lies.
        self.last = tile.new_zeros((channels, self.signals)) if self.total % frame_length else None
        offsets = [self.total - 1 - start for start in range(0, self.total, block)]
        self.offsets = [(i, offset) for i, offset in enumerate(offsets) if offset < n_fft]

    def fold(self, channel: int, products: Tensor, start: int) -> None:
        """Take what was filtered of a channel, spectra of all blocks from a grid point on."""
        if self.folds is not None:
            parts = products.view(len(products), -1, self.folded)
            turns = self.turns.narrow(-1, start // self.folded, parts.shape[1])
            torch.bmm(turns, parts, out=self.folds[channel])
        if self.last is not None:
            blocks = products.view(self.signals, -1, products.shape[-1])
            for index, offset in self.offsets:
                turns = _turns(offset, self.n_fft, self.n_fft, *self.like)
                self.last[channel] += blocks[:, index] @ turns[start : start + blocks.shape[-1]]

    def samples(self, step: int) -> Tensor:
        """Return them, times `step`."""
        found = []
        if self.folds is not None:
            turns = _turns(self.frame_length - 1, self.n_fft, self.folded, *self.like)[: self.folded]
            spectra = self.folds.squeeze(-2).mul_(turns * (step / self.frame_length))
            z = _joined(torch.fft.ifft(spectra), self.signals, self.block // self.frame_length)
            found.append(z[..., : self.whole])
        if self.last is not None:
            found.append(self.last.T.unsqueeze(-1) * (step / self.n_fft))
        return found[0] if len(found) == 1 else torch.cat(found, -1)


@lru_cache(maxsize=32)
def _turns(by: int, n_fft: int, count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return ``exp(2j pi by i / n_fft)`` for the grid points i below a count, twice over."""
    around = torch.arange(count, device=device).mul_(by).remainder_(n_fft)
    angle = around.double() * (2.0 * math.pi / n_fft)
    return torch.polar(torch.ones_like(angle), angle).to(dtype).repeat(2)


def _neighbours(steps: Sequence[int], together: float) -> Iterator[tuple[int, int]]:
    """Yield first and last + 1 of neighbours with equal steps, at most ``together * step`` of them, but one."""
    first = 0
    for last in range(1, len(steps) + 1):
        if last == len(steps) or steps[last] != steps[first] or last - first + 1 > together * steps[first]:
            yield first, last
            first = last


@lru_cache(maxsize=4)
def _distance_from_zero(n_fft: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return ``1 - exp(-1j omega)`` on an FFT grid, twice over: a slice of it begins at any grid point."""
    omega = torch.arange(n_fft // 2 + 1, dtype=torch.float64, device=device) * (2.0 * math.pi / n_fft)
    half = torch.complex(2.0 * (omega / 2.0).sin().square_(), omega.sin()).to(dtype)
    return torch.cat([half, half[1 : (n_fft + 1) // 2].flip(0).conj()]).repeat(2)


def _points(pole: complex, order: int, n_fft: int, multiple: int, dtype: torch.dtype) -> range:
    """Return the grid points at which a response is not negligible, from a multiple of a number to another one."""
    radius, around = abs(pole), n_fft
    if dtype == torch.float32:
        # |1 - radius exp(-1j omega)| ** 2 is (1 - radius) ** 2 + 4 radius sin(omega / 2) ** 2.
        fallen = _SMALLEST_FLOAT32 ** (-2.0 / order) - 1.0
        square = (1.0 - radius) ** 2 * fallen / (4.0 * max(radius, 1e-9))
        if square < 1.0:
            around = math.ceil(2.0 * math.asin(math.sqrt(square)) * n_fft / (2.0 * math.pi))
    nearest = round(cmath.phase(pole) * n_fft / (2.0 * math.pi))
    first = (nearest - around) // multiple * multiple
    last = -(-(nearest + around + 1) // multiple) * multiple
    if last - first >= n_fft:
        return range(n_fft)
    return range(first % n_fft, first % n_fft + last - first)


def _evaluate_allpole(
    pole: complex, gain: complex, order: int, table: Tensor, first: int, out: Tensor
) -> None:
    """Write ``(gain / (1 - pole exp(-1j omega))) ** order`` from the grid point `first` on into `out`."""
    n_fft = len(table) // 2
    nearest = round(cmath.phase(pole) * n_fft / (2.0 * math.pi))
    turned = pole * cmath.exp(-2j * math.pi * nearest / n_fft)
    start = (first - nearest) % n_fft
    torch.mul(table[start : start + len(out)], turned / gain, out=out)
    section = out.add_((1.0 - turned) / gain).reciprocal_()
    if order & (order - 1):  # not a power of 2: the factors that squaring alone does not give
        section = out.clone()
    for bit in bin(order)[3:]:  # from the highest bit down: square, and multiply where the bit is set
        out.mul_(out)
        if bit == "1":
            out.mul_(section)


def _joined(z: Tensor, signals: int, step: int) -> Tensor:
    """Put blocks that overlap together: (F, signals * blocks, N) to (signals, F, at least blocks * step)."""
    channels, rows, length = z.shape
    z = z.view(channels, signals, rows // signals, length).transpose(0, 1)
    if z.shape[2] == 1:
        return z[:, :, 0]
    output = z.new_zeros((signals, channels, (z.shape[2] - 1) * step + length))
    for i, piece in enumerate(z.unbind(2)):
        output[..., i * step : i * step + length] += piece
    return output
