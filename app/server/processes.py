"""Several server processes forked from one once it is warm; one that is lost is started again.

`amtlib.serving` ends them all; `setup.py` is what each does for itself.
"""

import mmap
import os
import select
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass

from tornado.ioloop import PeriodicCallback

from amtlib.jobs.processes import end_of

#: This many lost processes within this many seconds are replaced at once; any more wait.
AT_ONCE, WITHIN = 20, 60.0
#: How long the next one waits then, s: a process that fails at once costs little, and a class waits no longer than
#: for a reload.
PAUSE = 5.0
#: How often a process gives a sign of life, and how often these and lost processes are looked for, s.
BEAT, POLL_S = 1.0, 0.2
#: A process whose loop has stood still for so long is killed, s: no request takes a tenth of what it is by default.
STILL = float(os.environ.get("AMTLAB_FROZEN_TIME", "120"))
#: The status of a process whose set-up failed: the first time, that ends the server.
COULD_NOT_BEGIN = 3


def _say(sentence: str) -> None:
    sys.stderr.write(f"amtlab: {sentence}\n")  # at once: several processes write there


def _left_alone(seconds: float = 0.0) -> bool:
    """Wait, or return True at once when `amtlab serve` has gone."""
    lifeline = os.environ.get("AMTLAB_LIFELINE")
    if lifeline is None:
        time.sleep(seconds)
        return False
    return bool(select.select([int(lifeline)], [], [], seconds)[0])


def _fork() -> int:
    """Return 0 in a new process and its id in this one, however long memory for it takes to be found."""
    while True:
        try:
            return os.fork()
        except OSError as problem:
            _say(
                f"no server process can be started ({problem.strerror}); the next try follows in {PAUSE:g} s"
            )
            if _left_alone(PAUSE):
                sys.exit(0)


@dataclass
class _Child:
    """A server process as seen by the one that started it."""

    place: int
    first: bool
    beat: int
    still: float = 0.0


class _Own:
    """A server process as seen by itself: where it gives its signs of life."""

    beats: mmap.mmap | None = None
    place = 0
    running: PeriodicCallback | None = None


def _beat() -> None:
    if _Own.beats is not None:
        _Own.beats[_Own.place] = (_Own.beats[_Own.place] + 1) % 256


def give_signs_of_life() -> None:
    """Give signs of life from this process's loop from now on."""
    if _Own.beats is not None:
        _Own.running = PeriodicCallback(_beat, 1000 * BEAT)
        _Own.running.start()


def part(count: int) -> None:
    """Split this process; returns in each of the new ones, while the old one replaces those that are lost.

    It never gives up: more than `AT_ONCE` within `WITHIN` seconds are replaced one every `PAUSE` seconds. One whose
    loop stands still for `STILL` seconds, as when it was suspended, is killed, and so replaced.

    Parameters
    ----------
    count : int
        How many server processes there shall be.

    Raises
    ------
    SystemExit
        In the old process, when `amtlab serve` has gone, or the first set-up failed.
    """
    _Own.beats = beats = mmap.mmap(-1, count)
    children: dict[int, _Child] = {}
    for place in range(count):
        if not _begin(children, place, first=True):
            return
    lost: deque[float] = deque(maxlen=AT_ONCE)
    while True:
        pid, waited = os.waitpid(-1, os.WNOHANG)
        if not pid:
            if _left_alone(POLL_S):
                sys.exit(0)
            for each, child in children.items():
                _end_if_still(each, child, beats[child.place])
        if pid not in children:
            continue
        child, status = children.pop(pid), os.waitstatus_to_exitcode(waited)
        if _left_alone():
            sys.exit(0)
        if child.first and status == COULD_NOT_BEGIN:  # the group's end takes the others
            sys.exit(1)
        if len(lost) == AT_ONCE and time.monotonic() - lost[0] < WITHIN:
            _say(
                f"a server process {end_of(status)}, and {AT_ONCE} were lost within {WITHIN:g} s before it; "
                f"the next one is started in {PAUSE:g} s"
            )
            if _left_alone(PAUSE):
                sys.exit(0)
        else:
            _say(f"a server process {end_of(status)}; another one takes its place")
        lost.append(time.monotonic())
        if not _begin(children, child.place, first=False):
            return


def _begin(children: dict[int, _Child], place: int, *, first: bool) -> bool:
    """Start a process; return whether this is still the old one."""
    pid = _fork()
    if not pid:
        _Own.place = place
        return False
    assert _Own.beats is not None
    children[pid] = _Child(place, first, _Own.beats[place])
    return True


def _end_if_still(pid: int, child: _Child, beat: int) -> None:
    # Looks are counted, not seconds: on a machine that was suspended, all stood still.
    child.still = 0.0 if beat != child.beat else child.still + POLL_S
    child.beat = beat
    if child.still > STILL:
        child.still = 0.0
        _say(f"a server process has stood still for {STILL:g} s and is ended")
        os.kill(pid, signal.SIGKILL)
