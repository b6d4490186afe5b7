"""Files that users drop on a page: bounded, decoded once, and kept only as what a lab needs of them.
Source: :mod:`amtlib.audio` decodes.
Not here: how a file comes to the server in pieces (:mod:`app.shell`).
"""

import hashlib
import os
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
