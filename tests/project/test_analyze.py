"""`amtlab analyze`: what stands in the table, what is skipped, what is refused, and who goes on after a bad file."""

import csv
import math
import os
import re
import shlex
import signal
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from amtlib import Glasberg2002, Moore2016
from amtlib.audio import AudioBlocks, AudioError, Mix, RateChange, load, save
from amtlib.audio.mixing import Channel
from amtlib.batch import MODELS, Analysis, analyze_corpus, analyze_file
from amtlib.batch.analysis import Cell
from amtlib.batch.journal import Journal
from amtlib.batch.tables import check_table, read_table, write_table
from amtlib.batch.writing import TableError
from amtlib.cli import _MODELS, build_parser, main
from amtlib.jobs import Context, Pool
from amtlib.signals import tone
from tests.amtlib.test_audio_containers import encoded
from tests.amtlib.test_audio_mpeg import mp3, without_header
from tests.interrupting import heeding
from tests.serving import ROOT

NOWHERE = Context(threading.Event(), id)


def noise(path: Path, seconds: float = 0.4, fs: int = 44100, channels: int = 2, seed: int = 0) -> Path:
    x = 0.05 * np.random.default_rng(seed).standard_normal((round(seconds * fs), channels))
    soundfile.write(path, x, fs, subtype="FLOAT")
    return path


def corpus(
    folder: Path, analysis: Analysis, out: Path, given: list[str] | None = None
) -> list[dict[str, Cell]]:
    with Pool(1) as pool:
        return analyze_corpus(given or [str(folder)], out, analysis, pool)


def is_gone(group: int) -> bool:
    """Whether a group of processes ends within a moment: multiprocessing's own tracker is the last to leave."""
    until = time.monotonic() + 5.0
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


# --- files in blocks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("fs", [32000, 44100])
def test_blocks_put_together_are_the_file_at_another_rate(tmp_path: Path, ending: str, fs: int) -> None:
    path = tmp_path / f"noise.{ending}"
    soundfile.write(path, 0.1 * np.random.default_rng(1).standard_normal((50000, 2)), 44100)
    with AudioBlocks(path, seconds=0.1, full_scale_db=100.0) as blocks:
        change = RateChange(blocks.fs, fs, 2)
        x = torch.cat([*(change(block) for block in blocks), change.rest()], -1)
    whole = load(path, channel="all", fs=fs, full_scale_db=100.0).samples
    assert x.shape == whole.shape
    # soxr in float32 here and float64 there; samples reach 1 Pa
    assert torch.allclose(x, whole, atol=2e-6)


def test_a_file_that_breaks_off_gives_what_it_holds_and_says_so(tmp_path: Path) -> None:
    path = noise(tmp_path / "noise.wav")
    path.write_bytes(path.read_bytes()[:-5000])
    with AudioBlocks(path) as blocks:
        frames = sum(block.shape[-1] for block in blocks)
    assert blocks.truncated
    assert 0 < frames < 0.4 * 44100


def test_a_sample_that_is_no_number_is_found_in_a_late_block(tmp_path: Path) -> None:
    x = np.zeros((30000, 1), dtype=np.float32)
    x[25000] = np.nan
    soundfile.write(tmp_path / "nan.wav", x, 10000, subtype="FLOAT")
    with AudioBlocks(tmp_path / "nan.wav", seconds=0.5) as blocks, pytest.raises(AudioError, match=r"2\.5 s"):
        list(blocks)


# --- one file --------------------------------------------------------------------------------------------------


def test_the_length_and_level_in_the_table_are_those_of_the_whole_file(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(44100), 0.2 * np.sin(np.arange(2 * 44100) / 10)])
    contents = {
        "stream.mp3": without_header(
            mp3(sound, 44100)
        ),  # silence first: a decoder guesses by the size of a frame
        "joined.flac": 2 * encoded(sound, 44100, "FLAC"),
        "piped.caf": (
            lambda c: c.replace(b"data" + (len(sound) * 2 + 4).to_bytes(8, "big"), b"data" + b"\xff" * 8)
        )(encoded(sound, 44100, "CAF")),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        row = analyze_file(NOWHERE, str(tmp_path / name), Analysis("gammatone"))
        whole = load(tmp_path / name)
        assert (row["duration_s"], row["truncated"]) == (whole.duration, False)
        assert float(row["duration_s"] or 0) == pytest.approx(6.0 if "joined" in name else 3.0, abs=0.1)
        assert row["level_db"] == pytest.approx(whole.level, abs=1e-3)


def test_moore2016_in_blocks_equals_the_model_on_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amtlib.batch.analysis._BLOCK_S", 0.13)
    row = analyze_file(NOWHERE, str(noise(tmp_path / "n.wav", fs=32000)), Analysis("moore2016"))
    heard = Moore2016(32000, pad=True)(load(tmp_path / "n.wav", channel="all").samples)
    # FFTs of other lengths in float32
    for column, value in {
        "loudness_peak_sone": heard.peak,
        "loudness_peak_short_term_sone": heard.peak_short_term,
        "loudness_long_term_sone": heard.long_term.mean(),
        "loudness_peak_left_sone": heard.long_term_left.max(),
        "loudness_short_term_5_percent_sone": np.quantile(heard.short_term, 0.95),
    }.items():
        assert row[column] == pytest.approx(float(value), rel=1e-5), column


def test_glasberg2002_in_blocks_equals_the_model_on_the_mean_of_the_channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amtlib.batch.analysis._BLOCK_S", 0.13)
    row = analyze_file(
        NOWHERE, str(noise(tmp_path / "n.wav", fs=32000)), Analysis("glasberg2002", frame_ms=4)
    )
    model = Glasberg2002(32000, pad=True, segment_duration=4)
    heard = model(load(tmp_path / "n.wav").samples, return_stages=True)
    assert row["loudness_peak_sone"] == pytest.approx(float(heard.long_term.max()), rel=1e-5)
    assert row["loudness_long_term_sone"] == pytest.approx(float(heard.long_term.mean()), rel=1e-5)


@pytest.mark.parametrize("model", ["gammatone", "drnl"])
def test_bands_do_not_depend_on_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    path = str(noise(tmp_path / "n.wav"))
    whole = analyze_file(NOWHERE, path, Analysis(model))  # type: ignore[arg-type]
    monkeypatch.setattr("amtlib.batch.analysis._BLOCK_S", 0.05)
    pieces = analyze_file(NOWHERE, path, Analysis(model))  # type: ignore[arg-type]
    bands = [name for name in whole if name.endswith("hz")]
    assert len(bands) > 25
    # FFTs of other lengths; levels in dB
    assert [pieces[name] for name in bands] == pytest.approx([whole[name] for name in bands], abs=1e-4)


def test_a_tone_has_its_level_behind_the_filter_of_its_frequency(tmp_path: Path) -> None:
    save(tmp_path / "tone.wav", tone(1000.0, level=70.0, duration=1.0, ramp=0.0), 44100, full_scale_db=110.0)
    row = analyze_file(NOWHERE, str(tmp_path / "tone.wav"), Analysis("gammatone", full_scale_db=110.0))
    # the filter's onset takes a hundredth of the second
    assert row["level_db_1000hz"] == pytest.approx(70.0, abs=0.1)
    assert float(row["level_db_569hz"] or 0) < 40.0


def test_a_kilohertz_tone_of_40_db_has_one_sone_at_both_ears(tmp_path: Path) -> None:
    save(tmp_path / "tone.wav", tone(1000.0, level=40.0, duration=1.0), 44100)
    row = analyze_file(NOWHERE, str(tmp_path / "tone.wav"), Analysis("moore2016", frame_ms=4))
    assert row["loudness_peak_sone"] == pytest.approx(1.0, abs=0.02)
    assert row["loudness_level_peak_phon"] == pytest.approx(40.0, abs=0.3)


def test_silence_has_no_loudness_and_no_level(tmp_path: Path) -> None:
    save(tmp_path / "pause.wav", torch.zeros(2000), 44100)
    row = analyze_file(NOWHERE, str(tmp_path / "pause.wav"), Analysis("moore2016"))
    assert row["level_db"] == -math.inf
    assert row["loudness_peak_sone"] == 0.0


def test_a_file_for_three_ears_is_refused_unless_a_channel_is_chosen(tmp_path: Path) -> None:
    path = str(noise(tmp_path / "n.wav", channels=3))
    with pytest.raises(
        AudioError, match="3 channels, moore2016 has two ears: choose channel 'mix', or one from 0 to 2"
    ):
        analyze_file(NOWHERE, path, Analysis("moore2016"))
    with pytest.raises(AudioError, match="'power' takes one or two channels, the file has 3"):
        analyze_file(NOWHERE, path, Analysis("moore2016", channel="power"))
    with pytest.raises(AudioError, match=r"channel = 3 does not exist.*0 to 2"):
        analyze_file(NOWHERE, path, Analysis("moore2016", channel=3))
    row = analyze_file(NOWHERE, path, Analysis("moore2016", channel=2, frame_ms=4))
    assert row["channels"] == 3
    assert row["loudness_peak_left_sone"] == row["loudness_peak_right_sone"]


def opposite(path: Path) -> Path:
    """Two opposite channels of noise, 70.9 dB SPL."""
    x = 0.07 * np.random.default_rng(0).standard_normal(16000)
    soundfile.write(path, np.stack([x, -x], 1), 32000, subtype="FLOAT")
    return path


@pytest.mark.parametrize("model", ["glasberg2002", "gammatone", "drnl"])
def test_channels_that_cancel_in_their_mean_are_said_in_the_table(tmp_path: Path, model: str) -> None:
    path = str(opposite(tmp_path / "n.wav"))
    row = analyze_file(NOWHERE, path, Analysis(model))  # type: ignore[arg-type]
    assert row["warnings"] == (
        "the mean of its 2 channels is silent, for they cancel: choose channel 'power', or one of them"
    )
    assert row["level_db"] == pytest.approx(70.9, abs=0.1)
    left, power = (
        analyze_file(NOWHERE, path, Analysis(model, channel=how))  # type: ignore[arg-type]
        for how in (0, "power")
    )
    assert (left["warnings"], power["warnings"]) == (None, None)
    loudest = (
        "loudness_level_peak_phon" if model == "glasberg2002" else next(k for k in left if "1000hz" in k)
    )
    # equal powers, in phon or dB; the Hilbert transformer's edge at both ends of half a second
    assert power[loudest] == pytest.approx(float(left[loudest] or 0), abs=0.3)
    assert float(left[loudest] or 0) > 40.0 or model == "drnl"


def test_both_ears_hear_channels_that_are_opposite(tmp_path: Path) -> None:
    row = analyze_file(NOWHERE, str(opposite(tmp_path / "n.wav")), Analysis("moore2016", frame_ms=4))
    assert row["warnings"] is None
    assert float(row["loudness_peak_sone"] or 0) > 20.0


@pytest.mark.parametrize("channel", ["mix", "power", 0, 1])
def test_a_file_is_heard_alike_whole_in_blocks_and_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    monkeypatch.setattr("amtlib.batch.analysis._BLOCK_S", 0.13)
    path = noise(tmp_path / "n.wav", fs=32000)
    whole = load(path, channel=channel).samples
    with AudioBlocks(path, seconds=0.13) as blocks:
        mix = Mix(channel, blocks.channels, blocks.fs)
        pieces = torch.cat([*(mix(block) for block in blocks), mix.rest()], -1)
    # float32 here and float64 there; samples reach 0.2 Pa
    assert torch.allclose(pieces[0], whole, atol=1e-7)
    row = analyze_file(NOWHERE, str(path), Analysis("glasberg2002", frame_ms=4, channel=channel))
    heard = Glasberg2002(32000, pad=True, segment_duration=4)(whole, return_stages=True)
    assert row["loudness_peak_sone"] == pytest.approx(float(heard.long_term.max()), rel=1e-5)


def test_the_channel_is_among_the_settings_unless_it_is_the_models_own(tmp_path: Path) -> None:
    assert Analysis("glasberg2002", channel="mix").label == Analysis("glasberg2002").label
    assert Analysis("moore2016", channel="all").label == Analysis("moore2016").label
    assert "channel=power; " in Analysis("drnl", channel="power").label
    for channel, error, says in (
        ("all", ValueError, "'all' is for moore2016"),
        ("left", ValueError, "'left' is unknown"),
        (1.5, TypeError, "must be 'mix'"),
    ):
        with pytest.raises(error, match=says):
            Analysis("gammatone", channel=channel)  # type: ignore[arg-type]


def test_the_command_takes_a_channel_and_says_what_cancels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amtlib.batch.commands.open_pool", lambda address, workers: Pool(1))
    path = str(opposite(tmp_path / "n.wav"))
    arguments = ["analyze", path, "--model", "gammatone", "--out"]
    assert main([*arguments, str(tmp_path / "mix.csv")]) == 0
    assert f"amtlab: {path}: the mean of its 2 channels is silent" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "left.csv"), "--channel", "0"]) == 0
    assert "cancel" not in capsys.readouterr().err
    rows = [read_table(tmp_path / f"{name}.csv")[0] for name in ("mix", "left")]
    assert rows[0]["warnings"] == (
        "the mean of its 2 channels is silent, for they cancel: choose channel 'power', or one of them"
    )
    assert rows[1]["warnings"] is None
    assert main([*arguments, str(tmp_path / "all.csv"), "--channel", "all"]) == 2
    assert "'all' is for moore2016" in capsys.readouterr().err


def test_a_cancelled_analysis_ends(tmp_path: Path) -> None:
    noise(tmp_path / "n.wav", seconds=60.0, fs=8000, channels=1)
    with Pool(1) as pool:
        job = pool.submit(analyze_file, str(tmp_path / "n.wav"), Analysis("moore2016"))
        while job.share == 0.0:
            time.sleep(0.01)
        job.cancel()
        begun = time.monotonic()
        while pool.running:
            time.sleep(0.01)
    assert time.monotonic() - begun < 10.0  # a piece of two seconds of sound, on a busy machine


# --- many files ------------------------------------------------------------------------------------------------


def test_a_bad_file_does_not_stop_the_others_and_stands_in_the_table(tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    (sounds / "deep").mkdir(parents=True)
    noise(sounds / "a.wav")
    noise(sounds / "deep" / "b.wav", seed=1)
    (sounds / "bad.wav").write_text("not a sound")
    (sounds / "notes.txt").write_text("not meant to be one")
    rows = corpus(sounds, Analysis("gammatone"), tmp_path / "t.csv")
    assert [Path(str(row["file"])).name for row in rows] == ["a.wav", "bad.wav", "b.wav"]
    assert [row["problem"] for row in rows] == [
        None,
        "this is text, not a sound file: pass a WAV, FLAC, OGG or MP3 file",
        None,
    ]
    with (tmp_path / "t.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["problem"][:12] for row in table] == ["", "this is text", ""]
    assert float(table[0]["level_db_1000hz"]) == rows[0]["level_db_1000hz"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sounds", "t.csv"]


def test_the_second_time_only_what_is_new_or_failed_is_analyzed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    noise(sounds / "a.wav")
    (sounds / "late.wav").write_bytes(b"")
    first = corpus(sounds, Analysis("gammatone"), tmp_path / "t.csv")
    noise(sounds / "late.wav", seed=1)
    (sounds / "a.wav").rename(sounds / "moved.wav")
    submitted = []
    real = Pool.submit
    monkeypatch.setattr(Pool, "submit", lambda *a, **k: submitted.append(a[2]) or real(*a, **k))
    second = corpus(sounds, Analysis("gammatone"), tmp_path / "t.csv")
    assert [Path(path).name for path in submitted] == ["late.wav"]
    assert second[1] == {**first[0], "file": str(sounds / "moved.wav")}
    assert second[0]["problem"] is None
    assert "1 of 2 files are in t.csv already" in capsys.readouterr().err


def test_a_run_that_was_cut_off_goes_on_from_its_journal(tmp_path: Path) -> None:
    path = noise(tmp_path / "a.wav")
    (row,) = corpus(tmp_path, Analysis("gammatone"), tmp_path / "t.csv", [str(path)])
    (tmp_path / "t.csv").unlink()
    with Journal(tmp_path / ".t.csv.journal") as journal:
        journal.add({**row, "level_db": 1.5})
    with (tmp_path / ".t.csv.journal").open("a") as file:
        file.write('{"file": "cut')
    (again,) = corpus(tmp_path, Analysis("gammatone"), tmp_path / "t.csv", [str(path)])
    assert again["level_db"] == 1.5
    assert not (tmp_path / ".t.csv.journal").exists()


def test_other_settings_do_not_go_into_the_same_table(tmp_path: Path) -> None:
    path = noise(tmp_path / "a.wav")
    corpus(tmp_path, Analysis("gammatone"), tmp_path / "t.csv", [str(path)])
    with pytest.raises(TableError, match=r"other settings \(model=gammatone; .*94 dB.*100 dB.*another name"):
        corpus(tmp_path, Analysis("gammatone", full_scale_db=100.0), tmp_path / "t.csv", [str(path)])


def test_csv_and_parquet_hold_the_same(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra 'corpus'")
    path = str(noise(tmp_path / "a.wav"))
    given = [path, str(tmp_path / "missing.wav"), str(tmp_path / "*.mp3")]
    rows = [
        corpus(tmp_path, Analysis("gammatone"), tmp_path / name, given) for name in ("t.csv", "t.parquet")
    ]
    assert rows[0] == rows[1]
    assert "there is no such file" in str(rows[0][1]["problem"])
    tables = [read_table(tmp_path / name) for name in ("t.csv", "t.parquet")]
    assert tables[0] == tables[1]


def test_a_table_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(tmp_path / "t.csv", [{"file": "a"}])
    before = (tmp_path / "t.csv").read_bytes()

    def fail(number: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("amtlib.batch.writing.os.fsync", fail)
    with pytest.raises(TableError, match=r"t\.csv cannot be written \(the disk is full\)"):
        write_table(tmp_path / "t.csv", [{"file": "b"}])
    assert (tmp_path / "t.csv").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_parquet_without_pyarrow_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amtlib.batch.tables.importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        TableError, match=r"pip install -c constraints\.txt -e '\.\[corpus\]', or give a name"
    ):
        check_table("t.parquet")


# --- the command -----------------------------------------------------------------------------------------------


def test_the_parser_knows_the_models() -> None:
    assert _MODELS == MODELS


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--model", "zwicker", "--out", "t.csv"], "invalid choice: 'zwicker'"),
        (["--model", "drnl"], "--out"),
        (["--model", "drnl", "--out", "t.csv", "--full-scale-spl", "loud"], "'loud' is out of range; give 0"),
        (["--model", "drnl", "--out", "t.csv", "--workers", "0"], "give 1 to 1024"),
        (["--model", "drnl", "--out", "t.csv", "--channel", "-1"], "'-1' is no channel"),
        (
            ["--model", "drnl", "--out", "t.csv", "--channel", "left"],
            "'left' is no channel; give mix, power,",
        ),
        (["--model", "drnl", "--out", "t.csv", "--scheduler", "here"], "give tcp://HOST:PORT"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["analyze", "x.wav", *arguments])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_table_of_unknown_kind_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "x.wav", "--model", "drnl", "--out", "t.xlsx"]) == 2
    assert capsys.readouterr().err == "amtlab: t.xlsx is no table: let its name end in .csv or .parquet\n"


@pytest.mark.skipif(os.name != "posix", reason="sends a signal as a terminal does")
def test_the_command_is_stopped_by_ctrl_c_goes_on_and_leaves_no_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("1", 0.3), ("2", 60.0)):
        noise(tmp_path / f"{name}.wav", seconds=seconds, fs=8000, channels=1)
    (tmp_path / "0.wav").write_bytes(b"RIFF")
    arguments = ["analyze", ".", "--model", "moore2016", "--out", "t.csv", "--workers", "1"]
    process = subprocess.Popen(
        heeding("-m", "amtlib.cli", *arguments),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    journal = tmp_path / ".t.csv.journal"
    until = time.monotonic() + 120.0
    while time.monotonic() < until and (not journal.exists() or len(journal.read_text().splitlines()) < 2):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # to all of them, as a terminal does
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; what is done stands in t.csv" in said
    assert "\n2 of 3 files (66 %) in " in said  # how far it came, not how far it was when it was last shown
    assert "Traceback" not in said
    assert is_gone(process.pid)
    assert [str(row["file"]) for row in read_table(tmp_path / "t.csv")] == ["0.wav", "1.wav"]

    (tmp_path / "2.wav").unlink()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("amtlib.batch.commands.open_pool", lambda address, workers: Pool(workers))
    assert main(arguments) == 1  # the bad one is still bad
    printed = capsys.readouterr()
    assert printed.out == "t.csv: 1 of 2 files analyzed with moore2016\n"
    assert "1 of 2 files are in t.csv already" in printed.err
    assert "amtlab: 0.wav: the file is cut off inside its header" in printed.err


@pytest.mark.parametrize(
    "line",
    re.findall(
        r"^amtlab (?:analyze|train) .*$",
        (ROOT / "docs" / "pages" / "howto" / "corpus.md").read_text(),
        re.MULTILINE,
    ),
)
def test_every_command_of_the_page_on_a_corpus_is_understood(line: str) -> None:
    build_parser().parse_args(shlex.split(line, comments=True)[1:])
