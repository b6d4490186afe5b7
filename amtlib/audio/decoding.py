"""One sound file of unknown origin, decoded block after block: checked, counted, and whole or cut off.
Source: formats as libsndfile decodes them.
Not here: what becomes of the samples (:mod:`amtlib.audio.reading`, :mod:`amtlib.audio.blocks`).
"""

import os
from mmap import mmap

import numpy as np
import numpy.typing as npt
import soundfile

from amtlib.audio.contents import ADVICE, MAX_CHANNELS, RATE_RANGE, AudioError, check_format
from amtlib.audio.layout import layout
from amtlib.audio.pieces import Pieces

__all__ = ["BLOCK", "LOUDEST", "MAX_CHANNELS", "RATE_RANGE", "Decoder"]

LOUDEST = 1e6  # times full scale; beyond it, the numbers are not pressures
BLOCK = 4096  # frames decoded at a time
_TOP_CODE = {"PCM_S8": 8, "PCM_U8": 8} | {
    f"{kind}_{bits}": bits for kind in ("PCM", "ALAC") for bits in (16, 20, 24, 32)
}


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

    def __init__(self, data: bytes | mmap, name: str, descriptor: int | None = None) -> None:
        self.name = name
        found = layout(data, name)
        self._cut, self._counted, self._size = found.cut, found.frames, len(data)
        self._coding = found.name
        plain = Pieces([(data, 0, len(data))]) if descriptor is None else descriptor
        self._rest: list[Pieces | int] = [plain if file is None else file for file in found.files]
        self._opened = self._next()
        self.kind, self.channels, self.fs = (
            found.kind,
            int(self._opened.channels),
            int(self._opened.samplerate),
        )
        self.encoding = found.encoding or str(self._opened.subtype)
        try:
            check_format(self.channels, self.fs, name)
        except AudioError:
            self._opened.close()
            raise
        bits = _TOP_CODE.get(self.encoding)
        self._top = 1.0 - 2.0 ** (1 - bits) if bits else 1.0
        self.announced = self._counted if self._counted is not None else self._stated()
        if found.stated and (self.announced or 0) - found.block < found.stated <= (self.announced or 0):
            self._counted = self.announced = found.stated  # the rest fills the last block
        self.ended = self._broken = False
        self.frames = 0
        self.clipped = np.zeros(self.channels, dtype=np.int64)

    def _next(self) -> "_Forwards":
        """Open what is to be decoded next."""
        self._source = self._rest.pop(0)
        try:
            return _Forwards(self._source)
        except (soundfile.SoundFileError, RuntimeError, ValueError):
            # What libsndfile says names its own internals.
            if self._coding:
                raise AudioError(
                    f"{self.name}: its encoding ({self._coding}) cannot be read: {ADVICE}"
                ) from None
            raise AudioError(
                f"{self.name}: the file is damaged at its beginning or its encoding is unknown: {ADVICE}"
            ) from None

    def _stated(self) -> int | None:
        """Return the frames that the file announces, up to the first of its streams that is damaged."""
        stated, whole = [int(self._opened.frames)], []
        for file in self._rest:
            try:
                with _Forwards(file) as part:
                    stated.append(int(part.frames))
            except (soundfile.SoundFileError, RuntimeError, ValueError):
                self._cut = True
                break
            whole.append(file)
        self._rest = whole
        return None if max(stated) >= 2**62 else sum(stated)  # libsndfile's way to say that it does not know

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
        if self._counted is not None:
            frames = min(frames, self._counted - self.frames)
        if self.ended or frames == 0:
            self.ended = True
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
        if len(found) == 0 and self._rest and not self.ended:
            self._go_on()
            return self.read(frames)
        self.ended = self.ended or len(found) == 0
        self._check(found)
        self.frames += len(found)
        return found

    def _go_on(self) -> None:
        """Go on with the next of several streams in one file."""
        self._opened.close()
        self._opened = self._next()
        if (self._opened.channels, self._opened.samplerate) != (self.channels, self.fs):
            raise AudioError(
                f"{self.name}: at {self.frames / self.fs:.1f} s the file goes on with {self._opened.channels} x "
                f"{self._opened.samplerate} Hz instead of {self.channels} x {self.fs} Hz: split it there"
            )

    @property
    def truncated(self) -> bool:
        """After the last block: whether the file ends before its announced end or is damaged there."""
        short = self.announced is not None and self.frames < self.announced
        # libsndfile takes the end of a FLAC of unknown length for an error, and what follows the announced end, too.
        broken = self._broken and not (
            self._at_end if self.announced is None else self.frames == self.announced
        )
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


class _Forwards(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A file read from beginning to end.

    soundfile seeks to where it is after every block, and seeking in an MP3 loses a part of the sound each
    time (measured: blocks of 4096 frames of a tone came back 5 dB too weak). What is not seekable is left alone.
    """

    def __init__(self, source: Pieces | int) -> None:
        if isinstance(source, Pieces):
            source.seek(0)
        super().__init__(source, closefd=False)

    def seekable(self) -> bool:
        """Return False: soundfile then leaves the position alone."""
        return False
