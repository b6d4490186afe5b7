"""Two layouts: a page with title bar, drawer, light and dark (panel-material-ui does the work), and a notebook's cell.

What stands in them: :mod:`app.page.view` for the labs, :mod:`app.site` for the landing page.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import panel as pn

from app.page.part import LabPart
from app.upstream import OfflineColumn, OfflineRow, Page, Unstyled

SITE = "AMT Lab"
#: Address and title of the listening test, a page without a session (`app/server/listening.py`).
_LISTEN = ["listen", "Listening test"]

#: On a phone the drawer is a sheet below the figures: what is set there is seen to move.
_SHEET = {
    "MuiDrawer": {
        "styleOverrides": {
            "paper": {
                "@media (max-width: 899px)": {
                    "position": "fixed !important",
                    "top": "auto !important",
                    "bottom": 0,
                    "width": "100% !important",
                    "height": "45vh !important",
                    "minHeight": "0 !important",
                    "maxHeight": "45vh !important",
                    "borderTop": "1px solid rgba(128, 128, 128, 0.35)",
                    "& > .MuiToolbar-root": {"display": "none"},
                }
            }
        }
    },
    "MuiBackdrop": {"styleOverrides": {"root": {"backgroundColor": "transparent !important"}}},
}
# Loaded once a process: figures keep their axis lines ("classic"), in light and dark.
_THEME = {"chart_style": "classic", "palette": {"primary": {"main": "#0b63b0"}}, "components": _SHEET}
_DARK = {"chart_style": "classic", "palette": {"primary": {"main": "#7cb8f2"}}, "components": _SHEET}
#: A calm, low bar in the colours of the page; the page's own part in it has the title.
_BAR = {
    ".MuiAppBar-root": {
        "backgroundColor": "background.paper",
        "backgroundImage": "none",
        "color": "text.primary",
        "boxShadow": "none",
        "borderBottom": "1px solid",
        "borderColor": "divider",
    },
    ".MuiToolbar-root": {"minHeight": "48px !important", "paddingX": "16px !important"},
    "header a": {"display": "none !important"},
    "header .MuiIconButton-root": {"marginRight": "8px"},
    "header .skip": {
        "position": "absolute",
        "left": "8px",
        "top": "-60px",
        "zIndex": 1,
        "padding": "6px 12px",
        "font": "inherit",
        "&:focus": {"top": "8px"},
    },
}


def title_bar(labs: Sequence[Any], here: str = "", page: str = "", *, listens: bool = True) -> LabPart:
    """Return the part in the title bar: the way to each of these labs, and of a lab's page what is done with it.

    Parameters
    ----------
    labs : sequence of LabView classes
    here, page : str
        Slug of the lab that is shown, and the id of its page; neither on the landing page.
    listens : bool
        Whether the server has the listening test too.
    """
    ways = [[lab.slug, lab.title] for lab in labs] + ([_LISTEN] if listens else [])
    ears = [lab.slug for lab in labs if lab.model_class.has_another_ear]
    content = {"id": page, "here": here, "labs": ways, "ears": ears}
    return LabPart(lambda: content, lambda message: None, kind="bar")


def page_frame(title: str, bar: LabPart, sidebar: list[Any], main: list[Any]) -> Page:
    """Return the frame of a page: title bar, drawer, dark mode."""
    agent = (pn.state.headers or {}).get("User-Agent", "")
    drawer = {"sidebar_open": "Mobi" not in agent, "sidebar_width": 330} if sidebar else {}
    return Page(
        title=title,
        header=[bar],
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
    main = OfflineColumn(parts["main"], design=Unstyled, sizing_mode="stretch_width")
    return OfflineRow(side, main, design=Unstyled, sizing_mode="stretch_width")
