"""A room that is fitted as a whole: the work, which a pool does and a page watches, and what came of it.

The fit itself is :func:`amtlib.train.fit_room`; nothing of a page is imported here, since a worker does the work.
"""

import queue
import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray

from amtlib.fdn import FDNBuild
from amtlib.train import RoomFit, fit_room

Array = NDArray[Any]

#: What a fit may take, s: training has what measuring leaves.
BUDGET = 30.0


@dataclass(frozen=True)
class Fit:
    """A network fitted to a room, or on its way.

    Attributes
    ----------
    number : int
        Tells one from those before it.
    build : FDNBuild
        The network as it is.
    result : RoomFit or None
        What came of it; None on the way.
    """

    number: int
    build: FDNBuild
    result: RoomFit | None = None


class _GivenUp(RuntimeError):
    """Nobody waits for the fit any more."""


def fit_steps(
    response: Array, fs: int, lines: int, steps: int, seed: int
) -> Generator[tuple[float, FDNBuild | RoomFit | None]]:
    """Fit a network to a room.

    Parameters
    ----------
    response : ndarray, shape ``(T,)`` or ``(T, channels)``
    fs, lines, steps, seed : int
        Rate in Hz; of the network and its training.

    Yields
    ------
    tuple
        Share done; and the network so far, or at the end what came of it.

    Raises
    ------
    ValueError
        With a sentence on what is wrong with the room.
    """
    heard: queue.SimpleQueue[tuple[float, Any]] = queue.SimpleQueue()
    share, wanted = 0.0, threading.Event()
    wanted.set()

    def tell(done: float) -> None:
        nonlocal share
        if not wanted.is_set():
            raise _GivenUp
        share = done
        heard.put((share, None))

    def work() -> None:
        torch.get_num_threads()  # from here on this thread heeds the number that was set
        try:
            found: Any = fit_room(
                response,
                fs,
                lines,
                max_steps=steps,
                time_budget=BUDGET,
                rng=seed,
                progress=tell,
                watch=lambda build: heard.put((share, build)),
            )
        except BaseException as problem:  # raised again where it is waited for
            found = problem
        heard.put((1.0, found))

    thread = threading.Thread(target=work, name="fit", daemon=True)
    thread.start()
    newest: FDNBuild | RoomFit | None = None
    try:
        while not isinstance(newest, RoomFit):
            done, found = heard.get()
            if isinstance(found, BaseException):
                raise found
            newest = newest if found is None else found
            yield done, newest
    finally:
        wanted.clear()
        thread.join()
