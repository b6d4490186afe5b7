"""Files that are written whole or not at all, and by one run at a time.
Source: POSIX rename(2) and flock(2); on Windows msvcrt.locking.
Not here: what stands in them (:mod:`amtlib.batch.tables`, :mod:`amtlib.batch.journal`).
"""

import contextlib
import errno
import glob
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
#: What file systems without locks answer.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
#: Windows locks bytes against reading too: far beyond those that say who holds the lock.
_FAR = 2**30


class TableError(ValueError):
    """A table cannot be read or written; the message is one sentence that names the fix."""


def cannot_write(path: Path, error: OSError) -> TableError:
    """
    Return the error that says why a file could not be written, and what to do.

    Examples
    --------
    >>> print(cannot_write(Path("t.csv"), OSError(errno.ENOSPC, "No space left on device")))
    t.csv cannot be written (No space left on device): make room, then run the same command again: it goes on from ...
    """
    fix = (
        "make room, then run the same command again: it goes on from what is done"
        if error.errno in _FULL
        else "check the permissions of its folder, or give another place"
    )
    return TableError(f"{path} cannot be written ({error.strerror or error}): {fix}")


def write_whole(path: Path, content: bytes) -> None:
    """
    Write a file; one that is there is replaced when the new one is on the disk.

    Raises
    ------
    TableError
        If it cannot be written; what was there is still there.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=_prefix(path), dir=path.absolute().parent)
    except OSError as error:
        raise cannot_write(path, error) from None
    new = Path(name)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if os.name == "posix":  # mkstemp lets nobody else read
            umask = os.umask(0)
            os.umask(umask)
            new.chmod(0o666 & ~umask)
        new.replace(path)
        _sync_folder(path.absolute().parent)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        new.unlink(missing_ok=True)  # it is still there if anything went wrong


def _prefix(path: Path) -> str:
    return f".{path.name}.part-"


def _sync_folder(folder: Path) -> None:
    """Let a new name outlive a power cut, before the journal that holds the same rows is removed."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):  # some file systems cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def only_run(path: Path) -> Iterator[str]:
    """
    Let nobody else write a file in the meantime; the lock ends with the process, however that ends.

    Parameters
    ----------
    path : Path
        The file; ``.NAME.lock`` beside it holds the lock, and is removed with it.

    Yields
    ------
    str
        What people should know: that the file system has no locks. Else ''.

    Raises
    ------
    TableError
        If another run holds the lock, or the folder cannot be written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder, only_run(Path(folder) / "t.csv"):
    ...     with only_run(Path(folder) / "t.csv"):
    ...         pass
    Traceback (most recent call last):
    ...
    amtlib.batch.writing.TableError: t.csv is being written by another run (process ... on ...): wait until it has ...
    """
    lock = path.with_name(f".{path.name}.lock")
    handle, note = _locked(lock, path)
    try:
        for left in glob.iglob(glob.escape(str(path.with_name(_prefix(path)))) + "*"):
            with contextlib.suppress(OSError):  # of a run that was killed while it wrote
                Path(left).unlink()
        yield note
    finally:
        if os.name == "posix":  # while it is ours: nobody can have locked this file and go on with it
            lock.unlink(missing_ok=True)
        os.close(handle)
        if os.name != "posix":
            with contextlib.suppress(OSError):  # somebody else has it open, and removes it
                lock.unlink()


def _locked(lock: Path, path: Path) -> tuple[int, str]:
    """Return the open lock file, and what is to be known about it."""
    while True:
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise cannot_write(path, error) from None
        note = ""
        try:
            _lock(handle)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                holder = os.read(handle, 200).decode("utf-8", "replace").strip()
                os.close(handle)
                raise TableError(
                    f"{path.name} is being written by another run{f' ({holder})' if holder else ''}: "
                    "wait until it has ended, or give another name"
                ) from None
            note = f"the file system of {path} has no locks: take care that no other run writes it"
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(lock)):
                with contextlib.suppress(OSError):  # on a full disk nobody learns who it is
                    os.ftruncate(handle, 0)
                    os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
                return handle, note
        os.close(handle)  # whoever held it has removed it in between


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        os.lseek(handle, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
