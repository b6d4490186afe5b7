"""Two layouts: a page with title bar, drawer, light and dark (panel-material-ui does the work), and a notebook's cell.

What stands in them: :mod:`app.page.view` for the labs, :mod:`app.site` for the landing page.
"""

from collections.abc import Mapping
from typing import Any

import panel as pn

from app.page.part import LabPart
from app.upstream import OfflineColumn, OfflineRow, Page, Unstyled

SITE = "AMT Lab"

# Loaded once a process: figures keep their axis lines ("classic"), in light and dark.
_THEME = {"chart_style": "classic", "palette": {"primary": {"main": "#0b63b0"}}}
_DARK = {"chart_style": "classic", "palette": {"primary": {"main": "#7cb8f2"}}}
# The same bar in both: the light accent of the dark theme would glare.
_BAR = {".MuiAppBar-root": {"backgroundColor": "#0b4f8f", "backgroundImage": "none", "color": "#ffffff"}}


def page_frame(title: str, sidebar: list[Any], main: list[Any]) -> Page:
    """Return the frame of a page: title, drawer, dark mode."""
    agent = (pn.state.headers or {}).get("User-Agent", "")
    drawer = {"sidebar_open": "Mobi" not in agent, "sidebar_width": 330} if sidebar else {}
    return Page(
        title=title,
        sidebar=sidebar,
        main=main,
        **drawer,
        busy_indicator=None,
        theme_config={"light": _THEME, "dark": _DARK},
        sx=_BAR,
        site_url="./",
    )


def cell_frame(parts: Mapping[str, LabPart]) -> pn.Row:
    """Lay the parts of a lab out for a notebook's cell: controls at the left, the rest beside them."""
    for part in parts.values():
        part.design = Unstyled
    side = OfflineColumn(
        parts["controls"], design=Unstyled, width=310, height=820, styles={"overflow-y": "auto"}
    )
    rest = [parts[kind] for kind in ("words", "figures", "tools")]
    main = OfflineColumn(*rest, design=Unstyled, sizing_mode="stretch_width")
    return OfflineRow(side, main, design=Unstyled, sizing_mode="stretch_width")
