"""What a process that computes pictures (`app.pool.PICTURES`) does before its first: make way, and make room.
Imported by a process that is no worker, it changes nothing.
"""

import multiprocessing
import os

from app.shared import SHARED

#: After pages that answer, before trainings that go on.
NICENESS = 5
#: Room for the stages before a picture, bytes: those of the largest sound, 60 channels and 2 s, have 64 MB. A slider
#: of the last stage then moves the last stage alone.
ROOM = 100_000_000

if multiprocessing.parent_process() is not None:
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    SHARED.max_bytes = ROOM
