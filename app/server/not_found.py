"""What answers at an address of no page: a page that leads on, in the style of the landing page."""

from typing import cast

from bokeh.server.tornado import BokehTornado
from tornado.web import RequestHandler

from app.landing import nowhere_html
from app.server.pages import LONGEST_QUERY
from app.site import LABS


class NotFound(RequestHandler):
    """Says that there is nothing, whatever the request, and where the labs are."""

    def prepare(self) -> None:
        """Answer before anything of the request is looked at."""
        prefix = cast(BokehTornado, self.application).prefix
        query = self.request.query or ""
        self.set_status(404)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish(
            nowhere_html(LABS, prefix, self.request.path, query if len(query) <= LONGEST_QUERY else "")
        )

    def check_xsrf_cookie(self) -> None:
        """Let every request learn that there is nothing."""
