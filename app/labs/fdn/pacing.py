"""Steps shown slowly enough to watch: they are done as fast as ever, elsewhere, and taken in a few at a time."""

import time
from contextlib import closing
from dataclasses import dataclass

from amtlib.train import RemoteSteps
from amtlib.train.player import Playable, Updates

#: How long a run is watched at least, s, unless it has few steps; how many steps a second are shown at least.
_LASTS, _FEWEST = 10.0, 25.0


def steps_per_second(max_steps: int) -> float:
    """Return how many steps of a run of so many are shown in a second.

    Examples
    --------
    >>> steps_per_second(500), steps_per_second(20)
    (50.0, 25.0)
    """
    return max(max_steps / _LASTS, _FEWEST)


@dataclass(frozen=True)
class Paced:
    """The steps of a pool, taken in at most so many a second.

    What is not shown yet waits here; the worker is free for others meanwhile.

    Parameters
    ----------
    steps : RemoteSteps
    per_second : float
        How many are shown.
    """

    steps: RemoteSteps
    per_second: float

    @property
    def position(self) -> int:
        """Place in the pool's queue, see `RemoteSteps.position`."""
        return self.steps.position

    def follow(self, run: Playable, steps: int | None) -> Updates:
        """Yield what the steps have changed, and wait after each of so many as long as they should last.

        Where the learning rate or the number of steps is changed, what was done with the old one is not shown any more.
        """
        end = None if steps is None else run.steps_run + steps
        due = time.monotonic()
        while end is None or run.steps_run < end:
            asked = run.lr, run.max_steps
            with closing(self.steps.follow(run, None if end is None else end - run.steps_run)) as updates:
                for update in updates:
                    if update is not None:
                        new = max(update.steps - run.steps_run, 0)
                        due = max(due, time.monotonic()) + new / self.per_second
                    yield update
                    while (left := due - time.monotonic()) > 0 and not run.stopping:
                        time.sleep(min(left, 0.02))
                        yield None
                    if update is not None and (run.lr, run.max_steps) != asked:
                        break
                else:
                    if end is not None:
                        return
