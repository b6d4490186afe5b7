"""What a page is sent so that its network plays live: nothing until it asks, then what has changed."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from amtlib.fdn import with_modulation
from app.labs.fdn.view import FdnLab
from app.page.live import network
from app.page.part import LabPart
from app.server import headers
from app.site import LABS

SMALL = {"n.lines": 4, "n.rt": 0.5, "n.rt_high": 0.5}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the list of what pages are sent, before it is bundled."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(LabPart, "send", lambda self, message: found.append(dict(message)))
    return found


@pytest.fixture
def page(told: list[dict[str, Any]]) -> Iterator[FdnLab]:
    """Yield a page of the lab that plays."""
    made = FdnLab(served=True)
    made.lab.update(SMALL)
    told.clear()
    made.receive({"type": "live", "on": True})
    yield made
    made.close()


def sent(told: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the last update says of live sound."""
    return dict(told[-1].get("live", {}).get("data", {}))


def test_a_page_that_plays_is_sent_both_networks_the_room_the_level_and_the_sound(
    page: FdnLab, told: list[dict[str, Any]]
) -> None:
    found = sent(told)
    assert found.keys() == {"start", "now", "response", "room", "sound"}
    np.testing.assert_array_equal(found["now"]["A"], page.lab.start.A)
    assert found["now"]["delays"].dtype == np.int32
    assert found["room"]["samples"].size == 0
    response = page.lab.start_decay().response
    assert found["response"]["energy"] == pytest.approx(np.square(response).sum())
    assert found["sound"]["samples"].dtype == np.float32


def test_a_step_of_training_sends_the_present_network_alone(page: FdnLab, told: list[dict[str, Any]]) -> None:
    page.lab.prepare()
    assert page.lab.run is not None
    page.lab.run.step()
    page.refresh()
    found = sent(told)
    assert found.keys() == {"now"}
    assert not np.array_equal(found["now"]["A"], page.lab.start.A)
    np.testing.assert_array_equal(
        found["now"]["filters"], page.lab.start.filters
    )  # with the decay that is heard
    told.append({})
    page.refresh()
    assert sent(told) == {}


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ({"h.source": "speech"}, {"sound"}),
        ({"n.seed": 5}, {"start", "now", "response"}),
        ({"t.goal": "match_spectrogram", "t.target": "bathroom"}, {"start", "now", "response", "room"}),
    ],
    ids=["another sound", "another network", "a room"],
)
def test_a_setting_sends_what_follows_from_it(
    page: FdnLab, told: list[dict[str, Any]], setting: dict[str, Any], parts: set[str]
) -> None:
    page.receive({"type": "set", "values": setting, "sequence": 1})
    assert sent(told).keys() == parts


def test_a_page_that_does_not_play_is_sent_nothing(page: FdnLab, told: list[dict[str, Any]]) -> None:
    page.receive({"type": "live", "on": False})
    page.receive({"type": "set", "values": {"n.seed": 5}, "sequence": 1})
    page.receive({"type": "hello"})
    assert not any("live" in message for message in told[1:])


def test_a_page_that_found_its_session_again_is_sent_all_of_it(
    page: FdnLab, told: list[dict[str, Any]]
) -> None:
    page.receive({"type": "hello"})
    assert sent(told).keys() == {"start", "now", "response", "room", "sound"}


def test_the_arrays_travel_as_one() -> None:
    part = LabPart(dict, print, kind="main")
    messages: list[Any] = []
    part._send_msg = messages.append
    matrix = np.arange(4.0).reshape(2, 2)
    part.send({"type": "update", "live": {"data": {"now": {"A": matrix}}, "set": {}, "limits": {}}})
    (message,) = messages
    place = message["live"]["data"]["now"]["A"]
    found = message["live"]["bytes"][place["from"] : place["to"]].view(place["dtype"])
    np.testing.assert_array_equal(found.reshape(place["shape"]), matrix)


def test_settings_that_do_not_fit_leave_the_last_network_playing(
    page: FdnLab, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Any:
        raise ValueError("These settings make no network.")

    monkeypatch.setattr(page, "played_live", refuse)
    page.receive({"type": "set", "values": {"h.source": "speech"}, "sequence": 1})
    assert "live" not in told[-1]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_only_labs_with_a_network_offer_it_and_none_in_a_notebook(lab: Any) -> None:
    served, cell = lab(served=True), lab()
    assert (served.contents.tools()["live"] is not None) == issubclass(lab, FdnLab)
    assert cell.contents.tools()["live"] is None
    for each in (served, cell):
        each.receive({"type": "live", "on": True})  # a page of another lab may say it all the same
        each.close()


def test_all_filters_of_a_network_travel(page: FdnLab) -> None:
    sections = np.ones((2, 6, page.lab.start.N)) * [[[0.5], [0.1], [0.1], [1.0], [0.1], [0.1]]]
    found = network(replace(page.lab.start, post_matrix=sections))
    np.testing.assert_array_equal(found["post_matrix"], sections)
    assert found["modulation"].size == 0
    moving = with_modulation(page.lab.start, depth=0.3, rate=0.5)
    np.testing.assert_allclose(
        network(moving)["modulation"], moving.modulation / [[1], [moving.fs], [1]], rtol=1e-15
    )
    assert found["post_eq"].size == 0
    assert [int(network(each)["pre_delay"][0]) for each in (moving, replace(moving, pre_delay=480))] == [
        0,
        480,
    ]


def test_a_microphone_is_refused_unless_the_server_was_told_otherwise() -> None:
    assert "microphone=()" in headers._ALWAYS["Permissions-Policy"]
