"""What this server process has open: the server itself, and the pages that show a message when it ends.

Pages are held weakly, and forgotten with their sessions.
"""

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from app.page.view import LabView

#: The server of this process, once it is made (in a list, since it is made after this module).
SERVERS: list[Any] = []
#: The open pages of this process.
VIEWS: "WeakSet[LabView]" = WeakSet()


def sessions() -> list[Any]:
    """Return the sessions of this process."""
    return [each for server in SERVERS for path in server.app_paths for each in server.get_sessions(path)]
