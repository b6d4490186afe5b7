"""Taking turns at long work: so many trainings at a time in a process, the others wait, and nobody waits for ever.

Source: the order of :mod:`amtlib.jobs.fairness`; that work goes on in slices while others wait is round robin.
Not the work itself: whoever asks says how it begins, how it pauses and whether it rests.
"""

import os
import threading
import time
from collections.abc import Callable, Hashable

from amtlib.jobs.fairness import FairQueue

#: What a turn may take while others wait, s; then the others have theirs, and it goes on afterwards.
SLICE = 15.0


class Turn:
    """One piece of work that wants its turns; made by :meth:`Turns.ask`.

    Attributes
    ----------
    state : {"waiting", "working", "over"}
    """

    def __init__(
        self, owner: Hashable, begin: Callable[[], None], pause: Callable[[], None], rests: Callable[[], bool]
    ) -> None:
        self.owner = owner
        self.begin, self.pause, self.rests = begin, pause, rests
        self.state = "waiting"
        self.began = 0.0
        self.goes_on = False  # paused for the others, not by its owner


class Turns:
    """
    A number of places for work, and a fair queue before them.

    Nothing happens by itself: whoever has a turn, or waits for one, calls :meth:`look` now and then.

    Parameters
    ----------
    places : int
        How many work at the same time, at least 1.
    slice_s : float
        What a turn may take while others wait, s.

    Examples
    --------
    >>> turns = Turns(places=1)
    >>> said, at_work = [], {"ann": True, "bob": True}
    >>> def ask(who):
    ...     return turns.ask(who, lambda: said.append(who), lambda: None, lambda: not at_work[who])
    >>> ann, bob = ask("ann"), ask("bob")
    >>> said, bob.state, turns.before(bob)
    (['ann'], 'waiting', 1)
    >>> at_work["ann"] = False
    >>> turns.look()
    >>> said, bob.state
    (['ann', 'bob'], 'working')
    """

    def __init__(self, places: int, slice_s: float = SLICE) -> None:
        self.places = places
        self.slice_s = slice_s
        self._queue: FairQueue[Turn] = FairQueue()
        self._held: list[Turn] = []
        self._lock = threading.RLock()

    @property
    def busy(self) -> int:
        """How many work now."""
        self.look()  # a page that was left looks no more
        return len(self._held)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    def ask(
        self, owner: Hashable, begin: Callable[[], None], pause: Callable[[], None], rests: Callable[[], bool]
    ) -> Turn:
        """Ask for a turn; it begins at once where there is a place.

        Parameters
        ----------
        owner : hashable
            Whose work it is: owners are served in turn.
        begin : callable
            Begins the work or lets it go on, and returns at once.
        pause : callable
            Asks the work to rest soon; called when its slice is over and others wait.
        rests : callable
            Whether it rests: done, stopped or paused.
        """
        turn = Turn(owner, begin, pause, rests)
        with self._lock:
            self._queue.push(owner, turn)
            self.look()
        return turn

    def before(self, turn: Turn) -> int:
        """Return how many have their turn before this one: those at work, and those that stand before it."""
        with self._lock:
            place = self._queue.position(turn.owner, turn)
            return place - 1 + len(self._held) if place else 0

    def leave(self, turn: Turn) -> None:
        """Give a turn up, waiting or not; the work itself is its owner's to stop."""
        with self._lock:
            self._queue.remove(turn.owner, turn)
            turn.state, turn.goes_on = "over", False
            self.look()

    def look(self) -> None:
        """Give free places to those who wait, and let who had a slice rest for the others."""
        with self._lock:
            now = time.monotonic()
            for turn in list(self._held):
                if turn.rests():
                    self._held.remove(turn)
                    turn.state = "over"
                    if turn.goes_on:
                        turn.state, turn.goes_on = "waiting", False
                        self._queue.push(turn.owner, turn)
                elif self._queue and now - turn.began > self.slice_s and turn.state == "working":
                    turn.goes_on = True
                    turn.pause()
            while len(self._held) < self.places and (turn_now := self._queue.pop()) is not None:
                turn_now.state, turn_now.began = "working", now
                self._held.append(turn_now)
                turn_now.begin()


def _places() -> int:
    """Return how many trainings this process does at a time: its share of the cores, or what it was told."""
    told = os.environ.get("AMTLAB_TRAININGS", "")
    cores = os.cpu_count() or 1
    return int(told) if told else max(1, cores // max(1, int(os.environ.get("AMTLAB_PROCESSES", "1"))) // 2)


#: The trainings of this process. Each works in a thread of its own, and Python's threads share one core.
TRAININGS = Turns(_places())
