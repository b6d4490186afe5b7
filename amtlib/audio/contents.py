"""The bytes of a sound file before decoding: fetched within a limit, named, recognised, and whole or cut off.
Source: the signatures and page layouts of RIFF (RFC 2361), Ogg (RFC 3533), FLAC, AIFF and MPEG audio.
Not here: decoding (:mod:`amtlib.audio.reading`).
"""

import os
import stat
from mmap import mmap
from pathlib import Path
from typing import Any

_FOREIGN = (
    (b"PK", "a zip archive"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM film"),
)
ADVICE = "pass a WAV, FLAC, OGG or MP3 file"


class AudioError(ValueError):
    """A sound file or sound cannot be used; the message is one sentence that says why and what to do.

    Examples
    --------
    >>> try:
    ...     check_signature(b"", "audio")
    ... except AudioError as error:
    ...     print(error)
    audio: the file is empty: pass a WAV, FLAC, OGG or MP3 file
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


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} bytes"


def check_signature(data: bytes, label: str) -> None:
    """Let only the kinds we support reach the decoder, and name what else the file seems to be."""
    if not data:
        raise AudioError(f"{label}: the file is empty: {ADVICE}")
    known = (
        (data[:4] in (b"RIFF", b"RIFX", b"RF64") and data[8:12] == b"WAVE")
        or data[:4] in (b"fLaC", b"OggS")
        or data[:3] == b"ID3"
        or (data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"))
        or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2)  # an MPEG frame, layer III
    )
    if known:
        return
    for start, what in _FOREIGN:
        if data.startswith(start):
            raise AudioError(f"{label}: this is {what}, not a sound file: {ADVICE}")
    if len(data) < 12 and data[:4] in (b"RIFF", b"RIFX", b"RF64", b"FORM"):
        raise AudioError(f"{label}: the file is cut off inside its header: {ADVICE}")
    try:
        data[:512].decode("utf-8")
        what = "text" if b"\0" not in data[:512] else "not a sound file"
    except UnicodeDecodeError as error:
        # A character cut in two at the end of the excerpt is still text.
        what = "text" if error.start >= 508 and b"\0" not in data[:512] else "not a sound file"
    raise AudioError(f"{label}: this is {what}{', not a sound file' if what == 'text' else ''}: {ADVICE}")


def is_cut(data: bytes | mmap) -> bool:
    """Whether a WAV or Ogg file visibly lacks its end (other kinds show it in decoding).

    Examples
    --------
    >>> is_cut(b"RIFF****WAVE" + b"data" + (100).to_bytes(4, "little") + b"only this")
    True
    """
    return _riff_is_cut(data) or _ogg_is_cut(data)


def _riff_is_cut(data: bytes | mmap) -> bool:
    """Whether the data chunk of a little-endian WAV announces more than the file holds."""
    if data[:4] != b"RIFF":
        return False
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            # Programs that write to a pipe leave the largest numbers there: not a promise.
            return size < 0xFFFF_FF00 and at + 8 + size > len(data)
        at += 8 + size + size % 2
    return False


def _ogg_is_cut(data: bytes | mmap) -> bool:
    """Whether an Ogg file lacks its end: its last page is incomplete or not marked as the last one."""
    if data[:4] != b"OggS":
        return False
    at = data.rfind(b"OggS")
    segments = data[at + 26] if at + 26 < len(data) else 0
    end = at + 27 + segments + sum(data[at + 27 : at + 27 + segments])
    return at + 27 + segments > len(data) or end > len(data) or not data[at + 5] & 4
