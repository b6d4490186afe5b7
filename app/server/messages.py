"""What a page may send: the messages of page/js and what Bokeh and the page's frame send by themselves.

Anything else is refused before Bokeh looks at it. Bokeh's protocol lets a client change every property of every model
and bring models of its own, code that browsers run among them; none of our pages does. The list was found by recording
all that Chromium sent while every page was used (Bokeh 3.9, Panel 1.9, panel-material-ui 0.16).
Not how fast, nor how much: see `pace.py`.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from bokeh.document import Document
from panel.models.browser import BrowserInfo
from panel.models.location import Location

from app.server.refusals import NOT_FROM_A_PAGE, Refused

#: Says whether a value is one that a page may send.
Check = Callable[[Any], bool]

#: Longest header and metadata of a message, characters; Bokeh's have some 60.
_LONGEST_HEADER = 300
#: Most changes in one message; pages send one.
_MOST_EVENTS = 10
_NOTHING = ({"type": "map"}, {"type": "map", "entries": []})


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53


def _count(value: Any) -> bool:
    return isinstance(value, int) and _number(value) and value >= 0


def _text(longest: int, form: str = r"[\s\S]*") -> Check:
    compiled = re.compile(form)
    return lambda value: (
        isinstance(value, str) and len(value) <= longest and compiled.fullmatch(value) is not None
    )


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _settings(value: Any) -> bool:
    name, text = _text(100), _text(1000)
    return (
        isinstance(value, dict)
        and len(value) <= 300
        and all(name(k) and (v is None or _flag(v) or _number(v) or text(v)) for k, v in value.items())
    )


def _names(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 300 and all(map(_text(100), value))


#: Kind of message of page/js -> its fields; what each is for stands at `Message` in page/js/types.ts.
LAB_MESSAGES: Final[Mapping[str, Mapping[str, Check]]] = {
    "set": {"values": _settings, "sequence": _count, "step": _count},
    "point": {"figure": _text(100), "x": _number, "y": _number, "sequence": _count, "step": _count},
    "hello": {},
    "hide": {"keys": _names},
    "reset": {},
    "lesson": {"slug": _text(100)},
    "open": {"link": _text(8000)},
    "sure": {"do": _text(100)},
    "make": {"text": _text(60_000), "keep": _flag},
    "qr": {"text": _text(10_000, r"https?://[!-~]*")},
    "undo": {},
    "redo": {},
    "pin": {},
    "unpin": {},
    "swap": {},
    "fit": {},
    "work": {"do": _text(100)},
    "code": {"open": _flag},
    "live": {"on": _flag},
    "sound": {"key": _text(100)},
    "hear": {"key": _text(100)},
    "export": {"key": _text(100)},
    "upload": {
        "id": _text(100),
        "name": _text(1000),
        "size": _count,
        "start": _count,
        "data": _text(1_000_000, "[A-Za-z0-9+/=]*"),
    },
}

#: What the page's frame says of itself: the drawer, and light or dark.
_FRAME: Final[Mapping[str, Check]] = {"dark_theme": _flag, "sidebar_open": _flag, "sidebar_width": _number}
_BROWSER: Final[Mapping[str, Check]] = {
    "dark_mode": _or_none(_flag),
    "device_pixel_ratio": _or_none(_number),
    "language": _or_none(_text(100)),
    "timezone": _or_none(_text(100)),
    "timezone_offset": _or_none(_number),
    "webdriver": _or_none(_flag),
    "webgl": _or_none(_flag),
}
_ADDRESS: Final[Mapping[str, Check]] = {
    "href": _text(20_000, r"https?://[^\s\"'<>\\]*"),
    "hostname": _text(300, r"[A-Za-z0-9.:_\[\]-]*"),
    "pathname": _text(2000, r"/(?![/\\])[^\s\"'<>\\]*"),
    "protocol": _text(10, r"https?:"),
    "port": _text(5, r"[0-9]*"),
    "search": _text(20_000, r"(\?[^\s\"<>\\]*)?"),
    "hash": _text(2000, r"(#[^\s\"<>\\]*)?"),
}
#: Events of the document itself, which hold nothing.
_EVENTS: Final = ("document_ready", "client_reconnected")


class Gate:
    """Looks at the frames that a page sends, one after the other.

    Parameters
    ----------
    document : bokeh.document.Document
        Of the page's session; which models take what follows from it.
    """

    def __init__(self, document: Document) -> None:
        self._patches: dict[tuple[str, str], Check] = {}
        self._parts: set[str] = set()
        for model in document.models:
            takes: Mapping[str, Check] = {}
            target = model
            if isinstance(model, BrowserInfo):
                takes = _BROWSER
            elif isinstance(model, Location):
                takes = _ADDRESS
            elif getattr(model, "class_name", None) == "Page":
                takes, target = _FRAME, model.data
            elif getattr(model, "class_name", None) == "LabPart":
                self._parts.add(model.id)
            self._patches |= {(target.id, name): check for name, check in takes.items()}
        self._frame = 0
        self._kind = ""
        self._pulled = False

    def pass_on(self, frame: str | bytes) -> None:
        """Look at the next frame; Bokeh may have it when this returns.

        Raises
        ------
        Refused
            If no page of ours sends it.
        """
        if not isinstance(frame, str):
            raise _refused("bytes")
        look = (self._header, self._metadata, self._content)[self._frame]
        look(frame)
        self._frame = (self._frame + 1) % 3

    def _header(self, text: str) -> None:
        header = _parsed(text, _LONGEST_HEADER)
        # Without `num_buffers`: pages send none.
        if not (_is_map(header, "msgid", "msgtype") and _text(100)(header["msgid"])):
            raise _refused("a header")
        self._kind = header["msgtype"]
        if self._kind not in ("PATCH-DOC", "PULL-DOC-REQ"):
            raise _refused("a kind of message")

    def _metadata(self, text: str) -> None:
        if _parsed(text, _LONGEST_HEADER) != {}:
            raise _refused("metadata")

    def _content(self, text: str) -> None:
        if self._kind == "PULL-DOC-REQ":
            if _parsed(text, _LONGEST_HEADER) != {} or self._pulled:
                raise _refused("a second request for the document" if self._pulled else "a request")
            self._pulled = True
            return
        content = _parsed(text, len(text))
        if not _is_map(content, "events") or not isinstance(content["events"], list):
            raise _refused("a change")
        if len(content["events"]) > _MOST_EVENTS:
            raise _refused(f"{len(content['events'])} changes at once")
        for event in content["events"]:
            self._event(event)

    def _event(self, event: Any) -> None:
        if _is_map(event, "kind", "model", "attr", "new") and event["kind"] == "ModelChanged":
            model = event["model"]
            if not (_is_map(model, "id") and isinstance(model["id"], str) and isinstance(event["attr"], str)):
                raise _refused("a model")
            check = self._patches.get((model["id"], event["attr"]))
            if check is None or not check(event["new"]):
                raise _refused("a property")
            return
        if not _is_map(event, "kind", "msg_type", "msg_data") or event["kind"] != "MessageSent":
            raise _refused("a kind of change")
        data = event["msg_data"]
        if event["msg_type"] != "bokeh_event" or not _is_map(data, "type", "name", "values"):
            raise _refused("an event")
        if data["type"] != "event":
            raise _refused("an event")
        if data["name"] in _EVENTS and data["values"] in _NOTHING:
            return
        values = _plain(data["values"])
        if data["name"] != "data_event" or not _is_map(values, "model", "data"):
            raise _refused("an event")
        if not (isinstance(values["model"], _Model) and values["model"].id in self._parts):
            raise _refused("a part")
        said = values["data"]
        fields = (
            LAB_MESSAGES.get(said["type"]) if isinstance(said, dict) and _text(20)(said.get("type")) else None
        )
        if fields is None or not _is_map(said, "type", *fields):
            raise _refused("a message")
        for name, check in fields.items():
            if not check(said[name]):
                raise _refused(f"{said['type']}: {name}")


class _Model:
    """A reference to a model in what a page sends."""

    def __init__(self, identifier: str) -> None:
        self.id = identifier


def _plain(value: Any, depth: int = 0) -> Any:
    """Return what Bokeh's encoding of maps stands for; nothing that would be made into an object is taken."""
    if depth > 8:
        raise _refused("a nesting")
    if isinstance(value, list):
        return [_plain(each, depth + 1) for each in value]
    if not isinstance(value, dict):
        return value
    if _is_map(value, "id") and isinstance(value["id"], str):
        return _Model(value["id"])
    entries = value.get("entries", [])
    if value.get("type") != "map" or not set(value) <= {"type", "entries"} or not isinstance(entries, list):
        raise _refused("an object")
    found = {}
    for entry in entries:
        if (
            not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str))
            or entry[0] in found
        ):
            raise _refused("an entry")
        found[entry[0]] = _plain(entry[1], depth + 1)
    return found


def _is_map(value: Any, *keys: str) -> bool:
    return isinstance(value, dict) and value.keys() == set(keys)


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _parsed(text: str, longest: int) -> Any:
    if len(text) > longest:
        raise _refused(f"{len(text)} characters")
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _refused("no JSON") from None


def _refused(what: str) -> Refused:
    return Refused(NOT_FROM_A_PAGE, f"The page sent what no page of this server sends ({what}). Reload it.")
