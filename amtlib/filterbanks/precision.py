"""Checks of what modules are given: whole numbers, sampling rates, spectral values.
Not here: signals (:func:`amtlib.lti.check_signal`) and what the modules compute.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from amtlib.inputs import Values, as_tensor


def check_whole(value: Any, name: str, least: int, unit: str) -> int:
    """Return a whole number >= `least`, or say what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} = {value!r} is a {type(value).__name__}; give an int >= {least} ({unit})")
    if value < least:
        raise ValueError(f"{name} = {value} {unit}; give an int >= {least}")
    return int(value)


def check_rate(fs: float, usual: int = 32000) -> float:
    """Return a sampling rate as a float, or say what is wrong with it."""
    if not math.isfinite(fs) or fs <= 0.0:
        raise ValueError(f"fs = {fs} Hz is no sampling rate; give a finite number > 0, such as {usual}")
    return float(fs)


def check_values(x: Values, name: str, like: Tensor, unit: str, *, silent: bool = False) -> Tensor:
    """
    Return spectral values in the dtype of `like`, or say what is wrong with them.

    Parameters
    ----------
    x : Tensor or ndarray
        Real values; finite, or -inf too if `silent`. Arrays go to the device of `like`.
    name : str
        What to call it in messages.
    like : Tensor
        Gives dtype and device.
    unit : str
        Unit of the values, for messages.
    silent : bool
        Let -inf (the level of silence) pass.

    Returns
    -------
    Tensor
        The values, untouched where nothing needs converting.

    Raises
    ------
    TypeError
        If `x` is none of these.
    ValueError
        If it is complex, empty, on another device, or has values that are NaN or infinite.

    Examples
    --------
    >>> check_values(torch.tensor([60]), "level", torch.zeros(()), "dB")
    tensor([60.])
    """
    x = as_tensor(x, name, like.device, f"values in {unit}")
    if x.is_complex():
        raise ValueError(f"{name} has dtype {x.dtype}; give real values in {unit}")
    if x.device != like.device:
        raise ValueError(
            f"{name} is on {x.device}, the module is on {like.device}; move one of them with .to(...)"
        )
    if x.ndim == 0 or x.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(x.shape)} and no values; give at least one frame")
    x = x.to(like.dtype)
    # One pass over the values tells whether any can be wrong: the extremes of what holds a NaN are NaN.
    low, high = (float(extreme) for extreme in torch.aminmax(x.detach()))
    if not (high < math.inf and (low > -math.inf or silent)):
        wrong = ~torch.isfinite(x)
        if silent:
            wrong &= x != -math.inf
        place = tuple(wrong.nonzero()[0].tolist())
        raise ValueError(
            f"{name} holds {float(x[place].detach())} {unit} at {place}; give "
            f"{'finite values or -inf (silence)' if silent else 'finite values'}"
        )
    return x
