"""The short-time spectrum of the binaural loudness model: components every millisecond, from six windows.
Source: Moore, Glasberg, Varathanathan and Schlittenlacher (2016), Trends in Hearing 20, 1-16; AMT 1.2.
Not here: the outer and middle ear before it (:mod:`amtlib.ears`), the excitation pattern after it
(:mod:`amtlib.filterbanks.roex`).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.precision import check_whole
from amtlib.inputs import Signal, samples_of
from amtlib.modules import RealModule
from amtlib.results import summary

_FS = 32000
_SEGMENT = 2048
_SPACING = _FS / _SEGMENT
_LIMITS = (
    (20.0, 80.0),
    (80.0, 500.0),
    (500.0, 1250.0),
    (1250.0, 2540.0),
    (2540.0, 4050.0),
    (4050.0, 15000.0),
)
# Components of a smooth mask below this share (-30 dB) are dropped; bins below the other are not computed.
_LEAST_SHARE = 1e-3
_NO_SHARE = 1e-9
# segments transformed at a time: their samples stay in the cache
_SEGMENTS = 512
# bins gathered at a time
_GATHERED = 250_000
# intensities under this count as silence in logarithms (-300 dB)
_SILENCE = 1e-30


class DenseSpectrum(NamedTuple):
    """
    Spectrum on its whole grid: what :meth:`Moore2016Spectrum.dense` gives.

    Attributes
    ----------
    freqs : Tensor, shape (n_bins,)
        Frequencies of the grid in Hz, rising, > 0.
    power : Tensor, shape (..., n_frames, n_bins)
        Intensities re 20 uPa squared (10 log10 of them are levels in dB SPL); 0 where there is no relevant component.

    Examples
    --------
    >>> freqs, power = Moore2016Spectrum().dense(torch.zeros(2, 3200))
    >>> freqs.shape, power.shape, freqs[[0, -1]]
    (torch.Size([958]), torch.Size([2, 36, 958]), tensor([   31.2500, 14984.3750]))
    """

    freqs: Tensor
    power: Tensor

    def __repr__(self) -> str:
        return summary(self)

    @property
    def keep(self) -> Tensor:
        """Mask of the relevant components, shape (..., n_frames, n_bins)."""
        return self.power > 0.0


class Moore2016Spectrum(RealModule):
    """
    Relevant spectral components of binaural sound, once in `segment_duration` ms.

    Each segment of 2048 samples is seen through six Hann windows of 64 to 2 ms, all centred in it; each window
    gives the components in its own range, on a common grid of 15.625 Hz. A component is relevant if its
    intensity exceeds both 10^-6 of the segment's largest and that of -30 dB SPL.

    Parameters
    ----------
    fs : int
        Sampling rate in Hz: must be 32000.
    segment_duration : int
        Time from one frame to the next in ms, >= 1.
    db_max : float
        Level in dB SPL of a sine with peak 1. The default follows the toolbox, in which a sine of L dB SPL has the
        peak ``10^((L - 93.98) / 20)``. For signals in Pa give 90.969, which is the level of a sine of peak 1 Pa.
    learnable : bool
        Make `freq_limits`, `threshold_max_minus` and `threshold_absolute` parameters (12 + 1 + 1), and all masks
        smooth so that each has a gradient.
    dtype : torch.dtype
        torch.float32 or torch.float64.
    joint_maximum : bool
        Measure relevance against the largest component of both ears, as the toolbox does, and not of each ear, as
        the specification does.

    Attributes
    ----------
    window_lengths : list of int
        2048, 1024, 512, 256, 128, 64.
    window_0, ..., window_5 : Tensor, shape (2048,)
        Symmetric Hann windows, zero outside of their centre (buffers).
    hop_length : int
        Samples from one frame to the next: 32 by default.
    freq_limits : Tensor, shape (6, 2)
        Limits in Hz: a window has the components from the first up to, not including, the second. Limits beyond 0
        and fs / 2 are taken as these; where windows overlap their intensities add; a window whose limits are in the
        wrong order gives nothing.
    threshold_max_minus, threshold_absolute : Tensor, shape ()
        60 dB below the largest component, and -30 dB SPL. The first is taken as 0 if negative.
    hann_correction : float
        10^0.332, the model's correction of intensity for the windows.
    softness, softness_db : float
        Widths of the smooth masks in bins and in dB (scales of logistic steps), > 0. Smaller is harder.
    fs, segment_duration, db_max, learnable, dtype, joint_maximum
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    MultiResolutionFFT : power spectral densities of the 2002 model.

    Notes
    -----
    The correction of 3.32 dB is the model's own: the powers of the components of a tone add up to 0.94 dB less than
    its level, with which 1 kHz at 40 dB SPL comes out as 1 sone.

    The toolbox takes bins 15.6 and 15000 Hz too, and bins 78.1, 2531.25 and 4046.9 Hz from the next shorter window;
    elsewhere the levels agree to 1e-8 dB in float64. It also has one frame more.

    With ``learnable=True`` and the initial limits, the bins next to a limit hold 0.03 % of the other window's
    power, and components come down smoothly, from 3 dB above the thresholds to 3 dB below. Masks tend to the hard
    ones as `softness` and `softness_db` tend to 0.

    The transforms are products with matrices of the wanted bins alone, which is 10 times as fast as FFTs padded to
    2048 samples.

    References
    ----------
    Moore, Glasberg, Varathanathan and Schlittenlacher (2016), Trends in Hearing 20, 1-16.
    Moore, Jervis, Harries and Schlittenlacher (2018), J. Acoust. Soc. Am. 143, 1504-1513.

    Examples
    --------
    >>> spectrum = Moore2016Spectrum()
    >>> tone = 10 ** ((60 - 93.98) / 20) * torch.sin(2 * torch.pi * 1000 / 32000 * torch.arange(32000))
    >>> freqs, levels, _, _ = spectrum(torch.stack([tone, tone]).unsqueeze(0))
    >>> freqs.shape, freqs[0, 0, :3]
    (torch.Size([1, 936, 58]), tensor([593.7500, 640.6250, 656.2500]))
    >>> levels.max(), 10 * torch.log10((10 ** (levels / 10))[freqs > 0].sum() / 936)
    (tensor(51.2618), tensor(59.0529))
    >>> sum(p.numel() for p in Moore2016Spectrum(learnable=True).parameters())
    14
    """

    freq_limits: Tensor
    threshold_max_minus: Tensor
    threshold_absolute: Tensor
    window_0: Tensor
    _offsets: Tensor

    def __init__(
        self,
        fs: int = 32000,
        segment_duration: int = 1,
        db_max: float = 93.98,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
        *,
        joint_maximum: bool = False,
    ) -> None:
        super().__init__(dtype)
        if fs != _FS:
            raise ValueError(
                f"fs = {fs} Hz; this model is defined at 32000 Hz only: resample the signal (amtlib.audio does)"
            )
        if not math.isfinite(db_max):
            raise ValueError(f"db_max = {db_max} dB SPL is no level; give a finite number, such as 93.98")
        self.fs = _FS
        self.segment_duration = check_whole(segment_duration, "segment_duration", 1, "ms")
        self.hop_length = _FS // 1000 * self.segment_duration
        self.db_max = float(db_max)
        self.learnable = bool(learnable)
        self.joint_maximum = bool(joint_maximum)
        self.softness = 1.0 / 16.0
        self.softness_db = 0.5
        self.hann_correction = 10.0**0.332
        self.window_lengths = [_SEGMENT >> index for index in range(6)]
        for index, length in enumerate(self.window_lengths):
            margin = (_SEGMENT - length) // 2
            window = torch.hann_window(length, periodic=False, dtype=torch.float64)
            self._table(f"window_{index}", torch.nn.functional.pad(window, (margin, margin)))
        limits = torch.tensor(_LIMITS, dtype=torch.float64)
        self._keep("freq_limits", limits, self.learnable)
        self._keep("threshold_max_minus", torch.tensor(60.0, dtype=torch.float64), self.learnable)
        self._keep("threshold_absolute", torch.tensor(-30.0, dtype=torch.float64), self.learnable)
        # A smooth step stands midway between the two bins that the initial limit separates.
        offsets = (torch.ceil(limits / _SPACING) - 0.5) * _SPACING - limits
        self._table("_offsets", offsets)
        self._plans = lti.ResponseCache()

    def forward(self, audio: Signal) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """
        Components of both ears, gathered to the front of each frame.

        Parameters
        ----------
        audio : Tensor, ndarray or Sound, shape (batch, 2, samples) or (2, samples)
            Left and right ear at 32 kHz, real, at least 2048 samples; a sine of peak 1 has `db_max` dB SPL.

        Returns
        -------
        freqs_left, levels_left, freqs_right, levels_right : Tensor, shape (batch, n_frames, max_components)
            Without batch axis if `audio` had none. Frequencies in Hz, rising, and levels in dB SPL. Behind the last
            component both are 0; a level may be 0 elsewhere, a frequency not: ``freqs > 0`` is the mask. n_frames is
            (samples - 2048) // hop_length, but at least 1; max_components, at least 1, is the same for both ears.
            Levels are differentiable in `audio` and in learnable parameters.

        Raises
        ------
        ValueError
            If `audio` has another shape, too few samples, or samples that are not finite; if a learned parameter is
            no longer finite.
        TypeError
            If it is neither a tensor nor an array.

        Examples
        --------
        Silence has no components:

        >>> freqs, levels, _, _ = Moore2016Spectrum()(torch.zeros(1, 2, 4096))
        >>> freqs.shape, int((freqs > 0).sum())
        (torch.Size([1, 64, 1]), 0)
        """
        x = samples_of(audio, "audio", self.freq_limits.device, _FS)
        if x.ndim not in (2, 3) or x.shape[-2] != 2:
            raise ValueError(
                f"audio has shape {tuple(x.shape)}; give left and right ear, (batch, 2, samples) or (2, samples): "
                "repeat a mono signal for both ears"
            )
        freqs, power = self.dense(x if x.ndim == 3 else x[None])
        # In parts that stay in the cache: fresh memory is what gathering costs most.
        step = max(1, _GATHERED // (2 * len(power) * len(freqs)))
        ranges = [slice(begin, begin + step) for begin in range(0, power.shape[-2], step)]
        # counted as numbers of the dtype, which sum faster than booleans
        counts = torch.cat([(power.detach()[:, :, r] > 0.0).to(self.dtype).sum(-1) for r in ranges], dim=-1)
        most = max(1, int(counts.max()))
        if power.requires_grad:
            parts = [_gather(freqs, power[:, :, r], counts[:, :, r], most) for r in ranges]
            both = [torch.cat(column, dim=-2) for column in zip(*parts, strict=True)]
        else:
            both = [power.new_empty((*counts.shape, most)) for _ in range(2)]
            for r in ranges:
                both[0][:, :, r], both[1][:, :, r] = _gather(freqs, power[:, :, r], counts[:, :, r], most)
        single = slice(None) if x.ndim == 3 else 0
        return both[0][single, 0], both[1][single, 0], both[0][single, 1], both[1][single, 1]

    def n_frames(self, samples: int) -> int:
        """
        Count the frames of a signal.

        Parameters
        ----------
        samples : int
            Length of the signal, >= 2048.

        Returns
        -------
        int
            ``(samples - 2048) // hop_length``, but at least 1.

        Raises
        ------
        ValueError
            If the signal is shorter than a segment.

        Examples
        --------
        >>> Moore2016Spectrum().n_frames(32000), Moore2016Spectrum().n_frames(2048)
        (936, 1)
        """
        if samples < _SEGMENT:
            raise ValueError(
                f"audio has {samples} samples; give at least {_SEGMENT} (64 ms at 32 kHz): pad it with zeros"
            )
        return max(1, (samples - _SEGMENT) // self.hop_length)

    def frame_times(self, samples: int) -> Tensor:
        """
        Centres of the segments of a signal.

        Parameters
        ----------
        samples : int
            Length of the signal, >= 2048.

        Returns
        -------
        Tensor, shape (n_frames,), float64
            Times in s.

        Raises
        ------
        ValueError
            If the signal is shorter than a segment.

        Examples
        --------
        >>> Moore2016Spectrum().frame_times(2200)
        tensor([0.0320, 0.0330, 0.0340, 0.0350], dtype=torch.float64)
        """
        starts = torch.arange(self.n_frames(samples), dtype=torch.float64, device="cpu") * self.hop_length
        return (starts + _SEGMENT / 2) / _FS

    def dense(self, audio: Signal, start: int = 0, stop: int | None = None) -> DenseSpectrum:
        """
        Intensities on the whole grid, for models that go on from here; a range of frames at a time if wanted.

        Parameters
        ----------
        audio : Tensor, ndarray or Sound, shape (..., samples)
            Signals at 32 kHz, at least 2048 samples. With `joint_maximum`, the last but one dimension are the ears.
        start, stop : int
            Compute frames start .. stop - 1, 0 <= start < stop <= n_frames(samples). Default: all. Frames are
            independent of each other, so ranges put together equal the whole.

        Returns
        -------
        DenseSpectrum
            ``freqs``, shape (n_bins,), and ``power``, shape (..., stop - start, n_bins): 958 bins from 31.25 to
            14984.375 Hz by default, a few more where limits are smooth. Differentiable as :meth:`forward`.

        Raises
        ------
        ValueError
            If `start` and `stop` are no range, and as :meth:`forward`.
        TypeError
            If `audio` is neither a tensor nor an array.

        Examples
        --------
        >>> spectrum, audio = Moore2016Spectrum(), torch.randn(3, 2, 8000)
        >>> whole = spectrum.dense(audio).power
        >>> parts = [spectrum.dense(audio, start, min(start + 50, 186)).power for start in range(0, 186, 50)]
        >>> whole.shape, torch.allclose(torch.cat(parts, -2), whole)
        (torch.Size([3, 2, 186, 958]), True)
        """
        audio = samples_of(audio, "audio", self.freq_limits.device, _FS)
        samples = audio.shape[-1] if audio.ndim else 0
        n_frames = self.n_frames(samples)
        stop = n_frames if stop is None else stop
        if not 0 <= start < stop <= n_frames:
            raise ValueError(
                f"frames {start} to {stop} are no range of the {n_frames} frames of {samples} samples; give "
                f"0 <= start < stop <= {n_frames}"
            )
        if self.joint_maximum and audio.ndim < 2:
            raise ValueError(
                f"audio has shape {tuple(audio.shape)}; joint_maximum needs both ears: give (..., 2, samples)"
            )
        # Only what this range needs is looked at; the last range also answers for the rest of the signal.
        end = samples if stop == n_frames else (stop - 1) * self.hop_length + _SEGMENT
        part = audio[..., start * self.hop_length : end]
        x = lti.check_signal(part, self.dtype, self.freq_limits.device, "audio")
        return self._dense(x, stop - start)

    def dense_at(self, segment: Signal, gains: Signal) -> DenseSpectrum:
        """
        Intensities of one segment at several levels: it is transformed once, what is relevant is found for each.

        Parameters
        ----------
        segment : Tensor, ndarray or Sound, shape (2048,)
            Signal at 32 kHz.
        gains : Tensor or ndarray, shape (N,)
            Factors of the signal.

        Returns
        -------
        DenseSpectrum
            As :meth:`dense` gives it of ``gains[:, None] * segment``: ``power`` has shape (N, 1, n_bins).

        Raises
        ------
        ValueError
            If shapes differ from these, or a number is not finite.
        TypeError
            If an argument is neither a tensor nor an array.

        Examples
        --------
        >>> spectrum, segment, gains = Moore2016Spectrum(), torch.ones(2048).cumsum(0).sin(), torch.logspace(-4, 0, 9)
        >>> power = spectrum.dense_at(segment, gains).power
        >>> power.shape, torch.allclose(power, spectrum.dense(gains[:, None] * segment).power, rtol=1e-4)
        (torch.Size([9, 1, 958]), True)
        """
        x, factor = (
            lti.check_signal(value, self.dtype, self.freq_limits.device, name)
            for value, name in ((segment, "segment"), (gains, "gains"))
        )
        if x.shape != (_SEGMENT,) or factor.ndim != 1:
            raise ValueError(
                f"segment has shape {tuple(x.shape)} and gains {tuple(factor.shape)}; give ({_SEGMENT},) and (N,)"
            )
        first, last, plan = self._plan()
        intensity = self._intensity(x, 0, 1, first, last, plan)
        return DenseSpectrum(
            self._grid(first, last), self._relevant(factor.square()[:, None, None, None] * intensity)[:, 0]
        )

    @property
    def frequencies(self) -> Tensor:
        """Bins of :meth:`dense` in Hz, shape (n_bins,)."""
        first, last, _ = self._plan()
        return self._grid(first, last)

    def _grid(self, first: int, last: int) -> Tensor:
        bins = torch.arange(first, last, dtype=torch.float64, device=self.freq_limits.device)
        return bins.mul(_SPACING).to(self.dtype)

    def _dense(self, x: Tensor, count: int) -> DenseSpectrum:
        """Analyze the first `count` frames of a signal."""
        first, last, plan = self._plan()
        freqs = self._grid(first, last)
        step = max(1, _SEGMENTS // math.prod(x.shape[:-1]))
        ranges = [(begin, min(begin + step, count)) for begin in range(0, count, step)]
        if torch.is_grad_enabled() and (x.requires_grad or self._learns()):
            blocks = [self._relevant(self._intensity(x, *r, first, last, plan)) for r in ranges]
            return DenseSpectrum(freqs, torch.cat(blocks, dim=-2))
        power = x.new_empty((*x.shape[:-1], count, last - first))
        for begin, end in ranges:
            power[..., begin:end, :] = self._relevant(self._intensity(x, begin, end, first, last, plan))
        return DenseSpectrum(freqs, power)

    def _learns(self) -> bool:
        return any(parameter.requires_grad for parameter in self.parameters())

    def _plan(self) -> "tuple[int, int, list[_Part]]":
        """First bin of the grid, the bin behind its last, and what each window gives to it."""
        if self.learnable:
            return self._make_plan()
        windows = [getattr(self, f"window_{i}") for i in range(6)]
        values = [self.freq_limits, self.threshold_max_minus, self.threshold_absolute, *windows]
        return self._plans.get((self.db_max, self.hann_correction), values, self._make_plan)

    def _make_plan(self) -> "tuple[int, int, list[_Part]]":
        for name in ("freq_limits", "threshold_max_minus", "threshold_absolute"):
            value = getattr(self, name).detach()
            if not bool(torch.isfinite(value).all()):
                raise ValueError(
                    f"{name} has become {value.tolist()}; lower the learning rate or clip its gradient"
                )
        limits = self.freq_limits.double()
        bins = torch.arange(1, _SEGMENT // 2 + 1, dtype=torch.float64, device=limits.device) * _SPACING
        limits = limits.clamp(0.0, _FS / 2.0)
        if self.learnable:
            low, high = (limits + self._offsets.double()).unsqueeze(-1).unbind(1)
            width = self.softness * _SPACING
            shares = torch.sigmoid((bins - low) / width) * torch.sigmoid((high - bins) / width)
        else:
            low, high = limits.unsqueeze(-1).unbind(1)
            shares = ((bins >= low) & (bins < high)).double()
        parts = []
        for index, share in enumerate(shares):
            wanted = (share.detach() > _NO_SHARE).nonzero()
            if len(wanted):
                first, last = int(wanted[0]) + 1, int(wanted[-1]) + 2
                soft = share[first - 1 : last - 1].to(self.dtype) if self.learnable else None
                parts.append(_Part(first, last, self._transform(index, first, last), soft))
        if not parts:
            raise ValueError(
                f"freq_limits = {self.freq_limits.tolist()} Hz leaves no bin to any window; give limits from "
                f"above 0 to {_FS // 2} Hz, low before high"
            )
        return min(part.first for part in parts), max(part.last for part in parts), parts

    def _transform(self, index: int, first: int, last: int) -> Tensor:
        """Cosines and sines of bins first .. last - 1 through a window, shape (length, 2 (last - first))."""
        length = self.window_lengths[index]
        margin = (_SEGMENT - length) // 2
        window: Tensor = getattr(self, f"window_{index}")[margin : margin + length]
        intensity = self.hann_correction * 2.0**index * 10.0 ** (self.db_max / 10.0)
        values = window.detach().cpu().double().numpy().tobytes()
        return _transform_of(values, first, last, intensity, self.dtype, window.device)

    def _intensity(
        self, x: Tensor, begin: int, end: int, first: int, last: int, plan: "list[_Part]"
    ) -> Tensor:
        """Intensities of the frames of a range before any is dropped, shape (..., end - begin, last - first)."""
        segment = x[..., begin * self.hop_length : (end - 1) * self.hop_length + _SEGMENT]
        parts = []
        for part in plan:
            length = len(part.transform)
            margin = (_SEGMENT - length) // 2
            inner = segment[..., margin : segment.shape[-1] - margin]
            frames = inner.unfold(-1, length, self.hop_length)
            real, imaginary = lti.product(frames, part.transform).chunk(2, dim=-1)
            power = real.square() + imaginary.square()
            parts.append(power if part.share is None else power * part.share)
        ends = [part.last for part in plan]
        if all(part.first == end for part, end in zip(plan[1:], ends[:-1], strict=True)):
            return torch.cat(parts, dim=-1)
        padded = [
            torch.nn.functional.pad(power, (part.first - first, last - part.last))
            for part, power in zip(plan, parts, strict=True)
        ]
        return torch.stack(padded).sum(0)

    def _relevant(self, intensity: Tensor) -> Tensor:
        """Drop, or smoothly fade, what is too far below the largest component or too soft."""
        below = self.threshold_max_minus.clamp_min(0.0)
        if not self.learnable:
            largest = intensity.amax(-1, keepdim=True)
            if self.joint_maximum:
                largest = largest.amax(-3, keepdim=True)
            enough = torch.maximum(
                largest * 10.0 ** (-below / 10.0), 10.0 ** (self.threshold_absolute / 10.0)
            )
            # A mask of numbers takes a fifth of the time of one of booleans.
            return intensity * intensity.detach().clone().gt_(enough.detach())
        level = 10.0 * torch.log10(intensity.clamp_min(_SILENCE))
        loudest = level.amax(-1, keepdim=True)
        if self.joint_maximum:
            loudest = loudest.amax(-3, keepdim=True)
        share = torch.sigmoid((level - loudest + below) / self.softness_db)
        share = share * torch.sigmoid((level - self.threshold_absolute) / self.softness_db)
        return torch.where(share > _LEAST_SHARE, intensity * share, 0.0)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"fs={self.fs} Hz, segment_duration={self.segment_duration} ms, hop={self.hop_length} samples, "
            f"windows={len(self.window_lengths)}, db_max={self.db_max:g}, learnable={self.learnable}, "
            f"joint_maximum={self.joint_maximum}, dtype={self.dtype}"
        )


def _gather(freqs: Tensor, power: Tensor, counts: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Frequencies and levels of the components with power, at the front of `most` places; 0 behind them."""
    # By flat positions, which is much faster on a CPU than by masks
    slots = torch.arange(most, device=power.device) < counts.unsqueeze(-1)
    source = (power.detach() > 0.0).reshape(-1).nonzero().squeeze(-1)
    target = slots.reshape(-1).nonzero().squeeze(-1)
    levels = 10.0 * torch.log10(power.reshape(-1).index_select(0, source))
    heard = freqs.expand(power.shape).reshape(-1).index_select(0, source)
    at_f, at_l = (power.new_zeros(slots.numel()).index_copy(0, target, values) for values in (heard, levels))
    return at_f.reshape(slots.shape), at_l.reshape(slots.shape)


@lru_cache(maxsize=32)
def _transform_of(
    window: bytes, first: int, last: int, intensity: float, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the transform of a window; all modules of a process share it, for it holds nothing that learns."""
    # Transforms outlive the call, so they must not be inference tensors, which autograd refuses later.
    with torch.inference_mode(False), torch.no_grad():
        weights = torch.frombuffer(bytearray(window), dtype=torch.float64).to(device)
        at = torch.arange(len(weights), dtype=torch.float64, device=device)
        bins = torch.arange(first, last, dtype=torch.float64, device=device)
        # whole turns are left out before they cost digits
        turns = torch.outer(at, bins).remainder(_SEGMENT) * (2.0 * math.pi / _SEGMENT)
        scale = 2.0 / _SEGMENT * math.sqrt(intensity)
        both = torch.cat([turns.cos(), turns.sin()], dim=-1) * (scale * weights).unsqueeze(-1)
        return both.to(dtype)


@dataclass(frozen=True)
class _Part:
    """Bins first .. last - 1 of one window: its transform, and how much each bin counts (all fully if None)."""

    first: int
    last: int
    transform: Tensor
    share: Tensor | None
