"""Several server processes from one: they part once it is warm, and one that is lost is started again.

Not the end of all of them (`amtlib.serving`), nor what each does for itself (`setup.py`).
"""

import os
import select
import sys
import time
from collections import deque

from amtlib.jobs.processes import end_of

#: So many lost processes within so many seconds are replaced at once; after that, each waits.
AT_ONCE, WITHIN = 20, 60.0
#: How long the next one waits then, s: long enough that a process that fails at once costs little, and a class waits
#: for no longer than a reload.
PAUSE = 5.0
#: The status of a process whose set-up failed: the first time, that ends the server.
COULD_NOT_BEGIN = 3


def _say(sentence: str) -> None:
    sys.stderr.write(f"amtlab: {sentence}\n")  # at once: several processes write there


def _left_alone(seconds: float = 0.0) -> bool:
    """Wait; return at once, and whether it is so, when `amtlab serve` has gone."""
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


def part(count: int) -> None:
    """Split this process; returns in each of the new ones, while the old one replaces those that are lost.

    It never gives up: more than `AT_ONCE` within `WITHIN` seconds are replaced one every `PAUSE` seconds.

    Parameters
    ----------
    count : int
        How many server processes there shall be.

    Raises
    ------
    SystemExit
        In the old process, when `amtlab serve` has gone, or the first set-up failed.
    """
    children: set[int] = set()
    first: set[int] = set()
    for _ in range(count):
        pid = _fork()
        if not pid:
            return
        children.add(pid)
        first.add(pid)
    lost: deque[float] = deque(maxlen=AT_ONCE)
    while True:
        pid, waited = os.wait()
        if pid not in children:
            continue
        children.discard(pid)
        status = os.waitstatus_to_exitcode(waited)
        if _left_alone():
            sys.exit(0)
        if pid in first and status == COULD_NOT_BEGIN:  # the group's end takes the others
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
        pid = _fork()
        if not pid:
            return
        children.add(pid)
