"""What moves in a page: a curve that is played slowed down, and a picture that goes along with a sound.

All frames travel once, and the browser draws them. Not drawing: see page/js/film.js and page/js/moments.js.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import holoviews as hv
import numpy as np

from amtlib.plot.axes import Array, Axis, Limits
from amtlib.plot.layers import Curve, Image
from amtlib.plot.packing import packed


@dataclass(frozen=True)
class Film(Curve):
    """A curve that moves when it is played; `values` returns x of shape ``(K,)``, the frames of shape ``(M, K)`` and
    their times in s, of shape ``(M,)`` and equally far apart. The frame in the middle is drawn while nothing plays.

    Parameters
    ----------
    switch : tuple of str
        What shows and hides the figure: the key of a setting, its value that shows it, and the one that hides it.
    called : str
        What the page calls the film.
    slower : sequence of int
        How many times slower than the sound it can be played.
    """

    switch: tuple[str, str, str] = ("", "", "")
    called: str = ""
    slower: Sequence[int] = (200, 1000)
    nothing: ClassVar[Any] = (np.zeros(0), np.zeros((1, 0)), np.zeros(1))

    @staticmethod
    def _still(values: Any) -> tuple[Array, Array]:
        along, frames, _ = values
        return along, frames[len(frames) // 2]

    def element(self, values: Any, x: Axis, y: Axis, label: str) -> hv.Element:
        """Return the curve of the frame in the middle."""
        return super().element(self._still(values), x, y, label)

    def columns(self, values: Any, x: Axis, y: Axis) -> dict[str, Any]:
        """Return the columns of the frame in the middle."""
        return super().columns(self._still(values), x, y)

    def film(self, values: Any, y: Axis) -> dict[str, Any]:
        """Return all frames as they travel: one byte a value, with the column that shows them, and their times."""
        _, frames, times = values
        up = y.place(frames)
        far = float(np.abs(up).max(initial=0.0)) or 1.0
        step = float(times[1] - times[0]) if len(times) > 1 else 1.0
        return {"column": y.name, "start": float(times[0]), "step": step, **packed(up, -far, far)}

    def table(self, values: Any, x: Axis, y: Axis) -> dict[str, Array]:
        """Return every frame, one below the other, with its time."""
        along, frames, times = map(np.asarray, values)
        return {
            "Time (s)": np.repeat(times, len(along)),
            x.heading: np.tile(along, len(frames)),
            y.heading: frames.ravel(),
        }

    def content(self, source: str) -> dict[str, Any]:
        """Return what a page plays it with, see `FilmContent` of page/js/types.ts."""
        return {
            "source": source,
            "called": self.called,
            "switch": list(self.switch),
            "slower": list(self.slower),
        }


@dataclass(frozen=True)
class Moments(Image):
    """Coloured cells that go along with a sound: while it plays they show the moment that is heard.

    Parameters
    ----------
    frames : callable
        Takes what the figure reads from; returns the rows of all moments, shape ``(K, N, B)``, which of the B columns
        each of the picture's M columns shows, the moments' distance in s, and the number of the one that `values`
        returns.
    sounds : tuple of str
        Keys of the sounds that it goes along with.
    """

    frames: Callable[[Any], tuple[Array, Array, float, int]] = lambda state: (
        np.zeros((1, 0, 0)),
        np.zeros(0),
        1.0,
        0,
    )
    sounds: tuple[str, ...] = ()

    def film(self, state: Any, between: Limits) -> dict[str, Any]:
        """Return all moments as they travel: one byte a value, with what puts them together."""
        rows, columns, step, still = self.frames(state)
        flat = rows.reshape(len(rows), -1)
        return {
            "column": "image",
            "start": 0.0,
            "step": step,
            "columns": np.asarray(columns, dtype=np.int32),
            "still": still,
            **packed(flat, *between),
        }
