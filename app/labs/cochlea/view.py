"""The page of the cochlea lab: one place's input and output, and an experiment beside it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from app.labs.cochlea.experiments import FS
from app.labs.cochlea.figures import FIGURES
from app.labs.cochlea.model import CochleaModel
from app.labs.cochlea.picture import card
from app.page.listen import Export, Playable
from app.page.view import LabView

# The figures of which one is shown beside the curves span the rows of both cochleagrams.
_GRID = """
.figures { grid-template-columns: minmax(0, 1fr) [beside-start] minmax(0, 1fr) [beside-end];
           grid-template-rows: [beside-start] auto auto [beside-end] auto;
           grid-template-areas: "io upper" "io lower" "corner corner"; }
@container (max-width: 699px) {
  .figures { grid-template-columns: [beside-start] minmax(0, 1fr) [beside-end];
             grid-template-rows: auto [beside-start] auto [beside-end] auto;
             grid-template-areas: "io" "upper" "lower" "corner"; }
}
"""


def _curves(lab: CochleaModel) -> Mapping[str, Any]:
    curve = lab.input_output
    return {
        "level_db_spl": curve.levels,
        "total_db_re_1um_s": curve.total,
        "linear_db_re_1um_s": curve.linear,
        "nonlinear_db_re_1um_s": curve.nonlinear,
        "normal_db_re_1um_s": curve.normal,
        "slope_db_per_db": curve.slope,
    }


def _experiment(lab: CochleaModel) -> Mapping[str, Any]:
    shown = {"io": "input_output", "cochleagram": "cochleagrams"}.get(
        lab.test.experiment, lab.test.experiment
    )
    return vars(getattr(lab, shown))


class CochleaLab(LabView):
    """The cochlea lab, ready to display in a notebook or to serve."""

    lab: CochleaModel
    model_class = CochleaModel
    slug = "cochlea"
    order = 2
    picture = staticmethod(card)
    title = "Cochlea"
    question = "What does the ear do to level?"
    figures = FIGURES
    grid = _GRID
    sounds: ClassVar[dict[str, Playable]] = {
        "input": Playable(
            "Sound", "The sound as it reaches the ear", lambda lab: (lab.stimulus.summary, lab.sound(), FS)
        ),
        "place": Playable(
            "Place",
            "The movement of the place under test",
            lambda lab: (f"Place of {lab.test.cf:.0f} Hz", lab.place_sound(), FS),
        ),
        "all": Playable(
            "All places",
            "The movements of all places, added up: what compression leaves of loud and soft",
            lambda lab: ("All places, added up", lab.all_places(), FS),
        ),
    }
    #: It holds what the ear's settings change.
    compared = "all"
    exports: ClassVar[dict[str, Export]] = {
        "csv": Export("CSV", "The input/output curves, one line a level", "cochlea.csv", _curves),
        "npz": Export(
            "NPZ",
            "All arrays of the experiment that is shown, for NumPy",
            lambda lab: f"cochlea-{lab.test.experiment}.npz",
            _experiment,
        ),
    }

    def pointed(self, figure: str, x: float, y: float) -> list[str]:
        """Set the level to where the input/output curve was clicked."""
        low, high = self.lab.test.param.level.bounds
        return self.lab.update({"t.level": min(max(round(x), low), high)})
