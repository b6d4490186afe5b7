"""Rows as they come in, beside the table they are meant for: they are kept however the run ends.
Source: JSON, a row to a line.
Not here: the table (:mod:`amtlib.batch.tables`).
"""

import contextlib
import json
import os
from pathlib import Path

from amtlib.batch.tables import Row
from amtlib.batch.writing import cannot_write


class Journal:
    """
    Rows in a file of their own.

    Parameters
    ----------
    path : Path
        The file; one that is there is gone on with, but for a last line that was cut.

    Attributes
    ----------
    rows : list of dict
        What was in it when it was opened.

    Raises
    ------
    TableError
        If it cannot be read or written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Journal(Path(folder) / "t.journal") as journal:
    ...         journal.add({"file": "a", "level_db": 60.0})
    ...     with Journal(Path(folder) / "t.journal") as journal:
    ...         journal.rows
    [{'file': 'a', 'level_db': 60.0}]
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = []
        try:
            # Each row goes to the system at once: what a killed process had is not lost.
            self._file = path.open("a+b", buffering=0)
            self._file.seek(0)
            lines = self._file.readall().split(b"\n")
        except OSError as error:
            raise cannot_write(path, error) from None
        for line in lines:
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict):
                    self.rows.append(row)
        self._cut = lines[-1] != b""

    def add(self, row: Row) -> None:
        """Write a row down; if there is no room for it, nothing of it is kept, and TableError raised."""
        line = json.dumps(row, ensure_ascii=True).encode() + b"\n"
        if self._cut:  # after a line that was cut, a new one begins
            line, self._cut = b"\n" + line, False
        end = os.fstat(self._file.fileno()).st_size
        try:
            while line:
                line = line[self._file.write(line) or 0 :]
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(end)
            raise cannot_write(self.path, error) from None

    def remove(self) -> None:
        """Remove the file: its rows stand in the table now."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> "Journal":
        """Return the journal."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; it is removed if it holds nothing."""
        if self._file.closed:
            return
        empty = os.fstat(self._file.fileno()).st_size == 0
        self._file.close()
        if empty:
            self.path.unlink(missing_ok=True)
