"""Passwords as `amtlab serve` really asks for them, what a logout ends, and what strangers see and send."""

import asyncio
import json
import os
import signal
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from bokeh.util.token import get_token_payload
from tornado.web import create_signed_value

from amtlib.cli import main
from app.server.logins import LOGIN_COOKIE
from tests.serving import Server, free_port, served
from tests.visitors import PASSWORD, Person, answer, listens, survivors
from tests.wire import TOKEN, Closed, Wire

posix = pytest.mark.skipif(os.name != "posix", reason="several processes need Linux or macOS")

SECRET = "a secret that this test knows, to make old cookies"
#: Wrong passwords a minute that a client has by default.
TRIES = 10


def try_to_log_in(server: Server, address: str, password: str = "wrong", name: str = "ann") -> int:
    form = urllib.parse.urlencode({"username": name, "password": password})
    return answer(server, "/login", "POST", form, X_Forwarded_For=address)[0]


def is_logged_in(server: Server, cookies: str) -> set[bool]:
    """Return what the server's processes find, each asked several times for all that is likely."""
    return {answer(server, "/filterbank", Cookie=cookies)[0] == 200 for _ in range(12)}


@pytest.fixture(scope="module")
def with_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("password")
    options = ["--basic-auth", PASSWORD, "--processes", "2", "--origin", "lab.example.edu"]
    with served(
        folder / "log.txt",
        *options,
        *("--access-log", str(folder / "access.jsonl")),
        environment={"PANEL_COOKIE_SECRET": SECRET},
        cold=True,
    ) as running:
        yield running


@posix
def test_with_a_password_nothing_is_shown_without_it(with_password: Server) -> None:
    person = Person("192.0.2.1")
    _, where, login = person.get(f"{with_password.url}/filterbank")
    assert "/login" in where
    assert "any name will do" in login
    form = {"username": "ann", "password": "open sesame", "next": "/filterbank?s.level=50"}
    _, where, text = person.get(f"{with_password.url}/login", form)
    assert "The name or the password is not right." in text
    assert 'value="/filterbank?s.level=50"' in text  # the second try leads there, too
    _, where, text = person.get(f"{with_password.url}/login", {**form, "password": PASSWORD})
    assert where == f"{with_password.url}/filterbank?s.level=50"
    assert TOKEN.search(text)
    assert "You are logged out" in person.get(f"{with_password.url}/logout")[2]
    assert "/login" in person.get(f"{with_password.url}/filterbank")[1]


@posix
@pytest.mark.parametrize(
    "address", ["components/unittest.__main__/a/b/c", "filterbank/autoload.js", "filterbank/metadata"]
)
def test_with_a_password_too_no_address_is_served_that_no_page_needs(
    with_password: Server, address: str
) -> None:
    assert answer(with_password, f"/{address}")[0] == 404


@posix
def test_a_client_with_too_many_wrong_passwords_has_to_wait_and_nobody_else(with_password: Server) -> None:
    address = "192.0.2.2"
    # Of both processes together: each guess comes over a connection of its own.
    assert [try_to_log_in(with_password, address) for _ in range(TRIES + 15)] == TRIES * [303] + 15 * [429]
    form = urllib.parse.urlencode({"username": "ann", "password": PASSWORD})
    status, headers, text = answer(with_password, "/login", "POST", form, X_Forwarded_For=address)
    assert status == 429  # or guessing would go on
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert f"Try again in {headers['Retry-After']} seconds." in text
    assert "set-cookie" not in headers
    Person("192.0.2.3").log_in(with_password, "ann")  # by the same name


@posix
def test_guesses_at_once_are_counted_as_well(with_password: Server) -> None:
    with ThreadPoolExecutor(12) as guessers:
        found = list(guessers.map(lambda _: try_to_log_in(with_password, "192.0.2.4"), range(60)))
    # Each process looks at one try after the other: beyond the limit is at most what both look at in one moment.
    assert TRIES <= found.count(303) <= TRIES + 1
    assert found.count(429) == 60 - found.count(303)


@posix
def test_a_network_of_ipv6_is_one_client(with_password: Server) -> None:
    found = [try_to_log_in(with_password, f"2001:db8:0:7::{i:x}") for i in range(1, TRIES + 4)]
    assert found == TRIES * [303] + 3 * [429]
    assert try_to_log_in(with_password, "2001:db8:0:8::1") == 303


@posix
def test_an_address_puts_no_words_onto_the_login_page(with_password: Server) -> None:
    text = answer(with_password, "/login?error=Call+555-1234+to+get+in")[2]
    assert "555" not in text
    assert 'role="alert"' not in text
    assert "The name or the password is not right." in answer(with_password, "/login?error=wrong")[2]


@posix
@pytest.mark.parametrize(
    "asked", ["//evil.example", "///evil.example", "/\\evil.example", "/\t/evil.example"]
)
def test_a_login_stays_here(with_password: Server, asked: str) -> None:
    form = urllib.parse.urlencode({"username": "ann", "password": PASSWORD, "next": asked})
    status, headers, _ = answer(with_password, "/login", "POST", form)
    assert (status, headers["Location"]) == (303, "./")


@posix
def test_the_cookies_of_a_login_work_no_more_after_its_logout(with_password: Server) -> None:
    ann, other = Person("192.0.2.5").log_in(with_password), Person("192.0.2.5").log_in(with_password)
    cookies = ann.cookies
    assert is_logged_in(with_password, cookies) == {True}
    ann.get(f"{with_password.url}/logout")
    assert ann.cookies == ""
    assert is_logged_in(with_password, cookies) == {False}  # in whichever process
    assert is_logged_in(with_password, other.cookies) == {True}  # of the same name
    token = TOKEN.search(other.get(f"{with_password.url}/filterbank")[2])
    assert token

    async def refused() -> Closed:
        with pytest.raises(Closed) as closed:
            await Wire.open(f"{with_password.url}/filterbank", token[1], headers={"Cookie": cookies})
        return closed.value

    assert asyncio.run(refused()).code == 403


@posix
def test_nobody_puts_their_login_under_the_name_of_another(with_password: Server) -> None:
    ann, bea = (Person("192.0.2.6").log_in(with_password, name) for name in ("ann", "bea"))
    mixed = f"user={ann.cookie('user').value}; {LOGIN_COOKIE}={bea.cookie(LOGIN_COOKIE).value}"
    assert is_logged_in(with_password, mixed) == {False}


@posix
def test_a_page_does_not_hold_what_a_login_needs(with_password: Server) -> None:
    page = Person("192.0.2.6").log_in(with_password).get(f"{with_password.url}/cochlea")[2]
    token = TOKEN.search(page)
    assert token
    found = json.dumps(get_token_payload(token[1]), default=str)
    assert "user" in found
    assert LOGIN_COOKIE not in found


@posix
@pytest.mark.parametrize(("hours", "works"), [(11.9, True), (12.1, False)])
def test_a_login_lasts_a_day_of_lectures(with_password: Server, hours: float, works: bool) -> None:
    def cookie(name: str, value: str) -> str:
        made = create_signed_value(SECRET, name, value, clock=lambda: time.time() - 3600 * hours)
        return f"{name}={made.decode()}"

    cookies = f"{cookie('user', 'ann')}; {cookie(LOGIN_COOKIE, 'a1b2 ann')}"
    assert is_logged_in(with_password, cookies) == {works}


@posix
@pytest.mark.parametrize(("protocol", "secure"), [("https", True), ("http", False)])
def test_cookies_are_for_https_alone_where_the_page_is_and_never_for_scripts_or_other_sites(
    with_password: Server, protocol: str, secure: bool
) -> None:
    form = urllib.parse.urlencode({"username": "ann", "password": PASSWORD})
    headers = answer(with_password, "/login", "POST", form, X_Forwarded_Proto=protocol)[1]
    ended = answer(with_password, "/logout", X_Forwarded_Proto=protocol)[1]
    cookies = [*headers.get_all("Set-Cookie"), *ended.get_all("Set-Cookie")]
    assert {cookie.partition("=")[0] for cookie in cookies} >= {"user", "id_token", "is_guest", LOGIN_COOKIE}
    for cookie in cookies:
        assert ("Secure" in cookie) is secure
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


@posix
def test_the_access_log_tells_good_logins_from_bad_ones_and_nothing_about_persons(
    with_password: Server,
) -> None:
    Person("192.0.2.8").log_in(with_password, "somebody's name")
    for _ in range(TRIES + 1):
        try_to_log_in(with_password, "192.0.2.9", "a wrong password", "somebody's name")
    log = (with_password.log_file.parent / "access.jsonl").read_text()
    logins = [line for line in map(json.loads, log.splitlines()) if line["event"] == "login"]
    assert {(line["ok"], line.get("why")) for line in logins} == {
        *((True, None), (False, "wrong"), (False, "too many tries"))
    }
    assert {key for line in logins for key in line} == {"time", "pid", "event", "ok", "why"}
    for secret in ("somebody", "192.0.2", PASSWORD, "wrong password"):
        assert secret not in log


# ---------------------------------------------------------------- what strangers see and send


@posix
def test_health_tells_strangers_that_all_is_well_and_this_machine_how(with_password: Server) -> None:
    for stranger in (
        *({"X_Forwarded_For": each} for each in ("192.0.2.1", "127.0.0.1", "::1", "localhost", "")),
        *({"X_Real_Ip": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"Via": "1.1 proxy"}),
        *({"X_Forwarded_Proto": "https"}, {"X_Forwarded_Host": "localhost"}),
        *({"Host": "lab.example.edu"}, {"Host": "localhost.evil.example"}),  # its name may point here
    ):
        status, _, text = answer(with_password, "/health", **stranger)
        assert (status, json.loads(text)) == (200, {"status": "ok"}), stranger
    for host in ("localhost", "127.0.0.1", "[::1]"):
        details = json.loads(answer(with_password, "/health", Host=f"{host}:{with_password.port}")[2])
        assert details["sessions"] >= 0, host


@posix
def test_a_head_of_health_is_answered_like_the_whole(with_password: Server) -> None:
    whole, head = (
        answer(with_password, "/health", method, X_Real_Ip="192.0.2.1") for method in ("GET", "HEAD")
    )
    assert whole[0] == head[0] == 200
    assert head[1]["Content-Length"] == whole[1]["Content-Length"]
    assert head[2] == ""


@posix
def test_the_policy_names_the_servers_own_hosts_and_allows_no_script_but_the_pages_own(
    with_password: Server,
) -> None:
    cookies = Person("192.0.2.10").log_in(with_password).cookies
    policies, nonces = [], []
    for host in (f"localhost:{with_password.port}", "evil.example", "evil.example:99", "lab.example.edu"):
        _, headers, text = answer(with_password, "/filterbank", Host=host, Cookie=cookies)
        policy = headers["Content-Security-Policy"]
        nonce = policy.partition("'nonce-")[2].partition("'")[0]
        assert f"script-src 'self' 'nonce-{nonce}';" in policy
        assert text.count("<script") == text.count(f'<script nonce="{nonce}"') > 5
        nonces.append(nonce)
        policies.append(policy.replace(nonce, ""))
    assert len(set(nonces)) == 4
    assert len(set(policies)) == 1
    assert "unsafe-eval" not in policies[0]
    assert "evil" not in policies[0]
    assert f"ws://localhost:{with_password.port}" in policies[0]
    assert "wss://lab.example.edu " in policies[0].replace(";", " ")
    assert "script-src 'none'" in answer(with_password, "/login")[1]["Content-Security-Policy"]


@posix
def test_junk_writes_a_bounded_log(with_password: Server) -> None:
    before, sent = len(with_password.log()), 0
    for i in range(300):
        body = f"username={i}%ff{'x' * 9000}&password=y"
        sent += len(body)
        assert answer(with_password, "/login", "POST", body, X_Forwarded_For="192.0.2.11")[0] in (400, 429)
    written = len(with_password.log()) - before
    print(f"{sent / 1e6:.1f} MB sent, {written / 1e3:.1f} kB written")
    assert 0 < written < 60_000


def test_a_secret_that_can_be_guessed_signs_no_logins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PANEL_COOKIE_SECRET", "secret")
    assert main(["serve", "--port", str(free_port()), "--basic-auth", PASSWORD]) == 2
    assert "PANEL_COOKIE_SECRET has 6 characters, which can be guessed" in capsys.readouterr().err


@posix
def test_asked_to_end_the_command_leaves_no_process(
    with_password: Server,
) -> None:  # the last one that asks it
    assert "Traceback" not in with_password.log()
    assert survivors(with_password, signal.SIGTERM) == []
    assert not listens(with_password.port)
