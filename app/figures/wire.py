"""What figures send to a page: data and films by source, properties by model, limits by axis, packed small.

Not what is sent: see live.py.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np


class Scene:
    """What the figures of one page show: data and films by source, properties by model, limits by axis.

    Setting a part that is there already costs nothing on the wire: only what differs is sent.

    Examples
    --------
    >>> scene = Scene()
    >>> scene.data("curve", x=np.arange(2.0), y=np.zeros(2))
    >>> sorted(scene.changes())
    ['data', 'films', 'limits', 'set']
    >>> scene.data("curve", x=np.arange(2.0), y=np.zeros(2))
    >>> scene.changes() is None
    True
    """

    def __init__(self) -> None:
        self._whole: dict[str, dict[str, Any]] = {"data": {}, "films": {}, "set": {}, "limits": {}}
        self._fresh: dict[str, dict[str, Any]] = {"data": {}, "films": {}, "set": {}, "limits": {}}

    def _put(self, part: str, name: str, value: Any) -> None:
        if name not in self._whole[part] or not _equal(self._whole[part][name], value):
            self._whole[part][name] = self._fresh[part][name] = value

    def data(self, source: str, **columns: Any) -> None:
        """Set the columns of a data source, all of them together."""
        self._put("data", source, columns)

    def film(self, source: str, **frames: Any) -> None:
        """Set the frames that a data source can show, one after the other, see `layers.Film`."""
        self._put("films", source, frames)

    def columns(self, source: str) -> dict[str, Any]:
        """Return the columns of a data source as last set."""
        return dict(self._whole["data"].get(source, {}))

    def set(self, model: str, **properties: Any) -> None:
        """Set properties of a named model; a dot leads to a model's part ("map.title")."""
        self._put("set", model, properties)

    def limits(self, axis: str, start: float, end: float) -> None:
        """Set the limits of an axis ("map.x_range"), and where its reset goes."""
        self._put("limits", axis, [start, end])

    def whole(self) -> dict[str, dict[str, Any]]:
        """Return everything, for a page that opens now."""
        return {part: dict(entries) for part, entries in self._whole.items()}

    def changes(self) -> dict[str, dict[str, Any]] | None:
        """Return what changed since this was last asked, or None."""
        fresh = {part: dict(entries) for part, entries in self._fresh.items()}
        for entries in self._fresh.values():
            entries.clear()
        return fresh if any(fresh.values()) else None


#: Arrays that a page takes as the bytes they are.
_PLAIN = {"uint8", "int32", "float32", "float64"}


def bundled(scene: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scene as it travels: its arrays are one, for each message costs more by every array than by its size.

    Parameters
    ----------
    scene : dict
        What `Scene.whole` or `Scene.changes` gave.

    Returns
    -------
    dict
        The same, with ``bytes`` if it has arrays, and a note of type, shape and place in them instead of each, which
        `page/js/unpack.js` reads.

    Examples
    --------
    >>> found = bundled({"data": {"curve": {"x": np.zeros(3), "name": "x"}}, "set": {}, "limits": {}})
    >>> found["data"], found["bytes"].shape
    ({'curve': {'x': {'dtype': 'float64', 'shape': [3], 'from': 0, 'to': 24}, 'name': 'x'}}, (24,))
    """
    pieces: list[bytes] = []
    length = 0

    def noted(value: Any) -> Any:
        nonlocal length
        if isinstance(value, dict):
            return {key: noted(each) for key, each in value.items()}
        if isinstance(value, list):
            return [noted(each) for each in value]
        if not isinstance(value, np.ndarray) or value.dtype.name not in _PLAIN:
            return value
        begin, length = length, length + value.nbytes
        pieces.append(value.tobytes())
        return {"dtype": value.dtype.name, "shape": list(value.shape), "from": begin, "to": length}

    placed = {part: noted(scene[part]) for part in ("data", "films") if part in scene}
    bundle = {"bytes": np.frombuffer(b"".join(pieces), dtype=np.uint8)} if pieces else {}
    return {**scene, **placed, **bundle}


def _equal(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())
    return bool(a == b)
