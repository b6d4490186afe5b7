"""The addresses that this server answers: those on the list below. All others that Bokeh or Panel add answer 404.

Panel's ``/components/...`` imports any module that an address names, Bokeh's ``autoload.js`` hands a session to any
site; neither is needed. What a new version of them adds is not served until it is on the list.
"""

from typing import Any, Final

from bokeh.server.tornado import BokehTornado
from bokeh.server.views.ico_handler import IcoHandler
from bokeh.server.views.multi_root_static_handler import MultiRootStaticHandler
from bokeh.server.views.static_handler import StaticHandler
from panel.auth import BasicLoginHandler, LogoutHandler, OAuthLoginHandler
from tornado.routing import PathMatches, Rule
from tornado.web import RequestHandler

from app import upstream
from app.landing import DOCUMENTATION
from app.page.script import WORKLET
from app.server import documentation, listening
from app.server.health import HealthHandler
from app.server.pages import PageHandler
from app.server.sockets import PageSocket
from app.server.texts import TextHandler

#: The addresses of our own, behind the server's prefix. Browsers take what their thread for sound runs from one alone.
OURS: Final[list[Any]] = [
    ("/health", HealthHandler, {}),
    ("/worklet.js", TextHandler, {"kind": "text/javascript", "text": WORKLET}),
    *documentation.routes(DOCUMENTATION),
    *listening.ROUTES,
]
#: What else answers -> where, behind the server's prefix; of a page, behind the page's own address.
_THEIRS: Final = {
    BasicLoginHandler: ("/login",),
    OAuthLoginHandler: ("/login",),
    LogoutHandler: ("/logout",),
    MultiRootStaticHandler: ("/static/extensions/(.*)",),
    StaticHandler: ("/static/(.*)", "/static/(?!extensions/)(.*)"),
}
_PAGE: Final = {PageHandler: "/?", PageSocket: "/ws"}
#: What a server has only where it was asked for: logins.
_OPTIONAL: Final = (BasicLoginHandler, OAuthLoginHandler, LogoutHandler)
#: Packages whose scripts, styles and fonts pages fetch.
_EXTENSIONS: Final = ("panel", "panel-material-ui")


def _is_needed(server: BokehTornado, route: Rule) -> bool:
    handler, matcher = route.target, route.matcher
    if not (isinstance(matcher, PathMatches) and isinstance(handler, type)):
        return False
    pattern = matcher.regex.pattern.removesuffix("$")
    if handler is IcoHandler:
        return bool(pattern == "/favicon.ico")
    behind = pattern.removeprefix(server.prefix)
    if any(handler is kind for address, kind, _ in OURS if address == behind):
        return True
    for kind, places in _THEIRS.items():
        if issubclass(handler, kind):
            return behind in places
    end = next((end for kind, end in _PAGE.items() if issubclass(handler, kind)), None)
    return end is not None and behind in {f"{'' if page == '/' else page}{end}" for page in server.app_paths}


def keep_needed(server: BokehTornado) -> None:
    """Take away every address that is not on the list; right after the server is made.

    Raises
    ------
    RuntimeError
        If a page, its websocket or the scripts would have no address: this version of Bokeh or Panel is laid out
        differently from those that the list was made for.
    """
    kept: list[type[RequestHandler]] = []
    for rule in server.default_router.rules:
        routes = getattr(rule.target, "rules", None)
        if routes is not None:
            routes[:] = [route for route in routes if _is_needed(server, route)]
            kept += [route.target for route in routes]
    for handler in (*_PAGE, *_THEIRS, *(kind for _, kind, _ in OURS)):
        if handler not in kept and handler not in _OPTIONAL:
            raise RuntimeError(f"no address of {handler.__name__} is left: see app/server/routes.py")
    upstream.offer_extensions(_EXTENSIONS)
