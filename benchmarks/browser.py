"""One student's browser without a browser: pages, scripts, websocket and the messages of page/js."""

import asyncio
import contextlib
import json
import random
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

_SCRIPTS = re.compile(r"""<(?:script|link)[^>]+(?:src|href)=["']([^"']+\.(?:js|css)[^"']*)["']""")
_TOKEN = re.compile(r'"token":"([^"]+)"')


class Failed(Exception):
    """What a student would see as a broken page."""


class Browser:
    """One student's browser: fetches pages over one connection, as HTTP/1.1 keeps it open.

    ``source`` is the address of this machine that it comes from, such as 127.0.0.2; None leaves it to the system.
    """

    def __init__(self, url: str, source: str | None = None) -> None:
        self.url, self.source = url, source
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "localhost", parts.port or 80
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.received = 0

    async def get(self, address: str) -> bytes:
        """Fetch an address of the server."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                self._host, self._port, local_addr=(self.source, 0) if self.source else None
            )
        path = urlsplit(address)._replace(scheme="", netloc="").geturl() or "/"
        head = f"GET {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nAccept-Encoding: gzip\r\n\r\n"
        self._writer.write(head.encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        length = re.search(rb"\r\ncontent-length: *([0-9]+)", answer, re.IGNORECASE)
        body = await self._reader.readexactly(int(length[1]) if length else 0)
        self.received += len(answer) + len(body)
        if status != 200:
            raise Failed(f"{path}: status {status}")
        return body

    async def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()


class Session:
    """A lab's page as a browser has it: its websocket, and the part that takes messages."""

    def __init__(self, browser: Browser, slug: str, returning: bool) -> None:
        self.browser, self.slug, self._returning = browser, slug, returning
        self.socket: WebSocketClientConnection | None = None
        self.part = ""
        self.sequence = 0
        self.received = 0

    async def open(self, link: str = "", token: str = "") -> None:
        """Load the page and its document, and report it ready, as Bokeh's client does."""
        address = f"{self.browser.url}/{self.slug}{link}"
        page = (await self.browser.get(address)).decode()
        if not self._returning:  # a browser that was here has the scripts
            for script in _SCRIPTS.findall(page):
                await self.browser.get(urljoin(address, script))
        found = _TOKEN.search(page)
        if found is None:
            raise Failed(f"{self.slug}: the page holds no session")
        await self.connect(token or found[1], link)
        self._send("PULL-DOC-REQ")
        document = (await self._message("PULL-DOC-REPLY"))["doc"]
        self.part = _main(document)
        for name, value in (
            ("dark_mode", False),
            ("device_pixel_ratio", 1),
            ("language", "en"),
            ("timezone", "UTC"),
        ):
            browser_info = _model(document, "panel.models.browser.BrowserInfo")
            self._patch({"kind": "ModelChanged", "model": {"id": browser_info}, "attr": name, "new": value})
        ready = {"type": "event", "name": "document_ready", "values": {"type": "map"}}
        self._patch({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": ready})

    async def connect(self, token: str, link: str = "") -> None:
        """Open the page's websocket with a token, the page's own or another."""
        parts = urlsplit(f"{self.browser.url}/{self.slug}")
        where = f"ws://{parts.netloc}{parts.path}/ws{link}"
        origin = {"Origin": self.browser.url, "Sec-WebSocket-Protocol": f"bokeh, {token}"}
        self.socket = await websocket_connect(
            HTTPRequest(where, headers=origin, network_interface=self.browser.source), max_message_size=2**28
        )
        self.socket.protocol.set_nodelay(True)  # as browsers do
        await self._message("ACK")

    def say(self, **message: Any) -> None:
        """Send one of the messages of page/js."""
        values = [["model", {"id": self.part}], ["data", _encoded(message)]]
        event = {"type": "event", "name": "data_event", "values": {"type": "map", "entries": values}}
        self._patch({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event})

    async def set(self, **values: Any) -> None:
        """Move sliders, as one step of undo, and wait for the picture that answers."""
        self.sequence += 1
        self.say(type="set", values=values, sequence=self.sequence, step=self.sequence)
        await self._until(f'["answered",{self.sequence}]')

    async def _until(self, text: str) -> str:
        while True:
            kind, content = await self._next()
            if kind == "ERROR":
                raise Failed(f"{self.slug}: the server answered with an error: {content[:300]}")
            if "That did not work" in content:
                raise Failed(f"{self.slug}: a message failed, see the server's log")
            if text in content:
                return content

    async def listen(self) -> None:
        """Take in what comes until the session is closed."""
        while True:
            await self._next()

    def close(self) -> None:
        """Leave the page."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    async def leave(self) -> None:
        """Leave the page and close the browser, connections and all."""
        socket = self.socket
        self.close()
        while socket is not None and await socket.read_message() is not None:
            pass
        await self.browser.close()

    def _send(self, kind: str, content: Any = None) -> None:
        if self.socket is None:
            raise Failed(f"{self.slug}: the session is closed")
        header = {"msgid": f"{random.getrandbits(64):x}", "msgtype": kind}
        for fragment in (header, {}, content or {}):
            self.socket.write_message(json.dumps(fragment, separators=(",", ":")))

    def _patch(self, event: dict[str, Any]) -> None:
        self._send("PATCH-DOC", {"events": [event]})

    async def _frame(self) -> str | bytes:
        if self.socket is None:
            raise Failed(f"{self.slug}: the session is closed")
        frame = await self.socket.read_message()
        if frame is None:
            raise Failed(f"{self.slug}: the server closed the session")
        self.received += len(frame)
        return frame

    async def _next(self) -> tuple[str, str]:
        """Return kind and content of the next message; its buffers are read, and left out."""
        header = json.loads(await self._frame())
        await self._frame()
        content = await self._frame()
        for _ in range(2 * header.get("num_buffers", 0)):
            await self._frame()
        return header["msgtype"], str(content)

    async def _message(self, kind: str) -> Any:
        while True:
            found, content = await self._next()
            if found == kind:
                return json.loads(content)
            if found == "ERROR":
                raise Failed(f"{self.slug}: {content[:300]}")


def _encoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {"type": "map", "entries": [[key, _encoded(each)] for key, each in value.items()]}
    return value


def _models(document: Any) -> Iterator[dict[str, Any]]:
    todo = [document]
    while todo:
        at = todo.pop()
        if isinstance(at, dict):
            if at.get("type") == "object" and "id" in at:
                yield at
            todo += at.values()
        elif isinstance(at, list):
            todo += at


def _model(document: Any, name: str) -> str:
    return next(str(model["id"]) for model in _models(document) if model["name"] == name)


def _main(document: Any) -> str:
    """Return the model of the main part; it takes every message of page/js."""
    for model in _models(document):
        data = model.get("attributes", {}).get("data")
        if isinstance(data, dict) and data.get("attributes", {}).get("kind") == "main":
            return str(model["id"])
    raise Failed("the document has no main part")
