"""The frames of an MPEG audio file, found one by one: how long the file is, whatever its header says or lacks.
Source: frame headers as in ISO/IEC 11172-3 (2.4.2.3) and 13818-3; Xing, Info and VBRI headers as encoders write them.
Not here: decoding (:mod:`amtlib.audio.decoding`).
"""

import re
from dataclasses import dataclass
from functools import cache
from mmap import mmap

#: kbit/s by version (1, or 2 and 2.5) and layer; index 0 is a rate that the header does not tell, 15 is none.
_BIT_RATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44100, 48000, 32000)
_GAP = 2**17  # bytes that are no frame, before the search for another one is given up
_START = 2**16  # bytes before the first frame, tags not counted


@dataclass(frozen=True)
class Frames:
    """The frames of a file of one version, layer and sampling rate.

    Attributes
    ----------
    spans : tuple of (int, int)
        First byte and end of each run of frames without anything between them; the frame that only holds a header
        of the whole file is not among them.
    count : int
        Frames in them.
    samples : int
        Samples of a frame, for each channel.
    largest : int
        Bytes of the largest frame.
    layer, fs, channels : int
        Layer, sampling rate in Hz and channels of the first frame.
    silence : bytes
        A frame like the others that is silent.
    header : int
        Bytes of the frame before the first that only holds a header of the whole file; 0 without one.
    announced : int or None
        Frames by a Xing or Info header; None without one, or if it is of a kind that decoders do not know.
    cut : bool
        Whether the last frame lacks its end.
    """

    spans: tuple[tuple[int, int], ...]
    count: int
    samples: int
    largest: int
    layer: int
    fs: int
    channels: int
    silence: bytes
    header: int
    announced: int | None
    cut: bool


def mpeg_frames(data: bytes | mmap) -> Frames | None:
    """Find the frames of an MPEG audio file of layer I, II or III; None if there are none, or of free format.

    Examples
    --------
    >>> frame = bytes([0xFF, 0xFB, 0x90, 0xC4]) + bytes(413)  # 128 kbit/s at 44.1 kHz
    >>> found = mpeg_frames(3 * frame + b"junk" + 2 * frame + frame[:100])
    >>> found.count, found.spans, found.samples, found.cut
    (5, ((0, 1251), (1255, 2089)), 1152, True)
    """
    at = behind_tags(data, 0)
    begin = at
    starts = (begin + each.start() for each in re.finditer(rb"\xff[\xe0-\xff]", data[at : at + _START]))
    at = next((each for each in starts if _begins(data, each)), -1)
    if at < 0:
        return None
    second, third, fourth = data[at + 1 : at + 4]
    known = _sizes(second, third & 0x0C)
    sizes, kind = known.sizes, second & 0xFE
    announced, header = _announced(data, at, second, fourth, sizes[third])
    at += header
    spans, count, largest, start, total, cut = [], 0, 1, at, len(data), False
    like = re.compile(b"\xff[" + re.escape(bytes([kind, kind | 1])) + b"]", re.DOTALL)
    while at + 4 <= total:
        size = sizes[data[at + 2]] if data[at] == 0xFF and data[at + 1] & 0xFE == kind else 0
        if size and at + size <= total:
            count, largest, at = count + 1, max(largest, size), at + size
            continue
        if at > start:
            spans.append((start, at))
        cut = size > 0
        at = start = total if cut else _next_frame(data, behind_tags(data, at), like, sizes)
    if at > start:
        spans.append((start, min(at, total)))
    silence = bytes([0xFF, second | 1, third, fourth])
    return Frames(
        spans=tuple(spans),
        count=count,
        samples=known.samples,
        largest=largest,
        layer=known.layer,
        fs=known.fs,
        channels=1 if fourth >> 6 == 3 else 2,
        silence=silence + bytes(sizes[third] - 4),
        header=header,
        announced=announced,
        cut=cut,
    )


def behind_tags(data: bytes | mmap, at: int) -> int:
    """Return where an ID3v2 or APE tag ends that begins at a position, and others that follow it."""
    while at + 32 <= len(data):
        if data[at : at + 3] == b"ID3":
            size = 0
            for byte in data[at + 6 : at + 10]:
                size = size << 7 | byte & 0x7F
            at += 10 + size + (10 if data[at + 5] & 0x10 else 0)
        elif data[at : at + 8] == b"APETAGEX":
            at += 32 + int.from_bytes(data[at + 12 : at + 16], "little")
        else:
            break
    return at


@dataclass(frozen=True)
class _Kind:
    """Frames of a version, layer and sampling rate: their sizes in bytes by their third byte, 0 for others."""

    sizes: list[int]
    samples: int
    layer: int
    fs: int


@cache
def _sizes(second: int, rate: int) -> _Kind:
    """Return what the second byte of a frame tells, and the bits of the third that tell the sampling rate."""
    version, layer, index = second >> 3 & 3, 4 - (second >> 1 & 3), rate >> 2
    sizes = [0] * 256
    if version == 1 or layer == 4 or index == 3:
        return _Kind(sizes, 0, 0, 0)
    fs = _RATES[index] // {3: 1, 2: 2, 0: 4}[version]
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    slot = 4 if layer == 1 else 1
    for number, kilobits in enumerate(_BIT_RATES[1 if version == 3 else 2, layer], start=1):
        for padding in (0, 1):
            size = (samples // (8 * slot) * 1000 * kilobits // fs + padding) * slot
            for private in (0, 1):
                sizes[number << 4 | rate | padding << 1 | private] = size
    return _Kind(sizes, samples, layer, fs)


def _begins(data: bytes | mmap, at: int) -> bool:
    """Whether a frame begins at a position: it is followed by one like it, or by the end of the file."""
    if at + 4 > len(data):
        return False
    second, third = data[at + 1 : at + 3]
    sizes = _sizes(second, third & 0x0C).sizes
    after = at + sizes[third]
    if after == at or after + 4 > len(data):
        return after == len(data)
    return data[after] == 0xFF and data[after + 1] & 0xFE == second & 0xFE and sizes[data[after + 2]] > 0


def _next_frame(data: bytes | mmap, at: int, like: re.Pattern[bytes], sizes: list[int]) -> int:
    """Return where the next frame begins of those that look alike; the end if there is none."""
    stop = min(at + _GAP, len(data))
    while found := like.search(data, at, stop):
        at = found.start()
        if at + 4 <= len(data) and sizes[data[at + 2]] and _begins(data, at):
            return at
        at += 1
    return len(data)


def _announced(data: bytes | mmap, at: int, second: int, fourth: int, size: int) -> tuple[int | None, int]:
    """Return the frames that a first frame announces, and its size if it holds nothing but a header."""
    mono, first = fourth >> 6 == 3, second >> 3 & 3 == 3
    side = at + 4 + (17 if mono == first else 32 if first else 9)
    if data[side : side + 4] in (b"Xing", b"Info"):
        stated = data[side + 7] & 1
        return (int.from_bytes(data[side + 8 : side + 12], "big") if stated else None), size
    return None, size if data[at + 36 : at + 40] == b"VBRI" else 0
