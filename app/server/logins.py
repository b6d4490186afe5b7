"""Logins, where Panel's own ways do not suffice: tries that are counted, logins that end, cookies, the way back.

Source: RFC 6749 (section 4.1.2.1, why a login elsewhere fails). Panel 1.9 compares passwords as fast as they come, at
its logout takes cookies from the browser that go on being valid, and shows what an address says as its own words.
Who may log in is set by `amtlab serve --basic-auth`, `--oauth` and the provider.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from bokeh.server.util import check_allowlist
from panel.auth import BasicAuthProvider, BasicLoginHandler, LogoutHandler, OAuthLoginHandler
from panel.config import config
from tornado.web import HTTPError, RequestHandler

from app import state, upstream
from app.server import access, clients
from app.server.tries import EndedLogins, Tries

#: How long a login lasts unless PANEL_OAUTH_EXPIRY says otherwise, days: a day of lectures.
LASTS_DAYS = 0.5
#: The cookie that names a login, beside Panel's own, which says whose it is. It is kept out of pages and sessions: see
#: `amtlib.serving`.
LOGIN_COOKIE = "amtlab-login"
#: What the pages say about a login that did not work, by a code in the address, of a provider or of Panel.
SENTENCES: Final = {
    "wrong": "The name or the password is not right.",
    "access_denied": "The other site was told not to let you in here, or does not let you in.",
    "state mismatch": "It was begun in another window, or too long ago.",
    "unknown host": "The address in your browser is not one of this server's.",
    "server_error": "The other site failed. Try again.",
    "temporarily_unavailable": "The other site is too busy at the moment. Try again later.",
    "invalid_grant": "The other site does not know of this login. It was begun too long ago, or somewhere else.",
    **dict.fromkeys(
        (
            "invalid_client",
            "invalid_request",
            "unauthorized_client",
            "unsupported_response_type",
            "invalid_scope",
        ),
        "The other site does not know these labs: whoever serves them has to look at what is registered there.",
    ),
}
UNKNOWN_REASON = "The other site gave no reason that is known here."
#: An address of this server as browsers send it: nothing that one of them might read as another host or leave out.
_ADDRESS = re.compile(r"[!-\[\]-~]+")
_UPWARDS = re.compile(r"(^|/)(\.|%2e){2}(/|$)", re.IGNORECASE)
_TRIES = Tries(clients.LIMITS.login_tries)
_ENDED = EndedLogins(86400 * float(os.environ.get("PANEL_OAUTH_EXPIRY", LASTS_DAYS)))


def way_on(asked: str, prefix: str) -> str:
    """Return where a login leads to: the page that was asked for, or the landing page.

    Parameters
    ----------
    asked : str
        The page's address as it was given to the login; anybody may have written it.
    prefix : str
        Path under which the labs appear, ``""`` or ``/name``.

    Returns
    -------
    str
        An address relative to that of the login, which cannot lead to another server.

    Examples
    --------
    >>> way_on("/amt/filterbank?s.level=50", "/amt")
    './filterbank?s.level=50'
    >>> way_on("//evil.example", ""), way_on("https:evil.example", ""), way_on("/other", "/amt")
    ('./', './', './')
    """
    inside = asked.removeprefix(f"{prefix}/") if asked.startswith(f"{prefix}/") else ""
    path = inside.partition("?")[0]
    if _ADDRESS.fullmatch(inside) and not inside.startswith("/") and not _UPWARDS.search(path):
        return f"./{inside}"
    return "./"


def _panels_way_on(asked: str | None) -> str:
    return way_on(asked or "", state.SERVERS[0].prefix)


# --- passwords ---------------------------------------------------------------------------------------------


class Passwords:
    """What ``--basic-auth`` was given: a password for everybody, or a JSON file of names and passwords.

    Parameters
    ----------
    given : str
        The password or the file's path; a file is read again when it has changed.

    Raises
    ------
    ValueError
        If the file does not hold names and passwords.

    Examples
    --------
    >>> Passwords("Open Sesame").right("ann", "Open Sesame"), Passwords("Open Sesame").right("ann", "open sesame")
    (True, False)
    """

    def __init__(self, given: str) -> None:
        self._one = given
        self._file = Path(given) if given and len(given) < 4096 and Path(given).is_file() else None
        self._seen: tuple[int, int] | None = None
        self._known: dict[str, str] = {}
        if self._file is not None:
            self._read(self._file)

    def _read(self, file: Path) -> None:
        found = file.stat()
        if (found.st_mtime_ns, found.st_size) == self._seen:
            return
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as problem:
            raise ValueError(f"the passwords in {file} cannot be read: it is no JSON ({problem})") from None
        if not isinstance(known, dict) or not all(isinstance(each, str) and each for each in known.values()):
            raise ValueError(
                f'the passwords in {file} cannot be read: it holds something else than {{"name": "password", ...}}'
            )
        self._known, self._seen = known, (found.st_mtime_ns, found.st_size)

    def right(self, name: str, password: str) -> bool:
        """Return whether a password is right, in a time that does not depend on how much of it is."""
        if self._file is not None:
            try:
                self._read(self._file)
            except (OSError, ValueError) as problem:  # those of before hold
                access.SERVER_LOG.error("%s; the passwords read before hold", problem)
        wanted = self._one if self._file is None else self._known.get(name)
        return hmac.compare_digest(_digest(password), _digest(wanted or "")) and wanted is not None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


_PASSWORDS = Passwords(os.environ.get("AMTLAB_BASIC_AUTH", ""))


class PasswordLogin(BasicLoginHandler):
    """The page that asks for a password, and counts the wrong ones."""

    def get(self) -> None:
        """Show the form, with a sentence if the address has the code of one."""
        self._show(
            self.get_query_argument("next", ""), SENTENCES.get(self.get_query_argument("error", ""), "")
        )

    def post(self) -> None:
        """Log in, say that something is wrong, or that there were too many tries.

        Nothing here waits: as long as this function runs, no other try is looked at.
        """
        asked = self.get_body_argument("next", "")
        client = clients.client_of(self.request.remote_ip)
        wait = _TRIES.wait(client)
        if wait:
            access.note("login", ok=False, why="too many tries")
            self.set_status(429)
            self.set_header("Retry-After", str(wait))
            self._show(
                asked,
                f"Too many wrong passwords have come from your network address. Try again in {wait} seconds.",
            )
            return
        name = self.get_body_argument("username", "")
        if not _PASSWORDS.right(name, self.get_body_argument("password", "", strip=False)):
            _TRIES.note_wrong(client)
            access.note("login", ok=False, why="wrong")
            self.redirect(f"./login?{urlencode({'error': 'wrong', 'next': asked})}", status=303)
            return
        access.note("login", ok=True)
        self.set_current_user(name[:100] or "somebody")
        self.redirect(way_on(asked, self.application.prefix), status=303)

    def set_current_user(self, user: str) -> None:
        """Give the browser the cookies of a login."""
        super().set_current_user(user)
        _begin(self, user)

    def _show(self, asked: str, problem: str) -> None:
        self.set_header("Cache-Control", "no-store")
        self.write(self._login_template.render(errormessage=problem, next=asked))


def _password_login(self: BasicAuthProvider) -> type[PasswordLogin]:
    PasswordLogin._login_template = self._login_template
    return PasswordLogin


# --- a login from its beginning to its end -----------------------------------------------------------------


def _begin(handler: RequestHandler, user: str) -> None:
    handler.set_signed_cookie(
        LOGIN_COOKIE,
        f"{secrets.token_hex(16)} {user}",
        expires_days=config.oauth_expiry,
        path=config.cookie_path,
    )


def _login(handler: RequestHandler) -> str | None:
    """Return the login that a request belongs to, None if there is none or it has ended."""
    days = config.oauth_expiry
    found, user = (handler.get_signed_cookie(each, max_age_days=days) for each in (LOGIN_COOKIE, "user"))
    if not found or not user:
        return None
    login, _, whose = found.partition(b" ")
    return None if whose != user or login.decode() in _ENDED else login.decode()


def _live_user(plain: Callable[[BasicAuthProvider], Any]) -> Callable[[BasicAuthProvider], Any]:
    """Return Panel's way of finding out who asks, without the cookies of logins that have ended."""

    def user_of(self: BasicAuthProvider) -> Callable[[RequestHandler], str | None]:
        who = plain(self)

        def get_user(handler: RequestHandler) -> str | None:
            if _login(handler) is None:
                handler.request.cookies.pop("user", None)
            found: str | None = who(handler)
            return found

        return get_user

    return user_of


def _log_out(plain: Callable[[LogoutHandler], None]) -> Callable[[LogoutHandler], None]:
    def get(self: LogoutHandler) -> None:
        login = _login(self)
        if login is not None:
            _ENDED.add(login)
        self.clear_cookie(LOGIN_COOKIE, path=config.cookie_path)
        self.set_header("Cache-Control", "no-store")
        plain(self)

    return get


# --- logins elsewhere --------------------------------------------------------------------------------------


def _way_back(self: OAuthLoginHandler) -> str:
    """Return where a provider sends students back to: the address that is registered with it."""
    if config.oauth_redirect_uri:
        return str(config.oauth_redirect_uri)
    request = self.request
    if not check_allowlist(request.host, self.application.websocket_origins):
        raise HTTPError(400, reason="unknown host")
    return f"{request.protocol}://{request.host}{self.application.prefix}/login"


def _logged_in_elsewhere(plain: Callable[..., str | None]) -> Callable[..., str | None]:
    def set_auth_cookies(handler: RequestHandler, *tokens: Any, **more: Any) -> str | None:
        user = plain(handler, *tokens, **more)
        if user:  # not when the provider's tokens are renewed
            _begin(handler, user)
            access.note("login", ok=True)
        return user

    return set_auth_cookies


def _say_why(self: OAuthLoginHandler, status_code: int, **how: Any) -> None:
    """Answer with the page of a login that did not work: with a sentence of ours, never with words of the address."""
    problem = how["exc_info"][1]
    code = str(problem.reason) if isinstance(problem, HTTPError) else ""
    access.note("login", ok=False, why="elsewhere")
    self.clear_all_cookies()
    self.set_status(status_code)
    self.set_header("Content-Type", "text/html; charset=UTF-8")
    self.write(self._error_template.render(error_msg=SENTENCES.get(code, UNKNOWN_REASON)))


# --- all of it ---------------------------------------------------------------------------------------------


def install() -> None:
    """Let this process log in this way; before the server is made."""
    config.oauth_expiry = LASTS_DAYS
    upstream.keep_cookies_safe()
    upstream.log_in_through(
        way_on=_panels_way_on,
        password_handler=_password_login,
        live_user=_live_user,
        log_out=_log_out,
        way_back=_way_back,
        logged_in=_logged_in_elsewhere,
        say_why=_say_why,
    )
