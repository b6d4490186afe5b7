"""Commands that Ctrl-C reaches however the tests were started: what runs in the background is told to ignore it."""

import sys

_HEED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def heeding(*arguments: str) -> list[str]:
    """Return the command of a Python process with these arguments that ends on an interrupt."""
    return [sys.executable, "-c", _HEED, *arguments]
