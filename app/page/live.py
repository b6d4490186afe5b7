"""A network that plays in the page: the numbers that its sound is made from, sent as they change while it plays.

The sound itself is made in the browser: page/js/network.js computes what `amtlib.fdn.process_fdn` does, sample by
sample in float64, and moves to new numbers within 50 ms; mixer.js mixes before, now, room and dry under a ceiling.
The same modules run in the browser's thread for sound (``/worklet.js``), in a page without https, and in tests;
``python benchmarks/live_sound.py`` prints what it costs. A lab with such a network names `LabView.live_source` and
gives `LabView.played_live`: columns of ``start`` and ``now`` (`network`), of ``response`` (``energy`` and ``peak`` of
the response before training, which set the level of all), ``room`` and ``sound`` (``samples`` in float32).
"""

import os
from typing import Any

import numpy as np

from amtlib.fdn import FDNBuild
from app.figures.wire import Scene
from app.page.protocol import Content

#: Whether pages may use a microphone; `amtlab serve --microphone` says so.
MICROPHONE = bool(os.environ.get("AMTLAB_MICROPHONE"))
_FIELDS = ("A", "B", "C", "D", "filters", "post_matrix", "post_eq")


def network(build: FDNBuild) -> dict[str, Any]:
    """Return a network as the page plays it: arrays of float64, empty where there are no filters.

    Examples
    --------
    >>> comb = network(FDNBuild([[0.5]], [1.0], [1.0], 0.0, [480], 48000))
    >>> comb["delays"], comb["filters"].size
    (array([480], dtype=int32), 0)
    """
    arrays = {name: getattr(build, name) for name in _FIELDS}
    return {
        **{name: np.zeros(0) if array is None else array for name, array in arrays.items()},
        "delays": build.delays.astype(np.int32),
        "pre_delay": np.array([build.pre_delay], np.int32),
        # rates in turns a sample: the page's network counts samples
        "modulation": np.zeros(0)
        if build.modulation is None
        else build.modulation / [[1.0], [build.fs], [1.0]],
    }


class LiveSound:
    """What one page plays live.

    Parameters
    ----------
    lab : LabView
        The page. Its class is not imported here: it owns this object.
    """

    def __init__(self, lab: Any) -> None:
        self._lab = lab
        self._scene: Scene | None = None

    def tools(self) -> Content | None:
        """Return what the section is drawn from, None where the lab plays nothing live."""
        key = self._lab.live_source
        if not key:
            return None
        model = self._lab.model
        return {"fs": model.fs, "source": model.fields[key].schema(), "microphone": MICROPHONE}

    def play(self, *, on: bool) -> None:
        """Begin to send the numbers, all of them, or stop."""
        self._scene = Scene() if on and self._lab.live_source else None

    def changes(self) -> dict[str, dict[str, Any]] | None:
        """Return what has changed of the numbers since this was last asked, None where nothing plays or changed."""
        if self._scene is None:
            return None
        try:
            played = self._lab.played_live()
        except ValueError:  # the settings do not fit together, which the page says: the last network plays on
            return None
        for name, columns in played.items():
            self._scene.data(name, **columns)
        return self._scene.changes()

    def whole(self) -> dict[str, Any]:
        """Return all that plays as a part of an update, for a page that has found its session again."""
        return {} if self._scene is None else {"live": self._scene.whole()}
