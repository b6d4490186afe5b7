"""A corpus of sound files through a model: in parallel, resumable, and no bad file stops the others.
Built on :mod:`amtlib.jobs`.
Not here: what is done to one file (:mod:`amtlib.batch.analysis`).
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from amtlib.audio.contents import file_label
from amtlib.batch.analysis import Analysis, analyze_file, content_hash
from amtlib.batch.bar import Bar
from amtlib.batch.finding import find_files
from amtlib.batch.journal import Journal
from amtlib.batch.tables import Row, check_table, read_table, write_table
from amtlib.batch.turns import in_turn
from amtlib.batch.writing import TableError, only_run
from amtlib.jobs import Job, Pool

#: What every table of ours has.
_COLUMNS = ("file", "settings", "problem")


def analyze_corpus(
    given: Sequence[str], out: str | os.PathLike[str], analysis: Analysis, pool: Pool, bar: Bar | None = None
) -> list[Row]:
    """
    Analyze files and write a table, a row for each.

    In folders, sounds that cannot be read (``.m4a``) have a row with the reason, and the number of other files that are
    skipped is printed. Files whose content and settings have a row in the table already are not analyzed again. Rows
    are kept in a journal beside the table as they come in, so that whatever ends the run costs only the files under
    way. While it runs, nobody else can write the table.

    Parameters
    ----------
    given : sequence of str
        Files, folders (searched with all that they hold), and patterns such as ``"*.wav"``.
    out : path
        The table, ending in .csv or .parquet.
    analysis : Analysis
        What to do to each.
    pool : Pool
        Who does it; on a cluster, the workers see the files under the same paths.
    bar : Bar, optional
        Hears of progress.

    Returns
    -------
    list of dict
        The rows of the files that were given; ``problem`` is None where all went well.

    Raises
    ------
    TableError
        If there is nothing to analyze, the table cannot be written, is being written by another run, is not ours, or
        holds results of other settings.
    KeyboardInterrupt
        Passed on, after the table was written with what had come in.

    Examples
    --------
    >>> import tempfile
    >>> from amtlib.audio import save
    >>> from amtlib.signals import tone
    >>> with tempfile.TemporaryDirectory() as folder, Pool(1) as pool:
    ...     save(f"{folder}/tone.wav", tone(1000.0, level=60.0, duration=0.2), 44100)
    ...     (row,) = analyze_corpus([folder], f"{folder}/table.csv", Analysis("gammatone"), pool)
    >>> round(row["level_db"]), row["problem"]
    (60, None)
    """
    table = check_table(out)
    others: list[str] = []
    files = find_files(given, others)
    passed = _passed_over(others, table)
    if not files:
        raise TableError(
            f"there are no sound files in {', '.join(map(repr, given))}{f' ({passed})' if passed else ''}: give files "
            "or folders"
        )
    bar = Bar(len(files), "files") if bar is None else bar
    if passed:
        bar.say(f"amtlab: {passed}")
    with only_run(table) as note, Journal(table.with_name(f".{table.name}.journal")) as journal:
        run = _Run(table, journal, analysis, files, bar)
        if note:
            bar.say(f"amtlab: {note}")
        try:
            run.work(pool)
        finally:
            bar.close()
            run.write()
        journal.remove()
    return [run.rows[printable(name)] for name in files]


def _passed_over(files: list[str], table: Path) -> str:
    """Return a sentence on files that are no sounds by their names, such as a table; an empty one if there are none."""
    endings = Counter(
        Path(file).suffix.lower() for file in files if Path(file).absolute() != table.absolute()
    )
    if not endings:
        return ""
    shown = [printable(ending) or "without ending" for ending, _ in endings.most_common(8)]
    more = ", ..." if len(endings) > 8 else ""
    count = endings.total()
    what = (
        "file is passed over, no sound by its name"
        if count == 1
        else "files are passed over, no sounds by their names"
    )
    return f"{count} {what} ({', '.join(shown)}{more}): name a file itself to have it read"


class _Run:
    """Rows of a table, by file, and how those that are missing come in."""

    def __init__(self, table: Path, journal: Journal, analysis: Analysis, files: list[str], bar: Bar) -> None:
        self._table, self._journal, self._analysis = table, journal, analysis
        self._files, self._bar = files, bar
        earlier = read_table(table, _COLUMNS) if table.exists() else []
        for path, rows in ((table, earlier), (journal.path, journal.rows)):
            others = {row.get("settings") for row in rows} - {analysis.label, None}
            if others:
                raise TableError(
                    f"{path.name} holds results of other settings ({others.pop()}), not of {analysis.label}: "
                    "give another name, or remove it"
                )
        earlier = earlier + journal.rows
        self.rows: dict[str, Row] = {str(row.get("file")): row for row in earlier}
        self._known = {row["sha256"]: row for row in earlier if row.get("sha256") and not row.get("problem")}

    def work(self, pool: Pool) -> None:
        """Get a row for every file."""
        for name, job in in_turn(pool, self._bar, analyze_file, self._missing()):
            self._keep(name, self._row(name, job))
        if self._bar.skipped:
            self._bar.say(
                f"{self._bar.skipped} of {len(self._files)} files are in {self._table.name} already"
            )

    def write(self) -> None:
        """Write the table: the files given now in their order, before them those that were there."""
        given = dict.fromkeys(map(printable, self._files))
        rows = [row for name, row in self.rows.items() if name not in given]
        rows += [self.rows[name] for name in given if name in self.rows]
        if rows:
            write_table(self._table, rows)

    def _missing(self) -> Iterator[tuple[str, tuple[str, Analysis]] | None]:
        """Go through the calls that are to be made; None for each file that needs none."""
        for name in self._files:
            known = self._found(name)
            if known is not None:
                self._bar.skipped += 1
                self._keep(name, known)
                yield None
            elif Path(name).is_dir():
                self._keep(name, self._failed("the folder cannot be read: check its permissions"))
                yield None
            else:
                yield name, (name, self._analysis)

    def _found(self, name: str) -> Row | None:
        """Return the row that the content of a file has already; files of equal content share one."""
        if not self._known or not Path(name).is_file():
            return None
        try:
            return self._known.get(content_hash(name))
        except OSError:
            return None  # its job will say why

    def _row(self, name: str, job: Job[Any]) -> Row:
        if job.error is None:
            return {**job.result(), "problem": None}
        # The reader's sentences begin with the name, which stands in a column of its own.
        return self._failed(problem_of(job.error).removeprefix(f"{file_label(name)}: "))

    def _failed(self, problem: str) -> Row:
        return {"settings": self._analysis.label, "problem": problem}

    def _keep(self, name: str, row: Row) -> None:
        row = {"file": printable(name), **{key: cell for key, cell in row.items() if key != "file"}}
        self._bar.done += 1
        if self.rows.get(printable(name)) != row:
            self.rows[printable(name)] = row
            self._journal.add(row)


def problem_of(error: BaseException) -> str:
    """
    Return what went wrong as one line.

    Examples
    --------
    >>> problem_of(ValueError("tone.wav: the file is empty"))
    'tone.wav: the file is empty'
    >>> problem_of(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    """
    text = " ".join(str(error).split())
    expected = isinstance(error, ValueError | OSError | RuntimeError) and text
    return text if expected else f"{type(error).__name__}: {text}"


def printable(name: str) -> str:
    """
    Return a path as text that every table can hold: names of files need not be UTF-8.

    Examples
    --------
    >>> printable("tone.wav")
    'tone.wav'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")
