"""The work of a page: in order, off the loop, in turn with other pages; the newest move wins; it ends with the page."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from app.labs.cochlea import experiments
from app.labs.cochlea.view import CochleaLab
from app.labs.filterbank.view import FilterbankLab
from app.page import background as module
from app.page.background import Background, LargeTurns
from app.page.part import LabPart
from app.page.view import LabView

#: All of it says what is computed, and when.
pytestmark = pytest.mark.usefixtures("nothing_shared")


@pytest.fixture(autouse=True)
def _no_other_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LAST_WORK", {})


def in_a_loop(do: Callable[[], Any]) -> Any:
    return asyncio.run(do())


async def ready(page: Background, within_s: float = 60.0) -> None:
    await asyncio.wait_for(page.turn(lambda: None), within_s)
    await asyncio.sleep(0)  # what was sent meanwhile is delivered


def test_the_loop_goes_on_while_a_page_computes() -> None:
    async def both() -> tuple[bool, bool]:
        page, may_end = Background(asyncio.get_running_loop()), threading.Event()
        done = page.do(lambda: may_end.wait(20))
        before = done.done()
        may_end.set()
        return before, await asyncio.wrap_future(done)

    assert in_a_loop(both) == (False, True)


def test_a_page_does_one_thing_after_the_other_and_two_pages_both_at_once() -> None:
    async def order() -> list[str]:
        loop = asyncio.get_running_loop()
        slow, quick, found, may_end = Background(loop), Background(loop), [], threading.Event()
        slow.do(lambda: may_end.wait(20))
        slow.do(lambda: found.append("slow"))
        await quick.turn(lambda: found.append("quick"))
        may_end.set()
        await ready(slow)
        return found

    assert in_a_loop(order) == ["quick", "slow"]


def test_a_page_that_asks_again_and_again_waits_for_those_who_ask_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = ThreadPoolExecutor(1)
    monkeypatch.setattr(module, "_threads", lambda: one)

    async def order() -> list[str]:
        loop = asyncio.get_running_loop()
        greedy, modest, found, may_begin = Background(loop), Background(loop), [], threading.Event()
        greedy.do(lambda: may_begin.wait(20))
        for i in range(4):
            greedy.do(lambda i=i: found.append(f"greedy {i}"))
        modest.do(lambda: found.append("modest"))
        may_begin.set()
        await ready(greedy)
        return found

    assert in_a_loop(order).index("modest") <= 1


def test_a_closed_page_does_nothing_more() -> None:
    async def closed() -> tuple[list[str], bool, bool]:
        page, found, may_end = Background(asyncio.get_running_loop()), [], threading.Event()
        page.do(lambda: may_end.wait(20))
        waiting = page.do(lambda: found.append("waiting"))
        page.close()
        late: Future[Any] = page.do(lambda: found.append("late"))
        may_end.set()
        return found, waiting.cancelled(), late.cancelled()

    assert in_a_loop(closed) == ([], True, True)


def test_work_that_fails_is_said_in_the_log_and_the_next_is_done(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> str:
        page = Background(asyncio.get_running_loop())
        page.do(lambda: 1 / 0)
        return str(await page.turn(lambda: "next"))

    assert in_a_loop(fails) == "next"
    assert "ZeroDivisionError" in caplog.text


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(LabPart, "send", lambda self, message: found.append(message))
    return found


async def opened(lab: type[Any], link: str = "") -> tuple[Any, Background]:
    page = Background(asyncio.get_running_loop())
    return lab(link=link, served=True, background=page), page


def test_a_page_opens_at_once_with_a_link_whose_picture_takes_long(told: list[dict[str, Any]]) -> None:
    async def content() -> tuple[dict[str, Any], str, dict[str, Any]]:
        may_draw = threading.Event()
        page = Background(asyncio.get_running_loop())
        page.do(lambda: may_draw.wait(20))
        view: LabView = FilterbankLab(link="?s.kind=tone&s.level=44", served=True, background=page)
        early, words = view.contents.figures(), view.contents.words()["summary"]
        may_draw.set()
        await ready(page)
        return early, words, view.contents.figures()

    early, words, whole = in_a_loop(content)
    assert early["late"]  # the page asks again
    assert not early["scene"]["data"]
    assert early["engine"]["values"]["s.level"] == 44
    assert words == "Computing the picture …"
    assert "cochleagram/levels" in whole["scene"]["data"]


def test_of_the_moves_that_wait_the_newest_values_are_drawn_once(told: list[dict[str, Any]]) -> None:
    async def moved() -> list[int]:
        view, page = await opened(FilterbankLab)
        await ready(page)
        told.clear()
        may_go = threading.Event()
        page.do(lambda: may_go.wait(20))
        for i in range(10):
            view.receive({"type": "set", "values": {"s.level": 40 + i}, "sequence": i})
        view.receive({"type": "set", "values": {"f.order": 2}, "sequence": 10})
        may_go.set()
        await ready(page)
        assert (view.lab.stimulus.level, view.lab.bank.order) == (49, 2)
        return [message["answered"] for message in told if "answered" in message]

    assert in_a_loop(moved) == [10]


def test_a_button_keeps_its_place_between_moves(told: list[dict[str, Any]]) -> None:
    async def pinned() -> str | None:
        view, page = await opened(FilterbankLab)
        may_go = threading.Event()
        page.do(lambda: may_go.wait(20))
        view.receive({"type": "set", "values": {"s.level": 50}, "sequence": 1})
        view.receive({"type": "pin"})
        view.receive({"type": "set", "values": {"s.level": 70}, "sequence": 2})
        may_go.set()
        await ready(page)
        assert view.lab.stimulus.level == 70
        return view.comparison.state["s.level"] if view.comparison.state else None

    assert in_a_loop(pinned) == "50"


def test_a_picture_that_a_newer_move_supersedes_is_given_up(
    told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[float] = []

    async def superseded() -> list[int]:
        view, page = await opened(CochleaLab)
        await ready(page)
        told.clear()
        lab = view.lab
        begun, may_go = threading.Event(), threading.Event()
        plain = experiments.knee

        def slow(*of: Any) -> float:
            computed.append(lab.test.cf)
            begun.set()
            may_go.wait(20)
            lab.check()
            return plain(*of)

        monkeypatch.setattr(experiments, "knee", slow)
        view.receive({"type": "set", "values": {"t.cf": 1111}, "sequence": 1})
        await asyncio.to_thread(begun.wait, 20)
        view.receive({"type": "set", "values": {"t.cf": 2222}, "sequence": 2})
        may_go.set()
        await ready(page)
        return [message["answered"] for message in told if "answered" in message]

    assert in_a_loop(superseded) == [2]
    assert computed == [1111, 2222]


def test_more_messages_than_a_person_sends_are_left_out(told: list[dict[str, Any]]) -> None:
    async def flooded() -> int:
        view, page = await opened(FilterbankLab)
        await ready(page)
        told.clear()
        may_go = threading.Event()
        page.do(lambda: may_go.wait(20))
        for _ in range(500):
            view.receive({"type": "hello"})
        waiting = len(view._inbox)
        may_go.set()
        await ready(page)
        return waiting

    assert in_a_loop(flooded) <= 64


def test_a_page_that_is_left_lets_go_of_what_it_computes(
    told: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    async def left() -> None:
        link = "?t.experiment=cochleagram&s.kind=white&s.duration=5&t.channels=100&e.a_db=-3"
        view, page = await opened(CochleaLab, link)
        view.close()
        began = time.monotonic()
        while page.busy and time.monotonic() - began < 30:
            await asyncio.sleep(0.01)
        assert not page.busy

    in_a_loop(left)
    assert not told
    assert not caplog.records
    assert not module._LAST_WORK


def test_a_page_that_keeps_a_core_busy_rests_while_others_work_and_not_when_it_is_alone() -> None:
    async def rests() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        busy, other = Background(loop), Background(loop)

        async def twice() -> float:
            await busy.turn(lambda: time.sleep(0.1))
            began = time.monotonic()
            await busy.turn(lambda: None)
            return time.monotonic() - began

        alone = await twice()
        await other.turn(lambda: None)
        return alone, await twice()

    alone, beside = in_a_loop(rests)
    assert beside > 0.09
    assert alone < beside


def test_large_computations_are_made_one_at_a_time_and_clients_take_turns() -> None:
    turns, order, at_once = LargeTurns(), [], []
    has_begun, may_go = threading.Event(), threading.Event()

    async def all_of_them() -> None:
        loop = asyncio.get_running_loop()

        def large(name: str) -> None:
            with turns:
                has_begun.set()
                may_go.wait(20)
                at_once.append(name)
                order.append(name)
                assert at_once == [name]
                at_once.clear()

        pages = [Background(loop, owner) for owner in ("greedy", "greedy", "greedy", "modest")]
        asked = []
        for i, (page, name) in enumerate(zip(pages, ("g0", "g1", "g2", "m0"), strict=True)):
            asked.append(page.do(lambda name=name: large(name)))
            while turns.waiting < i or not has_begun.is_set():  # the first one has the turn before others ask
                await asyncio.sleep(0.001)
        may_go.set()
        await asyncio.gather(*map(asyncio.wrap_future, asked))

    in_a_loop(all_of_them)
    assert order == ["g0", "m0", "g1", "g2"]


def test_a_page_that_nobody_sees_computes_nothing_new_and_draws_when_somebody_is_back(
    told: list[dict[str, Any]],
) -> None:
    async def back() -> tuple[int, bool]:
        view, page = await opened(FilterbankLab)
        await ready(page)
        view.connected(is_there=False)
        told.clear()
        view.receive({"type": "set", "values": {"f.order": 2}, "sequence": 1})
        await ready(page)
        absent = len(told)
        view.connected(is_there=True)
        view.receive({"type": "hello"})
        await ready(page)
        return absent, view.lab.bank.order == 2 and "cochleagram/levels" in told[-1]["scene"]["data"]

    assert in_a_loop(back) == (0, True)


def test_a_link_that_pins_a_state_shows_its_own_when_the_page_was_lost_meanwhile(
    told: list[dict[str, Any]],
) -> None:
    async def back() -> tuple[bool, Any, Any, str]:
        page, may_draw = Background(asyncio.get_running_loop()), threading.Event()
        page.do(lambda: may_draw.wait(20))
        view: LabView = FilterbankLab(link="?f.order=2&a=f.order%3D3", served=True, background=page)
        view.connected(is_there=False)
        may_draw.set()
        await ready(page)
        early = view.comparison.state is None and view.model.values()["f.order"] == 2
        view.connected(is_there=True)
        view.receive({"type": "hello"})
        await ready(page)
        return early, view.comparison.state, view.model.values()["f.order"], told[-1]["link"]

    assert in_a_loop(back) == (True, {"f.order": "3"}, 2, "f.order=2&a=f.order%3D3")
