"""The filterbank lab's page, driven by the messages a browser sends: right ones, late ones and nonsense."""

import base64
import io
import math
from typing import Any
from urllib.parse import parse_qs, urlencode

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from amtlib import plot
from app.labs.filterbank.model import FilterbankModel
from app.labs.filterbank.view import FilterbankLab
from app.page.listen import SAFE_DBFS, to_csv
from app.page.part import LabPart
from app.page.problems import sentence
from app.page.upload import MAX_BYTES
from tests.app.conftest import Desk


def weight(content: Any) -> int:
    """Bytes that a message takes: arrays as they are, the rest as text."""
    if isinstance(content, np.ndarray):
        return content.nbytes
    if isinstance(content, dict):
        return sum(len(key) + weight(value) for key, value in content.items())
    if isinstance(content, list | tuple):
        return sum(map(weight, content))
    return len(repr(content))


def wav(x: np.ndarray, fs: int) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, x, fs, format="WAV", subtype="FLOAT")
    return content.getvalue()


def whistle(frequency: float = 2000, fs: int = 44100, seconds: float = 0.5) -> bytes:
    return wav(0.1 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * fs)) / fs), fs)


def upload(desk: Desk, name: str, content: bytes, chunk: int = 16384) -> list[dict[str, Any]]:
    """Send a file as the page does; return the answers to the last piece."""
    told: list[dict[str, Any]] = []
    for start in range(0, max(len(content), 1), chunk):
        piece = base64.b64encode(content[start : start + chunk]).decode()
        told = desk.send("upload", id="u-1", name=name, size=len(content), start=start, data=piece)
        if told[0]["type"] != "upload-more":
            break
    return told


# ---------------------------------------------------------------- moving controls


def test_a_moved_control_is_answered_once_with_picture_and_words(desk: Desk) -> None:
    answer = desk.put(f__bandwidth=2)
    assert answer["answered"] == 1
    assert {"scene", "words"} <= answer.keys()
    assert desk.lab.lab.bank.bandwidth == 2


def test_what_the_page_knows_already_is_not_sent_back(desk: Desk) -> None:
    assert "values" not in desk.put(s__level=66)


def test_what_a_move_moves_along_is_sent_back(desk: Desk) -> None:
    answer = desk.put(f__channels=79)
    assert answer["values"] == {"f.spacing": pytest.approx(0.39, abs=0.01)}


def test_a_wrong_value_is_sent_back_as_it_was_with_a_sentence(desk: Desk) -> None:
    answer = desk.put(s__level=500)
    assert answer["values"] == {"s.level": 60}
    assert answer["words"]["notes"] == [
        "Level is 500 dB SPL; give a number from -10 to 110 dB SPL. It stays at 60."
    ]


def test_a_note_goes_with_the_next_move(desk: Desk) -> None:
    desk.put(s__level=500)
    assert desk.put(s__level=61)["words"]["notes"] == []


def test_a_move_that_changes_nothing_is_answered_all_the_same(desk: Desk) -> None:
    answer = desk.put(s__level=60)
    assert answer == {"type": "update", "answered": 1}


def test_a_click_looks_at_its_channel_and_time(desk: Desk) -> None:
    place = float(FilterbankModel().result.fc[30])
    from_erb = 21.36554 * math.log10(1 + 0.00437 * place)
    (answer,) = desk.send("point", figure="cochleagram", x=0.5, y=from_erb, sequence=4)
    assert answer["answered"] == 4
    assert desk.lab.lab.result.channel in {29, 30, 31}
    assert answer["values"]["v.time"] == 0.5


@pytest.mark.parametrize(("x", "y"), [(-5, 0), (1e9, 1e9), (math.nan, math.nan), (math.inf, -math.inf)])
def test_a_click_outside_the_sound_stays_inside_it(desk: Desk, x: float, y: float) -> None:
    (answer,) = desk.send("point", figure="cochleagram", x=x, y=y, sequence=1)
    assert answer["answered"] == 1
    probe = desk.lab.lab.probe
    assert 0 <= probe.time <= desk.lab.lab.result.duration
    assert desk.words()["problem"] == ""


def test_fit_sets_the_axes_to_what_is_there(desk: Desk) -> None:
    desk.put(s__level=100)
    desk.send("fit")
    top = float(desk.lab.lab.result.levels.max())
    probe = desk.lab.lab.probe
    assert top < probe.ceiling <= top + 10
    assert probe.floor == probe.ceiling - 60


def test_reset_gives_a_fresh_lab(desk: Desk) -> None:
    desk.open("?lesson=impaired-ear&f.order=2&hide=f.fs")
    desk.send("reset")
    desk.send("sure", do="all")
    assert desk.lab.model.state() == {}
    assert desk.frame()["lesson"] == ""
    assert desk.frame()["hide"] == []


def test_a_parameter_set_in_a_notebook_moves_the_page(desk: Desk) -> None:
    desk.told.clear()
    desk.lab.lab.bank.bandwidth = 2.0
    (answer,) = desk.told
    assert answer["values"] == {"f.bandwidth": 2.0}
    assert "scene" in answer


def test_two_pages_over_two_models_do_not_meet(desk: Desk) -> None:
    other = FilterbankLab()
    desk.put(f__order=2)
    assert other.lab.bank.order == 4
    assert other.id != desk.lab.id


# ---------------------------------------------------------------- little on the wire

BUDGET = 300_000


@pytest.mark.parametrize(
    "move",
    [
        {"f.channels": 128},
        {"f.bandwidth": 2},
        {"s.level": 61},
        {"v.width": 500},
        {"v.frequency": 100},
        {"v.floor": 10},
    ],
    ids=str,
)
@pytest.mark.parametrize("fs", [32000, 48000])
def test_a_move_sends_less_than_the_budget(desk: Desk, fs: int, move: dict[str, Any]) -> None:
    desk.open(f"?f.channels=127&s.duration=5&s.kind=pink&f.fs={fs}")
    (answer,) = desk.send("set", values=move, sequence=1)
    assert desk.words()["problem"] == ""
    assert weight(answer) < BUDGET


def test_looking_at_another_channel_does_not_send_the_picture_again(desk: Desk) -> None:
    assert "cochleagram/levels" not in desk.put(v__frequency=3000)["scene"]["data"]


def test_no_picture_is_wider_than_a_screen_shows(desk: Desk) -> None:
    for duration in (0.05, 0.13, 1, 10):
        desk.put(s__duration=duration, s__kind="white")
        image = desk.lab.scene.columns("cochleagram/levels")["image"]
        assert image["packed"].shape[0] == 40
        assert image["packed"].shape[1] <= 500


def test_the_picture_sent_is_the_cochleagram(desk: Desk) -> None:
    desk.put(s__kind="tone", s__duration=0.1, f__high=4000)
    image = desk.lab.scene.columns("cochleagram/levels")["image"]
    low, high = image["low"], image["high"]
    shown = low + image["packed"] * (high - low) / 255
    levels = np.clip(plot.peak_columns(desk.lab.lab.result.levels), low, high)
    assert shown.shape == levels.shape
    assert np.abs(shown - levels).max() <= (high - low) / 255 * 0.51


# ---------------------------------------------------------------- settings that do not fit, and nonsense

IMPOSSIBLE = {"s.kind": "tone", "s.frequency": 20000}


def test_settings_that_do_not_fit_keep_the_last_good_picture_and_say_why(desk: Desk) -> None:
    picture, said = desk.lab.scene.whole(), desk.words()["summary"]
    (answer,) = desk.send("set", values=IMPOSSIBLE, sequence=1)
    assert "scene" not in answer
    assert answer["words"]["problem"].count(".") == 1
    assert "16000 Hz" in answer["words"]["problem"]
    assert answer["words"]["summary"] == said
    assert desk.lab.scene.whole() == picture


def test_the_sentence_goes_when_the_settings_fit_again(desk: Desk) -> None:
    desk.send("set", values=IMPOSSIBLE, sequence=1)
    (answer,) = desk.send("set", values={"s.frequency": 1000}, sequence=2)
    assert answer["words"]["problem"] == ""
    assert "scene" in answer


@pytest.mark.parametrize("link", ["?s.start=50", "?s.kind=tone&s.frequency=20000"])
@pytest.mark.parametrize(
    "message",
    [
        {"kind": "code", "open": True},
        {"kind": "fit"},
        {"kind": "point", "figure": "cochleagram", "x": 0.1, "y": 10, "sequence": 3},
        {"kind": "set", "values": {"s.level": 50}, "sequence": 3},
        {"kind": "pin"},
    ],
    ids=lambda message: message["kind"],
)
def test_while_the_settings_do_not_fit_the_page_keeps_saying_why(
    desk: Desk, link: str, message: dict[str, Any]
) -> None:
    lab = desk.open(link)
    why = desk.words()["problem"]
    told = desk.send(message["kind"], **{k: v for k, v in message.items() if k != "kind"})
    assert lab.status.problem == why
    if "sequence" in message:
        assert told[-1]["answered"] == 3


@pytest.mark.parametrize("key", ["input", "channel", "sum"])
def test_a_sound_that_cannot_be_made_says_why(desk: Desk, key: str) -> None:
    desk.send("set", values=IMPOSSIBLE, sequence=1)
    (answer,) = desk.send("sound", key=key)
    assert answer["type"] == "failed"
    assert "16000 Hz" in answer["text"]


def test_the_code_can_be_open_while_the_settings_do_not_fit(desk: Desk) -> None:
    desk.send("code", open=True)
    for values in ({"s.start": 50}, {"s.start": 0, **IMPOSSIBLE}, {"s.frequency": 500}):
        (answer,) = desk.send("set", values=values, sequence=1)
        assert answer["answered"] == 1
    assert "frequency" not in desk.words()["problem"]
    assert "signals.tone(500" in desk.lab.contents.tools()["code"]


MALFORMED = [
    {"type": None},
    {"type": ["set"]},
    {"type": "unheard of"},
    {"type": "set"},
    {"type": "set", "values": None, "sequence": 1},
    {"type": "set", "values": 5, "sequence": 1},
    {"type": "set", "values": {}, "sequence": None},
    {"type": "set", "values": {}, "sequence": "x"},
    {"type": "set", "values": {"__class__": 1, "f.order": {"a": 1}}, "sequence": 1},
    {"type": "set", "values": {"s.level": math.nan, "f.low": math.inf, "f.high": 10**400}, "sequence": 1},
    {"type": "point"},
    {"type": "point", "figure": 5, "x": "a", "y": [], "sequence": 1},
    {"type": "lesson"},
    {"type": "lesson", "slug": ["x"]},
    {"type": "sound"},
    {"type": "sound", "key": {"a": 1}},
    {"type": "export"},
    {"type": "export", "key": "../../etc/passwd"},
    {"type": "code"},
    {"type": "hide"},
    {"type": "hide", "keys": 5},
    {"type": "hide", "keys": ["nothing", None, {}]},
    {"type": "upload"},
    {"type": "upload", "id": 1, "name": None, "size": "x", "start": 0, "data": ""},
    {"type": "upload", "id": 1, "name": "a", "size": 10, "start": 0, "data": "not base64!"},
    {"type": "upload", "id": 1, "name": "a", "size": -5, "start": 0, "data": ""},
    {"type": "upload", "id": 1, "name": "a", "size": 10, "start": 7, "data": "AAAA"},
    {"type": "upload", "id": 1, "name": "a", "size": 10**15, "start": 0, "data": "AAAA"},
]


@pytest.mark.parametrize("message", MALFORMED, ids=lambda message: str(message)[:60])
def test_no_message_ends_the_session_or_changes_the_state(desk: Desk, message: dict[str, Any]) -> None:
    before = desk.lab.model.values()
    desk.lab.receive(message)
    assert desk.lab.model.values() == before
    for told in desk.told:
        for text in (told.get("text", ""), told.get("words", {}).get("problem", "")):
            assert "Traceback" not in text
            assert "\n" not in text
    desk.put(f__order=3)
    assert desk.lab.lab.bank.order == 3
    assert desk.words()["problem"] == ""


json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KINDS = [
    "set",
    "reset",
    "lesson",
    "pin",
    "swap",
    "unpin",
    "fit",
    "point",
    "code",
    "hide",
    "sound",
    "export",
    "upload",
]
NAMES = [
    "values",
    "sequence",
    "slug",
    "figure",
    "x",
    "y",
    "open",
    "key",
    "keys",
    "id",
    "size",
    "start",
    "data",
    "name",
]


@limits(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(NAMES), json_value))
def test_no_random_message_ends_the_session(desk: Desk, kind: str, content: dict[str, Any]) -> None:
    desk.send(kind, **content)
    desk.send("reset")
    desk.send("sure", do="all")
    assert desk.lab.model.state() == {}
    assert desk.words()["problem"] == ""


def test_after_a_failure_the_page_hears_that_all_is_well_again(desk: Desk) -> None:
    (failed,) = desk.send("set", values=5, sequence=1)
    assert failed["words"]["problem"]
    assert failed["answered"] == 1
    assert desk.put(s__level=60)["words"]["problem"] == ""


@pytest.mark.usefixtures("nothing_shared")
def test_a_failure_inside_is_one_sentence_without_details(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("secret path /home/x")

    monkeypatch.setattr(FilterbankModel, "_envelope", broken)
    answer = desk.put(f__order=2)
    assert answer["words"]["problem"].startswith("That did not work")
    assert "secret" not in str(answer)


def test_whatever_is_no_dictionary_is_ignored() -> None:
    heard: list[Any] = []
    part = LabPart(dict, heard.append)
    for message in (None, [], "set", 5):
        part._handle_msg(message)
    assert heard == []


# ---------------------------------------------------------------- compare


def test_a_pinned_state_stays_as_a_ghost_while_the_live_one_moves(desk: Desk) -> None:
    before = desk.lab.scene.columns("excitation/level")
    desk.send("pin")
    desk.put(f__bandwidth=3)
    ghost, live = (
        desk.lab.scene.columns("excitation/level-pinned"),
        desk.lab.scene.columns("excitation/level"),
    )
    assert np.array_equal(ghost["level"], before["level"])
    assert not np.array_equal(live["level"], before["level"])


def test_unpinning_clears_the_ghost(desk: Desk) -> None:
    desk.send("pin")
    desk.send("unpin")
    for name in ("excitation/level-pinned", "responses/channel-pinned", "impulse/fine-pinned"):
        assert all(len(column) == 0 for column in desk.lab.scene.columns(name).values())


@pytest.mark.parametrize(
    "link", ["?f.low=200", "?f.channels=128&f.fs=16000", "?s.kind=tone&f.spacing=2&v.floor=60", ""]
)
def test_pinning_changes_nothing(desk: Desk, link: str) -> None:
    desk.open(link)
    before = desk.lab.model.values()
    desk.send("pin")
    assert desk.lab.model.values() == before


def test_swapping_twice_is_where_one_was(desk: Desk) -> None:
    desk.open("?f.low=200&f.bandwidth=2")
    desk.send("pin")
    desk.put(f__bandwidth=1, f__low=100, s__kind="white")
    live, pinned = desk.lab.model.values(), desk.lab.comparison.state
    desk.send("swap")
    assert desk.lab.model.state() == pinned
    desk.send("swap")
    assert (desk.lab.model.values(), desk.lab.comparison.state) == (live, pinned)


def test_swap_without_a_pin_does_nothing(desk: Desk) -> None:
    before = desk.lab.model.values()
    desk.send("swap")
    assert desk.lab.model.values() == before


# ---------------------------------------------------------------- sound


def played(desk: Desk, key: str) -> tuple[np.ndarray, int]:
    (message,) = desk.send("sound", key=key)
    assert message["type"] == "sound", message
    content = io.BytesIO(base64.b64decode(message["data"]))
    info = soundfile.info(content)
    assert (info.format, info.subtype, info.channels) == ("WAV", "PCM_16", 1)
    content.seek(0)
    return soundfile.read(content)


def rms_db(x: np.ndarray) -> float:
    return 10 * math.log10(float(np.mean(x**2)))


@pytest.mark.parametrize("key", ["input", "channel", "sum"])
@pytest.mark.parametrize(
    "values", [{}, {"s.kind": "click"}, {"s.kind": "white", "s.level": 110}, {"s.level": -10}], ids=str
)
def test_a_sound_is_a_wav_that_neither_clips_nor_wraps(desk: Desk, key: str, values: dict[str, Any]) -> None:
    desk.send("set", values=values, sequence=1)
    x, fs = played(desk, key)
    assert fs == 32000
    assert len(x) == 32000
    assert 0 < np.abs(x).max() < 0.75  # 3 dB of headroom
    assert rms_db(x) < SAFE_DBFS + 0.5


def test_silence_can_be_listened_to(desk: Desk) -> None:
    desk.put(s__kind="silence")
    assert not played(desk, "input")[0].any()


def test_a_and_b_differ_as_they_do_and_the_louder_one_is_safe(desk: Desk) -> None:
    desk.send("pin")
    desk.put(s__level=90)
    (a, _), (b, _) = (played(desk, key) for key in "ab")
    assert rms_db(b) - rms_db(a) == pytest.approx(30.0, abs=0.1)  # from 60 to 90 dB SPL
    assert rms_db(b) < SAFE_DBFS + 0.1
    assert np.abs(b).max() < 0.71


def test_the_pinned_sound_keeps_its_rate(desk: Desk) -> None:
    desk.send("pin")
    desk.put(f__fs=16000)
    a, fs = played(desk, "a")
    assert (len(a), fs) == (32000, 32000)
    b, fs = played(desk, "b")
    assert (len(b), fs) == (16000, 16000)


def test_the_pinned_sound_can_be_heard_while_the_live_settings_do_not_fit(desk: Desk) -> None:
    desk.send("pin")
    desk.send("set", values=IMPOSSIBLE, sequence=1)
    assert len(played(desk, "a")[0]) == 32000


def test_a_sound_that_does_not_exist_is_one_sentence(desk: Desk) -> None:
    for key in ("nope", "a"):
        (message,) = desk.send("sound", key=key)
        assert message["type"] == "failed"
        assert message["text"].endswith(".")


# ---------------------------------------------------------------- files out


def exported(desk: Desk, key: str) -> tuple[str, str, bytes]:
    (message,) = desk.send("export", key=key)
    assert message["type"] == "file", message
    return message["name"], message["mime"], base64.b64decode(message["data"])


def test_the_csv_holds_the_excitation(desk: Desk) -> None:
    name, mime, content = exported(desk, "csv")
    assert (name, mime) == ("amtlab-filterbank.csv", "text/csv")
    lines = content.decode().splitlines()
    assert lines[0].startswith("# ")
    assert lines[1] == "fc_hz,excitation_db_spl"
    table = np.loadtxt(lines[2:], delimiter=",")
    r = desk.lab.lab.result
    assert np.allclose(table, np.stack([r.fc, r.excitation], 1), rtol=1e-8)  # nine digits are written


def test_the_npz_holds_every_array_and_no_pickle(desk: Desk) -> None:
    content = exported(desk, "npz")[2]
    r = desk.lab.lab.result
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        assert set(stored.files) == set(r.arrays())
        for name, value in r.arrays().items():
            assert np.array_equal(stored[name], value), name


def test_the_wav_holds_the_input_in_pascal(desk: Desk) -> None:
    desk.put(s__level=110)
    x, fs = soundfile.read(io.BytesIO(exported(desk, "wav")[2]), dtype="float32")
    r = desk.lab.lab.result
    assert fs == r.fs
    assert np.array_equal(x, r.waveform)


def test_a_line_break_in_a_files_name_does_not_break_the_csv(desk: Desk) -> None:
    upload(desk, "a\n1,2.wav", whistle())
    lines = exported(desk, "csv")[2].decode().splitlines()
    assert lines[1] == "fc_hz,excitation_db_spl"


def test_columns_of_unequal_length_are_no_csv() -> None:
    with pytest.raises(ValueError, match="shorter"):
        to_csv({"a": np.zeros(2), "b": np.zeros(1)})


# ---------------------------------------------------------------- files in


@pytest.mark.parametrize("chunk", [1000, 16384, 10**6])
def test_an_uploaded_file_becomes_the_sound(desk: Desk, chunk: int) -> None:
    told = upload(desk, "whistle.wav", whistle(), chunk)
    assert [m["type"] for m in told] == ["update", "upload-done"]
    assert "whistle.wav: 0.50 s, 44100 Hz" in told[1]["text"]
    assert told[0]["values"]["s.kind"] == "file"
    assert desk.words()["summary"].startswith("whistle.wav at 60 dB SPL: strongest channel 1.9")


@pytest.mark.parametrize(
    ("name", "content"),
    [("notes.wav", b"Dear diary,\n" * 100), ("empty.wav", b""), ("cut.wav", whistle()[:30])],
    ids=["text", "empty", "cut off"],
)
def test_a_file_that_is_no_sound_is_one_sentence_and_the_old_sound_stays(
    desk: Desk, name: str, content: bytes
) -> None:
    before = desk.lab.model.values()
    (answer,) = upload(desk, name, content)
    assert answer["type"] == "upload-failed"
    assert answer["text"].startswith(name)
    assert "\n" not in answer["text"]
    assert desk.lab.model.values() == before


def test_a_file_too_large_is_refused_at_its_first_piece(desk: Desk) -> None:
    (answer,) = desk.send("upload", id="u", name="big.wav", size=MAX_BYTES + 1, start=0, data="AAAA")
    assert answer["type"] == "upload-failed"
    assert answer["text"] == f"big.wav is too large; the limit is {MAX_BYTES // 2**20} MB."


@pytest.mark.parametrize("problem", [MemoryError(), OSError(28, "No space left on device")])
def test_a_server_without_room_says_so_and_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def full(*_given: object) -> None:
        raise problem

    with monkeypatch.context() as patch:
        patch.setattr("app.page.upload.tempfile.SpooledTemporaryFile.write", full)
        (refused,) = upload(desk, "tone.wav", whistle())
        patch.setattr(desk.lab, "export", full)
        (no_file,) = desk.send("export", key="wav")
    assert (refused["type"], no_file["type"]) == ("upload-failed", "failed")
    assert refused["text"].startswith("The server has no room at the moment for tone.wav.")
    assert no_file["text"].startswith("The server has no room at the moment for this file.")
    assert upload(desk, "tone.wav", whistle())[-1]["type"] == "upload-done"


def test_a_piece_out_of_place_is_dropped(desk: Desk) -> None:
    content = whistle()
    first = base64.b64encode(content[:1000]).decode()
    assert desk.send("upload", id="u", name="a.wav", size=len(content), start=0, data=first)
    assert desk.send("upload", id="u", name="a.wav", size=len(content), start=5000, data=first) == []
    assert desk.send("upload", id="other", name="a.wav", size=len(content), start=1000, data=first) == []


def test_a_script_like_file_name_is_just_a_name(desk: Desk) -> None:
    upload(desk, "<img src=x onerror=alert(1)>.wav", whistle())
    assert desk.words()["summary"].startswith("<img src=x onerror=alert(1)>.wav at 60 dB SPL")


# ---------------------------------------------------------------- links


def test_a_link_is_applied(desk: Desk) -> None:
    lab = desk.open("?s.kind=tone&s.frequency=440&f.channels=64")
    assert lab.model.state() == {"s.kind": "tone", "s.frequency": "440", "f.channels": "64"}
    assert desk.words()["notes"] == []


def test_what_makes_no_sense_in_a_link_is_dropped_alone(desk: Desk) -> None:
    lab = desk.open(
        "?f.channels=9999&f.order=2&nonsense=1&f.low=%3Cscript%3Ealert(1)%3C/script%3E&s.kind=drum"
    )
    assert lab.model.state() == {"f.order": "2"}
    notes = desk.words()["notes"]
    assert len(notes) == 4
    assert all(note.endswith(".") and len(note) < 400 for note in notes)
    assert desk.words()["summary"]


@pytest.mark.parametrize(
    "link",
    [
        "?",
        "?=",
        "?&&&",
        "?%",
        "?f.low",
        "?f.low=%ff%fe",
        "?f.low=" + "9" * 3000,
        "?" + "f.low=100&" * 300,
        "?" + "x" * 10_000,
        "?lesson=nope",
        "?lesson=<script>",
        "?hide=,,,nothing",
        "?a=",
        "?a=f.low%3D99999",
        "?a=%25",
        "?a=s.kind%3Dfile",
        "?s.kind=file",
        "?f.low=nan&f.high=inf",
        "?\x00=\x01",
    ],
    ids=lambda link: link[:24],
)
def test_no_link_is_a_dead_page(desk: Desk, link: str) -> None:
    desk.open(link)
    words = desk.words()
    assert words["summary"] or words["problem"]
    assert all(len(note) < 400 for note in words["notes"])
    desk.put(f__order=2, s__kind="tone")  # a link with a file waits for it
    assert desk.words()["problem"] == ""


def test_a_link_too_long_says_so(desk: Desk) -> None:
    desk.open("?" + "x" * 10_000)
    assert desk.words()["notes"] == ["The link has 10001 characters, more than 8000, and was left out."]


def test_the_longest_honest_link_is_read(desk: Desk) -> None:
    lab = FilterbankModel()
    state = {key: entry.text() for key, entry in lab.fields.items() if key not in lab.derived}
    state["s.kind"] = "white"
    query = {**state, "a": urlencode(state), "hide": ",".join(lab.fields), "lesson": "resolved-harmonics"}
    desk.open("?" + urlencode(query))
    assert not any("characters" in note for note in desk.words()["notes"])


def test_a_link_shows_what_it_pins(desk: Desk) -> None:
    lab = desk.open("?f.bandwidth=3&" + urlencode({"a": "f.bandwidth=1.5&f.low=200"}))
    assert lab.comparison.state == {"f.bandwidth": "1.5", "f.low": "200"}
    assert lab.lab.bank.bandwidth == 3
    assert lab.lab.bank.low == 80
    assert len(lab.scene.columns("excitation/level-pinned")["level"]) == 40


def test_a_pinned_state_goes_into_the_link(desk: Desk) -> None:
    desk.put(f__bandwidth=2)
    (answer,) = desk.send("pin")
    assert parse_qs(parse_qs(answer["link"])["a"][0]) == {"f.bandwidth": ["2"]}


def test_a_fresh_state_can_be_pinned_by_a_link(desk: Desk) -> None:
    (answer,) = desk.send("pin")
    assert answer["link"] == "a="  # and not "", which is no pin
    assert desk.open("?f.bandwidth=3&a=").comparison.state == {}
    assert desk.open("?f.bandwidth=3").comparison.state is None


def test_a_lesson_in_a_link_sets_and_hides(desk: Desk) -> None:
    lab = desk.open("?lesson=impaired-ear&f.bandwidth=1")
    assert lab.lab.bank.bandwidth == 1
    assert lab.lab.bank.channels == 60
    assert lab.contents.controls_state()["hide"] == ["f.order", "f.fs", "f.spacing"]


def test_a_teachers_hide_replaces_the_lessons(desk: Desk) -> None:
    lab = desk.open("?lesson=impaired-ear&hide=s.level,nothing")
    assert lab.contents.controls_state()["hide"] == ["s.level"]
    assert len(desk.words()["notes"]) == 1
    assert desk.open("?lesson=impaired-ear&hide=").contents.controls_state()["hide"] == []


def test_what_a_teacher_hides_survives_a_pin(desk: Desk) -> None:
    desk.send("hide", keys=["f.order"])
    desk.send("pin")
    assert desk.lab.contents.controls_state()["hide"] == ["f.order"]


# ---------------------------------------------------------------- lessons


@pytest.mark.parametrize("slug", FilterbankModel.lessons)
def test_a_lesson_opens_with_its_story_and_without_a_note(desk: Desk, slug: str) -> None:
    (answer,) = desk.send("lesson", slug=slug)
    assert answer["words"]["story"]["title"] == FilterbankModel.lessons[slug].title
    assert answer["words"]["notes"] == []
    assert answer["words"]["problem"] == ""
    assert answer["words"]["done"] is False


def test_doing_the_task_is_told(desk: Desk) -> None:
    desk.send("lesson", slug="impaired-ear")
    assert desk.put(f__bandwidth=1)["words"]["done"] is True
    assert desk.put(f__bandwidth=2)["words"]["done"] is False


def test_leaving_a_lesson_takes_its_card_away_and_keeps_the_settings(desk: Desk) -> None:
    desk.send("lesson", slug="impaired-ear")
    desk.send("lesson", slug="")
    assert desk.words()["story"] is None
    assert desk.lab.lab.bank.bandwidth == 3
    assert desk.lab.contents.controls_state()["hide"] == []


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (ValueError("too low: raise it"), "Too low: raise it."),
        (ValueError("two\nlines"), "Two lines."),
        (KeyError("There is no x"), "There is no x."),
        (ValueError(), "."),
    ],
    ids=str,
)
def test_an_error_is_said_as_a_sentence(problem: Exception, said: str) -> None:
    assert sentence(problem) == said


def test_the_summary_names_sound_peak_and_channel(desk: Desk) -> None:
    desk.put(s__kind="tone", s__frequency=1500)
    said = desk.words()["summary"]
    assert said.startswith("Pure tone at 60 dB SPL: strongest channel 1.48 kHz")  # the nearest of 40
    assert "Channel 17 of 40: 1.00 kHz" in said


def test_the_page_is_told_its_controls_once_with_all_they_need(desk: Desk) -> None:
    content = desk.lab.contents.controls()
    assert [s["title"] for s in content["sections"]] == ["Sound", "Filterbank", "Close-up", "Another ear"]
    engine = desk.lab.contents.figures()["engine"]
    assert engine["values"].keys() == desk.lab.model.fields.keys()
    assert engine["link"] == ""
    assert [entry["key"] for entry in desk.words()["quick"]] == list(FilterbankModel.key_controls)
