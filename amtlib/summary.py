"""How results show themselves: in a line or two at a prompt, as a small table in a notebook.
Source: our own; ``_repr_html_`` is what IPython's notebooks ask for.
Not here: plots.
"""

import html
from dataclasses import fields
from typing import Any

import numpy as np
from torch import Tensor

#: Most characters of a result at a prompt, and most numbers of an array that are written out.
_LONGEST, _WRITTEN_OUT = 300, 10


class Summarised:
    """
    A result that writes out its numbers, but of an array only its shape and range where that is long.

    Dataclasses need nothing more; others say in `_summary` what they show.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(repr=False)
    ... class Decay(Summarised):
    ...     t30: float
    ...     curve: np.ndarray
    >>> decay = Decay(0.51234, np.linspace(0.0, -60.0, 480))
    >>> decay
    Decay(t30=0.5123, curve=(480,) from -60 to 0)
    >>> decay._repr_html_()[:71]
    '<table><caption>Decay</caption><tr><th>t30</th><td>0.5123</td></tr><tr>'
    """

    def _summary(self) -> dict[str, Any]:
        """Return what is shown, by its name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.repr}  # type: ignore[arg-type]

    def __repr__(self) -> str:
        """Return at most 300 characters."""
        text = ""
        for name, value in self._summary().items():
            more = f"{', ' if text else ''}{name}={written(value)}"
            if len(type(self).__name__) + len(text) + len(more) > _LONGEST - 7:
                text += ", ..." if text else "..."
                break
            text += more
        return f"{type(self).__name__}({text})"

    def _repr_html_(self) -> str:
        """Return a table with a row for each."""
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(written(value))}</td></tr>"
            for name, value in self._summary().items()
        )
        return f"<table><caption>{html.escape(type(self).__name__)}</caption>{rows}</table>"


def written(value: Any) -> str:
    """
    Return a value in a few characters.

    Examples
    --------
    >>> written(0.123456), written([1.0, 2.5]), written(list(range(100))), written({"loss": 0.25})
    ('0.1235', '[1, 2.5]', '100 values from 0 to 99', '{loss: 0.25}')
    """
    if isinstance(value, bool | np.bool_ | str | type(None)):
        return repr(value)
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(of)}" for key, of in value.items()) + "}"
    if isinstance(value, list | tuple):
        if len(value) <= _WRITTEN_OUT:
            return "[" + ", ".join(map(written, value)) + "]"
        return f"{len(value)} values from {written(value[0])} to {written(value[-1])}"
    if isinstance(value, Tensor):
        value = value.detach().cpu().resolve_conj().numpy()
    if not isinstance(value, np.ndarray):
        return repr(value)
    if value.ndim <= 1 and value.size <= _WRITTEN_OUT:
        return written(value.tolist())
    if value.dtype.kind not in "fiu" or not np.isfinite(value).any():
        return f"{value.shape} {value.dtype}"
    finite = value[np.isfinite(value)]
    return f"{value.shape} from {written(finite.min().item())} to {written(finite.max().item())}"
