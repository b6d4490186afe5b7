"""The page of the loudness lab: the chain from spectrum to sones, loudness over time, and an experiment beside it."""

import math
from typing import Any, ClassVar

import torch

from amtlib import signals
from app.labs.loudness.figures import FIGURES
from app.labs.loudness.model import LoudnessModel
from app.labs.loudness.picture import card
from app.labs.loudness.settings import FS
from app.page.listen import Export, Playable
from app.page.view import LabView
from app.work import Job

_GRID = """
.figures { grid-template-columns: repeat(2, minmax(0, 1fr)); --px: calc(1px * var(--heights, 1));
           grid-template-rows: calc(170 * var(--px)) calc(66 * var(--px)) calc(139 * var(--px))
                               calc(225 * var(--px)) auto;
           grid-template-areas: "spectrum time" "excitation time" "excitation beside" "specific beside"
                                "corner corner"; }
@container (max-width: 699px) {
  .figures { grid-template-columns: minmax(0, 1fr); grid-template-rows: none;
             grid-template-areas: "specific" "time" "beside" "excitation" "spectrum" "corner"; }
}
"""


def _band(lab: LoudnessModel) -> tuple[str, torch.Tensor, int]:
    display = lab.display
    half = float(display.width) / 2
    low = math.hypot(float(display.centre), half) - half
    band = signals.band_noise(low, low + 2 * half, level=float(display.level), duration=1.0, fs=FS)
    return f"Noise, {low:.0f} to {low + 2 * half:.0f} Hz", band, FS


def _patterns(lab: LoudnessModel) -> dict[str, Any]:
    (left, right), (specific_left, specific_right) = lab.patterns
    return {
        "erb_number_cam": lab.course.cam,
        "frequency_hz": lab.course.frequencies,
        "excitation_left_db": left,
        "excitation_right_db": right,
        "specific_loudness_left_sone_per_cam": specific_left,
        "specific_loudness_right_sone_per_cam": specific_right,
    }


def _everything(lab: LoudnessModel) -> dict[str, Any]:
    view = lab.display.view
    shown = lab.steady if view == "binaural" else getattr(lab, view)
    of_experiment = vars(shown) if shown else {}
    return {**vars(lab.course), **{f"{view}_{name}": value for name, value in of_experiment.items()}}


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
    sounds: ClassVar[dict[str, Playable]] = {
        "input": Playable(
            "Sound",
            "The sound as it reaches both ears",
            lambda lab: (lab.stimulus.summary, lab.both_ears(), FS),
        ),
        "band": Playable(
            "Band of noise", "The band of noise of the masking and bandwidth experiments", _band
        ),
    }
    compared = "input"
    exports: ClassVar[dict[str, Export]] = {
        "csv": Export(
            "CSV",
            "Excitation and specific loudness at the moment, one line a channel",
            "loudness.csv",
            _patterns,
        ),
        "npz": Export(
            "NPZ",
            "Loudness over time, all patterns and the experiment that is shown, for NumPy",
            lambda lab: f"loudness-{lab.display.view}.npz",
            _everything,
        ),
    }

    def pointed(self, figure: str, x: float, y: float) -> list[str]:
        """Move the moment to where the time plot was clicked."""
        share = 100 * x / float(self.lab.course.moments[-1])
        return self.lab.update({"v.moment": round(min(max(share, 0), 100), 1)})

    def job(self) -> Job | None:
        """Return the computation of the contours, where they are displayed."""
        return self.lab.contour_job() if self.lab.display.view == "contours" else None
