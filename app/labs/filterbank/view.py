"""The page of the filterbank lab: cochleagram, long-term excitation, filter shapes, one channel in detail.
Source: figures from `app.plots`, numbers from model.py.
Not computing: it arranges and patches.
"""

import io
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from amtlib import audio
from app import plots
from app.figures import every_line, packed, template
from app.labs.filterbank.model import (
    FilterbankModel,
    FilterbankResult,
    envelope_level,
    frequency_text,
)
from app.page.background import Background
from app.page.listen import to_csv
from app.page.view import LabView
from app.plots import Array
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


def _draw() -> dict[str, Any]:
    """Draw the figures with stand-in data: what is to be seen comes with each page's scene."""
    fc, nothing = np.array([100.0, 200.0]), np.zeros(2)
    span = (50.0, 12000.0)
    return {
        "waveform": plots.waveform(nothing, nothing),
        "cochleagram": plots.cochleagram(np.zeros((2, 2)), fc, 1.0, (0, 80), span),
        "excitation": plots.excitation(nothing, plots.erb_number(fc), (0, 80), span),
        "responses": plots.responses(fc, np.zeros((2, 2)), 0),
        "wave": plots.wave_and_envelope("wave", "The channel, close up", "Time (ms)", "Pressure (mPa)"),
        "impulse": plots.wave_and_envelope("impulse", "Its impulse response", "Time (ms)", "Response (1/s)"),
    }


def _link(figures: Mapping[str, Any]) -> None:
    """Join axes on purpose: time between sound and map, frequency between map and excitation."""
    figures["waveform"].x_range = figures["cochleagram"].x_range
    figures["excitation"].y_range = figures["cochleagram"].y_range


class FilterbankLab(LabView):
    """The filterbank lab, ready to display in a notebook or to serve.

    Parameters
    ----------
    model : FilterbankModel, optional
        State and numbers; a fresh one where none is given. Setting its parameters moves the page.
    link : str
        Query string of a permalink.
    served : bool
        Whether the lab is a page of its own (and owns the address bar) or stands in a notebook.
    background : Background, optional
        Where a served page's work is done; else where it is asked for.
    """

    slug = "filterbank"
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
    lessons = FilterbankModel.lessons
    grid = _GRID
    pointable = ("cochleagram",)

    def __init__(
        self,
        model: FilterbankModel | None = None,
        link: str = "",
        *,
        served: bool = False,
        background: Background | None = None,
    ) -> None:
        self.lab = model or FilterbankModel()
        super().__init__(self.lab, link, served, background)

    def stimulus(self) -> Stimulus:
        """Return the stimulus that a dropped file goes to."""
        return self.lab.stimulus

    # ------------------------------------------------------------------ figures

    def figures(self) -> str:
        """Return the template of the six figures."""
        return template("filterbank", _draw, _link)

    def pointed(self, figure: str, x: float, y: float) -> list[str]:
        """Look at the channel and the time under the pointer."""
        fc = self.lab.result.fc
        chosen = float(fc[int(np.abs(plots.erb_number(fc) - y).argmin())])
        low, high = self.lab.probe.param.frequency.bounds
        time = min(max(round(x, 4), 0.0), self.lab.result.duration)
        return self.lab.update({"v.frequency": min(max(round(chosen, 1), low), high), "v.time": time})

    def draw(self) -> None:
        """Put the model's present result into the scene."""
        r = self.lab.result
        erb = plots.erb_number(r.fc)
        limits = (self.lab.probe.floor, self.lab.probe.ceiling)
        self._draw_map(r, erb, limits)
        level = np.maximum(r.excitation, -60.0)
        self.scene.data("excitation", excitation=level, erb=erb)
        self.scene.data("excitation-here", excitation=level[[r.channel]], erb=erb[[r.channel]])
        self.scene.limits("excitation.x_range", *limits)
        self._draw_filters(r)
        self._draw_close_up(r)

    def _draw_map(self, r: FilterbankResult, erb: Array, limits: tuple[float, float]) -> None:
        scene = self.scene
        outline = plots.envelope_outline(r.waveform * 1000, 0.0, r.duration)
        scene.data("waveform", time=outline["x"], pressure=outline["y"])
        top = _ceiling(float(np.abs(r.waveform).max()) * 1000)
        scene.limits("waveform.y_range", -top, top)
        left, bottom, right, up = plots.image_bounds(r.fc, r.duration)
        image = packed(envelope_level(plots.peak_columns(r.shape) * np.float32(r.gain)), *limits)
        scene.data("cochleagram", image=image, x=[left], y=[bottom], dw=[right - left], dh=[up - bottom])
        scene.set("cochleagram-colours", low=limits[0], high=limits[1])
        scene.limits("cochleagram.x_range", 0.0, r.duration)
        low, high = plots.erb_number([min(50.0, r.fc[0] * 0.9), max(12000.0, r.fc[-1] * 1.1)]).tolist()
        scene.limits("cochleagram.y_range", low, high)
        at, here = float(r.channel_times.mean()), float(erb[r.channel])
        scene.data("cross", x0=[0.0, at], y0=[here, low], x1=[r.duration, at], y1=[here, high])

    def _draw_filters(self, r: FilterbankResult) -> None:
        axis = plots.erb_number(r.response_frequencies).astype(np.float32)
        lines = len(r.responses)
        self.scene.data("responses", xs=every_line(axis, lines), ys=packed(r.responses, -64.0, 4.0))
        self.scene.data("response", response_erb=axis, gain=np.maximum(r.responses[r.channel], -90.0))
        name = frequency_text(r.fc[r.channel])
        self.scene.set("responses.title", text=f"The filters; channel {r.channel + 1} at {name}")

    def _draw_close_up(self, r: FilterbankResult) -> None:
        scene = self.scene
        start, end = r.channel_times[0] * 1000, (r.channel_times[-1] + 1 / r.fs) * 1000
        fine = plots.envelope_outline(r.channel_wave * 1000, start, end)
        envelope = plots.peak_columns(r.channel_envelope * 1000).astype(np.float32)
        times = np.linspace(start, end, len(envelope), endpoint=False, dtype=np.float32)
        scene.data("wave-fine", wave_time=fine["x"], wave_value=fine["y"])
        scene.data("wave-envelope", xs=every_line(times, 2), ys=[envelope, -envelope])
        scene.limits("wave.x_range", float(start), float(end))
        top = _ceiling(float(envelope.max()))
        scene.limits("wave.y_range", -top, top)
        end = int(np.flatnonzero(r.impulse_envelope > r.impulse_envelope.max() / 100)[-1])
        shown = _ceiling(end / r.fs * 1000)
        part = slice(0, max(round(shown / 1000 * r.fs), 2))
        fine = plots.envelope_outline(r.impulse_response[part], 0.0, shown)
        envelope = plots.peak_columns(r.impulse_envelope[part]).astype(np.float32)
        times = np.linspace(0.0, shown, len(envelope), endpoint=False, dtype=np.float32)
        scene.data("impulse-fine", impulse_time=fine["x"], impulse_value=fine["y"])
        scene.data("impulse-envelope", xs=every_line(times, 2), ys=[envelope, -envelope])
        scene.limits("impulse.x_range", 0.0, shown)
        top = _ceiling(float(r.impulse_envelope.max()))
        scene.limits("impulse.y_range", -top, top)

    def draw_pinned(self, shown: bool) -> None:
        """Keep the present curves as ghosts, or clear them."""
        for live in ("excitation", "response", "impulse-fine"):
            columns = self.scene.columns(live)
            pinned = f"{live.removesuffix('-fine')}-pinned"
            self.scene.data(
                pinned, **{key: values if shown else values[:0] for key, values in columns.items()}
            )

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


def _ceiling(value: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten: axes that rarely move. Silence gets an axis too."""
    value = max(value, 1e-6)
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power * (1 + 1e-9))
