"""Where a login leads to, which passwords are right, and what the server's processes know of each other's logins."""

import json
import os
import urllib.parse
from pathlib import Path

import pytest

from app.server.logins import Passwords, way_on
from app.server.tries import EndedLogins, Tries

posix = pytest.mark.skipif(os.name != "posix", reason="several processes need Linux or macOS")


@pytest.mark.parametrize(
    ("asked", "prefix", "leads_to"),
    [
        ("/", "", "./"),
        ("/filterbank", "", "./filterbank"),
        ("/filterbank?s.level=50&a=..%2F", "", "./filterbank?s.level=50&a=..%2F"),
        ("/amt/fdn", "/amt", "./fdn"),
        ("/amt/", "/amt", "./"),
        ("/amt", "/amt", "./"),
        ("/other/fdn", "/amt", "./"),
        ("/amtother/fdn", "/amt", "./"),
        ("", "", "./"),
        ("filterbank", "", "./"),
        ("//evil.example", "", "./"),
        ("///evil.example", "", "./"),
        ("/amt//evil.example", "/amt", "./"),
        ("/\\evil.example", "", "./"),
        ("\\\\evil.example", "", "./"),
        ("/\t/evil.example", "", "./"),
        ("/%09/evil.example", "", "./%09/evil.example"),  # to a browser a path like any other
        ("/\n/evil.example", "", "./"),
        ("/a\r\nSet-Cookie: user=eve", "", "./"),
        ("/\x00//evil.example", "", "./"),
        ("\x01//evil.example", "", "./"),
        (" //evil.example", "", "./"),
        ("https:evil.example", "", "./"),
        ("https://evil.example/", "", "./"),
        ("javascript:alert(1)", "", "./"),
        ("/javascript:alert(1)", "", "./javascript:alert(1)"),
        ("/../../other", "/amt", "./"),
        ("/amt/../other", "/amt", "./"),
        ("/amt/%2e%2E/other", "/amt", "./"),
        ("/ﬁlterbank", "", "./"),
    ],
)
def test_a_login_leads_to_a_page_of_this_server_whatever_it_is_told(
    asked: str, prefix: str, leads_to: str
) -> None:
    assert way_on(asked, prefix) == leads_to
    here = f"https://lab.example.edu{prefix}/login"
    assert urllib.parse.urljoin(here, leads_to).startswith(f"https://lab.example.edu{prefix}/")


def test_names_have_their_own_passwords_and_a_changed_file_counts_at_once(tmp_path: Path) -> None:
    file = tmp_path / "passwords.json"
    file.write_text(json.dumps({"ann": "Apfel", "bea": "Birne"}), encoding="utf-8")
    passwords = Passwords(str(file))
    assert passwords.right("ann", "Apfel")
    assert not passwords.right("ann", "Birne")
    assert not passwords.right("eve", "")
    assert not passwords.right("ann", str(file))
    file.write_text(json.dumps({"ann": "Quitte!"}), encoding="utf-8")
    assert not passwords.right("ann", "Apfel")
    assert passwords.right("ann", "Quitte!")
    file.write_text('{"ann": ', encoding="utf-8")  # half written
    assert passwords.right("ann", "Quitte!")
    file.unlink()
    assert passwords.right("ann", "Quitte!")
    assert not passwords.right("ann", str(file))


@pytest.mark.parametrize("content", ["[]", '{"ann": 3}', '{"ann": ""}', "ann: Apfel"])
def test_a_file_without_names_and_passwords_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "passwords.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"the passwords in .*passwords\.json cannot be read"):
        Passwords(str(file))


def test_wrong_passwords_count_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("app.server.tries.time.monotonic", lambda: now)
    tries = Tries(2)
    tries.note_wrong("a")
    assert tries.wait("a") == 0
    now = 1020.0
    tries.note_wrong("a")
    assert tries.wait("a") == 40
    assert tries.wait("b") == 0
    now = 1061.0
    assert tries.wait("a") == 0
    tries.note_wrong("a")
    assert tries.wait("a") == 19  # until the one of 1020 s is a minute ago


@posix
def test_what_one_process_notes_the_others_know_and_one_that_is_started_later() -> None:
    tries, ended = Tries(2), EndedLogins(3600)
    for _ in range(2):
        child = os.fork()
        if not child:
            tries.note_wrong("192.0.2.7")
            ended.add("of a child")
            os._exit(0)
        os.waitpid(child, 0)
    assert tries.wait("192.0.2.7") > 0
    assert "of a child" in ended
    assert "of another" not in ended


def test_a_process_remembers_a_bounded_number_of_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.server.tries.MOST", 100)
    tries, ended = Tries(1), EndedLogins(3600)
    for i in range(300):
        tries.note_wrong(f"client {i}")
        ended.add(f"login {i}")
    assert tries.wait("client 299") > 0
    assert "login 299" in ended
    assert len(tries._wrong) == 100
    assert len(ended._ended) == 100
