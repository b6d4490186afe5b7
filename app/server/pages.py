"""How a page reaches a browser: its HTML is written once a process, its session begins with the websocket.

Source: our own measurements (benchmarks/load.py). Bokeh builds a session for the page's HTML and, with two processes,
every other time a second one for the websocket, which lands on the other process; that one lacked the page's address.
Not what stands on a page: that is `app.site`.
"""

import os
from typing import Any

from bokeh.server.urls import per_app_patterns
from bokeh.util.token import generate_jwt_token, generate_session_id, get_session_id
from panel.config import config
from panel.io.resources import LOCAL_DIST, Resources, patch_model_css
from panel.io.server import DocHandler, WSHandler, server_html_page_for_session
from panel.io.state import set_curdoc, state
from tornado.web import authenticated

from app import site
from app.server.access import Visit

#: Longest query that is served: a page's address travels three times, and a request's head has its limit (64 kB).
LONGEST_QUERY = 8000
#: What a page is told that comes back to a process without its session; lab.js then asks again, or opens anew.
NO_SUCH_SESSION = 4404
_PROCESSES = int(os.environ.get("AMTLAB_PROCESSES", "1"))
#: How often a page asks for its session: any process may answer, with two all eight miss it in 0.4 % of cases.
_TRIES = 1 if _PROCESSES == 1 else 4 * _PROCESSES
_THEMES = ("default", "dark")
_SHELLS: dict[tuple[str, str], list[str]] = {}
_TOO_LONG = """<!doctype html><html lang="en"><meta charset="utf-8"><title>AMT Lab</title>
<p>This link has {length} characters after its question mark, more than {most}: it was not made by a lab.
<a href="?">Open the page without it</a>.</p></html>"""


class PageHandler(DocHandler):
    """A page's HTML: the same for everybody but for the token, with which the websocket begins the session."""

    @authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Answer with the page; its first showing in this process is drawn by Panel."""
        query = self.request.query or ""
        if len(query) > LONGEST_QUERY:
            self.set_status(414)
            self.write(_TOO_LONG.format(length=len(query), most=LONGEST_QUERY))
            return
        path, prefix = self.request.path, self.application.prefix
        asks_more = any(name.startswith("bokeh-") for name in self.request.arguments)
        if asks_more or (prefix and path == prefix) or config.authorize_callback or config.reuse_sessions:
            await super().get(*args, **kwargs)
            return
        theme = self.get_query_argument("theme", "default")
        key = (path, theme if theme in _THEMES else "default")
        self.set_header("Cache-Control", "no-store")  # the token in it is good once
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        if key not in _SHELLS:
            _SHELLS[key] = await self._drawn()
        self.write(self._token().join(_SHELLS[key]))

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
        return page.split(session.token)

    def _token(self) -> str:
        server = self.application
        return generate_jwt_token(
            generate_session_id(secret_key=server.secret_key, signed=server.sign_sessions),
            secret_key=server.secret_key,
            signed=server.sign_sessions,
            expiration=server.session_token_expiration,
            extra_payload=self._generate_token_payload(),
        )


class PageSocket(WSHandler):
    """A page's websocket: begins the session where it lands, as if the page's address had been asked for."""

    _visit: Visit | None = None

    def open(self, *args: Any, **kwargs: Any) -> None:
        """Open the connection; small messages leave at once, or pictures wait 40 ms for the browser to confirm."""
        super().open(*args, **kwargs)
        if self.ws_connection is not None:
            self.set_nodelay(True)
        self._visit = Visit(self.request.path.removesuffix("/ws"))

    def on_close(self) -> None:
        """Clean up when the connection is closed."""
        super().on_close()
        if self._visit is not None:
            self._visit.over(self.close_code)

    async def _async_open(self, token: str) -> None:
        if "again" in self.request.arguments and not self._has_session(token):
            # A page that comes back would be given a new session, whose models are not those it shows.
            self.close(NO_SUCH_SESSION, str(_TRIES))
            return
        # The page's own address, not that of its websocket: links, style sheets and scripts follow from it.
        request = self.request
        request.path = request.path.removesuffix("/ws")
        request.uri = request.path + (f"?{request.query}" if request.query else "")
        known = set(self.application_context.sessions)
        session_id = get_session_id(token)
        if not self._has_session(token):
            await site.begin(request.path.rsplit("/", 1)[-1], request.query, session_id)
        try:
            await super()._async_open(token)
        finally:
            site.forget(session_id)
        for session in set(self.application_context.sessions) - known:
            document = session.document
            with set_curdoc(document):
                dist = f"{state.rel_path}/{LOCAL_DIST}" if state.rel_path else LOCAL_DIST
                for root in document.roots:  # styles from this server, never from Panel's host
                    patch_model_css(root, dist_url=dist)

    def _has_session(self, token: str) -> bool:
        wanted = get_session_id(token)
        return any(session.id == wanted for session in self.application_context.sessions)


def install() -> None:
    """Let Panel serve pages this way; before the server is made."""
    ours = {DocHandler: PageHandler, WSHandler: PageSocket}
    per_app_patterns[:] = [(pattern, ours.get(handler, handler)) for pattern, handler in per_app_patterns]
