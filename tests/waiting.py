"""Waiting in tests for what another thread or process does: as short as it takes, and not for ever."""

import time
from collections.abc import Callable
from typing import Any

#: A busy machine takes half a minute to begin a process, s.
WAIT = 120.0


def until(true: Callable[[], Any], seconds: float = WAIT) -> bool:
    """Wait until something is true, no longer than so many seconds; return whether it was."""
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.005)
    return bool(found)
