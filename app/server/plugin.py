"""What `panel serve --plugins app.server.plugin` adds to Panel's server: addresses, pages, headers, log, a good end.

Panel itself only offers additional addresses (`ROUTES`), so the rest is patched in when the server is made. Import it
nowhere else: importing it changes how this process serves.
"""

import functools
import os
from typing import Any

from bokeh.server.tornado import BokehTornado

from app import state
from app.server import access, bounded_log, clients, connections, headers, logins, pages, routes
from app.server.warm import is_shared, or_end, warm_up


def _fit(server: BokehTornado) -> None:
    state.SERVERS.append(server)
    routes.keep_needed(server)
    headers.know(server.websocket_origins)
    server.add_transform(headers.SafeHeaders)
    bounded_log.install()  # before the access log, which is meant to have a line for each request
    log = os.environ.get("AMTLAB_ACCESS_LOG")
    if log:
        access.open_log(log)
    server.settings["log_function"] = access.note_request
    server.settings["default_handler_class"] = pages.NotFound


def _fitted(make: Any) -> Any:
    @functools.wraps(make)
    def made(self: BokehTornado, *args: Any, **settings: Any) -> None:
        make(self, *args, **settings)
        _fit(self)

    return made


clients.install()
connections.install()
pages.install()
logins.install()
BokehTornado.__init__ = _fitted(BokehTornado.__init__)
if "AMTLAB_PROCESSES" in os.environ and is_shared():  # in the server alone, before its processes part
    with or_end(1):
        warm_up()
ROUTES = routes.OURS
