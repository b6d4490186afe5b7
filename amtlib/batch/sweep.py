"""Training over seeds and sizes: one network for each combination of values, in parallel, resumable, and a table.
Built on :mod:`amtlib.train` and :mod:`amtlib.jobs`.
Not here: what is trained and how (:mod:`amtlib.train`), reading the settings (:mod:`amtlib.batch.variants`).
"""

import json
import math
import os
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from amtlib.audio import Recording, load
from amtlib.batch.analysis import content_hash
from amtlib.batch.bar import Bar
from amtlib.batch.corpus import problem_of
from amtlib.batch.tables import Cell, Row, read_table, write_table
from amtlib.batch.turns import in_turn
from amtlib.batch.variants import (
    Settings,
    SweepError,
    build_keywords,
    checks,
    loss_of,
    name_of,
    train_keywords,
    trainable_of,
    tuple_of,
)
from amtlib.batch.writing import TableError, cannot_write, only_run, write_whole
from amtlib.fdn import (
    build_to_json,
    colouration,
    metadata_from_json,
    peak_to_rms,
    sparsity,
    transfer_function,
)
from amtlib.fdn.build import FDNBuild
from amtlib.jobs import Context, Pool
from amtlib.train import TrainLog, build_fdn, extract_build, train_fdn
from amtlib.train.settings import whole_number

#: The table of a sweep, in its folder.
TABLE = "sweep.csv"
#: Columns for a terminal, and their headings.
SHOWN = {
    "loss": "loss",
    "steps": "steps",
    "modal_std_db": "modal std/dB",
    "peak_to_rms_db": "peak/dB",
    "sparsity": "sparsity",
    "seconds": "seconds",
}
#: What every table of a sweep has.
_COLUMNS = ("network", "problem")
#: Where a network's file keeps the hash of the sound it was trained towards.
_SOUND = "target_sha256"
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def train_one(context: Context, settings: Settings) -> tuple[str, Row]:
    """
    Build and train one network; the function of a job.

    Parameters
    ----------
    context : Context
        Receives progress, and ends the training when it is asked to stop.
    settings : dict
        By keyword, see :func:`amtlib.batch.read_config`.

    Returns
    -------
    network : str
        The trained network as JSON.
    row : dict
        ``loss``, ``steps``, ``ended``, ``modal_std_db``, ``peak_to_rms_db``, ``sparsity``, ``seconds``, ``warnings``.

    Raises
    ------
    ValueError, TypeError
        As building and training do.
    """
    began = time.monotonic()
    steps = settings.get("max_steps", 2000)

    def follow(step: Any) -> bool:
        if context.cancelled:
            return True
        context.progress(0.95 * (step.index + 1) / max(steps, 1), f"loss {step.loss:.4g}")
        return False

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        target = _target_hash(settings)
        model, log = _train(settings, callback=follow)
        context.check()
        build = extract_build(model)
    row: Row = {
        "loss": float(log.best_loss),
        "steps": log.steps_run,
        "ended": log.reason,
        **_measures(build),
        "seconds": time.monotonic() - began,
        "warnings": " ".join(dict.fromkeys(" ".join(str(w.message).split()) for w in heard)) or None,
    }
    # JSON has no infinity: a run without steps has no loss.
    row = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
    metadata = {"made_by": "amtlab train", "settings": settings, _SOUND: target, "results": row}
    return build_to_json(build, metadata=metadata, certificate=True), row


def _train(settings: Settings, **more: Any) -> tuple[Any, TrainLog]:
    """Build and train a network, with further keywords of :func:`amtlib.train.train_fdn`."""
    build_names, train_names = build_keywords(), train_keywords()
    given = {name: tuple_of(value) for name, value in settings.items()}
    if "dtype" in given:
        if given["dtype"] not in _DTYPES:
            raise ValueError(f"dtype = {given['dtype']!r} is unknown: give 'float32' or 'float64'")
        given["dtype"] = _DTYPES[given["dtype"]]
    given.setdefault("device", "cpu")
    given["trainable"] = trainable_of(given.get("trainable"))
    given["loss"] = loss_of(settings)
    mode = given.pop("mode", "colorless" if given["loss"] is None else None)
    recording: Recording | None = None
    if isinstance(given.get("target"), str):
        recording = load(given["target"], channel="all")
        given["target_fs"] = float(recording.fs)
        train_names = train_names | {"target_fs"}
    model = build_fdn(**{name: value for name, value in given.items() if name in build_names})
    if recording is not None:
        given["target"] = _for_outputs(recording, extract_build(model).n_out)
    known = {name: value for name, value in given.items() if name in train_names}
    return model, train_fdn(model, mode, **(known | more))


def _target_hash(settings: Settings) -> str | None:
    target = settings.get("target")
    return content_hash(target) if isinstance(target, str) else None


def _for_outputs(recording: Recording, outputs: int) -> Tensor:
    """Return a target with a channel for each output of a network; one channel serves all, a mix is reported."""
    channels = recording.samples.reshape(-1, recording.samples.shape[-1])
    if len(channels) == 1:
        return channels[0]
    if outputs == 1:
        warnings.warn(
            f"target has {len(channels)} channels, the network one output: it is trained towards their mean; give "
            "output_gain as many rows as the target has channels to train towards each",
            UserWarning,
            stacklevel=2,
        )
        return channels.mean(dim=0)
    return channels.mT


def _measures(build: FDNBuild) -> Row:
    """Return how coloured a network is; what is unknown is None."""
    try:
        found = colouration(build)
    except ValueError:  # several channels, or a matrix that does not keep energy: no modes of a lossless core
        response = transfer_function(build, 2**16)
        peak = peak_to_rms(response) if response.ndim == 1 else None
        return {"modal_std_db": None, "peak_to_rms_db": peak, "sparsity": sparsity(build.A)}
    return {
        "modal_std_db": found.modal_std,
        "peak_to_rms_db": found.peak_to_rms,
        "sparsity": found.sparsity,
    }


def sweep_networks(
    runs: Sequence[tuple[Settings, Settings]],
    folder: str | os.PathLike[str],
    pool: Pool,
    bar: Bar | None = None,
) -> list[Row]:
    """
    Train all networks of a sweep; each is saved when it is done, and one that is there already is not trained again.

    Networks of an earlier sweep stay in the folder and in its table, in which what varied in either sweep is a column.
    But no network is replaced by one of other settings, and none goes beside others that differ in what no column
    tells.

    Parameters
    ----------
    runs : sequence of (varied, all settings)
        See :func:`amtlib.batch.variants`.
    folder : path
        Where networks (``N=8,rng=3.json``: files of :func:`amtlib.fdn.save_build` with settings and results among
        their metadata) and the table (``sweep.csv``) go; made if it does not exist.
    pool : Pool
        Who trains.
    bar : Bar, optional
        Hears of progress.

    Returns
    -------
    list of dict
        A row for each run: what varied, ``network`` (the file), what came of its training, and ``problem``.

    Raises
    ------
    TableError
        If the folder cannot be written, another sweep writes into it, its ``sweep.csv`` is not ours, or it holds
        networks of other settings.
    SweepError
        If a setting of the training is refused; nothing was trained then.
    KeyboardInterrupt
        Passed on, after the table was written with the runs that are done.

    Examples
    --------
    >>> import tempfile
    >>> from amtlib.batch import variants
    >>> runs = variants({"delays": [61, 73, 83], "rt": None, "nfft": 1024, "max_steps": 3}, ["seed=0..1"])
    >>> with tempfile.TemporaryDirectory() as folder, Pool(1) as pool:
    ...     rows = sweep_networks(runs, folder, pool)
    >>> [(row["rng"], row["network"], row["steps"], row["problem"]) for row in rows]
    [(0, 'rng=0.json', 3, None), (1, 'rng=1.json', 3, None)]
    """
    home = Path(folder)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(home, error) from None
    bar = Bar(len(runs), "networks") if bar is None else bar
    rows: dict[int, Row] = {}
    with only_run(home / TABLE) as note:
        if note:
            bar.say(f"amtlab: {note}")
        others = _others(home, runs)
        for i, (varied, whole) in enumerate(runs):
            earlier = _earlier(home / f"{name_of(varied)}.json", whole)
            if earlier is not None:
                rows[i] = _row(varied, earlier)
        bar.done = bar.skipped = len(rows)
        if rows:
            bar.say(f"{len(rows)} of {len(runs)} networks are in {home} already")
        missing = [i for i in range(len(runs)) if i not in rows]
        _check([runs[i] for i in missing])
        if others:
            bar.say(
                f"{len(others)} network{'s' * (len(others) > 1)} of earlier sweeps stay in {home / TABLE}"
            )
        try:
            for i, job in in_turn(pool, bar, train_one, ((i, (runs[i][1],)) for i in missing)):
                varied = runs[i][0]
                if job.error is None:
                    text, found = job.result()
                    write_whole(home / f"{name_of(varied)}.json", text.encode())
                    rows[i] = _row(varied, found)
                else:
                    rows[i] = {**varied, "network": None, "problem": problem_of(job.error)}
                bar.done += 1
        finally:
            bar.close()
            for i in missing:  # one may have been saved in the moment in which the run was stopped
                found = None if i in rows else _earlier(home / f"{name_of(runs[i][0])}.json", runs[i][1])
                if found is not None:
                    rows[i] = _row(runs[i][0], found)
            if rows:
                write_table(home / TABLE, _together(others, [(*runs[i], rows[i]) for i in sorted(rows)]))
    return [rows[i] for i in range(len(runs))]


def _check(runs: Sequence[tuple[Settings, Settings]]) -> None:
    """Begin trainings without a step, so that errors are raised before the first network is trained."""
    for varied, whole in checks(runs):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they stand in the table
                whole_number(whole.get("max_steps", 0), "max_steps", 0)
                _train(whole, max_steps=0)
        except (TypeError, ValueError) as error:
            which = f" (with {name_of(varied)})" if varied else ""
            raise SweepError(f"no network can be trained with these settings{which}: {error}") from None


def _row(varied: Settings, found: Row) -> Row:
    return {**varied, "network": f"{name_of(varied)}.json", **found, "problem": None}


def _others(home: Path, runs: Sequence[tuple[Settings, Settings]]) -> list[tuple[Settings, Row]]:
    """Return settings and rows of the other networks in a folder; raise if those of a sweep cannot go beside them."""
    for varied, whole in runs:
        path = home / f"{name_of(varied)}.json"
        _check_same(path, _settings_in(path), whole, {_SOUND})  # trained anew if its sound is another
    wanted = runs[0][1] | {_SOUND: _target_hash(runs[0][1])}
    table = home / TABLE
    rows = read_table(table, _COLUMNS) if table.exists() else []
    own = {f"{name_of(varied)}.json" for varied, _ in runs}
    known = build_keywords() | train_keywords()
    found: list[tuple[Settings, Row]] = []
    for row in rows:
        name = row["network"]
        if name in own or (not name and any(_are_in(varied, row) for varied, _ in runs)):
            continue
        settings = _settings_in(home / str(name)) if name else None
        columns = {column for column, cell in row.items() if column in known and cell is not None}
        _check_same(home / str(name), settings, wanted, columns | set(runs[0][0]))
        found.append((settings or {}, row))
    return found


def _are_in(varied: Settings, row: Row) -> bool:
    return all(row.get(name) == value for name, value in varied.items())


def _settings_in(path: Path) -> Settings | None:
    """Return the settings in a network's file, and the hash of its sound; None if there are none."""
    try:
        metadata = metadata_from_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    settings = metadata.get("settings")
    return settings | {_SOUND: metadata.get(_SOUND)} if isinstance(settings, dict) else None


def _check_same(path: Path, before: Settings | None, settings: Settings, columns: set[str]) -> None:
    """Raise if a network was trained with other settings than those wanted, but for some that are columns."""
    if before is None:
        return
    shown = (columns - {"loss"}) | {"target"}  # that column is a result
    for together in ({"N", "delays"}, {"target", _SOUND}):
        shown |= together if columns & together else set()
    for name in sorted((before.keys() | settings.keys()) - shown):
        if before.get(name) != settings.get(name):
            there, here = (
                json.dumps(each.get(name)) if name in each else "not given" for each in (before, settings)
            )
            raise TableError(
                f"{path} was trained with other settings ({name}: {there} there, {here} now): give another folder, or "
                "move it away"
            )


def _together(others: list[tuple[Settings, Row]], rows: list[tuple[Settings, Settings, Row]]) -> list[Row]:
    """Return the rows of a folder's table: what varied in any sweep stands in each, as far as its settings tell."""
    names = dict.fromkeys(name for varied, _, _ in rows for name in varied)
    known = build_keywords() | train_keywords()
    names |= dict.fromkeys(name for _, row in others for name in row if name in known)
    whole = [(settings, row) for _, settings, row in rows]
    return [
        {**{name: _cell(row.get(name, settings.get(name))) for name in names}, **row}
        for settings, row in [*others, *whole]
    ]


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, str | float | int | bool) else json.dumps(value)


def _earlier(path: Path, settings: Settings) -> Row | None:
    """Return the results in a network's file, if it is there and was trained with the same settings and sound."""
    try:
        metadata = metadata_from_json(path.read_bytes())
        same = metadata.get(_SOUND) == _target_hash(settings)
    except (OSError, ValueError):
        return None
    found, before = metadata.get("results"), metadata.get("settings")
    if not same or not isinstance(found, dict) or not isinstance(before, dict):
        return None
    # Where the sound lies does not matter, what it holds does.
    return found if {**before, "target": None} == {**settings, "target": None} else None
