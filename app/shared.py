"""Results that sessions share: thirty students who follow one lesson ask for the same picture, which is made once.

It leaks nothing between users: the key of a result holds all that it depends on, of a sound file the hash of its bytes.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import torch

#: What an entry counts besides its arrays, bytes: bounds the number of small ones too.
_ENTRY = 1000
#: How often who waits for a result looks whether it is still wanted, s.
_LOOK = 0.05


@dataclass
class _Making:
    """A result that a thread is making now."""

    thread: int
    ended: threading.Event = field(default_factory=threading.Event)
    made: tuple[Any, ...] = ()
    """The result; empty if making it failed."""


class SharedResults:
    """The results used last, by what they depend on.

    Parameters
    ----------
    max_bytes : int
        Bound on the arrays that are kept, each counted once however many results hold it. The least recently used
        results go first; one that is larger than the bound is not kept.

    Attributes
    ----------
    bytes : int
        What is kept now.

    Examples
    --------
    >>> shared = SharedResults(max_bytes=10_000)
    >>> shared.get("a", lambda: 1), shared.get("a", lambda: 2)
    (1, 1)
    >>> shared.get("b", lambda: np.zeros(1100)).shape, shared.bytes  # 1 kB an entry: there is no room for "a"
    ((1100,), 9800)
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._kept: OrderedDict[Hashable, tuple[Any, dict[int, int]]] = OrderedDict()
        self._holders: dict[int, int] = {}
        self._making: dict[Hashable, _Making] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Any], check: Callable[[], None] = lambda: None) -> Any:
        """Return what `make` made for this key, in this or another thread; its arrays are read-only.

        If another thread is making it, this one waits for the result, and makes it itself if that fails; while it
        waits, `check` may end that with an exception.
        """
        me = threading.get_ident()
        while True:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key][0]
                other = self._making.get(key)
                if other is None:
                    mine = self._making[key] = _Making(me)
                    break
            if other.thread == me:  # making it needs itself
                return make()
            while not other.ended.wait(_LOOK):
                check()
            if other.made:
                return other.made[0]
        try:
            made = make()
            owned = dict(_sealed(made, set()))
            mine.made = (made,)
        finally:
            with self._lock:
                del self._making[key]
                if mine.made:
                    self._keep(key, made, owned)
            mine.ended.set()
        return made

    def find(self, key: Hashable) -> Any:
        """Return what is kept for this key, or None where nothing is."""
        with self._lock:
            return self._kept[key][0] if key in self._kept else None

    def size(self, key: Hashable) -> int | None:
        """Return the bytes of what is kept for this key, or None where nothing is."""
        with self._lock:
            return _ENTRY + sum(self._kept[key][1].values()) if key in self._kept else None

    def _keep(self, key: Hashable, made: Any, owned: dict[int, int]) -> None:
        if _ENTRY + sum(owned.values()) > self.max_bytes:
            return
        self._kept[key] = (made, owned)
        self.bytes += _ENTRY
        for owner, size in owned.items():
            self._holders[owner] = self._holders.get(owner, 0) + 1
            if self._holders[owner] == 1:
                self.bytes += size
        while self.bytes > self.max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        _, owned = self._kept.pop(key)
        self.bytes -= _ENTRY
        for owner, size in owned.items():
            self._holders[owner] -= 1
            if not self._holders[owner]:
                del self._holders[owner]
                self.bytes -= size

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            while self._kept:
                self._drop(next(iter(self._kept)))


def _sealed(result: Any, seen: set[int]) -> Iterator[tuple[int, int]]:
    """Make a result's arrays read-only, so that no session can change what another one sees.

    Yields the memory behind each array or tensor, however deep in the result: its owner's id and its bytes.
    """
    if id(result) in seen:
        return
    seen.add(id(result))
    inside: Any = ()
    if isinstance(result, np.ndarray):
        result.setflags(write=False)
        while isinstance(result.base, np.ndarray):  # a view keeps the whole of it
            result = result.base
        if isinstance(result.base, torch.Tensor):
            yield from _sealed(result.base, seen)
        else:
            yield id(result), result.nbytes
    elif isinstance(result, torch.Tensor):
        storage = result.untyped_storage()
        yield storage.data_ptr(), storage.nbytes()
    elif isinstance(result, torch.nn.Module):
        inside = vars(result).values()  # tables in full precision too, which are no buffers
    elif is_dataclass(result):
        inside = (getattr(result, each.name) for each in fields(result))
    elif isinstance(result, dict):
        inside = result.values()
    elif isinstance(result, list | tuple):
        inside = result
    for each in inside:
        yield from _sealed(each, seen)


#: Room for a lesson's worth of pictures: those of the filterbank lab have 0.7 MB each, the others less.
SHARED = SharedResults(max_bytes=32_000_000)
