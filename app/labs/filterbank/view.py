"""The page of the filterbank lab: cochleagram, long-term excitation, filter shapes, one channel in detail.
Not computing: figures come from figures.py, numbers from model.py.
"""

import io
import math
from typing import ClassVar

import numpy as np
import torch

from amtlib import audio
from app.figures import erb_number
from app.labs.filterbank.figures import FIGURES
from app.labs.filterbank.model import FilterbankModel, frequency_text
from app.labs.filterbank.picture import card
from app.page.listen import to_csv
from app.page.view import LabView
from app.stimulus import Stimulus

_GRID = """
.figures { grid-template-columns: repeat(3, minmax(0, 1fr));
           grid-template-areas: "waveform waveform corner" "cochleagram cochleagram excitation"
                                "responses wave impulse"; }
/* A notebook's cell beside an open file browser: three figures in a row would leave no room for their ticks. */
:host { container-type: inline-size; }
@container (max-width: 760px) {
  .figures { grid-template-columns: repeat(6, minmax(0, 1fr));
             grid-template-areas: "waveform waveform waveform waveform corner corner"
                                  "cochleagram cochleagram cochleagram cochleagram excitation excitation"
                                  "responses responses responses wave wave wave"
                                  "impulse impulse impulse impulse impulse impulse"; }
}
@container (max-width: 699px) {
  .figures { grid-template-columns: minmax(0, 1fr);
             grid-template-areas: "cochleagram" "waveform" "corner" "excitation" "responses" "wave" "impulse"; }
}
"""


class FilterbankLab(LabView):
    """The filterbank lab, ready to display in a notebook or to serve."""

    lab: FilterbankModel
    makes = FilterbankModel
    slug = "filterbank"
    order = 1
    picture = staticmethod(card)
    title = "Filterbank"
    question = "How does the ear split sound into frequencies?"
    sounds: ClassVar[dict[str, tuple[str, str]]] = {
        "input": ("Input", "The sound as it reaches the ear"),
        "channel": ("Channel", "What the chosen filter lets through"),
        "sum": ("Sum", "All channels, each run backwards through its filter and added: what the bank keeps"),
    }
    exports: ClassVar[dict[str, tuple[str, str]]] = {
        "csv": ("CSV", "Long-term excitation, one line a channel"),
        "npz": ("NPZ", "All arrays of the page, for NumPy"),
        "wav": ("WAV", "The input, calibrated: 1.0 in the file is 1 Pa"),
    }
    figures = FIGURES
    grid = _GRID

    def stimulus(self) -> Stimulus:
        """Return the stimulus that a dropped file goes to."""
        return self.lab.stimulus

    # ------------------------------------------------------------------ figures

    def pointed(self, figure: str, x: float, y: float) -> list[str]:
        """Look at the channel and the time under the pointer."""
        fc = self.lab.result.fc
        chosen = float(fc[int(np.abs(erb_number(fc) - y).argmin())])
        low, high = self.lab.probe.param.frequency.bounds
        time = min(max(round(x, 4), 0.0), self.lab.result.duration)
        return self.lab.update({"v.frequency": min(max(round(chosen, 1), low), high), "v.time": time})

    def fit(self) -> None:
        """Set the colours and the level axis to what is there now."""
        r = self.lab.result
        top = math.ceil(float(r.levels.max()) / 5) * 5 + 5
        ceiling = min(max(top, 20), 120)
        self.lab.update({"v.ceiling": ceiling, "v.floor": min(max(ceiling - 60, -20), 80)})

    # ------------------------------------------------------------------ words, sound, files

    def measures(self) -> dict[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        return self.lab.measures()

    def summary(self) -> str:
        """Return the line of words above the figures."""
        return self.lab.summary()

    def sound(self, key: str) -> tuple[str, torch.Tensor, int]:
        """Return title, samples and rate of the input, of one channel, or of all channels put together."""
        fs, r = self.lab.bank.fs, self.lab.result
        if key == "input":
            return self.lab.stimulus.summary, self.lab.sound(), fs
        if key == "channel":
            return f"Channel {r.channel + 1}, {frequency_text(r.fc[r.channel])}", self.lab.channel_sound(), fs
        if key == "sum":
            return f"Sum of {len(r.fc)} channels", self.lab.resynthesis(), fs
        raise KeyError(f"There is no sound called {key}")

    def compared_sound(self) -> tuple[torch.Tensor, int]:
        """Return the resynthesis: it holds what the filterbank's settings change."""
        return self.lab.resynthesis(), int(self.lab.bank.fs)

    def export(self, key: str) -> tuple[str, str, bytes]:
        """Return the long-term excitation as CSV, all arrays as NPZ, or the input as WAV."""
        r = self.lab.result
        if key == "csv":
            columns = {"fc_hz": r.fc, "excitation_db_spl": r.excitation}
            return "amtlab-filterbank.csv", "text/csv", to_csv(columns, self.lab.stimulus.summary)
        if key == "npz":
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **r.arrays())
            return "amtlab-filterbank.npz", "application/zip", buffer.getvalue()
        if key == "wav":
            buffer = io.BytesIO()
            # Pressures above 1 Pa (94 dB SPL) are no error in a file of floats.
            audio.save(buffer, self.lab.sound(), r.fs, subtype="FLOAT")
            return "amtlab-filterbank.wav", "audio/wav", buffer.getvalue()
        raise KeyError(f"There is no export called {key}")
