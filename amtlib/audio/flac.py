"""FLAC streams in a file: where each begins and ends, and whether the last frame of one is whole.
Source: RFC 9639 (the stream marker, STREAMINFO, frames and their checksum); ID3v1 and APE tags as players write them.
Not here: decoding, and FLAC in Ogg (:mod:`amtlib.audio.ogg`).
"""

import re
from itertools import islice
from mmap import mmap

from amtlib.audio.mpeg import behind_tags

_START = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
_MOST = 1000  # streams in a file; what is behind them is left
_LARGEST = 2**19  # bytes of a last frame or a tag that are looked at


def streams(data: bytes | mmap, start: int) -> list[tuple[int, int]]:
    r"""Return first byte and end of each of the streams that lie one behind another, without tags.

    Examples
    --------
    >>> stream = b"fLaC\x80\0\0\x22" + bytes(34) + b"frames"
    >>> streams(stream + b"TAG" + bytes(125) + stream, 0)
    [(0, 48), (176, 224)]
    """
    starts = [each.start() for each in islice(_START.finditer(data, start), _MOST)] or [start]
    ends = [*starts[1:], len(data)]
    return [(begin, _before_tags(data, begin, end)) for begin, end in zip(starts, ends, strict=True)]


def _before_tags(data: bytes | mmap, start: int, end: int) -> int:
    """Return where the stream ends that tags follow: ID3v1 and APE behind it, ID3v2 before the next one."""
    at = data.rfind(b"ID3", max(start, end - _LARGEST), end)
    if at > 0 and behind_tags(data, at) == end:
        end = at
    while True:
        if data[end - 128 : end - 125] == b"TAG":
            end -= 128
        elif data[end - 32 : end - 24] == b"APETAGEX":
            header = 32 if data[end - 9] & 0x80 else 0
            end -= max(int.from_bytes(data[end - 20 : end - 16], "little"), 32) + header
        else:
            return max(end, start)


def is_cut(data: bytes | mmap, start: int, end: int) -> bool:
    """Return whether a stream that does not tell its length ends within a frame."""
    total = int.from_bytes(data[start + 21 : start + 26], "big") & 0xF_FFFF_FFFF
    if total or end - start < 42:
        return False
    # Frames of equal size begin with F8, others with F9.
    sync = 0xF8 if data[start + 8 : start + 10] == data[start + 10 : start + 12] else 0xF9
    # A whole frame has the checksum 0: followed backwards from there, it is 0 again where the frame begins.
    value = 0
    last = bytes(data[max(start + 42, end - _LARGEST) : end])
    for at in range(len(last) - 1, -1, -1):
        key = _KEYS[value & 0xFF]
        value = (value ^ _TABLE[key]) >> 8 | (key ^ last[at]) << 8
        if value == 0 and last[at] == 0xFF and last[at + 1 : at + 2] == bytes([sync]):
            return False
    return True


def _entry(byte: int) -> int:
    """Return what a byte does to a checksum of 16 bits by the polynomial 0x8005, highest bit first."""
    value = byte << 8
    for _ in range(8):
        value = (value << 1) ^ (0x8005 if value & 0x8000 else 0)
    return value & 0xFFFF


_TABLE = [_entry(byte) for byte in range(256)]
#: Which entry has a lowest byte; each is there once.
_KEYS = {entry & 0xFF: key for key, entry in enumerate(_TABLE)}
