"""How fast a page may send, and how much may wait for it: the websocket's frames, in both directions.

A page that sends too fast has to wait, as with TCP: what it has sent stays in its own network buffers. One that does
not read is disconnected. What frames may hold is checked in `messages.py`.
"""

import asyncio
import time
from functools import partial
from typing import Any

from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol13, _WebSocketParams

from app.server.clients import LIMITS
from app.server.refusals import UNREAD, reason

#: Frames of a message: header, metadata and content.
FRAMES = 3
#: How many seconds' worth of its rate a page may use at once: it sends a few dozen messages when it opens.
AT_ONCE_S = 2.0


class Allowance:
    """A rate at which a page may use something, with some seconds' worth of it at once.

    Parameters
    ----------
    rate : float
        How much becomes free in a second.

    Examples
    --------
    >>> allowance = Allowance(rate=10.0)
    >>> allowance.use(20.0)
    >>> allowance.wait() < 0.01
    True
    >>> allowance.use(10.0)
    >>> 0.9 < allowance.wait() <= 1.0
    True
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left = rate * AT_ONCE_S
        self._at = time.monotonic()

    def use(self, amount: float) -> None:
        """Use some, more than is left if need be."""
        self._left -= amount

    def wait(self) -> float:
        """Return for how many seconds to use no more."""
        now = time.monotonic()
        self._left = min(self._left + self._rate * (now - self._at), self._rate * AT_ONCE_S)
        self._at = now
        return max(0.0, -self._left / self._rate)


class PacedProtocol(WebSocketProtocol13):
    """A page's websocket, frame by frame: messages, pieces of them, pings and pongs count alike."""

    def __init__(self, handler: WebSocketHandler, params: _WebSocketParams) -> None:
        super().__init__(handler, False, params)
        self._socket = handler
        self._frames = Allowance(FRAMES * LIMITS.client_messages)
        self._bytes = Allowance(1e6 * LIMITS.client_bytes)
        self._most = 1e6 * LIMITS.client_backlog
        self._unsent = 0
        self._last: asyncio.Future[None] | None = None

    async def _receive_frame(self) -> None:
        wait = max(self._frames.wait(), self._bytes.wait())
        if wait:
            await asyncio.sleep(wait)
        before = self._wire_bytes_in
        await super()._receive_frame()
        self._frames.use(1)
        self._bytes.use(self._wire_bytes_in - before)

    def write_message(
        self, message: str | bytes | dict[str, Any], binary: bool = False
    ) -> asyncio.Future[None]:
        """Send a frame, or close the connection if too much of what was sent has not been read."""
        if self._unsent > self._most:
            self._socket.close(
                UNREAD, reason(f"{self._unsent / 1e6:.0f} MB wait for this page to read them.")
            )
            raise WebSocketClosedError
        size = len(message)
        sent = super().write_message(message, binary)
        self._unsent += size
        self._last = sent
        sent.add_done_callback(partial(self._gone, size))
        return sent

    def _gone(self, size: int, sent: asyncio.Future[None]) -> None:
        self._unsent -= size
        if not sent.cancelled():
            sent.exception()  # a closed connection is noticed elsewhere

    async def drained(self) -> None:
        """Wait until all that was sent so far has left this process, or the connection is closed."""
        if self._last is not None and not self._last.done():
            await asyncio.wait([self._last])
