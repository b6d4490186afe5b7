"""Checks of what is filtered, and of where a response is asked for.
Not here: filtering (:mod:`amtlib.lti.filtering`) and values other than samples (:mod:`amtlib.filterbanks.precision`).
"""

import math

import torch
from torch import Tensor

from amtlib.inputs import Numbers, Signal, as_tensor, samples_of

#: Integers that are samples of a file where they are audio: they are no pressure
_SAMPLES = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16, torch.uint32, torch.uint64)


def check_signal(
    x: Signal, dtype: torch.dtype, device: torch.device, name: str = "x", fs: float | None = None
) -> Tensor:
    """
    Return `x` as a real signal of the given dtype on the given device, or say what is wrong with it.

    Parameters
    ----------
    x : Tensor, ndarray or Sound, shape (..., T)
        Real signal with T >= 1; whole numbers in int64, as Python's own come, are converted. Arrays go to `device`.
    dtype : torch.dtype
        torch.float32 or torch.float64.
    device : torch.device
        Where the filters are.
    name : str
        What to call it in messages.
    fs : float, optional
        Sampling rate of the filters in Hz, which a sound with one of its own must have.

    Returns
    -------
    Tensor, shape (..., T)
        The signal, untouched where nothing needs converting.

    Raises
    ------
    TypeError
        If `x` is none of them.
    ValueError
        If `x` is complex, in one of the integer types of sound files, empty, on another device or of another sampling
        rate, or has non-finite samples.

    Examples
    --------
    >>> check_signal(torch.tensor([1, 2]), torch.float32, torch.device("cpu"))
    tensor([1., 2.])
    """
    x = samples_of(x, name, device, fs)
    if x.is_complex():
        raise ValueError(f"{name} has dtype {x.dtype}; signals are real: give its real part")
    if x.dtype in _SAMPLES:
        most = torch.iinfo(x.dtype).max + 1
        half = most // 2
        full = f"{name} / {most}" if x.dtype.is_signed else f"({name} - {half}.0) / {half}"
        raise ValueError(
            f"{name} has dtype {x.dtype}: samples of a file, not pressure in Pa; {full} has full scale 1, which "
            "times the pressure at full scale is in Pa"
        )
    if x.device.type != device.type or (device.index is not None and x.device != device):
        raise ValueError(
            f"{name} is on {x.device}, the filters are on {device}; move one of them with .to(...)"
        )
    if x.ndim == 0 or x.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(x.shape)} and no samples; give at least one, time last")
    x = x.to(dtype)
    # One pass over the samples, a tenth of the time of a mask of them: the extremes of what holds a NaN are NaN.
    if not all(math.isfinite(extreme) for extreme in torch.aminmax(x.detach())):
        bad = (~torch.isfinite(x)).nonzero()
        where = tuple(bad[0].tolist())
        raise ValueError(
            f"{name} has {len(bad)} non-finite samples (nan, inf, or too large for {dtype}), the first at "
            f"index {where[0] if len(where) == 1 else where}; replace them, for example with torch.nan_to_num"
        )
    return x


def check_frequencies(f: Numbers, fs: float, device: torch.device) -> Tensor:
    """
    Return the frequencies at which a response is asked for in float64, or say what is wrong with them.

    Parameters
    ----------
    f : Tensor or ndarray, shape (K,), or list of K numbers
        Frequencies in Hz, from 0 to fs / 2.
    fs : float
        Sampling rate in Hz.
    device : torch.device
        Where the filters are.

    Returns
    -------
    Tensor, shape (K,), float64
        The frequencies.

    Raises
    ------
    ValueError
        If `f` has several axes, is empty, or holds a number that is out of range.
    TypeError
        If it holds no numbers.

    Examples
    --------
    >>> check_frequencies([1000], 16000.0, torch.device("cpu"))
    tensor([1000.], dtype=torch.float64)
    """
    at = as_tensor(f, "f", device, "frequencies in Hz", numbers=True).to(device, torch.float64)
    if at.ndim != 1 or at.numel() == 0:
        raise ValueError(f"f has shape {tuple(at.shape)}; give a list of at least one frequency, shape (K,)")
    outside = at[~((at >= 0.0) & (at <= fs / 2.0))]
    if len(outside):
        raise ValueError(f"f holds {float(outside[0])} Hz; frequencies lie from 0 to fs / 2 = {fs / 2.0} Hz")
    return at
