"""From a loudness back to a level.

Which gain makes a sound 10 sone loud? The whole model has a gradient, so Newton's method finds it.
"""

import math

import torch

from amtlib import Glasberg2002, plot, signals

sound = signals.pink_noise(level=50, duration=0.3, fs=32000, seed=1)
model = Glasberg2002(pad=True)
gain, steps = torch.tensor(0.0, requires_grad=True), []
for _ in range(4):
    sone = model(sound * 10 ** (gain / 20)).max()
    (slope,) = torch.autograd.grad(sone.log(), gain)
    steps.append((float(gain.detach()), float(sone.detach())))
    gain = (gain + (math.log(10.0) - sone.log()) / slope).detach().requires_grad_()

print(f"a gain of {steps[-1][0]:.1f} dB makes it {steps[-1][1]:.1f} sone loud")
figure = plot.curves(
    {"Newton's steps": tuple(zip(*steps, strict=True))},
    points={"Newton's steps": tuple(zip(*steps, strict=True))},
    xlabel="Gain (dB)",
    ylabel="Loudness (sone)",
    title="The gain that makes noise 10 sone loud",
)
