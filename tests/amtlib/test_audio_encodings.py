"""Files as other programs write them: padded blocks, FLAC in Ogg, tags, joined files, and encodings refused by name."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from amtlib.audio import AudioBlocks, AudioError, load, wav_bytes
from amtlib.audio.flac import is_cut, streams
from amtlib.audio.ogg import _checksum
from tests.amtlib.test_audio_containers import FORM, FS, NOISE, RAMP, both_ways, data, encoded, riff

FLAC = encoded(RAMP, FS, "FLAC")
ID3 = b"ID3\x04\0\0\0\0\x02\0" + bytes(256)
ITEM = struct.pack("<II", 3, 0) + b"Title\0abc"
APE = b"".join(
    b"APETAGEX" + struct.pack("<IIII", 2000, len(ITEM) + 32, 1, flags) + bytes(8) + item
    for flags, item in ((0xA0000000, ITEM), (0x80000000, b""))
)
ID3V1 = b"TAG" + bytes(125)


# --- samples in blocks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "GSM610"])
def test_what_fills_the_last_block_is_no_sound(subtype: str, tmp_path: Path) -> None:
    content = bytearray(encoded(NOISE[:3900], FS, "WAV", subtype))
    at = content.find(b"fact") + 8
    whole = 3900
    content[at : at + 4] = struct.pack("<I", whole)  # as ffmpeg, SoX and Windows write it
    recording = both_ways(bytes(content), tmp_path)
    assert (recording.samples.shape, recording.truncated) == ((1, whole), False)
    for told in (0, 10**6, 5):  # no promise that blocks could keep
        content[at : at + 4] = struct.pack("<I", told)
        assert load(bytes(content)).samples.shape[-1] > whole


def test_the_number_of_samples_in_plain_files_is_that_of_their_bytes(tmp_path: Path) -> None:
    fact = b"fact" + struct.pack("<II", 4, 7)
    assert both_ways(riff(FORM, fact, data()), tmp_path).samples.shape == (1, 4000)


# --- FLAC -------------------------------------------------------------------------------------------------------


def in_ogg(flac: bytes, serial: int = 7, size: int = 3000) -> bytes:
    """A FLAC as an Ogg stream holds it (RFC 9639, 10.1); packets end where pages do."""
    first, rest = b"\x7fFLAC\x01\0\0\0" + flac[:42], flac[42:]
    pieces = [first, *(rest[at : at + size] for at in range(0, len(rest), size))]
    pages = []
    for number, piece in enumerate(pieces):
        flags = 2 if number == 0 else 4 if number == len(pieces) - 1 else 0
        lacing = bytes([255] * (len(piece) // 255) + [len(piece) % 255])
        page = bytearray(
            b"OggS\0" + struct.pack("<BqIIIB", flags, 0, serial, number, 0, len(lacing)) + lacing + piece
        )
        page[22:26] = _checksum(page).to_bytes(4, "little")
        pages.append(bytes(page))
    return b"".join(pages)


def test_flac_in_ogg_is_read_and_a_cut_one_says_so(tmp_path: Path) -> None:
    content = in_ogg(encoded(NOISE, 48000, "FLAC"))
    recording = both_ways(content, tmp_path)
    assert (recording.kind, recording.fs, recording.truncated) == ("OGG", 48000, False)
    assert torch.equal(recording.samples, load(encoded(NOISE, 48000, "FLAC"), channel="all").samples)
    cut = both_ways(content[: len(content) // 2], tmp_path)
    assert cut.truncated
    assert 10_000 < cut.samples.shape[1] < 30_000


@pytest.mark.parametrize("in_front", [b"", ID3, APE, ID3 + APE], ids=["plain", "ID3", "APE", "both"])
@pytest.mark.parametrize("behind", [b"", ID3V1, APE, APE + ID3V1], ids=["plain", "ID3v1", "APE", "both"])
@pytest.mark.parametrize("told", [True, False])
def test_tags_around_a_flac_are_no_part_of_it(
    in_front: bytes, behind: bytes, told: bool, tmp_path: Path
) -> None:
    flac = FLAC if told else FLAC[:21] + bytes([FLAC[21] & 0xF0]) + bytes(4) + FLAC[26:]
    recording = both_ways(in_front + flac + behind, tmp_path)
    assert not recording.truncated
    np.testing.assert_array_equal(recording.samples[0].numpy(), RAMP.astype(np.float32))


@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_a_cut_flac_says_so_though_it_does_not_tell_its_length(share: float, tmp_path: Path) -> None:
    flac = encoded(NOISE, 48000, "FLAC")
    untold = flac[:21] + bytes([flac[21] & 0xF0]) + bytes(4) + flac[26:]
    assert not both_ways(untold, tmp_path).truncated
    assert both_ways(untold[: int(share * len(untold))], tmp_path).truncated
    assert not is_cut(flac, 0, len(flac) // 2)  # its length says it


def test_flacs_joined_byte_by_byte_are_one_sound(tmp_path: Path) -> None:
    recording = both_ways(FLAC + ID3 + FLAC + ID3V1, tmp_path)
    np.testing.assert_array_equal(recording.samples[0].numpy(), np.tile(RAMP, 2).astype(np.float32))
    assert not recording.truncated


def test_junk_that_looks_like_streams_costs_little() -> None:
    assert len(streams(b"fLaC\0\0\0\x22" * 100_000, 0)) == 1000
    with pytest.raises(AudioError):
        load(b"fLaC\0\0\0\x22" * 100_000)
    assert load(riff(FORM, data() + data(0, b"") * 100_000)).truncated


# --- WAV, CAF, NIST ---------------------------------------------------------------------------------------------


def test_wavs_joined_byte_by_byte_are_one_sound(tmp_path: Path) -> None:
    wav = riff(FORM, data())
    recording = both_ways(wav + wav, tmp_path)
    np.testing.assert_array_equal(recording.samples[0].numpy(), np.tile(RAMP, 2).astype(np.float32))
    assert not recording.truncated
    other = both_ways(wav + wav_bytes(np.zeros((100, 2), np.int16), 8000), tmp_path)
    assert other.truncated  # what follows is of another kind
    np.testing.assert_array_equal(other.samples[0].numpy(), RAMP.astype(np.float32))


def test_a_caf_that_was_written_to_a_pipe_is_whole(tmp_path: Path) -> None:
    content = encoded(RAMP, FS, "CAF")
    at = content.rfind(b"data") + 4
    recording = both_ways(content[:at] + b"\xff" * 8 + content[at + 8 :], tmp_path)
    assert not recording.truncated
    np.testing.assert_array_equal(recording.samples[0].numpy(), RAMP.astype(np.float32))


def test_a_nist_file_that_is_cut_says_so(tmp_path: Path) -> None:
    content = encoded(RAMP, FS, "NIST")
    assert not both_ways(content, tmp_path).truncated
    assert both_ways(content[:-2000], tmp_path).truncated


def test_a_voc_of_several_blocks_holds_no_headers_as_samples(tmp_path: Path) -> None:
    samples = (RAMP * 32768).astype("<i2").tobytes()
    parts = [samples[at : at + 1600] for at in range(0, len(samples), 1600)]
    content = b"Creative Voice File\x1a\x1a\0\x14\1\x1f\x11"
    for number, part in enumerate(parts):
        head = struct.pack("<IBBHI", FS, 16, 1, 4, 0) if number == 0 else b""
        content += bytes([2 if number else 9]) + (len(head) + len(part)).to_bytes(3, "little") + head + part
    recording = both_ways(content + b"\0", tmp_path)
    assert (recording.kind, recording.encoding, recording.fs) == ("VOC", "PCM_16", FS)
    np.testing.assert_array_equal(recording.samples[0].numpy(), RAMP.astype(np.float32))
    assert not recording.truncated
    assert both_ways(content[:-500], tmp_path).truncated


# --- refused by name --------------------------------------------------------------------------------------------


def form(tag: int = 1, channels: int = 1, fs: int = FS, bits: int = 16) -> bytes:
    size = max(channels * bits // 8, 1) & 0xFFFF
    return b"fmt " + struct.pack("<IHHIIHH", 16, tag, channels, fs, (fs * size) & 0xFFFFFFFF, size, bits)


def first_page(content: bytes) -> bytes:
    page = bytearray(b"OggS\0\2" + bytes(20) + bytes([1, len(content)]) + content)
    page[22:26] = _checksum(page).to_bytes(4, "little")
    return bytes(page)


NIST = encoded(RAMP, FS, "NIST")
CODING = NIST.find(b"sample_coding")
REFUSED = {
    r"encoding \(AAC\)": riff(form(0xFF), data()),
    r"encoding \(AC-3\)": riff(form(0x2000), data()),
    r"encoding \(Windows Media Audio\)": riff(form(0x161), data()),
    r"encoding \(G\.722\)": riff(form(0x28F), data()),
    r"encoding \(Speex\)": first_page(b"Speex   1.2rc1" + bytes(66)),
    r"encoding \(ALAC\)": encoded(RAMP, FS, "CAF").replace(b"lpcm", b"alac"),
    r"encoding \(embedded-shorten-v2\.00\)": NIST[:CODING]
    + b"sample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n".ljust(1024 - CODING)
    + NIST[1024:],
    "has no channels": riff(form(channels=0), data()),
    "has 65535 channels, more than 8": riff(form(channels=65535), data()),
    "rate of 0 Hz is outside": riff(form(fs=0), data()),
    "rate of 4000000000 Hz is outside": riff(form(fs=4_000_000_000), data()),
    "WavPack file": ID3 + b"wvpk" + bytes(100),
    "Monkey's Audio file": ID3 + b"MAC \x96\x0f" + bytes(100),
    "Musepack file": ID3 + b"MP+" + bytes(100),
    "True Audio file": ID3 + b"TTA1" + bytes(100),
    r"MPEG-4 file \(M4A\)": ID3 + b"\0\0\0\x20ftypM4A " + bytes(100),
    "AAC stream": ID3 + b"\xff\xf1\x50\x80" + bytes(100),
    "AAC stream, which": b"V\xe0\x04" + bytes(4) + b"V\xe0\x04" + bytes(4),
    "MPEG transport stream": (b"G" + bytes(187)) * 4,
    "TAK file": b"tBaK" + bytes(100),
    "file of SoX": b".SoX" + bytes(100),
    "TrueHD stream": b"\xf1\x4b\0\0\xf8\x72\x6f\xba" + bytes(100),
}


@pytest.mark.parametrize("says", REFUSED)
def test_what_is_not_decoded_is_refused_by_its_name(says: str, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(REFUSED[says])
    for read in (load, AudioBlocks, lambda path: load(io.BytesIO(path.read_bytes()), name="sound.wav")):
        with pytest.raises(AudioError, match=rf"^sound\.wav: .*{says}"):
            read(path)  # type: ignore[operator]


def test_a_text_that_begins_like_a_stream_is_text() -> None:
    with pytest.raises(AudioError, match="this is text"):
        load(b"Very long ago in a laboratory " * 20)
