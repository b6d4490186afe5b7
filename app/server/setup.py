"""What every server process does once, before its first page: import, warm up, watch its parent.

Source: our own measurements (without it, the first page takes some 6 s). `panel serve --setup` runs it.
Not a module to import: it changes settings of the whole process.
"""

import importlib
import os
import pkgutil
import threading

import holoviews as hv
import torch

import app.labs

# With more threads than cores, sessions wait for each other; one process serves one core.
torch.set_num_threads(1)

hv.extension("bokeh")
# An image wider than the graphics card's largest texture kills the whole page; our sizes need no WebGL.
hv.renderer("bokeh").webgl = False

for found in pkgutil.walk_packages(app.labs.__path__, "app.labs."):
    importlib.import_module(found.name)


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when the last holder of the other end, `amtlab serve`, is gone
    os._exit(0)


if "AMTLAB_LIFELINE" in os.environ:
    threading.Thread(
        target=_end_with_parent, args=(int(os.environ["AMTLAB_LIFELINE"]),), name="lifeline", daemon=True
    ).start()
