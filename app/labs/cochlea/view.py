"""The page of the cochlea lab: what an experiment does to one place, or to all of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from amtlib import scales
from app.labs.cochlea.experiments import FS
from app.labs.cochlea.figures import FIGURES
from app.labs.cochlea.model import CochleaModel
from app.labs.cochlea.picture import card
from app.page.listen import PASCAL, Export, Playable
from app.page.view import LabView

#: Velocity of a place, m/s rms, that is played at the highest level: more than a tone of 85 dB SPL makes of any.
_LOUD = 2e-2


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
    found = dict(vars(getattr(lab, shown)))
    if lab.test.experiment == "suppression":
        alone, both = lab.at_place
        found |= {f"{name}_alone": each for name, each in vars(alone).items()} | dict(vars(both))
    return {**found, **vars(found.pop("spectrum"))} if "spectrum" in found else found


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
    grid = Path(__file__).with_name("grid.css").read_text(encoding="utf-8")
    sounds: ClassVar[dict[str, Playable]] = {
        "input": Playable(
            "Sound",
            "The tones of the experiment, or the chosen sound, as they reach the ear",
            lambda lab: (lab.sound_in_words, lab.sound(), FS),
            PASCAL,
        ),
        "place": Playable(
            "Place",
            "The movement of the place under test: what it makes of the sound",
            lambda lab: (f"Place of {lab.test.cf:.0f} Hz", lab.place_sound(), FS),
            _LOUD,
            reaches_ear=False,
        ),
        "all": Playable(
            "All places",
            "The movements of all places, added up: what compression leaves of loud and soft",
            lambda lab: ("All places, added up", lab.all_places(), FS),
            _LOUD,
            reaches_ear=False,
        ),
    }
    #: It holds what the ear's settings change.
    compared = "place"
    exports: ClassVar[dict[str, Export]] = {
        "csv": Export("CSV", "The input/output curves, one line a level", "cochlea.csv", _curves),
        "npz": Export(
            "NPZ",
            "All arrays of the experiment that is shown, for NumPy",
            lambda lab: f"cochlea-{lab.test.experiment}.npz",
            _experiment,
        ),
    }

    def silent(self) -> list[str]:
        """Return which sounds the experiment does not have: the tones of one place are no matter of all."""
        return [] if self.lab.test.experiment == "cochleagram" else ["all"]

    def compared_sound(self) -> tuple[torch.Tensor, int] | None:
        """Return what the place makes of the experiment's tones, or all places of the chosen sound."""
        return self.sound("all" if self.lab.test.experiment == "cochleagram" else "place")[1:]

    def pointed(self, figure: str, x: float, y: float) -> Mapping[str, Any]:
        """Return the level, or the second tone, where a figure was clicked."""
        wanted = {"t.level": round(x)}
        if figure == "suppression":
            frequency = float(scales.erb2fc(x))
            wanted = {"t.second": round(frequency / self.lab.test.cf, 2), "t.second_level": round(y)}
        bounds = {key: self.lab.fields[key].parameter.bounds for key in wanted}
        return {key: float(np.clip(value, *bounds[key])) for key, value in wanted.items()}
