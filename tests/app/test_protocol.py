"""What page and server send each other has the structure that page/js/types.ts declares."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.figures.live import FigureSet
from app.page.layout import title_bar
from app.server.messages import LAB_MESSAGES
from app.site import LABS
from tests.app.conftest import Desk
from tests.app.test_js import JS, check_types
from tests.app.test_js import node as node

#: What a page sends, and the kind of what it is answered.
ASKED: list[tuple[dict[str, Any], str]] = [
    ({"type": "set", "values": {"f.order": 2}, "sequence": 1, "step": 1}, "update"),
    ({"type": "hello"}, "update"),
    ({"type": "lesson", "slug": "impaired-ear"}, "update"),
    ({"type": "pin"}, "update"),
    ({"type": "sound", "key": "input"}, "sound"),
    ({"type": "sound", "key": "none"}, "failed"),
    ({"type": "export", "key": "csv"}, "file"),
    ({"type": "qr", "text": "http://localhost:5006/"}, "code"),
    ({"type": "make", "text": "a: {title: A, text: Short.}", "keep": False}, "made"),
    ({"type": "upload", "id": "u", "name": "a.wav", "size": 9, "start": 0, "data": "AAAA"}, "upload-more"),
    ({"type": "upload", "id": "u", "name": "a.wav", "size": 3, "start": 0, "data": "AAAA"}, "upload-failed"),
]


def written(name: str, kind: str, value: Any) -> str:
    """Return a declaration in TypeScript; films, which travel packed, and numbers of arrays are left out."""
    if isinstance(value.get("scene"), dict):
        value = {**value, "scene": {part: all for part, all in value["scene"].items() if part != "films"}}
    content = json.dumps(value, default=lambda array: array.tolist()[:1])
    return f"export const {name}: page.{kind} = {content}\n"


def test_all_that_labs_send_has_the_structure_that_the_page_expects(
    node: str, tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        FigureSet, "template", lambda figures: ""
    )  # Bokeh's own document, which takes seconds to draw
    lines = [f"import type * as page from {json.dumps(str(JS / 'types'))}\n"]
    for lab in LABS:
        view = lab(link=f"?lesson={next(iter(lab.model_class.lessons))}", served=True)
        contents = view.contents
        lines += [
            written(f"{lab.slug}_controls", "ControlsContent", contents.controls()),
            written(f"{lab.slug}_words", "WordsContent", contents.words()),
            written(f"{lab.slug}_tools", "ToolsContent", contents.tools()),
            written(f"{lab.slug}_figures", "FiguresContent", contents.figures()),
            written(f"{lab.slug}_bar", "BarContent", title_bar(LABS, lab.slug, view.id).supply()),
        ]
        view.close()
    for number, (message, kind) in enumerate(ASKED):
        sent = desk.send(message["type"], **{key: each for key, each in message.items() if key != "type"})
        assert kind in [each["type"] for each in sent]
        lines += [written(f"asked_{number}", "Message", message)]
        lines += [written(f"sent_{number}_{k}", "Answer", each) for k, each in enumerate(sent)]
    (tmp_path / "sent.ts").write_text("".join(lines), encoding="utf-8")
    check_types(node, tmp_path, "sent.ts", f"{JS}/types.ts")


def test_what_lacks_a_field_or_has_another_one_is_found(node: str, tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [{}, {"text": "No.", "more": 1}, {"text": 1}]
    lines = [written(f"sent_{k}", "Answer", {"type": "failed", **each}) for k, each in enumerate(wrong)]
    start = f"import type * as page from {json.dumps(str(JS / 'types'))}\n"
    (tmp_path / "sent.ts").write_text("".join([start, *lines]), encoding="utf-8")
    with pytest.raises(AssertionError) as problem:
        check_types(node, tmp_path, "sent.ts", f"{JS}/types.ts")
    assert set(re.findall(r"sent\.ts\((\d+)", str(problem.value))) == {"2", "3", "4"}


def test_the_server_lets_pass_the_messages_that_are_written_down_with_their_fields_and_no_others() -> None:
    types = (JS / "types.ts").read_text(encoding="utf-8")
    union = re.search(r"^export type Message =\n((?:  \|.*\n)+)", types, re.MULTILINE)
    assert union
    declared = {
        kind: set(re.findall(r"(\w+): ", fields))
        for kinds, fields in re.findall(r"\{type: ([^,}]+)(.*)\}", union[1])
        for kind in re.findall(r'"([\w-]+)"', kinds)
    }
    assert declared == {kind: set(fields) for kind, fields in LAB_MESSAGES.items()}
