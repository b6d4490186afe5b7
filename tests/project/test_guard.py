"""What a stranger cannot do with a running server: no address but the pages' own, no session of another person."""

import asyncio
import doctest
import http.client
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from bokeh.util import token as bokeh_token
from bokeh.util.token import generate_jwt_token, generate_session_id

from amtlib.cli import main
from amtlib.options import ServeOptions
from amtlib.serving import TOKEN_S, panel_command, write_scripts
from app.landing import DOCUMENTATION
from app.server import clients, documentation, pace, refusals
from app.server.refusals import BAD_TOKEN, IN_USE, NO_SUCH_SESSION, Refused
from app.server.sessions import LARGEST_PAYLOAD, LONGEST_TOKEN, session_of
from benchmarks.browser import Browser, Session
from tests.serving import ROOT, Server, served
from tests.wire import Wire, page, token_of

SECRET = "a secret that two servers of a farm share"
PAGES = ("/", "/index", "/filterbank", "/cochlea", "/perception", "/loudness", "/fdn", "/ear_and_room")

#: Prints the patterns of all addresses that Bokeh and Panel add for our command, and ends.
LIST_ROUTES = """
import json, sys
from bokeh.server.tornado import BokehTornado
from panel.command import main
make = BokehTornado.__init__
def made(self, *args, **settings):
    make(self, *args, **settings)
    rules = [rule for group in self.default_router.rules for rule in getattr(group.target, "rules", [group])]
    print(json.dumps([getattr(getattr(rule.matcher, "regex", None), "pattern", None) for rule in rules]), flush=True)
    sys.exit(0)
BokehTornado.__init__ = made
sys.argv[0] = "panel"
main()
"""

#: Pattern of what Bokeh and Panel add -> an address that it matches, and what our server answers there.
ANSWERS: dict[str, tuple[str, int]] = {
    "/favicon.ico": ("/favicon.ico", 200),
    "/components/(.*)": ("/components/panel.pane.markup/HTML/_stylesheets/css/alerts.css", 404),
    "/static/extensions/(.*)": ("/static/extensions/panel/panel.min.js", 200),
    "/static/(?!extensions/)(.*)": ("/static/js/bokeh.min.js", 200),
    "/static/(.*)": ("/static/js/bokeh.min.js", 200),
    "/login": ("/login", 404),  # answers where a login is configured, see test_amtlab_serve.py
    "/logout": ("/logout", 404),
}
for _page in PAGES:
    _at = "" if _page == "/" else _page
    ANSWERS[f"{_at}/?"] = (_page, 200)
    ANSWERS[f"{_at}/ws"] = (f"{_at}/ws", 400)  # no websocket asks for it
    ANSWERS[f"{_at}/metadata"] = (f"{_at}/metadata", 404)
    ANSWERS[f"{_at}/autoload.js"] = (f"{_at}/autoload.js?bokeh-autoload-element=1", 404)
    if _at:
        ANSWERS[f"{_at}/static/(.*)"] = (f"{_at}/static/js/bokeh.min.js", 404)

#: All but most pages themselves, each of which test_amtlab_serve.py asks for: the first drawing of one takes seconds.
ASKED = sorted(ANSWERS.keys() - {f"{_page}/?" for _page in PAGES[3:]})

#: What they add with options that we do not use, or are said to have.
ELSEWHERE = (
    "/components/unittest.__main__/a/b/c",
    "/admin",
    "/liveness",
    "/rest/session_info",
    "/session_info",
    "/filterbank/admin",
    "/static/extensions/jupyterlab/package.json",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("guard") / "log.txt"
    with served(log, environment={"AMTLAB_SECRET": SECRET}, cold=True) as running:
        yield running
        assert "Traceback" not in running.log()


def status_of(server: Server, address: str, method: str = "GET", **headers: str) -> int:
    """Ask without a client's tidying of addresses."""
    connection = http.client.HTTPConnection("localhost", server.port, timeout=60)
    try:
        connection.request(method, address, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


# ---------------------------------------------------------------- addresses


def test_every_address_that_bokeh_and_panel_add_is_on_our_list(tmp_path: Path) -> None:
    """One that a new version adds fails here, and is not served before it stands in app/server/routes.py."""
    options = ServeOptions(basic_auth="x", port=5999, processes=1)
    command = panel_command(options, ROOT, write_scripts(ROOT, tmp_path))
    ours = {"--setup", "--plugins", "--basic-login-template", "--logout-template"}
    asked = [each for before, each in zip(["", *command], command, strict=False) if not ours & {before, each}]
    asked = asked[asked.index("serve") :]
    listed = subprocess.run(
        [sys.executable, "-c", LIST_ROUTES, *asked, "--basic-auth", "x", "--cookie-secret", "y" * 32],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    patterns = json.loads(listed.stdout.splitlines()[-1])
    assert {pattern.removesuffix("$") for pattern in patterns} == ANSWERS.keys()


@pytest.mark.skipif(not documentation.routes(DOCUMENTATION), reason="`make docs` has not built the site")
def test_the_documentation_answers_where_it_was_built(server: Server) -> None:
    for address, status in (("/docs/", 200), ("/docs/quickstart.html", 200), ("/docs/none.html", 404)):
        assert status_of(server, address) == status


@pytest.mark.parametrize("pattern", ASKED)
def test_an_address_answers_as_listed(server: Server, pattern: str) -> None:
    address, status = ANSWERS[pattern]
    assert status_of(server, address) == status


@pytest.mark.parametrize("address", ELSEWHERE)
def test_what_no_page_needs_is_not_found(server: Server, address: str) -> None:
    assert status_of(server, address) == 404
    assert json.loads(page(f"{server.url}/health"))["status"] == "ok"


@pytest.mark.parametrize(
    "address",
    [
        "/static/../../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/settings.py",
        "/static/js/..%2f..%2f..%2fsettings.py",
        "/static/extensions/panel/../config.py",
        "/static/extensions/panel/%2e%2e/config.py",
        "/static/extensions/panel/..%2fconfig.py",
        "/static/extensions//etc/passwd",
        "/static/extensions/bokeh/x.js",
    ],
)
def test_no_path_leads_out_of_the_folders_of_scripts(server: Server, address: str) -> None:
    assert status_of(server, address) in {403, 404}


@pytest.mark.parametrize("address", ["/", "/filterbank", "/static/js/bokeh.min.js"])
def test_who_asks_for_a_head_gets_it(server: Server, address: str) -> None:
    connection = http.client.HTTPConnection("localhost", server.port, timeout=60)
    connection.request("HEAD", address)
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.read() == b""
    connection.request("GET", address)  # on the same connection: nothing was left in it
    assert connection.getresponse().status == 200
    connection.close()


# ---------------------------------------------------------------- whose session it is


def forged(secret: str = SECRET, expiration: int = 300, **extra: str) -> str:
    """Return a token as a server with some secret would write it."""
    key = secret.encode()
    return generate_jwt_token(
        generate_session_id(key, signed=True), key, True, extra_payload=extra, expiration=expiration
    )


def with_id(identifier: object) -> str:
    """Return a token with our signature and any id."""
    return generate_jwt_token(identifier, SECRET.encode(), True)  # type: ignore[arg-type]


def test_a_link_cannot_choose_the_session(server: Server) -> None:
    chosen = generate_session_id(SECRET.encode(), signed=True)
    other = forged()
    for query in (f"bokeh-session-id={chosen}", f"bokeh%2Dsession-id={chosen}", f"bokeh-token={other}"):
        token = token_of(f"{server.url}/filterbank?{query}")
        assert session_of(token, SECRET.encode(), TOKEN_S) != chosen
        assert token != other
    asked = urllib.request.Request(f"{server.url}/filterbank", headers={"Bokeh-Session-Id": chosen})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert chosen not in answer.read().decode()


def test_a_link_that_asks_for_a_session_opens_the_page_as_usual(server: Server) -> None:
    async def said() -> str:
        session = Session(Browser(server.url), "filterbank", True)
        await session.open("?bokeh-session-id=mine&s.level=44")
        session.say(type="hello")
        content = await session._until('["values"')
        await session.leave()
        return content

    content = asyncio.run(said())
    assert '["s.level",44' in content
    assert "bokeh-session-id" not in content


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", "sent no token"),
        ("x", "malformed"),
        ("e30", "malformed"),
        ("e30.", "malformed"),
        ("[" * 30_000, "malformed"),
        ("x" * (LONGEST_TOKEN + 1), f"more than {LONGEST_TOKEN}"),
        (generate_jwt_token(generate_session_id(signed=False), signed=False), "malformed"),
        (forged("a secret of somebody else's, long enough"), "not one of this server's"),
        (forged("a secret of somebody else's, long enough", x="0" * 20_000_000), "not one of this server's"),
        (forged(x="0" * 20_000_000), "malformed"),
        (forged(expiration=-1), "too long ago"),
        (forged(expiration=TOKEN_S + 3600), "too long ago"),
        (with_id("<b>markup</b>"), "malformed"),
        (with_id("x" * 20_000), "malformed"),
        (with_id(None), "malformed"),
        (with_id(5), "malformed"),
        (with_id({"a": 1}), "malformed"),
    ],
)
def test_a_token_that_is_none_closes_the_connection_at_once_with_a_sentence(
    server: Server, token: str, why: str
) -> None:
    async def closed() -> tuple[int | None, str]:
        wire = await Wire.open(f"{server.url}/filterbank", token)
        found = await wire.closed(within_s=5)
        return found.code, found.reason

    code, reason = asyncio.run(closed())
    assert code == BAD_TOKEN
    assert why in reason


def test_a_tokens_size_is_bounded_before_it_is_unpacked() -> None:
    packed = len(zlib.compress(b"0" * 20_000_000, 9))
    assert packed < LONGEST_TOKEN  # so small a token would unpack to 20 MB
    began = time.process_time()
    with pytest.raises(Refused, match="not one of this server's"):
        session_of(forged("not the servers secret, by any means", x="0" * 1000), SECRET.encode(), TOKEN_S)
    with pytest.raises(Refused, match="malformed"):
        session_of(forged(x="0" * (LARGEST_PAYLOAD + 1)), SECRET.encode(), TOKEN_S)
    assert time.process_time() - began < 1


def test_what_bokeh_packs_a_token_with_is_what_we_look_into() -> None:
    assert bokeh_token._TOKEN_ZLIB_KEY in bokeh_token._base64_decode(forged(x="y").split(".")[0]).decode()


def test_a_page_of_an_earlier_life_of_the_server_is_sent_to_open_anew(server: Server) -> None:
    async def closed() -> tuple[int | None, str]:
        old = forged("the secret that the server had before it ended")
        wire = await Wire.open(f"{server.url}/filterbank?again=1", old)
        found = await wire.closed(within_s=5)
        return found.code, found.reason

    assert asyncio.run(closed()) == (NO_SUCH_SESSION, "1")


def test_nobody_joins_a_session_that_has_a_page(server: Server) -> None:
    async def joined() -> tuple[int | None, str, str]:
        token = await asyncio.to_thread(token_of, f"{server.url}/cochlea")
        first = await Wire.open(f"{server.url}/cochlea", token)
        await first.message()
        second = await Wire.open(f"{server.url}/cochlea", token)
        refused = await second.closed(within_s=5)
        first.say("PULL-DOC-REQ", {})  # and goes on
        kind, _ = await first.message()
        await first.cut()
        return refused.code, refused.reason, kind

    code, reason, kind = asyncio.run(joined())
    assert code == IN_USE
    assert "open in another window" in reason
    assert kind == "PULL-DOC-REPLY"


def test_a_page_that_comes_back_takes_the_place_of_its_old_connection(server: Server) -> None:
    """The server may not have noticed that the old one is broken."""

    async def back() -> tuple[str, int | None, list[float]]:
        token = await asyncio.to_thread(token_of, f"{server.url}/cochlea")
        before = await asyncio.to_thread(counted, server)
        first = await Wire.open(f"{server.url}/cochlea", token)
        await first.message()
        first.answers = False
        second = await Wire.open(f"{server.url}/cochlea?again=1", token)
        kind, _ = await second.message()
        gone = await first.closed()
        after = await asyncio.to_thread(counted, server)
        await second.cut()
        return kind, gone.code, [after - before]

    assert asyncio.run(back()) == ("ACK", IN_USE, [1])


def counted(server: Server) -> float:
    """Return how many sessions the server has."""
    return float(json.loads(page(f"{server.url}/health"))["sessions"])


def test_a_secret_that_can_be_guessed_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMTLAB_SECRET", "secret")
    assert main(["serve", "--port", "5998"]) == 2
    said = capsys.readouterr().err
    assert "AMTLAB_SECRET has 6 characters" in said
    assert "give 32 or more" in said


@pytest.mark.parametrize("module", [clients, pace, refusals])
def test_the_examples_in_the_servers_documentation_hold(module: ModuleType) -> None:
    """Doctests are not collected in app/server, most of which only a server can import."""
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
