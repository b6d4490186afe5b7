"""A network of delay lines to a sound.

Eight lines, a reverberation time of 2 s in the bass and of 1 s in the treble; its impulse response as a file.
"""

import numpy as np

from amtlib import audio, fdn, plot

network = fdn.design_fdn(N=8, rt=(2.0, 1.0), fs=48000, rng=1)
response = fdn.render(network, 2.0)
audio.save("room.wav", 0.5 * response / np.abs(response).max(), 48000)

decay = fdn.energy_decay_curve(response)
time = np.arange(len(response)) / 48000
print(f"reverberation time at 1 kHz: {fdn.reverberation_time(response, 48000).t30[4]:.1f} s")
figure = plot.curves(
    {"decay": (time[::480], decay[::480])},
    xlabel="Time (s)",
    ylabel="Energy to come (dB)",
    title="Decay of a network of eight lines",
    ylim=(-60, 3),
)
