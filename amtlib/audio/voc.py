"""The blocks of a Creative Voice File: where its samples lie, for decoders take what separates them for samples.
Source: Creative Labs' description of the format (blocks 1, 2, 3, 8 and 9).
Not here: decoding; the samples go into a WAV header (:mod:`amtlib.audio.layout`).
"""

import struct
from dataclasses import dataclass
from mmap import mmap

_MOST = 100_000  # blocks that are looked at
_TAGS = {(0, 8): 1, (4, 16): 1, (6, 8): 6, (7, 8): 7}  # of WAV, by codec and bits


@dataclass(frozen=True)
class Blocks:
    """
    What the blocks hold.

    Attributes
    ----------
    form : bytes
        The samples' description as a WAV has it.
    pieces : list of (bytes or mmap, int, int)
        Where samples come from, their start and end there.
    cut : bool
        Whether the file ends within a block.
    """

    form: bytes
    pieces: list[tuple[bytes | mmap, int, int]]
    cut: bool


def voc_blocks(data: bytes | mmap) -> Blocks | None:
    r"""
    Return the blocks of a file; None if it has one alone, or is of a codec that only the decoder may know.

    Examples
    --------
    >>> head = b"Creative Voice File\x1a\x1a\0\x14\1\x1f\x11"
    >>> sound = b"\x09\x10\0\0" + struct.pack("<IBBHI", 8000, 16, 1, 4, 0) + b"abcd"
    >>> found = voc_blocks(head + sound + b"\2\4\0\0efgh" + b"\0")
    >>> [(start, end) for _, start, end in found.pieces], found.cut
    ([(42, 46), (50, 54)], False)
    """
    at, total = int.from_bytes(data[20:22], "little"), len(data)
    forms: set[tuple[int, int, int, int]] = set()
    pieces: list[tuple[bytes | mmap, int, int]] = []
    cut = False
    for _ in range(_MOST):
        kind, size = (
            int.from_bytes(data[at : at + 1], "little"),
            int.from_bytes(data[at + 1 : at + 4], "little"),
        )
        begin, end = at + 4, at + 4 + size
        if kind == 0 or begin > total:
            break
        if kind == 1 and size >= 2:
            forms.add((1_000_000 // (256 - data[begin]), 8, 1, data[begin + 1]))
            begin += 2
        elif kind == 9 and size >= 12:
            if begin + 12 > total:
                break
            forms.add(struct.unpack("<IBBH", data[begin : begin + 8]))
            begin += 12
        elif (
            kind == 3 or kind == 8
        ):  # pauses have rates of their own, and an extension changes those of others
            return None
        if kind in (1, 2, 9):
            cut = end > total
            pieces.append((data, begin, min(end, total)))
        at = end
    if len(forms) != 1 or len(pieces) < 2:
        return None
    ((fs, bits, channels, codec),) = forms
    tag = _TAGS.get((codec, bits))
    if tag is None:
        return None
    frame = channels * bits // 8
    return Blocks(
        struct.pack("<HHIIHH", tag, channels, fs, fs * frame & 0xFFFFFFFF, frame, bits), pieces, cut
    )
