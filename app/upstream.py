"""What we need of Panel, Bokeh and Tornado beyond what these offer: each member that is replaced, with its reason.

Seen in Panel 1.9, panel-material-ui 0.16, Bokeh 3.9 and Tornado 6.6; tests/app/test_upstream.py fails where a newer one
differs. Not here: the classes of :mod:`app.server` that take the place of the server's own, whose methods and private
members the same test lists.
"""

import hashlib
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
from bokeh.core.has_props import MetaHasProps
from bokeh.core.serialization import Serializer
from bokeh.core.types import ID
from bokeh.document import Document
from bokeh.embed.bundle import extension_dirs
from bokeh.events import Event
from bokeh.model import DataModel
from bokeh.models import ImportedStyleSheet
from bokeh.server import server as bokeh_server
from bokeh.server.tornado import BokehTornado
from bokeh.server.urls import per_app_patterns
from panel import auth
from panel.auth import BasicAuthProvider, LogoutHandler, OAuthLoginHandler
from panel.custom import JSComponent
from panel.io.state import set_curdoc
from panel.theme.base import Design
from panel.util import edit_readonly
from panel_material_ui.base import MaterialComponent
from tornado.httpserver import HTTPServer, _HTTPRequestContext
from tornado.httputil import HTTPHeaders
from tornado.web import RequestHandler

# --- pages ---------------------------------------------------------------------------------------------------


# Panel asks a component for each of its parameters, and param answers with a copy for that component alone, of 0.5 kB.
@param.parameterized.no_instance_params
class Page(pmui.Page):
    """A page that does not follow whether the server is busy.

    Panel links each page to its busy state, which is one for the whole server, and never unlinks it: each move of one
    student's slider would cost 1 ms for every page that was ever opened (measured).
    """

    busy = param.Parameter(default=False, readonly=True, allow_refs=False)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        with edit_readonly(self):
            self.busy = False


class Unstyled(Design):
    """No design, for a notebook: the parts bring their own style, and there may be no network.

    With panel-material-ui imported, Panel would otherwise wrap a cell in a component fetched from its host.
    """


def keep_cells_offline() -> None:
    """Let what a notebook shows beside a lab's figures and controls, such as a row of them, work without a network.

    On import, panel-material-ui makes its own design that of everything that Panel shows, and wraps cells in a
    component fetched from its host: without a network they stay empty. Style sheets go into the cell.
    """
    pn.config.design = Unstyled
    pn.config.inline = True


if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
    keep_cells_offline()


def _own_styles(properties: dict[str, Any]) -> dict[str, Any]:
    """Return a component's properties without the style sheets that a browser would have to fetch."""
    sheets = properties.get("stylesheets", [])
    return {
        **properties,
        "stylesheets": [each for each in sheets if not isinstance(each, ImportedStyleSheet)],
    }


class _OwnStyles:
    """A layout that asks for no style sheet by its address: Panel names those of its host."""

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        return _own_styles(super()._get_properties(doc))  # type: ignore[misc]


class OfflineRow(_OwnStyles, pn.Row):
    """A row without style sheets from elsewhere."""


class OfflineColumn(_OwnStyles, pn.Column):
    """A column without style sheets from elsewhere."""


@cache
def _hash(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()


@cache
def _dedented(script: str) -> str:
    return textwrap.dedent(script)


class SuppliedComponent(JSComponent):
    """A component whose ``content`` is made when it is shown, and which handles messages alone.

    Panel compares and copies a parameter at each change, which for all that a lab shows costs more than the model does;
    here later changes travel as messages only. And around each message Panel sets its busy state, which no page shows:
    it costs more than reading the message. A subclass declares ``content``, a `param.Dict`, and its script as ``_esm``.

    The script is made ready once, not at each opening (1 ms for each component of a page, measured), and runs as it is:
    Panel has each browser translate each component's from TypeScript, at every opening, unless it counts as a bundle.
    """

    content: dict[str, Any]

    def supply(self) -> dict[str, Any]:
        """Return what the component shows when it appears."""
        raise NotImplementedError(f"{type(self).__name__} must supply its content")

    def shown_in(self, document: Document | None) -> None:
        """Note the document that the component is shown in."""

    @classmethod
    def _render_esm(cls, compiled: Any = True, server: bool = False) -> str:
        return _dedented(cls._esm)

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        self.shown_in(doc)
        with param.parameterized.discard_events(self):
            self.content = self.supply()
        properties: dict[str, Any] = super()._get_properties(doc)
        with param.parameterized.discard_events(self):
            self.content = {}
        properties["bundle"] = _hash(properties["esm"])
        return _own_styles(properties) if self.design is Unstyled else properties

    def _process_bokeh_event(self, doc: Document, event: Event) -> None:
        with set_curdoc(doc):
            self._process_event(event)


def forget_sent() -> None:
    """Drop what the present page was drawn from: its browser has it.

    Bokeh keeps it in the session's models, and beside it an empty list, set or dict of 0.5 kB for each default that it
    wrote into the page: together 0.1 MB a page (measured).
    """
    document = pn.state.curdoc
    for model in document.models if document is not None else ():
        model._unstable_default_values.clear()
        if isinstance(model, DataModel):
            model._property_values.pop("content", None)


def remember_style_sheets() -> None:
    """Look once which style sheets panel-material-ui has: it asks every class at every opening, 150 times the disk."""
    MaterialComponent._bundle_css = list(MaterialComponent._bundle_css)


def define_what_is_shown() -> None:
    """Let documents define the components that they hold, and each definition be written once.

    Bokeh writes into each document, at each opening, the definitions of all components that were imported: 146, nearly
    all of them panel-material-ui's, in 12 ms and 137 kB (measured).
    """
    write, to_json = Serializer._encoders[MetaHasProps], Document.to_json
    written: dict[type, Any] = {}

    def definition(component: Any, serializer: Serializer) -> Any:
        if component not in written:
            written[component] = write(component, serializer)
        else:
            serializer.add_ref(component, {"id": ID(component.__qualified_model__)})
        return written[component]

    def with_its_own(document: Document, *, deferred: bool = True) -> Any:
        found: Any = to_json(document, deferred=deferred)
        content = found.content if deferred else found
        held = {type(model) for model in document.models}
        shown = {getattr(base, "__qualified_model__", "") for each in held for base in each.__mro__}
        content["defs"] = [each for each in content.get("defs", []) if each.get("name") in shown]
        return found

    Serializer._encoders[MetaHasProps] = definition
    Document.to_json = with_its_own


# --- the server; before it is made, but for its sockets: see app/server/plugin.py ------------------------------


def serve_through(
    connections: type[HTTPServer], handlers: Mapping[type, type], fit: Callable[[BokehTornado], None]
) -> None:
    """Let Panel's server have these connections and handlers in place of its own, and be fitted once it is made.

    Panel itself only takes additional addresses. Connections of its own have no limit and wait for an hour, and its
    pages begin one session for their HTML and often another one for their websocket.
    """
    bokeh_server.HTTPServer = connections
    per_app_patterns[:] = [(pattern, handlers.get(handler, handler)) for pattern, handler in per_app_patterns]
    make = BokehTornado.__init__

    @wraps(make)
    def made(self: BokehTornado, *args: Any, **settings: Any) -> None:
        make(self, *args, **settings)
        fit(self)

    BokehTornado.__init__ = made


def offer_extensions(names: Iterable[str]) -> None:
    """Let the server offer the scripts, styles and fonts of these packages alone; Bokeh offers all that it finds."""
    for name in set(extension_dirs) - set(names):
        del extension_dirs[name]
    for name, folder in extension_dirs.items():
        # A path with ".." in it is never the beginning of what Tornado asks for.
        extension_dirs[name] = Path(folder).resolve()


def find_clients(address: Callable[[str, HTTPHeaders], str]) -> None:
    """Let this decide who asks, by the address of the connection and the headers of the request.

    Tornado takes headers by which a client claims an address from anybody once it is behind a proxy, and ``X-Real-Ip``,
    which many proxies pass on as it came, before ``X-Forwarded-For``, which they all write.
    """
    plain = _HTTPRequestContext._apply_xheaders

    def careful(self: _HTTPRequestContext, headers: HTTPHeaders) -> None:
        peer = self.remote_ip
        plain(self, headers)  # the protocol; a false one harms only the client that sends it
        self.remote_ip = address(peer, headers)

    _HTTPRequestContext._apply_xheaders = careful  # type: ignore[method-assign]


def keep_cookies_safe() -> None:
    """Let no script read a cookie, and no other site send it; and over https only, if the page came so.

    Tornado leaves this to whoever sets a cookie; Panel does the first alone, and not for all of its own.
    """
    plain = RequestHandler.set_cookie

    def set_cookie(self: RequestHandler, name: str, value: str | bytes, *args: Any, **how: Any) -> None:
        if self.request.protocol == "https":
            how["secure"] = True
        how["httponly"] = True
        how.setdefault("samesite", "Lax")
        plain(self, name, value, *args, **how)

    RequestHandler.set_cookie = set_cookie  # type: ignore[method-assign]


def log_in_through(
    *,
    way_on: Callable[[str], str],
    password_handler: Callable[[Any], type],
    live_user: Callable[[Any], Any],
    log_out: Callable[[Any], Any],
    way_back: Callable[[Any], str],
    logged_in: Callable[[Any], Any],
    say_why: Callable[..., None],
) -> None:
    """Let Panel's logins go through ours; `live_user`, `log_out` and `logged_in` are given Panel's own.

    Panel compares passwords as fast as they come, leaves cookies valid after a logout, leads to any path of the host
    after a login, believes the host that a request names, and shows what an address says as its own words.
    """
    auth._validate_next_url = way_on
    BasicAuthProvider.login_handler = property(password_handler)
    BasicAuthProvider.get_user = property(live_user(BasicAuthProvider.get_user.fget))
    LogoutHandler.get = log_out(LogoutHandler.get)
    OAuthLoginHandler._redirect_uri = property(way_back)
    OAuthLoginHandler.set_auth_cookies = staticmethod(logged_in(OAuthLoginHandler.set_auth_cookies))
    OAuthLoginHandler.write_error = say_why


def open_sockets(servers: Iterable[Any]) -> set[Any]:
    """Return the websockets of these Bokeh servers; Bokeh has no public list of them."""
    connections = (each for server in servers for each in getattr(server, "_clients", ()))
    return {each._socket for each in connections if each._socket is not None}
