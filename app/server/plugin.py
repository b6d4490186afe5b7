"""What `panel serve --plugins app.server.plugin` adds to Panel's server: addresses, pages, headers, log, a good end.

Panel itself only offers additional addresses (`ROUTES`); the rest takes the place of its own, in `app.upstream`. Import
it nowhere else: importing it changes how this process serves.
"""

import os

from bokeh.server.tornado import BokehTornado
from panel.io.server import DocHandler, WSHandler

from app import state, upstream
from app.server import access, bounded_log, clients, headers, logins, pages, routes
from app.server.connections import Connections
from app.server.sockets import PageSocket
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


upstream.serve_through(Connections, {DocHandler: pages.PageHandler, WSHandler: PageSocket}, _fit)
upstream.find_clients(clients.client_address)
logins.install()
if "AMTLAB_PROCESSES" in os.environ and is_shared():  # in the server alone, before its processes part
    with or_end(1):
        warm_up()
ROUTES = routes.OURS
