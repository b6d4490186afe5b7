"""How often a client may try a password, and which logins have ended, known to all server processes.

A client is a network address, as in `clients.py`; names are not counted, so nobody can lock out another.
Passwords and cookies are in `logins.py`.
"""

import hashlib
import math
import struct
import time
from collections import deque

from app.server.board import Board

#: Within which wrong passwords count, s.
WITHIN = 60.0
#: Clients and ended logins that a process remembers at most; then it forgets the oldest.
MOST = 50_000
_RECORD = struct.Struct("=16sd")


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


class Tries:
    """Wrong passwords of each client within the last minute, in all processes together.

    Parameters
    ----------
    most : float
        After how many a client has to wait.

    Examples
    --------
    >>> tries = Tries(2)
    >>> for _ in range(2):
    ...     tries.note_wrong("192.0.2.7")
    >>> tries.wait("192.0.2.7"), tries.wait("192.0.2.8")
    (60, 0)
    """

    def __init__(self, most: float) -> None:
        self._most = max(1, int(most))
        self._board = Board(_RECORD.size, MOST)
        self._wrong: dict[bytes, deque[float]] = {}

    def note_wrong(self, client: str) -> None:
        """Count a wrong password of a client."""
        self._board.add(_RECORD.pack(_key(client), time.monotonic()))

    def wait(self, client: str) -> int:
        """Return for how many seconds a client has to wait before its next try, 0 for none."""
        for record in self._board.unread():
            key, when = _RECORD.unpack(record)
            times = self._wrong.pop(key, deque(maxlen=self._most))
            times.append(when)
            self._wrong[key] = times  # the latest come last
        now = time.monotonic()
        while self._wrong and (
            len(self._wrong) > MOST or next(iter(self._wrong.values()))[-1] < now - WITHIN
        ):
            del self._wrong[next(iter(self._wrong))]
        times = self._wrong.get(_key(client), deque())
        return max(0, math.ceil(times[0] + WITHIN - now)) if len(times) == self._most else 0


class EndedLogins:
    """Logins that a person has ended, which no cookie opens again, in whichever process it arrives.

    Examples
    --------
    >>> ended = EndedLogins(life_s=3600)
    >>> ended.add("a1b2")
    >>> "a1b2" in ended, "c3d4" in ended
    (True, False)
    """

    def __init__(self, life_s: float) -> None:
        self._life = life_s
        self._board = Board(_RECORD.size, MOST)
        self._ended: dict[bytes, float] = {}

    def add(self, login: str) -> None:
        """Note that a login has ended."""
        self._board.add(_RECORD.pack(_key(login), time.monotonic()))

    def __contains__(self, login: str) -> bool:
        for record in self._board.unread():
            key, when = _RECORD.unpack(record)
            self._ended[key] = when
        oldest = time.monotonic() - self._life
        while self._ended and (
            len(self._ended) > MOST or next(iter(self._ended.values())) < oldest
        ):  # its cookies are too old by now
            del self._ended[next(iter(self._ended))]
        return _key(login) in self._ended
