"""Logins, where Panel's own ways do not suffice: capital letters, cookies for https alone, the way back of OAuth.

Source: our own; Panel 1.9 reads PANEL_BASIC_AUTH in small letters, sends students back from a provider to an address
without the prefix, and tornado's cookies say nothing about https.
Not who may log in: that is the command's option (`amtlab serve --basic-auth`, `--oauth`) and the provider.
"""

import os
from typing import Any

from bokeh.server.tornado import BokehTornado
from panel.auth import OAuthLoginHandler
from panel.config import config
from panel.io.state import state
from tornado.web import RequestHandler


def keep_capitals(server: BokehTornado) -> None:
    """Give a server its password, or the name of its file of passwords, as it was written."""
    given = os.environ.get("AMTLAB_BASIC_AUTH")
    if given:
        state._server_config[server] = {**state._server_config.get(server, {}), "basic_auth": given}


def _careful_cookies() -> None:
    """From now on let cookies travel over https only, if the page did, and never with another site's requests."""
    plain = RequestHandler.set_cookie

    def set_cookie(self: RequestHandler, name: str, value: str | bytes, *args: Any, **how: Any) -> None:
        if self.request.protocol == "https":
            how.setdefault("secure", True)
        how.setdefault("samesite", "Lax")
        plain(self, name, value, *args, **how)

    RequestHandler.set_cookie = set_cookie  # type: ignore[method-assign]


def _way_back(self: OAuthLoginHandler) -> str:
    """Return where a provider sends students back to: the address that is registered with it."""
    if config.oauth_redirect_uri:
        return str(config.oauth_redirect_uri)
    request = self.request
    return f"{request.protocol}://{request.host}{self.application.prefix}/login"


def install() -> None:
    """Let this process log in this way; before the server is made."""
    _careful_cookies()
    OAuthLoginHandler._redirect_uri = property(_way_back)
