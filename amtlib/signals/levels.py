"""Levels, ramps and mixtures of any signal in Pa: what the generators use and what you need around them.
Source: the definition of sound pressure level, 20 log10(rms / 20 uPa) (ISO 1683).
Not here: generators of sound, and frequency-weighted or perceived levels.
"""

import math

import torch

from amtlib.inputs import Values, as_tensor
from amtlib.signals.frame import P_REF, RATE_RANGE, amplitude, number, raised_cosine, ramp_samples

__all__ = ["P_REF", "apply_ramp", "mix", "pascal", "rms_level", "set_level"]


def pascal(level: float) -> float:
    """Return the rms pressure of a level.

    Parameters
    ----------
    level : float
        dB SPL, -100 to 160.

    Returns
    -------
    float
        Pa, above 0: ``20e-6 * 10 ** (level / 20)``.

    Raises
    ------
    ValueError
        If the level is outside its range or not finite.

    Examples
    --------
    >>> round(pascal(60.0), 6)
    0.02
    """
    return amplitude(level)


def rms_level(x: Values) -> torch.Tensor:
    """Return the rms level over time.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., T)
        Pressure, Pa.

    Returns
    -------
    Tensor, shape (...)
        dB SPL re 20 uPa, in the dtype of ``x``; ``-inf`` for silence.

    Raises
    ------
    TypeError
        If ``x`` holds no real floating-point numbers.
    ValueError
        If ``x`` has no samples.

    Examples
    --------
    >>> rms_level(torch.ones(100, dtype=torch.float64))
    tensor(93.9794, dtype=torch.float64)
    """
    return 20.0 * torch.log10(_rms(_signal(x, "x")) / P_REF)


def set_level(x: Values, level: float) -> torch.Tensor:
    """Scale each signal so that its rms over all of its time has a given level.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., T)
        Any signal that is not silent; signals along the leading axes are scaled one by one.
    level : float
        dB SPL, -100 to 160.

    Returns
    -------
    Tensor, shape (..., T)
        Pressure, Pa.

    Raises
    ------
    ValueError
        If a signal is silent or not finite, or the level is out of range.

    See Also
    --------
    rms_level : the level that a signal has.

    Examples
    --------
    >>> rms_level(set_level(torch.tensor([1.0, -1.0, 0.5], dtype=torch.float64), 70.0))
    tensor(70., dtype=torch.float64)
    """
    target = amplitude(level)
    signal = _signal(x, "x")
    rms = _rms(signal)
    if not bool(((rms > 0) & torch.isfinite(rms)).all()):
        raise ValueError(
            "a silent or non-finite signal has no level to set: pass one with a finite rms above 0"
        )
    return signal * (target / rms).unsqueeze(-1)


def apply_ramp(x: Values, fs: float, ramp: float = 0.01) -> torch.Tensor:
    """Fade a signal in and out with raised-cosine ramps inside its duration.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., T)
        Any signal.
    fs : float
        Sampling rate, Hz, 100 to 768000.
    ramp : float
        Length of the rise and of the fall, s, 0 to half the duration.

    Returns
    -------
    Tensor, shape (..., T)
        A new tensor; the middle is unchanged.

    Raises
    ------
    ValueError
        If the two ramps do not fit in the signal.

    Examples
    --------
    >>> apply_ramp(torch.ones(5), 1000, 0.002)
    tensor([0.1464, 0.8536, 1.0000, 0.8536, 0.1464])
    """
    x = _signal(x, "x")
    n = ramp_samples(x.shape[-1], number(fs, "fs", *RATE_RANGE, unit="Hz"), ramp)
    if n == 0:
        return x.clone()
    rise = raised_cosine(n).to(x.dtype).to(x.device)
    window = torch.cat([rise, torch.ones(x.shape[-1] - 2 * n, dtype=x.dtype, device=x.device), rise.flip(0)])
    return x * window


def mix(x: Values, y: Values, *, gain: float = 0.0, onset: float = 0.0, fs: float = 44100) -> torch.Tensor:
    """Add two signals of any lengths.

    Both keep their own calibration. The shorter one is followed by silence: the result lasts until the later
    of the two ends, so nothing is cut.

    Parameters
    ----------
    x, y : Tensor or ndarray, shapes (..., T) and (..., U)
        Pressure, Pa, same dtype and device; leading axes broadcast.
    gain : float
        Gain on ``y``, dB, -200 to 200.
    onset : float
        Time at which ``y`` begins, s, 0 to 600, rounded to the nearest sample.
    fs : float
        Sampling rate of both, Hz; only the onset needs it.

    Returns
    -------
    Tensor, shape (..., max(T, round(onset * fs) + U))
        Pressure, Pa.

    Raises
    ------
    TypeError
        If one holds no real floating-point numbers, or their dtypes or devices differ.

    Examples
    --------
    >>> mix(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([2., 3., 3.])
    >>> mix(torch.tensor([1.0, 1.0]), torch.tensor([5.0]), onset=0.003, fs=1000)
    tensor([1., 1., 0., 5.])
    """
    x, y = _signal(x, "x"), _signal(y, "y")
    if x.dtype != y.dtype or x.device != y.device:
        raise TypeError(
            f"x is {x.dtype} on {x.device} and y is {y.dtype} on {y.device}: convert one of them with "
            ".to(...)"
        )
    factor = 10.0 ** (number(gain, "gain", -200.0, 200.0, unit="dB") / 20.0)
    rate = number(fs, "fs", *RATE_RANGE, unit="Hz")
    start = round(number(onset, "onset", 0.0, 600.0, unit="s") * rate)
    total = max(x.shape[-1], start + y.shape[-1])
    first = torch.nn.functional.pad(x, (0, total - x.shape[-1]))
    second = torch.nn.functional.pad(y, (start, total - start - y.shape[-1]))
    mixture: torch.Tensor = first + factor * second
    return mixture


def _signal(x: Values, name: str) -> torch.Tensor:
    x = as_tensor(x, name, what="samples, time last")
    if not x.is_floating_point():
        raise TypeError(
            f"{name} must be a real floating-point tensor, got {x.dtype}: pass torch.as_tensor(..., float)"
        )
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(
            f"{name} has shape {tuple(x.shape)}, without samples: pass at least one along the last axis"
        )
    return x


def _rms(x: torch.Tensor) -> torch.Tensor:
    rms: torch.Tensor = torch.linalg.vector_norm(x, dim=-1) / math.sqrt(x.shape[-1])
    return rms
