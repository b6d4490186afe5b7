"""The page of the loudness lab: the chain from spectrum to sones, loudness over time, and an experiment beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from amtlib import scales, signals
from app.labs.loudness import steady
from app.labs.loudness.figures import FIGURES
from app.labs.loudness.model import LoudnessModel
from app.labs.loudness.picture import card
from app.labs.loudness.settings import FS
from app.page.listen import PASCAL, Export, Playable
from app.page.view import LabView


def _reference(lab: LoudnessModel) -> tuple[str, torch.Tensor, int]:
    level = float(lab.display.reference)
    tone = signals.tone(1000.0, level=level, duration=steady.DURATION, fs=FS)
    return f"1 kHz at {level:g} dB SPL", lab.to_both(tone), FS


def _left(lab: LoudnessModel) -> tuple[str, torch.Tensor, int]:
    x = lab.sound()
    return f"{lab.sound_in_words}, left ear alone", torch.stack([x, 0 * x]), FS


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
    name = {"binaural": "steady", "duration": "duration_curve", "area": "course"}.get(view, view)
    of_experiment = {f"{view}_{key}": value for key, value in vars(getattr(lab, name)).items()}
    return {**vars(lab.course), **of_experiment}


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
    grid = Path(__file__).with_name("grid.css").read_text(encoding="utf-8")
    sounds: ClassVar[dict[str, Playable]] = {
        "input": Playable(
            "Sound",
            "The sound of the experiment as it reaches both ears",
            lambda lab: (lab.sound_in_words, lab.both_ears(), FS),
            PASCAL,
        ),
        "noise": Playable(
            "Noise alone",
            "The band of noise without the tone",
            lambda lab: ("Noise alone", lab.to_both(steady.noise(lab.display)), FS),
            PASCAL,
        ),
        "left": Playable("Left ear alone", "The same sound, to the left ear alone", _left, PASCAL),
        "reference": Playable("1 kHz", "The tone of 1 kHz to compare with", _reference, PASCAL),
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

    def silent(self) -> list[str]:
        """Return which sounds the experiment does not have."""
        there = {"masking": "noise", "binaural": "left", "contours": "reference"}.get(self.lab.display.view)
        return [key for key in self.sounds if key not in ("input", there)]

    def pointed(self, figure: str, x: float, y: float) -> Mapping[str, Any]:
        """Return the moment, the tone, the band or the duration where a figure was clicked."""
        if figure == "time":
            return {"v.moment": self.lab.moment_at(x)}
        if figure in ("masking", "contours"):
            x = float(scales.erb2fc(torch.tensor(x, dtype=torch.float64)))
        looked: dict[str, dict[str, float]] = {
            "duration": {"s.duration": round(x, 2)},
            "bandwidth": {"v.band": round(x)},
            "masking": {"v.probe": round(x), "v.probe_level": round(y)},
            "contours": {"s.frequency": round(x), "s.level": round(y)},
        }
        return {key: self._within(key, value) for key, value in looked[figure].items()}

    def _within(self, key: str, value: float) -> float:
        """Return the value of a setting that is nearest to a place."""
        return float(np.clip(value, *self.lab.fields[key].parameter.bounds))
