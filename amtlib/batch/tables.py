"""Tables of results: CSV or Parquet, written whole or not at all, and a journal of what has come in so far.
Source: RFC 4180 (CSV); Apache Parquet through pyarrow, an optional package.
Not here: what stands in them.
"""

import contextlib
import csv
import importlib
import importlib.util
import io
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO, TypeAlias

Cell: TypeAlias = str | float | int | bool | None
Row: TypeAlias = dict[str, Cell]

#: Columns that hold text, whatever it looks like.
_TEXT = {"file", "sha256", "settings", "problem", "network"}


class TableError(ValueError):
    """A table cannot be read or written; the message is one sentence that names the fix."""


def check_table(path: str | os.PathLike[str]) -> Path:
    """
    Return a table's path, or raise if it cannot be written.

    Raises
    ------
    TableError
        If it ends neither in .csv nor in .parquet, its folder does not exist, or pyarrow is missing.

    Examples
    --------
    >>> check_table("results.txt")
    Traceback (most recent call last):
    ...
    amtlib.batch.tables.TableError: results.txt is no table: let its name end in .csv or .parquet
    """
    found = Path(path)
    if found.suffix.lower() not in (".csv", ".parquet"):
        raise TableError(f"{found.name} is no table: let its name end in .csv or .parquet")
    if found.suffix.lower() == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise TableError(
            "Parquet files need pyarrow, which this environment lacks; fix: python -m pip install -c constraints.txt "
            "-e '.[corpus]', or give a name that ends in .csv"
        )
    if not found.absolute().parent.is_dir():
        raise TableError(f"there is no folder {found.parent}: make it first")
    if found.is_dir():
        raise TableError(f"{found} is a folder: give the name of a file")
    return found


def read_table(path: Path) -> list[Row]:
    """
    Read a table as :func:`write_table` writes it.

    Raises
    ------
    TableError
        If it cannot be read.
    """
    try:
        if path.suffix.lower() == ".parquet":
            rows: list[Row] = _parquet().read_table(path).to_pylist()
            return rows
        with path.open(encoding="utf-8", newline="") as file:
            return [
                {name: _cell(name, text) for name, text in row.items() if name is not None}
                for row in csv.DictReader(file)
            ]
    except Exception as error:  # pyarrow has many ways to say that a file is not its own
        raise TableError(
            f"{path.name} cannot be read ({error}): move it away, or give another name"
        ) from None


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """
    Write a table; a file that is there is replaced when the new one is whole.

    Parameters
    ----------
    path : Path
        Ends in .csv or .parquet.
    rows : iterable of dict
        A name that only some rows have is empty in the others.

    Raises
    ------
    OSError
        If it cannot be written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(Path(folder) / "t.csv", [{"file": "a", "level_db": -math.inf}, {"file": "b", "problem": "no"}])
    ...     read_table(Path(folder) / "t.csv")
    [{'file': 'a', 'level_db': -inf, 'problem': None}, {'file': 'b', 'level_db': None, 'problem': 'no'}]
    """
    found = list(rows)
    names = list(dict.fromkeys(name for row in found for name in row))
    if "problem" in names:  # last, where people look
        names.append(names.pop(names.index("problem")))
    whole = [{name: row.get(name) for name in names} for row in found]
    if path.suffix.lower() == ".parquet":
        arrow = importlib.import_module("pyarrow")
        columns = {name: arrow.array([row[name] for row in whole], type=_kind(name, whole)) for name in names}
        with _replacing(path) as new:
            _parquet().write_table(arrow.table(columns), new)
        return
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(whole)
    write_text(path, text.getvalue())


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8); one that is there is replaced when the new one is whole."""
    with _replacing(path) as new:
        new.write_text(text, encoding="utf-8", newline="\n")


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a new file's path in the same folder; move it into its place at the end, or remove it."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    os.close(handle)
    new = Path(name)
    try:
        yield new
        with new.open("rb") as file:
            os.fsync(file.fileno())
        if os.name == "posix":  # mkstemp lets nobody else read
            umask = os.umask(0)
            os.umask(umask)
            new.chmod(0o666 & ~umask)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _parquet() -> Any:
    return importlib.import_module("pyarrow.parquet")


def _kind(name: str, rows: list[Row]) -> Any:
    arrow = importlib.import_module("pyarrow")
    kinds = {type(row[name]) for row in rows if row[name] is not None}
    if name in _TEXT or kinds == {str}:
        return arrow.string()
    if kinds <= {bool} and kinds:
        return arrow.bool_()
    return arrow.int64() if kinds == {int} else arrow.float64()


def _cell(name: str, text: str | None) -> Cell:
    if not text:
        return None
    if name in _TEXT:
        return text
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


class Journal:
    """
    Rows as they come in, beside the table they are meant for: what is in it survives whatever happens.

    Parameters
    ----------
    path : Path
        The file; one that is there is gone on with, but for a last line that was cut.

    Attributes
    ----------
    rows : list of dict
        What was in it when it was opened.

    Examples
    --------
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
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                with contextlib.suppress(json.JSONDecodeError):
                    self.rows.append(json.loads(line))
        self._file: TextIO | None = None

    def add(self, row: Row) -> None:
        """Write a row down."""
        if self._file is None:
            # After a line that was cut, a new one begins.
            self._file = self.path.open("a", encoding="utf-8", newline="\n")
            if self.rows:
                self._file.write("\n")
        self._file.write(json.dumps(row, ensure_ascii=True) + "\n")
        self._file.flush()

    def remove(self) -> None:
        """Remove the file: its rows stand in the table now."""
        self.__exit__()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> "Journal":
        """Return the journal."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def shown(rows: list[Row], columns: dict[str, str]) -> str:
    """
    Return a table as text for a terminal.

    Parameters
    ----------
    rows : list of dict
        What to show.
    columns : dict of str to str
        Names of the columns and their headings.

    Examples
    --------
    >>> print(shown([{"N": 4, "loss": 0.123456}, {"N": 16, "loss": None}], {"N": "lines", "loss": "loss"}))
    lines    loss
        4  0.1235
       16       -
    """
    table = [list(columns.values())]
    table += [[_short(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in table
    )


def _short(cell: Cell) -> str:
    if cell is None or cell == "":
        return "-"
    if isinstance(cell, float):
        return f"{cell:.4g}" if math.isfinite(cell) else str(cell)
    return str(cell)
