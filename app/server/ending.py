"""How a server process ends when it is asked to: students are told, their work is ended, connections are closed.

Source: our own; Bokeh stops its loop at once, and a student sees a page that does nothing any more.
Not the end of the whole server: `amtlib.serving` ends its processes as a group.
"""

import asyncio
import contextlib
import logging
import signal
import sys

from app import state
from app.upstream import open_sockets

_LOG = logging.getLogger("amtlab")

#: What a page says from then on.
FAREWELL = (
    "The server is ending. Your settings stay in the address: the page opens anew when the server is back."
)
#: How long closing may take, s.
GRACE = 1.0


async def farewell() -> None:
    """Tell every open page, end what it computes, and close its connection."""
    for view in list(state.VIEWS):
        try:
            view.show_problem(FAREWELL)
            view.close()
        except Exception:
            _LOG.exception("A page could not be told that the server ends")
    await asyncio.sleep(0.1)  # what was told is on its way
    sockets = open_sockets(state.SERVERS)
    for socket in sockets:
        with contextlib.suppress(Exception):
            socket.close(1001, "The server is ending")
    until = asyncio.get_running_loop().time() + GRACE
    while any(s.ws_connection is not None for s in sockets) and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.02)


def end_well() -> None:
    """From now on let a SIGTERM end this process like this; called when its loop runs."""
    loop = asyncio.get_running_loop()
    ending: list[asyncio.Task[None]] = []

    async def end() -> None:
        try:
            await farewell()
        finally:
            loop.stop()  # Bokeh's own way out: its `run_until_shutdown` returns

    def asked() -> None:
        if not ending:
            ending.append(loop.create_task(end()))

    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGTERM, asked)
