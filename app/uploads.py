"""Files that users drop on a page: bounded, decoded once, and kept only as what a lab needs of them.

Not here: the messages that bring a file in pieces (:mod:`app.shell`).
"""

import hashlib
import os
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from amtlib import audio
from amtlib.limits import Limits

#: Longest file that is taken, in s; the lab shows an excerpt of it.
MAX_RECORDING = 120.0
#: Largest file that is taken, in bytes; `amtlab serve --max-upload` sets it.
MAX_BYTES = round(float(os.environ.get("AMTLAB_MAX_UPLOAD_MB", "50")) * 2**20)
#: Sampling rates at which a lab may ask for a file, in Hz, unless it says otherwise; more are taken to the highest.
RATES = (16000, 22050, 32000, 44100, 48000)

#: Bytes of an unfinished upload that are kept in memory; what is longer goes to a temporary file.
_IN_MEMORY = 2**20
#: One file is decoded at a time in a process, however many pages send one: each takes memory.
DECODING = threading.Lock()


class Arriving:
    """A file that comes in pieces.

    Parameters
    ----------
    job : str
        Which upload it is, by the page's own name for it.

    Attributes
    ----------
    received : int
        Bytes that are there.

    Examples
    --------
    >>> arriving = Arriving("upload-1")
    >>> arriving.add(b"RIFF")
    >>> arriving.received, arriving.take()
    (4, b'RIFF')
    """

    def __init__(self, job: str) -> None:
        self.job = job
        self.received = 0
        # Closed by `take` or `close`.
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115

    def add(self, piece: bytes) -> None:
        """Add the next piece."""
        self._file.write(piece)
        self.received += len(piece)

    def take(self) -> bytes:
        """Return the whole file, once."""
        self._file.seek(0)
        content = self._file.read()
        self._file.close()
        return content

    def close(self) -> None:
        """Forget it."""
        self._file.close()

    __del__ = close


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
