"""A websocket client that can misbehave: any address, any frames, no reading, no pongs, and what it was closed with."""

import asyncio
import base64
import contextlib
import json
import os
import re
import socket
import struct
import urllib.request
from typing import Any, Self
from urllib.parse import urlsplit

TEXT, BYTES, CLOSE, PING, PONG = 1, 2, 8, 9, 10
TOKEN = re.compile(r'"token": ?"([^"]+)"')


def page(url: str, headers: dict[str, str] | None = None) -> str:
    """Return a page's HTML."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(urllib.request.Request(url, headers=headers or {}), timeout=60) as answer:
        return str(answer.read().decode())


def token_of(url: str) -> str:
    """Return the token in a page's HTML."""
    found = TOKEN.search(page(url))
    assert found, url
    return found[1]


class Closed(Exception):
    """The server has closed the connection."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class Wire:
    """One connection of a page."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        #: Whether pings are answered.
        self.answers = True
        self.document: dict[str, Any] = {}

    @classmethod
    async def open(
        cls,
        address: str,
        token: str,
        *,
        source: str = "127.0.0.1",
        headers: dict[str, str] | None = None,
        narrow: bool = False,
    ) -> Self:
        """Shake hands at a page's address, from one of this machine's own; ``narrow``: little fits into the wire."""
        parts = urlsplit(address)
        own = socket.socket()
        own.setblocking(False)
        own.bind((source, 0))
        if narrow:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", parts.port))
        reader, writer = await asyncio.open_connection(sock=own)
        lines = {
            "Host": parts.netloc,
            "Origin": f"http://{parts.netloc}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": f"bokeh, {token}",
            **(headers or {}),
        }
        query = f"?{parts.query}" if parts.query else ""
        head = f"GET {parts.path.rstrip('/')}/ws{query} HTTP/1.1\r\n"
        writer.write((head + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n").encode())
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        status = int(answer.split()[1])
        if status != 101:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            raise Closed(status, "no websocket")
        return cls(reader, writer)

    @classmethod
    async def visit(cls, address: str, **how: Any) -> Self:
        """Open a page as a browser does, its document included."""
        wire = await cls.open(address, await asyncio.to_thread(token_of, address), **how)
        assert (await wire.message())[0] == "ACK"
        wire.say("PULL-DOC-REQ", {})
        kind = ""
        while kind != "PULL-DOC-REPLY":  # what the page is told meanwhile comes before it
            kind, content = await wire.message()
        wire.document = json.loads(content)["doc"]
        return wire

    # ------------------------------------------------------------------ sending

    def frame(self, data: str | bytes, opcode: int | None = None, *, last: bool = True) -> None:
        """Send a frame."""
        content = data.encode() if isinstance(data, str) else data
        kind = (TEXT if isinstance(data, str) else BYTES) if opcode is None else opcode
        head = struct.pack("B", (0x80 if last else 0) | kind)
        if len(content) < 126:
            head += struct.pack("B", 0x80 | len(content))
        elif len(content) < 2**16:
            head += struct.pack("!BH", 0x80 | 126, len(content))
        else:
            head += struct.pack("!BQ", 0x80 | 127, len(content))
        self._writer.write(head + bytes(4) + content)  # masked with zeros

    def say(self, kind: str, content: Any, **header: Any) -> None:
        """Send a message of Bokeh's protocol."""
        for part in ({"msgid": os.urandom(8).hex(), "msgtype": kind, **header}, {}, content):
            self.frame(json.dumps(part))

    def patch(self, *events: dict[str, Any]) -> None:
        """Send changes."""
        self.say("PATCH-DOC", {"events": list(events)})

    def tell(self, part: str, **message: Any) -> None:
        """Send one of the messages of page/js."""
        self.patch(told(part, **message))

    # ------------------------------------------------------------------ receiving

    async def next(self) -> tuple[int, bytes]:
        """Return the next frame that is not a ping."""
        while True:
            try:
                first, size = await self._reader.readexactly(2)
                if size == 126:
                    size = struct.unpack("!H", await self._reader.readexactly(2))[0]
                elif size == 127:
                    size = struct.unpack("!Q", await self._reader.readexactly(8))[0]
                data = await self._reader.readexactly(size)
            except (asyncio.IncompleteReadError, ConnectionError):
                await self.cut()
                raise Closed(None, "cut") from None
            opcode = first & 15
            if opcode == CLOSE:
                await self.cut()
                code = struct.unpack("!H", data[:2])[0] if data else None
                raise Closed(code, data[2:].decode())
            if opcode != PING:
                return opcode, data
            if self.answers:
                self.frame(data, PONG)

    async def message(self) -> tuple[str, str]:
        """Return kind and content of the next message."""
        header = json.loads((await self.next())[1])
        await self.next()
        content = (await self.next())[1].decode()
        for _ in range(2 * header.get("num_buffers", 0)):
            await self.next()
        return header["msgtype"], content

    async def until(self, text: str) -> str:
        """Return the content of the next message that holds a text."""
        while True:
            _, content = await self.message()
            if text in content:
                return content

    async def closed(self, within_s: float = 20.0) -> Closed:
        """Return what the server closes the connection with."""

        async def read() -> Closed:
            try:
                while True:
                    await self.next()
            except Closed as closed:
                return closed

        return await asyncio.wait_for(read(), within_s)

    async def cut(self) -> None:
        """Leave without a word."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    # ------------------------------------------------------------------ the document

    def models(self) -> list[dict[str, Any]]:
        """Return the models of the document."""
        found, todo = [], [self.document]
        while todo:
            at: Any = todo.pop()
            if isinstance(at, dict):
                found += [at] if at.get("type") == "object" and "id" in at else []
                todo += at.values()
            elif isinstance(at, list):
                todo += at
        return found

    def model(self, name: str, **attributes: Any) -> str:
        """Return the id of the first model with a name and some attributes."""
        return next(
            str(model["id"])
            for model in self.models()
            if model["name"] == name
            and all(model.get("attributes", {}).get(k) == v for k, v in attributes.items())
        )


def told(part: str, **message: Any) -> dict[str, Any]:
    """Return the event that carries a message of page/js."""
    values = [["model", {"id": part}], ["data", _encoded(message)]]
    event = {"type": "event", "name": "data_event", "values": {"type": "map", "entries": values}}
    return {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event}


def _encoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {"type": "map", "entries": [[key, _encoded(each)] for key, each in value.items()]}
    return value
