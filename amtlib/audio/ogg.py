"""The pages of an Ogg file: whether its end is there, an end mark where one is missing, and streams one behind another.
Source: RFC 3533 (pages, their checksum, chained streams).
Not here: what the pages hold.
"""

from mmap import mmap

_MARK, _FIRST, _LAST = b"OggS", 2, 4
_MOST = 1000  # streams in a file; what is behind them belongs to the last


def is_cut(data: bytes | mmap, start: int, stop: int) -> bool:
    """Whether a stream between two bytes of a file lacks its end: its last page is incomplete or not marked as such.

    Examples
    --------
    >>> is_cut(_page(4, b"samples"), 0, 35), is_cut(_page(0, b"samples"), 0, 35), is_cut(_page(4, b"samples"), 0, 34)
    (False, True, True)
    """
    at = data.rfind(_MARK, start, stop)
    end = _end(data, at)
    return end is None or end > stop or not data[at + 5] & _LAST


def with_end(data: bytes | mmap, start: int, stop: int) -> list[tuple[bytes | mmap, int, int]]:
    """Return the pieces of a stream between two bytes of a file up to its last whole page, marked as the last one.

    Examples
    --------
    >>> page = _page(0, b"samples")
    >>> pieces = with_end(page + page[:20], 0, 55)
    >>> [(start, end) for _, start, end in pieces], is_cut(pieces[1][0], 0, 35)
    ([(0, 0), (0, 35)], False)
    """
    at = data.rfind(_MARK, start, stop)
    while at > start and _end(data, at) is None:
        at = data.rfind(_MARK, start, at)
    end = _end(data, at)
    if end is None:
        return [(data, start, stop)]
    page = bytearray(data[at:end])
    page[5] |= _LAST
    page[22:26] = bytes(4)
    page[22:26] = _checksum(page).to_bytes(4, "little")
    return [(data, start, at), (bytes(page), 0, len(page))]


def streams(data: bytes | mmap) -> list[tuple[int, int]]:
    """Return first byte and end of each of the streams that lie one behind another.

    Examples
    --------
    >>> streams(2 * (_page(2, b"head") + _page(4, b"samples")))
    [(0, 67), (67, 134)]
    """
    starts: list[int] = []
    at, before = 0, False
    while (end := _end(data, at)) is not None:
        first = bool(data[at + 5] & _FIRST)
        if first and not before and len(starts) < _MOST:
            starts.append(at)
        before = first
        at = end if data[end : end + 4] == _MARK else data.find(_MARK, end)
    return list(zip(starts, [*starts[1:], len(data)], strict=False))


def flac(data: bytes | mmap, start: int, stop: int) -> list[tuple[bytes | mmap, int, int]]:
    r"""Return the pieces of the FLAC stream that an Ogg stream holds (RFC 9639, 10.1); none if it holds something else.

    Examples
    --------
    >>> stream = _page(2, b"\x7fFLAC\1\0\0\1fLaC, what it tells") + _page(4, b"frames")
    >>> [stream[begin:end] for _, begin, end in flac(stream, 0, len(stream))]
    [b'fLaC, what it tells', b'frames']
    """
    pieces: list[tuple[bytes | mmap, int, int]] = []
    at, serial = start, data[start + 14 : start + 18]
    while at < stop and (end := _end(data, at)) is not None:
        begin = at + 27 + data[at + 26]
        if at == start:
            if data[begin : begin + 5] != b"\x7fFLAC":
                return []
            begin += 9
        if data[at + 14 : at + 18] == serial:
            pieces.append((data, begin, end))
        at = end if data[end : end + 4] == _MARK else data.find(_MARK, end)
        at = stop if at < 0 else at
    return pieces


def _end(data: bytes | mmap, at: int) -> int | None:
    """Return where a page ends; None if there is none, or not all of it."""
    if at < 0 or at + 27 > len(data) or data[at : at + 4] != _MARK:
        return None
    segments = data[at + 26]
    end: int = at + 27 + segments + sum(data[at + 27 : at + 27 + segments])
    return end if end <= len(data) and at + 27 + segments <= len(data) else None


def _entry(byte: int) -> int:
    """Return what a byte does to a checksum of 32 bits by the polynomial 0x04C11DB7, highest bit first."""
    value = byte << 24
    for _ in range(8):
        value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
    return value & 0xFFFFFFFF


_TABLE = [_entry(byte) for byte in range(256)]


def _checksum(page: bytes | bytearray) -> int:
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _TABLE[(value >> 24) ^ byte]
    return value


def _page(flags: int, content: bytes) -> bytes:
    """Return a page of up to 254 bytes."""
    page = bytearray(_MARK + bytes([0, flags]) + bytes(20) + bytes([1, len(content)]) + content)
    page[22:26] = _checksum(page).to_bytes(4, "little")
    return bytes(page)
