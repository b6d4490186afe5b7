"""How often a client may try a password, and which logins have ended, known to all server processes.

A client is a network address, as in `clients.py`; names are not counted, so nobody can lock out another.
Passwords and cookies are in `logins.py`.
"""

import hashlib
import math
import os
import struct
import sys
import tempfile
import time
from collections import deque

if sys.platform != "win32":
    import fcntl

#: Within which wrong passwords count, s.
WITHIN = 60.0
#: Clients and ended logins that a process remembers at most; then it forgets the oldest.
MOST = 50_000
_RECORD = struct.Struct("=16sd")


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


class Board:
    """What was noted when, in a file that all server processes hold open: each adds to it, and all of them read it.

    The file has no name and is made before the processes part, so that nobody else can read it, none is left behind,
    and a process that is started again sees what the others have written. Where there is no room for it, each process
    knows only its own notes. Appending is one system call, so no process waits for another, or for one that died. The
    file is emptied when it is full; each process keeps for itself what must last longer.

    Examples
    --------
    >>> board = Board()
    >>> board.note("ann")
    >>> len(board.unread()), len(board.unread())
    (1, 0)
    """

    def __init__(self) -> None:
        self._file: int | None = None
        self._read = 0
        self._own: list[bytes] = []
        if sys.platform == "win32":  # there is only one process there
            return
        try:
            if hasattr(os, "memfd_create"):
                self._file = os.memfd_create("amtlab")
            else:
                with tempfile.TemporaryFile() as file:
                    self._file = os.dup(file.fileno())
        except OSError:  # nowhere to write to
            return
        fcntl.fcntl(self._file, fcntl.F_SETFL, fcntl.fcntl(self._file, fcntl.F_GETFL) | os.O_APPEND)

    def note(self, text: str) -> None:
        """Note a text with the present time, for `unread` of every process, this one's included."""
        record = _RECORD.pack(_key(text), time.monotonic())
        if self._file is None:
            self._own.append(record)
            return
        try:
            if os.fstat(self._file).st_size >= MOST * _RECORD.size:
                os.ftruncate(self._file, 0)
            os.write(self._file, record)
        except OSError:  # no room: this process at least knows
            self._own.append(record)

    def unread(self) -> list[tuple[bytes, float]]:
        """Return what was noted, by any process, since this one asked last: the key of each text, and the time in s."""
        found, self._own = b"".join(self._own), []
        if self._file is not None:
            end = os.fstat(self._file).st_size // _RECORD.size * _RECORD.size
            if end < self._read:  # emptied meanwhile
                self._read = 0
            read = os.pread(self._file, end - self._read, self._read)
            self._read += len(read)
            found += read
        return [(key, when) for key, when in _RECORD.iter_unpack(found)]


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
        self._board = Board()
        self._wrong: dict[bytes, deque[float]] = {}

    def note_wrong(self, client: str) -> None:
        """Count a wrong password of a client."""
        self._board.note(client)

    def wait(self, client: str) -> int:
        """Return for how many seconds a client has to wait before its next try, 0 for none."""
        for key, when in self._board.unread():
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
        self._board = Board()
        self._ended: dict[bytes, float] = {}

    def add(self, login: str) -> None:
        """Note that a login has ended."""
        self._board.note(login)

    def __contains__(self, login: str) -> bool:
        self._ended |= self._board.unread()
        oldest = time.monotonic() - self._life
        while self._ended and (
            len(self._ended) > MOST or next(iter(self._ended.values())) < oldest
        ):  # its cookies are too old by now
            del self._ended[next(iter(self._ended))]
        return _key(login) in self._ended
