"""How a page reaches a browser: its HTML is written once a process, its session begins with the websocket.

Bokeh builds a session for the page's HTML and, with two processes,
half the time a second one for the websocket, which lands on the other process and lacks the page's address
(benchmarks/load.py measures the cost).
"""

from typing import Any

from bokeh.util.token import generate_jwt_token, generate_session_id
from panel.config import config
from panel.io.resources import Resources
from panel.io.server import DocHandler, server_html_page_for_session
from panel.io.state import set_curdoc
from tornado.web import RequestHandler, authenticated

from app import state
from app.landing import nowhere_html
from app.page.link import LONGEST
from app.server import clients, headers
from app.server.sessions import forget_wishes
from app.site import LABS

_THEMES = ("default", "dark")
_SHELLS: dict[tuple[str, str], list[str]] = {}
_TOO_LONG = """<!doctype html><html lang="en"><meta charset="utf-8"><title>AMT Lab</title>
<p>This link has {length} characters after its question mark, more than {most}: it was not made by a lab.
<a href="?">Open the page without it</a>.</p></html>"""
_TOO_MANY = """<!doctype html><html lang="en"><meta charset="utf-8"><title>AMT Lab</title>
<p>{most:g} pages of this server are open from your network address, and it takes no more. Close some, then
<a href="">open this one again</a>.</p></html>"""


class PageHandler(DocHandler):
    """A page's HTML: the same for everybody but for the token, with which the websocket begins the session."""

    @authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Answer with the page; its first showing in this process is drawn by Panel."""
        forget_wishes(self.request)
        if clients.sockets_full(clients.client_of(self.request.remote_ip)):
            self.set_status(429)
            self.write(_TOO_MANY.format(most=clients.LIMITS.client_sockets))
            return
        query = self.request.query or ""
        if len(query) > LONGEST:
            self.set_status(414)
            self.write(_TOO_LONG.format(length=len(query), most=LONGEST))
            return
        path, prefix = self.request.path, self.application.prefix
        if (prefix and path == prefix) or config.authorize_callback or config.reuse_sessions:
            await super().get(*args, **kwargs)
            return
        theme = self.get_query_argument("theme", "default")
        key = (path, theme if theme in _THEMES else "default")
        self.set_header("Cache-Control", "no-store")  # the token in it is good once
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        if key not in _SHELLS:
            _SHELLS[key] = await self._drawn()
        self.write(headers.permitted(self, self._token().join(_SHELLS[key])))

    async def head(self, *args: Any, **kwargs: Any) -> None:
        """Answer like `get`, without the page."""
        answered = self.get(*args, **kwargs)
        if answered is not None:  # sent to log in
            await answered

    async def _drawn(self) -> list[str]:
        """Return the page's HTML as Panel writes it, cut where the token stands."""
        session = await self.get_session()
        with set_curdoc(session.document):
            page = server_html_page_for_session(
                session,
                resources=Resources.from_bokeh(self.application.resources()),
                title=session.document.title,
                token=session.token,
                template=session.document.template,
                template_variables=session.document.template_variables,
            )
        session.request_expiration()  # nobody will connect to it
        return headers.marked(page).split(session.token)

    def _token(self) -> str:
        server = self.application
        return generate_jwt_token(
            generate_session_id(secret_key=server.secret_key, signed=server.sign_sessions),
            secret_key=server.secret_key,
            signed=server.sign_sessions,
            expiration=server.session_token_expiration,
            extra_payload=self._generate_token_payload(),
        )


class NotFound(RequestHandler):
    """Answers at an address of no page, whatever the request: that there is nothing, and where the labs are."""

    def prepare(self) -> None:
        """Answer before anything of the request is looked at."""
        query = self.request.query or ""
        self.set_status(404)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        known = query if len(query) <= LONGEST else ""
        self.finish(nowhere_html(LABS, state.SERVERS[0].prefix, self.request.path, known))

    def check_xsrf_cookie(self) -> None:
        """Let every request learn that there is nothing."""
