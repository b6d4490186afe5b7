"""How figures, sounds and labs leave a notebook that is run for the documentation: as data, which pages then show.

Runs within the notebook's kernel, before its first cell.
"""

import base64
import json
from typing import Any

import holoviews as hv
import panel as pn
from bokeh.embed import json_item
from IPython.core.getipython import get_ipython
from IPython.display import Audio

from amtlib.teaching import BlindComparison
from app.page.view import LabView

#: Kinds of output, beside those of Jupyter.
FIGURE, SOUND, COMPARISON, LAB = (
    f"application/vnd.amtlab.{kind}+json" for kind in ("figure", "sound", "comparison", "lab")
)
#: Address of a sound of a comparison in its markup, until the page knows where the file lies.
PLACE = "sound-{}"


def figure(shown: Any) -> dict[str, Any]:
    """Return a HoloViews object as the JSON of its Bokeh figures, and as text.

    The JSON is kept as a text, for the order of its keys counts (what refers comes after what it refers to), and a
    notebook's file sorts them.
    """
    item = json_item(hv.render(shown, backend="bokeh"))
    item["doc"]["defs"] = []  # of Panel's widgets, of which a figure has none
    return {FIGURE: {"item": json.dumps(item, separators=(",", ":"))}, "text/plain": type(shown).__name__}


def sound(shown: Audio) -> dict[str, Any]:
    """Return a player's WAV file."""
    return {SOUND: {"wav": base64.b64encode(shown.data).decode("ascii")}, "text/plain": "sound"}


def comparison(shown: BlindComparison) -> dict[str, Any]:
    """Return a blind comparison's WAV files, and its markup with a place for the address of each."""
    wavs = [base64.b64encode(each).decode("ascii") for each in shown.wav()]
    markup = shown.markup([PLACE.format(i) for i in range(len(wavs))])
    return {COMPARISON: {"wavs": wavs, "markup": markup}, "text/plain": repr(shown)}


def live(shown: Any) -> dict[str, Any]:
    """Return what a page without a server can show of something live: its first figure as it stands, or its name."""
    for pane in shown.select(pn.pane.HoloViews):
        return figure(pane.object)
    return {"text/plain": type(shown).__name__}


def lab(shown: LabView) -> dict[str, Any]:
    """Return which lab it is."""
    return {LAB: {"slug": shown.slug, "title": shown.title}, "text/plain": shown.title}


def install() -> None:
    """Let this kernel show its results so."""
    shell = get_ipython()
    assert shell is not None
    formatter = shell.display_formatter.mimebundle_formatter
    formatter.for_type(hv.core.Dimensioned, figure)
    formatter.for_type(Audio, sound)
    formatter.for_type(BlindComparison, comparison)
    formatter.for_type(pn.viewable.Viewable, live)
    formatter.for_type(LabView, lab)
