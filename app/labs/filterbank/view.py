"""The page of the filterbank lab: cochleagram, long-term excitation, filter shapes, one channel in detail."""

import contextlib
import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from amtlib import audio
from amtlib.plot import erb_number
from app.labs.filterbank.figures import FIGURES
from app.labs.filterbank.model import FilterbankModel
from app.labs.filterbank.picture import card
from app.labs.filterbank.result import frequency_text
from app.page.listen import PASCAL, Export, Playable
from app.page.view import LabView


def _channel(lab: FilterbankModel) -> tuple[str, torch.Tensor, int]:
    r = lab.result
    return f"Channel {r.channel + 1}, {frequency_text(r.fc[r.channel])}", lab.channel_sound(), r.fs


def _excitation(lab: FilterbankModel) -> dict[str, Any]:
    return {"fc_hz": lab.result.fc, "excitation_db_spl": lab.result.excitation}


def _wav(lab: FilterbankModel) -> bytes:
    buffer = io.BytesIO()
    # A file of floats also holds pressures above 1 Pa (94 dB SPL).
    audio.save(buffer, lab.sound(), lab.bank.fs, subtype="FLOAT")
    return buffer.getvalue()


class FilterbankLab(LabView):
    """The filterbank lab, ready to display in a notebook or to serve."""

    lab: FilterbankModel
    model_class = FilterbankModel
    slug = "filterbank"
    order = 1
    picture = staticmethod(card)
    title = "Filterbank"
    question = "How does the ear split sound into frequencies?"
    sounds: ClassVar[dict[str, Playable]] = {
        "input": Playable(
            "Input",
            "The sound as it reaches the ear",
            lambda lab: (lab.stimulus.summary, lab.sound(), lab.bank.fs),
            PASCAL,
        ),
        "channel": Playable(
            "Channel", "What the chosen filter lets through", _channel, PASCAL, reaches_ear=False
        ),
        "sum": Playable(
            "Sum",
            "All channels, each run backwards through its filter and added: what the bank keeps",
            lambda lab: (f"Sum of {lab.bank.channels} channels", lab.resynthesis(), lab.bank.fs),
            PASCAL,
            reaches_ear=False,
        ),
    }
    #: It holds what the filterbank's settings change.
    compared = "sum"
    exports: ClassVar[dict[str, Export]] = {
        "csv": Export(
            "CSV",
            "Long-term excitation, one line a channel",
            "filterbank.csv",
            _excitation,
            comment=lambda lab: lab.stimulus.summary,
        ),
        "npz": Export(
            "NPZ", "All arrays of the page, for NumPy", "filterbank.npz", lambda lab: lab.result.arrays()
        ),
        "wav": Export("WAV", "The input, calibrated: 1.0 in the file is 1 Pa", "filterbank.wav", _wav),
    }
    figures = FIGURES
    grid = Path(__file__).with_name("grid.css").read_text(encoding="utf-8")

    def pointed(self, figure: str, x: float, y: float) -> Mapping[str, Any]:
        """Return the channel and the time under the pointer."""
        fc = self.lab.result.fc
        chosen = float(fc[int(np.abs(erb_number(fc) - y).argmin())])
        low, high = self.lab.probe.param.frequency.bounds
        time = min(max(round(x, 4), 0.0), self.lab.result.duration)
        return {"v.frequency": min(max(round(chosen, 1), low), high), "v.time": time}

    def followed(self, keys: Iterable[str]) -> None:
        """Look at the moment that something happens at in another sound."""
        if {"s.kind", "s.uploads"} & {*keys} and "v.time" not in keys:
            with contextlib.suppress(ValueError):  # the sound cannot be made: the page says why
                self.lab.update({"v.time": round(self.lab.strongest_moment(), 3)})

    def fit(self) -> None:
        """Set the colours and the level axis to what is there now."""
        r = self.lab.result
        top = math.ceil(float(r.levels.max()) / 5) * 5 + 5
        ceiling = min(max(top, 20), 120)
        self.lab.update({"v.ceiling": ceiling, "v.floor": min(max(ceiling - 60, -20), 80)})
