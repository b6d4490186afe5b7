"""What all server processes have in common, made once before they part: imports, and the figures that sessions share.

Without it the first page takes some 6 s; if each process did it for itself, each would take that time and 0.6 GB. On
macOS each does, because system libraries that have done mathematics break when a process forks. Loops and threads are
not inherited by a fork: see `setup.py`.
"""

import gc
import importlib
import logging
import os
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tornado.websocket import WebSocketClosedError


def _no_news_of_closed_windows(record: logging.LogRecord) -> bool:
    """Keep out of the log that a window was closed while a picture was on its way."""
    return not (record.exc_info and isinstance(record.exc_info[1], WebSocketClosedError))


def _show_every_lab(labs: Iterable[Any]) -> None:
    """Draw what all sessions share; otherwise the first visitors wait 2 to 4 s for each lab's figures."""
    document = importlib.import_module("bokeh.document").Document
    for lab in labs:
        view = lab(served=True)
        view.page().server_doc(document())
        view.close()


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
    hv, torch, pn = (importlib.import_module(name) for name in ("holoviews", "torch", "panel"))
    # With more threads than cores, sessions wait for each other; one process serves one core. And no thread may be
    # left when the processes part.
    torch.set_num_threads(1)
    hv.extension("bokeh")
    # An image wider than the graphics card's largest texture kills the whole page; our sizes need no WebGL.
    hv.renderer("bokeh").webgl = False
    # A laptop that slept, or a network that dropped, finds its page again.
    pn.config.reconnect = True
    logging.getLogger("asyncio").addFilter(_no_news_of_closed_windows)
    upstream = importlib.import_module("app.upstream")
    upstream.remember_style_sheets()
    upstream.define_what_is_shown()
    site = importlib.import_module("app.site")
    if folder := os.environ.get("AMTLAB_LESSONS"):
        site.add_lessons(Path(folder))
    site.landing_html()
    if not os.environ.get("AMTLAB_COLD"):
        # Every page once: draws the figures that all sessions share, and fails here if it fails at all. In a thread,
        # which has no loop: a loop made here would be one for all processes.
        with ThreadPoolExecutor(1) as aside:
            aside.submit(_show_every_lab, site.LABS).result()
        # Takes seconds, which the first one to press Train should not wait for.
        importlib.import_module("amtlib.train.build").flamo_graph()
    # What is there stays for good: Python's looking for garbage would write to it, and each process would get its own.
    gc.collect()
    gc.freeze()
    left = set(threading.enumerate()) - before
    if left:
        raise RuntimeError(f"warming up left threads behind: {', '.join(each.name for each in left)}")
