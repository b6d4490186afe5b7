"""Where the channels of a filterbank lie, as users give it: a range, or a list of frequencies.
Source: the ERB scale of Glasberg and Moore (1990), see :mod:`amtlib.scales`.
Not here: the filters.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.inputs import as_tensor
from amtlib.scales import erbspacebw

#: A range in Hz as a tuple of two numbers, or the frequencies themselves
Centres: TypeAlias = Tensor | tuple[float, float] | Sequence[float] | npt.NDArray[np.floating | np.integer]


def one_erb_apart(low: float, high: float) -> Tensor:
    """Fill a range in Hz at a spacing of 1 ERB, float64."""
    return erbspacebw(low, high, dtype=torch.float64)


def centre_frequencies(
    fc: Centres,
    fs: float,
    fill: Callable[[float, float], Tensor] = one_erb_apart,
    *,
    kind: str = "centre",
    nyquist: bool = True,
) -> Tensor:
    """
    Return the frequencies of channels, checked against the sampling rate.

    Parameters
    ----------
    fc : (low, high), or Tensor, shape (F,), or list or array of F numbers
        Hz, above 0 and up to fs / 2; a tuple of two numbers is a range to fill.
    fs : float
        Sampling rate in Hz.
    fill : callable
        ``fill(low, high)`` returns the frequencies of a range. Default: a spacing of 1 ERB.
    kind : str
        What the frequencies are called in messages.
    nyquist : bool
        Whether fs / 2 itself is allowed.

    Returns
    -------
    Tensor, shape (F,)
        Hz, float64.

    Raises
    ------
    ValueError
        If a frequency is out of range, or there is none.
    TypeError
        If `fc` is complex or boolean, or holds no numbers.

    Examples
    --------
    >>> centre_frequencies([500, 1000], 16000.0)
    tensor([ 500., 1000.], dtype=torch.float64)
    """
    half = fs / 2.0
    if isinstance(fc, tuple):
        if len(fc) != 2:
            raise ValueError(
                f"fc is a tuple of {len(fc)}; give (low, high) in Hz, or a list of {kind} frequencies"
            )
        low, high = float(fc[0]), float(fc[1])
        if not 0.0 < low < high or not (high <= half if nyquist else high < half):
            raise ValueError(
                f"fc = ({low}, {high}) Hz is no range for fs = {fs} Hz; "
                f"give 0 < low < high {'<=' if nyquist else '<'} fs / 2 = {half} Hz"
            )
        return fill(low, high)
    found = as_tensor(fc, "fc", what="frequencies in Hz", numbers=True)
    if found.is_complex() or found.dtype == torch.bool:
        raise TypeError(f"fc has dtype {found.dtype}; give real frequencies in Hz")
    found = found.detach().to(torch.float64)
    if found.ndim != 1 or found.numel() == 0:
        raise ValueError(
            f"fc has shape {tuple(found.shape)}; give {kind} frequencies, shape (F,), or (low, high)"
        )
    outside = found[~((found > 0.0) & ((found <= half) if nyquist else (found < half)))]
    if len(outside):
        raise ValueError(
            f"fc holds {float(outside[0])} Hz; {kind} frequencies lie above 0 and "
            f"{'up to' if nyquist else 'below'} fs / 2 = {half} Hz: raise fs or leave such channels out"
        )
    return found
