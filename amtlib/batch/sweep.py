"""Training over seeds and sizes: one network for each combination of values, in parallel, resumable, and a table.
Source: our own, over :mod:`amtlib.train` and :mod:`amtlib.jobs`.
Not here: what is trained and how (:mod:`amtlib.train`), reading the settings (:mod:`amtlib.batch.variants`).
"""

import math
import os
import queue
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from amtlib.audio import Recording, load
from amtlib.batch.bar import Bar
from amtlib.batch.corpus import problem_of
from amtlib.batch.tables import Row, write_table, write_text
from amtlib.batch.variants import (
    Settings,
    build_keywords,
    name_of,
    train_keywords,
    trainable_of,
    tuple_of,
)
from amtlib.fdn import (
    build_to_json,
    colouration,
    metadata_from_json,
    peak_to_rms,
    sparsity,
    transfer_function,
)
from amtlib.fdn.build import FDNBuild
from amtlib.jobs import Context, Job, Pool
from amtlib.train import build_fdn, extract_build, train_fdn

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
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def train_one(context: Context, settings: Settings) -> tuple[str, Row]:
    """
    Build and train one network; the function of a job.

    Parameters
    ----------
    context : Context
        Hears of progress, and ends the training when told to.
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
    build_names, train_names = build_keywords(), train_keywords()
    given = {name: tuple_of(value) for name, value in settings.items()}
    if "dtype" in given:
        if given["dtype"] not in _DTYPES:
            raise ValueError(f"dtype = {given['dtype']!r} is unknown: give 'float32' or 'float64'")
        given["dtype"] = _DTYPES[given["dtype"]]
    given.setdefault("device", "cpu")
    given["trainable"] = trainable_of(given.get("trainable"))
    mode = given.pop("mode", "colorless")
    recording: Recording | None = None
    if isinstance(given.get("target"), str):
        recording = load(given["target"], channel="all")
        given["target_fs"] = float(recording.fs)
        train_names = train_names | {"target_fs"}
    steps = given.get("max_steps", 2000)

    def follow(step: Any) -> bool:
        if context.cancelled:
            return True
        context.progress(0.95 * (step.index + 1) / max(steps, 1), f"loss {step.loss:.4g}")
        return False

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        model = build_fdn(**{name: value for name, value in given.items() if name in build_names})
        if recording is not None:
            given["target"] = _for_outputs(recording, extract_build(model).n_out)
        log = train_fdn(
            model,
            mode,
            callback=follow,
            **{name: value for name, value in given.items() if name in train_names},
        )
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
    metadata = {"made_by": "amtlab train", "settings": settings, "results": row}
    return build_to_json(build, metadata=metadata), row


def _for_outputs(recording: Recording, outputs: int) -> Tensor:
    """Return a target with a channel for each output of a network; one channel serves all, a mix is said."""
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
    """Return how coloured a network is; what cannot be told of it is None."""
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
        A row for each run: what varied, ``network`` (the file), the columns of :func:`train_one`, and ``problem``.

    Raises
    ------
    OSError
        If the folder cannot be written.
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
    home.mkdir(parents=True, exist_ok=True)
    bar = Bar(len(runs), "networks") if bar is None else bar
    rows: dict[int, Row] = {}
    over: queue.SimpleQueue[Job[Any]] = queue.SimpleQueue()
    under_way: dict[Job[Any], int] = {}
    for i, (varied, whole) in enumerate(runs):
        earlier = _earlier(home / f"{name_of(varied)}.json", whole)
        if earlier is not None:
            rows[i] = _row(varied, earlier)
            continue
        job = pool.submit(train_one, whole)
        under_way[job] = i
        job.add_done_callback(over.put)
    if rows:
        bar.say(f"{len(rows)} of {len(runs)} networks are in {home} already")
    try:
        while under_way:
            running = [job for job in under_way if job.state == "running"]
            message = running[0].message if running else ""
            bar.show(len(rows), len(rows) + sum(job.share for job in running), message)
            try:
                job = over.get(timeout=0.1)
            except queue.Empty:
                continue
            i = under_way.pop(job)
            varied = runs[i][0]
            if job.error is None:
                text, found = job.result()
                write_text(home / f"{name_of(varied)}.json", text)
                rows[i] = _row(varied, found)
            else:
                rows[i] = {**varied, "network": None, "problem": problem_of(job.error)}
    finally:
        bar.close()
        if rows:
            write_table(home / TABLE, [rows[i] for i in sorted(rows)])
    return [rows[i] for i in range(len(runs))]


def _row(varied: Settings, found: Row) -> Row:
    return {**varied, "network": f"{name_of(varied)}.json", **found, "problem": None}


def _earlier(path: Path, settings: Settings) -> Row | None:
    """Return the results in a network's file, if it is there and was trained with the same settings."""
    try:
        metadata = metadata_from_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    found = metadata.get("results")
    return found if metadata.get("settings") == settings and isinstance(found, dict) else None
