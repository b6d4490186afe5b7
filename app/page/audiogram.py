"""The figure of the audiogram, whose points are dragged; it appears when another ear than a normal one is chosen.

Source: the form of ISO 8253-1: hearing level downwards, an octave as wide as 20 dB are high as far as there is room.
Not the settings: see :mod:`app.another_ear`.
"""

from typing import Any

from amtlib.plot import Axis, Curve, Figure, Guides, Points
from amtlib.plot.theme import BLUE, POINT, Style
from app.another_ear import NORMAL, POINTS, AnotherEar

#: The figure's name.
NAME = "audiogram"
#: Where it stands: hidden, outside of the grid; shown, in one below all, unless a lab's grid has an area for it.
GRID = f"""
.figures > [data-name="{NAME}"][aria-hidden="true"] {{ position: absolute; pointer-events: none; }}
.figures > [data-name="{NAME}"][aria-hidden="false"] {{
  grid-area: -1 / 1 / auto / -1; width: min(100%, calc(520px * var(--heights, 1))); }}
"""
_FREQUENCIES = list(POINTS.values())
#: Below the levels that points can have, so that none lies on the edge.
_LEVELS = (125.0, -5.0)


def _is_shown(state: Any) -> bool:
    return bool(state.another_ear.audiogram != NORMAL)


def _levels(state: Any) -> tuple[list[float], list[float]]:
    ear: AnotherEar = state.another_ear
    return _FREQUENCIES, [float(getattr(ear, name)) for name in POINTS]


def audiogram(**settings: Any) -> Figure:
    """Return the figure, for a lab whose figures read from something that has ``another_ear``.

    Parameters
    ----------
    **settings
        Of the figure, such as its height.
    """
    layers = [
        Guides("normal", lambda state: 0.0, across="y"),
        Curve("levels", _levels, Style(BLUE, width=1.5)),
        Points("set", _levels, POINT, hollow=True),
    ]
    return Figure(
        NAME,
        "Audiogram: drag its points",
        Axis("hearing", "Frequency", "Hz", (200.0, 7500.0), "log", (250, 500, 1000, 2000, 4000, 6000)),
        Axis("loss", "Hearing level", "dB HL", _LEVELS),
        layers,
        shown=_is_shown,
        zooms="",
        pointable=True,
        **settings,
    )
