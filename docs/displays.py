"""How figures, sounds and labs leave a notebook that is run for the documentation, or to be stored: as data.

Runs within the notebook's kernel, before its first cell. Nothing of the app is imported here: that would change how
Panel's own objects write themselves in a notebook that does without the app.
"""

import base64
import json
from typing import Any

import holoviews as hv
import panel as pn
from bokeh.core.validation import silence
from bokeh.core.validation.warnings import FIXED_SIZING_MODE
from bokeh.embed import json_item
from IPython.core.formatters import JSONFormatter
from IPython.core.getipython import get_ipython
from IPython.display import Audio
from traitlets import ObjectName, Unicode

from amtlib.teaching import BlindComparison

#: Kinds of output, beside those of Jupyter.
FIGURE, SOUND, COMPARISON, LAB = (
    f"application/vnd.amtlab.{kind}+json" for kind in ("figure", "sound", "comparison", "lab")
)
#: Address of a sound of a comparison in its markup, until the page knows where the file lies.
PLACE = "sound-{}"
#: Where the class of all labs stands.
_LAB_VIEW = ("app.page.view", "LabView")

# Figures side by side have the size of their frame, and no width; a warning would stop the notebook from being stored.
silence(FIXED_SIZING_MODE)


def item(shown: Any) -> dict[str, str]:
    """Return a HoloViews object as the JSON of its Bokeh figures.

    The JSON is kept as a text, for the order of its keys counts (what refers comes after what it refers to), and a
    notebook's file sorts them.
    """
    made = json_item(hv.render(shown, backend="bokeh"))
    made["doc"]["defs"] = []  # of Panel's widgets, of which a figure has none
    return {"item": json.dumps(made, separators=(",", ":"))}


def item_of_live(shown: Any) -> dict[str, str] | None:
    """Return the first figure of something live as it stands; None where it has none."""
    return next((item(pane.object) for pane in shown.select(pn.pane.HoloViews)), None)


def item_of_lab(shown: Any) -> dict[str, str]:
    """Return the highest figure that a lab shows as it stands."""
    state = shown.reads()
    figures = [each for each in shown.figures.values() if each.is_shown(state)]
    return item(shown.live.at(max(figures, key=lambda each: each.height).name, state))


def figure(shown: Any) -> dict[str, Any]:
    """Return a figure as data, and as text."""
    return {FIGURE: item(shown), "text/plain": type(shown).__name__}


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
    found = item_of_live(shown)
    return {"text/plain": type(shown).__name__} | ({FIGURE: found} if found else {})


def lab(shown: Any) -> dict[str, Any]:
    """Return which lab it is."""
    return {LAB: {"slug": shown.slug, "title": shown.title}, "text/plain": shown.title}


def install() -> None:
    """Let this kernel show its results so, in place of what they show otherwise."""
    shell = get_ipython()
    assert shell is not None
    formatter = shell.display_formatter.mimebundle_formatter
    formatter.for_type(hv.core.Dimensioned, figure)
    formatter.for_type(Audio, sound)
    formatter.for_type(BlindComparison, comparison)
    formatter.for_type(pn.viewable.Viewable, live)
    formatter.for_type_by_name(*_LAB_VIEW, lab)


class Figures(JSONFormatter):  # type: ignore[misc]
    """Adds the data of its figure to what a result shows otherwise."""

    format_type = Unicode(FIGURE)
    print_method = ObjectName("_amtlab_figure_")


def load_ipython_extension(shell: Any) -> None:
    """Let a kernel add the data of figures to what results show otherwise: `--ext=docs.displays`."""
    formatter = Figures(parent=shell.display_formatter)
    formatter.for_type(hv.core.Dimensioned, item)
    formatter.for_type(pn.viewable.Viewable, item_of_live)
    formatter.for_type_by_name(*_LAB_VIEW, item_of_lab)
    shell.display_formatter.formatters[FIGURE] = formatter
    shell.display_formatter.active_types = [*shell.display_formatter.active_types, FIGURE]
