"""Headers of every answer that tell browsers what these pages may do: nothing from or to any other place.

Source: W3C, Content Security Policy Level 3; the OWASP cheat sheet on HTTP headers. A page's exceptions are those
without which Chromium refused something on a page, in its sounds, files or exports (`tests/browser` would fail):

- scripts: Bokeh's start and Panel's watch on the websocket stand in the page itself, and es-module-shims makes
  ``<script>`` elements of blobs; a nonce, new in each answer, allows the first, and es-module-shims hands it on to the
  second. So neither ``'unsafe-inline'`` nor ``blob:`` is needed. ``'unsafe-eval'`` would be for what BokehJS compiles:
  ``CustomJS``, ``CustomJSTickFormatter`` and their kind, which no figure of ours uses.
- styles: ``'unsafe-inline'``, for Bokeh, Panel and emotion (of MUI) write ``<style>`` elements into the page and its
  shadow roots, and attributes ``style``.
- connections: ``blob:``, from which es-module-shims fetches the source of a component before it makes a module of it.
- images: ``data:``, the icons in the style sheets of Bokeh and MUI.
- media: ``blob:``, the sounds that the page plays.

Not authentication, and not TLS: see docs/pages/howto/serving.md.
"""

import os
import re
import secrets
from collections.abc import Iterable

from tornado.httputil import HTTPHeaders
from tornado.web import OutputTransform, RequestHandler

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?")
_SCRIPT = re.compile(r"<script(?=[\s>])")
#: Stands in a page that is kept where the nonce of each answer goes.
_PLACE = secrets.token_hex(16)
#: Pages in whose frames the labs may stand, beside their own, such as that of a course.
_FRAMES = " ".join(["'self'", *os.environ.get("AMTLAB_FRAMES", "").split()])
#: Whether the labs' own pages may ask for a microphone, see :mod:`app.page.live`.
_MICROPHONE = "(self)" if os.environ.get("AMTLAB_MICROPHONE") else "()"
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": f"camera=(), geolocation=(), microphone={_MICROPHONE}",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_sockets: list[str] = []


def websockets(origins: Iterable[str]) -> list[str]:
    """Return where the pages' websockets may be, given the names under which browsers reach the server.

    Not every browser counts a page's own websocket as ``'self'``.

    Parameters
    ----------
    origins : iterable of str
        Names with ports, as Bokeh keeps them: port 80 stands for none as well.

    Examples
    --------
    >>> websockets(["lab.example.edu:80", "10.0.0.5:5006"])
    ['ws://10.0.0.5:5006', 'wss://10.0.0.5:5006', 'ws://lab.example.edu', 'wss://lab.example.edu']
    """
    hosts = sorted(each.removesuffix(":80") for each in origins if _HOST.fullmatch(each))
    return [f"{scheme}://{host}" for host in hosts for scheme in ("ws", "wss")]


def know(origins: Iterable[str]) -> None:
    """Let the policies of this process name the server's own hosts, whatever name a request asks for."""
    _sockets[:] = websockets(origins)


def policy(scripts: str = "'none'", media: str = "blob:") -> str:
    """Return the content security policy of an answer with these scripts and sounds, by default no script at all."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            f"media-src {media}",
            "font-src 'self'",
            " ".join(["connect-src 'self' blob:", *_sockets]),
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors {_FRAMES}",
        ]
    )


def marked(page: str) -> str:
    """Return a page of the server's own with a place for the nonce in each script; nothing in it is a visitor's."""
    return _SCRIPT.sub(f'<script nonce="{_PLACE}"', page)


def permitted(handler: RequestHandler, page: str) -> str:
    """Return a `marked` page with the nonce of this answer, whose policy allows its scripts."""
    nonce = secrets.token_urlsafe(16)
    handler.set_header("Content-Security-Policy", policy(f"'self' 'nonce-{nonce}'"))
    return page.replace(_PLACE, nonce)


class SafeHeaders(OutputTransform):
    """Adds the headers to whatever this server answers, Panel's own answers included."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add what every answer should say, and leave out what nobody needs to know."""
        for name, value in _ALWAYS.items():
            headers[name] = value
        if headers.get("Content-Type", "").startswith("text/html"):
            headers.setdefault("Content-Security-Policy", policy())
            if _FRAMES == "'self'":
                headers["X-Frame-Options"] = "SAMEORIGIN"
        headers.pop("Server", None)
        return status_code, headers, chunk
