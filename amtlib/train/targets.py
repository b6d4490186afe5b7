"""Impulse responses to train towards, made fit for the FFT: checked, resampled, cut or filled, channels kept apart.
Source: shapes of the specification (`pyFDN.train.train_fdn`).
Not here: reading files (:mod:`amtlib.audio`).
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor

from amtlib.fdn.build import Array, real_array, sampling_rate
from amtlib.fdn.decay import reverberation_time
from amtlib.fdn.noise import without_noise
from amtlib.results import Result
from amtlib.train.notices import TargetBeginsLate, TargetBreaksOff, TargetCut, TargetNoiseRemoved

#: Longest target in samples and channels together: 23 minutes of one channel at 48 kHz.
MAX_VALUES = 2**26
# A response begins where it first comes this near to its peak: -20 dB (ISO 3382-1:2009).
_ONSET = 0.1
# What is cut off, or breaks off, below this level (dB) is not worth a word.
_QUIET_DB = -60.0


@dataclass(frozen=True, eq=False, repr=False)
class TargetRecord(Result):
    """
    What was found in a target before training: its onset, its decay, and the noise that was taken out of it.

    Attributes
    ----------
    fs : float
        Rate of the target in Hz, to which the samples here belong.
    onset : float
        When it first comes within 20 dB of its peak, s from its first sample.
    pre_delay : float
        Silence left out before it, s, since the network's lines cannot answer so late: delay the output by it.
    pre_delay_samples : int
        The same in samples.
    truncation : float
        When its decay meets steady noise, s from the first sample after `pre_delay`, in the channel where that is
        latest; NaN: no steady noise was found.
    noise_db : float
        How far below the start of the decay the noise lies, in the channel where it is nearest, dB; NaN: none found.
    t30 : float
        Its reverberation time with the noise out, s, mean of the channels (:func:`amtlib.fdn.reverberation_time`,
        broadband); NaN: unknown, for it does not hold 35 dB of decay.
    centres : array, shape (bands,)
        Octaves in which the noise was looked for, Hz.
    crossings : array, shape (bands, ...)
        `truncation` by octave and channel.
    """

    fs: float
    onset: float
    pre_delay: float
    pre_delay_samples: int
    truncation: float
    noise_db: float
    t30: float
    centres: Array
    crossings: Array


def cleared(
    target: Any, fs: float, earliest: float, *, direct: bool, noise: str
) -> tuple[Any, TargetRecord | None]:
    """
    Return a target without the silence before it and the noise behind it, and what was found.

    Parameters
    ----------
    target : array, shape (T, ...)
    fs : float
        Its sampling rate in Hz.
    earliest, direct
        See :func:`without_pre_delay`.
    noise : {'remove', 'keep'}
        Whether steady noise is taken out (:func:`amtlib.fdn.without_noise`).

    Returns
    -------
    target : array, shape (T', ...)
    record : TargetRecord or None
        None where the target is no response at all, which :func:`prepare_target` refuses.

    Warns
    -----
    UserWarning
        Of either.

    Examples
    --------
    >>> found, record = cleared([0.0, 0.0, 0.0, 1.0, 0.5], 1000.0, 0.003, direct=False, noise="remove")
    >>> record.onset, record.pre_delay, record.truncation
    (0.003, 0.0, nan)
    """
    if noise not in ("remove", "keep"):
        raise ValueError(f"target_noise = {noise!r} is unknown: choose from 'remove', 'keep'")
    onset = _onset(target)
    if onset is None:
        return target, None
    found, pre_delay = without_pre_delay(target, fs, earliest, direct=direct)
    if pre_delay:
        warnings.warn(TargetBeginsLate(pre_delay), stacklevel=5)
    h = _samples(found)
    freed = without_noise(h, fs)
    noisy = not np.isnan(freed.crossing).all()
    truncation = float(np.nanmax(freed.crossing)) if noisy else math.nan
    noise_db = float(np.nanmin(freed.depth)) if noisy else math.nan
    clean = freed.ir if noise == "remove" and noisy else h
    if clean is not h:
        warnings.warn(TargetNoiseRemoved(-noise_db, truncation), stacklevel=5)
    times = [
        float(reverberation_time(channel, fs, "broadband").t30[0])
        for channel in clean.reshape(len(h), -1).T
        if len(channel) > 1 and channel.any()
    ]
    record = TargetRecord(
        fs, onset / fs, pre_delay, round(pre_delay * fs), truncation, noise_db,
        float(np.mean(times)) if times else math.nan, freed.centres, freed.crossings,
    )  # fmt: skip
    return (found if clean is h else clean), record


def _samples(target: Any) -> Array:
    source: Any = target.detach().cpu() if isinstance(target, Tensor) else target
    return np.asarray(source, dtype=np.float64)


def _onset(target: Any) -> int | None:
    """First sample within 20 dB of the peak; None where a target cannot be one."""
    source: Any = target.detach().cpu().numpy() if isinstance(target, Tensor) else target
    try:
        values = np.asarray(source)
    except ValueError:
        return None
    if values.dtype.kind not in "fiu" or not 1 <= values.ndim <= 3 or not 0 < values.size <= MAX_VALUES:
        return None
    if isinstance(source, np.ndarray) and values.dtype.kind in "iu":
        return None
    size = np.abs(values.astype(np.float64))
    if not np.isfinite(size).all() or not size.any():
        return None
    size = size.reshape(len(size), -1).max(axis=1)
    return int(np.argmax(size >= _ONSET * size.max()))


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
    onset = _onset(target)
    if onset is None:
        return target, 0.0  # prepare_target says what is wrong
    if onset / fs <= earliest:
        return target, 0.0
    cut = onset if direct else onset - math.floor(earliest * fs + 1e-6)
    return _samples(target)[cut:], cut / fs


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
