"""The address `/worklet.js`: what a browser's thread for sound runs, which browsers take from an address alone."""

from app.page.script import WORKLET
from app.server.texts import TextHandler


class WorkletHandler(TextHandler):
    """The script."""

    kind = "text/javascript"
    text = WORKLET
