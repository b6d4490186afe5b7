"""Reading sound files of unknown origin: a checked, resampled, calibrated recording or one clear sentence.
Source: formats as libsndfile decodes them, rates as the SoX resampler converts them.
Not here: writing and playing (:mod:`amtlib.audio.writing`), streaming, and metadata such as titles.
"""

import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
import torch

from amtlib.audio.contents import ADVICE, AudioError, check_signature, contents, is_cut
from amtlib.signals.frame import P_REF, number
from amtlib.signals.levels import rms_level

FULL_SCALE_DB = 20.0 * math.log10(1.0 / P_REF)
"""dB SPL of a file whose rms is 1 when its samples are taken as Pa: 93.98 dB."""

MAX_CHANNELS = 8
RATE_RANGE = (2_000, 768_000)
MAX_VALUES = 2**27  # decoded numbers kept at once: 1 GiB in float64
LOUDEST = 1e6  # times full scale; beyond it, the numbers are not pressures
_BLOCK = 4096  # frames
_MP3_SLACK = 4 * 1152  # frames: libsndfile only guesses the length of an MP3 without a length in its header
_KINDS = {"WAVEX": "WAV", "RF64": "WAV"} | {kind: kind for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF")}
_TOP_CODE = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}


@dataclass(frozen=True, eq=False)
class Recording:
    """A decoded sound file and what is known of it.

    Attributes
    ----------
    samples : Tensor, shape (T,), or (channels, T) with ``channel='all'``
        Pressure, Pa.
    fs : int
        Sampling rate of ``samples``, Hz.
    name : str
        File name without its folders.
    channels : int
        Channels in the file.
    source_fs : int
        Sampling rate of the file, Hz.
    kind, encoding : str
        ``'WAV'``, ``'FLAC'``, ``'OGG'``, ``'MP3'`` or ``'AIFF'``, and libsndfile's name of the encoding, as
        ``'PCM_16'``.
    clipped : int
        Samples of the chosen channels (of all of them for a mix) at or beyond full scale: many mean
        distortion.
    truncated : bool
        The file ends before its announced end or is damaged there; ``samples`` hold what could be read.

    Examples
    --------
    >>> from amtlib.audio import wav_bytes
    >>> recording = load(wav_bytes(np.zeros(4000, dtype=np.int16), 8000), name="pause.wav")
    >>> recording.duration, recording.kind, recording.level
    (0.5, 'WAV', -inf)
    """

    samples: torch.Tensor = field(repr=False)
    fs: int
    name: str
    channels: int
    source_fs: int
    kind: str
    encoding: str
    clipped: int
    truncated: bool

    @property
    def duration(self) -> float:
        """Length in s."""
        return self.samples.shape[-1] / self.fs

    @property
    def level(self) -> float:
        """Overall rms level in dB SPL, over all chosen channels; -inf for silence."""
        return float(rms_level(self.samples.double().flatten()))


def load(
    file: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO,
    *,
    fs: int | None = None,
    channel: Literal["mix", "all"] | int = "mix",
    full_scale_db: float = FULL_SCALE_DB,
    name: str | None = None,
    max_duration: float = 600.0,
    max_bytes: int = 2**28,
    dtype: torch.dtype = torch.float32,
) -> Recording:
    """Decode a sound file (WAV, FLAC, OGG, MP3 or AIFF; any bit depth, 1 to 8 channels, 2 to 768 kHz).

    Files may come from anybody: the size is checked before the file is read, the announced length before it
    is decoded, and the true length while it is. A file that ends early gives what it holds, with
    ``truncated=True``. (An MP3 of variable bit rate without the usual Xing header may be read short: its
    length is the decoder's guess.)

    Parameters
    ----------
    file : path, bytes or binary file object
        A file object is read from where it stands and left open.
    fs : int
        Sampling rate wanted, Hz, 2000 to 768000; ``None`` keeps the file's. The resampler is soxr at its
        very high quality: linear phase, no delay, the length is ``round(T * fs / source_fs)``.
    channel : str or int
        ``'mix'``, the mean of all channels (equal channels keep their level); one channel, counted from 0;
        or ``'all'``.
    full_scale_db : float
        dB SPL of a signal whose rms in the file is 1, 0 to 200. By default samples are pressures in Pa. A
        sine that just fits in the file lies 3.01 dB lower.
    name : str
        What to call the file; by default its own name.
    max_duration : float
        Longest sound to accept, s, above 0; in any case at most 2**27 samples are kept.
    max_bytes : int
        Largest file to accept, bytes, from 1.
    dtype : torch.dtype
        ``torch.float32`` or ``torch.float64``.

    Returns
    -------
    Recording

    Raises
    ------
    AudioError
        With one sentence, if the file is missing, empty, not audio, of an unsupported kind or rate, damaged
        from the start, without samples, too large, too long, of too many channels, without the asked channel,
        or holds NaN, infinite or absurd samples (beyond a million times full scale).
    TypeError
        If an argument is of the wrong type.

    See Also
    --------
    save : write one.

    Examples
    --------
    >>> import io
    >>> from amtlib.audio import save
    >>> from amtlib.signals import rms_level, tone
    >>> buffer = io.BytesIO()
    >>> save(buffer, tone(1000.0, level=70.0), 44100, full_scale_db=100.0)
    >>> recording = load(buffer.getvalue(), fs=16000, full_scale_db=100.0)
    >>> recording.samples.shape, recording.source_fs, round(recording.level, 1)
    (torch.Size([16000]), 44100, 69.9)
    """
    gain = full_scale_gain(full_scale_db)
    longest = number(max_duration, "max_duration", 1e-3, 1e9, unit="s")
    largest = int(number(max_bytes, "max_bytes", 1, 2**40, unit="bytes"))
    rate = None if fs is None else whole_rate(fs)
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"dtype must be torch.float32 or torch.float64, got {dtype}: choose one of them")
    if isinstance(channel, bool) or not isinstance(channel, int | str):
        raise TypeError(f"channel must be 'mix', 'all' or a whole number, got {channel!r}")
    if isinstance(channel, str) and channel not in ("mix", "all"):
        raise ValueError(f"channel = {channel!r} is unknown: choose 'mix', 'all' or a number from 0")
    label, data = contents(file, name, largest)
    check_signature(data, label)
    try:
        memory = _Memory(data)
        opened = FileForwards(memory)
    except (soundfile.SoundFileError, RuntimeError, ValueError):
        # What libsndfile says names its own internals.
        raise AudioError(
            f"{label}: the file is damaged at its beginning or its encoding is unknown: {ADVICE}"
        ) from None
    with opened:
        return _decoded(opened, memory, label, rate, channel, gain, longest, dtype)


def whole_rate(fs: Any) -> int:
    """Return a file's sampling rate as an int, or raise.

    Examples
    --------
    >>> whole_rate(44100.0)
    44100
    """
    rate = number(fs, "fs", *RATE_RANGE, unit="Hz")
    if rate != int(rate):
        raise ValueError(f"fs = {rate!r} Hz is not a whole number, as files need: round it")
    return int(rate)


class _Memory(io.BytesIO):
    """Bytes that stay in place when a damaged header seeks wildly; an exception would be lost in C."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


class FileForwards(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A file read from beginning to end.

    soundfile seeks to where it is after every block, and seeking in an MP3 loses a part of the sound each
    time (measured: blocks of 4096 frames of a tone came back 5 dB too weak). What is not seekable is left alone.
    """

    def seekable(self) -> bool:
        """Return False: soundfile then leaves the position alone."""
        return False


def _decoded(
    opened: Any,
    memory: _Memory,
    label: str,
    fs: int | None,
    channel: str | int,
    gain: float,
    longest: float,
    dtype: torch.dtype,
) -> Recording:
    data = memory.getvalue()  # shared, not copied
    kind, encoding, top = check_format(opened, label)
    channels, source_fs, announced = int(opened.channels), int(opened.samplerate), int(opened.frames)
    picked = _picked(channel, channels, label)
    kept = channels if picked == "all" else 1
    target = fs or source_fs
    most = int(min(longest * source_fs, MAX_VALUES // kept, MAX_VALUES // kept * source_fs / target))
    unknown = announced >= 2**62  # libsndfile's way to say that the header does not tell
    if announced > most and not unknown:
        raise AudioError(_too_long(label, announced / source_fs, most / source_fs))
    blocks, read, clipped, broken = [], 0, 0, False
    for block, whole in _blocks(opened):
        broken = not whole
        read += len(block)
        if read > most:
            raise AudioError(_too_long(label, None, most / source_fs))
        if isinstance(picked, int):
            block = block[:, picked : picked + 1]
        check_values(block, label, (read - len(block)) / source_fs)
        clipped += int(np.count_nonzero(np.abs(block) >= top))
        blocks.append(block.mean(axis=1, keepdims=True) if picked == "mix" else block)
    if read == 0:
        raise AudioError(f"{label}: the file holds no samples that can be read: record or export it again")
    x = np.concatenate(blocks)
    if target != source_fs:
        x = soxr.resample(x, source_fs, target, quality="VHQ")
        if len(x) == 0:
            raise AudioError(
                f"{label}: the file is too short for a sampling rate of {target} Hz: choose a higher one"
            )
    samples = torch.from_numpy(np.ascontiguousarray(x.T) * gain).to(dtype)
    short = not unknown and announced - read > (_MP3_SLACK if kind == "MP3" else 0)
    # The end of a FLAC of untold length looks like an error to libsndfile.
    broken = broken and not (unknown and memory.tell() == len(data))
    cut = broken or short or is_cut(data)
    return Recording(
        samples=samples if picked == "all" else samples[0],
        fs=target,
        name=label,
        channels=channels,
        source_fs=source_fs,
        kind=kind,
        encoding=encoding,
        clipped=clipped,
        truncated=cut,
    )


def full_scale_gain(full_scale_db: float) -> float:
    """Return Pa for a sample of 1, or raise if the level of full scale is out of range.

    Examples
    --------
    >>> full_scale_gain(FULL_SCALE_DB)
    1.0
    """
    level = number(full_scale_db, "full_scale_db", 0.0, 200.0, unit="dB SPL")
    return float(10.0 ** ((level - FULL_SCALE_DB) / 20.0))


def check_format(opened: Any, label: str) -> tuple[str, str, float]:
    """Return kind, encoding and the greatest sample of an opened file, or raise if it is not supported."""
    kind, encoding = _KINDS.get(opened.format), str(opened.subtype)
    channels, fs = int(opened.channels), int(opened.samplerate)
    if kind is None:
        raise AudioError(f"{label}: files of the kind {opened.format} are not supported: {ADVICE}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError(
            f"{label}: the file has {channels} channels, more than {MAX_CHANNELS}: export fewer of them"
        )
    if not RATE_RANGE[0] <= fs <= RATE_RANGE[1]:
        raise AudioError(
            f"{label}: its sampling rate of {fs} Hz is outside {RATE_RANGE[0]} to {RATE_RANGE[1]} Hz: "
            "resample the file"
        )
    return kind, encoding, 1.0 - 2.0 ** (1 - _TOP_CODE[encoding]) if encoding in _TOP_CODE else 1.0


def _picked(channel: str | int, channels: int, label: str) -> str | int:
    if isinstance(channel, str):
        return channel
    if not 0 <= channel < channels:
        has = "only channel 0" if channels == 1 else f"channels 0 to {channels - 1}"
        raise AudioError(
            f"{label}: channel = {channel} does not exist, the file has {has}: choose one of these"
        )
    return channel


def _blocks(opened: Any) -> Iterator[tuple[npt.NDArray[np.float64], bool]]:
    """Yield blocks of shape (frames, channels); a decoding error ends them, and the last one says so."""
    while True:
        # On an error soundfile does not tell how far it came: what is no longer NaN was decoded.
        block = np.full((_BLOCK, opened.channels), np.nan)
        try:
            found = opened.read(out=block)
        except (soundfile.SoundFileError, RuntimeError):
            yield block[: int(np.isfinite(block).all(axis=1).sum())], False
            return
        if len(found) == 0:
            return
        yield found, True


def check_values(block: npt.NDArray[np.float64], label: str, start: float) -> None:
    """Raise if samples that begin at a time in s are no pressures."""
    if not np.isfinite(block).all():
        raise AudioError(
            f"{label}: the file holds NaN or infinite samples (within 0.1 s of {start:.1f} s): export it "
            "again"
        )
    if len(block) and np.abs(block).max() > LOUDEST:
        raise AudioError(
            f"{label}: samples reach {np.abs(block).max():.1e} times full scale, more than {LOUDEST:.0e}: "
            "scale the file to +-1 or to Pa"
        )


def _too_long(label: str, duration: float | None, limit: float) -> str:
    lasts = (
        "the sound is longer than" if duration is None else f"the sound lasts {duration:.1f} s, longer than"
    )
    return f"{label}: {lasts} the limit of {limit:g} s: cut it"
