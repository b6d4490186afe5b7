"""The page of the cochlea lab: one place's input and output, and beside it the experiment of the day.
Source: figures from `app.plots.cochlea`, numbers from model.py.
Not computing: it arranges and patches, and asks only for the experiment that is shown.
"""

import io
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from app import plots
from app.figures import packed, template
from app.labs.cochlea.model import FS, TUNING_LEVELS, CochleaModel
from app.page.background import Background
from app.page.listen import to_csv
from app.page.view import LabView
from app.plots import cochlea as figures
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
#: Which figures each experiment shows beside the input/output curve.
_SHOWN = {
    "io": ("slope",),
    "tuning": ("tuning",),
    "suppression": ("suppression",),
    "distortion": ("distortion",),
    "cochleagram": ("drnl", "gammatone"),
}
_ALL = (*_BESIDE, "drnl", "gammatone")
_PINNED = {"io-total": "io-pinned", "slope-live": "slope-pinned", "distortion-spectrum": "distortion-pinned"}


def _draw() -> dict[str, Any]:
    """Draw the figures with stand-in data: what is to be seen comes with each page's scene."""
    return {
        "io": figures.input_output(),
        "slope": figures.slope(),
        "tuning": figures.tuning(TUNING_LEVELS),
        "suppression": figures.suppression(),
        "distortion": figures.distortion(),
        "drnl": figures.place_map("drnl", "This ear (dB re 1 µm/s)"),
        "gammatone": figures.place_map("gammatone", "Linear gammatone filterbank (dB SPL)"),
    }


def _link(found: Mapping[str, Any]) -> None:
    """Join the two cochleagrams, in time and place."""
    found["gammatone"].x_range = found["drnl"].x_range
    found["gammatone"].y_range = found["drnl"].y_range


class CochleaLab(LabView):
    """The cochlea lab, ready to display in a notebook or to serve.

    Parameters
    ----------
    model : CochleaModel, optional
        State and numbers; a fresh one where none is given. Setting its parameters moves the page.
    link : str
        Query string of a permalink.
    served : bool
        Whether the lab is a page of its own (and owns the address bar) or stands in a notebook.
    background : Background, optional
        Where a served page's work is done; else where it is asked for.
    """

    slug = "cochlea"
    title = "Cochlea"
    question = "What does the ear do to level?"
    lessons = CochleaModel.lessons
    grid = _GRID
    pointable = ("io",)
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

    def __init__(
        self,
        model: CochleaModel | None = None,
        link: str = "",
        *,
        served: bool = False,
        background: Background | None = None,
    ) -> None:
        self.lab = model or CochleaModel()
        super().__init__(self.lab, link, served, background)

    def stimulus(self) -> Stimulus:
        """Return the stimulus that a dropped file goes to."""
        return self.lab.stimulus

    def figures(self) -> str:
        """Return the template of the seven figures."""
        return template("cochlea", _draw, _link)

    def pointed(self, figure: str, x: float, y: float) -> list[str]:
        """Set the level to where the input/output curve was clicked."""
        low, high = self.lab.test.param.level.bounds
        return self.lab.update({"t.level": min(max(round(x), low), high)})

    # ------------------------------------------------------------------ drawing

    def draw(self) -> None:
        """Put the present results into the scene."""
        experiment = self.lab.test.experiment
        for name in _ALL:
            self.scene.set(name, visible=name in _SHOWN[experiment])
        self._draw_input_output()
        if experiment != "io":
            {
                "tuning": self._draw_tuning,
                "suppression": self._draw_suppression,
                "distortion": self._draw_distortion,
                "cochleagram": self._draw_cochleagrams,
            }[experiment]()

    def _draw_input_output(self) -> None:
        scene, curve, level = self.scene, self.lab.input_output, float(self.lab.test.level)
        for name, values in (
            ("io-total", curve.total),
            ("io-linear", curve.linear),
            ("io-nonlinear", curve.nonlinear),
            ("io-normal", curve.normal),
        ):
            scene.data(name, io_level=curve.levels, io_response=np.maximum(values, -60.0))
        breaks = [] if math.isnan(curve.knee) else [curve.knee]
        at = [float(np.interp(k, curve.levels, curve.total)) for k in breaks]
        scene.data("io-knee", io_level=np.array(breaks), io_response=np.array(at))
        scene.data("io-here", io_level=np.array([level, level]), io_response=np.array([-60.0, 200.0]))
        place = f"{self.lab.test.cf:.0f} Hz"
        scene.set(
            "io.title",
            text=f"{place}: {curve.slope_at(level):.2f} dB per dB at {level:g} dB SPL",
        )
        scene.data("slope-live", slope_level=curve.levels, slope=curve.slope)
        scene.data("slope-one", slope_level=np.array([0.0, 110.0]), slope=np.ones(2))

    def _draw_tuning(self) -> None:
        found = self.lab.tuning
        erb = plots.erb_number(found.frequencies)
        for i, line in enumerate(found.responses):
            self.scene.data(f"tuning-{i}", tuning_erb=erb, tuning=np.maximum(line, -60.0))
        self.scene.limits("tuning.x_range", float(erb[0]), float(erb[-1]))

    def _draw_suppression(self) -> None:
        found, scene = self.lab.suppression, self.scene
        erb = plots.erb_number(found.frequencies)
        # Columns at equal distances on the axis: the frequencies are equally far apart in octaves.
        even = np.linspace(erb[0], erb[-1], len(erb))
        rows = np.stack([np.interp(even, erb, row) for row in found.change])
        across, down = (even[1] - even[0]) / 2, (found.levels[1] - found.levels[0]) / 2
        left, bottom = float(even[0] - across), float(found.levels[0] - down)
        width, height = float(even[-1] + across) - left, float(found.levels[-1] + down) - bottom
        scene.data(
            "suppression", image=packed(rows, -20.0, 20.0), x=[left], y=[bottom], dw=[width], dh=[height]
        )
        scene.limits("suppression.x_range", left, left + width)
        scene.limits("suppression.y_range", bottom, bottom + height)
        test = self.lab.test
        scene.data(
            "suppression-probe",
            suppressor_erb=plots.erb_number([test.cf]),
            suppressor_level=np.array([float(test.level)]),
        )

    def _draw_distortion(self) -> None:
        found, scene = self.lab.distortion, self.scene
        # A peak of one bin must survive: the maximum of each stretch is what the eye would see.
        levels = plots.peak_columns(np.maximum(found.levels, -120.0), 1000).astype(np.float32)
        axis = np.linspace(0.0, found.frequencies[-1], len(levels), dtype=np.float32)
        scene.data("distortion-spectrum", spectrum_frequency=axis, spectrum=levels)
        scene.limits("distortion.x_range", 0.0, float(found.frequencies[-1]))
        at = np.array([found.product, *found.primaries])
        height = np.interp(at, found.frequencies, np.maximum(found.levels, -60.0))
        scene.data("distortion-marks", x=at, y=height, text=["2 f1 − f2", "f1", "f2"])

    def _draw_cochleagrams(self) -> None:
        found, scene = self.lab.cochleagrams, self.scene
        left, bottom, right, up = plots.image_bounds(found.fc, found.duration)
        for name, levels, low in (("drnl", found.drnl, 15.0), ("gammatone", found.gammatone, 0.0)):
            scene.data(
                name,
                image=packed(levels, low, low + 80.0),
                x=[left],
                y=[bottom],
                dw=[right - left],
                dh=[up - bottom],
            )
        scene.set("drnl-colours", low=15.0, high=95.0)
        scene.limits("drnl.x_range", 0.0, found.duration)

    def draw_pinned(self, shown: bool) -> None:
        """Keep the present curves as ghosts, or clear them."""
        for live, pinned in _PINNED.items():
            columns = self.scene.columns(live)
            if columns:
                self.scene.data(pinned, **{key: v if shown else v[:0] for key, v in columns.items()})

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
