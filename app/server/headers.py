"""Headers of every answer that tell browsers what these pages may do: nothing from or to any other place.

Source: the OWASP cheat sheet on HTTP headers; the exceptions are what the pages were seen to need.
Not authentication, and not TLS: see the README on serving a class.
"""

import os
import re
from typing import Any

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

_HOST = re.compile(r"^[A-Za-z0-9.:\[\]-]{1,255}$")
#: Pages in whose frames the labs may stand, beside their own, such as that of a course.
_FRAMES = " ".join(["'self'", *os.environ.get("AMTLAB_FRAMES", "").split()])


def policy(host: str) -> str:
    """Return the content security policy of a page asked for under a host's name.

    Examples
    --------
    >>> "ws://lab.example.edu wss://lab.example.edu" in policy("lab.example.edu")
    True
    """
    # Not every browser counts the page's own websocket as 'self'.
    sockets = f" ws://{host} wss://{host}" if _HOST.match(host) else ""
    return "; ".join(
        [
            "default-src 'self'",
            # BokehJS compiles functions, and components are modules made in the page.
            "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
            "style-src 'self' 'unsafe-inline' blob:",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src 'self' data: blob:{sockets}",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors {_FRAMES}",
        ]
    )


class SafeHeaders(OutputTransform):
    """Adds the headers to whatever this server answers, Panel's own answers included."""

    def __init__(self, request: HTTPServerRequest) -> None:
        super().__init__(request)
        self._host = request.host or ""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add what every answer should say, and leave out what nobody needs to know."""
        added: dict[str, Any] = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if headers.get("Content-Type", "").startswith("text/html"):
            added["Content-Security-Policy"] = policy(self._host)
            if _FRAMES == "'self'":
                added["X-Frame-Options"] = "SAMEORIGIN"
        for name, value in added.items():
            headers[name] = value
        headers.pop("Server", None)
        return status_code, headers, chunk
