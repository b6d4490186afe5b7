"""The access log on a disk that is full, or a path that has gone: said once, and whoever logs is not disturbed."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.server.access import LogFile


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    made = logging.Logger("tests.logfile")
    made.setLevel(logging.INFO)
    yield made
    for handler in made.handlers:
        handler.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_disk_is_said_once_however_much_is_logged(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log.addHandler(LogFile("/dev/full", delay=True))
    for _ in range(100):
        log.info("a line")
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "amtlab: the log /dev/full cannot be written (No space left on device); its lines are left out until it can"
    ]


def test_what_comes_after_a_failure_is_written_and_that_is_said(
    log: logging.Logger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, away = tmp_path / "logs" / "log", tmp_path / "away"
    file.parent.mkdir()
    log.addHandler(LogFile(str(file)))
    log.info("first")
    file.parent.rename(away)  # as when a disk is unmounted
    for _ in range(3):
        log.info("lost")
    file.parent.mkdir()
    log.info("last")
    assert (away / "log").read_text() == "first\n"
    assert file.read_text() == "last\n"
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "cannot be written (No such file or directory)" in said[0]
    assert said[1] == f"amtlab: the log {file} is written again"
