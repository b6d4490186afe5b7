"""Browsers as far as logins go: they keep cookies, follow or not, and sit at addresses of their own."""

import http.client
import signal
import socket
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import Cookie, CookieJar

import psutil

from tests.serving import Server
from tests.wire import TOKEN

#: The password of everybody, where a test's server has one.
PASSWORD = "Open Sesame"


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
