"""Which container a file is, by its first bytes, whatever its name: those that are read, and the names of others.
Source: the containers that libsndfile 1.2 opens, and the published signatures of others.
Not here: what lies in them (:mod:`amtlib.audio.layout`).
"""

from mmap import mmap

from amtlib.audio.contents import ADVICE, AudioError

#: Endings of the names of files that can be read, lower case: for those who search folders. `load` looks at content.
SUFFIXES = (
    ".wav",
    ".wave",
    ".bwf",
    ".rf64",
    ".bw64",
    ".w64",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".mp3",
    ".mp2",
    ".mpga",
    ".aif",
    ".aiff",
    ".aifc",
    ".caf",
    ".au",
    ".snd",
    ".8svx",
    ".nist",
    ".sph",
    ".voc",
    ".ircam",
    ".avr",
    ".paf",
    ".pvf",
)

#: Endings of the names of sounds that cannot be read, for those who tell what they pass over.
FOREIGN_SUFFIXES = (
    *(
        ".m4a",
        ".m4b",
        ".m4r",
        ".mp4",
        ".aac",
        ".adts",
        ".loas",
        ".wma",
        ".ape",
        ".wv",
        ".mpc",
        ".mp+",
        ".tta",
        ".tak",
    ),
    *(
        ".ofr",
        ".shn",
        ".dsf",
        ".dff",
        ".amr",
        ".awb",
        ".3ga",
        ".ac3",
        ".eac3",
        ".dts",
        ".thd",
        ".ra",
        ".rm",
        ".mka",
    ),
    *(".webm", ".spx", ".qcp", ".sox"),
)

#: Signatures of what is read: start of the file, and what follows from the eighth byte on; libsndfile's names.
_READ = (
    (b"RIFF", b"WAVE", "WAV"),
    (b"RIFX", b"WAVE", "WAV"),
    (b"RF64", b"WAVE", "WAV"),
    (b"BW64", b"WAVE", "WAV"),
    (b"fLaC", b"", "FLAC"),
    (b"OggS", b"", "OGG"),
    (b"FORM", b"AIFF", "AIFF"),
    (b"FORM", b"AIFC", "AIFF"),
    (b"FORM", b"8SVX", "SVX"),
    (b"FORM", b"16SV", "SVX"),
    (b"riff\x2e\x91\xcf\x11", b"", "W64"),
    (b"caff", b"", "CAF"),
    (b".snd", b"", "AU"),
    (b"dns.", b"", "AU"),
    (b"NIST_1A", b"", "NIST"),
    (b"Creative Voice File\x1a", b"", "VOC"),
    (b"\x64\xa3", b"", "IRCAM"),
    (b"\x00\x01\xa3\x64", b"", "IRCAM"),
    (b"\x00\x02\xa3\x64", b"", "IRCAM"),
    (b"\x00\x03\xa3\x64", b"", "IRCAM"),
    (b"2BIT", b"", "AVR"),
    (b" paf", b"", "PAF"),
    (b"fap ", b"", "PAF"),
    (b"PVF1\n", b"", "PVF"),
    (b"\xf0\x7e", b"", "SDS"),
    (b"ALawSoundFile**", b"", "WVE"),
    (b"Extended Instrument: ", b"", "XI"),
    (b"MATLAB 5.0 MAT-file", b"", "MAT5"),
    (b"\x01\x04", b"", "MPC2K"),
)
#: What else files are, and whether it is sound.
_FOREIGN = (
    (0, b"PK\x03\x04", "a zip archive", False),
    (0, b"PK", "a zip archive", False),
    (0, b"\x1f\x8b", "a gzip archive", False),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", False),
    (0, b"Rar!", "a RAR archive", False),
    (0, b"BZh", "a bzip2 archive", False),
    (0, b"\xfd7zXZ", "an xz archive", False),
    (257, b"ustar", "a tar archive", False),
    (0, b"\x89PNG", "a PNG picture", False),
    (0, b"\xff\xd8\xff", "a JPEG picture", False),
    (0, b"GIF8", "a GIF picture", False),
    (0, b"%PDF", "a PDF document", False),
    (0, b"\x89HDF", "an HDF5 file (SOFA, netCDF or MATLAB 7.3)", False),
    (0, b"\x93NUMPY", "a NumPy array", False),
    (0, b"MThd", "a MIDI file, which holds notes", False),
    (4, b"ftypM4A", "an MPEG-4 file (M4A)", True),
    (4, b"ftypqt", "a QuickTime film", True),
    (4, b"ftyp", "an MPEG-4 file (M4A or MP4)", True),
    (4, b"moov", "a QuickTime film", True),
    (4, b"mdat", "a QuickTime film", True),
    (4, b"wide", "a QuickTime film", True),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM film", True),
    (0, b"0&\xb2u\x8ef\xcf\x11", "a Windows Media file (WMA)", True),
    (0, b"FLV\x01", "a Flash film", True),
    (0, b"wvpk", "a WavPack file", True),
    (0, b"MAC ", "a Monkey's Audio file", True),
    (0, b"MPCK", "a Musepack file", True),
    (0, b"MP+", "a Musepack file", True),
    (0, b"TTA1", "a True Audio file", True),
    (0, b"OFR ", "an OptimFROG file", True),
    (0, b"TTA2", "a True Audio file", True),
    (0, b"tBaK", "a TAK file", True),
    (0, b"LA0", "a Lossless Audio file", True),
    (0, b"ajkg", "a Shorten file", True),
    (0, b".SoX", "a file of SoX", True),
    (0, b"XoS.", "a file of SoX", True),
    (0, b"#!SILK", "a SILK speech file", True),
    (4, b"\xf8\x72\x6f", "a TrueHD stream", True),
    (0, b"DSD ", "a DSD stream file (DSF)", True),
    (0, b"FRM8", "a DSD file (DSDIFF)", True),
    (0, b"#!AMR", "an AMR speech file", True),
    (0, b".RMF", "a RealMedia file", True),
    (0, b".ra\xfd", "a RealAudio file", True),
    (0, b"ADIF", "an AAC file", True),
    (0, b"\x0b\x77", "an AC-3 file", True),
    (0, b"\x7f\xfe\x80\x01", "a DTS file", True),
    (0, b"\x00\x00\x01\xba", "an MPEG film", True),
    (8, b"AVI ", "an AVI film", True),
    (8, b"WEBP", "a WebP picture", False),
    (8, b"RMID", "a MIDI file, which holds notes", False),
    (8, b"QLCM", "a QCP speech file", True),
    (8, b"sfbk", "a SoundFont", False),
)


def container(data: bytes | mmap, label: str, at: int = 0) -> str:
    """
    Return libsndfile's name of a container ('MP3' for all MPEG audio), or raise if it is none that is read.

    It begins at a byte of the file: behind tags. An empty name means that nothing is known.

    Raises
    ------
    AudioError
        With one sentence that names what the file is instead.

    Examples
    --------
    >>> container(b"caff" + bytes(100), "sound.wav")
    'CAF'
    >>> container(b"wvpk" + bytes(100), "sound.wav")
    Traceback (most recent call last):
    ...
    amtlib.audio.contents.AudioError: sound.wav: this is a WavPack file, which cannot be read: pass a WAV, FLAC, OGG or
    MP3 file
    """
    if not data:
        raise AudioError(f"{label}: the file is empty: {ADVICE}")
    start = bytes(data[at : at + 4096])
    for first, eighth, kind in _READ:
        if start.startswith(first) and start[8:].startswith(eighth):
            return kind
    if not at and _is_htk(start, len(data)):
        return "HTK"
    if start[:16] in (b"\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0", b"\0\0\x03\xe8\0\0\0\1\0\0\0\1\0\0\0\0"):
        return "MAT4"
    for place, signature, what, sound in _FOREIGN:
        if start[place:].startswith(signature):
            why = ", which cannot be read" if sound else ", not a sound file"
            raise AudioError(f"{label}: this is {what}{why}: {ADVICE}")
    if start[:1] == b"G" and start[188:189] == start[376:377] == b"G":
        raise AudioError(f"{label}: this is an MPEG transport stream, which cannot be read: {ADVICE}")
    if (len(start) > 1 and start[0] == 0xFF and start[1] & 0xF6 == 0xF0) or _is_loas(start):
        raise AudioError(f"{label}: this is an AAC stream, which cannot be read: {ADVICE}")
    if len(start) < 12 and start[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM"):
        raise AudioError(f"{label}: the file is cut off inside its header: {ADVICE}")
    if start[:3] == b"ID3" or (len(start) > 1 and start[0] == 0xFF and start[1] & 0xE6 == 0xE2):
        return "MP3"
    if not at and _is_text(start):
        raise AudioError(f"{label}: this is text, not a sound file: {ADVICE}")
    return ""


def unknown(label: str) -> AudioError:
    """Return what to raise for a file of which nothing is known."""
    return AudioError(f"{label}: this is not a sound file that can be read: {ADVICE}")


def _is_htk(start: bytes, size: int) -> bool:
    """Whether a file is a waveform of the HTK, which has no signature: its length must be the one it tells."""
    return (
        len(start) > 12 and start[8:12] == b"\0\2\0\0" and 12 + 2 * int.from_bytes(start[:4], "big") == size
    )


def _is_loas(start: bytes) -> bool:
    """Whether a stream is AAC as broadcasts pack it (LOAS): a frame, and another where the first one ends."""
    size = 3 + ((start[1] & 0x1F) << 8 | start[2]) if len(start) > 2 else 0
    return (
        len(start) > size + 1 > 1
        and start[:1] == start[size : size + 1] == b"V"
        and start[1] & start[size + 1] & 0xE0 == 0xE0
    )


def _is_text(start: bytes) -> bool:
    """Whether a file looks like text in UTF-8, or in UTF-16 with a mark."""
    start = start[:512]
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return start.decode("utf-16", "replace").isprintable() or b"\0" in start[2:20]
    if b"\0" in start:
        return False
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut in two at the end of the excerpt is still text.
        return error.start >= 508
    return True
