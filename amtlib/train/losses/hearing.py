"""What an ear makes of a response: the excitation pattern of its long-term spectrum, and its cochleagram.
Source: gammatone of Patterson et al. (1987) on the ERB scale of Glasberg and Moore (1990); outer and middle ear of
ANSI S3.4-2007; thresholds of Moore et al. (2016). Not here: loudness (:mod:`amtlib.train.losses.loudness`).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from amtlib.ears import OuterMiddleEarFilter
from amtlib.fdn.measures import erb_centres
from amtlib.filterbanks.gammatone import GammatoneFilterbank, default_betamul
from amtlib.loudness.channels import MOORE2016_THRESHOLD_DB, loudness_table
from amtlib.scales import audfiltbw, erbspacebw, f2erb
from amtlib.train.losses.bands import BandFrames, FramePlan, plan_frames
from amtlib.train.losses.checks import Shown, check_choice, check_number
from amtlib.train.losses.rendered import Rendered

#: Level in dB of a power of 1 Pa^2
PASCAL_DB = -20.0 * math.log10(20e-6)
#: Lines of the FFT where a channel's power gain is below this are left out.
_SKIRT_DB = -50.0
#: Lines of the FFT are pooled where they are closer together than this share of an auditory band.
_POOL_ERB = 0.06
#: dB of a power of 0, in excitation patterns
_SILENCE_DB = -200.0
FIELDS = ("free", "diffuse", "eardrum", "cochlea")


@lru_cache(maxsize=8)
def excitation_weights(fs: float, lines: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """
    Weights of auditory bands over the lines of an FFT, each summing to 1.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz.
    lines : int
        Evenly spaced frequencies from 0 to fs / 2.
    dtype, device

    Returns
    -------
    Tensor, shape (lines, bands)
        ``(1 + ((f - fc) / (1.019 ERB(fc)))^2)^-4`` over its sum, fc every 0.5 Cam from 3 to 37.5 Cam, below fs / 2:
        the bands of :func:`amtlib.fdn.measures.erb_excitation`.

    Examples
    --------
    >>> excitation_weights(48000.0, 513, torch.float64, torch.device("cpu")).sum(0)[:2]
    tensor([1.0000, 1.0000], dtype=torch.float64)
    """
    centres = torch.from_numpy(erb_centres(fs))
    if not len(centres):
        raise ValueError(
            f"fs = {fs:g} Hz leaves no auditory band below fs / 2: the lowest is at 87 Hz; raise fs"
        )
    f = torch.linspace(0.0, fs / 2.0, lines, dtype=torch.float64)
    off = (f - centres[:, None]) / (1.019 * f2erb(centres)[:, None])
    weights = (1.0 + off.square()) ** -4
    return (weights / weights.sum(dim=1, keepdim=True)).T.contiguous().to(device=device, dtype=dtype)


@lru_cache(maxsize=8)
def _pooled_weights(
    fs: float, lines: int, dtype: torch.dtype, device: torch.device
) -> tuple[int, int, Tensor]:
    """Return where pooling begins, how many lines are pooled from there on, and the weights by pool."""
    weights = excitation_weights(fs, lines, torch.float64, device)
    step = fs / 2.0 / (lines - 1)
    f = step * torch.arange(lines, dtype=torch.float64)
    best = (lines, 1)  # no pools: each line for itself
    for pool in (2, 4, 8, 16, 32):
        wide = (_POOL_ERB * f2erb(f) >= pool * step).nonzero()
        if not len(wide):
            break
        first = int(wide[0]) + (lines - int(wide[0])) % pool
        count = first + (lines - first) // pool
        if first < lines and count < best[0] + (lines - best[0]) // best[1]:
            best = (first, pool)
    first, pool = best
    pooled = weights[first:].reshape(-1, pool, weights.shape[1]).mean(dim=1)
    return first, pool, torch.cat([weights[:first], pooled]).to(dtype).contiguous()


class _BandLevels(torch.autograd.Function):
    """
    Magnitudes (R, F) to levels in dB of magnitude^2 @ weights, (R, bands): one matrix product each way.

    Lines are pooled where bands are wide; nothing is kept but the magnitudes and the bands' powers.
    """

    @staticmethod
    def forward(ctx: Any, magnitude: Tensor, first: int, pool: int, weights: Tensor) -> Tensor:
        square = magnitude.square()
        pooled = square[:, first:].reshape(len(square), -1, pool).sum(dim=-1)
        power = torch.cat([square[:, :first], pooled], dim=1) @ weights
        power.clamp_min_(10.0 ** (_SILENCE_DB / 10.0))
        ctx.save_for_backward(magnitude, weights, power)
        ctx.pools = first, pool
        return power.log10().mul_(10.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        magnitude, weights, power = ctx.saved_tensors
        first, pool = ctx.pools
        # d 10 log10(m^2) = 20 / ln 10 m dm / power; of silence 0, as its magnitudes are
        by_line = (grad / power).mul_(20.0 / math.log(10.0)) @ weights.mT
        found = torch.empty_like(magnitude)
        torch.mul(magnitude[:, :first], by_line[:, :first], out=found[:, :first])
        shape = (len(magnitude), -1, pool)
        high = magnitude[:, first:].reshape(shape) * by_line[:, first:, None]
        found[:, first:] = high.flatten(1)
        return found, None, None, None


@dataclass(frozen=True, repr=False)
class Excitation(Shown):
    """
    Excitation pattern of the long-term spectrum: the level in each auditory band, in dB.

    What :func:`amtlib.fdn.measures.erb_excitation` measures, of the training grid, as one matrix product.
    """

    reads = "spectrum"

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, bands)."""
        rows = rendered.spectrum.abs().mT.flatten(0, 1)
        pools = _pooled_weights(rendered.fs, rows.shape[-1], rendered.dtype, rendered.device)
        levels: Tensor = _BandLevels.apply(rows, *pools)  # type: ignore[no-untyped-call]
        return (levels,)


def ear_gain_db(f: np.ndarray | Tensor, field: str) -> Tensor:
    """
    Gain of outer and middle ear (ANSI S3.4-2007) in dB, float64; 0 in the field 'cochlea'.

    Examples
    --------
    >>> ear_gain_db(torch.tensor([1000.0]), "diffuse")
    tensor([1.2000], dtype=torch.float64)
    """
    at = torch.as_tensor(f, dtype=torch.float64)
    return torch.zeros_like(at) if field == "cochlea" else _ear(field).gain_db(at)


@lru_cache(maxsize=4)
def _ear(field: str) -> OuterMiddleEarFilter:
    # the shortest filter: only its table is read
    return OuterMiddleEarFilter(32000.0, field_type=field, order=2)


def threshold_db(f: Tensor) -> Tensor:
    """
    Excitation at the absolute threshold behind the middle ear, in dB SPL.

    Examples
    --------
    >>> threshold_db(torch.tensor([100.0, 1000.0]))
    tensor([..., 3.6300], dtype=torch.float64)
    """
    table = loudness_table("moore2016_threshold")
    at = f.double().cpu().numpy()
    level = np.interp(at, table[:, 0], table[:, 1])
    level[at >= 500.0] = MOORE2016_THRESHOLD_DB
    return torch.from_numpy(level)


@lru_cache(maxsize=8)
def gammatone_frames(
    centres: tuple[float, ...],
    plan: FramePlan,
    fs: float,
    field: str,
    dtype: torch.dtype,
    device: torch.device,
) -> BandFrames:
    """
    Gammatone channels behind an ear as a :class:`BandFrames`: gains of amtlib's own filterbank.

    Parameters
    ----------
    centres : tuple of float
        Centre frequencies in Hz, up to fs / 2.
    plan : FramePlan
    fs : float
        Sampling rate in Hz.
    field : {'free', 'diffuse', 'eardrum', 'cochlea'}
        Which outer ear; 'cochlea' for no ear at all.
    dtype, device
    """
    bank = GammatoneFilterbank(list(centres), fs, dtype=torch.float64)
    step = fs / plan.n_fft
    # where the channel's skirt has fallen to the bound: (1 + (off / bandwidth)^2)^-n of its power
    reach = math.sqrt(10.0 ** (-_SKIRT_DB / 10.0 / bank.n) - 1.0) * default_betamul(bank.n)
    bands = []
    for centre in centres:
        half = reach * float(audfiltbw(centre))
        first = max(1, math.ceil((centre - half) / step))
        last = min(plan.n_fft // 2 - 1, math.floor((centre + half) / step))
        f = step * torch.arange(first, max(first, last) + 1, dtype=torch.float64)
        gains = GammatoneFilterbank([centre], fs, dtype=torch.float64).frequency_response(f)[0]
        bands.append((first, gains * 10.0 ** (ear_gain_db(f, field) / 20.0)))
    return BandFrames(plan, bands, dtype, device)


def ring_seconds(lowest: float) -> float:
    """
    Time in s in which a gammatone at a frequency (Hz) has rung out by 76 dB.

    Examples
    --------
    >>> round(ring_seconds(100.0), 3)
    0.075
    """
    # t^3 exp(-2 pi b t) against its peak: 17 time constants
    return 17.0 / (2.0 * math.pi * 1.019 * float(audfiltbw(lowest)))


@dataclass(frozen=True, repr=False)
class Cochleagram(Shown):
    """
    Cochleagram of a response: gammatone channels behind outer and middle ear, power by frames, compressed.

    Parameters
    ----------
    f_min, f_max : float
        Range of the channels in Hz; f_max is lowered to 0.9 fs / 2 where that is less.
    spacing : float
        Distance of channels in ERB, 0.1 to 4.
    hop : float
        Length of a frame in s, 0.001 to 0.1.
    compression : float, or 'dB'
        Exponent 0.1 to 1 that the power is raised to, or 'dB' for its level above the floor.
    level : float
        Level in dB SPL of the loudest frame of the target (or of the response, if there is no target).
    floor_db : float, optional
        Floor in dB re the greatest cell of the target. Default: the threshold of hearing in each channel.
    field : {'diffuse', 'free', 'eardrum', 'cochlea'}
        Which outer ear stands before the middle ear; 'cochlea' for no ear at all.

    Notes
    -----
    With p the power of a cell and t the floor's, both over (20 uPa)^2, the cell is ``(p + t)^c - t^c``: about p^c
    where it is audible, linear and small below. In 'dB' it is ``10 log10(1 + p / t)``.

    The channels are those of :class:`amtlib.GammatoneFilterbank`, cut off where their power has fallen by 50 dB. A
    response is not convolved with any sound: its level is that of the response itself, heard as a click would be.

    Raises
    ------
    ValueError
        If a number is out of its range, or (when a response comes) fs is too low for the channels, or the target
        silent.
    """

    f_min: float = 80.0
    f_max: float = 16000.0
    spacing: float = 1.0
    hop: float = 0.01
    compression: float | str = 0.3
    level: float = 75.0
    floor_db: float | None = None
    field: str = "diffuse"
    reads = "time"

    def __post_init__(self) -> None:
        """Check all of it."""
        check_number(self.f_min, "f_min", 20.0, 15000.0, "Hz")
        check_number(self.f_max, "f_max", 40.0, 20000.0, "Hz")
        if self.f_max <= self.f_min:
            raise ValueError(f"f_max = {self.f_max:g} Hz must lie above f_min = {self.f_min:g} Hz: raise it")
        check_number(self.spacing, "spacing", 0.1, 4.0, "ERB")
        check_number(self.hop, "hop", 0.001, 0.1, "s")
        check_number(self.level, "level", 0.0, 130.0, "dB SPL")
        check_choice(self.field, "field", FIELDS)
        if isinstance(self.compression, str):
            check_choice(self.compression, "compression", ("dB",))
        else:
            check_number(self.compression, "compression", 0.1, 1.0)
        if self.floor_db is not None:
            check_number(self.floor_db, "floor_db", -120.0, -10.0, "dB")

    def centres(self, fs: float) -> Tensor:
        """Return the centre frequencies in Hz at a sampling rate, float64."""
        top = min(self.f_max, 0.45 * fs)
        if top <= self.f_min:
            raise ValueError(
                f"fs = {fs:g} Hz is too low for channels from f_min = {self.f_min:g} Hz: they end at 0.45 fs = "
                f"{top:g} Hz; raise fs or lower f_min"
            )
        return erbspacebw(self.f_min, top, self.spacing, dtype=torch.float64)

    def plan(self, samples: int, fs: float) -> FramePlan:
        """Return how a response of so many samples is cut into frames."""
        return plan_frames(samples, fs, self.hop, ring_seconds(self.f_min))

    def power(self, rendered: Rendered) -> Tensor:
        """Return the power behind the ear in (20 uPa)^2, (batch * n_out, channels, frames), uncompressed."""
        plan = self.plan(rendered.nfft, rendered.fs)
        centres = self.centres(rendered.fs)
        key = (tuple(centres.tolist()), plan, rendered.fs, self.field, rendered.dtype, rendered.device)
        own = ("gammatone power", *key)
        found: Tensor = rendered.keep(own, lambda: gammatone_frames(*key)(rendered.rows))
        return found * calibration(rendered, self.hop, self.level)

    def floor(self, rendered: Rendered) -> Tensor:
        """Return the power of the floor in (20 uPa)^2, (channels, 1)."""
        if self.floor_db is None:
            level = threshold_db(self.centres(rendered.fs))
            floor: Tensor = 10.0 ** (level / 10.0)
            return floor[:, None].to(device=rendered.device, dtype=rendered.dtype)
        loudest = rendered.reference
        with torch.no_grad():
            peak: Tensor = loudest.keep(("loudest cell", self), lambda: self.power(loudest).amax())
        least: Tensor = peak * 10.0 ** (self.floor_db / 10.0)
        return least.reshape(1, 1)

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, channels, frames)."""
        power, floor = self.power(rendered), self.floor(rendered)
        if isinstance(self.compression, str):
            return ((10.0 / math.log(10.0)) * torch.log1p(power / floor),)
        return ((power + floor) ** self.compression - floor**self.compression,)


def calibration(rendered: Rendered, hop: float, level: float) -> Tensor:
    """
    Return the factor that takes powers to (20 uPa)^2, such that the target's loudest frame has a level in dB SPL.

    Parameters
    ----------
    rendered : Rendered
    hop : float
        Length of a frame in s.
    level : float
        In dB SPL.

    Raises
    ------
    ValueError
        If the target is silent.

    Examples
    --------
    >>> click = Rendered.of_response(torch.eye(1, 480)[0], fs=48000.0)
    >>> float(calibration(click, 0.01, 60.0)) / 480  # 1 / 480 is the click's mean power in 10 ms
    1000000.0...
    """
    reference = rendered.reference

    def loudest() -> Tensor:
        with torch.no_grad():
            square = reference.rows.detach().double().square()
            size = min(round(hop * reference.fs), square.shape[-1])
            missing = -square.shape[-1] % size
            frames = torch.nn.functional.pad(square, (0, missing)).reshape(len(square), -1, size).mean(dim=-1)
            top: Tensor = frames.amax()
            return top

    peak: Tensor = reference.keep(("loudest frame", hop), loudest)
    if not float(peak) > 0.0:
        raise ValueError("the response is silent, so it has no level: give one that sounds")
    factor: Tensor = 10.0 ** (level / 10.0) / peak
    return factor.to(reference.dtype)
