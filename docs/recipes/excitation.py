"""Excitation patterns that lean.

A tone of 1 kHz at three levels, as all auditory filters hear it: the side towards high frequencies fans out.
"""

import torch

from amtlib import Moore2016ExcitationPattern, plot

pattern = Moore2016ExcitationPattern()
levels = torch.tensor([[40.0], [60.0], [80.0]])
excitation = pattern(torch.full_like(levels, 1000.0), levels)  # (3, 150)

octave_up = (pattern.fc_channels - 2000).abs().argmin()
print("an octave above the tone:", ", ".join(f"{e:.0f} dB" for e in excitation[:, octave_up]))
figure = plot.curves(
    {
        f"{level:.0f} dB SPL": (pattern.fc_channels, row)
        for level, row in zip(levels[:, 0], excitation, strict=True)
    },
    frequency=True,
    xlabel="Centre frequency (Hz)",
    ylabel="Excitation (dB)",
    title="A tone of 1 kHz at three levels",
    ylim=(-20, 85),
)
