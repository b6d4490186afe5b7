"""The addresses of the listening test: its page, its script and style, and what the page asks while it runs.

The page is plain HTML, and no session of Bokeh's belongs to it: a run lives in the store of all processes
(`app/listen/store.py`), so it goes on whichever process answers next. What is asked is done in threads.
"""

import asyncio
import json
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from bokeh.server.views.auth_request_handler import AuthRequestHandler
from tornado.web import HTTPError, authenticated

from app.listen.service import ListeningService
from app.listen.sounds import Played
from app.listen.store import shared_store
from app.page.layout import SITE
from app.page.script import LISTEN
from app.server import headers
from app.server.clients import LIMITS, client_of
from app.server.pace import Allowance
from app.server.texts import TextHandler

_STATIC = Path(__file__).parents[1] / "static"
#: The page's style: that of the labs' parts, and its own.
_STYLE = "".join((_STATIC / name).read_text(encoding="utf-8") for name in ("lab.css", "listen.css"))
#: Largest message, bytes.
LARGEST = 20_000
#: Requests of one client that may wait at a time, and clients whose pace is remembered.
_WAITING, _CLIENTS = 200, 1000
_BUSY = {
    "problem": "Too much is asked from your network address at the moment: wait a moment, it goes on by itself."
}
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Listening test · {SITE}</title>
<link rel="icon" href="favicon.ico">
<link rel="stylesheet" href="listen.css">
<script type="module" src="listen.js"></script>
</head>
<body class="test-page">
<header class="top-bar"></header>
<main tabindex="-1"><noscript><p>This page plays sounds and needs JavaScript, which is switched off in this browser.</p>
</noscript></main>
</body>
</html>
"""


@cache
def _service() -> ListeningService:
    return ListeningService(shared_store())


@cache
def _threads() -> ThreadPoolExecutor:
    """Return the threads of this process: one that computes sounds and one beside it keep the loop free."""
    return ThreadPoolExecutor(2, thread_name_prefix="listen")


class _Pace:
    """How much each client asks: what comes faster than a class does has to wait."""

    def __init__(self) -> None:
        self._allowances: OrderedDict[str, Allowance] = OrderedDict()

    async def pass_on(self, client: str) -> bool:
        """Wait until a client's request is due; return False if as many wait as may."""
        allowance = self._allowances.setdefault(client, Allowance(LIMITS.client_messages))
        self._allowances.move_to_end(client)
        while len(self._allowances) > _CLIENTS:
            self._allowances.popitem(last=False)
        if allowance.wait() * LIMITS.client_messages >= _WAITING:  # each waits for those before it
            return False
        allowance.use(1.0)
        await asyncio.sleep(allowance.wait())
        return True


_PACE = _Pace()


class ListenPage(AuthRequestHandler):
    """The page: the same for everybody; its script reads the link."""

    @authenticated
    def get(self) -> None:
        """Write the page."""
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Content-Security-Policy", headers.policy("'self'"))
        self.write(_PAGE)

    head = get


class ListenAsk(AuthRequestHandler):
    """What the page asks: JSON in; JSON out, or a sound."""

    def check_xsrf_cookie(self) -> None:
        """Need no cookie: other sites cannot send a message of this type without asking first, and are not let."""

    @authenticated
    async def post(self, what: str) -> None:
        """Answer a message, or hand out a sound."""
        self.set_header("Cache-Control", "no-store")
        message = self._message()
        if not await _PACE.pass_on(client_of(self.request.remote_ip)):
            self.set_status(429)
            self.write(_BUSY)
            return
        loop = asyncio.get_running_loop()
        if what == "sound":
            found = await loop.run_in_executor(_threads(), lambda: _sound(message))
            if isinstance(found, bytes):
                self.set_header("Content-Type", "application/octet-stream")
            self.write(found)
        else:
            self.write(await loop.run_in_executor(_threads(), lambda: _service().answer(message)))

    def _message(self) -> Any:
        """Return the message; raise where the request is refused."""
        kind = self.request.headers.get("Content-Type", "").split(";")[0].strip()
        if kind != "application/json":
            raise HTTPError(415)
        if len(self.request.body) > LARGEST:
            raise HTTPError(413)
        try:
            return json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise HTTPError(400) from None


def _sound(message: Any) -> bytes | dict[str, Any]:
    found = _service().sound(message)
    return found.packed() if isinstance(found, Played) else found


ROUTES: list[Any] = [
    ("/listen", ListenPage, {}),
    ("/listen.js", TextHandler, {"kind": "text/javascript", "text": LISTEN}),
    ("/listen.css", TextHandler, {"kind": "text/css", "text": _STYLE.replace(":host", "body")}),
    ("/listen/(ask|sound)", ListenAsk, {}),
]
