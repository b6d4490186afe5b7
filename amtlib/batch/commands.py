"""`amtlab analyze` and `amtlab train`: open a pool, do the run, say how it went, and return a status.
Not here: reading arguments (:mod:`amtlib.cli`).
"""

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from amtlib.batch.analysis import Analysis
from amtlib.batch.corpus import analyze_corpus
from amtlib.batch.sweep import SHOWN, TABLE, sweep_networks
from amtlib.batch.tables import Row, shown
from amtlib.batch.variants import SweepError, read_config, variants
from amtlib.batch.writing import TableError
from amtlib.jobs import ClusterUnreachable, Pool, open_pool
from amtlib.serving import CommandError

#: What shells expect of a program that Ctrl-C ended.
INTERRUPTED = 130


def analyze(
    files: Sequence[str], out: str, analysis: Analysis, *, scheduler: str | None, workers: int | None
) -> int:
    """
    Run `amtlab analyze`.

    Parameters
    ----------
    files : sequence of str
        Files, folders and patterns.
    out : str
        The table.
    analysis : Analysis
        What to do to each file.
    scheduler : str or None
        Address of a cluster.
    workers : int or None
        Files at a time.

    Returns
    -------
    int
        0 if every file has its row, 1 if some could not be analyzed, 130 after Ctrl-C.

    Raises
    ------
    CommandError
        If nothing can be done.
    """
    try:
        with _pool(scheduler, workers) as pool:
            rows = analyze_corpus(files, out, analysis, pool)
    except KeyboardInterrupt:
        _say(f"stopped; what is done stands in {out}, and the same command goes on from there")
        return INTERRUPTED
    except (TableError, OSError) as error:
        raise CommandError(str(error)) from None
    failed = [row for row in rows if row["problem"]]
    print(f"{_plain(out)}: {len(rows) - len(failed)} of {len(rows)} files analyzed with {analysis.model}")
    for row in rows:
        if said := row["problem"] or row.get("warnings"):
            _say(f"{row['file']}: {said}")
    return 1 if failed else 0


def train(config: str, sweeps: Sequence[str], out: str, *, scheduler: str | None, workers: int | None) -> int:
    """
    Run `amtlab train`.

    Parameters
    ----------
    config : str
        JSON file of settings.
    sweeps : sequence of str
        ``name=values`` each.
    out : str
        Folder for the networks and their table.
    scheduler, workers
        As for :func:`analyze`.

    Returns
    -------
    int
        0 if all networks were trained, 1 if some could not be, 130 after Ctrl-C.

    Raises
    ------
    CommandError
        If nothing can be done.
    """
    try:
        runs = variants(read_config(Path(config)), sweeps, Path(config).parent)
        with _pool(scheduler, workers) as pool:
            rows = sweep_networks(runs, out, pool)
    except KeyboardInterrupt:
        _say(f"stopped; finished networks stand in {out}, and the same command goes on from there")
        return INTERRUPTED
    except (SweepError, TableError, OSError, ImportError) as error:
        raise CommandError(str(error)) from None
    print(_table(rows, list(runs[0][0])))
    print(_plain(f"{Path(out) / TABLE}"))
    failed = [row for row in rows if row["problem"]]
    for row in failed:
        name = ", ".join(f"{varied}={row[varied]}" for varied in runs[0][0]) or "the network"
        _say(f"{name}: {row['problem']}")
    return 1 if failed else 0


def _table(rows: list[Row], varied: list[str]) -> str:
    return shown(rows, {**{name: name for name in varied}, **SHOWN})


def _pool(scheduler: str | None, workers: int | None) -> Pool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterUnreachable)  # said beside the bar, without the line of code
        try:
            pool = open_pool(scheduler, workers=workers)
        except ValueError as error:
            raise CommandError(str(error)) from None
    return pool


def _say(text: str) -> None:
    print(f"amtlab: {_plain(text)}", file=sys.stderr)


def _plain(text: str) -> str:
    r"""
    Return a text for a terminal, in which names of files could otherwise move about.

    Examples
    --------
    >>> print(_plain("a\rb.wav"))
    a\rb.wav
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
