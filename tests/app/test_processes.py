"""Server processes that are lost again and again: replaced at once while that is rare, then slowly, and for ever."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.serving import ROOT
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has one server process")

#: Prints a line from each process that begins, which then ends in some way.
BEGUN = """
import os, signal, sys, time
from app.server import processes

processes.AT_ONCE, processes.WITHIN, processes.PAUSE = {at_once}, 60.0, {pause}
processes.part(2)
print("begun", time.monotonic(), flush=True)
{then}
"""


@pytest.fixture
def lifeline() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with __import__("contextlib").suppress(OSError):
            os.close(end)


def begin(lifeline: int, then: str, at_once: int, pause: float, out: int) -> subprocess.Popen[bytes]:
    script = BEGUN.format(at_once=at_once, pause=pause, then=then)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "AMTLAB_LIFELINE": str(lifeline)},
        pass_fds=[lifeline],
        stdout=out,
        stderr=subprocess.STDOUT,
    )
