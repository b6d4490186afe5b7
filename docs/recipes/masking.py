"""What a band of noise hides.

Levels at which tones are just heard beside noise around 500 Hz: low sounds mask high ones.
"""

import math

import torch

from amtlib import Moore2016, erb2fc
from amtlib.loudness import masked_threshold

lines = torch.linspace(476.5, 523.5, 16)  # a band of noise, as lines closer than the filters are wide
probes = erb2fc(torch.linspace(4.0, 30.0, 53, dtype=torch.float64))
found = masked_threshold(Moore2016(), lines, torch.full((16,), 80.0 - 10 * math.log10(16)), probes)

raised = found.levels - found.quiet
print(f"20 dB and more are hidden from {probes[raised > 20].min():.0f} to {probes[raised > 20].max():.0f} Hz")
figure = found.plot()
