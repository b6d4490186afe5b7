"""How every figure looks: colours, dashes, colour maps, type sizes and margins, each in one place.
The colours of lines and the colour maps stand in :mod:`amtlib.charts`: the small pictures of results have them too.
Source: lines after Okabe & Ito (2008), whose colours stay apart for colour-blind eyes; viridis for magnitudes.
Not what a figure shows: that is declared in each lab's figures.py.
"""

from dataclasses import dataclass

from amtlib.charts import COLOURS, palette

BLUE, ORANGE, GREEN, GREY = COLOURS
PURPLE, VERMILION, SKY = "#CC79A7", "#D55E00", "#56B4E9"

#: Colour maps: of magnitudes, and of what lies on both sides of zero (white; two hues that all eyes tell apart).
MAGNITUDE, SIGNED_REVERSED = (
    tuple("#" + bytes(colour).hex() for colour in palette(signed)) for signed in (False, True)
)
SIGNED = SIGNED_REVERSED[::-1]


@dataclass(frozen=True)
class Style:
    """How a layer is drawn: its colour, and of lines the dash and the width in px."""

    colour: str
    dash: str = "solid"
    width: float = 2.0
    alpha: float = 1.0


#: What is there now, and what is pinned to compare it with.
LIVE, PINNED = Style(BLUE, width=2.5), Style(ORANGE, "dashed")
#: Lines to read values from, and what something is compared with.
GUIDE, REFERENCE = Style(GREY, "dotted", 1.5), Style(GREY, width=1.5)
#: Training: before it, and the room to match.
BEFORE, ROOM = Style(GREY, width=1.5), Style(ORANGE, "dashed")
#: A point that is dragged.
POINT = Style(BLUE, width=10)
#: The second of two things that are there now, such as the right ear.
SECOND = Style(GREEN, "dashed")
#: Gains that turn the sign, and those that do not, as in `SIGNED_REVERSED`.
MINUS, PLUS = Style("#7B5EA7", alpha=0.85), Style("#E08214", alpha=0.85)
#: One look a term of a loss, in every figure that names terms.
TERMS = (
    Style(GREEN, "dashed"),
    Style(ORANGE, "dotted"),
    Style(PURPLE, "dashdot"),
    Style(VERMILION, "dotdash"),
)

TITLE_SIZE, LABEL_SIZE, TICK_SIZE, LEGEND_SIZE = "13px", "12px", "11px", "11px"
#: Room beside every frame for its axis, px: figures above each other then share one axis.
LEFT, RIGHT, RIGHT_OF_COLOURS = 72, 12, 82
#: Width of a colour bar, px.
COLOUR_BAR = 12
