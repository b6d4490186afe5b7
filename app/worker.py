"""What a process of the labs' pool does before its first job: step aside for pages, and import what takes seconds.
app/pool.py names it; imported by a process that is no worker, it changes nothing.
"""

import multiprocessing
import os

from amtlib.train.build import flamo_graph

#: A page that answers comes before a training that goes on.
NICENESS = 10

if multiprocessing.parent_process() is not None:
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    flamo_graph()
