"""flamo's graphs without its losses, whose packages (pyfar, nnAudio) take 1.3 s to import and are not used here.
Whoever asks flamo for anything else gets it, and waits for it then.
"""

import importlib.util
import sys
from typing import Any

__all__ = ["dsp", "system"]


def _complete_when_asked() -> None:
    """Put flamo where `import` looks; what its `__init__` imports comes when a name is asked for that is not there."""
    spec = importlib.util.find_spec("flamo")
    if spec is None or spec.loader is None:
        return
    flamo, run = importlib.util.module_from_spec(spec), spec.loader.exec_module

    def __getattr__(name: str) -> Any:
        if name.startswith("__") and name != "__all__":  # who looks through all modules asks for these
            raise AttributeError(f"module 'flamo' has no attribute {name!r}")
        del vars(flamo)["__getattr__"]
        run(flamo)
        return getattr(flamo, name)

    vars(flamo)["__getattr__"] = __getattr__
    sys.modules["flamo"] = flamo


if "flamo" not in sys.modules:
    _complete_when_asked()

from flamo.processor import dsp, system  # noqa: E402
