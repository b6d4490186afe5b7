"""Clients: a client is a network address; what each has open, whether it may open more, and whose turn it is.

Clients behind a proxy are distinguished by ``X-Forwarded-For``, which anybody can write: it is trusted only from a
proxy on this machine or named in ``AMTLAB_PROXIES``, and only its last address, which the proxy itself has added.
"""

import asyncio
import ipaddress
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from tornado.httputil import HTTPHeaders
from tornado.netutil import is_valid_ip

from amtlib.jobs import FairQueue
from amtlib.limits import Limits
from app.server.refusals import TOO_MANY, Refused

_LOG = logging.getLogger("amtlab")


def networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return the addresses and networks that a text names.

    Raises
    ------
    ValueError
        If it names something else.

    Examples
    --------
    >>> networks("192.0.2.7, 10.0.0.0/8")
    [IPv4Network('192.0.2.7/32'), IPv4Network('10.0.0.0/8')]
    """
    try:
        return [ipaddress.ip_network(each) for each in text.replace(",", " ").split()]
    except ValueError as problem:
        raise ValueError(
            f"AMTLAB_PROXIES: {problem}; fix: give addresses or networks, such as 192.0.2.7, 10.0.0.0/8"
        ) from None


#: What each client may have.
LIMITS = Limits.of_environment()
#: Addresses and networks of trusted proxies, beside this machine.
_PROXIES = networks(os.environ.get("AMTLAB_PROXIES", ""))
_SOCKETS: Counter[str] = Counter()
_MADE_BY: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
_UNKNOWN: set[str] = set()


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a text is, that of IPv4 where it is one written as IPv6; None where it is none.

    Examples
    --------
    >>> address_of("::ffff:192.0.2.7"), address_of("fe80::1%eth0"), address_of("localhost")
    (IPv4Address('192.0.2.7'), IPv6Address('fe80::1'), None)
    """
    try:
        found = ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def client_of(address: str | None) -> str:
    """Return the client behind an address: itself, or with IPv6 the network of 64 bits that one household has.

    Examples
    --------
    >>> client_of("192.0.2.7"), client_of("::ffff:192.0.2.7"), client_of("2001:db8::1:2:3:4")
    ('192.0.2.7', '192.0.2.7', '2001:db8::/64')
    """
    found = address_of(address or "")
    if found is None:
        return address or "unknown"
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))


# --- what a client has open --------------------------------------------------------------------------------


def sockets_full(client: str, *, times: int = 1) -> bool:
    """Return whether a client has as many connections as it may, or some times as many."""
    return _SOCKETS[client] >= times * LIMITS.client_sockets


def take_socket(client: str, *, instead: bool = False) -> None:
    """Count a connection that a client opens.

    Parameters
    ----------
    client : str
    instead : bool
        Whether it comes instead of one that counts still: a whole class may come back at once.

    Raises
    ------
    Refused
        If it has as many as it may.
    """
    if sockets_full(client, times=2 if instead else 1):
        raise Refused(
            TOO_MANY,
            f"{_SOCKETS[client]} pages are open from your address. Close some, then reload this one.",
        )
    _SOCKETS[client] += 1


def give_socket_back(client: str) -> None:
    """Count a connection as closed."""
    _SOCKETS[client] -= 1
    if _SOCKETS[client] <= 0:
        del _SOCKETS[client]


def may_begin_session(client: str) -> None:
    """Raise if a client has as many sessions as it may.

    Raises
    ------
    Refused
        With a sentence for the person.
    """
    kept = sum(owner == client for owner in _MADE_BY.values())
    if kept >= LIMITS.client_sessions:
        raise Refused(TOO_MANY, f"{kept} pages of your address are kept. Reload this one in two minutes.")


def note_session(session: Any, client: str) -> None:
    """Note whose a session is, for as long as it lives."""
    _MADE_BY[session] = client


# --- turns at opening pages --------------------------------------------------------------------------------


class Turns:
    """One at a time; whoever waits, waits for one turn of each other client, however many those have asked for.

    Examples
    --------
    >>> async def opened() -> str:
    ...     turns, order = Turns(), []
    ...     async def one(client: str) -> None:
    ...         async with turns.turn(client):
    ...             order.append(client)
    ...     await asyncio.gather(*map(one, "aaaab"))
    ...     return "".join(order)
    >>> asyncio.run(opened())
    'aabaa'
    """

    def __init__(self) -> None:
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self._busy = False

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it for the length of the block."""
        if self._busy:
            mine = asyncio.get_running_loop().create_future()
            self._waiting.push(client, mine)
            try:
                await mine
            except asyncio.CancelledError:
                if mine.done() and not mine.cancelled():
                    self._next()
                raise
        self._busy = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield
        finally:
            # Not at once: where many pages open, half of the loop's time stays for those that are open.
            loop.call_later(loop.time() - began if self._waiting else 0.0, self._next)

    def _next(self) -> None:
        while (first := self._waiting.pop()) is not None:
            if not first.cancelled():
                first.set_result(None)
                return
        self._busy = False


#: Beginning a session takes the loop for a tenth of a second, so clients take turns at it.
OPENINGS = Turns()


# --- proxies -----------------------------------------------------------------------------------------------


def _believed(address: str) -> bool:
    found = address_of(address)
    return found is not None and (found.is_loopback or any(found in network for network in _PROXIES))


def client_address(peer: str, headers: HTTPHeaders) -> str:
    """Return the address of the client behind a connection: what a proxy says of it, if that proxy is trusted."""
    last = headers.get("X-Forwarded-For", "").rsplit(",", 1)[-1].strip()
    if is_valid_ip(last):
        if _believed(peer):
            return last
        if peer not in _UNKNOWN and len(_UNKNOWN) < 10:
            _UNKNOWN.add(peer)
            _LOG.warning(
                "%s says for whom it asks, and is not believed; if it is your proxy, name it in AMTLAB_PROXIES",
                peer,
            )
    return peer
