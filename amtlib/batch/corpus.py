"""A corpus of sound files through a model: in parallel, resumable, and no bad file stops the others.
Source: our own, over :mod:`amtlib.jobs`.
Not here: what is done to one file (:mod:`amtlib.batch.analysis`).
"""

import glob
import os
import queue
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from amtlib.audio.contents import file_label
from amtlib.batch.analysis import Analysis, analyse_file, content_hash
from amtlib.batch.bar import Bar
from amtlib.batch.tables import Journal, Row, TableError, check_table, read_table, write_table
from amtlib.jobs import Job, Pool

#: Endings of the files that are taken from folders.
ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff", ".aifc")


def find_files(given: Iterable[str]) -> list[str]:
    """
    Return the files that are meant: files as they are, folders with all below them, patterns as they match.

    Parameters
    ----------
    given : iterable of str
        Files, folders, and patterns such as ``corpus/**/*.wav``.

    Returns
    -------
    list of str
        Each once, in order; names and patterns that match nothing as they were given.

    Examples
    --------
    >>> find_files(["no_such_file.wav"])
    ['no_such_file.wav']
    """
    found: dict[str, None] = {}
    for name in given:
        path = Path(name)
        if path.is_dir():
            below = sorted(p for p in path.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
            found |= dict.fromkeys(map(str, below))
        elif not path.exists() and glob.has_magic(name):
            matches = sorted(match for match in glob.glob(name, recursive=True) if Path(match).is_file())
            found |= dict.fromkeys(matches or [name])
        else:
            found[name] = None
    return list(found)


def analyse_corpus(
    given: Sequence[str], out: str | os.PathLike[str], analysis: Analysis, pool: Pool, bar: Bar | None = None
) -> list[Row]:
    """
    Analyse files and write a table, a row for each.

    Files whose content and settings have a row in the table already are not analysed again. Rows that come in are kept
    in a journal beside the table, so that whatever ends the run costs only the files under way.

    Parameters
    ----------
    given : sequence of str
        Files, folders and patterns, see :func:`find_files`.
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
        If there is nothing to analyse, the table cannot be written, or holds results of other settings.
    KeyboardInterrupt
        Passed on, after the table was written with what had come in.

    Examples
    --------
    >>> import tempfile
    >>> from amtlib.audio import save
    >>> from amtlib.signals import tone
    >>> with tempfile.TemporaryDirectory() as folder, Pool(1) as pool:
    ...     save(f"{folder}/tone.wav", tone(1000.0, level=60.0, duration=0.2), 44100)
    ...     (row,) = analyse_corpus([folder], f"{folder}/table.csv", Analysis("gammatone"), pool)
    >>> round(row["level_db"]), row["problem"]
    (60, None)
    """
    table = check_table(out)
    files = find_files(given)
    if not files:
        raise TableError(f"there are no sound files in {', '.join(map(repr, given))}: give files or folders")
    bar = Bar(len(files), "files") if bar is None else bar
    with Journal(table.with_name(f".{table.name}.journal")) as journal:
        run = _Run(table, journal, analysis, files)
        try:
            run.work(pool, bar)
        finally:
            bar.close()
            run.write()
        journal.remove()
    return [run.rows[printable(name)] for name in files]


class _Run:
    """Rows of a table, by file, and how those that are missing come in."""

    def __init__(self, table: Path, journal: Journal, analysis: Analysis, files: list[str]) -> None:
        self._table, self._journal, self._analysis, self._files = table, journal, analysis, files
        earlier = (read_table(table) if table.exists() else []) + journal.rows
        others = {row.get("settings") for row in earlier} - {analysis.label, None}
        if others:
            raise TableError(
                f"{table.name} holds results of other settings ({others.pop()}), not of {analysis.label}: "
                "give another name, or remove it"
            )
        self.rows: dict[str, Row] = {str(row.get("file")): row for row in earlier}
        self._known = {row["sha256"]: row for row in earlier if row.get("sha256") and not row.get("problem")}
        self.skipped = 0

    def work(self, pool: Pool, bar: Bar) -> None:
        """Get a row for every file."""
        over: queue.SimpleQueue[Job[Any]] = queue.SimpleQueue()
        under_way: dict[Job[Any], str] = {}
        done = 0
        for name in self._files:
            if self._has(name):
                done += 1
            else:
                job: Job[Row] = pool.submit(analyse_file, name, self._analysis)
                under_way[job] = name
                job.add_done_callback(over.put)
            done += self._take(over, under_way, None)
            bar.show(done, done + sum(job.share for job in under_way if job.share))
        if self.skipped:
            bar.say(f"{self.skipped} of {len(self._files)} files are in {self._table.name} already")
        while under_way:
            running = [job for job in under_way if job.state == "running"]
            message = running[0].message if running else ""
            bar.show(done, done + sum(job.share for job in running), message)
            done += self._take(over, under_way, 0.1)

    def write(self) -> None:
        """Write the table: the files given now in their order, before them those that were there."""
        given = dict.fromkeys(map(printable, self._files))
        rows = [row for name, row in self.rows.items() if name not in given]
        rows += [self.rows[name] for name in given if name in self.rows]
        if rows:
            write_table(self._table, rows)

    def _has(self, name: str) -> bool:
        """Whether the content of a file has a row already; files of equal content share one."""
        if not self._known:
            return False
        try:
            known = self._known.get(content_hash(name))
        except OSError:
            return False  # its job will say why
        if known is None:
            return False
        self._keep({**known, "file": printable(name)})
        self.skipped += 1
        return True

    def _take(
        self, over: "queue.SimpleQueue[Job[Any]]", under_way: dict[Job[Any], str], timeout: float | None
    ) -> int:
        """Take in the jobs that have ended; wait for the first if a timeout says so."""
        taken = 0
        while True:
            try:
                job = over.get(timeout=timeout) if timeout and not taken else over.get_nowait()
            except queue.Empty:
                return taken
            name = under_way.pop(job)
            row: Row = {"file": printable(name)}
            if job.error is None:
                row |= {**job.result(), "problem": None}
            else:
                # The reader's sentences begin with the name, which stands in a column of its own.
                problem = problem_of(job.error).removeprefix(f"{file_label(name)}: ")
                row |= {"settings": self._analysis.label, "problem": problem}
            self._keep(row)
            taken += 1

    def _keep(self, row: Row) -> None:
        self.rows[str(row["file"])] = row
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
