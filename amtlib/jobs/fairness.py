"""A queue that serves its owners in turn, so that thirty jobs of one student do not stand before one of another.
Source: start-time fair queueing with equal shares (Goyal, Vin and Cheng, 1997), counted in jobs.
Not here: jobs and their workers (:mod:`amtlib.jobs.pool`).
"""

import itertools
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Line(Generic[T]):
    """What waits of one owner: the first item in round `first`, the others one round later each."""

    first: int
    since: int
    items: deque[T] = field(default_factory=deque)


class FairQueue(Generic[T]):
    """
    Items that wait, each with its owner; owners are served in turn.

    In each round every owner that waits is served once. Who comes new stands in the present round, and who was served
    in it in the next, even if nothing of theirs waited in between. Not safe to share between threads: its user holds
    a lock.

    See Also
    --------
    amtlib.jobs.Pool : what it serves.

    Examples
    --------
    >>> queue = FairQueue()
    >>> for owner, item in [("ann", 1), ("ann", 2), ("ann", 3), ("bob", 4)]:
    ...     queue.push(owner, item)
    >>> list(queue), queue.position("bob", 4)
    ([1, 4, 2, 3], 2)
    >>> queue.pop(), queue.pop(), len(queue)
    (1, 4, 2)
    """

    def __init__(self) -> None:
        self._lines: dict[Hashable, _Line[T]] = {}
        self._round = 0
        # Those who were served in this round, or before their time because others may not be.
        self._served: dict[Hashable, int] = {}
        self._arrivals = itertools.count()

    def push(self, owner: Hashable, item: T) -> None:
        """Let an item wait behind those of its owner."""
        line = self._lines.get(owner)
        if line is None:
            first = max(self._round, self._served.get(owner, -1) + 1)
            line = self._lines[owner] = _Line(first, next(self._arrivals))
        line.items.append(item)

    def pop(self, may: Callable[[Hashable], bool] | None = None) -> T | None:
        """
        Take the next item.

        Parameters
        ----------
        may : callable, optional
            Asked whether an owner may be served now; one that may not keeps its turn.

        Returns
        -------
        item or None
            None if nothing waits that may be served.
        """
        able = [owner for owner in self._lines if may is None or may(owner)]
        if not able:
            return None
        owner = min(able, key=lambda owner: (self._lines[owner].first, self._lines[owner].since))
        line = self._lines[owner]
        self._served[owner] = line.first
        if line.first > self._round:
            self._round = line.first
            self._served = {who: when for who, when in self._served.items() if when >= self._round}
        line.first += 1
        item = line.items.popleft()
        if not line.items:
            del self._lines[owner]
        return item

    def remove(self, owner: Hashable, item: T) -> bool:
        """Take an item out; return whether it was there."""
        line = self._lines.get(owner)
        if line is None or item not in line.items:
            return False
        line.items.remove(item)
        if not line.items:
            del self._lines[owner]
        return True

    def drop(self, owner: Hashable) -> list[T]:
        """Take out all items of an owner, forget the owner, and return the items."""
        self._served.pop(owner, None)
        line = self._lines.pop(owner, None)
        return [] if line is None else list(line.items)

    def waiting(self, owner: Hashable) -> int:
        """Return how many items of an owner wait."""
        line = self._lines.get(owner)
        return 0 if line is None else len(line.items)

    def position(self, owner: Hashable, item: T) -> int:
        """Return the item's place in the order of serving, 1 for the next; 0 if it does not wait."""
        mine = self._lines.get(owner)
        if mine is None or item not in mine.items:
            return 0
        rank = mine.items.index(item)
        before = 0
        for who, line in self._lines.items():
            if who != owner:
                rounds = mine.first + rank - line.first + (line.since < mine.since)
                before += min(max(rounds, 0), len(line.items))
        return before + rank + 1

    def __iter__(self) -> Iterator[T]:
        """Go through the items in the order of serving."""
        order = sorted(
            (line.first + rank, line.since, rank, owner)
            for owner, line in enumerate(self._lines.values())
            for rank in range(len(line.items))
        )
        lines = list(self._lines.values())
        return iter([lines[owner].items[rank] for _, _, rank, owner in order])

    def __len__(self) -> int:
        return sum(len(line.items) for line in self._lines.values())
