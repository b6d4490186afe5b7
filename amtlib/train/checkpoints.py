"""Files that a training run continues from, and what two runs must have in common to share one.

Tensors and plain values in torch's format, read without running any code from the file. Not here: where a training
stands (:mod:`amtlib.train.descent`).
"""

import hashlib
import os
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from amtlib.fdn.build import FDNBuild
from amtlib.train.losses import Rendered
from amtlib.train.response import Response
from amtlib.train.rotations import turned, turned_and_flipped

#: Parts of a network that may learn, and the letters of their parameters.
PARTS = {
    "feedback": "a",
    "input_gain": "b",
    "output_gain": "c",
    "direct": "d",
    "decay": "f",
    "post_eq": "e",
}
_MATRICES = ("feedback", "input_gain", "output_gain", "direct")
_PARAMETRISATIONS = {
    turned: "orthogonal, determinant 1",
    turned_and_flipped: "orthogonal, determinant -1 (reflection)",
}
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


def constants(start: FDNBuild, response: Response, target: Rendered | None) -> dict[str, Any]:
    """
    Describe what is constant in a network and its target: parameters mean something else in another.

    Parameters
    ----------
    start : FDNBuild
        The network before its training.
    response : Response
        Of its model.
    target : Rendered or None

    Returns
    -------
    dict
        Numbers and strings by name.
    """
    leaves = response.leaves
    constant = {
        part: getattr(start, PARTS[part].upper())
        for part in _MATRICES
        if not getattr(getattr(leaves, part), "param", torch.empty(0)).requires_grad
    }
    return {
        "parametrisation": _PARAMETRISATIONS.get(leaves.feedback.map, "free entries"),
        "delays": str(start.delays.tolist()),
        "fs": start.fs,
        "alias decay (gain per sample)": response.gamma,
        "filters": _digest(start.filters),
        "post_matrix": _digest(start.post_matrix),
        "post_eq": _digest(start.post_eq),
        "target": _digest(None if target is None else target.time.cpu().numpy()),
        "trained": ", ".join(
            [name for name in _MATRICES if name not in constant]
            + [name for name in PARTS if name not in _MATRICES and PARTS[name] in response.parameters()]
        ),
        **{name: _digest(value) for name, value in constant.items()},
    }


def _digest(values: npt.NDArray[Any] | None) -> str:
    """Describe an array by shape, largest value and a hash, so that no two arrays have the same description."""
    if values is None:
        return "none"
    # + 0.0: minus zero equals zero, and so must their bytes
    found = hashlib.sha256((values.astype(np.float64) + 0.0).tobytes()).hexdigest()[:12]
    return f"{values.shape}, up to {np.abs(values).max():.4g}, sha256 {found}"
