"""A page's websocket: begins the session where it lands, and lets nobody else into it.

Each connection needs the token that this server wrote into the page (`sessions.py`), which nobody but the page has:
pages are never stored. A session has one connection at a time. A second one with the same token is a copy of the page,
and refused, unless it carries ``again``: then it is the page itself, whose old connection may look alive for long if
the network is gone or a proxy keeps it open; the new connection replaces the old one, which is closed.
"""

import asyncio
import contextlib
import json
import logging
import os
import time
from typing import Any

from bokeh.protocol.message import Message
from panel.io.resources import LOCAL_DIST, patch_model_css
from panel.io.server import WSHandler
from panel.io.state import set_curdoc, state
from tornado.websocket import WebSocketClosedError, WebSocketProtocol

from app import site
from app.server import access, clients
from app.server.messages import Gate
from app.server.pace import PacedProtocol
from app.server.refusals import BAD_TOKEN, IN_USE, NO_SUCH_SESSION, NOT_FROM_A_PAGE, SILENT, Refused, reason
from app.server.sessions import forget_wishes, session_of

_LOG = logging.getLogger("amtlab")
_PROCESSES = int(os.environ.get("AMTLAB_PROCESSES", "1"))
#: How often a page asks for its session: any process may answer, with two all eight miss it in 0.4 % of cases.
_TRIES = 1 if _PROCESSES == 1 else 4 * _PROCESSES
#: Pings without an answer, one every `amtlib.serving.KEEP_ALIVE_S`, before a connection counts as broken.
_PINGS = 4
#: The connection of each session of this process, by the session's id.
_SEATS: dict[str, "PageSocket"] = {}


class PageSocket(WSHandler):
    """A page's websocket: begins the session where it lands, as if the page's address had been asked for."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._opened: float | None = None
        self._path = self._client = ""
        self._counted = self._gone = False
        self._id = ""
        self._gate: Gate | None = None

    # ------------------------------------------------------------------ coming

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """Return what reads and writes frames: tornado's, with our bounds."""
        found = super().get_websocket_protocol()
        return None if found is None else PacedProtocol(self, found.params)

    def open(self, *args: Any, **kwargs: Any) -> None:
        """Open the connection, or close it with a reason."""
        self.set_nodelay(True)  # or pictures wait 40 ms for the browser to confirm what came before
        self._opened, self._path = time.monotonic(), self.request.path.removesuffix("/ws")[:200]
        access.note("open", page=self._path)
        self._client = clients.client_of(self.request.remote_ip)
        forget_wishes(self.request)
        server = self.application
        try:
            self._id = session_of(self._token, server.secret_key, server.session_token_expiration)
            clients.take_socket(self._client, instead=self._comes_again() and self._id in _SEATS)
            self._counted = True
            self._take_seat()
        except Refused as refused:
            # A page of an earlier life of this server opens anew.
            old = refused.code == BAD_TOKEN and self._comes_again()
            self._refuse(Refused(NO_SUCH_SESSION, "1") if old else refused)
        else:
            super().open(*args, **kwargs)

    async def _async_open(self, token: str) -> None:
        try:
            page = self._page()
            async with clients.OPENINGS.turn(self._client):
                if not self._may_begin():
                    return
                first = asyncio.ensure_future(self._picture(page))
                await asyncio.sleep(0)  # as far as it needs the loop; the rest is computed beside it
            try:
                await first
                async with clients.OPENINGS.turn(self._client):
                    if self._may_begin():
                        await self._begin(token)
            finally:
                site.forget(self._id)
        except Refused as refused:
            self._refuse(refused)

    def _page(self) -> str:
        """Make the request one for the page itself: links, style sheets and scripts follow from its address."""
        request = self.request
        request.path = request.path.removesuffix("/ws")
        request.uri = request.path + (f"?{request.query}" if request.query else "")
        return str(request.path.rsplit("/", 1)[-1])

    def _may_begin(self) -> bool:
        """Return whether the page is still there; raise if there is no session for it."""
        if self.ws_connection is None:
            return False
        if not self._has_session():
            # A page that comes back would be given a new session, whose models are not those it shows.
            if self._comes_again():
                raise Refused(NO_SUCH_SESSION, str(_TRIES))
            clients.may_begin_session(self._client)
        return True

    async def _picture(self, page: str) -> None:
        if not self._has_session():
            await site.begin(page, self.request.query, self._id, self._client)

    async def _begin(self, token: str) -> None:
        known = set(self.application_context.sessions)
        site.connected(self._id, is_there=True)
        await super()._async_open(token)
        for session in set(self.application_context.sessions) - known:
            clients.note_session(session, self._client)
            document = session.document
            with set_curdoc(document):
                dist = f"{state.rel_path}/{LOCAL_DIST}" if state.rel_path else LOCAL_DIST
                for root in document.roots:  # styles from this server, never from Panel's host
                    patch_model_css(root, dist_url=dist)
        if self._gone and self.connection is not None:  # left while its session was made
            self.application.client_lost(self.connection)

    def _comes_again(self) -> bool:
        return "again" in self.request.arguments

    def _has_session(self) -> bool:
        return any(session.id == self._id for session in self.application_context.sessions)

    # ------------------------------------------------------------------ one connection for each session

    def _take_seat(self) -> None:
        other = _SEATS.get(self._id)
        if other is not None and other.ws_connection is not None:  # not being closed already
            if not self._comes_again():
                raise Refused(IN_USE, "This page is open in another window. Open it anew from its address.")
            other._refuse(Refused(IN_USE, "The page has come back over another connection."))
        _SEATS[self._id] = self

    def ping(self, data: str | bytes = b"") -> None:
        """Ask the page for a sign of life, as Bokeh does regularly; close the connection when there was none."""
        if int(data) - self.latest_pong > _PINGS:
            self._refuse(Refused(SILENT, "The page has given no sign of life."))
        else:
            super().ping(data)

    # ------------------------------------------------------------------ what is said

    async def on_message(self, fragment: str | bytes) -> None:
        """Take a frame of a message, if it is one that pages send."""
        if self.ws_connection is None:  # it is being closed
            return
        try:
            if self._gate is None:
                raise Refused(NOT_FROM_A_PAGE, "The page spoke before it was greeted. Reload it.")
            self._gate.pass_on(fragment)
        except Refused as refused:
            self._refuse(refused)
            return
        await super().on_message(fragment)
        connection = self.ws_connection
        if connection is not None:  # a page that does not read answers is not read from either
            await connection.drained()

    async def send_message(self, message: Message[Any]) -> None:
        """Send a message without waiting until it has left.

        Bokeh waits with the session's lock held: messages for a page that does not read would pile up uncounted.
        """
        if message.msgtype == "ACK" and self.connection is not None:
            self._gate = Gate(self.connection.session.document)
        connection = self.ws_connection
        if connection is None or connection.is_closing():
            return
        with contextlib.suppress(WebSocketClosedError):
            for frame in (message.header_json, message.metadata_json, message.content_json):
                connection.write_message(frame)
            for buffer in message.buffers:
                connection.write_message(json.dumps(buffer.ref))
                connection.write_message(buffer.to_bytes(), binary=True)

    # ------------------------------------------------------------------ going

    def _refuse(self, refused: Refused) -> None:
        if refused.code != NO_SUCH_SESSION:
            _LOG.info("Connection of a page closed: %s", refused)
        self.close(refused.code, reason(str(refused)))

    def on_close(self) -> None:
        """Clean up when the connection is closed."""
        self._gone = True
        if _SEATS.get(self._id) is self:
            del _SEATS[self._id]
            site.connected(self._id, is_there=False)
        if self._counted:
            clients.give_socket_back(self._client)
        # Bokeh may have found the connection closed before tornado did, and then fails here.
        if self.connection is None or self.connection in self.application._clients:
            super().on_close()
        if self._opened is not None:
            seconds = round(time.monotonic() - self._opened, 1)
            access.note("close", page=self._path, seconds=seconds, code=self.close_code)
