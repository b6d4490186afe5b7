"""Threshold and loudness recruitment: soft sounds vanish, loud ones stay, and between them loudness grows too fast.
Source: Moore and Glasberg (1993b), J. Acoust. Soc. Am. 94, 2050-2062, with the wide filters of Nejime and Moore (1997).
Not here: smearing (:mod:`amtlib.hearing_loss.smearing`), and the whole ear (:mod:`amtlib.hearing_loss.simulation`).
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.centres import Centres, centre_frequencies
from amtlib.inputs import Numbers, Signal, as_tensor
from amtlib.modules import RealModule
from amtlib.ranges import Above
from amtlib.scales import audfiltbw, erbrate2f, f2erbrate

_ORDER = 4
_PASCAL = 20e-6
#: The loss acts as one that leaves this many dB between threshold and catch-up
_LEAST_RANGE = 5.0
_LEAST_CATCH_UP, _MOST_CATCH_UP = 60.0, 140.0
_LEAST_BROADENING, _MOST_BROADENING = 0.5, 6.0
#: Envelopes count from here on, Pa: -60 dB SPL
_SILENT = 20e-9
#: The envelope's filter, analogue, at a cut-off of 1 rad/s: elliptic, order 2, 0.25 dB ripple, 35 dB beyond. Square of
#: the frequency of its zeros, then the coefficients of s and 1 of its denominator
_ZERO, _MIDDLE, _LAST = 115.98976457857863, 1.7799812775996657, 2.122851754012968
#: Cut-off in bandwidths of the channel, and the widest bandwidth that counts, Hz
_CUTOFF, _WIDEST = 30.0 / 40.0, 100.0
#: Mean of a rectified sine over its root mean square
_RECTIFIED = 2.0 * math.sqrt(2.0) / math.pi
_CHANNELS_AT_ONCE = 8
_ITERATIONS = 100


class LoudnessRecruitment(RealModule):
    """
    Expand the envelope of each channel so that a tone at the impaired threshold becomes one at the normal threshold.

    With hearing level L in dB HL, loss H and catch-up level C, a channel's level becomes ``C - (C - L) C / (C - H)``:
    H becomes 0 and C stays. No channel is ever amplified. Of a tone, neighbouring channels hold less and are expanded,
    too: it comes out some dB lower than the rule for its level has it.

    Parameters
    ----------
    fc : (low, high), or Tensor, shape (F,), or list or array of F numbers
        Centre frequencies in Hz, above 0 and below fs / 2; a tuple of two numbers is a range, filled with channels
        0.75 `broadening` Cam apart.
    fs : float
        Sampling rate in Hz.
    loss_db : float, or Tensor, shape (F,), or list or array of F numbers
        Loss in dB, 0 to 120; one for all channels or one each. More than `catch_up_db` - 5 dB acts as that.
    threshold_db : float, or Tensor, shape (F,), or list or array of F numbers
        Normal threshold in dB SPL, at which hearing level is 0; -20 to 120.
    catch_up_db : float
        Hearing level in dB at which sounds are as loud as for a normal ear, 60 to 140.
    broadening : float
        Width of the filters in ERB, 0.5 to 6. The MSBG simulator widens them with the loss: 1.5, 2, 3.
    learnable : bool
        Make the loss of each channel a parameter, stored as its logarithm; a loss of 0 stays 0.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    fc : Tensor, shape (F,)
        Centre frequencies in Hz.
    loss_db : Tensor, shape (F,), float64
        The loss. One that is set below 0, or above `catch_up_db` - 5 dB, acts as that.
    fs, catch_up_db, broadening, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range, or of another number of channels.
    TypeError
        If an argument holds no numbers.

    Notes
    -----
    Channels are classic gammatones of order 4, advanced in time by what their envelopes take to peak, with gains at
    which they add up to 1 at their centres (as in Hohmann, 2002). Envelopes are the rectified channels, filtered
    without delay below 0.75 ERB and at most 75 Hz. As these look ahead, there is no stream.

    References
    ----------
    Hohmann (2002), Acta Acust. united Ac. 88, 433-442.
    Moore and Glasberg (1993b), J. Acoust. Soc. Am. 94, 2050-2062.
    Nejime and Moore (1997), J. Acoust. Soc. Am. 102, 603-615.

    Examples
    --------
    >>> deaf = LoudnessRecruitment((100.0, 6000.0), 16000, 50.0)
    >>> tone = torch.sin(2 * math.pi * 1000 * torch.arange(8000) / 16000)
    >>> out = deaf(torch.stack([20e-6 * 10 ** (level / 20) * 2**0.5 * tone for level in (50, 105)]))
    >>> level = 20 * torch.log10(out[:, 2000:6000].square().mean(-1).sqrt() / 20e-6)
    >>> bool(-4 < level[0] < 0), bool(101 < level[1] < 105)
    (True, True)
    """

    fc: Tensor
    loss_db: Tensor
    threshold_db: Tensor

    def __init__(
        self,
        fc: Centres,
        fs: float,
        loss_db: Numbers,
        threshold_db: Numbers = 0.0,
        catch_up_db: float = 105.0,
        broadening: float = 1.5,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(dtype)
        if not (math.isfinite(fs) and fs > 0.0):
            raise ValueError(f"fs = {fs} Hz; give a finite number > 0")
        for name, value, least, most, unit in (
            ("catch_up_db", catch_up_db, _LEAST_CATCH_UP, _MOST_CATCH_UP, "dB HL"),
            ("broadening", broadening, _LEAST_BROADENING, _MOST_BROADENING, "ERB"),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} = {value} {unit}; give {least:g} to {most:g} {unit}")
        self.fs, self.catch_up_db, self.broadening = float(fs), float(catch_up_db), float(broadening)
        self.learnable = bool(learnable)
        step = 0.75 * self.broadening
        centres = centre_frequencies(fc, self.fs, lambda a, b: _spaced(a, b, step), nyquist=False).cpu()
        self._table("fc", centres)
        self._table("threshold_db", _each(threshold_db, "threshold_db", len(centres), -20.0, 120.0))
        loss = _each(loss_db, "loss_db", len(centres), 0.0, 120.0)
        most = self.catch_up_db - _LEAST_RANGE
        self._keep(
            "loss_db", loss.clamp(max=most), self.learnable, exact=True, within=Above(0.0, most, clamps=True)
        )
        self._centre, self._damping = _angles(centres, self.fs, self.broadening)
        self._advance = (_ORDER - 1) / self._damping
        self._gain = _recombination(self._response_at(self._centre))
        cutoff = _CUTOFF * audfiltbw(centres).clamp(max=_WIDEST)
        self._cutoff = 2.0 * math.pi / self.fs * cutoff
        self._responses = lti.ResponseCache()

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.fc)

    @property
    def expansion(self) -> Tensor:
        """How many dB a channel's level grows for one dB of sound, below the catch-up level; shape (F,), float64."""
        loss = self._now("loss_db")
        if not self.learnable:  # one that learns stays in its range; any other can be set to anything
            loss = loss.clamp(0.0, self.catch_up_db - _LEAST_RANGE)
        return self.catch_up_db / (self.catch_up_db - loss)

    def _response_at(self, omega: Tensor) -> Tensor:
        """Transfer functions of all channels, time-advanced, shape (F, K)."""
        response = lti.classic_gammatone_response(self._centre, self._damping, _ORDER, omega)
        return response * torch.exp(1j * self._advance[:, None] * omega)

    def _channels(self, n_fft: int) -> Tensor:
        """Transfer functions on the grid of a real FFT, shape (F, n_fft // 2 + 1)."""
        response = self._gain[:, None] * self._response_at(_omega(n_fft))
        return response.to(self.fc.device)

    def _smoothing(self, n_fft: int) -> Tensor:
        """Transfer functions of the envelopes' filters, of the same shape."""
        return _envelope_response(self._cutoff, _omega(n_fft)).to(self.fc.device)

    def _length(self, total: int) -> int:
        """FFT length in which neither a channel nor its envelope wraps round into the signal."""
        ring = lti.settling_samples(float(torch.exp(-self._damping.min())), _ORDER, torch.float64)
        # Both poles of the envelope's filter are damped by half the coefficient of s times the cut-off
        slow = math.exp(-0.5 * _MIDDLE * float(self._cutoff.min()))
        smooth = lti.settling_samples(slow, 2, torch.float64)
        return lti.fast_length(total + ring + smooth + math.ceil(float(self._advance.max())))

    def forward(self, x: Signal) -> Tensor:
        """
        Attenuate what is soft, channel by channel.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (..., T)
            Signal in Pa.

        Returns
        -------
        Tensor, shape (..., T)
            Pa. Differentiable.

        Raises
        ------
        ValueError
            If `x` is complex, empty, on another device or of another sampling rate, or has non-finite samples.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        x = lti.check_signal(x, self.dtype, self.fc.device, fs=self.fs)
        found = torch.zeros_like(x, dtype=torch.float64)
        for some, motion, level in self._analyzed(x):
            found = found + self._attenuated(motion, level, some)
        return found.to(x.dtype)

    def channels(self, x: Signal) -> tuple[Tensor, Tensor]:
        """
        Return the channels and their levels, which do not depend on the loss: the first of the two parts of `forward`.

        With ``motion, level = channels(x)``, ``forward(x)`` is ``attenuated(motion, level)``, which takes a quarter of
        the time: for those who hear one sound with one loss after the other.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (..., T)
            Signal in Pa.

        Returns
        -------
        motion : Tensor, shape (..., F, T), float64
            What the filters let through, Pa. Differentiable.
        level : Tensor, shape (..., F, T), float64
            Level of the envelope below the catch-up level, Np, <= 0. Differentiable.

        Raises
        ------
        ValueError, TypeError
            As `forward`.

        Examples
        --------
        >>> ear = LoudnessRecruitment([500.0, 1000.0], 16000, 50.0)
        >>> motion, level = ear.channels(torch.ones(100))
        >>> motion.shape, torch.allclose(ear.attenuated(motion, level), ear(torch.ones(100)))
        (torch.Size([2, 100]), True)
        """
        parts = self._analyzed(lti.check_signal(x, self.dtype, self.fc.device, fs=self.fs))
        motion, level = zip(*((motion, level) for _, motion, level in parts), strict=True)
        return torch.cat(motion, -2), torch.cat(level, -2)

    def attenuated(self, motion: Tensor, level: Tensor) -> Tensor:
        """
        Attenuate channels by the loss as it is now, and add them up: the second part of `forward`.

        Parameters
        ----------
        motion, level : Tensor, shape (..., F, T), float64
            What :meth:`channels` returned.

        Returns
        -------
        Tensor, shape (..., T)
            Pa. Differentiable.

        Raises
        ------
        ValueError
            If there are other than F channels.

        Examples
        --------
        >>> ear = LoudnessRecruitment([500.0, 1000.0], 16000, 50.0)
        >>> parts = ear.channels(torch.ones(100))
        >>> ear.loss_db = torch.zeros(2)
        >>> torch.allclose(ear.attenuated(*parts), parts[0].sum(-2).float())
        True
        """
        for name, values in (("motion", motion), ("level", level)):
            if values.ndim < 2 or values.shape[-2] != self.n_channels:
                raise ValueError(
                    f"{name} has shape {tuple(values.shape)}; give (..., {self.n_channels}, T), as `channels` does"
                )
        return self._attenuated(motion, level, slice(None)).to(self.dtype)

    def _analyzed(self, x: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Yield a few channels at a time, what their filters let through, and its level."""
        total, n_fft = x.shape[-1], self._length(x.shape[-1])
        channels = self._responses.get(("channels", n_fft), (self.fc,), lambda: self._channels(n_fft))
        smooth = self._responses.get(("envelopes", n_fft), (self.fc,), lambda: self._smoothing(n_fft))
        highest = _PASCAL * 10.0 ** ((self.catch_up_db + self._built["threshold_db"].to(x.device)) / 20.0)
        unit = (_RECTIFIED * self._gain).to(x.device)
        spectrum = torch.fft.rfft(x.double(), n_fft).unsqueeze(-2)
        for start in range(0, self.n_channels, _CHANNELS_AT_ONCE):
            some = slice(start, start + _CHANNELS_AT_ONCE)
            y = torch.fft.irfft(spectrum * channels[some], n_fft)
            envelope = torch.fft.irfft(torch.fft.rfft(y.abs()) * smooth[some], n_fft)[..., :total]
            envelope = envelope / unit[some, None]
            below = envelope.clamp_min(_SILENT) / highest[some, None]
            yield some, y[..., :total], below.clamp(max=1.0).log()

    def _attenuated(self, motion: Tensor, level: Tensor, some: slice) -> Tensor:
        """Return the sum of some channels, each with the gain of its level."""
        steepness = self.expansion[some] - 1.0
        return (motion * torch.exp(steepness[:, None] * level)).sum(-2)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"channels={self.n_channels}, fs={self.fs:g}, catch_up_db={self.catch_up_db:g}, "
            f"broadening={self.broadening:g}, learnable={self.learnable}, dtype={self.dtype}"
        )


def _omega(n_fft: int) -> Tensor:
    """Frequencies of a real FFT in rad/sample, float64."""
    return torch.linspace(0.0, math.pi, n_fft // 2 + 1, dtype=torch.float64, device="cpu")


def _spaced(low: float, high: float, step: float) -> Tensor:
    """Frequencies from `low` up to `high`, the same number of Cam apart."""
    ends = f2erbrate(torch.tensor([low, high], dtype=torch.float64, device="cpu"))
    count = math.floor(float(ends[1] - ends[0]) / step + 1e-9) + 1
    return erbrate2f(ends[0] + step * torch.arange(count, dtype=torch.float64, device="cpu"))


def _each(values: Numbers, name: str, count: int, least: float, most: float) -> Tensor:
    """One number for each channel, float64, within a range."""
    found = as_tensor(values, name, what="numbers", numbers=True).detach().cpu()
    if found.is_complex() or found.dtype == torch.bool:
        raise TypeError(f"{name} has dtype {found.dtype}; give real numbers in dB")
    found = found.to(torch.float64)
    if found.ndim > 1 or (found.ndim == 1 and len(found) != count):
        raise ValueError(
            f"{name} has shape {tuple(found.shape)}, and there are {count} channels; give one number, or one for each"
        )
    outside = found[~((found >= least) & (found <= most))]
    if outside.numel():
        raise ValueError(f"{name} holds {float(outside.reshape(-1)[0]):g} dB; give {least:g} to {most:g} dB")
    return found.expand(count).clone()


def _angles(centres: Tensor, fs: float, broadening: float) -> tuple[Tensor, Tensor]:
    """Angle and damping of the poles in rad/sample."""
    return 2.0 * math.pi / fs * centres, 2.0 * math.pi / fs * broadening * audfiltbw(centres)


def _recombination(response: Tensor) -> Tensor:
    """Gains, shape (F,), at which channels add up to 1 at the centres; (F, F) are their responses there."""
    gains = torch.ones(len(response), dtype=torch.float64, device="cpu")
    for _ in range(_ITERATIONS):
        gains = gains / (gains[:, None] * response).sum(0).abs()
    return gains


def _envelope_response(cutoff: Tensor, omega: Tensor) -> Tensor:
    """Both ways through the low-pass filter (bilinear transform), 1 at frequency 0; shape (F, K)."""
    # tan^2 of half the angle, as a share of 1 + tan^2, stays finite at pi
    high, low = (omega / 2.0).sin().square(), (omega / 2.0).cos().square()
    edge = torch.tan(cutoff / 2.0).square()[:, None]
    zero = (_ZERO * edge * low - high) / _ZERO
    poles = ((_LAST * edge * low - high).square() + _MIDDLE**2 * edge * low * high) / _LAST**2
    return zero.square() / poles
