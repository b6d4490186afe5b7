"""A file put together from parts of another one and from bytes, as decoders want to see it; nothing is copied.
Not here: what is put together, and why (:mod:`amtlib.audio.layout`).
"""

import io
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from mmap import mmap
from typing import Any


class Pieces(io.RawIOBase):
    """
    Bytes read as one file; a damaged header that seeks wildly stays where it is.

    Parameters
    ----------
    pieces : iterable of (bytes or mmap, int, int)
        Where bytes come from, their start and end there.
    claimed : int, optional
        The length that the file says it has, bytes; by default what it has.

    Examples
    --------
    >>> file = Pieces([(b"abcdef", 0, 2), (b"xyz", 1, 3)])
    >>> file.read(3), file.read(), file.seek(-1, 2), file.read()
    (b'aby', b'z', 3, b'z')
    """

    def __init__(self, pieces: Iterable[tuple[bytes | mmap, int, int]], claimed: int = 0) -> None:
        self._pieces = [piece for piece in pieces if piece[2] > piece[1]]
        self._ends = list(accumulate(end - start for _, start, end in self._pieces))
        self.size = self._ends[-1] if self._ends else 0
        self._length = max(claimed, self.size)
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a position, unless there is none such; an exception would be lost in the decoder."""
        at = offset + (0, self._at, self._length)[whence]
        if 0 <= at < 2**62:
            self._at = at
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as there are bytes."""
        view, filled = memoryview(buffer).cast("B"), 0
        while filled < len(view) and self._at < self.size:
            index = bisect_right(self._ends, self._at)
            source, _, end = self._pieces[index]
            start = end - (self._ends[index] - self._at)
            count = min(end - start, len(view) - filled)
            if isinstance(source, mmap):  # a file that was cut since it was mapped would end the process
                count = min(count, source.size() - start)
                if count <= 0:
                    break
            view[filled : filled + count] = source[start : start + count]
            filled += count
            self._at += count
        return filled
