"""Logins as `amtlab serve` really asks for them: passwords, a login elsewhere, what a logout ends, what strangers see."""

import asyncio
import http.client
import json
import os
import signal
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import Cookie, CookieJar
from pathlib import Path

import psutil
import pytest
from bokeh.util.token import get_token_payload
from tornado.web import create_signed_value

from app.server.logins import LOGIN_COOKIE, Passwords, way_on
from app.server.tries import EndedLogins, Tries
from tests.login_site import LoginSite, login_site
from tests.serving import Server, served
from tests.wire import TOKEN, Closed, Wire

posix = pytest.mark.skipif(os.name != "posix", reason="several processes need Linux or macOS")

PASSWORD, SECRET = "Open Sesame", "a secret that this test knows, to make old cookies"
#: Wrong passwords a minute that a client has by default.
TRIES = 10


class Person:
    """A browser with cookies of its own, and at an address of its own where the server is behind a proxy."""

    def __init__(self, address: str = "", protocol: str = "") -> None:
        self.jar = CookieJar()
        follows = urllib.request.HTTPCookieProcessor(self.jar)
        self._browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), follows)
        if address:
            self._browser.addheaders.append(("X-Forwarded-For", address))
        if protocol:
            self._browser.addheaders.append(("X-Forwarded-Proto", protocol))

    def get(self, url: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Return status, the address the answer finally came from, and its text."""
        body = None if form is None else urllib.parse.urlencode(form).encode()
        try:
            with self._browser.open(url, body, timeout=60) as answer:
                return answer.status, answer.geturl(), answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.geturl(), refused.read().decode()

    def log_in(self, server: Server, name: str = "ann") -> "Person":
        status, _, text = self.get(f"{server.url}/login", {"username": name, "password": PASSWORD})
        assert status == 200
        assert TOKEN.search(text)
        return self

    @property
    def cookies(self) -> str:
        """What the browser would send along."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.jar)

    def cookie(self, name: str) -> Cookie:
        return next(cookie for cookie in self.jar if cookie.name == name)


def answer(
    server: Server, path: str, method: str = "GET", body: str = "", **headers: str
) -> tuple[int, http.client.HTTPMessage, str]:
    """Ask once, without following; return status, headers and text."""
    connection = http.client.HTTPConnection("localhost", server.port, timeout=60)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body or None, sent)
        found = connection.getresponse()
        return found.status, found.msg, found.read().decode()
    finally:
        connection.close()


def try_to_log_in(server: Server, address: str, password: str = "wrong", name: str = "ann") -> int:
    form = urllib.parse.urlencode({"username": name, "password": password})
    return answer(server, "/login", "POST", form, X_Forwarded_For=address)[0]


def is_logged_in(server: Server, cookies: str) -> set[bool]:
    """Return what the server's processes find, each asked several times for all that is likely."""
    return {answer(server, "/filterbank", Cookie=cookies)[0] == 200 for _ in range(12)}


def survivors(server: Server, how: signal.Signals) -> list[psutil.Process]:
    """End the command, and return which of its processes are still there."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert len(children) >= 3  # panel and its two processes
    server.process.send_signal(how)
    assert server.process.wait(15) == (0 if how == signal.SIGTERM else -how)
    _, alive = psutil.wait_procs(children, timeout=10)
    return alive


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# ---------------------------------------------------------------- without a server


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


# ---------------------------------------------------------------- passwords


@pytest.fixture(scope="module")
def with_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("password")
    options = ["--basic-auth", PASSWORD, "--processes", "2", "--origin", "lab.example.edu"]
    with served(
        folder / "log.txt",
        *options,
        *("--access-log", str(folder / "access.jsonl")),
        environment={"PANEL_COOKIE_SECRET": SECRET},
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
    for host in (f"localhost:{with_password.port}", "evil.example", "x; script-src *", "lab.example.edu"):
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


@posix
def test_asked_to_end_the_command_leaves_no_process(
    with_password: Server,
) -> None:  # the last one that asks it
    assert "Traceback" not in with_password.log()
    assert survivors(with_password, signal.SIGTERM) == []
    assert not listens(with_password.port)


# ---------------------------------------------------------------- a login elsewhere


@pytest.fixture(scope="module")
def site() -> Iterator[LoginSite]:
    with login_site() as opened:
        yield opened


@pytest.fixture(scope="module")
def with_oauth(site: LoginSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("oauth")
    options = ["--oauth", "generic", "--prefix", "/amt", "--processes", "2", "--health-details"]
    options += ["--access-log", str(folder / "access.jsonl")]
    with served(folder / "log.txt", *options, environment=site.environment) as running:
        yield running


@posix
@pytest.mark.parametrize("name", ["ann", "Bea O'Neil"])
def test_who_logs_in_elsewhere_comes_back_to_the_page_they_asked_for(
    with_oauth: Server, site: LoginSite, name: str
) -> None:
    site.person, person = name, Person()
    asked = f"{with_oauth.url}/amt/filterbank?s.level=50"
    status, where, text = person.get(asked)
    assert (status, where) == (200, asked)
    token = TOKEN.search(text)
    assert token
    assert site.asked[-1]["redirect_uri"] == f"{with_oauth.url}/amt/login"

    async def kinds() -> set[str]:
        found = set()
        for _ in range(6):  # whichever process answers knows the cookie of the other
            page = TOKEN.search(await asyncio.to_thread(lambda: person.get(asked)[2]))
            assert page
            wire = await Wire.open(asked.partition("?")[0], page[1], headers={"Cookie": person.cookies})
            found.add((await wire.message())[0])
            await wire.cut()
        return found

    assert asyncio.run(kinds()) == {"ACK"}


@posix
def test_a_page_needs_the_login_and_health_does_not(with_oauth: Server, site: LoginSite) -> None:
    site.person = "ann"
    person = Person()
    page = person.get(f"{with_oauth.url}/amt/cochlea")[2]
    cookies = person.cookies
    assert "You are logged out" in person.get(f"{with_oauth.url}/amt/logout")[2]
    assert person.cookies == ""
    asked = len(site.asked)
    person.get(f"{with_oauth.url}/amt/cochlea")
    assert len(site.asked) == asked + 1  # sent to log in again
    token = TOKEN.search(page)
    assert token

    async def refused(**headers: str) -> int | None:
        with pytest.raises(Closed) as closed:
            await Wire.open(f"{with_oauth.url}/amt/cochlea", token[1], headers=headers)
        return closed.value.code

    for _ in range(4):
        assert asyncio.run(refused()) == 403  # not even with a page's own token
        assert asyncio.run(refused(Cookie=cookies)) == 403  # nor with the cookies of a login that has ended
    assert "sessions" in json.loads(answer(with_oauth, "/amt/health", X_Forwarded_For="192.0.2.1")[2])


@posix
def test_a_login_denied_elsewhere_is_said_in_a_sentence_of_ours(with_oauth: Server, site: LoginSite) -> None:
    site.person = None
    status, _, text = Person().get(f"{with_oauth.url}/amt/filterbank")
    assert status == 401
    assert "The login did not work. The other site was told not to let you in here" in text
    assert "you said no" not in text
    assert "Try again" in text
    status, headers, text = answer(with_oauth, "/amt/login?error=call&error_description=Call+555-1234")
    assert status == 401
    assert "555" not in text
    assert "gave no reason that is known here" in text


@posix
@pytest.mark.parametrize("code", ["616E6E", "no code"])
def test_a_login_that_nobody_here_began_is_refused(with_oauth: Server, code: str) -> None:
    query = urllib.parse.urlencode({"code": code, "state": "of another"})
    status, _, text = Person().get(f"{with_oauth.url}/amt/login?{query}")
    assert status == 401
    assert "The login did not work. It was begun in another window, or too long ago." in text


@posix
def test_a_login_elsewhere_stays_here_and_asks_for_no_foreign_way_back(
    with_oauth: Server, site: LoginSite
) -> None:
    site.person = "ann"
    for asked in ("//evil.example", "///evil.example", "/\\evil.example", "https:evil.example"):
        query = urllib.parse.urlencode({"next": asked})
        status, where, _ = Person().get(f"{with_oauth.url}/amt/login?{query}")
        assert (status, where) == (200, f"{with_oauth.url}/amt/")
    status, headers, text = answer(with_oauth, "/amt/login", Host="evil.example")
    assert (status, headers["Location"]) == (400, None)
    assert "The address in your browser is not one of this server" in text


@posix
def test_cookies_of_a_login_elsewhere_are_not_for_scripts(with_oauth: Server) -> None:
    headers = answer(with_oauth, "/amt/login")[1]
    cookies = headers.get_all("Set-Cookie")
    assert any(cookie.startswith("panel-oauth-state=") for cookie in cookies)
    assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in cookies)


@posix
def test_logins_elsewhere_stand_in_the_access_log(with_oauth: Server) -> None:
    log = (with_oauth.log_file.parent / "access.jsonl").read_text()
    logins = [line for line in map(json.loads, log.splitlines()) if line["event"] == "login"]
    assert {line["ok"] for line in logins} == {True, False}
    assert "ann" not in log


@posix
def test_no_login_left_a_traceback_in_the_log(with_oauth: Server) -> None:
    assert "Traceback" not in with_oauth.log()


@posix
def test_however_the_command_is_killed_no_process_stays(
    with_oauth: Server,
) -> None:  # the last one that asks it
    assert survivors(with_oauth, signal.SIGKILL) == []
    assert not listens(with_oauth.port)
