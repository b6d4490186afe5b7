"""Random stimuli: white, pink and band noise, a gap in noise, iterated rippled noise, a tone in noise.
Source: noise shaped on an FFT grid; Plomp 1964 (gap), Yost 1996 (ripples), Fletcher 1940 (masking).
Not here: frozen noise from files, and any use of the global random state.
"""

import math

import torch

from amtlib.errors import ArgumentError
from amtlib.signals.frame import (
    MAX_DURATION,
    Frame,
    amplitude,
    generator,
    number,
    raised_cosine,
    seconds,
    whole,
)
from amtlib.signals.tones import tone


def white_noise(
    *,
    level: float = 60.0,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.01,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return Gaussian noise of equal power per Hz from 0 to fs/2.

    The level is the overall rms level of this very sample of noise before the ramps, exactly; the spectrum
    level is ``level - 10 * log10(fs / 2)``.

    Parameters
    ----------
    level, duration, fs, ramp, seed, dtype, device
        dB SPL, s, Hz, s: see :mod:`amtlib.signals`.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a value is out of range.

    See Also
    --------
    band_noise : between two frequencies.

    Examples
    --------
    >>> x = white_noise(level=60.0, ramp=0.0)
    >>> round(float(x.square().mean().sqrt()), 6)
    0.02
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    rms = amplitude(level)
    return frame.finish(_scaled(_gaussian(frame, seed), rms))


def pink_noise(
    *,
    low: float = 20.0,
    high: float | None = None,
    level: float = 60.0,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.01,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return Gaussian noise of equal power per octave between two frequencies, falling by 3 dB per octave.

    The level is the overall rms level of this very sample of noise before the ramps, exactly.

    Parameters
    ----------
    low, high : float
        Lower and upper edge, Hz, ``0 < low < high <= fs/2``; ``high=None`` is fs/2.
    level, duration, fs, ramp, seed, dtype, device
        dB SPL, s, Hz, s: see :mod:`amtlib.signals`.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a value is out of range, or the band is too narrow for the duration.

    Examples
    --------
    >>> x = pink_noise(level=60.0, ramp=0.0)
    >>> round(float(x.square().mean().sqrt()), 6)
    0.02
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    rms = amplitude(level)
    frequencies, inside = _band(frame, low, high)
    weight = torch.where(inside, frequencies.clamp(min=frame.fs / frame.n / 2).rsqrt(), 0.0)
    return frame.finish(_scaled(_shaped(_gaussian(frame, seed), weight), rms))


def band_noise(
    low: float,
    high: float,
    *,
    level: float = 60.0,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.01,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return Gaussian noise of equal power per Hz between two frequencies and exactly nothing outside.

    The level is the overall rms level of this very sample of noise before the ramps, exactly; the spectrum
    level is ``level - 10 * log10(high - low)``. Bands of one seed and duration are cut from the same white
    noise. The noise is periodic in its duration: its spectral lines lie ``1 / duration`` apart.

    Parameters
    ----------
    low, high : float
        Lower and upper edge, Hz, both included, ``0 <= low < high <= fs/2``.
    level, duration, fs, ramp, seed, dtype, device
        dB SPL, s, Hz, s: see :mod:`amtlib.signals`.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a value is out of range, or the band is so narrow that no spectral line falls in it.

    Examples
    --------
    >>> x = band_noise(900.0, 1100.0, level=60.0, ramp=0.0)
    >>> int(torch.fft.rfft(x.double()).abs().argmax()) in range(900, 1101)
    True
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    rms = amplitude(level)
    _, inside = _band(frame, low, high, lowest=0.0)
    return frame.finish(_scaled(_shaped(_gaussian(frame, seed), inside.double()), rms))


def gap_in_noise(
    gap: float,
    *,
    centre: float | None = None,
    gap_ramp: float = 0.0005,
    low: float = 0.0,
    high: float | None = None,
    level: float = 60.0,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.01,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return noise with a silent gap, as in gap-detection experiments (Plomp 1964).

    The level is the overall rms level of the noise without the gap, before the ramps.

    Parameters
    ----------
    gap : float
        Fully silent time, s, from 0 (no gap, not even its ramps) to less than the duration.
    centre : float
        Time of the middle of the gap, s; ``None`` is the middle of the sound.
    gap_ramp : float
        Raised-cosine fall before and rise after the silence, s each, 0 to 1.
    low, high : float
        Edges of the noise, Hz, ``0 <= low < high <= fs/2``; ``high=None`` is fs/2.
    level, duration, fs, ramp, seed, dtype, device
        dB SPL, s, Hz, s: see :mod:`amtlib.signals`.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a value is out of range, or the gap with its ramps does not fit in the sound.

    Examples
    --------
    >>> x = gap_in_noise(0.01, duration=0.2)
    >>> round(int((x == 0).sum()) / 44100, 3)
    0.01
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    rms = amplitude(level)
    total = frame.n / frame.fs
    silent = round(number(gap, "gap", 0.0, total, unit="s") * frame.fs)
    edge = round(number(gap_ramp, "gap_ramp", 0.0, 1.0, unit="s") * frame.fs)
    middle = number(total / 2 if centre is None else centre, "centre", 0.0, total, unit="s")
    start = round(middle * frame.fs - silent / 2)
    if silent and (start - edge < 0 or start + silent + edge > frame.n):
        raise ArgumentError(
            f"a gap of {gap:g} s with edges of {gap_ramp:g} s around {middle:g} s does not fit in "
            f"{total:g} s: shorten or move the gap, or lengthen the sound"
        )
    _, inside = _band(frame, low, high, lowest=0.0)
    x = _scaled(_shaped(_gaussian(frame, seed), inside.double()), rms)
    if silent:
        x[start : start + silent] = 0.0
        if edge:
            rise = raised_cosine(edge)
            x[start - edge : start] *= rise.flip(0)
            x[start + silent : start + silent + edge] *= rise
    return frame.finish(x)


def iterated_rippled_noise(
    delay: float,
    *,
    iterations: int = 8,
    gain: float = 1.0,
    level: float = 60.0,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.01,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return white noise delayed and added to itself again and again (Yost 1996, "add-same" network).

    One iteration replaces x(t) by x(t) + gain * x(t - delay). The sound has a pitch of 1/delay for gain 1
    whose strength grows with the iterations. The delay is exact, not rounded to samples, and acts on noise
    that is periodic in the duration, so that the first sample is as rippled as the last. The level is the
    overall rms level of this very sample of noise before the ramps, exactly.

    Parameters
    ----------
    delay : float
        s, above ``2 / fs`` and below the duration.
    iterations : int
        0 (white noise) to 64.
    gain : float
        -1 to 1.
    level, duration, fs, ramp, seed, dtype, device
        dB SPL, s, Hz, s: see :mod:`amtlib.signals`.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> x = iterated_rippled_noise(0.01, iterations=16, ramp=0.0)
    >>> bool((x * x.roll(441)).mean() > 0.9 * x.square().mean())  # alike after one delay
    True
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    rms = amplitude(level)
    late = number(delay, "delay", -math.inf, math.inf, unit="s")
    if not 2.0 / frame.fs < late < frame.n / frame.fs:
        raise ArgumentError(
            f"{{delay}} = {late:g} s must lie above 2/{{fs}} = {2 / frame.fs:g} s and below the {{duration}} of "
            f"{frame.n / frame.fs:g} s: choose such a delay"
        )
    times = whole(iterations, "iterations", 0, 64)
    factor = number(gain, "gain", -1.0, 1.0)
    # One pass divided by 2 keeps 64 of them far from overflow; the level is set afterwards.
    once = 0.5 + 0.5 * factor * torch.exp(-2j * math.pi * torch.remainder(_frequencies(frame) * late, 1.0))
    return frame.finish(_scaled(_shaped(_gaussian(frame, seed), once**times), rms))


def tone_in_noise(
    frequency: float,
    *,
    level: float = 60.0,
    noise_level: float = 60.0,
    low: float = 0.0,
    high: float | None = None,
    tone_onset: float = 0.0,
    tone_duration: float | None = None,
    phase: float = 0.0,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.01,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return a tone in white or band noise, the stimulus of masking experiments (Fletcher 1940).

    Parameters
    ----------
    frequency : float
        Of the tone, Hz, ``0 < frequency < fs/2``.
    level : float
        rms level of the tone alone, before its ramps, dB SPL, -100 to 160.
    noise_level : float
        Overall rms level of the noise alone, before its ramps, dB SPL, -100 to 160.
    low, high : float
        Edges of the noise, Hz, ``0 <= low < high <= fs/2``; ``high=None`` is fs/2.
    tone_onset, tone_duration : float
        When the tone begins and how long it lasts, s; by default it sounds as long as the noise.
    phase : float
        Of the tone where it begins, rad; 0 is a sine.
    duration, fs, ramp, seed, dtype, device
        s, Hz, s: see :mod:`amtlib.signals`. The ramps shape the noise and the tone, each at its own ends.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a value is out of range, or the tone does not fit in the noise.

    Examples
    --------
    >>> x = tone_in_noise(1000.0, level=70.0, noise_level=50.0)
    >>> int(torch.fft.rfft(x).abs().argmax())
    1000
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    rms = amplitude(noise_level, "noise_level")
    total = frame.n / frame.fs
    start = round(number(tone_onset, "tone_onset", 0.0, total, unit="s") * frame.fs)
    if tone_duration is None:
        samples = frame.n - start
    else:
        samples = round(seconds(tone_duration, "tone_duration", MAX_DURATION) * frame.fs)
    if samples < 1 or start + samples > frame.n:
        raise ArgumentError(
            f"a tone of {samples / frame.fs:g} s from {start / frame.fs:g} s does not fit in {total:g} s "
            "of noise: shorten it, begin it earlier, or lengthen the noise"
        )
    signal = tone(
        frequency,
        phase=phase,
        level=level,
        duration=samples / frame.fs,
        fs=fs,
        ramp=ramp,
        dtype=torch.float64,
    )
    _, inside = _band(frame, low, high, lowest=0.0)
    noise = _scaled(_shaped(_gaussian(frame, seed), inside.double()), rms)
    both = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=torch.float64, device=None).finish(noise)
    both[start : start + samples] += signal
    return both.to(frame.dtype).to(frame.device)


def _gaussian(frame: Frame, seed: int) -> torch.Tensor:
    return torch.randn(frame.n, generator=generator(seed), dtype=torch.float64)


def _frequencies(frame: Frame) -> torch.Tensor:
    return torch.arange(frame.n // 2 + 1, dtype=torch.float64) * (frame.fs / frame.n)


def _band(
    frame: Frame, low: float, high: float | None, *, lowest: float | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the line frequencies and which lie in the band; ``lowest=0.0`` lets it begin at 0 Hz."""
    bottom = number(low, "low", -math.inf, math.inf, unit="Hz")
    top = number(frame.fs / 2 if high is None else high, "high", -math.inf, math.inf, unit="Hz")
    if not ((bottom > 0.0 or bottom == lowest) and bottom < top <= frame.fs / 2):
        relation = "<=" if lowest == 0.0 else "<"
        raise ArgumentError(
            f"{{low}} = {bottom:g} Hz and {{high}} = {top:g} Hz must satisfy 0 {relation} {{low}} < {{high}} <= "
            f"{{fs/2}} = {frame.fs / 2:g} Hz: move the edges or raise {{fs}}"
        )
    frequencies = _frequencies(frame)
    slack = 1e-9 * frame.fs / frame.n  # a line that lies on an edge belongs to the band in spite of rounding
    inside = (frequencies >= bottom - slack) & (frequencies <= top + slack)
    if not bool(inside.any()):
        raise ArgumentError(
            f"no spectral line falls between {{low}} = {bottom:g} Hz and {{high}} = {top:g} Hz, as lines lie "
            f"1/{{duration}} = {frame.fs / frame.n:g} Hz apart: widen the band or lengthen the sound"
        )
    return frequencies, inside


def _shaped(x: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    shaped: torch.Tensor = torch.fft.irfft(torch.fft.rfft(x) * response, n=x.shape[-1])
    return shaped


def _scaled(x: torch.Tensor, rms: float) -> torch.Tensor:
    found = float(torch.linalg.vector_norm(x)) / math.sqrt(x.shape[-1])
    return x * (rms / found)
