"""The page of the perception lab: a sound on its way to a decision, stage by stage."""

from collections.abc import Mapping
from typing import Any, ClassVar

from amtlib import scales
from app.labs.perception.chain import FS
from app.labs.perception.figures import FIGURES
from app.labs.perception.model import PerceptionLabModel
from app.labs.perception.picture import card
from app.page.audiogram import SHOWN
from app.page.listen import PASCAL, Export, Playable
from app.page.view import LabView

# The stages lie under each other over one time; beside each stands what it leads to.
_GRID = f"""
.figures {{ grid-template-columns: minmax(0, 3fr) minmax(0, 2fr);
           grid-template-areas: "waveform corner" "motion modulation" "cells observer" "adapted meets" "close close"; }}
/* What a lesson is about stands at the top, and has the width. */
.figures[data-lead="close"] {{
  grid-template-areas: "waveform corner" "close close" "motion modulation" "cells observer" "adapted meets"; }}
.figures[data-lead="meeting"], .figures[data-lead="transfer"] {{
  grid-template-areas: "waveform corner" "meets meets" "motion modulation" "cells observer" "adapted close"; }}
.figures[data-lead="modulation"], .figures[data-lead="difference"], .figures[data-lead="spectrum"] {{
  grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); }}
.figures[data-lead="difference"], .figures[data-lead="spectrum"] {{
  grid-template-areas: "waveform corner" "motion observer" "cells modulation" "adapted meets" "close close"; }}
/* The audiogram stands beside what it changes first; where a lesson is about another figure, below all. */
{SHOWN}[data-lead=""] > [data-name="audiogram"] {{ grid-area: audiogram; width: auto; }}
{SHOWN}[data-lead=""] {{
  grid-template-areas: "waveform corner" "motion audiogram" "cells modulation" "adapted observer" "close meets"; }}
/* Where there is room for a third column, such as presented: four rows, so that none is low. */
@container (min-width: 1300px) {{
  .figures, .figures[data-lead] {{ grid-template-columns: minmax(0, 5fr) repeat(2, minmax(0, 4fr));
             grid-template-areas: "waveform corner corner" "motion modulation observer" "cells close close"
                                  "adapted meets meets"; }}
  .figures[data-lead="close"] {{
    grid-template-areas: "waveform corner corner" "motion close close" "cells modulation observer"
                         "adapted meets meets"; }}
  .figures[data-lead="meeting"], .figures[data-lead="transfer"] {{
    grid-template-areas: "waveform corner corner" "motion meets meets" "cells modulation observer"
                         "adapted close close"; }}
  .figures[data-lead="modulation"], .figures[data-lead="difference"], .figures[data-lead="spectrum"] {{
    grid-template-columns: minmax(0, 2fr) minmax(0, 3fr) minmax(0, 2fr); }}
  .figures[data-lead="difference"], .figures[data-lead="spectrum"] {{
    grid-template-areas: "waveform corner corner" "motion observer modulation" "cells close close"
                         "adapted meets meets"; }}
  {SHOWN}[data-lead=""] {{
    grid-template-areas: "waveform corner corner" "motion audiogram modulation" "cells meets observer"
                         "adapted close close"; }}
}}
@container (max-width: 699px) {{
  .figures, .figures[data-lead] {{ grid-template-columns: minmax(0, 1fr);
             grid-template-areas: "motion" "corner" "modulation" "observer" "cells" "adapted" "meets" "close"
                                  "waveform"; }}
  {SHOWN}[data-lead=""] {{
    grid-template-areas: "motion" "corner" "audiogram" "modulation" "observer" "cells" "adapted" "meets" "close"
                         "waveform"; }}
  .figures[data-lead="close"] {{
    grid-template-areas: "close" "corner" "motion" "cells" "adapted" "modulation" "observer" "meets" "waveform"; }}
  .figures[data-lead="meeting"], .figures[data-lead="transfer"] {{
    grid-template-areas: "meets" "corner" "adapted" "motion" "cells" "modulation" "observer" "close" "waveform"; }}
  .figures[data-lead="modulation"] {{
    grid-template-areas: "modulation" "corner" "motion" "observer" "cells" "adapted" "meets" "close" "waveform"; }}
  .figures[data-lead="difference"], .figures[data-lead="spectrum"] {{
    grid-template-areas: "observer" "corner" "motion" "modulation" "cells" "adapted" "meets" "close" "waveform"; }}
}}
"""


def _arrays(lab: PerceptionLabModel) -> Mapping[str, Any]:
    found = {**vars(lab.pictures), **vars(lab.sorted), "fc": lab.fc()}
    return {**found, **vars(lab.difference)} if lab.compares else found


class PerceptionLab(LabView):
    """The perception lab, ready to display in a notebook or to serve."""

    lab: PerceptionLabModel
    model_class = PerceptionLabModel
    slug = "perception"
    order = 2.5
    picture = staticmethod(card)
    title = "Perception"
    question = "What does the brain get of a sound?"
    figures = FIGURES
    grid = _GRID
    sounds: ClassVar[dict[str, Playable]] = {
        "input": Playable(
            "Sound",
            "The sound as it reaches the ear",
            lambda lab: (lab.stimulus.summary, lab.sound(), FS),
            PASCAL,
        ),
        "second": Playable(
            "Second sound",
            "The sound with what the second one has besides",
            lambda lab: ("Second sound", lab.sound("second"), FS),
            PASCAL,
        ),
    }
    compared = "input"
    exports: ClassVar[dict[str, Export]] = {
        "npz": Export("NPZ", "All arrays of the page, for NumPy", "perception.npz", _arrays),
    }

    def silent(self) -> list[str]:
        """Return which sounds there are not: the second one, where nothing is changed."""
        return [] if self.lab.compares else ["second"]

    def pointed(self, figure: str, x: float, y: float) -> Mapping[str, Any]:
        """Return the channel under the pointer, and in a picture over time the moment."""
        low, high = self.lab.probe.param.frequency.bounds
        wanted: dict[str, float] = {"v.frequency": round(min(max(float(scales.erb2fc(y)), low), high))}
        if figure in ("motion", "cells", "adapted"):
            wanted["v.time"] = round(min(max(x, 0.0), self.lab.duration), 3)
        return wanted
