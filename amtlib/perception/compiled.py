"""Loops over samples, compiled by numba where it is installed, and run on as many threads as torch uses.
Source: none; plain bookkeeping. numba (BSD licence) is optional: `pip install amtlib[perception]`.
Not here: the loops themselves.

A recursion whose every sample needs the one before cannot be written as a few operations of torch on whole signals.
Compiled, it runs at some nanoseconds a step. Threads are our own: numba's may not be used by two callers at once on
every platform, and a server has many.
"""

import functools
import importlib
import itertools
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

#: Steps below which a thread costs more than it saves
_WORTH_A_THREAD = 50_000


class SlowLoops(UserWarning):
    """
    numba is not installed: recursions over samples run as Python, right but hundreds of times slower.

    Examples
    --------
    >>> issubclass(SlowLoops, UserWarning)
    True
    """


def compiled(loop: Callable[..., None]) -> Callable[..., None]:
    """Compile a loop over the samples of rows when it is first called; without numba, leave it as it is and say so."""

    @functools.wraps(loop)
    def run(*arguments: Any) -> None:
        with np.errstate(all="ignore"):  # of Python's own floats; compiled ones never speak
            _fastest(loop)(*arguments)

    return run


@functools.cache
def _fastest(loop: Callable[..., None]) -> Callable[..., None]:
    # numba takes half a second to import: only who uses a loop waits for it
    try:
        numba = importlib.import_module("numba")
    except ImportError:
        _say_once()
        return loop
    options = {"nogil": True, "error_model": "numpy"}
    try:
        fast: Callable[..., None] = numba.njit(cache=True, **options)(loop)
    except RuntimeError:  # nowhere to keep compiled code
        fast = numba.njit(**options)(loop)
    return fast


@functools.cache
def _say_once() -> None:
    warnings.warn(
        "numba is not installed, so hair cells and adaptation run hundreds of times slower than they could; "
        "pip install numba",
        SlowLoops,
        stacklevel=2,
    )


def run_rows(loop: Callable[..., None], steps: int, *rows: npt.NDArray[Any] | float) -> None:
    """
    Run a compiled loop on rows, spread over threads.

    Parameters
    ----------
    loop : callable
        Takes the arrays, with fewer rows, and writes into some of them.
    steps : int
        Steps of one row.
    *rows : ndarray, shape (R, ...), or float
        Arrays that are cut along their first axis; numbers go to each thread as they are.
    """
    arrays = [each for each in rows if isinstance(each, np.ndarray)]
    count = len(arrays[0])
    threads = min(torch.get_num_threads(), count, max(count * steps // _WORTH_A_THREAD, 1))
    if threads == 1:
        loop(*rows)
        return
    edges = [count * i // threads for i in range(threads + 1)]
    parts = [
        [each[start:stop] if isinstance(each, np.ndarray) else each for each in rows]
        for start, stop in itertools.pairwise(edges)
    ]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(loop, *part) for part in parts]:
            done.result()


def as_rows(x: Tensor) -> npt.NDArray[Any]:
    """Return a tensor, wherever it is, as an array that a compiled loop takes."""
    return x.detach().cpu().contiguous().numpy()
