"""One sound file of unknown origin, decoded block after block: checked, counted, and whole or cut off.
Source: formats as libsndfile decodes them.
Not here: what becomes of the samples (:mod:`amtlib.audio.reading`, :mod:`amtlib.audio.blocks`).
"""

import io
import mmap
import os
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from amtlib.audio.contents import ADVICE, AudioError, check_signature, is_cut

MAX_CHANNELS = 8
RATE_RANGE = (2_000, 768_000)
LOUDEST = 1e6  # times full scale; beyond it, the numbers are not pressures
BLOCK = 4096  # frames decoded at a time
_MP3_SLACK = 4 * 1152  # frames: libsndfile only guesses the length of an MP3 without a length in its header
_KINDS = {"WAVEX": "WAV", "RF64": "WAV"} | {kind: kind for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF")}
_TOP_CODE = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}


class Decoder:
    """
    An opened sound file, read from beginning to end.

    Parameters
    ----------
    data : bytes or mmap
        All of the file.
    name : str
        What messages call it.
    descriptor : int, optional
        The open file that ``data`` maps, at its start; by default the bytes themselves are decoded. It stays open.

    Attributes
    ----------
    channels, fs : int
        Channels and sampling rate in Hz.
    kind, encoding : str
        As in :class:`Recording`.
    announced : int or None
        Frames that the file announces; None if it does not tell.
    frames : int
        Frames read so far.
    clipped : ndarray of int, shape (channels,)
        Samples at or beyond full scale so far.
    ended : bool
        Whether the last frame was read.

    Raises
    ------
    AudioError
        When the file cannot be opened, or later when its samples cannot be used.

    Examples
    --------
    >>> from amtlib.audio import wav_bytes
    >>> decoder = Decoder(wav_bytes(np.zeros((5000, 2), dtype=np.int16), 8000), "pause.wav")
    >>> decoder.announced, len(decoder.read()), len(decoder.read()), len(decoder.read()), decoder.truncated
    (5000, 4096, 904, 0, False)
    """

    def __init__(self, data: bytes | mmap.mmap, name: str, descriptor: int | None = None) -> None:
        check_signature(data[:4096], name)
        self.name = name
        self._size = len(data)
        self._cut = is_cut(data)
        self.ended = self._broken = False
        self._source = _Memory(data) if descriptor is None else descriptor
        try:
            self._opened = _Forwards(self._source)
        except (soundfile.SoundFileError, RuntimeError, ValueError):
            # What libsndfile says names its own internals.
            raise AudioError(
                f"{name}: the file is damaged at its beginning or its encoding is unknown: {ADVICE}"
            ) from None
        try:
            self.kind, self.encoding, self._top = _format(self._opened, name)
        except AudioError:
            self._opened.close()
            raise
        self.channels, self.fs = int(self._opened.channels), int(self._opened.samplerate)
        told = int(self._opened.frames)
        self.announced = told if told < 2**62 else None  # libsndfile's way to say that it does not know
        self.frames = 0
        self.clipped = np.zeros(self.channels, dtype=np.int64)

    def __enter__(self) -> "Decoder":
        """Return the decoder."""
        return self

    def __exit__(self, *problem: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Free the decoder; the descriptor that was given stays open."""
        self._opened.close()

    def read(self, frames: int = BLOCK) -> npt.NDArray[np.float64]:
        """Return at most so many further frames, shape (n, channels), full scale is 1; none after the end.

        Raises
        ------
        AudioError
            If they are not finite, or absurdly large.
        """
        if self.ended:
            return np.zeros((0, self.channels))
        # On an error soundfile does not tell how far it came: what is no longer NaN was decoded.
        block = np.full((frames, self.channels), np.nan)
        try:
            found: npt.NDArray[np.float64] = self._opened.read(out=block)
        except (soundfile.SoundFileError, RuntimeError):
            finite = np.isfinite(block).all(axis=1)
            found = block if finite.all() else block[: int(np.argmin(finite))]
            self._broken = self.ended = True
            self._at_end = self._position() == self._size
        self.ended = self.ended or len(found) == 0
        self._check(found)
        self.frames += len(found)
        return found

    @property
    def truncated(self) -> bool:
        """After the last block: whether the file ends before its announced end or is damaged there."""
        slack = _MP3_SLACK if self.kind == "MP3" else 0
        short = self.announced is not None and self.announced - self.frames > slack
        # The end of a FLAC of untold length looks like an error to libsndfile.
        broken = self._broken and not (self.announced is None and self._at_end)
        return self._cut or short or broken

    def check_some(self) -> None:
        """Raise if nothing was read at all."""
        if self.frames == 0:
            raise AudioError(
                f"{self.name}: the file holds no samples that can be read: record or export it again"
            )

    def _check(self, block: npt.NDArray[np.float64]) -> None:
        """Count samples beyond full scale; raise if they are no pressures."""
        size = np.abs(block)
        peak = size.max(initial=0.0)  # NaN where there is one
        if peak >= self._top:
            self.clipped += np.count_nonzero(size >= self._top, axis=0)
        if peak <= LOUDEST:
            return
        if not np.isfinite(peak):
            raise AudioError(
                f"{self.name}: the file holds NaN or infinite samples (within 0.1 s of "
                f"{self.frames / self.fs:.1f} s): export it again"
            )
        raise AudioError(
            f"{self.name}: samples reach {peak:.1e} times full scale, more than {LOUDEST:.0e}: scale the file to "
            "+-1 or to Pa"
        )

    def _position(self) -> int:
        if isinstance(self._source, int):
            return os.lseek(self._source, 0, os.SEEK_CUR)
        return self._source.tell()


class _Memory(io.BytesIO):
    """Bytes that stay in place when a damaged header seeks wildly; an exception would be lost in C."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


class _Forwards(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A file read from beginning to end.

    soundfile seeks to where it is after every block, and seeking in an MP3 loses a part of the sound each
    time (measured: blocks of 4096 frames of a tone came back 5 dB too weak). What is not seekable is left alone.
    """

    def __init__(self, source: _Memory | int) -> None:
        super().__init__(source, closefd=False)

    def seekable(self) -> bool:
        """Return False: soundfile then leaves the position alone."""
        return False


def _format(opened: Any, name: str) -> tuple[str, str, float]:
    """Return kind, encoding and the greatest sample of an opened file, or raise if it is not supported."""
    kind, encoding = _KINDS.get(opened.format), str(opened.subtype)
    channels, fs = int(opened.channels), int(opened.samplerate)
    if kind is None:
        raise AudioError(f"{name}: files of the kind {opened.format} are not supported: {ADVICE}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError(
            f"{name}: the file has {channels} channels, more than {MAX_CHANNELS}: export fewer of them"
        )
    if not RATE_RANGE[0] <= fs <= RATE_RANGE[1]:
        raise AudioError(
            f"{name}: its sampling rate of {fs} Hz is outside {RATE_RANGE[0]} to {RATE_RANGE[1]} Hz: "
            "resample the file"
        )
    return kind, encoding, 1.0 - 2.0 ** (1 - _TOP_CODE[encoding]) if encoding in _TOP_CODE else 1.0
