"""What a process of the labs' pool does before its first job: step aside for pages, and import what takes seconds.
Source: our own; see app/pool.py, which names it.
Not a module to import elsewhere: it changes the priority of the whole process.
"""

import os

from amtlib.train.build import flamo_graph

#: A page that answers comes before a training that goes on.
NICENESS = 10

if hasattr(os, "nice"):
    os.nice(NICENESS)
flamo_graph()
