"""Two outputs that sound wide.

Correlation of a network's two outputs by frequency, beside that of two ears in a diffuse field.
"""

from dataclasses import replace

import numpy as np

from amtlib import fdn, plot

network = fdn.design_fdn(N=16, rt=1.2, fs=48000, rng=5)
outputs = np.random.default_rng(5).standard_normal((2, 16)) / 4
network = replace(
    network, C=outputs, D=np.zeros((2, 1))
)  # each line to both outputs, with gains of their own
response = fdn.render(network, 1.5)
at = fdn.coherence_centres(48000)
found = fdn.interaural_coherence(response, 48000, start=0.05)

print(f"mean correlation above 1 kHz: {abs(found[at > 1000]).mean():.2f}")
figure = plot.curves(
    {"network": (at, found), "two ears, diffuse field": (at, fdn.diffuse_field_coherence(at))},
    frequency=True,
    xlabel="Frequency (Hz)",
    ylabel="Correlation",
    title="Two outputs of a network",
    ylim=(-0.6, 1.05),
)
