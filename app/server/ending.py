"""How a server process ends on request: pages show a message, their work ends, connections close.

Bokeh itself stops its loop at once, and a page then does nothing any more. `amtlib.serving` ends all processes of a
server as a group.
"""

import asyncio
import contextlib
import logging
import signal
import sys

from app import state
from app.upstream import open_sockets

_LOG = logging.getLogger("amtlab")

#: What a page shows from then on.
FAREWELL = (
    "The server is ending. Your settings stay in the address: the page opens anew when the server is back."
)
#: How long closing may take, s.
GRACE = 1.0


async def farewell() -> None:
    """Show a message on every open page, end its work, and close its connection."""
    for view in list(state.VIEWS):
        try:
            view.show_problem(FAREWELL)
            view.close()
        except Exception:
            _LOG.exception("A page could not be sent word that the server ends")
    await asyncio.sleep(0.1)  # time for the message to leave
    sockets = open_sockets(state.SERVERS)
    for socket in sockets:
        with contextlib.suppress(Exception):
            socket.close(1001, "The server is ending")
    until = asyncio.get_running_loop().time() + GRACE
    while any(s.ws_connection is not None for s in sockets) and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.02)


def end_well() -> None:
    """Make SIGTERM end this process in this way; called when its loop runs."""
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
