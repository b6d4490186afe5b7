"""The server's own log: long lines are shortened, many of one kind are counted."""

import io
import logging
from collections.abc import Iterator

import pytest

from app.server.bounded_log import LINES, MESSAGE, TRACEBACK, WITHIN, Bounded


class Log:
    """A logger whose lines can be read, and whose clock the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        self.filter = Bounded(self.handler, lambda: self.now)
        self.handler.addFilter(self.filter)
        self.logger = logging.Logger("junk")
        self.logger.addHandler(self.handler)

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    yield made
    if made.filter._timer is not None:
        made.filter._timer.cancel()


def test_of_one_kind_some_lines_a_minute_are_written_and_then_their_number(log: Log) -> None:
    for i in range(LINES + 1234):
        log.logger.warning(f"refused {i}")  # a new text each time, from one place
    log.logger.warning("of another kind")
    assert len(log.lines()) == LINES + 1
    log.now = WITHIN + 1
    log.logger.warning("later")
    assert log.lines()[-2:] == ["junk: ... and 1234 more like those of the last minute", "junk: later"]


def test_the_number_is_written_though_nothing_more_comes(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.server.bounded_log.WITHIN", 0.5)  # the timer then waits for 1.5 s
    for _ in range(LINES + 5):
        log.logger.warning("refused")
    log.now = 1.0
    assert log.filter._timer is not None
    log.filter._timer.join(20)
    assert log.lines()[-1] == "junk: ... and 5 more like those of the last minute"


def test_a_message_is_shortened_and_moves_no_cursor_nor_passes_for_another_line(log: Log) -> None:
    log.logger.error("payload %s", "x" * 1_000_000)
    assert len(log.stream.getvalue()) < MESSAGE + 100
    assert "characters left out" in log.stream.getvalue()
    log.logger.error("name %s", "a\x1b[2Jb\r\nroot: all is well")
    assert log.lines()[-2:] == ["junk: name a\\x1b[2Jb\\r", "    root: all is well"]


def test_a_traceback_is_kept_and_shortened(log: Log) -> None:
    def fail(text: str) -> None:
        try:
            raise ValueError(text)
        except ValueError:
            log.logger.exception("failed")

    fail("plain")
    assert log.lines()[-1] == "ValueError: plain"
    before = len(log.stream.getvalue())
    fail("x" * 1_000_000)
    assert len(log.stream.getvalue()) - before < TRACEBACK + 100


def test_a_line_whose_arguments_do_not_fit_is_written_all_the_same(log: Log) -> None:
    log.logger.warning("%d of %d", "one")
    assert "%d of %d (without its arguments" in log.lines()[-1]
