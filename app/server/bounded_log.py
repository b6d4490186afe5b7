"""The server's own log, bounded: a few short lines a minute of each kind, whatever strangers send.

Bokeh and tornado log what they refuse, whole and each time: 3.9 MB of junk made 5.7 MB of log.
Not the access log, which has a line of bounded length for each request: see `access.py`.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

#: How many lines from one place in the code are written within how many seconds.
LINES, WITHIN = 20, 60.0
#: Longest message and longest traceback, characters.
MESSAGE, TRACEBACK = 800, 6000


def shortened(text: str, most: int) -> str:
    """Return a text, less its middle if it is longer than it may be.

    Examples
    --------
    >>> shortened("a" * 10_000, 20)
    'aaaaaaaaaa ... [9980 characters left out] ... aaaaaaaaaa'
    """
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} ... [{len(text) - 2 * half} characters left out] ... {text[-half:]}"


def _printable(text: str, indent: str = "") -> str:
    """Return a text without what moves a terminal's cursor; with an indent, no line of it passes for another one."""
    lines = (
        "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in line)
        for line in text.split("\n")
    )
    return f"\n{indent}".join(lines)


class Bounded(logging.Filter):
    """Shortens what a handler writes, and counts what there is too much of.

    Parameters
    ----------
    handler : logging.Handler
        Where the lines go, and the sum of those that were left out.
    clock : callable
        Returns the time in s.
    """

    def __init__(self, handler: logging.Handler, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._handler = handler
        self._clock = clock
        self._lock = threading.Lock()
        self._minute: float | None = None
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self._timer: threading.Timer | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written, and shorten it."""
        if getattr(record, "is_sum", False):
            return True
        self.sum_up()
        kind = (record.name, record.pathname, record.lineno)
        with self._lock:
            if self._minute is None:
                self._minute = self._clock()
            self._counts[kind] += 1
            if self._counts[kind] > LINES:
                self._wake()
                return False
        if not getattr(record, "is_short", False):  # several handlers may have the same line
            record.is_short = True
            try:
                message = record.getMessage()
            except Exception as problem:
                message = f"{record.msg} (without its arguments: {problem})"
            record.msg, record.args = _printable(shortened(message, MESSAGE), "    "), None
            if record.exc_info and not record.exc_text:
                trace = logging.Formatter().formatException(record.exc_info)
                record.exc_text = _printable(shortened(trace, TRACEBACK))
        return True

    def sum_up(self) -> None:
        """Write how many lines were left out, once their minute is over."""
        with self._lock:
            if self._minute is None or self._clock() - self._minute < WITHIN:
                return
            counts, self._counts, self._minute = self._counts, Counter(), None
        for name, path, line in [kind for kind, count in counts.items() if count > LINES]:
            said = f"... and {counts[name, path, line] - LINES} more like those of the last minute"
            record = logging.LogRecord(name, logging.WARNING, path, line, said, None, None)
            record.is_sum = True
            self._handler.handle(record)

    def _wake(self) -> None:
        """Make sure that the sum is written even if nothing more comes."""
        if self._timer is None or not self._timer.is_alive():
            self._timer = threading.Timer(WITHIN + 1.0, self.sum_up)
            self._timer.daemon = True
            self._timer.start()


def install() -> None:
    """Bound all that this process logs; once its handlers are there."""
    named = [each for each in logging.Logger.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    handlers = {handler for logger in [logging.getLogger(), *named] for handler in logger.handlers}
    if logging.lastResort is not None:
        handlers.add(logging.lastResort)
    for handler in handlers:
        if not any(isinstance(each, Bounded) for each in handler.filters):
            handler.addFilter(Bounded(handler))
