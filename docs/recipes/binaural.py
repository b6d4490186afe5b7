"""Loudness with two ears.

Each ear inhibits the other: a sound at both ears is less than twice as loud as at one (Moore et al. 2016).
"""

import math

import torch

from amtlib import Moore2016, plot

model = Moore2016()
levels = torch.arange(20.0, 91.0, 10.0)[:, None]
tones = torch.full_like(levels, 1000.0)
both = model.stationary(tones, levels).total
one = model.stationary(tones, levels, right=-math.inf).total

print(f"at 60 dB SPL two ears hear {both[4] / one[4]:.2f} times as loud as one")
figure = plot.curves(
    {"both ears": (levels[:, 0], both), "left ear alone": (levels[:, 0], one)},
    xlabel="Level (dB SPL)",
    ylabel="Loudness (sone)",
    title="A tone of 1 kHz at one ear and at two",
    logy=True,
    legend="top_left",
)
