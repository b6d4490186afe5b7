"""The bytes of a sound file before decoding: fetched within a limit, and named.
Not here: what they are (:mod:`amtlib.audio.containers`), decoding (:mod:`amtlib.audio.decoding`).
"""

import os
import stat
from pathlib import Path
from typing import Any

ADVICE = "pass a WAV, FLAC, OGG or MP3 file"
MAX_CHANNELS = 8
RATE_RANGE = (2_000, 768_000)


class AudioError(ValueError):
    """A sound file or sound cannot be used; the message is one sentence that says why and what to do.

    Examples
    --------
    >>> try:
    ...     contents(b"12345", "long.wav", largest=4)
    ... except AudioError as error:
    ...     print(error)
    long.wav: the file is larger than the limit of 4 bytes: shorten or compress it
    """


def contents(file: Any, name: str | None, largest: int) -> tuple[str, bytes]:
    """Return the clean name and at most ``largest`` bytes."""
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name must be a str, got {type(name).__name__}")
    if isinstance(file, bytes | bytearray | memoryview):
        label, size = file_label(name), memoryview(file).nbytes
        data = bytes(file) if size <= largest else b""
    elif isinstance(file, str | os.PathLike):
        label = file_label(name or os.fspath(file))
        try:
            status = Path(file).stat()
            if not stat.S_ISREG(status.st_mode):
                raise AudioError(f"{label}: this is not a regular file: {ADVICE}")
            with Path(file).open("rb") as opened:
                data = opened.read(largest + 1) if status.st_size <= largest else b""
            size = max(status.st_size, len(data))
        except FileNotFoundError:
            raise AudioError(f"{label}: there is no such file: check its name and folder") from None
        except AudioError:
            raise
        except (OSError, ValueError):  # a ValueError: the path holds a NUL character
            raise AudioError(f"{label}: the file cannot be opened: check its name and permissions") from None
    elif hasattr(file, "read"):
        own = getattr(file, "name", None)
        label = file_label(name or (own if isinstance(own, str) else None))
        try:
            data = file.read(largest + 1)
        except (OSError, ValueError):
            raise AudioError(f"{label}: the file cannot be read: open it again in binary mode") from None
        if not isinstance(data, bytes):
            raise TypeError(f"file must be open in binary mode, it returned {type(data).__name__}")
        size = len(data)
    else:
        raise TypeError(f"file must be a path, bytes or a binary file object, got {type(file).__name__}")
    if size > largest:
        raise AudioError(
            f"{label}: the file is larger than the limit of {_megabytes(largest)}: shorten or compress it"
        )
    return label, data


def file_label(name: str | None) -> str:
    """Return the last part of a path of either kind, printable and short."""
    last = (name or "").replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    printable = "".join(c for c in last if c.isprintable()).strip()
    return (printable if len(printable) <= 80 else printable[:40] + "..." + printable[-30:]) or "audio"


def check_format(channels: int, fs: int, label: str) -> None:
    """Raise if a file has no channels, too many, or an impossible rate.

    Examples
    --------
    >>> check_format(9, 48000, "array.wav")
    Traceback (most recent call last):
    ...
    amtlib.audio.contents.AudioError: array.wav: the file has 9 channels, more than 8: export fewer of them
    """
    if channels < 1:
        raise AudioError(f"{label}: the file has no channels, its header is damaged: export it again")
    if channels > MAX_CHANNELS:
        raise AudioError(
            f"{label}: the file has {channels} channels, more than {MAX_CHANNELS}: export fewer of them"
        )
    if not RATE_RANGE[0] <= fs <= RATE_RANGE[1]:
        raise AudioError(
            f"{label}: its sampling rate of {fs} Hz is outside {RATE_RANGE[0]} to {RATE_RANGE[1]} Hz: "
            "resample the file"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} bytes"
