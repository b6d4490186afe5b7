"""MPEG audio files are as long as the frames in them, whatever their headers say or lack."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from amtlib.audio import AudioBlocks, AudioError, Recording, load
from amtlib.audio.mpeg import mpeg_frames

FS = 44100
LOUD = 0.2 * np.random.default_rng(0).standard_normal(4 * FS)
QUIET = np.zeros(2 * FS)


def mp3(x: np.ndarray, fs: int = FS) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, x, fs, format="MP3")
    return buffer.getvalue()


def without_header(content: bytes) -> bytes:
    """Cut off the first frame, which only tells how many follow."""
    found = mpeg_frames(content)
    assert found is not None
    assert found.announced == found.count
    return content[found.spans[0][0] :]


def both_ways(content: bytes, folder: Path) -> Recording:
    recording = load(content, channel="all")
    path = folder / "sound.mp3"
    path.write_bytes(content)
    with AudioBlocks(path, seconds=0.3) as blocks:
        x = torch.cat(list(blocks), -1)
    assert torch.equal(x, recording.samples)
    assert (blocks.truncated, blocks.frames) == (recording.truncated, recording.samples.shape[-1])
    if not blocks.truncated:
        assert blocks.announced == blocks.frames
    return recording


SOUND = {
    "silence first": np.concatenate([QUIET, LOUD]),
    "silence last": np.concatenate([LOUD, QUIET]),
    "loud throughout": LOUD,
}
STREAM = {what: without_header(mp3(x)) for what, x in SOUND.items()}


@pytest.mark.parametrize("what", STREAM)
@pytest.mark.parametrize("tag", [b"", b"ID3\x04\0\0\0\0\x02\0" + bytes(256)], ids=["plain", "tagged"])
def test_a_stream_without_a_header_is_read_whole(what: str, tag: bytes, tmp_path: Path) -> None:
    content = tag + STREAM[what] + b"TAG" + bytes(125)
    recording = both_ways(content, tmp_path)
    found = mpeg_frames(content)
    assert found is not None
    assert recording.samples.shape == (1, 1152 * found.count)
    assert not recording.truncated
    assert (recording.kind, recording.encoding) == ("MP3", "MPEG_LAYER_III")
    # 1105 samples: the delay of encoder and decoder (576 + 529), which only the header tells
    whole = load(mp3(SOUND[what])).samples
    assert torch.equal(recording.samples[0, 1105 : 1105 + len(whole)], whole)


@pytest.mark.parametrize("fs", [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_rate_with_and_without_header(fs: int, channels: int, tmp_path: Path) -> None:
    x = np.repeat(LOUD[: 2 * fs, None], channels, 1)
    content = mp3(x, fs)
    recording = both_ways(content, tmp_path)
    assert (recording.samples.shape, recording.fs, recording.truncated) == ((channels, 2 * fs), fs, False)
    stream = both_ways(without_header(content), tmp_path)
    assert 0 <= stream.samples.shape[-1] - 2 * fs < 4 * 1152
    assert not stream.truncated


def test_files_joined_byte_by_byte_are_one_sound(tmp_path: Path) -> None:
    one, two = mp3(LOUD), mp3(LOUD[: 2 * FS])
    for between in (b"", b"ID3\x04\0\0\0\0\x20\0" + bytes(4096), bytes(5000), b"\xff\xfb" * 700):
        recording = both_ways(one + between + two, tmp_path)
        # The header of the second file is a silent frame in the middle.
        assert recording.duration == pytest.approx(6.0, abs=0.15)
        assert not recording.truncated
        # Its second part is as strong as its first.
        x = recording.samples[0].numpy()
        assert np.std(x[-FS:]) == pytest.approx(np.std(x[FS : 2 * FS]), rel=0.05)


def test_a_stream_cut_out_of_another_is_read(tmp_path: Path) -> None:
    content = STREAM["loud throughout"]
    recording = both_ways(content[1000:], tmp_path)
    assert 3.9 < recording.duration < 4.03  # the frame that is cut is lost, and what it lends to the next
    assert not recording.truncated


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("stream", [True, False])
def test_a_file_that_breaks_off_says_so(share: float, stream: bool, tmp_path: Path) -> None:
    content = STREAM["loud throughout"] if stream else mp3(LOUD)
    recording = both_ways(content[: round(share * len(content))], tmp_path)
    assert recording.duration == pytest.approx(4 * share, abs=0.4)
    assert recording.truncated


def layer(number: int, count: int, large_first: bool) -> bytes:
    """Return frames of silence at 192 kbit/s and 44.1 kHz; their sizes differ by a slot."""
    frames = []
    for index in range(count):
        padding = int(index == 0) if large_first else 0
        size = 144 * 192000 // FS + padding if number == 2 else (12 * 192000 // FS + padding) * 4
        second, bits = (0xFD, 0xA0) if number == 2 else (0xFF, 0x60)
        frames.append(bytes([0xFF, second, bits | padding << 1, 0xC4]) + bytes(size - 4))
    return b"".join(frames)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("large_first", [True, False])
def test_layers_one_and_two_are_read_whole(number: int, large_first: bool, tmp_path: Path) -> None:
    recording = both_ways(layer(number, 300, large_first), tmp_path)
    assert recording.samples.shape == (1, 300 * {1: 384, 2: 1152}[number])
    assert recording.encoding == f"MPEG_LAYER_{'I' * number}"
    assert not recording.truncated
    assert not recording.samples.any()


def test_the_length_counts_before_anything_is_decoded() -> None:
    with pytest.raises(AudioError, match=r"lasts 6\.\d s, longer than the limit of 5 s"):
        load(STREAM["silence last"], max_duration=5.0)
    with pytest.raises(AudioError, match=r"holds 26\d,\d+ samples"):
        load(STREAM["silence last"], max_samples=100_000)


def test_the_header_of_an_unknown_encoder_is_no_sound(tmp_path: Path) -> None:
    content = mp3(LOUD)
    found = mpeg_frames(content)
    assert found is not None
    first = bytearray(content[: found.spans[0][0]])
    first[4:] = bytes(len(first) - 4)
    first[36:40] = b"VBRI"
    recording = both_ways(bytes(first) + content[found.spans[0][0] :], tmp_path)
    assert recording.samples.shape == (1, 1152 * found.count)
    assert not recording.truncated


@given(
    st.binary(max_size=3000),
    st.sampled_from([b"", b"\xff\xfb\x90\xc4", b"\xff\xfd\xa0\xc4", b"ID3\x04\0\0\0\0\0\x05"]),
)
def test_any_bytes_have_frames_within_them_or_none(junk: bytes, start: bytes) -> None:
    content = start + junk
    found = mpeg_frames(content)
    if found is not None:
        assert all(0 <= begin < end <= len(content) for begin, end in found.spans)
        assert found.count <= sum(end - begin for begin, end in found.spans)


@pytest.mark.parametrize("bytes_", [b"\xff", b"\xff\xfb", b"\xff\xfb\x90\xc4", b"ID3\x04\0\0\0\0\0\0"])
def test_junk_that_looks_like_frames_costs_little(bytes_: bytes) -> None:
    content = mp3(LOUD[:FS])
    start = time.process_time()
    for junk in (bytes_ * (4_000_000 // len(bytes_)), content + bytes_ * (4_000_000 // len(bytes_))):
        mpeg_frames(junk)
    assert time.process_time() - start < 10  # milliseconds; each byte as a possible frame would be minutes
