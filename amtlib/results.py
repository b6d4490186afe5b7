"""How results show themselves: in one line at the prompt, as a small table and a picture in a notebook.
Not here: the results (each beside what computes it, with what its picture shows), and how pictures are drawn.
"""

import html
import importlib
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from amtlib.charts import Chart

#: Longest line, characters; longest text within it; most values of a list that are written out
_LINE, _TEXT, _WRITTEN_OUT = 300, 40, 10


class Result:
    """
    A dataclass of arrays that shows their shapes, and single numbers; derive from it with ``repr=False``.

    Parameters
    ----------
    units : dict of str to str
        Of a subclass: units of the fields, for the table, by their names; '' stands for all others.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import torch
    >>> @dataclass(frozen=True, repr=False)
    ... class Found(Result, units={"time": "s", "": "dB SPL"}):
    ...     time: Tensor
    ...     level: Tensor
    ...     peak: float
    >>> Found(torch.arange(1000), torch.ones(1000), 62.5)
    Found(time, level: (1000,); peak=62.5)
    """

    _units: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, units: Mapping[str, str] | None = None) -> None:
        cls._units = cls._units if units is None else units

    def _summary(self) -> Mapping[str, Any]:
        """Return what is shown, by its name: the fields, where a class does not say otherwise."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.repr}  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return summary(self)

    def _repr_html_(self) -> str:
        """Return a table of what is shown: shape, least and greatest value, unit; and a picture, if it has one."""
        rows = [(name, *_cells(value), self._unit(name)) for name, value in _items(self)]
        return table(type(self).__name__, rows) + picture(self.chart())

    def chart(self) -> Chart | None:
        """Return what a picture of it shows; of a batch, of the first. None where there is nothing to see."""
        return None

    def plot(self) -> Any:
        """
        Draw it with HoloViews; the same as ``amtlib.plot.of(result)``.

        Raises
        ------
        ImportError
            Without the extra `plot`: ``pip install 'amtlib[plot]'``.
        ValueError
            If it has nothing to show in a figure.
        """
        return importlib.import_module("amtlib.plot").of(self)

    def _unit(self, name: str) -> str:
        return self._units.get(name, self._units.get("", ""))


def summary(result: Any) -> str:
    """
    Write a dataclass or a named tuple in one line of at most 300 characters: shapes of arrays, and single numbers.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> class Pair(NamedTuple):
    ...     left: np.ndarray
    ...     right: np.ndarray
    >>> summary(Pair(np.ones((2, 900)), np.ones((2, 900))))
    'Pair(left, right: (2, 900))'
    """
    parts: list[str] = []
    same: list[str] = []
    shape = ""
    for name, value in [*_items(result), ("", None)]:
        found = str(tuple(value.shape)) if _is_array(value) and _number(value) is None else ""
        if same and found != shape:
            parts.append(f"{', '.join(same)}: {shape}")
            same = []
        if found:
            same.append(name)
        elif name:
            parts.append(f"{name}={_text(value)}")
        shape = found
    line = f"{type(result).__name__}({'; '.join(parts)})"
    return line if len(line) <= _LINE else f"{line[: _LINE - 4]}...)"


def picture(chart: Chart | None) -> str:
    """Return the small picture of a chart in HTML; an empty string if there is nothing to draw."""
    return chart.svg() if chart else ""


def settings(title: str, values: Mapping[str, Any]) -> str:
    """
    Return a table of settings in HTML.

    Examples
    --------
    >>> settings("Bank", {"fs": 48000, "fc": [100.0 * i for i in range(1, 41)]})[45:]
    '<td>48000</td></tr><tr><th>fc</th><td>40 values from 100 to 4000</td></tr></table>'
    """
    return table(title, [(name, _text(value)) for name, value in values.items()])


def table(title: str, rows: Sequence[tuple[str, ...]]) -> str:
    """
    Return a table in HTML, everything in it escaped.

    Examples
    --------
    >>> table("A & B", [("peak", "1 < 2")])
    '<table><caption>A &amp; B</caption><tr><th>peak</th><td>1 &lt; 2</td></tr></table>'
    """
    lines = "".join(
        f"<tr><th>{html.escape(name)}</th>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
        for name, *cells in rows
    )
    return f"<table><caption>{html.escape(title)}</caption>{lines}</table>"


def _items(result: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(result, Result):
        return result._summary().items()
    names = (
        result._fields if not is_dataclass(result) else [each.name for each in fields(result) if each.repr]
    )
    return ((name, getattr(result, name)) for name in names)


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray)


def _number(value: Any) -> complex | float | None:
    """Return a single number, if it is one that is known."""
    if isinstance(value, Tensor):
        known = value.ndim == 0 and not value.is_meta
        return value.detach().cpu().item() if known else None
    if isinstance(value, np.ndarray | np.generic):
        return value.item() if value.ndim == 0 else None
    return value if isinstance(value, int | float | complex) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    number = _number(value)
    if number is not None:
        return f"{number:.6g}"
    if isinstance(value, str | bool) or value is None:
        text = repr(value)
        return text if len(text) <= _TEXT else f"{text[: _TEXT - 4]}...{text[-1]}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        if len(value) <= _WRITTEN_OUT:
            return "[" + ", ".join(map(_text, value)) + "]"
        return f"{len(value)} values from {_text(value[0])} to {_text(value[-1])}"
    if isinstance(value, Sized) and not is_dataclass(value):
        return f"{type(value).__name__} of {len(value)}"
    return type(value).__name__


def _cells(value: Any) -> tuple[str, str]:
    """Shape and range of an array, or nothing and the value."""
    if not _is_array(value) or _number(value) is not None:
        return "", _text(value)
    shape = " × ".join(map(str, value.shape))
    if isinstance(value, Tensor):
        if value.is_meta:
            return shape, ""
        value = value.detach().cpu().numpy()
    found = np.abs(value) if np.iscomplexobj(value) else value
    known = found[np.isfinite(found)]
    if not known.size:
        return shape, ""
    low, high = float(known.min()), float(known.max())
    return shape, f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
