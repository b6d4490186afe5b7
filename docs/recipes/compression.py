"""Compression, healthy and lost.

Input and output of the cochlea at 4 kHz, with its outer hair cells and without.
"""

import torch

from amtlib import DRNLFilterbank, plot
from amtlib.ears import io_curve

levels = torch.arange(0.0, 101.0, 5.0)
healthy = io_curve(DRNLFilterbank([4000.0], 44100), levels)[0]
lost = io_curve(DRNLFilterbank([4000.0], 44100, subject="HIx"), levels)[0]

print(
    f"from 50 to 80 dB SPL: {healthy[16] - healthy[10]:.0f} dB, and {lost[16] - lost[10]:.0f} dB without hair cells"
)
figure = plot.curves(
    {"normal hearing": (levels, healthy), "no outer hair cells": (levels, lost)},
    xlabel="Level of the tone (dB SPL)",
    ylabel="Velocity (dB re 1 µm/s)",
    title="The place of 4 kHz on the basilar membrane",
    legend="bottom_right",
)
