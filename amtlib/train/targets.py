"""Impulse responses to train towards, made fit for the FFT: checked, resampled, cut or filled, channels kept apart.
Source: shapes of the specification (`pyFDN.train.train_fdn`).
Not here: reading files (:mod:`amtlib.audio`).
"""

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor

from amtlib.fdn.build import real_array, sampling_rate
from amtlib.train.notices import TargetBreaksOff, TargetCut

#: Longest target in samples and channels together: 23 minutes of one channel at 48 kHz.
MAX_VALUES = 2**26
# A response begins where it first comes this near to its peak: -20 dB (ISO 3382-1:2009).
_ONSET = 0.1
# What is cut off, or breaks off, below this level (dB) is not worth a word.
_QUIET_DB = -60.0


def prepare_target(
    target: npt.ArrayLike | Tensor,
    *,
    fs: float,
    nfft: int,
    n_in: int,
    n_out: int,
    target_fs: float | None = None,
) -> Tensor:
    """
    Return a target as the model's outputs are shaped.

    Parameters
    ----------
    target : array, shape (T,), (T, n_out) or (T, n_out, n_in)
        Impulse response. One dimension: the same for every output. Three: from each input to each output.
    fs : float
        Sampling rate of the model in Hz.
    nfft : int
        Length to cut or fill to, samples.
    n_in, n_out : int
        Channels of the model.
    target_fs : float, optional
        Sampling rate of the target in Hz; if it differs, the target is resampled to `fs` with its gain at each
        frequency kept. Default: `fs`.

    Returns
    -------
    Tensor, float64, shape (1, nfft, n_out) or (n_in, nfft, n_out)

    Raises
    ------
    ValueError
        If the shape does not fit, a value is not finite, the target is silent or of integers, or too long for memory.

    Warns
    -----
    UserWarning
        If more than -60 dB of its energy are cut off, or it breaks off at a level above -60 dB.

    Examples
    --------
    >>> prepare_target([1.0, 0.5, 0.0], fs=48000, nfft=4, n_in=1, n_out=1)[0, :, 0]
    tensor([1.0000, 0.5000, 0.0000, 0.0000], dtype=torch.float64)
    """
    source: Any = target.detach().cpu().numpy() if isinstance(target, Tensor) else target
    if isinstance(source, np.ndarray) and source.size > MAX_VALUES:
        raise ValueError(f"target holds {source.size} values, more than {MAX_VALUES}: cut it shorter")
    if isinstance(source, np.ndarray) and source.dtype.kind in "iu":
        raise ValueError(
            f"target holds integers ({source.dtype}), the samples of a file: divide them by "
            f"{np.iinfo(source.dtype).max + 1} for a response in floats, or read the file by amtlib.audio.load"
        )
    found = real_array(source, "target")
    if not 1 <= found.ndim <= 3 or len(found) < 1:
        raise ValueError(
            f"target has shape {found.shape}: give (n_samples,), (n_samples, n_out) or a 3-D MIMO array"
        )
    if found.ndim == 3 and found.shape[1:] != (n_out, n_in):
        raise ValueError(
            f"MIMO target must have shape (n_samples, n_out={n_out}, n_in={n_in}); got {found.shape}: "
            "transpose it, or build the model with as many channels"
        )
    if found.ndim == 2 and found.shape[1] != n_out:
        raise ValueError(
            f"target has {found.shape[1]} channels, the model {n_out} outputs: give (n_samples, {n_out}), or one "
            "dimension for a target that is the same for each output"
        )
    if not found.any():
        raise ValueError("target is silent: give an impulse response")
    rate = fs if target_fs is None else sampling_rate(target_fs, "target_fs")
    if rate != fs:
        flat = found.reshape(len(found), -1)
        found = np.asarray(soxr.resample(flat, rate, fs, quality="VHQ")).reshape(-1, *found.shape[1:])
        found = found * (rate / fs)  # a filter at a lower rate needs larger samples for the same gain
    _warn_of_cut(found, nfft, fs)
    whole = np.zeros((nfft, *found.shape[1:]))
    whole[: len(found)] = found[:nfft]
    if whole.ndim == 1:
        whole = np.repeat(whole[:, None], n_out, axis=1)
    if whole.ndim == 2:
        return torch.from_numpy(whole[None].copy())
    return torch.from_numpy(np.ascontiguousarray(whole.transpose(2, 0, 1)))


def without_pre_delay(
    target: npt.ArrayLike | Tensor, fs: float, earliest: float, *, direct: bool
) -> tuple[Any, float]:
    """
    Cut the silence before a target that no network of these delays could answer with.

    Parameters
    ----------
    target : array, shape (T, ...)
        Impulse response, time first.
    fs : float
        Its sampling rate in Hz.
    earliest : float
        When the network's lines first answer, s.
    direct : bool
        Whether it has a direct path, which answers at once.

    Returns
    -------
    target : array, shape (T', ...)
        As it is if it begins (first comes within 20 dB of its peak) no later than `earliest`; else without what comes
        before, so that it begins where the network does.
    pre_delay : float
        What was cut, s.

    References
    ----------
    ISO 3382-1:2009 (onset, 20 dB below the peak).

    Examples
    --------
    >>> without_pre_delay([0.0, 0.0, 0.0, 1.0, 0.5], 1000.0, 0.001, direct=True)
    (array([1. , 0.5]), 0.003)
    """
    source: Any = target.detach().cpu().numpy() if isinstance(target, Tensor) else target
    size = np.abs(np.asarray(source, dtype=np.float64))
    if not 1 <= size.ndim <= 3 or not size.size or not np.isfinite(size).all() or not size.any():
        return target, 0.0  # prepare_target says what is wrong
    size = size.reshape(len(size), -1).max(axis=1)
    onset = int(np.argmax(size >= _ONSET * size.max()))
    if onset / fs <= earliest:
        return target, 0.0
    cut = onset if direct else onset - math.floor(earliest * fs + 1e-6)
    return np.asarray(source)[cut:], cut / fs


def _warn_of_cut(found: npt.NDArray[np.float64], nfft: int, fs: float) -> None:
    energy = (found**2).reshape(len(found), -1).sum(axis=1)
    if len(found) > nfft:
        lost = 10.0 * np.log10(max(energy[nfft:].sum(), 1e-300) / energy.sum())
        if lost > _QUIET_DB:
            warnings.warn(TargetCut(len(found) / fs, nfft / fs, nfft, float(lost)), stacklevel=3)
        return
    end = energy[-max(len(energy) // 50, 1) :]
    level = 10.0 * np.log10(max(end.max(), 1e-300) / energy.max())
    if len(found) < nfft and level > _QUIET_DB and len(found) > 1:
        warnings.warn(TargetBreaksOff(float(level), nfft), stacklevel=3)
