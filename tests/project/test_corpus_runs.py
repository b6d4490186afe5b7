"""Runs of `amtlab analyze` that are killed, doubled, short of disk, or meet names and tables that nobody expects."""

import contextlib
import csv
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib.audio import SUFFIXES
from amtlib.batch import Analysis, analysis, analyze_corpus
from amtlib.batch.analysis import Cell
from amtlib.batch.bar import Bar
from amtlib.batch.finding import find_files
from amtlib.batch.journal import Journal
from amtlib.batch.tables import read_table, write_table
from amtlib.batch.turns import in_turn
from amtlib.batch.writing import TableError, only_run
from amtlib.cli import main
from amtlib.jobs import Context, Pool
from tests.serving import ROOT

posix = pytest.mark.skipif(os.name != "posix", reason="signals, limits and links of POSIX")


def noise(path: Path, seed: int = 0) -> Path:
    x = 0.05 * np.random.default_rng(seed).standard_normal(800)
    soundfile.write(os.fspath(path), x, 16000, format="WAV")
    return path


def corpus(folder: Path, out: Path) -> list[dict[str, Cell]]:
    with Pool(1) as pool:
        return analyze_corpus([str(folder)], out, Analysis("gammatone"), pool)


def python(script: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


# --- killed ----------------------------------------------------------------------------------------------------

# For each line that comes in, with a folder and a table: in a new process, writes that table again and again, with one
# file more each time.
GROWING = """
import os, sys
from pathlib import Path
from amtlib.batch import Analysis, analyze_corpus, analysis
from amtlib.jobs import Pool
for line in sys.stdin:
    child = os.fork()
    if not child:
        break
    os.waitpid(child, 0)
    print("gone", flush=True)
else:
    sys.exit()
print(os.getpid(), flush=True)
sounds, out = map(Path, line.split())
content = next(iter(sounds.iterdir())).read_bytes()
with Pool(1) as pool:
    while True:
        at = len(list(sounds.iterdir()))
        (sounds / f"{at:04}.wav").write_bytes(content + at.to_bytes(4, "little"))
        analyze_corpus([str(sounds)], out, Analysis("gammatone"), pool)
        print(at, flush=True)
"""


@pytest.fixture(scope="module")
def growing() -> "Iterator[subprocess.Popen[str]]":
    with python(GROWING) as process:
        yield process
        for child in psutil.Process(process.pid).children():  # of a test that failed
            child.kill()


@posix
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_is_whole_whenever_its_run_is_killed(
    tmp_path: Path, ending: str, growing: "subprocess.Popen[str]"
) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="needs the extra 'corpus'")
    sounds, out = tmp_path / "sounds", tmp_path / f"t.{ending}"
    sounds.mkdir()
    noise(sounds / "0000.wav")
    moments = random.Random(ending)
    before = 0
    for _ in range(3):
        assert growing.stdin is not None
        print(sounds, out, file=growing.stdin, flush=True)
        child, first = int(line_of(growing)), line_of(growing)
        time.sleep(moments.uniform(0.0, 0.4))
        os.kill(child, signal.SIGKILL)
        said = [first, *iter(lambda: line_of(growing), "gone\n")]
        printed = int(said[-1])
        rows = read_table(out)
        # each whole, in order, and none lost that a run had told of
        assert [row["file"] for row in rows] == [str(sounds / f"{i:04}.wav") for i in range(len(rows))]
        assert all(row["level_db_1000hz"] is not None and row["problem"] is None for row in rows)
        assert len(rows) > max(before, printed)
        before = len(rows)
    assert len(corpus(sounds, out)) == len(list(sounds.iterdir()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sounds", out.name]


def test_a_row_after_one_that_was_cut_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "t.journal"
    path.write_text('{"file": "cut')
    for name in ("a", "b"):
        with Journal(path) as journal:
            journal.add({"file": name})
    with Journal(path) as journal:
        assert journal.rows == [{"file": "a"}, {"file": "b"}]


# --- two at a time ---------------------------------------------------------------------------------------------

HOLDING = """
import sys, time
from pathlib import Path
from amtlib.batch.writing import only_run
with only_run(Path(sys.argv[1])):
    print("mine", flush=True)
    time.sleep(600)
"""


@posix
def test_a_second_run_on_a_table_is_refused_until_the_first_is_gone_however_it_went(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amtlib.batch.commands.open_pool", lambda address, workers: Pool(1))
    noise(tmp_path / "a.wav")
    (tmp_path / "other.csv").symlink_to(tmp_path / "t.csv")
    first = python(HOLDING, tmp_path / "t.csv")
    try:
        assert line_of(first) == "mine\n"
        for name in ("t.csv", "other.csv"):
            arguments = ["analyze", str(tmp_path), "--model", "gammatone", "--out", str(tmp_path / name)]
            assert main(arguments) == 2
            said = capsys.readouterr().err
            assert f"amtlab: t.csv is being written by another run (process {first.pid} on " in said
            assert "): wait until it has ended, or give another name" in said
            assert not (tmp_path / "t.csv").exists()
    finally:
        first.kill()
        first.communicate()
    assert (tmp_path / ".t.csv.lock").exists()  # nobody could remove it, and it does not matter
    assert main(arguments) == 0
    assert (tmp_path / "other.csv").is_symlink()
    assert len(read_table(tmp_path / "t.csv")) == 1
    assert not (tmp_path / ".t.csv.lock").exists()


def test_a_lock_is_free_again_after_each_run(tmp_path: Path) -> None:
    for _ in range(2):
        with only_run(tmp_path / "t.csv"), pytest.raises(TableError), only_run(tmp_path / "t.csv"):
            pass
        assert not list(tmp_path.iterdir())


# --- a full disk -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let this process write no file beyond so many bytes meanwhile."""
    resource = importlib.import_module("resource")  # of POSIX
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@posix
@pytest.mark.parametrize(("room", "named"), [(100, "t.csv"), (6000, ".t.csv.journal")])
def test_a_full_disk_is_one_sentence_that_names_the_file(
    tmp_path: Path,
    room: int,
    named: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("amtlib.batch.commands.open_pool", lambda address, workers: Pool(1))
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    noise(sounds / "0.wav")
    corpus(sounds, tmp_path / "t.csv")
    before = (tmp_path / "t.csv").read_bytes()
    for i in range(1, 10):
        noise(sounds / f"{i}.wav", seed=i)
    capsys.readouterr()
    with largest_file(room):
        status = main(["analyze", str(sounds), "--model", "gammatone", "--out", str(tmp_path / "t.csv")])
    assert status == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    last = said.splitlines()[-1]
    assert last.startswith(f"amtlab: {tmp_path}/")
    assert f" cannot be written ({os.strerror(27)}): make room, then run the same command again" in last
    assert (tmp_path / "t.csv").read_bytes() == before or named == ".t.csv.journal"
    assert not list(tmp_path.glob(".t.csv.part-*"))
    assert [row["problem"] for row in corpus(sounds, tmp_path / "t.csv")] == [None] * 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sounds", "t.csv"]


# --- names -----------------------------------------------------------------------------------------------------

NAMES = [
    "=1+1.wav",
    "+a.wav",
    "-b.wav",
    "@c.wav",
    "\td.wav",
    "e\rf.wav",
    "g\nh.wav",
    "'i.wav",
    'j",;k.wav',
    "l.wav",
]


@posix
def test_names_that_a_spreadsheet_would_run_or_break_are_whole_and_found_again(tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for seed, name in enumerate(NAMES):
        noise(sounds / name, seed)
    previous = Path.cwd()
    os.chdir(sounds)  # so that the table holds the names as they are
    try:
        for _ in range(2):
            assert [row["problem"] for row in corpus(Path("."), tmp_path / "t.csv")] == [None] * len(NAMES)
            with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
                cells = [row["file"] for row in csv.DictReader(file)]
            assert sorted(cells) == sorted(f"'{name}" if name[0] in "=+-@\t'" else name for name in NAMES)
            assert sorted(str(row["file"]) for row in read_table(tmp_path / "t.csv")) == sorted(NAMES)
    finally:
        os.chdir(previous)


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])).filter(bool), min_size=1, max_size=4))
def test_any_text_comes_back_out_of_csv(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "t.csv"
        write_table(table, [{"file": text, "problem": text, "n": 1} for text in texts])
        assert read_table(table) == [{"file": text, "n": 1, "problem": text} for text in texts]


@posix
def test_a_name_that_is_not_utf_8_has_its_row_and_is_found_again(tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    shutil.copy(noise(tmp_path / "a.wav"), os.fsencode(sounds) + b"/caf\xe9.wav")
    for _ in range(2):
        (row,) = corpus(sounds, tmp_path / "t.csv")
        assert row["file"] == f"{sounds}/caf\\xe9.wav"
        assert len(read_table(tmp_path / "t.csv")) == 1


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_of_another_program_is_refused_and_left_alone(tmp_path: Path, ending: str) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="needs the extra 'corpus'")
    out = tmp_path / f"t.{ending}"
    noise(tmp_path / "a.wav")
    write_table(out, [{"subject": "ann", "file": "a.wav", "score": 3}])
    before = out.read_bytes()
    with pytest.raises(TableError, match=r"is another program's table.*no column 'settings'.*another name"):
        corpus(tmp_path, out)
    assert out.read_bytes() == before


# --- what a folder holds ---------------------------------------------------------------------------------------


@posix
def test_all_that_can_be_a_sound_is_found_once_and_rubbish_and_loops_are_not(tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    meant = [f"a{ending}" for ending in sorted(SUFFIXES)] + ["B.WAVE", "deep/c.opus", "linked/d.bwf"]
    rubbish = [
        "._a.wav",
        "__MACOSX/a.wav",
        "deep/.Trash-1000/a.wav",
        "@eaDir/a.wav",
        "notes.txt",
        ".hidden/a.wav",
    ]
    for name in [*meant, *rubbish]:
        path = tmp_path / "elsewhere/d.bwf" if name == "linked/d.bwf" else sounds / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (sounds / "linked").symlink_to(tmp_path / "elsewhere")
    (sounds / "deep" / "up").symlink_to(sounds)
    (sounds / "deep" / "again").symlink_to(sounds / "deep")
    (sounds / "lost.wav").symlink_to(tmp_path / "nowhere.wav")  # said, not passed over
    found = find_files([str(sounds)])
    assert found == sorted(found, key=Path)
    assert sorted(found) == sorted(str(sounds / name) for name in [*meant, "lost.wav"])
    assert {".opus", ".wave", ".bwf"} <= set(SUFFIXES)
    by_pattern = [name for name in meant if name.endswith((".opus", ".bwf"))]
    patterns = [f"{sounds}/**/*.opus", f"{sounds}/**/*.bwf"]
    assert sorted(find_files(patterns)) == sorted(str(sounds / name) for name in by_pattern)
    assert find_files([f"{sounds}/*/a.wav", f"{sounds}/**/no*.wav"]) == [
        f"{sounds}/*/a.wav",
        f"{sounds}/**/no*.wav",
    ]


@posix
def test_a_folder_that_may_not_be_read_stands_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sounds" / "closed").mkdir(parents=True)
    noise(tmp_path / "sounds" / "a.wav")
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    rows = corpus(tmp_path / "sounds", tmp_path / "t.csv")
    assert [row["problem"] for row in rows] == [None, "the folder cannot be read: check its permissions"]


@posix
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    noise(tmp_path / "a.wav")
    corpus(tmp_path, tmp_path / "t.csv")
    os.mkfifo(tmp_path / "pipe.wav")
    assert "not a regular file" in str(corpus(tmp_path, tmp_path / "t.csv")[1]["problem"])


def test_sounds_that_cannot_be_read_are_named_and_other_files_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    noise(sounds / "a.wav")
    foreign = {
        "b.m4a": (b"\0\0\0\x20ftypM4A ", "this is an MPEG-4 file (M4A), which cannot be read"),
        "c.WMA": (
            bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
            "this is a Windows Media file (WMA), which cannot",
        ),
        "d.aac": (b"\xff\xf1\x50\x80", "this is an AAC stream, which cannot be read"),
        "e.wv": (b"wvpk", "this is a WavPack file, which cannot be read"),
    }
    for name, (start, _) in foreign.items():
        (sounds / name).write_bytes(start + bytes(100))
    for name in ("notes.txt", "more.TXT", "cover.jpg", "LICENSE", ".hidden", "._b.m4a"):
        (sounds / name).write_bytes(b"abc")
    for _ in range(2):  # the second time the table lies there too
        rows = corpus(sounds, sounds / "t.csv")
        assert [Path(str(row["file"])).name for row in rows] == ["a.wav", *foreign]
        for row, (_, says) in zip(rows[1:], foreign.values(), strict=True):
            assert str(row["problem"]).startswith(says)
        said = capsys.readouterr().err
        assert (
            "4 files are passed over, no sounds by their names (.txt, without ending, .jpg): name a file itself"
            in said
        )
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").touch()
    with pytest.raises(TableError, match=r"no sound files in .*1 file is passed over.*\(\.txt\)"):
        corpus(tmp_path / "texts", tmp_path / "t.csv")


def test_a_file_that_grows_while_it_is_read_has_no_row_that_would_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = noise(tmp_path / "a.wav")
    real = analysis.content_hash

    def growing(name: str) -> str:
        with path.open("ab") as file:
            file.write(bytes(100))
        return real(name)

    monkeypatch.setattr(analysis, "content_hash", growing)
    with Pool(1) as pool:
        (row,) = analyze_corpus([str(path)], tmp_path / "t.csv", Analysis("gammatone"), pool)
    assert row["problem"] == "the file changed while it was read: analyze it again when it is complete"
    monkeypatch.undo()
    assert [row["problem"] for row in corpus(tmp_path, tmp_path / "t.csv")] == [None]


# --- progress --------------------------------------------------------------------------------------------------


def test_progress_off_a_terminal_ends_with_the_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(3):
        noise(tmp_path / f"{i}.wav", seed=i)
    corpus(tmp_path, tmp_path / "t.csv")
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("3 of 3 files (100 %) in ")
    assert lines[-1].endswith((" files a second", " each"))
    noise(tmp_path / "late.wav", seed=3)
    corpus(tmp_path, tmp_path / "t.csv")
    *_, already, last = capsys.readouterr().err.splitlines()
    assert already == "3 of 4 files are in t.csv already"
    assert last.startswith("4 of 4 files (100 %) in ")


def waiting(context: Context, seen: list[int], pool: Pool) -> None:
    seen.append(pool.queued)


def test_a_long_run_keeps_few_jobs_at_a_time() -> None:
    seen: list[int] = []
    with Pool(2) as pool:
        bar = Bar(500, "numbers", open(os.devnull, "w"))  # noqa: SIM115
        ended = [key for key, _ in in_turn(pool, bar, waiting, ((i, (seen, pool)) for i in range(500)))]
        bar._stream.close()
    assert sorted(ended) == list(range(500))
    assert max(seen) < 40  # going through all of them for each took longer than short files


def test_a_killed_writer_leaves_nothing_for_long(tmp_path: Path) -> None:
    (tmp_path / ".t.csv.part-abc").write_text("half a ta")
    (tmp_path / ".t.csv.bak").write_text("not ours")
    with only_run(tmp_path / "t.csv"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".t.csv.bak"]


@posix
def test_the_lock_goes_with_the_process_even_if_that_is_stopped_first(tmp_path: Path) -> None:
    process = python(HOLDING, tmp_path / "t.csv")
    assert line_of(process) == "mine\n"
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(TableError, match="another run"), only_run(tmp_path / "t.csv"):
        pass
    process.kill()
    process.communicate()
    with only_run(tmp_path / "t.csv") as note:
        assert note == ""
