"""Where the samples lie in files made of chunks (WAV, AIFF, W64, CAF, AU), and whether all that was promised is there.
Source: RIFF (RFC 2361), EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64), AIFF-C, Sony W64, Apple CAF, Sun AU.
Not here: samples packed in pages or frames (:mod:`amtlib.audio.ogg`, :mod:`amtlib.audio.mpeg`).
"""

from dataclasses import dataclass
from mmap import mmap
from typing import Literal

_ENDLESS = (
    (0x7F000000, 0x7F000040),
    (0x7FFFEF80, 0x7FFFF000),
    (0x7FFFFFC0, 0x80000000),
    (0xFFFFFF00, 0xFFFFFFFF),
)
"""What programs that write to a pipe leave as size: SoX in AIFF and in WAV, arecord, most others; no promise."""

_MOST = 1000  # chunks of samples


@dataclass(frozen=True)
class Chunks:
    """
    The chunks of a file that matter.

    Attributes
    ----------
    spans : tuple of (int, int)
        First byte and end of the samples; several where there are several chunks of them.
    cut : bool
        Whether the file ends before the samples that it promises.
    damaged : bool
        Whether the chunks do not lead to the samples, or their sizes do not tell how many there are.
    form : bytes
        The chunk that describes the samples (WAV and W64), without name and size.
    fact : bytes
        The chunk that holds their number (WAV and W64).
    """

    spans: tuple[tuple[int, int], ...]
    cut: bool
    damaged: bool = False
    form: bytes = b""
    fact: bytes = b""


def chunks(data: bytes | mmap, kind: str) -> Chunks | None:
    """Return the chunks of a file of a kind; None if its samples are not found or its kind has no chunks.

    Examples
    --------
    >>> chunks(b"FORM****AIFF" + b"SSND" + (100).to_bytes(4, "big") + b"only this", "AIFF")
    Chunks(spans=((20, 29),), cut=True, damaged=False, form=b'', fact=b'')
    """
    find = {"WAV": _wav, "AIFF": _iff, "SVX": _iff, "W64": _w64, "CAF": _caf, "AU": _au}.get(kind)
    found = find(data) if find else None
    return found if found and found.spans else None


def is_endless(size: int) -> bool:
    """Whether a size of 32 bits is what programs write that do not know it."""
    return any(low <= size <= high for low, high in _ENDLESS)


def _wav(data: bytes | mmap) -> Chunks:
    order: Literal["big", "little"] = "big" if data[:4] == b"RIFX" else "little"
    total, at, wide = len(data), 12, 0
    spans: list[tuple[int, int]] = []
    own: dict[bytes, bytes] = {}
    cut = damaged = False
    while at + 8 <= total or not spans:
        name, size, begin = bytes(data[at : at + 4]), int.from_bytes(data[at + 4 : at + 8], order), at + 8
        if name == b"data":
            size = wide if size == 0xFFFFFFFF and wide else size
            # Size 0 and samples: a recorder that was switched off.
            unknown = size == 0 and not spans and begin < total and not _is_name(data[begin : begin + 4])
            unknown = unknown or (begin + size > total and is_endless(size))
            damaged = damaged or b"fmt " not in own or (unknown and (size == 0 or data[:2] != b"RI"))
            cut = cut or (begin + size > total and not unknown) or len(spans) >= _MOST
            end = total if unknown else min(begin + size, total)
            if len(spans) >= _MOST:
                break
            spans.append((begin, end))
            at = end + (end - begin) % 2
        elif spans and name == data[:4] and data[begin : begin + 4] == b"WAVE":
            at, damaged = begin + 4, True  # another file behind this one
        elif _is_name(name) and begin + size <= total:
            if name == b"fmt " and own.get(name, data[begin : begin + size]) != data[begin : begin + size]:
                cut = True
                break
            if name == b"ds64":
                wide = int.from_bytes(data[begin + 8 : begin + 16], order)
            elif name in (b"fmt ", b"fact"):
                own.setdefault(name, bytes(data[begin : begin + size]))
            at = begin + size + size % 2
        elif spans:  # what follows the samples does not matter
            break
        else:
            damaged = True
            at = _samples_after(data, 12, order)
            if at < 0:
                break
    return Chunks(tuple(spans), cut, damaged, own.get(b"fmt ", b""), own.get(b"fact", b""))


def _samples_after(data: bytes | mmap, at: int, order: Literal["big", "little"]) -> int:
    """Return where a chunk of samples begins that other chunks do not lead to; -1 if there is none."""
    while (at := data.find(b"data", at)) >= 0:
        size = int.from_bytes(data[at + 4 : at + 8], order)
        if at + 8 + size <= len(data) or is_endless(size):
            return at
        at += 4
    return -1


def _iff(data: bytes | mmap) -> Chunks:
    body, total, at = b"SSND" if data[8:11] == b"AIF" else b"BODY", len(data), 12
    while at + 8 <= total:
        size, begin = int.from_bytes(data[at + 4 : at + 8], "big"), at + 8
        if data[at : at + 4] == body:
            return Chunks(((begin, min(begin + size, total)),), begin + size > total and not is_endless(size))
        at = begin + size + size % 2
    return Chunks((), False)


def _w64(data: bytes | mmap) -> Chunks:
    total, at = len(data), 40
    own: dict[bytes, bytes] = {}
    while at + 24 <= total:
        size, name = int.from_bytes(data[at + 16 : at + 24], "little"), bytes(data[at : at + 4])
        if name == b"data":
            end = min(at + size, total)
            return Chunks(
                ((at + 24, end),),
                total < at + size < 2**62,
                form=own.get(b"fmt ", b""),
                fact=own.get(b"fact", b""),
            )
        if name in (b"fmt ", b"fact"):
            own[name] = bytes(data[at + 24 : at + size])
        at += max(size + -size % 8, 24)
    return Chunks((), False)


def _caf(data: bytes | mmap) -> Chunks:
    total, at = len(data), 8
    while at + 12 <= total:
        size, begin = int.from_bytes(data[at + 4 : at + 12], "big", signed=True), at + 12
        if data[at : at + 4] == b"data":
            end = total if size < 0 else begin + size
            return Chunks(((begin, min(end, total)),), end > total)
        at = begin + max(size, 0)
    return Chunks((), False)


def _au(data: bytes | mmap) -> Chunks:
    order: Literal["big", "little"] = "big" if data[:4] == b".snd" else "little"
    begin, size = (int.from_bytes(data[at : at + 4], order) for at in (4, 8))
    end = begin + size
    return Chunks(((begin, min(end, len(data))),), end > len(data) and not is_endless(size))


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)
