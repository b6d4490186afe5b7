"""What a lab's page and the server send each other: plain data, whose structure page/js/types.ts declares, once.

TypeScript holds what all labs send against those declarations (tests/app/test_protocol.py). What a page may send is
checked before Bokeh reads it, by the table `app.server.messages.LAB_MESSAGES`. Here is what a lab itself provides.
"""

from typing import Any, Final, TypeAlias, TypedDict

#: A message, or what a part of the page is drawn from.
Content: TypeAlias = dict[str, Any]
#: Kinds of messages of which the newest alone matters: moves of a slider or of the pointer.
NEWEST_WINS: Final = ("set", "point")


class Work(TypedDict):
    """The buttons of what takes time, ``[action, label]``, and how far it is.

    ``share`` is 0 to 1, ``left`` seconds or None, ``text`` a few words beside it.
    """

    buttons: list[list[str]]
    running: bool
    share: float
    left: float | None
    text: str


class Table(TypedDict):
    """A table of words under the figures. ``clear`` is what the button says that empties it, "" for no button."""

    title: str
    head: list[str]
    rows: list[list[str]]
    clear: str
