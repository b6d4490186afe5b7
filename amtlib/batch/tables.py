"""Tables of results: CSV or Parquet, written whole or not at all.
Source: RFC 4180 (CSV); Apache Parquet through pyarrow, an optional package.
Not here: what stands in them.
"""

import contextlib
import csv
import importlib
import importlib.util
import io
import math
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, TypeAlias

from amtlib.batch.writing import TableError, write_whole

Cell: TypeAlias = str | float | int | bool | None
Row: TypeAlias = dict[str, Cell]

#: Columns that hold text, whatever it looks like.
_TEXT = {"file", "sha256", "settings", "problem", "network", "warnings"}
#: Beginnings of what spreadsheets run (wide ones in Japanese), and of what has the mark that stops them already.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
_QUOTED = re.compile('[,;"\t\r\n]')


def check_table(path: str | os.PathLike[str]) -> Path:
    """
    Return a table's path, or raise if it cannot be written.

    Raises
    ------
    TableError
        If it ends neither in .csv nor in .parquet, its folder does not exist, it is no file, or pyarrow is missing.

    Examples
    --------
    >>> check_table("results.txt")
    Traceback (most recent call last):
    ...
    amtlib.batch.writing.TableError: results.txt is no table: let its name end in .csv or .parquet
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
    if found.exists() and not found.is_file():
        raise TableError(f"{found} is no regular file: give another name")
    # What a link leads to is replaced, not the link, and locked whatever its name here.
    return found.resolve() if found.is_symlink() else found


def read_table(path: Path, columns: Collection[str] = ()) -> list[Row]:
    """
    Read a table as :func:`write_table` writes it.

    Parameters
    ----------
    path : Path
        Ends in .csv or .parquet.
    columns : collection of str
        What it must have to be one of ours.

    Raises
    ------
    TableError
        If it cannot be read, or lacks a column.
    """
    try:
        if path.suffix.lower() == ".parquet":
            table = _parquet().read_table(path)
            found = list(table.column_names)
            rows: list[Row] = table.to_pylist()
        else:
            found, rows = _read_csv(path)
    except Exception as error:  # pyarrow has many ways to say that a file is not its own
        raise TableError(
            f"{path.name} cannot be read ({error}): move it away, or give another name"
        ) from None
    missing = [name for name in columns if name not in found]
    if missing and found:
        raise TableError(
            f"{path.name} is another program's table, or was changed (it has no column {missing[0]!r}): "
            "move it away, or give another name"
        )
    return rows


def _read_csv(path: Path) -> tuple[list[str], list[Row]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        rows = [{name: _cell(name, text) for name, text in row.items() if name is not None} for row in reader]
    return list(reader.fieldnames or ()), rows


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
    TableError
        If it cannot be written.

    Notes
    -----
    In CSV, a text that begins with ``=``, ``+``, ``-``, ``@``, a tab, a line break or ``'`` gets a ``'`` before it, so
    that no spreadsheet takes the name of a file for a formula; :func:`read_table` takes it away. Parquet needs none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(Path(folder) / "t.csv", [{"file": "=a", "level_db": -math.inf}, {"file": "b", "problem": "no"}])
    ...     print((Path(folder) / "t.csv").read_text())
    ...     read_table(Path(folder) / "t.csv")
    file,level_db,problem
    '=a,-inf,
    b,,no
    <BLANKLINE>
    [{'file': '=a', 'level_db': -inf, 'problem': None}, {'file': 'b', 'level_db': None, 'problem': 'no'}]
    """
    found = list(rows)
    names = list(dict.fromkeys(name for row in found for name in row))
    if "problem" in names:  # last, where people look
        names.append(names.pop(names.index("problem")))
    if path.suffix.lower() == ".parquet":
        whole = [{name: row.get(name) for name in names} for row in found]
        arrow = importlib.import_module("pyarrow")
        columns = {name: arrow.array([row[name] for row in whole], type=_kind(name, whole)) for name in names}
        content = io.BytesIO()
        _parquet().write_table(arrow.table(columns), content)
        write_whole(path, content.getvalue())
        return
    lines = [",".join(map(_field, names))]
    lines += [",".join(_field(row.get(name)) for name in names) for row in found]
    write_whole(path, "".join(line + "\n" for line in lines).encode())


def _field(cell: Cell) -> str:
    """Return a cell as it stands in CSV."""
    if not isinstance(cell, str):
        return "" if cell is None else str(cell)
    text = f"'{cell}" if cell.startswith(_FORMULA) else cell
    # Semicolons and tabs too: that is where spreadsheets of other languages begin a new cell.
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


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
    if text.startswith("'"):
        return text[1:]
    if name in _TEXT:
        return text
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


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
