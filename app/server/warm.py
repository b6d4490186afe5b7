"""What all server processes have in common, made once before they part: the figures that sessions share.

Without it the first page takes some 6 s; if each process did it for itself, each would take that time and 0.6 GB. On
macOS each does, because system libraries that have done mathematics break when a process forks. Loops and threads are
not inherited by a fork: see `setup.py`.
"""

import contextlib
import gc
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import holoviews as hv
import panel as pn
import torch
from bokeh.document import Document
from tornado.websocket import WebSocketClosedError

from amtlib.train.build import flamo_graph
from app import site
from app.lessons import LessonError
from app.upstream import define_what_is_shown, remember_style_sheets


def _no_news_of_closed_windows(record: logging.LogRecord) -> bool:
    """Keep out of the log that a window was closed while a picture was on its way."""
    return not (record.exc_info and isinstance(record.exc_info[1], WebSocketClosedError))


def _show_every_lab() -> None:
    """Draw what all sessions share; otherwise the first visitors wait 2 to 4 s for each lab's figures."""
    for lab in site.LABS:
        view = lab(served=True)
        view.page().server_doc(Document())
        view.close()


@contextlib.contextmanager
def or_end(status: int) -> Iterator[None]:
    """End this process with a status where what is done inside fails: it would go on and serve broken pages."""
    try:
        yield
    except Exception as problem:  # `amtlab serve` says that the server ended, below this
        if isinstance(problem, LessonError):
            print(f"amtlab: --lessons: {problem}", file=sys.stderr, flush=True)
        else:
            traceback.print_exc()
        os._exit(status)


def is_shared() -> bool:
    """Return whether the server warms up once for all processes, or each of them by itself."""
    return sys.platform != "darwin" or os.environ.get("AMTLAB_PROCESSES") == "1"


def warm_up() -> None:
    """Import, and draw every page once; where ``AMTLAB_COLD`` is set, as by tests, each when it is first asked for.

    Raises
    ------
    RuntimeError
        If a thread is left over, which the processes would lack.
    app.lessons.LessonError
        If the folder of a course's lessons holds what is none.
    """
    before = set(threading.enumerate())
    # With more threads than cores, sessions wait for each other; one process serves one core. And no thread may be
    # left when the processes part.
    torch.set_num_threads(1)
    hv.extension("bokeh")
    # An image wider than the graphics card's largest texture kills the whole page; our sizes need no WebGL.
    hv.renderer("bokeh").webgl = False
    # A laptop that slept, or a network that dropped, finds its page again.
    pn.config.reconnect = True
    logging.getLogger("asyncio").addFilter(_no_news_of_closed_windows)
    remember_style_sheets()
    define_what_is_shown()
    if folder := os.environ.get("AMTLAB_LESSONS"):
        site.add_lessons(Path(folder))
    site.landing_html()
    if not os.environ.get("AMTLAB_COLD"):
        # Every page once: draws the figures that all sessions share, and fails here if it fails at all. In a thread,
        # which has no loop: a loop made here would be one for all processes.
        with ThreadPoolExecutor(1) as aside:
            aside.submit(_show_every_lab).result()
        # Takes seconds, which the first one to press Train should not wait for.
        flamo_graph()
    # What is there stays for good: Python's looking for garbage would write to it, and each process would get its own.
    gc.collect()
    gc.freeze()
    left = set(threading.enumerate()) - before
    if left:
        raise RuntimeError(f"warming up left threads behind: {', '.join(each.name for each in left)}")
