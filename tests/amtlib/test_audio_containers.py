"""Sound files as programs and recorders leave them: whatever is in them is read, and the rest is refused by name."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from amtlib.audio import SUFFIXES, AudioBlocks, AudioError, Recording, load
from amtlib.audio.ogg import _checksum

FS = 16000
RAMP = np.round(np.linspace(-0.5, 0.5, 4000) * 32768) / 32768  # codes of 16 bits


def encoded(
    x: np.ndarray, fs: int, kind: str, subtype: str | None = None, endian: str | None = None
) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, x, fs, format=kind, subtype=subtype, endian=endian)
    return buffer.getvalue()


def both_ways(content: bytes, folder: Path, name: str = "sound.wav") -> Recording:
    """Load a file, and check that reading it in blocks tells the same."""
    recording = load(content, channel="all")
    path = folder / name
    path.write_bytes(content)
    with AudioBlocks(path, seconds=0.05) as blocks:
        x = torch.cat(list(blocks), -1)
    assert torch.equal(x, recording.samples)
    assert (blocks.truncated, blocks.fs, blocks.clipped) == (
        recording.truncated,
        recording.fs,
        recording.clipped,
    )
    assert torch.equal(load(path, channel="all").samples, x)
    return recording


WAV = encoded(RAMP, FS, "WAV")
FORM, DATA = WAV[12:36], WAV[44:]


def riff(*chunks: bytes, head: bytes = b"RIFF") -> bytes:
    return head + struct.pack("<I", sum(map(len, chunks)) + 4) + b"WAVE" + b"".join(chunks)


def data(size: int | None = None, samples: bytes = DATA) -> bytes:
    return b"data" + struct.pack("<I", len(samples) if size is None else size) + samples


LIST = b"LIST" + struct.pack("<I", 12) + b"INFOdata in "  # a text that looks like a chunk
BW64 = b"BW64" + encoded(RAMP, FS, "RF64")[4:]
UNTOLD = encoded(RAMP, FS, "RF64")

WHOLE = {
    "plain": WAV,
    "two chunks of samples": riff(FORM, data(samples=DATA[:3000]), data(samples=DATA[3000:])),
    "text of odd length without padding": riff(FORM, b"LIST" + struct.pack("<I", 7) + b"INFOabc", data()),
    "stray zeros": riff(FORM, LIST, bytes(6), data()),
    "stray bytes of odd number": riff(FORM, LIST, b"\x01\x02\x03\x04\x05", data()),
    "stray text": riff(FORM, LIST, b"stray text", data()),
    "a text chunk that claims to be longer": riff(
        FORM, b"LIST" + struct.pack("<I", 10**6) + b"INFOabcd", data()
    ),
    "samples before their description": riff(data(), FORM),
    "a recorder that was switched off": riff(FORM, data(0)),
    "SoX to a pipe": riff(FORM, data(0x7FFFF000)),
    "arecord to a pipe": riff(FORM, data(0x80000000)),
    "arecord to a pipe, header counted": riff(FORM, data(0x7FFFFFDC)),
    "ffmpeg to a pipe": riff(FORM, data(0xFFFFFFFF)),
    "junk at the end": WAV + b"TAG" + bytes(125),
    "BW64": BW64,
    "RF64 that was never finished": UNTOLD[:20] + bytes(16) + UNTOLD[36:],
    "tagged in front": b"ID3\x04\0\0\0\0\0\x08" + bytes(8) + WAV,
    "AIFF by SoX to a pipe": encoded(RAMP, FS, "AIFF").replace(
        b"SSND" + struct.pack(">I", 8008), b"SSND" + struct.pack(">I", 0x7F000008)
    ),
    "AU to a pipe": (lambda c: c[:8] + b"\xff" * 4 + c[12:])(encoded(RAMP, FS, "AU")),
}


@pytest.mark.parametrize("what", WHOLE)
def test_a_file_is_read_whole_however_it_was_written(what: str, tmp_path: Path) -> None:
    recording = both_ways(WHOLE[what], tmp_path)
    assert not recording.truncated
    assert (recording.fs, recording.encoding) == (FS, "PCM_16")
    np.testing.assert_array_equal(recording.samples[0].numpy(), RAMP.astype(np.float32))


@pytest.mark.parametrize("head", [b"RIFF", b"RIFX"])
def test_two_chunks_of_either_byte_order_are_one_sound(head: bytes, tmp_path: Path) -> None:
    plain = encoded(RAMP, FS, "WAV", endian="BIG" if head == b"RIFX" else "LITTLE")
    order = ">I" if head == b"RIFX" else "<I"
    at = plain.find(b"data")
    samples = plain[at + 8 :]
    halves = [b"data" + struct.pack(order, len(half)) + half for half in (samples[:2000], samples[2000:])]
    recording = both_ways(plain[:at] + b"".join(halves), tmp_path)
    np.testing.assert_array_equal(recording.samples[0].numpy(), RAMP.astype(np.float32))


CONTAINERS = [
    *[("WAV", subtype) for subtype in ("PCM_U8", "FLOAT", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610")],
    *[("AIFF", subtype) for subtype in ("PCM_S8", "PCM_24", "FLOAT", "ALAW", "IMA_ADPCM")],
    *[("CAF", subtype) for subtype in ("PCM_16", "FLOAT", "ALAC_16", "ALAC_24")],
    *[("W64", subtype) for subtype in ("PCM_16", "DOUBLE", "MS_ADPCM")],
    *[("AU", subtype) for subtype in ("PCM_16", "FLOAT", "G721_32")],
    ("RF64", "PCM_24"),
    ("OGG", "OPUS"),
    *[
        (kind, None)
        for kind in (
            "SVX",
            "NIST",
            "VOC",
            "IRCAM",
            "AVR",
            "PAF",
            "PVF",
            "SDS",
            "HTK",
            "MAT4",
            "MAT5",
            "MPC2K",
        )
    ],
]


@pytest.mark.parametrize(("kind", "subtype"), CONTAINERS)
@pytest.mark.parametrize("name", ["sound.raw", "sound.mp3", "._sound", "sound"])
def test_a_container_is_known_by_its_content(
    kind: str, subtype: str | None, name: str, tmp_path: Path
) -> None:
    content = encoded(RAMP, FS, kind, subtype)
    wanted, fs = soundfile.read(io.BytesIO(content), always_2d=True, dtype="float32")
    if kind == "WAV" and subtype in (
        "MS_ADPCM",
        "GSM610",
    ):  # libsndfile writes how many there are, and does not read it
        wanted = wanted[: len(RAMP)]
    recording = both_ways(content, tmp_path, name)
    assert (recording.kind, recording.fs) == ({"RF64": "WAV"}.get(kind, kind), fs)
    assert not recording.truncated
    np.testing.assert_array_equal(recording.samples.numpy(), wanted.T)


@pytest.mark.parametrize("kind", ["WAV", "RF64", "AIFF", "SVX", "W64", "CAF", "AU"])
def test_a_cut_file_of_any_container_says_so(kind: str, tmp_path: Path) -> None:
    content = encoded(RAMP, FS, kind)
    recording = both_ways(content[:-2000], tmp_path)
    assert recording.truncated
    found = recording.samples[0].numpy()
    # CAF has 4096 bytes of header before, other containers less.
    assert 0.6 * 4000 < len(found) <= 3000 + 100
    np.testing.assert_array_equal(found, RAMP[: len(found)].astype(np.float32))


def without_end_mark(ogg: bytes) -> bytes:
    at = ogg.rfind(b"OggS")
    page = bytearray(ogg[at:])
    page[5] &= ~4
    page[22:26] = bytes(4)
    page[22:26] = _checksum(page).to_bytes(4, "little")
    return ogg[:at] + bytes(page)


NOISE = 0.1 * np.random.default_rng(0).standard_normal(48000)


def test_the_checksum_of_pages_is_that_of_other_writers() -> None:
    ogg = encoded(NOISE, 48000, "OGG")
    page = bytearray(ogg[: ogg.find(b"OggS", 1)])
    told, page[22:26] = page[22:26], bytes(4)
    assert _checksum(page) == int.from_bytes(told, "little")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("samples", [1000, 48000])
def test_an_ogg_without_its_end_mark_is_read_and_called_cut(
    subtype: str, samples: int, tmp_path: Path
) -> None:
    content = encoded(NOISE[:samples], 48000, "OGG", subtype)
    recording = both_ways(without_end_mark(content), tmp_path)
    assert recording.truncated
    assert torch.equal(recording.samples, load(content, channel="all").samples)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_streams_one_behind_another_are_one_sound(subtype: str, tmp_path: Path) -> None:
    parts = [encoded(NOISE[:n], 48000, "OGG", subtype) for n in (20_000, 48_000, 5000)]
    recording = both_ways(b"".join(parts), tmp_path)
    assert not recording.truncated
    assert torch.equal(
        recording.samples, torch.cat([load(part, channel="all").samples for part in parts], -1)
    )


def test_a_damaged_second_stream_leaves_the_first(tmp_path: Path) -> None:
    first, second = encoded(NOISE, 48000, "OGG"), encoded(NOISE, 48000, "OGG", "OPUS")
    recording = both_ways(first + second[:36] + bytes(20) + second[56:], tmp_path)
    assert recording.truncated
    assert torch.equal(recording.samples, load(first, channel="all").samples)


def test_streams_of_different_rates_are_refused_with_the_place() -> None:
    content = encoded(NOISE, 48000, "OGG") + encoded(NOISE, 16000, "OGG")
    with pytest.raises(
        AudioError, match=r"at 1\.0 s the file goes on with 1 x 16000 Hz instead of 1 x 48000 Hz"
    ):
        load(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100), r"an MPEG-4 file \(M4A\), which cannot be read"),
        (b"\0\0\0\x20ftypisom\0\0\0\0" + bytes(100), "an MPEG-4 file"),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(100), "a Windows Media file"),
        (b"wvpk" + bytes(100), "a WavPack file"),
        (b"MAC \x96\x0f" + bytes(100), "a Monkey's Audio file"),
        (b"DSD \x1c" + bytes(100), "a DSD stream file"),
        (b"#!AMR\n" + bytes(100), "an AMR speech file"),
        (b"\xff\xf1\x50\x80" + bytes(100), "an AAC stream"),
        (b"\x1aE\xdf\xa3" + bytes(100), "a Matroska or WebM film"),
        (b"RIFF\x24\0\0\0AVI LIST" + bytes(100), "an AVI film"),
        (b"MThd\0\0\0\x06" + bytes(100), "a MIDI file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
        (bytes(257) + b"ustar" + bytes(300), "a tar archive"),
        ("Grüße aus dem Labor".encode("utf-16"), "text"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_name(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(content)
    for source in (content, path):
        with pytest.raises(AudioError, match=says):
            load(source)
    with pytest.raises(AudioError, match=says):
        AudioBlocks(path)


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
@pytest.mark.parametrize("kind", ["WAV", "MP3"])
def test_a_name_that_is_no_utf_8_is_opened(kind: str, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/gr\xfc\xdfe.wav"))
    path.write_bytes(encoded(RAMP, FS, kind))
    with AudioBlocks(path) as blocks:
        x = torch.cat(list(blocks), -1)
    assert torch.equal(x[0], load(path).samples)
    assert x.shape == (1, 4000)
    assert blocks.name == "gre.wav"


@pytest.mark.parametrize("rubbish", ["._", "._sound.mp3", ".AppleDouble/sound.mp3"])
def test_what_else_lies_in_the_folder_does_not_matter(
    rubbish: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # libsndfile takes an MP3 for a file of the Macintosh if it finds a resource fork beside it.
    (tmp_path / rubbish).parent.mkdir(exist_ok=True)
    (tmp_path / rubbish).write_bytes(bytes(100))
    monkeypatch.chdir(tmp_path)
    assert both_ways(encoded(RAMP, FS, "MP3"), tmp_path, "sound.mp3").samples.shape == (1, 4000)


def test_the_endings_are_lower_case_and_each_is_there_once() -> None:
    assert len(set(SUFFIXES)) == len(SUFFIXES)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
    assert {".wav", ".wave", ".bwf", ".w64", ".caf", ".au", ".flac", ".opus", ".mp3", ".aifc"} <= set(
        SUFFIXES
    )
