"""Files that users drop on a page: in pieces, bounded, decoded once, and kept only as a lab needs them."""

import base64
import hashlib
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from amtlib import audio
from amtlib.limits import Limits
from app.memory import return_memory
from app.page.problems import NO_ROOM, sentence
from app.page.protocol import Content

_LOG = logging.getLogger("amtlab")

#: Longest file that is taken, in s; the lab shows an excerpt of it.
MAX_RECORDING = 120.0
#: Largest file that is taken, in bytes; `amtlab serve --max-upload` sets it.
MAX_BYTES = round(float(os.environ.get("AMTLAB_MAX_UPLOAD_MB", "50")) * 2**20)
#: Sampling rates at which a lab may ask for a file, in Hz, unless it says otherwise; more are taken to the highest.
RATES = (16000, 22050, 32000, 44100, 48000)

#: Bytes of an unfinished upload that are kept in memory; what is longer goes to a temporary file.
_IN_MEMORY = 2**20
#: One file is decoded at a time in a process, however many pages send one: each takes memory.
_DECODING = threading.Lock()


def max_samples() -> float:
    """Return how many samples a file may hold once decoded, all channels counted.

    Examples
    --------
    >>> max_samples() >= 1e6
    True
    """
    return Limits.of_environment().max_samples * 1e6


@dataclass(frozen=True)
class Upload:
    """A user's file, decoded: its sound as one channel at the rate that is kept, and the hash of its bytes."""

    recording: audio.Recording
    digest: bytes


def decode_upload(name: str, content: bytes, rates: Sequence[int] = RATES) -> Upload:
    """Check and decode a user's file, once; needs no stimulus, so that any thread or process can do it.

    Parameters
    ----------
    name : str
        The file's name.
    content : bytes
        All of it.
    rates : sequence of int
        Rates in Hz that will be asked for. A single one is what is kept; of several the highest, or the file's own if
        that is lower, and the others are made of it.

    Raises
    ------
    amtlib.audio.AudioError
        With one sentence on what is wrong with the file.

    Examples
    --------
    >>> import numpy as np
    >>> decode_upload("pause.wav", audio.wav_bytes(np.zeros(800, np.int16), 8000), [32000]).recording.fs
    32000
    """
    recording = audio.load(
        content,
        name=name,
        fs=rates[0] if len(rates) == 1 else None,
        max_fs=max(rates) if len(rates) > 1 else None,
        max_duration=MAX_RECORDING,
        max_samples=max_samples(),
        max_bytes=MAX_BYTES,
        warn=False,
    )
    return Upload(recording, hashlib.sha256(content).digest())


class TakesFiles(Protocol):
    """Whatever a dropped file can go to; ``mixes``: it makes one channel of all, always."""

    mixes: bool

    @property
    def upload_name(self) -> str | None:
        """Name of the file that was dropped in, if any."""
        ...

    @property
    def decode(self) -> Callable[[str, bytes], Any]:
        """What decodes a file, or raises :class:`amtlib.audio.AudioError` with a sentence on what is wrong."""
        ...

    def accept(self, upload: Any) -> audio.Recording:
        """Take what `decode` made."""
        ...


class Uploads:
    """The files that one page sends, one at a time, piece by piece.

    Parameters
    ----------
    target : callable
        Returns what a file goes to, None where the lab takes none.
    accept : callable
        Called with what the target's `decode` made, when a file is whole; returns what was found in it.
    """

    def __init__(
        self, target: Callable[[], TakesFiles | None], accept: Callable[[Any], audio.Recording]
    ) -> None:
        self._target = target
        self._accept = accept
        #: The file that arrives, as far as it is there, and the page's own name for it.
        self._file: tempfile.SpooledTemporaryFile[bytes] | None = None
        self._arriving = ""

    def take(self, piece: Content) -> Content | None:
        """Take a piece, and the file when it is whole; return the answer to the page, or why there is no file.

        Returns
        -------
        dict or None
            None for a piece of an upload that was given up.
        """
        upload, name = str(piece["id"]), str(piece["name"])[:200]
        try:
            return self._add(upload, name, piece)
        except audio.AudioError as problem:
            text = sentence(problem)
        except (KeyError, TypeError, ValueError):
            text = f"{name} did not arrive; try again."
        except (MemoryError, OSError):
            _LOG.exception("A file could not be taken")
            text = f"{NO_ROOM} for {name}. Try again later, or drop a shorter file."
        self.forget()
        return {"type": "upload-failed", "id": upload, "text": text}

    def forget(self) -> None:
        """Forget a file that is not whole."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    __del__ = forget

    def _add(self, upload: str, name: str, piece: Content) -> Content | None:
        size, start = int(piece["size"]), int(piece["start"])
        data = base64.b64decode(str(piece["data"]), validate=True)
        if start == 0:
            self.forget()
            self._arriving = upload
            self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        target, file = self._target(), self._file
        if target is None or file is None or self._arriving != upload or file.tell() != start:
            return None
        if max(size, start + len(data)) > MAX_BYTES:
            raise audio.AudioError(f"{name} is too large; the limit is {MAX_BYTES / 2**20:g} MB")
        file.write(data)
        if file.tell() < size:
            return {"type": "upload-more", "id": upload}
        file.seek(0)
        content = file.read()
        self.forget()
        with _DECODING:
            decoded = target.decode(name, content)
            return_memory()  # decoding takes several times what is kept
        found = self._accept(decoded)
        mixed = f", {found.channels} channels" if found.channels > 1 else ""
        mixed += " mixed to one" if mixed and target.mixes else ""
        facts = (f"{found.name}: {found.duration:.2f} s, {found.source_fs:g} Hz{mixed}.", found.cancellation)
        text = " ".join([*filter(None, facts), "Drop another one to replace it."])
        return {"type": "upload-done", "id": upload, "text": text}
