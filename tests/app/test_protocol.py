"""What page and server send each other has the structure that is written down."""

import base64
from collections.abc import Mapping
from typing import Any, Literal, NotRequired, get_args, get_origin, get_type_hints

import pytest

from app.page import protocol
from app.page.protocol import FROM_PAGE, Update
from app.server.messages import LAB_MESSAGES
from app.site import LABS
from tests.app.conftest import Desk


def fields(structure: type[Any]) -> dict[str, Any]:
    return get_type_hints(structure, include_extras=True)


def assert_fits(value: Any, kind: Any) -> None:
    """Fail where a value has not the structure of a type, its parts included."""
    if isinstance(kind, type) and hasattr(kind, "__required_keys__"):
        known = fields(kind)
        assert isinstance(value, dict), (kind, value)
        assert kind.__required_keys__ <= value.keys() <= known.keys(), (kind, value.keys())
        for name, part in value.items():
            assert_fits(part, known[name])
        return
    origin, inner = get_origin(kind), get_args(kind)
    if origin is NotRequired:
        assert_fits(value, inner[0])
    elif origin is Literal:
        assert value in inner
    elif origin is list:
        assert isinstance(value, list)
        for part in value:
            assert_fits(part, inner[0])
    elif origin is dict:
        assert isinstance(value, dict)
        for part in value.values():
            assert_fits(part, inner[1])
    elif inner:  # a union
        problems = []
        for each in inner:
            try:
                assert_fits(value, each)
                return
            except AssertionError as problem:
                problems.append(problem)
        raise AssertionError(problems)
    elif kind is float:
        assert isinstance(value, float | int)
    elif kind is not Any:
        assert isinstance(value, kind), (value, kind)


def test_the_server_lets_pass_the_messages_that_are_written_down_with_their_fields_and_no_others() -> None:
    assert FROM_PAGE.keys() == LAB_MESSAGES.keys()
    for kind, structure in FROM_PAGE.items():
        declared = fields(structure)
        assert kind in get_args(declared.pop("type"))
        assert declared.keys() == LAB_MESSAGES[kind].keys()


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_each_part_of_each_lab_is_drawn_from_the_structure_that_is_written_down(lab: Any) -> None:
    page = lab(link=f"?lesson={next(iter(lab.model_class.lessons))}", served=True)
    contents = page.contents
    assert_fits(contents.controls(), protocol.ControlsContent)
    assert_fits(contents.words(), protocol.WordsContent)
    assert_fits(contents.tools(), protocol.ToolsContent)
    assert_fits(contents.figures(), protocol.FiguresContent)
    page.close()


def sound_file() -> str:
    """Return something that is no sound, as a page sends it."""
    return base64.b64encode(b"no sound").decode()


@pytest.mark.parametrize(
    ("message", "answers"),
    [
        ({"type": "set", "values": {"f.order": 2}, "sequence": 1, "step": 1}, {"update": Update}),
        ({"type": "hello"}, {"update": Update}),
        ({"type": "lesson", "slug": "impaired-ear"}, {"update": Update}),
        ({"type": "pin"}, {"update": Update}),
        ({"type": "sound", "key": "input"}, {"sound": protocol.Sound}),
        ({"type": "sound", "key": "none"}, {"failed": protocol.Failed}),
        ({"type": "export", "key": "csv"}, {"file": protocol.File}),
        (
            {"type": "upload", "id": "u", "name": "a.wav", "size": 9, "start": 0, "data": "AAAA"},
            {"upload-more": protocol.UploadMore},
        ),
        (
            {"type": "upload", "id": "u", "name": "a.wav", "size": 8, "start": 0, "data": sound_file()},
            {"upload-failed": protocol.UploadEnd},
        ),
    ],
    ids=lambda each: each.get("type", ""),
)
def test_an_answer_has_the_structure_that_is_written_down(
    desk: Desk, message: dict[str, Any], answers: Mapping[str, Any]
) -> None:
    assert_fits(message, FROM_PAGE[message["type"]])
    sent = desk.send(message["type"], **{key: value for key, value in message.items() if key != "type"})
    assert [each["type"] for each in sent] == list(answers)
    for each in sent:
        assert_fits(each, answers[each["type"]])
