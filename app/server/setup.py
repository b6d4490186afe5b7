"""What every server process does for itself, before its first page: watch its parent, join the cluster, end well.

`panel serve --setup` runs it in each process; what all have in common is in `warm.py`, and imported by then. Import it
nowhere else: it changes the whole process.
"""

import contextlib
import os
import sys
import threading
import warnings

from tornado.ioloop import IOLoop

from app.memory import give_back
from app.pool import TRAININGS
from app.server.ending import end_well
from app.server.processes import COULD_NOT_BEGIN, give_signs_of_life
from app.server.warm import is_shared, or_end, warm_up


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when the last holder of the other end, `amtlab serve`, is gone
    os._exit(0)


def _join_cluster() -> None:
    """Open the pool on the cluster, so that a scheduler that does not answer is reported at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # reported below
        notes = TRAININGS.open().notes
    for note in notes:
        print(f"amtlab: {note}", file=sys.stderr, flush=True)


def _tell_ready() -> None:
    """Report to `amtlab serve` that this process is ready; it counts them at the start and ignores later ones."""
    if "AMTLAB_READY" in os.environ:
        with contextlib.suppress(BlockingIOError):
            os.write(int(os.environ["AMTLAB_READY"]), b".")


# First of all: whatever goes wrong later, no process outlives the command.
if "AMTLAB_LIFELINE" in os.environ:
    threading.Thread(
        target=_end_with_parent, args=(int(os.environ["AMTLAB_LIFELINE"]),), name="lifeline", daemon=True
    ).start()

with or_end(COULD_NOT_BEGIN):
    if not is_shared():
        warm_up()
    if os.environ.get("AMTLAB_SCHEDULER"):
        _join_cluster()
    # The loop runs once the port is this server's: a process that has warmed up may still find it taken.
    for begin in (end_well, give_back, give_signs_of_life, _tell_ready):
        IOLoop.current().add_callback(begin)
