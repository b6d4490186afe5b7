"""Spectral smearing: what the wide filters of an impaired ear make of a sound, as heard through normal ones.
Source: Baer and Moore (1993), J. Acoust. Soc. Am. 94, 1229-1241, with the frames of Nejime and Moore (1997).
Not here: threshold and loudness (:mod:`amtlib.hearing_loss.recruitment`).
"""

import functools
import math

import torch
from torch import Tensor

from amtlib import lti
from amtlib.inputs import Signal
from amtlib.modules import RealModule
from amtlib.ranges import Above
from amtlib.scales import audfiltbw

#: Length of a frame in s: 256 samples at 44.1 kHz, with which the MSBG simulator works
_FRAME = 256 / 44100
_LEAST_FS, _MOST_FS = 8000.0, 192000.0
_WIDEST = 10.0
#: Power below which a component is silence, Pa^2
_SILENT = 1e-60


class SpectralSmearing(RealModule):
    """
    Smear the short-term spectrum as auditory filters do that are wider than normal.

    The power spectrum of each frame is replaced by the one whose excitation pattern by *normal* filters is that of
    the frame by the *wide* ones; phases stay. Frames of 5.8 ms overlap by three quarters.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, 8000 to 192000.
    lower, upper : float
        How many times wider than normal the filters are below and above their centre frequencies, 1 to 10. Baer and
        Moore used 3 and 6 on both sides; :attr:`amtlib.hearing_loss.Audiogram.broadening` gives those of a loss.
    learnable : bool
        Make both widths parameters, stored as logarithms.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    lower, upper : Tensor, shape (), float64
        As given.
    frame_length, hop_length : int
        Samples of a frame, and from one frame to the next.
    fs, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    The inverse of the normal filters has negative values, and where it makes a power negative, 0 stands instead.
    A weak component beside a strong one is raised by it and keeps its phase: where that is the phase of rounding, in
    the gaps of a spectrum of few tones, float32 and float64 differ.
    Rates other than 44.1 kHz have frames of the same duration, to within 2 samples.

    References
    ----------
    Baer and Moore (1993), J. Acoust. Soc. Am. 94, 1229-1241.
    Nejime and Moore (1997), J. Acoust. Soc. Am. 102, 603-615.

    Examples
    --------
    >>> SpectralSmearing(16000, 6.0, 6.0)(torch.zeros(2, 1000)).shape
    torch.Size([2, 1000])
    """

    lower: Tensor
    upper: Tensor

    def __init__(
        self,
        fs: float,
        lower: float = 3.0,
        upper: float = 3.0,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(dtype)
        if not _LEAST_FS <= fs <= _MOST_FS:
            raise ValueError(f"fs = {fs} Hz; give {_LEAST_FS:g} to {_MOST_FS:g} Hz")
        for name, width in (("lower", lower), ("upper", upper)):
            if not 1.0 <= width <= _WIDEST:
                raise ValueError(f"{name} = {width} times the normal width; give 1 (normal) to {_WIDEST:g}")
        self.fs, self.learnable = float(fs), bool(learnable)
        self.hop_length = round(self.fs * _FRAME / 4.0)
        self.frame_length = 4 * self.hop_length
        for name, width in (("lower", lower), ("upper", upper)):
            value = torch.tensor(float(width), dtype=torch.float64)
            self._keep(name, value, self.learnable, exact=True, within=Above(1.0, _WIDEST))
        self._matrices = lti.ResponseCache()

    def matrix(self) -> Tensor:
        """
        Return the smearing matrix.

        Returns
        -------
        Tensor, shape (K, K), float64
            Row k holds what each component of the power spectrum gives to component k; K is `frame_length`, and
            components are fs / (2 K) Hz apart. Differentiable in the widths.
        """
        if self.learnable and torch.is_grad_enabled():
            return self._matrix()
        return self._matrices.get("matrix", (self._now("lower"), self._now("upper")), self._matrix)

    def _matrix(self) -> Tensor:
        lower, upper = self._now("lower"), self._now("upper")
        count = self.frame_length
        wide = _filters(self.fs, count, count, lower, upper)
        return lti.product(_inverse(self.fs, count).to(wide.device), wide)

    def forward(self, x: Signal) -> Tensor:
        """
        Smear.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (..., T)
            Signal in Pa, or in any other unit.

        Returns
        -------
        Tensor, shape (..., T)
            In the same unit, of about the same power, without delay. Differentiable; where a component is silent, the
            derivative of its phase is taken as 0.

        Raises
        ------
        ValueError
            If `x` is complex, empty, on another device or of another sampling rate, or has non-finite samples.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        x = lti.check_signal(x, self.dtype, self.lower.device, fs=self.fs)
        total, length, hop = x.shape[-1], self.frame_length, self.hop_length
        window = _window(length).to(x.device)
        after = -total % hop + length - hop
        padded = torch.nn.functional.pad(x.double(), (length - hop, after))
        spectrum = torch.fft.rfft(padded.unfold(-1, length, hop) * window, 2 * length)[..., :length]
        power = spectrum.real.square() + spectrum.imag.square()
        smeared = lti.product(power, self.matrix().mT)
        sounds = (power > _SILENT) & (smeared > 0.0)
        gain = torch.where(sounds, smeared, 1.0).sqrt() / torch.where(sounds, power, 1.0).sqrt()
        spectrum = torch.nn.functional.pad(spectrum * torch.where(sounds, gain, 0.0), (0, 1))
        frames = torch.fft.irfft(spectrum, 2 * length)[..., :length] * window
        quarters = frames.unflatten(-1, (4, hop))
        found = sum(
            torch.nn.functional.pad(quarters[..., part, :], (0, 0, part, 3 - part)) for part in range(4)
        )
        assert isinstance(found, Tensor)
        return found.flatten(-2)[..., length - hop : length - hop + total].to(x.dtype)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"fs={self.fs:g}, lower={self._shown('lower', '.4g')}, upper={self._shown('upper', '.4g')}, "
            f"learnable={self.learnable}, dtype={self.dtype}"
        )


def _window(length: int) -> Tensor:
    """Hann window whose squares add up to 1 over frames a quarter apart."""
    phase = (torch.arange(length, dtype=torch.float64, device="cpu") + 0.5) / length
    return (0.5 - 0.5 * torch.cos(2.0 * math.pi * phase)) / math.sqrt(1.5)


def _filters(fs: float, rows: int, columns: int, lower: Tensor, upper: Tensor) -> Tensor:
    """
    Rounded exponential filters, each over its bandwidth, which leaves white noise a flat excitation pattern.

    Shape (rows, columns): row i is centred on component i, components being fs / (2 rows) Hz apart.
    """
    device = lower.device
    centre = torch.arange(rows, dtype=torch.float64, device=device)[:, None]
    component = torch.arange(columns, dtype=torch.float64, device=device)
    frequency = centre * fs / (2.0 * rows)
    width = audfiltbw(frequency)
    distance = (centre - component).abs() / centre.clamp_min(1.0)
    slope = 4.0 * frequency / (width * torch.where(component < centre, lower, upper))
    weight = (1.0 + slope * distance) * torch.exp(-slope * distance)
    at_zero = torch.where(component == 0.0, 1.0, 0.0)
    weight = torch.where(centre == 0.0, at_zero, weight)
    return weight * (2.0 * 24.7) / (width * (lower + upper))


@functools.lru_cache(maxsize=8)
def _inverse(fs: float, count: int) -> Tensor:
    """
    Pseudo-inverse of the normal filters, shape (count, count), float64.

    So that filters near the upper end are inverted well, those of the upper half see half as many components more,
    as far as these mirror components below their centres.
    """
    with torch.no_grad():
        one = torch.ones((), dtype=torch.float64, device="cpu")
        normal = _filters(fs, count, count + count // 2, one, one)
        row = torch.arange(count, device="cpu")[:, None]
        column = torch.arange(count + count // 2, device="cpu")
        seen = (column < count) | ((row >= count // 2) & (column < 2 * row - 1))
        inverse: Tensor = torch.linalg.pinv(torch.where(seen, normal, 0.0))
        return inverse[:count]
