"""What a page may say to its session: the messages of its own scripts, and nothing that changes the page itself."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from amtlib.serving import MESSAGE_BYTES
from app.page import script
from app.server.messages import LAB_MESSAGES
from app.server.refusals import NOT_FROM_A_PAGE
from tests.serving import Server, served
from tests.wire import Closed, Wire, token_of, told


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("messages") / "log.txt"
    with served(log, cold=True) as running:
        yield running
        assert "Traceback" not in running.log()
        assert len(running.log()) < 20_000  # what was refused does not fill the log


def part(wire: Wire) -> str:
    return wire.model("panel.models.esm.ReactiveESM", class_name="LabPart")


def changed(model: str, name: str, value: Any) -> dict[str, Any]:
    return {"kind": "ModelChanged", "model": {"id": model}, "attr": name, "new": value}


def of(model: str, name: str, value: Any, **attributes: Any) -> Callable[[Wire], None]:
    """Return what changes a property of the first model with that name."""
    return lambda wire: wire.patch(changed(wire.model(model, **attributes), name, value))


def event(name: str, values: Any) -> dict[str, Any]:
    return {
        "kind": "MessageSent",
        "msg_type": "bokeh_event",
        "msg_data": {"type": "event", "name": name, "values": values},
    }


SCRIPT = {"type": "object", "name": "CustomJS", "id": "z1", "attributes": {"code": "alert(1)"}}
DIV = {"type": "object", "name": "Div", "id": "z2", "attributes": {"text": "<img src=x onerror=alert(1)>"}}
ESM = "panel.models.esm.ReactiveESM"
PAGE = "panel.models.esm.ReactComponent"
LOCATION = "panel.models.location.Location"
BROWSER = "panel.models.browser.BrowserInfo"

REFUSED: dict[str, Callable[[Wire], None]] = {
    "the code of a part": of(ESM, "esm", "export function render() { alert(1) }", class_name="LabPart"),
    "the code of the frame": of(PAGE, "esm", "export function render() { alert(1) }"),
    "where the frame's code is": of(PAGE, "bundle", "https://elsewhere.example/x.js"),
    "a style sheet": of(ESM, "stylesheets", ["@import url(https://elsewhere.example)"], class_name="LabPart"),
    "a script at a property": of(
        ESM, "js_property_callbacks", {"type": "map", "entries": [["change:tags", [SCRIPT]]]}
    ),
    "a script at an event": of(
        ESM, "js_event_callbacks", {"type": "map", "entries": [["document_ready", [SCRIPT]]]}
    ),
    "children of the frame": of(PAGE, "children", [DIV]),
    "a model in the place of a flag": lambda wire: wire.patch(
        changed(wire.model("Page2"), "dark_theme", {"type": "object", "name": "Div", "id": "q"})
    ),
    "the title in the frame": lambda wire: wire.patch(
        changed(wire.model("Page2"), "title", "Give me your password")
    ),
    "another site as address": of(LOCATION, "href", "javascript:alert(1)"),
    "another site as path": of(LOCATION, "pathname", "//elsewhere.example"),
    "a reload": of(LOCATION, "reload", True),
    "a new root": lambda wire: wire.patch({"kind": "RootAdded", "model": DIV}),
    "a root less": lambda wire: wire.patch({"kind": "RootRemoved", "model": {"id": wire.model(PAGE)}}),
    "another title": lambda wire: wire.patch({"kind": "TitleChanged", "title": "x"}),
    "columns": lambda wire: wire.patch(
        {"kind": "ColumnsStreamed", "model": {"id": part(wire)}, "attr": "data", "data": {}, "rollover": None}
    ),
    "all columns": lambda wire: wire.patch(
        {"kind": "ColumnDataChanged", "model": {"id": part(wire)}, "attr": "data", "data": {}, "cols": None}
    ),
    "a kind that there is not": lambda wire: wire.patch({"kind": "Nothing"}),
    "a change with more in it": lambda wire: wire.patch(
        {**changed(wire.model(BROWSER), "language", "en"), "setter": 1}
    ),
    "a language of a megabyte": of(BROWSER, "language", "x" * 1_000_000),
    "a model that there is not": lambda wire: wire.patch(changed("p0", "dark_mode", True)),
    "an event of a button": lambda wire: wire.patch(
        event("button_click", {"type": "map", "entries": [["model", {"id": part(wire)}]]})
    ),
    "another message than bokeh's": lambda wire: wire.patch(
        {"kind": "MessageSent", "msg_type": "ipywidgets", "msg_data": {}}
    ),
    "a model in a message": lambda wire: wire.patch(
        event("data_event", {"type": "map", "entries": [["model", {"id": part(wire)}], ["data", DIV]]})
    ),
    "a message to the frame": lambda wire: wire.tell(wire.model(PAGE), type="hello"),
    "a kind of message that there is not": lambda wire: wire.tell(part(wire), type="run", code="1"),
    "a message without a kind": lambda wire: wire.tell(part(wire), values={}),
    "a message with more in it": lambda wire: wire.tell(part(wire), type="hello", more=1),
    "a message with less in it": lambda wire: wire.tell(part(wire), type="set", values={}, sequence=1),
    "a list as a setting": lambda wire: wire.tell(
        part(wire), type="set", values={"s.level": [1]}, sequence=1, step=1
    ),
    "a number beyond all": lambda wire: wire.tell(
        part(wire), type="point", figure="x", x=10**400, y=0, sequence=1, step=1
    ),
    "no number": lambda wire: wire.tell(
        part(wire), type="point", figure="x", x=float("nan"), y=0, sequence=1, step=1
    ),
    "many changes at once": lambda wire: wire.patch(*[told(part(wire), type="hello")] * 11),
    "deep lists": lambda wire: [
        wire.frame(t) for t in ('{"msgid":"1","msgtype":"PATCH-DOC"}', "{}", "[" * 100_000)
    ],
    "deep maps": lambda wire: wire.patch(event("data_event", nested(50))),
    "a document": lambda wire: wire.say("PUSH-DOC", {"doc": wire.document}),
    "a question about the server": lambda wire: wire.say("SERVER-INFO-REQ", {}),
    "the document a second time": lambda wire: wire.say("PULL-DOC-REQ", {}),
    "an answer": lambda wire: wire.say("OK", {}),
    "a kind that is a list": lambda wire: wire.frame('{"msgid":"1","msgtype":["PATCH-DOC"]}'),
    "buffers": lambda wire: wire.say("PATCH-DOC", {"events": []}, num_buffers=10**6),
    "bytes": lambda wire: wire.frame(b"x" * 1000),
    "a long header": lambda wire: wire.frame('{"msgid":"' + "x" * 10_000 + '","msgtype":"PATCH-DOC"}'),
    "no header": lambda wire: wire.frame("no JSON"),
    "metadata": lambda wire: [wire.frame(t) for t in ('{"msgid":"1","msgtype":"PATCH-DOC"}', '{"a":1}')],
    "no content": lambda wire: wire.say("PATCH-DOC", []),
}


def nested(depth: int) -> Any:
    return 1 if depth == 0 else {"type": "map", "entries": [["a", nested(depth - 1)]]}


async def refusal(server: Server, send: Callable[[Wire], object]) -> Closed:
    wire = await Wire.visit(f"{server.url}/filterbank")
    send(wire)
    return await wire.closed()


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_no_page_sends_closes_the_connection_with_a_sentence(server: Server, what: str) -> None:
    closed = asyncio.run(refusal(server, REFUSED[what]))
    assert closed.code == NOT_FROM_A_PAGE
    assert "no page of this server sends" in closed.reason


def test_nothing_of_what_was_refused_has_reached_the_session(server: Server) -> None:
    async def title_after() -> str:
        token = await asyncio.to_thread(token_of, f"{server.url}/filterbank")
        first = await Wire.open(f"{server.url}/filterbank", token)
        await first.message()
        first.say("PULL-DOC-REQ", {})
        first.document = json.loads((await first.message())[1])["doc"]
        good = told(part(first), type="set", values={"s.level": 41}, sequence=1, step=1)
        first.patch(good, changed(part(first), "esm", "alert(1)"))  # the whole message is refused
        await first.closed()
        second = await Wire.open(f"{server.url}/filterbank?again=1", token)
        await second.message()
        second.say("PULL-DOC-REQ", {})
        content = (await second.message())[1]
        await second.cut()
        return content

    document = asyncio.run(title_after())
    assert "alert(1)" not in document
    assert '["s.level",41]' not in document


def test_who_speaks_before_being_greeted_is_refused(server: Server) -> None:
    async def early() -> Closed:
        token = await asyncio.to_thread(token_of, f"{server.url}/filterbank")
        wire = await Wire.open(f"{server.url}/filterbank", token)
        wire.frame("x" * 100_000)
        return await wire.closed()

    closed = asyncio.run(early())
    assert closed.code == NOT_FROM_A_PAGE
    assert "before it was greeted" in closed.reason


@pytest.mark.parametrize("pieces", [1, 9])
def test_a_message_above_the_limit_is_not_taken_in_however_it_is_cut(server: Server, pieces: int) -> None:
    async def too_much() -> Closed:
        wire = await Wire.visit(f"{server.url}/filterbank")
        piece = "x" * (MESSAGE_BYTES // pieces + 1)
        for i in range(pieces):
            wire.frame(piece, 1 if i == 0 else 0, last=i == pieces - 1)
        return await wire.closed()

    assert asyncio.run(too_much()).code in {1009, None}  # tornado does not wait until its reason is read


def test_what_pages_send_by_themselves_is_taken(server: Server) -> None:
    """As recorded from Chromium; what a person does is in tests/browser."""

    async def answers() -> list[str]:
        wire = await Wire.visit(f"{server.url}/filterbank")
        browser, location, frame = wire.model(BROWSER), wire.model(LOCATION), wire.model("Page2")
        for model, name, value in (
            (location, "pathname", "/amt/filterbank"),
            (location, "href", f"{server.url}/filterbank?lesson=gap&a=s.level%3D40#x"),
            (location, "search", "?lesson=gap&a=s.level%3D40"),
            (location, "hash", "#x"),
            (location, "hostname", "lab.example.edu"),
            (location, "protocol", "https:"),
            (location, "port", ""),
            (browser, "dark_mode", True),
            (browser, "device_pixel_ratio", 1.25),
            (browser, "language", "de-AT"),
            (browser, "timezone", "America/Argentina/Buenos_Aires"),
            (browser, "timezone_offset", -330),
            (browser, "webdriver", False),
            (browser, "webgl", None),
            (frame, "dark_theme", True),
            (frame, "sidebar_open", False),
            (frame, "sidebar_width", 412),
        ):
            wire.patch(changed(model, name, value))
        for name in ("document_ready", "client_reconnected"):
            wire.patch(event(name, {"type": "map"}))
        wire.tell(part(wire), type="hello")
        kinds: list[str] = []
        while kinds.count("OK") < 20 or "PATCH-DOC" not in kinds:
            kind, content = await wire.message()
            assert kind in {"OK", "PATCH-DOC"}, content
            kinds.append(kind)
        await wire.cut()
        return kinds

    assert set(asyncio.run(answers())) == {"OK", "PATCH-DOC"}


def test_the_list_of_messages_is_that_of_the_script() -> None:
    sent = re.findall(r"(?:\bsend|\bsend_msg|\bask)\(\{type: ([^,}]*)", script.SCRIPT)
    assert {name for each in sent for name in re.findall(r"\"(\w+)\"", each)} == LAB_MESSAGES.keys()
