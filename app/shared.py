"""Results that sessions share: thirty students who follow one lesson ask for the same picture, which is made once.
Source: our own.
Not for anything of one user's: an uploaded sound, or what follows from it, never gets in here.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


class SharedResults:
    """The results used last, by what they were computed from.

    Parameters
    ----------
    limit : int
        How many are kept; the ones not used for longest go first.

    Examples
    --------
    >>> shared = SharedResults(limit=2)
    >>> shared.get("a", lambda: 1), shared.get("a", lambda: 2)
    (1, 1)
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` made for this key, by whomever; its arrays are sealed against writing."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = _sealed(make())
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self.limit:
                self._kept.popitem(last=False)
        return made

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()


def _sealed(result: Any) -> Any:
    """Make a frozen result's arrays read-only, so that no session can change what another one sees."""
    if is_dataclass(result):
        for field in fields(result):
            value = getattr(result, field.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
    return result


#: Some MB each at the most; a process keeps a lesson's worth of them.
SHARED = SharedResults(limit=32)
