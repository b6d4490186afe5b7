"""Turns at opening pages: beginning a session takes the loop for a tenth of a second, so clients take turns at it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from amtlib.jobs import FairQueue


class Turns:
    """One at a time; whoever waits, waits for one turn of each other client, however many those have asked for.

    Examples
    --------
    >>> async def opened() -> str:
    ...     turns, order = Turns(), []
    ...     async def one(client: str) -> None:
    ...         async with turns.turn(client):
    ...             order.append(client)
    ...     await asyncio.gather(*map(one, "aaaab"))
    ...     return "".join(order)
    >>> asyncio.run(opened())
    'aabaa'
    """

    def __init__(self) -> None:
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self._busy = False

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it for the length of the block."""
        if self._busy:
            mine = asyncio.get_running_loop().create_future()
            self._waiting.push(client, mine)
            try:
                await mine
            except asyncio.CancelledError:
                if mine.done() and not mine.cancelled():
                    self._next()
                raise
        self._busy = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield
        finally:
            # Not at once: where many pages open, half of the loop's time stays for those that are open.
            loop.call_later(loop.time() - began if self._waiting else 0.0, self._next)

    def _next(self) -> None:
        while (first := self._waiting.pop()) is not None:
            if not first.cancelled():
                first.set_result(None)
                return
        self._busy = False


#: Of this process.
OPENINGS = Turns()
