"""Logins with another site, as `amtlab serve --oauth` really leads to them and back."""

import asyncio
import json
import os
import signal
import urllib.parse
from collections.abc import Iterator

import pytest

from tests.login_site import LoginSite, login_site
from tests.serving import Server, served
from tests.visitors import Person, answer, listens, survivors
from tests.wire import TOKEN, Closed, Wire

posix = pytest.mark.skipif(os.name != "posix", reason="several processes need Linux or macOS")


@pytest.fixture(scope="module")
def site() -> Iterator[LoginSite]:
    with login_site() as opened:
        yield opened


@pytest.fixture(scope="module")
def with_oauth(site: LoginSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("oauth")
    options = ["--oauth", "generic", "--prefix", "/amt", "--processes", "2", "--health-details"]
    options += ["--access-log", str(folder / "access.jsonl")]
    with served(folder / "log.txt", *options, environment=site.environment, cold=True) as running:
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
    status, _, text = answer(with_oauth, "/amt/login?error=call&error_description=Call+555-1234")
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
