"""What answers with a text that stays the same while a server runs: a script, a style."""

from tornado.web import RequestHandler


class TextHandler(RequestHandler):
    """Answer with a text of a kind; browsers ask each time whether it is still the same."""

    def initialize(self, kind: str, text: str) -> None:
        """Take what the address has; Tornado's way of an `__init__`."""
        self.kind, self.text = kind, text

    def get(self) -> None:
        """Write the text, or that it has not changed."""
        self.set_header("Content-Type", f"{self.kind}; charset=UTF-8")
        self.set_header("Cache-Control", "no-cache")
        self.write(self.text)

    head = get
