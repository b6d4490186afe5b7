"""Writing WAV files and making sound safe to play.
Source: the WAV layout (RFC 2361); 16-bit codes are round(32768 x), as readers divide by 32768.
Not here: lossy formats, and players: :func:`playback` gives them numbers that can neither wrap nor startle.
"""

import math
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
import torch

from amtlib.audio.contents import AudioError
from amtlib.audio.decoding import LOUDEST, MAX_CHANNELS
from amtlib.audio.reading import whole_rate
from amtlib.audio.scale import FULL_SCALE_DB
from amtlib.signals.frame import number, raised_cosine

_BITS = {"PCM_16": 16, "PCM_24": 24, "FLOAT": 32}


def save(
    file: str | os.PathLike[str] | BinaryIO,
    x: torch.Tensor | npt.NDArray[np.floating],
    fs: int,
    *,
    subtype: Literal["PCM_16", "PCM_24", "FLOAT"] = "PCM_16",
    full_scale_db: float = FULL_SCALE_DB,
    clip: bool = False,
) -> None:
    """Write a WAV file that :func:`load` with the same ``full_scale_db`` turns into the same pressures.

    Parameters
    ----------
    file : path ending in .wav, or binary file object
        An existing file is replaced.
    x : Tensor, shape (T,) or (channels, T), or ndarray, also (T, channels)
        Pressure, Pa; 1 to 8 channels, at least one sample. An array with more than 8 rows and at most 8 columns has
        time first, as :func:`amtlib.fdn.render` gives it.
    fs : int
        Sampling rate, Hz, a whole number from 2000 to 768000.
    subtype : str
        ``'PCM_16'`` or ``'PCM_24'``, rounded to the nearest code (error at most half a step; a whole one at
        exactly +1); ``'FLOAT'``, 32-bit, rounded to float32, which goes to a
        million times full scale.
    full_scale_db : float
        dB SPL of a signal whose rms in the file is 1, 0 to 200. By default samples are pressures in Pa: a
        sine of up to 90.97 dB SPL fits in PCM.
    clip : bool
        Limit samples beyond full scale to it instead of raising.

    Raises
    ------
    AudioError
        If the sound is empty or not finite, or would clip: the message says by how much and how to avoid it.
    ValueError
        If another argument is out of range.
    TypeError
        If ``x`` is no tensor or array of real floats, or the file is neither a path nor writable.

    Examples
    --------
    >>> import io
    >>> buffer = io.BytesIO()
    >>> save(buffer, torch.zeros(2, 100), 44100, subtype="PCM_24")
    >>> len(buffer.getvalue())  # 44 of header, 2 channels of 100 samples of 3 bytes
    644
    >>> save(buffer, torch.tensor([0.0, 2.0]), 44100)
    Traceback (most recent call last):
    ...
    amtlib.audio.contents.AudioError: the peak of 2 Pa is 2 times full scale: write subtype='FLOAT', raise
    full_scale_db to at least 100, or pass clip=True
    """
    rate = whole_rate(fs)
    if subtype not in _BITS:
        raise ValueError(f"subtype = {subtype!r} is unknown: choose one of {', '.join(_BITS)}")
    scale = number(full_scale_db, "full_scale_db", 0.0, 200.0, unit="dB SPL") - FULL_SCALE_DB
    pressure = _frames(x)
    y = pressure * 10.0 ** (-scale / 20.0)
    peak = float(np.abs(y).max())
    if subtype == "FLOAT":
        if peak > LOUDEST:
            raise AudioError(
                f"the peak is {peak:.3g} times full scale, more than {LOUDEST:.0e}, which load() refuses: "
                "lower the level or raise full_scale_db"
            )
        data = y.astype("<f4").tobytes()
    else:
        if peak > 1.0 and not clip:
            enough = math.ceil(10.0 * (full_scale_db + 20.0 * math.log10(peak))) / 10.0
            raise AudioError(
                f"the peak of {np.abs(pressure).max():.4g} Pa is {peak:.4g} times full scale: write "
                f"subtype='FLOAT', raise full_scale_db to at least {enough:g}, or pass clip=True"
            )
        data = _codes(y, _BITS[subtype])
    content = _riff(data, rate, y.shape[1], _BITS[subtype], subtype == "FLOAT")
    if isinstance(file, str | os.PathLike):
        path = Path(file)
        if path.suffix.lower() not in (".wav", ".wave"):
            raise ValueError(f"file = {path.name!r} does not end in .wav, and only WAV is written: rename it")
        path.write_bytes(content)
    elif hasattr(file, "write"):
        file.write(content)
    else:
        raise TypeError(f"file must be a path or a binary file object, got {type(file).__name__}")


def playback(
    x: torch.Tensor | npt.NDArray[np.floating],
    fs: float,
    *,
    level_dbfs: float = -26.0,
    peak_limit: float = -3.0,
    ramp: float = 0.005,
) -> npt.NDArray[np.int16]:
    """Return a sound as 16-bit numbers for a player, at a safe fixed level whatever its level in Pa.

    The gain brings the rms to ``level_dbfs``, or less where the peak would pass ``peak_limit``: it can
    neither wrap nor clip, a mistaken 140 dB SPL does not startle, and an A and a B are equally strong (save
    very peaky ones, such as a click, whose peak decides). All channels share one gain. Silence stays
    silence. A page that plays it should say that the level heard is not the level of the model.

    Parameters
    ----------
    x : Tensor, shape (T,) or (channels, T), or ndarray, also (T, channels)
        Any finite signal of 1 to 8 channels, at least one sample; as :func:`save` takes it.
    fs : float
        Sampling rate, Hz, above 0.
    level_dbfs : float
        rms of the result, dB re full scale (a constant of 1), -100 to 0.
    peak_limit : float
        Highest peak of the result, dB re full scale, -100 to 0.
    ramp : float
        Raised-cosine fade at both ends against clicks, s, 0 to 1; at most half the sound is used.

    Returns
    -------
    ndarray of int16, shape (T,) or (T, channels)
        What ``wav_bytes`` and players take.

    Raises
    ------
    AudioError
        If the sound is empty or holds NaN or infinity.
    ValueError
        If another argument is out of range.

    Examples
    --------
    >>> from amtlib.signals import tone
    >>> y = playback(tone(500.0, level=120.0), 44100)
    >>> y.dtype, round(20 * math.log10(float(np.abs(y).max()) / 32768))
    (dtype('int16'), -23)
    """
    y = _frames(x)
    rate = number(fs, "fs", 1.0, 1e9, unit="Hz")
    level = 10.0 ** (number(level_dbfs, "level_dbfs", -100.0, 0.0, unit="dB") / 20.0)
    limit = 10.0 ** (number(peak_limit, "peak_limit", -100.0, 0.0, unit="dB") / 20.0)
    fade = min(round(number(ramp, "ramp", 0.0, 1.0, unit="s") * rate), len(y) // 2)
    peak = np.abs(y).max()
    if peak == 0.0:
        codes = np.zeros(y.shape, dtype=np.int16)
    else:
        y /= peak  # first, so that neither a square nor the gain can overflow
        gain = min(level / math.sqrt(float(np.mean(y * y))), limit)
        if fade:
            rise = raised_cosine(fade).numpy()[:, None]
            y[:fade] *= rise
            y[-fade:] *= rise[::-1]
        # Full scale is 32767 here, so that a limit of 0 dB fits too.
        codes = np.rint(y * (gain * 32767.0)).astype(np.int16)
    return codes[:, 0] if x.ndim == 1 else codes


def wav_bytes(pcm: npt.NDArray[np.int16], fs: int) -> bytes:
    """Return a 16-bit WAV file of numbers that need no scaling, such as those of :func:`playback`.

    Parameters
    ----------
    pcm : ndarray of int16, shape (T,) or (T, channels)
        1 to 8 channels; T may be 0.
    fs : int
        Sampling rate, Hz, a whole number from 2000 to 768000.

    Returns
    -------
    bytes
        A whole file, beginning with its header of 44 bytes.

    Raises
    ------
    TypeError
        If ``pcm`` is not an array of int16.
    ValueError
        If the shape or the rate does not fit.

    Examples
    --------
    >>> wav_bytes(np.array([0, 1], dtype=np.int16), 44100)[:4]
    b'RIFF'
    """
    if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16:
        found = pcm.dtype if isinstance(pcm, np.ndarray) else type(pcm).__name__
        raise TypeError(f"pcm must be an array of int16, got {found}: use playback() to make one")
    if pcm.ndim not in (1, 2) or (pcm.ndim == 2 and not 1 <= pcm.shape[1] <= MAX_CHANNELS):
        raise ValueError(
            f"pcm has shape {pcm.shape}, not (T,) or (T, channels) with 1 to {MAX_CHANNELS} channels: "
            "transpose it"
        )
    channels = 1 if pcm.ndim == 1 else pcm.shape[1]
    return _riff(pcm.astype("<i2").tobytes(), whole_rate(fs), channels, 16, False)


def _frames(x: Any) -> npt.NDArray[np.float64]:
    """Return a copy of a sound as (T, channels) in float64, checked to be usable."""
    if isinstance(x, np.ndarray):
        if x.dtype.kind != "f":
            raise TypeError(
                f"x must hold real floats, got an array of {x.dtype}: give x.astype(float), in Pa"
            )
        time_first = x.ndim == 2 and x.shape[1] <= MAX_CHANNELS < x.shape[0]
        x = torch.from_numpy((x.T if time_first else x).astype(np.float64))
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        found = x.dtype if isinstance(x, torch.Tensor) else type(x).__name__
        raise TypeError(
            f"x must be a tensor or array of real floats, got {found}: give torch.as_tensor(..., float)"
        )
    if x.ndim not in (1, 2) or x.shape[-1] == 0 or (x.ndim == 2 and not 1 <= x.shape[0] <= MAX_CHANNELS):
        raise AudioError(
            f"x has shape {tuple(x.shape)}, not (T,) or (channels, T) with 1 to {MAX_CHANNELS} channels "
            "and at least one sample: select channels or transpose it"
        )
    y: npt.NDArray[np.float64] = np.array(
        x.detach().cpu().double().reshape(-1, x.shape[-1]).numpy().T, order="C"
    )
    if not np.isfinite(y).all():
        first = int(np.argmin(np.isfinite(y).all(axis=1)))
        raise AudioError(f"the sound holds NaN or infinity, first at sample {first}: remove the cause")
    return y


def _codes(y: npt.NDArray[np.float64], bits: int) -> bytes:
    """Return little-endian integer codes; +1 and what clip=True lets pass become the last code."""
    full = 2.0 ** (bits - 1)
    codes = np.clip(np.rint(y * full), -full, full - 1.0)
    if bits == 16:
        return codes.astype("<i2").tobytes()
    return codes.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _riff(data: bytes, fs: int, channels: int, bits: int, is_float: bool) -> bytes:
    frame = channels * bits // 8
    body = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3 if is_float else 1, channels, fs, fs * frame, frame, bits)
    if is_float:  # a fact chunk is asked of everything that is not PCM
        body += struct.pack("<4sII", b"fact", 4, len(data) // frame)
    pad = b"\0" * (len(data) % 2)
    size = 4 + len(body) + 8 + len(data) + len(pad)
    if size >= 2**32:
        raise AudioError(f"{size / 1e9:.1f} GB do not fit in a WAV file, which holds 4.3: save it in parts")
    return (
        struct.pack("<4sI4s", b"RIFF", size, b"WAVE")
        + body
        + struct.pack("<4sI", b"data", len(data))
        + data
        + pad
    )
