"""The listening test's addresses: who may ask, in which form, how much, and how fast."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from app.listen.service import ListeningService
from app.listen.store import Store
from app.server import listening
from tests.app.test_listen import SHORT

Fetch = Callable[..., Awaitable[HTTPResponse]]


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = ListeningService(Store(tmp_path / "runs.sqlite"))
    monkeypatch.setattr(listening, "_service", lambda: service)
    monkeypatch.setattr(listening, "_PACE", listening._Pace())


def asked(use: Callable[[Fetch], Awaitable[None]], user: str | None = "somebody") -> None:
    """Serve the addresses to somebody, or to a stranger, and let a test ask."""

    async def serve() -> None:
        served = Application(listening.ROUTES)
        served.auth_provider = SimpleNamespace(  # type: ignore[attr-defined]
            get_user=lambda handler: user, get_user_async=None, get_login_url=lambda handler: "/login"
        )
        socket, port = bind_unused_port()
        server = HTTPServer(served)
        server.add_sockets([socket])
        client = AsyncHTTPClient()

        async def fetch(path: str, message: Any = None, **how: Any) -> HTTPResponse:
            if message is not None:
                how = {"method": "POST", "headers": {"Content-Type": "application/json"}, **how}
                how["body"] = message if isinstance(message, str) else json.dumps(message)
            url = f"http://127.0.0.1:{port}{path}"
            return await client.fetch(url, raise_error=False, follow_redirects=False, **how)

        try:
            await use(fetch)
        finally:
            server.stop()
            await server.close_all_connections()

    asyncio.run(serve())


def test_the_page_has_a_script_a_style_and_no_other_place_to_go_to() -> None:
    async def use(fetch: Fetch) -> None:
        page = await fetch("/listen")
        assert page.code == 200
        policy = page.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "unsafe-eval" not in policy
        for address, kind in (("/listen.js", "text/javascript"), ("/listen.css", "text/css")):
            found = await fetch(address)
            assert found.code == 200
            assert found.headers["Content-Type"].startswith(kind)
            again = await fetch(address, headers={"If-None-Match": found.headers["Etag"]})
            assert again.code == 304

    asked(use)


def test_a_message_is_answered_and_a_sound_is_handed_out() -> None:
    async def use(fetch: Fetch) -> None:
        begun = json.loads((await fetch("/listen/ask", {"type": "begin", "link": SHORT})).body)
        sound = await fetch("/listen/sound", {"run": begun["run"], "number": 0})
        assert sound.headers["Content-Type"] == "application/octet-stream"
        assert sound.headers["Cache-Control"] == "no-store"
        assert int.from_bytes(sound.body[:4], "little") == 256
        refused = json.loads((await fetch("/listen/sound", {"run": begun["run"], "number": 1})).body)
        assert "not the one that waits" in refused["problem"]

    asked(use)


def test_a_stranger_is_sent_to_log_in_and_told_nothing() -> None:
    async def use(fetch: Fetch) -> None:
        page = await fetch("/listen")
        assert page.code == 302
        assert page.headers["Location"].startswith("/login")
        for where in ("ask", "sound"):
            assert (await fetch(f"/listen/{where}", {"type": "open", "link": ""})).code == 403

    asked(use, user=None)


def test_what_another_site_could_send_without_asking_is_not_taken() -> None:
    async def use(fetch: Fetch) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""):
            answer = await fetch("/listen/ask", {"type": "open", "link": ""}, headers={"Content-Type": kind})
            assert answer.code == 415, kind

    asked(use)


def test_what_is_too_long_or_no_json_is_refused() -> None:
    async def use(fetch: Fetch) -> None:
        assert (await fetch("/listen/ask", {"type": "open", "link": "a" * 30_000})).code == 413
        for text in ("{", "[" * 15_000, "nan("):
            assert (await fetch("/listen/ask", text)).code == 400
        assert (await fetch("/listen/nothing", {"type": "open"})).code == 404

    asked(use)


def test_who_asks_too_much_waits_and_who_lets_too_much_wait_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "_WAITING", 3)
    monkeypatch.setattr(listening, "LIMITS", SimpleNamespace(client_messages=2.0))

    async def use(fetch: Fetch) -> None:
        answers = await asyncio.gather(*(fetch("/listen/ask", {"type": "nothing"}) for _ in range(10)))
        codes = sorted(each.code for each in answers)
        assert codes.count(200) >= 4
        assert codes.count(429) >= 1
        refused = next(each for each in answers if each.code == 429)
        assert "goes on by itself" in json.loads(refused.body)["problem"]

    asked(use)
