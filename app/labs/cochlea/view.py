"""The page of the cochlea lab: one place's input and output, and beside it the experiment of the day.
Not computing: figures come from figures.py, numbers from model.py.
"""

import io
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch

from app.labs.cochlea.figures import FIGURES
from app.labs.cochlea.model import FS, CochleaModel
from app.labs.cochlea.picture import card
from app.page.listen import to_csv
from app.page.view import LabView
from app.stimulus import Stimulus

_BESIDE = ("slope", "tuning", "suppression", "distortion")
_GRID = (
    """
.figures { grid-template-columns: repeat(2, minmax(0, 1fr)); grid-template-rows: auto auto auto;
           grid-template-areas: "io upper" "io lower" "corner corner"; }
"""
    + "".join(f'.figures > [data-name="{name}"] {{ grid-area: 1 / 2 / 3 / 3; }}\n' for name in _BESIDE)
    + """
.figures > [data-name="drnl"] { grid-area: upper; }
.figures > [data-name="gammatone"] { grid-area: lower; }
.corner { padding-left: 4px; min-height: 44px; }
@container (max-width: 699px) {
  .figures { grid-template-columns: minmax(0, 1fr); grid-template-areas: "io" "upper" "lower" "corner"; }
"""
    + "".join(f'  .figures > [data-name="{name}"] {{ grid-area: upper; }}\n' for name in _BESIDE)
    + "}\n"
)


class CochleaLab(LabView):
    """The cochlea lab, ready to display in a notebook or to serve."""

    lab: CochleaModel
    makes = CochleaModel
    slug = "cochlea"
    order = 2
    picture = staticmethod(card)
    title = "Cochlea"
    question = "What does the ear do to level?"
    figures = FIGURES
    grid = _GRID
    sounds: ClassVar[dict[str, tuple[str, str]]] = {
        "input": ("Sound", "The sound as it reaches the ear"),
        "place": ("Place", "The movement of the place under test"),
        "all": (
            "All places",
            "The movements of all places, added up: what compression leaves of loud and soft",
        ),
    }
    exports: ClassVar[dict[str, tuple[str, str]]] = {
        "csv": ("CSV", "The input/output curves, one line a level"),
        "npz": ("NPZ", "All arrays of the experiment that is shown, for NumPy"),
    }

    def stimulus(self) -> Stimulus:
        """Return the stimulus that a dropped file goes to."""
        return self.lab.stimulus

    def pointed(self, figure: str, x: float, y: float) -> list[str]:
        """Set the level to where the input/output curve was clicked."""
        low, high = self.lab.test.param.level.bounds
        return self.lab.update({"t.level": min(max(round(x), low), high)})

    # ------------------------------------------------------------------ words, sound, files

    def measures(self) -> Mapping[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        return self.lab.measures()

    def summary(self) -> str:
        """Return the line of words above the figures."""
        return self.lab.summary()

    def sound(self, key: str) -> tuple[str, torch.Tensor, int]:
        """Return title, samples and rate of the sound, of one place's movement, or of all places' together."""
        if key == "input":
            return self.lab.stimulus.summary, self.lab.sound(), FS
        if key == "place":
            return f"Place of {self.lab.test.cf:.0f} Hz", self.lab.place_sound(), FS
        if key == "all":
            return "All places, added up", self.lab.all_places(), FS
        raise KeyError(f"There is no sound called {key}")

    def compared_sound(self) -> tuple[torch.Tensor, int]:
        """Return all places added up: it holds what the ear's settings change."""
        return self.lab.all_places(), FS

    def export(self, key: str) -> tuple[str, str, bytes]:
        """Return the input/output curves as CSV, or the experiment's arrays as NPZ."""
        curve = self.lab.input_output
        if key == "csv":
            columns = {
                "level_db_spl": curve.levels,
                "total_db_re_1um_s": curve.total,
                "linear_db_re_1um_s": curve.linear,
                "nonlinear_db_re_1um_s": curve.nonlinear,
                "normal_db_re_1um_s": curve.normal,
                "slope_db_per_db": curve.slope,
            }
            return "amtlab-cochlea.csv", "text/csv", to_csv(columns, self.lab.summary())
        if key == "npz":
            experiment = self.lab.test.experiment
            shown = {"io": "input_output", "cochleagram": "cochleagrams"}.get(experiment, experiment)
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **vars(getattr(self.lab, shown)))
            return f"amtlab-cochlea-{experiment}.npz", "application/zip", buffer.getvalue()
        raise KeyError(f"There is no export called {key}")
