"""Rooms of the listening test: nothing lost, nothing twice, nothing mixed, and the teacher's key alone ends one."""

import csv
import io
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from amtlib import options
from app.listen import store as stores
from app.listen.service import ListeningService
from app.listen.store import Store
from tests.app.test_listen import SHORT, answered

OTHER = SHORT.replace("duration=0.1", "duration=0.2")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs.sqlite")


@pytest.fixture
def service(store: Store, monkeypatch: pytest.MonkeyPatch) -> ListeningService:
    """Return a service whose model listens to nobody: these tests are about rooms and lessons."""
    made = ListeningService(store)
    monkeypatch.setattr(made.models, "own", lambda condition, ear: {"waiting": True})
    return made


def opened(service: ListeningService, *links: str) -> tuple[str, str]:
    found = service.answer({"type": "open-room", "links": list(links) or [SHORT]})
    assert "problem" not in found, found
    return found["room"], found["key"]


def test_what_is_sent_is_in_the_room_once_however_often_it_is_sent(service: ListeningService) -> None:
    room, _ = opened(service)
    run = answered(service, room=room)["run"]
    assert service.answer({"type": "room", "room": room})["count"] == 0  # nothing before Send
    assert [service.answer({"type": "send", "run": run})["new"] for _ in range(3)] == [True, False, False]
    shown = service.answer({"type": "room", "room": room})
    assert shown["count"] == 1
    assert shown["conditions"][0]["says"].startswith("1 threshold, median ")
    assert "<rect" in shown["conditions"][0]["picture"]


def test_two_rooms_never_mix(service: ListeningService) -> None:
    (one, _), (two, _) = opened(service), opened(service)
    for room, count in ((one, 3), (two, 1)):
        for _ in range(count):
            service.answer({"type": "send", "run": answered(service, room=room)["run"]})
    assert [service.answer({"type": "room", "room": room})["count"] for room in (one, two)] == [3, 1]
    alone = answered(service)["run"]
    assert "was not taken in a room" in service.answer({"type": "send", "run": alone})["problem"]
    stranger = service.answer({"type": "begin", "link": OTHER, "room": one})
    assert "opened for another experiment" in stranger["problem"]


def test_a_room_keeps_its_conditions_apart(service: ListeningService) -> None:
    room, _ = opened(service, SHORT, OTHER)
    chosen = service.answer({"type": "open", "link": f"room={room}"})["chosen"]
    assert [each["link"] for each in chosen] == [SHORT, OTHER]
    assert len({each["name"] for each in chosen}) == 2
    for link in (SHORT, SHORT, OTHER):
        service.answer({"type": "send", "run": answered(service, link, room)["run"]})
    assert [each["count"] for each in service.answer({"type": "room", "room": room})["conditions"]] == [2, 1]


def test_conditions_that_differ_in_their_procedure_are_told_apart(service: ListeningService) -> None:
    psi = "experiment=gap_detection&procedure=psi&p.trials=20"
    room, _ = opened(service, "experiment=gap_detection", psi)
    names = [each["name"] for each in service.answer({"type": "room", "room": room})["conditions"]]
    assert names == ["Gap detection", "Gap detection: procedure psi, trials 20"]
    assert [
        each["name"] for each in service.answer({"type": "open", "link": f"room={room}"})["chosen"]
    ] == names


def test_the_teachers_key_alone_ends_and_exports_a_room(service: ListeningService) -> None:
    (room, key), (other, other_key) = opened(service), opened(service)
    service.answer({"type": "send", "run": answered(service, room=room)["run"]})
    for wrong in ("", "guess", room, other_key):
        for kind in ("end-room", "export-room"):
            assert (
                "not the teacher's link"
                in service.answer({"type": kind, "room": room, "key": wrong})["problem"]
            )
    text = service.answer({"type": "export-room", "room": room, "key": key})["text"]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [each["condition"] for each in rows] == [SHORT]
    assert float(rows[0]["threshold"]) > 0.0
    assert service.answer({"type": "end-room", "room": room, "key": key}) == {"ended": True}
    assert "no such room" in service.answer({"type": "room", "room": room})["problem"]
    assert "no such room" in service.answer({"type": "open", "link": f"room={room}"})["problem"]
    assert service.answer({"type": "room", "room": other})["count"] == 0


def test_a_room_that_has_ended_takes_no_more_and_loses_no_run(service: ListeningService) -> None:
    room, key = opened(service)
    run = answered(service, room=room)["run"]
    service.answer({"type": "end-room", "room": room, "key": key})
    assert "no such room" in service.answer({"type": "send", "run": run})["problem"]
    assert service.answer({"type": "state", "run": run})["finished"]


def test_keys_and_names_of_rooms_cannot_be_guessed_and_keys_are_kept_as_hashes(
    service: ListeningService, store: Store
) -> None:
    room, key = opened(service)
    assert len(room) >= 16  # 96 bits in base64
    assert len(key) >= 32
    kept = "".join(str(row) for row in sqlite3.connect(store.path).execute("SELECT * FROM rooms"))
    assert key not in kept


@pytest.mark.parametrize(
    ("links", "complaint"),
    [
        ([], "A room has 1 to 6 experiments, not 0"),
        ([SHORT] * 2, "Two experiments of this room are the same"),
        ([f"{SHORT}&catch=0.{k}" for k in range(7)], "A room has 1 to 6 experiments, not 7"),
        (["experiment=gap_detection&x.level=99"], "“Level of the noise” = 99 dB SPL is outside"),
        ([5], "Choose an experiment for the room first"),
        ("text", "A room has 1 to 6 experiments, not 0"),
    ],
)
def test_a_room_for_what_cannot_be_taken_is_refused(
    service: ListeningService, links: Any, complaint: str
) -> None:
    assert complaint in service.answer({"type": "open-room", "links": links})["problem"]


def test_there_is_an_end_to_rooms_results_and_runs(
    service: ListeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOST_ROOMS", "MOST_RESULTS"):
        monkeypatch.setattr(stores, name, 1)
    room, _ = opened(service)
    assert (
        "rooms are open on this server" in service.answer({"type": "open-room", "links": [SHORT]})["problem"]
    )
    one, two = (answered(service, room=room)["run"] for _ in range(2))
    assert service.answer({"type": "send", "run": one})["sent"]
    assert "holds 1 results" in service.answer({"type": "send", "run": two})["problem"]
    monkeypatch.setattr(stores, "MOST_RUNS", 2)
    assert "keeps as many runs as it can" in service.answer({"type": "begin", "link": SHORT})["problem"]


def test_old_runs_that_were_not_sent_are_forgotten(
    service: ListeningService, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, _ = opened(service)
    sent, kept = (answered(service, room=room)["run"] for _ in range(2))
    service.answer({"type": "send", "run": sent})
    later = time.time() + stores.KEPT_S + 60.0
    monkeypatch.setattr(stores.time, "time", lambda: later)
    store.begin(SHORT, 1)
    assert store.run(sent).id == sent
    with pytest.raises(stores.Unknown):
        store.run(kept)


def test_a_piece_of_a_models_work_is_done_by_one_process_and_by_another_when_that_is_gone(
    store: Store,
) -> None:
    one, two = Store(store.path), Store(store.path)
    assert one.claim("key", 100.0)
    assert not two.claim("key", 100.0)
    one.give_back("key")
    assert two.claim("key", -1.0)  # as long ago as that
    assert one.claim("key", 100.0)
    one.keep_model("key", "found")
    assert two.model("key") == "found"


_SENDER = """
import sys
from pathlib import Path
from app.listen.store import Store
store = Store(Path(sys.argv[1]))
for k in range(int(sys.argv[4])):
    for _ in range(2):  # a student whose connection was lost sends again
        store.send(f"{sys.argv[3]}-{k}", sys.argv[2], "link", (1.0, 0.5, 2.0), 40)
    print(k, flush=True)
"""


def test_several_processes_write_to_one_room_and_nothing_is_lost_or_twice(store: Store) -> None:
    room, _ = store.open_room(["link"])
    command = [sys.executable, "-c", _SENDER, str(store.path), room]
    started = [subprocess.Popen([*command, str(n), "50"], stdout=subprocess.DEVNULL) for n in range(2)]
    with ThreadPoolExecutor(4) as threads:  # and the threads of this one
        list(threads.map(lambda k: store.send(f"here-{k}", room, "link", (1.0, None, None), 40), range(50)))
    assert [each.wait(60) for each in started] == [0, 0]
    assert len(store.sent(room)) == 150


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_what_was_sent_outlives_a_process_that_is_killed(store: Store) -> None:
    room, key = store.open_room(["link"])
    command = [sys.executable, "-c", _SENDER, str(store.path), room, "killed", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    confirmed = max(int(line) for line in said if line.endswith("\n")) + 1
    again = Store(store.path)
    assert options._results(str(store.path)) == str(store.path)  # `amtlab serve --results` takes it again
    assert confirmed <= len(again.sent(room)) <= confirmed + 1
    again.check_key(room, key)
    assert again.send("after", room, "link", (1.0, None, None), 40)
