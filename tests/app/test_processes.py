"""Server processes that are lost again and again: replaced at once while that is rare, then slowly, and for ever."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from tests.serving import ROOT
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has one server process")

#: Two processes, each of which says when it has begun, and ends in some way.
PART = """
import os, signal, sys, time
from app.server import processes

processes.AT_ONCE, processes.WITHIN, processes.PAUSE = {at_once}, 60.0, {pause}
processes.STILL, processes.LOOK = {still}, 0.01
processes.part(2)
os.write(1, f"{{time.monotonic()}} ".encode())
{then}
"""


class Parted:
    """A process that has parted, and what its children have said."""

    def __init__(
        self, file: Path, then: str, at_once: int = 1000, pause: float = 0.01, still: float = 60.0
    ) -> None:
        lifeline, self._held = os.pipe()
        self._begun, self._said = file, file.with_suffix(".errors")
        with self._begun.open("wb") as out, self._said.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PART.format(at_once=at_once, pause=pause, still=still, then=then)],
                cwd=ROOT,
                env={**os.environ, "AMTLAB_LIFELINE": str(lifeline)},
                pass_fds=[lifeline],
                stdout=out,
                stderr=errors,
            )
        os.close(lifeline)

    def begun(self) -> list[float]:
        """Return when the processes began, in order, s."""
        return sorted(map(float, self._begun.read_text().split(" ")[:-1]))

    def said(self) -> list[str]:
        """Return the whole lines so far."""
        return self._said.read_text().split("\n")[:-1]

    def leave(self) -> None:
        """Let the lifeline end, as when `amtlab serve` is gone."""
        with contextlib.suppress(OSError):
            os.close(self._held)

    def end(self) -> None:
        self.leave()
        children = psutil.Process(self.process.pid).children() if self.process.poll() is None else []
        self.process.kill()
        self.process.wait()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


@pytest.fixture
def part(tmp_path: Path) -> Iterator[object]:
    made: list[Parted] = []

    def begin(then: str, **settings: float) -> Parted:
        made.append(Parted(tmp_path / "said", then, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield begin
    for each in made:
        each.end()


ENDS = {
    "was killed (SIGKILL)": "os.kill(os.getpid(), signal.SIGKILL)",
    "ended by itself with status 1": "os._exit(1)",
    "ended by itself with status 0": "os._exit(0)",
}


def test_however_often_and_however_processes_are_lost_others_take_their_place(part: type[Parted]) -> None:
    ends = "\n".join(f"if os.getpid() % 3 == {i}: {end}" for i, end in enumerate(ENDS.values()))
    parted = part(f"time.sleep(0.01)\n{ends}")
    assert until(lambda: len(parted.begun()) > 150)  # with tornado alone, 102 at the most
    assert all(sum(how in line for line in parted.said()) > 20 for how in ENDS)
    assert parted.process.poll() is None


def test_after_many_in_a_short_time_each_waits_and_that_is_said(part: type[Parted]) -> None:
    parted = part("os._exit(1)", at_once=10, pause=0.5)
    assert until(lambda: len(parted.begun()) >= 15)
    at = parted.begun()
    assert at[11] - at[0] < 5 * 0.5
    assert all(later - earlier >= 0.45 for earlier, later in pairwise(at[11:]))
    waits = [line for line in parted.said() if "10 were lost within 60 s before it" in line]
    assert waits[0].endswith("the next one is started in 0.5 s")


def test_a_set_up_that_fails_at_first_ends_the_server(part: type[Parted]) -> None:
    assert part("os._exit(processes.COULD_NOT_BEGIN)").process.wait(60) == 1


def test_a_set_up_that_fails_later_is_tried_again(part: type[Parted], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    parted = part(
        f"if os.path.exists({str(mark)!r}): os._exit(processes.COULD_NOT_BEGIN)\n"
        f"time.sleep(0.2)\nopen({str(mark)!r}, 'w').close()\nos._exit(9)"
    )
    assert until(lambda: len(parted.begun()) > 20)
    assert parted.process.poll() is None


def test_one_that_stands_still_is_ended_and_replaced_and_one_that_does_not_stays(part: type[Parted]) -> None:
    parted = part(
        "while True:\n    processes._Own.place and processes._beat()\n    time.sleep(0.01)", still=2.0
    )
    assert until(lambda: len(parted.begun()) >= 4)
    said = parted.said()
    assert said[0] == "amtlab: a server process has stood still for 2 s and is ended"
    assert said[1].startswith("amtlab: a server process was killed (SIGKILL)")
    assert all(earlier + 1.5 < later for earlier, later in pairwise(parted.begun()[1:]))


def test_when_the_command_is_gone_nothing_more_is_started(part: type[Parted]) -> None:
    parted = part("os.read(int(os.environ['AMTLAB_LIFELINE']), 1)\nos._exit(0)")
    assert until(lambda: len(parted.begun()) == 2)
    parted.leave()
    assert parted.process.wait(20) == 0
    assert len(parted.begun()) == 2
