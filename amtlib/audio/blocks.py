"""Sound files read block after block, for those too long to hold; and a change of rate that remembers.
Source: formats as libsndfile decodes them, rates as the SoX resampler converts them.
Not here: files that fit into memory (:mod:`amtlib.audio.reading`).
"""

import mmap
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import soxr
import torch

from amtlib.audio.contents import AudioError, file_label
from amtlib.audio.decoding import BLOCK, Decoder
from amtlib.audio.scale import FULL_SCALE_DB, full_scale_gain
from amtlib.signals.frame import number

_MOST_VALUES = 2**22  # numbers of a block: 32 MB in float64


class AudioBlocks:
    """
    A sound file of any kind that :func:`load` reads as a series of blocks; any length, in bounded memory.

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
        Frames that the file announces (MPEG frames are counted); None if it does not tell.
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
        with ExitStack() as opened:
            self._decoder = opened.enter_context(Decoder(*self._mapped(Path(file), opened)))
            self._opened = opened.pop_all()
        self.channels, self.fs, self.announced = (
            self._decoder.channels,
            self._decoder.fs,
            self._decoder.announced,
        )
        self._length = max(min(round(length * self.fs), _MOST_VALUES // self.channels), 1)

    def _mapped(self, path: Path, opened: ExitStack) -> tuple[bytes | mmap.mmap, str, int]:
        """Open a file, whatever its name; its bytes are not read yet."""
        try:
            if not path.is_file():
                what = "this is not a regular file" if path.exists() else "there is no such file"
                raise AudioError(f"{self.name}: {what}: check its name and folder")
            file = opened.enter_context(path.open("rb"))
            if not os.fstat(file.fileno()).st_size:
                return b"", self.name, file.fileno()
            view = opened.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except AudioError:
            raise
        except (OSError, ValueError):  # a ValueError: the path holds a NUL character
            raise AudioError(
                f"{self.name}: the file cannot be opened: check its name and permissions"
            ) from None
        return view, self.name, file.fileno()

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
        while not self._decoder.ended:
            pieces, held = [], 0
            while not self._decoder.ended and held < self._length:
                pieces.append(self._decoder.read(min(BLOCK, self._length - held)))
                held += len(pieces[-1])
            self.frames, self.clipped = self._decoder.frames, int(self._decoder.clipped.sum())
            if held:
                x = np.concatenate(pieces)
                yield torch.from_numpy(np.ascontiguousarray(x.T) * self._gain).float()
        self._decoder.check_some()
        self.truncated = self._decoder.truncated


class RateChange:
    """
    A resampler that takes a signal block by block; the whole equals that of :func:`load`, to rounding.

    Parameters
    ----------
    source, target : int
        Sampling rates in Hz.
    channels : int
        Channels, at least 1.
    dtype : torch.dtype
        Of blocks and result, ``torch.float32`` or ``torch.float64``.

    Examples
    --------
    >>> change = RateChange(8000, 16000, 1)
    >>> pieces = [change(torch.ones(1, 4000)), change(torch.ones(1, 4000)), change.rest()]
    >>> torch.cat(pieces, -1).shape
    torch.Size([1, 16000])
    """

    def __init__(self, source: int, target: int, channels: int, dtype: torch.dtype = torch.float32) -> None:
        self._empty = torch.zeros(channels, 0, dtype=dtype)
        self._stream = None
        if source != target:
            kind = "float64" if dtype == torch.float64 else "float32"
            self._stream = soxr.ResampleStream(source, target, channels, dtype=kind, quality="VHQ")

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return what is known of the output after a block x, shape (channels, T)."""
        return x if self._stream is None else self._next(x.to(self._empty.dtype), False)

    def rest(self) -> torch.Tensor:
        """Return what is left after the last block."""
        return self._empty if self._stream is None else self._next(self._empty, True)

    def _next(self, x: torch.Tensor, last: bool) -> torch.Tensor:
        assert self._stream is not None
        y = self._stream.resample_chunk(x.T.contiguous().numpy(), last=last)
        return torch.from_numpy(np.ascontiguousarray(y.reshape(-1, len(x)).T))
