"""The page of the perception lab: a sound on its way to a decision, stage by stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from amtlib import scales
from app.labs.perception.chain import FS
from app.labs.perception.figures import FIGURES
from app.labs.perception.model import PerceptionLabModel
from app.labs.perception.picture import card
from app.page.listen import PASCAL, Export, Playable
from app.page.view import LabView


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
    grid = Path(__file__).with_name("grid.css").read_text(encoding="utf-8")
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
