"""What `panel serve --plugins app.server.plugin` adds to Panel's server: addresses, pages, headers, log, a good end.

Panel itself only offers additional addresses (`ROUTES`), so the rest is patched in when the server is made. Import it
nowhere else: importing it changes how this process serves.
"""

import functools
import os
import sys
import traceback
from typing import Any

from bokeh.server.tornado import BokehTornado

from app import state
from app.landing import DOCUMENTATION
from app.lessons import LessonError
from app.server import (
    access,
    bounded_log,
    clients,
    connections,
    documentation,
    headers,
    listening,
    logins,
    pages,
    routes,
)
from app.server.health import HealthHandler
from app.server.not_found import NotFound
from app.server.warm import is_shared, warm_up
from app.server.worklet import WorkletHandler


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
    server.settings["default_handler_class"] = NotFound


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
    try:
        warm_up()
    except LessonError as problem:
        print(f"amtlab: --lessons: {problem}", file=sys.stderr, flush=True)
        os._exit(1)
    except Exception:
        traceback.print_exc()  # `amtlab serve` says that the server ended, below this
        os._exit(1)
ROUTES: list[Any] = [
    ("/health", HealthHandler, {}),
    ("/worklet.js", WorkletHandler, {}),
    *documentation.routes(DOCUMENTATION),
    *listening.ROUTES,
]
