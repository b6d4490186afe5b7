"""A lock that a loop shares with other threads, none of which has to wait for the loop to end.

Not here: what is locked (:mod:`amtlib.train.run`).
"""

import threading
from types import TracebackType


class FairLock:
    """
    A lock that a loop cannot take again before a thread that waits for it; its holder may take it again.

    Examples
    --------
    >>> lock = FairLock()
    >>> with lock, lock:
    ...     lock.acquire(blocking=False)
    True
    """

    def __init__(self) -> None:
        self._lock, self._queue = threading.Lock(), threading.Lock()
        self._holder: int | None = None
        self._depth = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        """Take the lock, and return whether it was taken."""
        if self._holder == threading.get_ident():
            self._depth += 1
            return True
        # Whoever waits for the lock holds the queue meanwhile, so that the loop stands behind.
        if not self._queue.acquire(blocking):
            return False
        try:
            taken = self._lock.acquire(blocking)
        finally:
            self._queue.release()
        if taken:
            self._holder, self._depth = threading.get_ident(), 1
        return taken

    def release(self) -> None:
        """Give it back, as often as it was taken."""
        self._depth -= 1
        if not self._depth:
            self._holder = None
            self._lock.release()

    def __enter__(self) -> None:
        """Take the lock."""
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self.release()
