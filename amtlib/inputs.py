"""What models are given: tensors, numpy arrays, sounds with a sampling rate of their own, single numbers.
Not here: which values make sense (:func:`amtlib.lti.check_signal`, :mod:`amtlib.filterbanks.precision`).

All models keep leading axes: what goes in as (T,) comes out without a batch axis, (B, T) with B in front.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


@runtime_checkable
class Sound(Protocol):
    """Samples that know their sampling rate, as :class:`amtlib.audio.Recording` does."""

    @property
    def samples(self) -> Tensor:
        """Pressure in Pa, shape (T,) or (channels, T)."""

    @property
    def fs(self) -> int:
        """Sampling rate in Hz."""


#: An array of so many rows of so few samples has its time first, as other libraries read files
_MANY, _FEW = 1000, 8

#: Spectra, patterns, levels
Values: TypeAlias = Tensor | npt.NDArray[Any]
#: Audio; of a sound, the sampling rate is compared with the module's
Signal: TypeAlias = Values | Sound
#: Values that are few enough to be typed
Numbers: TypeAlias = Values | float | Sequence[float]


def as_tensor(
    x: Any,
    name: str = "x",
    device: torch.device | None = None,
    what: str = "values",
    *,
    numbers: bool = False,
) -> Tensor:
    """
    Return a tensor as it is, and a numpy array as a tensor.

    Parameters
    ----------
    x : Tensor or ndarray
        Real or complex; arrays of any strides and byte order. Extended precision becomes float64.
    name, what : str
        What to call it, and what it should hold, in messages.
    device : torch.device, optional
        Where to put what is no tensor yet. Default: the CPU.
    numbers : bool
        Take single numbers, as tensors of shape (), and sequences of them, too; in float64.

    Returns
    -------
    Tensor
        Of the same dtype. It shares its memory with a writeable array.

    Raises
    ------
    TypeError
        If it is something else.

    Examples
    --------
    >>> as_tensor(np.ones(3)[::-1]), as_tensor(60.0, numbers=True)
    (tensor([1., 1., 1.], dtype=torch.float64), tensor(60., dtype=torch.float64))
    """
    if isinstance(x, Tensor):
        return x
    array = np.asarray(x) if isinstance(x, np.ndarray | np.generic) else None
    if array is None and numbers and isinstance(x, int | float | Sequence) and not isinstance(x, bool):
        array = np.asarray(x)
        array = array.astype(np.float64) if array.dtype.kind in "iu" else array
    if array is None or array.dtype.kind not in "biufc":
        kind = f"an array of {array.dtype}" if array is not None else f"a {type(x).__name__}"
        also = ", numbers" if numbers else ""
        raise TypeError(f"{name} is {kind}; give a torch.Tensor{also} or a numpy array of {what}")
    dtype = array.dtype.newbyteorder("=")
    if dtype.kind in "fc" and dtype.itemsize > (8 if dtype.kind == "f" else 16):
        dtype = np.dtype(np.float64 if dtype.kind == "f" else np.complex128)
    array = np.asarray(array, dtype)
    # torch takes no memory that must not be written to, and strides only of whole items forwards
    if not array.flags.writeable or any(step < 0 or step % dtype.itemsize for step in array.strides):
        array = array.copy()
    return torch.from_numpy(array).to(device or "cpu")


def samples_of(x: Any, name: str, device: torch.device | None = None, fs: float | None = None) -> Tensor:
    """
    Return the samples of a signal as a tensor; a sound must have the module's sampling rate.

    Parameters
    ----------
    x : Tensor, ndarray or Sound
        The signal.
    name : str
        What to call it in messages.
    device : torch.device, optional
        Where to put samples that are on no device yet.
    fs : float, optional
        Sampling rate of the module in Hz; None where it has none.

    Raises
    ------
    ValueError
        If a sound has another sampling rate, or an array's first axis is plainly time.
    TypeError
        If `x` is something else.

    Examples
    --------
    >>> from amtlib.audio import load, wav_bytes
    >>> pause = load(wav_bytes(np.zeros(100, np.int16), 44100), name="pause.wav")
    >>> samples_of(pause, "audio", fs=48000)
    Traceback (most recent call last):
    ...
    ValueError: audio is sampled at 44100 Hz, this module works at 48000 Hz; load it with fs=48000, or build the module
    for fs=44100
    """
    if not isinstance(x, Tensor | np.ndarray | np.generic) and isinstance(x, Sound):
        if fs is not None and x.fs != fs:
            raise ValueError(
                f"{name} is sampled at {x.fs:g} Hz, this module works at {fs:g} Hz; load it with fs={fs:g}, or build "
                f"the module for fs={x.fs:g}"
            )
        moved = x.samples if device is None else x.samples.to(device)
        return as_tensor(moved, name, device, "samples, time last")
    if isinstance(x, np.ndarray) and x.ndim == 2 and x.shape[1] <= _FEW and x.shape[0] >= _MANY:
        raise ValueError(
            f"{name} has shape {x.shape}, {x.shape[0]} signals of {x.shape[1]} samples; time is the last axis: "
            "give its transpose, .T"
        )
    return as_tensor(x, name, device, "samples, time last")
