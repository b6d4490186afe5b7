"""The page of the loudness lab: the chain from spectrum to sones, loudness over time, and an experiment beside it.
Not computing: figures come from figures.py, numbers from model.py and experiments.py.
"""

import io
import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch

from amtlib import signals
from app.labs.loudness.figures import FIGURES
from app.labs.loudness.model import FS, LoudnessModel
from app.labs.loudness.picture import card
from app.page.listen import to_csv
from app.page.view import LabView
from app.stimulus import Stimulus
from app.work import Job

_BESIDE = ("series", "growth", "binaural", "masking", "bandwidth", "contours")
_GRID = (
    """
.figures { grid-template-columns: repeat(2, minmax(0, 1fr)); grid-template-rows: 170px 66px 139px 225px auto;
           grid-template-areas: "spectrum time" "excitation time" "excitation beside" "specific beside"
                                "corner corner"; }
"""
    + "".join(f'.figures > [data-name="{name}"] {{ grid-area: 3 / 2 / 5 / 3; }}\n' for name in _BESIDE)
    + """
.corner { padding-left: 4px; min-height: 44px; }
@container (max-width: 699px) {
  .figures { grid-template-columns: minmax(0, 1fr); grid-template-rows: none;
             grid-template-areas: "specific" "time" "beside" "excitation" "spectrum" "corner"; }
"""
    + "".join(f'  .figures > [data-name="{name}"] {{ grid-area: beside; }}\n' for name in _BESIDE)
    + "}\n"
)


class LoudnessLab(LabView):
    """The loudness lab, ready to display in a notebook or to serve."""

    lab: LoudnessModel
    model_class = LoudnessModel
    slug = "loudness"
    order = 3
    picture = staticmethod(card)
    title = "Loudness"
    question = "How loud is it, and why?"
    figures = FIGURES
    grid = _GRID
    sounds: ClassVar[dict[str, tuple[str, str]]] = {
        "input": ("Sound", "The sound as it reaches both ears"),
        "band": ("Band of noise", "The band of noise of the masking and bandwidth experiments"),
    }
    exports: ClassVar[dict[str, tuple[str, str]]] = {
        "csv": ("CSV", "Excitation and specific loudness at the moment, one line a channel"),
        "npz": ("NPZ", "Loudness over time, all patterns and the experiment that is shown, for NumPy"),
    }

    def stimulus(self) -> Stimulus:
        """Return the stimulus that a dropped file goes to."""
        return self.lab.stimulus

    def pointed(self, figure: str, x: float, y: float) -> list[str]:
        """Move the moment to where the time plot was clicked."""
        share = 100 * x / float(self.lab.course.moments[-1])
        return self.lab.update({"v.moment": round(min(max(share, 0), 100), 1)})

    def job(self) -> Job | None:
        """Return the computation of the contours, where they are looked at."""
        return self.lab.contour_job() if self.lab.look.view == "contours" else None

    # ------------------------------------------------------------------ words, sound, files

    def measures(self) -> Mapping[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        return self.lab.measures()

    def summary(self) -> str:
        """Return the line of words above the figures."""
        return self.lab.summary()

    def sound(self, key: str) -> tuple[str, torch.Tensor, int]:
        """Return title, samples and rate of the sound at both ears, or of the band of noise."""
        if key == "input":
            return self.lab.stimulus.summary, self.lab.both_ears(), FS
        if key == "band":
            look = self.lab.look
            half = float(look.width) / 2
            low = math.hypot(float(look.centre), half) - half
            band = signals.band_noise(low, low + 2 * half, level=float(look.level), duration=1.0, fs=FS)
            return f"Noise, {low:.0f} to {low + 2 * half:.0f} Hz", band, FS
        raise KeyError(f"There is no sound called {key}")

    def compared_sound(self) -> tuple[torch.Tensor, int]:
        """Return the sound at both ears."""
        return self.lab.both_ears(), FS

    def export(self, key: str) -> tuple[str, str, bytes]:
        """Return the patterns at the moment as CSV, or everything as NPZ."""
        lab, course = self.lab, self.lab.course
        (left, right), (specific_left, specific_right) = lab.patterns
        if key == "csv":
            columns = {
                "erb_number_cam": course.cam,
                "frequency_hz": course.frequencies,
                "excitation_left_db": left,
                "excitation_right_db": right,
                "specific_loudness_left_sone_per_cam": specific_left,
                "specific_loudness_right_sone_per_cam": specific_right,
            }
            return "amtlab-loudness.csv", "text/csv", to_csv(columns, lab.summary())
        if key == "npz":
            view = lab.look.view
            shown = lab.steady if view == "binaural" else getattr(lab, view)
            buffer = io.BytesIO()
            np.savez_compressed(
                buffer,
                **vars(course),
                **{f"{view}_{name}": value for name, value in (vars(shown) if shown else {}).items()},
            )
            return f"amtlab-loudness-{view}.npz", "application/zip", buffer.getvalue()
        raise KeyError(f"There is no export called {key}")
