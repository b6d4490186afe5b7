"""The address `/docs`: the documentation, where `make docs` has built it; files as they are, open to everybody.

Its pages run scripts of their own files alone (`docs/build.py` leaves none within a page) and play sounds of their own.
"""

import mimetypes
from pathlib import Path
from typing import Any

from tornado.web import StaticFileHandler

from app.server import headers

#: What some systems do not know by its ending.
_KINDS = {
    ".flac": "audio/flac",
    ".ipynb": "application/x-ipynb+json",
    ".bib": "text/plain",
    ".cff": "text/plain",
}


class DocumentationHandler(StaticFileHandler):
    """Answer with a file of the site; a folder is its `index.html`."""

    async def get(self, path: str = "", include_body: bool = True) -> None:
        """Send a file; `/docs` itself leads to `/docs/`, from where the pages' links count."""
        if self.request.path.endswith("/docs"):
            self.redirect(f"{self.request.path}/", permanent=False)
            return
        await super().get(path, include_body)

    async def head(self, path: str = "") -> None:
        """Send the headers alone."""
        await self.get(path, include_body=False)

    def get_content_type(self) -> str:
        """Return what a file is; browsers are told not to guess."""
        suffix = Path(self.absolute_path or "").suffix
        kind = _KINDS.get(suffix) or mimetypes.guess_type(f"file{suffix}")[0] or "application/octet-stream"
        return f"{kind}; charset=UTF-8" if kind.startswith("text/") else kind

    def set_extra_headers(self, path: str) -> None:
        """Let browsers ask each time whether a file is still the same, and run no script but the site's files."""
        self.set_header("Cache-Control", "no-cache")
        if self.get_content_type().startswith("text/html"):
            self.set_header("Content-Security-Policy", headers.policy("'self'", media="'self'"))


def routes(folder: Path) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return the addresses of the site in a folder; none where it has not been built."""
    if not (folder / "index.html").is_file():
        return []
    settings = {"path": str(folder), "default_filename": "index.html"}
    return [("/docs", DocumentationHandler, settings), ("/docs/(.*)", DocumentationHandler, settings)]
