"""Clicks, trains of clicks, and silence.
Source: rectangular clicks of about 100 us as in audiology; peak-equivalent level as in IEC 60645-3.
Not here: noise bursts and tone pips (use a noise or a tone with a short duration).
"""

import math

import torch

from amtlib.errors import ArgumentError
from amtlib.signals.frame import Frame, amplitude, number


def click(
    *,
    level: float = 60.0,
    width: float = 100e-6,
    onset: float = 0.005,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return one rectangular click of positive pressure.

    The level is peak-equivalent: the click is as high as the peak of a tone of that level, sqrt(2) times its
    rms.

    Parameters
    ----------
    level, duration, fs, ramp, dtype, device
        dB peSPL, s, Hz, s: see :mod:`amtlib.signals`. No ramp by default; one longer than the onset softens
        the click.
    width : float
        s, at least half a sample, rounded to whole samples (100 us are 4 samples, 91 us, at 44100 Hz).
    onset : float
        Time at which it begins, s, rounded to the nearest sample; it must end inside the duration.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a value is out of range or the click does not fit.

    See Also
    --------
    click_train : many of them at a rate.

    Examples
    --------
    >>> x = click(level=80.0, duration=0.05)
    >>> x.shape, int((x > 0).sum()), round(float(x.max()), 4)
    (torch.Size([2205]), 4, 0.2828)
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    peak = math.sqrt(2.0) * amplitude(level)
    wide = _width(width, frame)
    start = round(number(onset, "onset", 0.0, 600.0, unit="s") * frame.fs)
    if start + wide > frame.n:
        raise ArgumentError(
            f"a click of {wide} samples at {{onset}} = {onset:g} s ends after the {{duration}} of "
            f"{frame.n / frame.fs:g} s: begin it earlier or lengthen the sound"
        )
    x = torch.zeros(frame.n, dtype=torch.float64)
    x[start : start + wide] = peak
    return frame.finish(x)


def click_train(
    rate: float,
    *,
    level: float = 60.0,
    width: float = 100e-6,
    onset: float = 0.005,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return rectangular clicks of positive pressure at a regular rate.

    The level is peak-equivalent, as for :func:`click`. Each click begins at the sample nearest to its true
    time: off by half a sample at most, and the error never accumulates. For a pitch without any jitter use
    :func:`~amtlib.signals.harmonic_complex` with cosine phases.

    Parameters
    ----------
    rate : float
        Clicks per second, Hz, above 0; between two clicks at least one sample of silence must remain.
    level, duration, fs, ramp, dtype, device
        dB peSPL, s, Hz, s: see :mod:`amtlib.signals`. No ramp by default.
    width : float
        s, at least half a sample, rounded to whole samples.
    onset : float
        Time of the first click, s. A last click that does not fit entirely is left out.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a value is out of range, the clicks would merge, or not even the first one fits.

    Examples
    --------
    >>> x = click_train(100.0, width=1 / 44100, duration=0.1)
    >>> torch.nonzero(x).flatten()[:3]
    tensor([ 220,  662, 1102])
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    peak = math.sqrt(2.0) * amplitude(level)
    wide = _width(width, frame)
    clicks = number(rate, "rate", -math.inf, math.inf, unit="Hz")
    fastest = frame.fs / (wide + 2)  # rounding may bring two clicks one sample closer
    if not 0.0 < clicks <= fastest:
        raise ArgumentError(
            f"{{rate}} = {clicks:g} Hz must lie above 0 and not above {fastest:g} Hz for clicks of {wide} "
            "samples: lower the rate or narrow the clicks"
        )
    begin = number(onset, "onset", 0.0, 600.0, unit="s")
    count = math.floor(max(0.0, frame.n / frame.fs - begin) * clicks) + 1
    starts = torch.round((begin + torch.arange(count, dtype=torch.float64) / clicks) * frame.fs).long()
    starts = starts[starts + wide <= frame.n]
    if starts.numel() == 0:
        raise ArgumentError(
            f"no click fits: the first, {wide} samples at {{onset}} = {begin:g} s, ends after the {{duration}} of "
            f"{frame.n / frame.fs:g} s: begin it earlier or lengthen the sound"
        )
    x = torch.zeros(frame.n, dtype=torch.float64)
    x[(starts[:, None] + torch.arange(wide)).flatten()] = peak
    return frame.finish(x)


def silence(
    *,
    duration: float = 1.0,
    fs: float = 44100,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return zeros; silence has neither level nor ramps.

    Parameters
    ----------
    duration, fs, dtype, device
        s, Hz: see :mod:`amtlib.signals`.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa: zero.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> silence(duration=0.001, fs=4000)
    tensor([0., 0., 0., 0.])
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=0.0, dtype=dtype, device=device)
    return frame.finish(torch.zeros(frame.n, dtype=torch.float64))


def _width(width: float, frame: Frame) -> int:
    seconds = number(width, "width", -math.inf, math.inf, unit="s")
    samples = round(seconds * frame.fs) if 0.0 < seconds <= 600.0 else 0
    if samples < 1:
        raise ArgumentError(
            f"{{width}} = {seconds:g} s must hold a sample at {{fs}} = {frame.fs:g} Hz and not exceed 600 s: "
            f"choose at least {1 / frame.fs:g} s"
        )
    return samples
