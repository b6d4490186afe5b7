"""A site that students log in with, for tests: as much of OAuth 2 as `amtlab serve --oauth generic` asks for.

Source: RFC 6749, the authorization code grant.
Not a provider to learn from: who logs in is what the test says, and the code is their name.
"""

import base64
import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY, SECRET = "labs", "the labs' secret"


class LoginSite:
    """What the site is told by the test, and what it has seen."""

    def __init__(self, url: str) -> None:
        self.url = url
        #: Who sits before the browser; None denies the labs what they ask for.
        self.person: str | None = "ann"
        self.asked: list[dict[str, str]] = []

    @property
    def environment(self) -> dict[str, str]:
        """What the server of the labs has to know of the site."""
        return {
            "PANEL_OAUTH_KEY": KEY,
            "PANEL_OAUTH_SECRET": SECRET,
            "PANEL_OAUTH_AUTHORIZE_URL": f"{self.url}/authorize",
            "PANEL_OAUTH_TOKEN_URL": f"{self.url}/token",
            "PANEL_OAUTH_USER_URL": f"{self.url}/user",
        }


@contextmanager
def login_site() -> Iterator[LoginSite]:
    """Open the site on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, status: int, found: dict[str, str], **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def do_GET(self) -> None:
            where = urllib.parse.urlsplit(self.path)
            asked = dict(urllib.parse.parse_qsl(where.query))
            if where.path == "/authorize":
                site.asked.append(asked)
                said = (
                    {"error": "access_denied", "error_description": "you said no <b>to it</b>"}
                    if site.person is None
                    else {"code": base64.b16encode(site.person.encode()).decode()}
                )
                query = urllib.parse.urlencode({**said, "state": asked["state"]})
                self._answer(302, {}, Location=f"{asked['redirect_uri']}?{query}")
            elif where.path == "/user":
                name = self.headers["Authorization"].removeprefix("Bearer token-of-")
                self._answer(200, {"email": f"{name}@example.edu"})
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            if (form.get("client_id"), form.get("client_secret")) != (KEY, SECRET):
                self._answer(401, {"error": "invalid_client"})
                return
            try:
                name = base64.b16decode(form["code"]).decode()
            except ValueError:
                self._answer(400, {"error": "invalid_grant", "error_description": "no such code"})
                return
            self._answer(200, {"access_token": f"token-of-{name}", "token_type": "Bearer"})

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = LoginSite(f"http://localhost:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
