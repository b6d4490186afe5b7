"""Links: what is written is read back to the same state, and reads as links always did."""

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import playwright
import pytest

from app.lab import LabModel
from app.labs.filterbank.model import FilterbankModel
from app.labs.loudness.model import LoudnessModel
from app.lessons import Lesson
from app.page.link import Link, _joined, _text
from app.page.part import LabPart
from app.quantity import Quantity
from app.site import LABS
from tests.app.conftest import Desk

#: A browser's JavaScript engine, without the browser.
NODE = Path(playwright.__file__).parent / "driver" / "node"


def in_javascript(program: str, given: Any) -> Any:
    """Return what a program of JavaScript, an expression of ``given``, makes of this."""
    script = f"console.log(JSON.stringify((given => {program})(JSON.parse(process.argv[1]))))"
    done = subprocess.run(
        [NODE, "-e", script, "--", json.dumps(given)], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def written(lab: LabModel, text: str = "") -> str:
    link = Link(lab)
    link.read(text)
    return link.write()


def test_a_number_is_written_as_a_browser_writes_it() -> None:
    numbers = [0, -0.0, 1, 1.0, -10.5, 0.1 + 0.2, 1e-4, 1e-5, 1.25e-6, 3e-7, 1.5e-12, 123456789.5, 2.0**53]
    numbers += [1e20, 1.5e20, 1e21, 2.5e300, -1e-5]
    assert [_text(number) for number in numbers] == in_javascript("given.map(String)", numbers)


def test_a_query_is_written_as_a_browser_writes_it_but_for_commas() -> None:
    query = {"hide": "s.level,f.order", "lesson": "a b", "a": "x=1&y=%2C", "theme": "~*'()!-._ä€𝄞/?:@+%;"}
    expected = in_javascript("new URLSearchParams(given).toString().replaceAll('%2C', ',')", query)
    assert _joined(query) == expected
    assert dict(parse_qsl(_joined(query))) == query


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_each_setting_is_read_back_from_its_link(lab: Any) -> None:
    fresh = type(lab().model)
    link = Link(fresh()).write()
    assert written(fresh(), link) == link
    for key, entry in fresh().fields.items():
        if key in fresh().derived:  # a link has what they follow from
            continue
        changed = fresh()
        if isinstance(entry.parameter, Quantity):
            low, high = entry.parameter.bounds
            choices = [low, high]
        else:
            choices = [option for option, _ in entry.schema().get("options", [[True, ""], [False, ""]])]
        for choice in choices:
            if choice == "file":  # no link carries it
                continue
            changed.update({key: choice})
            again = fresh()
            link = Link(again)
            notes, _ = link.read(Link(changed).write())
            assert again.values() == changed.values(), (key, choice, notes)


def test_what_a_lesson_sets_is_not_in_the_link_but_a_way_back_from_it_is() -> None:
    assert written(FilterbankModel(), "?lesson=impaired-ear") == "lesson=impaired-ear"
    back = written(FilterbankModel(), "?lesson=impaired-ear&f.bandwidth=1")
    assert back == "lesson=impaired-ear&f.bandwidth=1"
    again = FilterbankModel()
    assert written(again, back) == back
    assert again.bank.bandwidth == 1


def test_hidden_controls_stand_in_the_link_unless_the_lesson_hides_them() -> None:
    assert written(FilterbankModel(), "?hide=s.level,f.order") == "hide=f.order,s.level"
    assert written(FilterbankModel(), "?lesson=impaired-ear&hide=") == "lesson=impaired-ear&hide="
    assert (
        written(FilterbankModel(), "?lesson=impaired-ear&hide=f.spacing,f.fs,f.order")
        == "lesson=impaired-ear"
    )


def test_keys_of_others_are_kept_and_come_first() -> None:
    assert written(FilterbankModel(), "?f.order=2&theme=dark") == "theme=dark&f.order=2"


def test_a_move_sends_the_new_link_and_only_when_it_is_another(desk: Desk) -> None:
    assert desk.put(f__order=2)["link"] == "f.order=2"
    assert "link" not in desk.put(f__order=2)
    assert desk.put(f__order=4)["link"] == ""


def test_hiding_a_control_sends_the_link_and_that_it_can_be_undone(desk: Desk) -> None:
    (answer,) = desk.send("hide", keys=["f.order"])
    assert answer.keys() == {"type", "link", "controls"}
    assert (answer["link"], answer["controls"]["undo"]) == ("hide=f.order", True)
    assert desk.send("hide", keys=["f.order", "s.level"]) == [
        {"type": "update", "link": "hide=f.order,s.level"}
    ]


def test_a_page_that_comes_back_is_sent_its_link(desk: Desk) -> None:
    desk.put(f__order=2)
    (answer,) = desk.send("hello")
    assert answer["link"] == "f.order=2"


def test_what_is_written_for_settings_that_do_not_fit_leads_back_to_them(desk: Desk) -> None:
    answer = desk.put(s__kind="tone", s__frequency=20000, f__fs=16000)
    assert answer["words"]["problem"]
    desk.open(answer["link"])
    assert desk.words()["problem"] == answer["words"]["problem"]


def test_a_link_whose_pinned_state_is_still_computed_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LabPart, "send", lambda self, message: None)
    lab = LABS[0](link="?f.order=2&a=f.order%3D3", served=True)
    lab.comparison.asked_for, lab.comparison.state = lab.comparison.state, None
    assert lab.contents.figures()["engine"]["link"] == "f.order=2&a=f.order%3D3"


OLD_KEYS = [(lab, old) for lab in LABS for old in lab.model_class.aliases]


@pytest.mark.parametrize(("lab", "old"), OLD_KEYS, ids=lambda each: getattr(each, "slug", each))
def test_a_link_with_a_former_key_opens_to_the_same_state_and_is_written_with_the_new_one(
    lab: Any, old: str
) -> None:
    new = lab.model_class.aliases[old]
    former, present = lab.model_class(), lab.model_class()
    value = former.fields[new].parameter.bounds[1]
    link, expected = Link(former), Link(present)
    notes, pinned = link.read(f"{old}={value}&hide={old}&a={old}%3D{value}")
    assert (notes, pinned) == expected.read(f"{new}={value}&hide={new}&a={new}%3D{value}")
    assert notes == []
    assert former.values() == present.values()
    assert former.fields[new].value == value
    assert link.hidden == (new,)
    assert link.write(pinned) == expected.write(pinned)
    assert old not in link.write(pinned)
    assert former.restore({old: str(value)}) == []
    assert former.values() == present.values()


def test_a_lesson_with_former_keys_opens_to_the_same_state() -> None:
    model = LoudnessModel()
    link = Link(model)
    lesson = Lesson("old", "Old", state={"p.lean": 0.1, "p.steepest": 0.5}, hide=("p.upright",))
    model.lessons = {"old": lesson}
    link.enter(lesson)
    assert (model.parameters.level_dependence, model.parameters.flattest_skirt) == (0.1, 0.5)
    assert link.hidden == ("p.symmetric_level",)
    assert link.write() == "lesson=old"
    model.update({"p.lean": 0.2})
    assert link.write() == "lesson=old&p.level_dependence=0.2"


def test_no_former_key_is_a_present_one_and_every_lab_knows_where_it_leads() -> None:
    assert {old for _, old in OLD_KEYS} == {"p.lean", "p.upright", "p.steepest"}
    for lab, old in OLD_KEYS:
        assert old not in lab.model_class().fields
        assert lab.model_class.aliases[old] in lab.model_class().fields
