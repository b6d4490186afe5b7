"""The address `/worklet.js`: what a browser's thread for sound runs, which browsers take from an address alone."""

from tornado.web import RequestHandler

from app.page.script import WORKLET


class WorkletHandler(RequestHandler):
    """Answer with the script; browsers ask each time whether it is still the same."""

    def get(self) -> None:
        """Write the script, or that it has not changed."""
        self.set_header("Content-Type", "text/javascript; charset=UTF-8")
        self.set_header("Cache-Control", "no-cache")
        self.write(WORKLET)

    head = get
