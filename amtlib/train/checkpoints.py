"""Files that a training run continues from.
Source: our own; tensors and plain values in torch's format, read without running any code from the file.
Not here: what is in them (:mod:`amtlib.train.descent`).
"""

import os
from typing import Any

import torch

_FORMAT, _VERSION = "amtlib-training-run", 1


def write_checkpoint(path: str | os.PathLike[str], same: dict[str, Any], state: dict[str, Any]) -> None:
    """
    Write a state, and the settings that a run must agree with to go on from it.

    Parameters
    ----------
    path : path
        File to write.
    same : dict
        Settings: numbers, strings, None.
    state : dict
        Tensors and plain values.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> write_checkpoint(file, {"lr": 0.1}, {"steps": 3})
    >>> _ = file.seek(0)
    >>> read_checkpoint(file, {"lr": 0.1}, torch.device("cpu"))
    {'steps': 3}
    """
    torch.save({"format": _FORMAT, "version": _VERSION, "same": same, "state": state}, path)


def read_checkpoint(path: Any, same: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """
    Read a state for a run with these settings.

    Parameters
    ----------
    path : path or file
        As :func:`write_checkpoint` left it.
    same : dict
        The settings here.
    device : torch.device
        Where the tensors go.

    Returns
    -------
    dict
        The state.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no checkpoint, or one of other settings; says which.

    Examples
    --------
    >>> import io
    >>> read_checkpoint(io.BytesIO(b"no"), {}, torch.device("cpu"))
    Traceback (most recent call last):
    ValueError: ... is no checkpoint of a training run: give a file that TrainingRun.save wrote
    """
    problem = f"{path} is no checkpoint of a training run: give a file that TrainingRun.save wrote"
    try:
        found = torch.load(path, weights_only=True, map_location=device)
    except OSError:
        raise
    except Exception as error:  # torch raises whatever its parser meets
        raise ValueError(problem) from error
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise ValueError(problem)
    if found.get("version") != _VERSION:
        raise ValueError(f"{path} has version {found.get('version')!r}, this is {_VERSION}: update amtlib")
    for name, here in same.items():
        # what older versions did not write cannot be compared
        there = found["same"].get(name, here)
        if here != there:
            raise ValueError(
                f"the checkpoint has {name} = {there!r}, this run {here!r}: make the run as it was"
            )
    state: dict[str, Any] = found["state"]
    return state
