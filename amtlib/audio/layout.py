"""What a decoder is to see of a file: the file itself, or what it would have been if written by the book.
Source: what libsndfile 1.2 does with each kind, found by trying.
Not here: decoding (:mod:`amtlib.audio.decoding`).
"""

import struct
from dataclasses import dataclass
from mmap import mmap

from amtlib.audio import ogg
from amtlib.audio.chunks import Chunks, chunks
from amtlib.audio.containers import container, unknown
from amtlib.audio.mpeg import Frames, behind_tags, mpeg_frames
from amtlib.audio.pieces import Pieces

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
        Its encoding, where the decoder does not tell it; otherwise empty.
    """

    kind: str
    files: tuple[Pieces | None, ...] = (None,)
    frames: int | None = None
    cut: bool = False
    encoding: str = ""


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
    if start and data[start : start + 4] in (
        b"fLaC",
        b"OggS",
        b"RIFF",
        b"FORM",
    ):  # some programs tag these, too
        inner = bytes(data[start:])
        found = layout(inner, label)
        files = tuple(each or Pieces([(inner, 0, len(inner))]) for each in found.files)
        return Layout(found.kind, files, found.frames, found.cut, found.encoding)
    kind = container(data, label)
    if kind in ("MP3", ""):
        frames = mpeg_frames(data)
        if not kind and (frames is None or frames.count < _ENOUGH):
            raise unknown(label)
        return Layout("MP3") if frames is None or not frames.count else _of_frames(data, frames, "MP3", False)
    if kind == "OGG":
        return _ogg(data)
    found_chunks = chunks(data, kind)
    if found_chunks is None:
        return Layout(kind)
    if kind == "WAV":
        return _wav(data, found_chunks)
    if kind == "CAF" and found_chunks.cut:
        ((begin, end),) = found_chunks.spans
        size = (end - begin).to_bytes(8, "big")
        pieces = [(data, 0, begin - 8), (size, 0, 8), (data, begin, end)]
        return Layout(kind, (Pieces(pieces),), cut=True)
    return Layout(kind, cut=found_chunks.cut)


def _ogg(data: bytes | mmap) -> Layout:
    parts = ogg.streams(data) or [(0, len(data))]
    cut = [ogg.is_cut(data, start, end) for start, end in parts]
    if parts == [(0, len(data))] and not cut[0]:
        return Layout("OGG")
    files = [
        Pieces(ogg.with_end(data, start, end) if short else [(data, start, end)])
        for (start, end), short in zip(parts, cut, strict=True)
    ]
    return Layout("OGG", tuple(files), cut=cut[-1])


def _wav(data: bytes | mmap, found: Chunks) -> Layout:
    samples = [(data, start, end) for start, end in found.spans]
    if int.from_bytes(found.form[:2], "little") in _MPEG and data[:2] == b"RI":
        inner = data[found.spans[0][0] : found.spans[-1][1]]
        frames = mpeg_frames(inner)
        if frames is not None:
            return _of_frames(inner, frames, "WAV", found.cut)
    if len(samples) == 1 and not found.damaged and data[:4] != b"BW64":
        return Layout("WAV", cut=found.cut)
    big = data[:4] == b"RIFX"
    header = _wav_header(found.form, found.fact, sum(end - start for _, start, end in samples), big=big)
    return Layout("WAV", (Pieces([(header, 0, len(header)), *samples]),), cut=found.cut)


def _of_frames(data: bytes | mmap, frames: Frames, kind: str, cut: bool) -> Layout:
    """Put MPEG frames into a WAV file.

    Bare ones libsndfile takes for a file of the Macintosh if the working directory holds certain files; and how many
    there are it guesses from the size of the first, unless a header tells it. A header that tells the truth stays, for
    it also tells what encoder and decoder add at both ends. Otherwise silent frames follow, so that no guess falls
    short, and the count is kept here.
    """
    (start, end), *others = frames.spans
    told = frames.announced is not None and frames.announced >= frames.count
    pieces = [(data, start - (frames.header if told else 0), end), *((data, *span) for span in others)]
    size = sum(stop - begin for _, begin, stop in pieces)
    if not told:
        silence = frames.silence * (2**20 // len(frames.silence))
        lacking = (frames.count + 2) * frames.largest - size
        pieces += [(silence, 0, len(silence))] * max(-(-lacking // len(silence)), 0)
        size = sum(stop - begin for _, begin, stop in pieces)
    form = struct.pack(
        "<HHIIHHHHIHHH", 0x55, frames.channels, frames.fs, 16000, 1, 0, 12, 1, 2, frames.largest, 1, 0
    )
    header = _wav_header(form, struct.pack("<I", frames.count * frames.samples), size)
    return Layout(
        kind,
        (Pieces([(header, 0, len(header)), *pieces]),),
        frames=None if told else frames.count * frames.samples,
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
