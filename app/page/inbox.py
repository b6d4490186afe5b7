"""The messages of one page that wait while it computes: in order, of a drag only the newest."""

import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from app.page.protocol import NEWEST_WINS

#: Messages of one page that may wait.
_MOST = 64


class Inbox:
    """Messages in the order in which they came; filled on the event loop, emptied by the page's work.

    Examples
    --------
    >>> inbox = Inbox()
    >>> inbox.put({"type": "set", "values": {"s.level": 40}, "sequence": 1})
    True
    >>> inbox.put({"type": "set", "values": {"s.level": 41}, "sequence": 2})  # takes the place of the first
    False
    >>> inbox.take()["sequence"], len(inbox)
    (2, 0)
    """

    def __init__(self) -> None:
        self._messages: deque[dict[str, Any]] = deque()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: dict[str, Any]) -> bool:
        """Add a message; return whether there is one more to take than before."""
        with self._lock:
            last = self._messages[-1] if self._messages else {}
            same = last.get("type") == message.get("type") and last.get("step") == message.get("step")
            if last and same and message.get("type") in NEWEST_WINS:
                values = {**_values(last), **_values(message)}
                self._messages[-1] = {**message, "values": values} if values else message
                return False
            if len(self._messages) >= _MOST:
                return (
                    False  # nobody presses that many buttons; what the page shows follows from those before
                )
            self._messages.append(message)
            return True

    def take(self) -> dict[str, Any]:
        """Return the oldest message."""
        with self._lock:
            return self._messages.popleft()

    def has_move(self) -> bool:
        """Whether a move of a slider or of the pointer waits."""
        with self._lock:
            return any(message.get("type") in NEWEST_WINS for message in self._messages)


def _values(message: Mapping[str, Any]) -> dict[str, Any]:
    values = message.get("values")
    return values if isinstance(values, dict) else {}
