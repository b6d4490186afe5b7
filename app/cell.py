"""The frame of a lab in a notebook's cell: controls at the left, the rest beside them.
Source: our own; what Panel and panel-material-ui would fetch from their hosts is left out, and nothing is missed.
Not a page: see `app.frame`.
"""

from collections.abc import Mapping
from typing import Any

import panel as pn

from app.controls import LabPart, Plain, without_links


class _Own:
    """A component that asks for no style sheet by its address."""

    def _get_properties(self, doc: Any) -> dict[str, Any]:
        properties: dict[str, Any] = super()._get_properties(doc)  # type: ignore[misc]
        return without_links(properties)


class _Row(_Own, pn.Row):
    pass


class _Column(_Own, pn.Column):
    pass


def cell_frame(parts: Mapping[str, LabPart]) -> pn.Row:
    """Lay the parts of a lab out for a notebook's cell."""
    for part in parts.values():
        part.design = Plain
    side = _Column(
        parts["controls"],
        design=Plain,
        width=310,
        height=820,
        styles={"overflow-y": "auto"},
    )
    rest = [parts[kind] for kind in ("words", "figures", "tools")]
    main = _Column(*rest, design=Plain, sizing_mode="stretch_width")
    return _Row(side, main, design=Plain, sizing_mode="stretch_width")
