"""The frame of every page: title bar, drawer, light and dark; panel-material-ui does the work.
Source: our own measurements for what is switched off.
Not what stands in it: see `app.shell` for the labs and `app.site` for the landing page.
"""

from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
from panel.util import edit_readonly

SITE = "AMT Lab"

# Loaded once a process: figures keep their axis lines ("classic"), in light and dark.
_THEME = {"chart_style": "classic", "palette": {"primary": {"main": "#0b63b0"}}}
_DARK = {"chart_style": "classic", "palette": {"primary": {"main": "#7cb8f2"}}}
# The same bar in both: the light accent of the dark theme would glare.
_BAR = {".MuiAppBar-root": {"backgroundColor": "#0b4f8f", "backgroundImage": "none", "color": "#ffffff"}}


class Page(pmui.Page):
    """A page that is not told whether the server is busy.

    The original links itself to Panel's busy state, which is one for the whole server, and never lets go: each
    move of one student's slider would then cost 1 ms for every page that was ever opened (measured).
    """

    busy = param.Parameter(default=False, readonly=True, allow_refs=False)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        with edit_readonly(self):
            self.busy = False


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
