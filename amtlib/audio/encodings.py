"""How samples are encoded in containers that hold many encodings: the names of those that are not decoded.
Source: registered format tags of WAV (RFC 2361), Apple CAF, AIFF-C, NIST SPHERE, and the first packets of Ogg streams.
Not here: encodings that are decoded; libsndfile names them.
"""

from mmap import mmap

_TAGS = {
    0x0008: "DTS",
    0x0016: "G.723",
    0x0028: "LRC",
    0x0042: "G.723.1",
    0x0045: "G.726",
    0x0064: "G.726",
    0x0065: "G.722",
    0x0069: "IMA ADPCM of the Xbox",
    0x0083: "G.729",
    0x008B: "DTS",
    0x0092: "AC-3",
    0x00FF: "AAC",
    0x0160: "Windows Media Audio 1",
    0x0161: "Windows Media Audio",
    0x0162: "Windows Media Audio Professional",
    0x0163: "Windows Media Audio Lossless",
    0x0270: "ATRAC3",
    0x028F: "G.722",
    0x1600: "AAC",
    0x1602: "AAC",
    0x1610: "AAC",
    0x2000: "AC-3",
    0x2001: "DTS",
    0x566F: "Vorbis",
    0x5756: "WavPack",
    0x674F: "Vorbis",
    0x6750: "Vorbis",
    0x6751: "Vorbis",
    0x676F: "Vorbis",
    0x6770: "Vorbis",
    0x6771: "Vorbis",
    0xA106: "AAC",
    0xA109: "Speex",
    0xF1AC: "FLAC",
}
_FOURCC = {
    b"aac ": "AAC",
    b"aach": "AAC",
    b"aacp": "AAC",
    b"ac-3": "AC-3",
    b"alac": "ALAC",
    b"flac": "FLAC",
    b"ima4": "IMA ADPCM",
    b"ilbc": "iLBC",
    b"opus": "Opus",
    b".mp3": "MP3",
    b"MAC3": "MACE 3:1",
    b"MAC6": "MACE 6:1",
    b"QDM2": "QDesign Music 2",
    b"QDMC": "QDesign Music",
    b"Qclp": "QUALCOMM PureVoice",
}
_OGG = (
    (b"Speex   ", "Speex"),
    (b"\x80theora", "Theora, a film"),
    (b"PCM     ", "PCM"),
    (b"CELT    ", "CELT"),
    (b"fishead\0", "several streams side by side"),
    (b"BBCD\0", "Dirac, a film"),
)


def encoding_name(data: bytes | mmap, kind: str, form: bytes) -> str:
    r"""
    Return the name of an encoding as the file tells it; empty if it tells none that is known.

    Parameters
    ----------
    data : bytes or mmap
        All of the file.
    kind : str
        Its container, in libsndfile's words.
    form : bytes
        The chunk that describes the samples, of WAV and W64.

    Examples
    --------
    >>> encoding_name(b"", "WAV", b"\xff\x00")
    'AAC'
    >>> encoding_name(b"caff....desc", "CAF", b""), encoding_name(b"caff" + bytes(24) + b"alac", "CAF", b"")
    ('', 'ALAC')
    """
    if kind in ("WAV", "W64"):
        tag = int.from_bytes(form[:2], "little")
        tag = int.from_bytes(form[24:26], "little") if tag == 0xFFFE else tag
        return _TAGS.get(tag, "")
    if kind == "CAF":
        return _FOURCC.get(bytes(data[28:32]), "")
    if kind == "AIFF":
        at = data.find(b"COMM", 12, 4096)
        code = bytes(data[at + 26 : at + 30]) if at > 0 else b"ima4"
        return "" if code == b"ima4" else _FOURCC.get(code, "")
    if kind == "OGG" and len(data) > 27:
        first = bytes(data[27 + data[26] : 43 + data[26]])
        return next((name for start, name in _OGG if first.startswith(start)), "")
    if kind == "NIST":
        coding = _nist_field(data, b"sample_coding")
        return coding.partition(",")[2]
    return ""


def nist_cut(data: bytes | mmap) -> bool:
    """Return whether a NIST SPHERE file ends before the samples that its header tells."""
    try:
        size = int(bytes(data[8:16]))
        count, channels, width = (
            int(_nist_field(data, name)) for name in (b"sample_count", b"channel_count", b"sample_n_bytes")
        )
    except ValueError:
        return False
    return len(data) < size + count * channels * width


def _nist_field(data: bytes | mmap, name: bytes) -> str:
    for line in bytes(data[:1024]).split(b"\n"):
        if line.startswith(name + b" "):
            return line.split(b" ", 2)[-1].decode("ascii", "replace")
    return ""
