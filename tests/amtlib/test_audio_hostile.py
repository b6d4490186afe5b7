"""Broken, wrong and malicious sound files: a recording that says what is missing, or one clear sentence."""

import io
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from amtlib.audio import AudioError, load, wav_bytes
from tests.serving import ROOT


def encoded(x: np.ndarray, fs: int, kind: str, subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, x, fs, format=kind, subtype=subtype)
    return buffer.getvalue()


NOISE = np.random.default_rng(1).uniform(-1, 1, 264_600)
GOOD = wav_bytes(np.arange(-2000, 2000, dtype=np.int16), 8000)
FLAC = encoded(NOISE[:44100], 44100, "FLAC")
OGG = encoded(0.1 * NOISE, 44100, "OGG")
MP3 = encoded(0.1 * NOISE, 44100, "MP3")
FLOAT = encoded(np.zeros(100), 8000, "WAV", "FLOAT")
HUGE = GOOD[:40] + (2**31 - 100).to_bytes(4, "little") + GOOD[44:]


def one_sentence(problem: BaseException) -> bool:
    """Whether an error is one clean line that shows nothing of the machinery."""
    text = str(problem)
    inside = ("libsndfile", "BytesIO", "0x", "Traceback", "/tmp", "soundfile", "psf")
    return len(text.splitlines()) == 1 and 20 < len(text) < 260 and not any(word in text for word in inside)


def with_value(value: float) -> bytes:
    return FLOAT[:-8] + np.array([value, 0.0], "<f4").tobytes()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"R", "not a sound file"),
        (b"RIFF", "cut off inside its header"),
        (GOOD[:20], "damaged at its beginning"),
        (GOOD[:44], "no samples"),
        (FLAC[:30], "damaged at its beginning"),
        (b"PK\x03\x04" + bytes(200), "zip archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "PNG picture"),
        (b"%PDF-1.7", "PDF"),
        (b"just a few words\n" * 20, "text"),
        ("Grüße aus dem Labor ".encode() * 100, "text"),
        (bytes(1000), "not a sound file"),
        (b"OggS" + bytes(300), "damaged at its beginning"),
        (b"ID3" + bytes(300), "damaged at its beginning"),
        (b"\xff\xfb\x90\x00" + bytes(100), "damaged|no samples"),
        (b"fLaC" + b"\xff" * 300, "damaged at its beginning"),
        (b"FORM\x00\x00\x00\x20AIFF" + bytes(40), "damaged|no samples"),
        (with_value(math.nan), "NaN or infinite"),
        (with_value(math.inf), "NaN or infinite"),
        (with_value(1e30), "times full scale"),
        (encoded(np.zeros((10, 9)), 8000, "WAV"), "9 channels"),
        (encoded(np.zeros(10), 1000, "WAV"), "sampling rate of 1000 Hz"),
        (encoded(np.zeros(10), 1_000_000, "WAV"), "sampling rate of 1000000 Hz"),
        (b"OggS" + encoded(np.zeros(10), 8000, "AU"), "damaged at its beginning"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(content: bytes, says: str) -> None:
    with pytest.raises(AudioError, match=says) as problem:
        load(content, name="../../etc/some\nfile.wav")
    assert one_sentence(problem.value)
    assert "etc" not in str(problem.value)


def test_a_header_that_claims_two_gigabytes_costs_nothing_and_the_rest_is_read() -> None:
    recording = load(HUGE)
    assert recording.samples.numel() == 4000
    assert recording.truncated


def test_a_long_silence_in_a_small_file_is_refused_before_it_is_decoded() -> None:
    bomb = encoded(np.zeros(8000 * 900, np.int16), 8000, "FLAC")
    assert len(bomb) < 50_000
    with pytest.raises(AudioError, match=r"lasts 900\.0 s, longer than the limit of 600 s"):
        load(bomb)


def of_untold_length(flac: bytes, frames: int = 0) -> bytes:
    """A FLAC whose header tells another number of frames; 0 for unknown."""
    lying = bytearray(flac)
    lying[21] &= 0xF0  # STREAMINFO: the upper 4 of the 36 bits of the total number of frames
    lying[22:26] = frames.to_bytes(4, "big")
    return bytes(lying)


def test_a_header_that_hides_the_length_does_not_help() -> None:
    bomb = of_untold_length(encoded(np.zeros(8000 * 20, np.int16), 8000, "FLAC"))
    with pytest.raises(AudioError, match="longer than the limit of 10 s"):
        load(bomb, max_duration=10.0)
    assert load(bomb).samples.numel() == 160_000


@pytest.mark.parametrize(
    ("frames", "says"), [(None, "holds 160,000 samples"), (0, "more than 100,000"), (20_000, None)]
)
def test_samples_are_bounded_whatever_the_header_tells(frames: int | None, says: str | None) -> None:
    bomb = encoded(np.zeros((20_000, 8), np.int16), 48000, "FLAC")
    bomb = bomb if frames is None else of_untold_length(bomb, frames)
    limit = 100_000 if says else 160_000
    if says is None:
        assert load(bomb, max_samples=limit).samples.numel() == 20_000
        return
    with pytest.raises(
        AudioError, match=rf"{says}.*8 x 48000 Hz.*limit is 100,000: .*lower sampling rate"
    ) as problem:
        load(bomb, max_samples=limit)
    assert one_sentence(problem.value)


def test_a_header_that_tells_too_little_is_not_believed() -> None:
    bomb = of_untold_length(encoded(np.zeros((20_000, 8), np.int16), 48000, "FLAC"), 10)
    try:
        found = load(bomb, max_samples=100_000).samples.numel()
    except AudioError as problem:
        assert "more than 100,000" in str(problem)  # noqa: PT017 - either outcome is bounded
    else:
        assert found <= 100_000


_PEAK = """
import io, resource, sys
import numpy as np, soundfile
from amtlib.audio import load, wav_bytes
buffer = io.BytesIO()
with soundfile.SoundFile(buffer, "w", 655350, 8, "PCM_16", format="FLAC") as file:
    for _ in range(8):
        file.write(np.zeros((655350, 8), np.int16))
load(wav_bytes(np.zeros(8000, np.int16), 8000), fs=32000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
recording = load(buffer.getvalue(), fs=32000)
print(recording.samples.numel(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_grows_with_the_result_not_with_the_file() -> None:
    # Tracing Python's own memory does not see the decoder's and the resampler's: the process tells.
    told = subprocess.run([sys.executable, "-c", _PEAK], capture_output=True, text=True, check=True).stdout
    samples, kilobytes = map(int, told.split())
    assert samples == 8 * 32000  # 1 MB; in the file 42 million, 336 MB in float64
    assert kilobytes < 60_000


def test_the_largest_decoded_size_bounds_upsampling_too() -> None:
    content = wav_bytes(np.zeros(2000 * 400, np.int16), 2000)
    with pytest.raises(AudioError, match="limit of 174"):
        load(content, fs=768000)  # 400 s would become 307 million samples


def test_a_file_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(GOOD)
    for source in (GOOD, path, io.BytesIO(GOOD)):
        with pytest.raises(AudioError, match="limit of 1000 bytes"):
            load(source, max_bytes=1000)
    assert load(path, max_bytes=len(GOOD)).samples.numel() == 4000


@pytest.mark.parametrize("content", [GOOD, FLAC, OGG, MP3], ids=["WAV", "FLAC", "OGG", "MP3"])
def test_a_cut_file_gives_what_it_holds_and_says_so(content: bytes) -> None:
    whole, half = load(content), load(content[: len(content) * 6 // 10])
    assert not whole.truncated
    assert half.truncated
    share = half.samples.numel() / whole.samples.numel()
    assert 0.3 < share <= 0.62  # blocks and pages are lost whole


def test_a_wav_written_to_a_pipe_is_not_called_truncated() -> None:
    streamed = GOOD[:4] + b"\xff" * 4 + GOOD[8:40] + b"\xff" * 4 + GOOD[44:]
    recording = load(streamed)
    assert recording.samples.numel() == 4000
    assert not recording.truncated


OTHERS = {
    kind: encoded(NOISE[:3000], 8000, kind) for kind in ("AIFF", "CAF", "W64", "RF64", "AU", "VOC", "SDS")
}


@pytest.mark.parametrize(
    "content",
    [GOOD, FLAC, OGG[:9000], MP3[:9000], *OTHERS.values()],
    ids=["WAV", "FLAC", "OGG", "MP3", *OTHERS],
)
@given(data=st.data())
def test_damage_anywhere_gives_a_recording_or_one_sentence(content: bytes, data: st.DataObject) -> None:
    broken = bytearray(content[: data.draw(st.integers(0, min(len(content), 3000)))])
    header = st.integers(0, max(0, min(len(broken), 120) - 1))
    for at in data.draw(st.lists(header, max_size=8)):
        if broken:
            broken[at] = data.draw(st.integers(0, 255))
    try:
        recording = load(bytes(broken))
    except AudioError as problem:
        assert one_sentence(problem)  # noqa: PT017 - either outcome is right
    else:
        assert bool(torch.isfinite(recording.samples).all())


@given(
    junk=st.binary(max_size=300), start=st.sampled_from([b"", b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xfb"])
)
def test_junk_gives_one_sentence(junk: bytes, start: bytes) -> None:
    with pytest.raises(AudioError) as problem:
        load(start + junk)
    assert one_sentence(problem.value)


def test_a_path_that_leads_nowhere_is_refused_without_its_folders(tmp_path: Path) -> None:
    for path, says in [
        (tmp_path / "missing.wav", "no such file"),
        (tmp_path, "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
        ("with\0nul.wav", "cannot be opened"),
        ("x" * 5000, "cannot be opened"),
    ]:
        with pytest.raises(AudioError, match=says) as problem:
            load(path)
        assert one_sentence(problem.value)


def test_a_renamed_file_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "really_flac.wav"
    path.write_bytes(FLAC)
    assert load(path).kind == "FLAC"


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"channel": 1}, AudioError, "only channel 0"),
        ({"channel": -1}, AudioError, "channel = -1"),
        ({"channel": "left"}, ValueError, "choose 'mix', 'power', 'all'"),
        ({"channel": 1.5}, TypeError, "channel"),
        ({"channel": True}, TypeError, "channel"),
        ({"fs": 1000}, ValueError, "fs = 1000 Hz is outside 2000 to 768000"),
        ({"fs": 44100.5}, ValueError, "whole number"),
        ({"fs": math.nan}, ValueError, "fs"),
        ({"full_scale_db": math.inf}, ValueError, "full_scale_db"),
        ({"max_duration": 0.0}, ValueError, "max_duration"),
        ({"max_bytes": 0}, ValueError, "max_bytes"),
        ({"max_samples": 0}, ValueError, "max_samples"),
        ({"max_fs": 1000}, ValueError, "max_fs = 1000 Hz is outside 2000 to 768000"),
        ({"fs": 8000, "max_fs": 8000}, ValueError, "exclude each other"),
        ({"dtype": torch.int16}, TypeError, "dtype"),
        ({"name": 3}, TypeError, "name"),
    ],
)
def test_an_impossible_option_is_refused_by_name(options: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        load(GOOD, **options)


@pytest.mark.parametrize("source", [3, None, io.StringIO("text")])
def test_a_source_of_the_wrong_type_is_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError, match="file must be"):
        load(source)


def test_a_file_closed_or_open_for_writing_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "new.wav").open("wb") as opened, pytest.raises(AudioError, match="cannot be read"):
        load(opened)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="cannot be read"):
        load(opened)  # type: ignore[arg-type]


SHRINKING = """
import os, sys
from amtlib.audio import AudioBlocks
for path in sys.argv[1:]:
    with AudioBlocks(path, seconds=0.5) as blocks:
        for number, _ in enumerate(blocks):
            if number == 1:
                os.truncate(path, 4000)
        print(path, blocks.truncated, blocks.frames < blocks.announced, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows does not cut a file that is mapped")
def test_a_file_that_is_cut_while_it_is_read_is_truncated_and_ends_no_process(tmp_path: Path) -> None:
    paths = [os.fspath(tmp_path / kind) for kind in ("MP3", "WAV", "FLAC")]
    for path in paths:
        more = b"TAG" + bytes(125) if path.endswith("FLAC") else b""
        Path(path).write_bytes(encoded(0.1 * NOISE, 8000, Path(path).name) + more)
    ended = subprocess.run(
        [sys.executable, "-c", SHRINKING, *paths],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ended.stdout.splitlines() == [f"{path} True True" for path in paths], ended.stderr
    assert ended.returncode == 0
