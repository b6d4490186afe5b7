"""What the brain gets: an internal representation.

A tone whose level goes up and down 8 times a second, behind cochlea, hair cells, adaptation and modulation filters
(Dau et al. 1997): one row a filter of modulation, slow ones below.
"""

import math

import torch

from amtlib import Dau1997, plot, signals
from amtlib.charts import TIME, Chart, Direction

fs = 16000
t = torch.arange(fs // 2) / fs
tone = signals.tone(1000.0, level=60, duration=0.5, fs=fs)
modulated = tone * (1 + torch.sin(2 * math.pi * 8.0 * t))
model = Dau1997(fs, fc=[1000.0])
stages = model(modulated, return_stages=True)

internal = stages.internal[0]  # (filters of modulation, samples), model units
time = torch.arange(internal.shape[1]) / model.fs_internal
print(f"{len(internal)} filters of modulation, {internal.shape[1]} samples at {model.fs_internal:g} Hz")
figure = plot.of(
    Chart(
        "A tone whose level goes up and down 8 times a second",
        TIME,
        Direction("Filter of modulation"),
        cells=(time, torch.arange(1, len(internal) + 1), internal),
        measures="",
        unit="model units",
        signed=True,
    )
)
