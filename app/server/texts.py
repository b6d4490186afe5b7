"""What answers with a text that stays the same while a server runs: a script, a style."""

from typing import ClassVar

from tornado.web import RequestHandler


class TextHandler(RequestHandler):
    """Answer with a text; browsers ask each time whether it is still the same."""

    kind: ClassVar[str]
    text: ClassVar[str]

    def get(self) -> None:
        """Write the text, or that it has not changed."""
        self.set_header("Content-Type", f"{self.kind}; charset=UTF-8")
        self.set_header("Cache-Control", "no-cache")
        self.write(self.text)

    head = get
