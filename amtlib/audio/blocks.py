"""Sound files read block after block, for those too long to hold; and a change of rate that remembers.
Source: formats as libsndfile decodes them, rates as the SoX resampler converts them.
Not here: files that fit into memory (:mod:`amtlib.audio.reading`).
"""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np
import soundfile
import soxr
import torch

from amtlib.audio.contents import ADVICE, AudioError, check_signature, file_label, is_cut
from amtlib.audio.reading import FULL_SCALE_DB, FileForwards, check_format, check_values, full_scale_gain
from amtlib.signals.frame import number

_MOST_VALUES = 2**22  # numbers of a block: 32 MB in float64
_STEP = 4096  # frames decoded at a time


class AudioBlocks:
    """
    A sound file (WAV, FLAC, OGG, MP3 or AIFF) as a series of blocks; any length, in bounded memory.

    Parameters
    ----------
    file : path
        The file.
    seconds : float
        Length of a block, 0.01 to 600 s; less if all channels together would exceed 2**22 samples.
    full_scale_db : float
        dB SPL of a signal whose rms in the file is 1, 0 to 200. Default: samples are pressures in Pa.

    Attributes
    ----------
    name : str
        File name without its folders.
    channels, fs : int
        Channels and sampling rate in Hz.
    frames : int
        Frames read so far.
    announced : int or None
        Frames that the header announces; None if it does not tell.
    clipped : int
        Samples at or beyond full scale so far.
    truncated : bool
        After the last block: whether the file ends before its announced end or is damaged there.

    Raises
    ------
    AudioError
        As :func:`load`, when it is opened or while it is read; here no file is too large or too long.

    See Also
    --------
    load : a whole file at once.
    RateChange : to another sampling rate, block by block.

    Examples
    --------
    >>> import tempfile
    >>> from amtlib.audio import save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder) / "tone.wav", torch.ones(2, 8000) / 2, 8000)
    ...     with AudioBlocks(Path(folder) / "tone.wav", seconds=0.4) as blocks:
    ...         [tuple(block.shape) for block in blocks]
    [(2, 3200), (2, 3200), (2, 1600)]
    """

    def __init__(
        self,
        file: str | os.PathLike[str],
        *,
        seconds: float = 30.0,
        full_scale_db: float = FULL_SCALE_DB,
    ) -> None:
        self._gain = full_scale_gain(full_scale_db)
        length = number(seconds, "seconds", 0.01, 600.0, unit="s")
        self.name = file_label(os.fspath(file))
        self.frames = self.clipped = 0
        self.truncated = False
        path = Path(file)
        try:
            if not path.is_file():
                what = "this is not a regular file" if path.exists() else "there is no such file"
                raise AudioError(f"{self.name}: {what}: check its name and folder")
            with path.open("rb") as start:
                check_signature(start.read(4096), self.name)
            self._cut = _is_cut(path)
        except AudioError:
            raise
        except (OSError, ValueError):  # a ValueError: the path holds a NUL character
            raise AudioError(
                f"{self.name}: the file cannot be opened: check its name and permissions"
            ) from None
        try:
            self._opened = FileForwards(os.fspath(path))
        except (soundfile.SoundFileError, RuntimeError, ValueError):
            raise AudioError(
                f"{self.name}: the file is damaged at its beginning or its encoding is unknown: {ADVICE}"
            ) from None
        try:
            self.kind, self.encoding, self._top = check_format(self._opened, self.name)
        except AudioError:
            self._opened.close()
            raise
        self.channels, self.fs = int(self._opened.channels), int(self._opened.samplerate)
        told = int(self._opened.frames)
        self.announced = told if told < 2**62 else None  # libsndfile's way to say that it does not know
        self._length = max(min(round(length * self.fs), _MOST_VALUES // self.channels), 1)

    def __enter__(self) -> "AudioBlocks":
        """Return the blocks."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._opened.close()

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Go through the blocks: tensors of shape (channels, T), Pa, float32; once."""
        whole = True
        while whole:
            pieces, held = [], 0
            while whole and held < self._length:
                piece, whole = self._read(min(_STEP, self._length - held))
                if len(piece):
                    check_values(piece, self.name, (self.frames + held) / self.fs)
                    held += len(piece)
                    pieces.append(piece)
            self.frames += held
            if pieces:
                x = np.concatenate(pieces)
                self.clipped += int(np.count_nonzero(np.abs(x) >= self._top))
                yield torch.from_numpy(np.ascontiguousarray(x.T) * self._gain).float()
        if self.frames == 0:
            raise AudioError(
                f"{self.name}: the file holds no samples that can be read: record or export it again"
            )
        short = self.announced is not None and self.frames < self.announced and self.kind != "MP3"
        self.truncated = self._cut or short

    def _read(self, frames: int) -> tuple[Any, bool]:
        """Return the next frames, shape (n, channels), and whether there may be more."""
        # On an error soundfile does not tell how far it came: what is no longer NaN was decoded.
        piece = np.full((frames, self.channels), np.nan)
        try:
            found = self._opened.read(out=piece)
        except (soundfile.SoundFileError, RuntimeError):
            # The end of a FLAC of untold length looks like an error too.
            self._cut = self._cut or self.announced is not None
            return piece[: int(np.isfinite(piece).all(axis=1).sum())], False
        return found, len(found) > 0


class RateChange:
    """
    A resampler that takes a signal block by block; the whole equals that of :func:`load`, to rounding.

    Parameters
    ----------
    source, target : int
        Sampling rates in Hz.
    channels : int
        Channels, at least 1.

    Examples
    --------
    >>> change = RateChange(8000, 16000, 1)
    >>> pieces = [change(torch.ones(1, 4000)), change(torch.ones(1, 4000)), change.rest()]
    >>> torch.cat(pieces, -1).shape
    torch.Size([1, 16000])
    """

    def __init__(self, source: int, target: int, channels: int) -> None:
        self._same = source == target
        self._channels = channels
        self._stream = None if self._same else soxr.ResampleStream(source, target, channels, quality="VHQ")

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return what is known of the output after a block x, shape (channels, T)."""
        return x if self._stream is None else self._next(x.T.contiguous().numpy(), False)

    def rest(self) -> torch.Tensor:
        """Return what is left after the last block."""
        empty = np.zeros((0, self._channels), dtype=np.float32)
        return torch.zeros(self._channels, 0) if self._stream is None else self._next(empty, True)

    def _next(self, x: Any, last: bool) -> torch.Tensor:
        assert self._stream is not None
        y = self._stream.resample_chunk(x.astype(np.float32, copy=False), last=last)
        return torch.from_numpy(np.ascontiguousarray(y.reshape(-1, self._channels).T))


def _is_cut(path: Path) -> bool:
    """Whether a WAV or Ogg file visibly lacks its end, without reading all of it."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return is_cut(cast(bytes, view))
