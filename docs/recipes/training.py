"""A network that learns to be colourless.

Four lines, trained until no frequency rings out (Dal Santo et al. 2025).
"""

import numpy as np

from amtlib import fdn, plot, train

model = train.build_fdn(delays=(499, 619, 773, 997), rt=None, fs=48000, nfft=2**12, rng=3)
before = fdn.colouration(train.extract_build(model))
log = train.train_fdn(model, mode="colorless", max_steps=60, lr=0.03)
after = fdn.colouration(train.extract_build(model))

print(
    f"spread of the modes {before.modal_std:.1f} dB before and {after.modal_std:.1f} dB after {log.steps_run} steps"
)
figure = plot.curves(
    {"loss": (np.arange(len(log.train_loss)), log.train_loss)},
    xlabel="Step",
    ylabel="Loss",
    title="Training a colourless network",
)
