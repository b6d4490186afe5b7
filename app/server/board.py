"""Short records that the server processes share, in a file that all of them hold open.

The file has no name and is made before the processes part, so that nobody else can read it, none is left behind, and
a process that is started again sees what the others have written. Where there is no room for it, each process knows
only its own records. Appending is one system call, so no process waits for another, or for one that died. The file is
emptied when it is full; each process keeps for itself what must last longer.
"""

import os
import sys
import tempfile

if sys.platform != "win32":
    import fcntl


def _file() -> int | None:
    """Return a new file that is only ever appended to, or None where there is no room for one."""
    if sys.platform == "win32":  # there is only one process there
        return None
    try:
        if hasattr(os, "memfd_create"):
            made = os.memfd_create("amtlab")
        else:
            with tempfile.TemporaryFile() as file:
                made = os.dup(file.fileno())
    except OSError:  # nowhere to write to
        return None
    fcntl.fcntl(made, fcntl.F_SETFL, fcntl.fcntl(made, fcntl.F_GETFL) | os.O_APPEND)
    return made


class Board:
    """Records of one size, which each process adds to and all of them read.

    Parameters
    ----------
    size : int
        Bytes of a record.
    most : int
        Records after which the board is emptied.

    Examples
    --------
    >>> board = Board(4, most=100)
    >>> board.add(b"ann.")
    >>> board.unread(), board.unread()
    ([b'ann.'], [])
    """

    def __init__(self, size: int, most: int) -> None:
        self._size = size
        self._most = most
        self._file = _file()
        self._read = 0
        self._own: list[bytes] = []

    def add(self, record: bytes) -> None:
        """Write a record, which `unread` of every process returns, this one's included."""
        if self._file is None:
            self._own.append(record)
            return
        try:
            if os.fstat(self._file).st_size >= self._most * self._size:
                os.ftruncate(self._file, 0)
            os.write(self._file, record)
        except OSError:  # no room: this process at least knows
            self._own.append(record)

    def unread(self) -> list[bytes]:
        """Return the records that were added, by any process, since this one asked last."""
        found, self._own = self._own, []
        if self._file is None:
            return found
        end = os.fstat(self._file).st_size // self._size * self._size
        if end < self._read:  # emptied meanwhile
            self._read = 0
        read = os.pread(self._file, end - self._read, self._read)
        self._read += len(read)
        return found + [read[i : i + self._size] for i in range(0, len(read), self._size)]
