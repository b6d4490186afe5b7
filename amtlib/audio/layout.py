"""What a decoder is to see of a file: the file itself, or what it would have been if written by the book.
Source: what libsndfile 1.2 does with each kind, found by trying.
Not here: decoding (:mod:`amtlib.audio.decoding`).
"""

import struct
from dataclasses import dataclass, replace
from mmap import mmap
from typing import Literal

from amtlib.audio import flac, ogg
from amtlib.audio.chunks import Chunks, chunks
from amtlib.audio.containers import container, unknown
from amtlib.audio.contents import check_format
from amtlib.audio.encodings import encoding_name, nist_cut
from amtlib.audio.mpeg import Frames, behind_tags, mpeg_frames
from amtlib.audio.pieces import Pieces
from amtlib.audio.voc import voc_blocks

_PLAIN = (0, 1, 3, 6, 7, 0xFFFE)  # tags of WAV files that hold each sample by itself
_BLOCK = 320  # frames that are encoded together, where the file does not tell (the most: GSM 6.10)
_MPEG = (0x50, 0x55)  # tags of WAV files that hold MPEG frames
_ENOUGH = 3  # frames that make a file of unknown beginning an MPEG file, cut out of another one


@dataclass(frozen=True)
class Layout:
    """
    What is known of a file before it is decoded.

    Attributes
    ----------
    kind : str
        Its container.
    files : tuple of Pieces or None
        What to decode, one behind another; None stands for the file as it is.
    frames : int or None
        Frames in it, where they had to be counted; more must not be taken from the decoder.
    cut : bool
        Whether its end is missing visibly.
    encoding : str
        Its encoding, where the decoder does not know it; otherwise empty.
    stated : int
        Frames that the file states; 0 if it states none.
    block : int
        How many fewer than the decoder finds they may be: what fills the last block.
    name : str
        Name of an encoding that the decoder may not know.
    """

    kind: str
    files: tuple[Pieces | None, ...] = (None,)
    frames: int | None = None
    cut: bool = False
    encoding: str = ""
    stated: int = 0
    block: int = 1
    name: str = ""


def layout(data: bytes | mmap, label: str) -> Layout:
    """
    Look at a file before it is decoded.

    Raises
    ------
    AudioError
        If it is no sound file of a kind that is read.

    Examples
    --------
    >>> from amtlib.audio import wav_bytes
    >>> import numpy as np
    >>> whole = wav_bytes(np.zeros(100, np.int16), 8000)
    >>> layout(whole, "pause.wav").cut, layout(whole[:-50], "pause.wav").cut
    (False, True)
    """
    start = behind_tags(data, 0)
    start = start if start < len(data) else 0
    kind = container(data, label, start)
    if start and kind not in ("MP3", "", "FLAC"):  # some programs tag these, too
        inner = bytes(data[start:])
        found = layout(inner, label)
        return replace(found, files=tuple(each or Pieces([(inner, 0, len(inner))]) for each in found.files))
    if kind in ("MP3", ""):
        frames = mpeg_frames(data)
        if not kind and not start and (frames is None or frames.count < _ENOUGH):
            raise unknown(label)
        return Layout("MP3") if frames is None or not frames.count else _of_frames(data, frames, "MP3", False)
    if kind == "OGG":
        return _ogg(data)
    if kind == "FLAC":
        parts = flac.streams(data, start)
        cut = any(flac.is_cut(data, *part) for part in parts)
        whole = parts == [(0, len(data))]
        return Layout(kind, (None,) if whole else tuple(Pieces([(data, *part)]) for part in parts), cut=cut)
    if kind == "VOC" and (blocks := voc_blocks(data)):
        header = _wav_header(blocks.form, b"", sum(end - start for _, start, end in blocks.pieces))
        return Layout(kind, (Pieces([(header, 0, len(header)), *blocks.pieces]),), cut=blocks.cut)
    found_chunks = chunks(data, kind)
    if found_chunks is None:
        return Layout(kind, cut=kind == "NIST" and nist_cut(data), name=encoding_name(data, kind, b""))
    name = encoding_name(data, kind, found_chunks.form)
    if kind == "WAV":
        return replace(_wav(data, found_chunks, label), name=name)
    if kind == "CAF":
        ((begin, end),) = found_chunks.spans
        size = (end - begin).to_bytes(8, "big")
        if found_chunks.cut or data[begin - 8 : begin] != size:  # cut, or written to a pipe
            pieces = [(data, 0, begin - 8), (size, 0, 8), (data, begin, end)]
            return Layout(kind, (Pieces(pieces),), cut=found_chunks.cut, name=name)
    stated, block = _stated(found_chunks)
    return Layout(kind, cut=found_chunks.cut, stated=stated, block=block, name=name)


def _stated(found: Chunks) -> tuple[int, int]:
    """Return the frames that a chunk of a WAV or W64 tells, and how many of them are encoded together at most."""
    tag, block = int.from_bytes(found.form[:2], "little"), int.from_bytes(found.form[18:20], "little")
    if tag in _PLAIN or not found.fact:
        return 0, 1
    wide = 8 if len(found.fact) >= 8 else 4
    return int.from_bytes(found.fact[:wide], "little"), 2 * max(block, _BLOCK)  # libsndfile adds one to some


def _ogg(data: bytes | mmap) -> Layout:
    parts = ogg.streams(data) or [(0, len(data))]
    cut = [ogg.is_cut(data, start, end) for start, end in parts]
    name = encoding_name(data, "OGG", b"")
    native = [ogg.flac(data, start, end) for start, end in parts]
    if parts == [(0, len(data))] and not cut[0] and not native[0]:
        return Layout("OGG", name=name)
    files = [
        Pieces(inner or (ogg.with_end(data, start, end) if short else [(data, start, end)]))
        for (start, end), short, inner in zip(parts, cut, native, strict=True)
    ]
    return Layout("OGG", tuple(files), cut=cut[-1], name=name)


def _wav(data: bytes | mmap, found: Chunks, label: str) -> Layout:
    order: Literal["big", "little"] = "big" if data[:4] == b"RIFX" else "little"
    if len(found.form) >= 8:
        check_format(int.from_bytes(found.form[2:4], order), int.from_bytes(found.form[4:8], order), label)
    samples = [(data, start, end) for start, end in found.spans]
    stated, block = _stated(found) if order == "little" else (0, 1)
    if int.from_bytes(found.form[:2], "little") in _MPEG and data[:2] == b"RI":
        inner = data[found.spans[0][0] : found.spans[-1][1]]
        frames = mpeg_frames(inner)
        if frames is not None:
            return _of_frames(inner, frames, "WAV", found.cut, stated)
    if len(samples) == 1 and not found.damaged and data[:4] != b"BW64":
        return Layout("WAV", cut=found.cut, stated=stated, block=block)
    stated = stated if len(samples) == 1 else 0
    fact = found.fact if len(samples) == 1 else b""
    header = _wav_header(found.form, fact, sum(end - start for _, start, end in samples), big=order == "big")
    pieces = Pieces([(header, 0, len(header)), *samples])
    return Layout("WAV", (pieces,), cut=found.cut, stated=stated, block=block)


def _of_frames(data: bytes | mmap, frames: Frames, kind: str, cut: bool, fact: int = 0) -> Layout:
    """Put MPEG frames into a WAV file.

    Bare ones libsndfile takes for a file of the Macintosh if the working directory holds certain files; and how many
    there are it guesses from the size of the first, unless a header tells it. A header that tells the truth stays, for
    it also tells what encoder and decoder add at both ends. Otherwise silent frames follow, so that no guess falls
    short, and the count is kept here.
    """
    (start, end), *others = frames.spans
    stated = frames.announced is not None and frames.announced >= frames.count
    pieces = [(data, start - (frames.header if stated else 0), end), *((data, *span) for span in others)]
    size = sum(stop - begin for _, begin, stop in pieces)
    if not stated:
        silence = frames.silence * (2**20 // len(frames.silence))
        lacking = (frames.count + 2) * frames.largest - size
        pieces += [(silence, 0, len(silence))] * max(-(-lacking // len(silence)), 0)
        size = sum(stop - begin for _, begin, stop in pieces)
    form = struct.pack(
        "<HHIIHHHHIHHH", 0x55, frames.channels, frames.fs, 16000, 1, 0, 12, 1, 2, frames.largest, 1, 0
    )
    header = _wav_header(form, struct.pack("<I", frames.count * frames.samples), size)
    count = frames.count * frames.samples
    return Layout(
        kind,
        (Pieces([(header, 0, len(header)), *pieces]),),
        frames=None if stated else fact if count - frames.samples < fact < count else count,
        # Some encoders count the frame of the header, too.
        cut=cut or frames.cut or (frames.announced or 0) > frames.count + 1,
        encoding=f"MPEG_LAYER_{'I' * frames.layer}",
    )


def _wav_header(form: bytes, fact: bytes, size: int, *, big: bool = False) -> bytes:
    """Return the beginning of a WAV file, up to its samples."""
    order = ">" if big else "<"
    body = b"".join(
        name + struct.pack(order + "I", len(chunk)) + chunk + bytes(len(chunk) % 2)
        for name, chunk in ((b"fmt ", form), (b"fact", fact))
        if chunk
    )
    if size < 0xFFFF_0000 or big:
        sizes = [struct.pack(order + "I", min(value, 0xFFFFFFFF)) for value in (12 + len(body) + size, size)]
        return (b"RIFX" if big else b"RIFF") + sizes[0] + b"WAVE" + body + b"data" + sizes[1]
    wide = struct.pack("<4sIQQQI", b"ds64", 28, 48 + len(body) + size, size, 0, 0)
    return b"RF64" + b"\xff" * 4 + b"WAVE" + wide + body + b"data" + b"\xff" * 4
