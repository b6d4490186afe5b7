"""The settings of a sweep: a network and its training as JSON, and the values that some of them run through.
Source: the keywords of :func:`amtlib.train.build_fdn` and :func:`amtlib.train.train_fdn`.
Not here: the training (:mod:`amtlib.batch.sweep`).
"""

import difflib
import hashlib
import inspect
import itertools
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from amtlib.audio import AudioBlocks
from amtlib.fdn import design_fdn
from amtlib.train import Trainable, build_fdn, train_fdn

Settings: TypeAlias = dict[str, Any]

#: Other names of two keywords that say what they are.
_ALIASES = {"lines": "N", "seed": "rng", "seeds": "rng"}
#: Keywords that JSON cannot give, or that a sweep decides itself.
_NOT_HERE = {"model", "criteria", "loss", "log", "train_dir", "callback", "output", "target_fs"}
_RANGE = re.compile(r"^(-?\d+)\.\.(-?\d+)(?:\.\.(\d+))?$")
_MOST = 10_000
#: Characters of a file's name before its ending.
_LONGEST = 160


class SweepError(ValueError):
    """A sweep cannot be done; the message is one sentence that names the fix."""


def _keywords(function: Any) -> set[str]:
    return set(inspect.signature(function).parameters) - _NOT_HERE


def build_keywords() -> set[str]:
    """Return the keywords that make the network and its model."""
    return _keywords(build_fdn)


def train_keywords() -> set[str]:
    """Return the keywords that train it."""
    return _keywords(train_fdn)


def read_config(path: Path) -> Settings:
    """
    Read the settings that all runs of a sweep share.

    Parameters
    ----------
    path : Path
        A JSON object whose keys are keywords of :func:`amtlib.train.build_fdn` and :func:`amtlib.train.train_fdn`:
        ``N`` (or ``lines``) or ``delays``, ``rt``, ``feedback``, ``fs``, ``nfft``, ``rng`` (or ``seed``, of both) and
        so on; ``mode`` ('colorless' by default), ``max_steps``, ``lr``, ``objective`` and so on. ``target`` is the
        path of a sound file, relative to the JSON file; ``trainable`` an object such as ``{"direct": true}``;
        ``dtype`` 'float32' or 'float64'.

    Returns
    -------
    dict
        The settings by keyword.

    Raises
    ------
    SweepError
        If it is no such file, or a key is none of these.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "net.json"
    ...     _ = file.write_text('{"lines": 4, "max_step": 5}')
    ...     read_config(file)
    Traceback (most recent call last):
    ...
    amtlib.batch.variants.SweepError: net.json: 'max_step' is no setting of a network ...; is it 'max_steps'?
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SweepError(f"{path}: {error.strerror}: check its name and folder") from None
    except ValueError as error:
        raise SweepError(f"{path.name} is no JSON ({error}): correct it there") from None
    if not isinstance(content, dict):
        raise SweepError(f'{path.name} holds no JSON object: write {{"N": 8, "max_steps": 500}} for example')
    settings = {_keyword(name, path.name): value for name, value in content.items()}
    if len(settings) < len(content):
        raise SweepError(f"{path.name} gives a setting under two names: leave one of them out")
    return _found(settings, path.parent)


def _found(settings: Settings, folder: Path) -> Settings:
    """Return settings with the path of a target that is given relative to a folder."""
    if not isinstance(settings.get("target"), str):
        return settings
    return settings | {"target": str((folder / settings["target"]).absolute())}


def variants(
    settings: Settings, sweeps: Sequence[str], folder: str | os.PathLike[str] = "."
) -> list[tuple[Settings, Settings]]:
    """
    Return every combination of the values of a sweep.

    Parameters
    ----------
    settings : dict
        What all share; a sweep goes before it.
    sweeps : sequence of str
        ``name=values``, each name once; values are ``a,b,c``, or whole numbers ``first..last`` or
        ``first..last..step``, both ends included. A value that is no JSON is text.
    folder : path
        What a swept ``target`` is relative to: the folder of the JSON file, as for the one that stands in it.

    Returns
    -------
    list of (varied, all settings)
        At least one; the last name varies fastest.

    Raises
    ------
    SweepError
        If a sweep cannot be read, a name is unknown or there twice, or a network cannot be made.

    Examples
    --------
    >>> [varied for varied, _ in variants({"rt": None}, ["lines=4,8", "seed=0..1"])]
    [{'N': 4, 'rng': 0}, {'N': 4, 'rng': 1}, {'N': 8, 'rng': 0}, {'N': 8, 'rng': 1}]
    """
    values: dict[str, list[Any]] = {}
    for text in sweeps:
        name, equals, given = text.partition("=")
        if not equals or not given:
            raise SweepError(
                f"--sweep {text} gives no values: write --sweep seed=0..9 or --sweep lines=4,8,16"
            )
        keyword = _keyword(name.strip(), "--sweep")
        if keyword in values:
            raise SweepError(f"--sweep gives {name.strip()} twice: put all its values behind one")
        values[keyword] = _values(given, text)
    count = 1
    for some in values.values():
        count *= len(some)
    if count > _MOST:
        raise SweepError(f"these sweeps make {count} networks, more than {_MOST}: leave some values out")
    runs = []
    for combination in itertools.product(*values.values()):
        varied = dict(zip(values, combination, strict=True))
        # Delays say how many lines there are, so lines that vary go before them, and the other way round.
        both = {"N": "delays", "delays": "N"}
        dropped = {both[name] for name in varied if name in both}
        whole = {name: value for name, value in settings.items() if name not in dropped}
        whole |= _found(varied, Path(folder))
        _check(whole, varied)
        runs.append((varied, whole))
    return runs


def _keyword(name: str, where: str) -> str:
    keyword = _ALIASES.get(name, name)
    known = build_keywords() | train_keywords()
    if keyword not in known:
        close = difflib.get_close_matches(name, [*known, *_ALIASES], 1)
        hint = f"; is it {close[0]!r}?" if close else f": choose from {', '.join(sorted(known))}"
        raise SweepError(f"{where}: {name!r} is no setting of a network or its training{hint}")
    return keyword


def _values(given: str, text: str) -> list[Any]:
    found: list[Any] = []
    for part in given.split(","):
        ends = _RANGE.match(part.strip())
        if ends:
            first, last, step = int(ends[1]), int(ends[2]), int(ends[3] or 1)
            if last < first or step < 1:
                raise SweepError(
                    f"--sweep {text}: {part} holds nothing: give first..last, first not after last"
                )
            if (last - first) // step >= _MOST:
                raise SweepError(f"--sweep {text}: {part} holds more than {_MOST} values: take a larger step")
            found += range(first, last + 1, step)
            continue
        try:
            found.append(json.loads(part))
        except ValueError:
            if not part.strip():
                raise SweepError(f"--sweep {text} has a comma too many: remove it") from None
            found.append(part.strip())
    return list(dict.fromkeys(map(_hashable, found)))


def _hashable(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise SweepError(f"{value!r} cannot be swept over: give numbers, names, true, false or null")
    return value


def _check(settings: Settings, varied: Settings) -> None:
    """Build the network, which is quick, so that errors are raised before anything runs; look for the target."""
    wishes = _keywords(design_fdn)
    try:
        if isinstance(settings.get("target"), str):
            AudioBlocks(settings["target"]).__exit__(None, None, None)
        design_fdn(**{name: tuple_of(value) for name, value in settings.items() if name in wishes})
        trainable_of(settings.get("trainable"))
    except (TypeError, ValueError) as error:
        which = f" (with {name_of(varied)})" if varied else ""
        raise SweepError(f"no network can be made of these settings{which}: {error}") from None


def checks(runs: Sequence[tuple[Settings, Settings]]) -> list[tuple[Settings, Settings]]:
    """
    Return the runs in which each value of each setting of a training occurs for the first time.

    Examples
    --------
    >>> runs = variants({"N": 4}, ["lr=1,2", "optimizer=adam,lbfgs", "seed=1..9"])
    >>> [varied for varied, _ in checks(runs)]
    [{'lr': 1, 'optimizer': 'adam', 'rng': 1}, {'lr': 1, 'optimizer': 'lbfgs', 'rng': 1}, {'lr': 2, ..., 'rng': 1}]
    """
    seen: set[tuple[str, str]] = set()
    found: list[tuple[Settings, Settings]] = []
    for varied, whole in runs:
        # Seeds and networks were made before.
        new = {(name, repr(whole[name])) for name in whole if name in train_keywords() - {"rng"}} - seen
        if new or not found:
            seen |= new
            found.append((varied, whole))
    return found


def tuple_of(value: Any) -> Any:
    """Return a JSON list of two numbers as a tuple, as ``rt`` wants it."""
    return tuple(value) if isinstance(value, list) and len(value) == 2 else value


def trainable_of(value: Any) -> Trainable | None:
    """
    Return what is trained, from a JSON object.

    Examples
    --------
    >>> trainable_of({"direct": True}).direct
    True
    """
    if value is None:
        return None
    names = inspect.signature(Trainable).parameters
    if not isinstance(value, dict) or not all(k in names and isinstance(v, bool) for k, v in value.items()):
        raise ValueError(f"trainable = {value!r}: give an object of true and false for {', '.join(names)}")
    return Trainable(**value)


def name_of(varied: Settings) -> str:
    """
    Return a name for a run, fit for a file.

    Examples
    --------
    >>> name_of({"N": 8, "rng": 3}), name_of({})
    ('N=8,rng=3', 'network')

    Names of different runs differ, though not every character is fit, and the longest are cut:

    >>> name_of({"target": "rooms/a.wav"}), name_of({"target": "rooms_a.wav"})
    ('target=rooms_a.wav-...', 'target=rooms_a.wav')
    """
    text = ",".join(f"{name}={value}" for name, value in varied.items()) or "network"
    fit = re.sub(r"[^A-Za-z0-9.,=+_-]", "_", text)[:_LONGEST]
    return fit if fit == text else f"{fit}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
