"""Deterministic stimuli: tones, pairs, harmonic complexes, amplitude and frequency modulation, sweeps.
Source: Schroeder 1970 (phases), Viemeister 1979 (level of AM), Carson 1922 (FM), Farina 2000 (sweep).
Not here: random sounds (:mod:`amtlib.signals.noises`) and clicks (:mod:`amtlib.signals.clicks`).
"""

import math
from typing import Literal

import torch

from amtlib.errors import ArgumentError
from amtlib.signals.frame import Frame, amplitude, angle_of, generator, number, whole

Phases = Literal["sine", "cosine", "alternating", "schroeder+", "schroeder-", "random"]
_PHASES = ("sine", "cosine", "alternating", "schroeder+", "schroeder-", "random")
_MOST_HARMONICS = 10_000
_BLOCK = 1 << 15  # samples for which a complex sum stays in the cache


def tone(
    frequency: float,
    *,
    phase: float = 0.0,
    level: float = 60.0,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.01,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return a pure tone, ``sin(2 pi frequency t + phase)``.

    The level is the rms level of the endless tone: its peak is sqrt(2) times that rms.

    Parameters
    ----------
    frequency : float
        Hz, ``0 < frequency < fs/2``.
    phase : float
        Where it begins, rad; 0 is a sine, pi/2 a cosine.
    level, duration, fs, ramp, dtype, device
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
    >>> x = tone(1000.0, level=60.0, ramp=0.0)
    >>> round(float(x.square().mean().sqrt()), 6), round(float(x.max()), 5)
    (0.02, 0.02828)
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    peak = math.sqrt(2.0) * amplitude(level)
    return frame.finish(
        peak * torch.sin(frame.angle(frame.frequency(frequency, "frequency"), angle_of(phase)))
    )


def tone_pair(
    frequency1: float,
    frequency2: float,
    *,
    level: float = 60.0,
    level2: float | None = None,
    phase: float = 0.0,
    phase2: float = 0.0,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.01,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return the sum of two tones, for beats, suppression and distortion products.

    Each level is the rms level of its tone alone; two different tones of equal level are together 3.01 dB
    higher.

    Parameters
    ----------
    frequency1, frequency2 : float
        Hz, above 0 and below fs/2.
    level, level2 : float
        Of the first and the second tone, dB SPL, -100 to 160; ``level2=None`` is the same as the first.
    phase, phase2 : float
        Where they begin, rad.
    duration, fs, ramp, dtype, device
        s, Hz, s: see :mod:`amtlib.signals`.

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
    >>> x = tone_pair(1000.0, 1200.0, level=60.0, level2=40.0, ramp=0.0)
    >>> torch.fft.rfft(x).abs().topk(2).indices
    tensor([1000, 1200])
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    first = amplitude(level)
    second = first if level2 is None else amplitude(level2, "level2")
    angle1 = frame.angle(frame.frequency(frequency1, "frequency1"), angle_of(phase))
    angle2 = frame.angle(frame.frequency(frequency2, "frequency2"), angle_of(phase2, "phase2"))
    return frame.finish(math.sqrt(2.0) * (first * torch.sin(angle1) + second * torch.sin(angle2)))


def harmonic_complex(
    f0: float,
    *,
    lowest: int = 1,
    highest: int | None = None,
    phases: Phases = "sine",
    level: float = 60.0,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.01,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return harmonics of equal amplitude, ``sum of sin(2 pi n f0 t + phase_n)``, none of them aliased.

    The level is the overall rms level; each of N harmonics lies ``10 * log10(N)`` dB below it.

    Parameters
    ----------
    f0 : float
        Fundamental frequency, Hz, above 0 and below fs/2 (it need not be among the harmonics).
    lowest, highest : int
        Numbers of the first and last harmonic, from 1; ``highest=None`` is the last one below fs/2. At most
        10000.
    phases : str
        ``'sine'``; ``'cosine'``, peaky; ``'alternating'``, odd harmonics in sine and even ones in cosine
        phase; ``'schroeder+'`` and ``'schroeder-'``, low-peak-factor phases ``+- pi k (k + 1) / N`` of the
        k-th of N components (Schroeder 1970), whose frequency falls (+) or rises (-) during each period;
        ``'random'``, uniform, from the seed.
    level, duration, fs, ramp, seed, dtype, device
        dB SPL, s, Hz, s: see :mod:`amtlib.signals`.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a value is out of range, or a harmonic would lie at or above fs/2.

    Examples
    --------
    >>> x = harmonic_complex(200.0, lowest=3, highest=5, ramp=0.0)
    >>> torch.nonzero(torch.fft.rfft(x).abs() > 1.0).flatten()
    tensor([ 600,  800, 1000])
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    rms = amplitude(level)
    base = frame.frequency(f0, "f0")
    top = math.ceil(frame.fs / 2 / base) - 1  # the last n with n * f0 < fs/2
    if phases not in _PHASES:
        raise ValueError(f"phases = {phases!r} is unknown: choose one of {', '.join(_PHASES)}")
    first = whole(lowest, "lowest", 1, 2**31)
    last = top if highest is None else whole(highest, "highest", 1, 2**31)
    if first > top or last > top:
        name, found = ("lowest", first) if first > top else ("highest", last)
        raise ArgumentError(
            f"{{{name}}} = {found} puts a harmonic of {base:g} Hz at {found * base:g} Hz, not below {{fs/2}} = "
            f"{frame.fs / 2:g} Hz: choose at most {top}, or raise {{fs}}"
        )
    if last < first:
        raise ArgumentError(
            f"{{highest}} = {last} is below {{lowest}} = {first}: choose {{highest}} at least as large as {{lowest}}"
        )
    count = last - first + 1
    if count > _MOST_HARMONICS:
        raise ArgumentError(
            f"{count} harmonics are more than {_MOST_HARMONICS}: raise {{f0}} or lower {{highest}}"
        )
    offsets = _offsets(phases, first, count, seed)
    return frame.finish(_harmonic_sum(frame, base, first, offsets).mul_(rms * math.sqrt(2.0 / count)))


def am_tone(
    frequency: float,
    modulation_frequency: float,
    *,
    depth: float = 1.0,
    phase: float = 0.0,
    modulation_phase: float = 0.0,
    level: float = 60.0,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.01,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return a sinusoidally amplitude-modulated tone, ``(1 + depth sin(2 pi fm t)) sin(2 pi fc t)``.

    The level is the overall rms level, sidebands included, so that the depth does not change it (the
    compensation of Viemeister 1979); the carrier alone lies ``10 * log10(1 + depth**2 / 2)`` dB below it.

    Parameters
    ----------
    frequency : float
        Of the carrier, Hz.
    modulation_frequency : float
        Hz, above 0 and below the carrier; the upper sideband must lie below fs/2.
    depth : float
        0 (none) to 1 (full).
    phase, modulation_phase : float
        Of the carrier's and the modulator's sine where they begin, rad.
    level, duration, fs, ramp, dtype, device
        dB SPL, s, Hz, s: see :mod:`amtlib.signals`.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a value is out of range, or a sideband would fold at 0 or fs/2.

    Examples
    --------
    >>> x = am_tone(1000.0, 100.0, ramp=0.0)
    >>> torch.nonzero(torch.fft.rfft(x).abs() > 1.0).flatten()
    tensor([ 900, 1000, 1100])
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    rms = amplitude(level)
    carrier = frame.frequency(frequency, "frequency")
    rate = frame.frequency(modulation_frequency, "modulation_frequency")
    if rate >= carrier or carrier + rate >= frame.fs / 2:
        raise ArgumentError(
            f"{{modulation_frequency}} = {rate:g} Hz puts sidebands at {carrier - rate:g} and "
            f"{carrier + rate:g} Hz, not inside 0 to {{fs/2}} = {frame.fs / 2:g} Hz: choose below "
            f"{min(carrier, frame.fs / 2 - carrier):g} Hz"
        )
    m = number(depth, "depth", 0.0, 1.0)
    envelope = 1.0 + m * torch.sin(frame.angle(rate, angle_of(modulation_phase, "modulation_phase")))
    peak = rms * math.sqrt(2.0 / (1.0 + m * m / 2.0))
    return frame.finish(peak * envelope * torch.sin(frame.angle(carrier, angle_of(phase))))


def fm_tone(
    frequency: float,
    modulation_frequency: float,
    deviation: float,
    *,
    phase: float = 0.0,
    modulation_phase: float = 0.0,
    level: float = 60.0,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.01,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return a sinusoidally frequency-modulated tone of constant envelope.

    Its frequency is ``frequency + deviation * cos(2 pi fm t + modulation_phase)`` at each moment. The level
    is the rms level of the endless tone; modulation does not change it. Sidebands lie fm apart without end
    but fall off fast beyond the deviation (Carson 1922): a sound is refused if one above -80 dB re the tone
    would be aliased.

    Parameters
    ----------
    frequency : float
        Of the carrier, Hz.
    modulation_frequency : float
        Hz, above 0 and below fs/2.
    deviation : float
        Largest departure from the carrier, Hz, from 0 to below the carrier.
    phase, modulation_phase : float
        rad.
    level, duration, fs, ramp, dtype, device
        dB SPL, s, Hz, s: see :mod:`amtlib.signals`.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a value is out of range, or a sideband above -80 dB would lie at or above fs/2.

    Examples
    --------
    >>> x = fm_tone(1000.0, 50.0, 200.0, ramp=0.0)
    >>> round(float(x.square().mean().sqrt()), 6)
    0.02
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    peak = math.sqrt(2.0) * amplitude(level)
    carrier = frame.frequency(frequency, "frequency")
    rate = frame.frequency(modulation_frequency, "modulation_frequency")
    wide = number(deviation, "deviation", -math.inf, math.inf, unit="Hz")
    if not 0.0 <= wide < carrier:
        raise ArgumentError(
            f"{{deviation}} = {wide:g} Hz must lie from 0 to below the carrier of {carrier:g} Hz: choose a "
            "smaller one"
        )
    index = wide / rate
    # The Bessel function J_k(index) falls below 1e-4 past k = index + 4.2 index^(1/3) + 1 (Airy's asymptote).
    edge = carrier + wide + rate * (1.0 + 4.2 * index ** (1.0 / 3.0)) if wide > 0.0 else carrier
    if edge >= frame.fs / 2:
        raise ArgumentError(
            f"sidebands up to {edge:g} Hz would be aliased at {{fs/2}} = {frame.fs / 2:g} Hz: lower {{frequency}} = "
            f"{carrier:g} Hz, {{modulation_frequency}} = {rate:g} Hz or {{deviation}} = {wide:g} Hz, or raise {{fs}}"
        )
    start = angle_of(modulation_phase, "modulation_phase")
    swing = index * (torch.sin(frame.angle(rate, start)) - math.sin(start))
    return frame.finish(peak * torch.sin(frame.angle(carrier, angle_of(phase)) + swing))


def sweep(
    start: float,
    stop: float,
    *,
    shape: Literal["logarithmic", "linear"] = "logarithmic",
    phase: float = 0.0,
    level: float = 60.0,
    duration: float = 1.0,
    fs: float = 44100,
    ramp: float = 0.01,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return a tone that glides from one frequency to another over the whole duration (Farina 2000).

    The level is the rms level of a tone of the same amplitude, which is constant.

    Parameters
    ----------
    start, stop : float
        Frequencies at the beginning and the end, Hz, above 0 and below fs/2, in either order.
    shape : str
        ``'logarithmic'``, equal time per octave, or ``'linear'``, equal time per Hz.
    phase : float
        Where it begins, rad.
    level, duration, fs, ramp, dtype, device
        dB SPL, s, Hz, s: see :mod:`amtlib.signals`.

    Returns
    -------
    Tensor, shape (round(duration * fs),)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a value is out of range or the shape is unknown.

    Examples
    --------
    >>> x = sweep(100.0, 8000.0, duration=0.5)
    >>> int((x[:2205].sign().diff() != 0).sum() < (x[-2205:].sign().diff() != 0).sum())  # higher at the end
    1
    """
    frame = Frame.checked(duration=duration, fs=fs, ramp=ramp, dtype=dtype, device=device)
    peak = math.sqrt(2.0) * amplitude(level)
    first, last = frame.frequency(start, "start"), frame.frequency(stop, "stop")
    if shape not in ("logarithmic", "linear"):
        raise ValueError(f"shape = {shape!r} is unknown: choose 'logarithmic' or 'linear'")
    x = frame.samples() / frame.n  # share of the duration
    total = frame.n / frame.fs
    octaves = math.log(last / first)
    if shape == "logarithmic" and octaves != 0.0:
        cycles = first * total / octaves * torch.expm1(x * octaves)
    else:
        cycles = total * (first * x + 0.5 * (last - first) * x * x)
    return frame.finish(peak * torch.sin(2.0 * math.pi * torch.remainder(cycles, 1.0) + angle_of(phase)))


def _offsets(phases: str, first: int, count: int, seed: int) -> torch.Tensor:
    """Phase of each component's sine, rad, shape ``(count,)``."""
    k = torch.arange(1, count + 1, dtype=torch.float64)
    if phases == "sine":
        return torch.zeros(count, dtype=torch.float64)
    if phases == "cosine":
        return torch.full((count,), math.pi / 2, dtype=torch.float64)
    if phases == "alternating":
        return math.pi / 2 * torch.remainder(k + first, 2.0)  # k + first - 1 is the harmonic's number
    if phases == "random":
        return 2.0 * math.pi * torch.rand(count, generator=generator(seed), dtype=torch.float64)
    curve = math.pi * torch.remainder(k * (k + 1) / count, 2.0)
    return curve if phases == "schroeder+" else -curve


def _harmonic_sum(frame: Frame, base: float, first: int, offsets: torch.Tensor) -> torch.Tensor:
    """Sum the sines by Horner's rule in z = exp(2 pi i f0 t): a complex product a harmonic, not a sine."""
    weights = torch.polar(torch.ones_like(offsets), offsets).tolist()
    angle = frame.angle(base)
    lowest = frame.angle(base * first)
    x = torch.empty(frame.n, dtype=torch.float64)
    for begin in range(0, frame.n, _BLOCK):
        part = slice(begin, begin + _BLOCK)
        z = torch.polar(torch.ones_like(angle[part]), angle[part])
        total = torch.full_like(z, weights[-1])
        for weight in reversed(weights[:-1]):
            total.mul_(z).add_(weight)
        x[part] = (total * torch.polar(torch.ones_like(lowest[part]), lowest[part])).imag
    return x
