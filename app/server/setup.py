"""What every server process does once, before its first page: watch its parent, import, warm up.

Source: our own measurements (without it, the first page takes some 6 s). `panel serve --setup` runs it.
Not a module to import: it changes settings of the whole process.
"""

import importlib
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tornado.websocket import WebSocketClosedError


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when the last holder of the other end, `amtlab serve`, is gone
    os._exit(0)


def _no_news_of_closed_windows(record: logging.LogRecord) -> bool:
    """Keep out of the log that a student closed a window while a picture was on its way."""
    return not (record.exc_info and isinstance(record.exc_info[1], WebSocketClosedError))


def _show_every_lab(labs: Iterable[Any]) -> None:
    """Draw what all sessions share: without it, the first to come wait 2 to 4 s for each lab's figures."""
    document = importlib.import_module("bokeh.document").Document
    for lab in labs:
        view = lab(served=True)
        view.page().server_doc(document())
        view.close()


def _join_cluster() -> None:
    """Open the pool on the cluster; whoever serves hears at once if it does not answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # said in a line below
        problem = importlib.import_module("app.pool").TRAININGS.open().problem
    if problem:
        print(f"amtlab: {problem}", file=sys.stderr, flush=True)


def _warm_up() -> None:
    hv, torch, pn = (importlib.import_module(name) for name in ("holoviews", "torch", "panel"))
    # With more threads than cores, sessions wait for each other; one process serves one core.
    torch.set_num_threads(1)
    hv.extension("bokeh")
    # An image wider than the graphics card's largest texture kills the whole page; our sizes need no WebGL.
    hv.renderer("bokeh").webgl = False
    # A laptop that slept, or a network that dropped, finds its page again.
    pn.config.reconnect = True
    logging.getLogger("asyncio").addFilter(_no_news_of_closed_windows)
    # Which style sheets the bundle of widgets has: asked of every class at every opening, some 150 looks at the disk.
    material = importlib.import_module("panel_material_ui.base").MaterialComponent
    material._bundle_css = list(material._bundle_css)
    # Every page once: draws the figures that all sessions share, and fails here if it fails at all.
    site = importlib.import_module("app.site")
    site.landing_html()
    # In a thread, where no loop runs: on the loop, what takes long would go on behind the backs of the first to come.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(_show_every_lab, site.LABS).result()
    # Takes seconds, which the first one to press Train should not wait for.
    importlib.import_module("amtlib.train.build").flamo_graph()
    if os.environ.get("AMTLAB_SCHEDULER"):
        _join_cluster()
    tornado_loop = importlib.import_module("tornado.ioloop").IOLoop.current()
    tornado_loop.add_callback(importlib.import_module("app.server.ending").end_well)
    tornado_loop.add_callback(importlib.import_module("app.server.memory").give_back)
    if "AMTLAB_READY" in os.environ:
        os.write(int(os.environ["AMTLAB_READY"]), b".")  # `amtlab serve` counts the processes that are ready


# First of all, and before the slow imports: whatever goes wrong later, no process outlives the command.
if "AMTLAB_LIFELINE" in os.environ:
    threading.Thread(
        target=_end_with_parent, args=(int(os.environ["AMTLAB_LIFELINE"]),), name="lifeline", daemon=True
    ).start()

try:
    _warm_up()
except Exception:
    # One of several processes would go on and serve broken pages, and one that ends with an error is started
    # again and again; after a plain end the command says that the server ended, below this traceback.
    traceback.print_exc()
    os._exit(0)
