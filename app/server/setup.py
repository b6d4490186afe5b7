"""What every server process does for itself, before its first page: watch its parent, join the cluster, end well.

`panel serve --setup` runs it in each process; what all have in common is in `warm.py`. Import it nowhere else: it
changes the whole process.
"""

import contextlib
import importlib
import os
import sys
import threading
import traceback
import warnings


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when the last holder of the other end, `amtlab serve`, is gone
    os._exit(0)


def _join_cluster() -> None:
    """Open the pool on the cluster, so that a scheduler that does not answer is reported at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # reported below
        notes = importlib.import_module("app.pool").TRAININGS.open().notes
    for note in notes:
        print(f"amtlab: {note}", file=sys.stderr, flush=True)


def _tell_ready() -> None:
    """Report to `amtlab serve` that this process is ready; it counts them at the start and ignores later ones."""
    if "AMTLAB_READY" in os.environ:
        with contextlib.suppress(BlockingIOError):
            os.write(int(os.environ["AMTLAB_READY"]), b".")


def _begin() -> None:
    warm = importlib.import_module("app.server.warm")
    if not warm.is_shared():
        warm.warm_up()
    if os.environ.get("AMTLAB_SCHEDULER"):
        _join_cluster()
    tornado_loop = importlib.import_module("tornado.ioloop").IOLoop.current()
    tornado_loop.add_callback(importlib.import_module("app.server.ending").end_well)
    tornado_loop.add_callback(importlib.import_module("app.memory").give_back)
    tornado_loop.add_callback(importlib.import_module("app.server.processes").give_signs_of_life)
    # The loop runs once the port is this server's: a process that has warmed up may still find it taken.
    tornado_loop.add_callback(_tell_ready)


# First of all: whatever goes wrong later, no process outlives the command.
if "AMTLAB_LIFELINE" in os.environ:
    threading.Thread(
        target=_end_with_parent, args=(int(os.environ["AMTLAB_LIFELINE"]),), name="lifeline", daemon=True
    ).start()

try:
    _begin()
except Exception as problem:
    # It would go on and serve broken pages; the command says that the server ended, below this.
    if isinstance(problem, importlib.import_module("app.lessons").LessonError):
        print(f"amtlab: --lessons: {problem}", file=sys.stderr, flush=True)
    else:
        traceback.print_exc()
    os._exit(importlib.import_module("app.server.processes").COULD_NOT_BEGIN)
