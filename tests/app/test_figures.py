"""One drawing serves every page, and a page is sent only what differs."""

import json
from typing import Any

import holoviews as hv
import numpy as np
import pytest

from app.figures import Scene, bundled, template
from app.labs.filterbank.view import FilterbankLab

NAMES = ["waveform", "cochleagram", "excitation", "responses", "wave", "impulse"]


@pytest.fixture(scope="module")
def lab() -> FilterbankLab:
    return FilterbankLab()


def test_a_template_is_drawn_once() -> None:
    drawn: list[int] = []

    def draw() -> dict[str, Any]:
        drawn.append(1)
        return {"one": hv.Curve([1, 2, 3])}

    linked: list[Any] = []
    first = template("test-once", draw, linked.append)
    second = template("test-once", draw, linked.append)
    assert first is second
    assert (len(drawn), len(linked)) == (1, 1)


def test_a_template_holds_one_root_for_each_figure(lab: FilterbankLab) -> None:
    document = json.loads(lab.figures())
    assert [root["attributes"]["name"] for root in document["roots"]] == NAMES


def test_a_template_is_small_enough_to_open_on_a_phone(lab: FilterbankLab) -> None:
    assert len(lab.figures()) < 250_000


def models(value: Any) -> list[dict[str, Any]]:
    """Every model written out in a Bokeh document."""
    found = []
    if isinstance(value, dict):
        if value.get("type") == "object" and "attributes" in value:
            found.append(value)
        for part in value.values():
            found += models(part)
    elif isinstance(value, list):
        for part in value:
            found += models(part)
    return found


def test_what_a_scene_fills_is_there_in_the_template(lab: FilterbankLab) -> None:
    lab.draw_pinned(shown=True)
    scene, known = lab.scene.whole(), models(json.loads(lab.figures()))
    named = {m["attributes"].get("name"): m for m in known if m["attributes"].get("name")}
    for source, columns in scene["data"].items():
        entries = named[f"{source}-data"]["attributes"]["data"]["entries"]
        assert set(columns) == {key for key, _ in entries}, source
    for path in (*scene["set"], *scene["limits"]):
        assert path.split(".")[0] in named, path


def test_the_sound_and_the_map_share_time_the_map_and_the_excitation_share_frequency(
    lab: FilterbankLab,
) -> None:
    roots = {r["attributes"]["name"]: r["attributes"] for r in json.loads(lab.figures())["roots"]}

    def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
        return a["id"] == b["id"]

    assert same(roots["waveform"]["x_range"], roots["cochleagram"]["x_range"])
    assert same(roots["excitation"]["y_range"], roots["cochleagram"]["y_range"])


def test_setting_what_is_there_sends_nothing() -> None:
    scene = Scene()
    for _ in range(2):
        scene.data("curve", x=np.arange(3.0), y=[np.zeros(2), np.ones(2)])
        scene.set("figure.title", text="A")
        scene.limits("figure.x_range", 0, 1)
        changed, _ = scene.changes(), None
    assert changed is None


def test_only_what_differs_is_sent() -> None:
    scene = Scene()
    scene.data("a", x=np.arange(3.0))
    scene.data("b", x=np.arange(3.0))
    scene.limits("figure.x_range", 0, 1)
    scene.changes()
    scene.data("a", x=np.arange(3.0))
    scene.data("b", x=np.arange(4.0))
    changes = scene.changes()
    assert changes is not None
    assert list(changes["data"]) == ["b"]
    assert changes["limits"] == changes["set"] == {}


def test_a_page_that_opens_late_gets_everything() -> None:
    scene = Scene()
    scene.data("a", x=np.arange(3.0))
    scene.changes()
    assert list(scene.whole()["data"]) == ["a"]


def test_what_was_taken_out_does_not_change_later() -> None:
    scene = Scene()
    scene.data("a", x=np.arange(3.0))
    taken = scene.changes()
    scene.data("a", x=np.arange(5.0))
    assert taken is not None
    assert len(taken["data"]["a"]["x"]) == 3


def test_another_number_type_is_a_difference() -> None:
    scene = Scene()
    scene.data("a", x=np.zeros(2, dtype=np.float32))
    scene.changes()
    scene.data("a", x=np.zeros(2, dtype=np.float64))
    assert scene.changes() is not None


def test_a_scene_travels_with_one_array_that_holds_all() -> None:
    x, image = np.linspace(0, 1, 7, dtype=np.float32), np.arange(6, dtype=np.uint8).reshape(2, 3)
    columns = {"x": x, "lines": [x[:2], x[2:]], "text": ["a", "b"], "image": {"packed": image, "low": 0.0}}
    scene = {"data": {"one": columns, "none": {"y": x[:0]}}, "set": {"title": {"text": "t"}}, "limits": {}}
    sent = bundled(scene)

    def restored(value: Any) -> Any:
        if isinstance(value, list):
            return [restored(each) for each in value]
        if not isinstance(value, dict):
            return value
        if "dtype" not in value:
            return {key: restored(each) for key, each in value.items()}
        piece = sent["bytes"][value["from"] : value["to"]]
        return np.frombuffer(piece.tobytes(), dtype=value["dtype"]).reshape(value["shape"])

    def arrays(value: Any) -> int:
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return isinstance(value, np.ndarray) + sum(arrays(part) for part in parts)

    assert arrays(sent) == 1
    np.testing.assert_equal(restored(sent["data"]), scene["data"])
    assert (sent["set"], sent["limits"]) == (scene["set"], scene["limits"])


def test_a_scene_without_arrays_travels_as_it_is() -> None:
    scene = {"data": {"marks": {"text": ["a"]}}, "set": {}, "limits": {"x": [0, 1]}}
    assert bundled(scene) == scene
